//! Runs, tasks, projects and cache entries as the catalog gives them out.

use super::{Class, DurationSource, ProjectDir, RunDir, RunId, Size, Status, StatusSource, Timestamp};
use std::fmt;

/// A project as the catalog knows it, with its maintained sums.
#[derive(Clone, Debug)]
pub struct Project {
    /// Row id.
    pub id: i64,
    /// The directory.
    pub dir: ProjectDir,
    /// The name for people: what precedes the hash; for `otto-<hash>` the last component of the runs' `cwd` where known,
    /// else the hash.
    pub name: String,
    /// Runs that are there.
    pub runs: u64,
    /// What they take.
    pub run_size: Size,
    /// Regular files in its cache.
    pub cache_entries: u64,
    /// What the cache takes, its directories included.
    pub cache_size: Size,
    /// The oldest run that is there; `None` too where it was not asked for.
    pub oldest_run: Option<Timestamp>,
    /// Whether the last listing saw all of it. If not, nothing of it is removed.
    pub listed_whole: bool,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// In its place.
    Present = 0,
    /// In the trash, to be restored until a given time.
    Trashed = 1,
    /// Removed by an operation of ours.
    Removed = 2,
    /// Gone without us.
    Vanished = 3,
}

impl RunState {
    /// The number kept in the catalog.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The state with that number.
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Present),
            1 => Some(Self::Trashed),
            2 => Some(Self::Removed),
            3 => Some(Self::Vanished),
            _ => None,
        }
    }

    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Trashed => "trashed",
            Self::Removed => "removed",
            Self::Vanished => "vanished",
        }
    }
}

/// A set of a run's parts, used for those that its era writes and that are not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts(u8);

impl Parts {
    /// `run.yaml`.
    pub const RUN_YAML: Self = Self(1);
    /// `tasks/`.
    pub const TASKS: Self = Self(2);
    /// A log of a task that began.
    pub const LOGS: Self = Self(4);
    /// The script of a task that began.
    pub const SCRIPT: Self = Self(8);

    /// The number kept in the catalog.
    pub const fn bits(self) -> i64 {
        self.0 as i64
    }

    /// The set with that number; unknown bits are dropped.
    pub const fn from_bits(bits: i64) -> Self {
        Self((bits & 0x0f) as u8)
    }

    /// Adds a part.
    pub fn insert(&mut self, part: Self) {
        self.0 |= part.0;
    }

    /// Takes a part out.
    pub fn remove(&mut self, part: Self) {
        self.0 &= !part.0;
    }

    /// Whether a part is in the set.
    pub const fn contains(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }

    /// Whether nothing is missing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const NAMES: [(Self, &'static str); 4] =
        [(Self::RUN_YAML, "run.yaml"), (Self::TASKS, "tasks"), (Self::LOGS, "logs"), (Self::SCRIPT, "script")];

    /// The names for JSON and people.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(part, _)| self.contains(*part)).map(|(_, name)| *name).collect()
    }

    /// The set of the parts with those names; unknown ones are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parts = Self::default();
        for name in names {
            Self::NAMES.iter().filter(|(_, known)| *known == name).for_each(|(part, _)| parts.insert(*part));
        }
        parts
    }
}

impl fmt::Display for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

/// The parts of a run that were dropped while the run stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped(u8);

impl Dropped {
    /// What its tasks printed.
    pub const LOGS: Self = Self(1);
    /// What its scripts left behind.
    pub const ARTIFACTS: Self = Self(2);
    /// Temporary files.
    pub const TEMP: Self = Self(4);

    const NAMES: [(Self, &'static str); 3] =
        [(Self::LOGS, "logs"), (Self::ARTIFACTS, "artifacts"), (Self::TEMP, "temp")];

    /// The number kept in the catalog.
    pub const fn bits(self) -> i64 {
        self.0 as i64
    }

    /// The set with that number; unknown bits are dropped.
    pub const fn from_bits(bits: i64) -> Self {
        Self((bits & 0x07) as u8)
    }

    /// Adds a part.
    pub fn insert(&mut self, part: Self) {
        self.0 |= part.0;
    }

    /// Whether a part is in the set.
    pub const fn contains(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }

    /// Whether nothing was dropped.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names for JSON and people.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(part, _)| self.contains(*part)).map(|(_, name)| *name).collect()
    }

    /// The set of the parts with those names; unknown ones are left out.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parts = Self::default();
        for name in names {
            Self::NAMES.iter().filter(|(_, known)| *known == name).for_each(|(part, _)| parts.insert(*part));
        }
        parts
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(", "))
    }
}

