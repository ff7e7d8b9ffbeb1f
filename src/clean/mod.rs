//! Removing runs and cache entries: plan, execute, recover.
//!
//! A [`Plan`] is complete and immutable: it says what goes, why, and what is freed; a dry run prints it, [`execute()`] takes
//! it by value. Execution may do less than the plan, never more.

mod back;
mod cache_plan;
mod execute;
mod orphans;
mod plan;
mod planner;
mod recover;

pub use execute::{Execution, Failed, Outcome, Skipped, execute};
pub use orphans::orphaned;
pub use plan::{
    Before, CacheMode, CachePlan, EntryRemoval, KeptRun, Plan, ProjectPlan, ProtectedRun, Removals, Request,
    RunRemoval, Totals,
};
pub use planner::{PlanError, plan, standing};
pub use recover::{Pending, Recovery, pending, put_back, recover};
