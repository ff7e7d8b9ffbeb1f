//! `otto __complete -- WORD..`: what the last word of a command line may become, for the scripts of `otto completions`.
//!
//! The words before it are read by the same definitions as the program's arguments are, so a new command or flag is
//! completed without a word here. The answer is a line that says whether files are meant too (`:words`, `:files`,
//! `:directories`), then a line for each candidate, with what it is after a tab. By that first line a script knows that it
//! asked this program, and not another one called `otto`.
//!
//! Whoever types waits, so nothing here does: the catalog is read as it is, without its lock, and nothing is written. Whoever
//! types also sees what is printed, so nothing is said when something is wrong; there are no candidates then.

mod line;
mod values;

use super::args::Cli;
use super::exit::Exit;
use clap::CommandFactory as _;
use line::{Line, Wanted};
use std::ffi::OsString;
use std::io::{self, Write as _};

/// The word by which scripts ask. No command, so that no help names it.
const ASKED: &str = "__complete";

/// What may stand in a word's place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    value: String,
    about: String,
}

impl Candidate {
    fn new(value: impl Into<String>, about: impl Into<String>) -> Self {
        Self { value: value.into(), about: about.into() }
    }
}

/// Candidates, and whether files or directories are meant too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answer {
    candidates: Vec<Candidate>,
    files: Files,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Files {
    #[default]
    None,
    Any,
    Directories,
}

/// The words of the command line, if a script asks for them.
pub(crate) fn asked(arguments: &[OsString]) -> Option<&[OsString]> {
    match arguments {
        [_, asked, dashes, words @ ..] if asked == ASKED && dashes == "--" => Some(words),
        [_, asked, words @ ..] if asked == ASKED => Some(words),
        _ => None,
    }
}

/// Answers. Never fails, and never says why there is no answer.
pub(crate) fn run(words: &[OsString]) -> Exit {
    let words: Vec<String> = words.iter().map(|word| unquoted(&word.to_string_lossy())).collect();
    let answer = answer(&words);
    let head = match answer.files {
        Files::None => ":words",
        Files::Any => ":files",
        Files::Directories => ":directories",
    };
    let mut text = format!("{head}\n");
    // A name with a control character would be taken for several, or for something else.
    for candidate in answer.candidates.iter().filter(|c| !c.value.chars().any(char::is_control)) {
        text.push_str(&candidate.value);
        if !candidate.about.is_empty() {
            text.push('\t');
            text.push_str(&candidate.about.replace(char::is_control, " "));
        }
        text.push('\n');
    }
    // If nobody reads, nobody wants to know.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Exit::Done
}

fn answer(words: &[String]) -> Answer {
    let mut root = Cli::command();
    root.build();
    let Some((current, before)) = words.split_last() else { return Answer::default() };
    let line = Line::read(&root, before);
    let mut answer = match line.wanted(current) {
        Wanted::Commands => commands(line.command),
        Wanted::Flags => flags(&line),
        Wanted::Value { argument, before, value } => {
            let mut answer = values::of(&line, argument, value);
            for candidate in &mut answer.candidates {
                candidate.value.insert_str(0, before);
            }
            answer
        }
        Wanted::Nothing => Answer::default(),
    };
    if current.starts_with('-') && line.takes_hyphens() {
        answer.candidates.extend(values::tags_taken_off(&line, current));
    }
    answer.candidates.retain(|candidate| candidate.value.starts_with(current.as_str()));
    answer
}

fn commands(parent: &clap::Command) -> Answer {
    let names = parent.get_subcommands().filter(|command| !command.is_hide_set());
    let candidates = names.map(|command| Candidate::new(command.get_name(), first_line(command.get_about())));
    Answer { candidates: candidates.collect(), files: Files::None }
}

