//! What a crash left, read off where things lie: an item whose decision was committed is finished, any other that is whole
//! is put back, and what fits neither is reported, never guessed. What waits to be restored and waited long enough goes.
//!
//! | row says | lies in the trash | then |
//! |---|---|---|
//! | removed by this operation | whole or part | finish |
//! | trashed until later, or pinned | whole | leave |
//! | trashed until now | whole | commit it as removed, finish |
//! | anything else, or no row | whole, as `operation.json` has it | put back, unless the place is taken |
//! | anything else, or no row | not whole | report |
//!
//! That `operation.json` states a time until which its items can be restored is no decision: it was written before the
//! first of them was moved. Without a row (the catalog is lost, and the audit log too) they are put back, which loses
//! nothing; left there, they would go one day by a decision that nobody can show.
//!
//! For a cache entry the committed decision is its row among the operation's removals: that the catalog does not see it in
//! its place proves nothing, since a refresh in between notes that too. An operation that somebody works on holds its
//! lock, and is left alone.

use super::back;
use super::execute::{Execution, Failed, entry_name, operation_id, remove_all};
use crate::audit::{self, Emptied, EntryName, Event, Heading, Journal, RunName};
use crate::model::{ProjectDir, RunState, Size};
use crate::session::{Error, Session, Settings};
use crate::store::change::{Act, Freed};
use crate::store::trash::{Brought, JsonName, Lying, Operation, Trash};
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
    /// Items whose time in the trash was over, and that are gone.
    pub expired: u64,
    /// What that freed.
    pub freed_by_expiry: Size,
    /// Items that fit no rule, with what is known; they stay where they are.
    pub reported: Vec<String>,
    /// Items whose removal failed again.
    pub failed: Vec<Failed>,
}

impl Recovery {
    /// Whether there was nothing to do or to tell.
    pub fn is_empty(&self) -> bool {
        self.put_back.is_empty()
            && self.finished + self.expired == 0
            && self.reported.is_empty()
            && self.failed.is_empty()
    }
}

/// What recovery would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Items to put back.
    pub put_back: u64,
    /// Items whose removal is to be finished.
    pub finish: u64,
    /// Items whose time in the trash is over.
    pub expire: u64,
}

/// How far recovery goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All of it.
    All,
    /// Only what has to be put back: whoever restores deletes nothing.
    PutBack,
}

/// What is to be done with an item.
enum Verdict {
    Finish,
    /// Its time is over. A run's row.
    Expire(Option<i64>),
    Leave,
    PutBack,
    Report(String),
}

/// What recovery would do, without doing it.
///
/// # Errors
/// When the trash cannot be read.
pub fn pending(session: &Session, settings: &Settings<'_>) -> Result<Pending, Error> {
    let mut pending = Pending::default();
    let Some(trash) = open(session, settings)? else { return Ok(pending) };
    for id in trash.names().map_err(error("list", session))? {
        let Ok(Some(operation)) = trash.resume(&id) else { continue };
        for lying in operation.lying().unwrap_or_default() {
            match verdict(session, settings, &operation, &lying)? {
                Verdict::PutBack => pending.put_back += 1,
                Verdict::Finish => pending.finish += 1,
                Verdict::Expire(_) => pending.expire += 1,
                Verdict::Leave | Verdict::Report(_) => {}
            }
        }
    }
    Ok(pending)
}

