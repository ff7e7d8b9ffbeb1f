//! A run that somebody works in survives every form of a clean, and so does the cache of its project.

use super::*;
use crate::support::fault;
use crate::support::tree::Snapshot;
use otto_catalog::retention::Rules;
use otto_catalog::session::Access;
use otto_catalog::store::change::Act;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How a run shows that it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Process,
    ProcessBelow,
    Lock,
    Write,
    /// A file of the run was written, as a task does that outlives its runner.
    WriteDeepBelow,
}

const LIVES: [Life; 5] = [Life::Process, Life::ProcessBelow, Life::Lock, Life::Write, Life::WriteDeepBelow];

/// Every form of a clean that would let the run go, or take from its cache.
fn forms() -> Vec<(&'static str, Request)> {
    let none = Some(Age::seconds(0));
    let last = Rules { keep: Some(Age::seconds(0)), keep_last: Some(1), ..Rules::default() };
    vec![
        ("--keep 30", keep(30)),
        ("--keep 30 --cache", keep_and_cache(30)),
        ("--keep 30 --cache --cache-grace 0", Request { cache_grace: none, ..keep_and_cache(30) }),
        ("--keep 0 --keep-last 1 --cache", Request { flags: last, cache_grace: none, ..keep_and_cache(0) }),
        ("--cache-only", cache_only(Age::seconds(0))),
        ("--cache-only --stale", Request { stale: true, ..cache_only(Age::seconds(0)) }),
        (
            "--keep 1s --strict-status",
            Request {
                flags: Rules { keep: Some(Age::seconds(1)), strict_status: Some(true), ..Rules::default() },
                ..keep_and_cache(30)
            },
        ),
    ]
}

/// A run of 40 days that may be alive, one of 50 that is not, a new one, and an orphan; and all that in another project.
struct Scene {
    store: Store,
    run: PathBuf,
    dead: PathBuf,
    project: String,
    lock: Option<File>,
}

impl Scene {
    /// With or without the locks that runners leave since 2.4.
    fn new(locks: bool) -> Self {
        let era = if locks { Era::L } else { Era::J };
        let store = Store::new();
        let mut builder = store.builder();
        let spec = |cwd: &str, days: i64| {
            let own = TaskSpec::ok("own").script(format!("echo {days}")).artifact("out/deep/log.txt", "begun\n");
            RunSpec::new(era, cwd, store.days_ago(days)).task(own).task(TaskSpec::ok("shared"))
        };
        let mut paths = Vec::new();
        for cwd in ["/a/web", "/a/api"] {
            for days in [50, 40, 1] {
                paths.push(builder.run(spec(cwd, days)).unwrap());
            }
            builder.orphan(&Era::L.project_dir(cwd), Some(store.days_ago(9))).unwrap();
        }
        let project = Era::L.project_dir("/a/web");
        Self { run: paths[1].clone(), dead: paths[0].clone(), project, store, lock: None }
    }

    fn bring_to_life(&mut self, life: Life) {
        let minute_ago = self.store.now() - 60;
        match life {
            Life::Process => self.store.process(4711, &self.run),
            Life::ProcessBelow => self.store.process(4711, &self.run.join("tasks/own/out/deep")),
            Life::Lock => {
                let file = File::open(self.run.join(".lock")).unwrap();
                flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
                self.lock = Some(file);
            }
            Life::Write => touch(&self.run.join("tasks/own/stdout.log"), minute_ago),
            Life::WriteDeepBelow => touch(&self.run.join("tasks/own/out/deep/log.txt"), minute_ago),
        }
    }

    fn cache(&self) -> Snapshot {
        Snapshot::of(&self.store.root).at(&format!("{}/.cache", self.project))
    }

    fn assert_survived(&self, run: &Snapshot, cache: &Snapshot, when: &str) {
        run.assert_same(&Snapshot::of(&self.run), &format!("{when}: the run"));
        cache.assert_same(&self.cache(), &format!("{when}: the cache of its project"));
    }
}

