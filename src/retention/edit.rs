//! Rules and budgets written into the text of a `config.yml`, with all else as it was.
//!
//! The editor works on the tokens of the text, so comments, order and line ends stay. It is not trusted: what it made is
//! read again, and must state what the text stated before, with the keys that were meant and no other changed
//! ([`same_but`]); and line by line it must be the old text, but for new lines and for the values in lines that name a
//! key that was meant ([`keeps_lines`]). An alias that stands for the same rules elsewhere, a comment in a list that is
//! replaced, a way of writing that the editor gets wrong: all end as [`EditError::Unsafe`], and nothing was written.

use super::budget::Budgets;
use super::config::Config;
use super::error::ConfigError;
use super::policy::Policy;
use super::rules::Rules;
use super::yaml::{Content, Document, Node};
use std::collections::HashMap;
use std::str::FromStr as _;
use yaml_edit::{Mapping, YamlFile};

/// A text that states the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The text; the old one if it stated them already.
    pub text: String,
    /// What differs, in the order of the rules.
    pub changes: Vec<KeyChange>,
}

/// A key whose value differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// Its path, such as `retention.default.keep_days`.
    pub key: String,
    /// The value before; `None`: it was not there.
    pub before: Option<String>,
    /// The value now.
    pub after: String,
}

/// Why the rules were not put into a text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The text is no policy.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be done without touching more than was meant.
    #[error("{0}")]
    Unsafe(&'static str),
}

/// What is put into a `config.yml`, and where.
#[derive(Clone, Debug, PartialEq)]
pub enum Amendment {
    /// Rules for all projects: below `retention.default`.
    Default(Rules),
    /// Rules below the key of a project in `retention.per_project`.
    Project(String, Rules),
    /// Budgets, which hold for the whole store: below `retention`.
    Budgets(Budgets),
}

