//! What budgets take of the runs that rules keep.
//!
//! They are spent as if nothing narrowed the clean; what they take goes where the clean is about it. So whatever narrows it
//! can only make fewer runs go. Of `--project` the same holds for free space, which is that of all projects; a number of
//! runs and their size are then asked of that project alone, and never take more of it than of all.

use super::super::budget_plan::BudgetPlan;
use super::super::cache_plan::plan_cache;
use super::super::orphans;
use super::super::plan::{CacheMode, Plan, ProjectPlan, Request, RunRemoval, Totals};
use super::super::thinning::RunThinning;
use super::pool::{self, Freeable, Judged, Pooled};
use super::{Goers, PlanError, cache_is_blocked};
use crate::catalog::{Catalog, SharedOwner};
use crate::model::Project;
use crate::retention::{Budget, Budgets, Load, Policy, PolicyError, Reached, Setting, Space, reached, spend};
use std::collections::{HashMap, HashSet};

/// The budgets that a request is about, also those that cannot be asked.
pub(in crate::clean) fn in_force(request: &Request) -> Vec<Setting<Budget>> {
    if request.cache == CacheMode::Only || !request.only.is_empty() || !request.narrow.asks_rules() {
        return Vec::new();
    }
    Budgets::resolve(&request.budgets, request.config.budgets())
}

/// Whether one of these budgets asks how much is free.
pub(in crate::clean) fn asks_free(budgets: &[Setting<Budget>]) -> bool {
    budgets.iter().any(|budget| matches!(budget.value, Budget::MinFree(_)))
}

/// Refuses a budget that a rule of the same place never lets hold.
pub(super) fn check(budgets: &[Setting<Budget>], policy: &Policy) -> Result<(), PolicyError> {
    for Setting { value, origin } in budgets {
        if let Some(rule) = value.contradicts(origin, policy) {
            return Err(PolicyError::Contradiction { budget: value.names(origin), limit: value.to_string(), rule });
        }
    }
    Ok(())
}

/// What the budgets of a clean look at.
struct Spending<'p> {
    request: &'p Request,
    /// Each with its place among those of the plan.
    budgets: Vec<(usize, Budget)>,
    space: Space,
    runs: Vec<&'p Pooled>,
    shared: &'p [SharedOwner],
    entries: &'p [Freeable],
}

