//! What budgets take of the runs that rules keep.

use super::super::cache_plan::{frees, plan_cache};
use super::super::plan::{BudgetPlan, Plan, ProjectPlan, Request, RunRemoval, Totals};
use super::{Goers, PlanError, rank, rows};
use crate::catalog::{Catalog, SharedOwner};
use crate::model::{Run, Size, Timestamp};
use crate::retention::{self, Budget, KeepReason, Policy, PolicyError, Setting, SharedDisk, Space, Stay, spend};
use std::collections::{HashMap, HashSet};

/// Refuses a budget that a rule of the same place never lets hold.
pub(super) fn check(budgets: &[Setting<Budget>], policy: &Policy) -> Result<(), PolicyError> {
    for Setting { value, origin } in budgets {
        if let Some(rule) = value.contradicts(origin, policy) {
            return Err(PolicyError::Contradiction { budget: value.names(origin), limit: value.to_string(), rule });
        }
    }
    Ok(())
}

/// A run that stays by the rules.
struct Kept {
    run: Run,
    /// Where in the plan its project is.
    project: usize,
}

/// Lets further runs go, the oldest first, until every budget holds.
pub(super) fn take(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    would_go: &mut Vec<RunRemoval>,
    blocked: &HashMap<i64, &'static str>,
    budgets: &[Setting<Budget>],
) -> Result<(), PlanError> {
    let goes: HashSet<i64> = would_go.iter().map(|run| run.key).collect();
    let (mut kept, mut stays) = (HashMap::new(), Vec::new());
    for (at, planned) in plan.projects.iter().enumerate() {
        let places =
            rows::places(catalog, &planned.project, &planned.policy, &planned.cutoffs, plan.now, request.zone)?;
        for run in rows::runs(catalog, planned.project.id)?.into_iter().filter(|run| !goes.contains(&run.key)) {
            let last_success = places.reasons(run.key).contains(&KeepReason::LastSuccess);
            let spare = !last_success && is_spare(&run, planned, request, plan.now);
            let rank = rank(run.timestamp(), run.dir().number(), run.key);
            stays.push(Stay { rank, disk: run.size.disk, spare });
            kept.insert(run.key, Kept { run, project: at });
        }
    }
    let shared = catalog.shared_files()?;
    let (mut disk, again) = shared_disk(&shared, &goes, &kept);
    let takes = stays.iter().map(|stay| stay.disk).sum::<u64>() - again;
    let asks_free = budgets.iter().any(|budget| matches!(budget.value, Budget::MinFree(_)));
    // Whoever does not say what is free has no budget for it.
    let space = match request.space.filter(|_| asks_free) {
        Some(space) => {
            let freed = freed_by_rules(catalog, request, plan, would_go, blocked, &shared)?;
            Space { available: space.available.saturating_add(freed.disk), ..space }
        }
        None => Space { available: u64::MAX, total: 0 },
    };
    let values: Vec<Budget> = budgets.iter().map(|budget| budget.value).collect();
    let spent = spend(&stays, &values, takes, space, &mut disk);
    plan.budgets = budgets
        .iter()
        .zip(spent.comes_to.iter().zip(&spent.met))
        .map(|(budget, (comes_to, met))| BudgetPlan {
            budget: budget.clone(),
            takes: Totals::default(),
            comes_to: *comes_to,
            met: *met,
        })
        .collect();
    for (key, place) in spent.takes {
        let Some(Kept { run, project }) = kept.remove(&key) else { continue };
        let (budget, planned) = (&mut plan.budgets[place], &mut plan.projects[project]);
        for totals in [&mut budget.takes, &mut planned.lets_go, &mut planned.over_budget] {
            totals.add(run.size);
        }
        let Setting { value, origin } = &budget.budget;
        would_go.push(RunRemoval {
            key,
            project_key: run.project_key,
            size: run.size,
            fingerprint: None,
            reasons: [format!("over budget, and the oldest that may go ({} {value})", value.names(origin))].into(),
            id: run.id,
        });
    }
    put_in_order(catalog, request, plan, would_go)
}

/// Whether a budget may take a run that rules keep.
fn is_spare(run: &Run, planned: &ProjectPlan, request: &Request, now: Timestamp) -> bool {
    let ProjectPlan { project, policy, cutoffs, .. } = planned;
    let protected = retention::protection(run, false, project.listed_whole, now).is_some();
    let among_last = policy.last() > 0 && rank(run.timestamp(), run.dir().number(), run.key) >= cutoffs.below();
    !protected && !among_last && request.narrow.admits(run, policy.strict_status.value)
}

/// The files of several names that runs which stay have, and what those are counted too often in the sum of the runs.
fn shared_disk(owners: &[SharedOwner], goes: &HashSet<i64>, kept: &HashMap<i64, Kept>) -> (SharedDisk, u64) {
    let (mut disk, mut again) = (SharedDisk::default(), 0);
    for owners in owners.chunk_by(|a, b| a.inode == b.inode) {
        let gone: u64 = owners.iter().filter(|owner| goes.contains(&owner.run)).map(|owner| owner.names).sum();
        let stay = owners.iter().filter(|owner| kept.contains_key(&owner.run));
        let stay: Vec<(i64, u64)> = stay.map(|owner| (owner.run, owner.names)).collect();
        again += disk.add(owners[0].size.disk, owners[0].links.saturating_sub(gone), &stay);
    }
    (disk, again)
}

/// What is freed before any budget takes a run: what the caches free counts, so that no run goes for it.
fn freed_by_rules(
    catalog: &Catalog,
    request: &Request,
    plan: &Plan,
    would_go: &[RunRemoval],
    blocked: &HashMap<i64, &'static str>,
    shared: &[SharedOwner],
) -> Result<Size, PlanError> {
    let goers = Goers::among_rows(catalog, would_go)?;
    let mut trial = plan.clone();
    plan_cache(catalog, request, &mut trial, &goers, blocked)?;
    let runs = plan.projects.iter().map(|planned| planned.lets_go).sum::<Totals>();
    Ok(frees(runs.size, &trial.cache.delete, shared, &|key| goers.has(catalog, key))?)
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
