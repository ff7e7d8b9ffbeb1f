//! There and back: the same tree, the same answers.

use super::*;
use crate::support::digest::{assert_same, digest};
use crate::support::tree::{Snapshot, du};
use otto_catalog::archive::Kind;
use otto_catalog::clean::{CacheMode, Request as CleanRequest};
use otto_catalog::practice::{self, Flavour, Spec};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

/// Everything that a catalog says, but for inodes, which no copy can have.
fn answers(store: &Store) -> Vec<String> {
    without_inodes(digest(&store.open(Access::Read).catalog))
}

fn without_inodes(lines: Vec<String>) -> Vec<String> {
    let without = |line: String| match line.split_once(" inode ") {
        Some((before, after)) if line.starts_with("entry ") => {
            format!("{before} {}", after.split_once(' ').map_or("", |(_, rest)| rest))
        }
        _ => line,
    };
    lines.into_iter().map(without).collect()
}

/// Which names share a file, inside of runs.
fn second_names(store: &Store) -> Vec<Vec<PathBuf>> {
    let mut names: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    crate::support::tree::each(&store.root, &mut |path, meta| {
        if meta.is_file() && meta.nlink() > 1 {
            names.entry(meta.ino()).or_default().push(path.strip_prefix(&store.root).unwrap().to_owned());
        }
    });
    let mut names: Vec<_> = names.into_values().collect();
    names.iter_mut().for_each(|group| group.sort());
    names.sort();
    names
}

/// A store of every era, and a run with everything that is hard to copy.
fn store() -> Store {
    let mut store = Store::new();
    let spec = Spec {
        seed: 3,
        runs: 60,
        now: wall(),
        projects: None,
        tasks_per_run: None,
        flavour: Flavour::Mixed,
        runner_db: true,
    };
    practice::write(&store.root, &spec).unwrap();
    odd_run(&store);
    store.set_now(wall() + 100 * DAY);
    store
}

