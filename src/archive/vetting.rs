//! Whether a manifest is one that can be unpacked. Whoever wrote it may have written anything.

use super::manifest::{ArchivedRun, FILE_MODE, Kind, Manifest, shown};
use crate::store::layout;
use crate::store::run_walk::MAX_DEPTH;
use crate::store::trash::JsonName;
use std::collections::{HashMap, HashSet};

/// A name of the file system has no more bytes.
const LONGEST_NAME: usize = 255;
/// The text of a link has no more bytes.
const LONGEST_LINK: usize = 4096;

impl Manifest {
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

fn check_mode(mode: u32, most: u32) -> Result<(), String> {
    if mode & !most == 0 { Ok(()) } else { Err(format!("{mode:o} are no rights that a run's files have")) }
}
