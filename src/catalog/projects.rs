//! Questions about projects.

use super::error::Result;
use super::open::Catalog;
use super::rows::{self, unsigned};
use crate::model::{Project, ProjectDir, RunDir, Size, Stamp, Timestamp};
use rusqlite::named_params;

/// What a refresh compares a project with.
#[derive(Clone, Debug)]
pub struct ProjectState {
    /// Its row.
    pub key: i64,
    /// Its directory.
    pub dir: ProjectDir,
    /// Its stamp at the last listing.
    pub stamp: Stamp,
    /// Whether that could be trusted.
    pub trusted: bool,
    /// Whether the listing saw all of it.
    pub whole: bool,
    /// Stamps of its cache's directories, and whether they can be trusted.
    pub cache_dirs: Vec<(Vec<u8>, Stamp, bool)>,
}

/// The name of a run, as a refresh compares it with a listing.
#[derive(Clone, Debug)]
pub struct RunName {
    /// Its row.
    pub key: i64,
    /// The time that the name states.
    pub timestamp: Timestamp,
    /// The number after it.
    pub number: u32,
    /// The inode of the directory.
    pub inode: u64,
    /// The name itself, when it is another than time and number spell.
    pub odd: Option<String>,
}

impl RunName {
    /// The name as it is on disk.
    pub fn text(&self) -> String {
        match &self.odd {
            Some(name) => name.clone(),
            None => RunDir::new(self.timestamp, self.number).map(|dir| dir.to_string()).unwrap_or_default(),
        }
    }
}

macro_rules! without_oldest {
    () => {
        "SELECT p.id, p.dir, p.name, p.runs, p.run_size, p.run_disk, p.cache_entries, p.cache_size, p.cache_disk,
            p.whole AND p.cache_whole AS whole, NULL AS oldest FROM projects p"
    };
}

impl Catalog {
    /// The projects that are there, by directory name.
    ///
    /// # Errors
    /// The catalog's.
    pub fn projects(&self) -> Result<Vec<Project>> {
        let act = "list projects";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.id, p.dir, p.name, p.runs, p.run_size, p.run_disk, p.cache_entries, p.cache_size, p.cache_disk,
                    p.whole AND p.cache_whole AS whole,
                    (SELECT min(r.timestamp) FROM runs r WHERE r.state = 0 AND r.project_id = p.id) AS oldest
                 FROM projects p WHERE p.present = 1 ORDER BY p.dir",
            )
            .map_err(self.error(act))?;
        let found = statement.query_map([], |row| Ok(rows::project(row))).map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// As [`Catalog::projects`], but for their oldest runs, each of which takes a look of its own: for whoever finds a project
    /// by its name.
    ///
    /// # Errors
    /// The catalog's.
    pub fn named_projects(&self) -> Result<Vec<Project>> {
        self.without_oldest(concat!(without_oldest!(), " WHERE p.present = 1 ORDER BY p.dir"))
    }

    /// The same of all that have a row: those that are gone too, for their runs keep theirs.
    ///
    /// # Errors
    /// The catalog's.
    pub fn known_projects(&self) -> Result<Vec<Project>> {
        self.without_oldest(concat!(without_oldest!(), " ORDER BY p.dir"))
    }

    fn without_oldest(&self, sql: &'static str) -> Result<Vec<Project>> {
        let act = "list projects";
        let mut statement = self.connection.prepare_cached(sql).map_err(self.error(act))?;
        let found = statement.query_map([], |row| Ok(rows::project(row))).map_err(self.error(act))?;
        found.map(|row| row.map_err(self.error(act))?).collect()
    }

