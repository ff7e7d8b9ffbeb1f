//! Directories by descriptor: everything here is relative to an open directory and never follows a link, so that no
//! swap of a path component can lead out of the store.

use crate::model::Stamp;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags};
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// What `fstat` and `statx` tell of an entry, in the units used here.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub inode: u64,
    /// Kind.
    pub kind: FileType,
    /// The rights of owner, group and others.
    pub mode: u32,
    /// Links to the inode.
    pub links: u64,
    /// Length in bytes.
    pub len: u64,
    /// Allocated bytes.
    pub disk: u64,
    /// Last write, nanoseconds.
    pub mtime_ns: i64,
    /// Last change of the inode, nanoseconds.
    pub ctime_ns: i64,
    /// Birth, nanoseconds, where the file system keeps it and it was asked for.
    pub birth_ns: Option<i64>,
}

impl Meta {
    /// The stamp of a directory.
    pub const fn stamp(&self) -> Stamp {
        Stamp { inode: self.inode, mtime_ns: self.mtime_ns, ctime_ns: self.ctime_ns }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[expect(clippy::unnecessary_cast, reason = "the fields' types differ between platforms")]
fn from_stat(stat: &rustix::fs::Stat) -> Meta {
    Meta {
        dev: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        kind: FileType::from_raw_mode(stat.st_mode),
        mode: stat.st_mode as u32 & 0o7777,
        links: stat.st_nlink as u64,
        len: u64::try_from(stat.st_size).unwrap_or(0),
        disk: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
        mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        birth_ns: None,
    }
}

/// The entry behind a descriptor.
pub fn meta(fd: impl AsFd) -> rustix::io::Result<Meta> {
    Ok(from_stat(&rustix::fs::fstat(fd)?))
}

/// An entry of a directory, a link itself and not its target.
pub fn meta_at(dir: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Meta> {
    Ok(from_stat(&rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// As [`meta_at`], with the time of birth. An empty name means `dir` itself.
pub fn meta_with_birth(dir: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Meta> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let found = rustix::fs::statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::BTIME)?;
    let birth = (found.stx_mask & StatxFlags::BTIME.bits() != 0)
        .then(|| nanoseconds(found.stx_btime.tv_sec, i64::from(found.stx_btime.tv_nsec)));
    Ok(Meta {
        dev: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        kind: FileType::from_raw_mode(u32::from(found.stx_mode)),
        mode: u32::from(found.stx_mode) & 0o7777,
        links: u64::from(found.stx_nlink),
        len: found.stx_size,
        disk: found.stx_blocks * 512,
        mtime_ns: nanoseconds(found.stx_mtime.tv_sec, i64::from(found.stx_mtime.tv_nsec)),
        ctime_ns: nanoseconds(found.stx_ctime.tv_sec, i64::from(found.stx_ctime.tv_nsec)),
        birth_ns: birth,
    })
}

/// Room for the text of any link: the system knows none that is longer.
pub type LinkBuffer = [MaybeUninit<u8>; 4096];

/// The text of a link.
///
/// # Errors
/// What the system says; `NAMETOOLONG` for a text that fills the buffer, of which more might follow.
pub fn link_text<'b>(dir: BorrowedFd<'_>, name: &CStr, buffer: &'b mut LinkBuffer) -> rustix::io::Result<&'b [u8]> {
    let (text, rest) = rustix::fs::readlinkat_raw(dir, name, buffer.as_mut_slice())?;
    if rest.is_empty() { Err(rustix::io::Errno::NAMETOOLONG) } else { Ok(text) }
}

/// Opens a directory below `dir`; a link in its place is an error.
pub fn open_dir(dir: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// Opens a regular file for reading, and nothing else: a link is an error, a FIFO does not block.
pub fn open_file(dir: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    if meta(&fd)?.kind != FileType::RegularFile {
        return Err(rustix::io::Errno::INVAL);
    }
    Ok(fd)
}

/// A name that is part of a path.
pub fn c_name(name: &[u8]) -> rustix::io::Result<std::ffi::CString> {
    std::ffi::CString::new(name).map_err(|_| rustix::io::Errno::INVAL)
}

/// The names of a directory with their kinds and inodes, kept in one buffer that is used again and again as a stack:
/// a walk pushes the listing of a directory, goes through it, and takes it off.
#[derive(Debug, Default)]
pub struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

/// An entry of a [`Listing`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    start: usize,
    end: usize,
    /// The kind, as the listing tells it; may be unknown on some file systems.
    pub kind: FileType,
    /// The inode, as the listing tells it.
    pub inode: u64,
}

/// Where a listing begins in the stack.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    names: usize,
    entries: usize,
}

impl Listing {
    /// Reads a directory and pushes its entries, sorted by name.
    pub fn push(&mut self, fd: BorrowedFd<'_>) -> rustix::io::Result<(Mark, usize)> {
        let mark = Mark { names: self.names.len(), entries: self.entries.len() };
        let mut buffer = [const { MaybeUninit::<u8>::uninit() }; 8192];
        let mut dir = RawDir::new(fd, &mut buffer);
        while let Some(entry) = dir.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.pop(mark);
                    return Err(error);
                }
            };
            let name = entry.file_name().to_bytes_with_nul();
            if name == b".\0" || name == b"..\0" {
                continue;
            }
            let start = self.names.len();
            self.names.extend_from_slice(name);
            let entry = Entry { start, end: self.names.len(), kind: entry.file_type(), inode: entry.ino() };
            self.entries.push(entry);
        }
        let names = &self.names;
        self.entries[mark.entries..].sort_unstable_by(|a, b| names[a.start..a.end].cmp(&names[b.start..b.end]));
        Ok((mark, self.entries.len() - mark.entries))
    }

    /// Takes off everything above a mark.
    pub fn pop(&mut self, mark: Mark) {
        self.names.truncate(mark.names);
        self.entries.truncate(mark.entries);
    }

    /// The `at`-th entry above a mark.
    pub fn entry(&self, mark: Mark, at: usize) -> Entry {
        self.entries[mark.entries + at]
    }

    /// The entries above a mark.
    pub fn entries(&self, mark: Mark) -> &[Entry] {
        &self.entries[mark.entries..]
    }

    /// An entry's name.
    pub fn name(&self, entry: Entry) -> &[u8] {
        &self.names[entry.start..entry.end - 1]
    }

    /// An entry's name for a system call.
    pub fn c_name(&self, entry: Entry) -> &CStr {
        CStr::from_bytes_with_nul(&self.names[entry.start..entry.end]).unwrap_or_default()
    }
}
