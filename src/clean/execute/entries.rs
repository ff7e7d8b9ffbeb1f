//! Cache entries of one project at a time: moved, unless somebody is alive in it; all put back if somebody came meanwhile.

use super::super::orphans;
use super::super::plan::EntryRemoval;
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
use rustix::fd::AsFd;
use std::collections::{HashMap, HashSet};
use std::io;

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
        let skip_all = |work: &mut Self, entries: &[&EntryRemoval], reason: &str| {
            for removal in entries {
                work.skip(entry_id(removal), reason.to_owned());
            }
        };
        let nobody = HashSet::new();
        let known = known.get(&key).unwrap_or(&nobody);
        let all: Vec<&EntryRemoval> = removals.iter().collect();
        let uncertain = self.uncertain.get(&project).cloned();
        if let Some(reason) =
            uncertain.map_or_else(|| self.sight().somebody_in(&project, key, known), |why| Ok(Some(why)))?
        {
            skip_all(self, &all, &reason);
            return Ok(true);
        }
        let unnamed: HashSet<i64> = orphans::orphaned(&self.session.catalog, key)?.into_iter().map(|e| e.key).collect();
        let mut moved: Vec<&EntryRemoval> = Vec::with_capacity(removals.len());
        for removal in removals {
            // A stale entry may be named by the runs that the plan knew of, and by no other.
            let readers = self.session.catalog.readers_of(removal.entry.key)?;
            let as_planned = unnamed.contains(&removal.entry.key)
                || (!removal.readers.is_empty() && readers.iter().all(|r| removal.readers.contains(&r.key)));
            if !as_planned {
                self.skip(entry_id(removal), "a run names it now".to_owned());
                continue;
            }
            match self.entry(removal) {
                Ok(()) => moved.push(removal),
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => {
                    self.skip(entry_id(removal), reason);
                }
                Err(NotMoved::Fail(failed)) => self.outcome.failed.push(failed),
            }
        }
        if moved.is_empty() {
            return Ok(true);
        }
        // From here on an error means that nobody knows: everything goes back.
        let newcomer = self.sight().somebody_in(&project, key, known).unwrap_or_else(|error| Some(chain(&error)));
        let committed = match &newcomer {
            Some(_) => Ok(()),
            None => self
                .sync_entries(&project, &moved)
                .map_err(io_error("sync", self.session))
                .and_then(|()| self.with_room(|work| work.commit_entries(&moved))),
        };
        let problem = match (newcomer, committed) {
            (None, Ok(())) => None,
            (Some(reason), _) => Some(reason),
            (None, Err(error)) => Some(chain(&error)),
        };
        if let Some(problem) = problem {
            self.put_entries_back(&moved, &problem);
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
        if let Err(error) = journal.removed(self.session.lock(), Vec::new(), lines, self.keep_until) {
            self.outcome.notices.push(format!("the audit log could not be written: {error}"));
        }
        Ok(true)
    }

    fn entry(&mut self, removal: &EntryRemoval) -> Result<(), NotMoved> {
        let id = entry_id(removal);
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let entry = &removal.entry;
        let hook = self.settings.hook.clone();
        let (shell, shell_name) =
            self.operation.entry_place(&entry.project, &entry.path).map_err(|e| fail("make room in the trash", &e))?;
        let (place, _) = self.project(&entry.project).map_err(|e| fail("open its project", &e))?;
        let (place, name) = match cache_place::open(place, &entry.path) {
            Ok(opened) => opened,
            Err(rustix::io::Errno::NOENT) => return Err(NotMoved::Skip("it is gone".to_owned())),
            Err(error) => return Err(fail("open the cache", &io::Error::from(error))),
        };
        look_at_entry(place.as_fd(), &name, removal)?;
        change::rename(&hook, Act::ToTrash, place.as_fd(), &name, shell.as_fd(), &shell_name)
            .map_err(|e| fail("move it to the trash", &e))?;
        let moved = dir::meta_at(shell.as_fd(), &shell_name)
            .map_err(|e| fail("look at it in the trash", &io::Error::from(e)))?;
        if moved.inode != entry.inode {
            change::rename(&hook, Act::PutBack, shell.as_fd(), &shell_name, place.as_fd(), &name)
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
            let above = removal.entry.path.iter().rposition(|b| *b == b'/').map(|at| removal.entry.path[..at].to_vec());
            if synced.insert(above) {
                change::sync(&hook, place.as_fd())?;
                change::sync(&hook, shell.as_fd())?;
            }
        }
        Ok(())
    }

    fn commit_entries(&mut self, moved: &[&EntryRemoval]) -> Result<(), Error> {
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let mut tx = self.session.catalog.begin_durable()?;
        for removal in moved {
            tx.remove_entry(removal.entry.key)?;
            let (project, path) = (removal.entry.project_key, &removal.entry.path);
            tx.note_entry_removal(&self.operation.id, project, path, self.keep_until)?;
        }
        Ok(tx.commit()?)
    }

    fn put_entries_back(&mut self, moved: &[&EntryRemoval], reason: &str) {
        for removal in moved {
            let entry = &removal.entry;
            let lying = Lying::Entry { project: entry.project.clone(), path: entry.path.clone() };
            let back = self.project(&entry.project).and_then(|(place, _)| {
                let (place, name) = cache_place::open(place, &entry.path)?;
                Ok((place, name))
            });
            let back = back.and_then(|(place, name)| self.operation.put_back(&lying, place.as_fd(), &name));
            match back {
                Ok(()) => self.skip(entry_id(removal), reason.to_owned()),
                Err(error) => self.outcome.failed.push(Failed {
                    id: entry_id(removal),
                    error: format!("{reason}; and it could not be put back: {error}"),
                    hint: Some(format!("it lies in .catalog/trash/{}", self.operation.id)),
                }),
            }
        }
    }
}

pub(super) fn entry_id(removal: &EntryRemoval) -> String {
    entry_name(&removal.entry.project, &removal.entry.path)
}

/// A cache entry's path in the store, as text.
pub(in crate::clean) fn entry_name(project: &ProjectDir, path: &[u8]) -> String {
    format!("{project}/.cache/{}", String::from_utf8_lossy(path))
}
