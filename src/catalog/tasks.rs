//! Questions about tasks, and the runner's evidence that is kept with them.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, task_columns, task_tables};
use super::write::RunnerColumns;
use crate::model::{ProjectDir, Task, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// What the runner's database once said of a run: kept when its rows go.
#[derive(Clone, Debug)]
pub struct KeptEvidence {
    /// Of the run itself.
    pub run: RunnerColumns,
    /// Of its tasks: name, status as its code, exit code, start, end, milliseconds, directory when it is no usual one.
    pub tasks: Vec<KeptTask>,
}

/// What the runner's database once said of a task.
#[derive(Clone, Debug)]
pub struct KeptTask {
    /// Its name.
    pub name: Vec<u8>,
    /// Its status there, as its code.
    pub status: i64,
    /// The real exit code.
    pub exit_code: Option<i32>,
    /// Unix seconds.
    pub started_at: Option<Timestamp>,
    /// Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds, where the database said so.
    pub duration_ms: Option<i64>,
    /// Its directory relative to the run's, when that is not `tasks/<name>`.
    pub dir: Option<Vec<u8>>,
}

impl Catalog {
    /// The key by which history knows a task; `None` when no run ever had one of that name.
    ///
    /// # Errors
    /// The catalog's.
    pub fn task_key(&self, name: &[u8]) -> Result<Option<i64>> {
        let act = "find a task";
        self.connection
            .prepare_cached("SELECT id FROM names WHERE name = :name")
            .map_err(self.error(act))?
            .query_row(named_params! {":name": name}, |row| row.get("id"))
            .optional()
            .map_err(self.error(act))
    }

    /// The name of the task with that key.
    ///
    /// # Errors
    /// The catalog's.
    pub fn task_name(&self, key: i64) -> Result<Vec<u8>> {
        let act = "read a task's name";
        self.connection
            .prepare_cached("SELECT name FROM names WHERE id = :id")
            .map_err(self.error(act))?
            .query_row(named_params! {":id": key}, |row| row.get("name"))
            .map_err(self.error(act))
    }

    /// Names of tasks that are known, in no order; at most `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn task_names(&self, limit: u64) -> Result<Vec<Vec<u8>>> {
        let act = "list tasks";
        let mut statement =
            self.connection.prepare_cached("SELECT name FROM names LIMIT :limit").map_err(self.error(act))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            statement.query_map(named_params! {":limit": limit}, |row| row.get("name")).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// The tasks of a run, in the order in which they started, then by name.
    ///
    /// # Errors
    /// The catalog's.
    pub fn tasks(&self, run: i64) -> Result<Vec<Task>> {
        let act = "read the tasks";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                task_columns!(),
                " FROM ",
                task_tables!(),
                " WHERE t.run_id = :run ORDER BY t.started_at IS NULL, t.started_at, n.name"
            ))
            .map_err(self.error(act))?;
        let found =
            statement.query_map(named_params! {":run": run}, |row| Ok(rows::task(row))).map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// The row of a run, in whatever state, if the runner's database ever said anything of it.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_with_evidence(&self, project: i64, dir: &str) -> Result<Option<i64>> {
        let act = "find a run";
        self.connection
            .prepare_cached("SELECT id FROM runs WHERE project_id = :project AND dir = :dir AND runner_row IS NOT NULL")
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project, ":dir": dir}, |row| row.get("id"))
            .optional()
            .map_err(self.error(act))
    }

    /// The row of a project, also of one that is not there.
    ///
    /// # Errors
    /// The catalog's.
    pub fn known_project(&self, dir: &ProjectDir) -> Result<Option<i64>> {
        let act = "find a project";
        self.connection
            .prepare_cached("SELECT id FROM projects WHERE dir = :dir")
            .map_err(self.error(act))?
            .query_row(named_params! {":dir": dir.as_bytes()}, |row| row.get("id"))
            .optional()
            .map_err(self.error(act))
    }

    /// What the runner's database once said of a run, `None` when it never said anything.
    ///
    /// # Errors
    /// The catalog's.
    pub fn kept_evidence(&self, run: i64) -> Result<Option<KeptEvidence>> {
        let act = "read the kept evidence";
        let columns = self
            .connection
            .prepare_cached(
                "SELECT runner_row, runner_status, runner_ended_at, runner_duration_ms FROM runs
                 WHERE id = :run AND runner_row IS NOT NULL",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":run": run}, |row| {
                Ok(RunnerColumns {
                    row: row.get("runner_row")?,
                    status: row.get::<_, Option<i64>>("runner_status")?.unwrap_or(-1),
                    ended_at: row.get("runner_ended_at")?,
                    duration_ms: row.get("runner_duration_ms")?,
                })
            })
            .optional()
            .map_err(self.error(act))?;
        let Some(columns) = columns else { return Ok(None) };
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT n.name, t.dir, t.runner_status, t.exit_code, t.started_at, t.ended_at,
                    CASE WHEN t.duration_source = 0 THEN t.duration_ms END AS duration_ms
                 FROM tasks t JOIN names n ON n.id = t.name_id WHERE t.run_id = :run AND t.runner_status IS NOT NULL",
            )
            .map_err(self.error(act))?;
        let tasks = statement
            .query_map(named_params! {":run": run}, |row| {
                Ok(KeptTask {
                    name: row.get("name")?,
                    status: row.get("runner_status")?,
                    exit_code: row.get("exit_code")?,
                    started_at: row.get("started_at")?,
                    ended_at: row.get("ended_at")?,
                    duration_ms: row.get("duration_ms")?,
                    dir: row.get("dir")?,
                })
            })
            .map_err(self.error(act))?;
        let tasks = tasks.collect::<rusqlite::Result<_>>().map_err(self.error(act))?;
        Ok(Some(KeptEvidence { run: columns, tasks }))
    }
}
