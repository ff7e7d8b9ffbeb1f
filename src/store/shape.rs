//! What a copy of a tree has in common with it, however it was made: names, kinds, lengths of files and texts of links.
//!
//! Inodes, times, rights and second names of a file are not: they may be others in a copy.

use super::dir::{self, Listing};
use super::run_walk::MAX_DEPTH;
use rustix::fd::{AsFd as _, BorrowedFd};
use rustix::fs::FileType;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;

/// The shape of a tree, in the making.
#[derive(Clone, Debug, Default)]
pub struct Shape(BTreeMap<Vec<u8>, Vec<u8>>);

impl Shape {
    /// Of the directory `name` of an open one. No link is followed and no device crossed.
    ///
    /// # Errors
    /// The system's, with the path in the tree at which it went wrong; a tree that is too deep or goes on on another device.
    pub fn of(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        let fd = dir::open_dir(parent, name)?;
        let mut walk =
            Walk { shape: Self::default(), listing: Listing::default(), path: Vec::new(), dev: dir::meta(&fd)?.dev };
        match walk.directory(fd.as_fd(), 0) {
            Ok(()) => Ok(walk.shape),
            Err(error) => {
                let path = String::from_utf8_lossy(&walk.path).into_owned();
                Err(io::Error::new(error.kind(), format!("`{path}` in it: {error}")))
            }
        }
    }

    /// Adds a directory, by its path below the tree's.
    pub fn directory(&mut self, path: &[u8]) {
        self.add(path, b'd', &[]);
    }

    /// Adds a name of a file.
    pub fn file(&mut self, path: &[u8], length: u64) {
        self.add(path, b'f', &length.to_le_bytes());
    }

    /// Adds a link.
    pub fn link(&mut self, path: &[u8], text: &[u8]) {
        self.add(path, b'l', text);
    }

    fn add(&mut self, path: &[u8], kind: u8, what: &[u8]) {
        self.0.insert(path.to_vec(), [&[kind], what].concat());
    }

    /// Hex of the blake3 of all of it, in order.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in self.0.iter().flat_map(|(path, what)| [path, what]) {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize().to_hex().to_string()
    }
}

struct Walk {
    shape: Shape,
    listing: Listing,
    /// Where it is, and where it stopped.
    path: Vec<u8>,
    dev: u64,
}

impl Walk {
    fn directory(&mut self, fd: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
        let (mark, count) = self.listing.push(fd)?;
        for at in 0..count {
            let entry = self.listing.entry(mark, at);
            let name = self.listing.c_name(entry).to_owned();
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.to_bytes());
            self.entry(fd, &name, depth)?;
            self.path.truncate(length);
        }
        self.listing.pop(mark);
        Ok(())
    }

    fn entry(&mut self, parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> io::Result<()> {
        let meta = dir::meta_at(parent, name)?;
        match meta.kind {
            FileType::Directory => {
                let fd = dir::open_dir(parent, name)?;
                if dir::meta(&fd)?.dev != self.dev || depth + 1 >= MAX_DEPTH {
                    return Err(io::Error::other("it is too deep, or on another device"));
                }
                self.shape.directory(&self.path);
                self.directory(fd.as_fd(), depth + 1)?;
            }
            FileType::RegularFile => self.shape.file(&self.path, meta.len),
            FileType::Symlink => {
                let mut buffer = [MaybeUninit::uninit(); 4096];
                self.shape.link(&self.path, dir::link_text(parent, name, &mut buffer)?);
            }
            _ => self.shape.add(&self.path, b'o', &[]),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn digest(root: &Path, name: &CStr) -> String {
        Shape::of(fs::File::open(root).unwrap().as_fd(), name).unwrap().digest()
    }

    #[test]
    fn a_copy_has_the_shape_of_what_it_is_a_copy_of_and_anything_else_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let make = |name: &str| {
            fs::create_dir_all(root.join(name).join("tasks/a")).unwrap();
            fs::write(root.join(name).join("tasks/a/log"), "one").unwrap();
            std::os::unix::fs::symlink("log", root.join(name).join("tasks/a/link")).unwrap();
        };
        make("one");
        fs::hard_link(root.join("one/tasks/a/log"), root.join("one/second")).unwrap();
        make("copy");
        fs::write(root.join("copy/second"), "two").unwrap();
        let one = digest(root, c"one");
        assert_eq!(one, digest(root, c"copy"), "times, inodes and contents of one length");
        let mut told = Shape::default();
        told.file(b"tasks/a/log", 3);
        told.link(b"tasks/a/link", b"log");
        told.file(b"second", 3);
        told.directory(b"tasks");
        told.directory(b"tasks/a");
        assert_eq!(one, told.digest(), "in whatever order it is told");
        let changes: [fn(&Path); 4] = [
            |at| fs::write(at.join("second"), "longer").unwrap(),
            |at| fs::create_dir(at.join("tasks/b")).unwrap(),
            |at| fs::rename(at.join("tasks/a/log"), at.join("tasks/a/other")).unwrap(),
            |at| {
                fs::remove_file(at.join("tasks/a/link")).unwrap();
                std::os::unix::fs::symlink("lag", at.join("tasks/a/link")).unwrap();
            },
        ];
        let mut seen = vec![one];
        for change in changes {
            change(&root.join("copy"));
            let now = digest(root, c"copy");
            assert!(!seen.contains(&now), "{seen:?}");
            seen.push(now);
        }
    }
}
