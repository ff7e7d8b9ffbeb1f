//! Cache entries and who names them: counts and newest references are kept with the rows.

use super::super::error::Result;
use super::records::{EntryRecord, RunRecord, SharedFile};
use super::{CatalogTx, References, inode_column, signed};
use crate::model::{Class, Size, Stamp};
use rusqlite::{OptionalExtension as _, named_params};

impl CatalogTx<'_> {
    pub(super) fn flush_references(&mut self) -> Result<()> {
        let act = "count references";
        let changes: Vec<(i64, References)> = self.references.drain().collect();
        if changes.is_empty() {
            return Ok(());
        }
        let mut count = self.prepare(
            act,
            "UPDATE cache_entries SET ref_count = max(ref_count + :count, 0), foreign_refs = max(foreign_refs + :foreign, 0)
             WHERE id = :id",
        )?;
        let mut newest = self.prepare(
            act,
            "UPDATE cache_entries SET newest_0 = max(coalesce(newest_0, :n0), coalesce(:n0, newest_0)),
                newest_1 = max(coalesce(newest_1, :n1), coalesce(:n1, newest_1)),
                newest_2 = max(coalesce(newest_2, :n2), coalesce(:n2, newest_2)),
                newest_3 = max(coalesce(newest_3, :n3), coalesce(:n3, newest_3)),
                newest_4 = max(coalesce(newest_4, :n4), coalesce(:n4, newest_4)) WHERE id = :id",
        )?;
        for (id, change) in changes {
            if change.count != 0 || change.foreign != 0 {
                count
                    .execute(named_params! {":id": id, ":count": change.count, ":foreign": change.foreign})
                    .map_err(self.error(act))?;
            }
            let lost = change.lost.iter().zip(&change.newest).any(|(lost, added)| lost > added);
            if lost {
                self.look_for_newest(id)?;
            } else if change.newest.iter().any(Option::is_some) {
                let [n0, n1, n2, n3, n4] = change.newest;
                newest
                    .execute(named_params! {":id": id, ":n0": n0, ":n1": n1, ":n2": n2, ":n3": n3, ":n4": n4})
                    .map_err(self.error(act))?;
            }
        }
        Ok(())
    }

    fn look_for_newest(&self, entry: i64) -> Result<()> {
        let act = "count references";
        self.prepare(
            act,
            "UPDATE cache_entries SET (newest_0, newest_1, newest_2, newest_3, newest_4) =
                (SELECT max(r.timestamp) FILTER (WHERE r.class = 0), max(r.timestamp) FILTER (WHERE r.class = 1),
                        max(r.timestamp) FILTER (WHERE r.class = 2), max(r.timestamp) FILTER (WHERE r.class = 3),
                        max(r.timestamp) FILTER (WHERE r.class = 4)
                 FROM refs f JOIN runs r ON r.id = f.run_id WHERE f.entry_id = cache_entries.id AND r.state = 0)
             WHERE id = :id",
        )?
        .execute(named_params! {":id": entry})
        .map_err(self.error(act))?;
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

    pub(super) fn put_references(&mut self, run: i64, record: &RunRecord) -> Result<()> {
        let mut keys = Vec::with_capacity(record.references.len());
        for (project, path) in &record.references {
            keys.push((self.entry_key(*project, path)?, *project != record.project_key));
        }
        // In key order, each once: the table is one tree in that order.
        keys.sort_unstable();
        keys.dedup();
        {
            let mut statement =
                self.prepare("write a reference", "INSERT INTO refs (run_id, entry_id) VALUES (:run, :entry)")?;
            for (key, _) in &keys {
                statement
                    .execute(named_params! {":run": run, ":entry": key})
                    .map_err(self.error("write a reference"))?;
            }
        }
        let class = Class::of(record.status, record.status_source) as usize;
        for (key, foreign) in keys {
            let change = self.references.entry(key).or_default();
            change.count += 1;
            change.foreign += i64::from(foreign);
            change.newest[class] = change.newest[class].max(Some(record.dir.timestamp()));
        }
        Ok(())
    }

    pub(super) fn entry_key(&mut self, project_key: i64, path: &[u8]) -> Result<i64> {
        if let Some(key) = self.entries.get(&project_key).and_then(|paths| paths.get(path)) {
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
        self.entries.entry(project_key).or_default().insert(path.to_vec(), key);
        Ok(key)
    }

    pub(super) fn put_shared(&self, run: i64, entry: i64, file: SharedFile) -> Result<()> {
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
}
