//! Questions about sums: over all times, over a stretch of time, in slots of it, before a run.

use super::super::error::Result;
use super::super::open::Catalog;
use super::super::rows;
use super::cells::{each_packed, unreadable};
use super::{ALL, DAY, RUNS, SPAN, day_of, place_of};
use crate::model::{Run, Status, Tally, Timestamp};
use rusqlite::{Row, named_params};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

/// Which part of history a question is about.
#[derive(Clone, Debug, Default)]
pub struct HistoryScope {
    /// Only of these projects' rows; `None` for all.
    pub projects: Option<HashSet<i64>>,
    /// What is asked about.
    pub of: HistoryOf,
    /// Only what began then or later.
    pub from: Option<Timestamp>,
    /// Only what began earlier than this.
    pub before: Option<Timestamp>,
}

/// What a question about history asks about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HistoryOf {
    /// Runs, and every task by itself.
    #[default]
    Everything,
    /// Runs alone.
    Runs,
    /// The task with this key.
    Task(i64),
    /// Runs, and the tasks with these keys.
    RunsAnd(Vec<i64>),
}

/// What a tally is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counted {
    /// The project's row.
    pub project: i64,
    /// The task's key; `None` for the runs themselves.
    pub task: Option<i64>,
}

/// Runs or tasks that came out alike, on a day.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Counted from 1970; 0 where all days are together.
    day: i64,
    status: Status,
    count: i64,
    ms: Option<i64>,
}

impl Counted {
    fn new(project: i64, name: i64) -> Self {
        Self { project, task: (name != RUNS).then_some(name) }
    }
}

impl HistoryScope {
    pub(super) fn has(&self, project: i64) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(&project))
    }

    /// The one project it is about, for statements that can use it.
    pub(super) fn project(&self) -> Option<i64> {
        match &self.projects {
            Some(projects) if projects.len() == 1 => projects.iter().next().copied(),
            _ => None,
        }
    }

    /// The names in the table; `None` for all.
    fn names(&self) -> Option<Vec<i64>> {
        match &self.of {
            HistoryOf::Everything => None,
            HistoryOf::Runs => Some(vec![RUNS]),
            HistoryOf::Task(key) => Some(vec![*key]),
            HistoryOf::RunsAnd(keys) => Some(std::iter::once(RUNS).chain(keys.iter().copied()).collect()),
        }
    }
}

impl Catalog {
    /// What is in the scope, added up for each project and task.
    ///
    /// # Errors
    /// The catalog's.
    pub fn tallies(&self, scope: &HistoryScope) -> Result<HashMap<Counted, Tally>> {
        let mut tallies: HashMap<Counted, Tally> = HashMap::new();
        let mut add = |counted: Counted, cell: Cell, sign: i64| {
            let ms = cell.ms.map(|ms| ms * sign);
            tallies.entry(counted).or_default().add(cell.status, cell.count * sign, ms);
        };
        let end_of = |day: i64| day.saturating_add(1).saturating_mul(DAY);
        match (scope.from, scope.before) {
            (Some(from), Some(before)) if before <= from => {}
            // What is too new is taken from the sum of all, which is one row for each task.
            (None, before) => {
                self.each_sum(scope, ALL, 0..=0, &mut |counted, cell| add(counted, cell, 1))?;
                if let Some(before) = before {
                    let day = day_of(before);
                    let mut take = |counted: Counted, cell: Cell| add(counted, cell, -1);
                    self.each_day(scope, day.saturating_add(1)..=i64::MAX, &mut take)?;
                    self.each_row(scope, before, end_of(day), &mut take)?;
                }
            }
            (Some(from), before) => {
                let first = day_of(from);
                let last = before.map_or(i64::MAX, |before| day_of(before.saturating_sub(1)));
                self.each_day(scope, first..=last, &mut |counted, cell| add(counted, cell, 1))?;
                let mut take = |counted: Counted, cell: Cell| add(counted, cell, -1);
                self.each_row(scope, first.saturating_mul(DAY), from, &mut take)?;
                if let Some(before) = before {
                    self.each_row(scope, before, end_of(last), &mut take)?;
                }
            }
        }
        tallies.retain(|_, tally| tally.total() > 0);
        Ok(tallies)
    }

    /// What is in the scope, added up in slots of so many days, the last of which ends with the day of `until`; the oldest
    /// slot comes first. Days are whole here.
    ///
    /// # Errors
    /// The catalog's.
    pub fn timeline(&self, scope: &HistoryScope, until: Timestamp, days: i64, slots: usize) -> Result<Vec<Tally>> {
        let mut line = vec![Tally::default(); slots];
        let last = day_of(until);
        let all = days.saturating_mul(i64::try_from(slots).unwrap_or(i64::MAX));
        let first = last.saturating_sub(all).saturating_add(1);
        self.each_day(scope, first..=last, &mut |_, cell| {
            let slot = usize::try_from((cell.day - first) / days).ok();
            if let Some(slot) = slot.and_then(|slot| line.get_mut(slot)) {
                slot.add(cell.status, cell.count, cell.ms);
            }
        })?;
        Ok(line)
    }

