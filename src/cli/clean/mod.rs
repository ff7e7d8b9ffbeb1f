//! `otto clean`: one plan that is shown, confirmed and executed.

mod args;
mod choice;
mod file;
mod gate;
mod interactive;
mod refusal;
mod shown;

pub(crate) use args::CleanArgs;

use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::ui::Ui;
use super::{Context, budgets, confirm, mending, policy_file};
use choice::Chosen;
use otto_catalog::clean::plan_file::PlanFile;
use otto_catalog::clean::{self, Before, Choice, Execution, Outcome};
use otto_catalog::model::Size;
use otto_catalog::report::{human, printable, with_command};
use otto_catalog::session::{self, Access, Session};
use otto_catalog::store::root::StoreRoot;
use shown::Shown;
use std::io::Write as _;

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &CleanArgs) -> Result<Exit, Failure> {
    // A policy that cannot be read stops everything, before anything is looked at.
    policy_file::read(&context.settings.home).map_err(Failure::nothing_deleted)?;
    policy_file::tell_misnamed(ui, &context.settings.home);
    if let Ok(root) = StoreRoot::open(&context.settings.home) {
        session::may_be_cleaned(&context.settings, &root)?;
    }
    gate::check_flags(ui, args)?;
    let source = match &args.apply {
        Some(path) => Source::File(Box::new(file::load(path)?)),
        None => Source::Flags(args.choice.read_input()?),
    };
    if args.dry_run || args.plan_out.is_some() {
        let access = if context.global.no_refresh { Access::ReadAsIs } else { Access::Read };
        return context.with_session(ui, access, |session, ui| preview(context, ui, session, args, &source));
    }
    let interrupted = Interrupted::new();
    context.with_session(ui, Access::Delete, |session, ui| {
        if let Source::File(file) = &source {
            file.check_store(&session.catalog)?;
        }
        let recovered = mending::recover(context, ui, session, &interrupted)?;
        let exit = remove(context, ui, session, args, &source, &interrupted)?;
        Ok(if exit == Exit::Done { recovered } else { exit })
    })
}

/// Where a plan comes from.
enum Source {
    /// The flags, with what stands on standard input.
    Flags(Vec<u8>),
    /// A plan file.
    File(Box<PlanFile>),
}

/// Shows the plan, says what recovery would do, and changes nothing. What is written down is the plan that was shown.
fn preview(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &Session,
    args: &CleanArgs,
    source: &Source,
) -> Result<Exit, Failure> {
    let pending = mending::announce(context, ui, session)?;
    if args.plan_out.is_some() {
        mending::check_settled(&pending)?;
    }
    if let Err(error @ session::Error::ClockWentBack { .. }) = session.check_clock(&context.settings) {
        ui.notice(&format!("a clean is refused now: {error}"));
    }
    let mut shown = planned(context, ui, session, args, source)?;
    if let Some(into) = &args.archive {
        clean::check_archive_place(session, into)?;
    }
    if let Some(path) = &args.plan_out {
        let written = gate::check_emptied(context, args, &shown.plan)
            .and_then(|()| file::save(context, session, &mut shown, path));
        shown.print(context, ui, session, args)?;
        written?;
        return if args.json { Ok(Exit::Done) } else { file::told(context, ui, &shown, path).map(|()| Exit::Done) };
    }
    if let Source::File(_) = source {
        shown.skips = Some(clean::rehearse(session, &context.settings, &shown.plan)?);
    }
    shown.print(context, ui, session, args)?;
    shown.plan.check_limit()?;
    if !args.json {
        if let Some(into) = &args.archive {
            let place = printable(&into.to_string_lossy()).into_owned();
            writeln!(ui.out, "All of it would be written into an archive in {place} first.")?;
        }
        let more: &[&str] = if gate::empties(args, &shown.plan) { &["--allow-empty"] } else { &[] };
        let command = command_line(&context.typed, |word| word != "--dry-run", more);
        writeln!(ui.out, "{}", with_command("Nothing was changed. To do it:", &command, &ui.look))?;
    }
    Ok(Exit::Done)
}

