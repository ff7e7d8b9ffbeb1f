//! Stores that nobody would make on purpose, and some that somebody would.

use crate::support::digest::{assert_same, digest};
use crate::support::tree::Snapshot;
use crate::support::*;
use otto_catalog::clean::CacheMode;
use otto_catalog::clean::Request;
use otto_catalog::model::{Age, RunDir};
use otto_catalog::practice::{Era, RunSpec, TaskSpec};
use otto_catalog::session::{Access, Session};
use otto_catalog::store::change::{self, Hook};
use otto_catalog::store::dir::Listing;
use otto_catalog::store::run_walk::{Look, walk_run};
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

/// Takes all that a policy can let go.
fn everything() -> Request {
    Request { cache: CacheMode::Collect, cache_grace: Some(Age::seconds(0)), ..keep(30).aged(1) }
}

fn ids(store: &Store) -> Vec<String> {
    let session = store.open(Access::Read);
    let mut ids: Vec<_> = session.catalog.runs(&Default::default()).unwrap().iter().map(|r| r.id.to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn what_only_looks_like_a_run_is_neither_listed_nor_touched() {
    let store = Store::new();
    let run = store.write(small("/a/web", store.days_ago(40)));
    let web = run.parent().unwrap().to_owned();
    let strangers = [
        store.root.join("photos-deadbeef/2023"),
        store.root.join("photos-deadbeef/1700000000-2"),
        store.root.join("otto-backup/1699999999"),
        store.root.join("backups/1700000000"),
        store.root.join("1234567890"),
        store.root.join("1234567891/tasks"),
        web.join("2023"),
        web.join("notes"),
        web.join("123456789012345678901234567890/tasks"),
        web.join("1700000000.bak/tasks"),
    ];
    for path in &strangers {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("holiday.jpg"), "mine").unwrap();
    }
    let before = Snapshot::of(&store.root);
    assert_eq!(ids(&store), [id_of(&run)]);
    let mut store = store;
    store.set_now(store.now() + 3 * DAY);
    assert_eq!(store.clean(&everything()).gone(), [id_of(&run)]);
    let after = Snapshot::of(&store.root);
    for path in &strangers {
        let path = path.strip_prefix(&store.root).unwrap().to_str().unwrap();
        before.at(path).assert_same(&after.at(path), path);
    }
}

#[test]
fn odd_names_are_listed_weighed_and_cleaned_like_any_other() {
    let names: [&[u8]; 6] = [
        b"new\nline-0011aabb",
        b"100%-0011aabb",
        b"\xff\xfe-0011aabb",
        b".hid-0011aabb",
        b"a b\t-0011aabb",
        b"otto-\xf0",
    ];
    let store = Store::new();
    let mut expected = Vec::new();
    for (n, name) in names.into_iter().enumerate() {
        let run = store.root.join(OsStr::from_bytes(name)).join(store.days_ago(40 + n as i64).to_string());
        for task in [&b"t\n"[..], b"%s\xff", &[b'n'; 255], b"a:b"] {
            let task = run.join("tasks").join(OsStr::from_bytes(task));
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("stdout.log"), "x").unwrap();
            fs::write(task.join("stderr.log"), "").unwrap();
        }
        let cache = run.parent().unwrap().join(".cache");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join(OsStr::from_bytes(b"\xff\n.sh")), "x").unwrap();
        expected.push(format!("{}/{}", String::from_utf8_lossy(name), run.file_name().unwrap().to_str().unwrap()));
    }
    for extreme in ["0", "1", "4102444800", "253402300799"] {
        fs::create_dir_all(store.root.join("web-0011aabb").join(extreme).join("tasks/a")).unwrap();
        expected.push(format!("web-0011aabb/{extreme}"));
    }
    expected.sort();
    assert_eq!(ids(&store), expected);
    let session = store.look();
    assert_same(&digest(&session.catalog), &store.digest_from_nothing(), "odd names");
    drop(session);
    let done = store.clean(&everything());
    let future = |id: &&String| id.ends_with("/4102444800") || id.ends_with("/253402300799");
    assert_eq!(done.gone(), expected.iter().filter(|id| !future(id)).cloned().collect::<Vec<_>>());
    assert_eq!(done.outcome.deleted_cache.len(), names.len());
    assert_eq!((done.outcome.failed.len(), store.trash().len()), (0, 0), "{:?}", done.outcome);
    assert_eq!(ids(&store).len(), 2, "those of the future stay");
}

