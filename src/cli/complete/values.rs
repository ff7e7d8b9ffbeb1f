//! Values that may stand in a word's place: the words that a flag knows, and runs, projects, tasks and tags of the store
//! that the command line is about.

use super::line::Line;
use super::{Answer, Candidate, Files};
use crate::cli::args::Global;
use crate::cli::help::TOPICS;
use crate::cli::settings::Environment;
use crate::cli::{select, when};
use clap::Arg;
use clap::builder::ValueHint;
use otto_catalog::catalog::{Catalog, RunFilter};
use otto_catalog::model::{Project, Run, RunState};
use otto_catalog::report::{Look, times};
use std::path::PathBuf;

/// Runs that are offered, of all projects or of one. More than fit on a screen help nobody to choose.
const RUNS: u64 = 40;
/// Projects whose runs are offered at once.
const PROJECTS: usize = 20;
/// Tasks, tags and cache entries that are offered.
const NAMES: u64 = 1000;

/// What may stand for an argument, where its value was begun.
pub(super) fn of(line: &Line<'_>, argument: &Arg, begun: &str) -> Answer {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        return words(argument, &possible, begun);
    }
    if argument.get_id() == "home" || argument.get_value_names().is_some_and(|names| names[0] == "DIR") {
        return Answer { candidates: Vec::new(), files: Files::Directories };
    }
    let is_path = matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath);
    let candidates = named(line, argument, begun).unwrap_or_default();
    Answer { candidates, files: if is_path { Files::Any } else { Files::None } }
}

/// The words that an argument knows; after a comma, those that were not said.
fn words(argument: &Arg, possible: &[clap::builder::PossibleValue], begun: &str) -> Answer {
    let (said, _) = match (argument.get_value_delimiter(), begun.rfind(',')) {
        (Some(','), Some(comma)) => begun.split_at(comma + 1),
        _ => ("", begun),
    };
    let mut candidates = Vec::new();
    for value in possible.iter().filter(|value| !value.is_hide_set()) {
        if said.split(',').all(|word| word != value.get_name()) {
            let about = value.get_help().map(ToString::to_string).unwrap_or_default();
            candidates.push(Candidate::new(format!("{said}{}", value.get_name()), about));
        }
    }
    Answer { candidates, files: Files::None }
}

/// Names from the store.
fn named(line: &Line<'_>, argument: &Arg, begun: &str) -> Option<Vec<Candidate>> {
    let name = argument.get_value_names()?.first()?.as_str();
    let id = argument.get_id().as_str();
    if name.contains("TOPIC") {
        return Some(topics(line, argument));
    }
    let store = || Store::of(line);
    match (id, name) {
        ("tag" | "keep_tag", _) => store()?.tags(""),
        (_, "PROJECT/NAME") => store()?.entries(begun),
        _ if id.contains("project") => store()?.project_words(),
        _ if id.contains("task") || name == "TASK" => store()?.tasks(line),
        _ if name == "OPERATION" => store()?.operations(),
        _ if name.contains("TAG") && begun.starts_with('+') => store()?.tags("+"),
        _ if name.contains("RUN") => store()?.runs(among(line), begun),
        _ => None,
    }
}

/// Tags behind the hyphen that takes them off.
pub(super) fn tags_taken_off(line: &Line<'_>, begun: &str) -> Vec<Candidate> {
    if begun.starts_with("--") {
        return Vec::new();
    }
    Store::of(line).and_then(|store| store.tags("-")).unwrap_or_default()
}

/// Commands, below those that were named, and topics.
fn topics(line: &Line<'_>, argument: &Arg) -> Vec<Candidate> {
    let mut root = <crate::cli::args::Cli as clap::CommandFactory>::command();
    root.build();
    let said = line.all(argument.get_id().as_str());
    let mut parent = &root;
    for word in &said {
        parent = parent.find_subcommand(word).unwrap_or(parent);
    }
    let mut found = super::commands(parent).candidates;
    if said.is_empty() {
        let about = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        found.extend(TOPICS.iter().map(|(name, text)| Candidate::new(*name, about(text))));
    }
    found
}

/// Which runs a command is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    Present,
    Pinned,
    Trashed,
}

fn among(line: &Line<'_>) -> Among {
    match line.path.as_slice() {
        ["unpin"] => Among::Pinned,
        ["trash", ..] => Among::Trashed,
        _ => Among::Present,
    }
}

