//! Executing a plan: move out of sight, commit the decision, then unlink.
//!
//! | step | row | in place | in the trash | after a crash here |
//! |---|---|---|---|---|
//! | 0 `operation.json` | present | yes | - | nothing to do |
//! | 1 rename into the trash | present | - | yes | put back |
//! | 2 commit the row | removed | - | yes | finish |
//! | 2b commit the row, with a trash | trashed until T | - | yes | leave until T, then as 3 |
//! | 3 unlink in the trash | removed | - | part | finish |
//!
//! Before each rename the run is looked at again: still there and a directory, the same inode, the same manifest, not
//! pinned, nobody alive, its `.lock` taken where there is one and held through step 2. Whatever is not as planned is
//! skipped with its reason. Both parent directories are synced before the commit, and the commit is synced before the
//! first unlink. The store's lock is held through step 2 and given up before step 3.
//!
//! With a trash, execution ends at step 2b: nothing is unlinked, nothing is freed. Each run takes companions of its cache
//! entries along, kept before it is moved and durable before the commit.
//!
//! Cache entries go after the runs, project by project: renamed into the trash, then the project's runs are listed again,
//! because the runner looks for an old entry, reuses it untouched, and links it only then. If any run appeared, or is
//! alive, all entries of the project are put back.

mod archived;
mod companions;
mod describe;
mod ending;
mod entries;
mod look;
mod outcome;
mod rehearse;
mod runs;
mod thin;
mod unlink;

use archived::Archived;
pub use archived::check_archive_place;
use companions::Companions;
use describe::describe;
pub(super) use ending::finished_after_crash;
use ending::{end, finished, record};
use entries::entry_id;
pub(super) use entries::entry_name;
pub use outcome::{Failed, Outcome, Skipped, Thinned};
pub use rehearse::rehearse;
pub(super) use unlink::{Removed, remove_all};

use super::plan::{EntryRemoval, Plan};
use crate::audit::{self, Event, Heading, Journal, RemovedEntry, RemovedRun};
use crate::catalog;
use crate::model::{ProjectDir, RunId, Timestamp};
use crate::session::{Error, Session, Settings, operation_id};
use crate::store::change::Freed;
use crate::store::trash::{Operation, Trash};
use crate::store::{project_walk, reserve};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

/// Runs that are moved and committed together: few enough that a crash leaves little to put back.
const BATCH: usize = 200;

/// What an execution needs beside the plan.
pub struct Execution<'a> {
    /// The command line, for the audit log.
    pub command: &'a str,
    /// Who asked, for the audit log.
    pub who: &'a str,
    /// The policy in words, for the audit log.
    pub policy: &'a str,
    /// Whether the user wants it to stop: the item at hand is finished, the rest is left.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}

/// Why one run was not moved.
enum NotMoved {
    /// It is not as planned.
    Skip(String),
    /// Somebody is alive in it, or that cannot be told: what it names may not be what the catalog knows.
    Alive(String),
    /// It changed: the next refresh has to look at it again. It may name entries of those other projects now.
    Changed(String, Vec<ProjectDir>),
    /// It could not be moved.
    Fail(Failed),
}

/// Executes a plan.
///
/// # Errors
/// When nothing was done: the lock, the catalog or the trash is not to be had. Once the first item was moved, whatever
/// goes wrong is in the outcome.
pub fn execute(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Plan,
    execution: &Execution<'_>,
) -> Result<Outcome, Error> {
    execute_with(session, settings, plan, execution, None)
}

/// Executes a plan once all that goes is in an archive in a directory; what is not in it stays.
///
/// # Errors
/// As [`execute()`], and when the archive cannot be written or does not read as it was written: then nothing was done.
pub fn execute_archiving(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Plan,
    execution: &Execution<'_>,
    directory: &Path,
) -> Result<Outcome, Error> {
    execute_with(session, settings, plan, execution, Some(directory))
}

