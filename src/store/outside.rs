//! Files that a user names, anywhere: written whole or not at all, for their owner alone, through no link, and never over
//! what is not of the same kind.
//!
//! Such a file may lie beside others of the user's. So it is written under a name of its own first, moved into its place
//! when it is whole, and nothing else there is touched.

use super::change::{self, Act, Hook};
use super::dir;
use super::own_files;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How much of a file that is in the way is looked at.
const HEAD: u64 = 4096;

/// Why a file is not written, or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// The path names no file.
    #[error("`{0}` names no file")]
    NoName(PathBuf),
    /// Something is there that is not replaced.
    #[error("`{path}` is {what}, and is left alone")]
    Taken {
        /// The path.
        path: PathBuf,
        /// What is there.
        what: String,
    },
    /// It is no regular file.
    #[error("`{0}` is not a regular file")]
    NotAFile(PathBuf),
    /// It is longer than what is read.
    #[error("`{path}` has {bytes} bytes, more than are read")]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes a file (0600). One that is there is replaced only if it `is_ours`, which is asked of its first bytes; `kind` says
/// what ours are, with an article.
///
/// # Errors
/// [`OutsideError`]; then what was there is as it was, and nothing of ours is left.
pub fn write(
    hook: &Hook,
    path: &Path,
    bytes: &[u8],
    kind: &str,
    is_ours: &dyn Fn(&[u8]) -> bool,
) -> Result<(), OutsideError> {
    let error = |act| move |source: io::Error| OutsideError::Io { act, path: path.to_owned(), source };
    let (directory, name) = place(path)?;
    let before = in_the_way(directory.as_fd(), &name, path, kind, is_ours)?;
    let random = own_files::random_hex(4).map_err(error("write"))?;
    let aside = dir::c_name(&[b".", name.to_bytes(), b".", random.as_bytes()].concat())
        .map_err(|e| error("write")(e.into()))?;
    change::write_new(hook, directory.as_fd(), &aside, bytes).map_err(error("write"))?;
    let put = match before {
        Some(inode) => replace(hook, directory.as_fd(), &aside, &name, inode),
        None => give_name(hook, directory.as_fd(), &aside, &name),
    };
    let put = put.and_then(|()| change::sync(hook, directory.as_fd()));
    put.map_err(|source| {
        // Whatever went wrong, what is not in its place must not stay beside it.
        let _ = change::remove_own_file(&Hook::default(), directory.as_fd(), &aside);
        match source.kind() {
            io::ErrorKind::AlreadyExists => {
                OutsideError::Taken { path: path.to_owned(), what: "something that came meanwhile".to_owned() }
            }
            _ => error("write")(source),
        }
    })
}

/// A file that is written bit by bit: it has a name of its own until it is whole, and no name at all should it never be.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    directory: OwnedFd,
    name: CString,
    aside: CString,
    file: File,
    /// The file that is replaced.
    before: Option<u64>,
    named: bool,
}

impl NewFile {
    /// Begins a file (0600). One that is there is replaced only with `force`, and only if it is a regular one.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub fn begin(hook: &Hook, path: &Path, force: bool) -> Result<Self, OutsideError> {
        let error = |source: io::Error| OutsideError::Io { act: "write", path: path.to_owned(), source };
        let (directory, name) = place(path)?;
        let before = in_the_way(directory.as_fd(), &name, path, "a file that may be replaced", &|_| force)?;
        let random = own_files::random_hex(4).map_err(error)?;
        let aside = dir::c_name(&[b".", name.to_bytes(), b".", random.as_bytes()].concat());
        let aside = aside.map_err(|e| error(e.into()))?;
        let file = change::new_file(hook, directory.as_fd(), &aside).map_err(error)?;
        Ok(Self { path: path.to_owned(), directory, name, aside, file, before, named: false })
    }

    /// Where it is to be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Begins it anew.
    ///
    /// # Errors
    /// The system's.
    pub fn restart(&mut self, hook: &Hook) -> Result<(), OutsideError> {
        use std::io::Seek as _;
        change::stretch(hook, &self.file, 0).and_then(|()| self.file.rewind()).map_err(self.error("write"))
    }

    /// What was written, durable and to be read.
    ///
    /// # Errors
    /// The system's.
    pub fn reopen(&self) -> Result<File, OutsideError> {
        self.file.sync_all().map_err(self.error("sync"))?;
        let opened = dir::open_file(self.directory.as_fd(), &self.aside);
        opened.map(File::from).map_err(io::Error::from).map_err(self.error("read"))
    }

    /// Makes it durable and gives it its name; says how long it is.
    ///
    /// # Errors
    /// [`OutsideError`]; then what was there is as it was.
    pub fn finish(mut self, hook: &Hook) -> Result<u64, OutsideError> {
        let length = self.file.sync_all().and_then(|()| self.file.metadata()).map_err(self.error("sync"))?.len();
        let put = match self.before {
            Some(inode) => replace(hook, self.directory.as_fd(), &self.aside, &self.name, inode),
            None => give_name(hook, self.directory.as_fd(), &self.aside, &self.name),
        };
        match put {
            Ok(()) => self.named = true,
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                let what = "something that came meanwhile".to_owned();
                return Err(OutsideError::Taken { path: self.path.clone(), what });
            }
            Err(source) => return Err(self.error("write")(source)),
        }
        change::sync(hook, self.directory.as_fd()).map_err(self.error("sync"))?;
        Ok(length)
    }

    fn error(&self, act: &'static str) -> impl Fn(io::Error) -> OutsideError + use<> {
        let path = self.path.clone();
        move |source| OutsideError::Io { act, path: path.clone(), source }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.named {
            let _ = change::remove_own_file(&Hook::default(), self.directory.as_fd(), &self.aside);
        }
    }
}

