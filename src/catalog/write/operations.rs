//! Operations: begun with what they first commit, ended when the audit log says so.

use super::super::error::Result;
use super::super::operations::Operation;
use super::{CatalogTx, signed};
use crate::model::{Size, Timestamp};
use rusqlite::named_params;

/// What an operation did in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationSums {
    /// Runs that it removed.
    pub runs: u64,
    /// Cache entries that it removed.
    pub entries: u64,
    /// What was freed.
    pub freed: Size,
}

impl CatalogTx<'_> {
    /// Notes an operation that commits something: until its end is noted too, recovery looks after it.
    pub fn begin_operation(&mut self, operation: &Operation) -> Result<()> {
        self.prepare(
            "note an operation",
            "INSERT OR IGNORE INTO operations (id, kind, command, who, policy, plan_id, started_at, finished_at)
             VALUES (:id, :kind, :command, :who, :policy, :plan, :started, :finished)",
        )?
        .execute(named_params! {
            ":id": operation.id, ":kind": operation.kind, ":command": operation.command, ":who": operation.who,
            ":policy": operation.policy, ":plan": operation.plan, ":started": operation.started_at,
            ":finished": operation.finished_at,
        })
        .map_err(self.error("note an operation"))?;
        Ok(())
    }

    /// Notes the end of an operation. What several ends freed adds up: the first may have been cut short.
    pub fn finish_operation(&mut self, id: &str, at: Timestamp, sums: &OperationSums) -> Result<()> {
        self.prepare(
            "note the end of an operation",
            "UPDATE operations SET finished_at = :at, runs = max(runs, :runs), cache_entries = max(cache_entries, :entries),
                freed_size = freed_size + :size, freed_disk = freed_disk + :disk WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": id, ":at": at, ":runs": signed(sums.runs), ":entries": signed(sums.entries),
            ":size": signed(sums.freed.size), ":disk": signed(sums.freed.disk),
        })
        .map_err(self.error("note the end of an operation"))?;
        Ok(())
    }
}