fn execute_with(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Plan,
    execution: &Execution<'_>,
    archive: Option<&Path>,
) -> Result<Outcome, Error> {
    session.lock_again(settings)?;
    if !session.catalog.is_on_disk() {
        return Err(Error::NoCatalog("the catalog is in memory".to_owned()));
    }
    session.check_clock(settings)?;
    let here = session.catalog.store_state()?.store_id;
    if here != plan.store_id {
        return Err(Error::OtherStore { planned: plan.store_id, here });
    }
    plan.check_limit()?;
    let unnamed = plan.thin.iter().any(|one| one.run.fingerprint.is_none());
    let named = plan.runs.iter().filter(|run| run.fingerprint.is_some()).count() as u64;
    if unnamed || named != plan.removes.count {
        return Err(Error::PreviewOnly);
    }
    let id = operation_id(settings)?;
    let keep_until = plan.trash.map(|keep| keep.after(settings.clock.now));
    let mut outcome = Outcome { operation: id.clone(), kept_until: keep_until, ..Outcome::default() };
    if plan.is_empty() {
        return Ok(outcome);
    }
    let archived = match archive.map(|into| archived::write(session, settings, &plan, execution, &id, into)) {
        Some(written) => match written? {
            Some(archived) => Some(archived),
            None => return Ok(Outcome { interrupted: true, ..outcome }),
        },
        None => None,
    };
    let file = archived.as_ref().and_then(|archived| archived.file.clone());
    outcome.archive = file.map(|(path, written)| (path, written.bytes));
    let trash = with_room(session, settings, |directory| Trash::open(directory, &settings.hook))?;
    let description = describe(&plan, execution, &id, keep_until);
    let operation = with_room(session, settings, |_| trash.begin(description.clone()))?;
    let directory = session.directory().ok_or_else(|| Error::NoCatalog("it has no directory".to_owned()))?;
    reserve::ensure(&settings.hook, directory);
    let directory = directory.try_clone_to_owned().map_err(io_error("open", session))?;
    let log = audit::Log { hook: &settings.hook, directory: directory.as_fd(), limit: settings.audit_limit };
    let heading = Heading {
        operation: &id,
        now: settings.clock.now,
        who: execution.who,
        command: execution.command,
        policy: execution.policy,
        plan: plan.file_id.as_deref(),
    };
    let mut journal = Journal::new(log, &heading);
    if let Some((path, _)) = &outcome.archive {
        journal.kept_in(&path.to_string_lossy());
    }
    let projects = session.catalog.projects()?.into_iter();
    let unlisted = projects.filter(|p| !p.listed_whole).map(|p| p.dir).collect();
    let mut work = Work {
        session,
        settings,
        operation: &operation,
        outcome: &mut outcome,
        record: record(&id, plan.file_id.as_deref(), settings, execution),
        unaudited: false,
        projects: HashMap::new(),
        uncertain: HashMap::new(),
        unlisted,
        keep_until,
        companions: Companions::default(),
        archived: archived.as_ref(),
    };
    // From here on nothing ends in an error: what was done before it must be told, finished and audited.
    let mut stopped = None;
    for batch in plan.runs.chunks(BATCH) {
        if stopped.is_none() {
            stopped = work.step(execution, |work| work.runs(batch, &mut journal));
            if stopped.is_none() {
                continue;
            }
        }
        let reached = work.reached();
        for run in batch.iter().filter(|run| !reached.contains(&run.id.to_string())) {
            work.skip(run.id.to_string(), stopped.clone().unwrap_or_default());
        }
    }
    for entries in plan.cache.delete.chunk_by(|a, b| a.entry.project == b.entry.project) {
        if stopped.is_none() {
            stopped = work.step(execution, |work| work.entries(entries, &plan.cache.known_runs, &mut journal));
        }
        let Some(why) = &stopped else { continue };
        let reached = work.reached();
        for id in entries.iter().map(entry_id).filter(|id| !reached.contains(id)) {
            work.skip(id, why.clone());
        }
    }
    for batch in plan.thin.chunks(BATCH) {
        if stopped.is_none() {
            stopped = work.step(execution, |work| work.thin(batch, &mut journal));
        }
        let Some(why) = &stopped else { continue };
        let reached = work.reached();
        for id in batch.iter().map(|one| one.run.id.to_string()).filter(|id| !reached.contains(id)) {
            work.skip(id, why.clone());
        }
    }
    let unaudited = work.unaudited;
    outcome.interrupted |= archived.as_ref().is_some_and(Archived::was_stopped);
    // No row tells what a thinned run takes now, nor of a stray file.
    let unseen = !outcome.thinned.is_empty() || plan.cache.delete.iter().any(EntryRemoval::is_stray);
    if unseen && let Err(error) = session.refresh(settings, false) {
        outcome.notices.push(format!("the catalog could not be brought in line: {error}"));
    }
    session.unlock();
    let dev = session.store()?.dev();
    if keep_until.is_none()
        && let Err(error) = unlink::unlink(&operation, dev, settings, execution, &mut outcome)
    {
        outcome.notices.push(format!("what was removed still lies in the trash: {}", chain(&error)));
    }
    // The end is noted while the operation's lock is held, so that nobody takes it for one that died.
    let event = Event::Finished(finished(&outcome, settings));
    match reserve::with(&settings.hook, directory.as_fd(), || journal.append(None, &event)) {
        Err(error) => outcome.notices.push(format!("the audit log lacks the end of this operation: {error}")),
        Ok(()) if unaudited => {}
        Ok(()) => end(session, settings, &outcome),
    }
    // What is kept stays, with its companions; an operation that moved nothing goes.
    if let Err(error) = trash.drop_empty(operation, &Freed::default()) {
        outcome.notices.push(format!("the operation's directory in the trash stays: {error}"));
    }
    if let Some(directory) = session.directory() {
        reserve::ensure(&settings.hook, directory);
    }
    Ok(outcome)
}

