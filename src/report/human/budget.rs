//! Budgets, and what a clean leaves of what they are about.

use crate::clean::{BudgetPlan, Plan};
use crate::report::text::{bytes, times};
use crate::retention::{Budget, Setting};
use std::fmt::{self, Write};

/// What budgets take beside the rules.
pub(super) fn budgets(plan: &Plan, out: &mut dyn Write) -> fmt::Result {
    for budget in &plan.budgets {
        let Setting { value, origin } = &budget.budget;
        let takes = format!("{} of these ({})", budget.takes.count, bytes(budget.takes.size.disk));
        writeln!(out, "  {} {value}: {takes}; {}", value.names(origin), leaves(budget))?;
        if !budget.met {
            writeln!(out, "    it cannot be met: what is left is protected, among the")?;
            writeln!(out, "    last of its project, or of no size")?;
        }
    }
    Ok(())
}

/// What a clean leaves of what a budget is about.
pub(super) fn leaves(budget: &BudgetPlan) -> String {
    match budget.budget.value {
        Budget::MaxRuns(_) => format!("leaves {}", times(budget.comes_to, "run")),
        Budget::MaxSize(_) => format!("leaves {} of runs", bytes(budget.comes_to)),
        Budget::MinFree(_) => format!("leaves {} free", bytes(budget.comes_to)),
    }
}
