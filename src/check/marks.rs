//! Pins and tags: what the audit log says of them against the rows. The log is written first, so what it says holds; what
//! only a row says would be lost with the catalog.

use super::{Catalog, Error, Finding, Findings, Kind, Mend};
use crate::audit::{Event, Line, RunName};
use crate::model::{Pin, ProjectDir};
use std::collections::{BTreeMap, BTreeSet};

/// The runs that have marks, by project and directory.
pub(super) type Marked = BTreeMap<(ProjectDir, String), Marks>;

/// The marks of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) pin: Option<Pin>,
    pub(super) tags: BTreeSet<String>,
}

/// What the lines of the log come to, read in their order.
#[derive(Debug, Default)]
pub(super) struct FromLog(Marked);

impl FromLog {
    /// Goes on with a line.
    pub(super) fn line(&mut self, Line { head, event }: &Line) {
        match event {
            Event::Pinned(pinned) => {
                let pin = Pin { note: pinned.note.clone(), at: head.timestamp, who: head.who.clone() };
                self.each(&pinned.runs, |marks| marks.pin = Some(pin.clone()));
            }
            Event::Unpinned(named) => self.each(&named.runs, |marks| marks.pin = None),
            Event::Tagged(tagged) => self.each(&tagged.runs, |marks| {
                marks.tags.extend(tagged.added.iter().cloned());
                marks.tags.retain(|tag| !tagged.removed.contains(tag));
            }),
            Event::Removed(removed) => {
                for run in &removed.runs {
                    let tags = run.tags.iter().cloned();
                    self.each(&[run.name()], |marks| marks.tags.extend(tags.clone()));
                }
            }
            Event::Imported(imported) => {
                for run in &imported.runs {
                    self.each(&[run.row.name()], |marks| marks.tags.extend(run.row.tags.iter().cloned()));
                }
            }
            _ => {}
        }
    }

    fn each(&mut self, runs: &[RunName], act: impl Fn(&mut Marks)) {
        for name in runs {
            if let Some(project) = name.project() {
                act(self.0.entry((project, name.run.clone())).or_default());
            }
        }
    }

    /// The runs that have marks by now.
    pub(super) fn marks(mut self) -> Marked {
        self.0.retain(|_, marks| *marks != Marks::default());
        self.0
    }
}

/// What the rows say.
pub(super) fn of_rows(catalog: &Catalog) -> Result<Marked, Error> {
    let mut marked = Marked::new();
    for run in catalog.marked_runs()? {
        let pin = catalog.pin(run.key)?;
        let marks = Marks { pin, tags: run.tags.into_iter().collect() };
        marked.insert((run.id.project, run.id.run.as_str().to_owned()), marks);
    }
    Ok(marked)
}

/// How the two differ for one run: the log's marks that the row lacks or has otherwise, and the row's that the log lacks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) pin_of_log: Option<Pin>,
    pub(super) pin_of_row: Option<Pin>,
    pub(super) tags_of_log: Vec<String>,
    pub(super) tags_of_row: Vec<String>,
}

impl Difference {
    pub(super) fn between(log: &Marks, row: &Marks) -> Option<Self> {
        let tags = |one: &Marks, other: &Marks| one.tags.difference(&other.tags).cloned().collect();
        let difference = Self {
            pin_of_log: log.pin.clone().filter(|_| log.pin != row.pin),
            pin_of_row: row.pin.clone().filter(|_| log.pin.is_none()),
            tags_of_log: tags(log, row),
            tags_of_row: tags(row, log),
        };
        (difference != Self::default()).then_some(difference)
    }
}

/// Every run for which log and rows differ.
pub(super) fn differences(log: &Marked, rows: &Marked) -> Vec<((ProjectDir, String), Difference)> {
    let nothing = Marks::default();
    let of = |marked: &Marked, id: &(ProjectDir, String)| marked.get(id).cloned().unwrap_or_else(|| nothing.clone());
    let ids: BTreeSet<&(ProjectDir, String)> = log.keys().chain(rows.keys()).collect();
    let difference = |id: &(ProjectDir, String)| Difference::between(&of(log, id), &of(rows, id));
    ids.into_iter().filter_map(|id| Some((id.clone(), difference(id)?))).collect()
}

/// Adds what differs.
pub(super) fn check(log: &Marked, rows: &Marked, findings: &mut Findings) {
    for ((project, run), difference) in differences(log, rows) {
        let words = |pin: bool, tags: &[String]| {
            let pin = pin.then(|| "its pin".to_owned());
            let tags = (!tags.is_empty()).then(|| format!("the tags {}", tags.join(", ")));
            [pin, tags].into_iter().flatten().collect::<Vec<_>>().join(" and ")
        };
        let of_log = words(difference.pin_of_log.is_some(), &difference.tags_of_log);
        if !of_log.is_empty() {
            let what = format!("the catalog does not have what the audit log says of {project}/{run}: {of_log}");
            findings.add(Finding::new(Kind::MarkLost, what).mended_by(Mend::Marks));
        }
        let of_row = words(difference.pin_of_row.is_some(), &difference.tags_of_row);
        if !of_row.is_empty() {
            let what = format!("of {project}/{run}, only the catalog has {of_row}: it would be lost with it");
            findings.add(Finding::new(Kind::MarkUnnoted, what).mended_by(Mend::Marks));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(at: i64) -> Option<Pin> {
        Some(Pin { note: None, at, who: "dev".into() })
    }

    fn marks(pin: Option<Pin>, tags: &[&str]) -> Marks {
        Marks { pin, tags: tags.iter().map(|tag| (*tag).to_owned()).collect() }
    }

    #[test]
    fn what_the_log_says_holds_and_what_only_a_row_says_is_noted() {
        let none = || marks(None, &[]);
        let difference = Difference::between;
        assert_eq!(difference(&none(), &none()), None);
        assert_eq!(difference(&marks(pin(1), &["a"]), &marks(pin(1), &["a"])), None);
        let lost = difference(&marks(pin(1), &["a"]), &none()).unwrap();
        assert_eq!((lost.pin_of_log, lost.tags_of_log, lost.pin_of_row), (pin(1), vec!["a".to_owned()], None));
        let unnoted = difference(&none(), &marks(pin(1), &["a"])).unwrap();
        assert_eq!((unnoted.pin_of_row, unnoted.tags_of_row, unnoted.pin_of_log), (pin(1), vec!["a".to_owned()], None));
        let other = difference(&marks(pin(2), &[]), &marks(pin(1), &[])).unwrap();
        assert_eq!((other.pin_of_log, other.pin_of_row), (pin(2), None), "the log is written first");
    }
}
