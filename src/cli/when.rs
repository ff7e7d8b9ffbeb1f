//! Instants as people write them: an age, a date (local midnight), or RFC 3339.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone as _};
use otto_catalog::model::{Age, Timestamp};
use otto_catalog::retention::Zone;
use std::ops::RangeInclusive;

/// An instant, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// So long before now.
    Ago(Age),
    /// Then.
    At(Timestamp),
}

impl When {
    /// Reads a text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let age = match text.parse::<Age>() {
            Ok(age) => return Ok(Self::Ago(age)),
            Err(error) => error,
        };
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(instant.timestamp()));
        }
        match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            Ok(date) => Ok(Self::At(local_midnight(date))),
            // Whoever writes dashes means a date, unless the text begins with one.
            Err(error) if text.get(1..).is_some_and(|rest| rest.contains('-')) => {
                Err(format!("`{text}` is not a date: {error} (write 2025-06-01, or 2025-06-01T12:00:00Z)"))
            }
            Err(_) => Err(format!("{age}, or a date such as 2025-06-01")),
        }
    }

    /// The instant, seen from `now`.
    pub(crate) fn instant(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(age) => age.before(now),
            Self::At(at) => at,
        }
    }
}

/// The instants that a local time means as our tables show it: a second, or a minute of them. A time that clocks show
/// twice is both; one that they leave out is none.
pub(crate) fn local_time(text: &str) -> Vec<RangeInclusive<Timestamp>> {
    let text = text.replacen('T', " ", 1);
    // To the letter: what is half written means no minute.
    let read = |form: &str, text: &str| {
        NaiveDateTime::parse_from_str(text, form).ok().filter(|time| time.format(form).to_string() == text)
    };
    let (time, seconds) = match (read("%Y-%m-%d %H:%M:%S", &text), read("%Y-%m-%d %H:%M", &text)) {
        (Some(time), _) => (time, 0),
        (None, Some(time)) => (time, 59),
        (None, None) => return Vec::new(),
    };
    let mapped = Local.from_local_datetime(&time);
    let mut starts: Vec<_> = mapped.earliest().into_iter().chain(mapped.latest()).map(|at| at.timestamp()).collect();
    starts.dedup();
    starts.into_iter().map(|from| from..=from + seconds).collect()
}

/// The first instant of a day. Where the clocks skip midnight, the day begins when they go on.
fn local_midnight(date: NaiveDate) -> Timestamp {
    let midnight = date.and_hms_opt(0, 0, 0).unwrap_or_default();
    let minutes = (0..180).map(|minute| midnight + chrono::TimeDelta::minutes(minute));
    minutes
        .filter_map(|time: NaiveDateTime| Local.from_local_datetime(&time).earliest())
        .map(|instant| instant.timestamp())
        .next()
        .unwrap_or_else(|| midnight.and_utc().timestamp())
}

/// The zone of the user, by which rules tell hours, days and so on.
pub(crate) fn zone() -> Zone {
    Zone::new(|at| {
        let utc = DateTime::from_timestamp(at, 0).map(|at| at.naive_utc());
        utc.map_or(0, |utc| Local.offset_from_utc_datetime(&utc).local_minus_utc())
    })
}

/// An instant in the user's zone.
pub(crate) fn local(at: Timestamp) -> Option<NaiveDateTime> {
    Some(Local.timestamp_opt(at, 0).single()?.naive_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_as_tables_show_it_is_a_second_or_a_minute() {
        let at = Local.with_ymd_and_hms(2025, 6, 1, 14, 30, 0).unwrap().timestamp();
        assert_eq!(local_time("2025-06-01 14:30:00"), [at..=at]);
        assert_eq!(local_time("2025-06-01T14:30"), [at..=at + 59]);
        let none = ["2025-06-01", "14:30", "2025-06-01 14", "2025-06-01 25:00", "1748788200", ""];
        let halves = ["2025-06-01 14:3", "2025-06-01 14:30:1", "2025-06-0114:30", "2025-6-1 14:30"];
        for text in none.into_iter().chain(halves) {
            assert!(local_time(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn ages_dates_and_instants_are_told_apart() {
        assert_eq!(When::parse("30"), Ok(When::Ago(Age::days(30))));
        assert_eq!(When::parse("2025-06-01T00:00:00+02:00"), Ok(When::At(1_748_728_800)));
        let midnight = Local.with_ymd_and_hms(2025, 6, 1, 0, 0, 0).unwrap().timestamp();
        assert_eq!(When::parse("2025-06-01"), Ok(When::At(midnight)));
        assert_eq!(When::Ago(Age::days(1)).instant(86_400), 0);
        for (text, part) in [("5m", "5min"), ("-1", "negative"), ("2025-13-01", "not a date"), ("", "missing")] {
            let error = When::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
