//! What budgets mean for a run.
//!
//! A budget looks at all runs at once. So what it takes is read off the plan of a clean under the same policy, and only
//! where a budget is in force: an answer of its own would be a second opinion.

use super::super::budget_plan::BudgetPlan;
use super::super::plan::Plan;
use super::super::planner::{PlanError, plan};
use super::{Going, Question};
use crate::catalog::Catalog;
use crate::model::Run;
use crate::retention::{Decision, KeepReason, Policy, Protection, Verdict};

/// The budgets in force, and what they mean for a run in its place.
#[derive(Clone, Debug)]
pub struct BudgetStanding {
    /// Each with what a clean under this policy leaves.
    pub budgets: Vec<BudgetPlan>,
    /// What they do to the run.
    pub fate: BudgetFate,
}

/// What budgets do to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BudgetFate {
    /// The rules let it go, and no budget is asked.
    NotAsked,
    /// The next clean takes it, for these reasons.
    Taken(Vec<String>),
    /// None takes it while one of these holds.
    Spared(Vec<String>),
    /// One may take it, once those that are older are gone and more has to go.
    MayGo,
}

/// What a clean under the policy of a question does, where a budget is in force.
pub(super) fn planned(catalog: &Catalog, question: &Question<'_>) -> Result<Option<Plan>, PlanError> {
    if !question.has_budget() {
        return Ok(None);
    }
    plan(catalog, &question.request(), question.now).map(Some)
}

impl BudgetStanding {
    pub(super) fn of(plan: Plan, run: &Run, policy: &Policy, verdict: &Verdict, protections: &[Protection]) -> Self {
        let spares = |reason: &&KeepReason| matches!(reason, KeepReason::AmongLast(_) | KeepReason::LastSuccess);
        let kept_by = match &verdict.decision {
            Decision::Keep(reasons) => reasons.as_slice(),
            Decision::Remove(_) => &[],
        };
        let mut spared: Vec<String> = protections.iter().map(ToString::to_string).collect();
        spared.extend(kept_by.iter().filter(spares).map(|reason| reason.with_origin(policy)));
        let taken = plan.runs.iter().find(|gone| gone.key == run.key && verdict.keeps());
        let fate = match taken {
            Some(taken) => BudgetFate::Taken(taken.reasons.to_vec()),
            None if !spared.is_empty() => BudgetFate::Spared(spared),
            None if !verdict.keeps() => BudgetFate::NotAsked,
            None => BudgetFate::MayGo,
        };
        Self { budgets: plan.budgets, fate }
    }
}

/// Whether a budget may take a run before the instant at which rules let it go, or while they hold it: what spares it is
/// over sooner than what keeps it.
pub(super) fn may_be_sooner(going: &Going, verdict: &Verdict, protections: &[Protection]) -> bool {
    let Decision::Keep(reasons) = &verdict.decision else { return false };
    let endless = |protection: &Protection| {
        matches!(protection, Protection::Pinned | Protection::NotReadWhole | Protection::ProjectNotListedWhole)
    };
    let by_rules_alone =
        reasons.iter().any(|reason| !matches!(reason, KeepReason::AmongLast(_) | KeepReason::Protected(_)));
    let is_last_success = reasons.contains(&KeepReason::LastSuccess);
    matches!(going, Going::Later { .. } | Going::Held)
        && by_rules_alone
        && !is_last_success
        && !protections.iter().any(endless)
}
