//! Parts of runs that stay: looked at again, moved piece by piece, synced, committed together; put back when that fails.
//!
//! | step | row | in place | in the trash | after a crash here |
//! |---|---|---|---|---|
//! | 0 `operation.json` names every piece | as it was | all | - | nothing to do |
//! | 1 pieces are renamed into the trash | as it was | some | some | all are put back |
//! | 2 commit | thinned | the rest | all | finish; with a trash, leave until then |
//! | 3 unlink in the trash | thinned | the rest | part | finish |
//!
//! The row keeps its status and its tasks; what it takes now is seen by the refresh that follows the commit.

use super::super::back;
use super::super::thinning::RunThinning;
use super::look::{Locking, Looked, Place, look_again};
use super::outcome::{Failed, Thinned};
use super::{NotMoved, Work, chain, hint_of, io_error};
use crate::audit::{self, Journal, RemovedRun, RunName};
use crate::catalog::ThinningRecord;
use crate::session::Error;
use crate::store::change::Act;
use crate::store::dir;
use crate::store::liveness::{HeldLock, LiveRuns};
use crate::store::parts;
use crate::store::{reserve, trash};
use rustix::fd::AsFd as _;
use std::io;

/// Why a run keeps its parts of which the plan says what does not hold.
pub(super) const NO_PIECES: &str = "the plan names what is no part of it, or what is never dropped";

/// Parts that lie in the trash, their decision not yet committed.
struct Moved<'p> {
    thinning: &'p RunThinning,
    /// Held through the commit.
    _lock: Option<HeldLock>,
}

