//! Mending a catalog: doubt, which makes the next refresh look again and write what it finds, and sums counted anew.

use super::super::error::Result;
use super::CatalogTx;
use rusqlite::named_params;

impl CatalogTx<'_> {
    /// Makes the next refresh walk a run and write it anew, whatever it looks like.
    pub fn doubt_run(&mut self, key: i64) -> Result<()> {
        let act = "doubt a run";
        self.prepare(act, "UPDATE runs SET settled = 0, by_age = 0, manifest = zeroblob(32) WHERE id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error(act))?;
        Ok(())
    }

    /// Makes the next refresh list everything, walk every run and write all of it anew.
    pub fn doubt_all(&mut self) -> Result<()> {
        self.distrust_root()?;
        for (act, sql) in [
            ("doubt projects", "UPDATE projects SET trusted = 0"),
            ("doubt caches", "UPDATE cache_dirs SET trusted = 0"),
            ("doubt runs", "UPDATE runs SET settled = 0, by_age = 0, manifest = zeroblob(32) WHERE state = 0"),
        ] {
            self.prepare(act, sql)?.execute([]).map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Makes the next refresh list the store again. The project `.` has no directory and no cache of its own, so nothing
    /// is found out about them: what its row says of them is put right here.
    pub fn distrust_root(&mut self) -> Result<()> {
        for (act, sql) in [
            ("distrust the store", "UPDATE store SET trusted = 0"),
            (
                "distrust the store",
                "UPDATE projects SET whole = 1, cache_whole = 1, own_disk = 0, cache_rest_size = 0, cache_rest_disk = 0
                 WHERE dir = x'2e'",
            ),
        ] {
            self.prepare(act, sql)?.execute([]).map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Counts the sums of history anew from the rows. Only where they hold nothing that the rows do not: what was folded
    /// away would be lost.
    pub fn recount_history(&mut self) -> Result<()> {
        self.count_all_runs()
    }

    /// Counts every sum and reference anew from the rows.
    pub fn recount(&mut self) -> Result<()> {
        // First: newest references are kept by class.
        self.put_classes()?;
        self.recount_months()?;
        for (act, sql) in [
            (
                "add up runs",
                "UPDATE projects SET (runs, run_size, run_disk) =
                    (SELECT count(*), coalesce(sum(size_bytes), 0), coalesce(sum(disk_bytes), 0)
                     FROM runs WHERE project_id = projects.id AND state = 0)",
            ),
            (
                "add up cache entries",
                "UPDATE projects SET (cache_entries, cache_size, cache_disk) =
                    (SELECT count(*), coalesce(sum(size_bytes), 0), coalesce(sum(disk_bytes), 0)
                     FROM cache_entries WHERE project_id = projects.id AND present = 1)",
            ),
            (
                "count references",
                "UPDATE cache_entries SET (ref_count, foreign_refs, newest_0, newest_1, newest_2, newest_3, newest_4) =
                    (SELECT count(*), coalesce(sum(r.project_id <> cache_entries.project_id), 0),
                        max(r.timestamp) FILTER (WHERE r.class = 0), max(r.timestamp) FILTER (WHERE r.class = 1),
                        max(r.timestamp) FILTER (WHERE r.class = 2), max(r.timestamp) FILTER (WHERE r.class = 3),
                        max(r.timestamp) FILTER (WHERE r.class = 4)
                     FROM refs f JOIN runs r ON r.id = f.run_id
                     WHERE f.entry_id = cache_entries.id AND r.state = 0)",
            ),
            (
                // A pin is never taken off by a repair: what only one of the two says, both say then.
                "count pins",
                "INSERT INTO pins (run_id, note, pinned_at, who)
                    SELECT r.id, NULL, s.refreshed_at, '' FROM runs r, store s
                    WHERE r.pinned = 1 AND r.id NOT IN (SELECT run_id FROM pins)",
            ),
            (
                "count pins",
                "UPDATE runs SET pinned = 1, by_age = 0 WHERE pinned = 0 AND id IN (SELECT run_id FROM pins)",
            ),
        ] {
            self.prepare(act, sql)?.execute([]).map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Gives every run the class that its status has.
    fn put_classes(&mut self) -> Result<()> {
        let act = "class runs";
        let mut statement = self.prepare(
            act,
            "UPDATE runs SET class = :class WHERE status = :status AND status_source = :source AND class <> :class",
        )?;
        for status in crate::model::Status::ALL {
            for source in crate::model::StatusSource::ALL {
                let class = crate::model::Class::of(*status, *source);
                statement
                    .execute(named_params! {
                        ":class": class.code(), ":status": status.code(), ":source": source.code(),
                    })
                    .map_err(self.error(act))?;
            }
        }
        Ok(())
    }
}
