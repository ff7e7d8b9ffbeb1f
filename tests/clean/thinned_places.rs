//! Places of pieces: whose lock is held while they go, what is put back at once, and that no newcomer is ever touched.

use super::thinned::{disturbed, one, only, told};
use super::*;
use crate::support::digest::{assert_same, digest};
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::trash::kept;
use crate::support::tree::Snapshot;
use otto_catalog::clean;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use otto_catalog::store::parts::Part;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File};
use std::sync::{Arc, Mutex};

const BOTH: [Part; 2] = [Part::Logs, Part::Artifacts];

/// The changes of an undisturbed dropping of both parts.
fn acts(request: &Request) -> Vec<Act> {
    let (mut store, _) = one();
    store.look();
    let (hook, seen) = fault::watch();
    assert_eq!(disturbed(&mut store, request, hook), Some(true));
    seen.acts()
}

#[test]
fn the_lock_of_a_run_is_held_until_its_parts_are_decided_about() {
    let mut store = Store::new();
    let task = TaskSpec::failed("bad", 3).stderr("oh\n").artifact("out/a.txt", "aa");
    let run = store.write(RunSpec::new(Era::L, "/a/web", store.days_ago(90)).task(task));
    store.look();
    let lock = run.join(".lock");
    assert!(lock.exists());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (noted, path) = (Arc::clone(&asked), lock.clone());
    store.hook = Hook::new(move |act| {
        if matches!(act, Act::ToTrash | Act::Commit) {
            let free = flock(File::open(&path).unwrap(), FlockOperation::NonBlockingLockExclusive).is_ok();
            noted.lock().unwrap().push((act, free));
        }
        Ok(())
    });
    assert_eq!(only(&store, &BOTH, &keep(30)).unwrap().1.thinned.len(), 1);
    let asked = asked.lock().unwrap();
    let free = |wanted| asked.iter().filter(|(act, _)| *act == wanted).map(|(_, free)| *free).collect::<Vec<_>>();
    assert_eq!(free(Act::ToTrash), [false; 3], "a runner could begin to write while pieces go");
    assert!(!free(Act::Commit)[0], "or before it is decided");
    assert!(flock(File::open(&lock).unwrap(), FlockOperation::NonBlockingLockExclusive).is_ok(), "free in the end");
}

#[test]
fn what_took_the_place_of_a_piece_before_its_move_is_not_moved_at_all() {
    let (mut store, id) = one();
    store.look();
    let before = Snapshot::of(&store.root);
    let task = store.root.join(&id).join("tasks/bad");
    let (new, place) = (store.outside("new"), task.join("stdout.log"));
    let moves = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&moves);
    store.hook = Hook::new(move |act| {
        if act == Act::ToTrash {
            *counted.lock().unwrap() += 1;
            if *counted.lock().unwrap() == 1 {
                fs::write(&new, "written anew").unwrap();
                fs::rename(&new, &place).unwrap();
            }
        }
        Ok(())
    });
    let (_, outcome) = only(&store, &[Part::Logs], &keep(30)).unwrap();
    store.hook = Hook::default();
    assert_eq!(*moves.lock().unwrap(), 1, "for a moment the newcomer was not in its place");
    assert_eq!((outcome.thinned.len(), outcome.skipped.len()), (0, 1), "{outcome:?}");
    assert_eq!(fs::read_to_string(task.join("stdout.log")).unwrap(), "written anew");
    let differs = before.difference(&Snapshot::of(&store.root));
    assert!(differs.iter().all(|line| line.starts_with("! ") && line.contains("stdout.log")), "{differs:?}");
    assert_eq!(store.trash(), Vec::<String>::new());
}

