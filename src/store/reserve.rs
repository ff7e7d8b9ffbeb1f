//! A mebibyte of real blocks, given up when a deletion meets a full disk: recording a decision needs a little room.

use super::change::{self, Act, Hook};
use super::dir;
use rustix::fd::BorrowedFd;
use rustix::fs::{Mode, OFlags};
use std::io;

const NAME: &std::ffi::CStr = c"reserve";
const SIZE: usize = 1024 * 1024;

/// Whether the reserve is there, all of it.
pub fn is_there(directory: BorrowedFd<'_>) -> bool {
    dir::meta_at(directory, NAME).is_ok_and(|meta| meta.len >= SIZE as u64)
}

/// Makes the reserve unless it is there. Without room for it there is none: no error.
pub fn ensure(hook: &Hook, directory: BorrowedFd<'_>) {
    use std::io::Write as _;
    if is_there(directory) || hook.before(Act::WriteFile).is_err() {
        return;
    }
    // Made anew: what is there may be a pipe, which would hold us, or another name of somebody's file.
    let _ = give_up(hook, directory);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(fd) = rustix::fs::openat(directory, NAME, flags, Mode::RUSR | Mode::WUSR) else { return };
    let mut file = std::fs::File::from(fd);
    // Written, not only extended: a sparse file would hold nothing back. Not compressible either.
    let noise: Vec<u8> = (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    if file.write_all(&noise).is_err() {
        let _ = give_up(hook, directory);
    }
}

/// Does what needs a little room; on a full disk, gives the reserve up and does it again.
///
/// # Errors
/// Those of `act`.
pub fn with<T>(hook: &Hook, directory: BorrowedFd<'_>, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match act() {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            if give_up(hook, directory).unwrap_or(false) {
                act()
            } else {
                Err(error)
            }
        }
        done => done,
    }
}

/// Gives the reserve up; whether there was one.
///
/// # Errors
/// The system's.
pub fn give_up(hook: &Hook, directory: BorrowedFd<'_>) -> io::Result<bool> {
    if dir::meta_at(directory, NAME).is_err() {
        return Ok(false);
    }
    change::remove_own_file(hook, directory, NAME)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd as _;
    use std::fs;

    #[test]
    fn what_is_in_its_place_is_neither_waited_for_nor_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, reserve) = (dir.path().join("ours"), dir.path().join("ours/reserve"));
        fs::create_dir(&ours).unwrap();
        let canary = dir.path().join("canary");
        fs::write(&canary, "somebody's").unwrap();
        let pipe = || rustix::fs::mkfifoat(rustix::fs::CWD, &reserve, Mode::RUSR | Mode::WUSR).unwrap();
        let other_name = || fs::hard_link(&canary, &reserve).unwrap();
        let link = || std::os::unix::fs::symlink(&canary, &reserve).unwrap();
        let cases: [(&str, &dyn Fn()); 3] = [("a pipe", &pipe), ("another name", &other_name), ("a link", &link)];
        for (what, put) in cases {
            put();
            let open = fs::File::open(&ours).unwrap();
            ensure(&Hook::default(), open.as_fd());
            assert!(is_there(open.as_fd()), "{what}");
            assert_eq!(fs::read(&canary).unwrap(), b"somebody's", "{what}");
            fs::remove_file(&reserve).unwrap();
        }
    }
}
