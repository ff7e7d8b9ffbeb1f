//! Words in the logs of many runs.

use super::{LogsArgs, wanted};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Row, Wanted};
use crate::cli::ui::{Talk, Ui};
use crate::cli::{Context, select};
use otto_catalog::catalog::{self, Catalog, RunFilter};
use otto_catalog::logs::{self, Found, Hit, Stream, Target};
use otto_catalog::model::{Run, Statuses, Task};
use otto_catalog::report::records::HITS;
use otto_catalog::report::{self, view};
use otto_catalog::session::Session;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;

/// Runs that are searched at once: enough to keep all threads busy, few enough to hold.
const BATCH: usize = 512;

pub(super) fn run(
    context: &Context<'_>,
    ui: &mut Ui,
    args: &LogsArgs,
    run: Option<&OsStr>,
    pattern: &str,
) -> Result<Exit, Failure> {
    let regex = compile(pattern)?;
    let output = args.output.of(&HITS, args.quiet)?;
    context.with_session(ui, context.reading(), |session, ui| {
        let grep = Grep { session: &*session, context, regex: &regex, talk: ui.talk(), args, run };
        match &output {
            Wanted::Document => as_json(ui, &grep, pattern),
            Wanted::Text => as_text(ui, &grep),
            Wanted::Rows(rows) => {
                let write = |row: &mut dyn FnMut(&dyn Row) -> io::Result<()>| {
                    grep.each(&mut |target, hit| Ok(row(&item(target, hit))?))
                };
                Ok(rows.write(ui, write)?.0)
            }
        }
    })
}

fn item(target: &Target, hit: &Hit) -> view::HitItem {
    view::HitItem::new(&target.id, &target.tasks[hit.task].0, hit)
}

fn as_json(ui: &mut Ui, grep: &Grep<'_>, pattern: &str) -> Result<Exit, Failure> {
    let head = serde_json::to_string(&view::LogsHead::new(pattern))?;
    write!(ui.out, "{},\"hits\":[", head.trim_end_matches('}'))?;
    let mut before = "\n";
    grep.each(&mut |target, hit| {
        ui.out.write_all(before.as_bytes())?;
        before = ",\n";
        Ok(serde_json::to_writer(&mut ui.out, &item(target, hit))?)
    })?;
    ui.out.write_all(if before == "\n" { b"]}\n" } else { b"\n]}\n" })?;
    Ok(Exit::Done)
}

fn as_text(ui: &mut Ui, grep: &Grep<'_>) -> Result<Exit, Failure> {
    let (look, raw) = (ui.look, !ui.prints_to_a_terminal());
    let mut any = false;
    grep.each(&mut |target, hit| {
        any = true;
        ui.out.is_read()?;
        Ok(report::human::hit(&target.id, &target.tasks[hit.task].0, hit, raw, &look, &mut ui.out)?)
    })?;
    if !any {
        ui.say("no line matches");
    }
    Ok(Exit::Done)
}

/// Each line is looked at by itself; `$` also stands before the carriage return of other systems.
fn compile(pattern: &str) -> Result<Regex, Failure> {
    RegexBuilder::new(pattern).multi_line(true).crlf(true).build().map_err(|error| {
        let text = format!("--grep is no regular expression: {}", last_line(&error.to_string()));
        Failure::usage(text)
            .hint("to find the text itself, put a backslash before each of \\ . + * ? ( ) | [ ] { } ^ $")
    })
}

/// What a message of the regex parser comes down to.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

struct Grep<'a> {
    session: &'a Session,
    context: &'a Context<'a>,
    regex: &'a Regex,
    talk: Talk,
    args: &'a LogsArgs,
    run: Option<&'a OsStr>,
}

/// Takes the lines that match, one after the other.
type Each<'e> = &'e mut dyn FnMut(&Target, &Hit) -> Result<(), Failure>;

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

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Grep<'_> {
    /// Hands out the lines that match, up to the limit: of the run that is named, else of all, the newest run first.
    fn each(&self, each: Each<'_>) -> Result<(), Failure> {
        let catalog = &self.session.catalog;
        let mut left = self.args.limit.unwrap_or(u64::MAX);
        match self.run {
            Some(word) => {
                let run = select::run(catalog, &word.to_string_lossy())?;
                let tasks = wanted(&run, catalog.tasks(run.key)?, self.args)?;
                self.search(&[target(&run, tasks, self.args.streams())], &mut left, each)
            }
            None => self.everywhere(&mut left, each),
        }
    }

    /// Searches the runs that are wanted, newest first.
    fn everywhere(&self, left: &mut u64, each: Each<'_>) -> Result<(), Failure> {
        let (catalog, args): (&Catalog, _) = (&self.session.catalog, self.args);
        let projects = select::project_keys(catalog, args.project.as_deref())?;
        let keys: Option<HashSet<i64>> = projects.map(|projects| projects.iter().map(|p| p.id).collect());
        let only = keys.as_ref().filter(|keys| keys.len() == 1).and_then(|keys| keys.iter().next().copied());
        let filter = RunFilter {
            project: only,
            statuses: Statuses::any_of(&args.status),
            from: args.newer_than.map(|when| when.instant(self.context.settings.clock.now)),
            task: args.of_task.as_ref().map(|task| task.as_bytes().to_vec()),
            ..RunFilter::default()
        };
        let mut batch = Vec::with_capacity(BATCH);
        let done = catalog.each_run::<Stop>(&filter, |run| {
            if keys.as_ref().is_some_and(|keys| !keys.contains(&run.project_key)) {
                return Ok(());
            }
            let tasks = catalog.tasks(run.key)?.into_iter();
            let tasks =
                tasks.filter(|task| filter.task.as_ref().is_none_or(|name| task.name == *name) && args.wants(task));
            batch.push(target(&run, tasks.collect(), args.streams()));
            if batch.len() == BATCH {
                self.search(&std::mem::take(&mut batch), left, each)?;
                if *left == 0 {
                    return Err(Stop::Enough);
                }
            }
            Ok(())
        });
        match done {
            Ok(()) => self.search(&batch, left, each),
            Err(Stop::Enough) => Ok(()),
            Err(Stop::Failed(failure)) => Err(*failure),
        }
    }

    fn search(&self, targets: &[Target], left: &mut u64, each: Each<'_>) -> Result<(), Failure> {
        let Some(root) = &self.session.root else { return Ok(()) };
        if *left == 0 || targets.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        logs::search(root, targets, self.regex, self.context.settings.threads, |target, found| {
            let done = match found {
                Found::Hit(hit) => {
                    *left -= 1;
                    each(target, &hit)
                }
                Found::Problem(problem) => {
                    self.talk.warning(&problem.to_string());
                    Ok(())
                }
            };
            match done {
                Ok(()) if *left > 0 => ControlFlow::Continue(()),
                done => {
                    result = done;
                    ControlFlow::Break(())
                }
            }
        });
        result
    }
}

/// The logs of a run that may hold something: those that were empty when an ended run was read are left out.
fn target(run: &Run, tasks: Vec<Task>, streams: &[Stream]) -> Target {
    let has = |task: &Task, stream: Stream| {
        let bytes = match stream {
            Stream::Stdout => task.stdout_bytes,
            Stream::Stderr => task.stderr_bytes,
        };
        !run.settled || bytes != Some(0)
    };
    let tasks = tasks.into_iter().filter_map(|task| {
        let directory = task.dir.clone()?;
        let streams = streams.iter().copied().filter(|stream| has(&task, *stream)).collect();
        Some((task.name, directory, streams))
    });
    Target { id: run.id.clone(), tasks: tasks.collect() }
}
