//! What comes back, before anything does: the value that a preview shows and that restoring takes.

use super::super::execute::Skipped;
use super::contents::{Content, ItemState, content, listed, path};
use crate::model::{ProjectDir, Run, RunState, Size};
use crate::session::{Error, Session, Settings};
use crate::store::dir;
use crate::store::project_walk;
use crate::store::trash::{Lying, Trash};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::{BTreeMap, HashMap};
use std::io;

/// What is to come back.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// These runs, with the cache entries that they name; of those that are in their place, the parts that were dropped.
    Runs(&'a [Run]),
    /// All that an operation moved.
    Operation(&'a str),
}

/// What restoring brings back.
#[derive(Clone, Debug, Default)]
pub struct Restoration {
    /// By operation.
    pub parts: Vec<Part>,
    /// What stays in the trash, and why.
    pub skipped: Vec<Skipped>,
}

/// What restoring brings back of an operation.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The operation.
    pub operation: String,
    /// Runs, with what they took.
    pub runs: Vec<(ProjectDir, String, Size)>,
    /// Cache entries that it had removed.
    pub entries: Vec<(ProjectDir, Vec<u8>)>,
    /// Runs that stayed and of which parts come back, with what these took.
    pub thinned: Vec<(ProjectDir, String, Size)>,
}

impl Restoration {
    /// Whether nothing comes back.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.runs.is_empty() && part.entries.is_empty() && part.thinned.is_empty())
    }
}

/// The last operation of which something can be restored.
///
/// # Errors
/// When the trash or the catalog cannot be read.
pub fn last_operation(session: &Session, settings: &Settings<'_>) -> Result<Option<String>, Error> {
    let all = listed(session, settings)?;
    let has_some = |content: &Content| content.items.iter().any(|item| item.state.is_kept());
    Ok(all.into_iter().rev().find(has_some).map(|content| content.id))
}

/// What restoring would bring back.
///
/// # Errors
/// When the trash or the catalog cannot be read.
pub fn plan_restore(session: &Session, settings: &Settings<'_>, wanted: Wanted<'_>) -> Result<Restoration, Error> {
    let mut plan = Restoration::default();
    let mut places = Places { session, open: HashMap::new() };
    match wanted {
        Wanted::Operation(id) => {
            let error = |source: io::Error| Error::Io { act: "open", path: path(session), source };
            let opened = trash(session, settings)?.map(|trash| trash.look_at(id)).transpose().map_err(error)?;
            let Some(operation) = opened.flatten() else { return Ok(plan) };
            let mut part = Part { operation: id.to_owned(), ..Part::default() };
            let content = content(session, &operation)?;
            for item in content.items {
                match (item.state, item.lying) {
                    (ItemState::Kept { .. }, Lying::Run { project, run }) => {
                        plan.take(&mut part, &mut places, project, run, item.size);
                    }
                    (ItemState::Kept { .. }, Lying::Entry { project, path }) => part.entries.push((project, path)),
                    (ItemState::Kept { .. }, Lying::Parts { project, run }) => {
                        part.thinned.push((project, run, item.size));
                    }
                    // A newcomer has the row of its name: then nothing is decided about what lies here any more.
                    (ItemState::Undecided, Lying::Run { project, run })
                        if content.keep_until.is_some() && places.is_taken(&project, &run) =>
                    {
                        plan.skipped.push(taken(&project, &run));
                    }
                    _ => {}
                }
            }
            plan.parts.push(part);
        }
        Wanted::Runs(runs) => {
            let mut parts: BTreeMap<String, Part> = BTreeMap::new();
            for run in runs {
                let (project, name) = (run.project().clone(), run.dir().as_str().to_owned());
                if run.state == RunState::Present {
                    for (operation, size) in session.catalog.parts_in_the_trash(run.key)? {
                        let part = part_of(&mut parts, operation);
                        part.thinned.push((project.clone(), name.clone(), size));
                    }
                    continue;
                }
                let decision = session.catalog.run_decision(&project, &name)?;
                let Some(operation) = decision.and_then(|d| d.operation) else { continue };
                let part = part_of(&mut parts, operation);
                plan.take(part, &mut places, project, name, run.size);
            }
            plan.parts = parts.into_values().collect();
        }
    }
    Ok(plan)
}

/// What comes back of an operation, for adding to it.
fn part_of(parts: &mut BTreeMap<String, Part>, operation: String) -> &mut Part {
    parts.entry(operation.clone()).or_insert_with(|| Part { operation, ..Part::default() })
}

impl Restoration {
    /// A run that comes back, unless something is in its place.
    fn take(&mut self, part: &mut Part, places: &mut Places<'_>, project: ProjectDir, run: String, size: Size) {
        if places.is_taken(&project, &run) {
            self.skipped.push(taken(&project, &run));
        } else {
            part.runs.push((project, run, size));
        }
    }
}

/// Why a run stays in the trash although it could come back.
pub(super) const TAKEN: &str = "something else is in its place, and stays there";

fn taken(project: &ProjectDir, run: &str) -> Skipped {
    Skipped { id: format!("{project}/{run}"), reason: TAKEN.to_owned() }
}

/// The places of runs.
struct Places<'s> {
    session: &'s Session,
    open: HashMap<ProjectDir, Option<OwnedFd>>,
}

impl Places<'_> {
    fn is_taken(&mut self, project: &ProjectDir, run: &str) -> bool {
        let Some(root) = &self.session.root else { return false };
        let Ok(name) = dir::c_name(run.as_bytes()) else { return false };
        if project.is_root() {
            return dir::meta_at(root.fd(), &name).is_ok();
        }
        let open = || project_walk::open_project(root, project).ok().flatten().map(|(fd, _)| fd);
        let fd = self.open.entry(project.clone()).or_insert_with(open);
        fd.as_ref().is_some_and(|fd| dir::meta_at(fd.as_fd(), &name).is_ok())
    }
}

pub(super) fn trash(session: &Session, settings: &Settings<'_>) -> Result<Option<Trash>, Error> {
    let Some(directory) = session.directory() else { return Ok(None) };
    let error = |source| Error::Io { act: "open", path: path(session), source };
    Trash::open_if_there(directory, &settings.hook).map_err(error)
}
