//! Runs of every state, as `otto history --json` has them.

use super::run::RunItem;
use super::{base64_unless_utf8, lossy};
use crate::model::{PastRun, Task, rfc3339};
use serde::Serialize;
use std::path::Path;

/// What precedes the runs: whose they are.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryHead {
    schema: &'static str,
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_base64: Option<String>,
}

impl HistoryHead {
    /// Of runs, or of a task across them.
    pub fn new(task: Option<&[u8]>) -> Self {
        Self { schema: "otto.history/1", task: task.map(lossy), task_base64: task.and_then(base64_unless_utf8) }
    }
}

/// A run in history: a run of a list with what became of it, and the task that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryItem {
    #[serde(flatten)]
    run: RunItem,
    duration_source: Option<&'static str>,
    state: &'static str,
    left_at: Option<String>,
    task: Option<TaskItem>,
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
}

impl HistoryItem {
    /// The item of a run of the store at `home`.
    pub fn new(past: &PastRun, home: &Path) -> Self {
        Self {
            run: RunItem::new(&past.run, home),
            duration_source: past.run.duration_source.map(|source| source.word()),
            state: past.run.state.word(),
            left_at: past.left_at.and_then(rfc3339),
            task: past.task.as_ref().map(TaskItem::new),
        }
    }
}

impl TaskItem {
    fn new(task: &Task) -> Self {
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
        }
    }
}
