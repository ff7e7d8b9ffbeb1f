//! What went into a task and what came out of it: files with names of the runner's.

use super::{LONGEST_JSON, Side};
use crate::model::{Problem, Task};
use crate::store::run_files::Content;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};

/// What is compared at a time.
const BLOCK: usize = 64 * 1024;

/// Whether the files of a kind differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whether they do; `None` when that cannot be told.
    pub changed: Option<bool>,
    /// How many the one run has.
    pub left: u64,
    /// How many the other has.
    pub right: u64,
    /// Which differ.
    pub differences: Vec<FileDifference>,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDifference {
    /// Its name.
    pub name: Vec<u8>,
    /// How.
    pub change: FileChange,
}

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// Both have it, with another content.
    Content,
    /// Only the one has it.
    OnlyLeft,
    /// Only the other has it.
    OnlyRight,
}

impl FileChange {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Content => "changed",
            Self::OnlyLeft => "only-left",
            Self::OnlyRight => "only-right",
        }
    }
}

/// Compares the files of a task whose names begin so.
pub(super) fn compare(
    (left, of_left): (&Side<'_>, &Task),
    (right, of_right): (&Side<'_>, &Task),
    prefix: &[u8],
    problems: &mut Vec<Problem>,
) -> Part {
    let unknown = Part { changed: None, left: 0, right: 0, differences: Vec::new() };
    let (Some(in_left), Some(in_right)) = (&left.files, &right.files) else { return unknown };
    let (Some(left_dir), Some(right_dir)) = (&of_left.dir, &of_right.dir) else { return unknown };
    let mut problem = |side: &Side<'_>, task: &Task, name: &[u8], error: io::Error| {
        problems.push(Problem::new(path_of(side, task, name), "read", error));
    };
    let mut names = |side: &Side<'_>, task: &Task, listed: io::Result<Vec<Vec<u8>>>| match listed {
        Ok(names) => Some(names.into_iter().filter(|name| name.starts_with(prefix)).collect::<BTreeSet<_>>()),
        Err(error) => {
            problem(side, task, b"", error);
            None
        }
    };
    let ours = names(left, of_left, in_left.names(left_dir));
    let theirs = names(right, of_right, in_right.names(right_dir));
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return unknown };
    let mut part = Part { changed: Some(false), left: ours.len() as u64, right: theirs.len() as u64, ..unknown };
    for name in ours.union(&theirs) {
        let change = match (ours.contains(name), theirs.contains(name)) {
            (true, false) => FileChange::OnlyLeft,
            (false, true) => FileChange::OnlyRight,
            _ => {
                let opened = (in_left.linked_file(left_dir, name), in_right.linked_file(right_dir, name));
                let same = match opened {
                    (Ok(Some(one)), Ok(Some(other))) => same(one, other, name.ends_with(b".json")),
                    // Links that both lead nowhere say nothing more.
                    (Ok(None), Ok(None)) => Ok(true),
                    (Ok(_), Ok(_)) => Ok(false),
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
                match same {
                    Ok(true) => continue,
                    Ok(false) => FileChange::Content,
                    Err(error) => {
                        problem(left, of_left, name, error);
                        part.changed = None;
                        continue;
                    }
                }
            }
        };
        part.differences.push(FileDifference { name: name.clone(), change });
    }
    if !part.differences.is_empty() {
        part.changed = Some(true);
    }
    part
}

/// Where a file lies, for people.
pub(super) fn path_of(side: &Side<'_>, task: &Task, name: &[u8]) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    let part = std::ffi::OsStr::from_bytes;
    let run = std::path::Path::new(part(side.run.project().as_bytes())).join(side.run.dir().as_str());
    run.join(part(task.dir.as_deref().unwrap_or_default())).join(part(name))
}

/// Whether two files hold the same, as JSON where they are.
fn same(mut one: File, mut other: File, as_json: bool) -> io::Result<bool> {
    if as_json && let (Some(one), Some(other)) = (json(&mut one)?, json(&mut other)?) {
        return Ok(one == other);
    }
    one.rewind()?;
    other.rewind()?;
    let (mut ours, mut theirs) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let (ours, theirs) = (block(&mut one, &mut ours)?, block(&mut other, &mut theirs)?);
        if ours != theirs {
            return Ok(false);
        }
        if ours.is_empty() {
            return Ok(true);
        }
    }
}

/// The next bytes, as many as there are and fit.
fn block<'b>(file: &mut File, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(&buffer[..filled])
}

fn json(file: &mut File) -> io::Result<Option<serde_json::Value>> {
    let content = Content::read(file.try_clone()?, LONGEST_JSON)?;
    Ok(if content.whole { serde_json::from_slice(&content.bytes).ok() } else { None })
}
