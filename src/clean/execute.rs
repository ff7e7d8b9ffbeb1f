//! Executing a plan: move out of sight, commit the decision, then unlink.
//!
//! | step | row | in place | in the trash | after a crash here |
//! |---|---|---|---|---|
//! | 0 `operation.json` | present | yes | - | nothing to do |
//! | 1 rename into the trash | present | - | yes | put back |
//! | 2 commit the row | removed | - | yes | finish |
//! | 3 unlink in the trash | removed | - | part | finish |
//!
//! Before each rename the run is looked at again: still there and a directory, the same inode, the same manifest, not
//! pinned, nobody alive, its `.lock` taken where there is one and held through step 2. Whatever is not as planned is
//! skipped with its reason. Both parent directories are synced before the commit, and the commit is synced before the
//! first unlink. The store's lock is held through step 2 and given up before step 3.
//!
//! Cache entries go after the runs, project by project: renamed into the trash, then the project's runs are listed again,
//! because the runner looks for an old entry, reuses it untouched, and links it only then. If any run appeared, or is
//! alive, all entries of the project are put back.

use super::audit::{Audit, EntryLine, RunLine};
use super::orphans::{self, Doomed};
use super::plan::{EntryRemoval, Plan, RunRemoval};
use crate::catalog::Departure;
use crate::model::{ProjectDir, RunDir, RunState, Size, Timestamp};
use crate::retention::{self, Protection};
use crate::session::{Error, Session, Settings};
use crate::store::change::{self, Act, Freed};
use crate::store::dir::{self, Listing};
use crate::store::liveness::{self, HeldLock, LiveRuns, TakeLock};
use crate::store::run_walk::{self, Look};
use crate::store::trash::{Description, EntryItem, JsonName, Lying, Operation, RunItem, Trash};
use crate::store::{own_files, project_walk, reserve};
use rayon::prelude::*;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::collections::{HashMap, HashSet};
use std::io;

/// Runs that are moved and committed together: few enough that a crash leaves little to put back.
const BATCH: usize = 200;

/// Where an execution is, for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Everything that goes is out of sight.
    OutOfSight,
}

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

/// An item that could not be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// What went wrong.
    pub error: String,
    /// What to do.
    pub hint: Option<String>,
}

/// An item that was not as planned, and was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What an execution did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The operation.
    pub operation: String,
    /// Runs that are gone, with what they took.
    pub deleted_runs: Vec<(String, Size)>,
    /// Cache entries that are gone: project, path, size.
    pub deleted_cache: Vec<(ProjectDir, Vec<u8>, Size)>,
    /// Items that could not be removed, or not wholly.
    pub failed: Vec<Failed>,
    /// Items that were not as planned.
    pub skipped: Vec<Skipped>,
    /// What was freed by runs.
    pub freed_runs: Size,
    /// What was freed by cache entries.
    pub freed_cache: Size,
    /// Whether it was stopped before its end; the next deleting command finishes it.
    pub interrupted: bool,
    /// Notices that do not concern an item.
    pub notices: Vec<String>,
}

impl Outcome {
    /// What was freed in all.
    pub fn freed(&self) -> Size {
        self.freed_runs + self.freed_cache
    }
}

