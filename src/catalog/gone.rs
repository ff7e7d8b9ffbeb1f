//! Questions about runs that are not in their place: their rows outlive them.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, run_columns, run_tables};
use crate::model::{Run, RunState, Timestamp};
use rusqlite::named_params;

impl Catalog {
    /// The runs in that state whose name's time lies in a range, newest first; at most `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn gone_between(&self, state: RunState, from: Timestamp, to: Timestamp, limit: u64) -> Result<Vec<Run>> {
        self.gone(state, None, (from, to), (limit, 0))
    }

    /// The `n`-th newest run in that state (0 is the newest), over all or in one project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn nth_newest_gone(&self, state: RunState, project: Option<i64>, n: u64) -> Result<Option<Run>> {
        Ok(self.gone(state, project, (i64::MIN, i64::MAX), (1, n))?.pop())
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
