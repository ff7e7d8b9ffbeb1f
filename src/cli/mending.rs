//! What a command that changes the store mends before its own work, and how that is told.

use super::Context;
use super::clean::command_line;
use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::policy_file;
use super::ui::Ui;
use otto_catalog::archive::State;
use otto_catalog::clean::{self, Execution, Pending, Recovery};
use otto_catalog::report::{human, printable, times};
use otto_catalog::session::{self, Session};

/// Says what the next deleting command would mend, and gives it.
pub(crate) fn announce(context: &Context<'_>, ui: &Ui, session: &Session) -> Result<Pending, Failure> {
    let pending = clean::pending(session, &context.settings)?;
    if pending.put_back + pending.finish > 0 {
        let (back, finish) = (times(pending.put_back, "item"), times(pending.finish, "removal"));
        ui.notice(&format!("an earlier clean died: the next one would put back {back} and finish {finish}"));
    }
    if pending.expire > 0 {
        let items = times(pending.expire, "item");
        ui.notice(&format!("the next clean would also delete {items} whose time in the trash is over"));
    }
    for import in &pending.imports {
        ui.notice(&match &import.state {
            State::Arrived { runs, .. } if *runs > 0 => {
                let runs = times(*runs, "run");
                format!(
                    "an import was stopped: the next clean ends it first, and may keep more of its {runs} than is shown"
                )
            }
            State::Arrived { .. } => {
                "an import was stopped when only cache entries had come: the next clean ends it first".to_owned()
            }
            State::Damaged(why) | State::Later(why) | State::Unclear(why) => {
                let (path, check) = (printable(&import.path.to_string_lossy()).into_owned(), context.command("check"));
                format!(
                    "a clean is refused now: what a stopped import told is not settled (`{path}`): {why}; see {check}"
                )
            }
            _ => continue,
        });
    }
    Ok(pending)
}

/// Refuses to write down a plan that rests on a catalog which may not know yet what keeps runs of an import.
pub(crate) fn check_settled(pending: &Pending) -> Result<(), Failure> {
    let Some(import) = pending.imports.first() else { return Ok(()) };
    let path = printable(&import.path.to_string_lossy()).into_owned();
    let failure = Failure::missing(format!(
        "no plan is written: an import was stopped, and the tags and statuses that it brought are not settled: `{path}`"
    ));
    Err(match import.state {
        State::Arrived { .. } => failure.hint_command("end it first", "check --fix"),
        _ => failure.hint_command("what can be done about it says", "check"),
    })
}

/// Mends what an earlier command left, and deletes what waited in the trash long enough.
pub(crate) fn recover(
    context: &Context<'_>,
    ui: &Ui,
    session: &mut Session,
    interrupted: &Interrupted,
) -> Result<Exit, Failure> {
    let execution = Execution {
        command: &command_line(&context.typed, |_| true, &[]),
        who: &context.environment.who,
        policy: "",
        interrupted: &|| interrupted.is_set(),
    };
    let exit = told(ui, &clean::recover(session, &context.settings, &execution)?)?;
    fold(context, ui, session);
    Ok(exit)
}

/// Folds the rows of runs that left longer ago than the configuration keeps them. Nothing depends on that being done now.
pub(crate) fn fold(context: &Context<'_>, ui: &Ui, session: &mut Session) {
    let Some(keep) = policy_file::read(&context.settings.home).ok().and_then(|config| config.history()) else { return };
    match clean::fold(session, &context.settings, keep) {
        Ok(folded) if folded.runs > 0 => {
            ui.notice(&format!("the rows of {} that left long ago are folded", times(folded.runs, "run")));
        }
        Ok(_) | Err(session::Error::Busy(_)) => {}
        Err(error) => ui.warning(&format!("old rows could not be folded: {error}")),
    }
}

/// Puts back what nobody had decided about, for a command that deletes nothing.
pub(crate) fn put_back(context: &Context<'_>, ui: &Ui, session: &mut Session) -> Result<Exit, Failure> {
    told(ui, &clean::put_back(session, &context.settings)?)
}

fn told(ui: &Ui, recovery: &Recovery) -> Result<Exit, Failure> {
    let mut text = String::new();
    human::recovery(recovery, &mut text)?;
    for line in text.lines() {
        ui.notice(line);
    }
    let whole = recovery.reported.is_empty() && recovery.failed.is_empty();
    Ok(if whole { Exit::Done } else { Exit::Partly })
}