/// A run that lies in the trash, its decision not yet committed.
struct Moved<'p> {
    removal: &'p RunRemoval,
    /// Held through the commit.
    _lock: Option<HeldLock>,
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
/// When nothing could be done: the lock, the catalog or the trash is not to be had. A single item's failure is in the
/// outcome.
pub fn execute(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Plan,
    execution: &Execution<'_>,
) -> Result<Outcome, Error> {
    session.lock_again(settings)?;
    if !session.catalog.is_on_disk() {
        return Err(Error::NoCatalog("the catalog is in memory".to_owned()));
    }
    if session.catalog.store_state()?.store_id != plan.store_id {
        return Err(Error::NoCatalog("the plan is of another store".to_owned()));
    }
    let id = operation_id(settings)?;
    let mut outcome = Outcome { operation: id.clone(), ..Outcome::default() };
    if plan.is_empty() {
        return Ok(outcome);
    }
    let trash = with_room(session, settings, |directory| Trash::open(directory, &settings.hook))?;
    let description = describe(&plan, execution, &id);
    let operation = with_room(session, settings, |_| trash.begin(description.clone()))?;
    let directory = session.directory().ok_or_else(|| Error::NoCatalog("it has no directory".to_owned()))?;
    reserve::ensure(&settings.hook, directory);
    let directory = directory.try_clone_to_owned().map_err(io_error("open", session))?;
    let mut audit = Audit {
        hook: &settings.hook,
        directory: directory.as_fd(),
        operation: &id,
        now: settings.clock.now,
        who: execution.who,
        command: execution.command,
        policy: execution.policy,
        sequence: 0,
    };
    let mut work = Work {
        session,
        settings,
        operation: &operation,
        outcome: &mut outcome,
        projects: HashMap::new(),
        uncertain: HashMap::new(),
    };
    for batch in plan.runs.chunks(BATCH) {
        if (execution.interrupted)() {
            work.outcome.interrupted = true;
            break;
        }
        if !work.runs(batch, &mut audit)? {
            break;
        }
    }
    if !work.outcome.interrupted {
        for entries in plan.cache.delete.chunk_by(|a, b| a.entry.project_key == b.entry.project_key) {
            if (execution.interrupted)() {
                work.outcome.interrupted = true;
                break;
            }
            work.entries(entries, &mut audit)?;
        }
    }
    session.unlock();
    let dev = session.store()?.dev();
    unlink(&operation, dev, settings, execution, &mut outcome)?;
    if let Err(error) = trash.drop_empty(operation) {
        outcome.notices.push(format!("the operation's directory in the trash stays: {error}"));
    }
    let failed = outcome.failed.iter().map(|f| format!("{}: {}", f.id, f.error)).collect();
    if let Err(error) = audit.finished(failed, outcome.freed()) {
        outcome.notices.push(format!("the audit log lacks the end of this operation: {error}"));
    }
    if let Some(directory) = session.directory() {
        reserve::ensure(&settings.hook, directory);
    }
    Ok(outcome)
}