    /// The last day, as its first instant, on which something in the scope came out so; `None` for a status means
    /// whatever came of it.
    ///
    /// # Errors
    /// The catalog's.
    pub fn last_day(&self, scope: &HistoryScope, status: Option<Status>) -> Result<Option<Timestamp>> {
        let last = scope.before.map_or(i64::MAX, |before| day_of(before.saturating_sub(1)));
        let first = scope.from.map_or(0, day_of);
        let mut span = self.span_up_to(place_of(last).0)?;
        while let Some(at) = span.filter(|span| *span >= place_of(first).0) {
            let mut found = None;
            self.each_sum(scope, at, within(at, &(first..=last)), &mut |_, cell| {
                if status.is_none_or(|status| status == cell.status) {
                    found = found.max(Some(cell.day));
                }
            })?;
            if let Some(day) = found {
                return Ok(Some(day.saturating_mul(DAY)));
            }
            span = self.span_up_to(at - 1)?;
        }
        Ok(None)
    }

    /// The first day, as its first instant, on which there was something in the scope.
    ///
    /// # Errors
    /// The catalog's.
    pub fn first_day(&self, scope: &HistoryScope) -> Result<Option<Timestamp>> {
        let from = scope.from.map_or(0, day_of);
        let mut span = self.span_from(place_of(from).0.max(0))?;
        while let Some(at) = span {
            let mut found: Option<i64> = None;
            self.each_sum(scope, at, within(at, &(from..=i64::MAX)), &mut |_, cell| {
                found = Some(found.map_or(cell.day, |day| day.min(cell.day)));
            })?;
            if let Some(day) = found {
                return Ok(Some(day.saturating_mul(DAY)));
            }
            span = self.span_from(at + 1)?;
        }
        Ok(None)
    }

