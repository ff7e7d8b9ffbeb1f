//! Every kind of finding: made, found as that and nothing else, mended where that is certain, and gone.

mod cases;

use super::*;
use crate::support::tree::Snapshot;
use cases::{CASES, mark, oldest, run_of, stopped_import, write_log};

#[test]
fn every_kind_is_found_as_what_it_is_and_mended_where_that_is_certain() {
    let mut never = Vec::new();
    for case in CASES {
        let store = store();
        (case.make)(&store);
        let tree = Snapshot::of(&store.root);
        let report = check(&store);
        assert_eq!(kinds(&report), case.found, "{}: {:#?}", case.name, report.findings.list());
        for finding in report.findings.list() {
            assert!(!finding.what.is_empty(), "{}: {finding:?}", case.name);
        }
        let fixed = fix(&store, &report);
        assert_eq!(fixed.failed, [""; 0], "{}", case.name);
        let again = check(&store);
        let left: Vec<_> =
            kinds(&again).into_iter().filter(|kind| *kind != "catalog-set-aside" || case.left.contains(kind)).collect();
        assert_eq!(left, case.left, "{}, mended by {fixed:?}: {:#?}", case.name, again.findings.list());
        let mendable: Vec<_> =
            again.findings.list().into_iter().filter(|finding| finding.mend.is_some()).cloned().collect();
        assert!(mendable.is_empty(), "{}: a second fix would do {mendable:#?}", case.name);
        tree.assert_same(&Snapshot::of(&store.root), &format!("{}: the tree after a fix", case.name));
        never.push(case.found);
        if case.found.contains(&"row-forgotten") {
            // As if the row had been folded away: history goes on holding it.
            continue;
        }
        // And what it says then is what a catalog made from nothing says.
        let indexed = store.open(Access::Read);
        let (says, anew) = (digest::digest(&indexed.catalog), store.digest_from_nothing());
        digest::assert_same(&says, &anew, case.name);
    }
    let never: Vec<_> = check::Kind::ALL
        .iter()
        .map(|kind| kind.word())
        .filter(|kind| !never.iter().any(|found| found.contains(kind)))
        .collect();
    // Those have tests of their own.
    assert_eq!(never, ["trash-undecided", "trash-unfinished", "reserve-missing", "runner-rows", "runner-less"]);
}

#[test]
fn a_pin_survives_every_repair() {
    let store = store();
    mark(&store);
    let id = oldest(&store);
    for damage in [
        "UPDATE projects SET runs = 0",
        "UPDATE runs SET tasks_failed = 9 WHERE pinned = 1",
        "DELETE FROM contexts",
        "DELETE FROM pins",
        "UPDATE runs SET pinned = 0, by_age = (state = 0 AND settled = 1 AND whole = 1 AND plain = 1);
         DELETE FROM pins; DELETE FROM tags",
    ] {
        spoil(&store, damage);
        let report = check(&store);
        assert!(!report.is_sound(), "{damage}");
        fix(&store, &report);
        let run = run_of(&store, &id);
        assert!(run.pinned && run.tags == ["good"], "{damage}: {run:?}");
        let pin = store.open(Access::ReadAsIs).catalog.pin(run.key).unwrap().unwrap();
        assert_eq!(pin.note.as_deref(), Some("a release"), "{damage}");
        assert_eq!(kinds(&check(&store)).into_iter().filter(|k| *k != "catalog-set-aside").count(), 0, "{damage}");
    }
}

