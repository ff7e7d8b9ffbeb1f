//! What a store takes, in the first plan's layout.

use crate::model::{Age, DAY, Project};
use crate::report::facts::{RecommendationKind, Usage};
use crate::report::table;
use crate::report::text::{Look, Paint, bytes, printable, times};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Writes what a store takes, or one project of it.
///
/// # Errors
/// Those of `out`.
pub fn usage(usage: &Usage, project: Option<&str>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let of = project.map_or_else(String::new, |project| format!(" of {}", printable(project)));
    let heading = format!("Otto Disk Usage{of}: {}", bytes(usage.total.disk));
    writeln!(out, "{}", look.paint(Paint::Heading, &heading))?;
    writeln!(out, "  {}", printable(&usage.home.to_string_lossy()))?;
    by_project(usage, look, out)?;
    cache(usage, look, out)?;
    largest(usage, look, out)?;
    writeln!(out, "\n{} {}", look.paint(Paint::Heading, "Other files:"), bytes(usage.other.disk))?;
    let trash = &usage.trash;
    let label = look.paint(Paint::Heading, "Trash:");
    write!(out, "{label} {}", bytes(trash.size.disk))?;
    match trash.operations {
        0 => writeln!(out)?,
        n => writeln!(out, " ({}, {})", times(trash.runs, "run"), times(n, "operation"))?,
    }
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Recommendations:"))?;
    if usage.recommendations.is_empty() {
        writeln!(out, "  none")?;
    }
    for item in &usage.recommendations {
        let what = match item.kind {
            RecommendationKind::OldRuns => format!("Clean runs older than 30 days ({})", times(item.runs, "run")),
            RecommendationKind::OrphanedCache => {
                format!("Clean orphaned cache ({})", times(item.cache_entries, "entry"))
            }
            RecommendationKind::Trash => format!("Empty the trash ({})", times(item.runs, "run")),
        };
        let effect = match item.into_trash {
            None => format!("would free {}", bytes(item.frees.disk)),
            Some(size) => format!("{} into the trash", bytes(size.disk)),
        };
        let line = format!("  {} {what}: {effect}", look.bullet());
        match look.width {
            Some(width) if line.width() > width => writeln!(out, "  {} {what}:\n    {effect}", look.bullet())?,
            _ => writeln!(out, "{line}")?,
        }
        writeln!(out, "      {}", item.command)?;
    }
    Ok(())
}

fn by_project(usage: &Usage, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "\n{}", look.paint(Paint::Heading, "By Project:"))?;
    if usage.projects.is_empty() {
        return writeln!(out, "  none");
    }
    let mut projects: Vec<&Project> = usage.projects.iter().collect();
    projects.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.dir.cmp(&b.dir)));
    let narrow = table::is_narrow(look);
    let oldest = |project: &Project| match project.oldest_run.map(|at| Age::between(at, look.now)) {
        None => "-".to_owned(),
        Some(None) => "future".to_owned(),
        Some(Some(age)) if narrow => format!("{}d", age.as_seconds() / DAY),
        Some(Some(age)) => times(age.as_seconds() / DAY, "day"),
    };
    let cells = projects.into_iter().map(|project| {
        vec![
            printable(&project.dir.lossy()).into_owned(),
            bytes(total(project)),
            project.runs.to_string(),
            bytes(project.run_size.disk),
            oldest(project),
            bytes(project.cache_size.disk),
        ]
    });
    let head = ["PROJECT", "TOTAL", "RUNS", "SIZE", "OLDEST", "CACHE"];
    table::write(&table::named(&head, &[1, 2, 3, 4, 5], cells.collect(), look, 2), "  ", out)
}

fn cache(usage: &Usage, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let (all, orphaned) = (usage.cache, usage.orphaned);
    let heading = look.paint(Paint::Heading, "Cache Usage:");
    writeln!(out, "\n{heading} {} ({})", bytes(all.size.disk), times(all.count, "entry"))?;
    writeln!(out, "  orphaned: {} ({})", bytes(orphaned.size.disk), times(orphaned.count, "entry"))
}

fn largest(usage: &Usage, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Largest Runs:"))?;
    if usage.largest.is_empty() {
        return writeln!(out, "  none");
    }
    let cells = usage.largest.iter().enumerate().map(|(index, run)| {
        let id = run.id.to_string();
        vec![format!("{:>2}. {}", index + 1, printable(&id)), bytes(run.size.disk), look.ago(run.timestamp())]
    });
    table::write(&table::named(&["    RUN", "SIZE", "AGE"], &[1, 2], cells.collect(), look, 2), "  ", out)
}

fn total(project: &Project) -> u64 {
    project.run_size.disk + project.cache_size.disk
}
