//! What indexing did, as `otto index --json` has it.

use crate::model::Problem;
use serde::Serialize;

/// What indexing did.
#[derive(Clone, Debug, Serialize)]
pub struct Index {
    schema: &'static str,
    /// The store.
    home: String,
    projects: u64,
    runs: u64,
    cache_entries: u64,
    walked: u64,
    new: u64,
    vanished: u64,
    changed: bool,
    problems: Vec<ProblemItem>,
    elapsed_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
struct ProblemItem {
    path: String,
    act: &'static str,
    cause: String,
}

/// What indexing did, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Projects that are there.
    pub projects: u64,
    /// Runs that are there.
    pub runs: u64,
    /// Cache entries that are there.
    pub cache_entries: u64,
    /// Runs that were walked.
    pub walked: u64,
    /// Those that were not known before.
    pub new: u64,
    /// Runs that are gone without us.
    pub vanished: u64,
    /// Whether the catalog was changed.
    pub changed: bool,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

impl Index {
    /// What was done to the store at `home`.
    pub fn new(home: String, counts: &Counts, problems: &[Problem]) -> Self {
        Self {
            schema: "otto.index/1",
            home,
            projects: counts.projects,
            runs: counts.runs,
            cache_entries: counts.cache_entries,
            walked: counts.walked,
            new: counts.new,
            vanished: counts.vanished,
            changed: counts.changed,
            problems: problems
                .iter()
                .map(|p| ProblemItem {
                    path: p.path.to_string_lossy().into_owned(),
                    act: p.act,
                    cause: p.cause.clone(),
                })
                .collect(),
            elapsed_ms: counts.elapsed_ms,
        }
    }
}
