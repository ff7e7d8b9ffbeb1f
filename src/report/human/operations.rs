//! Operations, a paragraph each, and what they came to by week.

use crate::audit::{Ending, Event, Kind, Line, Summary, Totals};
use crate::model::Timestamp;
use crate::report::layout::Step::LeaveOut;
use crate::report::layout::{Cell, Columns};
use crate::report::table::write_fitted;
use crate::report::text::{Look, Paint, bytes, duration, fitted, printable, times, wrapped};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Writes what is known of an operation.
///
/// # Errors
/// Those of `out`.
pub fn operation(summary: &Summary, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let head = &summary.head;
    let time = look.time(head.timestamp);
    let command = printable(&head.command);
    let room = look.width.map_or(usize::MAX, |width| width.saturating_sub(time.width() + 2));
    // Which store it was is known: this is its log.
    let command = if look.verbose { command } else { without_home(&command).into() };
    let command = if look.verbose { command } else { fitted(&command, room, look).into_owned().into() };
    writeln!(out, "{}  {command}", look.paint(Paint::Heading, &time))?;
    let took = match summary.duration_ms {
        Some(ms) => format!(", took {}", duration(i64::try_from(ms).unwrap_or(i64::MAX))),
        None => String::new(),
    };
    let who = if head.who.is_empty() { "unknown".into() } else { printable(&head.who) };
    writeln!(out, "  {} by {who}{took}", ending(summary, look))?;
    wrapped(&what(summary, look), look, "  ", out)?;
    if summary.failed + summary.skipped > 0 {
        writeln!(out, "  {} failed, {} skipped", summary.failed, summary.skipped)?;
    }
    if look.verbose {
        writeln!(out, "  operation {}", printable(&head.operation))?;
        if !head.policy.is_empty() {
            writeln!(out, "  policy: {}", printable(&head.policy))?;
        }
        if let Some(archive) = &head.archive {
            writeln!(out, "  archive: {}", printable(archive))?;
        }
        if let Some(plan) = &head.plan {
            writeln!(out, "  plan: {}", printable(plan))?;
        }
    }
    Ok(())
}

/// A command line without the store that it names.
fn without_home(command: &str) -> String {
    let Some(value) = command.strip_prefix("otto --home").and_then(|rest| rest.strip_prefix([' ', '='])) else {
        return command.to_owned();
    };
    let end = match value.strip_prefix('\'') {
        // A quote inside stands as four characters, with two that close and open.
        Some(quoted) => quoted.replace(r"'\''", "....").find('\'').map(|at| at + 2),
        None => value.find(' '),
    };
    match end.and_then(|end| value.get(end..)) {
        Some(words) => format!("otto{words}"),
        None => command.to_owned(),
    }
}

fn ending(summary: &Summary, look: &Look) -> String {
    let (paint, word) = match summary.ending() {
        Ending::Done => (Paint::Good, "done"),
        Ending::Partly => (Paint::Odd, "done in part"),
        Ending::Interrupted => (Paint::Odd, "interrupted"),
        Ending::Recovered => (Paint::Odd, "died, mended later"),
        Ending::Open => (Paint::Bad, "no end yet"),
    };
    look.paint(paint, word)
}

fn what(summary: &Summary, look: &Look) -> String {
    let runs = times(summary.other_runs, "run");
    let both = |runs: u64, entries: u64| format!("{} and {}", times(runs, "run"), times(entries, "cache entry"));
    match summary.kind {
        Kind::Clean => {
            let removed = match summary.other_runs {
                0 => both(summary.removed_runs, summary.removed_cache),
                n => {
                    let (runs, parts) = (times(summary.removed_runs, "run"), format!("parts of {}", times(n, "run")));
                    format!("{runs}, {parts} and {}", times(summary.removed_cache, "cache entry"))
                }
            };
            match summary.keep_until {
                Some(until) => format!("{removed} into the trash, until {}", look.time(until)),
                None => format!("{removed} removed, {} freed", bytes(summary.freed.disk)),
            }
        }
        Kind::Restore => format!("{} restored", both(summary.other_runs, summary.other_cache)),
        Kind::Empty => {
            let gone = both(summary.other_runs, summary.other_cache);
            format!("{gone} gone from the trash, {} freed", bytes(summary.freed.disk))
        }
        Kind::Import => format!("{} imported", both(summary.other_runs, summary.other_cache)),
        Kind::Thin => format!("{runs} thinned, by {}", bytes(summary.removed.disk)),
        Kind::Pin => format!("{runs} pinned"),
        Kind::Unpin => format!("{runs} unpinned"),
        Kind::Tag => format!("{runs} tagged"),
        Kind::Configure => {
            let keys = times(summary.keys, "rule");
            match summary.ending() {
                Ending::Done => format!("{keys} of config.yml changed"),
                Ending::Open => format!("{keys} of config.yml changed, or it died before that"),
                _ => format!("{keys} of config.yml not changed"),
            }
        }
        Kind::Unknown => "something that a later otto does".to_owned(),
    }
}

