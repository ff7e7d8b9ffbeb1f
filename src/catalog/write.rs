//! Changes to the catalog: one transaction, sums and reference counts kept by the program inside it.
//!
//! Nothing outside a [`CatalogTx`] changes the catalog, and no transaction is held while files are removed. Triggers would
//! keep the sums as well, at twice the cost of a load; here they are added up in memory and written at the commit.

use super::error::{Error, Result};
use super::open::Catalog;
use super::state::RunnerState;
use crate::model::{
    DurationSource, Parts, ProjectDir, RunContext, RunDir, RunState, Size, Stamp, Status, StatusSource, Timestamp,
};
use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, TransactionBehavior, named_params};
use std::collections::HashMap;

/// A task to be written.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its name.
    pub name: Vec<u8>,
    /// Where its directory is, relative to the run's; `None` without one.
    pub dir: Option<Vec<u8>>,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// The real exit code.
    pub exit_code: Option<i32>,
    /// Start, Unix seconds.
    pub started_at: Option<Timestamp>,
    /// End, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// What its directory takes.
    pub size: Size,
    /// Length of `stdout.log`.
    pub stdout_bytes: Option<u64>,
    /// Length of `stderr.log`.
    pub stderr_bytes: Option<u64>,
    /// File name of its script.
    pub script: Option<Vec<u8>>,
    /// The entry of the own project's cache that the script's link names.
    pub entry: Option<Vec<u8>>,
    /// What the runner's database said, as its code.
    pub runner_status: Option<i64>,
}

/// What the runner's database said of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunnerColumns {
    /// Its row there.
    pub row: i64,
    /// Its status there, as its code.
    pub status: i64,
    /// Its end, Unix seconds.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
}

/// A file with more than one link.
#[derive(Clone, Copy, Debug)]
pub struct SharedFile {
    /// Its inode.
    pub inode: u64,
    /// What it takes.
    pub size: Size,
    /// Names that the file system counts.
    pub links: u64,
    /// Those of them in the run.
    pub names: u64,
}

/// A run to be written.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its project's row.
    pub project_key: i64,
    /// Its directory.
    pub dir: RunDir,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// Whether it need not be looked at again.
    pub settled: bool,
    /// Whether all of it was read.
    pub whole: bool,
    /// Whether its end is recorded or its lock free.
    pub end_known: bool,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    /// Where that comes from.
    pub duration_source: Option<DurationSource>,
    /// Parts that are missing.
    pub missing: Parts,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// The newest sign of life, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// What its tree looked like.
    pub manifest: [u8; 32],
    /// How it was started; `None` keeps what is known.
    pub context: Option<RunContext>,
    /// What the runner's database said; `None` keeps what is known.
    pub runner: Option<RunnerColumns>,
    /// Its tasks.
    pub tasks: Vec<TaskRecord>,
    /// Entries that its links name: project row and path.
    pub references: Vec<(i64, Vec<u8>)>,
    /// Its files with more than one link.
    pub shared: Vec<SharedFile>,
}

/// A cache entry to be written.
#[derive(Clone, Debug)]
pub struct EntryRecord {
    /// Path below `.cache`.
    pub path: Vec<u8>,
    /// What it takes.
    pub size: Size,
    /// Its inode.
    pub inode: u64,
    /// Its last write, nanoseconds.
    pub mtime_ns: i64,
    /// Names that the file system counts.
    pub links: u64,
}

/// A project to be written, without its sums.
#[derive(Clone, Debug)]
pub struct ProjectRecord {
    /// Its directory.
    pub dir: ProjectDir,
    /// Whether it is there and is a project.
    pub present: bool,
    /// Whether the listing saw all of it.
    pub whole: bool,
    /// Its stamp.
    pub stamp: Stamp,
    /// Whether that can be trusted.
    pub trusted: bool,
    /// Blocks of the directory itself.
    pub own_disk: u64,
}

/// Sums of a project that a transaction changes.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    runs: i64,
    run_size: i64,
    run_disk: i64,
    entries: i64,
    cache_size: i64,
    cache_disk: i64,
}

/// A transaction that changes the catalog. Dropped without [`CatalogTx::commit`], it changed nothing.
pub struct CatalogTx<'c> {
    pub(super) tx: Transaction<'c>,
    pub(super) path: std::path::PathBuf,
    /// Whether rows are written for the first time, so that none needs to be looked for.
    fresh: bool,
    sums: HashMap<i64, Sums>,
    counts: HashMap<i64, i64>,
    names: HashMap<Vec<u8>, i64>,
    entries: HashMap<(i64, Vec<u8>), i64>,
    contexts: HashMap<RunContext, i64>,
    projects: HashMap<ProjectDir, i64>,
}

