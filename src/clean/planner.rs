//! From rows, policy and instant to a plan.
//!
//! The runs that go are selected by cut-off instants, one a project and class, over an index; what an age alone cannot
//! judge (unsettled, pinned or unread runs: a few) is judged one by one. With [`Request::details`] every row is judged
//! by [`retention::judge`], and must come to the same: a test holds the two together.

use super::orphans::{self, Doomed};
use super::plan::{
    Before, CacheMode, CachePlan, EntryRemoval, KeptRun, Plan, ProjectPlan, ProtectedRun, Request, RunRemoval, Totals,
};
use crate::catalog::{self, Candidate, Catalog, RunFilter, SharedOwner};
use crate::model::{Class, Project, ProjectDir, Run, RunId, Size, Timestamp};
use crate::retention::{
    self, ConfigError, Cutoffs, Decision, Policy, PolicyError, Protection, Rank, RemoveReason, Selection, Subject,
};
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

/// What a project's runs look like to the policy.
struct Selected {
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
        runs: Vec::new(),
        inferred: 0,
        kept: Vec::new(),
        protected: Vec::new(),
        cache: CachePlan { mode: request.cache, ..CachePlan::default() },
        frees: Size::ZERO,
        runs_free: Size::ZERO,
        notices,
        grace,
        before: before(catalog, request, &scope)?,
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
        let selected = select(catalog, &project, &policy, &cutoffs, request.details, now)?;
        let mut lets_go = Totals::default();
        for removal in &selected.removals {
            lets_go.add(removal.size);
        }
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
    plan_cache(catalog, request, &mut plan, &would_go, &blocked)?;
    if request.cache != CacheMode::Only {
        plan.runs = would_go;
    }
    let shared = catalog.shared_files()?;
    plan.runs_free = frees(&plan.runs, &[], &shared);
    plan.frees = frees(&plan.runs, &plan.cache.delete, &shared);
    Ok(plan)
}

