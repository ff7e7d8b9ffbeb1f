//! Tables in the first plan's look: a head, a rule, rows without borders; numbers to the right. Long ones are laid out in
//! pages.

use super::labels::Labels;
use super::layout::Step::{LeaveOut, Shorten};
use super::layout::{Cell, Columns, Layout};
use super::names::Cuts;
use super::pages::Pages;
use super::text::{Look, Paint, bytes, printable};
use crate::model::{Run, Status, Timestamp};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent};
use std::fmt::{self, Write};

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
    // Said, since rows without a head would have none.
    table.set_style(TableComponent::VerticalLines, ' ');
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

/// Writes a table whose columns give way where the terminal is narrow; says how it was laid out.
pub(super) fn write_fitted(
    columns: &Columns,
    rows: &[Vec<Cell>],
    look: &Look,
    indent: &str,
    out: &mut dyn Write,
) -> Result<Layout, fmt::Error> {
    let (table, layout) = laid_out(columns, rows, look, indent.len());
    write(&table, indent, out)?;
    Ok(layout)
}

/// The same, to be written or added to.
pub(super) fn laid_out(columns: &Columns, rows: &[Vec<Cell>], look: &Look, indent: usize) -> (Table, Layout) {
    let mut cuts = Cuts::default();
    let layout = Layout::new(columns, rows, (&mut cuts, 0), look, indent);
    let mut table = headed(columns, &layout, look);
    for row in rows {
        table.add_row(layout.row(row, &cuts, look));
    }
    (table, layout)
}

/// A table with the heads of those columns that a layout shows.
pub(super) fn headed(columns: &Columns, layout: &Layout, look: &Look) -> Table {
    let head: Vec<&str> = layout.shown().map(|at| columns.head[at]).collect();
    plain(&head, &numbers(columns, layout), look)
}

/// Which of the columns that are shown stand to the right.
pub(super) fn numbers(columns: &Columns, layout: &Layout) -> Vec<usize> {
    layout.shown().enumerate().filter(|(_, at)| columns.numbers.contains(at)).map(|(place, _)| place).collect()
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
    labels: &'a Labels,
    pages: Pages<'a>,
}

impl<'a> RunTable<'a> {
    /// An empty list.
    pub fn new(look: &'a Look, labels: &'a Labels) -> Self {
        // The directory of a run, as commands take it, is a detail; it says the time too.
        let columns = if look.verbose {
            Columns::new(&["PROJECT", "RUN", "TIMESTAMP", "TASKS", "STATUS", "SIZE"], &[5])
                .first(&[Shorten(2), Shorten(3), LeaveOut(2)])
                .then(&[LeaveOut(3), LeaveOut(5)])
        } else {
            Columns::new(&["PROJECT", "TIMESTAMP", "TASKS", "STATUS", "SIZE"], &[4])
                .first(&[Shorten(1), Shorten(2)])
                .then(&[LeaveOut(2), LeaveOut(4)])
        };
        Self { look, labels, pages: Pages::new(look, columns, labels.widest()) }
    }

    /// Adds a run; a full page is written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, run: &Run, out: &mut dyn Write) -> fmt::Result {
        let mut row = names_and_time(run, self.labels, self.look);
        row.extend([task_count(run), run.status.word().to_owned().into(), bytes(run.size.disk).into()]);
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

/// The cells of a run's project, of its directory where details are wanted, and of its time.
pub(super) fn names_and_time(run: &Run, labels: &Labels, look: &Look) -> Vec<Cell> {
    let mut row = vec![labels.label(run.project()).into_owned().into()];
    if look.verbose {
        row.push(printable(run.dir().as_str()).into_owned().into());
    }
    row.push(time(run.timestamp(), look));
    row
}

/// An instant; shorter, without its seconds.
pub(super) fn time(at: Timestamp, look: &Look) -> Cell {
    let time = look.time(at);
    let minutes = "2025-11-01 14:30";
    match time.len() == minutes.len() + 3 && time.is_ascii() {
        true => Cell::of(time.as_str(), &time[..minutes.len()]),
        false => time.into(),
    }
}

/// How many tasks a run has, and how many of them failed.
pub(super) fn task_count(run: &Run) -> Cell {
    match (run.tasks_total, run.tasks_failed) {
        (total, 0) => total.to_string().into(),
        (total, failed) => Cell::of(format!("{total} ({failed} failed)"), format!("{total} ({failed})")),
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
