//! `config.yml`: the retention policy that a user keeps in the store, read strictly.
//!
//! A policy decides what is deleted, so nothing in it is guessed: an unknown key, a value of the wrong type, a key
//! stated twice, an empty value, a second document or a tag is an error with its line, and the caller then deletes
//! nothing. A text that states nothing (empty, comments only) is no policy; the built-in age applies.
//!
//! ```yaml
//! retention:
//!   default: { keep_days: 30, keep_last_n: 10, keep_failed_days: 7, strict_status: false }
//!   per_project:
//!     otto-abc123: { keep_days: 90, keep_last_n: 50 }   # directory name, hash, name, or glob (prod-*)
//!   cache: true
//!   max_delete: 20%                                     # no clean removes more runs than that
//!   history_days: 365                                   # rows of removed runs are folded after that
//!   temp_patterns: ["*.tmp", ".mypy_cache"]              # what `--only temp` drops of tasks
//! trash: { keep_days: 14 }                              # what a clean removes can be restored for so long
//! ```
//!
//! `keep_logs_days` and `keep_artifacts_days` are rules too: of runs that stay, those parts go after an age of their own.
//!
//! Ages are whole days, or an age as the flags take it (`36h`). `strict_status` and
//! `keep_unresolved` are rules like the others: they stand in
//! `default` and below a project, not beside them.
//!
//! **Adding a key** is one line in the table of its map: its name, and how its value is taken. Reading, paths, lines
//! and hints follow from the tables. Aliases work as YAML has them; merge keys (`<<`) are not read.

use super::budget::{BudgetError, Budgets};
use super::error::ConfigError;
use super::limit::Limit;
use super::policy::{Policy, UNLIMITED, is_a_count, is_a_tag_list};
use super::projects::ProjectKeys;
use super::rules::Rules;
use super::yaml::{self, Content, Document, Key, Node, NotADocument, shortened};
use crate::model::Age;
use std::collections::HashMap;
use std::str::FromStr;

/// The longest text that is read. A policy has a few lines; what is longer is something else.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;

/// What `config.yml` states. The default is what an absent or empty file states: nothing.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(super) document: Document,
    retention: Retention,
    trash: Option<Age>,
}

#[derive(Clone, Debug, Default)]
struct Retention {
    default: Rules,
    projects: ProjectKeys,
    cache: Option<bool>,
    max_delete: Option<Limit>,
    history: Option<Age>,
    temporary: Option<Vec<String>>,
    budgets: Budgets,
}

const TOP: &[Field<Config>] = &[
    ("retention", |config, at| set(&mut config.retention, at.map(RETENTION))),
    ("trash", |config, at| set(&mut config.trash, at.trash().map(Some))),
];

const TRASH: &[Field<Option<Age>>] = &[("keep_days", |keep, at| set(keep, at.some_age().map(Some)))];

const RETENTION: &[Field<Retention>] = &[
    ("default", |retention, at| set(&mut retention.default, at.map(RULES))),
    ("per_project", |retention, at| set(&mut retention.projects, at.projects())),
    ("cache", |retention, at| set(&mut retention.cache, at.bool().map(Some))),
    ("max_delete", |retention, at| set(&mut retention.max_delete, at.limit().map(Some))),
    ("history_days", |retention, at| set(&mut retention.history, at.age().map(Some))),
    ("max_size", |retention, at| set(&mut retention.budgets.max_size, at.amount().map(Some))),
    ("max_runs", |retention, at| set(&mut retention.budgets.max_runs, at.runs_at_most().map(Some))),
    ("min_free", |retention, at| set(&mut retention.budgets.min_free, at.amount().map(Some))),
    ("temp_patterns", |retention, at| set(&mut retention.temporary, at.patterns().map(Some))),
];

