//! Rules as they are written, and the policy they come to for one project.
//!
//! [`Rules`] is one layer: what the flags say, what `config.yml` says for a project, or what it says by default. Every
//! rule may be absent. [`Policy::resolve`] takes each rule from the first layer that has it (flag, project, default,
//! built-in), and keeps with each value where it came from, so that every answer can name the line to change.
//!
//! **The built-in age.** `keep` has 30 days when no layer sets it, whatever else is set. So `--keep-last 5` alone means
//! "the last 5 of each project, and everything of 30 days": a flag replaces its own rule and no other, and a rule that
//! is added can only keep more. Who wants five and nothing else writes `--keep 0 --keep-last 5`. In the same way
//! `--keep 90` leaves a configured `keep_failed_days: 7` in force.
//!
//! **Classes.** Failed and interrupted runs go by `keep_failed` where it is set, all others by `keep`. A run of unknown
//! status goes by the longer of the two: what is uncertain stays. A status that rests on `stderr` alone counts as
//! stated, unless `strict_status` makes it unknown; so being strict never removes more.

use super::calendar::Period;
use super::rules::{Origin, Rule, Rules, Setting};
use super::useless::useless;
use super::verdict::RemoveReason;
use crate::model::{Age, Class, DAY};
use std::fmt;

/// The age up to which runs are kept when nobody states one.
pub const BUILT_IN_KEEP: Age = Age::days(30);

/// The longest age that is taken for meant, the same that [`Age`] reads from text: a thousand years.
const LONGEST: Age = Age::days(365_000);

/// The largest number of runs that is taken for meant. A store has at most a few million.
const MOST_RUNS: u64 = 1_000_000_000;

/// The number of stretches that stands for all there are.
pub const UNLIMITED: u64 = MOST_RUNS;

/// Whether something beside the policy chooses the runs that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Nothing does: the policy alone decides, and must keep something.
    Whole,
    /// A status, a list of ids or the like narrows what may go, so the policy itself may keep nothing.
    Narrowed,
}

/// Which age a run goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgeRule {
    /// `keep`.
    Keep,
    /// `keep_failed`.
    KeepFailed,
    /// The longer of the two, for a run of unknown status.
    Longer,
}

/// An age and the rule that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgeLimit {
    /// The rule.
    pub rule: AgeRule,
    /// A run that is older may go.
    pub age: Age,
}

/// The rules in force for one project, each with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Runs up to this age stay.
    pub keep: Setting<Age>,
    /// Instead, for failed and interrupted runs; `None`: the same.
    pub keep_failed: Option<Setting<Age>>,
    /// The newest so many stay; `None` and 0: the number keeps none.
    pub keep_last: Option<Setting<u64>>,
    /// The newest run of each of the last so many hours, days and so on stays, in the order of [`Period::ALL`].
    pub newest_of: [Option<Setting<u64>>; 5],
    /// Runs that are no older than this when the newest of the project began stay.
    pub keep_within: Option<Setting<Age>>,
    /// Runs with one of these tags, or all of those joined by commas, stay.
    pub keep_tag: Option<Setting<Vec<String>>>,
    /// Whether the last run that succeeded stays.
    pub keep_last_success: Setting<bool>,
    /// Whether a status that rests on `stderr` alone is unknown.
    pub strict_status: Setting<bool>,
    /// Whether a failed run stays until its failed tasks have succeeded later.
    pub keep_unresolved: Setting<bool>,
    /// The logs of runs that stay go after this age; `None`: they stay as long as their run.
    pub keep_logs: Option<Setting<Age>>,
    /// What scripts left behind in runs that stay goes after this age; `None`: it stays as long as its run.
    pub keep_artifacts: Option<Setting<Age>>,
}

