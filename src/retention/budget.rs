//! Budgets: how many runs there may be, what they may take, and how much of the disk has to stay free.
//!
//! A budget is no rule. Rules say what is wanted, and only add to what stays; a budget says what there is room for, and
//! takes of what rules keep. So it is a second step over the verdicts: [`spend`](super::spend()) has it.

use super::policy::Policy;
use super::rules::{Origin, Rule, Setting};
use std::fmt;
use std::str::FromStr;

/// A whole, in hundredths of a per cent.
const WHOLE: u64 = 10_000;

/// The units of sizes, each 1024 of the one before.
const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];

/// An amount of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(u64);

/// So much of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// So much.
    Bytes(Amount),
    /// A share of all of it, in hundredths of a per cent.
    Share(u32),
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Runs may take so much.
    MaxSize(Portion),
    /// There may be so many runs.
    MaxRuns(u64),
    /// So much of the disk has to stay free.
    MinFree(Portion),
}

/// One layer of budgets, each of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// `--max-size`, `max_size`.
    pub max_size: Option<Portion>,
    /// `--max-runs`, `max_runs`.
    pub max_runs: Option<u64>,
    /// `--min-free`, `min_free`.
    pub min_free: Option<Portion>,
}

/// The room on the file system of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What may still be written, in bytes.
    pub available: u64,
    /// All of it.
    pub total: u64,
    /// What lies in the trash and is available once that is empty.
    pub trash: u64,
}

/// What is known of the room on the file system of a store, and of what is not, why. A budget that asks for that takes
/// nothing: where the disk is not known to be full, no run is lost for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// What may still be written, and all of it, in bytes.
    pub disk: Result<(u64, u64), String>,
    /// What lies in the trash, in bytes.
    pub trash: Result<u64, String>,
}

/// The reason why a text is no budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// A minus sign.
    #[error("`{0}` is negative: write a size like 5G, without a sign")]
    Negative(String),
    /// Nothing at all.
    #[error("`{0}` is no budget: nothing could stay, or nothing would go")]
    Nothing(String),
    /// Some count by 1000 here, some by 1024.
    #[error("`{0}` could count by 1000 or by 1024: write 5G or 5GiB, which is by 1024")]
    Ambiguous(String),
    /// Something else.
    #[error("`{0}` is no size: write a number with K, M, G, T or P, like 5G or 1.5T")]
    NoSize(String),
    /// As much as there is, or more.
    #[error("`{0}` is all of the disk: write a share below 100%")]
    WholeDisk(String),
}

impl Default for Room {
    /// Nobody looked.
    fn default() -> Self {
        Self { disk: Err("nobody looked how large the disk is".to_owned()), trash: Ok(0) }
    }
}

impl From<Space> for Room {
    fn from(space: Space) -> Self {
        Self { disk: Ok((space.available, space.total)), trash: Ok(space.trash) }
    }
}

impl Room {
    /// Why a budget cannot be asked: what it asks for is not known.
    pub fn lacks(&self, budget: &Budget) -> Option<&str> {
        let (asks_disk, asks_trash) = match budget {
            Budget::MaxRuns(_) | Budget::MaxSize(Portion::Bytes(_)) => (false, false),
            Budget::MaxSize(Portion::Share(_)) => (true, false),
            Budget::MinFree(_) => (true, true),
        };
        let disk = self.disk.as_ref().err().filter(|_| asks_disk);
        disk.or(self.trash.as_ref().err().filter(|_| asks_trash)).map(String::as_str)
    }

    /// The room for budgets that lack nothing of it. What is not known is nothing here, and none of them asks for it.
    pub fn space(&self) -> Space {
        let (available, total) = *self.disk.as_ref().unwrap_or(&(0, 0));
        Space { available, total, trash: *self.trash.as_ref().unwrap_or(&0) }
    }
}

impl Budgets {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// All that are stated.
    pub fn stated(&self) -> impl Iterator<Item = Budget> + use<> {
        self.all().into_iter().flatten()
    }

    fn all(&self) -> [Option<Budget>; 3] {
        [self.max_runs.map(Budget::MaxRuns), self.max_size.map(Budget::MaxSize), self.min_free.map(Budget::MinFree)]
    }

    /// The budgets in force: a flag beats its key in `config.yml`.
    pub fn resolve(flags: &Self, config: &Self) -> Vec<Setting<Budget>> {
        let both = flags.all().into_iter().zip(config.all());
        both.filter_map(|(flag, key)| {
            let flag = flag.map(|value| Setting { value, origin: Origin::Flag });
            flag.or(key.map(|value| Setting { value, origin: Origin::Default }))
        })
        .collect()
    }
}

impl Budget {
    /// Its limit, on a disk of that size: runs or bytes.
    pub fn limit(&self, disk: u64) -> u64 {
        match self {
            Self::MaxRuns(runs) => *runs,
            Self::MaxSize(portion) | Self::MinFree(portion) => portion.of(disk),
        }
    }

