//! The runner's stray files in caches: `.tmp??????`, written by a runner that died before it renamed them.
//!
//! They are no entries: no row tells of them and nothing is named by such a name. All the same they go as entries go:
//! older than the grace, from no project with a live run, listed before and after, through the trash.

use super::cache_plan::is_young;
use super::narrowing::Choice;
use super::plan::{EntryRemoval, NO_ROW, Plan, Request};
use super::planner::cache_is_blocked;
use crate::catalog::{self, Catalog, RunName};
use crate::model::{CacheEntry, Project, Size};
use crate::session::{Error, Session};
use crate::store::{cache_place, project_walk};
use rustix::fd::AsFd as _;
use std::borrow::Cow;

/// Adds the stray files of the plan's projects, unless the plan is about some runs alone.
pub(super) fn add(session: &Session, plan: &mut Plan, request: &Request) -> Result<(), Error> {
    let narrow = &request.narrow;
    let of_runs = matches!(narrow.choice, Choice::Named(_)) || !narrow.statuses.is_all() || narrow.incomplete;
    if of_runs || narrow.agreed.is_some() {
        return Ok(());
    }
    let projects: Vec<Project> = plan.projects.iter().map(|planned| planned.project.clone()).collect();
    for project in projects.iter().filter(|project| !project.dir.is_root()) {
        let found = of_project(session, project)?;
        if found.is_empty() {
            continue;
        }
        if let Some(why) = cache_is_blocked(&session.catalog, project, plan.now)? {
            plan.cache.blocked.push((project.dir.lossy(), Cow::Borrowed(why)));
            continue;
        }
        for removal in found {
            if is_young(&removal.entry, plan.grace, plan.now) {
                plan.cache.in_grace += 1;
                continue;
            }
            if is_unnamed(&session.catalog, &removal)? {
                plan.frees += removal.entry.size;
                plan.cache.delete.push(removal);
            }
        }
        let names = session.catalog.run_names(project.id)?.iter().map(RunName::text).collect();
        plan.cache.known_runs.insert(project.id, names);
    }
    Ok(())
}

/// Those of a project; none when its cache cannot be looked at.
fn of_project(session: &Session, project: &Project) -> Result<Vec<EntryRemoval>, Error> {
    let opened = project_walk::open_project(session.store()?, &project.dir).ok().flatten();
    let found = opened.and_then(|(fd, _)| cache_place::strays(fd.as_fd()).ok()).unwrap_or_default();
    let removals = found.into_iter().map(|stray| EntryRemoval {
        entry: CacheEntry {
            key: NO_ROW,
            project_key: project.id,
            project: project.dir.clone(),
            path: stray.name,
            size: Size { size: stray.meta.len, disk: stray.meta.disk },
            inode: stray.meta.inode,
            written_at: stray.meta.mtime_ns.div_euclid(1_000_000_000),
            references: 0,
        },
        readers: Vec::new(),
    });
    Ok(removals.collect())
}

/// Whether no link uses its name, or that of the whole cache.
pub(super) fn is_unnamed(catalog: &Catalog, removal: &EntryRemoval) -> catalog::Result<bool> {
    let (project, path) = (removal.entry.project_key, removal.entry.path.as_slice());
    Ok(catalog.named(project, path)?.is_none() && catalog.named(project, b"")?.is_none())
}
