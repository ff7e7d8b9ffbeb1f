//! What budgets take of the runs that rules keep.
//!
//! The oldest run goes first, of whatever project, until every budget holds. Never taken is a run that is not spare
//! (protected, among the last N of its project, the last success where that rule is set), nor one that brings no budget
//! nearer: whose blocks all have names that stay.
//!
//! A budget that cannot be met is told with what it is short of. One on runs or on their size then takes what it may: what
//! is too much is the runs' own, and the rest of them would only grow. One on free space takes nothing: where all runs
//! that may go would not be enough, it is not runs that fill the disk, and their history would be lost in vain.
//!
//! All sums stay at the largest or at nothing. Rows of one file may disagree on its size, because a settled run is not
//! walked again; whoever makes a [`Load`] of them takes the smallest, so that no run goes for blocks that are not there.

use super::budget::{Budget, Space};
use super::cutoff::Rank;
use std::collections::HashSet;

/// A run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Its place in time.
    pub rank: Rank,
    /// What it takes of the disk, in bytes, without its files that are among [`Load::files`].
    pub disk: u64,
    /// Whether a budget may take it.
    pub spare: bool,
}

/// A file that several runs share, or a cache entry that goes with the runs that name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedFile {
    /// What it takes of the disk, in bytes.
    pub disk: u64,
    /// Whether it has a name that stays, whatever becomes of the runs.
    pub elsewhere: bool,
    /// Places of the runs that have a name of it: it is counted with them.
    pub owners: Vec<usize>,
    /// Places of the runs that hold it otherwise, as those that name a cache entry.
    pub holders: Vec<usize>,
}

/// Runs, and what they take together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The runs.
    pub runs: Vec<Stay>,
    /// What is not one run's alone.
    pub files: Vec<SharedFile>,
    /// What is freed whatever becomes of the runs, in bytes.
    pub freed: u64,
}

/// What a budget comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// How many runs are left, what they take, or what is free.
    pub comes_to: u64,
    /// By how much it does not hold.
    pub short: u64,
}

/// What budgets take, and what that comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Rows of the runs that go, oldest first, each with the place of the budget that it goes for.
    pub takes: Vec<(i64, usize)>,
    /// What each budget comes to.
    pub reached: Vec<Reached>,
    /// For each budget: whether it took nothing because all that may go would not be enough.
    pub in_vain: Vec<bool>,
}

/// A load of which some runs are gone.
#[derive(Clone)]
struct Left<'l> {
    load: &'l Load,
    /// By run: places of the files that it owns or holds, and whether it owns them.
    of_run: Vec<Vec<(usize, bool)>>,
    gone: Vec<bool>,
    /// By file: how many of its owners are left, and how many of all that keep it.
    kept_by: Vec<(usize, usize)>,
    runs: u64,
    size: u64,
    freed: u64,
}

/// What budgets take of a load. `gone` are rows of the runs that rules let go.
pub fn spend(load: &Load, gone: &HashSet<i64>, budgets: &[Budget], space: Space) -> Spent {
    let start = Left::without(load, gone);
    let mut all_gone = start.clone();
    (0..load.runs.len()).filter(|at| load.runs[*at].spare).for_each(|at| all_gone.take(at));
    let in_vain: Vec<bool> = budgets
        .iter()
        .map(|budget| matches!(budget, Budget::MinFree(_)) && all_gone.reached(budget, space).short > 0)
        .collect();
    let mut left = start;
    let mut spare: Vec<usize> = (0..load.runs.len()).filter(|at| load.runs[*at].spare && !left.gone[*at]).collect();
    spare.sort_unstable_by_key(|at| load.runs[*at].rank);
    // What the most that can go would leave tells what never will.
    let helps: Vec<(bool, bool)> =
        (0..load.runs.len()).map(|at| all_gone.gave(at)).map(|(s, f)| (s > 0, f > 0)).collect();
    let mut takes = Vec::new();
    for at in spare {
        let wants = |(place, budget): (usize, &Budget)| {
            let helps = match budget {
                Budget::MaxRuns(_) => true,
                Budget::MaxSize(_) => helps[at].0,
                Budget::MinFree(_) => helps[at].1,
            };
            !in_vain[place] && helps && left.reached(budget, space).short > 0
        };
        let Some(place) = budgets.iter().enumerate().position(wants) else { continue };
        left.take(at);
        takes.push((at, place));
    }
    // A run that shares all it has with one that stays in the end gave nothing. To another budget it may be of use: then it
    // goes for that one.
    takes.retain_mut(|(at, place)| {
        let gave = left.gave(*at);
        let gave_nothing = match budgets[*place] {
            Budget::MaxRuns(_) => false,
            Budget::MaxSize(_) => gave.0 == 0,
            Budget::MinFree(_) => gave.1 == 0,
        };
        if !gave_nothing {
            return true;
        }
        let short =
            |left: &Left<'_>| budgets.iter().map(|budget| left.reached(budget, space).short).collect::<Vec<_>>();
        let with = short(&left);
        left.give_back(*at);
        let without = short(&left);
        let needs = |of: &usize| !in_vain[*of] && without[*of] > with[*of];
        let Some(other) = (0..budgets.len()).find(needs) else { return false };
        left.take(*at);
        *place = other;
        true
    });
    Spent {
        takes: takes.into_iter().map(|(at, place)| (load.runs[at].rank.key, place)).collect(),
        reached: budgets.iter().map(|budget| left.reached(budget, space)).collect(),
        in_vain,
    }
}

