//! `config.yml`: what it says is done; what is wrong with it stops everything, with the line and the key that was meant.

use super::*;
use crate::support::chmod;

fn configured(text: &str) -> (Room, Shop) {
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), text).unwrap();
    (room, shop)
}

/// Every form of a clean is refused with these words, and nothing changes.
#[track_caller]
fn stops_everything(room: &Room, words: &[&str]) {
    let before = room.snapshot();
    for line in
        ["clean --yes", "clean --keep 30 --yes", "clean --dry-run", "clean --cache-only --yes", "clean --keep 1"]
    {
        room.otto(line).refused(2, words).complains(&["config.yml", "nothing was deleted"]);
    }
    let json = room.otto("clean --keep 30 --json --yes").refused(2, words);
    assert!(serde_json::from_str::<Value>(&json.stderr).is_ok(), "{json:#?}");
    before.assert_same(&room.snapshot(), "a configuration that does not hold");
}

#[test]
fn what_does_not_hold_is_refused_with_its_line_and_nothing_is_deleted() {
    let cases: &[(&str, &[&str])] = &[
        ("retention:\n  default:\n    keep_dayz: 5\n", &["line 3", "keep_dayz", "`keep_days`"]),
        ("retention:\n  defaults: { keep_days: 5 }\n", &["line 2", "defaults", "`default`"]),
        ("retentoin:\n  default: { keep_days: 5 }\n", &["line 1", "retentoin", "`retention`"]),
        ("retention:\n  default: { keep_days: soon }\n", &["line 2", "keep_days", "soon"]),
        ("retention:\n  default: { keep_days: -3 }\n", &["line 2", "keep_days", "-3"]),
        ("retention:\n  default: { keep_last_n: 2.5 }\n", &["line 2", "keep_last_n", "2.5"]),
        ("retention:\n  cache: 7\n", &["line 2", "cache"]),
        ("retention:\n  max_delete: 120%\n", &["line 2", "max_delete", "120%", "share"]),
        ("retention:\n  max_delete: [3]\n", &["line 2", "max_delete"]),
        ("retention:\n  default: { max_delete: 3 }\n", &["max_delete", "belongs below `retention`"]),
        ("retention:\n  default: { keep_days: 5, keep_days: 6 }\n", &["keep_days"]),
        ("retention: [\n", &["YAML"]),
        ("retention: {}\n---\nretention: {}\n", &["second document"]),
        ("just words\n", &["config.yml"]),
    ];
    for (text, words) in cases {
        let (room, _) = configured(text);
        stops_everything(&room, words);
    }
}

#[test]
fn a_policy_that_keeps_nothing_is_refused_wherever_it_stands() {
    let (room, _) = configured("retention:\n  default: { keep_days: 0 }\n");
    let before = room.snapshot();
    room.otto("clean --yes").refused(2, &["keeps no run at all", "nothing was deleted"]);
    before.assert_same(&room.snapshot(), "a policy that keeps nothing");
}

/// `--only` narrows no run and `--project` no rule: what every other clean refuses does not begin to mean something.
#[test]
fn a_zero_that_stands_in_the_file_is_no_more_meant_for_one_project_or_for_parts() {
    let (room, _) = configured("retention:\n  default: { keep_days: 0 }\n");
    let before = room.snapshot();
    for line in ["clean --only logs --yes", "clean --project api --yes", "clean --project api --only logs --yes"] {
        let told = ["keeps no run at all", "nothing was deleted", "in config.yml, or", "--project P --keep 0"];
        let ran = room.otto(line).refused(2, &told);
        assert!(!ran.stderr.contains("--status"), "it was done already: {ran:#?}");
    }
    room.otto("clean --project api --keep-failed 0 --yes").refused(2, &["keeps no run at all"]);
    before.assert_same(&room.snapshot(), "a policy that keeps nothing");
    assert_eq!(ids(&room.otto("clean --project api --keep 0 --dry-run --json").json()["runs"]["delete"]).len(), 3);
    let thins = room.otto("clean --only logs --keep 0 --dry-run --json").json()["thin"].as_array().map(Vec::len);
    assert_eq!(thins, Some(9));
    let of_one = "retention:\n  default: { keep_days: 9 }\n  per_project:\n    api: { keep_days: 0 }\n";
    fs::write(room.store.join("config.yml"), of_one).unwrap();
    for line in ["clean --project api --yes", "clean --yes", "clean --only logs --yes"] {
        room.otto(line).refused(2, &["`retention.per_project.api.keep_days` is 0", "--project P --keep 0"]);
    }
    // What is advised is accepted, and a flag that keeps nothing may be narrowed as ever.
    for line in ["clean --project api --keep 0 --dry-run", "clean --project api --only logs --keep 0 --dry-run"] {
        room.otto(line).code(0);
    }
    fs::write(room.store.join("config.yml"), of_one.replace("days: 0", "days: 1")).unwrap();
    room.otto("clean --yes --keep 0").refused(2, &["`--keep` is 0", "say which runs are meant: --project, --status"]);
    room.otto("clean --project api --dry-run").code(0);
}

