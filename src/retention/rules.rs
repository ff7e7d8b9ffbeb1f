//! Rules as they are written: one layer of them, their names as flags and as keys, and where a value comes from.

use super::calendar::Period;
use crate::model::Age;

/// One layer of rules, each of which may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `--keep`, `keep_days`: runs up to this age stay.
    pub keep: Option<Age>,
    /// `--keep-failed`, `keep_failed_days`: instead, for failed and interrupted runs.
    pub keep_failed: Option<Age>,
    /// `--keep-last`, `keep_last_n`: the newest so many of each project stay. 0 takes back what a lower layer says.
    pub keep_last: Option<u64>,
    /// `--keep-hourly` to `--keep-yearly`, `keep_hourly` to `keep_yearly`, in the order of [`Period::ALL`]: the newest run
    /// of each of the last so many hours, days and so on that have runs. 0 takes back what a lower layer says,
    /// [`UNLIMITED`](super::UNLIMITED) means all there are.
    pub newest_of: [Option<u64>; 5],
    /// `--keep-within`, `keep_within`: runs up to this age stay, counted back from the newest run of the project. Zero
    /// takes back what a lower layer says.
    pub keep_within: Option<Age>,
    /// `--keep-tag`, `keep_tag`: runs with one of these stay; of tags joined by commas, with all. None takes back what a
    /// lower layer says.
    pub keep_tag: Option<Vec<String>>,
    /// `--keep-last-success`, `keep_last_success`: the last run of each project that succeeded stays.
    pub keep_last_success: Option<bool>,
    /// `--strict-status`, `strict_status`: a status that rests on `stderr` alone is unknown.
    pub strict_status: Option<bool>,
    /// `--keep-unresolved`, `keep_unresolved`: a failed run stays until each task that failed in it has succeeded in a
    /// later run of its project.
    pub keep_unresolved: Option<bool>,
    /// `--keep-logs`, `keep_logs_days`: of runs that stay, the logs go after this age.
    pub keep_logs: Option<Age>,
    /// `--keep-artifacts`, `keep_artifacts_days`: of runs that stay, what scripts left behind goes after this age.
    pub keep_artifacts: Option<Age>,
}

impl Rules {
    /// These rules, and those of another layer where these say nothing.
    pub fn over(&self, other: &Self) -> Self {
        Self {
            keep: self.keep.or(other.keep),
            keep_failed: self.keep_failed.or(other.keep_failed),
            keep_last: self.keep_last.or(other.keep_last),
            newest_of: std::array::from_fn(|period| self.newest_of[period].or(other.newest_of[period])),
            keep_within: self.keep_within.or(other.keep_within),
            keep_tag: self.keep_tag.clone().or_else(|| other.keep_tag.clone()),
            keep_last_success: self.keep_last_success.or(other.keep_last_success),
            strict_status: self.strict_status.or(other.strict_status),
            keep_unresolved: self.keep_unresolved.or(other.keep_unresolved),
            keep_logs: self.keep_logs.or(other.keep_logs),
            keep_artifacts: self.keep_artifacts.or(other.keep_artifacts),
        }
    }
}

/// The name of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// [`Rules::keep`].
    Keep,
    /// [`Rules::keep_failed`].
    KeepFailed,
    /// [`Rules::keep_last`].
    KeepLast,
    /// One of [`Rules::newest_of`].
    KeepNewest(Period),
    /// [`Rules::keep_within`].
    KeepWithin,
    /// [`Rules::keep_tag`].
    KeepTag,
    /// [`Rules::keep_last_success`].
    KeepLastSuccess,
    /// [`Rules::strict_status`].
    StrictStatus,
    /// [`Rules::keep_unresolved`].
    KeepUnresolved,
    /// [`Rules::keep_logs`].
    KeepLogs,
    /// [`Rules::keep_artifacts`].
    KeepArtifacts,
}

impl Rule {
    /// The flag that sets it.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Keep => "--keep",
            Self::KeepFailed => "--keep-failed",
            Self::KeepLast => "--keep-last",
            Self::KeepNewest(Period::Hour) => "--keep-hourly",
            Self::KeepNewest(Period::Day) => "--keep-daily",
            Self::KeepNewest(Period::Week) => "--keep-weekly",
            Self::KeepNewest(Period::Month) => "--keep-monthly",
            Self::KeepNewest(Period::Year) => "--keep-yearly",
            Self::KeepWithin => "--keep-within",
            Self::KeepTag => "--keep-tag",
            Self::KeepLastSuccess => "--keep-last-success",
            Self::StrictStatus => "--strict-status",
            Self::KeepUnresolved => "--keep-unresolved",
            Self::KeepLogs => "--keep-logs",
            Self::KeepArtifacts => "--keep-artifacts",
        }
    }

    /// The key in `config.yml` that sets it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Keep => "keep_days",
            Self::KeepFailed => "keep_failed_days",
            Self::KeepLast => "keep_last_n",
            Self::KeepNewest(Period::Hour) => "keep_hourly",
            Self::KeepNewest(Period::Day) => "keep_daily",
            Self::KeepNewest(Period::Week) => "keep_weekly",
            Self::KeepNewest(Period::Month) => "keep_monthly",
            Self::KeepNewest(Period::Year) => "keep_yearly",
            Self::KeepWithin => "keep_within",
            Self::KeepTag => "keep_tag",
            Self::KeepLastSuccess => "keep_last_success",
            Self::StrictStatus => "strict_status",
            Self::KeepUnresolved => "keep_unresolved",
            Self::KeepLogs => "keep_logs_days",
            Self::KeepArtifacts => "keep_artifacts_days",
        }
    }
}

/// Where the value of a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of this invocation.
    Flag,
    /// The project key of `config.yml` with this text.
    Project(String),
    /// `retention.default` of `config.yml`.
    Default,
    /// Nobody stated it.
    BuiltIn,
}

impl Origin {
    /// What somebody has to change to change that rule: a flag, or the path of a key in `config.yml`.
    pub fn names(&self, rule: Rule) -> String {
        match self {
            Self::Flag => rule.flag().to_owned(),
            Self::Project(key) => format!("retention.per_project.{key}.{}", rule.key()),
            Self::Default => format!("retention.default.{}", rule.key()),
            Self::BuiltIn => "built-in".to_owned(),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}
