//! The end of an operation: what the audit log says of it, and its row.

use super::unlink::Removed;
use super::{Execution, Outcome, Skipped};
use crate::audit::{self, Finished};
use crate::catalog::{Operation, OperationSums};
use crate::model::rfc3339;
use crate::session::{Session, Settings};

/// Failed and skipped items that the audit log names: who lets thousands go finds the cause by the first of them.
const NAMED: usize = 1000;

/// What the audit log says of the end.
pub(super) fn finished(outcome: &Outcome, settings: &Settings<'_>) -> Finished {
    let elapsed = (settings.elapsed)();
    let skipped = |item: &Skipped| audit::Skipped { id: item.id.clone(), reason: item.reason.clone() };
    Finished {
        duration_ms: Some(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)),
        ended_at: ended_at(settings),
        removed_runs: outcome.deleted_runs.len() as u64,
        removed_cache: outcome.deleted_cache.len() as u64,
        failed: outcome.failed.iter().take(NAMED).map(|f| format!("{}: {}", f.id, f.error)).collect(),
        failed_total: outcome.failed.len() as u64,
        skipped: outcome.skipped.iter().take(NAMED).map(skipped).collect(),
        skipped_total: outcome.skipped.len() as u64,
        freed_size_bytes: Some(outcome.freed().size),
        freed_disk_bytes: Some(outcome.freed().disk),
        interrupted: outcome.interrupted,
        recovered: false,
    }
}

fn ended_at(settings: &Settings<'_>) -> Option<String> {
    let elapsed = i64::try_from((settings.elapsed)().as_secs()).unwrap_or(0);
    rfc3339(settings.clock.now.saturating_add(elapsed))
}

/// What the audit log says of the end of an operation that died: what was freed since, beside all that it had removed.
pub(in crate::clean) fn finished_after_crash(
    removed: &Removed,
    (runs, entries): (u64, u64),
    settings: &Settings<'_>,
) -> Finished {
    let freed = removed.runs + removed.cache;
    Finished {
        ended_at: ended_at(settings),
        removed_runs: runs,
        removed_cache: entries,
        failed: removed.failed.iter().take(NAMED).map(|f| format!("{}: {}", f.id, f.error)).collect(),
        failed_total: removed.failed.len() as u64,
        freed_size_bytes: Some(freed.size),
        freed_disk_bytes: Some(freed.disk),
        interrupted: removed.stopped,
        recovered: true,
        ..Finished::default()
    }
}

/// The row of an operation that begins.
pub(super) fn record(id: &str, plan: Option<&str>, settings: &Settings<'_>, execution: &Execution<'_>) -> Operation {
    Operation {
        id: id.to_owned(),
        kind: "clean".to_owned(),
        command: execution.command.to_owned(),
        who: execution.who.to_owned(),
        policy: execution.policy.to_owned(),
        plan: plan.map(str::to_owned),
        started_at: settings.clock.now,
        finished_at: None,
    }
}

/// Records the end of an operation whose audit is complete. Should that fail, recovery finds the end in the log.
pub(super) fn end(session: &mut Session, settings: &Settings<'_>, outcome: &Outcome) {
    let sums = OperationSums {
        runs: outcome.deleted_runs.len() as u64,
        entries: outcome.deleted_cache.len() as u64,
        freed: outcome.freed(),
    };
    if let Ok(mut tx) = session.catalog.begin()
        && tx.finish_operation(&outcome.operation, settings.clock.now, &sums).is_ok()
    {
        let _ = tx.commit();
    }
}