fn io_error(act: &'static str, session: &Session) -> impl Fn(io::Error) -> Error + use<> {
    let path = session.root.as_ref().map(|r| r.path().join(".catalog")).unwrap_or_default();
    move |source| Error::Io { act, path: path.clone(), source }
}

/// Does what needs a little room on the disk; on a full one, gives up the reserve and does it again.
fn with_room<T>(
    session: &Session,
    settings: &Settings<'_>,
    act: impl Fn(BorrowedFd<'_>) -> io::Result<T>,
) -> Result<T, Error> {
    let directory = session.directory().ok_or_else(|| Error::NoCatalog("it has no directory".to_owned()))?;
    let error = io_error("write in", session);
    match act(directory) {
        Err(source) if source.kind() == io::ErrorKind::StorageFull => {
            if reserve::give_up(&settings.hook, directory).map_err(&error)? {
                act(directory).map_err(error)
            } else {
                Err(error(source))
            }
        }
        done => done.map_err(error),
    }
}

/// A manifest as text.
pub(super) fn hex(manifest: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*manifest).to_hex().to_string()
}

struct Work<'w> {
    session: &'w mut Session,
    settings: &'w Settings<'w>,
    operation: &'w Operation,
    outcome: &'w mut Outcome,
    /// The operation's row, written with the first commit.
    record: catalog::Operation,
    /// Whether the audit log lacks something that was committed: then the operation has no end, so that recovery adds it.
    unaudited: bool,
    /// Open project directories, in the store and in the trash.
    projects: HashMap<ProjectDir, (OwnedFd, OwnedFd)>,
    /// Projects whose references are not known for certain any more, and why: their entries stay this time.
    uncertain: HashMap<ProjectDir, String>,
    /// Projects that could not be listed whole when the lock was taken.
    unlisted: HashSet<ProjectDir>,
    /// Until when what is moved can be restored; `None`: it is deleted.
    keep_until: Option<Timestamp>,
    companions: Companions,
    /// Where all that goes must be first.
    archived: Option<&'w Archived<'w>>,
}

