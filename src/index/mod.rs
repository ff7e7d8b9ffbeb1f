//! The tree into the catalog, in one transaction.
//!
//! **Refresh.** Stamps of the root, of the projects and of their caches tell which of them gained or lost entries; only
//! those are listed again. Of their runs, the new ones are walked, and of the known ones those that are not settled: a
//! directory's mtime does not show writes below it, so a run is looked at until its end is recorded or a day passed
//! without a write. The cost is that of the projects and of what is new, not of the store.
//!
//! **Walk.** Runs are walked in parallel; each observation goes through a short channel to the one writer, so memory does
//! not grow with the store.
//!
//! **Evidence.** The runner's database is read before the walk, when it changed, and only for rows that are new or belong
//! to unsettled runs. Processes are looked at once, and only if there is a run to look at.
//!
//! **Order.** A stamp is taken before the listing that it vouches for, and written in the same transaction as what the
//! listing led to. A refresh that dies changed nothing; one that meets an unreadable entry goes on, and leaves that entry
//! unsettled or its project untrusted, so that the next one looks again.

mod assess;
mod evidence;
mod look;
#[cfg(test)]
mod tests;

use crate::catalog::{Catalog, CatalogTx, Departure, EntryRecord, ProjectRecord, RunRecord, SharedFile};
use crate::model::{Clock, Problem, ProjectDir, Run, RunDir, RunState};
use crate::progress::Progress;
use crate::store::dir::Listing;
use crate::store::layout::Reference;
use crate::store::liveness::{self, LiveRuns};
use crate::store::observation::{ProjectListing, RunObservation};
use crate::store::root::StoreRoot;
use crate::store::run_walk::{self, Look};
use crate::store::trash::Trash;
use crate::store::{layout, project_walk};
use assess::Known;
use evidence::{Evidence, KnownPlaces};
use rayon::prelude::*;
use rustix::fd::AsFd;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Observations that wait for the writer: enough to keep the walkers busy, few enough to keep memory flat.
const WAITING: usize = 256;
/// Fewer runs than this are walked by the calling thread: starting others costs more.
const ALONE: usize = 24;

/// How a refresh is to be done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The runner's database.
    pub runner_db: &'a Path,
    /// A directory on the store's device, or elsewhere, for reading it without leaving a trace.
    pub scratch: &'a Path,
    /// Where processes are listed: `/proc`.
    pub processes: &'a Path,
    /// Our own process, which is no sign of life.
    pub own_pid: u32,
    /// The clocks.
    pub clock: Clock,
    /// Walk everything again, whatever the stamps say.
    pub full: bool,
    /// Threads that walk.
    pub threads: usize,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// Our trash: a run that lies there was moved by an operation that died, and has not vanished.
    pub trash: Option<&'a Trash>,
}

/// What a refresh did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Runs that were walked.
    pub walked: u64,
    /// Those that were not known before.
    pub new: u64,
    /// Runs that are gone without us.
    pub vanished: u64,
    /// Projects that were listed.
    pub listed: u64,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Whether the catalog was changed.
    pub changed: bool,
}

/// Why a refresh failed as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalog could not be read or written.
    #[error(transparent)]
    Catalog(#[from] crate::catalog::Error),
    /// The store itself could not be read.
    #[error("{0}")]
    Store(Problem),
    /// Threads could not be started.
    #[error("cannot start the threads that walk: {0}")]
    Threads(String),
}

/// The runs of one project that have to be walked.
struct Work {
    project: ProjectDir,
    key: i64,
    /// Directory, and whether its `run.yaml` is to be read.
    runs: Vec<(RunDir, bool)>,
}

/// Brings the catalog in line with the store.
///
/// # Errors
/// [`Error`] when nothing can be said; a single entry that cannot be read is a problem in the report.
pub fn refresh(root: &StoreRoot, catalog: &mut Catalog, options: &Options<'_>) -> Result<Report, Error> {
    refresh_carrying(root, catalog, None, options)
}

