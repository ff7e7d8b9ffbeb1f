//! Removing runs and cache entries: plan, execute, recover.
//!
//! A [`Plan`] is complete and immutable: it says what goes, why, and what is freed; a dry run prints it, [`execute()`] takes
//! it by value. Execution may do less than the plan, never more. [`plan_file`] carries a plan from one command to another,
//! and [`rehearse()`] says what an execution would skip now. What a clean kept instead of deleting it is in [`trash`].

mod back;
mod budget_plan;
mod cache_plan;
mod emptied;
mod execute;
mod fold;
mod ledger;
mod leftovers;
mod narrowing;
mod orphans;
mod pending;
mod plan;
pub mod plan_file;
mod planner;
mod recover;
mod strays;
mod thinning;
pub mod trash;
pub mod why;

pub use budget_plan::BudgetPlan;
pub use execute::{
    Execution, Failed, Outcome, Skipped, Thinned, check_archive_place, execute, execute_archiving, rehearse,
};
pub use fold::{Folded, fold};
pub use leftovers::{Fate, Leftover, leftovers};
pub use narrowing::{Choice, Narrowing};
pub use orphans::orphaned;
pub use pending::{Pending, pending};
pub use plan::{
    Before, CacheMode, CachePlan, EntryRemoval, EntryStays, KeptRun, NO_ROW, Plan, ProjectPlan, ProtectedRun, Removals,
    Request, RunRemoval, Totals, WhyEntryStays,
};
pub use planner::{PlanError, limit, plan, standing};
pub use recover::{Recovery, put_back, recover};
pub use thinning::{RunThinning, TEMPORARY, parts_before_budgets, with_few_parts, with_parts};
