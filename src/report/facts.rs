//! What a report is about, where no other module has a value for it: gathered by the program, shown here.

use crate::clean::Totals;
use crate::model::{Month, Pin, Project, Run, Size, Tally, Task};
use std::path::PathBuf;

/// A run with everything that `info` tells of it.
#[derive(Clone, Debug)]
pub struct RunDetails {
    /// The run.
    pub run: Run,
    /// Its pin.
    pub pin: Option<Pin>,
    /// How the runs of its project that began earlier came out.
    pub earlier: Tally,
    /// Its tasks, in the order in which they started.
    pub tasks: Vec<TaskDetails>,
}

/// A task, and which of its files are there.
#[derive(Clone, Debug)]
pub struct TaskDetails {
    /// The task.
    pub task: Task,
    /// How it came out in the runs of its project that began earlier.
    pub earlier: Tally,
    /// Its `stdout.log`, when it is there.
    pub stdout: Option<PathBuf>,
    /// Its `stderr.log`, when it is there.
    pub stderr: Option<PathBuf>,
    /// Its script or the link to it, when that is there.
    pub script: Option<PathBuf>,
    /// Whether the script can be read: a link's cache entry is still there.
    pub script_exists: bool,
    /// The last lines that a failed task wrote, on standard error if it wrote there.
    pub last_words: Vec<u8>,
}

/// What a store takes, and what of it could go.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The store.
    pub home: PathBuf,
    /// All of it but `.catalog`, as `du` counts.
    pub total: Size,
    /// By project.
    pub projects: Vec<Project>,
    /// Cache entries of all of them, directories of the caches included.
    pub cache: Totals,
    /// Entries that no run names.
    pub orphaned: Totals,
    /// What the runs take by the month in which they began, the oldest first.
    pub months: Vec<Month>,
    /// The largest runs.
    pub largest: Vec<Run>,
    /// What is neither run nor cache.
    pub other: Size,
    /// What lies in our trash, apart from the total.
    pub trash: TrashFigures,
    /// What would free room.
    pub recommendations: Vec<Recommendation>,
}

/// What lies in the trash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrashFigures {
    /// Operations that left something.
    pub operations: u64,
    /// Runs among that.
    pub runs: u64,
    /// What it takes.
    pub size: Size,
}

/// A command that frees room, with what it frees by its own plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recommendation {
    /// What it is about.
    pub kind: RecommendationKind,
    /// The command to type.
    pub command: String,
    /// Runs that it removes.
    pub runs: u64,
    /// Of these, the ones that go for a budget.
    pub over_budget: u64,
    /// Runs that stay and of which parts go.
    pub thinned: u64,
    /// Runs of which parts may go that were too many to be looked at: what those take is in none of the figures.
    pub not_looked_at: u64,
    /// Cache entries that it removes.
    pub cache_entries: u64,
    /// What that frees at once.
    pub frees: Size,
    /// What it moves into the trash instead, where the configuration keeps one.
    pub into_trash: Option<Size>,
}

/// What a recommendation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecommendationKind {
    /// Runs older than 30 days.
    OldRuns,
    /// Cache entries that no run names.
    OrphanedCache,
    /// What is kept in the trash.
    Trash,
}

impl RecommendationKind {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OldRuns => "old-runs",
            Self::OrphanedCache => "orphaned-cache",
            Self::Trash => "trash",
        }
    }
}
