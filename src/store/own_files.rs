//! Our own files beside the runner's: made private, replaced by rename. No file of the runner passes through here.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Makes an empty file that only its owner can read, in place of whatever file is there.
///
/// # Errors
/// The system's.
pub fn make_private(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(no_follow()).open(path)
}

/// Puts a finished file in its place; what a database left beside the old one goes, since it belongs to that.
///
/// # Errors
/// The system's; a database whose log was not folded back into it is none that is finished.
pub fn put_in_place(aside: &Path, path: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(beside(aside, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(io::Error::other("its log holds what the file does not"));
    }
    File::open(aside)?.sync_all()?;
    for suffix in ["-wal", "-shm", "-journal"] {
        remove_if_there(&beside(path, suffix))?;
    }
    std::fs::rename(aside, path)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        remove_if_there(&beside(aside, suffix))?;
    }
    sync_parent(path)
}

/// Sets a damaged file aside, with whatever lies beside it, and says where it is.
///
/// # Errors
/// The system's.
pub fn set_aside(path: &Path, stamp: i64) -> io::Result<PathBuf> {
    let kept = beside(path, &format!(".damaged-{stamp}"));
    std::fs::rename(path, &kept)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        remove_if_there(&beside(path, suffix))?;
    }
    Ok(kept)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Random bytes from the system, as hex: for ids that must not collide.
///
/// # Errors
/// The system's.
pub fn random_hex(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0_u8; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().map(|b| format!("{b:02x}")).collect())
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