/// What budgets come to when these runs of a load are gone.
pub fn reached(load: &Load, gone: &HashSet<i64>, budgets: &[Budget], space: Space) -> Vec<Reached> {
    let left = Left::without(load, gone);
    budgets.iter().map(|budget| left.reached(budget, space)).collect()
}

impl<'l> Left<'l> {
    fn without(load: &'l Load, gone: &HashSet<i64>) -> Self {
        let mut of_run = vec![Vec::new(); load.runs.len()];
        let mut left = Self {
            load,
            of_run: Vec::new(),
            gone: vec![false; load.runs.len()],
            kept_by: Vec::with_capacity(load.files.len()),
            runs: load.runs.len() as u64,
            size: load.runs.iter().fold(0, |sum, run| sum.saturating_add(run.disk)),
            freed: load.freed,
        };
        for (place, file) in load.files.iter().enumerate() {
            let owners: HashSet<usize> = file.owners.iter().copied().collect();
            let holders: HashSet<usize> = file.holders.iter().copied().filter(|at| !owners.contains(at)).collect();
            owners.iter().for_each(|at| of_run[*at].push((place, true)));
            holders.iter().for_each(|at| of_run[*at].push((place, false)));
            let keepers = owners.len() + holders.len();
            left.kept_by.push((owners.len(), keepers));
            match (owners.is_empty(), keepers == 0, file.elsewhere) {
                (false, ..) => left.size = left.size.saturating_add(file.disk),
                (true, true, false) => left.freed = left.freed.saturating_add(file.disk),
                _ => {}
            }
        }
        left.of_run = of_run;
        for (at, run) in load.runs.iter().enumerate() {
            if gone.contains(&run.rank.key) {
                left.take(at);
            }
        }
        left
    }

    fn take(&mut self, at: usize) {
        if self.gone[at] {
            return;
        }
        self.gone[at] = true;
        self.runs -= 1;
        for (place, owns) in &self.of_run[at] {
            let (owners, keepers) = self.kept_by[*place];
            self.kept_by[*place] = (owners - usize::from(*owns), keepers - 1);
        }
        let (size, freed) = self.gave(at);
        (self.size, self.freed) = (self.size.saturating_sub(size), self.freed.saturating_add(freed));
    }

    fn give_back(&mut self, at: usize) {
        let (size, freed) = self.gave(at);
        (self.size, self.freed) = (self.size.saturating_add(size), self.freed.saturating_sub(freed));
        for (place, owns) in &self.of_run[at] {
            let (owners, keepers) = self.kept_by[*place];
            self.kept_by[*place] = (owners + usize::from(*owns), keepers + 1);
        }
        self.gone[at] = false;
        self.runs += 1;
    }

    /// What runs take less because that one is gone, and what is freed by it.
    fn gave(&self, at: usize) -> (u64, u64) {
        let own = self.load.runs[at].disk;
        let (mut size, mut freed) = (own, own);
        for (place, owns) in &self.of_run[at] {
            let (file, (owners, keepers)) = (&self.load.files[*place], self.kept_by[*place]);
            if owners == 0 && *owns {
                size = size.saturating_add(file.disk);
            }
            if keepers == 0 && !file.elsewhere {
                freed = freed.saturating_add(file.disk);
            }
        }
        (size, freed)
    }

    fn reached(&self, budget: &Budget, space: Space) -> Reached {
        let comes_to = match budget {
            Budget::MaxRuns(_) => self.runs,
            Budget::MaxSize(_) => self.size,
            Budget::MinFree(_) => space.available.saturating_add(space.trash).saturating_add(self.freed),
        };
        Reached { comes_to, short: budget.short(comes_to, space.total) }
    }
}

#[cfg(test)]
#[path = "spend_tests.rs"]
mod tests;
