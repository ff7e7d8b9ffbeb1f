//! The program's arguments: what was typed, validated by itself only. Those of a command stand in its own file, where
//! their doc comments are its help; examples come before options.

use super::audit::AuditArgs;
use super::check::CheckArgs;
use super::clean::CleanArgs;
use super::compare::CompareArgs;
use super::completions::CompletionsArgs;
use super::demo::DemoArgs;
use super::exit::{Exit, Failure};
use super::export::ExportArgs;
use super::help::HelpArgs;
use super::history::HistoryArgs;
use super::import::ImportArgs;
use super::index::IndexArgs;
use super::info::InfoArgs;
use super::list::ListArgs;
use super::logs::LogsArgs;
use super::man::ManArgs;
use super::output;
use super::pin::PinArgs;
use super::retention::RetentionArgs;
use super::stats::StatsArgs;
use super::tag::TagArgs;
use super::tips;
use super::trash::TrashArgs;
use super::ui::Ui;
use super::undo::UndoArgs;
use super::unknown;
use super::unpin::UnpinArgs;
use super::usage::UsageArgs;
use super::why::WhyArgs;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use otto_catalog::model::Status;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// How the help of every command is laid out.
pub(crate) const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// List, inspect, weigh and clean the runs that otto left in ~/.otto
#[derive(Debug, Parser)]
#[command(name = "otto", version, help_template = TEMPLATE, disable_help_subcommand = true)]
#[command(before_help = "\
Examples:
  otto list --limit 10                   the newest runs
  otto info latest                       what the last run did, and its logs
  otto usage                             what takes the room
  otto clean --keep 30 --dry-run         what a clean would remove
  otto demo                              try all of it on a practice store")]
#[command(after_help = "\
Exit codes:
  0 done                 3 done in part
  1 could not            4 confirmation needed or declined
  2 usage, selector      5 refused
    or configuration   130 interrupted

Environment:
  OTTO_HOME     the store                   NO_COLOR   no colour
  OTTO_CATALOG  the index, elsewhere        TERM       dumb: no colour
  OTTO_DB_PATH  the runner's database       COLUMNS    how wide tables may be
  OTTO_RUNNER   the task runner's program   TZ         the zone of local times
  OTTO_NOW      the clock, for tests        LC_ALL, LC_CTYPE, LANG  UTF-8 or not
  OTTO_PAGER, PAGER  what shows long answers
  HOME, TMPDIR, USER, LOGNAME and PATH as usual: `otto help environment`

Topics: otto help exit-codes, selectors, output, config, environment")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug, Default)]
pub(crate) struct Global {
    /// The store [default: $OTTO_HOME, else ~/.otto]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) home: Option<PathBuf>,
    /// Keep the catalog in this file instead of the store's .catalog [default: $OTTO_CATALOG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) catalog: Option<PathBuf>,
    /// When to use colour; NO_COLOR beats `auto`
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Colour,
    /// Answer from the catalog as it is, without a look at the store
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_refresh: bool,
    /// Tell more
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    /// Print long answers on a terminal without a pager [default: $OTTO_PAGER, $PAGER, else less -FRX]
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_pager: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Index(IndexArgs),
    List(ListArgs),
    Info(InfoArgs),
    #[command(alias = "History")]
    History(HistoryArgs),
    #[command(alias = "Stats")]
    Stats(StatsArgs),
    Compare(CompareArgs),
    Logs(Box<LogsArgs>),
    Usage(UsageArgs),
    #[command(alias = "Clean")]
    Clean(Box<CleanArgs>),
    Trash(TrashArgs),
    Undo(UndoArgs),
    Why(WhyArgs),
    Retention(Box<RetentionArgs>),
    Pin(PinArgs),
    Unpin(UnpinArgs),
    Tag(TagArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Audit(AuditArgs),
    Check(CheckArgs),
    Demo(DemoArgs),
    #[command(flatten)]
    About(AboutCommand),
}

/// Commands about this program.
#[derive(Debug, Subcommand)]
pub(crate) enum AboutCommand {
    Help(HelpArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// What others read of us while we hold the store's lock.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Index(_) => "index",
            Self::List(_) => "list",
            Self::Info(_) => "info",
            Self::History(_) => "history",
            Self::Stats(_) => "stats",
            Self::Compare(_) => "compare",
            Self::Logs(_) => "logs",
            Self::Usage(_) => "usage",
            Self::Clean(_) => "clean",
            Self::Trash(_) => "trash",
            Self::Undo(_) => "undo",
            Self::Why(_) => "why",
            Self::Retention(_) => "retention",
            Self::Pin(_) => "pin",
            Self::Unpin(_) => "unpin",
            Self::Tag(_) => "tag",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Audit(_) => "audit",
            Self::Check(_) => "check",
            Self::Demo(_) => "demo",
            Self::About(AboutCommand::Help(_)) => "help",
            Self::About(AboutCommand::Completions(_)) => "completions",
            Self::About(AboutCommand::Man(_)) => "man",
        }
    }

