//! `otto pin`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::marked;
use super::select::RunWords;
use super::ui::Ui;
use clap::Args;
use otto_catalog::marks;

/// The longest note, in bytes: a page of text, and a line in the audit log.
const LONGEST_NOTE: usize = 4096;

/// Pin runs: nothing removes them until they are unpinned
///
/// No policy, no --all, no name on a command line removes a pinned run, nor a cache entry that it names. A pin has a note,
/// its date and who set it; it survives the loss of the catalog.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto pin latest --note 'the run of the audit'
  otto pin web-e259db19/1795228718 api:latest
  otto list --json --status failed | jq -r '.[].id' | otto pin -
  otto list --pinned                     what is pinned
  otto unpin latest                      let it go again")]
pub(crate) struct PinArgs {
    #[command(flatten)]
    pub(crate) runs: RunWords,
    /// Why; replaces the note of a pin that is there, and an empty one takes it off
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) note: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &PinArgs) -> Result<Exit, Failure> {
    if args.note.as_ref().is_some_and(|note| note.len() > LONGEST_NOTE) {
        return Err(Failure::usage(format!("the note has more than {LONGEST_NOTE} bytes")));
    }
    marked::mark(context, ui, ("otto.pin/1", args.json), &args.runs.runs, |session, asked, runs| {
        marks::pin(session, &context.settings, asked, runs, args.note.as_deref())
    })
}