    /// How the tasks of a run, and the runs themselves (`None`), came out earlier in its project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn before_run(&self, run: &Run) -> Result<HashMap<Option<Vec<u8>>, Tally>> {
        let act = "read the tasks";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT t.name_id, n.name FROM tasks t JOIN names n ON n.id = t.name_id WHERE t.run_id = :run",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":run": run.key}, |row| Ok((row.get("name_id")?, row.get("name")?)))
            .map_err(self.error(act))?;
        let mut names: HashMap<i64, Vec<u8>> = found.collect::<rusqlite::Result<_>>().map_err(self.error(act))?;
        let scope = HistoryScope {
            projects: Some(HashSet::from([run.project_key])),
            of: HistoryOf::RunsAnd(names.keys().copied().collect()),
            from: None,
            before: Some(run.timestamp()),
        };
        let tallies = self.tallies(&scope)?;
        Ok(tallies.into_iter().map(|(of, tally)| (of.task.and_then(|key| names.remove(&key)), tally)).collect())
    }

    /// The first span from this one on that has something.
    fn span_from(&self, span: i64) -> Result<Option<i64>> {
        self.one_span("SELECT min(span) AS span FROM history WHERE span >= :span", span)
    }

    /// The last span up to this one that has something.
    fn span_up_to(&self, span: i64) -> Result<Option<i64>> {
        self.one_span("SELECT max(span) AS span FROM history WHERE span <= :span AND span >= 0", span)
    }

    fn one_span(&self, sql: &'static str, span: i64) -> Result<Option<i64>> {
        let act = "find a span";
        self.connection
            .prepare_cached(sql)
            .map_err(self.error(act))?
            .query_row(named_params! {":span": span}, |row| row.get("span"))
            .map_err(self.error(act))
    }

    /// Hands out what is kept of a range of days.
    fn each_day(
        &self,
        scope: &HistoryScope,
        days: RangeInclusive<i64>,
        each: &mut dyn FnMut(Counted, Cell),
    ) -> Result<()> {
        let mut span = self.span_from(place_of(*days.start()).0.max(0))?;
        while let Some(at) = span.filter(|span| *span <= place_of(*days.end()).0) {
            self.each_sum(scope, at, within(at, &days), each)?;
            span = self.span_from(at + 1)?;
        }
        Ok(())
    }

    /// Hands out what is kept of those days of a span.
    fn each_sum(
        &self,
        scope: &HistoryScope,
        span: i64,
        days: RangeInclusive<u8>,
        each: &mut dyn FnMut(Counted, Cell),
    ) -> Result<()> {
        let act = "read history";
        let mut read = |sql: &'static str, parameters: &[(&str, &dyn rusqlite::ToSql)]| -> Result<()> {
            let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
            let mut found = statement.query(parameters).map_err(self.error(act))?;
            while let Some(row) = found.next().map_err(self.error(act))? {
                let project = row.get("project_id").map_err(self.error(act))?;
                if !scope.has(project) {
                    continue;
                }
                let counted = Counted::new(project, row.get("name_id").map_err(self.error(act))?);
                let packed = row.get_ref("days").map_err(self.error(act))?.as_blob().unwrap_or_default();
                each_packed(packed, |kind, amount| {
                    if days.contains(&kind.day) {
                        let ms = kind.is_timed().then_some(amount.ms);
                        let day = if span == ALL { 0 } else { span * SPAN + i64::from(kind.day) };
                        each(counted, Cell { day, status: kind.status, count: amount.count, ms });
                    }
                })
                .ok_or_else(|| unreadable(span))?;
            }
            Ok(())
        };
        // Each text reads one stretch of the table.
        let Some(names) = scope.names() else {
            return read(
                "SELECT name_id, project_id, days FROM history WHERE span = :span",
                named_params! {":span": span},
            );
        };
        for name in names {
            match scope.project() {
                None => read(
                    "SELECT name_id, project_id, days FROM history WHERE span = :span AND name_id = :name",
                    named_params! {":span": span, ":name": name},
                )?,
                Some(project) => read(
                    "SELECT name_id, project_id, days FROM history
                     WHERE span = :span AND name_id = :name AND project_id = :project",
                    named_params! {":span": span, ":name": name, ":project": project},
                )?,
            }
        }
        Ok(())
    }

    /// Hands out what the rows say of the runs that began in a range of instants, of a day at most.
    fn each_row(
        &self,
        scope: &HistoryScope,
        from: Timestamp,
        before: Timestamp,
        each: &mut dyn FnMut(Counted, Cell),
    ) -> Result<()> {
        if from >= before {
            return Ok(());
        }
        let act = "read how runs came out";
        let (names, project) = (scope.names(), scope.project());
        let is_asked = |name: i64| names.as_ref().is_none_or(|names| names.contains(&name));
        let has_tasks = names.as_ref().is_none_or(|names| names.iter().any(|name| *name != RUNS));
        // Two texts, for the two indexes of runs in place and of those that are not.
        let mut runs = match project {
            None => self.connection.prepare_cached(
                "SELECT id, project_id, status, duration_ms FROM runs
                 WHERE state = 0 AND timestamp >= :from AND timestamp < :before AND :project IS NULL
                 UNION ALL
                 SELECT id, project_id, status, duration_ms FROM runs
                 WHERE state <> 0 AND timestamp >= :from AND timestamp < :before AND :project IS NULL",
            ),
            Some(_) => self.connection.prepare_cached(
                "SELECT id, project_id, status, duration_ms FROM runs
                 WHERE state = 0 AND project_id = :project AND timestamp >= :from AND timestamp < :before
                 UNION ALL
                 SELECT id, project_id, status, duration_ms FROM runs
                 WHERE state <> 0 AND project_id = :project AND timestamp >= :from AND timestamp < :before",
            ),
        }
        .map_err(self.error(act))?;
        let mut tasks = self
            .connection
            .prepare_cached("SELECT name_id, status, duration_ms FROM tasks WHERE run_id = :run")
            .map_err(self.error(act))?;
        let mut found = runs
            .query(named_params! {":from": from, ":before": before, ":project": project})
            .map_err(self.error(act))?;
        while let Some(run) = found.next().map_err(self.error(act))? {
            let project: i64 = run.get("project_id").map_err(self.error(act))?;
            if !scope.has(project) {
                continue;
            }
            if is_asked(RUNS) {
                each(Counted::new(project, RUNS), cell(run)?);
            }
            if !has_tasks {
                continue;
            }
            let key: i64 = run.get("id").map_err(self.error(act))?;
            let mut of_run = tasks.query(named_params! {":run": key}).map_err(self.error(act))?;
            while let Some(task) = of_run.next().map_err(self.error(act))? {
                let name = task.get("name_id").map_err(self.error(act))?;
                if is_asked(name) {
                    each(Counted::new(project, name), cell(task)?);
                }
            }
        }
        Ok(())
    }
}

/// How a row came out.
fn cell(row: &Row<'_>) -> Result<Cell> {
    let read = || -> rusqlite::Result<(i64, Option<i64>)> { Ok((row.get("status")?, row.get("duration_ms")?)) };
    let (status, ms) = read().map_err(rows::column)?;
    let status = rows::status(status)?;
    Ok(Cell { day: 0, status, count: 1, ms: ms.filter(|_| status.is_ended()).map(|ms| ms.max(0)) })
}

/// The days of a span that lie in a range of days.
fn within(span: i64, days: &RangeInclusive<i64>) -> RangeInclusive<u8> {
    let begins = span * SPAN;
    let number = |day: i64| day.saturating_sub(begins).clamp(0, SPAN - 1) as u8;
    number(*days.start())..=number(*days.end())
}
