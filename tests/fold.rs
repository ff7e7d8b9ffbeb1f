//! Rows of runs that left long ago are folded: their sums stay, their pages go back, and nothing that is still wanted is lost.

use crate::support::digest::assert_same;
use crate::support::past::past;
use crate::support::*;
use otto_catalog::catalog::{Catalog, HistoryScope, RunFilter};
use otto_catalog::clean::{self, Folded, Request};
use otto_catalog::marks::{self, Asked};
use otto_catalog::model::{Age, RunState};
use otto_catalog::practice::{self, Era, Flavour, RunSpec, Spec, TaskSpec};
use otto_catalog::session::Access;
use std::fs;

/// What is known of the past by day, and how many runs of it still have rows.
fn known(catalog: &Catalog) -> (Vec<String>, usize) {
    let project = catalog.projects().unwrap()[0].id;
    let (differences, mut rows) = (catalog.history_differences(project).unwrap(), 0);
    catalog
        .each_gone(|_, _| {
            rows += 1;
            Ok(())
        })
        .unwrap();
    (differences.iter().map(|d| format!("{d:?}")).collect(), rows)
}

/// The runs and cache entries that are there, with the sums of their projects.
fn present(catalog: &Catalog) -> Vec<String> {
    let mut lines: Vec<_> = catalog.projects().unwrap().iter().map(|project| format!("{project:?}")).collect();
    for run in catalog.runs(&RunFilter::default()).unwrap() {
        lines.push(format!("{run:?} {:?}", catalog.tasks(run.key).unwrap()));
    }
    for project in catalog.projects().unwrap() {
        lines.extend(catalog.cache_entries(project.id).unwrap().iter().map(|entry| format!("{entry:?}")));
    }
    lines
}

fn fold(store: &Store, days: u64) -> Folded {
    let mut session = store.open(Access::Delete);
    clean::fold(&mut session, &store.settings(), Age::days(days)).unwrap()
}

/// Forty runs, of which all but the newest two were removed a while ago.
fn store() -> Store {
    let mut store = Store::in_memory();
    let mut builder = store.builder();
    for days in 0..40 {
        let own = TaskSpec::ok("own").script(format!("echo {days}"));
        let run = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days + 1));
        builder.run(run.task(own).task(TaskSpec::ok("shared"))).unwrap();
    }
    assert_eq!(store.clean(&keep_and_cache(3)).gone().len(), 38);
    store.set_now(store.now() + 50 * DAY);
    store
}

#[test]
fn rows_are_folded_when_their_time_is_over_and_not_before() {
    let store = store();
    let now = present(&store.look().catalog);
    assert_eq!(fold(&store, 51).runs, 0, "they left 50 days ago");
    assert_eq!(known(&store.look().catalog).1, 38);
    assert_eq!(fold(&store, 49).runs, 38);
    let (differences, rows) = known(&store.look().catalog);
    assert_eq!(rows, 0);
    assert!(!differences.is_empty(), "the sums are more than the rows now: they tell of what was folded");
    assert_same(&present(&store.look().catalog), &now, "the present is as it was");
    assert_eq!(fold(&store, 49), Folded::default(), "folding twice is folding once");
}

#[test]
fn what_was_folded_still_counts() {
    let store = store();
    let counted = || {
        let session = store.look();
        let tallies = session.catalog.tallies(&HistoryScope::default()).unwrap();
        let mut lines: Vec<_> = tallies.iter().map(|(of, tally)| format!("{of:?} {tally:?}")).collect();
        lines.sort();
        lines
    };
    let before = counted();
    assert_eq!(before.len(), 3, "runs and two tasks: {before:?}");
    fold(&store, 49);
    assert_eq!(counted(), before);
}