    /// Whether a long answer is for a pager: what only reads, and has an end.
    pub(crate) fn pages(&self) -> bool {
        match self {
            Self::List(_) | Self::Info(_) | Self::History(_) | Self::Stats(_) | Self::Compare(_) => true,
            Self::Usage(_) | Self::Why(_) | Self::Retention(_) | Self::Audit(_) => true,
            Self::Logs(args) => !args.follow,
            Self::Check(args) => !args.fix,
            Self::Clean(args) => args.dry_run,
            Self::Trash(args) => args.lists(),
            _ => false,
        }
    }

    /// Whether the answer, and an error, is to be JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Index(args) => args.json,
            Self::List(args) => args.output.is_json(),
            Self::Info(args) => args.output.is_json(),
            Self::History(args) => args.output.is_json(),
            Self::Stats(args) => args.output.is_json(),
            Self::Compare(args) => args.output.is_json(),
            Self::Logs(args) => args.output.is_json(),
            Self::Usage(args) => args.output.is_json(),
            Self::Clean(args) => args.json,
            Self::Trash(args) => args.json(),
            Self::Undo(args) => args.json,
            Self::Why(args) => args.json,
            Self::Retention(args) => args.output.is_json(),
            Self::Pin(args) => args.json,
            Self::Unpin(args) => args.json,
            Self::Tag(args) => args.json,
            Self::Export(args) => args.print.is_json(),
            Self::Import(args) => args.print.is_json(),
            Self::Audit(args) => args.output.is_json(),
            Self::Check(args) => args.output.is_json(),
            Self::Demo(_) | Self::About(_) => false,
        }
    }
}

/// Reads the arguments.
///
/// The tags that `otto tag` takes off look like options, so from its first word on clap takes every word for one of them,
/// `--json` too. Such words are told apart here: what begins with two hyphens is an option wherever it stands, and is
/// read as one once the tags are marked by a character that no argument can hold.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    read(arguments).or_else(|error| match tips::with_json(&error, arguments) {
        Some(arguments) => read(&arguments).map_err(|_| error),
        None => Err(error),
    })
}

fn read(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    const TAKEN_OFF: &[u8] = b"\0-";

    let cli = Cli::try_parse_from(arguments)?;
    let Command::Tag(tag) = &cli.command else { return Ok(cli) };
    if !tag.words.iter().any(|word| word.as_bytes().starts_with(b"--")) {
        return Ok(cli);
    }
    let (before, words) = arguments.split_at(arguments.len() - tag.words.len());
    let hide = |word: &OsString| match word.as_bytes() {
        [b'-', name @ ..] if !name.is_empty() && name[0] != b'-' => OsString::from_vec([TAKEN_OFF, name].concat()),
        _ => word.clone(),
    };
    let hidden = before.iter().cloned().chain(words.iter().map(hide));
    let command = Cli::command().mut_subcommand("tag", |tag| tag.mut_arg("words", |a| a.allow_hyphen_values(false)));
    let mut cli = Cli::from_arg_matches(&command.try_get_matches_from(hidden)?)?;
    if let Command::Tag(tag) = &mut cli.command {
        for word in &mut tag.words {
            if let Some(name) = word.as_bytes().strip_prefix(TAKEN_OFF) {
                *word = OsString::from_vec([b"-", name].concat());
            }
        }
    }
    Ok(cli)
}

