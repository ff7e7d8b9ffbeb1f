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
    assert!(matches!(refused, Err(Error::NoCatalog(_))), "{refused:?}");
    before.assert_same(&Snapshot::of(&other.root), "a plan of another store did something");
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
        Request { flags: zero, ..Request::default() },
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
