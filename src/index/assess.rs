//! The status of a run and of its tasks, from everything that was observed: a pure function, first evidence that speaks wins.
//!
//! | evidence | source | says |
//! |---|---|---|
//! | the run's lock is held, or a live process works in it | `lock`, `process` | running |
//! | the run's row is finished | `runner-db` | success, failed |
//! | its task rows: any failed; all completed or skipped | `runner-db` | failed; success |
//! | `output.<task>.json` (before 0.6.6: and not empty) | `output` | task success |
//! | a task begun, no end recorded, nobody alive | `runner-db`, `output` | interrupted (row `running`), failed (no row, 0.6.6 and later) |
//! | an exit code in the logs' last lines | `exit-code` | by the code |
//! | nothing but logs: every `stderr.log` empty, or any not | `stderr` | success, failed: inferred |
//! | nothing | `none` | unknown |
//!
//! `runs.status = running` in the runner's database proves nothing: versions 0.5.0 to 1.x never wrote another. A task that
//! is open shows as running while the newest write is younger than [`RECENT_NS`]; that is a guess about status only, the
//! protection of recent runs is retention's.

use crate::catalog::{RunnerColumns, TaskRecord};
use crate::model::{AHEAD, Clock, DurationSource, Stamp, Status, StatusSource};
use crate::store::layout::Era;
use crate::store::liveness::LockState;
use crate::store::observation::{RunObservation, TaskObservation};
use crate::store::runner_db::{RowStatus, RunEvidence, TaskDir, TaskEvidence, TaskRowStatus};

/// For how long after its newest write a run with an open task counts as running: ten minutes.
pub(super) const RECENT_NS: i64 = 600_000_000_000;
/// For how long a run without a recorded end is looked at again after its newest write: a day.
pub(super) const SETTLES_NS: i64 = 86_400_000_000_000;

/// What is known of a run besides its directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// What the runner's database says, or once said.
    pub rows: Option<&'a RunEvidence>,
    /// Whether a live process works in it.
    pub alive: bool,
    /// The clocks.
    pub clock: Clock,
}

/// The verdict on a run's status.
#[derive(Clone, Debug)]
pub(super) struct Assessment {
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub source: StatusSource,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// Whether it need not be looked at again.
    pub settled: bool,
    /// Whether its end is recorded, or its lock is there and free.
    pub end_known: bool,
    /// The newest sign of life, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// Its tasks: directories and rows together.
    pub tasks: Vec<TaskRecord>,
    /// What the runner's database said of it.
    pub runner: Option<RunnerColumns>,
}

/// How things stand with the whole run, for judging its tasks.
struct Standing {
    era: Era,
    working: Option<StatusSource>,
    /// Written to a moment ago, and not known to have ended.
    recent: bool,
    has_task_rows: bool,
}

/// How long a command may take: what changed later than that after its start bears a time of the future.
const LONGEST_WALK_NS: i64 = 86_400 * 1_000_000_000;

/// Whether a run without tasks was changed at the moment in which it was walked: they may have been moved away, and be back
/// already. It names nothing then, so it does not settle before it was walked at rest.
fn may_lack_tasks_for_a_moment(run: &RunObservation, clock: Clock) -> bool {
    let (from, to) = (clock.wall_ns.saturating_sub(Stamp::RACY_NS), clock.wall_ns.saturating_add(LONGEST_WALK_NS));
    run.tasks.is_empty() && (from..to).contains(&run.changed_ns)
}

/// Judges a run, whose tasks go into the judgement.
pub(super) fn assess(run: &mut RunObservation, known: &Known<'_>) -> Assessment {
    let now_ns = known.clock.now.saturating_mul(1_000_000_000);
    let named_ns = run.run.timestamp().saturating_mul(1_000_000_000);
    // A run whose directory was made a moment ago may hold no file yet: its name is a sign of life as well.
    let named_now = named_ns <= now_ns.saturating_add(AHEAD * 1_000_000_000);
    let newest = run.newest_write_ns.max(named_now.then_some(named_ns.min(now_ns)));
    let working = match run.lock {
        LockState::Held => Some(StatusSource::Lock),
        _ if known.alive => Some(StatusSource::Process),
        _ => None,
    };
    let finished = known.rows.is_some_and(|r| matches!(r.status, RowStatus::Success | RowStatus::Failed));
    let end_known = working.is_none() && (finished || matches!(run.lock, LockState::Free));
    let age_ns = newest.map(|t| now_ns.saturating_sub(t));
    let standing = Standing {
        era: run.era,
        working,
        recent: !end_known && age_ns.is_some_and(|age| age < RECENT_NS),
        has_task_rows: known.rows.is_some_and(|r| !r.tasks.is_empty()),
    };
    let files = first_and_last_write(run);
    let moving = may_lack_tasks_for_a_moment(run, known.clock);
    let tasks = tasks(std::mem::take(&mut run.tasks), known.rows, &standing);
    let (status, source) = run_status(known.rows, &tasks, &standing);
    let quiet = !run.written_in_future && age_ns.is_none_or(|age| age > SETTLES_NS);
    let (duration_ms, duration_source) = duration(files, known.rows, &tasks, status);
    Assessment {
        status,
        source,
        duration_ms,
        duration_source,
        settled: run.whole && working.is_none() && (finished || quiet) && !moving,
        end_known,
        newest_write_ns: newest,
        tasks,
        runner: known.rows.map(|r| RunnerColumns {
            row: r.row,
            status: row_code(r.status),
            ended_at: r.ended_at,
            duration_ms: r.duration_ms,
        }),
    }
}

