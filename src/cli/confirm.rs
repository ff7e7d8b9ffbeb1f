//! The question before a removal: on a terminal only, default no.

use super::exit::Failure;
use super::ui::Ui;
use otto_catalog::clean::Plan;
use otto_catalog::clean::trash::Emptying;
use otto_catalog::model::HumanBytes;
use otto_catalog::report::{Look, human, in_lines, times};
use std::io::{self, BufRead as _, Write as _};

/// Numbers every run that goes, asks, and says whether the answer was yes. An end of input is a no.
pub(crate) fn removal(ui: &Ui, plan: &Plan) -> Result<bool, Failure> {
    let question = if plan.trash.is_some() { "Move them there? [y/N] " } else { "Delete them? [y/N] " };
    Ok(is_yes(&ask(ui, plan, question)?))
}

/// The same, where nothing but a word typed in full is a yes.
pub(crate) fn by_word(ui: &Ui, plan: &Plan, word: &str) -> Result<bool, Failure> {
    let what = if plan.trash.is_some() { "move them there" } else { "delete them" };
    let answer = ask(ui, plan, &format!("Type {word} to {what}: "))?;
    Ok(answer.trim() == word)
}

/// What a yes does, and whether it can be undone.
fn consequence(plan: &Plan, what: &str, look: &Look) -> String {
    let text = match plan.trash {
        // Where its runs go stands in the plan.
        None if plan.file_id.is_some() => format!("This deletes {what} permanently and cannot be undone."),
        None => format!("This deletes {what} permanently and cannot be undone; with --trash it could."),
        Some(keep) => {
            let until = look.time(keep.after(look.now));
            format!("This moves {what} to the trash. Until {until} `otto undo` brings them back.")
        }
    };
    in_lines(&text, look)
}

fn ask(ui: &Ui, plan: &Plan, question: &str) -> Result<String, Failure> {
    let mut text = String::new();
    human::numbered(plan, &ui.look, &mut text)?;
    let mut what = Vec::new();
    if plan.removes.count > 0 || plan.thin.is_empty() && !plan.parts_alone {
        what.push(times(plan.removes.count, "run"));
    }
    if !plan.thin.is_empty() {
        what.push(format!("parts of {}", times(plan.thin.len() as u64, "run")));
    }
    if !plan.cache.delete.is_empty() {
        let entry = if plan.parts_alone { "stray file" } else { "cache entry" };
        what.push(times(plan.cache.delete.len() as u64, entry));
    }
    let most = if plan.file_id.is_some() { "at most " } else { "" };
    let what = format!("{} ({most}{})", what.join(" and "), HumanBytes(plan.frees.disk));
    answer(&format!("\n{text}{}\n{question}", consequence(plan, &what, &ui.look)))
}

/// Asks whether what is in the trash shall go for good.
pub(crate) fn emptying(ui: &Ui, plan: &Emptying) -> Result<bool, Failure> {
    let (runs, entries) = (times(plan.runs(), "run"), times(plan.entries(), "cache entry"));
    let freed = HumanBytes(plan.frees.disk);
    let text = format!("This deletes {runs} and {entries} ({freed}) permanently and cannot be undone.");
    Ok(is_yes(&answer(&format!("\n{}\nDelete them? [y/N] ", in_lines(&text, &ui.look)))?))
}

/// Asks whether projects may lose their last runs.
pub(crate) fn emptied(ui: &Ui, projects: &str) -> Result<bool, Failure> {
    let question = in_lines(&format!("No run would be left of {projects}. Go on? [y/N]"), &ui.look);
    Ok(is_yes(&answer(&format!("\n{question} "))?))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks on the terminal, and gives the line that was typed.
fn answer(question: &str) -> Result<String, Failure> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !answer.ends_with('\n') {
        writeln!(stderr)?;
    }
    Ok(answer)
}
