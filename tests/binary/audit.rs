//! What was done, as the log tells it afterwards.

use super::*;
use otto_catalog::report::schema;

/// Holds a value against the schema of that name.
#[track_caller]
fn fits(name: &str, value: &Value) {
    let schema = serde_json::from_str(schema(name).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path)).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}");
}

/// A store in which a pin, a clean and, a week later, another clean were made.
fn room() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    let mut room = room.with("USER", "ada");
    room.otto_with(&["pin", &shop.web(40), "--note", "keep"]).done();
    room.now += HOUR;
    room.otto("clean --keep 30 --cache --yes").code(0);
    room.now += 7 * DAY;
    room.otto("clean --keep 10 --yes").code(0);
    (room, shop)
}

#[test]
fn an_operation_says_when_who_what_why_and_what_came_of_it() {
    let (room, shop) = room();
    let audit = room.otto("audit --json").json();
    fits("otto.operations/1", &audit);
    let operations = audit["operations"].as_array().unwrap();
    let kinds: Vec<_> = operations.iter().map(|o| o["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["clean", "clean", "pin"], "newest first");
    let (clean, pin) = (&operations[1], &operations[2]);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(clean["who"], format!("ada@{host}"));
    assert_eq!(clean["command"], "otto clean --keep 30 --cache --yes");
    assert!(clean["policy"].as_str().unwrap().contains("30 days"), "{clean:#}");
    assert_eq!(
        (&clean["started_at"], &clean["timestamp"]),
        (&Value::from("2025-06-15T16:06:40Z"), &Value::from(NOW + HOUR))
    );
    assert_eq!(clean["ending"], "done");
    assert!(clean["duration_ms"].as_u64().is_some() && clean["ended_at"].is_string() && clean["plan"].is_null());
    // What went, with reasons and sizes: by what was written, not by what is said.
    let runs = sorted_ids(&clean["runs"]);
    let mut gone = vec![shop.web(70), shop.web(50), shop.api(90), shop.api(35)];
    gone.sort();
    assert_eq!(runs, gone);
    for run in clean["runs"].as_array().unwrap() {
        assert!(run["disk_bytes"].as_u64().unwrap() > 0, "{run:#}");
        assert!(run["reasons"][0].as_str().unwrap().contains("30 days"), "{run:#}");
    }
    assert_eq!((&clean["removed_runs"], clean["cache"].as_array().unwrap().len()), (&Value::from(4), 6));
    assert_eq!(clean["freed_disk_bytes"], clean["removed_disk_bytes"]);
    assert_eq!((&pin["note"], &pin["runs"][0]["id"]), (&Value::from("keep"), &Value::from(shop.web(40))));
    let ids = |line: &str| room.otto(line).json()["operations"].as_array().unwrap().len();
    assert_eq!((ids("audit --json --newer-than 1d"), ids("audit --json --newer-than 8d")), (1, 3));
    assert_eq!(ids("audit --json --newer-than 2025-06-16"), 1);
}

#[test]
fn people_read_it_newest_first_and_with_v_item_by_item() {
    let (room, shop) = room();
    room.otto("audit --older-than 10y").code(0).complains(&["no operation fits"]);
    let text = room.otto("audit").done();
    let heads: Vec<_> = text.lines().filter(|line| line.starts_with("2025-")).collect();
    assert_eq!(
        heads,
        [
            "2025-06-22 16:06:40  otto clean --keep 10 --yes",
            "2025-06-15 16:06:40  otto clean --keep 30 --cache --yes",
            &format!("2025-06-15 15:06:40  otto pin {} --note keep", shop.web(40)),
        ]
    );
    assert!(text.contains("4 runs and 6 cache entries removed, "), "{text}");
    assert!(text.contains("1 run pinned"), "{text}");
    let verbose = room.otto("audit -v").done();
    for word in [&shop.web(70), "older than 30 days", "policy: ", ".cache/", "(keep)"] {
        assert!(verbose.contains(word), "no `{word}` in {verbose}");
    }
    let narrow = room.with("COLUMNS", "60").otto("audit").done();
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn weeks_are_added_up() {
    let (mut room, shop) = room();
    let summary = room.otto("audit --summary --json").json();
    fits("otto.audit-summary/1", &summary);
    let weeks = summary["weeks"].as_array().unwrap();
    let week = |at: usize, key: &str| weeks[at][key].clone();
    assert_eq!(weeks.len(), 2, "{summary:#}");
    assert_eq!((week(0, "week"), week(1, "week")), (Value::from("2025-06-09"), Value::from("2025-06-16")));
    assert_eq!((week(0, "runs"), week(0, "cache_entries"), week(0, "operations")), (4.into(), 6.into(), 1.into()));
    assert_eq!(summary["operations"]["total"], 2, "a pin is no operation that could fail");
    assert_eq!(summary["success_rate"], 1.0);
    // One that meets a run which is not as planned is done in part.
    room.now += DAY;
    let old = shop.web(1);
    fs::write(room.store.join(&old).join("more"), "x").unwrap();
    room.otto("clean --keep 1d --yes --no-refresh").code(3);
    let summary = room.otto("audit --summary --json").json();
    assert_eq!((&summary["operations"]["partly"], &summary["operations"]["done"]), (&1.into(), &2.into()));
    let text = room.otto("audit --summary").done();
    assert!(text.contains("WEEK OF") && text.contains("Success rate: 67 %") && text.contains("Mean time: "), "{text}");
    let partly = room.otto("audit --json --newer-than 1h").json()["operations"][0].clone();
    assert_eq!((&partly["ending"], &partly["skipped_total"]), (&Value::from("partly"), &Value::from(1)));
    assert_eq!(partly["skipped"][0]["id"], old);
}

#[test]
fn a_store_in_which_nothing_was_done_has_an_empty_audit() {
    let (room, _) = Room::shop();
    let ran = room.otto("audit").code(0).complains(&["nothing was done"]);
    assert_eq!(ran.stdout, "");
    fits("otto.operations/1", &room.otto("audit --json").json());
    fits("otto.audit-summary/1", &room.otto("audit --summary --json").json());
    let text = room.otto("audit --summary").done();
    assert!(text.contains("Success rate: n/a") && text.contains("Operations: 0"), "{text}");
    fits("otto.operations/1", &Room::empty().otto("audit --json").json());
    room.otto("audit --home nowhere --json").refused(1, &[]);
}

#[test]
fn a_clean_that_died_is_open_until_it_is_mended() {
    let (room, _) = Room::shop();
    room.otto("clean --keep 30 --yes").code(0);
    let log = room.store.join(".catalog/audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let without_end: String =
        text.lines().filter(|line| !line.contains("\"finished\"")).map(|line| format!("{line}\n")).collect();
    fs::write(&log, without_end).unwrap();
    fs::remove_file(room.store.join(".catalog/catalog.db")).unwrap();
    let ending = |room: &Room| room.otto("audit --json").json()["operations"][0]["ending"].clone();
    assert_eq!(ending(&room), "open");
    room.otto("clean --keep 100y --yes").code(0);
    assert_eq!(ending(&room), "recovered");
}

#[test]
fn garbage_in_the_log_is_told_and_everything_else_is_shown() {
    let (room, _) = room();
    let log = room.store.join(".catalog/audit.jsonl");
    let text = fs::read(&log).unwrap();
    fs::write(&log, [b"what\n".as_slice(), &text].concat()).unwrap();
    let ran = room.otto("audit").code(0).complains(&["audit.jsonl", "at byte 0"]);
    assert!(ran.stdout.contains("otto clean --keep 30"), "{ran:#?}");
}

#[test]
fn repeated_lines_count_once() {
    let (room, _) = room();
    let before = room.otto("audit --json").json();
    let log = room.store.join(".catalog/audit.jsonl");
    let text = fs::read(&log).unwrap();
    fs::write(&log, [text.as_slice(), &text].concat()).unwrap();
    assert_eq!(room.otto("audit --json").json(), before);
}

#[test]
fn rows_of_runs_that_left_long_ago_are_folded_where_the_configuration_says_so() {
    let (mut room, _) = room();
    room.now += 20 * DAY;
    room.otto("index").done();
    fs::write(room.store.join("config.yml"), "retention: { history_days: 25 }\n").unwrap();
    room.otto("index").code(0).complains(&["the rows of 4 runs that left long ago are folded"]);
    room.otto("index").done();
    room.now += 10 * DAY;
    room.otto("clean --keep 100y --yes").code(0).complains(&["the rows of 3 runs that left long ago are folded"]);
    assert_eq!(room.otto("audit --json").json()["operations"].as_array().unwrap().len(), 3, "the log has them still");
    fs::write(room.store.join("config.yml"), "retention: { history_days: never }\n").unwrap();
    room.otto("index").done();
    room.otto("clean --keep 100y --yes").refused(2, &["history_days"]);
}

#[test]
fn a_change_of_the_policy_is_told_with_who_made_it_and_what_it_was() {
    let (room, shop) = Room::shop();
    let room = room.with("USER", "ada");
    fs::write(room.store.join("config.yml"), "retention:\n  default:\n    keep_days: 14\n").unwrap();
    room.otto("retention --keep 30 --keep-last 5 --dry-run").code(0);
    assert_eq!(room.otto("audit --json").json()["operations"], serde_json::json!([]), "nothing was written");
    room.otto("retention --keep 30 --keep-last 5").code(0);
    room.otto("retention --keep 30").code(0).complains(&["nothing to change"]);
    let audit = room.otto("audit --json").json();
    fits("otto.operations/1", &audit);
    let operations = audit["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1, "what changes nothing is not told: {audit:#}");
    let told = &operations[0];
    assert_eq!((&told["kind"], &told["ending"]), (&"configure".into(), &"done".into()));
    assert_eq!(told["command"], "otto retention --keep 30 --keep-last 5");
    assert!(told["who"].as_str().unwrap().starts_with("ada@") && told["timestamp"] == room.now, "{told:#}");
    let changes = serde_json::json!([
        { "key": "retention.default.keep_days", "before": "14d", "after": "30d" },
        { "key": "retention.default.keep_last_n", "before": null, "after": "5" },
    ]);
    assert_eq!(told["changes"], changes);
    room.otto("audit").says(&[
        "otto retention --keep 30 --keep-last 5",
        "done by ada@",
        "2 rules of config.yml changed",
    ]);
    room.otto("audit -v").says(&["retention.default.keep_days: 14d -> 30d", "keep_last_n: not set -> 5"]);
    let summary = room.otto("audit --summary --json").json();
    assert_eq!(summary["operations"]["total"], 0, "no run was touched: {summary:#}");
    // What the log says of the policy is nothing to a catalog that is made anew.
    room.otto("index --rebuild").code(0);
    assert_eq!(room.runs(), shop.all_but(&[]));
    room.otto("check").code(0);
}
