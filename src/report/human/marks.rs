//! What became of the marks of runs, a line each.

use crate::marks::Marked;
use crate::model::Pin;
use crate::report::text::{Look, printable};
use std::fmt::{self, Write};

/// Writes what became of each run.
///
/// # Errors
/// Those of `out`.
pub fn marks(schema: &str, marked: &[Marked], look: &Look, out: &mut dyn Write) -> fmt::Result {
    marked.iter().try_for_each(|one| match schema {
        "otto.tag/1" => tagged(one, out),
        _ => pinned(one, look, out),
    })
}

fn pinned(one: &Marked, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let id = one.run.id.to_string();
    let id = printable(&id);
    match (&one.before, &one.pin) {
        (None, Some(pin)) => writeln!(out, "{id}: pinned{}", note(pin)),
        (Some(_), Some(pin)) if one.changed && pin.note.is_none() => writeln!(out, "{id}: the pin has no note now"),
        (Some(_), Some(pin)) if one.changed => writeln!(out, "{id}: the pin has another note now{}", note(pin)),
        (_, Some(pin)) => writeln!(out, "{id}: pinned already, {}{}", look.time(pin.at), note(pin)),
        (_, None) if one.changed => writeln!(out, "{id}: unpinned"),
        (_, None) => writeln!(out, "{id}: is not pinned"),
    }
}

fn tagged(one: &Marked, out: &mut dyn Write) -> fmt::Result {
    let id = one.run.id.to_string();
    let same = if one.changed { "" } else { " (as before)" };
    match one.run.tags.as_slice() {
        [] => writeln!(out, "{}: no tags{same}", printable(&id)),
        tags => writeln!(out, "{}: {}{same}", printable(&id), printable(&tags.join(", "))),
    }
}

/// The note of a pin, to stand behind something.
pub(in crate::report) fn note(pin: &Pin) -> String {
    pin.note.as_deref().map(|note| format!(" ({})", printable(note))).unwrap_or_default()
}
