//! The sums of history, kept with the rows: see [`super::super::history`].

use super::super::error::{Error, Result};
use super::super::history::cells::{Amount, Cells, Kind};
use super::super::history::{ALL, RUNS, day_of, place_of};
use super::super::rows;
use super::CatalogTx;
use crate::model::{Status, Timestamp};
use rusqlite::{OptionalExtension as _, Row, Transaction, named_params};
use std::collections::HashMap;
use std::path::Path;

/// From so many cells in memory on they are written, so that a first load of any size takes the same memory.
const MANY: usize = if cfg!(test) { 500 } else { 100_000 };

/// Span, task, project: the order of the table.
type Key = (i64, i64, i64);

/// What a transaction changes about history.
#[derive(Debug, Default)]
pub(super) struct Changes {
    cells: HashMap<Key, Cells>,
    /// Over all of them.
    count: usize,
}

/// A run, or one of its tasks, as it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) project: i64,
    /// The task, or [`RUNS`].
    pub(super) name: i64,
    /// When the run began.
    pub(super) began: Timestamp,
    pub(super) status: Status,
    pub(super) ms: Option<i64>,
}

/// An outcome's columns, of a run or a task.
fn outcome(row: &Row<'_>) -> Result<Outcome> {
    let read = || -> rusqlite::Result<_> {
        let status: i64 = row.get("status")?;
        Ok((row.get("project_id")?, row.get("name_id")?, row.get("timestamp")?, status, row.get("duration_ms")?))
    };
    let (project, name, began, status, ms) = read().map_err(rows::column)?;
    Ok(Outcome { project, name, began, status: rows::status(status)?, ms })
}

impl Changes {
    /// Counts so many times, or with -1 takes away.
    pub(super) fn count(&mut self, outcome: Outcome, times: i64) {
        let (span, day) = place_of(day_of(outcome.began));
        let kind = Kind::new(day, outcome.status, outcome.ms);
        let ms = outcome.ms.filter(|_| kind.is_timed()).unwrap_or(0).max(0);
        let cells = self.cells.entry((span, outcome.name, outcome.project)).or_default();
        let before = cells.len();
        cells.add(kind, Amount { count: times, ms: ms * times });
        self.count = self.count + cells.len() - before;
    }

    /// Writes what was gathered, when it is much.
    fn spill(&mut self, tx: &Transaction<'_>, path: &Path) -> Result<()> {
        if self.count < MANY { Ok(()) } else { self.flush(tx, path) }
    }

    /// Writes what was gathered.
    fn flush(&mut self, tx: &Transaction<'_>, path: &Path) -> Result<()> {
        let changes = std::mem::take(self).cells;
        let mut all: HashMap<Key, Cells> = HashMap::new();
        for ((_, name, project), cells) in &changes {
            let together = all.entry((ALL, *name, *project)).or_default();
            cells.each(|kind, amount| together.add(kind.on_any_day(), amount));
        }
        let mut changes: Vec<(Key, Cells)> = changes.into_iter().chain(all).filter(|(_, c)| !c.is_empty()).collect();
        // In the order of the table, which is one tree.
        changes.sort_unstable_by_key(|(key, _)| *key);
        changes.into_iter().try_for_each(|(key, cells)| add(tx, path, key, cells))
    }
}

fn add(tx: &Transaction<'_>, path: &Path, (span, name, project): Key, mut cells: Cells) -> Result<()> {
    let error = |source| Error::of("add up history", path, source);
    let key = named_params! {":span": span, ":name": name, ":project": project};
    let packed: Option<Vec<u8>> = tx
        .prepare_cached("SELECT days FROM history WHERE span = :span AND name_id = :name AND project_id = :project")
        .map_err(error)?
        .query_row(key, |row| row.get("days"))
        .optional()
        .map_err(error)?;
    if let Some(packed) = &packed {
        cells.merge(&Cells::read(packed, span)?);
    }
    if cells.is_empty() {
        tx.prepare_cached("DELETE FROM history WHERE span = :span AND name_id = :name AND project_id = :project")
            .and_then(|mut statement| statement.execute(key))
            .map_err(error)?;
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO history (span, name_id, project_id, days) VALUES (:span, :name, :project, :days)
         ON CONFLICT (span, name_id, project_id) DO UPDATE SET days = excluded.days",
    )
    .map_err(error)?
    .execute(named_params! {":span": span, ":name": name, ":project": project, ":days": cells.pack()})
    .map_err(error)?;
    Ok(())
}

impl CatalogTx<'_> {
    /// Counts a run and its tasks from their rows, or with -1 takes them away: for whoever writes or drops rows otherwise
    /// than by [`CatalogTx::put_run`].
    pub fn count_run(&mut self, key: i64, times: i64) -> Result<()> {
        let act = "read how a run came out";
        let outcomes: Vec<Outcome> = {
            let mut statement = self.prepare(
                act,
                "SELECT project_id, 0 AS name_id, timestamp, status, duration_ms FROM runs WHERE id = :run
                 UNION ALL
                 SELECT r.project_id, t.name_id, r.timestamp, t.status, t.duration_ms
                 FROM runs r JOIN tasks t ON t.run_id = r.id WHERE r.id = :run",
            )?;
            let found =
                statement.query_map(named_params! {":run": key}, |row| Ok(outcome(row))).map_err(self.error(act))?;
            found.map(|row| row.map_err(self.error(act))?).collect::<Result<_>>()?
        };
        outcomes.into_iter().for_each(|outcome| self.history.count(outcome, times));
        Ok(())
    }

    /// Counts a run and its tasks that are just being written.
    pub(super) fn count_outcomes(&mut self, outcomes: impl IntoIterator<Item = Outcome>) -> Result<()> {
        outcomes.into_iter().for_each(|outcome| self.history.count(outcome, 1));
        self.history.spill(&self.tx, &self.path)
    }

    pub(super) fn flush_history(&mut self) -> Result<()> {
        self.history.flush(&self.tx, &self.path)
    }

    /// Counts every run anew from the rows: for a catalog that was made before history was kept.
    pub(in super::super) fn count_all_runs(&mut self) -> Result<()> {
        let Self { tx, path, history, .. } = self;
        let error = |source| Error::of("count history", path, source);
        tx.execute("DELETE FROM history", []).map_err(error)?;
        for sql in [
            "SELECT project_id, 0 AS name_id, timestamp, status, duration_ms FROM runs",
            "SELECT r.project_id, t.name_id, r.timestamp, t.status, t.duration_ms
             FROM runs r JOIN tasks t ON t.run_id = r.id",
        ] {
            let mut statement = tx.prepare(sql).map_err(error)?;
            let mut found = statement.query([]).map_err(error)?;
            while let Some(row) = found.next().map_err(error)? {
                history.count(outcome(row)?, 1);
                history.spill(tx, path)?;
            }
        }
        Ok(())
    }
}

impl Outcome {
    /// Of a run itself.
    pub(super) const fn of_run(project: i64, began: Timestamp, status: Status, ms: Option<i64>) -> Self {
        Self { project, name: RUNS, began, status, ms }
    }
}
