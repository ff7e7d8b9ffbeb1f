//! `otto stats`

use super::args::{self, TEMPLATE};
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::ui::Ui;
use super::{Context, history, select, when};
use clap::Args;
use otto_catalog::report::records::TASK_STATISTICS;
use otto_catalog::report::{human, view};
use otto_catalog::stats::{self, Request};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

/// Tasks that a ranking shows.
const RANKED: usize = 10;

/// Tell how runs and tasks came out: success rates, durations, what takes the time, what fails, and whether it got worse
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto stats                             over all runs that are known
  otto stats --newer-than 7d             the last 7 days, beside the 7 before
  otto stats test --project web          one task of one project
  otto stats --json | jq '.outcome.success_rate'
  otto stats --format csv                the tasks, for a spreadsheet",
  after_help = "\
Removed runs count like any other. Rates and durations are of what ended: runs
that are running, were interrupted or cannot be judged have none. Medians and
other quantiles are off by less than 1.6 %, and exact for durations in whole
seconds up to two minutes. The latest period is as long as --newer-than says,
else 30 days, and set beside the one before it: slower is a median more than
10 % up, less reliable a success rate more than 5 points down, where both have
5 or more to compare.")]
pub(crate) struct StatsArgs {
    /// Only of this task
    #[arg(value_name = "TASK")]
    pub(crate) task: Option<OsString>,
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, alias = "project-filter", value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Begun at or after: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) newer_than: Option<when::When>,
    /// At most so many tasks in each ranking [default: 10; all in other formats]
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true, value_parser = args::tasks)]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &StatsArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&TASK_STATISTICS, QuietArgs::default())?;
    context.with_session(ui, context.reading(), |session, ui| {
        let catalog = &session.catalog;
        let now = context.settings.clock.now;
        let task = match &args.task {
            Some(task) => Some((history::task_key(catalog, task)?, task.as_bytes().to_vec())),
            None => None,
        };
        let request = Request {
            projects: select::known_project_keys(context, ui, catalog, args.project.as_deref())?,
            task,
            from: args.newer_than.map(|when| when.instant(now)),
            now,
        };
        // One state for all questions: sums and rows belong together.
        let snapshot = catalog.snapshot()?;
        let mut gathered = stats::gather(catalog, &request)?;
        drop(snapshot);
        let look = ui.look;
        if !matches!(output, Wanted::Text) {
            gathered.tasks.truncate(args.limit.unwrap_or(usize::MAX));
        }
        match &output {
            Wanted::Document => ui.out.json(&view::Stats::new(&gathered))?,
            Wanted::Text => {
                let (ranked, labels) = (args.limit.unwrap_or(RANKED), select::labels(catalog)?);
                ui.out.text(|out| human::stats(&gathered, ranked, &labels, &look, out))?;
            }
            Wanted::Rows(rows) => return rows.write_all(ui, &rows_of(&view::Stats::new(&gathered), "tasks")?),
        }
        Ok(Exit::Done)
    })
}
