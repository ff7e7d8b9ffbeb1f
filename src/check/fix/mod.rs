//! Mending what a check found, where that is certain.
//!
//! In this order: a damaged catalog is set aside, so that opening builds another; stopped imports are ended; the trash is
//! sorted out as before every clean; sums are counted from the rows as they are; what is wrong about the tree is made doubtful and looked at again,
//! which takes from the sums what the old row says and adds what the new one does; then the log gets what it lacks; at last
//! our own files. Each step looks again under the lock. What cannot be mended is told, and the rest goes on.

mod log;

use super::finding::Mend;
use super::{Error, Report, Session, Settings, own, rows};
use crate::archive;
use crate::audit;
use crate::catalog::{self, Departure, RunnerState};
use crate::clean::{self, Execution, Recovery};
use crate::model::{ProjectDir, RunDir, RunState};
use crate::session::Access;
use crate::store::change::{self, Act, Freed};
use crate::store::root::StoreRoot;
use crate::store::trash::Trash;
use crate::store::{dir, reserve, user_file};
use rustix::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// What was mended.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// What was done, in words.
    pub done: Vec<String>,
    /// What was done with the trash.
    pub recovery: Recovery,
    /// What could not be done, and why.
    pub failed: Vec<String>,
}

impl Fixed {
    /// Whether there was nothing to do.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty() && self.failed.is_empty() && self.recovery.is_empty()
    }
}

/// Mends what is certain of what was found.
///
/// # Errors
/// When the store cannot be cleaned at all: its lock, or a catalog on disk, is not to be had, or the clock lies.
pub fn fix(settings: &Settings<'_>, report: &Report, execution: &Execution<'_>) -> Result<Fixed, Error> {
    let mends: Vec<&Mend> = report.findings.list().into_iter().filter_map(|finding| finding.mend.as_ref()).collect();
    let mut fixed = Fixed::default();
    if mends.is_empty() {
        return Ok(fixed);
    }
    // Before the catalog is opened: what SQLite makes beside it gets the rights that it has.
    close_to_others(settings, &mends, &mut fixed)?;
    let has = |wanted: fn(&Mend) -> bool| mends.iter().any(|mend| wanted(mend));
    if has(|mend| *mend == Mend::Rebuild) {
        let path = settings.catalog.clone().unwrap_or_else(|| settings.home.join(".catalog/catalog.db"));
        let damage = catalog::Error::Damaged { path, cause: "a check found it so".to_owned() };
        fixed.done.push(Session::set_aside(settings, &damage.into())?.to_string());
    }
    let mut session = Session::open(settings, Access::Mend)?;
    fixed.done.extend(session.notices.iter().map(ToString::to_string));
    if has(|mend| *mend == Mend::Refresh) {
        fixed.done.push("brought the catalog up to date".to_owned());
    }
    let mut work = Work { session: &mut session, settings, fixed: &mut fixed };
    for mend in &mends {
        if let Mend::SetImportAside(name) = mend {
            work.step("set aside what an import left", |work| work.set_import_aside(name));
        }
    }
    if has(|mend| *mend == Mend::EndImports) {
        work.step("end an import", Work::end_imports);
    }
    if has(|mend| *mend == Mend::Recover) {
        match clean::recover(work.session, settings, execution) {
            Ok(recovery) => work.fixed.recovery = recovery,
            Err(error @ Error::ImportStays { .. }) => work.failed("sort out the trash", &error),
            Err(error) => return Err(error),
        }
    }
    if has(|mend| *mend == Mend::Recount) {
        work.step("count again", Work::recount);
    }
    if has(|mend| *mend == Mend::RecountHistory) {
        work.step("count history again", Work::recount_history);
    }
    work.step("look again", |work| work.look_again(&mends));
    work.step("note what is gone", |work| work.forget(&mends));
    if has(|mend| *mend == Mend::AddLine) {
        work.step("complete the audit log", Work::complete_log);
    }
    // A pin that was found without its row has one only now.
    if has(|mend| matches!(mend, Mend::Marks | Mend::Recount)) {
        work.step("bring pins and tags in line", |work| work.marks(execution));
    }
    for mend in &mends {
        work.own_file(mend);
    }
    Ok(fixed)
}

