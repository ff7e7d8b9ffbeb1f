//! An import that dies, or fails, at every change it makes: whole runs or none, and the next one ends it.

use super::*;
use crate::support::at_length;
use crate::support::digest::{assert_same, digest};
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::tree::{Snapshot, dangling_scripts};
use otto_catalog::store::change::Hook;
use rustix::io::Errno;

/// The archive, what its runs look like, and what is said of them.
pub(super) struct Scene {
    origin: Store,
    pub(super) path: PathBuf,
    tree: Snapshot,
    pub(super) runs: Vec<String>,
    said: Vec<String>,
}

fn of_runs(store: &Store) -> Vec<String> {
    let lines = digest(&store.open(Access::Read).catalog);
    lines.into_iter().filter(|line| line.starts_with("run ") || line.starts_with("task ")).collect()
}

/// Runs of which something is known and that are not in their places.
fn gone_runs(session: &Session) -> Vec<String> {
    let mut gone = Vec::new();
    let each = session.catalog.each_gone(|run, left| {
        gone.push(format!("{} {:?} {:?}", run.id, run.state, left.operation));
        Ok(())
    });
    each.unwrap();
    gone
}

impl Scene {
    pub(super) fn new() -> Self {
        let origin = small();
        origin.write(RunSpec::new(Era::A, "/home/dev/web", origin.days_ago(90)).task(TaskSpec::ok("up")));
        let task = origin.root.join(&origin.runs_in_place()[1]).join("tasks/build");
        std::fs::hard_link(task.join("stdout.log"), task.join("second")).unwrap();
        std::os::unix::fs::symlink("stdout.log", task.join("link")).unwrap();
        drop(origin.open(Access::Index { full: true }));
        let id = origin.runs_in_place()[0].clone();
        let settings = origin.settings();
        let mut session = origin.open(Access::Mark);
        let run = crate::support::trash::any_run(&session, &id);
        let words = otto_catalog::marks::Asked { command: "otto tag", who: "a test" };
        let tag = [otto_catalog::marks::Tag::new("release").unwrap()];
        otto_catalog::marks::tag(&mut session, &settings, &words, &[run], (&tag, &[])).unwrap();
        drop(session);
        let path = origin.export("all.tar.zst");
        let (tree, said) = (Snapshot::of(&origin.root).copied(), of_runs(&origin));
        Self { path, tree, runs: origin.runs_in_place(), said, origin }
    }

    /// Where one of its runs lies in the store that it is of.
    pub(super) fn origin(&self, run: &str) -> PathBuf {
        self.origin.root.join(run)
    }

    pub(super) fn empty(&self) -> Store {
        let mut store = Store::in_memory();
        store.clock = self.origin.clock;
        store
    }

    /// Every run that is there is whole, with its scripts.
    fn assert_nothing_half(&self, store: &Store, when: &str) {
        let found = Snapshot::of(&store.root).copied();
        for run in store.runs_in_place() {
            assert!(self.runs.contains(&run), "{when}: {run}");
            self.tree.at(&run).assert_same(&found.at(&run), when);
        }
        assert_eq!(dangling_scripts(&store.root), Vec::<PathBuf>::new(), "{when}");
    }

    /// The catalog says what the tree says: of a run in its place what the archive says of it, of the others what was said
    /// before, if anything.
    pub(super) fn assert_told(&self, store: &Store, gone: &[String], when: &str) {
        let there = store.runs_in_place();
        let of_those = |lines: &[String]| -> Vec<String> {
            let is_there = |line: &&String| there.iter().any(|run| line.contains(run.as_str()));
            lines.iter().filter(is_there).cloned().collect()
        };
        assert_same(&of_those(&self.said), &of_runs(store), when);
        let session = store.open(Access::Read);
        assert_eq!(session.report.vanished, 0, "{when}");
        let mut found = gone_runs(&session);
        found.sort();
        let expected: Vec<_> =
            gone.iter().filter(|line| !there.iter().any(|run| line.starts_with(run.as_str()))).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{when}");
    }

