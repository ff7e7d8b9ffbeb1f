//! The serde shapes of every `--json`: one module an output, keys in the order of the fields.

mod archive;
mod check;
mod clean;
mod compare;
mod history;
mod index;
mod info;
mod logs;
mod marks;
mod operations;
mod policy;
mod retention;
pub(crate) mod run;
mod sooner;
mod stats;
mod trash;
mod usage;
mod why;

pub use archive::{ArchiveList, Export, Import};
pub use check::Check;
pub use clean::{Clean, CleanResult};
pub use compare::Compare;
pub use history::{HistoryHead, HistoryItem};
pub use index::{Counts, Index};
pub use info::Info;
pub use logs::{HitItem, LogsHead};
pub use marks::Marks;
pub use operations::{AuditSummary, OperationItem};
pub use retention::{Retention, only_in};
pub use run::RunItem;
pub use stats::Stats;
pub use trash::{Empty, Restore, Trash, TrashRow, trash_rows};
pub use usage::Usage;
pub use why::Why;

use crate::model::Size;
use base64::Engine as _;
use serde::Serialize;

/// The bytes of a name as base64, when its lossy text does not say which they are.
fn base64_unless_utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A size as two integers.
#[derive(Clone, Copy, Debug, Serialize)]
struct SizeItem {
    size_bytes: u64,
    disk_bytes: u64,
}

impl From<Size> for SizeItem {
    fn from(size: Size) -> Self {
        Self { size_bytes: size.size, disk_bytes: size.disk }
    }
}

/// An error, on stderr.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    schema: &'static str,
    error: String,
    causes: Vec<String>,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// What went wrong, each cause by itself, what to do, and how the program ends.
    pub fn new(error: String, causes: Vec<String>, hint: Option<String>, exit_code: u8) -> Self {
        Self { schema: "otto.error/1", error, causes, hint, exit_code }
    }
}
