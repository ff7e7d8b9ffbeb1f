//! Runs of any state, newest or oldest first, or one task across them.
//!
//! Runs in their place and those that are not have an index each; SQLite merges the two in order, so a listing costs what
//! is listed. For a task that few runs have, its own index is asked first.

use super::super::error::{Error, Result};
use super::super::open::Catalog;
use super::super::rows::{self, run_columns, run_tables, task_columns, task_tables};
use super::{DAY, HistoryOf, HistoryScope};
use crate::model::{PastRun, Statuses, Task, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};
use std::ops::Range;

/// What a listing wants of history.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Whose, of which task, of which time. Of several tasks at once there is no listing.
    pub scope: HistoryScope,
    /// Only what came out as one of these: the task where one is asked for, else the run.
    pub statuses: Statuses,
    /// The oldest first. The limit counts from that end.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Whether a run, or the task of it that is asked for, came out as wanted.
#[rustfmt::skip]
macro_rules! came_out {
    () => {
        "(:task IS NOT NULL OR (:statuses >> r.status) & 1 = 1)
         AND (:task IS NULL OR EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.id AND t.name_id = :task
                 AND (:statuses >> t.status) & 1 = 1))"
    };
}

/// The runs in their place and those that are gone, within a scope, merged in an order that the indexes of both have.
/// There is no way to hand an order over as a parameter.
#[rustfmt::skip]
macro_rules! of_every_state {
    ($scope:literal, $order:literal) => {
        concat!(
            "SELECT ", run_columns!(), ", r.left_at, r.timestamp, r.number FROM ", run_tables!(),
            " WHERE r.state = 0 AND ", $scope, " AND r.timestamp < :before AND r.timestamp >= :from AND ", came_out!(),
            " UNION ALL
              SELECT ", run_columns!(), ", r.left_at, r.timestamp, r.number FROM ", run_tables!(),
            " WHERE r.state <> 0 AND ", $scope, " AND r.timestamp < :before AND r.timestamp >= :from AND ", came_out!(),
            " ORDER BY ", $order
        )
    };
}

/// The runs that the index of a task names, in an order.
macro_rules! of_the_task {
    ($order:literal) => {
        concat!(
            "SELECT r.id, r.project_id, r.left_at FROM tasks t JOIN runs r ON r.id = t.run_id
             WHERE t.name_id = :task AND (:statuses >> t.status) & 1 = 1
                AND r.timestamp < :before AND r.timestamp >= :from
             ORDER BY ",
            $order
        )
    };
}

impl HistoryFilter {
    fn task(&self) -> Option<i64> {
        match self.scope.of {
            HistoryOf::Task(key) => Some(key),
            _ => None,
        }
    }
}

impl Catalog {
    /// Hands the runs of a scope to `each`, in whatever state they are, newest first, without holding them all. Order
    /// within a second is that of [`Catalog::each_run`]. The oldest first is the very reverse.
    ///
    /// # Errors
    /// The catalog's, or the first of `each`.
    pub fn each_past_run<E: From<Error>>(
        &self,
        filter: &HistoryFilter,
        mut each: impl FnMut(PastRun) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut left = filter.limit.unwrap_or(u64::MAX);
        let mut hand_out = |past: PastRun| {
            left -= 1;
            each(past)?;
            Ok(left > 0)
        };
        if filter.limit == Some(0) {
            return Ok(());
        }
        let Some(task) = filter.task() else {
            return self.walk_history(filter, None, i64::MIN..i64::MAX, &mut hand_out);
        };
        let scope = &filter.scope;
        let of_task: u64 = self.tallies(scope)?.values().map(crate::model::Tally::total).sum();
        let runs = HistoryScope { of: HistoryOf::Runs, ..scope.clone() };
        let of_runs: u64 = self.tallies(&runs)?.values().map(crate::model::Tally::total).sum();
        // A walk meets the task in one run of `of_runs / of_task`, and ends at the limit; the index has `of_task` of them.
        let walk = filter.limit.unwrap_or(of_task).min(of_task).saturating_mul(of_runs) / of_task.max(1);
        if walk > of_task {
            return self.look_up_history(filter, task, &mut hand_out);
        }
        // No run outside these days has the task: a walk from either end begins where there is something to find.
        let days = match (self.first_day(scope)?, self.last_day(scope, None)?) {
            (Some(first), Some(last)) => first..last.saturating_add(DAY),
            _ => 0..0,
        };
        self.walk_history(filter, Some(task), days, &mut hand_out)
    }

