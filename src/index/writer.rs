//! The one that writes what the walkers found: evidence joined, status judged, references resolved.

use super::assess::Known;
use super::evidence::Evidence;
use super::walk::Walked;
use super::work::{KeptRuns, Work};
use super::{Error, Options, Report, ThinnedRuns, assess, evidence, thinned};
use crate::catalog::{CatalogTx, RunRecord, SharedFile, UnsettledRun};
use crate::model::ProjectDir;
use crate::store::liveness::{self, LiveRuns, LockState};
use crate::store::observation::RunObservation;
use crate::store::reference::Reference;
use crate::store::root::StoreRoot;
use crate::store::runner_db::PackedEvidence;
use std::cell::OnceCell;
use std::collections::HashMap;

/// The one that writes what the walkers found.
pub(super) struct Writer<'w, 'c> {
    pub(super) tx: &'w mut CatalogTx<'c>,
    pub(super) evidence: &'w mut Evidence,
    pub(super) kept: &'w KeptRuns,
    pub(super) was_known: &'w HashMap<(ProjectDir, String), &'w UnsettledRun>,
    pub(super) thinned: &'w ThinnedRuns,
    pub(super) live: OnceCell<LiveRuns>,
    pub(super) root: &'w StoreRoot,
    pub(super) options: &'w Options<'w>,
    pub(super) report: &'w mut Report,
    pub(super) unproven: HashMap<i64, Vec<Vec<u8>>>,
    pub(super) rewritten: &'w mut bool,
}

impl Writer<'_, '_> {
    pub(super) fn take(&mut self, work: &Work, walked: Walked) -> Result<(), Error> {
        let (run, found) = match walked {
            Walked::Run(run, found) => (run, found),
            Walked::Project(problem) => {
                self.report.problems.push(problem);
                return Ok(());
            }
        };
        self.report.walked += 1;
        match found {
            Ok(Some(observation)) => self.write(work, observation),
            // It went while we looked; the next refresh sees the project's stamp and notes it.
            Ok(None) => {
                *self.rewritten = true;
                Ok(self.tx.distrust_project(work.key)?)
            }
            Err(problem) => {
                self.report.problems.push(problem);
                *self.rewritten = true;
                if let Some(key) = self.tx.run_key(work.key, &run)? {
                    self.tx.mark_unread(key)?;
                }
                Ok(self.tx.distrust_project(work.key)?)
            }
        }
    }

    pub(super) fn write(&mut self, work: &Work, mut run: RunObservation) -> Result<(), Error> {
        let place = (work.project.clone(), run.run.as_str().to_owned());
        let fresh = self.evidence.runs.remove(&place).map(PackedEvidence::unpack);
        let has_fresh = fresh.is_some();
        let told = self.thinned.get(&place).filter(|told| told.inode == run.inode);
        let kept = self.kept.runs.borrow_mut().remove(&place);
        let rows = evidence::join(fresh, kept.or_else(|| told.and_then(|told| told.evidence.clone())));
        if !run.proven && rows.is_none() {
            let level = if work.project.is_root() { 0 } else { work.key };
            self.unproven.entry(level).or_default().push(run.run.as_str().as_bytes().to_vec());
            return Ok(());
        }
        self.report.problems.append(&mut run.problems);
        let options = self.options;
        // A lock that is held says all that a process could say.
        let alive = run.lock != LockState::Held && self.live().contains(&work.project, run.run.as_str());
        let known = Known { rows: rows.as_ref(), alive, clock: options.clock };
        let mut assessed = assess::assess(&mut run, &known);
        self.carry_thinned(&place, &mut run, &mut assessed)?;
        if let Some(before) = self.was_known.get(&place)
            && !has_fresh
            && before.status == assessed.status
            && before.status_source == assessed.source
            && !assessed.settled
            && before.end_known == assessed.end_known
            && before.whole == run.whole
            && before.newest_write_ns == assessed.newest_write_ns
            && before.manifest == run.manifest
        {
            return Ok(());
        }
        *self.rewritten = true;
        let mut references = Vec::with_capacity(run.references.len());
        for reference in &run.references {
            self.resolve(work, reference, &mut references)?;
        }
        let context =
            run.context.take().or_else(|| rows.as_ref().map(|r| r.context.clone()).filter(|c| c.cwd.is_some()));
        let context = context.or_else(|| told.map(|told| told.context.clone()).filter(|c| c.cwd.is_some()));
        if work.project.is_root() {
            self.tx.put_root_project()?;
        }
        let is_new = self.tx.put_run(&RunRecord {
            project_key: work.key,
            dir: run.run,
            status: assessed.status,
            status_source: assessed.source,
            settled: assessed.settled,
            whole: run.whole,
            end_known: assessed.end_known,
            duration_ms: assessed.duration_ms,
            duration_source: assessed.duration_source,
            missing: run.missing,
            size: run.size,
            inode: run.inode,
            newest_write_ns: assessed.newest_write_ns,
            manifest: run.manifest,
            context,
            runner: assessed.runner,
            tasks: assessed.tasks,
            references,
            shared: run
                .hard_links
                .iter()
                .map(|l| SharedFile { inode: l.inode, size: l.size, links: l.links, names: l.names })
                .collect(),
        })?;
        self.report.new += u64::from(is_new);
        Ok(())
    }

    /// What was known of a run before parts of it were dropped stays. Another directory in its place is another run.
    fn carry_thinned(
        &mut self,
        place: &(ProjectDir, String),
        run: &mut RunObservation,
        assessed: &mut assess::Assessment,
    ) -> Result<(), Error> {
        match self.thinned.get(place) {
            None => {}
            Some(before) if before.dropped.is_empty() => {}
            Some(before) if before.inode == run.inode => thinned::carry(before, assessed, &mut run.missing),
            Some(_) => {
                if let Some((key, _)) = self.tx.known_run(&place.0, &place.1)? {
                    self.tx.forget_thinnings(key)?;
                }
            }
        }
        Ok(())
    }

    /// Asked of the system once, for the first run that needs it.
    fn live(&self) -> &LiveRuns {
        let (root, options) = (self.root, self.options);
        self.live.get_or_init(|| {
            liveness::scan_processes(options.processes, &[root.path(), root.as_given()], options.own_pid)
        })
    }

    /// A reference counts for the run's own project, and for the one of this store that it names.
    pub(super) fn resolve(
        &mut self,
        work: &Work,
        reference: &Reference,
        into: &mut Vec<(i64, Vec<u8>)>,
    ) -> Result<(), Error> {
        for project in reference.projects(&work.project) {
            let key = if project == work.project { work.key } else { self.tx.project_key(&project)? };
            into.push((key, reference.path.clone()));
        }
        Ok(())
    }
}
