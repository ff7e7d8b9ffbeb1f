//! From rows, policy and instant to a plan.
//!
//! The runs that go are selected by cut-off instants, one a project and class, over an index; what an age alone cannot
//! judge (unsettled, pinned or unread runs: a few) is judged one by one. With [`Request::details`] every row is judged
//! by [`crate::retention::judge()`], and must come to the same: a test holds the two together.
//!
//! Where more than the policy decides ([`Narrowing`](super::Narrowing)), the runs that go are found row by row, and who
//! asks whether a run goes is answered from the list of them: [`Goers`]. The same holds where a rule looks at more than
//! the age and the number of a run, as the newest of each day or `keep_unresolved` do.

mod budget;
mod goers;
mod narrow;
mod pool;
mod rows;
mod select;

use super::cache_plan::{frees, plan_cache};
use super::narrowing::Choice;
use super::plan::{
    Before, CacheMode, CachePlan, EntryStays, KeptRun, Plan, ProjectPlan, ProtectedRun, Removals, Request, Totals,
};
use crate::catalog::{self, Catalog, RunName};
use crate::model::{Project, ProjectDir, Size, Timestamp};
use crate::retention::{Config, ConfigError, Limit, Origin, Policy, PolicyError, Selection, Setting};
pub(super) use budget::{asks_free, in_force};
pub(super) use goers::Goers;
pub(super) use pool::{Held, Judged, Pooled, runs as pool};
pub(super) use rows::{places, subject};
pub(super) use select::{cache_is_blocked, cutoffs, rank};
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
    /// Runs that were named are protected.
    #[error("{}", runs_stay(.0))]
    RunsStay(Vec<ProtectedRun>),
    /// Cache entries that were named have to stay.
    #[error("{}", .0.iter().map(EntryStays::to_string).collect::<Vec<_>>().join("; "))]
    EntriesStay(Vec<EntryStays>),
}

fn runs_stay(runs: &[ProtectedRun]) -> String {
    let texts: Vec<String> = runs.iter().map(|run| format!("{} is {}", run.id, run.protection)).collect();
    texts.join("; ")
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
    let scope: Vec<Project> = all.iter().filter(|project| wanted(project)).cloned().collect();
    let grace = request.cache_grace.unwrap_or(Request::GRACE);
    let mut plan = Plan {
        store_id: catalog.store_state()?.store_id,
        now,
        thin: Vec::new(),
        parts_alone: !request.only.is_empty(),
        narrow: request.narrow.clone(),
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
        budgets: Vec::new(),
        notices,
        grace,
        before: sums(catalog, request.projects.as_deref(), &scope)?,
        limit: limit(request.max_delete, &request.config),
        file_id: None,
    };
    let narrowed = !request.narrow.is_none();
    // A zero of `config.yml`, which every clean of all refuses, is no more meant where only parts or one project go.
    let partly = !request.only.is_empty() || request.projects.is_some();
    let selection = |policy: &Policy| match narrowed || partly && policy.keep.origin == Origin::Flag {
        true => Selection::Narrowed,
        false => Selection::Whole,
    };
    let default = Policy::resolve(&request.flags, None, request.config.default_rules());
    // That of a store without projects is checked all the same; one may keep nothing where only others are asked about.
    let of_default = if request.projects.is_some() { Selection::Narrowed } else { selection(&default) };
    default.validate(of_default)?;
    let budgets = budget::in_force(request);
    let by_rows = narrowed || !budgets.is_empty() || request.config.asks_rows(&request.flags);
    let mut would_go = Vec::new();
    let mut blocked = HashMap::new();
    for project in scope {
        let rules = request.config.project_rules(&project.dir, &project.name)?;
        let policy = Policy::resolve(&request.flags, rules, request.config.default_rules());
        policy.validate(selection(&policy))?;
        budget::check(&budgets, &policy)?;
        let incomplete = catalog.incomplete_runs(project.id)?;
        plan.incomplete_runs += incomplete;
        plan.complete_runs += project.runs.saturating_sub(incomplete);
        let cutoffs = cutoffs(catalog, &project, &policy, now)?;
        let select = if by_rows { narrow::select } else { select::select };
        let selected = select(catalog, &project, &policy, &cutoffs, request, now)?;
        let lets_go = selected.totals;
        if let Some(why) = selected.blocks_cache {
            blocked.insert(project.id, why);
        }
        plan.inferred += selected.inferred;
        plan.protected.extend(selected.protected);
        plan.kept.extend(selected.kept);
        would_go.extend(selected.removals);
        plan.projects.push(ProjectPlan {
            project,
            policy,
            cutoffs,
            lets_go,
            over_budget: Totals::default(),
            kept_range: selected.kept_range,
        });
    }
    if !budgets.is_empty() {
        budget::take(catalog, request, &mut plan, &mut would_go, all, &budgets)?;
    }
    if request.cache == CacheMode::Only {
        plan.inferred = 0;
        if request.details {
            let reason = || vec!["only the cache is cleaned (--cache-only)".to_owned()];
            plan.kept.extend(would_go.iter().map(|run| KeptRun { id: run.id.clone(), reasons: reason() }));
        }
    }
    if matches!(request.narrow.choice, Choice::Named(_)) && !plan.protected.is_empty() {
        return Err(PlanError::RunsStay(plan.protected));
    }
    let goers = if by_rows { Goers::among_rows(catalog, &would_go)? } else { Goers::below_cutoffs(&plan) };
    let goes = |key: i64| goers.has(catalog, key);
    plan_cache(catalog, request, &mut plan, &goers, &blocked)?;
    let shared = catalog.shared_files()?;
    if request.cache != CacheMode::Only {
        plan.removes = plan.projects.iter().map(|p| p.lets_go).sum();
        // Counted runs are not listed, however they were found.
        let listed = request.removals > Removals::Counted || request.details;
        plan.runs = if listed { would_go } else { Vec::new() };
        plan.runs_free = frees(plan.removes.size, &[], &shared, &goes)?;
    }
    let run_goes = |key| Ok(request.cache != CacheMode::Only && goes(key)?);
    plan.frees = frees(plan.removes.size, &plan.cache.delete, &shared, &run_goes)?;
    if request.removals == Removals::Executable {
        for key in plan.cache.delete.iter().map(|removal| removal.entry.project_key).collect::<HashSet<_>>() {
            let names = catalog.run_names(key)?.iter().map(RunName::text).collect();
            plan.cache.known_runs.insert(key, names);
        }
        for run in &mut plan.runs {
            run.fingerprint = catalog.fingerprint(run.key)?;
        }
    }
    Ok(plan)
}

/// How many runs may go at most: the flag beats the configuration.
pub fn limit(flag: Option<Limit>, config: &Config) -> Option<Setting<Limit>> {
    let flag = flag.map(|value| Setting { value, origin: Origin::Flag });
    flag.or_else(|| config.max_delete().map(|value| Setting { value, origin: Origin::Default }))
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
