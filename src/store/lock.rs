//! The store's lock: held to index and to decide, never while asking or unlinking.
//!
//! A `flock` on `.catalog/lock`, so that it goes with its process. The file says who holds it; it is never removed, since
//! a lock on a name that somebody else can remove is none.

use super::dir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::ffi::CStr;
use std::io;

/// A `flock` that is held as long as this value lives. It is given up by name: closing the descriptor would do, but a child
/// that is being started in that moment has it too, and would keep it.
#[derive(Debug)]
pub struct Held(OwnedFd);

impl Held {
    /// Takes over a descriptor on whose file a `flock` was taken.
    pub fn new(locked: impl Into<OwnedFd>) -> Self {
        Self(locked.into())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// The store's lock, held as long as this value lives.
#[derive(Debug)]
pub struct StoreLock(Held);

/// The outcome of trying to take the lock.
#[derive(Debug)]
pub enum Taking {
    /// It is ours.
    Taken(StoreLock),
    /// Somebody else has it; the text says who, as they wrote it.
    Busy(String),
}

/// Tries to take the lock in an open directory, without waiting. `holder` is what others read meanwhile.
///
/// # Errors
/// The system's, when the lock file cannot be made or opened.
pub fn try_take(directory: BorrowedFd<'_>, name: &CStr, holder: &str) -> io::Result<Taking> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)?;
    if dir::meta(&fd)?.kind != rustix::fs::FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lock is not a regular file"));
    }
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Taking::Busy(read_holder(fd.as_fd()))),
        Err(error) => return Err(error.into()),
    }
    // What is written here helps people only: a full disk must not keep anybody from cleaning.
    let _ = rustix::fs::ftruncate(&fd, 0);
    let _ = rustix::io::pwrite(&fd, holder.as_bytes(), 0);
    Ok(Taking::Taken(StoreLock(Held::new(fd))))
}

/// Tries to take the lock of a directory in which nothing is to be changed: a lock file that is not there is not made, and
/// what it says stays. `None` when there is none, since then nobody holds it.
///
/// # Errors
/// The system's, when the lock file cannot be opened.
pub fn try_take_without_a_trace(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<Taking>> {
    // For reading only: through it nothing can be written, not even when the lock is given up.
    let fd = match dir::open_file(directory, name) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Taking::Taken(StoreLock(Held::new(fd))))),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(Taking::Busy(read_holder(fd.as_fd())))),
        Err(error) => Err(error.into()),
    }
}

fn read_holder(fd: BorrowedFd<'_>) -> String {
    let mut buffer = [0_u8; 512];
    let read = rustix::io::pread(fd, buffer.as_mut_slice(), 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer[..read]);
    let text = text.trim();
    if text.is_empty() { "another otto".to_owned() } else { text.to_owned() }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Who reads the file of a free lock must not be told of a process that is gone.
        let _ = rustix::fs::ftruncate(&self.0.0, 0);
    }
}
