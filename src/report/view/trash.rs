//! What is in the trash, what came back from it, and what was let go, as their `--json` has it.

use super::{SizeItem, base64_unless_utf8, lossy};
use crate::clean::trash::{Content, Contents, Emptying, Item, ItemState, Lying, Restoration, Restored};
use crate::clean::{Failed, Outcome, Skipped};
use crate::model::{Size, Timestamp, rfc3339};
use serde::Serialize;
use std::path::Path;

/// What is in the trash.
#[derive(Clone, Debug, Serialize)]
pub struct Trash {
    schema: &'static str,
    home: String,
    operations: Vec<OperationItem>,
    size_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct OperationItem {
    operation: String,
    at: Option<String>,
    timestamp: Timestamp,
    command: String,
    keep_until: Option<String>,
    keep_until_timestamp: Option<Timestamp>,
    runs: Vec<RunItem>,
    cache: Vec<EntryItem>,
    thinned: Vec<RunItem>,
    #[serde(flatten)]
    size: SizeItem,
}

/// An item in the trash, by itself.
#[derive(Clone, Debug, Serialize)]
pub struct TrashRow {
    operation: String,
    at: Option<String>,
    command: String,
    kind: &'static str,
    #[serde(flatten)]
    item: TrashItem,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum TrashItem {
    Run(RunItem),
    Entry(EntryItem),
}

impl TrashRow {
    /// Whether it is a whole run, which can be restored by its id.
    pub fn is_run(&self) -> bool {
        self.kind == "run"
    }
}

/// The items in the trash one by one: runs, parts of runs, cache entries.
pub fn trash_rows(contents: &Contents) -> impl Iterator<Item = TrashRow> {
    contents.operations.iter().flat_map(|content| {
        content.items.iter().map(move |item| {
            let (kind, shape) = match &item.lying {
                Lying::Run { run, .. } => ("run", TrashItem::Run(RunItem::new(item, run))),
                Lying::Parts { run, .. } => ("parts", TrashItem::Run(RunItem::new(item, run))),
                Lying::Entry { path, .. } => ("entry", TrashItem::Entry(EntryItem::new(item, path))),
            };
            let (operation, at) = (content.id.clone(), rfc3339(content.at));
            TrashRow { operation, at, command: content.command.clone(), kind, item: shape }
        })
    })
}

#[derive(Clone, Debug, Serialize)]
struct RunItem {
    id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    run: String,
    #[serde(flatten)]
    state: StateItem,
    pinned: bool,
    reasons: Vec<String>,
    #[serde(flatten)]
    size: SizeItem,
}

#[derive(Clone, Debug, Serialize)]
struct EntryItem {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    #[serde(flatten)]
    state: StateItem,
    #[serde(flatten)]
    size: SizeItem,
}

#[derive(Clone, Debug, Serialize)]
struct StateItem {
    state: &'static str,
    keep_until: Option<String>,
    keep_until_timestamp: Option<Timestamp>,
}

impl StateItem {
    fn new(state: ItemState) -> Self {
        let until = match state {
            ItemState::Kept { until, .. } => until,
            ItemState::Leaving | ItemState::Undecided => None,
        };
        Self { state: state.word(), keep_until: until.and_then(rfc3339), keep_until_timestamp: until }
    }
}

impl Trash {
    /// What is in the trash of the store at `home`.
    pub fn new(home: &Path, contents: &Contents) -> Self {
        Self {
            schema: "otto.trash/1",
            home: home.to_string_lossy().into_owned(),
            operations: contents.operations.iter().map(OperationItem::new).collect(),
            size_bytes: contents.size.size,
            disk_bytes: contents.size.disk,
        }
    }
}

impl OperationItem {
    fn new(content: &Content) -> Self {
        let (mut runs, mut cache, mut thinned) = (Vec::new(), Vec::new(), Vec::new());
        for item in &content.items {
            match &item.lying {
                Lying::Run { run, .. } => runs.push(RunItem::new(item, run)),
                Lying::Parts { run, .. } => thinned.push(RunItem::new(item, run)),
                Lying::Entry { path, .. } => cache.push(EntryItem::new(item, path)),
            }
        }
        Self {
            operation: content.id.clone(),
            at: rfc3339(content.at),
            timestamp: content.at,
            command: content.command.clone(),
            keep_until: content.keep_until.and_then(rfc3339),
            keep_until_timestamp: content.keep_until,
            runs,
            cache,
            thinned,
            size: content.size.into(),
        }
    }
}

impl RunItem {
    fn new(item: &Item, run: &str) -> Self {
        let project = item.lying.project();
        Self {
            id: format!("{project}/{run}"),
            project: project.lossy(),
            project_base64: base64_unless_utf8(project.as_bytes()),
            run: run.to_owned(),
            state: StateItem::new(item.state),
            pinned: matches!(item.state, ItemState::Kept { pinned: true, .. }),
            reasons: item.reasons.clone(),
            size: item.size.into(),
        }
    }
}

impl EntryItem {
    fn new(item: &Item, path: &[u8]) -> Self {
        let project = item.lying.project();
        Self {
            project: project.lossy(),
            project_base64: base64_unless_utf8(project.as_bytes()),
            entry: lossy(path),
            entry_base64: base64_unless_utf8(path),
            state: StateItem::new(item.state),
            size: item.size.into(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct FailedItem {
    id: String,
    error: String,
    hint: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct SkippedItem {
    id: String,
    reason: String,
}

fn failed(items: &[Failed]) -> Vec<FailedItem> {
    let item = |f: &Failed| FailedItem { id: f.id.clone(), error: f.error.clone(), hint: f.hint.clone() };
    items.iter().map(item).collect()
}

fn skipped(items: &[Skipped]) -> Vec<SkippedItem> {
    items.iter().map(|s| SkippedItem { id: s.id.clone(), reason: s.reason.clone() }).collect()
}

/// What comes back from the trash, or came.
#[derive(Clone, Debug, Serialize)]
pub struct Restore {
    schema: &'static str,
    dry_run: bool,
    operations: Vec<String>,
    runs: Vec<String>,
    cache: Vec<String>,
    thinned: Vec<String>,
    size_bytes: u64,
    disk_bytes: u64,
    skipped: Vec<SkippedItem>,
    failed: Vec<FailedItem>,
    interrupted: bool,
}

impl Restore {
    /// What would come back.
    pub fn planned(plan: &Restoration) -> Self {
        let runs = || plan.parts.iter().flat_map(|part| &part.runs);
        let entries = plan.parts.iter().flat_map(|part| &part.entries);
        let thinned = || plan.parts.iter().flat_map(|part| &part.thinned);
        let size: Size = runs().chain(thinned()).map(|(_, _, size)| *size).sum();
        Self {
            schema: "otto.restore/1",
            dry_run: true,
            operations: plan.parts.iter().map(|part| part.operation.clone()).collect(),
            runs: runs().map(|(project, run, _)| format!("{project}/{run}")).collect(),
            cache: entries.map(|(project, path)| format!("{project}/.cache/{}", lossy(path))).collect(),
            thinned: thinned().map(|(project, run, _)| format!("{project}/{run}")).collect(),
            size_bytes: size.size,
            disk_bytes: size.disk,
            skipped: skipped(&plan.skipped),
            failed: Vec::new(),
            interrupted: false,
        }
    }

    /// What came back.
    pub fn done(restored: &Restored) -> Self {
        let size: Size = restored.runs.iter().chain(&restored.thinned).map(|(_, size)| *size).sum();
        Self {
            schema: "otto.restore/1",
            dry_run: false,
            operations: restored.operations.clone(),
            runs: restored.runs.iter().map(|(id, _)| id.clone()).collect(),
            cache: restored.entries.clone(),
            thinned: restored.thinned.iter().map(|(id, _)| id.clone()).collect(),
            size_bytes: size.size,
            disk_bytes: size.disk,
            skipped: skipped(&restored.skipped),
            failed: failed(&restored.failed),
            interrupted: restored.interrupted,
        }
    }
}

/// What emptying the trash deletes, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Empty {
    schema: &'static str,
    dry_run: bool,
    operations: Vec<String>,
    runs: Vec<String>,
    cache: Vec<String>,
    thinned: Vec<String>,
    frees_size_bytes: u64,
    frees_disk_bytes: u64,
    skipped: Vec<SkippedItem>,
    result: Option<EmptyResult>,
}

#[derive(Clone, Debug, Serialize)]
struct EmptyResult {
    deleted_runs: Vec<String>,
    deleted_cache: Vec<String>,
    failed: Vec<FailedItem>,
    skipped: Vec<SkippedItem>,
    freed_size_bytes: u64,
    freed_disk_bytes: u64,
    interrupted: bool,
}

impl Empty {
    /// What would go.
    pub fn new(plan: &Emptying, dry_run: bool) -> Self {
        let items = || plan.operations.iter().flat_map(|(_, items)| items);
        let (mut runs, mut cache, mut thinned) = (Vec::new(), Vec::new(), Vec::new());
        for item in items() {
            match &item.lying {
                Lying::Run { .. } => runs.push(item.name()),
                Lying::Parts { project, run } => thinned.push(format!("{project}/{run}")),
                Lying::Entry { .. } => cache.push(item.name()),
            }
        }
        Self {
            schema: "otto.empty/1",
            dry_run,
            operations: plan.operations.iter().map(|(id, _)| id.clone()).collect(),
            runs,
            cache,
            thinned,
            frees_size_bytes: plan.frees.size,
            frees_disk_bytes: plan.frees.disk,
            skipped: skipped(&plan.skipped),
            result: None,
        }
    }

    /// The same with what became of it.
    pub fn with_result(self, outcome: &Outcome) -> Self {
        let freed = outcome.freed();
        let entry = |(project, path, _): &(crate::model::ProjectDir, Vec<u8>, Size)| {
            format!("{project}/.cache/{}", lossy(path))
        };
        let result = EmptyResult {
            deleted_runs: outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect(),
            deleted_cache: outcome.deleted_cache.iter().map(entry).collect(),
            failed: failed(&outcome.failed),
            skipped: skipped(&outcome.skipped),
            freed_size_bytes: freed.size,
            freed_disk_bytes: freed.disk,
            interrupted: outcome.interrupted,
        };
        Self { result: Some(result), ..self }
    }
}
