//! Marks that the log tells of, for a catalog that may lack them: pins and tags that were set through another catalog of the
//! same store, or by a command that died between its line and its row.
//!
//! What follows the place up to which a catalog knows the log is taken over as it is told: the last word holds. Of a log
//! that is read from its beginning without that place, nobody knows whether it has all that the catalog heard of. Then marks
//! are added, and a pin is taken off only where it is the very one of which the log says so: what only the catalog has, stays.

use super::line::{Event, Line, RunName};
use super::replay::row;
use crate::catalog::{Catalog, CatalogTx, Result};
use crate::model::{Pin, ProjectDir, Timestamp};
use crate::store::trash::JsonName;
use std::collections::{BTreeMap, HashMap};

/// What lines of the log come to, read in their order.
#[derive(Debug, Default)]
pub struct Told {
    runs: BTreeMap<(ProjectDir, String), OfRun>,
    /// Whether they are all that a catalog does not know, and follow what it knows.
    follows: bool,
}

/// The last word about a run.
#[derive(Clone, Debug, Default)]
struct OfRun {
    pin: Option<Word>,
    tags: BTreeMap<String, bool>,
    /// Whether it is needed although the catalog does not know the run: it may turn up.
    awaited: bool,
}

#[derive(Clone, Debug)]
enum Word {
    Pinned(Pin),
    /// With the pin that it had.
    Unpinned(Option<Pin>),
}

/// Marks of a run that a catalog has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    name: RunName,
    pin: Option<Option<Pin>>,
    added: Vec<String>,
    removed: Vec<String>,
}

impl Told {
    /// Nothing yet. What is told `follows` what the catalog knows, or is the whole log.
    pub fn new(follows: bool) -> Self {
        Self { runs: BTreeMap::new(), follows }
    }

    /// Goes on with a line.
    pub fn line(&mut self, Line { head, event }: &Line) {
        match event {
            Event::Pinned(pinned) => {
                let pin = Pin { note: pinned.note.clone(), at: head.timestamp, who: head.who.clone() };
                self.each(&pinned.runs, |run| (run.pin, run.awaited) = (Some(Word::Pinned(pin.clone())), true));
            }
            Event::Unpinned(named) => self.each(&named.runs, |run| {
                let had = match run.pin.take() {
                    Some(Word::Pinned(pin)) => Some(pin),
                    Some(Word::Unpinned(had)) => had,
                    None => None,
                };
                run.pin = Some(Word::Unpinned(had));
            }),
            Event::Tagged(tagged) => self.each(&tagged.runs, |run| {
                run.tags.extend(tagged.added.iter().map(|tag| (tag.clone(), true)));
                run.tags.extend(tagged.removed.iter().map(|tag| (tag.clone(), false)));
                run.awaited = true;
            }),
            Event::Imported(imported) => {
                for run in imported.runs.iter().filter(|run| !run.row.tags.is_empty()) {
                    self.each(&[run.row.name()], |known| {
                        known.tags.extend(run.row.tags.iter().map(|tag| (tag.clone(), true)));
                        known.awaited = true;
                    });
                }
            }
            // One that nothing is told of has the marks that it had.
            Event::Removed(removed) => {
                for run in &removed.runs {
                    let Some(project) = run.name().project() else { continue };
                    if let Some(known) = self.runs.get_mut(&(project, run.run.clone())) {
                        known.awaited = false;
                    }
                    if !run.tags.is_empty() {
                        let tags = run.tags.iter().map(|tag| (tag.clone(), true));
                        self.each(&[run.name()], |known| known.tags.extend(tags.clone()));
                    }
                }
            }
            Event::Restored(restored) => {
                for name in &restored.runs {
                    let Some(project) = name.project() else { continue };
                    if let Some(known) = self.runs.get_mut(&(project, name.run.clone())) {
                        known.awaited = true;
                    }
                }
            }
            _ => {}
        }
    }

    fn each(&mut self, runs: &[RunName], act: impl Fn(&mut OfRun)) {
        for name in runs {
            if let Some(project) = name.project() {
                act(self.runs.entry((project, name.run.clone())).or_default());
            }
        }
    }

