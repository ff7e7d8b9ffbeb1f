//! Which rules of `per_project` apply to a project, and which keys apply to none.
//!
//! A key is a directory name, a hash, a name, or a pattern (`*`, `?`) for directory names and names; they beat each
//! other in this order, and a longer pattern beats a shorter one. A key that no project has is usually a project that
//! is gone, and worth a notice. But it may also be a slip of the pen, and then the project that was meant loses its
//! protection without a word. So where a project *without an exact key of its own* is one or two letters away, that is
//! an error. That a pattern applies to that project is no excuse: its own rules are what the slip takes from it.

use super::config::Config;
use super::error::{ConfigError, at};
use super::glob;
use super::rules::Rules;
use super::yaml::shortened;
use crate::model::ProjectDir;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// How many letters off still looks like a slip of the pen.
const SLIP: usize = 2;

/// How many bytes may be read again to tell the lines of keys that no project has. Each line costs a reading of the
/// whole text: plenty for any policy written by hand, and a bound for one of a megabyte.
const LINE_BUDGET: usize = 16 << 20;

/// The keys of `per_project`, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct ProjectKeys {
    keys: Vec<ProjectKey>,
    by_text: HashMap<String, usize>,
    /// Where in `keys` the patterns are.
    globs: Vec<usize>,
}

#[derive(Clone, Debug)]
struct ProjectKey {
    text: String,
    ordinal: usize,
    rules: Rules,
}

/// A key that no project has. It is told on every clean, and stops nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The key.
    pub key: String,
    /// Its line, from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if glob::is_glob(&self.key) { "matches" } else { "is called" };
        let key = shortened(&self.key);
        write!(f, "{}no project {verb} `{key}`, so its rules have no effect", at(&self.line))
    }
}

/// What a project is called, the strongest first.
struct Labels<'a> {
    directory: String,
    hash: String,
    name: &'a str,
}

impl<'a> Labels<'a> {
    fn of(dir: &ProjectDir, name: &'a str) -> Self {
        Self { directory: dir.lossy(), hash: dir.hash(), name }
    }

    fn all(&self) -> [&str; 3] {
        [&self.directory, &self.hash, self.name]
    }
}

impl ProjectKeys {
    /// The rules of every key.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rules> {
        self.keys.iter().map(|key| &key.rules)
    }

    /// Adds a key that is not there yet.
    pub(super) fn insert(&mut self, text: String, ordinal: usize, rules: Rules) {
        let index = self.keys.len();
        if glob::is_glob(&text) {
            self.globs.push(index);
        }
        self.by_text.insert(text.clone(), index);
        self.keys.push(ProjectKey { text, ordinal, rules });
    }

    /// The key that names the project exactly. No key is empty, so a project without a hash matches none by it.
    fn exact(&self, labels: &Labels<'_>) -> Option<&ProjectKey> {
        labels.all().iter().find_map(|label| self.by_text.get(*label)).map(|index| &self.keys[*index])
    }

    /// The patterns that describe the project.
    fn patterns(&self, labels: &Labels<'_>) -> impl Iterator<Item = &ProjectKey> {
        let describes =
            |key: &ProjectKey| glob::matches(&key.text, &labels.directory) || glob::matches(&key.text, labels.name);
        self.globs.iter().map(|index| &self.keys[*index]).filter(move |key| describes(key))
    }
}

impl Config {
    /// The rules that stand below this key of `per_project`.
    pub fn exact_rules(&self, key: &str) -> Option<&Rules> {
        self.projects().by_text.get(key).map(|index| &self.projects().keys[*index].rules)
    }

    /// The key that applies to a project and its rules; `name` is the project's name for people.
    ///
    /// # Errors
    /// [`ConfigError::Ambiguous`] when two patterns of one length match it.
    pub fn project_rules(&self, dir: &ProjectDir, name: &str) -> Result<Option<(&str, &Rules)>, ConfigError> {
        let labels = Labels::of(dir, name);
        if let Some(key) = self.projects().exact(&labels) {
            return Ok(Some((&key.text, &key.rules)));
        }
        let length = |key: &ProjectKey| key.text.chars().count();
        let mut best: Option<&ProjectKey> = None;
        let mut tie: Option<&ProjectKey> = None;
        for key in self.projects().patterns(&labels) {
            match best {
                Some(other) if length(key) < length(other) => {}
                Some(other) if length(key) == length(other) => tie = Some(key),
                _ => (best, tie) = (Some(key), None),
            }
        }
        match (best, tie) {
            (Some(key), Some(other)) => Err(ConfigError::Ambiguous {
                line: self.document.line(key.ordinal),
                key: shortened(&key.text),
                other: shortened(&other.text),
                other_line: self.document.line(other.ordinal),
                project: labels.directory,
            }),
            (best, _) => Ok(best.map(|key| (key.text.as_str(), &key.rules))),
        }
    }

    /// Holds the project keys against all projects of the store: a notice for each key that no project has.
    ///
    /// # Errors
    /// [`ConfigError::Ambiguous`] when two patterns of one length match a project, [`ConfigError::NearMiss`] for a key
    /// that no project has and that looks like a slip.
    pub fn check_projects(&self, projects: &[(ProjectDir, String)]) -> Result<Vec<Notice>, ConfigError> {
        let keys = self.projects();
        let mut used = HashSet::new();
        let mut without_own = Vec::new();
        for (dir, name) in projects {
            self.project_rules(dir, name)?;
            let labels = Labels::of(dir, name);
            // A key beaten by a stronger one still names something, so it is neither gone nor a slip.
            used.extend(
                labels.all().iter().filter_map(|label| keys.by_text.get(*label)).map(|i| keys.keys[*i].ordinal),
            );
            used.extend(keys.patterns(&labels).map(|key| key.ordinal));
            if keys.exact(&labels).is_none() {
                without_own.push(labels);
            }
        }
        let mut budget = LINE_BUDGET;
        let mut notices = Vec::new();
        for key in keys.keys.iter().filter(|key| !used.contains(&key.ordinal)) {
            if let Some((labels, near)) = nearest(&key.text, &without_own) {
                let (project, near) = (labels.directory.clone(), near.to_owned());
                let line = self.document.line(key.ordinal);
                return Err(ConfigError::NearMiss { line, key: key.text.clone(), project, near });
            }
            let affordable = budget.checked_sub(self.document.len());
            budget = affordable.unwrap_or(budget);
            let line = affordable.and_then(|_| self.document.line(key.ordinal));
            notices.push(Notice { key: key.text.clone(), line });
        }
        Ok(notices)
    }
}

/// The project that a key resembles most, and by what. A pattern resembles nothing. Short keys must be closer: of `web`
/// two letters leave one, and `api` is no slip for `cli`.
fn nearest<'a>(key: &str, projects: &'a [Labels<'_>]) -> Option<(&'a Labels<'a>, &'a str)> {
    if glob::is_glob(key) {
        return None;
    }
    let length = key.chars().count();
    let distance = |label: &str| {
        // The difference in length is the least distance, and the cheaper question.
        if label.is_empty() || label.chars().count().abs_diff(length) > SLIP {
            return None;
        }
        let distance = strsim::damerau_levenshtein(key, label);
        (distance <= SLIP && 2 * distance < length).then_some(distance)
    };
    let labels = projects.iter().flat_map(|labels| labels.all().map(|label| (labels, label)));
    let near = labels.filter_map(|(labels, label)| Some((distance(label)?, labels, label)));
    near.min_by_key(|(distance, ..)| *distance).map(|(_, labels, label)| (labels, label))
}

#[cfg(test)]
#[path = "projects_tests.rs"]
mod tests;
