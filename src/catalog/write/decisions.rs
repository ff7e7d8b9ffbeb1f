//! Decisions about removal, beyond that a run left its place.

use super::super::error::Result;
use super::CatalogTx;
use crate::model::{ProjectDir, RunState, Timestamp};
use rusqlite::named_params;

impl CatalogTx<'_> {
    /// Notes that an operation's removal of an entry is committed, and until when it can be undone.
    pub fn note_entry_removal(
        &mut self,
        operation: &str,
        project_key: i64,
        path: &[u8],
        keep_until: Option<Timestamp>,
    ) -> Result<()> {
        self.prepare(
            "note a removal",
            "INSERT INTO entry_removals (operation_id, project_id, path, keep_until)
             VALUES (:operation, :project, :path, :until)
             ON CONFLICT (operation_id, project_id, path) DO UPDATE SET keep_until = excluded.keep_until",
        )?
        .execute(named_params! {":operation": operation, ":project": project_key, ":path": path, ":until": keep_until})
        .map_err(self.error("note a removal"))?;
        Ok(())
    }

    /// Forgets that an operation's removal of an entry was committed: the entry is back in its place.
    pub fn forget_entry_removal(&mut self, operation: &str, project: &ProjectDir, path: &[u8]) -> Result<()> {
        let key = self.project_key(project)?;
        self.prepare(
            "forget a removal",
            "DELETE FROM entry_removals WHERE operation_id = :operation AND project_id = :project AND path = :path",
        )?
        .execute(named_params! {":operation": operation, ":project": key, ":path": path})
        .map_err(self.error("forget a removal"))?;
        Ok(())
    }

    /// Notes that a run in the trash is on its way out: from here on it is not restored. Says whether it was there, put
    /// there by that operation, and not pinned.
    pub fn give_up_run(&mut self, key: i64, operation: &str) -> Result<bool> {
        let changed = self
            .prepare(
                "give up a run",
                "UPDATE runs SET state = :removed, keep_until = NULL
                 WHERE id = :run AND state = :trashed AND operation_id = :operation AND pinned = 0",
            )?
            .execute(named_params! {
                ":run": key, ":removed": RunState::Removed.code(), ":trashed": RunState::Trashed.code(),
                ":operation": operation,
            })
            .map_err(self.error("give up a run"))?;
        Ok(changed > 0)
    }

    /// Notes that a cache entry in the trash is on its way out.
    pub fn give_up_entry(&mut self, operation: &str, project: &ProjectDir, path: &[u8]) -> Result<()> {
        let key = self.project_key(project)?;
        self.note_entry_removal(operation, key, path, None)
    }
}
