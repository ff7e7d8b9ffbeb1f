//! Archives, as `otto export --json`, `otto export --list --json` and `otto import --json` have them.

use super::base64_unless_utf8;
use crate::archive::{Archive, ArchivedRun, Error, Exported, Imported, Skipped};
use crate::audit::JsonName;
use crate::model::{Status, rfc3339};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A path, and its bytes where its text does not tell them.
#[derive(Clone, Debug, Serialize)]
struct PathItem {
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
}

impl PathItem {
    fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(|path| path.to_string_lossy().into_owned()),
            path_base64: path.and_then(|path| base64_unless_utf8(path.as_os_str().as_bytes())),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct SkippedItem {
    id: String,
    reason: String,
}

fn skipped(skipped: &[Skipped]) -> Vec<SkippedItem> {
    skipped.iter().map(|one| SkippedItem { id: one.id.clone(), reason: one.reason.clone() }).collect()
}

/// What went into an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    schema: &'static str,
    #[serde(flatten)]
    path: PathItem,
    archive_bytes: u64,
    size_bytes: u64,
    runs: Vec<ExportedItem>,
    cache_entries: u64,
    skipped: Vec<SkippedItem>,
    left_out: Vec<LeftOutItem>,
}

#[derive(Clone, Debug, Serialize)]
struct ExportedItem {
    id: String,
    files: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct LeftOutItem {
    path: String,
    kind: String,
}

impl Export {
    /// Of what was written.
    pub fn new(exported: &Exported) -> Self {
        let run = |run: &crate::archive::ExportedRun| ExportedItem {
            id: run.id.to_string(),
            files: run.files,
            size_bytes: run.size.size,
            disk_bytes: run.size.disk,
        };
        let left_out = exported.left_out.iter();
        Self {
            schema: "otto.export/1",
            path: PathItem::new(exported.path.as_deref()),
            archive_bytes: exported.bytes,
            size_bytes: exported.size,
            runs: exported.runs.iter().map(run).collect(),
            cache_entries: exported.entries,
            skipped: skipped(&exported.skipped),
            left_out: left_out
                .map(|(id, left)| LeftOutItem { path: format!("{id}/{}", lossy(&left.path)), kind: left.kind.clone() })
                .collect(),
        }
    }
}

/// What an archive holds.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveList {
    schema: &'static str,
    #[serde(flatten)]
    path: PathItem,
    archive_bytes: u64,
    store_id: String,
    size_bytes: u64,
    runs: Vec<ArchivedItem>,
    cache: Vec<EntryItem>,
}

#[derive(Clone, Debug, Serialize)]
struct ArchivedItem {
    id: Option<String>,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    run: String,
    timestamp: Option<i64>,
    started_at: Option<String>,
    status: String,
    status_source: String,
    duration_ms: Option<i64>,
    tasks_total: u64,
    tasks_failed: u64,
    tags: Vec<String>,
    files: u64,
    size_bytes: u64,
    left_out: Vec<LeftOutItem>,
}

#[derive(Clone, Debug, Serialize)]
struct EntryItem {
    project: String,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    size_bytes: u64,
}

fn lossy(name: &JsonName) -> String {
    super::lossy(&name.bytes().unwrap_or_default())
}

fn base64(name: &JsonName) -> Option<String> {
    name.bytes().as_deref().and_then(base64_unless_utf8)
}

impl ArchivedItem {
    fn new(archived: &ArchivedRun) -> Self {
        let (row, id) = (&archived.row, archived.id());
        let timestamp = id.as_ref().map(|id| id.run.timestamp());
        let failed = row.tasks.iter().filter(|task| task.status == Status::Failed.word());
        let left_out = archived.left_out.iter();
        Self {
            id: id.map(|id| id.to_string()),
            project: lossy(&row.project),
            project_base64: base64(&row.project),
            run: row.run.clone(),
            timestamp,
            started_at: timestamp.and_then(rfc3339),
            status: row.status.clone(),
            status_source: row.status_source.clone(),
            duration_ms: row.duration_ms,
            tasks_total: row.tasks_total.unwrap_or(row.tasks.len() as u64),
            tasks_failed: failed.count() as u64,
            tags: row.tags.clone(),
            files: archived.files(),
            size_bytes: archived.size(),
            left_out: left_out.map(|one| LeftOutItem { path: lossy(&one.path), kind: one.kind.clone() }).collect(),
        }
    }
}

impl ArchiveList {
    /// Of an open archive.
    ///
    /// # Errors
    /// When its length cannot be told.
    pub fn new(archive: &Archive) -> Result<Self, Error> {
        let manifest = archive.manifest();
        let entry = |entry: &crate::archive::ArchivedEntry| EntryItem {
            project: lossy(&entry.project),
            entry: lossy(&entry.entry),
            entry_base64: base64(&entry.entry),
            size_bytes: entry.size_bytes,
        };
        Ok(Self {
            schema: "otto.archive-list/1",
            path: PathItem::new(Some(archive.path())),
            archive_bytes: archive.length()?,
            store_id: manifest.store_id.clone(),
            size_bytes: manifest.size_bytes,
            runs: manifest.runs.iter().map(ArchivedItem::new).collect(),
            cache: manifest.entries.iter().map(entry).collect(),
        })
    }
}

/// What came out of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Import {
    schema: &'static str,
    #[serde(flatten)]
    path: PathItem,
    operation: Option<String>,
    runs: Vec<ImportedItem>,
    already: Vec<String>,
    cache: Vec<String>,
    skipped: Vec<SkippedItem>,
    items: Vec<ItemRow>,
}

/// What became of something that was in the archive.
#[derive(Clone, Debug, Serialize)]
struct ItemRow {
    id: String,
    outcome: &'static str,
    kind: &'static str,
    files: Option<u64>,
    size_bytes: Option<u64>,
    reason: Option<String>,
}

impl ItemRow {
    fn new(id: &str, outcome: &'static str) -> Self {
        let kind = if id.contains("/.cache/") { "cache" } else { "run" };
        Self { id: id.to_owned(), outcome, kind, files: None, size_bytes: None, reason: None }
    }

    /// Everything that was in the archive and is not as it was: runs, then cache entries, then what did not come.
    fn all(imported: &Imported) -> Vec<Self> {
        let runs = imported.runs.iter().map(|run| Self {
            files: Some(run.files),
            size_bytes: Some(run.size),
            ..Self::new(&run.id.to_string(), "imported")
        });
        let already = imported.already.iter().map(|id| Self::new(id, "already"));
        let entries = imported.entries.iter().map(|path| Self::new(path, "imported"));
        let skipped = imported.skipped.iter();
        let skipped = skipped.map(|one| Self { reason: Some(one.reason.clone()), ..Self::new(&one.id, "skipped") });
        runs.chain(already).chain(entries).chain(skipped).collect()
    }
}

#[derive(Clone, Debug, Serialize)]
struct ImportedItem {
    id: String,
    files: u64,
    size_bytes: u64,
}

impl Import {
    /// Of what came out of the archive at `path`.
    pub fn new(imported: &Imported, path: &Path) -> Self {
        let run = |run: &crate::archive::ImportedRun| ImportedItem {
            id: run.id.to_string(),
            files: run.files,
            size_bytes: run.size,
        };
        Self {
            schema: "otto.import/1",
            path: PathItem::new(Some(path)),
            operation: imported.operation.clone(),
            runs: imported.runs.iter().map(run).collect(),
            already: imported.already.clone(),
            cache: imported.entries.clone(),
            skipped: skipped(&imported.skipped),
            items: ItemRow::all(imported),
        }
    }
}
