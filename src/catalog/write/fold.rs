//! Rows of runs that left long ago are folded away: the daily sums of [`super::super::history`] stay and tell of them.

use super::super::error::Result;
use super::super::open::Catalog;
use super::super::rows::unsigned;
use super::CatalogTx;
use crate::model::Timestamp;
use rusqlite::named_params;

/// Rows that are folded in one transaction, so that nobody waits long for it.
const TOGETHER: i64 = 10_000;

/// From this share of free pages on, and from so many bytes, the file is written anew: less is soon used again, and
/// writing the file anew costs as much as the file is large.
const FREE_SHARE: u64 = 4;
const FREE_BYTES: u64 = 256 * 1024;

impl Catalog {
    /// Whether there are rows of runs that left before an instant.
    ///
    /// # Errors
    /// The catalog's.
    pub fn has_left_before(&self, before: Timestamp) -> Result<bool> {
        let act = "look for old rows";
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM runs INDEXED BY runs_left WHERE state >= 2 AND left_at < :before
                    AND pinned = 0) AS found",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":before": before}, |row| row.get("found"))
            .map_err(self.error(act))
    }

    /// Gives pages that are not used any more back to the file system, when they are many; whether it did. Nobody may be in a
    /// transaction; who reads meanwhile goes on reading.
    ///
    /// # Errors
    /// The catalog's: a full disk has no room for the new file beside the old one, and then all is as it was.
    pub fn give_back_pages(&self) -> Result<bool> {
        let act = "count free pages";
        let number = |sql: &str| -> Result<u64> {
            self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(unsigned).map_err(self.error(act))
        };
        let free = number("PRAGMA freelist_count")?;
        let (all, size) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
        if free * FREE_SHARE < all || free * size < FREE_BYTES {
            return Ok(false);
        }
        let act = "give back free pages";
        self.connection.execute_batch("VACUUM").map_err(self.error(act))?;
        // What was written anew lies in the log until then. Who is still reading keeps it from being emptied: the next time.
        let done = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        done.map_err(self.error(act))?;
        Ok(true)
    }
}

impl CatalogTx<'_> {
    /// Folds rows of runs that left before an instant, some of them: how many. Kept are pinned ones, those of operations that
    /// have no end, and those of operations of which something still lies in the trash: what becomes of that is read off
    /// their rows.
    pub fn fold_runs(&mut self, before: Timestamp, lying: &[String]) -> Result<u64> {
        let act = "fold old rows";
        let lying = serde_json::to_string(lying).unwrap_or_default();
        self.tx
            .execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS folded_runs (id INTEGER PRIMARY KEY);
                 CREATE TEMP TABLE IF NOT EXISTS folded_entries (id INTEGER PRIMARY KEY);
                 DELETE FROM folded_runs;
                 DELETE FROM folded_entries",
            )
            .map_err(self.error(act))?;
        let folded = self
            .prepare(
                act,
                "INSERT INTO folded_runs SELECT r.id FROM runs r INDEXED BY runs_left
                 WHERE r.state >= 2 AND r.left_at < :before AND r.pinned = 0
                     AND (r.operation_id IS NULL OR (
                         r.operation_id NOT IN (SELECT value FROM json_each(:lying))
                         AND NOT EXISTS (SELECT 1 FROM operations o
                             WHERE o.id = r.operation_id AND o.finished_at IS NULL)))
                 LIMIT :limit",
            )?
            .execute(named_params! {":before": before, ":lying": lying, ":limit": TOGETHER})
            .map_err(self.error(act))?;
        // The names of cache entries that only these runs still tell of go with them.
        for sql in [
            "INSERT OR IGNORE INTO folded_entries SELECT entry_id FROM refs WHERE run_id IN (SELECT id FROM folded_runs)",
            "INSERT OR IGNORE INTO folded_entries SELECT entry_id FROM tasks
             WHERE run_id IN (SELECT id FROM folded_runs) AND entry_id IS NOT NULL",
            "DELETE FROM runs WHERE id IN (SELECT id FROM folded_runs)",
            "DELETE FROM cache_entries WHERE id IN (SELECT id FROM folded_entries) AND present = 0 AND ref_count = 0
                AND NOT EXISTS (SELECT 1 FROM refs f WHERE f.entry_id = cache_entries.id)",
        ] {
            self.prepare(act, sql)?.execute([]).map_err(self.error(act))?;
        }
        Ok(folded as u64)
    }

    /// Forgets the cache entries that operations removed which began before an instant, have an end, and of which nothing
    /// lies in the trash.
    pub fn fold_entries(&mut self, before: Timestamp, lying: &[String]) -> Result<()> {
        let act = "fold old rows";
        let lying = serde_json::to_string(lying).unwrap_or_default();
        self.prepare(
            act,
            "DELETE FROM entry_removals WHERE operation_id IN (
                 SELECT id FROM operations WHERE finished_at IS NOT NULL AND started_at < :before
                     AND id NOT IN (SELECT value FROM json_each(:lying)))",
        )?
        .execute(named_params! {":before": before, ":lying": lying})
        .map_err(self.error(act))?;
        Ok(())
    }
}
