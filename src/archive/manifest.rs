//! The manifest: what an archive holds, in the order in which it holds it.

use crate::audit::RemovedRun;
use crate::model::{ProjectDir, RunDir, RunId};
use crate::store::layout;
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};

/// The schema of a manifest.
pub const SCHEMA: &str = "otto.archive/1";
/// The member that holds it, the first.
pub(super) const NAME: &str = "manifest.json";
/// The longest that is written and read.
pub(super) const LIMIT: u64 = 256 * 1024 * 1024;
/// What one that is written and read may take in memory, by its text: some eight hundred thousand files.
const WEIGHT: usize = 512 * 1024 * 1024;
/// What an object takes at most, and an item of a list. A text may have many more of them than one that we write: `{},` is
/// three bytes of it.
const OBJECT: usize = 512;
const ITEM: usize = 24;
/// Somebody stored something beside the content of a file: `user.*` attributes.
pub(super) const ATTRIBUTES: &str = "attributes";
/// A file acts for its owner or group whoever starts it.
pub(super) const PROGRAM_RIGHTS: &str = "program_rights";
/// The rights of files that an archive keeps: those that let a program act for its owner are none of a run's.
pub(super) const FILE_MODE: u32 = 0o1777;

/// What an archive holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `otto.archive/1`.
    pub schema: String,
    /// The store that the runs are of.
    pub store_id: String,
    /// The lengths of all files that follow, in bytes.
    pub size_bytes: u64,
    /// Cache entries that the runs name.
    pub entries: Vec<ArchivedEntry>,
    /// The runs.
    pub runs: Vec<ArchivedRun>,
}

/// A cache entry in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedEntry {
    /// The project's directory.
    pub project: JsonName,
    /// The path below its `.cache`.
    pub entry: JsonName,
    /// Its rights.
    pub mode: u32,
    /// Its last write, nanoseconds.
    pub mtime_ns: i64,
    /// Its length.
    pub size_bytes: u64,
    /// Hex of the blake3 of its content.
    pub blake3: String,
}

/// A run in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedRun {
    /// All that is known of it, as the audit log has it of a removed run.
    pub row: RemovedRun,
    /// What was dropped of it before: `logs`, `artifacts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Its directory and everything in it, each directory before what it holds.
    pub members: Vec<Member>,
    /// What it holds that no archive takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A file, directory or link of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The path below the run's directory; empty for that itself.
    pub path: JsonName,
    /// Its rights.
    pub mode: u32,
    /// Its last write, nanoseconds.
    pub mtime_ns: i64,
    /// What it is.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its length.
        size_bytes: u64,
        /// Hex of the blake3 of its content.
        blake3: String,
        /// Whether it takes less than its length: then stretches of zeros are no blocks.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sparse: bool,
    },
    /// A second name of a file of the run.
    HardLink {
        /// The path of its first name.
        to: JsonName,
    },
    /// A symbolic link.
    Link {
        /// Its text.
        to: JsonName,
    },
}

/// Something of a run that no archive takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The path below the run's directory.
    pub path: JsonName,
    /// `fifo`, `socket` or `device`; `attributes` or `program_rights` of something that is in it otherwise.
    pub kind: String,
}

impl LeftOut {
    /// What it is, in words.
    pub fn what(&self) -> &'static str {
        match self.kind.as_str() {
            ATTRIBUTES => "which has extended attributes, that no archive holds",
            PROGRAM_RIGHTS => "which is set-user-id or set-group-id, as nothing is that comes out of an archive",
            "fifo" => "a FIFO, which no archive holds",
            "socket" => "a socket, which no archive holds",
            _ => "a device, which no archive holds",
        }
    }
}

impl ArchivedRun {
    /// Its name in a store; `None` for one that is none.
    pub fn id(&self) -> Option<RunId> {
        Some(RunId {
            project: ProjectDir::new(self.row.project.bytes()?),
            run: RunDir::parse(self.row.run.as_bytes()).ok()?,
        })
    }

    /// How many files it has, hard links once.
    pub fn files(&self) -> u64 {
        self.members.iter().filter(|member| matches!(member.kind, Kind::File { .. })).count() as u64
    }

