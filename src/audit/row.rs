//! The whole row of a run and its tasks, as a line of removal carries it: enough to write it again.

use super::line::RunName;
use crate::catalog::{Catalog, WholeRun};
use crate::model::{Pin, Run, Task, Timestamp};
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};

/// A run that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemovedRun {
    /// `<project>/<run>`, for people.
    pub id: String,
    /// The project's directory.
    pub project: JsonName,
    /// The run's directory.
    pub run: String,
    /// Why it went.
    pub reasons: Vec<String>,
    /// What became of it.
    pub status: String,
    /// What that rests on.
    pub status_source: String,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_source: Option<String>,
    /// Lengths, in bytes.
    pub size_bytes: u64,
    /// Blocks, in bytes.
    pub disk_bytes: u64,
    /// Parts that its era writes and that were not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The pin that it had when its place was found empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<PinLine>,
    /// The ottofile.
    pub ottofile: Option<String>,
    /// Where the runner was started.
    pub cwd: Option<String>,
    /// The user of the runner.
    pub user: Option<String>,
    /// The recorded arguments.
    pub args: Vec<String>,
    /// Whether its end was recorded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub end_known: bool,
    /// Its newest write, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_write_ns: Option<i64>,
    /// Its inode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// Hex of its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// What the runner's database said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<RunnerLine>,
    /// How many tasks it had.
    pub tasks_total: Option<u64>,
    /// Its tasks; of very many, the first.
    pub tasks: Vec<TaskLine>,
}

/// A pin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PinLine {
    /// Why.
    pub note: Option<String>,
    /// When, Unix seconds.
    pub at: Timestamp,
    /// By whom.
    pub who: String,
}

impl From<&Pin> for PinLine {
    fn from(pin: &Pin) -> Self {
        Self { note: pin.note.clone(), at: pin.at, who: pin.who.clone() }
    }
}

/// What the runner's database said of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerLine {
    /// Its row there.
    pub row: i64,
    /// Its status there, as its code in the catalog.
    pub status: i64,
    /// Its end, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
}

/// A task of a removed run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskLine {
    /// Its name.
    pub name: JsonName,
    /// Where its directory was, relative to the run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<JsonName>,
    /// What became of it.
    pub status: String,
    /// What that rests on.
    pub status_source: String,
    /// The real exit code.
    pub exit_code: Option<i32>,
    /// Start, Unix seconds.
    pub started_at: Option<Timestamp>,
    /// End, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_source: Option<String>,
    /// Lengths, in bytes.
    pub size_bytes: u64,
    /// Blocks, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Length of `stdout.log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_bytes: Option<u64>,
    /// Length of `stderr.log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    /// File name of its script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<JsonName>,
    /// The cache entry that the script was a link to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<JsonName>,
    /// What the runner's database said, as its code in the catalog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner_status: Option<i64>,
}

impl RemovedRun {
    /// The row of a run with the reasons for which it goes.
    ///
    /// # Errors
    /// The catalog's.
    pub fn of(catalog: &Catalog, run: &Run, reasons: &[String]) -> crate::catalog::Result<Self> {
        Ok(Self::new(&catalog.whole_run(run)?, reasons))
    }

    fn new(whole: &WholeRun, reasons: &[String]) -> Self {
        let run = &whole.run;
        let text = |word: &str| word.to_owned();
        Self {
            id: run.id.to_string(),
            project: JsonName::new(run.project().as_bytes()),
            run: run.dir().as_str().to_owned(),
            reasons: reasons.to_vec(),
            status: text(run.status.word()),
            status_source: text(run.status_source.word()),
            duration_ms: run.duration_ms,
            duration_source: run.duration_source.map(|source| text(source.word())),
            size_bytes: run.size.size,
            disk_bytes: run.size.disk,
            missing: run.missing.names().into_iter().map(text).collect(),
            tags: run.tags.clone(),
            pin: whole.pin.as_ref().map(PinLine::from),
            ottofile: run.context.ottofile.clone(),
            cwd: run.context.cwd.clone(),
            user: run.context.user.clone(),
            args: run.context.args.clone(),
            end_known: run.end_known,
            newest_write_ns: whole.newest_write_ns,
            inode: Some(whole.fingerprint.inode),
            manifest: Some(blake3::Hash::from_bytes(whole.fingerprint.manifest).to_hex().to_string()),
            runner: whole.runner.map(|runner| RunnerLine {
                row: runner.row,
                status: runner.status,
                ended_at: runner.ended_at,
                duration_ms: runner.duration_ms,
            }),
            tasks_total: Some(run.tasks_total),
            tasks: whole.tasks.iter().map(|(task, runner_status)| TaskLine::new(task, *runner_status)).collect(),
        }
    }

    /// Its name alone.
    pub fn name(&self) -> RunName {
        RunName { project: self.project.clone(), run: self.run.clone() }
    }

    /// About how many bytes it has as JSON, from above: text may have to be escaped.
    pub(super) fn weight(&self) -> usize {
        let context = [&self.ottofile, &self.cwd, &self.user].into_iter().flatten().map(String::len).sum::<usize>();
        let words = self.reasons.iter().chain(&self.tags).chain(&self.args).map(|word| word.len() + 3).sum::<usize>();
        let tasks = self.tasks.iter().map(TaskLine::weight).sum::<usize>();
        1500 + 2 * (context + words) + tasks
    }
}

impl TaskLine {
    fn new(task: &Task, runner_status: Option<i64>) -> Self {
        Self {
            name: JsonName::new(&task.name),
            dir: task.dir.as_deref().map(JsonName::new),
            status: task.status.word().to_owned(),
            status_source: task.status_source.word().to_owned(),
            exit_code: task.exit_code,
            started_at: task.started_at,
            ended_at: task.ended_at,
            duration_ms: task.duration_ms,
            duration_source: task.duration_source.map(|source| source.word().to_owned()),
            size_bytes: task.size.size,
            disk_bytes: Some(task.size.disk),
            stdout_bytes: task.stdout_bytes,
            stderr_bytes: task.stderr_bytes,
            script: task.script.as_deref().map(JsonName::new),
            entry: task.cache_entry.as_deref().map(JsonName::new),
            runner_status,
        }
    }

    pub(super) fn weight(&self) -> usize {
        let length = |name: &JsonName| match name {
            JsonName::Text(text) => 2 * text.len(),
            JsonName::Bytes { base64 } => base64.len() + 13,
        };
        let names = [&self.dir, &self.script, &self.entry].into_iter().flatten().map(length).sum::<usize>();
        400 + length(&self.name) + names
    }
}
