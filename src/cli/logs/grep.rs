//! Words in the logs of many runs.

use super::{LogsArgs, wanted};
use crate::cli::exit::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::{Context, select};
use otto_catalog::catalog::{self, Catalog, RunFilter};
use otto_catalog::logs::{self, Found, Hit, Stream, Target};
use otto_catalog::model::{Run, Statuses, Task};
use otto_catalog::report::{self, view};
use otto_catalog::session::Session;
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;

/// Runs that are searched at once: enough to keep all threads busy, few enough to hold.
const BATCH: usize = 512;

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &LogsArgs, pattern: &str) -> Result<Exit, Failure> {
    let regex = compile(pattern)?;
    context.with_session(ui, context.reading(), |session, ui| {
        let mut grep = Grep {
            session: &*session,
            context,
            regex: &regex,
            printed: 0,
            limit: args.limit.unwrap_or(u64::MAX),
            json: args.json,
        };
        if args.json {
            let head = serde_json::to_string(&view::LogsHead::new(pattern))?;
            write!(ui.out, "{},\"hits\":[", head.trim_end_matches('}'))?;
        }
        match &args.run {
            Some(word) => {
                let run = select::run(&session.catalog, &word.to_string_lossy())?;
                let tasks = wanted(&run, session.catalog.tasks(run.key)?, args.task.as_deref())?;
                let target = target(&run, tasks, args.streams());
                grep.search(ui, &[target])?;
            }
            None => grep.everywhere(ui, args)?,
        }
        let printed = grep.printed;
        if args.json {
            ui.out.write_all(if printed == 0 { b"]}\n" } else { b"\n]}\n" })?;
        } else if printed == 0 {
            ui.say("no line matches");
        }
        Ok(Exit::Done)
    })
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
    printed: u64,
    limit: u64,
    json: bool,
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

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl Grep<'_> {
    /// Searches the runs that are wanted, newest first.
    fn everywhere(&mut self, ui: &mut Ui, args: &LogsArgs) -> Result<(), Failure> {
        let catalog: &Catalog = &self.session.catalog;
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
            let tasks = tasks.filter(|task| filter.task.as_ref().is_none_or(|name| task.name == *name));
            batch.push(target(&run, tasks.collect(), args.streams()));
            if batch.len() == BATCH {
                self.search(ui, &std::mem::take(&mut batch))?;
                if self.printed >= self.limit {
                    return Err(Stop::Enough);
                }
            }
            Ok(())
        });
        match done {
            Ok(()) => self.search(ui, &batch),
            Err(Stop::Enough) => Ok(()),
            Err(Stop::Failed(failure)) => Err(*failure),
        }
    }

    fn search(&mut self, ui: &mut Ui, targets: &[Target]) -> Result<(), Failure> {
        let Some(root) = &self.session.root else { return Ok(()) };
        if self.printed >= self.limit || targets.is_empty() {
            return Ok(());
        }
        let mut result = Ok(());
        logs::search(root, targets, self.regex, self.context.settings.threads, |target, found| {
            let done = match found {
                Found::Hit(hit) => self.print(ui, target, &hit),
                Found::Problem(problem) => {
                    ui.warning(&problem.to_string());
                    Ok(())
                }
            };
            match done {
                Ok(()) if self.printed < self.limit => ControlFlow::Continue(()),
                done => {
                    result = done;
                    ControlFlow::Break(())
                }
            }
        });
        result
    }

    fn print(&mut self, ui: &mut Ui, target: &Target, hit: &Hit) -> Result<(), Failure> {
        self.printed += 1;
        let task = &target.tasks[hit.task].0;
        if self.json {
            ui.out.write_all(if self.printed == 1 { b"\n" } else { b",\n" })?;
            return Ok(serde_json::to_writer(&mut ui.out, &view::HitItem::new(&target.id, task, hit))?);
        }
        let look = ui.look;
        let raw = !ui.prints_to_a_terminal();
        Ok(report::human::hit(&target.id, task, hit, raw, &look, &mut ui.out)?)
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