/// Lets further runs go, the oldest first, until every budget holds.
pub(super) fn take(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    would_go: &mut Vec<RunRemoval>,
    all: Vec<Project>,
    budgets: &[Setting<Budget>],
) -> Result<(), PlanError> {
    let now = plan.now;
    let scope: HashMap<i64, usize> = plan.projects.iter().enumerate().map(|(at, p)| (p.project.id, at)).collect();
    let free = asks_free(budgets);
    let projects: Vec<Judged> = all
        .into_iter()
        .filter(|project| free || scope.contains_key(&project.id))
        .map(|project| Judged::new(catalog, request, project, now))
        .collect::<Result<_, _>>()?;
    let pool = pool::runs(catalog, request, &projects, now)?;
    let shared = catalog.shared_files()?;
    let entries = match free && request.cache == CacheMode::Collect {
        true => freeable(catalog, request, plan, &projects, &pool)?,
        false => Vec::new(),
    };
    let is_asked = |pooled: &&Pooled| scope.contains_key(&pooled.run.project_key);
    let space = request.room.space();
    let of = |about_disk: bool| -> Vec<(usize, Budget)> {
        let all = budgets.iter().map(|budget| budget.value).enumerate();
        let asked = all.filter(|(_, budget)| request.room.lacks(budget).is_none());
        asked.filter(|(_, budget)| matches!(budget, Budget::MinFree(_)) == about_disk).collect()
    };
    let spending = |budgets, runs| Spending { request, budgets, space, runs, shared: &shared, entries: &entries };
    // Where the clean is about all projects, one run may serve all of the budgets.
    let spendings = match request.projects {
        None => vec![spending([of(false), of(true)].concat(), pool.iter().collect())],
        Some(_) => {
            vec![spending(of(false), pool.iter().filter(is_asked).collect()), spending(of(true), pool.iter().collect())]
        }
    };
    let mut took: HashMap<i64, usize> = HashMap::new();
    let mut in_vain = HashSet::new();
    for spending in &spendings {
        let (takes, vain) = spending.spend();
        takes.into_iter().for_each(|(key, place)| {
            took.entry(key).or_insert(place);
        });
        in_vain.extend(vain);
    }
    let of_plan = |budget: &Setting<Budget>| match request.room.lacks(&budget.value) {
        Some(why) => BudgetPlan::unasked(budget.clone(), why),
        None => BudgetPlan::new(budget.clone()),
    };
    plan.budgets = budgets.iter().map(of_plan).collect();
    let strict = |pooled: &Pooled| projects[pooled.project].policy.strict_status.value;
    let is_about = |pooled: &Pooled| request.narrow.admits(&pooled.run, strict(pooled));
    for pooled in pool.iter().filter(is_asked).filter(|pooled| is_about(pooled)) {
        let Some(place) = took.get(&pooled.run.key) else { continue };
        let (budget, planned) = (&mut plan.budgets[*place], &mut plan.projects[scope[&pooled.run.project_key]]);
        for totals in [&mut budget.takes, &mut planned.lets_go, &mut planned.over_budget] {
            totals.add(pooled.run.size);
        }
        let Setting { value, origin } = &budget.budget;
        would_go.push(RunRemoval {
            key: pooled.run.key,
            project_key: pooled.run.project_key,
            size: pooled.run.size,
            fingerprint: None,
            reasons: [format!("over budget, and the oldest that may go ({} {value})", value.names(origin))].into(),
            id: pooled.run.id.clone(),
        });
    }
    let goes: HashSet<i64> = would_go.iter().map(|run| run.key).collect();
    for spending in &spendings {
        let thinned = |pooled: &Pooled| is_asked(&pooled) && is_about(pooled) && !goes.contains(&pooled.run.key);
        let reached = spending.reached(&goes, &thinned, &|project| scope.contains_key(&project));
        for ((place, _), Reached { comes_to, short }) in spending.budgets.iter().zip(reached) {
            let budget = &mut plan.budgets[*place];
            (budget.comes_to, budget.short, budget.met) = (comes_to, short, short == 0);
            if matches!(budget.budget.value, Budget::MinFree(_)) {
                // What goes there now is not free before it is over either.
                let goes_there = comes_to.saturating_sub(space.available).saturating_sub(space.trash);
                let goes_there = if request.trash.is_some() { goes_there } else { 0 };
                budget.in_trash = space.trash.saturating_add(goes_there);
            }
            if short > 0 {
                let stay = pool.iter().filter(is_asked).filter(|pooled| !goes.contains(&pooled.run.key));
                budget.stay = counted(stay.map(|pooled| match pooled.held {
                    Some(held) => held.to_string(),
                    None if !is_about(pooled) => request.narrow.leaves_out(),
                    None if in_vain.contains(place) => "not enough".to_owned(),
                    None => "of no help".to_owned(),
                }));
            }
        }
    }
    put_in_order(catalog, request, plan, would_go)
}