/// As [`refresh`], into a new catalog that takes over what the runner's database once said from the one it replaces.
///
/// # Errors
/// As [`refresh`].
pub fn refresh_carrying(
    root: &StoreRoot,
    catalog: &mut Catalog,
    carry: Option<&Catalog>,
    options: &Options<'_>,
) -> Result<Report, Error> {
    let mut listing = Listing::default();
    let state = catalog.store_state()?;
    let known = catalog.project_states()?;
    let unsettled = catalog.unsettled()?;
    let unproven = catalog
        .others(Some(0))?
        .into_iter()
        .map(|(_, name)| name)
        .filter(|name| layout::is_project_name(name))
        .map(ProjectDir::new)
        .collect();
    let changes = look::look(root, &state, &known, unproven, options.full, &mut listing).map_err(Error::Store)?;
    let mut report = Report { listed: changes.projects.len() as u64, ..Report::default() };
    report.problems.extend(changes.problems.iter().cloned());

    let mut keys: HashMap<ProjectDir, i64> = known.iter().map(|p| (p.dir.clone(), p.key)).collect();
    let mut listed: HashMap<ProjectDir, HashSet<String>> = changes
        .projects
        .iter()
        .filter(|p| p.whole || !p.runs.is_empty())
        .map(|p| (p.dir.clone(), p.runs.iter().map(|(r, _)| r.as_str().to_owned()).collect()))
        .collect();
    if let Some(level) = &changes.root {
        listed.insert(ProjectDir::root(), level.runs.iter().map(|(r, _)| r.as_str().to_owned()).collect());
    }
    let again: Vec<i64> = if options.full { Vec::new() } else { catalog.runner_rows_of_unsettled()? };
    let places = KnownPlaces { listed: &listed, keys: &keys, catalog };
    let mut evidence = evidence::read(root, options, &state.runner, &again, &places);
    report.problems.extend(evidence.problem.take());

    let mut plan = WorkPlan::default();
    for project in &changes.projects {
        plan.compare(catalog, &project.dir, keys.get(&project.dir).copied(), &project.runs, project.whole, options)?;
    }
    if let Some(level) = &changes.root {
        let key = keys.get(&ProjectDir::root()).copied();
        plan.compare(catalog, &ProjectDir::root(), key, &level.runs, true, options)?;
    }
    for run in &unsettled {
        plan.add(run.project(), run.dir(), run.context.cwd.is_none());
    }
    for (project, run) in evidence.runs.keys() {
        if let Ok(run) = RunDir::parse(run.as_bytes()) {
            plan.add(project, &run, false);
        }
    }
    for key in &changes.gone {
        let dir = known.iter().find(|p| p.key == *key).map(|p| &p.dir);
        let in_trash = |run: &str| dir.is_some_and(|d| options.trash.is_some_and(|t| t.contains(d, run)));
        plan.vanished
            .extend(catalog.run_names(*key)?.into_iter().filter(|(_, r, _)| !in_trash(r)).map(|(key, _, _)| key));
    }
    report.vanished = plan.vanished.len() as u64;

    let structure_changed = changes.root.is_some() || !changes.projects.is_empty() || !changes.gone.is_empty();
    if !structure_changed && plan.is_empty() && evidence.state.is_none() {
        return Ok(report);
    }
    let kept = KeptRuns::load(catalog, &plan, &keys, carry)?;
    let was_known: HashMap<(ProjectDir, String), &Run> =
        unsettled.iter().map(|r| ((r.project().clone(), r.dir().as_str().to_owned()), r)).collect();
    let wanted = plan.walks();

    let mut tx = catalog.begin()?;
    let mut rewritten = structure_changed || evidence.state.is_some();
    for project in &changes.projects {
        let key = put_project(&mut tx, project, options.clock)?;
        keys.insert(project.dir.clone(), key);
    }
    if let Some(level) = &changes.root {
        let trusted = look::is_trusted(level.stamp, options.clock);
        tx.put_root(level.stamp, trusted, level.own.disk)?;
        let strange = changes.not_projects.iter().map(|p| p.as_bytes().to_vec());
        tx.put_others(0, &level.others.iter().cloned().chain(strange).collect::<Vec<_>>())?;
    }
    for key in &plan.vanished {
        let departure = Departure { at: options.clock.now, operation: None, reasons: None, keep_until: None };
        tx.leave(*key, RunState::Vanished, &departure)?;
    }
    for key in &changes.gone {
        tx.drop_project(*key)?;
    }
    let mut work = Vec::with_capacity(wanted.len());
    for (project, runs) in wanted {
        let key = match keys.get(&project) {
            Some(key) => *key,
            None => tx.project_key(&project)?,
        };
        work.push(Work { project, key, runs });
    }
    let live = OnceCell::new();
    let mut writer = Writer {
        tx: &mut tx,
        evidence: &mut evidence,
        kept: &kept,
        was_known: &was_known,
        live: &live,
        root,
        options,
        report: &mut report,
        unproven: HashMap::new(),
        rewritten: &mut rewritten,
    };
    walk(root, options, &work, |at, found| writer.take(&work[at], found))?;
    let unproven = std::mem::take(&mut writer.unproven);
    settle_unproven(&mut tx, &changes.projects, unproven)?;
    if let Some(state) = &evidence.state {
        tx.put_runner_state(state)?;
    }
    if !rewritten {
        return Ok(report);
    }
    tx.name_projects()?;
    tx.put_refreshed_at(options.clock.now)?;
    tx.commit()?;
    report.changed = true;
    Ok(report)
}

