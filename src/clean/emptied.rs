//! What waited in the trash and goes for good: committed, noted in the audit log, and only then unlinked.
//!
//! A crash between the commit and the note leaves items whose row says removed in an operation that could be undone:
//! recovery notes them before it finishes them. So a note may be there twice, and is never missing.

use super::execute::Execution;
use crate::audit::{self, Emptied, EntryName, Event, Heading, Journal, RunName};
use crate::model::{ProjectDir, Size};
use crate::session::{Error, Session, Settings, operation_id};
use crate::store::change::Act;
use crate::store::trash::{JsonName, Lying, Operation};
use crate::store::{measure, reserve};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// Items of an operation that go for good.
pub(super) struct GivenUp<'o> {
    pub(super) operation: &'o Operation,
    /// Each with its row, if it is a run that was not given up before.
    pub(super) items: Vec<(Lying, Option<i64>)>,
    /// Whether nothing else lies there, so that the companions go as well.
    pub(super) whole: bool,
}

/// Commits that items are on their way out: from here on they are not restored, whatever the clock says. One that was
/// pinned or restored since it was looked at is taken off the list.
pub(super) fn commit(
    session: &mut Session,
    settings: &Settings<'_>,
    given_up: &mut [GivenUp<'_>],
) -> Result<(), Error> {
    if given_up.iter().all(|one| one.items.is_empty()) {
        return Ok(());
    }
    let path = session.store()?.path().join(".catalog");
    settings.hook.before(Act::Commit).map_err(|source| Error::Io { act: "commit in", path, source })?;
    let mut stay = HashSet::new();
    let mut tx = session.catalog.begin_durable()?;
    for one in given_up.iter() {
        for (lying, row) in &one.items {
            match (lying, row) {
                (Lying::Run { .. }, Some(row)) if !tx.give_up_run(*row, &one.operation.id)? => {
                    stay.insert(*row);
                }
                (Lying::Entry { project, path }, _) => tx.give_up_entry(&one.operation.id, project, path)?,
                (Lying::Parts { .. }, Some(row)) => tx.give_up_thinning(&one.operation.id, *row)?,
                (Lying::Run { .. } | Lying::Parts { .. }, _) => {}
            }
        }
    }
    tx.commit()?;
    for one in given_up {
        let before = one.items.len();
        one.items.retain(|(_, row)| row.is_none_or(|row| !stay.contains(&row)));
        one.whole &= one.items.len() == before;
    }
    Ok(())
}

/// Notes in the audit log what goes, and what that frees.
pub(super) fn note(
    session: &Session,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    given_up: &[GivenUp<'_>],
) -> io::Result<()> {
    /// A line stays short enough to be read back.
    const A_LINE: usize = 10_000;

    let Some(directory) = session.directory() else { return Ok(()) };
    if given_up.iter().all(|one| one.items.is_empty()) {
        return Ok(());
    }
    let id = operation_id(settings).map_err(io::Error::other)?;
    let heading = Heading {
        operation: &id,
        now: settings.clock.now,
        who: execution.who,
        command: execution.command,
        policy: execution.policy,
        plan: None,
    };
    let log = audit::Log { hook: &settings.hook, directory, limit: settings.audit_limit };
    let mut journal = Journal::new(log, &heading);
    for one in given_up {
        for (at, items) in one.items.chunks(A_LINE).enumerate() {
            let freed = if at == 0 { frees(session, one) } else { Size::ZERO };
            let mut line = Emptied {
                removed_by: Some(one.operation.id.clone()),
                freed_size_bytes: freed.size,
                freed_disk_bytes: freed.disk,
                ..Emptied::default()
            };
            for (lying, _) in items {
                let project = JsonName::new(lying.project().as_bytes());
                match lying {
                    Lying::Run { run, .. } => line.runs.push(RunName { project, run: run.clone() }),
                    Lying::Parts { run, .. } => line.thinned.push(RunName { project, run: run.clone() }),
                    Lying::Entry { path, .. } => line.cache.push(EntryName { project, entry: JsonName::new(path) }),
                }
            }
            let event = Event::Emptied(line);
            reserve::with(&settings.hook, directory, || journal.append(session.lock(), &event))?;
        }
    }
    Ok(())
}

/// What unlinking items frees: each inode once, with its last name.
fn frees(session: &Session, one: &GivenUp<'_>) -> Size {
    let items: Vec<Lying> = one.items.iter().map(|(lying, _)| lying.clone()).collect();
    measure::freed(paths(session, &one.operation.id, &items, one.whole))
}

/// Where items of an operation lie, and its companions if they go as well.
pub(super) fn paths(session: &Session, operation: &str, items: &[Lying], whole: bool) -> Vec<PathBuf> {
    let Some(root) = &session.root else { return Vec::new() };
    let operation = root.path().join(".catalog").join("trash").join(operation);
    let items = items.iter().map(|lying| operation.join(lying.place()));
    items.chain(whole.then(|| operation.join(Operation::COMPANIONS))).collect()
}

/// Makes the catalog look again at caches in which files lost a second name: no stamp of a directory shows that, and what
/// an entry frees depends on it. The session must hold the store's lock.
pub(super) fn note_unlinked(
    session: &mut Session,
    settings: &Settings<'_>,
    projects: &HashSet<ProjectDir>,
) -> Result<(), Error> {
    if projects.is_empty() {
        return Ok(());
    }
    let mut tx = session.catalog.begin()?;
    for project in projects {
        let key = tx.project_key(project)?;
        tx.distrust_project(key)?;
    }
    tx.commit()?;
    session.refresh(settings, false)
}
