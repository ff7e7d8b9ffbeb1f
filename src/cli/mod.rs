//! The program around the library: arguments, environment, terminal, exit codes. One file a command, each a paragraph:
//! resolve, check, act, tell.
//!
//! Data goes to stdout, talk to stderr. Nothing below this folder reads the environment or prints, and nothing in it knows
//! SQL or changes the tree.

mod args;
mod audit;
mod budgets;
mod check;
mod clean;
mod compare;
mod complete;
mod completions;
mod confirm;
mod demo;
mod exit;
mod export;
mod help;
mod history;
mod import;
mod index;
mod info;
mod interrupted;
mod list;
mod logs;
mod man;
mod marked;
mod mending;
mod output;
mod pager;
mod pin;
mod policy_file;
mod progress;
#[cfg(test)]
mod readme_tests;
mod retention;
mod rules;
mod runner;
mod select;
mod settings;
mod stats;
mod tag;
mod tips;
mod trash;
mod ui;
mod unclear;
mod undo;
mod unknown;
mod unpin;
mod usage;
mod when;
mod why;

use args::{AboutCommand, Cli, Command, Global};
use exit::{Exit, Failure};
use otto_catalog::session::{Access, Notice, Session, Settings};
use progress::Bars;
use settings::Environment;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::time::Instant;
use ui::Ui;

/// Problems of a refresh that are shown; the others are counted.
const SHOWN_PROBLEMS: usize = 5;

/// Runs the program with its arguments, the first of which is its name.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    if let Some(words) = complete::asked(&arguments) {
        return complete::run(words).into();
    }
    raise_file_limit();
    if let Some(exit) = runner::hand_over(&arguments) {
        return exit.into();
    }
    let cli = match args::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return args::refuse(&tips::mended(error, &arguments), &arguments).into(),
    };
    let json = cli.command.json();
    let mut ui = Ui::new(&cli.global);
    ui.set_program(program(&cli.global, &typed(&arguments)));
    let outcome = match &cli.command {
        Command::About(command) => about(command, &mut ui),
        command => Environment::read(&cli.global, command.name()).and_then(|environment| {
            ui.set_now(environment.clock.now);
            if cli.command.pages() && !cli.global.no_pager {
                ui.page();
            }
            run(&cli, &environment, &mut ui, &arguments)
        }),
    };
    let exit = match outcome {
        Ok(exit) => match ui.finish().map_err(Failure::from) {
            // Whoever closed the pipe has seen enough; what was done was done all the same.
            Err(failure) if !failure.is_closed_pipe() => failure.report(&ui, json),
            _ => exit,
        },
        Err(failure) => {
            // What was found out before it failed is still an answer. Whether that can be written does not matter any more.
            let _ = ui.finish();
            failure.report(&ui, json)
        }
    };
    exit.into()
}

fn run(cli: &Cli, environment: &Environment, ui: &mut Ui, arguments: &[OsString]) -> Result<Exit, Failure> {
    let bars = Bars::new(ui.talks_to_a_terminal(), ui.look.ascii);
    let wait = environment.patience(ui.talk());
    let begun = Instant::now();
    let elapsed = || begun.elapsed();
    let settings = environment.settings(&bars, &wait, &elapsed);
    let as_runner = runner::is_spelt_so(arguments.get(1..).unwrap_or_default());
    let context = Context { settings, global: &cli.global, environment, typed: typed(arguments), as_runner };
    match &cli.command {
        Command::Index(args) => index::run(&context, ui, args),
        Command::List(args) => list::run(&context, ui, args),
        Command::Info(args) => info::run(&context, ui, args),
        Command::History(args) => history::run(&context, ui, args),
        Command::Stats(args) => stats::run(&context, ui, args),
        Command::Compare(args) => compare::run(&context, ui, args),
        Command::Logs(args) => logs::run(&context, ui, args),
        Command::Usage(args) => usage::run(&context, ui, args),
        Command::Clean(args) => clean::run(&context, ui, args),
        Command::Trash(args) => trash::run(&context, ui, args),
        Command::Undo(args) => undo::run(&context, ui, args),
        Command::Why(args) => why::run(&context, ui, args),
        Command::Retention(args) => retention::run(&context, ui, args),
        Command::Pin(args) => pin::run(&context, ui, args),
        Command::Unpin(args) => unpin::run(&context, ui, args),
        Command::Tag(args) => tag::run(&context, ui, args),
        Command::Export(args) => export::run(&context, ui, args),
        Command::Import(args) => import::run(&context, ui, args),
        Command::Audit(args) => audit::run(&context, ui, args),
        Command::Check(args) => check::run(&context, ui, args),
        Command::Demo(args) => demo::run(&context, ui, args),
        Command::About(command) => about(command, ui),
    }
}

