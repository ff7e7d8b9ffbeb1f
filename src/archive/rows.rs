//! What the rows of imported runs say that their trees do not: told from before the first is moved, then in the audit log,
//! so that it outlives the catalog, then in the catalog.

use super::error::{Error, io_error};
use super::leftovers::no_catalog;
use super::manifest::{ArchivedEntry, ArchivedRun, Kind, bytes};
use super::unpack::{entry_name, run_name};
use crate::audit::{
    self, Arrivals, ArrivingEntry, ArrivingRun, EntryName, Event, Heading, Journal, Reader, RunName, RunRow, UnpackedAs,
};
use crate::catalog::ThinningRecord;
use crate::model::{Dropped, Problem, RunId, RunState, Size};
use crate::session::{Session, Settings};
use crate::store::change::{self, Act};
use crate::store::reserve;
use crate::store::shape::Shape;
use rustix::fd::BorrowedFd;
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
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

/// A cache entry that was unpacked.
pub(super) struct UnpackedEntry<'m> {
    pub(super) entry: &'m ArchivedEntry,
    /// Its place in the manifest.
    pub(super) at: usize,
    /// Its inode, which it keeps when it is moved.
    pub(super) inode: u64,
}

impl Unpacked<'_> {
    /// What is told of it, as it is in this store.
    fn arriving(&self) -> io::Result<ArrivingRun> {
        let mut row = self.run.row.clone();
        row.id = self.id.to_string();
        row.inode = Some(self.inode);
        row.pin = None;
        let unpacked = UnpackedAs { name: text(run_name(self.at)?), digest: shape(self.run).digest() };
        Ok(ArrivingRun { row: RunRow { row, dropped: self.run.dropped.clone() }, unpacked: Some(unpacked) })
    }
}

impl UnpackedEntry<'_> {
    fn arriving(&self) -> io::Result<ArrivingEntry> {
        let name = EntryName { project: self.entry.project.clone(), entry: self.entry.entry.clone() };
        let unpacked = UnpackedAs { name: text(entry_name(self.at)?), digest: self.entry.blake3.clone() };
        Ok(ArrivingEntry { name, inode: self.inode, unpacked: Some(unpacked) })
    }
}

fn text(name: CString) -> String {
    name.to_string_lossy().into_owned()
}

/// The shape of a run, as its manifest states it: that of what is unpacked.
fn shape(run: &ArchivedRun) -> Shape {
    let mut shape = Shape::default();
    let mut lengths = HashMap::new();
    for member in run.members.iter().filter(|member| !bytes(&member.path).is_empty()) {
        let path = bytes(&member.path);
        match &member.kind {
            Kind::Directory => shape.directory(&path),
            Kind::File { size_bytes, .. } => {
                shape.file(&path, *size_bytes);
                lengths.insert(path, *size_bytes);
            }
            Kind::HardLink { to } => shape.file(&path, lengths.get(&bytes(to)).copied().unwrap_or_default()),
            Kind::Link { to } => shape.link(&path, &bytes(to)),
        }
    }
    shape
}