/// The store that a command line is about, as its catalog knows it.
struct Store {
    home: PathBuf,
    catalog: Catalog,
    projects: Vec<Project>,
    look: Look,
}

impl Store {
    /// `None` when there is none, or it has no catalog that can be read at once.
    fn of(line: &Line<'_>) -> Option<Self> {
        let path = |id| line.value(id).map(expanded);
        let global = Global { home: path("home"), catalog: path("catalog"), ..Global::default() };
        let environment = Environment::read(&global, super::ASKED).ok()?;
        let catalog = Catalog::peek(&environment.catalog_file()).ok()?;
        let projects = catalog.projects().ok()?;
        let now = environment.clock.now;
        let look = Look { width: None, colour: false, verbose: false, ascii: true, now, local: when::local };
        Some(Self { home: environment.home, catalog, projects, look })
    }

    /// Projects by their name where it is one project's alone, else by directory.
    fn project_words(&self) -> Option<Vec<Candidate>> {
        let about = |project: &Project| times(project.runs, "run");
        let mut found = Vec::new();
        for project in &self.projects {
            let directory = Candidate::new(project.dir.lossy(), about(project));
            if self.is_alone(project) && project.name != directory.value {
                found.push(Candidate::new(project.name.clone(), format!("{}, {}", directory.value, about(project))));
            }
            found.push(directory);
        }
        Some(found)
    }

    fn is_alone(&self, project: &Project) -> bool {
        !project.name.is_empty() && self.projects.iter().filter(|other| other.name == project.name).count() == 1
    }

    fn runs(&self, among: Among, begun: &str) -> Option<Vec<Candidate>> {
        let digits = !begun.is_empty() && begun.bytes().all(|byte| byte.is_ascii_digit());
        if let Some((project, _)) = begun.rsplit_once('/') {
            let of = self.projects_by(|p| p.dir.lossy() == project || p.name == project || p.dir.hash() == project);
            return Some(self.of_projects(&of, among, |run| format!("{project}/{}", run.dir())));
        }
        if digits {
            return self.of_time(among, begun);
        }
        let mut found = Vec::new();
        if among == Among::Present {
            found.extend(self.latest(begun)?);
        }
        if begun.is_empty() {
            found.extend(self.newest(among, None).iter().map(|run| self.candidate(run, run.id.to_string())));
        } else {
            let of = self.projects_by(|p| p.dir.lossy().starts_with(begun));
            found.extend(self.of_projects(&of, among, |run| run.id.to_string()));
        }
        Some(found)
    }

    fn projects_by(&self, fits: impl Fn(&Project) -> bool) -> Vec<&Project> {
        self.projects.iter().filter(|project| fits(project)).take(PROJECTS).collect()
    }

    fn of_projects(&self, of: &[&Project], among: Among, word: impl Fn(&Run) -> String) -> Vec<Candidate> {
        let runs = of.iter().flat_map(|project| self.newest(among, Some(project.id)));
        runs.map(|run| self.candidate(&run, word(&run))).collect()
    }

    /// `latest`, those before it, and the same of projects.
    fn latest(&self, begun: &str) -> Option<Vec<Candidate>> {
        let (of, back) = match begun.rsplit_once(':') {
            Some((project, back)) => (Some(project), back),
            None => (None, begun),
        };
        let scope = match of {
            Some(word) => Some(select::projects(&self.projects, word).ok()?.first()?.id),
            None => None,
        };
        let before = of.map_or_else(String::new, |project| format!("{project}:"));
        let mut found = Vec::new();
        let most = if back.starts_with("latest-") { 9 } else { u64::from(of.is_some()) };
        for n in 0..=most {
            let Some(run) = self.catalog.nth_newest(scope, n).ok()? else { break };
            let word = if n == 0 { format!("{before}latest") } else { format!("{before}latest-{n}") };
            found.push(self.candidate(&run, word));
        }
        if of.is_none() && !begun.is_empty() {
            let named = self.projects_by(|p| self.is_alone(p) && p.name.starts_with(begun));
            for project in named {
                if let Some(run) = self.catalog.nth_newest(Some(project.id), 0).ok()? {
                    found.push(self.candidate(&run, format!("{}:latest", project.name)));
                }
            }
        }
        Some(found)
    }

