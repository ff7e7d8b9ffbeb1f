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
fn projects_for_which_nothing_else_holds_are_counted_where_there_are_many() {
    let room = Room::empty();
    for name in ["a", "b", "c", "d", "e"] {
        room.builder().run(run(&format!("/home/dev/{name}"), 3, false)).unwrap();
    }
    fs::write(room.store.join("config.yml"), "retention: { per_project: { e: { keep_days: 7 } } }\n").unwrap();
    let said = room.otto("retention").done();
    assert!(said.contains("  the same for 4 projects here\ne-") && !said.contains("\na-"), "{said}");
    assert!(said.contains(":\n  keep_days: 7d (retention.per_project.e.keep_days)\n"), "{said}");
}

#[test]
fn rules_in_force_are_listed_in_every_format() {
    let (room, shop) = with_config();
    let rows = |line: &str| -> Vec<Value> {
        let lines = room.otto(&format!("retention --format ndjson {line}")).done();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = rows("");
    let view = room.otto("retention --format json").json();
    let count = |value: &Value| value.as_array().unwrap().len();
    let of_projects: usize = view["projects"].as_array().unwrap().iter().map(|project| count(&project["rules"])).sum();
    assert_eq!(all.len(), count(&view["default"]) + of_projects + count(&view["budgets"]) + count(&view["store"]));
    let globbed = serde_json::json!({
        "scope": "project", "project": shop.web, "key": "keep_days", "value": "60d",
        "source": "retention.per_project.we*.keep_days",
    });
    assert!(all.contains(&globbed), "{all:#?}");
    assert!(all.iter().any(|row| row["scope"] == "store" && row["key"] == "max_delete"), "{all:#?}");
    assert!(rows("--project api").iter().all(|row| row["project"] != *shop.web));
    let text = room.otto("retention --project web --format tsv --fields project,key,value").done();
    assert!(text.starts_with("project\tkey\tvalue\n"), "{text}");
    assert!(text.contains(&format!("{}\tkeep_daily\tunlimited\n", shop.web)), "{text}");
    assert!(room.otto("retention --format csv").done().starts_with("scope,project,key,value,source\r\n"));
    room.otto("retention --fields colour").refused(2, &["no field `colour`", "scope, project, key, value, source"]);
    for line in ["--keep 7 --format csv", "--simulate --keep 7 --format tsv", "--keep 7 --dry-run --fields key"] {
        room.otto(&format!("retention {line}")).refused(2, &["for what lists", "--json"]);
    }
    assert_eq!(
        room.otto("retention --keep 7 --dry-run --format json").code(0).stdout,
        room.otto("retention --keep 7 --dry-run --json").code(0).stdout
    );
}

#[test]
fn the_whole_policy_is_shown_with_budgets_ages_of_parts_and_what_holds_for_the_store() {
    let (room, _) = Room::shop();
    fs::write(
        room.store.join("config.yml"),
        "retention:\n  default: { keep_logs_days: 7 }\n  per_project: { web: { keep_artifacts_days: 36h } }\n  \
         max_size: 5G\n  min_free: 2.5%\n  cache: false\n  max_delete: 90%\ntrash: { keep_days: 14 }\n",
    )
    .unwrap();
    let said = room.otto("retention").done();
    for line in [
        "  keep_logs_days: 7d (retention.default.keep_logs_days)\n",
        "  keep_artifacts_days: 36h\n      (retention.per_project.web.keep_artifacts_days)\n",
        "The whole store:\n  max_runs: none (built-in)\n  max_size: 5G (retention.max_size)\n",
        "  min_free: 2.5% (retention.min_free)\n  cache: false (retention.cache)\n",
        "  max_delete: 90% (retention.max_delete)\n  history_days: none (built-in)\n",
        "  trash.keep_days: 14d (trash.keep_days)\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let view = room.otto("retention --json").json();
    fits("otto.retention/1", &view);
    let budget =
        |at: usize| (&view["budgets"][at]["key"], &view["budgets"][at]["value"], &view["budgets"][at]["source"]);
    assert_eq!(budget(0), (&"max_runs".into(), &Value::Null, &"built-in".into()));
    assert_eq!(budget(1), (&"max_size".into(), &"5G".into(), &"retention.max_size".into()));
    assert_eq!(budget(2), (&"min_free".into(), &"2.5%".into(), &"retention.min_free".into()));
    let keys: Vec<&str> = view["store"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["cache", "max_delete", "history_days", "trash.keep_days"]);
    let parts: Vec<&Value> = view["projects"].as_array().unwrap().iter().map(|project| &project["rules"]).collect();
    let has = |rules: &Value, key: &str| rules.as_array().unwrap().iter().any(|rule| rule["key"] == key);
    assert!(parts.iter().all(|rules| has(rules, "keep_logs_days")));
    assert_eq!(parts.iter().filter(|rules| has(rules, "keep_artifacts_days")).count(), 1);
    // The budgets that are shown are those that a clean has.
    let clean = room.otto("clean --dry-run --json").json();
    let in_force: Vec<&Value> = clean["budgets"].as_array().unwrap().iter().map(|budget| &budget["source"]).collect();
    assert_eq!(in_force, [&view["budgets"][1]["source"], &view["budgets"][2]["source"]]);
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

const MINE: &str = "# ours, by hand\nretention:\n  default:\n    keep_days: 14   # two weeks\n    # no more\n  cache: false \
                    # later\n\n# the trash\ntrash: { keep_days: 3 } # short\n";

fn config(room: &Room) -> String {
    fs::read_to_string(room.store.join("config.yml")).unwrap()
}

#[test]
fn rules_are_written_and_mean_what_the_flags_mean() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let flags = "--keep 30 --keep-last 1 --keep-tag v1 --keep-last-success";
    let planned = room.otto(&format!("clean {flags} --dry-run --json")).json();
    let dry = room.otto(&format!("retention {flags} --dry-run")).code(0).complains(&["nothing was written"]);
    before.assert_same(&room.snapshot(), "--dry-run wrote something");
    let ran = room.otto(&format!("retention {flags}")).code(0).complains(&["nothing was removed"]);
    assert_eq!(ran.stdout, dry.stdout);
    assert!(ran.stdout.contains("retention.default.keep_days: not set -> 30d\n"), "{}", ran.stdout);
    assert_eq!(
        config(&room),
        "retention:\n  default:\n    keep_days: 30d\n    keep_last_n: 1\n    keep_tag: [\"v1\"]\n    \
         keep_last_success: true\n"
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(room.store.join("config.yml")).unwrap().permissions().mode() & 0o7777, 0o600);
    let configured = room.otto("clean --dry-run --json").json();
    assert_eq!(ids(&planned["runs"]["delete"]), ids(&configured["runs"]["delete"]));
    room.otto("retention --keep 7 --project web").code(0);
    assert!(
        config(&room).ends_with(&format!("  per_project:\n    {}:\n      keep_days: 7d\n", shop.web)),
        "{}",
        config(&room)
    );
    assert_eq!(room.runs(), shop.all_but(&[]), "a run went");
}

#[test]
fn comments_and_other_keys_stay_byte_for_byte_and_a_second_time_changes_nothing() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let (room, _) = Room::shop();
    let path = room.store.join("config.yml");
    fs::write(&path, MINE).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let view = room.otto("retention --keep 30 --keep-last 50 --json");
    let view: Value = serde_json::from_str(&view.code(0).stdout).unwrap();
    fits("otto.retention/1", &view);
    assert_eq!(view["config"]["written"], true);
    let changes = serde_json::json!([
        { "key": "retention.default.keep_days", "before": "14d", "after": "30d" },
        { "key": "retention.default.keep_last_n", "before": null, "after": "50" },
    ]);
    assert_eq!(view["config"]["changes"], changes);
    let after =
        MINE.replace("keep_days: 14 ", "keep_days: 30d ").replace("two weeks\n", "two weeks\n    keep_last_n: 50\n");
    assert_eq!(config(&room), after);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    let inode = fs::metadata(&path).unwrap().ino();
    room.otto("retention --keep 30 --keep-last 50").code(0).complains(&["nothing to change"]);
    assert_eq!((config(&room), fs::metadata(&path).unwrap().ino()), (after, inode));
}

#[test]
fn a_key_of_its_own_repeats_what_the_pattern_stated() {
    let (room, shop) = with_config();
    let said = room.otto("retention --keep 7 --project web").code(0).complains(&["`we*` held for"]);
    assert!(said.stdout.contains("keep_daily: not set -> unlimited") || said.stdout.contains("not set -> unlimited"));
    let rules = room.otto("retention --project web").done();
    assert!(rules.contains(&format!("(retention.per_project.{}.keep_daily)", shop.web)), "{rules}");
    assert!(config(&room).contains("\"we*\": { keep_days: 60, keep_daily: unlimited }\n"), "{}", config(&room));
}

#[test]
fn what_cannot_be_edited_is_left_alone_and_the_lines_are_printed() {
    let (room, _) = Room::shop();
    let path = room.store.join("config.yml");
    let lines = "retention:\n  default:\n    keep_days: 30d\n    keep_last_n: 50\n";
    let alias = "retention:\n  default: &all\n    keep_days: 14\n  per_project:\n    web: *all\n";
    fs::write(&path, alias).unwrap();
    let before = room.snapshot();
    let ran =
        room.otto("retention --keep 30 --keep-last 50").code(1).complains(&["nothing was written", "more than these"]);
    assert_eq!(ran.stdout, lines);
    let ran = room.otto("retention --keep 30 --keep-last 50 --json").code(1);
    let view: Value = serde_json::from_str(&ran.stdout).unwrap();
    fits("otto.retention/1", &view);
    assert_eq!((&view["config"]["written"], &view["config"]["lines"]), (&Value::from(false), &Value::from(lines)));
    before.assert_same(&room.snapshot(), "an alias");
    // What lies behind a link, or has a second name, is kept elsewhere.
    fs::remove_file(&path).unwrap();
    let elsewhere = room.dir.path().join("dotfiles.yml");
    fs::write(&elsewhere, MINE).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let ran = room.otto("retention --keep 30 --keep-last 50").code(1).complains(&["is a link"]);
    assert_eq!(ran.stdout, lines);
    assert!(path.is_symlink() && fs::read_to_string(&elsewhere).unwrap() == MINE);
    fs::remove_file(&path).unwrap();
    fs::hard_link(&elsewhere, &path).unwrap();
    room.otto("retention --keep 30").code(1).complains(&["second name"]);
    assert_eq!(config(&room), MINE);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    room.otto("retention --keep 30").refused(2, &["not a regular file"]);
}

#[test]
fn what_no_clean_would_accept_is_not_written() {
    let (room, _) = Room::shop();
    fs::write(room.store.join("config.yml"), MINE).unwrap();
    let before = room.snapshot();
    room.otto("retention --keep-daily 7 --keep-yearly 1").refused(2, &["can never keep"]);
    room.otto("retention --keep 0").refused(2, &["keeps no run at all"]);
    for line in ["retention --keep 0", "retention --keep 0 --project web", "retention --keep 0 --dry-run"] {
        let path = room.store.join("config.yml").display().to_string();
        let ran =
            room.otto(line).refused(2, &["nothing was written to", &path, "no clean would accept these rules there"]);
        assert!(ran.stderr.contains("caused by: the policy keeps no run at all"), "{ran:#?}");
    }
    room.otto("retention --keep 7 --project nobody").refused(2, &["nobody"]);
    room.otto("retention --dry-run").refused(2, &["no rules were given"]);
    before.assert_same(&room.snapshot(), "a refusal wrote something");
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_dayz: 1 } }\n").unwrap();
    let before = room.snapshot();
    room.otto("retention --keep 7").refused(2, &["line 1", "keep_dayz"]);
    before.assert_same(&room.snapshot(), "a file that does not hold");
}

