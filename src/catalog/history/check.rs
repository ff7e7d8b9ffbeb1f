//! Whether the sums of history are those of the rows.

use super::super::error::Result;
use super::super::open::Catalog;
use super::super::rows;
use super::cells::{Amount, Cells, Kind};
use super::{ALL, RUNS, SPAN, day_of, place_of};
use crate::model::Timestamp;
use rusqlite::named_params;
use std::collections::{BTreeMap, HashMap};

/// A day on which the sums of history are not those of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryDifference {
    /// The task; `None` for the runs themselves.
    pub task: Option<Vec<u8>>,
    /// The day, counted from 1970 in UTC; `None` for all days together.
    pub day: Option<i64>,
    /// How many the sums hold.
    pub kept: u64,
    /// How many the rows hold: fewer where rows were folded away, and never more.
    pub in_rows: u64,
}

impl Catalog {
    /// Where the sums of a project's history are not those of its rows. Reads all of them: for checking.
    ///
    /// # Errors
    /// The catalog's.
    pub fn history_differences(&self, project: i64) -> Result<Vec<HistoryDifference>> {
        let act = "check history";
        let mut counted: HashMap<(i64, i64), Cells> = HashMap::new();
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT 0 AS name_id, timestamp, status, duration_ms FROM runs WHERE project_id = :project
                 UNION ALL
                 SELECT t.name_id, r.timestamp, t.status, t.duration_ms
                 FROM runs r JOIN tasks t ON t.run_id = r.id WHERE r.project_id = :project",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query(named_params! {":project": project}).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            let read = || -> rusqlite::Result<(i64, Timestamp, i64, Option<i64>)> {
                Ok((row.get("name_id")?, row.get("timestamp")?, row.get("status")?, row.get("duration_ms")?))
            };
            let (name, began, status, ms) = read().map_err(rows::column)?;
            let (span, day) = place_of(day_of(began));
            let kind = Kind::new(day, rows::status(status)?, ms);
            let amount = Amount { count: 1, ms: ms.filter(|_| kind.is_timed()).unwrap_or(0).max(0) };
            counted.entry((name, span)).or_default().add(kind, amount);
            counted.entry((name, ALL)).or_default().add(kind.on_any_day(), amount);
        }
        let mut statement = self
            .connection
            .prepare_cached("SELECT span, name_id, days FROM history WHERE project_id = :project")
            .map_err(self.error(act))?;
        let mut found = statement.query(named_params! {":project": project}).map_err(self.error(act))?;
        let mut kept: HashMap<(i64, i64), Cells> = HashMap::new();
        while let Some(row) = found.next().map_err(self.error(act))? {
            let read = || -> rusqlite::Result<(i64, i64, Vec<u8>)> {
                Ok((row.get("name_id")?, row.get("span")?, row.get("days")?))
            };
            let (name, span, packed) = read().map_err(rows::column)?;
            kept.insert((name, span), Cells::read(&packed, span)?);
        }
        let mut places: Vec<(i64, i64)> = kept.keys().chain(counted.keys()).copied().collect();
        places.sort_unstable();
        places.dedup();
        let mut differences = Vec::new();
        for (name, span) in places {
            let (kept, counted) = (kept.get(&(name, span)), counted.get(&(name, span)));
            if kept == counted {
                continue;
            }
            let (kept, counted) = (by_day(kept), by_day(counted));
            let days = kept.keys().chain(counted.keys()).copied().collect::<std::collections::BTreeSet<u8>>();
            for day in days {
                let (kept, in_rows) = (kept.get(&day), counted.get(&day));
                if kept != in_rows {
                    let total = |cells: Option<&Cells>| cells.map_or(0, Cells::total);
                    differences.push(HistoryDifference {
                        task: if name == RUNS { None } else { Some(self.task_name(name)?) },
                        day: (span != ALL).then_some(span * SPAN + i64::from(day)),
                        kept: total(kept),
                        in_rows: total(in_rows),
                    });
                }
            }
        }
        Ok(differences)
    }
}

fn by_day(cells: Option<&Cells>) -> BTreeMap<u8, Cells> {
    let mut days: BTreeMap<u8, Cells> = BTreeMap::new();
    if let Some(cells) = cells {
        cells.each(|kind, amount| days.entry(kind.day).or_default().add(kind, amount));
    }
    days
}
