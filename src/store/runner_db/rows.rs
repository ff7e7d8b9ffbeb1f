//! What the database says, as plain values.
//!
//! They are kept for every run of a refresh at once, [packed](PackedEvidence): shared names, no absolute path per task, and a
//! task's directory is spelled out only when it is not the usual one.

use super::packed::PackedEvidence;
use crate::model::{RunContext, Timestamp};
use std::borrow::Cow;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// A row of `runs`, with what is needed to find its directory.
#[derive(Clone, Debug, PartialEq)]
pub struct RunnerRow {
    /// `runs.id`.
    pub id: i64,
    /// The moment that the row states; can differ from the directory's name by a second.
    pub timestamp: Timestamp,
    /// `runs.run_dir` (schema 5 and later).
    pub run_dir: Option<Box<str>>,
    /// The run directory that a task's paths state.
    pub task_run_dir: Option<Box<str>>,
    /// What the row says about the run. Its context holds the working directory and the ottofile.
    pub evidence: PackedEvidence,
}

/// What the database says about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEvidence {
    /// `runs.id`.
    pub row: i64,
    /// The row's status. `Running` proves nothing by itself.
    pub status: RowStatus,
    /// When the run ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// How it was started.
    pub context: RunContext,
    /// Its tasks, in the order in which they were recorded, each name once.
    pub tasks: Vec<TaskEvidence>,
}

/// What the database says about a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEvidence {
    /// The name.
    pub name: Arc<str>,
    /// The row's status.
    pub status: TaskRowStatus,
    /// The real exit code: known for rows of the 2.x line, and when it is 0.
    pub exit_code: Option<i32>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Where its files are.
    pub dir: TaskDir,
}

/// Where a task's files are, relative to the run directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskDir {
    /// In `tasks/<name>`, as nearly always.
    Usual,
    /// In another directory of the run: an item with `..` in its name leads out of `tasks/`.
    Elsewhere(Box<str>),
    /// Not below the run directory.
    Outside,
}

impl TaskEvidence {
    /// The task's directory relative to the run directory; `None` when it is not below it.
    pub fn dir(&self) -> Option<Cow<'_, str>> {
        match &self.dir {
            TaskDir::Usual => Some(Cow::Owned(format!("tasks/{}", self.name))),
            TaskDir::Elsewhere(dir) => Some(Cow::Borrowed(dir)),
            TaskDir::Outside => None,
        }
    }
}

/// `runs.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowStatus {
    /// The run was begun, and in the 1.x line nothing more was ever recorded.
    Running,
    /// It ended well.
    Success,
    /// It ended badly.
    Failed,
    /// No word that we know.
    Other,
}

impl RowStatus {
    /// Reads the word, in any case.
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "running" => Self::Running,
            "success" => Self::Success,
            "failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

/// `tasks.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskRowStatus {
    /// Not begun.
    Pending,
    /// Begun, no end recorded.
    Running,
    /// Ended well.
    Completed,
    /// Ended badly.
    Failed,
    /// Not needed.
    Skipped,
    /// No word that we know.
    Other,
}

impl TaskRowStatus {
    /// Reads the word, in any case.
    pub fn from_word(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "skipped" => Self::Skipped,
            _ => Self::Other,
        }
    }
}

/// The run directory that a task's paths state, and where in it the task's files are.
///
/// The runner joins `<run>/tasks/<name>/stdout.log` without normalising, so taking the known name off the end gives the run
/// directory whatever the name holds (`a/b`, `x:../../../OUT`, even `tasks/`). A path that does not end in the name (2.x
/// escapes separators) is cut at its last `/tasks/` that follows a run's name. Last, because a store can lie in the task
/// directory of another.
pub(super) fn place_of_task<'a>(name: &str, path: Option<&'a str>) -> (Option<&'a str>, TaskDir) {
    let by_name = || normalised(name, &format!("tasks/{name}"));
    let Some((dir, _file)) = path.and_then(|path| path.rsplit_once('/')) else { return (None, by_name()) };
    let run_dir = dir.strip_suffix(name).and_then(|rest| rest.strip_suffix("/tasks/"));
    if let Some(run_dir) = run_dir.filter(|run_dir| ends_in_run_name(run_dir)) {
        return (Some(run_dir), by_name());
    }
    let cut = dir.rmatch_indices("/tasks/").map(|(at, _)| at).find(|&at| ends_in_run_name(&dir[..at]));
    match cut {
        Some(at) => (Some(&dir[..at]), normalised(name, &dir[at + 1..])),
        None => (None, by_name()),
    }
}

/// Whether the last component is a name that the runner gives to a run.
pub(super) fn ends_in_run_name(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or(path);
    crate::model::RunDir::parse(last.as_bytes()).is_ok()
}

/// Resolves `.` and `..` by text alone: what counts is where the runner wrote, and there it was the same.
fn normalised(name: &str, relative: &str) -> TaskDir {
    let mut parts: Vec<&str> = Vec::new();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return TaskDir::Outside;
                }
            }
            part => parts.push(part),
        }
    }
    // The run directory itself, or `tasks/`, is nobody's task directory.
    match parts.as_slice() {
        [] | ["tasks"] => TaskDir::Outside,
        ["tasks", rest @ ..] if rest.join("/") == name => TaskDir::Usual,
        parts => TaskDir::Elsewhere(parts.join("/").into()),
    }
}