    /// Runs whose timestamp begins with these digits, as they are typed: without the project.
    fn of_time(&self, among: Among, digits: &str) -> Option<Vec<Candidate>> {
        /// Digits of the timestamps that there are, from 2001 to 2286.
        const DIGITS: usize = 10;
        let start: i64 = digits.parse().ok()?;
        let scale = 10_i64.checked_pow(u32::try_from(DIGITS.checked_sub(digits.len())?).ok()?)?;
        let (from, to) = (start.checked_mul(scale)?, start.checked_add(1)?.checked_mul(scale)? - 1);
        let runs = match among {
            Among::Trashed => self.catalog.gone_between(RunState::Trashed, None, from..=to, RUNS).ok()?,
            Among::Present | Among::Pinned => self.catalog.runs_between(None, from..=to, RUNS).ok()?,
        };
        let runs = runs.iter().filter(|run| among != Among::Pinned || run.pinned);
        Some(runs.map(|run| self.candidate_of(run, run.dir().to_string(), &run.id.to_string())).collect())
    }

    /// The newest runs, of a project or of all.
    fn newest(&self, among: Among, project: Option<i64>) -> Vec<Run> {
        let filter = RunFilter { project, pinned: among == Among::Pinned, limit: Some(RUNS), ..RunFilter::default() };
        let found = match among {
            Among::Trashed => self.catalog.gone_between(RunState::Trashed, project, i64::MIN..=i64::MAX, RUNS),
            Among::Present | Among::Pinned => self.catalog.runs(&filter),
        };
        let mut found = found.unwrap_or_default();
        found.retain(|run| project.is_none_or(|project| run.project_key == project));
        found
    }

    fn candidate(&self, run: &Run, word: String) -> Candidate {
        self.candidate_of(run, word, "")
    }

    fn candidate_of(&self, run: &Run, word: String, before: &str) -> Candidate {
        let comma = if before.is_empty() { "" } else { ", " };
        let (status, ago) = (run.status.word(), self.look.ago(run.timestamp()));
        Candidate::new(word, format!("{before}{comma}{status}, {ago}"))
    }

    /// The tasks of the run that was named before, else all that are known.
    fn tasks(&self, line: &Line<'_>) -> Option<Vec<Candidate>> {
        let of_run = line.value("run").and_then(|word| select::run(&self.catalog, word).ok());
        let names: Vec<Vec<u8>> = match of_run {
            Some(run) => self.catalog.tasks(run.key).ok()?.into_iter().map(|task| task.name).collect(),
            None => self.catalog.task_names(NAMES).ok()?,
        };
        let mut names: Vec<String> = names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect();
        names.sort_unstable();
        Some(names.into_iter().map(|name| Candidate::new(name, "")).collect())
    }

    fn tags(&self, before: &str) -> Option<Vec<Candidate>> {
        let tags = self.catalog.tag_names(NAMES).ok()?;
        Some(tags.into_iter().map(|tag| Candidate::new(format!("{before}{tag}"), "")).collect())
    }

    /// Projects first; after the slash the entries of one.
    fn entries(&self, begun: &str) -> Option<Vec<Candidate>> {
        let Some((word, _)) = begun.split_once('/') else {
            let entries = |project: &Project| format!("{} entries", project.cache_entries);
            let with = self.projects.iter().filter(|project| project.cache_entries > 0);
            return Some(with.map(|p| Candidate::new(format!("{}/", p.dir.lossy()), entries(p))).collect());
        };
        let project = select::projects(&self.projects, word).ok()?.into_iter().next()?;
        let entries = self.catalog.cache_entries(project.id).ok()?.into_iter().take(NAMES as usize);
        let about = |count: u64| if count == 0 { "orphan".to_owned() } else { times(count, "reference") };
        let names = entries.filter_map(|entry| {
            let name = String::from_utf8(entry.path).ok()?;
            Some(Candidate::new(format!("{word}/{name}"), about(entry.references)))
        });
        Some(names.collect())
    }

    /// Operations whose directory lies in the trash, the newest first.
    fn operations(&self) -> Option<Vec<Candidate>> {
        let lying = std::fs::read_dir(self.home.join(".catalog").join("trash")).ok()?;
        let mut names: Vec<String> = lying.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        let about = |name: &str| self.catalog.operation(name).ok().flatten().map(|o| o.command).unwrap_or_default();
        Some(names.into_iter().map(|name| Candidate::new(name.clone(), about(&name))).collect())
    }
}

/// A path whose `~/` no shell has expanded yet.
fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(below), Some(home)) => PathBuf::from(home).join(below),
        _ => PathBuf::from(path),
    }
}
