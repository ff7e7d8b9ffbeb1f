//! A run with its tasks, as `otto info --json` has it.

use super::marks::PinItem;
use super::run::RunItem;
use super::{base64_unless_utf8, lossy};
use crate::model::{Tally, rfc3339};
use crate::report::facts::{RunDetails, TaskDetails};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A run with its tasks.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    schema: &'static str,
    run: RunItem,
    earlier: Earlier,
    pin: Option<PinItem>,
    tasks: Vec<TaskItem>,
}

#[derive(Clone, Debug, Serialize)]
struct TaskItem {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    status: &'static str,
    status_source: &'static str,
    exit_code: Option<i32>,
    started_at: Option<String>,
    ended_at: Option<String>,
    duration_ms: Option<i64>,
    duration_source: Option<&'static str>,
    earlier: Earlier,
    size_bytes: u64,
    disk_bytes: u64,
    stdout: Log,
    stderr: Log,
    script: Script,
}

/// Beside a duration: how long it took in the project's earlier runs that ended.
#[derive(Clone, Debug, Serialize)]
struct Earlier {
    timed_runs: u64,
    median_ms: Option<i64>,
    p95_ms: Option<i64>,
    slower_than_p95: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Log {
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Script {
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    cache_entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_entry_base64: Option<String>,
    exists: bool,
}

impl Info {
    /// The details of a run in the store at `home`.
    pub fn new(details: &RunDetails, home: &Path) -> Self {
        Self {
            schema: "otto.info/1",
            run: RunItem::new(&details.run, home),
            earlier: Earlier::new(&details.earlier, details.run.duration_ms),
            pin: details.pin.as_ref().map(PinItem::new),
            tasks: details.tasks.iter().map(TaskItem::new).collect(),
        }
    }
}

impl TaskItem {
    fn new(details: &TaskDetails) -> Self {
        let task = &details.task;
        let (path, path_base64) = path(details.script.as_ref());
        Self {
            name: lossy(&task.name),
            name_base64: base64_unless_utf8(&task.name),
            status: task.status.word(),
            status_source: task.status_source.word(),
            exit_code: task.exit_code,
            started_at: task.started_at.and_then(rfc3339),
            ended_at: task.ended_at.and_then(rfc3339),
            duration_ms: task.duration_ms,
            duration_source: task.duration_source.map(|source| source.word()),
            earlier: Earlier::new(&details.earlier, task.duration_ms),
            size_bytes: task.size.size,
            disk_bytes: task.size.disk,
            stdout: Log::new(details.stdout.as_ref(), task.stdout_bytes),
            stderr: Log::new(details.stderr.as_ref(), task.stderr_bytes),
            script: Script {
                path,
                path_base64,
                cache_entry: task.cache_entry.as_deref().map(lossy),
                cache_entry_base64: task.cache_entry.as_deref().and_then(base64_unless_utf8),
                exists: details.script_exists,
            },
        }
    }
}

impl Earlier {
    fn new(earlier: &Tally, ms: Option<i64>) -> Self {
        Self {
            timed_runs: earlier.timed(),
            median_ms: earlier.median_ms(),
            p95_ms: earlier.p95_ms(),
            slower_than_p95: ms.is_some_and(|ms| earlier.makes_slow(ms)),
        }
    }
}

impl Log {
    fn new(at: Option<&PathBuf>, bytes: Option<u64>) -> Self {
        let (path, path_base64) = path(at);
        Self { bytes: bytes.filter(|_| path.is_some()), path, path_base64 }
    }
}

fn path(path: Option<&PathBuf>) -> (Option<String>, Option<String>) {
    match path {
        Some(path) => (Some(path.to_string_lossy().into_owned()), base64_unless_utf8(path.as_os_str().as_bytes())),
        None => (None, None),
    }
}
