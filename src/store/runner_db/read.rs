//! Reading rows: which, in what order, and what each value is taken for.
//!
//! The statements are put together from fixed fragments, because a column that this schema does not have must read as NULL;
//! no text of the database ever becomes part of a statement. Each value passes a check of its type or length *inside* SQL, which
//! looks at the record's header alone: a text of a gigabyte is never loaded to be thrown away.
//!
//! Runs and tasks are both read in the order of the run's id, so one pass over the tasks hands each to its run.

use super::open::Taking;
use super::rows::place_of_task;
use super::{
    Error, PackedEvidence, PackedTasks, RowStatus, RunnerRow, Stamp, TaskEvidence, TaskRowStatus, open, stamp,
};
use crate::model::{RunContext, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How often the database is read when it changes meanwhile. The runner writes a few times a second at most, a reading
/// takes milliseconds.
const ATTEMPTS: u32 = 3;

/// The first schema whose rows can hold real exit codes and `run_dir`.
const SCHEMA_WITH_EXIT_CODES: i64 = 5;

/// How far a former reading came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The highest `runs.id` seen; 0 before the first reading.
    pub last_run: i64,
    /// That row's timestamp, by which a reused id is told from the old one.
    pub timestamp: Timestamp,
}

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The database.
    pub db: &'a Path,
    /// A directory in which private files may be made; it is created when missing, its parent must exist. On the same
    /// device as the database nothing but the log is copied.
    pub scratch: &'a Path,
    /// Rows up to here are known.
    pub after: Cursor,
    /// Known rows to read again: those of unsettled runs.
    pub again: &'a [i64],
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The state of the files that this comes from.
    pub stamp: Stamp,
    /// The schema's number, where it states one.
    pub schema: Option<i64>,
    /// Where the next reading goes on.
    pub cursor: Cursor,
    /// Whether ids start over: the database is not the one that the request's cursor came from, or its newest rows were
    /// pruned. All rows were read, and row ids from before mean nothing.
    pub reset: bool,
    /// The rows, those above the cursor first, each part in the order of ids.
    pub rows: Vec<RunnerRow>,
}

/// Reads the runner's database, leaving no trace.
///
/// # Errors
/// [`Error`] when it is not there, is no database, is damaged, or changed each time; what is known from before stays valid then.
pub fn read(request: &Request<'_>) -> Result<Reading, Error> {
    read_with(request, || {})
}

/// [`read`], with a call between reading and looking at the files again, by which a test plays the runner.
pub(super) fn read_with(request: &Request<'_>, mut meanwhile: impl FnMut()) -> Result<Reading, Error> {
    let missing = || Error::Io { act: "open", path: request.db.into(), source: io::ErrorKind::NotFound.into() };
    let real = stamp::resolve(request.db)?.ok_or_else(missing)?;
    for _ in 0..ATTEMPTS {
        let before = stamp::of_files(&real)?.ok_or_else(missing)?;
        let result = read_once(&real, &before, request);
        meanwhile();
        // An error on files that changed is most likely the change itself: a torn page, a log that went away.
        if stamp::of_files(&real)?.as_ref() == Some(&before) {
            return result;
        }
    }
    Err(Error::Changing { path: request.db.into(), attempts: ATTEMPTS })
}

fn read_once(real: &Path, stamp: &Stamp, request: &Request<'_>) -> Result<Reading, Error> {
    let taking = if stamp::is_behind_link(request.db, real) { Taking::Copy } else { Taking::Link };
    let opened = open::open(real, stamp.has_log(), taking, request.scratch)?;
    rows(&opened.connection, stamp, request).map_err(|source| Error::Sql { act: "read", path: real.into(), source })
}

fn rows(db: &Connection, stamp: &Stamp, request: &Request<'_>) -> rusqlite::Result<Reading> {
    let schema = schema(db)?;
    let mut reading =
        Reading { stamp: stamp.clone(), schema, cursor: Cursor::default(), reset: false, rows: Vec::new() };
    let runs = columns(db, "runs")?;
    reading.reset = request.after.last_run != 0;
    if !runs.contains("id") || !runs.contains("timestamp") {
        return Ok(reading);
    }
    reading.cursor = newest(db)?;
    let after = request.after.last_run;
    reading.reset = after != 0 && timestamp_of(db, after)? != Some(request.after.timestamp);

    let tasks = columns(db, "tasks")?;
    let from = if after == 0 || reading.reset { i64::MIN } else { after };
    read_part(db, &runs, &tasks, &Part::Above(from), &mut reading)?;
    let again: Vec<i64> = request.again.iter().copied().filter(|&id| id <= from).collect();
    if !again.is_empty() {
        read_part(db, &runs, &tasks, &Part::These(json_array(&again)), &mut reading)?;
    }
    Ok(reading)
}

/// `schema_version` holds a row for each migration.
fn schema(db: &Connection) -> rusqlite::Result<Option<i64>> {
    if !columns(db, "schema_version")?.contains("version") {
        return Ok(None);
    }
    db.query_row("SELECT max(version) FROM schema_version", [], |row| Ok(integer(row.get_ref(0)?)))
}

