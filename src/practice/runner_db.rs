//! `otto.db` as the runner leaves it, in any of its schemas.
//!
//! A database is made as a long-used one came about: by the first schema and then a step for each later one, with a row
//! in `schema_version` for every step. That puts `projects.name` last, where migrated databases have it. This file holds
//! the SQL of practice stores; all of it is the runner's schema, none of it ours.

use super::rows::{Row, TaskRow};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, named_params};
use std::io;
use std::path::Path;

/// What the last process to use the database left beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalState {
    /// It ended well: one file.
    Clean,
    /// It was killed: the newest run is in `otto.db-wal` alone.
    LeftBehind,
    /// The very first one was killed: `otto.db` is a bare header, and everything is in `otto.db-wal`.
    Everything,
}

/// The steps from schema to schema; the first makes it, the last is one of the future.
const STEPS: &[&str] = &[
    "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL);
     CREATE TABLE projects (
         id INTEGER PRIMARY KEY,
         hash TEXT NOT NULL UNIQUE,
         ottofile_path TEXT,
         first_seen INTEGER NOT NULL,
         last_seen INTEGER NOT NULL,
         run_count INTEGER DEFAULT 0
     );
     CREATE TABLE runs (
         id INTEGER PRIMARY KEY,
         project_id INTEGER NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
         timestamp INTEGER NOT NULL UNIQUE,
         status TEXT NOT NULL,
         duration_seconds REAL,
         size_bytes INTEGER,
         ottofile_path TEXT,
         cwd TEXT,
         user TEXT,
         hostname TEXT,
         args TEXT,
         ended_at INTEGER
     );
     CREATE TABLE tasks (
         id INTEGER PRIMARY KEY,
         run_id INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
         name TEXT NOT NULL,
         status TEXT NOT NULL,
         script_hash TEXT,
         exit_code INTEGER,
         started_at INTEGER,
         ended_at INTEGER,
         duration_seconds REAL,
         stdout_path TEXT,
         stderr_path TEXT,
         script_path TEXT
     );
     CREATE INDEX idx_runs_timestamp ON runs(timestamp);
     CREATE INDEX idx_runs_status ON runs(status);
     CREATE INDEX idx_runs_project ON runs(project_id);
     CREATE INDEX idx_tasks_run ON tasks(run_id);
     CREATE INDEX idx_tasks_name ON tasks(name);
     CREATE INDEX idx_tasks_status ON tasks(status);",
    "ALTER TABLE projects ADD COLUMN name TEXT;
     CREATE INDEX idx_tasks_name_run ON tasks(name, run_id);
     CREATE INDEX idx_projects_name ON projects(name);",
    "ALTER TABLE tasks ADD COLUMN skip_reason TEXT;",
    "ALTER TABLE tasks ADD COLUMN skip_kind TEXT;",
    "CREATE TABLE runs_new (
         id INTEGER PRIMARY KEY,
         project_id INTEGER NOT NULL REFERENCES projects(id) ON DELETE CASCADE,
         timestamp INTEGER NOT NULL,
         status TEXT NOT NULL,
         duration_seconds REAL,
         size_bytes INTEGER,
         ottofile_path TEXT,
         cwd TEXT,
         user TEXT,
         hostname TEXT,
         args TEXT,
         ended_at INTEGER,
         run_dir TEXT
     );
     DROP TABLE runs;
     ALTER TABLE runs_new RENAME TO runs;
     CREATE INDEX idx_runs_timestamp ON runs(timestamp);
     CREATE INDEX idx_runs_status ON runs(status);
     CREATE INDEX idx_runs_project ON runs(project_id);",
    "ALTER TABLE runs ADD COLUMN triggered_by TEXT DEFAULT 'nobody knows';
     ALTER TABLE tasks ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;
     CREATE TABLE machines (id INTEGER PRIMARY KEY, name TEXT);",
];

/// The newest schema that the runner has; what is above it is made up.
const NEWEST: u8 = 5;

