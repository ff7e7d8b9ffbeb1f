//! Bringing back what lies in the trash.

use super::super::back;
use super::super::emptied;
use super::super::execute::{Execution, Failed, Skipped, entry_name};
use super::contents::{name_of, state};
use super::restoration::{Restoration, TAKEN, trash};
use crate::audit::{self, EntryName, Event, Heading, Journal, RunName};
use crate::model::{ProjectDir, Size};
use crate::session::{Error, Session, Settings, operation_id};
use crate::store::change::Freed;
use crate::store::reference::Reference;
use crate::store::reserve;
use crate::store::trash::{Brought, JsonName, Lying, Operation};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::ops::Bound;

/// What restoring did.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// Operations of which something is back.
    pub operations: Vec<String>,
    /// Runs that are back in their place.
    pub runs: Vec<(String, Size)>,
    /// Cache entries that are back, as paths in the store.
    pub entries: Vec<String>,
    /// Runs of which dropped parts are back, with what these take.
    pub thinned: Vec<(String, Size)>,
    /// What stays in the trash, and why.
    pub skipped: Vec<Skipped>,
    /// What could not be brought back.
    pub failed: Vec<Failed>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Notices that do not concern an item.
    pub notices: Vec<String>,
}

/// Brings back: what the plan says and nothing more. The session must hold the store's lock.
///
/// # Errors
/// When nothing was done: the trash is not to be had. Once the first item was moved, whatever goes wrong is in the outcome.
pub fn restore(
    session: &mut Session,
    settings: &Settings<'_>,
    plan: Restoration,
    execution: &Execution<'_>,
) -> Result<Restored, Error> {
    let mut restored = Restored { skipped: plan.skipped, ..Restored::default() };
    let Some(trash) = trash(session, settings)? else { return Ok(restored) };
    let mut done: Vec<(Operation, Done)> = Vec::new();
    for part in plan.parts {
        let opened = trash.resume(&part.operation);
        let operation = match opened {
            Ok(Some(operation)) => operation,
            Ok(None) => {
                let reason = "somebody else works on it, or it is gone";
                let runs = part.runs.iter().map(|(project, run, _)| format!("{project}/{run}"));
                let entries = part.entries.iter().map(|(project, path)| entry_name(project, path));
                let thinned = part.thinned.iter().map(|(project, run, _)| format!("parts of {project}/{run}"));
                restored
                    .skipped
                    .extend(runs.chain(thinned).chain(entries).map(|id| Skipped { id, reason: reason.to_owned() }));
                continue;
            }
            Err(error) => {
                restored.failed.push(Failed { id: part.operation, error: error.to_string(), hint: None });
                continue;
            }
        };
        let mut work = Work {
            session,
            settings,
            operation: &operation,
            restored: &mut restored,
            companions: by_project(operation.companions().unwrap_or_default()),
            done: Done::default(),
        };
        for (project, path) in &part.entries {
            if !(execution.interrupted)() {
                work.entry(project, path);
            }
        }
        for (project, run, size) in &part.thinned {
            if !(execution.interrupted)() {
                work.parts(project, run, *size);
            }
        }
        for (project, run, size) in &part.runs {
            if !(execution.interrupted)() {
                work.run(project, run, *size);
            }
        }
        let finished = work.done;
        done.push((operation, finished));
    }
    restored.interrupted = (execution.interrupted)();
    // The refresh finds the runs in their places and writes their rows: what it cannot do now, the next one does.
    if let Err(error) = session.refresh(settings, false) {
        restored.notices.push(format!("the catalog could not be brought in line: {error}"));
    }
    if let Err(error) = note(session, settings, execution, &done) {
        restored.notices.push(format!("the audit log lacks what was restored: {error}"));
    }
    session.unlock();
    let mut unlinked = HashSet::new();
    for (operation, done) in done {
        if !(done.runs.is_empty() && done.entries.is_empty() && done.thinned.is_empty()) {
            restored.operations.push(operation.id.clone());
        }
        let companions = operation.companions().unwrap_or_default();
        match trash.drop_empty(operation, &Freed::default()) {
            Ok(true) => unlinked.extend(companions.into_iter().map(|(project, _)| project)),
            Ok(false) => {}
            Err(error) => restored.notices.push(format!("the operation's directory in the trash stays: {error}")),
        }
    }
    if let Err(error) = session.lock_again(settings).and_then(|()| emptied::note_unlinked(session, settings, &unlinked))
    {
        restored.notices.push(format!("the catalog could not be brought in line: {error}"));
    }
    Ok(restored)
}

/// What is back of an operation.
#[derive(Debug, Default)]
struct Done {
    runs: Vec<RunName>,
    entries: Vec<EntryName>,
    thinned: Vec<RunName>,
}

type ByProject = HashMap<ProjectDir, BTreeSet<Vec<u8>>>;

fn by_project(companions: Vec<(ProjectDir, Vec<u8>)>) -> ByProject {
    let mut found = ByProject::new();
    for (project, path) in companions {
        found.entry(project).or_default().insert(path);
    }
    found
}

/// The companions that a reference names: the one at its path, and all below it.
fn named(kept: &BTreeSet<Vec<u8>>, reference: &Reference) -> Vec<Vec<u8>> {
    let from: Bound<&[u8]> = Bound::Included(&reference.path);
    kept.range::<[u8], _>((from, Bound::Unbounded))
        .take_while(|path| path.starts_with(&reference.path))
        .filter(|path| reference.names(path))
        .cloned()
        .collect()
}

struct Work<'w> {
    session: &'w mut Session,
    settings: &'w Settings<'w>,
    operation: &'w Operation,
    restored: &'w mut Restored,
    /// Companions of which nobody asked yet.
    companions: ByProject,
    done: Done,
}

