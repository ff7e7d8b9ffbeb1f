//! A file of the user's that is edited: read, and replaced whole or not at all, if it is still what was read.
//!
//! The new text is written beside it and made durable, gets the group and the rights of the old one, and takes its name. Only
//! a regular file with one name, our user for its owner and a group that we can give is replaced: behind a link or a second
//! name is something that somebody keeps elsewhere, and a rename would part the two; in another group, whoever read the old
//! one could not read the new one. The caller holds the store's lock, so a file that is left beside it
//! is one that was stopped, and goes first.

use super::change::{self, Hook};
use super::dir;
use super::outside::{OutsideError, give_name, place};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Such a file, as it was read.
#[derive(Debug)]
pub struct UserFile {
    path: PathBuf,
    directory: OwnedFd,
    name: CString,
    limit: u64,
    found: Option<Found>,
}

/// What was there.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    inode: u64,
    group: u32,
    mode: u32,
    bytes: Vec<u8>,
}

impl UserFile {
    /// Reads it; one that is not there is empty, and can be made.
    ///
    /// # Errors
    /// [`OutsideError`], also for what is not replaced.
    pub fn read(path: &Path, limit: u64) -> Result<Self, OutsideError> {
        let (directory, name) = place(path)?;
        let found = find(directory.as_fd(), &name, path, limit)?;
        Ok(Self { path: path.to_owned(), directory, name, limit, found })
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        self.found.as_ref().map_or(&[], |found| &found.bytes)
    }

    /// Replaces it, or makes it (0600). What is told beside is that it was done, and may not outlive a loss of power.
    ///
    /// # Errors
    /// [`OutsideError`]; then what was there is as it was.
    pub fn replace(self, hook: &Hook, bytes: &[u8]) -> Result<Option<io::Error>, OutsideError> {
        let directory = self.directory.as_fd();
        let error = |source: io::Error| OutsideError::Io { act: "write", path: self.path.clone(), source };
        let aside = aside(&self.name).map_err(|e| error(e.into()))?;
        change::remove_own_file(hook, directory, &aside).map_err(error)?;
        change::write_new(hook, directory, &aside, bytes).map_err(error)?;
        let put = self.put(hook, &aside);
        if put.is_err() {
            let _ = change::remove_own_file(&Hook::default(), directory, &aside);
        }
        put?;
        Ok(change::sync(hook, directory).err())
    }

    fn put(&self, hook: &Hook, aside: &CStr) -> Result<(), OutsideError> {
        let directory = self.directory.as_fd();
        let error = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => self.changed(),
            _ => OutsideError::Io { act: "write", path: self.path.clone(), source },
        };
        if let Some(found) = &self.found {
            // First the group: no other one gets its rights.
            change::set_group(hook, directory, aside, found.group).map_err(|source| match source.kind() {
                io::ErrorKind::PermissionDenied => taken(&self.path, "a file of a group that you cannot give"),
                _ => error(source),
            })?;
            change::set_rights(hook, directory, aside, found.mode).map_err(error)?;
        }
        // The last look: an editor knows nothing of our lock.
        if find(directory, &self.name, &self.path, self.limit)? != self.found {
            return Err(self.changed());
        }
        match &self.found {
            Some(_) => change::replace(hook, directory, aside, &self.name).map_err(error),
            None => give_name(hook, directory, aside, &self.name).map_err(error),
        }
    }

    fn changed(&self) -> OutsideError {
        taken(&self.path, "not what it was a moment ago")
    }
}

fn taken(path: &Path, what: &str) -> OutsideError {
    OutsideError::Taken { path: path.to_owned(), what: what.to_owned() }
}

/// What its new text is called until it takes its place.
fn aside(name: &CStr) -> rustix::io::Result<CString> {
    dir::c_name(&[b".", name.to_bytes(), b".otto-new"].concat())
}

/// Whether a new text of the file of that name was left beside it: a write was stopped, and the file is as it was. The
/// caller holds the store's lock, or somebody may be writing. Says what it is called.
pub fn left_beside(directory: BorrowedFd<'_>, name: &CStr) -> Option<CString> {
    let aside = aside(name).ok()?;
    let is_file = dir::meta_at(directory, &aside).is_ok_and(|meta| meta.kind == FileType::RegularFile);
    is_file.then_some(aside)
}

/// Removes what was left beside the file of that name, if it is still there.
///
/// # Errors
/// The system's.
pub fn remove_left_beside(hook: &Hook, directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    match left_beside(directory, name) {
        Some(aside) => change::remove_own_file(hook, directory, &aside),
        None => Ok(()),
    }
}

/// Whether rights are given to more than the owner, a group and all others. Of such a file the mode says the most that
/// anybody named may do, and would give that to the group.
fn has_access_list(file: &File) -> io::Result<bool> {
    match rustix::fs::fgetxattr(file, c"system.posix_acl_access", &mut [0_u8; 0]) {
        Ok(_) => Ok(true),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn find(directory: BorrowedFd<'_>, name: &CStr, path: &Path, limit: u64) -> Result<Option<Found>, OutsideError> {
    let error = |source: io::Error| OutsideError::Io { act: "read", path: path.to_owned(), source };
    let taken = |what: &str| taken(path, what);
    match dir::meta_at(directory, name) {
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(error(e.into())),
        Ok(meta) if meta.kind == FileType::Symlink => return Err(taken("a link")),
        Ok(meta) if meta.kind != FileType::RegularFile => return Err(OutsideError::NotAFile(path.to_owned())),
        Ok(_) => {}
    }
    let file = File::from(dir::open_file(directory, name).map_err(|e| error(e.into()))?);
    let stat = rustix::fs::fstat(&file).map_err(|e| error(e.into()))?;
    let meta = dir::meta(&file).map_err(|e| error(e.into()))?;
    if meta.kind != FileType::RegularFile {
        return Err(OutsideError::NotAFile(path.to_owned()));
    }
    if meta.links > 1 {
        return Err(taken("a file with a second name"));
    }
    if has_access_list(&file).map_err(error)? {
        return Err(taken("a file with an access control list, which a new one would not have"));
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(taken("somebody else's file"));
    }
    let mut bytes = Vec::new();
    // One byte more than is read, so that what is too long is seen to be.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > limit {
        return Err(OutsideError::TooLarge { path: path.to_owned(), bytes: meta.len });
    }
    Ok(Some(Found { inode: meta.inode, group: stat.st_gid, mode: meta.mode, bytes }))
}