impl Spending<'_> {
    /// The rows that the budgets take, each with the place of its budget; and the places of those that take none in vain.
    fn spend(&self) -> (Vec<(i64, usize)>, Vec<usize>) {
        let goes: HashSet<i64> = self.runs.iter().filter(|pooled| pooled.goes).map(|pooled| pooled.run.key).collect();
        let load = self.load(&|pooled| !pooled.goes, &|_| true);
        let budgets: Vec<Budget> = self.budgets.iter().map(|(_, budget)| *budget).collect();
        let spent = spend(&load, &goes, &budgets, self.space);
        let place = |at: usize| self.budgets[at].0;
        let vain = spent.in_vain.iter().enumerate().filter(|(_, vain)| **vain).map(|(at, _)| place(at)).collect();
        (spent.takes.into_iter().map(|(key, at)| (key, place(at))).collect(), vain)
    }

    /// What the budgets come to when these runs go, and parts of those that stay.
    fn reached(
        &self,
        goes: &HashSet<i64>,
        thinned: &dyn Fn(&Pooled) -> bool,
        cache_goes: &dyn Fn(i64) -> bool,
    ) -> Vec<Reached> {
        let budgets: Vec<Budget> = self.budgets.iter().map(|(_, budget)| *budget).collect();
        reached(&self.load(thinned, cache_goes), goes, &budgets, self.space)
    }

    fn load(&self, thinned: &dyn Fn(&Pooled) -> bool, cache_goes: &dyn Fn(i64) -> bool) -> Load {
        let parts = self.request.parts.iter().flatten();
        let stays: HashSet<i64> = self.runs.iter().filter(|p| thinned(p)).map(|p| p.run.key).collect();
        let thin: HashMap<i64, &RunThinning> =
            parts.filter(|one| stays.contains(&one.run.key)).map(|one| (one.run.key, one)).collect();
        let entries: Vec<&Freeable> = self.entries.iter().filter(|one| cache_goes(one.entry.project_key)).collect();
        pool::load(&self.runs, self.shared, &thin, &entries)
    }
}

/// How often each word is there, the most frequent first.
fn counted(words: impl Iterator<Item = String>) -> Vec<(String, u64)> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// The cache entries that go with runs when all go that rules or budgets may take, each with who names it: an entry that
/// goes with a run makes room, and no further run has to.
fn freeable(
    catalog: &Catalog,
    request: &Request,
    plan: &Plan,
    projects: &[Judged],
    pool: &[Pooled],
) -> Result<Vec<Freeable>, PlanError> {
    let may_go: HashSet<i64> = pool.iter().filter(|p| p.goes || p.is_spare()).map(|p| p.run.key).collect();
    let goers = Goers::among_keys(catalog, may_go)?;
    let mut trial = plan.clone();
    let mut blocked = HashMap::new();
    trial.projects = Vec::with_capacity(projects.len());
    for Judged { project, policy, cutoffs } in projects {
        if let Some(why) = cache_is_blocked(catalog, project, plan.now)? {
            blocked.insert(project.id, why);
        }
        trial.projects.push(ProjectPlan {
            project: project.clone(),
            policy: policy.clone(),
            cutoffs: cutoffs.clone(),
            lets_go: Totals { count: 1, ..Totals::default() },
            over_budget: Totals::default(),
            kept_range: None,
        });
    }
    plan_cache(catalog, request, &mut trial, &goers, &blocked)?;
    let mut found = Vec::with_capacity(trial.cache.delete.len());
    for removal in trial.cache.delete {
        let mut readers = HashSet::new();
        let mut names = vec![removal.entry.key];
        for path in orphans::above(&removal.entry.path) {
            names.extend(catalog.named(removal.entry.project_key, path)?);
        }
        for name in names {
            catalog.each_reader(name, &mut |reader| {
                readers.insert(reader);
                true
            })?;
        }
        found.push(Freeable { entry: removal.entry, readers: readers.into_iter().collect() });
    }
    Ok(found)
}

/// Brings what a plan says of runs in line with those that go.
fn put_in_order(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    would_go: &mut [RunRemoval],
) -> Result<(), PlanError> {
    let places: HashMap<i64, usize> = plan.projects.iter().enumerate().map(|(at, p)| (p.project.id, at)).collect();
    would_go.sort_by_key(|run| {
        (places.get(&run.project_key).copied(), run.id.run.timestamp(), run.id.run.number(), run.key)
    });
    let ids: HashSet<_> = would_go.iter().map(|run| &run.id).collect();
    plan.kept.retain(|run| !ids.contains(&run.id));
    let goes: HashSet<i64> = would_go.iter().map(|run| run.key).collect();
    for planned in plan.projects.iter_mut().filter(|planned| planned.over_budget.count > 0 && !request.sums_alone) {
        planned.kept_range = catalog.range_without(planned.project.id, &|key| goes.contains(&key))?;
    }
    Ok(())
}
