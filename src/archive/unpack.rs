//! Unpacking into a directory of ours, from which nothing leads out: every step is relative to an open directory, makes
//! something where nothing is, and follows no link.
//!
//! A run lies at `r<n>`, a cache entry at `c<n>`, by their places in the manifest. Directories get their rights and times
//! when all is in them.

use super::error::{Error, io_error};
use super::manifest::{ArchivedRun, Item, Kind, Member, bytes};
use super::read::Sink;
use super::survey::open_above;
use crate::store::change::{self, Hook};
use crate::store::dir;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// What is read and written at once; a hole is as long or longer.
const BLOCK: usize = 4096;

/// The name of an unpacked run.
pub(super) fn run_name(at: usize) -> io::Result<CString> {
    Ok(dir::c_name(format!("r{at}").as_bytes())?)
}

/// The name of an unpacked cache entry.
pub(super) fn entry_name(at: usize) -> io::Result<CString> {
    Ok(dir::c_name(format!("c{at}").as_bytes())?)
}

/// Unpacks what is wanted.
pub(super) struct Unpacker<'u> {
    pub(super) hook: &'u Hook,
    /// The directory that is filled.
    pub(super) into: BorrowedFd<'u>,
    /// Where that is, for errors.
    pub(super) path: PathBuf,
    /// Which runs are wanted, by their places.
    pub(super) runs: &'u [bool],
    /// The run that is being filled: its place, its directory, and the directories in it.
    pub(super) open: Option<(usize, OwnedFd, Vec<Member>)>,
}

impl Sink for Unpacker<'_> {
    fn take(&mut self, item: &Item<'_>, content: &mut dyn Read) -> Result<(), Error> {
        let unpacked = match item {
            Item::Entry(at, entry) => entry_name(*at).and_then(|name| {
                let file = change::new_file(self.hook, self.into, &name)?;
                write(self.hook, &file, content, entry.size_bytes, false)?;
                change::dress(self.hook, &file, entry.mode, entry.mtime_ns)
            }),
            Item::OfRun(at, _, _) if !self.runs[*at] => Ok(()),
            Item::OfRun(at, run, member) => self.of_run(*at, run, member, content),
        };
        unpacked.map_err(io_error("unpack into", &self.path))
    }
}

impl Unpacker<'_> {
    /// Ends the last run.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        self.close().map_err(io_error("unpack into", &self.path))
    }

    fn of_run(&mut self, at: usize, _: &ArchivedRun, member: &Member, content: &mut dyn Read) -> io::Result<()> {
        let path = bytes(&member.path);
        if path.is_empty() {
            self.close()?;
            let fd = change::new_dir(self.hook, self.into, &run_name(at)?)?;
            self.open = Some((at, fd, vec![member.clone()]));
            return Ok(());
        }
        let Some((_, run, directories)) = &mut self.open else { return Err(io::ErrorKind::InvalidData.into()) };
        let (above, name) = open_above(run.as_fd(), &path)?;
        let (above, hook) = (above.as_fd(), self.hook);
        match &member.kind {
            Kind::Directory => {
                change::new_dir(hook, above, &name)?;
                directories.push(member.clone());
                Ok(())
            }
            Kind::File { size_bytes, sparse, .. } => {
                let file = change::new_file(hook, above, &name)?;
                write(hook, &file, content, *size_bytes, *sparse)?;
                change::dress(hook, &file, member.mode, member.mtime_ns)
            }
            Kind::HardLink { to } => {
                let (first_above, first) = open_above(run.as_fd(), &bytes(to))?;
                change::second_name(hook, (first_above.as_fd(), &first), (above, &name))
            }
            Kind::Link { to } => {
                change::new_link(hook, above, &name, &dir::c_name(&bytes(to))?)?;
                change::date_link(hook, above, &name, member.mtime_ns)
            }
        }
    }

    /// Gives the directories of the run that was filled their rights and times, the innermost first.
    fn close(&mut self) -> io::Result<()> {
        let Some((_, run, directories)) = self.open.take() else { return Ok(()) };
        for directory in directories.iter().rev() {
            let path = bytes(&directory.path);
            let fd = if path.is_empty() {
                dir::open_dir(run.as_fd(), c".")?
            } else {
                let (above, name) = open_above(run.as_fd(), &path)?;
                dir::open_dir(above.as_fd(), &name)?
            };
            change::dress(self.hook, &fd, directory.mode, directory.mtime_ns)?;
        }
        Ok(())
    }
}

/// Writes a content; where the file was sparse, stretches of zeros become holes.
fn write(hook: &Hook, mut file: &File, content: &mut dyn Read, length: u64, sparse: bool) -> io::Result<()> {
    if !sparse {
        return io::copy(content, &mut file).map(|_| ());
    }
    let mut block = [0_u8; BLOCK];
    loop {
        let mut filled = 0;
        while filled < BLOCK {
            match content.read(&mut block[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        if filled == 0 {
            break;
        }
        if block[..filled].iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(i64::try_from(filled).unwrap_or(0)))?;
        } else {
            file.write_all(&block[..filled])?;
        }
    }
    change::stretch(hook, file, length)
}