const RULES: &[Field<Rules>] = &[
    ("keep_days", |rules, at| set(&mut rules.keep, at.age().map(Some))),
    ("keep_failed_days", |rules, at| set(&mut rules.keep_failed, at.age().map(Some))),
    ("keep_last_n", |rules, at| set(&mut rules.keep_last, at.count().map(Some))),
    ("keep_hourly", |rules, at| set(&mut rules.newest_of[0], at.stretches().map(Some))),
    ("keep_daily", |rules, at| set(&mut rules.newest_of[1], at.stretches().map(Some))),
    ("keep_weekly", |rules, at| set(&mut rules.newest_of[2], at.stretches().map(Some))),
    ("keep_monthly", |rules, at| set(&mut rules.newest_of[3], at.stretches().map(Some))),
    ("keep_yearly", |rules, at| set(&mut rules.newest_of[4], at.stretches().map(Some))),
    ("keep_within", |rules, at| set(&mut rules.keep_within, at.age().map(Some))),
    ("keep_tag", |rules, at| set(&mut rules.keep_tag, at.tags().map(Some))),
    ("keep_last_success", |rules, at| set(&mut rules.keep_last_success, at.bool().map(Some))),
    ("strict_status", |rules, at| set(&mut rules.strict_status, at.bool().map(Some))),
    ("keep_unresolved", |rules, at| set(&mut rules.keep_unresolved, at.bool().map(Some))),
    ("keep_logs_days", |rules, at| set(&mut rules.keep_logs, at.age().map(Some))),
    ("keep_artifacts_days", |rules, at| set(&mut rules.keep_artifacts, at.age().map(Some))),
];

impl Config {
    /// Reads the text of a `config.yml`.
    ///
    /// # Errors
    /// [`ConfigError`] with the line and the key at fault.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.len() > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLong { bytes: text.len() });
        }
        let document = Document::parse(text).map_err(|error| match error {
            NotADocument::Syntax(source) => ConfigError::Syntax { line: yaml::line(&source), source },
            NotADocument::Second(line) => ConfigError::SecondDocument { line },
            NotADocument::Deep(line) => ConfigError::TooDeep { line },
        })?;
        let config = match &document.root {
            None => Self::default(),
            Some(node) => Place { document: &document, key: node.ordinal, path: String::new(), node }.map(TOP)?,
        };
        Ok(Self { document, ..config })
    }

    /// `retention.default`: the rules of every project, where its own do not say otherwise.
    pub fn default_rules(&self) -> &Rules {
        &self.retention.default
    }

    /// `retention.cache`: whether a bare `otto clean` collects orphaned cache entries after the runs.
    pub fn cache(&self) -> bool {
        self.retention.cache.unwrap_or(false)
    }

    /// `retention.max_delete`: how many runs one clean may remove at most.
    pub fn max_delete(&self) -> Option<Limit> {
        self.retention.max_delete
    }

    /// `trash.keep_days`: for how long what a clean removes can be restored; `None`: it is deleted at once.
    pub fn trash(&self) -> Option<Age> {
        self.trash
    }

    /// `retention.history_days`: how long the row of a run that is gone stays, with its tasks; `None`: for ever.
    pub fn history(&self) -> Option<Age> {
        self.retention.history
    }

    /// `retention.temp_patterns`: names of temporary files below a task, in the place of the built-in ones.
    pub fn temporary(&self) -> Option<&[String]> {
        self.retention.temporary.as_deref()
    }

    /// Whether parts of runs that stay go in any project: then somebody has to look what there is of them.
    pub fn drops_parts(&self, flags: &Rules) -> bool {
        let layers = self.retention.projects.rules().chain([&self.retention.default, flags]);
        layers.into_iter().any(|rules| rules.keep_logs.is_some() || rules.keep_artifacts.is_some())
    }

    /// `retention.max_size`, `max_runs` and `min_free`: what there is room for.
    pub fn budgets(&self) -> &Budgets {
        &self.retention.budgets
    }

    /// Whether a rule holds in any project that looks at more than ages and numbers: then instants do not decide.
    pub fn asks_rows(&self, flags: &Rules) -> bool {
        let projects = self.retention.projects.rules().map(|rules| Some(("", rules)));
        projects.chain([None]).any(|rules| Policy::resolve(flags, rules, &self.retention.default).asks_rows())
    }

    /// `retention.cache`, where it is stated.
    pub(super) fn stated_cache(&self) -> Option<bool> {
        self.retention.cache
    }

    pub(super) fn projects(&self) -> &ProjectKeys {
        &self.retention.projects
    }
}

/// A key of a map, and how its value goes into what the map states.
type Field<T> = (&'static str, fn(&mut T, &Place<'_>) -> Result<(), ConfigError>);

fn set<T>(target: &mut T, value: Result<T, ConfigError>) -> Result<(), ConfigError> {
    *target = value?;
    Ok(())
}