/// The plan that the flags mean, or that the file holds.
fn planned(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &Session,
    args: &CleanArgs,
    source: &Source,
) -> Result<Shown, Failure> {
    let shown = match source {
        Source::Flags(input) => Shown::new(context, session, args, chosen(ui, session, args, input)?)?,
        Source::File(file) => {
            let shown = Shown::of_file(context, session, args, file)?;
            if !args.json {
                let look = ui.look;
                ui.out.text(|out| human::plan_file(file, &look, out))?;
            }
            shown
        }
    };
    budgets::tell_unasked(ui, &shown.plan.budgets);
    Ok(shown)
}

/// The runs and entries that the flags mean.
fn chosen(ui: &Ui, session: &Session, args: &CleanArgs, input: &[u8]) -> Result<Chosen, Failure> {
    let catalog = &session.catalog;
    let projects = match &args.project_filter {
        Some(word) => Some(super::select::holding(ui, &catalog.projects()?, word)?),
        None => super::select::project_keys(catalog, args.project.as_deref())?,
    };
    let chosen = args.choice.resolve(catalog, projects, input)?;
    if args.choice.names() && chosen.projects.as_ref().is_some_and(Vec::is_empty) {
        ui.notice("standard input names nothing");
    }
    Ok(chosen)
}

/// Plans, shows, asks, executes, tells.
fn remove(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &mut Session,
    args: &CleanArgs,
    source: &Source,
    interrupted: &Interrupted,
) -> Result<Exit, Failure> {
    if let Some(into) = &args.archive {
        clean::check_archive_place(session, into)?;
    }
    let mut shown = planned(context, ui, session, args, source)?;
    // Whoever is asked about a plan of yesterday is asked about what is left of it.
    if !args.yes && matches!(source, Source::File(_)) {
        shown.skips = Some(clean::rehearse(session, &context.settings, &shown.plan)?);
    }
    // Never held while a person reads or a pipe is slow; execution takes it again and looks at everything once more.
    session.unlock();
    if shown.plan.is_empty() {
        let (before, outcome) = (shown.plan.before, Outcome::default());
        return if args.json {
            ui.out.json(&shown.json(false).with_result(&outcome, before, before))?;
            Ok(Exit::Done)
        } else {
            shown.print(context, ui, session, args)?;
            writeln!(ui.out, "Nothing to remove.")?;
            shown.print_stale_advice(context, ui)?;
            Ok(Exit::Done)
        };
    }
    let allowed = match args.choice.interactive {
        // Who is asked about each run may come below the limit.
        true => Ok(()),
        false => shown.plan.check_limit().map_err(Failure::from),
    };
    if let Err(refusal) = allowed.and_then(|()| gate::check(context, ui, args, &shown.plan)) {
        shown.print(context, ui, session, args)?;
        return Err(refusal);
    }
    if !args.json {
        let printed = shown.print(context, ui, session, args).and_then(|()| Ok(ui.out.flush()?));
        match printed {
            // Who said yes beforehand need not read on: `otto clean --yes | head -1` does what it says.
            Err(failure) if args.yes && failure.is_closed_pipe() => {}
            // What is confirmed must have been seen. If nobody reads the plan, nothing is deleted.
            printed => printed?,
        }
    }
    if let Some(skips) = &shown.skips {
        shown.plan.leave_out(skips);
        if shown.plan.is_empty() {
            ui.say("Nothing was deleted: all of it would be skipped.");
            return Ok(Exit::Partly);
        }
    }
    let (mut each_answered, mut emptying_is_declined) = (false, false);
    if args.choice.interactive {
        let answered = interactive::narrow(context, ui, session, args, shown)?;
        (shown, each_answered) = (answered.shown, answered.each);
        shown.plan.check_limit()?;
        // Whoever answered about every run is asked, and does not lose the answers for want of a flag.
        emptying_is_declined =
            gate::empties(args, &shown.plan) && !confirm::emptied(ui, &gate::emptied_projects(&shown.plan))?;
    }
    let agreed = if shown.plan.is_empty() || emptying_is_declined {
        false
    } else if args.yes {
        true
    } else if shown.plan.narrow.choice == Choice::All {
        confirm::by_word(ui, &shown.plan, choice::WORD)?
    } else {
        each_answered || confirm::removal(ui, &shown.plan)?
    };
    if !agreed {
        ui.say("Nothing was deleted.");
        return Ok(Exit::Unconfirmed);
    }
    interrupted.heed()?;
    execute(context, ui, session, args, shown, interrupted).map_err(Failure::final_one)
}

