//! A clean that archives first: nothing goes that is not in the archive, byte by byte.

use super::*;
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::log::Told;
use crate::support::tree::{Snapshot, dangling_scripts};
use otto_catalog::clean::{self, Outcome, Request as CleanRequest};
use otto_catalog::session::Settings;
use otto_catalog::store::change::{Act, Hook};
use rustix::io::Errno;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

impl Store {
    fn try_archiving(&self, settings: &Settings<'_>, request: &CleanRequest) -> Result<Outcome, session::Error> {
        let into = self.outside("archives");
        fs::create_dir_all(&into).unwrap();
        let mut session = Session::open(settings, Access::Delete)?;
        clean::recover(&mut session, settings, &execution())?;
        let plan = clean::plan(&session.catalog, request, self.now()).unwrap();
        clean::execute_archiving(&mut session, settings, plan, &execution(), &into)
    }

    fn archiving(&self, request: &CleanRequest) -> Outcome {
        self.try_archiving(&self.settings(), request).unwrap()
    }

    /// The archives that were written.
    fn archives(&self) -> Vec<PathBuf> {
        names_in(&self.outside("archives")).iter().map(|name| self.outside("archives").join(name)).collect()
    }
}

use otto_catalog::session;

/// Runs that go and one that stays, a script that all share, an orphan.
fn shop() -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    for (n, days) in [60, 50, 3].into_iter().enumerate() {
        let run = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
        let own = TaskSpec::ok("own").script(format!("echo {n}"));
        builder.run(run.task(own).task(TaskSpec::failed("shared", 2))).unwrap();
    }
    builder.orphan(&Era::J.project_dir("/home/dev/web"), Some(store.days_ago(9))).unwrap();
    builder.runner_db(5, WalState::Clean).unwrap();
    store
}

#[test]
fn all_that_goes_is_in_one_archive_that_brings_it_back() {
    let store = shop();
    let before = Snapshot::of(&store.root).copied();
    let outcome = store.archiving(&keep_and_cache(30));
    assert_eq!((outcome.deleted_runs.len(), outcome.deleted_cache.len()), (2, 3));
    assert_eq!((&outcome.skipped, &outcome.failed, &outcome.notices), (&vec![], &vec![], &vec![]));
    let [path] = &store.archives()[..] else { panic!("{:?}", store.archives()) };
    assert_eq!(outcome.archive, Some((path.clone(), fs::metadata(path).unwrap().len())));
    assert!(path.file_name().unwrap().to_str().unwrap().starts_with(&outcome.operation));
    for line in Told::of(&store.root).lines {
        assert_eq!(line.head.archive.as_deref(), path.to_str(), "the log names it");
    }
    let imported = store.import(path);
    assert_eq!((imported.runs.len(), imported.entries.len()), (2, 3), "the orphan too");
    before.assert_same(&Snapshot::of(&store.root).copied(), "there and back");
}

/// Does something when the archive is written, before anything is moved.
fn meddling(store: &Store, request: &CleanRequest, meddle: impl Fn() + Send + Sync + 'static) -> Outcome {
    let settings = Settings { hook: fault::before(Act::WriteFile, 3, meddle), ..store.settings() };
    store.try_archiving(&settings, request).unwrap()
}

#[test]
fn what_changed_after_it_was_archived_stays_also_when_its_size_and_time_are_the_same() {
    for what in ["script", "log", "new file"] {
        let store = shop();
        let run = store.runs_in_place()[0].clone();
        let project = store.root.join(run.split_once('/').unwrap().0);
        let log = store.root.join(&run).join("tasks/shared/stderr.log");
        fs::write(&log, "failed\n").unwrap();
        drop(store.open(Access::Index { full: true }));
        let orphan = store.dry_run(&keep_and_cache(30)).cache.delete[0].entry.path.clone();
        let orphan = project.join(".cache").join(String::from_utf8(orphan).unwrap());
        let (changed, new) = (if what == "script" { orphan } else { log }, what == "new file");
        let meddle = {
            let changed = changed.clone();
            move || {
                if new {
                    fs::write(changed.with_file_name("new"), "new").unwrap();
                    return;
                }
                let meta = fs::metadata(&changed).unwrap();
                fs::write(&changed, vec![b'#'; usize::try_from(meta.len()).unwrap()]).unwrap();
                let file = fs::File::options().write(true).open(&changed).unwrap();
                file.set_modified(meta.modified().unwrap()).unwrap();
            }
        };
        let outcome = meddling(&store, &keep_and_cache(30), meddle);
        assert!(changed.exists(), "{what}: {outcome:?}");
        assert!(!outcome.skipped.is_empty() && outcome.archive.is_some(), "{what}: {outcome:?}");
        assert_eq!(outcome.deleted_runs.len(), if what == "script" { 2 } else { 1 }, "{what}: {outcome:?}");
        assert_eq!(dangling_scripts(&store.root), Vec::<PathBuf>::new(), "{what}");
    }
}

