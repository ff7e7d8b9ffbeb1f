//! A crash test that cannot fail is worth nothing: each of the four spoiled orders of writes is played from outside, by a hook
//! that does at some change what a spoiled program would have done, and then kills. The checks of [`Scene`] must notice each.
//!
//! The same was tried with the program itself, each order spoiled by hand in its source, one at a time: the row committed
//! before the rename; the tree unlinked before the row; recovery that finishes what it should put back; the tree removed in
//! its place. Of the 27 tests in this directory 17, 21, 13 and 23 failed.

use super::scene::Scene;
use crate::support::fault;
use crate::support::*;
use otto_catalog::catalog::Departure;
use otto_catalog::model::RunState;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Cleans; at the first change of that kind does something spoiled, and dies there.
fn spoiled(act: Act, what: impl Fn(&Store) + Send + Sync + 'static) -> Scene {
    let mut scene = Scene::small();
    let (twin, done) = (scene.store.twin(), AtomicBool::new(false));
    let hook = Hook::new(move |found| {
        if found != act {
            return Ok(());
        }
        if !done.swap(true, Ordering::SeqCst) {
            what(&twin);
        }
        fault::stop()
    });
    assert!(scene.disturbed(hook).is_none(), "{act:?} never came");
    scene
}

/// Whether one of the checks that every crash test makes fails.
fn is_noticed(scene: &Scene) -> bool {
    let checks = || {
        scene.assert_nothing_lost("spoiled");
        let recovery = scene.store.recover();
        assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "spoiled");
        scene.assert_mended("spoiled");
        scene.assert_ends_well("spoiled");
    };
    catch_unwind(AssertUnwindSafe(checks)).is_err()
}

/// Where the run lies that goes.
fn run(scene: &Scene) -> std::path::PathBuf {
    scene.store.root.join(scene.goes.first().unwrap())
}

/// Everything that lies in the trash is removed, as if it had been decided.
fn remove_what_lies_in_the_trash(store: &Store) {
    for operation in store.trash() {
        fs::remove_dir_all(store.root.join(".catalog/trash").join(operation)).unwrap();
    }
}

#[test]
fn an_undisturbed_kill_is_nothing_to_notice() {
    for act in [Act::ToTrash, Act::Commit, Act::Unlink] {
        assert!(!is_noticed(&spoiled(act, |_| ())), "killed at {act:?}");
    }
}

#[test]
fn the_row_committed_before_the_rename_is_noticed() {
    let scene = spoiled(Act::ToTrash, |store| {
        let operation = store.trash().pop().unwrap();
        // The store's lock is the dying clean's: its catalog is written as it would be.
        let mut catalog = otto_catalog::catalog::Catalog::open(&store.root.join(".catalog/catalog.db"), false).unwrap();
        let key = catalog.runs(&Default::default()).unwrap().into_iter().min_by_key(|r| r.timestamp()).unwrap().key;
        let mut tx = catalog.begin_durable().unwrap();
        let departure = Departure { at: store.now(), operation: Some(&operation), reasons: None, keep_until: None };
        tx.leave(key, RunState::Removed, &departure).unwrap();
        tx.commit().unwrap();
    });
    assert!(run(&scene).exists(), "it was not moved");
    assert!(is_noticed(&scene), "the run is there, its row says that it is not, and nobody noticed");
}

#[test]
fn unlinking_before_the_row_is_noticed() {
    assert!(is_noticed(&spoiled(Act::Commit, remove_what_lies_in_the_trash)), "the run is gone and nobody decided it");
}

#[test]
fn recovery_that_deletes_what_it_should_put_back_is_noticed() {
    // Dead before the decision; then something mends the store, and mends it wrongly.
    let scene = spoiled(Act::Commit, |_| ());
    assert!(!run(&scene).exists() && scene.store.trash().len() == 1);
    drop(scene.store.open(Access::Delete));
    remove_what_lies_in_the_trash(&scene.store);
    assert!(is_noticed(&scene), "the run is gone and nobody decided it");
}

#[test]
fn deleting_in_place_without_a_trash_is_noticed() {
    let scene = spoiled(Act::ToTrash, |store| {
        let runs = store.runs_in_place();
        let oldest = store.root.join(runs.iter().min_by_key(|id| id.rsplit('/').next().unwrap().to_owned()).unwrap());
        fs::remove_dir_all(oldest.join("tasks/own")).unwrap();
    });
    assert!(is_noticed(&scene), "half a run is in its place");
}
