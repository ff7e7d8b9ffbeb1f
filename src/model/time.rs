//! Instants and ages. Nothing here reads a clock.

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use std::fmt;
use std::str::FromStr;

/// Seconds of a day, as retention counts it: 24 hours, whatever the calendar says.
pub const DAY: u64 = 86_400;

/// Unix seconds.
pub type Timestamp = i64;

/// How far a write may lie after the instant by which ages are judged and still count as one of that instant, in seconds.
/// The instant is read once, in whole seconds, when a command starts: what is written while it waits for a lock, or in the
/// same second, lies after it and is the surest sign of life. What is dated later than that comes from a clock that was
/// wrong, or from an archive.
pub const AHEAD: Timestamp = 600;

/// The two clocks that a command goes by. Both are read once, by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The instant by which ages are judged; `OTTO_NOW` sets it.
    pub now: Timestamp,
    /// The machine's clock in nanoseconds, for telling whether a directory's stamp is old enough to be trusted.
    pub wall_ns: i64,
}

impl Clock {
    /// The wall clock in seconds.
    pub fn wall(&self) -> Timestamp {
        self.wall_ns.div_euclid(1_000_000_000)
    }
}

/// An instant as RFC 3339 in UTC, or `None` when it is outside the calendar's range.
pub fn rfc3339(timestamp: Timestamp) -> Option<String> {
    let instant: DateTime<Utc> = Utc.timestamp_opt(timestamp, 0).single()?;
    Some(instant.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The word for the longest age, which is older than anything.
const UNLIMITED: &str = "unlimited";

/// A span of time in whole seconds, written `30` (days), `90s`, `15min`, `36h`, `30d`, `4w`, `6mo` or `1y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(u64);

/// The reason why a text is no age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// No text at all.
    #[error("an age is missing: write a number of days, or a number with s, min, h, d, w, mo or y")]
    Empty,
    /// A bare `m` could be minutes or months.
    #[error("`{0}` could be minutes or months: write `{1}min` or `{1}mo`")]
    Ambiguous(String, String),
    /// A minus sign.
    #[error("`{0}` is negative: an age counts back from now and is written without a sign")]
    Negative(String),
    /// The number does not read as a whole number.
    #[error("`{0}` is not an age: write a whole number of days, or a number with s, min, h, d, w, mo or y")]
    NotANumber(String),
    /// The unit is not one of ours.
    #[error("`{0}` has the unknown unit `{1}`: use s, min, h, d, w, mo or y")]
    UnknownUnit(String, String),
    /// More than a thousand years.
    #[error("`{0}` is more than 1000 years")]
    Absurd(String),
}

impl Age {
    /// The longest age that is taken for meant: a thousand years.
    const LONGEST: u64 = 365_000 * DAY;

    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// That many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// That many days of 86 400 seconds.
    pub const fn days(days: u64) -> Self {
        Self(days * DAY)
    }

    /// The span in seconds.
    pub const fn as_seconds(self) -> u64 {
        self.0
    }

    /// The instant this long before `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        now.saturating_sub_unsigned(self.0)
    }

    /// The instant this long after `now`.
    pub fn after(self, now: Timestamp) -> Timestamp {
        now.saturating_add_unsigned(self.0)
    }

    /// How far `then` lies before `now`, `None` when it lies after.
    pub fn between(then: Timestamp, now: Timestamp) -> Option<Self> {
        u64::try_from(now.checked_sub(then)?).ok().map(Self)
    }
}

impl FromStr for Age {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AgeError::Empty);
        }
        if text == UNLIMITED {
            return Ok(Self(Self::LONGEST));
        }
        if text.starts_with('-') {
            return Err(AgeError::Negative(text.to_owned()));
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        if number.is_empty() {
            return Err(AgeError::NotANumber(text.to_owned()));
        }
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            "" | "d" => DAY,
            "w" => 7 * DAY,
            "mo" => 30 * DAY,
            "y" => 365 * DAY,
            "m" => return Err(AgeError::Ambiguous(text.to_owned(), number.to_owned())),
            _ if unit.starts_with(|c: char| c.is_alphabetic()) => {
                return Err(AgeError::UnknownUnit(text.to_owned(), unit.to_owned()));
            }
            _ => return Err(AgeError::NotANumber(text.to_owned())),
        };
        let absurd = || AgeError::Absurd(text.to_owned());
        let number: u64 = number.parse().map_err(|_| absurd())?;
        let total = number.checked_mul(seconds).ok_or_else(absurd)?;
        if total > Self::LONGEST {
            return Err(absurd());
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Age {
    /// The shortest text that reads back as the same age.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0 => "0d".to_owned(),
            Self::LONGEST => UNLIMITED.to_owned(),
            s if s % DAY == 0 => format!("{}d", s / DAY),
            s if s % 3600 == 0 => format!("{}h", s / 3600),
            s if s % 60 == 0 => format!("{}min", s / 60),
            s => format!("{s}s"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_people_write_them() {
        let good = [
            ("30", 30 * DAY),
            ("0", 0),
            ("unlimited", 365_000 * DAY),
            ("90s", 90),
            ("15min", 900),
            ("36h", 36 * 3600),
            ("30d", 30 * DAY),
            ("4w", 28 * DAY),
            ("6mo", 180 * DAY),
            ("1y", 365 * DAY),
            (" 7 ", 7 * DAY),
        ];
        for (text, seconds) in good {
            assert_eq!(text.parse(), Ok(Age::seconds(seconds)), "{text}");
        }
        for text in
            ["", "m", "5m", "-1", "-1d", "d", "1.5d", "30 d", "3days", "999999999999999999999", "2000y", "30d5h"]
        {
            assert!(text.parse::<Age>().is_err(), "`{text}` was taken for an age");
        }
        assert!("5m".parse::<Age>().unwrap_err().to_string().contains("5min"));
    }

    #[test]
    fn an_age_is_written_so_that_it_reads_back() {
        for text in ["0d", "90s", "15min", "36h", "30d"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn instants_outside_the_calendar_have_no_text() {
        assert_eq!(rfc3339(0).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(i64::MAX), None);
    }
}
