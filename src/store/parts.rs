//! What can be dropped of a run that stays: its logs, what its scripts left behind, and temporary files.
//!
//! | part | where | what |
//! |---|---|---|
//! | logs | directly in a task's directory | `stdout.log`, `stderr.log` |
//! | artifacts | in a task's directory, at any depth | files and directories that the runner did not write |
//! | temp | anywhere in the run | `.tmp??????` of runner 2.x, and names that a pattern fits below a task's directory |
//!
//! It is the same in every era that has task directories. Runs of 2023 have none, and nothing of them is dropped: their
//! files are the scripts. Never dropped: `run.yaml`, `.lock`, `output.*`, `input.*`, scripts and helpers, and every link,
//! because a link may be a reference to the cache. Pipes and sockets stay too. A directory is dropped whole when
//! everything in it can be, else what can be is dropped piece by piece, and the directory stays. So what remains is a
//! whole set of [`Piece`]s, each moved by one rename.

use super::dir::{self, Listing};
use super::layout::{self, TaskFile};
use crate::model::{Dropped, Size};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use std::collections::{HashMap, HashSet};
use std::ffi::CStr;

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What the tasks printed.
    Logs,
    /// What the scripts left behind.
    Artifacts,
    /// Temporary files.
    Temp,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logs, Self::Artifacts, Self::Temp];

    /// The word for people, flags and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Artifacts => "artifacts",
            Self::Temp => "temp",
        }
    }

    /// The set of it alone.
    pub const fn dropped(self) -> Dropped {
        match self {
            Self::Logs => Dropped::LOGS,
            Self::Artifacts => Dropped::ARTIFACTS,
            Self::Temp => Dropped::TEMP,
        }
    }
}

/// A file, or a directory with all that is in it, that is moved by one rename.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Relative to the run's directory.
    pub path: Vec<u8>,
    /// What it belongs to.
    pub part: Part,
    /// Its inode.
    pub inode: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// What it takes, a file with several names as often as it has names here.
    pub size: Size,
    /// The files in it that have several names, a name each.
    pub shared: Vec<SharedName>,
}

/// A name of a file that has several: its blocks are free when the last of them goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedName {
    /// The file's inode.
    pub inode: u64,
    /// How many names the file system counts.
    pub links: u64,
    /// What the file takes.
    pub size: Size,
}

/// Which names are temporary.
pub type IsTemporary<'a> = &'a dyn Fn(&[u8]) -> bool;

/// How deep a piece may be: a walk of the run goes no deeper either.
const DEEPEST: usize = super::run_walk::MAX_DEPTH;

/// The pieces of a run that belong to one of `wanted`, in the order of their paths. `tasks` are its task directories,
/// relative to it, as the walk found them.
///
/// # Errors
/// The system's: then nothing of the run is dropped.
pub fn pieces(
    run: BorrowedFd<'_>,
    dev: u64,
    tasks: &[Vec<u8>],
    wanted: &[Part],
    is_temporary: IsTemporary<'_>,
) -> rustix::io::Result<Vec<Piece>> {
    let mut search = Search {
        listing: Listing::default(),
        path: Vec::new(),
        found: Vec::new(),
        tasks: tasks.iter().map(Vec::as_slice).collect(),
        wanted,
        is_temporary,
        dev,
    };
    search.below(run, Within::Run, 0)?;
    let mut found = search.found;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Whether each of these pieces still is one: what it names, or what it lies in, can be dropped as a whole, and a log is
/// called a log. Whatever a plan says, nothing else is moved.
///
/// # Errors
/// As [`pieces`].
pub fn are_pieces(run: BorrowedFd<'_>, dev: u64, tasks: &[Vec<u8>], planned: &[Piece]) -> rustix::io::Result<bool> {
    // What a pattern fits lies in an artifact, or is one.
    let found = pieces(run, dev, tasks, &Part::ALL, &|_| false)?;
    let may_go: HashMap<&[u8], &Piece> = found.iter().map(|piece| (piece.path.as_slice(), piece)).collect();
    Ok(planned.iter().all(|piece| {
        let same = may_go.get(piece.path.as_slice());
        let above = piece.path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &piece.path[..at]);
        let within = || above.filter_map(|path| may_go.get(path)).any(|found| found.is_dir);
        match same {
            Some(found) => (found.part == Part::Logs) == (piece.part == Part::Logs) && found.inode == piece.inode,
            None => piece.part != Part::Logs && within(),
        }
    }))
}

/// What the search is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// No task.
    Run,
    /// A task's own directory.
    Task,
    /// A directory in a task's that is of that part.
    Part(Part),
}

struct Search<'s> {
    listing: Listing,
    path: Vec<u8>,
    found: Vec<Piece>,
    tasks: HashSet<&'s [u8]>,
    wanted: &'s [Part],
    is_temporary: IsTemporary<'s>,
    dev: u64,
}

