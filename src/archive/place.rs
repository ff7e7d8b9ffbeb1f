//! The places of runs and cache entries in a store: whether they are taken, and by what; and moving into them.

use super::heed::Stop;
use super::manifest::{ArchivedEntry, ArchivedRun, FILE_MODE, Kind, Member, bytes};
use super::survey;
use super::unpack::{entry_name, run_name};
use crate::model::{ProjectDir, RunId};
use crate::store::change::{self, Act, Hook};
use crate::store::contents::{self, Content};
use crate::store::dir;
use crate::store::root::StoreRoot;
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use std::ffi::CStr;
use std::fs::File;
use std::io;

/// What is in the place of a run.
pub(super) enum InPlace {
    /// Nothing.
    Nothing,
    /// That very run.
    Same,
    /// Something else, and why it is not that run.
    Other(String),
}

/// What became of a cache entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It is there now.
    Added,
    /// It was there.
    There,
    /// Another file has its name.
    Taken,
    /// Its content is not what its name says.
    Misnamed,
}

/// Looks at the place of a run.
pub(super) fn look(root: &StoreRoot, id: &RunId, archived: &ArchivedRun, stop: Stop<'_>) -> InPlace {
    let other = |why: &dyn std::fmt::Display| InPlace::Other(format!("what is in its place {why}"));
    let project = if id.project.is_root() {
        match dir::open_dir(root.fd(), c".") {
            Ok(fd) => fd,
            Err(error) => return other(&format!("cannot be looked at: {error}")),
        }
    } else {
        match project_walk::open_project(root, &id.project) {
            Ok(Some((fd, _))) => fd,
            Ok(None) => {
                let name = dir::c_name(id.project.as_bytes());
                let taken = name.is_ok_and(|name| dir::meta_at(root.fd(), &name).is_ok());
                return if taken { other(&"of its project is no directory") } else { InPlace::Nothing };
            }
            Err(problem) => return other(&format!("cannot be looked at: {problem}")),
        }
    };
    let Ok(name) = dir::c_name(id.run.as_str().as_bytes()) else { return other(&"cannot be named") };
    match dir::meta_at(project.as_fd(), &name) {
        Err(rustix::io::Errno::NOENT) => return InPlace::Nothing,
        Err(error) => return other(&format!("cannot be looked at: {error}")),
        Ok(meta) if meta.kind != FileType::Directory => return other(&"is no directory"),
        Ok(_) => {}
    }
    let run = match dir::open_dir(project.as_fd(), &name) {
        Ok(run) => run,
        Err(error) => return other(&format!("cannot be opened: {error}")),
    };
    // Of another run no more is read than this one has, and a byte.
    match survey::survey(run.as_fd(), archived.size(), stop) {
        Ok(found) if is_same(&found.members, &archived.members) => InPlace::Same,
        _ => other(&"is not the same run, and stays"),
    }
}

/// Whether the run of that name in an open directory is, file by file, the archived one. Once `stop` says so it is no more
/// read, and is not.
pub fn holds_run(archived: &ArchivedRun, place: BorrowedFd<'_>, name: &CStr, stop: &(dyn Fn() -> bool + Sync)) -> bool {
    let Ok(run) = dir::open_dir(place, name) else { return false };
    survey::survey(run.as_fd(), archived.size(), stop).is_ok_and(|found| is_same(&found.members, &archived.members))
}

/// Whether the file of that name in an open directory is the archived cache entry.
pub fn holds_entry(archived: &ArchivedEntry, place: BorrowedFd<'_>, name: &CStr) -> bool {
    let Ok(fd) = dir::open_file(place, name) else { return false };
    let dressed = dir::meta(&fd).is_ok_and(|meta| {
        (meta.mode & FILE_MODE, meta.mtime_ns, meta.len) == (archived.mode, archived.mtime_ns, archived.size_bytes)
    });
    dressed
        && survey::hash(File::from(fd), archived.size_bytes).is_ok_and(|(_, hash)| *hash.to_hex() == *archived.blake3)
}

