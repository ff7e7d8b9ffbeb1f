//! Where archives are unpacked: `.catalog/import/<operation>/`, each with a lock that says whether somebody is at it.

use super::error::{Error, io_error};
use super::rows;
use crate::audit::{Arrivals, IMPORT};
use crate::model::Problem;
use crate::session::{self, Session, Settings};
use crate::store::change::{self, Act, Freed, Hook};
use crate::store::dir::{self, Listing};
use crate::store::lock::{self, Held, StoreLock, Taking};
use crate::store::root::StoreRoot;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What the name of one begins with that was set aside, in our directory.
pub const SET_ASIDE: &str = "import.damaged-";

/// Held as long as somebody is at work.
const LOCK: &CStr = c"lock";

/// A directory into which an archive is unpacked.
#[derive(Debug)]
pub(super) struct Workplace {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
    above: OwnedFd,
    name: CString,
    _lock: Held,
}

impl Workplace {
    /// Makes one. The session must hold the store's lock, so that nobody takes it for a leftover before its own is held.
    pub(super) fn begin(session: &Session, settings: &Settings<'_>, id: &str) -> Result<Self, Error> {
        let path = session.store()?.path().join(".catalog/import").join(id);
        let begin = |directory: BorrowedFd<'_>, hook: &Hook| -> io::Result<(OwnedFd, OwnedFd, CString, Held)> {
            let above = change::ensure_dir(hook, directory, IMPORT)?;
            let name = dir::c_name(id.as_bytes())?;
            let fd = change::new_dir(hook, above.as_fd(), &name)?;
            let lock = change::write_locked_file(hook, fd.as_fd(), LOCK, b"")?;
            Ok((fd, above, name, lock))
        };
        let directory = session.directory().ok_or_else(no_catalog)?;
        let (fd, above, name, lock) = begin(directory, &settings.hook).map_err(io_error("make", &path))?;
        Ok(Self { fd, path, above, name, _lock: lock })
    }

    /// Removes it with all that is in it.
    pub(super) fn end(self, session: &Session, settings: &Settings<'_>) -> Result<(), Error> {
        let removed = remove(self.above.as_fd(), &self.name, session, settings);
        removed.map_err(io_error("remove", &self.path))?;
        if let Some(directory) = session.directory() {
            change::remove_empty_dir(&settings.hook, directory, IMPORT).map_err(io_error("remove", &self.path))?;
        }
        Ok(())
    }
}

pub(super) fn no_catalog() -> Error {
    Error::Session(crate::session::Error::NoCatalog("it has no directory".to_owned()))
}

fn remove(above: BorrowedFd<'_>, name: &CStr, session: &Session, settings: &Settings<'_>) -> io::Result<()> {
    let dev = session.store().map_err(io::Error::other)?.dev();
    // What is told goes first: it takes what does not lie beside it any more for moved.
    match dir::open_dir(above, name) {
        Ok(place) => Arrivals::drop_told(&settings.hook, place.as_fd())?,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
        Err(error) => return Err(error.into()),
    }
    change::remove_tree(&settings.hook, above, name, dev, &Freed::default()).map_err(io::Error::other)
}

/// What an import that was stopped left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What tells of it, or cannot be looked at.
    pub path: PathBuf,
    /// What is known of it.
    pub state: State,
}

/// What is known of a stopped import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing of it is in the store: the next import or clean drops it. Without the store's lock it may be one at work.
    Nothing,
    /// So much of it is in the store, and not all may be noted of that: the next import or clean ends it.
    Arrived {
        /// Runs that are in their places.
        runs: u64,
        /// Cache entries that are.
        entries: u64,
    },
    /// What it told of its runs is damaged, so that it can only be set aside. Why it cannot be read.
    Damaged(String),
    /// A later version has to end it. What shows it.
    Later(String),
    /// It cannot be looked at now, and why.
    Unclear(String),
}

