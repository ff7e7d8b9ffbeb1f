//! What is refused: plans of other stores, directories that are no stores, policies that keep nothing.

use super::*;
use crate::support::tree::Snapshot;
use otto_catalog::clean::{self, PlanError};
use otto_catalog::retention::{Config, Rules};
use otto_catalog::session::{Access, Error, Session, Settings};
use std::fs;

#[test]
fn a_plan_of_another_store_is_refused() {
    let (one, other) = (Store::new(), Store::new());
    for store in [&one, &other] {
        store.write(small("/a/web", store.days_ago(40)));
    }
    let plan = one.dry_run(&keep(30));
    let mut session = other.open(Access::Delete);
    let before = Snapshot::of(&other.root);
    let refused = clean::execute(&mut session, &other.settings(), plan, &execution());
    assert!(matches!(refused, Err(Error::OtherStore { .. })), "{refused:?}");
    before.assert_same(&Snapshot::of(&other.root), "a plan of another store did something");
}

#[test]
fn a_store_keeps_its_id_through_the_loss_of_its_catalog() {
    let store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    let id = || store.dry_run(&keep(30)).store_id;
    let first = id();
    let ours = |name: &str| store.root.join(".catalog").join(name);
    fs::remove_file(ours("catalog.db")).unwrap();
    assert_eq!(id(), first, "catalog.db was deleted");
    store.open(Access::Rebuild);
    assert_eq!(id(), first, "the catalog was rebuilt");
    fs::write(ours("catalog.db"), "torn").unwrap();
    assert_eq!(store.open(Access::Read).catalog.store_state().unwrap().store_id, first, "the catalog was damaged");
    fs::write(ours("store-id"), "torn").unwrap();
    store.open(Access::Delete);
    assert_eq!(fs::read_to_string(ours("store-id")).unwrap(), format!("{first}\n"), "the catalog knows it");
    fs::remove_file(ours("store-id")).unwrap();
    fs::remove_file(ours("catalog.db")).unwrap();
    assert_ne!(id(), first, "nobody knows it any more");
}

#[test]
fn a_catalog_from_elsewhere_takes_the_id_of_the_store() {
    let mut store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    let id = store.dry_run(&keep(30)).store_id;
    let other = Store::new();
    other.write(small("/a/web", other.days_ago(40)));
    other.look();
    fs::copy(other.root.join(".catalog/catalog.db"), store.outside("elsewhere.db")).unwrap();
    store.catalog = Some(store.outside("elsewhere.db"));
    assert_eq!(store.open(Access::Delete).catalog.store_state().unwrap().store_id, id);
}

#[test]
fn a_clock_that_went_back_stops_every_removal_and_no_look() {
    let mut store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    let now = store.now();
    store.open(Access::Delete);
    let before = Snapshot::of(&store.root);
    for (earlier, refused) in [(DAY, false), (DAY + 1, true), (100 * DAY, true), (-5 * DAY, false)] {
        store.set_now(now - earlier);
        let opened = store.try_open(Access::Delete).map(|_| ());
        match refused {
            true => assert!(matches!(opened, Err(Error::ClockWentBack { recorded, .. }) if recorded == now)),
            false => assert!(opened.is_ok(), "{earlier}: {opened:?}"),
        }
        // Who opened the store to read must not get past it either.
        let mut session = store.open(Access::Read);
        let plan = store.plan(&session, &keep(300));
        let executed = clean::execute(&mut session, &store.settings(), plan, &execution());
        assert_eq!(matches!(executed, Err(Error::ClockWentBack { .. })), refused, "{earlier}: {executed:?}");
    }
    before.assert_same(&Snapshot::of(&store.root), "nothing was to go");
}

#[test]
fn a_look_by_an_earlier_clock_does_not_make_it_the_one_that_counts_and_an_index_does() {
    let mut store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    store.open(Access::Delete);
    store.set_now(store.now() - 9 * DAY);
    store.write(small("/a/web", store.days_ago(3)));
    assert!(store.open(Access::Read).report.changed);
    assert!(matches!(store.try_open(Access::Delete), Err(Error::ClockWentBack { .. })));
    let session = store.open(Access::Index { full: false });
    assert!(matches!(session.notices.as_slice(), [otto_catalog::session::Notice::ClockSetBack { .. }]));
    assert_eq!(store.clean(&keep(30)).gone().len(), 1);
}

#[test]
fn a_catalog_that_is_made_anew_knows_from_the_audit_log_what_time_it_was() {
    for damaged in [false, true] {
        let mut store = Store::new();
        for days in [40, 5] {
            store.write(small("/a/web", store.days_ago(days)));
        }
        let now = store.now();
        store.clean(&keep(30));
        let catalog = store.root.join(".catalog/catalog.db");
        if damaged {
            fs::write(&catalog, "torn").unwrap()
        } else {
            fs::remove_file(&catalog).unwrap()
        }
        // A torn last line tells nothing; the one before does.
        let log = store.root.join(".catalog/audit.jsonl");
        let whole = fs::read_to_string(&log).unwrap();
        fs::write(&log, format!("{whole}{{\"schema\":\"otto.audit/1\",\"timest")).unwrap();
        store.set_now(now - 3 * DAY);
        let refused = store.try_open(Access::Delete).map(|_| ());
        assert!(matches!(refused, Err(Error::ClockWentBack { recorded, .. }) if recorded == now), "{refused:?}");
        fs::remove_file(&catalog).unwrap();
        store.open(Access::Index { full: false });
        assert!(store.try_open(Access::Delete).is_ok(), "who indexes means this clock");
    }
}

