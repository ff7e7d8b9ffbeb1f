//! Operations, as `otto audit --json` has them.

use crate::audit::JsonName;
use crate::audit::{Event, Finished, Line, RunName, Summary, Totals};
use crate::model::rfc3339;
use serde::Serialize;

/// An operation with its items.
#[derive(Clone, Debug, Serialize)]
pub struct OperationItem {
    operation: String,
    kind: &'static str,
    ending: &'static str,
    started_at: Option<String>,
    timestamp: i64,
    ended_at: Option<String>,
    duration_ms: Option<u64>,
    who: String,
    command: String,
    policy: Option<String>,
    plan: Option<String>,
    archive: Option<String>,
    removed_runs: u64,
    removed_cache_entries: u64,
    other_runs: u64,
    other_cache_entries: u64,
    removed_size_bytes: u64,
    removed_disk_bytes: u64,
    freed_size_bytes: u64,
    freed_disk_bytes: u64,
    keep_until: Option<String>,
    failed_total: u64,
    skipped_total: u64,
    runs: Vec<RunOfOperation>,
    cache: Vec<EntryOfOperation>,
    failed: Vec<String>,
    skipped: Vec<SkippedItem>,
    note: Option<String>,
    tags_added: Vec<String>,
    tags_removed: Vec<String>,
    removed_by: Option<String>,
    changes: Vec<ChangeItem>,
}

/// A key of `config.yml` that changes.
#[derive(Clone, Debug, Serialize)]
struct ChangeItem {
    key: String,
    before: Option<String>,
    after: String,
}

