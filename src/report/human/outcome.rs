//! What a clean did: a line an item, what failed and why, what was freed, and what is left.

use crate::clean::{Before, Outcome, Recovery};
use crate::report::text::{Look, Paint, bytes, printable, times};
use std::collections::HashSet;
use std::fmt::{self, Write};

/// Writes what an execution did.
///
/// # Errors
/// Those of `out`.
pub fn outcome(outcome: &Outcome, before: Before, after: Before, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let went = if outcome.kept_until.is_some() { "trashed" } else { "removed" };
    let failed: HashSet<&str> = outcome.failed.iter().map(|f| f.id.as_str()).collect();
    for (id, size) in &outcome.deleted_runs {
        if !failed.contains(id.as_str()) {
            writeln!(out, "{went} {}  {}", printable(id), bytes(size.disk))?;
        }
    }
    for one in &outcome.thinned {
        writeln!(out, "thinned {}: {}  {}", printable(&one.id), one.dropped, bytes(one.size.disk))?;
    }
    for (project, path, size) in &outcome.deleted_cache {
        let id = format!("{project}/.cache/{}", String::from_utf8_lossy(path));
        if !failed.contains(id.as_str()) {
            writeln!(out, "{went} {}  {}", printable(&id), bytes(size.disk))?;
        }
    }
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
    let (runs, entries) =
        (times(outcome.deleted_runs.len() as u64, "run"), times(outcome.deleted_cache.len() as u64, "cache entry"));
    let runs = match outcome.thinned.len() as u64 {
        0 => runs,
        n if outcome.deleted_runs.is_empty() => format!("parts of {}", times(n, "run")),
        n => format!("{runs}, parts of {n}"),
    };
    if let Some((path, length)) = &outcome.archive {
        writeln!(out, "Archived first, in {} ({})", printable(&path.to_string_lossy()), bytes(*length))?;
    }
    let nothing = outcome.deleted_runs.is_empty() && outcome.deleted_cache.is_empty() && outcome.thinned.is_empty();
    if outcome.interrupted && nothing {
        return writeln!(out, "Interrupted: nothing was removed.");
    }
    if let Some(until) = outcome.kept_until {
        let size = bytes(outcome.moved().disk);
        if outcome.interrupted {
            writeln!(out, "Interrupted: what was not reached stays.")?;
        }
        writeln!(out, "In the trash: {runs} and {entries} ({size})")?;
        writeln!(out, "  until {}; frees nothing before that", look.time(until))?;
    } else if outcome.interrupted {
        writeln!(out, "Interrupted: {runs} and {entries} are out of sight.")?;
        writeln!(
            out,
            "Freed so far: {}; the next `otto clean` deletes the rest of them.",
            bytes(outcome.freed().disk)
        )?;
    } else {
        let (by_runs, by_entries) = (bytes(outcome.freed_runs.disk), bytes(outcome.freed_cache.disk));
        writeln!(out, "Freed: {by_runs} by {runs}, {by_entries} by {entries}")?;
    }
    let less = before.size.disk.saturating_sub(after.size.disk);
    let percent = (less * 100 + before.size.disk / 2).checked_div(before.size.disk).unwrap_or(0);
    writeln!(
        out,
        "{} -> {}{} ({percent} % less), {} remain{}",
        bytes(before.size.disk),
        bytes(after.size.disk),
        // On the disk it is all there still.
        if outcome.kept_until.is_some() { " without the trash" } else { "" },
        times(after.runs, "run"),
        if after.runs == 1 { "s" } else { "" }
    )
}

/// Writes what recovery did; nothing when there was nothing to do.
///
/// # Errors
/// Those of `out`.
pub fn recovery(recovery: &Recovery, out: &mut dyn Write) -> fmt::Result {
    for id in &recovery.put_back {
        writeln!(out, "put back {}: an earlier clean died before its removal was decided", printable(id))?;
    }
    if recovery.finished > 0 {
        let items = times(recovery.finished, "removal");
        writeln!(out, "finished {items} of an earlier clean, freeing {}", bytes(recovery.freed.disk))?;
    }
    if recovery.expired > 0 {
        let (items, freed) = (times(recovery.expired, "item"), bytes(recovery.freed_by_expiry.disk));
        writeln!(out, "deleted {items} whose time in the trash was over, freeing {freed}")?;
    }
    for text in &recovery.reported {
        writeln!(out, "left alone: {}", printable(text))?;
    }
    for item in &recovery.failed {
        writeln!(out, "failed again: {}: {}", printable(&item.id), printable(&item.error))?;
    }
    Ok(())
}
