//! The log into a catalog that was made anew: pins, tags, removed runs with their tasks and reasons, operations.
//!
//! Lines are applied in their order, one at a time, in one transaction. What the tree shows wins: a run that is in its
//! place is there, whatever the log says of its removal, and only its pin and its tags are taken from here. A run that is
//! marked and not there gets a row of which nothing else is known, so that the mark is on it when it turns up: a project
//! that could not be read this time must not cost a pin.

use super::line::{Event, Head, Line, RunName, RunRow, ThinnedRun, project_named};
use super::reader::Reader;
use super::row::{RemovedRun, TaskLine};
use crate::catalog::{
    Catalog, CatalogTx, Departure, Operation, OperationSums, Result, RunRecord, RunnerColumns, TaskRecord,
    ThinningRecord,
};
use crate::model::{
    Dropped, DurationSource, Parts, Pin, ProjectDir, RunContext, RunDir, RunState, Size, Status, StatusSource,
    Timestamp,
};
use crate::store::trash::JsonName;

/// Applies all that is left of a log to a catalog; `told` is called after each line.
///
/// # Errors
/// The catalog's; then nothing was applied.
pub fn replay(reader: &mut Reader, catalog: &mut Catalog, told: &mut dyn FnMut()) -> Result<()> {
    let mut tx = catalog.begin()?;
    while let Some((_, line)) = reader.next_line() {
        apply(&mut tx, &line)?;
        told();
    }
    tx.commit()
}

/// Brings over what another catalog knows and this one does not: runs that are gone, pins, tags, what was dropped of runs.
/// For a catalog that is made anew while the old one can be read: the log has no line of runs that vanished, and may be lost.
///
/// # Errors
/// Those of both catalogs; then nothing was brought over.
pub fn carry_over(old: &Catalog, catalog: &mut Catalog) -> Result<()> {
    let mut tx = catalog.begin()?;
    old.each_gone(|run, departed| {
        if tx.known_run(run.project(), run.dir().as_str())?.is_some() {
            return Ok(());
        }
        let project = tx.project_key(run.project())?;
        let Some(record) = RemovedRun::of(old, &run, &[])?.record(project) else { return Ok(()) };
        let departure = Departure {
            at: departed.at,
            operation: departed.operation.as_deref(),
            reasons: departed.reasons.as_deref(),
            keep_until: departed.keep_until,
        };
        tx.put_gone(&record, run.state, &departure)?;
        Ok(())
    })?;
    for run in old.marked_runs()? {
        let name = RunName::of(&run.id);
        let Some(key) = row(&mut tx, &name, 0)? else { continue };
        if let Some(pin) = old.pin(run.key)? {
            tx.pin(key, &pin)?;
        }
        tx.tag(key, &run.tags, &[])?;
    }
    for id in old.operations_that_thinned()? {
        for thinning in old.thinnings_of_operation(&id)? {
            let run = &thinning.run;
            let Some((key, _)) = tx.known_run(run.project(), run.dir().as_str())? else { continue };
            if old.fingerprint(run.key)?.is_none_or(|known| tx.inode(key).ok() != Some(known.inode)) {
                continue;
            }
            let record = ThinningRecord {
                operation: &id,
                dropped: thinning.dropped,
                size: thinning.size,
                reasons: &thinning.reasons,
                keep_until: thinning.keep_until,
            };
            tx.note_thinning(key, &record)?;
        }
    }
    tx.commit()
}

