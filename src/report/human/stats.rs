//! Statistics for people: figures, the latest period beside the one before, a plot, and the tasks that matter most.

use crate::model::{ProjectDir, Status, Tally, rfc3339};
use crate::report::Labels;
use crate::report::layout::Step::LeaveOut;
use crate::report::layout::{Cell, Columns};
use crate::report::plot::sparkline;
use crate::report::table;
use crate::report::text::{Look, Paint, duration, hanging, printable, times, wrapped};
use crate::stats::{Change, Line, Stats, TaskStats, Trend};
use std::collections::HashSet;
use std::fmt::{self, Write};

/// Writes statistics, with so many tasks in each ranking.
///
/// # Errors
/// Those of `out`.
pub fn stats(stats: &Stats, ranked: usize, labels: &Labels, look: &Look, out: &mut dyn Write) -> fmt::Result {
    figures(stats, look, out)?;
    trend(&stats.trend, look, out)?;
    line(&stats.line, look, out)?;
    let names = Names::of(&stats.tasks, labels);
    let mut by_failures: Vec<&TaskStats> =
        stats.tasks.iter().filter(|task| task.tally.count(Status::Failed) > 0).collect();
    by_failures.sort_by_key(|task| task.failure_rank);
    // What took no whole second is no time that a ranking could be by.
    let by_time: Vec<&TaskStats> = stats.tasks.iter().filter(|task| task.tally.spent_ms() > 0).collect();
    most_time(&by_time, ranked, &names, look, out)?;
    most_failures(&by_failures, ranked, &names, look, out)?;
    changed(&stats.tasks, ranked, &names, look, out)
}

fn figures(stats: &Stats, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let tally = &stats.tally;
    let of = match &stats.task {
        Some(task) => format!("{}: {}", printable(&String::from_utf8_lossy(task)), times(tally.total(), "run")),
        None => format!("Runs: {}", tally.total()),
    };
    let heading = format!("{of} in {}", times(stats.projects, "project"));
    writeln!(out, "{}", look.paint(Paint::Heading, &heading))?;
    match stats.from {
        Some(from) => writeln!(out, "  since {}", look.time(from))?,
        None => writeln!(out, "  all that are known, removed ones included")?,
    }
    let counts: Vec<String> =
        Status::ALL.iter().map(|status| format!("{} {}", status.word(), tally.count(*status))).collect();
    wrapped(&counts.join(", "), look, "  ", out)?;
    writeln!(out, "Success rate: {} of {} that ended", rate(tally), tally.ended())?;
    let ms = |value: Option<i64>| value.map_or_else(|| "n/a".to_owned(), duration);
    writeln!(
        out,
        "Duration: median {}, p95 {}, mean {}",
        ms(tally.median_ms()),
        ms(tally.p95_ms()),
        ms(tally.mean_ms())
    )?;
    writeln!(out, "  shortest {}, longest {}", ms(tally.min_ms()), ms(tally.max_ms()))?;
    let timed = times(tally.timed(), "run");
    match tally.spent_ms() {
        // Of whole seconds: no sum of what lies below one is known.
        _ if tally.timed() == 0 => writeln!(out, "Time spent: n/a, no run has a duration")?,
        0 => writeln!(out, "Time spent: less than a second in each of {timed} with a duration")?,
        spent => writeln!(out, "Time spent: {} in {timed} with a duration", duration(spent))?,
    }
    match &stats.last_failure {
        None => writeln!(out, "Last failure: none"),
        Some(failure) => {
            writeln!(out, "Last failure: {} ({})", look.time(failure.at), look.ago(failure.at))?;
            match &failure.run {
                Some((id, state)) => {
                    let state = if state.code() == 0 { String::new() } else { format!(" ({})", state.word()) };
                    writeln!(out, "  {}{state}", printable(&id.to_string()))
                }
                None => writeln!(out, "  some time that day (UTC); its run is known no more"),
            }
        }
    }
}

