//! Why a run stays or goes.

use super::super::cache_plan::frees;
use super::super::orphans;
use super::super::planner::{PlanError, cache_is_blocked, subject};
use super::budget::{self, BudgetFate, BudgetStanding};
use super::parts::{self, PartReasons};
use super::{Going, Judge, Question, too_old_at, written_out};
use crate::catalog::{self, CacheName, Catalog};
use crate::clean::EntryRemoval;
use crate::model::{Pin, Run, RunState, Size, Timestamp};
use crate::retention::{self, Decision, KeepReason, Policy, Protection, Subject, Verdict};

/// A run with everything that decides about it.
#[derive(Clone, Debug)]
pub struct RunReasons {
    /// The run.
    pub run: Run,
    /// Its pin.
    pub pin: Option<Pin>,
    /// The policy of its project.
    pub policy: Policy,
    /// Whether it stays, and why.
    pub standing: Standing,
    /// When it goes.
    pub going: Going,
    /// What budgets mean for it, where one is in force and it is in its place.
    pub budget: Option<BudgetStanding>,
    /// Whether a budget may take it sooner than [`RunReasons::going`] says.
    pub sooner_by_budget: bool,
    /// Its parts that go after an age of their own.
    pub parts: Vec<PartReasons>,
    /// What its links name.
    pub entries: Vec<NamedEntry>,
    /// What would be freed if it alone went.
    pub frees: Size,
    /// What would be freed if the cache entries that nobody else names went with it.
    pub frees_with_cache: Size,
    /// Why those would stay for now all the same.
    pub cache_blocked: Option<&'static str>,
}

/// Whether a run stays.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It is in its place.
    Present {
        /// What the rules alone say.
        verdict: Verdict,
        /// What keeps it whatever they say.
        protections: Vec<Protection>,
    },
    /// It left its place.
    Gone(Left),
}

/// How a run left its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// By which operation; `None` when it was not ours.
    pub operation: Option<String>,
    /// The command line of that operation, where it is known.
    pub command: Option<String>,
    /// Why.
    pub reasons: Vec<String>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
}

/// A name that a run's links use, and what would become of it.
#[derive(Clone, Debug)]
pub struct NamedEntry {
    /// The entry.
    pub name: CacheName,
    /// How many other runs name it, or a directory that it lies in.
    pub other_runs: u64,
    /// Whether nobody would name it any more without this run.
    pub goes_with_run: bool,
}

/// Finds out why a run stays or goes.
///
/// # Errors
/// [`PlanError`], when the catalog cannot be read or the policy means nothing.
pub fn run(catalog: &Catalog, run: Run, question: &Question<'_>) -> Result<RunReasons, PlanError> {
    let gone = run.state != RunState::Present;
    // A plan reads from a state of its own.
    let planned = if gone { None } else { budget::planned(catalog, question)? };
    let _snapshot = catalog.snapshot()?;
    let judge = Judge::new(catalog, question);
    let judged = judge.project(run.project_key)?;
    let (standing, mut going) =
        if gone { (Standing::Gone(left(catalog, run.key)?), Going::Gone) } else { present(&judge, &run)? };
    let (mut budget, mut sooner_by_budget, mut parts) = (None, false, Vec::new());
    if let Standing::Present { verdict, protections } = &standing {
        budget = planned.map(|plan| BudgetStanding::of(plan, &run, &judged.policy, verdict, protections));
        if matches!(&budget, Some(BudgetStanding { fate: BudgetFate::Taken(_), .. })) {
            going = Going::Now;
        }
        sooner_by_budget = budget.is_some() && budget::may_be_sooner(&going, verdict, protections);
        parts = parts::of(&run, &judged.policy, &going, protections, question.now);
    }
    let entries = named(catalog, &run)?;
    let orphaned: Vec<EntryRemoval> = entries
        .iter()
        .filter(|named| named.goes_with_run && named.name.exists && !gone)
        .map(|named| EntryRemoval { entry: named.name.entry.clone(), readers: Vec::new() })
        .collect();
    let shared = catalog.shared_files()?;
    let only_this = |key: i64| Ok(key == run.key);
    let size = if gone { Size::ZERO } else { run.size };
    Ok(RunReasons {
        pin: catalog.pin(run.key)?,
        policy: judged.policy.clone(),
        frees: frees(size, &[], &shared, &only_this)?,
        frees_with_cache: frees(size, &orphaned, &shared, &only_this)?,
        cache_blocked: if gone { None } else { cache_is_blocked(catalog, &judged.project, question.now)? },
        standing,
        going,
        budget,
        sooner_by_budget,
        parts,
        entries,
        run,
    })
}

