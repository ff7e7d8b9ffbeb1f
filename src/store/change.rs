//! The only code that changes the tree: makes directories of ours, renames, unlinks.
//!
//! Everything is relative to an open directory and refuses links, so it cannot leave the store. Renames refuse to replace:
//! a plain rename silently takes the place of a file or an empty directory. Before each change a [`Hook`] is asked; tests
//! use it to stop, or to fail, at every single one.

mod duplicate;
mod hook;
mod rights;
mod times;
mod unnamed;
mod unpack;

pub(super) use duplicate::ASIDE;
pub use duplicate::{duplicate, same_file};
pub use hook::{Act, Hook};
pub use rights::{keep_to_owner, set_group, set_rights};
pub use times::{set_mtime, sync_all};
pub use unnamed::{name_file, unnamed_file};
pub use unpack::{date_link, dress, new_dir, new_file, new_link, second_name, stretch};

use super::dir::{self, Listing};
use super::lock::Held;
use crate::model::Size;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use std::collections::HashSet;
use std::ffi::CStr;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Makes a directory of ours (0700) unless it is there, and opens it.
///
/// # Errors
/// The system's; a link or a file in its place is one.
pub fn ensure_dir(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    ensure(hook, parent, name, Mode::RWXU)
}

/// As [`ensure_dir`], for a directory of the runner's that holds what is put back into it: with the rights that the
/// runner would give it.
///
/// # Errors
/// As [`ensure_dir`].
pub fn ensure_place(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    ensure(hook, parent, name, Mode::RWXU | Mode::RWXG | Mode::RWXO)
}

fn ensure(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, mode: Mode) -> io::Result<OwnedFd> {
    match dir::open_dir(parent, name) {
        Err(rustix::io::Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    hook.before(Act::MakeDir)?;
    match rustix::fs::mkdirat(parent, name, mode) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(dir::open_dir(parent, name)?)
}

/// Writes a file of ours (0600) whole or not at all, durably.
///
/// # Errors
/// The system's.
pub fn write_file(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> io::Result<()> {
    write_aside(hook, parent, name, bytes)?;
    name_it(hook, parent, name)
}

/// As [`write_file`], with a `flock` on the file from before it has its name: nobody can find it free.
///
/// # Errors
/// The system's.
pub fn write_locked_file(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> io::Result<Held> {
    let file = write_aside(hook, parent, name, bytes)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    let held = Held::new(file);
    name_it(hook, parent, name)?;
    Ok(held)
}

fn aside_of(name: &CStr) -> rustix::io::Result<std::ffi::CString> {
    dir::c_name(&[name.to_bytes(), b".new"].concat())
}

fn write_aside(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> io::Result<std::fs::File> {
    use std::io::Write as _;
    hook.before(Act::WriteFile)?;
    let aside = aside_of(name)?;
    // Made anew: what a crash left there may have been replaced by a pipe, or by another name of somebody's file.
    match rustix::fs::unlinkat(parent, &aside, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, &aside, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(file)
}

fn name_it(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    rustix::fs::renameat(parent, &aside_of(name)?, parent, name)?;
    sync(hook, parent)
}

/// Writes a new file (0600) under a name that nobody has, durably, or none at all.
///
/// # Errors
/// `AlreadyExists` when the name is taken; the system's otherwise.
pub fn write_new(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    hook.before(Act::WriteFile)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        let _ = rustix::fs::unlinkat(parent, name, AtFlags::empty());
    })
}

/// Moves a file of ours over another of ours.
///
/// # Errors
/// The system's.
pub fn replace(hook: &Hook, parent: BorrowedFd<'_>, from: &CStr, to: &CStr) -> io::Result<()> {
    hook.before(Act::WriteFile)?;
    Ok(rustix::fs::renameat(parent, from, parent, to)?)
}

/// Makes a directory's changes durable.
///
/// # Errors
/// The system's.
pub fn sync(hook: &Hook, directory: BorrowedFd<'_>) -> io::Result<()> {
    hook.before(Act::Sync)?;
    Ok(rustix::fs::fsync(directory)?)
}

/// Moves an entry, refusing to replace anything.
///
/// # Errors
/// `AlreadyExists` when the place is taken; the system's otherwise.
pub fn rename(
    hook: &Hook,
    act: Act,
    from: BorrowedFd<'_>,
    from_name: &CStr,
    to: BorrowedFd<'_>,
    to_name: &CStr,
) -> io::Result<()> {
    hook.before(act)?;
    Ok(rustix::fs::renameat_with(from, from_name, to, to_name, RenameFlags::NOREPLACE)?)
}

/// Adds up what unlinking frees: blocks of an inode are free when its last name goes.
#[derive(Debug, Default)]
pub struct Freed {
    total: Mutex<Size>,
    /// Serialises the removal of names of shared inodes: looking at the number of names and removing one must not be
    /// parted, or of two last names neither would count.
    shared: Mutex<HashSet<u64>>,
}

impl Freed {
    /// What was freed so far.
    pub fn total(&self) -> Size {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, size: Size) {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) += size;
    }
}

/// A removal that ended early.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} `{path}`: {source}")]
pub struct RemoveError {
    /// What was attempted.
    pub act: &'static str,
    /// The entry, relative to what was being removed.
    pub path: String,
    /// Why.
    pub source: io::Error,
}

/// Removes the tree or file `name` of an open directory: contents first, no link followed, no device crossed.
///
/// # Errors
/// The first entry that could not be removed; what was removed before stays removed and counted.
pub fn remove_tree(
    hook: &Hook,
    parent: BorrowedFd<'_>,
    name: &CStr,
    dev: u64,
    freed: &Freed,
) -> Result<(), RemoveError> {
    let mut path = name.to_string_lossy().into_owned();
    let error = |act, path: &str, source: io::Error| RemoveError { act, path: path.to_owned(), source };
    match dir::meta_at(parent, name) {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(source) => Err(error("look at", &path, source.into())),
        Ok(meta) if meta.kind == FileType::Directory => {
            remove_dir(hook, parent, name, dev, freed, &mut Listing::default(), &mut path)
        }
        Ok(_) => remove_file(hook, parent, name, freed).map_err(|source| error("remove", &path, source)),
    }
}

fn remove_dir(
    hook: &Hook,
    parent: BorrowedFd<'_>,
    name: &CStr,
    dev: u64,
    freed: &Freed,
    listing: &mut Listing,
    path: &mut String,
) -> Result<(), RemoveError> {
    let error = |act, path: &str, source: io::Error| RemoveError { act, path: path.to_owned(), source };
    let fd = open_to_empty(parent, name).map_err(|source| error("open", path, source.into()))?;
    let meta = dir::meta(&fd).map_err(|source| error("look at", path, source.into()))?;
    if meta.dev != dev {
        return Err(error("remove", path, io::Error::new(io::ErrorKind::CrossesDevices, "it is on another device")));
    }
    let (mark, count) = listing.push(fd.as_fd()).map_err(|source| error("list", path, source.into()))?;
    let length = path.len();
    let mut result = Ok(());
    for at in 0..count {
        let entry = listing.entry(mark, at);
        path.push('/');
        path.push_str(&String::from_utf8_lossy(listing.name(entry)));
        let name = listing.c_name(entry).to_owned();
        result = match entry.kind {
            FileType::Directory => remove_dir(hook, fd.as_fd(), &name, dev, freed, listing, path),
            _ => match remove_file(hook, fd.as_fd(), &name, freed) {
                // The listing did not know its kind.
                Err(e) if e.kind() == io::ErrorKind::IsADirectory => {
                    remove_dir(hook, fd.as_fd(), &name, dev, freed, listing, path)
                }
                other => other.map_err(|source| error("remove", path, source)),
            },
        };
        if result.is_err() {
            break;
        }
        path.truncate(length);
    }
    listing.pop(mark);
    result?;
    hook.before(Act::RemoveDir).map_err(|source| error("remove", path, source))?;
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).map_err(|source| error("remove", path, source.into()))?;
    freed.add(Size { size: 0, disk: meta.disk });
    Ok(())
}

/// Opens a directory that is to be emptied, giving its owner the right to do so: it lies in our trash.
fn open_to_empty(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let opened = dir::open_dir(parent, name);
    let writable = |fd: &OwnedFd| -> rustix::io::Result<()> {
        let mode = Mode::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        if !mode.contains(Mode::RWXU) {
            rustix::fs::fchmod(fd, mode | Mode::RWXU)?;
        }
        Ok(())
    };
    match opened {
        Ok(fd) => {
            writable(&fd)?;
            Ok(fd)
        }
        Err(rustix::io::Errno::ACCESS) => {
            // A path descriptor needs no right to read; through it the mode can be changed without following a link.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let path = rustix::fs::openat(parent, name, flags, Mode::empty())?;
            let own = format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&path));
            rustix::fs::chmod(own, Mode::RWXU)?;
            dir::open_dir(parent, name)
        }
        Err(error) => Err(error),
    }
}

