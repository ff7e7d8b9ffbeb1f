//! Runs on their way into the store, out of an archive: what their trees do not tell, from before the first of them is in
//! its place until the log and the catalog have it.
//!
//! It lies beside what was unpacked, in `.catalog/import/<operation>/import.json`, and goes before any of that. Where a run
//! lies is what is true of it: one in its place has arrived, and is looked at with what is told here; one that is not was
//! never here. What is in the place is that run
//!
//! | inode | what was unpacked | what is in the place | |
//! |---|---|---|---|
//! | the run's | | | is it |
//! | another | lies where it was unpacked | | is not: somebody else's came |
//! | another | was moved | has the shape of what was unpacked | is it: the store is a copy, or restored |
//! | another | was moved, or was not copied | has another shape | may be another run |
//!
//! A place that cannot be looked at, and one that may hold another run, are neither: what is told of the run is kept, and
//! nothing is deleted, until that is settled.

use super::line::{EntryName, RunRow};
use super::{Heading, told};
use crate::catalog::ThinnedRun;
use crate::model::{Problem, ProjectDir, RunDir};
use crate::store::change::{self, Hook};
use crate::store::dir::{self, Listing, Meta};
use crate::store::root::StoreRoot;
use crate::store::shape::Shape;
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Where archives are unpacked, in our directory.
pub const IMPORT: &CStr = c"import";
/// The same, for problems.
const IMPORT_PATH: &str = ".catalog/import";
/// The file.
const NAME: &CStr = c"import.json";
/// What its schema begins with, whatever the version.
const FAMILY: &str = "otto.arrivals/";
/// The schema of the file.
const SCHEMA: &str = "otto.arrivals/1";
/// The largest that is read: what an archive states of its runs is no longer.
const LIMIT: u64 = 1 << 30;

/// What is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    schema: String,
    operation: String,
    timestamp: i64,
    who: String,
    command: String,
    runs: Vec<ArrivingRun>,
    cache: Vec<ArrivingEntry>,
}

/// A run on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivingRun {
    /// What is known of it.
    #[serde(flatten)]
    pub row: RunRow,
    /// Where it was unpacked, and the digest of its shape. What earlier versions wrote does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<UnpackedAs>,
}

/// A cache entry on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivingEntry {
    /// Which.
    #[serde(flatten)]
    pub name: EntryName,
    /// Its inode, which it keeps when it is moved.
    pub inode: u64,
    /// Where it was unpacked, and the hash of its content. What earlier versions wrote does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked: Option<UnpackedAs>,
}

/// What lies beside the file until it is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpackedAs {
    /// Its name there.
    pub name: String,
    /// Hex of what a copy of it has as well.
    pub digest: String,
}

impl Arrivals {
    /// What an operation is about to move into place.
    pub fn new(heading: &Heading<'_>, runs: Vec<ArrivingRun>, cache: Vec<ArrivingEntry>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            operation: heading.operation.to_owned(),
            timestamp: heading.now,
            who: heading.who.to_owned(),
            command: heading.command.to_owned(),
            runs,
            cache,
        }
    }

    /// Writes them into the directory of their operation, durably.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, hook: &Hook, place: BorrowedFd<'_>) -> io::Result<()> {
        change::write_file(hook, place, NAME, &serde_json::to_vec(self)?)
    }

    /// Where they are written in the directory of an operation.
    pub fn path(place: &Path) -> PathBuf {
        place.join(OsStr::from_bytes(NAME.to_bytes()))
    }

    /// Those of an operation; `None` when nothing of it was moved yet.
    ///
    /// # Errors
    /// The system's; `Unsupported` when a later version wrote the file, `InvalidData` when it is none of ours.
    pub fn read(place: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let file = match dir::open_file(place, NAME) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::INVAL) => {
                return Err(none_of_ours("it is no regular file"));
            }
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes)?;
        let Head { schema } = serde_json::from_slice(&bytes).map_err(none_of_ours)?;
        if schema == SCHEMA {
            return Ok(Some(serde_json::from_slice(&bytes).map_err(none_of_ours)?));
        }
        Err(match schema.starts_with(FAMILY) {
            true => io::Error::new(
                io::ErrorKind::Unsupported,
                format!("a later version wrote it: it has the schema {schema}"),
            ),
            false => none_of_ours("it has another schema"),
        })
    }

    /// What every line of the log says of their operation.
    pub fn heading(&self) -> Heading<'_> {
        let (operation, who, command) = (&*self.operation, &*self.who, &*self.command);
        Heading { operation, now: self.timestamp, who, command, policy: "", plan: None }
    }

    /// The runs that are in their places, with the inodes that they have there. `place` is the directory of the operation.
    ///
    /// # Errors
    /// A place that cannot be looked at, or of which nobody knows whether it holds that run.
    pub fn runs_in_place(&self, root: &StoreRoot, place: BorrowedFd<'_>) -> Result<Vec<RunRow>, Problem> {
        let mut places = Places::new(root, place);
        self.runs.iter().filter_map(|run| places.hold(run).transpose()).collect()
    }

    /// The cache entries that are in their places.
    ///
    /// # Errors
    /// As for the runs.
    pub fn entries_in_place(&self, root: &StoreRoot, place: BorrowedFd<'_>) -> Result<Vec<&EntryName>, Problem> {
        let looked = self.cache.iter().map(|entry| Ok(holds_entry(root, place, entry)?.then_some(&entry.name)));
        looked.filter_map(Result::transpose).collect()
    }

    /// Drops the file, durably: it must not outlive anything that lies beside it, since what does not lie there any more
    /// was moved.
    ///
    /// # Errors
    /// The system's.
    pub fn drop_told(hook: &Hook, place: BorrowedFd<'_>) -> io::Result<()> {
        match dir::meta_at(place, NAME) {
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            found => found.map(|_| ())?,
        }
        change::remove_own_file(hook, place, NAME)?;
        change::sync(hook, place)
    }
}

