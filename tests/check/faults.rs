//! A fix that dies, or fails, at every change it makes: nothing of the runner's is touched, and another fix mends the rest.

use super::*;
use crate::support::fault::{fail_at, stop_at, until_stopped, watch};
use crate::support::tree::Snapshot;
use otto_catalog::marks;
use rustix::io::Errno;
use std::os::unix::fs::PermissionsExt as _;

/// A store with many things wrong at once.
fn spoiled() -> Store {
    let store = store();
    store.clean(&keep(45));
    let id = store.runs_in_place().into_iter().find(|run| run.starts_with(&web())).unwrap();
    let mut session = store.open(Access::Mark);
    let run = session.catalog.nth_newest(None, 0).unwrap().unwrap();
    let asked = marks::Asked { command: "otto pin", who: "a test" };
    marks::pin(&mut session, &store.settings(), &asked, &[run], None).unwrap();
    drop(session);
    spoil(
        &store,
        "UPDATE projects SET runs = runs + 1; DELETE FROM history WHERE name_id = 0;
         UPDATE runs SET tasks_failed = 9 WHERE id = (SELECT max(id) FROM runs WHERE state = 0 AND settled = 1);
         DELETE FROM pins; UPDATE runs SET pinned = 0, by_age = (state = 0 AND settled = 1 AND whole = 1 AND plain = 1)",
    );
    fs::write(store.root.join(id).join("tasks/own/stdout.log"), "more\n").unwrap();
    let ours = store.root.join(".catalog");
    let log = fs::read_to_string(ours.join("audit.jsonl")).unwrap();
    let without: String = log.lines().filter(|l| !l.contains("\"removed\"")).map(|l| format!("{l}\n")).collect();
    fs::write(ours.join("audit.jsonl"), without + "{\"torn").unwrap();
    fs::write(ours.join("catalog.db.new"), "x").unwrap();
    fs::remove_file(ours.join("reserve")).ok();
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(ours.join("trash/20250101T000000Z-aaaa")).unwrap();
    store
}

const WRONG: [&str; 11] = [
    "sum-wrong",
    "history-wrong",
    "run-wrong",
    "mark-lost",
    "run-changed",
    "log-incomplete",
    "log-torn",
    "rights-open",
    "trash-empty",
    "log-unreadable",
    "stray-file",
];

#[test]
fn a_fix_that_dies_or_fails_anywhere_is_finished_by_the_next() {
    let mut watched = spoiled();
    let report = check(&watched);
    assert_eq!(kinds(&report), WRONG);
    let (hook, seen) = watch();
    watched.hook = hook;
    fix(&watched, &report);
    let acts = seen.acts();
    assert!(acts.len() > 8, "{acts:?}");
    assert_eq!(kinds(&check(&watched)), ["log-unreadable"]);
    for n in 1..=acts.len() {
        for error in [None, Some(Errno::IO), Some(Errno::NOSPC)] {
            let what = format!("{error:?} at {n} of {}, {:?}", acts.len(), acts[n - 1]);
            let mut store = spoiled();
            let tree = Snapshot::of(&store.root);
            let report = check(&store);
            store.hook = match error {
                None => stop_at(n).0,
                Some(error) => fail_at(n, error).0,
            };
            let done = until_stopped(|| check::fix(&store.settings(), &report, &execution()));
            assert_eq!(done.is_none(), error.is_none(), "{what}");
            let store = store.twin();
            let report = check(&store);
            let fixed = fix(&store, &report);
            assert_eq!(kinds(&check(&store)), ["log-unreadable"], "{what}, then {fixed:?}");
            tree.assert_same(&Snapshot::of(&store.root), &what);
        }
    }
}
