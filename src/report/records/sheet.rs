//! Cells of CSV and TSV.
//!
//! **CSV is for spreadsheets**, and a spreadsheet takes a cell that begins like a formula for one: a run's name or argument
//! could call programs or addresses on the desk of whoever opens the file. So a text that begins with `=`, `+`, `-`, `@`, a
//! tab or a line break, or with the wide forms of those signs, gets an apostrophe before it, and so does one that begins
//! with an apostrophe: whoever wants the text takes one away from every cell that begins with one, and has exactly what was
//! there. Numbers stay what they are. TSV, NDJSON and JSON are for programs and hold every text as it is.

use serde_json::Value;
use std::io::{self, Write};

/// What would make a formula of a text, at its beginning; and the mark itself.
const DEFUSED: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\''];

/// A writer as RFC 4180 has it.
pub(super) fn writer(out: &mut dyn Write) -> csv::Writer<&mut dyn Write> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out)
}

/// The error of the system behind one of the writer's, so that a closed pipe is known for what it is.
pub(super) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("a row could not be written: {kind:?}")),
    }
}

/// A value in a cell of CSV. On a terminal control characters are spelt out.
pub(super) fn csv_cell(value: &Value, terminal: bool) -> String {
    let Value::String(text) = value else { return plain(value) };
    let text = if terminal { super::super::printable(text) } else { text.into() };
    if text.starts_with(DEFUSED) { format!("'{text}") } else { text.into_owned() }
}

/// A value in a cell of TSV: `\t`, `\n`, `\r` and `\\` for what would break the line apart, `\u001b` for any other control
/// character.
pub(super) fn tsv_cell(value: &Value) -> String {
    let Value::String(text) = value else { return plain(value) };
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => cell.push_str("\\\\"),
            '\t' => cell.push_str("\\t"),
            '\n' => cell.push_str("\\n"),
            '\r' => cell.push_str("\\r"),
            c if c.is_control() => cell.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => cell.push(c),
        }
    }
    cell
}

/// A value that is no text. JSON spells control characters out by itself.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => value.to_string(),
    }
}
