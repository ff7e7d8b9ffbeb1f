//! What the catalog knows of the store as a whole.

use super::error::Result;
use super::open::Catalog;
use crate::model::{Stamp, Timestamp};
use rusqlite::OptionalExtension as _;

/// The store at the last look.
#[derive(Clone, Debug)]
pub struct StoreState {
    /// Random, as our directory in the store has it; plan files name it.
    pub store_id: String,
    /// The root's stamp.
    pub stamp: Stamp,
    /// Whether that could be trusted.
    pub trusted: bool,
    /// Blocks of the root directory itself.
    pub own_disk: u64,
    /// How far the runner's database was read.
    pub runner: RunnerState,
    /// The latest instant at which the catalog changed, by the clock of then.
    pub refreshed_at: Timestamp,
}

/// How far the runner's database was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunnerState {
    /// What it looked like; `None` before the first reading.
    pub stamp: Option<String>,
    /// The highest row of its runs.
    pub last_run: i64,
    /// That row's timestamp.
    pub last_time: Timestamp,
    /// Young rows that matched no directory yet.
    pub pending: Vec<i64>,
}

/// How far the audit log was read for its marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMark {
    /// The file that was appended to; 0: there was no log.
    pub inode: u64,
    /// Its length up to the last whole line.
    pub length: u64,
    /// When it was written; 0 where something followed that was no whole line.
    pub mtime_ns: i64,
    /// A hash of the bytes before that length: whether it is still the same file.
    pub tail: Vec<u8>,
}

impl Catalog {
    /// How far the audit log was read for its marks; `None` where nobody knows.
    ///
    /// # Errors
    /// The catalog's.
    pub fn log_mark(&self) -> Result<Option<LogMark>> {
        let act = "read how far the audit log is known";
        self.connection
            .prepare_cached(
                "SELECT log_inode, log_length, log_mtime_ns, log_tail FROM store WHERE id = 1 AND log_inode IS NOT NULL",
            )
            .map_err(self.error(act))?
            .query_row([], |row| {
                Ok(LogMark {
                    inode: row.get::<_, i64>("log_inode")?.cast_unsigned(),
                    length: super::rows::unsigned(row.get("log_length")?),
                    mtime_ns: row.get("log_mtime_ns")?,
                    tail: row.get("log_tail")?,
                })
            })
            .optional()
            .map_err(self.error(act))
    }

    /// What is known of the store.
    ///
    /// # Errors
    /// The catalog's.
    pub fn store_state(&self) -> Result<StoreState> {
        let act = "read the store's state";
        self.connection
            .prepare_cached(
                "SELECT store_id, inode, mtime_ns, ctime_ns, trusted, own_disk, runner_stamp, runner_last_run,
                    runner_last_time, runner_pending, refreshed_at
                 FROM store WHERE id = 1",
            )
            .map_err(self.error(act))?
            .query_row([], |row| {
                Ok(StoreState {
                    store_id: row.get("store_id")?,
                    stamp: Stamp {
                        inode: row.get::<_, i64>("inode")?.cast_unsigned(),
                        mtime_ns: row.get("mtime_ns")?,
                        ctime_ns: row.get("ctime_ns")?,
                    },
                    trusted: row.get("trusted")?,
                    own_disk: super::rows::unsigned(row.get("own_disk")?),
                    runner: RunnerState {
                        stamp: row.get("runner_stamp")?,
                        last_run: row.get("runner_last_run")?,
                        last_time: row.get("runner_last_time")?,
                        pending: serde_json::from_str(&row.get::<_, String>("runner_pending")?).unwrap_or_default(),
                    },
                    refreshed_at: row.get("refreshed_at")?,
                })
            })
            .map_err(self.error(act))
    }
}
