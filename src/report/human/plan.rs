//! What a clean would do: what was found, the policy as understood, what goes, what stays and why. Zeros are printed: that
//! nothing goes is an answer too.

use super::budget::budgets;
use super::items::{item, removal};
use crate::clean::{CacheMode, Choice, EntryRemoval, Plan, ProjectPlan, Totals};
use crate::model::{Class, Dropped, Size, Timestamp};
use crate::report::Labels;
use crate::report::layout::Step::{LeaveOut, Shorten};
use crate::report::layout::{Cell, Columns};
use crate::report::table;
use crate::report::text::{Look, Paint, bytes, hanging, printable, times, wrapped};
use crate::retention::{Policy, Rule};
use std::collections::HashMap;
use std::fmt::{self, Write};
use std::path::Path;

/// What a plan's text needs beside the plan.
pub struct PlanContext<'a> {
    /// The store.
    pub home: &'a Path,
    /// The policy of a project without rules of its own.
    pub default: &'a Policy,
    /// What the table calls the projects.
    pub labels: &'a Labels,
    /// What runs that go consist of, by row; only when details are wanted.
    pub parts: &'a HashMap<i64, String>,
    /// Whether every verdict is to be told with its reasons.
    pub explain: bool,
}

/// What lets runs go, on one line: what narrows it, the policy that holds everywhere, and the projects that have rules of
/// their own.
pub fn policy_text(plan: &Plan, default: &Policy) -> String {
    selected(plan, &rules_text(plan, default))
}

/// The rules, after what narrows them; without them, where no rule is asked.
fn selected(plan: &Plan, rules: &str) -> String {
    let mut parts = plan.narrow.parts();
    if plan.narrow.asks_rules() {
        parts.push(rules.to_owned());
    }
    parts.join("; ")
}

fn rules_text(plan: &Plan, default: &Policy) -> String {
    let own: Vec<String> = with_own_rules(plan, default)
        .map(|project| format!("{}: {}", printable(&project.project.dir.lossy()), project.policy))
        .collect();
    match own.as_slice() {
        [] => default.to_string(),
        own => format!("{default}; but {}", own.join("; ")),
    }
}

fn with_own_rules<'p>(plan: &'p Plan, default: &Policy) -> impl Iterator<Item = &'p ProjectPlan> {
    let default = default.to_string();
    plan.projects.iter().filter(move |project| project.policy.to_string() != default)
}

/// Writes a plan.
///
/// # Errors
/// Those of `out`.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "Store: {}", printable(&context.home.to_string_lossy()))?;
    let found = plan.complete_runs + plan.incomplete_runs;
    let whole = format!("{} complete, {} incomplete", plan.complete_runs, plan.incomplete_runs);
    let projects = times(plan.projects.len() as u64, "project");
    hanging(&format!("Runs found: {found} ({whole}), in {projects}"), look, ("", "  "), out)?;
    policy(plan, context, look, out)?;
    if !plan.parts_alone {
        goes(plan, context, look, out)?;
    }
    if plan.parts_alone || !plan.thin.is_empty() || plan.drops_parts() && plan.narrow.asks_rules() {
        thins(plan, look, out)?;
    }
    stays(plan, look, out)?;
    if !plan.parts_alone {
        cache(plan, look, out)?;
    }
    if context.explain {
        super::explained::explained(plan, look, out)?;
    }
    totals(plan, look, out)?;
    for notice in &plan.notices {
        hanging(&format!("notice: config.yml: {}", printable(&notice.to_string())), look, ("", "  "), out)?;
    }
    Ok(())
}

fn policy(plan: &Plan, context: &PlanContext<'_>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    hanging(&format!("Policy: {}", selected(plan, &context.default.to_string())), look, ("", "    "), out)?;
    if !plan.narrow.asks_rules() {
        return Ok(());
    }
    hanging(&cut_offs(context.default, plan.now, look), look, ("  ", "    "), out)?;
    for project in with_own_rules(plan, context.default) {
        let own = &project.policy;
        let source = own.keep.origin.names(Rule::Keep);
        let text = format!("{}: {own} ({source})", printable(&project.project.dir.lossy()));
        hanging(&text, look, ("  ", "    "), out)?;
        hanging(&cut_offs(own, plan.now, look), look, ("    ", "      "), out)?;
    }
    Ok(())
}

