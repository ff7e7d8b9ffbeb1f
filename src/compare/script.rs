//! The scripts of a task in two runs, and how they differ line by line.

use super::parts::path_of;
use super::{LONGEST_SCRIPT, MOST_LINES, Side};
use crate::model::{Problem, Task};
use crate::store::run_files::Content;
use similar::{Algorithm, ChangeTag, TextDiff};

/// Lines that are shown around a change.
const AROUND: usize = 3;

/// The scripts of a task.
#[derive(Clone, Debug)]
pub struct Script {
    /// Whether they differ; `None` when that cannot be told, because one of them is gone.
    pub changed: Option<bool>,
    /// How they differ, where that can be shown.
    pub diff: Option<ScriptDiff>,
    /// Why it cannot be shown, where it should be.
    pub hidden: Option<&'static str>,
}

/// How two scripts differ: the changed lines and a few around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptDiff {
    /// The stretches, each with where it begins and how long it is in the one script and in the other.
    pub hunks: Vec<Hunk>,
}

/// A stretch of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// As unified diffs have it: `@@ -1,4 +1,5 @@`.
    pub header: String,
    /// Its lines.
    pub lines: Vec<DiffLine>,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Whose it is.
    pub kind: LineKind,
    /// Its text without the end of the line; bytes that are not UTF-8 become U+FFFD.
    pub text: String,
    /// Whether the file ends without an end of this line.
    pub unended: bool,
}

/// Whose a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Both have it.
    Both,
    /// Only the one has it.
    Left,
    /// Only the other has it.
    Right,
}

impl LineKind {
    /// The sign before it.
    pub const fn sign(self) -> char {
        match self {
            Self::Both => ' ',
            Self::Left => '-',
            Self::Right => '+',
        }
    }
}

impl Script {
    fn same() -> Self {
        Self { changed: Some(false), diff: None, hidden: None }
    }
}

pub(super) fn compare(
    (left, of_left): (&Side<'_>, &Task),
    (right, of_right): (&Side<'_>, &Task),
    problems: &mut Vec<Problem>,
) -> Script {
    let same_project = left.run.project() == right.run.project();
    if same_project && of_left.cache_entry.is_some() && of_left.cache_entry == of_right.cache_entry {
        return Script::same();
    }
    let mut read = |side: &Side<'_>, task: &Task| -> Option<Content> {
        let (files, dir, name) = (side.files.as_ref()?, task.dir.as_ref()?, task.script.as_ref()?);
        let read =
            files.linked_file(dir, name).and_then(|file| file.map(|f| Content::read(f, LONGEST_SCRIPT)).transpose());
        read.unwrap_or_else(|error| {
            problems.push(Problem::new(path_of(side, task, name), "read", error));
            None
        })
    };
    if of_left.script.is_none() && of_right.script.is_none() {
        return Script { changed: None, diff: None, hidden: Some("neither run has its script") };
    }
    match (read(left, of_left), read(right, of_right)) {
        (Some(one), Some(other)) if one == other && one.whole => Script::same(),
        (Some(one), Some(other)) if one == other => {
            Script { changed: None, diff: None, hidden: Some("the scripts are too long to compare to their end") }
        }
        (Some(one), Some(other)) => differ(&one, &other),
        _ => Script { changed: None, diff: None, hidden: Some("a script is not there any more") },
    }
}

fn differ(one: &Content, other: &Content) -> Script {
    let hidden = |why| Script { changed: Some(true), diff: None, hidden: Some(why) };
    if one.bytes.contains(&0) || other.bytes.contains(&0) {
        return hidden("a script is no text");
    }
    let lines = |content: &Content| content.bytes.iter().filter(|byte| **byte == b'\n').count();
    if !one.whole || !other.whole || lines(one) + lines(other) > MOST_LINES {
        return hidden("the scripts are too long to compare line by line");
    }
    Script { changed: Some(true), diff: Some(diff(&one.bytes, &other.bytes)), hidden: None }
}

/// The difference of two texts.
fn diff(one: &[u8], other: &[u8]) -> ScriptDiff {
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(one, other);
    let hunks = diff.unified_diff().context_radius(AROUND).iter_hunks().map(|hunk| {
        let lines = hunk.iter_changes().map(|change| {
            let bytes = change.value();
            let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            DiffLine {
                kind: match change.tag() {
                    ChangeTag::Equal => LineKind::Both,
                    ChangeTag::Delete => LineKind::Left,
                    ChangeTag::Insert => LineKind::Right,
                },
                text: String::from_utf8_lossy(text).into_owned(),
                unended: text.len() == bytes.len(),
            }
        });
        Hunk { header: hunk.header().to_string(), lines: lines.collect() }
    });
    ScriptDiff { hunks: hunks.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content {
        Content { bytes: bytes.to_vec(), whole: true }
    }

    fn drawn(diff: &ScriptDiff) -> String {
        let mut text = String::new();
        for hunk in &diff.hunks {
            text.push_str(&hunk.header);
            for line in &hunk.lines {
                text.push('\n');
                text.push(line.kind.sign());
                text.push_str(&line.text);
            }
        }
        text
    }

    #[test]
    fn a_difference_is_shown_as_diff_does() {
        let one = b"a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let other = b"a\nb\nc\nd\nE\nf\ng\nh\ni\n";
        let drawn = drawn(&diff(one, other));
        assert_eq!(drawn, "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h");
        let ends = diff(b"x", b"x\n");
        assert_eq!(ends.hunks[0].lines.iter().map(|line| line.unended).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_is_no_text_or_too_long_is_not_shown() {
        let hidden = |one: &Content, other: &Content| differ(one, other).hidden;
        assert_eq!(hidden(&content(b"a\0"), &content(b"b")), Some("a script is no text"));
        let many = content(&b"line\n".repeat(MOST_LINES));
        assert!(hidden(&many, &content(b"line\n")).is_some_and(|why| why.contains("too long")));
        assert_eq!(hidden(&content(b"\xff\n"), &content(b"\xfe\n")), None);
    }

    #[test]
    fn many_lines_that_have_nothing_in_common_are_compared_in_time() {
        let lines = |word: &str| (0..MOST_LINES / 2 - 1).map(|n| format!("{word} {n}\n")).collect::<String>();
        let diff = diff(lines("one").as_bytes(), lines("other").as_bytes());
        assert_eq!(diff.hunks[0].lines.len(), 2 * (MOST_LINES / 2 - 1));
    }
}
