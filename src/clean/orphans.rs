//! Cache entries that nobody would name: by the counts kept with the rows, less the references of runs that go.

use crate::catalog::{Catalog, Result};
use crate::model::CacheEntry;
use std::collections::HashMap;

/// How many references go with the runs that go, by entry; and the entries that lose their last one.
#[derive(Clone, Debug, Default)]
pub(super) struct Doomed {
    counts: HashMap<i64, u64>,
    freed: HashMap<i64, Vec<CacheEntry>>,
}

impl Doomed {
    /// Counts the references of those runs.
    pub(super) fn count(catalog: &Catalog, runs: impl Iterator<Item = i64>) -> Result<Self> {
        let mut counts = HashMap::new();
        for run in runs {
            catalog.references_of(run, &mut |entry| *counts.entry(entry).or_insert(0) += 1)?;
        }
        let mut freed: HashMap<i64, Vec<CacheEntry>> = HashMap::new();
        for (entry, going) in &counts {
            if let Some(entry) = catalog.cache_entry(*entry)?
                && entry.references > 0
                && entry.references <= *going
            {
                freed.entry(entry.project_key).or_default().push(entry);
            }
        }
        Ok(Self { counts, freed })
    }

    fn of(&self, entry: i64) -> u64 {
        self.counts.get(&entry).copied().unwrap_or(0)
    }
}

/// The entries of a project that no run names now, by path.
///
/// # Errors
/// The catalog's.
pub fn orphaned(catalog: &Catalog, project: i64) -> Result<Vec<CacheEntry>> {
    unnamed(catalog, project, &Doomed::default())
}

/// The entries of a project that no run would name once those are gone, by path.
///
/// A link can name a directory of the cache, or all of it: that counts for everything below.
pub(super) fn unnamed(catalog: &Catalog, project: i64, doomed: &Doomed) -> Result<Vec<CacheEntry>> {
    let mut candidates = catalog.unnamed_entries(project)?;
    candidates.extend(doomed.freed.get(&project).into_iter().flatten().cloned());
    let mut named_above: HashMap<Vec<u8>, bool> = HashMap::new();
    let mut unnamed = Vec::with_capacity(candidates.len());
    for entry in candidates {
        let mut named = false;
        let parents = entry.path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| &entry.path[..at]);
        for above in std::iter::once(b"".as_slice()).chain(parents) {
            named |= match named_above.get(above) {
                Some(known) => *known,
                None => {
                    let named = catalog.name_count(project, above)?.is_some_and(|(key, count)| count > doomed.of(key));
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