/// What `run.yaml` or the runner's database say about how a run was started. Many runs share one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RunContext {
    /// The ottofile; may be relative before 0.1.0.
    pub ottofile: Option<String>,
    /// The directory in which the runner was started.
    pub cwd: Option<String>,
    /// `$USER` of the runner.
    pub user: Option<String>,
    /// The arguments that were recorded. Runs of June 2025 hold the full command line, which can contain secrets.
    pub args: Vec<String>,
}

/// A run as the catalog knows it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Row id.
    pub key: i64,
    /// Its project's row.
    pub project_key: i64,
    /// Project and run directory.
    pub id: RunId,
    /// The project's name for people.
    pub project_name: String,
    /// Where it is in its life.
    pub state: RunState,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// Its tasks: directories and rows together.
    pub tasks_total: u64,
    /// Those that failed.
    pub tasks_failed: u64,
    /// Parts that its era writes and that are not there.
    pub missing: Parts,
    /// Parts that were dropped while the run stays.
    pub thinned: Dropped,
    /// What it takes.
    pub size: Size,
    /// Whether its end is recorded or a day passed without a write; the others are walked again on each refresh.
    pub settled: bool,
    /// Whether the walk saw all of it. If not, it is kept.
    pub read_whole: bool,
    /// Whether its `.lock` is there and was free when last looked at, or its end is recorded: then a recent write is no
    /// sign of life.
    pub end_known: bool,
    /// The newest write that is a sign of life, in Unix seconds.
    pub newest_write: Option<Timestamp>,
    /// Pinned runs are never removed.
    pub pinned: bool,
    /// What was noted with the pin.
    pub pin_note: Option<String>,
    /// The user's tags.
    pub tags: Vec<String>,
    /// How it was started.
    pub context: RunContext,
}

impl Run {
    /// Unix seconds that its directory's name states.
    pub fn timestamp(&self) -> Timestamp {
        self.id.run.timestamp()
    }

    /// The class by which retention treats it.
    pub fn class(&self) -> Class {
        Class::of(self.status, self.status_source)
    }

    /// Whether it is certain that it is not all there: it was interrupted, or lacks parts that its era writes. Of a run that
    /// is still going on, could not be read whole, or left no evidence of what became of it, nobody knows; one that was
    /// thinned lacks what was dropped.
    pub fn is_incomplete(&self) -> bool {
        let certain =
            self.read_whole && self.thinned.is_empty() && !matches!(self.status, Status::Running | Status::Unknown);
        certain && (self.status == Status::Interrupted || !self.missing.is_empty())
    }

    /// Its directory's name.
    pub fn dir(&self) -> &RunDir {
        &self.id.run
    }

    /// Its project's directory.
    pub fn project(&self) -> &ProjectDir {
        &self.id.project
    }
}

/// A pin: the user's word that a run stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Why.
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
}

/// A task of a run as the catalog knows it.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name, as the bytes on disk or in the runner's database.
    pub name: Vec<u8>,
    /// Its directory relative to the run's; `None` when only a row tells of it.
    pub dir: Option<Vec<u8>>,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// The real exit code, where one is recorded (runner 2.x; 0 for 1.x).
    pub exit_code: Option<i32>,
    /// Start, Unix seconds.
    pub started_at: Option<Timestamp>,
    /// End, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// What its directory takes.
    pub size: Size,
    /// Length of `stdout.log`; `None` when it is not there.
    pub stdout_bytes: Option<u64>,
    /// Length of `stderr.log`; `None` when it is not there.
    pub stderr_bytes: Option<u64>,
    /// File name of its script in its directory.
    pub script: Option<Vec<u8>>,
    /// The cache entry that the script is a link to, relative to the project's `.cache`.
    pub cache_entry: Option<Vec<u8>>,
    /// Whether that entry is in the cache now.
    pub cache_entry_exists: bool,
}

/// A file in a project's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// Row id.
    pub key: i64,
    /// Its project's row.
    pub project_key: i64,
    /// Its project's directory.
    pub project: ProjectDir,
    /// Path relative to the project's `.cache`.
    pub path: Vec<u8>,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// When it was last written, Unix seconds.
    pub written_at: Timestamp,
    /// Runs in place that name it.
    pub references: u64,
}

/// A run of whatever state, in history.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// The run.
    pub run: Run,
    /// When it left its place, when it did.
    pub left_at: Option<Timestamp>,
    /// The task that was asked for.
    pub task: Option<Task>,
}
