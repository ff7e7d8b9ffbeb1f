//! What is judged, and what is said about it: every verdict carries its reasons, for what stays as for what goes.
//!
//! Reasons are values. Their text without an origin is their `Display`; [`KeepReason::with_origin`] and
//! [`RemoveReason::with_origin`] add the flag or the key of `config.yml` that set the limit, which only the policy
//! knows.

use super::calendar::Period;
use super::policy::{AgeLimit, AgeRule, Policy, UNLIMITED, spelled};
use super::protection::Protection;
use super::rules::{Rule, Setting};
use crate::model::{Age, Class, Timestamp};
use std::fmt;

/// A run, as far as judging needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Row id.
    pub key: i64,
    /// Unix seconds that its directory's name states: ages count from it.
    pub timestamp: Timestamp,
    /// The number after the `-` in its name: orders the runs of one second.
    pub number: u32,
    /// The class by which its age is chosen.
    pub class: Class,
    /// Whether it succeeded, by whatever evidence.
    pub succeeded: bool,
    /// Which of the tags that keep a run it has: see [`Policy::tagged`].
    pub tagged: Option<usize>,
    /// Whether it failed, and a task that failed in it has not succeeded since.
    pub unresolved: bool,
    /// What keeps it before any rule is asked.
    pub protection: Option<Protection>,
}

/// Why a run stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeepReason {
    /// No rule was asked.
    Protected(Protection),
    /// It is not older than its age.
    WithinAge(AgeLimit),
    /// It is among the newest of its project.
    AmongLast(u64),
    /// It is the newest of one of the last so many hours, days and so on with runs.
    NewestOf(Period, u64),
    /// It is the oldest, and fewer than so many hours, days and so on have runs.
    OldestFor(Period, u64),
    /// It is not older than that when the newest of its project began.
    WithinOfLast(Age),
    /// It is the last of its project that succeeded.
    LastSuccess,
    /// It has the tag of that place in the list.
    Tagged(usize),
    /// It failed, and a task that failed in it has not succeeded since.
    Unresolved,
}

/// Why a run goes: the rules that were asked and did not keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveReason {
    /// It is older than its age.
    OlderThan(AgeLimit),
    /// It is not among the newest of its project.
    NotAmongLast(u64),
    /// It is the newest of none of the last so many hours, days and so on with runs.
    NotNewestOf(Period, u64),
    /// It is older than that when the newest of its project began.
    NotWithinOfLast(Age),
}

/// Whether a run stays, with at least one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It stays: every rule that keeps it, or what protects it.
    Keep(Vec<KeepReason>),
    /// It may go: what each rule has against it.
    Remove(Vec<RemoveReason>),
}

/// What the policy says about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The run's row id.
    pub key: i64,
    /// Whether it stays, and why.
    pub decision: Decision,
}

impl Verdict {
    /// Whether the run stays.
    pub const fn keeps(&self) -> bool {
        matches!(self.decision, Decision::Keep(_))
    }

    /// The reasons as people read them, each with the flag or key that set its limit.
    pub fn reasons(&self, policy: &Policy) -> Vec<String> {
        match &self.decision {
            Decision::Keep(reasons) => reasons.iter().map(|reason| reason.with_origin(policy)).collect(),
            Decision::Remove(reasons) => reasons.iter().map(|reason| reason.with_origin(policy)).collect(),
        }
    }
}

impl KeepReason {
    /// The reason with the flag or key that set its limit, as in "within 30 days (--keep)".
    pub fn with_origin(&self, policy: &Policy) -> String {
        match self {
            Self::Protected(_) => self.to_string(),
            Self::WithinAge(limit) => format!("{self} ({})", policy.source(limit.rule)),
            Self::AmongLast(_) => with_origin(self, policy.keep_last.as_ref(), Rule::KeepLast),
            Self::NewestOf(period, _) | Self::OldestFor(period, _) => newest_with_origin(self, *period, policy),
            Self::WithinOfLast(_) => with_origin(self, policy.keep_within.as_ref(), Rule::KeepWithin),
            Self::LastSuccess => with_origin(self, Some(&policy.keep_last_success), Rule::KeepLastSuccess),
            Self::Tagged(at) => {
                let reason = policy.tags().get(*at).map_or_else(|| self.to_string(), |tag| format!("tagged {tag}"));
                with_origin(&reason, policy.keep_tag.as_ref(), Rule::KeepTag)
            }
            Self::Unresolved => with_origin(self, Some(&policy.keep_unresolved), Rule::KeepUnresolved),
        }
    }
}

