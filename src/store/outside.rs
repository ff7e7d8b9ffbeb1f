//! Files that a user names, anywhere: written whole or not at all, for their owner alone, through no link, and never over
//! what is not of the same kind.
//!
//! Such a file may lie beside others of the user's: it appears when it is whole, and nothing else there is touched. How it
//! is written is told in `new_file`.

pub use super::new_file::{NewFile, Written, write};

use super::change::{self, Act, Hook};
use super::dir;
use super::root::StoreRoot;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How much of a file that is in the way is looked at.
const HEAD: u64 = 4096;

/// Why a file is not written, or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// The path names no file.
    #[error("`{0}` names no file")]
    NoName(PathBuf),
    /// Something is there that is not replaced.
    #[error("`{path}` is {what}, and is left alone")]
    Taken {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: String,
    },
    /// It would lie in the store.
    #[error("cannot write into `{0}`: it lies in the store itself")]
    InStore(PathBuf),
    /// It is no regular file.
    #[error("`{0}` is not a regular file")]
    NotAFile(PathBuf),
    /// It is longer than what is read.
    #[error("`{path}` has {bytes} bytes, more than are read")]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads a regular file, wherever links lead to it, if it is no longer than `limit`.
///
/// # Errors
/// [`OutsideError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, OutsideError> {
    let error = |source: io::Error| OutsideError::Io { act: "read", path: path.to_owned(), source };
    // Without blocking: a FIFO in its place must not hold us.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(error)?;
    let meta = file.metadata().map_err(error)?;
    if !meta.is_file() {
        return Err(OutsideError::NotAFile(path.to_owned()));
    }
    let too_large = |bytes| OutsideError::TooLarge { path: path.to_owned(), bytes };
    if meta.len() > limit {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // One byte more than is read, so that what grows meanwhile is seen to be too long.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Where a directory really is, links resolved, if it is not in the store: what lies there belongs to a run, or may go with
/// one.
///
/// # Errors
/// [`OutsideError::InStore`], or that it is not there.
pub fn directory(root: &StoreRoot, directory: &Path) -> Result<PathBuf, OutsideError> {
    let error = |source| OutsideError::Io { act: "write into", path: directory.to_owned(), source };
    let canonical = directory.canonicalize().map_err(error)?;
    if !canonical.is_dir() {
        return Err(error(io::ErrorKind::NotADirectory.into()));
    }
    if canonical.starts_with(root.path()) {
        return Err(OutsideError::InStore(directory.to_owned()));
    }
    Ok(canonical)
}

/// Whether a file may be made at a path: anywhere but in the store.
///
/// # Errors
/// As [`directory`].
pub fn may_lie(root: &StoreRoot, path: &Path) -> Result<(), OutsideError> {
    directory(root, above(path)).map(|_| ())
}

fn above(path: &Path) -> &Path {
    path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the directory at a path, with the rights that the user gives to what he makes, where nothing but that is missing.
///
/// # Errors
/// [`OutsideError`].
pub fn make_directory(hook: &Hook, path: &Path) -> Result<(), OutsideError> {
    let (above, name) = place(path)?;
    let error = |source| OutsideError::Io { act: "make", path: path.to_owned(), source };
    change::ensure_place(hook, above.as_fd(), &name).map(|_| ()).map_err(error)
}

/// The open directory in which a path lies, and its name there.
pub(super) fn place(path: &Path) -> Result<(OwnedFd, CString), OutsideError> {
    let no_name = || OutsideError::NoName(path.to_owned());
    let name = path.file_name().ok_or_else(no_name)?;
    // `file_name` looks past a slash at the end, which says that a directory is meant.
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(no_name());
    }
    let name = dir::c_name(name.as_bytes()).map_err(|_| no_name())?;
    let above = above(path);
    let error = |source: io::Error| OutsideError::Io { act: "open", path: above.to_owned(), source };
    let canonical = above.canonicalize().map_err(error)?;
    let opened = dir::c_name(canonical.as_os_str().as_bytes())
        .and_then(|above| dir::open_dir(rustix::fs::CWD, &above))
        .map_err(|e| error(e.into()))?;
    Ok((opened, name))
}

/// The inode of the file of ours that is there; `None` when nothing is.
pub(super) fn in_the_way(
    directory: BorrowedFd<'_>,
    name: &CStr,
    path: &Path,
    kind: &str,
    is_ours: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<u64>, OutsideError> {
    let error = |source: io::Error| OutsideError::Io { act: "look at", path: path.to_owned(), source };
    let taken = |what: String| OutsideError::Taken { path: path.to_owned(), what };
    let meta = match dir::meta_at(directory, name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(e) => return Err(error(e.into())),
    };
    match meta.kind {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(taken("a link".to_owned())),
        FileType::Directory => return Err(taken("a directory".to_owned())),
        _ => return Err(taken("no regular file".to_owned())),
    }
    let file = File::from(dir::open_file(directory, name).map_err(|e| error(e.into()))?);
    let inode = dir::meta(&file).map_err(|e| error(e.into()))?.inode;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).map_err(error)?;
    if is_ours(&head) { Ok(Some(inode)) } else { Err(taken(format!("not {kind}"))) }
}

/// Gives a file the name of the one with that inode.
pub(super) fn replace(hook: &Hook, directory: BorrowedFd<'_>, aside: &CStr, name: &CStr, inode: u64) -> io::Result<()> {
    if dir::meta_at(directory, name)?.inode != inode {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    change::replace(hook, directory, aside, name)
}

/// Gives a file the name that nobody has.
pub(super) fn give_name(hook: &Hook, directory: BorrowedFd<'_>, aside: &CStr, name: &CStr) -> io::Result<()> {
    match change::rename(hook, Act::WriteFile, directory, aside, directory, name) {
        // Not every file system can refuse to replace; there, the last look has to do.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => match dir::meta_at(directory, name) {
            Err(rustix::io::Errno::NOENT) => change::replace(hook, directory, aside, name),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error.into()),
        },
        done => done,
    }
}
