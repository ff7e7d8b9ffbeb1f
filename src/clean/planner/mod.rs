//! From rows, policy and instant to a plan.
//!
//! The runs that go are selected by cut-off instants, one a project and class, over an index; what an age alone cannot
//! judge (unsettled, pinned or unread runs: a few) is judged one by one. With [`Request::details`] every row is judged
//! by [`retention::judge`], and must come to the same: a test holds the two together.

mod select;

use super::cache_plan::{frees, plan_cache};
use super::plan::{Before, CacheMode, CachePlan, KeptRun, Plan, ProjectPlan, Removals, Request, Totals};
use crate::catalog::{self, Catalog};
use crate::model::{Project, ProjectDir, Size, Timestamp};
use crate::retention::{ConfigError, Cutoffs, Policy, PolicyError, Selection};
use select::{cutoffs, rank, select};
use std::collections::{HashMap, HashSet};

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
        trash: request.trash,
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