/// The reason why a policy is refused. The user's input is at fault: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Every age is zero and no number of runs is kept.
    #[error("the policy keeps no run{}: `{keep}` is 0, and neither another age nor a number of runs keeps any",
        if *.but_some { " for certain, as there may be no last success, no such tag and no failure to resolve" } else { " at all" })]
    KeepsNothing {
        /// What sets `keep`.
        keep: String,
        /// Whether a rule is set that keeps some runs where there are any of the kind.
        but_some: bool,
    },
    /// An age of more than a thousand years.
    #[error("`{key}` is {age}, more than 1000 years: write a whole number of days up to 365000, or an age like `36h`")]
    AgeTooLong {
        /// What sets it.
        key: String,
        /// The age.
        age: Age,
    },
    /// A budget that a rule of the same place never lets hold.
    #[error("`{budget}` {limit} can never be met: `{rule} of each project stay whatever a budget says")]
    Contradiction {
        /// What sets the budget.
        budget: &'static str,
        /// Its limit.
        limit: String,
        /// The rule and its number.
        rule: String,
    },
    /// A rule that can never matter.
    #[error("`{rule}` can never keep a run: {why}")]
    Useless {
        /// What sets it.
        rule: String,
        /// Why not.
        why: String,
    },
    /// A number of runs that no store has.
    #[error("`{key}` is {count}, more runs than any store has: write a whole number up to {MOST_RUNS}")]
    TooManyRuns {
        /// What sets it.
        key: String,
        /// The number.
        count: u64,
    },
}

/// The layers that a policy is resolved from, the strongest first.
struct Layers<'a>([(Origin, &'a Rules); 3]);

impl Layers<'_> {
    /// The value of a rule in the first layer that has it.
    fn first<T>(&self, of: impl Fn(&Rules) -> Option<T>) -> Option<Setting<T>> {
        self.0.iter().find_map(|(origin, rules)| Some(Setting { value: of(rules)?, origin: origin.clone() }))
    }
}

impl Policy {
    /// The policy of one project, key by key: flag beats project beats default beats built-in. `project` is the key of
    /// `config.yml` that applies to it, with its rules.
    pub fn resolve(flags: &Rules, project: Option<(&str, &Rules)>, default: &Rules) -> Self {
        let none = Rules::default();
        const OFF: Setting<bool> = Setting { value: false, origin: Origin::BuiltIn };
        let (key, rules) = project.unwrap_or(("", &none));
        let layers =
            Layers([(Origin::Flag, flags), (Origin::Project(key.to_owned()), rules), (Origin::Default, default)]);
        Self {
            keep: layers.first(|r| r.keep).unwrap_or(Setting { value: BUILT_IN_KEEP, origin: Origin::BuiltIn }),
            keep_failed: layers.first(|r| r.keep_failed),
            keep_last: layers.first(|r| r.keep_last),
            newest_of: Period::ALL.map(|period| layers.first(|r| r.newest_of[period as usize])),
            keep_within: layers.first(|r| r.keep_within),
            keep_tag: layers.first(|r| r.keep_tag.clone()),
            keep_last_success: layers.first(|r| r.keep_last_success).unwrap_or(OFF),
            strict_status: layers.first(|r| r.strict_status).unwrap_or(OFF),
            keep_unresolved: layers.first(|r| r.keep_unresolved).unwrap_or(OFF),
            keep_logs: layers.first(|r| r.keep_logs),
            keep_artifacts: layers.first(|r| r.keep_artifacts),
        }
    }

    /// Refuses numbers that nobody means, and a policy that keeps nothing where nothing else narrows what goes.
    ///
    /// # Errors
    /// [`PolicyError`] with the flag or the key that is at fault.
    pub fn validate(&self, selection: Selection) -> Result<(), PolicyError> {
        let ages = [
            (Rule::Keep, Some(&self.keep)),
            (Rule::KeepFailed, self.keep_failed.as_ref()),
            (Rule::KeepLogs, self.keep_logs.as_ref()),
            (Rule::KeepArtifacts, self.keep_artifacts.as_ref()),
            (Rule::KeepWithin, self.keep_within.as_ref()),
        ];
        for (rule, setting) in ages {
            if let Some(Setting { value: age, origin }) = setting
                && *age > LONGEST
            {
                return Err(PolicyError::AgeTooLong { key: origin.names(rule), age: *age });
            }
        }
        let newest = Period::ALL.map(|period| (Rule::KeepNewest(period), self.newest_of[period as usize].as_ref()));
        for (rule, setting) in std::iter::once((Rule::KeepLast, self.keep_last.as_ref())).chain(newest) {
            if let Some(Setting { value: count, origin }) = setting
                && !is_a_count(*count)
            {
                return Err(PolicyError::TooManyRuns { key: origin.names(rule), count: *count });
            }
        }
        if let Some((rule, why)) = useless(self) {
            return Err(PolicyError::Useless { rule, why });
        }
        if !self.keeps_something() && selection == Selection::Whole {
            let but_some = self.keep_last_success.value || self.keep_unresolved.value || !self.tags().is_empty();
            return Err(PolicyError::KeepsNothing { keep: self.keep.origin.names(Rule::Keep), but_some });
        }
        Ok(())
    }

