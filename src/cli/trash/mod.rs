//! `otto trash`: what a clean kept, brought back or let go.

mod empty;
mod list;
mod restore;

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::ui::Ui;
use clap::{Args, Subcommand};

pub(crate) use restore::bring_back;

/// List, restore or empty what `clean --trash` kept
///
/// A clean with --trash, or with `trash: { keep_days: 14 }` in config.yml, keeps what it removes until a stated time. After
/// that the next clean deletes it. `otto undo` brings back all that one command removed.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto trash list                        what is there, and until when
  otto trash restore web-e259db19/1795228718
  otto trash empty --older-than 3d       what has been there for three days
  otto undo                              bring back what the last clean took")]
pub(crate) struct TrashArgs {
    #[command(subcommand)]
    pub(crate) command: TrashCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrashCommand {
    List(list::TrashListArgs),
    Restore(restore::TrashRestoreArgs),
    Empty(empty::TrashEmptyArgs),
}

impl TrashArgs {
    /// Whether nothing but a list is asked for.
    pub(crate) fn lists(&self) -> bool {
        matches!(self.command, TrashCommand::List(_))
    }

    /// Whether the answer, and an error, is to be JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.command {
            TrashCommand::List(args) => args.output.is_json(),
            TrashCommand::Restore(args) => args.json,
            TrashCommand::Empty(args) => args.json,
        }
    }
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &TrashArgs) -> Result<Exit, Failure> {
    match &args.command {
        TrashCommand::List(args) => list::run(context, ui, args),
        TrashCommand::Restore(args) => restore::run(context, ui, args),
        TrashCommand::Empty(args) => empty::run(context, ui, args),
    }
}