    /// The log tells of every run that it came, once.
    pub(super) fn assert_noted_once(&self, store: &Store, when: &str) {
        let lines = crate::support::log::Told::of(&store.root).lines.into_iter();
        let mut noted: Vec<String> = lines
            .filter_map(|line| match line.event {
                otto_catalog::audit::Event::Imported(imported) => Some(imported.runs),
                _ => None,
            })
            .flatten()
            .map(|run| run.row.id)
            .collect();
        noted.sort();
        assert_eq!(noted, self.runs, "{when}");
    }

    pub(super) fn assert_ends_well(&self, store: &mut Store, when: &str) {
        store.hook = Hook::default();
        let there = store.runs_in_place().len();
        let imported = store.import(&self.path);
        assert_eq!((imported.runs.len(), imported.already.len()), (self.runs.len() - there, there), "{when}");
        assert_eq!(store.runs_in_place(), self.runs, "{when}");
        self.assert_nothing_half(store, when);
        assert_same(&self.said, &of_runs(store), when);
        assert!(!store.root.join(".catalog/import").exists(), "{when}");
        let tags = crate::support::trash::any_run(&store.open(Access::Read), &self.runs[0]).tags;
        assert_eq!(tags, ["release"], "{when}");
    }
}

#[test]
fn an_import_killed_at_any_change_leaves_whole_runs_and_the_next_one_ends_it() {
    let scene = Scene::new();
    let mut store = scene.empty();
    let (hook, seen) = fault::watch();
    store.hook = hook;
    store.import(&scene.path);
    let acts = seen.acts().len();
    assert!(acts > 60, "{acts}");
    for n in 1..=acts {
        let mut store = scene.empty();
        store.hook = stop_at(n).0;
        let when = format!("killed at {n} of {acts}");
        assert!(until_stopped(|| store.import(&scene.path)).is_none(), "{when}");
        store.hook = Hook::default();
        scene.assert_nothing_half(&store, &when);
        if n % 2 == 0 && store.root.join(".catalog").exists() {
            scene.assert_told(&store, &[], &when);
        }
        // Whoever ends it may die as well.
        for m in (1 + n % 3..).step_by(5) {
            store.hook = stop_at(m).0;
            let ended = until_stopped(|| store.root.join(".catalog").exists().then(|| store.recover()));
            store.hook = Hook::default();
            let when = format!("{when}, its recovery killed at {m}");
            scene.assert_nothing_half(&store, &when);
            if (ended.is_some() || n % 4 == 0) && store.root.join(".catalog").exists() {
                scene.assert_told(&store, &[], &when);
            }
            if ended.is_some() {
                assert!(!store.root.join(".catalog/import").exists(), "{when}: a clean drops what was left");
                break;
            }
        }
        scene.assert_ends_well(&mut store, &when);
        scene.assert_noted_once(&store, &when);
    }
}

#[test]
fn an_import_that_fails_at_any_change_leaves_whole_runs_and_the_next_one_ends_it() {
    let scene = Scene::new();
    let mut store = scene.empty();
    let (hook, seen) = fault::watch();
    store.hook = hook;
    store.import(&scene.path);
    for (at, act) in seen.acts().iter().enumerate() {
        let errors = [Errno::NOSPC, Errno::IO];
        let tried = if at_length() { &errors[..] } else { std::slice::from_ref(&errors[at % 2]) };
        for &error in tried {
            let mut store = scene.empty();
            store.hook = fail_at(at + 1, error).0;
            let when = format!("{error:?} at {} ({act:?})", at + 1);
            let done = store.try_import(&scene.path);
            if let Ok(imported) = &done {
                let told: Vec<_> = imported.runs.iter().map(|run| run.id.to_string()).collect();
                for run in &told {
                    assert!(store.root.join(run).is_dir(), "{when}: {run} is told as imported");
                }
            }
            scene.assert_nothing_half(&store, &when);
            scene.assert_ends_well(&mut store, &when);
            scene.assert_noted_once(&store, &when);
        }
    }
}