fn trend(trend: &Trend, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let length = trend.length.to_string();
    writeln!(out, "\n{}", look.paint(Paint::Heading, &format!("The last {length} beside the {length} before:")))?;
    let (latest, before) = (&trend.latest, &trend.before);
    let row = |out: &mut dyn Write, name: &str, latest: &str, before: &str, note: &str| {
        let line = format!("  {name:<12} {latest:>9} {before:>9}  {note}");
        writeln!(out, "{}", line.trim_end())
    };
    let ms = |tally: &Tally| tally.median_ms().map_or_else(|| "n/a".to_owned(), duration);
    let change = |change: Option<Change>, worse: &str, better: &str| match change {
        Some(Change::Worse) => look.paint(Paint::Bad, worse),
        Some(Change::Better) => look.paint(Paint::Good, better),
        Some(Change::Same) => "about the same".to_owned(),
        None => "too few to tell".to_owned(),
    };
    row(out, "", "latest", "before", "")?;
    row(out, "runs", &latest.total().to_string(), &before.total().to_string(), "")?;
    let reliability = change(trend.reliability(), "less reliable", "more reliable");
    row(out, "success rate", &rate(latest), &rate(before), &reliability)?;
    let speed = change(trend.speed(), "slower", "faster");
    let by = trend.slowdown().filter(|_| trend.speed().is_some_and(|speed| speed != Change::Same));
    row(out, "median", &ms(latest), &ms(before), &format!("{speed}{}", by.map_or_else(String::new, percent)))
}

fn percent(part: f64) -> String {
    format!(" ({:+.0} %)", part * 100.0)
}

fn line(line: &Line, look: &Look, out: &mut dyn Write) -> fmt::Result {
    if line.slots.is_empty() {
        return Ok(());
    }
    let slot = match line.days {
        1 => "By day".to_owned(),
        7 => "By week".to_owned(),
        days => format!("By {days} days"),
    };
    let from = rfc3339(line.from).unwrap_or_default();
    let from = from.split('T').next().unwrap_or_default();
    writeln!(out, "\n{}", look.paint(Paint::Heading, &format!("{slot} (UTC), from {from} until today:")))?;
    let plot = |values: Vec<Option<u64>>| sparkline(&values, look);
    let runs: Vec<_> = line.slots.iter().map(|slot| Some(slot.total())).collect();
    let failed: Vec<_> = line.slots.iter().map(|slot| Some(slot.count(Status::Failed))).collect();
    let median: Vec<_> = line.slots.iter().map(|slot| slot.median_ms().map(i64::unsigned_abs)).collect();
    let most = |values: &[Option<u64>]| values.iter().flatten().copied().max().unwrap_or(0);
    let (most_runs, most_failed, longest) = (most(&runs), most(&failed), most(&median));
    writeln!(out, "  runs    {}  most {most_runs}", plot(runs))?;
    writeln!(out, "  failed  {}  most {most_failed}", plot(failed))?;
    writeln!(out, "  median  {}  most {}", plot(median), duration(i64::try_from(longest).unwrap_or(i64::MAX)))
}

fn most_time(tasks: &[&TaskStats], ranked: usize, names: &Names<'_>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    if tasks.is_empty() || ranked == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Most time:"))?;
    let ms = |value: Option<i64>| value.map_or_else(String::new, duration);
    let cells = tasks.iter().take(ranked).map(|task| {
        let tally = &task.tally;
        let figures =
            [tally.total().to_string(), ms(tally.median_ms()), ms(tally.p95_ms()), duration(tally.spent_ms())];
        std::iter::once(label(task, names)).chain(figures).map(Cell::from).collect()
    });
    let columns = Columns::new(&["TASK", "RUNS", "MEDIAN", "P95", "SPENT"], &[1, 2, 3, 4]).then(&[
        LeaveOut(3),
        LeaveOut(1),
        LeaveOut(2),
    ]);
    table::write_fitted(&columns, &cells.collect::<Vec<_>>(), look, "  ", out)?;
    more(tasks.len(), ranked, out)
}

