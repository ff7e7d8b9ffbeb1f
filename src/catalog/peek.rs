//! A look at the catalog by whoever completes a word on a command line: it never waits, never migrates and cannot write.

use super::error::{Error, Result};
use super::open::{Catalog, Kind};
use rusqlite::{Connection, OpenFlags, named_params};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// Somebody who writes is done with it in less; nobody waits longer for a word to be completed.
const BUSY: Duration = Duration::from_millis(20);

impl Catalog {
    /// Opens the catalog at `path` as it is, read-only. What this program does not know in it, or it does not have yet, is
    /// an error of the question that asks for it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Locked`] and whatever keeps it from being read.
    pub fn peek(path: &Path) -> Result<Self> {
        let inode = match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.is_file() => meta.ino(),
            _ => return Err(Error::Missing(path.to_owned())),
        };
        let sql = |act| move |source| Error::of(act, path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sql("open"))?;
        connection.busy_timeout(BUSY).map_err(sql("configure"))?;
        connection.execute_batch("PRAGMA query_only = ON").map_err(sql("configure"))?;
        Ok(Self { connection, path: path.to_owned(), kind: Kind::File(inode) })
    }

    /// The tags that runs have, in order; at most `limit`.
    ///
    /// # Errors
    /// The catalog's.
    pub fn tag_names(&self, limit: u64) -> Result<Vec<String>> {
        let act = "list tags";
        let mut statement = self
            .connection
            .prepare_cached("SELECT DISTINCT tag FROM tags ORDER BY tag LIMIT :limit")
            .map_err(self.error(act))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found =
            statement.query_map(named_params! {":limit": limit}, |row| row.get("tag")).map_err(self.error(act))?;
        found.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }
}