fn newest(db: &Connection) -> rusqlite::Result<Cursor> {
    let newest = db.query_row("SELECT id, timestamp FROM runs ORDER BY id DESC LIMIT 1", [], |row| {
        Ok(Cursor { last_run: integer(row.get_ref(0)?).unwrap_or(0), timestamp: integer(row.get_ref(1)?).unwrap_or(0) })
    });
    Ok(newest.optional()?.unwrap_or_default())
}

fn timestamp_of(db: &Connection, id: i64) -> rusqlite::Result<Option<Timestamp>> {
    let timestamp =
        db.query_row("SELECT timestamp FROM runs WHERE id = ?1", [id], |row| Ok(integer(row.get_ref(0)?).unwrap_or(0)));
    timestamp.optional()
}

/// The columns of a table, in lower case; none when there is no such table. A view or a virtual table of that name is not the
/// runner's, and what it computes could take for ever.
fn columns(db: &Connection, table: &str) -> rusqlite::Result<HashSet<String>> {
    let mut statement = db.prepare(
        "SELECT lower(c.name) FROM pragma_table_list AS t, pragma_table_info(t.name) AS c
          WHERE t.schema = 'main' AND t.type = 'table' AND t.name = ?1 COLLATE NOCASE",
    )?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// Which rows.
enum Part {
    Above(i64),
    These(String),
}

impl Part {
    fn condition(&self) -> &'static str {
        match self {
            Self::Above(_) => "> :bound",
            Self::These(_) => "IN (SELECT value FROM json_each(:bound))",
        }
    }

    fn bound(&self) -> &dyn rusqlite::ToSql {
        match self {
            Self::Above(id) => id,
            Self::These(ids) => ids,
        }
    }
}

fn json_array(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", ids.join(","))
}

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
}
use Kind::{Number, Text};

const RUN_COLUMNS: [(&str, Kind); 10] = [
    ("id", Number),
    ("timestamp", Number),
    ("status", Text),
    ("duration_seconds", Number),
    ("ended_at", Number),
    ("run_dir", Text),
    ("ottofile_path", Text),
    ("cwd", Text),
    ("user", Text),
    ("args", Text),
];

const TASK_COLUMNS: [(&str, Kind); 9] = [
    ("run_id", Number),
    ("name", Text),
    ("status", Text),
    ("exit_code", Number),
    ("started_at", Number),
    ("ended_at", Number),
    ("duration_seconds", Number),
    ("stdout_path", Text),
    ("script_path", Text),
];

/// The list of what is selected. 65536: a run's arguments can be long, and nothing else comes near.
fn selection(wanted: &[(&str, Kind)], have: &HashSet<String>) -> String {
    let fragments: Vec<String> = wanted
        .iter()
        .map(|(column, kind)| match kind {
            _ if !have.contains(*column) => format!("NULL AS {column}"),
            Number => format!("CASE WHEN typeof({column}) IN ('integer', 'real') THEN {column} END AS {column}"),
            Text => format!("CASE WHEN octet_length({column}) <= 65536 THEN {column} END AS {column}"),
        })
        .collect();
    fragments.join(", ")
}

fn read_part(
    db: &Connection,
    run_columns: &HashSet<String>,
    task_columns: &HashSet<String>,
    part: &Part,
    reading: &mut Reading,
) -> rusqlite::Result<()> {
    let first = reading.rows.len();
    let sql = format!(
        "SELECT {} FROM runs AS r WHERE r.id {} ORDER BY r.id",
        selection(&RUN_COLUMNS, run_columns),
        part.condition()
    );
    let mut statement = db.prepare(&sql)?;
    let mut found = statement.query(named_params! { ":bound": part.bound() })?;
    let mut contexts = HashSet::new();
    while let Some(row) = found.next()? {
        reading.rows.extend(run(row, &mut contexts)?);
    }
    if task_columns.contains("run_id") && task_columns.contains("name") {
        let runs = &mut reading.rows[first..];
        hand_out_tasks(db, task_columns, part, reading.schema, runs)?;
    }
    Ok(())
}

fn hand_out_tasks(
    db: &Connection,
    columns: &HashSet<String>,
    part: &Part,
    schema: Option<i64>,
    runs: &mut [RunnerRow],
) -> rusqlite::Result<()> {
    let then = if columns.contains("id") { ", t.id" } else { "" };
    let sql = format!(
        "SELECT {} FROM tasks AS t WHERE t.run_id {} ORDER BY t.run_id{then}",
        selection(&TASK_COLUMNS, columns),
        part.condition()
    );
    let mut statement = db.prepare(&sql)?;
    let mut found = statement.query(named_params! { ":bound": part.bound() })?;
    let mut at = 0;
    let mut names = HashSet::new();
    // Those of the run at hand: each run is packed as soon as the next begins.
    let mut tasks = Vec::new();
    while let Some(row) = found.next()? {
        let Some(id) = integer(row.get_ref(0)?) else { continue };
        while runs.get(at).is_some_and(|run| run.id < id) {
            runs[at].evidence.tasks = packed(&mut tasks);
            at += 1;
        }
        let Some(run) = runs.get_mut(at) else { break };
        if run.id == id {
            let real_codes = schema.is_some_and(|s| s >= SCHEMA_WITH_EXIT_CODES) && run.run_dir.is_some();
            task(row, real_codes, &mut names, run, &mut tasks)?;
        }
    }
    if let Some(run) = runs.get_mut(at) {
        run.evidence.tasks = packed(&mut tasks);
    }
    Ok(())
}

