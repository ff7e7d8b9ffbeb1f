//! What a store takes, in the first plan's layout.

use crate::model::{Age, DAY, Month, Project};
use crate::report::Labels;
use crate::report::facts::{RecommendationKind, Usage};
use crate::report::layout::Step::{LeaveOut, Shorten};
use crate::report::layout::{Cell, Columns};
use crate::report::plot;
use crate::report::table;
use crate::report::text::{Look, Paint, bytes, printable, times};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Writes what a store takes, or one project of it.
///
/// # Errors
/// Those of `out`.
pub fn usage(usage: &Usage, project: Option<&str>, labels: &Labels, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let of = project.map_or_else(String::new, |project| format!(" of {}", printable(project)));
    let heading = format!("Otto Disk Usage{of}: {}", bytes(usage.total.disk));
    writeln!(out, "{}", look.paint(Paint::Heading, &heading))?;
    writeln!(out, "  {}", printable(&usage.home.to_string_lossy()))?;
    by_project(usage, labels, look, out)?;
    by_month(usage, look, out)?;
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
            RecommendationKind::OldRuns => {
                let or = if item.over_budget > 0 { " or over budget" } else { "" };
                let parts = match item.thinned {
                    0 => String::new(),
                    n => format!(", parts of {n} more"),
                };
                format!("Clean runs older than 30 days{or} ({}{parts})", times(item.runs, "run"))
            }
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
        if item.not_looked_at > 0 {
            let runs = times(item.not_looked_at, "run");
            writeln!(out, "      and old parts of {runs}, which are not counted here")?;
        }
    }
    Ok(())
}

fn by_project(usage: &Usage, labels: &Labels, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "\n{}", look.paint(Paint::Heading, "By Project:"))?;
    if usage.projects.is_empty() {
        return writeln!(out, "  none");
    }
    let mut projects: Vec<&Project> = usage.projects.iter().collect();
    projects.sort_by(|a, b| total(b).cmp(&total(a)).then_with(|| a.dir.cmp(&b.dir)));
    let oldest = |project: &Project| -> Cell {
        match project.oldest_run.map(|at| (at, Age::between(at, look.now))) {
            None => "-".to_owned().into(),
            Some((_, None)) => "future".to_owned().into(),
            Some((at, Some(_))) if look.verbose => {
                let time = look.time(at);
                let day = time.split(' ').next().unwrap_or_default().to_owned();
                Cell::of(time, day)
            }
            Some((_, Some(age))) => {
                let days = age.as_seconds() / DAY;
                Cell::of(times(days, "day"), format!("{days}d"))
            }
        }
    };
    let most = projects.first().map_or(0, |project| total(project));
    let sizes: Vec<u64> = projects.iter().map(|project| total(project)).collect();
    let rows = projects.into_iter().map(|project| {
        vec![
            labels.label(&project.dir).into_owned().into(),
            bytes(total(project)).into(),
            project.runs.to_string().into(),
            bytes(project.run_size.disk).into(),
            oldest(project),
            bytes(project.cache_size.disk).into(),
        ]
    });
    // Of runs and cache, the total says one where the other is known.
    let columns = Columns::new(&["PROJECT", "TOTAL", "RUNS", "SIZE", "OLDEST", "CACHE"], &[1, 2, 3, 4, 5])
        .first(&[Shorten(4)])
        .then(&[LeaveOut(3), LeaveOut(4)]);
    with_bars(&columns, rows.collect(), (&sizes, most), look, out)
}

/// Months that are shown one by one unless all are wanted: a year.
const MONTHS: i64 = 12;

fn by_month(usage: &Usage, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let Some(newest) = usage.months.iter().map(|month| month.month).max().filter(|newest| *newest >= 0) else {
        return Ok(());
    };
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Runs by Month:"))?;
    let oldest = usage.months.iter().map(|month| month.month).find(|month| *month >= 0).unwrap_or(newest);
    let first = if look.verbose { oldest } else { oldest.max(newest - MONTHS + 1) };
    let mut rows: Vec<(String, u64, u64)> = Vec::new();
    let earlier = || usage.months.iter().filter(|month| month.month < first);
    if earlier().next().is_some() {
        let (runs, disk) = (earlier().map(|m| m.runs).sum(), earlier().map(|m| m.size.disk).sum());
        rows.push(("earlier".to_owned(), runs, disk));
    }
    for month in usage.months.iter().filter(|month| month.month >= first) {
        rows.push((Month::name(month.month).unwrap_or_default(), month.runs, month.size.disk));
    }
    let sizes: Vec<u64> = rows.iter().map(|(_, _, disk)| *disk).collect();
    let most = sizes.iter().copied().max().unwrap_or(0);
    let rows = rows.into_iter().map(|(name, runs, disk)| [name, runs.to_string(), bytes(disk)].map(Cell::from).into());
    with_bars(&Columns::new(&["MONTH", "RUNS", "SIZE"], &[1, 2]), rows.collect(), (&sizes, most), look, out)
}

/// The longest bar, and the least room for which bars are worth drawing.
const BAR: usize = 24;
const LEAST_BAR: usize = 4;

/// Writes a table with a bar behind each row where there is room for bars.
fn with_bars(
    columns: &Columns,
    mut rows: Vec<Vec<Cell>>,
    (sizes, most): (&[u64], u64),
    look: &Look,
    out: &mut dyn Write,
) -> fmt::Result {
    let (table, layout) = table::laid_out(columns, &rows, look, 2);
    let taken: usize = layout.widths().iter().map(|width| width + 2).sum();
    let room = look.width.map_or(BAR, |width| width.saturating_sub(taken + 2).min(BAR));
    if room < LEAST_BAR {
        return table::write(&table, "  ", out);
    }
    for (row, size) in rows.iter_mut().zip(sizes) {
        row.push(plot::bar(*size, most, room, look).into());
    }
    let mut columns = columns.clone();
    columns.head.push("");
    table::write_fitted(&columns, &rows, look, "  ", out).map(drop)
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
    let rows = usage.largest.iter().enumerate().map(|(index, run)| {
        let id = run.id.to_string();
        let at = run.timestamp();
        vec![
            format!("{:>2}. {}", index + 1, printable(&id)).into(),
            bytes(run.size.disk).into(),
            if look.verbose { table::time(at, look) } else { Cell::of(look.ago(at), look.ago_in_short(at)) },
        ]
    });
    let columns = Columns::new(&["    RUN", "SIZE", if look.verbose { "BEGAN" } else { "AGE" }], &[1, 2])
        .first(&[Shorten(2), LeaveOut(2)]);
    table::write_fitted(&columns, &rows.collect::<Vec<_>>(), look, "  ", out).map(drop)
}

fn total(project: &Project) -> u64 {
    project.run_size.disk + project.cache_size.disk
}
