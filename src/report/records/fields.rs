//! A field of a row, a kind of row, and the choice of some fields by their names.

use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// What the values of a field are, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words, or a list of them.
    Text,
    /// A number that is shown as it is.
    Number,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Millis,
    /// An instant.
    Time,
    /// True or false.
    Flag,
    /// A part of a whole, from 0 to 1.
    Share,
}

/// A field of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it stands in the row's JSON: a key, or keys with points between them.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Whether it is written only when it is asked for by name.
    pub rare: bool,
}

/// A kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What a row is.
    pub row: &'static str,
    /// Its fields, in the order in which they are written.
    pub fields: &'static [Field],
}

/// Why fields cannot be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FieldError {
    /// A row has no such field.
    #[error("{row} has no field `{name}`")]
    Unknown {
        /// What a row is.
        row: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A field is named twice.
    #[error("the field `{0}` is named twice")]
    Twice(String),
}

impl Field {
    pub(super) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, rare: false }
    }

    pub(super) const fn rare(self) -> Self {
        Self { rare: true, ..self }
    }

    /// Its value in a row; null where there is none.
    pub fn of<'v>(&self, row: &'v Value) -> &'v Value {
        const NONE: &Value = &Value::Null;
        // A key may hold a point only where an object does: none of ours does.
        self.name.split('.').try_fold(row, |value, key| value.get(key)).unwrap_or(NONE)
    }
}

impl Listing {
    /// The fields of these names, in that order.
    ///
    /// # Errors
    /// When there is no such field, or one is named twice.
    pub fn choose(&self, names: &[impl AsRef<str>]) -> Result<Vec<&'static Field>, FieldError> {
        let mut chosen: Vec<&'static Field> = Vec::with_capacity(names.len());
        for name in names.iter().map(|name| name.as_ref().trim()) {
            let known = self.fields.iter().find(|field| field.name == name);
            let Some(field) = known else {
                let name = super::super::printable(name).into_owned();
                return Err(FieldError::Unknown { row: self.row, name });
            };
            if chosen.contains(&field) {
                return Err(FieldError::Twice(name.to_owned()));
            }
            chosen.push(field);
        }
        Ok(chosen)
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}
