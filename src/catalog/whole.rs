//! Everything that a row says of a run, for the audit log; and pins.

use super::error::Result;
use super::open::Catalog;
use super::selection::Fingerprint;
use super::write::RunnerColumns;
use crate::model::{Pin, Run, Task};
use rusqlite::{OptionalExtension as _, named_params};
use std::collections::HashMap;

/// A run with all that its rows say.
#[derive(Clone, Debug)]
pub struct WholeRun {
    /// The run.
    pub run: Run,
    /// What its tree looked like.
    pub fingerprint: Fingerprint,
    /// Its newest sign of life, nanoseconds.
    pub newest_write_ns: Option<i64>,
    /// What the runner's database said.
    pub runner: Option<RunnerColumns>,
    /// Its tasks, each with what the runner's database said of it, as its code.
    pub tasks: Vec<(Task, Option<i64>)>,
    /// Its pin.
    pub pin: Option<Pin>,
}

impl Catalog {
    /// The pin of the run in that row.
    ///
    /// # Errors
    /// The catalog's.
    pub fn pin(&self, key: i64) -> Result<Option<Pin>> {
        let act = "read a pin";
        self.connection
            .prepare_cached("SELECT note, pinned_at, who FROM pins WHERE run_id = :run")
            .map_err(self.error(act))?
            .query_row(named_params! {":run": key}, |row| {
                Ok(Pin { note: row.get("note")?, at: row.get("pinned_at")?, who: row.get("who")? })
            })
            .optional()
            .map_err(self.error(act))
    }

    /// Everything that the rows of a run say.
    ///
    /// # Errors
    /// The catalog's.
    pub fn whole_run(&self, run: &Run) -> Result<WholeRun> {
        let act = "read a row";
        let (fingerprint, newest_write_ns) = self
            .connection
            .prepare_cached("SELECT inode, manifest, newest_write_ns FROM runs WHERE id = :run")
            .map_err(self.error(act))?
            .query_row(named_params! {":run": run.key}, |row| {
                let manifest: Vec<u8> = row.get("manifest")?;
                let fingerprint = Fingerprint {
                    inode: row.get::<_, i64>("inode")?.cast_unsigned(),
                    manifest: manifest.try_into().unwrap_or([0; 32]),
                };
                Ok((fingerprint, row.get("newest_write_ns")?))
            })
            .map_err(self.error(act))?;
        let evidence = self.kept_evidence(run.key)?;
        let said: HashMap<Vec<u8>, i64> = match &evidence {
            Some(evidence) => evidence.tasks.iter().map(|task| (task.name.clone(), task.status)).collect(),
            None => HashMap::new(),
        };
        let tasks = self.tasks(run.key)?.into_iter().map(|task| {
            let status = said.get(&task.name).copied();
            (task, status)
        });
        Ok(WholeRun {
            fingerprint,
            newest_write_ns,
            runner: evidence.map(|evidence| evidence.run),
            tasks: tasks.collect(),
            pin: self.pin(run.key)?,
            run: run.clone(),
        })
    }
}
