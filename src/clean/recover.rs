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
//! Parts of a run that stays are decided about in rows of their own: without one, all pieces that lie in the trash are put
//! back, so that a run is thinned by all that was planned or not at all.
//!
//! That `operation.json` states a time until which its items can be restored is no decision: it was written before the
//! first of them was moved. Without a row (the catalog is lost, and the audit log too) they are put back, which loses
//! nothing; left there, they would go one day by a decision that nobody can show.
//!
//! For a cache entry the committed decision is its row among the operation's removals: that the catalog does not see it in
//! its place proves nothing, since a refresh in between notes that too. An operation that somebody works on holds its
//! lock, and is left alone.
//!
//! Before anything is unlinked, the audit log is told of what was committed and not noted, and an operation that died
//! gets an end there: see [`super::ledger`]. Before all that, stopped imports are ended: while one cannot be, nothing goes.

use super::emptied::GivenUp;
use super::execute::{Execution, Failed, Removed, entry_name, remove_all};
use super::ledger::Ledger;
use super::{back, emptied};
use crate::archive;
use crate::model::{ProjectDir, RunState, Size};
use crate::session::{Error, Session, Settings};
use crate::store::change::Freed;
use crate::store::trash::{Brought, Lying, Operation, Trash};
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

/// How far recovery goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All of it.
    All,
    /// Only what has to be put back: whoever restores deletes nothing.
    PutBack,
}

/// What is to be done with an item.
pub(super) enum Verdict {
    Finish,
    /// Its time is over. A run's row.
    Expire(Option<i64>),
    Leave,
    PutBack,
    Report(String),
}

/// Mends what a crash left. The session must hold the store's lock; it holds it again at the end, with the catalog in line.
///
/// # Errors
/// When the trash cannot be read, the lock cannot be taken again, or a stopped import cannot be ended: a tag that it brought
/// may keep one of its runs.
pub fn recover(session: &mut Session, settings: &Settings<'_>, execution: &Execution<'_>) -> Result<Recovery, Error> {
    session.check_clock(settings)?;
    let mut recovery = Recovery::default();
    archive::end_leftovers(session, settings)?;
    let Some(trash) = open(session, settings)? else {
        ends_alone(session, settings, &mut recovery)?;
        return Ok(recovery);
    };
    let names = trash.names().map_err(error("list", session))?;
    let mut work = sort_out(session, settings, &trash, Scope::All, &mut recovery)?;
    if !recovery.put_back.is_empty() {
        session.refresh(settings, false)?;
    }
    let ours: HashSet<&str> = work.iter().map(|one| one.operation.id.as_str()).collect();
    let busy = names.iter().filter(|id| !ours.contains(id.as_str())).cloned().collect();
    let finishing: Vec<_> = work.iter().filter(|one| one.unlinks()).map(|one| &one.operation).collect();
    let mut ledger = Ledger::open(session, settings, &busy, &finishing, &mut recovery)?;
    let lying = names.into_iter().collect();
    let waiting = work.iter().filter(|one| !one.unlinks()).map(|one| one.operation.id.clone());
    for id in ledger.elsewhere(&lying).into_iter().chain(waiting) {
        ledger.end(session, settings, &id, &Removed::default());
    }
    work.retain(|one| one.unlinks() || !one.stays);
    if !work.is_empty() {
        give_up(session, settings, execution, &mut work, &ledger, &mut recovery);
        session.unlock();
        let unlinked = unlink(session, settings, execution, &trash, work, &mut ledger, &mut recovery)?;
        session.lock_again(settings)?;
        emptied::note_unlinked(session, settings, &unlinked)?;
    }
    ledger.close(session, settings)?;
    Ok(recovery)
}

/// Gives operations that died their end where there is no trash at all.
fn ends_alone(session: &mut Session, settings: &Settings<'_>, recovery: &mut Recovery) -> Result<(), Error> {
    let mut ledger = Ledger::open(session, settings, &HashSet::new(), &[], recovery)?;
    for id in ledger.elsewhere(&HashSet::new()) {
        ledger.end(session, settings, &id, &Removed::default());
    }
    ledger.close(session, settings)
}

/// Commits and notes that what waited long enough goes; what cannot be recorded waits on.
fn give_up(
    session: &mut Session,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    work: &mut [Unlinking],
    ledger: &Ledger,
    recovery: &mut Recovery,
) {
    for one in work.iter_mut().filter(|one| ledger.must_wait(&one.operation.id)) {
        one.expire.clear();
    }
    let mut given_up: Vec<GivenUp<'_>> = work.iter().map(Unlinking::given_up).collect();
    let done = emptied::commit(session, settings, &mut given_up)
        .map_err(|error| error.to_string())
        .and_then(|()| emptied::note(session, settings, execution, &given_up).map_err(|error| error.to_string()));
    let rows: HashSet<i64> = given_up.iter().flat_map(|one| &one.items).filter_map(|(_, row)| *row).collect();
    for one in work {
        match &done {
            Ok(()) => one.expire.retain(|(_, row)| row.is_none_or(|row| rows.contains(&row))),
            Err(_) => one.expire.clear(),
        }
    }
    if let Err(error) = done {
        recovery.reported.push(format!("what waited in the trash long enough stays there: {error}"));
    }
}

