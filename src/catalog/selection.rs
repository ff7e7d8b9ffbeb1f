//! What a clean selects: rows below an instant that comes from outside, and the few rows that must be judged one by one.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, unsigned};
use crate::model::{Class, RunDir, RunState, Size, Status, StatusSource, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// The place of a run in its project's order, newest last.
pub type Bound = (Timestamp, u32, i64);

/// A run that a clean may remove.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Row id.
    pub key: i64,
    /// Its project's row.
    pub project_key: i64,
    /// Its directory.
    pub dir: RunDir,
    /// Its class.
    pub class: Class,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// What it takes.
    pub size: Size,
    /// Its inode when it was last walked.
    pub inode: u64,
    /// What its tree looked like then.
    pub manifest: [u8; 32],
    /// Whether parts are missing that its era writes.
    pub incomplete: bool,
}

fn candidate(row: &rusqlite::Row<'_>) -> Result<Candidate> {
    let read = || -> rusqlite::Result<(Candidate, String, i64, i64, i64)> {
        let manifest: Vec<u8> = row.get("manifest")?;
        let placeholder = RunDir::parse(b"0").map_err(|_| rusqlite::Error::InvalidQuery)?;
        let candidate = Candidate {
            key: row.get("id")?,
            project_key: row.get("project_id")?,
            dir: placeholder,
            class: Class::Unknown,
            status: Status::Unknown,
            status_source: StatusSource::None,
            size: rows::size(row)?,
            inode: row.get::<_, i64>("inode")?.cast_unsigned(),
            // A manifest of another length matches no tree: such a run is skipped as changed.
            manifest: manifest.try_into().unwrap_or([0; 32]),
            incomplete: row.get::<_, i64>("missing")? != 0,
        };
        Ok((candidate, row.get("dir")?, row.get("class")?, row.get("status")?, row.get("status_source")?))
    };
    let (mut candidate, dir, class, status, source) =
        read().map_err(|e| super::Error::Unreadable { what: "a column", value: e.to_string() })?;
    candidate.dir = rows::run_dir(&dir)?;
    candidate.class = Class::from_code(class)
        .ok_or_else(|| super::Error::Unreadable { what: "the class", value: class.to_string() })?;
    candidate.status = rows::status(status)?;
    candidate.status_source = rows::source(source)?;
    Ok(candidate)
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

    /// The settled, whole, unpinned runs of one class of a project whose name's time is below `before`, oldest first.
    ///
    /// # Errors
    /// The catalog's.
    pub fn candidates_below(&self, project: i64, class: Class, before: Timestamp) -> Result<Vec<Candidate>> {
        let act = "select runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, project_id, dir, class, status, status_source, size_bytes, disk_bytes, inode, manifest, missing
                 FROM runs INDEXED BY runs_by_age
                 WHERE state = 0 AND project_id = :project AND class = :class AND timestamp < :before
                    AND settled = 1 AND whole = 1 AND pinned = 0 ORDER BY timestamp, number",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project, ":class": class.code(), ":before": before}, |row| {
                Ok(candidate(row))
            })
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// The candidate in that row, in whatever class.
    ///
    /// # Errors
    /// The catalog's.
    pub fn candidate(&self, key: i64) -> Result<Option<Candidate>> {
        let act = "select a run";
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, project_id, dir, class, status, status_source, size_bytes, disk_bytes, inode, manifest, missing
                 FROM runs WHERE state = 0 AND id = :key",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":key": key}, |row| Ok(candidate(row)))
            .optional()
            .map_err(self.error(act))?;
        found.transpose()
    }

    /// The runs that an age alone cannot judge: not settled, not read whole, or pinned.
    ///
    /// # Errors
    /// The catalog's.
    pub fn exceptional_runs(&self, project: i64) -> Result<Vec<crate::model::Run>> {
        use super::rows::{run_columns, run_tables};
        let act = "select runs";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.id IN (SELECT id FROM runs INDEXED BY runs_by_age
                    WHERE state = 0 AND project_id = :project AND (settled = 0 OR whole = 0 OR pinned = 1))
                 ORDER BY r.timestamp, r.number"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project}, |row| Ok(rows::run(row)))
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// The newest run of a project that is there and not among those.
    ///
    /// # Errors
    /// The catalog's.
    pub fn newest_but(&self, project: i64, but: &std::collections::HashSet<i64>) -> Result<Option<Timestamp>> {
        self.first_but(
            "SELECT id, timestamp FROM runs WHERE state = 0 AND project_id = :project ORDER BY timestamp DESC, number DESC",
            project,
            but,
        )
    }

    /// The oldest run of a project that is there and not among those.
    ///
    /// # Errors
    /// The catalog's.
    pub fn oldest_but(&self, project: i64, but: &std::collections::HashSet<i64>) -> Result<Option<Timestamp>> {
        self.first_but(
            "SELECT id, timestamp FROM runs WHERE state = 0 AND project_id = :project ORDER BY timestamp, number",
            project,
            but,
        )
    }

    fn first_but(&self, sql: &str, project: i64, but: &std::collections::HashSet<i64>) -> Result<Option<Timestamp>> {
        let act = "find the oldest and the newest";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let mut found = statement.query(named_params! {":project": project}).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            if !but.contains(&row.get("id").map_err(self.error(act))?) {
                return Ok(Some(row.get("timestamp").map_err(self.error(act))?));
            }
        }
        Ok(None)
    }

    /// How many runs of a project lack parts that their era writes.
    ///
    /// # Errors
    /// The catalog's.
    pub fn incomplete_runs(&self, project: i64) -> Result<u64> {
        let act = "count incomplete runs";
        self.connection
            .prepare_cached("SELECT count(*) AS n FROM runs WHERE state = 0 AND project_id = :project AND missing <> 0")
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project}, |row| row.get::<_, i64>("n"))
            .map(unsigned)
            .map_err(self.error(act))
    }

    /// What was decided about a run, `None` when there is no row of it.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_decision(&self, project: &crate::model::ProjectDir, run: &str) -> Result<Option<Decision>> {
        let act = "read a decision";
        let found: Option<(i64, Option<String>, Option<Timestamp>)> = self
            .connection
            .prepare_cached(
                "SELECT r.state, r.operation_id, r.keep_until FROM runs r JOIN projects p ON p.id = r.project_id
                 WHERE p.dir = :project AND r.dir = :run",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project.as_bytes(), ":run": run}, |row| {
                Ok((row.get("state")?, row.get("operation_id")?, row.get("keep_until")?))
            })
            .optional()
            .map_err(self.error(act))?;
        let Some((state, operation, keep_until)) = found else { return Ok(None) };
        let state = RunState::from_code(state)
            .ok_or_else(|| super::Error::Unreadable { what: "the state", value: state.to_string() })?;
        Ok(Some(Decision { state, operation, keep_until }))
    }

    /// Whether an operation's removal of an entry was committed.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entry_was_removed(&self, operation: &str, project: &crate::model::ProjectDir, path: &[u8]) -> Result<bool> {
        let act = "read a decision";
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM entry_removals e JOIN projects p ON p.id = e.project_id
                    WHERE e.operation_id = :operation AND p.dir = :project AND e.path = :path) AS found",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":operation": operation, ":project": project.as_bytes(), ":path": path}, |row| {
                row.get("found")
            })
            .map_err(self.error(act))
    }
}

/// What was decided about a run.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Where it is in its life.
    pub state: RunState,
    /// Which operation decided it.
    pub operation: Option<String>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}
