//! A clean into the trash, its undoing and the emptying of the trash, killed or failing at every change they make.
//!
//! Whatever the point: what was to stay is untouched, a run is whole in its place or whole in the trash or was decided to
//! go, an undo ends in the very tree that was there at first, and nothing leaks in the trash.

use super::scene::Scene;
use crate::support::digest::{assert_same, digest};
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::trash::kept;
use crate::support::tree::{Snapshot, dangling_scripts};
use crate::support::*;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use rustix::io::Errno;

/// A scene with what its catalog says before the clean.
struct Kept {
    scene: Scene,
    answers: Vec<String>,
}

impl Kept {
    fn small() -> Self {
        Self::of(Scene::small())
    }

    fn of(scene: Scene) -> Self {
        let answers = digest(&scene.store.open(Access::Read).catalog);
        Self { scene, answers }
    }

    /// After an undisturbed clean into the trash.
    fn cleaned(self) -> Self {
        let cleaned = self.scene.store.clean(&kept(keep_and_cache(30)));
        assert_eq!(cleaned.gone(), self.scene.goes.iter().cloned().collect::<Vec<_>>());
        self
    }

    /// Does something with that hook; `None` when it was stopped.
    fn with<T>(&mut self, hook: Hook, act: impl FnOnce(&Store) -> T) -> Option<T> {
        self.scene.store.hook = hook;
        let done = until_stopped(|| act(&self.scene.store));
        self.scene.store.hook = Hook::default();
        done
    }

    fn clean(&mut self, hook: Hook) -> Option<bool> {
        self.with(hook, |store| store.try_clean(&kept(keep_and_cache(30))).is_ok())
    }

    fn undo(&mut self, hook: Hook) -> Option<bool> {
        self.with(hook, |store| store.try_undo().is_ok())
    }

    fn empty(&mut self, hook: Hook) -> Option<bool> {
        self.with(hook, |store| store.try_empty(None).is_ok())
    }

    fn recover(&mut self, hook: Hook) -> Option<bool> {
        self.with(hook, |store| {
            let recovery = store.recover();
            recovery.reported.is_empty() && recovery.failed.is_empty()
        })
    }

    /// Every run that is gone from its place lies whole in the trash, and can come back.
    fn assert_nothing_lost(&self, when: &str) {
        self.scene.assert_nothing_lost(when);
        assert_eq!(dangling_scripts(&self.scene.store.root), Vec::<std::path::PathBuf>::new(), "{when}");
    }

    /// Undone as far as it goes, the store is what it was, and the trash is empty.
    fn assert_undone(&mut self, when: &str) {
        let recovery = self.scene.store.recover();
        assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
        if let Some(restored) = self.scene.store.try_undo().unwrap() {
            assert_eq!((&restored.skipped, &restored.failed), (&vec![], &vec![]), "{when}");
            assert_eq!(restored.notices, Vec::<String>::new(), "{when}");
        }
        self.scene.before.assert_same(&Snapshot::of(&self.scene.store.root), &format!("{when}: undone"));
        assert_eq!(self.scene.store.trash(), Vec::<String>::new(), "{when}: something leaks");
        let session = self.scene.store.open(Access::Read);
        assert_same(&self.answers, &digest(&session.catalog), &format!("{when}: the catalog"));
    }
}

/// The changes that something makes undisturbed.
fn acts_of(mut kept: Kept, what: impl FnOnce(&mut Kept, Hook) -> Option<bool>) -> Vec<Act> {
    let (hook, seen) = fault::watch();
    assert_eq!(what(&mut kept, hook), Some(true));
    seen.acts()
}

#[test]
fn a_clean_into_the_trash_killed_at_any_change_and_its_recovery_too_can_be_undone() {
    let acts = acts_of(Kept::small(), Kept::clean);
    assert!(acts.contains(&Act::Link), "{acts:?}");
    assert!(!acts[..acts.len() - 2].contains(&Act::Unlink), "nothing of the user's is unlinked: {acts:?}");
    for n in 1..=acts.len() {
        for m in 1.. {
            let mut kept = Kept::small();
            assert!(kept.clean(stop_at(n).0).is_none(), "not stopped at {n}");
            let when = format!("killed at {n} ({:?}), recovery killed at {m}", acts[n - 1]);
            kept.assert_nothing_lost(&when);
            if (n + m) % 3 == 0 {
                assert_eq!(kept.scene.store.look().report.vanished, 0, "{when}");
            }
            let recovered = kept.recover(stop_at(m).0);
            kept.assert_nothing_lost(&when);
            kept.assert_undone(&when);
            if recovered.is_some() {
                break;
            }
        }
    }
}

#[test]
fn an_undo_killed_at_any_change_and_again_at_any_change_ends_in_the_tree_that_was() {
    let acts = acts_of(Kept::small().cleaned(), Kept::undo);
    for act in [Act::PutBack, Act::Sync, Act::Audit, Act::Unlink] {
        assert!(acts.contains(&act), "{act:?} is never asked about: {acts:?}");
    }
    for n in 1..=acts.len() {
        for m in 1.. {
            let mut kept = Kept::small().cleaned();
            assert!(kept.undo(stop_at(n).0).is_none(), "not stopped at {n}");
            let when = format!("killed at {n} ({:?}), again at {m}", acts[n - 1]);
            kept.assert_nothing_lost(&when);
            // What comes next may be another undo, a clean that only recovers, or a look.
            let again = match (n + m) % 3 {
                0 => kept.recover(stop_at(m).0),
                _ => kept.undo(stop_at(m).0),
            };
            kept.assert_nothing_lost(&when);
            kept.assert_undone(&when);
            if again.is_some() {
                break;
            }
        }
    }
}