#[test]
fn a_line_that_was_missing_says_what_it_said_before() {
    let store = store();
    store.clean(&keep(45));
    let before = log::Told::of(&store.root);
    write_log(&store, |text| {
        text.lines().filter(|line| !line.contains("\"removed\"")).map(|line| format!("{line}\n")).collect()
    });
    let report = check(&store);
    let missing = of(&report, "log-incomplete").len();
    assert_eq!(missing, store.clean(&keep(45)).gone().len() + missing, "nothing else went");
    fix(&store, &report);
    let after = log::Told::of(&store.root);
    let runs = |told: &log::Told| {
        let mut runs: Vec<_> = told
            .lines
            .iter()
            .filter_map(|line| match &line.event {
                otto_catalog::audit::Event::Removed(removed) => Some(removed.runs.clone()),
                _ => None,
            })
            .flatten()
            .map(|run| serde_json::to_string(&run).unwrap())
            .collect();
        runs.sort();
        runs
    };
    assert_eq!(runs(&before), runs(&after));
}

#[test]
fn rows_of_the_runner_and_directories_are_counted_against_each_other() {
    let store = store();
    let report = check(&store);
    assert_eq!(of(&report, "runner-rows").len(), 0);
    let rows = report.looked.runner_rows.unwrap();
    let runs = store.runs_in_place().len() as u64;
    let less = of(&report, "runner-less");
    assert_eq!(less[0].what, format!("{} of {runs} runs have no row in the runner's database", runs - rows));
    store.clean(&keep(45));
    let report = check(&store);
    let gone = of(&report, "runner-rows");
    assert!(
        gone[0].what.starts_with(&format!("3 of {rows} rows of the runner's database have no directory here")),
        "{gone:?}"
    );
    assert!(report.is_sound());
}

#[test]
fn what_somebody_else_locked_is_told_and_left() {
    let store = store();
    let report = check(&store);
    assert!(of(&report, "reserve-missing").len() <= 1);
    spoil(&store, "UPDATE projects SET runs = 99");
    let report = check(&store);
    let other = store.open(Access::Delete);
    assert!(check::fix(&store.settings(), &report, &execution()).is_err());
    drop(other);
    fix(&store, &report);
    assert!(check(&store).is_sound());
}

#[test]
fn what_nobody_can_read_of_an_import_is_set_aside_whole_and_what_is_lost_by_that_is_said() {
    let store = store();
    stopped_import(&store, Some(b"{"));
    let report = check(&store);
    let how = of(&report, "import-unsettled")[0].mend.as_ref().unwrap().how();
    assert!(how.contains("tags and statuses") && how.contains("are lost"), "{how}");
    let runs = store.runs_in_place();
    assert!(store.try_clean(&keep(45)).is_err());
    assert_eq!(store.runs_in_place(), runs);
    let fixed = fix(&store, &report);
    let aside = "import.damaged-20250101T000000Z-aaaa";
    assert!(fixed.done.iter().any(|done| done.contains(aside) && done.contains("lost")), "{fixed:?}");
    let aside = store.root.join(".catalog").join(aside);
    assert_eq!(names_in(&aside), ["0", "import.json"]);
    assert_eq!(fs::read(aside.join("import.json")).unwrap(), b"{");
    assert!(!store.root.join(".catalog/import").exists());
    assert!(!store.clean(&keep(45)).gone().is_empty());
    assert!(aside.is_dir(), "a clean leaves it alone");
}

#[test]
fn what_can_be_read_by_the_time_of_the_fix_is_not_set_aside() {
    let store = store();
    stopped_import(&store, Some(b"{"));
    let report = check(&store);
    fs::write(store.root.join(".catalog/import/20250101T000000Z-aaaa/import.json"), r#"{"schema": "otto.arrivals/9"}"#)
        .unwrap();
    fix(&store, &report);
    assert_eq!(kinds(&check(&store)), ["import-unsettled"]);
}

#[test]
fn the_trash_is_not_sorted_out_while_an_import_cannot_be_ended() {
    let store = store();
    stopped_import(&store, Some(br#"{"schema": "otto.arrivals/9"}"#));
    fs::create_dir_all(store.root.join(".catalog/trash/20250101T000000Z-aaaa")).unwrap();
    let fixed = fix(&store, &check(&store));
    assert!(fixed.failed.iter().any(|failed| failed.contains("import.json")), "{fixed:?}");
}
