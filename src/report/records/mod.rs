//! Rows for programs, and tables of chosen columns: one place for whatever lists.
//!
//! A [`Listing`] names the fields of one kind of row. They are the keys of its JSON, a key within an object behind a point
//! (`task.status`), and every value is taken from that JSON: no format can say something that another does not.
//! [`Records`] writes rows as they come and holds no more than a page of them, so a listing may be as long as it likes.
//!
//! | format | what it is |
//! |---|---|
//! | JSON | an array, an object a line; without chosen fields a command writes its whole document instead |
//! | NDJSON | an object a line |
//! | CSV | RFC 4180, lines end in CR LF, a head; for spreadsheets: `sheet` |
//! | TSV | a line a row, a head; a tab, a line break, a backslash and other control characters are escaped |
//! | ids | the id of each row, a line each |
//! | table | the chosen columns for people: `grid` |
//!
//! In CSV and TSV what is absent is an empty cell, a truth is `true` or `false`, and a list or an object is its JSON.

mod fields;
mod grid;
mod listings;
mod sheet;

pub use fields::{Field, FieldError, Kind, Listing};
pub use listings::{
    ARCHIVED_RUNS, COMPARED_TASKS, FINDINGS, HISTORY, HITS, IMPORTED, LISTINGS, OPERATIONS, PROJECTS, RULES_IN_FORCE,
    RUNS, TASK_STATISTICS, TASKS, TRASH, WEEKS,
};

use super::text::Look;
use grid::Grid;
use serde::Serialize;
use serde::ser::SerializeMap as _;
use serde_json::Value;
use std::io::{self, Write};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// Comma-separated values, for spreadsheets.
    Csv,
    /// Tab-separated values.
    Tsv,
    /// The ids alone.
    Ids,
    /// For people.
    Table,
}

/// Rows on their way out.
pub struct Records<'a> {
    sink: Sink<'a>,
    fields: Vec<&'static Field>,
    /// Whether the user named the fields: else an object goes out as it is.
    chosen: bool,
    rows: u64,
    unfit: u64,
}

enum Sink<'a> {
    Json(&'a mut dyn Write),
    Ndjson(&'a mut dyn Write),
    Csv(Box<csv::Writer<&'a mut dyn Write>>, bool),
    Tsv(&'a mut dyn Write),
    Ids(&'a mut dyn Write, Option<String>),
    Table(&'a mut dyn Write, Grid<'a>),
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many there were.
    pub rows: u64,
    /// Those whose id does not fit on a line of its own, and that were left out for it.
    pub unfit: u64,
}

impl<'a> Records<'a> {
    /// Begins. Without names, all fields are written but those that few ask for. On a terminal no control character of
    /// a value is let through.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(
        format: Format,
        listing: &'static Listing,
        chosen: Option<Vec<&'static Field>>,
        look: &'a Look,
        terminal: bool,
        out: &'a mut dyn Write,
    ) -> io::Result<Self> {
        let is_chosen = chosen.is_some();
        let fields = chosen.unwrap_or_else(|| listing.fields.iter().filter(|field| !field.rare).collect());
        let sink = match format {
            Format::Json => {
                out.write_all(b"[")?;
                Sink::Json(out)
            }
            Format::Ndjson => Sink::Ndjson(out),
            Format::Csv => {
                let mut csv = sheet::writer(out);
                csv.write_record(fields.iter().map(|field| field.name)).map_err(sheet::io_error)?;
                Sink::Csv(Box::new(csv), terminal)
            }
            Format::Tsv => {
                let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
                writeln!(out, "{}", names.join("\t"))?;
                Sink::Tsv(out)
            }
            Format::Ids => Sink::Ids(out, None),
            Format::Table => Sink::Table(out, Grid::new(look, &fields)),
        };
        Ok(Self { sink, fields, chosen: is_chosen, rows: 0, unfit: 0 })
    }

    /// Writes a row, given as its JSON shape.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn row(&mut self, item: &impl Serialize) -> io::Result<()> {
        self.rows += 1;
        let first = self.rows == 1;
        let whole = !self.chosen;
        let fields = &self.fields;
        match &mut self.sink {
            Sink::Json(out) => {
                out.write_all(if first { b"\n" } else { b",\n" })?;
                object(out, item, fields, whole)
            }
            Sink::Ndjson(out) => {
                object(out, item, fields, whole)?;
                out.write_all(b"\n")
            }
            Sink::Csv(csv, terminal) => {
                let row = serde_json::to_value(item)?;
                let cells = fields.iter().map(|field| sheet::csv_cell(field.of(&row), *terminal));
                csv.write_record(cells.map(String::into_bytes)).map_err(sheet::io_error)
            }
            Sink::Tsv(out) => {
                let row = serde_json::to_value(item)?;
                let cells: Vec<String> = fields.iter().map(|field| sheet::tsv_cell(field.of(&row))).collect();
                writeln!(out, "{}", cells.join("\t"))
            }
            Sink::Ids(out, last) => {
                let row = serde_json::to_value(item)?;
                let Some(id) = row.get("id").and_then(Value::as_str) else { return Ok(()) };
                if last.as_deref() == Some(id) {
                    return Ok(());
                }
                *last = Some(id.to_owned());
                if id.chars().any(char::is_control) {
                    self.unfit += 1;
                    return Ok(());
                }
                writeln!(out, "{id}")
            }
            Sink::Table(out, grid) => {
                let row = serde_json::to_value(item)?;
                let mut text = String::new();
                grid.push(&row, &mut text).map_err(io::Error::other)?;
                out.write_all(text.as_bytes())
            }
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(self) -> io::Result<Written> {
        match self.sink {
            Sink::Json(out) => out.write_all(if self.rows == 0 { b"]\n" } else { b"\n]\n" })?,
            Sink::Csv(mut csv, _) => csv.flush()?,
            Sink::Table(out, grid) => {
                let mut text = String::new();
                grid.finish(&mut text).map_err(io::Error::other)?;
                out.write_all(text.as_bytes())?;
            }
            Sink::Ndjson(_) | Sink::Tsv(_) | Sink::Ids(..) => {}
        }
        Ok(Written { rows: self.rows, unfit: self.unfit })
    }
}

/// Writes a row as an object: as it is, or the chosen fields in the order in which they were chosen.
fn object(out: &mut dyn Write, item: &impl Serialize, fields: &[&Field], whole: bool) -> io::Result<()> {
    if whole {
        return Ok(serde_json::to_writer(out, item)?);
    }
    let row = serde_json::to_value(item)?;
    Ok(serde_json::to_writer(out, &Chosen { row: &row, fields })?)
}

struct Chosen<'r> {
    row: &'r Value,
    fields: &'r [&'r Field],
}

impl Serialize for Chosen<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for field in self.fields {
            map.serialize_entry(field.name, field.of(self.row))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