fn none_of_ours(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl UnpackedAs {
    /// Whether it lies where it was unpacked: then it was not moved.
    fn lies(&self, place: BorrowedFd<'_>) -> Result<bool, Problem> {
        let is_name = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        if !self.name.strip_prefix(['r', 'c']).is_some_and(is_name) {
            return Err(Problem::new(IMPORT_PATH, "look for what was unpacked in", "it has no name of ours"));
        }
        let found = dir::c_name(self.name.as_bytes()).and_then(|name| dir::meta_at(place, &name));
        there(found, Path::new(IMPORT_PATH).join(&self.name)).map(|meta| meta.is_some())
    }
}

/// The places of runs, with the open directories of their projects.
struct Places<'r> {
    root: &'r StoreRoot,
    /// Where they were unpacked.
    unpacked: BorrowedFd<'r>,
    projects: HashMap<ProjectDir, Option<OwnedFd>>,
}

impl<'r> Places<'r> {
    fn new(root: &'r StoreRoot, unpacked: BorrowedFd<'r>) -> Self {
        Self { root, unpacked, projects: HashMap::new() }
    }

    /// That run as it is in its place; `None` where it is not there.
    fn hold(&mut self, run: &ArrivingRun) -> Result<Option<RunRow>, Problem> {
        let row = &run.row.row;
        let (Some(project), Ok(name)) = (row.name().project(), RunDir::parse(row.run.as_bytes())) else {
            return Err(Problem::new(&row.id, "look for", "it is no name of a run"));
        };
        let path = project_walk::project_path(self.root, &project).join(name.as_str());
        let place = match self.projects.entry(project) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let opened = open(self.root, new.key())?;
                new.insert(opened)
            }
        };
        let Some(place) = place else { return Ok(None) };
        let c_name = dir::c_name(name.as_str().as_bytes());
        let found = c_name.as_ref().map_err(|error| *error).and_then(|name| dir::meta_at(place.as_fd(), name));
        let Some(Meta { kind: FileType::Directory, inode, .. }) = there(found, path.clone())? else { return Ok(None) };
        if Some(inode) == row.inode {
            return Ok(Some(run.row.clone()));
        }
        let unsure = |why: &dyn std::fmt::Display| Problem::new(&path, "tell whose run it is that lies at", why);
        let Some(unpacked) = &run.unpacked else {
            return Err(unsure(&"it is not the directory that was moved there, and may be a copy of it"));
        };
        if unpacked.lies(self.unpacked)? {
            return Ok(None);
        }
        let shape = c_name.map_err(io::Error::from).and_then(|name| Shape::of(place.as_fd(), &name));
        match shape {
            Ok(shape) if shape.digest() == unpacked.digest => {
                let mut row = run.row.clone();
                row.row.inode = Some(inode);
                Ok(Some(row))
            }
            Ok(_) => Err(unsure(&"it holds other files than the run that was moved there")),
            Err(error) => Err(unsure(&error)),
        }
    }
}

