//! A clean that archives first, where something is not in the archive, or the archive is not what was written.

use super::*;
use crate::support::fault;
use crate::support::rights::{as_a_user, chmod};
use crate::support::tree::Snapshot;
use otto_catalog::clean::{self, Outcome};
use otto_catalog::progress::Progress;
use otto_catalog::session::{self, Settings};
use otto_catalog::store::change::Act;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

type Spoil = fn(&std::path::Path);

/// Cleans all that is older than 30 days, archiving into a directory beside the store.
fn archiving(store: &Store, settings: &Settings<'_>) -> Result<Outcome, session::Error> {
    archiving_of(store, settings, &keep_and_cache(30))
}

fn archiving_of(store: &Store, settings: &Settings<'_>, request: &clean::Request) -> Result<Outcome, session::Error> {
    let into = store.outside("archives");
    fs::create_dir_all(&into).unwrap();
    let mut session = Session::open(settings, Access::Delete)?;
    let plan = clean::plan(&session.catalog, request, store.now()).unwrap();
    clean::execute_archiving(&mut session, settings, plan, &execution(), &into)
}

#[test]
fn a_run_of_which_something_is_in_no_archive_stays_and_what_it_is_is_said() {
    let cases: [(&str, &str, Spoil); 4] = [
        ("a FIFO", "pipe", |path| {
            let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        }),
        ("a socket", "socket", |path| {
            // A socket's path has at most 108 bytes.
            let above = fs::File::open(path.parent().unwrap()).unwrap();
            let short = format!("/proc/self/fd/{}/socket", std::os::fd::AsRawFd::as_raw_fd(&above));
            drop(std::os::unix::net::UnixListener::bind(short).unwrap());
        }),
        ("extended attributes", "noted", |path| {
            fs::write(path, "text").unwrap();
            rustix::fs::setxattr(path, "user.note", b"mine", rustix::fs::XattrFlags::empty()).unwrap();
        }),
        ("set-user-id", "program", |path| {
            fs::write(path, "text").unwrap();
            chmod(path, 0o4755);
        }),
    ];
    for (what, name, make) in cases {
        let store = small();
        let run = store.runs_in_place()[0].clone();
        make(&store.root.join(&run).join("tasks/build").join(name));
        drop(store.open(Access::Index { full: true }));
        let before = Snapshot::of(&store.root).at(&run);
        let outcome = archiving(&store, &store.settings()).unwrap();
        assert_eq!((store.runs_in_place(), outcome.deleted_runs.len()), (vec![run.clone()], 1), "{what}: {outcome:?}");
        let reasons: Vec<_> = outcome.skipped.iter().filter(|one| one.id == run).map(|one| &one.reason).collect();
        assert!(reasons.len() == 1 && reasons[0].contains(name) && reasons[0].contains(what), "{reasons:?}");
        before.assert_same(&Snapshot::of(&store.root).at(&run), what);
        assert_eq!(crate::support::tree::dangling_scripts(&store.root), Vec::<PathBuf>::new(), "{what}");
    }
}

#[test]
fn a_run_that_could_not_be_archived_stays_and_without_any_no_archive_is_told() {
    let store = Store::new();
    let spoilt = store.write(crate::support::small("/home/dev/web", store.days_ago(60)));
    store.look();
    let log = spoilt.join("tasks/build/stdout.log");
    fs::write(&log, "said\n").unwrap();
    drop(store.open(Access::Index { full: true }));
    chmod(&log, 0);
    drop(store.open(Access::Index { full: true }));
    let outcome = as_a_user(|| archiving_of(&store, &store.settings(), &keep(30)).unwrap());
    assert!(outcome.deleted_runs.is_empty() && log.exists(), "{outcome:?}");
    assert!(outcome.skipped[0].reason.contains("it is not in the archive: `tasks/build/stdout.log` cannot be read"));
    assert_eq!((outcome.archive, names_in(&store.outside("archives"))), (None, vec![]));
}

