//! `otto history`

use super::args::{TEMPLATE, count, status_words};
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Row, Wanted};
use super::ui::Ui;
use super::{Context, select, when};
use clap::Args;
use otto_catalog::catalog::{self, Catalog, HistoryFilter, HistoryOf, HistoryScope};
use otto_catalog::model::{PastRun, Status, Statuses};
use otto_catalog::report::records::HISTORY;
use otto_catalog::report::{HistoryTable, printable, view};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// So many runs `otto History` shows where no limit is stated: what the runner shows.
const RUNNERS_LIMIT: u64 = 20;

/// Show runs, or one task across runs, newest first; removed, trashed and vanished runs are shown too, and marked
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto history --limit 20                the newest runs, removed ones included
  otto history test --failed             when the task `test` failed
  otto history build --project web --newer-than 30d
  otto history --format tsv --fields id,state,left_at")]
pub(crate) struct HistoryArgs {
    /// Only runs with this task, and how it came out
    #[arg(value_name = "TASK")]
    pub(crate) task: Option<OsString>,
    /// Only what failed: as --status failed
    #[arg(long, conflicts_with = "status")]
    pub(crate) failed: bool,
    /// With this status, or one of several; of the task, where one is named
    #[arg(short, long, value_name = "S", value_delimiter = ',', value_parser = status_words(Status::ALL))]
    pub(crate) status: Vec<Status>,
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, alias = "project-filter", value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// Begun at or after: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) newer_than: Option<when::When>,
    /// Begun before: the same
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) older_than: Option<when::When>,
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true, value_parser = count)]
    pub(crate) limit: Option<u64>,
    /// The other way round: the oldest first. --limit counts after that
    #[arg(long)]
    pub(crate) reverse: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &HistoryArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&HISTORY, args.quiet)?;
    context.with_session(ui, context.reading(), |session, ui| {
        let catalog = &session.catalog;
        let projects = select::known_project_keys(context, ui, catalog, args.project.as_deref())?;
        let of = match &args.task {
            Some(task) => HistoryOf::Task(task_key(catalog, task)?),
            None => HistoryOf::Runs,
        };
        let filter = HistoryFilter {
            scope: HistoryScope {
                projects: projects.map(|projects| projects.iter().map(|project| project.id).collect()),
                of,
                from: args.newer_than.map(|when| when.instant(context.settings.clock.now)),
                before: args.older_than.map(|when| when.instant(context.settings.clock.now)),
            },
            statuses: if args.failed { Statuses::any_of(&[Status::Failed]) } else { Statuses::any_of(&args.status) },
            oldest_first: args.reverse,
            limit: args.limit.or(context.as_runner.then_some(RUNNERS_LIMIT)),
        };
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        match &output {
            Wanted::Document => as_json(catalog, &filter, args.task.as_deref(), home, ui)?,
            Wanted::Text => as_table(catalog, &filter, args.task.is_some(), ui)?,
            Wanted::Rows(rows) => {
                let each_row = |row: &mut dyn FnMut(&dyn Row) -> io::Result<()>| {
                    each(catalog, &filter, |past| Ok(row(&view::HistoryItem::new(past, home))?))
                };
                return Ok(rows.write(ui, each_row)?.0);
            }
        }
        Ok(Exit::Done)
    })
}

/// The task that a word means: its very name.
pub(crate) fn task_key(catalog: &Catalog, word: &OsStr) -> Result<i64, Failure> {
    /// So many names are compared with a word that is none of them.
    const COMPARED: u64 = 5000;
    if let Some(key) = catalog.task_key(word.as_bytes())? {
        return Ok(key);
    }
    let word = word.to_string_lossy();
    let failure = Failure::usage(format!("no run ever had a task `{}`", printable(&word)));
    let names = catalog.task_names(COMPARED)?.into_iter().map(|name| String::from_utf8_lossy(&name).into_owned());
    let near = select::nearest(&word, names);
    Err(match near.as_slice() {
        [] => failure.hint("`otto stats` names the tasks that there are"),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    })
}

/// Why a listing ends early.
struct Stop(Box<Failure>);

impl From<catalog::Error> for Stop {
    fn from(error: catalog::Error) -> Self {
        Self(Box::new(error.into()))
    }
}

/// Hands out the runs, one after the other: a store can hold more of them than memory should.
fn each(
    catalog: &Catalog,
    filter: &HistoryFilter,
    mut each: impl FnMut(&PastRun) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let done = catalog.each_past_run::<Stop>(filter, |past| each(&past).map_err(|failure| Stop(Box::new(failure))));
    done.map_err(|stop| *stop.0)
}

fn as_json(
    catalog: &Catalog,
    filter: &HistoryFilter,
    task: Option<&OsStr>,
    home: &Path,
    ui: &mut Ui,
) -> Result<(), Failure> {
    let head = serde_json::to_string(&view::HistoryHead::new(task.map(OsStr::as_bytes)))?;
    let open = head.trim_end_matches('}');
    write!(ui.out, "{open},\"runs\":[")?;
    let mut before = "\n";
    each(catalog, filter, |past| {
        ui.out.is_read()?;
        ui.out.write_all(before.as_bytes())?;
        before = ",\n";
        Ok(serde_json::to_writer(&mut ui.out, &view::HistoryItem::new(past, home))?)
    })?;
    Ok(ui.out.write_all(if before == "\n" { b"]}\n" } else { b"\n]}\n" })?)
}

fn as_table(catalog: &Catalog, filter: &HistoryFilter, of_a_task: bool, ui: &mut Ui) -> Result<(), Failure> {
    let look = ui.look;
    let labels = select::labels(catalog)?;
    let mut table = HistoryTable::new(&look, &labels, of_a_task);
    let mut shown = 0_u64;
    each(catalog, filter, |past| {
        shown += 1;
        ui.out.is_read()?;
        Ok(ui.out.text(|out| table.push(past, out))?)
    })?;
    ui.out.text(|out| table.finish(out))?;
    if shown == 0 {
        ui.say("no runs");
    }
    Ok(())
}
