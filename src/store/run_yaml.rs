//! `run.yaml`, which the runner writes once when a run starts: where, by whom and with which arguments.
//!
//! Tens of thousands of these are read by a first index, and nearly all have the plain shape that the runner writes: seven
//! known keys, a plain scalar each, and a list of plain scalars. That shape is read by hand, in one pass over the lines. The
//! hand-written reader takes only what it is sure of: wherever YAML could mean something else (a quote, a comment, a tag, an
//! anchor, a null, a continued line, a character that is not printable, a key twice) it bows out and the YAML crate decides. A property
//! test holds the two to the same answer.
//!
//! Scalars are texts here, whatever YAML would type them as: a working directory named `123` is the text `123`, and a hash
//! `0e123456` is no number. Foreign shapes are tolerated: an unknown key is ignored, a value of the wrong type is absent.
//!
//! The file is somebody's input: it never makes this panic, and what it can cost is bounded. The caller passes at most 64 KiB;
//! nesting deeper than 128 is refused by the YAML crate. Two kinds of documents are refused before it sees them: those with both
//! an anchor and an alias, by which a small file can unfold into a large value, and those with so many brackets that its
//! scanner, which is quadratic in the depth, would take seconds for 64 KiB of them.

use crate::model::{RunContext, Timestamp};
use serde::Deserialize;
use serde_yaml_ng::Value;

/// The most openings of a nested value that a document may have. They are counted without regard to closings and quotes, so that
/// no quote can hide them; at this depth the quadratic scanner still takes milliseconds.
const MOST_OPENINGS: usize = 1024;

/// What `run.yaml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunYaml {
    /// How the run was started.
    pub context: RunContext,
    /// The moment that the runner states; can differ from the directory's name by a second.
    pub timestamp: Option<Timestamp>,
    /// The hash of the ottofile's content; until 0.1.3 that of the project directory.
    pub hash: Option<String>,
}

/// Why a `run.yaml` tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunYamlError {
    /// YAML is Unicode text.
    #[error("not UTF-8")]
    NotUtf8,
    /// Anchors and aliases, which the runner never writes and which could unfold without end.
    #[error("uses YAML anchors and aliases")]
    Aliases,
    /// More brackets than the YAML crate can scan in reasonable time.
    #[error("nested too deeply")]
    TooNested,
    /// Not YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// YAML, but no mapping: empty, a list, a single text.
    #[error("not a mapping of keys to values")]
    NotAMapping,
}

/// Reads the content of a `run.yaml`.
///
/// # Errors
/// [`RunYamlError`] when nothing can be told from it.
pub fn parse(bytes: &[u8]) -> Result<RunYaml, RunYamlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| RunYamlError::NotUtf8)?;
    match parse_plain(text) {
        Some(fields) => Ok(fields.into_run_yaml()),
        None => parse_any(text),
    }
}

/// The keys that count, each as the text of its scalar. `prog` is always `otto`.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Fields {
    prog: Option<String>,
    cwd: Option<String>,
    user: Option<String>,
    timestamp: Option<String>,
    hash: Option<String>,
    ottofile: Option<String>,
    args: Option<Vec<Option<String>>>,
}

impl Fields {
    fn into_run_yaml(self) -> RunYaml {
        let args = self.args.unwrap_or_default().into_iter().flatten().collect();
        RunYaml {
            context: RunContext { ottofile: self.ottofile, cwd: self.cwd, user: self.user, args },
            timestamp: self.timestamp.and_then(|seconds| seconds.parse().ok()),
            hash: self.hash,
        }
    }
}

/// The shape that the runner writes, or `None` for anything unusual.
fn parse_plain(text: &str) -> Option<Fields> {
    let mut fields = Fields::default();
    let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').peekable();
    while let Some(line) = lines.next() {
        let (key, value) = match line.split_once(": ") {
            Some((key, value)) => (key, Some(value)),
            None => (line.strip_suffix(':')?, None),
        };
        let slot = match key {
            "prog" => &mut fields.prog,
            "cwd" => &mut fields.cwd,
            "user" => &mut fields.user,
            "timestamp" => &mut fields.timestamp,
            "hash" => &mut fields.hash,
            "ottofile" => &mut fields.ottofile,
            "args" if fields.args.is_none() && value.is_none() => {
                let mut args = Vec::new();
                while let Some(item) = lines.peek().and_then(|line| line.strip_prefix("- ")) {
                    args.push(Some(plain_scalar(item)?.to_owned()));
                    lines.next();
                }
                // No item: null, or items written in another way.
                if args.is_empty() {
                    return None;
                }
                fields.args = Some(args);
                continue;
            }
            _ => return None,
        };
        if slot.replace(plain_scalar(value?)?.to_owned()).is_some() {
            return None;
        }
    }
    Some(fields)
}

/// A scalar whose text is its value in every reading of YAML.
fn plain_scalar(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    // Every indicator is punctuation; `/`, `_` and `.` are the punctuation that paths begin with.
    let begins_plainly = first.is_ascii_alphanumeric() || matches!(first, '/' | '_' | '.') || !first.is_ascii();
    let null = matches!(text, "null" | "Null" | "NULL");
    // `: ` would begin a mapping and ` #` a comment; trailing spaces are not part of a scalar, and `...` ends a document.
    let plain = begins_plainly
        && !null
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_plain_character);
    plain.then_some(text)
}

/// Printable, and neither a line break nor a byte order mark to YAML.
fn is_plain_character(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        c => c >= '\u{a0}',
    }
}

/// Whatever the YAML crate makes of it: first as the fields that we know, which keeps the text of scalars as it was written; where a
/// type is wrong, key by key.
fn parse_any(text: &str) -> Result<RunYaml, RunYamlError> {
    if text.bytes().filter(|byte| b"[{?".contains(byte)).count() > MOST_OPENINGS {
        return Err(RunYamlError::TooNested);
    }
    if has_token(text, '&') && has_token(text, '*') {
        return Err(RunYamlError::Aliases);
    }
    if let Ok(fields) = serde_yaml_ng::from_str::<Option<Fields>>(text) {
        return Ok(fields.ok_or(RunYamlError::NotAMapping)?.into_run_yaml());
    }
    let value: Value = serde_yaml_ng::from_str(text).map_err(|cause| RunYamlError::Syntax(cause.to_string()))?;
    let Value::Mapping(mapping) = value else { return Err(RunYamlError::NotAMapping) };
    let field = |key: &str| mapping.get(key).and_then(scalar_text);
    let args = match mapping.get("args") {
        Some(Value::Sequence(items)) => Some(items.iter().map(scalar_text).collect()),
        _ => None,
    };
    let fields = Fields {
        prog: None,
        cwd: field("cwd"),
        user: field("user"),
        timestamp: field("timestamp"),
        hash: field("hash"),
        ottofile: field("ottofile"),
        args,
    };
    Ok(fields.into_run_yaml())
}

/// Whether `sign` stands where a token can begin. Some plain texts have it there too; a document that has both signs there
/// and is not of the plain shape is not worth telling apart.
fn has_token(text: &str, sign: char) -> bool {
    let mut before = ' ';
    text.chars().any(|c| {
        let begins =
            c == sign && (before.is_whitespace() || "[]{},:-?\"'".contains(before) || !is_plain_character(before));
        before = c;
        begins
    })
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