/// A value with the key it stands under.
struct Place<'a> {
    document: &'a Document,
    /// The ordinal of the key: a value may begin lines below, and people look for the key.
    key: usize,
    /// The path of the key, as in `retention.default.keep_days`; empty for the whole text.
    path: String,
    node: &'a Node,
}

impl<'a> Place<'a> {
    /// The map that stands here, read by a table of its keys.
    fn map<T: Default>(&self, fields: &[Field<T>]) -> Result<T, ConfigError> {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let entries = self.entries(&format!("a map with the keys {}", names.join(", ")))?;
        // Unknown keys come first: a key that lost its indentation explains the empty value above it.
        if let Some((key, _)) = entries.iter().find(|(key, _)| !names.contains(&key.text.as_str())) {
            return Err(self.unknown(key, hint(&key.text, &names)));
        }
        let mut value = T::default();
        for (key, node) in entries {
            for (_, take) in fields.iter().filter(|(name, _)| *name == key.text) {
                take(&mut value, &self.below(key, node))?;
            }
        }
        Ok(value)
    }

    /// The project keys that stand here, each with its rules.
    fn projects(&self) -> Result<ProjectKeys, ConfigError> {
        let mut projects = ProjectKeys::default();
        for (key, node) in self.entries("a map of projects, each with a map of rules")? {
            match key.text.as_str() {
                "" => return Err(self.unknown(key, "a project has a name".to_owned())),
                "<<" => return Err(self.unknown(key, "merge keys are not read: write the rules out".to_owned())),
                text => projects.insert(text.to_owned(), key.ordinal, self.below(key, node).map(RULES)?),
            }
        }
        Ok(projects)
    }

    /// An age: whole days, or a text as the flags take it.
    fn age(&self) -> Result<Age, ConfigError> {
        let expected = "a whole number of days up to 365000, an age like `36h`, or `unlimited`";
        let text = match &self.node.content {
            Content::Integer(days) => days.to_string(),
            Content::Text(text) => text.clone(),
            _ => return Err(self.bad(expected)),
        };
        text.parse().map_err(|error| match text.len() {
            ..=40 => self.bad(&format!("{expected} ({error})")),
            _ => self.bad(expected),
        })
    }

    /// An age that is no nothing.
    fn some_age(&self) -> Result<Age, ConfigError> {
        match self.age()? {
            Age::ZERO => Err(self.bad("an age above zero; without `trash`, what is removed is deleted at once")),
            age => Ok(age),
        }
    }

    /// What the trash is for. A map that says nothing is not one that means something.
    fn trash(&self) -> Result<Age, ConfigError> {
        self.map(TRASH)?.ok_or_else(|| self.bad("a map with the key keep_days"))
    }

    /// A number of runs.
    fn count(&self) -> Result<u64, ConfigError> {
        let count = match &self.node.content {
            Content::Integer(count) => u64::try_from(*count).ok().filter(|count| is_a_count(*count)),
            _ => None,
        };
        count.ok_or_else(|| self.bad("a whole number of runs, from 0 to 1000000000"))
    }

    /// A size, or a share of the disk.
    fn amount<T: FromStr<Err = BudgetError>>(&self) -> Result<T, ConfigError> {
        let expected = "a size like `5G`, or a share of the disk like `5%`";
        let text = match &self.node.content {
            Content::Integer(bytes) => bytes.to_string(),
            Content::Text(text) => text.clone(),
            _ => return Err(self.bad(expected)),
        };
        text.parse().map_err(|error| match text.len() {
            ..=40 => self.bad(&format!("{expected} ({error})")),
            _ => self.bad(expected),
        })
    }

    /// How many runs there may be.
    fn runs_at_most(&self) -> Result<u64, ConfigError> {
        match self.count()? {
            0 => Err(self.bad("a number of runs from 1")),
            count => Ok(count),
        }
    }

    /// A number of hours, days and so on.
    fn stretches(&self) -> Result<u64, ConfigError> {
        match &self.node.content {
            Content::Text(text) if text == "unlimited" => Ok(UNLIMITED),
            Content::Integer(_) => self.count(),
            _ => Err(self.bad("a whole number, or `unlimited`")),
        }
    }

