//! What went into an archive, what is in one, and what came out of it.

use crate::archive::{Exported, Imported, Manifest, Skipped};
use crate::report::layout::Step::LeaveOut;
use crate::report::layout::{Cell, Columns};
use crate::report::table::write_fitted;
use crate::report::text::{Look, bytes, printable, times};
use std::fmt::{self, Write};

/// Writes what went into an archive.
///
/// # Errors
/// Those of `out`.
pub fn exported(exported: &Exported, look: &Look, out: &mut dyn Write) -> fmt::Result {
    if look.verbose {
        for run in &exported.runs {
            writeln!(out, "exported {}  {}", printable(&run.id.to_string()), times(run.files, "file"))?;
        }
    }
    skipped(&exported.skipped, out)?;
    let Some(path) = &exported.path else { return writeln!(out, "Nothing was exported.") };
    let runs = times(exported.runs.len() as u64, "run");
    let entries = times(exported.entries, "cache entry");
    writeln!(out, "{runs} and {entries}, {} of files,", bytes(exported.size))?;
    writeln!(out, "in {} ({})", printable(&path.to_string_lossy()), bytes(exported.bytes))
}

fn skipped(skipped: &[Skipped], out: &mut dyn Write) -> fmt::Result {
    skipped.iter().try_for_each(|one| writeln!(out, "skipped {}: {}", printable(&one.id), printable(&one.reason)))
}

/// Writes what an archive holds.
///
/// # Errors
/// Those of `out`.
pub fn archive(manifest: &Manifest, length: u64, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let cells: Vec<Vec<Cell>> = manifest
        .runs
        .iter()
        .map(|run| {
            let id = run.id().map(|id| id.to_string()).unwrap_or_default();
            let status = printable(&run.row.status).into_owned();
            [printable(&id).into_owned(), status, run.files().to_string(), bytes(run.size())].map(Cell::from).into()
        })
        .collect();
    if !cells.is_empty() {
        let columns = Columns::new(&["RUN", "STATUS", "FILES", "SIZE"], &[2, 3]).first(&[LeaveOut(2)]);
        write_fitted(&columns, &cells, look, "", out)?;
        writeln!(out)?;
    }
    let runs = times(manifest.runs.len() as u64, "run");
    let entries = times(manifest.entries.len() as u64, "cache entry");
    writeln!(out, "{runs} and {entries}, {} of files in {}", bytes(manifest.size_bytes), bytes(length))?;
    if look.verbose {
        writeln!(out, "of the store {}", printable(&manifest.store_id))?;
    }
    Ok(())
}

/// Writes what came out of an archive.
///
/// # Errors
/// Those of `out`.
pub fn imported(imported: &Imported, _: &Look, out: &mut dyn Write) -> fmt::Result {
    for run in &imported.runs {
        let id = run.id.to_string();
        writeln!(out, "imported {}  {}, {}", printable(&id), times(run.files, "file"), bytes(run.size))?;
    }
    for id in &imported.already {
        writeln!(out, "already here {}", printable(id))?;
    }
    skipped(&imported.skipped, out)?;
    let runs = times(imported.runs.len() as u64, "run");
    writeln!(out, "{runs} and {} imported", times(imported.entries.len() as u64, "cache entry"))
}