/// Which runs to walk and which are gone.
#[derive(Default)]
struct WorkPlan {
    walks: HashMap<ProjectDir, HashMap<String, (RunDir, bool)>>,
    vanished: Vec<i64>,
}

impl WorkPlan {
    fn compare(
        &mut self,
        catalog: &Catalog,
        project: &ProjectDir,
        key: Option<i64>,
        listed: &[(RunDir, u64)],
        whole: bool,
        options: &Options<'_>,
    ) -> Result<(), Error> {
        let mut known: HashMap<String, (i64, u64)> = match key {
            Some(key) => catalog.run_names(key)?.into_iter().map(|(id, dir, inode)| (dir, (id, inode))).collect(),
            None => HashMap::new(),
        };
        for (run, inode) in listed {
            match known.remove(run.as_str()) {
                // The same inode under the same name is the same run.
                Some((_, before)) if before == *inode && !options.full => {}
                // Another inode is another run, started by somebody else for all we know.
                _ => self.add(project, run, true),
            }
        }
        if whole {
            let gone = known.into_iter().filter(|(run, _)| !options.trash.is_some_and(|t| t.contains(project, run)));
            self.vanished.extend(gone.map(|(_, (id, _))| id));
        }
        Ok(())
    }

    fn add(&mut self, project: &ProjectDir, run: &RunDir, read_yaml: bool) {
        let entry = self
            .walks
            .entry(project.clone())
            .or_default()
            .entry(run.as_str().to_owned())
            .or_insert_with(|| (run.clone(), false));
        entry.1 |= read_yaml;
    }

    fn is_empty(&self) -> bool {
        self.walks.is_empty() && self.vanished.is_empty()
    }

    fn walks(&mut self) -> Vec<(ProjectDir, Vec<(RunDir, bool)>)> {
        let mut walks: Vec<_> = self
            .walks
            .drain()
            .map(|(project, runs)| {
                let mut runs: Vec<_> = runs.into_values().collect();
                runs.sort_unstable_by_key(|(run, _)| (run.timestamp(), run.number()));
                (project, runs)
            })
            .collect();
        walks.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        walks
    }
}

/// What the runner's database once said of the runs that are walked again.
struct KeptRuns {
    runs: RefCell<HashMap<(ProjectDir, String), crate::catalog::KeptEvidence>>,
}

impl KeptRuns {
    fn load(
        catalog: &Catalog,
        plan: &WorkPlan,
        keys: &HashMap<ProjectDir, i64>,
        carry: Option<&Catalog>,
    ) -> Result<Self, Error> {
        let mut kept = HashMap::new();
        let carried: HashMap<ProjectDir, i64> = match carry {
            Some(old) => old.project_states()?.into_iter().map(|p| (p.dir, p.key)).collect(),
            None => HashMap::new(),
        };
        let (source, keys) = match carry {
            Some(old) => (old, &carried),
            None => (catalog, keys),
        };
        if source.is_loading() {
            return Ok(Self { runs: RefCell::default() });
        }
        for (project, runs) in &plan.walks {
            let Some(key) = keys.get(project) else { continue };
            for name in runs.keys() {
                if let Some(run) = source.run_named(*key, name)?
                    && let Some(evidence) = source.kept_evidence(run.key)?
                {
                    kept.insert((project.clone(), name.clone()), evidence);
                }
            }
        }
        Ok(Self { runs: RefCell::new(kept) })
    }
}