/// What was seen of a directory's content.
struct Content {
    /// Whether all of it is of the directory's own part.
    alike: bool,
    size: Size,
    shared: Vec<SharedName>,
}

impl Search<'_> {
    /// Searches a directory. The pieces that are found in it stand at the end of `found`.
    fn below(&mut self, fd: BorrowedFd<'_>, within: Within, depth: usize) -> rustix::io::Result<Content> {
        let (mark, count) = self.listing.push(fd)?;
        let mut content = Content { alike: true, size: Size::ZERO, shared: Vec::new() };
        for at in 0..count {
            let entry = self.listing.entry(mark, at);
            let name = self.listing.c_name(entry).to_owned();
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            let (part, size, shared) = self.entry(fd, &name, within, depth)?;
            self.path.truncate(length);
            content.size += size;
            content.shared.extend(shared);
            content.alike &= part.is_some_and(|part| within == Within::Part(part));
        }
        self.listing.pop(mark);
        Ok(content)
    }

    /// The part that an entry belongs to as a whole, what it takes, and what in it has other names.
    fn entry(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        within: Within,
        depth: usize,
    ) -> rustix::io::Result<(Option<Part>, Size, Vec<SharedName>)> {
        let meta = dir::meta_at(parent, name)?;
        let mut part = self.part_of(name.to_bytes(), within);
        let mut size = Size { size: 0, disk: meta.disk };
        let mut shared = Vec::new();
        match meta.kind {
            FileType::RegularFile => {
                size.size = meta.len;
                if meta.links > 1 {
                    shared.push(SharedName { inode: meta.inode, links: meta.links, size });
                }
            }
            FileType::Directory if depth + 1 < DEEPEST && meta.dev == self.dev => {
                if part == Some(Part::Logs) {
                    part = Some(Part::Artifacts);
                }
                let inside = match (self.tasks.contains(self.path.as_slice()), part) {
                    (true, _) => Within::Task,
                    (false, Some(part)) => Within::Part(part),
                    (false, None) => Within::Run,
                };
                let before = self.found.len();
                let content = self.below(dir::open_dir(parent, name)?.as_fd(), inside, depth + 1)?;
                size += content.size;
                shared = content.shared;
                part = part.filter(|_| content.alike && inside != Within::Task);
                if part.is_some_and(|part| self.wanted.contains(&part)) {
                    self.found.truncate(before);
                }
            }
            _ => part = None,
        }
        if let Some(part) = part.filter(|part| self.wanted.contains(part)) {
            let is_dir = meta.kind == FileType::Directory;
            let (path, inode, shared) = (self.path.clone(), meta.inode, shared.clone());
            self.found.push(Piece { path, part, inode, is_dir, size, shared });
        }
        Ok((part, size, shared))
    }

    /// The part that a file or directory of that name belongs to. Names of the runner's are never given away, at no depth:
    /// what a script calls `input.csv` stays rather than something that the next task was given.
    fn part_of(&self, name: &[u8], within: Within) -> Option<Part> {
        let is_kept = name == layout::RUN_YAML
            || name == layout::LOCK
            || name.starts_with(b"input.")
            || name.starts_with(b"output.");
        match (within, TaskFile::of(name)) {
            _ if is_kept => None,
            (Within::Run | Within::Task, _) if layout::is_temporary_name(name) => Some(Part::Temp),
            (Within::Run, _) => None,
            (Within::Task, Some(TaskFile::Stdout | TaskFile::Stderr)) => Some(Part::Logs),
            (Within::Task, Some(_)) => None,
            (Within::Part(Part::Temp), _) => Some(Part::Temp),
            _ if self.wanted.contains(&Part::Temp) && (self.is_temporary)(name) => Some(Part::Temp),
            _ => Some(Part::Artifacts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
    }

    fn found(root: &Path, wanted: &[Part]) -> Vec<String> {
        let fd = fs::File::open(root).unwrap();
        let dev = dir::meta(&fd).unwrap().dev;
        let tasks = [b"tasks/build".to_vec(), b"tasks/a:x/y".to_vec(), b"tasks/build/inner".to_vec()];
        let temporary = |name: &[u8]| name.ends_with(b".tmp") || name == b"__pycache__";
        let pieces = pieces(fd.as_fd(), dev, &tasks, wanted, &temporary).unwrap();
        pieces
            .into_iter()
            .map(|piece| format!("{} {}", piece.part.word(), String::from_utf8_lossy(&piece.path)))
            .collect()
    }

    fn run() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in [
            "run.yaml",
            ".lock",
            ".tmpAb12Cd",
            "note.txt",
            "tasks/stray.txt",
            "tasks/build/run.yaml",
            "tasks/build/.lock",
            "tasks/build/stdout.log",
            "tasks/build/stderr.log",
            "tasks/build/builtins.sh",
            "tasks/build/script.py",
            "tasks/build/8c8337dd.sh",
            "tasks/build/output.build.json",
            "tasks/build/output.build.env",
            "tasks/build/input.dep.env",
            "tasks/build/input.dep.json",
            "tasks/build/result.bin",
            "tasks/build/whole/deep/a.o",
            "tasks/build/whole/b.o",
            "tasks/build/mixed/c.o",
            "tasks/build/mixed/output.x.json",
            "tasks/build/linked/d.o",
            "tasks/build/mixed/e.tmp",
            "tasks/build/__pycache__/m.pyc",
            "tasks/build/__pycache__/deep/x",
            "tasks/a:x/y/stdout.log",
            "tasks/a:x/y/stdout.log.d/old",
        ] {
            write(root, path);
        }
        fs::create_dir(root.join("tasks/build/empty")).unwrap();
        fs::create_dir(root.join("tasks/build/inner")).unwrap();
        symlink("../../../.cache/0a1b2c3d.sh", root.join("tasks/build/script.sh")).unwrap();
        symlink("../../../../.cache/0a1b2c3d.sh", root.join("tasks/build/linked/again")).unwrap();
        dir
    }

    #[test]
    fn the_logs_are_the_tasks_own() {
        let dir = run();
        let expected = ["logs tasks/a:x/y/stdout.log", "logs tasks/build/stderr.log", "logs tasks/build/stdout.log"];
        assert_eq!(found(dir.path(), &[Part::Logs]), expected);
    }

    #[test]
    fn artifacts_are_what_the_runner_did_not_write_and_no_link() {
        let dir = run();
        let expected = [
            "artifacts tasks/a:x/y/stdout.log.d",
            "artifacts tasks/build/__pycache__",
            "artifacts tasks/build/empty",
            "artifacts tasks/build/linked/d.o",
            "artifacts tasks/build/mixed/c.o",
            "artifacts tasks/build/mixed/e.tmp",
            "artifacts tasks/build/result.bin",
            "artifacts tasks/build/whole",
        ];
        assert_eq!(found(dir.path(), &[Part::Artifacts]), expected);
    }

    #[test]
    fn temporary_files_are_the_runner_s_own_and_those_that_a_pattern_fits() {
        let dir = run();
        let expected = ["temp .tmpAb12Cd", "temp tasks/build/__pycache__", "temp tasks/build/mixed/e.tmp"];
        assert_eq!(found(dir.path(), &[Part::Temp]), expected);
    }

    #[test]
    fn a_planned_piece_is_one_only_by_its_place_its_kind_and_its_inode() {
        let dir = run();
        let tasks = [b"tasks/build".to_vec()];
        let may_go = |path: &str, part, other: u64| {
            let fd = fs::File::open(dir.path()).unwrap();
            let dev = dir::meta(&fd).unwrap().dev;
            let inode = std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(dir.path().join(path)).unwrap());
            let (path, size, shared) = (path.as_bytes().to_vec(), Size::ZERO, Vec::new());
            let piece = Piece { path, part, inode: inode + other, is_dir: false, size, shared };
            are_pieces(fd.as_fd(), dev, &tasks, &[piece]).unwrap()
        };
        let build = |path: &str| format!("tasks/build/{path}");
        assert!(may_go(&build("stdout.log"), Part::Logs, 0));
        assert!(!may_go(&build("stdout.log"), Part::Artifacts, 0), "a log is called a log");
        assert!(!may_go(&build("stdout.log"), Part::Logs, 1), "another file has its place");
        for (path, goes) in [("result.bin", true), ("whole", true), ("whole/b.o", true), ("mixed/c.o", true)]
            .into_iter()
            .chain(["mixed", "linked", "linked/again", "script.sh", "script.py", ".lock"].map(|path| (path, false)))
            .chain(["run.yaml", "input.dep.env", "mixed/output.x.json", "builtins.sh"].map(|path| (path, false)))
        {
            for part in [Part::Artifacts, Part::Temp] {
                assert_eq!(may_go(&build(path), part, 0), goes, "{path}");
            }
            assert!(!may_go(&build(path), Part::Logs, 0), "{path} is no log");
        }
    }

    #[test]
    fn a_directory_with_a_pipe_is_taken_apart() {
        let dir = run();
        let pipe = dir.path().join("tasks/build/whole/deep/pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let found = found(dir.path(), &[Part::Artifacts]);
        assert!(found.contains(&"artifacts tasks/build/whole/deep/a.o".to_owned()), "{found:?}");
        assert!(found.contains(&"artifacts tasks/build/whole/b.o".to_owned()), "{found:?}");
        assert!(!found.contains(&"artifacts tasks/build/whole".to_owned()), "{found:?}");
    }
}
