//! Rows into values: the one place where columns get their meaning.

use super::error::{Error, Result};
use super::unsettled::UnsettledRun;
use crate::model::{
    Dropped, DurationSource, Parts, Project, ProjectDir, Run, RunContext, RunDir, RunId, RunState, Size, Status,
    StatusSource, Task,
};
use rusqlite::Row;

/// The columns that [`run`] reads, with `runs r`, `projects p` and `contexts c` joined.
#[rustfmt::skip]
macro_rules! run_columns {
    () => {
        "r.id, r.project_id, r.dir, r.state, r.status, r.status_source, r.settled, r.whole, r.end_known, r.pinned,
         r.duration_ms, r.duration_source, r.tasks_total, r.tasks_failed, r.missing, r.thinned, r.size_bytes, r.disk_bytes,
         r.newest_write_ns, p.dir AS project_dir, p.name AS project_name, c.ottofile, c.cwd, c.user, c.args,
         (SELECT group_concat(t.tag, char(10) ORDER BY t.tag) FROM tags t WHERE t.run_id = r.id) AS tags"
    };
}
/// The tables that [`run_columns`] are read from.
macro_rules! run_tables {
    () => {
        "runs r JOIN projects p ON p.id = r.project_id LEFT JOIN contexts c ON c.id = r.context_id"
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
pub(super) use {incomplete, run_columns, run_tables, task_columns, task_tables};

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
    Ok(Size { size: unsigned(row.get("size_bytes")?), disk: unsigned(row.get("disk_bytes")?) })
}

/// A run from [`run_columns`].
pub(super) fn run(row: &Row<'_>) -> Result<Run> {
    let read = || -> rusqlite::Result<(Run, i64, i64, i64, String)> {
        let args: Option<String> = row.get("args")?;
        let tags: Option<String> = row.get("tags")?;
        let newest: Option<i64> = row.get("newest_write_ns")?;
        let placeholder = RunDir::parse(b"0").map_err(|_| rusqlite::Error::InvalidQuery)?;
        let run = Run {
            key: row.get("id")?,
            project_key: row.get("project_id")?,
            id: RunId { project: ProjectDir::new(row.get::<_, Vec<u8>>("project_dir")?), run: placeholder },
            project_name: row.get("project_name")?,
            state: RunState::Present,
            status: Status::Unknown,
            status_source: StatusSource::None,
            duration_ms: row.get("duration_ms")?,
            duration_source: duration_source(row.get("duration_source")?),
            tasks_total: unsigned(row.get("tasks_total")?),
            tasks_failed: unsigned(row.get("tasks_failed")?),
            missing: Parts::from_bits(row.get("missing")?),
            thinned: Dropped::from_bits(row.get("thinned")?),
            size: size(row)?,
            settled: row.get("settled")?,
            read_whole: row.get("whole")?,
            end_known: row.get("end_known")?,
            newest_write: newest.map(|ns| ns.div_euclid(1_000_000_000)),
            pinned: row.get("pinned")?,
            tags: tags.map(|t| t.lines().map(str::to_owned).collect()).unwrap_or_default(),
            context: RunContext {
                ottofile: row.get("ottofile")?,
                cwd: row.get("cwd")?,
                user: row.get("user")?,
                args: args.and_then(|a| serde_json::from_str(&a).ok()).unwrap_or_default(),
            },
        };
        Ok((run, row.get("state")?, row.get("status")?, row.get("status_source")?, row.get("dir")?))
    };
    let (mut run, state, status_code, source_code, dir) = read().map_err(column)?;
    run.state = RunState::from_code(state).ok_or_else(|| unreadable("the state", state))?;
    run.status = status(status_code)?;
    run.status_source = source(source_code)?;
    run.id.run = run_dir(&dir)?;
    Ok(run)
}

/// A run that is not settled.
pub(super) fn unsettled(row: &Row<'_>) -> Result<UnsettledRun> {
    let manifest: Vec<u8> = row.get("manifest").map_err(column)?;
    let dir: String = row.get("dir").map_err(column)?;
    Ok(UnsettledRun {
        key: row.get("id").map_err(column)?,
        project: ProjectDir::new(row.get::<_, Vec<u8>>("project").map_err(column)?),
        dir: run_dir(&dir)?,
        status: status(row.get("status").map_err(column)?)?,
        status_source: source(row.get("status_source").map_err(column)?)?,
        whole: row.get("whole").map_err(column)?,
        end_known: row.get("end_known").map_err(column)?,
        newest_write_ns: row.get("newest_write_ns").map_err(column)?,
        manifest: manifest.try_into().unwrap_or_default(),
        runner_row: row.get("runner_row").map_err(column)?,
        has_cwd: row.get::<_, Option<bool>>("has_cwd").map_err(column)?.unwrap_or(false),
    })
}

/// A project with its sums and its oldest run.
pub(super) fn project(row: &Row<'_>) -> Result<Project> {
    let read = || -> rusqlite::Result<Project> {
        let sum = |name: &str| -> rusqlite::Result<u64> { Ok(unsigned(row.get(name)?)) };
        Ok(Project {
            id: row.get("id")?,
            dir: ProjectDir::new(row.get::<_, Vec<u8>>("dir")?),
            name: row.get("name")?,
            runs: sum("runs")?,
            run_size: Size { size: sum("run_size")?, disk: sum("run_disk")? },
            cache_entries: sum("cache_entries")?,
            cache_size: Size { size: sum("cache_size")?, disk: sum("cache_disk")? },
            oldest_run: row.get("oldest")?,
            listed_whole: row.get("whole")?,
        })
    };
    read().map_err(column)
}

/// A task, with `names n` and `cache_entries e` joined.
pub(super) fn task(row: &Row<'_>) -> Result<Task> {
    let read = || -> rusqlite::Result<(Task, i64, i64)> {
        let name: Vec<u8> = row.get("name")?;
        let in_tree: bool = row.get("in_tree")?;
        let usual = || [b"tasks/".as_slice(), &name].concat();
        let dir = in_tree.then(|| row.get::<_, Option<Vec<u8>>>("dir")).transpose()?.map(|d| d.unwrap_or_else(usual));
        let length = |value: Option<i64>| value.map(unsigned);
        let task = Task {
            dir,
            name: name.clone(),
            status: Status::Unknown,
            status_source: StatusSource::None,
            exit_code: row.get("exit_code")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            duration_ms: row.get("duration_ms")?,
            duration_source: duration_source(row.get("duration_source")?),
            size: size(row)?,
            stdout_bytes: length(row.get("stdout_bytes")?),
            stderr_bytes: length(row.get("stderr_bytes")?),
            script: row.get("script")?,
            cache_entry: row.get("entry_path")?,
            cache_entry_exists: row.get::<_, Option<bool>>("entry_present")?.unwrap_or(false),
        };
        Ok((task, row.get("status")?, row.get("status_source")?))
    };
    let (mut task, status_code, source_code) = read().map_err(column)?;
    task.status = status(status_code)?;
    task.status_source = source(source_code)?;
    Ok(task)
}