#[derive(Clone, Debug, Serialize)]
struct RunOfOperation {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    reasons: Vec<String>,
    status: Option<String>,
    parts: Vec<String>,
    size_bytes: Option<u64>,
    disk_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct EntryOfOperation {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    size_bytes: Option<u64>,
    disk_bytes: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct SkippedItem {
    id: String,
    reason: String,
}

fn text(name: &JsonName) -> String {
    name.bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The bytes of a name that its text does not tell.
fn base64(name: &JsonName) -> Option<String> {
    match name {
        JsonName::Text(_) => None,
        JsonName::Bytes { base64 } => Some(base64.clone()),
    }
}

fn entry_of(project: &JsonName, entry: &JsonName) -> EntryOfOperation {
    EntryOfOperation {
        project: text(project),
        project_base64: base64(project),
        entry: text(entry),
        entry_base64: base64(entry),
        size_bytes: None,
        disk_bytes: None,
    }
}

fn named(run: &RunName) -> RunOfOperation {
    RunOfOperation {
        id: format!("{}/{}", text(&run.project), run.run),
        project_base64: base64(&run.project),
        reasons: Vec::new(),
        status: None,
        parts: Vec::new(),
        size_bytes: None,
        disk_bytes: None,
    }
}

impl OperationItem {
    /// The item of an operation, without what stands in its lines.
    pub fn new(summary: &Summary) -> Self {
        let head = &summary.head;
        Self {
            operation: head.operation.clone(),
            kind: summary.kind.word(),
            ending: summary.ending().word(),
            started_at: rfc3339(head.timestamp),
            timestamp: head.timestamp,
            ended_at: summary.ended_at.clone(),
            duration_ms: summary.duration_ms,
            who: head.who.clone(),
            command: head.command.clone(),
            policy: Some(head.policy.clone()).filter(|policy| !policy.is_empty()),
            plan: head.plan.clone(),
            archive: head.archive.clone(),
            removed_runs: summary.removed_runs,
            removed_cache_entries: summary.removed_cache,
            other_runs: summary.other_runs,
            other_cache_entries: summary.other_cache,
            removed_size_bytes: summary.removed.size,
            removed_disk_bytes: summary.removed.disk,
            freed_size_bytes: summary.freed.size,
            freed_disk_bytes: summary.freed.disk,
            keep_until: summary.keep_until.and_then(rfc3339),
            failed_total: summary.failed,
            skipped_total: summary.skipped,
            runs: Vec::new(),
            cache: Vec::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            note: None,
            tags_added: Vec::new(),
            tags_removed: Vec::new(),
            removed_by: None,
            changes: Vec::new(),
        }
    }

    /// Adds what stands in one of its lines.
    pub fn add(&mut self, line: Line) {
        match line.event {
            Event::Removed(removed) => {
                self.runs.extend(removed.runs.into_iter().map(|run| RunOfOperation {
                    reasons: run.reasons.clone(),
                    status: Some(run.status.clone()),
                    size_bytes: Some(run.size_bytes),
                    disk_bytes: Some(run.disk_bytes),
                    ..named(&run.name())
                }));
                self.cache.extend(removed.cache.into_iter().map(|entry| EntryOfOperation {
                    size_bytes: Some(entry.size_bytes),
                    disk_bytes: Some(entry.disk_bytes),
                    ..entry_of(&entry.project, &entry.entry)
                }));
            }
            Event::Finished(Finished { failed, skipped, .. }) => {
                self.failed.extend(failed);
                self.skipped.extend(skipped.into_iter().map(|item| SkippedItem { id: item.id, reason: item.reason }));
            }
            Event::Pinned(pinned) => {
                self.runs.extend(pinned.runs.iter().map(named));
                self.note = pinned.note;
            }
            Event::Unpinned(unpinned) => self.runs.extend(unpinned.runs.iter().map(named)),
            Event::Tagged(tagged) => {
                self.runs.extend(tagged.runs.iter().map(named));
                (self.tags_added, self.tags_removed) = (tagged.added, tagged.removed);
            }
            Event::Restored(restored) => {
                self.runs.extend(restored.runs.iter().map(named));
                self.entries(&restored.cache, restored.removed_by);
            }
            Event::Emptied(emptied) => {
                self.runs.extend(emptied.runs.iter().map(named));
                self.entries(&emptied.cache, emptied.removed_by);
            }
            Event::Thinned(thinned) => {
                self.runs.extend(thinned.runs.into_iter().map(|run| RunOfOperation {
                    size_bytes: Some(run.size_bytes),
                    disk_bytes: Some(run.disk_bytes),
                    reasons: run.reasons,
                    parts: run.parts,
                    ..named(&run.run)
                }));
            }
            Event::Imported(imported) => {
                let runs = imported.runs.into_iter().map(|run| RunOfOperation {
                    status: Some(run.row.status.clone()),
                    size_bytes: Some(run.row.size_bytes),
                    disk_bytes: Some(run.row.disk_bytes),
                    ..named(&run.row.name())
                });
                self.runs.extend(runs);
                self.cache.extend(imported.cache.iter().map(|entry| entry_of(&entry.project, &entry.entry)));
            }
            Event::Configured(configured) => {
                let changes = configured.changes.into_iter();
                self.changes.extend(changes.map(|c| ChangeItem { key: c.key, before: c.before, after: c.after }));
            }
            Event::Unknown => {}
        }
    }

    fn entries(&mut self, entries: &[crate::audit::EntryName], removed_by: Option<String>) {
        self.cache.extend(entries.iter().map(|entry| entry_of(&entry.project, &entry.entry)));
        self.removed_by = removed_by.or(self.removed_by.take());
    }
}

/// What the operations of a stretch of time came to, as `otto audit --summary --json` has it.
#[derive(Clone, Debug, Serialize)]
pub struct AuditSummary {
    schema: &'static str,
    weeks: Vec<WeekItem>,
    operations: Endings,
    success_rate: Option<f64>,
    mean_duration_ms: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct WeekItem {
    week: String,
    operations: u64,
    runs: u64,
    cache_entries: u64,
    freed_size_bytes: u64,
    freed_disk_bytes: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Endings {
    total: u64,
    done: u64,
    partly: u64,
    interrupted: u64,
    recovered: u64,
    open: u64,
}

impl AuditSummary {
    /// Of what was added up.
    pub fn new(totals: &Totals) -> Self {
        let [done, partly, interrupted, recovered, open] = totals.endings;
        let week = |week: &crate::audit::Week| WeekItem {
            week: week.monday.to_string(),
            operations: week.operations,
            runs: week.runs,
            cache_entries: week.cache,
            freed_size_bytes: week.freed.size,
            freed_disk_bytes: week.freed.disk,
        };
        Self {
            schema: "otto.audit-summary/1",
            weeks: totals.weeks.iter().map(week).collect(),
            operations: Endings { total: totals.endings.iter().sum(), done, partly, interrupted, recovered, open },
            success_rate: totals.success_rate(),
            mean_duration_ms: totals.mean_ms,
        }
    }
}
