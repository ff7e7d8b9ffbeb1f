//! Logs one after the other.

use super::{LogsArgs, wanted};
use crate::cli::exit::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::{Context, select};
use otto_catalog::logs::{self, Stream};
use otto_catalog::model::{Problem, Run, Task};
use otto_catalog::report::{Sanitizer, printable};
use otto_catalog::session::Session;
use otto_catalog::store::run_files::RunFiles;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

/// What is copied at a time.
const BLOCK: usize = 64 * 1024;

pub(super) fn run(context: &Context<'_>, ui: &mut Ui, args: &LogsArgs, word: &OsString) -> Result<Exit, Failure> {
    context.with_session(ui, context.reading(), |session, ui| {
        let run = select::run(&session.catalog, &word.to_string_lossy())?;
        let tasks = wanted(&run, session.catalog.tasks(run.key)?, args)?;
        let Some(files) = open_run(session, &run)? else { return Err(gone(&run)) };
        let sources = sources(&tasks, args.streams());
        let mut printer = Printer::new(ui, sources.len() > 1);
        let mut found = 0;
        for source in &sources {
            match open_log(&files, source) {
                Ok(None) => {}
                Ok(Some(file)) => {
                    found += 1;
                    let from = start(&file, args.tail).map_err(|error| source.problem(&run, error))?;
                    printer.copy(ui, source, &file, from)?;
                }
                Err(error) => ui.warning(&source.problem(&run, error).to_string()),
            }
        }
        printer.finish(ui)?;
        if found == 0 {
            ui.say(if args.failed && tasks.is_empty() { "no task failed" } else { "no logs" });
        }
        Ok(Exit::Done)
    })
}

/// A log that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) task: Vec<u8>,
    pub(super) directory: Vec<u8>,
    pub(super) stream: Stream,
}

impl Source {
    pub(super) fn problem(&self, run: &Run, error: impl std::fmt::Display) -> Problem {
        let name = String::from_utf8_lossy(&self.directory).into_owned();
        let file = String::from_utf8_lossy(self.stream.file_name()).into_owned();
        Problem::new(std::path::Path::new(&run.id.to_string()).join(name).join(file), "read", error)
    }
}

/// The logs of some tasks, those of a task together.
pub(super) fn sources(tasks: &[Task], streams: &[Stream]) -> Vec<Source> {
    let mut sources = Vec::new();
    for task in tasks {
        let Some(directory) = &task.dir else { continue };
        for stream in streams {
            sources.push(Source { task: task.name.clone(), directory: directory.clone(), stream: *stream });
        }
    }
    sources
}

pub(super) fn open_run(session: &Session, run: &Run) -> Result<Option<RunFiles>, Failure> {
    match &session.root {
        Some(root) => Ok(RunFiles::open(root, &run.id)?),
        None => Ok(None),
    }
}

pub(super) fn gone(run: &Run) -> Failure {
    let text = format!("the run `{}` is not there any more", printable(&run.id.to_string()));
    Failure::new(Exit::CouldNot, anyhow::Error::msg(text))
}

pub(super) fn open_log(files: &RunFiles, source: &Source) -> io::Result<Option<File>> {
    logs::open(files, &source.directory, source.stream)
}

/// Where printing a log begins.
pub(super) fn start(file: &File, tail: Option<u64>) -> io::Result<u64> {
    tail.map_or(Ok(0), |tail| logs::last_lines(file, tail))
}

/// Prints logs: byte for byte, or as text where a terminal would act on them.
pub(super) struct Printer {
    /// Whether each log stands below its name.
    named: bool,
    sanitizer: Option<Sanitizer>,
    /// Which log was printed last, and whether its last line has an end.
    last: Option<(Vec<u8>, Stream)>,
    at_line_start: bool,
}

impl Printer {
    pub(super) fn new(ui: &Ui, named: bool) -> Self {
        let sanitizer = ui.prints_to_a_terminal().then(Sanitizer::default);
        Self { named, sanitizer, last: None, at_line_start: true }
    }

    /// Prints a log from there to its end, and says where that is. Nothing is said of a log that has nothing new.
    pub(super) fn copy(&mut self, ui: &mut Ui, source: &Source, file: &File, from: u64) -> Result<u64, Failure> {
        let mut buffer = vec![0; BLOCK];
        let mut at = from;
        loop {
            let read = match file.read_at(&mut buffer, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => done.map_err(|error| Failure::could_not("cannot read a log", error))?,
            };
            if read == 0 {
                return Ok(at);
            }
            if at == from {
                self.head(ui, source)?;
            }
            at += read as u64;
            self.print(ui, &buffer[..read])?;
        }
    }

    /// The name of a log, unless it was the last to be printed.
    fn head(&mut self, ui: &mut Ui, source: &Source) -> Result<(), Failure> {
        let this = (source.task.clone(), source.stream);
        if !self.named || self.last.as_ref() == Some(&this) {
            return Ok(());
        }
        self.end_line(ui)?;
        let between = if self.last.is_some() { "\n" } else { "" };
        let name = String::from_utf8_lossy(&source.task);
        writeln!(ui.out, "{between}==> {} {} <==", printable(&name), source.stream.word())?;
        self.last = Some(this);
        Ok(())
    }

    fn print(&mut self, ui: &mut Ui, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.sanitizer {
            None => ui.out.write_all(bytes)?,
            Some(sanitizer) => {
                let mut text = String::new();
                sanitizer.push(bytes, &mut text);
                ui.out.write_all(text.as_bytes())?;
            }
        }
        self.at_line_start = bytes.last() == Some(&b'\n');
        Ok(())
    }

    /// Ends a line that has no end, where another log or nothing follows.
    fn end_line(&mut self, ui: &mut Ui) -> Result<(), Failure> {
        if let Some(sanitizer) = &mut self.sanitizer {
            let mut text = String::new();
            sanitizer.finish(&mut text);
            ui.out.write_all(text.as_bytes())?;
        }
        if !self.at_line_start {
            ui.out.write_all(b"\n")?;
            self.at_line_start = true;
        }
        Ok(())
    }

    /// Ends the last line, unless every byte is to be as it is.
    pub(super) fn finish(&mut self, ui: &mut Ui) -> Result<(), Failure> {
        if self.named || self.sanitizer.is_some() { self.end_line(ui) } else { Ok(()) }
    }
}
