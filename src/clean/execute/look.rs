//! The last look: whether an item is still what was planned, and nobody is alive in it.
//!
//! Whoever moves and whoever only tells what would be moved ask here, so that both get one answer. Nothing is changed by
//! asking; a run's `.lock` is taken only where [`Locking`] says so.

use super::super::plan::{EntryRemoval, RunRemoval};
use super::entries::entry_id;
use super::outcome::Failed;
use super::{NotMoved, Work};
use crate::model::{AHEAD, Problem, ProjectDir, Run, RunDir, RunState, Timestamp};
use crate::retention::{self, Protection};
use crate::session::{Error, Session, Settings};
use crate::store::dir::{self, Listing};
use crate::store::liveness::{self, HeldLock, LiveRuns, LockState, TakeLock};
use crate::store::observation::RunObservation;
use crate::store::project_walk;
use crate::store::root::StoreRoot;
use crate::store::run_walk::{self, Look};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// What is done with the lock of a run that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locking {
    /// It is taken, and is ours as long as what the look found lives.
    Take,
    /// It is only asked whether somebody has it.
    Probe,
}

/// A run that is still what was planned.
pub(super) struct Looked {
    /// Its lock, where it has one and that was to be taken.
    pub(super) lock: Option<HeldLock>,
    /// Its task directories, relative to it.
    pub(super) tasks: Vec<Vec<u8>>,
}

/// Where a run is looked for.
pub(super) struct Place {
    path: PathBuf,
    dev: u64,
    now: Timestamp,
    at_root: bool,
}

impl Place {
    /// The place of a project's runs.
    pub(super) fn of(root: &StoreRoot, project: &ProjectDir, settings: &Settings<'_>) -> Self {
        Self {
            path: project_walk::project_path(root, project),
            dev: root.dev(),
            now: settings.clock.now,
            at_root: project.is_root(),
        }
    }
}

/// What a look needs beside the item.
#[derive(Clone, Copy)]
pub(super) struct Sight<'s> {
    pub(super) session: &'s Session,
    pub(super) settings: &'s Settings<'s>,
    /// Projects that could not be listed whole.
    pub(super) unlisted: &'s HashSet<ProjectDir>,
}

impl Work<'_> {
    pub(super) fn sight(&self) -> Sight<'_> {
        Sight { session: self.session, settings: self.settings, unlisted: &self.unlisted }
    }
}

