//! Which runs a refresh walks, and which are gone.

use super::{Error, Options};
use crate::catalog::{Catalog, KeptEvidence, RunName};
use crate::model::{ProjectDir, RunDir, Timestamp};
use std::cell::RefCell;
use std::collections::HashMap;

/// The runs of one project that have to be walked.
pub(super) struct Work {
    pub(super) project: ProjectDir,
    pub(super) key: i64,
    /// Directory, and whether its `run.yaml` is to be read.
    pub(super) runs: Vec<(RunDir, bool)>,
}

/// Which runs to walk and which are gone.
#[derive(Default)]
pub(super) struct WorkPlan {
    pub(super) walks: HashMap<ProjectDir, HashMap<String, (RunDir, bool)>>,
    pub(super) vanished: Vec<i64>,
}

impl WorkPlan {
    pub(super) fn compare(
        &mut self,
        catalog: &Catalog,
        project: &ProjectDir,
        key: Option<i64>,
        listed: &[(RunDir, u64)],
        whole: bool,
        options: &Options<'_>,
    ) -> Result<(), Error> {
        let mut known = match key {
            Some(key) => KnownNames::of(catalog.run_names(key)?),
            None => KnownNames::default(),
        };
        for (run, inode) in listed {
            match known.take(run) {
                // The same inode under the same name is the same run.
                Some(before) if before.inode == *inode && !options.full => {}
                // Another inode is another run, started by somebody else for all we know.
                _ => self.add(project, run, true),
            }
        }
        if whole {
            let in_trash = |run: &RunName| options.trash.is_some_and(|trash| trash.contains(project, &run.text()));
            self.vanished.extend(known.left().filter(|run| !in_trash(run)).map(|run| run.key));
        }
        Ok(())
    }

    pub(super) fn add(&mut self, project: &ProjectDir, run: &RunDir, read_yaml: bool) {
        let entry = self
            .walks
            .entry(project.clone())
            .or_default()
            .entry(run.as_str().to_owned())
            .or_insert_with(|| (run.clone(), false));
        entry.1 |= read_yaml;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.walks.is_empty() && self.vanished.is_empty()
    }

    pub(super) fn walks(&mut self) -> Vec<(ProjectDir, Vec<(RunDir, bool)>)> {
        let mut walks: Vec<_> = self
            .walks
            .drain()
            .map(|(project, runs)| {
                let mut runs: Vec<_> = runs.into_values().collect();
                runs.sort_unstable_by_key(|(run, _)| (run.timestamp(), run.number()));
                (project, runs)
            })
            .collect();
        walks.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        walks
    }
}

/// The runs that the catalog knows of a project, by name. Most names are two numbers: as such they are found without
/// spelling any.
#[derive(Default)]
struct KnownNames {
    plain: HashMap<(Timestamp, u32), RunName>,
    odd: HashMap<String, RunName>,
}

impl KnownNames {
    fn of(names: Vec<RunName>) -> Self {
        let mut known = Self { plain: HashMap::with_capacity(names.len()), odd: HashMap::new() };
        for name in names {
            match name.odd.clone() {
                Some(text) => _ = known.odd.insert(text, name),
                None => _ = known.plain.insert((name.timestamp, name.number), name),
            }
        }
        known
    }

    fn take(&mut self, run: &RunDir) -> Option<RunName> {
        if run.is_plain() { self.plain.remove(&(run.timestamp(), run.number())) } else { self.odd.remove(run.as_str()) }
    }

    /// Those that were not taken.
    fn left(&self) -> impl Iterator<Item = &RunName> {
        self.plain.values().chain(self.odd.values())
    }
}

/// What the runner's database once said of the runs that are walked again.
pub(super) struct KeptRuns {
    pub(super) runs: RefCell<HashMap<(ProjectDir, String), KeptEvidence>>,
}

impl KeptRuns {
    pub(super) fn load(
        catalog: &Catalog,
        plan: &WorkPlan,
        keys: &HashMap<ProjectDir, i64>,
        carry: Option<&Catalog>,
    ) -> Result<Self, Error> {
        let mut kept = HashMap::new();
        let carried: HashMap<ProjectDir, i64> = match carry {
            Some(old) => old.project_states()?.into_iter().map(|p| (p.dir, p.key)).collect(),
            None => HashMap::new(),
        };
        let (source, keys) = match carry {
            Some(old) => (old, &carried),
            None => (catalog, keys),
        };
        if source.is_loading() {
            return Ok(Self { runs: RefCell::default() });
        }
        for (project, runs) in &plan.walks {
            // A project that was not there has a row all the same where its runs are remembered.
            let Some(key) =
                keys.get(project).copied().map_or_else(|| source.known_project(project), |key| Ok(Some(key)))?
            else {
                continue;
            };
            for name in runs.keys() {
                if let Some(run) = source.run_with_evidence(key, name)?
                    && let Some(evidence) = source.kept_evidence(run)?
                {
                    kept.insert((project.clone(), name.clone()), evidence);
                }
            }
        }
        Ok(Self { runs: RefCell::new(kept) })
    }
}
