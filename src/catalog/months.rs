//! What the runs of each month take: sums that are kept with the rows.

use super::error::Result;
use super::open::Catalog;
use super::rows::{column, unsigned};
use crate::model::{Month, Size, Timestamp};
use rusqlite::named_params;

/// The month of an instant in UTC, as `year * 12 + month - 1`; -1 outside the calendar. SQL says the same in
/// [`month_of_run`].
pub(super) fn month_of(at: Timestamp) -> i64 {
    use chrono::Datelike as _;
    match chrono::DateTime::from_timestamp(at, 0).map(|at| (i64::from(at.year()), i64::from(at.month0()))) {
        Some((year @ 0..=9999, month)) => year * 12 + month,
        _ => -1,
    }
}

/// [`month_of`] a row of `runs`.
#[rustfmt::skip]
macro_rules! month_of_run {
    () => {
        "coalesce(strftime('%Y', timestamp, 'unixepoch') * 12 + strftime('%m', timestamp, 'unixepoch') - 1, -1)"
    };
}
pub(super) use month_of_run;

impl Catalog {
    /// What the runs in their place take by the month in which they began, the oldest first: of all, or of some projects.
    ///
    /// # Errors
    /// The catalog's.
    pub fn months(&self, projects: Option<&[i64]>) -> Result<Vec<Month>> {
        let act = "add up months";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT month, sum(runs) AS runs, sum(size_bytes) AS size_bytes, sum(disk_bytes) AS disk_bytes
                 FROM run_months
                 WHERE :projects IS NULL OR project_id IN (SELECT value FROM json_each(:projects))
                 GROUP BY month HAVING sum(runs) > 0 ORDER BY month",
            )
            .map_err(self.error(act))?;
        let projects = projects.map(|keys| serde_json::to_string(keys).unwrap_or_default());
        let mut found = statement.query(named_params! {":projects": projects}).map_err(self.error(act))?;
        let mut months = Vec::new();
        while let Some(row) = found.next().map_err(self.error(act))? {
            let read = || -> rusqlite::Result<Month> {
                let size = Size { size: unsigned(row.get("size_bytes")?), disk: unsigned(row.get("disk_bytes")?) };
                Ok(Month { month: row.get("month")?, runs: unsigned(row.get("runs")?), size })
            };
            months.push(read().map_err(column)?);
        }
        Ok(months)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::{NOW, project, run};
    use super::super::{Departure, SumDifference};
    use super::*;
    use crate::model::{RunState, Status};

    #[test]
    fn months_are_those_of_the_rows_whatever_comes_and_goes() {
        let mut catalog = Catalog::in_memory("test").unwrap();
        let mut tx = catalog.begin().unwrap();
        let (a, b) = (project(&mut tx, "a-00000001"), project(&mut tx, "b-00000002"));
        // The last second of a month and the first of the next, a day that only leap years have, and 1970.
        let (january, february) = (1_738_367_999, 1_738_368_000);
        for (key, at) in [(a, january), (a, february), (b, february + 1), (b, 1_709_164_800), (a, 0)] {
            let mut record = run(key, at, Status::Success, None, Vec::new());
            record.size = Size { size: 10, disk: 4096 };
            tx.put_run(&record).unwrap();
            if at == january {
                record.size.disk = 8192;
                tx.put_run(&record).unwrap();
            }
        }
        tx.commit().unwrap();
        let mut catalog = catalog.finish().unwrap().unwrap();
        let month = |month: i64, runs, disk| Month { month, runs, size: Size { size: 10 * runs, disk } };
        let of = |year: i64, month: i64| year * 12 + month - 1;
        let all = [
            month(of(1970, 1), 1, 4096),
            month(of(2024, 2), 1, 4096),
            month(of(2025, 1), 1, 8192),
            month(of(2025, 2), 2, 8192),
        ];
        assert_eq!(catalog.months(None).unwrap(), all);
        assert_eq!(catalog.months(Some(&[b])).unwrap(), [all[1], month(of(2025, 2), 1, 4096)]);
        let wrong = |catalog: &Catalog| {
            let mut wrong: Vec<SumDifference> = Vec::new();
            catalog.each_wrong_sum(&mut |difference| wrong.push(difference)).unwrap();
            wrong
        };
        assert_eq!(wrong(&catalog), []);
        let key = catalog.run_named(a, &january.to_string()).unwrap().unwrap().key;
        let mut tx = catalog.begin().unwrap();
        let departure = Departure { at: NOW, operation: None, reasons: None, keep_until: None };
        tx.leave(key, RunState::Removed, &departure).unwrap();
        tx.commit().unwrap();
        assert_eq!(catalog.months(None).unwrap(), [all[0], all[1], all[3]]);
        assert_eq!(wrong(&catalog), []);
        catalog.connection.execute_batch("UPDATE run_months SET disk_bytes = disk_bytes + 1").unwrap();
        assert_eq!(wrong(&catalog).len(), 2, "of two projects: {:?}", wrong(&catalog));
        let mut tx = catalog.begin().unwrap();
        tx.recount().unwrap();
        tx.commit().unwrap();
        assert_eq!(wrong(&catalog), []);
        assert_eq!(catalog.months(None).unwrap(), [all[0], all[1], all[3]]);
    }
}
