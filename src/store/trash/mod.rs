//! The trash: what lies between decision and deletion, one directory an operation.
//!
//! `.catalog/trash/<operation>/operation.json` names every item with its manifest and is durable before the first item is
//! moved, so the trash can be read without a catalog. Runs lie at `<operation>/<project>/<run>`, cache entries at
//! `<operation>/<project>/.cache/<path>`: by the names they had. Whoever works on an operation holds a `flock` on its
//! `operation.json`; one that is held is left alone.

mod description;

pub use description::{Description, EntryItem, JsonName, RunItem};

use super::change::{self, Act, Hook};
use super::dir::{self, Listing};
use super::layout;
use super::lock::Held;
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FlockOperation;
use std::io;

/// The file that says what an operation is.
const DESCRIPTION: &std::ffi::CStr = c"operation.json";
/// The largest description that is read: about 400,000 runs.
const DESCRIPTION_LIMIT: u64 = 256 * 1024 * 1024;

/// The trash of a store.
#[derive(Debug)]
pub struct Trash {
    fd: OwnedFd,
    hook: Hook,
}

/// An operation's directory, with its lock held.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub id: String,
    /// What it says of itself; `None` when that cannot be read.
    pub description: Option<Description>,
    fd: OwnedFd,
    hook: Hook,
    _lock: Option<Held>,
}

/// What lies in an operation's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lying {
    /// A run.
    Run {
        /// Its project.
        project: ProjectDir,
        /// Its name.
        run: String,
    },
    /// A cache entry.
    Entry {
        /// Its project.
        project: ProjectDir,
        /// Its path below `.cache`.
        path: Vec<u8>,
    },
}

impl Trash {
    /// Opens the trash in `.catalog`, making it if need be.
    ///
    /// # Errors
    /// The system's.
    pub fn open(catalog_dir: BorrowedFd<'_>, hook: &Hook) -> io::Result<Self> {
        Ok(Self { fd: change::ensure_dir(hook, catalog_dir, c"trash")?, hook: hook.clone() })
    }

