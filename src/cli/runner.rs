//! The task runner's binary is called `otto` too. With `OTTO_RUNNER=PATH` set, a command that is not ours is handed to that
//! program with its arguments untouched; nothing is guessed.

use super::args::{Cli, Global};
use super::exit::{Exit, Failure};
use super::ui::Ui;
use clap::CommandFactory as _;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

/// Spellings of the runner that are ours all the same: it would remove runs without a plan.
const OURS_TOO: [&str; 3] = ["Clean", "History", "Stats"];

/// Becomes the runner, if these arguments are for it. Returns when they are ours, or with the exit code of a failure.
pub(crate) fn hand_over(arguments: &[OsString]) -> Option<Exit> {
    let runner = std::env::var_os("OTTO_RUNNER").filter(|path| !path.is_empty()).map(PathBuf::from)?;
    if !is_foreign(&arguments[1.min(arguments.len())..]) {
        return None;
    }
    let failure = if is_this_program(&runner) {
        Failure::usage(format!("OTTO_RUNNER names this very program: `{}`", runner.display()))
            .hint("let it name the task runner's binary, or unset it")
    } else {
        let error = std::process::Command::new(&runner).args(arguments.iter().skip(1)).exec();
        Failure::could_not(format!("cannot start the task runner `{}`", runner.display()), error)
            .hint("OTTO_RUNNER names it")
    };
    // Only for the terminal: these arguments were never ours to read.
    Some(failure.report(&Ui::new(&Global::default()), false))
}

/// Whether the first word that is no global flag of ours is no command of ours. Flags alone ask for our help.
fn is_foreign(arguments: &[OsString]) -> bool {
    let mut command = Cli::command();
    command.build();
    let mut words = arguments.iter().map(|argument| argument.to_string_lossy());
    while let Some(word) = words.next() {
        let (name, has_value) = match word.split_once('=') {
            Some((name, _)) => (name.to_owned(), true),
            None => (word.to_string(), false),
        };
        let known = command.get_arguments().find(|known| {
            known.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long))
                || known.get_short().is_some_and(|short| name == format!("-{short}"))
        });
        match known {
            Some(flag) if flag.get_action().takes_values() && !has_value => _ = words.next(),
            Some(_) => {}
            None => return command.find_subcommand(&*word).is_none() && !OURS_TOO.contains(&&*word),
        }
    }
    false
}

/// Whether a path leads to the program that runs now, whatever it is called there.
fn is_this_program(path: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let ours = std::env::current_exe().ok().and_then(|path| identity(&path));
    ours.is_some() && ours == identity(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_ours_is_handed_over() {
        let foreign = |line: &str| is_foreign(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        for ours in
            ["", "list", "--home x list", "--home=x clean", "-v usage", "--help", "--version", "help list", "Clean"]
        {
            assert!(!foreign(ours), "{ours}");
        }
        for theirs in ["build", "--home x build", "-o otto.yml build", "--list-subcommands", "ci --help"] {
            assert!(foreign(theirs), "{theirs}");
        }
    }
}
