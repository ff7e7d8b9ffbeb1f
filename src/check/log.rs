//! The audit log against the rows of runs that are gone, in both directions: what was removed has a line, and what has a
//! line has a row.

use super::marks::{self, FromLog};
use super::{Catalog, Error, Finding, Findings, Kind, Mend, Session};
use crate::audit::{self, Event, Line, Reader, RemovedRun};
use crate::catalog::Departed;
use crate::model::{ProjectDir, Run, RunState};
use std::collections::{HashMap, HashSet};

/// What a line or a row says was removed, as a number: a log of years names millions.
type Mark = u64;

fn mark(operation: &str, project: &ProjectDir, run: &str) -> Mark {
    let mut hasher = blake3::Hasher::new();
    for part in [operation.as_bytes(), project.as_bytes(), run.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// What the log says of removals.
#[derive(Debug, Default)]
pub(super) struct Noted {
    marks: HashSet<Mark>,
    /// The number of the last line of each operation.
    last: HashMap<String, u64>,
    /// Whether all of it could be read: if not, what seems to be missing may be there.
    pub(super) whole: bool,
}

impl Noted {
    /// Reads the log; every line is handed to `each` as well.
    pub(super) fn read(reader: &mut Reader, each: &mut dyn FnMut(&Line) -> Result<(), Error>) -> Result<Self, Error> {
        let mut noted = Self::default();
        while let Some((_, line)) = reader.next_line() {
            let last = noted.last.entry(line.head.operation.clone()).or_default();
            *last = line.head.sequence.max(*last);
            if let Event::Removed(removed) = &line.event {
                let names = removed.runs.iter().map(RemovedRun::name);
                let marks = names.filter_map(|name| Some(mark(&line.head.operation, &name.project()?, &name.run)));
                noted.marks.extend(marks);
            }
            each(&line)?;
        }
        noted.whole = reader.failure().is_none();
        Ok(noted)
    }

    /// The rows of runs that an operation removed and of which it says nothing.
    pub(super) fn lacks(&self, catalog: &Catalog) -> Result<Vec<(Run, Departed)>, Error> {
        let mut lacking = Vec::new();
        if self.whole {
            catalog.each_gone(|run, departed| {
                let marked = departed.operation.as_deref().map(|by| mark(by, run.project(), run.dir().as_str()));
                if run.state != RunState::Vanished && marked.is_some_and(|mark| !self.marks.contains(&mark)) {
                    lacking.push((run, departed));
                }
                Ok(())
            })?;
        }
        Ok(lacking)
    }

    /// The number of the last line of an operation.
    pub(super) fn last(&self, operation: &str) -> u64 {
        self.last.get(operation).copied().unwrap_or(0)
    }
}

/// Reads the log. Gives the number of its lines. Rows are asked only of a catalog that can be read.
pub(super) fn check(session: &Session, usable: bool, findings: &mut Findings) -> Result<u64, Error> {
    let Some(directory) = session.directory() else { return Ok(0) };
    let path = session.store()?.path().join(".catalog").join("audit.jsonl");
    let error = |act| {
        let path = path.clone();
        move |source| Error::Io { act, path, source }
    };
    let mut reader = Reader::open(directory).map_err(error("open"))?;
    let catalog = &session.catalog;
    let projects: HashMap<ProjectDir, i64> =
        if usable { catalog.known_projects()?.into_iter().map(|p| (p.dir, p.id)).collect() } else { HashMap::new() };
    let mut lines = 0;
    let mut forgotten: HashSet<Mark> = HashSet::new();
    let mut marks = FromLog::default();
    let noted = Noted::read(&mut reader, &mut |line| {
        lines += 1;
        marks.line(line);
        let (Event::Removed(removed), true) = (&line.event, usable) else { return Ok(()) };
        for run in &removed.runs {
            let Some(project) = run.name().project() else { continue };
            let known = match projects.get(&project) {
                Some(key) => catalog.run_named(*key, &run.run)?.is_some(),
                None => false,
            };
            if !known && forgotten.insert(mark("", &project, &run.run)) {
                let what = format!("the audit log tells of {}, which the catalog does not know", run.id);
                findings.add(Finding::new(Kind::RowForgotten, what).at(&path));
            }
        }
        Ok(())
    })?;
    let (problems, more) = reader.problems();
    for problem in problems {
        let what = format!("a line of {} cannot be read: {}", problem.path.display(), problem.cause);
        findings.add(Finding::new(Kind::LogUnreadable, what).at(&path));
    }
    if more > 0 {
        findings.add(Finding::new(Kind::LogUnreadable, format!("{more} more lines cannot be read")).at(&path));
    }
    if audit::is_torn(directory).map_err(error("read"))? {
        let what = "the last line of the audit log was torn by a crash";
        findings.add(Finding::new(Kind::LogTorn, what).at(&path).mended_by(Mend::CloseLine));
    }
    if usable && let Some(cause) = session.unread_marks()? {
        let what = format!("what was added to the audit log cannot be read whole, so no clean is made: {cause}");
        findings.add(Finding::new(Kind::MarksUnclear, what).at(&path).mended_by(Mend::PassOver));
    }
    if usable && noted.whole {
        marks::check(&marks.marks(), &marks::of_rows(catalog)?, findings);
    }
    if usable {
        for (run, departed) in noted.lacks(catalog)? {
            let operation = departed.operation.unwrap_or_default();
            let what = format!("the audit log lacks the removal of {} ({operation})", run.id);
            findings.add(Finding::new(Kind::LogIncomplete, what).at(&path).mended_by(Mend::AddLine));
        }
    }
    Ok(lines)
}