/// What stopped imports left in a store, without changing anything. Where the session holds the store's lock, what somebody
/// unpacks is no leftover; who does not hold it must not look, since whoever ends one would take that for work.
pub fn leftovers(session: &Session) -> Vec<Leftover> {
    let Some(root) = &session.root else { return Vec::new() };
    let path = root.path().join(".catalog/import");
    // Without our directory there is no catalog on disk either, and nothing is decided.
    let Ok(directory) = dir::open_dir(root.fd(), c".catalog") else { return Vec::new() };
    let (above, names) = match list(directory.as_fd()) {
        Ok(listed) => listed,
        Err(Errno::NOENT) => return Vec::new(),
        Err(error) => {
            let state = State::Unclear(io::Error::from(error).to_string());
            return vec![Leftover { path, state }];
        }
    };
    let look = |name: &CString| {
        let here = path.join(OsStr::from_bytes(name.to_bytes()));
        match examine(above.as_fd(), name, session.lock().is_some()) {
            Ok(Found::Gone | Found::Busy) => None,
            Ok(Found::Foreign) => Some(Leftover { path: here, state: State::Nothing }),
            Ok(Found::Ours { place, arrivals, .. }) => {
                let state = match arrivals {
                    Ok(arrivals) => state_of(arrivals.as_ref(), root, place.as_fd()),
                    Err(error) => unread(&error),
                };
                let path = if matches!(state, State::Nothing) { here } else { Arrivals::path(&here) };
                Some(Leftover { path, state })
            }
            Err(error) => Some(Leftover { path: here, state: State::Unclear(error.to_string()) }),
        }
    };
    names.iter().filter_map(look).collect()
}

fn state_of(arrivals: Option<&Arrivals>, root: &StoreRoot, place: BorrowedFd<'_>) -> State {
    let Some(arrivals) = arrivals else { return State::Nothing };
    let in_place = || {
        let (runs, entries) = (arrivals.runs_in_place(root, place)?, arrivals.entries_in_place(root, place)?);
        Ok::<_, Problem>((runs.len(), entries.len()))
    };
    match in_place() {
        Ok((0, 0)) => State::Nothing,
        Ok((runs, entries)) => State::Arrived { runs: runs as u64, entries: entries as u64 },
        Err(problem) => State::Unclear(problem.to_string()),
    }
}

fn unread(error: &io::Error) -> State {
    let cause = error.to_string();
    match error.kind() {
        io::ErrorKind::Unsupported => State::Later(cause),
        _ if is_damage(error) => State::Damaged(cause),
        _ => State::Unclear(cause),
    }
}

/// Whether what an import told cannot be read by anybody. What is only closed to us, or cannot be read now, is not damaged.
fn is_damage(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData || error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// What is in a place where an archive is unpacked.
enum Found {
    /// Nothing any more.
    Gone,
    /// No directory: whatever it is, nobody unpacked anything there.
    Foreign,
    /// Somebody is unpacking there.
    Busy,
    /// A directory, with its lock, and what was told of the runs in it.
    Ours { place: OwnedFd, _lock: Option<StoreLock>, arrivals: io::Result<Option<Arrivals>> },
}

/// Looks into such a place; whoever holds the store's lock can tell whether somebody is at work there. An error is no sign
/// that nobody is.
fn examine(above: BorrowedFd<'_>, name: &CStr, is_locked: bool) -> io::Result<Found> {
    let place = match dir::open_dir(above, name) {
        Ok(place) => place,
        Err(Errno::NOENT) => return Ok(Found::Gone),
        Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Found::Foreign),
        Err(error) => return Err(error.into()),
    };
    let of_lock = |error: io::Error| io::Error::new(error.kind(), format!("its lock cannot be taken: {error}"));
    let taking = if is_locked { lock::try_take_without_a_trace(place.as_fd(), LOCK).map_err(of_lock)? } else { None };
    let arrivals = Arrivals::read(place.as_fd());
    let _lock = match (taking, &arrivals) {
        (Some(Taking::Taken(taken)), _) => Some(taken),
        (None, _) => None,
        (Some(Taking::Busy(_)), Ok(None)) => return Ok(Found::Busy),
        // Whoever moves runs into their places holds the store's lock, and that is ours.
        (Some(Taking::Busy(_)), _) => return Err(io::Error::other("somebody is at work on it")),
    };
    Ok(Found::Ours { place, _lock, arrivals })
}

