//! Companions: second names of the cache entries that an operation's runs name, kept so that no script is gone when its
//! run comes back.
//!
//! A second name holds the content, whatever happens to the first; it takes no room while that is there, and nothing is
//! freed by removing the first. Where the file system gives no second name, a copy does.

use super::super::change::{self, Freed};
use super::super::dir;
use super::{Lying, Operation, names, project_of, shell_name, subdirectories};
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, CString};
use std::io;

/// The directory of the companions. A project's name ends in a `-` and its hash, so this is none.
pub(super) const COMPANIONS: &CStr = c"%companions";

/// What became of a cache entry that was to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// It was missing and is there again.
    Back,
    /// It was there all the time, or somebody wrote the same again.
    Unneeded,
    /// Another file has its name now: that one stays.
    Taken,
    /// The operation does not have it.
    NotKept,
}

impl Operation {
    /// The name of the companions' directory in an operation's.
    pub const COMPANIONS: &str = "%companions";

    /// Keeps a companion of the cache entry `name` in the open directory `from`. Whether it was not kept before.
    ///
    /// # Errors
    /// `InvalidInput` for what is no regular file, `NotFound` for what is gone; the system's otherwise.
    pub fn keep_companion(
        &self,
        project: &ProjectDir,
        path: &[u8],
        from: BorrowedFd<'_>,
        name: &CStr,
    ) -> io::Result<bool> {
        let (shell, shell_name) = self.companion_place(project, path)?;
        match change::duplicate(&self.hook, (from, name), (shell.as_fd(), &shell_name), self.fd.as_fd()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the companions in the directory of that one durable.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_companion(&self, project: &ProjectDir, path: &[u8]) -> io::Result<()> {
        change::sync(&self.hook, self.companion_place(project, path)?.0.as_fd())
    }

    /// The companions, by project and path in its cache.
    ///
    /// # Errors
    /// The system's.
    pub fn companions(&self) -> io::Result<Vec<(ProjectDir, Vec<u8>)>> {
        let mut found = Vec::new();
        let all = match dir::open_dir(self.fd.as_fd(), COMPANIONS) {
            Ok(all) => all,
            Err(rustix::io::Errno::NOENT) => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        for shell in subdirectories(all.as_fd())? {
            let cache = dir::open_dir(all.as_fd(), &dir::c_name(&shell)?)?;
            let project = project_of(shell);
            let directories = subdirectories(cache.as_fd())?;
            for name in names(cache.as_fd())? {
                if !directories.contains(&name) {
                    found.push((project.clone(), name));
                    continue;
                }
                let below = dir::open_dir(cache.as_fd(), &dir::c_name(&name)?)?;
                for leaf in names(below.as_fd())? {
                    found.push((project.clone(), [name.as_slice(), &leaf].join(&b'/')));
                }
            }
        }
        Ok(found)
    }

    /// Gives a kept cache entry its name in the open directory `to` again, unless something has it.
    ///
    /// # Errors
    /// The system's.
    pub fn bring_companion(
        &self,
        project: &ProjectDir,
        path: &[u8],
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> io::Result<Brought> {
        let (from, from_name) = self.companion_place(project, path)?;
        match dir::meta_at(from.as_fd(), &from_name) {
            Ok(meta) if meta.kind == FileType::RegularFile => {}
            Ok(_) | Err(rustix::io::Errno::NOENT) => return Ok(Brought::NotKept),
            Err(error) => return Err(error.into()),
        }
        match change::duplicate(&self.hook, (from.as_fd(), &from_name), (to, name), self.fd.as_fd()) {
            Ok(()) => {
                change::sync(&self.hook, to)?;
                Ok(Brought::Back)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let same = change::same_file((from.as_fd(), &from_name), (to, name)).unwrap_or(false);
                Ok(if same { Brought::Unneeded } else { Brought::Taken })
            }
            Err(error) => Err(error),
        }
    }

    /// Moves a cache entry that lies here back into its place. One that is there by now, the same byte for byte, makes
    /// ours needless, and ours goes.
    ///
    /// # Errors
    /// The system's.
    pub fn bring_entry(
        &self,
        project: &ProjectDir,
        path: &[u8],
        to: BorrowedFd<'_>,
        name: &CStr,
    ) -> io::Result<Brought> {
        let lying = Lying::Entry { project: project.clone(), path: path.to_vec() };
        match self.put_back(&lying, to, name) {
            Ok(()) => Ok(Brought::Back),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !self.holds_same(&lying, to, name).unwrap_or(false) {
                    return Ok(Brought::Taken);
                }
                self.remove(&lying, dir::meta(&self.fd)?.dev, &Freed::default()).map_err(io::Error::other)?;
                Ok(Brought::Unneeded)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the companions, which nothing needs any more.
    pub(super) fn drop_companions(&self, freed: &Freed) -> io::Result<()> {
        change::remove_own_file(&self.hook, self.fd.as_fd(), change::ASIDE)?;
        let dev = dir::meta(&self.fd)?.dev;
        change::remove_tree(&self.hook, self.fd.as_fd(), COMPANIONS, dev, freed).map_err(io::Error::other)
    }

    /// The directory in which a companion lies, made if need be, and its name there.
    fn companion_place(&self, project: &ProjectDir, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
        let ensure =
            |parent: &OwnedFd, name: &[u8]| change::ensure_dir(&self.hook, parent.as_fd(), &dir::c_name(name)?);
        let all = ensure(&self.fd, COMPANIONS.to_bytes())?;
        let cache = ensure(&all, &shell_name(project))?;
        match path.iter().position(|b| *b == b'/') {
            None => Ok((cache, dir::c_name(path)?)),
            Some(slash) => Ok((ensure(&cache, &path[..slash])?, dir::c_name(&path[slash + 1..])?)),
        }
    }
}