/// Commands that need neither a store nor a clock.
fn about(command: &AboutCommand, ui: &mut Ui) -> Result<Exit, Failure> {
    match command {
        AboutCommand::Help(args) => help::run(ui, args),
        AboutCommand::Completions(args) => completions::run(ui, args),
        AboutCommand::Man(args) => man::run(ui, args),
    }
}

/// What every command gets.
pub(crate) struct Context<'a> {
    pub(crate) settings: Settings<'a>,
    pub(crate) global: &'a Global,
    pub(crate) environment: &'a Environment,
    /// The arguments as they were typed, without the program's name.
    pub(crate) typed: Vec<String>,
    /// Whether the command is spelt as the runner spells it.
    pub(crate) as_runner: bool,
}

/// The store as it was named on the command line.
fn stated_home(typed: &[String]) -> Option<&OsStr> {
    let at = typed.iter().position(|word| word == "--home" || word.starts_with("--home="))?;
    match typed[at].strip_prefix("--home=") {
        Some(home) => Some(home.as_ref()),
        None => typed.get(at + 1).map(|home| home.as_ref()),
    }
}

/// How a command begins that can be copied, and means the same store.
fn program(global: &Global, typed: &[String]) -> String {
    let flag = |name: &str, value: Option<&OsStr>| {
        value.map_or_else(String::new, |value| format!(" {name} {}", clean::quoted(&value.to_string_lossy())))
    };
    let catalog = flag("--catalog", global.catalog.as_ref().map(|path| path.as_os_str()));
    format!("otto{}{catalog}", flag("--home", stated_home(typed)))
}

impl Context<'_> {
    /// The store as it was named on the command line.
    pub(crate) fn stated_home(&self) -> Option<&OsStr> {
        stated_home(&self.typed)
    }

    /// The command as it was typed, for the audit log.
    pub(crate) fn command_line(&self) -> String {
        clean::command_line(&self.typed, |_| true, &[])
    }

    /// A command that can be copied, and means the same store.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("{} {words}", program(self.global, &self.typed))
    }

    /// How a reading command opens the store.
    pub(crate) fn reading(&self) -> Access {
        if self.global.no_refresh { Access::ReadAsIs } else { Access::Read }
    }

    /// Opens the store, tells what the user should know, and acts. A catalog that proves damaged on the way is set aside
    /// and everything is done once more, unless something was printed already: it is derived, nothing is lost with it.
    pub(crate) fn with_session<T>(
        &self,
        ui: &mut Ui,
        access: Access,
        mut act: impl FnMut(&mut Session, &mut Ui) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut attempt = |ui: &mut Ui| {
            let mut session = Session::open(&self.settings, access)?;
            tell(&session, ui);
            act(&mut session, ui)
        };
        match attempt(ui) {
            Err(failure) if failure.is_damage() && ui.out.take_back() => {
                let notice = failure.set_aside(&self.settings)?;
                ui.notice(&notice.to_string());
                attempt(ui)
            }
            done => done,
        }
    }
}

fn tell(session: &Session, ui: &Ui) {
    for notice in &session.notices {
        ui.notice(&Notice::to_string(notice));
    }
    let problems = &session.report.problems;
    for problem in problems.iter().take(SHOWN_PROBLEMS) {
        ui.warning(&problem.to_string());
    }
    if problems.len() > SHOWN_PROBLEMS {
        ui.say(&format!(
            "... and {} more; `otto index --full --json` names all of them",
            problems.len() - SHOWN_PROBLEMS
        ));
    }
}

fn typed(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The walk holds a descriptor a directory level and thread; where the soft limit is low, the hard one may be taken.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where that is refused, the low limit has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
