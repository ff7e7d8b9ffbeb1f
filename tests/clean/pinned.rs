//! A pin holds against every path, also one that was set after the plan was made.

use super::*;
use otto_catalog::clean;
use otto_catalog::marks::{self, Asked};
use otto_catalog::model::{Age, Run};
use otto_catalog::session::{Access, Session};
use std::path::PathBuf;

const ASKED: Asked<'static> = Asked { command: "otto pin", who: "a test" };

/// An old run with a script of its own, in the flat cache, and one of June 2025, in the nested one.
fn store() -> Store {
    let store = Store::new();
    let mut builder = store.builder();
    for (era, cwd) in [(Era::J, "/a/web"), (Era::B, "/a/old")] {
        for days in [40, 1] {
            let own = TaskSpec::ok("own").script(format!("#!/bin/sh\necho {days}"));
            builder.run(RunSpec::new(era, cwd, store.days_ago(days)).task(own)).unwrap();
        }
    }
    store
}

fn old_runs(session: &Session, store: &Store) -> Vec<Run> {
    let all = session.catalog.runs(&otto_catalog::catalog::RunFilter::default()).unwrap();
    all.into_iter().filter(|run| run.timestamp() < store.days_ago(30)).collect()
}

/// Pins the old runs, as another process would.
fn pin(store: &Store) {
    let mut session = store.open(Access::Mark);
    let runs = old_runs(&session, store);
    marks::pin(&mut session, &store.settings(), &ASKED, &runs, Some("why")).unwrap();
}

/// The cache entries that the old runs name.
fn their_entries(store: &Store) -> Vec<PathBuf> {
    let session = store.look();
    let mut entries = Vec::new();
    for run in old_runs(&session, store) {
        for task in session.catalog.tasks(run.key).unwrap() {
            let entry = String::from_utf8(task.cache_entry.unwrap()).unwrap();
            entries.push(store.root.join(run.project().lossy()).join(".cache").join(entry));
        }
    }
    assert_eq!(entries.len(), 2);
    entries
}

#[test]
fn no_request_removes_a_pinned_run_or_what_it_names() {
    let store = store();
    let entries = their_entries(&store);
    pin(&store);
    let stale = Request { cache: CacheMode::Only, stale: true, ..keep(30) };
    let grace = Some(Age::seconds(0));
    for request in [keep(30), keep_and_cache(30), stale, keep(1).aged(1), keep_and_cache(1)] {
        let request = Request { cache_grace: grace, ..request };
        let plan = store.dry_run(&request);
        assert!(plan.runs.iter().all(|run| run.id.run.timestamp() > store.days_ago(30)), "{:?}", plan.runs);
        let _ = store.try_clean(&request);
        assert_eq!(old_runs(&store.look(), &store).len(), 2);
        assert!(entries.iter().all(|entry| entry.is_file()), "{entries:?}");
    }
}

#[test]
fn a_run_that_is_pinned_after_the_plan_was_made_stays_with_what_it_names() {
    let requests = [
        (keep_and_cache(30), "runs and cache"),
        (Request { cache: CacheMode::Only, stale: true, ..keep(30) }, "stale entries"),
    ];
    for ((request, what), elsewhere) in requests.into_iter().flat_map(|one| [(one.clone(), false), (one, true)]) {
        let store = store();
        // As when somebody else uses another catalog of the store.
        let mut other = store.twin();
        other.catalog = elsewhere.then(|| store.outside("other.db"));
        let entries = their_entries(&store);
        let settings = store.settings();
        let mut session = store.open(Access::Delete);
        let plan = store.plan(&session, &request);
        assert!(planned_entries(&plan).len() == 2, "{what}: {:?}", planned_entries(&plan));
        // While the question is asked, the lock is free.
        session.unlock();
        pin(&other);
        let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
        assert_eq!((outcome.deleted_runs.len(), outcome.deleted_cache.len()), (0, 0), "{what}: {outcome:?}");
        assert_eq!(old_runs(&store.look(), &store).len(), 2, "{what}");
        assert!(entries.iter().all(|entry| entry.is_file()), "{what}");
        if what == "runs and cache" {
            assert!(outcome.skipped.iter().any(|skipped| skipped.reason == "pinned"), "{:?}", outcome.skipped);
        }
    }
}

#[test]
fn a_run_that_is_pinned_in_the_trash_waits_on_until_it_is_unpinned() {
    let mut store = store();
    let trash = Request { trash: Some(Age::days(7)), ..keep_and_cache(30) };
    assert_eq!(store.clean(&trash).gone().len(), 2);
    let mut session = store.open(Access::Mark);
    let waiting = session.catalog.gone_between(otto_catalog::model::RunState::Trashed, None, 0..=i64::MAX, 9).unwrap();
    marks::pin(&mut session, &store.settings(), &ASKED, &waiting[..1], None).unwrap();
    drop(session);
    store.set_now(store.now() + 30 * DAY);
    store.recover();
    let left = || {
        let session = store.look();
        let left = session.catalog.gone_between(otto_catalog::model::RunState::Trashed, None, 0..=i64::MAX, 9).unwrap();
        left.iter().map(|run| run.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(left(), [waiting[0].id.to_string()]);
    assert_eq!(store.trash().len(), 1);
    let mut session = store.open(Access::Mark);
    marks::unpin(&mut session, &store.settings(), &ASKED, &waiting[..1]).unwrap();
    drop(session);
    store.recover();
    assert_eq!((left().len(), store.trash().len()), (0, 0));
}
