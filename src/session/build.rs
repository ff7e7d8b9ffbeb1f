//! Making a catalog: aside and then put in its place, after one that is damaged was set aside, or in memory.

use super::ground::{Paths, named_catalog, new_store_id, open_directory, options, own_place};
use super::settings::{Access, Error, Notice, Settings};
use super::{Session, describe, memory};
use crate::catalog::Catalog;
use crate::index;
use crate::store::lock::Taking;
use crate::store::root::StoreRoot;
use crate::store::{identity, own_files, reserve};
use rustix::fd::AsFd as _;
use std::path::{Path, PathBuf};

impl Session {
    /// Sets aside a catalog that proved damaged while it was read: the next opening builds another. Somebody else who
    /// holds the lock is at work in it, and will find out by himself.
    ///
    /// # Errors
    /// [`Error::Busy`], or the system's.
    pub fn set_aside(settings: &Settings<'_>, damage: &Error) -> Result<Notice, Error> {
        let root = StoreRoot::open(&settings.home)?;
        let (directory, taking) = open_directory(settings, &root, true)?;
        if let Taking::Busy(holder) = &taking {
            return Err(Error::Busy(holder.clone()));
        }
        let path = match &settings.catalog {
            Some(path) => named_catalog(path)?,
            None => own_place(&root, directory.as_fd())?.join("catalog.db"),
        };
        let kept = own_files::set_aside(&path, settings.clock.wall()).map_err(|source| Error::Io {
            act: "set aside",
            path,
            source,
        })?;
        Ok(Notice::SetAside { kept, cause: describe(damage) })
    }

    pub(super) fn set_aside_and_build(
        &mut self,
        settings: &Settings<'_>,
        access: Access,
        path: &Path,
        error: &Error,
    ) -> Result<(), Error> {
        self.catalog = Catalog::none()?;
        let kept = own_files::set_aside(path, settings.clock.wall()).map_err(|source| Error::Io {
            act: "set aside",
            path: path.to_owned(),
            source,
        })?;
        self.notices.push(Notice::SetAside { kept, cause: describe(error) });
        self.build(settings, access, path, None)
    }

    /// Builds a catalog aside and puts it in its place.
    pub(super) fn build(
        &mut self,
        settings: &Settings<'_>,
        access: Access,
        path: &Path,
        old: Option<&Catalog>,
    ) -> Result<(), Error> {
        let io = |act, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { act, path, source }
        };
        let written = self.directory().and_then(identity::read);
        let store_id = match (&written, old) {
            (Some(id), _) => id.clone(),
            (None, Some(old)) => old.store_state()?.store_id,
            (None, None) => new_store_id()?,
        };
        if written.is_none() {
            self.write_store_id(settings, &store_id);
        }
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        own_files::make_private(&aside).map_err(io("make", &aside))?;
        let mut catalog = Catalog::create(&aside, &store_id)?;
        let root = self.root.as_ref().ok_or_else(|| Error::NoCatalog("there is no store".to_owned()))?;
        let trash = self.trash(settings)?;
        let paths = Paths::of(settings, root, self.directory())?;
        let options = options(settings, true, trash.as_ref(), &paths);
        let mut problems = Vec::new();
        let told = memory::thinned(root, self.directory(), &mut problems)?;
        let mut report = index::refresh_carrying(root, &mut catalog, old, told, &options)?;
        report.problems.append(&mut problems);
        catalog.finish()?;
        memory::remember(settings, access, self.directory(), &aside, old, &mut report)?;
        self.report = report;
        if let Some(old) = old {
            // Its log is removed before it is replaced: whoever is stopped in between leaves it as it was. A reader who keeps
            // that from being done is no reason not to go on.
            let _ = old.fold_log();
        }
        own_files::put_in_place(&aside, path).map_err(io("put in place", path))?;
        self.catalog = Catalog::open(path, true)?;
        // Now, while there is room: the first clean may be that of a full disk.
        if let Some(directory) = self.directory() {
            reserve::ensure(&settings.hook, directory);
        }
        self.take_marks(settings, access)
    }

    pub(super) fn read_into_memory(&mut self, settings: &Settings<'_>) -> Result<(), Error> {
        let id = self.directory().and_then(identity::read).map_or_else(new_store_id, Ok)?;
        let mut catalog = Catalog::in_memory(&id)?;
        if let Some(root) = &self.root {
            let trash = self.trash(settings).unwrap_or_default();
            let paths = Paths::of(settings, root, None)?;
            let options = options(settings, true, trash.as_ref(), &paths);
            let mut problems = Vec::new();
            let thinned = memory::thinned_here(root, &mut problems);
            self.report = index::refresh_carrying(root, &mut catalog, None, thinned, &options)?;
            self.report.problems.append(&mut problems);
        }
        self.catalog = catalog.finish()?.ok_or_else(|| Error::NoCatalog("no memory".to_owned()))?;
        if let Some(root) = &self.root {
            memory::remember_here(settings, root, &mut self.catalog, &mut self.report)?;
        }
        Ok(())
    }
}
