//! A tree as a plain walk sees it: for comparing before and after, and for weighing as `du` does.

use otto_catalog::model::Size;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    mode: u32,
    inode: u64,
    len: u64,
    /// Nanoseconds; of directories only those inside a run, which nobody but the runner has a reason to change.
    mtime: Option<i128>,
    /// Hash of a file's bytes, or a link's text.
    content: Vec<u8>,
}

/// Everything below a directory, by path relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot(pub(crate) BTreeMap<PathBuf, Node>);

impl Snapshot {
    /// Of a whole tree, our own directory left out.
    pub(crate) fn of(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        each(root, &mut |path, meta| {
            let relative = path.strip_prefix(root).unwrap().to_owned();
            let content = if meta.is_file() {
                blake3::hash(&fs::read(path).unwrap()).as_bytes().to_vec()
            } else if meta.is_symlink() {
                fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
            } else {
                Vec::new()
            };
            let in_run = relative.components().any(|c| c.as_os_str() == "tasks");
            let mtime = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            let node = Node {
                mode: meta.mode(),
                inode: meta.ino(),
                len: if meta.is_dir() { 0 } else { meta.len() },
                mtime: (!meta.is_dir() || in_run).then_some(mtime),
                content,
            };
            nodes.insert(relative, node);
        });
        Self(nodes)
    }

    /// What lies at and below a path.
    pub(crate) fn at(&self, path: &str) -> Self {
        let path = Path::new(path.strip_prefix("./").unwrap_or(path));
        Self(self.0.iter().filter(|(p, _)| p.starts_with(path)).map(|(p, n)| (p.clone(), n.clone())).collect())
    }

    /// The same without what another copy cannot have: inodes.
    pub(crate) fn copied(mut self) -> Self {
        self.0.values_mut().for_each(|node| node.inode = 0);
        self
    }

    /// Paths that are here and not there, and the other way round, and those that differ.
    pub(crate) fn difference(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, node) in &self.0 {
            match other.0.get(path) {
                None => lines.push(format!("- {}", path.display())),
                Some(o) if o != node => lines.push(format!("! {}: {node:?} became {o:?}", path.display())),
                Some(_) => {}
            }
        }
        lines.extend(other.0.keys().filter(|p| !self.0.contains_key(*p)).map(|p| format!("+ {}", p.display())));
        lines
    }

    pub(crate) fn assert_same(&self, other: &Self, what: &str) {
        assert_eq!(self.difference(other), Vec::<String>::new(), "{what}");
    }
}

/// Calls `with` for everything below a directory; `.catalog` directly in it is left out. No link is followed.
pub(crate) fn each(root: &Path, with: &mut dyn FnMut(&Path, &fs::Metadata)) {
    fn go(dir: &Path, top: bool, with: &mut dyn FnMut(&Path, &fs::Metadata)) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if top && path.file_name().is_some_and(|n| n == ".catalog") {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            with(&path, &meta);
            if meta.is_dir() {
                go(&path, false, with);
            }
        }
    }
    go(root, true, with);
}

/// What everything below a directory takes, each inode once; the directory itself and `.catalog` left out.
pub(crate) fn du(root: &Path) -> Size {
    let mut seen = HashSet::new();
    let mut total = Size::ZERO;
    each(root, &mut |_, meta| weigh(meta, &mut seen, &mut total));
    total
}

/// As [`du`], with the directory itself.
pub(crate) fn du_with_self(path: &Path) -> Size {
    let mut seen = HashSet::new();
    let mut total = Size::ZERO;
    let meta = fs::symlink_metadata(path).unwrap();
    weigh(&meta, &mut seen, &mut total);
    if meta.is_dir() {
        each(path, &mut |_, meta| weigh(meta, &mut seen, &mut total));
    }
    total
}

fn weigh(meta: &fs::Metadata, seen: &mut HashSet<u64>, total: &mut Size) {
    if seen.insert(meta.ino()) {
        total.size += if meta.is_file() { meta.len() } else { 0 };
        total.disk += meta.blocks() * 512;
    }
}

/// The script links of runs that name no file now, by path relative to the store.
pub(crate) fn dangling_scripts(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    each(root, &mut |path, meta| {
        let is_script = path.file_stem().is_some_and(|n| n == "script");
        if is_script && meta.is_symlink() && fs::metadata(path).is_err() {
            found.push(path.strip_prefix(root).unwrap().to_owned());
        }
    });
    found.sort();
    found
}
