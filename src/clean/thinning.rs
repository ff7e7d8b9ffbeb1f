//! Dropping parts of runs and keeping the runs: which pieces go.
//!
//! | asked by | of which runs | which parts |
//! |---|---|---|
//! | `--only` | those that the policy lets go; none of them goes | the ones named |
//! | `keep_logs`, `keep_artifacts` | those that stay, unless something protects them | each that is older than its own age |
//!
//! The age of a part is that of its run. The runs are found, and protected, as those of any clean; then each is looked at on
//! the disk, because no row knows what its scripts left behind. What is found is part of the plan, so that what is shown is
//! what is moved. A run of which a part was dropped before is not asked for it again.

use super::plan::{CacheMode, KeptRun, Plan, Request, RunRemoval, Totals};
use super::planner::{self, Held, Judged, PlanError, Pooled};
use super::strays;
use crate::catalog::{self, Catalog};
use crate::model::{Dropped, Project, Run, Size, Timestamp};
use crate::progress::Progress;
use crate::retention::{self, Budget, Policy, Rule};
use crate::session::{Error, Session, Settings};
use crate::store::dir::{self, Listing};
use crate::store::parts::{self, Part, Piece};
use crate::store::project_walk;
use crate::store::root::StoreRoot;
use crate::store::run_walk::{self, Look};
use rayon::prelude::*;
use rustix::fd::{AsFd as _, BorrowedFd};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Names of temporary files below a task, where nobody says otherwise.
pub const TEMPORARY: [&str; 5] = ["*.tmp", "*.temp", "*.pyc", "__pycache__", ".pytest_cache"];

/// A run that stays and of which parts go.
#[derive(Clone, Debug)]
pub struct RunThinning {
    /// The run as it was when it was last walked, and why its parts go.
    pub run: RunRemoval,
    /// What goes.
    pub dropped: Dropped,
    /// What that takes, a file with several names in it once.
    pub size: Size,
    /// What is moved.
    pub pieces: Vec<Piece>,
    /// The directories that these are taken from, with the times of their last change, nanoseconds.
    pub places: Vec<(Vec<u8>, i64)>,
}

/// Adds to a plan the parts of runs that go while their runs stay. What is removed must be listed in it, not counted.
///
/// # Errors
/// When there is no store, or the catalog cannot be read. A run that cannot be looked at keeps all of its parts.
pub fn with_parts(session: &Session, settings: &Settings<'_>, plan: Plan, request: &Request) -> Result<Plan, Error> {
    Ok(with_few_parts(session, settings, plan, request, usize::MAX)?.0)
}

/// The same for whoever cannot wait, where no more than `most` runs are to be looked at. Where there are more, the plan is as
/// it was, and their number is told: it is not known what would go of them.
///
/// # Errors
/// As [`with_parts`].
pub fn with_few_parts(
    session: &Session,
    settings: &Settings<'_>,
    plan: Plan,
    request: &Request,
    most: usize,
) -> Result<(Plan, u64), Error> {
    // Where no rule is asked for runs, none is for their parts: they go, or were not named. This only spares a look.
    let asks = plan.narrow.asks_rules() && matches!(plan.cache.mode, CacheMode::Leave | CacheMode::Collect);
    let mut plan = plan;
    let wanted = match plan.parts_alone {
        true => of_runs_let_go(&mut plan, request),
        false if plan.drops_parts() && asks => of_runs_that_stay(session, &plan)?,
        false => return Ok((plan, 0)),
    };
    let looked = request.parts.as_ref().filter(|_| !plan.parts_alone);
    plan.thin = match looked {
        Some(found) => {
            let wanted: HashSet<i64> = wanted.iter().map(|wanted| wanted.run.key).collect();
            found.iter().filter(|one| wanted.contains(&one.run.key)).cloned().collect()
        }
        None if wanted.len() > most => return Ok((plan, wanted.len() as u64)),
        None => look(session, settings, request, wanted, plan.now)?,
    };
    plan.frees += freed(&session.catalog, &plan)?;
    if request.only.contains(&Part::Temp) {
        strays::add(session, &mut plan, request)?;
    }
    Ok((plan, 0))
}

