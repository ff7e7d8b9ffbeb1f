//! A store with its catalog, opened for one command: where the lock is taken, the catalog found, mended or made, and
//! brought in line with the tree.
//!
//! **Reading never waits.** If somebody else indexes or decides, a reader answers from the catalog as it is, with one
//! notice; if there is none yet, from one in memory. **A store or catalog that cannot be written** is served from memory,
//! with one notice. **A damaged catalog** is set aside and built anew, with one notice: it is derived, nothing is lost. **A
//! newer one** is left alone. Deleting needs the lock and a catalog on disk, because a decision must be recorded.

use crate::catalog::{self, Catalog};
use crate::index::{self, Options, Report};
use crate::model::{Clock, ProjectDir};
use crate::progress::Progress;
use crate::store::change::{self, Hook};
use crate::store::dir::Listing;
use crate::store::lock::{self, StoreLock, Taking};
use crate::store::root::{OpenError, StoreRoot};
use crate::store::trash::Trash;
use crate::store::{layout, own_files, project_walk};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that a command brings along. The library reads none of it by itself.
#[derive(Clone)]
pub struct Settings<'a> {
    /// The store.
    pub home: PathBuf,
    /// Whether that is the default place, where a missing store is an empty one.
    pub home_is_default: bool,
    /// Directories that are never taken for a store to clean, whatever they hold: the user's home.
    pub never_clean: Vec<PathBuf>,
    /// The catalog, when it is not in the store.
    pub catalog: Option<PathBuf>,
    /// The runner's database, when it is not in the store.
    pub runner_db: Option<PathBuf>,
    /// A directory for private copies, for a store that cannot be written.
    pub temporary: PathBuf,
    /// Where processes are listed.
    pub processes: PathBuf,
    /// Our process.
    pub own_pid: u32,
    /// What others read while we hold the lock: pid, host and command.
    pub holder: String,
    /// The clocks.
    pub clock: Clock,
    /// Threads that walk.
    pub threads: usize,
    /// Asked before each change of the tree.
    pub hook: Hook,
    /// Who is told of long work.
    pub progress: &'a dyn Progress,
    /// Asked when the lock is held by somebody else, whom the text names: whether to try again. Waiting is the caller's.
    pub wait: &'a dyn Fn(&str) -> bool,
}

/// What a command is about to do with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Answer, after a look at what changed.
    Read,
    /// Answer from the catalog as it is.
    ReadAsIs,
    /// Bring the catalog in line; `full` walks everything again.
    Index {
        /// Distrust every stamp.
        full: bool,
    },
    /// Build the catalog anew.
    Rebuild,
    /// Decide what to delete: the lock is held until it is given up.
    Delete,
}

/// Something that the user should know and that does not stop the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody else holds the lock; the answer may be a little old.
    Busy(String),
    /// The catalog could not be used, so everything was read anew, and nothing of it is kept.
    InMemory(String),
    /// A damaged catalog was set aside.
    SetAside {
        /// Where it is now.
        kept: PathBuf,
        /// What was wrong.
        cause: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(holder) => write!(f, "{holder} holds the store's lock; this answer may lack its latest changes"),
            Self::InMemory(cause) => write!(f, "{cause}; everything was read anew, and no catalog is kept"),
            Self::SetAside { kept, cause } => {
                write!(f, "{cause}; it is now at `{}`, and a new one was built", kept.display())
            }
        }
    }
}

/// Why a store cannot serve a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The directory has not the shape of a store.
    #[error("`{0}` is not an otto store: it holds no project with runs or a cache, no run, and no `otto.db`")]
    NotAStore(PathBuf),
    /// The directory is one that is never cleaned.
    #[error("`{0}` is never cleaned: a store is a directory of its own, such as `~/.otto`")]
    NeverCleaned(PathBuf),
    /// Somebody else holds the lock.
    #[error("{0} holds the store's lock")]
    Busy(String),
    /// Deleting needs a catalog on disk.
    #[error("nothing can be deleted without a catalog on disk: {0}")]
    NoCatalog(String),
    /// The refresh failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The thing.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the catalog is damaged, so that opening again after setting it aside cures this.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Catalog(error) | Self::Index(index::Error::Catalog(error)) => error.is_damage(),
            _ => false,
        }
    }

    /// Whether the catalog can be read but not written, so that one in memory has to do.
    fn is_unwritable(&self) -> bool {
        use catalog::Error as C;
        match self {
            Self::Catalog(error) | Self::Index(index::Error::Catalog(error)) => {
                matches!(error, C::ReadOnly(_) | C::Full(_) | C::Locked(_) | C::Newer { .. } | C::Io { .. })
            }
            Self::Io { .. } => true,
            _ => false,
        }
    }
}

