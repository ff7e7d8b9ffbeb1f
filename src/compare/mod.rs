//! Two runs side by side: what came out otherwise, and what went in otherwise.
//!
//! Statuses, durations and sizes are those of the catalog, so that a run that is gone can be compared as well. Whether a
//! script, the inputs or the outputs of a task differ is looked up in the files; what cannot be read, because a run is not
//! in its place or a script left the cache, is not guessed.
//!
//! **Bounds.** Of a script at most [`LONGEST_SCRIPT`] bytes are read and [`MOST_LINES`] lines compared; inputs and outputs
//! are compared as streams. JSON is compared as JSON up to [`LONGEST_JSON`] bytes: versions 1.x of the runner write its
//! keys in any order.

mod parts;
mod script;

pub use parts::{FileChange, FileDifference, Part};
pub use script::{DiffLine, Hunk, LineKind, Script, ScriptDiff};

use crate::catalog::{self, Catalog};
use crate::model::{Problem, Run, RunState, Task};
use crate::store::root::StoreRoot;
use crate::store::run_files::RunFiles;
use std::collections::BTreeMap;

/// The most of a script that is read.
pub const LONGEST_SCRIPT: usize = 1 << 20;
/// The most lines of both scripts together that are compared one by one.
pub const MOST_LINES: usize = 50_000;
/// The longest file that is compared as JSON.
pub const LONGEST_JSON: usize = 1 << 20;

/// Two runs side by side.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The one.
    pub left: Run,
    /// The other.
    pub right: Run,
    /// The tasks that either has, in the order of the one, then those that only the other has.
    pub tasks: Vec<TaskComparison>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A task in both runs, or in one.
#[derive(Clone, Debug)]
pub struct TaskComparison {
    /// Its name.
    pub name: Vec<u8>,
    /// As the one run has it.
    pub left: Option<Task>,
    /// As the other has it.
    pub right: Option<Task>,
    /// Its scripts; `None` for a task that only one has.
    pub script: Option<Script>,
    /// What went in.
    pub inputs: Option<Part>,
    /// What came out.
    pub outputs: Option<Part>,
}

/// A run with its files, when they are there.
struct Side<'a> {
    run: &'a Run,
    files: Option<RunFiles>,
}

impl<'a> Side<'a> {
    fn open(root: Option<&StoreRoot>, run: &'a Run, problems: &mut Vec<Problem>) -> Self {
        let opened = match root {
            Some(root) if run.state == RunState::Present => RunFiles::open(root, &run.id),
            _ => Ok(None),
        };
        let files = opened.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        Self { run, files }
    }
}

/// Sets two runs side by side.
///
/// # Errors
/// The catalog's.
pub fn compare(root: Option<&StoreRoot>, catalog: &Catalog, left: Run, right: Run) -> catalog::Result<Comparison> {
    let mut others: BTreeMap<Vec<u8>, Task> =
        catalog.tasks(right.key)?.into_iter().map(|task| (task.name.clone(), task)).collect();
    let order: Vec<Vec<u8>> = catalog.tasks(right.key)?.into_iter().map(|task| task.name).collect();
    let mut pairs: Vec<(Option<Task>, Option<Task>)> = catalog
        .tasks(left.key)?
        .into_iter()
        .map(|task| {
            let other = others.remove(&task.name);
            (Some(task), other)
        })
        .collect();
    pairs.extend(order.iter().filter_map(|name| Some((None, Some(others.remove(name)?)))));

    let mut problems = Vec::new();
    let sides = (Side::open(root, &left, &mut problems), Side::open(root, &right, &mut problems));
    let tasks = pairs.into_iter().map(|(one, other)| task(&sides, one, other, &mut problems)).collect();
    Ok(Comparison { tasks, problems, left, right })
}

fn task(
    (left, right): &(Side<'_>, Side<'_>),
    one: Option<Task>,
    other: Option<Task>,
    problems: &mut Vec<Problem>,
) -> TaskComparison {
    let name = one.as_ref().or(other.as_ref()).map(|task| task.name.clone()).unwrap_or_default();
    let (Some(of_left), Some(of_right)) = (&one, &other) else {
        return TaskComparison { name, left: one, right: other, script: None, inputs: None, outputs: None };
    };
    let mut part = |prefix: &[u8]| parts::compare((left, of_left), (right, of_right), prefix, problems);
    let (inputs, outputs) = (part(b"input."), part(b"output."));
    let script = script::compare((left, of_left), (right, of_right), problems);
    TaskComparison { name, script: Some(script), inputs: Some(inputs), outputs: Some(outputs), left: one, right: other }
}
