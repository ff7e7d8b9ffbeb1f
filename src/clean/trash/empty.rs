//! Letting go what waits in the trash.

use super::super::emptied::{self, GivenUp};
use super::super::execute::{Execution, Outcome, Skipped, remove_all};
use super::contents::{Item, ItemState, listed, name_of, path, state};
use crate::model::{Size, Timestamp};
use crate::session::{Error, Session, Settings};
use crate::store::change::Freed;
use crate::store::trash::{Lying, Operation, Trash};
use std::collections::HashSet;
use std::io;

/// What emptying removes.
#[derive(Clone, Debug, Default)]
pub struct Emptying {
    /// By operation: what goes of it.
    pub operations: Vec<(String, Vec<Item>)>,
    /// What stays, and why.
    pub skipped: Vec<Skipped>,
    /// What it frees.
    pub frees: Size,
}

impl Emptying {
    /// Runs that go.
    pub fn runs(&self) -> u64 {
        self.items().filter(|item| matches!(item.lying, Lying::Run { .. })).count() as u64
    }

    /// Cache entries that go.
    pub fn entries(&self) -> u64 {
        self.items().filter(|item| matches!(item.lying, Lying::Entry { .. })).count() as u64
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    fn items(&self) -> impl Iterator<Item = &Item> {
        self.operations.iter().flat_map(|(_, items)| items)
    }
}

/// What emptying would remove: all that waits to be restored, or what went to the trash before an instant.
///
/// # Errors
/// When the trash or the catalog cannot be read.
pub fn plan_empty(session: &Session, settings: &Settings<'_>, before: Option<Timestamp>) -> Result<Emptying, Error> {
    let mut plan = Emptying::default();
    let mut paths = Vec::new();
    for content in listed(session, settings)? {
        if before.is_some_and(|before| content.at >= before) {
            continue;
        }
        let all = content.items.len();
        let mut goes = Vec::new();
        for item in content.items {
            match item.state {
                ItemState::Kept { pinned: true, .. } => {
                    plan.skipped.push(Skipped { id: item.name(), reason: "pinned".to_owned() });
                }
                ItemState::Kept { .. } => goes.push(item),
                ItemState::Leaving | ItemState::Undecided => {}
            }
        }
        if goes.is_empty() {
            continue;
        }
        let items: Vec<Lying> = goes.iter().map(|item| item.lying.clone()).collect();
        paths.extend(emptied::paths(session, &content.id, &items, items.len() == all));
        plan.operations.push((content.id, goes));
    }
    plan.frees = crate::store::measure::freed(paths);
    Ok(plan)
}

/// Empties: what the plan says and nothing more. What was restored, pinned or taken up by somebody else since is skipped.
///
/// # Errors
/// When nothing was done: the lock, the catalog or the trash is not to be had, or the decision could not be recorded.
pub fn empty(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Emptying,
    execution: &Execution<'_>,
) -> Result<Outcome, Error> {
    session.lock_again(settings)?;
    session.check_clock(settings)?;
    let mut outcome = Outcome { skipped: plan.skipped, ..Outcome::default() };
    let directory = session.directory().ok_or_else(|| Error::NoCatalog("it has no directory".to_owned()))?;
    let trash_path = path(session);
    let error = |act| {
        let path = trash_path.clone();
        move |source: io::Error| Error::Io { act, path, source }
    };
    let Some(trash) = Trash::open_if_there(directory, &settings.hook).map_err(error("open"))? else {
        return Ok(outcome);
    };
    let mut opened: Vec<(Operation, Vec<Item>)> = Vec::new();
    for (id, items) in plan.operations {
        match trash.resume(&id).map_err(error("open"))? {
            Some(operation) => opened.push((operation, items)),
            None => outcome.skipped.extend(
                items
                    .iter()
                    .map(|i| Skipped { id: i.name(), reason: "somebody else works on it, or it is gone".into() }),
            ),
        }
    }
    let mut given_up = Vec::with_capacity(opened.len());
    for (operation, items) in &opened {
        let lying = operation.lying().map_err(error("list"))?;
        let mut goes = Vec::new();
        for item in items {
            let reason = match state(session, &operation.id, &item.lying)? {
                ItemState::Kept { pinned: true, .. } => "pinned",
                ItemState::Kept { row, .. } if lying.contains(&item.lying) => {
                    goes.push((item.lying.clone(), row));
                    continue;
                }
                _ => "it is not in the trash any more",
            };
            outcome.skipped.push(Skipped { id: item.name(), reason: reason.to_owned() });
        }
        given_up.push(GivenUp { operation, whole: goes.len() == lying.len(), items: goes });
    }
    emptied::commit(session, settings, &mut given_up)?;
    if let Err(error) = emptied::note(session, settings, execution, &given_up) {
        outcome.notices.push(format!("the audit log lacks what was emptied: {error}"));
    }
    let items: Vec<Vec<Lying>> =
        given_up.into_iter().map(|one| one.items.into_iter().map(|(lying, _)| lying).collect()).collect();
    session.unlock();
    let dev = session.store()?.dev();
    let mut unlinked = HashSet::new();
    for ((operation, planned), items) in opened.into_iter().zip(items) {
        let removed = remove_all(&operation, &items, dev, settings, execution.interrupted);
        outcome.freed_runs += removed.runs;
        outcome.freed_cache += removed.cache;
        outcome.interrupted |= removed.stopped;
        outcome.failed.extend(removed.failed);
        for item in planned.into_iter().filter(|item| items.contains(&item.lying)) {
            match item.lying {
                Lying::Run { .. } => outcome.deleted_runs.push((name_of(&item.lying), item.size)),
                Lying::Parts { .. } => outcome.deleted_runs.push((name_of(&item.lying), item.size)),
                Lying::Entry { project, path } => outcome.deleted_cache.push((project, path, item.size)),
            }
        }
        let companions = operation.companions().unwrap_or_default();
        let freed = Freed::default();
        match trash.drop_empty(operation, &freed) {
            Ok(true) => unlinked.extend(companions.into_iter().map(|(project, _)| project)),
            Ok(false) => {}
            Err(error) => outcome.notices.push(format!("the operation's directory in the trash stays: {error}")),
        }
        outcome.freed_cache += freed.total();
    }
    // Figures of a later preview alone depend on it: who holds the lock now is not waited for in vain.
    if let Err(error) = session.lock_again(settings).and_then(|()| emptied::note_unlinked(session, settings, &unlinked))
    {
        outcome.notices.push(format!("the catalog could not be brought in line: {error}"));
    }
    Ok(outcome)
}