impl Catalog {
    /// Begins a transaction that changes the catalog.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process is writing for longer than the wait.
    pub fn begin(&mut self) -> Result<CatalogTx<'_>> {
        let path = self.path.clone();
        let fresh = self.is_loading();
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| Error::of("begin", &path, source))?;
        Ok(CatalogTx {
            tx,
            path,
            fresh,
            sums: HashMap::new(),
            counts: HashMap::new(),
            names: HashMap::new(),
            entries: HashMap::new(),
            contexts: HashMap::new(),
            projects: HashMap::new(),
        })
    }

    /// As [`Catalog::begin`], for what must survive a power loss once it is committed: decisions about removal.
    ///
    /// # Errors
    /// As [`Catalog::begin`].
    pub fn begin_durable(&mut self) -> Result<CatalogTx<'_>> {
        self.connection.execute_batch("PRAGMA synchronous = FULL").map_err(self.error("configure"))?;
        self.begin()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Inodes are 64 bits without a sign; the catalog keeps the same bits.
pub(super) fn inode_column(inode: u64) -> i64 {
    inode.cast_signed()
}

impl CatalogTx<'_> {
    pub(super) fn error(&self, act: &'static str) -> impl Fn(rusqlite::Error) -> Error + '_ {
        move |source| Error::of(act, &self.path, source)
    }

    pub(super) fn prepare(&self, act: &'static str, sql: &str) -> Result<CachedStatement<'_>> {
        self.tx.prepare_cached(sql).map_err(self.error(act))
    }

    /// Writes the sums and counts, and ends the transaction.
    ///
    /// # Errors
    /// When the database refuses; then nothing was changed.
    pub fn commit(mut self) -> Result<()> {
        self.flush()?;
        let path = self.path;
        self.tx.commit().map_err(|source| Error::of("commit", &path, source))
    }

    fn flush(&mut self) -> Result<()> {
        let counts: Vec<(i64, i64)> = self.counts.drain().filter(|(_, change)| *change != 0).collect();
        {
            let mut statement = self.prepare(
                "count references",
                "UPDATE cache_entries SET ref_count = max(ref_count + :change, 0) WHERE id = :id",
            )?;
            for (id, change) in counts {
                statement
                    .execute(named_params! {":id": id, ":change": change})
                    .map_err(self.error("count references"))?;
            }
        }
        let sums: Vec<(i64, Sums)> = self.sums.drain().collect();
        let mut statement = self.prepare(
            "add up",
            "UPDATE projects SET runs = runs + :runs, run_size = run_size + :run_size, run_disk = run_disk + :run_disk,
                cache_entries = cache_entries + :entries, cache_size = cache_size + :cache_size,
                cache_disk = cache_disk + :cache_disk WHERE id = :id",
        )?;
        for (id, sums) in sums {
            statement
                .execute(named_params! {
                    ":id": id, ":runs": sums.runs, ":run_size": sums.run_size, ":run_disk": sums.run_disk,
                    ":entries": sums.entries, ":cache_size": sums.cache_size, ":cache_disk": sums.cache_disk,
                })
                .map_err(self.error("add up"))?;
        }
        Ok(())
    }

    /// The row of a project, made when there is none: links may name projects that are not there.
    pub fn project_key(&mut self, dir: &ProjectDir) -> Result<i64> {
        if let Some(key) = self.projects.get(dir) {
            return Ok(*key);
        }
        let found: Option<i64> = self
            .prepare("find a project", "SELECT id FROM projects WHERE dir = :dir")?
            .query_row(named_params! {":dir": dir.as_bytes()}, |row| row.get("id"))
            .optional()
            .map_err(self.error("find a project"))?;
        let key = match found {
            Some(key) => key,
            None => {
                self.prepare(
                    "add a project",
                    "INSERT INTO projects (dir, name, hash, present) VALUES (:dir, :name, :hash, 0)",
                )?
                .execute(named_params! {":dir": dir.as_bytes(), ":name": first_name(dir), ":hash": dir.hash()})
                .map_err(self.error("add a project"))?;
                self.tx.last_insert_rowid()
            }
        };
        self.projects.insert(dir.clone(), key);
        Ok(key)
    }

    /// Writes what a listing says of a project itself.
    pub fn put_project(&mut self, record: &ProjectRecord) -> Result<i64> {
        let key = self.project_key(&record.dir)?;
        self.prepare(
            "write a project",
            "UPDATE projects SET present = :present, whole = :whole, inode = :inode, mtime_ns = :mtime, ctime_ns = :ctime,
                trusted = :trusted, own_disk = :own WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": key, ":present": record.present, ":whole": record.whole,
            ":inode": inode_column(record.stamp.inode), ":mtime": record.stamp.mtime_ns, ":ctime": record.stamp.ctime_ns,
            ":trusted": record.trusted, ":own": signed(record.own_disk),
        })
        .map_err(self.error("write a project"))?;
        Ok(key)
    }

    /// Gives projects of the first naming the name that their runs' `cwd` tells.
    pub fn name_projects(&mut self) -> Result<()> {
        let named: Vec<(i64, String)> = {
            let mut statement = self.prepare(
                "find names of projects",
                "SELECT p.id AS id, (SELECT c.cwd FROM runs r JOIN contexts c ON c.id = r.context_id
                     WHERE r.project_id = p.id AND c.cwd IS NOT NULL ORDER BY r.timestamp DESC LIMIT 1) AS cwd
                 FROM projects p WHERE p.present = 1 AND substr(p.dir, 1, 5) = x'6f74746f2d' AND p.name = p.hash",
            )?;
            let rows = statement
                .query_map([], |row| Ok((row.get("id")?, row.get::<_, Option<String>>("cwd")?)))
                .map_err(self.error("find names of projects"))?;
            let rows: Vec<(i64, Option<String>)> =
                rows.collect::<rusqlite::Result<_>>().map_err(self.error("find names of projects"))?;
            rows.into_iter()
                .filter_map(|(id, cwd)| Some((id, cwd?.trim_end_matches('/').rsplit('/').next()?.to_owned())))
                .filter(|(_, name)| !name.is_empty())
                .collect()
        };
        for (id, name) in named {
            self.prepare("name a project", "UPDATE projects SET name = :name WHERE id = :id")?
                .execute(named_params! {":id": id, ":name": name})
                .map_err(self.error("name a project"))?;
        }
        Ok(())
    }

    /// Writes the other names of a level; project 0 is the store itself.
    pub fn put_others(&mut self, project_key: i64, names: &[Vec<u8>]) -> Result<()> {
        self.prepare("forget other files", "DELETE FROM others WHERE project_id = :project")?
            .execute(named_params! {":project": project_key})
            .map_err(self.error("forget other files"))?;
        self.add_others(project_key, names)
    }

    /// Adds names to those of a level.
    pub fn add_others(&mut self, project_key: i64, names: &[Vec<u8>]) -> Result<()> {
        let mut statement = self
            .prepare("note other files", "INSERT OR IGNORE INTO others (project_id, name) VALUES (:project, :name)")?;
        for name in names {
            statement
                .execute(named_params! {":project": project_key, ":name": name})
                .map_err(self.error("note other files"))?;
        }
        Ok(())
    }

    /// Notes that the store itself holds runs (2023): the project `.` is there.
    pub fn put_root_project(&mut self) -> Result<()> {
        let key = self.project_key(&ProjectDir::root())?;
        self.prepare("write a project", "UPDATE projects SET present = 1 WHERE id = :id AND present = 0")?
            .execute(named_params! {":id": key})
            .map_err(self.error("write a project"))?;
        Ok(())
    }

    /// Notes that a project is not there any more. Its row stays: runs that are gone keep theirs.
    pub fn drop_project(&mut self, key: i64) -> Result<()> {
        self.put_others(key, &[])?;
        self.put_cache(key, &[], &[], Size::ZERO, true)?;
        self.prepare("drop a project", "UPDATE projects SET present = 0, own_disk = 0, trusted = 0 WHERE id = :id")?
            .execute(named_params! {":id": key})
            .map_err(self.error("drop a project"))?;
        Ok(())
    }

    /// The row of a run that is in its place.
    pub fn run_key(&self, project_key: i64, dir: &RunDir) -> Result<Option<i64>> {
        self.prepare("find a run", "SELECT id FROM runs WHERE project_id = :project AND dir = :dir AND state = 0")?
            .query_row(named_params! {":project": project_key, ":dir": dir.as_str()}, |row| row.get("id"))
            .optional()
            .map_err(self.error("find a run"))
    }

    /// What a run's tree looked like when it was last written here.
    pub fn manifest(&self, key: i64) -> Result<Option<[u8; 32]>> {
        let found: Option<Vec<u8>> = self
            .prepare("read a manifest", "SELECT manifest FROM runs WHERE id = :run")?
            .query_row(named_params! {":run": key}, |row| row.get("manifest"))
            .optional()
            .map_err(self.error("read a manifest"))?;
        Ok(found.and_then(|m| m.try_into().ok()))
    }

    /// Notes that a run could not be read whole at the last look, so that it is kept and looked at again.
    pub fn mark_unread(&mut self, key: i64) -> Result<()> {
        self.prepare("mark a run", "UPDATE runs SET whole = 0, settled = 0 WHERE id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error("mark a run"))?;
        Ok(())
    }

    /// Writes the root's stamp.
    pub fn put_root(&mut self, stamp: Stamp, trusted: bool, own_disk: u64) -> Result<()> {
        self.prepare(
            "write the store",
            "UPDATE store SET inode = :inode, mtime_ns = :mtime, ctime_ns = :ctime, trusted = :trusted, own_disk = :own",
        )?
        .execute(named_params! {
            ":inode": inode_column(stamp.inode), ":mtime": stamp.mtime_ns, ":ctime": stamp.ctime_ns,
            ":trusted": trusted, ":own": signed(own_disk),
        })
        .map_err(self.error("write the store"))?;
        Ok(())
    }

    /// Notes when the catalog last changed, by the clock that judges ages.
    pub fn put_refreshed_at(&mut self, now: Timestamp) -> Result<()> {
        self.prepare("write the store", "UPDATE store SET refreshed_at = :now")?
            .execute(named_params! {":now": now})
            .map_err(self.error("write the store"))?;
        Ok(())
    }

    /// Notes how far the runner's database was read.
    pub fn put_runner_state(&mut self, state: &RunnerState) -> Result<()> {
        self.prepare(
            "write the store",
            "UPDATE store SET runner_stamp = :stamp, runner_last_run = :run, runner_last_time = :time,
                runner_pending = :pending",
        )?
        .execute(named_params! {
            ":stamp": state.stamp, ":run": state.last_run, ":time": state.last_time,
            ":pending": serde_json::to_string(&state.pending).unwrap_or_else(|_| "[]".to_owned()),
        })
        .map_err(self.error("write the store"))?;
        Ok(())
    }

    /// Replaces what is known of a project's cache. Entries that are gone keep their row while a link names them.
    pub fn put_cache(
        &mut self,
        project_key: i64,
        dirs: &[(Vec<u8>, Stamp, bool)],
        entries: &[EntryRecord],
        rest: Size,
        whole: bool,
    ) -> Result<()> {
        self.prepare("forget cache stamps", "DELETE FROM cache_dirs WHERE project_id = :project")?
            .execute(named_params! {":project": project_key})
            .map_err(self.error("forget cache stamps"))?;
        for (path, stamp, trusted) in dirs {
            self.prepare(
                "write a cache stamp",
                "INSERT INTO cache_dirs (project_id, path, inode, mtime_ns, ctime_ns, trusted)
                 VALUES (:project, :path, :inode, :mtime, :ctime, :trusted)",
            )?
            .execute(named_params! {
                ":project": project_key, ":path": path, ":inode": inode_column(stamp.inode), ":mtime": stamp.mtime_ns,
                ":ctime": stamp.ctime_ns, ":trusted": trusted,
            })
            .map_err(self.error("write a cache stamp"))?;
        }
        self.prepare(
            "write a cache's sums",
            "UPDATE projects SET cache_whole = :whole, cache_rest_size = :size, cache_rest_disk = :disk,
                cache_entries = 0, cache_size = 0, cache_disk = 0 WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": project_key, ":whole": whole, ":size": signed(rest.size), ":disk": signed(rest.disk),
        })
        .map_err(self.error("write a cache's sums"))?;
        if let Some(sums) = self.sums.get_mut(&project_key) {
            (sums.entries, sums.cache_size, sums.cache_disk) = (0, 0, 0);
        }
        if !self.fresh {
            self.prepare(
                "forget shared files",
                "DELETE FROM shared_files WHERE run_id = 0
                     AND entry_id IN (SELECT id FROM cache_entries WHERE project_id = :project)",
            )?
            .execute(named_params! {":project": project_key})
            .map_err(self.error("forget shared files"))?;
            self.prepare("forget cache entries", "UPDATE cache_entries SET present = 0 WHERE project_id = :project")?
                .execute(named_params! {":project": project_key})
                .map_err(self.error("forget cache entries"))?;
        }
        for entry in entries {
            let key = self.entry_key(project_key, &entry.path)?;
            self.prepare(
                "write a cache entry",
                "UPDATE cache_entries SET present = 1, size_bytes = :size, disk_bytes = :disk, inode = :inode,
                    mtime_ns = :mtime, links = :links WHERE id = :id",
            )?
            .execute(named_params! {
                ":id": key, ":size": signed(entry.size.size), ":disk": signed(entry.size.disk),
                ":inode": inode_column(entry.inode), ":mtime": entry.mtime_ns, ":links": signed(entry.links),
            })
            .map_err(self.error("write a cache entry"))?;
            if entry.links > 1 {
                self.put_shared(
                    0,
                    key,
                    SharedFile { inode: entry.inode, size: entry.size, links: entry.links, names: 1 },
                )?;
            }
            let sums = self.sums.entry(project_key).or_default();
            sums.entries += 1;
            sums.cache_size += signed(entry.size.size);
            sums.cache_disk += signed(entry.size.disk);
        }
        Ok(())
    }

    fn put_shared(&self, run: i64, entry: i64, file: SharedFile) -> Result<()> {
        self.prepare(
            "note a shared file",
            "INSERT OR REPLACE INTO shared_files (inode, run_id, entry_id, size_bytes, disk_bytes, links, names)
             VALUES (:inode, :run, :entry, :size, :disk, :links, :names)",
        )?
        .execute(named_params! {
            ":inode": inode_column(file.inode), ":run": run, ":entry": entry, ":size": signed(file.size.size),
            ":disk": signed(file.size.disk), ":links": signed(file.links), ":names": signed(file.names),
        })
        .map_err(self.error("note a shared file"))?;
        Ok(())
    }

    fn entry_key(&mut self, project_key: i64, path: &[u8]) -> Result<i64> {
        let wanted = (project_key, path.to_vec());
        if let Some(key) = self.entries.get(&wanted) {
            return Ok(*key);
        }
        let found: Option<i64> = self
            .prepare("find a cache entry", "SELECT id FROM cache_entries WHERE project_id = :project AND path = :path")?
            .query_row(named_params! {":project": project_key, ":path": path}, |row| row.get("id"))
            .optional()
            .map_err(self.error("find a cache entry"))?;
        let key = match found {
            Some(key) => key,
            None => {
                self.prepare(
                    "add a cache entry",
                    "INSERT INTO cache_entries (project_id, path, present) VALUES (:project, :path, 0)",
                )?
                .execute(named_params! {":project": project_key, ":path": path})
                .map_err(self.error("add a cache entry"))?;
                self.tx.last_insert_rowid()
            }
        };
        self.entries.insert(wanted, key);
        Ok(key)
    }

    fn name_key(&mut self, name: &[u8]) -> Result<i64> {
        if let Some(key) = self.names.get(name) {
            return Ok(*key);
        }
        self.prepare("add a name", "INSERT OR IGNORE INTO names (name) VALUES (:name)")?
            .execute(named_params! {":name": name})
            .map_err(self.error("add a name"))?;
        let key = self
            .prepare("find a name", "SELECT id FROM names WHERE name = :name")?
            .query_row(named_params! {":name": name}, |row| row.get("id"))
            .map_err(self.error("find a name"))?;
        self.names.insert(name.to_vec(), key);
        Ok(key)
    }

    fn context_key(&mut self, context: &RunContext) -> Result<i64> {
        if let Some(key) = self.contexts.get(context) {
            return Ok(*key);
        }
        let args = serde_json::to_string(&context.args).unwrap_or_else(|_| "[]".to_owned());
        let parameters = named_params! {
            ":ottofile": context.ottofile, ":cwd": context.cwd, ":user": context.user, ":args": args,
        };
        let found: Option<i64> = if self.fresh {
            None
        } else {
            self.prepare(
                "find a context",
                "SELECT id FROM contexts WHERE coalesce(cwd, char(0)) = coalesce(:cwd, char(0))
                     AND coalesce(ottofile, char(0)) = coalesce(:ottofile, char(0))
                     AND coalesce(user, char(0)) = coalesce(:user, char(0)) AND args = :args",
            )?
            .query_row(parameters, |row| row.get("id"))
            .optional()
            .map_err(self.error("find a context"))?
        };
        let key = match found {
            Some(key) => key,
            None => {
                self.prepare(
                    "add a context",
                    "INSERT INTO contexts (ottofile, cwd, user, args) VALUES (:ottofile, :cwd, :user, :args)",
                )?
                .execute(parameters)
                .map_err(self.error("add a context"))?;
                self.tx.last_insert_rowid()
            }
        };
        self.contexts.insert(context.clone(), key);
        Ok(key)
    }

    /// Writes a run that is in its place, in place of whatever was known of it; pins, tags and the runner's evidence stay.
    /// Says whether nothing was known of it.
    pub fn put_run(&mut self, record: &RunRecord) -> Result<bool> {
        let known = if self.fresh { None } else { self.forget_run(record.project_key, &record.dir)? };
        let context_key = match &record.context {
            Some(context) => Some(self.context_key(context)?),
            None => None,
        };
        let failed = record.tasks.iter().filter(|t| t.status == Status::Failed).count();
        let class = crate::model::Class::of(record.status, record.status_source);
        self.prepare(
            "write a run",
            "INSERT INTO runs (id, project_id, dir, timestamp, number, state, status, status_source, class, settled, whole,
                end_known, duration_ms, duration_source, tasks_total, tasks_failed, missing, size_bytes, disk_bytes, inode,
                newest_write_ns, manifest, context_id, runner_row, runner_status, runner_ended_at, runner_duration_ms)
             VALUES (:id, :project, :dir, :timestamp, :number, 0, :status, :source, :class, :settled, :whole,
                :end_known, :duration, :duration_source, :total, :failed, :missing, :size, :disk, :inode,
                :newest, :manifest, :context, :runner_row, :runner_status, :runner_ended, :runner_duration)
             ON CONFLICT (id) DO UPDATE SET state = 0, status = excluded.status, status_source = excluded.status_source,
                class = excluded.class, settled = excluded.settled, whole = excluded.whole, end_known = excluded.end_known,
                duration_ms = excluded.duration_ms, duration_source = excluded.duration_source,
                tasks_total = excluded.tasks_total, tasks_failed = excluded.tasks_failed, missing = excluded.missing,
                size_bytes = excluded.size_bytes, disk_bytes = excluded.disk_bytes, inode = excluded.inode,
                newest_write_ns = excluded.newest_write_ns, manifest = excluded.manifest,
                context_id = coalesce(excluded.context_id, context_id),
                runner_row = coalesce(excluded.runner_row, runner_row),
                runner_status = coalesce(excluded.runner_status, runner_status),
                runner_ended_at = coalesce(excluded.runner_ended_at, runner_ended_at),
                runner_duration_ms = coalesce(excluded.runner_duration_ms, runner_duration_ms),
                operation_id = NULL, left_at = NULL, reasons = NULL, keep_until = NULL",
        )?
        .execute(named_params! {
            ":id": known, ":project": record.project_key, ":dir": record.dir.as_str(),
            ":timestamp": record.dir.timestamp(), ":number": record.dir.number(),
            ":status": record.status.code(), ":source": record.status_source.code(), ":class": class.code(),
            ":settled": record.settled, ":whole": record.whole, ":end_known": record.end_known,
            ":duration": record.duration_ms, ":duration_source": record.duration_source.map(DurationSource::code),
            ":total": signed(record.tasks.len() as u64), ":failed": signed(failed as u64),
            ":missing": record.missing.bits(), ":size": signed(record.size.size), ":disk": signed(record.size.disk),
            ":inode": inode_column(record.inode), ":newest": record.newest_write_ns,
            ":manifest": record.manifest.as_slice(), ":context": context_key,
            ":runner_row": record.runner.map(|r| r.row), ":runner_status": record.runner.map(|r| r.status),
            ":runner_ended": record.runner.and_then(|r| r.ended_at),
            ":runner_duration": record.runner.and_then(|r| r.duration_ms),
        })
        .map_err(self.error("write a run"))?;
        let key = match known {
            Some(key) => key,
            None => self.tx.last_insert_rowid(),
        };
        self.put_references(key, record)?;
        self.put_tasks(key, record)?;
        for file in &record.shared {
            self.put_shared(key, 0, *file)?;
        }
        let sums = self.sums.entry(record.project_key).or_default();
        sums.runs += 1;
        sums.run_size += signed(record.size.size);
        sums.run_disk += signed(record.size.disk);
        Ok(known.is_none())
    }

    fn put_references(&mut self, run: i64, record: &RunRecord) -> Result<()> {
        let mut keys = Vec::with_capacity(record.references.len());
        for (project, path) in &record.references {
            keys.push(self.entry_key(*project, path)?);
        }
        // In key order, each once: the table is one tree in that order.
        keys.sort_unstable();
        keys.dedup();
        {
            let mut statement =
                self.prepare("write a reference", "INSERT INTO refs (run_id, entry_id) VALUES (:run, :entry)")?;
            for key in &keys {
                statement
                    .execute(named_params! {":run": run, ":entry": key})
                    .map_err(self.error("write a reference"))?;
            }
        }
        for key in keys {
            *self.counts.entry(key).or_default() += 1;
        }
        Ok(())
    }

    fn put_tasks(&mut self, run: i64, record: &RunRecord) -> Result<()> {
        let mut rows = Vec::with_capacity(record.tasks.len());
        for task in &record.tasks {
            let entry = match &task.entry {
                Some(path) => Some(self.entry_key(record.project_key, path)?),
                None => None,
            };
            rows.push((self.name_key(&task.name)?, entry, task));
        }
        rows.sort_unstable_by_key(|(name, _, _)| *name);
        let mut statement = self.prepare(
            "write a task",
            "INSERT OR REPLACE INTO tasks (run_id, name_id, status, status_source, exit_code, started_at, ended_at,
                duration_ms, duration_source, size_bytes, disk_bytes, stdout_bytes, stderr_bytes, script, entry_id, in_tree,
                dir, runner_status)
             VALUES (:run, :name, :status, :source, :exit, :started, :ended, :duration, :duration_source, :size, :disk,
                :stdout, :stderr, :script, :entry, :in_tree, :dir, :runner_status)",
        )?;
        for (name, entry, task) in rows {
            let usual = task.dir.as_ref().is_some_and(|d| d.strip_prefix(b"tasks/".as_slice()) == Some(&task.name));
            statement
                .execute(named_params! {
                    ":run": run, ":name": name, ":status": task.status.code(), ":source": task.status_source.code(),
                    ":exit": task.exit_code, ":started": task.started_at, ":ended": task.ended_at,
                    ":duration": task.duration_ms, ":duration_source": task.duration_source.map(DurationSource::code),
                    ":size": signed(task.size.size), ":disk": signed(task.size.disk),
                    ":stdout": task.stdout_bytes.map(signed), ":stderr": task.stderr_bytes.map(signed),
                    ":script": task.script, ":entry": entry, ":in_tree": task.dir.is_some(),
                    ":dir": task.dir.as_ref().filter(|_| !usual), ":runner_status": task.runner_status,
                })
                .map_err(self.error("write a task"))?;
        }
        Ok(())
    }

    /// Takes what depends on a run out of the sums and counts, and says which row it has.
    fn forget_run(&mut self, project_key: i64, dir: &RunDir) -> Result<Option<i64>> {
        let found: Option<(i64, i64)> = self
            .prepare("find a run", "SELECT id, state FROM runs WHERE project_id = :project AND dir = :dir")?
            .query_row(named_params! {":project": project_key, ":dir": dir.as_str()}, |row| {
                Ok((row.get("id")?, row.get("state")?))
            })
            .optional()
            .map_err(self.error("find a run"))?;
        let Some((key, state)) = found else { return Ok(None) };
        if state == RunState::Present.code() {
            self.uncount(key)?;
        }
        for (act, sql) in [
            ("forget tasks", "DELETE FROM tasks WHERE run_id = :run"),
            ("forget references", "DELETE FROM refs WHERE run_id = :run"),
            ("forget shared files", "DELETE FROM shared_files WHERE run_id = :run"),
        ] {
            self.prepare(act, sql)?.execute(named_params! {":run": key}).map_err(self.error(act))?;
        }
        Ok(Some(key))
    }

    /// Takes a run that is in its place out of the sums and counts.
    fn uncount(&mut self, key: i64) -> Result<()> {
        let (project, size, disk): (i64, i64, i64) = self
            .prepare("read a run", "SELECT project_id, size_bytes, disk_bytes FROM runs WHERE id = :run")?
            .query_row(named_params! {":run": key}, |row| {
                Ok((row.get("project_id")?, row.get("size_bytes")?, row.get("disk_bytes")?))
            })
            .map_err(self.error("read a run"))?;
        let sums = self.sums.entry(project).or_default();
        sums.runs -= 1;
        sums.run_size -= size;
        sums.run_disk -= disk;
        let entries: Vec<i64> = {
            let mut statement = self.prepare("read references", "SELECT entry_id FROM refs WHERE run_id = :run")?;
            let rows = statement
                .query_map(named_params! {":run": key}, |row| row.get("entry_id"))
                .map_err(self.error("read references"))?;
            rows.collect::<rusqlite::Result<_>>().map_err(self.error("read references"))?
        };
        for entry in entries {
            *self.counts.entry(entry).or_default() -= 1;
        }
        Ok(())
    }

    /// Notes that a run is not in its place any more: it keeps its row, and what it counted for is taken off.
    pub fn leave(&mut self, key: i64, state: RunState, departure: &Departure<'_>) -> Result<()> {
        let before: i64 = self
            .prepare("read a run", "SELECT state FROM runs WHERE id = :run")?
            .query_row(named_params! {":run": key}, |row| row.get("state"))
            .map_err(self.error("read a run"))?;
        if before == RunState::Present.code() {
            self.uncount(key)?;
            self.prepare("forget shared files", "DELETE FROM shared_files WHERE run_id = :run")?
                .execute(named_params! {":run": key})
                .map_err(self.error("forget shared files"))?;
        }
        self.prepare(
            "note that a run left",
            "UPDATE runs SET state = :state, settled = 1, left_at = :at, operation_id = :operation, reasons = :reasons,
                keep_until = :until WHERE id = :run",
        )?
        .execute(named_params! {
            ":run": key, ":state": state.code(), ":at": departure.at, ":operation": departure.operation,
            ":reasons": departure.reasons, ":until": departure.keep_until,
        })
        .map_err(self.error("note that a run left"))?;
        Ok(())
    }

    /// Notes that a cache entry is not there any more.
    pub fn remove_entry(&mut self, key: i64) -> Result<()> {
        let found: Option<(i64, i64, i64)> = self
            .prepare(
                "read a cache entry",
                "SELECT project_id, size_bytes, disk_bytes FROM cache_entries WHERE id = :id AND present = 1",
            )?
            .query_row(named_params! {":id": key}, |row| {
                Ok((row.get("project_id")?, row.get("size_bytes")?, row.get("disk_bytes")?))
            })
            .optional()
            .map_err(self.error("read a cache entry"))?;
        let Some((project, size, disk)) = found else { return Ok(()) };
        let sums = self.sums.entry(project).or_default();
        sums.entries -= 1;
        sums.cache_size -= size;
        sums.cache_disk -= disk;
        for (act, sql) in [
            ("note that an entry left", "UPDATE cache_entries SET present = 0 WHERE id = :id"),
            ("forget shared files", "DELETE FROM shared_files WHERE run_id = 0 AND entry_id = :id"),
        ] {
            self.prepare(act, sql)?.execute(named_params! {":id": key}).map_err(self.error(act))?;
        }
        Ok(())
    }

    /// Notes that an operation's removal of an entry is committed.
    pub fn note_entry_removal(&mut self, operation: &str, project_key: i64, path: &[u8]) -> Result<()> {
        self.prepare(
            "note a removal",
            "INSERT OR IGNORE INTO entry_removals (operation_id, project_id, path) VALUES (:operation, :project, :path)",
        )?
        .execute(named_params! {":operation": operation, ":project": project_key, ":path": path})
        .map_err(self.error("note a removal"))?;
        Ok(())
    }

    /// Makes the next refresh look at a run again: it was found changed.
    pub fn unsettle(&mut self, key: i64) -> Result<()> {
        self.prepare("unsettle a run", "UPDATE runs SET settled = 0 WHERE id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error("unsettle a run"))?;
        Ok(())
    }

    /// Makes the next refresh list a project and its cache again: they changed by our hand.
    pub fn distrust_project(&mut self, key: i64) -> Result<()> {
        for (act, sql) in [
            ("distrust a project", "UPDATE projects SET trusted = 0 WHERE id = :id"),
            ("distrust a cache", "UPDATE cache_dirs SET trusted = 0 WHERE project_id = :id"),
        ] {
            self.prepare(act, sql)?.execute(named_params! {":id": key}).map_err(self.error(act))?;
        }
        Ok(())
    }
}

/// How a run left its place.
#[derive(Clone, Copy, Debug)]
pub struct Departure<'a> {
    /// When.
    pub at: Timestamp,
    /// By which operation; `None` when it was not ours.
    pub operation: Option<&'a str>,
    /// Why, as JSON.
    pub reasons: Option<&'a str>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}

/// The name of a project as its directory alone tells it.
fn first_name(dir: &ProjectDir) -> String {
    match dir.as_bytes() {
        b"." => ".".to_owned(),
        bytes if bytes.starts_with(b"otto-") => dir.hash(),
        _ => dir.name(),
    }
}
