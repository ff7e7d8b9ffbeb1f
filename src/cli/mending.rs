//! What a command that changes the store mends before its own work, and how that is told.

use super::Context;
use super::clean::command_line;
use super::exit::{Exit, Failure};
use super::interrupted::Interrupted;
use super::policy_file;
use super::ui::Ui;
use otto_catalog::clean::{self, Execution, Recovery};
use otto_catalog::report::{human, times};
use otto_catalog::session::{self, Session};

/// Says what the next deleting command would mend.
pub(crate) fn announce(context: &Context<'_>, ui: &Ui, session: &Session) -> Result<(), Failure> {
    let pending = clean::pending(session, &context.settings)?;
    if pending.put_back + pending.finish > 0 {
        let (back, finish) = (times(pending.put_back, "item"), times(pending.finish, "removal"));
        ui.notice(&format!("an earlier clean died: the next one would put back {back} and finish {finish}"));
    }
    if pending.expire > 0 {
        let items = times(pending.expire, "item");
        ui.notice(&format!("the next clean would also delete {items} whose time in the trash is over"));
    }
    Ok(())
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
