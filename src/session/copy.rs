//! A session on a private copy of the catalog: everything can be asked, refreshed and rebuilt there, and nothing in the
//! store changes, not even the words in its lock.
//!
//! The lock is held all the same, from before the copy is made: what the catalog says must be held against the tree of
//! that time, not against what somebody removed meanwhile.

use super::ground::{Paths, has_shape, is_empty, new_store_id, options};
use super::settings::{Error, Settings};
use super::{Report, Session, describe, memory};
use crate::catalog::{self, Catalog, SCHEMA};
use crate::index;
use crate::store::lock::{self, Taking};
use crate::store::own_files::{Scratch, make_private};
use crate::store::root::{OpenError, StoreRoot};
use crate::store::{dir, identity};
use rustix::fd::AsFd;
use std::path::PathBuf;

/// What the catalog was like from which a copy was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// It can be used as it is.
    Current,
    /// It has an older schema; the copy was brought up to date.
    Outdated {
        /// Its schema.
        found: i64,
    },
    /// There is none.
    Missing,
    /// It cannot be used, so there is no copy of it.
    Damaged {
        /// Why.
        cause: String,
    },
}

/// A catalog that was built anew beside a copy, with what was met on the way.
#[derive(Debug)]
pub struct Rebuilt {
    /// The catalog.
    pub catalog: Catalog,
    /// What the walk met.
    pub report: Report,
}

impl Session {
    /// Opens the store on a private copy of its catalog, as it is. Where there is none to copy, the session has an empty
    /// catalog.
    ///
    /// # Errors
    /// [`Error`]: the store cannot be read, the lock is not to be had, there is no room for a copy, or a later version of
    /// this program wrote the catalog.
    pub fn on_copy(settings: &Settings<'_>) -> Result<(Self, Original), Error> {
        let root = match StoreRoot::open(&settings.home) {
            Ok(root) => root,
            Err(OpenError::Missing(_)) if settings.home_is_default => {
                return Ok((Self::of_nothing()?, Original::Missing));
            }
            Err(error) => return Err(error.into()),
        };
        if !has_shape(&root) {
            if !settings.home_is_default && !is_empty(&root) {
                return Err(Error::NotAStore(root.as_given().to_owned()));
            }
            return Ok((Self { root: Some(root), ..Self::of_nothing()? }, Original::Missing));
        }
        let ours = root.path().join(".catalog");
        let io = |act, path: &PathBuf| {
            let path = path.clone();
            move |source| Error::Io { act, path, source }
        };
        let directory = match dir::open_dir(root.fd(), c".catalog") {
            Ok(fd) => Some(fd),
            Err(rustix::io::Errno::NOENT) => None,
            Err(error) => return Err(io("open", &ours)(error.into())),
        };
        let lock = loop {
            let Some(directory) = &directory else { break None };
            match lock::try_take_without_a_trace(directory.as_fd(), c"lock").map_err(io("take the lock in", &ours))? {
                None => break None,
                Some(Taking::Taken(lock)) => break Some(lock),
                Some(Taking::Busy(holder)) if (settings.wait)(&holder) => {}
                Some(Taking::Busy(holder)) => return Err(Error::Busy(holder)),
            }
        };
        let scratch = Scratch::new(&settings.temporary).map_err(io("make a directory in", &settings.temporary))?;
        let path = settings.catalog.clone().unwrap_or_else(|| ours.join("catalog.db"));
        let is_there = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.len() > 0);
        if settings.catalog.is_some() && is_there && !Catalog::is_marked(&path) {
            return Err(Error::NotACatalog(path));
        }
        let (catalog, original) = match std::fs::symlink_metadata(&path) {
            Ok(meta) if !meta.is_file() => (None, Original::Damaged { cause: "it is not a regular file".to_owned() }),
            _ => match scratch.copy_database(&path, "catalog.db").map_err(io("copy", &path))? {
                None => (None, Original::Missing),
                Some(copy) => open_copy(&copy, &path)?,
            },
        };
        let catalog = match catalog {
            Some(catalog) => catalog,
            None => Self::of_nothing()?.catalog,
        };
        let session = Self {
            root: Some(root),
            catalog,
            notices: Vec::new(),
            report: Report::default(),
            directory,
            lock,
            unclear: None,
            scratch: Some(scratch),
        };
        Ok((session, original))
    }

    /// Where its private copies are; the directory for temporary files for one that has none.
    pub fn scratch<'s>(&'s self, settings: &'s Settings<'_>) -> &'s std::path::Path {
        self.scratch.as_ref().map_or(&settings.temporary, Scratch::path)
    }

    /// Builds a catalog anew, in a private file beside the copy, with what the copy knows of the runner's rows.
    ///
    /// # Errors
    /// When the store cannot be read, or there is no room.
    pub fn rebuild_aside(&self, settings: &Settings<'_>, original: &Original) -> Result<Option<Rebuilt>, Error> {
        let (Some(root), Some(scratch)) = (&self.root, &self.scratch) else { return Ok(None) };
        let path = scratch.path().join("rebuilt.db");
        make_private(&path).map_err(|source| Error::Io { act: "make", path: path.clone(), source })?;
        let id = self.directory().and_then(identity::read).map_or_else(new_store_id, Ok)?;
        let mut catalog = Catalog::create(&path, &id)?;
        let trash = self.trash(settings)?;
        let paths = Paths::elsewhere(settings, root, scratch.path())?;
        let options = options(settings, true, trash.as_ref(), &paths);
        let usable = matches!(original, Original::Current | Original::Outdated { .. });
        let carry = usable.then_some(&self.catalog);
        // A check looks for itself at what imports left.
        let told = memory::thinned(root, self.directory(), &mut Vec::new())?;
        let report = index::refresh_carrying(root, &mut catalog, carry, told, &options)?;
        catalog.finish()?;
        Ok(Some(Rebuilt { catalog: Catalog::open(&path, true)?, report }))
    }
}

/// Opens a copy, and says what the original is like.
fn open_copy(copy: &std::path::Path, path: &std::path::Path) -> Result<(Option<Catalog>, Original), Error> {
    let found = match Catalog::version(copy) {
        Ok(found) => found,
        Err(error) if error.is_damage() => return Ok((None, Original::Damaged { cause: describe(&error) })),
        Err(error) => return Err(error.into()),
    };
    match Catalog::open(copy, true) {
        Ok(catalog) if found < SCHEMA => Ok((Some(catalog), Original::Outdated { found })),
        Ok(catalog) => Ok((Some(catalog), Original::Current)),
        Err(catalog::Error::Newer { found, known, .. }) => {
            Err(catalog::Error::Newer { path: path.to_owned(), found, known }.into())
        }
        Err(error) if error.is_damage() => Ok((None, Original::Damaged { cause: describe(&error) })),
        Err(error) => Err(error.into()),
    }
}
