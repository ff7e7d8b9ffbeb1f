//! `otto unpin`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::marked;
use super::select::RunWords;
use super::ui::Ui;
use clap::Args;
use otto_catalog::marks;

/// Take the pins off runs
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto unpin latest
  otto unpin web-e259db19/1795228718
  otto list --json --pinned --older-than 1y | jq -r '.[].id' | otto unpin -")]
pub(crate) struct UnpinArgs {
    #[command(flatten)]
    pub(crate) runs: RunWords,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &UnpinArgs) -> Result<Exit, Failure> {
    marked::mark(context, ui, ("otto.unpin/1", args.json), &args.runs.runs, |session, asked, runs| {
        marks::unpin(session, &context.settings, asked, runs)
    })
}
