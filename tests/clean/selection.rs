//! Runs and entries that are chosen: pins and doubt hold against every choice, and what stays holds what it names.

use super::*;
use crate::support::tree::{Snapshot, dangling_scripts};
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::{self, Choice, Narrowing, PlanError, WhyEntryStays};
use otto_catalog::model::{Pin, Run, Statuses};
use otto_catalog::retention::{Protection, Rules};
use otto_catalog::session::Access;

/// `clean --run ...`, with the cache.
fn named(runs: &[&Run]) -> Request {
    let keys = runs.iter().map(|run| run.key).collect();
    Request {
        narrow: Narrowing { choice: Choice::Named(keys), ..Narrowing::default() },
        cache: CacheMode::Collect,
        ..Request::default()
    }
}

/// `clean --all`, with the cache.
fn all() -> Request {
    let narrow = Narrowing { choice: Choice::All, ..Narrowing::default() };
    Request { narrow, cache: CacheMode::Collect, cache_grace: Some(Age::seconds(0)), ..Request::default() }
}

/// `clean --entry ...`
fn entries(keys: Vec<i64>) -> Request {
    let narrow = Narrowing { choice: Choice::Named(Default::default()), ..Narrowing::default() };
    Request { narrow, cache: CacheMode::Named, entries: keys, ..Request::default() }
}

/// Runs of `web`, the newest first, and one of `api`, which names an entry of `web`'s cache.
fn shop() -> (Store, Vec<Run>) {
    let store = Store::new();
    let mut builder = store.builder();
    for days in [10, 20, 30] {
        builder.run(with_own_script("/a/web", store.days_ago(days), &days.to_string())).unwrap();
    }
    let api = builder.run(small("/a/api", store.days_ago(40))).unwrap();
    let web = Era::J.project_dir("/a/web");
    let text = format!("/home/dev/.otto/{web}/.cache/{}", own_entry("20"));
    std::os::unix::fs::symlink(text, api.join("tasks/build/borrowed")).unwrap();
    let runs = store.look().catalog.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), 4);
    (store, runs)
}

fn pin(store: &Store, run: &Run) {
    let mut session = store.open(Access::Delete);
    let mut tx = session.catalog.begin().unwrap();
    tx.pin(run.key, &Pin { note: Some("the release".into()), at: store.now(), who: "dev".into() }).unwrap();
    tx.commit().unwrap();
}

#[test]
fn a_pinned_run_stays_whoever_means_it() {
    let (store, runs) = shop();
    pin(&store, &runs[1]);
    let session = store.open(Access::Read);
    let refused = clean::plan(&session.catalog, &named(&[&runs[0], &runs[1]]), store.now());
    let Err(PlanError::RunsStay(stay)) = refused else { panic!("{refused:?}") };
    assert_eq!(
        stay.iter().map(|run| (run.key, run.protection)).collect::<Vec<_>>(),
        [(runs[1].key, Protection::Pinned)]
    );
    drop(session);
    let before = Snapshot::of(&store.root.join(runs[1].id.to_string()));
    for request in [
        Request { narrow: Narrowing { agreed: Some([runs[1].key].into()), ..all().narrow }, ..all() },
        Request { narrow: Narrowing { statuses: Statuses::ALL, incomplete: true, ..Narrowing::default() }, ..keep(0) },
        all(),
    ] {
        let done = store.clean(&request);
        assert!(!done.gone().contains(&runs[1].id.to_string()));
        before.assert_same(&Snapshot::of(&store.root.join(runs[1].id.to_string())), "a pinned run");
        assert_eq!(dangling_scripts(&store.root).len(), 0, "what it names");
    }
    assert_eq!(store.runs_in_place(), [runs[1].id.to_string()]);
    assert!(store.dry_run(&all()).protected.iter().any(|run| run.key == runs[1].key));
}

#[test]
fn a_run_that_was_pinned_after_the_plan_is_skipped() {
    let (store, runs) = shop();
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let plan = store.plan(&session, &named(&[&runs[0], &runs[1]]));
    session.unlock();
    pin(&store, &runs[1]);
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert_eq!(outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [runs[0].id.to_string()]);
    assert_eq!(outcome.skipped[0].reason, "pinned");
}

#[test]
fn a_project_that_could_not_be_listed_whole_loses_no_run_to_any_choice() {
    let (store, runs) = shop();
    store.look();
    // Nobody but root can be kept from listing a directory by its mode: so the catalog says that it was so.
    let catalog = rusqlite::Connection::open(store.root.join(".catalog/catalog.db")).unwrap();
    catalog.execute("UPDATE projects SET whole = 0 WHERE name = 'web'", []).unwrap();
    drop(catalog);
    let session = store.open(Access::ReadAsIs);
    let plan = clean::plan(&session.catalog, &all(), store.now()).unwrap();
    assert_eq!(planned(&plan), [runs[3].id.to_string()], "only the other project's");
    let refused = clean::plan(&session.catalog, &named(&[&runs[0]]), store.now());
    assert!(matches!(refused, Err(PlanError::RunsStay(_))), "{refused:?}");
}