    /// The lengths of its files.
    pub fn size(&self) -> u64 {
        self.members.iter().map(Member::size).sum()
    }
}

impl Member {
    /// Its length, if it is a file.
    pub(super) fn size(&self) -> u64 {
        match self.kind {
            Kind::File { size_bytes, .. } => size_bytes,
            _ => 0,
        }
    }
}

/// A member of the tar, as the manifest names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'m> {
    /// A cache entry, by its place in the manifest.
    Entry(usize, &'m ArchivedEntry),
    /// Something of a run, by the run's place in the manifest.
    OfRun(usize, &'m ArchivedRun, &'m Member),
}

impl Item<'_> {
    /// Its path in the tar, which is that in a store.
    pub(super) fn path(&self) -> Vec<u8> {
        match self {
            Self::Entry(_, entry) => {
                let (project, path) = (bytes(&entry.project), bytes(&entry.entry));
                [project.as_slice(), layout::CACHE, &path].join(&b'/')
            }
            Self::OfRun(_, run, member) => path_of(run, &bytes(&member.path)),
        }
    }

    /// What a link or a second name leads to, as the tar has it.
    pub(super) fn link(&self) -> Option<Vec<u8>> {
        match self {
            Self::OfRun(_, _, Member { kind: Kind::Link { to }, .. }) => Some(bytes(to)),
            Self::OfRun(_, run, Member { kind: Kind::HardLink { to }, .. }) => Some(path_of(run, &bytes(to))),
            _ => None,
        }
    }

    /// Its rights and the time of its last write.
    pub(super) fn dress(&self) -> (u32, i64) {
        match self {
            Self::Entry(_, entry) => (entry.mode, entry.mtime_ns),
            Self::OfRun(_, _, member) => (member.mode, member.mtime_ns),
        }
    }

    /// Length and hash of its content, where it has one.
    pub(super) fn content(&self) -> Option<(u64, &str)> {
        match self {
            Self::Entry(_, entry) => Some((entry.size_bytes, &entry.blake3)),
            Self::OfRun(_, _, Member { kind: Kind::File { size_bytes, blake3, .. }, .. }) => {
                Some((*size_bytes, blake3))
            }
            Self::OfRun(..) => None,
        }
    }

    /// The kind as the tar has it.
    pub(super) fn tar_kind(&self) -> tar::EntryType {
        match self {
            Self::Entry(..) => tar::EntryType::Regular,
            Self::OfRun(_, _, member) => match member.kind {
                Kind::Directory => tar::EntryType::Directory,
                Kind::File { .. } => tar::EntryType::Regular,
                Kind::HardLink { .. } => tar::EntryType::Link,
                Kind::Link { .. } => tar::EntryType::Symlink,
            },
        }
    }
}

/// A path of a run in a tar.
fn path_of(run: &ArchivedRun, path: &[u8]) -> Vec<u8> {
    let project = bytes(&run.row.project);
    let project: &[u8] = if project == b"." { b"" } else { &project };
    let parts = [project, run.row.run.as_bytes(), path];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(&b'/')
}

/// The bytes of a name that was checked.
pub(super) fn bytes(name: &JsonName) -> Vec<u8> {
    name.bytes().unwrap_or_default()
}

impl Manifest {
    /// All that follows it in the tar, in order.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let entries = self.entries.iter().enumerate().map(|(at, entry)| Item::Entry(at, entry));
        let runs = self.runs.iter().enumerate();
        let members = runs.flat_map(|(at, run)| run.members.iter().map(move |member| Item::OfRun(at, run, member)));
        entries.chain(members)
    }
}

/// Whether a manifest is one that is written and read, by the length and the weight of its text. Nothing is parsed for it.
pub(super) fn is_within_limits(text: &[u8]) -> bool {
    let weight = text.iter().fold(0_usize, |weight, byte| match byte {
        b'{' => weight.saturating_add(OBJECT),
        b',' => weight.saturating_add(ITEM),
        _ => weight,
    });
    text.len() as u64 <= LIMIT && weight <= WEIGHT
}

/// As much of a name as an error has room for: whoever wrote it may have written a mebibyte.
pub(super) fn shown(name: &[u8]) -> String {
    const ROOM: usize = 100;
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * ROOM)]);
    match text.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}