#[test]
fn without_a_whole_archive_nothing_goes() {
    // Of the changes up to the archive's name, each fails once.
    let (hook, seen) = fault::watch();
    let twin = shop();
    let settings = Settings { hook, ..twin.settings() };
    twin.try_archiving(&settings, &keep_and_cache(30)).unwrap();
    let acts = seen.acts();
    let first_move = acts.iter().position(|act| *act == Act::ToTrash).unwrap();
    let mut refused = 0;
    for n in 1..=first_move {
        let store = shop();
        let before = Snapshot::of(&store.root);
        let settings = Settings { hook: fail_at(n, Errno::NOSPC).0, ..store.settings() };
        // What is not needed for the archive may fail and be done in another way: then it went on.
        let Err(error) = store.try_archiving(&settings, &keep_and_cache(30)) else { continue };
        refused += 1;
        before.assert_same(&Snapshot::of(&store.root), &format!("{error}"));
        for path in store.archives() {
            Archive::open(&path, Limits::USUAL).unwrap().verify(&|| false).unwrap();
        }
    }
    let store = shop();
    assert!(refused > 1, "{acts:?}");
    for place in [store.root.clone(), store.root.join(".catalog"), store.outside("nowhere")] {
        let mut session = store.open(Access::Delete);
        let plan = store.plan(&session, &keep_and_cache(30));
        let done = clean::execute_archiving(&mut session, &store.settings(), plan, &execution(), &place);
        assert!(done.is_err(), "{}", place.display());
    }
}

#[test]
fn killed_anywhere_what_is_gone_is_in_an_archive() {
    let (hook, seen) = fault::watch();
    let twin = shop();
    let settings = Settings { hook, ..twin.settings() };
    twin.try_archiving(&settings, &keep_and_cache(30)).unwrap();
    let acts = seen.acts().len();
    for n in 1..=acts {
        let mut store = shop();
        let before = Snapshot::of(&store.root).copied();
        let settings = Settings { hook: stop_at(n).0, ..store.settings() };
        let stopped = until_stopped(|| store.try_archiving(&settings, &keep_and_cache(30)));
        assert!(stopped.is_none(), "not stopped at {n} of {acts}");
        store.hook = Hook::default();
        store.recover();
        let when = format!("killed at {n} of {acts}");
        for path in store.archives() {
            store.import(&path);
        }
        before.assert_same(&Snapshot::of(&store.root).copied(), &when);
    }
}

#[test]
fn whenever_it_is_interrupted_what_was_not_reached_stays_as_it_was() {
    const LOG: usize = 1 << 20;
    /// No piece that is read between two questions is longer.
    const PIECE: usize = 256 << 10;
    let mut ends = [0, 0, 0];
    for after in (0..).step_by(7) {
        let store = shop();
        let runs = store.runs_in_place();
        fs::write(store.root.join(&runs[0]).join("tasks/shared/stdout.log"), vec![b'x'; LOG]).unwrap();
        let before = Snapshot::of(&store.root).copied();
        let settings = store.settings();
        let into = store.outside("archives");
        fs::create_dir(&into).unwrap();
        let mut session = store.open(Access::Delete);
        let plan = store.plan(&session, &keep_and_cache(30));
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= after;
        let execution = clean::Execution { interrupted: &stop, ..execution() };
        let outcome = clean::execute_archiving(&mut session, &settings, plan, &execution, &into).unwrap();
        let when = format!("after {after} questions: {outcome:#?}");
        let left = Snapshot::of(&store.root).copied();
        let gone: Vec<_> = outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
        for run in &runs {
            assert_eq!(store.root.join(run).exists(), !gone.contains(run), "{when}");
            if !gone.contains(run) {
                before.at(run).assert_same(&left.at(run), &when);
            }
        }
        assert_eq!(dangling_scripts(&store.root), Vec::<PathBuf>::new(), "{when}");
        if !outcome.interrupted {
            assert_eq!(gone.len(), 2, "{when}");
            // Twice for the archive, once to verify it, once before it goes.
            assert!(asked.into_inner() >= 4 * LOG / PIECE, "also in the middle of a file");
            break;
        }
        if outcome.archive.is_none() {
            before.assert_same(&left, &when);
            assert_eq!(store.archives(), Vec::<PathBuf>::new(), "{when}");
        }
        ends[outcome.archive.iter().len() + gone.len().min(1)] += 1;
    }
    let [archiving, archived, going] = ends;
    assert!(archiving > 5 && archived > 0 && going > 0, "{ends:?}");
}
