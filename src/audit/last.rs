//! The instant of the last line, without reading the others: a catalog that is made anew knows by it what time it was.

use super::line::Head;
use super::log::{CURRENT, rotated};
use super::{LONGEST_LINE, SCHEMA};
use crate::model::Timestamp;
use crate::store::dir;
use rustix::fd::BorrowedFd;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

/// When the operation of the log's last line began; `None` where no line can be read.
pub fn last_instant(directory: BorrowedFd<'_>) -> Option<Timestamp> {
    let names = rotated(directory).unwrap_or_default();
    let names = names.into_iter().rev().filter_map(|(name, _)| dir::c_name(name.to_string().as_bytes()).ok());
    std::iter::once(CURRENT.to_owned()).chain(names).find_map(|name| last_in(directory, &name).ok().flatten())
}

fn last_in(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<Option<Timestamp>> {
    let mut file = File::from(dir::open_file(directory, name)?);
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_LINE as u64)))?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE as u64).read_to_end(&mut tail)?;
    let instant = |line: &[u8]| {
        let head: Head = serde_json::from_slice(line).ok()?;
        (head.schema == SCHEMA && head.timestamp > 0).then_some(head.timestamp)
    };
    Ok(tail.split(|b| *b == b'\n').rev().find_map(instant))
}
