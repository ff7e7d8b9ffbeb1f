//! What lies outside the store and must not change: content, times, mode, owner, number of names, existence.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Everything that `lstat` tells of an entry but when it was read, and its content.
type Feathers = (u64, u32, u64, u32, u32, u64, (i64, i64), (i64, i64), Vec<u8>);

/// A tree outside the store.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Canaries(BTreeMap<PathBuf, Feathers>);

impl Canaries {
    /// Of everything at and below a path.
    pub(super) fn at(root: &Path) -> Self {
        Self::of(root, &|_| false)
    }

    /// The same without some parts of it.
    pub(super) fn of(root: &Path, without: &dyn Fn(&Path) -> bool) -> Self {
        let mut found = BTreeMap::new();
        note(root, root, without, &mut found);
        Self(found)
    }

    /// The same without the inode of `root` itself, whose name somebody else changed.
    pub(super) fn below(root: &Path) -> Self {
        let mut all = Self::at(root);
        all.0.remove(Path::new(""));
        all
    }

    #[track_caller]
    pub(super) fn assert_unchanged(&self, now: &Self, when: &str) {
        for (path, then) in &self.0 {
            match now.0.get(path) {
                None => panic!("{when}: the canary {} is gone", path.display()),
                Some(is) => assert_eq!(then, is, "{when}: the canary {} changed", path.display()),
            }
        }
        let new: Vec<_> = now.0.keys().filter(|path| !self.0.contains_key(*path)).collect();
        assert!(new.is_empty(), "{when}: something was made beside the canaries: {new:?}");
    }
}

fn note(root: &Path, path: &Path, without: &dyn Fn(&Path) -> bool, found: &mut BTreeMap<PathBuf, Feathers>) {
    if without(path) {
        return;
    }
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    let content = if meta.is_file() {
        fs::read(path).unwrap()
    } else if meta.is_symlink() {
        fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else {
        Vec::new()
    };
    let feathers = (
        meta.ino(),
        meta.mode(),
        meta.nlink(),
        meta.uid(),
        meta.gid(),
        meta.len(),
        (meta.mtime(), meta.mtime_nsec()),
        (meta.ctime(), meta.ctime_nsec()),
        content,
    );
    found.insert(path.strip_prefix(root).unwrap().to_owned(), feathers);
    if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            note(root, &entry.unwrap().path(), without, found);
        }
    }
}
