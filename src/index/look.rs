//! What changed since the last look: stamps first, listings only where a stamp differs.

use crate::catalog::{ProjectState, StoreState};
use crate::model::{Clock, Problem, ProjectDir, RunDir, Stamp};
use crate::store::dir::{self, Listing};
use crate::store::layout;
use crate::store::observation::ProjectListing;
use crate::store::project_walk::{self, RootListing};
use crate::store::root::StoreRoot;
use rustix::fd::AsFd;
use rustix::fs::FileType;
use std::collections::HashMap;

/// What has to be read again.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The store's own level, when it changed.
    pub(super) root: Option<RootListing>,
    /// Projects that changed or are new.
    pub(super) projects: Vec<ProjectListing>,
    /// Rows of projects that are gone, or are no projects any more.
    pub(super) gone: Vec<i64>,
    /// Directories with the name of a project that hold neither a run nor a cache, or are new and cannot be opened.
    pub(super) not_projects: Vec<ProjectDir>,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
}

/// Compares the store with what is known of it.
///
/// `full` distrusts every stamp. `unproven` are names of project shape that were none at the last look: they may have
/// become one without a trace in the root's stamp.
pub(super) fn look(
    root: &StoreRoot,
    state: &StoreState,
    known: &[ProjectState],
    unproven: Vec<ProjectDir>,
    full: bool,
    listing: &mut Listing,
) -> Result<Changes, Problem> {
    let mut changes = Changes::default();
    let problem = |cause: std::io::Error| Problem::new(root.path(), "read", cause);
    let stamp = root.meta().map_err(problem)?.stamp();
    let candidates = if full || !state.trusted || stamp != state.stamp {
        let listed = project_walk::list_root(root, listing)?;
        let names = listed.projects.clone();
        changes.problems.extend(listed.problems.iter().cloned());
        changes.root = Some(listed);
        names
    } else {
        known.iter().filter(|p| !p.dir.is_root()).map(|p| p.dir.clone()).chain(unproven).collect()
    };
    let by_dir: HashMap<&ProjectDir, &ProjectState> = known.iter().map(|p| (&p.dir, p)).collect();
    let mut seen = Vec::with_capacity(candidates.len());
    for name in candidates {
        let before = by_dir.get(&name).copied();
        let cache_is_unchanged = !full && before.is_some_and(|p| cache_is_unchanged(root, p));
        if cache_is_unchanged && before.is_some_and(|p| is_unchanged(root, p)) {
            seen.push(name);
            continue;
        }
        match project_walk::open_project(root, &name) {
            Ok(None) => {}
            Ok(Some((fd, meta))) => {
                // Most often a run came and the cache is what it was: its entries need not be looked at one by one.
                let list = if cache_is_unchanged && before.is_some_and(has_cache) {
                    project_walk::list_project_but_its_cache
                } else {
                    project_walk::list_project
                };
                let listed = list(root, &name, fd.as_fd(), &meta, listing);
                changes.problems.extend(listed.problems.iter().cloned());
                if before.is_some() || listed.cache.is_some() || holds_a_run(fd.as_fd(), &listed.runs) {
                    changes.projects.push(listed);
                    seen.push(name);
                } else {
                    changes.not_projects.push(name);
                }
            }
            Err(problem) => {
                changes.problems.push(problem);
                match before {
                    Some(before) => changes.projects.push(unreadable(before)),
                    // A right that is given to it shows in no stamp of the root.
                    None => changes.not_projects.push(name.clone()),
                }
                seen.push(name);
            }
        }
    }
    let seen: std::collections::HashSet<ProjectDir> = seen.into_iter().collect();
    changes.gone = known.iter().filter(|p| !p.dir.is_root() && !seen.contains(&p.dir)).map(|p| p.key).collect();
    Ok(changes)
}

/// Whether the stamp of a project is what it was, and could be trusted then.
fn is_unchanged(root: &StoreRoot, project: &ProjectState) -> bool {
    project.trusted && project.whole && stamp_of(root, &[project.dir.as_bytes()]) == Some(project.stamp)
}

/// The same of all directories of its cache; also of none.
fn cache_is_unchanged(root: &StoreRoot, project: &ProjectState) -> bool {
    let name = project.dir.as_bytes();
    project.cache_dirs.iter().all(|(path, stamp, trusted)| {
        let found = if path.is_empty() {
            stamp_of(root, &[name, layout::CACHE])
        } else {
            stamp_of(root, &[name, layout::CACHE, path])
        };
        *trusted && found == Some(*stamp)
    })
}

/// Whether its cache was there at the last look.
fn has_cache(project: &ProjectState) -> bool {
    project.cache_dirs.iter().any(|(path, ..)| path.is_empty())
}

fn stamp_of(root: &StoreRoot, parts: &[&[u8]]) -> Option<Stamp> {
    let name = dir::c_name(&parts.join(&b'/')).ok()?;
    let meta = dir::meta_at(root.fd(), &name).ok()?;
    (meta.kind == FileType::Directory).then(|| meta.stamp())
}

/// Whether one of these directories shows what makes a run. A look only: the walk decides.
fn holds_a_run(project: rustix::fd::BorrowedFd<'_>, runs: &[(RunDir, u64)]) -> bool {
    runs.iter().any(|(run, _)| {
        [layout::TASKS, layout::RUN_YAML].iter().any(|part| {
            let path = [run.as_str().as_bytes(), part].join(&b'/');
            dir::c_name(&path).is_ok_and(|name| dir::meta_at(project, &name).is_ok())
        })
    })
}

/// A project that is there but could not be listed: nothing of it is forgotten, and nothing of it is removed.
fn unreadable(before: &ProjectState) -> ProjectListing {
    ProjectListing {
        dir: before.dir.clone(),
        stamp: before.stamp,
        own: crate::model::Size::ZERO,
        runs: Vec::new(),
        cache: None,
        cache_left_out: true,
        others: Vec::new(),
        problems: Vec::new(),
        whole: false,
    }
}

/// Whether a stamp that was just taken can be trusted at the next look.
pub(super) fn is_trusted(stamp: Stamp, clock: Clock) -> bool {
    stamp.is_trusted(clock.wall_ns)
}
