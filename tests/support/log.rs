//! What the audit log tells, when repeated lines are taken once.

use otto_catalog::audit::{Event, Line, Reader};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

/// What the log of a store tells.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Every line, in order.
    pub(crate) lines: Vec<Line>,
    /// By operation: runs and entries that it removed, however often a line says so.
    removed: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    finished: HashSet<String>,
    /// What was no line.
    pub(crate) problems: usize,
}

impl Told {
    /// Of the store at that path; nothing where there is no log.
    pub(crate) fn of(store: &Path) -> Self {
        let Ok(directory) = File::open(store.join(".catalog")) else { return Self::default() };
        let mut reader = Reader::open(directory.as_fd()).unwrap();
        let mut told = Self::default();
        while let Some((_, line)) = reader.next_line() {
            told.note(line);
        }
        told.problems = reader.problems().0.len() + reader.problems().1 as usize;
        told
    }

    fn note(&mut self, line: Line) {
        let operation = line.head.operation.clone();
        match &line.event {
            Event::Removed(removed) => {
                let (runs, entries) = self.removed.entry(operation).or_default();
                runs.extend(removed.runs.iter().map(|run| run.id.clone()));
                entries.extend(removed.cache.iter().map(|entry| {
                    let name =
                        |n: &otto_catalog::store::trash::JsonName| String::from_utf8(n.bytes().unwrap()).unwrap();
                    format!("{}/{}", name(&entry.project), name(&entry.entry))
                }));
            }
            Event::Finished(_) => {
                self.finished.insert(operation);
            }
            _ => {}
        }
        self.lines.push(line);
    }

    /// The removed runs, in order; one that two operations removed is there twice.
    pub(crate) fn runs(&self) -> Vec<String> {
        let mut runs: Vec<_> = self.removed.values().flat_map(|(runs, _)| runs.iter().cloned()).collect();
        runs.sort();
        runs
    }

    /// The removed cache entries, as `<project>/<entry>`.
    pub(crate) fn entries(&self) -> Vec<String> {
        let mut entries: Vec<_> = self.removed.values().flat_map(|(_, entries)| entries.iter().cloned()).collect();
        entries.sort();
        entries
    }

    /// Operations that removed something and of whose end nothing is said.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.removed.keys().filter(|operation| !self.finished.contains(*operation)).cloned().collect()
    }
}
