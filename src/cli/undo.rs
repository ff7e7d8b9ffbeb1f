//! `otto undo`

use super::Context;
use super::args::TEMPLATE;
use super::clean::quoted;
use super::exit::{Exit, Failure};
use super::trash::bring_back;
use super::ui::Ui;
use clap::Args;
use otto_catalog::audit::{self, Summary};
use otto_catalog::clean::trash::{self, Restoration, Wanted};
use otto_catalog::model::Timestamp;
use otto_catalog::report::{printable, times};
use otto_catalog::session::Session;

/// Operations that are named as candidates.
const SHOWN: usize = 5;

/// Bring back all that the last clean moved to the trash
///
/// All runs and cache entries of one command come back as they were. What has their place by now is never overwritten:
/// then they stay in the trash (exit 3). What was deleted for good cannot be brought back.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto undo --dry-run                    what would come back
  otto undo                              what the last clean removed
  otto trash list                        the operations that can be undone
  otto undo 20261118T110640Z-1a2b3c4d    one of them, by its name")]
pub(crate) struct UndoArgs {
    /// Which operation, as `otto trash list` names it, or the beginning of it [default: the last]
    #[arg(value_name = "OPERATION")]
    operation: Option<String>,
    /// Show what would come back and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Nothing is asked here: for scripts that say it to every command
    #[arg(short, long, hide = true)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &UndoArgs) -> Result<Exit, Failure> {
    bring_back(context, ui, args.dry_run, args.json, |session, ui| {
        let operation = match &args.operation {
            Some(word) => Some(named(context, session, word)?),
            None => trash::last_operation(session, &context.settings)?,
        };
        match operation {
            Some(id) => Ok(trash::plan_restore(session, &context.settings, Wanted::Operation(&id))?),
            None => {
                ui.say("there is nothing in the trash that can be restored");
                if !args.json {
                    say_what_was_last(ui, session)?;
                }
                Ok(Restoration::default())
            }
        }
    })
}

/// Where nothing can be undone: what the last clean did, and what is left to do.
fn say_what_was_last(ui: &Ui, session: &Session) -> Result<(), Failure> {
    let Some(mut log) = session.audit_log()? else { return Ok(()) };
    let cleans = |summary: &Summary| summary.removed_runs + summary.removed_cache > 0;
    let Some(last) = audit::summaries(&mut log, Timestamp::MIN).into_iter().rfind(cleans) else { return Ok(()) };
    let counts = [(last.removed_runs, "run"), (last.removed_cache, "cache entry")];
    let what: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| times(*count, noun)).collect();
    let what = what.join(" and ");
    let how = if last.keep_until.is_some() { "restored or emptied since" } else { "for good" };
    let (ago, id) = (ui.look.ago(last.head.timestamp), printable(&last.head.operation).into_owned());
    ui.say(&format!("the last clean, {id}, {ago}, removed {what}: {how}"));
    match &last.head.archive {
        Some(archive) => {
            ui.say(&format!("hint: they are in an archive: {}", ui.command(&format!("import {}", quoted(archive)))));
        }
        None if last.keep_until.is_none() => ui.say("hint: what `otto clean --trash` removes can be undone"),
        None => {}
    }
    Ok(())
}

/// The operation that a word means.
fn named(context: &Context<'_>, session: &Session, word: &str) -> Result<String, Failure> {
    let contents = trash::contents(session, &context.settings)?.operations;
    let some = |id: &str| contents.iter().any(|c| c.id == id && c.items.iter().any(|item| item.state.is_kept()));
    let begun: Vec<&str> = contents.iter().map(|c| c.id.as_str()).filter(|id| id.starts_with(word)).collect();
    let hint = "`otto trash list` shows the operations that can be undone";
    match begun.as_slice() {
        _ if word.is_empty() => Err(Failure::usage("the name of the operation is empty").hint(hint)),
        [] => Err(Failure::usage(format!("there is no operation `{word}` in the trash")).hint(hint)),
        [id] if some(id) => Ok((*id).to_owned()),
        [id] => Err(Failure::new(
            Exit::CouldNot,
            anyhow::Error::msg(format!("nothing of the operation {id} can be restored any more")),
        )),
        several => {
            let more = if several.len() > SHOWN { ", ..." } else { "" };
            let names = several.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
            Err(Failure::usage(format!("`{word}` begins several operations: {names}{more}")).hint(hint))
        }
    }
}
