//! The runner's own database, `otto.db`, read as evidence and never written.
//!
//! The runner records runs and tasks in SQLite. The record is partial (rows are pruned while directories stay, runs are
//! lost to a unique timestamp, most runs of the 1.x line say `running` for ever), so it is evidence beside the tree and
//! not the list of what exists. Its schema has five known numbers; columns are looked up by name, statuses by tolerant
//! words, and a schema newer than all of them is read for what it has.
//!
//! What this module promises:
//!
//! - **No trace.** Nothing is written to the database, nothing appears beside it, its bytes and its mtime stay. A plain
//!   read-only connection does not do that: it creates `-shm` and `-wal` files and leaves them. See `open`.
//! - **No lock.** The runner never waits for us, and its last connection can always fold the log back into the database.
//! - **No torn picture.** Reading without a lock can see half a checkpoint. So a [`Stamp`] of both files is taken before
//!   and after; where they differ, what was read is thrown away, errors included, and it is read again, three times in all.
//! - **Only what is new.** A [`Cursor`] remembers the newest row; a refresh reads the rows above it and those of the runs
//!   that the caller names. The runner reuses row ids after it pruned its newest rows, so the cursor holds that row's
//!   timestamp too: when the row is gone or tells another time, everything is read again.
//! - **Bounded.** A text of more than 64 KiB is left out, a value of the wrong type is absent, and no absolute path is kept
//!   per task: a store can hold 600 000 of them.
//!
//! Which row belongs to which directory is a question of its own, answered by [`match_rows`].

mod matching;
mod open;
mod packed;
mod read;
mod rows;
mod stamp;
#[cfg(test)]
mod tests;

pub use matching::{Places, match_rows};
pub use packed::{PackedEvidence, PackedTasks};
pub use read::{Cursor, Reading, Request, read};
pub use rows::{RowStatus, RunEvidence, RunnerRow, TaskDir, TaskEvidence, TaskRowStatus};
pub use stamp::{NotAStamp, Stamp, stamp};

use std::io;
use std::path::PathBuf;

/// Why the runner's database could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused.
    #[error("cannot {act} `{}`", path.display())]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it did not work.
        source: io::Error,
    },
    /// A directory, a FIFO, a socket, a device, or a link where the runner writes a file.
    #[error("cannot read the runner's database: `{}` is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// SQLite refused: damaged, not a database, or of a shape that cannot be read.
    #[error("cannot {act} the runner's database `{}`", path.display())]
    Sql {
        /// What was attempted.
        act: &'static str,
        /// The database.
        path: PathBuf,
        /// Why it did not work.
        source: rusqlite::Error,
    },
    /// It was written to each time we read it.
    #[error("cannot read the runner's database `{}`: it changed during each of {attempts} readings", path.display())]
    Changing {
        /// The database.
        path: PathBuf,
        /// How often it was read.
        attempts: u32,
    },
}

impl Error {
    /// What went wrong, for who has named the database already.
    pub fn cause(&self) -> String {
        match self {
            Self::NotAFile(_) => "it is not a regular file".to_owned(),
            Self::Changing { attempts, .. } => format!("it changed during each of {attempts} readings"),
            Self::Sql { act, source, .. } => format!("cannot {act} it: {source}"),
            // The file that is named here can be another: its log, or a private copy.
            Self::Io { source, .. } => format!("{self}: {source}"),
        }
    }
}
