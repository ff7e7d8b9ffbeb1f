//! Every other way to a removal, killed or failing at every change it makes: a plan file that is applied, runs that were named,
//! all of a project, entries that were named, one run that is restored. They share the execution; this holds them to it.

use super::scene::Scene;
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::trash::{any_run, kept};
use crate::support::tree::{Snapshot, dangling_scripts};
use crate::support::*;
use otto_catalog::clean::plan_file::{self, Encoded, Maker, PlanFile};
use otto_catalog::clean::{self, CacheMode, Choice, Narrowing, Plan, Request};
use otto_catalog::retention::{Policy, Rules};
use otto_catalog::session::{Access, Session};
use otto_catalog::store::change::{Act, Hook};
use rustix::io::Errno;
use std::collections::HashSet;

/// How somebody says what goes; it is the same runs and entries each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// `clean --apply FILE`.
    Apply,
    /// `clean --run RUN.. --cache`.
    Named,
    /// `clean --run RUN.. --entry ENTRY..`.
    Entries,
    /// `clean --all --project OLD --cache`, where the project holds nothing else.
    All,
}

const WAYS: [Way; 4] = [Way::Apply, Way::Named, Way::Entries, Way::All];

/// A scene with the plan that was written down in it.
struct Planned {
    scene: Scene,
    file: Encoded,
    way: Way,
}

impl Planned {
    fn new(way: Way) -> Self {
        let scene = Scene::small();
        let plan = scene.store.dry_run(&keep_and_cache(30));
        let default = Policy::resolve(&Rules::default(), None, &Rules::default());
        let maker = Maker {
            at: scene.store.now(),
            who: "a test",
            command: "otto clean",
            program: "otto",
            home: &scene.store.root,
            policy: "as tested",
            default: &default,
        };
        let file = plan_file::encode(&plan, &maker).unwrap();
        Self { scene, file, way }
    }

    fn plan(&self, session: &Session) -> Plan {
        let goes: HashSet<i64> = self.scene.goes.iter().map(|id| any_run(session, id).key).collect();
        let named = |choice| Narrowing { choice, ..Narrowing::default() };
        let entries = || {
            let all = session.catalog.projects().unwrap().into_iter();
            let all = all.flat_map(|project| session.catalog.cache_entries(project.id).unwrap());
            let goes = |e: &otto_catalog::model::CacheEntry| {
                self.scene.entries.contains(&format!("{}/{}", e.project, String::from_utf8_lossy(&e.path)))
            };
            all.filter(goes).map(|entry| entry.key).collect()
        };
        let request = match self.way {
            Way::Apply => return PlanFile::parse(&self.file.bytes).unwrap().plan(&session.catalog).unwrap(),
            Way::Named => {
                Request { narrow: named(Choice::Named(goes)), cache: CacheMode::Collect, ..Request::default() }
            }
            Way::Entries => Request {
                narrow: named(Choice::Named(goes)),
                cache: CacheMode::Named,
                entries: entries(),
                ..Request::default()
            },
            Way::All => Request {
                narrow: Narrowing { agreed: Some(goes), ..named(Choice::All) },
                cache: CacheMode::Collect,
                ..Request::default()
            },
        };
        clean::plan(&session.catalog, &request, self.scene.store.now()).unwrap()
    }

    /// Recovers, plans and executes with that hook; `None` when it was stopped.
    fn disturbed(&mut self, hook: Hook) -> Option<Result<clean::Outcome, String>> {
        self.scene.store.hook = hook;
        let done = until_stopped(|| {
            let settings = self.scene.store.settings();
            let mut session = self.scene.store.try_open(Access::Delete).map_err(|e| e.to_string())?;
            clean::recover(&mut session, &settings, &execution()).map_err(|e| e.to_string())?;
            let plan = self.plan(&session);
            clean::execute(&mut session, &settings, plan, &execution()).map_err(|e| e.to_string())
        });
        self.scene.store.hook = Hook::default();
        done
    }

    fn recover(&mut self, hook: Hook) -> bool {
        self.scene.store.hook = hook;
        let done = until_stopped(|| self.scene.store.recover());
        self.scene.store.hook = Hook::default();
        done.is_some()
    }
}

