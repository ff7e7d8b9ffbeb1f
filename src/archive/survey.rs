//! What a run's directory holds, member by member: for the manifest, and for telling whether a run that is there is the
//! one in an archive.

use super::heed::{Heeding, Stop};
use super::manifest::{ATTRIBUTES, FILE_MODE, Kind, LeftOut, Member, PROGRAM_RIGHTS};
use crate::store::dir::{self, Listing, Meta};
use crate::store::run_walk::MAX_DEPTH;
use crate::store::trash::JsonName;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;

/// The names of a file's attributes take no more bytes.
const LONGEST_ATTRIBUTES: usize = 64 * 1024;

/// What a run holds.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) members: Vec<Member>,
    pub(super) left_out: Vec<LeftOut>,
    /// The lengths of its files.
    pub(super) size: u64,
}

/// Why a run cannot be surveyed: a path in it, and what was wrong there.
pub(super) type Unreadable = String;

/// That of a run whose files have more bytes than may be read.
pub(super) const TOO_LARGE: &str = "its files have more bytes than may be read";

/// Surveys an open run directory; no more than `most` bytes are read, and none once it is to stop.
pub(super) fn survey(run: BorrowedFd<'_>, most: u64, stop: Stop<'_>) -> Result<Survey, Unreadable> {
    let meta = dir::meta(run).map_err(|error| unreadable(b"", error.into()))?;
    let mut surveyor = Surveyor {
        found: Survey::default(),
        listing: Listing::default(),
        path: Vec::new(),
        first_names: HashMap::new(),
        dev: meta.dev,
        most,
        stop,
    };
    surveyor.directory(run, &meta, 0)?;
    Ok(surveyor.found)
}

struct Surveyor<'s> {
    found: Survey,
    listing: Listing,
    path: Vec<u8>,
    /// Of files with several names: the first of them that was met.
    first_names: HashMap<u64, Vec<u8>>,
    dev: u64,
    most: u64,
    stop: Stop<'s>,
}

