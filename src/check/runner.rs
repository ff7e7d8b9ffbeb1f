//! The runner's database against the tree. Both may know what the other does not: the runner prunes its rows, and people
//! remove directories. Neither is wrong, so all of it is only told.

use super::{Catalog, Error, Finding, Findings, Kind, Session, Settings};
use crate::model::{ProjectDir, RunState, rfc3339};
use crate::store::runner_db::{self, Cursor, Places, Request};
use std::collections::HashMap;

/// Rows that are named.
const NAMED: usize = 3;

/// Run directories of a catalog.
struct Known<'a> {
    catalog: &'a Catalog,
    keys: HashMap<ProjectDir, i64>,
}

impl Places for Known<'_> {
    fn is_run_dir(&self, project: &ProjectDir, run: &str) -> bool {
        let Some(key) = self.keys.get(project) else { return false };
        matches!(self.catalog.run_named(*key, run), Ok(Some(run)) if run.state == RunState::Present)
    }
}

/// Counts rows without a directory and directories without a row. Gives the number of rows.
pub(super) fn check(
    session: &Session,
    settings: &Settings<'_>,
    seen: &Catalog,
    findings: &mut Findings,
) -> Result<Option<u64>, Error> {
    let root = session.store()?;
    let db = settings.runner_db.clone().unwrap_or_else(|| root.path().join("otto.db"));
    let scratch = session.scratch(settings).join("runner");
    // That it cannot be read was met, and told, when the catalog was built.
    if !matches!(runner_db::stamp(&db), Ok(Some(_))) {
        return Ok(None);
    }
    let request = Request { db: &db, scratch: &scratch, after: Cursor::default(), again: &[] };
    let Ok(reading) = runner_db::read(&request) else { return Ok(None) };
    let mut unmatched: HashMap<i64, i64> = reading.rows.iter().map(|row| (row.id, row.timestamp)).collect();
    let rows = unmatched.len() as u64;
    let projects = seen.projects()?;
    let runs: u64 = projects.iter().map(|p| p.runs).sum();
    let keys = projects.into_iter().map(|p| (p.dir, p.id)).collect();
    let matched = runner_db::match_rows(reading.rows, root.path(), root.as_given(), &Known { catalog: seen, keys });
    for evidence in matched.values() {
        unmatched.remove(&evidence.row);
    }
    if !unmatched.is_empty() {
        let mut named: Vec<(i64, i64)> = unmatched.iter().map(|(id, at)| (*at, *id)).collect();
        named.sort_unstable_by(|a, b| b.cmp(a));
        let named: Vec<String> =
            named.iter().take(NAMED).map(|(at, id)| format!("{id} of {}", rfc3339(*at).unwrap_or_default())).collect();
        let what = format!(
            "{} of {rows} rows of the runner's database have no directory here: such as {}",
            unmatched.len(),
            named.join(", ")
        );
        findings.add(Finding::new(Kind::RunnerRows, what).at(&db));
    }
    let without = runs.saturating_sub(matched.len() as u64);
    if without > 0 {
        let what = format!("{without} of {runs} runs have no row in the runner's database");
        findings.add(Finding::new(Kind::RunnerLess, what).at(&db));
    }
    Ok(Some(rows))
}