/// Mends what a crash left. The session must hold the store's lock; it holds it again at the end, with the catalog in line.
///
/// # Errors
/// When the trash cannot be read or the lock cannot be taken again.
pub fn recover(session: &mut Session, settings: &Settings<'_>, execution: &Execution<'_>) -> Result<Recovery, Error> {
    let mut recovery = Recovery::default();
    let Some(trash) = open(session, settings)? else { return Ok(recovery) };
    let mut work = sort_out(session, settings, &trash, Scope::All, &mut recovery)?;
    if work.is_empty() {
        return Ok(recovery);
    }
    if let Err(error) = expire(session, settings, &work) {
        recovery.reported.push(format!("what waited long enough stays in the trash: {error}"));
        work.iter_mut().for_each(|one| one.expire.clear());
    }
    session.unlock();
    let dev = session.store()?.dev();
    let mut unlinked = HashSet::new();
    for one in &work {
        let finished = remove_all(&one.operation, &one.finish, dev, settings, execution.interrupted);
        recovery.finished += finished.done;
        recovery.freed += finished.runs + finished.cache;
        recovery.failed.extend(finished.failed);
        let items: Vec<Lying> = one.expire.iter().map(|(lying, _)| lying.clone()).collect();
        if items.is_empty() {
            continue;
        }
        let expired = remove_all(&one.operation, &items, dev, settings, execution.interrupted);
        recovery.expired += expired.done;
        recovery.freed_by_expiry += expired.runs + expired.cache;
        recovery.failed.extend(expired.failed);
        tell_emptied(
            session,
            settings,
            execution,
            &one.operation.id,
            &items,
            expired.runs + expired.cache,
            &mut |e| {
                recovery.reported.push(format!("the audit log lacks what was emptied: {e}"));
            },
        )?;
    }
    for one in work {
        let companions = one.operation.companions().unwrap_or_default();
        let freed = Freed::default();
        if trash.drop_empty(one.operation, &freed).map_err(error("drop an operation in", session))? {
            unlinked.extend(companions.into_iter().map(|(project, _)| project));
        }
        recovery.freed += freed.total();
    }
    session.lock_again(settings)?;
    note_unlinked(session, settings, &unlinked)?;
    Ok(recovery)
}

/// Puts back what a crash left and nobody had decided about, and nothing else: for whoever restores. The session must
/// hold the store's lock.
///
/// # Errors
/// When the trash cannot be read.
pub fn put_back(session: &mut Session, settings: &Settings<'_>) -> Result<Recovery, Error> {
    let mut recovery = Recovery::default();
    let Some(trash) = open(session, settings)? else { return Ok(recovery) };
    sort_out(session, settings, &trash, Scope::PutBack, &mut recovery)?;
    if !recovery.put_back.is_empty() {
        session.refresh(settings, false)?;
    }
    Ok(recovery)
}

/// An operation with what is to be unlinked of it.
struct Unlinking {
    operation: Operation,
    finish: Vec<Lying>,
    /// With the row of a run.
    expire: Vec<(Lying, Option<i64>)>,
}

