//! The catalog: the only SQL of the project.
//!
//! `open` opens, makes and migrates; `write` is the transaction by which anything changes; the other modules are
//! questions, each a static statement beside the function that asks it. SQL selects, joins, counts and sums. It does not
//! decide: what is garbage, and what `now` is, comes from outside.

mod cache;
mod check;
mod decisions;
mod error;
mod gone;
mod history;
mod months;
mod named;
mod narrowed;
mod open;
mod operations;
mod peek;
mod projects;
#[cfg(test)]
mod query_plans;
mod rows;
mod runs;
mod selection;
mod sorted;
mod state;
mod tasks;
mod thinned;
mod unresolved;
mod unsettled;
mod whole;
mod write;

pub use cache::{DanglingName, NewestReferences, OrphanSum, Reader, SharedOwner};
pub use check::{EntryFacts, Facts, ProjectFacts, RunFacts, SumDifference};
pub use decisions::{Decision, EntryDecision};
pub use error::{Error, Result};
pub use gone::Departed;
pub use history::{Counted, HistoryDifference, HistoryFilter, HistoryOf, HistoryScope};
pub use named::CacheName;
pub use narrowed::NarrowedCandidate;
pub use open::{Catalog, SCHEMA, Snapshot};
pub use operations::{CommittedRun, Operation, RemovedEntry};
pub use projects::{ProjectState, RunName};
pub use runs::RunFilter;
pub use selection::{Bound, Candidate, Fingerprint};
pub use sorted::{RunOrder, SortBy};
pub use state::{LogMark, RunnerState, StoreState};
pub use tasks::{KeptEvidence, KeptTask};
pub use thinned::{ThinnedRun, Thinning, ThinningDecision};
pub use unsettled::UnsettledRun;
pub use whole::WholeRun;
pub use write::{
    CatalogTx, Departure, EntryRecord, OperationSums, ProjectRecord, RunRecord, RunnerColumns, SharedFile, TaskRecord,
    ThinningRecord,
};
