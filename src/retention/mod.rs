//! Which runs may go, and why: a pure function of rows, a policy and an instant.
//!
//! ```text
//! config.yml --Config::parse--> Rules (default, one layer a project key)
//! flags -----------------------> Rules                        | Policy::resolve, key by key
//!                                                          Policy (each value with its origin)
//!                                                             |
//!                       Subject (a run, its class, what protects it)
//!                                                             | judge, for one project
//!                                                          Verdict (keep or remove, with every reason)
//! ```
//!
//! **A run is kept if any rule keeps it.** So a new rule (a bucket a day, a span in which all stay) is one more
//! [`KeepReason`] that [`judge()`] asks for, and can only make fewer runs go. What protects a run is asked before any
//! rule: whatever is running, recent, pinned, of the future or not read whole stays under every policy. Budgets, which
//! remove what rules would keep, are a second step over the verdicts and not a rule.
//!
//! **Two paths, one answer.** [`judge()`] says why, and looks at every run. [`Cutoffs`] says the same as one instant a
//! class and one rank a project, so that SQL can select the rows that go among a million without reading those that
//! stay. A property test holds the two equal.
//!
//! **Exact seconds.** A run goes when it is *older than* its age: at the very second it stays. A day has 86 400
//! seconds.
//!
//! Nothing here reads a clock, a file, or the environment: the text of `config.yml` and the instant are arguments. The
//! order of the subjects never matters, and judging twice is judging once.

mod budget;
mod calendar;
mod config;
mod cutoff;
mod edit;
mod error;
mod glob;
mod judge;
mod limit;
mod places;
mod policy;
mod projects;
#[cfg(test)]
mod properties;
mod protection;
mod rules;
mod spend;
mod stated;
mod useless;
mod verdict;
mod yaml;

pub use budget::{Amount, Budget, BudgetError, Budgets, Portion, Room, Space};
pub use calendar::{Bucket, Period, Zone};
pub use config::{Config, MAX_CONFIG_BYTES};
pub use cutoff::{Cutoffs, Rank};
pub use edit::{Amendment, Edit, EditError, KeyChange, edit, lines};
pub use error::ConfigError;
pub use glob::fits;
pub use judge::{judge, judge_one};
pub use limit::{Limit, LimitError};
pub use places::Places;
pub use policy::{AgeLimit, AgeRule, BUILT_IN_KEEP, Policy, PolicyError, Selection, UNLIMITED, is_a_tag_list};
pub use projects::Notice;
pub use protection::{Protection, RECENT, protection, protections};
pub use rules::{Origin, Rule, Rules, Setting};
pub use spend::{Load, Reached, SharedFile, Spent, Stay, reached, spend};
pub use stated::{Stated, StoreSetting};
pub use verdict::{Decision, KeepReason, RemoveReason, Subject, Verdict};
