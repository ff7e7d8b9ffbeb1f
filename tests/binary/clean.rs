//! `otto clean` from the outside: the preview is what happens, figures are those of the disk, and nobody is surprised.

use super::*;
use std::collections::BTreeSet;

/// The runs and cache entries that a plan would remove, with their sizes.
fn planned(plan: &Value) -> BTreeSet<(String, u64, u64)> {
    let size = |item: &Value| (item["size_bytes"].as_u64().unwrap(), item["disk_bytes"].as_u64().unwrap());
    let runs = plan["runs"]["delete"].as_array().unwrap().iter();
    let runs = runs.map(|run| (run["id"].as_str().unwrap().to_owned(), size(run).0, size(run).1));
    let entries = plan["cache"]["delete"].as_array().unwrap().iter();
    let name = |e: &Value| format!("{}/.cache/{}", e["project"].as_str().unwrap(), e["entry"].as_str().unwrap());
    runs.chain(entries.map(|e| (name(e), size(e).0, size(e).1))).collect()
}

/// The paths of everything that was in a snapshot and is not in another; nothing else may differ.
#[track_caller]
fn gone(before: &Snapshot, after: &Snapshot) -> Vec<PathBuf> {
    for (path, node) in &after.0 {
        assert_eq!(before.0.get(path), Some(node), "{} was changed or made", path.display());
    }
    before.0.keys().filter(|path| !after.0.contains_key(*path)).cloned().collect()
}

#[test]
fn a_dry_run_says_what_the_execution_does_and_changes_no_byte() {
    for room in [Room::mixed(80), Room::uniform(60)] {
        let before = room.snapshot();
        let dry = room.otto("clean --keep 30 --cache --dry-run --json").json();
        let text = room.otto("clean --keep 30 --cache --dry-run").done();
        assert!(text.ends_with("To do it: otto clean --keep 30 --cache\n"), "{text}");
        assert_eq!(room.otto("clean --keep 30 --cache --dry-run --yes").done().lines().count(), text.lines().count());
        before.assert_same(&room.snapshot(), "a dry run");
        assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());

        let (whole, promised) = (room.du(), planned(&dry));
        assert!(promised.len() > 20, "too little goes to show anything");
        let done = room.otto("clean --keep 30 --cache --yes --json").json();
        assert_eq!(planned(&done), promised);
        let went = gone(&before, &room.snapshot());
        for path in &went {
            let is_promised = promised.iter().any(|(id, _, _)| path.starts_with(id.trim_start_matches("./")));
            assert!(is_promised, "{} went without a word", path.display());
        }
        for (id, _, _) in &promised {
            assert!(!room.store.join(id).exists(), "{id} was promised and is there");
        }
        let result = &done["result"];
        assert_eq!(result["freed_disk_bytes"], whole.disk - room.du().disk);
        assert_eq!(result["freed_size_bytes"], whole.size - room.du().size);
        assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], room.du().disk);
        assert_eq!(room.listed(), room.runs());

        let (settled, again) = (room.snapshot(), room.otto("clean --keep 30 --cache --yes").code(0));
        assert!(again.stdout.ends_with("Nothing to remove.\n"), "{again:#?}");
        settled.assert_same(&room.snapshot(), "a second clean");
    }
}

#[test]
fn exactly_the_runs_above_the_age_go() {
    let (room, shop) = Room::shop();
    let ran = room.otto("clean --keep 30 --yes").code(0);
    let went = [shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
    assert_eq!(room.runs(), shop.all_but(&went));
    for id in &went {
        assert!(ran.stdout.lines().any(|line| line.starts_with(&format!("removed {id}  "))), "{id}: {ran:#?}");
    }
    let ran = ran.says(&["Policy: keep 30 days", "Would remove: 5 runs", "Stays: 4 runs", "4 runs remain"]);
    assert_eq!(ran.stderr, "");
    assert!(shop.orphan.exists(), "the cache was not asked for");
}

#[test]
fn age_is_counted_to_the_second() {
    let room = Room::empty();
    for second in [-1, 0, 1] {
        let spec = RunSpec::new(Era::J, "/home/dev/web", NOW - 30 * DAY + second).task(TaskSpec::ok("build"));
        room.builder().run(spec).unwrap();
    }
    let web = Era::J.project_dir("/home/dev/web");
    room.otto("clean --keep 30 --yes").code(0);
    let at = |second: i64| format!("{web}/{}", NOW - 30 * DAY + second);
    assert_eq!(room.runs(), [at(0), at(1)]);
    for (age, seconds) in [("90s", 90), ("15min", 900), ("36h", 36 * HOUR), ("4w", 28 * DAY), ("6mo", 180 * DAY)] {
        let dry = room.otto(&format!("clean --keep {age} --dry-run --json")).json();
        assert_eq!(dry["policy"]["projects"][0]["keep_seconds"], seconds, "{age}");
    }
}

#[test]
fn without_a_terminal_and_yes_nothing_is_deleted_and_the_flag_is_named() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    let words = ["nothing was deleted", "--yes is missing", "otto clean --keep 30 --yes"];
    let ran = room.otto("clean --keep 30").code(4).complains(&words);
    ran.says(&["Would remove: 5 runs"]);
    let ran = room.shell("yes | otto clean --keep 30; echo code $?").code(0).complains(&["--yes is missing"]);
    assert!(ran.stdout.ends_with("code 4\n"), "{ran:#?}");
    before.assert_same(&room.snapshot(), "a clean that nobody confirmed");
}

