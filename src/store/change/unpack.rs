//! What an unpacking makes: new files, directories and links in a directory of ours, each where nothing is yet.
//!
//! A name that is taken is an error, whatever is there: so no link in the way is ever followed or written through.

use super::{Act, Hook};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use std::ffi::CStr;
use std::fs::File;
use std::io;

/// Makes a directory (0700) where nothing is, and opens it.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn new_dir(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    hook.before(Act::MakeDir)?;
    rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
    Ok(crate::store::dir::open_dir(parent, name)?)
}

/// Makes an empty file (0600) where nothing is, and opens it for writing.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn new_file(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<File> {
    hook.before(Act::WriteFile)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Makes a symbolic link with that text where nothing is.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn new_link(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, text: &CStr) -> io::Result<()> {
    hook.before(Act::Link)?;
    Ok(rustix::fs::symlinkat(text, parent, name)?)
}

/// Gives a file a second name where nothing is. A link is neither followed nor given one.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn second_name(
    hook: &Hook,
    (from, from_name): (BorrowedFd<'_>, &CStr),
    (to, to_name): (BorrowedFd<'_>, &CStr),
) -> io::Result<()> {
    if crate::store::dir::meta_at(from, from_name)?.kind != rustix::fs::FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    hook.before(Act::Link)?;
    Ok(rustix::fs::linkat(from, from_name, to, to_name, AtFlags::empty())?)
}

fn written_at(ns: i64) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: ns.div_euclid(1_000_000_000), tv_nsec: ns.rem_euclid(1_000_000_000) },
    }
}

/// Gives an open file or directory its rights and the time of its last write.
///
/// # Errors
/// The system's.
pub fn dress(hook: &Hook, open: impl AsFd, mode: u32, mtime_ns: i64) -> io::Result<()> {
    hook.before(Act::SetRights)?;
    rustix::fs::fchmod(&open, Mode::from_raw_mode(mode))?;
    hook.before(Act::SetTime)?;
    Ok(rustix::fs::futimens(open, &written_at(mtime_ns))?)
}

/// Gives a symbolic link the time of its last write.
///
/// # Errors
/// The system's.
pub fn date_link(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, mtime_ns: i64) -> io::Result<()> {
    hook.before(Act::SetTime)?;
    Ok(rustix::fs::utimensat(parent, name, &written_at(mtime_ns), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Gives a new file its whole length, so that what is not written of it is a hole.
///
/// # Errors
/// The system's.
pub fn stretch(hook: &Hook, file: &File, length: u64) -> io::Result<()> {
    hook.before(Act::WriteFile)?;
    Ok(rustix::fs::ftruncate(file, length)?)
}
