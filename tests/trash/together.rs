//! Several at once: who decides or restores holds the lock, who unlinks does not.

use super::*;
use crate::support::fault;
use otto_catalog::clean::Request;
use otto_catalog::session::Error;
use otto_catalog::store::change::{Act, Hook};
use std::sync::{Arc, Mutex};

/// What another process saw in the middle of something.
type Seen = Arc<Mutex<Vec<String>>>;

fn seen() -> (Seen, Seen) {
    let seen = Seen::default();
    (Arc::clone(&seen), seen)
}

/// A store with a run in the trash since yesterday, and others that the next clean lets go.
fn with_an_older_operation() -> (Store, Vec<String>) {
    let store = store();
    let first = store.clean(&kept(keep(55)));
    let mut store = store;
    store.set_now(store.now() + DAY);
    (store, first.gone())
}

fn permanent() -> Request {
    keep_and_cache(30)
}

fn word(done: Result<Option<otto_catalog::clean::trash::Restored>, Error>) -> String {
    match done {
        Ok(Some(restored)) => format!("{} back, {} skipped", restored.runs.len(), restored.skipped.len()),
        Ok(None) => "nothing to undo".to_owned(),
        Err(Error::Busy(_)) => "busy".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_undo_waits_for_who_decides_and_not_for_who_unlinks() {
    for (act, expected) in [(Act::ToTrash, "busy"), (Act::Unlink, "2 back, 0 skipped")] {
        let (mut store, older) = with_an_older_operation();
        assert_eq!(older.iter().filter(|id| !id.starts_with("./")).count(), 3, "{older:?}");
        let (twin, (told, noted)) = (store.twin(), seen());
        let request = || kept(keep(55));
        // Only what is still there of them: one came back before.
        store.restore(&[&older[0], &older[1]]);
        store.hook = fault::before(act, 1, move || told.lock().unwrap().push(word(twin.try_undo())));
        let cleaned = store.clean(&permanent());
        store.hook = Hook::default();
        assert_eq!(noted.lock().unwrap().as_slice(), [expected], "before {act:?}");
        assert_eq!((cleaned.outcome.failed.len(), cleaned.outcome.skipped.len()), (0, 0), "{:?}", cleaned.outcome);
        if expected == "busy" {
            store.undo();
        }
        // What the undo brought back while the others were unlinked is there, whole; what went for good is gone.
        let present = store.runs_in_place();
        for id in &older[2..] {
            assert!(present.contains(id), "{id} is back");
        }
        assert!(cleaned.gone().iter().all(|id| !present.contains(id)));
        assert_eq!(store.trash(), [""; 0]);
        assert_eq!(store.clean(&request()).gone(), older[2..], "and goes again when it is asked for");
    }
}

#[test]
fn a_clean_during_an_undo_is_told_who_holds_the_lock() {
    let store = store();
    let before = Snapshot::of(&store.root);
    store.clean(&kept(keep_and_cache(30)));
    let (twin, (told, noted)) = (store.twin(), seen());
    let mut store = store;
    store.hook = fault::before(Act::PutBack, 2, move || {
        let done = match twin.try_clean(&permanent()) {
            Err(Error::Busy(holder)) => format!("busy: {holder}"),
            other => format!("{other:?}"),
        };
        told.lock().unwrap().push(done);
        // Who only lists never waits, and sees nothing that is gone for good.
        told.lock().unwrap().push(format!("{} vanished", twin.open(Access::Read).report.vanished));
    });
    store.undo();
    store.hook = Hook::default();
    assert_eq!(noted.lock().unwrap().as_slice(), ["busy: a test", "0 vanished"]);
    before.assert_same(&Snapshot::of(&store.root), "undone");
}

#[test]
fn what_is_being_emptied_cannot_be_undone_any_more() {
    let store = store();
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let (twin, (told, noted)) = (store.twin(), seen());
    let mut store = store;
    store.hook = fault::before(Act::Unlink, 1, move || {
        told.lock().unwrap().push(word(twin.try_undo()));
        told.lock().unwrap().push(format!("{} emptied again", twin.empty(None).deleted_runs.len()));
    });
    let emptied = store.empty(None);
    store.hook = Hook::default();
    assert_eq!(noted.lock().unwrap().as_slice(), ["nothing to undo", "0 emptied again"]);
    assert_eq!(emptied.deleted_runs.len(), cleaned.gone().len());
    assert_eq!(store.trash(), [""; 0]);
}

#[test]
fn what_was_restored_between_the_question_and_the_answer_is_not_emptied() {
    let store = store();
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let plan = otto_catalog::clean::trash::plan_empty(&session, &settings, None).unwrap();
    session.unlock();
    let one = cleaned.gone()[1].clone();
    store.twin().restore(&[&one]);
    let emptied = otto_catalog::clean::trash::empty(&mut session, &settings, plan, &execution()).unwrap();
    let skipped: Vec<_> = emptied.skipped.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(skipped, [one.as_str()], "{:?}", emptied.skipped);
    assert_eq!(emptied.deleted_runs.len(), cleaned.gone().len() - 1);
    assert!(store.runs_in_place().contains(&one));
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
}
