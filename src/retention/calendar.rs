//! Hours, days, weeks, months and years as the calendar of a place has them.
//!
//! A rule that keeps one run a day means the days of whoever set it, and those begin at his midnight: on the day on which
//! clocks go on a day has 23 hours, on that on which they go back 25. So every instant is read in a [`Zone`], which the
//! caller hands in: nothing here reads the environment.
//!
//! Weeks are those of ISO 8601: they begin on Monday, and belong to no month or year. An hour that the clocks show twice
//! is two hours.

use crate::model::{DAY, Timestamp};
use chrono::{DateTime, Datelike as _};

/// How far the clocks of a place are ahead of UTC, in seconds, at every instant.
#[derive(Clone, Copy, Debug)]
pub struct Zone(fn(Timestamp) -> i32);

impl Zone {
    /// No place's, and everybody's.
    pub const UTC: Self = Self(|_| 0);

    /// The zone in which clocks are so many seconds ahead of UTC at an instant.
    pub const fn new(ahead: fn(Timestamp) -> i32) -> Self {
        Self(ahead)
    }

    /// How many seconds clocks are ahead of UTC.
    pub fn ahead(self, at: Timestamp) -> i32 {
        (self.0)(at)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

/// A stretch of the calendar, of which the newest run can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// As the clocks show it.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// Of the calendar.
    Month,
    /// Of the calendar.
    Year,
}

/// One of the stretches of a [`Period`]: two instants lie in the same when these are equal. Later ones are not always
/// greater: an hour is told by what the clocks show and how far they are ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bucket(i64, i32);

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The word for one.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The stretch in which an instant lies.
    pub fn bucket(self, at: Timestamp, zone: Zone) -> Bucket {
        let ahead = zone.ahead(at);
        let shown = at.saturating_add(i64::from(ahead));
        let day = shown.div_euclid(DAY.cast_signed());
        // Beyond every calendar, a day is all there is to tell.
        let date = || DateTime::from_timestamp(shown, 0).map(|shown| shown.date_naive());
        match self {
            Self::Hour => Bucket(shown.div_euclid(3600), ahead),
            Self::Day => Bucket(day, 0),
            // The first of January 1970 was a Thursday.
            Self::Week => Bucket((day + 3).div_euclid(7), 0),
            Self::Month => {
                date().map_or(Bucket(day, 1), |d| Bucket(i64::from(d.year()) * 12 + i64::from(d.month0()), 0))
            }
            Self::Year => date().map_or(Bucket(day, 1), |date| Bucket(i64::from(date.year()), 0)),
        }
    }

    /// How many of these one `longer` can hold at most, where each lies in one of them whole. An hour that is shown twice
    /// counts twice, and clocks were put back for other reasons than summer.
    pub const fn most_in(self, longer: Self) -> Option<u64> {
        const SPARE: u64 = 24;
        match (self, longer) {
            (Self::Hour, Self::Day) => Some(24 + SPARE),
            (Self::Hour, Self::Week) => Some(7 * 24 + SPARE),
            (Self::Hour, Self::Month) => Some(31 * 24 + SPARE),
            (Self::Hour, Self::Year) => Some(366 * 24 + SPARE),
            (Self::Day, Self::Week) => Some(7),
            (Self::Day, Self::Month) => Some(31),
            (Self::Day, Self::Year) => Some(366),
            (Self::Month, Self::Year) => Some(12),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Berlin in 2025: summer from 30 March, 01:00 UTC, to 26 October, 01:00 UTC.
    fn berlin(at: Timestamp) -> i32 {
        if (1_743_296_400..1_761_440_400).contains(&at) { 7200 } else { 3600 }
    }

    const BERLIN: Zone = Zone::new(berlin);

    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    }

    fn same(period: Period, a: &str, b: &str) -> bool {
        period.bucket(at(a), BERLIN) == period.bucket(at(b), BERLIN)
    }

    #[test]
    fn a_day_ends_at_local_midnight() {
        assert!(same(Period::Day, "2025-07-01T00:00:00+02:00", "2025-07-01T23:59:59+02:00"));
        assert!(!same(Period::Day, "2025-06-30T23:59:59+02:00", "2025-07-01T00:00:00+02:00"));
        assert!(!same(Period::Month, "2025-06-30T23:59:59+02:00", "2025-07-01T00:00:00+02:00"));
        assert!(same(Period::Month, "2025-06-30T23:59:59+02:00", "2025-06-01T00:00:00+02:00"));
        assert!(!same(Period::Year, "2024-12-31T23:59:59+01:00", "2025-01-01T00:00:00+01:00"));
    }

    #[test]
    fn days_on_which_clocks_change_are_days() {
        // 23 hours, then 25.
        assert!(same(Period::Day, "2025-03-30T00:00:00+01:00", "2025-03-30T23:59:59+02:00"));
        assert!(!same(Period::Day, "2025-03-30T23:59:59+02:00", "2025-03-31T00:00:00+02:00"));
        assert!(same(Period::Day, "2025-10-26T00:00:00+02:00", "2025-10-26T23:59:59+01:00"));
        assert!(!same(Period::Day, "2025-10-25T23:59:59+02:00", "2025-10-26T00:00:00+02:00"));
        // What is shown twice is two hours.
        assert!(!same(Period::Hour, "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00"));
        assert!(same(Period::Hour, "2025-10-26T02:00:00+01:00", "2025-10-26T02:59:59+01:00"));
        let hours: std::collections::HashSet<_> =
            (0..25).map(|hour| Period::Hour.bucket(at("2025-10-26T00:00:00+02:00") + hour * 3600, BERLIN)).collect();
        assert_eq!(hours.len(), 25);
    }

    #[test]
    fn a_week_begins_on_monday_and_may_lie_in_two_years() {
        assert!(same(Period::Week, "2024-12-30T00:00:00+01:00", "2025-01-05T23:59:59+01:00"));
        assert!(!same(Period::Week, "2025-01-05T23:59:59+01:00", "2025-01-06T00:00:00+01:00"));
    }

    #[test]
    fn a_month_is_one_of_its_year() {
        assert!(!same(Period::Month, "2024-06-15T12:00:00+02:00", "2025-06-15T12:00:00+02:00"));
        assert!(!same(Period::Month, "2024-12-15T12:00:00+01:00", "2025-01-15T12:00:00+01:00"));
    }

    #[test]
    fn instants_beyond_every_calendar_have_buckets() {
        for period in Period::ALL {
            assert_ne!(
                period.bucket(i64::MAX, Zone::UTC),
                period.bucket(i64::MAX - 2 * DAY.cast_signed() * 7, Zone::UTC)
            );
            for extreme in [i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1] {
                assert_eq!(period.bucket(extreme, BERLIN), period.bucket(extreme, BERLIN));
            }
        }
    }
}