/// Unlinks, and drops the operations in which nothing lies any more. Gives the projects whose caches have files that lost
/// a second name.
fn unlink(
    session: &Session,
    settings: &Settings<'_>,
    execution: &Execution<'_>,
    trash: &Trash,
    work: Vec<Unlinking>,
    ledger: &mut Ledger,
    recovery: &mut Recovery,
) -> Result<HashSet<ProjectDir>, Error> {
    let dev = session.store()?.dev();
    let mut unlinked = HashSet::new();
    for Unlinking { operation, finish, expire, .. } in work {
        if ledger.must_wait(&operation.id) {
            continue;
        }
        let expire: Vec<Lying> = expire.into_iter().map(|(lying, _)| lying).collect();
        let expired = remove_all(&operation, &expire, dev, settings, execution.interrupted);
        recovery.expired += expired.done;
        recovery.freed_by_expiry += expired.runs + expired.cache;
        recovery.failed.extend(expired.failed);
        let removed = remove_all(&operation, &finish, dev, settings, execution.interrupted);
        recovery.finished += removed.done;
        recovery.freed += removed.runs + removed.cache;
        ledger.end(session, settings, &operation.id, &removed);
        recovery.failed.extend(removed.failed);
        let companions = operation.companions().unwrap_or_default();
        let freed = Freed::default();
        if trash.drop_empty(operation, &freed).map_err(error("drop an operation in", session))? {
            unlinked.extend(companions.into_iter().map(|(project, _)| project));
        }
        *(if expired.done > 0 { &mut recovery.freed_by_expiry } else { &mut recovery.freed }) += freed.total();
    }
    Ok(unlinked)
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
    /// Whether something else lies there.
    stays: bool,
}

impl Unlinking {
    fn unlinks(&self) -> bool {
        !(self.finish.is_empty() && self.expire.is_empty())
    }

    /// What was to be restored and goes for good: also what a crash kept from being noted.
    fn given_up(&self) -> GivenUp<'_> {
        let kept = self.operation.description.as_ref().is_some_and(|d| d.keep_until.is_some());
        let before = self.finish.iter().filter(|_| kept).map(|lying| (lying.clone(), None));
        let items = self.expire.iter().cloned().chain(before).collect();
        GivenUp { operation: &self.operation, items, whole: !self.stays }
    }
}

/// Puts back what is to be put back, and says what is to be unlinked.
fn sort_out(
    session: &mut Session,
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
        let mut one = Unlinking { operation, finish: Vec::new(), expire: Vec::new(), stays: false };
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
                Verdict::PutBack => match back_into_place(session, settings, &one.operation, &lying) {
                    Ok(()) => recovery.put_back.push(name(&lying)),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                        report("its place is taken, so it stays there");
                    }
                    Err(e) => report(&format!("cannot be put back: {e}")),
                },
            }
        }
        work.push(Unlinking { stays, ..one });
    }
    Ok(work)
}

pub(super) fn open(session: &Session, settings: &Settings<'_>) -> Result<Option<Trash>, Error> {
    let Some(directory) = session.directory() else { return Ok(None) };
    Trash::open_if_there(directory, &settings.hook).map_err(error("open", session))
}

pub(super) fn error(act: &'static str, session: &Session) -> impl Fn(io::Error) -> Error + use<> {
    let path = session.root.as_ref().map(|r| r.path().join(".catalog").join("trash")).unwrap_or_default();
    move |source| Error::Io { act, path: path.clone(), source }
}

pub(super) fn name(lying: &Lying) -> String {
    match lying {
        Lying::Run { project, run } => format!("{project}/{run}"),
        Lying::Entry { project, path } => entry_name(project, path),
        Lying::Parts { project, run } => format!("parts of {project}/{run}"),
    }
}

pub(super) fn verdict(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    lying: &Lying,
) -> Result<Verdict, Error> {
    let now = settings.clock.now;
    match lying {
        Lying::Parts { project, run } => {
            let decision = session.catalog.thinning_decision(&operation.id, project, run)?;
            Ok(match decision.map(|d| (d.keep_until, d)) {
                Some((None, _)) => Verdict::Finish,
                // A restoration was stopped at its end: all of them are in their places.
                Some(_) if matches!(back::some_piece_lies(operation, project, run), Ok(false)) => Verdict::PutBack,
                Some((Some(until), d)) if until <= now && !d.pinned => Verdict::Expire(Some(d.key)),
                Some(_) => Verdict::Leave,
                None => Verdict::PutBack,
            })
        }
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

fn back_into_place(
    session: &mut Session,
    settings: &Settings<'_>,
    operation: &Operation,
    lying: &Lying,
) -> io::Result<()> {
    match lying {
        Lying::Parts { project, run } => back::parts(session, operation, project, run),
        Lying::Run { project, run } => back::run(session, settings, operation, project, run),
        Lying::Entry { project, path } => match back::entry(session, settings, operation, project, path)? {
            Brought::Taken => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(()),
        },
    }
}
