//! Runs and cache entries of a plan, one by one: an id, which is never cut, and what is told of it.

use crate::clean::{CacheMode, Plan, RunRemoval};
use crate::model::Run;
use crate::report::text::{Look, bytes, hanging, printable, times};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Writes an id and what is told of it, which stands below where there is no room beside it.
pub(super) fn item(id: &str, text: &str, indent: &str, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let fits = look.width.is_none_or(|width| indent.width() + id.width() + 2 + text.width() <= width);
    if fits {
        return writeln!(out, "{indent}{id}  {text}");
    }
    writeln!(out, "{indent}{id}")?;
    let below = format!("{}    ", " ".repeat(indent.width()));
    hanging(text, look, (&below, &below), out)
}

/// What a run consists of, on one line.
pub fn parts(run: &Run) -> String {
    let mut text = format!("{}, {}", times(run.tasks_total, "task"), run.status);
    if run.tasks_failed > 0 {
        let _ = write!(text, " ({} failed)", run.tasks_failed);
    }
    let _ = write!(text, " by {}", run.status_source);
    if !run.thinned.is_empty() {
        let _ = write!(text, ", thinned: {}", run.thinned);
    }
    if !run.missing.is_empty() {
        let _ = write!(text, ", lacks {}", run.missing);
    }
    text
}

/// One run that goes: what it is, and why.
///
/// # Errors
/// Those of `out`.
pub fn removal(run: &RunRemoval, parts: Option<&str>, indent: &str, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let figures = format!("{}  {}", look.ago(run.id.run.timestamp()), bytes(run.size.disk));
    item(&printable(&run.id.to_string()), &figures, indent, look, out)?;
    if let Some(parts) = parts {
        hanging(parts, look, ("    ", "      "), out)?;
    }
    hanging(&format!("goes: {}", run.reasons.join("; ")), look, ("    ", "      "), out)
}

/// Every run that goes, numbered: what a person says yes to.
///
/// # Errors
/// Those of `out`.
pub fn numbered(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let width = (plan.runs.len() + plan.thin.len()).to_string().len();
    let number = |index: usize| format!("{:>width$}. ", index + 1);
    for (index, run) in plan.runs.iter().enumerate() {
        let figures = format!("{}  {}", look.ago(run.id.run.timestamp()), bytes(run.size.disk));
        item(&printable(&run.id.to_string()), &figures, &number(index), look, out)?;
    }
    for (index, one) in plan.thin.iter().enumerate() {
        let id = one.run.id.to_string();
        let text = format!("{} of {}", one.dropped, printable(&id));
        item(&text, &bytes(one.size.disk), &number(plan.runs.len() + index), look, out)?;
    }
    // Entries that were named are part of what was said, and not what follows from it.
    for removal in plan.cache.delete.iter().filter(|_| plan.cache.mode == CacheMode::Named || plan.parts_alone) {
        let path = String::from_utf8_lossy(&removal.entry.path);
        let name = format!("{}/.cache/{}", removal.entry.project, printable(&path));
        item(&name, &bytes(removal.entry.size.disk), &format!("{:>width$}  ", ""), look, out)?;
    }
    Ok(())
}
