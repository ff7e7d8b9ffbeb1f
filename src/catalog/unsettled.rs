//! The runs that each refresh looks at again.

use super::error::Result;
use super::open::Catalog;
use super::rows;
use crate::model::{ProjectDir, RunDir, Status, StatusSource};

/// What a refresh compares a run that is not settled with.
#[derive(Clone, Debug)]
pub struct UnsettledRun {
    /// Its row.
    pub key: i64,
    /// Its project's directory.
    pub project: ProjectDir,
    /// Its directory.
    pub dir: RunDir,
    /// What became of it.
    pub status: Status,
    /// What that rests on.
    pub status_source: StatusSource,
    /// Whether all of it was read.
    pub whole: bool,
    /// Whether its end is recorded or its lock free.
    pub end_known: bool,
    /// The newest sign of life, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// What its tree looked like.
    pub manifest: [u8; 32],
    /// Its row in the runner's database.
    pub runner_row: Option<i64>,
    /// Whether it is known where it was started.
    pub has_cwd: bool,
}

impl Catalog {
    /// The runs that each refresh looks at again: those that are not settled.
    ///
    /// Every command asks this, and most often there are none: so the statement is a short one.
    ///
    /// # Errors
    /// The catalog's.
    pub fn unsettled(&self) -> Result<Vec<UnsettledRun>> {
        let act = "find unsettled runs";
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT r.id, p.dir AS project, r.dir, r.status, r.status_source, r.whole, r.end_known, r.newest_write_ns,
                    r.manifest, r.runner_row,
                    (SELECT c.cwd IS NOT NULL FROM contexts c WHERE c.id = r.context_id) AS has_cwd
                 FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.state = 0 AND r.settled = 0",
            )
            .map_err(self.error(act))?;
        let mut found = statement.query([]).map_err(self.error(act))?;
        let mut runs = Vec::new();
        while let Some(row) = found.next().map_err(self.error(act))? {
            runs.push(rows::unsettled(row)?);
        }
        Ok(runs)
    }
}
