//! Small texts that every report uses: instants, ages, spans, counts, names that fit.

use crate::model::{Age, DAY, HumanBytes, Timestamp};
use chrono::NaiveDateTime;
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How a report is to look: everything that it must not find out by itself.
#[derive(Clone, Copy)]
pub struct Look {
    /// Columns of the terminal; `None` when lines may be as long as they like.
    pub width: Option<usize>,
    /// Whether colour may be used. Nothing is said by colour alone.
    pub colour: bool,
    /// Whether details are wanted.
    pub verbose: bool,
    /// Whether the locale has no more than ASCII.
    pub ascii: bool,
    /// The instant from which relative ages count.
    pub now: Timestamp,
    /// An instant in the user's zone; `None` for one outside the calendar.
    pub local: fn(Timestamp) -> Option<NaiveDateTime>,
}

/// A meaning that a colour supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Heading,
    Good,
    Bad,
    Odd,
    Faint,
}

impl Look {
    /// An instant as `2025-11-01 14:30:15`, or as Unix seconds when no calendar holds it.
    pub fn time(&self, at: Timestamp) -> String {
        match (self.local)(at) {
            Some(local) => local.format("%Y-%m-%d %H:%M:%S").to_string(),
            None => format!("@{at}"),
        }
    }

    /// How long ago, in the largest unit that says at least one: `35 days ago`, `in 2 hours`.
    pub fn ago(&self, at: Timestamp) -> String {
        match (Age::between(at, self.now), Age::between(self.now, at)) {
            (Some(age), _) if age.as_seconds() < 60 => "just now".to_owned(),
            (Some(age), _) => format!("{} ago", rough(age)),
            (None, Some(age)) => format!("in {}", rough(age)),
            (None, None) => "at an unknown time".to_owned(),
        }
    }

    /// The same in few letters: `35d`, `in 2h`.
    pub(super) fn ago_in_short(&self, at: Timestamp) -> String {
        let short = |age: Age| {
            let (count, word) = parts(age);
            format!("{count}{}", if word == "minute" { "min" } else { &word[..1] })
        };
        match (Age::between(at, self.now), Age::between(self.now, at)) {
            (Some(age), _) => short(age),
            (None, Some(age)) => format!("in {}", short(age)),
            (None, None) => "?".to_owned(),
        }
    }

    /// What a rule is drawn with.
    pub(super) const fn rule(&self) -> char {
        if self.ascii { '-' } else { '\u{2500}' }
    }

    /// What stands for what was left out of a name; a column wide.
    pub(super) const fn ellipsis(&self) -> char {
        if self.ascii { '~' } else { '\u{2026}' }
    }

    /// What stands before an item.
    pub(super) const fn bullet(&self) -> char {
        if self.ascii { '*' } else { '\u{2022}' }
    }

    pub(super) fn paint(&self, paint: Paint, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let (begin, end) = self.marks(paint);
        format!("{begin}{text}{end}")
    }

    /// What begins and what ends a stretch in that colour; nothing where no colour is wanted.
    pub(super) fn marks(&self, paint: Paint) -> (&'static str, &'static str) {
        if !self.colour {
            return ("", "");
        }
        let begin = match paint {
            Paint::Heading => "\u{1b}[1m",
            Paint::Good => "\u{1b}[32m",
            Paint::Bad => "\u{1b}[31m",
            Paint::Odd => "\u{1b}[33m",
            Paint::Faint => "\u{1b}[2m",
        };
        (begin, "\u{1b}[0m")
    }
}

/// A span in its largest unit, rounded down.
fn rough(age: Age) -> String {
    let (count, word) = parts(age);
    times(count, word)
}

/// How many of which unit.
fn parts(age: Age) -> (u64, &'static str) {
    let seconds = age.as_seconds();
    let (unit, word) = match seconds {
        DAY.. => (DAY, "day"),
        3600.. => (3600, "hour"),
        60.. => (60, "minute"),
        _ => (1, "second"),
    };
    (seconds / unit, word)
}

/// A number with its noun: `1 run`, `2 runs`, `0 entries`.
pub fn times(count: u64, noun: &str) -> String {
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !noun.ends_with("day") => format!("{count} {stem}ies"),
        _ => format!("{count} {noun}s"),
    }
}

/// A span of milliseconds: `230ms`, `8.5s`, `1m 05s`, `2h 03m`. None at all is `<1s`: runners 1.x and most before them
/// record whole seconds, and what took part of one stands there as nothing.
pub(super) fn duration(ms: i64) -> String {
    match (ms, ms.saturating_add(500) / 1000) {
        (0, _) => "<1s".to_owned(),
        (..1000, _) => format!("{ms}ms"),
        (1000..59_950, _) => format!("{:.1}s", ms as f64 / 1000.0),
        (_, s @ ..3600) => format!("{}m {:02}s", s / 60, s % 60),
        (_, s) => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

/// Disk use for people.
pub(super) fn bytes(disk: u64) -> String {
    HumanBytes(disk).to_string()
}

/// A text in which no control character acts on the terminal: a run's name or argument may hold anything.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if c.is_control() => safe.extend(c.escape_default()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Writes a text in lines that fit the terminal, each after `indent`; a word that is longer stands on a line of its own.
pub(super) fn wrapped(text: &str, look: &Look, indent: &str, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
    hanging(text, look, (indent, indent), out)
}

/// A text in lines that fit the terminal, the last of which is not ended.
pub fn in_lines(text: &str, look: &Look) -> String {
    let mut lines = String::new();
    // A string takes all that is written.
    let _ = wrapped(text, look, "", &mut lines);
    lines.truncate(lines.len().saturating_sub(1));
    lines
}

/// As [`wrapped`], with one indent before the first line and another before those that follow.
pub(super) fn hanging(
    text: &str,
    look: &Look,
    (first, others): (&str, &str),
    out: &mut dyn std::fmt::Write,
) -> std::fmt::Result {
    let mut indent = first;
    let Some(width) = look.width else { return writeln!(out, "{indent}{text}") };
    let mut line = String::new();
    for word in words(text) {
        if !line.is_empty() && indent.width() + line.width() + 1 + word.width() > width {
            writeln!(out, "{indent}{line}")?;
            line.clear();
            indent = others;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{indent}{line}")
}

/// The words of a text: a number and its unit are one, and so is what stands in backquotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_unit = |word: &str| {
        let word = word.trim_end_matches(|c: char| !c.is_ascii_alphabetic() && c != '%');
        ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "%"].contains(&word)
    };
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let left = rest?;
        let breaks = left.match_indices(' ').map(|(at, _)| at).find(|at| {
            let (before, after) = (&left[..*at], &left[at + 1..]);
            let number = before.ends_with(|c: char| c.is_ascii_digit());
            let unit = after.split(' ').next().is_some_and(is_unit);
            before.matches('`').count() % 2 == 0 && !(number && unit)
        });
        let (word, after) = breaks.map_or((left, None), |at| (&left[..at], Some(&left[at + 1..])));
        rest = after;
        Some(word)
    })
}

