//! Projects, the store itself, and what lies beside runs and caches.

use super::super::error::Result;
use super::super::state::RunnerState;
use super::records::ProjectRecord;
use super::{CatalogTx, inode_column, signed};
use crate::model::{ProjectDir, Size, Stamp, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

impl CatalogTx<'_> {
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

    /// Notes that the catalog changed at `now`, by the clock that judges ages. A later instant stays.
    pub fn put_refreshed_at(&mut self, now: Timestamp) -> Result<()> {
        self.prepare("write the store", "UPDATE store SET refreshed_at = max(refreshed_at, :now)")?
            .execute(named_params! {":now": now})
            .map_err(self.error("write the store"))?;
        Ok(())
    }

    /// Notes that instant, earlier or not.
    pub fn set_refreshed_at(&mut self, now: Timestamp) -> Result<()> {
        self.prepare("write the store", "UPDATE store SET refreshed_at = :now")?
            .execute(named_params! {":now": now})
            .map_err(self.error("write the store"))?;
        Ok(())
    }

    /// Gives the store its id.
    pub fn put_store_id(&mut self, id: &str) -> Result<()> {
        self.prepare("write the store", "UPDATE store SET store_id = :id")?
            .execute(named_params! {":id": id})
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

/// The name of a project as its directory alone tells it.
fn first_name(dir: &ProjectDir) -> String {
    match dir.as_bytes() {
        b"." => ".".to_owned(),
        _ if dir.is_of_first_naming() => dir.hash(),
        _ => dir.name(),
    }
}
