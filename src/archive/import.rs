//! Bringing the runs of an archive into a store.

use super::error::{Error, io_error};
use super::leftovers::{Workplace, end_leftovers, no_catalog};
use super::manifest::{ArchivedEntry, ArchivedRun, Kind, Manifest, bytes};
use super::place::{self, InPlace, Placed};
use super::read::Archive;
use super::rows::{self, Unpacked, UnpackedEntry};
use super::unpack::{Unpacker, entry_name, run_name};
use super::{Asked, Skipped};
use crate::audit::Heading;
use crate::model::{RunId, RunState};
use crate::session::{Session, Settings, may_be_cleaned, operation_id};
use crate::store::change;
use crate::store::dir;
use crate::store::outside;
use crate::store::root::{OpenError, StoreRoot};
use crate::store::trash::Trash;
use rustix::fd::AsFd as _;
use std::collections::HashSet;
use std::ffi::CString;
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

/// Makes an empty directory a store, so that something can be brought into it; one that is missing is made. One that is a
/// store stays as it is.
///
/// # Errors
/// When the directory cannot be made, or is neither a store nor empty.
pub fn make_store(settings: &Settings<'_>) -> Result<(), Error> {
    if matches!(StoreRoot::open(&settings.home), Err(OpenError::Missing(_))) {
        outside::make_directory(&settings.hook, &settings.home)?;
    }
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
    end_leftovers(session, settings)?;
    let mut wanted = Vec::with_capacity(manifest.runs.len());
    for run in &manifest.runs {
        let Some(id) = run.id() else { continue };
        let fate = fate(session, settings, &id, run, asked)?;
        if (asked.interrupted)() {
            return Err(Error::Interrupted);
        }
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
    if let Ok(Some(unsettled)) = &done {
        let told = "the next import or clean ends it";
        imported.notices.push(format!("the runs are there, and not all is noted of them; {told}: {unsettled}"));
    } else if let Err(error) = work.end(session, settings)
        && done.is_ok()
    {
        imported.notices.push(format!("what was unpacked and is not needed stays: {error}"));
    }
    done?;
    if !(imported.runs.is_empty() && imported.entries.is_empty()) {
        imported.operation = Some(id);
    }
    Ok(imported)
}

/// What is to be done with a run, by what is in its place now.
fn fate(
    session: &Session,
    settings: &Settings<'_>,
    id: &RunId,
    run: &ArchivedRun,
    asked: &Asked<'_>,
) -> Result<Fate, Error> {
    match place::look(session.store()?, id, run, asked.interrupted) {
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
    let mut unpacker =
        Unpacker { hook: &settings.hook, into: work.fd.as_fd(), path: work.path.clone(), runs: wanted, open: None };
    settings.progress.begin("unpacking", None);
    let unpacked = archive.read(&mut unpacker, asked.interrupted).and_then(|()| unpacker.finish());
    settings.progress.end();
    unpacked?;
    change::sync_all(&settings.hook, work.fd.as_fd()).map_err(io_error("sync", &work.path))
}

/// Steps 2 to 5. Once something is in its place nothing ends in an error: what could not be noted is told.
fn bring_in(
    session: &mut Session,
    settings: &Settings<'_>,
    archive: &Archive,
    work: &Workplace,
    (id, wanted): (&str, &[bool]),
    asked: &Asked<'_>,
    imported: &mut Imported,
) -> Result<Option<String>, Error> {
    let manifest = archive.manifest();
    let look = |name: io::Result<CString>| -> io::Result<u64> {
        Ok(dir::meta_at(work.fd.as_fd(), &name?).map_err(io::Error::from)?.inode)
    };
    let mut runs = Vec::new();
    for (at, run) in manifest.runs.iter().enumerate().filter(|(at, _)| wanted[*at]) {
        let Some(run_id) = run.id() else { continue };
        let inode = look(run_name(at)).map_err(io_error("look at", &work.path))?;
        runs.push(Unpacked { id: run_id, run, at, inode });
    }
    let root = session.store()?;
    let mut missing = Vec::new();
    for (at, entry) in manifest.entries.iter().enumerate().filter(|(_, entry)| !place::is_taken(root, entry)) {
        let inode = look(entry_name(at)).map_err(io_error("look at", &work.path))?;
        missing.push(UnpackedEntry { entry, at, inode });
    }
    let now = settings.clock.now;
    let heading = Heading { operation: id, now, who: asked.who, command: asked.command, policy: "", plan: None };
    let arrivals = rows::arrivals(&heading, &runs, &missing).map_err(io_error("write in", &work.path))?;
    if !runs.is_empty() || !missing.is_empty() {
        arrivals.write(&settings.hook, work.fd.as_fd()).map_err(io_error("write in", &work.path))?;
    }
    let own = manifest.store_id == session.catalog.store_state()?.store_id;
    place_all(session.store()?, settings, manifest, work, own, &runs, imported);
    // Whoever is told that they are there can rely on it.
    match rows::settle(session, settings, (&arrivals, work.fd.as_fd()), false) {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(with_cause(&error))),
    }
}

/// Step 3: entries first, since a run is never there without what it names.
fn place_all(
    root: &StoreRoot,
    settings: &Settings<'_>,
    manifest: &Manifest,
    work: &Workplace,
    own: bool,
    runs: &[Unpacked<'_>],
    imported: &mut Imported,
) {
    let hook = &settings.hook;
    let named = Named::of(manifest);
    let mut lacking = false;
    for (at, entry) in manifest.entries.iter().enumerate() {
        let text = |name| String::from_utf8_lossy(&bytes(name)).into_owned();
        let shown = format!("{}/.cache/{}", text(&entry.project), text(&entry.entry));
        let is_let_in = |well_named: Option<bool>| own || well_named.unwrap_or_else(|| named.contains(entry));
        let reason = match place::put_entry(root, hook, work.fd.as_fd(), at, entry, &is_let_in) {
            Ok(Placed::Added) => {
                imported.entries.push(shown);
                continue;
            }
            Ok(Placed::There) => continue,
            Ok(Placed::Taken) => "another file has its name, and stays".to_owned(),
            Ok(Placed::Misnamed) => "its content is not what its name says, and a runner might run it".to_owned(),
            Err(error) => {
                lacking = true;
                format!("cannot be put in place: {error}")
            }
        };
        imported.skipped.push(Skipped { id: shown, reason });
    }
    for run in runs {
        let put = match lacking {
            true => Err("cache entries that it may name could not be put in place".to_owned()),
            false => place::put_run(root, hook, work.fd.as_fd(), run.at, &run.id).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => "something came into its place meanwhile, and stays".to_owned(),
                _ => format!("cannot be put in place: {error}"),
            }),
        };
        match put {
            Ok(()) => {
                let (size, files) = (run.run.size(), run.run.files());
                imported.runs.push(ImportedRun { id: run.id.clone(), size, files });
            }
            Err(reason) => imported.skipped.push(Skipped { id: run.id.to_string(), reason }),
        }
    }
}

/// The cache entries that the links of an archive's runs name, by what follows `.cache/`.
struct Named(HashSet<Vec<u8>>);

impl Named {
    fn of(manifest: &Manifest) -> Self {
        const CACHE: &[u8] = b".cache/";
        let links = manifest.runs.iter().flat_map(|run| &run.members).filter_map(|member| match &member.kind {
            Kind::Link { to } => Some(bytes(to)),
            _ => None,
        });
        let after = |text: Vec<u8>| {
            let at = text.windows(CACHE.len()).rposition(|part| part == CACHE)?;
            Some(text[at + CACHE.len()..].to_vec())
        };
        Self(links.filter_map(after).collect())
    }

    fn contains(&self, entry: &ArchivedEntry) -> bool {
        self.0.contains(&bytes(&entry.entry))
    }
}

/// An error with its causes, on one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}
