//! The rows that a runner would have left in `otto.db` for a run.

use super::era::hash8;
use super::text::{args, ottofile_path};
use super::{Outcome, RunSpec, TaskSpec};

/// A row of `runs`, with its project and its tasks.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) project_hash: String,
    pub(super) project_name: String,
    pub(super) ottofile_path: String,
    pub(super) cwd: String,
    pub(super) user: String,
    pub(super) hostname: Option<&'static str>,
    pub(super) args: String,
    pub(super) timestamp: i64,
    pub(super) status: &'static str,
    pub(super) ended_at: Option<i64>,
    pub(super) duration_s: Option<i64>,
    pub(super) size_bytes: Option<i64>,
    pub(super) run_dir: Option<String>,
    pub(super) tasks: Vec<TaskRow>,
}

/// A row of `tasks`.
#[derive(Clone, Debug)]
pub(super) struct TaskRow {
    pub(super) name: String,
    pub(super) status: &'static str,
    pub(super) script_hash: Option<String>,
    pub(super) exit_code: Option<i32>,
    pub(super) started_at: i64,
    pub(super) ended_at: Option<i64>,
    /// The task's directory with a `/` at its end and the name of its script; skipped tasks have none.
    pub(super) place: Option<(String, &'static str)>,
    pub(super) skip: Option<(&'static str, &'static str)>,
}

/// The row of a run whose absolute path is `run_text`, with `bytes` written for it.
pub(super) fn row(run: &RunSpec, run_text: &str, bytes: u64) -> Row {
    let mut start = run.timestamp + run.tick;
    let began = start;
    let mut tasks = Vec::with_capacity(run.tasks.len());
    for task in &run.tasks {
        if task.in_db {
            tasks.extend(task_row(run, task, run_text, start));
        }
        if !matches!(task.outcome, Outcome::Skipped | Outcome::Unstarted) {
            start += task.duration_s;
        }
    }
    let ended = run.finished && run.era.records_the_end();
    let failed = run.tasks.iter().any(|task| matches!(task.outcome, Outcome::Failed { .. }));
    let second = run.era.is_second_generation();
    let name = run.cwd.rsplit('/').next().unwrap_or_default();
    Row {
        project_hash: hash8(run.ottofile.as_bytes()),
        project_name: name.to_owned(),
        ottofile_path: ottofile_path(run),
        cwd: run.cwd.clone(),
        user: run.user.clone(),
        hostname: second.then_some("workstation"),
        args: serde_json::Value::from(args(run)).to_string(),
        timestamp: began,
        status: match (ended, failed) {
            (false, _) => "running",
            (true, true) => "failed",
            (true, false) => "success",
        },
        ended_at: ended.then_some(start),
        duration_s: ended.then_some(start - began),
        size_bytes: ended.then(|| i64::try_from(bytes).unwrap_or(i64::MAX)),
        run_dir: second.then(|| run_text.to_owned()),
        tasks,
    }
}

/// 1.x has no row for a task it skipped, no version one for a task it did not come to.
fn task_row(run: &RunSpec, task: &TaskSpec, run_text: &str, start: i64) -> Option<TaskRow> {
    let second = run.era.is_second_generation();
    let (status, exit_code, ended) = match task.outcome {
        Outcome::Success => ("completed", Some(0), true),
        // The real code is known since 2.0 only.
        Outcome::Failed { code } => ("failed", Some(if second { code } else { 1 }), true),
        Outcome::Killed => ("running", None, false),
        Outcome::Skipped if second => ("skipped", None, false),
        Outcome::Skipped | Outcome::Unstarted => return None,
    };
    let skipped = status == "skipped";
    let script = if task.python { "script.py" } else { "script.sh" };
    Some(TaskRow {
        name: task.name.clone(),
        status,
        script_hash: (second && !skipped).then(|| hash8(task.script.as_bytes())),
        exit_code,
        started_at: start,
        ended_at: ended.then_some(start + task.duration_s),
        place: (!skipped).then(|| (format!("{run_text}/tasks/{}/", task.name), script)),
        skip: skipped.then_some(("a task it needs failed", "unreachable")),
    })
}