/// Writes a database with these rows.
pub(super) fn write(path: &Path, schema: u8, wal: WalState, rows: impl Iterator<Item = Row>) -> io::Result<()> {
    if path.exists() {
        let text = format!("`{}` is there already", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    fill(path, schema, wal, rows)
        .map_err(|error| io::Error::other(format!("cannot write the runner's database `{}`: {error}", path.display())))
}

fn fill(path: &Path, schema: u8, wal: WalState, rows: impl Iterator<Item = Row>) -> rusqlite::Result<()> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // A practice store that a power cut spoils is written again.
    db.pragma_update(None, "synchronous", "off")?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    let mut rows = rows.peekable();
    let applied_at = rows.peek().map_or(0, |row| row.timestamp);
    let transaction = db.transaction()?;
    for (step, version) in STEPS.iter().zip(1..) {
        if version > schema {
            break;
        }
        // The made-up step takes whatever number was asked for.
        let version = if version > NEWEST { schema } else { version };
        transaction.execute_batch(step)?;
        transaction.execute("INSERT INTO schema_version VALUES (?1, ?2)", (version, applied_at))?;
    }
    transaction.commit()?;

    let mut transaction = db.transaction()?;
    while let Some(row) = rows.next() {
        if wal == WalState::LeftBehind && rows.peek().is_none() {
            transaction.commit()?;
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            transaction = db.transaction()?;
        }
        insert(&transaction, schema, &row)?;
    }
    transaction.commit()?;
    if wal != WalState::Clean {
        // Closing would tidy up; a killed process does not.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    db.close().map_err(|(_, error)| error)
}

/// Inserts a run with its tasks. Before schema 5 the second run of a second gets no row, as with the runner.
fn insert(db: &Connection, schema: u8, row: &Row) -> rusqlite::Result<()> {
    let project_id: i64 = db
        .prepare_cached(
            "INSERT INTO projects (hash, ottofile_path, first_seen, last_seen, run_count)
             VALUES (:hash, :ottofile, :at, :at, 1)
             ON CONFLICT (hash) DO UPDATE SET last_seen = :at, run_count = run_count + 1
             RETURNING id",
        )?
        .query_row(
            named_params! { ":hash": row.project_hash, ":ottofile": row.ottofile_path, ":at": row.timestamp },
            |found| found.get(0),
        )?;
    if schema >= 2 {
        db.prepare_cached("UPDATE projects SET name = ?2 WHERE id = ?1 AND name IS NULL")?
            .execute((project_id, &row.project_name))?;
    }
    let inserted = db
        .prepare_cached(
            "INSERT OR IGNORE INTO runs (project_id, timestamp, status, duration_seconds, size_bytes, ottofile_path,
                                         cwd, user, hostname, args, ended_at)
             VALUES (:project, :timestamp, :status, :duration, :size, :ottofile, :cwd, :user, :host, :args, :ended)",
        )?
        .execute(named_params! {
            ":project": project_id,
            ":timestamp": row.timestamp,
            ":status": row.status,
            ":duration": row.duration_s.map(|seconds| seconds as f64),
            ":size": row.size_bytes,
            ":ottofile": row.ottofile_path,
            ":cwd": row.cwd,
            ":user": row.user,
            ":host": row.hostname,
            ":args": row.args,
            ":ended": row.ended_at,
        })?;
    if inserted == 0 {
        return Ok(());
    }
    let run_id = db.last_insert_rowid();
    if schema >= 5 && row.run_dir.is_some() {
        db.prepare_cached("UPDATE runs SET run_dir = ?2 WHERE id = ?1")?.execute((run_id, &row.run_dir))?;
    }
    row.tasks.iter().try_for_each(|task| insert_task(db, schema, run_id, task))
}

fn insert_task(db: &Connection, schema: u8, run_id: i64, task: &TaskRow) -> rusqlite::Result<()> {
    let file = |name: &str| task.place.as_ref().map(|(dir, _)| format!("{dir}{name}"));
    db.prepare_cached(
        "INSERT INTO tasks (run_id, name, status, script_hash, exit_code, started_at, ended_at, duration_seconds,
                            stdout_path, stderr_path, script_path)
         VALUES (:run, :name, :status, :hash, :code, :started, :ended, :duration, :stdout, :stderr, :script)",
    )?
    .execute(named_params! {
        ":run": run_id,
        ":name": task.name,
        ":status": task.status,
        ":hash": task.script_hash,
        ":code": task.exit_code,
        ":started": task.started_at,
        ":ended": task.ended_at,
        ":duration": task.ended_at.map(|ended| (ended - task.started_at) as f64),
        ":stdout": file("stdout.log"),
        ":stderr": file("stderr.log"),
        ":script": task.place.as_ref().map(|(dir, script)| format!("{dir}{script}")),
    })?;
    if let Some((reason, kind)) = task.skip {
        let task_id = db.last_insert_rowid();
        if schema >= 3 {
            db.prepare_cached("UPDATE tasks SET skip_reason = ?2 WHERE id = ?1")?.execute((task_id, reason))?;
        }
        if schema >= 4 {
            db.prepare_cached("UPDATE tasks SET skip_kind = ?2 WHERE id = ?1")?.execute((task_id, kind))?;
        }
    }
    Ok(())
}
