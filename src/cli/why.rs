//! `otto why`

use super::args::TEMPLATE;
use super::budgets::BudgetArgs;
use super::clean::quoted;
use super::exit::{Exit, Failure};
use super::rules::RuleArgs;
use super::select::Among;
use super::ui::Ui;
use super::{Context, budgets, policy_file, select, when};
use clap::Args;
use otto_catalog::catalog::CacheName;
use otto_catalog::clean::why::{self, Question};
use otto_catalog::clean::{PlanError, Request};
use otto_catalog::model::{Age, Run, RunDir};
use otto_catalog::report::{human, printable, view};
use otto_catalog::retention::Room;
use otto_catalog::session::Session;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};

/// Say why a run or a cache entry stays or goes, and when it goes
///
/// Judges by the policy that `otto clean` would go by; flags replace their rules and budgets, as there. Nothing is changed.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto why latest                        what keeps the newest run, how long
  otto why web:latest --keep 7           whether --keep 7 would remove it
  otto why web:latest --max-size 5G      whether a budget would
  otto why web/1795228718 --tree         what would go along with it
  otto why web/1a2b3c4d.sh               which runs name a cache entry")]
pub(crate) struct WhyArgs {
    /// A run, as `otto info` takes it, also one that is gone; a cache entry, as PROJECT/NAME; or the path of either; - reads it
    /// from standard input
    #[arg(value_name = "RUN|ENTRY")]
    pub(crate) subject: OsString,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) budgets: BudgetArgs,
    /// Keep cache entries younger than this [default: 1h]
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Cache")]
    pub(crate) cache_grace: Option<Age>,
    /// Draw a run with its tasks, their cache entries, and how many other runs share each
    #[arg(long)]
    pub(crate) tree: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is asked about.
enum Subject {
    Run(Box<Run>),
    Entry(Box<CacheName>),
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &WhyArgs) -> Result<Exit, Failure> {
    let home = &context.settings.home;
    let config = policy_file::read(home)?;
    policy_file::tell_misnamed(ui, home);
    let refused = |error| match error {
        PlanError::Config(error) => policy_file::refused(&policy_file::path(home), error),
        other => Failure::from(other),
    };
    let word = select::only_word(&args.subject, &mut io::stdin().lock())?;
    context.with_session(ui, context.reading(), |session, ui| {
        let (catalog, look) = (&session.catalog, ui.look);
        let question = Question {
            flags: args.rules.rules(),
            budgets: args.budgets.budgets(),
            config: &config,
            grace: args.cache_grace.unwrap_or(Request::GRACE),
            now: context.settings.clock.now,
            zone: when::zone(),
            room: Room::default(),
            parts: None,
        };
        let request = budgets::informed(context, session, question.request(), usize::MAX)?;
        let question = Question { room: request.room, parts: request.parts, ..question };
        let store = session.root.as_ref().map_or(&**home, |root| root.path());
        match subject(session, &word)? {
            Subject::Run(run) => {
                let reasons = why::run(catalog, *run, &question).map_err(refused)?;
                reasons.budget.iter().for_each(|standing| budgets::tell_unasked(ui, &standing.budgets));
                let tasks = if args.json || args.tree { catalog.tasks(reasons.run.key)? } else { Vec::new() };
                let restore = ui.command(&format!("trash restore {}", quoted(&reasons.run.id.to_string())));
                if args.json {
                    ui.out.json(&view::Why::of_run(&reasons, &tasks, &restore, store, question.now))?;
                } else if args.tree {
                    ui.out.text(|out| human::tree(&reasons, &tasks, &look, out))?;
                } else {
                    ui.out.text(|out| human::why_run(&reasons, &restore, &look, out))?;
                }
            }
            Subject::Entry(_) if args.tree => {
                return Err(Failure::usage("--tree draws a run, and a cache entry was named")
                    .hint("leave it out to see which runs name the entry"));
            }
            Subject::Entry(name) => {
                let reasons = why::entry(catalog, *name, &question).map_err(refused)?;
                if args.json {
                    ui.out.json(&view::Why::of_entry(&reasons, store, question.now))?;
                } else {
                    ui.out.text(|out| human::why_entry(&reasons, &look, out))?;
                }
            }
        }
        Ok(Exit::Done)
    })
}

/// What a word means: a path, a run, or a cache entry. What looks like a run is one, if there is such a run.
fn subject(session: &Session, word: &OsStr) -> Result<Subject, Failure> {
    let text = word.to_string_lossy();
    let word = if is_path(&text) { below_store(session, Path::new(word))? } else { text.into_owned() };
    let run = |word: &str| {
        let found = select::run_among(&session.catalog, word, Among::Known);
        found.map(|run| Subject::Run(Box::new(run)))
    };
    let entry = |word: &str| {
        let found = select::cache_name(&session.catalog, word);
        found.map(|name| Subject::Entry(Box::new(name)))
    };
    let last = word.rsplit(['/', ':']).next().unwrap_or_default();
    let is_run = last.starts_with("latest") || RunDir::parse(last.as_bytes()).is_ok();
    match (is_run && !word.contains("/.cache/"), word.contains(['/', '.'])) {
        // The scripts of June 2025 are named by eight digits, which may all be decimal.
        (true, _) => run(&word).or_else(|failure| entry(&word).map_err(|_| failure)),
        (false, true) => entry(&word),
        (false, false) => entry(&word).or_else(|_| run(&word)),
    }
}

fn is_path(word: &str) -> bool {
    word.starts_with(['/', '~'])
        || word.starts_with("../")
        || word.starts_with("./") && RunDir::parse(&word.as_bytes()[2..]).is_err()
}

/// A path in the store as `PROJECT/RUN` or `PROJECT/.cache/NAME`. Below a run, the run is meant.
fn below_store(session: &Session, path: &Path) -> Result<String, Failure> {
    let elsewhere = || {
        Failure::usage(format!("`{}` is not in the store", printable(&path.to_string_lossy())))
            .hint("name a run, a cache entry, or the path of one of them")
    };
    let root = session.root.as_ref().ok_or_else(elsewhere)?;
    // Not resolved: a script's link would lead to the entry, and a run may be gone.
    let absolute = std::path::absolute(path).map_err(|error| Failure::could_not("cannot read the path", error))?;
    let parent = absolute.parent().and_then(|parent| parent.canonicalize().ok());
    let resolved = parent.zip(absolute.file_name()).map(|(parent, name)| parent.join(name));
    let plain = |path: &PathBuf| !path.components().any(|part| part == Component::ParentDir);
    let places = [Some(absolute).filter(plain), resolved];
    let stores = [root.path(), root.as_given()];
    let relative: PathBuf = places
        .iter()
        .flatten()
        .find_map(|place| stores.iter().find_map(|store| place.strip_prefix(store).ok()))
        .ok_or_else(elsewhere)?
        .to_owned();
    let parts: Vec<String> = relative
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    match parts.as_slice() {
        [project, cache, name @ ..] if cache == ".cache" && !name.is_empty() => {
            Ok(format!("{project}/.cache/{}", name.join("/")))
        }
        // Runs of 2023 lie in the store itself.
        [run, ..] if RunDir::parse(run.as_bytes()).is_ok() => Ok(format!("./{run}")),
        [project, run, ..] => Ok(format!("{project}/{run}")),
        _ => Err(elsewhere()),
    }
}