impl Work<'_> {
    /// Steps 1 and 2 of a batch of runs that are thinned; whether to go on.
    pub(super) fn thin(&mut self, batch: &[RunThinning], journal: &mut Journal<'_>) -> Result<bool, Error> {
        let live = self.sight().live()?;
        let mut moved = Vec::with_capacity(batch.len());
        let mut lines = Vec::with_capacity(batch.len());
        let mut changed = Vec::new();
        for thinning in batch {
            let id = thinning.run.id.to_string();
            match self.thin_run(thinning, &live) {
                Ok((lock, line)) => {
                    moved.push(Moved { thinning, _lock: lock });
                    lines.push(line);
                }
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason)) => self.skip(id, reason),
                Err(NotMoved::Changed(reason, _)) => {
                    changed.push(thinning.run.key);
                    self.skip(id, reason);
                }
                Err(NotMoved::Fail(failed)) => self.outcome.failed.push(failed),
            }
        }
        let synced = if moved.is_empty() { Ok(()) } else { self.operation.sync_pieces() };
        let committed = synced
            .map_err(io_error("sync", self.session))
            .and_then(|()| self.with_room(|work| work.commit_thinned(&moved, &changed)));
        if let Err(error) = committed {
            let hint = Some("nothing of this batch was dropped; mend the cause and run the command again".to_owned());
            for item in &moved {
                let mut text = chain(&error);
                if let Err(also) = self.put_parts_back(item.thinning) {
                    text = format!("{text}; and it could not be put back: {also}");
                }
                let id = item.thinning.run.id.to_string();
                self.outcome.failed.push(Failed { id, error: text, hint: hint.clone() });
            }
            return Ok(false);
        }
        self.projects.clear();
        for Moved { thinning, .. } in &moved {
            let RunThinning { run, dropped, size, .. } = thinning;
            let project = run.id.project.clone();
            let thinned = Thinned {
                id: run.id.to_string(),
                project,
                run: run.id.run.as_str().to_owned(),
                dropped: *dropped,
                size: *size,
            };
            self.outcome.thinned.push(thinned);
        }
        self.note_thinned(journal, &lines);
        Ok(true)
    }

    fn commit_thinned(&mut self, moved: &[Moved<'_>], changed: &[i64]) -> Result<(), Error> {
        if moved.is_empty() && changed.is_empty() {
            return Ok(());
        }
        self.settings.hook.before(Act::Commit).map_err(io_error("commit in", self.session))?;
        let mut tx = self.session.catalog.begin_durable()?;
        if !moved.is_empty() {
            tx.begin_operation(&self.record)?;
        }
        for Moved { thinning, .. } in moved {
            let reasons = serde_json::to_string(&*thinning.run.reasons).unwrap_or_default();
            let record = ThinningRecord {
                operation: &self.operation.id,
                dropped: thinning.dropped,
                size: thinning.size,
                reasons: &reasons,
                keep_until: self.keep_until,
            };
            tx.note_thinning(thinning.run.key, &record)?;
            // What it takes now is not known before it is walked again.
            tx.unsettle(thinning.run.key)?;
        }
        for key in changed {
            tx.unsettle(*key)?;
        }
        tx.put_refreshed_at(self.settings.clock.now)?;
        Ok(tx.commit()?)
    }

    fn note_thinned(&mut self, journal: &mut Journal<'_>, lines: &[audit::ThinnedRun]) {
        let Some(directory) = self.session.directory() else { return };
        let (lock, keep_until) = (self.session.lock(), self.keep_until);
        let written = reserve::with(&self.settings.hook, directory, || journal.thinned(lock, lines, keep_until));
        if let Err(error) = written {
            self.unaudited = true;
            self.outcome.notices.push(format!("the audit log could not be written: {error}"));
        }
    }

    fn put_parts_back(&self, thinning: &RunThinning) -> io::Result<()> {
        let id = &thinning.run.id;
        back::pieces(self.session, self.operation, &id.project, id.run.as_str())?;
        self.operation.drop_parts_shell(&id.project, id.run.as_str())
    }

    /// Looks at a run again and moves its parts into the trash: all of them, or none.
    fn thin_run(
        &mut self,
        thinning: &RunThinning,
        live: &LiveRuns,
    ) -> Result<(Option<HeldLock>, audit::ThinnedRun), NotMoved> {
        let removal = &thinning.run;
        let id = removal.id.to_string();
        let fail = |act: &str, error: &dyn std::fmt::Display| {
            NotMoved::Fail(Failed { id: id.clone(), error: format!("cannot {act}: {error}"), hint: hint_of(act) })
        };
        let row = self.sight().row(removal, live)?;
        let whole = RemovedRun::of(&self.session.catalog, &row, &[]).map_err(|e| fail("read its row", &e))?;
        let name = dir::c_name(removal.id.run.as_str().as_bytes()).map_err(|e| fail("name it", &e))?;
        let store = self.session.store().map_err(|e| fail("open the store", &e))?;
        let at = Place::of(store, &removal.id.project, self.settings);
        let dev = store.dev();
        let operation = self.operation;
        let archived = self.archived;
        let place = match self.project(&removal.id.project) {
            Ok((place, _)) => place,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(NotMoved::Skip("its project is gone".to_owned()));
            }
            Err(error) => return Err(fail("open its project", &error)),
        };
        // Before the look, which holds the whole run against the plan: so what is moved must be what was looked at.
        let sealed = dir::open_dir(place, &name).and_then(|fd| {
            let seals: rustix::io::Result<Vec<_>> =
                thinning.pieces.iter().map(|piece| trash::seal(fd.as_fd(), &piece.path)).collect();
            Ok((fd, seals?))
        });
        let Looked { lock, tasks } = look_again(place, removal, &at, Locking::Take)?;
        if let Some(archived) = archived {
            archived.check(removal, place, &name)?;
        }
        let (fd, seals) = sealed.map_err(|e| fail("open it", &io::Error::from(e)))?;
        let meta = dir::meta(&fd).map_err(|e| fail("look at it", &io::Error::from(e)))?;
        // The look goes by the name, and what is moved by this directory, which was opened before: one and the same.
        if removal.fingerprint.is_none_or(|planned| planned.inode != meta.inode) {
            return Err(NotMoved::Changed("another directory took its place".to_owned(), Vec::new()));
        }
        let are_pieces = parts::are_pieces(fd.as_fd(), dev, &tasks, &thinning.pieces);
        if !are_pieces.map_err(|e| fail("look for its parts", &io::Error::from(e)))? {
            return Err(NotMoved::Skip(NO_PIECES.to_owned()));
        }
        for piece in &thinning.pieces {
            let taken = operation.take_piece(
                (&removal.id.project, removal.id.run.as_str()),
                fd.as_fd(),
                &piece.path,
                piece.inode,
            );
            if let Err(error) = taken {
                let changed = error.kind() == io::ErrorKind::NotFound;
                if let Err(also) = self.put_parts_back(thinning) {
                    return Err(fail("move its parts to the trash", &format!("{error}; nor put them back: {also}")));
                }
                return Err(match changed {
                    true => NotMoved::Changed("it changed since it was indexed".to_owned(), Vec::new()),
                    false => fail("move its parts to the trash", &error),
                });
            }
        }
        // In between somebody may have written one of them, or put something of his into it.
        let of = (&removal.id.project, removal.id.run.as_str());
        let is_as_looked_at = |(piece, seal): (&parts::Piece, &blake3::Hash)| {
            operation.piece_seal(of, &piece.path).is_ok_and(|moved| moved == *seal)
        };
        if !thinning.pieces.iter().zip(&seals).all(is_as_looked_at) {
            self.put_parts_back(thinning).map_err(|e| fail("put back what was written meanwhile", &e))?;
            let reason = "it changed while its parts were moved";
            return Err(NotMoved::Changed(reason.to_owned(), Vec::new()));
        }
        // Without it nothing is lost but the time of a directory.
        let _ = operation.reset_times((&removal.id.project, removal.id.run.as_str()), fd.as_fd());
        let line = audit::ThinnedRun {
            run: RunName::of(&removal.id),
            parts: thinning.dropped.names().into_iter().map(str::to_owned).collect(),
            reasons: removal.reasons.to_vec(),
            size_bytes: thinning.size.size,
            disk_bytes: thinning.size.disk,
            row: Some(Box::new(whole)),
        };
        Ok((lock, line))
    }
}