impl Sight<'_> {
    /// Who is alive.
    pub(super) fn live(&self) -> Result<LiveRuns, Error> {
        let root = self.session.store()?;
        Ok(liveness::scan_processes(&self.settings.processes, &[root.path(), root.as_given()], self.settings.own_pid))
    }

    /// The row of a run that is to go, unless the row, or who is alive, says that it must not.
    pub(super) fn row(&self, removal: &RunRemoval, live: &LiveRuns) -> Result<Run, NotMoved> {
        let row = self.session.catalog.run(removal.key).map_err(|error| {
            let error = format!("cannot read its row: {error}");
            NotMoved::Fail(Failed { id: removal.id.to_string(), error, hint: None })
        })?;
        let Some(row) = row.filter(|run| run.state == RunState::Present) else {
            return Err(NotMoved::Skip("it is gone".to_owned()));
        };
        let whole = !self.unlisted.contains(&row.id.project);
        let alive = live.contains(&row.id.project, row.dir().as_str());
        if let Some(protection) = retention::protection(&row, alive, whole, self.settings.clock.now) {
            return Err(match protection {
                Protection::Pinned | Protection::Future => NotMoved::Skip(protection.to_string()),
                _ => NotMoved::Alive(protection.to_string()),
            });
        }
        if !live.is_complete() && !row.end_known {
            let reason = "the processes cannot be listed, so nobody knows whether it is alive";
            return Err(NotMoved::Alive(reason.to_owned()));
        }
        Ok(row)
    }

    /// The run, if there is one, that the project has now and that was not known when the plan was made. A look at names
    /// alone, so that it can be asked often.
    pub(super) fn newcomer(
        &self,
        project: &ProjectDir,
        key: i64,
        known: &HashSet<String>,
    ) -> Result<Option<String>, Error> {
        let fd = match project_walk::open_project(self.session.store()?, project) {
            Ok(Some((fd, _))) => fd,
            Ok(None) => return Ok(Some("its project is gone".to_owned())),
            Err(problem) => return Ok(Some(problem.to_string())),
        };
        let Ok(runs) = project_walk::list_runs(fd.as_fd()) else {
            return Ok(Some("its project could not be listed whole".to_owned()));
        };
        let mut unknown = runs.iter().filter(|run| !known.contains(run.as_str())).peekable();
        if unknown.peek().is_none() {
            return Ok(None);
        }
        let strange: HashSet<Vec<u8>> =
            self.session.catalog.others(Some(key))?.into_iter().map(|(_, name)| name).collect();
        let now = self.settings.clock.now;
        let newcomer = unknown.find(|run| !is_old_stranger(fd.as_fd(), run, &strange, now));
        Ok(newcomer.map(|run| format!("the run {run} appeared")))
    }

    /// Why the cache of a project must be left alone now: a run that was not known, or one that is alive.
    pub(super) fn somebody_in(
        &self,
        project: &ProjectDir,
        key: i64,
        known: &HashSet<String>,
    ) -> Result<Option<String>, Error> {
        if let Some(newcomer) = self.newcomer(project, key, known)? {
            return Ok(Some(newcomer));
        }
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
        // A run that settled long ago is not walked again, but its lock tells of life all the same.
        if let Some((run, _)) = listed.runs.iter().find(|(run, _)| is_locked(fd.as_fd(), run)) {
            return Ok(Some(format!("the run {run} of its project is running")));
        }
        let live = self.live()?;
        if !live.is_complete() {
            return Ok(Some("the processes cannot be listed, so nobody knows who is alive".to_owned()));
        }
        if live.any_in(project) {
            return Ok(Some("a run of its project is running".to_owned()));
        }
        for run in self.session.catalog.exceptional_runs(key)? {
            let locked = is_locked(fd.as_fd(), run.dir());
            let now = self.settings.clock.now;
            let begins = run.timestamp() > now && run.timestamp() <= now + AHEAD;
            let protection = retention::protection(&run, locked, true, now);
            let alive = Some(Protection::Running) == protection || Some(Protection::Recent) == protection;
            if begins || alive || protection == Some(Protection::NotReadWhole) {
                return Ok(Some(format!("the run {} of its project is running, recent or not read whole", run.dir())));
            }
        }
        Ok(None)
    }
}

/// Whether a run in the open directory of its project is still what was planned.
pub(super) fn look_again(
    place: BorrowedFd<'_>,
    removal: &RunRemoval,
    at: &Place,
    locking: Locking,
) -> Result<Looked, NotMoved> {
    let skip = |reason: &str| NotMoved::Skip(reason.to_owned());
    let changed = |reason: &str| NotMoved::Changed(reason.to_owned(), Vec::new());
    let alive = |what: &str, cause: &dyn std::fmt::Display| NotMoved::Alive(format!("{what}: {cause}"));
    let Some(planned) = removal.fingerprint else { return Err(skip("the plan is a preview only")) };
    let name = dir::c_name(removal.id.run.as_str().as_bytes())
        .map_err(|error| alive("it cannot be named", &io::Error::from(error)))?;
    let meta = match dir::meta_at(place, &name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Err(skip("it is gone")),
        Err(error) => return Err(alive("it cannot be looked at", &io::Error::from(error))),
    };
    if meta.kind != FileType::Directory {
        return Err(changed("it is no directory any more"));
    }
    if meta.inode != planned.inode {
        return Err(changed("another directory is in its place"));
    }
    let fd = dir::open_dir(place, &name).map_err(|error| alive("it cannot be opened", &io::Error::from(error)))?;
    let running = || NotMoved::Alive(Protection::Running.to_string());
    let lock = match locking {
        Locking::Take => match liveness::take_lock(fd.as_fd()) {
            TakeLock::Absent => None,
            TakeLock::Taken(lock) => Some(lock),
            TakeLock::Held => return Err(running()),
            TakeLock::Unreadable(cause) => return Err(alive("its lock cannot be looked at", &cause)),
        },
        Locking::Probe => match liveness::probe_lock(fd.as_fd()) {
            LockState::Absent | LockState::Free => None,
            _ => return Err(running()),
        },
    };
    let found = match walk(place, removal, at) {
        Ok(Some(found)) => found,
        Ok(None) => return Err(skip("it is gone")),
        Err(problem) => return Err(NotMoved::Alive(problem.to_string())),
    };
    if found.manifest != planned.manifest || found.inode != planned.inode {
        let named =
            found.references.into_iter().filter_map(|reference| reference.project).map(ProjectDir::new).collect();
        return Err(NotMoved::Changed("it changed since it was indexed".to_owned(), named));
    }
    let tasks = found.tasks.into_iter().map(|task| task.dir).filter(|dir| !dir.is_empty()).collect();
    Ok(Looked { lock, tasks })
}

