//! Cache entries that nobody would name once some runs are gone.
//!
//! An entry that nobody names now has a count of zero. One that only runs below the cut-offs name is told by the newest
//! reference of each class, kept with the entry: no reference needs to be looked at. What instants cannot tell is looked
//! up, reader by reader: entries that another project's runs name, since those have cut-offs of their own; those whose
//! newest reference lies in the very second of the N-th newest run; and whatever a run names that stays although its age
//! lets it go. A link can name a directory of the cache, or all of it: that counts for everything below.
//!
//! Where the runs that go are a list and no instants, what they name is counted: an entry that no other run names has as
//! many references as that.

use crate::catalog::{Catalog, Result};
use crate::model::{CacheEntry, Class, Timestamp};
use crate::retention::Cutoffs;
use std::collections::{HashMap, HashSet};

/// Whether the run in that row goes.
pub(super) type Goes<'a> = dyn Fn(i64) -> Result<bool> + 'a;

/// The runs that go from one project, for telling which entries nobody would name.
#[derive(Clone, Copy)]
pub(super) struct Going<'a> {
    /// The project's cut-offs.
    pub(super) cutoffs: &'a Cutoffs,
    /// Rows of its runs that the cut-offs let go and that stay all the same.
    pub(super) protected: &'a [i64],
    /// Tells of any run, of whatever project.
    pub(super) goes: &'a Goes<'a>,
}

/// The entries of a project that no run names now, by path.
///
/// # Errors
/// The catalog's.
pub fn orphaned(catalog: &Catalog, project: i64) -> Result<Vec<CacheEntry>> {
    let candidates = catalog.unnamed_entries(project)?;
    not_named_above(catalog, project, candidates, &|_| Ok(false))
}

/// The entries of a project that are named now, and that nobody would name once those runs are gone, by path.
pub(super) fn orphaned_without(catalog: &Catalog, project: i64, going: &Going<'_>) -> Result<Vec<CacheEntry>> {
    let below = going.cutoffs.below().timestamp;
    let instants: [Timestamp; 5] =
        std::array::from_fn(|class| going.cutoffs.before(Class::ALL[class]).saturating_sub(1).min(below));
    let mut kept = HashSet::new();
    for run in going.protected {
        catalog.references_of(*run, &mut |entry| {
            kept.insert(entry);
        })?;
    }
    let mut candidates = Vec::new();
    for (entry, newest) in catalog.entries_named_up_to(project, instants)? {
        let doubtful = newest.foreign || newest.by_class.contains(&Some(below));
        if !kept.contains(&entry.key) && (!doubtful || all_go(catalog, entry.key, going.goes)?) {
            candidates.push(entry);
        }
    }
    not_named_above(catalog, project, candidates, going.goes)
}

/// The entries that no run names but these, by project: those that as many of these runs name as any do.
pub(super) fn named_only_by(catalog: &Catalog, runs: &HashSet<i64>) -> Result<HashMap<i64, Vec<CacheEntry>>> {
    let mut counts: HashMap<i64, u64> = HashMap::new();
    for run in runs {
        catalog.references_of(*run, &mut |entry| *counts.entry(entry).or_default() += 1)?;
    }
    let mut found: HashMap<i64, Vec<CacheEntry>> = HashMap::new();
    for (key, count) in counts {
        if let Some(entry) = catalog.cache_entry(key)?.filter(|entry| entry.references == count) {
            found.entry(entry.project_key).or_default().push(entry);
        }
    }
    Ok(found)
}

/// The rows of those entries of a project that nobody names but runs that go.
pub(super) fn named_by_none_but<'e>(
    catalog: &Catalog,
    project: i64,
    entries: impl Iterator<Item = &'e CacheEntry>,
    goes: &Goes<'_>,
) -> Result<HashSet<i64>> {
    let mut candidates = Vec::new();
    for entry in entries {
        if all_go(catalog, entry.key, goes)? {
            candidates.push(entry.clone());
        }
    }
    Ok(not_named_above(catalog, project, candidates, goes)?.into_iter().map(|entry| entry.key).collect())
}

/// The rows of those entries of a project that no pinned run names: one that was pinned since a plan was made keeps what it
/// names, however the plan had it.
pub(super) fn named_by_none_pinned<'e>(
    catalog: &Catalog,
    project: i64,
    entries: impl Iterator<Item = &'e CacheEntry>,
) -> Result<HashSet<i64>> {
    let unpinned = |run: i64| Ok(catalog.run(run)?.is_none_or(|run| !run.pinned));
    named_by_none_but(catalog, project, entries, &unpinned)
}

/// Whether every run that names an entry goes.
fn all_go(catalog: &Catalog, entry: i64, goes: &Goes<'_>) -> Result<bool> {
    let mut all = Ok(true);
    catalog.each_reader(entry, &mut |run| {
        all = goes(run);
        matches!(all, Ok(true))
    })?;
    all
}

/// Those of the entries whose directories, up to the whole cache, no run names that stays.
pub(super) fn not_named_above(
    catalog: &Catalog,
    project: i64,
    candidates: Vec<CacheEntry>,
    goes: &Goes<'_>,
) -> Result<Vec<CacheEntry>> {
    let mut named_above: HashMap<Vec<u8>, bool> = HashMap::new();
    let mut unnamed = Vec::with_capacity(candidates.len());
    for entry in candidates {
        let mut named = false;
        for above in above(&entry.path) {
            named |= match named_above.get(above) {
                Some(known) => *known,
                None => {
                    let named = match catalog.named(project, above)? {
                        Some(key) => !all_go(catalog, key, goes)?,
                        None => false,
                    };
                    named_above.insert(above.to_vec(), named);
                    named
                }
            };
        }
        if !named {
            unnamed.push(entry);
        }
    }
    unnamed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(unnamed)
}

/// The directories of the cache in which an entry lies, from the cache itself down.
pub(super) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parents = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &path[..at]);
    std::iter::once(b"".as_slice()).chain(parents)
}

/// Whether nobody would name an entry, or a directory that it lies in, once those runs are gone.
pub(super) fn is_unnamed_without(catalog: &Catalog, entry: &CacheEntry, goes: &Goes<'_>) -> Result<bool> {
    Ok(all_go(catalog, entry.key, goes)?
        && !not_named_above(catalog, entry.project_key, vec![entry.clone()], goes)?.is_empty())
}
