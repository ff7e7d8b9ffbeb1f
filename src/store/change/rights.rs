//! Rights of what is ours.

use super::{Act, Hook, dir};
use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, Mode, OFlags};
use std::ffi::CStr;
use std::io;

/// Takes every right of others from a file or directory of ours. An empty name means the open directory itself.
///
/// # Errors
/// The system's; a link in its place is one.
pub fn keep_to_owner(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    hook.before(Act::SetRights)?;
    // A path descriptor: through it the mode can be changed without following a link, and closing it does not give up the
    // locks that SQLite holds on a catalog.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match name.is_empty() {
        true => rustix::fs::openat(parent, c".", flags, Mode::empty())?,
        false => rustix::fs::openat(parent, name, flags, Mode::empty())?,
    };
    let meta = dir::meta(&fd)?;
    if !matches!(meta.kind, FileType::RegularFile | FileType::Directory) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a directory"));
    }
    let own = format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&fd));
    Ok(rustix::fs::chmod(own, Mode::from_raw_mode(meta.mode) & Mode::RWXU)?)
}

/// Gives a file of ours these rights.
///
/// # Errors
/// The system's; a link in its place is one.
pub fn set_rights(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, mode: u32) -> io::Result<()> {
    hook.before(Act::SetRights)?;
    let file = dir::open_file(parent, name)?;
    let rights = Mode::from_raw_mode(mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO);
    Ok(rustix::fs::fchmod(&file, rights)?)
}

/// Gives a file of ours to this group.
///
/// # Errors
/// The system's: only groups that we are in can be given. A link in its place is one.
pub fn set_group(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, group: u32) -> io::Result<()> {
    hook.before(Act::SetRights)?;
    let file = dir::open_file(parent, name)?;
    Ok(rustix::fs::fchown(&file, None, Some(rustix::fs::Gid::from_raw(group)))?)
}