#[test]
fn a_policy_under_a_name_that_nobody_reads_stops_everything() {
    for name in ["config.yaml", "config.YML", "Config.yml"] {
        let (room, _) = Room::shop();
        fs::write(room.store.join(name), "retention:\n  default: { keep_days: 1000 }\n").unwrap();
        let words = [name, "the policy is read from config.yml", "rename"];
        stops_everything(&room, &words);
        // Not even rules are written: a config.yml beside it would have it passed over from then on.
        let before = room.snapshot();
        for line in ["retention --keep-last 5", "retention --keep-last 5 --dry-run", "retention", "why latest"] {
            room.otto(line).refused(2, &words);
        }
        before.assert_same(&room.snapshot(), "a policy under another name");
        room.otto("list").code(0);
        fs::rename(room.store.join(name), room.store.join("config.yml")).unwrap();
        room.otto("clean --yes").code(0).says(&["Nothing to remove."]);
        // Beside the one that is read, another is nobody's, and that is said.
        fs::write(room.store.join(name), "whatever").unwrap();
        for line in ["clean --dry-run", "retention", "retention --keep-last 5", "why latest", "usage", "clean --yes"] {
            let ran = room.otto(line).code(0).complains(&[name, "is not read: the policy is read from config.yml"]);
            assert_eq!(ran.stderr.matches("is not read").count(), 1, "{line}: {ran:#?}");
        }
        // Another name of the same file is read with it.
        fs::remove_file(room.store.join(name)).unwrap();
        std::os::unix::fs::symlink("config.yml", room.store.join(name)).unwrap();
        assert_eq!(room.otto("clean --dry-run").code(0).stderr, "");
    }
    let (room, _) = Room::shop();
    std::os::unix::fs::symlink("nowhere", room.store.join("config.yaml")).unwrap();
    stops_everything(&room, &["config.yaml", "rename"]);
}

#[test]
fn a_store_that_cannot_be_listed_may_hold_a_policy_under_another_name() {
    let (room, _) = Room::shop();
    fs::write(room.store.join("config.yaml"), "retention:\n  default: { keep_days: 1000 }\n").unwrap();
    room.otto("list").code(0);
    let before = room.snapshot();
    chmod(&room.store, 0o300);
    for line in ["clean --yes", "clean --dry-run", "why latest"] {
        if let Some(ran) = room.otto_as_a_user(line) {
            ran.refused(2, &["cannot list", "config.yml", "make the directory readable"]);
        }
    }
    chmod(&room.store, 0o755);
    before.assert_same(&room.snapshot(), "a store that cannot be listed");
}

#[test]
fn nobody_is_told_to_remove_a_policy_that_is_only_closed_to_him() {
    let (room, _) = configured("retention:\n  default: { keep_days: 5 }\n");
    chmod(&room.store.join("config.yml"), 0o000);
    let Some(ran) = room.otto_as_a_user("clean --yes") else { return };
    let ran = ran.refused(2, &["cannot read the policy", "Permission denied", "have its owner let you read it"]);
    assert!(!ran.stderr.contains("remove the file"), "{ran:#?}");
}

/// YAML reads `0x1f` as 31: the run that is tagged `0x1f` would go.
#[test]
fn a_tag_that_yaml_reads_as_a_number_must_be_in_quotes() {
    for tag in ["0x1f", "0o17", "+5", "2024", "[v1, 7]"] {
        let (room, _) = configured(&format!("retention:\n  default: {{ keep_tag: {tag} }}\n"));
        stops_everything(&room, &["line 2", "retention.default.keep_tag", "in quotes"]);
    }
    let (room, shop) = configured("retention:\n  default: { keep_days: 5, keep_tag: [\"0x1f\", '2024'] }\n");
    room.otto_with(&["tag", &shop.web(70), "+0x1f"]).done();
    room.otto_with(&["tag", &shop.web(50), "+2024"]).done();
    let gone = ids(&room.otto("clean --dry-run --json").json()["runs"]["delete"]);
    assert!(!gone.is_empty() && !gone.contains(&shop.web(70)) && !gone.contains(&shop.web(50)), "{gone:?}");
}

