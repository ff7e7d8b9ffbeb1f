//! Opening the database without a trace and without a lock.
//!
//! Without a log the file is all there is, and `immutable=1` makes SQLite read it as it lies: no lock, no `-shm`, no `-wal`.
//!
//! With a log that would miss the newest rows (after a killed first run: all of them), and a plain read-only connection
//! would create files beside the database. So a private directory gets a hard link of the database and a copy of the log,
//! and SQLite works there. The copy is a few megabytes at most in the runner's hands: it checkpoints every 1000 pages. Where no
//! hard link can be made (another device, another owner, a file system without links), the database is copied too; and so it is
//! where `otto.db` is a link, since the file it leads to is somebody else's, and one more name for a moment would show in it.
//!
//! A hard link is the same inode, so a POSIX lock on it would be a lock on the runner's database: while we hold a shared
//! one, the runner's last connection cannot take the exclusive lock that it needs to fold the log back, and leaves it behind. The
//! SQLite VFS `unix-none` takes no locks; with `locking_mode=EXCLUSIVE` the index of the log lives in memory, so no `-shm` is
//! needed either. (`nolock=1` looks like the same thing and is not: it turns the log off.) What a lock would have given, an
//! unchanging picture, the stamps before and after give. The connection is read-only and never checkpoints, so the linked
//! database cannot be written even by mistake.
//!
//! The private directory is removed on drop. A process that is killed leaves its own behind: one that is an hour older than
//! ours by the file system's own clock belongs to nobody and is removed on the way.

use super::{Error, stamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How a private directory's name begins; process id and a number follow.
const PRIVATE_PREFIX: &str = "runner-db-";

/// A reading takes seconds; what is this much older than a directory made just now was left by a process that was killed.
const ABANDONED_AFTER_SECONDS: i64 = 3600;

/// How the database comes into a private directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taking {
    /// By one more name, where that can be.
    Link,
    /// By its content.
    Copy,
}

/// A connection, and the private directory it works in, which goes after it.
pub(super) struct Opened {
    pub(super) connection: Connection,
    _private: Option<PrivateDir>,
}

/// Opens the database at a resolved path.
pub(super) fn open(real: &Path, has_log: bool, taking: Taking, scratch: &Path) -> Result<Opened, Error> {
    let sql = |act| move |source| Error::Sql { act, path: real.into(), source };
    let (connection, private) = if has_log {
        let private = PrivateDir::with_database(real, taking, scratch)?;
        let connection = connect(&private.database(), "vfs=unix-none").map_err(sql("open"))?;
        connection
            .query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))
            .and_then(|()| connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true))
            .map_err(sql("prepare"))?;
        (connection, Some(private))
    } else {
        (connect(real, "immutable=1").map_err(sql("open"))?, None)
    };
    harden(&connection).map_err(sql("prepare"))?;
    Ok(Opened { connection, _private: private })
}

fn connect(path: &Path, parameter: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(uri(path, parameter), flags)
}

/// The file is somebody else's data: what its schema says is not run as if it were ours, and a file cut short while mapped
/// must be an error and not a SIGBUS.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA query_only = ON;")
}

/// A `file:` URI of an absolute path. Every byte that could mean something in a URI is percent-encoded, and so is every byte
/// that is not ASCII: SQLite decodes to bytes, so a path that is not UTF-8 survives.
pub(super) fn uri(path: &Path, parameter: &str) -> String {
    let bytes = path.as_os_str().as_bytes();
    let mut uri = String::with_capacity(bytes.len() + 48);
    uri.push_str("file://");
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?mode=ro&");
    uri.push_str(parameter);
    uri
}

/// A directory of ours that holds a hard link (or copy) of the database and a copy of its log.
pub(super) struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    pub(super) fn with_database(real: &Path, taking: Taking, scratch: &Path) -> Result<Self, Error> {
        let private = Self::create(scratch)?;
        let database = private.database();
        // The file system's reasons for refusing a link are many (EXDEV, EPERM, EMLINK, ENOTSUP ...); a copy answers them
        // all, and an error that concerns the database itself comes up again there.
        if taking == Taking::Copy || fs::hard_link(real, &database).is_err() {
            copy(real, &database)?;
        }
        copy(&stamp::log_path(real), &stamp::log_path(&database))?;
        Ok(private)
    }

    fn create(scratch: &Path) -> Result<Self, Error> {
        let error = |source| Error::Io { act: "make a private directory in", path: scratch.into(), source };
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match builder.create(scratch) {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => return Err(error(cause)),
            _ => {}
        }
        let pid = std::process::id();
        let mut number = 0_u32;
        let private = loop {
            let path = scratch.join(format!("{PRIVATE_PREFIX}{pid}-{number}"));
            match builder.create(&path) {
                Ok(()) => break Self { path },
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists && number < 10_000 => number += 1,
                Err(cause) => return Err(error(cause)),
            }
        };
        private.remove_abandoned(scratch);
        Ok(private)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join("otto.db")
    }

    /// Best effort: what cannot be removed now is in nobody's way, and the next reading tries again.
    fn remove_abandoned(&self, scratch: &Path) {
        let (Ok(ours), Ok(entries)) = (fs::symlink_metadata(&self.path), fs::read_dir(scratch)) else { return };
        for entry in entries.flatten() {
            let abandoned = entry.file_name().as_bytes().starts_with(PRIVATE_PREFIX.as_bytes())
                && entry.metadata().is_ok_and(|meta| {
                    meta.is_dir() && meta.mtime().saturating_add(ABANDONED_AFTER_SECONDS) < ours.mtime()
                });
            if abandoned {
                remove_private(&entry.path());
            }
        }
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        remove_private(&self.path);
    }
}

/// Removes the files that can be in a private directory by name, and the directory if that left it empty. Unlinking our
/// hard link leaves the runner's file as it is. Nothing is removed by walking: no link can lead elsewhere.
fn remove_private(path: &Path) {
    for name in ["otto.db", "otto.db-wal", "otto.db-shm"] {
        // Most are not there, and a directory that stays is swept by a later reading.
        let _ = fs::remove_file(path.join(name));
    }
    let _ = fs::remove_dir(path);
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let error = |act, path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Io { act, path, source }
    };
    // Without NONBLOCK, opening a FIFO waits for a writer that may never come.
    let careful = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut source: File =
        OpenOptions::new().read(true).custom_flags(careful).open(from).map_err(error("open", from))?;
    if !source.metadata().map_err(error("look at", from))?.is_file() {
        return Err(Error::NotAFile(from.into()));
    }
    let mut target =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(error("create", to))?;
    io::copy(&mut source, &mut target).map_err(error("copy", from))?;
    Ok(())
}
