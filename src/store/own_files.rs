//! Our own files beside the runner's: made private, replaced by rename. No file of the runner passes through here.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
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

/// How the name of a private directory begins.
const SCRATCH: &str = "otto-check-";
/// No work with private copies takes a day.
const ABANDONED_AFTER_SECONDS: i64 = 86_400;

/// A private directory outside the store, for copies that nobody needs afterwards: it goes with this value.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in a directory for temporary files.
    ///
    /// # Errors
    /// The system's.
    pub fn new(temporary: &Path) -> io::Result<Self> {
        let path = temporary.join(format!("{SCRATCH}{}", random_hex(8)?));
        DirBuilder::new().mode(0o700).create(&path)?;
        let made = std::fs::symlink_metadata(&path)?;
        let abandoned = |entry: &std::fs::DirEntry| {
            let ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
            ours && entry.metadata().is_ok_and(|meta| {
                meta.is_dir() && meta.uid() == made.uid() && made.mtime() - meta.mtime() > ABANDONED_AFTER_SECONDS
            })
        };
        // A process that was killed leaves its own behind.
        for entry in std::fs::read_dir(temporary).into_iter().flatten().flatten().filter(abandoned) {
            drop(Self(entry.path()));
        }
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Copies a database to a name in here, with its write-ahead log, in a state that it really had: looked at before and
    /// after, up to three times. `Ok(None)`: there is none.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::ResourceBusy`] when it changed each time.
    pub fn copy_database(&self, from: &Path, name: &str) -> io::Result<Option<PathBuf>> {
        const ATTEMPTS: u32 = 3;
        let to = self.0.join(name);
        for _ in 0..ATTEMPTS {
            let before = super::runner_db::stamp(from).map_err(io::Error::other)?;
            let Some(before) = before else { return Ok(None) };
            remove_if_there(&beside(&to, "-wal"))?;
            io::copy(&mut File::open(from)?, &mut make_private(&to)?)?;
            match File::open(beside(from, "-wal")) {
                Ok(mut log) => drop(io::copy(&mut log, &mut make_private(&beside(&to, "-wal"))?)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            if super::runner_db::stamp(from).map_err(io::Error::other)? == Some(before) {
                return Ok(Some(to));
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "it changed while it was copied"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Files of ours alone, and one level of directories that hold such. What cannot be removed is left to the system.
        let empty = |dir: &Path| {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let _ = std::fs::remove_file(entry.path());
            }
        };
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                empty(&entry.path());
                let _ = std::fs::remove_dir(entry.path());
            }
        }
        empty(&self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
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
