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
}

impl BudgetPlan {
    pub(super) fn new(budget: Setting<Budget>) -> Self {
        Self { budget, takes: Totals::default(), comes_to: 0, met: true, short: 0, in_trash: 0, stay: Vec::new() }
    }
}