/// Whether a run that was just moved is still what was looked at: the same directory, and nothing came into it, or went
/// from it, between the look and the move. Nobody can reach it by a path any more.
pub(super) fn is_as_planned(shell: BorrowedFd<'_>, removal: &RunRemoval, at: &Place) -> bool {
    let found = walk(shell, removal, at).ok().flatten();
    found
        .zip(removal.fingerprint)
        .is_some_and(|(found, planned)| found.inode == planned.inode && found.manifest == planned.manifest)
}

fn walk(place: BorrowedFd<'_>, removal: &RunRemoval, at: &Place) -> Result<Option<RunObservation>, Problem> {
    let look = Look {
        project_path: &at.path,
        dev: at.dev,
        now_ns: at.now.saturating_mul(1_000_000_000),
        read_yaml: false,
        at_root: at.at_root,
    };
    run_walk::walk_run(place, &removal.id.run, &look, &mut Listing::default())
}

/// Whether an entry in the open directory is still what was planned.
pub(super) fn look_at_entry(
    place: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    removal: &EntryRemoval,
) -> Result<(), NotMoved> {
    let entry = &removal.entry;
    let meta = match dir::meta_at(place, name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Err(NotMoved::Skip("it is gone".to_owned())),
        Err(error) => {
            let error = format!("cannot look at it: {}", io::Error::from(error));
            return Err(NotMoved::Fail(Failed { id: entry_id(removal), error, hint: None }));
        }
    };
    let same = meta.kind == FileType::RegularFile
        && meta.inode == entry.inode
        && meta.mtime_ns.div_euclid(1_000_000_000) == entry.written_at
        && meta.len == entry.size.size;
    if same { Ok(()) } else { Err(NotMoved::Skip("it changed since it was indexed".to_owned())) }
}

/// A directory with a run's name that was no run at the last look, and has not been touched for a day, is no newcomer.
fn is_old_stranger(project: BorrowedFd<'_>, run: &RunDir, strange: &HashSet<Vec<u8>>, now: Timestamp) -> bool {
    const A_DAY: i64 = 86_400;
    strange.contains(run.as_str().as_bytes())
        && dir::c_name(run.as_str().as_bytes())
            .and_then(|name| dir::meta_at(project, &name))
            .is_ok_and(|meta| now - meta.mtime_ns.max(meta.ctime_ns).div_euclid(1_000_000_000) > A_DAY)
}

/// Whether the run's lock is held, or that cannot be told.
fn is_locked(project: BorrowedFd<'_>, run: &RunDir) -> bool {
    let Ok(name) = dir::c_name(run.as_str().as_bytes()) else { return true };
    // Most runs have no lock: one look by path spares opening them. Should a link lead it astray, the opening below does
    // not follow.
    let lock = dir::c_name(&[run.as_str().as_bytes(), b"/.lock"].concat());
    if lock.is_ok_and(|lock| dir::meta_at(project, &lock).is_err_and(|error| error == rustix::io::Errno::NOENT)) {
        return false;
    }
    match dir::open_dir(project, &name) {
        Ok(fd) => !matches!(liveness::probe_lock(fd.as_fd()), LockState::Absent | LockState::Free),
        Err(rustix::io::Errno::NOENT) => false,
        Err(_) => true,
    }
}
