//! The ground a session stands on: whether a directory is a store, our directory in it, its lock.

use super::settings::{Error, Settings};
use crate::catalog::Catalog;
use crate::index::Options;
use crate::model::ProjectDir;
use crate::store::change::{self};
use crate::store::dir::Listing;
use crate::store::lock::{self, Taking};
use crate::store::root::{self, StoreRoot};
use crate::store::trash::Trash;
use crate::store::{layout, own_files, project_walk};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Whether a directory is one that may be cleaned at all: a preview has to know that too.
///
/// # Errors
/// [`Error::NeverCleaned`], [`Error::NotAStore`].
pub fn may_be_cleaned(settings: &Settings<'_>, root: &StoreRoot) -> Result<(), Error> {
    if is_forbidden(settings, root) {
        return Err(Error::NeverCleaned(root.as_given().to_owned()));
    }
    if has_shape(root) || is_empty(root) { Ok(()) } else { Err(Error::NotAStore(root.as_given().to_owned())) }
}

/// Opens our directory in the store, making it if need be, and tries to take the lock in it.
pub(super) fn open_directory(
    settings: &Settings<'_>,
    root: &StoreRoot,
    wait: bool,
) -> Result<(OwnedFd, Taking), Error> {
    // Reading answers from memory there; nothing of ours is left behind.
    if is_forbidden(settings, root) {
        return Err(Error::NeverCleaned(root.as_given().to_owned()));
    }
    let path = root.path().join(".catalog");
    let directory = change::ensure_dir(&settings.hook, root.fd(), c".catalog").map_err(|source| Error::Io {
        act: "open",
        path: path.clone(),
        source,
    })?;
    let taking = take_lock(settings, directory.as_fd(), &path, wait)?;
    match taking {
        Taking::Busy(holder) if wait => Err(Error::Busy(holder)),
        taking => Ok((directory, taking)),
    }
}

pub(super) fn take_lock(
    settings: &Settings<'_>,
    directory: BorrowedFd<'_>,
    path: &Path,
    wait: bool,
) -> Result<Taking, Error> {
    loop {
        let taking = lock::try_take(directory, c"lock", &settings.holder).map_err(|source| Error::Io {
            act: "take the lock in",
            path: path.to_owned(),
            source,
        })?;
        match &taking {
            Taking::Busy(holder) if wait && (settings.wait)(holder) => {}
            _ => return Ok(taking),
        }
    }
}

pub(super) fn options<'a>(
    settings: &'a Settings<'_>,
    full: bool,
    trash: Option<&'a Trash>,
    paths: &'a Paths,
) -> Options<'a> {
    Options {
        runner_db: &paths.runner_db,
        scratch: &paths.scratch,
        processes: &settings.processes,
        own_pid: settings.own_pid,
        clock: settings.clock,
        full,
        threads: settings.threads,
        progress: settings.progress,
        trash,
    }
}

/// Where the runner's database is, and where private copies of it may be made.
pub(super) struct Paths {
    pub(super) runner_db: PathBuf,
    pub(super) scratch: PathBuf,
}

impl Paths {
    /// With private copies outside the store: nothing in it is to be changed.
    pub(super) fn elsewhere(settings: &Settings<'_>, root: &StoreRoot, scratch: &Path) -> Result<Self, Error> {
        Ok(Self { scratch: scratch.join("runner"), ..Self::of(settings, root, None)? })
    }

    /// By where the store and our directory in it lie now: what was put in their place meanwhile is somebody else's.
    pub(super) fn of(
        settings: &Settings<'_>,
        root: &StoreRoot,
        directory: Option<BorrowedFd<'_>>,
    ) -> Result<Self, Error> {
        let runner_db = match &settings.runner_db {
            Some(path) => path.clone(),
            None => {
                let error = |source| Error::Io { act: "find", path: root.path().to_owned(), source };
                root::place_of(root.fd(), root.path()).map_err(error)?.join("otto.db")
            }
        };
        let scratch = match directory {
            Some(directory) => own_place(root, directory)?.join("tmp"),
            None => settings.temporary.clone(),
        };
        Ok(Self { runner_db, scratch })
    }
}

