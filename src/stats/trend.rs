//! Whether it got better or worse.

use crate::model::{Age, Tally};

/// The part by which a median must differ to count as slower or faster: a tenth.
pub const SLOWER: f64 = 0.1;
/// The difference of success rates from which on it is less or more reliable: five of a hundred.
pub const LESS_RELIABLE: f64 = 0.05;
/// Each period needs so many to be compared: fewer differ by chance.
pub const ENOUGH: u64 = 5;

/// A period beside the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    /// How long each is.
    pub length: Age,
    /// The latest.
    pub latest: Tally,
    /// The one before.
    pub before: Tally,
}

/// How the latest period differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Slower, or less reliable.
    Worse,
    /// Faster, or more reliable.
    Better,
    /// About the same.
    Same,
}

impl Trend {
    /// How the median differs; `None` where one of the periods has too few to tell.
    pub fn speed(&self) -> Option<Change> {
        if self.latest.timed().min(self.before.timed()) < ENOUGH {
            return None;
        }
        let (latest, before) = (self.latest.median_ms()?, self.before.median_ms()?);
        let margin = before as f64 * SLOWER;
        Some(match (latest - before) as f64 {
            more if more > margin => Change::Worse,
            less if -less > margin => Change::Better,
            _ => Change::Same,
        })
    }

    /// By what part of the earlier median the latest differs; `None` where there is nothing to compare it with.
    pub fn slowdown(&self) -> Option<f64> {
        let (latest, before) = (self.latest.median_ms()?, self.before.median_ms()?);
        (before > 0).then(|| (latest - before) as f64 / before as f64)
    }

    /// How the success rate differs; `None` where one of the periods has too few to tell.
    pub fn reliability(&self) -> Option<Change> {
        if self.latest.ended().min(self.before.ended()) < ENOUGH {
            return None;
        }
        // A hair above the margin: 1 - 0.95 is not 0.05 to the last bit.
        let margin = LESS_RELIABLE + 1e-9;
        let difference = self.latest.success_rate()? - self.before.success_rate()?;
        Some(match difference {
            less if less < -margin => Change::Worse,
            more if more > margin => Change::Better,
            _ => Change::Same,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    fn tally(good: i64, bad: i64, ms: i64) -> Tally {
        let mut tally = Tally::default();
        tally.add(Status::Success, good, Some(good * ms));
        tally.add(Status::Failed, bad, Some(bad * ms));
        tally.add(Status::Interrupted, 50, None);
        tally
    }

    fn trend(latest: Tally, before: Tally) -> Trend {
        Trend { length: Age::days(30), latest, before }
    }

    #[test]
    fn a_tenth_of_the_median_is_the_same_and_more_is_slower() {
        let cases = [
            (10_000, Change::Same),
            (11_000, Change::Same),
            (11_100, Change::Worse),
            (9_000, Change::Same),
            (8_900, Change::Better),
        ];
        for (ms, change) in cases {
            assert_eq!(trend(tally(5, 0, ms), tally(0, 5, 10_000)).speed(), Some(change), "{ms}");
        }
        assert_eq!(trend(tally(4, 0, 1), tally(5, 0, 1)).speed(), None, "four are too few");
        assert_eq!(trend(tally(5, 0, 9), tally(5, 0, 0)).speed(), Some(Change::Worse));
        assert_eq!(trend(tally(5, 0, 9), tally(5, 0, 0)).slowdown(), None);
        assert_eq!(trend(tally(5, 0, 900), tally(5, 0, 1000)).slowdown(), Some(-0.1));
    }

    #[test]
    fn five_of_a_hundred_are_the_same_and_more_is_less_reliable() {
        let cases = [(95, Change::Same), (94, Change::Worse), (100, Change::Same)];
        for (good, change) in cases {
            assert_eq!(trend(tally(good, 100 - good, 1), tally(100, 0, 1)).reliability(), Some(change), "{good}");
        }
        assert_eq!(trend(tally(100, 0, 1), tally(94, 6, 1)).reliability(), Some(Change::Better));
        assert_eq!(trend(tally(100, 0, 1), tally(95, 5, 1)).reliability(), Some(Change::Same));
        assert_eq!(trend(tally(9, 1, 1), tally(2, 2, 1)).reliability(), None, "what was interrupted did not end");
    }
}