impl Work<'_> {
    /// Brings back a cache entry that the operation had removed.
    fn entry(&mut self, project: &ProjectDir, path: &[u8]) {
        let id = entry_name(project, path);
        let lying = Lying::Entry { project: project.clone(), path: path.to_vec() };
        match state(self.session, &self.operation.id, &lying) {
            Ok(state) if state.is_kept() => {}
            Ok(_) => return self.skip(id, "it is on its way out"),
            Err(error) => return self.fail(id, &error),
        }
        let brought = back::entry(self.session, self.settings, self.operation, project, path);
        match brought {
            // One that is there by another way, as with a run that named it, is back all the same.
            Ok(Brought::Unneeded) => self.note_entry(project, path, Brought::Back),
            Ok(brought) => self.note_entry(project, path, brought),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.skip(id, "it is not in the trash any more"),
            Err(error) => self.fail(id, &error),
        }
    }

    fn note_entry(&mut self, project: &ProjectDir, path: &[u8], brought: Brought) {
        let id = entry_name(project, path);
        match brought {
            Brought::Back => {
                self.restored.entries.push(id);
                let project = JsonName::new(project.as_bytes());
                self.done.entries.push(EntryName { project, entry: JsonName::new(path) });
            }
            Brought::Taken => self.skip(id, "another file has its name now, and stays there"),
            Brought::Unneeded | Brought::NotKept => {}
        }
    }

    /// Brings back what was dropped of a run.
    fn parts(&mut self, project: &ProjectDir, run: &str, size: Size) {
        let lying = Lying::Parts { project: project.clone(), run: run.to_owned() };
        let id = name_of(&lying);
        match state(self.session, &self.operation.id, &lying) {
            Ok(state) if state.is_kept() => {}
            Ok(_) => return self.skip(id, "it cannot be restored any more"),
            Err(error) => return self.fail(id, &error),
        }
        match back::parts(self.session, self.operation, project, run) {
            Ok(()) => {
                self.restored.thinned.push((format!("{project}/{run}"), size));
                self.done.thinned.push(RunName { project: JsonName::new(project.as_bytes()), run: run.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.skip(id, "its run is not in its place"),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.skip(id, TAKEN),
            Err(error) => self.fail(id, &error),
        }
    }

    /// Brings back a run, after the cache entries that it names.
    fn run(&mut self, project: &ProjectDir, run: &str, size: Size) {
        let lying = Lying::Run { project: project.clone(), run: run.to_owned() };
        let id = name_of(&lying);
        match state(self.session, &self.operation.id, &lying) {
            Ok(state) if state.is_kept() => {}
            Ok(_) => return self.skip(id, "it cannot be restored any more"),
            Err(error) => return self.fail(id, &error),
        }
        let whole = match back::whole(self.session, self.settings, self.operation, project, run) {
            Ok(Ok(whole)) => whole,
            Ok(Err(why)) => return self.skip(id, &why),
            Err(error) => return self.fail(id, &error),
        };
        if let Err(error) = self.companions_of(project, &whole.references) {
            return self.fail(id, &format!("its cache entries cannot be brought back: {error}"));
        }
        match back::run(self.session, self.settings, self.operation, project, run) {
            Ok(()) => {
                self.restored.runs.push((id, size));
                self.done.runs.push(RunName { project: JsonName::new(project.as_bytes()), run: run.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.skip(id, TAKEN),
            Err(error) => self.fail(id, &error),
        }
    }

    /// Gives the cache entries that a run names their names again, where these are missing.
    fn companions_of(&mut self, own: &ProjectDir, references: &[Reference]) -> io::Result<()> {
        for reference in references {
            for project in reference.projects(own) {
                let Some(kept) = self.companions.get(&project) else { continue };
                for path in named(kept, reference) {
                    let brought = back::companion(self.session, self.settings, self.operation, &project, &path)?;
                    self.note_entry(&project, &path, brought);
                    // It is there now, for every other run that names it.
                    if let Some(kept) = self.companions.get_mut(&project) {
                        kept.remove(&path);
                    }
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, id: String, reason: &str) {
        self.restored.skipped.push(Skipped { id, reason: reason.to_owned() });
    }

    fn fail(&mut self, id: String, error: &dyn std::fmt::Display) {
        let hint = Some("it stays in the trash; mend the cause and run the command again".to_owned());
        self.restored.failed.push(Failed { id, error: error.to_string(), hint });
    }
}

/// Notes in the audit log what is back.
fn note(
    session: &Session,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    done: &[(Operation, Done)],
) -> io::Result<()> {
    /// A line stays short enough to be read back.
    const A_LINE: usize = 10_000;

    let Some(directory) = session.directory() else { return Ok(()) };
    if done.iter().all(|(_, done)| done.runs.is_empty() && done.entries.is_empty() && done.thinned.is_empty()) {
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
    let mut append = |removed_by: &str, runs: &[RunName], cache: &[EntryName], thinned: &[RunName]| {
        let line = audit::Restored {
            runs: runs.to_vec(),
            cache: cache.to_vec(),
            removed_by: Some(removed_by.to_owned()),
            thinned: thinned.to_vec(),
        };
        let event = Event::Restored(line);
        reserve::with(&settings.hook, directory, || journal.append(session.lock(), &event))
    };
    for (operation, done) in done {
        for runs in done.runs.chunks(A_LINE) {
            append(&operation.id, runs, &[], &[])?;
        }
        for entries in done.entries.chunks(A_LINE) {
            append(&operation.id, &[], entries, &[])?;
        }
        for runs in done.thinned.chunks(A_LINE) {
            append(&operation.id, &[], &[], runs)?;
        }
    }
    Ok(())
}
