//! Parts of runs that stay, piece by piece: each is moved by one rename into the place that it has below its run, and back.

use super::super::change::{self, Act};
use super::super::dir::{self, Listing};
use super::super::run_walk::MAX_DEPTH;
use super::{JsonName, Operation, PartsItem, shell_name};
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, CString};
use std::io;

/// The directory of the parts. A project's name ends in a `-` and its hash, so this is none.
pub(super) const PARTS: &CStr = c"%parts";

impl Operation {
    /// What the operation says of parts of a run.
    pub fn parts_item(&self, project: &ProjectDir, run: &str) -> Option<&PartsItem> {
        let name = JsonName::new(project.as_bytes());
        self.description.as_ref()?.parts.iter().find(|item| item.run == run && item.project == name)
    }

    /// Moves a piece of the open run here, unless it is not the one that was meant. The directories are left to be synced.
    ///
    /// # Errors
    /// `NotFound` when another has its place; the system's otherwise.
    pub fn take_piece(
        &self,
        (project, run): (&ProjectDir, &str),
        from: BorrowedFd<'_>,
        path: &[u8],
        inode: u64,
    ) -> io::Result<()> {
        let (parent, name) = open_parent(from, path)?;
        if dir::meta_at(parent.as_fd(), &name)?.inode != inode {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another has its place"));
        }
        let (to, _) = self.ensure_parent(project, run, path)?;
        change::rename(&self.hook, Act::ToTrash, parent.as_fd(), &name, to.as_fd(), &name)?;
        // In between somebody may have put another there.
        if dir::meta_at(to.as_fd(), &name)?.inode != inode {
            change::rename(&self.hook, Act::PutBack, to.as_fd(), &name, parent.as_fd(), &name)?;
            return Err(io::Error::new(io::ErrorKind::NotFound, "another took its place"));
        }
        Ok(())
    }

    /// The [`seal`] of a piece that lies here.
    ///
    /// # Errors
    /// The system's; `NotFound` when it does not lie here.
    pub fn piece_seal(&self, (project, run): (&ProjectDir, &str), path: &[u8]) -> io::Result<blake3::Hash> {
        let (parent, name) = self.piece(project, run, path)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(sealed(parent.as_fd(), &name)?)
    }

    /// Moves a piece back into the open run. Whether it lay here.
    ///
    /// # Errors
    /// `AlreadyExists` when its place is taken.
    pub fn put_piece_back(
        &self,
        (project, run): (&ProjectDir, &str),
        to: BorrowedFd<'_>,
        path: &[u8],
    ) -> io::Result<bool> {
        let Some((from, name)) = self.piece(project, run, path)? else { return Ok(false) };
        let (parent, _) = open_parent(to, path)?;
        change::rename(&self.hook, Act::PutBack, from.as_fd(), &name, parent.as_fd(), &name)?;
        Ok(true)
    }