#[test]
fn an_entry_stays_as_long_as_a_run_of_any_project_names_it() {
    let (store, runs) = shop();
    let session = store.open(Access::Read);
    let web = runs[0].project_key;
    let entry = |own: &str| {
        let found = session.catalog.cache_entries(web).unwrap();
        found.into_iter().find(|entry| entry.path == own_entry(own).as_bytes()).unwrap().key
    };
    let readers = |request: &Request| match clean::plan(&session.catalog, request, store.now()) {
        Ok(_) => Vec::new(),
        Err(PlanError::EntriesStay(stay)) => match &stay[0].why {
            WhyEntryStays::NamedBy(runs) => runs.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        },
        Err(other) => panic!("{other:?}"),
    };
    let (of_web, of_api) = (runs[1].id.to_string(), runs[3].id.to_string());
    assert_eq!(readers(&entries(vec![entry("20")])), [of_web, of_api.clone()]);
    let with = |runs: &[&Run]| Request { narrow: named(runs).narrow, ..entries(vec![entry("20")]) };
    assert_eq!(readers(&with(&[&runs[1]])), [of_api]);
    assert_eq!(readers(&with(&[&runs[1], &runs[3]])), [""; 0]);
    // And so it is with what the plan collects by itself.
    let collected = |runs: &[&Run]| planned_entries(&store.plan(&session, &named(runs)));
    assert_eq!(collected(&[&runs[1]]), [""; 0]);
    let both = collected(&[&runs[1], &runs[3]]);
    assert!(both.len() == 2 && both[1].ends_with(&own_entry("20")), "with what `api` has for itself: {both:?}");
    assert_eq!(collected(&[&runs[0]]).len(), 1);
}

#[test]
fn a_link_to_a_directory_of_the_cache_holds_every_entry_in_it() {
    let store = Store::new();
    let mut builder = store.builder();
    let run = builder.run(small("/a/web", store.days_ago(10))).unwrap();
    let other = builder.run(small("/a/web", store.days_ago(20))).unwrap();
    let web = Era::J.project_dir("/a/web");
    builder.cache_entry(&web, "build/1234abcd", b"#!/bin/sh\n", Some(store.days_ago(50))).unwrap();
    std::os::unix::fs::symlink("../../../.cache/build", run.join("tasks/build/all")).unwrap();
    let session = store.open(Access::Read);
    let found = session.catalog.cache_entries(1).unwrap();
    let key = found.iter().find(|entry| entry.path == b"build/1234abcd").unwrap().key;
    let runs = session.catalog.runs(&RunFilter::default()).unwrap();
    let plan = |runs: &[&Run]| {
        let request = Request { narrow: named(runs).narrow, ..entries(vec![key]) };
        clean::plan(&session.catalog, &request, store.now())
    };
    assert!(matches!(plan(&[]), Err(PlanError::EntriesStay(_))));
    assert!(matches!(plan(&[&runs[1]]), Err(PlanError::EntriesStay(_))), "{} names nothing", other.display());
    assert_eq!(planned_entries(&plan(&[&runs[0]]).unwrap()).len(), 1);
}

#[test]
fn the_policy_of_a_narrowed_clean_may_keep_nothing_and_a_plain_one_may_not() {
    let (store, runs) = shop();
    let session = store.open(Access::Read);
    let nothing = || Request { flags: Rules { keep: Some(Age::days(0)), ..Rules::default() }, ..Request::default() };
    let planned = |request: &Request| {
        clean::plan(&session.catalog, request, store.now()).map(|plan| {
            let emptied = plan.emptied().map(|project| project.name.clone()).collect::<Vec<_>>();
            (plan.removes.count, emptied)
        })
    };
    assert!(matches!(planned(&nothing()), Err(PlanError::Policy(_))));
    let only = |projects| Request { projects: Some(projects), ..nothing() };
    assert_eq!(planned(&only(vec![runs[3].project_key])).unwrap(), (1, vec!["api".to_owned()]));
    let failed = Narrowing { incomplete: true, ..Narrowing::default() };
    assert_eq!(planned(&Request { narrow: failed, ..nothing() }).unwrap(), (0, vec![]));
    // A policy that keeps something is what it is, whatever it comes to.
    let an_hour = Rules { keep: Some(Age::seconds(3600)), ..Rules::default() };
    assert_eq!(planned(&Request { flags: an_hour, ..Request::default() }).unwrap(), (4, vec![]));
    assert_eq!(planned(&all()).unwrap(), (4, vec!["api".to_owned(), "web".to_owned()]));
    assert_eq!(planned(&Request { cache: CacheMode::Only, ..all() }).unwrap(), (0, vec![]));
}

#[test]
fn a_plan_for_a_part_holds_nothing_that_the_whole_did_not() {
    let (store, runs) = shop();
    let session = store.open(Access::Delete);
    let whole = store.plan(&session, &named(&[&runs[0]]));
    let mut part = store.plan(&session, &all());
    part.keep_within(&whole);
    assert_eq!((planned(&part), part.removes), (planned(&whole), whole.removes));
    assert_eq!(planned_entries(&part), planned_entries(&whole));
}
