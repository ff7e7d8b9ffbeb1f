//! Runs on their way into the store, out of an archive: what their trees do not tell, from before the first of them is in
//! its place until the log and the catalog have it.
//!
//! It lies beside what was unpacked, in `.catalog/import/<operation>/import.json`. Where a run lies is what is true of it:
//! one in its place has arrived, by its inode, and is looked at with what is told here; one that is not was never here.

use super::line::{EntryName, RunRow};
use super::{Heading, told};
use crate::catalog::ThinnedRun;
use crate::model::{ProjectDir, RunDir};
use crate::store::change::{self, Hook};
use crate::store::dir::{self, Listing};
use crate::store::root::StoreRoot;
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read as _};

/// Where archives are unpacked, in our directory.
pub const IMPORT: &CStr = c"import";
/// The file.
const NAME: &CStr = c"import.json";
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

    /// Those of an operation; `None` when nothing of it was moved yet.
    ///
    /// # Errors
    /// The system's, and when the file is none of ours.
    pub fn read(place: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        let file = match dir::open_file(place, NAME) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(LIMIT).read_to_end(&mut bytes)?;
        let found: Self = serde_json::from_slice(&bytes)?;
        let other = || io::Error::new(io::ErrorKind::InvalidData, "a later version wrote it");
        (found.schema == SCHEMA).then_some(Some(found)).ok_or_else(other)
    }

    /// What every line of the log says of their operation.
    pub fn heading(&self) -> Heading<'_> {
        let (operation, who, command) = (&*self.operation, &*self.who, &*self.command);
        Heading { operation, now: self.timestamp, who, command, policy: "", plan: None }
    }

    /// The runs that are in their places.
    pub fn runs_in_place<'a>(&'a self, root: &StoreRoot) -> Vec<&'a RunRow> {
        let mut projects: HashMap<ProjectDir, Option<OwnedFd>> = HashMap::new();
        let mut is_there = |run: &&RunRow| {
            let project = run.row.name().project()?;
            let name = RunDir::parse(run.row.run.as_bytes()).ok()?;
            let place = projects.entry(project).or_insert_with_key(|project| open(root, project)).as_ref()?;
            let meta = dir::meta_at(place.as_fd(), &dir::c_name(name.as_str().as_bytes()).ok()?).ok()?;
            (meta.kind == FileType::Directory && Some(meta.inode) == run.row.inode).then_some(())
        };
        self.runs.iter().filter(|run| is_there(run).is_some()).collect()
    }

    /// The cache entries that are in their places.
    pub fn entries_in_place(&self, root: &StoreRoot) -> Vec<&EntryName> {
        let is_there = |entry: &&ArrivingEntry| {
            let place = open(root, &ProjectDir::new(entry.name.project.bytes()?))?;
            let (above, name) = cache_place::open(place.as_fd(), &entry.name.entry.bytes()?).ok()?;
            let meta = dir::meta_at(above.as_fd(), &name).ok()?;
            (meta.kind == FileType::RegularFile && meta.inode == entry.inode).then_some(())
        };
        self.cache.iter().filter(|entry| is_there(entry).is_some()).map(|entry| &entry.name).collect()
    }
}

/// The open directory of a project.
fn open(root: &StoreRoot, project: &ProjectDir) -> Option<OwnedFd> {
    if project.is_root() {
        return dir::open_dir(root.fd(), c".").ok();
    }
    project_walk::open_project(root, project).ok().flatten().map(|(fd, _)| fd)
}

/// What is told of runs that arrived and of which the log and the catalog may not know yet, by project and run directory.
/// What cannot be read is left to the import or the clean that ends it.
pub fn arrived(root: &StoreRoot, directory: BorrowedFd<'_>) -> HashMap<(ProjectDir, String), ThinnedRun> {
    let mut arrived = HashMap::new();
    let Ok(above) = dir::open_dir(directory, IMPORT) else { return arrived };
    let mut listing = Listing::default();
    let Ok((mark, _)) = listing.push(above.as_fd()) else { return arrived };
    for entry in listing.entries(mark) {
        let place = dir::open_dir(above.as_fd(), listing.c_name(*entry));
        let Some(arrivals) = place.ok().and_then(|place| Arrivals::read(place.as_fd()).ok().flatten()) else {
            continue;
        };
        for run in arrivals.runs_in_place(root) {
            let (Some(project), Some(known)) = (run.row.name().project(), told::told_of(run)) else { continue };
            arrived.insert((project, run.row.run.clone()), known);
        }
    }
    arrived
}
