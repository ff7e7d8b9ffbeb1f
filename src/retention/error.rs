//! What can be wrong with `config.yml`. All of it is the user's input: exit code 2, and nothing is deleted.
//!
//! The text names line, key and value; who holds the path of the file puts it in front. What to do is a hint, apart.

use super::MAX_CONFIG_BYTES;
use super::yaml::DEEPEST;
use std::fmt;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// More text than any configuration has.
    #[error("{bytes} bytes of configuration are more than the {MAX_CONFIG_BYTES} that are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is no YAML.
    #[error("{}cannot be read as YAML", at(.line))]
    Syntax {
        /// Where the parser stopped.
        line: Option<usize>,
        /// What it met.
        source: serde_yaml_ng::Error,
    },
    /// No policy is nested like this.
    #[error("line {line}: brackets are nested more than {DEEPEST} deep")]
    TooDeep {
        /// Where it becomes so.
        line: usize,
    },
    /// More than one YAML document: which of them counts?
    #[error("{}a second document begins; only one is read", at(.line))]
    SecondDocument {
        /// Where it begins.
        line: Option<usize>,
    },
    /// A key that we do not know.
    #[error("{}unknown key `{key}`", at(.line))]
    UnknownKey {
        /// Where it is.
        line: Option<usize>,
        /// Its path.
        key: String,
        /// The key that was meant, or where this one belongs.
        hint: String,
    },
    /// A key that is there twice.
    #[error("{}`{key}` was already stated{}", at(.line), in_line(.first))]
    DuplicateKey {
        /// Where it is again.
        line: Option<usize>,
        /// Its path.
        key: String,
        /// Where it was first.
        first: Option<usize>,
    },
    /// A value of the wrong type or out of range.
    #[error("{}`{key}` is {found}; it takes {expected}", at(.line))]
    BadValue {
        /// Where its key is.
        line: Option<usize>,
        /// The path of its key.
        key: String,
        /// What is there.
        found: String,
        /// What may be there.
        expected: String,
    },
    /// Two patterns of one length that match one project. (Exact keys cannot tie: a key that is there twice is
    /// refused.)
    #[error("{}project `{project}` matches both `{key}` and `{other}`{}, and neither beats the other", at(.line),
        bracketed(.other_line))]
    Ambiguous {
        /// Where the first is.
        line: Option<usize>,
        /// The first.
        key: String,
        /// The second.
        other: String,
        /// Where the second is.
        other_line: Option<usize>,
        /// The project.
        project: String,
    },
    /// A project key that no project has, close to one that has no key.
    #[error(
        "{}no project is called `{key}`, but `{near}` is near and project `{project}` has no rules of its own: \
        a slip here would remove runs that these rules shall keep", at(.line)
    )]
    NearMiss {
        /// Where it is.
        line: Option<usize>,
        /// The key.
        key: String,
        /// The directory name of the project.
        project: String,
        /// Its directory name, hash or name: what the key resembles.
        near: String,
    },
}

impl ConfigError {
    /// The line at fault, from 1.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::TooLong { .. } => None,
            Self::TooDeep { line } => Some(*line),
            Self::Syntax { line, .. }
            | Self::SecondDocument { line }
            | Self::UnknownKey { line, .. }
            | Self::DuplicateKey { line, .. }
            | Self::BadValue { line, .. }
            | Self::Ambiguous { line, .. }
            | Self::NearMiss { line, .. } => *line,
        }
    }

    /// The key at fault: its path, or the text of a project key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::TooLong { .. } | Self::TooDeep { .. } | Self::Syntax { .. } | Self::SecondDocument { .. } => None,
            Self::UnknownKey { key, .. }
            | Self::DuplicateKey { key, .. }
            | Self::BadValue { key, .. }
            | Self::Ambiguous { key, .. }
            | Self::NearMiss { key, .. } => Some(key),
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { hint, .. } => Some(hint.clone()),
            Self::DuplicateKey { .. } => Some("remove one of the two".to_owned()),
            Self::Ambiguous { project, .. } => Some(format!(
                "the longer of two patterns wins, and these are equally long: give `{project}` a key of its own"
            )),
            Self::NearMiss { key, near, project, .. } => Some(format!(
                "write `{near}` if that was meant; otherwise remove `{key}`, or give `{project}` rules of its own"
            )),
            _ => None,
        }
    }
}

/// The line as a message begins with it.
pub(super) fn at(line: &Option<usize>) -> impl fmt::Display {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}

fn in_line(line: &Option<usize>) -> impl fmt::Display {
    line.map_or_else(String::new, |line| format!(" in line {line}"))
}

fn bracketed(line: &Option<usize>) -> impl fmt::Display {
    line.map_or_else(String::new, |line| format!(" (line {line})"))
}
