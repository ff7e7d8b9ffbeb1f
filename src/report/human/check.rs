//! What a check found, for people: the worst first, of each kind the first few.

use crate::check::{Finding, Fixed, Report, Severity};
use crate::report::text::{Look, Paint, printable, times, wrapped};
use std::fmt::{self, Write};

/// Findings of one kind that are shown; `-v` shows all, and so does JSON.
const SHOWN: u64 = 5;

/// Writes what was looked at and what was found.
///
/// # Errors
/// Those of `out`.
pub fn check(report: &Report, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let Some(home) = &report.home else { return writeln!(out, "There is no store.") };
    writeln!(out, "Store: {}", printable(&home.to_string_lossy()))?;
    let looked = &report.looked;
    let runs = format!("{} of {}", times(looked.runs, "run"), times(looked.projects, "project"));
    let (entries, lines) = (times(looked.cache_entries, "cache entry"), times(looked.log_lines, "audit line"));
    writeln!(out, "Looked at: {runs}, {entries}")?;
    let rows = looked.runner_rows.map_or_else(String::new, |rows| format!(", {}", times(rows, "runner row")));
    writeln!(out, "  {lines}, {} in the trash{rows}", times(looked.operations, "operation"))?;
    let mut shown = None;
    for finding in report.findings.list() {
        let count = match shown {
            Some((kind, count)) if kind == finding.kind => count + 1,
            _ => 1,
        };
        shown = Some((finding.kind, count));
        let all = report.findings.counts().get(&finding.kind).copied().unwrap_or(0);
        if count <= SHOWN || look.verbose {
            one(finding, look, out)?;
        } else if count == SHOWN + 1 {
            writeln!(out, "  ... and {} more of these; -v or --json shows them", all - SHOWN)?;
        }
    }
    let found = |severity| report.findings.of(severity);
    let (errors, warnings) = (times(found(Severity::Error), "error"), times(found(Severity::Warning), "warning"));
    writeln!(out, "\nFound: {errors}, {warnings}, {} worth knowing", found(Severity::Info))
}

fn one(finding: &Finding, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let severity = finding.kind.severity();
    let paint = match severity {
        Severity::Error => Paint::Bad,
        Severity::Warning => Paint::Odd,
        Severity::Info => Paint::Faint,
    };
    writeln!(out, "\n{}: {}", look.paint(paint, severity.word()), finding.kind.word())?;
    wrapped(&printable(&finding.what), look, "  ", out)?;
    if let Some(path) = &finding.path {
        writeln!(out, "  {}", printable(&path.to_string_lossy()))?;
    }
    match &finding.mend {
        Some(mend) => wrapped(&format!("--fix {}", mend.how()), look, "  ", out),
        None => Ok(()),
    }
}

/// Writes what was mended.
///
/// # Errors
/// Those of `out`.
pub fn fixed(fixed: &Fixed, look: &Look, out: &mut dyn Write) -> fmt::Result {
    for done in &fixed.done {
        wrapped(&format!("mended: {}", printable(done)), look, "", out)?;
    }
    super::recovery(&fixed.recovery, out)?;
    for failed in &fixed.failed {
        wrapped(&format!("failed: {}", printable(failed)), look, "", out)?;
    }
    Ok(())
}
