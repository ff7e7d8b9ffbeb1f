//! `otto info`

use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Wanted, rows_of};
use super::ui::Ui;
use super::{Context, select};
use clap::Args;
use otto_catalog::logs::{self, Stream};
use otto_catalog::model::{Pin, Run, Status, Tally, Task};
use otto_catalog::report::records::TASKS;
use otto_catalog::report::{RunDetails, TaskDetails, human, view};
use otto_catalog::session::Session;
use otto_catalog::store::run_files::RunFiles;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Lines that are shown of the log of a task that failed, and the most that is read of them.
const LAST_LINES: u64 = 5;
const LAST_BYTES: u64 = 4096;

/// Show a run: its status and what that rests on, its tasks and how long they usually take, where its logs and scripts
/// are, and the last lines of those that failed
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto info latest                       the newest run
  otto info latest-1                     the one before
  otto info web:latest                   the newest of a project
  otto info 1795228718                   by its timestamp, or its beginning
  otto info web-e259db19/1795228718      by its id")]
pub(crate) struct InfoArgs {
    /// Which run: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest, PROJECT/RUN; - reads it
    /// from standard input
    #[arg(value_name = "RUN")]
    pub(crate) run: OsString,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &InfoArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&TASKS, QuietArgs::default())?;
    let word = select::only_word(&args.run, &mut io::stdin().lock())?;
    context.with_session(ui, context.reading(), |session, ui| {
        let run = select::run(&session.catalog, &word.to_string_lossy())?;
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        let tasks = session.catalog.tasks(run.key)?;
        let earlier = session.catalog.before_run(&run)?;
        let pin = session.catalog.pin(run.key)?;
        let mut details = details((run, pin), tasks, earlier, home);
        let look = ui.look;
        match &output {
            Wanted::Document => ui.out.json(&view::Info::new(&details, home))?,
            Wanted::Text => {
                add_last_words(session, &mut details);
                ui.out.text(|out| human::info(&details, home, &look, out))?;
            }
            Wanted::Rows(rows) => return rows.write_all(ui, &rows_of(&view::Info::new(&details, home), "tasks")?),
        }
        Ok(Exit::Done)
    })
}

/// Adds which files are there at this moment.
fn details(
    (run, pin): (Run, Option<Pin>),
    tasks: Vec<Task>,
    mut earlier: HashMap<Option<Vec<u8>>, Tally>,
    home: &Path,
) -> RunDetails {
    let place = human::run_path(home, &run.id);
    let of_runs = earlier.remove(&None).unwrap_or_default();
    let tasks = tasks
        .into_iter()
        .map(|task| {
            let dir = task.dir.as_deref().map(|dir| place.join(OsStr::from_bytes(dir)));
            let file = |name: &[u8]| dir.as_ref().map(|dir| dir.join(OsStr::from_bytes(name))).filter(is_there);
            let script = task.script.as_deref().and_then(file);
            let script_exists = match (&script, &task.cache_entry) {
                (None, _) => false,
                (Some(_), Some(_)) => task.cache_entry_exists,
                (Some(path), None) => path.exists(),
            };
            let earlier = earlier.remove(&Some(task.name.clone())).unwrap_or_default();
            let (stdout, stderr) = (file(b"stdout.log"), file(b"stderr.log"));
            TaskDetails { task, earlier, stdout, stderr, script, script_exists, last_words: Vec::new() }
        })
        .collect();
    RunDetails { run, pin, earlier: of_runs, tasks }
}

/// Adds how the logs of failed tasks end. One that cannot be read has no end to show; `otto logs` says why.
fn add_last_words(session: &Session, details: &mut RunDetails) {
    let run = session.root.as_ref().and_then(|root| RunFiles::open(root, &details.run.id).ok().flatten());
    let Some(run) = run else { return };
    for details in details.tasks.iter_mut().filter(|details| details.task.status == Status::Failed) {
        let Some(dir) = &details.task.dir else { continue };
        let ends = [Stream::Stderr, Stream::Stdout].into_iter().filter_map(|stream| last_words(&run, dir, stream).ok());
        details.last_words = ends.into_iter().find(|words| !words.trim_ascii().is_empty()).unwrap_or_default();
    }
}

/// The last lines of a log, of the last of them only so much as is shown.
fn last_words(run: &RunFiles, dir: &[u8], stream: Stream) -> io::Result<Vec<u8>> {
    let Some(file) = logs::open(run, dir, stream)? else { return Ok(Vec::new()) };
    let end = file.metadata()?.len();
    let from = logs::last_lines(&file, LAST_LINES)?.max(end.saturating_sub(LAST_BYTES));
    let mut words = vec![0; usize::try_from(end - from).unwrap_or_default()];
    file.read_exact_at(&mut words, from)?;
    Ok(words)
}

/// Whether something has that name; no link is followed.
fn is_there(path: &PathBuf) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