fn put_project(tx: &mut CatalogTx<'_>, project: &ProjectListing, clock: Clock) -> Result<i64, Error> {
    let key = tx.put_project(&ProjectRecord {
        dir: project.dir.clone(),
        present: true,
        whole: project.whole,
        stamp: project.stamp,
        trusted: project.whole && look::is_trusted(project.stamp, clock),
        own_disk: project.own.disk,
    })?;
    if !project.whole && project.runs.is_empty() {
        return Ok(key);
    }
    tx.put_others(key, &project.others)?;
    let empty = crate::store::observation::CacheListing { whole: true, ..Default::default() };
    let cache = project.cache.as_ref().unwrap_or(&empty);
    let dirs: Vec<_> = cache
        .dirs
        .iter()
        .map(|(path, stamp)| (path.clone(), *stamp, cache.whole && look::is_trusted(*stamp, clock)))
        .collect();
    let entries: Vec<_> = cache
        .entries
        .iter()
        .map(|e| EntryRecord {
            path: e.path.clone(),
            size: e.size,
            inode: e.inode,
            mtime_ns: e.mtime_ns,
            links: e.links,
        })
        .collect();
    tx.put_cache(key, &dirs, &entries, cache.rest, cache.whole)?;
    Ok(key)
}

/// Directories with a run's name that are none count as other files, and keep their project from being trusted: they may
/// become a run without a trace in its stamp.
fn settle_unproven(
    tx: &mut CatalogTx<'_>,
    listed: &[ProjectListing],
    mut unproven: HashMap<i64, Vec<Vec<u8>>>,
) -> Result<(), Error> {
    for project in listed {
        let key = tx.project_key(&project.dir)?;
        if let Some(names) = unproven.remove(&key) {
            tx.put_others(key, &project.others.iter().cloned().chain(names).collect::<Vec<_>>())?;
            tx.distrust_project(key)?;
        }
    }
    for (key, names) in unproven {
        tx.add_others(key, &names)?;
    }
    Ok(())
}

/// Walks the runs and hands each to `take`, on this thread.
fn walk(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &[Work],
    mut take: impl FnMut(usize, Walked) -> Result<(), Error>,
) -> Result<(), Error> {
    let total: usize = work.iter().map(|w| w.runs.len()).sum();
    if total == 0 {
        return Ok(());
    }
    options.progress.begin("indexing", Some(total as u64));
    let result = if total < ALONE {
        let mut listing = Listing::default();
        work.iter().enumerate().try_for_each(|(at, work)| {
            walk_project(root, work, |project| {
                work.runs.iter().try_for_each(|run| take(at, walk_one(root, options, work, project, run, &mut listing)))
            })
            .unwrap_or_else(|problem| take(at, Walked::Project(problem)))
        })
    } else {
        walk_in_parallel(root, options, work, take)
    };
    options.progress.end();
    result
}

/// What became of one walk.
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large kind")]
enum Walked {
    Run(RunDir, Result<Option<RunObservation>, Problem>),
    Project(Problem),
}

fn walk_in_parallel(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &[Work],
    mut take: impl FnMut(usize, Walked) -> Result<(), Error>,
) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::Threads(error.to_string()))?;
    let (sender, receiver) = crossbeam_channel::bounded::<(usize, Walked)>(WAITING);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            pool.install(|| {
                work.par_iter().enumerate().for_each(|(at, work)| {
                    let walked = walk_project(root, work, |project| {
                        work.runs.par_iter().for_each_init(Listing::default, |listing, run| {
                            let walked = walk_one(root, options, work, project, run, listing);
                            options.progress.advance(1);
                            // The writer has given up: nothing to be done here.
                            let _ = sender.send((at, walked));
                        });
                    });
                    if let Err(problem) = walked {
                        let _ = sender.send((at, Walked::Project(problem)));
                    }
                });
            });
        });
        let mut result = Ok(());
        for (at, walked) in &receiver {
            if let Err(error) = take(at, walked) {
                result = Err(error);
                break;
            }
        }
        // Walkers that still send find nobody and end.
        drop(receiver);
        result
    })
}

