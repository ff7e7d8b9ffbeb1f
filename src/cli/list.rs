//! `otto list`

use super::args::{TEMPLATE, count, status_words};
use super::exit::{Exit, Failure};
use super::output::{OutputArgs, QuietArgs, Row};
use super::ui::Ui;
use super::{Context, output, select, when};
use clap::{Args, ValueEnum};
use otto_catalog::catalog::{self, Catalog, RunFilter, RunOrder, SortBy};
use otto_catalog::model::{Project, Run, Status, Statuses};
use otto_catalog::report::records::RUNS;
use otto_catalog::report::{table::RunTable, view};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// List runs, newest first or as --sort says
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto list                              all runs
  otto list --limit 10                   the newest ten
  otto list --project web --status failed,interrupted
  otto list --incomplete                 interrupted, or parts are missing
  otto list --newer-than 7d              those of the last week
  otto list --pinned                     what stays; -v shows tags too
  otto list --older-than 2025-06-01      those before that day
  otto list --sort size --limit 10       the largest ten
  otto list --status failed -q | otto pin -
  otto list --format csv --fields id,status,disk_bytes")]
pub(crate) struct ListArgs {
    /// At most so many
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true, value_parser = count)]
    pub(crate) limit: Option<u64>,
    /// Of this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, value_name = "P")]
    pub(crate) project: Option<OsString>,
    /// With this status, or one of several: --status failed,interrupted, or the flag again
    #[arg(short, long, value_name = "S", value_delimiter = ',', value_parser = status_words(Status::ALL))]
    pub(crate) status: Vec<Status>,
    /// Only interrupted runs, and those that lack a part which their version of the runner writes
    #[arg(long)]
    pub(crate) incomplete: bool,
    /// Begun before: an age (30, 36h, 6mo), a date (2025-06-01) or an RFC 3339 instant
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) older_than: Option<when::When>,
    /// Begun at or after: the same
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, value_parser = when::When::parse)]
    pub(crate) newer_than: Option<when::When>,
    /// With a task of this name
    #[arg(long, value_name = "T")]
    pub(crate) task: Option<OsString>,
    /// With this tag; given several times, with all of them
    #[arg(long, value_name = "T")]
    pub(crate) tag: Vec<String>,
    /// Only pinned runs
    #[arg(long)]
    pub(crate) pinned: bool,
    /// Order: time (the newest first), size (the largest), duration (the longest), tasks and failed (the most),
    /// project, or status
    #[arg(
        long,
        value_enum,
        value_name = "FIELD",
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) sort: Sort,
    /// The other way round: the oldest, the smallest first. --limit counts after that
    #[arg(long)]
    pub(crate) reverse: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) quiet: QuietArgs,
}

/// What runs are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    #[default]
    Time,
    Size,
    Duration,
    Tasks,
    Failed,
    Project,
    Status,
}

impl From<Sort> for SortBy {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Time => Self::Time,
            Sort::Size => Self::Size,
            Sort::Duration => Self::Duration,
            Sort::Tasks => Self::Tasks,
            Sort::Failed => Self::Failed,
            Sort::Project => Self::Project,
            Sort::Status => Self::Status,
        }
    }
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &ListArgs) -> Result<Exit, Failure> {
    let output = args.output.of(&RUNS, args.quiet)?;
    context.with_session(ui, context.reading(), |session, ui| {
        let projects = select::project_keys(&session.catalog, args.project.as_deref())?;
        let wanted = Wanted::new(args, projects.as_deref(), context.settings.clock.now);
        let home = session.root.as_ref().map_or(&*context.settings.home, |root| root.path());
        match &output {
            output::Wanted::Document => as_json(&session.catalog, &wanted, home, ui)?,
            output::Wanted::Text => as_table(&session.catalog, &wanted, ui)?,
            output::Wanted::Rows(rows) => {
                let each = |row: &mut dyn FnMut(&dyn Row) -> io::Result<()>| {
                    wanted.each(&session.catalog, |run| Ok(row(&view::RunItem::new(run, home))?))
                };
                return Ok(rows.write(ui, each)?.0);
            }
        }
        Ok(Exit::Done)
    })
}

/// Which runs are listed.
struct Wanted {
    filter: RunFilter,
    /// Where several directories share a name: their rows, and how many runs of them.
    among: Option<(HashSet<i64>, u64)>,
}

impl Wanted {
    fn new(args: &ListArgs, projects: Option<&[Project]>, now: i64) -> Self {
        let mut filter = RunFilter {
            project: None,
            statuses: Statuses::any_of(&args.status),
            incomplete: args.incomplete,
            before: args.older_than.map(|when| when.instant(now)),
            from: args.newer_than.map(|when| when.instant(now)),
            task: args.task.as_ref().map(|task| task.as_bytes().to_vec()),
            tags: args.tag.clone(),
            pinned: args.pinned,
            order: RunOrder { by: args.sort.into(), reverse: args.reverse },
            limit: args.limit,
        };
        let among = match projects {
            None => None,
            Some([project]) => {
                filter.project = Some(project.id);
                None
            }
            // One order over several projects: the list of all of them, less the others.
            Some(several) => {
                filter.limit = None;
                Some((several.iter().map(|p| p.id).collect(), args.limit.unwrap_or(u64::MAX)))
            }
        };
        Self { filter, among }
    }

    /// Hands out the runs, one after the other: a store can hold more of them than memory should.
    fn each(&self, catalog: &Catalog, mut each: impl FnMut(&Run) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut left = self.among.as_ref().map_or(u64::MAX, |(_, limit)| *limit);
        let done = catalog.each_run::<Stop>(&self.filter, |run| {
            if self.among.as_ref().is_some_and(|(keys, _)| !keys.contains(&run.project_key)) {
                return Ok(());
            }
            if left == 0 {
                return Err(Stop::Enough);
            }
            left -= 1;
            each(&run).map_err(|failure| Stop::Failed(Box::new(failure)))
        });
        match done {
            Ok(()) | Err(Stop::Enough) => Ok(()),
            Err(Stop::Failed(failure)) => Err(*failure),
        }
    }
}

/// Why a listing ends early.
enum Stop {
    Enough,
    Failed(Box<Failure>),
}

impl From<catalog::Error> for Stop {
    fn from(error: catalog::Error) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}

fn as_json(catalog: &Catalog, wanted: &Wanted, home: &Path, ui: &mut Ui) -> Result<(), Failure> {
    let mut before = "[\n";
    wanted.each(catalog, |run| {
        ui.out.is_read()?;
        ui.out.write_all(before.as_bytes())?;
        before = ",\n";
        Ok(serde_json::to_writer(&mut ui.out, &view::RunItem::new(run, home))?)
    })?;
    let end = if before == "[\n" { "[]\n" } else { "\n]\n" };
    Ok(ui.out.write_all(end.as_bytes())?)
}

fn as_table(catalog: &Catalog, wanted: &Wanted, ui: &mut Ui) -> Result<(), Failure> {
    let look = ui.look;
    let labels = select::labels(catalog)?;
    let mut table = RunTable::new(&look, &labels);
    let mut listed = 0_u64;
    wanted.each(catalog, |run| {
        listed += 1;
        ui.out.is_read()?;
        Ok(ui.out.text(|out| table.push(run, out))?)
    })?;
    ui.out.text(|out| table.finish(out))?;
    if listed == 0 {
        ui.say("no runs");
    }
    Ok(())
}
