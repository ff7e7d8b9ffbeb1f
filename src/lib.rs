//! The run catalog for otto: list, inspect, weigh and safely clean what the task runner leaves in `~/.otto`.
//!
//! # The flow
//!
//! ```text
//! file tree --store--> observation --index--> catalog (SQLite)
//!                                               | rows
//!                                    retention: rows, policy, now
//!                                               | verdicts with reasons
//!                                         clean::plan --> Plan --> shown        (a dry run ends here)
//!                                               | the same value
//!                                      clean::execute --> Outcome --> shown
//! ```
//!
//! | module | what it is for | knows |
//! |---|---|---|
//! | [`model`] | nouns: runs, tasks, sizes, ages, statuses | nothing |
//! | [`progress`] | how long work is told | nothing |
//! | [`store`] | the tree: recognise, walk, read the runner's database, and the only code that changes anything | model |
//! | [`catalog`] | the only SQL | model |
//! | [`retention`] | policy and judging, pure | model |
//! | [`index`] | the tree into the catalog, in one transaction | model, store, catalog, progress |
//! | [`audit`] | the log of what was done: its lines, its files, read and written | model, store, catalog |
//! | [`session`] | a store with its catalog, opened and locked for one command | all above but retention |
//! | [`clean`] | plan, execute, recover | all above |
//! | [`archive`] | runs in a file: written, verified, brought back | all above but index and clean |
//! | [`compare`] | two runs side by side | model, store, catalog |
//! | [`logs`] | the logs of tasks: their last lines, words in many of them | model, store |
//! | [`stats`] | how runs and tasks came out over time, from the catalog's sums | model, catalog |
//! | [`marks`] | pins and tags | model, store, catalog, audit, session |
//! | [`configure`] | rules put into `config.yml`, on the record | store, retention, audit, session, marks |
//! | [`check`] | the store held against all that is known of it, and mended | all above but retention |
//! | [`report`] | text, tables and JSON of the values above | model, retention, clean |
//! | [`practice`] | practice stores in the shape of every version of the runner | nothing of the above |
//!
//! # Files on the user's disk
//!
//! | file | module | what happens to it |
//! |---|---|---|
//! | `<project>/<run>/` | [`store::run_walk`], [`clean`] | walked; removed only through a plan |
//! | `<project>/.cache/` | [`store::project_walk`], [`clean`] | listed; entries removed only by reference count |
//! | `otto.db` | [`store::runner_db`] | read, without leaving a trace; never written |
//! | `config.yml` | [`retention`], [`configure`] | read, strictly; rules that the user states are put into it |
//! | `.catalog/catalog.db` | [`catalog`] | the index: derived, safe to delete |
//! | `.catalog/store-id` | [`store::identity`] | by which plan files know the store; survives the catalog |
//! | `.catalog/lock` | [`store::lock`] | held to index and to decide, never while asking or unlinking |
//! | `.catalog/trash/` | [`store::trash`], [`clean::trash`] | what lies between decision and deletion, or waits to be restored |
//! | `.catalog/audit.jsonl`, `audit-*.jsonl` | [`audit`] | what was done, by whom and why; appended to, never removed |
//! | `.catalog/import/` | [`archive`] | where an archive is unpacked until it is verified |
//! | an archive, wherever the user wants it | [`archive`], [`store::outside`] | written aside, verified, named when whole |
//! | a plan file, wherever the user wants it | [`clean::plan_file`], [`store::outside`] | written whole, read strictly |
//! | `.catalog/reserve` | [`store::reserve`] | a mebibyte that is given up when a deletion meets a full disk |
//!
//! # What holds everywhere
//!
//! The library never prints, exits, or reads the clock, the environment or arguments: those are values that the caller
//! brings ([`session::Settings`]). No path is followed through a link. No string becomes SQL. What cannot be read is a
//! [`model::Problem`] in a report, and whatever it belongs to is kept.
//!
//! # Example
//!
//! Open a store, judge it, print the plan, execute it, read the outcome:
//!
//! ```
//! use otto_catalog::clean::{self, CacheMode, Execution, Removals, Request};
//! use otto_catalog::model::{Age, Clock};
//! use otto_catalog::practice::{self, Flavour, Spec};
//! use otto_catalog::progress::Hidden;
//! use otto_catalog::retention::Rules;
//! use otto_catalog::session::{Access, Session, Settings};
//! use otto_catalog::store::change::Hook;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let now = 1_795_000_000;
//! let home = directory.path().join("otto");
//! practice::write(&home, &Spec {
//!     seed: 1,
//!     runs: 40,
//!     now,
//!     projects: None,
//!     tasks_per_run: None,
//!     flavour: Flavour::Mixed,
//!     runner_db: true,
//! })?;
//!
//! let settings = Settings {
//!     home,
//!     home_is_default: false,
//!     never_clean: Vec::new(),
//!     catalog: None,
//!     runner_db: None,
//!     temporary: directory.path().to_owned(),
//!     processes: "/proc".into(),
//!     own_pid: std::process::id(),
//!     holder: "the example".to_owned(),
//!     clock: Clock { now, wall_ns: now * 1_000_000_000 },
//!     elapsed: &|| std::time::Duration::ZERO,
//!     audit_limit: otto_catalog::audit::ROTATE_AT,
//!     threads: 2,
//!     hook: Hook::default(),
//!     progress: &Hidden,
//!     wait: &|_holder| false,
//! };
//! let mut session = Session::open(&settings, Access::Delete)?;
//! let request = Request {
//!     flags: Rules { keep: Some(Age::days(30)), ..Rules::default() },
//!     cache: CacheMode::Collect,
//!     removals: Removals::Executable,
//!     ..Request::default()
//! };
//! let plan = clean::plan(&session.catalog, &request, settings.clock.now)?;
//! for run in &plan.runs {
//!     println!("{} goes: {}", run.id, run.reasons.join(", "));
//! }
//! let planned = plan.runs.len();
//!
//! let execution = Execution {
//!     command: "otto clean --keep 30 --cache",
//!     who: "the example",
//!     policy: "keep 30 days",
//!     interrupted: &|| false,
//! };
//! let outcome = clean::execute(&mut session, &settings, plan, &execution)?;
//! assert_eq!(outcome.deleted_runs.len() + outcome.skipped.len(), planned);
//! println!("freed {} bytes", outcome.freed().disk);
//! # Ok(())
//! # }
//! ```

pub mod archive;
pub mod audit;
pub mod catalog;
pub mod check;
pub mod clean;
pub mod compare;
pub mod configure;
pub mod index;
pub mod logs;
pub mod marks;
pub mod model;
pub mod practice;
pub mod progress;
pub mod report;
pub mod retention;
pub mod session;
pub mod stats;
pub mod store;

#[cfg(test)]
#[path = "../tests/support/cases.rs"]
mod cases;
