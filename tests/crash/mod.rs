//! A clean that dies, or fails, at every change it makes.
//!
//! The store's hook is asked before each change. Stopping there, with everything dropped, is to the disk what a kill is.
//! Whatever the point, after recovery: what was to stay is untouched, what was to go is whole in its place or gone, nothing
//! lies in the trash, no script of a run that is there is gone, the catalog says what a new one would say, and cleaning
//! again ends where an undisturbed clean ends.
//!
//! These tests must fail when the order of writes is spoiled: the row before the rename; unlinking before the row; recovery
//! that deletes what it should put back; deleting in place without a trash.

mod configure;
mod noted;
mod scene;
mod spoiled;
mod trash;
mod user_file;
mod ways;

use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::tree::{Snapshot, dangling_scripts, du};
use crate::support::*;
use otto_catalog::clean;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use rustix::io::Errno;
use scene::Scene;

/// How many changes an undisturbed clean makes, and that it does what it should.
fn acts_of(mut scene: Scene) -> Vec<Act> {
    let (hook, seen) = fault::watch();
    let size = du(&scene.store.root);
    let cleaned = scene.disturbed(hook).unwrap().unwrap();
    assert_eq!(cleaned.gone(), scene.goes.iter().cloned().collect::<Vec<_>>());
    assert_eq!(cleaned.gone_entries(), scene.entries.iter().cloned().collect::<Vec<_>>());
    assert_eq!(size - du(&scene.store.root), cleaned.outcome.freed());
    scene.assert_ends_well("undisturbed");
    let acts = seen.acts();
    for act in
        [Act::MakeDir, Act::WriteFile, Act::Sync, Act::ToTrash, Act::Commit, Act::Unlink, Act::RemoveDir, Act::Audit]
    {
        assert!(acts.contains(&act), "{act:?} is never asked about");
    }
    acts
}

/// In two halves, since it is the longest of all tests and they run beside each other.
#[test]
fn a_clean_killed_at_any_odd_change_and_its_recovery_killed_at_any_change_lose_nothing() {
    killed_and_its_recovery_killed(1);
}

#[test]
fn a_clean_killed_at_any_even_change_and_its_recovery_killed_at_any_change_lose_nothing() {
    killed_and_its_recovery_killed(2);
}

