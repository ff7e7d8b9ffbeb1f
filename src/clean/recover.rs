//! What a crash left, read off where things lie: an item whose decision was committed is finished, any other that is whole
//! is put back, and what fits neither is reported, never guessed.
//!
//! | row says | lies in the trash | then |
//! |---|---|---|
//! | removed by this operation | whole or part | finish |
//! | trashed until later | whole | leave |
//! | anything else, or no row | whole, as `operation.json` has it | put back, unless the place is taken |
//! | anything else, or no row | not whole | report |
//!
//! For a cache entry the committed decision is its row among the operation's removals: that the catalog does not see it in
//! its place proves nothing, since a refresh in between notes that too. An operation that somebody works on holds its
//! lock, and is left alone.
//!
//! Before anything is unlinked, the audit log is told of what was committed and not noted, and an operation that died
//! gets an end there: see [`super::ledger`].

use super::execute::{Failed, Removed, cache_place, hex, remove_all};
use super::ledger::Ledger;
use crate::model::{ProjectDir, RunDir, RunState, Size};
use crate::session::{Error, Session, Settings};
use crate::store::change;
use crate::store::dir::{self, Listing};
use crate::store::project_walk;
use crate::store::run_walk::{self, Look};
use crate::store::trash::{Lying, Operation, Trash};
use rustix::fd::AsFd;
use std::collections::HashSet;
use std::io;

/// What recovery did.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Items that were put back: nobody had decided to remove them.
    pub put_back: Vec<String>,
    /// Items whose removal was finished.
    pub finished: u64,
    /// What that freed.
    pub freed: Size,
    /// Items that fit no rule, with what is known; they stay where they are.
    pub reported: Vec<String>,
    /// Items whose removal failed again.
    pub failed: Vec<Failed>,
}

impl Recovery {
    /// Whether there was nothing to do or to tell.
    pub fn is_empty(&self) -> bool {
        self.put_back.is_empty() && self.finished == 0 && self.reported.is_empty() && self.failed.is_empty()
    }
}

/// What is to be done with an item.
enum Verdict {
    Finish,
    Leave,
    PutBack,
    Report(String),
}

/// What recovery would do, without doing it: items to put back, and items to finish.
///
/// # Errors
/// When the trash cannot be read.
pub fn pending(session: &Session, settings: &Settings<'_>) -> Result<(u64, u64), Error> {
    let (mut back, mut finish) = (0, 0);
    let Some(trash) = open(session, settings)? else { return Ok((0, 0)) };
    for id in trash.names().map_err(error("list", session))? {
        let Ok(Some(operation)) = trash.resume(&id) else { continue };
        for lying in operation.lying().unwrap_or_default() {
            match verdict(session, settings, &operation, &lying)? {
                Verdict::PutBack => back += 1,
                Verdict::Finish => finish += 1,
                Verdict::Leave | Verdict::Report(_) => {}
            }
        }
    }
    Ok((back, finish))
}

/// Mends what a crash left. The session must hold the store's lock; it holds it again at the end, with the catalog in line.
///
/// # Errors
/// When the trash cannot be read or the lock cannot be taken again.
pub fn recover(
    session: &mut Session,
    settings: &Settings<'_>,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<Recovery, Error> {
    session.check_clock(settings)?;
    let mut recovery = Recovery::default();
    let Some(trash) = open(session, settings)? else { return Ok(recovery) };
    let mut to_finish: Vec<(Operation, Vec<Lying>)> = Vec::new();
    let names = trash.names().map_err(error("list", session))?;
    for id in &names {
        let opened = trash.resume(id).and_then(|operation| match operation {
            Some(operation) => Ok(Some((operation.lying()?, operation))),
            None => Ok(None),
        });
        let (items, operation) = match opened {
            Ok(Some(opened)) => opened,
            Ok(None) => continue,
            // One operation that cannot be read must not keep every other, and every clean, from being done.
            Err(e) => {
                recovery.reported.push(format!("the operation {id} in the trash cannot be read: {e}"));
                continue;
            }
        };
        let mut finish = Vec::new();
        for lying in items {
            match verdict(session, settings, &operation, &lying)? {
                Verdict::Finish => finish.push(lying),
                Verdict::Leave => {}
                Verdict::Report(why) => recovery.reported.push(format!("{} in the trash ({id}): {why}", name(&lying))),
                Verdict::PutBack => match put_back(session, settings, &operation, &lying) {
                    Ok(()) => recovery.put_back.push(name(&lying)),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                        let why = "its place is taken, so it stays there";
                        recovery.reported.push(format!("{} in the trash ({id}): {why}", name(&lying)));
                    }
                    Err(e) => {
                        recovery
                            .reported
                            .push(format!("{} in the trash ({id}): cannot be put back: {e}", name(&lying)));
                    }
                },
            }
        }
        to_finish.push((operation, finish));
    }
    let ours: HashSet<&str> = to_finish.iter().map(|(operation, _)| operation.id.as_str()).collect();
    let busy = names.iter().filter(|id| !ours.contains(id.as_str())).cloned().collect();
    let finishing: Vec<_> = to_finish.iter().filter(|(_, items)| !items.is_empty()).map(|(o, _)| o).collect();
    let mut ledger = Ledger::open(session, settings, &busy, &finishing, &mut recovery)?;
    let lying = names.into_iter().collect();
    for id in ledger.elsewhere(&lying) {
        ledger.end(session, settings, &id, &Removed::default());
    }
    if !to_finish.is_empty() {
        session.unlock();
        let dev = session.store()?.dev();
        for (operation, finish) in to_finish {
            if ledger.must_wait(&operation.id) {
                continue;
            }
            let removed = remove_all(&operation, &finish, dev, settings, interrupted);
            recovery.finished += removed.done;
            recovery.freed += removed.runs + removed.cache;
            ledger.end(session, settings, &operation.id, &removed);
            recovery.failed.extend(removed.failed);
            trash.drop_empty(operation).map_err(error("drop an operation in", session))?;
        }
        session.lock_again(settings)?;
    }
    ledger.close(session, settings)?;
    Ok(recovery)
}

