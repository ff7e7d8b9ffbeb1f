//! Rights of what is ours.

use super::{Act, Hook, dir};
use rustix::fd::BorrowedFd;
use rustix::fs::Mode;
use std::ffi::CStr;
use std::io;

/// Takes every right of others from a file or directory of ours. An empty name means the open directory itself.
///
/// # Errors
/// The system's; a link in its place is one.
pub fn keep_to_owner(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    use rustix::fs::OFlags;
    hook.before(Act::SetRights)?;
    let own = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = match name.is_empty() {
        true => rustix::io::dup(parent)?,
        false => rustix::fs::openat(parent, name, own, Mode::empty())?,
    };
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    let kind = dir::meta(&fd)?.kind;
    if !matches!(kind, rustix::fs::FileType::RegularFile | rustix::fs::FileType::Directory) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a file nor a directory"));
    }
    Ok(rustix::fs::fchmod(&fd, mode & Mode::RWXU)?)
}