fn before(catalog: &Catalog, request: &Request, scope: &[Project]) -> catalog::Result<Before> {
    let mut before = Before::default();
    for project in scope {
        before.runs += project.runs;
        before.cache_entries += project.cache_entries;
        before.size += project.run_size + project.cache_size;
    }
    match &request.projects {
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
    details: bool,
    now: Timestamp,
) -> catalog::Result<Selected> {
    let mut selected = Selected {
        removals: Vec::new(),
        inferred: 0,
        protected: Vec::new(),
        kept: Vec::new(),
        kept_range: None,
        blocks_cache: (!project.listed_whole).then_some("it could not be listed whole"),
    };
    let mut goes = HashSet::new();
    let mut take = |selected: &mut Selected, candidate: Candidate| {
        let inferred = matches!(candidate.class, Class::InferredOk | Class::InferredFailed);
        if inferred && !policy.strict_status.value {
            selected.inferred += 1;
        }
        goes.insert(candidate.key);
        let reasons = remove_reasons(policy, candidate.class);
        selected.removals.push(RunRemoval {
            key: candidate.key,
            project_key: candidate.project_key,
            id: RunId { project: project.dir.clone(), run: candidate.dir },
            size: candidate.size,
            inode: candidate.inode,
            manifest: candidate.manifest,
            reasons,
        });
    };
    if project.listed_whole {
        for class in Class::ALL {
            // No cut-off lies after `now`, so a run of the future is never below one.
            for candidate in catalog.candidates_below(project.id, *class, cutoffs.before(*class))? {
                let rank = rank(candidate.dir.timestamp(), candidate.dir.number(), candidate.key);
                if cutoffs.removes(*class, rank) {
                    take(&mut selected, candidate);
                }
            }
        }
    }
    for run in catalog.exceptional_runs(project.id)? {
        let protection = retention::protection(&run, false, project.listed_whole, now);
        match protection {
            Some(Protection::Running | Protection::Recent) => {
                selected.blocks_cache = Some("a run of it is running, or was written to within 10 minutes");
            }
            Some(Protection::NotReadWhole) => {
                selected.blocks_cache.get_or_insert("a run of it could not be read whole");
            }
            _ => {}
        }
        if !cutoffs.removes(run.class(), rank(run.timestamp(), run.dir().number(), run.key)) {
            continue;
        }
        match protection {
            Some(protection) => selected.protected.push(ProtectedRun { id: run.id, protection }),
            None => {
                if let Some(candidate) = catalog.candidate(run.key)? {
                    take(&mut selected, candidate);
                }
            }
        }
    }
    selected.removals.sort_by_key(|a| (a.id.run.timestamp(), a.id.run.number()));
    if details {
        selected.kept = kept(catalog, project, policy, now, &goes)?;
    }
    selected.kept_range = kept_range(catalog, project, &goes)?;
    Ok(selected)
}

const fn rank(timestamp: Timestamp, number: u32, key: i64) -> Rank {
    Rank { timestamp, number, key }
}

/// What the policy has against a run that it lets go.
fn remove_reasons(policy: &Policy, class: Class) -> Vec<String> {
    let mut reasons = vec![RemoveReason::OlderThan(policy.limit(class)).with_origin(policy)];
    if policy.last() > 0 {
        reasons.push(RemoveReason::NotAmongLast(policy.last()).with_origin(policy));
    }
    reasons
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

/// The oldest and the newest run that stay. Those that go are mostly the oldest, so few are looked at in vain.
fn kept_range(
    catalog: &Catalog,
    project: &Project,
    goes: &HashSet<i64>,
) -> catalog::Result<Option<(Timestamp, Timestamp)>> {
    if project.runs as usize <= goes.len() {
        return Ok(None);
    }
    let newest = catalog.newest_but(project.id, goes)?;
    let oldest = catalog.oldest_but(project.id, goes)?;
    Ok(oldest.zip(newest))
}

fn plan_cache(
    catalog: &Catalog,
    request: &Request,
    plan: &mut Plan,
    would_go: &[RunRemoval],
    blocked: &HashMap<i64, &'static str>,
) -> Result<(), PlanError> {
    let doomed = Doomed::count(catalog, would_go.iter().map(|run| run.key))?;
    let nobody = Doomed::default();
    for project in &plan.projects {
        let project = &project.project;
        let (count, examples) = catalog.dangling(project.id)?;
        if count > 0 {
            let paths =
                examples.iter().map(|(run, path)| format!("{run}: {}", String::from_utf8_lossy(path))).collect();
            plan.cache.dangling.push((project.dir.lossy(), count, paths));
        }
        let free_now = orphans::unnamed(catalog, project.id, &nobody)?;
        let free_then = orphans::unnamed(catalog, project.id, &doomed)?;
        let named_by_doomed: Vec<_> = {
            let now: HashSet<i64> = free_now.iter().map(|e| e.key).collect();
            free_then.iter().filter(|e| !now.contains(&e.key)).cloned().collect()
        };
        let (goes, stale) = match request.cache {
            CacheMode::Only => (free_now, named_by_doomed),
            CacheMode::Leave | CacheMode::Collect => (free_then, Vec::new()),
        };
        plan.cache.referenced += project.cache_entries.saturating_sub((goes.len() + stale.len()) as u64);
        if let Some(why) = blocked.get(&project.id) {
            if !(goes.is_empty() && stale.is_empty()) && request.cache != CacheMode::Leave {
                plan.cache.blocked.push((project.dir.lossy(), why));
            }
            continue;
        }
        let young =
            |written: Timestamp| crate::model::Age::between(written, plan.now).is_some_and(|age| age < plan.grace);
        for (entries, is_stale) in [(goes, false), (stale, true)] {
            for entry in entries {
                if young(entry.written_at) {
                    plan.cache.in_grace += 1;
                } else if request.cache == CacheMode::Leave {
                    plan.cache.not_asked.entries += 1;
                    plan.cache.not_asked.size += entry.size;
                } else {
                    let readers = match is_stale {
                        true => catalog.readers_of(entry.key)?.into_iter().map(|r| r.key).collect(),
                        false => Vec::new(),
                    };
                    let removal = EntryRemoval { entry, readers };
                    if is_stale {
                        plan.cache.stale.push(removal.clone());
                    }
                    if !is_stale || request.stale {
                        plan.cache.delete.push(removal);
                    }
                }
            }
        }
    }
    Ok(())
}

/// What removing these frees: each inode once, and only when its last name goes.
fn frees(runs: &[RunRemoval], entries: &[EntryRemoval], shared: &[SharedOwner]) -> Size {
    let mut total: Size =
        runs.iter().map(|r| r.size).sum::<Size>() + entries.iter().map(|e| e.entry.size).sum::<Size>();
    if shared.is_empty() {
        return total;
    }
    let runs: HashSet<i64> = runs.iter().map(|r| r.key).collect();
    let entries: HashSet<i64> = entries.iter().map(|e| e.entry.key).collect();
    for owners in shared.chunk_by(|a, b| a.inode == b.inode) {
        let going =
            owners.iter().filter(|o| if o.run != 0 { runs.contains(&o.run) } else { entries.contains(&o.entry) });
        let (mut counted, mut names) = (0_u64, 0);
        for owner in going {
            counted += 1;
            names += owner.names;
        }
        let freed = u64::from(counted > 0 && names >= owners[0].links);
        for _ in freed..counted {
            total -= owners[0].size;
        }
    }
    total
}
