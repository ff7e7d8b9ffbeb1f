//! The logs of tasks: which there are, their last lines, and looking for words in many of them at once.
//!
//! A log is bytes: it need not be text, may have lines of any length, and may grow while it is read. So it is read in
//! blocks, a line is held only up to [`LONGEST_LINE`] bytes, and nothing is taken for UTF-8. Files are opened as
//! [`run_files`](crate::store::run_files) does: no link is followed and no FIFO opened.

mod lines;
mod search;

pub use lines::last_lines;
pub use search::{Found, Hit, Target, search};

use crate::store::run_files::RunFiles;
use std::fs::File;
use std::io;

/// The longest line that is held, and looked through, as a whole.
pub const LONGEST_LINE: usize = 256 * 1024;

/// One of a task's two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// `stdout.log`.
    Stdout,
    /// `stderr.log`.
    Stderr,
}

impl Stream {
    /// Both, in the order in which they are shown.
    pub const ALL: &'static [Self] = &[Self::Stdout, Self::Stderr];

    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The name of its file.
    pub const fn file_name(self) -> &'static [u8] {
        match self {
            Self::Stdout => b"stdout.log",
            Self::Stderr => b"stderr.log",
        }
    }
}

/// Opens a log of a task by the task's directory; `None` when there is no such regular file.
///
/// # Errors
/// The system's.
pub fn open(run: &RunFiles, directory: &[u8], stream: Stream) -> io::Result<Option<File>> {
    run.file(directory, stream.file_name())
}