    /// What a refresh compares the projects with.
    ///
    /// # Errors
    /// The catalog's.
    pub fn project_states(&self) -> Result<Vec<ProjectState>> {
        let act = "read the projects' stamps";
        let stamp = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Stamp> {
            Ok(Stamp {
                inode: row.get::<_, i64>("inode")?.cast_unsigned(),
                mtime_ns: row.get("mtime_ns")?,
                ctime_ns: row.get("ctime_ns")?,
            })
        };
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, dir, inode, mtime_ns, ctime_ns, trusted, whole FROM projects WHERE present = 1 ORDER BY id",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map([], |row| {
                Ok(ProjectState {
                    key: row.get("id")?,
                    dir: ProjectDir::new(row.get::<_, Vec<u8>>("dir")?),
                    stamp: stamp(row)?,
                    trusted: row.get("trusted")?,
                    whole: row.get("whole")?,
                    cache_dirs: Vec::new(),
                })
            })
            .map_err(self.error(act))?;
        let mut projects: Vec<ProjectState> = found.collect::<rusqlite::Result<_>>().map_err(self.error(act))?;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT project_id, path, inode, mtime_ns, ctime_ns, trusted FROM cache_dirs ORDER BY project_id, path",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map([], |row| {
                let project: i64 = row.get("project_id")?;
                Ok((project, (row.get("path")?, stamp(row)?, row.get("trusted")?)))
            })
            .map_err(self.error(act))?;
        for row in found {
            let (project, dir) = row.map_err(self.error(act))?;
            if let Ok(at) = projects.binary_search_by_key(&project, |p| p.key) {
                projects[at].cache_dirs.push(dir);
            }
        }
        Ok(projects)
    }

    /// The names of the runs of a project that are there, with their rows and inodes.
    ///
    /// An index holds what spells most names, so that a project of thousands of runs is compared with its listing without
    /// reading their rows.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_names(&self, project: i64) -> Result<Vec<RunName>> {
        let act = "list a project's runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, timestamp, number, inode, CASE plain WHEN 0 THEN dir END AS dir
                 FROM runs WHERE state = 0 AND project_id = :project",
            )
            .map_err(self.error(act))?;
        let at = |name| statement.column_index(name).map_err(self.error(act));
        // By place and not by name: there can be thousands of rows, and of each these few numbers are all that is read.
        let (id, timestamp, number) = (at("id")?, at("timestamp")?, at("number")?);
        let (inode, dir) = (at("inode")?, at("dir")?);
        let found = statement
            .query_map(named_params! {":project": project}, |row| {
                Ok(RunName {
                    key: row.get(id)?,
                    timestamp: row.get(timestamp)?,
                    number: row.get(number)?,
                    inode: row.get::<_, i64>(inode)?.cast_unsigned(),
                    odd: row.get(dir)?,
                })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// Names that are neither project, run nor cache, with the directory they lie in; `None` is the store itself.
    ///
    /// # Errors
    /// The catalog's.
    pub fn others(&self, project: Option<i64>) -> Result<Vec<(Option<ProjectDir>, Vec<u8>)>> {
        let act = "list other files";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT p.dir, o.name FROM others o LEFT JOIN projects p ON p.id = o.project_id
                 WHERE (:project IS NULL OR o.project_id = :project) AND (o.project_id = 0 OR p.present = 1)",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map(named_params! {":project": project}, |row| {
                Ok((row.get::<_, Option<Vec<u8>>>("dir")?.map(ProjectDir::new), row.get("name")?))
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// Those of them that lie in the store itself.
    ///
    /// # Errors
    /// The catalog's.
    pub fn others_at_root(&self) -> Result<Vec<Vec<u8>>> {
        let act = "list other files";
        let mut statement =
            self.connection.prepare_cached("SELECT name FROM others WHERE project_id = 0").map_err(self.error(act))?;
        let found = statement.query_map([], |row| row.get("name")).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }

    /// Blocks of project directories themselves, and what in caches is no entry; of one project or of all.
    ///
    /// # Errors
    /// The catalog's.
    pub fn rest(&self, project: Option<i64>) -> Result<(Size, Size)> {
        let act = "add up directories";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT coalesce(sum(own_disk), 0) AS own, coalesce(sum(cache_rest_size), 0) AS rest_size,
                    coalesce(sum(cache_rest_disk), 0) AS rest_disk
                 FROM projects WHERE present = 1 AND (:project IS NULL OR id = :project)",
            )
            .map_err(self.error(act))?;
        statement
            .query_row(named_params! {":project": project}, |row| {
                let own = Size { size: 0, disk: unsigned(row.get("own")?) };
                Ok((own, Size { size: unsigned(row.get("rest_size")?), disk: unsigned(row.get("rest_disk")?) }))
            })
            .map_err(self.error(act))
    }
}
