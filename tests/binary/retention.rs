//! The policy shown, stated and tried out.

use super::json::fits;
use super::*;

const CONFIG: &str = "# ours\nretention:\n  default: { keep_days: 30, keep_last_n: 2 }\n  per_project:\n    \"we*\": \
                      { keep_days: 60, keep_daily: unlimited }\n";

fn with_config() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), CONFIG).unwrap();
    (room, shop)
}

#[test]
fn each_rule_in_force_is_shown_with_what_sets_it_and_the_pattern_that_fits() {
    let (room, shop) = with_config();
    let said = room.otto("retention").done();
    for line in [
        "  keep_days: 30d (retention.default.keep_days)",
        "  keep_last_n: 2 (retention.default.keep_last_n)",
        "  keep_days: 60d (retention.per_project.we*.keep_days)",
        "  keep_daily: unlimited\n      (retention.per_project.we*.keep_daily)",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(said.contains(&format!("{}:\n  the same\n", shop.api)), "{said}");
    let only = room.otto("retention --project api").done();
    assert!(!only.contains(&shop.web) && only.contains(&shop.api), "{only}");
    let view = room.otto("retention --json").json();
    fits("otto.retention/1", &view);
    assert!(view["simulation"].is_null());
    assert_eq!(view["projects"][1]["rules"][0]["source"], "retention.per_project.we*.keep_days");
    let bare = Room::shop().0.otto("retention").done();
    assert!(bare.contains("  keep_days: 30d (built-in)"), "{bare}");
}

#[test]
fn two_policies_stand_side_by_side_and_each_is_what_clean_does() {
    let (room, _) = with_config();
    let before = room.snapshot();
    let view = room.otto("retention --simulate --keep 7 --keep-daily 0 --json").json();
    fits("otto.retention/1", &view);
    let goes = |line: &str| ids(&room.otto(line).json()["runs"]["delete"]);
    let (now, then) = (goes("clean --dry-run --json"), goes("clean --keep 7 --keep-daily 0 --dry-run --json"));
    let simulation = &view["simulation"];
    assert_eq!(simulation["configured"]["runs"], now.len());
    assert_eq!(simulation["simulated"]["runs"], then.len());
    let more: Vec<&String> = then.iter().filter(|id| !now.contains(id)).collect();
    assert!(!more.is_empty());
    assert_eq!(simulation["goes_only_if_simulated"], serde_json::json!(more));
    let said = room.otto("retention --simulate --keep 7 --keep-daily 0").done();
    assert!(said.contains("GO THEN") && said.contains(&format!("go only as simulated: {} runs", more.len())), "{said}");
    room.otto("retention --simulate").refused(2, &["none were given"]);
    before.assert_same(&room.snapshot(), "something changed");
}

#[test]
fn rules_are_printed_as_lines_that_mean_them() {
    let (room, shop) = Room::shop();
    let lines = room.otto("retention --keep 30 --keep-last 50 --keep-tag v1 --keep-last-success");
    assert_eq!(
        lines.stdout,
        "retention:\n  default:\n    keep_days: 30d\n    keep_last_n: 50\n    keep_tag: [\"v1\"]\n    \
         keep_last_success: true\n"
    );
    assert!(lines.stderr.contains("Nothing was written"), "{}", lines.stderr);
    assert!(!room.store.join("config.yml").exists());
    fs::write(room.store.join("config.yml"), &lines.stdout).unwrap();
    let flags = room.otto("clean --dry-run --json").json();
    fs::remove_file(room.store.join("config.yml")).unwrap();
    let config = room.otto("clean --keep 30 --keep-last 50 --keep-tag v1 --keep-last-success --dry-run --json").json();
    assert_eq!(ids(&flags["runs"]["delete"]), ids(&config["runs"]["delete"]));
    let own = room.otto("retention --keep 7 --project web").stdout;
    assert_eq!(own, format!("retention:\n  per_project:\n    \"{}\":\n      keep_days: 7d\n", shop.web));
    room.otto("retention --keep-daily 7 --keep-yearly 1").refused(2, &["can never keep"]);
}
