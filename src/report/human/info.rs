//! A run and its tasks, in the first plan's words.

use super::marks::note;
use crate::model::{DurationSource, Status, StatusSource, Tally};
use crate::report::facts::{RunDetails, TaskDetails};
use crate::report::sanitized;
use crate::report::table::paint_of;
use crate::report::text::{Look, Paint, bytes, duration, fitted, hanging, printable, times};
use crate::report::view::run::run_path;
use std::fmt::{self, Write};
use std::path::Path;

/// Writes what is known of a run in the store at `home`.
///
/// # Errors
/// Those of `out`.
pub fn info(details: &RunDetails, home: &Path, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let run = &details.run;
    let path = run_path(home, &run.id);
    let id = run.id.to_string();
    let began = format!("({}, {})", look.time(run.timestamp()), look.ago(run.timestamp()));
    hanging(&format!("Run: {} {began}", printable(&id)), look, ("", "  "), out)?;
    match &run.context.cwd {
        Some(cwd) => writeln!(out, "Project: {} ({})", printable(&run.project().lossy()), printable(cwd))?,
        None => writeln!(out, "Project: {}", printable(&run.project().lossy()))?,
    }
    writeln!(out, "Path: {}", printable(&path.to_string_lossy()))?;
    let status = look.paint(paint_of(run.status), run.status.word());
    writeln!(out, "Status: {status}, {}", evidence(run.status, run.status_source))?;
    match run.duration_ms {
        Some(ms) => {
            let source = by_files(run.duration_source);
            let usual = usual(ms, &details.earlier, look).map_or_else(String::new, |usual| {
                format!(" ({usual} of {})", times(details.earlier.timed(), "earlier run"))
            });
            writeln!(out, "Duration: {}{source}{usual}", duration(ms))?;
        }
        None => writeln!(out, "Duration: not recorded")?,
    }
    writeln!(out, "Size: {} on disk, {} bytes in files", bytes(run.size.disk), run.size.size)?;
    let ottofile = run.context.ottofile.as_deref();
    for (label, value) in [("Ottofile", ottofile), ("User", run.context.user.as_deref())] {
        if let Some(value) = value {
            writeln!(out, "{label}: {}", printable(value))?;
        }
    }
    if !run.context.args.is_empty() {
        writeln!(out, "Arguments: {}", printable(&run.context.args.join(" ")))?;
    }
    if !run.thinned.is_empty() {
        writeln!(out, "Thinned: {} dropped", run.thinned)?;
    }
    if !run.missing.is_empty() {
        writeln!(out, "Missing: {}", run.missing)?;
    }
    match &details.pin {
        Some(pin) => writeln!(out, "Pinned: {} by {}{}", look.time(pin.at), printable(&pin.who), note(pin))?,
        None if run.pinned => writeln!(out, "Pinned: it is never removed")?,
        None => {}
    }
    if !run.tags.is_empty() {
        writeln!(out, "Tags: {}", printable(&run.tags.join(", ")))?;
    }
    if !run.read_whole {
        writeln!(out, "Not read whole: some of it could not be read, so it is kept")?;
    }
    writeln!(out)?;
    match run.tasks_failed {
        0 => writeln!(out, "Tasks: {}", run.tasks_total)?,
        failed => writeln!(out, "Tasks: {}, {failed} failed", run.tasks_total)?,
    }
    details.tasks.iter().try_for_each(|task| one_task(task, look, out))
}

fn one_task(details: &TaskDetails, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let task = &details.task;
    let name = String::from_utf8_lossy(&task.name);
    let status = look.paint(paint_of(task.status), task.status.word());
    write!(out, "  {} - {status}", printable(&name))?;
    let mut notes = Vec::new();
    if let Some(ms) = task.duration_ms {
        notes.push(format!("{}{}", duration(ms), by_files(task.duration_source)));
        notes.extend(usual(ms, &details.earlier, look));
    }
    if let Some(code) = task.exit_code.filter(|code| *code != 0) {
        notes.push(format!("exit code {code}"));
    }
    notes.push(evidence(task.status, task.status_source).to_owned());
    writeln!(out, " ({})", notes.join(", "))?;
    let logs = [("stdout", &details.stdout, task.stdout_bytes), ("stderr", &details.stderr, task.stderr_bytes)];
    for (label, path, length) in logs {
        if let Some(path) = path {
            let length = length.map_or_else(String::new, |n| format!("  ({})", times(n, "byte")));
            writeln!(out, "    {label}: {}{length}", printable(&path.to_string_lossy()))?;
        }
    }
    for line in sanitized(details.last_words.trim_ascii_end()).lines() {
        let width = look.width.map_or(usize::MAX, |width| width.saturating_sub(6));
        writeln!(out, "    {} {}", if look.ascii { '|' } else { '│' }, fitted(line, width, look))?;
    }
    match &details.script {
        Some(path) if details.script_exists => writeln!(out, "    script: {}", printable(&path.to_string_lossy())),
        Some(_) => match &task.cache_entry {
            Some(entry) => {
                let entry = String::from_utf8_lossy(entry);
                writeln!(out, "    script: gone (.cache/{} is not in the cache any more)", printable(&entry))
            }
            None => writeln!(out, "    script: gone (its link leads nowhere)"),
        },
        None => Ok(()),
    }
}

/// How long it took before, and whether this time it took longer than 95 of 100.
fn usual(ms: i64, earlier: &Tally, look: &Look) -> Option<String> {
    let (median, p95) = (earlier.median_ms()?, earlier.p95_ms()?);
    Some(if earlier.makes_slow(ms) {
        let slow = look.paint(Paint::Odd, "slow");
        format!("{slow}: median {}, p95 {}", duration(median), duration(p95))
    } else {
        format!("median {}", duration(median))
    })
}

fn by_files(source: Option<DurationSource>) -> &'static str {
    match source {
        Some(DurationSource::Files) => " by its files' times",
        _ => "",
    }
}

/// What a status rests on, in words.
pub(super) fn evidence(status: Status, source: StatusSource) -> &'static str {
    match (source, status) {
        (StatusSource::Lock, _) => "its lock is held",
        (StatusSource::Process, _) => "a process works in it",
        (StatusSource::RunnerDb, Status::Interrupted) => "begun in otto.db, and no end recorded",
        (StatusSource::RunnerDb, _) => "says otto.db",
        (StatusSource::Output, Status::Success) => "its output file is there",
        (StatusSource::Output, Status::Failed) => "its output file is not there",
        (StatusSource::Output, _) => "no end is recorded",
        (StatusSource::ExitCode, _) => "by the exit code in its log",
        (StatusSource::Stderr, Status::Success) => "inferred: stderr.log is empty",
        (StatusSource::Stderr, _) => "inferred: stderr.log is not empty",
        (StatusSource::None, _) => "nothing to judge by",
    }
}
