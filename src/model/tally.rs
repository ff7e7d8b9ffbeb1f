//! How often something came out how, and how long it took: a summary that can be added up and taken apart again.
//!
//! Durations are kept in buckets that grow with them, 64 to each doubling: of every bucket, how many and how long
//! together. So a tally has the same size for ten runs as for a million, and two of them add up to the tally of both.
//!
//! **How exact.** Counts, sums and means are exact. A quantile, the least and the longest are told as the mean of the
//! bucket they fall into: off by less than 1/64 of themselves (1.6 %), and exact where the values in that bucket are all
//! the same, as the whole seconds are that the runner records.

use super::Status;
use std::collections::BTreeMap;

/// Buckets to each doubling, as a power of two.
const FINENESS: u32 = 6;

/// The least number of durations from which a single one can be called slow.
const ENOUGH: u64 = 5;

/// How often something came out how, and how long it took when it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [i64; Status::ALL.len()],
    durations: BTreeMap<u16, Bucket>,
}

/// The durations of about the same length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    count: i64,
    ms: i64,
}

/// The bucket of a duration in milliseconds: below 128 one for each, then 64 to each doubling.
pub fn bucket(ms: i64) -> u16 {
    let ms = ms.max(0).cast_unsigned();
    let width = (u64::BITS - ms.leading_zeros()).saturating_sub(FINENESS + 1);
    // At most (63 - 7 + 1) * 64 + 127, which fits.
    ((u64::from(width) << FINENESS) + (ms >> width)) as u16
}

impl Tally {
    /// Adds `count` that came out so and together took `ms`, all of them in one bucket; with a negative count, takes them
    /// away. Durations of what has no end say nothing, and are left out.
    pub fn add(&mut self, status: Status, count: i64, ms: Option<i64>) {
        self.counts[status as usize] += count;
        let Some(ms) = ms.filter(|_| count != 0 && status.is_ended()) else { return };
        let at = bucket(ms / count);
        let bucket = self.durations.entry(at).or_default();
        bucket.count += count;
        bucket.ms += ms;
        if bucket.count == 0 {
            self.durations.remove(&at);
        }
    }

    /// Adds another, or takes it away.
    fn combine(&mut self, other: &Self, sign: i64) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += sign * more;
        }
        for (at, more) in &other.durations {
            let bucket = self.durations.entry(*at).or_default();
            bucket.count += sign * more.count;
            bucket.ms += sign * more.ms;
        }
        self.durations.retain(|_, bucket| bucket.count > 0);
    }

    /// Adds another.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, 1);
    }

    /// Takes another away that is part of this.
    pub fn take(&mut self, other: &Self) {
        self.combine(other, -1);
    }

    /// How many came out so.
    pub fn count(&self, status: Status) -> u64 {
        u64::try_from(self.counts[status as usize]).unwrap_or(0)
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        Status::ALL.iter().map(|status| self.count(*status)).sum()
    }

    /// How many ended, well or badly.
    pub fn ended(&self) -> u64 {
        Status::ALL.iter().filter(|status| status.is_ended()).map(|status| self.count(*status)).sum()
    }

    /// Which part of those that ended did so well; `None` when none did.
    pub fn success_rate(&self) -> Option<f64> {
        (self.ended() > 0).then(|| self.count(Status::Success) as f64 / self.ended() as f64)
    }

    /// How many of those that ended have a known duration.
    pub fn timed(&self) -> u64 {
        u64::try_from(self.durations.values().map(|bucket| bucket.count).sum::<i64>()).unwrap_or(0)
    }

    /// How long they took together, in milliseconds.
    pub fn spent_ms(&self) -> i64 {
        self.durations.values().map(|bucket| bucket.ms).sum()
    }

    /// How long they took on average, in milliseconds.
    pub fn mean_ms(&self) -> Option<i64> {
        let timed = self.timed();
        (timed > 0).then(|| (self.spent_ms() as f64 / timed as f64).round() as i64)
    }

    /// The least, in milliseconds.
    pub fn min_ms(&self) -> Option<i64> {
        self.durations.values().next().map(Bucket::mean)
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> Option<i64> {
        self.durations.values().next_back().map(Bucket::mean)
    }

    /// The duration in milliseconds that this part of them, from 0 to 1, does not exceed: between two neighbours in
    /// proportion, so that the half is the median.
    pub fn quantile_ms(&self, part: f64) -> Option<i64> {
        let timed = self.timed();
        let last = timed.checked_sub(1)?;
        let place = part.clamp(0.0, 1.0) * last as f64;
        let (below, above) = (self.ranked(place.floor() as u64)?, self.ranked(place.ceil() as u64)?);
        Some((below as f64 + (above - below) as f64 * place.fract()).round() as i64)
    }

    /// The median in milliseconds.
    pub fn median_ms(&self) -> Option<i64> {
        self.quantile_ms(0.5)
    }

    /// What 95 of 100 do not exceed, in milliseconds.
    pub fn p95_ms(&self) -> Option<i64> {
        self.quantile_ms(0.95)
    }

    /// Whether a duration is longer than 95 of 100 of these. Few of them say nothing about another, and neither does a
    /// difference finer than a bucket.
    pub fn makes_slow(&self, ms: i64) -> bool {
        self.timed() >= ENOUGH && self.p95_ms().is_some_and(|p95| bucket(ms) > bucket(p95))
    }

    /// The duration with that place in order, from 0.
    fn ranked(&self, place: u64) -> Option<i64> {
        let mut below = 0;
        let found = self.durations.values().find(|bucket| {
            below += u64::try_from(bucket.count).unwrap_or(0);
            place < below
        });
        found.map(Bucket::mean)
    }
}

