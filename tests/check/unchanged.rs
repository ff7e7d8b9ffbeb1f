//! Without `--fix`, not a byte changes: not in the tree, not in our directory, not beside the runner's database.

use super::*;
use rusqlite::config::DbConfig;

/// Leaves a write-ahead log behind, as a process does that is killed.
fn leave_a_log_behind(store: &Store) {
    let catalog = rusqlite::Connection::open(store.root.join(".catalog/catalog.db")).unwrap();
    catalog.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    catalog.execute_batch("UPDATE store SET refreshed_at = refreshed_at - 1").unwrap();
    drop(catalog);
    assert!(fs::metadata(store.root.join(".catalog/catalog.db-wal")).unwrap().len() > 0, "no log was left");
}

#[test]
fn a_check_changes_nothing_whatever_it_finds() {
    type Make = fn(&Store);
    let states: [(&str, Make); 9] = [
        ("at rest", |_| {}),
        ("after a clean", |store| drop(store.clean(&keep_and_cache(30)))),
        ("with a log of the catalog left behind", leave_a_log_behind),
        ("with runs that are new, changed and gone", |store| {
            let runs = store.runs_in_place();
            store.write(small("/home/dev/new", store.days_ago(2)));
            fs::write(store.root.join(runs.iter().find(|run| run.contains("web-")).unwrap()).join("more"), "x")
                .unwrap();
            fs::remove_dir_all(store.root.join(runs.iter().find(|run| run.contains("api-")).unwrap())).unwrap();
        }),
        ("with wrong sums", |store| spoil(store, "UPDATE projects SET runs = 77")),
        ("with a damaged catalog", |store| {
            fs::write(store.root.join(".catalog/catalog.db"), "no database at all").unwrap();
        }),
        ("without a catalog", |store| fs::remove_file(store.root.join(".catalog/catalog.db")).unwrap()),
        ("with an old catalog", |store| {
            let version = otto_catalog::catalog::SCHEMA - 1;
            spoil(store, &format!("PRAGMA user_version = {version}"));
        }),
        ("without our directory", |store| fs::remove_dir_all(store.root.join(".catalog")).unwrap()),
    ];
    for (state, make) in states {
        let store = store();
        make(&store);
        let before = everything(&store.root);
        check(&store);
        let after = everything(&store.root);
        let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(gone.is_empty() && new.is_empty(), "{state}: before {gone:#?}, after {new:#?}");
    }
}

#[test]
fn a_check_leaves_no_copy_behind() {
    let store = store();
    let before = names_in(&store.temporary());
    check(&store);
    assert_eq!(names_in(&store.temporary()), before);
}

#[test]
fn who_holds_the_lock_is_named_and_not_disturbed() {
    let store = store();
    let deleting = store.open(Access::Delete);
    let error = check::check(&store.settings()).unwrap_err();
    assert!(error.to_string().contains("holds the store's lock"), "{error}");
    assert_eq!(fs::read_to_string(store.root.join(".catalog/lock")).unwrap(), "a test");
    drop(deleting);
    assert!(check(&store).is_sound());
}

#[test]
fn a_catalog_of_a_later_version_is_neither_checked_nor_touched() {
    let store = store();
    spoil(&store, "PRAGMA user_version = 9999");
    let before = everything(&store.root);
    let error = check::check(&store.settings()).unwrap_err();
    assert!(error.to_string().contains("has schema 9999"), "{error}");
    assert_eq!(everything(&store.root), before);
}
