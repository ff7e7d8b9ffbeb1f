//! Questions about runs of which parts were dropped.

use super::error::{Error, Result};
use super::open::Catalog;
use super::rows::{self, run_columns, run_tables};
use super::tasks::KeptEvidence;
use super::write::TaskRecord;
use crate::model::{Dropped, DurationSource, ProjectDir, Run, RunContext, Size, Status, StatusSource, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// What is known of a run whose evidence may be gone with the parts that were dropped.
#[derive(Clone, Debug)]
pub struct ThinnedRun {
    /// Its inode: another directory of the same name is another run.
    pub inode: u64,
    /// What was dropped.
    pub dropped: Dropped,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// Its tasks.
    pub tasks: Vec<TaskRecord>,
    /// What the runner's database once said of it, where that is known from elsewhere than the catalog's own row.
    pub evidence: Option<KeptEvidence>,
    /// How it was started, likewise.
    pub context: RunContext,
}

/// What an operation decided about parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThinningDecision {
    /// The run's row.
    pub key: i64,
    /// Until when they can be restored; `None`: they are on their way out.
    pub keep_until: Option<Timestamp>,
    /// Whether the run is pinned: then its parts stay, also past that.
    pub pinned: bool,
}

/// Parts that an operation was committed to drop.
#[derive(Clone, Debug)]
pub struct Thinning {
    /// The run.
    pub run: Run,
    /// What was dropped.
    pub dropped: Dropped,
    /// What it took.
    pub size: Size,
    /// Why, as JSON.
    pub reasons: String,
    /// Until when they can be restored.
    pub keep_until: Option<Timestamp>,
}

impl Catalog {
    /// Whether there is a run of which something was dropped.
    ///
    /// # Errors
    /// The catalog's.
    pub fn has_thinned(&self) -> Result<bool> {
        // One in memory is loaded once, and what was thinned is noted in it after that.
        if self.is_loading() || !self.is_on_disk() {
            return Ok(false);
        }
        let act = "find thinned runs";
        self.connection
            .prepare_cached("SELECT 1 FROM runs WHERE thinned <> 0")
            .map_err(self.error(act))?
            .exists([])
            .map_err(self.error(act))
    }

    /// What is known of a run of which something was dropped, in whatever state it is; `None` of any other.
    ///
    /// # Errors
    /// The catalog's.
    pub fn thinned_run(&self, project: &ProjectDir, dir: &str) -> Result<Option<ThinnedRun>> {
        let act = "read a thinned run";
        let key: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT r.id FROM runs r JOIN projects p ON p.id = r.project_id
                 WHERE p.dir = :project AND r.dir = :dir AND r.thinned <> 0",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project.as_bytes(), ":dir": dir}, |row| row.get("id"))
            .optional()
            .map_err(self.error(act))?;
        let Some(run) = key.map(|key| self.run(key)).transpose()?.flatten() else { return Ok(None) };
        let whole = self.whole_run(&run)?;
        let tasks = whole.tasks.into_iter().map(|(task, runner_status)| TaskRecord {
            name: task.name,
            dir: task.dir,
            status: task.status,
            status_source: task.status_source,
            exit_code: task.exit_code,
            started_at: task.started_at,
            ended_at: task.ended_at,
            duration_ms: task.duration_ms,
            duration_source: task.duration_source,
            size: task.size,
            stdout_bytes: task.stdout_bytes,
            stderr_bytes: task.stderr_bytes,
            script: task.script,
            entry: task.cache_entry,
            runner_status,
        });
        Ok(Some(ThinnedRun {
            inode: whole.fingerprint.inode,
            dropped: run.thinned,
            status: run.status,
            status_source: run.status_source,
            duration_ms: run.duration_ms,
            duration_source: run.duration_source,
            tasks: tasks.collect(),
            evidence: None,
            context: RunContext::default(),
        }))
    }

