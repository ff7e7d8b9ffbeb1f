//! Runs with their marks, as `otto pin --json`, `otto unpin --json` and `otto tag --json` have them.

use super::run::RunItem;
use crate::marks::Marked;
use crate::model::{Pin, rfc3339};
use serde::Serialize;
use std::path::Path;

/// A pin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PinItem {
    note: Option<String>,
    pinned_at: Option<String>,
    pinned_by: String,
}

impl PinItem {
    pub(super) fn new(pin: &Pin) -> Self {
        Self { note: pin.note.clone(), pinned_at: rfc3339(pin.at), pinned_by: pin.who.clone() }
    }
}

/// Runs with their marks.
#[derive(Clone, Debug, Serialize)]
pub struct Marks {
    schema: &'static str,
    runs: Vec<MarkedItem>,
}

#[derive(Clone, Debug, Serialize)]
struct MarkedItem {
    changed: bool,
    pin: Option<PinItem>,
    run: RunItem,
}

impl Marks {
    /// Of the store at `home`.
    pub fn new(schema: &'static str, marked: &[Marked], home: &Path) -> Self {
        let item = |one: &Marked| MarkedItem {
            changed: one.changed,
            pin: one.pin.as_ref().map(PinItem::new),
            run: RunItem::new(&one.run, home),
        };
        Self { schema, runs: marked.iter().map(item).collect() }
    }
}