    /// Whether there are runs that it keeps: not every age is zero, or a number of runs stays.
    pub fn keeps_something(&self) -> bool {
        let zero = Age::seconds(0);
        let ages = self.keep.value != zero || self.failed().value != zero || self.within().is_some();
        ages || self.last() > 0 || Period::ALL.into_iter().any(|period| self.newest_of(period) > 0)
    }

    /// Whether a rule is set that looks at more than the age of a run and the number of newer ones: then instants do not
    /// tell which runs go.
    pub fn asks_rows(&self) -> bool {
        let buckets = Period::ALL.into_iter().any(|period| self.newest_of(period) > 0);
        let alone = self.keep_last_success.value || self.keep_unresolved.value || !self.tags().is_empty();
        buckets || alone || self.within().is_some()
    }

    /// Of how many of the last hours, days and so on the newest run stays.
    pub fn newest_of(&self, period: Period) -> u64 {
        self.newest_of[period as usize].as_ref().map_or(0, |setting| setting.value)
    }

    /// The age up to which runs stay, counted back from the newest of the project; `None`: the rule is not set.
    pub fn within(&self) -> Option<Age> {
        self.keep_within.as_ref().map(|setting| setting.value).filter(|age| *age != Age::ZERO)
    }

    /// The tags that keep a run: each text is one, or several joined by commas, all of which a run must have.
    pub fn tags(&self) -> &[String] {
        self.keep_tag.as_ref().map_or(&[], |setting| &setting.value)
    }

    /// Which of [`Policy::tags`] a run with these tags has.
    pub fn tagged(&self, tags: &[String]) -> Option<usize> {
        let has_all = |wanted: &String| wanted.split(',').all(|wanted| tags.iter().any(|tag| tag == wanted));
        self.tags().iter().position(has_all)
    }

    /// What the rules have against a run of that class when none of them keeps it.
    pub fn against(&self, class: Class) -> Vec<RemoveReason> {
        let mut against = vec![RemoveReason::OlderThan(self.limit(class))];
        if self.last() > 0 {
            against.push(RemoveReason::NotAmongLast(self.last()));
        }
        let newest = Period::ALL.into_iter().map(|period| (period, self.newest_of(period))).filter(|(_, n)| *n > 0);
        against.extend(newest.map(|(period, count)| RemoveReason::NotNewestOf(period, count)));
        against.extend(self.within().map(RemoveReason::NotWithinOfLast));
        against
    }

    /// What goes of runs that stay, each part after an age of its own.
    pub fn parts(&self) -> impl Iterator<Item = (Rule, &Setting<Age>)> {
        [(Rule::KeepLogs, &self.keep_logs), (Rule::KeepArtifacts, &self.keep_artifacts)]
            .into_iter()
            .filter_map(|(rule, setting)| Some((rule, setting.as_ref()?)))
    }

    /// Why a part of a run goes by that rule, as in "logs older than 7 days (--keep-logs)".
    pub fn part_reason(&self, rule: Rule, word: &str) -> String {
        let limit = self.parts().find(|(part, _)| *part == rule);
        limit.map_or_else(String::new, |(_, setting)| {
            format!("{word} older than {} ({})", spelled(setting.value), setting.origin.names(rule))
        })
    }

    /// How many of the newest runs stay, whatever their age.
    pub fn last(&self) -> u64 {
        self.keep_last.as_ref().map_or(0, |setting| setting.value)
    }