/// Whether two lists name the same files, with the same contents, rights and times. Where there are holes does not matter.
fn is_same(one: &[Member], other: &[Member]) -> bool {
    let kind = |kind: &Kind| match kind {
        Kind::File { size_bytes, blake3, .. } => {
            Kind::File { size_bytes: *size_bytes, blake3: blake3.clone(), sparse: false }
        }
        kind => kind.clone(),
    };
    let same = |(a, b): (&Member, &Member)| {
        bytes(&a.path) == bytes(&b.path)
            && (a.mode, a.mtime_ns) == (b.mode, b.mtime_ns)
            && kind(&a.kind) == kind(&b.kind)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

/// The open directory of a project, made if need be.
fn ensure_project(root: &StoreRoot, hook: &Hook, project: &ProjectDir) -> io::Result<OwnedFd> {
    if project.is_root() {
        return Ok(dir::open_dir(root.fd(), c".")?);
    }
    let fd = change::ensure_place(hook, root.fd(), &dir::c_name(project.as_bytes())?)?;
    if dir::meta(&fd)?.dev != root.dev() {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    Ok(fd)
}

/// Moves an unpacked run into its place, which must be free.
pub(super) fn put_run(root: &StoreRoot, hook: &Hook, from: BorrowedFd<'_>, at: usize, id: &RunId) -> io::Result<()> {
    let project = ensure_project(root, hook, &id.project)?;
    let name = dir::c_name(id.run.as_str().as_bytes())?;
    change::rename(hook, Act::PutInPlace, from, &run_name(at)?, project.as_fd(), &name)
}

/// Whether the unpacked content of a cache entry is what its name says. `None`: the name says nothing.
fn is_well_named(from: BorrowedFd<'_>, at: usize, entry: &ArchivedEntry) -> io::Result<Option<bool>> {
    Ok(match contents::compare_as(from, &entry_name(at)?, &bytes(&entry.entry))? {
        Content::Same => Some(true),
        Content::Unnamed => None,
        Content::Empty | Content::Other(_) => Some(false),
    })
}

/// Whether something is in the place of a cache entry.
pub(super) fn is_taken(root: &StoreRoot, entry: &ArchivedEntry) -> bool {
    let project = ProjectDir::new(bytes(&entry.project));
    let Ok(Some((project, _))) = project_walk::open_project(root, &project) else { return false };
    let found = cache_place::open(project.as_fd(), &bytes(&entry.entry));
    found.is_ok_and(|(above, name)| dir::meta_at(above.as_fd(), &name).is_ok())
}

/// Moves an unpacked cache entry into its place, unless a file is there. Whether one is let in of which its name does not
/// tell that it is the right one, its archive says.
pub(super) fn put_entry(
    root: &StoreRoot,
    hook: &Hook,
    from: BorrowedFd<'_>,
    at: usize,
    entry: &ArchivedEntry,
    is_let_in: &dyn Fn(Option<bool>) -> bool,
) -> io::Result<Placed> {
    if !is_let_in(is_well_named(from, at, entry)?) && !is_taken(root, entry) {
        return Ok(Placed::Misnamed);
    }
    let project = ensure_project(root, hook, &ProjectDir::new(bytes(&entry.project)))?;
    let mut place = change::ensure_place(hook, project.as_fd(), c".cache")?;
    let path = bytes(&entry.entry);
    let name = match path.iter().position(|byte| *byte == b'/') {
        Some(slash) => {
            place = change::ensure_place(hook, place.as_fd(), &dir::c_name(&path[..slash])?)?;
            dir::c_name(&path[slash + 1..])?
        }
        None => dir::c_name(&path)?,
    };
    let own = entry_name(at)?;
    match change::rename(hook, Act::PutInPlace, from, &own, place.as_fd(), &name) {
        Ok(()) => Ok(Placed::Added),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let same = change::same_file((from, &own), (place.as_fd(), &name)).unwrap_or(false);
            Ok(if same { Placed::There } else { Placed::Taken })
        }
        Err(error) => Err(error),
    }
}