/// Whether that cache entry is in its place: of one that is not the file that was moved there, its content tells. Nothing
/// is kept by what is told of an entry, so that of an earlier version is not taken for one.
fn holds_entry(root: &StoreRoot, unpacked_in: BorrowedFd<'_>, entry: &ArrivingEntry) -> Result<bool, Problem> {
    let (Some(project), Some(name)) = (entry.name.project.bytes(), entry.name.entry.bytes()) else {
        return Err(Problem::new(IMPORT_PATH, "find a cache entry of", "it has no name"));
    };
    let project = ProjectDir::new(project);
    let Some(place) = open(root, &project)? else { return Ok(false) };
    let path = project_walk::project_path(root, &project).join(".cache").join(OsStr::from_bytes(&name));
    let Some((above, name)) = there(cache_place::open(place.as_fd(), &name), path.clone())? else { return Ok(false) };
    let found = there(dir::meta_at(above.as_fd(), &name), path.clone())?;
    let Some(Meta { kind: FileType::RegularFile, inode, .. }) = found else { return Ok(false) };
    if inode == entry.inode {
        return Ok(true);
    }
    let Some(unpacked) = &entry.unpacked else { return Ok(false) };
    if unpacked.lies(unpacked_in)? {
        return Ok(false);
    }
    let Some(file) = there(dir::open_file(above.as_fd(), &name), path.clone())? else { return Ok(false) };
    let mut hasher = blake3::Hasher::new();
    let read = hasher.update_reader(File::from(file));
    read.map_err(|error| Problem::new(path, "read", error))?;
    Ok(*hasher.finalize().to_hex() == *unpacked.digest)
}

/// The open directory of a project; `None` where there is none.
fn open(root: &StoreRoot, project: &ProjectDir) -> Result<Option<OwnedFd>, Problem> {
    if project.is_root() {
        return there(dir::open_dir(root.fd(), c"."), root.path().to_owned());
    }
    Ok(project_walk::open_project(root, project)?.map(|(fd, _)| fd))
}

/// What was found in a place. Only an answer tells that it is not there.
fn there<T>(found: rustix::io::Result<T>, path: PathBuf) -> Result<Option<T>, Problem> {
    use rustix::io::Errno;
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(Problem::new(path, "look for", io::Error::from(error))),
    }
}

/// What is told of runs that arrived and of which the log and the catalog may not know yet, by project and run directory.
/// What cannot be read is a problem, and left to the import or the clean that ends it.
pub fn arrived(
    root: &StoreRoot,
    directory: BorrowedFd<'_>,
    problems: &mut Vec<Problem>,
) -> HashMap<(ProjectDir, String), ThinnedRun> {
    let mut arrived = HashMap::new();
    let path = root.path().join(".catalog").join(OsStr::from_bytes(IMPORT.to_bytes()));
    let mut unread = |path: PathBuf, error: io::Error| {
        problems.push(Problem::new(path, "read what is known of imported runs in", error));
    };
    let listed = || -> rustix::io::Result<_> {
        let above = dir::open_dir(directory, IMPORT)?;
        let mut listing = Listing::default();
        let (mark, _) = listing.push(above.as_fd())?;
        Ok((above, listing.entries(mark).iter().map(|entry| listing.c_name(*entry).to_owned()).collect()))
    };
    let (above, names): (OwnedFd, Vec<CString>) = match listed() {
        Ok(listed) => listed,
        Err(rustix::io::Errno::NOENT) => return arrived,
        Err(error) => {
            unread(path, error.into());
            return arrived;
        }
    };
    for name in names {
        let here = path.join(OsStr::from_bytes(name.to_bytes()));
        let place = match dir::open_dir(above.as_fd(), &name) {
            Ok(place) => place,
            // It went, or is none of ours.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => continue,
            Err(error) => {
                unread(here, error.into());
                continue;
            }
        };
        let arrivals = match Arrivals::read(place.as_fd()) {
            Ok(Some(arrivals)) => arrivals,
            Ok(None) => continue,
            Err(error) => {
                unread(Arrivals::path(&here), error);
                continue;
            }
        };
        let mut places = Places::new(root, place.as_fd());
        for run in arrivals.runs.iter().filter_map(|run| places.hold(run).unwrap_or(None)) {
            let (Some(project), Some(known)) = (run.row.name().project(), told::told_of(&run)) else { continue };
            arrived.insert((project, run.row.run), known);
        }
    }
    arrived
}
