//! Rows into values: the one place where columns get their meaning.

use super::error::{Error, Result};
use super::unsettled::UnsettledRun;
use crate::model::{
    Dropped, DurationSource, Parts, Project, ProjectDir, Run, RunContext, RunDir, RunId, RunState, Size, Status,
    StatusSource, Task,
};
use rusqlite::types::FromSql;
use rusqlite::{Row, Statement};
use std::cell::Cell;

/// The columns that [`run`] reads, with `runs r`, `projects p` and `contexts c` joined.
#[rustfmt::skip]
macro_rules! run_columns {
    () => {
        "r.id, r.project_id, r.dir, r.state, r.status, r.status_source, r.settled, r.whole, r.end_known, r.pinned,
         CASE r.pinned WHEN 1 THEN (SELECT n.note FROM pins n WHERE n.run_id = r.id) END AS pin_note,
         r.duration_ms, r.duration_source, r.tasks_total, r.tasks_failed, r.missing, r.thinned, r.size_bytes, r.disk_bytes,
         r.newest_write_ns, p.dir AS project_dir, p.name AS project_name, c.ottofile, c.cwd, c.user, c.args,
         (SELECT group_concat(t.tag, char(10) ORDER BY t.tag) FROM tags t WHERE t.run_id = r.id) AS tags"
    };
}
/// The tables that [`run_columns`] are read from.
macro_rules! run_tables {
    () => {
        concat!("runs r ", $crate::catalog::rows::run_joins!())
    };
}
/// The same without `runs r`, for a statement that names the index.
macro_rules! run_joins {
    () => {
        "JOIN projects p ON p.id = r.project_id LEFT JOIN contexts c ON c.id = r.context_id"
    };
}
/// What [`Run::is_incomplete`] says, of a row of `runs`: an interrupted one (3), or one that lacks parts and is neither
/// running (2) nor unknown (4), and was not thinned.
macro_rules! incomplete {
    () => {
        "r.whole = 1 AND r.thinned = 0 AND r.status NOT IN (2, 4) AND (r.status = 3 OR r.missing <> 0)"
    };
}
/// The columns that [`task`] reads, with `tasks t`, `names n` and `cache_entries e` joined.
#[rustfmt::skip]
macro_rules! task_columns {
    () => {
        "t.status, t.status_source, t.exit_code, t.started_at, t.ended_at, t.duration_ms, t.duration_source, t.size_bytes,
         t.disk_bytes, t.stdout_bytes, t.stderr_bytes, t.script, t.in_tree, t.dir, n.name, e.path AS entry_path,
         e.present AS entry_present"
    };
}
/// The tables that [`task_columns`] are read from.
macro_rules! task_tables {
    () => {
        "tasks t JOIN names n ON n.id = t.name_id LEFT JOIN cache_entries e ON e.id = t.entry_id"
    };
}
pub(super) use {incomplete, run_columns, run_joins, run_tables, task_columns, task_tables};

fn unreadable(what: &'static str, value: impl ToString) -> Error {
    Error::Unreadable { what, value: value.to_string() }
}

