//! Asking about each run of a plan: yes, no, all that follow, quit.

use super::args::CleanArgs;
use super::choice::Chosen;
use super::shown::Shown;
use crate::cli::Context;
use crate::cli::exit::Failure;
use crate::cli::ui::Ui;
use otto_catalog::clean::{Plan, RunRemoval};
use otto_catalog::report::human;
use otto_catalog::session::Session;
use std::collections::HashSet;
use std::io::{self, BufRead as _, Write as _};

/// A plan without the runs that were refused.
pub(super) struct Answered {
    pub(super) shown: Shown,
    /// Whether the answers say yes to all that is left of it, so that no other question is due: each run was answered for,
    /// and some may go.
    pub(super) each: bool,
}

/// An answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    All,
    Quit,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Some(Self::Yes),
            "n" | "no" => Some(Self::No),
            "a" | "all" => Some(Self::All),
            "q" | "quit" => Some(Self::Quit),
            _ => None,
        }
    }
}

/// Asks about each run, plans again without those that were refused, and shows what is left in all. The new plan is part
/// of the old one: nothing goes that was not seen.
pub(super) fn narrow(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &Session,
    args: &CleanArgs,
    shown: Shown,
) -> Result<Answered, Failure> {
    let (agreed, quit) = ask(ui, session, &shown.plan)?;
    let some = !agreed.is_empty();
    let mut narrow = shown.plan.narrow.clone();
    narrow.agreed = Some(agreed);
    let chosen = Chosen { narrow, entries: shown.entries.clone(), projects: shown.keys.clone() };
    let mut left = Shown::new(context, session, args, chosen)?;
    left.plan.keep_within(&shown.plan);
    let look = ui.look;
    ui.out.text(|out| human::totals(&left.plan, &look, out))?;
    ui.out.flush()?;
    Ok(Answered { shown: left, each: some && !quit })
}

/// The runs that were agreed to, and whether the questions were ended before the last.
fn ask(ui: &Ui, session: &Session, plan: &Plan) -> Result<(HashSet<i64>, bool), Failure> {
    let mut agreed = HashSet::new();
    let number = plan.runs.len();
    for (at, run) in plan.runs.iter().enumerate() {
        match ask_about(ui, session, run, (at + 1, number))? {
            Answer::Yes => {
                agreed.insert(run.key);
            }
            Answer::No => {}
            Answer::All => {
                agreed.extend(plan.runs[at..].iter().map(|run| run.key));
                return Ok((agreed, false));
            }
            Answer::Quit => return Ok((agreed, true)),
        }
    }
    Ok((agreed, false))
}

/// Asks until the answer is one. An end of input is a quit.
fn ask_about(ui: &Ui, session: &Session, run: &RunRemoval, (at, of): (usize, usize)) -> Result<Answer, Failure> {
    let mut text = String::from("\n");
    let row = session.catalog.run(run.key)?;
    human::removal(run, row.as_ref().map(human::parts).as_deref(), &format!("{at}/{of} "), &ui.look, &mut text)?;
    let mut stderr = io::stderr().lock();
    write!(stderr, "{text}")?;
    loop {
        write!(stderr, "Remove it? [y,n,a,q,?] ")?;
        stderr.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        if !line.ends_with('\n') {
            writeln!(stderr)?;
            return Ok(Answer::Quit);
        }
        match Answer::parse(&line) {
            Some(answer) => return Ok(answer),
            None => writeln!(stderr, "y yes, n no, a this and all that follow, q no more of them")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_word_is_an_answer() {
        let cases = [("y\n", Answer::Yes), ("NO\n", Answer::No), (" all \n", Answer::All), ("q\n", Answer::Quit)];
        for (line, answer) in cases {
            assert_eq!(Answer::parse(line), Some(answer), "{line:?}");
        }
        for line in ["", "\n", "yy\n", "?\n", "yes please\n", "1\n"] {
            assert_eq!(Answer::parse(line), None, "{line:?}");
        }
    }
}