impl Bucket {
    fn mean(&self) -> i64 {
        if self.count == 0 { 0 } else { (self.ms as f64 / self.count as f64).round() as i64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(durations: &[i64]) -> Tally {
        let mut tally = Tally::default();
        durations.iter().for_each(|ms| tally.add(Status::Success, 1, Some(*ms)));
        tally
    }

    /// The quantile of a sorted list, as textbooks have it.
    fn exact(sorted: &[i64], part: f64) -> f64 {
        let place = part * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        low as f64 + (high - low) as f64 * place.fract()
    }

    #[test]
    fn buckets_are_in_order_and_64_to_a_doubling() {
        for ms in 0..300_000 {
            let (this, next) = (bucket(ms), bucket(ms + 1));
            assert!(next == this || next == this + 1, "{ms}: {this}, {next}");
        }
        assert_eq!((bucket(0), bucket(127), bucket(128), bucket(130)), (0, 127, 128, 129));
        assert_eq!(bucket(2000) - bucket(1000), 64);
        assert_eq!(bucket(-5), 0);
        assert_eq!(bucket(i64::MAX), 56 * 64 + 127);
    }

    #[test]
    fn whole_seconds_give_exact_quantiles() {
        let mut durations: Vec<i64> = (1..=60).flat_map(|s| std::iter::repeat_n(s * 1000, s as usize % 7)).collect();
        durations.sort_unstable();
        let tally = of(&durations);
        for part in [0.0, 0.05, 0.5, 0.9, 0.95, 1.0] {
            assert_eq!(tally.quantile_ms(part), Some(exact(&durations, part).round() as i64), "{part}");
        }
        assert_eq!(tally.min_ms(), durations.first().copied());
        assert_eq!(tally.max_ms(), durations.last().copied());
        assert_eq!(tally.spent_ms(), durations.iter().sum::<i64>());
        assert_eq!(of(&[1000, 2000]).median_ms(), Some(1500));
    }

    #[test]
    fn what_did_not_end_has_no_part_in_the_rate_nor_in_the_durations() {
        let mut tally = Tally::default();
        assert_eq!((tally.success_rate(), tally.median_ms(), tally.mean_ms(), tally.total()), (None, None, None, 0));
        for status in [Status::Running, Status::Interrupted, Status::Unknown] {
            tally.add(status, 1, Some(1000));
        }
        assert_eq!((tally.success_rate(), tally.timed(), tally.total(), tally.ended()), (None, 0, 3, 0));
        tally.add(Status::Failed, 1, None);
        tally.add(Status::Success, 3, Some(30));
        assert_eq!((tally.success_rate(), tally.timed(), tally.ended()), (Some(0.75), 3, 4));
    }

    #[test]
    fn slow_is_more_than_a_bucket_above_nineteen_of_twenty() {
        let tally = of(&[1000; 20]);
        assert!(!tally.makes_slow(1000) && !tally.makes_slow(1005) && tally.makes_slow(1100));
        assert!(!of(&[1000; 4]).makes_slow(60_000), "four say nothing");
        let mut spread: Vec<i64> = vec![1000; 100];
        spread.extend([9000; 3]);
        assert!(of(&spread).makes_slow(5000), "three of a hundred are beyond the line");
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]

        #[test]
        fn a_quantile_is_off_by_less_than_a_sixty_fourth(
            mut durations in prop::collection::vec(0_i64..10_000_000, 1..200), part in 0.0_f64..1.0,
        ) {
            durations.sort_unstable();
            let wanted = exact(&durations, part);
            let got = of(&durations).quantile_ms(part).unwrap() as f64;
            prop_assert!((got - wanted).abs() <= wanted / 64.0 + 1.0, "{got} for {wanted}");
        }

        #[test]
        fn what_was_added_can_be_taken_away(
            one in prop::collection::vec((0_usize..5, 0_i64..100_000), 0..40),
            other in prop::collection::vec((0_usize..5, 0_i64..100_000), 0..40),
        ) {
            let tally = |all: &[(usize, i64)]| {
                let mut tally = Tally::default();
                all.iter().for_each(|(status, ms)| tally.add(Status::ALL[*status], 1, Some(*ms)));
                tally
            };
            let mut both = tally(&one);
            both.merge(&tally(&other));
            prop_assert_eq!(&both, &tally(&[one.clone(), other.clone()].concat()));
            both.take(&tally(&other));
            prop_assert_eq!(both, tally(&one));
        }
    }
}