fn apply(tx: &mut CatalogTx<'_>, Line { head, event }: &Line) -> Result<()> {
    match event {
        Event::Removed(removed) => {
            tx.begin_operation(&operation(head))?;
            for run in &removed.runs {
                put_removed(tx, head, run, removed.keep_until)?;
            }
            for entry in &removed.cache {
                if let Some((project, path)) = bytes(&entry.project, &entry.entry) {
                    let project = tx.project_key(&project)?;
                    tx.note_entry_removal(&head.operation, project, &path, removed.keep_until)?;
                }
            }
        }
        Event::Finished(finished) => {
            let freed =
                Size { size: finished.freed_size_bytes.unwrap_or(0), disk: finished.freed_disk_bytes.unwrap_or(0) };
            let sums = OperationSums { runs: finished.removed_runs, entries: finished.removed_cache, freed };
            tx.finish_operation(&head.operation, head.timestamp, &sums)?;
        }
        Event::Pinned(pinned) => {
            let pin = Pin { note: pinned.note.clone(), at: head.timestamp, who: head.who.clone() };
            each(tx, &pinned.runs, head.timestamp, |tx, key| tx.pin(key, &pin))?;
        }
        Event::Unpinned(named) => {
            each_known(tx, &named.runs, |tx, key, _| tx.unpin(key))?;
        }
        Event::Tagged(tagged) => {
            each(tx, &tagged.runs, head.timestamp, |tx, key| tx.tag(key, &tagged.added, &tagged.removed))?;
        }
        Event::Restored(restored) => {
            each_known(tx, &restored.runs, |tx, key, _| tx.vanished_again(key, head.timestamp))?;
            if let Some(by) = &restored.removed_by {
                each_known(tx, &restored.thinned, |tx, key, _| tx.forget_thinning(by, key))?;
            }
            for entry in &restored.cache {
                if let (Some(by), Some((project, path))) = (&restored.removed_by, bytes(&entry.project, &entry.entry)) {
                    tx.forget_entry_removal(by, &project, &path)?;
                }
            }
        }
        Event::Emptied(emptied) => {
            each_known(tx, &emptied.runs, |tx, key, _| tx.emptied(key))?;
            if let Some(by) = &emptied.removed_by {
                each_known(tx, &emptied.thinned, |tx, key, _| tx.give_up_thinning(by, key))?;
            }
            for entry in &emptied.cache {
                if let (Some(by), Some((project, path))) = (&emptied.removed_by, bytes(&entry.project, &entry.entry)) {
                    tx.give_up_entry(by, &project, &path)?;
                }
            }
        }
        Event::Thinned(thinned) => {
            tx.begin_operation(&operation(head))?;
            for run in &thinned.runs {
                put_thinned(tx, head, run, thinned.keep_until)?;
            }
        }
        Event::Imported(imported) => {
            for run in &imported.runs {
                put_imported(tx, head, run)?;
            }
        }
        // Of the policy, the file itself says what holds.
        Event::Configured(_) | Event::Unknown => {}
    }
    Ok(())
}

fn operation(head: &Head) -> Operation {
    Operation {
        id: head.operation.clone(),
        kind: "clean".to_owned(),
        command: head.command.clone(),
        who: head.who.clone(),
        policy: head.policy.clone(),
        plan: head.plan.clone(),
        started_at: head.timestamp,
        finished_at: None,
    }
}

fn put_removed(tx: &mut CatalogTx<'_>, head: &Head, run: &RemovedRun, keep_until: Option<Timestamp>) -> Result<()> {
    let Some(project) = project_named(&run.project) else { return Ok(()) };
    if let Some((_, RunState::Present)) = tx.known_run(&project, &run.run)? {
        return Ok(());
    }
    let project = tx.project_key(&project)?;
    let Some(record) = run.record(project) else { return Ok(()) };
    let reasons = serde_json::to_string(&run.reasons).unwrap_or_default();
    let departure =
        Departure { at: head.timestamp, operation: Some(&head.operation), reasons: Some(&reasons), keep_until };
    let state = if keep_until.is_some() { RunState::Trashed } else { RunState::Removed };
    if let Some(key) = tx.put_gone(&record, state, &departure)? {
        tx.tag(key, &run.tags, &[])?;
    }
    Ok(())
}

/// Notes what was dropped of a run, unless another one has its name by now.
fn put_thinned(tx: &mut CatalogTx<'_>, head: &Head, run: &ThinnedRun, keep_until: Option<Timestamp>) -> Result<()> {
    let Some(project) = run.run.project() else { return Ok(()) };
    let Some((key, _)) = tx.known_run(&project, &run.run.run)? else { return Ok(()) };
    if let Some(inode) = run.row.as_ref().and_then(|row| row.inode)
        && tx.inode(key)? != inode
    {
        return Ok(());
    }
    let reasons = serde_json::to_string(&run.reasons).unwrap_or_default();
    tx.note_thinning(
        key,
        &ThinningRecord {
            operation: &head.operation,
            dropped: Dropped::from_names(run.parts.iter().map(String::as_str)),
            size: Size { size: run.size_bytes, disk: run.disk_bytes },
            reasons: &reasons,
            keep_until,
        },
    )
}

/// Notes the tags that a run brought along, and what was dropped of it before, unless another one has its name by now.
fn put_imported(tx: &mut CatalogTx<'_>, head: &Head, RunRow { row, dropped }: &RunRow) -> Result<()> {
    let Some(project) = row.name().project() else { return Ok(()) };
    let Some((key, _)) = tx.known_run(&project, &row.run)? else { return Ok(()) };
    if row.inode.is_none_or(|inode| tx.inode(key).ok() != Some(inode)) {
        return Ok(());
    }
    tx.tag(key, &row.tags, &[])?;
    let dropped = Dropped::from_names(dropped.iter().map(String::as_str));
    if dropped.is_empty() {
        return Ok(());
    }
    let (operation, reasons) = (head.operation.as_str(), "[]");
    tx.note_thinning(key, &ThinningRecord { operation, dropped, size: Size::ZERO, reasons, keep_until: None })
}

