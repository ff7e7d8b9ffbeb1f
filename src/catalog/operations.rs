//! Questions about operations: what they committed, and which did not end.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, run_columns, run_tables, unsigned};
use crate::model::{ProjectDir, Run, Size, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// An operation as its row tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: String,
    /// The command that it is of.
    pub kind: String,
    /// The command line.
    pub command: String,
    /// Who asked.
    pub who: String,
    /// The policy in words.
    pub policy: String,
    /// The plan file that was applied.
    pub plan: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When its end was recorded.
    pub finished_at: Option<Timestamp>,
}

/// A run that an operation was committed to remove.
#[derive(Clone, Debug)]
pub struct CommittedRun {
    /// The run.
    pub run: Run,
    /// Why, as JSON.
    pub reasons: Option<String>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}

/// A cache entry that an operation was committed to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedEntry {
    /// Its project.
    pub project: ProjectDir,
    /// Its path below `.cache`.
    pub path: Vec<u8>,
    /// What it took.
    pub size: Size,
    /// Until when it can be restored; `None`: it is on its way out.
    pub keep_until: Option<Timestamp>,
}

fn operation(row: &rusqlite::Row<'_>) -> rusqlite::Result<Operation> {
    Ok(Operation {
        id: row.get("id")?,
        kind: row.get("kind")?,
        command: row.get("command")?,
        who: row.get("who")?,
        policy: row.get("policy")?,
        plan: row.get("plan_id")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
    })
}

impl Catalog {
    /// The operations that committed something and whose end is not recorded: somebody works on them, or they died.
    ///
    /// # Errors
    /// The catalog's.
    pub fn open_operations(&self) -> Result<Vec<Operation>> {
        let act = "find operations that did not end";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, kind, command, who, policy, plan_id, started_at, finished_at FROM operations
                 WHERE finished_at IS NULL ORDER BY id",
            )
            .map_err(self.error(act))?;
        let found = statement.query_map([], operation).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// An operation; `None` when it committed nothing.
    ///
    /// # Errors
    /// The catalog's.
    pub fn operation(&self, id: &str) -> Result<Option<Operation>> {
        let act = "read an operation";
        self.connection
            .prepare_cached(
                "SELECT id, kind, command, who, policy, plan_id, started_at, finished_at FROM operations WHERE id = :id",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":id": id}, operation)
            .optional()
            .map_err(self.error(act))
    }

    /// The runs that an operation was committed to remove and that did not come back.
    ///
    /// # Errors
    /// The catalog's.
    pub fn runs_of_operation(&self, id: &str) -> Result<Vec<CommittedRun>> {
        let act = "list the runs of an operation";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                ", r.reasons, r.keep_until FROM ",
                run_tables!(),
                " WHERE r.operation_id = :id AND r.state IN (1, 2) ORDER BY r.id"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":id": id}, |row| {
                Ok((rows::run(row), row.get("reasons")?, row.get("keep_until")?))
            })
            .map_err(self.error(act))?;
        found
            .map(|row| {
                let (run, reasons, keep_until) = row.map_err(self.error(act))?;
                Ok(CommittedRun { run: run?, reasons, keep_until })
            })
            .collect()
    }

    /// The cache entries that an operation was committed to remove.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entries_of_operation(&self, id: &str) -> Result<Vec<RemovedEntry>> {
        let act = "list the cache entries of an operation";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.dir, e.path, e.keep_until, coalesce(c.size_bytes, 0) AS size_bytes, coalesce(c.disk_bytes, 0) AS disk_bytes
                 FROM entry_removals e JOIN projects p ON p.id = e.project_id
                    LEFT JOIN cache_entries c ON c.project_id = e.project_id AND c.path = e.path
                 WHERE e.operation_id = :id ORDER BY p.dir, e.path",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":id": id}, |row| {
                Ok(RemovedEntry {
                    project: ProjectDir::new(row.get::<_, Vec<u8>>("dir")?),
                    path: row.get("path")?,
                    size: Size { size: unsigned(row.get("size_bytes")?), disk: unsigned(row.get("disk_bytes")?) },
                    keep_until: row.get("keep_until")?,
                })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }
}
