//! What rules come to that no instant tells: they are asked about every run of a project.

use super::select::rank;
use crate::catalog::{self, Catalog, RunFilter};
use crate::model::{Project, Run, Status, Timestamp};
use crate::retention::{self, Cutoffs, Places, Policy, Subject, Zone};
use std::collections::HashSet;

/// The runs of a project that are in their place.
pub(super) fn runs(catalog: &Catalog, project: i64) -> catalog::Result<Vec<Run>> {
    catalog.runs(&RunFilter { project: Some(project), ..RunFilter::default() })
}

/// These runs of a project, as judging needs them.
pub(super) fn subjects(
    catalog: &Catalog,
    runs: &[Run],
    project: &Project,
    policy: &Policy,
    now: Timestamp,
) -> catalog::Result<Vec<Subject>> {
    let unresolved = if policy.keep_unresolved.value { catalog.unresolved_runs(project.id)? } else { HashSet::new() };
    let subject = |run: &Run| subject(run, policy, unresolved.contains(&run.key), project.listed_whole, now);
    Ok(runs.iter().map(subject).collect())
}

/// What the rules keep in a project that look at more than ages and numbers. Where no such rule is set, nothing is read.
///
/// # Errors
/// The catalog's.
pub(in crate::clean) fn places(
    catalog: &Catalog,
    project: &Project,
    policy: &Policy,
    cutoffs: &Cutoffs,
    now: Timestamp,
    zone: Zone,
) -> catalog::Result<Places> {
    if !policy.asks_rows() {
        return Ok(Places::by_last(cutoffs.below()));
    }
    let runs = runs(catalog, project.id)?;
    Ok(Places::of(&subjects(catalog, &runs, project, policy, now)?, policy, now, zone))
}

pub(in crate::clean) fn subject(
    run: &Run,
    policy: &Policy,
    unresolved: bool,
    project_whole: bool,
    now: Timestamp,
) -> Subject {
    let rank = rank(run.timestamp(), run.dir().number(), run.key);
    Subject {
        key: rank.key,
        timestamp: rank.timestamp,
        number: rank.number,
        class: run.class(),
        succeeded: run.status == Status::Success,
        tagged: policy.tagged(&run.tags),
        unresolved,
        protection: retention::protection(run, false, project_whole, now),
    }
}
