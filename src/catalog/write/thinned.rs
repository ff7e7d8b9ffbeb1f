//! Parts of runs that were dropped, or came back.

use super::super::error::Result;
use super::{CatalogTx, signed};
use crate::model::{Dropped, Size, Timestamp};
use rusqlite::named_params;

/// What an operation drops of a run.
#[derive(Clone, Copy, Debug)]
pub struct ThinningRecord<'a> {
    /// The operation.
    pub operation: &'a str,
    /// What is dropped.
    pub dropped: Dropped,
    /// What it takes.
    pub size: Size,
    /// Why, as JSON.
    pub reasons: &'a str,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}

impl CatalogTx<'_> {
    /// Notes that parts of a run are dropped. The run has to be looked at again to know what it takes now.
    pub fn note_thinning(&mut self, key: i64, record: &ThinningRecord<'_>) -> Result<()> {
        self.prepare(
            "note that a run is thinned",
            "INSERT INTO thinnings (operation_id, run_id, parts, size_bytes, disk_bytes, reasons, keep_until)
             VALUES (:operation, :run, :parts, :size, :disk, :reasons, :until)
             ON CONFLICT (operation_id, run_id) DO UPDATE SET parts = excluded.parts, size_bytes = excluded.size_bytes,
                disk_bytes = excluded.disk_bytes, reasons = excluded.reasons, keep_until = excluded.keep_until",
        )?
        .execute(named_params! {
            ":operation": record.operation, ":run": key, ":parts": record.dropped.bits(),
            ":size": signed(record.size.size), ":disk": signed(record.size.disk), ":reasons": record.reasons,
            ":until": record.keep_until,
        })
        .map_err(self.error("note that a run is thinned"))?;
        self.add_up_thinned(key)
    }

    /// Notes that what an operation dropped of a run is on its way out.
    pub fn give_up_thinning(&mut self, operation: &str, key: i64) -> Result<()> {
        self.prepare(
            "give up parts of a run",
            "UPDATE thinnings SET keep_until = NULL WHERE operation_id = :operation AND run_id = :run",
        )?
        .execute(named_params! {":operation": operation, ":run": key})
        .map_err(self.error("give up parts of a run"))?;
        Ok(())
    }

    /// Notes that what an operation dropped of a run is back in its place.
    pub fn forget_thinning(&mut self, operation: &str, key: i64) -> Result<()> {
        self.prepare(
            "forget that a run is thinned",
            "DELETE FROM thinnings WHERE operation_id = :operation AND run_id = :run",
        )?
        .execute(named_params! {":operation": operation, ":run": key})
        .map_err(self.error("forget that a run is thinned"))?;
        self.add_up_thinned(key)
    }

    /// Forgets what was dropped of a run: another one has its name now.
    pub fn forget_thinnings(&mut self, key: i64) -> Result<()> {
        self.prepare("forget that a run is thinned", "DELETE FROM thinnings WHERE run_id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error("forget that a run is thinned"))?;
        self.add_up_thinned(key)
    }

    /// The inode of a run when it was last looked at.
    pub fn inode(&self, key: i64) -> Result<u64> {
        self.prepare("read a run", "SELECT inode FROM runs WHERE id = :run")?
            .query_row(named_params! {":run": key}, |row| Ok(row.get::<_, i64>("inode")?.cast_unsigned()))
            .map_err(self.error("read a run"))
    }

    /// Temporary files do not count: no evidence goes with them.
    fn add_up_thinned(&mut self, key: i64) -> Result<()> {
        self.prepare(
            "note that a run is thinned",
            "UPDATE runs SET thinned =
                (SELECT coalesce(max(t.parts & 1), 0) + coalesce(max(t.parts & 2), 0) FROM thinnings t WHERE t.run_id = :run)
             WHERE id = :run",
        )?
        .execute(named_params! {":run": key})
        .map_err(self.error("note that a run is thinned"))?;
        Ok(())
    }
}
