//! The fast walker against a plain one: whatever the tree, they see the same.

use crate::support::*;
use otto_catalog::model::{RunDir, Size};
use otto_catalog::practice::{Era, RunSpec, TaskSpec};
use otto_catalog::session::Access;
use otto_catalog::store::dir::Listing;
use otto_catalog::store::observation::RunObservation;
use otto_catalog::store::reference::{Reference, references};
use otto_catalog::store::run_walk::{Look, MAX_DEPTH, walk_run};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

const RUN: &str = "1700000000";

/// An entry to be made in one of the directories that are there by then.
#[derive(Clone, Debug)]
enum Make {
    Dir,
    File(u32),
    Sparse(u32),
    Link(Vec<u8>),
    HardLink(usize),
    Pipe,
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let known = ["tasks", "build", "run.yaml", "stdout.log", "stderr.log", "script.sh", "a:b", ".hidden", ".tmp123456"];
    prop_oneof![
        6 => prop::sample::select(known.map(|n| n.as_bytes().to_vec()).to_vec()),
        1 => Just(b"output.build.json".to_vec()),
        1 => Just(b"new\nline".to_vec()),
        1 => Just(b"\xff\xfe%s".to_vec()),
        1 => Just(vec![b'n'; 255]),
        3 => "[a-z]{1,3}".prop_map(String::into_bytes),
    ]
}

fn makes() -> impl Strategy<Value = Make> {
    let texts = ["../../../.cache/1234abcd.sh", "/h/.otto/p-00000000/.cache/b/1", "..", "/", "loop", "../.cache", "x"];
    prop_oneof![
        4 => Just(Make::Dir),
        4 => (0_u32..20_000).prop_map(Make::File),
        1 => (1_u32..5_000_000).prop_map(Make::Sparse),
        3 => prop::sample::select(texts.map(|t| t.as_bytes().to_vec()).to_vec()).prop_map(Make::Link),
        2 => (0_usize..64).prop_map(Make::HardLink),
        1 => Just(Make::Pipe),
    ]
}

/// Makes a tree; what has no place (a name twice) is left out.
fn make(run: &Path, entries: &[(usize, Vec<u8>, Make)]) {
    fs::create_dir(run).unwrap();
    let (mut dirs, mut files) = (vec![run.to_owned()], Vec::<PathBuf>::new());
    for (dir, name, make) in entries {
        let path = dirs[dir % dirs.len()].join(OsStr::from_bytes(name));
        if fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        match make {
            Make::Dir => {
                fs::create_dir(&path).unwrap();
                dirs.push(path);
            }
            Make::File(len) => {
                fs::write(&path, vec![b'x'; *len as usize]).unwrap();
                files.push(path);
            }
            Make::Sparse(len) => {
                fs::File::create(&path).unwrap().set_len(u64::from(*len)).unwrap();
                files.push(path);
            }
            Make::Link(text) => symlink(OsStr::from_bytes(text), &path).unwrap(),
            Make::HardLink(of) if !files.is_empty() => fs::hard_link(&files[of % files.len()], &path).unwrap(),
            Make::HardLink(_) => {}
            Make::Pipe => make_pipe(&path),
        }
    }
}

fn make_pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
}

fn walk(project: &Path) -> RunObservation {
    let fd = fs::File::open(project).unwrap();
    let look = Look {
        project_path: project,
        dev: fs::metadata(project).unwrap().dev(),
        now_ns: (wall() + 7200) * 1_000_000_000,
        read_yaml: false,
        at_root: false,
    };
    walk_run(fd.as_fd(), &RunDir::parse(RUN.as_bytes()).unwrap(), &look, &mut Listing::default()).unwrap().unwrap()
}

/// What a plain walk sees.
#[derive(Debug, Default, PartialEq)]
struct Plain {
    size: Size,
    references: BTreeSet<Reference>,
    /// Files with several names: length, blocks, links, and names among these.
    hard_links: BTreeMap<u64, (u64, u64, u64, u64)>,
    has_tasks: bool,
    has_yaml: bool,
    logs: BTreeMap<PathBuf, u64>,
}

fn plain(run: &Path) -> Plain {
    let mut seen = Plain { size: tree::du_with_self(run), ..Plain::default() };
    tree::each(run, &mut |path, meta| {
        let relative = path.strip_prefix(run).unwrap();
        if meta.is_symlink() {
            seen.references.extend(references(fs::read_link(path).unwrap().as_os_str().as_bytes()));
        }
        if meta.is_file() && meta.nlink() > 1 {
            let group = seen.hard_links.entry(meta.ino()).or_insert((meta.len(), meta.blocks() * 512, meta.nlink(), 0));
            group.3 += 1;
        }
        seen.has_tasks |= relative == Path::new("tasks") && meta.is_dir();
        seen.has_yaml |= relative == Path::new("run.yaml") && meta.is_file();
    });
    seen
}

