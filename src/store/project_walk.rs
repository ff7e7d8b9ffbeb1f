//! Listings of the store, of a project and of its cache: names and stamps. Runs are walked apart (`run_walk`).
//!
//! Each stamp is taken on the open descriptor *before* the listing: a change in between makes the next stamp differ, and
//! the directory is read again.

use super::dir::{self, Listing, Meta};
use super::layout;
use super::observation::{CacheListing, EntryObservation, ProjectListing};
use super::root::StoreRoot;
use crate::model::{NotARunName, Problem, ProjectDir, RunDir, Size, Stamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The store's own level.
#[derive(Clone, Debug)]
pub struct RootListing {
    /// Its stamp, taken before the listing.
    pub stamp: Stamp,
    /// Blocks of the root directory itself.
    pub own: Size,
    /// Directories with the name of a project.
    pub projects: Vec<ProjectDir>,
    /// Directories with the name of a run (2023), and their inodes.
    pub runs: Vec<(RunDir, u64)>,
    /// Names of all other entries but `.catalog`.
    pub others: Vec<Vec<u8>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// Our own directory in the store, which is no part of what it holds.
pub const CATALOG_DIR: &[u8] = b".catalog";

/// Lists the store.
///
/// # Errors
/// A problem with the root itself: then nothing can be said of the store.
pub fn list_root(root: &StoreRoot, listing: &mut Listing) -> Result<RootListing, Problem> {
    let problem = |act, error: rustix::io::Errno| Problem::new(root.path(), act, std::io::Error::from(error));
    let meta = dir::meta(root.fd()).map_err(|e| problem("read", e))?;
    // A descriptor of its own: reading moves the position, and the root's is shared.
    let fd = dir::open_dir(root.fd(), c".").map_err(|e| problem("open the directory", e))?;
    let (mark, count) = listing.push(fd.as_fd()).map_err(|e| problem("list", e))?;
    let mut found = RootListing {
        stamp: meta.stamp(),
        own: Size { size: 0, disk: meta.disk },
        projects: Vec::new(),
        runs: Vec::new(),
        others: Vec::new(),
        problems: Vec::new(),
    };
    for at in 0..count {
        let entry = listing.entry(mark, at);
        let name = listing.name(entry);
        if name == CATALOG_DIR {
            continue;
        }
        let kind = kind_of(fd.as_fd(), listing, entry);
        if kind == Some(FileType::Symlink) && layout::is_project_name(name) {
            let path = root.path().join(OsStr::from_bytes(name));
            found.problems.push(Problem::new(path, "walk", "it is a link, and links are not followed"));
        }
        // `2026-12345678` could be either; runs of 2023 have no number, so what looks like a project is one.
        if kind != Some(FileType::Directory) {
            found.others.push(name.to_vec());
        } else if layout::is_project_name(name) {
            found.projects.push(ProjectDir::new(name));
        } else if let Ok(run) = RunDir::parse(name) {
            found.runs.push((run, entry.inode));
        } else {
            found.others.push(name.to_vec());
        }
    }
    listing.pop(mark);
    Ok(found)
}

/// Opens a project. `Ok(None)`: it is gone, or something else than a directory.
pub fn open_project(root: &StoreRoot, project: &ProjectDir) -> Result<Option<(OwnedFd, Meta)>, Problem> {
    let path = project_path(root, project);
    let problem = |act, error: rustix::io::Errno| Problem::new(&path, act, std::io::Error::from(error));
    let name = dir::c_name(project.as_bytes()).map_err(|e| problem("open", e))?;
    let fd = match dir::open_dir(root.fd(), &name) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => return Ok(None),
        Err(error) => return Err(problem("open the directory", error)),
    };
    let meta = dir::meta(&fd).map_err(|e| problem("read", e))?;
    if meta.dev != root.dev() {
        return Err(Problem::new(&path, "walk", "it is on another device"));
    }
    Ok(Some((fd, meta)))
}

/// A project's path, for people.
pub fn project_path(root: &StoreRoot, project: &ProjectDir) -> PathBuf {
    if project.is_root() { root.path().to_owned() } else { root.path().join(OsStr::from_bytes(project.as_bytes())) }
}

/// Lists an open project and its cache.
pub fn list_project(
    root: &StoreRoot,
    dir_name: &ProjectDir,
    fd: BorrowedFd<'_>,
    meta: &Meta,
    listing: &mut Listing,
) -> ProjectListing {
    list(root, dir_name, fd, meta, Cache::Listed, listing)
}

/// As [`list_project`], but leaves out the cache, which is known to be what it was.
pub fn list_project_but_its_cache(
    root: &StoreRoot,
    dir_name: &ProjectDir,
    fd: BorrowedFd<'_>,
    meta: &Meta,
    listing: &mut Listing,
) -> ProjectListing {
    list(root, dir_name, fd, meta, Cache::LeftOut, listing)
}

/// What is done with a project's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cache {
    Listed,
    LeftOut,
}