#[test]
fn a_crash_with_odd_names_is_mended_like_any_other() {
    for name in [&b"\xff\xfe-0011aabb"[..], b"new\nline-0011aabb", b".cache-0011aabb"] {
        let mut store = Store::new();
        let run = store.root.join(OsStr::from_bytes(name)).join(store.days_ago(40).to_string());
        fs::create_dir_all(run.join("tasks/a")).unwrap();
        fs::create_dir_all(run.parent().unwrap().join(".cache")).unwrap();
        fs::write(run.parent().unwrap().join(".cache").join(OsStr::from_bytes(b"\xff.sh")), "x").unwrap();
        let before = Snapshot::of(&store.root);
        for stop in 1..30 {
            store.hook = fault::stop_at(stop).0;
            let done = fault::until_stopped(|| store.try_clean(&everything()).is_ok());
            store.hook = Default::default();
            let recovery = store.recover();
            assert_eq!((recovery.reported.len(), recovery.failed.len()), (0, 0), "{recovery:?}");
            assert_eq!(store.trash().len(), 0);
            if done.is_some() || !run.exists() {
                break;
            }
            before.assert_same(&Snapshot::of(&store.root), "put back");
        }
        store.clean(&everything());
        assert!(!run.exists());
    }
}

#[test]
fn pipes_and_sockets_are_never_opened() {
    let store = Store::new();
    let run = store.write(small("/a/web", store.days_ago(40)));
    let pipe = |path: &Path| {
        let _ = fs::remove_file(path);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    };
    for name in ["run.yaml", "tasks/build/stdout.log", "tasks/build/stderr.log", "tasks/build/output.build.json"] {
        pipe(&run.join(name));
    }
    pipe(&store.root.join("otto.db"));
    pipe(&run.parent().unwrap().join(".cache/pipe.sh"));
    let _socket = std::os::unix::net::UnixListener::bind(run.join("tasks/build/s")).unwrap();
    assert_eq!(ids(&store), [id_of(&run)]);
    assert_eq!(store.clean(&everything()).gone(), [id_of(&run)], "and they go with their run");
}

#[test]
fn links_in_place_of_anything_are_told_and_not_followed() {
    let store = Store::new();
    let kept = store.write(small("/a/web", store.days_ago(40)));
    let elsewhere = Store::new();
    let other = elsewhere.write(small("/a/other", elsewhere.days_ago(40)));
    let (project, cwd) = (other.parent().unwrap(), kept.parent().unwrap());
    symlink(project, store.root.join("linked-00112233")).unwrap();
    symlink(&other, cwd.join("1700000000")).unwrap();
    symlink(&kept, store.root.join("latest")).unwrap();
    symlink("../..", kept.join("tasks/loop")).unwrap();
    symlink(".", kept.join("tasks/build/self")).unwrap();
    let outside = Snapshot::of(&elsewhere.root);
    assert_eq!(ids(&store), [id_of(&kept)]);
    let session = store.open(Access::Index { full: true });
    assert_eq!(
        session.report.problems.len(),
        2,
        "the linked project and the linked run: {:?}",
        session.report.problems
    );
    drop(session);
    assert_eq!(store.clean(&everything()).gone(), [id_of(&kept)]);
    outside.assert_same(&Snapshot::of(&elsewhere.root), "followed");
    assert!(fs::symlink_metadata(cwd.join("1700000000")).unwrap().is_symlink());
}

#[test]
fn a_store_that_is_reached_through_a_link_is_the_same_store() {
    let mut store = Store::new();
    let run = store.write(small("/a/web", store.days_ago(40)));
    symlink(&store.root, store.outside("link")).unwrap();
    store.process(3, &store.outside("link").join(run.strip_prefix(&store.root).unwrap()));
    store.root = store.outside("link");
    assert_eq!(
        store.clean(&everything()).gone(),
        Vec::<String>::new(),
        "the process stands in it under its other name"
    );
    store.end_process(3);
    assert_eq!(store.clean(&everything()).gone(), [id_of(&run)]);
    assert!(fs::symlink_metadata(&store.root).unwrap().is_symlink());
}

