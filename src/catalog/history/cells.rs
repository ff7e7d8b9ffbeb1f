//! The packed form of a span: cells in order, each a few bytes.
//!
//! ```text
//! cell   = day and status (1 byte: 5 and 3 bits), count and whether it is timed (varint: count * 2 + timed),
//!          milliseconds together (varint, when timed)
//! ```
//!
//! A cell gathers what came out alike on a day in about the same time. Which length that is need not be written: all of a
//! cell lie in one [bucket], so their mean does too.

use super::super::error::{Error, Result};
use crate::model::{Status, bucket};
use std::collections::BTreeMap;

/// The bucket of what has no known duration, or no end.
const UNTIMED: u16 = u16::MAX;

/// What came out alike: on which day, how, in which bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kind {
    /// In its span; 0 where all spans are together.
    pub(crate) day: u8,
    /// How it came out.
    pub(crate) status: Status,
    bucket: u16,
}

/// How many of a kind, and how long they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) count: i64,
    pub(crate) ms: i64,
}

/// The cells of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells(BTreeMap<Kind, Amount>);

impl Kind {
    pub(crate) fn new(day: u8, status: Status, ms: Option<i64>) -> Self {
        let bucket = ms.filter(|_| status.is_ended()).map_or(UNTIMED, bucket);
        Self { day, status, bucket }
    }

    /// Whether its durations count.
    pub(crate) fn is_timed(self) -> bool {
        self.bucket != UNTIMED
    }

    /// The same, whatever the day.
    pub(crate) fn on_any_day(self) -> Self {
        Self { day: 0, ..self }
    }
}

impl Cells {
    /// Adds so many of a kind; what comes to nothing is dropped.
    pub(crate) fn add(&mut self, kind: Kind, amount: Amount) {
        let cell = self.0.entry(kind).or_default();
        cell.count += amount.count;
        cell.ms += amount.ms;
        if cell.count == 0 {
            self.0.remove(&kind);
        }
    }

    /// Adds other cells.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.each(|kind, amount| self.add(kind, amount));
    }

    pub(crate) fn each(&self, mut each: impl FnMut(Kind, Amount)) {
        self.0.iter().for_each(|(kind, amount)| each(*kind, *amount));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are in them.
    pub(crate) fn total(&self) -> u64 {
        u64::try_from(self.0.values().map(|amount| amount.count).sum::<i64>()).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The packed form. What was taken away more often than it was added has no place in it.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::with_capacity(self.0.len() * 5);
        for (kind, amount) in self.0.iter().filter(|(_, amount)| amount.count > 0) {
            packed.push(kind.day << 3 | kind.status as u8);
            let timed = kind.is_timed();
            put(&mut packed, amount.count.cast_unsigned() << 1 | u64::from(timed));
            if timed {
                put(&mut packed, amount.ms.max(0).cast_unsigned());
            }
        }
        packed
    }

    /// Reads the packed form of a span.
    pub(crate) fn read(packed: &[u8], span: i64) -> Result<Self> {
        Self::unpack(packed).ok_or_else(|| unreadable(span))
    }

    /// Reads the packed form; `None` when it is none.
    fn unpack(packed: &[u8]) -> Option<Self> {
        let mut cells = Self::default();
        each_packed(packed, |kind, amount| cells.add(kind, amount))?;
        Some(cells)
    }
}

/// Hands out the cells of a packed span, in order; `None` when it is none.
pub(crate) fn each_packed(mut packed: &[u8], mut each: impl FnMut(Kind, Amount)) -> Option<()> {
    while let Some((first, rest)) = packed.split_first() {
        packed = rest;
        let status = Status::from_code((first & 7).into())?;
        let count = take(&mut packed)?;
        let timed = count & 1 == 1;
        let count = i64::try_from(count >> 1).ok().filter(|count| *count > 0)?;
        let ms = if timed { i64::try_from(take(&mut packed)?).ok()? } else { 0 };
        each(Kind::new(first >> 3, status, timed.then(|| ms / count)), Amount { count, ms });
    }
    Some(())
}

pub(crate) fn unreadable(span: i64) -> Error {
    Error::Unreadable { what: "the history of span", value: span.to_string() }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn take(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        value |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_of_one_run_takes_a_few_bytes() {
        let mut cells = Cells::default();
        cells.add(Kind::new(31, Status::Failed, Some(12_345)), Amount { count: 1, ms: 12_345 });
        assert_eq!(cells.pack(), [31 << 3 | 1, 3, 0xb9, 0x60]);
    }

    #[test]
    fn what_is_torn_is_not_read() {
        let mut cells = Cells::default();
        cells.add(Kind::new(3, Status::Success, Some(70_000)), Amount { count: 300, ms: 21_000_000 });
        let packed = cells.pack();
        for end in 1..packed.len() {
            assert_eq!(Cells::unpack(&packed[..end]), None, "{end}");
        }
        for torn in
            [&[0x05, 2][..], &[0, 0], &[0, 1, 5], &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]]
        {
            assert_eq!(Cells::unpack(torn), None, "{torn:?}");
        }
        assert_eq!(Cells::unpack(&[]), Some(Cells::default()));
    }

    proptest! {
        #![proptest_config(crate::cases::cases(256))]

        #[test]
        fn what_is_packed_reads_back(all in prop::collection::vec((0_u8..32, 0_usize..5, prop::option::of(0_i64..i64::MAX / 64)), 0..60)) {
            let mut cells = Cells::default();
            for (day, status, ms) in &all {
                let kind = Kind::new(*day, Status::ALL[*status], *ms);
                cells.add(kind, Amount { count: 1, ms: ms.filter(|_| kind.is_timed()).unwrap_or(0) });
            }
            prop_assert_eq!(Cells::unpack(&cells.pack()), Some(cells.clone()));
            let mut nothing = cells.clone();
            cells.each(|kind, amount| nothing.add(kind, Amount { count: -amount.count, ms: -amount.ms }));
            prop_assert!(nothing.is_empty());
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            Cells::unpack(&bytes);
        }
    }
}