/// A key and the value that it gets, as text.
type Line = (&'static str, String);

impl Amendment {
    /// The keys that lead to its lines.
    fn path(&self) -> Vec<&str> {
        match self {
            Self::Default(_) => vec!["retention", "default"],
            Self::Project(key, _) => vec!["retention", "per_project", key],
            Self::Budgets(_) => vec!["retention"],
        }
    }

    /// The lines that state it.
    fn lines(&self) -> Vec<Line> {
        match self {
            Self::Default(rules) | Self::Project(_, rules) => of_rules(rules),
            Self::Budgets(budgets) => of_budgets(budgets),
        }
    }

    /// The lines that stand in its place.
    fn there(&self, config: &Config) -> Vec<Line> {
        match self {
            Self::Default(_) => of_rules(config.default_rules()),
            Self::Project(key, _) => config.exact_rules(key).map(of_rules).unwrap_or_default(),
            Self::Budgets(_) => of_budgets(config.budgets()),
        }
    }
}

fn of_rules(rules: &Rules) -> Vec<Line> {
    let all = Policy::resolve(rules, None, &Rules::default()).stated().into_iter();
    all.filter(|stated| stated.source != "built-in").map(|stated| (stated.rule.key(), stated.value)).collect()
}

fn of_budgets(budgets: &Budgets) -> Vec<Line> {
    budgets.stated().map(|budget| (budget.key(), budget.to_string())).collect()
}

/// The text of a `config.yml` that states all of this and nothing else.
///
/// # Errors
/// [`EditError`].
pub fn lines(amendments: &[Amendment]) -> Result<String, EditError> {
    amendments.iter().try_fold(String::new(), |text, amendment| Ok(edit(&text, amendment)?.text))
}

fn block(path: &[&str], wanted: &[Line], end: &str) -> String {
    let keys = path.iter().enumerate().map(|(depth, key)| match depth {
        // A project is called anything; the other keys are ours.
        2 => format!("{:4}{key:?}:{end}", ""),
        _ => format!("{:1$}{key}:{end}", "", 2 * depth),
    });
    let rules = wanted.iter().map(|(key, value)| format!("{:1$}{key}: {value}{end}", "", 2 * path.len()));
    keys.chain(rules).collect()
}

/// Puts something into the text of a `config.yml`. What it does not name stays.
///
/// # Errors
/// [`EditError`].
pub fn edit(text: &str, amendment: &Amendment) -> Result<Edit, EditError> {
    let before = Config::parse(text)?;
    let (path, there) = (amendment.path(), amendment.there(&before));
    let old = |key: &str| there.iter().find(|(other, _)| *other == key).map(|(_, value)| value.clone());
    let wanted: Vec<Line> =
        amendment.lines().into_iter().filter(|(key, value)| old(key).as_ref() != Some(value)).collect();
    let change = |(key, value): &Line| KeyChange {
        key: format!("{}.{key}", path.join(".")),
        before: old(key),
        after: value.clone(),
    };
    let changes = wanted.iter().map(change).collect();
    if wanted.is_empty() {
        return Ok(Edit { text: text.to_owned(), changes });
    }
    let after = put(text, &before.document, &path, &wanted)
        .ok_or(EditError::Unsafe("it is written in a way that cannot be edited"))?;
    let read = Config::parse(&after).map_err(|_| EditError::Unsafe("edited, it would no longer be read"))?;
    if !same_but(before.document.root.as_ref(), read.document.root.as_ref(), &path, &wanted) {
        return Err(EditError::Unsafe("more than these keys would change"));
    }
    if !keeps_lines(text, &after, &path, &wanted) {
        return Err(EditError::Unsafe("a comment or a line would not stay as it is"));
    }
    Ok(Edit { text: after, changes })
}

/// The text with the lines in it, as the editor sees it.
fn put(text: &str, document: &Document, path: &[&str], wanted: &[Line]) -> Option<String> {
    // Where line ends differ, those of new lines are the editor's affair, and those of the others stay.
    let windows = text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count();
    let end = if windows { "\r\n" } else { "\n" };
    if document.root.is_none() {
        let apart = if text.is_empty() || text.ends_with('\n') { "" } else { end };
        return Some(format!("{text}{apart}{}", block(path, wanted, end)));
    }
    let file = YamlFile::from_str(text).ok()?;
    let mut map = file.document()?.as_mapping()?;
    for (depth, key) in path.iter().enumerate() {
        match map.get_mapping(*key) {
            Some(below) => map = below,
            None if map.contains_key(*key) => return None,
            None => {
                map.set(*key, parsed(&block(&path[depth + 1..], wanted, "\n"))?);
                return Some(with_ends(&file.to_string(), end));
            }
        }
    }
    for (key, value) in wanted {
        map.set(*key, parsed(&format!("{key}: {value}\n"))?.get(*key)?);
    }
    Some(with_ends(&file.to_string(), end))
}

fn parsed(text: &str) -> Option<Mapping> {
    YamlFile::from_str(text).ok()?.document()?.as_mapping()
}

/// The text with the line ends that it had before lines were added.
fn with_ends(text: &str, end: &str) -> String {
    match end {
        "\n" => text.to_owned(),
        end => text.lines().map(|line| format!("{line}{end}")).collect(),
    }
}

/// Whether two trees are the same, but that below the path of keys the second has the lines that are wanted.
fn same_but(before: Option<&Node>, after: Option<&Node>, path: &[&str], wanted: &[Line]) -> bool {
    let (Some(before), Some(after)) = (entries(before), entries(after)) else { return false };
    let meant = |key: &str| match path {
        [] => wanted.iter().any(|(name, _)| *name == key),
        [head, ..] => *head == key,
    };
    let all_there = before.keys().all(|key| after.contains_key(key));
    let all_right = after.iter().all(|(key, node)| {
        let old = before.get(key).copied();
        match path {
            [_, rest @ ..] if meant(key) => same_but(old, Some(node), rest, wanted),
            [] if meant(key) => wanted.iter().any(|(name, value)| {
                let value = Document::parse(value).ok().and_then(|document| document.root);
                name == key && value.is_some_and(|value| same(&value.content, &node.content))
            }),
            _ => old.is_some_and(|old| same(&old.content, &node.content)),
        }
    });
    let all_put = match path {
        [] => wanted.iter().all(|(name, _)| after.contains_key(name)),
        [head, ..] => after.contains_key(head),
    };
    all_there && all_right && all_put
}

/// The entries of a map; none of what is not there.
fn entries(node: Option<&Node>) -> Option<HashMap<&str, &Node>> {
    match node.map(|node| &node.content) {
        None => Some(HashMap::new()),
        Some(Content::Map(entries)) => Some(entries.iter().map(|(key, node)| (key.text.as_str(), node)).collect()),
        Some(_) => None,
    }
}

fn same(a: &Content, b: &Content) -> bool {
    match (a, b) {
        (Content::Null, Content::Null) => true,
        (Content::Bool(a), Content::Bool(b)) => a == b,
        (Content::Integer(a), Content::Integer(b)) => a == b,
        (Content::Number(a), Content::Number(b)) | (Content::Text(a), Content::Text(b)) => a == b,
        (Content::List(a), Content::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.content, &b.content))
        }
        (Content::Map(a), Content::Map(b)) => {
            let b: HashMap<&str, &Content> = b.iter().map(|(key, node)| (key.text.as_str(), &node.content)).collect();
            a.len() == b.len()
                && a.iter().all(|(key, node)| b.get(key.text.as_str()).is_some_and(|b| same(&node.content, b)))
        }
        _ => false,
    }
}

/// Whether every old line is still there, in its order, byte for byte: but that of a line which names a key that was meant,
/// or the map in which it stands, only what surrounds the value must be the same: indentation and comment.
fn keeps_lines(before: &str, after: &str, path: &[&str], wanted: &[Line]) -> bool {
    let mut new = after.split('\n');
    let ended = before.ends_with('\n');
    let mut old = before.strip_suffix('\n').unwrap_or(before).split('\n').peekable();
    while let Some(line) = old.next() {
        // The last line may get its end.
        let open = old.peek().is_none() && !ended;
        let bare = line.trim_start();
        let indent = &line[..line.len() - bare.len()];
        let names = path.iter().copied().chain(wanted.iter().map(|(key, _)| *key)).any(|name| bare.contains(name));
        let stays = new.any(|other| {
            let other = if open { other.trim_end_matches('\r') } else { other };
            let ends = line.ends_with('\r') == other.ends_with('\r');
            other == line || (names && ends && other.starts_with(indent) && comment(line) == comment(other))
        });
        if !stays {
            return false;
        }
    }
    true
}

/// From the first `#` that can begin a comment to the end. One in quotes begins none: there it only asks for more.
fn comment(line: &str) -> &str {
    let begins = |at: usize| at == 0 || line[..at].ends_with([' ', '\t']);
    line.match_indices('#').find(|(at, _)| begins(*at)).map_or("", |(at, _)| line[at..].trim_end_matches('\r'))
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
