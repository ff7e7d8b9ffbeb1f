//! What a crash kept from the audit log, added from the catalog.
//!
//! A decision is committed before it is noted, so a process that dies in between, or a full disk, leaves a removal of
//! which the log says nothing. Its row, with its tasks, is still in the catalog, together with the operation, which is
//! begun in the transaction of its first commit and has no end. So for every operation without an end that nobody works
//! on, what it committed is compared with what the log has, and the rest is appended, **before** anything of it is
//! unlinked: from then on the log alone could tell. Then it gets the end that it did not write itself.
//!
//! The log is read only when such an operation is there, or one has something left to finish. Comparing by operation and
//! name makes it harmless to do all of this again, or beside another process.

use super::execute::{Removed, finished_after_crash};
use super::recover::Recovery;
use crate::audit::{
    self, EntryName, Event, Heading, Journal, Log, Reader, RemovedEntry, RemovedRun, RunName, ThinnedRun,
};
use crate::catalog::{CommittedRun, Operation, OperationSums};
use crate::model::Size;
use crate::session::{Error, Session, Settings};
use crate::store::reserve;
use crate::store::trash::{self, Description, JsonName};
use rustix::fd::BorrowedFd;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

/// The operations that recovery looks after, with what the log says of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    operations: BTreeMap<String, Account>,
}

#[derive(Debug)]
struct Account {
    row: Operation,
    noted: Noted,
    /// Whether the log has all that the operation committed.
    complete: bool,
    /// Whether nothing of it may be unlinked before it is.
    waits: bool,
    /// Whether its end is to be recorded in the catalog.
    ended: bool,
    freed: Size,
}

/// What the log says of an operation.
#[derive(Debug, Default)]
struct Noted {
    runs: HashSet<RunName>,
    entries: HashSet<EntryName>,
    thinned: HashSet<RunName>,
    last: u64,
    finished: bool,
}

impl Ledger {
    /// Compares and appends. `busy` are operations that somebody works on; `finishing` are those of which something is
    /// about to be unlinked.
    ///
    /// # Errors
    /// The catalog's. What cannot be written is a report, and its operation [must wait](Self::must_wait).
    pub(super) fn open(
        session: &Session,
        settings: &Settings<'_>,
        busy: &HashSet<String>,
        finishing: &[&trash::Operation],
        recovery: &mut Recovery,
    ) -> Result<Self, Error> {
        let Some(directory) = session.directory() else { return Ok(Self::default()) };
        let open = session.catalog.open_operations()?;
        let mut rows: BTreeMap<String, Operation> =
            open.into_iter().filter(|row| !busy.contains(&row.id)).map(|row| (row.id.clone(), row)).collect();
        for operation in finishing {
            let id = &operation.id;
            if !rows.contains_key(id) {
                let row = session.catalog.operation(id)?;
                rows.insert(id.clone(), row.unwrap_or_else(|| described(id, operation.description.as_ref())));
            }
        }
        if rows.is_empty() {
            return Ok(Self::default());
        }
        let mut noted = match read(directory, &rows) {
            Ok(noted) => noted,
            Err(error) => {
                // Without the log nobody knows what it lacks: what it has twice does no harm, what it lacks would.
                recovery.reported.push(format!("the audit log cannot be read: {error}"));
                HashMap::new()
            }
        };
        let mut ledger = Self::default();
        for (id, row) in rows {
            let noted = noted.remove(&id).unwrap_or_default();
            let mut account = Account { row, noted, complete: true, waits: false, ended: false, freed: Size::ZERO };
            // An end in the catalog means that the log was complete.
            if account.row.finished_at.is_none()
                && let Err(error) = account.complete(session, settings, directory)?
            {
                account.complete = false;
                let full = error.kind() == io::ErrorKind::StorageFull;
                let then = if full { "" } else { "; it stays in the trash until it can" };
                recovery.reported.push(format!("the operation {id} cannot be noted in the audit log: {error}{then}"));
                // On a full disk unlinking is what makes room; the rows stay, and the next recovery notes them.
                account.waits = !full;
            }
            ledger.operations.insert(id, account);
        }
        Ok(ledger)
    }

    /// Whether nothing of an operation may be unlinked now: the log cannot be told of it.
    pub(super) fn must_wait(&self, id: &str) -> bool {
        self.operations.get(id).is_some_and(|account| account.waits)
    }

    /// Notes the end of an operation of which something was unlinked, or nothing was left.
    pub(super) fn end(&mut self, session: &Session, settings: &Settings<'_>, id: &str, removed: &Removed) {
        let (Some(account), Some(directory)) = (self.operations.get_mut(id), session.directory()) else { return };
        if !account.complete {
            return;
        }
        account.freed += removed.runs + removed.cache;
        account.ended = true;
        if account.noted.finished && removed.done == 0 {
            return;
        }
        let event = Event::Finished(finished_after_crash(
            removed,
            (account.noted.runs.len() as u64, account.noted.entries.len() as u64),
            settings,
        ));
        let log = Log { hook: &settings.hook, directory, limit: settings.audit_limit };
        let mut journal = Journal::resume(log, &account.heading(), account.noted.last);
        // Without it the operation stays open, and the next recovery tries again.
        account.ended = reserve::with(&settings.hook, directory, || journal.append(None, &event)).is_ok();
    }

    /// The operations that lie nowhere any more: their end alone is missing.
    pub(super) fn elsewhere(&self, lying: &HashSet<String>) -> Vec<String> {
        self.operations.keys().filter(|id| !lying.contains(*id)).cloned().collect()
    }

