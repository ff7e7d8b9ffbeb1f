//! Step 3: what lies in the trash is unlinked, in parallel, without any lock of the store.

use super::Execution;
use super::outcome::{Failed, Outcome};
use crate::model::{ProjectDir, Size};
use crate::session::{Error, Settings};
use crate::store::change::Freed;
use crate::store::trash::{Lying, Operation};
use rayon::prelude::*;
use std::collections::HashSet;

/// Step 3: unlinks what lies in the operation's directory, in parallel, without any lock of the store.
pub(super) fn unlink(
    operation: &Operation,
    dev: u64,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let committed_runs: HashSet<String> = outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
    let committed_entries: HashSet<(ProjectDir, Vec<u8>)> =
        outcome.deleted_cache.iter().map(|(project, path, _)| (project.clone(), path.clone())).collect();
    let committed_parts: HashSet<&str> = outcome.thinned.iter().map(|thinned| thinned.id.as_str()).collect();
    let lying: Vec<Lying> = operation
        .lying()
        .map_err(|source| Error::Io { act: "list", path: format!(".catalog/trash/{}", operation.id).into(), source })?
        .into_iter()
        // What could not be put back was never decided: it stays for recovery.
        .filter(|lying| match lying {
            Lying::Run { project, run } => committed_runs.contains(&format!("{project}/{run}")),
            Lying::Entry { project, path } => committed_entries.contains(&(project.clone(), path.clone())),
            Lying::Parts { project, run } => committed_parts.contains(format!("{project}/{run}").as_str()),
        })
        .collect();
    let removed = remove_all(operation, &lying, dev, settings, execution.interrupted);
    outcome.freed_runs = removed.runs;
    outcome.freed_cache = removed.cache;
    outcome.failed.extend(removed.failed);
    outcome.interrupted |= removed.stopped;
    Ok(())
}

/// What unlinking did.
#[derive(Debug, Default)]
pub(in crate::clean) struct Removed {
    /// Items that are gone.
    pub(in crate::clean) done: u64,
    /// What runs freed.
    pub(in crate::clean) runs: Size,
    /// What cache entries freed.
    pub(in crate::clean) cache: Size,
    /// Items that could not be removed.
    pub(in crate::clean) failed: Vec<Failed>,
    /// Whether it was stopped before its end.
    pub(in crate::clean) stopped: bool,
}

/// Removes what lies there.
pub(in crate::clean) fn remove_all(
    operation: &Operation,
    lying: &[Lying],
    dev: u64,
    settings: &Settings<'_>,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Removed {
    let (runs, cache) = (Freed::default(), Freed::default());
    settings.progress.begin("deleting", Some(lying.len() as u64));
    let remove = |lying: &Lying| -> Option<Option<Failed>> {
        if interrupted() {
            return None;
        }
        let (freed, id) = match lying {
            Lying::Run { project, run } | Lying::Parts { project, run } => (&runs, format!("{project}/{run}")),
            Lying::Entry { project, path } => (&cache, format!("{project}/.cache/{}", String::from_utf8_lossy(path))),
        };
        let result = operation.remove(lying, dev, freed);
        settings.progress.advance(1);
        Some(result.err().map(|error| Failed {
            id,
            error: error.to_string(),
            hint: Some(format!(
                "it is out of sight in .catalog/trash/{}; the next `otto clean` tries again",
                operation.id
            )),
        }))
    };
    // Runs first, then entries: an inode with a name in both must not lose its last two names at once unseen.
    let (first, then): (Vec<&Lying>, Vec<&Lying>) = lying.iter().partition(|l| !matches!(l, Lying::Entry { .. }));
    let mut results: Vec<Option<Option<Failed>>> = Vec::with_capacity(lying.len());
    for part in [first, then] {
        if part.len() < 4 {
            results.extend(part.into_iter().map(remove));
        } else {
            results.par_extend(part.into_par_iter().map(remove));
        }
    }
    settings.progress.end();
    Removed {
        done: results.iter().filter(|result| matches!(result, Some(None))).count() as u64,
        runs: runs.total(),
        cache: cache.total(),
        stopped: results.iter().any(Option::is_none),
        failed: results.into_iter().flatten().flatten().collect(),
    }
}
