//! Files that have no name while they are written: should the writer die, the system drops them.

use super::{Act, Hook};
use rustix::fd::{AsRawFd as _, BorrowedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::ffi::CStr;
use std::fs::File;
use std::io;

/// Makes an empty file (0600) on the device of a directory, without a name.
///
/// # Errors
/// The system's; not every file system has such files, and without `/proc` none could ever get a name.
pub fn unnamed_file(hook: &Hook, parent: BorrowedFd<'_>) -> io::Result<File> {
    hook.before(Act::WriteFile)?;
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(parent, c".", flags, Mode::RUSR | Mode::WUSR)?);
    rustix::fs::statat(CWD, own_path(&file), AtFlags::empty())?;
    Ok(file)
}

/// Gives such a file a name that nobody has.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn name_file(hook: &Hook, file: &File, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    hook.before(Act::WriteFile)?;
    Ok(rustix::fs::linkat(CWD, own_path(file), parent, name, AtFlags::SYMLINK_FOLLOW)?)
}

fn own_path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
