//! What a clean removes, what it never removes, and what it says.

mod alive;
mod budgets;
mod changed;
mod last_look;
mod newcomer;
mod parts_by_age;
mod pinned;
mod plan_file;
mod plan_of_parts;
mod policy;
mod refused;
mod selection;
mod sizes;
mod temporary;
mod thinned;
mod thinned_meanwhile;
mod thinned_places;

use crate::support::*;
use otto_catalog::clean::{CacheMode, Request};
use otto_catalog::model::Age;
use otto_catalog::practice::{Era, RunSpec, TaskSpec};

/// `clean --cache-only`, with that grace.
fn cache_only(grace: Age) -> Request {
    Request { cache: CacheMode::Only, cache_grace: Some(grace), ..keep(30) }
}

/// A run of 1.x with a task of its own script and one whose script all have.
fn with_own_script(cwd: &str, timestamp: i64, own: &str) -> RunSpec {
    let own = TaskSpec::ok("own").script(format!("#!/usr/bin/env bash\necho {own}\n"));
    RunSpec::new(Era::J, cwd, timestamp).task(own).task(TaskSpec::ok("shared"))
}

/// The name that the cache has for the script of [`with_own_script`].
fn own_entry(own: &str) -> String {
    format!("{}.sh", otto_catalog::practice::hash8(format!("#!/usr/bin/env bash\necho {own}\n").as_bytes()))
}