    /// A tag, several that belong together, joined by commas, or a list of such texts.
    fn tags(&self) -> Result<Vec<String>, ConfigError> {
        let expected = "a tag, or a list of tags; of tags joined by commas, a run must have all";
        let one = |content: &Content| match content {
            Content::Text(text) if is_a_tag_list(text) => Ok(text.clone()),
            // As YAML has it, 0x1f is 31 and +5 is 5: another tag than the one that stands there.
            Content::Integer(_) | Content::Number(_) => Err(self.found(content, "a tag in quotes, as in `\"2024\"`")),
            _ => Err(self.bad(expected)),
        };
        match &self.node.content {
            Content::List(items) => items.iter().map(|item| one(&item.content)).collect(),
            content => one(content).map(|tag| vec![tag]),
        }
    }

    /// A number of runs, or a share of those found.
    fn limit(&self) -> Result<Limit, ConfigError> {
        let expected = "a whole number of runs, or a share like `10%`";
        match &self.node.content {
            Content::Integer(_) => self.count().map(Limit::Runs),
            Content::Text(text) => text.parse().map_err(|_| self.bad(expected)),
            _ => Err(self.bad(expected)),
        }
    }

    /// Patterns of names, none of them empty and none of them a path.
    fn patterns(&self) -> Result<Vec<String>, ConfigError> {
        let expected = "a list of patterns of file names, such as `[\"*.tmp\", __pycache__]`";
        let Content::List(items) = &self.node.content else { return Err(self.bad(expected)) };
        let patterns = items.iter().map(|item| match &item.content {
            Content::Text(text) if !text.is_empty() && !text.contains('/') => Ok(text.clone()),
            content => Err(self.found(content, expected)),
        });
        patterns.collect()
    }

    /// Yes or no.
    fn bool(&self) -> Result<bool, ConfigError> {
        match self.node.content {
            Content::Bool(value) => Ok(value),
            _ => Err(self.bad("`true` or `false`")),
        }
    }

    /// The entries of the map that stands here, each key once.
    fn entries(&self, expected: &str) -> Result<&'a [(Key, Node)], ConfigError> {
        let Content::Map(entries) = &self.node.content else { return Err(self.bad(expected)) };
        let mut seen = HashMap::with_capacity(entries.len());
        for (key, node) in entries {
            if let Some(first) = seen.insert(key.text.as_str(), key.ordinal) {
                let again = self.below(key, node);
                let first = self.document.line(first);
                return Err(ConfigError::DuplicateKey { line: again.line(), key: again.path, first });
            }
        }
        Ok(entries)
    }

    fn below(&self, key: &Key, node: &'a Node) -> Self {
        let text = shortened(&key.text);
        let path = if self.path.is_empty() { text } else { format!("{}.{text}", self.path) };
        Self { document: self.document, key: key.ordinal, path, node }
    }

    fn line(&self) -> Option<usize> {
        self.document.line(self.key)
    }

    fn bad(&self, expected: &str) -> ConfigError {
        self.found(&self.node.content, expected)
    }

    /// That here, or in the list that stands here, something is not what it should be.
    fn found(&self, content: &Content, expected: &str) -> ConfigError {
        let key = if self.path.is_empty() { "config.yml".to_owned() } else { self.path.clone() };
        let found = content.described();
        ConfigError::BadValue { line: self.line(), key, found, expected: expected.to_owned() }
    }

    fn unknown(&self, key: &Key, hint: String) -> ConfigError {
        let place = self.below(key, self.node);
        ConfigError::UnknownKey { line: place.line(), key: place.path, hint }
    }
}

/// What was probably meant by a key that is not among `here`: one that is, or a place where it is known.
fn hint(key: &str, here: &[&str]) -> String {
    /// From here on two words look alike: `keep_day` and `keep_days` do, `keep_failed` and `keep_failed_days` too.
    const ALIKE: f64 = 0.8;

    if RULES.iter().any(|(name, _)| *name == key) {
        return format!("`{key}` belongs below `retention.default`, or below a project in `retention.per_project`");
    }
    if RETENTION.iter().any(|(name, _)| *name == key) {
        return format!("`{key}` belongs below `retention`");
    }
    let likeness = |name: &str| strsim::jaro_winkler(&shortened(key), name);
    let nearest = here.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|name| likeness(name) >= ALIKE) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", here.join(", ")),
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
