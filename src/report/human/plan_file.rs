//! A plan that comes from a file: which one, and what of it would still be done.

use crate::clean::plan_file::PlanFile;
use crate::clean::{Plan, Skipped};
use crate::report::text::{Look, Paint, hanging, printable, times};
use std::fmt::{self, Write};

/// Says which plan it is, how old, and who made it.
///
/// # Errors
/// Those of `out`.
pub fn plan_file(file: &PlanFile, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let at = file.judged_at();
    writeln!(out, "Plan: {}, made {} ({})", file.id, look.ago(at), look.time(at))?;
    writeln!(out, "  by {}: {}", printable(file.who()), printable(file.command()))?;
    writeln!(out, "  what follows is as it was then")
}

/// Says what of a plan would be done now, and what would be skipped, with the reasons.
///
/// # Errors
/// Those of `out`.
pub fn rehearsal(plan: &Plan, skips: &[Skipped], look: &Look, out: &mut dyn Write) -> fmt::Result {
    let is_entry = |skipped: &&Skipped| skipped.id.contains("/.cache/");
    let entries = plan.cache.delete.len() as u64;
    let skipped_entries = skips.iter().filter(is_entry).count() as u64;
    let skipped_runs = skips.len() as u64 - skipped_entries;
    let heading = format!(
        "Now: {} of {} and {} of {} would go",
        plan.removes.count.saturating_sub(skipped_runs),
        times(plan.removes.count, "run"),
        entries.saturating_sub(skipped_entries),
        times(entries, "cache entry"),
    );
    writeln!(out, "\n{}", look.paint(Paint::Heading, &heading))?;
    for item in skips {
        let text = format!("would skip {}: {}", printable(&item.id), printable(&item.reason));
        hanging(&text, look, ("  ", "    "), out)?;
    }
    Ok(())
}