impl Surveyor<'_> {
    fn directory(&mut self, fd: BorrowedFd<'_>, meta: &Meta, depth: usize) -> Result<(), Unreadable> {
        self.note(Kind::Directory, meta.mode & 0o7777, meta.mtime_ns);
        self.attributes(fd)?;
        // A descriptor of its own: reading moves the position.
        let own = dir::open_dir(fd, c".").map_err(|error| unreadable(&self.path, error.into()))?;
        let (mark, count) = self.listing.push(own.as_fd()).map_err(|error| unreadable(&self.path, error.into()))?;
        for at in 0..count {
            let entry = self.listing.entry(mark, at);
            let name = self.listing.c_name(entry).to_owned();
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            self.entry(fd, &name, depth)?;
            self.path.truncate(length);
        }
        self.listing.pop(mark);
        Ok(())
    }

    fn entry(&mut self, parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> Result<(), Unreadable> {
        let error = |path: &[u8]| {
            let path = path.to_owned();
            move |error: rustix::io::Errno| unreadable(&path, error.into())
        };
        let meta = dir::meta_at(parent, name).map_err(error(&self.path))?;
        let other = match meta.kind {
            FileType::Directory => {
                let fd = dir::open_dir(parent, name).map_err(error(&self.path))?;
                let meta = dir::meta(&fd).map_err(error(&self.path))?;
                if meta.dev != self.dev || depth + 1 >= MAX_DEPTH {
                    return Err(unreadable(&self.path, io::Error::other("it is too deep, or on another device")));
                }
                return self.directory(fd.as_fd(), &meta, depth + 1);
            }
            FileType::RegularFile => return self.file(parent, name),
            FileType::Symlink => {
                let text = rustix::fs::readlinkat(parent, name, Vec::new()).map_err(error(&self.path))?;
                self.note(Kind::Link { to: JsonName::new(text.as_bytes()) }, 0o777, meta.mtime_ns);
                return Ok(());
            }
            FileType::Fifo => "fifo",
            FileType::Socket => "socket",
            _ => "device",
        };
        self.leave_out(other);
        Ok(())
    }

    fn leave_out(&mut self, kind: &str) {
        self.found.left_out.push(LeftOut { path: JsonName::new(&self.path), kind: kind.to_owned() });
    }

    /// Notes that somebody stored something beside a content. What the system stores there, it stores anew.
    fn attributes(&mut self, fd: BorrowedFd<'_>) -> Result<(), Unreadable> {
        let mut names = Vec::with_capacity(LONGEST_ATTRIBUTES);
        match rustix::fs::flistxattr(fd, rustix::buffer::spare_capacity(&mut names)) {
            Ok(_) => {}
            Err(rustix::io::Errno::NOTSUP) => return Ok(()),
            Err(error) => return Err(unreadable(&self.path, error.into())),
        }
        if names.split(|byte| *byte == 0).any(|name| name.starts_with(b"user.")) {
            self.leave_out(ATTRIBUTES);
        }
        Ok(())
    }

    fn file(&mut self, parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Unreadable> {
        let fd = dir::open_file(parent, name).map_err(|error| unreadable(&self.path, error.into()))?;
        let before = dir::meta(&fd).map_err(|error| unreadable(&self.path, error.into()))?;
        if before.links > 1 {
            if let Some(first) = self.first_names.get(&before.inode) {
                let to = JsonName::new(first);
                self.note(Kind::HardLink { to }, before.mode & FILE_MODE, before.mtime_ns);
                return Ok(());
            }
            self.first_names.insert(before.inode, self.path.clone());
        }
        self.attributes(fd.as_fd())?;
        if before.mode & !FILE_MODE != 0 {
            self.leave_out(PROGRAM_RIGHTS);
        }
        self.found.size = self.found.size.saturating_add(before.len);
        if self.found.size > self.most {
            return Err(TOO_LARGE.to_owned());
        }
        // Not by its blocks: those of a file that was just written may not be counted yet.
        let hole = rustix::fs::seek(&fd, rustix::fs::SeekFrom::Hole(0));
        let sparse = hole.is_ok_and(|at| at < before.len);
        rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(0)).map_err(|error| unreadable(&self.path, error.into()))?;
        let (length, hash) = hash(Heeding { from: File::from(fd), stop: self.stop }, before.len)
            .map_err(|error| unreadable(&self.path, error))?;
        if length != before.len {
            return Err(unreadable(&self.path, io::Error::other("it changed while it was read")));
        }
        let kind = Kind::File { size_bytes: before.len, blake3: hash.to_hex().to_string(), sparse };
        self.note(kind, before.mode & FILE_MODE, before.mtime_ns);
        Ok(())
    }

    fn note(&mut self, kind: Kind, mode: u32, mtime_ns: i64) {
        self.found.members.push(Member { path: JsonName::new(&self.path), mode, mtime_ns, kind });
    }
}

/// Length and hash of a file, of which no more is read than a byte past `length`.
pub(super) fn hash(file: impl io::Read, length: u64) -> io::Result<(u64, blake3::Hash)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(length.saturating_add(1)))?;
    Ok((hasher.count(), hasher.finalize()))
}

fn unreadable(path: &[u8], error: io::Error) -> Unreadable {
    format!("`{}` cannot be read: {error}", String::from_utf8_lossy(path))
}

/// The open directory in which a path below another lies, and its name there. No link is followed on the way.
pub(super) fn open_above(from: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<(OwnedFd, CString)> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = dir::c_name(parts.pop().unwrap_or_default())?;
    let mut fd = dir::open_dir(from, c".")?;
    for part in parts {
        if part.is_empty() || part == b"." || part == b".." {
            return Err(rustix::io::Errno::INVAL);
        }
        fd = dir::open_dir(fd.as_fd(), &dir::c_name(part)?)?;
    }
    Ok((fd, name))
}
