//! `otto compare`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::select::{self, Among};
use super::ui::Ui;
use clap::Args;
use otto_catalog::compare;
use otto_catalog::report::{human, view};
use std::ffi::OsString;

/// Set two runs side by side: status, duration and size of each task, and whether scripts, inputs or outputs changed
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto compare latest-1 latest           the last two runs
  otto compare web:latest-1 web:latest   the last two of a project
  otto compare 1795228718 1795315118 --json",
  after_help = "\
The difference of the scripts is shown as `diff -u` shows it. Runs that are removed can be
compared as well, by what is known of them. It is no failure that runs differ: exit code 0.")]
pub(crate) struct CompareArgs {
    /// The one run (A): id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest
    #[arg(value_name = "RUN")]
    pub(crate) left: OsString,
    /// The other (B)
    #[arg(value_name = "RUN")]
    pub(crate) right: OsString,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &CompareArgs) -> Result<Exit, Failure> {
    context.with_session(ui, context.reading(), |session, ui| {
        let choose = |word: &OsString| select::run_among(&session.catalog, &word.to_string_lossy(), Among::Known);
        let (left, right) = (choose(&args.left)?, choose(&args.right)?);
        let comparison = compare::compare(session.root.as_ref(), &session.catalog, left, right)?;
        for problem in &comparison.problems {
            ui.warning(&problem.to_string());
        }
        if args.json {
            let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
            ui.out.json(&view::Compare::new(&comparison, home))?;
        } else {
            let look = ui.look;
            ui.out.text(|out| human::compare(&comparison, &look, out))?;
        }
        Ok(Exit::Done)
    })
}
