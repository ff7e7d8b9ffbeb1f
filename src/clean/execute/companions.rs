//! What a run that can be restored takes along: companions of the cache entries that it names, in every project of the
//! store that its links mean.
//!
//! They are kept before the run is looked at for the last time and moved: if that look finds it as the catalog knows it,
//! its references are those that the catalog knows. They are durable before the decision is committed.

use super::Work;
use crate::model::ProjectDir;
use crate::store::dir;
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::HashSet;
use std::io;

/// The companions of one operation.
#[derive(Debug, Default)]
pub(super) struct Companions {
    /// References that were followed.
    known: HashSet<(ProjectDir, Vec<u8>)>,
    /// One in each directory that was written to since the last sync.
    unsynced: Vec<(ProjectDir, Vec<u8>)>,
    /// Projects with an entry that got a second name since the last commit.
    linked: HashSet<ProjectDir>,
}

impl Work<'_> {
    /// Keeps a companion of every cache entry that a run names.
    pub(super) fn keep_companions(&mut self, run: i64) -> io::Result<()> {
        for (project, path) in self.session.catalog.names_of(run).map_err(io::Error::other)? {
            let reference = (project, path);
            if !self.companions.known.contains(&reference) {
                self.keep_companions_of(&reference.0, &reference.1)?;
                self.companions.known.insert(reference);
            }
        }
        Ok(())
    }

    fn keep_companions_of(&mut self, project: &ProjectDir, path: &[u8]) -> io::Result<()> {
        let Some(place) = self.cache_of(project)? else { return Ok(()) };
        let Ok(cache) = dir::open_dir(place.as_fd(), c".cache") else { return Ok(()) };
        for entry in cache_place::named(cache.as_fd(), path)? {
            let kept = cache_place::open(place.as_fd(), &entry)
                .map_err(io::Error::from)
                .and_then(|(from, name)| self.operation.keep_companion(project, &entry, from.as_fd(), &name));
            match kept {
                Ok(true) => {
                    self.companions.linked.insert(project.clone());
                    self.companions.unsynced.push((project.clone(), entry));
                }
                Ok(false) => {}
                // It went while we looked, or something that is no entry has its name: there is nothing to keep.
                Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::InvalidInput].contains(&error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The open directory of a project whose cache may be named; `None` when it is not there.
    fn cache_of(&self, project: &ProjectDir) -> io::Result<Option<OwnedFd>> {
        if project.is_root() {
            return Ok(None);
        }
        let root = self.session.store().map_err(io::Error::other)?;
        match project_walk::open_project(root, project) {
            Ok(opened) => Ok(opened.map(|(fd, _)| fd)),
            Err(problem) => Err(io::Error::other(problem.to_string())),
        }
    }

    /// Makes the companions durable.
    pub(super) fn sync_companions(&mut self) -> io::Result<()> {
        let above = |path: &[u8]| path.iter().rposition(|b| *b == b'/').map(|at| path[..at].to_vec());
        let mut synced = HashSet::new();
        for (project, path) in std::mem::take(&mut self.companions.unsynced) {
            if synced.insert((project.clone(), above(&path))) {
                self.operation.sync_companion(&project, &path)?;
            }
        }
        Ok(())
    }

    /// The projects in whose caches files got a second name and nobody was told yet.
    pub(super) fn linked(&self) -> HashSet<ProjectDir> {
        self.companions.linked.clone()
    }

    /// Somebody was told.
    pub(super) fn told_of_linked(&mut self) {
        self.companions.linked.clear();
    }
}
