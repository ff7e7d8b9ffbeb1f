//! A line: its head, and what it tells. Reading is tolerant: unknown keys are skipped, missing ones have a default.

use super::SCHEMA;
use super::row::RemovedRun;
use crate::model::{ProjectDir, RunId, Timestamp, rfc3339};
use crate::store::layout;
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};

/// What every line says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Head {
    /// `otto.audit/1`.
    pub schema: String,
    /// What the line tells, as a word.
    pub kind: String,
    /// The operation.
    pub operation: String,
    /// The line's number in the operation, from 1.
    pub sequence: u64,
    /// When the operation began, RFC 3339.
    pub at: Option<String>,
    /// The same in Unix seconds.
    pub timestamp: Timestamp,
    /// Who asked: user and host.
    pub who: String,
    /// The command line.
    pub command: String,
    /// The policy in words.
    pub policy: String,
    /// The plan file that was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The archive in which all that it removed is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
}

/// What a line tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Event {
    /// Runs and cache entries whose removal was committed.
    Removed(Removed),
    /// The end of an operation.
    Finished(Finished),
    /// Runs were pinned.
    Pinned(Pinned),
    /// Pins were taken off.
    Unpinned(Named),
    /// Tags were set and taken off.
    Tagged(Tagged),
    /// What lay in the trash is back in its place.
    Restored(Restored),
    /// What lay in the trash is really gone.
    Emptied(Emptied),
    /// Parts of runs that stay were dropped.
    Thinned(Thinned),
    /// Runs came out of an archive.
    Imported(Imported),
    /// Rules were put into `config.yml`, or were to be.
    Configured(Configured),
    /// Something that a later version writes.
    Unknown,
}

impl Event {
    /// The word in the line.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Removed(_) => "removed",
            Self::Finished(_) => "finished",
            Self::Pinned(_) => "pinned",
            Self::Unpinned(_) => "unpinned",
            Self::Tagged(_) => "tagged",
            Self::Restored(_) => "restored",
            Self::Emptied(_) => "emptied",
            Self::Thinned(_) => "thinned",
            Self::Imported(_) => "imported",
            Self::Configured(_) => "configured",
            Self::Unknown => "unknown",
        }
    }
}

/// Runs and cache entries whose removal was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Removed {
    /// The runs, each with its whole row.
    pub runs: Vec<RemovedRun>,
    /// The cache entries.
    pub cache: Vec<RemovedEntry>,
    /// Until when they can be restored, Unix seconds; `None`: they are on their way out.
    pub keep_until: Option<Timestamp>,
}

/// A cache entry that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedEntry {
    /// The project's directory.
    pub project: JsonName,
    /// The path below its `.cache`.
    pub entry: JsonName,
    /// Length, in bytes.
    #[serde(default)]
    pub size_bytes: u64,
    /// Blocks, in bytes.
    #[serde(default)]
    pub disk_bytes: u64,
}

/// The end of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finished {
    /// How long it took, in milliseconds; `None` where nobody knows, as after a crash.
    pub duration_ms: Option<u64>,
    /// When it ended, RFC 3339.
    pub ended_at: Option<String>,
    /// Runs that it removed.
    pub removed_runs: u64,
    /// Cache entries that it removed.
    pub removed_cache: u64,
    /// Items that failed, with the cause; of very many, the first.
    pub failed: Vec<String>,
    /// How many failed in all.
    pub failed_total: u64,
    /// Items that were not as planned; of very many, the first.
    pub skipped: Vec<Skipped>,
    /// How many were skipped in all.
    pub skipped_total: u64,
    /// What was freed: lengths. After a crash, what was freed since.
    pub freed_size_bytes: Option<u64>,
    /// What was freed: blocks.
    pub freed_disk_bytes: Option<u64>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Whether it died, and this line was written by whoever mended it.
    pub recovered: bool,
}

/// An item that was not as planned, and was left alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skipped {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Runs that were pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pinned {
    /// The runs.
    pub runs: Vec<RunName>,
    /// Why they are to stay.
    pub note: Option<String>,
}

/// Runs, by name alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The runs.
    pub runs: Vec<RunName>,
}

/// Tags that were set and taken off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tagged {
    /// The runs.
    pub runs: Vec<RunName>,
    /// Tags that they have now.
    pub added: Vec<String>,
    /// Tags that they have no more.
    pub removed: Vec<String>,
}

/// What lay in the trash and is back in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restored {
    /// The runs.
    pub runs: Vec<RunName>,
    /// Cache entries that came back with them.
    pub cache: Vec<EntryName>,
    /// The operation that had removed them.
    pub removed_by: Option<String>,
    /// Runs of which parts came back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thinned: Vec<RunName>,
}

