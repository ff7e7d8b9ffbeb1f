//! How a listing is printed: for people, or in one of the formats for programs.

use super::exit::{Exit, Failure};
use super::select;
use super::ui::Ui;
use clap::{Args, ValueEnum};
use otto_catalog::report::records::{Field, FieldError, Format, Listing, Records, Written};
use serde::Serialize;
use std::ffi::OsString;
use std::io;

/// How to print what is listed.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OutputArgs {
    /// Print JSON: as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    pub(crate) json: bool,
    /// How to print: for people, as JSON, as JSON an item a line, for spreadsheets, or tab-separated
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<FormatName>,
    /// Only these fields, in this order; `otto help output` and an unknown one name them all
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = "Output")]
    pub(crate) fields: Vec<String>,
}

/// Ids alone.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct QuietArgs {
    /// Print ids only, one a line: what every command that takes runs reads with -
    #[arg(short, long, conflicts_with_all = ["json", "format", "fields"], help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// What `--format` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    Table,
    Json,
    Ndjson,
    Csv,
    Tsv,
}

/// What is wanted, once the names of fields are understood.
pub(crate) enum Wanted {
    /// The command's own text.
    Text,
    /// The command's own JSON.
    Document,
    /// Rows.
    Rows(Rows),
}

/// Rows of a listing in a format.
pub(crate) struct Rows {
    format: Format,
    listing: &'static Listing,
    chosen: Option<Vec<&'static Field>>,
}

impl OutputArgs {
    /// Whether the answer, and an error, is to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json || matches!(self.format, Some(FormatName::Json | FormatName::Ndjson))
    }

    /// What is wanted of a listing. Fields that it does not have are refused before anything is looked at.
    pub(crate) fn of(&self, listing: &'static Listing, quiet: QuietArgs) -> Result<Wanted, Failure> {
        if quiet.quiet {
            return Ok(Wanted::Rows(Rows { format: Format::Ids, listing, chosen: None }));
        }
        let format = match self.format {
            _ if self.json => FormatName::Json,
            None => FormatName::Table,
            Some(format) => format,
        };
        let chosen = match self.fields.is_empty() {
            true => None,
            false => Some(listing.choose(&self.fields).map_err(|error| unknown(error, listing))?),
        };
        let format = match (format, &chosen) {
            (FormatName::Table, None) => return Ok(Wanted::Text),
            (FormatName::Json, None) => return Ok(Wanted::Document),
            (FormatName::Table, Some(_)) => Format::Table,
            (FormatName::Json, Some(_)) => Format::Json,
            (FormatName::Ndjson, _) => Format::Ndjson,
            (FormatName::Csv, _) => Format::Csv,
            (FormatName::Tsv, _) => Format::Tsv,
        };
        Ok(Wanted::Rows(Rows { format, listing, chosen }))
    }

    /// Refuses whatever is for listings, where a command does not list.
    pub(crate) fn refuse_rows(&self, quiet: QuietArgs, unless: &str) -> Result<(), Failure> {
        let given = [
            (quiet.quiet, "-q"),
            (!self.fields.is_empty(), "--fields"),
            (self.format.is_some(), "--format"),
            (self.json, "--json"),
        ];
        match given.iter().find(|(given, _)| *given) {
            Some((_, flag)) => Err(Failure::usage(format!("{flag} is for what lists: {unless}"))),
            None => Ok(()),
        }
    }
}

fn unknown(error: FieldError, listing: &Listing) -> Failure {
    let near = match &error {
        FieldError::Unknown { name, .. } => select::nearest(name, listing.names().map(str::to_owned)),
        FieldError::Twice(_) => return Failure::usage(error.to_string()),
    };
    let all = format!("the fields are: {listing}");
    Failure::usage(error.to_string()).hint(match near.as_slice() {
        [] => all,
        near => format!("did you mean {}? {all}", near.join(" or ")),
    })
}

impl Rows {
    /// Writes the rows that `each` hands over, one after the other, and says what it should be known about them.
    pub(crate) fn write<T>(
        &self,
        ui: &mut Ui,
        each: impl FnOnce(&mut dyn FnMut(&dyn Row) -> io::Result<()>) -> Result<T, Failure>,
    ) -> Result<(Exit, T), Failure> {
        let (look, terminal) = (ui.look, ui.prints_to_a_terminal());
        let mut records = Records::begin(self.format, self.listing, self.chosen.clone(), &look, terminal, &mut ui.out)?;
        let done = each(&mut |row| row.write(&mut records))?;
        let Written { rows, unfit } = records.finish()?;
        if rows == 0 && matches!(self.format, Format::Table | Format::Ids) {
            ui.say("nothing to list");
        }
        if unfit == 0 {
            return Ok((Exit::Done, done));
        }
        ui.warning(&format!(
            "{unfit} left out, whose ids hold line breaks or other control characters and do not fit on a line; \
             --json has them"
        ));
        Ok((Exit::Partly, done))
    }
}

impl Rows {
    /// Writes rows that are all there.
    pub(crate) fn write_all(&self, ui: &mut Ui, rows: &[serde_json::Value]) -> Result<Exit, Failure> {
        let write = |row: &mut dyn FnMut(&dyn Row) -> io::Result<()>| {
            rows.iter().try_for_each(|item| row(item)).map_err(Failure::from)
        };
        Ok(self.write(ui, write)?.0)
    }
}

/// A row in the shape of its JSON.
pub(crate) trait Row {
    fn write(&self, records: &mut Records<'_>) -> io::Result<()>;
}

impl<T: Serialize> Row for T {
    fn write(&self, records: &mut Records<'_>) -> io::Result<()> {
        records.row(self)
    }
}

/// The rows below a key of a command's JSON document.
pub(crate) fn rows_of(document: &impl Serialize, key: &str) -> Result<Vec<serde_json::Value>, Failure> {
    match serde_json::to_value(document)?.get_mut(key).map(serde_json::Value::take) {
        Some(serde_json::Value::Array(rows)) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

/// Whether somebody who typed these arguments, which could not be read, wants errors as JSON.
pub(crate) fn wants_json(arguments: &[OsString]) -> bool {
    let is_json = |word: &OsString| word == "json" || word == "ndjson";
    let stated = |word: &OsString| word == "--json" || word == "--format=json" || word == "--format=ndjson";
    arguments.iter().any(stated) || arguments.windows(2).any(|pair| pair[0] == "--format" && is_json(&pair[1]))
}
