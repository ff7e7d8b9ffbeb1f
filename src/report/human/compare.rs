//! Two runs side by side: the runs themselves, each task in both, and how the scripts differ.

use crate::compare::{Comparison, LineKind, Part, Script, ScriptDiff, TaskComparison};
use crate::model::{Run, RunState, Size, Status, Task};
use crate::report::table::paint_of;
use crate::report::text::{Look, Paint, bytes, duration, printable, times};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Lines of a script's difference that are shown unless all are wanted.
const SHOWN: usize = 200;

/// Writes a comparison. The first run is A, the second B.
///
/// # Errors
/// Those of `out`.
pub fn compare(comparison: &Comparison, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let (left, right) = (&comparison.left, &comparison.right);
    for (letter, run) in [("A", left), ("B", right)] {
        let state = if run.state == RunState::Present { String::new() } else { format!(", {}", run.state.word()) };
        writeln!(out, "{letter}: {}", printable(&run.id.to_string()))?;
        writeln!(out, "   {}, {}{state}", look.time(run.timestamp()), look.ago(run.timestamp()))?;
    }
    // What makes a comparison say less than it seems to.
    if left.key == right.key {
        writeln!(out, "They are the same run.")?;
    } else if left.project_key != right.project_key {
        writeln!(out, "They are of different projects; the last two of one:\n   PROJECT:latest-1 PROJECT:latest")?;
    }
    writeln!(out)?;
    runs(left, right, look, out)?;
    for task in &comparison.tasks {
        writeln!(out)?;
        one_task(task, look, out)?;
    }
    for task in &comparison.tasks {
        if let Some(diff) = task.script.as_ref().and_then(|script| script.diff.as_ref()) {
            writeln!(out)?;
            script_diff(task, diff, look, out)?;
        }
    }
    Ok(())
}

fn runs(left: &Run, right: &Run, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "{:<9} {:>12} {:>12}", "", "A", "B")?;
    let mut row = |label: &str, one: &str, other: &str, note: String| -> fmt::Result {
        let line = format!("{label:<9} {one:>12} {other:>12}  {note}");
        writeln!(out, "{}", line.trim_end())
    };
    let (one, other) = (painted(left.status, look), painted(right.status, look));
    row("Status", &one, &other, differs(left.status != right.status))?;
    let ms = |run: &Run| run.duration_ms.map_or_else(|| "-".to_owned(), duration);
    row("Duration", &ms(left), &ms(right), longer(left.duration_ms, right.duration_ms))?;
    row("Size", &bytes(left.size.disk), &bytes(right.size.disk), larger(left.size, right.size))?;
    let tasks = |run: &Run| run.tasks_total.to_string();
    row("Tasks", &tasks(left), &tasks(right), String::new())?;
    let failed = |run: &Run| run.tasks_failed.to_string();
    row("Failed", &failed(left), &failed(right), String::new())
}

/// A status at the end of a column: with colour, its own blanks come before.
fn painted(status: Status, look: &Look) -> String {
    format!("{}{}", " ".repeat(12 - status.word().len()), look.paint(paint_of(status), status.word()))
}

fn differs(it_does: bool) -> String {
    if it_does { "differs".to_owned() } else { String::new() }
}

/// By what part one duration is longer than the other.
fn longer(one: Option<i64>, other: Option<i64>) -> String {
    match (one, other) {
        (Some(one), Some(other)) if one > 0 && one != other => {
            format!("{:+.0} %", (other - one) as f64 * 100.0 / one as f64)
        }
        _ => String::new(),
    }
}

fn larger(one: Size, other: Size) -> String {
    match other.disk.cmp(&one.disk) {
        std::cmp::Ordering::Equal => String::new(),
        std::cmp::Ordering::Greater => format!("+{}", bytes(other.disk - one.disk)),
        std::cmp::Ordering::Less => format!("-{}", bytes(one.disk - other.disk)),
    }
}

