//! `otto man`: pages for man(1), from the same definitions as the help, so that they cannot differ from it.

use super::args::Cli;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::help::TOPICS;
use super::ui::Ui;
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Print the man page, or write one for each command and topic
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto man | man -l -                    read it
  otto man clean | man -l -              that of a command
  otto man --output ~/.local/share/man   all of them, where man finds them")]
pub(crate) struct ManArgs {
    /// Of this command, or on this topic
    #[arg(value_name = "COMMAND|TOPIC", conflicts_with = "output")]
    words: Vec<String>,
    /// Write all pages below this directory, in man1 and man7
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn run(ui: &mut Ui, args: &ManArgs) -> Result<Exit, Failure> {
    let pages = pages()?;
    if let Some(directory) = &args.output {
        for page in &pages {
            let folder = directory.join(format!("man{}", page.section));
            write(&folder, page).map_err(|error| {
                Failure::could_not(format!("cannot write man pages to `{}`", folder.display()), error)
            })?;
        }
        ui.say(&format!("{} pages written below {}", pages.len(), directory.display()));
        return Ok(Exit::Done);
    }
    let name = std::iter::once("otto").chain(args.words.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    match pages.iter().find(|page| page.name == name) {
        Some(page) => ui.out.write_all(&page.text)?,
        None => {
            return Err(Failure::usage(format!("there is no page on `{}`", args.words.join(" ")))
                .hint("`otto help` lists the commands and topics"));
        }
    }
    Ok(Exit::Done)
}

fn write(folder: &Path, page: &Page) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{}.{}", page.name, page.section)), &page.text)
}

/// A man page.
pub(crate) struct Page {
    /// `otto-trash-list`.
    pub(crate) name: String,
    section: &'static str,
    pub(crate) text: Vec<u8>,
}

/// All pages: the program's, each command's, each topic's.
pub(crate) fn pages() -> io::Result<Vec<Page>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    of_command(&root, "otto", &mut pages)?;
    for (name, text) in TOPICS {
        pages.push(of_topic(name, text)?);
    }
    Ok(pages)
}

fn of_command(command: &Command, name: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    let subcommands: Vec<&Command> = command.get_subcommands().filter(|sub| is_page(sub)).collect();
    let mut text = Vec::new();
    let man =
        Man::new(command.clone()).title(name).source(format!("otto {}", env!("CARGO_PKG_VERSION"))).manual("otto");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if let Some(examples) = command.get_before_help() {
        let mut roff = Roff::new();
        roff.control("SH", ["EXAMPLES"]);
        verbatim(&mut roff, examples.to_string().lines().filter(|line| *line != "Examples:"));
        roff.to_writer(&mut text)?;
    }
    man.render_options_section(&mut text)?;
    if !subcommands.is_empty() {
        let mut roff = Roff::new();
        roff.control("SH", ["COMMANDS"]);
        for sub in &subcommands {
            roff.control("TP", []);
            roff.text([bold(format!("{name}-{}(1)", sub.get_name()))]);
            roff.text([roman(sub.get_about().map(ToString::to_string).unwrap_or_default())]);
        }
        roff.to_writer(&mut text)?;
    }
    let mut roff = Roff::new();
    if let Some(notes) = command.get_after_help() {
        roff.control("SH", ["NOTES"]);
        prose(&mut roff, &notes.to_string());
    }
    see_also(&mut roff, name);
    roff.to_writer(&mut text)?;
    pages.push(Page { name: name.to_owned(), section: "1", text });
    for sub in subcommands {
        of_command(sub, &format!("{name}-{}", sub.get_name()), pages)?;
    }
    Ok(())
}

/// Whether a command has a page: not what clap adds to a group by itself.
fn is_page(command: &Command) -> bool {
    !command.is_hide_set() && (command.get_name() != "help" || command.get_before_help().is_some())
}

fn of_topic(topic: &str, body: &str) -> io::Result<Page> {
    let name = format!("otto-{topic}");
    let source = format!("otto {}", env!("CARGO_PKG_VERSION"));
    let (about, rest) = body.split_once("\n\n").unwrap_or((body, ""));
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", "", source.as_str(), "otto"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {}", about.trim_end_matches('.').to_lowercase()))]);
    roff.control("SH", ["DESCRIPTION"]);
    prose(&mut roff, rest);
    see_also(&mut roff, &name);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(Page { name, section: "7", text })
}

fn see_also(roff: &mut Roff, name: &str) {
    let topics = TOPICS.iter().map(|(topic, _)| (format!("otto-{topic}"), "7"));
    let all = std::iter::once(("otto".to_owned(), "1")).chain(topics).filter(|(page, _)| page != name);
    let mut line: Vec<Inline> = Vec::new();
    for (page, section) in all {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(page), roman(format!("({section})"))]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text(line);
}

/// Text as it stands in the help: blocks that are indented or end with a colon keep their lines, others are filled.
fn prose(roff: &mut Roff, text: &str) {
    for block in text.split("\n\n") {
        roff.control("PP", []);
        if block.lines().any(|line| line.starts_with("  ")) {
            verbatim(roff, block.lines());
        } else {
            roff.text([roman(block)]);
        }
    }
}

fn verbatim<'a>(roff: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page as it is read: roff's escapes of our characters undone.
    fn read(page: &Page) -> String {
        String::from_utf8(page.text.clone())
            .unwrap()
            .replace("\\-", "-")
            .replace("\\fB", "")
            .replace("\\fI", "")
            .replace("\\fR", "")
    }

    fn each<'c>(command: &'c Command, name: &str, found: &mut Vec<(String, &'c Command)>) {
        found.push((name.to_owned(), command));
        for sub in command.get_subcommands().filter(|sub| is_page(sub)) {
            each(sub, &format!("{name}-{}", sub.get_name()), found);
        }
    }

    #[test]
    fn the_pages_name_every_command_and_every_flag_of_the_help() {
        let mut root = Cli::command();
        root.build();
        let mut commands = Vec::new();
        each(&root, "otto", &mut commands);
        let pages = pages().unwrap();
        assert!(commands.len() > 20, "{}", commands.len());
        assert_eq!(pages.len(), commands.len() + TOPICS.len());
        let whole = read(&pages[0]);
        for (name, command) in commands {
            let page = read(pages.iter().find(|page| page.name == name).unwrap_or_else(|| panic!("no page {name}")));
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let shown = match (argument.get_long(), argument.get_short()) {
                    (Some(long), _) => format!("--{long}"),
                    (None, Some(short)) => format!("-{short}"),
                    (None, None) => argument.get_value_names().unwrap()[0].to_string(),
                };
                assert!(page.contains(&shown), "{name}: {shown} is missing:\n{page}");
            }
            for line in command.get_before_help().map(ToString::to_string).unwrap_or_default().lines() {
                let line = line.trim().trim_end_matches('\\');
                let line = if line == "Examples:" { "EXAMPLES" } else { line };
                assert!(page.replace("\\*(Aq", "'").replace("\\\\", "\\").contains(line), "{name}: {line} in\n{page}");
            }
            if name.matches('-').count() == 1 {
                assert!(whole.contains(&format!("{name}(1)")), "{name} is not in otto(1)");
            }
        }
    }

    #[test]
    fn topics_are_pages_of_section_7() {
        for page in pages().unwrap().iter().filter(|page| page.section == "7") {
            let text = read(page);
            assert!(text.contains(".SH NAME") && text.contains("SEE ALSO") && text.contains("otto"), "{text}");
        }
    }
}
