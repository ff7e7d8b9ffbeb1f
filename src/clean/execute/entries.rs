//! Cache entries of one project at a time: moved, unless somebody is alive in it; all put back if somebody came meanwhile.
//!
//! The runner makes its run, looks for the entry, links it and starts it. A run that is made before the listing here is seen; one
//! that looks after the move finds nothing and writes the entry again. What lies between (listed, made, looked for, moved,
//! linked) finds its script gone until it is put back, so that time is kept short: whatever takes long is done before, the
//! listing comes last, the project's stamp is looked at before each move, few entries are moved at a time, and the project is
//! listed again at once. What is put back is put back by renames alone; they are made durable afterwards.

use super::super::orphans;
use super::super::plan::{EntryRemoval, NO_ROW};
use super::super::strays;
use super::look::look_at_entry;
use super::outcome::Failed;
use super::{NotMoved, Work, chain, hint_of, io_error};
use crate::audit::{Journal, RemovedEntry};
use crate::model::ProjectDir;
use crate::session::Error;
use crate::store::cache_place;
use crate::store::change::{self, Act};
use crate::store::dir;
use crate::store::trash::{JsonName, Lying};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io;
use std::rc::Rc;

/// Entries that are moved between two listings of their project: a millisecond's worth.
const TOGETHER: usize = 64;

/// An entry that was looked at again and is about to be moved.
struct Ready<'p> {
    removal: &'p EntryRemoval,
    place: Rc<(OwnedFd, OwnedFd)>,
    name: CString,
}

/// The rows of the entries of a project that nothing keeps any more.
struct MayGo {
    /// Those that no run names.
    unnamed: HashSet<i64>,
    /// Those that the plan calls stale and that no pinned run names.
    unpinned: HashSet<i64>,
}

