//! `otto help`: the help of a command, or a topic that concerns several.

use super::args::{Cli, TEMPLATE};
use super::exit::{Exit, Failure};
use super::ui::Ui;
use super::{select, unknown};
use clap::{Args, CommandFactory as _};
use otto_catalog::report::printable;
use std::io::Write as _;

/// A topic: its name, and its text, whose first line says what it is.
pub(crate) const TOPICS: [(&str, &str); 5] = [
    ("exit-codes", include_str!("topics/exit-codes.txt")),
    ("selectors", include_str!("topics/selectors.txt")),
    ("output", include_str!("topics/output.txt")),
    ("config", include_str!("topics/config.txt")),
    ("environment", include_str!("topics/environment.txt")),
];

/// Show this help, that of a command, or a topic
///
/// Topics: exit-codes, selectors (how runs, projects and times are named), output (formats, fields, ids, the pager), config
/// (the policy in config.yml), environment.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto help clean                        as otto clean --help
  otto help selectors                    how runs, projects and times are named
  otto help exit-codes")]
pub(crate) struct HelpArgs {
    /// Which command or topic
    #[arg(value_name = "COMMAND|TOPIC")]
    words: Vec<String>,
}

pub(crate) fn run(ui: &mut Ui, args: &HelpArgs) -> Result<Exit, Failure> {
    if let [word] = args.words.as_slice()
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == word)
    {
        ui.out.write_all(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for word in &args.words {
        command = command.find_subcommand(word).ok_or_else(|| no_help(command, word))?;
    }
    let words = std::iter::once("otto").chain(args.words.iter().map(String::as_str)).chain(["--help"]);
    match Cli::command().try_get_matches_from(words) {
        // That is how clap gives the help that was asked for.
        Err(help) => help.print()?,
        Ok(_) => return Err(Failure::usage("there is no help on that")),
    }
    Ok(Exit::Done)
}

fn no_help(command: &clap::Command, word: &str) -> Failure {
    let is_root = command.get_name() == "otto";
    if let Some(ours) = unknown::known_elsewhere(word).filter(|_| is_root) {
        let failure = Failure::usage(format!("there is no help on `{}`", printable(word)));
        let ours = ours.split(' ').next().unwrap_or(ours);
        return failure.hint(format!("did you mean `otto help {ours}`?"));
    }
    let topics = TOPICS.iter().filter(|_| is_root).map(|(name, _)| (*name).to_owned());
    let names = command.get_subcommands().map(|command| command.get_name().to_owned()).chain(topics);
    let near = select::nearest(word, names);
    let failure = Failure::usage(format!("there is no help on `{}`", printable(word)));
    match near.as_slice() {
        [] if is_root => {
            failure.hint("`otto help` lists the commands; topics: exit-codes, selectors, output, config, environment")
        }
        [] => failure.hint(format!("`otto help {}` shows what there is", command.get_name())),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn topic(name: &str) -> &'static str {
        TOPICS.iter().find(|(topic, _)| *topic == name).unwrap().1
    }

    /// The texts of these files and folders below the package, one after the other.
    fn source(paths: &[&str]) -> String {
        let mut text = String::new();
        let mut open: Vec<_> = paths.iter().map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).collect();
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
        text
    }

    #[test]
    fn every_variable_that_is_read_is_in_the_help_and_in_the_topic() {
        let source = source(&["src/cli"]);
        let quoted: Vec<&str> = source.split('"').collect();
        let mut names: Vec<&str> = Vec::new();
        for (before, name) in quoted.iter().zip(quoted.iter().skip(1)) {
            let is_name = name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            let is_read = ["variable(", "var_os(", "var("].iter().any(|call| before.ends_with(call));
            if is_name && is_read {
                names.push(name);
            }
        }
        names.extend(["LC_ALL", "LC_CTYPE", "LANG", "TZ", "TMPDIR"]);
        names.sort_unstable();
        names.dedup();
        assert!(names.len() >= 15, "the calls were not found: {names:?}");
        let help = Cli::command().render_long_help().to_string();
        for name in names {
            assert!(help.contains(name), "{name} is not in `otto --help`");
            assert!(topic("environment").contains(name), "{name} is not in `otto help environment`");
        }
    }

    #[test]
    fn every_key_of_the_configuration_is_in_its_topic() {
        let source = source(&["src/retention/config.rs"]);
        let keys: Vec<&str> = source
            .split("(\"")
            .skip(1)
            .filter_map(|rest| rest.split_once("\", |"))
            .map(|(key, _)| key)
            .filter(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            .collect();
        assert!(keys.len() >= 10, "the table was not found: {keys:?}");
        for key in keys {
            assert!(topic("config").contains(&format!("{key}:")), "{key} is not in `otto help config`");
        }
    }

    #[test]
    fn the_configuration_that_the_topic_shows_is_one() {
        let block = topic("config").split("\n\n").nth(1).unwrap();
        let yaml: String = block.lines().map(|line| format!("{}\n", &line[2..])).collect();
        if let Err(error) = otto_catalog::retention::Config::parse(&yaml) {
            panic!("{error}:\n{yaml}");
        }
    }

    #[test]
    fn every_exit_code_is_in_its_topic() {
        let codes = [
            Exit::Done,
            Exit::CouldNot,
            Exit::Usage,
            Exit::Partly,
            Exit::Unconfirmed,
            Exit::Refused,
            Exit::Interrupted,
        ];
        for code in codes.map(|code| code as u8) {
            let line = format!("\n  {code:<5}");
            assert!(topic("exit-codes").contains(&line), "{code}");
        }
    }

    #[test]
    fn topics_fit_a_narrow_terminal_and_are_named_in_the_help() {
        let help = Cli::command().render_long_help().to_string();
        for (name, text) in TOPICS {
            assert!(help.contains(name), "{name}");
            assert!(text.ends_with('\n') && text.contains("\nExamples:\n"), "{name}");
            for line in text.lines() {
                assert!(line.chars().count() <= 64, "{name}: {line}");
            }
        }
    }
}
