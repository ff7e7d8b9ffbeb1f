//! Questions about cache entries and who names them.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, Columns, unsigned};
use crate::model::{CacheEntry, ProjectDir, Size, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// Entries that nobody names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrphanSum {
    /// Entries.
    pub entries: u64,
    /// What they take.
    pub size: Size,
}

/// A run that names an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Its row.
    pub key: i64,
    /// Its project's directory.
    pub project: ProjectDir,
    /// Its directory.
    pub dir: String,
}

/// A run or an entry that has a file with more than one link.
#[derive(Clone, Copy, Debug)]
pub struct SharedOwner {
    /// The file's inode.
    pub inode: u64,
    /// The run's row, 0 for an entry.
    pub run: i64,
    /// The entry's row, 0 for a run.
    pub entry: i64,
    /// What the file takes.
    pub size: Size,
    /// Names that the file system counts.
    pub links: u64,
    /// Those of them here.
    pub names: u64,
}

/// A run's directory, and the name in the cache that one of its links uses although nothing is there.
pub type DanglingName = (String, Vec<u8>);

pub(super) fn entry(row: &Columns<'_, '_>) -> rusqlite::Result<CacheEntry> {
    Ok(CacheEntry {
        key: row.get("id")?,
        project_key: row.get("project_id")?,
        project: ProjectDir::new(row.get::<Vec<u8>>("dir")?),
        path: row.get("path")?,
        size: row.size()?,
        inode: row.get::<i64>("inode")?.cast_unsigned(),
        written_at: row.get::<i64>("mtime_ns")?.div_euclid(1_000_000_000),
        references: unsigned(row.get("ref_count")?),
    })
}

/// The newest references of an entry, by class, and whether some come from another project.
#[derive(Clone, Copy, Debug)]
pub struct NewestReferences {
    /// Unix seconds of the newest run of each class that names it.
    pub by_class: [Option<Timestamp>; 5],
    /// Whether a run of another project names it.
    pub foreign: bool,
}

pub(super) fn newest(row: &Columns<'_, '_>) -> rusqlite::Result<NewestReferences> {
    let foreign: i64 = row.get("foreign_refs")?;
    let by_class =
        [row.get("newest_0")?, row.get("newest_1")?, row.get("newest_2")?, row.get("newest_3")?, row.get("newest_4")?];
    Ok(NewestReferences { by_class, foreign: foreign > 0 })
}

#[rustfmt::skip]
macro_rules! entry_columns {
    () => {
        "e.id, e.project_id, p.dir, e.path, e.size_bytes, e.disk_bytes, e.inode, e.mtime_ns, e.ref_count
         FROM cache_entries e JOIN projects p ON p.id = e.project_id"
    };
}

