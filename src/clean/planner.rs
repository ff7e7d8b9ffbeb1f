//! From rows, policy and instant to a plan.
//!
//! The runs that go are selected by cut-off instants, one a project and class, over an index; what an age alone cannot
//! judge (unsettled, pinned or unread runs: a few) is judged one by one. With [`Request::details`] every row is judged
//! by [`retention::judge`], and must come to the same: a test holds the two together.

use super::cache_plan::{frees, plan_cache};
use super::plan::{
    Before, CacheMode, CachePlan, KeptRun, Plan, ProjectPlan, ProtectedRun, Removals, Request, RunRemoval, Totals,
};
use crate::catalog::{self, Candidate, Catalog, RunFilter};
use crate::model::{AHEAD, Class, Project, ProjectDir, Run, RunId, Size, Timestamp};
use crate::retention::{
    self, ConfigError, Cutoffs, Decision, Policy, PolicyError, Protection, Rank, RemoveReason, Selection, Subject,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The catalog could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The policy means nothing, or nothing good.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The configuration does not fit the store.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What a project's runs look like to the policy.
struct Selected {
    totals: Totals,
    removals: Vec<RunRemoval>,
    inferred: u64,
    protected: Vec<ProtectedRun>,
    kept: Vec<KeptRun>,
    /// Runs that are there and of the past, in the order of time: for the range of what stays.
    kept_range: Option<(Timestamp, Timestamp)>,
    /// Whether somebody is alive in the project, or some of it could not be read: then its cache is left alone.
    blocks_cache: Option<&'static str>,
}

/// Makes the plan.
///
/// # Errors
/// [`PlanError`]; then nothing may be deleted.
pub fn plan(catalog: &Catalog, request: &Request, now: Timestamp) -> Result<Plan, PlanError> {
    let _snapshot = catalog.snapshot()?;
    let all = catalog.projects()?;
    let named: Vec<(ProjectDir, String)> = all.iter().map(|p| (p.dir.clone(), p.name.clone())).collect();
    let notices = request.config.check_projects(&named)?;
    let wanted = |project: &Project| request.projects.as_ref().is_none_or(|keys| keys.contains(&project.id));
    let scope: Vec<Project> = all.into_iter().filter(wanted).collect();
    let grace = request.cache_grace.unwrap_or(Request::GRACE);
    let mut plan = Plan {
        store_id: catalog.store_state()?.store_id,
        now,
        projects: Vec::with_capacity(scope.len()),
        complete_runs: 0,
        incomplete_runs: 0,
        removes: Totals::default(),
        runs: Vec::new(),
        inferred: 0,
        kept: Vec::new(),
        protected: Vec::new(),
        cache: CachePlan { mode: request.cache, ..CachePlan::default() },
        frees: Size::ZERO,
        runs_free: Size::ZERO,
        notices,
        grace,
        before: sums(catalog, request.projects.as_deref(), &scope)?,
    };
    // The policy of a store without projects is checked all the same.
    Policy::resolve(&request.flags, None, request.config.default_rules()).validate(Selection::Whole)?;
    let mut would_go = Vec::new();
    let mut blocked = HashMap::new();
    for project in scope {
        let rules = request.config.project_rules(&project.dir, &project.name)?;
        let policy = Policy::resolve(&request.flags, rules, request.config.default_rules());
        policy.validate(Selection::Whole)?;
        let incomplete = catalog.incomplete_runs(project.id)?;
        plan.incomplete_runs += incomplete;
        plan.complete_runs += project.runs.saturating_sub(incomplete);
        let cutoffs = cutoffs(catalog, &project, &policy, now)?;
        let selected = select(catalog, &project, &policy, &cutoffs, request, now)?;
        let lets_go = selected.totals;
        if let Some(why) = selected.blocks_cache {
            blocked.insert(project.id, why);
        }
        plan.inferred += selected.inferred;
        plan.protected.extend(selected.protected);
        plan.kept.extend(selected.kept);
        would_go.extend(selected.removals);
        plan.projects.push(ProjectPlan { project, policy, cutoffs, lets_go, kept_range: selected.kept_range });
    }
    if request.cache == CacheMode::Only {
        plan.inferred = 0;
        if request.details {
            let reason = || vec!["only the cache is cleaned (--cache-only)".to_owned()];
            plan.kept.extend(would_go.iter().map(|run| KeptRun { id: run.id.clone(), reasons: reason() }));
        }
    }
    // A project that could not be listed whole loses no run, whatever its cut-offs say.
    let whole = plan.projects.iter().filter(|p| p.project.listed_whole);
    let policies: HashMap<i64, Cutoffs> = whole.map(|p| (p.project.id, p.cutoffs.clone())).collect();
    let protected: HashSet<i64> = plan.protected.iter().map(|p| p.key).collect();
    let goes = |key: i64| -> catalog::Result<bool> {
        let Some(run) = catalog.run(key)? else { return Ok(true) };
        let rank = rank(run.timestamp(), run.dir().number(), run.key);
        let cutoffs = policies.get(&run.project_key);
        Ok(!protected.contains(&key) && cutoffs.is_some_and(|c| c.removes(run.class(), rank)))
    };
    plan_cache(catalog, request, &mut plan, &goes, &blocked)?;
    let shared = catalog.shared_files()?;
    if request.cache != CacheMode::Only {
        plan.removes = plan.projects.iter().map(|p| p.lets_go).sum();
        plan.runs = would_go;
        plan.runs_free = frees(plan.removes.size, &[], &shared, &goes)?;
    }
    let run_goes = |key| Ok(request.cache != CacheMode::Only && goes(key)?);
    plan.frees = frees(plan.removes.size, &plan.cache.delete, &shared, &run_goes)?;
    if request.removals == Removals::Executable {
        for key in plan.cache.delete.iter().map(|removal| removal.entry.project_key).collect::<HashSet<_>>() {
            let names = catalog.run_names(key)?.into_iter().map(|(_, name, _)| name).collect();
            plan.cache.known_runs.insert(key, names);
        }
        for run in &mut plan.runs {
            run.fingerprint = catalog.fingerprint(run.key)?;
        }
    }
    Ok(plan)
}

/// What projects take as the catalog has it now, of these rows or all: for the line that compares before and after.
///
/// # Errors
/// The catalog's.
pub fn standing(catalog: &Catalog, projects: Option<&[i64]>) -> catalog::Result<Before> {
    let wanted = |project: &Project| projects.is_none_or(|keys| keys.contains(&project.id));
    let scope: Vec<Project> = catalog.projects()?.into_iter().filter(wanted).collect();
    sums(catalog, projects, &scope)
}

fn sums(catalog: &Catalog, projects: Option<&[i64]>, scope: &[Project]) -> catalog::Result<Before> {
    let mut before = Before::default();
    for project in scope {
        before.runs += project.runs;
        before.cache_entries += project.cache_entries;
        before.size += project.run_size + project.cache_size;
    }
    match projects {
        None => before.size -= catalog.counted_again(None)?,
        Some(keys) => {
            for key in keys {
                before.size -= catalog.counted_again(Some(*key))?;
            }
        }
    }
    Ok(before)
}

fn cutoffs(catalog: &Catalog, project: &Project, policy: &Policy, now: Timestamp) -> catalog::Result<Cutoffs> {
    let nth = catalog.nth_newest_bound(project.id, now, policy.last())?;
    Ok(Cutoffs::new(policy, now, nth.map(|(timestamp, number, key)| Rank { timestamp, number, key })))
}

fn select(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    cutoffs: &Cutoffs,
    request: &Request,
    now: Timestamp,
) -> catalog::Result<Selected> {
    let mut selected = Selected {
        totals: Totals::default(),
        removals: Vec::new(),
        inferred: 0,
        protected: Vec::new(),
        kept: Vec::new(),
        kept_range: None,
        blocks_cache: (!project.listed_whole).then_some("it could not be listed whole"),
    };
    let reasons: [Arc<[String]>; 5] = std::array::from_fn(|class| remove_reasons(policy, Class::ALL[class]));
    let rests_on_stderr =
        |class| !policy.strict_status.value && matches!(class, Class::InferredOk | Class::InferredFailed);
    let take = |selected: &mut Selected, candidate: Candidate| {
        selected.totals.add(candidate.size);
        selected.inferred += u64::from(rests_on_stderr(candidate.class));
        if request.removals > Removals::Counted || request.details {
            selected.removals.push(RunRemoval {
                key: candidate.key,
                project_key: project.id,
                id: RunId { project: project.dir.clone(), run: candidate.dir },
                size: candidate.size,
                fingerprint: None,
                reasons: Arc::clone(&reasons[candidate.class as usize]),
            });
        }
    };
    // Who wants the sums of a clean that removes no run does not need to know which it would.
    let runs_matter = !request.sums_alone || request.cache != CacheMode::Only || request.stale;
    if project.listed_whole && runs_matter {
        for class in Class::ALL {
            // No cut-off lies after `now`, so a run of the future is never below one.
            let (before, below) = (cutoffs.before(*class), cutoffs.below());
            if request.removals == Removals::Counted && !request.details {
                let bound = (below.timestamp, below.number, below.key);
                let (count, size) = catalog.sum_below(project.id, *class, before, bound)?;
                selected.totals += Totals { count, size };
                selected.inferred += if rests_on_stderr(*class) { count } else { 0 };
                continue;
            }
            catalog.candidates_below(project.id, *class, before, &mut |candidate| {
                let rank = rank(candidate.dir.timestamp(), candidate.dir.number(), candidate.key);
                if cutoffs.removes(*class, rank) {
                    take(&mut selected, candidate);
                }
            })?;
        }
    }
    let mut kept_exceptions = Vec::new();
    for run in catalog.exceptional_runs(project.id)? {
        let protection = retention::protection(&run, false, project.listed_whole, now);
        match protection {
            Some(Protection::Running | Protection::Recent) => {
                selected.blocks_cache = Some("a run of it is running, or was written to within 10 minutes");
            }
            Some(Protection::Future) if run.timestamp() <= now + AHEAD => {
                selected.blocks_cache = Some("a run of it begins just now");
            }
            Some(Protection::NotReadWhole) => {
                selected.blocks_cache.get_or_insert("a run of it could not be read whole");
            }
            _ => {}
        }
        let class = run.class();
        let lets_go = cutoffs.removes(class, rank(run.timestamp(), run.dir().number(), run.key));
        if !lets_go || protection.is_some() {
            kept_exceptions.push(run.timestamp());
        }
        match protection {
            _ if !lets_go => {}
            Some(protection) => selected.protected.push(ProtectedRun { key: run.key, id: run.id, protection }),
            None => take(&mut selected, Candidate { key: run.key, dir: run.id.run, class, size: run.size }),
        }
    }
    selected.removals.sort_by_key(|a| (a.id.run.timestamp(), a.id.run.number()));
    if request.details {
        let goes: HashSet<i64> = selected.removals.iter().map(|r| r.key).collect();
        selected.kept = kept(catalog, project, policy, now, &goes)?;
    }
    if !request.sums_alone && selected.totals.count < project.runs {
        let ranges = kept_range(catalog, project, cutoffs)?;
        selected.kept_range = with_exceptions(ranges, &kept_exceptions);
    }
    Ok(selected)
}

const fn rank(timestamp: Timestamp, number: u32, key: i64) -> Rank {
    Rank { timestamp, number, key }
}

/// What the policy has against a run that it lets go.
fn remove_reasons(policy: &Policy, class: Class) -> Arc<[String]> {
    let mut reasons = vec![RemoveReason::OlderThan(policy.limit(class)).with_origin(policy)];
    if policy.last() > 0 {
        reasons.push(RemoveReason::NotAmongLast(policy.last()).with_origin(policy));
    }
    reasons.into()
}

/// The runs of a project that stay, each judged by itself.
fn kept(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    now: Timestamp,
    goes: &HashSet<i64>,
) -> catalog::Result<Vec<KeptRun>> {
    let runs = catalog.runs(&RunFilter { project: Some(project.id), ..RunFilter::default() })?;
    let subjects: Vec<Subject> = runs.iter().map(|run| subject(run, project.listed_whole, now)).collect();
    let verdicts = retention::judge(&subjects, policy, now);
    Ok(runs
        .into_iter()
        .zip(verdicts)
        .filter(|(run, _)| !goes.contains(&run.key))
        .map(|(run, verdict)| {
            debug_assert!(matches!(verdict.decision, Decision::Keep(_)), "{} goes by its verdict alone", run.id);
            KeptRun { id: run.id, reasons: verdict.reasons(policy) }
        })
        .collect())
}

fn subject(run: &Run, project_whole: bool, now: Timestamp) -> Subject {
    Subject {
        key: run.key,
        timestamp: run.timestamp(),
        number: run.dir().number(),
        class: run.class(),
        protection: retention::protection(run, false, project_whole, now),
    }
}

/// The oldest and the newest run that stay, of those that an age alone can judge.
fn kept_range(
    catalog: &Catalog,
    project: &Project,
    cutoffs: &Cutoffs,
) -> catalog::Result<Option<(Timestamp, Timestamp)>> {
    let mut range: Option<(Timestamp, Timestamp)> = None;
    for class in Class::ALL {
        let from = cutoffs.before(*class).min(cutoffs.below().timestamp);
        if let Some((oldest, newest)) = catalog.range_from(project.id, *class, from)? {
            range = Some(range.map_or((oldest, newest), |r| (r.0.min(oldest), r.1.max(newest))));
        }
    }
    Ok(range)
}

fn with_exceptions(range: Option<(Timestamp, Timestamp)>, exceptions: &[Timestamp]) -> Option<(Timestamp, Timestamp)> {
    let both = |pick: fn(&(Timestamp, Timestamp)) -> Timestamp| {
        range.iter().map(pick).chain(exceptions.iter().copied()).collect::<Vec<_>>()
    };
    both(|r| r.0).into_iter().min().zip(both(|r| r.1).into_iter().max())
}
