//! Files, directories and links with a stated mode and time, and errors that name the path.

use super::{Content, Times};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// Says what was attempted and on which path, and keeps the kind.
pub(super) fn explain(act: &str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot {act} `{}`: {error}", path.display()))
}

/// Writes one run's files and adds up their lengths.
pub(super) struct Files {
    times: Times,
    pub(super) bytes: u64,
}

impl Files {
    pub(super) fn new(times: Times) -> Self {
        Self { times, bytes: 0 }
    }

    /// Makes a directory and what is missing above it. Its time is set by [`Files::stamp`], after its entries are made.
    pub(super) fn dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path).map_err(explain("create the directory", path))
    }

    /// Writes a file; its directory is made if need be.
    pub(super) fn file(&mut self, path: &Path, bytes: &[u8], mode: u32, at: i64) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            self.dir(parent)?;
        }
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
            // The caller's umask would make stores differ from machine to machine.
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.write_all(bytes)
        };
        write().map_err(explain("write", path))?;
        self.bytes += bytes.len() as u64;
        self.stamp(path, at)
    }

    /// Makes a link with that text, in place of a file or link that is there: a second run in one second does the same.
    pub(super) fn link(&self, text: &str, path: &Path, at: i64) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(explain("replace", path)(error)),
            _ => {}
        }
        std::os::unix::fs::symlink(text, path).map_err(explain("link", path))?;
        self.stamp(path, at)
    }

    /// Sets the time of a file, directory or link itself, unless times are left at the present.
    pub(super) fn stamp(&self, path: &Path, at: i64) -> io::Result<()> {
        if self.times == Times::Now {
            return Ok(());
        }
        let time = Timespec { tv_sec: at, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| explain("set the time of", path)(error.into()))
    }
}

/// A few lines that any build could have said; logs of a stated length repeat them.
const LOG_LINES: &str = "resolving 412 packages\n\
    [1/4] transforming src/cart/total.ts\n\
    [2/4] transforming src/checkout/address.ts\n\
    [3/4] transforming src/search/suggest.ts\n\
    [4/4] writing the bundle, 318 modules\n\
    ok   cart adds up the prices of its lines (4 ms)\n\
    ok   checkout asks for a postcode (11 ms)\n\
    ok   search forgives one wrong letter (7 ms)\n";

/// The bytes of a content.
pub(super) fn bytes_of(content: &Content) -> Vec<u8> {
    match content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Len(len) => {
            let len = usize::try_from(*len).unwrap_or(usize::MAX);
            LOG_LINES.bytes().cycle().take(len).collect()
        }
    }
}
