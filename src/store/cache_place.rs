//! Places in a project's cache: where an entry lies, and which entries a reference names. No link is followed on the way.

use super::dir::{self, Listing};
use super::layout;
use super::reference::Reference;
use crate::model::ProjectDir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::CString;

/// The open directory in which an entry of a project's cache lies, and its name there.
///
/// # Errors
/// The system's: `NOENT` when there is no such directory.
pub fn open(project: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<(OwnedFd, CString)> {
    in_cache(dir::open_dir(project, c".cache")?, path)
}

fn in_cache(cache: OwnedFd, path: &[u8]) -> rustix::io::Result<(OwnedFd, CString)> {
    match path.iter().position(|b| *b == b'/') {
        None => Ok((cache, dir::c_name(path)?)),
        Some(slash) => {
            let below = dir::open_dir(cache.as_fd(), &dir::c_name(&path[..slash])?)?;
            // An entry lies in the cache or one level below. What lies deeper is none, and its name is no way to go.
            let name = &path[slash + 1..];
            if name.contains(&b'/') { Err(rustix::io::Errno::NOENT) } else { Ok((below, dir::c_name(name)?)) }
        }
    }
}

/// A stray file of the runner's in a cache: it died before it renamed it.
#[derive(Clone, Debug)]
pub struct Stray {
    /// Its name in the cache.
    pub name: Vec<u8>,
    /// What it is.
    pub meta: dir::Meta,
}

/// The regular files of a project's cache that have a name of the runner's temporary files, and no other name.
///
/// # Errors
/// The system's: `NOENT` when there is no cache.
pub fn strays(project: BorrowedFd<'_>) -> rustix::io::Result<Vec<Stray>> {
    let cache = dir::open_dir(project, c".cache")?;
    let mut listing = Listing::default();
    let (mark, _) = listing.push(cache.as_fd())?;
    let mut found = Vec::new();
    for entry in listing.entries(mark).iter().filter(|entry| layout::is_temporary_name(listing.name(**entry))) {
        let meta = dir::meta_at(cache.as_fd(), listing.c_name(*entry))?;
        if meta.kind == FileType::RegularFile && meta.links == 1 {
            found.push(Stray { name: listing.name(*entry).to_vec(), meta });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

impl Reference {
    /// The projects of the store whose caches are meant: the run's own, and the one that is named.
    pub fn projects(&self, own: &ProjectDir) -> impl Iterator<Item = ProjectDir> + use<> {
        let named =
            self.project.as_ref().filter(|named| *named != own.as_bytes() && layout::is_project_name(named)).cloned();
        std::iter::once(own.clone()).chain(named.map(ProjectDir::new))
    }

    /// Whether it names that entry.
    pub fn names(&self, path: &[u8]) -> bool {
        match path.strip_prefix(self.path.as_slice()) {
            Some(rest) => self.path.is_empty() || rest.is_empty() || rest[0] == b'/',
            None => false,
        }
    }
}

/// The entries of an open cache that a reference names: the one at its path, or all below it. What is not there, or is no
/// entry, is left out.
///
/// # Errors
/// The system's.
pub fn named(cache: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let gone = |error: &rustix::io::Errno| {
        // A link or a file where a directory was meant holds no entry of ours.
        [rustix::io::Errno::NOENT, rustix::io::Errno::NOTDIR, rustix::io::Errno::LOOP].contains(error)
    };
    if path.is_empty() {
        below(cache, &[], &mut found)?;
        return Ok(found);
    }
    let (place, name) = match in_cache(dir::open_dir(cache, c".")?, path) {
        Ok(opened) => opened,
        Err(error) if gone(&error) => return Ok(found),
        Err(error) => return Err(error),
    };
    match dir::meta_at(place.as_fd(), &name) {
        Ok(meta) if meta.kind == FileType::RegularFile && layout::is_cache_entry_name(name.to_bytes()) => {
            found.push(path.to_vec());
        }
        Ok(meta) if meta.kind == FileType::Directory && !path.contains(&b'/') => {
            below(dir::open_dir(place.as_fd(), &name)?.as_fd(), path, &mut found)?;
        }
        Ok(_) => {}
        Err(error) if gone(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

fn below(directory: BorrowedFd<'_>, path: &[u8], found: &mut Vec<Vec<u8>>) -> rustix::io::Result<()> {
    let own = dir::open_dir(directory, c".")?;
    let mut listing = Listing::default();
    let (mark, count) = listing.push(own.as_fd())?;
    for at in 0..count {
        let entry = listing.entry(mark, at);
        let (name, c_name) = (listing.name(entry), listing.c_name(entry));
        let kind = match entry.kind {
            FileType::Unknown => dir::meta_at(own.as_fd(), c_name)?.kind,
            kind => kind,
        };
        let here = if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') };
        match kind {
            FileType::RegularFile if layout::is_cache_entry_name(name) => found.push(here),
            FileType::Directory if path.is_empty() => {
                below(dir::open_dir(own.as_fd(), c_name)?.as_fd(), &here, found)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_one_entry_or_all_below_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path();
        for name in ["a1b2c3d4.sh", "build/0011aabb", "build/2233ccdd", "build/deep/44556677"] {
            let path = project.join(".cache").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink("build", project.join(".cache/aabbccdd.sh")).unwrap();
        let fd = std::fs::File::open(project.join(".cache")).unwrap();
        let named = |path: &str| -> Vec<String> {
            let found = named(fd.as_fd(), path.as_bytes()).unwrap();
            found.into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
        };
        assert_eq!(named("a1b2c3d4.sh"), ["a1b2c3d4.sh"]);
        assert_eq!(named("build"), ["build/0011aabb", "build/2233ccdd"]);
        assert_eq!(named("build/0011aabb"), ["build/0011aabb"]);
        assert_eq!(named(""), ["a1b2c3d4.sh", "build/0011aabb", "build/2233ccdd"]);
        for nothing in ["gone.sh", "gone/0011aabb", "build/deep/44556677", "aabbccdd.sh", "aabbccdd.sh/0011aabb"] {
            assert_eq!(named(nothing), [""; 0], "{nothing}");
        }
    }
}
