//! What one look at the tree found. Plain values that go from the walk to the index.

use super::layout::Era;
use super::liveness::LockState;
use super::reference::Reference;
use crate::model::{Parts, Problem, ProjectDir, RunContext, RunDir, Size, Stamp};

/// A regular file with more than one link, which counts in each run that has it and once in totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardLink {
    /// Its inode.
    pub inode: u64,
    /// What it takes.
    pub size: Size,
    /// Names that the file system counts for it, inside the run and outside.
    pub links: u64,
    /// Names of it inside the run.
    pub names: u64,
}

/// A task of a run as its directory shows it.
#[derive(Clone, Debug, Default)]
pub struct TaskObservation {
    /// The name: the path below `tasks/`, or below the run for a task that lies beside it.
    pub name: Vec<u8>,
    /// The directory relative to the run's.
    pub dir: Vec<u8>,
    /// What the directory takes.
    pub size: Size,
    /// Length of `stdout.log`.
    pub stdout: Option<u64>,
    /// Length of `stderr.log`.
    pub stderr: Option<u64>,
    /// File name of the script.
    pub script: Option<Vec<u8>>,
    /// The entry of the own project's cache that the script's link names.
    pub script_entry: Option<Vec<u8>>,
    /// Length of `output.<task>.json`.
    pub output: Option<u64>,
    /// Whether the runner got as far as writing the script or its helpers.
    pub begun: bool,
    /// Earliest write that the runner makes for a task, nanoseconds.
    pub first_write_ns: Option<i64>,
    /// Latest of the logs' and the marker's writes, nanoseconds.
    pub last_write_ns: Option<i64>,
    /// An exit code in the last lines of the logs; looked for only where nothing better can be there.
    pub logged_exit: Option<i32>,
}

/// A run directory, read whole or as far as it went.
#[derive(Clone, Debug)]
pub struct RunObservation {
    /// Its name.
    pub run: RunDir,
    /// Its inode.
    pub inode: u64,
    /// What it takes, its own directory included.
    pub size: Size,
    /// blake3 over sorted names, kinds, inodes, sizes, times of files and texts of links.
    pub manifest: [u8; 32],
    /// The time of the runner's history that it belongs to.
    pub era: Era,
    /// Parts that its era writes and that are not there.
    pub missing: Parts,
    /// Whether it holds what makes a directory a run.
    pub proven: bool,
    /// The newest write that is a sign of life and not of the future, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// Whether a file bears a time of the future.
    pub written_in_future: bool,
    /// The newest inode change of the run's own directory or a file, for telling a fresh unproven directory.
    pub changed_ns: i64,
    /// How it was started, when `run.yaml` was read.
    pub context: Option<RunContext>,
    /// Its tasks.
    pub tasks: Vec<TaskObservation>,
    /// What its links refer to, each once.
    pub references: Vec<Reference>,
    /// Its files with more than one link.
    pub hard_links: Vec<HardLink>,
    /// Its `.lock`.
    pub lock: LockState,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether all of it was read.
    pub whole: bool,
}

/// A file of a project's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryObservation {
    /// Path relative to `.cache`.
    pub path: Vec<u8>,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// Its last write, nanoseconds.
    pub mtime_ns: i64,
    /// Names that the file system counts for it.
    pub links: u64,
}

/// A project's cache.
#[derive(Clone, Debug, Default)]
pub struct CacheListing {
    /// `.cache` (empty path) and its direct subdirectories.
    pub dirs: Vec<(Vec<u8>, Stamp)>,
    /// Its entries.
    pub entries: Vec<EntryObservation>,
    /// Blocks of its directories, and whatever in it is no entry.
    pub rest: Size,
    /// Whether all of it was read.
    pub whole: bool,
}

/// A project directory: names only, its runs are walked apart.
#[derive(Clone, Debug)]
pub struct ProjectListing {
    /// Its name.
    pub dir: ProjectDir,
    /// Its stamp, taken before the listing.
    pub stamp: Stamp,
    /// Blocks of the directory itself.
    pub own: Size,
    /// Directories with the name of a run, and their inodes.
    pub runs: Vec<(RunDir, u64)>,
    /// Its cache, where there is one.
    pub cache: Option<CacheListing>,
    /// Whether the cache was not looked at, because its stamps are what they were.
    pub cache_left_out: bool,
    /// Names of all other entries.
    pub others: Vec<Vec<u8>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether all of it was listed.
    pub whole: bool,
}
