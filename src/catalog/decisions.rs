//! What was decided about what lies in the trash.

use super::error::{Error, Result};
use super::open::Catalog;
use crate::model::{ProjectDir, RunState, Timestamp};
use rusqlite::{OptionalExtension as _, named_params};

/// What was decided about a run.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Its row.
    pub key: i64,
    /// Where it is in its life.
    pub state: RunState,
    /// Which operation decided it.
    pub operation: Option<String>,
    /// Until when it can be restored.
    pub keep_until: Option<Timestamp>,
    /// Whether it was pinned: then it stays, also past that.
    pub pinned: bool,
}

/// What an operation decided about a cache entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryDecision {
    /// Until when it can be restored; `None`: it is on its way out.
    pub keep_until: Option<Timestamp>,
}

impl Catalog {
    /// What was decided about a run, `None` when there is no row of it.
    ///
    /// # Errors
    /// The catalog's.
    pub fn run_decision(&self, project: &ProjectDir, run: &str) -> Result<Option<Decision>> {
        let act = "read a decision";
        let found = self
            .connection
            .prepare_cached(
                "SELECT r.id, r.state, r.operation_id, r.keep_until, r.pinned
                 FROM runs r JOIN projects p ON p.id = r.project_id WHERE p.dir = :project AND r.dir = :run",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":project": project.as_bytes(), ":run": run}, |row| {
                let decision = Decision {
                    key: row.get("id")?,
                    state: RunState::Present,
                    operation: row.get("operation_id")?,
                    keep_until: row.get("keep_until")?,
                    pinned: row.get("pinned")?,
                };
                Ok((decision, row.get::<_, i64>("state")?))
            })
            .optional()
            .map_err(self.error(act))?;
        let Some((decision, state)) = found else { return Ok(None) };
        let unreadable = || Error::Unreadable { what: "the state", value: state.to_string() };
        Ok(Some(Decision { state: RunState::from_code(state).ok_or_else(unreadable)?, ..decision }))
    }

    /// What an operation decided about an entry, `None` when nothing was committed.
    ///
    /// # Errors
    /// The catalog's.
    pub fn entry_decision(&self, operation: &str, project: &ProjectDir, path: &[u8]) -> Result<Option<EntryDecision>> {
        let act = "read a decision";
        self.connection
            .prepare_cached(
                "SELECT e.keep_until FROM entry_removals e JOIN projects p ON p.id = e.project_id
                 WHERE e.operation_id = :operation AND p.dir = :project AND e.path = :path",
            )
            .map_err(self.error(act))?
            .query_row(named_params! {":operation": operation, ":project": project.as_bytes(), ":path": path}, |row| {
                Ok(EntryDecision { keep_until: row.get("keep_until")? })
            })
            .optional()
            .map_err(self.error(act))
    }
}
