//! What the rows of imported runs say that their trees do not: in the audit log, so that it outlives the catalog, and in
//! the catalog, so that the refresh that finds the runs finds it too.

use super::leftovers::no_catalog;
use super::manifest::{ArchivedEntry, ArchivedRun};
use super::{Asked, Error};
use crate::audit::{self, EntryName, Heading, Journal, RunRow};
use crate::catalog::{Departure, ThinningRecord};
use crate::model::{Dropped, RunId, RunState, Size};
use crate::session::{Session, Settings};
use crate::store::change::Act;
use crate::store::reserve;
use std::io;

/// A run that was unpacked.
pub(super) struct Unpacked<'m> {
    pub(super) id: RunId,
    pub(super) run: &'m ArchivedRun,
    /// Its place in the manifest.
    pub(super) at: usize,
    /// Its inode, which it keeps when it is moved.
    pub(super) inode: u64,
}

impl Unpacked<'_> {
    /// Its row, as it is in this store.
    fn row(&self) -> RunRow {
        let mut row = self.run.row.clone();
        row.id = self.id.to_string();
        row.inode = Some(self.inode);
        row.pin = None;
        RunRow { row, dropped: self.run.dropped.clone() }
    }
}

/// Notes in the audit log what comes.
pub(super) fn note(
    session: &Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    id: &str,
    runs: &[Unpacked<'_>],
    entries: &[&ArchivedEntry],
) -> Result<(), Error> {
    let directory = session.directory().ok_or_else(no_catalog)?;
    let now = settings.clock.now;
    let heading = Heading { operation: id, now, who: asked.who, command: asked.command, policy: "", plan: None };
    let log = audit::Log { hook: &settings.hook, directory, limit: settings.audit_limit };
    let mut journal = Journal::new(log, &heading);
    let rows: Vec<RunRow> = runs.iter().map(Unpacked::row).collect();
    let names = entries.iter().map(|e| EntryName { project: e.project.clone(), entry: e.entry.clone() });
    let names: Vec<EntryName> = names.collect();
    reserve::with(&settings.hook, directory, || journal.imported(session.lock(), &rows, &names))
        .map_err(super::error::io_error("write", ".catalog/audit.jsonl"))
}

/// Commits what the trees do not show: what the runner's database said, and what was dropped.
pub(super) fn commit(
    session: &mut Session,
    settings: &Settings<'_>,
    id: &str,
    runs: &[Unpacked<'_>],
) -> Result<(), Error> {
    let telling = |run: &&Unpacked<'_>| run.run.row.runner.is_some() || !run.run.dropped.is_empty();
    if !runs.iter().any(|run| telling(&run)) {
        return Ok(());
    }
    let refused = |source: io::Error| super::error::io_error("commit in", ".catalog/catalog.db")(source);
    settings.hook.before(Act::Commit).map_err(refused)?;
    let mut tx = session.catalog.begin_durable()?;
    for run in runs.iter().filter(telling) {
        let project = tx.project_key(&run.id.project)?;
        let RunRow { row, dropped } = run.row();
        let Some(record) = row.record(project) else { continue };
        let departure = Departure { at: settings.clock.now, operation: None, reasons: None, keep_until: None };
        let Some(key) = tx.put_gone(&record, RunState::Vanished, &departure)? else { continue };
        let dropped = Dropped::from_names(dropped.iter().map(String::as_str));
        if !dropped.is_empty() {
            let reasons = "[\"dropped before it was archived\"]";
            let record = ThinningRecord { operation: id, dropped, size: Size::ZERO, reasons, keep_until: None };
            tx.note_thinning(key, &record)?;
        }
    }
    Ok(tx.commit()?)
}

/// Sets the tags that the runs had, now that they have rows.
pub(super) fn tag(session: &mut Session, runs: &[&Unpacked<'_>]) -> Result<(), Error> {
    if runs.iter().all(|run| run.run.row.tags.is_empty()) {
        return Ok(());
    }
    let mut tx = session.catalog.begin_durable()?;
    for run in runs {
        if let Some((key, RunState::Present)) = tx.known_run(&run.id.project, run.id.run.as_str())? {
            tx.tag(key, &run.run.row.tags, &[])?;
        }
    }
    Ok(tx.commit()?)
}