/// The flags that may still be given: once each, and none beside one that it contradicts.
fn flags(line: &Line<'_>) -> Answer {
    let command = line.command;
    let free = command.get_arguments().filter(|flag| {
        let again = matches!(flag.get_action(), clap::ArgAction::Append | clap::ArgAction::Count);
        let contradicts = |given: &&clap::Arg| {
            command.get_arg_conflicts_with(given).iter().any(|other| other.get_id() == flag.get_id())
                || command.get_arg_conflicts_with(flag).iter().any(|other| other.get_id() == given.get_id())
        };
        !flag.is_hide_set()
            && !flag.is_positional()
            && (again || !line.given.contains(&flag.get_id().as_str()))
            && !line.given_arguments().iter().any(contradicts)
    });
    let mut candidates = Vec::new();
    for flag in free {
        let about = first_line(flag.get_help());
        match (flag.get_long(), flag.get_short()) {
            (Some(long), _) => candidates.push(Candidate::new(format!("--{long}"), about)),
            (None, Some(short)) => candidates.push(Candidate::new(format!("-{short}"), about)),
            (None, None) => {}
        }
    }
    Answer { candidates, files: Files::None }
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(|text| text.to_string().lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
}

/// A word as the shell would pass it on: shells hand out what was typed, with its quotes.
fn unquoted(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut quote = None;
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => plain.extend(letters.next()),
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            (letter, _) => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Vec<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        answer(&words).candidates.into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn commands_and_their_flags_come_from_the_definitions() {
        assert_eq!(values("l"), ["list", "logs"]);
        assert_eq!(values("trash re"), ["restore"]);
        assert_eq!(values("--no-refresh --home /x un"), ["undo", "unpin"]);
        assert!(values("").contains(&"clean".to_owned()) && !values("").contains(&"Clean".to_owned()));
        assert_eq!(values("Clean --dry"), ["--dry-run"]);
        assert_eq!(values("clean --keep-fai"), ["--keep-failed"]);
        assert_eq!(values("clean --older"), [""; 0], "no spelling that is not ours");
        assert_eq!(values("clean --dry-run --dry"), [""; 0], "once");
        assert_eq!(values("clean --cache --cache-o"), [""; 0], "they contradict each other");
        assert_eq!(values("clean --cache-only --cache"), ["--cache-grace"]);
        assert_eq!(values("clean --only logs --trash --per"), [""; 0]);
        assert_eq!(values("list --no-r"), ["--no-refresh"], "global flags stand after the command too");
        assert_eq!(values("help exit"), ["exit-codes"]);
        assert_eq!(values("help trash res"), ["restore"]);
        assert_eq!(values("completions z"), ["zsh"]);
        assert_eq!(values("nonsense --h"), [""; 0]);
    }

    #[test]
    fn values_that_are_words_are_listed_alone_and_after_a_comma() {
        assert_eq!(values("list --status f"), ["failed"]);
        assert_eq!(values("list -s f"), ["failed"]);
        assert_eq!(values("list --status=f"), ["--status=failed"]);
        assert_eq!(values("list --status failed,i"), ["failed,interrupted"]);
        assert_eq!(values("list --status failed,f"), [""; 0], "once");
        assert_eq!(values("clean --only logs,a"), ["logs,artifacts"]);
        assert_eq!(values("--color n"), ["never"]);
        assert_eq!(values("list --limit 1"), [""; 0]);
    }

    #[test]
    fn files_are_left_to_the_shell() {
        let files = |line: &str| answer(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).files;
        assert_eq!(files("--home /"), Files::Directories);
        assert_eq!(files("man --output "), Files::Directories);
        assert_eq!(files("clean --plan-out /tmp/p"), Files::Any);
        assert_eq!(files("clean --keep 3"), Files::None);
    }

    #[test]
    fn words_are_read_as_the_shell_would_pass_them_on() {
        for (typed, meant) in
            [(r"web\ app", "web app"), ("'web app", "web app"), (r#""a\"b"c"#, "a\"bc"), ("plain", "plain"), ("\\", "")]
        {
            assert_eq!(unquoted(typed), meant, "{typed}");
        }
    }
}
