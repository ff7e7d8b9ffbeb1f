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
//! to unsettled runs. Processes are looked at once, and only if there is a run to judge that holds no lock.
//!
//! **Order.** A stamp is taken before the listing that it vouches for, and written in the same transaction as what the
//! listing led to. A refresh that dies changed nothing; one that meets an unreadable entry goes on, and leaves that entry
//! unsettled or its project untrusted, so that the next one looks again.

mod assess;
mod evidence;
mod look;
mod thinned;
mod walk;
mod work;
mod writer;

use crate::catalog::{Catalog, CatalogTx, Departure, EntryRecord, ProjectRecord, UnsettledRun};
use crate::model::{Clock, Problem, ProjectDir, RunDir, RunState};
use crate::progress::Progress;
use crate::store::dir::Listing;
use crate::store::layout;
use crate::store::observation::ProjectListing;
use crate::store::root::StoreRoot;
use crate::store::trash::Trash;
use evidence::KnownPlaces;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;
pub use thinned::ThinnedRuns;
use walk::walk;
use work::{KeptRuns, Work, WorkPlan};
use writer::Writer;

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

/// Brings the catalog in line with the store.
///
/// # Errors
/// [`Error`] when nothing can be said; a single entry that cannot be read is a problem in the report.
pub fn refresh(root: &StoreRoot, catalog: &mut Catalog, options: &Options<'_>) -> Result<Report, Error> {
    refresh_carrying(root, catalog, None, ThinnedRuns::new(), options)
}

/// As [`refresh`], with what is told of thinned runs, and of those that came out of an archive. Into a new catalog, it takes
/// over what the runner's database once said from the one that this replaces.
///
/// # Errors
/// As [`refresh`].
pub fn refresh_carrying(
    root: &StoreRoot,
    catalog: &mut Catalog,
    carry: Option<&Catalog>,
    mut thinned: ThinnedRuns,
    options: &Options<'_>,
) -> Result<Report, Error> {
    let mut listing = Listing::default();
    let state = catalog.store_state()?;
    let known = catalog.project_states()?;
    let unsettled = catalog.unsettled()?;
    let unproven = catalog
        .others_at_root()?
        .into_iter()
        .filter(|name| layout::is_project_name(name))
        .map(ProjectDir::new)
        .collect();
    let changes = look::look(root, &state, &known, unproven, options.full, &mut listing).map_err(Error::Store)?;
    let mut report = Report { listed: changes.projects.len() as u64, ..Report::default() };
    report.problems.extend(changes.problems.iter().cloned());

    let mut keys: HashMap<ProjectDir, i64> = known.iter().map(|p| (p.dir.clone(), p.key)).collect();
    let again: Vec<i64> = match options.full {
        true => Vec::new(),
        false => unsettled.iter().filter_map(|run| run.runner_row).collect(),
    };
    let places = KnownPlaces::new(&changes, &keys, catalog);
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
        plan.add(&run.project, &run.dir, !run.has_cwd);
    }
    for (project, run) in evidence.runs.keys() {
        if let Ok(run) = RunDir::parse(run.as_bytes()) {
            plan.add(project, &run, false);
        }
    }
    for key in &changes.gone {
        let dir = known.iter().find(|p| p.key == *key).map(|p| &p.dir);
        let in_trash = |run: &str| dir.is_some_and(|d| options.trash.is_some_and(|t| t.contains(d, run)));
        let names = catalog.run_names(*key)?;
        plan.vanished.extend(names.iter().filter(|run| !in_trash(&run.text())).map(|run| run.key));
    }
    report.vanished = plan.vanished.len() as u64;

    let structure_changed = changes.root.is_some() || !changes.projects.is_empty() || !changes.gone.is_empty();
    if !structure_changed && plan.is_empty() && evidence.state.is_none() {
        return Ok(report);
    }
    let walked = || plan.walks.iter().flat_map(|(project, runs)| runs.keys().map(move |run| (project, run)));
    thinned::add_known(&mut thinned, carry.unwrap_or(catalog), carry.is_some(), walked())?;
    let kept = KeptRuns::load(catalog, &plan, &keys, carry)?;
    let was_known: HashMap<(ProjectDir, String), &UnsettledRun> =
        unsettled.iter().map(|r| ((r.project.clone(), r.dir.as_str().to_owned()), r)).collect();
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
    let mut writer = Writer {
        tx: &mut tx,
        evidence: &mut evidence,
        kept: &kept,
        was_known: &was_known,
        thinned: &thinned,
        live: OnceCell::new(),
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
    if keys.keys().any(ProjectDir::is_of_first_naming) {
        tx.name_projects()?;
    }
    tx.put_refreshed_at(options.clock.now)?;
    tx.commit()?;
    report.changed = true;
    Ok(report)
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
    if project.cache_left_out {
        return Ok(key);
    }
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