fn odd_run(store: &Store) {
    let run =
        store.write(crate::support::small("/home/dev/odd", store.days_ago(3)).task(TaskSpec::failed("spoilt", 3)));
    let task = run.join("tasks/build");
    let non_utf8 = task.join(OsStr::from_bytes(b"caf\xe9 \xff\n"));
    fs::create_dir(&non_utf8).unwrap();
    fs::write(non_utf8.join("new\nline"), "1").unwrap();
    fs::write(task.join("empty"), "").unwrap();
    fs::write(task.join("a".repeat(255)), "a long name").unwrap();
    let deep = task.join("b".repeat(120)).join("c".repeat(120)).join("d".repeat(120));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep"), "deep").unwrap();
    fs::hard_link(task.join("empty"), deep.join("empty too")).unwrap();
    fs::write(task.join("first"), "shared").unwrap();
    fs::hard_link(task.join("first"), task.join("second")).unwrap();
    fs::hard_link(task.join("first"), run.join("third")).unwrap();
    symlink("nowhere", task.join("dangling")).unwrap();
    symlink("/", task.join("root")).unwrap();
    symlink(format!("../{}", "x/".repeat(100)), task.join("long link")).unwrap();
    symlink(OsStr::from_bytes(b"\xff//./odd/"), task.join("odd link")).unwrap();
    let hole = fs::File::create(task.join("hole")).unwrap();
    std::os::unix::fs::FileExt::write_at(&hole, b"end", 10 << 20).unwrap();
    for (name, mode) in [("readonly", 0o444), ("private", 0o600), ("program", 0o755), ("sticky", 0o1644)] {
        fs::write(task.join(name), name).unwrap();
        fs::set_permissions(task.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(&non_utf8, fs::Permissions::from_mode(0o2755)).unwrap();
    for (name, at) in [("first", -3_000_000_001), ("empty", 0), ("private", 8_000_000_000)] {
        touch(&task.join(name), at);
    }
    touch(&task.join("dangling"), 1_000_000_007);
    let time = rustix::fs::Timespec { tv_sec: 1_600_000_000, tv_nsec: 123_456_789 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, &task, &times, rustix::fs::AtFlags::empty()).unwrap();
}

#[test]
fn exporting_cleaning_and_importing_is_the_identity_on_the_tree_and_the_catalog() {
    let store = store();
    // What no run names is in no archive: it goes first.
    store.clean(&CleanRequest { cache: CacheMode::Only, ..keep(10_000) });
    let (tree, said, shared) = (Snapshot::of(&store.root).copied(), answers(&store), second_names(&store));
    let (runs, size) = (store.runs_in_place(), du(&store.root));
    assert!(runs.len() > 60 && shared.len() == 2, "{shared:?}");
    for name in ["all.tar.zst", "all.tar.gz"] {
        let path = store.export(name);
        let cleaned = store.clean(&keep_and_cache(30));
        assert_eq!((cleaned.gone().len(), store.runs_in_place()), (runs.len(), vec![]), "{:?}", cleaned.skipped());
        assert!(cleaned.gone_entries().len() > 20);
        let imported = store.import(&path);
        assert_eq!((imported.runs.len(), imported.already.len()), (runs.len(), 0));
        assert_eq!(imported.entries.len(), cleaned.gone_entries().len());
        tree.assert_same(&Snapshot::of(&store.root).copied(), name);
        assert_same(&said, &answers(&store), "the catalog's answers");
        assert_same(&said, &without_inodes(store.digest_from_nothing()), "a new catalog's answers");
        assert_eq!((store.runs_in_place(), second_names(&store)), (runs.clone(), shared.clone()));
        assert_eq!(du(&store.root), size, "holes are holes again");
        assert!(!store.root.join(".catalog/import").exists());
        let again = store.import(&path);
        assert_eq!((again.runs.len(), again.already.len(), again.operation), (0, runs.len(), None));
    }
}

#[test]
fn the_same_runs_make_the_same_file() {
    let store = store();
    let (one, other) = (store.export("one.tar.zst"), store.export("other.tar.zst"));
    assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());
    assert_eq!(fs::metadata(&one).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn what_the_runners_database_said_survives_in_another_store_and_the_loss_of_its_catalog() {
    let store = store();
    let path = store.export("all.tar.zst");
    let mut other = Store::new();
    other.clock = store.clock;
    other.import(&path);
    let of_runs = |store: &Store| -> Vec<String> {
        answers(store).into_iter().filter(|line| line.starts_with("run ") || line.starts_with("task ")).collect()
    };
    let said = of_runs(&store);
    assert!(said.iter().filter(|line| line.contains("by runner-db")).count() > 30);
    assert_same(&said, &of_runs(&other), "in the other store");
    for name in names_in(&other.root.join(".catalog")).iter().filter(|name| name.starts_with("catalog.db")) {
        fs::remove_file(other.root.join(".catalog").join(name)).unwrap();
    }
    assert_same(&said, &of_runs(&other), "with a catalog made anew");
    other.open(Access::Index { full: true });
    assert_same(&said, &of_runs(&other), "with all of it walked again");
    other.open(Access::Rebuild);
    assert_same(&said, &of_runs(&other), "rebuilt");
}

#[test]
fn tags_travel_and_pins_do_not() {
    let store = super::small();
    let id = store.runs_in_place()[0].clone();
    store.pin(&id);
    let settings = store.settings();
    let mut session = store.open(Access::Mark);
    let run = crate::support::trash::any_run(&session, &id);
    let words = otto_catalog::marks::Asked { command: "otto tag", who: "a test" };
    let tag = [otto_catalog::marks::Tag::new("release").unwrap()];
    otto_catalog::marks::tag(&mut session, &settings, &words, &[run], (&tag, &[])).unwrap();
    drop(session);
    let path = store.export("all.tar.zst");
    let other = Store::in_memory();
    other.import(&path);
    let marks = |store: &Store| {
        let run = crate::support::trash::any_run(&store.open(Access::Read), &id);
        (run.pinned, run.tags)
    };
    assert_eq!(marks(&other), (false, vec!["release".to_owned()]));
    for name in names_in(&other.root.join(".catalog")).iter().filter(|name| name.starts_with("catalog.db")) {
        fs::remove_file(other.root.join(".catalog").join(name)).unwrap();
    }
    assert_eq!(marks(&other), (false, vec!["release".to_owned()]), "after the loss of the catalog");
}

#[test]
fn what_no_archive_takes_is_told() {
    let store = super::small();
    let run = store.root.join(&store.runs_in_place()[0]);
    let fifo = run.join("tasks/build/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(run.join("s")).unwrap();
    drop(store.open(Access::Index { full: true }));
    let exported = store.try_export("all.tar.zst").unwrap();
    let kinds: Vec<&str> = exported.left_out.iter().map(|(_, left)| left.kind.as_str()).collect();
    assert_eq!(kinds, ["socket", "fifo"], "{:?}", exported.left_out);
    let archive = Archive::open(&store.outside("all.tar.zst"), Limits::USUAL).unwrap();
    let left: Vec<_> = archive.manifest().runs.iter().flat_map(|run| &run.left_out).map(|l| &*l.kind).collect();
    assert_eq!(left, kinds);
    let files = archive.manifest().runs.iter().flat_map(|run| &run.members);
    assert!(files.filter(|member| matches!(member.kind, Kind::File { .. })).count() > 8);
}