#[test]
fn runs_that_a_clean_removed_stay_removed_until_they_are_in_their_places_again() {
    let scene = Scene::new();
    let clean = |store: &Store| {
        assert_eq!(store.clean(&keep_and_cache(30)).gone(), scene.runs);
        let mut gone = gone_runs(&store.open(Access::Read));
        gone.sort();
        gone
    };
    let origin = || {
        let mut store = scene.empty();
        store.import(&scene.path);
        store.hook = Hook::default();
        store
    };
    let (hook, seen) = fault::watch();
    let mut twin = origin();
    clean(&twin);
    twin.hook = hook;
    twin.import(&scene.path);
    let acts = seen.acts().len();
    for n in (1..=acts).step_by(if at_length() { 1 } else { 3 }) {
        let mut store = origin();
        let gone = clean(&store);
        assert_eq!(gone.len(), scene.runs.len());
        store.hook = stop_at(n).0;
        let when = format!("killed at {n} of {acts}");
        assert!(until_stopped(|| store.import(&scene.path)).is_none(), "{when}");
        store.hook = Hook::default();
        scene.assert_told(&store, &gone, &when);
        if n % 2 == 0 {
            // Without the catalog the log and what lies beside the leftover tell the same.
            for name in names_in(&store.root.join(".catalog")).iter().filter(|name| name.starts_with("catalog.db")) {
                std::fs::remove_file(store.root.join(".catalog").join(name)).unwrap();
            }
            scene.assert_told(&store, &gone, &format!("{when}, and the catalog lost"));
        }
        let there = store.runs_in_place().len();
        let imported = store.import(&scene.path);
        assert_eq!((imported.runs.len(), imported.already.len()), (scene.runs.len() - there, there), "{when}");
        assert_same(&scene.said, &of_runs(&store), &when);
    }
}

#[test]
fn an_import_of_which_nothing_can_be_put_in_place_is_told_as_such() {
    let scene = Scene::new();
    let mut store = scene.empty();
    store.hook = Hook::new(|act| match act {
        otto_catalog::store::change::Act::PutInPlace => Err(Errno::ACCESS.into()),
        _ => Ok(()),
    });
    let imported = store.try_import(&scene.path).unwrap();
    assert_eq!((imported.operation, imported.runs.len()), (None, 0));
    assert!(imported.skipped.len() > scene.runs.len(), "{:?}", imported.skipped);
    scene.assert_told(&store, &[], "nothing came");
    assert_eq!(crate::support::log::Told::of(&store.root).lines, vec![], "the log tells of nothing");
    scene.assert_ends_well(&mut store, "after that");
}

#[test]
fn another_run_that_came_into_the_place_of_one_that_was_on_its_way_is_that_other_one() {
    use otto_catalog::store::change::Act;
    let scene = Scene::new();
    let mut store = scene.empty();
    let entries = Archive::open(&scene.path, Limits::USUAL).unwrap().manifest().entries.len();
    store.hook = fault::before(Act::PutInPlace, entries + 1, || fault::stop().unwrap());
    assert!(until_stopped(|| store.import(&scene.path)).is_none());
    store.hook = Hook::default();
    let id = &scene.runs[1];
    let place = store.root.join(id);
    assert!(!place.exists(), "stopped too late");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(scene.origin.root.join(id)).arg(&place).status();
    assert!(copied.unwrap().success());
    let told = |store: &Store| crate::support::trash::any_run(&store.open(Access::Read), id).status_source;
    assert_eq!(told(&store), otto_catalog::model::StatusSource::Output, "by its files alone");
    store.recover();
    assert_eq!(told(&store), otto_catalog::model::StatusSource::Output);
    assert!(crate::support::log::Told::of(&store.root).lines.iter().all(|line| match &line.event {
        otto_catalog::audit::Event::Imported(imported) => imported.runs.is_empty(),
        _ => true,
    }));
}

