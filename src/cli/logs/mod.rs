//! `otto logs`

mod follow;
mod grep;
mod show;

use super::args::{TEMPLATE, count, status_words};
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs};
use super::ui::Ui;
use super::{Context, select, when};
use clap::Args;
use otto_catalog::logs::Stream;
use otto_catalog::model::{Run, Status, Task};
use otto_catalog::report::printable;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;

/// Print the logs of a run or a task, follow them while it runs, or look for words in the logs of many runs
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto logs latest                       all logs of the newest run
  otto logs web:latest test --stderr     one log, byte for byte when piped
  otto logs latest --failed --tail 20    the ends of those that failed
  otto logs latest --follow              until the run has ended
  otto logs --grep 'ECONN|timed out' --status failed --newer-than 7d
  otto logs --grep '(?i)warning' --project web --json
  otto logs --grep 'out of memory' -q    the runs with such a line",
  after_help = "\
Several logs are printed one after the other, each below a line with its name.
On a terminal, control sequences in a log are shown and not obeyed, colours
are left out; into a file or a pipe every byte goes as it is. --grep takes a
regular expression (Rust's syntax), looks at each line by itself, and prints
the run, the task, the log and the number before each line that matches. A
line longer than 256 KiB is looked through in pieces, and the piece that
matches is printed. That nothing matches is no failure: exit code 0.")]
pub(crate) struct LogsArgs {
    /// Which run: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest; - reads it from
    /// standard input
    #[arg(value_name = "RUN", required_unless_present = "grep")]
    pub(crate) run: Option<OsString>,
    /// Only of this task
    #[arg(value_name = "TASK")]
    pub(crate) task: Option<OsString>,
    /// Only of tasks that failed
    #[arg(long, conflicts_with = "follow")]
    pub(crate) failed: bool,
    /// Only what was said on standard output
    #[arg(long, conflicts_with = "stderr")]
    pub(crate) stdout: bool,
    /// Only what was said on standard error
    #[arg(long)]
    pub(crate) stderr: bool,
    /// Only the last N lines of each log
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = lines, conflicts_with = "grep")]
    pub(crate) tail: Option<u64>,
    /// Go on with what is written, until the run has ended
    #[arg(short, long, conflicts_with = "grep")]
    pub(crate) follow: bool,
    /// Print the lines that match, of the run or of all runs, newest first
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    pub(crate) grep: Option<String>,
    /// With --grep: only of runs with this status, or one of several
    #[arg(short, long, value_name = "S", value_delimiter = ',', value_parser = status_words(Status::ALL), requires = "grep", conflicts_with = "run")]
    pub(crate) status: Vec<Status>,
    /// With --grep: only of runs begun at or after: an age, a date or an instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse, requires = "grep", conflicts_with = "run")]
    pub(crate) newer_than: Option<when::When>,
    /// With --grep: only of this project
    #[arg(short, long, value_name = "P", requires = "grep", conflicts_with = "run")]
    pub(crate) project: Option<OsString>,
    /// Only of tasks of this name: as TASK, and with --grep across runs
    #[arg(long = "task", value_name = "T", conflicts_with = "task")]
    pub(crate) of_task: Option<OsString>,
    /// With --grep: at most so many lines
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true, value_parser = count, requires = "grep")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
}

/// A number of lines.
fn lines(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number of lines"))
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &LogsArgs) -> Result<Exit, Failure> {
    if args.grep.is_none() {
        args.output.refuse_rows(args.quiet, "add --grep, or print the logs as they are")?;
    }
    let run = match &args.run {
        Some(word) => Some(select::only_word(word, &mut io::stdin().lock())?),
        None => None,
    };
    match (&args.grep, &run) {
        (Some(pattern), run) => grep::run(context, ui, args, run.as_deref(), pattern),
        (None, Some(run)) if args.follow => follow::run(context, ui, args, run),
        (None, Some(run)) => show::run(context, ui, args, run),
        (None, None) => Err(Failure::usage("which run's logs?")),
    }
}

impl LogsArgs {
    /// The one task that is wanted, named in either way.
    fn task(&self) -> Option<&OsStr> {
        self.task.as_deref().or(self.of_task.as_deref())
    }

    /// Whether the logs of a task are wanted, as it came out.
    fn wants(&self, task: &Task) -> bool {
        !self.failed || task.status == Status::Failed
    }

    /// The logs that are wanted of each task.
    fn streams(&self) -> &'static [Stream] {
        match (self.stdout, self.stderr) {
            (true, _) => &[Stream::Stdout],
            (_, true) => &[Stream::Stderr],
            _ => Stream::ALL,
        }
    }
}

/// The tasks of a run that are wanted: all or the one of that name, or those of them that failed.
fn wanted(run: &Run, tasks: Vec<Task>, args: &LogsArgs) -> Result<Vec<Task>, Failure> {
    let mut tasks = named(run, tasks, args.task())?;
    tasks.retain(|task| args.wants(task));
    Ok(tasks)
}

fn named(run: &Run, tasks: Vec<Task>, word: Option<&OsStr>) -> Result<Vec<Task>, Failure> {
    let Some(word) = word else { return Ok(tasks) };
    let names: Vec<String> = tasks.iter().map(|task| String::from_utf8_lossy(&task.name).into_owned()).collect();
    let found: Vec<Task> = tasks.into_iter().filter(|task| task.name == word.as_bytes()).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let word = word.to_string_lossy();
    let id = run.id.to_string();
    let failure = Failure::usage(format!("the run `{}` has no task `{}`", printable(&id), printable(&word)));
    let near = select::nearest(&word, names.iter().cloned());
    let all: Vec<String> = names.iter().map(|name| format!("`{}`", printable(name))).collect();
    Err(match (near.as_slice(), all.as_slice()) {
        (_, []) => failure.hint("it has no tasks"),
        ([], all) => failure.hint(format!("its tasks: {}", all.join(", "))),
        (near, _) => failure.hint(format!("did you mean {}?", near.join(" or "))),
    })
}
