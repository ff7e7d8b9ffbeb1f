//! What `pin`, `unpin` and `tag` have in common: which runs, in which states, and what is said of each.

use super::Context;
use super::exit::{Exit, Failure};
use super::select::{self, Among};
use super::ui::Ui;
use otto_catalog::marks::{Asked, Marked};
use otto_catalog::model::Run;
use otto_catalog::report::{human, view};
use otto_catalog::session::{self, Access, Session};
use std::ffi::OsString;
use std::io;

/// Marks the runs that some words mean, and says what became of each. `output` is the schema, and whether it is wanted.
pub(super) fn mark(
    context: &Context<'_>,
    ui: &mut Ui,
    (schema, json): (&'static str, bool),
    words: &[OsString],
    mut act: impl FnMut(&mut Session, &Asked<'_>, &[Run]) -> Result<Vec<Marked>, session::Error>,
) -> Result<Exit, Failure> {
    // Before the lock is taken: whoever writes to our standard input may need it too.
    let words = select::expanded(words, &mut io::stdin().lock())?;
    let command = context.command_line();
    let asked = Asked { command: &command, who: &context.environment.who };
    context.with_session(ui, Access::Mark, |session, ui| {
        let runs = select::runs_among(&session.catalog, &words, &mut io::empty(), Among::Kept)?;
        let marked = act(session, &asked, &runs)?;
        // Nobody who is slow to read the answer holds up others.
        session.unlock();
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        if json {
            ui.out.json(&view::Marks::new(schema, &marked, home))?;
        } else {
            let look = ui.look;
            ui.out.text(|out| human::marks(schema, &marked, &look, out))?;
        }
        if marked.is_empty() && !json {
            ui.say("no runs");
        }
        Ok(Exit::Done)
    })
}