/// Everything below these directories that is one itself, and they.
fn all_below(directories: &[PathBuf]) -> Vec<PathBuf> {
    let (mut found, mut wanted) = (Vec::new(), directories.to_vec());
    while let Some(path) = wanted.pop() {
        let below = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        wanted.extend(below.filter(|path| path.is_dir() && !path.is_symlink()));
        found.push(path);
    }
    found
}

/// The lock is held meanwhile.
#[test]
fn rules_are_written_without_a_look_at_runs_or_trash() {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;
    let (room, _) = Room::shop();
    room.otto("clean --keep 60 --trash --yes").code(0);
    let text = "retention: { default: { keep_days: 90, keep_logs_days: 2 }, max_size: 50G, min_free: 1K }\n";
    fs::write(room.store.join("config.yml"), text).unwrap();
    room.otto("list").code(0);
    let mut directories: Vec<PathBuf> = room.runs().iter().map(|id| room.store.join(id)).collect();
    directories.push(room.store.join(".catalog/trash"));
    let directories = all_below(&directories);
    let read_by = |line: &str| {
        let times = fs::FileTimes::new().set_accessed(std::time::UNIX_EPOCH);
        directories.iter().for_each(|path| fs::File::open(path).unwrap().set_times(times).unwrap());
        room.otto(line).code(0);
        let was_read = |path: &&PathBuf| fs::metadata(path).unwrap().atime() != 0;
        directories.iter().filter(was_read).cloned().collect::<Vec<_>>()
    };
    if read_by("clean --dry-run").is_empty() {
        // Past the capture of the test's output: nobody should take this for a proof.
        let _ = writeln!(std::io::stderr(), "SKIPPED: nothing here notes when a directory is read");
        return;
    }
    for line in ["retention --keep 80 --dry-run", "retention --keep 80 --json", "retention --keep 81"] {
        assert_eq!(read_by(line), Vec::<PathBuf>::new(), "{line}");
    }
}

