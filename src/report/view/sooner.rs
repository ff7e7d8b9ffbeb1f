//! What takes a run, or parts of it, before its own age does, as `otto why --json` has it.

use crate::clean::BudgetPlan;
use crate::clean::why::{BudgetFate, BudgetStanding, PartGoing, PartReasons, RunReasons, Standing};
use crate::model::{Timestamp, rfc3339};
use serde::Serialize;

/// The budgets in force, and what they mean for a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BudgetItem {
    fate: &'static str,
    spared_by: Vec<String>,
    rules_keep: Vec<String>,
    budgets: Vec<InForce>,
}

#[derive(Clone, Debug, Serialize)]
struct InForce {
    name: &'static str,
    limit: String,
    source: &'static str,
    comes_to: Option<u64>,
    met: bool,
    unknown: Option<String>,
}

/// A part of a run that goes after an age of its own.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PartItem {
    part: &'static str,
    rule: &'static str,
    reason: String,
    when: &'static str,
    at: Option<String>,
    timestamp: Option<Timestamp>,
}

impl BudgetItem {
    pub(super) fn new(standing: &BudgetStanding, reasons: &RunReasons) -> Self {
        let (fate, spared_by) = match &standing.fate {
            BudgetFate::NotAsked => ("not-asked", Vec::new()),
            BudgetFate::Taken(_) => ("taken", Vec::new()),
            BudgetFate::Spared(why) => ("spared", why.clone()),
            BudgetFate::MayGo => ("may-go", Vec::new()),
        };
        let rules_keep = match &reasons.standing {
            Standing::Present { verdict, .. } if verdict.keeps() => verdict.reasons(&reasons.policy),
            _ => Vec::new(),
        };
        let in_force = |plan: &BudgetPlan| InForce {
            name: plan.budget.value.key(),
            limit: plan.budget.value.to_string(),
            source: plan.budget.value.names(&plan.budget.origin),
            comes_to: plan.unknown.is_none().then_some(plan.comes_to),
            met: plan.met,
            unknown: plan.unknown.clone(),
        };
        Self { fate, spared_by, rules_keep, budgets: standing.budgets.iter().map(in_force).collect() }
    }
}

impl PartItem {
    pub(super) fn new(reasons: &PartReasons) -> Self {
        let (when, at) = match reasons.going {
            PartGoing::Dropped => ("dropped", None),
            PartGoing::WithRun => ("with-run", None),
            PartGoing::Now => ("next-clean", None),
            PartGoing::Later(at) => ("later", at),
            PartGoing::Held(at) => ("held", at),
        };
        Self {
            part: reasons.part.word(),
            rule: reasons.rule.key(),
            reason: reasons.reason.clone(),
            when,
            at: at.and_then(rfc3339),
            timestamp: at,
        }
    }
}
