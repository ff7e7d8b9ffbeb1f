//! Sizes: lengths and allocated blocks, never mixed.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Two measures of the same files, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// The lengths of the regular files.
    pub size: u64,
    /// The blocks allocated to files, directories and links, each inode once, as `du` counts them.
    pub disk: u64,
}

impl Size {
    /// Nothing.
    pub const ZERO: Self = Self { size: 0, disk: 0 };
}

impl Add for Size {
    type Output = Self;
    /// Never past the largest: what a log or a plan says may be any number.
    fn add(self, other: Self) -> Self {
        Self { size: self.size.saturating_add(other.size), disk: self.disk.saturating_add(other.disk) }
    }
}

impl AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Size {
    type Output = Self;
    /// Never below zero: a sum that is off by an entry must not wrap around.
    fn sub(self, other: Self) -> Self {
        Self { size: self.size.saturating_sub(other.size), disk: self.disk.saturating_sub(other.disk) }
    }
}

impl SubAssign for Size {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Size {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Bytes for people, in KiB, MiB and GiB.
#[derive(Clone, Copy, Debug)]
pub struct HumanBytes(pub u64);

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        // 1023.95 would be printed as 1024.0: it belongs to the next unit.
        while value >= 1023.95 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        f.pad(&format!("{value:.1} {}", UNITS[unit]))
    }
}

/// What the runs of a month take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month {
    /// `year * 12 + month - 1`, in UTC; -1 for runs outside the calendar.
    pub month: i64,
    /// How many.
    pub runs: u64,
    /// What they take.
    pub size: Size,
}

impl Month {
    /// The name of a month, as `2025-06`; none outside the calendar.
    pub fn name(month: i64) -> Option<String> {
        (month >= 0).then(|| format!("{:04}-{:02}", month / 12, month % 12 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_stays_at_the_largest_and_a_difference_at_nothing() {
        let most = Size { size: u64::MAX, disk: u64::MAX };
        assert_eq!([most, most].into_iter().sum::<Size>(), most);
        assert_eq!(Size::ZERO - most, Size::ZERO);
    }

    #[test]
    fn bytes_are_shown_with_one_decimal_and_binary_units() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (9_556_302_233, "8.9 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(HumanBytes(bytes).to_string(), text);
        }
    }
}
