//! The tar, written as the manifest says.

use super::heed::{Heeding, Stop};
use super::manifest::{Item, Manifest, NAME};
use crate::store::dir;
use rustix::fd::AsFd as _;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Where the contents come from.
pub(super) trait Source {
    /// Opens the file of an item.
    fn open(&mut self, item: &Item<'_>) -> io::Result<File>;
}

/// Why a tar could not be written.
pub(super) enum Failure {
    /// The file of an item could not be read as the manifest has it.
    Item(String),
    /// It could not be written.
    Out(io::Error),
}

/// Writes the manifest and all that it names, until it is to stop; `told` is called after each member.
pub(super) fn write(
    manifest: &Manifest,
    text: &[u8],
    source: &mut dyn Source,
    out: impl Write,
    stop: Stop<'_>,
    told: &mut dyn FnMut(&Item<'_>),
) -> Result<(), Failure> {
    let mut tar = tar::Builder::new(out);
    let mut header = header(tar::EntryType::Regular, 0o600, 0, text.len() as u64);
    tar.append_data(&mut header, NAME, text).map_err(Failure::Out)?;
    for item in manifest.items() {
        append(&mut tar, &item, source, stop)?;
        told(&item);
    }
    tar.finish().map_err(Failure::Out)
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    item: &Item<'_>,
    source: &mut dyn Source,
    stop: Stop<'_>,
) -> Result<(), Failure> {
    let (mode, mtime_ns) = item.dress();
    let mtime = exact_time(mtime_ns);
    tar.append_pax_extensions([("mtime", mtime.as_bytes())]).map_err(Failure::Out)?;
    let length = item.content().map_or(0, |(length, _)| length);
    let mut header = header(item.tar_kind(), mode, whole_seconds(mtime_ns), length);
    if let Some(link) = item.link() {
        append_link(tar, &mut header, &link).map_err(Failure::Out)?;
    }
    let path = item.path();
    let path = Path::new(OsStr::from_bytes(&path));
    let Some((length, hash)) = item.content() else {
        return tar.append_data(&mut header, path, io::empty()).map_err(Failure::Out);
    };
    let fail = |why: &str| Failure::Item(format!("`{}` {why}", path.display()));
    let file = source.open(item).map_err(|error| fail(&format!("cannot be read: {error}")))?;
    let file = Heeding { from: file, stop };
    let mut exact = Exact { file, left: length, hasher: blake3::Hasher::new(), failed: None };
    let appended = tar.append_data(&mut header, path, &mut exact);
    match (appended, exact.failed) {
        (_, Some(why)) => Err(fail(&why)),
        (Err(error), None) => Err(Failure::Out(error)),
        (Ok(()), None) if exact.hasher.finalize().to_hex().as_str() != hash => Err(fail("changed while it was read")),
        (Ok(()), None) => Ok(()),
    }
}

/// The text of a link, also one that a header has no room for.
fn append_link(tar: &mut tar::Builder<impl Write>, header: &mut tar::Header, link: &[u8]) -> io::Result<()> {
    /// A header's field has a hundred bytes.
    const FIELD: usize = 100;
    if link.len() > FIELD {
        let mut long = self::header(tar::EntryType::GNULongLink, 0o644, 0, link.len() as u64 + 1);
        long.set_path("././@LongLink")?;
        long.set_cksum();
        tar.append(&long, link.chain(&[0_u8][..]))?;
    }
    header.set_link_name_literal(&link[..link.len().min(FIELD)])
}

fn header(kind: tar::EntryType, mode: u32, mtime: u64, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// The time in a tar's header, which has no seconds before 1970.
pub(super) fn whole_seconds(ns: i64) -> u64 {
    u64::try_from(ns.div_euclid(1_000_000_000)).unwrap_or(0)
}

/// The time as the extended header has it: with all its digits.
pub(super) fn exact_time(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

/// Reads exactly so many bytes of a file, and hashes them.
struct Exact<'s> {
    file: Heeding<'s, File>,
    left: u64,
    hasher: blake3::Hasher,
    failed: Option<String>,
}

impl Read for Exact<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        match self.file.read(&mut into[..most]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.failed = Some(format!("cannot be read: {error}"));
                Err(error)
            }
            Ok(0) => {
                self.failed = Some("became shorter while it was read".to_owned());
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Ok(read) => {
                self.hasher.update(&into[..read]);
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

/// Opens a regular file below an open directory by its path.
pub(super) fn open_file(from: rustix::fd::BorrowedFd<'_>, path: &[u8]) -> io::Result<File> {
    let (above, name) = super::survey::open_above(from, path)?;
    Ok(File::from(dir::open_file(above.as_fd(), &name)?))
}
