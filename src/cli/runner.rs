//! The task runner's binary is called `otto` too. With `OTTO_RUNNER=PATH` set, a command that is not ours is handed to that
//! program with its arguments untouched; nothing is guessed. A word without a slash is looked up on the `PATH`, once and
//! here: what is started is the very file that was found not to be this program.

use super::args::{Cli, Global};
use super::exit::{Exit, Failure};
use super::ui::Ui;
use clap::CommandFactory as _;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

/// Becomes the runner, if these arguments are for it. Returns when they are ours, or with the exit code of a failure.
pub(crate) fn hand_over(arguments: &[OsString]) -> Option<Exit> {
    let named = std::env::var_os("OTTO_RUNNER").filter(|path| !path.is_empty())?;
    if !is_foreign(&arguments[1.min(arguments.len())..]) {
        return None;
    }
    let failure = match program(&named, std::env::var_os("PATH")) {
        Err(failure) => failure,
        Ok(runner) => {
            let error = std::process::Command::new(&runner).args(arguments.iter().skip(1)).exec();
            Failure::could_not(
                format!("cannot start the task runner `{}`, named by OTTO_RUNNER", runner.display()),
                error,
            )
            .hint("let OTTO_RUNNER name the task runner's binary, or unset it")
        }
    };
    // Only for the terminal: these arguments were never ours to read.
    Some(failure.report(&Ui::new(&Global::default()), false))
}

/// The file to start for what `OTTO_RUNNER` says: one that is there, can be started, and is not this program.
fn program(named: &OsStr, path: Option<OsString>) -> Result<PathBuf, Failure> {
    let shown = named.display();
    let hint = "let OTTO_RUNNER name the task runner's binary, or unset it";
    let runner = if named.as_bytes().contains(&b'/') {
        PathBuf::from(named)
    } else {
        let folders = path.unwrap_or_default();
        let found = std::env::split_paths(&folders).map(|folder| folder.join(named)).find(|file| can_be_started(file));
        let missing = || Failure::missing(format!("there is no program `{shown}` on the PATH: OTTO_RUNNER names it"));
        // `./NAME` and not `NAME`: the latter would be looked up once more.
        Path::new(".").join(found.ok_or_else(|| missing().hint(hint))?)
    };
    match std::fs::metadata(&runner) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::missing(format!("there is no task runner at `{shown}`: OTTO_RUNNER names it")).hint(hint))
        }
        Ok(meta) if meta.is_dir() => {
            Err(Failure::missing(format!("`{shown}` is a directory and no program: OTTO_RUNNER names it")).hint(hint))
        }
        Ok(meta) if is_this_program(&meta) => {
            Err(Failure::usage(format!("OTTO_RUNNER names this very program: `{shown}`")).hint(hint))
        }
        // Whatever else is wrong with it, the system says when it is started.
        _ => Ok(runner),
    }
}

fn can_be_started(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Whether a file is the program that runs now, whatever it is called there.
fn is_this_program(found: &std::fs::Metadata) -> bool {
    let ours = std::env::current_exe().and_then(std::fs::metadata);
    ours.is_ok_and(|ours| (ours.dev(), ours.ino()) == (found.dev(), found.ino()))
}

/// Whether the first word that is no global flag of ours is no command of ours. Flags alone ask for our help.
fn is_foreign(arguments: &[OsString]) -> bool {
    let mut command = Cli::command();
    command.build();
    command_word(&command, arguments).is_some_and(|word| command.find_subcommand(&*word).is_none())
}

/// Whether the command is spelt as the runner spells it, `History` and not `history`: then its flags mean what they mean
/// there.
pub(crate) fn is_spelt_so(arguments: &[OsString]) -> bool {
    let word = command_word(&Cli::command(), arguments);
    word.is_some_and(|word| word.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// The first word that is no global flag of ours.
fn command_word(command: &clap::Command, arguments: &[OsString]) -> Option<String> {
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
            None => return Some(word.into_owned()),
        }
    }
    None
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
        for theirs in ["build", "--home x build", "-o otto.yml build", "--list-subcommands", "ci --help", "Graph"] {
            assert!(foreign(theirs), "{theirs}");
        }
    }

    #[test]
    fn a_word_is_looked_up_once_and_what_is_missing_is_named() {
        let program =
            |named: &str, path: &str| program(OsStr::new(named), Some(path.into())).map_err(|failure| failure.text());
        assert_eq!(program("sh", "/nonexistent:/bin"), Ok("/bin/sh".into()));
        assert_eq!(program("/bin/sh", ""), Ok("/bin/sh".into()));
        assert!(program("no-such-runner", "/bin").unwrap_err().contains("there is no program `no-such-runner`"));
        assert!(
            program("./no-such-runner", "/bin").unwrap_err().contains("there is no task runner at `./no-such-runner`")
        );
        assert!(program("/bin", "/bin").unwrap_err().contains("is a directory"));
    }
}