fn open(session: &Session, settings: &Settings<'_>) -> Result<Option<Trash>, Error> {
    let Some(directory) = session.directory() else { return Ok(None) };
    Trash::open_if_there(directory, &settings.hook).map_err(error("open", session))
}

fn error(act: &'static str, session: &Session) -> impl Fn(io::Error) -> Error + use<> {
    let path = session.root.as_ref().map(|r| r.path().join(".catalog").join("trash")).unwrap_or_default();
    move |source| Error::Io { act, path: path.clone(), source }
}

fn name(lying: &Lying) -> String {
    match lying {
        Lying::Run { project, run } => format!("{project}/{run}"),
        Lying::Entry { project, path } => format!("{project}/.cache/{}", String::from_utf8_lossy(path)),
    }
}

fn verdict(session: &Session, settings: &Settings<'_>, operation: &Operation, lying: &Lying) -> Result<Verdict, Error> {
    match lying {
        Lying::Run { project, run } => {
            let decision = session.catalog.run_decision(project, run)?;
            let ours = decision.as_ref().is_some_and(|d| d.operation.as_deref() == Some(operation.id.as_str()));
            match decision.map(|d| (d.state, d.keep_until)) {
                Some((RunState::Removed, _)) if ours => return Ok(Verdict::Finish),
                Some((RunState::Trashed, until)) if ours => {
                    let over = until.is_some_and(|until| until <= settings.clock.now);
                    return Ok(if over { Verdict::Finish } else { Verdict::Leave });
                }
                _ => {}
            }
            whole_run(session, settings, operation, project, run)
        }
        Lying::Entry { project, path } => {
            if session.catalog.entry_was_removed(&operation.id, project, path)? {
                return Ok(Verdict::Finish);
            }
            Ok(Verdict::PutBack)
        }
    }
}

/// Whether a run in the trash is still what the operation moved there.
fn whole_run(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    project: &ProjectDir,
    run: &str,
) -> Result<Verdict, Error> {
    let report = |why: &str| Ok(Verdict::Report(why.to_owned()));
    let Some(description) = &operation.description else { return report("its operation.json cannot be read") };
    let item =
        description.runs.iter().find(|i| i.run == run && i.project.bytes().as_deref() == Some(project.as_bytes()));
    let Some(item) = item else { return report("its operation does not name it") };
    let Ok(dir) = RunDir::parse(run.as_bytes()) else { return report("it has not the name of a run") };
    let shell = operation.project(project).map_err(error("open", session))?;
    let path = session.store()?.path().join(".catalog").join("trash").join(&operation.id);
    let look = Look {
        project_path: &path,
        dev: session.store()?.dev(),
        now_ns: settings.clock.now.saturating_mul(1_000_000_000),
        read_yaml: false,
        at_root: project.is_root(),
    };
    match run_walk::walk_run(shell.as_fd(), &dir, &look, &mut Listing::default()) {
        Ok(Some(found)) if hex(&found.manifest) == item.manifest => Ok(Verdict::PutBack),
        Ok(_) => report("it is not what was moved there, and no decision about it is recorded"),
        Err(problem) => Ok(Verdict::Report(problem.to_string())),
    }
}

fn put_back(session: &Session, settings: &Settings<'_>, operation: &Operation, lying: &Lying) -> io::Result<()> {
    let root = session.store().map_err(io::Error::other)?;
    let project = match lying {
        Lying::Run { project, .. } | Lying::Entry { project, .. } => project,
    };
    let place = if project.is_root() {
        root.fd().try_clone_to_owned()?
    } else {
        match project_walk::open_project(root, project).map_err(|p| io::Error::other(p.to_string()))? {
            Some((fd, _)) => fd,
            None => change::ensure_dir(&settings.hook, root.fd(), &dir::c_name(project.as_bytes())?)?,
        }
    };
    match lying {
        Lying::Run { run, .. } => operation.put_back(lying, place.as_fd(), &dir::c_name(run.as_bytes())?),
        Lying::Entry { path, .. } => {
            let cache = change::ensure_dir(&settings.hook, place.as_fd(), c".cache")?;
            if let Some(slash) = path.iter().position(|b| *b == b'/') {
                change::ensure_dir(&settings.hook, cache.as_fd(), &dir::c_name(&path[..slash])?)?;
            }
            let (place, name) = cache_place(place.as_fd(), path)?;
            let from = operation.put_back_or_drop(lying, place.as_fd(), &name, root.dev())?;
            change::sync(&settings.hook, place.as_fd())?;
            change::sync(&settings.hook, from.as_fd())
        }
    }
}
