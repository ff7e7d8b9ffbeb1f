//! Failed runs of which something has not succeeded since.

use super::error::Result;
use super::open::Catalog;
use crate::model::Status;
use rusqlite::named_params;
use std::collections::HashSet;

impl Catalog {
    /// The runs of a project that are in their place and failed, and of which a task that failed has not succeeded in a
    /// later run of the project. Runs that are gone count as later ones: what succeeded then did succeed. A run in which
    /// no task is known to have failed counts as resolved by any later run that succeeded. Of two runs of one second
    /// neither is the later.
    ///
    /// Looks at every task of the project: for who set the rule.
    ///
    /// # Errors
    /// The catalog's.
    pub fn unresolved_runs(&self, project: i64) -> Result<HashSet<i64>> {
        let act = "look for what succeeded since";
        let mut statement = self
            .connection
            .prepare_cached(
                "WITH succeeded AS (
                    SELECT t.name_id, max(r.timestamp) AS latest FROM runs r JOIN tasks t ON t.run_id = r.id
                    WHERE r.project_id = :project AND t.status = :success GROUP BY t.name_id
                 )
                 SELECT f.id FROM runs f
                 WHERE f.project_id = :project AND f.state = 0 AND f.status = :failed AND (
                    EXISTS (
                        SELECT 1 FROM tasks t LEFT JOIN succeeded s ON s.name_id = t.name_id
                        WHERE t.run_id = f.id AND t.status = :failed
                            AND (s.latest IS NULL OR s.latest <= f.timestamp))
                    OR NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = f.id AND t.status = :failed)
                        AND f.timestamp >= coalesce(
                            (SELECT max(r.timestamp) FROM runs r
                             WHERE r.project_id = :project AND r.status = :success), f.timestamp))",
            )
            .map_err(self.error(act))?;
        let parameters = named_params! {
            ":project": project, ":success": Status::Success.code(), ":failed": Status::Failed.code(),
        };
        let rows = statement.query_map(parameters, |row| row.get("id")).map_err(self.error(act))?;
        rows.collect::<rusqlite::Result<_>>().map_err(self.error(act))
    }
}
