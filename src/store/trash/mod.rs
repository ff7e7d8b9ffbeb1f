//! The trash: what lies between decision and deletion, or waits to be restored; one directory an operation.
//!
//! `.catalog/trash/<operation>/operation.json` names every item with its manifest and is durable before the first item is
//! moved, so the trash can be read without a catalog. Runs lie at `<operation>/<project>/<run>`, cache entries at
//! `<operation>/<project>/.cache/<path>`: by the names they had. Whoever works on an operation holds a `flock` on its
//! `operation.json`; one that is held is left alone.
//!
//! An operation that can be undone has companions besides, at `<operation>/%companions/<project>/<path>`: second names of
//! the cache entries that its runs name, so that a script is not gone when its run comes back. They are no items: nothing
//! was moved there, they are never put back for their own sake, and they go when nothing else lies in the operation.
//!
//! Parts of a run that stays lie at `<operation>/%parts/<project>/<run>/<path in the run>`, all of a run one item: they are
//! decided about, put back and removed together.

mod companions;
mod description;
mod operation;
mod pieces;

pub use companions::Brought;
pub use description::{Description, EntryItem, JsonName, PartsItem, PieceItem, PlaceItem, RunItem};
pub use pieces::seal;

use super::change::{self, Freed, Hook};
use super::dir::{self, Listing};
use super::lock::Held;
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FlockOperation;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

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
    /// Parts of a run that stays.
    Parts {
        /// Its project.
        project: ProjectDir,
        /// Its name.
        run: String,
    },
}

impl Lying {
    /// Its project.
    pub const fn project(&self) -> &ProjectDir {
        match self {
            Self::Run { project, .. } | Self::Entry { project, .. } | Self::Parts { project, .. } => project,
        }
    }

    /// Its path below the operation's directory.
    pub fn place(&self) -> PathBuf {
        let shell = PathBuf::from(OsStr::from_bytes(&shell_name(self.project())));
        match self {
            Self::Run { run, .. } => shell.join(run),
            Self::Entry { path, .. } => shell.join(".cache").join(OsStr::from_bytes(path)),
            Self::Parts { run, .. } => PathBuf::from("%parts").join(shell).join(run),
        }
    }
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
        match self.open_operation(id) {
            Ok(fd) => {
                let description = described(fd.as_fd());
                Ok(Some(Operation { id: id.to_owned(), description, fd, hook: self.hook.clone(), _lock: None }))
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
        let fd = match self.open_operation(id) {
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
        let description = described(fd.as_fd());
        Ok(Some(Operation { id: id.to_owned(), description, fd, hook: self.hook.clone(), _lock: lock }))
    }

    /// Opens an operation's directory. An id comes from a user or from a log: one that is a path leads out of the trash, and
    /// is the name of none.
    fn open_operation(&self, id: &str) -> rustix::io::Result<OwnedFd> {
        if matches!(id, "" | "." | "..") || id.contains(['/', '\0']) {
            return Err(rustix::io::Errno::NOENT);
        }
        dir::open_dir(self.fd.as_fd(), &dir::c_name(id.as_bytes())?)
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

    /// Drops an operation in which nothing lies any more: its companions first, its description last. What goes with the
    /// companions is counted: one of them may be the last name of its file.
    ///
    /// # Errors
    /// The system's.
    pub fn drop_empty(&self, operation: Operation, freed: &Freed) -> io::Result<bool> {
        if !operation.lying()?.is_empty() {
            return Ok(false);
        }
        operation.drop_companions(freed)?;
        operation.drop_shells()?;
        change::remove_own_file(&self.hook, operation.fd.as_fd(), c"operation.json.new")?;
        change::remove_own_file(&self.hook, operation.fd.as_fd(), DESCRIPTION)?;
        let name = dir::c_name(operation.id.as_bytes())?;
        drop(operation);
        change::remove_empty_dir(&self.hook, self.fd.as_fd(), &name)?;
        Ok(true)
    }
}

fn described(operation: BorrowedFd<'_>) -> Option<Description> {
    let bytes = super::run_walk::read_whole(operation, DESCRIPTION, DESCRIPTION_LIMIT).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn hold(operation: BorrowedFd<'_>) -> io::Result<Option<Held>> {
    let file = std::fs::File::from(dir::open_file(operation, DESCRIPTION)?);
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Held::new(file))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The name in the trash of the directory for a project: `.` cannot be one.
fn shell_name(project: &ProjectDir) -> Vec<u8> {
    if project.is_root() { b"%root".to_vec() } else { project.as_bytes().to_vec() }
}

fn project_of(shell: Vec<u8>) -> ProjectDir {
    if shell == b"%root" { ProjectDir::root() } else { ProjectDir::new(shell) }
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
    fn an_id_that_is_a_path_names_no_operation() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["trash/one", "elsewhere/two"] {
            std::fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let ours = std::fs::File::open(dir.path()).unwrap();
        let trash = Trash::open_if_there(ours.as_fd(), &Hook::default()).unwrap().unwrap();
        assert!(trash.resume("one").unwrap().is_some());
        for id in ["", ".", "..", "../elsewhere/two", "one/../../elsewhere/two", "one/", "a\0b"] {
            assert!(trash.resume(id).unwrap().is_none(), "{id:?}");
            assert!(trash.look_at(id).unwrap().is_none(), "{id:?}");
        }
        let outside = dir.path().join("elsewhere/two").display().to_string();
        assert!(trash.resume(&outside).unwrap().is_none());
    }

    #[test]
    fn two_may_drop_the_same_operation() {
        let dir = tempfile::tempdir().unwrap();
        // What one of two cleaners leaves for a moment: the description has gone, the directory has not.
        std::fs::create_dir_all(dir.path().join("trash/20260101T000000Z-00000000")).unwrap();
        let ours = std::fs::File::open(dir.path()).unwrap();
        let trash = Trash::open_if_there(ours.as_fd(), &Hook::default()).unwrap().unwrap();
        let open = || trash.resume("20260101T000000Z-00000000").unwrap().unwrap();
        let (one, two) = (open(), open());
        assert!(trash.drop_empty(one, &Freed::default()).unwrap());
        assert_eq!(two.lying().unwrap(), []);
        assert!(trash.drop_empty(two, &Freed::default()).unwrap());
        assert_eq!(trash.names().unwrap(), [""; 0]);
    }
}
