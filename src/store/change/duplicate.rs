//! A second name for a file, or a copy of it where the file system gives none.

use super::{Act, Hook, rename, sync};
use crate::store::dir;
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;

/// What a copy is called until it is whole.
pub(in crate::store) const ASIDE: &CStr = c"copy.new";

/// Gives the regular file `from_name` the second name `to_name`, refusing to replace anything; where the file system has
/// no second name to give (another device, too many links, a file of somebody else), makes a copy of it, whole and
/// durable before it has its name. The copy grows in `aside`, which must lie on the device of `to`.
///
/// # Errors
/// `AlreadyExists` when the place is taken; `InvalidInput` for what is no regular file; the system's otherwise.
pub fn duplicate(
    hook: &Hook,
    (from, from_name): (BorrowedFd<'_>, &CStr),
    (to, to_name): (BorrowedFd<'_>, &CStr),
    aside: BorrowedFd<'_>,
) -> io::Result<()> {
    // A link is neither given a second name nor followed. Whoever swaps one in after this look finds it beside his own.
    if dir::meta_at(from, from_name)?.kind != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let linked =
        hook.before(Act::Link).and_then(|()| Ok(rustix::fs::linkat(from, from_name, to, to_name, AtFlags::empty())?));
    match linked {
        Err(error) if takes_no_link(&error) => copy(hook, (from, from_name), (to, to_name), aside),
        done => done,
    }
}

/// Whether a file can be copied although it cannot be linked.
fn takes_no_link(error: &io::Error) -> bool {
    let codes = [Errno::XDEV, Errno::MLINK, Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS];
    Errno::from_io_error(error).is_some_and(|errno| codes.contains(&errno))
}

fn copy(
    hook: &Hook,
    (from, from_name): (BorrowedFd<'_>, &CStr),
    (to, to_name): (BorrowedFd<'_>, &CStr),
    aside: BorrowedFd<'_>,
) -> io::Result<()> {
    let mut source = std::fs::File::from(dir::open_file(from, from_name)?);
    let stat = rustix::fs::fstat(&source)?;
    hook.before(Act::WriteFile)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::openat(aside, ASIDE, flags, Mode::RUSR | Mode::WUSR)?);
    io::copy(&mut source, &mut file)?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(stat.st_mode))?;
    let times = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: stat.st_atime as _, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: rustix::fs::Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ },
    };
    rustix::fs::futimens(&file, &times)?;
    file.sync_all()?;
    rename(hook, Act::Link, aside, ASIDE, to, to_name)?;
    sync(hook, aside)
}

/// Whether two files are one, or have the same bytes.
///
/// # Errors
/// The system's; what is no regular file is one.
pub fn same_file(
    (one, one_name): (BorrowedFd<'_>, &CStr),
    (other, other_name): (BorrowedFd<'_>, &CStr),
) -> io::Result<bool> {
    let open = |directory, name| dir::open_file(directory, name).map(std::fs::File::from);
    let (one, other) = (open(one, one_name)?, open(other, other_name)?);
    let (first, second) = (dir::meta(&one)?, dir::meta(&other)?);
    if (first.dev, first.inode) == (second.dev, second.inode) {
        return Ok(true);
    }
    let hash = |file| -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        Ok(hasher.finalize())
    };
    Ok(first.len == second.len && hash(one)? == hash(other)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    fn both(hook: &Hook) -> (tempfile::TempDir, io::Result<()>) {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("a.sh");
        std::fs::write(&source, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o751)).unwrap();
        let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_700_000_000, 123_456_789);
        std::fs::File::options().write(true).open(&source).unwrap().set_modified(old).unwrap();
        let fd = std::fs::File::open(dir.path()).unwrap();
        let done = duplicate(hook, (fd.as_fd(), c"a.sh"), (fd.as_fd(), c"b.sh"), fd.as_fd());
        (dir, done)
    }

    #[test]
    fn a_file_gets_a_second_name() {
        let (dir, done) = both(&Hook::default());
        done.unwrap();
        let inode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().ino();
        assert_eq!(inode("a.sh"), inode("b.sh"));
    }

    #[test]
    fn where_no_second_name_is_to_be_had_a_copy_is_as_good() {
        for code in [Errno::XDEV, Errno::MLINK, Errno::PERM] {
            let first = std::sync::atomic::AtomicBool::new(true);
            let (dir, done) = both(&Hook::new(move |act| {
                let this = act == Act::Link && first.swap(false, std::sync::atomic::Ordering::SeqCst);
                if this { Err(code.into()) } else { Ok(()) }
            }));
            done.unwrap();
            let meta = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap();
            let (a, b) = (meta("a.sh"), meta("b.sh"));
            assert_ne!(a.ino(), b.ino());
            assert_eq!((a.mode(), a.mtime(), a.mtime_nsec()), (b.mode(), b.mtime(), b.mtime_nsec()), "{code:?}");
            assert_eq!(std::fs::read(dir.path().join("b.sh")).unwrap(), b"#!/bin/sh\n");
            assert!(!dir.path().join("copy.new").exists());
        }
    }

    #[test]
    fn any_other_failure_is_no_reason_to_copy() {
        for code in [Errno::ACCESS, Errno::NOSPC, Errno::IO] {
            let (dir, done) = both(&Hook::new(move |act| if act == Act::Link { Err(code.into()) } else { Ok(()) }));
            assert!(done.is_err() && !dir.path().join("b.sh").exists(), "{code:?}");
        }
    }

    #[test]
    fn a_link_and_a_taken_place_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("outside"), "canary").unwrap();
        std::os::unix::fs::symlink("outside", dir.path().join("link")).unwrap();
        std::fs::write(dir.path().join("taken"), "newcomer").unwrap();
        let fd = std::fs::File::open(dir.path()).unwrap();
        let from = |name| (fd.as_fd(), name);
        let kind = |done: io::Result<()>| done.unwrap_err().kind();
        let hook = Hook::default();
        let linked = duplicate(&hook, from(c"link"), from(c"b"), fd.as_fd());
        assert_eq!(kind(linked), io::ErrorKind::InvalidInput);
        let taken = duplicate(&hook, from(c"outside"), from(c"taken"), fd.as_fd());
        assert_eq!(kind(taken), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(dir.path().join("taken")).unwrap(), b"newcomer");
    }
}
