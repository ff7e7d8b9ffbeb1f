//! The shape of the rules that a plan was made by: what each says, and where it comes from.

use super::PlanFileError;
use super::shape::{CountShape, invalid};
use crate::clean::budget_plan::BudgetPlan;
use crate::clean::plan::Totals;
use crate::model::Age;
use crate::retention::{Budget, Origin, Policy, Setting};
use serde::{Deserialize, Serialize};

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

impl OriginShape {
    fn origin(&self) -> Origin {
        match self {
            Self::Flag => Origin::Flag,
            Self::Project(key) => Origin::Project(key.clone()),
            Self::Default => Origin::Default,
            Self::BuiltIn => Origin::BuiltIn,
        }
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
        Setting { value: value(&self.value), origin: self.from.origin() }
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

/// A budget, and what it comes to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetShape {
    kind: BudgetKind,
    limit: String,
    from: OriginShape,
    takes: CountShape,
    comes_to: u64,
    met: bool,
    #[serde(default, skip_serializing_if = "is_nothing")]
    short: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    in_trash: u64,
    /// Why how many runs stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stay: Vec<(String, u64)>,
    /// Why it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
}

const fn is_nothing(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BudgetKind {
    MaxSize,
    MaxRuns,
    MinFree,
}

impl BudgetShape {
    pub(super) fn new(plan: &BudgetPlan) -> Self {
        let BudgetPlan { budget, takes, comes_to, met, short, in_trash, stay, unknown } = plan;
        let kind = match budget.value {
            Budget::MaxSize(_) => BudgetKind::MaxSize,
            Budget::MaxRuns(_) => BudgetKind::MaxRuns,
            Budget::MinFree(_) => BudgetKind::MinFree,
        };
        let SettingShape { value: limit, from } = SettingShape::of(budget, |budget| budget.to_string());
        let (short, in_trash, stay, unknown) = (*short, *in_trash, stay.clone(), unknown.clone());
        let takes = CountShape::new(takes.count, takes.size);
        Self { kind, limit, from, takes, comes_to: *comes_to, met: *met, short, in_trash, stay, unknown }
    }

    pub(super) fn plan(&self) -> Result<BudgetPlan, PlanFileError> {
        let no_budget = || invalid("a budget without a limit");
        let value = match self.kind {
            BudgetKind::MaxSize => Budget::MaxSize(self.limit.parse().map_err(|_| no_budget())?),
            BudgetKind::MaxRuns => Budget::MaxRuns(self.limit.parse().map_err(|_| no_budget())?),
            BudgetKind::MinFree => Budget::MinFree(self.limit.parse().map_err(|_| no_budget())?),
        };
        let takes = Totals { count: self.takes.count, size: self.takes.size() };
        let budget = Setting { value, origin: self.from.origin() };
        let Self { comes_to, met, short, in_trash, .. } = *self;
        let (stay, unknown) = (self.stay.clone(), self.unknown.clone());
        Ok(BudgetPlan { budget, takes, comes_to, met, short, in_trash, stay, unknown })
    }
}
