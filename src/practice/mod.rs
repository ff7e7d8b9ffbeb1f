//! Practice stores: what the runner leaves behind, without a runner.
//!
//! `otto demo` gives people a store to try commands on, tests need stores of every era with exactly the trouble in
//! question, benches need large ones. All three write through this module, so that a shape is described once.
//!
//! Two ways in:
//! - [`StoreBuilder`] writes run after run as told ([`RunSpec`], [`TaskSpec`]), each in the shape of its [`Era`]: names
//!   hashed from what that era hashed, absolute or relative links, the files of its time, and the row that its runner
//!   would have left in `otto.db`.
//! - [`write()`] makes a whole store from a seed ([`Spec`]): [`Flavour::Mixed`] as years of use would have left it,
//!   [`Flavour::Uniform`] many alike runs, fast.
//!
//! What is promised:
//! - The same seed and `now` give the same tree: names, bytes, modes, link texts and, in a mixed store, times. Only the
//!   store's own path differs where eras wrote it down. The order of threads does not show.
//! - No run is alive, and none was written to in the ten minutes before `now`. In a mixed store every file carries the
//!   time at which its run would have written it. In a uniform one the times are those of the writing: like a copied store,
//!   it is told by directories that were born long after the moment that they are named after.
//! - [`write()`] only fills a directory that is missing or empty. Nothing is ever removed.
//!
//! The scripts are made up and nothing runs them; their hashes are right, for the catalog looks at those.

mod builder;
mod era;
mod files;
mod mixed;
mod rows;
mod runner_db;
mod spec;
mod task;
mod text;
mod trade;
mod uniform;

#[cfg(test)]
mod tests;

pub use builder::StoreBuilder;
pub use era::{Era, hash8};
pub use runner_db::WalState;
pub use spec::{Content, Outcome, RunSpec, TaskSpec, Times, Written};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::io;
use std::path::Path;

/// What sort of store to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Several eras, outcomes, sizes and ages: for people.
    Mixed,
    /// The same run again and again: for measuring.
    Uniform,
}

/// A whole store to write.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What all choices follow from.
    pub seed: u64,
    /// How many runs.
    pub runs: usize,
    /// The Unix second that the store leads up to.
    pub now: i64,
    /// How many projects, by era A's `.` and the older names of a project not counted; a fair number if `None`.
    pub projects: Option<usize>,
    /// How many tasks a run has; a few, or 12 in a uniform store, if `None`.
    pub tasks_per_run: Option<usize>,
    /// What sort of store.
    pub flavour: Flavour,
    /// Whether there is an `otto.db`.
    pub runner_db: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs.
    pub runs: usize,
    /// Project directories, era A's `.` included.
    pub projects: usize,
    /// Tasks, those included that a run skipped or did not come to.
    pub tasks: usize,
    /// Cache entries, orphans included.
    pub cache_entries: usize,
    /// Cache entries that no run names.
    pub orphans: usize,
    /// Lengths of the files of runs and caches.
    pub size_bytes: u64,
}

/// Writes a store into `root`, which must be missing or empty.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when something is in `root`; otherwise when something cannot be written.
pub fn write(root: &Path, spec: &Spec) -> io::Result<Summary> {
    match std::fs::read_dir(root) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let text =
                    format!("`{}` is not empty; a practice store needs a new or empty directory", root.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(files::explain("read", root)(error)),
    }
    match spec.flavour {
        Flavour::Mixed => mixed::write(root, spec),
        Flavour::Uniform => uniform::write(root, spec),
    }
}

/// Choices that follow from a seed.
struct Dice(ChaCha8Rng);

impl Dice {
    /// The choices of one part, independent of those of every other: parts may be made in any order.
    fn of_part(seed: u64, part: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(part);
        Self(rng)
    }

    /// A number from `low` up to and without `high`; `low` when there is none between.
    fn range(&mut self, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low).max(1);
        low + self.0.next_u64() % width
    }

    /// True once in `n` times.
    fn one_in(&mut self, n: u64) -> bool {
        self.range(0, n) == 0
    }
}
