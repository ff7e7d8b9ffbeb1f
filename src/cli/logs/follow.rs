//! Logs as they are written, until the run has ended.
//!
//! What is new is looked for several times a second, by length: a log only grows. Whether the run has ended, and which
//! tasks have begun meanwhile, a look at the store tells every second, as for any other command.

use super::show::{Printer, Source, gone, open_log, open_run, sources, start};
use super::{LogsArgs, wanted};
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupted::Interrupted;
use crate::cli::ui::Ui;
use crate::cli::{Context, select};
use otto_catalog::logs::Stream;
use otto_catalog::model::{Run, Status};
use otto_catalog::session::{Access, Session};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

/// Between two looks at the logs.
const LOOK: Duration = Duration::from_millis(200);
/// Looks at the logs between two looks at the store.
const LOOKS: u32 = 5;

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &LogsArgs, word: &OsString) -> Result<Exit, Failure> {
    let interrupted = Interrupted::new();
    interrupted.heed()?;
    let mut followed = context.with_session(ui, context.reading(), |session, _| {
        let run = select::run(&session.catalog, &word.to_string_lossy())?;
        let tasks = wanted(&run, session.catalog.tasks(run.key)?, args)?;
        let sources = sources(&tasks, args.streams());
        let Some(files) = open_run(session, &run)? else { return Err(gone(&run)) };
        Ok(Followed { ended: has_ended(&run), run, files, sources, ends: HashMap::new() })
    })?;
    // More may begin to be written, so each is named, unless only one can be.
    let mut printer = Printer::new(ui, args.task().is_none() || args.streams().len() > 1);
    loop {
        for look in 0..LOOKS {
            followed.print(ui, &mut printer, args.tail)?;
            ui.out.flush()?;
            if followed.ended || interrupted.is_set() {
                break;
            }
            if look + 1 < LOOKS {
                sleep(LOOK);
            }
        }
        if followed.ended || interrupted.is_set() {
            break;
        }
        sleep(LOOK);
        followed.look_again(context, args)?;
    }
    printer.finish(ui)?;
    Ok(if interrupted.is_set() { Exit::Interrupted } else { Exit::Done })
}

/// A run whose logs are followed.
struct Followed {
    run: Run,
    files: otto_catalog::store::run_files::RunFiles,
    sources: Vec<Source>,
    /// How far each was printed.
    ends: HashMap<(Vec<u8>, Stream), u64>,
    ended: bool,
}

impl Followed {
    /// Prints what is new.
    fn print(&mut self, ui: &mut Ui, printer: &mut Printer, tail: Option<u64>) -> Result<(), Failure> {
        for source in &self.sources {
            let Some(file) = open_log(&self.files, source).map_err(|error| source.problem(&self.run, error))? else {
                continue;
            };
            let key = (source.directory.clone(), source.stream);
            let from = match self.ends.get(&key) {
                // A log that became shorter was begun anew: another run of the same second, before 2.x.
                Some(end) if file.metadata().is_ok_and(|meta| meta.len() < *end) => 0,
                Some(end) => *end,
                None => start(&file, tail).map_err(|error| source.problem(&self.run, error))?,
            };
            let end = printer.copy(ui, source, &file, from)?;
            self.ends.insert(key, end);
        }
        Ok(())
    }

    /// Looks at the store again: whether the run has ended, and which tasks it has by now.
    fn look_again(&mut self, context: &Context<'_>, args: &LogsArgs) -> Result<(), Failure> {
        let mut settings = context.settings.clone();
        settings.clock = context.environment.clock_again()?;
        let session = Session::open(&settings, Access::Read)?;
        let project = session.catalog.projects()?.into_iter().find(|project| project.dir == *self.run.project());
        let run = match project {
            Some(project) => session.catalog.run_named(project.id, self.run.dir().as_str())?,
            None => None,
        };
        let Some(run) = run.filter(|run| run.state == self.run.state) else {
            self.ended = true;
            return Ok(());
        };
        let tasks = session.catalog.tasks(run.key)?;
        let tasks = tasks.into_iter().filter(|task| {
            use std::os::unix::ffi::OsStrExt as _;
            args.task().is_none_or(|word| task.name == word.as_bytes())
        });
        self.sources = sources(&tasks.collect::<Vec<_>>(), args.streams());
        self.ended = has_ended(&run);
        Ok(())
    }
}

fn has_ended(run: &Run) -> bool {
    run.status != Status::Running
}