/// A number of runs.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| match text.starts_with('-') {
        true => format!("`{text}` is negative: write how many runs, from 0"),
        false => format!("`{text}` is not a whole number of runs"),
    })
}

/// A number of tasks.
pub(crate) fn tasks(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number of tasks"))
}

/// The words of some statuses.
pub(crate) fn status_words(statuses: &'static [Status]) -> impl TypedValueParser<Value = Status> {
    let words = PossibleValuesParser::new(statuses.iter().map(|status| status.word()));
    words.try_map(|word| Status::from_word(&word).ok_or("no status"))
}

/// Prints what clap has to say: help and version are answers, all else is the user's error.
pub(crate) fn refuse(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = output::wants_json(arguments);
    if let Some(failure) = unknown::command(error, arguments) {
        return failure.report(&Ui::new(&Global::default()), json);
    }
    if !asked_for && json {
        let text = error.render().to_string();
        // First what is wrong, with what it is about on lines of its own; then paragraphs of advice.
        let (wrong, advice) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines: Vec<&str> = wrong.lines().map(str::trim).collect();
        let possible = lines.pop_if(|line| line.starts_with('['));
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        let tip = advice.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let failure = Failure::new(Exit::Usage, anyhow::Error::msg(message));
        return match tip.or(possible.map(|words| words.trim_matches(['[', ']']))) {
            Some(tip) => failure.hint(tip),
            None => failure,
        }
        .report_as_json();
    }
    // A closed pipe keeps nobody from knowing what they asked for.
    let _ = error.print();
    if asked_for { Exit::Done } else { Exit::Usage }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn examples_come_before_options_on_every_command() {
        let mut command = Cli::command();
        command.build();
        let mut all: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        all.push(command);
        for mut command in all {
            let help = command.render_long_help().to_string();
            let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{}: no {text}", command.get_name()));
            assert!(at("Examples:") < at("Usage:") && at("Usage:") < at("Global options:"), "{}", command.get_name());
        }
    }

    #[test]
    fn tags_and_options_may_stand_in_any_order() {
        let words = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let cli = parse(&arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
            let Command::Tag(tag) = cli.command else { panic!("{line}") };
            let words: Vec<_> = tag.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            (words.join(" "), tag.json, cli.global.verbose)
        };
        let tags = |text: &str| (text.to_owned(), false, false);
        assert_eq!(words("otto tag latest +a -b"), tags("latest +a -b"));
        assert_eq!(words("otto tag -b latest"), tags("-b latest"));
        assert_eq!(words("otto tag latest -v -json"), tags("latest -v -json"));
        assert_eq!(words("otto tag - +a"), tags("- +a"));
        let json = |text: &str| (text.to_owned(), true, false);
        for line in ["otto tag --json latest +a -b", "otto tag latest --json +a -b", "otto tag latest +a -b --json"] {
            assert_eq!(words(line), json("latest +a -b"), "{line}");
        }
        assert_eq!(words("otto tag latest -v --json --home /x"), json("latest -v"));
        assert_eq!(words("otto -v tag latest --json -v"), ("latest -v".to_owned(), true, true));
        for (line, wrong) in [("otto tag latest +a --bogus", "--bogus"), ("otto tag latest --home", "--home")] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(parse(&arguments).unwrap_err().to_string().contains(wrong), "{line}");
        }
    }

    #[test]
    fn a_negative_age_reaches_our_own_words() {
        let error = Cli::try_parse_from(["otto", "clean", "--keep", "-1"]).unwrap_err().to_string();
        assert!(error.contains("--keep") && error.contains("negative"), "{error}");
        let error = Cli::try_parse_from(["otto", "clean", "--keep", "5m"]).unwrap_err().to_string();
        assert!(error.contains("5min"), "{error}");
        assert!(Cli::try_parse_from(["otto", "clean", "--stale"]).is_err());
        assert!(Cli::try_parse_from(["otto", "clean", "--cache", "--cache-only"]).is_err());
        assert!(Cli::try_parse_from(["otto", "clean", "--cache", "--stale"]).is_err());
    }
}
