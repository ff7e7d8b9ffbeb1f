//! What is written: plain values that the index and the clean bring.

use crate::model::{
    DurationSource, Parts, ProjectDir, RunContext, RunDir, Size, Stamp, Status, StatusSource, Timestamp,
};

/// A task to be written.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its name.
    pub name: Vec<u8>,
    /// Where its directory is, relative to the run's; `None` without one.
    pub dir: Option<Vec<u8>>,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// The real exit code.
    pub exit_code: Option<i32>,
    /// Start, Unix seconds.
    pub started_at: Option<Timestamp>,
    /// End, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// What its directory takes.
    pub size: Size,
    /// Length of `stdout.log`.
    pub stdout_bytes: Option<u64>,
    /// Length of `stderr.log`.
    pub stderr_bytes: Option<u64>,
    /// File name of its script.
    pub script: Option<Vec<u8>>,
    /// The entry of the own project's cache that the script's link names.
    pub entry: Option<Vec<u8>>,
    /// What the runner's database said, as its code.
    pub runner_status: Option<i64>,
}

/// What the runner's database said of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerColumns {
    /// Its row there.
    pub row: i64,
    /// Its status there, as its code.
    pub status: i64,
    /// Its end, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
}

/// A file with more than one link.
#[derive(Clone, Copy, Debug)]
pub struct SharedFile {
    /// Its inode.
    pub inode: u64,
    /// What it takes.
    pub size: Size,
    /// Names that the file system counts.
    pub links: u64,
    /// Those of them in the run.
    pub names: u64,
}

/// A run to be written.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its project's row.
    pub project_key: i64,
    /// Its directory.
    pub dir: RunDir,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// Whether it need not be looked at again.
    pub settled: bool,
    /// Whether all of it was read.
    pub whole: bool,
    /// Whether its end is recorded or its lock free.
    pub end_known: bool,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// Parts that are missing.
    pub missing: Parts,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// The newest sign of life, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// What its tree looked like.
    pub manifest: [u8; 32],
    /// How it was started; `None` keeps what is known.
    pub context: Option<RunContext>,
    /// What the runner's database said; `None` keeps what is known.
    pub runner: Option<RunnerColumns>,
    /// Its tasks.
    pub tasks: Vec<TaskRecord>,
    /// Entries that its links name: project row and path.
    pub references: Vec<(i64, Vec<u8>)>,
    /// Its files with more than one link.
    pub shared: Vec<SharedFile>,
}

/// A cache entry to be written.
#[derive(Clone, Debug)]
pub struct EntryRecord {
    /// Path below `.cache`.
    pub path: Vec<u8>,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// Its last write, nanoseconds.
    pub mtime_ns: i64,
    /// Names that the file system counts.
    pub links: u64,
}

/// A project to be written, without its sums.
#[derive(Clone, Debug)]
pub struct ProjectRecord {
    /// Its directory.
    pub dir: ProjectDir,
    /// Whether it is there and is a project.
    pub present: bool,
    /// Whether the listing saw all of it.
    pub whole: bool,
    /// Its stamp.
    pub stamp: Stamp,
    /// Whether that can be trusted.
    pub trusted: bool,
    /// Blocks of the directory itself.
    pub own_disk: u64,
}

/// How a run left its place.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// When.
    pub at: Timestamp,
    /// By which operation; `None` when it was not ours.
    pub operation: Option<&'a str>,
    /// Why, as JSON.
    pub reasons: Option<&'a str>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}
