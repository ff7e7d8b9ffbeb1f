//! Statistics: how runs, or one task, came out over a stretch of time, and whether that got better or worse.
//!
//! **Rates and durations are of what ended**, well or badly: what runs, was interrupted or cannot be judged counts among
//! the runs and nowhere else. How exact quantiles are: see [`Tally`].
//!
//! **Periods.** The latest period is as long as the stretch that was asked for, or [`PERIOD`]; the one before is as long
//! and ends where the latest begins. A difference is named from [`SLOWER`] and [`LESS_RELIABLE`] on, and only where both
//! periods have [`ENOUGH`] to compare.
//!
//! Everything comes from the sums of [`crate::catalog`], runs that were removed included.

mod trend;

pub use trend::{Change, ENOUGH, LESS_RELIABLE, SLOWER, Trend};

use crate::catalog::{self, Catalog, Counted, HistoryFilter, HistoryOf, HistoryScope};
use crate::model::{Age, Project, ProjectDir, RunId, RunState, Status, Statuses, Tally, Timestamp};
use std::cmp::Reverse;
use std::collections::HashMap;

/// How long a period is where no stretch of time was asked for.
pub const PERIOD: Age = Age::days(30);

/// The most slots that a plot has: they fit the narrowest terminal beside their names.
const SLOTS: i64 = 31;

/// Seconds of a day.
const DAY: i64 = crate::model::DAY as i64;

/// What statistics are asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only of these projects; `None` for all.
    pub projects: Option<Vec<Project>>,
    /// Of this task, by its key and name; `None` for runs and all their tasks.
    pub task: Option<(i64, Vec<u8>)>,
    /// Only what began then or later.
    pub from: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

/// Statistics.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The task they are about.
    pub task: Option<Vec<u8>>,
    /// Only what began then or later.
    pub from: Option<Timestamp>,
    /// Of the runs, or of the task.
    pub tally: Tally,
    /// How many projects it happened in.
    pub projects: u64,
    /// What failed last.
    pub last_failure: Option<LastFailure>,
    /// The latest period beside the one before.
    pub trend: Trend,
    /// The tasks, each in its project, those first that took the most time.
    pub tasks: Vec<TaskStats>,
    /// How it went along.
    pub line: Line,
}

/// What failed last.
#[derive(Clone, Debug)]
pub struct LastFailure {
    /// The run and its state; `None` when its row was folded away.
    pub run: Option<(RunId, RunState)>,
    /// When it began; without a row, the first instant of that day.
    pub at: Timestamp,
}

/// A task in a project.
#[derive(Clone, Debug)]
pub struct TaskStats {
    /// Its name.
    pub name: Vec<u8>,
    /// The project's directory.
    pub project: ProjectDir,
    /// The project's name for people.
    pub project_name: String,
    /// Over the whole stretch.
    pub tally: Tally,
    /// The latest period beside the one before.
    pub trend: Trend,
    /// Its place among all by how often it failed, from 1.
    pub failure_rank: u64,
}

/// Tallies of slots of time that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The first instant of the first slot, a day's in UTC.
    pub from: Timestamp,
    /// How long each is, in days.
    pub days: u64,
    /// The oldest first; the last one holds now.
    pub slots: Vec<Tally>,
}

/// Puts statistics together.
///
/// # Errors
/// The catalog's.
pub fn gather(catalog: &Catalog, request: &Request) -> catalog::Result<Stats> {
    let projects: HashMap<i64, Project> = match &request.projects {
        Some(projects) => projects.iter().map(|project| (project.id, project.clone())).collect(),
        None => catalog.known_projects()?.into_iter().map(|project| (project.id, project)).collect(),
    };
    let task = request.task.as_ref().map(|(key, _)| *key);
    let scope = HistoryScope {
        projects: request.projects.as_ref().map(|_| projects.keys().copied().collect()),
        of: task.map_or(HistoryOf::Everything, HistoryOf::Task),
        from: request.from,
        before: None,
    };
    let over_all = catalog.tallies(&scope)?;
    let periods = Periods::of(catalog, &scope, request)?;

    let is_asked = |counted: &Counted| counted.task == task;
    let itself = HistoryScope { of: task.map_or(HistoryOf::Runs, HistoryOf::Task), ..scope.clone() };
    let tally = sum(over_all.iter().filter(|(counted, _)| is_asked(counted)));
    let mut tasks = Vec::new();
    for (counted, tally) in &over_all {
        let (Some(key), Some(project)) = (counted.task, projects.get(&counted.project)) else { continue };
        tasks.push(TaskStats {
            name: catalog.task_name(key)?,
            project: project.dir.clone(),
            project_name: project.name.clone(),
            tally: tally.clone(),
            trend: periods.trend(|other| other == counted),
            failure_rank: 0,
        });
    }
    rank(&mut tasks);
    Ok(Stats {
        task: request.task.as_ref().map(|(_, name)| name.clone()),
        from: request.from,
        projects: over_all.keys().filter(|counted| is_asked(counted)).count() as u64,
        last_failure: last_failure(catalog, &itself, &tally)?,
        trend: periods.trend(is_asked),
        tally,
        tasks,
        line: line(catalog, &itself, request.now)?,
    })
}

