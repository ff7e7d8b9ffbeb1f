//! Which run and which project a word means: exact first, then by what is unique; what fits several is refused with the
//! candidates, what fits none with the nearest.
//!
//! A command says [among](Among) which runs a word may choose. Several words are [`runs`].

mod cache_name;
mod entry;
mod many;
mod project;

pub(crate) use cache_name::cache_name;
pub(crate) use entry::entries;
pub(crate) use many::{RunWords, STDIN, expanded, only_word, runs, runs_among};
pub(crate) use project::{holding, known_project_keys, labels, project_keys, projects};

use super::clean::quoted;
use super::exit::Failure;
use super::when;
use otto_catalog::catalog::{self, Catalog};
use otto_catalog::model::{Project, Run, RunDir, RunState, Timestamp};
use otto_catalog::report::printable;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// So many digits or hash letters begin a selector; fewer are a slip.
const SHORTEST_PREFIX: usize = 4;
/// Candidates that are named.
const SHOWN: usize = 10;
/// From here on two names look alike.
const ALIKE: f64 = 0.7;
/// The most digits that a timestamp has (the year 9999).
const MOST_DIGITS: usize = 12;

/// Among which runs a word chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    /// Those in their place.
    Present,
    /// Those in the trash, and those in their place of which parts are in the trash.
    Restorable,
    /// Those in their place, and those in the trash that can be restored.
    Kept,
    /// All that have a row; where one in its place fits, only those in place.
    Known,
}

impl Among {
    const fn gone(self) -> &'static [RunState] {
        match self {
            Self::Present => &[],
            Self::Restorable | Self::Kept => &[RunState::Trashed],
            Self::Known => &[RunState::Trashed, RunState::Removed, RunState::Vanished],
        }
    }

    /// Whether that run is one of them.
    fn has(self, catalog: &Catalog, run: &Run) -> catalog::Result<bool> {
        Ok(match run.state {
            RunState::Present => self != Self::Restorable || !catalog.parts_in_the_trash(run.key)?.is_empty(),
            state => self.gone().contains(&state),
        })
    }

    /// Of some runs those that a word may choose.
    fn of(self, catalog: &Catalog, runs: Vec<Run>) -> catalog::Result<Vec<Run>> {
        let mut chosen = Vec::with_capacity(runs.len());
        for run in runs {
            if self.has(catalog, &run)? {
                chosen.push(run);
            }
        }
        // What is gone is meant only when nothing else is; to be brought back it is meant as much.
        if self != Self::Restorable && chosen.iter().any(|run| run.state == RunState::Present) {
            chosen.retain(|run| run.state == RunState::Present);
        }
        Ok(chosen)
    }

    /// The projects that its runs may belong to.
    fn projects(self, catalog: &Catalog) -> catalog::Result<Vec<Project>> {
        if self == Self::Present { catalog.named_projects() } else { catalog.known_projects() }
    }
}

/// Up to three names that look like a word, the most alike first.
pub(crate) fn nearest(word: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut near: Vec<(f64, String)> = names
        .collect::<HashSet<_>>()
        .into_iter()
        .map(|name| (likeness(word, &name), name))
        .filter(|(likeness, name)| *likeness >= ALIKE && !name.is_empty())
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    near.into_iter().take(3).map(|(_, name)| format!("`{}`", printable(&name))).collect()
}

/// From 0 to 1: a beginning they share counts, and so does being a slip of the keys away.
fn likeness(word: &str, name: &str) -> f64 {
    let slip = slips(word, name).map_or(0.0, |slips| 1.0 - slips as f64 / 10.0);
    strsim::jaro_winkler(word, name).max(slip)
}

/// How many slips of the keys lie between two words; `None` when they are different words.
pub(crate) fn slips(word: &str, name: &str) -> Option<usize> {
    let slips = strsim::osa_distance(word, name);
    let length = word.chars().count().min(name.chars().count());
    (slips <= 2 && slips * 3 <= length).then_some(slips)
}

/// The run in its place that a word means.
pub(crate) fn run(catalog: &Catalog, word: &str) -> Result<Run, Failure> {
    run_among(catalog, word, Among::Present)
}

/// The run that a word means, among those in the given states of life.
pub(crate) fn run_among(catalog: &Catalog, word: &str, among: Among) -> Result<Run, Failure> {
    let all = among.projects(catalog)?;
    if let Some(back) = latest(word)? {
        return newest(catalog, None, back, word, among);
    }
    if let Some((project, rest)) = word.rsplit_once(':')
        && let Some(back) = latest(rest)?
    {
        return match projects(&all, project)?.as_slice() {
            [project] => newest(catalog, Some(project), back, word, among),
            several => newest_of(catalog, several, back, word, among),
        };
    }
    let (scope, dir) = match word.rsplit_once('/') {
        Some((project, dir)) => (Scope { projects: projects(&all, project)?, named: true }, dir),
        None => (Scope { projects: all, named: false }, word),
    };
    let exact = among.of(catalog, exact(catalog, &scope, dir)?)?;
    if !exact.is_empty() {
        return one_of(exact, word);
    }
    let mut begun = beginning_with(catalog, &scope, dir, among)?;
    for span in when::local_time(dir) {
        begun.extend(between(catalog, &scope, span, among)?);
    }
    let begun = among.of(catalog, begun)?;
    if begun.is_empty() { Err(no_run(catalog, &scope.projects, dir, word)?) } else { one_of(begun, word) }
}

