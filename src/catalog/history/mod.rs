//! History: how runs and tasks came out and how long they took, over any stretch of time, at a cost that does not grow
//! with the number of runs.
//!
//! **What is kept.** The table `history` holds, for each task of each project and for each stretch of 32 days, a packed
//! list of days: how many came out how, and how long those that ended took, by length. The runs themselves stand beside
//! their tasks as the task 0, and span -1 holds all days together. So an answer about all times reads one row for each
//! task, and one about the last weeks reads two or three, however many runs there were.
//!
//! **What is counted.** Every run that was ever seen, on the UTC day that its directory's name states, whatever its state
//! is: a run that is trashed, removed or gone happened all the same. So only what writes or rewrites the rows of a run
//! counts ([`CatalogTx::put_run`](super::CatalogTx::put_run)); leaving, restoring and vanishing do not.
//!
//! **Folding.** Whoever drops the rows of long-removed runs to save room leaves the sums as they are: they are the daily
//! sums that outlive the rows. [`CatalogTx::count_run`](super::CatalogTx::count_run) is for whoever brings rows back in
//! another way than by `put_run`.
//!
//! **Order of writes.** Sums are gathered in memory and written in the transaction that writes the rows, so they are never
//! apart. A catalog of before this table is counted once, when it is migrated.
//!
//! **Instants within a day.** Sums know days only. Where a question begins or ends within a day, the runs of that day on
//! the other side of the instant are read and taken away: exact as long as their rows are there, and a folded day counts
//! as a whole.

pub(super) mod cells;
mod check;
mod listing;
#[cfg(test)]
mod question_tests;
mod sums;
#[cfg(test)]
pub(super) mod tests;

pub use check::HistoryDifference;
pub use listing::HistoryFilter;
pub use sums::{Counted, HistoryOf, HistoryScope};

use crate::model::Timestamp;

/// Seconds of a day.
const DAY: i64 = crate::model::DAY as i64;
/// Days in a span.
const SPAN: i64 = 32;
/// The span that stands for all of them.
pub(super) const ALL: i64 = -1;
/// The task that stands for the runs themselves.
pub(super) const RUNS: i64 = 0;

/// The day on which an instant lies, counted from 1970 in UTC.
pub(super) const fn day_of(at: Timestamp) -> i64 {
    at.div_euclid(DAY)
}

/// The span of a day, and its number in it.
pub(super) const fn place_of(day: i64) -> (i64, u8) {
    (day.div_euclid(SPAN), day.rem_euclid(SPAN) as u8)
}