#[test]
fn a_run_that_could_not_be_read_whole_is_kept_and_its_project_s_cache_not_collected() {
    let store = Store::new();
    let mut builder = store.builder();
    let run = builder.run(small("/a/web", store.days_ago(40))).unwrap();
    let beside = builder.run(small("/a/web", store.days_ago(50))).unwrap();
    let orphan = builder.orphan(&Era::J.project_dir("/a/web"), Some(store.days_ago(9))).unwrap();
    // Deeper than any walk goes: what is down there, nobody knows.
    fs::create_dir_all(run.join("tasks/build").join("d/".repeat(200))).unwrap();
    assert_eq!(store.clean(&everything()).gone(), [id_of(&beside)]);
    assert!(orphan.exists() && run.exists());
    fs::remove_dir_all(run.join("tasks/build/d")).unwrap();
    assert_eq!(store.clean(&everything()).gone(), [id_of(&run)]);
    assert!(!orphan.exists());
}

#[test]
fn what_a_user_may_not_read_is_kept_and_told() {
    for part in ["", "tasks", "tasks/build", ".."] {
        let store = Store::new();
        let run = store.write(small("/a/web", store.days_ago(40)));
        store.write(small("/a/api", store.days_ago(40)));
        store.look();
        let closed = if part == ".." { run.parent().unwrap().to_owned() } else { run.join(part) };
        chmod(&closed, 0o000);
        as_a_user(|| {
            let session = store.open(Access::Index { full: true });
            assert!(!session.report.problems.is_empty(), "`{part}` is closed");
            assert_eq!(session.report.vanished, 0, "`{part}` is closed: what cannot be seen is not gone");
            assert_eq!(session.catalog.runs(&Default::default()).unwrap().len(), 2, "`{part}` is closed");
            drop(session);
            let done = store.clean(&everything());
            assert_eq!(done.gone().len(), 1, "`{part}` is closed: the other project's run goes");
            assert_eq!(planned(&done.plan), done.gone(), "`{part}` is closed: and the plan says so");
        });
        chmod(&closed, 0o755);
        assert!(run.join("tasks/build/stdout.log").exists());
        assert_eq!(store.clean(&everything()).gone(), [id_of(&run)]);
    }
}

#[test]
fn a_cache_that_was_not_listed_whole_is_listed_again_although_its_stamp_is_the_same() {
    let store = Store::new();
    let run = store.write(RunSpec::new(Era::B, "/a/old", store.days_ago(3)).task(TaskSpec::ok("build")));
    let cache = run.with_file_name(".cache");
    chmod(&cache.join("build"), 0o000);
    let entries = |session: &Session| session.catalog.projects().unwrap()[0].cache_entries;
    as_a_user(|| {
        let session = store.open(Access::Read);
        assert_eq!((session.report.problems.len(), entries(&session)), (1, 0));
    });
    // A right that is given below shows in no stamp of the cache itself.
    chmod(&cache.join("build"), 0o755);
    let session = store.look();
    assert_eq!((session.report.problems.len(), entries(&session)), (0, 1));
}

#[test]
fn a_new_project_that_could_not_be_opened_is_looked_at_again() {
    let store = Store::new();
    store.write(small("/a/api", store.days_ago(3)));
    let project = store.write(small("/a/web", store.days_ago(3))).parent().unwrap().to_owned();
    let runs = |session: &Session| session.catalog.runs(&Default::default()).unwrap().len();
    chmod(&project, 0);
    for _ in 0..2 {
        as_a_user(|| {
            let session = store.open(Access::Read);
            assert_eq!((session.report.problems.len(), runs(&session)), (1, 1), "{:?}", session.report.problems);
        });
    }
    chmod(&project, 0o755);
    assert_eq!(runs(&store.look()), 2);
}

#[test]
fn another_device_is_neither_walked_nor_removed() {
    // A mount needs rights that tests do not have; that the tree is on another device than the store's is as good.
    let store = Store::new();
    let run = store.write(small("/a/web", store.days_ago(40)));
    let project = run.parent().unwrap();
    let fd = fs::File::open(project).unwrap();
    let dev = fs::metadata(project).unwrap().dev() + 1;
    let name = run.file_name().unwrap().to_str().unwrap();
    let look = Look { project_path: project, dev, now_ns: 0, read_yaml: false, at_root: false };
    let walked = walk_run(fd.as_fd(), &RunDir::parse(name.as_bytes()).unwrap(), &look, &mut Listing::default());
    assert!(walked.unwrap_err().cause.contains("another device"));
    let before = Snapshot::of(&store.root);
    let name = CString::new(name).unwrap();
    let removed = change::remove_tree(&Hook::default(), fd.as_fd(), &name, dev, &change::Freed::default());
    assert!(removed.unwrap_err().source.kind() == std::io::ErrorKind::CrossesDevices);
    before.assert_same(&Snapshot::of(&store.root), "something on another device was removed");
}
