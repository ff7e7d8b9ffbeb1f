//! What lies in an operation's directory: looked at, removed, put back.

use super::super::change::{self, Act, Freed};
use super::super::dir;
use super::super::layout;
use super::companions::COMPANIONS;
use super::pieces::PARTS;
use super::{Lying, Operation, names, project_of, shell_name, subdirectories};
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ffi::{CStr, CString};
use std::io;

impl Operation {
    /// The directory of a project in this operation, made if need be.
    ///
    /// # Errors
    /// The system's.
    pub fn project(&self, project: &ProjectDir) -> io::Result<OwnedFd> {
        change::ensure_dir(&self.hook, self.fd.as_fd(), &dir::c_name(&shell_name(project))?)
    }

    /// The directory in which a cache entry lies, made if need be, and its name there.
    ///
    /// # Errors
    /// The system's.
    pub fn entry_place(&self, project: &ProjectDir, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
        let cache = change::ensure_dir(&self.hook, self.project(project)?.as_fd(), c".cache")?;
        match path.iter().position(|b| *b == b'/') {
            None => Ok((cache, dir::c_name(path)?)),
            Some(slash) => {
                let below = change::ensure_dir(&self.hook, cache.as_fd(), &dir::c_name(&path[..slash])?)?;
                Ok((below, dir::c_name(&path[slash + 1..])?))
            }
        }
    }

    /// Every item that lies in it.
    ///
    /// # Errors
    /// The system's.
    pub fn lying(&self) -> io::Result<Vec<Lying>> {
        let mut found = Vec::new();
        for shell in subdirectories(self.fd.as_fd())? {
            if shell == COMPANIONS.to_bytes() {
                continue;
            }
            let fd = dir::open_dir(self.fd.as_fd(), &dir::c_name(&shell)?)?;
            if shell == PARTS.to_bytes() {
                for shell in subdirectories(fd.as_fd())? {
                    let below = dir::open_dir(fd.as_fd(), &dir::c_name(&shell)?)?;
                    let project = project_of(shell);
                    found.extend(names(below.as_fd())?.iter().map(|name| {
                        let run = String::from_utf8_lossy(name).into_owned();
                        Lying::Parts { project: project.clone(), run }
                    }));
                }
                continue;
            }
            let project = project_of(shell);
            for name in names(fd.as_fd())? {
                if name == layout::CACHE {
                    let cache = dir::open_dir(fd.as_fd(), c".cache")?;
                    let directories = subdirectories(cache.as_fd())?;
                    for entry in names(cache.as_fd())? {
                        if !directories.contains(&entry) {
                            found.push(Lying::Entry { project: project.clone(), path: entry });
                            continue;
                        }
                        let below = dir::open_dir(cache.as_fd(), &dir::c_name(&entry)?)?;
                        for leaf in names(below.as_fd())? {
                            let path = [entry.as_slice(), &leaf].join(&b'/');
                            found.push(Lying::Entry { project: project.clone(), path });
                        }
                    }
                } else {
                    let run = String::from_utf8_lossy(&name).into_owned();
                    found.push(Lying::Run { project: project.clone(), run });
                }
            }
        }
        Ok(found)
    }

    /// Removes what lies there.
    ///
    /// # Errors
    /// The first entry that could not be removed.
    pub fn remove(&self, lying: &Lying, dev: u64, freed: &Freed) -> Result<(), change::RemoveError> {
        let error = |source: io::Error| change::RemoveError { act: "open", path: self.id.clone(), source };
        let (fd, name) = self.place_of(lying).map_err(error)?;
        if let Lying::Parts { project, run } = lying
            && let Some(item) = self.parts_item(project, run)
        {
            for path in item.pieces.iter().filter_map(|piece| piece.path.bytes()) {
                if let Some((fd, name)) = self.piece(project, run, &path).map_err(error)? {
                    change::remove_tree(&self.hook, fd.as_fd(), &name, dev, freed)?;
                }
            }
            // The directories around them are ours: that they go frees nothing of the user's.
            return change::remove_tree(&self.hook, fd.as_fd(), &name, dev, &Freed::default());
        }
        change::remove_tree(&self.hook, fd.as_fd(), &name, dev, freed)
    }

    /// Moves what lies there back into the place that is open as `to`, refusing to replace, durably.
    ///
    /// # Errors
    /// `AlreadyExists` when the place is taken.
    pub fn put_back(&self, lying: &Lying, to: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        let from = self.move_back(lying, to, name)?;
        change::sync(&self.hook, to)?;
        change::sync(&self.hook, from.as_fd())
    }

    /// As [`Operation::put_back`], for who puts back many at once: both directories are left to be synced, the one in the
    /// trash is given. Where somebody wrote the same file again meanwhile, nothing is lost by dropping ours.
    ///
    /// # Errors
    /// `AlreadyExists` when something else is in the place.
    pub fn put_back_or_drop(&self, lying: &Lying, to: BorrowedFd<'_>, name: &CStr, dev: u64) -> io::Result<OwnedFd> {
        match self.move_back(lying, to, name) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && self.holds_same(lying, to, name)? => {
                self.remove(lying, dev, &Freed::default()).map_err(io::Error::other)?;
                Ok(self.place_of(lying)?.0)
            }
            done => done,
        }
    }

    /// Gives the directory that it was moved from.
    fn move_back(&self, lying: &Lying, to: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
        let (from, from_name) = self.place_of(lying)?;
        change::rename(&self.hook, Act::PutBack, from.as_fd(), &from_name, to, name)?;
        Ok(from)
    }

    fn place_of(&self, lying: &Lying) -> io::Result<(OwnedFd, CString)> {
        match lying {
            Lying::Run { project, run } => Ok((self.project(project)?, dir::c_name(run.as_bytes())?)),
            Lying::Entry { project, path } => self.entry_place(project, path),
            Lying::Parts { project, run } => Ok((self.parts_shell(project)?, dir::c_name(run.as_bytes())?)),
        }
    }

    /// Whether the file that lies there is the one at a place, or has the same bytes.
    pub(super) fn holds_same(&self, lying: &Lying, place: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
        let Lying::Entry { project, path } = lying else { return Ok(false) };
        let (shell, shell_name) = self.entry_place(project, path)?;
        change::same_file((shell.as_fd(), &shell_name), (place, name))
    }

    /// Removes the directories in which nothing lies.
    pub(super) fn drop_shells(&self) -> io::Result<()> {
        for shell in subdirectories(self.fd.as_fd())? {
            let shell = dir::c_name(&shell)?;
            let fd = dir::open_dir(self.fd.as_fd(), &shell)?;
            if shell.as_c_str() == PARTS {
                for below in subdirectories(fd.as_fd())? {
                    change::remove_empty_dir(&self.hook, fd.as_fd(), &dir::c_name(&below)?)?;
                }
            }
            if let Ok(cache) = dir::open_dir(fd.as_fd(), c".cache") {
                for below in subdirectories(cache.as_fd())? {
                    change::remove_empty_dir(&self.hook, cache.as_fd(), &dir::c_name(&below)?)?;
                }
                change::remove_empty_dir(&self.hook, fd.as_fd(), c".cache")?;
            }
            change::remove_empty_dir(&self.hook, self.fd.as_fd(), &shell)?;
        }
        Ok(())
    }
}
