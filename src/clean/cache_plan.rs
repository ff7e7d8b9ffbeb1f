//! What a clean does to caches, and what all of it frees.

use super::orphans;
use super::plan::{CacheMode, EntryRemoval, EntryStays, Plan, Request, WhyEntryStays};
use super::planner::{Goers, PlanError};
use crate::catalog::{self, Catalog, SharedOwner};
use crate::model::{AHEAD, Age, CacheEntry, RunId, Size, Timestamp};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub(super) fn plan_cache(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    goers: &Goers,
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
        let leaves = matches!(request.cache, CacheMode::Leave | CacheMode::Named);
        if some_go && wanted {
            let protected: Vec<i64> =
                plan.protected.iter().filter(|p| p.id.project == project.dir).map(|p| p.key).collect();
            let freed = goers.frees_entries(catalog, planned, &protected)?;
            if request.cache == CacheMode::Only { stale = freed } else { unnamed.extend(freed) }
        }
        unnamed.sort_by(|a, b| a.path.cmp(&b.path));
        plan.cache.referenced += project.cache_entries.saturating_sub((unnamed.len() + stale.len()) as u64);
        if let Some(why) = blocked.get(&project.id) {
            if !(leaves || unnamed.is_empty() && stale.is_empty()) {
                plan.cache.blocked.push((project.dir.lossy(), Cow::Borrowed(why)));
            }
            continue;
        }
        let (grace, now) = (plan.grace, plan.now);
        let is_named = |entry: &CacheEntry| request.cache == CacheMode::Named && request.entries.contains(&entry.key);
        unnamed.retain(|entry| !is_named(entry));
        for (entries, is_stale) in [(unnamed, false), (stale, true)] {
            for entry in entries {
                if is_young(&entry, grace, now) {
                    plan.cache.in_grace += 1;
                } else if leaves {
                    plan.cache.not_asked.entries += 1;
                    plan.cache.not_asked.size += entry.size;
                } else {
                    let readers = match is_stale {
                        true => catalog.readers_of(entry.key)?,
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
    if request.cache == CacheMode::Named { named(catalog, request, plan, goers, blocked) } else { Ok(()) }
}

/// What was written while we wait or look is younger than anything.
pub(super) fn is_young(entry: &CacheEntry, grace: Age, now: Timestamp) -> bool {
    entry.written_at > grace.before(now) && entry.written_at <= now + AHEAD
}

/// The entries that the user named: all of them go, or none.
fn named(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    goers: &Goers,
    blocked: &HashMap<i64, &'static str>,
) -> Result<(), PlanError> {
    let mut stay = Vec::new();
    for key in &request.entries {
        let Some(entry) = catalog.cache_entry(*key)? else { continue };
        let readers = readers_that_stay(catalog, &entry, goers)?;
        let why = match blocked.get(&entry.project_key) {
            _ if !readers.is_empty() => Some(WhyEntryStays::NamedBy(readers)),
            Some(why) => Some(WhyEntryStays::LeftAlone(why)),
            None => is_young(&entry, plan.grace, plan.now).then_some(WhyEntryStays::Young(plan.grace)),
        };
        match why {
            Some(why) => stay.push(EntryStays { entry, why }),
            None => plan.cache.delete.push(EntryRemoval { entry, readers: Vec::new() }),
        }
    }
    // Execution takes the entries of a project together.
    plan.cache.delete.sort_by(|a, b| (&a.entry.project, &a.entry.path).cmp(&(&b.entry.project, &b.entry.path)));
    plan.cache.delete.dedup_by_key(|removal| removal.entry.key);
    if stay.is_empty() { Ok(()) } else { Err(PlanError::EntriesStay(stay)) }
}

/// The runs that stay and name an entry, or a directory of the cache above it, the newest first.
fn readers_that_stay(catalog: &Catalog, entry: &CacheEntry, goers: &Goers) -> catalog::Result<Vec<RunId>> {
    let above = entry.path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &entry.path[..at]);
    let mut names = vec![entry.key];
    for path in std::iter::once(b"".as_slice()).chain(above) {
        names.extend(catalog.named(entry.project_key, path)?);
    }
    let (mut seen, mut stay) = (HashSet::new(), Vec::new());
    for name in names {
        for reader in catalog.readers_of(name)? {
            if seen.insert(reader.key) && !goers.has(catalog, reader.key)? {
                stay.extend(catalog.run(reader.key)?.map(|run| run.id));
            }
        }
    }
    stay.sort_by_key(|id| std::cmp::Reverse((id.run.timestamp(), id.run.number())));
    Ok(stay)
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
        // Rows of one file may disagree, because a settled run is not walked again: the least that one states is freed.
        let (mut counted, mut names, mut links, mut least) = (false, 0_u64, 0, None);
        for owner in owners {
            links = owner.links.max(links);
            least = least.map_or(Some(owner.size), |least: Size| {
                Some(if owner.size.disk < least.disk { owner.size } else { least })
            });
            if if owner.run != 0 { goes(owner.run)? } else { entries.contains(&owner.entry) } {
                counted = true;
                names = names.saturating_add(owner.names);
                total -= owner.size;
            }
        }
        if counted && names >= links {
            total += least.unwrap_or(Size::ZERO);
        }
    }
    Ok(total)
}