/// Takes the rights of others from what is ours.
fn close_to_others(settings: &Settings<'_>, mends: &[&Mend], fixed: &mut Fixed) -> Result<(), Error> {
    let root = StoreRoot::open(&settings.home)?;
    for mend in mends {
        let Mend::Close(path) = mend else { continue };
        let close = || {
            let (parent, name) = match path.parent().filter(|_| path.is_absolute()) {
                Some(parent) => {
                    let parent = dir::open_dir(rustix::fs::CWD, &dir::c_name(parent.as_os_str().as_bytes())?)?;
                    (parent, dir::c_name(path.file_name().unwrap_or_default().as_bytes())?)
                }
                None => (dir::open_dir(root.fd(), c".catalog")?, dir::c_name(path.as_os_str().as_bytes())?),
            };
            change::keep_to_owner(&settings.hook, parent.as_fd(), &name)
        };
        let shown = if path.as_os_str().is_empty() { Path::new(".catalog") } else { path };
        match close() {
            Ok(()) => fixed.done.push(format!("took the rights of others from {}", shown.display())),
            Err(error) => {
                fixed.failed.push(format!("cannot take the rights of others from {}: {error}", shown.display()))
            }
        }
    }
    Ok(())
}

struct Work<'w> {
    session: &'w mut Session,
    settings: &'w Settings<'w>,
    fixed: &'w mut Fixed,
}

