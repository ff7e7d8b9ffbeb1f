//! What a clean does to caches, and what all of it frees.

use super::orphans::{self, Going};
use super::plan::{CacheMode, EntryRemoval, Plan, Request};
use super::planner::PlanError;
use crate::catalog::{self, Catalog, SharedOwner};
use crate::model::{AHEAD, Size, Timestamp};
use std::collections::{HashMap, HashSet};

pub(super) fn plan_cache(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    goes: &orphans::Goes<'_>,
    blocked: &HashMap<i64, &'static str>,
) -> Result<(), PlanError> {
    let some_go = plan.projects.iter().any(|p| p.lets_go.count > 0);
    for planned in &plan.projects {
        let project = &planned.project;
        let (count, examples) = catalog.dangling(project.id)?;
        if count > 0 {
            let paths =
                examples.iter().map(|(run, path)| format!("{run}: {}", String::from_utf8_lossy(path))).collect();
            plan.cache.dangling.push((project.dir.lossy(), count, paths));
        }
        let mut unnamed = orphans::orphaned(catalog, project.id)?;
        let mut stale = Vec::new();
        let wanted = request.cache == CacheMode::Collect || request.stale || !request.sums_alone;
        if some_go && wanted {
            let protected: Vec<i64> =
                plan.protected.iter().filter(|p| p.id.project == project.dir).map(|p| p.key).collect();
            let going = Going { cutoffs: &planned.cutoffs, protected: &protected, goes };
            let freed = orphans::orphaned_without(catalog, project.id, &going)?;
            if request.cache == CacheMode::Only { stale = freed } else { unnamed.extend(freed) }
        }
        unnamed.sort_by(|a, b| a.path.cmp(&b.path));
        plan.cache.referenced += project.cache_entries.saturating_sub((unnamed.len() + stale.len()) as u64);
        if let Some(why) = blocked.get(&project.id) {
            if !(unnamed.is_empty() && stale.is_empty()) && request.cache != CacheMode::Leave {
                plan.cache.blocked.push((project.dir.lossy(), why));
            }
            continue;
        }
        // Written while we wait or look is younger than anything.
        let young = |written: Timestamp| written > plan.grace.before(plan.now) && written <= plan.now + AHEAD;
        for (entries, is_stale) in [(unnamed, false), (stale, true)] {
            for entry in entries {
                if young(entry.written_at) {
                    plan.cache.in_grace += 1;
                } else if request.cache == CacheMode::Leave {
                    plan.cache.not_asked.entries += 1;
                    plan.cache.not_asked.size += entry.size;
                } else {
                    let readers = match is_stale {
                        true => catalog.readers_of(entry.key)?.into_iter().map(|r| r.key).collect(),
                        false => Vec::new(),
                    };
                    let removal = EntryRemoval { entry, readers };
                    if is_stale {
                        plan.cache.stale.push(removal.clone());
                    }
                    if !is_stale || request.stale {
                        plan.cache.delete.push(removal);
                    }
                }
            }
        }
    }
    Ok(())
}

/// What removing runs of that size and these entries frees: each inode once, and only when its last name goes.
pub(super) fn frees(
    runs: Size,
    entries: &[EntryRemoval],
    shared: &[SharedOwner],
    goes: &orphans::Goes<'_>,
) -> catalog::Result<Size> {
    let mut total = runs + entries.iter().map(|e| e.entry.size).sum::<Size>();
    if shared.is_empty() {
        return Ok(total);
    }
    let entries: HashSet<i64> = entries.iter().map(|e| e.entry.key).collect();
    for owners in shared.chunk_by(|a, b| a.inode == b.inode) {
        let (mut counted, mut names) = (0_u64, 0);
        for owner in owners {
            if if owner.run != 0 { goes(owner.run)? } else { entries.contains(&owner.entry) } {
                counted += 1;
                names += owner.names;
            }
        }
        let freed = u64::from(counted > 0 && names >= owners[0].links);
        for _ in freed..counted {
            total -= owners[0].size;
        }
    }
    Ok(total)
}
