//! A thing that went wrong with one entry while the rest went on.

use std::fmt;
use std::path::PathBuf;

/// One entry that could not be read or judged. A walk goes on past it; the report shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The entry.
    pub path: PathBuf,
    /// What was attempted, as in "open the directory".
    pub act: &'static str,
    /// Why it did not work.
    pub cause: String,
}

impl Problem {
    /// A problem with the entry at `path`.
    pub fn new(path: impl Into<PathBuf>, act: &'static str, cause: impl fmt::Display) -> Self {
        Self { path: path.into(), act, cause: cause.to_string() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`: {}", self.act, self.path.display(), self.cause)
    }
}
