//! Whether sums and counts are those of the rows.

use super::super::error::Result;
use super::super::months::month_of_run;
use super::super::open::Catalog;
use super::super::rows;
use crate::model::{Class, ProjectDir};
use rusqlite::Row;

/// A sum or count that is not what the rows come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumDifference {
    /// The project.
    pub project: Option<ProjectDir>,
    /// The entry, for a count of references.
    pub entry: Option<Vec<u8>>,
    /// What is counted, in words.
    pub what: &'static str,
    /// What is kept; `None` for nothing.
    pub kept: Option<i64>,
    /// What the rows come to.
    pub counted: Option<i64>,
}

/// A column that keeps a sum, the column that it is held against, and its words.
type Pair = (&'static str, &'static str, &'static str);

const OF_PROJECTS: &[Pair] = &[
    ("runs", "n", "the number of runs"),
    ("run_size", "n_size", "the size of the runs"),
    ("run_disk", "n_disk", "the disk use of the runs"),
    ("cache_entries", "m", "the number of cache entries"),
    ("cache_size", "m_size", "the size of the cache entries"),
    ("cache_disk", "m_disk", "the disk use of the cache entries"),
];

const OF_ENTRIES: &[Pair] = &[
    ("ref_count", "n", "the number of runs that name it"),
    ("foreign_refs", "n_foreign", "the number of runs of other projects that name it"),
    ("newest_0", "n_0", "the newest run that names it"),
    ("newest_1", "n_1", "the newest failed run that names it"),
    ("newest_2", "n_2", "the newest run of unknown status that names it"),
    ("newest_3", "n_3", "the newest run that seems to have succeeded and names it"),
    ("newest_4", "n_4", "the newest run that seems to have failed and names it"),
];

fn compare(row: &Row<'_>, pairs: &[Pair], each: &mut dyn FnMut(SumDifference)) -> rusqlite::Result<()> {
    for (kept, counted, what) in pairs {
        let (kept, counted): (Option<i64>, Option<i64>) = (row.get(*kept)?, row.get(*counted)?);
        if kept != counted {
            let project = Some(ProjectDir::new(row.get::<_, Vec<u8>>("dir")?));
            each(SumDifference { project, entry: row.get("path")?, what, kept, counted });
        }
    }
    Ok(())
}

impl Catalog {
    /// Hands every sum and count that is not what the rows come to, to `each`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn each_wrong_sum(&self, each: &mut dyn FnMut(SumDifference)) -> Result<()> {
        let act = "add up again";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.dir, NULL AS path, p.runs, p.run_size, p.run_disk, p.cache_entries, p.cache_size, p.cache_disk,
                    coalesce(r.n, 0) AS n, coalesce(r.size, 0) AS n_size, coalesce(r.disk, 0) AS n_disk,
                    coalesce(e.n, 0) AS m, coalesce(e.size, 0) AS m_size, coalesce(e.disk, 0) AS m_disk
                 FROM projects p
                 LEFT JOIN (SELECT project_id, count(*) AS n, sum(size_bytes) AS size, sum(disk_bytes) AS disk
                            FROM runs WHERE state = 0 GROUP BY project_id) r ON r.project_id = p.id
                 LEFT JOIN (SELECT project_id, count(*) AS n, sum(size_bytes) AS size, sum(disk_bytes) AS disk
                            FROM cache_entries WHERE present = 1 GROUP BY project_id) e ON e.project_id = p.id
                 ORDER BY p.dir",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            compare(row, OF_PROJECTS, each).map_err(rows::column)?;
        }
        self.each_wrong_month(each)?;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.dir, e.path, e.ref_count, e.foreign_refs, e.newest_0, e.newest_1, e.newest_2, e.newest_3, e.newest_4,
                    coalesce(c.n, 0) AS n, coalesce(c.n_foreign, 0) AS n_foreign, c.n_0, c.n_1, c.n_2, c.n_3, c.n_4
                 FROM cache_entries e JOIN projects p ON p.id = e.project_id
                 LEFT JOIN (SELECT f.entry_id, count(*) AS n, sum(r.project_id <> x.project_id) AS n_foreign,
                                max(r.timestamp) FILTER (WHERE r.class = 0) AS n_0,
                                max(r.timestamp) FILTER (WHERE r.class = 1) AS n_1,
                                max(r.timestamp) FILTER (WHERE r.class = 2) AS n_2,
                                max(r.timestamp) FILTER (WHERE r.class = 3) AS n_3,
                                max(r.timestamp) FILTER (WHERE r.class = 4) AS n_4
                            FROM refs f JOIN runs r ON r.id = f.run_id AND r.state = 0
                            JOIN cache_entries x ON x.id = f.entry_id GROUP BY f.entry_id) c ON c.entry_id = e.id
                 WHERE e.ref_count <> coalesce(c.n, 0) OR e.foreign_refs <> coalesce(c.n_foreign, 0)
                    OR e.newest_0 IS NOT c.n_0 OR e.newest_1 IS NOT c.n_1 OR e.newest_2 IS NOT c.n_2
                    OR e.newest_3 IS NOT c.n_3 OR e.newest_4 IS NOT c.n_4",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            compare(row, OF_ENTRIES, each).map_err(rows::column)?;
        }
        for (what, kept, counted) in [self.wrong_classes()?, self.wrong_pins()?] {
            if kept != counted {
                each(SumDifference { project: None, entry: None, what, kept: Some(kept), counted: Some(counted) });
            }
        }
        Ok(())
    }

    /// The months of a project are held against its rows all together: the number of months that are wrong.
    fn each_wrong_month(&self, each: &mut dyn FnMut(SumDifference)) -> Result<()> {
        let act = "add up months again";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "WITH counted AS (
                    SELECT project_id, ",
                month_of_run!(),
                " AS month, count(*) AS runs, sum(size_bytes) AS size_bytes, sum(disk_bytes) AS disk_bytes
                    FROM runs WHERE state = 0 GROUP BY 1, 2)
                 SELECT p.dir, NULL AS path, count(DISTINCT d.month) AS n, 0 AS right FROM (
                    SELECT project_id, month FROM (
                        SELECT project_id, month, runs, size_bytes, disk_bytes FROM run_months WHERE runs <> 0
                        UNION ALL SELECT project_id, month, runs, size_bytes, disk_bytes FROM counted)
                    GROUP BY project_id, month, runs, size_bytes, disk_bytes HAVING count(*) <> 2
                    ) d JOIN projects p ON p.id = d.project_id GROUP BY p.dir ORDER BY p.dir"
            ))
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            compare(row, &[("n", "right", "the sums by month that are wrong")], each).map_err(rows::column)?;
        }
        Ok(())
    }

    /// How many runs have a class, and how many have the one that their status gives.
    fn wrong_classes(&self) -> Result<(&'static str, i64, i64)> {
        let act = "check the classes of runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT status, status_source, class, count(*) AS n FROM runs GROUP BY status, status_source, class",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        let (mut all, mut right) = (0, 0);
        while let Some(row) = found.next().map_err(self.error(act))? {
            let read = || -> rusqlite::Result<(i64, i64, i64, i64)> {
                Ok((row.get("status")?, row.get("status_source")?, row.get("class")?, row.get("n")?))
            };
            let (status, source, class, n) = read().map_err(rows::column)?;
            all += n;
            let is_right = Class::of(rows::status(status)?, rows::source(source)?).code() == class;
            right += if is_right { n } else { 0 };
        }
        Ok(("the runs whose class is that of their status", all, right))
    }

    /// How many runs count as pinned, and how many of them have a pin; a pin without its run counts against them.
    fn wrong_pins(&self) -> Result<(&'static str, i64, i64)> {
        let act = "check the pins";
        self.connection
            .prepare_cached(
                "SELECT (SELECT count(*) FROM runs WHERE pinned = 1) AS kept,
                    (SELECT count(*) FROM pins n JOIN runs r ON r.id = n.run_id AND r.pinned = 1)
                        - (SELECT count(*) FROM pins n JOIN runs r ON r.id = n.run_id AND r.pinned = 0) AS counted",
            )
            .map_err(self.error(act))?
            .query_row([], |row| Ok(("the pinned runs that have a pin", row.get("kept")?, row.get("counted")?)))
            .map_err(self.error(act))
    }
}