    /// Goes through the runs in order.
    fn walk_history<E: From<Error>>(
        &self,
        filter: &HistoryFilter,
        task: Option<i64>,
        within: Range<Timestamp>,
        each: &mut dyn FnMut(PastRun) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        let act = "list history";
        let scope = &filter.scope;
        let project = scope.project();
        let statement = match (project, filter.oldest_first) {
            (None, false) => of_every_state!(":project IS NULL", "timestamp DESC, number DESC, project_id"),
            (None, true) => of_every_state!(":project IS NULL", "timestamp, number, project_id DESC"),
            (Some(_), false) => of_every_state!("r.project_id = :project", "timestamp DESC, number DESC"),
            (Some(_), true) => of_every_state!("r.project_id = :project", "timestamp, number"),
        };
        let mut statement = self.connection.prepare_cached(statement).map_err(self.error(act))?;
        let mut found = statement
            .query(named_params! {
                ":project": project, ":before": scope.before.unwrap_or(i64::MAX).min(within.end),
                ":from": scope.from.unwrap_or(i64::MIN).max(within.start), ":statuses": filter.statuses.bits(), ":task": task,
            })
            .map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            let run = rows::run(row)?;
            if !scope.has(run.project_key) {
                continue;
            }
            let left_at = row.get("left_at").map_err(rows::column)?;
            let task = match task {
                Some(task) => self.task_of(run.key, task)?,
                None => None,
            };
            if !each(PastRun { run, left_at, task })? {
                break;
            }
        }
        Ok(())
    }

    /// Goes through the runs that the task's own index names.
    fn look_up_history<E: From<Error>>(
        &self,
        filter: &HistoryFilter,
        task: i64,
        each: &mut dyn FnMut(PastRun) -> std::result::Result<bool, E>,
    ) -> std::result::Result<(), E> {
        let act = "list a task's history";
        let scope = &filter.scope;
        let statement = match filter.oldest_first {
            false => of_the_task!("r.timestamp DESC, r.number DESC, r.project_id"),
            true => of_the_task!("r.timestamp, r.number, r.project_id DESC"),
        };
        let mut statement = self.connection.prepare_cached(statement).map_err(self.error(act))?;
        let mut found = statement
            .query(named_params! {
                ":task": task, ":statuses": filter.statuses.bits(),
                ":before": scope.before.unwrap_or(i64::MAX), ":from": scope.from.unwrap_or(i64::MIN),
            })
            .map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            let project = row.get("project_id").map_err(rows::column)?;
            if !scope.has(project) {
                continue;
            }
            let key = row.get("id").map_err(rows::column)?;
            let left_at = row.get("left_at").map_err(rows::column)?;
            let Some(run) = self.run(key)? else { continue };
            let task = self.task_of(key, task)?;
            if !each(PastRun { run, left_at, task })? {
                break;
            }
        }
        Ok(())
    }

    /// The task with that key of a run.
    fn task_of(&self, run: i64, name: i64) -> Result<Option<Task>> {
        let act = "read a task";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                task_columns!(),
                " FROM ",
                task_tables!(),
                " WHERE t.run_id = :run AND t.name_id = :name"
            ))
            .map_err(self.error(act))?;
        let found = statement
            .query_row(named_params! {":run": run, ":name": name}, |row| Ok(rows::task(row)))
            .optional()
            .map_err(self.error(act))?;
        found.transpose()
    }
}
