//! What files take that are neither runs nor cache: measured when `usage` asks, by a plain walk.
//!
//! Nothing is removed here, so a library's walk serves. It does not follow links and stays on the device. What cannot be
//! read counts nothing in figures that are only shown; whoever decides by one asks [`freed_if_known`].

use crate::model::Size;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the tree or file at `path` takes; what cannot be read counts nothing.
pub fn tree(path: &Path) -> Size {
    trees([path])
}

/// What trees and files take together: a file with names in several of them counts once.
pub fn trees(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Size {
    let mut seen = HashSet::new();
    paths.into_iter().map(|path| one(path.as_ref(), &mut seen)).sum()
}

/// What removing trees and files would free: a file that has a name elsewhere stays. What cannot be read counts nothing.
pub fn freed(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Size {
    counted(paths).0
}

/// The same for whoever decides by it: what is gone counts nothing, and what cannot be read is an error.
///
/// # Errors
/// The first that cannot be read, with its path.
pub fn freed_if_known(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Size, (PathBuf, io::Error)> {
    match counted(paths) {
        (size, None) => Ok(size),
        (_, Some(unread)) => Err(unread),
    }
}

/// What can be read of what would be freed, and the first that cannot.
fn counted(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> (Size, Option<(PathBuf, io::Error)>) {
    let mut names: HashMap<(u64, u64), u64> = HashMap::new();
    let (mut total, mut unread) = (Size::ZERO, None);
    for path in paths {
        for entry in walk(path.as_ref()) {
            let meta = match entry.and_then(|entry| entry.metadata()) {
                Ok(meta) => meta,
                Err(error) => {
                    let at = error.path().unwrap_or(path.as_ref()).to_owned();
                    let source = io::Error::from(error);
                    if source.kind() != io::ErrorKind::NotFound && unread.is_none() {
                        unread = Some((at, bare(source)));
                    }
                    continue;
                }
            };
            if meta.nlink() > 1 && !meta.is_dir() {
                let found = names.entry((meta.dev(), meta.ino())).or_default();
                *found += 1;
                if *found < meta.nlink() {
                    continue;
                }
            }
            let size = if meta.is_file() { meta.len() } else { 0 };
            total += Size { size, disk: meta.blocks() * 512 };
        }
    }
    (total, unread)
}

/// The system's error alone: the walk's names the path as well.
fn bare(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<walkdir::Error>());
    let code = inner.and_then(|inner| inner.io_error()).and_then(io::Error::raw_os_error);
    code.map(io::Error::from_raw_os_error).unwrap_or(error)
}

/// A link that is itself asked for counts as a link: walkdir would follow it.
fn walk(path: &Path) -> walkdir::IntoIter {
    walkdir::WalkDir::new(path).follow_links(false).follow_root_links(false).same_file_system(true).into_iter()
}

fn one(path: &Path, seen: &mut HashSet<u64>) -> Size {
    let mut total = Size::ZERO;
    for entry in walk(path).flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if meta.nlink() > 1 && !meta.is_dir() && !seen.insert(meta.ino()) {
            continue;
        }
        let size = if meta.is_file() { meta.len() } else { 0 };
        total += Size { size, disk: meta.blocks() * 512 };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_a_name_elsewhere_is_not_freed() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::create_dir(&a).unwrap();
        std::fs::create_dir(&b).unwrap();
        std::fs::write(a.join("own"), [0; 100]).unwrap();
        std::fs::write(a.join("one"), [0; 1000]).unwrap();
        std::fs::hard_link(a.join("one"), a.join("two")).unwrap();
        std::fs::write(a.join("shared"), [0; 10_000]).unwrap();
        std::fs::hard_link(a.join("shared"), b.join("shared")).unwrap();
        assert_eq!(freed([&a]).size, 1100);
        assert_eq!(freed([&b]).size, 0);
        assert_eq!(freed([&a, &b]).size, 11_100);
        assert_eq!(freed([&a, &b]), trees([&a, &b]));
        assert_eq!(freed([a.join("gone")]), Size::ZERO);
    }
}