#[test]
fn parts_that_cannot_go_are_put_back_at_once_and_not_by_the_next_command() {
    let acts = acts(&keep(30));
    let moves = acts.iter().enumerate().filter(|(_, act)| **act == Act::ToTrash).map(|(at, _)| at + 1);
    let first = |wanted| acts.iter().position(|act| *act == wanted).unwrap() + 1;
    let last_move = acts.iter().rposition(|act| *act == Act::ToTrash).unwrap() + 1;
    let sync = last_move + acts[last_move..].iter().position(|act| *act == Act::Sync).unwrap() + 1;
    assert!(sync < first(Act::Commit), "the moves are durable before they are decided: {acts:?}");
    for n in moves.chain([sync, first(Act::Commit)]) {
        let (mut store, _) = one();
        let (before, said) = (Snapshot::of(&store.root), told(&store));
        disturbed(&mut store, &keep(30), fail_at(n, Errno::IO).0);
        let when = format!("{:?} at {n}", acts[n - 1]);
        before.assert_same(&Snapshot::of(&store.root), &when);
        assert_eq!(store.kept(), Vec::<String>::new(), "{when}");
        assert_eq!(told(&store), said, "{when}");
        assert!(store.contents().iter().all(|one| one.items.is_empty()), "{when}");
    }
}

#[test]
fn of_a_run_only_what_was_dropped_differs() {
    let (store, id) = one();
    store.look();
    let before = Snapshot::of(&store.root);
    only(&store, &BOTH, &keep(30)).unwrap();
    let lost = before.difference(&Snapshot::of(&store.root));
    assert!(lost.len() == 9 && lost.iter().all(|line| line.starts_with(&format!("- {id}/tasks/"))), "{lost:?}");
}

#[test]
fn a_newcomer_in_the_place_of_a_piece_stays_and_everything_else_comes_back() {
    let commit = acts(&keep(30)).iter().position(|act| *act == Act::Commit).unwrap() + 1;
    for (way, decided) in [("undo", true), ("recovery", false)] {
        for path in ["bad/out", "bad/stderr.log", "good/half.tmp"] {
            let (mut store, id) = one();
            let (before, said) = (Snapshot::of(&store.root), told(&store));
            if decided {
                only(&store, &BOTH, &kept(keep(30))).unwrap();
            } else {
                assert_eq!(disturbed(&mut store, &keep(30), stop_at(commit).0), None);
            }
            let place = store.root.join(&id).join("tasks").join(path);
            assert!(!place.exists(), "{way}: {path}");
            let parent = place.parent().unwrap();
            let time = fs::metadata(parent).unwrap().modified().unwrap();
            let back_in_time = || File::open(parent).unwrap().set_modified(time).unwrap();
            fs::write(&place, "a newcomer").unwrap();
            back_in_time();
            let when = format!("{way}: {path}");
            if decided {
                let restored = store.undo();
                assert_eq!((restored.thinned.len(), restored.skipped.len()), (0, 1), "{when}: {restored:?}");
                assert!(restored.failed.is_empty(), "{when}: {restored:?}");
            } else {
                let recovery = store.recover();
                assert_eq!((recovery.put_back.len(), recovery.reported.len()), (0, 1), "{when}: {recovery:?}");
            }
            assert_eq!(fs::read_to_string(&place).unwrap(), "a newcomer", "{when}");
            let differs = before.difference(&Snapshot::of(&store.root));
            assert!(differs.iter().all(|line| line.contains(&format!("tasks/{path}"))), "{when}: {differs:?}");
            assert_same(&digest(&store.look().catalog), &digest(&full(&store)), &when);
            assert_eq!(store.trash().len(), 1, "{when}: ours stays in the trash");
            fs::remove_file(&place).unwrap();
            back_in_time();
            if decided {
                assert_eq!(store.undo().thinned.len(), 1, "{when}");
            } else {
                assert_eq!(store.recover().put_back.len(), 1, "{when}");
            }
            before.assert_same(&Snapshot::of(&store.root), &when);
            assert_eq!(told(&store), said, "{when}");
            assert_eq!(store.trash(), Vec::<String>::new(), "{when}");
        }
    }
}

/// The catalog after a walk of everything.
fn full(store: &Store) -> otto_catalog::catalog::Catalog {
    let mut session = store.open(Access::Delete);
    session.refresh(&store.settings(), true).unwrap();
    drop(session);
    store.look().catalog
}

#[test]
fn what_came_back_is_durable_before_it_is_forgotten() {
    let (mut store, _) = one();
    store.look();
    only(&store, &BOTH, &kept(keep(30))).unwrap();
    let (hook, seen) = fault::watch();
    store.hook = hook;
    store.undo();
    let acts = seen.acts();
    let last = acts.iter().rposition(|act| *act == Act::PutBack).unwrap();
    let next = |wanted| acts[last..].iter().position(|act| *act == wanted).unwrap();
    assert!(next(Act::Sync) < next(Act::RemoveDir), "{acts:?}");
}