#[test]
fn a_pinned_row_and_what_waits_in_the_trash_are_not_folded() {
    let mut store = Store::in_memory();
    for days in [40, 41, 2] {
        store.write(small("/home/dev/web", store.days_ago(days)));
    }
    store.look();
    // One that vanished although it was pinned, and one that waits.
    let mut session = store.open(Access::Mark);
    let pinned = session.catalog.nth_newest(None, 1).unwrap().unwrap();
    let asked = Asked { command: "otto pin", who: "a test" };
    marks::pin(&mut session, &store.settings(), &asked, std::slice::from_ref(&pinned), None).unwrap();
    drop(session);
    fs::remove_dir_all(store.root.join(pinned.id.to_string())).unwrap();
    store.clean(&Request { trash: Some(Age::days(1000)), ..keep_and_cache(30) });
    store.set_now(store.now() + 100 * DAY);
    let before = past(&store.look().catalog, true);
    assert_eq!(fold(&store, 1).runs, 0);
    assert_same(&past(&store.look().catalog, true), &before, "nothing is folded");
}

#[test]
fn what_recovery_still_has_to_finish_is_not_folded() {
    use crate::support::fault::{stop_at, until_stopped, watch};
    use otto_catalog::store::change::Act;

    // Killed at the first unlink: decided, noted, and lying in the trash.
    let build = || {
        let store = Store::in_memory();
        for days in [40, 41, 2] {
            store.write(small("/home/dev/web", store.days_ago(days)));
        }
        store
    };
    let (hook, seen) = watch();
    let mut store = build();
    store.hook = hook;
    store.clean(&keep_and_cache(30));
    let first = seen.acts().iter().position(|act| *act == Act::Unlink).unwrap() + 1;
    let mut store = build();
    store.hook = stop_at(first).0;
    assert!(until_stopped(|| store.try_clean(&keep_and_cache(30)).map_err(|e| e.to_string())).is_none());
    store.hook = otto_catalog::store::change::Hook::default();
    store.set_now(store.now() + 100 * DAY);
    assert_eq!(fold(&store, 1).runs, 0, "without its row an item in the trash would be put back");
    let recovery = store.recover();
    assert!(recovery.put_back.is_empty() && recovery.finished > 0, "{recovery:?}");
    assert_eq!(fold(&store, 1).runs, 2);
}

#[test]
fn pages_go_back_to_the_file_system() {
    let mut store = Store::new();
    let spec = Spec {
        seed: 3,
        runs: 1500,
        now: store.now(),
        projects: Some(3),
        tasks_per_run: Some(4),
        flavour: Flavour::Uniform,
        runner_db: false,
    };
    practice::write(&store.root, &spec).unwrap();
    store.set_now(store.now() + 400 * DAY);
    let gone = store.clean(&keep_and_cache(1).with_last(5)).gone().len();
    assert!(gone > 1000, "{gone}");
    store.set_now(store.now() + 400 * DAY);
    let file = store.root.join(".catalog/catalog.db");
    let before = fs::metadata(&file).unwrap().len();
    let folded = fold(&store, 300);
    assert_eq!((folded.runs as usize, folded.shrunk), (gone, true));
    let after = fs::metadata(&file).unwrap().len();
    assert!(after * 3 < before, "{before} -> {after}");
    assert_eq!(store.look().catalog.nth_newest_gone(RunState::Removed, None, 0).unwrap().map(|run| run.key), None);
}

#[test]
fn who_reads_meanwhile_goes_on_reading() {
    let store = store();
    let reader = store.look();
    let snapshot = reader.catalog.snapshot().unwrap();
    let before = known(&reader.catalog).1;
    assert_eq!(fold(&store, 49).runs, 38);
    assert_eq!(known(&reader.catalog).1, before, "by the state that it began with");
    drop(snapshot);
    assert_eq!(known(&reader.catalog).1, 0);
}

#[test]
fn a_catalog_made_anew_has_the_rows_again_until_they_are_folded() {
    let store = store();
    let before = past(&store.look().catalog, false);
    fold(&store, 49);
    fs::remove_file(store.root.join(".catalog/catalog.db")).unwrap();
    assert_same(&past(&store.look().catalog, false), &before, "from the log");
    assert_eq!(fold(&store, 49).runs, 38);
}
