//! Questions about one run or one cache entry: what it names, who names it. Each is answered from an index,
//! whatever the size of the store.

use super::cache::{NewestReferences, Reader, entry, newest};
use super::error::Result;
use super::open::Catalog;
use super::rows::{Columns, unsigned};
use super::selection::Bound;
use crate::model::{CacheEntry, ProjectDir, Timestamp};
use rusqlite::{Row, named_params};

/// A name in a cache: an entry, or one that links use although nothing is there, such as a directory of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheName {
    /// The entry, or what would be one.
    pub entry: CacheEntry,
    /// Whether a file is there.
    pub exists: bool,
}

fn name(row: &Row<'_>) -> rusqlite::Result<CacheName> {
    let row = Columns::of(row);
    Ok(CacheName { entry: entry(&row)?, exists: row.get("present")? })
}

#[rustfmt::skip]
macro_rules! name_columns {
    () => {
        "e.id, e.project_id, p.dir, e.path, e.size_bytes, e.disk_bytes, e.inode, e.mtime_ns, e.ref_count, e.present"
    };
}

impl Catalog {
    fn names(&self, sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]) -> Result<Vec<CacheName>> {
        let act = "look up cache entries";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let found = statement.query_map(parameters, name).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// What a run's links name, by project and path.
    ///
    /// # Errors
    /// The catalog's.
    pub fn named_by(&self, run: i64) -> Result<Vec<CacheName>> {
        self.names(
            concat!(
                "SELECT ",
                name_columns!(),
                " FROM refs f JOIN cache_entries e ON e.id = f.entry_id JOIN projects p ON p.id = e.project_id
                  WHERE f.run_id = :run ORDER BY p.dir, e.path"
            ),
            named_params! {":run": run},
        )
    }

    /// A name in a project's cache: a file that is there, or one that links use.
    ///
    /// # Errors
    /// The catalog's.
    pub fn cache_name(&self, project: i64, path: &[u8]) -> Result<Option<CacheName>> {
        let found = self.names(
            concat!(
                "SELECT ",
                name_columns!(),
                " FROM cache_entries e JOIN projects p ON p.id = e.project_id
                  WHERE e.project_id = :project AND e.path = :path AND (e.present = 1 OR e.ref_count > 0)"
            ),
            named_params! {":project": project, ":path": path},
        )?;
        Ok(found.into_iter().next())
    }

    /// The entries that lie below a directory of a project's cache; below the cache itself when the path is empty.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entries_below(&self, project: i64, path: &[u8]) -> Result<Vec<CacheEntry>> {
        if path.is_empty() {
            return self.cache_entries(project);
        }
        // `0` is what follows `/` in the order of bytes.
        let (from, to) = ([path, b"/"].concat(), [path, b"0"].concat());
        let found = self.names(
            concat!(
                "SELECT ",
                name_columns!(),
                " FROM cache_entries e JOIN projects p ON p.id = e.project_id
                  WHERE e.project_id = :project AND e.path > :from AND e.path < :to AND e.present = 1 ORDER BY e.path"
            ),
            named_params! {":project": project, ":from": from, ":to": to},
        )?;
        Ok(found.into_iter().map(|name| name.entry).collect())
    }

    /// How many runs of a project rank above one, those after `now` not counted, up to `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn newer_runs(&self, project: i64, (timestamp, number, key): Bound, now: Timestamp, limit: u64) -> Result<u64> {
        let act = "count newer runs";
        self.connection
            .prepare_cached(
                "SELECT count(*) AS n FROM (SELECT 1 FROM runs INDEXED BY runs_of_project
                    WHERE state = 0 AND project_id = :project AND timestamp BETWEEN :timestamp AND :now
                        AND (timestamp, number, id) > (:timestamp, :number, :key)
                    ORDER BY timestamp DESC, number DESC LIMIT :limit)",
            )
            .map_err(self.error(act))?
            .query_row(
                named_params! {
                    ":project": project, ":timestamp": timestamp, ":number": number, ":key": key, ":now": now,
                    ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
                },
                |row| row.get::<_, i64>("n"),
            )
            .map(unsigned)
            .map_err(self.error(act))
    }

    /// Up to `limit` of the runs in place that name an entry, those that were indexed last first.
    ///
    /// # Errors
    /// The catalog's.
    pub fn some_readers(&self, entry: i64, limit: u64) -> Result<Vec<Reader>> {
        self.few_readers(
            "SELECT r.id, p.dir AS project_dir, r.dir FROM refs f JOIN runs r ON r.id = f.run_id AND r.state = 0
             JOIN projects p ON p.id = r.project_id WHERE f.entry_id = :entry ORDER BY f.run_id DESC LIMIT :limit",
            named_params! {":entry": entry, ":limit": i64::try_from(limit).unwrap_or(i64::MAX)},
        )
    }

    /// The instants of the newest runs in place that name an entry, by class.
    ///
    /// # Errors
    /// The catalog's.
    pub fn newest_references(&self, entry: i64) -> Result<NewestReferences> {
        let act = "read an entry's newest references";
        self.connection
            .prepare_cached(
                "SELECT foreign_refs, newest_0, newest_1, newest_2, newest_3, newest_4 FROM cache_entries
                 WHERE id = :entry",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":entry": entry}, |row| newest(&Columns::of(row)))
            .map_err(self.error(act))
    }

    /// Whether a run names an entry.
    ///
    /// # Errors
    /// The catalog's.
    pub fn names_entry(&self, run: i64, entry: i64) -> Result<bool> {
        let act = "look for a reference";
        self.connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM refs WHERE run_id = :run AND entry_id = :entry) AS found")
            .map_err(self.error(act))?
            .query_row(named_params! {":run": run, ":entry": entry}, |row| row.get("found"))
            .map_err(self.error(act))
    }

    /// The newest of the runs in place that name an entry.
    ///
    /// # Errors
    /// The catalog's.
    pub fn newest_reader(&self, entry: i64) -> Result<Option<Reader>> {
        // The entry knows the instant of its newest reader, and the runs of one second are few.
        let found = self.few_readers(
            "SELECT r.id, p.dir AS project_dir, r.dir FROM runs r INDEXED BY runs_newest
             JOIN projects p ON p.id = r.project_id
             WHERE r.state = 0
                AND r.timestamp = (SELECT max(coalesce(newest_0, :lowest), coalesce(newest_1, :lowest),
                        coalesce(newest_2, :lowest), coalesce(newest_3, :lowest), coalesce(newest_4, :lowest))
                    FROM cache_entries WHERE id = :entry)
                AND EXISTS (SELECT 1 FROM refs f WHERE f.run_id = r.id AND f.entry_id = :entry)
             ORDER BY r.number DESC, r.project_id LIMIT 1",
            named_params! {":entry": entry, ":lowest": i64::MIN},
        )?;
        Ok(found.into_iter().next())
    }

    fn few_readers(&self, sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]) -> Result<Vec<Reader>> {
        let act = "list the runs that name an entry";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let found = statement
            .query_map(parameters, |row| {
                Ok(Reader {
                    key: row.get("id")?,
                    project: ProjectDir::new(row.get::<_, Vec<u8>>("project_dir")?),
                    dir: row.get("dir")?,
                })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }
}