fn remove_file(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, freed: &Freed) -> io::Result<()> {
    let meta = match dir::meta_at(parent, name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if meta.kind == FileType::Directory {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let size = if meta.kind == FileType::RegularFile { meta.len } else { 0 };
    let unlink = || -> io::Result<()> {
        hook.before(Act::Unlink)?;
        match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    };
    if meta.links <= 1 {
        unlink()?;
        freed.add(Size { size, disk: meta.disk });
        return Ok(());
    }
    let mut shared = freed.shared.lock().unwrap_or_else(PoisonError::into_inner);
    let links = dir::meta_at(parent, name).map_or(meta.links, |m| m.links);
    unlink()?;
    if links <= 1 && shared.insert(meta.inode) {
        freed.add(Size { size, disk: meta.disk });
    }
    Ok(())
}

/// Removes an empty directory of ours; one that is not empty stays.
///
/// # Errors
/// The system's, but for a directory that is gone or not empty.
pub fn remove_empty_dir(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    hook.before(Act::RemoveDir)?;
    match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file of ours.
///
/// # Errors
/// The system's, but for a file that is gone.
pub fn remove_own_file(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    hook.before(Act::Unlink)?;
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Appends a line to a file of ours (0600), durably. A last line that was torn by a crash is closed first, so that it
/// cannot swallow this one.
///
/// # Errors
/// The system's.
pub fn append_line(hook: &Hook, parent: BorrowedFd<'_>, name: &CStr, line: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    hook.before(Act::Audit)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?;
    let length = dir::meta(&fd)?.len;
    let mut last = [b'\n'];
    if length > 0 {
        rustix::io::pread(&fd, last.as_mut_slice(), length - 1)?;
    }
    let mut bytes = Vec::with_capacity(line.len() + 2);
    if last != [b'\n'] {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line);
    bytes.push(b'\n');
    let mut file = std::fs::File::from(fd);
    file.write_all(&bytes)?;
    file.sync_data()
}