    /// The class that a run of `class` is treated as: never one of the inferred ones.
    pub fn treats_as(&self, class: Class) -> Class {
        match class {
            Class::InferredOk | Class::InferredFailed if self.strict_status.value => Class::Unknown,
            Class::InferredOk => Class::Ok,
            Class::InferredFailed => Class::Failed,
            other => other,
        }
    }

    /// The age that a run of `class` goes by.
    pub fn limit(&self, class: Class) -> AgeLimit {
        let rule = match (self.treats_as(class), &self.keep_failed) {
            (Class::Failed, Some(_)) => AgeRule::KeepFailed,
            (Class::Unknown, Some(_)) => AgeRule::Longer,
            _ => AgeRule::Keep,
        };
        let (_, setting) = self.setting(rule);
        AgeLimit { rule, age: setting.value }
    }

    /// What sets the age of that rule: a flag, the path of a key in `config.yml`, or `built-in`.
    pub fn source(&self, rule: AgeRule) -> String {
        let (rule, setting) = self.setting(rule);
        setting.origin.names(rule)
    }

    /// The age of failed and interrupted runs.
    fn failed(&self) -> &Setting<Age> {
        self.keep_failed.as_ref().unwrap_or(&self.keep)
    }

    /// The setting behind an age, and the rule it belongs to.
    fn setting(&self, rule: AgeRule) -> (Rule, &Setting<Age>) {
        match (rule, &self.keep_failed) {
            (AgeRule::KeepFailed, Some(failed)) => (Rule::KeepFailed, failed),
            (AgeRule::Longer, Some(failed)) if failed.value > self.keep.value => (Rule::KeepFailed, failed),
            _ => (Rule::Keep, &self.keep),
        }
    }
}

impl fmt::Display for Policy {
    /// The policy as a sentence, as in "keep 30 days; failed and interrupted 7 days; the last 10 of each project".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keep {}", spelled(self.keep.value))?;
        if let Some(failed) = &self.keep_failed {
            write!(f, "; failed and interrupted {}", spelled(failed.value))?;
        }
        match self.last() {
            0 => {}
            1 => f.write_str("; the last of each project")?,
            n => write!(f, "; the last {n} of each project")?,
        }
        for period in Period::ALL {
            match self.newest_of(period) {
                0 => {}
                UNLIMITED => write!(f, "; the newest of every {}", period.word())?,
                1 => write!(f, "; the newest of the last {}", period.word())?,
                n => write!(f, "; the newest of each of the last {n} {}s", period.word())?,
            }
        }
        if let Some(age) = self.within() {
            write!(f, "; all within {} of the newest", spelled(age))?;
        }
        if !self.tags().is_empty() {
            write!(f, "; tagged {}", self.tags().join(" or "))?;
        }
        if self.keep_last_success.value {
            f.write_str("; the last success of each project")?;
        }
        if self.keep_unresolved.value {
            f.write_str("; failed runs until their tasks succeed")?;
        }
        if self.strict_status.value {
            f.write_str("; a status by stderr alone is unknown")?;
        }
        for (rule, setting) in self.parts() {
            let what = if rule == Rule::KeepLogs { "logs" } else { "artifacts" };
            write!(f, "; {what} {}", spelled(setting.value))?;
        }
        Ok(())
    }
}

/// Whether a number of runs is one that somebody can mean.
pub(super) const fn is_a_count(count: u64) -> bool {
    count <= MOST_RUNS
}

/// Whether a text is a tag, or several joined by commas. What a tag can be is told where it is set; this refuses what
/// none is.
pub fn is_a_tag_list(text: &str) -> bool {
    let is_a_tag = |tag: &str| !tag.is_empty() && !tag.starts_with(['+', '-']) && !tag.contains(char::is_whitespace);
    text.split(',').all(is_a_tag)
}

/// An age in words, in the largest unit that states it exactly: "30 days", "36 hours".
pub(super) fn spelled(age: Age) -> String {
    if age == LONGEST {
        return "any number of days".to_owned();
    }
    let units = [(DAY, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = age.as_seconds();
    let (unit, word) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "second"));
    let count = seconds / unit;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
