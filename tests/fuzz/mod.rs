//! Whatever the bytes: no panic, no answer that breaks what its type promises, no memory without end.
//!
//! Bytes are drawn at random, or are a valid document that somebody changed in a few places: cut, doubled, turned around, with
//! a sign put in that means something to its parser. `OTTO_TEST_CASES` draws more than every day has time for.

/// The runner's database, of random tables, columns and types, and torn.
mod database;
/// What an input can cost: every kind of file, too large, too deep, unfolding; with little memory to be had.
mod memory;
/// `run.yaml`, `config.yml`, the audit log, `operation.json`, names and links.
mod texts;

use proptest::prelude::*;

/// What somebody does to a document.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Double(usize, usize, usize),
    Turn(usize, usize),
    Put(usize, &'static str),
}

/// Signs that mean something to YAML, JSON or a path.
const SIGNS: [&str; 44] = [
    ":",
    ": ",
    "- ",
    "-",
    "&a ",
    "*a",
    "!!int ",
    "!!binary ",
    "|\n",
    ">\n",
    "'",
    "\"",
    "\t",
    "\0",
    "\u{feff}",
    "---\n",
    "...\n",
    "~",
    "#",
    "%",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\\",
    "/",
    "..",
    ".cache",
    "1e999",
    "0x",
    "-1",
    "99999999999999999999999",
    "null",
    "true",
    "\n",
    "\r",
    " ",
    "\u{2028}",
    "<<",
    "? ",
    "@",
    "`",
    "\\ud800",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, to)| Change::Flip(at, to)),
        at().prop_map(Change::Cut),
        (at(), 1_usize..40).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1_usize..60, 1_usize..30).prop_map(|(at, length, times)| Change::Double(at, length, times)),
        (at(), 2_usize..20).prop_map(|(at, length)| Change::Turn(at, length)),
        (at(), prop::sample::select(SIGNS.to_vec())).prop_map(|(at, sign)| Change::Put(at, sign)),
    ]
}

fn apply(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        let span = |at: usize, length: usize| place(at)..(place(at) + length).min(bytes.len());
        match *change {
            Change::Flip(at, to) if !bytes.is_empty() => {
                let at = at % bytes.len();
                bytes[at] = to;
            }
            Change::Flip(..) => {}
            Change::Cut(at) => bytes.truncate(at % (bytes.len() + 1)),
            Change::Remove(at, length) => drop(bytes.drain(span(at, length))),
            Change::Double(at, length, times) => {
                let part = bytes[span(at, length)].repeat(times);
                let at = place(at);
                bytes.splice(at..at, part);
            }
            Change::Turn(at, length) => {
                let span = span(at, length);
                bytes[span].reverse();
            }
            Change::Put(at, sign) => {
                let at = place(at);
                bytes.splice(at..at, sign.bytes());
            }
        }
    }
    bytes
}

/// Bytes of any kind, and changed ones of these documents.
fn bytes_like(documents: &[&str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let documents: Vec<Vec<u8>> = documents.iter().map(|text| text.as_bytes().to_vec()).collect();
    let changed = (prop::sample::select(documents), prop::collection::vec(change(), 0..6))
        .prop_map(|(document, changes)| apply(document, &changes));
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..400), 6 => changed]
}
