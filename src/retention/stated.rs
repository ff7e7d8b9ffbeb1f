//! A policy taken apart: each rule in force with its value as it is written, and where that comes from; and beside the
//! rules, which are those of a project, what `config.yml` states of the store as a whole.

use super::budget::Budget;
use super::calendar::Period;
use super::config::Config;
use super::policy::{Policy, UNLIMITED};
use super::rules::{Rule, Setting};
use crate::model::Age;

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The rule.
    pub rule: Rule,
    /// Its value, as `config.yml` has it.
    pub value: String,
    /// What sets it: a flag, the path of a key in `config.yml`, or `built-in`.
    pub source: String,
}

/// A key of `config.yml` that is about the store as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSetting {
    /// Its path, as in `retention.max_size`.
    pub path: &'static str,
    /// Its value, as `config.yml` has it; `None`: nobody stated it, and there is none.
    pub value: Option<String>,
}

impl StoreSetting {
    /// Its name without the place in which it stands, where that says nothing more.
    pub fn key(&self) -> &'static str {
        self.path.strip_prefix("retention.").unwrap_or(self.path)
    }

    /// What sets it: its path, or `built-in`.
    pub fn source(&self) -> &'static str {
        if self.value.is_some() { self.path } else { "built-in" }
    }
}

impl Config {
    /// Every budget, whether it is stated or not.
    pub fn stated_budgets(&self) -> [StoreSetting; 3] {
        let budgets = self.budgets();
        let setting = |path, budget: Option<Budget>| StoreSetting { path, value: budget.map(|b| b.to_string()) };
        [
            setting("retention.max_runs", budgets.max_runs.map(Budget::MaxRuns)),
            setting("retention.max_size", budgets.max_size.map(Budget::MaxSize)),
            setting("retention.min_free", budgets.min_free.map(Budget::MinFree)),
        ]
    }

    /// What else decides what a clean does, whether it is stated or not.
    pub fn stated_of_store(&self) -> [StoreSetting; 4] {
        let setting = |path, value: Option<String>| StoreSetting { path, value };
        [
            setting("retention.cache", self.stated_cache().map(|collects| collects.to_string())),
            setting("retention.max_delete", self.max_delete().map(|limit| limit.to_string())),
            setting("retention.history_days", self.history().map(|age| age.to_string())),
            setting("trash.keep_days", self.trash().map(|age| age.to_string())),
        ]
    }
}

impl Policy {
    /// Every rule that somebody stated, and the age that holds when nobody does.
    pub fn stated(&self) -> Vec<Stated> {
        let mut found = Vec::new();
        let mut age = |rule: Rule, setting: Option<&Setting<Age>>| {
            found.extend(setting.map(|s| stated(rule, s, s.value.to_string())));
        };
        age(Rule::Keep, Some(&self.keep));
        age(Rule::KeepFailed, self.keep_failed.as_ref());
        age(Rule::KeepWithin, self.keep_within.as_ref());
        age(Rule::KeepLogs, self.keep_logs.as_ref());
        age(Rule::KeepArtifacts, self.keep_artifacts.as_ref());
        found.extend(self.keep_last.as_ref().map(|s| stated(Rule::KeepLast, s, s.value.to_string())));
        for period in Period::ALL {
            let setting = self.newest_of[period as usize].as_ref();
            let value = |count: u64| if count == UNLIMITED { "unlimited".to_owned() } else { count.to_string() };
            found.extend(setting.map(|s| stated(Rule::KeepNewest(period), s, value(s.value))));
        }
        let tags =
            |tags: &[String]| format!("[{}]", tags.iter().map(|tag| format!("{tag:?}")).collect::<Vec<_>>().join(", "));
        found.extend(self.keep_tag.as_ref().map(|s| stated(Rule::KeepTag, s, tags(&s.value))));
        for (rule, setting) in [
            (Rule::KeepLastSuccess, &self.keep_last_success),
            (Rule::KeepUnresolved, &self.keep_unresolved),
            (Rule::StrictStatus, &self.strict_status),
        ] {
            if setting.origin != super::Origin::BuiltIn {
                found.push(stated(rule, setting, setting.value.to_string()));
            }
        }
        found
    }
}

fn stated<T>(rule: Rule, setting: &Setting<T>, value: String) -> Stated {
    Stated { rule, value, source: setting.origin.names(rule) }
}
