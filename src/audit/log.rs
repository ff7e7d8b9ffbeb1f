//! The files of the log: appended to, and renamed when they are large.

use super::{Event, Head, Line};
use crate::model::{Timestamp, rfc3339};
use crate::store::change::{self, Act, Hook};
use crate::store::dir::{self, Listing};
use crate::store::lock::StoreLock;
use rustix::fd::{AsFd as _, BorrowedFd};
use std::ffi::CStr;
use std::io;

/// The file that is appended to.
pub(super) const CURRENT: &CStr = c"audit.jsonl";

/// From this size on another file begins: large enough for years of pins and cleans, small enough to be opened in an
/// editor, sent by mail, or read back in a fraction of a second.
pub const ROTATE_AT: u64 = 16 * 1024 * 1024;

/// The log of a store, in its open directory.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// Asked before each change.
    pub hook: &'a Hook,
    /// Our directory in the store.
    pub directory: BorrowedFd<'a>,
    /// From this size on another file begins.
    pub limit: u64,
}

impl Log<'_> {
    /// Appends a line, durably.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn append(&self, head: &Head, event: &Event) -> io::Result<()> {
        let bytes = Line::bytes(head, event).map_err(io::Error::other)?;
        change::append_line(self.hook, self.directory, CURRENT, &bytes)
    }

    /// Begins another file when the current one is large: only whoever holds the store's lock may, so that nobody else
    /// renames at the same moment. Says what the large one is called now.
    ///
    /// # Errors
    /// The system's; then the current file stays.
    pub fn rotate(&self, _lock: &StoreLock, now: Timestamp) -> io::Result<Option<String>> {
        match dir::meta_at(self.directory, CURRENT) {
            Ok(meta) if meta.kind == rustix::fs::FileType::RegularFile && meta.len >= self.limit => {}
            Ok(_) | Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let last = rotated(self.directory)?.into_iter().next_back().map(|(name, _)| name);
        let instant = rfc3339(now).unwrap_or_default().replace(['-', ':'], "");
        let mut name = match last {
            // A clock that went back must not give a name that sorts before those that are there.
            Some(last) if last.instant >= instant => FileName { number: last.number + 1, ..last },
            _ => FileName { instant, number: 1 },
        };
        loop {
            let text = name.to_string();
            let new = dir::c_name(text.as_bytes())?;
            match change::rename(self.hook, Act::Rotate, self.directory, CURRENT, self.directory, &new) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => name.number += 1,
                Err(error) => return Err(error),
                Ok(()) => {
                    change::sync(self.hook, self.directory)?;
                    return Ok(Some(text));
                }
            }
        }
    }
}

/// Whether the last line was torn: a crash came while it was written.
///
/// # Errors
/// The system's.
pub fn is_torn(directory: BorrowedFd<'_>) -> io::Result<bool> {
    let file = match dir::open_file(directory, CURRENT) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let length = dir::meta(&file)?.len;
    let mut last = [b'\n'];
    if length > 0 {
        rustix::io::pread(&file, last.as_mut_slice(), length - 1)?;
    }
    Ok(last != [b'\n'])
}

/// Ends a last line that was torn. What it told is lost, and what follows can be read.
///
/// # Errors
/// The system's.
pub fn end_torn_line(hook: &Hook, directory: BorrowedFd<'_>) -> io::Result<()> {
    // Whoever appends closes such a line first; what is appended here is nothing.
    if is_torn(directory)? { change::append_line(hook, directory, CURRENT, b"") } else { Ok(()) }
}

/// The name of a file that is appended to no more: `audit-<instant>[-<number>].jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileName {
    instant: String,
    number: u32,
}

impl FileName {
    fn parse(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let middle = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
        let (instant, number) = match middle.split_once('-') {
            Some((instant, number)) => (instant, number.parse().ok().filter(|n| *n > 1)?),
            None => (middle, 1),
        };
        let named = instant.bytes().all(|b| b.is_ascii_digit() || b == b'T' || b == b'Z');
        (named && !instant.is_empty()).then(|| Self { instant: instant.to_owned(), number })
    }
}

impl std::fmt::Display for FileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            1 => write!(f, "audit-{}.jsonl", self.instant),
            number => write!(f, "audit-{}-{number}.jsonl", self.instant),
        }
    }
}

/// The files that are appended to no more with their inodes, in the order in which they were written.
pub(super) fn rotated(directory: BorrowedFd<'_>) -> io::Result<Vec<(FileName, u64)>> {
    let mut listing = Listing::default();
    // Of its own: a listing moves the position of the descriptor.
    let own = dir::open_dir(directory, c".")?;
    let (mark, _) = listing.push(own.as_fd())?;
    let named = |entry: &dir::Entry| Some((FileName::parse(listing.name(*entry))?, entry.inode));
    let mut found: Vec<(FileName, u64)> = listing.entries(mark).iter().filter_map(named).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_they_were_given() {
        let parse = |name: &str| FileName::parse(name.as_bytes());
        let mut names: Vec<_> = ["audit-20250101T000000Z-10.jsonl", "audit-20250101T000000Z.jsonl"]
            .into_iter()
            .chain(["audit-20250101T000000Z-2.jsonl", "audit-20241231T235959Z.jsonl"])
            .map(|name| parse(name).unwrap())
            .collect();
        names.sort();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(names[0], "audit-20241231T235959Z.jsonl");
        assert_eq!(&names[1..3], ["audit-20250101T000000Z.jsonl", "audit-20250101T000000Z-2.jsonl"]);
        for strange in
            ["audit.jsonl", "audit-.jsonl", "audit-x.jsonl", "audit-2025-1.jsonl", "audit-20250101T000000Z.gz"]
        {
            assert_eq!(parse(strange), None, "{strange}");
        }
    }
}
