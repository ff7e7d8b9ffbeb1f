//! `otto trash empty`

use crate::cli::args::TEMPLATE;
use crate::cli::clean::{command_line, exit_of};
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupted::Interrupted;
use crate::cli::ui::Ui;
use crate::cli::when::When;
use crate::cli::{Context, confirm, mending};
use clap::Args;
use otto_catalog::clean::Execution;
use otto_catalog::clean::trash::{self, Emptying};
use otto_catalog::report::{human, view, with_command};
use otto_catalog::session::{Access, Session};
use std::io::Write as _;

/// Delete for good what is in the trash
///
/// Shows what goes, asks, and deletes it. Pinned runs stay.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto trash empty --dry-run             what would go, and what it frees
  otto trash empty                       all of it
  otto trash empty --older-than 3d       what has been there for three days
  otto trash empty --yes                 without a question")]
pub(crate) struct TrashEmptyArgs {
    /// Only what went to the trash before: an age, a date, or RFC 3339
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = When::parse)]
    older_than: Option<When>,
    /// Show what would go and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print JSON; needs --yes or --dry-run
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &TrashEmptyArgs) -> Result<Exit, Failure> {
    let before = args.older_than.map(|when| when.instant(context.settings.clock.now));
    if args.dry_run {
        return context.with_session(ui, context.reading(), |session, ui| {
            mending::announce(context, ui, session)?;
            let plan = trash::plan_empty(session, &context.settings, before)?;
            show(ui, &plan, args)?;
            if !args.json {
                let command = command_line(&context.typed, |word| word != "--dry-run", &[]);
                writeln!(ui.out, "{}", with_command("Nothing was changed. To do it:", &command, &ui.look))?;
            }
            Ok(Exit::Done)
        });
    }
    let interrupted = Interrupted::new();
    context.with_session(ui, Access::Delete, |session, ui| {
        let mended = mending::recover(context, ui, session, &interrupted)?;
        let plan = trash::plan_empty(session, &context.settings, before)?;
        // Never held while a person reads; the decision takes it again and looks at everything once more.
        session.unlock();
        let exit = if plan.is_empty() {
            show(ui, &plan, args)?;
            if plan.skipped.is_empty() { Exit::Done } else { Exit::Partly }
        } else {
            empty(context, ui, session, args, plan, &interrupted)?
        };
        Ok(if exit == Exit::Done { mended } else { exit })
    })
}

fn show(ui: &mut Ui, plan: &Emptying, args: &TrashEmptyArgs) -> Result<(), Failure> {
    if args.json {
        return Ok(ui.out.json(&view::Empty::new(plan, args.dry_run))?);
    }
    let look = ui.look;
    Ok(ui.out.text(|out| human::emptying(plan, &look, out))?)
}

/// Shows, asks, deletes, tells.
fn empty(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &mut Session,
    args: &TrashEmptyArgs,
    plan: Emptying,
    interrupted: &Interrupted,
) -> Result<Exit, Failure> {
    let json = args.json.then(|| view::Empty::new(&plan, false));
    if !args.yes && (args.json || !ui.can_ask()) {
        show(ui, &plan, args)?;
        let why = if args.json { "--json asks no question" } else { "there is no terminal to ask on" };
        let text = format!("nothing was deleted: {why}, and --yes is missing");
        let command = command_line(&context.typed, |_| true, &["--yes"]);
        return Err(Failure::new(Exit::Unconfirmed, anyhow::Error::msg(text))
            .hint(format!("to delete what is shown: {command}")));
    }
    if json.is_none() {
        let printed = show(ui, &plan, args).and_then(|()| Ok(ui.out.flush()?));
        match printed {
            Err(failure) if args.yes && failure.is_closed_pipe() => {}
            printed => printed?,
        }
    }
    if !args.yes && !confirm::emptying(ui, &plan)? {
        ui.say("Nothing was deleted.");
        return Ok(Exit::Unconfirmed);
    }
    interrupted.heed()?;
    let execution = Execution {
        command: &context.command_line(),
        who: &context.environment.who,
        policy: "",
        interrupted: &|| interrupted.is_set(),
    };
    let outcome = trash::empty(session, &context.settings, plan, &execution).map_err(Failure::from)?;
    session.unlock();
    match json {
        Some(view) => ui.out.json(&view.with_result(&outcome))?,
        None => {
            let look = ui.look;
            ui.out.text(|out| human::emptied(&outcome, &look, out)).map_err(Failure::from)?;
        }
    }
    for notice in &outcome.notices {
        ui.warning(notice);
    }
    Ok(exit_of(&outcome))
}
