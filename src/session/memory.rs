//! What a catalog that is made anew takes from the audit log: pins, tags, removed runs, operations.
//!
//! A log that is there and cannot be read is an error: a pin may stand in it, and a catalog without that pin would let the
//! run go. A line that cannot be read is a problem that the user is told of, and keeps whoever decides from doing
//! so: see `marks`.

use super::settings::{Access, Error, Settings};
use crate::audit::{self, Reader};
use crate::catalog::Catalog;
use crate::index::{Report, ThinnedRuns};
use crate::model::Problem;
use crate::store::dir;
use crate::store::root::StoreRoot;
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::io;
use std::path::Path;

/// Brings what the log in our directory tells, and what an old catalog knows, into the finished catalog at `path`. Without
/// a log and an old catalog that file is not opened again.
pub(super) fn remember(
    settings: &Settings<'_>,
    access: Access,
    directory: Option<BorrowedFd<'_>>,
    path: &Path,
    old: Option<&Catalog>,
    report: &mut Report,
) -> Result<(), Error> {
    let mut reader = match directory {
        Some(directory) => open(directory)?,
        None => None,
    };
    if reader.is_none() && old.is_none() {
        return Ok(());
    }
    let mut catalog = Catalog::open(path, true)?;
    if let Some(reader) = &mut reader {
        replay(settings, reader, &mut catalog, report)?;
        // What could not be read was told. Whoever builds a catalog on purpose accepts that; else it is met again, and
        // nothing is decided before it is settled.
        if reader.damage().is_none() || matches!(access, Access::Rebuild | Access::Mend) {
            let mark = reader.mark().map_err(unreadable)?;
            let mut tx = catalog.begin()?;
            tx.put_log_mark(&mark)?;
            tx.commit()?;
        }
    }
    if let Some(old) = old {
        audit::carry_over(old, &mut catalog)?;
    }
    // What is put in its place is the file, without its log.
    Ok(catalog.fold_log()?)
}

/// The same for a catalog in memory, of a store in which nothing of ours may be writable.
pub(super) fn remember_here(
    settings: &Settings<'_>,
    root: &StoreRoot,
    catalog: &mut Catalog,
    report: &mut Report,
) -> Result<(), Error> {
    let directory = match dir::open_dir(root.fd(), c".catalog") {
        Ok(directory) => directory,
        // What is no directory holds nothing of ours.
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(()),
        Err(error) => {
            // Nothing is removed by such a catalog: it may lack the pins.
            report.problems.push(Problem::new(root.path().join(".catalog"), "open", io::Error::from(error)));
            return Ok(());
        }
    };
    match open(directory.as_fd()) {
        Ok(Some(mut reader)) => match replay(settings, &mut reader, catalog, report) {
            Err(Error::Io { act, path, source }) => report.problems.push(Problem::new(path, act, source)),
            done => done?,
        },
        Ok(None) => {}
        Err(Error::Io { act, path, source }) => report.problems.push(Problem::new(path, act, source)),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What the log in our directory tells of runs of which parts were dropped, and what is told of those that arrived: needed
/// before the tree is looked at. What cannot be read of the latter is a problem.
pub(super) fn thinned(
    root: &StoreRoot,
    directory: Option<BorrowedFd<'_>>,
    problems: &mut Vec<Problem>,
) -> Result<ThinnedRuns, Error> {
    let reader = directory.map(open).transpose()?.flatten();
    let mut told = reader.map(|mut reader| audit::thinned(&mut reader)).unwrap_or_default();
    told.extend(arrived(root, directory, problems));
    Ok(told)
}

/// The same for a catalog in memory: what cannot be read is told of when the log is replayed.
pub(super) fn thinned_here(root: &StoreRoot, problems: &mut Vec<Problem>) -> ThinnedRuns {
    let mut told = audit_log(root).ok().flatten().map(|mut reader| audit::thinned(&mut reader)).unwrap_or_default();
    let directory = dir::open_dir(root.fd(), c".catalog").ok();
    told.extend(arrived(root, directory.as_ref().map(OwnedFd::as_fd), problems));
    told
}

/// What is told of runs that came out of an archive and were not noted yet.
pub(super) fn arrived(root: &StoreRoot, directory: Option<BorrowedFd<'_>>, problems: &mut Vec<Problem>) -> ThinnedRuns {
    directory.map(|directory| audit::arrived(root, directory, problems)).unwrap_or_default()
}

/// The log of a store, if there is anything in it.
pub(super) fn audit_log(root: &StoreRoot) -> Result<Option<Reader>, Error> {
    match dir::open_dir(root.fd(), c".catalog") {
        Ok(directory) => open(directory.as_fd()),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(unreadable(error.into())),
    }
}

/// The log, if there is anything in it.
fn open(directory: BorrowedFd<'_>) -> Result<Option<Reader>, Error> {
    let reader = Reader::open(directory).map_err(unreadable)?;
    Ok((!reader.is_empty()).then_some(reader))
}

fn replay(
    settings: &Settings<'_>,
    reader: &mut Reader,
    catalog: &mut Catalog,
    report: &mut Report,
) -> Result<(), Error> {
    settings.progress.begin("reading the audit log", None);
    let replayed = audit::replay(reader, catalog, &mut || settings.progress.advance(1));
    settings.progress.end();
    replayed?;
    let (problems, more) = reader.problems();
    if let Some(failure) = reader.failure() {
        return Err(unreadable(io::Error::other(failure.to_string())));
    }
    report.problems.extend(problems.iter().cloned());
    if more > 0 {
        report.problems.push(Problem::new(".catalog/audit.jsonl", "read", format!("{more} more lines of this kind")));
    }
    Ok(())
}

pub(super) fn unreadable(source: io::Error) -> Error {
    Error::Io { act: "read the audit log, which may hold pins:", path: ".catalog/audit.jsonl".into(), source }
}