fn execute(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &mut Session,
    args: &CleanArgs,
    shown: Shown,
    interrupted: &Interrupted,
) -> Result<Exit, Failure> {
    let before = shown.plan.before;
    let keys = shown.keys.clone();
    let budgets = shown.plan.budgets.clone();
    let json = args.json.then(|| shown.json(false));
    let stale = shown.stale_advice(context, &ui.look)?;
    let execution = Execution {
        command: &command_line(&context.typed, |_| true, &[]),
        who: &context.environment.who,
        policy: &shown.policy,
        interrupted: &|| interrupted.is_set(),
    };
    let mut outcome = match &args.archive {
        None => clean::execute(session, &context.settings, shown.plan, &execution)?,
        Some(into) => clean::execute_archiving(session, &context.settings, shown.plan, &execution, into)?,
    };
    outcome.skipped.extend(shown.skips.unwrap_or_default());
    let after: Before = clean::standing(&session.catalog, keys.as_deref())?;
    match json {
        Some(view) => ui.out.json(&view.with_result(&outcome, before, after))?,
        None => {
            let look = ui.look;
            writeln!(ui.out)?;
            ui.out.text(|out| human::outcome(&outcome, before, after, &look, out))?;
            ui.out.text(|out| human::not_met(&budgets, &look, out))?;
            write!(ui.out, "{stale}")?;
            if outcome.kept_until.is_some() && outcome.moved() != Size::ZERO {
                writeln!(ui.out, "To undo it: {}", context.command("undo"))?;
            }
        }
    }
    for notice in &outcome.notices {
        ui.warning(notice);
    }
    Ok(exit_of(&outcome))
}

pub(crate) fn exit_of(outcome: &Outcome) -> Exit {
    let deleted = outcome.deleted_runs.len() + outcome.deleted_cache.len() + outcome.thinned.len();
    match outcome {
        outcome if outcome.interrupted => Exit::Interrupted,
        outcome if outcome.failed.is_empty() && outcome.skipped.is_empty() => Exit::Done,
        outcome if deleted == 0 && !outcome.failed.is_empty() => Exit::CouldNot,
        _ => Exit::Partly,
    }
}

/// The command as it was typed, less some words and with some more, so that it can be copied.
pub(crate) fn command_line(typed: &[String], keeps: impl Fn(&str) -> bool, more: &[&str]) -> String {
    let words = typed.iter().map(String::as_str).filter(|word| keeps(word)).chain(more.iter().copied());
    std::iter::once("otto".to_owned()).chain(words.map(quoted)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", printable(word).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_copied() {
        let typed = ["clean", "--keep", "30", "--project", "web app", "--dry-run"].map(str::to_owned);
        assert_eq!(
            command_line(&typed, |word| word != "--dry-run", &["--yes"]),
            "otto clean --keep 30 --project 'web app' --yes"
        );
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn the_exit_code_says_how_much_was_done() {
        let skipped = clean::Skipped { id: "a/1".into(), reason: "running".into() };
        let failed = clean::Failed { id: "a/2".into(), error: "no".into(), hint: None };
        let one = vec![("a/3".to_owned(), otto_catalog::model::Size::ZERO)];
        let nothing = Outcome::default();
        assert_eq!(exit_of(&nothing), Exit::Done);
        assert_eq!(exit_of(&Outcome { skipped: vec![skipped], ..nothing.clone() }), Exit::Partly);
        assert_eq!(exit_of(&Outcome { failed: vec![failed.clone()], ..nothing.clone() }), Exit::CouldNot);
        assert_eq!(exit_of(&Outcome { failed: vec![failed], deleted_runs: one, ..nothing.clone() }), Exit::Partly);
        assert_eq!(exit_of(&Outcome { interrupted: true, ..nothing }), Exit::Interrupted);
    }
}