/// What lay in the trash and is really gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Emptied {
    /// The runs.
    pub runs: Vec<RunName>,
    /// The cache entries.
    pub cache: Vec<EntryName>,
    /// The operation that had removed them.
    pub removed_by: Option<String>,
    /// What was freed: lengths.
    pub freed_size_bytes: u64,
    /// What was freed: blocks.
    pub freed_disk_bytes: u64,
    /// Runs of which dropped parts are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thinned: Vec<RunName>,
}

/// Parts that were dropped of runs that stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Thinned {
    /// The runs.
    pub runs: Vec<ThinnedRun>,
    /// Until when the parts can be restored, Unix seconds; `None`: they are on their way out.
    pub keep_until: Option<Timestamp>,
}

/// A run that was thinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThinnedRun {
    /// Which.
    #[serde(flatten)]
    pub run: RunName,
    /// What was dropped: `logs`, `artifacts`, `temp`.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Why.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Lengths, in bytes.
    #[serde(default)]
    pub size_bytes: u64,
    /// Blocks, in bytes.
    #[serde(default)]
    pub disk_bytes: u64,
    /// Its whole row before: what its status rests on may have been dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Box<RemovedRun>>,
}

/// Runs that came out of an archive. The line is written before they are put in their places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Imported {
    /// The runs, each with its whole row.
    pub runs: Vec<RunRow>,
    /// Cache entries that came with them.
    pub cache: Vec<EntryName>,
}

/// Rules that were put into `config.yml`. The line is written before the file is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configured {
    /// Each key that changes.
    pub changes: Vec<KeyChanged>,
}

/// A key of `config.yml` with what it said before and says now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyChanged {
    /// Its path.
    pub key: String,
    /// Its value before; `None`: it was not set.
    pub before: Option<String>,
    /// Its value now.
    pub after: String,
}

/// A run with all that is known of it, also by what is not in its tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRow {
    /// Its row.
    #[serde(flatten)]
    pub row: RemovedRun,
    /// What was dropped of it before: `logs`, `artifacts`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
}

/// A run, by name alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunName {
    /// The project's directory.
    pub project: JsonName,
    /// The run's directory.
    pub run: String,
}

impl RunName {
    /// The name of a run.
    pub fn of(id: &RunId) -> Self {
        Self { project: JsonName::new(id.project.as_bytes()), run: id.run.as_str().to_owned() }
    }

    /// The project's directory; `None` for what is no name of one.
    pub fn project(&self) -> Option<ProjectDir> {
        project_named(&self.project)
    }
}

/// The project of that name. The log is a file that anybody who may write to the store can change: what is no name of a
/// project, or leads through several directories, names none.
pub(super) fn project_named(name: &JsonName) -> Option<ProjectDir> {
    name.bytes().filter(|bytes| bytes == b"." || layout::is_project_name(bytes)).map(ProjectDir::new)
}

/// A cache entry, by name alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EntryName {
    /// The project's directory.
    pub project: JsonName,
    /// The path below its `.cache`.
    pub entry: JsonName,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who, when, which operation.
    pub head: Head,
    /// What was done.
    pub event: Event,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// Why it is none of ours.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        fn body<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
            serde_json::from_slice(bytes).map_err(|error| error.to_string())
        }
        let head: Head = body(bytes)?;
        if !head.schema.starts_with("otto.audit/") {
            return Err(format!(
                "its schema is `{}`, not `{SCHEMA}`",
                head.schema.chars().take(40).collect::<String>()
            ));
        }
        let event = match head.kind.as_str() {
            "removed" => Event::Removed(body(bytes)?),
            "finished" => Event::Finished(body(bytes)?),
            "pinned" => Event::Pinned(body(bytes)?),
            "unpinned" => Event::Unpinned(body(bytes)?),
            "tagged" => Event::Tagged(body(bytes)?),
            "restored" => Event::Restored(body(bytes)?),
            "emptied" => Event::Emptied(body(bytes)?),
            "thinned" => Event::Thinned(body(bytes)?),
            "imported" => Event::Imported(body(bytes)?),
            "configured" => Event::Configured(body(bytes)?),
            _ => Event::Unknown,
        };
        Ok(Self { head, event })
    }

    /// The line as it is written.
    ///
    /// # Errors
    /// None that can be expected.
    pub(super) fn bytes(head: &Head, event: &Event) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            head: &'a Head,
            #[serde(flatten)]
            event: &'a Event,
        }
        serde_json::to_vec(&Written { head, event })
    }
}

impl Head {
    /// The head of the first line of an operation that began at `now`.
    pub(super) fn begin(operation: &str, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            operation: operation.to_owned(),
            at: rfc3339(now),
            timestamp: now,
            ..Self::default()
        }
    }
}
