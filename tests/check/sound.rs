//! Where nothing is wrong, nothing is found: whatever was done to a store by commands that ended, and after every death of
//! one, once it was mended.

use super::*;
use crate::support::fault::{stop_at, until_stopped, watch};
use crate::support::trash::kept;
use crate::support::tree::Snapshot;
use otto_catalog::practice::{self, Flavour, Spec};
use proptest::prelude::*;

#[track_caller]
fn assert_sound(store: &Store, when: &str) {
    let report = check(store);
    let list = report.findings.list();
    let bad: Vec<_> = list.iter().filter(|f| f.kind.severity() > check::Severity::Info).collect();
    assert!(bad.is_empty(), "{when}: {bad:#?}");
}

#[test]
fn a_store_of_every_era_is_sound_from_the_first_index_through_all_that_is_done_to_it() {
    let store = store();
    assert_sound(&store, "indexed");
    let report = check(&store);
    assert_eq!(kinds(&report), [""; 0], "{:#?}", report.findings.list());
    assert_eq!((report.looked.runs, report.looked.projects), (store.runs_in_place().len() as u64, 4));
    store.write(small("/home/dev/new", store.days_ago(1)));
    assert_eq!(kinds(&check(&store)), ["catalog-behind"]);
    drop(store.look());
    assert_sound(&store, "with a new run");
    store.clean(&kept(keep_and_cache(45)));
    assert_sound(&store, "after a clean with a trash");
    store.undo();
    assert_sound(&store, "after undoing it");
    store.clean(&keep_and_cache(30));
    assert_sound(&store, "after a clean");
    drop(store.open(Access::Rebuild));
    assert_sound(&store, "rebuilt");
    fs::remove_file(store.root.join(".catalog/catalog.db")).unwrap();
    drop(store.look());
    assert_sound(&store, "with a catalog made anew");
}

#[test]
fn entries_of_june_2025_and_scripts_without_a_cache_are_no_findings() {
    let store = store();
    assert_eq!(of(&check(&store), "entry-misnamed").len(), 0);
    // The runner of those days put a line before the script, and named it by what it was before.
    let old = store.root.join(Era::B.project_dir("/home/dev/old")).join(".cache/build");
    for name in names_in(&old) {
        let text = fs::read_to_string(old.join(&name)).unwrap();
        fs::write(old.join(name), format!("#!/bin/sh\n{text}")).unwrap();
    }
    assert_eq!(of(&check(&store), "entry-misnamed").len(), 0);
}

#[test]
fn after_a_clean_that_died_anywhere_a_check_finds_it_and_mends_it() {
    let scene = || {
        let store = Store::in_memory();
        let mut builder = store.builder();
        for (days, own) in [(40, "old"), (2, "new")] {
            let run = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
            let own = TaskSpec::ok("own").script(format!("echo {own}"));
            builder.run(run.task(own).task(TaskSpec::ok("shared"))).unwrap();
        }
        drop(store.open(Access::Index { full: true }));
        store
    };
    for request in [keep_and_cache(30), kept(keep_and_cache(30))] {
        let mut watched = scene();
        let (hook, seen) = watch();
        watched.hook = hook;
        watched.clean(&request);
        let acts = seen.acts().len();
        assert!(acts > 10, "{acts}");
        let mut found = std::collections::BTreeSet::new();
        for n in 1..=acts {
            let mut store = scene();
            let before = Snapshot::of(&store.root);
            let (hook, _) = stop_at(n);
            store.hook = hook;
            assert!(until_stopped(|| store.clean(&request)).is_none(), "{n} of {acts} was not reached");
            let store = store.twin();
            let report = check(&store);
            found.extend(kinds(&report));
            fix(&store, &report);
            assert_sound(&store, &format!("stopped at {n} of {acts} ({:?})", seen.acts()[n - 1]));
            let again = check(&store);
            let left: Vec<_> = again.findings.list().into_iter().filter(|f| f.mend.is_some()).collect();
            assert!(left.is_empty(), "stopped at {n}: {left:#?}");
            let stays = format!("{}/{}", web(), store.days_ago(2));
            before.at(&stays).assert_same(&Snapshot::of(&store.root).at(&stays), "the run that stays");
        }
        assert!(found.contains("trash-undecided"), "{found:?}");
        assert_eq!(found.contains("trash-unfinished"), request.trash.is_none(), "{found:?}");
    }
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn whatever_a_clean_does_to_a_random_store_the_catalog_adds_up(
        seed in 0_u64..1000, runs in 5_usize..40, days in 1_u64..200, cache: bool, trash: bool
    ) {
        let mut store = Store::in_memory();
        fs::remove_dir_all(store.root.join(".catalog")).ok();
        let now = store.now();
        let spec = Spec { seed, runs, now, projects: Some(3), tasks_per_run: Some(2), flavour: Flavour::Mixed, runner_db: true };
        practice::write(&store.root, &spec).unwrap();
        store.set_now(now + DAY);
        drop(store.look());
        let request = if cache { keep_and_cache(days) } else { keep(days) };
        store.clean(&if trash { kept(request) } else { request });
        assert_sound(&store, &format!("seed {seed}, {runs} runs, keep {days}"));
    }
}