/// A store with its catalog.
#[derive(Debug)]
pub struct Session {
    /// The store; `None` when there is none at the default place.
    pub root: Option<StoreRoot>,
    /// Its catalog.
    pub catalog: Catalog,
    /// What the user should know.
    pub notices: Vec<Notice>,
    /// What the refresh did.
    pub report: Report,
    directory: Option<OwnedFd>,
    lock: Option<StoreLock>,
}

impl Session {
    /// Opens the store for a command.
    ///
    /// # Errors
    /// [`Error`]; a reading command gets one only when the store itself cannot be opened or read.
    pub fn open(settings: &Settings<'_>, access: Access) -> Result<Self, Error> {
        let root = match StoreRoot::open(&settings.home) {
            Ok(root) => root,
            Err(OpenError::Missing(_)) if settings.home_is_default => return Self::of_nothing(),
            Err(error) => return Err(error.into()),
        };
        let mut notices = Vec::new();
        let deleting = access == Access::Delete;
        if deleting {
            may_be_cleaned(settings, &root)?;
        }
        if !has_shape(&root) {
            let nothing = Self::of_nothing()?;
            return Ok(Self { root: Some(root), ..nothing });
        }
        let must_write = !matches!(access, Access::Read | Access::ReadAsIs);
        let (directory, taking) = match open_directory(settings, &root, must_write) {
            Ok((directory, taking)) => (Some(directory), Some(taking)),
            Err(error) if deleting || matches!(error, Error::Busy(_)) => return Err(error),
            Err(error) => {
                notices.push(Notice::InMemory(describe(&error)));
                (None, None)
            }
        };
        let path = match &settings.catalog {
            Some(path) => path.clone(),
            None => root.path().join(".catalog").join("catalog.db"),
        };
        let (lock, busy) = match taking {
            Some(Taking::Taken(lock)) => (Some(lock), None),
            Some(Taking::Busy(holder)) => (None, Some(holder)),
            None => (None, None),
        };
        let catalog = Catalog::in_memory("none")?;
        let mut session = Self { root: Some(root), catalog, notices, report: Report::default(), directory, lock };
        let opened = match busy {
            _ if session.directory.is_none() => session.read_into_memory(settings),
            Some(holder) => session.serve_as_it_is(settings, &path, &holder),
            None => session.open_catalog(settings, access, &path),
        };
        match opened {
            Ok(()) => Ok(session),
            Err(error) if deleting && error.is_unwritable() => Err(Error::NoCatalog(describe(&error))),
            Err(error) if error.is_unwritable() => {
                session.notices.push(Notice::InMemory(describe(&error)));
                session.read_into_memory(settings)?;
                Ok(session)
            }
            Err(error) => Err(error),
        }
    }

    fn of_nothing() -> Result<Self, Error> {
        let catalog = Catalog::in_memory("none")?.finish()?.ok_or(Error::NoCatalog("no memory".to_owned()))?;
        Ok(Self { root: None, catalog, notices: Vec::new(), report: Report::default(), directory: None, lock: None })
    }