    /// By how much it does not hold where there are so many runs, they take so much, or so much is free.
    pub fn short(&self, found: u64, disk: u64) -> u64 {
        match self {
            Self::MaxRuns(_) | Self::MaxSize(_) => found.saturating_sub(self.limit(disk)),
            Self::MinFree(_) => self.limit(disk).saturating_sub(found),
        }
    }

    /// Its key below `retention` in `config.yml`.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::MaxSize(_) => "max_size",
            Self::MaxRuns(_) => "max_runs",
            Self::MinFree(_) => "min_free",
        }
    }

    /// What sets it: a flag, or a key of `config.yml`.
    pub fn names(&self, origin: &Origin) -> &'static str {
        match (self, origin) {
            (Self::MaxSize(_), Origin::Flag) => "--max-size",
            (Self::MaxRuns(_), Origin::Flag) => "--max-runs",
            (Self::MinFree(_), Origin::Flag) => "--min-free",
            (Self::MaxSize(_), _) => "retention.max_size",
            (Self::MaxRuns(_), _) => "retention.max_runs",
            (Self::MinFree(_), _) => "retention.min_free",
        }
    }

    /// The rule of a policy that this can never be met beside, where both stand in one place: what sets that.
    pub fn contradicts(&self, origin: &Origin, policy: &Policy) -> Option<String> {
        let Self::MaxRuns(most) = self else { return None };
        let last = policy.keep_last.as_ref().filter(|last| last.value > *most)?;
        let together = (*origin == Origin::Flag) == (last.origin == Origin::Flag);
        together.then(|| format!("{}` {}", last.origin.names(Rule::KeepLast), last.value))
    }
}

impl fmt::Display for Budget {
    /// Its limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxSize(portion) | Self::MinFree(portion) => portion.fmt(f),
            Self::MaxRuns(runs) => runs.fmt(f),
        }
    }
}

impl Amount {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Amount {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let text = text.trim();
        let other = || BudgetError::NoSize(text.to_owned());
        if text.starts_with('-') {
            return Err(BudgetError::Negative(text.to_owned()));
        }
        let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, unit) = text.split_at(digits);
        let power = match unit.trim() {
            "" | "B" => 0,
            unit => {
                let mut letters = unit.chars();
                let letter = letters.next().map_or(' ', |c| c.to_ascii_uppercase());
                let place = UNITS.iter().position(|known| *known == letter).ok_or_else(other)?;
                match letters.as_str() {
                    "" | "iB" => place + 1,
                    "B" | "b" => return Err(BudgetError::Ambiguous(text.to_owned())),
                    _ => return Err(other()),
                }
            }
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let number = |digits: &str| match digits.len() {
            1..=18 if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<u128>().map_err(|_| other()),
            _ => Err(other()),
        };
        let unit = 1024_u128.pow(u32::try_from(power).unwrap_or(0));
        let (whole, tenths) = (number(whole)? * unit, number(part)? * unit / 10_u128.pow(part.len().min(18) as u32));
        match u64::try_from(whole + tenths).map_err(|_| other())? {
            0 => Err(BudgetError::Nothing(text.to_owned())),
            bytes => Ok(Self(bytes)),
        }
    }
}

impl fmt::Display for Amount {
    /// The shortest text that reads back as the same amount.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut amount, mut unit) = (self.0, None);
        for letter in UNITS {
            if amount == 0 || !amount.is_multiple_of(1024) {
                break;
            }
            (amount, unit) = (amount / 1024, Some(letter));
        }
        write!(f, "{amount}{}", unit.map_or_else(String::new, String::from))
    }
}

impl Portion {
    /// How many bytes that are, of so many.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Bytes(amount) => amount.0,
            Self::Share(share) => {
                let least = (u128::from(total) * u128::from(share)).div_ceil(u128::from(WHOLE));
                u64::try_from(least).unwrap_or(u64::MAX)
            }
        }
    }
}

impl FromStr for Portion {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        if !text.trim().ends_with('%') {
            return text.parse().map(Self::Bytes);
        }
        match text.parse::<super::Limit>() {
            Ok(super::Limit::Share(0)) => Err(BudgetError::Nothing(text.to_owned())),
            Ok(super::Limit::Share(share)) if u64::from(share) < WHOLE => Ok(Self::Share(share)),
            Ok(_) => Err(BudgetError::WholeDisk(text.to_owned())),
            Err(super::LimitError::Negative(_)) => Err(BudgetError::Negative(text.to_owned())),
            Err(super::LimitError::MoreThanAll(_)) => Err(BudgetError::WholeDisk(text.to_owned())),
            Err(_) => Err(BudgetError::NoSize(text.to_owned())),
        }
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(amount) => amount.fmt(f),
            Self::Share(share) => super::Limit::Share(*share).fmt(f),
        }
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