#[test]
fn a_run_that_is_alive_survives_every_form_of_clean_and_so_does_its_project_s_cache() {
    for life in LIVES {
        for (form, request) in forms() {
            let mut scene = Scene::new(life == Life::Lock);
            scene.bring_to_life(life);
            let (run, cache) = (Snapshot::of(&scene.run), scene.cache());
            let when = format!("{life:?}, {form}");
            let only_cache = request.cache == CacheMode::Only;
            let done = scene.store.clean(&request);
            assert_eq!(planned_entries(&done.plan), done.gone_entries(), "{when}: and a dry run says so");
            assert_eq!(planned(&done.plan), done.gone(), "{when}");
            scene.assert_survived(&run, &cache, &when);
            assert_eq!(scene.dead.exists(), only_cache, "{when}: the run beside it goes all the same");
            if request.cache != CacheMode::Leave {
                assert!(!done.gone_entries().is_empty(), "{when}: the other project's cache is collected");
            }
        }
    }
}

#[test]
fn a_run_that_comes_to_life_between_plan_and_execution_survives_and_so_does_its_project_s_cache() {
    for life in LIVES {
        for relocked in [false, true] {
            let mut scene = Scene::new(life == Life::Lock);
            let mut session = scene.store.open(Access::Delete);
            let plan = scene.store.plan(&session, &keep_and_cache(30));
            assert_eq!(planned(&plan).len(), 4);
            scene.bring_to_life(life);
            let (run, cache) = (Snapshot::of(&scene.run), scene.cache());
            if relocked {
                session.unlock();
            }
            let settings = scene.store.settings();
            let outcome = otto_catalog::clean::execute(&mut session, &settings, plan, &execution()).unwrap();
            let when = format!("{life:?}, the lock given up in between: {relocked}");
            scene.assert_survived(&run, &cache, &when);
            assert_eq!(outcome.deleted_runs.len(), 3, "{when}");
            assert!(outcome.skipped.iter().any(|s| s.id == id_of(&scene.run)), "{when}: {:?}", outcome.skipped);
            assert!(gone_entries(&outcome).iter().all(|e| !e.starts_with(&scene.project)), "{when}");
        }
    }
}

#[test]
fn once_it_has_ended_it_goes_like_any_other() {
    for life in LIVES {
        let mut scene = Scene::new(life == Life::Lock);
        scene.bring_to_life(life);
        assert!(!scene.store.clean(&keep_and_cache(30)).gone().contains(&id_of(&scene.run)), "{life:?}");
        scene.lock = None;
        if matches!(life, Life::Process | Life::ProcessBelow) {
            scene.store.end_process(4711);
        }
        scene.store.set_now(scene.store.now() + 541);
        assert!(scene.store.clean(&keep_and_cache(30)).gone().contains(&id_of(&scene.run)), "{life:?}");
    }
}

#[test]
fn a_write_protects_for_ten_minutes_and_a_free_lock_lifts_that() {
    // What is written while a command starts or waits lies after its instant; what lies far after it is no sign of life.
    let written_ago = [
        (600, false, false),
        (601, false, true),
        (1, true, true),
        (-1, false, false),
        (-600, false, false),
        (-601, false, true),
    ];
    for (age, with_lock, goes) in written_ago {
        let scene = Scene::new(with_lock);
        touch(&scene.run.join("tasks/own/stdout.log"), scene.store.now() - age);
        let gone = scene.store.clean(&keep(30)).gone();
        assert_eq!(gone.contains(&id_of(&scene.run)), goes, "written {age} s ago, a free lock: {with_lock}");
    }
}

