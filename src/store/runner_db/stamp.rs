//! What tells whether the database changed: inode, size and mtime of the file and of its write-ahead log.
//!
//! A WAL-mode commit leaves the database file alone and appends to the log; a checkpoint rewrites the database; a log that
//! starts over keeps its size and gets a new mtime. The two files together show each of these. The change time is left out
//! on purpose: hard-linking the database to read it moves the change time, and our own reading must not look like a change.
//!
//! The file named `otto.db` may be a link (the user's doing): it is resolved, and the log lies beside the real file, where
//! SQLite looks for it. A log that is empty says nothing and counts as absent.

use super::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The state of the database's files at one moment. Equal stamps: nothing was written in between.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    database: FileStamp,
    log: Option<FileStamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileStamp {
    inode: u64,
    size: u64,
    mtime_ns: i128,
}

impl Stamp {
    /// Whether there is a write-ahead log with something in it.
    pub(super) fn has_log(&self) -> bool {
        self.log.is_some()
    }
}

/// The stamp of the database at `db`, or `None` when there is none.
///
/// # Errors
/// [`Error::NotAFile`] when something else has that name, [`Error::Io`] when it cannot be looked at.
pub fn stamp(db: &Path) -> Result<Option<Stamp>, Error> {
    match resolve(db)? {
        Some(real) => of_files(&real),
        None => Ok(None),
    }
}

/// The real path of the database, `None` when there is none. A link that leads nowhere is no database yet: the runner would
/// create its target.
pub(super) fn resolve(db: &Path) -> Result<Option<PathBuf>, Error> {
    match fs::canonicalize(db) {
        Ok(real) => Ok(Some(real)),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { act: "resolve", path: db.into(), source }),
    }
}

/// Whether the file of that resolved path is another than the one that lies under the name by which it was asked for.
pub(super) fn is_behind_link(db: &Path, real: &Path) -> bool {
    let parent = db.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let lies = fs::canonicalize(parent).ok().zip(db.file_name()).map(|(parent, name)| parent.join(name));
    lies.as_deref() != Some(real)
}

/// The stamp of a database whose path is resolved.
pub(super) fn of_files(real: &Path) -> Result<Option<Stamp>, Error> {
    let Some(database) = of_file(real)? else { return Ok(None) };
    let log = of_file(&log_path(real))?.filter(|log| log.size > 0);
    Ok(Some(Stamp { database, log }))
}

/// The write-ahead log of a database.
pub(super) fn log_path(real: &Path) -> PathBuf {
    let mut name = OsString::from(real);
    name.push("-wal");
    name.into()
}

fn of_file(path: &Path) -> Result<Option<FileStamp>, Error> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => Ok(Some(FileStamp {
            inode: meta.ino(),
            size: meta.len(),
            mtime_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
        })),
        Ok(_) => Err(Error::NotAFile(path.into())),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { act: "look at", path: path.into(), source }),
    }
}

/// A text that is no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a stamp of the runner's database")]
pub struct NotAStamp;

impl fmt::Display for Stamp {
    /// `inode:size:mtime`, and after a `;` the same of the log. Reads back by [`FromStr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, log } = self;
        write!(f, "{}:{}:{}", database.inode, database.size, database.mtime_ns)?;
        match log {
            Some(log) => write!(f, ";{}:{}:{}", log.inode, log.size, log.mtime_ns),
            None => Ok(()),
        }
    }
}

impl FromStr for Stamp {
    type Err = NotAStamp;

    fn from_str(text: &str) -> Result<Self, NotAStamp> {
        let (database, log) = match text.split_once(';') {
            Some((database, log)) => (database, Some(log)),
            None => (text, None),
        };
        Ok(Self { database: database.parse()?, log: log.map(str::parse).transpose()? })
    }
}

impl FromStr for FileStamp {
    type Err = NotAStamp;

    fn from_str(text: &str) -> Result<Self, NotAStamp> {
        let mut parts = text.split(':');
        let (Some(inode), Some(size), Some(mtime), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAStamp);
        };
        Ok(Self {
            inode: inode.parse().map_err(|_| NotAStamp)?,
            size: size.parse().map_err(|_| NotAStamp)?,
            mtime_ns: mtime.parse().map_err(|_| NotAStamp)?,
        })
    }
}