fn sum<'a>(tallies: impl Iterator<Item = (&'a Counted, &'a Tally)>) -> Tally {
    let mut sum = Tally::default();
    tallies.for_each(|(_, tally)| sum.merge(tally));
    sum
}

/// Puts tasks in the order of the time they took, and gives each its place in that of failures.
fn rank(tasks: &mut [TaskStats]) {
    let name = |task: &TaskStats| (task.name.clone(), task.project.clone());
    tasks.sort_by_cached_key(|task| {
        (Reverse(task.tally.count(Status::Failed)), Reverse(task.tally.ended()), name(task))
    });
    for (place, task) in (1..).zip(tasks.iter_mut()) {
        task.failure_rank = place;
    }
    tasks.sort_by_cached_key(|task| (Reverse(task.tally.spent_ms()), Reverse(task.tally.total()), name(task)));
}

/// The two periods, of everything that is asked for.
struct Periods {
    length: Age,
    latest: HashMap<Counted, Tally>,
    before: HashMap<Counted, Tally>,
}

impl Periods {
    fn of(catalog: &Catalog, scope: &HistoryScope, request: &Request) -> catalog::Result<Self> {
        let asked = request.from.and_then(|from| Age::between(from, request.now));
        let length = asked.filter(|age| age.as_seconds() > 0).unwrap_or(PERIOD);
        let begins = length.before(request.now);
        let between = |from, before| HistoryScope { from: Some(from), before: Some(before), ..scope.clone() };
        Ok(Self {
            length,
            // What began this very second is of the latest; what is still to come is of none.
            latest: catalog.tallies(&between(begins, request.now.saturating_add(1)))?,
            before: catalog.tallies(&between(length.before(begins), begins))?,
        })
    }

    fn trend(&self, is_asked: impl Fn(&Counted) -> bool) -> Trend {
        Trend {
            length: self.length,
            latest: sum(self.latest.iter().filter(|(counted, _)| is_asked(counted))),
            before: sum(self.before.iter().filter(|(counted, _)| is_asked(counted))),
        }
    }
}

fn last_failure(catalog: &Catalog, scope: &HistoryScope, tally: &Tally) -> catalog::Result<Option<LastFailure>> {
    if tally.count(Status::Failed) == 0 {
        return Ok(None);
    }
    let Some(day) = catalog.last_day(scope, Some(Status::Failed))? else { return Ok(None) };
    let from = scope.from.map_or(day, |from| from.max(day));
    let of_that_day = HistoryFilter {
        scope: HistoryScope { from: Some(from), before: Some(day.saturating_add(DAY)), ..scope.clone() },
        statuses: Statuses::any_of(&[Status::Failed]),
        oldest_first: false,
        limit: Some(1),
    };
    let mut found = LastFailure { run: None, at: day };
    catalog.each_past_run::<catalog::Error>(&of_that_day, |past| {
        found = LastFailure { at: past.run.timestamp(), run: Some((past.run.id, past.run.state)) };
        Ok(())
    })?;
    Ok(Some(found))
}

/// The line up to now, in slots of a day, a week or four weeks: the finest that show all of it, or the last 31.
fn line(catalog: &Catalog, scope: &HistoryScope, now: Timestamp) -> catalog::Result<Line> {
    let Some(first) = catalog.first_day(scope)?.filter(|first| *first <= now) else { return Ok(Line::default()) };
    let today = now.div_euclid(DAY);
    let days = today - first.div_euclid(DAY) + 1;
    let length = [1, 7].into_iter().find(|length| days <= length * SLOTS).unwrap_or(28);
    let slots = ((days + length - 1) / length).min(SLOTS);
    let slots = usize::try_from(slots).unwrap_or(1);
    let from = (today + 1).saturating_sub(length * slots as i64).saturating_mul(DAY);
    Ok(Line { from, days: length.unsigned_abs(), slots: catalog.timeline(scope, now, length, slots)? })
}
