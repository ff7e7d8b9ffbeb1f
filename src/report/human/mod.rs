//! Text for people, one module a report. Wording: "would" before, plain past after; paths and commands as they can be copied.

mod archive;
mod budget;
mod check;
mod compare;
mod explained;
mod hit;
mod info;
mod marks;
mod operations;
mod outcome;
mod plan;
mod plan_file;
mod retention;
mod stats;
mod trash;
mod tree;
mod usage;
mod why;

pub use crate::report::view::run::run_path;
pub use archive::{archive, exported, imported};
pub use budget::not_met;
pub use check::{check, fixed};
pub use compare::compare;
pub use hit::hit;
pub use info::info;
pub use marks::marks;
pub use operations::{audit_summary, items as operation_items, monday, operation};
pub use outcome::{outcome, recovery};
pub use plan::{PlanContext, numbered, parts, plan, policy_text, removal, stale_advice, totals};
pub use plan_file::{plan_file, rehearsal};
pub use retention::{changes, retention, simulation};
pub use stats::stats;
pub use trash::{emptied, emptying, restoration, restored, trash};
pub use tree::tree;
pub use usage::usage;
pub use why::{entry_path, why_entry, why_run};
