//! Tables in the first plan's look: a head, a rule, rows without borders; numbers to the right.
//!
//! A list can be longer than memory should be, so it is laid out in pages: the first decides the widths, later ones keep
//! them and grow a column only where they must.

use super::text::{Look, Paint, bytes, fitted, printable};
use crate::model::{Run, Status};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, TableComponent, Width};
use std::collections::HashSet;
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Rows that are laid out together: enough to find a good width, few enough to hold.
const PAGE: usize = 500;

/// Below this width, times lose their seconds and tasks their failures.
const NARROW: usize = 76;

/// The least that is left for a project's name.
const LEAST_NAME: usize = 6;

/// A table without borders.
pub(super) fn plain(head: &[&str], numbers: &[usize]) -> Table {
    let mut table = borderless();
    table.set_header(head.iter().copied());
    table.set_style(TableComponent::HeaderLines, '\u{2500}');
    table.set_style(TableComponent::MiddleHeaderIntersections, '\u{2500}');
    align(&mut table, numbers, head.len());
    table
}

fn borderless() -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Sides and gaps of columns, which exist only once there is a head or a row.
fn align(table: &mut Table, numbers: &[usize], columns: usize) {
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
            row[0] = fitted(&row[0], room).into_owned();
        }
    }
    let mut table = plain(head, numbers);
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
    rows: Vec<([String; 5], Status)>,
    widths: [usize; 5],
    headed: bool,
}

const HEAD: [&str; 5] = ["PROJECT", "TIMESTAMP", "TASKS", "STATUS", "SIZE"];
const NUMBERS: &[usize] = &[4];

impl<'a> RunTable<'a> {
    /// An empty list. The names are those that several projects share: they are shown with the hash.
    pub fn new(look: &'a Look, shared_names: HashSet<String>) -> Self {
        Self { look, shared_names, rows: Vec::new(), widths: HEAD.map(str::len), headed: false }
    }

    /// Adds a run; a full page is written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, run: &Run, out: &mut dyn Write) -> fmt::Result {
        let narrow = is_narrow(self.look);
        let mut time = self.look.time(run.timestamp());
        if narrow && time.len() == "2025-11-01 14:30:15".len() {
            time.truncate("2025-11-01 14:30".len());
        }
        let tasks = match run.tasks_failed {
            0 => run.tasks_total.to_string(),
            failed if narrow => format!("{} ({failed})", run.tasks_total),
            failed => format!("{} ({failed} failed)", run.tasks_total),
        };
        let name = project_label(run, &self.shared_names);
        let row = [name, time, tasks, run.status.word().to_owned(), bytes(run.size.disk)];
        self.rows.push((row, run.status));
        if self.rows.len() >= PAGE { self.page(out) } else { Ok(()) }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self, out: &mut dyn Write) -> fmt::Result {
        if self.rows.is_empty() { Ok(()) } else { self.page(out) }
    }

    fn page(&mut self, out: &mut dyn Write) -> fmt::Result {
        for (row, _) in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        if let Some(width) = self.look.width {
            let others: usize = self.widths[1..].iter().map(|w| w + 2).sum();
            self.widths[0] = self.widths[0].min(width.saturating_sub(others).max(LEAST_NAME));
        }
        let mut table = if self.headed { borderless() } else { plain(&HEAD, NUMBERS) };
        let statuses: Vec<Status> = self.rows.iter().map(|(_, status)| *status).collect();
        for (mut row, _) in self.rows.drain(..) {
            row[0] = fitted(&row[0], self.widths[0]).into_owned();
            table.add_row(row);
        }
        align(&mut table, NUMBERS, HEAD.len());
        for (column, width) in table.column_iter_mut().zip(self.widths) {
            let padded = u16::try_from(width).unwrap_or(u16::MAX).saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
        }
        let head = if self.headed { 0 } else { 2 };
        self.headed = true;
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            match index.checked_sub(head).and_then(|row| statuses.get(row)) {
                Some(status) => writeln!(out, "{}", self.painted(line, *status))?,
                None if index == 0 => writeln!(out, "{}", self.look.paint(Paint::Heading, line))?,
                None => writeln!(out, "{line}")?,
            }
        }
        Ok(())
    }

    /// The line with its status in colour. After the status only a size follows, which holds no such word.
    fn painted(&self, line: &str, status: Status) -> String {
        match (self.look.colour, line.rfind(status.word())) {
            (true, Some(at)) => {
                let (before, rest) = line.split_at(at);
                let (word, after) = rest.split_at(status.word().len());
                format!("{before}{}{after}", self.look.paint(paint_of(status), word))
            }
            _ => line.to_owned(),
        }
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
