//! Which row belongs to which directory.
//!
//! The database knows a run by its row, the tree by `<project>/<run>`, and nothing that both hold is a key: timestamps are off
//! by a second where the runner read its clock twice, stores are moved, and `projects.hash` is the hash of something else (of
//! the ottofile's content, where the directory's is of a path). So rows are matched in passes, each weaker than the one
//! before, and what a stronger pass took is out of reach for a weaker one: each row is used once, each directory taken once.
//!
//! 1. The path that the row states (`run_dir`, or what its tasks' logs state) lies in this store.
//! 2. The same, in another place: the store was moved or copied, the last two components still name the directory.
//! 3. No path: the directory's name is made from the working directory as the runner makes it, then from the ottofile's.
//! 4. The same a second earlier: the directory was named, then the clock ticked, then the row was written.
//!
//! A row that states a path is never guessed at: its directory is that one or is gone. Without that rule, a pruned
//! `<time>-1` of the 2.x line would lay claim to its neighbour `<time>`.
//!
//! Where two rows claim one directory in the same pass, the higher id wins. Rows of one second cannot both exist before schema 5,
//! and later each run has a directory of its own; two claims come from two runs that shared a directory across a tick of the
//! clock. The later one began after the earlier had made the directory and wrote its logs over those that were there, so what
//! is in the directory is the later run's. (A second run of the very same second has no row at all: then the only row
//! tells of the first, and nothing shows it.)

use super::rows::ends_in_run_name;
use super::{PackedEvidence, RunnerRow};
use crate::model::ProjectDir;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::path::{Component, Path};

#[cfg(test)]
mod tests;

/// What the tree says.
pub trait Places {
    /// Whether there is a run of that name in that project.
    fn is_run_dir(&self, project: &ProjectDir, run: &str) -> bool;
}

/// A run directory, as project and run.
type Place = (ProjectDir, String);

/// Finds the directory of each row; rows whose directory is not there are dropped.
///
/// `root` is the store's resolved path, `root_as_given` the path by which the user (and so the runner) calls it.
pub fn match_rows(
    mut rows: Vec<RunnerRow>,
    root: &Path,
    root_as_given: &Path,
    places: &dyn Places,
) -> HashMap<Place, PackedEvidence> {
    let roots = [root.to_string_lossy().into_owned(), root_as_given.to_string_lossy().into_owned()];
    // The higher id takes first.
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    let mut matching = Matching { places, taken: HashMap::with_capacity(rows.len()) };
    let mut hashes = Hashes::default();

    let rows = matching.pass(rows, |row| in_this_store(row, &roots));
    let rows = matching.pass(rows, by_last_components);
    let rows: Vec<RunnerRow> = rows.into_iter().filter(|row| stated(row).next().is_none()).collect();
    let rows = matching.pass(rows, |row| hashes.places(row.evidence.context.cwd.as_deref(), row.timestamp));
    let rows = matching.pass(rows, |row| hashes.places(ottofile_dir(row), row.timestamp));
    let rows =
        matching.pass(rows, |row| hashes.places(row.evidence.context.cwd.as_deref(), row.timestamp.saturating_sub(1)));
    matching.pass(rows, |row| hashes.places(ottofile_dir(row), row.timestamp.saturating_sub(1)));
    matching.taken
}

struct Matching<'a> {
    places: &'a dyn Places,
    taken: HashMap<Place, PackedEvidence>,
}

impl Matching<'_> {
    /// Gives each row the first of its candidates that is there and free; returns the rows that got none.
    fn pass(&mut self, rows: Vec<RunnerRow>, mut candidates: impl FnMut(&RunnerRow) -> Vec<Place>) -> Vec<RunnerRow> {
        let mut left = Vec::new();
        'rows: for row in rows {
            for place in candidates(&row) {
                if !self.places.is_run_dir(&place.0, &place.1) {
                    continue;
                }
                if let Entry::Vacant(free) = self.taken.entry(place) {
                    free.insert(row.evidence);
                    continue 'rows;
                }
            }
            left.push(row);
        }
        left
    }
}

/// The run directories that the row states, the stronger first.
fn stated(row: &RunnerRow) -> impl Iterator<Item = &str> {
    let run_dir = row.run_dir.as_deref().map(|dir| dir.trim_end_matches('/'));
    [run_dir, row.task_run_dir.as_deref()].into_iter().flatten().filter(|dir| ends_in_run_name(dir))
}

fn in_this_store(row: &RunnerRow, roots: &[String]) -> Vec<Place> {
    let below = |dir: &str| {
        roots.iter().find_map(|root| {
            let mut rest = Path::new(dir).strip_prefix(root).ok()?.components();
            match (rest.next(), rest.next(), rest.next()) {
                (Some(Component::Normal(project)), Some(Component::Normal(run)), None) => {
                    Some((ProjectDir::new(project.to_str()?), run.to_str()?.to_owned()))
                }
                _ => None,
            }
        })
    };
    stated(row).filter_map(below).collect()
}

fn by_last_components(row: &RunnerRow) -> Vec<Place> {
    let last_two = |dir: &str| {
        let mut parts = dir.rsplit('/').filter(|part| !part.is_empty());
        let (run, project) = (parts.next()?, parts.next()?);
        Some((ProjectDir::new(project), run.to_owned()))
    };
    stated(row).filter_map(last_two).collect()
}

/// The directory of the ottofile; nothing for the relative ones of early versions, which name no place.
fn ottofile_dir(row: &RunnerRow) -> Option<&str> {
    let path = Path::new(row.evidence.context.ottofile.as_deref()?);
    path.parent().filter(|dir| dir.is_absolute())?.to_str()
}

/// Hashes of paths: thousands of runs share a few directories.
#[derive(Default)]
struct Hashes(HashMap<String, String>);

impl Hashes {
    /// The directories that a run started in `dir` at `timestamp` can have: `<name>-<hash>` since 0.5.2, `otto-<hash>` before.
    fn places(&mut self, dir: Option<&str>, timestamp: i64) -> Vec<Place> {
        let Some(dir) = dir.filter(|dir| !dir.is_empty()) else { return Vec::new() };
        let hash = match self.0.get(dir) {
            Some(hash) => hash,
            None => self.0.entry(dir.to_owned()).or_insert(path_hash(dir)),
        };
        // `/` has no name; the runner calls it this.
        let name = Path::new(dir).file_name().and_then(|name| name.to_str()).unwrap_or("otto_project");
        [name, "otto"].map(|name| (ProjectDir::new(format!("{name}-{hash}")), timestamp.to_string())).into()
    }
}

/// The first 8 hexadecimal digits of the path's sha256, by which the runner names a project's directory.
fn path_hash(path: &str) -> String {
    let digest = Sha256::digest(path.as_bytes());
    digest.iter().take(4).fold(String::with_capacity(8), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
