//! Mending the audit log from rows, and pins and tags from the log.

use super::super::log::Noted;
use super::super::marks::{self, FromLog};
use super::Work;
use crate::audit::{self, Event, Heading, Journal, Log, Pinned, Reader, RemovedRun, RunName, Tagged};
use crate::catalog::{Departed, Operation};
use crate::clean::Execution;
use crate::model::{Pin, ProjectDir, Run};
use crate::session::{Error, operation_id};
use crate::store::change::Act;
use crate::store::trash::JsonName;
use std::collections::BTreeMap;

impl Work<'_> {
    /// Adds what the audit log lacks, operation by operation.
    pub(super) fn complete_log(&mut self) -> Result<(), Error> {
        let Some(directory) = self.session.directory() else { return Ok(()) };
        let path = self.session.store()?.path().join(".catalog").join("audit.jsonl");
        let error = |source| Error::Io { act: "complete", path: path.clone(), source };
        let mut reader = Reader::open(directory).map_err(error)?;
        let noted = Noted::read(&mut reader, &mut |_| Ok(()))?;
        let mut by_operation: BTreeMap<String, Vec<(Run, Departed)>> = BTreeMap::new();
        for (run, departed) in noted.lacks(&self.session.catalog)? {
            by_operation.entry(departed.operation.clone().unwrap_or_default()).or_default().push((run, departed));
        }
        let mut added = 0;
        for (operation, runs) in by_operation {
            let mut lines = BTreeMap::new();
            let mut first_left = i64::MAX;
            for (run, departed) in runs {
                first_left = first_left.min(departed.at);
                let reasons = departed.reasons.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                let reasons: Vec<String> = reasons;
                let line = RemovedRun::of(&self.session.catalog, &run, &reasons)?;
                lines.entry(departed.keep_until).or_insert_with(Vec::new).push(line);
            }
            let row = self.session.catalog.operation(&operation)?;
            let row =
                row.unwrap_or(Operation { id: operation.clone(), started_at: first_left, ..Operation::default() });
            let heading = Heading {
                operation: &row.id,
                now: row.started_at,
                who: &row.who,
                command: &row.command,
                policy: &row.policy,
                plan: row.plan.as_deref(),
            };
            let log = Log { hook: &self.settings.hook, directory, limit: self.settings.audit_limit };
            let mut journal = Journal::resume(log, &heading, noted.last(&operation));
            for (keep_until, runs) in lines {
                journal.removed(self.session.lock(), &runs, &[], keep_until).map_err(error)?;
                added += runs.len();
            }
        }
        self.fixed.done.push(format!("added {added} removals to the audit log"));
        Ok(())
    }

    /// Gives rows the marks that the log has, and the log those that only rows have.
    pub(super) fn marks(&mut self, execution: &Execution<'_>) -> Result<(), Error> {
        let Some(directory) = self.session.directory() else { return Ok(()) };
        let path = self.session.store()?.path().join(".catalog").join("audit.jsonl");
        let error = |source| Error::Io { act: "complete", path: path.clone(), source };
        let mut from_log = FromLog::default();
        let mut reader = Reader::open(directory).map_err(error)?;
        let noted = Noted::read(&mut reader, &mut |line| {
            from_log.line(line);
            Ok(())
        })?;
        let rows = marks::of_rows(&self.session.catalog)?;
        let differences = marks::differences(&from_log.marks(), &rows);
        if !noted.whole || differences.is_empty() {
            return Ok(());
        }
        let id = operation_id(self.settings)?;
        let heading = Heading {
            operation: &id,
            now: self.settings.clock.now,
            who: execution.who,
            command: execution.command,
            policy: "",
            plan: None,
        };
        let log = Log { hook: &self.settings.hook, directory, limit: self.settings.audit_limit };
        let mut journal = Journal::new(log, &heading);
        let name = |(project, run): &(ProjectDir, String)| RunName {
            project: JsonName::new(project.as_bytes()),
            run: run.clone(),
        };
        for (run, difference) in &differences {
            if let Some(pin) = &difference.pin_of_row {
                let event = Event::Pinned(Pinned { runs: vec![name(run)], note: pin.note.clone() });
                journal.append(self.session.lock(), &event).map_err(error)?;
            }
            if !difference.tags_of_row.is_empty() {
                let added = difference.tags_of_row.clone();
                let event = Event::Tagged(Tagged { runs: vec![name(run)], added, removed: Vec::new() });
                journal.append(self.session.lock(), &event).map_err(error)?;
            }
        }
        self.before(Act::Commit)?;
        let at = self.settings.clock.now;
        let mut tx = self.session.catalog.begin_durable()?;
        for (run, difference) in &differences {
            let Some(key) = audit::row(&mut tx, &name(run), at)? else { continue };
            // A line of now dates the pin of now.
            let noted = difference.pin_of_row.clone().map(|pin| Pin { at, who: execution.who.to_owned(), ..pin });
            if let Some(pin) = difference.pin_of_log.as_ref().or(noted.as_ref()) {
                tx.pin(key, pin)?;
            }
            tx.tag(key, &difference.tags_of_log, &[])?;
        }
        tx.commit()?;
        self.fixed.done.push(format!("brought pins and tags of {} runs in line", differences.len()));
        Ok(())
    }
}
