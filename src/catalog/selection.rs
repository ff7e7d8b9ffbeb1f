//! What a clean selects: rows below an instant that comes from outside, and the few rows that must be judged one by one.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, incomplete, unsigned};
use crate::model::{Class, RunDir, Size, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// The place of a run in its project's order, newest last.
pub type Bound = (Timestamp, u32, i64);

/// A run that a clean may remove.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Row id.
    pub key: i64,
    /// Its directory.
    pub dir: RunDir,
    /// Its class.
    pub class: Class,
    /// What it takes.
    pub size: Size,
}

/// What a run looked like when it was last walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its inode.
    pub inode: u64,
    /// blake3 over its tree, without contents.
    pub manifest: [u8; 32],
}

/// How many runs of a class an age alone can judge, and what they take; further conditions follow. One index holds it all.
#[rustfmt::skip]
macro_rules! sums {
    () => {
        "SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS size_bytes, coalesce(sum(disk_bytes), 0) AS disk_bytes
         FROM runs INDEXED BY runs_by_age WHERE project_id = :project AND by_age = 1 AND class = :class"
    };
}

impl Catalog {
    /// The place of the `n`-th newest run of a project (1 is the newest), those after `now` not counted.
    ///
    /// # Errors
    /// The catalog's.
    pub fn nth_newest_bound(&self, project: i64, now: Timestamp, n: u64) -> Result<Option<Bound>> {
        let Some(offset) = n.checked_sub(1) else { return Ok(None) };
        let act = "find the n-th newest run";
        self.connection
            .prepare_cached(
                "SELECT timestamp, number, id FROM runs
                 WHERE state = 0 AND project_id = :project AND timestamp <= :now
                 ORDER BY timestamp DESC, number DESC, id DESC LIMIT 1 OFFSET :offset",
            )
            .map_err(self.error(act))?
            .query_row(
                named_params! {":project": project, ":now": now, ":offset": i64::try_from(offset).unwrap_or(i64::MAX)},
                |row| Ok((row.get("timestamp")?, row.get("number")?, row.get("id")?)),
            )
            .optional()
            .map_err(self.error(act))
    }

