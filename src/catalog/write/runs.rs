//! Runs and tasks: written, forgotten, left.

use super::super::error::Result;
use super::history::Outcome;
use super::records::{Departure, RunRecord, TaskRecord};
use super::{CLASSES, CatalogTx, inode_column, signed};
use crate::model::{Class, DurationSource, RunContext, RunDir, RunState, Status, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// A run's row. Two statements begin with it.
#[rustfmt::skip]
macro_rules! insert_run {
    () => {
        "INSERT INTO runs (id, project_id, dir, timestamp, number, state, status, status_source, class, settled, whole,
                end_known, duration_ms, duration_source, tasks_total, tasks_failed, missing, size_bytes, disk_bytes, inode,
                newest_write_ns, manifest, context_id, runner_row, runner_status, runner_ended_at, runner_duration_ms, plain,
                by_age)
             VALUES (:id, :project, :dir, :timestamp, :number, 0, :status, :source, :class, :settled, :whole,
                :end_known, :duration, :duration_source, :total, :failed, :missing, :size, :disk, :inode,
                :newest, :manifest, :context, :runner_row, :runner_status, :runner_ended, :runner_duration, :plain,
                :settled AND :whole AND :plain)"
    };
}
/// What becomes of a row that is there: pins, tags and what the runner's database once said stay.
#[rustfmt::skip]
macro_rules! or_update_run {
    () => {
        "ON CONFLICT (id) DO UPDATE SET state = 0, by_age = (excluded.by_age AND pinned = 0),
                status = excluded.status, status_source = excluded.status_source,
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
                operation_id = NULL, left_at = NULL, reasons = NULL, keep_until = NULL"
    };
}

