//! What an execution did, item by item.

use crate::model::{Dropped, ProjectDir, Size, Timestamp};
use std::path::PathBuf;

/// An item that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// What went wrong.
    pub error: String,
    /// What to do.
    pub hint: Option<String>,
}

/// An item that was not as planned, and was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A run that stays and of which parts are gone from their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thinned {
    /// The run's id.
    pub id: String,
    /// Its project.
    pub project: ProjectDir,
    /// Its directory.
    pub run: String,
    /// What was dropped.
    pub dropped: Dropped,
    /// What that took.
    pub size: Size,
}

/// What an execution did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The operation.
    pub operation: String,
    /// Until when all of it can be restored; then nothing was freed. `None`: it is gone for good.
    pub kept_until: Option<Timestamp>,
    /// Runs that are gone from their place, with what they took.
    pub deleted_runs: Vec<(String, Size)>,
    /// Cache entries that are gone from their place: project, path, size.
    pub deleted_cache: Vec<(ProjectDir, Vec<u8>, Size)>,
    /// Runs of which parts are gone from their place.
    pub thinned: Vec<Thinned>,
    /// The archive in which all of it is, and its length.
    pub archive: Option<(PathBuf, u64)>,
    /// Items that could not be removed, or not wholly.
    pub failed: Vec<Failed>,
    /// Items that were not as planned.
    pub skipped: Vec<Skipped>,
    /// What was freed by runs.
    pub freed_runs: Size,
    /// What was freed by cache entries.
    pub freed_cache: Size,
    /// Whether it was stopped before its end; the next deleting command finishes it.
    pub interrupted: bool,
    /// Notices that do not concern an item.
    pub notices: Vec<String>,
}

impl Outcome {
    /// What all that went from its place took.
    pub fn moved(&self) -> Size {
        let runs = self.deleted_runs.iter().map(|(_, size)| *size);
        let parts = self.thinned.iter().map(|thinned| thinned.size);
        runs.chain(parts).chain(self.deleted_cache.iter().map(|(_, _, size)| *size)).sum()
    }

    /// What was freed in all.
    pub fn freed(&self) -> Size {
        self.freed_runs + self.freed_cache
    }
}
