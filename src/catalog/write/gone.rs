//! Rows of runs that are not in their place, brought back from the audit log or from another catalog.

use super::super::error::{Error, Result};
use super::CatalogTx;
use super::records::{Departure, RunRecord};
use crate::model::{ProjectDir, RunState, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

impl CatalogTx<'_> {
    /// The row of a run, in whatever state it is.
    pub fn known_run(&self, project: &ProjectDir, run: &str) -> Result<Option<(i64, RunState)>> {
        let found: Option<(i64, i64)> = self
            .prepare(
                "find a run",
                "SELECT r.id, r.state FROM projects p JOIN runs r ON r.project_id = p.id AND r.dir = :run
                 WHERE p.dir = :project",
            )?
            .query_row(named_params! {":project": project.as_bytes(), ":run": run}, |row| {
                Ok((row.get("id")?, row.get("state")?))
            })
            .optional()
            .map_err(self.error("find a run"))?;
        let Some((key, state)) = found else { return Ok(None) };
        let unreadable = || Error::Unreadable { what: "the state", value: state.to_string() };
        Ok(Some((key, RunState::from_code(state).ok_or_else(unreadable)?)))
    }

    /// Writes a run that is not in its place, in place of whatever was known of it; its row is given. One that is in its
    /// place stays as it is: `None`.
    pub fn put_gone(&mut self, record: &RunRecord, state: RunState, departure: &Departure<'_>) -> Result<Option<i64>> {
        if self.run_key(record.project_key, &record.dir)?.is_some() {
            return Ok(None);
        }
        // As if it had come and left: what it counts for is added and taken off in the same transaction.
        self.put_run(record)?;
        let Some(key) = self.run_key(record.project_key, &record.dir)? else { return Ok(None) };
        self.leave(key, state, departure)?;
        Ok(Some(key))
    }

    /// Notes that a run that is not in its place was put there again, and left it once more without us.
    pub fn vanished_again(&mut self, key: i64, at: Timestamp) -> Result<()> {
        self.prepare(
            "note that a run left",
            "UPDATE runs SET state = :vanished, left_at = :at, operation_id = NULL, reasons = NULL, keep_until = NULL
             WHERE id = :run AND state <> 0",
        )?
        .execute(named_params! {":run": key, ":vanished": RunState::Vanished.code(), ":at": at})
        .map_err(self.error("note that a run left"))?;
        Ok(())
    }

    /// Notes that what an operation held until later is really gone, whatever its pin says now.
    pub fn emptied(&mut self, key: i64) -> Result<()> {
        self.prepare(
            "give up a run",
            "UPDATE runs SET state = :removed, keep_until = NULL WHERE id = :run AND state = :trashed",
        )?
        .execute(named_params! {
            ":run": key, ":removed": RunState::Removed.code(), ":trashed": RunState::Trashed.code(),
        })
        .map_err(self.error("give up a run"))?;
        Ok(())
    }
}