    /// With the lock held: opens the catalog, or makes one, and brings it in line.
    fn open_catalog(&mut self, settings: &Settings<'_>, access: Access, path: &Path) -> Result<(), Error> {
        match Catalog::open(path, true) {
            Ok(old) if access == Access::Rebuild => self.build(settings, path, Some(&old)),
            Ok(catalog) => {
                self.catalog = catalog;
                if access == Access::ReadAsIs {
                    return Ok(());
                }
                match self.refresh(settings, access == (Access::Index { full: true })) {
                    Err(error) if error.is_damage() => self.set_aside_and_build(settings, path, &error),
                    done => done,
                }
            }
            Err(catalog::Error::Missing(_)) => self.build(settings, path, None),
            Err(error) if error.is_damage() => self.set_aside_and_build(settings, path, &error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets aside a catalog that proved damaged while it was read: the next opening builds another. Somebody else who
    /// holds the lock is at work in it, and will find out by himself.
    ///
    /// # Errors
    /// [`Error::Busy`], or the system's.
    pub fn set_aside(settings: &Settings<'_>, damage: &Error) -> Result<Notice, Error> {
        let root = StoreRoot::open(&settings.home)?;
        let (_directory, taking) = open_directory(settings, &root, true)?;
        if let Taking::Busy(holder) = &taking {
            return Err(Error::Busy(holder.clone()));
        }
        let path = settings.catalog.clone().unwrap_or_else(|| root.path().join(".catalog").join("catalog.db"));
        let kept = own_files::set_aside(&path, settings.clock.wall()).map_err(|source| Error::Io {
            act: "set aside",
            path,
            source,
        })?;
        Ok(Notice::SetAside { kept, cause: describe(damage) })
    }

    fn set_aside_and_build(&mut self, settings: &Settings<'_>, path: &Path, error: &Error) -> Result<(), Error> {
        self.catalog = Catalog::in_memory("none")?;
        let kept = own_files::set_aside(path, settings.clock.wall()).map_err(|source| Error::Io {
            act: "set aside",
            path: path.to_owned(),
            source,
        })?;
        self.notices.push(Notice::SetAside { kept, cause: describe(error) });
        self.build(settings, path, None)
    }

    /// Builds a catalog aside and puts it in its place.
    fn build(&mut self, settings: &Settings<'_>, path: &Path, old: Option<&Catalog>) -> Result<(), Error> {
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { act, path, source }
        };
        let store_id = match old {
            Some(old) => old.store_state()?.store_id,
            None => new_store_id()?,
        };
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        own_files::make_private(&aside).map_err(io("make", &aside))?;
        let mut catalog = Catalog::create(&aside, &store_id)?;
        let root = self.root.as_ref().ok_or_else(|| Error::NoCatalog("there is no store".to_owned()))?;
        let trash = self.trash(settings);
        let paths = Paths::of(settings, root, true);
        let options = options(settings, true, trash.as_ref(), &paths);
        self.report = index::refresh_carrying(root, &mut catalog, old, &options)?;
        catalog.finish()?;
        own_files::put_in_place(&aside, path).map_err(io("put in place", path))?;
        self.catalog = Catalog::open(path, true)?;
        Ok(())
    }

    /// Without the lock: the catalog as it is, or one in memory when there is none.
    fn serve_as_it_is(&mut self, settings: &Settings<'_>, path: &Path, holder: &str) -> Result<(), Error> {
        match Catalog::open(path, false) {
            Ok(catalog) => {
                self.catalog = catalog;
                self.notices.push(Notice::Busy(holder.to_owned()));
                Ok(())
            }
            Err(catalog::Error::Missing(_)) => {
                self.read_into_memory(settings)?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read_into_memory(&mut self, settings: &Settings<'_>) -> Result<(), Error> {
        let mut catalog = Catalog::in_memory(&new_store_id()?)?;
        if let Some(root) = &self.root {
            let trash = self.trash(settings);
            let paths = Paths::of(settings, root, false);
            let options = options(settings, true, trash.as_ref(), &paths);
            self.report = index::refresh(root, &mut catalog, &options)?;
        }
        self.catalog = catalog.finish()?.ok_or_else(|| Error::NoCatalog("no memory".to_owned()))?;
        Ok(())
    }

    /// Brings the catalog in line with the store.
    ///
    /// # Errors
    /// When the store cannot be read or the catalog cannot be written.
    pub fn refresh(&mut self, settings: &Settings<'_>, full: bool) -> Result<(), Error> {
        let Some(root) = &self.root else { return Ok(()) };
        let trash = self.trash(settings);
        let paths = Paths::of(settings, root, self.directory.is_some());
        let options = options(settings, full, trash.as_ref(), &paths);
        self.report = index::refresh(root, &mut self.catalog, &options)?;
        Ok(())
    }

    fn trash(&self, settings: &Settings<'_>) -> Option<Trash> {
        Trash::open_if_there(self.directory.as_ref()?.as_fd(), &settings.hook).ok().flatten()
    }

    /// The store, for commands that need one.
    ///
    /// # Errors
    /// [`Error::NoCatalog`] when there is none.
    pub fn store(&self) -> Result<&StoreRoot, Error> {
        self.root.as_ref().ok_or_else(|| Error::NoCatalog("there is no store".to_owned()))
    }

    /// Our directory in the store, when it is there.
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.directory.as_ref().map(AsFd::as_fd)
    }

    /// Gives up the lock, as before a question or before unlinking.
    pub fn unlock(&mut self) {
        self.lock = None;
    }

    /// Takes the lock again and brings the catalog in line.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody else keeps it.
    pub fn lock_again(&mut self, settings: &Settings<'_>) -> Result<(), Error> {
        if self.lock.is_some() {
            return Ok(());
        }
        let root = self.store()?;
        let path = root.path().join(".catalog");
        let directory = self.directory.as_ref().ok_or_else(|| Error::NoCatalog("there is no catalog".to_owned()))?;
        match take_lock(settings, directory.as_fd(), &path, true)? {
            Taking::Taken(lock) => self.lock = Some(lock),
            Taking::Busy(holder) => return Err(Error::Busy(holder)),
        }
        self.refresh(settings, false)
    }
}

/// Whether a directory is one that may be cleaned at all: a preview has to know that too.
///
/// # Errors
/// [`Error::NeverCleaned`], [`Error::NotAStore`].
pub fn may_be_cleaned(settings: &Settings<'_>, root: &StoreRoot) -> Result<(), Error> {
    if root.path() == Path::new("/") || is_never_cleaned(settings, root.path()) {
        return Err(Error::NeverCleaned(root.as_given().to_owned()));
    }
    if has_shape(root) || is_empty(root) { Ok(()) } else { Err(Error::NotAStore(root.as_given().to_owned())) }
}

/// Opens our directory in the store, making it if need be, and tries to take the lock in it.
fn open_directory(settings: &Settings<'_>, root: &StoreRoot, wait: bool) -> Result<(OwnedFd, Taking), Error> {
    let path = root.path().join(".catalog");
    let directory = change::ensure_dir(&settings.hook, root.fd(), c".catalog").map_err(|source| Error::Io {
        act: "open",
        path: path.clone(),
        source,
    })?;
    let taking = take_lock(settings, directory.as_fd(), &path, wait)?;
    match taking {
        Taking::Busy(holder) if wait => Err(Error::Busy(holder)),
        taking => Ok((directory, taking)),
    }
}

fn take_lock(settings: &Settings<'_>, directory: BorrowedFd<'_>, path: &Path, wait: bool) -> Result<Taking, Error> {
    loop {
        let taking = lock::try_take(directory, c"lock", &settings.holder).map_err(|source| Error::Io {
            act: "take the lock in",
            path: path.to_owned(),
            source,
        })?;
        match &taking {
            Taking::Busy(holder) if wait && (settings.wait)(holder) => {}
            _ => return Ok(taking),
        }
    }
}

fn options<'a>(settings: &'a Settings<'_>, full: bool, trash: Option<&'a Trash>, paths: &'a Paths) -> Options<'a> {
    Options {
        runner_db: &paths.runner_db,
        scratch: &paths.scratch,
        processes: &settings.processes,
        own_pid: settings.own_pid,
        clock: settings.clock,
        full,
        threads: settings.threads,
        progress: settings.progress,
        trash,
    }
}

/// Where the runner's database is, and where private copies of it may be made.
struct Paths {
    runner_db: PathBuf,
    scratch: PathBuf,
}

impl Paths {
    fn of(settings: &Settings<'_>, root: &StoreRoot, writable: bool) -> Self {
        let scratch = if writable { root.path().join(".catalog").join("tmp") } else { settings.temporary.clone() };
        Self { runner_db: settings.runner_db.clone().unwrap_or_else(|| root.path().join("otto.db")), scratch }
    }
}

fn is_never_cleaned(settings: &Settings<'_>, path: &Path) -> bool {
    settings.never_clean.iter().any(|never| never.starts_with(path))
}

/// Whether a directory has the shape of a store: `otto.db`, our own directory, a project or a run.
fn has_shape(root: &StoreRoot) -> bool {
    let is_there = |name: &std::ffi::CStr| crate::store::dir::meta_at(root.fd(), name).is_ok();
    if is_there(c".catalog") || is_there(c"otto.db") {
        return true;
    }
    let mut listing = Listing::default();
    let Ok(level) = project_walk::list_root(root, &mut listing) else { return false };
    let has_part = |dir: BorrowedFd<'_>, run: &str, part: &[u8]| {
        let path = [run.as_bytes(), part].join(&b'/');
        crate::store::dir::c_name(&path).is_ok_and(|name| crate::store::dir::meta_at(dir, &name).is_ok())
    };
    let is_project = |project: &ProjectDir| {
        let Ok(Some((fd, meta))) = project_walk::open_project(root, project) else { return false };
        let listed = project_walk::list_project(root, project, fd.as_fd(), &meta, &mut Listing::default());
        listed.cache.is_some()
            || listed.runs.iter().any(|(run, _)| {
                [layout::TASKS, layout::RUN_YAML].iter().any(|part| has_part(fd.as_fd(), run.as_str(), part))
            })
    };
    let is_first_era = || level.others.iter().any(|name| name == b"latest") && !level.runs.is_empty();
    level.projects.iter().any(is_project) || is_first_era()
}

fn is_empty(root: &StoreRoot) -> bool {
    project_walk::list_root(root, &mut Listing::default())
        .is_ok_and(|level| level.projects.is_empty() && level.runs.is_empty() && level.others.is_empty())
}

fn new_store_id() -> Result<String, Error> {
    own_files::random_hex(16).map_err(|source| Error::Io { act: "read", path: PathBuf::from("/dev/urandom"), source })
}

/// An error with its causes, on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
