//! What can go wrong with the catalog, told apart by what the caller can do about it.

use std::path::PathBuf;

/// An error of the catalog. All but [`Error::Newer`] and [`Error::Locked`] can be cured by rebuilding it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no catalog at that path.
    #[error("there is no catalog at `{0}`")]
    Missing(PathBuf),
    /// The file is no database, or a damaged one, or was never finished.
    #[error("the catalog at `{path}` is damaged: {cause}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite or the schema check says.
        cause: String,
    },
    /// A later version of this program wrote it.
    #[error("the catalog at `{path}` has schema {found}, and this otto knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Another program keeps it locked.
    #[error("the catalog at `{0}` is locked by another program")]
    Locked(PathBuf),
    /// It cannot be written.
    #[error("the catalog at `{0}` cannot be written")]
    ReadOnly(PathBuf),
    /// The disk is full.
    #[error("the disk is full: cannot write the catalog at `{0}`")]
    Full(PathBuf),
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A migration could not be applied.
    #[error("cannot bring the catalog at `{path}` to the current schema")]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<refinery::Error>,
    },
    /// A query failed for a reason of its own.
    #[error("cannot {act} in the catalog at `{path}`")]
    Query {
        /// What was attempted.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A row holds what no version of this program writes.
    #[error("the catalog holds {what} `{value}`, which means nothing")]
    Unreadable {
        /// The kind of value.
        what: &'static str,
        /// The value.
        value: String,
    },
}

impl Error {
    /// Whether setting the catalog aside and building it anew cures this.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Migration { .. } | Self::Unreadable { .. } => true,
            Self::Query { source, .. } => is_corruption(source),
            _ => false,
        }
    }

    /// Tells an SQLite error apart.
    pub(super) fn of(act: &'static str, path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let path = path.to_owned();
        // The statement and the place in it are ours, and nothing to the user.
        if let rusqlite::Error::SqlInputError { msg, .. } = &source {
            return Self::Damaged { path, cause: msg.clone() };
        }
        // On a full disk SQLite cannot grow its shared memory or its log, and says so by the operation that failed.
        const NO_ROOM: [i32; 4] = [
            rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
            rusqlite::ffi::SQLITE_IOERR_SHMOPEN,
            rusqlite::ffi::SQLITE_IOERR_SHMMAP,
            rusqlite::ffi::SQLITE_IOERR_WRITE,
        ];
        if source.sqlite_error().is_some_and(|error| NO_ROOM.contains(&error.extended_code)) {
            return Self::Full(path);
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path, cause: source.to_string() }
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::ReadOnly(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            _ => Self::Query { act, path, source },
        }
    }
}

fn is_corruption(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    match error {
        Sql::InvalidColumnType(..) | Sql::FromSqlConversionFailure(..) | Sql::IntegralValueOutOfRange(..) => true,
        // A row that every catalog has is not there.
        Sql::QueryReturnedNoRows => true,
        // A table or column that is not there although the version says so.
        Sql::SqliteFailure(code, Some(text)) => {
            code.code == rusqlite::ErrorCode::Unknown && (text.contains("no such") || text.contains("malformed"))
        }
        Sql::SqlInputError { .. } => true,
        _ => false,
    }
}

/// The catalog's result.
pub type Result<T> = std::result::Result<T, Error>;
