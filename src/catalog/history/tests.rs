//! Sums are those of the rows, whatever is done to the rows.

use super::super::{Catalog, Departure, ProjectRecord, RunRecord, TaskRecord};
use crate::model::{Parts, ProjectDir, RunDir, RunState, Size, Stamp, Status, StatusSource};

pub(in crate::catalog) const NOW: i64 = 1_795_000_000;

pub(in crate::catalog) fn project(tx: &mut super::super::CatalogTx<'_>, name: &str) -> i64 {
    let stamp = Stamp { inode: 1, mtime_ns: 0, ctime_ns: 0 };
    let dir = ProjectDir::new(name);
    tx.put_project(&ProjectRecord { dir, present: true, whole: true, stamp, trusted: true, own_disk: 0 }).unwrap()
}

pub(in crate::catalog) fn task(name: &str, status: Status, ms: Option<i64>) -> TaskRecord {
    TaskRecord {
        name: name.into(),
        dir: Some(format!("tasks/{name}").into()),
        status,
        status_source: StatusSource::Output,
        exit_code: None,
        started_at: None,
        ended_at: None,
        duration_ms: ms,
        duration_source: None,
        size: Size::ZERO,
        stdout_bytes: None,
        stderr_bytes: None,
        script: None,
        entry: None,
        runner_status: None,
    }
}

pub(in crate::catalog) fn run(
    project_key: i64,
    timestamp: i64,
    status: Status,
    ms: Option<i64>,
    tasks: Vec<TaskRecord>,
) -> RunRecord {
    RunRecord {
        project_key,
        dir: RunDir::new(timestamp, 0).unwrap(),
        status,
        status_source: StatusSource::Output,
        settled: true,
        whole: true,
        end_known: true,
        duration_ms: ms,
        duration_source: None,
        missing: Parts::default(),
        size: Size::ZERO,
        inode: 1,
        newest_write_ns: None,
        manifest: [0; 32],
        context: None,
        runner: None,
        tasks,
        references: Vec::new(),
        shared: Vec::new(),
    }
}

/// Runs of two projects over a hundred days.
fn loaded() -> (Catalog, [i64; 2]) {
    let mut catalog = Catalog::in_memory("test").unwrap();
    let mut tx = catalog.begin().unwrap();
    let projects = [project(&mut tx, "web-00000001"), project(&mut tx, "api-00000002")];
    for n in 0..400 {
        let status =
            [Status::Success, Status::Failed, Status::Running][usize::from(n % 10 == 3) * (1 + n as usize % 2)];
        let tasks = vec![
            task("build", Status::Success, Some(1000 + n % 7 * 500)),
            task("test", status, (n % 5 != 0).then_some(n * 37)),
        ];
        let run = run(projects[n as usize % 2], NOW - n * 21_600, status, Some(5000 + n), tasks);
        tx.put_run(&run).unwrap();
    }
    tx.commit().unwrap();
    (catalog.finish().unwrap().unwrap(), projects)
}

#[track_caller]
fn adds_up(catalog: &Catalog, projects: [i64; 2]) {
    for project in projects {
        assert_eq!(catalog.history_differences(project).unwrap(), [], "project {project}");
    }
}

