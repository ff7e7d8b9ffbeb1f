//! Rows as texts, in the order of their names: what two catalogs of one store must agree on. Row ids, stamps of the last
//! look and what the user added are left out; tasks and references of a run are one digest each.

use super::super::error::Result;
use super::super::open::Catalog;
use super::super::rows;
use crate::model::{ProjectDir, Stamp};
use rusqlite::types::ValueRef;
use rusqlite::{Row, named_params};

/// What a row says, each with its name for people.
pub type Facts = Vec<(&'static str, String)>;

/// A run in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Its row.
    pub key: i64,
    /// Its directory.
    pub dir: String,
    /// Whether it is not looked at again.
    pub settled: bool,
    /// What its tree looked like.
    pub manifest: Vec<u8>,
    /// What is known of it.
    pub facts: Facts,
}

/// A file in a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFacts {
    /// Its path below `.cache`.
    pub path: Vec<u8>,
    /// What is known of it.
    pub facts: Facts,
}

/// A project that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFacts {
    /// Its row.
    pub key: i64,
    /// Its directory.
    pub dir: ProjectDir,
    /// Its stamp at the last listing, and those of its cache's directories.
    pub stamps: Vec<(Vec<u8>, Stamp)>,
    /// What is known of it.
    pub facts: Facts,
}

const OF_RUNS: &[(&str, &str)] = &[
    ("status", "status"),
    ("status_source", "evidence"),
    ("whole", "whether it was read whole"),
    ("end_known", "whether its end is known"),
    ("duration_ms", "duration"),
    ("tasks_total", "number of tasks"),
    ("tasks_failed", "number of failed tasks"),
    ("missing", "missing parts"),
    ("size_bytes", "size"),
    ("disk_bytes", "disk use"),
    ("inode", "inode"),
    ("newest_write_ns", "newest write"),
];

const OF_ENTRIES: &[(&str, &str)] = &[
    ("size_bytes", "size"),
    ("disk_bytes", "disk use"),
    ("inode", "inode"),
    ("mtime_ns", "last write"),
    ("links", "number of links"),
];

const OF_PROJECTS: &[(&str, &str)] = &[
    ("whole", "whether it was listed whole"),
    ("cache_whole", "whether its cache was listed whole"),
    ("own_disk", "disk use of its directory"),
    ("cache_rest_size", "size of what in its cache is no entry"),
    ("cache_rest_disk", "disk use of its cache's directories"),
];

fn facts(row: &Row<'_>, columns: &[(&str, &'static str)]) -> rusqlite::Result<Facts> {
    columns.iter().map(|(column, name)| Ok((*name, text(row.get_ref(*column)?)))).collect()
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Blob(bytes) => blake3::hash(bytes).to_hex().to_string(),
    }
}

