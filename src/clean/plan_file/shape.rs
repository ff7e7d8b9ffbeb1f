//! The shapes of a plan file, apart from the types that work: what is written is a promise.

use super::PlanFileError;
use super::parts::ThinShape;
use super::rules::{BudgetShape, RulesShape};
use crate::model::{Size, Timestamp};
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};

/// All of it. The digest that ends the file stands outside: it is over everything before it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) schema: String,
    pub(super) store: StoreShape,
    pub(super) made: MadeShape,
    #[expect(dead_code, reason = "for people; the timestamp says it")]
    now: Option<String>,
    pub(super) timestamp: Timestamp,
    pub(super) policy: PolicyShape,
    pub(super) narrow: NarrowShape,
    /// For how long what goes can be restored; `null`: it is deleted.
    pub(super) trash_seconds: Option<u64>,
    pub(super) found: FoundShape,
    pub(super) frees: FreesShape,
    pub(super) cache: CacheShape,
    #[serde(default)]
    pub(super) budgets: Vec<BudgetShape>,
    pub(super) notices: Vec<NoticeShape>,
    pub(super) projects: Vec<ProjectShape>,
    pub(super) protected: Vec<ProtectedShape>,
    pub(super) runs: Vec<RunShape>,
    /// Whether nothing but parts of runs goes, of those that the policy lets go.
    #[serde(default)]
    pub(super) parts_alone: bool,
    #[serde(default)]
    pub(super) thin: Vec<ThinShape>,
    pub(super) entries: Vec<EntryShape>,
    pub(super) known_runs: Vec<KnownShape>,
    #[expect(dead_code, reason = "looked at before the rest is read")]
    blake3: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreShape {
    pub(super) id: String,
    pub(super) path: JsonName,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeShape {
    pub(super) at: Option<String>,
    pub(super) timestamp: Timestamp,
    pub(super) who: String,
    pub(super) command: String,
    pub(super) program: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyShape {
    pub(super) text: String,
    pub(super) default: RulesShape,
}

/// Which runs the plan is about, beside the policy or instead of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NarrowShape {
    pub(super) choice: ChoiceShape,
    pub(super) statuses: Vec<String>,
    pub(super) incomplete: bool,
    pub(super) agreed: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChoiceShape {
    Policy,
    Named,
    All,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FoundShape {
    pub(super) complete: u64,
    pub(super) incomplete: u64,
    pub(super) inferred: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreesShape {
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) runs: SizeShape,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SizeShape {
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountShape {
    pub(super) count: u64,
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CacheShape {
    pub(super) mode: ModeShape,
    pub(super) grace_seconds: u64,
    pub(super) referenced: u64,
    pub(super) in_grace: u64,
    pub(super) blocked: Vec<BlockedShape>,
    pub(super) dangling: Vec<DanglingShape>,
    pub(super) not_asked: CountShape,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModeShape {
    Leave,
    Collect,
    Only,
    Named,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockedShape {
    pub(super) project: String,
    pub(super) reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DanglingShape {
    pub(super) project: String,
    pub(super) links: u64,
    pub(super) examples: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeShape {
    pub(super) key: String,
    pub(super) line: Option<usize>,
}

/// A project: what was found, its rules, and what they come to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectShape {
    pub(super) project: JsonName,
    pub(super) name: String,
    pub(super) runs: u64,
    pub(super) run_size: SizeShape,
    pub(super) cache_entries: u64,
    pub(super) cache_size: SizeShape,
    pub(super) oldest_run: Option<Timestamp>,
    pub(super) listed_whole: bool,
    pub(super) policy: String,
    pub(super) rules: RulesShape,
    pub(super) goes_before: CutoffsShape,
    pub(super) goes_below: BelowShape,
    pub(super) lets_go: CountShape,
    pub(super) stays: Option<(Timestamp, Timestamp)>,
}

/// The instant for each class of runs: older ones go.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CutoffsShape {
    pub(super) ok: Timestamp,
    pub(super) failed: Timestamp,
    pub(super) unknown: Timestamp,
    pub(super) inferred_ok: Timestamp,
    pub(super) inferred_failed: Timestamp,
}

/// The place of a project's N-th newest run: older ones go.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BelowShape {
    /// No number of runs is kept.
    Any,
    /// There are no more than are kept.
    None,
    /// Those below this one.
    Run(String),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtectedShape {
    pub(super) project: JsonName,
    pub(super) run: String,
    pub(super) reason: String,
}

/// A run that goes, with what it looked like.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunShape {
    pub(super) project: JsonName,
    pub(super) run: String,
    pub(super) inode: u64,
    pub(super) manifest: String,
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
    pub(super) reasons: Vec<String>,
}

/// A cache entry that goes, with what it looked like.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryShape {
    pub(super) project: JsonName,
    pub(super) entry: JsonName,
    pub(super) inode: u64,
    pub(super) written_at: Timestamp,
    pub(super) size_bytes: u64,
    pub(super) disk_bytes: u64,
    /// Runs that stay and name it all the same: a stale entry.
    pub(super) readers: Vec<RunName>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunName {
    pub(super) project: JsonName,
    pub(super) run: String,
}

/// The runs of a project that loses entries: any other is a newcomer, and keeps them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownShape {
    pub(super) project: JsonName,
    pub(super) runs: Vec<String>,
}

impl From<Size> for SizeShape {
    fn from(size: Size) -> Self {
        Self { size_bytes: size.size, disk_bytes: size.disk }
    }
}

impl From<SizeShape> for Size {
    fn from(shape: SizeShape) -> Self {
        Self { size: shape.size_bytes, disk: shape.disk_bytes }
    }
}

impl CountShape {
    pub(super) fn new(count: u64, size: Size) -> Self {
        Self { count, size_bytes: size.size, disk_bytes: size.disk }
    }

    pub(super) fn size(self) -> Size {
        Size { size: self.size_bytes, disk: self.disk_bytes }
    }
}

/// What no plan says.
pub(super) fn invalid(what: impl Into<String>) -> PlanFileError {
    PlanFileError::Invalid { what: what.into() }
}