fn sums(catalog: &Catalog) -> Vec<(i64, i64, i64, Vec<u8>)> {
    let mut statement = catalog.connection.prepare("SELECT * FROM history").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn a_first_load_counts_every_run_and_task() {
    let (catalog, projects) = loaded();
    adds_up(&catalog, projects);
    // A hundred days are four or five spans of 32, and all of them; two tasks and the runs; two projects.
    let spans = place_of_now().0 - super::place_of(super::day_of(NOW - 399 * 21_600)).0 + 1;
    assert_eq!(sums(&catalog).len() as i64, (spans + 1) * 3 * 2);
}

fn place_of_now() -> (i64, u8) {
    super::place_of(super::day_of(NOW))
}

#[test]
fn leaving_and_coming_back_change_nothing() {
    let (mut catalog, projects) = loaded();
    let before = sums(&catalog);
    let run = catalog.nth_newest(Some(projects[0]), 3).unwrap().unwrap();
    for state in [RunState::Trashed, RunState::Removed, RunState::Vanished] {
        let mut tx = catalog.begin().unwrap();
        tx.leave(run.key, state, &Departure { at: NOW, operation: None, reasons: None, keep_until: None }).unwrap();
        tx.commit().unwrap();
        assert_eq!(sums(&catalog), before, "{state:?}");
    }
    // Back in its place, it is walked and written again, with the very same rows.
    let tasks: Vec<TaskRecord> = catalog
        .tasks(run.key)
        .unwrap()
        .into_iter()
        .map(|t| task(std::str::from_utf8(&t.name).unwrap(), t.status, t.duration_ms))
        .collect();
    let record = self::run(projects[0], run.timestamp(), run.status, run.duration_ms, tasks);
    let mut tx = catalog.begin().unwrap();
    tx.put_run(&record).unwrap();
    tx.commit().unwrap();
    assert_eq!(sums(&catalog), before);
    adds_up(&catalog, projects);
}

#[test]
fn a_run_that_is_written_again_counts_once_as_it_came_out_last() {
    let (mut catalog, projects) = loaded();
    let before = sums(&catalog);
    let began = NOW + 50;
    for (status, tasks) in [
        (Status::Running, vec![task("build", Status::Running, None)]),
        (Status::Running, vec![task("build", Status::Success, Some(900)), task("lint", Status::Running, None)]),
        (Status::Failed, vec![task("build", Status::Success, Some(900)), task("lint", Status::Failed, Some(70))]),
        (Status::Unknown, vec![]),
    ] {
        let mut tx = catalog.begin().unwrap();
        tx.put_run(&run(projects[1], began, status, Some(1000), tasks)).unwrap();
        tx.commit().unwrap();
        adds_up(&catalog, projects);
    }
    let key = catalog.run_named(projects[1], &began.to_string()).unwrap().unwrap().key;
    let mut tx = catalog.begin().unwrap();
    tx.count_run(key, -1).unwrap();
    tx.commit().unwrap();
    assert_eq!(sums(&catalog), before, "taken away, it leaves nothing behind");
}

#[test]
fn of_two_tasks_with_one_name_the_last_counts_as_it_is_kept() {
    let (mut catalog, projects) = loaded();
    let tasks = vec![
        task("build", Status::Failed, Some(1)),
        task("lint", Status::Success, Some(2)),
        task("build", Status::Success, Some(3)),
    ];
    let mut tx = catalog.begin().unwrap();
    tx.put_run(&run(projects[0], NOW + 60, Status::Success, None, tasks)).unwrap();
    tx.commit().unwrap();
    adds_up(&catalog, projects);
}

#[test]
fn a_transaction_that_is_dropped_counts_nothing() {
    let (mut catalog, projects) = loaded();
    let before = sums(&catalog);
    let mut tx = catalog.begin().unwrap();
    tx.put_run(&run(projects[0], NOW + 9, Status::Success, Some(1), vec![])).unwrap();
    drop(tx);
    assert_eq!(sums(&catalog), before);
}

#[test]
fn sums_outlive_the_rows_that_are_folded_away() {
    let (catalog, projects) = loaded();
    let before = sums(&catalog);
    catalog.connection.execute_batch("DELETE FROM tasks; DELETE FROM runs").unwrap();
    assert_eq!(sums(&catalog), before);
    let off = catalog.history_differences(projects[0]).unwrap();
    assert!(!off.is_empty() && off.iter().all(|d| d.kept > 0 && d.in_rows == 0), "{off:?}");
}

#[test]
fn a_catalog_of_before_is_counted_when_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("catalog.db");
    let (made, projects) = loaded();
    let sums_of_today = sums(&made);
    made.connection.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    // As V3 left it. With wrong sums, as if a first try had died half-way, the next begins anew.
    let take_back =
        "DROP INDEX runs_thinned; DROP INDEX runs_incomplete; DROP TABLE thinnings; ALTER TABLE runs DROP COLUMN thinned;
         CREATE INDEX runs_incomplete ON runs (project_id) WHERE state = 0 AND missing <> 0;
         DROP INDEX runs_gone_of_project; DROP INDEX entries_missing; DROP TABLE history; DROP TABLE run_months;
         ALTER TABLE entry_removals DROP COLUMN keep_until; ALTER TABLE store DROP COLUMN log_inode;
         ALTER TABLE store DROP COLUMN log_length; ALTER TABLE store DROP COLUMN log_mtime_ns;
         ALTER TABLE store DROP COLUMN log_tail;
         DELETE FROM refinery_schema_history WHERE version > 3; PRAGMA user_version = 3; PRAGMA journal_mode = WAL";
    old.execute_batch(take_back).unwrap();
    drop(old);
    for try_again in [false, true] {
        if try_again {
            let half = rusqlite::Connection::open(&path).unwrap();
            half.execute_batch("DELETE FROM history WHERE span > 0; PRAGMA user_version = 3").unwrap();
        }
        let catalog = Catalog::open(&path, true).unwrap();
        adds_up(&catalog, projects);
        assert_eq!(sums(&catalog), sums_of_today);
    }
}
