//! `otto audit`

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Rows, Wanted, rows_of};
use super::ui::Ui;
use super::{Context, SHOWN_PROBLEMS, when};
use clap::Args;
use otto_catalog::audit::{self, Reader, Summary, Totals};
use otto_catalog::report::records::{OPERATIONS, WEEKS};
use otto_catalog::report::{human, view};
use otto_catalog::session::Session;
use std::io::Write as _;

/// Show what was done to the store: when, by whom, by which command, and what came of it
///
/// Newest first, from the audit log: cleans, pins, tags, what was restored, what went from the trash, and what was changed in
/// config.yml by `otto retention`. With -v, the
/// policy and every item with its reasons.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto audit                     everything that was done
  otto audit --newer-than 7d -v  this week's, with every item
  otto audit --summary           by week: runs, bytes, what failed
  otto audit --format ndjson --fields started_at,who,command,removed_runs")]
pub(crate) struct AuditArgs {
    /// Begun at or after: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) newer_than: Option<when::When>,
    /// Begun before: the same
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) older_than: Option<when::When>,
    /// At most so many operations
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true, value_parser = operations, conflicts_with = "summary")]
    pub(crate) limit: Option<usize>,
    /// What the operations came to, by week: RUNS and CACHE went. Pins, tags and changes of the policy are not counted
    #[arg(long)]
    pub(crate) summary: bool,
    /// The other way round: what was done first comes first; of weeks, the last one
    #[arg(long)]
    pub(crate) reverse: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &AuditArgs) -> Result<Exit, Failure> {
    let listing = if args.summary { &WEEKS } else { &OPERATIONS };
    let output = args.output.of(listing, QuietArgs::default())?;
    context.with_session(ui, context.reading(), |session, ui| {
        let from = args.newer_than.map_or(i64::MIN, |when| when.instant(context.settings.clock.now));
        let mut reader = session.audit_log()?;
        let mut summaries = reader.as_mut().map(|reader| audit::summaries(reader, from)).unwrap_or_default();
        let is_narrowed = args.newer_than.is_some() || args.older_than.is_some() || args.limit.is_some();
        if let Some(before) = args.older_than.map(|when| when.instant(context.settings.clock.now)) {
            summaries.retain(|summary| summary.head.timestamp < before);
        }
        if !args.reverse {
            summaries.reverse();
        }
        summaries.truncate(args.limit.unwrap_or(usize::MAX));
        match &output {
            output if args.summary => summary(ui, output, &summaries, args.reverse)?,
            Wanted::Document => as_json(ui, &summaries, reader.as_mut())?,
            Wanted::Text if summaries.is_empty() && is_narrowed => ui.say("no operation fits"),
            Wanted::Text if summaries.is_empty() => ui.say("nothing was done yet"),
            Wanted::Text => as_text(ui, &summaries, reader.as_mut())?,
            Wanted::Rows(rows) => as_rows(ui, rows, &summaries, reader.as_mut())?,
        }
        Ok(reader.map_or(Exit::Done, |reader| complain(ui, session, &reader)))
    })
}

/// A number of operations.
fn operations(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number of operations"))
}

fn summary(ui: &mut Ui, output: &Wanted, summaries: &[Summary], reverse: bool) -> Result<(), Failure> {
    let look = ui.look;
    let mut totals = Totals::of(summaries, &|at| human::monday(&look, at));
    if reverse {
        totals.weeks.reverse();
    }
    match output {
        Wanted::Document => Ok(ui.out.json(&view::AuditSummary::new(&totals))?),
        Wanted::Text => Ok(ui.out.text(|out| human::audit_summary(&totals, &look, out))?),
        Wanted::Rows(rows) => {
            rows.write_all(ui, &rows_of(&view::AuditSummary::new(&totals), "weeks")?)?;
            Ok(())
        }
    }
}

fn as_rows(ui: &mut Ui, rows: &Rows, summaries: &[Summary], mut reader: Option<&mut Reader>) -> Result<(), Failure> {
    rows.write(ui, |row| {
        for summary in summaries {
            row(&item(summary, reader.as_deref_mut()))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// An operation with what stands in its lines.
fn item(summary: &Summary, mut reader: Option<&mut Reader>) -> view::OperationItem {
    let mut item = view::OperationItem::new(summary);
    for place in &summary.places {
        if let Some(line) = reader.as_mut().and_then(|reader| reader.line_at(*place)) {
            item.add(line);
        }
    }
    item
}

/// An operation a line, read again one by one: the log of years is larger than memory should be.
fn as_json(ui: &mut Ui, summaries: &[Summary], mut reader: Option<&mut Reader>) -> Result<(), Failure> {
    ui.out.write_all(b"{\"schema\":\"otto.operations/1\",\"operations\":[")?;
    for (at, summary) in summaries.iter().enumerate() {
        let item = item(summary, reader.as_deref_mut());
        ui.out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut ui.out, &item)?;
    }
    Ok(ui.out.write_all(b"\n]}\n")?)
}

fn as_text(ui: &mut Ui, summaries: &[Summary], mut reader: Option<&mut Reader>) -> Result<(), Failure> {
    let look = ui.look;
    for (at, summary) in summaries.iter().enumerate() {
        if at > 0 {
            writeln!(ui.out)?;
        }
        ui.out.text(|out| human::operation(summary, &look, out))?;
        for place in summary.places.iter().filter(|_| look.verbose) {
            if let Some(line) = reader.as_mut().and_then(|reader| reader.line_at(*place)) {
                ui.out.text(|out| human::operation_items(&line, &look, out))?;
            }
        }
    }
    Ok(())
}

/// Says what could not be read. A line that is none of ours is worth a word, as it is to a check; only a log that was not
/// read to its end makes the answer a part.
fn complain(ui: &Ui, session: &Session, reader: &Reader) -> Exit {
    let (problems, more) = reader.problems();
    // A catalog that was just made anew met them already.
    if session.report.problems.iter().any(|problem| problems.contains(problem)) {
        return if reader.failure().is_none() { Exit::Done } else { Exit::Partly };
    }
    let all = problems.len() as u64 + more;
    for problem in problems.iter().take(SHOWN_PROBLEMS).chain(reader.failure()) {
        ui.warning(&problem.to_string());
    }
    if all > SHOWN_PROBLEMS as u64 {
        ui.say(&format!("... and {} more", all - SHOWN_PROBLEMS as u64));
    }
    if reader.failure().is_none() { Exit::Done } else { Exit::Partly }
}
