//! The arguments: what was typed, validated by itself only. Doc comments are the help; examples come before options.

use super::exit::{Exit, Failure};
use super::when;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use otto_catalog::model::{Age, Status};
use std::ffi::OsString;
use std::path::PathBuf;

const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// List, inspect, weigh and clean the runs that otto left in ~/.otto
#[derive(Debug, Parser)]
#[command(name = "otto", version, help_template = TEMPLATE, disable_help_subcommand = false)]
#[command(before_help = "\
Examples:
  otto list --limit 10                   the newest runs
  otto info latest                       what the last run did, and where its logs are
  otto usage                             what takes the room
  otto clean --keep 30 --cache --dry-run what a clean would remove
  otto demo                              try all of it on a practice store")]
#[command(after_help = "\
Exit codes:
  0 done                 3 done in part
  1 could not            4 confirmation needed or declined
  2 usage, selector      5 refused
    or configuration   130 interrupted")]
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
    Usage(UsageArgs),
    Clean(Box<CleanArgs>),
    Demo(DemoArgs),
}

impl Command {
    /// What others read of us while we hold the store's lock.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Index(_) => "index",
            Self::List(_) => "list",
            Self::Info(_) => "info",
            Self::Usage(_) => "usage",
            Self::Clean(_) => "clean",
            Self::Demo(_) => "demo",
        }
    }

    /// Whether the answer, and an error, is to be JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Index(args) => args.json,
            Self::List(args) => args.json,
            Self::Info(args) => args.json,
            Self::Usage(args) => args.json,
            Self::Clean(args) => args.json,
            Self::Demo(_) => false,
        }
    }
}

/// Bring the catalog in line with the store
///
/// Every command does this by itself, for what is new. Here it can be watched, done from scratch, or done ahead of time.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto index             look at what is new
  otto index --full      walk every run again
  otto index --rebuild   start a new catalog, keeping the evidence that the runner has dropped since")]
pub(crate) struct IndexArgs {
    /// Walk every run again
    #[arg(long, conflicts_with = "rebuild")]
    pub(crate) full: bool,
    /// Start from nothing; what the runner's database once said is carried over
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// List runs, newest first
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto list                              all runs
  otto list --limit 10                   the newest ten
  otto list --project web --status failed
  otto list --newer-than 7d              those of the last week
  otto list --older-than 2025-06-01      those before that day
  otto list --json | jq -r '.[].id'      for scripts")]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = count)]
    pub(crate) limit: Option<u64>,
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// With this status
    #[arg(long, value_name = "S", value_parser = PossibleValuesParser::new(Status::ALL.iter().map(|s| s.word())))]
    pub(crate) status: Option<String>,
    /// Begun before: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) older_than: Option<when::When>,
    /// Begun at or after: the same
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) newer_than: Option<when::When>,
    /// With a task of this name
    #[arg(long, value_name = "T")]
    pub(crate) task: Option<OsString>,
    /// Print a JSON array, an item a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show a run: its status and what that rests on, its tasks, where its logs and scripts are
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto info latest                       the newest run
  otto info latest-1                     the one before
  otto info web:latest                   the newest of a project
  otto info 1795228718                   by its timestamp, or the beginning of it (4 digits or more)
  otto info web-e259db19/1795228718      by its id")]
pub(crate) struct InfoArgs {
    /// Which run: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest, PROJECT/RUN
    #[arg(value_name = "RUN")]
    pub(crate) run: OsString,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what takes the room, and what would free some
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto usage                             the whole store, as du counts it
  otto usage --project web               one project: every figure is that project's
  otto usage --json | jq .total.disk_bytes")]
pub(crate) struct UsageArgs {
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove runs that no rule keeps, and cache entries that no run names
///
/// Shows a plan, asks, and executes that plan. A run is kept if any rule keeps it. Without flags, the policy of config.yml
/// in the store holds, or 30 days where there is none; a flag replaces its own rule. Running, recent and uncertain
/// runs stay whatever the flags say. What is removed cannot be restored.
///
/// AGE: a number is days; also 90s, 15min, 36h, 30d, 4w, 6mo, 1y.
#[derive(Args, Clone, Debug, Default)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto clean --keep 30 --dry-run         what would go
  otto clean --keep 30 --cache           remove runs older than 30 days, then orphaned cache entries
  otto clean --keep 30 --keep-last 10    but never the last ten of a project
  otto clean --keep 90 --keep-failed 7   failed runs sooner than the others
  otto clean --project web --keep 7      one project only
  otto clean --cache-only                no run, only orphaned cache entries
  otto clean --keep 30 --yes             without a question, as cron needs it")]
pub(crate) struct CleanArgs {
    /// Keep runs up to this age
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep: Option<Age>,
    /// Keep the newest N of each project, whatever their age
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = count, help_heading = "Rules")]
    pub(crate) keep_last: Option<u64>,
    /// Keep failed and interrupted runs up to this age instead
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_failed: Option<Age>,
    /// Treat a status that rests on stderr alone as unknown
    #[arg(long, help_heading = "Rules")]
    pub(crate) strict_status: bool,
    /// Only this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Also remove cache entries that no remaining run names
    #[arg(long, conflicts_with = "cache_only", help_heading = "Cache")]
    pub(crate) cache: bool,
    /// Remove cache entries that no run names, and no run
    #[arg(long, help_heading = "Cache")]
    pub(crate) cache_only: bool,
    /// Keep cache entries younger than this [default: 1h]
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Cache")]
    pub(crate) cache_grace: Option<Age>,
    /// With --cache-only: also entries named only by runs that the policy would let go
    #[arg(long, requires = "cache_only", conflicts_with = "cache", help_heading = "Cache")]
    pub(crate) stale: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; running, changed and uncertain runs stay all the same
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON; needs --yes or --dry-run
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a practice store and try the commands on it
///
/// The store lies in a directory of its own; the real one is never touched.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto demo                              250 made-up runs in ./otto-demo
  otto demo /tmp/practice --runs 1000 --seed 7")]
pub(crate) struct DemoArgs {
    /// A directory that is missing or empty
    #[arg(value_name = "DIR", default_value = "otto-demo")]
    pub(crate) dir: PathBuf,
    /// Write runs of twelve tasks each, as fast as the disk allows, and show nothing: a store for measuring
    #[arg(long, hide = true)]
    pub(crate) uniform: bool,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub(crate) runs: usize,
    /// The same seed gives the same store
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// A number of runs.
fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| match text.starts_with('-') {
        true => format!("`{text}` is negative: write how many runs, from 0"),
        false => format!("`{text}` is not a whole number of runs"),
    })
}

/// Prints what clap has to say: help and version are answers, all else is the user's error.
pub(crate) fn refuse(error: &clap::Error, arguments: &[OsString]) -> Exit {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked_for && arguments.iter().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let tip = lines.find_map(|line| line.strip_prefix("tip: ").map(str::to_owned));
        let failure = Failure::new(Exit::Usage, anyhow::Error::msg(message));
        return match tip {
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
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn examples_come_before_options_on_every_command() {
        let mut command = Cli::command();
        command.build();
        let mut all: Vec<clap::Command> =
            command.get_subcommands().filter(|c| c.get_name() != "help").cloned().collect();
        all.push(command);
        for mut command in all {
            let help = command.render_long_help().to_string();
            let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("{}: no {text}", command.get_name()));
            assert!(at("Examples:") < at("Usage:") && at("Usage:") < at("Global options:"), "{}", command.get_name());
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