impl RemoveReason {
    /// The reason with the flag or key that set its limit, as in "older than 30 days (retention.default.keep_days)".
    pub fn with_origin(&self, policy: &Policy) -> String {
        match self {
            Self::OlderThan(limit) => format!("{self} ({})", policy.source(limit.rule)),
            Self::NotAmongLast(_) => with_origin(self, policy.keep_last.as_ref(), Rule::KeepLast),
            Self::NotNewestOf(period, _) => newest_with_origin(self, *period, policy),
            Self::NotWithinOfLast(_) => with_origin(self, policy.keep_within.as_ref(), Rule::KeepWithin),
        }
    }
}

fn newest_with_origin(reason: &dyn fmt::Display, period: Period, policy: &Policy) -> String {
    with_origin(reason, policy.newest_of[period as usize].as_ref(), Rule::KeepNewest(period))
}

fn with_origin<T>(reason: &dyn fmt::Display, setting: Option<&Setting<T>>, rule: Rule) -> String {
    match setting {
        Some(setting) => format!("{reason} ({})", setting.origin.names(rule)),
        None => reason.to_string(),
    }
}

impl fmt::Display for KeepReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected(protection) => protection.fmt(f),
            Self::WithinAge(limit) => write!(f, "{}within {}", kind(limit.rule), spelled(limit.age)),
            Self::AmongLast(1) => f.write_str("the last of its project"),
            Self::AmongLast(n) => write!(f, "among the last {n} of its project"),
            Self::NewestOf(period, UNLIMITED) => write!(f, "the newest of its {}", period.word()),
            Self::NewestOf(period, 1) => write!(f, "the newest of the last {} with runs", period.word()),
            Self::NewestOf(period, n) => write!(f, "the newest of one of the last {n} {}s with runs", period.word()),
            Self::OldestFor(period, UNLIMITED) => write!(f, "the oldest, as every {} is kept", period.word()),
            Self::OldestFor(period, n) => write!(f, "the oldest, as fewer than {n} {}s have runs", period.word()),
            Self::WithinOfLast(age) => write!(f, "within {} of the newest of its project", spelled(*age)),
            Self::LastSuccess => f.write_str("the last success of its project"),
            Self::Tagged(_) => f.write_str("has a tag that is kept"),
            Self::Unresolved => f.write_str("failed, and what failed has not succeeded since"),
        }
    }
}

impl fmt::Display for RemoveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OlderThan(limit) => write!(f, "{}older than {}", kind(limit.rule), spelled(limit.age)),
            Self::NotAmongLast(1) => f.write_str("not the last of its project"),
            Self::NotAmongLast(n) => write!(f, "not among the last {n} of its project"),
            Self::NotNewestOf(period, UNLIMITED) => write!(f, "not the newest of its {}", period.word()),
            Self::NotNewestOf(period, 1) => write!(f, "not the newest of the last {} with runs", period.word()),
            Self::NotNewestOf(period, n) => {
                write!(f, "not the newest of one of the last {n} {}s with runs", period.word())
            }
            Self::NotWithinOfLast(age) => write!(f, "not within {} of the newest of its project", spelled(*age)),
        }
    }
}

/// What makes a run go by that rule, where that is not plain.
const fn kind(rule: AgeRule) -> &'static str {
    match rule {
        AgeRule::Keep => "",
        AgeRule::KeepFailed => "failed or interrupted, ",
        AgeRule::Longer => "status unknown, ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Age;
    use crate::retention::Rules;

    #[test]
    fn a_reason_names_what_set_its_limit() {
        let default = Rules { keep_failed: Some(Age::days(7)), keep_last: Some(10), ..Rules::default() };
        let flags = Rules { keep: Some(Age::seconds(36 * 3600)), ..Rules::default() };
        let policy = Policy::resolve(&flags, None, &default);
        let keep = |class| KeepReason::WithinAge(policy.limit(class)).with_origin(&policy);
        assert_eq!(keep(Class::Ok), "within 36 hours (--keep)");
        assert_eq!(keep(Class::Failed), "failed or interrupted, within 7 days (retention.default.keep_failed_days)");
        assert_eq!(keep(Class::Unknown), "status unknown, within 7 days (retention.default.keep_failed_days)");
        let remove = RemoveReason::OlderThan(policy.limit(Class::Ok));
        assert_eq!(remove.to_string(), "older than 36 hours");
        let verdict = Verdict { key: 1, decision: Decision::Remove(vec![remove, RemoveReason::NotAmongLast(10)]) };
        assert!(!verdict.keeps());
        assert_eq!(
            verdict.reasons(&policy),
            ["older than 36 hours (--keep)", "not among the last 10 of its project (retention.default.keep_last_n)",]
        );
        assert_eq!(KeepReason::Protected(Protection::Recent).with_origin(&policy), "written to within 10 minutes");
    }
}
