//! Two catalogs of one store held against each other: what a refresh made of the old one, and one made from nothing. Pure
//! functions of rows that come in the order of their names, a page at a time.

use crate::catalog::{Facts, Result, RunFacts};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// What stands on which side.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pair<T> {
    /// Only the catalog has it.
    Kept(T),
    /// Only the tree has it.
    Seen(T),
    /// Both have it.
    Both(T, T),
}

/// Gives the page that follows a row, or the first.
type Ask<'c, T> = Box<dyn FnMut(Option<&T>) -> Result<Vec<T>> + 'c>;

/// Rows of a catalog, asked for a page at a time.
pub(super) struct Pages<'c, T> {
    ask: Ask<'c, T>,
    page: VecDeque<T>,
    /// The last row of the page, from which the next goes on; taken once there is no other page.
    last: Option<T>,
    begun: bool,
}

impl<'c, T: Clone> Pages<'c, T> {
    /// Asks for the page that follows a row, or for the first.
    pub(super) fn new(ask: impl FnMut(Option<&T>) -> Result<Vec<T>> + 'c) -> Self {
        Self { ask: Box::new(ask), page: VecDeque::new(), last: None, begun: false }
    }

    fn take(&mut self) -> Result<Option<T>> {
        if self.page.is_empty() && (!self.begun || self.last.is_some()) {
            self.begun = true;
            self.page = (self.ask)(self.last.as_ref())?.into();
            self.last = self.page.back().cloned();
        }
        Ok(self.page.pop_front())
    }
}

/// Goes through both sides in the order of their names and hands each pair to `each`.
pub(super) fn merge<T: Clone, E: From<crate::catalog::Error>>(
    mut kept: Pages<'_, T>,
    mut seen: Pages<'_, T>,
    order: impl Fn(&T, &T) -> Ordering,
    mut each: impl FnMut(Pair<T>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let (mut left, mut right) = (kept.take()?, seen.take()?);
    loop {
        let pair = match (left.take(), right.take()) {
            (None, None) => return Ok(()),
            (Some(l), None) => Pair::Kept(l),
            (None, Some(r)) => Pair::Seen(r),
            (Some(l), Some(r)) => match order(&l, &r) {
                Ordering::Less => {
                    right = Some(r);
                    Pair::Kept(l)
                }
                Ordering::Greater => {
                    left = Some(l);
                    Pair::Seen(r)
                }
                Ordering::Equal => Pair::Both(l, r),
            },
        };
        each(pair)?;
        left = if left.is_some() { left } else { kept.take()? };
        right = if right.is_some() { right } else { seen.take()? };
    }
}

/// What differs between two rows, by name.
pub(super) fn differing(kept: &Facts, seen: &Facts) -> Vec<&'static str> {
    kept.iter().zip(seen).filter(|(k, s)| k != s).map(|(k, _)| k.0).collect()
}

/// How a run differs from its row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RunDifference {
    /// Its files changed after it was at rest.
    Changed(Vec<&'static str>),
    /// Its files did not change, and the row says something else all the same.
    Wrong(Vec<&'static str>),
}

/// What of a run is read off its directory alone, so that it cannot differ while the directory is the same.
const OF_THE_TREE: &[&str] = &["missing parts", "size", "disk use", "inode", "what it names"];

/// Compares a run's row with what is in its directory. A run that is looked at on every refresh may differ in whatever
/// somebody alive does to it: only what follows from an unchanged directory counts.
pub(super) fn run_difference(kept: &RunFacts, seen: &RunFacts) -> Option<RunDifference> {
    let differing = differing(&kept.facts, &seen.facts);
    let at_rest = kept.settled && seen.settled;
    if kept.manifest != seen.manifest {
        return kept.settled.then_some(RunDifference::Changed(differing));
    }
    let wrong: Vec<_> = differing.into_iter().filter(|what| at_rest || OF_THE_TREE.contains(what)).collect();
    (!wrong.is_empty()).then_some(RunDifference::Wrong(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(rows: &[u32], page: usize) -> Pages<'static, u32> {
        let rows = rows.to_vec();
        Pages::new(move |after: Option<&u32>| {
            let after = after.copied();
            Ok(rows.iter().copied().filter(|r| after.is_none_or(|a| *r > a)).take(page).collect())
        })
    }

    #[test]
    fn both_sides_are_gone_through_in_order_whatever_the_size_of_the_pages() {
        let cases: [(&[u32], &[u32]); 5] =
            [(&[1, 2, 3, 5, 8], &[2, 3, 4, 8, 9, 10]), (&[], &[1, 2]), (&[1, 2], &[]), (&[], &[]), (&[7], &[7])];
        for (kept, seen) in cases {
            for page in 1..7 {
                let mut found = Vec::new();
                merge::<u32, crate::catalog::Error>(pages(kept, page), pages(seen, page), u32::cmp, |pair| {
                    found.push(match pair {
                        Pair::Kept(k) => (Some(k), None),
                        Pair::Seen(s) => (None, Some(s)),
                        Pair::Both(k, s) => (Some(k), Some(s)),
                    });
                    Ok(())
                })
                .unwrap();
                let mut names: Vec<u32> = kept.iter().chain(seen).copied().collect();
                names.sort_unstable();
                names.dedup();
                let has = |side: &[u32], name: u32| side.contains(&name).then_some(name);
                let expected: Vec<_> = names.into_iter().map(|n| (has(kept, n), has(seen, n))).collect();
                assert_eq!(found, expected, "{kept:?} {seen:?} by {page}");
            }
        }
    }

    #[test]
    fn a_run_at_rest_has_changed_or_its_row_is_wrong_and_one_that_lives_may_differ() {
        let run = |settled, manifest: u8, size: &str, status: &str| RunFacts {
            key: 1,
            dir: "1700000000".into(),
            settled,
            manifest: vec![manifest],
            facts: vec![("size", size.to_owned()), ("status", status.to_owned())],
        };
        let kept = run(true, 1, "10", "0");
        let changed = |what: &[&'static str]| Some(RunDifference::Changed(what.to_vec()));
        let wrong = |what: &[&'static str]| Some(RunDifference::Wrong(what.to_vec()));
        assert_eq!(run_difference(&kept, &kept), None);
        assert_eq!(run_difference(&kept, &run(true, 2, "10", "0")), changed(&[]));
        assert_eq!(run_difference(&kept, &run(true, 2, "11", "0")), changed(&["size"]));
        assert_eq!(run_difference(&kept, &run(false, 2, "11", "0")), changed(&["size"]));
        assert_eq!(run_difference(&kept, &run(true, 1, "11", "1")), wrong(&["size", "status"]));
        let alive = run(false, 1, "10", "0");
        assert_eq!(run_difference(&alive, &run(false, 2, "11", "1")), None, "somebody writes to it");
        assert_eq!(run_difference(&alive, &run(false, 1, "10", "1")), None, "it ended just now");
        assert_eq!(run_difference(&alive, &run(false, 1, "11", "1")), wrong(&["size"]));
    }
}
