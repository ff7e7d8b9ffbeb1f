//! Where archives are unpacked: `.catalog/import/<operation>/`, each with a lock that says whether somebody is at it.

use super::error::{Error, io_error};
use super::rows;
use crate::audit::{Arrivals, IMPORT};
use crate::session::{Session, Settings};
use crate::store::change::{self, Freed, Hook};
use crate::store::dir::{self, Listing};
use crate::store::lock::{self, Held, Taking};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::ffi::{CStr, CString};
use std::io;
use std::path::PathBuf;

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
    change::remove_tree(&settings.hook, above, name, dev, &Freed::default()).map_err(io::Error::other)
}

/// Ends imports that were stopped: what is in its place is noted, what is not is dropped. How many there were. The session
/// must hold the store's lock.
///
/// # Errors
/// The system's; what could not be ended is tried again next time.
pub fn end_leftovers(session: &mut Session, settings: &Settings<'_>) -> Result<u64, Error> {
    let Some(directory) = session.directory() else { return Ok(0) };
    let path = session.store()?.path().join(".catalog/import");
    let failed = |act, error: rustix::io::Errno| io_error(act, path.clone())(error.into());
    let above = match dir::open_dir(directory, IMPORT) {
        Ok(above) => above,
        Err(rustix::io::Errno::NOENT) => return Ok(0),
        Err(error) => return Err(failed("open", error)),
    };
    let mut listing = Listing::default();
    let own = dir::open_dir(above.as_fd(), c".").map_err(|error| failed("open", error))?;
    let (mark, _) = listing.push(own.as_fd()).map_err(|error| failed("list", error))?;
    let names: Vec<CString> = listing.entries(mark).iter().map(|entry| listing.c_name(*entry).to_owned()).collect();
    let mut ended = 0;
    for name in names {
        let place = match dir::open_dir(above.as_fd(), &name) {
            Ok(place) => Some(place),
            // Whatever it is, nobody unpacked anything there.
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => None,
            Err(error) => return Err(failed("open what was left in", error)),
        };
        let mut lock = None;
        if let Some(place) = &place {
            let taking = lock::try_take_without_a_trace(place.as_fd(), LOCK);
            // An error is no sign that nobody is at work.
            match taking.map_err(io_error("take the lock of what was left in", &path))? {
                Some(Taking::Busy(_)) => continue,
                Some(Taking::Taken(taken)) => lock = Some(taken),
                None => {}
            }
            let arrivals = Arrivals::read(place.as_fd()).map_err(io_error("read what was left in", &path))?;
            if let Some(arrivals) = arrivals {
                rows::settle(session, settings, &arrivals, true)?;
            }
        }
        remove(above.as_fd(), &name, session, settings).map_err(io_error("remove what was left in", &path))?;
        drop(lock);
        ended += 1;
    }
    if let Some(directory) = session.directory() {
        change::remove_empty_dir(&settings.hook, directory, IMPORT).map_err(io_error("remove", &path))?;
    }
    Ok(ended)
}