    /// The runs of a project that may have parts to drop: those of before an instant of which that part was not dropped
    /// yet, the one instant for logs, the other for artifacts. A run without tasks has neither.
    ///
    /// # Errors
    /// The catalog's.
    pub fn runs_with_parts(&self, project: i64, logs: Timestamp, artifacts: Timestamp) -> Result<Vec<Run>> {
        let act = "select runs with parts to drop";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.project_id = :project AND r.state = 0 AND r.timestamp < max(:logs, :artifacts)
                    AND r.tasks_total > 0
                    AND (r.timestamp < :logs AND r.thinned & 1 = 0 OR r.timestamp < :artifacts AND r.thinned & 2 = 0)
                 ORDER BY r.timestamp, r.number"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project, ":logs": logs, ":artifacts": artifacts}, |row| {
                Ok(rows::run(row))
            })
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// What an operation decided about parts of a run; `None` when nothing was committed.
    ///
    /// # Errors
    /// The catalog's.
    pub fn thinning_decision(
        &self,
        operation: &str,
        project: &ProjectDir,
        run: &str,
    ) -> Result<Option<ThinningDecision>> {
        let act = "read a decision";
        self.connection
            .prepare_cached(
                "SELECT r.id, t.keep_until, r.pinned
                 FROM runs r JOIN projects p ON p.id = r.project_id JOIN thinnings t ON t.run_id = r.id
                 WHERE t.operation_id = :operation AND p.dir = :project AND r.dir = :run",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":operation": operation, ":project": project.as_bytes(), ":run": run}, |row| {
                Ok(ThinningDecision {
                    key: row.get("id")?,
                    keep_until: row.get("keep_until")?,
                    pinned: row.get("pinned")?,
                })
            })
            .optional()
            .map_err(self.error(act))
    }

    /// The operations that dropped parts of runs.
    ///
    /// # Errors
    /// The catalog's.
    pub fn operations_that_thinned(&self) -> Result<Vec<String>> {
        let act = "list operations that dropped parts";
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT operation_id FROM thinnings ORDER BY operation_id")
            .map_err(self.error(act))?;
        let found = statement.query_map([], |row| row.get("operation_id")).map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))).collect()
    }

    /// The operations that hold parts of a run which can be restored, with what these take.
    ///
    /// # Errors
    /// The catalog's.
    pub fn parts_in_the_trash(&self, key: i64) -> Result<Vec<(String, Size)>> {
        let act = "find parts of a run in the trash";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT operation_id, size_bytes, disk_bytes FROM thinnings
                 WHERE run_id = :run AND keep_until IS NOT NULL ORDER BY operation_id",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":run": key}, |row| Ok((row.get("operation_id")?, rows::size(row)?)))
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))).collect()
    }

    /// What an operation was committed to drop.
    ///
    /// # Errors
    /// The catalog's.
    pub fn thinnings_of_operation(&self, id: &str) -> Result<Vec<Thinning>> {
        let act = "list what an operation dropped";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                ", x.parts AS dropped, x.size_bytes AS dropped_size, x.disk_bytes AS dropped_disk,
                    x.reasons AS why, x.keep_until AS until FROM ",
                run_tables!(),
                " JOIN thinnings x ON x.run_id = r.id WHERE x.operation_id = :id ORDER BY r.id"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":id": id}, |row| {
                let size = Size {
                    size: rows::unsigned(row.get("dropped_size")?),
                    disk: rows::unsigned(row.get("dropped_disk")?),
                };
                let dropped = Dropped::from_bits(row.get("dropped")?);
                Ok((rows::run(row), dropped, size, row.get("why")?, row.get("until")?))
            })
            .map_err(self.error(act))?;
        found
            .map(|row| -> Result<Thinning> {
                let (run, dropped, size, reasons, keep_until) = row.map_err(self.error(act))?;
                Ok(Thinning { run: run?, dropped, size, reasons, keep_until })
            })
            .collect::<std::result::Result<_, Error>>()
    }
}
