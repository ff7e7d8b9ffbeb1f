//! Bringing the runs of an archive into a store.

use super::error::{Error, io_error};
use super::leftovers::{Workplace, drop_leftovers, no_catalog};
use super::manifest::{ArchivedRun, bytes};
use super::place::{self, InPlace, Placed};
use super::read::Archive;
use super::rows::{self, Unpacked};
use super::unpack::{Unpacker, run_name};
use super::{Asked, Skipped};
use crate::model::{RunId, RunState};
use crate::session::{Session, Settings, may_be_cleaned, operation_id};
use crate::store::change;
use crate::store::dir;
use crate::store::root::StoreRoot;
use crate::store::trash::Trash;
use rustix::fd::AsFd as _;
use std::io;

/// What importing did.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Its id in the audit log; `None` when nothing was to be brought in.
    pub operation: Option<String>,
    /// Runs that are in the store now.
    pub runs: Vec<ImportedRun>,
    /// Runs that were there before, just as they are in the archive.
    pub already: Vec<String>,
    /// Runs and cache entries that were not brought in, and why.
    pub skipped: Vec<Skipped>,
    /// Cache entries that are there now, as paths in the store.
    pub entries: Vec<String>,
    /// Notices that do not concern an item.
    pub notices: Vec<String>,
}

/// A run that was brought in.
#[derive(Clone, Debug)]
pub struct ImportedRun {
    /// Which.
    pub id: RunId,
    /// The lengths of its files.
    pub size: u64,
    /// How many files it has.
    pub files: u64,
}

/// Makes an empty directory a store, so that something can be brought into it. One that is a store stays as it is.
///
/// # Errors
/// When there is no directory, or one that is neither a store nor empty.
pub fn make_store(settings: &Settings<'_>) -> Result<(), Error> {
    let root = StoreRoot::open(&settings.home).map_err(crate::session::Error::from)?;
    may_be_cleaned(settings, &root)?;
    let made = change::ensure_dir(&settings.hook, root.fd(), c".catalog");
    made.map(|_| ()).map_err(io_error("make", root.path().join(".catalog")))
}

/// What is done with a run of the archive.
enum Fate {
    Wanted,
    Already,
    Skipped(String),
}

/// Brings in what an archive holds and the store does not. The session must be one that decides.
///
/// # Errors
/// [`Error`]: then nothing of the archive is in the store.
pub fn import(
    session: &mut Session,
    settings: &Settings<'_>,
    archive: &Archive,
    asked: &Asked<'_>,
) -> Result<Imported, Error> {
    session.lock_again(settings)?;
    if !session.catalog.is_on_disk() {
        return Err(no_catalog());
    }
    let manifest = archive.manifest();
    let mut imported = Imported::default();
    drop_leftovers(session, settings)?;
    let mut wanted = Vec::with_capacity(manifest.runs.len());
    for run in &manifest.runs {
        let Some(id) = run.id() else { continue };
        let fate = fate(session, settings, &id, run)?;
        wanted.push(matches!(fate, Fate::Wanted));
        match fate {
            Fate::Wanted => {}
            Fate::Already => imported.already.push(id.to_string()),
            Fate::Skipped(reason) => imported.skipped.push(Skipped { id: id.to_string(), reason }),
        }
    }
    let id = operation_id(settings)?;
    let work = Workplace::begin(session, settings, &id)?;
    // Unpacking takes as long as it takes; nobody is to wait for it.
    session.unlock();
    let done = unpack(settings, archive, &work, &wanted, asked)
        .and_then(|()| session.lock_again(settings).map_err(Error::from))
        .and_then(|()| bring_in(session, settings, archive, &work, (&id, &wanted), asked, &mut imported));
    let ended = work.end(session, settings);
    done?;
    if let Err(error) = ended {
        imported.notices.push(format!("what was unpacked and is not needed stays: {error}"));
    }
    if !(imported.runs.is_empty() && imported.entries.is_empty()) {
        imported.operation = Some(id);
    }
    Ok(imported)
}