#[test]
fn a_key_that_is_a_letter_off_a_project_without_rules_is_refused() {
    let (room, shop) = configured("retention:\n  per_project:\n    wbe: { keep_days: 365 }\n");
    stops_everything(&room, &["line 3", "`wbe`", "`web`", &shop.web]);
    // With a key of its own, that project loses no protection by the slip: then it is a notice.
    let text = "retention:\n  per_project:\n    wbe: { keep_days: 365 }\n    web: { keep_days: 60 }\n";
    let (room, shop) = configured(text);
    room.otto("clean --yes").code(0).says(&["wbe"]);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.api(90), shop.api(35)]));
}

#[test]
fn a_file_that_cannot_be_read_is_refused() {
    let (room, _) = Room::shop();
    let path = room.store.join("config.yml");
    fs::create_dir(&path).unwrap();
    stops_everything(&room, &["cannot read the policy", "not a regular file"]);
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    stops_everything(&room, &["cannot read the policy"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"retention: \xff\xfe\n").unwrap();
    stops_everything(&room, &["cannot read the policy"]);
    chmod(&path, 0o000);
    if let Some(ran) = room.otto_as_a_user("clean --yes") {
        ran.refused(2, &["cannot read the policy"]);
    }
}

#[test]
fn a_fifo_for_a_configuration_does_not_hold_us() {
    let (room, _) = Room::shop();
    let path = room.store.join("config.yml");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    room.otto("clean --yes").refused(2, &["not a regular file"]);
}

#[test]
fn other_commands_answer_whatever_the_configuration_says() {
    let (room, _) = configured("retention: { default: { keep_dayz: 1 } }\n");
    assert_eq!(room.listed().len(), 9);
    room.otto("info latest").code(0);
    room.otto("usage").code(0).says(&["Otto Disk Usage"]).complains(&["keep_dayz"]);
}

#[test]
fn the_example_of_the_contract_does_what_it_says() {
    let room = Room::empty();
    let mut builder = room.builder();
    let web = |days, failed| run("/home/dev/web", days, failed);
    for days in [45, 40, 20] {
        builder.run(web(days, days == 45)).unwrap();
    }
    builder.run(web(12, true)).unwrap();
    for days in (1..=10).rev() {
        builder.run(web(days, days == 9)).unwrap();
    }
    for days in [100, 60] {
        builder.run(run("/home/dev/other", days, false)).unwrap();
    }
    for days in [400, 200] {
        builder.run(run("/home/dev/prod-eu", days, false)).unwrap();
    }
    let orphan = builder.orphan(&Era::J.project_dir("/home/dev/web"), Some(NOW - DAY)).unwrap();
    fs::rename(room.store.join(Era::J.project_dir("/home/dev/other")), room.store.join("otto-abc123")).unwrap();
    let text = "retention:\n  default: { keep_days: 30, keep_last_n: 10, keep_failed_days: 7 }\n  per_project:\n    \
                otto-abc123: { keep_days: 90, keep_last_n: 1 }\n    prod-*: { keep_days: 365, keep_last_n: 0 }\n  \
                cache: true\n";
    fs::write(room.store.join("config.yml"), text).unwrap();
    let all = room.runs();
    let id = |cwd: &str, days| format!("{}/{}", Era::J.project_dir(cwd), began(days));
    let goes = [
        id("/home/dev/web", 45),
        id("/home/dev/web", 40),
        id("/home/dev/web", 12),
        format!("otto-abc123/{}", began(100)),
        id("/home/dev/prod-eu", 400),
    ];
    room.otto("clean --yes").code(0);
    let stays: Vec<_> = all.into_iter().filter(|id| !goes.contains(id)).collect();
    assert_eq!(room.runs(), stays);
    assert!(!orphan.exists(), "`cache: true` collects orphans");
    // A flag replaces its own rule, and no other.
    room.otto("clean --keep-last 2 --keep 5 --yes").code(0);
    let left: Vec<_> = room.runs().into_iter().filter(|id| id.starts_with("web-")).collect();
    let mut newest: Vec<_> = (1..=4).map(|days| id("/home/dev/web", days)).collect();
    newest.sort();
    assert_eq!(left, newest);
}

#[test]
fn a_key_that_no_project_has_is_said_on_every_clean() {
    let (room, _) = configured("retention:\n  per_project:\n    a-project-long-gone: { keep_days: 5 }\n");
    for line in ["clean --dry-run", "clean --keep 80 --yes", "clean --keep 80 --yes"] {
        room.otto(line).code(0).says(&["a-project-long-gone"]);
    }
}
