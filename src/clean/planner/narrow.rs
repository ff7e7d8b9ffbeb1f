//! What goes from one project when more than the policy decides: judged by rows, one after the other.
//!
//! Where the policy is asked, a run goes when its cut-offs let it go *and* the clean is about it. Cut-offs and classes
//! still find the rows that can go at all; only those are looked at. What an age alone cannot judge (unsettled, pinned or
//! unread runs: a few) is looked at in any case, because it may block the cache.

use super::super::narrowing::{Choice, Narrowing};
use super::super::plan::{ProtectedRun, Request, RunRemoval};
use super::rows;
use super::select::{Exceptions, Selected, exceptions, kept, rank, remove_reasons};
use crate::catalog::{self, Catalog};
use crate::model::{Class, Parts, Project, Run, RunDir, RunId, RunState, Size, Status, Timestamp};
use crate::retention::{self, Cutoffs, Places, Policy, Protection};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A run that the clean is about.
struct Chosen {
    key: i64,
    dir: RunDir,
    class: Class,
    status: Status,
    missing: Parts,
    size: Size,
}

pub(super) fn select(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    cutoffs: &Cutoffs,
    request: &Request,
    now: Timestamp,
) -> catalog::Result<Selected> {
    let narrow = &request.narrow;
    let strict = policy.strict_status.value;
    let Exceptions { runs, blocks_cache } = exceptions(catalog, project, now)?;
    let mut selected = Selected::nothing(blocks_cache);
    let mut chosen = Vec::new();
    // A rule like the others: not asked where the user said which runs go.
    let places = match narrow.asks_rules() {
        true => rows::places(catalog, project, policy, cutoffs, now, request.zone)?,
        false => Places::by_last(cutoffs.below()),
    };
    let lets_go = |class, timestamp, number, key| match narrow.choice {
        Choice::Policy => cutoffs.removes(class, rank(timestamp, number, key)) && !places.keeps(key),
        Choice::Named(_) | Choice::All => true,
    };
    let mut consider = |run: &Run, protection: Option<Protection>| {
        if narrow.admits(run, strict) && lets_go(run.class(), run.timestamp(), run.dir().number(), run.key) {
            match protection {
                Some(protection) => {
                    selected.protected.push(ProtectedRun { key: run.key, id: run.id.clone(), protection });
                }
                None => chosen.push(Chosen::of(run)),
            }
        }
    };
    if let Choice::Named(keys) = &narrow.choice {
        for key in keys {
            let run = catalog.run(*key)?.filter(|r| r.project_key == project.id && r.state == RunState::Present);
            if let Some(run) = run {
                consider(&run, retention::protection(&run, false, project.listed_whole, now));
            }
        }
    } else {
        for (run, protection) in &runs {
            consider(run, *protection);
        }
        if project.listed_whole {
            by_class(catalog, project, cutoffs, narrow, strict, now, &mut chosen, &mut selected.protected)?;
            chosen.retain(|run| !places.keeps(run.key));
        }
    }
    // Named runs come in no order.
    selected.protected.sort_by_key(|run| (run.id.run.timestamp(), run.id.run.number(), run.key));
    chosen.sort_by_key(|run| (run.dir.timestamp(), run.dir.number(), run.key));
    let mut reasons = Reasons::default();
    for run in chosen {
        selected.totals.add(run.size);
        let by_stderr = matches!(run.class, Class::InferredOk | Class::InferredFailed) && !strict;
        selected.inferred += u64::from(by_stderr && (narrow.asks_rules() || !narrow.statuses.is_all()));
        selected.removals.push(RunRemoval {
            key: run.key,
            project_key: project.id,
            size: run.size,
            fingerprint: None,
            reasons: reasons.of(&run, narrow, policy),
            id: RunId { project: project.dir.clone(), run: run.dir },
        });
    }
    let goes: HashSet<i64> = selected.removals.iter().map(|run| run.key).collect();
    if request.details {
        selected.kept = kept(catalog, project, policy, now, request.zone, &goes, narrow)?;
    }
    if !request.sums_alone {
        selected.kept_range = catalog.range_without(project.id, &|key| goes.contains(&key))?;
    }
    Ok(selected)
}

/// The runs of a project that an age alone could judge, of those the ones that the clean is about.
#[expect(clippy::too_many_arguments, reason = "what a selection knows, and where it puts what it finds")]
fn by_class(
    catalog: &Catalog,
    project: &Project,
    cutoffs: &Cutoffs,
    narrow: &Narrowing,
    strict: bool,
    now: Timestamp,
    chosen: &mut Vec<Chosen>,
    protected: &mut Vec<ProtectedRun>,
) -> catalog::Result<()> {
    for class in Class::ALL {
        let Some(statuses) = narrow.statuses_of(*class, strict) else { continue };
        let by_policy = narrow.asks_rules();
        let before = if by_policy { cutoffs.before(*class) } else { Timestamp::MAX };
        catalog.candidates_among(project.id, *class, before, (statuses, narrow.incomplete), &mut |found| {
            let rank = rank(found.dir.timestamp(), found.dir.number(), found.key);
            if !narrow.agrees(found.key) || by_policy && !cutoffs.removes(*class, rank) {
                return;
            }
            if found.dir.timestamp() > now {
                let id = RunId { project: project.dir.clone(), run: found.dir };
                protected.push(ProtectedRun { key: found.key, id, protection: Protection::Future });
                return;
            }
            let (key, dir, status, missing) = (found.key, found.dir, found.status, found.missing);
            chosen.push(Chosen { key, dir, class: *class, status, missing, size: found.size });
        })?;
    }
    Ok(())
}

impl Chosen {
    fn of(run: &Run) -> Self {
        Self {
            key: run.key,
            dir: run.dir().clone(),
            class: run.class(),
            status: run.status,
            missing: run.missing,
            size: run.size,
        }
    }
}

/// Reasons, each list of them once.
#[derive(Default)]
struct Reasons(HashMap<(Class, Status, i64), Arc<[String]>>);

impl Reasons {
    fn of(&mut self, run: &Chosen, narrow: &Narrowing, policy: &Policy) -> Arc<[String]> {
        let status = if policy.treats_as(run.class) == Class::Unknown { Status::Unknown } else { run.status };
        let alike = (run.class, status, run.missing.bits());
        let reasons = self.0.entry(alike).or_insert_with(|| {
            let rules = if narrow.asks_rules() { remove_reasons(policy, run.class).to_vec() } else { Vec::new() };
            rules.into_iter().chain(narrow.reasons(status, run.missing)).collect()
        });
        Arc::clone(reasons)
    }
}