/// The open directory of unpacked archives, and what is in it.
fn list(directory: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Vec<CString>)> {
    let above = dir::open_dir(directory, IMPORT)?;
    let own = dir::open_dir(above.as_fd(), c".")?;
    let mut listing = Listing::default();
    let (mark, _) = listing.push(own.as_fd())?;
    let names = listing.entries(mark).iter().map(|entry| listing.c_name(*entry).to_owned()).collect();
    Ok((above, names))
}

/// Ends imports that were stopped: what is in its place is noted, what is not is dropped. How many there were. The session
/// must hold the store's lock.
///
/// # Errors
/// [`session::Error::ImportStays`], once all others are ended: whoever deletes must not go on, since nobody knows what is
/// told of the runs that came. It is tried again next time.
pub fn end_leftovers(session: &mut Session, settings: &Settings<'_>) -> Result<u64, session::Error> {
    let Some(directory) = session.directory() else { return Ok(0) };
    let path = session.store()?.path().join(".catalog/import");
    let (above, names) = match list(directory) {
        Ok(listed) => listed,
        Err(Errno::NOENT) => return Ok(0),
        Err(error) => return Err(stays(path, io::Error::from(error))),
    };
    let (mut ended, mut stuck) = (0, None);
    for name in names {
        let here = path.join(OsStr::from_bytes(name.to_bytes()));
        match end_one(session, settings, above.as_fd(), &name, &here) {
            Ok(done) => ended += u64::from(done),
            Err(error) if error.is_damage() => return Err(error),
            Err(error) => stuck = stuck.or(Some(error)),
        }
    }
    if let Some(stuck) = stuck {
        return Err(stuck);
    }
    if let Some(directory) = session.directory() {
        change::remove_empty_dir(&settings.hook, directory, IMPORT).map_err(|error| stays(path, error))?;
    }
    Ok(ended)
}

/// Ends one; whether there was anything to end.
fn end_one(
    session: &mut Session,
    settings: &Settings<'_>,
    above: BorrowedFd<'_>,
    name: &CStr,
    path: &Path,
) -> Result<bool, session::Error> {
    // Held until it is gone.
    let _lock = match examine(above, name, true).map_err(|error| stays(path, error))? {
        Found::Gone | Found::Busy => return Ok(false),
        Found::Foreign => None,
        Found::Ours { place, _lock, arrivals } => {
            let told = Arrivals::path(path);
            if let Some(arrivals) = arrivals.map_err(|error| stays(&told, error))? {
                rows::settle(session, settings, (&arrivals, place.as_fd()), true).map_err(|error| match error {
                    Error::Session(error) if error.is_damage() => error,
                    Error::Catalog(error) if error.is_damage() => error.into(),
                    error => stays(told, error),
                })?;
            }
            _lock
        }
    };
    remove(above, name, session, settings).map_err(|error| stays(path, error))?;
    Ok(true)
}

fn stays(path: impl Into<PathBuf>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> session::Error {
    session::Error::ImportStays { path: path.into(), source: source.into() }
}

/// Sets aside what an import left that told of its runs what nobody can read, so that it is in nobody's way and can be
/// looked at. Where it is now; `None` when it is not so any more. The session must hold the store's lock.
///
/// # Errors
/// The system's.
pub fn set_aside(session: &Session, settings: &Settings<'_>, name: &CStr) -> Result<Option<PathBuf>, Error> {
    let Some(directory) = session.directory() else { return Ok(None) };
    let path = session.store()?.path().join(".catalog/import").join(OsStr::from_bytes(name.to_bytes()));
    let set_aside = || -> io::Result<Option<PathBuf>> {
        let above = dir::open_dir(directory, IMPORT)?;
        let found = examine(above.as_fd(), name, true)?;
        let Found::Ours { arrivals: Err(error), .. } = &found else { return Ok(None) };
        if !is_damage(error) {
            return Ok(None);
        }
        let aside = [SET_ASIDE.as_bytes(), name.to_bytes()].concat();
        change::rename(&settings.hook, Act::SetAside, above.as_fd(), name, directory, &dir::c_name(&aside)?)?;
        change::remove_empty_dir(&settings.hook, directory, IMPORT)?;
        Ok(Some(Path::new(".catalog").join(OsStr::from_bytes(&aside))))
    };
    set_aside().map_err(io_error("set aside", &path))
}
