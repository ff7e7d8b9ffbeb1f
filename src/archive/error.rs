//! Why an archive is not written, or not read.

use crate::store::outside::OutsideError;
use crate::{catalog, session};
use std::io;
use std::path::PathBuf;

/// Why an archive is not written, or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file's name does not end as an archive's.
    #[error("`{0}` does not end in .tar.zst or .tar.gz")]
    Ending(PathBuf),
    /// The file is something else.
    #[error("`{path}` is no archive of otto: {why}")]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What shows it.
        why: String,
    },
    /// A later version wrote it.
    #[error("`{path}` has the schema `{schema}`, which this otto does not know")]
    Newer {
        /// The file.
        path: PathBuf,
        /// What it says.
        schema: String,
    },
    /// The file is not as it was written.
    #[error("`{path}` is damaged or was tampered with: {why}")]
    Tampered {
        /// The file.
        path: PathBuf,
        /// What shows it.
        why: String,
    },
    /// The archive holds more than may be unpacked.
    #[error("`{path}` holds {bytes} bytes, more than the {allowed} that may be unpacked")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it holds.
        bytes: u64,
        /// What may be.
        allowed: u64,
    },
    /// The archive would hold more than one may.
    #[error(
        "the runs are too large for one archive: with their scripts they have {bytes} bytes, more than the {allowed} that it may hold"
    )]
    TooMuch {
        /// What it would hold.
        bytes: u64,
        /// What it may.
        allowed: u64,
    },
    /// The manifest would be larger than one that is read.
    #[error("the runs are too many for one archive: their manifest has {0} bytes")]
    TooMany(u64),
    /// The user stopped it.
    #[error("interrupted: nothing was changed")]
    Interrupted,
    /// A file that the user named.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// The store.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The thing.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What an io error becomes.
pub(super) fn io_error(act: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { act, path, source }
}
