//! A line of a log that matches, after the run, the task, the log and its number.

use crate::logs::Hit;
use crate::model::RunId;
use crate::report::terminal::sanitized;
use crate::report::text::{Look, Paint, printable};
use std::io::{self, Write};

/// Writes a line that matches: byte for byte, or as text where a terminal would act on it.
///
/// # Errors
/// Those of `out`.
pub fn hit(id: &RunId, task: &[u8], hit: &Hit, raw: bool, look: &Look, out: &mut dyn Write) -> io::Result<()> {
    let (id, task) = (id.to_string(), String::from_utf8_lossy(task));
    let place = format!("{} {} {}:{}:", printable(&id), printable(&task), hit.stream.word(), hit.line);
    write!(out, "{} ", look.paint(Paint::Faint, &place))?;
    let (before, matched, after) =
        (&hit.text[..hit.matched.start], &hit.text[hit.matched.clone()], &hit.text[hit.matched.end..]);
    if raw && !look.colour {
        out.write_all(&hit.text)?;
    } else {
        let shown = |bytes: &[u8]| if raw { bytes.to_vec() } else { sanitized(bytes).into_bytes() };
        out.write_all(&shown(before))?;
        let (begin, end) = look.marks(Paint::Bad);
        out.write_all(begin.as_bytes())?;
        out.write_all(&shown(matched))?;
        out.write_all(end.as_bytes())?;
        out.write_all(&shown(after))?;
    }
    out.write_all(b"\n")
}
