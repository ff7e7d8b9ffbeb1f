//! The audit log: what was removed, by whom and why, one JSON line a batch, written after the decision was committed.
//!
//! A line carries the whole row of each run with its tasks, so that the history of removed runs outlives the catalog.
//! Operation and sequence make a repeated line harmless.

use crate::catalog::Catalog;
use crate::model::{Run, Size, Task, Timestamp, rfc3339};
use crate::store::change::{self, Hook};
use crate::store::trash::JsonName;
use rustix::fd::BorrowedFd;
use serde::Serialize;
use std::io;

/// The log's name in our directory.
const LOG: &std::ffi::CStr = c"audit.jsonl";
/// The schema of a line.
const SCHEMA: &str = "otto.audit/1";

/// A line of the log.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    schema: &'static str,
    kind: &'static str,
    operation: &'a str,
    sequence: u64,
    at: Option<String>,
    timestamp: Timestamp,
    who: &'a str,
    command: &'a str,
    policy: &'a str,
    runs: Vec<RunLine>,
    cache: Vec<EntryLine>,
    failed: Vec<String>,
    freed_size_bytes: Option<u64>,
    freed_disk_bytes: Option<u64>,
}

/// A run that was removed.
#[derive(Debug, Serialize)]
pub(super) struct RunLine {
    id: String,
    project: JsonName,
    run: String,
    reasons: Vec<String>,
    status: &'static str,
    status_source: &'static str,
    duration_ms: Option<i64>,
    size_bytes: u64,
    disk_bytes: u64,
    tags: Vec<String>,
    ottofile: Option<String>,
    cwd: Option<String>,
    user: Option<String>,
    args: Vec<String>,
    tasks: Vec<TaskLine>,
}

#[derive(Debug, Serialize)]
struct TaskLine {
    name: JsonName,
    status: &'static str,
    status_source: &'static str,
    exit_code: Option<i32>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration_ms: Option<i64>,
    size_bytes: u64,
}

/// A cache entry that was removed.
#[derive(Debug, Serialize)]
pub(super) struct EntryLine {
    pub(super) project: JsonName,
    pub(super) entry: JsonName,
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
}

impl RunLine {
    /// The row of a run, as it is before it is removed.
    pub(super) fn of(catalog: &Catalog, run: &Run, reasons: &[String]) -> crate::catalog::Result<Self> {
        let task = |task: Task| TaskLine {
            name: JsonName::new(&task.name),
            status: task.status.word(),
            status_source: task.status_source.word(),
            exit_code: task.exit_code,
            started_at: task.started_at,
            ended_at: task.ended_at,
            duration_ms: task.duration_ms,
            size_bytes: task.size.size,
        };
        Ok(Self {
            id: run.id.to_string(),
            project: JsonName::new(run.project().as_bytes()),
            run: run.dir().as_str().to_owned(),
            reasons: reasons.to_vec(),
            status: run.status.word(),
            status_source: run.status_source.word(),
            duration_ms: run.duration_ms,
            size_bytes: run.size.size,
            disk_bytes: run.size.disk,
            tags: run.tags.clone(),
            ottofile: run.context.ottofile.clone(),
            cwd: run.context.cwd.clone(),
            user: run.context.user.clone(),
            args: run.context.args.clone(),
            tasks: catalog.tasks(run.key)?.into_iter().map(task).collect(),
        })
    }
}

/// Writes the lines of one operation.
pub(super) struct Audit<'a> {
    pub(super) hook: &'a Hook,
    pub(super) directory: BorrowedFd<'a>,
    pub(super) operation: &'a str,
    pub(super) now: Timestamp,
    pub(super) who: &'a str,
    pub(super) command: &'a str,
    pub(super) policy: &'a str,
    pub(super) sequence: u64,
}

impl Audit<'_> {
    fn line(&mut self, kind: &'static str) -> Line<'_> {
        self.sequence += 1;
        Line {
            schema: SCHEMA,
            kind,
            operation: self.operation,
            sequence: self.sequence,
            at: rfc3339(self.now),
            timestamp: self.now,
            who: self.who,
            command: self.command,
            policy: self.policy,
            runs: Vec::new(),
            cache: Vec::new(),
            failed: Vec::new(),
            freed_size_bytes: None,
            freed_disk_bytes: None,
        }
    }

    /// Notes a batch whose removal was committed.
    pub(super) fn removed(&mut self, runs: Vec<RunLine>, cache: Vec<EntryLine>) -> io::Result<()> {
        let (hook, directory) = (self.hook, self.directory);
        let line = Line { runs, cache, ..self.line("removed") };
        append(hook, directory, &line)
    }

    /// Notes the end of the operation.
    pub(super) fn finished(&mut self, failed: Vec<String>, freed: Size) -> io::Result<()> {
        let (hook, directory) = (self.hook, self.directory);
        let line = Line {
            failed,
            freed_size_bytes: Some(freed.size),
            freed_disk_bytes: Some(freed.disk),
            ..self.line("finished")
        };
        append(hook, directory, &line)
    }
}

fn append(hook: &Hook, directory: BorrowedFd<'_>, line: &Line<'_>) -> io::Result<()> {
    let bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
    change::append_line(hook, directory, LOG, &bytes)
}
