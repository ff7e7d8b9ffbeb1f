//! What an archive holds of a plan, when all that goes is to be kept elsewhere first.
//!
//! The archive is written, synced, read again with every hash compared, and named, all before the first item is moved and
//! without the store's lock. Whatever is not in it stays. At the last look each run and each entry is read once more: what
//! goes is, byte by byte, what the archive holds.

use super::super::plan::{EntryRemoval, Plan, RunRemoval};
use super::{Execution, NotMoved, entry_id};
use crate::archive::{self, ArchivedEntry, ArchivedRun, Asked, Limits};
use crate::model::{ProjectDir, Run};
use crate::session::{Error, Session, Settings};
use rustix::fd::BorrowedFd;
use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};

/// An archive of what goes.
#[derive(Debug)]
pub(super) struct Archived {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// What no archive takes, in words.
    pub(super) notices: Vec<String>,
    runs: HashMap<String, ArchivedRun>,
    entries: HashMap<(ProjectDir, Vec<u8>), ArchivedEntry>,
    /// Why a run is not in it.
    refused: HashMap<String, String>,
}

/// Whether archives may be written into a directory: one that is there, and no part of the store.
///
/// # Errors
/// What speaks against it.
pub fn check_archive_place(session: &Session, directory: &Path) -> Result<(), Error> {
    let error = |source| Error::Io { act: "write archives into", path: directory.to_owned(), source };
    let canonical = directory.canonicalize().map_err(error)?;
    if !canonical.is_dir() {
        return Err(error(io::ErrorKind::NotADirectory.into()));
    }
    if canonical.starts_with(session.store()?.path()) {
        return Err(error(io::Error::new(io::ErrorKind::InvalidInput, "it lies in the store itself")));
    }
    Ok(())
}

/// Writes the archive of a plan; `None` when the user stopped it, and then there is none. The session holds the store's lock
/// before and after, and not meanwhile.
pub(super) fn write(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: &Plan,
    execution: &Execution<'_>,
    id: &str,
    directory: &Path,
) -> Result<Option<Archived>, Error> {
    check_archive_place(session, directory)?;
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
    let left = exported.left_out.iter();
    let mut archived = Archived {
        path: output,
        bytes: exported.bytes,
        notices: left.map(|(path, kind)| format!("`{path}` is in no archive: it is a {kind}")).collect(),
        runs: HashMap::new(),
        entries: HashMap::new(),
        refused: exported.skipped.into_iter().map(|one| (one.id, one.reason)).collect(),
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

impl Archived {
    /// Says no to a run that it does not hold as it is now.
    pub(super) fn check(&self, removal: &RunRemoval, place: BorrowedFd<'_>, name: &CStr) -> Result<(), NotMoved> {
        let id = removal.id.to_string();
        let Some(run) = self.runs.get(&id) else {
            let why = self.refused.get(&id).map_or("it was not there to be read", String::as_str);
            return Err(NotMoved::Alive(format!("it is not in the archive: {why}")));
        };
        match archive::holds_run(run, place, name) {
            true => Ok(()),
            false => Err(NotMoved::Changed("it is not what the archive holds".to_owned(), Vec::new())),
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
            Some(held) if archive::holds_entry(held, place, name) => Ok(()),
            Some(_) => Err(NotMoved::Skip("it is not what the archive holds".to_owned())),
            None => Err(NotMoved::Skip(format!("{} is not in the archive", entry_id(removal)))),
        }
    }
}