fn acts_of(way: Way) -> Vec<Act> {
    let mut planned = Planned::new(way);
    let (hook, seen) = fault::watch();
    let outcome = planned.disturbed(hook).unwrap().unwrap();
    let goes: Vec<&String> = planned.scene.goes.iter().collect();
    assert_eq!(outcome.deleted_runs.iter().map(|(id, _)| id).collect::<Vec<_>>(), goes, "{way:?}");
    assert_eq!(gone_entries(&outcome), planned.scene.entries.iter().cloned().collect::<Vec<_>>(), "{way:?}");
    planned.scene.assert_ends_well(&format!("{way:?}, undisturbed"));
    seen.acts()
}

#[test]
fn whatever_way_a_removal_was_asked_for_killed_at_any_change_it_loses_nothing() {
    for way in WAYS {
        let acts = acts_of(way);
        for n in 1..=acts.len() {
            let mut planned = Planned::new(way);
            assert!(planned.disturbed(stop_at(n).0).is_none(), "{way:?}: not stopped at {n}");
            let when = format!("{way:?}, killed at {n} ({:?})", acts[n - 1]);
            planned.scene.assert_nothing_lost(&when);
            // A recovery that dies as well, somewhere; then one that does not.
            planned.recover(stop_at(1 + n % 7).0);
            planned.scene.assert_nothing_lost(&when);
            assert!(planned.recover(Hook::default()));
            planned.scene.assert_mended(&when);
            // And again by the same way: what is still there goes, and nothing else.
            if n % 3 == 0 && !(way == Way::Named || way == Way::Entries) {
                let outcome = planned.disturbed(Hook::default()).unwrap().unwrap();
                assert_eq!(outcome.failed, [], "{when}");
                planned.scene.assert_mended(&when);
            }
            planned.scene.assert_ends_well(&when);
        }
    }
}

#[test]
fn whatever_way_a_removal_was_asked_for_failing_at_any_change_it_loses_nothing() {
    for way in WAYS {
        let acts = acts_of(way);
        let errors = [Errno::ACCESS, Errno::NOSPC, Errno::IO, Errno::NOTEMPTY];
        for (at, act) in acts.iter().enumerate() {
            let error = errors[at % errors.len()];
            let mut planned = Planned::new(way);
            let done = planned.disturbed(fail_at(at + 1, error).0).unwrap();
            let when = format!("{way:?}: {error:?} at {} ({act:?})", at + 1);
            planned.scene.assert_nothing_lost(&when);
            for (id, _) in done.iter().flat_map(|outcome| &outcome.deleted_runs) {
                assert!(!planned.scene.store.root.join(id).exists(), "{when}: {id} is told as gone");
            }
            let recovery = planned.scene.store.recover();
            assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
            planned.scene.assert_mended(&when);
            planned.scene.assert_ends_well(&when);
        }
    }
}

#[test]
fn one_run_of_several_restored_and_killed_at_any_change_is_whole_where_it_is() {
    let scene = || {
        let scene = Scene::large();
        scene.store.clean(&kept(keep_and_cache(30)));
        scene
    };
    let restore = |scene: &mut Scene, hook: Hook| {
        let id = scene.goes.iter().nth(1).unwrap().clone();
        scene.store.hook = hook;
        let done = until_stopped(|| scene.store.restore(&[&id]));
        scene.store.hook = Hook::default();
        (id, done)
    };
    let (hook, seen) = fault::watch();
    let (id, done) = restore(&mut scene(), hook);
    assert_eq!(done.unwrap().runs.len(), 1, "{id}");
    for n in 1..=seen.acts().len() {
        let mut scene = scene();
        let (id, done) = restore(&mut scene, stop_at(n).0);
        let when = format!("restoring {id}, killed at {n} ({:?})", seen.acts()[n - 1]);
        assert!(done.is_none(), "{when}");
        scene.assert_nothing_lost(&when);
        assert_eq!(dangling_scripts(&scene.store.root), Vec::<std::path::PathBuf>::new(), "{when}");
        // The rest of the operation is still there to be undone, whether this one came back or not.
        while let Some(restored) = scene.store.try_undo().unwrap() {
            assert_eq!((&restored.skipped, &restored.failed), (&vec![], &vec![]), "{when}");
        }
        scene.before.assert_same(&Snapshot::of(&scene.store.root), &format!("{when}: undone"));
        assert_eq!(scene.store.trash(), Vec::<String>::new(), "{when}: something leaks");
    }
}