fn left(catalog: &Catalog, run: i64) -> catalog::Result<Left> {
    let Some(departed) = catalog.departed(run)? else { return Ok(Left::default()) };
    let operation = match &departed.operation {
        Some(id) => catalog.operation(id)?,
        None => None,
    };
    Ok(Left {
        at: departed.at,
        operation: departed.operation,
        command: operation.map(|operation| operation.command),
        reasons: departed.reasons.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        keep_until: departed.keep_until,
    })
}

/// What the rules and the protections say of a run in its place.
fn present(judge: &Judge<'_>, run: &Run) -> Result<(Standing, Going), PlanError> {
    let now = judge.question.now;
    let judged = judge.project(run.project_key)?;
    let whole = judged.project.listed_whole;
    let protections: Vec<Protection> = retention::protections(run, false, whole, now).collect();
    let bare = Subject { protection: None, ..subject(run, &judged.policy, false, whole, now) };
    let verdict = retention::judge_one(&bare, &judged.policy, &judged.places, now);
    let at = too_old_at(&judged.policy, run.class(), run.timestamp()).filter(|at| *at > now);
    let last = judged.policy.last();
    let newer_runs = match last {
        0 => 0,
        last => {
            let rank = (run.timestamp(), run.dir().number(), run.key);
            last - judge.catalog.newer_runs(judged.project.id, rank, now, last)?
        }
    };
    // An age beyond every calendar has no instant, and keeps all the same.
    let keeps = verdict.keeps();
    let held =
        |p: &Protection| matches!(p, Protection::Pinned | Protection::NotReadWhole | Protection::ProjectNotListedWhole);
    // Any other rule keeps it for as long as something holds that no clock ends.
    let timed = |reason: &KeepReason| matches!(reason, KeepReason::WithinAge(_) | KeepReason::AmongLast(_));
    let by_others = matches!(&verdict.decision, Decision::Keep(reasons) if !reasons.iter().all(timed));
    let going = if by_others || protections.iter().any(held) {
        Going::Held
    } else if keeps || !protections.is_empty() {
        let quiet = protections.contains(&Protection::Recent).then(|| written_out(run)).flatten();
        Going::Later { at: at.max(quiet), newer_runs }
    } else {
        Going::Now
    };
    Ok((Standing::Present { verdict, protections }, going))
}

/// What a run's links name, and what would become of that without it.
fn named(catalog: &Catalog, run: &Run) -> catalog::Result<Vec<NamedEntry>> {
    let goes = |key: i64| Ok(key == run.key);
    let counted = u64::from(run.state == RunState::Present);
    let mut found = Vec::new();
    for name in catalog.named_by(run.key)? {
        if !name.exists {
            // A directory of the cache, or nothing: its entries are what goes with the run.
            let below = catalog.entries_below(name.entry.project_key, &name.entry.path)?;
            let other_runs = name.entry.references.saturating_sub(counted);
            found.push(NamedEntry { name, other_runs, goes_with_run: false });
            for entry in below {
                if !found.iter().any(|f: &NamedEntry| f.name.entry.key == entry.key) {
                    found.push(one(catalog, run, CacheName { entry, exists: true }, &goes)?);
                }
            }
        } else if !found.iter().any(|f| f.name.entry.key == name.entry.key) {
            found.push(one(catalog, run, name, &goes)?);
        }
    }
    Ok(found)
}

fn one(catalog: &Catalog, run: &Run, name: CacheName, goes: &orphans::Goes<'_>) -> catalog::Result<NamedEntry> {
    let counted = |key| catalog.names_entry(run.key, key).map(u64::from);
    let mine = if run.state == RunState::Present { counted(name.entry.key)? } else { 0 };
    let mut other_runs = name.entry.references.saturating_sub(mine);
    for above in orphans::above(&name.entry.path) {
        if let Some(directory) = catalog.cache_name(name.entry.project_key, above)? {
            let mine = if run.state == RunState::Present { counted(directory.entry.key)? } else { 0 };
            other_runs += directory.entry.references.saturating_sub(mine);
        }
    }
    let goes_with_run = run.state == RunState::Present && orphans::is_unnamed_without(catalog, &name.entry, goes)?;
    Ok(NamedEntry { name, other_runs, goes_with_run })
}
