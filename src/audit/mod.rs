//! The audit log: what was done to the store, by whom and why, one JSON line an act.
//!
//! **Files.** `audit.jsonl` in our directory is appended to; once it is larger than [`Settings::audit_limit`] it is
//! renamed to `audit-<UTC instant>.jsonl`, under the store's lock and refusing to replace, and another begins. A renamed
//! file is never written, renamed or removed again by us. Its names sort in the order in which they were given, also
//! when the clock goes back.
//!
//! **Lines.** Each has a [`Head`] (who, when, which operation, by which command and policy) and an [`Event`]. A line of
//! removal carries the whole row of each run with its tasks, so that the history of removed runs, like pins and tags,
//! outlives the catalog. Operation and sequence make a repeated line harmless. Keys are only ever added: what is not
//! known is skipped, what is missing has a default.
//!
//! **Order.** What was removed is noted after its decision was committed and before it is unlinked; recovery adds what
//! a crash left out. Pins, unpins and tags are durable here before their row changes, and a
//! change of the policy before `config.yml` is replaced.
//!
//! **Several catalogs.** The log is the truth of pins and tags. A catalog keeps how far it knows the log, and takes over
//! what was added since: see `known` and `marks`.
//!
//! **Reading** streams, a line at a time, over all files in the order in which they were written, also while somebody
//! renames the current one. A line that is torn, foreign or too long is a problem and costs the reader nothing but
//! itself. One that is more than torn may have been a mark: see [`Reader::damage`].
//!
//! [`Settings::audit_limit`]: crate::session::Settings::audit_limit

mod arrivals;
mod journal;
mod known;
mod last;
mod line;
mod log;
mod marks;
mod operations;
mod reader;
mod replay;
mod row;
mod told;

pub use arrivals::{Arrivals, ArrivingEntry, ArrivingRun, IMPORT, UnpackedAs, arrived};
pub use journal::{Heading, Journal};
pub use known::{Added, added_since};
pub use last::last_instant;
pub use line::{
    Configured, Emptied, EntryName, Event, Finished, Head, Imported, KeyChanged, Line, Named, Pinned, Removed,
    RemovedEntry, Restored, RunName, RunRow, Skipped, Tagged, Thinned, ThinnedRun,
};
pub use log::{Log, ROTATE_AT, end_torn_line, is_torn};
pub use marks::{Lacking, Told};
pub use operations::{Ending, Kind, Summary, Totals, Week, summaries};
pub use reader::{Place, Reader};
pub use replay::{carry_over, replay, row};
pub use row::{PinLine, RemovedRun, RunnerLine, TaskLine};
pub use told::thinned;

#[cfg(test)]
mod tests;

pub use crate::store::trash::JsonName;

/// The schema of a line.
pub const SCHEMA: &str = "otto.audit/1";

/// What is longer is no line of ours, and is not read into memory: a run with sixty thousand tasks has 16 MiB.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
