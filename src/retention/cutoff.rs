//! A policy as one instant a class and one rank a project, for selecting what goes without reading what stays.
//!
//! Age rules ask whether a run is older than an instant that depends on its class alone. The rule of the last N asks
//! whether it ranks below the N-th newest run of its project, which an index finds. So a run goes when it is below
//! both, and SQL can walk an index up to the lower of them. [`Cutoffs::removes`] is the same question as
//! [`super::judge()`] asks of a run that nothing protects.

use super::policy::Policy;
use super::verdict::Subject;
use crate::model::{Class, Timestamp};

const CLASSES: usize = Class::ALL.len();

/// The place of a run among those of its project: by time, within a second by number, and by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Unix seconds that its directory's name states.
    pub timestamp: Timestamp,
    /// The number after the `-`.
    pub number: u32,
    /// Row id.
    pub key: i64,
}

impl Rank {
    /// No run ranks below.
    pub const LOWEST: Self = Self { timestamp: i64::MIN, number: 0, key: i64::MIN };
    /// Every run ranks below.
    pub const HIGHEST: Self = Self { timestamp: i64::MAX, number: u32::MAX, key: i64::MAX };

    /// The rank of a subject.
    pub const fn of(subject: &Subject) -> Self {
        Self { timestamp: subject.timestamp, number: subject.number, key: subject.key }
    }
}

/// What one project's policy comes to at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    before: [Timestamp; CLASSES],
    below: Rank,
}

impl Cutoffs {
    /// The cut-offs at `now`. `nth_newest` is the rank of the N-th newest run of the project, N being [`Policy::last`],
    /// counted over its runs of `now` and before, protected ones included; `None` when it has fewer than N: then
    /// nothing goes. It is not looked at when N is 0.
    pub fn new(policy: &Policy, now: Timestamp, nth_newest: Option<Rank>) -> Self {
        let before = std::array::from_fn(|class| policy.limit(Class::ALL[class]).age.before(now));
        let below = if policy.last() == 0 { Rank::HIGHEST } else { nth_newest.unwrap_or(Rank::LOWEST) };
        Self { before, below }
    }

    /// Cut-offs that were found before: an instant for each class, and the rank of the N-th newest run.
    pub fn of_instants(before: impl Fn(Class) -> Timestamp, below: Rank) -> Self {
        Self { before: std::array::from_fn(|class| before(Class::ALL[class])), below }
    }

    /// Whether the policy lets a run of that class and rank go. Protection is not its business, with one exception that
    /// follows by itself: no cut-off lies after `now`, so a run of the future never goes.
    pub fn removes(&self, class: Class, rank: Rank) -> bool {
        rank.timestamp < self.before(class) && rank < self.below
    }

    /// The instant for that class: older runs go.
    pub const fn before(&self, class: Class) -> Timestamp {
        self.before[class as usize]
    }

    /// The rank below which runs go: [`Rank::HIGHEST`] when no number of runs is kept, [`Rank::LOWEST`] when all are.
    pub const fn below(&self) -> Rank {
        self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Age;
    use crate::retention::Rules;

    fn policy(keep_last: Option<u64>) -> Policy {
        let flags =
            Rules { keep: Some(Age::seconds(100)), keep_failed: Some(Age::seconds(10)), keep_last, ..Rules::default() };
        Policy::resolve(&flags, None, &Rules::default())
    }

    #[test]
    fn each_class_has_its_instant() {
        let cutoffs = Cutoffs::new(&policy(None), 1000, None);
        let instants: Vec<_> = Class::ALL.iter().map(|class| cutoffs.before(*class)).collect();
        assert_eq!(instants, [900, 990, 900, 900, 990]);
        let rank = |timestamp| Rank { timestamp, number: 0, key: 1 };
        assert!(cutoffs.removes(Class::Ok, rank(899)));
        assert!(!cutoffs.removes(Class::Ok, rank(900)));
    }

    #[test]
    fn nothing_goes_from_a_project_with_fewer_runs_than_are_kept() {
        let rank = Rank { timestamp: 5, number: 0, key: 1 };
        assert!(!Cutoffs::new(&policy(Some(3)), 1000, None).removes(Class::Ok, rank));
        // Without a number of runs to keep, there is no such run to name, and ages alone decide.
        assert!(Cutoffs::new(&policy(None), 1000, None).removes(Class::Ok, rank));
        assert!(Cutoffs::new(&policy(Some(0)), 1000, None).removes(Class::Ok, rank));
    }

    #[test]
    fn an_age_that_reaches_before_the_first_instant_keeps_everything() {
        let flags = Rules { keep: Some(Age::seconds(u64::MAX)), ..Rules::default() };
        let policy = Policy::resolve(&flags, None, &Rules::default());
        assert_eq!(Cutoffs::new(&policy, 0, None).before(Class::Ok), i64::MIN);
    }
}