/// A row's failure to be read by name and type, as ours.
pub(super) fn column(error: rusqlite::Error) -> Error {
    Error::Unreadable { what: "a column", value: error.to_string() }
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn status(code: i64) -> Result<Status> {
    Status::from_code(code).ok_or_else(|| unreadable("the status", code))
}

pub(super) fn source(code: i64) -> Result<StatusSource> {
    StatusSource::from_code(code).ok_or_else(|| unreadable("the status source", code))
}

pub(super) fn run_dir(text: &str) -> Result<RunDir> {
    RunDir::parse(text.as_bytes()).map_err(|_| unreadable("the run name", text))
}

fn duration_source(code: Option<i64>) -> Option<DurationSource> {
    code.and_then(DurationSource::from_code)
}

pub(super) fn size(row: &Row<'_>) -> rusqlite::Result<Size> {
    Columns::of(row).size()
}

/// The columns of a row, read by name. To look up a name takes a call for each column that stands before it; so a name is
/// expected behind the one that was read last, and whoever reads in the order of the statement looks nothing up.
pub(super) struct Columns<'r, 's> {
    row: &'r Row<'s>,
    next: Cell<usize>,
}

impl<'r, 's> Columns<'r, 's> {
    pub(super) fn of(row: &'r Row<'s>) -> Self {
        Self { row, next: Cell::new(0) }
    }

    pub(super) fn get<T: FromSql>(&self, name: &str) -> rusqlite::Result<T> {
        let statement: &Statement<'_> = self.row.as_ref();
        let expected = self.next.get();
        let at = match statement.column_name(expected) {
            Ok(found) if found == name => expected,
            _ => statement.column_index(name)?,
        };
        self.next.set(at + 1);
        self.row.get(at)
    }

    pub(super) fn size(&self) -> rusqlite::Result<Size> {
        Ok(Size { size: unsigned(self.get("size_bytes")?), disk: unsigned(self.get("disk_bytes")?) })
    }
}

/// A run from [`run_columns`].
pub(super) fn run(row: &Row<'_>) -> Result<Run> {
    let row = Columns::of(row);
    let (key, project_key, dir) = (row.get("id"), row.get("project_id"), row.get::<String>("dir").map_err(column)?);
    let (state, status_code, source_code) = (row.get("state"), row.get("status"), row.get("status_source"));
    let dir = run_dir(&dir)?;
    let read = || -> rusqlite::Result<Run> {
        Ok(Run {
            key: key?,
            project_key: project_key?,
            settled: row.get("settled")?,
            read_whole: row.get("whole")?,
            end_known: row.get("end_known")?,
            pinned: row.get("pinned")?,
            pin_note: row.get("pin_note")?,
            duration_ms: row.get("duration_ms")?,
            duration_source: duration_source(row.get("duration_source")?),
            tasks_total: unsigned(row.get("tasks_total")?),
            tasks_failed: unsigned(row.get("tasks_failed")?),
            missing: Parts::from_bits(row.get("missing")?),
            thinned: Dropped::from_bits(row.get("thinned")?),
            size: row.size()?,
            newest_write: row.get::<Option<i64>>("newest_write_ns")?.map(|ns| ns.div_euclid(1_000_000_000)),
            id: RunId { project: ProjectDir::new(row.get::<Vec<u8>>("project_dir")?), run: dir },
            project_name: row.get("project_name")?,
            context: RunContext {
                ottofile: row.get("ottofile")?,
                cwd: row.get("cwd")?,
                user: row.get("user")?,
                args: row
                    .get::<Option<String>>("args")?
                    .and_then(|a| serde_json::from_str(&a).ok())
                    .unwrap_or_default(),
            },
            tags: row
                .get::<Option<String>>("tags")?
                .map(|t| t.lines().map(str::to_owned).collect())
                .unwrap_or_default(),
            state: RunState::Present,
            status: Status::Unknown,
            status_source: StatusSource::None,
        })
    };
    let run = read().map_err(column)?;
    let state = state.map_err(column)?;
    Ok(Run {
        state: RunState::from_code(state).ok_or_else(|| unreadable("the state", state))?,
        status: status(status_code.map_err(column)?)?,
        status_source: source(source_code.map_err(column)?)?,
        ..run
    })
}

/// A run that is not settled.
pub(super) fn unsettled(row: &Row<'_>) -> Result<UnsettledRun> {
    let row = Columns::of(row);
    Ok(UnsettledRun {
        key: row.get("id").map_err(column)?,
        project: ProjectDir::new(row.get::<Vec<u8>>("project").map_err(column)?),
        dir: run_dir(&row.get::<String>("dir").map_err(column)?)?,
        status: status(row.get("status").map_err(column)?)?,
        status_source: source(row.get("status_source").map_err(column)?)?,
        whole: row.get("whole").map_err(column)?,
        end_known: row.get("end_known").map_err(column)?,
        newest_write_ns: row.get("newest_write_ns").map_err(column)?,
        manifest: row.get::<Vec<u8>>("manifest").map_err(column)?.try_into().unwrap_or_default(),
        runner_row: row.get("runner_row").map_err(column)?,
        has_cwd: row.get::<Option<bool>>("has_cwd").map_err(column)?.unwrap_or(false),
    })
}

/// A project with its sums and its oldest run.
pub(super) fn project(row: &Row<'_>) -> Result<Project> {
    let row = Columns::of(row);
    let read = || -> rusqlite::Result<Project> {
        let sum = |name: &str| -> rusqlite::Result<u64> { Ok(unsigned(row.get(name)?)) };
        Ok(Project {
            id: row.get("id")?,
            dir: ProjectDir::new(row.get::<Vec<u8>>("dir")?),
            name: row.get("name")?,
            runs: sum("runs")?,
            run_size: Size { size: sum("run_size")?, disk: sum("run_disk")? },
            cache_entries: sum("cache_entries")?,
            cache_size: Size { size: sum("cache_size")?, disk: sum("cache_disk")? },
            listed_whole: row.get("whole")?,
            oldest_run: row.get("oldest")?,
        })
    };
    read().map_err(column)
}

/// A task from [`task_columns`].
pub(super) fn task(row: &Row<'_>) -> Result<Task> {
    let row = Columns::of(row);
    let (status_code, source_code) = (row.get("status"), row.get("status_source"));
    let read = || -> rusqlite::Result<Task> {
        let length = |value: Option<i64>| value.map(unsigned);
        let mut task = Task {
            status: Status::Unknown,
            status_source: StatusSource::None,
            exit_code: row.get("exit_code")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            duration_ms: row.get("duration_ms")?,
            duration_source: duration_source(row.get("duration_source")?),
            size: row.size()?,
            stdout_bytes: length(row.get("stdout_bytes")?),
            stderr_bytes: length(row.get("stderr_bytes")?),
            script: row.get("script")?,
            dir: None,
            name: Vec::new(),
            cache_entry: None,
            cache_entry_exists: false,
        };
        let in_tree: bool = row.get("in_tree")?;
        let odd_dir: Option<Vec<u8>> = row.get("dir")?;
        task.name = row.get("name")?;
        let usual = || [b"tasks/".as_slice(), &task.name].concat();
        task.dir = in_tree.then(|| odd_dir.unwrap_or_else(usual));
        task.cache_entry = row.get("entry_path")?;
        task.cache_entry_exists = row.get::<Option<bool>>("entry_present")?.unwrap_or(false);
        Ok(task)
    };
    let task = read().map_err(column)?;
    Ok(Task {
        status: status(status_code.map_err(column)?)?,
        status_source: source(source_code.map_err(column)?)?,
        ..task
    })
}