impl Work<'_> {
    /// Does one step; that it failed is told, and the others are done all the same.
    fn step(&mut self, what: &str, step: impl FnOnce(&mut Self) -> Result<(), Error>) {
        if let Err(error) = step(self) {
            self.failed(what, &error);
        }
    }

    fn failed(&mut self, what: &str, error: &dyn std::error::Error) {
        let mut text = format!("cannot {what}: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.fixed.failed.push(text);
    }

    fn before(&self, act: Act) -> Result<(), Error> {
        let path = || self.session.root.as_ref().map(|root| root.path().join(".catalog")).unwrap_or_default();
        self.settings.hook.before(act).map_err(|source| Error::Io { act: "commit in", path: path(), source })
    }

    /// Makes doubtful what was found to be wrong about the tree, and refreshes.
    fn look_again(&mut self, mends: &[&Mend]) -> Result<(), Error> {
        let (mut runs, mut projects, mut store, mut all) = (Vec::new(), Vec::new(), false, false);
        for mend in mends {
            match mend {
                Mend::LookAtRun(project, run) | Mend::JudgeRun(project, run) => runs.push((project, run)),
                Mend::LookAtProject(project) => projects.push(project),
                Mend::LookAtStore => store = true,
                Mend::LookAtAll => all = true,
                _ => {}
            }
        }
        if runs.is_empty() && projects.is_empty() && !store && !all {
            return Ok(());
        }
        self.before(Act::Commit)?;
        let keys = self.project_keys()?;
        let mut tx = self.session.catalog.begin()?;
        if all {
            tx.doubt_all()?;
        }
        if store {
            tx.distrust_root()?;
        }
        // What the runner's database says of a run is read once: with a row, that is lost.
        if mends.iter().any(|mend| mend.reads_rows()) {
            tx.put_runner_state(&RunnerState::default())?;
        }
        for key in projects.iter().filter_map(|project| keys.get(*project)) {
            tx.distrust_project(*key)?;
        }
        for (project, run) in &runs {
            if let Some(project) = keys.get(*project)
                && let Some(run) = tx.run_key(*project, run)?
            {
                tx.doubt_run(run)?;
            }
        }
        tx.commit()?;
        self.session.refresh(self.settings, false)?;
        let report = &self.session.report;
        let (walked, new, gone) = (report.walked, report.new, report.vanished);
        self.fixed.done.push(format!("looked again at {walked} runs: {new} new, {gone} gone"));
        Ok(())
    }

    fn project_keys(&self) -> Result<HashMap<ProjectDir, i64>, Error> {
        Ok(self.session.catalog.known_projects()?.into_iter().map(|p| (p.dir, p.id)).collect())
    }

    /// Notes that runs are gone which could be restored, said their rows, and which lie nowhere.
    fn forget(&mut self, mends: &[&Mend]) -> Result<(), Error> {
        let missing: Vec<(&ProjectDir, &RunDir)> = mends
            .iter()
            .filter_map(|mend| match mend {
                Mend::Forget(project, run) => Some((project, run)),
                _ => None,
            })
            .collect();
        let Some(directory) = self.session.directory().filter(|_| !missing.is_empty()) else { return Ok(()) };
        let path = self.session.store()?.path().join(".catalog").join("trash");
        let trash = Trash::open_if_there(directory, &self.settings.hook).map_err(|source| Error::Io {
            act: "open",
            path,
            source,
        })?;
        let keys = self.project_keys()?;
        let mut gone = Vec::new();
        for (project, run) in missing {
            let Some(key) = keys.get(project) else { continue };
            let row = self.session.catalog.run_named(*key, run.as_str())?;
            let lies = trash.as_ref().is_some_and(|trash| trash.contains(project, run.as_str()));
            gone.extend(row.filter(|row| row.state == RunState::Trashed && !lies));
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.before(Act::Commit)?;
        let at = self.settings.clock.now;
        let mut tx = self.session.catalog.begin()?;
        for run in &gone {
            let departure = Departure { at, operation: None, reasons: None, keep_until: None };
            tx.leave(run.key, RunState::Vanished, &departure)?;
        }
        tx.commit()?;
        for run in gone {
            self.fixed.done.push(format!("noted that {} is gone: it cannot be restored", run.id));
        }
        Ok(())
    }

    /// Sets aside what an import told that nobody can read.
    fn set_import_aside(&mut self, name: &OsStr) -> Result<(), Error> {
        let name = dir::c_name(name.as_bytes()).map_err(|e| Error::Io {
            act: "set aside",
            path: name.into(),
            source: e.into(),
        })?;
        let aside = archive::set_aside(self.session, self.settings, &name).map_err(as_session)?;
        if let Some(aside) = aside {
            self.fixed.done.push(format!(
                "set aside what a stopped import left, as {}: the tags and statuses that it brought are lost unless the audit \
                 log has them, so look at the runs that came by it before the next clean",
                aside.display()
            ));
        }
        Ok(())
    }

    fn end_imports(&mut self) -> Result<(), Error> {
        let ended = archive::end_leftovers(self.session, self.settings)?;
        let imports = if ended == 1 { "import" } else { "imports" };
        self.fixed.done.push(format!("ended {ended} stopped {imports}"));
        Ok(())
    }

    fn recount(&mut self) -> Result<(), Error> {
        self.before(Act::Commit)?;
        let mut tx = self.session.catalog.begin()?;
        tx.recount()?;
        tx.commit()?;
        self.fixed.done.push("counted sums and references again".to_owned());
        Ok(())
    }

    fn recount_history(&mut self) -> Result<(), Error> {
        if !rows::history_can_be_counted(&self.session.catalog)? {
            return Ok(());
        }
        self.before(Act::Commit)?;
        let mut tx = self.session.catalog.begin()?;
        tx.recount_history()?;
        tx.commit()?;
        self.fixed.done.push("counted the sums of history again".to_owned());
        Ok(())
    }

    /// Mends a file of ours.
    fn own_file(&mut self, mend: &Mend) {
        let done = match mend {
            Mend::CloseLine => self.in_our_directory(|work, directory| {
                audit::end_torn_line(&work.settings.hook, directory)?;
                Ok("ended a torn line of the audit log".to_owned())
            }),
            Mend::Reserve => self.in_our_directory(|work, directory| {
                reserve::ensure(&work.settings.hook, directory);
                match reserve::is_there(directory) {
                    true => Ok("made the reserve again".to_owned()),
                    false => Err(io::Error::other("there is no room for the reserve")),
                }
            }),
            Mend::Remove(path) => self.in_our_directory(|work, directory| {
                let (parent, name) = inside(directory, path)?;
                let dev = dir::meta(&parent)?.dev;
                change::remove_tree(&work.settings.hook, parent.as_fd(), &name, dev, &Freed::default())
                    .map_err(io::Error::other)?;
                Ok(format!("removed {}", path.display()))
            }),
            Mend::RemoveBesideConfig => self.in_our_directory(|work, _| {
                let root = work.session.store().map_err(io::Error::other)?;
                user_file::remove_left_beside(&work.settings.hook, root.fd(), own::CONFIG)?;
                Ok("removed what was left beside config.yml".to_owned())
            }),
            _ => return,
        };
        match done {
            Ok(done) => self.fixed.done.extend(done),
            Err(error) => self.failed(mend.how(), &error),
        }
    }

    fn in_our_directory(
        &self,
        act: impl FnOnce(&Self, BorrowedFd<'_>) -> io::Result<String>,
    ) -> io::Result<Option<String>> {
        match self.session.directory() {
            Some(directory) => act(self, directory).map(Some),
            None => Ok(None),
        }
    }
}

/// An error of an archive as one of the store that it is in.
fn as_session(error: archive::Error) -> Error {
    match error {
        archive::Error::Session(error) => error,
        archive::Error::Io { act, path, source } => Error::Io { act, path, source },
        other => Error::Io { act: "use", path: ".catalog/import".into(), source: io::Error::other(other.to_string()) },
    }
}

/// The open directory in which something of ours lies, and its name there: one level below our directory at most.
fn inside(directory: BorrowedFd<'_>, path: &Path) -> io::Result<(OwnedFd, std::ffi::CString)> {
    let name = path.file_name().unwrap_or_default();
    let parent = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => dir::open_dir(directory, &dir::c_name(parent.as_os_str().as_bytes())?)?,
        None => directory.try_clone_to_owned()?,
    };
    Ok((parent, dir::c_name(name.as_bytes())?))
}
