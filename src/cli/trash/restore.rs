//! `otto trash restore`, and what it has in common with `otto undo`.

use crate::cli::args::TEMPLATE;
use crate::cli::clean::command_line;
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupted::Interrupted;
use crate::cli::select::{self, Among, RunWords};
use crate::cli::ui::Ui;
use crate::cli::{Context, mending};
use clap::Args;
use otto_catalog::clean::Execution;
use otto_catalog::clean::trash::{self, Restoration, Restored, Wanted};
use otto_catalog::report::{human, view, with_command};
use otto_catalog::session::{Access, Session};
use std::io::{self, Write as _};

/// Bring runs back from the trash, each with the cache entries that it names
///
/// A run comes back as it was. What has its place by now is never overwritten: then the run stays in the trash (exit 3).
/// Of a run that is in its place, the parts that were dropped come back.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto trash restore web-e259db19/1795228718
  otto trash restore web:latest --dry-run
  otto trash list --json | jq -r '.operations[0].runs[].id' | otto trash restore -
  otto undo                              all that the last clean removed")]
pub(crate) struct TrashRestoreArgs {
    #[command(flatten)]
    pub(super) runs: RunWords,
    /// Show what would come back and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Nothing is asked here: for scripts that say it to every command
    #[arg(short, long, hide = true)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &TrashRestoreArgs) -> Result<Exit, Failure> {
    // Before the lock is taken: whoever writes to our standard input may need it too.
    let words = select::expanded(&args.runs.runs, &mut io::stdin().lock())?;
    bring_back(context, ui, args.dry_run, args.json, |session, _| {
        let runs = select::runs_among(&session.catalog, &words, &mut io::empty(), Among::Restorable)?;
        Ok(trash::plan_restore(session, &context.settings, Wanted::Runs(&runs))?)
    })
}

/// Brings back what a plan says, or tells what it would bring back.
pub(crate) fn bring_back(
    context: &Context<'_>,
    ui: &mut Ui,
    dry_run: bool,
    json: bool,
    mut plan: impl FnMut(&Session, &mut Ui) -> Result<Restoration, Failure>,
) -> Result<Exit, Failure> {
    if dry_run {
        return context.with_session(ui, context.reading(), |session, ui| {
            mending::announce(context, ui, session)?;
            let plan = plan(session, ui)?;
            if json {
                ui.out.json(&view::Restore::planned(&plan))?;
            } else {
                ui.out.text(|out| human::restoration(&plan, out))?;
                if plan.is_empty() {
                    return Ok(Exit::Done);
                }
                let command = command_line(&context.typed, |word| word != "--dry-run", &[]);
                writeln!(ui.out, "{}", with_command("Nothing was changed. To do it:", &command, &ui.look))?;
            }
            Ok(Exit::Done)
        });
    }
    let interrupted = Interrupted::new();
    context.with_session(ui, Access::Delete, |session, ui| {
        let mended = mending::put_back(context, ui, session)?;
        let plan = plan(session, ui)?;
        interrupted.heed()?;
        let execution = Execution {
            command: &context.command_line(),
            who: &context.environment.who,
            policy: "",
            interrupted: &|| interrupted.is_set(),
        };
        let restored = trash::restore(session, &context.settings, plan, &execution)?;
        session.unlock();
        let exit = told(ui, &restored, json).map_err(Failure::final_one)?;
        Ok(if exit == Exit::Done { mended } else { exit })
    })
}

/// Says what came back.
fn told(ui: &mut Ui, restored: &Restored, json: bool) -> Result<Exit, Failure> {
    if json {
        ui.out.json(&view::Restore::done(restored))?;
    } else {
        let look = ui.look;
        ui.out.text(|out| human::restored(restored, &look, out))?;
    }
    for notice in &restored.notices {
        ui.warning(notice);
    }
    Ok(match restored {
        restored if restored.interrupted => Exit::Interrupted,
        restored if restored.failed.is_empty() && restored.skipped.is_empty() => Exit::Done,
        restored if restored.runs.is_empty() && restored.thinned.is_empty() && !restored.failed.is_empty() => {
            Exit::CouldNot
        }
        _ => Exit::Partly,
    })
}
