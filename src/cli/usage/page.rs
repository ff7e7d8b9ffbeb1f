//! The page that `otto usage --html` writes.

use crate::cli::Context;
use crate::cli::exit::{Exit, Failure, outside_hint};
use crate::cli::ui::Ui;
use otto_catalog::catalog::Catalog;
use otto_catalog::model::Project;
use otto_catalog::report::page::{self, ProjectParts};
use otto_catalog::report::{Usage, printable};
use otto_catalog::session::Session;
use otto_catalog::store::outside::{self, OutsideError};
use std::path::Path;

/// What every page begins with: nothing else is replaced by one.
const BEGINS: &[u8] = b"<!doctype html>";

/// Writes the page, and says where it is.
pub(super) fn write(
    context: &Context<'_>,
    ui: &mut Ui,
    session: &Session,
    usage: &Usage,
    path: &Path,
) -> Result<Exit, Failure> {
    if path == Path::new("-") {
        return Err(Failure::usage("--html takes the name of a file, not `-`"));
    }
    let failed = |error: OutsideError| {
        let hint = outside_hint(&error, false);
        let failure = Failure::new(Exit::CouldNot, anyhow::Error::new(error));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    };
    if let Some(root) = &session.root {
        outside::may_lie(root, path).map_err(failed)?;
    }
    let mut text = String::new();
    page::page(usage, &parts(&session.catalog, usage)?, &ui.look, &mut text)?;
    let begins = |head: &[u8]| head.get(..BEGINS.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(BEGINS));
    // An empty file is one that somebody made for it.
    let is_page = |head: &[u8]| head.is_empty() || begins(head);
    outside::write(&context.settings.hook, path, text.as_bytes(), "an HTML page", &is_page).map_err(failed)?;
    ui.say(&format!("wrote {}", printable(&path.to_string_lossy())));
    Ok(Exit::Done)
}

/// The largest runs and cache entries of the largest projects.
fn parts(catalog: &Catalog, usage: &Usage) -> Result<Vec<ProjectParts>, Failure> {
    let mut projects: Vec<&Project> = usage.projects.iter().collect();
    projects.sort_by_key(|project| std::cmp::Reverse(project.run_size.disk + project.cache_size.disk));
    let of = |project: &Project| {
        let mut entries: Vec<_> =
            catalog.cache_entries(project.id)?.into_iter().map(|entry| (entry.path, entry.size)).collect();
        entries.sort_by_key(|(_, size)| std::cmp::Reverse(size.disk));
        entries.truncate(page::ENTRIES);
        let runs = catalog.largest_runs(Some(project.id), page::RUNS as u64)?;
        Ok(ProjectParts { project: project.clone(), runs, entries })
    };
    projects.into_iter().take(page::PROJECTS).map(of).collect()
}
