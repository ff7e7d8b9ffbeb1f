//! Sums by month, gathered and written with the rows.

use super::super::error::Result;
use super::super::months::{month_of, month_of_run};
use super::{CatalogTx, MonthSums};
use crate::model::Timestamp;
use rusqlite::named_params;

impl CatalogTx<'_> {
    /// A run came into its place (1), or left it (-1).
    pub(super) fn count_month(&mut self, project: i64, began: Timestamp, sign: i64, size: i64, disk: i64) {
        let sums: &mut MonthSums = self.months.entry((project, month_of(began))).or_default();
        sums.runs += sign;
        sums.size += sign * size;
        sums.disk += sign * disk;
    }

    pub(super) fn flush_months(&mut self) -> Result<()> {
        let act = "add up months";
        let months = std::mem::take(&mut self.months);
        if months.is_empty() {
            return Ok(());
        }
        let mut statement = self.prepare(
            act,
            "INSERT INTO run_months (project_id, month, runs, size_bytes, disk_bytes)
             VALUES (:project, :month, :runs, :size, :disk)
             ON CONFLICT (project_id, month) DO UPDATE SET runs = runs + excluded.runs,
                size_bytes = size_bytes + excluded.size_bytes, disk_bytes = disk_bytes + excluded.disk_bytes",
        )?;
        for ((project, month), sums) in months {
            statement
                .execute(named_params! {
                    ":project": project, ":month": month, ":runs": sums.runs, ":size": sums.size, ":disk": sums.disk,
                })
                .map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Adds the months up anew from the rows.
    pub(in super::super) fn recount_months(&mut self) -> Result<()> {
        let act = "add up months";
        self.months.clear();
        self.tx.execute("DELETE FROM run_months", []).map_err(self.error(act))?;
        self.tx
            .execute(
                concat!(
                    "INSERT INTO run_months (project_id, month, runs, size_bytes, disk_bytes)
                     SELECT project_id, ",
                    month_of_run!(),
                    " AS m, count(*), sum(size_bytes), sum(disk_bytes) FROM runs WHERE state = 0 GROUP BY project_id, m"
                ),
                [],
            )
            .map_err(self.error(act))?;
        Ok(())
    }
}
