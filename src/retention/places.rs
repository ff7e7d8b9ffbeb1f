//! What rules come to that an age cannot tell: they compare the runs of a project with each other, or ask what is known
//! of one of them.
//!
//! **Buckets** are restic's. For each of the last N hours (days, weeks, months, years) *in which there are runs*, the
//! newest run of it stays. While fewer than N have runs, the oldest run of the project stays as well: the day that it
//! stands for is wanted until there are N others. `within` counts back from the newest run, not from now: of a project
//! that rests, its last days of work stay.
//!
//! Protected runs have their places like all others. Runs of the future have none, as in counting the last N: one of a
//! wrong clock would take the place of a real one for years.

use super::calendar::{Period, Zone};
use super::cutoff::Rank;
use super::policy::{Policy, UNLIMITED};
use super::verdict::{KeepReason, Subject};
use crate::model::{Class, Timestamp};
use std::collections::HashMap;

/// What the rules keep in one project that look at more than the age of a run.
#[derive(Clone, Debug)]
pub struct Places {
    floor: Rank,
    kept: HashMap<i64, Vec<KeepReason>>,
}

impl Places {
    /// The places of the runs of one project: of all that are there, in any order.
    pub fn of(subjects: &[Subject], policy: &Policy, now: Timestamp, zone: Zone) -> Self {
        let mut past: Vec<&Subject> = subjects.iter().filter(|subject| subject.timestamp <= now).collect();
        let floor = floor(&mut past, policy.last());
        let mut places = Self { floor, kept: HashMap::new() };
        if policy.asks_rows() {
            past.sort_unstable_by_key(|subject| std::cmp::Reverse(Rank::of(subject)));
            for period in Period::ALL {
                places.newest_of(&past, period, policy.newest_of(period), zone);
            }
            places.within(&past, policy);
            places.last_success(&past, policy);
            for subject in &past {
                if let Some(tag) = subject.tagged.filter(|_| policy.keep_tag.is_some()) {
                    places.keep(subject, KeepReason::Tagged(tag));
                }
                if subject.unresolved && policy.keep_unresolved.value {
                    places.keep(subject, KeepReason::Unresolved);
                }
            }
        }
        places
    }

    /// Where no rule asks for more than the last N: `floor` is the rank of the oldest run among them, as
    /// [`Cutoffs::below`] has it.
    ///
    /// [`Cutoffs::below`]: super::Cutoffs::below
    pub fn by_last(floor: Rank) -> Self {
        Self { floor, kept: HashMap::new() }
    }

    /// The rank of the oldest run among the last N: from here on, all are among them.
    pub const fn floor(&self) -> Rank {
        self.floor
    }

    /// Whether a rule keeps that run which looks at more than its age and the number of newer ones.
    pub fn keeps(&self, key: i64) -> bool {
        self.kept.contains_key(&key)
    }

    /// The rows of the runs that such a rule keeps, in no order.
    pub fn kept(&self) -> impl Iterator<Item = i64> + '_ {
        self.kept.keys().copied()
    }

    /// The rules of that kind that keep a run.
    pub fn reasons(&self, key: i64) -> &[KeepReason] {
        self.kept.get(&key).map_or(&[], Vec::as_slice)
    }

    fn keep(&mut self, subject: &Subject, reason: KeepReason) {
        self.kept.entry(subject.key).or_default().push(reason);
    }

    /// The newest run of each of the last `count` stretches that have runs; `past` begins with the newest.
    fn newest_of(&mut self, past: &[&Subject], period: Period, count: u64, zone: Zone) {
        let mut left = count;
        let mut last = None;
        for (at, subject) in past.iter().enumerate() {
            if left == 0 {
                return;
            }
            let bucket = Some(period.bucket(subject.timestamp, zone));
            if bucket != last {
                self.keep(subject, KeepReason::NewestOf(period, count));
            } else if at + 1 == past.len() {
                self.keep(subject, KeepReason::OldestFor(period, count));
            } else {
                continue;
            }
            last = bucket;
            // Without a limit, none is ever used up.
            left -= u64::from(count < UNLIMITED);
        }
    }

    fn within(&mut self, past: &[&Subject], policy: &Policy) {
        let (Some(age), Some(newest)) = (policy.within(), past.first()) else { return };
        let from = age.before(newest.timestamp);
        for subject in past.iter().take_while(|subject| subject.timestamp >= from) {
            self.keep(subject, KeepReason::WithinOfLast(age));
        }
    }

    /// The last run that succeeded. Where a status by `stderr` alone is unknown, the last that looks so stays beside the
    /// last that is known to: being strict never removes more.
    fn last_success(&mut self, past: &[&Subject], policy: &Policy) {
        if !policy.keep_last_success.value {
            return;
        }
        let last = past.iter().find(|subject| subject.succeeded);
        let certain = past.iter().find(|subject| subject.succeeded && subject.class != Class::InferredOk);
        if let Some(last) = last {
            self.keep(last, KeepReason::LastSuccess);
        }
        if let Some(certain) =
            certain.filter(|certain| policy.strict_status.value && last.is_some_and(|l| l.key != certain.key))
        {
            self.keep(certain, KeepReason::LastSuccess);
        }
    }
}

/// The rank of the oldest run among the last `last`.
fn floor(past: &mut [&Subject], last: u64) -> Rank {
    let Some(index) = last.checked_sub(1) else { return Rank::HIGHEST };
    match usize::try_from(index) {
        Ok(index) if index < past.len() => {
            Rank::of(past.select_nth_unstable_by_key(index, |subject| std::cmp::Reverse(Rank::of(subject))).1)
        }
        _ => Rank::LOWEST,
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
