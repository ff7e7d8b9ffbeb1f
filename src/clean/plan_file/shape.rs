//! The shapes of a plan file, apart from the types that work: what is written is a promise.

use super::PlanFileError;
use super::parts::ThinShape;
use crate::model::{Age, Size, Timestamp};
use crate::retention::{Origin, Policy, Setting};
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

/// A project's policy, each rule with what states it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesShape {
    keep_seconds: SettingShape<u64>,
    keep_failed_seconds: Option<SettingShape<u64>>,
    keep_last: Option<SettingShape<u64>>,
    /// Older files have none of these.
    #[serde(default)]
    keep_hourly: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_daily: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_weekly: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_monthly: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_yearly: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_within_seconds: Option<SettingShape<u64>>,
    #[serde(default)]
    keep_tag: Option<SettingShape<Vec<String>>>,
    #[serde(default)]
    keep_last_success: Option<SettingShape<bool>>,
    strict_status: SettingShape<bool>,
    keep_unresolved: SettingShape<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_logs_seconds: Option<SettingShape<u64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_artifacts_seconds: Option<SettingShape<u64>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingShape<T> {
    value: T,
    from: OriginShape,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OriginShape {
    Flag,
    Project(String),
    Default,
    BuiltIn,
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

impl<T> SettingShape<T> {
    fn of<V: Clone>(setting: &Setting<V>, value: impl Fn(V) -> T) -> Self {
        let from = match &setting.origin {
            Origin::Flag => OriginShape::Flag,
            Origin::Project(key) => OriginShape::Project(key.clone()),
            Origin::Default => OriginShape::Default,
            Origin::BuiltIn => OriginShape::BuiltIn,
        };
        Self { value: value(setting.value.clone()), from }
    }

    fn setting<V>(&self, value: impl Fn(&T) -> V) -> Setting<V> {
        let origin = match &self.from {
            OriginShape::Flag => Origin::Flag,
            OriginShape::Project(key) => Origin::Project(key.clone()),
            OriginShape::Default => Origin::Default,
            OriginShape::BuiltIn => Origin::BuiltIn,
        };
        Setting { value: value(&self.value), origin }
    }
}

impl RulesShape {
    pub(super) fn new(policy: &Policy) -> Self {
        // Taken apart, so that a rule that is added is written as well.
        let Policy {
            keep,
            keep_failed,
            keep_last,
            newest_of: [hourly, daily, weekly, monthly, yearly],
            keep_within,
            keep_tag,
            keep_last_success,
            strict_status,
            keep_unresolved,
            keep_logs,
            keep_artifacts,
        } = policy;
        let count = |setting: &Option<Setting<u64>>| setting.as_ref().map(|s| SettingShape::of(s, |n| n));
        Self {
            keep_seconds: SettingShape::of(keep, Age::as_seconds),
            keep_failed_seconds: keep_failed.as_ref().map(|s| SettingShape::of(s, Age::as_seconds)),
            keep_last: count(keep_last),
            keep_hourly: count(hourly),
            keep_daily: count(daily),
            keep_weekly: count(weekly),
            keep_monthly: count(monthly),
            keep_yearly: count(yearly),
            keep_within_seconds: keep_within.as_ref().map(|s| SettingShape::of(s, Age::as_seconds)),
            keep_tag: keep_tag.as_ref().map(|s| SettingShape::of(s, |tags| tags)),
            keep_last_success: Some(SettingShape::of(keep_last_success, |keeps| keeps)),
            strict_status: SettingShape::of(strict_status, |strict| strict),
            keep_unresolved: SettingShape::of(keep_unresolved, |keeps| keeps),
            keep_logs_seconds: keep_logs.as_ref().map(|s| SettingShape::of(s, Age::as_seconds)),
            keep_artifacts_seconds: keep_artifacts.as_ref().map(|s| SettingShape::of(s, Age::as_seconds)),
        }
    }

    pub(super) fn policy(&self) -> Policy {
        let age = |shape: &SettingShape<u64>| shape.setting(|seconds| Age::seconds(*seconds));
        let count = |shape: &Option<SettingShape<u64>>| shape.as_ref().map(|shape| shape.setting(|n| *n));
        Policy {
            keep: age(&self.keep_seconds),
            keep_failed: self.keep_failed_seconds.as_ref().map(age),
            keep_last: count(&self.keep_last),
            newest_of: [
                count(&self.keep_hourly),
                count(&self.keep_daily),
                count(&self.keep_weekly),
                count(&self.keep_monthly),
                count(&self.keep_yearly),
            ],
            keep_within: self.keep_within_seconds.as_ref().map(age),
            keep_tag: self.keep_tag.as_ref().map(|shape| shape.setting(Vec::clone)),
            keep_last_success: match &self.keep_last_success {
                Some(shape) => shape.setting(|keeps| *keeps),
                None => Setting { value: false, origin: Origin::BuiltIn },
            },
            strict_status: self.strict_status.setting(|strict| *strict),
            keep_unresolved: self.keep_unresolved.setting(|keeps| *keeps),
            keep_logs: self.keep_logs_seconds.as_ref().map(age),
            keep_artifacts: self.keep_artifacts_seconds.as_ref().map(age),
        }
    }
}

/// What no plan says.
pub(super) fn invalid(what: impl Into<String>) -> PlanFileError {
    PlanFileError::Invalid { what: what.into() }
}