impl Catalog {
    fn entries(&self, sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]) -> Result<Vec<CacheEntry>> {
        let act = "list cache entries";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let found = statement.query_map(parameters, |row| entry(&Columns::of(row))).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// The entries of a project that no run names now.
    ///
    /// # Errors
    /// The catalog's.
    pub fn unnamed_entries(&self, project: i64) -> Result<Vec<CacheEntry>> {
        self.entries(
            concat!(
                "SELECT ",
                entry_columns!(),
                " WHERE e.project_id = :project AND e.present = 1 AND e.ref_count = 0"
            ),
            named_params! {":project": project},
        )
    }

    /// The named entries of a project whose newest references lie at or below those instants, by class: nobody names them
    /// once all such runs are gone, but for what those instants cannot tell.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entries_named_up_to(
        &self,
        project: i64,
        instants: [Timestamp; 5],
    ) -> Result<Vec<(CacheEntry, NewestReferences)>> {
        let act = "list cache entries";
        let mut statement = self
            .connection
            .prepare_cached(concat!(
                "SELECT e.foreign_refs, e.newest_0, e.newest_1, e.newest_2, e.newest_3, e.newest_4, ",
                entry_columns!(),
                " WHERE e.project_id = :project AND e.present = 1 AND e.ref_count > 0
                    AND (e.foreign_refs > 0
                        OR (coalesce(e.newest_0 <= :n0, 1) AND coalesce(e.newest_1 <= :n1, 1)
                            AND coalesce(e.newest_2 <= :n2, 1) AND coalesce(e.newest_3 <= :n3, 1)
                            AND coalesce(e.newest_4 <= :n4, 1)))"
            ))
            .map_err(self.error(act))?;
        let [n0, n1, n2, n3, n4] = instants;
        let found = statement
            .query_map(
                named_params! {":project": project, ":n0": n0, ":n1": n1, ":n2": n2, ":n3": n3, ":n4": n4},
                |row| {
                    let row = Columns::of(row);
                    let newest = newest(&row)?;
                    Ok((entry(&row)?, newest))
                },
            )
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// All entries of a project.
    ///
    /// # Errors
    /// The catalog's.
    pub fn cache_entries(&self, project: i64) -> Result<Vec<CacheEntry>> {
        self.entries(
            concat!("SELECT ", entry_columns!(), " WHERE e.project_id = :project AND e.present = 1 ORDER BY e.path"),
            named_params! {":project": project},
        )
    }

    /// The entry in that row, when it is in the cache now.
    ///
    /// # Errors
    /// The catalog's.
    pub fn cache_entry(&self, key: i64) -> Result<Option<CacheEntry>> {
        let found = self.entries(
            concat!("SELECT ", entry_columns!(), " WHERE e.id = :id AND e.present = 1"),
            named_params! {":id": key},
        )?;
        Ok(found.into_iter().next())
    }

    /// The row of a name in a cache that links use, whether a file is there or not: a directory of the cache, mostly.
    ///
    /// # Errors
    /// The catalog's.
    pub fn named(&self, project: i64, path: &[u8]) -> Result<Option<i64>> {
        let act = "look up a cache entry";
        self.connection
            .prepare_cached(
                "SELECT id FROM cache_entries WHERE project_id = :project AND path = :path AND ref_count > 0",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project, ":path": path}, |row| row.get("id"))
            .optional()
            .map_err(self.error(act))
    }

    /// Hands the rows of the runs in place that name an entry to `each`, until it says no.
    ///
    /// # Errors
    /// The catalog's.
    pub fn each_reader(&self, entry: i64, each: &mut dyn FnMut(i64) -> bool) -> Result<()> {
        let act = "list the runs that name an entry";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT r.id FROM refs f JOIN runs r ON r.id = f.run_id AND r.state = 0 WHERE f.entry_id = :entry",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query(named_params! {":entry": entry}).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            if !each(row.get("id").map_err(self.error(act))?) {
                break;
            }
        }
        Ok(())
    }

    /// The entries that a run names.
    ///
    /// # Errors
    /// The catalog's.
    pub fn references_of(&self, run: i64, each: &mut dyn FnMut(i64)) -> Result<()> {
        let act = "read a run's references";
        let mut statement =
            self.connection.prepare_cached("SELECT entry_id FROM refs WHERE run_id = :run").map_err(self.error(act))?;
        let mut found = statement.query(named_params! {":run": run}).map_err(self.error(act))?;
        while let Some(row) = found.next().map_err(self.error(act))? {
            each(row.get("entry_id").map_err(self.error(act))?);
        }
        Ok(())
    }

    /// What a run names, whether it is there or not: projects, and paths in their caches.
    ///
    /// # Errors
    /// The catalog's.
    pub fn names_of(&self, run: i64) -> Result<Vec<(ProjectDir, Vec<u8>)>> {
        let act = "read a run's references";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.dir, e.path FROM refs f JOIN cache_entries e ON e.id = f.entry_id
                 JOIN projects p ON p.id = e.project_id WHERE f.run_id = :run",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":run": run}, |row| {
                Ok((ProjectDir::new(row.get::<_, Vec<u8>>("dir")?), row.get("path")?))
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// The runs in place that name an entry, newest first.
    ///
    /// # Errors
    /// The catalog's.
    pub fn readers_of(&self, entry: i64) -> Result<Vec<Reader>> {
        let act = "list the runs that name an entry";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT r.id, p.dir AS project_dir, r.dir FROM refs f JOIN runs r ON r.id = f.run_id AND r.state = 0
                 JOIN projects p ON p.id = r.project_id WHERE f.entry_id = :entry ORDER BY r.timestamp DESC, r.number DESC",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":entry": entry}, |row| {
                Ok(Reader {
                    key: row.get("id")?,
                    project: ProjectDir::new(row.get::<_, Vec<u8>>("project_dir")?),
                    dir: row.get("dir")?,
                })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// Names that links use although nothing is there, by project: number of such references and up to three runs.
    ///
    /// # Errors
    /// The catalog's.
    pub fn dangling(&self, project: i64) -> Result<(u64, Vec<DanglingName>)> {
        let act = "look for broken links";
        let count: i64 = self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(ref_count), 0) AS n FROM cache_entries e INDEXED BY entries_missing
                 WHERE e.project_id = :project AND e.present = 0 AND e.ref_count > 0
                    AND NOT EXISTS (SELECT 1 FROM cache_dirs d WHERE d.project_id = e.project_id AND d.path = e.path)",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project}, |row| row.get("n"))
            .map_err(self.error(act))?;
        if count == 0 {
            return Ok((0, Vec::new()));
        }
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT r.dir, e.path FROM cache_entries e JOIN refs f ON f.entry_id = e.id
                 JOIN runs r ON r.id = f.run_id AND r.state = 0
                 WHERE e.project_id = :project AND e.present = 0 AND e.ref_count > 0
                    AND NOT EXISTS (SELECT 1 FROM cache_dirs d WHERE d.project_id = e.project_id AND d.path = e.path)
                 ORDER BY r.timestamp DESC LIMIT 3",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project}, |row| Ok((row.get("dir")?, row.get("path")?)))
            .map_err(self.error(act))?;
        let examples = found.collect::<rusqlite::Result<_>>().map_err(self.error(act))?;
        Ok((unsigned(count), examples))
    }

    /// What files with more than one link count too much when sizes of runs and entries are added up: each inode counts
    /// once in totals. Of one project (its own runs and entries), or of all.
    ///
    /// # Errors
    /// The catalog's.
    pub fn counted_again(&self, project: Option<i64>) -> Result<Size> {
        let act = "count shared files";
        self.connection
            .prepare_cached(
                "SELECT coalesce(sum(size_bytes), 0) AS size_bytes, coalesce(sum(disk_bytes), 0) AS disk_bytes
                 FROM (SELECT s.inode, sum(s.size_bytes) - min(s.size_bytes) AS size_bytes,
                              sum(s.disk_bytes) - min(s.disk_bytes) AS disk_bytes
                       FROM shared_files s LEFT JOIN runs r ON r.id = s.run_id LEFT JOIN cache_entries e ON e.id = s.entry_id
                       WHERE :project IS NULL OR coalesce(r.project_id, e.project_id) = :project
                       GROUP BY s.inode)",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project}, rows::size)
            .map_err(self.error(act))
    }

    /// Every name group of a file with more than one link, by inode. Empty in most stores.
    ///
    /// # Errors
    /// The catalog's.
    pub fn shared_files(&self) -> Result<Vec<SharedOwner>> {
        let act = "list shared files";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT inode, run_id, entry_id, size_bytes, disk_bytes, links, names FROM shared_files ORDER BY inode",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map([], |row| {
                Ok(SharedOwner {
                    inode: row.get::<_, i64>("inode")?.cast_unsigned(),
                    run: row.get("run_id")?,
                    entry: row.get("entry_id")?,
                    size: rows::size(row)?,
                    links: unsigned(row.get("links")?),
                    names: unsigned(row.get("names")?),
                })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }
}