fn operation_id(settings: &Settings<'_>) -> Result<String, Error> {
    let random =
        own_files::random_hex(4).map_err(|source| Error::Io { act: "read", path: "/dev/urandom".into(), source })?;
    let at = crate::model::rfc3339(settings.clock.wall()).unwrap_or_default().replace(['-', ':'], "");
    Ok(format!("{at}-{random}"))
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

fn describe(plan: &Plan, execution: &Execution<'_>, id: &str) -> Description {
    Description {
        schema: Description::SCHEMA.to_owned(),
        id: id.to_owned(),
        store_id: plan.store_id.clone(),
        started_at: plan.now,
        command: execution.command.to_owned(),
        policy: execution.policy.to_owned(),
        keep_until: None,
        runs: plan
            .runs
            .iter()
            .map(|run| RunItem {
                project: JsonName::new(run.id.project.as_bytes()),
                run: run.id.run.as_str().to_owned(),
                inode: run.inode,
                manifest: hex(&run.manifest),
                size_bytes: run.size.size,
                disk_bytes: run.size.disk,
                reasons: run.reasons.clone(),
            })
            .collect(),
        entries: plan
            .cache
            .delete
            .iter()
            .map(|removal| EntryItem {
                project: JsonName::new(removal.entry.project.as_bytes()),
                path: JsonName::new(&removal.entry.path),
                inode: removal.entry.inode,
                size_bytes: removal.entry.size.size,
                disk_bytes: removal.entry.size.disk,
            })
            .collect(),
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
    /// Open project directories, in the store and in the trash.
    projects: HashMap<ProjectDir, (OwnedFd, OwnedFd)>,
    /// Projects whose references are not known for certain any more, and why: their entries stay this time.
    uncertain: HashMap<ProjectDir, String>,
}

impl Work<'_> {
    fn live(&self) -> Result<LiveRuns, Error> {
        let root = self.session.store()?;
        Ok(liveness::scan_processes(&self.settings.processes, &[root.path(), root.as_given()], self.settings.own_pid))
    }

    /// Steps 1 and 2 of a batch of runs; whether to go on.
    fn runs(&mut self, batch: &[RunRemoval], audit: &mut Audit<'_>) -> Result<bool, Error> {
        let live = self.live()?;
        let mut moved = Vec::with_capacity(batch.len());
        let mut lines = Vec::with_capacity(batch.len());
        let mut changed = Vec::new();
        for removal in batch {
            match self.run(removal, &live) {
                Ok((lock, line)) => {
                    moved.push(Moved { removal, _lock: lock });
                    lines.push(line);
                }
                Err(NotMoved::Skip(reason)) => self.skip(removal.id.to_string(), reason),
                Err(NotMoved::Alive(reason)) => {
                    self.doubt(&removal.id, &[], &reason);
                    self.skip(removal.id.to_string(), reason);
                }
                Err(NotMoved::Changed(reason, named)) => {
                    changed.push(removal.key);
                    self.doubt(&removal.id, &named, &reason);
                    self.skip(removal.id.to_string(), reason);
                }
                Err(NotMoved::Fail(failed)) => {
                    self.doubt(&removal.id, &[], &failed.error);
                    self.outcome.failed.push(failed);
                }
            }
        }
        let synced = self.sync_projects(moved.iter().map(|m| &m.removal.id.project));
        let committed = synced.map_err(io_error("sync", self.session)).and_then(|()| self.commit(&moved, &changed));
        if let Err(error) = committed {
            self.put_runs_back(&moved, &error);
            return Ok(false);
        }
        for item in &moved {
            self.outcome.deleted_runs.push((item.removal.id.to_string(), item.removal.size));
        }
        if !lines.is_empty()
            && let Err(error) = audit.removed(lines, Vec::new())
        {
            self.outcome.notices.push(format!("the audit log could not be written: {error}"));
        }
        Ok(true)
    }

    fn skip(&mut self, id: String, reason: String) {
        self.outcome.skipped.push(Skipped { id, reason });
    }

    /// A run that was to go stays, and was not looked at since: the entries of its project stay as well.
    fn doubt(&mut self, run: &crate::model::RunId, named: &[ProjectDir], reason: &str) {
        for project in std::iter::once(&run.project).chain(named) {
            self.uncertain.entry(project.clone()).or_insert_with(|| format!("the run {run} stays: {reason}"));
        }
    }

    fn commit(&mut self, moved: &[Moved<'_>], changed: &[i64]) -> Result<(), Error> {
        if moved.is_empty() && changed.is_empty() {
            return Ok(());
        }
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let mut tx = self.session.catalog.begin_durable()?;
        for item in moved {
            let reasons = serde_json::to_string(&item.removal.reasons).unwrap_or_default();
            let departure = Departure {
                at: self.settings.clock.now,
                operation: Some(&self.operation.id),
                reasons: Some(&reasons),
                keep_until: None,
            };
            tx.leave(item.removal.key, RunState::Removed, &departure)?;
        }
        for key in changed {
            tx.unsettle(*key)?;
        }
        Ok(tx.commit()?)
    }

    fn put_runs_back(&mut self, moved: &[Moved<'_>], cause: &Error) {
        let hint = Some("nothing of this batch was removed; mend the cause and run the command again".to_owned());
        for item in moved {
            let id = &item.removal.id;
            let operation = self.operation;
            let lying = Lying::Run { project: id.project.clone(), run: id.run.as_str().to_owned() };
            let back = dir::c_name(id.run.as_str().as_bytes()).map_err(io::Error::from).and_then(|name| {
                let (place, _) = self.project(&id.project)?;
                operation.put_back(&lying, place, &name)
            });
            let mut error = chain(cause);
            if let Err(also) = back {
                error = format!("{error}; and it could not be put back: {also}");
            }
            self.outcome.failed.push(Failed { id: id.to_string(), error, hint: hint.clone() });
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

    fn sync_projects<'p>(&mut self, projects: impl Iterator<Item = &'p ProjectDir>) -> io::Result<()> {
        let projects: HashSet<&ProjectDir> = projects.collect();
        for project in projects {
            let hook = self.settings.hook.clone();
            let (place, shell) = self.project(project)?;
            change::sync(&hook, place)?;
            change::sync(&hook, shell)?;
        }
        Ok(())
    }

    /// Looks at a run again and moves it into the trash.
    fn run(&mut self, removal: &RunRemoval, live: &LiveRuns) -> Result<(Option<HeldLock>, RunLine), NotMoved> {
        let id = removal.id.to_string();
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let skip = |reason: &str| NotMoved::Skip(reason.to_owned());
        let row = self.session.catalog.run(removal.key).map_err(|e| fail("read its row", &e))?;
        let Some(row) = row.filter(|r| r.state == RunState::Present) else { return Err(skip("it is gone")) };
        let now = self.settings.clock.now;
        if let Some(protection) =
            retention::protection(&row, live.contains(&row.id.project, row.dir().as_str()), true, now)
        {
            return Err(match protection {
                Protection::Pinned | Protection::Future => NotMoved::Skip(protection.to_string()),
                _ => NotMoved::Alive(protection.to_string()),
            });
        }
        let line = RunLine::of(&self.session.catalog, &row, &removal.reasons).map_err(|e| fail("read its row", &e))?;
        let name = dir::c_name(removal.id.run.as_str().as_bytes()).map_err(|e| fail("name it", &e))?;
        let dev = self.session.store().map_err(|e| fail("open the store", &e))?.dev();
        let path = project_walk::project_path(
            self.session.store().map_err(|e| fail("open the store", &e))?,
            &removal.id.project,
        );
        let hook = self.settings.hook.clone();
        let (place, shell) = match self.project(&removal.id.project) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(skip("its project is gone")),
            Err(error) => return Err(fail("open its project", &error)),
        };
        let look = Look {
            project_path: &path,
            dev,
            now_ns: now.saturating_mul(1_000_000_000),
            read_yaml: false,
            at_root: removal.id.project.is_root(),
        };
        let lock = look_again(place, removal, &name, &look)?;
        change::rename(&hook, Act::ToTrash, place, &name, shell, &name)
            .map_err(|e| fail("move it to the trash", &e))?;
        // What was looked at and what was moved must be one directory: in between somebody may have put another there.
        let moved = dir::meta_at(shell, &name).map_err(|e| fail("look at it in the trash", &io::Error::from(e)))?;
        if moved.inode != removal.inode || moved.kind != FileType::Directory {
            change::rename(&hook, Act::PutBack, shell, &name, place, &name)
                .map_err(|e| fail("put back what took its place", &e))?;
            return Err(NotMoved::Changed("another directory took its place".to_owned(), Vec::new()));
        }
        Ok((lock, line))
    }
}

/// Whether a run is still what was planned; its lock, where it has one, is ours afterwards.
fn look_again(
    place: BorrowedFd<'_>,
    removal: &RunRemoval,
    name: &std::ffi::CStr,
    look: &Look<'_>,
) -> Result<Option<HeldLock>, NotMoved> {
    let skip = |reason: &str| NotMoved::Skip(reason.to_owned());
    let changed = |reason: &str| NotMoved::Changed(reason.to_owned(), Vec::new());
    let meta = match dir::meta_at(place, name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Err(skip("it is gone")),
        Err(error) => return Err(NotMoved::Alive(format!("it cannot be looked at: {}", io::Error::from(error)))),
    };
    if meta.kind != FileType::Directory {
        return Err(changed("it is no directory any more"));
    }
    if meta.inode != removal.inode {
        return Err(changed("another directory is in its place"));
    }
    let fd = dir::open_dir(place, name)
        .map_err(|e| NotMoved::Alive(format!("it cannot be opened: {}", io::Error::from(e))))?;
    let lock = match liveness::take_lock(fd.as_fd()) {
        TakeLock::Absent => None,
        TakeLock::Taken(lock) => Some(lock),
        TakeLock::Held => return Err(NotMoved::Alive(Protection::Running.to_string())),
        TakeLock::Unreadable(cause) => return Err(NotMoved::Alive(format!("its lock cannot be looked at: {cause}"))),
    };
    let found = match run_walk::walk_run(place, &removal.id.run, look, &mut Listing::default()) {
        Ok(Some(found)) => found,
        Ok(None) => return Err(skip("it is gone")),
        Err(problem) => return Err(NotMoved::Alive(problem.to_string())),
    };
    if found.manifest != removal.manifest || found.inode != removal.inode {
        let named =
            found.references.into_iter().filter_map(|reference| reference.project).map(ProjectDir::new).collect();
        return Err(NotMoved::Changed("it changed since it was indexed".to_owned(), named));
    }
    Ok(lock)
}

impl Work<'_> {
    /// Moves the entries of one project, unless somebody is alive in it; puts all of them back if somebody came meanwhile.
    fn entries(&mut self, removals: &[EntryRemoval], audit: &mut Audit<'_>) -> Result<(), Error> {
        let Some(first) = removals.first() else { return Ok(()) };
        let (project, key) = (first.entry.project.clone(), first.entry.project_key);
        let skip_all = |work: &mut Self, entries: &[&EntryRemoval], reason: &str| {
            for removal in entries {
                work.skip(entry_id(removal), reason.to_owned());
            }
        };
        let known: HashSet<String> =
            self.session.catalog.run_names(key)?.into_iter().map(|(_, name, _)| name).collect();
        let all: Vec<&EntryRemoval> = removals.iter().collect();
        let uncertain = self.uncertain.get(&project).cloned();
        if let Some(reason) = uncertain.map_or_else(|| self.somebody_in(&project, key, &known), |why| Ok(Some(why)))? {
            skip_all(self, &all, &reason);
            return Ok(());
        }
        let unnamed: HashSet<i64> =
            orphans::unnamed(&self.session.catalog, key, &Doomed::default())?.into_iter().map(|e| e.key).collect();
        let mut moved: Vec<&EntryRemoval> = Vec::with_capacity(removals.len());
        for removal in removals {
            // A stale entry may be named by the runs that the plan knew of, and by no other.
            let readers = self.session.catalog.readers_of(removal.entry.key)?;
            let as_planned = unnamed.contains(&removal.entry.key)
                || (!removal.readers.is_empty() && readers.iter().all(|r| removal.readers.contains(&r.key)));
            if !as_planned {
                self.skip(entry_id(removal), "a run names it now".to_owned());
                continue;
            }
            match self.entry(removal) {
                Ok(()) => moved.push(removal),
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => {
                    self.skip(entry_id(removal), reason);
                }
                Err(NotMoved::Fail(failed)) => self.outcome.failed.push(failed),
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let newcomer = self.somebody_in(&project, key, &known)?;
        let committed = match &newcomer {
            Some(_) => Ok(()),
            None => self
                .sync_entries(&project, &moved)
                .map_err(io_error("sync", self.session))
                .and_then(|()| self.commit_entries(&moved)),
        };
        let problem = match (newcomer, committed) {
            (None, Ok(())) => None,
            (Some(reason), _) => Some(reason),
            (None, Err(error)) => Some(chain(&error)),
        };
        if let Some(problem) = problem {
            self.put_entries_back(&moved, &problem);
            return Ok(());
        }
        let mut lines = Vec::with_capacity(moved.len());
        for removal in moved {
            let entry = &removal.entry;
            lines.push(EntryLine {
                project: JsonName::new(entry.project.as_bytes()),
                entry: JsonName::new(&entry.path),
                size_bytes: entry.size.size,
                disk_bytes: entry.size.disk,
            });
            self.outcome.deleted_cache.push((entry.project.clone(), entry.path.clone(), entry.size));
        }
        if let Err(error) = audit.removed(Vec::new(), lines) {
            self.outcome.notices.push(format!("the audit log could not be written: {error}"));
        }
        Ok(())
    }

    /// Why the cache of a project must be left alone now: a run that was not known, or one that is alive.
    fn somebody_in(&self, project: &ProjectDir, key: i64, known: &HashSet<String>) -> Result<Option<String>, Error> {
        let root = self.session.store()?;
        let (fd, meta) = match project_walk::open_project(root, project) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(Some("its project is gone".to_owned())),
            Err(problem) => return Ok(Some(problem.to_string())),
        };
        let listed = project_walk::list_project(root, project, fd.as_fd(), &meta, &mut Listing::default());
        if !listed.whole {
            return Ok(Some("its project could not be listed whole".to_owned()));
        }
        let strange: HashSet<Vec<u8>> =
            self.session.catalog.others(Some(key))?.into_iter().map(|(_, name)| name).collect();
        let newcomer = listed.runs.iter().find(|(run, _)| {
            !known.contains(run.as_str()) && !is_old_stranger(fd.as_fd(), run, &strange, self.settings.clock.now)
        });
        if let Some((run, _)) = newcomer {
            return Ok(Some(format!("the run {run} appeared")));
        }
        if self.live()?.any_in(project) {
            return Ok(Some("a run of its project is running".to_owned()));
        }
        for run in self.session.catalog.exceptional_runs(key)? {
            let locked = is_locked(fd.as_fd(), run.dir());
            if let Some(Protection::Running | Protection::Recent | Protection::NotReadWhole) =
                retention::protection(&run, locked, true, self.settings.clock.now)
            {
                return Ok(Some(format!("the run {} of its project is running, recent or not read whole", run.dir())));
            }
        }
        Ok(None)
    }

    fn entry(&mut self, removal: &EntryRemoval) -> Result<(), NotMoved> {
        let id = entry_id(removal);
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let entry = &removal.entry;
        let hook = self.settings.hook.clone();
        let (shell, shell_name) =
            self.operation.entry_place(&entry.project, &entry.path).map_err(|e| fail("make room in the trash", &e))?;
        let (place, _) = self.project(&entry.project).map_err(|e| fail("open its project", &e))?;
        let (place, name) = match cache_place(place, &entry.path) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return Err(NotMoved::Skip("it is gone".to_owned())),
            Err(error) => return Err(fail("open the cache", &io::Error::from(error))),
        };
        let meta = match dir::meta_at(place.as_fd(), &name) {
            Ok(meta) => meta,
            Err(rustix::io::Errno::NOENT) => return Err(NotMoved::Skip("it is gone".to_owned())),
            Err(error) => return Err(fail("look at it", &io::Error::from(error))),
        };
        let same = meta.kind == FileType::RegularFile
            && meta.inode == entry.inode
            && meta.mtime_ns.div_euclid(1_000_000_000) == entry.written_at
            && meta.len == entry.size.size;
        if !same {
            return Err(NotMoved::Skip("it changed since it was indexed".to_owned()));
        }
        change::rename(&hook, Act::ToTrash, place.as_fd(), &name, shell.as_fd(), &shell_name)
            .map_err(|e| fail("move it to the trash", &e))?;
        let moved = dir::meta_at(shell.as_fd(), &shell_name)
            .map_err(|e| fail("look at it in the trash", &io::Error::from(e)))?;
        if moved.inode != entry.inode {
            change::rename(&hook, Act::PutBack, shell.as_fd(), &shell_name, place.as_fd(), &name)
                .map_err(|e| fail("put back what took its place", &e))?;
            return Err(NotMoved::Skip("another file took its place".to_owned()));
        }
        Ok(())
    }

    fn sync_entries(&mut self, project: &ProjectDir, moved: &[&EntryRemoval]) -> io::Result<()> {
        let hook = self.settings.hook.clone();
        let mut synced = HashSet::new();
        for removal in moved {
            let (shell, _) = self.operation.entry_place(project, &removal.entry.path)?;
            let (place, _) = self.project(project)?;
            let (place, _) = cache_place(place, &removal.entry.path)?;
            let above = removal.entry.path.iter().rposition(|b| *b == b'/').map(|at| removal.entry.path[..at].to_vec());
            if synced.insert(above) {
                change::sync(&hook, place.as_fd())?;
                change::sync(&hook, shell.as_fd())?;
            }
        }
        Ok(())
    }

    fn commit_entries(&mut self, moved: &[&EntryRemoval]) -> Result<(), Error> {
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let mut tx = self.session.catalog.begin_durable()?;
        for removal in moved {
            tx.remove_entry(removal.entry.key)?;
            tx.note_entry_removal(&self.operation.id, removal.entry.project_key, &removal.entry.path)?;
        }
        Ok(tx.commit()?)
    }

    fn put_entries_back(&mut self, moved: &[&EntryRemoval], reason: &str) {
        for removal in moved {
            let entry = &removal.entry;
            let lying = Lying::Entry { project: entry.project.clone(), path: entry.path.clone() };
            let back = self.project(&entry.project).and_then(|(place, _)| {
                let (place, name) = cache_place(place, &entry.path)?;
                Ok((place, name))
            });
            let back = back.and_then(|(place, name)| self.operation.put_back(&lying, place.as_fd(), &name));
            match back {
                Ok(()) => self.skip(entry_id(removal), reason.to_owned()),
                Err(error) => self.outcome.failed.push(Failed {
                    id: entry_id(removal),
                    error: format!("{reason}; and it could not be put back: {error}"),
                    hint: Some(format!("it lies in .catalog/trash/{}", self.operation.id)),
                }),
            }
        }
    }
}

/// The open directory in which an entry lies, and its name there. No link is followed on the way.
pub(super) fn cache_place(project: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<(OwnedFd, std::ffi::CString)> {
    let cache = dir::open_dir(project, c".cache")?;
    match path.iter().position(|b| *b == b'/') {
        None => Ok((cache, dir::c_name(path)?)),
        Some(slash) => {
            let below = dir::open_dir(cache.as_fd(), &dir::c_name(&path[..slash])?)?;
            Ok((below, dir::c_name(&path[slash + 1..])?))
        }
    }
}

/// A directory with a run's name that was no run at the last look, and has not been touched for a day, is no newcomer.
fn is_old_stranger(project: BorrowedFd<'_>, run: &RunDir, strange: &HashSet<Vec<u8>>, now: Timestamp) -> bool {
    const A_DAY: i64 = 86_400;
    strange.contains(run.as_str().as_bytes())
        && dir::c_name(run.as_str().as_bytes())
            .and_then(|name| dir::meta_at(project, &name))
            .is_ok_and(|meta| now - meta.mtime_ns.max(meta.ctime_ns).div_euclid(1_000_000_000) > A_DAY)
}

fn is_locked(project: BorrowedFd<'_>, run: &RunDir) -> bool {
    let Ok(name) = dir::c_name(run.as_str().as_bytes()) else { return false };
    dir::open_dir(project, &name).is_ok_and(|fd| liveness::probe_lock(fd.as_fd()) == liveness::LockState::Held)
}

fn entry_id(removal: &EntryRemoval) -> String {
    format!("{}/.cache/{}", removal.entry.project, String::from_utf8_lossy(&removal.entry.path))
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

/// Step 3: unlinks what lies in the operation's directory, in parallel, without any lock of the store.
fn unlink(
    operation: &Operation,
    dev: u64,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let committed_runs: HashSet<String> = outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
    let committed_entries: HashSet<(ProjectDir, Vec<u8>)> =
        outcome.deleted_cache.iter().map(|(project, path, _)| (project.clone(), path.clone())).collect();
    let lying: Vec<Lying> = operation
        .lying()
        .map_err(|source| Error::Io { act: "list", path: format!(".catalog/trash/{}", operation.id).into(), source })?
        .into_iter()
        // What could not be put back was never decided: it stays for recovery.
        .filter(|lying| match lying {
            Lying::Run { project, run } => committed_runs.contains(&format!("{project}/{run}")),
            Lying::Entry { project, path } => committed_entries.contains(&(project.clone(), path.clone())),
        })
        .collect();
    let (freed_runs, freed_cache, failed, stopped) =
        remove_all(operation, &lying, dev, settings, execution.interrupted);
    outcome.freed_runs = freed_runs;
    outcome.freed_cache = freed_cache;
    outcome.failed.extend(failed);
    outcome.interrupted |= stopped;
    Ok(())
}

/// Removes what lies there; gives what was freed by runs and by entries, what failed, and whether it was stopped.
pub(super) fn remove_all(
    operation: &Operation,
    lying: &[Lying],
    dev: u64,
    settings: &Settings<'_>,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> (Size, Size, Vec<Failed>, bool) {
    let (runs, cache) = (Freed::default(), Freed::default());
    settings.progress.begin("deleting", Some(lying.len() as u64));
    let remove = |lying: &Lying| -> Option<Option<Failed>> {
        if interrupted() {
            return None;
        }
        let (freed, id) = match lying {
            Lying::Run { project, run } => (&runs, format!("{project}/{run}")),
            Lying::Entry { project, path } => (&cache, format!("{project}/.cache/{}", String::from_utf8_lossy(path))),
        };
        let result = operation.remove(lying, dev, freed);
        settings.progress.advance(1);
        Some(result.err().map(|error| Failed {
            id,
            error: error.to_string(),
            hint: Some(format!(
                "it is out of sight in .catalog/trash/{}; the next `otto clean` tries again",
                operation.id
            )),
        }))
    };
    // Runs first, then entries: an inode with a name in both must not lose its last two names at once unseen.
    let (first, then): (Vec<&Lying>, Vec<&Lying>) = lying.iter().partition(|l| matches!(l, Lying::Run { .. }));
    let mut results: Vec<Option<Option<Failed>>> = Vec::with_capacity(lying.len());
    for part in [first, then] {
        if part.len() < 4 {
            results.extend(part.into_iter().map(remove));
        } else {
            results.par_extend(part.into_par_iter().map(remove));
        }
    }
    settings.progress.end();
    let stopped = results.iter().any(Option::is_none);
    let failed = results.into_iter().flatten().flatten().collect();
    (runs.total(), cache.total(), failed, stopped)
}
