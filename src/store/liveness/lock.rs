//! The runner's lock on a run (2.4 and later): `flock` on `<run>/.lock`.
//!
//! It is `flock` and not `fcntl`: a probe with POSIX locks would see nothing. The file stays behind when the run ends. It is
//! opened relative to the run directory's descriptor, never through a link, never waiting (a FIFO of that name would), and
//! never created: a lock file of ours would tell others that the run was made by a version that locks.

use crate::store::lock::Held;
use rustix::fs::{FileType, FlockOperation, Mode, OFlags, flock, fstat, openat};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const LOCK_FILE: &str = ".lock";

/// What the lock says about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockState {
    /// There is no lock file, which says nothing.
    Absent,
    /// Nobody holds it: the run has ended.
    Free,
    /// Somebody holds it: the run goes on, or it is being removed.
    Held,
    /// It cannot be looked at, and why; to be treated as held.
    Unreadable(String),
}

/// A run's lock, held until this is dropped.
#[derive(Debug)]
pub struct HeldLock(#[expect(dead_code, reason = "holding it is all that it is for")] Held);

/// What became of taking a run's lock.
#[derive(Debug)]
pub enum TakeLock {
    /// There is no lock file, so none was taken.
    Absent,
    /// We hold it.
    Taken(HeldLock),
    /// Somebody else holds it.
    Held,
    /// It cannot be taken, and why; to be treated as held.
    Unreadable(String),
}

/// Looks whether the run's lock is held, by taking it shared for a moment.
///
/// Shared, so that two of us looking at once do not see each other.
pub fn probe_lock(run_dir: BorrowedFd<'_>) -> LockState {
    match lock(run_dir, OFlags::RDONLY, FlockOperation::NonBlockingLockShared) {
        // Closing the descriptor gives it up, but a fork of this process in that moment would keep it.
        Ok(fd) => match flock(&fd, FlockOperation::Unlock) {
            Ok(()) => LockState::Free,
            Err(cause) => LockState::Unreadable(cause.to_string()),
        },
        Err(Refusal::Absent) => LockState::Absent,
        Err(Refusal::Held) => LockState::Held,
        Err(Refusal::Unreadable(cause)) => LockState::Unreadable(cause),
    }
}

/// Takes the run's lock as the runner's own cleaner does: the existing file, read-write, exclusive, without waiting.
pub fn take_lock(run_dir: BorrowedFd<'_>) -> TakeLock {
    match lock(run_dir, OFlags::RDWR, FlockOperation::NonBlockingLockExclusive) {
        Ok(fd) => TakeLock::Taken(HeldLock(Held::new(fd))),
        Err(Refusal::Absent) => TakeLock::Absent,
        Err(Refusal::Held) => TakeLock::Held,
        Err(Refusal::Unreadable(cause)) => TakeLock::Unreadable(cause),
    }
}

enum Refusal {
    Absent,
    Held,
    Unreadable(String),
}

fn lock(run_dir: BorrowedFd<'_>, access: OFlags, operation: FlockOperation) -> Result<OwnedFd, Refusal> {
    let unreadable = |cause: Errno| Refusal::Unreadable(cause.to_string());
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = match openat(run_dir, LOCK_FILE, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Err(Refusal::Absent),
        Err(cause) => return Err(unreadable(cause)),
    };
    let regular = |fd: BorrowedFd<'_>| fstat(fd).map(|stat| (FileType::from_raw_mode(stat.st_mode), stat.st_nlink));
    match regular(fd.as_fd()).map_err(unreadable)? {
        (FileType::RegularFile, _) => {}
        _ => return Err(Refusal::Unreadable("not a regular file".to_owned())),
    }
    match flock(&fd, operation) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(Refusal::Held),
        Err(cause) => return Err(unreadable(cause)),
    }
    // Unlinked between opening and locking: what we locked is no longer the run's lock.
    match regular(fd.as_fd()).map_err(unreadable)? {
        (_, 0) => Err(Refusal::Unreadable("it was removed meanwhile".to_owned())),
        _ => Ok(fd),
    }
}
