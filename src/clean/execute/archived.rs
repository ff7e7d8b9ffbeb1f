//! What an archive holds of a plan, when all that goes is to be kept elsewhere first.
//!
//! The archive is written, synced, read again with every hash compared, and named, all before the first item is moved and
//! without the store's lock. Whatever is not in it stays, and so does a run of which something is in no archive. At the last
//! look each run and each entry is read once more: what goes is, byte by byte, what the archive holds, and the archive is
//! still the file that was written, in its place.

use super::super::plan::{EntryRemoval, Plan, RunRemoval};
use super::{Execution, NotMoved, entry_id};
use crate::archive::{self, ArchivedEntry, ArchivedRun, Asked, Limits};
use crate::model::{ProjectDir, Run};
use crate::session::{Error, Session, Settings};
use crate::store::outside::{self, Written};
use rustix::fd::BorrowedFd;
use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// An archive of what goes.
pub(super) struct Archived<'e> {
    /// Where it is, and how long; `None` when nothing was left to write.
    pub(super) file: Option<(PathBuf, Written)>,
    runs: HashMap<String, ArchivedRun>,
    entries: HashMap<(ProjectDir, Vec<u8>), ArchivedEntry>,
    /// Why a run is not in it.
    refused: HashMap<String, String>,
    /// Whether the user wants to stop: what goes is read once more, and that may take long.
    stop: &'e (dyn Fn() -> bool + Sync),
    /// Whether something was not read for that.
    stopped: Cell<bool>,
}

/// Where archives are written that are to go into a directory: one that is there, and no part of the store.
///
/// # Errors
/// What speaks against it.
pub fn check_archive_place(session: &Session, directory: &Path) -> Result<PathBuf, Error> {
    Ok(outside::directory(session.store()?, directory)?)
}

/// Writes the archive of a plan; `None` when the user stopped it, and then there is none. The session holds the store's lock
/// before and after, and not meanwhile.
pub(super) fn write<'e>(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: &Plan,
    execution: &Execution<'e>,
    id: &str,
    directory: &Path,
) -> Result<Option<Archived<'e>>, Error> {
    let directory = check_archive_place(session, directory)?;
    let mut runs: Vec<Run> = Vec::new();
    for removal in plan.runs.iter().chain(plan.thin.iter().map(|one| &one.run)) {
        runs.extend(session.catalog.run(removal.key)?);
    }
    let going = plan.cache.delete.iter().filter(|removal| !removal.is_stray());
    let entries: Vec<_> = going.map(|removal| (removal.entry.project.clone(), removal.entry.path.clone())).collect();
    let output = directory.join(format!("{id}.tar.zst"));
    session.unlock();
    let request = archive::Request {
        runs: &runs,
        entries: &entries,
        output: &output,
        force: false,
        limits: Limits { size: u64::MAX },
        verify: true,
    };
    let asked = Asked { command: execution.command, who: execution.who, interrupted: execution.interrupted };
    let exported = match archive::export(session, settings, &request, &asked) {
        Ok(exported) => exported,
        Err(archive::Error::Interrupted) => return Ok(None),
        Err(archive::Error::Session(error)) => return Err(error),
        Err(archive::Error::Catalog(error)) => return Err(error.into()),
        Err(error) => return Err(io_error_at(&output)(io::Error::other(super::chain(&error)))),
    };
    session.lock_again(settings)?;
    let mut archived = Archived {
        file: exported.path.zip(exported.written),
        runs: HashMap::new(),
        entries: HashMap::new(),
        refused: exported.skipped.into_iter().map(|one| (one.id, one.reason)).collect(),
        stop: execution.interrupted,
        stopped: Cell::new(false),
    };
    let manifest = exported.manifest.unwrap_or_default();
    for run in manifest.runs {
        archived.runs.extend(run.id().map(|id| (id.to_string(), run)));
    }
    for entry in manifest.entries {
        let name = entry.project.bytes().map(ProjectDir::new).zip(entry.entry.bytes());
        archived.entries.extend(name.map(|name| (name, entry)));
    }
    Ok(Some(archived))
}

fn io_error_at(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Io { act: "write the archive", path: path.clone(), source }
}

impl Archived<'_> {
    /// Whether something stays because the user wanted to stop while it was read once more.
    pub(super) fn was_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Says no to a run that it does not hold as it is now, and whole.
    pub(super) fn check(&self, removal: &RunRemoval, place: BorrowedFd<'_>, name: &CStr) -> Result<(), NotMoved> {
        let id = removal.id.to_string();
        let Some(run) = self.runs.get(&id) else {
            let why = self.refused.get(&id).map_or("it was not there to be read", String::as_str);
            return Err(NotMoved::Alive(format!("it is not in the archive: {why}")));
        };
        if let Some(left) = run.left_out.first() {
            let path = String::from_utf8_lossy(&left.path.bytes().unwrap_or_default()).into_owned();
            return Err(NotMoved::Alive(format!("not all of it is in the archive: `{path}`, {}", left.what())));
        }
        if !archive::holds_run(run, place, name, self.stop) {
            if (self.stop)() {
                self.stopped.set(true);
                return Err(NotMoved::Alive("not reached: interrupted".to_owned()));
            }
            return Err(NotMoved::Changed("it is not what the archive holds".to_owned(), Vec::new()));
        }
        self.check_in_place()
    }

    /// Says no to everything when the archive is not where it was written. Whoever moves it in the moment between this look
    /// and the next rename is not met.
    fn check_in_place(&self) -> Result<(), NotMoved> {
        let found = self.file.as_ref().is_some_and(|(path, written)| {
            let (bytes, dev, inode) = (written.bytes, written.dev, written.inode);
            std::fs::symlink_metadata(path).is_ok_and(|m| (m.len(), m.dev(), m.ino()) == (bytes, dev, inode))
        });
        match found {
            true => Ok(()),
            false => Err(NotMoved::Alive("the archive is not in its place any more".to_owned())),
        }
    }

    /// The same of a cache entry.
    pub(super) fn check_entry(
        &self,
        removal: &EntryRemoval,
        place: BorrowedFd<'_>,
        name: &CStr,
    ) -> Result<(), NotMoved> {
        let entry = &removal.entry;
        match self.entries.get(&(entry.project.clone(), entry.path.clone())) {
            Some(held) if archive::holds_entry(held, place, name) => self.check_in_place(),
            Some(_) => Err(NotMoved::Skip("it is not what the archive holds".to_owned())),
            None => Err(NotMoved::Skip(format!("{} is not in the archive", entry_id(removal)))),
        }
    }
}
