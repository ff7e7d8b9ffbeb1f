//! The times of directories, and many directories made durable at once.

use super::{Act, Hook};
use rustix::fd::BorrowedFd;
use std::io;

/// Gives a directory the time of its last change that it had before ours.
///
/// # Errors
/// The system's.
pub fn set_mtime(hook: &Hook, directory: BorrowedFd<'_>, ns: i64) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};
    hook.before(Act::SetTime)?;
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let last_modification = Timespec { tv_sec: ns.div_euclid(1_000_000_000), tv_nsec: ns.rem_euclid(1_000_000_000) };
    Ok(rustix::fs::futimens(directory, &Timestamps { last_access, last_modification })?)
}

/// Makes all changes of the file system that a directory is on durable: for many directories at once.
///
/// # Errors
/// The system's.
pub fn sync_all(hook: &Hook, directory: BorrowedFd<'_>) -> io::Result<()> {
    hook.before(Act::Sync)?;
    Ok(rustix::fs::syncfs(directory)?)
}