/// A text and a command, which is never broken: below the text where there is no room beside it.
pub fn with_command(text: &str, command: &str, look: &Look) -> String {
    let line = format!("{text} {command}");
    match look.width {
        Some(width) if line.width() > width => format!("{text}\n  {command}"),
        _ => line,
    }
}

/// A name in at most `width` columns: what is in the middle goes first, since both ends tell names apart.
pub(super) fn fitted<'n>(name: &'n str, width: usize, look: &Look) -> Cow<'n, str> {
    if name.width() <= width {
        return Cow::Borrowed(name);
    }
    let room = width.saturating_sub(1);
    Cow::Owned(split(name, room.div_ceil(2), room / 2, look))
}

/// So many columns of a name's beginning, so many of its end, and what stands for the rest.
pub(super) fn split(name: &str, head: usize, tail: usize, look: &Look) -> String {
    let take = |limit: usize, chars: &mut dyn Iterator<Item = char>| -> Vec<char> {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= limit
            })
            .collect()
    };
    let mut split: String = take(head, &mut name.chars()).into_iter().collect();
    split.push(look.ellipsis());
    split.extend(take(tail, &mut name.chars().rev()).into_iter().rev());
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(now: Timestamp) -> Look {
        let local = |at| chrono::DateTime::from_timestamp(at, 0).map(|t| t.naive_utc());
        Look { width: None, colour: false, verbose: false, ascii: false, now, local }
    }

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let look = look(1_000_000);
        let cases = [
            (1_000_000, "just now"),
            (999_940, "1 minute ago"),
            (1_000_000 - 7200, "2 hours ago"),
            (1_000_000 - 86_400, "1 day ago"),
            (1_000_000 + 3 * 86_400, "in 3 days"),
            (i64::MIN, "at an unknown time"),
        ];
        for (at, text) in cases {
            assert_eq!(look.ago(at), text, "{at}");
        }
        assert_eq!(look.time(i64::MAX), format!("@{}", i64::MAX));
    }

    #[test]
    fn nouns_have_their_plural() {
        assert_eq!(times(0, "cache entry"), "0 cache entries");
        assert_eq!(times(1, "cache entry"), "1 cache entry");
        assert_eq!(times(2, "day"), "2 days");
    }

    #[test]
    fn durations_have_two_figures_that_matter() {
        let cases = [(0, "<1s"), (1, "1ms"), (999, "999ms"), (8_500, "8.5s"), (59_949, "59.9s"), (59_950, "1m 00s")];
        for (ms, text) in cases.into_iter().chain([(65_000, "1m 05s"), (7_380_000, "2h 03m")]) {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn a_long_name_keeps_both_ends_and_its_width() {
        let look = look(0);
        assert_eq!(fitted("short", 5, &look), "short");
        let ascii = Look { ascii: true, ..look };
        assert_eq!(fitted("otto-f03a3dcb", 9, &ascii), "otto~3dcb");
        assert_eq!(fitted("otto-f03a3dcb", 9, &look), "otto\u{2026}3dcb");
        for width in 1..12 {
            assert!(fitted("\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}", width, &look).width() <= width);
        }
    }

    #[test]
    fn sentences_are_broken_between_words_that_can_be_apart() {
        let narrow = Look { width: Some(24), ..look(0) };
        let text =
            "Total: 65 runs, freeing 12.5 MiB of 28.0 MiB. Run `otto undo` until then, a-word-of-more-than-that-many.";
        let lines = "Total: 65 runs, freeing\n12.5 MiB of 28.0 MiB.\nRun `otto undo` until\nthen,\na-word-of-more-than-that-many.";
        assert_eq!(in_lines(text, &narrow), lines);
        assert_eq!(in_lines(text, &look(0)), text);
        let mut hung = String::new();
        hanging("a text of more than that", &narrow, ("  ", "      "), &mut hung).unwrap();
        assert_eq!(hung, "  a text of more than\n      that\n");
        assert_eq!(with_command("To do it:", "otto clean --keep 30", &narrow), "To do it:\n  otto clean --keep 30");
        assert_eq!(with_command("To do it:", "otto undo", &narrow), "To do it: otto undo");
    }

    #[test]
    fn control_characters_are_shown_and_do_nothing() {
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\n");
        assert_eq!(printable("web app \u{e9}"), "web app \u{e9}");
    }
}
