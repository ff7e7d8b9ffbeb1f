//! `operation.json`: what an operation is, readable without a catalog.

use serde::{Deserialize, Serialize};

/// A name as JSON: text where it is UTF-8, else base64 of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JsonName {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Bytes {
        /// Standard base64.
        base64: String,
    },
}

impl Default for JsonName {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl JsonName {
    /// The name as JSON.
    pub fn new(bytes: &[u8]) -> Self {
        use base64::Engine as _;
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes { base64: base64::engine::general_purpose::STANDARD.encode(bytes) },
        }
    }

    /// The bytes; `None` for a text that is no base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Bytes { base64 } => base64::engine::general_purpose::STANDARD.decode(base64).ok(),
        }
    }
}

/// A run that an operation moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunItem {
    /// Project directory.
    pub project: JsonName,
    /// Run directory.
    pub run: String,
    /// Its inode.
    pub inode: u64,
    /// Hex of its manifest.
    pub manifest: String,
    /// Lengths, in bytes.
    pub size_bytes: u64,
    /// Blocks, in bytes.
    pub disk_bytes: u64,
    /// Why it goes.
    pub reasons: Vec<String>,
}

/// A cache entry that an operation moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryItem {
    /// Project directory.
    pub project: JsonName,
    /// Path below `.cache`.
    pub path: JsonName,
    /// Its inode.
    pub inode: u64,
    /// Length, in bytes.
    pub size_bytes: u64,
    /// Blocks, in bytes.
    pub disk_bytes: u64,
}

/// Parts of a run that an operation moves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsItem {
    /// Project directory.
    pub project: JsonName,
    /// Run directory.
    pub run: String,
    /// The run's inode.
    pub inode: u64,
    /// `logs`, `artifacts`, `temp`.
    pub parts: Vec<String>,
    /// Lengths, in bytes.
    pub size_bytes: u64,
    /// Blocks, in bytes.
    pub disk_bytes: u64,
    /// Why they go.
    pub reasons: Vec<String>,
    /// What is moved, each by one rename.
    pub pieces: Vec<PieceItem>,
    /// The directories that these are taken from, with the times of their last change.
    pub places: Vec<PlaceItem>,
}

/// A directory of a run that parts are taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceItem {
    /// Relative to the run; empty for the run itself.
    pub path: JsonName,
    /// When it was last changed before, nanoseconds.
    pub mtime_ns: i64,
}

/// A file or directory of a run's parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceItem {
    /// Relative to the run.
    pub path: JsonName,
    /// Its inode.
    pub inode: u64,
}

/// What `operation.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// `otto.operation/1`.
    pub schema: String,
    /// The operation.
    pub id: String,
    /// The store.
    pub store_id: String,
    /// Unix seconds.
    pub started_at: i64,
    /// The command line.
    pub command: String,
    /// The policy, in words.
    pub policy: String,
    /// Until when it can be restored, Unix seconds; `null`: it is on its way out.
    pub keep_until: Option<i64>,
    /// Runs.
    pub runs: Vec<RunItem>,
    /// Cache entries.
    pub entries: Vec<EntryItem>,
    /// Parts of runs that stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartsItem>,
}

impl Description {
    /// The schema of `operation.json`.
    pub const SCHEMA: &'static str = "otto.operation/1";
}
