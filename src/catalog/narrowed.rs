//! What a clean selects when more than an age decides: by status, by what is missing, or because all runs are meant.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, incomplete};
use crate::model::{Class, Parts, RunDir, Size, Status, Statuses, Timestamp};
use rusqlite::named_params;

/// A run that a narrowed clean may remove, of those that an age alone could judge.
#[derive(Clone, Debug)]
pub struct NarrowedCandidate {
    /// Row id.
    pub key: i64,
    /// Its directory.
    pub dir: RunDir,
    /// What became of it.
    pub status: Status,
    /// Parts that its era writes and that are not there.
    pub missing: Parts,
    /// What it takes.
    pub size: Size,
}

impl Catalog {
    /// Hands the runs of one class of a project below an instant to `each`, oldest first, as
    /// [`Catalog::candidates_below`] does, of those the ones with one of the statuses, and with `incomplete` the ones of
    /// which it is certain that they are not all there.
    ///
    /// # Errors
    /// The catalog's.
    pub fn candidates_among(
        &self,
        project: i64,
        class: Class,
        before: Timestamp,
        (statuses, incomplete): (Statuses, bool),
        each: &mut dyn FnMut(NarrowedCandidate),
    ) -> Result<()> {
        let act = "select runs";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT r.id, r.timestamp, r.number, r.status, r.missing, r.size_bytes, r.disk_bytes
                 FROM runs r INDEXED BY runs_by_age
                 WHERE r.project_id = :project AND r.by_age = 1 AND r.class = :class AND r.timestamp < :before
                    AND (:statuses >> r.status) & 1 = 1 AND (:incomplete = 0 OR ",
                incomplete!(),
                ")
                 ORDER BY r.timestamp, r.number"
            ))
            .map_err(self.error(act))?;
        let mut found = statement
            .query(named_params! {
                ":project": project, ":class": class.code(), ":before": before,
                ":statuses": statuses.bits(), ":incomplete": incomplete,
            })
            .map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            let read = || -> rusqlite::Result<(i64, Timestamp, u32, i64, i64, Size)> {
                let number = (row.get("id")?, row.get("timestamp")?, row.get("number")?);
                Ok((number.0, number.1, number.2, row.get("status")?, row.get("missing")?, rows::size(row)?))
            };
            let (key, timestamp, number, status, missing, size) = read().map_err(self.error(act))?;
            let dir = RunDir::new(timestamp, number)
                .map_err(|_| super::Error::Unreadable { what: "the run name", value: timestamp.to_string() })?;
            each(NarrowedCandidate {
                key,
                dir,
                status: rows::status(status)?,
                missing: Parts::from_bits(missing),
                size,
            });
        }
        Ok(())
    }

    /// The oldest and the newest run of a project that stay. Looked at are, from both ends, only those that go.
    ///
    /// # Errors
    /// The catalog's.
    pub fn range_without(&self, project: i64, goes: &dyn Fn(i64) -> bool) -> Result<Option<(Timestamp, Timestamp)>> {
        let act = "find the oldest and the newest run";
        let end = |sql: &str| -> Result<Option<Timestamp>> {
            let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
            let mut found = statement.query(named_params! {":project": project}).map_err(self.error(act))?;
            while let Some(row) = found.next().map_err(self.error(act))? {
                if !goes(row.get("id").map_err(self.error(act))?) {
                    return Ok(Some(row.get("timestamp").map_err(self.error(act))?));
                }
            }
            Ok(None)
        };
        let oldest = end("SELECT id, timestamp FROM runs INDEXED BY runs_of_project
             WHERE state = 0 AND project_id = :project ORDER BY timestamp, number")?;
        let newest = end("SELECT id, timestamp FROM runs INDEXED BY runs_of_project
             WHERE state = 0 AND project_id = :project ORDER BY timestamp DESC, number DESC")?;
        Ok(oldest.zip(newest))
    }
}
