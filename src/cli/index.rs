//! `otto index`

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::ui::Ui;
use super::{Context, SHOWN_PROBLEMS, mending};
use clap::Args;
use otto_catalog::report::{printable, times, view};
use otto_catalog::session::{Access, Notice};
use std::io::Write as _;
use std::time::Instant;

/// Bring the catalog in line with the store
///
/// Every command does this by itself, for what is new. Here it can be watched, done from scratch, or done ahead of time.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto index             look at what is new
  otto index --full      walk every run again
  otto index --rebuild   start anew, but keep what only the catalog knows")]
pub(crate) struct IndexArgs {
    /// Walk every run again
    #[arg(long, conflicts_with = "rebuild")]
    pub(crate) full: bool,
    /// Start from nothing; what the runner's database once said is carried over
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &IndexArgs) -> Result<Exit, Failure> {
    let begun = Instant::now();
    let access = if args.rebuild { Access::Rebuild } else { Access::Index { full: args.full } };
    context.with_session(ui, access, |session, ui| {
        let report = &session.report;
        let projects = session.catalog.projects()?;
        let counts = view::Counts {
            projects: projects.len() as u64,
            runs: projects.iter().map(|p| p.runs).sum(),
            cache_entries: projects.iter().map(|p| p.cache_entries).sum(),
            walked: report.walked,
            new: report.new,
            vanished: report.vanished,
            changed: report.changed,
            elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path()).to_string_lossy();
        if args.json {
            ui.out.json(&view::Index::new(home.into_owned(), &counts, &report.problems))?;
        } else {
            let (walked, new, gone) = (counts.walked, counts.new, counts.vanished);
            writeln!(ui.out, "Store: {}", printable(&home))?;
            writeln!(
                ui.out,
                "{}, {}, {}",
                times(counts.runs, "run"),
                times(counts.projects, "project"),
                times(counts.cache_entries, "cache entry")
            )?;
            let seconds = counts.elapsed_ms as f64 / 1000.0;
            writeln!(ui.out, "Walked {}, {new} new, {gone} gone, in {seconds:.2} s", times(walked, "run"))?;
            writeln!(ui.out, "Problems: {}", report.problems.len())?;
            for problem in report.problems.iter().skip(SHOWN_PROBLEMS) {
                writeln!(ui.out, "  {}", printable(&problem.to_string()))?;
            }
        }
        let exit = if report.problems.is_empty() { Exit::Done } else { Exit::Partly };
        // The answer is right, but what this command is for was not done.
        let kept = !session.notices.iter().any(|notice| matches!(notice, Notice::InMemory(_)));
        let exit = if kept { exit } else { Exit::CouldNot };
        mending::fold(context, ui, session);
        Ok(exit)
    })
}
