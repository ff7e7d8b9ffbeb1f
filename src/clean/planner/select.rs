//! What the policy comes to in one project: the runs that go, those that it would let go and something else keeps, and
//! what the caches must know of them.

use super::super::narrowing::Narrowing;
use super::super::plan::{CacheMode, KeptRun, ProtectedRun, Removals, Request, RunRemoval, Totals};
use super::rows;
use crate::catalog::{self, Candidate, Catalog};
use crate::model::{AHEAD, Class, Project, Run, RunId, Timestamp};
use crate::retention::{self, Cutoffs, Decision, KeepReason, Policy, Protection, Rank, Verdict, Zone};
use std::collections::HashSet;
use std::sync::Arc;

/// What a project's runs look like to the policy.
pub(super) struct Selected {
    pub(super) totals: Totals,
    pub(super) removals: Vec<RunRemoval>,
    pub(super) inferred: u64,
    pub(super) protected: Vec<ProtectedRun>,
    pub(super) kept: Vec<KeptRun>,
    /// Runs that are there and of the past, in the order of time: for the range of what stays.
    pub(super) kept_range: Option<(Timestamp, Timestamp)>,
    /// Whether somebody is alive in the project, or some of it could not be read: then its cache is left alone.
    pub(super) blocks_cache: Option<&'static str>,
}

impl Selected {
    pub(super) fn nothing(blocks_cache: Option<&'static str>) -> Self {
        Self {
            totals: Totals::default(),
            removals: Vec::new(),
            inferred: 0,
            protected: Vec::new(),
            kept: Vec::new(),
            kept_range: None,
            blocks_cache,
        }
    }
}

/// The runs of a project that an age alone cannot judge, each with what protects it.
pub(super) struct Exceptions {
    pub(super) runs: Vec<(Run, Option<Protection>)>,
    /// Why its cache is to be left alone.
    pub(super) blocks_cache: Option<&'static str>,
}

pub(super) fn exceptions(catalog: &Catalog, project: &Project, now: Timestamp) -> catalog::Result<Exceptions> {
    let mut blocks_cache = (!project.listed_whole).then_some(NOT_LISTED_WHOLE);
    let mut runs = Vec::new();
    for run in catalog.exceptional_runs(project.id)? {
        let protection = retention::protection(&run, false, project.listed_whole, now);
        block_cache(&mut blocks_cache, &run, protection, now);
        runs.push((run, protection));
    }
    Ok(Exceptions { runs, blocks_cache })
}

pub(in crate::clean) fn cutoffs(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    now: Timestamp,
) -> catalog::Result<Cutoffs> {
    let nth = catalog.nth_newest_bound(project.id, now, policy.last())?;
    Ok(Cutoffs::new(policy, now, nth.map(|(timestamp, number, key)| Rank { timestamp, number, key })))
}

