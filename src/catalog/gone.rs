//! Questions about runs that are not in their place: their rows outlive them.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, run_columns, run_tables};
use crate::model::{Run, RunState, Timestamp};
use rusqlite::{OptionalExtension as _, Row, named_params};
use std::ops::RangeInclusive;

/// How a run left its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departed {
    /// When.
    pub at: Timestamp,
    /// By which operation; `None` when it was not ours.
    pub operation: Option<String>,
    /// Why, as JSON.
    pub reasons: Option<String>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}

fn departed(row: &Row<'_>) -> rusqlite::Result<Departed> {
    Ok(Departed {
        at: row.get::<_, Option<Timestamp>>("left_at")?.unwrap_or(0),
        operation: row.get("operation_id")?,
        reasons: row.get("reasons")?,
        keep_until: row.get("keep_until")?,
    })
}

impl Catalog {
    /// The runs in that state whose name's time lies in a range, newest first, over all or in one project; at most
    /// `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn gone_between(
        &self,
        state: RunState,
        project: Option<i64>,
        span: RangeInclusive<Timestamp>,
        limit: u64,
    ) -> Result<Vec<Run>> {
        self.gone(state, project, span.into_inner(), (limit, 0))
    }

    /// The `n`-th newest run in that state (0 is the newest), over all or in one project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn nth_newest_gone(&self, state: RunState, project: Option<i64>, n: u64) -> Result<Option<Run>> {
        Ok(self.gone(state, project, (i64::MIN, i64::MAX), (1, n))?.pop())
    }

    /// How the run in that row left its place; `None` for one that is there.
    ///
    /// # Errors
    /// The catalog's.
    pub fn departed(&self, key: i64) -> Result<Option<Departed>> {
        let act = "read how a run left";
        self.connection
            .prepare_cached(
                "SELECT left_at, operation_id, reasons, keep_until FROM runs WHERE id = :run AND state <> 0",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":run": key}, departed)
            .optional()
            .map_err(self.error(act))
    }

    /// Hands all runs that are not in their place to `each`, with how they left it, in no order.
    ///
    /// # Errors
    /// The catalog's, or the first of `each`.
    pub fn each_gone(&self, mut each: impl FnMut(Run, Departed) -> Result<()>) -> Result<()> {
        let act = "list runs that are gone";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                ", r.left_at, r.operation_id, r.reasons, r.keep_until FROM ",
                run_tables!(),
                " WHERE r.state <> 0"
            ))
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            each(rows::run(row)?, departed(row).map_err(self.error(act))?)?;
        }
        Ok(())
    }

    /// The runs that are pinned or tagged, in whatever state.
    ///
    /// # Errors
    /// The catalog's.
    pub fn marked_runs(&self) -> Result<Vec<Run>> {
        let act = "list pins and tags";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.id IN (SELECT run_id FROM pins UNION SELECT run_id FROM tags)"
            ))
            .map_err(self.error(act))?;
        let found = statement.query_map([], |row| Ok(rows::run(row))).map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    fn gone(
        &self,
        state: RunState,
        project: Option<i64>,
        (from, to): (Timestamp, Timestamp),
        (limit, offset): (u64, u64),
    ) -> Result<Vec<Run>> {
        let act = "list runs that are gone";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.state <> 0 AND r.state = :state AND r.timestamp BETWEEN :from AND :to
                    AND (:project IS NULL OR r.project_id = :project)
                  ORDER BY r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit OFFSET :offset"
            ))
            .map_err(self.error(act))?;
        let bound = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let found = statement
            .query_map(
                named_params! {
                    ":state": state.code(), ":from": from, ":to": to, ":project": project,
                    ":limit": bound(limit), ":offset": bound(offset),
                },
                |row| Ok(rows::run(row)),
            )
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }
}
