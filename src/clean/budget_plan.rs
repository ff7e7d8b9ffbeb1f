//! What a budget comes to in a plan.

use super::plan::Totals;
use crate::retention::{Budget, Setting};

/// A budget, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetPlan {
    /// The budget.
    pub budget: Setting<Budget>,
    /// Runs that rules keep and that go for its sake.
    pub takes: Totals,
    /// How many runs, what size of them, or what free space there will be.
    pub comes_to: u64,
    /// Whether it holds then.
    pub met: bool,
    /// By how much it does not: runs or bytes.
    pub short: u64,
    /// Of what will be free, what lies in the trash until that is over.
    pub in_trash: u64,
    /// Where it does not hold: why how many runs stay all the same.
    pub stay: Vec<(String, u64)>,
    /// Why it was not asked, and took nothing: what it asks for is not known, nor whether it holds.
    pub unknown: Option<String>,
}

impl BudgetPlan {
    pub(super) fn new(budget: Setting<Budget>) -> Self {
        Self {
            budget,
            takes: Totals::default(),
            comes_to: 0,
            met: true,
            short: 0,
            in_trash: 0,
            stay: Vec::new(),
            unknown: None,
        }
    }

    /// One that cannot be asked, for this reason.
    pub(super) fn unasked(budget: Setting<Budget>, why: &str) -> Self {
        Self { met: false, unknown: Some(why.to_owned()), ..Self::new(budget) }
    }

    /// That it was not asked, with the reason, if it was not.
    pub fn notice(&self) -> Option<String> {
        let Setting { value, origin } = &self.budget;
        self.unknown.as_ref().map(|why| format!("{} {value} takes no run: {why}", value.names(origin)))
    }
}