impl Work<'_> {
    /// Does one step unless the user wants to stop; says why the execution goes no further, if it does not.
    fn step(
        &mut self,
        execution: &Execution<'_>,
        step: impl FnOnce(&mut Self) -> Result<bool, Error>,
    ) -> Option<String> {
        if (execution.interrupted)() {
            self.outcome.interrupted = true;
            return Some("not reached: interrupted".to_owned());
        }
        match step(self) {
            Ok(true) => None,
            Ok(false) => Some("not reached: an earlier batch failed".to_owned()),
            Err(error) => {
                self.outcome.notices.push(format!("stopped: {}", chain(&error)));
                Some(format!("not reached: {error}"))
            }
        }
    }

    /// Commits; on a full disk, gives up the reserve and commits again.
    fn with_room(&mut self, commit: impl Fn(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        match commit(self) {
            Err(error) if error.is_full() => {
                let directory = self.session.directory();
                let given = directory.is_some_and(|d| reserve::give_up(&self.settings.hook, d).unwrap_or(false));
                if given { commit(self) } else { Err(error) }
            }
            done => done,
        }
    }

    /// Notes in the audit log what was committed. Where that cannot be, the operation is left without an end, and
    /// recovery notes it from the catalog.
    fn note(&mut self, journal: &mut Journal<'_>, runs: &[RemovedRun], cache: &[RemovedEntry]) {
        let Some(directory) = self.session.directory() else { return };
        let (lock, keep_until) = (self.session.lock(), self.keep_until);
        let written = reserve::with(&self.settings.hook, directory, || journal.removed(lock, runs, cache, keep_until));
        if let Err(error) = written {
            self.unaudited = true;
            self.outcome.notices.push(format!("the audit log could not be written: {error}"));
        }
    }

    /// The items of which something was said.
    fn reached(&self) -> HashSet<String> {
        let outcome = &self.outcome;
        let entries = outcome.deleted_cache.iter();
        let entries = entries.map(|(project, path, _)| format!("{project}/.cache/{}", String::from_utf8_lossy(path)));
        let runs = outcome.deleted_runs.iter().map(|(id, _)| id).chain(outcome.thinned.iter().map(|one| &one.id));
        let others = outcome.failed.iter().map(|f| &f.id).chain(outcome.skipped.iter().map(|s| &s.id));
        runs.chain(others).cloned().chain(entries).collect()
    }

    fn skip(&mut self, id: String, reason: String) {
        self.outcome.skipped.push(Skipped { id, reason });
    }

    /// A run that was to go stays, and was not looked at since: the entries of its project stay as well.
    fn doubt(&mut self, run: &RunId, named: &[ProjectDir], reason: &str) {
        for project in std::iter::once(&run.project).chain(named) {
            self.uncertain.entry(project.clone()).or_insert_with(|| format!("the run {run} stays: {reason}"));
        }
    }

    /// The open directories of a project, in the store and in the trash.
    fn project(&mut self, project: &ProjectDir) -> io::Result<(BorrowedFd<'_>, BorrowedFd<'_>)> {
        if !self.projects.contains_key(project) {
            let root = self.session.store().map_err(io::Error::other)?;
            let place = if project.is_root() {
                root.fd().try_clone_to_owned()?
            } else {
                match project_walk::open_project(root, project) {
                    Ok(Some((fd, _))) => fd,
                    Ok(None) => return Err(io::ErrorKind::NotFound.into()),
                    Err(problem) => return Err(io::Error::other(problem.to_string())),
                }
            };
            let shell = self.operation.project(project)?;
            self.projects.insert(project.clone(), (place, shell));
        }
        let (place, shell) = &self.projects[project];
        Ok((place.as_fd(), shell.as_fd()))
    }
}

fn hint_of(act: &str) -> Option<String> {
    act.contains("trash")
        .then(|| "look at the rights of the store and of its .catalog, then run the command again".to_owned())
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
