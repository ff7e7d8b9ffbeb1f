//! Bad input, a case each: what is printed, the exit code, everything else answered, nothing lost.
//!
//! Each case spoils a store of nine known runs in one way. Then every kind of command is run on it: nine runs (and those that
//! the case adds) are listed, whatever cannot be read is told with its path, a clean removes the five that are old and nothing
//! else, and what lies in the way survives to the byte.

mod cases;

use super::canary::Canaries;
use crate::binary::{Room, sorted_ids};
use cases::Case;

#[test]
fn whatever_lies_in_the_store_everything_else_is_answered_and_nothing_is_lost() {
    let mut wrong = Vec::new();
    for Case { what, spoil, told, index, clean } in cases::all() {
        let (room, shop) = Room::shop();
        let spoilt = spoil(&room, &shop);
        let before: Vec<Canaries> = spoilt.survives.iter().map(|path| Canaries::at(path)).collect();
        let mut expect = |line: &str, codes: &[i32], words: &[&str]| {
            let ran = room.otto(line);
            let said = words.iter().all(|word| ran.stderr.contains(word)) && !ran.stderr.contains("panicked");
            if !codes.contains(&ran.code) || !said {
                wrong.push(format!("{what}: otto {line}: not {codes:?} and {words:?}: {ran:#?}"));
            }
            ran
        };
        let mut ids = [shop.all_but(&[]), spoilt.more].concat();
        ids.sort();
        let listed = expect("list --json", &[0], told);
        assert_eq!(sorted_ids(&serde_json::from_str(&listed.stdout).unwrap()), ids, "{what}: {listed:#?}");
        expect("index --full", &[index], told);
        expect("usage", &[0], &[]);
        expect("info latest", &[0], &[]);
        expect("info web:latest-1", &[0], &[]);
        expect("clean --keep 30 --cache --dry-run", &[0], &[]);
        expect("clean --keep 30 --cache --yes", &[clean], &[]);

        let old = [shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
        let is_old = |id: &String| !spoilt.stays.contains(id) && (old.contains(id) || !shop.all_but(&[]).contains(id));
        let left: Vec<String> = ids.iter().filter(|id| !is_old(id)).cloned().collect();
        let listed = expect("list --json", &[0], &[]);
        assert_eq!(sorted_ids(&serde_json::from_str(&listed.stdout).unwrap()), left, "{what}: {listed:#?}");
        for (path, before) in spoilt.survives.iter().zip(before) {
            before.assert_unchanged(&Canaries::at(path), what);
        }
        drop(spoilt.holder);
        let trash = crate::support::names_in(&room.store.join(".catalog/trash"));
        assert_eq!(trash, Vec::<String>::new(), "{what}");
    }
    assert!(wrong.is_empty(), "{} went otherwise: {}", wrong.len(), wrong.join("\n"));
}
