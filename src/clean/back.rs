//! The way back from the trash into the store, for recovery and for restoring alike: by a rename or a second name that
//! refuses to replace, and only of what is still what was moved there.

use super::execute::hex;
use crate::model::{ProjectDir, RunDir};
use crate::session::{Error, Session, Settings};
use crate::store::change;
use crate::store::dir::{self, Listing};
use crate::store::observation::RunObservation;
use crate::store::run_walk::{self, Look};
use crate::store::trash::{Brought, Lying, Operation};
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ffi::CString;
use std::io;

/// The open directory in which a project's runs lie; one that is gone is made again.
pub(super) fn place(session: &Session, settings: &Settings<'_>, project: &ProjectDir) -> io::Result<OwnedFd> {
    let root = session.store().map_err(io::Error::other)?;
    if project.is_root() {
        return root.fd().try_clone_to_owned();
    }
    match project_walk::open_project(root, project).map_err(|problem| io::Error::other(problem.to_string()))? {
        Some((fd, _)) => Ok(fd),
        None => {
            let made = change::ensure_place(&settings.hook, root.fd(), &dir::c_name(project.as_bytes())?)?;
            change::sync(&settings.hook, root.fd())?;
            Ok(made)
        }
    }
}

/// The open directory in which a cache entry lies and its name there; directories that are gone are made again.
fn entry_place(settings: &Settings<'_>, place: BorrowedFd<'_>, path: &[u8]) -> io::Result<(OwnedFd, CString)> {
    let cache = change::ensure_place(&settings.hook, place, c".cache")?;
    if let Some(slash) = path.iter().position(|b| *b == b'/') {
        change::ensure_place(&settings.hook, cache.as_fd(), &dir::c_name(&path[..slash])?)?;
    }
    Ok(cache_place::open(place, path)?)
}

/// Moves a run back into its place.
///
/// # Errors
/// `AlreadyExists` when the place is taken: the newcomer stays, and so does ours.
pub(super) fn run(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    project: &ProjectDir,
    run: &str,
) -> io::Result<()> {
    let place = place(session, settings, project)?;
    let lying = Lying::Run { project: project.clone(), run: run.to_owned() };
    operation.put_back(&lying, place.as_fd(), &dir::c_name(run.as_bytes())?)
}

/// Moves the pieces of a run's parts back into it, durably. Whoever was interrupted does it again.
///
/// # Errors
/// `NotFound` when the run is not in its place, `AlreadyExists` when a piece's place is taken.
pub(super) fn pieces(session: &Session, operation: &Operation, project: &ProjectDir, run: &str) -> io::Result<()> {
    let item = operation.parts_item(project, run);
    let item = item.ok_or_else(|| io::Error::other("its operation does not name it"))?;
    let root = session.store().map_err(io::Error::other)?;
    let place = if project.is_root() {
        root.fd().try_clone_to_owned()?
    } else {
        let opened =
            project_walk::open_project(root, project).map_err(|problem| io::Error::other(problem.to_string()))?;
        opened.ok_or(io::ErrorKind::NotFound)?.0
    };
    let fd = dir::open_dir(place.as_fd(), &dir::c_name(run.as_bytes())?)?;
    if dir::meta(&fd)?.inode != item.inode {
        return Err(io::Error::new(io::ErrorKind::NotFound, "its run is not in its place any more"));
    }
    let mut taken = Ok(());
    for piece in &item.pieces {
        let path = piece.path.bytes().ok_or(io::ErrorKind::InvalidData)?;
        match operation.put_piece_back((project, run), fd.as_fd(), &path) {
            // One whose place is taken must not keep the others in the trash.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Err(error),
            done => drop(done?),
        }
    }
    operation.reset_times((project, run), fd.as_fd())?;
    operation.sync_pieces()?;
    taken
}

/// Moves parts back into their run, and notes that they are: it has to be looked at again.
///
/// # Errors
/// As [`pieces`]; the catalog's.
pub(super) fn parts(session: &mut Session, operation: &Operation, project: &ProjectDir, run: &str) -> io::Result<()> {
    let put = pieces(session, operation, project, run);
    let taken = put.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists);
    if !taken {
        put?;
    }
    if let Some(decision) = session.catalog.run_decision(project, run).map_err(io::Error::other)? {
        let noted = session.catalog.begin_durable().and_then(|mut tx| {
            if !taken {
                tx.forget_thinning(&operation.id, decision.key)?;
            }
            tx.unsettle(decision.key)?;
            tx.commit()
        });
        noted.map_err(io::Error::other)?;
    }
    if taken {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // Last, so that whoever is stopped before finds that there is something to be done.
    operation.drop_parts_shell(project, run)
}

/// Whether a piece of a run's parts lies in the trash.
pub(super) fn some_piece_lies(operation: &Operation, project: &ProjectDir, run: &str) -> io::Result<bool> {
    let Some(item) = operation.parts_item(project, run) else { return Ok(true) };
    for piece in &item.pieces {
        let path = piece.path.bytes().ok_or(io::ErrorKind::InvalidData)?;
        if operation.has_piece(project, run, &path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves a cache entry back into its place.
pub(super) fn entry(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    project: &ProjectDir,
    path: &[u8],
) -> io::Result<Brought> {
    let place = place(session, settings, project)?;
    let (cache, name) = entry_place(settings, place.as_fd(), path)?;
    operation.bring_entry(project, path, cache.as_fd(), &name)
}

/// Gives the companion of a cache entry its name in the cache again.
pub(super) fn companion(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    project: &ProjectDir,
    path: &[u8],
) -> io::Result<Brought> {
    let place = place(session, settings, project)?;
    let (cache, name) = entry_place(settings, place.as_fd(), path)?;
    operation.bring_companion(project, path, cache.as_fd(), &name)
}

/// A run in the trash, if it is still what the operation moved there; else what is wrong with it.
pub(super) fn whole(
    session: &Session,
    settings: &Settings<'_>,
    operation: &Operation,
    project: &ProjectDir,
    run: &str,
) -> Result<Result<RunObservation, String>, Error> {
    let wrong = |why: &str| Ok(Err(why.to_owned()));
    let Some(description) = &operation.description else { return wrong("its operation.json cannot be read") };
    let item =
        description.runs.iter().find(|i| i.run == run && i.project.bytes().as_deref() == Some(project.as_bytes()));
    let Some(item) = item else { return wrong("its operation does not name it") };
    let Ok(dir) = RunDir::parse(run.as_bytes()) else { return wrong("it has not the name of a run") };
    let path = session.store()?.path().join(".catalog").join("trash").join(&operation.id);
    let shell = operation.project(project).map_err(|source| Error::Io { act: "open", path: path.clone(), source })?;
    let look = Look {
        project_path: &path,
        dev: session.store()?.dev(),
        now_ns: settings.clock.now.saturating_mul(1_000_000_000),
        read_yaml: false,
        at_root: project.is_root(),
    };
    match run_walk::walk_run(shell.as_fd(), &dir, &look, &mut Listing::default()) {
        Ok(Some(found)) if hex(&found.manifest) == item.manifest => Ok(Ok(found)),
        Ok(_) => wrong("it is not what was moved there"),
        Err(problem) => Ok(Err(problem.to_string())),
    }
}