#[test]
fn a_run_that_a_clean_which_died_left_in_the_trash_is_not_brought_in_beside_itself() {
    use otto_catalog::store::change::Act;
    let scene = Scene::new();
    let mut store = scene.empty();
    store.import(&scene.path);
    store.hook = fault::before(Act::Commit, 1, || fault::stop().unwrap());
    assert!(until_stopped(|| store.clean(&keep_and_cache(30))).is_none());
    store.hook = Hook::default();
    assert_eq!(store.runs_in_place(), [""; 0]);
    let imported = store.try_import(&scene.path).unwrap();
    assert_eq!((imported.runs.len(), imported.skipped.len()), (0, scene.runs.len()), "{imported:?}");
    assert!(imported.skipped.iter().all(|one| one.reason.contains("trash")), "{imported:?}");
    store.recover();
    assert_eq!(store.runs_in_place(), scene.runs);
    assert_same(&scene.said, &of_runs(&store), "put back");
}

#[test]
fn a_lock_that_cannot_be_looked_at_is_no_sign_that_nobody_is_at_work() {
    let scene = Scene::new();
    let mut store = scene.empty();
    store.hook = stop_at(40).0;
    assert!(until_stopped(|| store.import(&scene.path)).is_none());
    store.hook = Hook::default();
    let import = store.root.join(".catalog/import");
    let lock = import.join(&names_in(&import)[0]).join("lock");
    std::fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink("nowhere", &lock).unwrap();
    let before = Snapshot::of(&import);
    assert!(store.try_import(&scene.path).is_err());
    before.assert_same(&Snapshot::of(&import), "left alone");
    std::fs::remove_file(&lock).unwrap();
    scene.assert_ends_well(&mut store, "without a lock");
}

#[test]
fn an_interrupted_import_and_an_interrupted_export_change_nothing() {
    let scene = Scene::new();
    let store = scene.empty();
    let settings = store.settings();
    archive::make_store(&settings).unwrap();
    for after in [0, 1, 5, 20] {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let stop = || count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) >= after;
        let asked = Asked { interrupted: &stop, ..asked() };
        let archive = Archive::open(&scene.path, Limits::USUAL).unwrap();
        let mut session = Session::open(&settings, Access::Mark).unwrap();
        let done = archive::import(&mut session, &settings, &archive, &asked);
        assert!(matches!(done, Err(Error::Interrupted)), "{after}: {done:?}");
        assert_eq!((store.runs_in_place(), store.root.join(".catalog/import").exists()), (vec![], false));
        count.store(0, std::sync::atomic::Ordering::SeqCst);
        let origin = scene.origin.open(Access::Read);
        let runs = origin.catalog.runs(&RunFilter::default()).unwrap();
        let output = scene.origin.outside("other.tar.zst");
        let request =
            Request { runs: &runs, entries: &[], output: &output, force: false, limits: Limits::USUAL, verify: true };
        let done = archive::export(&origin, &scene.origin.settings(), &request, &asked);
        assert!(matches!(done, Err(Error::Interrupted)), "{after}: {done:?}");
        assert_eq!(names_in(&scene.origin.outside("")), ["all.tar.zst"]);
    }
}

#[test]
fn an_import_that_somebody_is_at_is_no_leftover() {
    let scene = Scene::new();
    let mut store = scene.empty();
    store.import(&scene.path);
    for run in store.runs_in_place() {
        std::fs::remove_dir_all(store.root.join(run)).unwrap();
    }
    let (twin, path) = (store.twin(), scene.path.clone());
    let told = std::sync::Arc::new(std::sync::Mutex::new(None));
    let noted = std::sync::Arc::clone(&told);
    store.hook = fault::before(otto_catalog::store::change::Act::WriteFile, 5, move || {
        twin.recover();
        *noted.lock().unwrap() = Some(twin.import(&path).runs.len());
    });
    let imported = store.try_import(&scene.path).unwrap();
    assert_eq!(*told.lock().unwrap(), Some(scene.runs.len()), "the other one was not in the way");
    assert_eq!((imported.runs.len(), imported.skipped.len()), (0, scene.runs.len()), "{:?}", imported.skipped);
    scene.assert_ends_well(&mut store, "two imports");
}