    /// Hands the runs of one class of a project below an instant to `each`, oldest first: those that are settled, read
    /// whole, not pinned, and named as the runner names them. All of it comes from one index.
    ///
    /// # Errors
    /// The catalog's.
    pub fn candidates_below(
        &self,
        project: i64,
        class: Class,
        before: Timestamp,
        each: &mut dyn FnMut(Candidate),
    ) -> Result<()> {
        let act = "select runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, timestamp, number, size_bytes, disk_bytes FROM runs INDEXED BY runs_by_age
                 WHERE project_id = :project AND by_age = 1 AND class = :class AND timestamp < :before
                 ORDER BY timestamp, number",
            )
            .map_err(self.error(act))?;
        let mut found = statement
            .query(named_params! {":project": project, ":class": class.code(), ":before": before})
            .map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            // By position: this row is read for every run that goes.
            let read = || -> rusqlite::Result<(i64, i64, u32, Size)> {
                let size = Size { size: unsigned(row.get(3)?), disk: unsigned(row.get(4)?) };
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, size))
            };
            let (key, timestamp, number, size) = read().map_err(self.error(act))?;
            let dir = RunDir::new(timestamp, number)
                .map_err(|_| super::Error::Unreadable { what: "the run name", value: timestamp.to_string() })?;
            each(Candidate { key, dir, class, size });
        }
        Ok(())
    }

    /// Number and size of the runs of one class of a project below an instant and a bound, of those that an age alone can
    /// judge.
    ///
    /// # Errors
    /// The catalog's.
    pub fn sum_below(&self, project: i64, class: Class, before: Timestamp, bound: Bound) -> Result<(u64, Size)> {
        let (count, size) = self.sum(
            concat!(sums!(), " AND timestamp < :before"),
            named_params! {":project": project, ":class": class.code(), ":before": before.min(bound.0)},
        )?;
        let (more, more_size) = self.sum_within_second(project, class, before, bound)?;
        Ok((count + more, size + more_size))
    }

    /// The others of that class: at or above the lower of the two.
    ///
    /// # Errors
    /// The catalog's.
    pub fn sum_from(&self, project: i64, class: Class, before: Timestamp, bound: Bound) -> Result<(u64, Size)> {
        let (count, size) = self.sum(
            concat!(sums!(), " AND timestamp >= :from"),
            named_params! {":project": project, ":class": class.code(), ":from": before.min(bound.0)},
        )?;
        let (less, less_size) = self.sum_within_second(project, class, before, bound)?;
        Ok((count - less, size - less_size))
    }

    /// Those of the bound's own second that lie below it, when the instant does not cut before. Apart, because to compare
    /// number and row with every run takes as long again as to add it up.
    fn sum_within_second(
        &self,
        project: i64,
        class: Class,
        before: Timestamp,
        (timestamp, number, key): Bound,
    ) -> Result<(u64, Size)> {
        if timestamp >= before {
            return Ok((0, Size::ZERO));
        }
        self.sum(
            concat!(sums!(), " AND timestamp = :timestamp AND (number, id) < (:number, :key)"),
            named_params! {
                ":project": project, ":class": class.code(), ":timestamp": timestamp, ":number": number, ":key": key,
            },
        )
    }

    fn sum(&self, sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]) -> Result<(u64, Size)> {
        let act = "add up runs";
        self.connection
            .prepare_cached(sql)
            .map_err(self.error(act))?
            .query_row(parameters, |row| Ok((unsigned(row.get("n")?), rows::size(row)?)))
            .map_err(self.error(act))
    }

    /// What a run that is in its place looked like when it was last walked.
    ///
    /// # Errors
    /// The catalog's.
    pub fn fingerprint(&self, key: i64) -> Result<Option<Fingerprint>> {
        let act = "read a fingerprint";
        self.connection
            .prepare_cached("SELECT inode, manifest FROM runs WHERE state = 0 AND id = :key")
            .map_err(self.error(act))?
            .query_row(named_params! {":key": key}, |row| {
                let manifest: Vec<u8> = row.get("manifest")?;
                Ok(Fingerprint {
                    inode: row.get::<_, i64>("inode")?.cast_unsigned(),
                    // A manifest of another length matches no tree: such a run is skipped as changed.
                    manifest: manifest.try_into().unwrap_or([0; 32]),
                })
            })
            .optional()
            .map_err(self.error(act))
    }

    /// The runs that an age alone cannot judge: not settled, not read whole, pinned, or oddly named.
    ///
    /// # Errors
    /// The catalog's.
    pub fn exceptional_runs(&self, project: i64) -> Result<Vec<crate::model::Run>> {
        use super::rows::{run_columns, run_joins};
        let act = "select runs";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM runs r INDEXED BY runs_exceptional ",
                run_joins!(),
                " WHERE r.state = 0 AND r.project_id = :project
                    AND (r.settled = 0 OR r.whole = 0 OR r.pinned = 1 OR r.plain = 0)
                 ORDER BY r.timestamp, r.number"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project}, |row| Ok(rows::run(row)))
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// The oldest and the newest run of a class of a project at or above an instant, among those that an age alone can
    /// judge.
    ///
    /// # Errors
    /// The catalog's.
    pub fn range_from(&self, project: i64, class: Class, from: Timestamp) -> Result<Option<(Timestamp, Timestamp)>> {
        let act = "find the oldest and the newest run";
        let end = |sql: &str| -> Result<Option<Timestamp>> {
            self.connection
                .prepare_cached(sql)
                .map_err(self.error(act))?
                .query_row(named_params! {":project": project, ":class": class.code(), ":from": from}, |row| {
                    row.get("timestamp")
                })
                .optional()
                .map_err(self.error(act))
        };
        // Two statements: SQLite finds one end of an index at once, but not both.
        let oldest = end("SELECT timestamp FROM runs INDEXED BY runs_by_age
             WHERE project_id = :project AND by_age = 1 AND class = :class AND timestamp >= :from ORDER BY timestamp LIMIT 1")?;
        let newest = end("SELECT timestamp FROM runs INDEXED BY runs_by_age
             WHERE project_id = :project AND by_age = 1 AND class = :class AND timestamp >= :from ORDER BY timestamp DESC LIMIT 1")?;
        Ok(oldest.zip(newest))
    }

    /// How many runs of a project are not all there, as far as that is certain: [`Run::is_incomplete`].
    ///
    /// [`Run::is_incomplete`]: crate::model::Run::is_incomplete
    ///
    /// # Errors
    /// The catalog's.
    pub fn incomplete_runs(&self, project: i64) -> Result<u64> {
        let act = "count incomplete runs";
        self.connection
            .prepare_cached(concat!(
                "SELECT count(*) AS n FROM runs r INDEXED BY runs_incomplete
                 WHERE r.state = 0 AND r.project_id = :project AND ",
                incomplete!()
            ))
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project}, |row| row.get::<_, i64>("n"))
            .map(unsigned)
            .map_err(self.error(act))
    }
}
