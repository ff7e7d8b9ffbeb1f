//! What files take that are neither runs nor cache: measured when `usage` asks, by a plain walk.
//!
//! Nothing is decided by these figures and nothing is removed, so a library's walk serves. It does not follow links and
//! stays on the device.

use crate::model::Size;
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the tree or file at `path` takes; what cannot be read counts nothing.
pub fn tree(path: &Path) -> Size {
    trees([path])
}

/// What trees and files take together: a file with names in several of them counts once.
pub fn trees(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Size {
    let mut seen = HashSet::new();
    paths.into_iter().map(|path| one(path.as_ref(), &mut seen)).sum()
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