/// What is to be done with a run, by what is in its place now.
fn fate(session: &Session, settings: &Settings<'_>, id: &RunId, run: &ArchivedRun) -> Result<Fate, Error> {
    match place::look(session.store()?, id, run) {
        InPlace::Same => return Ok(Fate::Already),
        InPlace::Other(why) => return Ok(Fate::Skipped(why)),
        InPlace::Nothing => {}
    }
    let decision = session.catalog.run_decision(&id.project, id.run.as_str())?;
    let state = decision.map(|decision| decision.state);
    let directory = session.directory().ok_or_else(no_catalog)?;
    let trash = Trash::open_if_there(directory, &settings.hook).map_err(io_error("open", ".catalog/trash"))?;
    let lies = trash.is_some_and(|trash| trash.contains(&id.project, id.run.as_str()));
    // What lies there to be unlinked is gone already.
    if lies && state != Some(RunState::Removed) || state == Some(RunState::Trashed) {
        return Ok(Fate::Skipped("it lies in the trash, from where it can be restored".to_owned()));
    }
    Ok(Fate::Wanted)
}

/// Step 1: all that is wanted, and every hash of all that is there.
fn unpack(
    settings: &Settings<'_>,
    archive: &Archive,
    work: &Workplace,
    wanted: &[bool],
    asked: &Asked<'_>,
) -> Result<(), Error> {
    let mut unpacker = Unpacker {
        hook: &settings.hook,
        into: work.fd.as_fd(),
        path: work.path.clone(),
        runs: wanted,
        interrupted: asked.interrupted,
        open: None,
    };
    settings.progress.begin("unpacking", None);
    let unpacked = archive.read(&mut unpacker).and_then(|()| unpacker.finish());
    settings.progress.end();
    unpacked?;
    change::sync_all(&settings.hook, work.fd.as_fd()).map_err(io_error("sync", &work.path))
}

/// Steps 2 to 5.
fn bring_in(
    session: &mut Session,
    settings: &Settings<'_>,
    archive: &Archive,
    work: &Workplace,
    (id, wanted): (&str, &[bool]),
    asked: &Asked<'_>,
    imported: &mut Imported,
) -> Result<(), Error> {
    let manifest = archive.manifest();
    let hook = &settings.hook;
    let mut runs = Vec::new();
    for (at, run) in manifest.runs.iter().enumerate().filter(|(at, _)| wanted[*at]) {
        let Some(run_id) = run.id() else { continue };
        let name = run_name(at).map_err(io_error("look at", &work.path))?;
        let meta = dir::meta_at(work.fd.as_fd(), &name).map_err(|e| io_error("look at", &work.path)(e.into()))?;
        runs.push(Unpacked { id: run_id, run, at, inode: meta.inode });
    }
    let root = session.store()?;
    let missing: Vec<_> = manifest.entries.iter().filter(|entry| !place::is_taken(root, entry)).collect();
    if !runs.is_empty() || !missing.is_empty() {
        rows::note(session, settings, asked, id, &runs, &missing)?;
    }
    rows::commit(session, settings, id, &runs)?;
    // A run is never there without what it names.
    let mut lacking = false;
    let root = session.store()?;
    for (at, entry) in manifest.entries.iter().enumerate() {
        let text = |name| String::from_utf8_lossy(&bytes(name)).into_owned();
        let shown = format!("{}/.cache/{}", text(&entry.project), text(&entry.entry));
        match place::put_entry(root, hook, work.fd.as_fd(), at, entry) {
            Ok(Placed::Added) => imported.entries.push(shown),
            Ok(Placed::There) => {}
            Ok(Placed::Taken) => {
                let reason = "another file has its name, and stays".to_owned();
                imported.skipped.push(Skipped { id: shown, reason });
            }
            Err(error) => {
                imported.skipped.push(Skipped { id: shown, reason: format!("cannot be put in place: {error}") });
                lacking = true;
            }
        }
    }
    let mut placed = Vec::new();
    for run in &runs {
        if lacking {
            let reason = "cache entries that it may name could not be put in place".to_owned();
            imported.skipped.push(Skipped { id: run.id.to_string(), reason });
            continue;
        }
        match place::put_run(root, hook, work.fd.as_fd(), run.at, &run.id) {
            Ok(()) => placed.push(run),
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::AlreadyExists => "something came into its place meanwhile, and stays".to_owned(),
                    _ => format!("cannot be put in place: {error}"),
                };
                imported.skipped.push(Skipped { id: run.id.to_string(), reason });
            }
        }
    }
    for run in &placed {
        let (size, files) = (run.run.size(), run.run.files());
        imported.runs.push(ImportedRun { id: run.id.clone(), size, files });
    }
    // The runs are there: what cannot be written now, the next refresh writes.
    let refreshed = session.refresh(settings, false).map_err(Error::from).and_then(|()| rows::tag(session, &placed));
    if let Err(error) = refreshed {
        imported.notices.push(format!("the catalog could not be brought in line: {error}"));
    }
    Ok(())
}