/// Reads a regular file, wherever links lead to it, if it is no longer than `limit`.
///
/// # Errors
/// [`OutsideError`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, OutsideError> {
    let error = |source: io::Error| OutsideError::Io { act: "read", path: path.to_owned(), source };
    // Without blocking: a FIFO in its place must not hold us.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(error)?;
    let meta = file.metadata().map_err(error)?;
    if !meta.is_file() {
        return Err(OutsideError::NotAFile(path.to_owned()));
    }
    let too_large = |bytes| OutsideError::TooLarge { path: path.to_owned(), bytes };
    if meta.len() > limit {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // One byte more than is read, so that what grows meanwhile is seen to be too long.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The open directory in which a path lies, and its name there.
pub(super) fn place(path: &Path) -> Result<(OwnedFd, CString), OutsideError> {
    let no_name = || OutsideError::NoName(path.to_owned());
    let name = path.file_name().ok_or_else(no_name)?;
    // `file_name` looks past a slash at the end, which says that a directory is meant.
    if path.as_os_str().as_bytes().ends_with(b"/") {
        return Err(no_name());
    }
    let name = dir::c_name(name.as_bytes()).map_err(|_| no_name())?;
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    let error = |source: io::Error| OutsideError::Io { act: "open", path: above.to_owned(), source };
    let canonical = above.canonicalize().map_err(error)?;
    let opened = dir::c_name(canonical.as_os_str().as_bytes())
        .and_then(|above| dir::open_dir(rustix::fs::CWD, &above))
        .map_err(|e| error(e.into()))?;
    Ok((opened, name))
}

/// The inode of the file of ours that is there; `None` when nothing is.
fn in_the_way(
    directory: BorrowedFd<'_>,
    name: &CStr,
    path: &Path,
    kind: &str,
    is_ours: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<u64>, OutsideError> {
    let error = |source: io::Error| OutsideError::Io { act: "look at", path: path.to_owned(), source };
    let taken = |what: String| OutsideError::Taken { path: path.to_owned(), what };
    let meta = match dir::meta_at(directory, name) {
        Ok(meta) => meta,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(e) => return Err(error(e.into())),
    };
    match meta.kind {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(taken("a link".to_owned())),
        FileType::Directory => return Err(taken("a directory".to_owned())),
        _ => return Err(taken("no regular file".to_owned())),
    }
    let file = File::from(dir::open_file(directory, name).map_err(|e| error(e.into()))?);
    let inode = dir::meta(&file).map_err(|e| error(e.into()))?.inode;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head).map_err(error)?;
    if is_ours(&head) { Ok(Some(inode)) } else { Err(taken(format!("not {kind}"))) }
}

fn replace(hook: &Hook, directory: BorrowedFd<'_>, aside: &CStr, name: &CStr, inode: u64) -> io::Result<()> {
    if dir::meta_at(directory, name)?.inode != inode {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    change::replace(hook, directory, aside, name)
}

/// Gives a file the name that nobody has.
pub(super) fn give_name(hook: &Hook, directory: BorrowedFd<'_>, aside: &CStr, name: &CStr) -> io::Result<()> {
    match change::rename(hook, Act::WriteFile, directory, aside, directory, name) {
        // Not every file system can refuse to replace; there, the last look has to do.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => match dir::meta_at(directory, name) {
            Err(rustix::io::Errno::NOENT) => change::replace(hook, directory, aside, name),
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error.into()),
        },
        done => done,
    }
}
