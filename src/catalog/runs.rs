//! Questions about runs.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, incomplete, run_columns, run_tables};
use super::sorted::RunOrder;
use crate::model::{Run, Statuses, Timestamp};
use rusqlite::{OptionalExtension as _, Rows, Statement, named_params};
use std::ops::RangeInclusive;

/// Which runs a listing wants.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only of this project's row.
    pub project: Option<i64>,
    /// Only with one of these statuses.
    pub statuses: Statuses,
    /// Only those of which it is certain that they are not all there: [`Run::is_incomplete`].
    pub incomplete: bool,
    /// Only those whose name's time is below this.
    pub before: Option<Timestamp>,
    /// Only those whose name's time is at or above this.
    pub from: Option<Timestamp>,
    /// Only those with a task of this name.
    pub task: Option<Vec<u8>>,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Only pinned ones.
    pub pinned: bool,
    /// In which order.
    pub order: RunOrder,
    /// At most so many.
    pub limit: Option<u64>,
}

/// What every listing asks of a run in its place.
#[rustfmt::skip]
macro_rules! listed {
    () => {
        $crate::catalog::runs::listed!("r.timestamp")
    };
    ($time:literal) => {
        concat!(
            "r.state = 0 AND ", $time, " < :before AND ", $time, " >= :from
                    AND (:statuses >> r.status) & 1 = 1 AND (:incomplete = 0 OR ", incomplete!(), ")
                    AND (:task IS NULL OR EXISTS (SELECT 1 FROM tasks t JOIN names n ON n.id = t.name_id
                            WHERE t.run_id = r.id AND n.name = :task))"
        )
    };
}
pub(super) use listed;

impl RunFilter {
    /// Runs a statement with what [`listed`] and the conditions around it ask for.
    pub(super) fn ask<'s>(&self, statement: &'s mut Statement<'_>, tags: &str) -> rusqlite::Result<Rows<'s>> {
        statement.query(named_params! {
            ":project": self.project, ":before": self.before.unwrap_or(i64::MAX),
            ":from": self.from.unwrap_or(i64::MIN), ":statuses": self.statuses.bits(),
            ":incomplete": self.incomplete, ":task": self.task,
            ":limit": self.limit.map_or(-1, |l| i64::try_from(l).unwrap_or(i64::MAX)), ":pinned": self.pinned,
            ":tags": tags,
        })
    }
}