/// A digest of rows: every value with its length, so that no two rows read alike.
fn digest(statement: &mut rusqlite::Statement<'_>, run: i64) -> rusqlite::Result<String> {
    let columns = statement.column_count();
    let mut found = statement.query(named_params! {":run": run})?;
    let mut hasher = blake3::Hasher::new();
    while let Some(row) = found.next()? {
        for column in 0..columns {
            let value = text(row.get_ref(column)?);
            hasher.update(&(value.len() as u64).to_le_bytes()).update(value.as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl Catalog {
    /// The runs in place of a project whose directory's name follows `after`, in the order of names; at most `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_facts(&self, project: i64, after: &str, limit: u64) -> Result<Vec<RunFacts>> {
        let act = "read runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, dir, settled, manifest, status, status_source, whole, end_known, duration_ms, tasks_total,
                    tasks_failed, missing, size_bytes, disk_bytes, inode, newest_write_ns
                 FROM runs WHERE project_id = :project AND dir > :after AND state = 0 ORDER BY dir LIMIT :limit",
            )
            .map_err(self.error(act))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement
            .query_map(named_params! {":project": project, ":after": after, ":limit": limit}, |row| {
                Ok(RunFacts {
                    key: row.get("id")?,
                    dir: row.get("dir")?,
                    settled: row.get("settled")?,
                    manifest: row.get("manifest")?,
                    facts: facts(row, OF_RUNS)?,
                })
            })
            .map_err(self.error(act))?;
        let mut runs: Vec<RunFacts> = found.collect::<rusqlite::Result<_>>().map_err(rows::column)?;
        let mut tasks = self
            .connection
            .prepare_cached(
                "SELECT n.name, t.status, t.status_source, t.exit_code, t.started_at, t.ended_at, t.duration_ms,
                    t.duration_source, t.size_bytes, t.disk_bytes, t.stdout_bytes, t.stderr_bytes, t.script, e.path,
                    t.in_tree, t.dir
                 FROM tasks t JOIN names n ON n.id = t.name_id LEFT JOIN cache_entries e ON e.id = t.entry_id
                 WHERE t.run_id = :run ORDER BY n.name",
            )
            .map_err(self.error(act))?;
        let mut references = self
            .connection
            .prepare_cached(
                "SELECT p.dir, e.path FROM refs f JOIN cache_entries e ON e.id = f.entry_id
                 JOIN projects p ON p.id = e.project_id WHERE f.run_id = :run ORDER BY p.dir, e.path",
            )
            .map_err(self.error(act))?;
        for run in &mut runs {
            run.facts.push(("tasks", digest(&mut tasks, run.key).map_err(self.error(act))?));
            run.facts.push(("what it names", digest(&mut references, run.key).map_err(self.error(act))?));
        }
        Ok(runs)
    }

    /// The entries in the cache of a project whose path follows `after`, in the order of paths; at most `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entry_facts(&self, project: i64, after: &[u8], limit: u64) -> Result<Vec<EntryFacts>> {
        let act = "read cache entries";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT path, size_bytes, disk_bytes, inode, mtime_ns, links FROM cache_entries
                 WHERE project_id = :project AND path > :after AND present = 1 ORDER BY path LIMIT :limit",
            )
            .map_err(self.error(act))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = statement
            .query_map(named_params! {":project": project, ":after": after, ":limit": limit}, |row| {
                Ok(EntryFacts { path: row.get("path")?, facts: facts(row, OF_ENTRIES)? })
            })
            .map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(rows::column)
    }

    /// The projects that are there, by directory name.
    ///
    /// # Errors
    /// The catalog's.
    pub fn project_facts(&self) -> Result<Vec<ProjectFacts>> {
        let act = "read projects";
        let stamps = self.project_states()?;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, dir, whole, cache_whole, own_disk, cache_rest_size, cache_rest_disk FROM projects
                 WHERE present = 1 ORDER BY dir",
            )
            .map_err(self.error(act))?;
        let found = statement
            .query_map([], |row| {
                let dir = ProjectDir::new(row.get::<_, Vec<u8>>("dir")?);
                Ok(ProjectFacts { key: row.get("id")?, dir, stamps: Vec::new(), facts: facts(row, OF_PROJECTS)? })
            })
            .map_err(self.error(act))?;
        let mut projects: Vec<ProjectFacts> = found.collect::<rusqlite::Result<_>>().map_err(rows::column)?;
        for project in &mut projects {
            let mut others: Vec<Vec<u8>> = self.others(Some(project.key))?.into_iter().map(|(_, name)| name).collect();
            others.sort_unstable();
            let names = blake3::hash(&others.join(&0)).to_hex().to_string();
            project.facts.push(("names of other files", names));
            if let Some(state) = stamps.iter().find(|state| state.key == project.key) {
                project.stamps.push((Vec::new(), state.stamp));
                project.stamps.extend(state.cache_dirs.iter().map(|(path, stamp, _)| (path.clone(), *stamp)));
            }
        }
        Ok(projects)
    }
}