fn list(
    root: &StoreRoot,
    dir_name: &ProjectDir,
    fd: BorrowedFd<'_>,
    meta: &Meta,
    cache: Cache,
    listing: &mut Listing,
) -> ProjectListing {
    let path = project_path(root, dir_name);
    let mut found = ProjectListing {
        dir: dir_name.clone(),
        stamp: meta.stamp(),
        own: Size { size: 0, disk: meta.disk },
        runs: Vec::new(),
        cache: None,
        cache_left_out: cache == Cache::LeftOut,
        others: Vec::new(),
        problems: Vec::new(),
        whole: true,
    };
    let (mark, count) = match listing.push(fd) {
        Ok(pushed) => pushed,
        Err(error) => {
            found.whole = false;
            found.problems.push(Problem::new(path, "list", std::io::Error::from(error)));
            return found;
        }
    };
    for at in 0..count {
        let entry = listing.entry(mark, at);
        let name = listing.name(entry).to_vec();
        let kind = kind_of(fd, listing, entry);
        let here = || path.join(OsStr::from_bytes(&name));
        if name == layout::CACHE {
            match kind {
                Some(FileType::Directory) if cache == Cache::LeftOut => {}
                Some(FileType::Directory) => match dir::open_dir(fd, listing.c_name(entry)) {
                    Ok(cache) => {
                        found.cache = Some(list_cache(root, cache.as_fd(), &here(), listing, &mut found.problems))
                    }
                    Err(error) => {
                        found.whole = false;
                        found.problems.push(Problem::new(here(), "open the directory", std::io::Error::from(error)));
                    }
                },
                _ => {
                    found.problems.push(Problem::new(here(), "read the cache", "it is not a directory"));
                    found.others.push(name);
                }
            }
            continue;
        }
        match (RunDir::parse(&name), kind) {
            (Ok(run), Some(FileType::Directory)) => found.runs.push((run, entry.inode)),
            (Ok(_), Some(FileType::Symlink)) => {
                found.problems.push(Problem::new(here(), "walk", "it is a link, and links are not followed"));
                found.others.push(name);
            }
            (Err(NotARunName::NoTime), Some(FileType::Directory)) => {
                found.problems.push(Problem::new(here(), "read the name of", NotARunName::NoTime));
                found.others.push(name);
            }
            (_, None) => {
                found.whole = false;
                found.others.push(name);
            }
            _ => found.others.push(name),
        }
    }
    listing.pop(mark);
    found
}