fn killed_and_its_recovery_killed(first: usize) {
    let acts = acts_of(Scene::small()).len();
    for n in (first..=acts).step_by(2) {
        for m in 1.. {
            let mut scene = Scene::small();
            assert!(scene.disturbed(stop_at(n).0).is_none(), "not stopped at {n} of {acts}");
            scene.assert_nothing_lost(&format!("killed at {n}"));
            // Every third time somebody lists in between: that must not turn what lies in the trash into what is lost.
            if (n + m) % 3 == 0 {
                assert_eq!(scene.store.look().report.vanished, 0, "killed at {n}: what lies in the trash is not lost");
            }
            let (hook, _) = stop_at(m);
            scene.store.hook = hook;
            let recovered = until_stopped(|| scene.store.recover());
            scene.store.hook = Hook::default();
            let when = format!("killed at {n}, recovery killed at {m}");
            scene.assert_nothing_lost(&when);
            if recovered.is_none() {
                let last = scene.store.recover();
                assert_eq!((&last.reported, &last.failed), (&vec![], &vec![]), "{when}");
            }
            scene.assert_mended(&when);
            if recovered.is_some() || (n + m) % 5 == 0 {
                scene.assert_ends_well(&when);
            }
            if recovered.is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_clean_of_several_projects_killed_at_any_change_is_mended_by_a_recovery_that_dies_again_and_again() {
    let acts = acts_of(Scene::large()).len();
    for n in 1..=acts {
        let mut scene = Scene::large();
        scene.disturbed(stop_at(n).0);
        let when = format!("killed at {n} of {acts}");
        scene.assert_nothing_lost(&when);
        if n % 2 == 0 {
            assert_eq!(scene.store.look().report.vanished, 0, "{when}: what lies in the trash is not lost");
        }
        for m in 1.. {
            scene.store.hook = stop_at(m * 3).0;
            let done = until_stopped(|| scene.store.recover());
            scene.store.hook = Hook::default();
            scene.assert_nothing_lost(&when);
            if let Some(recovery) = done {
                assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
                break;
            }
        }
        scene.assert_mended(&when);
        scene.assert_ends_well(&when);
    }
}

#[test]
fn a_clean_that_fails_at_any_change_loses_nothing_and_the_next_one_ends_it() {
    let acts = acts_of(Scene::small());
    for (at, act) in acts.iter().enumerate() {
        for error in [Errno::ACCESS, Errno::NOSPC, Errno::IO, Errno::NOTEMPTY] {
            let mut scene = Scene::small();
            let when = format!("{error:?} at {} ({act:?})", at + 1);
            let done = scene.disturbed(fail_at(at + 1, error).0).unwrap();
            scene.assert_nothing_lost(&when);
            if let Ok(cleaned) = &done {
                // What is told as gone is out of its place, and what is told as failed is not told as gone.
                for (id, _) in &cleaned.outcome.deleted_runs {
                    assert!(!scene.store.root.join(id).exists(), "{when}: {id} is told as gone");
                }
                if *act == Act::ToTrash {
                    assert!(!cleaned.outcome.failed.is_empty(), "{when}: nobody is told");
                }
            }
            let recovery = scene.store.recover();
            assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
            scene.assert_mended(&when);
            scene.assert_ends_well(&when);
        }
    }
}

#[test]
fn a_run_that_cannot_be_moved_does_not_keep_the_others() {
    for n in 1..=3 {
        let scene = Scene::large();
        let mut store = scene.store;
        let moves = std::sync::atomic::AtomicUsize::new(0);
        store.hook = Hook::new(move |act| {
            let this = act == Act::ToTrash && moves.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == n;
            if this { Err(Errno::ACCESS.into()) } else { Ok(()) }
        });
        let outcome = store.clean(&keep_and_cache(30)).outcome;
        assert_eq!(outcome.failed.len(), 1, "{:?}", outcome.failed);
        assert_eq!(outcome.deleted_runs.len(), scene.goes.len() - 1);
        assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
        store.hook = Hook::default();
        store.clean(&keep_and_cache(30));
        assert_eq!(store.runs_in_place().len(), scene.runs.len() - scene.goes.len());
    }
}

#[test]
fn a_full_disk_at_every_write_of_ours_loses_nothing() {
    // Not once but for as long as the disk is full; what frees is let through.
    let mut scene = Scene::large();
    let done = scene.disturbed(Hook::new(|act| match act {
        Act::MakeDir | Act::WriteFile | Act::Commit | Act::Audit => Err(Errno::NOSPC.into()),
        _ => Ok(()),
    }));
    assert!(done.unwrap().is_err(), "nothing can be decided without room to record it");
    scene.assert_nothing_lost("full");
    scene.store.recover();
    scene.assert_mended("room again");
    scene.assert_ends_well("room again");
}

#[test]
fn what_the_trash_holds_whole_without_a_row_is_put_back_after_the_catalog_was_deleted() {
    let acts = acts_of(Scene::small());
    let commit = acts.iter().position(|act| *act == Act::Commit).unwrap() + 1;
    let mut scene = Scene::small();
    assert!(scene.disturbed(stop_at(commit).0).is_none());
    assert!(!scene.store.root.join(scene.goes.first().unwrap()).exists(), "it lies in the trash");
    for name in names_in(&scene.store.root.join(".catalog")).iter().filter(|n| n.starts_with("catalog.db")) {
        std::fs::remove_file(scene.store.root.join(".catalog").join(name)).unwrap();
    }
    let recovery = scene.store.recover();
    assert_eq!(recovery.put_back, scene.goes.iter().cloned().collect::<Vec<_>>());
    scene.assert_mended("put back without a catalog");
}

#[test]
fn a_run_that_appeared_meanwhile_is_never_replaced_by_what_is_put_back() {
    let acts = acts_of(Scene::small());
    let commit = acts.iter().position(|act| *act == Act::Commit).unwrap() + 1;
    for as_a_directory in [true, false] {
        let mut scene = Scene::small();
        assert!(scene.disturbed(stop_at(commit).0).is_none());
        let place = scene.store.root.join(scene.goes.first().unwrap());
        if as_a_directory {
            std::fs::create_dir(&place).unwrap();
        } else {
            std::fs::write(&place, "a newcomer").unwrap();
        }
        let recovery = scene.store.recover();
        assert_eq!((recovery.put_back.len(), recovery.reported.len()), (0, 1), "{recovery:?}");
        let stays = if as_a_directory { place.is_dir() } else { std::fs::read(&place).unwrap() == b"a newcomer" };
        assert!(stays, "the newcomer stays");
        assert_eq!(scene.store.trash().len(), 1, "ours stays in the trash");
        let _ = std::fs::remove_dir(&place).or_else(|_| std::fs::remove_file(&place));
        assert_eq!(scene.store.recover().put_back.len(), 1);
        scene.assert_mended("the place is free again");
    }
}

#[test]
fn nothing_goes_whose_decision_could_not_be_recorded() {
    for n in [1, 2] {
        let mut scene = Scene::small();
        let commits = std::sync::atomic::AtomicUsize::new(0);
        let hook = Hook::new(move |act| {
            let this = act == Act::Commit && commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == n;
            if this { Err(Errno::IO.into()) } else { Ok(()) }
        });
        let outcome = scene.disturbed(hook).unwrap().unwrap().outcome;
        let when = format!("commit {n} fails");
        scene.assert_mended(&when);
        let is_there = |path: &str| scene.store.root.join(path).exists();
        assert_eq!(scene.goes.iter().all(|run| is_there(run)), n == 1, "{when}: {outcome:?}");
        assert!(scene.entries.iter().all(|e| is_there(&e.replacen('/', "/.cache/", 1))), "{when}: {outcome:?}");
        assert_eq!((outcome.deleted_runs.len(), outcome.deleted_cache.len()), (n - 1, 0), "{when}");
        assert_eq!(outcome.failed.len() + outcome.skipped.len(), if n == 1 { 2 } else { 1 }, "{when}: {outcome:?}");
        scene.assert_ends_well(&when);
    }
}

#[test]
fn an_entry_whose_removal_was_not_committed_is_put_back_also_when_a_look_noted_it_as_gone() {
    let acts = acts_of(Scene::small());
    let commits = acts.iter().enumerate().filter(|(_, act)| **act == Act::Commit);
    let second = commits.map(|(at, _)| at + 1).nth(1).unwrap();
    for looked_at in [false, true] {
        let mut scene = Scene::small();
        assert!(scene.disturbed(stop_at(second).0).is_none());
        let entry = scene.entries.first().unwrap().replacen('/', "/.cache/", 1);
        assert!(!scene.store.root.join(&entry).exists(), "it lies in the trash");
        if looked_at {
            scene.store.look();
        }
        assert_eq!(scene.store.recover().put_back, std::slice::from_ref(&entry));
        scene.before.at(&entry).assert_same(&Snapshot::of(&scene.store.root).at(&entry), "put back as it was");
        scene.assert_ends_well("an entry put back");
    }
}

#[test]
fn what_was_never_decided_is_not_unlinked_even_when_it_could_not_be_put_back() {
    // The commit of the runs, and that of the entries.
    for n in [1, 2] {
        let mut scene = Scene::small();
        let commits = std::sync::atomic::AtomicUsize::new(0);
        let hook = Hook::new(move |act| match act {
            Act::Commit if commits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 < n => Ok(()),
            Act::Commit | Act::PutBack => Err(Errno::IO.into()),
            _ => Ok(()),
        });
        let outcome = scene.disturbed(hook).unwrap().unwrap().outcome;
        let when = format!("from commit {n} on neither committed nor put back");
        assert_eq!(
            (outcome.failed.len(), outcome.deleted_runs.len(), outcome.deleted_cache.len()),
            (1, n - 1, 0),
            "{when}: {outcome:?}"
        );
        let undecided: Vec<String> = match n {
            1 => scene.goes.iter().cloned().collect(),
            _ => scene.entries.iter().map(|entry| entry.replacen('/', "/.cache/", 1)).collect(),
        };
        assert_eq!(scene.store.recover().put_back, undecided, "{when}");
        scene.assert_mended(&when);
        scene.assert_ends_well(&when);
    }
}

#[test]
fn a_decision_of_another_operation_about_a_run_of_that_name_decides_nothing() {
    let acts = acts_of(Scene::small());
    let commit = acts.iter().position(|act| *act == Act::Commit).unwrap() + 1;
    let mut scene = Scene::small();
    assert!(scene.disturbed(stop_at(commit).0).is_none());
    let (run, operation) = (scene.goes.first().unwrap().clone(), scene.store.trash().pop().unwrap());
    let lies = scene.store.root.join(".catalog/trash").join(operation).join(&run);
    // Somebody puts a copy in its place; that is removed, and its row says so.
    let place = scene.store.root.join(&run);
    assert!(std::process::Command::new("cp").arg("-a").arg(&lies).arg(&place).status().unwrap().success());
    let cleaned = scene.store.clean(&keep(30));
    assert_eq!((cleaned.recovery.reported.len(), cleaned.gone()), (1, vec![run.clone()]), "{:?}", cleaned.recovery);
    assert!(lies.exists() && !place.exists());
    let recovery = scene.store.recover();
    assert_eq!((recovery.put_back, recovery.finished), (vec![run.clone()], 0));
    scene.before.at(&run).assert_same(&Snapshot::of(&scene.store.root).at(&run), "put back as it was");
    assert_eq!(scene.store.trash(), Vec::<String>::new());
}

#[test]
fn an_operation_that_somebody_else_is_unlinking_is_left_alone() {
    let mut scene = Scene::large();
    let (twin, told) = (scene.store.twin(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let noted = std::sync::Arc::clone(&told);
    let request = || keep_and_cache(30);
    let cleaned = scene.disturbed(fault::before(Act::Unlink, 3, move || {
        // No lock of the store is held while files go: others may list, and clean, all the while.
        let listed = twin.look().catalog.runs(&Default::default()).unwrap().len();
        let cleaned = twin.clean(&request());
        let pending = clean::pending(&twin.open(Access::Read), &twin.settings()).unwrap();
        noted.lock().unwrap().push((listed, cleaned.recovery.is_empty(), cleaned.gone().len(), pending));
    }));
    let stay = scene.runs.len() - scene.goes.len();
    assert_eq!(told.lock().unwrap().as_slice(), [(stay, true, 0, clean::Pending::default())]);
    let outcome = cleaned.unwrap().unwrap().outcome;
    assert_eq!((outcome.deleted_runs.len(), outcome.failed.len()), (scene.goes.len(), 0));
    scene.assert_ends_well("two cleaners");
}

#[test]
fn a_dry_run_says_what_recovery_would_do_and_does_nothing() {
    let acts = acts_of(Scene::small());
    let unlink = acts.iter().position(|act| *act == Act::Unlink).unwrap() + 1;
    for (n, put_back, finish) in [(acts.iter().position(|a| *a == Act::Commit).unwrap() + 1, 1, 0), (unlink, 0, 2)] {
        let mut scene = Scene::small();
        assert!(scene.disturbed(stop_at(n).0).is_none());
        let before = Snapshot::of(&scene.store.root.join(".catalog/trash"));
        let session = scene.store.open(Access::Read);
        let expected = clean::Pending { put_back, finish, ..Default::default() };
        assert_eq!(clean::pending(&session, &scene.store.settings()).unwrap(), expected, "stopped at {n}");
        before.assert_same(&Snapshot::of(&scene.store.root.join(".catalog/trash")), "a dry run recovers nothing");
    }
}