    /// Records in the catalog which operations came to their end.
    ///
    /// # Errors
    /// The catalog's.
    pub(super) fn close(self, session: &mut Session, settings: &Settings<'_>) -> Result<(), Error> {
        let ended: Vec<Account> = self.operations.into_values().filter(|account| account.ended).collect();
        if ended.is_empty() {
            return Ok(());
        }
        let mut tx = session.catalog.begin()?;
        for account in ended {
            tx.begin_operation(&account.row)?;
            let sums = OperationSums {
                runs: account.noted.runs.len() as u64,
                entries: account.noted.entries.len() as u64,
                freed: account.freed,
            };
            tx.finish_operation(&account.row.id, settings.clock.now, &sums)?;
        }
        Ok(tx.commit()?)
    }
}

impl Account {
    fn heading(&self) -> Heading<'_> {
        Heading {
            operation: &self.row.id,
            now: self.row.started_at,
            who: &self.row.who,
            command: &self.row.command,
            policy: &self.row.policy,
            plan: self.row.plan.as_deref(),
        }
    }

    /// Appends what the log lacks. The outer error is the catalog's, the inner one the log's.
    fn complete(
        &mut self,
        session: &Session,
        settings: &Settings<'_>,
        directory: BorrowedFd<'_>,
    ) -> Result<io::Result<()>, Error> {
        let mut missing: BTreeMap<Option<i64>, (Vec<RemovedRun>, Vec<RemovedEntry>)> = BTreeMap::new();
        for CommittedRun { run, reasons, keep_until } in session.catalog.runs_of_operation(&self.row.id)? {
            if self.noted.runs.insert(RunName::of(&run.id)) {
                let reasons: Vec<String> = reasons.and_then(|r| serde_json::from_str(&r).ok()).unwrap_or_default();
                let line = RemovedRun::of(&session.catalog, &run, &reasons)?;
                missing.entry(keep_until).or_default().0.push(line);
            }
        }
        for entry in session.catalog.entries_of_operation(&self.row.id)? {
            let name =
                EntryName { project: JsonName::new(entry.project.as_bytes()), entry: JsonName::new(&entry.path) };
            if self.noted.entries.insert(name.clone()) {
                missing.entry(entry.keep_until).or_default().1.push(RemovedEntry {
                    project: name.project,
                    entry: name.entry,
                    size_bytes: entry.size.size,
                    disk_bytes: entry.size.disk,
                });
            }
        }
        let log = Log { hook: &settings.hook, directory, limit: settings.audit_limit };
        let mut journal = Journal::resume(log, &self.heading(), self.noted.last);
        let mut written = Ok(());
        for (keep_until, (runs, entries)) in missing {
            written = reserve::with(&settings.hook, directory, || {
                journal.removed(session.lock(), &runs, &entries, keep_until)
            });
            if written.is_err() {
                break;
            }
        }
        let mut thinned: BTreeMap<Option<i64>, Vec<ThinnedRun>> = BTreeMap::new();
        for thinning in session.catalog.thinnings_of_operation(&self.row.id)? {
            let run = RunName::of(&thinning.run.id);
            if self.noted.thinned.insert(run.clone()) {
                thinned.entry(thinning.keep_until).or_default().push(ThinnedRun {
                    run,
                    parts: thinning.dropped.names().into_iter().map(str::to_owned).collect(),
                    reasons: serde_json::from_str(&thinning.reasons).unwrap_or_default(),
                    size_bytes: thinning.size.size,
                    disk_bytes: thinning.size.disk,
                    row: Some(Box::new(RemovedRun::of(&session.catalog, &thinning.run, &[])?)),
                });
            }
        }
        for (keep_until, runs) in thinned {
            if written.is_ok() {
                written =
                    reserve::with(&settings.hook, directory, || journal.thinned(session.lock(), &runs, keep_until));
            }
        }
        self.noted.last = journal.last();
        Ok(written)
    }
}

/// An operation of a version that kept no row of it, or whose row went with the catalog.
fn described(id: &str, description: Option<&Description>) -> Operation {
    Operation {
        id: id.to_owned(),
        kind: "clean".to_owned(),
        command: description.map(|d| d.command.clone()).unwrap_or_default(),
        policy: description.map(|d| d.policy.clone()).unwrap_or_default(),
        started_at: description.map_or(0, |d| d.started_at),
        ..Operation::default()
    }
}

/// What the log says of some operations.
fn read(directory: BorrowedFd<'_>, wanted: &BTreeMap<String, Operation>) -> io::Result<HashMap<String, Noted>> {
    let mut noted: HashMap<String, Noted> = HashMap::new();
    let mut reader = Reader::open(directory)?;
    while let Some((_, audit::Line { head, event })) = reader.next_line() {
        if !wanted.contains_key(&head.operation) {
            continue;
        }
        let account = noted.entry(head.operation).or_default();
        account.last = account.last.max(head.sequence);
        match event {
            Event::Removed(removed) => {
                account.runs.extend(removed.runs.iter().map(RemovedRun::name));
                let name = |e: RemovedEntry| EntryName { project: e.project, entry: e.entry };
                account.entries.extend(removed.cache.into_iter().map(name));
            }
            Event::Thinned(thinned) => account.thinned.extend(thinned.runs.into_iter().map(|one| one.run)),
            Event::Finished(_) => account.finished = true,
            _ => {}
        }
    }
    Ok(noted)
}