#[test]
fn an_archive_that_is_gone_or_another_file_keeps_all_that_was_to_go() {
    let spoil: [(&str, Spoil); 3] = [
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("shorter", |path| fs::File::options().write(true).open(path).unwrap().set_len(100).unwrap()),
        ("a copy", |path| {
            fs::copy(path, path.with_extension("copy")).unwrap();
            fs::rename(path.with_extension("copy"), path).unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let store = small();
        store.look();
        let before = Snapshot::of(&store.root);
        let into = store.outside("archives");
        let meddle = move || {
            for name in names_in(&into) {
                spoil(&into.join(name));
            }
        };
        // The operation's directory in the trash is made when the archive has its name.
        let hook = fault::before(Act::MakeDir, 1, meddle);
        let outcome = archiving(&store, &Settings { hook, ..store.settings() }).unwrap();
        assert_eq!(outcome.skipped.len(), 4, "{what}: {outcome:?}");
        let reason = |one: &clean::Skipped| one.reason.contains("the archive is not in its place any more");
        assert!(outcome.skipped.iter().all(reason), "{what}: {outcome:?}");
        before.assert_same(&Snapshot::of(&store.root), what);
    }
}

/// Flips a bit of the file that is being written once its writing has ended.
struct Spoiler {
    into: PathBuf,
    writing: AtomicBool,
    done: AtomicBool,
}

impl Progress for Spoiler {
    fn begin(&self, what: &'static str, _: Option<u64>) {
        self.writing.store(what == "writing", Ordering::SeqCst);
    }

    fn advance(&self, _: u64) {}

    fn end(&self) {
        if !self.writing.swap(false, Ordering::SeqCst) {
            return;
        }
        // It has no name; only descriptors lead to it.
        for entry in fs::read_dir("/proc/self/fd").unwrap().flatten() {
            if !fs::read_link(entry.path()).is_ok_and(|to| to.starts_with(&self.into) && to != self.into) {
                continue;
            }
            let file = fs::File::options().read(true).write(true).open(entry.path()).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, 200).unwrap();
            file.write_all_at(&[byte[0] ^ 4], 200).unwrap();
            self.done.store(true, Ordering::SeqCst);
        }
    }
}

#[test]
fn an_archive_that_does_not_read_as_it_was_written_gets_no_name_and_nothing_goes() {
    let store = small();
    let into = store.outside("archives");
    fs::create_dir_all(&into).unwrap();
    let into = into.canonicalize().unwrap();
    let spoiler = Spoiler { into, writing: AtomicBool::new(false), done: AtomicBool::new(false) };
    store.look();
    let before = Snapshot::of(&store.root);
    let done = archiving(&store, &Settings { progress: &spoiler, ..store.settings() });
    assert!(spoiler.done.load(Ordering::SeqCst), "the file was not met");
    let error = format!("{:?}", done.unwrap_err());
    assert!(error.contains("does not fit"), "{error}");
    before.assert_same(&Snapshot::of(&store.root), "spoiled");
    assert_eq!(names_in(&store.outside("archives")), [""; 0]);
}

#[test]
fn a_script_that_is_there_and_cannot_be_read_keeps_the_runs_that_name_it_and_itself() {
    for below in ["", "/script"] {
        let store = Store::new();
        store.write(crate::support::small("/home/dev/web", store.days_ago(60)));
        store.write(crate::support::small("/home/dev/api", store.days_ago(60)));
        drop(store.open(Access::Index { full: true }));
        let runs = store.runs_in_place();
        let cache = store.root.join(runs[1].split_once('/').unwrap().0).join(".cache");
        let closed = if below.is_empty() { cache.clone() } else { cache.join(&names_in(&cache)[0]) };
        chmod(&closed, 0);
        let exported = as_a_user(|| store.try_export("all.tar.zst").unwrap());
        assert_eq!((exported.runs.len(), exported.entries, exported.skipped.len()), (1, 1, 1), "{exported:?}");
        let outcome = as_a_user(|| archiving(&store, &store.settings()).unwrap());
        chmod(&closed, 0o755);
        assert_eq!(store.runs_in_place(), [runs[1].clone()], "{outcome:?}");
        let told = outcome.skipped.iter().find(|one| one.id == runs[1]).map(|one| one.reason.clone());
        for said in told.iter().chain([&exported.skipped[0].reason]) {
            assert!(said.contains("which it names, cannot be read: Permission denied"), "{said}");
        }
        assert_eq!(told.is_some(), !below.is_empty(), "a project whose cache cannot be listed is not cleaned at all");
        assert_eq!(crate::support::tree::dangling_scripts(&store.root), Vec::<PathBuf>::new());
    }
}