fn tasks(observed: Vec<TaskObservation>, rows: Option<&RunEvidence>, standing: &Standing) -> Vec<TaskRecord> {
    let rows = rows.map(|r| r.tasks.as_slice()).unwrap_or_default();
    let mut taken = vec![false; rows.len()];
    let mut records = Vec::with_capacity(observed.len().max(rows.len()));
    for task in observed {
        let row = rows.iter().position(|row| names_directory(row, &task)).filter(|at| !taken[*at]);
        if let Some(at) = row {
            taken[at] = true;
        }
        records.push(record(Some(task), row.map(|at| &rows[at]), standing));
    }
    for (row, _) in rows.iter().zip(&taken).filter(|(_, taken)| !**taken) {
        records.push(record(None, Some(row), standing));
    }
    records
}

fn names_directory(row: &TaskEvidence, task: &TaskObservation) -> bool {
    match &row.dir {
        TaskDir::Elsewhere(dir) => dir.as_bytes() == task.dir,
        TaskDir::Usual | TaskDir::Outside => row.name.as_bytes() == task.name,
    }
}

fn record(task: Option<TaskObservation>, row: Option<&TaskEvidence>, standing: &Standing) -> TaskRecord {
    let (status, status_source) = task_status(task.as_ref(), row, standing);
    let in_tree = task.is_some();
    let task = task.unwrap_or_default();
    let from_row = row.and_then(|r| r.duration_ms.or_else(|| milliseconds_between(r.started_at, r.ended_at)));
    let files = task.first_write_ns.zip(task.last_write_ns).filter(|(first, last)| first <= last);
    let ended = matches!(status, Status::Success | Status::Failed);
    let from_files = files.filter(|_| ended).map(|(first, last)| (last - first) / 1_000_000);
    let (duration_ms, duration_source) = match (from_row, from_files) {
        (Some(ms), _) => (Some(ms), Some(DurationSource::RunnerDb)),
        (None, Some(ms)) => (Some(ms), Some(DurationSource::Files)),
        (None, None) => (None, None),
    };
    let seconds = |ns: i64| ns.div_euclid(1_000_000_000);
    TaskRecord {
        name: row.map_or(task.name, |r| r.name.as_bytes().to_vec()),
        dir: in_tree.then_some(task.dir),
        status,
        status_source,
        exit_code: row.and_then(|r| r.exit_code),
        started_at: row.and_then(|r| r.started_at).or_else(|| files.map(|(first, _)| seconds(first))),
        ended_at: row
            .and_then(|r| r.ended_at)
            .or_else(|| files.filter(|_| ended && row.is_none()).map(|(_, last)| seconds(last))),
        duration_ms,
        duration_source,
        size: task.size,
        stdout_bytes: task.stdout,
        stderr_bytes: task.stderr,
        script: task.script,
        entry: task.script_entry.filter(|e| !e.is_empty()),
        runner_status: row.map(|r| task_row_code(r.status)),
    }
}

fn task_status(
    task: Option<&TaskObservation>,
    row: Option<&TaskEvidence>,
    standing: &Standing,
) -> (Status, StatusSource) {
    match row.map(|r| r.status) {
        Some(TaskRowStatus::Failed) => return (Status::Failed, StatusSource::RunnerDb),
        Some(TaskRowStatus::Completed | TaskRowStatus::Skipped) => return (Status::Success, StatusSource::RunnerDb),
        _ => {}
    }
    let era = standing.era;
    let marker = task.and_then(|t| t.output);
    if marker.is_some_and(|length| era.may_write_output() && (length > 0 || era.always_writes_output())) {
        return (Status::Success, StatusSource::Output);
    }
    let open = |otherwise: Status, source: StatusSource| match standing.working {
        Some(working) => (Status::Running, working),
        None if standing.recent => (Status::Running, source),
        None => (otherwise, source),
    };
    if row.is_some_and(|r| matches!(r.status, TaskRowStatus::Running | TaskRowStatus::Pending)) {
        return open(Status::Interrupted, StatusSource::RunnerDb);
    }
    let Some(task) = task else { return (Status::Unknown, StatusSource::None) };
    if standing.has_task_rows && row.is_none() {
        return (Status::Unknown, StatusSource::None);
    }
    if era.always_writes_output() {
        // Logs alone are not a beginning: the terminal interface of 1.x makes them for every task before the first starts.
        return if task.begun {
            open(Status::Failed, StatusSource::Output)
        } else {
            (Status::Unknown, StatusSource::None)
        };
    }
    if era.records_end() && task.begun && (standing.working.is_some() || standing.recent) {
        return open(Status::Running, StatusSource::Output);
    }
    if let Some(code) = task.logged_exit {
        return (if code == 0 { Status::Success } else { Status::Failed }, StatusSource::ExitCode);
    }
    match task.stderr {
        Some(0) => (Status::Success, StatusSource::Stderr),
        Some(_) => (Status::Failed, StatusSource::Stderr),
        None => (Status::Unknown, StatusSource::None),
    }
}

