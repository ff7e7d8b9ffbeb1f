//! The store held against everything that is known of it: catalog, tree, audit log, the runner's database, and our own
//! files.
//!
//! **How.** [`check()`] copies the catalog aside and asks the copy whether its file is sound and its sums are those of its
//! rows. Then it lets an ordinary refresh loose on the copy, builds a second catalog from nothing, and compares the two:
//! what a refresh would have noticed is no finding, what only the rebuilding shows is one. Both live in private files
//! outside the store, so memory stays flat, and rows are compared a page at a time.
//!
//! **What a check changes: nothing.** Not a byte in the store, in our directory, or beside the runner's database; the store's
//! lock is held meanwhile, and given up as it was.
//!
//! **What a fix changes.** [`fix()`] mends what is certain, each repair looking again by itself under the lock: what it was
//! told to mend may have changed since. It never removes a run, a cache entry or a line of the audit log, and decides about
//! nothing in the trash that the next clean would not decide in the same way.

mod compare;
mod finding;
mod fix;
mod imports;
mod log;
mod marks;
mod own;
mod rows;
mod runner;
mod scripts;
mod trash;
mod tree;

pub use finding::{Finding, Findings, Kind, Mend, Severity};
pub use fix::{Fixed, fix};

use crate::catalog::Catalog;
use crate::session::{Error, Original, Session, Settings};
use std::path::PathBuf;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Projects in the store.
    pub projects: u64,
    /// Runs in their place.
    pub runs: u64,
    /// Cache entries.
    pub cache_entries: u64,
    /// Operations in the trash.
    pub operations: u64,
    /// Lines of the audit log.
    pub log_lines: u64,
    /// Rows of runs in the runner's database; `None` where there is none, or it cannot be read.
    pub runner_rows: Option<u64>,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The store; `None` when there is none at the default place.
    pub home: Option<PathBuf>,
    /// What was looked at.
    pub looked: Looked,
    /// What was found.
    pub findings: Findings,
}

impl Report {
    /// Whether nothing was found that is more than worth knowing.
    pub fn is_sound(&self) -> bool {
        self.findings.of(Severity::Error) + self.findings.of(Severity::Warning) == 0
    }
}

/// Holds a store against what is known of it, and changes nothing.
///
/// # Errors
/// When the store cannot be read, its lock is not to be had, there is no room for copies, or a later version of this
/// program wrote the catalog.
pub fn check(settings: &Settings<'_>) -> Result<Report, Error> {
    let (mut session, original) = Session::on_copy(settings)?;
    let Some(home) = session.root.as_ref().map(|root| root.path().to_owned()) else { return Ok(Report::default()) };
    let path = settings.catalog.clone().unwrap_or_else(|| home.join(".catalog/catalog.db"));
    let mut report = Report { home: Some(home), ..Report::default() };
    let findings = &mut report.findings;
    let original = match original {
        Original::Current | Original::Outdated { .. } => match rows::file_faults(&session.catalog) {
            Ok(faults) if faults.is_empty() => original,
            Ok(faults) => Original::Damaged { cause: faults.join("; ") },
            Err(error) if error.is_damage() => Original::Damaged { cause: error.to_string() },
            Err(error) => return Err(error.into()),
        },
        other => other,
    };
    let usable = say_of_catalog(&original, path, findings);
    if usable {
        // A row that no version writes shows only when it is read.
        if let Err(error) = rows::check(&session.catalog, findings) {
            if !error.is_damage() {
                return Err(error.into());
            }
            return Ok(unreadable_rows(report, &error));
        }
        match session.refresh(settings, false) {
            Err(error) if error.is_damage() => return Ok(unreadable_rows(report, &error)),
            done => done?,
        }
        let (new, gone) = (session.report.new, session.report.vanished);
        if new + gone > 0 {
            let what = format!("since the last look, {new} runs are new and {gone} are gone");
            findings.add(Finding::new(Kind::CatalogBehind, what).mended_by(Mend::Refresh));
        }
    }
    let rebuilt = session.rebuild_aside(settings, &original)?;
    if let Some(rebuilt) = &rebuilt {
        for problem in &rebuilt.report.problems {
            let what = format!("cannot {}: {}", problem.act, problem.cause);
            findings.add(Finding::new(Kind::Unreadable, what).at(&problem.path));
        }
        let seen = &rebuilt.catalog;
        if usable {
            tree::compare(&session, seen, findings)?;
        }
        let projects = seen.projects()?;
        report.looked.projects = projects.len() as u64;
        report.looked.runs = projects.iter().map(|p| p.runs).sum();
        report.looked.cache_entries = projects.iter().map(|p| p.cache_entries).sum();
        tree::dangling_links(&session, seen, findings)?;
        scripts::check(&session, settings, seen, findings)?;
        report.looked.runner_rows = runner::check(&session, settings, seen, findings)?;
    }
    own::check(&session, settings, findings)?;
    imports::check(&session, findings)?;
    if usable {
        report.looked.operations = trash::check(&session, settings, findings)?;
    }
    report.looked.log_lines = log::check(&session, usable, findings)?;
    Ok(report)
}

/// Says what is wrong with the catalog as a whole; whether its rows can be used.
fn say_of_catalog(original: &Original, path: PathBuf, findings: &mut Findings) -> bool {
    let finding = match original {
        Original::Current => return true,
        Original::Outdated { found } => {
            let what = format!("the catalog has schema {found}, of an older version of this program");
            Finding::new(Kind::CatalogOutdated, what).mended_by(Mend::Refresh)
        }
        Original::Missing => {
            let what = "there is no catalog yet: the next command builds it";
            Finding::new(Kind::CatalogMissing, what).mended_by(Mend::Refresh)
        }
        Original::Damaged { cause } => {
            Finding::new(Kind::CatalogDamaged, format!("the catalog is damaged: {cause}")).mended_by(Mend::Rebuild)
        }
    };
    findings.add(finding.at(path));
    matches!(original, Original::Outdated { .. })
}

fn unreadable_rows(mut report: Report, error: &dyn std::error::Error) -> Report {
    let what = format!("the catalog cannot be read: {error}");
    report.findings.add(Finding::new(Kind::CatalogDamaged, what).mended_by(Mend::Rebuild));
    report
}
