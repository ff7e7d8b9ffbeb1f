//! The store's root: resolved once, opened once, and everything else is reached from its descriptor.

use super::dir::{self, Meta};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// An open store.
#[derive(Debug)]
pub struct StoreRoot {
    fd: OwnedFd,
    path: PathBuf,
    as_given: PathBuf,
    dev: u64,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is nothing at that path.
    #[error("there is no store at `{0}`")]
    Missing(PathBuf),
    /// Something else than a directory is there.
    #[error("`{0}` is not a directory")]
    NotADirectory(PathBuf),
    /// The system refused.
    #[error("cannot open the store at `{path}`")]
    Io {
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl StoreRoot {
    /// Opens the store at `path`. The root itself may be a link: it is resolved here, and never again.
    ///
    /// # Errors
    /// [`OpenError`] naming the path as it was given.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let as_given = path.to_owned();
        let error = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => OpenError::Missing(as_given.clone()),
            std::io::ErrorKind::NotADirectory => OpenError::NotADirectory(as_given.clone()),
            _ => OpenError::Io { path: as_given.clone(), source },
        };
        let canonical = std::fs::canonicalize(path).map_err(error)?;
        let name = dir::c_name(std::os::unix::ffi::OsStrExt::as_bytes(canonical.as_os_str()))
            .map_err(|e| error(std::io::Error::from(e)))?;
        let fd = dir::open_dir(rustix::fs::CWD, &name).map_err(|e| error(std::io::Error::from(e)))?;
        let dev = dir::meta(&fd).map_err(|e| error(std::io::Error::from(e)))?.dev;
        Ok(Self { fd, path: canonical, as_given, dev })
    }

    /// Its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Its resolved path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path by which it was named.
    pub fn as_given(&self) -> &Path {
        &self.as_given
    }

    /// The device it lies on; nothing on another is walked or removed.
    pub fn dev(&self) -> u64 {
        self.dev
    }

    /// What may still be written on its file system, and all that there is, in bytes.
    ///
    /// # Errors
    /// The system's; and where all is stated as nothing, as by a file system in memory without a limit and by some that
    /// are reached over a network: that is no size, and what is free is not told either.
    pub fn space(&self) -> std::io::Result<(u64, u64)> {
        let found = rustix::fs::fstatvfs(&self.fd)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        stated(bytes(found.f_bavail), bytes(found.f_blocks))
    }

    /// What the system tells of the root now.
    ///
    /// # Errors
    /// The system's, when the root cannot be read any more.
    pub fn meta(&self) -> std::io::Result<Meta> {
        Ok(dir::meta(&self.fd)?)
    }
}

/// What a file system states of itself, where it does.
fn stated(available: u64, total: u64) -> std::io::Result<(u64, u64)> {
    if total == 0 { Err(std::io::Error::other("it states 0 bytes in all")) } else { Ok((available, total)) }
}

/// Where an open directory lies now, for what can only be reached by a path: where it was opened, as `named` says, unless
/// something else is there by now.
///
/// # Errors
/// When it is not there any more and the system does not tell where else it is.
pub fn place_of(directory: BorrowedFd<'_>, named: &Path) -> std::io::Result<PathBuf> {
    let meta = dir::meta(directory)?;
    let is_it = |path: &Path| {
        std::fs::symlink_metadata(path).is_ok_and(|found| found.dev() == meta.dev && found.ino() == meta.inode)
    };
    if is_it(named) {
        return Ok(named.to_owned());
    }
    let own = format!("/proc/self/fd/{}", rustix::fd::AsRawFd::as_raw_fd(&directory));
    std::fs::read_link(own)
        .ok()
        .filter(|path| is_it(path))
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "it was moved or removed meanwhile"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_system_without_a_size_has_no_space_that_is_known() {
        assert_eq!(stated(0, 1).unwrap(), (0, 1));
        assert!(stated(0, 0).is_err() && stated(1 << 30, 0).is_err());
        // One that has no blocks at all lies on every machine.
        assert!(StoreRoot::open(Path::new("/proc")).unwrap().space().is_err());
        let (available, total) = StoreRoot::open(&std::env::temp_dir()).unwrap().space().unwrap();
        assert!(available <= total);
    }

    #[test]
    fn an_open_store_is_found_where_it_is_and_not_what_took_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join("home");
        fs::create_dir(&home).unwrap();
        let root = StoreRoot::open(&home).unwrap();
        assert_eq!(place_of(root.fd(), root.path()).unwrap(), home);
        let (moved, other) = (home.with_file_name("moved"), home.with_file_name("other"));
        fs::rename(&home, &moved).unwrap();
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::symlink(&other, &home).unwrap();
        assert_eq!(place_of(root.fd(), root.path()).unwrap(), moved);
        fs::remove_file(&home).unwrap();
        fs::create_dir(&home).unwrap();
        assert_eq!(place_of(root.fd(), root.path()).unwrap(), moved);
        fs::remove_dir(&moved).unwrap();
        assert!(place_of(root.fd(), root.path()).is_err(), "it is gone");
    }
}