#[test]
fn parts_of_a_pinned_run_are_not_emptied_from_the_trash() {
    let (store, id) = one();
    store.look();
    only(&store, &[Part::Logs], &kept(keep(30))).unwrap();
    let settings = store.settings();
    let planned = clean::trash::plan_empty(&store.open(Access::Read), &settings, None).unwrap();
    assert!(!planned.is_empty());
    store.pin(&id);
    let mut session = store.open(Access::Delete);
    session.unlock();
    let outcome = clean::trash::empty(&mut session, &settings, planned, &execution()).unwrap();
    drop(session);
    let reasons = |skips: &[clean::Skipped]| skips.iter().map(|s| s.reason.clone()).collect::<Vec<_>>();
    assert_eq!(reasons(&outcome.skipped), ["pinned"], "pinned since it was planned");
    assert!(store.emptying(None).is_empty(), "and it is not planned");
    assert_eq!(reasons(&store.empty(None).skipped), ["pinned"]);
    assert_eq!(store.kept(), [format!("parts of {id}")]);
    assert_eq!(store.undo().thinned.len(), 1);
}

#[test]
fn parts_that_were_given_up_since_are_not_brought_back() {
    let (mut store, id) = one();
    store.look();
    only(&store, &BOTH, &kept(keep(30))).unwrap();
    let session = store.open(Access::Read);
    let last = clean::trash::last_operation(&session, &store.settings()).unwrap().unwrap();
    let wanted = clean::trash::Wanted::Operation(&last);
    let plan = clean::trash::plan_restore(&session, &store.settings(), wanted).unwrap();
    drop(session);
    store.hook = Hook::new(|act| if act == Act::Unlink { fault::stop() } else { Ok(()) });
    assert!(until_stopped(|| store.empty(None)).is_none());
    store.hook = Hook::default();
    let mut session = store.open(Access::Delete);
    let restored = clean::trash::restore(&mut session, &store.settings(), plan, &execution()).unwrap();
    drop(session);
    assert_eq!((restored.thinned.len(), restored.skipped.len()), (0, 1), "{restored:?}");
    assert!(!store.root.join(&id).join("tasks/bad/stdout.log").exists());
    store.recover();
    assert_eq!(store.trash(), Vec::<String>::new());
}

#[test]
fn ages_of_parts_are_asked_only_where_every_run_that_goes_is_known() {
    let (store, _) = one();
    let session = store.open(Access::Read);
    let mut request = keep(30);
    request.flags.keep_logs = Some(Age::days(1));
    let mut plan = clean::plan(&session.catalog, &request, store.now()).unwrap();
    assert_eq!(plan.runs.len(), 1);
    plan.runs.clear();
    let refused = clean::with_parts(&session, &store.settings(), plan, &request);
    assert!(
        matches!(refused, Err(otto_catalog::session::Error::PreviewOnly)),
        "a run that goes would be thinned as well"
    );
}

#[test]
fn what_was_moved_in_the_place_of_a_piece_goes_back_before_anything_else_is_moved() {
    let (mut store, id) = one();
    store.look();
    let log = store.root.join(&id).join("tasks/bad/stderr.log");
    let (new, place) = (store.outside("new"), log.clone());
    let moves = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&moves);
    store.hook = Hook::new(move |act| {
        if matches!(act, Act::ToTrash | Act::PutBack) {
            let mut moves = noted.lock().unwrap();
            if moves.is_empty() {
                fs::write(&new, "written anew").unwrap();
                fs::rename(&new, &place).unwrap();
            }
            moves.push(act);
        }
        Ok(())
    });
    let (_, outcome) = only(&store, &[Part::Logs], &keep(30)).unwrap();
    assert_eq!((outcome.thinned.len(), outcome.skipped.len()), (0, 1), "{outcome:?}");
    assert_eq!(*moves.lock().unwrap(), [Act::ToTrash, Act::PutBack]);
    assert_eq!(fs::read_to_string(&log).unwrap(), "written anew");
}