/// Does something to the rows of runs, also of such as have none yet.
fn each(
    tx: &mut CatalogTx<'_>,
    runs: &[RunName],
    at: Timestamp,
    act: impl Fn(&mut CatalogTx<'_>, i64) -> Result<()>,
) -> Result<()> {
    for name in runs {
        if let Some(key) = row(tx, name, at)? {
            act(tx, key)?;
        }
    }
    Ok(())
}

fn each_known(
    tx: &mut CatalogTx<'_>,
    runs: &[RunName],
    act: impl Fn(&mut CatalogTx<'_>, i64, RunState) -> Result<()>,
) -> Result<()> {
    for name in runs {
        let Some(project) = name.project() else { continue };
        if let Some((key, state)) = tx.known_run(&project, &name.run)? {
            act(tx, key, state)?;
        }
    }
    Ok(())
}

/// The row of a run, made when there is none; `None` for a name that is none of a run.
///
/// # Errors
/// The catalog's.
pub fn row(tx: &mut CatalogTx<'_>, name: &RunName, at: Timestamp) -> Result<Option<i64>> {
    let Some(project) = name.project() else { return Ok(None) };
    if let Some((key, _)) = tx.known_run(&project, &name.run)? {
        return Ok(Some(key));
    }
    let unseen = RemovedRun { project: name.project.clone(), run: name.run.clone(), ..RemovedRun::default() };
    let project = tx.project_key(&project)?;
    let Some(record) = unseen.record(project) else { return Ok(None) };
    tx.put_gone(&record, RunState::Vanished, &Departure { at, operation: None, reasons: None, keep_until: None })
}

fn bytes(project: &JsonName, entry: &JsonName) -> Option<(ProjectDir, Vec<u8>)> {
    Some((project_named(project)?, entry.bytes()?))
}

impl RemovedRun {
    /// The row that the line tells of; `None` when its name is none of a run. A word of a later version means nothing here.
    pub(crate) fn record(&self, project_key: i64) -> Option<RunRecord> {
        Some(RunRecord {
            project_key,
            dir: RunDir::parse(self.run.as_bytes()).ok()?,
            status: Status::from_word(&self.status).unwrap_or(Status::Unknown),
            status_source: StatusSource::from_word(&self.status_source).unwrap_or(StatusSource::None),
            settled: true,
            whole: true,
            end_known: self.end_known,
            duration_ms: self.duration_ms,
            duration_source: self.duration_source.as_deref().and_then(DurationSource::from_word),
            missing: Parts::from_names(self.missing.iter().map(String::as_str)),
            size: Size { size: self.size_bytes, disk: self.disk_bytes },
            inode: self.inode.unwrap_or(0),
            newest_write_ns: self.newest_write_ns,
            manifest: self.manifest.as_deref().and_then(manifest).unwrap_or([0; 32]),
            context: Some(RunContext {
                ottofile: self.ottofile.clone(),
                cwd: self.cwd.clone(),
                user: self.user.clone(),
                args: self.args.clone(),
            }),
            runner: self.runner.map(|runner| RunnerColumns {
                row: runner.row,
                status: runner.status,
                ended_at: runner.ended_at,
                duration_ms: runner.duration_ms,
            }),
            tasks: self.tasks.iter().filter_map(TaskLine::record).collect(),
            references: Vec::new(),
            shared: Vec::new(),
        })
    }
}

fn manifest(hex: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(hex).ok().map(|hash| *hash.as_bytes())
}

impl TaskLine {
    fn record(&self) -> Option<TaskRecord> {
        let bytes = |name: &Option<JsonName>| name.as_ref().and_then(JsonName::bytes);
        Some(TaskRecord {
            name: self.name.bytes()?,
            dir: bytes(&self.dir),
            status: Status::from_word(&self.status).unwrap_or(Status::Unknown),
            status_source: StatusSource::from_word(&self.status_source).unwrap_or(StatusSource::None),
            exit_code: self.exit_code,
            started_at: self.started_at,
            ended_at: self.ended_at,
            duration_ms: self.duration_ms,
            duration_source: self.duration_source.as_deref().and_then(DurationSource::from_word),
            size: Size { size: self.size_bytes, disk: self.disk_bytes.unwrap_or(0) },
            stdout_bytes: self.stdout_bytes,
            stderr_bytes: self.stderr_bytes,
            script: bytes(&self.script),
            entry: bytes(&self.entry),
            runner_status: self.runner_status,
        })
    }
}