pub(super) fn select(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    cutoffs: &Cutoffs,
    request: &Request,
    now: Timestamp,
) -> catalog::Result<Selected> {
    let Exceptions { runs, blocks_cache } = exceptions(catalog, project, now)?;
    let mut selected = Selected::nothing(blocks_cache);
    let counted = request.removals == Removals::Counted && !request.details;
    // Runs that are only counted need no reasons, which take longer to spell than the runs to count.
    let reasons: [Arc<[String]>; 5] = std::array::from_fn(|class| match counted {
        true => Arc::default(),
        false => remove_reasons(policy, Class::ALL[class]),
    });
    let rests_on_stderr =
        |class| !policy.strict_status.value && matches!(class, Class::InferredOk | Class::InferredFailed);
    let take = |selected: &mut Selected, candidate: Candidate| {
        selected.totals.add(candidate.size);
        selected.inferred += u64::from(rests_on_stderr(candidate.class));
        if !counted {
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
    if project.listed_whole && runs_matter && counted {
        (selected.totals, selected.inferred) = count(catalog, project, cutoffs, &runs, &rests_on_stderr, now)?;
    } else if project.listed_whole && runs_matter {
        for class in Class::ALL {
            // No cut-off lies after `now`, so a run of the future is never below one.
            let before = cutoffs.before(*class);
            catalog.candidates_below(project.id, *class, before, &mut |candidate| {
                let rank = rank(candidate.dir.timestamp(), candidate.dir.number(), candidate.key);
                if cutoffs.removes(*class, rank) {
                    take(&mut selected, candidate);
                }
            })?;
        }
    }
    let mut kept_exceptions = Vec::new();
    for (run, protection) in runs {
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
        selected.kept = kept(catalog, project, policy, now, request.zone, &goes, &request.narrow)?;
    }
    if !request.sums_alone && selected.totals.count < project.runs {
        let ranges = kept_range(catalog, project, cutoffs)?;
        selected.kept_range = with_exceptions(ranges, &kept_exceptions);
    }
    Ok(selected)
}

/// How many runs go, of those that an age alone can judge, what they take, and for how many of them `stderr` was all
/// there was to judge by.
///
/// In a store that was never cleaned most runs go, and to add up those few that stay takes a tenth of the time: what goes
/// is the rest of all that the project has. Which of the two are fewer is told by time, as well as time can.
fn count(
    catalog: &Catalog,
    project: &Project,
    cutoffs: &Cutoffs,
    exceptions: &[(Run, Option<Protection>)],
    rests_on_stderr: &dyn Fn(Class) -> bool,
    now: Timestamp,
) -> catalog::Result<(Totals, u64)> {
    let below = cutoffs.below();
    let bound = (below.timestamp, below.number, below.key);
    let cut = Class::ALL.iter().map(|class| cutoffs.before(*class)).min().unwrap_or(now).min(below.timestamp);
    let most_go = project.oldest_run.is_some_and(|oldest| cut.saturating_sub(oldest) > now.saturating_sub(cut));
    let (mut goes, mut stays, mut inferred) = (Totals::default(), Totals::default(), 0);
    for class in Class::ALL {
        let before = cutoffs.before(*class);
        if most_go {
            let (count, size) = catalog.sum_from(project.id, *class, before, bound)?;
            stays += Totals { count, size };
        }
        if !most_go || rests_on_stderr(*class) {
            let (count, size) = catalog.sum_below(project.id, *class, before, bound)?;
            goes += Totals { count, size };
            inferred += if rests_on_stderr(*class) { count } else { 0 };
        }
    }
    if most_go {
        exceptions.iter().for_each(|(run, _)| stays.add(run.size));
        goes = Totals { count: project.runs.saturating_sub(stays.count), size: project.run_size - stays.size };
    }
    Ok((goes, inferred))
}

const NOT_LISTED_WHOLE: &str = "it could not be listed whole";

/// Notes that a run keeps the cache of its project from being cleaned, if it does: one that is alive names what nobody
/// knows yet, one that could not be read whole what nobody saw.
fn block_cache(why: &mut Option<&'static str>, run: &Run, protection: Option<Protection>, now: Timestamp) {
    match protection {
        Some(Protection::Running | Protection::Recent) => {
            *why = Some("a run of it is running, or was written to within 10 minutes");
        }
        Some(Protection::Future) if run.timestamp() <= now + AHEAD => *why = Some("a run of it begins just now"),
        Some(Protection::NotReadWhole) => {
            why.get_or_insert("a run of it could not be read whole");
        }
        _ => {}
    }
}

/// Why the cache of a project is left alone at this moment, if it is.
///
/// # Errors
/// The catalog's.
pub(in crate::clean) fn cache_is_blocked(
    catalog: &Catalog,
    project: &Project,
    now: Timestamp,
) -> catalog::Result<Option<&'static str>> {
    Ok(exceptions(catalog, project, now)?.blocks_cache)
}

pub(in crate::clean) const fn rank(timestamp: Timestamp, number: u32, key: i64) -> Rank {
    Rank { timestamp, number, key }
}

/// What the policy has against a run that it lets go.
pub(super) fn remove_reasons(policy: &Policy, class: Class) -> Arc<[String]> {
    policy.against(class).iter().map(|reason| reason.with_origin(policy)).collect()
}

/// The runs of a project that stay, each judged by itself.
pub(super) fn kept(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    now: Timestamp,
    zone: Zone,
    goes: &HashSet<i64>,
    narrow: &Narrowing,
) -> catalog::Result<Vec<KeptRun>> {
    let runs = rows::runs(catalog, project.id)?;
    let subjects = rows::subjects(catalog, &runs, project, policy, now)?;
    let verdicts = retention::judge(&subjects, policy, now, zone);
    let strict = policy.strict_status.value;
    let reasons = |run: &Run, verdict: &Verdict| {
        let protected =
            matches!(&verdict.decision, Decision::Keep(why) if matches!(why[..], [KeepReason::Protected(_)]));
        let asked = protected || narrow.asks_rules();
        let mut reasons = if asked && verdict.keeps() { verdict.reasons(policy) } else { Vec::new() };
        if !narrow.admits(run, strict) {
            reasons.push(narrow.leaves_out());
        }
        debug_assert!(!reasons.is_empty(), "{} stays for no reason", run.id);
        reasons
    };
    let stays = runs.into_iter().zip(verdicts).filter(|(run, _)| !goes.contains(&run.key));
    Ok(stays.map(|(run, verdict)| KeptRun { reasons: reasons(&run, &verdict), id: run.id }).collect())
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
