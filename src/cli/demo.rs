//! `otto demo`: a practice store, and the commands on it as a person would type them.

use super::args::{Cli, Command, TEMPLATE};
use super::clean::CleanArgs;
use super::exit::{Exit, Failure};
use super::ui::Ui;
use super::{Context, clean, list, usage};
use clap::{Args, Parser as _};
use otto_catalog::model::HumanBytes;
use otto_catalog::practice::{self, Flavour, Spec};
use otto_catalog::report::times;
use otto_catalog::session::Settings;
use std::io::{self, Write as _};
use std::path::PathBuf;

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
    /// How many tasks each of those runs has
    #[arg(long, hide = true, value_name = "N", requires = "uniform")]
    pub(crate) tasks: Option<usize>,
    /// Among how many projects they are spread
    #[arg(long, hide = true, value_name = "N", requires = "uniform")]
    pub(crate) projects: Option<usize>,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 250, allow_hyphen_values = true, value_parser = whole::<usize>)]
    pub(crate) runs: usize,
    /// The same seed gives the same store
    #[arg(long, value_name = "N", default_value_t = 1, allow_hyphen_values = true, value_parser = whole::<u64>)]
    pub(crate) seed: u64,
}

fn whole<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number"))
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &DemoArgs) -> Result<Exit, Failure> {
    // Whoever names a store means that one, and this command writes another.
    if let Some(home) = context.stated_home() {
        let home = clean::quoted(&home.to_string_lossy());
        return Err(Failure::usage("--home does not say where the practice store goes")
            .hint(format!("name the directory itself: otto demo {home}")));
    }
    let spec = Spec {
        seed: args.seed,
        runs: args.runs,
        now: context.settings.clock.now,
        projects: args.projects,
        tasks_per_run: args.tasks,
        flavour: if args.uniform { Flavour::Uniform } else { Flavour::Mixed },
        runner_db: !args.uniform,
    };
    let written = practice::write(&args.dir, &spec).map_err(|error| refusal(args, error))?;
    writeln!(
        ui.out,
        "Wrote a practice store to {}: {} of {}, {}, {} in files. Your own store is not touched.",
        args.dir.display(),
        times(written.runs as u64, "run"),
        times(written.projects as u64, "project"),
        times(written.cache_entries as u64, "cache entry"),
        HumanBytes(written.size_bytes)
    )?;
    if args.uniform {
        return Ok(Exit::Done);
    }
    let environment = context.environment.of_another_store(args.dir.clone());
    let dir = args.dir.to_string_lossy();
    let home = clean::quoted(&dir);
    for line in ["list --limit 10", "usage", "clean --keep 30 --cache --dry-run"] {
        let words: Vec<String> = ["--home", &dir].into_iter().chain(line.split(' ')).map(str::to_owned).collect();
        writeln!(ui.out, "\n$ otto --home {home} {line}\n")?;
        let settings: Settings<'_> =
            environment.settings(context.settings.progress, context.settings.wait, context.settings.elapsed);
        let shown =
            Context { settings, global: context.global, environment: &environment, typed: words, as_runner: false };
        one(&shown, ui, line)?;
    }
    writeln!(ui.out, "\nGo on with it:\n")?;
    let lines = [
        ("info latest", "one run, with its tasks, logs and scripts"),
        ("list --status failed", "what went wrong"),
        ("clean --keep 30 --cache", "remove what the plan above says; it asks first"),
    ];
    let widest = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    for (line, what) in lines {
        writeln!(ui.out, "  otto --home {home} {line:<widest$}  # {what}")?;
    }
    writeln!(ui.out, "\nWhen you are done with it, remove the directory {home}.")?;
    Ok(Exit::Done)
}

/// Runs one of our own command lines.
fn one(context: &Context<'_>, ui: &mut Ui, line: &str) -> Result<Exit, Failure> {
    let words = std::iter::once("otto").chain(line.split(' '));
    let cli = Cli::try_parse_from(words).map_err(|error| Failure::could_not("the demonstration is wrong", error))?;
    match &cli.command {
        Command::List(args) => list::run(context, ui, args),
        Command::Usage(args) => usage::run(context, ui, args),
        Command::Clean(args) => clean::run(context, ui, &CleanArgs::clone(args)),
        _ => Ok(Exit::Done),
    }
}

fn refusal(args: &DemoArgs, error: io::Error) -> Failure {
    let in_the_way = error.kind() == io::ErrorKind::AlreadyExists;
    let failure = Failure::could_not(format!("cannot write a practice store to `{}`", args.dir.display()), error);
    if in_the_way { failure.hint("name a directory that is missing or empty: otto demo DIR") } else { failure }
}
