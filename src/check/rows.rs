//! The catalog by itself: its file, references between its rows, sums, counts, history.

use super::{Catalog, Finding, Findings, Kind, Mend};
use crate::catalog::Result;
use crate::model::rfc3339;

/// Days of history that are named.
const NAMED: usize = 3;

/// What is wrong with the file.
pub(super) fn file_faults(catalog: &Catalog) -> Result<Vec<String>> {
    catalog.integrity_faults()
}

/// Adds what does not add up.
pub(super) fn check(catalog: &Catalog, findings: &mut Findings) -> Result<()> {
    for (table, parent, count) in catalog.foreign_key_faults()? {
        let what = format!("{count} rows of {table} refer to rows of {parent} that are not there");
        findings.add(Finding::new(Kind::RowsDangling, what).mended_by(Mend::Rebuild));
    }
    catalog.each_wrong_sum(&mut |wrong| {
        let value = |value: Option<i64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let (kept, counted) = (value(wrong.kept), value(wrong.counted));
        let of = match (&wrong.project, &wrong.entry) {
            (Some(project), Some(entry)) => format!(" of {project}/.cache/{}", String::from_utf8_lossy(entry)),
            (Some(project), None) => format!(" of {project}"),
            _ => String::new(),
        };
        let what = format!("{}{of}: {kept} is kept, the rows come to {counted}", wrong.what);
        findings.add(Finding::new(Kind::SumWrong, what).mended_by(Mend::Recount));
    })?;
    history(catalog, findings)
}

/// Whether sums of history can be counted again: where they hold more than the rows, rows were folded away, and would be
/// lost.
pub(super) fn history_can_be_counted(catalog: &Catalog) -> Result<bool> {
    for project in catalog.known_projects()? {
        if catalog.history_differences(project.id)?.iter().any(|difference| difference.kept > difference.in_rows) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Adds sums of history that are not those of the rows, but for those that hold more.
fn history(catalog: &Catalog, findings: &mut Findings) -> Result<()> {
    let mut found = Vec::new();
    let mut folded = false;
    for project in catalog.known_projects()? {
        let mut wrong = catalog.history_differences(project.id)?;
        let all = wrong.len();
        wrong.retain(|difference| difference.in_rows >= difference.kept);
        folded |= wrong.len() < all;
        if wrong.is_empty() {
            continue;
        }
        let days: Vec<String> = wrong
            .iter()
            .filter_map(|difference| rfc3339(difference.day?.checked_mul(86_400)?))
            .map(|instant| instant.chars().take(10).collect())
            .take(NAMED)
            .collect();
        let such = if days.is_empty() { String::new() } else { format!(", such as of {}", days.join(", ")) };
        found.push(format!("{} sums of the history of {} are wrong{such}", wrong.len(), project.dir));
    }
    for what in found {
        let finding = Finding::new(Kind::HistoryWrong, what);
        findings.add(if folded { finding } else { finding.mended_by(Mend::RecountHistory) });
    }
    Ok(())
}
