//! Runs on their way into the store, out of an archive: what their trees do not tell, from before the first of them is in
//! its place until the log and the catalog have it.
//!
//! It lies beside what was unpacked, in `.catalog/import/<operation>/import.json`. Where a run lies is what is true of it:
//! one in its place has arrived, by its inode, and is looked at with what is told here; one that is not was never here.
//! A place that cannot be looked at is neither: what is told of the run is kept until it can be.

use super::line::{EntryName, RunRow};
use super::{Heading, told};
use crate::catalog::ThinnedRun;
use crate::model::{Problem, ProjectDir, RunDir};
use crate::store::change::{self, Hook};
use crate::store::dir::{self, Listing, Meta};
use crate::store::root::StoreRoot;
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
    runs: Vec<RunRow>,
    cache: Vec<ArrivingEntry>,
}

/// A cache entry on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivingEntry {
    /// Which.
    #[serde(flatten)]
    pub name: EntryName,
    /// Its inode, which it keeps when it is moved.
    pub inode: u64,
}

impl Arrivals {
    /// What an operation is about to move into place.
    pub fn new(heading: &Heading<'_>, runs: Vec<RunRow>, cache: Vec<ArrivingEntry>) -> Self {
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

    /// The runs that are in their places.
    ///
    /// # Errors
    /// A place that cannot be looked at: what is there is not known.
    pub fn runs_in_place<'a>(&'a self, root: &StoreRoot) -> Result<Vec<&'a RunRow>, Problem> {
        let mut places = Places::new(root);
        let looked = self.runs.iter().map(|run| Ok(places.hold(run)?.then_some(run)));
        looked.filter_map(Result::transpose).collect()
    }

    /// The cache entries that are in their places.
    ///
    /// # Errors
    /// As for the runs.
    pub fn entries_in_place(&self, root: &StoreRoot) -> Result<Vec<&EntryName>, Problem> {
        let looked = self.cache.iter().map(|entry| Ok(holds_entry(root, entry)?.then_some(&entry.name)));
        looked.filter_map(Result::transpose).collect()
    }
}

fn none_of_ours(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The places of runs, with the open directories of their projects.
struct Places<'r> {
    root: &'r StoreRoot,
    projects: HashMap<ProjectDir, Option<OwnedFd>>,
}

impl<'r> Places<'r> {
    fn new(root: &'r StoreRoot) -> Self {
        Self { root, projects: HashMap::new() }
    }

    /// Whether that very run is in its place.
    fn hold(&mut self, run: &RunRow) -> Result<bool, Problem> {
        let (Some(project), Ok(name)) = (run.row.name().project(), RunDir::parse(run.row.run.as_bytes())) else {
            return Err(Problem::new(&run.row.id, "look for", "it is no name of a run"));
        };
        let path = project_walk::project_path(self.root, &project).join(name.as_str());
        let place = match self.projects.entry(project) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let opened = open(self.root, new.key())?;
                new.insert(opened)
            }
        };
        let Some(place) = place else { return Ok(false) };
        let found = dir::c_name(name.as_str().as_bytes()).and_then(|name| dir::meta_at(place.as_fd(), &name));
        let is_it = |meta: Meta| meta.kind == FileType::Directory && Some(meta.inode) == run.row.inode;
        there(found, path).map(|meta| meta.is_some_and(is_it))
    }
}

/// Whether that very cache entry is in its place.
fn holds_entry(root: &StoreRoot, entry: &ArrivingEntry) -> Result<bool, Problem> {
    let (Some(project), Some(name)) = (entry.name.project.bytes(), entry.name.entry.bytes()) else {
        return Err(Problem::new(".catalog/import", "find a cache entry of", "it has no name"));
    };
    let project = ProjectDir::new(project);
    let Some(place) = open(root, &project)? else { return Ok(false) };
    let path = project_walk::project_path(root, &project).join(".cache").join(OsStr::from_bytes(&name));
    let found = cache_place::open(place.as_fd(), &name).and_then(|(above, name)| dir::meta_at(above.as_fd(), &name));
    let is_it = |meta: Meta| meta.kind == FileType::RegularFile && meta.inode == entry.inode;
    there(found, path).map(|meta| meta.is_some_and(is_it))
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
        let arrivals = match dir::open_dir(above.as_fd(), &name) {
            Ok(place) => Arrivals::read(place.as_fd()).map_err(|error| (Arrivals::path(&here), error)),
            // It went, or is none of ours.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => continue,
            Err(error) => Err((here, error.into())),
        };
        let arrivals = match arrivals {
            Ok(Some(arrivals)) => arrivals,
            Ok(None) => continue,
            Err((path, error)) => {
                unread(path, error);
                continue;
            }
        };
        let mut places = Places::new(root);
        for run in arrivals.runs.iter().filter(|run| places.hold(run).unwrap_or(false)) {
            let (Some(project), Some(known)) = (run.row.name().project(), told::told_of(run)) else { continue };
            arrived.insert((project, run.row.run.clone()), known);
        }
    }
    arrived
}