/// The runs of an open project, by their names alone: to see at once whether one appeared.
///
/// # Errors
/// The system's; then nobody knows.
pub fn list_runs(fd: BorrowedFd<'_>) -> rustix::io::Result<Vec<RunDir>> {
    let mut listing = Listing::default();
    // A descriptor of its own: reading moves the position.
    let own = dir::open_dir(fd, c".")?;
    let (mark, _) = listing.push(own.as_fd())?;
    let mut runs = Vec::new();
    for entry in listing.entries(mark) {
        let Ok(run) = RunDir::parse(listing.name(*entry)) else { continue };
        if kind_of(own.as_fd(), &listing, *entry).is_none_or(|kind| kind == FileType::Directory) {
            runs.push(run);
        }
    }
    Ok(runs)
}

fn kind_of(parent: BorrowedFd<'_>, listing: &Listing, entry: dir::Entry) -> Option<FileType> {
    match entry.kind {
        FileType::Unknown => dir::meta_at(parent, listing.c_name(entry)).ok().map(|m| m.kind),
        kind => Some(kind),
    }
}

/// Lists an open cache: its files, and those of its direct subdirectories (the nested cache of June 2025).
fn list_cache(
    root: &StoreRoot,
    fd: BorrowedFd<'_>,
    path: &std::path::Path,
    listing: &mut Listing,
    problems: &mut Vec<Problem>,
) -> CacheListing {
    let mut found = CacheListing { whole: true, ..CacheListing::default() };
    list_cache_dir(root, fd, path, &[], listing, problems, &mut found);
    found
}

fn list_cache_dir(
    root: &StoreRoot,
    fd: BorrowedFd<'_>,
    path: &std::path::Path,
    relative: &[u8],
    listing: &mut Listing,
    problems: &mut Vec<Problem>,
    found: &mut CacheListing,
) {
    let mut fail = |found: &mut CacheListing, path: PathBuf, act, error: rustix::io::Errno| {
        found.whole = false;
        problems.push(Problem::new(path, act, std::io::Error::from(error)));
    };
    let meta = match dir::meta(fd) {
        Ok(meta) if meta.dev == root.dev() => meta,
        Ok(_) => return fail(found, path.to_owned(), "walk", rustix::io::Errno::XDEV),
        Err(error) => return fail(found, path.to_owned(), "read", error),
    };
    found.dirs.push((relative.to_vec(), meta.stamp()));
    found.rest += Size { size: 0, disk: meta.disk };
    let (mark, count) = match listing.push(fd) {
        Ok(pushed) => pushed,
        Err(error) => return fail(found, path.to_owned(), "list", error),
    };
    for at in 0..count {
        let entry = listing.entry(mark, at);
        let name = listing.name(entry).to_vec();
        let here = path.join(OsStr::from_bytes(&name));
        let mut below = relative.to_vec();
        if !below.is_empty() {
            below.push(b'/');
        }
        below.extend_from_slice(&name);
        if kind_of(fd, listing, entry) == Some(FileType::Directory) && relative.is_empty() {
            match dir::open_dir(fd, listing.c_name(entry)) {
                Ok(sub) => list_cache_dir(root, sub.as_fd(), &here, &below, listing, problems, found),
                Err(error) => {
                    found.whole = false;
                    problems.push(Problem::new(&here, "open the directory", std::io::Error::from(error)));
                }
            }
            continue;
        }
        match dir::meta_at(fd, listing.c_name(entry)) {
            Ok(meta) if meta.kind == FileType::RegularFile && layout::is_cache_entry_name(&name) => {
                found.entries.push(EntryObservation {
                    path: below,
                    size: Size { size: meta.len, disk: meta.disk },
                    inode: meta.inode,
                    mtime_ns: meta.mtime_ns,
                    links: meta.links,
                });
            }
            Ok(meta) if meta.kind == FileType::Directory => found.rest += super::measure::tree(&here),
            Ok(meta) => {
                let size = if meta.kind == FileType::RegularFile { meta.len } else { 0 };
                found.rest += Size { size, disk: meta.disk };
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => {
                found.whole = false;
                problems.push(Problem::new(&here, "read", std::io::Error::from(error)));
            }
        }
    }
    listing.pop(mark);
}
