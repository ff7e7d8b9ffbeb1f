//! A table of chosen columns, page by page. Where the terminal is too narrow for them even when names give way, each row
//! stands by itself, a field a line.

use super::fields::{Field, Kind};
use crate::report::text::{Look, Paint, bytes, duration, fitted, printable};
use serde_json::Value;
use std::fmt::{self, Write};
use unicode_width::UnicodeWidthStr as _;

/// Rows that are laid out together.
const PAGE: usize = 500;
/// The least that is left for a text.
const LEAST: usize = 6;

pub(super) struct Grid<'a> {
    look: &'a Look,
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    laid_out: bool,
    /// A row is a paragraph: the columns do not stand beside each other.
    apart: bool,
    written: bool,
}

struct Column {
    field: &'static Field,
    head: String,
    width: usize,
}

impl Column {
    /// Texts give way where there is no room.
    fn gives_way(&self) -> bool {
        self.field.kind == Kind::Text
    }

    fn is_number(&self) -> bool {
        !matches!(self.field.kind, Kind::Text | Kind::Flag)
    }
}

impl<'a> Grid<'a> {
    pub(super) fn new(look: &'a Look, fields: &[&'static Field]) -> Self {
        let column = |field: &&'static Field| {
            let head = head(field);
            Column { field, width: head.width(), head }
        };
        let columns = fields.iter().map(column).collect();
        Self { look, columns, rows: Vec::new(), laid_out: false, apart: false, written: false }
    }

    pub(super) fn push(&mut self, row: &Value, out: &mut String) -> fmt::Result {
        self.rows.push(self.columns.iter().map(|column| cell(column.field, row, self.look)).collect());
        if self.rows.len() >= PAGE { self.page(out) } else { Ok(()) }
    }

    pub(super) fn finish(mut self, out: &mut String) -> fmt::Result {
        if self.rows.is_empty() { Ok(()) } else { self.page(out) }
    }

    fn page(&mut self, out: &mut String) -> fmt::Result {
        for (at, column) in self.columns.iter_mut().enumerate() {
            // Later pages keep what the first one found: a text that is longer gives way, a number is never cut.
            if !(self.laid_out && column.gives_way() && self.look.width.is_some()) {
                let widest = self.rows.iter().map(|row| row[at].width()).max().unwrap_or(0);
                column.width = column.width.max(widest);
            }
        }
        if !self.laid_out {
            self.apart = !self.squeeze();
            self.laid_out = true;
            if !self.apart {
                self.heading(out)?;
            }
        }
        for row in std::mem::take(&mut self.rows) {
            if self.apart { self.paragraph(&row, out)? } else { self.line(&row, out)? }
        }
        Ok(())
    }

    /// Narrows the widest text until all fits; whether it does.
    fn squeeze(&mut self) -> bool {
        let Some(width) = self.look.width else { return true };
        loop {
            let all: usize = self.columns.iter().map(|c| c.width + 2).sum::<usize>() - 2;
            let Some(over) = all.checked_sub(width).filter(|over| *over > 0) else { return true };
            let widest = self.columns.iter_mut().filter(|c| c.gives_way() && c.width > LEAST).max_by_key(|c| c.width);
            let Some(widest) = widest else { return false };
            widest.width -= over.min(1 + (widest.width - LEAST) / 2).min(widest.width - LEAST);
        }
    }

    fn heading(&self, out: &mut String) -> fmt::Result {
        let heads: Vec<String> = self.columns.iter().map(|c| c.head.clone()).collect();
        let line = self.laid(&heads);
        writeln!(out, "{}", self.look.paint(Paint::Heading, &line))?;
        let all: usize = self.columns.iter().map(|c| c.width + 2).sum::<usize>() - 2;
        writeln!(out, "{}", self.look.rule().to_string().repeat(all))
    }

    fn line(&self, row: &[String], out: &mut String) -> fmt::Result {
        writeln!(out, "{}", self.laid(row))
    }

    fn laid(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
            if at > 0 {
                line.push_str("  ");
            }
            let cell = if column.gives_way() { fitted(cell, column.width, self.look) } else { cell.into() };
            let blanks = " ".repeat(column.width.saturating_sub(cell.width()));
            let (before, after) = if column.is_number() { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
            line.push_str(before);
            line.push_str(&cell);
            line.push_str(after);
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn paragraph(&mut self, row: &[String], out: &mut String) -> fmt::Result {
        if std::mem::replace(&mut self.written, true) {
            writeln!(out)?;
        }
        let names = self.columns.iter().map(|c| c.field.name.width()).max().unwrap_or(0);
        for (column, cell) in self.columns.iter().zip(row) {
            let room = self.look.width.map_or(usize::MAX, |width| width.saturating_sub(names + 2).max(LEAST));
            let line = format!("{:names$}  {}", column.field.name, fitted(cell, room, self.look));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `DISK` for `disk_bytes`, `TASK STATUS` for `task.status`.
fn head(field: &Field) -> String {
    let suffix = match field.kind {
        Kind::Bytes => "_bytes",
        Kind::Millis => "_ms",
        Kind::Time => "_at",
        Kind::Text | Kind::Number | Kind::Flag | Kind::Share => "",
    };
    let name = field.name.strip_suffix(suffix).unwrap_or(field.name);
    name.replace(['_', '.'], " ").to_uppercase()
}

/// A value for people. Instants are told by their age, with `-v` by the calendar.
fn cell(field: &Field, row: &Value, look: &Look) -> String {
    let value = field.of(row);
    let whole = value.as_i64();
    match (field.kind, value) {
        (_, Value::Null) => "-".to_owned(),
        (Kind::Bytes, _) if value.is_u64() => bytes(value.as_u64().unwrap_or_default()),
        (Kind::Millis, _) if whole.is_some() => duration(whole.unwrap_or_default()),
        (Kind::Share, _) if value.is_number() => format!("{:.1} %", value.as_f64().unwrap_or_default() * 100.0),
        (Kind::Flag, Value::Bool(said)) => if *said { "yes" } else { "no" }.to_owned(),
        (Kind::Time, Value::String(text)) => match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(at) if look.verbose => look.time(at.timestamp()),
            Ok(at) => look.ago(at.timestamp()),
            Err(_) => printable(text).into_owned(),
        },
        (_, Value::String(text)) => printable(text).into_owned(),
        (_, Value::Array(items)) if items.iter().all(Value::is_string) => {
            let words: Vec<_> = items.iter().filter_map(Value::as_str).map(printable).collect();
            if words.is_empty() { "-".to_owned() } else { words.join(" ") }
        }
        (_, other) => other.to_string(),
    }
}
