//! The cache entries that travel with runs. What is not there cannot: a run may name what is gone. What is there and
//! cannot be read is another matter: a run without its script is not all of that run.

use super::manifest::{self, ArchivedEntry};
use super::survey;
use crate::model::ProjectDir;
use crate::store::dir;
use crate::store::root::StoreRoot;
use crate::store::trash::JsonName;
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io;

/// Where entries are: a project, and a path below its cache.
pub(super) type EntryPlace = (ProjectDir, Vec<u8>);

/// The entries that were read, each once.
pub(super) struct Scripts<'s> {
    root: &'s StoreRoot,
    read: BTreeMap<EntryPlace, Option<ArchivedEntry>>,
    places: BTreeMap<ProjectDir, Option<OwnedFd>>,
}

impl<'s> Scripts<'s> {
    pub(super) fn new(root: &'s StoreRoot) -> Self {
        Self { root, read: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// Reads the entries that a reference names, unless that was done.
    ///
    /// # Errors
    /// What is there and cannot be read, and why.
    pub(super) fn add(&mut self, (project, path): &EntryPlace) -> Result<(), String> {
        let unread = |path: &[u8], why: &dyn std::fmt::Display| {
            let path = String::from_utf8_lossy(path).into_owned();
            format!("`{project}/.cache/{path}`, which it names, cannot be read: {why}")
        };
        if project.is_root() {
            return Ok(());
        }
        if !self.places.contains_key(project) {
            let opened = project_walk::open_project(self.root, project).map_err(|problem| unread(path, &problem))?;
            self.places.insert(project.clone(), opened.map(|(fd, _)| fd));
        }
        let Some(Some(place)) = self.places.get(project) else { return Ok(()) };
        let named = || -> rustix::io::Result<Vec<Vec<u8>>> {
            match dir::open_dir(place.as_fd(), c".cache") {
                Ok(cache) => cache_place::named(cache.as_fd(), path),
                Err(error) if is_none(error) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        };
        for path in named().map_err(|error| unread(path, &io::Error::from(error)))? {
            if let Entry::Vacant(unknown) = self.read.entry((project.clone(), path)) {
                let path = &unknown.key().1;
                let found = entry(place.as_fd(), project, path).map_err(|error| unread(path, &error))?;
                unknown.insert(found);
            }
        }
        Ok(())
    }

    /// All that was read, in order.
    pub(super) fn into_entries(self) -> Vec<ArchivedEntry> {
        self.read.into_values().flatten().collect()
    }
}

/// Whether an error says that no entry is there: nothing, or something else.
fn is_none(error: Errno) -> bool {
    [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].contains(&error)
}

/// A cache entry as it is; `None` where there is none.
fn entry(place: BorrowedFd<'_>, project: &ProjectDir, path: &[u8]) -> io::Result<Option<ArchivedEntry>> {
    let opened = cache_place::open(place, path).and_then(|(above, name)| {
        Ok(match dir::meta_at(above.as_fd(), &name)?.kind {
            FileType::RegularFile => Some(dir::open_file(above.as_fd(), &name)?),
            _ => None,
        })
    });
    let fd = match opened {
        Ok(Some(fd)) => fd,
        Ok(None) => return Ok(None),
        Err(error) if is_none(error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let meta = dir::meta(&fd)?;
    let (length, hash) = survey::hash(File::from(fd), meta.len)?;
    if length != meta.len {
        return Err(io::Error::other("it changed meanwhile"));
    }
    Ok(Some(ArchivedEntry {
        project: JsonName::new(project.as_bytes()),
        entry: JsonName::new(path),
        mode: meta.mode & manifest::FILE_MODE,
        mtime_ns: meta.mtime_ns,
        size_bytes: meta.len,
        blake3: hash.to_hex().to_string(),
    }))
}
