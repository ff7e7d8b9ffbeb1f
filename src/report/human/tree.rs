//! A run as a tree: its tasks, the cache entries that their scripts link to, and what else its links name.

use super::why::{entry_name, sharing, with_it};
use crate::clean::why::{NamedEntry, RunReasons, Standing};
use crate::model::{CacheEntry, Task};
use crate::report::table::paint_of;
use crate::report::text::{Look, bytes, printable};
use std::collections::HashSet;
use std::fmt::{self, Write};

/// What branches are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// Box-drawing characters.
    Drawn,
    /// ASCII, for a terminal that has no others.
    Ascii,
}

impl Lines {
    /// Before a child that others follow, before the last one, and below the first kind.
    const fn parts(self) -> [&'static str; 3] {
        match self {
            Self::Drawn => ["\u{251c}\u{2500} ", "\u{2514}\u{2500} ", "\u{2502}  "],
            Self::Ascii => ["|- ", "`- ", "|  "],
        }
    }

    /// What stands before a child, and before the children of that.
    const fn before(self, is_last: bool) -> (&'static str, &'static str) {
        let [more, last, below] = self.parts();
        if is_last { (last, "   ") } else { (more, below) }
    }
}

/// Writes a run as a tree, and what would go with it.
///
/// # Errors
/// Those of `out`.
pub fn tree(reasons: &RunReasons, tasks: &[Task], look: &Look, out: &mut dyn Write) -> fmt::Result {
    let lines = if look.ascii { Lines::Ascii } else { Lines::Drawn };
    let run = &reasons.run;
    writeln!(out, "{}  {}", printable(&run.id.to_string()), bytes(run.size.disk))?;
    let mut told = HashSet::new();
    let scripts: Vec<Option<&NamedEntry>> = tasks.iter().map(|task| script(reasons, task, &mut told)).collect();
    let others: Vec<&NamedEntry> = reasons.entries.iter().filter(|n| !told.contains(&n.name.entry.key)).collect();
    for (at, (task, script)) in tasks.iter().zip(scripts).enumerate() {
        let (branch, below) = lines.before(others.is_empty() && at + 1 == tasks.len());
        let status = look.paint(paint_of(task.status), task.status.word());
        let name = String::from_utf8_lossy(&task.name);
        writeln!(out, "{branch}{}  {status}, {}", printable(&name), bytes(task.size.disk))?;
        if let Some(named) = script {
            one(reasons, named, lines, (below, true), out)?;
        }
    }
    if !others.is_empty() {
        let (branch, below) = lines.before(true);
        writeln!(out, "{branch}other links")?;
        for (at, named) in others.iter().enumerate() {
            one(reasons, named, lines, (below, at + 1 == others.len()), out)?;
        }
    }
    match reasons.standing {
        Standing::Present { .. } => with_it(reasons, look, out),
        Standing::Gone(_) => writeln!(out, "It is gone: {}", run.state.word()),
    }
}

/// The entry of the own project's cache that a task's script links to.
fn script<'r>(reasons: &'r RunReasons, task: &Task, told: &mut HashSet<i64>) -> Option<&'r NamedEntry> {
    let path = task.cache_entry.as_ref()?;
    let is_it = |entry: &CacheEntry| entry.project == *reasons.run.project() && entry.path == *path;
    let named = reasons.entries.iter().find(|named| is_it(&named.name.entry))?;
    told.insert(named.name.entry.key);
    Some(named)
}

fn one(
    reasons: &RunReasons,
    named: &NamedEntry,
    lines: Lines,
    (indent, is_last): (&str, bool),
    out: &mut dyn Write,
) -> fmt::Result {
    let (branch, below) = lines.before(is_last);
    let size = if named.name.exists { bytes(named.name.entry.size.disk) } else { "not there".to_owned() };
    writeln!(out, "{indent}{branch}{}  {size}", entry_name(reasons, &named.name.entry))?;
    writeln!(out, "{indent}{below}{}", sharing(named.other_runs, named.goes_with_run && named.name.exists))
}
