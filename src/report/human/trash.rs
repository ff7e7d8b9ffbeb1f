//! What is in the trash, what comes back from it, and what is let go.

use super::items::item as told;
use crate::clean::Outcome;
use crate::clean::trash::{Contents, Emptying, Item, ItemState, Lying, Restoration, Restored};
use crate::model::Size;
use crate::report::text::{Look, Paint, bytes, hanging, printable, times, with_command};
use std::fmt::{self, Write};

/// Items of an operation that are named, where not all are wanted.
const SHOWN: usize = 10;

/// Writes what is in the trash, by operation, the last one first.
///
/// # Errors
/// Those of `out`.
pub fn trash(contents: &Contents, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let operations = times(contents.operations.len() as u64, "operation");
    let heading = format!("In the trash: {operations} ({})", bytes(contents.size.disk));
    writeln!(out, "{}", look.paint(Paint::Heading, &heading))?;
    for content in contents.operations.iter().rev() {
        let what = counted(content.items.iter().map(|item| &item.lying));
        writeln!(out, "\n{}", look.paint(Paint::Heading, &printable(&content.id)))?;
        writeln!(out, "  {what} ({})", bytes(content.size.disk))?;
        if content.at > 0 {
            let text = format!("  {}, by:", look.ago(content.at));
            writeln!(out, "{}", with_command(&text, &printable(&content.command), look))?;
        }
        match content.keep_until {
            Some(until) if content.items.iter().any(|item| item.state.is_kept()) => {
                let text = format!("can be restored until {} ({})", look.time(until), look.ago(until));
                hanging(&text, look, ("  ", "    "), out)?;
            }
            _ => writeln!(out, "  cannot be undone")?,
        }
        let named = |item: &&Item| look.verbose || !matches!(item.lying, Lying::Entry { .. });
        let shown = if look.verbose { usize::MAX } else { SHOWN };
        for item in content.items.iter().filter(named).take(shown) {
            one(item, look, out)?;
        }
        let more = content.items.iter().filter(named).count().saturating_sub(shown);
        if more > 0 {
            writeln!(out, "    ... and {more} more (-v names them)")?;
        }
    }
    Ok(())
}

fn one(item: &Item, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let note = match item.state {
        ItemState::Kept { pinned: true, .. } => "  pinned",
        ItemState::Kept { .. } => "",
        ItemState::Leaving => "  on its way out",
        ItemState::Undecided => "  undecided: the next clean puts it back, or says why not",
    };
    told(&printable(&item.name()), &format!("{}{note}", bytes(item.size.disk)), "    ", look, out)?;
    if look.verbose && !item.reasons.is_empty() {
        let text = format!("went: {}", item.reasons.join("; "));
        hanging(&printable(&text), look, ("      ", "        "), out)?;
    }
    Ok(())
}

/// `3 runs, parts of 4 runs and 2 cache entries`.
fn counted<'i>(items: impl Iterator<Item = &'i Lying>) -> String {
    let (mut runs, mut entries, mut thinned) = (0, 0, 0);
    for lying in items {
        match lying {
            Lying::Parts { .. } => thinned += 1,
            Lying::Run { .. } => runs += 1,
            Lying::Entry { .. } => entries += 1,
        }
    }
    all(runs, thinned, entries)
}

/// So many runs, parts of so many others, and so many cache entries, in words.
fn all(runs: u64, thinned: u64, entries: u64) -> String {
    let parts = format!("parts of {}", times(thinned, "run"));
    match (thinned, runs + entries) {
        (0, _) => format!("{} and {}", times(runs, "run"), times(entries, "cache entry")),
        (_, 0) => parts,
        _ => format!("{}, {parts} and {}", times(runs, "run"), times(entries, "cache entry")),
    }
}

/// Writes what would come back.
///
/// # Errors
/// Those of `out`.
pub fn restoration(plan: &Restoration, out: &mut dyn Write) -> fmt::Result {
    let (mut runs, mut entries) = (0, 0);
    for part in &plan.parts {
        for (project, run, size) in &part.runs {
            writeln!(out, "would restore {}  {}", printable(&format!("{project}/{run}")), bytes(size.disk))?;
        }
        for (project, run, size) in &part.thinned {
            let id = format!("{project}/{run}");
            writeln!(out, "would restore parts of {}  {}", printable(&id), bytes(size.disk))?;
        }
        for (project, path) in &part.entries {
            let id = format!("{project}/.cache/{}", String::from_utf8_lossy(path));
            writeln!(out, "would restore {}", printable(&id))?;
        }
        runs += part.runs.len() as u64;
        entries += part.entries.len() as u64;
    }
    for item in &plan.skipped {
        writeln!(out, "would skip {}: {}", printable(&item.id), printable(&item.reason))?;
    }
    let thinned: u64 = plan.parts.iter().map(|part| part.thinned.len() as u64).sum();
    writeln!(out, "Would restore: {}", all(runs, thinned, entries))?;
    if runs > 0 {
        writeln!(out, "  (and whatever else in the caches they name and is gone)")?;
    }
    Ok(())
}

