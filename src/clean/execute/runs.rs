//! Steps 1 and 2 of runs: looked at again, moved, synced, committed; put back when the commit fails.

use super::super::plan::RunRemoval;
use super::look::{Locking, Looked, Place, is_as_planned, look_again};
use super::outcome::Failed;
use super::{NotMoved, Work, chain, hint_of, io_error};
use crate::audit::{Journal, RemovedRun};
use crate::catalog::Departure;
use crate::model::{ProjectDir, RunState};
use crate::session::Error;
use crate::store::change::{self, Act};
use crate::store::dir;
use crate::store::liveness::{HeldLock, LiveRuns};
use crate::store::trash::Lying;
use std::collections::HashSet;
use std::io;

/// A run that lies in the trash, its decision not yet committed.
struct Moved<'p> {
    removal: &'p RunRemoval,
    /// Held through the commit.
    _lock: Option<HeldLock>,
}

impl Work<'_> {
    /// Steps 1 and 2 of a batch of runs; whether to go on.
    pub(super) fn runs(&mut self, batch: &[RunRemoval], journal: &mut Journal<'_>) -> Result<bool, Error> {
        let live = self.sight().live()?;
        let mut moved = Vec::with_capacity(batch.len());
        let mut lines = Vec::with_capacity(batch.len());
        let mut changed = Vec::new();
        for removal in batch {
            match self.run(removal, &live) {
                Ok((lock, line)) => {
                    moved.push(Moved { removal, _lock: lock });
                    lines.push(line);
                }
                Err(NotMoved::Skip(reason)) => self.skip(removal.id.to_string(), reason),
                Err(NotMoved::Alive(reason)) => {
                    self.doubt(&removal.id, &[], &reason);
                    self.skip(removal.id.to_string(), reason);
                }
                Err(NotMoved::Changed(reason, named)) => {
                    changed.push(removal.key);
                    self.doubt(&removal.id, &named, &reason);
                    self.skip(removal.id.to_string(), reason);
                }
                Err(NotMoved::Fail(failed)) => {
                    self.doubt(&removal.id, &[], &failed.error);
                    self.outcome.failed.push(failed);
                }
            }
        }
        let synced = self.sync_projects(moved.iter().map(|m| &m.removal.id.project));
        let committed = synced
            .map_err(io_error("sync", self.session))
            .and_then(|()| self.with_room(|work| work.commit(&moved, &changed)));
        if let Err(error) = committed {
            self.put_runs_back(&moved, &error);
            return Ok(false);
        }
        // Two descriptors a project must not pile up over thousands of them.
        self.projects.clear();
        for item in &moved {
            self.outcome.deleted_runs.push((item.removal.id.to_string(), item.removal.size));
        }
        self.note(journal, &lines, &[]);
        Ok(true)
    }

    fn commit(&mut self, moved: &[Moved<'_>], changed: &[i64]) -> Result<(), Error> {
        if moved.is_empty() && changed.is_empty() {
            return Ok(());
        }
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let linked = self.linked();
        let mut tx = self.session.catalog.begin_durable()?;
        if !moved.is_empty() {
            tx.begin_operation(&self.record)?;
        }
        for item in moved {
            let reasons = serde_json::to_string(&*item.removal.reasons).unwrap_or_default();
            let departure = Departure {
                at: self.settings.clock.now,
                operation: Some(&self.operation.id),
                reasons: Some(&reasons),
                keep_until: self.keep_until,
            };
            let state = if self.keep_until.is_some() { RunState::Trashed } else { RunState::Removed };
            tx.leave(item.removal.key, state, &departure)?;
        }
        // A second name changes no stamp of a directory, and what an entry frees depends on it.
        for project in &linked {
            let key = tx.project_key(project)?;
            tx.distrust_project(key)?;
        }
        for key in changed {
            tx.unsettle(*key)?;
        }
        tx.put_refreshed_at(self.settings.clock.now)?;
        tx.commit()?;
        self.told_of_linked();
        Ok(())
    }

    fn put_runs_back(&mut self, moved: &[Moved<'_>], cause: &Error) {
        let hint = Some("nothing of this batch was removed; mend the cause and run the command again".to_owned());
        for item in moved {
            let id = &item.removal.id;
            let operation = self.operation;
            let lying = Lying::Run { project: id.project.clone(), run: id.run.as_str().to_owned() };
            let back = dir::c_name(id.run.as_str().as_bytes()).map_err(io::Error::from).and_then(|name| {
                let (place, _) = self.project(&id.project)?;
                operation.put_back(&lying, place, &name)
            });
            let mut error = chain(cause);
            if let Err(also) = back {
                error = format!("{error}; and it could not be put back: {also}");
            }
            self.outcome.failed.push(Failed { id: id.to_string(), error, hint: hint.clone() });
        }
    }

    fn sync_projects<'p>(&mut self, projects: impl Iterator<Item = &'p ProjectDir>) -> io::Result<()> {
        self.sync_companions()?;
        let projects: HashSet<&ProjectDir> = projects.collect();
        for project in projects {
            let hook = self.settings.hook.clone();
            let (place, shell) = self.project(project)?;
            change::sync(&hook, place)?;
            change::sync(&hook, shell)?;
        }
        Ok(())
    }

    /// Looks at a run again and moves it into the trash.
    pub(super) fn run(
        &mut self,
        removal: &RunRemoval,
        live: &LiveRuns,
    ) -> Result<(Option<HeldLock>, RemovedRun), NotMoved> {
        let id = removal.id.to_string();
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let skip = |reason: &str| NotMoved::Skip(reason.to_owned());
        let row = self.sight().row(removal, live)?;
        let line =
            RemovedRun::of(&self.session.catalog, &row, &removal.reasons).map_err(|e| fail("read its row", &e))?;
        let name = dir::c_name(removal.id.run.as_str().as_bytes()).map_err(|e| fail("name it", &e))?;
        if self.keep_until.is_some() {
            self.keep_companions(removal.key).map_err(|e| fail("keep its cache entries in the trash", &e))?;
        }
        let store = self.session.store().map_err(|e| fail("open the store", &e))?;
        let at = Place::of(store, &removal.id.project, self.settings);
        let hook = self.settings.hook.clone();
        let archived = self.archived;
        let (place, shell) = match self.project(&removal.id.project) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(skip("its project is gone")),
            Err(error) => return Err(fail("open its project", &error)),
        };
        let Looked { lock, .. } = look_again(place, removal, &at, Locking::Take)?;
        if let Some(archived) = archived {
            archived.check(removal, place, &name)?;
        }
        change::rename(&hook, Act::ToTrash, place, &name, shell, &name)
            .map_err(|e| fail("move it to the trash", &e))?;
        // What was looked at and what was moved must be one and the same: in between somebody may have put another
        // directory in its place, or something of his into it.
        if !is_as_planned(shell, removal, &at) {
            change::rename(&hook, Act::PutBack, shell, &name, place, &name)
                .map_err(|e| fail("put back what took its place", &e))?;
            return Err(NotMoved::Changed(
                "it changed, or something took its place, while it was moved".to_owned(),
                Vec::new(),
            ));
        }
        Ok((lock, line))
    }
}
