//! Reading the log: a line at a time, over all files, in the order in which they were written.

use super::LONGEST_LINE;
use super::known::{self, is_cut};
use super::line::Line;
use super::log::{CURRENT, FileName, rotated};
use crate::catalog::LogMark;
use crate::model::Problem;
use crate::store::dir;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};

/// Problems that are kept; the others are counted.
const KEPT_PROBLEMS: usize = 20;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: u32,
    offset: u64,
}

/// Reads the log as it is at this moment.
#[derive(Debug)]
pub struct Reader {
    directory: OwnedFd,
    /// With their inodes.
    files: Vec<(FileName, u64)>,
    current: Option<OwnedFd>,
    open: Option<(u32, BufReader<File>)>,
    next: u32,
    offset: u64,
    line: Vec<u8>,
    problems: Vec<Problem>,
    more_problems: u64,
    failure: Option<Problem>,
    damage: Option<Problem>,
    /// Where the last line ended that was read, or a file began.
    end: Option<Place>,
}

impl Reader {
    /// Opens the log in our directory. Where there is none, there are no lines.
    ///
    /// # Errors
    /// The system's, when the directory cannot be listed or the current file cannot be opened.
    pub fn open(directory: BorrowedFd<'_>) -> io::Result<Self> {
        // The current file is opened before the others are listed: one that is renamed in between is among them then, and
        // all is done again. That takes a log of megabytes each time, so it ends.
        loop {
            let current = match dir::open_file(directory, CURRENT) {
                Ok(file) => Some(file),
                Err(rustix::io::Errno::NOENT) => None,
                Err(error) => return Err(error.into()),
            };
            let files = rotated(directory)?;
            let renamed = match &current {
                Some(file) => {
                    let inode = dir::meta(file)?.inode;
                    files.iter().any(|(_, other)| *other == inode)
                }
                None => dir::meta_at(directory, CURRENT).is_ok(),
            };
            if renamed {
                continue;
            }
            return Ok(Self {
                directory: directory.try_clone_to_owned()?,
                files,
                current,
                open: None,
                next: 0,
                offset: 0,
                line: Vec::new(),
                problems: Vec::new(),
                more_problems: 0,
                failure: None,
                damage: None,
                end: None,
            });
        }
    }

    /// Whether there is anything to read.
    pub fn is_empty(&self) -> bool {
        let length = |file: &OwnedFd| dir::meta(file).map_or(0, |meta| meta.len);
        self.files.is_empty() && self.current.as_ref().is_none_or(|file| length(file) == 0)
    }

    /// The next line, and where it stands; `None` at the end. What is no line is a problem, and skipped.
    pub fn next_line(&mut self) -> Option<(Place, Line)> {
        loop {
            if self.open.is_none() && !self.open_next() {
                return None;
            }
            let (file, reader) = self.open.as_mut()?;
            let place = Place { file: *file, offset: self.offset };
            match read_line(reader, &mut self.line) {
                Ok(Found::End) => self.open = None,
                Ok(Found::TooLong(length)) => {
                    self.offset += length;
                    self.end = Some(Place { offset: self.offset, ..place });
                    self.damaged(place, &format!("a line of {length} bytes is none of ours"));
                }
                Ok(Found::Line { length, ended }) => {
                    self.offset += length;
                    if ended {
                        self.end = Some(Place { offset: self.offset, ..place });
                    }
                    if self.line.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    match Line::parse(&self.line) {
                        Ok(line) => return Some((place, line)),
                        // A line that was cut off by a crash was never promised to anybody.
                        Err(why) if !ended || is_cut(&self.line) => self.problem(place, why),
                        Err(why) => self.damaged(place, &why),
                    }
                }
                Err(error) => {
                    self.open = None;
                    self.failed(place, &error);
                }
            }
        }
    }

    /// The line at a place where one stood.
    pub fn line_at(&mut self, place: Place) -> Option<Line> {
        let at_hand = self.open.as_ref().is_some_and(|(file, _)| *file == place.file);
        if !at_hand {
            self.next = place.file;
            self.open_next().then_some(())?;
        }
        let (_, reader) = self.open.as_mut()?;
        reader.seek(SeekFrom::Start(place.offset)).ok()?;
        match read_line(reader, &mut self.line) {
            Ok(Found::Line { .. }) => Line::parse(&self.line).ok(),
            _ => None,
        }
    }

    /// Why a file could not be read to its end: what is not found here may still be there.
    pub fn failure(&self) -> Option<&Problem> {
        self.failure.as_ref()
    }

    /// What was no line and none that a crash cut off, the first of it: what it told cannot be known.
    pub fn damage(&self) -> Option<&Problem> {
        self.damage.as_ref()
    }