fn walk_project<T>(
    root: &StoreRoot,
    work: &Work,
    walk: impl FnOnce(rustix::fd::BorrowedFd<'_>) -> T,
) -> Result<T, Problem> {
    if work.project.is_root() {
        return Ok(walk(root.fd()));
    }
    match project_walk::open_project(root, &work.project)? {
        Some((fd, _)) => Ok(walk(fd.as_fd())),
        None => {
            let path = project_walk::project_path(root, &work.project);
            Err(Problem::new(path, "walk", "it went while we looked"))
        }
    }
}

fn walk_one(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &Work,
    project: rustix::fd::BorrowedFd<'_>,
    (run, read_yaml): &(RunDir, bool),
    listing: &mut Listing,
) -> Walked {
    let path = project_walk::project_path(root, &work.project);
    let look = Look {
        project_path: &path,
        dev: root.dev(),
        now_ns: options.clock.now.saturating_mul(1_000_000_000),
        read_yaml: *read_yaml,
        at_root: work.project.is_root(),
    };
    Walked::Run(run.clone(), run_walk::walk_run(project, run, &look, listing))
}

/// The one that writes what the walkers found.
struct Writer<'w, 'c> {
    tx: &'w mut CatalogTx<'c>,
    evidence: &'w mut Evidence,
    kept: &'w KeptRuns,
    was_known: &'w HashMap<(ProjectDir, String), &'w Run>,
    live: &'w OnceCell<LiveRuns>,
    root: &'w StoreRoot,
    options: &'w Options<'w>,
    report: &'w mut Report,
    unproven: HashMap<i64, Vec<Vec<u8>>>,
    rewritten: &'w mut bool,
}

impl Writer<'_, '_> {
    fn take(&mut self, work: &Work, walked: Walked) -> Result<(), Error> {
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

    fn write(&mut self, work: &Work, mut run: RunObservation) -> Result<(), Error> {
        let place = (work.project.clone(), run.run.as_str().to_owned());
        let fresh = self.evidence.runs.remove(&place);
        let has_fresh = fresh.is_some();
        let rows = evidence::join(fresh, self.kept.runs.borrow_mut().remove(&place));
        if !run.proven && rows.is_none() {
            let level = if work.project.is_root() { 0 } else { work.key };
            self.unproven.entry(level).or_default().push(run.run.as_str().as_bytes().to_vec());
            return Ok(());
        }
        self.report.problems.append(&mut run.problems);
        let options = self.options;
        let live = self.live.get_or_init(|| {
            liveness::scan_processes(options.processes, &[self.root.path(), self.root.as_given()], options.own_pid)
        });
        let known =
            Known { rows: rows.as_ref(), alive: live.contains(&work.project, run.run.as_str()), clock: options.clock };
        let assessed = assess::assess(&run, &known);
        if let Some(before) = self.was_known.get(&place)
            && !has_fresh
            && before.status == assessed.status
            && before.status_source == assessed.source
            && before.settled == assessed.settled
            && before.end_known == assessed.end_known
            && before.read_whole == run.whole
            && self.tx.manifest(before.key)? == Some(run.manifest)
        {
            return Ok(());
        }
        *self.rewritten = true;
        if !self.was_known.contains_key(&place) {
            self.report.new += 1;
        }
        let mut references = Vec::with_capacity(run.references.len());
        for reference in &run.references {
            self.resolve(work, reference, &mut references)?;
        }
        let context =
            run.context.take().or_else(|| rows.as_ref().map(|r| r.context.clone()).filter(|c| c.cwd.is_some()));
        if work.project.is_root() {
            self.tx.put_root_project()?;
        }
        self.tx.put_run(&RunRecord {
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
        Ok(())
    }

    /// A reference counts for the run's own project, and for the one of this store that it names.
    fn resolve(&mut self, work: &Work, reference: &Reference, into: &mut Vec<(i64, Vec<u8>)>) -> Result<(), Error> {
        into.push((work.key, reference.path.clone()));
        if let Some(named) = &reference.project
            && named != work.project.as_bytes()
            && layout::is_project_name(named)
        {
            let key = self.tx.project_key(&ProjectDir::new(named.clone()))?;
            into.push((key, reference.path.clone()));
        }
        Ok(())
    }
}