/// Writes what came back.
///
/// # Errors
/// Those of `out`.
pub fn restored(restored: &Restored, look: &Look, out: &mut dyn Write) -> fmt::Result {
    for (id, size) in &restored.runs {
        writeln!(out, "restored {}  {}", printable(id), bytes(size.disk))?;
    }
    for (id, size) in &restored.thinned {
        writeln!(out, "restored parts of {}  {}", printable(id), bytes(size.disk))?;
    }
    for id in &restored.entries {
        writeln!(out, "restored {}", printable(id))?;
    }
    for item in &restored.failed {
        let word = look.paint(Paint::Bad, "failed");
        writeln!(out, "{word}   {}: {}", printable(&item.id), printable(&item.error))?;
        if let Some(hint) = &item.hint {
            writeln!(out, "  hint: {}", printable(hint))?;
        }
    }
    for item in &restored.skipped {
        let word = look.paint(Paint::Odd, "skipped");
        writeln!(out, "{word}  {}: {}", printable(&item.id), printable(&item.reason))?;
    }
    if restored.interrupted {
        writeln!(out, "Interrupted: what was not reached stays in the trash.")?;
    }
    if restored.runs.is_empty() && restored.entries.is_empty() && restored.thinned.is_empty() {
        return writeln!(out, "Nothing was restored.");
    }
    let size: Size = restored.runs.iter().chain(&restored.thinned).map(|(_, size)| *size).sum();
    let (runs, entries) =
        (times(restored.runs.len() as u64, "run"), times(restored.entries.len() as u64, "cache entry"));
    let parts = format!("parts of {}", times(restored.thinned.len() as u64, "run"));
    match (restored.thinned.is_empty(), restored.runs.is_empty() && restored.entries.is_empty()) {
        (true, _) => writeln!(out, "Restored: {runs} ({}) and {entries}", bytes(size.disk)),
        (false, true) => writeln!(out, "Restored: {parts} ({})", bytes(size.disk)),
        (false, false) => writeln!(out, "Restored: {runs}, {parts} ({}) and {entries}", bytes(size.disk)),
    }
}

/// Writes what emptying would delete.
///
/// # Errors
/// Those of `out`.
pub fn emptying(plan: &Emptying, look: &Look, out: &mut dyn Write) -> fmt::Result {
    for (id, items) in &plan.operations {
        writeln!(out, "{}: {}", printable(id), counted(items.iter().map(|item| &item.lying)))?;
        for item in items.iter().filter(|item| look.verbose || !matches!(item.lying, Lying::Entry { .. })) {
            told(&printable(&item.name()), &bytes(item.size.disk), "  ", look, out)?;
        }
    }
    for item in &plan.skipped {
        writeln!(out, "stays: {}: {}", printable(&item.id), printable(&item.reason))?;
    }
    if plan.is_empty() {
        return writeln!(out, "Nothing to delete.");
    }
    let total = counted(plan.operations.iter().flat_map(|(_, items)| items).map(|item| &item.lying));
    writeln!(out, "Total: {total}, freeing {}", bytes(plan.frees.disk))
}

/// Writes what was deleted from the trash.
///
/// # Errors
/// Those of `out`.
pub fn emptied(outcome: &Outcome, look: &Look, out: &mut dyn Write) -> fmt::Result {
    for item in &outcome.failed {
        let word = look.paint(Paint::Bad, "failed");
        writeln!(out, "{word}  {}: {}", printable(&item.id), printable(&item.error))?;
        if let Some(hint) = &item.hint {
            writeln!(out, "  hint: {}", printable(hint))?;
        }
    }
    for item in &outcome.skipped {
        let word = look.paint(Paint::Odd, "skipped");
        writeln!(out, "{word} {}: {}", printable(&item.id), printable(&item.reason))?;
    }
    if outcome.interrupted {
        writeln!(out, "Interrupted: the next deleting command deletes the rest.")?;
    }
    let (runs, entries) =
        (times(outcome.deleted_runs.len() as u64, "run"), times(outcome.deleted_cache.len() as u64, "cache entry"));
    writeln!(out, "Freed: {} by {runs} and {entries}", bytes(outcome.freed().disk))
}
