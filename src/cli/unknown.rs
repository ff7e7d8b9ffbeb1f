//! A command that there is none of: the nearest one, or the one that does what it is called elsewhere.

use super::args::Cli;
use super::exit::Failure;
use super::select;
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use otto_catalog::report::printable;
use std::ffi::OsString;

/// What others call our commands.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["ls", "runs", "ps", "recent"], "list"),
    (&["show", "status", "inspect", "describe", "view"], "info"),
    (&["du", "df", "size", "disk"], "usage"),
    (&["rm", "remove", "delete", "prune", "purge", "gc", "forget", "cleanup", "expire"], "clean"),
    (&["diff", "cmp"], "compare"),
    (&["cat", "tail", "output"], "logs"),
    (&["grep", "search", "find"], "logs --grep"),
    (&["restore", "recover", "undelete"], "undo"),
    (&["fsck", "verify", "doctor", "repair"], "check"),
    (&["explain"], "why"),
    (&["keep", "protect", "lock"], "pin"),
    (&["label"], "tag"),
    (&["refresh", "rebuild", "scan", "reindex", "update"], "index"),
    (&["completion"], "completions"),
];

/// The command that does what a word means elsewhere.
pub(crate) fn known_elsewhere(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    ELSEWHERE.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, ours)| *ours)
}

/// The failure for an error of clap's, if it is about a command that is not there.
pub(crate) fn command(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let mut root = Cli::command();
    root.build();
    let mut parent = &root;
    for argument in arguments.iter().skip(1).take_while(|argument| *argument != word.as_str()) {
        parent = parent.find_subcommand(argument).unwrap_or(parent);
    }
    Some(failure(parent, word))
}

fn failure(parent: &clap::Command, word: &str) -> Failure {
    let is_root = parent.get_name() == "otto";
    let of = if is_root { String::new() } else { format!(" of `otto {}`", parent.get_name()) };
    let failure = Failure::usage(format!("there is no command `{}`{of}", printable(word)));
    let plain = word.to_lowercase();
    if let Some(ours) = known_elsewhere(word).filter(|_| is_root) {
        return failure.hint(format!("did you mean `otto {ours}`?"));
    }
    let names = parent.get_subcommands().filter(|command| !command.is_hide_set());
    let near = select::nearest(&plain, names.map(|command| command.get_name().to_owned()));
    match near.as_slice() {
        [] if is_root => failure
            .hint("`otto help` lists the commands; a task of the runner needs OTTO_RUNNER (`otto help environment`)"),
        [] => failure.hint(format!("`otto {} --help` lists its commands", parent.get_name())),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = Cli::command().try_get_matches_from(&arguments).unwrap_err();
        let failure = command(&error, &arguments).unwrap();
        format!("{}: {}", failure.text(), failure.advice().unwrap_or_default())
    }

    #[test]
    fn the_nearest_command_is_named() {
        assert_eq!(said("otto lst"), "there is no command `lst`: did you mean `list`?");
        assert_eq!(said("otto Claen --yes"), "there is no command `Claen`: did you mean `clean`?");
        assert_eq!(said("otto --no-refresh usgae"), "there is no command `usgae`: did you mean `usage`?");
        assert_eq!(
            said("otto trash restroe latest"),
            "there is no command `restroe` of `otto trash`: did you mean `restore`?"
        );
        assert!(said("otto trash wash-up").ends_with("`otto trash --help` lists its commands"));
        assert!(said("otto build").ends_with("needs OTTO_RUNNER (`otto help environment`)"));
    }

    #[test]
    fn words_from_elsewhere_lead_to_commands_that_are_there_and_are_none_themselves() {
        let mut root = Cli::command();
        root.build();
        for (words, ours) in ELSEWHERE {
            assert!(root.find_subcommand(ours.split(' ').next().unwrap()).is_some(), "{ours}");
            for word in *words {
                assert!(root.find_subcommand(word).is_none(), "{word} is a command of ours");
                assert_eq!(
                    said(&format!("otto {word}")),
                    format!("there is no command `{word}`: did you mean `otto {ours}`?")
                );
            }
        }
    }
}