    /// Opens the trash if it is there.
    ///
    /// # Errors
    /// The system's.
    pub fn open_if_there(catalog_dir: BorrowedFd<'_>, hook: &Hook) -> io::Result<Option<Self>> {
        match dir::open_dir(catalog_dir, c"trash") {
            Ok(fd) => Ok(Some(Self { fd, hook: hook.clone() })),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins an operation: its directory and its description are durable when this returns.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(&self, description: Description) -> io::Result<Operation> {
        let name = dir::c_name(description.id.as_bytes())?;
        let fd = change::ensure_dir(&self.hook, self.fd.as_fd(), &name)?;
        let bytes = serde_json::to_vec(&description).map_err(io::Error::other)?;
        let lock = change::write_locked_file(&self.hook, fd.as_fd(), DESCRIPTION, &bytes)?;
        change::sync(&self.hook, self.fd.as_fd())?;
        Ok(Operation {
            id: description.id.clone(),
            description: Some(description),
            fd,
            hook: self.hook.clone(),
            _lock: Some(lock),
        })
    }

    /// The names of the operations in the trash.
    ///
    /// # Errors
    /// The system's.
    pub fn names(&self) -> io::Result<Vec<String>> {
        // A file that somebody left there is no operation.
        Ok(subdirectories(self.fd.as_fd())?.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    }

    /// Opens an operation to look at it, without its lock: whoever works on it is not disturbed.
    ///
    /// # Errors
    /// The system's.
    pub fn look_at(&self, id: &str) -> io::Result<Option<Operation>> {
        match dir::open_dir(self.fd.as_fd(), &dir::c_name(id.as_bytes())?) {
            Ok(fd) => {
                Ok(Some(Operation { id: id.to_owned(), description: None, fd, hook: self.hook.clone(), _lock: None }))
            }
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens an operation and holds its lock; `None` when somebody else does, or it is gone.
    ///
    /// # Errors
    /// The system's.
    pub fn resume(&self, id: &str) -> io::Result<Option<Operation>> {
        let fd = match dir::open_dir(self.fd.as_fd(), &dir::c_name(id.as_bytes())?) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Without a description nothing was moved yet, or somebody made this directory by hand.
        let lock = match hold(fd.as_fd()) {
            Ok(Some(lock)) => Some(lock),
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let description = super::run_walk::read_whole(fd.as_fd(), DESCRIPTION, DESCRIPTION_LIMIT)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Some(Operation { id: id.to_owned(), description, fd, hook: self.hook.clone(), _lock: lock }))
    }

    /// What lies in the trash, without taking any lock: for telling a run on its way out from one that vanished.
    pub fn contains(&self, project: &ProjectDir, run: &str) -> bool {
        let Ok(names) = self.names() else { return true };
        names.iter().any(|id| {
            let shell = shell_name(project);
            let parts = [id.as_bytes(), shell.as_slice(), run.as_bytes()];
            dir::c_name(&parts.join(&b'/')).is_ok_and(|path| dir::meta_at(self.fd.as_fd(), &path).is_ok())
        })
    }

    /// Drops an operation in which nothing lies any more: its description last.
    ///
    /// # Errors
    /// The system's.
    pub fn drop_empty(&self, operation: Operation) -> io::Result<bool> {
        if !operation.lying()?.is_empty() {
            return Ok(false);
        }
        operation.drop_shells()?;
        change::remove_own_file(&self.hook, operation.fd.as_fd(), c"operation.json.new")?;
        change::remove_own_file(&self.hook, operation.fd.as_fd(), DESCRIPTION)?;
        let name = dir::c_name(operation.id.as_bytes())?;
        drop(operation);
        change::remove_empty_dir(&self.hook, self.fd.as_fd(), &name)?;
        Ok(true)
    }
}

fn hold(operation: BorrowedFd<'_>) -> io::Result<Option<Held>> {
    let file = std::fs::File::from(dir::open_file(operation, DESCRIPTION)?);
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Held::new(file))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Operation {
    /// The directory of a project in this operation, made if need be.
    ///
    /// # Errors
    /// The system's.
    pub fn project(&self, project: &ProjectDir) -> io::Result<OwnedFd> {
        change::ensure_dir(&self.hook, self.fd.as_fd(), &dir::c_name(&shell_name(project))?)
    }

    /// The directory in which a cache entry lies, made if need be, and its name there.
    ///
    /// # Errors
    /// The system's.
    pub fn entry_place(&self, project: &ProjectDir, path: &[u8]) -> io::Result<(OwnedFd, std::ffi::CString)> {
        let cache = change::ensure_dir(&self.hook, self.project(project)?.as_fd(), c".cache")?;
        match path.iter().position(|b| *b == b'/') {
            None => Ok((cache, dir::c_name(path)?)),
            Some(slash) => {
                let below = change::ensure_dir(&self.hook, cache.as_fd(), &dir::c_name(&path[..slash])?)?;
                Ok((below, dir::c_name(&path[slash + 1..])?))
            }
        }
    }

    /// Everything that lies in it.
    ///
    /// # Errors
    /// The system's.
    pub fn lying(&self) -> io::Result<Vec<Lying>> {
        let mut found = Vec::new();
        for shell in subdirectories(self.fd.as_fd())? {
            let fd = dir::open_dir(self.fd.as_fd(), &dir::c_name(&shell)?)?;
            let project = if shell == b"%root" { ProjectDir::root() } else { ProjectDir::new(shell) };
            for name in names(fd.as_fd())? {
                if name == layout::CACHE {
                    let cache = dir::open_dir(fd.as_fd(), c".cache")?;
                    let directories = subdirectories(cache.as_fd())?;
                    for entry in names(cache.as_fd())? {
                        if !directories.contains(&entry) {
                            found.push(Lying::Entry { project: project.clone(), path: entry });
                            continue;
                        }
                        let below = dir::open_dir(cache.as_fd(), &dir::c_name(&entry)?)?;
                        for leaf in names(below.as_fd())? {
                            let path = [entry.as_slice(), &leaf].join(&b'/');
                            found.push(Lying::Entry { project: project.clone(), path });
                        }
                    }
                } else {
                    let run = String::from_utf8_lossy(&name).into_owned();
                    found.push(Lying::Run { project: project.clone(), run });
                }
            }
        }
        Ok(found)
    }

    /// Removes what lies there.
    ///
    /// # Errors
    /// The first entry that could not be removed.
    pub fn remove(&self, lying: &Lying, dev: u64, freed: &change::Freed) -> Result<(), change::RemoveError> {
        let error = |source: io::Error| change::RemoveError { act: "open", path: self.id.clone(), source };
        let (fd, name) = self.place_of(lying).map_err(error)?;
        change::remove_tree(&self.hook, fd.as_fd(), &name, dev, freed)
    }

    /// Moves what lies there back into the place that is open as `to`, refusing to replace, durably.
    ///
    /// # Errors
    /// `AlreadyExists` when the place is taken.
    pub fn put_back(&self, lying: &Lying, to: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<()> {
        let from = self.move_back(lying, to, name)?;
        change::sync(&self.hook, to)?;
        change::sync(&self.hook, from.as_fd())
    }

    /// As [`Operation::put_back`], for who puts back many at once: both directories are left to be synced, the one in the
    /// trash is given. Where somebody wrote the same file again meanwhile, nothing is lost by dropping ours.
    ///
    /// # Errors
    /// `AlreadyExists` when something else is in the place.
    pub fn put_back_or_drop(
        &self,
        lying: &Lying,
        to: BorrowedFd<'_>,
        name: &std::ffi::CStr,
        dev: u64,
    ) -> io::Result<OwnedFd> {
        match self.move_back(lying, to, name) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && self.holds_same(lying, to, name)? => {
                self.remove(lying, dev, &change::Freed::default()).map_err(io::Error::other)?;
                Ok(self.place_of(lying)?.0)
            }
            done => done,
        }
    }

    /// Gives the directory that it was moved from.
    fn move_back(&self, lying: &Lying, to: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<OwnedFd> {
        let (from, from_name) = self.place_of(lying)?;
        change::rename(&self.hook, Act::PutBack, from.as_fd(), &from_name, to, name)?;
        Ok(from)
    }

    fn place_of(&self, lying: &Lying) -> io::Result<(OwnedFd, std::ffi::CString)> {
        match lying {
            Lying::Run { project, run } => Ok((self.project(project)?, dir::c_name(run.as_bytes())?)),
            Lying::Entry { project, path } => self.entry_place(project, path),
        }
    }

    /// Whether the file that lies there has the content of the one at a place.
    fn holds_same(&self, lying: &Lying, place: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<bool> {
        let Lying::Entry { project, path } = lying else { return Ok(false) };
        let (shell, shell_name) = self.entry_place(project, path)?;
        let hash = |directory: BorrowedFd<'_>, name: &std::ffi::CStr| -> io::Result<blake3::Hash> {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(std::fs::File::from(dir::open_file(directory, name)?))?;
            Ok(hasher.finalize())
        };
        Ok(hash(shell.as_fd(), &shell_name)? == hash(place, name)?)
    }

    /// Removes the directories in which nothing lies.
    fn drop_shells(&self) -> io::Result<()> {
        for shell in subdirectories(self.fd.as_fd())? {
            let shell = dir::c_name(&shell)?;
            let fd = dir::open_dir(self.fd.as_fd(), &shell)?;
            if let Ok(cache) = dir::open_dir(fd.as_fd(), c".cache") {
                for below in subdirectories(cache.as_fd())? {
                    change::remove_empty_dir(&self.hook, cache.as_fd(), &dir::c_name(&below)?)?;
                }
                change::remove_empty_dir(&self.hook, fd.as_fd(), c".cache")?;
            }
            change::remove_empty_dir(&self.hook, self.fd.as_fd(), &shell)?;
        }
        Ok(())
    }
}

/// The name in the trash of the directory for a project: `.` cannot be one.
fn shell_name(project: &ProjectDir) -> Vec<u8> {
    if project.is_root() { b"%root".to_vec() } else { project.as_bytes().to_vec() }
}

fn names(fd: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    listed(fd, |_| true)
}

fn subdirectories(fd: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    listed(fd, |kind| kind == rustix::fs::FileType::Directory)
}

fn listed(fd: BorrowedFd<'_>, wanted: impl Fn(rustix::fs::FileType) -> bool) -> io::Result<Vec<Vec<u8>>> {
    let mut listing = Listing::default();
    let opened = dir::open_dir(fd, c".").and_then(|own| listing.push(own.as_fd()).map(|(mark, _)| (own, mark)));
    let (own, mark) = match opened {
        Ok(opened) => opened,
        // Somebody else dropped it while we had it open: a directory that is removed holds nothing.
        Err(rustix::io::Errno::NOENT) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for entry in listing.entries(mark) {
        let kind = match entry.kind {
            rustix::fs::FileType::Unknown => dir::meta_at(own.as_fd(), listing.c_name(*entry))?.kind,
            kind => kind,
        };
        if wanted(kind) {
            found.push(listing.name(*entry).to_vec());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_may_drop_the_same_operation() {
        let dir = tempfile::tempdir().unwrap();
        // What one of two cleaners leaves for a moment: the description has gone, the directory has not.
        std::fs::create_dir_all(dir.path().join("trash/20260101T000000Z-00000000")).unwrap();
        let ours = std::fs::File::open(dir.path()).unwrap();
        let trash = Trash::open_if_there(ours.as_fd(), &Hook::default()).unwrap().unwrap();
        let open = || trash.resume("20260101T000000Z-00000000").unwrap().unwrap();
        let (one, two) = (open(), open());
        assert!(trash.drop_empty(one).unwrap());
        assert_eq!(two.lying().unwrap(), []);
        assert!(trash.drop_empty(two).unwrap());
        assert_eq!(trash.names().unwrap(), [""; 0]);
    }
}
