//! What the README and the help show, held to what the program takes: every command line parses, and every command and
//! flag that is named is there.

use super::args::{self, Cli};
use super::help::TOPICS;
use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// Flags that the README names of other programs.
const OTHERS: [&str; 9] =
    ["--release", "--bench", "--path", "--locked", "--no-build", "--user", "--unit", "--now", "--no-deps"];
/// Commands that it names of the runner.
const RUNNERS: [&str; 2] = ["build", "Graph"];
/// Where the help's examples begin to say what they are for.
const COLUMN: usize = 41;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The command lines of a shell's line, each as its words: without what follows a `#`, and without redirections.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let mut lines = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars().peekable();
    let mut redirected = false;
    let end = |word: &mut Option<String>, lines: &mut Vec<Vec<String>>, redirected: &mut bool| {
        if let Some(word) = word.take()
            && !std::mem::take(redirected)
            && let Some(line) = lines.last_mut()
        {
            line.push(word);
        }
    };
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'' | '"', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('#', None) if word.is_none() => break,
            (' ', None) => end(&mut word, &mut lines, &mut redirected),
            ('|' | ';' | '&' | '(' | ')', None) => {
                end(&mut word, &mut lines, &mut redirected);
                lines.push(Vec::new());
            }
            ('>' | '<', None) => {
                // `2>` is no word before it.
                word.take_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
                end(&mut word, &mut lines, &mut redirected);
                redirected = letters.peek() != Some(&'(');
                if letters.next_if(|next| *next == '&').is_some() {
                    letters.next();
                    redirected = false;
                }
            }
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    end(&mut word, &mut lines, &mut redirected);
    lines.retain(|line| !line.is_empty());
    lines
}

/// The arguments for our program, name included, if a command line is one of its.
fn ours(words: &[String], anywhere: bool) -> Option<Vec<OsString>> {
    let is_ours = |word: &str| {
        word == "otto" || word.trim_start_matches("ExecStart=").ends_with("/otto") && !word.starts_with("OTTO")
    };
    let at = words.iter().position(|word| is_ours(word))?;
    let assigned = words.iter().take_while(|word| word.contains('=')).count();
    (at <= assigned || anywhere).then(|| words[at..].iter().map(OsString::from).collect())
}

fn parses(arguments: &[OsString]) -> Result<(), String> {
    match args::parse(arguments) {
        Err(error) if error.kind() != ErrorKind::DisplayHelp && error.kind() != ErrorKind::DisplayVersion => {
            Err(error.to_string())
        }
        _ => Ok(()),
    }
}

/// The lines of code blocks, each with whether it is a line of a table of times or services, where a command is not the first
/// word.
fn code(text: &str) -> Vec<(bool, &str)> {
    let mut lines = Vec::new();
    let mut block: Option<&str> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (None, Some("ini")) if !line.starts_with("ExecStart=") => {}
            (None, Some(language)) => lines.push((["crontab", "ini"].contains(&language), line.trim())),
            (None, None) => {}
        }
    }
    lines
}

#[test]
fn every_command_line_of_the_readme_parses() {
    let text = readme();
    let mut seen = 0;
    for (anywhere, line) in code(&text) {
        let typed = line.strip_prefix("$ ").unwrap_or(line).replace("%%", "%");
        // What a line is for stands behind it, apart.
        let typed = typed.split("  ").next().unwrap_or_default();
        for arguments in command_lines(typed).iter().filter_map(|words| ours(words, anywhere)) {
            parses(&arguments).unwrap_or_else(|error| panic!("README: {line}\n{error}"));
            seen += 1;
        }
    }
    assert!(seen > 40, "the command lines were not found: {seen}");
}

