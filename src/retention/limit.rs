//! How many runs one clean may remove at most: a brake for the day on which a policy, a clock or a mount is not what
//! somebody thought.
//!
//! It counts runs, and no cache entries: what a cache entry holds can be made again, a run cannot. A share is one of the
//! runs found in the projects that the clean is about.

use std::fmt;
use std::str::FromStr;

/// A whole, in hundredths of a per cent.
const WHOLE: u32 = 10_000;

/// How many runs may go at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many.
    Runs(u64),
    /// A share of those found, in hundredths of a per cent.
    Share(u32),
}

/// The reason why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// A minus sign.
    #[error("`{0}` is negative: write a number of runs from 0, or a share like 10%")]
    Negative(String),
    /// More than all.
    #[error("`{0}` is more than all runs: write a share up to 100%")]
    MoreThanAll(String),
    /// Something else.
    #[error("`{0}` is no limit: write a whole number of runs, or a share like 10% or 0.5%")]
    OtherForm(String),
}

impl Limit {
    /// How many of `found` runs may go.
    pub fn allows(self, found: u64) -> u64 {
        match self {
            Self::Runs(runs) => runs,
            Self::Share(share) => {
                let allowed = u128::from(found) * u128::from(share) / u128::from(WHOLE);
                u64::try_from(allowed).unwrap_or(u64::MAX)
            }
        }
    }
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let text = text.trim();
        let other = || LimitError::OtherForm(text.to_owned());
        if text.starts_with('-') {
            return Err(LimitError::Negative(text.to_owned()));
        }
        let Some(share) = text.strip_suffix('%') else {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            return if digits { text.parse().map(Self::Runs).map_err(|_| other()) } else { Err(other()) };
        };
        let (whole, hundredths) = share.trim_end().split_once('.').unwrap_or((share.trim_end(), "0"));
        let number = |digits: &str| match digits.len() {
            1..=9 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<u32>().map_err(|_| other()),
            _ => Err(other()),
        };
        if hundredths.len() > 2 {
            return Err(other());
        }
        let part = number(hundredths)? * if hundredths.len() == 1 { 10 } else { 1 };
        let share = u64::from(number(whole)?) * 100 + u64::from(part);
        match u32::try_from(share) {
            Ok(share) if share <= WHOLE => Ok(Self::Share(share)),
            _ => Err(LimitError::MoreThanAll(text.to_owned())),
        }
    }
}

impl fmt::Display for Limit {
    /// The shortest text that reads back as the same limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs(runs) => write!(f, "{runs}"),
            Self::Share(share) => match (share / 100, share % 100) {
                (whole, 0) => write!(f, "{whole}%"),
                (whole, part) if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
                (whole, part) => write!(f, "{whole}.{part:02}%"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_as_it_is_written() {
        for text in ["0", "12", "0%", "10%", "0.5%", "12.25%", "99.05%", "100%"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert_eq!(" 10 % ".parse(), Ok(Limit::Share(1000)));
        assert_eq!("7.50%".parse(), Ok(Limit::Share(750)));
        for text in [
            "",
            "%",
            "-1",
            "-5%",
            "101%",
            "100.01%",
            "4294967396%",
            "ten",
            "1e3",
            "5.5",
            ".5%",
            "5.%",
            "1.234%",
            "+3",
            "5%%",
        ] {
            assert!(text.parse::<Limit>().is_err(), "`{text}` was taken for a limit");
        }
        assert!("-3".parse::<Limit>().unwrap_err().to_string().contains("negative"));
    }

    #[test]
    fn a_share_is_rounded_down() {
        let cases = [("10%", 9, 0), ("10%", 10, 1), ("10%", 19, 1), ("100%", 7, 7), ("0%", 7, 0), ("3", 0, 3)];
        for (text, found, allowed) in cases {
            assert_eq!(text.parse::<Limit>().unwrap().allows(found), allowed, "{text} of {found}");
        }
        assert_eq!(Limit::Share(WHOLE).allows(u64::MAX), u64::MAX);
    }
}
