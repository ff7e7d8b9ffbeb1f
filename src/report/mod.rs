//! What commands say: values in, text or JSON out.
//!
//! ```text
//! values of model, retention, clean, and those of `facts`
//!      | view   -> serde shapes, one for each `--json`; their JSON Schemas lie in `schemas/`
//!      | table  -> rows that fit a terminal
//!      | human  -> paragraphs
//! ```
//!
//! Nothing is printed here and no clock, zone or terminal is looked at: a [`Look`] says how wide the paper is, whether it
//! takes colour, what time it is and how an instant reads in the user's zone.
//!
//! **JSON is a promise.** The shapes are types of their own, apart from those that work; keys are only ever added, and the
//! order of a struct's fields is the order of the keys. What is absent is `null`. Names that are not UTF-8 come lossy, with a
//! second key `<name>_base64` that holds the bytes.

mod facts;
mod history_table;
pub mod human;
mod labels;
mod layout;
mod names;
pub mod page;
mod pages;
mod plot;
pub mod records;
pub mod table;
mod terminal;
mod text;
pub mod view;

pub use facts::{Recommendation, RecommendationKind, RunDetails, TaskDetails, TrashFigures, Usage};
pub use history_table::HistoryTable;
pub use labels::Labels;
pub use terminal::{Sanitizer, sanitized};
pub use text::{Look, in_lines, printable, times, with_command};

/// The JSON Schema (draft 2020-12) of an output, by what its `schema` key says; a run list, which has none, is `otto.list/1`.
pub fn schema(name: &str) -> Option<&'static str> {
    SCHEMAS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Every output that has a schema.
pub const SCHEMAS: &[(&str, &str)] = &[
    ("otto.list/1", include_str!("schemas/list.json")),
    ("otto.info/1", include_str!("schemas/info.json")),
    ("otto.history/1", include_str!("schemas/history.json")),
    ("otto.stats/1", include_str!("schemas/stats.json")),
    ("otto.compare/1", include_str!("schemas/compare.json")),
    ("otto.logs/1", include_str!("schemas/logs.json")),
    ("otto.usage/1", include_str!("schemas/usage.json")),
    ("otto.clean/1", include_str!("schemas/clean.json")),
    ("otto.plan/1", include_str!("schemas/plan.json")),
    ("otto.plan/2", include_str!("schemas/plan.json")),
    ("otto.operations/1", include_str!("schemas/operations.json")),
    ("otto.audit-summary/1", include_str!("schemas/audit-summary.json")),
    ("otto.pin/1", include_str!("schemas/marks.json")),
    ("otto.unpin/1", include_str!("schemas/marks.json")),
    ("otto.tag/1", include_str!("schemas/marks.json")),
    ("otto.index/1", include_str!("schemas/index.json")),
    ("otto.check/1", include_str!("schemas/check.json")),
    ("otto.why/1", include_str!("schemas/why.json")),
    ("otto.retention/1", include_str!("schemas/retention.json")),
    ("otto.export/1", include_str!("schemas/export.json")),
    ("otto.archive-list/1", include_str!("schemas/archive.json")),
    ("otto.import/1", include_str!("schemas/import.json")),
    ("otto.trash/1", include_str!("schemas/trash.json")),
    ("otto.restore/1", include_str!("schemas/restore.json")),
    ("otto.empty/1", include_str!("schemas/empty.json")),
    ("otto.error/1", include_str!("schemas/error.json")),
];

#[cfg(test)]
mod drawn_tests;
#[cfg(test)]
mod fit_tests;
#[cfg(test)]
mod tests;
