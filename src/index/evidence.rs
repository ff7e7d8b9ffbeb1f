//! The runner's database as evidence: read when it changed, matched to directories, and joined with what it said before.
//!
//! Rows go: the runner prunes its own, and a database can be reset. What a row once said is therefore kept with the run
//! in the catalog, and what is weaker never replaces it: a run that was finished does not become `running` again.

use super::Options;
use super::assess::{row_status, task_row_status};
use super::look::Changes;
use crate::catalog::{Catalog, KeptEvidence, RunnerState};
use crate::model::{Problem, ProjectDir, RunContext};
use crate::store::root::StoreRoot;
use crate::store::runner_db::{
    self, PackedEvidence, Places, Request, RowStatus, RunEvidence, TaskDir, TaskEvidence, TaskRowStatus,
};
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// Rows younger than this that match no directory are read again next time: their directory may not have been listed yet.
const UNMATCHED_SECONDS: i64 = 86_400;

/// What was read of the runner's database at this refresh.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// By project and run directory.
    pub(super) runs: HashMap<(ProjectDir, String), PackedEvidence>,
    /// How far it was read, when it was.
    pub(super) state: Option<RunnerState>,
    /// What could not be read.
    pub(super) problem: Option<Problem>,
}

/// Run directories that were listed at this refresh, and those the catalog knows.
pub(super) struct KnownPlaces<'a> {
    changes: &'a Changes,
    keys: &'a HashMap<ProjectDir, i64>,
    catalog: &'a Catalog,
    /// Names by project, put together when the first row is matched: most refreshes read no row.
    listed: OnceCell<HashMap<&'a ProjectDir, HashSet<&'a str>>>,
}

impl<'a> KnownPlaces<'a> {
    pub(super) fn new(changes: &'a Changes, keys: &'a HashMap<ProjectDir, i64>, catalog: &'a Catalog) -> Self {
        Self { changes, keys, catalog, listed: OnceCell::new() }
    }

    fn listed(&self) -> &HashMap<&'a ProjectDir, HashSet<&'a str>> {
        self.listed.get_or_init(|| {
            let projects = self.changes.projects.iter().filter(|p| p.whole || !p.runs.is_empty());
            let projects = projects.map(|p| (&p.dir, p.runs.iter().map(|(run, _)| run.as_str()).collect()));
            projects.collect()
        })
    }
}

impl Places for KnownPlaces<'_> {
    fn is_run_dir(&self, project: &ProjectDir, run: &str) -> bool {
        if let Some(level) = self.changes.root.as_ref().filter(|_| project.is_root()) {
            return level.runs.iter().any(|(listed, _)| listed.as_str() == run);
        }
        if let Some(runs) = self.listed().get(project) {
            return runs.contains(run);
        }
        let Some(key) = self.keys.get(project) else { return false };
        self.catalog.has_run(*key, run).unwrap_or(false)
    }
}

/// Reads the database if it changed since `before`. A database that cannot be read is a problem, and the old evidence stands.
pub(super) fn read(
    root: &StoreRoot,
    options: &Options<'_>,
    before: &RunnerState,
    again: &[i64],
    places: &KnownPlaces<'_>,
) -> Evidence {
    let problem = |error: runner_db::Error| Evidence {
        problem: Some(Problem::new(options.runner_db, "read the runner's database", error.cause())),
        ..Evidence::default()
    };
    let stamp = match runner_db::stamp(options.runner_db) {
        Ok(Some(stamp)) => stamp,
        Ok(None) => return Evidence::default(),
        Err(error) => return problem(error),
    };
    let unchanged = before.stamp.as_deref() == Some(stamp.to_string().as_str());
    if !options.full && unchanged && before.pending.is_empty() {
        return Evidence::default();
    }
    let after = match options.full {
        true => runner_db::Cursor::default(),
        false => runner_db::Cursor { last_run: before.last_run, timestamp: before.last_time },
    };
    let again: Vec<i64> = again.iter().chain(&before.pending).copied().collect();
    let request = Request { db: options.runner_db, scratch: options.scratch, after, again: &again };
    let reading = match runner_db::read(&request) {
        Ok(reading) => reading,
        Err(error) => return problem(error),
    };
    let young = options.clock.now - UNMATCHED_SECONDS;
    let mut pending: Vec<i64> = reading.rows.iter().filter(|row| row.timestamp > young).map(|row| row.id).collect();
    let runs = runner_db::match_rows(reading.rows, root.path(), root.as_given(), places);
    let matched: HashSet<i64> = runs.values().map(|r| r.row).collect();
    pending.retain(|id| !matched.contains(id));
    let state = RunnerState {
        stamp: Some(reading.stamp.to_string()),
        last_run: reading.cursor.last_run,
        last_time: reading.cursor.timestamp,
        pending,
    };
    Evidence { runs, state: (state != *before).then_some(state), problem: None }
}

/// What was just read, joined with what was once read; `None` when neither says anything.
pub(super) fn join(fresh: Option<RunEvidence>, kept: Option<KeptEvidence>) -> Option<RunEvidence> {
    let Some(kept) = kept else { return fresh };
    let kept = from_kept(kept);
    let Some(mut joined) = fresh else { return Some(kept) };
    let finished = |status: RowStatus| matches!(status, RowStatus::Success | RowStatus::Failed);
    if finished(kept.status) && !finished(joined.status) {
        joined.status = kept.status;
        joined.ended_at = kept.ended_at;
        joined.duration_ms = kept.duration_ms;
    }
    for old in kept.tasks {
        match joined.tasks.iter_mut().find(|task| task.name == old.name) {
            Some(task) if ended(old.status) && !ended(task.status) => *task = old,
            Some(_) => {}
            None => joined.tasks.push(old),
        }
    }
    Some(joined)
}

const fn ended(status: TaskRowStatus) -> bool {
    matches!(status, TaskRowStatus::Completed | TaskRowStatus::Failed | TaskRowStatus::Skipped)
}

fn from_kept(kept: KeptEvidence) -> RunEvidence {
    RunEvidence {
        row: kept.run.row,
        status: row_status(kept.run.status),
        ended_at: kept.run.ended_at,
        duration_ms: kept.run.duration_ms,
        context: RunContext::default(),
        tasks: kept
            .tasks
            .into_iter()
            .map(|task| TaskEvidence {
                name: String::from_utf8_lossy(&task.name).into(),
                status: task_row_status(task.status),
                exit_code: task.exit_code,
                started_at: task.started_at,
                ended_at: task.ended_at,
                duration_ms: task.duration_ms,
                dir: task.dir.map_or(TaskDir::Usual, |d| TaskDir::Elsewhere(String::from_utf8_lossy(&d).into())),
            })
            .collect(),
    }
}