/// The parts of runs that go by an age of their own, where a request has budgets that must know of them: those of all runs
/// that the rules keep, whatever narrows the clean. `None` where no budget is concerned, or where more than `most` runs
/// would have to be looked at.
///
/// # Errors
/// As [`with_parts`]. What is wrong with the policy is told by the planner.
pub fn parts_before_budgets(
    session: &Session,
    settings: &Settings<'_>,
    request: &Request,
    most: usize,
) -> Result<Option<Vec<RunThinning>>, Error> {
    let budgets = planner::in_force(request);
    let counts_runs_alone = budgets.iter().all(|budget| matches!(budget.value, Budget::MaxRuns(_)));
    if counts_runs_alone || !request.config.drops_parts(&request.flags) {
        return Ok(None);
    }
    let (catalog, now) = (&session.catalog, settings.clock.now);
    let is_asked = |project: &Project| {
        planner::asks_free(&budgets) || request.projects.as_ref().is_none_or(|keys| keys.contains(&project.id))
    };
    let judged = || {
        let projects = catalog.projects()?.into_iter().filter(is_asked);
        let projects: Vec<Judged> =
            projects.map(|project| Judged::new(catalog, request, project, now)).collect::<Result<_, _>>()?;
        let runs = planner::pool(catalog, request, &projects, now)?;
        Ok((projects, runs))
    };
    let (projects, runs) = match judged() {
        Ok(found) => found,
        Err(PlanError::Catalog(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let is_free = |pooled: &&Pooled| !pooled.goes && !matches!(pooled.held, Some(Held::Protected(_)));
    let stays: HashSet<i64> = runs.iter().filter(is_free).map(|pooled| pooled.run.key).collect();
    let mut wanted = Vec::new();
    for Judged { project, policy, .. } in &projects {
        wanted.extend(past_their_age(catalog, project.id, policy, now, &|run| stays.contains(&run.key))?);
    }
    if wanted.len() > most { Ok(None) } else { look(session, settings, request, wanted, now).map(Some) }
}

/// Looks at runs for what goes of them.
fn look(
    session: &Session,
    settings: &Settings<'_>,
    request: &Request,
    mut wanted: Vec<Wanted>,
    now: Timestamp,
) -> Result<Vec<RunThinning>, Error> {
    for wanted in &mut wanted {
        if wanted.run.fingerprint.is_none() {
            wanted.run.fingerprint = session.catalog.fingerprint(wanted.run.key)?;
        }
    }
    let built_in = TEMPORARY.map(str::to_owned);
    let looker = Looker {
        root: session.store()?,
        now,
        progress: settings.progress,
        temporary: request.config.temporary().unwrap_or(&built_in),
    };
    settings.progress.begin("looking for parts", Some(wanted.len() as u64));
    let found: Vec<Option<RunThinning>> = wanted.into_par_iter().map(|wanted| looker.thinning(wanted)).collect();
    settings.progress.end();
    Ok(found.into_iter().flatten().collect())
}

/// A run to be looked at for parts that go.
struct Wanted {
    run: RunRemoval,
    /// Each with why it goes; without a reason, those of the run hold.
    parts: Vec<(Part, Option<String>)>,
}

/// The runs that a plan lets go, which stay and are thinned instead.
fn of_runs_let_go(plan: &mut Plan, request: &Request) -> Vec<Wanted> {
    let runs = std::mem::take(&mut plan.runs);
    if request.details {
        let reasons = || vec!["only parts of it may go (--only)".to_owned()];
        plan.kept.extend(runs.iter().map(|run| KeptRun { id: run.id.clone(), reasons: reasons() }));
    }
    plan.removes = Totals::default();
    for project in &mut plan.projects {
        project.lets_go = Totals::default();
        // What stays is every run: this was the range of those that no rule lets go.
        project.kept_range = None;
    }
    plan.cache.not_asked = Default::default();
    plan.inferred = 0;
    plan.runs_free = Size::ZERO;
    plan.frees = Size::ZERO;
    runs.into_iter().map(|run| Wanted { run, parts: request.only.iter().map(|part| (*part, None)).collect() }).collect()
}

/// The runs that stay and have parts which are older than they are kept.
fn of_runs_that_stay(session: &Session, plan: &Plan) -> Result<Vec<Wanted>, Error> {
    if plan.removes.count != plan.runs.len() as u64 {
        return Err(Error::PreviewOnly);
    }
    let goes: HashSet<i64> = plan.runs.iter().map(|run| run.key).collect();
    let mut wanted = Vec::new();
    for planned in &plan.projects {
        let (project, policy) = (&planned.project, &planned.policy);
        let is_wanted = |run: &Run| {
            let protected = retention::protection(run, false, project.listed_whole, plan.now).is_some();
            !goes.contains(&run.key) && !protected && plan.narrow.admits(run, policy.strict_status.value)
        };
        wanted.extend(past_their_age(&session.catalog, project.id, policy, plan.now, &is_wanted)?);
    }
    Ok(wanted)
}

/// The runs of a project that have parts which are older than they are kept.
fn past_their_age(
    catalog: &Catalog,
    project: i64,
    policy: &Policy,
    now: Timestamp,
    is_wanted: &dyn Fn(&Run) -> bool,
) -> catalog::Result<Vec<Wanted>> {
    let limits = limits(policy, now);
    if limits.is_empty() {
        return Ok(Vec::new());
    }
    let before = |part| limits.iter().find(|limit| limit.part == part).map_or(Timestamp::MIN, |limit| limit.before);
    let runs = catalog.runs_with_parts(project, before(Part::Logs), before(Part::Artifacts))?;
    let wanted = |run: Run| {
        let parts = limits.iter().filter(|limit| limit.reaches(&run));
        let parts = parts.map(|limit| (limit.part, Some(limit.reason.clone()))).collect();
        let (key, project_key, size) = (run.key, run.project_key, run.size);
        Wanted {
            run: RunRemoval { key, project_key, id: run.id, size, fingerprint: None, reasons: Arc::default() },
            parts,
        }
    };
    Ok(runs.into_iter().filter(is_wanted).map(wanted).collect())
}

/// A part of runs that goes when they began before an instant.
struct PartLimit {
    part: Part,
    before: Timestamp,
    reason: String,
}

impl PartLimit {
    fn reaches(&self, run: &Run) -> bool {
        run.timestamp() < self.before && !run.thinned.contains(self.part.dropped())
    }
}

/// The part of a run that goes by that rule.
pub(super) fn part_of(rule: Rule) -> Part {
    if rule == Rule::KeepLogs { Part::Logs } else { Part::Artifacts }
}

fn limits(policy: &Policy, now: Timestamp) -> Vec<PartLimit> {
    let limit = |(rule, setting): (Rule, &retention::Setting<crate::model::Age>)| {
        let part = part_of(rule);
        PartLimit { part, before: setting.value.before(now), reason: policy.part_reason(rule, part.word()) }
    };
    policy.parts().map(limit).collect()
}

/// What dropping the parts of a plan frees beside what it frees by runs and entries: each inode once, and only when its
/// last name goes.
fn freed(catalog: &Catalog, plan: &Plan) -> catalog::Result<Size> {
    let pieces = || plan.thin.iter().flat_map(|one| &one.pieces);
    let mut total: Size = pieces().map(|piece| piece.size).sum();
    let mut files: HashMap<u64, (u64, parts::SharedName)> = HashMap::new();
    for name in pieces().flat_map(|piece| &piece.shared) {
        files.entry(name.inode).or_insert((0, *name)).0 += 1;
        total -= name.size;
    }
    if files.is_empty() {
        return Ok(total);
    }
    let runs: HashSet<i64> = plan.runs.iter().map(|run| run.key).collect();
    let entries: HashSet<i64> = plan.cache.delete.iter().map(|removal| removal.entry.key).collect();
    let mut elsewhere: HashMap<u64, u64> = HashMap::new();
    for owner in catalog.shared_files()? {
        let goes = if owner.run != 0 { runs.contains(&owner.run) } else { entries.contains(&owner.entry) };
        if goes {
            *elsewhere.entry(owner.inode).or_default() += owner.names;
        }
    }
    for (inode, (names, file)) in files {
        let elsewhere = elsewhere.get(&inode).copied().unwrap_or(0);
        // Where the other names are all there are, it is counted with them.
        if elsewhere < file.links && elsewhere + names >= file.links {
            total += file.size;
        }
    }
    Ok(total)
}

/// What a look at a run needs, of any thread.
struct Looker<'l> {
    root: &'l StoreRoot,
    now: Timestamp,
    progress: &'l dyn Progress,
    /// Names of temporary files below a task.
    temporary: &'l [String],
}

impl Looker<'_> {
    /// What goes of a run; `None` when nothing does, or when it cannot be told.
    fn thinning(&self, wanted: Wanted) -> Option<RunThinning> {
        self.progress.advance(1);
        let Wanted { run, parts: reasons } = wanted;
        let (root, project) = (self.root, &run.id.project);
        let place = if project.is_root() {
            root.fd().try_clone_to_owned().ok()?
        } else {
            project_walk::open_project(root, project).ok().flatten()?.0
        };
        let look = Look {
            project_path: &project_walk::project_path(root, project),
            dev: root.dev(),
            now_ns: self.now.saturating_mul(1_000_000_000),
            read_yaml: false,
            at_root: project.is_root(),
        };
        let found = run_walk::walk_run(place.as_fd(), &run.id.run, &look, &mut Listing::default()).ok().flatten()?;
        let tasks: Vec<Vec<u8>> = found.tasks.into_iter().map(|task| task.dir).filter(|dir| !dir.is_empty()).collect();
        let is_temporary = |name: &[u8]| {
            std::str::from_utf8(name)
                .is_ok_and(|name| self.temporary.iter().any(|pattern| retention::fits(pattern, name)))
        };
        let wanted: Vec<Part> = reasons.iter().map(|(part, _)| *part).collect();
        let searched = dir::c_name(run.id.run.as_str().as_bytes())
            .and_then(|name| dir::open_dir(place.as_fd(), &name))
            .and_then(|fd| {
                let pieces = parts::pieces(fd.as_fd(), root.dev(), &tasks, &wanted, &is_temporary)?;
                let places = places(fd.as_fd(), &pieces)?;
                Ok((pieces, places))
            });
        let (pieces, places) = searched.ok().filter(|(pieces, _)| !pieces.is_empty())?;
        let mut dropped = Dropped::default();
        pieces.iter().for_each(|piece| dropped.insert(piece.part.dropped()));
        let own: Arc<[String]> = reasons
            .into_iter()
            .filter(|(part, _)| dropped.contains(part.dropped()))
            .filter_map(|(_, why)| why)
            .collect();
        let reasons = if own.is_empty() { Arc::clone(&run.reasons) } else { own };
        let size = taken(&pieces);
        Some(RunThinning { run: RunRemoval { reasons, ..run }, dropped, size, pieces, places })
    }
}

/// What pieces of a run take, a file with several names among them once.
fn taken(pieces: &[Piece]) -> Size {
    let mut size: Size = pieces.iter().map(|piece| piece.size).sum();
    let mut seen = HashSet::new();
    for name in pieces.iter().flat_map(|piece| &piece.shared) {
        if !seen.insert(name.inode) {
            size -= name.size;
        }
    }
    size
}

/// The directories that pieces lie in, with their times.
fn places(run: BorrowedFd<'_>, pieces: &[Piece]) -> rustix::io::Result<Vec<(Vec<u8>, i64)>> {
    let parents: BTreeSet<&[u8]> = pieces
        .iter()
        .map(|piece| piece.path.iter().rposition(|b| *b == b'/').map_or(&[][..], |slash| &piece.path[..slash]))
        .collect();
    let mut places = Vec::with_capacity(parents.len());
    for path in parents {
        let mut fd = dir::open_dir(run, c".")?;
        for name in path.split(|b| *b == b'/').filter(|name| !name.is_empty()) {
            fd = dir::open_dir(fd.as_fd(), &dir::c_name(name)?)?;
        }
        places.push((path.to_vec(), dir::meta(&fd)?.mtime_ns));
    }
    Ok(places)
}