#[test]
fn every_command_line_of_the_help_and_of_its_topics_parses() {
    let mut root = Cli::command();
    root.build();
    let mut texts: Vec<String> = TOPICS.iter().map(|(_, text)| (*text).to_owned()).collect();
    each(&root, &mut |command| texts.extend(command.get_before_help().map(ToString::to_string)));
    let mut seen = 0;
    for line in texts.iter().flat_map(|text| text.split("Examples:\n").nth(1).unwrap_or_default().lines()) {
        let all = |text: &str| -> Result<usize, String> {
            let found: Vec<_> = command_lines(text.trim()).iter().filter_map(|words| ours(words, false)).collect();
            found.iter().try_for_each(|arguments| parses(arguments))?;
            Ok(found.len())
        };
        let before_its_use = line.trim_start().split("  ").next().unwrap_or_default();
        let cut = line.char_indices().nth(COLUMN).map_or(line, |(at, _)| &line[..at]);
        seen += all(before_its_use).or_else(|_| all(cut)).unwrap_or_else(|error| panic!("{line}\n{error}"));
    }
    assert!(seen > 60, "the command lines were not found: {seen}");
}

#[test]
fn examples_and_remarks_of_the_help_fit_eighty_columns_and_their_uses_stand_apart() {
    let mut root = Cli::command();
    root.build();
    let mut texts = Vec::new();
    each(&root, &mut |command| {
        texts.extend(command.get_before_help().map(|text| (command.get_name().to_owned(), text.to_string())));
        texts.extend(command.get_after_help().map(|text| (command.get_name().to_owned(), text.to_string())));
    });
    for (name, line) in texts.iter().flat_map(|(name, text)| text.lines().map(move |line| (name, line))) {
        // A command alone may be as long as it is.
        let is_command = line.starts_with("  otto ") && !line.trim_start().contains("  ");
        assert!(is_command || line.chars().count() <= 80, "{name}: {line}");
        if is_command {
            for arguments in command_lines(line.trim()).iter().filter_map(|words| ours(words, false)) {
                parses(&arguments).unwrap_or_else(|error| panic!("{name}: its use is one blank away: {line}\n{error}"));
            }
        }
    }
}

#[test]
fn every_command_and_every_flag_that_the_readme_names_is_there() {
    let mut root = Cli::command();
    root.build();
    let mut flags: BTreeSet<String> = OTHERS.iter().map(|flag| (*flag).to_owned()).collect();
    each(&root, &mut |command| {
        for flag in command.get_arguments() {
            let names = flag.get_long().into_iter().chain(flag.get_all_aliases().unwrap_or_default());
            flags.extend(names.map(|name| format!("--{name}")));
        }
    });
    let text = readme();
    let ends_word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back();
        let name = text[at..].split(ends_word).next().unwrap_or_default();
        let is_flag = name.trim_matches('-').starts_with(|c: char| c.is_ascii_alphabetic());
        if is_flag && before.is_none_or(|c| " `[(\n|".contains(c)) {
            assert!(flags.contains(name), "the README names {name}");
        }
    }
    // Spans of code: those that begin with our name.
    for line in text.lines().filter(|line| !line.starts_with("```")) {
        for span in line.split('`').skip(1).step_by(2) {
            let Some(rest) = span.strip_prefix("otto ") else { continue };
            let mut command = &root;
            for word in rest.split(' ') {
                let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
                if !is_word || !command.has_subcommands() || RUNNERS.contains(&word) {
                    break;
                }
                command = command.find_subcommand(word).unwrap_or_else(|| panic!("the README names `otto {rest}`"));
            }
        }
    }
}

fn each(command: &Command, see: &mut dyn FnMut(&Command)) {
    see(command);
    command.get_subcommands().for_each(|sub| each(sub, see));
}

#[test]
fn a_shell_s_line_is_read_as_a_shell_would() {
    let read = |text: &str| command_lines(text).iter().map(|words| words.join("~")).collect::<Vec<_>>();
    assert_eq!(read("otto list --json | jq -r '.[].id' # ids"), ["otto~list~--json", "jq~-r~.[].id"]);
    assert_eq!(read("a 'b c' >>log 2>&1; d && e"), ["a~b c", "d", "e"]);
    assert_eq!(read("source <(otto completions bash)"), ["source", "otto~completions~bash"]);
    assert_eq!(read("otto x >~/file y"), ["otto~x~y"]);
    assert!(parses(&["otto", "clean", "--no-such"].map(OsString::from)).is_err());
}
