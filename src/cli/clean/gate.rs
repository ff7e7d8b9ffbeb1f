//! What has to be said before a plan is executed, and was not: the flags that are missing, all of them at once.

use super::args::CleanArgs;
use super::choice::WORD;
use super::command_line;
use crate::cli::Context;
use crate::cli::exit::{Exit, Failure};
use crate::cli::ui::Ui;
use otto_catalog::clean::{Choice, Plan};
use otto_catalog::report::printable;

/// Projects that are named.
const SHOWN: usize = 10;

/// Whether a plan takes the last runs of a project, and nobody said that it may.
pub(super) fn empties(args: &CleanArgs, plan: &Plan) -> bool {
    // Whoever wrote the plan file was asked then.
    !args.choice.allow_empty && plan.file_id.is_none() && plan.emptied().next().is_some()
}

/// Refuses flags that make no sense here, before anything is looked at.
pub(super) fn check_flags(ui: &Ui, args: &CleanArgs) -> Result<(), Failure> {
    // A flag that is required is not asked for where it stands against another: so this is no matter of the definition.
    if args.choice.confirm.is_some() && !args.choice.all && args.apply.is_none() {
        return Err(Failure::usage("--confirm goes with --all, and nothing else here needs a word"));
    }
    if args.choice.interactive && !args.only.is_empty() {
        let parts = args.only.iter().map(|part| part.word()).collect::<Vec<_>>().join(",");
        return Err(Failure::usage("--interactive asks about each run that goes, and with --only every run stays")
            .hint(format!(
                "name the runs instead: --run RUN.. --only {parts}; `otto clean --only {parts} --dry-run -v` lists them"
            )));
    }
    if args.choice.interactive && !args.dry_run && !ui.can_ask() {
        return Err(unconfirmed("--interactive asks about each run, and there is no terminal to ask on")
            .hint("name the runs instead: --run RUN.. --yes; `otto clean --dry-run --explain` shows which would go"));
    }
    Ok(())
}

/// Refuses to go on where a flag is missing: without one that allows to take a project's last runs (refused), or one that
/// answers a question which cannot be asked (unconfirmed).
pub(super) fn check(context: &Context<'_>, ui: &Ui, args: &CleanArgs, plan: &Plan) -> Result<(), Failure> {
    let can_ask = ui.can_ask() && !args.json;
    let mut missing = Vec::new();
    if !args.yes && !can_ask {
        missing.push("--yes");
    }
    let word = plan.narrow.choice == Choice::All && args.choice.confirm.is_none() && (args.yes || !can_ask);
    if word {
        missing.extend(["--confirm", WORD]);
    }
    // Who is asked about each run may still leave some in every project.
    let empties = !args.choice.interactive && empties(args, plan);
    if empties {
        missing.push("--allow-empty");
    }
    let failure = if empties {
        refusal(plan)
    } else if !args.yes && !can_ask {
        let why = if args.json { "--json asks no question" } else { "there is no terminal to ask on" };
        let flags = missing.join(" ");
        unconfirmed(&format!("{why}, and {flags} is missing"))
    } else if word {
        unconfirmed(&format!("--all takes more than --yes, and {} is missing", missing.join(" ")))
    } else {
        return Ok(());
    };
    Err(failure.hint(hint(context, &missing)))
}

/// Refuses to take the last runs of a project without the flag that allows it, once it is known which runs go.
pub(super) fn check_emptied(context: &Context<'_>, args: &CleanArgs, plan: &Plan) -> Result<(), Failure> {
    if empties(args, plan) { Err(refusal(plan).hint(hint(context, &["--allow-empty"]))) } else { Ok(()) }
}

fn unconfirmed(why: &str) -> Failure {
    Failure::new(Exit::Unconfirmed, anyhow::Error::msg(format!("nothing was deleted: {why}")))
}

/// The projects of which no run would be left, in words.
pub(super) fn emptied_projects(plan: &Plan) -> String {
    let projects: Vec<_> = plan.emptied().map(|project| printable(&project.dir.lossy()).into_owned()).collect();
    let more = if projects.len() > SHOWN { ", ..." } else { "" };
    let names = projects.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if projects.len() == 1 { names } else { format!("{} projects ({names}{more})", projects.len()) }
}

fn refusal(plan: &Plan) -> Failure {
    let of = emptied_projects(plan);
    let text = format!("nothing was deleted: no run would be left of {of}, and --allow-empty is missing");
    Failure::new(Exit::Refused, anyhow::Error::msg(text))
}

fn hint(context: &Context<'_>, missing: &[&str]) -> String {
    format!("to delete what the plan says: {}", command_line(&context.typed, |_| true, missing))
}