#[test]
fn without_flags_and_configuration_thirty_days_hold() {
    let (room, shop) = Room::shop();
    room.otto("clean --yes").code(0).says(&["keep 30 days"]);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
}

#[test]
fn verbose_names_each_run_and_every_zero_is_printed() {
    let (room, shop) = Room::shop();
    let quiet = room.otto("clean --keep 30 --dry-run").done();
    assert!(!quiet.contains(&shop.web(70)), "{quiet}");
    let text = room.otto("clean --keep 30 --dry-run -v").done();
    for id in [shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)] {
        assert!(text.contains(&id), "{id}:\n{text}");
    }
    let nothing = room.otto("clean --keep 1000 --dry-run").done();
    for zero in ["Would remove: 0 runs (0 B)", "let them go: 0", "Total: 0 runs and 0 cache entries"] {
        assert!(nothing.contains(zero), "no `{zero}` in\n{nothing}");
    }
    assert!(quiet.contains("--cache would remove 6 orphaned entries too"), "{quiet}");
}

#[test]
fn a_run_that_failed_to_go_is_named_and_the_rest_goes() {
    let (room, shop) = Room::shop();
    // Nobody but root can be kept from unlinking by a mode; anybody by a project that is a link.
    let real = room.path("elsewhere");
    fs::rename(room.store.join(&shop.api), &real).unwrap();
    std::os::unix::fs::symlink(&real, room.store.join(&shop.api)).unwrap();
    let before = Snapshot::of(&real);
    room.otto("clean --keep 30 --cache --yes");
    before.assert_same(&Snapshot::of(&real), "a project that is a link");
    let left: Vec<_> = room.runs().into_iter().filter(|id| id.starts_with("web-")).collect();
    assert_eq!(left.len(), 3);
}

#[test]
fn the_audit_log_says_what_went_and_why() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 60 --yes").code(0);
    let log = fs::read_to_string(room.store.join(".catalog/audit.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty());
    for id in [shop.web(70), shop.api(90)] {
        let (project, run) = id.split_once('/').unwrap();
        assert!(log.contains(project) && log.contains(run), "{id}: {log}");
    }
    // The catalog can go: what went stays gone, and the log stays.
    fs::remove_file(room.store.join(".catalog/catalog.db")).unwrap();
    assert_eq!(room.listed(), shop.all_but(&[shop.web(70), shop.api(90)]));
    assert_eq!(fs::read_to_string(room.store.join(".catalog/audit.jsonl")).unwrap(), log);
}

#[test]
fn projects_of_which_no_run_goes_are_counted_and_named_on_demand() {
    let (room, shop) = Room::shop();
    let text = room.otto("clean --keep 80 --dry-run").done();
    assert!(text.contains("\n  api ") && !text.contains("web") && !text.contains(&shop.web), "{text}");
    assert!(text.contains("\n  No run goes of 1 project (-v names it)\n"), "{text}");
    let text = room.otto("clean --keep 80 --dry-run -v").done();
    assert!(text.contains("\n  web ") && !text.contains("No run goes of"), "{text}");
    let text = room.otto("clean --keep 100 --dry-run").done();
    assert!(text.contains("\n  No run goes of 2 projects (-v names them)\n"), "{text}");
    assert!(!text.contains("PROJECT") && !text.contains("OLDEST"), "{text}");
}
