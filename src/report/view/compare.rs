//! Two runs side by side, as `otto compare --json` has them.

use super::run::RunItem;
use super::{base64_unless_utf8, lossy};
use crate::compare::{Comparison, Part, Script, ScriptDiff, TaskComparison};
use crate::model::{Run, Task};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// Two runs side by side.
#[derive(Clone, Debug, Serialize)]
pub struct Compare {
    schema: &'static str,
    left: SideItem,
    right: SideItem,
    tasks: Vec<TaskItem>,
}

#[derive(Clone, Debug, Serialize)]
struct SideItem {
    #[serde(flatten)]
    run: RunItem,
    state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct TaskItem {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    left: Option<Half>,
    right: Option<Half>,
    script: Option<ScriptItem>,
    inputs: Option<PartItem>,
    outputs: Option<PartItem>,
}

#[derive(Clone, Debug, Serialize)]
struct Half {
    status: &'static str,
    status_source: &'static str,
    exit_code: Option<i32>,
    duration_ms: Option<i64>,
    size_bytes: u64,
    disk_bytes: u64,
    cache_entry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_entry_base64: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct ScriptItem {
    changed: Option<bool>,
    diff: Option<String>,
    hidden: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct PartItem {
    changed: Option<bool>,
    files_left: u64,
    files_right: u64,
    differences: Vec<DifferenceItem>,
}

#[derive(Clone, Debug, Serialize)]
struct DifferenceItem {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    change: &'static str,
}

impl Compare {
    /// The shape of a comparison of runs of the store at `home`.
    pub fn new(comparison: &Comparison, home: &Path) -> Self {
        let side = |run: &Run| SideItem { run: RunItem::new(run, home), state: run.state.word() };
        Self {
            schema: "otto.compare/1",
            left: side(&comparison.left),
            right: side(&comparison.right),
            tasks: comparison.tasks.iter().map(TaskItem::new).collect(),
        }
    }
}

impl TaskItem {
    fn new(task: &TaskComparison) -> Self {
        Self {
            name: lossy(&task.name),
            name_base64: base64_unless_utf8(&task.name),
            left: task.left.as_ref().map(Half::new),
            right: task.right.as_ref().map(Half::new),
            script: task.script.as_ref().map(ScriptItem::new),
            inputs: task.inputs.as_ref().map(PartItem::new),
            outputs: task.outputs.as_ref().map(PartItem::new),
        }
    }
}

impl Half {
    fn new(task: &Task) -> Self {
        Self {
            status: task.status.word(),
            status_source: task.status_source.word(),
            exit_code: task.exit_code,
            duration_ms: task.duration_ms,
            size_bytes: task.size.size,
            disk_bytes: task.size.disk,
            cache_entry: task.cache_entry.as_deref().map(lossy),
            cache_entry_base64: task.cache_entry.as_deref().and_then(base64_unless_utf8),
        }
    }
}

impl ScriptItem {
    fn new(script: &Script) -> Self {
        Self { changed: script.changed, diff: script.diff.as_ref().map(unified), hidden: script.hidden }
    }
}

/// A difference as `diff -u` writes it, without the two lines that name the files.
fn unified(diff: &ScriptDiff) -> String {
    let mut text = String::new();
    for hunk in &diff.hunks {
        let _ = writeln!(text, "{}", hunk.header);
        for line in &hunk.lines {
            let _ = writeln!(text, "{}{}", line.kind.sign(), line.text);
            if line.unended {
                text.push_str("\\ No newline at end of file\n");
            }
        }
    }
    text
}

impl PartItem {
    fn new(part: &Part) -> Self {
        let item = |difference: &crate::compare::FileDifference| DifferenceItem {
            name: lossy(&difference.name),
            name_base64: base64_unless_utf8(&difference.name),
            change: difference.change.word(),
        };
        Self {
            changed: part.changed,
            files_left: part.left,
            files_right: part.right,
            differences: part.differences.iter().map(item).collect(),
        }
    }
}