    /// Goes on where a mark says that somebody read to. Whether that place was found: if not, everything is read.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn skip_to(&mut self, mark: &LogMark) -> io::Result<bool> {
        let current = self.current.as_ref().map(|file| dir::meta(file).map(|meta| meta.inode)).transpose()?;
        let inodes = self.files.iter().map(|(_, inode)| *inode).chain(current);
        let Some(at) = inodes.into_iter().position(|inode| inode == mark.inode) else { return Ok(false) };
        self.next = u32::try_from(at).unwrap_or(u32::MAX);
        if !self.open_next() {
            return Ok(false);
        }
        let is_it = match &self.open {
            Some((_, reader)) => known::holds(reader.get_ref(), mark)?,
            None => false,
        };
        match &mut self.open {
            Some((file, reader)) if is_it => {
                reader.seek(SeekFrom::Start(mark.length))?;
                self.offset = mark.length;
                self.end = Some(Place { file: *file, offset: mark.length });
            }
            _ => (self.open, self.next, self.end) = (None, 0, None),
        }
        Ok(is_it)
    }

    /// How far the log was read, once it was read to its end: up to the last line that is whole.
    ///
    /// # Errors
    /// The system's.
    pub fn mark(&self) -> io::Result<LogMark> {
        let Some(end) = self.end else { return Ok(LogMark::default()) };
        match self.file(end.file as usize) {
            Some(file) => known::mark(&File::from(file?), end.offset),
            None => Ok(LogMark::default()),
        }
    }

    /// What was no line, and how much more of the kind there is.
    pub fn problems(&self) -> (&[Problem], u64) {
        (&self.problems, self.more_problems)
    }

    fn open_next(&mut self) -> bool {
        loop {
            let at = self.next as usize;
            let Some(opened) = self.file(at) else { return false };
            self.next += 1;
            self.offset = 0;
            let opened = opened.and_then(|fd| {
                let mut file = File::from(fd);
                file.rewind()?;
                Ok(file)
            });
            match opened {
                Ok(file) => {
                    self.end = Some(Place { file: self.next - 1, offset: 0 });
                    self.open = Some((self.next - 1, BufReader::with_capacity(64 * 1024, file)));
                    return true;
                }
                Err(error) => self.failed(Place { file: self.next - 1, offset: 0 }, &error),
            }
        }
    }

    /// A file of the log, opened.
    fn file(&self, at: usize) -> Option<io::Result<OwnedFd>> {
        match self.files.get(at) {
            Some((name, _)) => Some(
                dir::c_name(name.to_string().as_bytes())
                    .and_then(|name| dir::open_file(self.directory.as_fd(), &name))
                    .map_err(io::Error::from),
            ),
            None if at == self.files.len() => self.current.as_ref().map(OwnedFd::try_clone),
            None => None,
        }
    }

    fn failed(&mut self, place: Place, error: &io::Error) {
        let failure = self.problem_at(place, &error.to_string());
        self.failure.get_or_insert(failure);
    }

    fn damaged(&mut self, place: Place, cause: &str) {
        let damage = self.problem_at(place, cause);
        self.damage.get_or_insert(damage);
        self.problem(place, cause.to_owned());
    }

    fn problem(&mut self, place: Place, cause: String) {
        if self.problems.len() == KEPT_PROBLEMS {
            self.more_problems += 1;
        } else {
            let problem = self.problem_at(place, &cause);
            self.problems.push(problem);
        }
    }

    fn problem_at(&self, place: Place, cause: &str) -> Problem {
        let name = match self.files.get(place.file as usize) {
            Some((name, _)) => name.to_string(),
            None => CURRENT.to_string_lossy().into_owned(),
        };
        let cause = format!("at byte {}: {cause}", place.offset);
        Problem::new(format!(".catalog/{name}"), "read a line of", cause)
    }
}

/// What stands between two line ends, with the length up to the next line.
enum Found {
    Line {
        length: u64,
        /// Whether a line end follows.
        ended: bool,
    },
    TooLong(u64),
    End,
}

/// Reads up to a line end; what is too long is passed over and not kept.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Found> {
    line.clear();
    let mut length = 0_u64;
    loop {
        let available = match reader.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = available.iter().position(|b| *b == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        if line.len() + part.len() <= LONGEST_LINE && length == line.len() as u64 {
            line.extend_from_slice(part);
        }
        length += part.len() as u64;
        let used = part.len() + usize::from(end.is_some());
        let at_end = available.is_empty();
        reader.consume(used);
        if at_end && length == 0 {
            return Ok(Found::End);
        }
        if end.is_some() || at_end {
            let whole = length == line.len() as u64;
            let ended = end.is_some();
            let length = length + u64::from(ended);
            // What was long once need not be held for the rest.
            if line.capacity() > 4 * 1024 * 1024 && !whole {
                *line = Vec::new();
            }
            return Ok(if whole { Found::Line { length, ended } } else { Found::TooLong(length) });
        }
    }
}
