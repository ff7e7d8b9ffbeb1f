//! Why a run or a cache entry stays or goes, as `otto why --json` has it.

use super::marks::PinItem;
use super::run::run_path;
use super::sooner::{BudgetItem, PartItem};
use super::{base64_unless_utf8, lossy};
use crate::clean::why::{BudgetFate, EntryReasons, Going, Left, NamedEntry, Reader, RunReasons, Standing};
use crate::model::{Run, RunState, Task, Timestamp, rfc3339};
use crate::report::human::entry_path;
use serde::Serialize;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Why a run or a cache entry stays or goes.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    schema: &'static str,
    kind: &'static str,
    id: String,
    now: Option<String>,
    timestamp: Timestamp,
    run: Option<RunItem>,
    entry: Option<EntryItem>,
}

#[derive(Clone, Debug, Serialize)]
struct RunItem {
    id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    run: String,
    timestamp: Timestamp,
    started_at: Option<String>,
    state: &'static str,
    status: &'static str,
    status_source: &'static str,
    size_bytes: u64,
    disk_bytes: u64,
    pinned: bool,
    pin: Option<PinItem>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    policy: String,
    verdict: Option<&'static str>,
    reasons: Vec<String>,
    protections: Vec<String>,
    goes: Goes,
    budget: Option<BudgetItem>,
    parts: Vec<PartItem>,
    left: Option<LeftItem>,
    tasks: Vec<TaskItem>,
    cache_entries: Vec<NamedItem>,
    cache_blocked: Option<&'static str>,
    frees_size_bytes: u64,
    frees_disk_bytes: u64,
    frees_with_cache_size_bytes: u64,
    frees_with_cache_disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Goes {
    when: &'static str,
    at: Option<String>,
    timestamp: Option<Timestamp>,
    newer_runs: Option<u64>,
    sooner_by_budget: bool,
}

#[derive(Clone, Debug, Serialize)]
struct LeftItem {
    at: Option<String>,
    timestamp: Timestamp,
    operation: Option<String>,
    command: Option<String>,
    reasons: Vec<String>,
    keep_until: Option<String>,
    restore: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct TaskItem {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    status: &'static str,
    size_bytes: u64,
    disk_bytes: u64,
    cache_entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_entry_base64: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct NamedItem {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    exists: bool,
    size_bytes: u64,
    disk_bytes: u64,
    other_runs: u64,
    goes_with_run: bool,
}

#[derive(Clone, Debug, Serialize)]
struct EntryItem {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    exists: bool,
    size_bytes: u64,
    disk_bytes: u64,
    written_at: Option<String>,
    named_by: Named,
    named_above: Vec<Above>,
    orphaned: bool,
    stale: bool,
    in_grace: bool,
    grace_until: Option<String>,
    blocked: Option<&'static str>,
    goes: Goes,
}

#[derive(Clone, Debug, Serialize)]
struct Named {
    runs: u64,
    newest_run: Option<String>,
    also: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Above {
    entry: String,
    runs: u64,
    newest_run: Option<String>,
}

impl Why {
    /// Of a run in the store at `home`, with its tasks. `restore` is the command that brings it back from the trash.
    pub fn of_run(reasons: &RunReasons, tasks: &[Task], restore: &str, home: &Path, now: Timestamp) -> Self {
        let id = reasons.run.id.to_string();
        let run = Some(RunItem::new(reasons, tasks, restore, home));
        Self { schema: "otto.why/1", kind: "run", id, now: rfc3339(now), timestamp: now, run, entry: None }
    }

    /// Of a cache entry in the store at `home`.
    pub fn of_entry(reasons: &EntryReasons, home: &Path, now: Timestamp) -> Self {
        let entry = EntryItem::new(reasons, home);
        let id = format!("{}/.cache/{}", entry.project, entry.entry);
        let (run, entry) = (None, Some(entry));
        Self { schema: "otto.why/1", kind: "cache-entry", id, now: rfc3339(now), timestamp: now, run, entry }
    }
}

impl RunItem {
    fn new(reasons: &RunReasons, tasks: &[Task], restore: &str, home: &Path) -> Self {
        let run = &reasons.run;
        let path = run_path(home, &run.id);
        let (verdict, rules, protections, left) = match &reasons.standing {
            Standing::Present { verdict, protections } => {
                let protections = protections.iter().map(ToString::to_string).collect();
                let rules = verdict.reasons(&reasons.policy);
                let (word, rules) = match reasons.budget.as_ref().map(|budget| &budget.fate) {
                    // As a plan has it.
                    Some(BudgetFate::Taken(why)) => ("remove", why.clone()),
                    _ => (if verdict.keeps() { "keep" } else { "remove" }, rules),
                };
                (Some(word), rules, protections, None)
            }
            Standing::Gone(left) => (None, Vec::new(), Vec::new(), Some(LeftItem::new(run, left, restore))),
        };
        Self {
            id: run.id.to_string(),
            project: run.project().lossy(),
            project_base64: base64_unless_utf8(run.project().as_bytes()),
            run: run.dir().as_str().to_owned(),
            timestamp: run.timestamp(),
            started_at: rfc3339(run.timestamp()),
            state: run.state.word(),
            status: run.status.word(),
            status_source: run.status_source.word(),
            size_bytes: run.size.size,
            disk_bytes: run.size.disk,
            pinned: run.pinned,
            pin: reasons.pin.as_ref().map(PinItem::new),
            path: path.to_string_lossy().into_owned(),
            path_base64: base64_unless_utf8(path.as_os_str().as_bytes()),
            policy: reasons.policy.to_string(),
            verdict,
            reasons: rules,
            protections,
            goes: Goes::new(&reasons.going, reasons.sooner_by_budget),
            budget: reasons.budget.as_ref().map(|budget| BudgetItem::new(budget, reasons)),
            parts: reasons.parts.iter().map(PartItem::new).collect(),
            left,
            tasks: tasks.iter().map(TaskItem::new).collect(),
            cache_entries: reasons.entries.iter().map(NamedItem::new).collect(),
            cache_blocked: reasons.cache_blocked,
            frees_size_bytes: reasons.frees.size,
            frees_disk_bytes: reasons.frees.disk,
            frees_with_cache_size_bytes: reasons.frees_with_cache.size,
            frees_with_cache_disk_bytes: reasons.frees_with_cache.disk,
        }
    }
}

impl Goes {
    fn new(going: &Going, sooner_by_budget: bool) -> Self {
        let (when, at, newer_runs) = match going {
            Going::Now => ("next-clean", None, None),
            Going::Later { at, newer_runs } => ("later", *at, Some(*newer_runs)),
            Going::Held => ("held", None, None),
            Going::Gone => ("gone", None, None),
        };
        Self { when, at: at.and_then(rfc3339), timestamp: at, newer_runs, sooner_by_budget }
    }
}

impl LeftItem {
    fn new(run: &Run, left: &Left, restore: &str) -> Self {
        Self {
            at: rfc3339(left.at),
            timestamp: left.at,
            operation: left.operation.clone(),
            command: left.command.clone(),
            reasons: left.reasons.clone(),
            keep_until: left.keep_until.and_then(rfc3339),
            restore: (run.state == RunState::Trashed).then(|| restore.to_owned()),
        }
    }
}

impl TaskItem {
    fn new(task: &Task) -> Self {
        Self {
            name: lossy(&task.name),
            name_base64: base64_unless_utf8(&task.name),
            status: task.status.word(),
            size_bytes: task.size.size,
            disk_bytes: task.size.disk,
            cache_entry: task.cache_entry.as_deref().map(lossy),
            cache_entry_base64: task.cache_entry.as_deref().and_then(base64_unless_utf8),
        }
    }
}

impl NamedItem {
    fn new(named: &NamedEntry) -> Self {
        let entry = &named.name.entry;
        Self {
            project: entry.project.lossy(),
            project_base64: base64_unless_utf8(entry.project.as_bytes()),
            entry: lossy(&entry.path),
            entry_base64: base64_unless_utf8(&entry.path),
            exists: named.name.exists,
            size_bytes: entry.size.size,
            disk_bytes: entry.size.disk,
            other_runs: named.other_runs,
            goes_with_run: named.goes_with_run,
        }
    }
}

impl EntryItem {
    fn new(reasons: &EntryReasons, home: &Path) -> Self {
        let entry = &reasons.name.entry;
        let path = entry_path(home, entry);
        let id = |reader: &Reader| format!("{}/{}", reader.project, reader.dir);
        Self {
            project: entry.project.lossy(),
            project_base64: base64_unless_utf8(entry.project.as_bytes()),
            entry: lossy(&entry.path),
            entry_base64: base64_unless_utf8(&entry.path),
            path: path.to_string_lossy().into_owned(),
            path_base64: base64_unless_utf8(path.as_os_str().as_bytes()),
            exists: reasons.name.exists,
            size_bytes: entry.size.size,
            disk_bytes: entry.size.disk,
            written_at: Some(entry.written_at).filter(|_| reasons.name.exists).and_then(rfc3339),
            named_by: Named {
                runs: reasons.readers.count,
                newest_run: reasons.readers.newest.as_ref().map(id),
                also: reasons.readers.some.iter().map(id).collect(),
            },
            named_above: reasons
                .above
                .iter()
                .map(|above| Above {
                    entry: lossy(&above.path),
                    runs: above.readers.count,
                    newest_run: above.readers.newest.as_ref().map(id),
                })
                .collect(),
            orphaned: reasons.name.exists && reasons.is_orphaned(),
            stale: reasons.stale,
            in_grace: reasons.grace_until.is_some(),
            grace_until: reasons.grace_until.and_then(rfc3339),
            blocked: reasons.blocked,
            goes: Goes::new(&reasons.going, reasons.sooner_by_budget),
        }
    }
}