impl CatalogTx<'_> {
    /// The row of a run that is in its place.
    pub fn run_key(&self, project_key: i64, dir: &RunDir) -> Result<Option<i64>> {
        self.prepare("find a run", "SELECT id FROM runs WHERE project_id = :project AND dir = :dir AND state = 0")?
            .query_row(named_params! {":project": project_key, ":dir": dir.as_str()}, |row| row.get("id"))
            .optional()
            .map_err(self.error("find a run"))
    }

    /// Notes that a run could not be read whole at the last look, so that it is kept and looked at again.
    pub fn mark_unread(&mut self, key: i64) -> Result<()> {
        self.prepare("mark a run", "UPDATE runs SET whole = 0, settled = 0, by_age = 0 WHERE id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error("mark a run"))?;
        Ok(())
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
        let class = Class::of(record.status, record.status_source);
        // A new run needs none of the rules for one that is known, which are most of the text to be parsed.
        let sql = match known {
            None => insert_run!(),
            Some(_) => concat!(insert_run!(), " ", or_update_run!()),
        };
        self.prepare("write a run", sql)?
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
                ":plain": record.dir.is_plain(), ":runner_row": record.runner.map(|r| r.row),
                ":runner_status": record.runner.map(|r| r.status),
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
        let (size, disk) = (signed(record.size.size), signed(record.size.disk));
        self.count_month(record.project_key, record.dir.timestamp(), 1, size, disk);
        Ok(known.is_none())
    }

    pub(super) fn put_tasks(&mut self, run: i64, record: &RunRecord) -> Result<()> {
        let mut rows = Vec::with_capacity(record.tasks.len());
        for task in &record.tasks {
            let entry = match &task.entry {
                Some(path) => Some(self.entry_key(record.project_key, path)?),
                None => None,
            };
            rows.push((self.name_key(&task.name)?, entry, task));
        }
        // Where two tasks have one name, the last is kept.
        rows.sort_by_key(|(name, _, _)| *name);
        rows.reverse();
        rows.dedup_by_key(|(name, _, _)| *name);
        rows.reverse();
        let outcome = |(name, _, task): &(i64, Option<i64>, &TaskRecord)| Outcome {
            project: record.project_key,
            name: *name,
            began: record.dir.timestamp(),
            status: task.status,
            ms: task.duration_ms,
        };
        let itself = Outcome::of_run(record.project_key, record.dir.timestamp(), record.status, record.duration_ms);
        self.count_outcomes(std::iter::once(itself).chain(rows.iter().map(outcome)))?;
        let mut statement = self.prepare(
            "write a task",
            "INSERT INTO tasks (run_id, name_id, status, status_source, exit_code, started_at, ended_at,
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
    pub(super) fn forget_run(&mut self, project_key: i64, dir: &RunDir) -> Result<Option<i64>> {
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
        self.count_run(key, -1)?;
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
    pub(super) fn uncount(&mut self, key: i64) -> Result<()> {
        let (project, size, disk, timestamp, class): (i64, i64, i64, Timestamp, i64) = self
            .prepare(
                "read a run",
                "SELECT project_id, size_bytes, disk_bytes, timestamp, class FROM runs WHERE id = :run",
            )?
            .query_row(named_params! {":run": key}, |row| {
                Ok((
                    row.get("project_id")?,
                    row.get("size_bytes")?,
                    row.get("disk_bytes")?,
                    row.get("timestamp")?,
                    row.get("class")?,
                ))
            })
            .map_err(self.error("read a run"))?;
        let sums = self.sums.entry(project).or_default();
        sums.runs -= 1;
        sums.run_size -= size;
        sums.run_disk -= disk;
        self.count_month(project, timestamp, -1, size, disk);
        let class = usize::try_from(class).unwrap_or(0).min(CLASSES - 1);
        let entries: Vec<(i64, bool, bool)> = {
            let mut statement = self.prepare(
                "read references",
                "SELECT f.entry_id, e.project_id <> :project AS is_foreign,
                    CASE :class WHEN 0 THEN e.newest_0 WHEN 1 THEN e.newest_1 WHEN 2 THEN e.newest_2
                        WHEN 3 THEN e.newest_3 ELSE e.newest_4 END <= :timestamp AS is_newest
                 FROM refs f JOIN cache_entries e ON e.id = f.entry_id WHERE f.run_id = :run",
            )?;
            let parameters =
                named_params! {":run": key, ":project": project, ":class": class as i64, ":timestamp": timestamp};
            let rows = statement
                .query_map(parameters, |row| {
                    let newest: Option<bool> = row.get("is_newest")?;
                    Ok((row.get("entry_id")?, row.get("is_foreign")?, newest.unwrap_or(true)))
                })
                .map_err(self.error("read references"))?;
            rows.collect::<rusqlite::Result<_>>().map_err(self.error("read references"))?
        };
        for (entry, foreign, newest) in entries {
            let change = self.references.entry(entry).or_default();
            change.count -= 1;
            change.foreign -= i64::from(foreign);
            if newest {
                change.lost[class] = change.lost[class].max(Some(timestamp));
            }
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
            "UPDATE runs SET state = :state, by_age = 0, settled = 1, left_at = :at, operation_id = :operation, reasons = :reasons,
                keep_until = :until WHERE id = :run",
        )?
        .execute(named_params! {
            ":run": key, ":state": state.code(), ":at": departure.at, ":operation": departure.operation,
            ":reasons": departure.reasons, ":until": departure.keep_until,
        })
        .map_err(self.error("note that a run left"))?;
        Ok(())
    }

    /// Makes the next refresh look at a run again: it was found changed.
    pub fn unsettle(&mut self, key: i64) -> Result<()> {
        self.prepare("unsettle a run", "UPDATE runs SET settled = 0, by_age = 0 WHERE id = :run")?
            .execute(named_params! {":run": key})
            .map_err(self.error("unsettle a run"))?;
        Ok(())
    }

    /// Makes the next refresh look again at the runs that lack parts: what counts as missing was not the same before.
    pub(in crate::catalog) fn unsettle_incomplete(&mut self) -> Result<()> {
        self.prepare(
            "unsettle runs",
            "UPDATE runs SET settled = 0, by_age = 0 WHERE state = 0 AND missing <> 0 AND settled = 1",
        )?
        .execute([])
        .map_err(self.error("unsettle runs"))?;
        Ok(())
    }

    pub(super) fn name_key(&mut self, name: &[u8]) -> Result<i64> {
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

    pub(super) fn context_key(&mut self, context: &RunContext) -> Result<i64> {
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
}