/// The instants before which runs go.
fn cut_offs(policy: &Policy, now: Timestamp, look: &Look) -> String {
    let before = |class| look.time(policy.limit(class).age.before(now));
    let mut text = format!("goes: what began before {}", before(Class::Ok));
    if policy.keep_failed.is_some() {
        let _ = write!(text, "; failed and interrupted: before {}", before(Class::Failed));
    }
    if policy.last() > 0 {
        let _ = write!(text, "; unless among the last {}", policy.last());
    }
    if policy.asks_rows() {
        text.push_str("; unless another rule keeps it");
    }
    text
}

fn goes(plan: &Plan, context: &PlanContext<'_>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let heading = format!("Would remove: {} ({})", times(plan.removes.count, "run"), bytes(plan.removes.size.disk));
    writeln!(out, "\n{}", look.paint(Paint::Heading, &heading))?;
    // Where only the cache is cleaned, every project would say that all of its runs stay.
    let entries_alone = plan.cache.mode == CacheMode::Named && plan.removes.count == 0;
    if !plan.projects.is_empty() && plan.cache.mode != CacheMode::Only && !entries_alone {
        // Of hundreds of projects, those of which nothing goes would hide the others.
        let (told, left_out): (Vec<_>, Vec<_>) =
            plan.projects.iter().partition(|project| look.verbose || project.lets_go.count > 0);
        let rows = told.iter().map(|project| {
            let Totals { count, size } = project.lets_go;
            let range = project.kept_range;
            let ago = |at: Option<Timestamp>| {
                at.map_or_else(|| "-".to_owned().into(), |at| Cell::of(look.ago(at), look.ago_in_short(at)))
            };
            vec![
                context.labels.label(&project.project.dir).into_owned().into(),
                count.to_string().into(),
                bytes(size.disk).into(),
                project.project.runs.saturating_sub(count).to_string().into(),
                ago(range.map(|(oldest, _)| oldest)),
                ago(range.map(|(_, newest)| newest)),
            ]
        });
        let columns = Columns::new(&["PROJECT", "GO", "SIZE", "STAY", "OLDEST", "NEWEST"], &[1, 2, 3, 4, 5])
            .first(&[Shorten(5), Shorten(4)])
            .then(&[LeaveOut(5), LeaveOut(4)]);
        if !told.is_empty() {
            let layout = table::write_fitted(&columns, &rows.collect::<Vec<_>>(), look, "  ", out)?;
            match (layout.shows(4), layout.shows(5)) {
                (true, true) => writeln!(out, "  (OLDEST and NEWEST: of the runs that stay)")?,
                (true, false) => writeln!(out, "  (OLDEST: of the runs that stay)")?,
                _ => {}
            }
        }
        match left_out.len() {
            0 => {}
            1 => writeln!(out, "  No run goes of 1 project (-v names it)")?,
            n => writeln!(out, "  No run goes of {n} projects (-v names them)")?,
        }
    }
    // Who named runs wants to read them again.
    if look.verbose || matches!(plan.narrow.choice, Choice::Named(_)) {
        for run in &plan.runs {
            removal(run, context.parts.get(&run.key).map(String::as_str), "  ", look, out)?;
        }
    }
    budgets(plan, look, out)?;
    match plan.inferred {
        0 => {}
        n => {
            let advice = if plan.narrow.asks_rules() { "; --strict-status treats those as unknown" } else { "" };
            let text = format!("For {n} of them stderr alone tells whether they succeeded{advice}.");
            wrapped(&text, look, "  ", out)?;
        }
    }
    emptied(plan, out)
}

