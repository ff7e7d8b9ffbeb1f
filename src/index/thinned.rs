//! Runs of which parts were dropped: what was known of them before is stronger than what is left to be seen.
//!
//! A log that is gone tells no exit code, and a run whose logs are gone has no failed task. So a run of which something was
//! dropped keeps the status, the durations and the tasks' outcomes that it had, unless stronger evidence says otherwise.
//! That is known from the catalog; where there is none, from the audit log.

use super::Error;
use super::assess::Assessment;
use crate::catalog::{Catalog, TaskRecord, ThinnedRun};
use crate::model::{Dropped, DurationSource, Parts, ProjectDir, StatusSource};
use std::collections::HashMap;

/// Thinned runs by project and run directory.
pub type ThinnedRuns = HashMap<(ProjectDir, String), ThinnedRun>;

/// Adds what a catalog knows of those that are walked. What is told of a run that just arrived is newer than what is
/// known of one that had its name; what a log tells may be older than what is carried over from another catalog.
pub(super) fn add_known<'p>(
    into: &mut ThinnedRuns,
    catalog: &Catalog,
    is_carried: bool,
    walked: impl Iterator<Item = (&'p ProjectDir, &'p String)>,
) -> Result<(), Error> {
    if !catalog.has_thinned()? {
        return Ok(());
    }
    for (project, run) in walked {
        if let Some(known) = catalog.thinned_run(project, run)? {
            let told = into.entry((project.clone(), run.clone()));
            told.and_modify(|told| {
                if is_carried {
                    *told = known.clone()
                }
            })
            .or_insert(known);
        }
    }
    Ok(())
}

/// Keeps of a thinned run what the tree does not show any more.
pub(super) fn carry(before: &ThinnedRun, assessed: &mut Assessment, missing: &mut Parts) {
    if is_stronger(before.status_source, assessed.source) {
        assessed.status = before.status;
        assessed.source = before.status_source;
    }
    if assessed.duration_source != Some(DurationSource::RunnerDb) {
        assessed.duration_ms = before.duration_ms;
        assessed.duration_source = before.duration_source;
    }
    let known: HashMap<&[u8], &TaskRecord> = before.tasks.iter().map(|task| (task.name.as_slice(), task)).collect();
    for task in &mut assessed.tasks {
        let Some(known) = known.get(task.name.as_slice()) else { continue };
        if is_stronger(known.status_source, task.status_source) {
            task.status = known.status;
            task.status_source = known.status_source;
            task.exit_code = task.exit_code.or(known.exit_code);
        }
        if task.duration_source != Some(DurationSource::RunnerDb) {
            task.duration_ms = known.duration_ms;
            task.duration_source = known.duration_source;
            task.started_at = known.started_at;
            task.ended_at = known.ended_at;
        }
    }
    if before.dropped.contains(Dropped::LOGS) {
        missing.remove(Parts::LOGS);
    }
}

/// Whether what was known is to stay. Of two that rest on the runner's database the later one is right.
fn is_stronger(known: StatusSource, found: StatusSource) -> bool {
    known < found || known == found && known != StatusSource::RunnerDb
}
