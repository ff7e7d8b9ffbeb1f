//! Names in too few columns: cut in the middle, and never two of a table to the same.

use super::text::{Look, fitted, split};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use unicode_width::UnicodeWidthStr as _;

/// So much of a hash stays, where the name has to give way too: as much as tells apart the projects of a name.
const HASH_END: usize = 4;
/// So much is enough where the whole name stays.
const LEAST_END: usize = 2;

/// What the names of a table have been cut to.
#[derive(Default)]
pub(super) struct Cuts {
    /// Whose name is shown so.
    owners: HashMap<String, String>,
    given: HashMap<(String, usize), String>,
}

impl Cuts {
    /// Whether all of these names, cut as they are best cut, would tell each other apart.
    pub(super) fn are_told_apart(&self, names: &BTreeSet<&str>, width: usize, look: &Look) -> bool {
        let mut seen = HashSet::new();
        names.iter().all(|name| {
            let cut = fitted_project(name, width, look);
            self.is_free(&cut, name) && seen.insert(cut)
        })
    }

    /// Cuts names to that width, each to something that none of the others is cut to, nor any before them.
    pub(super) fn cut(&mut self, names: &BTreeSet<&str>, width: usize, look: &Look) {
        // What stands in full is not to be taken away by what is cut.
        let (whole, long): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.width() <= width);
        for name in whole.into_iter().chain(long) {
            let key = (name.to_owned(), width);
            if self.given.contains_key(&key) {
                continue;
            }
            let room = width.saturating_sub(1);
            let splits = (1..room).rev().map(|tail| split(name, room - tail, tail, look));
            let mut cuts = std::iter::once(fitted_project(name, width, look).into_owned()).chain(splits);
            let cut = cuts.find(|cut| self.is_free(cut, name)).unwrap_or_else(|| self.numbered(name, width, look));
            self.owners.insert(cut.clone(), name.to_owned());
            self.given.insert(key, cut);
        }
    }

    /// What a name was cut to.
    pub(super) fn of<'n>(&'n self, name: &'n str, width: usize) -> &'n str {
        self.given.get(&(name.to_owned(), width)).map_or(name, String::as_str)
    }

    fn is_free(&self, cut: &str, name: &str) -> bool {
        self.owners.get(cut).is_none_or(|owner| owner == name)
    }

    /// For names that no two ends tell apart: the first end, and a number.
    fn numbered(&self, name: &str, width: usize, look: &Look) -> String {
        let mut number = 2_u64;
        loop {
            let end = number.to_string();
            let head = split(name, width.saturating_sub(1 + end.len()), 0, look);
            let cut = format!("{head}{end}");
            if self.is_free(&cut, name) {
                return cut;
            }
            number += 1;
        }
    }
}

/// A project's name, with or without its hash, in at most `width` columns. Of the hash the end stays, which tells apart
/// those of one name; the rest of it gives way before the name does.
fn fitted_project<'n>(name: &'n str, width: usize, look: &Look) -> Cow<'n, str> {
    let is_hash =
        |hash: &str| hash.len() == 8 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match name.rsplit_once('-') {
        Some((stem, hash)) if name.width() > width && is_hash(hash) => {
            let room = width.saturating_sub(1);
            let end = match room.checked_sub(stem.width()) {
                Some(end) if end >= LEAST_END => end.min(hash.len()),
                _ => HASH_END.min(room / 2),
            };
            split(name, room - end, end, look).into()
        }
        _ => fitted(name, width, look),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look() -> Look {
        Look { width: None, colour: false, verbose: false, ascii: false, now: 0, local: |_| None }
    }

    #[test]
    fn of_a_hash_the_end_stays() {
        let cases = [
            (30, "storefront-web-1701a0b6"),
            (22, "storefront-web\u{2026}701a0b6"),
            (19, "storefront-web\u{2026}a0b6"),
            (17, "storefront-web\u{2026}b6"),
            (16, "storefront-\u{2026}a0b6"),
            (9, "stor\u{2026}a0b6"),
            (6, "sto\u{2026}b6"),
        ];
        for (width, shown) in cases {
            assert_eq!(fitted_project("storefront-web-1701a0b6", width, &look()), shown, "{width}");
        }
        assert_eq!(fitted_project("otto-2cb9dd24", 11, &look()), "otto\u{2026}b9dd24");
        let other = "build (storefront-web)";
        assert_eq!(fitted_project(other, 11, &look()), fitted(other, 11, &look()));
        for width in 1..26 {
            assert!(fitted_project("storefront-web-1701a0b6", width, &look()).width() <= width);
        }
    }

    #[test]
    fn no_two_names_are_cut_to_the_same() {
        let long: Vec<String> = (0..30).map(|n| format!("a-name-of-many-{n:02}-that-differ-within")).collect();
        let wide: Vec<String> =
            (0..15).map(|n| format!("\u{6f22}\u{5b57}\u{6f22}{n}\u{5b57}\u{6f22}\u{5b57}")).collect();
        let names: BTreeSet<&str> = long.iter().chain(&wide).map(String::as_str).collect();
        for width in 7..40 {
            let mut cuts = Cuts::default();
            // In two pages, as a list has them.
            let first = names.iter().copied().take(20).collect();
            cuts.cut(&first, width, &look());
            cuts.cut(&names, width, &look());
            let shown: HashSet<&str> = names.iter().map(|name| cuts.of(name, width)).collect();
            assert_eq!(shown.len(), names.len(), "{width}: {shown:?}");
            assert!(shown.iter().all(|name| name.width() <= width), "{width}: {shown:?}");
        }
    }
}