/// The runs that stay and of which parts go.
fn thins(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let size = plan.thin.iter().map(|one| one.size).sum::<Size>();
    let runs = times(plan.thin.len() as u64, "run");
    let heading = format!("Would thin: {runs} ({})", bytes(size.disk));
    writeln!(out, "\n{}", look.paint(Paint::Heading, &heading))?;
    for part in [Dropped::LOGS, Dropped::ARTIFACTS, Dropped::TEMP] {
        let of: Vec<_> = plan.thin.iter().filter(|one| one.dropped.contains(part)).collect();
        if !of.is_empty() {
            writeln!(out, "  {part} of {}", times(of.len() as u64, "run"))?;
        }
    }
    if plan.parts_alone && !plan.cache.delete.is_empty() {
        let (files, size) = (times(plan.cache.delete.len() as u64, "stray file"), size_of(&plan.cache.delete));
        writeln!(out, "  and {files} in caches ({})", bytes(size.disk))?;
    }
    for (project, why) in plan.cache.blocked.iter().filter(|_| plan.parts_alone) {
        let text = format!("the cache of {} is left alone: {why}", printable(project));
        hanging(&text, look, ("  ", "    "), out)?;
    }
    for one in plan.thin.iter().filter(|_| look.verbose || matches!(plan.narrow.choice, Choice::Named(_))) {
        let age = look.ago(one.run.id.run.timestamp());
        let pieces = times(one.pieces.len() as u64, "piece");
        item(&printable(&one.run.id.to_string()), &age, "  ", look, out)?;
        writeln!(out, "    {}: {pieces}, {}", one.dropped, bytes(one.size.disk))?;
        hanging(&format!("goes: {}", one.run.reasons.join("; ")), look, ("    ", "      "), out)?;
    }
    Ok(())
}

/// The projects that lose all of their runs, where that needs to be allowed.
fn emptied(plan: &Plan, out: &mut dyn Write) -> fmt::Result {
    /// Projects that are named.
    const SHOWN: usize = 10;
    let projects: Vec<_> = plan.emptied().collect();
    if projects.is_empty() {
        return Ok(());
    }
    writeln!(out, "  No run is left of {} (--allow-empty):", times(projects.len() as u64, "project"))?;
    for project in projects.iter().take(SHOWN) {
        writeln!(out, "    {}", printable(&project.dir.lossy()))?;
    }
    if projects.len() > SHOWN {
        writeln!(out, "    ... and {} more", projects.len() - SHOWN)?;
    }
    Ok(())
}

fn stays(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let staying = (plan.complete_runs + plan.incomplete_runs).saturating_sub(plan.removes.count);
    let heading = format!("Stays: {}", times(staying, "run"));
    writeln!(out, "\n{}", look.paint(Paint::Heading, &heading))?;
    // Where only the cache is cleaned, all runs stay: those too that the ranges leave out.
    let whole = plan.cache.mode != CacheMode::Only;
    let ranges = || plan.projects.iter().filter(|_| whole).filter_map(|project| project.kept_range);
    let oldest = ranges().map(|(oldest, _)| oldest).min();
    let newest = ranges().map(|(_, newest)| newest).max();
    if let (Some(oldest), Some(newest)) = (oldest, newest) {
        writeln!(out, "  oldest: {} ({})", look.ago(oldest), look.time(oldest))?;
        writeln!(out, "  newest: {} ({})", look.ago(newest), look.time(newest))?;
    }
    if look.verbose {
        for run in &plan.kept {
            let at = run.id.run.timestamp();
            let mark = match (Some(at) == oldest, Some(at) == newest) {
                (true, _) => "  (oldest)",
                (_, true) => "  (newest)",
                _ => "",
            };
            item(&printable(&run.id.to_string()), &format!("{}{mark}", look.ago(at)), "  ", look, out)?;
            hanging(&format!("stays: {}", run.reasons.join("; ")), look, ("    ", "      "), out)?;
        }
    }
    let meant = if plan.narrow.asks_rules() { "the policy would let them go" } else { "they were meant" };
    writeln!(out, "  protected, although {meant}: {}", plan.protected.len())?;
    for run in &plan.protected {
        let age = look.ago(run.id.run.timestamp());
        item(&printable(&run.id.to_string()), &format!("{age}: {}", run.protection), "    ", look, out)?;
    }
    Ok(())
}