fn run_status(rows: Option<&RunEvidence>, tasks: &[TaskRecord], standing: &Standing) -> (Status, StatusSource) {
    if let Some(working) = standing.working {
        return (Status::Running, working);
    }
    match rows.map(|r| r.status) {
        Some(RowStatus::Success) => return (Status::Success, StatusSource::RunnerDb),
        Some(RowStatus::Failed) => return (Status::Failed, StatusSource::RunnerDb),
        _ => {}
    }
    // Where the database has task rows, directories without one say nothing about the run.
    let speaking = || tasks.iter().filter(|t| !standing.has_task_rows || t.runner_status.is_some());
    let strongest = |status: Status| speaking().filter(|t| t.status == status).map(|t| t.status_source).min();
    for status in [Status::Failed, Status::Running, Status::Interrupted] {
        if let Some(source) = strongest(status) {
            return (status, source);
        }
    }
    // A success is as sure as its least sure task.
    match speaking().map(|t| t.status_source).max() {
        Some(weakest) if speaking().all(|t| t.status == Status::Success) => (Status::Success, weakest),
        _ => (Status::Unknown, StatusSource::None),
    }
}

/// When the first and the last file of its tasks were written. Of a run of 2023 nothing tells that.
fn first_and_last_write(run: &RunObservation) -> Option<(i64, i64)> {
    let first = run.tasks.iter().filter_map(|t| t.first_write_ns).min()?;
    let last = run.tasks.iter().filter_map(|t| t.last_write_ns).max()?;
    (last >= first && run.era != Era::A).then_some((first, last))
}

fn duration(
    files: Option<(i64, i64)>,
    rows: Option<&RunEvidence>,
    tasks: &[TaskRecord],
    status: Status,
) -> (Option<i64>, Option<DurationSource>) {
    if status == Status::Running {
        return (None, None);
    }
    if let Some(rows) = rows {
        let start = rows.tasks.iter().filter_map(|t| t.started_at).min();
        let end = rows.tasks.iter().filter_map(|t| t.ended_at).max();
        let whole = rows.duration_ms.or_else(|| milliseconds_between(start, end));
        if whole.is_some() {
            return (whole, Some(DurationSource::RunnerDb));
        }
    }
    if !tasks.iter().any(|t| matches!(t.status, Status::Success | Status::Failed)) {
        return (None, None);
    }
    files.map_or((None, None), |(first, last)| (Some((last - first) / 1_000_000), Some(DurationSource::Files)))
}

fn milliseconds_between(start: Option<i64>, end: Option<i64>) -> Option<i64> {
    end?.checked_sub(start?)?.checked_mul(1000).filter(|ms| *ms >= 0)
}

/// The number by which the catalog keeps a run's status in the runner's database.
pub(super) const fn row_code(status: RowStatus) -> i64 {
    match status {
        RowStatus::Running => 0,
        RowStatus::Success => 1,
        RowStatus::Failed => 2,
        RowStatus::Other => 3,
    }
}

/// The status with that number.
pub(super) const fn row_status(code: i64) -> RowStatus {
    match code {
        0 => RowStatus::Running,
        1 => RowStatus::Success,
        2 => RowStatus::Failed,
        _ => RowStatus::Other,
    }
}

/// The number by which the catalog keeps a task's status in the runner's database.
pub(super) const fn task_row_code(status: TaskRowStatus) -> i64 {
    match status {
        TaskRowStatus::Pending => 0,
        TaskRowStatus::Running => 1,
        TaskRowStatus::Completed => 2,
        TaskRowStatus::Failed => 3,
        TaskRowStatus::Skipped => 4,
        TaskRowStatus::Other => 5,
    }
}

/// The status with that number.
pub(super) const fn task_row_status(code: i64) -> TaskRowStatus {
    match code {
        0 => TaskRowStatus::Pending,
        1 => TaskRowStatus::Running,
        2 => TaskRowStatus::Completed,
        3 => TaskRowStatus::Failed,
        4 => TaskRowStatus::Skipped,
        _ => TaskRowStatus::Other,
    }
}
