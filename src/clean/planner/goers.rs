//! The runs that go, for whoever asks about one: found by cut-offs, or listed.

use super::super::orphans::{self, Going};
use super::super::plan::{Plan, ProjectPlan, RunRemoval};
use super::select::rank;
use crate::catalog::{self, Catalog};
use crate::model::CacheEntry;
use crate::retention::Cutoffs;
use std::collections::{HashMap, HashSet};

/// The runs that go.
pub(in crate::clean) enum Goers {
    /// Those below the cut-offs of their project, but for these.
    Below {
        /// By project. One that could not be listed whole loses no run, whatever its cut-offs say, and is not here.
        cutoffs: HashMap<i64, Cutoffs>,
        /// Rows of runs that stay although cut-offs let them go.
        protected: HashSet<i64>,
    },
    /// These.
    Rows {
        /// Their rows.
        runs: HashSet<i64>,
        /// Entries that they alone name, by project.
        entries: HashMap<i64, Vec<CacheEntry>>,
    },
}

impl Goers {
    /// The runs that a plan without narrowing lets go.
    pub(super) fn below_cutoffs(plan: &Plan) -> Self {
        let whole = plan.projects.iter().filter(|p| p.project.listed_whole);
        Self::Below {
            cutoffs: whole.map(|p| (p.project.id, p.cutoffs.clone())).collect(),
            protected: plan.protected.iter().map(|p| p.key).collect(),
        }
    }

    /// The runs of a list.
    pub(super) fn among_rows(catalog: &Catalog, removals: &[RunRemoval]) -> catalog::Result<Self> {
        Self::among_keys(catalog, removals.iter().map(|run| run.key).collect())
    }

    /// The runs in these rows.
    pub(super) fn among_keys(catalog: &Catalog, runs: HashSet<i64>) -> catalog::Result<Self> {
        let entries = orphans::named_only_by(catalog, &runs)?;
        Ok(Self::Rows { runs, entries })
    }

    /// Whether the run in that row goes.
    pub(in crate::clean) fn has(&self, catalog: &Catalog, key: i64) -> catalog::Result<bool> {
        match self {
            Self::Rows { runs, .. } => Ok(runs.contains(&key)),
            Self::Below { cutoffs, protected } => {
                let Some(run) = catalog.run(key)? else { return Ok(true) };
                let rank = rank(run.timestamp(), run.dir().number(), run.key);
                let cutoffs = cutoffs.get(&run.project_key);
                Ok(!protected.contains(&key) && cutoffs.is_some_and(|c| c.removes(run.class(), rank)))
            }
        }
    }

    /// The entries of a project that are named now, and that nobody would name once these runs are gone, by path.
    pub(in crate::clean) fn frees_entries(
        &self,
        catalog: &Catalog,
        planned: &ProjectPlan,
        protected: &[i64],
    ) -> catalog::Result<Vec<CacheEntry>> {
        let goes = |key: i64| self.has(catalog, key);
        let project = planned.project.id;
        match self {
            Self::Below { .. } => {
                let going = Going { cutoffs: &planned.cutoffs, protected, goes: &goes };
                orphans::orphaned_without(catalog, project, &going)
            }
            Self::Rows { entries, .. } => match entries.get(&project) {
                Some(entries) => orphans::not_named_above(catalog, project, entries.clone(), &goes),
                None => Ok(Vec::new()),
            },
        }
    }
}
