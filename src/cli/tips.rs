//! What a flag that is not there may have been meant to be.
//!
//! clap names whatever looks a little alike, also the opposite of what was typed, and also flags that delete. Here only a
//! slip of the keys is taken for one, and nothing that lets more go is ever offered.

use super::args::Cli;
use super::select;
use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Flags that let more go, or let it go for good, or ask nobody.
const NEVER_OFFERED: [&str; 6] = ["permanent", "all", "yes", "force", "allow-empty", "confirm"];

/// So many letters may stand for the flag that they begin.
const SHORTEST: usize = 3;

/// What is typed elsewhere, what serves here, and what it is.
const ELSEWHERE: &[(&str, &str)] = &[
    ("--sort", "only `otto list` sorts; `history` and `audit` have --reverse"),
    ("--older-than", "here there is --newer-than, which is the opposite"),
    ("--format", "here there is --json"),
    ("--quiet", "ids alone are printed by list, history, trash list and logs --grep"),
    ("-q", "ids alone are printed by list, history, trash list and logs --grep"),
];

/// The arguments with `--json` for `--format json`, where a command lists nothing and has no other format: that is why it
/// refused `--format`.
pub(super) fn with_json(error: &clap::Error, arguments: &[OsString]) -> Option<Vec<OsString>> {
    if error.kind() != ErrorKind::UnknownArgument || invalid(error) != Some("--format") {
        return None;
    }
    let at = arguments.iter().position(|word| word == "--format" || word == "--format=json")?;
    let words = match arguments[at] == "--format" {
        true if arguments.get(at + 1)? == "json" => 2,
        true => return None,
        false => 1,
    };
    let mut arguments = arguments.to_vec();
    arguments.splice(at..at + words, [OsString::from("--json")]);
    Some(arguments)
}

/// The same error with a tip that helps, or with none.
pub(super) fn mended(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    match error.kind() {
        ErrorKind::UnknownArgument => {}
        ErrorKind::InvalidValue => {
            let is_slip = |near: &str| value(&error).is_some_and(|value| slipped(value, near));
            let keep = match error.get(ContextKind::SuggestedValue) {
                Some(ContextValue::String(near)) => is_slip(near),
                _ => true,
            };
            if !keep {
                error.remove(ContextKind::SuggestedValue);
            }
            return error;
        }
        _ => return error,
    }
    let guessed = error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Suggested);
    let Some(flag) = invalid(&error).map(str::to_owned) else { return error };
    let known = known_flags(arguments);
    let near = flag.strip_prefix("--").and_then(|name| {
        let allowed = known.iter().filter(|known| !NEVER_OFFERED.contains(&known.as_str()));
        let fits = |known: &&String| slipped(name, known) || name.len() >= SHORTEST && known.starts_with(name);
        allowed.filter(fits).min_by_key(|known| strsim::osa_distance(name, known))
    });
    let near = near.map(|near| ContextValue::String(format!("--{near}")));
    if guessed != near {
        // clap's usage is the one of its own guess.
        error.remove(ContextKind::Usage);
    }
    if let Some(near) = near {
        error.insert(ContextKind::SuggestedArg, near);
        return error;
    }
    let has = |flag: &str| known.iter().any(|known| *known == flag);
    let fits = |flag: &str| match flag {
        "--older-than" => has("newer-than"),
        "--format" => has("json"),
        _ => true,
    };
    if let Some((_, tip)) = ELSEWHERE.iter().find(|(typed, _)| *typed == flag && fits(typed)) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*tip).into()]));
    }
    error
}

/// The flag that an error is about.
fn invalid(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => Some(flag),
        _ => None,
    }
}

fn value(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => Some(value),
        _ => None,
    }
}

/// Whether one word is another with a slip of the keys or two.
fn slipped(word: &str, other: &str) -> bool {
    select::slips(word, other).is_some()
}

/// The flags of the command that was typed, those for everybody among them.
fn known_flags(arguments: &[OsString]) -> Vec<String> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for word in arguments.iter().skip(1) {
        command = command.find_subcommand(word).unwrap_or(command);
    }
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> String {
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        mended(super::super::args::parse(&arguments).unwrap_err(), &arguments).to_string()
    }

    #[test]
    fn a_slip_of_the_keys_is_told_and_nothing_else_is_guessed() {
        for (line, tip) in [
            ("otto list --limt 3", "'--limit'"),
            ("otto clean --kepe 3", "'--keep'"),
            ("otto retention --keep-d 3", "'--keep-daily'"),
            ("otto stats --older-than 3d", "here there is --newer-than, which is the opposite"),
            ("otto history --sort size", "only `otto list` sorts"),
            ("otto why latest --format csv", "here there is --json"),
            ("otto stats -q", "ids alone are printed by list"),
            ("otto completions bsah", "'bash'"),
        ] {
            let text = said(line);
            assert!(text.contains(tip), "{line}: {text}");
        }
        for (line, typed) in [
            ("otto clean --format csv", "--format"),
            ("otto clean --al", "--al"),
            ("otto clean --permanentl", "--permanentl"),
            ("otto clean --yess", "--yess"),
            ("otto history --revise", "--revise"),
        ] {
            let text = said(line).replace(typed, "...");
            for never in ["--permanent", "--all", "--yes", "--verbose", "'-- "] {
                assert!(!text.contains(never), "{line}: {text}");
            }
        }
        assert!(!said("otto completions tcsh").contains("tip:"), "a shell that there is none for");
    }

    #[test]
    fn json_can_be_asked_for_in_one_way_everywhere() {
        let parse = |line: &str| super::super::args::parse(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        let lists = ["export latest --output x.tar.zst", "import x.tar.zst"];
        let others = ["why latest", "index", "clean --dry-run", "pin latest", "undo", "trash empty", "tag latest +a"];
        for line in others.into_iter().chain(lists) {
            for more in ["--json", "--format json", "--format=json"] {
                assert!(parse(&format!("otto {line} {more}")).unwrap().command.json(), "{line} {more}");
            }
        }
        for line in others {
            assert!(parse(&format!("otto {line} --format csv")).is_err(), "{line}");
        }
        let arguments = ["otto", "man", "--format", "json"].map(OsString::from);
        assert!(super::super::args::parse(&arguments).unwrap_err().to_string().contains("--format"));
    }
}