/// Puts back what is to be put back, and says what is to be unlinked.
fn sort_out(
    session: &Session,
    settings: &Settings<'_>,
    trash: &Trash,
    scope: Scope,
    recovery: &mut Recovery,
) -> Result<Vec<Unlinking>, Error> {
    let mut work = Vec::new();
    for id in trash.names().map_err(error("list", session))? {
        let opened = trash.resume(&id).and_then(|operation| match operation {
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
        let mut one = Unlinking { operation, finish: Vec::new(), expire: Vec::new() };
        let mut stays = false;
        for lying in items {
            let mut report = |why: &str| {
                stays = true;
                recovery.reported.push(format!("{} in the trash ({id}): {why}", name(&lying)));
            };
            match verdict(session, settings, &one.operation, &lying)? {
                Verdict::Finish => one.finish.push(lying),
                Verdict::Expire(row) => one.expire.push((lying, row)),
                Verdict::Report(why) if scope == Scope::All => report(&why),
                Verdict::Leave | Verdict::Report(_) => stays = true,
                Verdict::PutBack => match back(session, settings, &one.operation, &lying) {
                    Ok(()) => recovery.put_back.push(name(&lying)),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                        report("its place is taken, so it stays there");
                    }
                    Err(e) => report(&format!("cannot be put back: {e}")),
                },
            }
        }
        // Of what only waits there is nothing to do.
        if !stays || !(one.finish.is_empty() && one.expire.is_empty()) {
            work.push(one);
        }
    }
    Ok(work)
}

/// Commits that what waited long enough is on its way out: a clock that goes back must not make half a run restorable.
fn expire(session: &mut Session, settings: &Settings<'_>, work: &[Unlinking]) -> Result<(), Error> {
    if work.iter().all(|one| one.expire.is_empty()) {
        return Ok(());
    }
    settings.hook.before(Act::Commit).map_err(error("commit in", session))?;
    let mut tx = session.catalog.begin_durable()?;
    for one in work {
        for (lying, row) in &one.expire {
            match (lying, row) {
                (Lying::Run { .. }, Some(row)) => tx.give_up_run(*row)?,
                (Lying::Entry { project, path }, _) => tx.give_up_entry(&one.operation.id, project, path)?,
                (Lying::Run { .. }, None) => {}
            }
        }
    }
    Ok(tx.commit()?)
}

/// Notes in the audit log what is really gone; whoever asks is told when that fails.
pub(super) fn tell_emptied(
    session: &Session,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    removed_by: &str,
    items: &[Lying],
    freed: Size,
    failed: &mut dyn FnMut(io::Error),
) -> Result<(), Error> {
    /// A line stays short enough to be read back.
    const A_LINE: usize = 10_000;

    let Some(directory) = session.directory() else { return Ok(()) };
    let log = audit::Log { hook: &settings.hook, directory, limit: settings.audit_limit };
    let id = operation_id(settings)?;
    let heading = Heading {
        operation: &id,
        now: settings.clock.now,
        who: execution.who,
        command: execution.command,
        policy: execution.policy,
        plan: None,
    };
    let mut journal = Journal::new(log, &heading);
    for (at, items) in items.chunks(A_LINE).enumerate() {
        let mut line = Emptied { removed_by: Some(removed_by.to_owned()), ..Emptied::default() };
        if at == 0 {
            (line.freed_size_bytes, line.freed_disk_bytes) = (freed.size, freed.disk);
        }
        for lying in items {
            match lying {
                Lying::Run { project, run } => {
                    line.runs.push(RunName { project: JsonName::new(project.as_bytes()), run: run.clone() });
                }
                Lying::Entry { project, path } => line
                    .cache
                    .push(EntryName { project: JsonName::new(project.as_bytes()), entry: JsonName::new(path) }),
            }
        }
        if let Err(error) = journal.append(session.lock(), &Event::Emptied(line)) {
            failed(error);
        }
    }
    Ok(())
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
        Lying::Entry { project, path } => entry_name(project, path),
    }
}

fn verdict(session: &Session, settings: &Settings<'_>, operation: &Operation, lying: &Lying) -> Result<Verdict, Error> {
    let now = settings.clock.now;
    match lying {
        Lying::Run { project, run } => {
            let decision = session.catalog.run_decision(project, run)?;
            let ours = decision.filter(|d| d.operation.as_deref() == Some(operation.id.as_str()));
            match ours.map(|d| (d.state, d)) {
                Some((RunState::Removed, _)) => return Ok(Verdict::Finish),
                Some((RunState::Trashed, d)) => {
                    let over = !d.pinned && d.keep_until.is_some_and(|until| until <= now);
                    return Ok(if over { Verdict::Expire(Some(d.key)) } else { Verdict::Leave });
                }
                _ => {}
            }
            Ok(match back::whole(session, settings, operation, project, run)? {
                Ok(_) => Verdict::PutBack,
                Err(why) => Verdict::Report(format!("{why}, and no decision about it is recorded")),
            })
        }
        Lying::Entry { project, path } => {
            Ok(match session.catalog.entry_decision(&operation.id, project, path)?.map(|d| d.keep_until) {
                None => Verdict::PutBack,
                Some(None) => Verdict::Finish,
                Some(Some(until)) if until <= now => Verdict::Expire(None),
                Some(Some(_)) => Verdict::Leave,
            })
        }
    }
}

fn back(session: &Session, settings: &Settings<'_>, operation: &Operation, lying: &Lying) -> io::Result<()> {
    match lying {
        Lying::Run { project, run } => back::run(session, settings, operation, project, run),
        Lying::Entry { project, path } => match back::entry(session, settings, operation, project, path)? {
            Brought::Taken => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(()),
        },
    }
}
