//! Pins and tags: what the user says about runs. They stay with the row, whatever becomes of the directory.

use super::super::error::Result;
use super::super::state::LogMark;
use super::{CatalogTx, inode_column, signed};
use crate::model::Pin;
use rusqlite::named_params;

impl CatalogTx<'_> {
    /// Pins the run in that row, or gives its pin another note.
    pub fn pin(&mut self, run: i64, pin: &Pin) -> Result<()> {
        self.prepare(
            "pin a run",
            "INSERT INTO pins (run_id, note, pinned_at, who) VALUES (:run, :note, :at, :who)
             ON CONFLICT (run_id) DO UPDATE SET note = excluded.note, pinned_at = excluded.pinned_at, who = excluded.who",
        )?
        .execute(named_params! {":run": run, ":note": pin.note, ":at": pin.at, ":who": pin.who})
        .map_err(self.error("pin a run"))?;
        self.prepare("pin a run", "UPDATE runs SET pinned = 1, by_age = 0 WHERE id = :run")?
            .execute(named_params! {":run": run})
            .map_err(self.error("pin a run"))?;
        Ok(())
    }

    /// Takes the pin off the run in that row.
    pub fn unpin(&mut self, run: i64) -> Result<()> {
        for (act, sql) in [
            ("unpin a run", "DELETE FROM pins WHERE run_id = :run"),
            (
                "unpin a run",
                "UPDATE runs SET pinned = 0, by_age = (state = 0 AND settled = 1 AND whole = 1 AND plain = 1)
                 WHERE id = :run",
            ),
        ] {
            self.prepare(act, sql)?.execute(named_params! {":run": run}).map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Sets and takes off tags of the run in that row.
    pub fn tag(&mut self, run: i64, added: &[String], removed: &[String]) -> Result<()> {
        for (act, sql, tags) in [
            ("tag a run", "INSERT OR IGNORE INTO tags (run_id, tag) VALUES (:run, :tag)", added),
            ("untag a run", "DELETE FROM tags WHERE run_id = :run AND tag = :tag", removed),
        ] {
            let mut statement = self.prepare(act, sql)?;
            for tag in tags {
                statement.execute(named_params! {":run": run, ":tag": tag}).map_err(self.error(act))?;
            }
        }
        Ok(())
    }

    /// Notes how far the audit log was read for its marks.
    pub fn put_log_mark(&mut self, mark: &LogMark) -> Result<()> {
        let act = "note how far the audit log is known";
        self.prepare(
            act,
            "UPDATE store SET log_inode = :inode, log_length = :length, log_mtime_ns = :mtime, log_tail = :tail",
        )?
        .execute(named_params! {
            ":inode": inode_column(mark.inode), ":length": signed(mark.length), ":mtime": mark.mtime_ns,
            ":tail": mark.tail,
        })
        .map_err(self.error(act))?;
        Ok(())
    }
}
