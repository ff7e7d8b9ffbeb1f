//! Tables in the first plan's look: a head, a rule, rows without borders; numbers to the right. Long ones are laid out in
//! pages.

use super::pages::Pages;
use super::text::{Look, Paint, bytes, fitted_project, printable};
use crate::model::{Run, Status};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent};
use std::collections::HashSet;
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Below this width, times lose their seconds and tasks their failures.
const NARROW: usize = 76;

/// The least that is left for a project's name.
pub(super) const LEAST_NAME: usize = 6;

/// A table without borders.
pub(super) fn plain(head: &[&str], numbers: &[usize], look: &Look) -> Table {
    let mut table = borderless();
    table.set_header(head.iter().copied());
    table.set_style(TableComponent::HeaderLines, look.rule());
    table.set_style(TableComponent::MiddleHeaderIntersections, look.rule());
    align(&mut table, numbers, head.len());
    table
}

pub(super) fn borderless() -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Sides and gaps of columns, which exist only once there is a head or a row.
pub(super) fn align(table: &mut Table, numbers: &[usize], columns: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        let side = if numbers.contains(&index) { CellAlignment::Right } else { CellAlignment::Left };
        column.set_cell_alignment(side);
        // A column's border is a blank here, and the second one between two columns.
        column.set_padding((0, u16::from(index + 1 != columns)));
    }
}

/// A table of cells whose first column holds names, which give way when the terminal is narrow.
pub(super) fn named(
    head: &[&str],
    numbers: &[usize],
    mut cells: Vec<Vec<String>>,
    look: &Look,
    indent: usize,
) -> Table {
    if let Some(width) = look.width {
        let others: usize = (1..head.len())
            .map(|column| {
                let widest = cells.iter().map(|row| row[column].width()).max().unwrap_or(0);
                widest.max(head[column].width()) + 2
            })
            .sum();
        let room = width.saturating_sub(others + indent).max(LEAST_NAME);
        for row in &mut cells {
            row[0] = fitted_project(&row[0], room, look).into_owned();
        }
    }
    let mut table = plain(head, numbers, look);
    for row in cells {
        table.add_row(row);
    }
    table
}

/// Whether a terminal has no room for what is nice to have.
pub(super) fn is_narrow(look: &Look) -> bool {
    look.width.is_some_and(|width| width < NARROW)
}

/// Writes a table, each line after `indent` and without blanks at its end.
pub(super) fn write(table: &Table, indent: &str, out: &mut dyn Write) -> fmt::Result {
    for line in table.lines() {
        let line = line.trim_end();
        writeln!(out, "{indent}{line}")?;
    }
    Ok(())
}

/// The list of runs, page by page.
pub struct RunTable<'a> {
    look: &'a Look,
    /// Project names that more than one directory has.
    shared_names: HashSet<String>,
    pages: Pages<'a>,
}

impl<'a> RunTable<'a> {
    /// An empty list. The names are those that several projects share: they are shown with the hash.
    pub fn new(look: &'a Look, shared_names: HashSet<String>) -> Self {
        let mut head = vec!["PROJECT", "RUN", "TIMESTAMP", "TASKS", "STATUS", "SIZE"];
        head.retain(|title| is_shown(title, look));
        let size = head.len() - 1;
        let pages = Pages::new(look, head, vec![size]);
        Self { look, shared_names, pages }
    }

    /// Adds a run; a full page is written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, run: &Run, out: &mut dyn Write) -> fmt::Result {
        let mut row = vec![project_label(run, &self.shared_names)];
        row.extend(name_and_time(run, self.look));
        row.extend([task_count(run, self.look), run.status.word().to_owned(), bytes(run.size.disk)]);
        let marks = if self.look.verbose { marks(run) } else { String::new() };
        self.pages.push_with(row, run.status, marks, out)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self, out: &mut dyn Write) -> fmt::Result {
        self.pages.finish(out)
    }
}

/// What the user said about a run: that it stays, and its tags.
fn marks(run: &Run) -> String {
    let note = run.pin_note.as_deref().map(|note| format!(" ({})", printable(note))).unwrap_or_default();
    let pinned = run.pinned.then(|| format!("pinned{note}"));
    let tags = run.tags.iter().map(|tag| format!("+{}", printable(tag)));
    pinned.into_iter().chain(tags).collect::<Vec<_>>().join(" ")
}

/// Whether a table of runs has a column. The directory of a run, as commands take it, is a detail; where there is no room
/// for both, it stands for the time.
pub(super) fn is_shown(title: &str, look: &Look) -> bool {
    match title {
        "RUN" => look.verbose,
        "TIMESTAMP" => !(look.verbose && is_narrow(look)),
        _ => true,
    }
}

/// The cells of a run's directory and time, where they are shown.
pub(super) fn name_and_time(run: &Run, look: &Look) -> Vec<String> {
    let dir = is_shown("RUN", look).then(|| printable(run.dir().as_str()).into_owned());
    let time = is_shown("TIMESTAMP", look).then(|| began(run, look));
    dir.into_iter().chain(time).collect()
}

/// When a run began; without seconds where there is no room.
pub(super) fn began(run: &Run, look: &Look) -> String {
    let mut time = look.time(run.timestamp());
    if is_narrow(look) && time.len() == "2025-11-01 14:30:15".len() {
        time.truncate("2025-11-01 14:30".len());
    }
    time
}

/// How many tasks a run has, and how many of them failed.
pub(super) fn task_count(run: &Run, look: &Look) -> String {
    match run.tasks_failed {
        0 => run.tasks_total.to_string(),
        failed if is_narrow(look) => format!("{} ({failed})", run.tasks_total),
        failed => format!("{} ({failed} failed)", run.tasks_total),
    }
}

/// The colour that goes with a status.
pub(super) const fn paint_of(status: Status) -> Paint {
    match status {
        Status::Success => Paint::Good,
        Status::Failed => Paint::Bad,
        Status::Running | Status::Interrupted => Paint::Odd,
        Status::Unknown => Paint::Faint,
    }
}

/// A run's project for people: the name, with the hash where two share a name.
pub(super) fn project_label(run: &Run, shared_names: &HashSet<String>) -> String {
    let name = printable(&run.project_name);
    let hash = run.project().hash();
    if shared_names.contains(&run.project_name) && !hash.is_empty() && hash != *name {
        format!("{name}-{hash}")
    } else {
        name.into_owned()
    }
}