    /// Gives the directories that pieces were taken from, or came back to, the times that they had: to whoever looks at
    /// the run, only what was dropped differs.
    ///
    /// # Errors
    /// The system's, but for a directory that is gone.
    pub fn reset_times(&self, (project, run): (&ProjectDir, &str), of: BorrowedFd<'_>) -> io::Result<()> {
        let Some(item) = self.parts_item(project, run) else { return Ok(()) };
        for place in &item.places {
            let path = place.path.bytes().ok_or(io::ErrorKind::InvalidData)?;
            let opened = match path.as_slice() {
                b"" => dir::open_dir(of, c"."),
                path => open_parent(of, path).and_then(|(parent, name)| dir::open_dir(parent.as_fd(), &name)),
            };
            match opened {
                Ok(fd) if dir::meta(&fd)?.mtime_ns != place.mtime_ns => {
                    change::set_mtime(&self.hook, fd.as_fd(), place.mtime_ns)?;
                }
                Ok(_) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether a piece of a run lies here.
    ///
    /// # Errors
    /// The system's.
    pub fn has_piece(&self, project: &ProjectDir, run: &str, path: &[u8]) -> io::Result<bool> {
        Ok(self.piece(project, run, path)?.is_some())
    }

    /// Makes the moves of pieces durable, those from the store and those into it.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_pieces(&self) -> io::Result<()> {
        change::sync_all(&self.hook, self.fd.as_fd())
    }

    /// Removes the directories that parts of a run lay in. One that holds anything stays.
    ///
    /// # Errors
    /// The system's.
    pub fn drop_parts_shell(&self, project: &ProjectDir, run: &str) -> io::Result<()> {
        let shell = self.parts_shell(project)?;
        self.drop_hollow(shell.as_fd(), &dir::c_name(run.as_bytes())?)
    }

    fn drop_hollow(&self, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        let fd = match dir::open_dir(parent, name) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut listing = Listing::default();
        let (mark, _) = listing.push(fd.as_fd())?;
        for entry in listing.entries(mark).to_vec() {
            let name = listing.c_name(entry);
            if dir::meta_at(fd.as_fd(), name)?.kind == FileType::Directory {
                self.drop_hollow(fd.as_fd(), name)?;
            }
        }
        change::remove_empty_dir(&self.hook, parent, name)
    }

    pub(super) fn parts_shell(&self, project: &ProjectDir) -> io::Result<OwnedFd> {
        let all = change::ensure_dir(&self.hook, self.fd.as_fd(), PARTS)?;
        change::ensure_dir(&self.hook, all.as_fd(), &dir::c_name(&shell_name(project))?)
    }

    pub(super) fn piece(&self, project: &ProjectDir, run: &str, path: &[u8]) -> io::Result<Option<(OwnedFd, CString)>> {
        let here = [PARTS.to_bytes(), &shell_name(project), run.as_bytes(), path].join(&b'/');
        let found = open_parent(self.fd.as_fd(), &here).and_then(|(parent, name)| {
            dir::meta_at(parent.as_fd(), &name)?;
            Ok((parent, name))
        });
        match found {
            Ok(found) => Ok(Some(found)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn ensure_parent(&self, project: &ProjectDir, run: &str, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
        let mut parent =
            change::ensure_dir(&self.hook, self.parts_shell(project)?.as_fd(), &dir::c_name(run.as_bytes())?)?;
        let mut names = path.split(|b| *b == b'/').peekable();
        while let Some(name) = names.next() {
            let name = dir::c_name(name)?;
            if names.peek().is_none() {
                return Ok((parent, name));
            }
            parent = change::ensure_dir(&self.hook, parent.as_fd(), &name)?;
        }
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// What tells whether a piece of the open run, or anything in it, was written, put in or taken out between two looks:
/// names, kinds, inodes, lengths and times of files.
///
/// # Errors
/// The system's.
pub fn seal(run: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<blake3::Hash> {
    let (parent, name) = open_parent(run, path)?;
    sealed(parent.as_fd(), &name)
}

fn sealed(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    seal_into(&mut hasher, &mut Listing::default(), parent, name, 0)?;
    Ok(hasher.finalize())
}

fn seal_into(
    hasher: &mut blake3::Hasher,
    listing: &mut Listing,
    parent: BorrowedFd<'_>,
    name: &CStr,
    depth: usize,
) -> rustix::io::Result<()> {
    let meta = dir::meta_at(parent, name)?;
    hasher.update(name.to_bytes_with_nul());
    hasher.update(&[meta.kind.as_raw_mode().to_le_bytes().as_slice(), &meta.inode.to_le_bytes()].concat());
    if meta.kind != FileType::Directory {
        hasher.update(&[meta.len.to_le_bytes(), meta.mtime_ns.to_le_bytes()].concat());
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Err(rustix::io::Errno::NAMETOOLONG);
    }
    let fd = dir::open_dir(parent, name)?;
    let (mark, count) = listing.push(fd.as_fd())?;
    hasher.update(&(count as u64).to_le_bytes());
    for at in 0..count {
        let name = listing.c_name(listing.entry(mark, at)).to_owned();
        seal_into(hasher, listing, fd.as_fd(), &name, depth + 1)?;
    }
    listing.pop(mark);
    Ok(())
}

/// The open directory of an entry, no link followed, and its name there.
fn open_parent(from: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<(OwnedFd, CString)> {
    let mut parent = dir::open_dir(from, c".")?;
    let mut names = path.split(|b| *b == b'/').peekable();
    while let Some(name) = names.next() {
        // What a file of ours says is not believed: such a path would lead out of the run.
        if matches!(name, b"" | b"." | b"..") {
            return Err(rustix::io::Errno::INVAL);
        }
        let name = dir::c_name(name)?;
        if names.peek().is_none() {
            return Ok((parent, name));
        }
        parent = dir::open_dir(parent.as_fd(), &name)?;
    }
    Err(rustix::io::Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_path_that_leads_out_of_a_run_names_no_piece() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("run/a")).unwrap();
        fs::write(dir.path().join("run/a/b"), "text").unwrap();
        fs::write(dir.path().join("outside"), "text").unwrap();
        symlink("..", dir.path().join("run/link")).unwrap();
        let run = fs::File::open(dir.path().join("run")).unwrap();
        assert!(open_parent(run.as_fd(), b"a/b").is_ok());
        for path in ["", ".", "..", "/", "../outside", "a/../../outside", "a/..", "a//b", "./a", "a/", "/etc/passwd"] {
            assert_eq!(open_parent(run.as_fd(), path.as_bytes()).unwrap_err(), Errno::INVAL, "{path}");
        }
        let through = open_parent(run.as_fd(), b"link/outside").unwrap_err();
        assert!(matches!(through, Errno::LOOP | Errno::NOTDIR), "{through:?}");
    }
}