impl Catalog {
    /// Hands the runs that are there to `each`, newest first, without holding them all. Within a second, the higher run
    /// number comes first, then the project that was listed first.
    ///
    /// # Errors
    /// The catalog's, or the first of `each`.
    pub fn each_run<E: From<super::Error>>(
        &self,
        filter: &RunFilter,
        mut each: impl FnMut(Run) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let act = "list runs";
        if filter.order != RunOrder::default() {
            return self.each_run_sorted(filter, each);
        }
        // Texts that differ in the condition by which the rows are found: an optional one would keep SQLite from the index.
        let mut statement = match (filter.tags.is_empty(), filter.pinned, filter.project) {
            (false, ..) => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.id IN (SELECT m.run_id FROM tags m WHERE m.tag = json_extract(:tags, '$[0]'))
                    AND NOT EXISTS (SELECT 1 FROM json_each(:tags) w
                            WHERE NOT EXISTS (SELECT 1 FROM tags g WHERE g.run_id = r.id AND g.tag = w.value))
                    AND (:project IS NULL OR r.project_id = :project) AND (:pinned = 0 OR r.pinned = 1) AND ",
                listed!(),
                " ORDER BY r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit"
            )),
            (true, true, _) => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.pinned = 1 AND :pinned = 1 AND :tags IS NOT NULL AND (:project IS NULL OR r.project_id = :project) AND ",
                listed!(),
                " ORDER BY r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit"
            )),
            (true, false, None) => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE :project IS NULL AND :pinned = 0 AND :tags IS NOT NULL AND ",
                listed!(),
                " ORDER BY r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit"
            )),
            (true, false, Some(_)) => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.project_id = :project AND :pinned = 0 AND :tags IS NOT NULL AND ",
                listed!(),
                " ORDER BY r.timestamp DESC, r.number DESC LIMIT :limit"
            )),
        }
        .map_err(self.error(act))?;
        let tags = serde_json::to_string(&filter.tags).unwrap_or_default();
        let mut found = filter.ask(&mut statement, &tags).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            each(rows::run(row)?)?;
        }
        Ok(())
    }

    /// As [`Catalog::each_run`], all at once.
    ///
    /// # Errors
    /// The catalog's.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        let mut runs = Vec::new();
        self.each_run::<super::Error>(filter, |run| {
            runs.push(run);
            Ok(())
        })?;
        Ok(runs)
    }

    /// The run in that row.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run(&self, key: i64) -> Result<Option<Run>> {
        self.one_run(
            concat!("SELECT ", run_columns!(), " FROM ", run_tables!(), " WHERE r.id = :key"),
            named_params! {":key": key},
        )
    }

    /// The run of that name in a project, in whatever state.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_named(&self, project: i64, dir: &str) -> Result<Option<Run>> {
        self.one_run(
            concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.project_id = :project AND r.dir = :dir"
            ),
            named_params! {":project": project, ":dir": dir},
        )
    }

    /// Whether a run of that name is in its place in a project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn has_run(&self, project: i64, dir: &str) -> Result<bool> {
        let act = "find a run";
        self.connection
            .prepare_cached("SELECT 1 FROM runs WHERE project_id = :project AND dir = :dir AND state = 0")
            .map_err(self.error(act))?
            .exists(named_params! {":project": project, ":dir": dir})
            .map_err(self.error(act))
    }

    fn one_run(&self, sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]) -> Result<Option<Run>> {
        let act = "read a run";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let found = statement.query_row(parameters, |row| Ok(rows::run(row))).optional().map_err(self.error(act))?;
        found.transpose()
    }

    /// The runs that are there whose name's time lies in a range, newest first, over all or in one project; at most
    /// `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn runs_between(&self, project: Option<i64>, span: RangeInclusive<Timestamp>, limit: u64) -> Result<Vec<Run>> {
        let (from, to) = span.into_inner();
        self.runs(&RunFilter {
            project,
            from: Some(from),
            before: to.checked_add(1),
            limit: Some(limit),
            ..RunFilter::default()
        })
    }

    /// The `n`-th newest run that is there (0 is the newest), over all or in one project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn nth_newest(&self, project: Option<i64>, n: u64) -> Result<Option<Run>> {
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        match project {
            None => self.one_run(
                concat!(
                    "SELECT ",
                    run_columns!(),
                    " FROM ",
                    run_tables!(),
                    " WHERE r.state = 0
                     ORDER BY r.timestamp DESC, r.number DESC, r.project_id LIMIT 1 OFFSET :n"
                ),
                named_params! {":n": n},
            ),
            Some(project) => self.one_run(
                concat!(
                    "SELECT ",
                    run_columns!(),
                    " FROM ",
                    run_tables!(),
                    " WHERE r.state = 0 AND r.project_id = :project
                     ORDER BY r.timestamp DESC, r.number DESC LIMIT 1 OFFSET :n"
                ),
                named_params! {":project": project, ":n": n},
            ),
        }
    }

    /// The largest runs by disk use.
    ///
    /// # Errors
    /// The catalog's.
    pub fn largest_runs(&self, project: Option<i64>, limit: u64) -> Result<Vec<Run>> {
        let act = "find the largest runs";
        let mut statement = match project {
            None => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.state = 0 AND :project IS NULL
                 ORDER BY r.disk_bytes DESC, r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit"
            )),
            Some(_) => self.connection.prepare_cached(concat!(
                "SELECT ",
                run_columns!(),
                " FROM ",
                run_tables!(),
                " WHERE r.state = 0 AND r.project_id = :project
                 ORDER BY r.disk_bytes DESC, r.timestamp DESC, r.number DESC, r.project_id LIMIT :limit"
            )),
        }
        .map_err(self.error(act))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement
            .query_map(named_params! {":project": project, ":limit": limit}, |row| Ok(rows::run(row)))
            .map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }
}
