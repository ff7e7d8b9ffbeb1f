//! `otto compare`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::select::{self, Among};
use super::ui::Ui;
use clap::Args;
use otto_catalog::compare;
use otto_catalog::report::records::COMPARED_TASKS;
use otto_catalog::report::{human, view};
use std::ffi::OsString;
use std::io;

/// Set two runs side by side: status, duration and size of each task, and whether scripts, inputs or outputs changed
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto compare web:latest-1 web:latest   the last two of a project
  otto compare latest-1 latest           the last two of all
  otto list --project web --limit 2 -q | otto compare -
  otto compare 1795228718 1795315118 --json
  otto compare web:latest-1 web:latest --format csv   for a spreadsheet",
  after_help = "\
The difference of the scripts is shown as `diff -u` shows it. Runs that are
removed can be compared as well, by what is known of them. It is no failure that
runs differ: exit code 0.")]
pub(crate) struct CompareArgs {
    /// Two runs, A and B: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest; - reads them, or
    /// the one that is missing, from standard input
    #[arg(value_name = "RUN", required = true, num_args = 1..=2)]
    pub(crate) runs: Vec<OsString>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &CompareArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&COMPARED_TASKS, QuietArgs::default())?;
    let words = select::expanded(&args.runs, &mut io::stdin().lock())?;
    let [left, right] = words.as_slice() else {
        let failure = Failure::usage(format!("two runs are compared, and {} named", words.len()));
        return Err(failure.hint_command("the last two", "compare latest-1 latest"));
    };
    context.with_session(ui, context.reading(), |session, ui| {
        let choose = |word: &OsString| select::run_among(&session.catalog, &word.to_string_lossy(), Among::Known);
        let (left, right) = (choose(left)?, choose(right)?);
        let comparison = compare::compare(session.root.as_ref(), &session.catalog, left, right)?;
        for problem in &comparison.problems {
            ui.warning(&problem.to_string());
        }
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        let look = ui.look;
        match &output {
            Wanted::Document => ui.out.json(&view::Compare::new(&comparison, home))?,
            Wanted::Text => ui.out.text(|out| human::compare(&comparison, &look, out))?,
            Wanted::Rows(rows) => {
                return rows.write_all(ui, &rows_of(&view::Compare::new(&comparison, home), "tasks")?);
            }
        }
        Ok(Exit::Done)
    })
}
