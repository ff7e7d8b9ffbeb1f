//! Changes to the catalog: one transaction, sums and reference counts kept by the program inside it.
//!
//! Nothing outside a [`CatalogTx`] changes the catalog, and no transaction is held while files are removed. Triggers would
//! keep the sums as well, at twice the cost of a load; here they are added up in memory and written at the commit.

mod cache;
mod decisions;
mod fold;
mod gone;
mod history;
mod marks;
mod mend;
mod months;
mod operations;
mod projects;
mod records;
mod runs;
mod thinned;

pub use operations::OperationSums;
pub use records::{Departure, EntryRecord, ProjectRecord, RunRecord, RunnerColumns, SharedFile, TaskRecord};
pub use thinned::ThinningRecord;

use super::error::{Error, Result};
use super::open::Catalog;
use crate::model::{Class, ProjectDir, RunContext, Timestamp};
use rusqlite::{CachedStatement, Transaction, TransactionBehavior, named_params};
use std::collections::HashMap;

/// The classes of runs, each with a newest reference of its own.
const CLASSES: usize = Class::ALL.len();

/// Sums of a project that a transaction changes.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    runs: i64,
    run_size: i64,
    run_disk: i64,
    entries: i64,
    cache_size: i64,
    cache_disk: i64,
}

/// Sums of the runs of a project's month that a transaction changes.
#[derive(Clone, Copy, Debug, Default)]
struct MonthSums {
    runs: i64,
    size: i64,
    disk: i64,
}

/// What a transaction changes about the references to an entry.
#[derive(Clone, Copy, Debug, Default)]
struct References {
    count: i64,
    foreign: i64,
    /// The newest that were added, by class.
    newest: [Option<Timestamp>; CLASSES],
    /// The newest that were taken away, by class: if nothing as new was added, the newest has to be looked for.
    lost: [Option<Timestamp>; CLASSES],
}

/// A transaction that changes the catalog. Dropped without [`CatalogTx::commit`], it changed nothing.
pub struct CatalogTx<'c> {
    pub(super) tx: Transaction<'c>,
    pub(super) path: std::path::PathBuf,
    /// Whether rows are written for the first time, so that none needs to be looked for.
    fresh: bool,
    sums: HashMap<i64, Sums>,
    references: HashMap<i64, References>,
    history: history::Changes,
    months: HashMap<(i64, i64), MonthSums>,
    names: HashMap<Vec<u8>, i64>,
    entries: HashMap<i64, HashMap<Vec<u8>, i64>>,
    contexts: HashMap<RunContext, i64>,
    projects: HashMap<ProjectDir, i64>,
}

impl Catalog {
    /// Begins a transaction that changes the catalog.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process is writing for longer than the wait.
    pub fn begin(&mut self) -> Result<CatalogTx<'_>> {
        let path = self.path.clone();
        let fresh = self.is_loading();
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| Error::of("begin", &path, source))?;
        Ok(CatalogTx {
            tx,
            path,
            fresh,
            sums: HashMap::new(),
            references: HashMap::new(),
            history: history::Changes::default(),
            months: HashMap::new(),
            names: HashMap::new(),
            entries: HashMap::new(),
            contexts: HashMap::new(),
            projects: HashMap::new(),
        })
    }

    /// As [`Catalog::begin`], for what must survive a power loss once it is committed: decisions about removal.
    ///
    /// # Errors
    /// As [`Catalog::begin`].
    pub fn begin_durable(&mut self) -> Result<CatalogTx<'_>> {
        self.connection.execute_batch("PRAGMA synchronous = FULL").map_err(self.error("configure"))?;
        self.begin()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Inodes are 64 bits without a sign; the catalog keeps the same bits.
pub(super) fn inode_column(inode: u64) -> i64 {
    inode.cast_signed()
}

impl CatalogTx<'_> {
    pub(super) fn error(&self, act: &'static str) -> impl Fn(rusqlite::Error) -> Error + '_ {
        move |source| Error::of(act, &self.path, source)
    }

    pub(super) fn prepare(&self, act: &'static str, sql: &str) -> Result<CachedStatement<'_>> {
        self.tx.prepare_cached(sql).map_err(self.error(act))
    }

    /// Writes the sums and counts, and ends the transaction.
    ///
    /// # Errors
    /// When the database refuses; then nothing was changed.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        let path = self.path;
        self.tx.commit().map_err(|source| Error::of("commit", &path, source))
    }

    fn flush(&mut self) -> Result<()> {
        self.flush_references()?;
        self.flush_history()?;
        self.flush_months()?;
        let sums: Vec<(i64, Sums)> = self.sums.drain().collect();
        let mut statement = self.prepare(
            "add up",
            "UPDATE projects SET runs = runs + :runs, run_size = run_size + :run_size, run_disk = run_disk + :run_disk,
                cache_entries = cache_entries + :entries, cache_size = cache_size + :cache_size,
                cache_disk = cache_disk + :cache_disk WHERE id = :id",
        )?;
        for (id, sums) in sums {
            statement
                .execute(named_params! {
                    ":id": id, ":runs": sums.runs, ":run_size": sums.run_size, ":run_disk": sums.run_disk,
                    ":entries": sums.entries, ":cache_size": sums.cache_size, ":cache_disk": sums.cache_disk,
                })
                .map_err(self.error("add up"))?;
        }
        Ok(())
    }
}