fn most_failures(
    tasks: &[&TaskStats],
    ranked: usize,
    names: &Names<'_>,
    look: &Look,
    out: &mut dyn Write,
) -> fmt::Result {
    if tasks.is_empty() || ranked == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Most failures:"))?;
    let cells = tasks.iter().take(ranked).map(|task| {
        let tally = &task.tally;
        let failed = tally.count(Status::Failed);
        [label(task, names), failed.to_string(), tally.ended().to_string(), rate(tally)].map(Cell::from).into()
    });
    let columns = Columns::new(&["TASK", "FAILED", "ENDED", "SUCCESS"], &[1, 2, 3]).then(&[LeaveOut(2), LeaveOut(3)]);
    table::write_fitted(&columns, &cells.collect::<Vec<_>>(), look, "  ", out)?;
    more(tasks.len(), ranked, out)
}

fn more(all: usize, ranked: usize, out: &mut dyn Write) -> fmt::Result {
    match all.checked_sub(ranked) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "  ... and {more} more; --json has all of them"),
    }
}

/// Which tasks got slower or less reliable.
fn changed(tasks: &[TaskStats], ranked: usize, names: &Names<'_>, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let worse = |change: fn(&Trend) -> Option<Change>| {
        tasks.iter().filter(move |task| change(&task.trend) == Some(Change::Worse)).take(ranked).collect::<Vec<_>>()
    };
    let (slower, less_reliable) = (worse(Trend::speed), worse(Trend::reliability));
    if slower.is_empty() && less_reliable.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Worse than the period before:"))?;
    for task in slower {
        let (latest, before) = (task.trend.latest.median_ms(), task.trend.before.median_ms());
        let (latest, before) = (latest.unwrap_or(0), before.unwrap_or(0));
        let by = task.trend.slowdown().map_or_else(String::new, percent);
        let text = format!("{}: slower, {} after {}{by}", label(task, names), duration(latest), duration(before));
        hanging(&text, look, ("  ", "    "), out)?;
    }
    for task in less_reliable {
        let (latest, before) = (rate(&task.trend.latest), rate(&task.trend.before));
        let text = format!("{}: less reliable, {latest} after {before}", label(task, names));
        hanging(&text, look, ("  ", "    "), out)?;
    }
    Ok(())
}

/// How the tasks' projects are named: not at all where there is one.
struct Names<'l> {
    several: bool,
    labels: &'l Labels,
}

impl<'l> Names<'l> {
    fn of(tasks: &[TaskStats], labels: &'l Labels) -> Self {
        let projects: HashSet<&ProjectDir> = tasks.iter().map(|task| &task.project).collect();
        Self { several: projects.len() > 1, labels }
    }
}

fn label(task: &TaskStats, names: &Names<'_>) -> String {
    let name = String::from_utf8_lossy(&task.name);
    let name = printable(&name);
    if names.several { format!("{name} ({})", names.labels.label(&task.project)) } else { name.into_owned() }
}

fn rate(tally: &Tally) -> String {
    tally.success_rate().map_or_else(|| "n/a".to_owned(), share)
}

/// A share in percent, rounded; but one failure in ten thousand is no 100 %, nor one success 0 %.
fn share(part: f64) -> String {
    let tenths = (part * 1000.0).round();
    let tenths = match part {
        _ if part <= 0.0 || part >= 1.0 => tenths,
        _ => tenths.clamp(1.0, 999.0),
    };
    format!("{:.1} %", tenths / 10.0)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_rounded_and_never_to_all_or_nothing() {
        let cases = [(0.0, "0.0 %"), (1.0, "100.0 %"), (35.0 / 41.0, "85.4 %"), (2.0 / 3.0, "66.7 %"), (0.5, "50.0 %")];
        for (part, text) in cases.into_iter().chain([(0.99999, "99.9 %"), (0.00001, "0.1 %"), (75.0 / 83.0, "90.4 %")])
        {
            assert_eq!(share(part), text);
        }
    }
}