/// As its help says.
#[test]
fn a_simulation_counts_runs_alone_and_goes_by_the_budgets_of_both_sides() {
    let (room, _) = Room::shop();
    let text = "retention: { default: { keep_days: 1000, keep_logs_days: 2 }, max_runs: 5, cache: true }\n";
    fs::write(room.store.join("config.yml"), text).unwrap();
    for (stated, gone) in [("--keep 900", 4), ("--keep 900 --max-runs 3", 6), ("--max-runs 3", 6)] {
        let simulation = room.otto(&format!("retention --simulate {stated} --json")).json()["simulation"].clone();
        for (side, flags, gone) in [("configured", "", 4), ("simulated", stated, gone)] {
            let plan = room.otto(&format!("clean {flags} --dry-run --json")).json();
            assert!(!plan["thin"].as_array().unwrap().is_empty() && plan["budgets"][0]["runs"] == gone, "{plan:#}");
            assert_eq!(simulation[side]["runs"], gone);
            let sum = |kind: &str| -> u64 {
                plan["runs"]["delete"].as_array().unwrap().iter().map(|run| run[kind].as_u64().unwrap()).sum()
            };
            assert_eq!(simulation[side]["disk_bytes"], sum("disk_bytes"));
        }
    }
}

#[test]
fn budgets_are_written_for_the_whole_store_and_for_no_project() {
    let (room, _) = Room::shop();
    let path = room.store.join("config.yml");
    let said = room.otto("retention --max-size 5G --max-runs 20 --keep 40").code(0).stdout.clone();
    let keys = ["retention.default.keep_days: not set -> 40d", "retention.max_runs: not set -> 20"];
    assert_eq!(said, format!("{}\n{}\nretention.max_size: not set -> 5G\n", keys[0], keys[1]));
    let text = "retention:\n  default:\n    keep_days: 40d\n  max_runs: 20\n  max_size: 5G\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    room.otto("retention --min-free 5% --dry-run").says(&["retention.min_free: not set -> 5%"]);
    room.otto("retention --max-runs 4 --project web").refused(2, &["the whole store", "--project"]);
    // What no clean would accept is not written.
    room.otto("retention --max-runs 4 --keep-last 5").refused(2, &["nothing was written", "max_runs"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let written: Value = serde_json::from_str(&room.otto("retention --json --max-runs 7").code(0).stdout).unwrap();
    assert_eq!(
        (&written["config"]["changes"][0]["after"], &written["budgets"][0]["value"]),
        (&"7".into(), &"7".into())
    );
    // A file that cannot be written gets its lines told, all of them below one key.
    fs::rename(&path, room.store.join("elsewhere.yml")).unwrap();
    std::os::unix::fs::symlink("elsewhere.yml", &path).unwrap();
    let ran = room.otto("retention --keep 9 --max-runs 8").code(1).complains(&["nothing was written", "lines above"]);
    assert_eq!(ran.stdout, "retention:\n  default:\n    keep_days: 9d\n  max_runs: 8\n");
}