fn one_task(task: &TaskComparison, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let name = String::from_utf8_lossy(&task.name);
    let heading = look.paint(Paint::Heading, &printable(&name));
    match (&task.left, &task.right) {
        (Some(_), None) => writeln!(out, "{heading}: only in A")?,
        (None, Some(_)) => writeln!(out, "{heading}: only in B")?,
        _ => {
            let changed = what_changed(task);
            let fits = look.width.is_none_or(|width| name.width() + 2 + changed.width() <= width);
            writeln!(out, "{heading}:{}{changed}", if fits { " " } else { "\n    " })?;
        }
    }
    if let Some(left) = &task.left {
        half("A", left, String::new(), look, out)?;
    }
    if let Some(right) = &task.right {
        let than = task.left.as_ref().and_then(|left| left.duration_ms);
        half("B", right, longer(than, right.duration_ms), look, out)?;
    }
    for part in [&task.inputs, &task.outputs].into_iter().flatten() {
        for difference in &part.differences {
            let name = String::from_utf8_lossy(&difference.name);
            let how = match difference.change {
                crate::compare::FileChange::Content => "differs",
                crate::compare::FileChange::OnlyLeft => "only in A",
                crate::compare::FileChange::OnlyRight => "only in B",
            };
            writeln!(out, "    {}: {how}", printable(&name))?;
        }
    }
    match task.script.as_ref().and_then(|script| script.hidden) {
        Some(why) => writeln!(out, "    {why}"),
        None => Ok(()),
    }
}

fn half(letter: &str, task: &Task, note: String, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let ms = task.duration_ms.map_or_else(|| "-".to_owned(), duration);
    let blanks = " ".repeat(12 - task.status.word().len());
    let status = look.paint(paint_of(task.status), task.status.word());
    let code = task.exit_code.filter(|code| *code != 0).map_or_else(String::new, |code| format!("exit code {code}"));
    let notes: Vec<String> = [code, note].into_iter().filter(|note| !note.is_empty()).collect();
    let (notes, figures) = (notes.join(", "), format!("{blanks}{ms:>8} {:>11}", bytes(task.size.disk)));
    let taken = "  A  ".len() + task.status.word().len() + figures.width();
    let fits = look.width.is_none_or(|width| taken + 2 + notes.width() <= width);
    let line = format!("  {letter}  {status}{figures}{}{notes}", if fits { "  " } else { "\n     " });
    writeln!(out, "{}", line.trim_end())
}

/// What of a task is another: script, inputs, outputs.
fn what_changed(task: &TaskComparison) -> String {
    let script = task.script.as_ref().and_then(|script: &Script| script.changed);
    let part = |part: &Option<Part>| part.as_ref().and_then(|part| part.changed);
    let all = [("script", script), ("inputs", part(&task.inputs)), ("outputs", part(&task.outputs))];
    let with = |wanted: Option<bool>| -> Vec<&str> {
        all.iter().filter(|(_, changed)| *changed == wanted).map(|(word, _)| *word).collect()
    };
    let mut texts = Vec::new();
    for (words, text) in [(with(Some(true)), "changed"), (with(Some(false)), "same"), (with(None), "not known")] {
        if !words.is_empty() {
            texts.push(format!("{} {text}", words.join(", ")));
        }
    }
    texts.join("; ")
}

fn script_diff(task: &TaskComparison, diff: &ScriptDiff, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let name = String::from_utf8_lossy(&task.name);
    let heading = format!("Script of {} (A -, B +):", printable(&name));
    writeln!(out, "{}", look.paint(Paint::Heading, &heading))?;
    let most = if look.verbose { usize::MAX } else { SHOWN };
    let all: usize = diff.hunks.iter().map(|hunk| hunk.lines.len()).sum();
    let mut shown = 0;
    for hunk in &diff.hunks {
        if shown < most {
            writeln!(out, "{}", look.paint(Paint::Faint, &hunk.header))?;
        }
        for line in hunk.lines.iter().take(most - shown) {
            let text = format!("{}{}", line.kind.sign(), printable(&line.text));
            let paint = match line.kind {
                LineKind::Both => None,
                LineKind::Left => Some(Paint::Bad),
                LineKind::Right => Some(Paint::Good),
            };
            writeln!(out, "{}", paint.map_or_else(|| text.clone(), |paint| look.paint(paint, &text)))?;
            if line.unended {
                writeln!(out, "\\ No newline at end of file")?;
            }
        }
        shown = (shown + hunk.lines.len()).min(most);
    }
    if all > shown {
        writeln!(out, "... and {}; -v shows all", times((all - shown) as u64, "more line"))?;
    }
    Ok(())
}