/// The tasks of a run, which leaves room for those of the next.
fn packed(tasks: &mut Vec<TaskEvidence>) -> PackedTasks {
    keep_last_of_each_name(tasks);
    let packed = PackedTasks::pack(tasks);
    tasks.clear();
    packed
}

fn run(row: &Row<'_>, contexts: &mut HashSet<Arc<RunContext>>) -> rusqlite::Result<Option<RunnerRow>> {
    let (Some(id), Some(timestamp)) = (integer(row.get_ref(0)?), integer(row.get_ref(1)?)) else { return Ok(None) };
    let context = RunContext {
        ottofile: text(row.get_ref(6)?),
        cwd: text(row.get_ref(7)?),
        user: text(row.get_ref(8)?),
        args: text(row.get_ref(9)?).map(|json| arguments(&json)).unwrap_or_default(),
    };
    let evidence = PackedEvidence {
        row: id,
        status: text(row.get_ref(2)?).map_or(RowStatus::Other, |word| RowStatus::from_word(&word)),
        duration_ms: milliseconds(row.get_ref(3)?),
        ended_at: integer(row.get_ref(4)?),
        context: shared(contexts, context),
        tasks: PackedTasks::default(),
    };
    let run_dir = text(row.get_ref(5)?).map(String::into_boxed_str);
    Ok(Some(RunnerRow { id, timestamp, run_dir, task_run_dir: None, evidence }))
}

fn task(
    row: &Row<'_>,
    real_codes: bool,
    names: &mut HashSet<Arc<str>>,
    run: &mut RunnerRow,
    tasks: &mut Vec<TaskEvidence>,
) -> rusqlite::Result<()> {
    let Some(name) = text(row.get_ref(1)?) else { return Ok(()) };
    let path = match text(row.get_ref(7)?) {
        Some(path) => Some(path),
        None => text(row.get_ref(8)?),
    };
    let (run_dir, dir) = place_of_task(&name, path.as_deref());
    if run.task_run_dir.is_none() {
        run.task_run_dir = run_dir.map(Into::into);
    }
    let exit_code = integer(row.get_ref(3)?).and_then(|code| i32::try_from(code).ok());
    tasks.push(TaskEvidence {
        status: text(row.get_ref(2)?).map_or(TaskRowStatus::Other, |word| TaskRowStatus::from_word(&word)),
        // The 1.x line writes 1 for whatever was not 0.
        exit_code: exit_code.filter(|&code| real_codes || code == 0),
        started_at: integer(row.get_ref(4)?),
        ended_at: integer(row.get_ref(5)?),
        duration_ms: milliseconds(row.get_ref(6)?),
        name: shared(names, name.as_str()),
        dir,
    });
    Ok(())
}

/// The runs of a store have the same few tasks, and are started in the same few ways: each is kept once.
fn shared<T: ?Sized + Eq + Hash, V: Borrow<T> + Into<Arc<T>>>(known: &mut HashSet<Arc<T>>, value: V) -> Arc<T> {
    if let Some(known) = known.get(value.borrow()) {
        return Arc::clone(known);
    }
    let value: Arc<T> = value.into();
    known.insert(Arc::clone(&value));
    value
}

/// A task that is recorded twice in a run was begun twice (two runs of one second shared a directory): the later row tells
/// what became of the files that are there.
fn keep_last_of_each_name(tasks: &mut Vec<TaskEvidence>) {
    let last: HashMap<&str, usize> = tasks.iter().enumerate().map(|(at, task)| (&*task.name, at)).collect();
    if last.len() < tasks.len() {
        let keep: HashSet<usize> = last.into_values().collect();
        let mut at = 0..;
        tasks.retain(|_| at.next().is_some_and(|at| keep.contains(&at)));
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) if number.is_finite() && number.abs() < 9e15 => Some(number as i64),
        _ => None,
    }
}

fn milliseconds(seconds: ValueRef<'_>) -> Option<i64> {
    let seconds = match seconds {
        ValueRef::Integer(number) => number as f64,
        ValueRef::Real(number) => number,
        _ => return None,
    };
    (0.0..9e12).contains(&seconds).then(|| (seconds * 1000.0).round() as i64)
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// The recorded arguments: a JSON array of texts. Anything else in it is left out.
fn arguments(json: &str) -> Vec<String> {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::Array(items)) => items
            .into_iter()
            .filter_map(|item| match item {
                serde_json::Value::String(text) => Some(text),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
