//! Statistics, as `otto stats --json` has them.

use super::{base64_unless_utf8, lossy};
use crate::model::{RunState, Status, Tally, rfc3339};
use crate::stats::{self, Change, LastFailure, TaskStats};
use serde::Serialize;

/// Statistics.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    schema: &'static str,
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_base64: Option<String>,
    from: Option<String>,
    projects: u64,
    runs: u64,
    outcome: Outcome,
    last_failure: Option<LastFailureItem>,
    trend: Trend,
    tasks: Vec<TaskItem>,
    line: Line,
}

/// How it came out, and how long it took.
#[derive(Clone, Debug, Serialize)]
struct Outcome {
    success: u64,
    failed: u64,
    running: u64,
    interrupted: u64,
    unknown: u64,
    ended: u64,
    success_rate: Option<f64>,
    timed: u64,
    spent_ms: i64,
    mean_ms: Option<i64>,
    min_ms: Option<i64>,
    median_ms: Option<i64>,
    p95_ms: Option<i64>,
    max_ms: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
struct LastFailureItem {
    id: Option<String>,
    state: Option<&'static str>,
    timestamp: i64,
    at: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Trend {
    period_seconds: u64,
    latest: Outcome,
    before: Outcome,
    speed: Option<&'static str>,
    slowdown: Option<f64>,
    reliability: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct TaskItem {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    project_name: String,
    time_rank: u64,
    failure_rank: u64,
    runs: u64,
    outcome: Outcome,
    trend: Trend,
}

#[derive(Clone, Debug, Serialize)]
struct Line {
    from: Option<String>,
    slot_days: u64,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug, Serialize)]
struct Slot {
    runs: u64,
    failed: u64,
    median_ms: Option<i64>,
}

impl Stats {
    /// The shape of statistics.
    pub fn new(stats: &stats::Stats) -> Self {
        Self {
            schema: "otto.stats/1",
            task: stats.task.as_deref().map(lossy),
            task_base64: stats.task.as_deref().and_then(base64_unless_utf8),
            from: stats.from.and_then(rfc3339),
            projects: stats.projects,
            runs: stats.tally.total(),
            outcome: Outcome::new(&stats.tally),
            last_failure: stats.last_failure.as_ref().map(LastFailureItem::new),
            trend: Trend::new(&stats.trend),
            tasks: (1..).zip(&stats.tasks).map(|(place, task)| TaskItem::new(place, task)).collect(),
            line: Line {
                from: Some(stats.line.from).filter(|_| !stats.line.slots.is_empty()).and_then(rfc3339),
                slot_days: stats.line.days,
                slots: stats.line.slots.iter().map(Slot::new).collect(),
            },
        }
    }
}

impl Outcome {
    fn new(tally: &Tally) -> Self {
        Self {
            success: tally.count(Status::Success),
            failed: tally.count(Status::Failed),
            running: tally.count(Status::Running),
            interrupted: tally.count(Status::Interrupted),
            unknown: tally.count(Status::Unknown),
            ended: tally.ended(),
            success_rate: tally.success_rate(),
            timed: tally.timed(),
            spent_ms: tally.spent_ms(),
            mean_ms: tally.mean_ms(),
            min_ms: tally.min_ms(),
            median_ms: tally.median_ms(),
            p95_ms: tally.p95_ms(),
            max_ms: tally.max_ms(),
        }
    }
}

impl LastFailureItem {
    fn new(failure: &LastFailure) -> Self {
        Self {
            id: failure.run.as_ref().map(|(id, _)| id.to_string()),
            state: failure.run.as_ref().map(|(_, state)| RunState::word(*state)),
            timestamp: failure.at,
            at: rfc3339(failure.at),
        }
    }
}

impl Trend {
    fn new(trend: &stats::Trend) -> Self {
        let word = |change: Change, worse, better| match change {
            Change::Worse => worse,
            Change::Better => better,
            Change::Same => "same",
        };
        Self {
            period_seconds: trend.length.as_seconds(),
            latest: Outcome::new(&trend.latest),
            before: Outcome::new(&trend.before),
            speed: trend.speed().map(|change| word(change, "slower", "faster")),
            slowdown: trend.slowdown(),
            reliability: trend.reliability().map(|change| word(change, "less", "more")),
        }
    }
}

impl TaskItem {
    fn new(time_rank: u64, task: &TaskStats) -> Self {
        Self {
            name: lossy(&task.name),
            name_base64: base64_unless_utf8(&task.name),
            project: task.project.lossy(),
            project_base64: base64_unless_utf8(task.project.as_bytes()),
            project_name: task.project_name.clone(),
            time_rank,
            failure_rank: task.failure_rank,
            runs: task.tally.total(),
            outcome: Outcome::new(&task.tally),
            trend: Trend::new(&task.trend),
        }
    }
}

impl Slot {
    fn new(tally: &Tally) -> Self {
        Self { runs: tally.total(), failed: tally.count(Status::Failed), median_ms: tally.median_ms() }
    }
}
