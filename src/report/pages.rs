//! A table that is laid out in pages, since a list can be longer than memory should be: the first page decides the
//! widths, later ones keep them and grow a column only where they must.

use super::table::{LEAST_NAME, align, borderless, paint_of, plain};
use super::text::{Look, Paint, fitted, fitted_project};
use crate::model::Status;
use comfy_table::{ColumnConstraint, Width};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Rows that are laid out together: enough to find a good width, few enough to hold.
const PAGE: usize = 500;

/// A long table whose first column holds names, which give way when the terminal is narrow.
pub(super) struct Pages<'a> {
    look: &'a Look,
    head: Vec<&'static str>,
    /// Columns that stand to the right.
    numbers: Vec<usize>,
    rows: Vec<(Vec<String>, Status, String)>,
    widths: Vec<usize>,
    headed: bool,
}

impl<'a> Pages<'a> {
    pub(super) fn new(look: &'a Look, head: Vec<&'static str>, numbers: Vec<usize>) -> Self {
        let widths = head.iter().map(|title| title.width()).collect();
        Self { look, head, numbers, rows: Vec::new(), widths, headed: false }
    }

    /// Adds a row, in which the status stands as a word; a full page is written.
    pub(super) fn push(&mut self, cells: Vec<String>, status: Status, out: &mut dyn Write) -> fmt::Result {
        self.push_with(cells, status, String::new(), out)
    }

    /// As [`Pages::push`], with a remark that stands behind the row, or below it where there is no room.
    pub(super) fn push_with(
        &mut self,
        cells: Vec<String>,
        status: Status,
        remark: String,
        out: &mut dyn Write,
    ) -> fmt::Result {
        self.rows.push((cells, status, remark));
        if self.rows.len() >= PAGE { self.page(out) } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> fmt::Result {
        if self.rows.is_empty() { Ok(()) } else { self.page(out) }
    }

    fn page(&mut self, out: &mut dyn Write) -> fmt::Result {
        for (row, ..) in &self.rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        if let Some(width) = self.look.width {
            let others: usize = self.widths[1..].iter().map(|w| w + 2).sum();
            self.widths[0] = self.widths[0].min(width.saturating_sub(others).max(LEAST_NAME));
        }
        let mut table = if self.headed { borderless() } else { plain(&self.head, &self.numbers, self.look) };
        let mut statuses: Vec<(Status, String)> = Vec::with_capacity(self.rows.len());
        for (mut row, status, remark) in self.rows.drain(..) {
            statuses.push((status, remark));
            row[0] = fitted_project(&row[0], self.widths[0], self.look).into_owned();
            table.add_row(row);
        }
        align(&mut table, &self.numbers, self.head.len());
        for (column, width) in table.column_iter_mut().zip(&self.widths) {
            let padded = u16::try_from(*width).unwrap_or(u16::MAX).saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
        }
        let head = if self.headed { 0 } else { 2 };
        self.headed = true;
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            match index.checked_sub(head).and_then(|row| statuses.get(row)) {
                Some((status, remark)) => {
                    let fits = self.look.width.is_none_or(|width| line.width() + 2 + remark.width() <= width);
                    write!(out, "{}", self.painted(line, *status))?;
                    match (remark.is_empty(), fits) {
                        (true, _) => writeln!(out)?,
                        (false, true) => writeln!(out, "  {remark}")?,
                        (false, false) => {
                            let room = self.look.width.map_or(usize::MAX, |width| width.saturating_sub(2));
                            writeln!(out, "\n  {}", fitted(remark, room, self.look))?;
                        }
                    }
                }
                None if index == 0 => writeln!(out, "{}", self.look.paint(Paint::Heading, line))?,
                None => writeln!(out, "{line}")?,
            }
        }
        Ok(())
    }

    /// The line with its status in colour. What follows the status in any of our tables holds no such word.
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
