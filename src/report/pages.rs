//! A table that is laid out in pages, since a list can be longer than memory should be: the first page decides the
//! columns and their widths, later ones keep them. Where the terminal limits a line and a later page does not fit, it is laid
//! out anew under its own head; without a limit, a column grows.

use super::layout::{Cell, Columns, Layout};
use super::names::Cuts;
use super::table::{align, borderless, headed, numbers, paint_of};
use super::text::{Look, Paint, fitted};
use crate::model::Status;
use comfy_table::{ColumnConstraint, Width};
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Rows that are laid out together: enough to find a good width, few enough to hold.
const PAGE: usize = 500;

/// A long table whose first column holds names, which give way when the terminal is narrow.
pub(super) struct Pages<'a> {
    look: &'a Look,
    columns: Columns,
    /// The widest name that any row can hold.
    widest: usize,
    rows: Vec<Vec<Cell>>,
    /// Each row's status, and what stands behind it.
    remarks: Vec<(Status, String)>,
    cuts: Cuts,
    layout: Option<Layout>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(look: &'a Look, columns: Columns, widest: usize) -> Self {
        let (rows, remarks) = (Vec::new(), Vec::new());
        Self { look, columns, widest, rows, remarks, cuts: Cuts::default(), layout: None }
    }

    /// Adds a row, in which the status stands as a word; a full page is written.
    pub(super) fn push(&mut self, cells: Vec<Cell>, status: Status, out: &mut dyn Write) -> fmt::Result {
        self.push_with(cells, status, String::new(), out)
    }

    /// As [`Pages::push`], with a remark that stands behind the row, or below it where there is no room.
    pub(super) fn push_with(
        &mut self,
        cells: Vec<Cell>,
        status: Status,
        remark: String,
        out: &mut dyn Write,
    ) -> fmt::Result {
        self.rows.push(cells);
        self.remarks.push((status, remark));
        // Where more may come, names of other projects may.
        if self.rows.len() >= PAGE { self.page(self.widest, out) } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> fmt::Result {
        if self.rows.is_empty() { Ok(()) } else { self.page(0, out) }
    }

    /// Writes the rows that were gathered; where they open a table, its first column is made for names of that width.
    fn page(&mut self, widest: usize, out: &mut dyn Write) -> fmt::Result {
        let kept = match self.layout.take() {
            Some(mut layout) if self.look.width.is_none() => {
                layout.grow(&self.columns, &self.rows);
                Some(layout)
            }
            Some(layout) if layout.takes(&self.columns, &self.rows, &mut self.cuts, self.look) => Some(layout),
            Some(_) => {
                writeln!(out)?;
                None
            }
            None => None,
        };
        let head = if kept.is_some() { 0 } else { 2 };
        let layout =
            kept.unwrap_or_else(|| Layout::new(&self.columns, &self.rows, (&mut self.cuts, widest), self.look, 0));
        let mut table = if head == 0 { borderless() } else { headed(&self.columns, &layout, self.look) };
        for row in self.rows.drain(..) {
            table.add_row(layout.row(&row, &self.cuts, self.look));
        }
        let widths = layout.widths();
        align(&mut table, &numbers(&self.columns, &layout), widths.len());
        for (column, width) in table.column_iter_mut().zip(&widths) {
            let padded = u16::try_from(*width).unwrap_or(u16::MAX).saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
        }
        let statuses = std::mem::take(&mut self.remarks);
        self.layout = Some(layout);
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