#[test]
fn a_run_whose_scripts_are_in_the_trash_alone_is_never_in_its_place_without_them() {
    // The run goes to the trash, its entry for good: only the companion is left of it.
    let collected = || {
        let kept_runs = Kept::small();
        kept_runs.scene.store.clean(&kept(keep(30)));
        let gone = kept_runs.scene.store.clean(&keep_and_cache(30));
        assert_eq!(gone.gone_entries().len(), 1);
        kept_runs
    };
    let acts = acts_of(collected(), Kept::undo);
    for n in 1..=acts.len() {
        for recovers in [true, false] {
            let mut kept = collected();
            assert!(kept.undo(stop_at(n).0).is_none());
            let when = format!("killed at {n} ({:?}), recovered: {recovers}", acts[n - 1]);
            kept.assert_nothing_lost(&when);
            if recovers {
                kept.scene.store.recover();
                kept.assert_nothing_lost(&format!("{when}, mended"));
            }
            kept.scene.store.try_undo().unwrap();
            kept.assert_nothing_lost(&format!("{when}, undone"));
            let present: std::collections::BTreeSet<String> = kept.scene.store.runs_in_place().into_iter().collect();
            assert_eq!(present, kept.scene.runs, "{when}");
            kept.scene.store.recover();
            assert_eq!(kept.scene.store.trash(), Vec::<String>::new(), "{when}: something leaks");
        }
    }
}

#[test]
fn emptying_killed_at_any_change_and_its_recovery_too_lets_go_all_or_nothing() {
    let acts = acts_of(Kept::small().cleaned(), Kept::empty);
    let commit = acts.iter().position(|act| *act == Act::Commit).unwrap() + 1;
    for n in 1..=acts.len() {
        for m in (1..).step_by(2) {
            let mut kept = Kept::small().cleaned();
            assert!(kept.empty(stop_at(n).0).is_none(), "not stopped at {n}");
            let when = format!("killed at {n} ({:?}), recovery killed at {m}", acts[n - 1]);
            let recovered = kept.recover(stop_at(m).0);
            if n <= commit {
                kept.assert_undone(&when);
            } else {
                let recovery = kept.scene.store.recover();
                assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
                assert_eq!(kept.scene.store.trash(), Vec::<String>::new(), "{when}");
                assert!(kept.scene.store.try_undo().unwrap().is_none(), "{when}");
                kept.assert_nothing_lost(&when);
                kept.scene.assert_mended(&when);
                assert_eq!(emptied(&kept.scene.store), kept.scene.goes, "{when}: in the audit log");
            }
            if recovered.is_some() {
                break;
            }
        }
    }
}

/// The runs of which the audit log says that they were emptied.
fn emptied(store: &Store) -> std::collections::BTreeSet<String> {
    let told = crate::support::log::Told::of(&store.root);
    let runs = told.lines.iter().filter_map(|line| match &line.event {
        otto_catalog::audit::Event::Emptied(emptied) => Some(&emptied.runs),
        _ => None,
    });
    runs.flatten().map(|run| format!("{}/{}", run.project().unwrap(), run.run)).collect()
}

#[test]
fn each_of_them_failing_at_any_change_loses_nothing() {
    type Work = (&'static str, fn() -> Kept, fn(&mut Kept, Hook) -> Option<bool>);
    let works: [Work; 3] = [
        ("clean", Kept::small, Kept::clean),
        ("undo", || Kept::small().cleaned(), Kept::undo),
        ("empty", || Kept::small().cleaned(), Kept::empty),
    ];
    for (name, before, work) in works {
        let acts = acts_of(before(), work);
        for (at, act) in acts.iter().enumerate() {
            for error in [Errno::ACCESS, Errno::NOSPC, Errno::IO, Errno::NOTEMPTY, Errno::MLINK] {
                let mut kept = before();
                work(&mut kept, fail_at(at + 1, error).0);
                let when = format!("{name}: {error:?} at {} ({act:?})", at + 1);
                kept.assert_nothing_lost(&when);
                if name == "empty" {
                    // Whether it was decided or not: what is left is finished, or emptied by the next.
                    kept.scene.store.empty(None);
                    assert_eq!(kept.scene.store.trash(), Vec::<String>::new(), "{when}");
                    kept.scene.assert_mended(&when);
                } else {
                    kept.assert_undone(&when);
                }
            }
        }
    }
}

#[test]
fn several_projects_are_undone_from_every_point_of_a_clean_that_was_killed() {
    let acts = acts_of(Kept::of(Scene::large()), Kept::clean).len();
    for n in (1..=acts).step_by(2) {
        let mut kept = Kept::of(Scene::large());
        assert!(kept.clean(stop_at(n).0).is_none());
        let when = format!("killed at {n} of {acts}");
        // An undo that is killed again and again, ever later, and never makes it worse.
        for m in 1.. {
            kept.assert_nothing_lost(&when);
            if kept.undo(stop_at(m * 5).0).is_some() {
                break;
            }
        }
        kept.assert_undone(&when);
    }
}

#[test]
fn without_a_catalog_and_without_a_log_what_is_whole_goes_back_to_its_place() {
    let mut kept = Kept::small().cleaned();
    let ours = kept.scene.store.root.join(".catalog");
    for name in names_in(&ours).iter().filter(|n| n.starts_with("catalog.db") || n.starts_with("audit")) {
        std::fs::remove_file(ours.join(name)).unwrap();
    }
    let recovery = kept.scene.store.recover();
    let items = kept.scene.goes.len() + kept.scene.entries.len();
    assert_eq!((recovery.put_back.len(), recovery.expired, &recovery.reported), (items, 0, &vec![]), "{recovery:?}");
    kept.assert_undone("put back");
}