    /// What of it a catalog lacks.
    ///
    /// # Errors
    /// The catalog's.
    pub fn lacking(&self, catalog: &Catalog) -> Result<Vec<Lacking>> {
        if self.runs.is_empty() {
            return Ok(Vec::new());
        }
        let projects: HashMap<ProjectDir, i64> =
            catalog.known_projects()?.into_iter().map(|project| (project.dir, project.id)).collect();
        let mut lacking = Vec::new();
        for ((project, dir), told) in &self.runs {
            let run = match projects.get(project) {
                Some(key) => catalog.run_named(*key, dir)?,
                None => None,
            };
            if run.is_none() && !told.awaited {
                continue;
            }
            let pin = run.as_ref().map(|run| catalog.pin(run.key)).transpose()?.flatten();
            let tags = run.map(|run| run.tags).unwrap_or_default();
            let changed = |wanted: bool| {
                let of = told.tags.iter().filter(|(tag, set)| **set == wanted && tags.contains(tag) != wanted);
                of.map(|(tag, _)| tag.clone()).collect::<Vec<_>>()
            };
            let one = Lacking {
                name: RunName { project: JsonName::new(project.as_bytes()), run: dir.clone() },
                pin: self.pin(told.pin.as_ref(), pin.as_ref()),
                added: changed(true),
                removed: if self.follows { changed(false) } else { Vec::new() },
            };
            if one.pin.is_some() || !one.added.is_empty() || !one.removed.is_empty() {
                lacking.push(one);
            }
        }
        Ok(lacking)
    }

    /// What becomes of a row's pin; `None`: it stays as it is.
    fn pin(&self, told: Option<&Word>, row: Option<&Pin>) -> Option<Option<Pin>> {
        match (told?, row) {
            (Word::Pinned(pin), None) => Some(Some(pin.clone())),
            (Word::Pinned(pin), Some(row)) if pin != row && (self.follows || row.at <= pin.at) => {
                Some(Some(pin.clone()))
            }
            (Word::Unpinned(had), Some(row)) if self.follows || had.as_ref() == Some(row) => Some(None),
            _ => None,
        }
    }
}

impl Lacking {
    /// Gives the catalog what it lacks.
    ///
    /// # Errors
    /// The catalog's.
    pub fn write(&self, tx: &mut CatalogTx<'_>, at: Timestamp) -> Result<()> {
        let Some(key) = row(tx, &self.name, at)? else { return Ok(()) };
        match &self.pin {
            Some(Some(pin)) => tx.pin(key, pin)?,
            Some(None) => tx.unpin(key)?,
            None => {}
        }
        tx.tag(key, &self.added, &self.removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(at: i64) -> Pin {
        Pin { note: None, at, who: "dev".into() }
    }

    #[test]
    fn what_follows_holds_and_a_log_of_which_nobody_knows_how_whole_it_is_takes_nothing_off_that_it_does_not_know() {
        let (follows, alone) = (Told::new(true), Told::new(false));
        let (set, off) = (Word::Pinned(pin(5)), |had| Word::Unpinned(had));
        for told in [&follows, &alone] {
            assert_eq!(told.pin(None, Some(&pin(1))), None);
            assert_eq!(told.pin(Some(&set), None), Some(Some(pin(5))));
            assert_eq!(told.pin(Some(&set), Some(&pin(5))), None);
            assert_eq!(told.pin(Some(&set), Some(&pin(1))), Some(Some(pin(5))));
            assert_eq!(told.pin(Some(&off(Some(pin(5)))), Some(&pin(5))), Some(None));
            assert_eq!(told.pin(Some(&off(None)), None), None);
        }
        // An older state of the log, out of a backup.
        assert_eq!(alone.pin(Some(&off(Some(pin(5)))), Some(&pin(9))), None);
        assert_eq!(alone.pin(Some(&set), Some(&pin(9))), None);
        assert_eq!(follows.pin(Some(&off(None)), Some(&pin(9))), Some(None));
        assert_eq!(follows.pin(Some(&set), Some(&pin(9))), Some(Some(pin(5))));
    }
}