/// The projects in which a run is looked for.
struct Scope {
    projects: Vec<Project>,
    /// Whether the word names them; else they are all that there are.
    named: bool,
}

impl Scope {
    /// What to ask the catalog for: each project by itself, or all at once. Others never fill a limit.
    fn asked(&self) -> Vec<Option<i64>> {
        if self.named { self.projects.iter().map(|project| Some(project.id)).collect() } else { vec![None] }
    }
}

/// How far back `latest` or `latest-N` goes.
fn latest(word: &str) -> Result<Option<u64>, Failure> {
    match word.strip_prefix("latest") {
        Some("") => Ok(Some(0)),
        Some(rest) if rest.starts_with('-') => match rest[1..].parse() {
            Ok(back) => Ok(Some(back)),
            Err(_) => Err(Failure::usage(format!("`{}` names no run", printable(word)))
                .hint("write latest-1 for the run before the latest")),
        },
        _ => Ok(None),
    }
}

/// The `back`-th newest in place; where what can be restored is meant, the one in the trash before it.
fn nth_newest(catalog: &Catalog, project: Option<i64>, back: u64, among: Among) -> catalog::Result<Option<Run>> {
    if among == Among::Restorable
        && let Some(run) = catalog.nth_newest_gone(RunState::Trashed, project, back)?
    {
        return Ok(Some(run));
    }
    let Some(run) = catalog.nth_newest(project, back)? else { return Ok(None) };
    Ok(if among.has(catalog, &run)? { Some(run) } else { None })
}

fn newest(catalog: &Catalog, project: Option<&Project>, back: u64, word: &str, among: Among) -> Result<Run, Failure> {
    nth_newest(catalog, project.map(|p| p.id), back, among)?.ok_or_else(|| too_far(word, among))
}

/// The newest over several directories of one name.
fn newest_of(catalog: &Catalog, projects: &[Project], back: u64, word: &str, among: Among) -> Result<Run, Failure> {
    let mut runs = Vec::new();
    for project in projects {
        for n in 0..=back {
            match nth_newest(catalog, Some(project.id), n, among)? {
                Some(run) => runs.push(run),
                None => break,
            }
        }
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.timestamp(), run.dir().number())));
    let wanted = usize::try_from(back).ok().filter(|back| *back < runs.len());
    wanted.map(|back| runs.swap_remove(back)).ok_or_else(|| too_far(word, among))
}

fn too_far(word: &str, among: Among) -> Failure {
    let word = printable(word);
    match among {
        Among::Restorable => Failure::usage(format!("nothing in the trash is `{word}`"))
            .hint("`otto trash list` shows what can be restored"),
        _ => Failure::usage(format!("there is no run `{word}`")).hint("`otto list` shows the runs that are there"),
    }
}

/// The runs of that very name, in whatever state.
fn exact(catalog: &Catalog, scope: &Scope, dir: &str) -> catalog::Result<Vec<Run>> {
    let mut found = Vec::new();
    if RunDir::parse(dir.as_bytes()).is_ok() {
        for project in &scope.projects {
            found.extend(catalog.run_named(project.id, dir)?);
        }
    }
    Ok(found)
}

/// The runs whose timestamp begins with those digits: ranges of numbers, which the index finds.
fn beginning_with(catalog: &Catalog, scope: &Scope, digits: &str, among: Among) -> catalog::Result<Vec<Run>> {
    let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
    if !all_digits || digits.len() < SHORTEST_PREFIX || digits.len() > MOST_DIGITS || digits.starts_with('0') {
        return Ok(Vec::new());
    }
    let Ok(start) = digits.parse::<i64>() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for more in 0..=(MOST_DIGITS - digits.len()) {
        let scale = 10_i64.pow(u32::try_from(more).unwrap_or(0));
        found.extend(between(catalog, scope, start * scale..=start * scale + (scale - 1), among)?);
    }
    Ok(found)
}

