//! Budgets, and what a clean leaves of what they are about.

use crate::clean::{BudgetPlan, Plan};
use crate::report::text::{Look, bytes, printable, times, wrapped};
use crate::retention::{Budget, Origin, Setting};
use std::fmt::{self, Write};

/// What budgets take beside the rules.
pub(super) fn budgets(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    for budget in &plan.budgets {
        let Setting { value, origin } = &budget.budget;
        if let Some(why) = budget.notice() {
            wrapped(&printable(&why), look, "  ", out)?;
            continue;
        }
        let takes = format!("{} of these ({})", budget.takes.count, bytes(budget.takes.size.disk));
        wrapped(&format!("{} {value}: {takes}; {}", value.names(origin), leaves(budget)), look, "  ", out)?;
        if !budget.met {
            let stay: Vec<String> = budget.stay.iter().map(|(why, runs)| format!("{runs} {why}")).collect();
            let of = if stay.is_empty() {
                "no run stays".to_owned()
            } else {
                format!("of the runs that stay, {}", stay.join(", "))
            };
            wrapped(&format!("not met, {}: {of}", short(budget)), look, "    ", out)?;
        }
    }
    let goes = plan.removes.count - plan.budgets.iter().map(|budget| budget.takes.count).sum::<u64>();
    let asked = plan.budgets.iter().any(|budget| budget.budget.origin == Origin::Flag);
    let built_in = plan.projects.iter().filter(|planned| planned.policy.keep.origin == Origin::BuiltIn);
    let mut built_in = built_in.map(|planned| (planned.policy.keep.value, planned.lets_go.count));
    if let Some((age, _)) = built_in.find(|(_, count)| *count > 0).filter(|_| asked && goes > 0) {
        let text = format!(
            "Without a budget, the built-in age of {age} lets {} go; --keep unlimited leaves all to the budget.",
            times(goes, "run")
        );
        wrapped(&text, look, "  ", out)?;
    }
    Ok(())
}

/// The budgets that do not hold after a clean or were not asked, a line each.
///
/// # Errors
/// Those of `out`.
pub fn not_met(budgets: &[BudgetPlan], look: &Look, out: &mut dyn Write) -> fmt::Result {
    for budget in budgets.iter().filter(|budget| !budget.met) {
        let Setting { value, origin } = &budget.budget;
        if let Some(why) = budget.notice() {
            wrapped(&printable(&format!("Not asked: {why}")), look, "", out)?;
            continue;
        }
        wrapped(&format!("Not met: {} {value}, {}", value.names(origin), short(budget)), look, "", out)?;
    }
    Ok(())
}

/// By how much a budget does not hold.
pub(super) fn short(budget: &BudgetPlan) -> String {
    match budget.budget.value {
        Budget::MaxRuns(_) => format!("{} too many", times(budget.short, "run")),
        Budget::MaxSize(_) => format!("{} too much", bytes(budget.short)),
        Budget::MinFree(_) => format!("{} too little", bytes(budget.short)),
    }
}

/// What a clean leaves of what a budget is about.
pub(super) fn leaves(budget: &BudgetPlan) -> String {
    match budget.budget.value {
        Budget::MaxRuns(_) => format!("leaves {}", times(budget.comes_to, "run")),
        Budget::MaxSize(_) => format!("leaves {} of runs", bytes(budget.comes_to)),
        Budget::MinFree(_) if budget.in_trash > 0 => {
            let (free, trash) = (bytes(budget.comes_to), bytes(budget.in_trash));
            format!("leaves {free} free once the trash is empty, which holds {trash} of that")
        }
        Budget::MinFree(_) => format!("leaves {} free", bytes(budget.comes_to)),
    }
}