impl Work<'_> {
    /// Moves the entries of one project, unless somebody is alive in it; puts all of them back if somebody came meanwhile.
    pub(super) fn entries(
        &mut self,
        removals: &[EntryRemoval],
        known: &HashMap<i64, HashSet<String>>,
        journal: &mut Journal<'_>,
    ) -> Result<bool, Error> {
        let Some(first) = removals.first() else { return Ok(true) };
        let (project, key) = (first.entry.project.clone(), first.entry.project_key);
        let nobody = HashSet::new();
        let known = known.get(&key).unwrap_or(&nobody);
        let mut problem = match self.uncertain.get(&project).cloned() {
            Some(why) => Some(why),
            None => self.sight().somebody_in(&project, key, known)?,
        };
        let unnamed: HashSet<i64> = orphans::orphaned(&self.session.catalog, key)?.into_iter().map(|e| e.key).collect();
        let stale = removals.iter().filter(|removal| !removal.readers.is_empty()).map(|removal| &removal.entry);
        let unpinned = orphans::named_by_none_pinned(&self.session.catalog, key, stale)?;
        let may_go = MayGo { unnamed, unpinned };
        let mut moved: Vec<&EntryRemoval> = Vec::with_capacity(removals.len());
        for some in removals.chunks(TOGETHER) {
            if problem.is_none() {
                problem = self.some_entries(&project, key, some, &may_go, known, &mut moved);
            }
        }
        // From here on an error means that nobody knows: everything goes back.
        if problem.is_none() && !moved.is_empty() {
            problem = self.sight().somebody_in(&project, key, known).unwrap_or_else(|error| Some(chain(&error)));
        }
        if problem.is_none() && !moved.is_empty() {
            let synced = self.sync_entries(&project, &moved).map_err(io_error("sync", self.session));
            let committed = synced.and_then(|()| self.with_room(|work| work.commit_entries(&moved)));
            problem = committed.err().map(|error| chain(&error));
        }
        if let Some(problem) = problem {
            self.put_entries_back(&moved, &problem);
            let reached = self.reached();
            for id in removals.iter().map(entry_id).filter(|id| !reached.contains(id)) {
                self.skip(id, problem.clone());
            }
            return Ok(true);
        }
        let mut lines = Vec::with_capacity(moved.len());
        for removal in moved {
            let entry = &removal.entry;
            lines.push(RemovedEntry {
                project: JsonName::new(entry.project.as_bytes()),
                entry: JsonName::new(&entry.path),
                size_bytes: entry.size.size,
                disk_bytes: entry.size.disk,
            });
            self.outcome.deleted_cache.push((entry.project.clone(), entry.path.clone(), entry.size));
        }
        if !lines.is_empty() {
            self.note(journal, &[], &lines);
        }
        Ok(true)
    }

    /// Moves some entries of a project between two listings of it; why all that were moved must go back, if they must.
    fn some_entries<'p>(
        &mut self,
        project: &ProjectDir,
        key: i64,
        removals: &'p [EntryRemoval],
        may_go: &MayGo,
        known: &HashSet<String>,
        moved: &mut Vec<&'p EntryRemoval>,
    ) -> Option<String> {
        let mut ready = Vec::with_capacity(removals.len());
        let mut places = HashMap::new();
        for removal in removals {
            match self.ready(removal, may_go, &mut places) {
                Ok(found) => ready.push(found),
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => {
                    self.skip(entry_id(removal), reason);
                }
                Err(NotMoved::Fail(failed)) => self.outcome.failed.push(failed),
            }
        }
        let newcomer =
            |work: &Self| work.sight().newcomer(project, key, known).unwrap_or_else(|error| Some(chain(&error)));
        if ready.is_empty() {
            return None;
        }
        let mut stamp = self.project_stamp(project);
        if let Some(problem) = newcomer(self) {
            return Some(problem);
        }
        for item in &ready {
            // One more directory shows in the stamp of most file systems at once: far cheaper than a listing.
            let now = self.project_stamp(project);
            if now != stamp {
                if let Some(problem) = newcomer(self) {
                    return Some(problem);
                }
                stamp = now;
            }
            match self.move_entry(item) {
                Ok(()) => moved.push(item.removal),
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => {
                    self.skip(entry_id(item.removal), reason);
                }
                Err(NotMoved::Fail(failed)) => self.outcome.failed.push(failed),
            }
        }
        newcomer(self)
    }

    /// What tells of a new directory in a project: its times, and how many names it has.
    fn project_stamp(&mut self, project: &ProjectDir) -> Option<(i64, i64, u64)> {
        let (place, _) = self.project(project).ok()?;
        dir::meta(place).ok().map(|meta| (meta.mtime_ns, meta.ctime_ns, meta.links))
    }

    /// Whether an entry may still go, and is what it was; opens where it lies and where it goes.
    fn ready<'p>(
        &mut self,
        removal: &'p EntryRemoval,
        may_go: &MayGo,
        places: &mut HashMap<Vec<u8>, Rc<(OwnedFd, OwnedFd)>>,
    ) -> Result<Ready<'p>, NotMoved> {
        let id = entry_id(removal);
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let entry = &removal.entry;
        let catalog = &self.session.catalog;
        let as_planned = if removal.is_stray() {
            strays::is_unnamed(catalog, removal).map_err(|e| fail("read who names it", &e))?
        } else if entry.key == NO_ROW {
            return Err(NotMoved::Skip("it is gone".to_owned()));
        } else {
            // A stale entry may be named by the runs that the plan knew of, and by no other.
            let readers = catalog.readers_of(entry.key).map_err(|e| fail("read who names it", &e))?;
            may_go.unnamed.contains(&entry.key)
                || may_go.unpinned.contains(&entry.key) && readers.iter().all(|r| removal.readers.contains(r))
        };
        if !as_planned {
            return Err(NotMoved::Skip("a run names it now".to_owned()));
        }
        let (above, leaf) = parted(&entry.path);
        let name = dir::c_name(leaf).map_err(|e| fail("name it", &io::Error::from(e)))?;
        let place = match places.get(above) {
            Some(place) => Rc::clone(place),
            None => {
                let shell = self.operation.entry_place(&entry.project, &entry.path);
                let (shell, _) = shell.map_err(|e| fail("make room in the trash", &e))?;
                let (project, _) = self.project(&entry.project).map_err(|e| fail("open its project", &e))?;
                let place = match cache_place::open(project, &entry.path) {
                    Ok((place, _)) => place,
                    Err(rustix::io::Errno::NOENT) => return Err(NotMoved::Skip("it is gone".to_owned())),
                    Err(error) => return Err(fail("open the cache", &io::Error::from(error))),
                };
                let place = Rc::new((place, shell));
                places.insert(above.to_vec(), Rc::clone(&place));
                place
            }
        };
        look_at_entry(place.0.as_fd(), &name, removal)?;
        if let Some(archived) = self.archived {
            archived.check_entry(removal, place.0.as_fd(), &name)?;
        }
        Ok(Ready { removal, place, name })
    }

    fn move_entry(&self, ready: &Ready<'_>) -> Result<(), NotMoved> {
        let id = entry_id(ready.removal);
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let (place, shell) = (ready.place.0.as_fd(), ready.place.1.as_fd());
        let hook = &self.settings.hook;
        match change::rename(hook, Act::ToTrash, place, &ready.name, shell, &ready.name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(NotMoved::Skip("it is gone".to_owned()));
            }
            Err(error) => return Err(fail("move it to the trash", &error)),
        }
        let moved =
            dir::meta_at(shell, &ready.name).map_err(|e| fail("look at it in the trash", &io::Error::from(e)))?;
        if moved.inode != ready.removal.entry.inode {
            change::rename(hook, Act::PutBack, shell, &ready.name, place, &ready.name)
                .map_err(|e| fail("put back what took its place", &e))?;
            return Err(NotMoved::Skip("another file took its place".to_owned()));
        }
        Ok(())
    }

    fn sync_entries(&mut self, project: &ProjectDir, moved: &[&EntryRemoval]) -> io::Result<()> {
        let hook = self.settings.hook.clone();
        let mut synced = HashSet::new();
        for removal in moved {
            let (shell, _) = self.operation.entry_place(project, &removal.entry.path)?;
            let (place, _) = self.project(project)?;
            let (place, _) = cache_place::open(place, &removal.entry.path)?;
            if synced.insert(parted(&removal.entry.path).0.to_vec()) {
                change::sync(&hook, place.as_fd())?;
                change::sync(&hook, shell.as_fd())?;
            }
        }
        Ok(())
    }

    fn commit_entries(&mut self, moved: &[&EntryRemoval]) -> Result<(), Error> {
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let mut tx = self.session.catalog.begin_durable()?;
        tx.begin_operation(&self.record)?;
        for removal in moved {
            if !removal.is_stray() {
                tx.remove_entry(removal.entry.key)?;
            }
            let (project, path) = (removal.entry.project_key, &removal.entry.path);
            tx.note_entry_removal(&self.operation.id, project, path, self.keep_until)?;
        }
        tx.put_refreshed_at(self.settings.clock.now)?;
        Ok(tx.commit()?)
    }

    /// Renames all of them back first, for somebody may be waiting; syncs then.
    fn put_entries_back(&mut self, moved: &[&EntryRemoval], reason: &str) {
        let mut opened: HashMap<Vec<u8>, (OwnedFd, OwnedFd)> = HashMap::new();
        for removal in moved {
            let entry = &removal.entry;
            let lying = Lying::Entry { project: entry.project.clone(), path: entry.path.clone() };
            let dev = self.session.store().map_or(0, |store| store.dev());
            let operation = self.operation;
            let back = self.project(&entry.project).and_then(|(place, _)| {
                let (place, name) = cache_place::open(place, &entry.path)?;
                let shell = operation.put_back_or_drop(&lying, place.as_fd(), &name, dev)?;
                Ok((place, shell))
            });
            match back {
                Ok(place) => {
                    opened.entry(parted(&entry.path).0.to_vec()).or_insert(place);
                    self.skip(entry_id(removal), reason.to_owned());
                }
                Err(error) => self.outcome.failed.push(Failed {
                    id: entry_id(removal),
                    error: format!("{reason}; and it could not be put back: {error}"),
                    hint: Some(format!("it lies in .catalog/trash/{}", self.operation.id)),
                }),
            }
        }
        for (place, shell) in opened.into_values() {
            let synced = change::sync(&self.settings.hook, place.as_fd());
            if let Err(error) = synced.and_then(|()| change::sync(&self.settings.hook, shell.as_fd())) {
                self.outcome.notices.push(format!("what was put back may not outlive a power cut: {error}"));
            }
        }
    }
}

/// The directory below the cache in which an entry lies, empty for the cache itself, and its name there.
fn parted(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|b| *b == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

pub(super) fn entry_id(removal: &EntryRemoval) -> String {
    entry_name(&removal.entry.project, &removal.entry.path)
}

/// A cache entry's path in the store, as text.
pub(in crate::clean) fn entry_name(project: &ProjectDir, path: &[u8]) -> String {
    format!("{project}/.cache/{}", String::from_utf8_lossy(path))
}