#[test]
fn what_was_planned_by_a_catalog_that_was_made_anew_meanwhile_is_not_done() {
    for deleted in [false, true] {
        let store = Store::new();
        store.write(small("/a/web", store.days_ago(40)));
        let settings = store.settings();
        let mut session = store.open(Access::Delete);
        let plan = store.plan(&session, &keep(30));
        // As while somebody reads the plan and thinks.
        session.unlock();
        if deleted {
            fs::remove_file(store.root.join(".catalog/catalog.db")).unwrap();
        } else {
            store.open(Access::Rebuild);
        }
        let before = Snapshot::of(&store.root);
        let refused = clean::execute(&mut session, &settings, plan, &execution());
        assert!(matches!(refused, Err(Error::CatalogReplaced(_))), "{refused:?}");
        before.assert_same(&Snapshot::of(&store.root), "a plan of rows that are no more");
        assert_eq!(store.clean(&keep(30)).gone().len(), 1, "nobody holds the lock, and the next clean does it");
    }
}

#[test]
fn no_more_runs_go_than_may() {
    use otto_catalog::retention::Limit;
    for (limit, refused) in [
        (Limit::Runs(1), true),
        (Limit::Runs(2), false),
        (Limit::Share(6666), true),
        (Limit::Share(6667), false),
        (Limit::Share(0), true),
    ] {
        let store = Store::new();
        for days in [60, 40, 1] {
            store.write(small("/a/web", store.days_ago(days)));
        }
        let before = Snapshot::of(&store.root);
        let done = store.try_clean(&Request { max_delete: Some(limit), ..keep_and_cache(30) });
        if refused {
            assert!(matches!(done, Err(Error::OverLimit { planned: 2, found: 3, .. })), "{limit}: {done:?}");
            before.assert_same(&Snapshot::of(&store.root), "something went");
            assert_eq!(store.trash(), Vec::<String>::new());
        } else {
            assert_eq!(done.unwrap().gone().len(), 2, "{limit}");
        }
    }
}

#[test]
fn a_directory_without_the_shape_of_a_store_is_never_cleaned_and_gets_nothing_of_ours() {
    let store = Store::new();
    for path in ["photos-deadbeef/2023/a.jpg", "notes.txt", "1700000000/tasks.txt", "old-cafe0123/readme"] {
        let path = store.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    let before = Snapshot::of(&store.root);
    assert!(matches!(store.try_clean(&keep(1)), Err(Error::NotAStore(_))));
    assert!(matches!(Session::open(&store.settings(), Access::Read), Err(Error::NotAStore(_))));
    before.assert_same(&Snapshot::of(&store.root), "it was changed");
    assert!(!store.root.join(".catalog").exists());
}

#[test]
fn the_user_s_home_and_what_lies_above_it_are_never_cleaned() {
    let store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    for never in [store.root.clone(), store.root.join("below/it")] {
        let settings = Settings { never_clean: vec![never], ..store.settings() };
        assert!(matches!(Session::open(&settings, Access::Delete), Err(Error::NeverCleaned(_))));
    }
    let root = Settings { home: "/".into(), ..store.settings() };
    assert!(matches!(Session::open(&root, Access::Delete), Err(Error::NeverCleaned(_))));
    assert_eq!(store.runs_in_place().len(), 1);
}

#[test]
fn a_policy_that_means_nothing_good_makes_no_plan() {
    let store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    let session = store.open(Access::Delete);
    let zero = Rules { keep: Some(Age::seconds(0)), ..Rules::default() };
    let config = |text: &str| Config::parse(text).unwrap();
    let typo = format!("retention: {{ per_project: {{ {}x: {{ keep_days: 900 }} }} }}", Era::J.project_dir("/a/web"));
    let requests = [
        Request { flags: zero.clone(), ..Request::default() },
        Request {
            flags: Rules { keep_failed: Some(Age::seconds(0)), keep_last: Some(0), ..zero },
            ..Request::default()
        },
        Request { config: config("retention: { default: { keep_days: 0 } }"), ..Request::default() },
        Request { config: config("retention: { per_project: { web: { keep_days: 0 } } }"), ..Request::default() },
        Request { config: config(&typo), ..keep(30) },
        Request { flags: Rules { keep_last: Some(u64::MAX), ..Rules::default() }, ..Request::default() },
    ];
    for request in requests {
        let refused = clean::plan(&session.catalog, &request, store.now());
        assert!(matches!(refused, Err(PlanError::Policy(_) | PlanError::Config(_))), "{request:?}");
    }
}

#[test]
fn nothing_is_deleted_without_a_catalog_on_disk() {
    let store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    // A directory in its place cannot be a catalog, and cannot be replaced by one unseen.
    fs::write(store.root.join(".catalog"), "not ours").unwrap();
    let before = Snapshot::of(&store.root);
    assert!(store.try_clean(&keep(30)).is_err());
    let session = store.open(Access::Read);
    assert_eq!((session.notices.len(), session.catalog.projects().unwrap().len()), (1, 1), "reading goes on");
    before.assert_same(&Snapshot::of(&store.root), "it was changed");
}

#[test]
fn a_store_of_nobody_is_empty_and_a_named_one_that_is_missing_is_an_error() {
    let mut store = Store::new();
    fs::remove_dir(&store.root).unwrap();
    assert!(store.try_open(Access::Read).is_err());
    store.is_default = true;
    assert_eq!(store.open(Access::Read).catalog.projects().unwrap().len(), 0);
    assert!(!store.root.exists(), "asking made it");
    fs::write(&store.root, "a file").unwrap();
    assert!(store.try_open(Access::Read).is_err(), "a store that is a file");
}
