//! What a crash kept from the audit log is in it before anything of it is unlinked, and again after the log was lost.

use super::*;
use crate::support::log::Told;
use std::fs;
use std::sync::{Arc, Mutex};

/// A clean that was killed after that many changes of its kind, counted from 0.
fn killed_at(act: Act, nth: usize) -> Scene {
    let acts = acts_of(Scene::small());
    let at = acts.iter().enumerate().filter(|(_, seen)| **seen == act).nth(nth).unwrap().0 + 1;
    let mut scene = Scene::small();
    assert!(scene.disturbed(stop_at(at).0).is_none());
    scene
}

#[test]
fn the_log_is_told_before_anything_is_unlinked() {
    // Decided and not noted: the first line of the log is the one that was to be written.
    let mut scene = killed_at(Act::Audit, 0);
    assert!(Told::of(&scene.store.root).lines.is_empty());
    let root = scene.store.root.clone();
    let told = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&told);
    scene.store.hook = Hook::new(move |act| {
        if [Act::Unlink, Act::RemoveDir].contains(&act) {
            noted.lock().unwrap().get_or_insert_with(|| Told::of(&root).runs());
        }
        Ok(())
    });
    scene.store.recover();
    scene.store.hook = Hook::default();
    assert_eq!(told.lock().unwrap().clone().unwrap(), scene.goes.iter().cloned().collect::<Vec<_>>());
    scene.assert_audit_agrees("mended");
}

#[test]
fn what_cannot_be_noted_is_not_unlinked_unless_the_disk_is_full() {
    for (error, waits) in [(Errno::ACCESS, true), (Errno::NOSPC, false)] {
        let mut scene = killed_at(Act::Audit, 0);
        scene.store.hook = Hook::new(move |act| if act == Act::Audit { Err(error.into()) } else { Ok(()) });
        let recovery = scene.store.recover();
        assert!(recovery.reported.iter().any(|line| line.contains("audit log")), "{error}: {recovery:?}");
        assert_eq!(scene.store.trash().is_empty(), !waits, "{error}");
        scene.assert_nothing_lost(&error.to_string());
        // The rows are still there, so the next one notes them.
        scene.store.hook = Hook::default();
        scene.store.recover();
        scene.assert_mended(&format!("after {error}"));
    }
}

#[test]
fn an_end_that_was_not_recorded_is_found_although_nothing_lies_in_the_trash() {
    // Killed when all but the end of the operation was done, and its directory removed by somebody else since.
    let acts = acts_of(Scene::small());
    let last = acts.iter().rposition(|act| *act == Act::Audit).unwrap() + 1;
    let mut scene = Scene::small();
    assert!(scene.disturbed(stop_at(last).0).is_none());
    fs::remove_dir_all(scene.store.root.join(".catalog/trash")).unwrap();
    assert_eq!(Told::of(&scene.store.root).unfinished().len(), 1);
    scene.store.recover();
    scene.assert_audit_agrees("without a trash");
    let session = scene.store.look();
    assert!(session.catalog.open_operations().unwrap().is_empty());
}

#[test]
fn recovery_over_and_over_says_everything_once() {
    let scene = killed_at(Act::Audit, 0);
    for _ in 0..3 {
        scene.store.recover();
    }
    let told = Told::of(&scene.store.root);
    assert_eq!(told.lines.iter().filter(|line| line.event.kind() == "removed").count(), 1);
    assert_eq!(told.lines.iter().filter(|line| line.event.kind() == "finished").count(), 1);
    assert!(told.lines.iter().all(|line| line.head.command == "otto clean" && line.head.who == "a test"));
}