fn as_plain(found: &RunObservation) -> Plain {
    Plain {
        size: found.size,
        references: found.references.iter().cloned().collect(),
        hard_links: found.hard_links.iter().map(|l| (l.inode, (l.size.size, l.size.disk, l.links, l.names))).collect(),
        // One of them is what makes it a run; which, is asked below.
        has_tasks: found.proven,
        has_yaml: found.proven,
        logs: BTreeMap::new(),
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn the_walker_sees_what_a_plain_walk_sees(
        entries in prop::collection::vec((0_usize..32, names(), makes()), 0..40),
        touched in 0_usize..64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join(RUN);
        make(&run, &entries);
        let found = walk(dir.path());
        let mut expected = plain(&run);
        let proven = expected.has_tasks || expected.has_yaml;
        (expected.has_tasks, expected.has_yaml) = (proven, proven);
        prop_assert_eq!(as_plain(&found), expected);
        prop_assert!(found.whole && found.problems.is_empty(), "{:?}", found.problems);
        let mut names: Vec<_> = found.tasks.iter().map(|t| &t.name).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), found.tasks.len(), "a task is listed once");
        for task in &found.tasks {
            let dir = run.join(OsStr::from_bytes(&task.dir));
            let length = |name: &str| fs::symlink_metadata(dir.join(name)).ok().filter(|m| m.is_file()).map(|m| m.len());
            prop_assert_eq!(task.stdout, length("stdout.log"));
            prop_assert_eq!(task.stderr, length("stderr.log"));
        }

        // Looking changes nothing; the manifest is the tree's, and no other tree's.
        prop_assert_eq!(walk(dir.path()).manifest, found.manifest);
        let mut paths = Vec::new();
        tree::each(&run, &mut |path, meta| paths.push((path.to_owned(), meta.clone())));
        paths.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some((path, meta)) = paths.get(touched % paths.len().max(1)) {
            if meta.is_dir() {
                fs::write(path.join("one more"), "").unwrap();
            } else if meta.is_symlink() {
                fs::remove_file(path).unwrap();
                symlink("elsewhere", path).unwrap();
            } else if meta.is_file() {
                touch(path, meta.mtime() + 1);
            } else {
                fs::remove_file(path).unwrap();
            }
            prop_assert_ne!(walk(dir.path()).manifest, found.manifest, "{:?} changed unseen", path);
        }
    }
}

#[test]
fn a_tree_deeper_than_the_walk_goes_is_not_read_whole_and_not_removed() {
    for (levels, whole) in [(MAX_DEPTH - 3, true), (MAX_DEPTH + 5, false)] {
        let store = Store::new();
        let path = store.write(small("/a/web", store.days_ago(40)));
        let mut deep = path.join("tasks/build");
        for _ in 0..levels - 1 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f"), "x").unwrap();
        let session = store.open(otto_catalog::session::Access::Read);
        assert_eq!(session.report.problems.is_empty(), whole);
        let run = session.catalog.nth_newest(None, 0).unwrap().unwrap();
        assert_eq!(run.read_whole, whole, "{levels} levels");
        drop(session);
        store.clean(&keep_and_cache(30));
        assert_eq!(path.exists(), !whole);
    }
}

#[test]
fn a_task_that_never_began_lacks_nothing() {
    for era in [Era::J, Era::K, Era::L] {
        let store = Store::new();
        let missing = || store.look().catalog.nth_newest(None, 0).unwrap().unwrap().missing.names();
        // The terminal interface makes the logs of every task before the first begins.
        let run = store.write(
            RunSpec::new(era, "/home/dev/web", store.days_ago(9)).task(TaskSpec::ok("a")).task(TaskSpec::ok("b")),
        );
        let unstarted = run.join("tasks/c");
        fs::create_dir(&unstarted).unwrap();
        for log in ["stdout.log", "stderr.log"] {
            fs::write(unstarted.join(log), "").unwrap();
            touch(&unstarted.join(log), store.days_ago(9));
        }
        assert_eq!(missing(), [""; 0], "{era:?}");
        // One that began lacks what is not there, also when its end alone tells that it began.
        fs::remove_file(run.join("tasks/a/stdout.log")).unwrap();
        for part in ["script.sh", "builtins.sh"] {
            fs::remove_file(run.join("tasks/b").join(part)).unwrap();
        }
        store.open(Access::Index { full: true });
        assert_eq!(missing(), ["logs", "script"], "{era:?}");
    }
}