/// Writes the items of a line, one each.
///
/// # Errors
/// Those of `out`.
pub fn items(line: &Line, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let name = |run: &crate::audit::RunName| {
        let project = run.project().map(|project| project.lossy()).unwrap_or_default();
        printable(&format!("{project}/{}", run.run)).into_owned()
    };
    match &line.event {
        Event::Removed(removed) => {
            for run in &removed.runs {
                let (id, why) = (name(&run.name()), printable(&run.reasons.join("; ")).into_owned());
                writeln!(out, "    {id}  {}  {} ({why})", printable(&run.status), bytes(run.disk_bytes))?;
            }
            for entry in &removed.cache {
                let text = |name: &crate::audit::JsonName| {
                    String::from_utf8_lossy(&name.bytes().unwrap_or_default()).into_owned()
                };
                let id = format!("{}/.cache/{}", text(&entry.project), text(&entry.entry));
                writeln!(out, "    {}  {}", printable(&id), bytes(entry.disk_bytes))?;
            }
            Ok(())
        }
        Event::Finished(finished) => {
            for failed in &finished.failed {
                writeln!(out, "    {} {}", look.paint(Paint::Bad, "failed"), printable(failed))?;
            }
            for skipped in &finished.skipped {
                let word = look.paint(Paint::Odd, "skipped");
                writeln!(out, "    {word} {}: {}", printable(&skipped.id), printable(&skipped.reason))?;
            }
            Ok(())
        }
        Event::Pinned(pinned) => {
            let note = pinned.note.as_deref().map(|note| format!(" ({})", printable(note))).unwrap_or_default();
            pinned.runs.iter().try_for_each(|run| writeln!(out, "    {}{note}", name(run)))
        }
        Event::Unpinned(unpinned) => unpinned.runs.iter().try_for_each(|run| writeln!(out, "    {}", name(run))),
        Event::Tagged(tagged) => {
            let signed =
                |sign: char, tags: &[String]| tags.iter().map(|tag| format!(" {sign}{tag}")).collect::<String>();
            let tags = format!("{}{}", signed('+', &tagged.added), signed('-', &tagged.removed));
            tagged.runs.iter().try_for_each(|run| writeln!(out, "    {}{}", name(run), printable(&tags)))
        }
        Event::Restored(restored) => restored.runs.iter().try_for_each(|run| writeln!(out, "    {}", name(run))),
        Event::Emptied(emptied) => emptied.runs.iter().try_for_each(|run| writeln!(out, "    {}", name(run))),
        Event::Thinned(thinned) => thinned.runs.iter().try_for_each(|run| {
            writeln!(out, "    {}  {}  {}", name(&run.run), run.parts.join(", "), bytes(run.disk_bytes))
        }),
        Event::Imported(imported) => imported.runs.iter().try_for_each(|run| {
            let (id, status) = (name(&run.row.name()), printable(&run.row.status));
            writeln!(out, "    {id}  {status}")
        }),
        Event::Configured(configured) => configured.changes.iter().try_for_each(|change| {
            let before = change.before.as_deref().unwrap_or("not set");
            writeln!(out, "    {}: {} -> {}", printable(&change.key), printable(before), printable(&change.after))
        }),
        Event::Unknown => Ok(()),
    }
}

/// Writes what operations came to, by week.
///
/// # Errors
/// Those of `out`.
pub fn audit_summary(totals: &Totals, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let cells = totals
        .weeks
        .iter()
        .map(|week| {
            let numbers = [week.operations, week.runs, week.cache].map(|n| n.to_string());
            std::iter::once(week.monday.to_string())
                .chain(numbers)
                .chain([bytes(week.freed.disk)])
                .map(Cell::from)
                .collect()
        })
        .collect::<Vec<Vec<Cell>>>();
    if !cells.is_empty() {
        let columns = Columns::new(&["WEEK OF", "OPERATIONS", "RUNS", "CACHE", "FREED"], &[1, 2, 3, 4])
            .then(&[LeaveOut(3), LeaveOut(1)]);
        write_fitted(&columns, &cells, look, "", out)?;
        writeln!(out)?;
    }
    let [done, partly, interrupted, recovered, open] = totals.endings;
    writeln!(out, "Operations: {}", totals.endings.iter().sum::<u64>())?;
    writeln!(out, "  {done} done, {partly} in part, {interrupted} interrupted, {recovered} mended, {open} open")?;
    match totals.success_rate() {
        Some(rate) => writeln!(out, "Success rate: {:.0} %", rate * 100.0)?,
        None => writeln!(out, "Success rate: n/a")?,
    }
    match totals.mean_ms {
        Some(ms) => writeln!(out, "Mean time: {}", duration(i64::try_from(ms).unwrap_or(i64::MAX))),
        None => writeln!(out, "Mean time: n/a"),
    }
}

/// The Monday of the week in which an instant lies, in the user's zone.
pub fn monday(look: &Look, at: Timestamp) -> Option<chrono::NaiveDate> {
    use chrono::Datelike as _;
    let day = (look.local)(at)?.date();
    Some(day - chrono::Days::new(u64::from(day.weekday().num_days_from_monday())))
}

#[cfg(test)]
mod tests {
    use super::without_home;

    #[test]
    fn a_command_is_told_without_its_store() {
        for (command, told) in [
            ("otto --home /a/b clean --yes", "otto clean --yes"),
            ("otto --home=/a/b pin latest", "otto pin latest"),
            (r"otto --home '/a b/it'\''s' undo", "otto undo"),
            ("otto clean --keep 30", "otto clean --keep 30"),
            ("otto clean --home /a", "otto clean --home /a"),
            ("otto --home '/never closed", "otto --home '/never closed"),
            ("", ""),
        ] {
            assert_eq!(without_home(command), told);
        }
    }
}