/// What is about to be moved: runs, and cache entries.
pub(super) fn arrivals(
    heading: &Heading<'_>,
    runs: &[Unpacked<'_>],
    entries: &[UnpackedEntry<'_>],
) -> io::Result<Arrivals> {
    let runs = runs.iter().map(Unpacked::arriving).collect::<io::Result<_>>()?;
    let entries = entries.iter().map(UnpackedEntry::arriving).collect::<io::Result<_>>()?;
    Ok(Arrivals::new(heading, runs, entries))
}

/// Makes durable what is in its place, notes it in the log, and brings the catalog in line. What an operation noted before
/// it died is asked of the log only where it `may_have` noted something. `place` is the directory of the operation.
pub(super) fn settle(
    session: &mut Session,
    settings: &Settings<'_>,
    (arrivals, place): (&Arrivals, BorrowedFd<'_>),
    may_have: bool,
) -> Result<(), Error> {
    let root = session.store()?;
    let runs = arrivals.runs_in_place(root, place).map_err(unseen)?;
    let entries = arrivals.entries_in_place(root, place).map_err(unseen)?;
    if runs.is_empty() && entries.is_empty() {
        return Ok(());
    }
    change::sync_all(&settings.hook, root.fd()).map_err(io_error("sync", root.path()))?;
    let directory = session.directory().ok_or_else(no_catalog)?;
    let note = || note(session, settings, directory, arrivals, (&runs, &entries), may_have);
    reserve::with(&settings.hook, directory, note).map_err(io_error("write", ".catalog/audit.jsonl"))?;
    if may_have {
        doubt(session, settings, &runs)?;
    }
    // The runs are looked at with what is told of them beside what was unpacked.
    session.refresh(settings, false)?;
    commit(session, settings, arrivals.heading().operation, &runs)
}

/// A place that cannot be looked at.
fn unseen(Problem { path, act, cause }: Problem) -> Error {
    io_error(act, path)(io::Error::other(cause))
}

/// Lets the refresh look again at runs that have a row: it may be of a look at which nothing was told of them.
fn doubt(session: &mut Session, settings: &Settings<'_>, runs: &[RunRow]) -> Result<(), Error> {
    settings.hook.before(Act::Commit).map_err(io_error("commit in", ".catalog/catalog.db"))?;
    let mut tx = session.catalog.begin()?;
    for run in runs {
        let Some(project) = run.row.name().project() else { continue };
        if let Some((key, RunState::Present)) = tx.known_run(&project, &run.row.run)? {
            tx.doubt_run(key)?;
        }
    }
    Ok(tx.commit()?)
}

/// Notes in the audit log what came and is not noted.
fn note(
    session: &Session,
    settings: &Settings<'_>,
    directory: BorrowedFd<'_>,
    arrivals: &Arrivals,
    (runs, entries): (&[RunRow], &[&EntryName]),
    may_have: bool,
) -> io::Result<()> {
    let heading = arrivals.heading();
    let noted = if may_have { Noted::of(directory, heading.operation)? } else { Noted::default() };
    let runs: Vec<RunRow> =
        runs.iter().filter(|run| noted.runs.get(&run.row.name()) != Some(&run.row.inode)).cloned().collect();
    let entries: Vec<EntryName> =
        entries.iter().filter(|entry| !noted.entries.contains(entry)).map(|entry| (*entry).clone()).collect();
    if runs.is_empty() && entries.is_empty() {
        return Ok(());
    }
    let log = audit::Log { hook: &settings.hook, directory, limit: settings.audit_limit };
    Journal::resume(log, &heading, noted.last).imported(session.lock(), &runs, &entries)
}

/// What the log says of an operation.
#[derive(Default)]
struct Noted {
    /// By name, with the inode that it had: in a copy of a store it has another one.
    runs: HashMap<RunName, Option<u64>>,
    entries: HashSet<EntryName>,
    last: u64,
}

impl Noted {
    fn of(directory: BorrowedFd<'_>, operation: &str) -> io::Result<Self> {
        let mut noted = Self::default();
        let mut reader = Reader::open(directory)?;
        while let Some((_, audit::Line { head, event })) = reader.next_line() {
            if head.operation != operation {
                continue;
            }
            noted.last = noted.last.max(head.sequence);
            if let Event::Imported(imported) = event {
                noted.runs.extend(imported.runs.iter().map(|run| (run.row.name(), run.row.inode)));
                noted.entries.extend(imported.cache);
            }
        }
        Ok(noted)
    }
}

/// Commits what a look at the runs does not tell: tags, and what was dropped before.
fn commit(session: &mut Session, settings: &Settings<'_>, operation: &str, runs: &[RunRow]) -> Result<(), Error> {
    let telling = |run: &&RunRow| !run.row.tags.is_empty() || !run.dropped.is_empty();
    if !runs.iter().any(|run| telling(&run)) {
        return Ok(());
    }
    settings.hook.before(Act::Commit).map_err(io_error("commit in", ".catalog/catalog.db"))?;
    let mut tx = session.catalog.begin_durable()?;
    for run in runs.iter().filter(telling) {
        let Some(project) = run.row.name().project() else { continue };
        let Some((key, RunState::Present)) = tx.known_run(&project, &run.row.run)? else { continue };
        tx.tag(key, &run.row.tags, &[])?;
        let dropped = Dropped::from_names(run.dropped.iter().map(String::as_str));
        if !dropped.is_empty() {
            let reasons = "[\"dropped before it was archived\"]";
            let record = ThinningRecord { operation, dropped, size: Size::ZERO, reasons, keep_until: None };
            tx.note_thinning(key, &record)?;
        }
    }
    Ok(tx.commit()?)
}