/// The file that was named as the catalog: one that bears our mark, an empty one, or none yet. Whatever else was named by
/// mistake, a document, a directory, a device, is neither opened nor migrated nor set aside.
pub(super) fn named_catalog(path: &Path) -> Result<PathBuf, Error> {
    let refused = || Error::NotACatalog(path.to_owned());
    let real = match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => std::fs::canonicalize(path).map_err(|_| refused())?,
        Ok(_) => path.to_owned(),
        Err(_) => return Ok(path.to_owned()),
    };
    let meta = std::fs::symlink_metadata(&real).map_err(|_| refused())?;
    let ours = meta.is_file() && (meta.len() == 0 || Catalog::is_marked(&real));
    if ours { Ok(real) } else { Err(refused()) }
}

/// Where our directory in the store lies now.
pub(super) fn own_place(root: &StoreRoot, directory: BorrowedFd<'_>) -> Result<PathBuf, Error> {
    let named = root.path().join(".catalog");
    root::place_of(directory, &named).map_err(|source| Error::Io { act: "find", path: named, source })
}

/// Whether a directory is never taken for a store, whatever it holds: the file system's root, the user's home, or what
/// lies above that.
pub(super) fn is_forbidden(settings: &Settings<'_>, root: &StoreRoot) -> bool {
    root.path() == Path::new("/") || settings.never_clean.iter().any(|never| never.starts_with(root.path()))
}

/// Whether a directory has the shape of a store: `otto.db`, our own directory, a project or a run.
pub(super) fn has_shape(root: &StoreRoot) -> bool {
    let is_there = |name: &std::ffi::CStr| crate::store::dir::meta_at(root.fd(), name).is_ok();
    if is_there(c".catalog") || is_there(c"otto.db") {
        return true;
    }
    let mut listing = Listing::default();
    let Ok(level) = project_walk::list_root(root, &mut listing) else { return false };
    let has_part = |dir: BorrowedFd<'_>, run: &str, part: &[u8]| {
        let path = [run.as_bytes(), part].join(&b'/');
        crate::store::dir::c_name(&path).is_ok_and(|name| crate::store::dir::meta_at(dir, &name).is_ok())
    };
    let is_project = |project: &ProjectDir| {
        let Ok(Some((fd, meta))) = project_walk::open_project(root, project) else { return false };
        let listed = project_walk::list_project(root, project, fd.as_fd(), &meta, &mut Listing::default());
        listed.cache.is_some()
            || listed.runs.iter().any(|(run, _)| {
                [layout::TASKS, layout::RUN_YAML].iter().any(|part| has_part(fd.as_fd(), run.as_str(), part))
            })
    };
    let is_first_era = || level.others.iter().any(|name| name == b"latest") && !level.runs.is_empty();
    level.projects.iter().any(is_project) || is_first_era()
}

pub(super) fn is_empty(root: &StoreRoot) -> bool {
    project_walk::list_root(root, &mut Listing::default())
        .is_ok_and(|level| level.projects.is_empty() && level.runs.is_empty() && level.others.is_empty())
}

/// An id for what a command is about to do: when, and something that no other has.
///
/// # Errors
/// The system's.
pub fn operation_id(settings: &Settings<'_>) -> Result<String, Error> {
    let random =
        own_files::random_hex(4).map_err(|source| Error::Io { act: "read", path: "/dev/urandom".into(), source })?;
    let at = crate::model::rfc3339(settings.clock.wall()).unwrap_or_default().replace(['-', ':'], "");
    Ok(format!("{at}-{random}"))
}

pub(super) fn new_store_id() -> Result<String, Error> {
    own_files::random_hex(16).map_err(|source| Error::Io { act: "read", path: PathBuf::from("/dev/urandom"), source })
}
