//! The manifest: what an archive holds, in the order in which it holds it.

use crate::audit::RemovedRun;
use crate::model::{ProjectDir, RunDir, RunId};
use crate::store::layout;
use crate::store::run_walk::MAX_DEPTH;
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

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
/// A name of the file system has no more bytes.
const LONGEST_NAME: usize = 255;
/// The text of a link has no more bytes.
const LONGEST_LINK: usize = 4096;

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

    /// Whether it is one that can be unpacked: every name is one that the runner gives, every path stays where it belongs,
    /// every directory comes before what it holds, nothing is named twice, and the sum is right.
    ///
    /// # Errors
    /// What is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut size = 0_u64;
        let mut entries = HashSet::new();
        for entry in &self.entries {
            let name = (read(&entry.project)?, read(&entry.entry)?);
            check_project(&name.0, false)?;
            check_entry(&name.1)?;
            check_file(entry.mode, &entry.blake3)?;
            size = size.checked_add(entry.size_bytes).ok_or("its sizes add up to no number")?;
            if !entries.insert(name) {
                return Err("a cache entry is named twice".to_owned());
            }
        }
        let mut runs = HashSet::new();
        for run in &self.runs {
            let project = read(&run.row.project)?;
            check_project(&project, true)?;
            let Some(id) = run.id() else {
                return Err(format!("`{}` is no run's name", shown(run.row.run.as_bytes())));
            };
            run.check().map_err(|why| format!("in the run {id}, {why}"))?;
            let sum = run.members.iter().try_fold(0_u64, |sum, member| sum.checked_add(member.size()));
            size = sum.and_then(|sum| size.checked_add(sum)).ok_or("its sizes add up to no number")?;
            if !runs.insert(id) {
                return Err("a run is named twice".to_owned());
            }
        }
        if size != self.size_bytes {
            return Err(format!("its files have {size} bytes, and it states {}", self.size_bytes));
        }
        Ok(())
    }
}

impl ArchivedRun {
    fn check(&self) -> Result<(), String> {
        let (root, others) = self.members.split_first().ok_or("nothing is named")?;
        if !read(&root.path)?.is_empty() || root.kind != Kind::Directory {
            return Err("its directory does not come first".to_owned());
        }
        check_mode(root.mode, 0o7777)?;
        let mut seen: HashMap<Vec<u8>, &Kind> = HashMap::from([(Vec::new(), &root.kind)]);
        for member in others {
            let path = read(&member.path)?;
            let shown = shown(&path);
            check_path(&path)?;
            let above = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &path[..at]);
            if seen.get(above) != Some(&&Kind::Directory) {
                return Err(format!("`{shown}` lies in what is no directory before it"));
            }
            match &member.kind {
                Kind::Directory => check_mode(member.mode, 0o7777)?,
                Kind::File { blake3, .. } => check_file(member.mode, blake3)?,
                Kind::HardLink { to } => match seen.get(&read(to)?) {
                    Some(Kind::File { .. }) => {}
                    _ => return Err(format!("`{shown}` is a second name of what is no file before it")),
                },
                Kind::Link { to } => {
                    let text = read(to)?;
                    if text.is_empty() || text.len() >= LONGEST_LINK || text.contains(&0) {
                        return Err(format!("`{shown}` is a link without a text that one can have"));
                    }
                }
            }
            if seen.insert(path, &member.kind).is_some() {
                return Err(format!("`{shown}` is named twice"));
            }
        }
        Ok(())
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

fn read(name: &JsonName) -> Result<Vec<u8>, String> {
    name.bytes().ok_or_else(|| "a name cannot be read".to_owned())
}

fn check_project(name: &[u8], runs: bool) -> Result<(), String> {
    let is_part = is_part(name) && layout::is_project_name(name) || runs && name == b".";
    if is_part { Ok(()) } else { Err(format!("`{}` is no project's name", shown(name))) }
}

/// An entry lies in the cache or one level below.
fn check_entry(path: &[u8]) -> Result<(), String> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let good = parts.len() <= 2 && parts.iter().all(|part| is_part(part));
    let is_entry = good && parts.last().is_some_and(|name| layout::is_cache_entry_name(name));
    if is_entry { Ok(()) } else { Err(format!("`{}` is no cache entry's name", shown(path))) }
}

fn check_path(path: &[u8]) -> Result<(), String> {
    let parts = || path.split(|byte| *byte == b'/');
    if parts().all(is_part) && parts().count() <= MAX_DEPTH {
        return Ok(());
    }
    Err(format!("`{}` is no path below it", shown(path)))
}

/// Whether a name is one that an entry of a directory can have.
fn is_part(part: &[u8]) -> bool {
    !part.is_empty()
        && part.len() <= LONGEST_NAME
        && part != b"."
        && part != b".."
        && !part.iter().any(|byte| [0, b'/'].contains(byte))
}

fn check_file(mode: u32, hash: &str) -> Result<(), String> {
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !is_hash {
        return Err(format!("`{}` is no hash", shown(hash.as_bytes())));
    }
    check_mode(mode, FILE_MODE)
}

/// The rights of files that an archive keeps: those that let a program act for its owner are none of a run's.
pub(super) const FILE_MODE: u32 = 0o1777;

fn check_mode(mode: u32, most: u32) -> Result<(), String> {
    if mode & !most == 0 { Ok(()) } else { Err(format!("{mode:o} are no rights that a run's files have")) }
}