#[test]
fn a_held_lock_is_seen_through_any_descriptor_and_none_is_ever_made() {
    let scene = Scene::new(true);
    let held = File::open(scene.run.join(".lock")).unwrap();
    flock(&held, FlockOperation::NonBlockingLockShared).unwrap();
    assert!(!scene.store.clean(&keep(30)).gone().contains(&id_of(&scene.run)), "a shared lock is a lock");
    drop(held);
    let unlocked = Scene::new(true);
    fs::remove_file(unlocked.dead.join(".lock")).unwrap();
    let before = Snapshot::of(&unlocked.store.root);
    unlocked.store.dry_run(&keep(30));
    before.assert_same(&Snapshot::of(&unlocked.store.root), "looking made something");
    assert!(unlocked.store.clean(&keep(30)).gone().contains(&id_of(&unlocked.dead)));
}

#[test]
fn a_lock_that_cannot_be_looked_at_is_held() {
    for what in ["a directory", "a link", "a pipe"] {
        let scene = Scene::new(true);
        let lock = scene.run.join(".lock");
        fs::remove_file(&lock).unwrap();
        match what {
            "a directory" => fs::create_dir(&lock).unwrap(),
            "a link" => std::os::unix::fs::symlink(scene.store.outside("x"), &lock).unwrap(),
            _ => make_pipe(&lock),
        }
        let before = Snapshot::of(&scene.run);
        let done = scene.store.clean(&keep(30));
        let stays = done.skipped().iter().any(|s| s.starts_with(&id_of(&scene.run)))
            || !planned(&done.plan).contains(&id_of(&scene.run));
        assert!(stays, "{what}: {:?}", done.outcome);
        before.assert_same(&Snapshot::of(&scene.run), what);
    }
}

fn make_pipe(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn a_run_that_was_made_a_moment_ago_and_holds_no_file_yet_stays() {
    let store = Store::new();
    let old = store.write(small("/a/web", store.days_ago(40)));
    let new = old.with_file_name((store.now() - 60).to_string());
    fs::create_dir_all(new.join("tasks")).unwrap();
    let done = store.clean(&keep(30).aged(1));
    assert_eq!((planned(&done.plan), done.gone()), (vec![id_of(&old)], vec![id_of(&old)]));
    assert!(new.exists(), "its name is the only sign of life");
}

#[test]
fn a_lock_that_cannot_be_asked_or_taken_counts_as_held() {
    // What a clean says of the run: nothing where the walk saw it already.
    for (what, mode, said) in
        [("closed", 0o000, None), ("for reading only", 0o444, Some("its lock cannot be looked at"))]
    {
        let store = Store::new();
        let mut builder = store.builder();
        let locked = RunSpec::new(Era::L, "/a/web", store.days_ago(40)).task(TaskSpec::ok("build"));
        let run = builder.run(locked).unwrap();
        chmod(&run.join(".lock"), mode);
        as_a_user(|| {
            let done = store.clean(&keep(30));
            assert_eq!(planned(&done.plan).len(), said.iter().len(), "{what}");
            assert!(done.gone().is_empty() && run.exists(), "{what}");
            assert!(said.is_none_or(|said| done.skipped()[0].contains(said)), "{what}: {:?}", done.skipped());
        });
        chmod(&run.join(".lock"), 0o644);
        assert_eq!(store.clean(&keep(30)).gone(), [id_of(&run)], "{what}");
    }
}

#[test]
fn the_lock_of_a_run_is_held_until_its_removal_is_committed() {
    let mut store = Store::new();
    let run = store.write(RunSpec::new(Era::L, "/a/web", store.days_ago(40)).task(TaskSpec::ok("build")));
    let (trash, id) = (store.root.join(".catalog/trash"), id_of(&run));
    store.hook = fault::before(Act::Commit, 1, move || {
        let lock = trash.join(names_in(&trash).pop().unwrap()).join(&id).join(".lock");
        let refused = flock(File::open(lock).unwrap(), FlockOperation::NonBlockingLockShared);
        assert_eq!(refused, Err(rustix::io::Errno::WOULDBLOCK), "a runner could take it for a run that goes on");
    });
    assert_eq!(store.clean(&keep(30)).gone(), [id_of(&run)]);
}