/// The runs of a stretch of time, of each state that may be meant.
fn between(
    catalog: &Catalog,
    scope: &Scope,
    span: RangeInclusive<Timestamp>,
    among: Among,
) -> catalog::Result<Vec<Run>> {
    // Enough to see that several are meant. Of those in their place few can be restored: which, is asked of each.
    let limit = if among == Among::Restorable { u64::MAX } else { SHOWN as u64 + 1 };
    let mut runs = Vec::new();
    for project in scope.asked() {
        runs.extend(catalog.runs_between(project, span.clone(), limit)?);
        for state in among.gone() {
            runs.extend(catalog.gone_between(*state, project, span.clone(), limit)?);
        }
    }
    Ok(runs)
}

fn one_of(mut found: Vec<Run>, word: &str) -> Result<Run, Failure> {
    if found.len() == 1 {
        return Ok(found.swap_remove(0));
    }
    let ids: Vec<String> = found.iter().take(SHOWN).map(|run| printable(&run.id.to_string()).into_owned()).collect();
    let more = if found.len() > SHOWN { ", ..." } else { "" };
    Err(Failure::usage(format!("`{}` means several runs: {}{more}", printable(word), ids.join(", ")))
        .hint("name one by its id"))
}

fn no_run(catalog: &Catalog, scope: &[Project], dir: &str, word: &str) -> Result<Failure, Failure> {
    for project in scope {
        if let Some(run) = catalog.run_named(project.id, dir)? {
            let id = printable(&run.id.to_string()).into_owned();
            return Ok(match run.state {
                RunState::Present => Failure::usage(format!("the run `{id}` is in its place, and not in the trash")),
                RunState::Trashed => Failure::usage(format!("the run `{id}` is not there any more: trashed"))
                    .hint_command("to bring it back", format!("trash restore {}", quoted(&id))),
                state => Failure::usage(format!("the run `{id}` is not there any more: {}", state.word())),
            });
        }
    }
    let failure = Failure::usage(format!("there is no run `{}`", printable(word)));
    let is_project = |project: &Project| project.dir.lossy() == word || project.name == word;
    if scope.iter().any(is_project) {
        let word = printable(word);
        return Ok(failure.hint(format!("`{word}` is a project: its newest run is `{word}:latest`")));
    }
    let digits = dir.bytes().all(|b| b.is_ascii_digit());
    Ok(if digits && dir.len() < SHORTEST_PREFIX {
        failure.hint(format!("the beginning of a timestamp needs {SHORTEST_PREFIX} digits or more"))
    } else {
        failure.hint("write its id, its timestamp or the beginning of one, latest, latest-N or PROJECT:latest")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use otto_catalog::model::{ProjectDir, Size};

    pub(super) fn project(id: i64, dir: &str, name: &str) -> Project {
        Project {
            id,
            dir: ProjectDir::new(dir),
            name: name.into(),
            runs: 1,
            run_size: Size::ZERO,
            cache_entries: 0,
            cache_size: Size::ZERO,
            oldest_run: None,
            listed_whole: true,
        }
    }

    #[test]
    fn a_project_is_meant_by_directory_hash_name_or_the_beginning_of_its_hash() {
        let all = [
            project(1, "web-e259db19", "web"),
            project(2, "web-e2aa0000", "web"),
            project(3, "otto-abc12345", "shop"),
            project(4, "api-abc12345", "api"),
            project(5, "e259-11112222", "e259"),
        ];
        let ids = |word: &str| projects(&all, word).map(|found| found.iter().map(|p| p.id).collect::<Vec<_>>());
        assert_eq!(ids("web-e259db19").unwrap(), [1]);
        assert_eq!(ids("e2aa0000").unwrap(), [2]);
        assert_eq!(ids("web").unwrap(), [1, 2]);
        assert_eq!(ids("shop").unwrap(), [3]);
        assert_eq!(ids("e259").unwrap(), [5], "a name beats the beginning of a hash");
        assert_eq!(ids("e259d").unwrap(), [1]);
        for (word, text) in
            [("abc12345", "2 projects"), ("e2", "no project"), ("wbe", "no project"), ("", "no project")]
        {
            let error = format!("{:?}", ids(word).unwrap_err());
            assert!(error.contains(text), "{word}: {error}");
        }
    }

    #[test]
    fn a_slip_of_the_keys_is_near() {
        let near = |word: &str| nearest(word, ["web", "api-orders", "e259db19"].map(str::to_owned).into_iter());
        assert_eq!(near("wbe"), ["`web`"]);
        assert_eq!(near("ap-iorders"), ["`api-orders`"]);
        assert_eq!(near("2e59db19"), ["`e259db19`"]);
        assert_eq!(near("nobody"), [""; 0]);
    }

    #[test]
    fn latest_counts_back() {
        assert_eq!(latest("latest").unwrap(), Some(0));
        assert_eq!(latest("latest-3").unwrap(), Some(3));
        assert_eq!(latest("latest3").unwrap(), None);
        assert!(latest("latest-x").is_err() && latest("latest--1").is_err());
    }
}