fn cache(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let cache = &plan.cache;
    if cache.mode == CacheMode::Leave {
        let (entries, size) = (cache.not_asked.entries, cache.not_asked.size);
        writeln!(out, "\n{}", look.paint(Paint::Heading, "Cache: stays"))?;
        let text = format!("--cache would remove {} too ({})", times(entries, "orphaned entry"), bytes(size.disk));
        wrapped(&text, look, "  ", out)?;
    } else {
        let heading = format!(
            "Cache: would remove {} ({})",
            times(cache.delete.len() as u64, "entry"),
            bytes(size_of(&cache.delete).disk)
        );
        writeln!(out, "\n{}", look.paint(Paint::Heading, &heading))?;
        let named = cache.mode == CacheMode::Named;
        if !named {
            writeln!(out, "  named by runs that stay: {}", cache.referenced)?;
            writeln!(out, "  younger than {}: {}", plan.grace, cache.in_grace)?;
        }
        for removal in cache.delete.iter().filter(|_| look.verbose || named) {
            let entry = &removal.entry;
            let path = String::from_utf8_lossy(&entry.path);
            let name = format!("{}/.cache/{}", entry.project, printable(&path));
            item(&name, &bytes(entry.size.disk), "  ", look, out)?;
        }
    }
    for (project, why) in &cache.blocked {
        let text = format!("the cache of {} is left alone: {why}", printable(project));
        hanging(&text, look, ("  ", "    "), out)?;
    }
    for (project, count, examples) in &cache.dangling {
        let examples: Vec<_> = examples.iter().map(|path| printable(path)).collect();
        let more = if *count > examples.len() as u64 { ", ..." } else { "" };
        let links = if *count == 1 { "1 script link leads".to_owned() } else { format!("{count} script links lead") };
        let (project, examples) = (printable(project), examples.join(", "));
        let text = format!("warning: {project}: {links} to no cache entry (such as {examples}{more})");
        hanging(&text, look, ("  ", "    "), out)?;
    }
    Ok(())
}

fn size_of(removals: &[EntryRemoval]) -> Size {
    removals.iter().map(|removal| removal.entry.size).sum()
}

/// What goes in all, and what that frees.
///
/// # Errors
/// Those of `out`.
pub fn totals(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let runs = times(plan.removes.count, "run");
    let entries = times(plan.cache.delete.len() as u64, "cache entry");
    let (size, of) = (bytes(plan.frees.disk), bytes(plan.before.size.disk));
    let parts = format!("parts of {}", times(plan.thin.len() as u64, "run"));
    let all = match (plan.parts_alone, plan.thin.is_empty()) {
        (true, _) if plan.cache.delete.is_empty() => parts,
        (true, _) => format!("{parts} and {}", times(plan.cache.delete.len() as u64, "stray file")),
        (false, true) => format!("{runs} and {entries}"),
        (false, false) => format!("{runs}, {parts} and {entries}"),
    };
    let Some(keep) = plan.trash else {
        writeln!(out)?;
        return wrapped(&format!("Total: {all}, freeing {size} of {of}"), look, "", out);
    };
    writeln!(out)?;
    wrapped(&format!("Total: {all}, {size} of {of}"), look, "", out)?;
    let text = format!("into the trash until {}; frees nothing before that", look.time(keep.after(look.now)));
    wrapped(&text, look, "  ", out)
}

/// What `--stale` would remove: the command with it, or nothing when it was given or there is nothing.
///
/// # Errors
/// Those of `out`.
pub fn stale_advice(plan: &Plan, command: &str, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let stale = &plan.cache.stale;
    let goes = plan.cache.delete.iter().any(|removal| !removal.readers.is_empty());
    if plan.cache.mode != CacheMode::Only || goes {
        return Ok(());
    }
    let (entries, size) = (times(stale.len() as u64, "cache entry"), bytes(size_of(stale).disk));
    let text = format!("Stale: {entries} ({size}), named only by runs that the policy would let go");
    hanging(&text, look, ("", "  "), out)?;
    if stale.is_empty() { Ok(()) } else { writeln!(out, "To remove them as well: {command}") }
}
