//! Budgets: how many runs there may be, what they may take, and how much of the disk has to stay free.
//!
//! A budget is no rule. Rules say what is wanted, and only add to what stays; a budget says what there is room for, and
//! takes of what rules keep. So it is a second step over the verdicts: the oldest run goes first, of whatever project,
//! until the budget holds. It never takes a run that is protected, that is among the last N of its project, or that is the
//! last success where that rule is set, and it never takes one that brings it no nearer. Where nothing is left that it may
//! take, it says that it cannot be met.

use super::cutoff::Rank;
use super::policy::Policy;
use super::rules::{Origin, Rule, Setting};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// A whole, in hundredths of a per cent.
const WHOLE: u64 = 10_000;

/// The units of sizes, each 1024 of the one before.
const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];

/// An amount of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(u64);

/// How much of the disk has to stay free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Free {
    /// So much.
    Bytes(Amount),
    /// A share of all of it, in hundredths of a per cent.
    Share(u32),
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Runs may take so much.
    MaxSize(Amount),
    /// There may be so many runs.
    MaxRuns(u64),
    /// So much of the disk has to stay free.
    MinFree(Free),
}

/// One layer of budgets, each of which may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// `--max-size`, `max_size`.
    pub max_size: Option<Amount>,
    /// `--max-runs`, `max_runs`.
    pub max_runs: Option<u64>,
    /// `--min-free`, `min_free`.
    pub min_free: Option<Free>,
}

/// The room on the file system of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What may still be written, in bytes.
    pub available: u64,
    /// All of it.
    pub total: u64,
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

/// A run that stays by the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Its place in time.
    pub rank: Rank,
    /// What it takes of the disk, in bytes.
    pub disk: u64,
    /// Whether a budget may take it.
    pub spare: bool,
}

/// What budgets take, and what that comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Rows of the runs that go, oldest first, each with the place of the budget that it goes for.
    pub takes: Vec<(i64, usize)>,
    /// For each budget: what is left of runs, of their size, or free, in the end.
    pub comes_to: Vec<u64>,
    /// For each budget: whether it holds in the end.
    pub met: Vec<bool>,
}

/// What is on a disk besides the runs that stay, for who counts what goes with them.
pub trait Disk {
    /// What the runs that stay take less when that one goes, and what is freed.
    fn without(&mut self, key: i64, disk: u64) -> (u64, u64);
}

/// A disk on which no file has two names.
#[derive(Debug)]
pub struct PlainDisk;

impl Disk for PlainDisk {
    fn without(&mut self, _: i64, disk: u64) -> (u64, u64) {
        (disk, disk)
    }
}

/// What budgets take of the runs that stay. `takes` is what those take, each file once; `free` is what will be free
/// without them going, and the whole of the disk.
pub fn spend(stays: &[Stay], budgets: &[Budget], takes: u64, free: Space, disk: &mut dyn Disk) -> Spent {
    let (mut runs, mut size, mut available) = (stays.len() as u64, takes, free.available);
    let comes_to = |budget: &Budget, runs: u64, size: u64, available: u64| match budget {
        Budget::MaxRuns(_) => runs,
        Budget::MaxSize(_) => size,
        Budget::MinFree(_) => available,
    };
    let holds = |budget: &Budget, runs: u64, size: u64, available: u64| match budget {
        Budget::MaxRuns(most) => runs <= *most,
        Budget::MaxSize(most) => size <= most.0,
        Budget::MinFree(least) => available >= least.of(free.total),
    };
    let mut spare: Vec<&Stay> = stays.iter().filter(|stay| stay.spare).collect();
    spare.sort_unstable_by_key(|stay| stay.rank);
    let mut takes = Vec::new();
    for stay in spare {
        let wants = |budget: &Budget| {
            !holds(budget, runs, size, available) && (matches!(budget, Budget::MaxRuns(_)) || stay.disk > 0)
        };
        let Some(place) = budgets.iter().position(wants) else { continue };
        let (less, freed) = disk.without(stay.rank.key, stay.disk);
        (runs, size, available) = (runs - 1, size.saturating_sub(less), available.saturating_add(freed));
        takes.push((stay.rank.key, place));
    }
    Spent {
        takes,
        comes_to: budgets.iter().map(|budget| comes_to(budget, runs, size, available)).collect(),
        met: budgets.iter().map(|budget| holds(budget, runs, size, available)).collect(),
    }
}

impl Budgets {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The budgets in force: a flag beats its key in `config.yml`.
    pub fn resolve(flags: &Self, config: &Self) -> Vec<Setting<Budget>> {
        let of = |budgets: &Self| {
            [
                budgets.max_runs.map(Budget::MaxRuns),
                budgets.max_size.map(Budget::MaxSize),
                budgets.min_free.map(Budget::MinFree),
            ]
        };
        let both = of(flags).into_iter().zip(of(config));
        both.filter_map(|(flag, key)| {
            let flag = flag.map(|value| Setting { value, origin: Origin::Flag });
            flag.or(key.map(|value| Setting { value, origin: Origin::Default }))
        })
        .collect()
    }
}

impl Budget {
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
            Self::MaxSize(amount) => amount.fmt(f),
            Self::MaxRuns(runs) => runs.fmt(f),
            Self::MinFree(free) => free.fmt(f),
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

impl Free {
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

impl FromStr for Free {
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

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(amount) => amount.fmt(f),
            Self::Share(share) => super::Limit::Share(*share).fmt(f),
        }
    }
}

/// Files with several names: what goes of them with a run.
#[derive(Debug, Default)]
pub struct SharedDisk {
    /// By run: places in `files`, and how many names the run has of each.
    runs: HashMap<i64, Vec<(usize, u64)>>,
    files: Vec<SharedFile>,
}

#[derive(Debug)]
struct SharedFile {
    disk: u64,
    /// Names that are left, wherever they are.
    names: u64,
    /// Runs that stay and have one.
    owners: u64,
}

impl SharedDisk {
    /// Adds a file: what it takes, how many names it keeps when all goes that rules let go, and the runs that stay and have
    /// it, each with the number of its names. Says what it is counted too often in the sum of those runs.
    pub fn add(&mut self, disk: u64, names: u64, owners: &[(i64, u64)]) -> u64 {
        let place = self.files.len();
        self.files.push(SharedFile { disk, names, owners: owners.len() as u64 });
        for (run, names) in owners {
            self.runs.entry(*run).or_default().push((place, *names));
        }
        disk * (owners.len() as u64).saturating_sub(1)
    }
}

impl Disk for SharedDisk {
    fn without(&mut self, key: i64, disk: u64) -> (u64, u64) {
        let (mut less, mut freed) = (disk, disk);
        for (place, names) in self.runs.remove(&key).unwrap_or_default() {
            let file = &mut self.files[place];
            file.owners = file.owners.saturating_sub(1);
            file.names = file.names.saturating_sub(names);
            if file.owners > 0 {
                less = less.saturating_sub(file.disk);
            }
            if file.names > 0 {
                freed = freed.saturating_sub(file.disk);
            }
        }
        (less, freed)
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
