//! A store with its catalog, opened for one command: where the lock is taken, the catalog found, mended or made, and
//! brought in line with the tree.
//!
//! **Reading never waits.** If somebody else indexes or decides, a reader answers from the catalog as it is, with one
//! notice; if there is none yet, from one in memory. **A store or catalog that cannot be written** is served from memory,
//! with one notice. **A damaged catalog** is set aside and built anew, with one notice: it is derived, nothing is lost. **A
//! newer one** is left alone. Deleting needs the lock and a catalog on disk, because a decision must be recorded.

mod build;
mod clock;
mod copy;
mod ground;
mod marks;
mod memory;
mod settings;
mod store_id;

pub use copy::{Original, Rebuilt};
pub use ground::{may_be_cleaned, operation_id};
pub use marks::Unclear;
pub use settings::{Access, Error, Notice, Settings};

use crate::audit::Reader;
use crate::catalog::{self, Catalog};
use crate::index::{self, Report};
use crate::store::lock::{StoreLock, Taking};
use crate::store::root::{OpenError, StoreRoot};
use crate::store::trash::Trash;
use crate::store::{own_files, reserve};
use ground::{Paths, has_shape, is_empty, named_catalog, open_directory, options, own_place, take_lock};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

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
    /// Why the catalog may lack marks of the audit log.
    unclear: Option<Unclear>,
    /// Where private copies are, for one that changes nothing in the store.
    scratch: Option<own_files::Scratch>,
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
        let deleting = matches!(access, Access::Delete | Access::Mend);
        let deciding = deleting || access == Access::Mark;
        if deleting {
            may_be_cleaned(settings, &root)?;
        }
        if !has_shape(&root) {
            if !settings.home_is_default && !is_empty(&root) {
                return Err(Error::NotAStore(root.as_given().to_owned()));
            }
            let nothing = Self::of_nothing()?;
            return Ok(Self { root: Some(root), ..nothing });
        }
        let must_write = !matches!(access, Access::Read | Access::ReadAsIs);
        let (directory, taking) = match open_directory(settings, &root, must_write) {
            Ok((directory, taking)) => (Some(directory), Some(taking)),
            Err(error) if deciding || matches!(error, Error::Busy(_)) => return Err(error),
            Err(error) => {
                notices.push(Notice::InMemory(describe(&error)));
                (None, None)
            }
        };
        let path = match (&settings.catalog, &directory) {
            (Some(path), _) => named_catalog(path)?,
            (None, Some(directory)) => own_place(&root, directory.as_fd())?.join("catalog.db"),
            (None, None) => root.path().join(".catalog").join("catalog.db"),
        };
        let (lock, busy) = match taking {
            Some(Taking::Taken(lock)) => (Some(lock), None),
            Some(Taking::Busy(holder)) => (None, Some(holder)),
            None => (None, None),
        };
        let catalog = Catalog::none()?;
        let mut session = Self {
            root: Some(root),
            catalog,
            notices,
            report: Report::default(),
            directory,
            lock,
            unclear: None,
            scratch: None,
        };
        let opened = match busy {
            _ if session.directory.is_none() => session.read_into_memory(settings),
            Some(holder) => session.serve_as_it_is(settings, &path, &holder),
            None => session.open_catalog(settings, access, &path),
        };
        let opened = match opened {
            Err(error) if deciding && error.is_full() && session.give_up_reserve(settings) => {
                session.open_catalog(settings, access, &path)
            }
            opened => opened,
        };
        // Whoever only reads, or has indexed, prints without the lock: a slow reader of the output must hold up nobody.
        if !deciding {
            session.unlock();
        }
        let opened = match opened {
            Ok(()) if deciding && access != Access::Mend => session.check_marks(),
            opened => opened,
        };
        session.tell_of_marks();
        match opened {
            Ok(()) if deleting => session.check_clock(settings).map(|()| session),
            Ok(()) => Ok(session),
            Err(error) if deciding && error.is_unwritable() => Err(Error::NoCatalog(describe(&error))),
            Err(error) if error.is_unwritable() => {
                session.notices.push(Notice::InMemory(describe(&error)));
                session.read_into_memory(settings)?;
                Ok(session)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes room for recording what is deleted on a full disk; whether there was any to give.
    fn give_up_reserve(&self, settings: &Settings<'_>) -> bool {
        self.directory.as_ref().is_some_and(|d| reserve::give_up(&settings.hook, d.as_fd()).unwrap_or(false))
    }

    fn of_nothing() -> Result<Self, Error> {
        let catalog = Catalog::in_memory("none")?.finish()?.ok_or(Error::NoCatalog("no memory".to_owned()))?;
        Ok(Self {
            root: None,
            catalog,
            notices: Vec::new(),
            report: Report::default(),
            directory: None,
            lock: None,
            unclear: None,
            scratch: None,
        })
    }

    /// With the lock held: opens the catalog, or makes one, and brings it in line.
    fn open_catalog(&mut self, settings: &Settings<'_>, access: Access, path: &Path) -> Result<(), Error> {
        match Catalog::open(path, true) {
            Ok(old) if access == Access::Rebuild => {
                // What it has beyond the log is carried over: not what was taken off through another catalog.
                self.catalog = old;
                let _ = self.take_marks(settings, access);
                let old = std::mem::replace(&mut self.catalog, Catalog::none()?);
                self.build(settings, access, path, Some(&old))
            }
            Ok(catalog) => {
                self.catalog = catalog;
                if access == Access::ReadAsIs {
                    self.compare_marks();
                    return Ok(());
                }
                match self.refresh_and_take_marks(settings, access) {
                    Err(error) if error.is_damage() => {
                        self.set_aside_and_build(settings, access, path, &error)?;
                        return self.recall_clock(access);
                    }
                    done => done?,
                }
                match access {
                    Access::Index { .. } => self.accept_clock(settings),
                    Access::Delete | Access::Mend => self.keep_store_id(settings),
                    _ => Ok(()),
                }
            }
            Err(catalog::Error::Missing(_)) => {
                self.build(settings, access, path, None)?;
                self.recall_clock(access)
            }
            Err(error) if error.is_damage() => {
                self.set_aside_and_build(settings, access, path, &error.into())?;
                self.recall_clock(access)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Without the lock: the catalog as it is, or one in memory when there is none.
    fn serve_as_it_is(&mut self, settings: &Settings<'_>, path: &Path, holder: &str) -> Result<(), Error> {
        match Catalog::open(path, false) {
            Ok(catalog) => {
                self.catalog = catalog;
                self.notices.push(Notice::Busy(holder.to_owned()));
                self.compare_marks();
                Ok(())
            }
            Err(catalog::Error::Missing(_)) => {
                self.read_into_memory(settings)?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the catalog in line with the store.
    ///
    /// # Errors
    /// When the store cannot be read or the catalog cannot be written.
    pub fn refresh(&mut self, settings: &Settings<'_>, full: bool) -> Result<(), Error> {
        let Some(root) = &self.root else { return Ok(()) };
        let trash = self.trash(settings)?;
        let paths = match &self.scratch {
            Some(scratch) => Paths::elsewhere(settings, root, scratch.path())?,
            None => Paths::of(settings, root, self.directory())?,
        };
        let options = options(settings, full, trash.as_ref(), &paths);
        let mut problems = Vec::new();
        let told = memory::arrived(root, self.directory.as_ref().map(AsFd::as_fd), &mut problems);
        self.report = index::refresh_carrying(root, &mut self.catalog, None, told, &options)?;
        self.report.problems.append(&mut problems);
        if self.report.changed {
            self.catalog.fold_long_log();
        }
        Ok(())
    }

    fn refresh_and_take_marks(&mut self, settings: &Settings<'_>, access: Access) -> Result<(), Error> {
        self.refresh(settings, access == (Access::Index { full: true }))?;
        self.take_marks(settings, access)
    }

    /// Our trash, when there is one. One that cannot be read is an error: a run that lies there must not be taken for gone.
    fn trash(&self, settings: &Settings<'_>) -> Result<Option<Trash>, Error> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let path = || self.root.as_ref().map(|r| r.path().join(".catalog").join("trash")).unwrap_or_default();
        Trash::open_if_there(directory.as_fd(), &settings.hook).map_err(|source| Error::Io {
            act: "open",
            path: path(),
            source,
        })
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

    /// The audit log as it is at this moment; `None` where there is no store, or nothing was logged in it.
    ///
    /// # Errors
    /// [`Error::Io`] when it is there and cannot be read.
    pub fn audit_log(&self) -> Result<Option<Reader>, Error> {
        self.root.as_ref().map_or(Ok(None), memory::audit_log)
    }

    /// The lock, while it is held.
    pub fn lock(&self) -> Option<&StoreLock> {
        self.lock.as_ref()
    }

    /// Gives up the lock, as before a question or before unlinking.
    pub fn unlock(&mut self) {
        self.lock = None;
    }

    /// Takes the lock again and brings the catalog in line, with the tree and with the marks of the log.
    ///
    /// # Errors
    /// [`Error::Busy`] when somebody else keeps it, [`Error::CatalogReplaced`] when the rows that were read are no more,
    /// [`Error::MarksUnclear`] when a mark may stand in what cannot be read.
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
        if !self.catalog.is_in_place() {
            self.unlock();
            return Err(Error::CatalogReplaced(self.catalog.path().to_owned()));
        }
        let taken = self.refresh_and_take_marks(settings, Access::Delete).and_then(|()| self.check_marks());
        if matches!(taken, Err(Error::MarksUnclear { .. })) {
            self.unlock();
        }
        taken
    }
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
