//! The table of evidence, row by row, and what must not shake it.

use crate::support::tree::Snapshot;
use crate::support::*;
use otto_catalog::model::{Run, Status, StatusSource};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, Times, WalState, Written};
use otto_catalog::session::{Access, Session};
use rustix::fs::{FlockOperation, flock};
use std::fs;
use std::path::{Path, PathBuf};

const CWD: &str = "/home/dev/web";

/// Whether there is a runner's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Db {
    With,
    Without,
}
use Db::{With, Without};

fn only_run(session: &Session) -> Run {
    let mut runs = session.catalog.runs(&Default::default()).unwrap();
    assert_eq!(runs.len(), 1, "one item a run");
    runs.remove(0)
}

fn status_of(session: &Session) -> String {
    let run = only_run(session);
    format!("{} by {}", run.status, run.status_source)
}

#[test]
fn each_row_of_the_table_in_every_era_that_can_have_it() {
    let empty = || TaskSpec::ok("a").output_json(Written::Bytes(Vec::new()));
    let absent = || TaskSpec::ok("a").output_json(Written::Absent);
    let cases: Vec<(&[Era], Vec<TaskSpec>, Db, &str)> = vec![
        // The run's row is finished.
        (&[Era::F, Era::K, Era::L], vec![TaskSpec::ok("a")], With, "success by runner-db"),
        (&[Era::F, Era::K, Era::L], vec![TaskSpec::ok("a"), TaskSpec::failed("b", 3)], With, "failed by runner-db"),
        (&[Era::K], vec![TaskSpec::failed("a", 3).without_row()], With, "failed by runner-db"),
        // The run's row is running for ever; the tasks tell.
        (&[Era::G, Era::H, Era::I, Era::J], vec![TaskSpec::ok("a")], With, "success by runner-db"),
        (
            &[Era::G, Era::H, Era::I, Era::J],
            vec![TaskSpec::ok("a"), TaskSpec::failed("b", 3)],
            With,
            "failed by runner-db",
        ),
        (&[Era::J], vec![TaskSpec::ok("a"), TaskSpec::skipped("b")], With, "success by runner-db"),
        // A row says more than the marker that a failing script wrote before it failed, or that is not there.
        (
            &[Era::J],
            vec![TaskSpec::failed("a", 1).output_json(Written::Bytes(b"{}".to_vec()))],
            With,
            "failed by runner-db",
        ),
        (&[Era::I, Era::J], vec![absent()], With, "success by runner-db"),
        // Where there are task rows, a directory without one says nothing.
        (&[Era::J], vec![TaskSpec::ok("a"), TaskSpec::failed("b", 1).without_row()], With, "success by runner-db"),
        // Markers.
        (
            &[Era::D, Era::E, Era::F, Era::I, Era::J, Era::K, Era::L],
            vec![TaskSpec::ok("a")],
            Without,
            "success by output",
        ),
        (&[Era::J, Era::K, Era::L], vec![empty()], Without, "success by output"),
        (&[Era::D, Era::E, Era::I], vec![empty()], Without, "success by stderr"),
        (&[Era::D, Era::E, Era::I], vec![absent()], Without, "success by stderr"),
        (&[Era::J, Era::K, Era::L], vec![absent()], Without, "failed by output"),
        (&[Era::J, Era::K, Era::L], vec![TaskSpec::ok("a"), TaskSpec::failed("b", 3)], Without, "failed by output"),
        // Begun, no end, nobody alive.
        (
            &[Era::F, Era::G, Era::I, Era::J, Era::K, Era::L],
            vec![TaskSpec::killed("a")],
            With,
            "interrupted by runner-db",
        ),
        (&[Era::J, Era::K, Era::L], vec![TaskSpec::killed("a")], Without, "failed by output"),
        (&[Era::J], vec![TaskSpec::failed("a", 1), TaskSpec::killed("b")], With, "failed by runner-db"),
        // Logs alone.
        (&[Era::B, Era::C], vec![TaskSpec::ok("a"), TaskSpec::ok("b")], Without, "success by stderr"),
        (
            &[Era::B, Era::C],
            vec![TaskSpec::ok("a"), TaskSpec::ok("b").stderr("careful!\n")],
            Without,
            "failed by stderr",
        ),
        (&[Era::B, Era::C, Era::D], vec![absent().stderr("exited with code 3\n")], Without, "failed by exit-code"),
        (&[Era::B, Era::C, Era::D], vec![absent().stderr("make: exit code: 0\n")], Without, "success by exit-code"),
        // Nothing to go by.
        (&[Era::A], vec![TaskSpec::ok("up")], Without, "unknown by none"),
        (&[Era::B, Era::D, Era::J, Era::L], vec![], Without, "unknown by none"),
        (&[Era::J, Era::L], vec![TaskSpec::unstarted("a")], Without, "unknown by none"),
    ];
    for (eras, tasks, db, expected) in cases {
        for era in eras {
            let store = Store::new();
            let mut builder = store.builder();
            builder.run(RunSpec::new(*era, CWD, in_its_time(*era)).tasks(tasks.clone())).unwrap();
            if db == With {
                builder.runner_db(if *era >= Era::K { 5 } else { 2 }, WalState::Clean).unwrap();
            }
            let names: Vec<_> = tasks.iter().map(|t| format!("{} {:?}", t.name, t.outcome)).collect();
            assert_eq!(status_of(&store.look()), expected, "era {era:?}, {db:?} a database, {names:?}");
        }
    }
}

/// An instant at which runners of that era were in use.
fn in_its_time(era: Era) -> i64 {
    match era {
        Era::A => 1_690_000_000,
        Era::B => 1_748_950_000,
        Era::C => 1_749_400_000,
        Era::D | Era::E | Era::F | Era::G | Era::H | Era::I => 1_755_000_000,
        _ => 1_770_000_000,
    }
}

#[test]
fn a_held_lock_and_a_process_say_running_before_anything_else() {
    for finished in [false, true] {
        for by_process in [false, true] {
            let store = Store::new();
            let mut builder = store.builder();
            let tasks = if finished { TaskSpec::ok("a") } else { TaskSpec::killed("a") };
            let path = builder.run(RunSpec::new(Era::L, CWD, store.days_ago(40)).task(tasks)).unwrap();
            builder.runner_db(5, WalState::Clean).unwrap();
            let lock = fs::File::open(path.join(".lock")).unwrap();
            if by_process {
                store.process(7, &path);
            } else {
                flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
            }
            let expected = if by_process { "running by process" } else { "running by lock" };
            assert_eq!(status_of(&store.look()), expected);
            drop(lock);
            if by_process {
                store.end_process(7);
            }
            let expected = if finished { "success by runner-db" } else { "interrupted by runner-db" };
            assert_eq!(status_of(&store.look()), expected, "it is unsettled, and looked at again");
        }
    }
}

#[test]
fn an_open_task_is_running_for_ten_minutes_after_the_newest_write_and_interrupted_then() {
    for (era, age, with_db, expected) in [
        (Era::J, 599, true, Status::Running),
        (Era::J, 601, true, Status::Interrupted),
        (Era::J, 599, false, Status::Running),
        (Era::J, 601, false, Status::Failed),
        (Era::I, 599, false, Status::Running),
        // Its lock is there and free: that is an end, however fresh.
        (Era::L, 1, true, Status::Interrupted),
        (Era::L, 1, false, Status::Failed),
        // Logs alone record no end: a task of theirs is not open.
        (Era::B, 1, false, Status::Success),
    ] {
        let store = Store::new();
        let mut builder = store.builder();
        let path = builder.run(RunSpec::new(era, CWD, store.days_ago(2)).task(TaskSpec::killed("a"))).unwrap();
        if with_db {
            builder.runner_db(5, WalState::Clean).unwrap();
        }
        touch(&path.join("tasks/a/stdout.log"), store.now() - age);
        let run = only_run(&store.look());
        assert_eq!(run.status, expected, "era {era:?}, written {age} s ago, {run:?}");
    }
    // Where all begun tasks have an end, that shows at once.
    let store = Store::new();
    store.write(small(CWD, store.now() - 5));
    assert_eq!(status_of(&store.look()), "success by output");
}

/// A store whose rows are of that schema; gives the run directories.
fn with_rows(store: &Store, schema: u8, wal: WalState, prefix: Option<&str>) -> Vec<PathBuf> {
    let mut builder = store.builder();
    if let Some(prefix) = prefix {
        builder.as_if_at(prefix);
    }
    let eras = if schema < 5 { [Era::F, Era::G, Era::J] } else { [Era::J, Era::K, Era::L] };
    let mut paths = Vec::new();
    for (n, era) in eras.into_iter().enumerate() {
        let run = RunSpec::new(era, format!("/home/dev/p{n}"), store.days_ago(5 - n as i64));
        // Markers and logs would say otherwise: what is said below can only come from the rows.
        let task = TaskSpec::ok("a").output_json(Written::Absent).stderr("noise\n");
        paths.push(builder.run(run.task(task)).unwrap());
    }
    builder.runner_db(schema, wal).unwrap();
    paths
}

#[test]
fn every_schema_and_every_state_of_its_log_is_read_whole_and_left_as_it_was() {
    for schema in [1, 2, 3, 4, 5, 99] {
        for wal in [WalState::Clean, WalState::LeftBehind, WalState::Everything] {
            for prefix in [None, Some("/home/gone/.otto")] {
                let store = Store::new();
                with_rows(&store, schema, wal, prefix);
                let before = Snapshot::of(&store.root);
                let session = store.look();
                for run in session.catalog.runs(&Default::default()).unwrap() {
                    let says = (run.status, run.status_source);
                    let when = format!("schema {schema}, {wal:?}, moved from {prefix:?}: {}", run.id);
                    assert_eq!(says, (Status::Success, StatusSource::RunnerDb), "{when}");
                }
                drop(session);
                before.assert_same(&Snapshot::of(&store.root), "reading left a trace beside the runner's database");
                assert_eq!(store.look().report.walked, 0, "and is not done again");
            }
        }
    }
}

#[test]
fn real_exit_codes_are_known_from_the_second_generation_only() {
    for (era, schema, expected) in [(Era::J, 2, None), (Era::K, 5, Some(7))] {
        let store = Store::new();
        let mut builder = store.builder();
        builder.run(RunSpec::new(era, CWD, store.days_ago(3)).task(TaskSpec::failed("a", 7))).unwrap();
        builder.runner_db(schema, WalState::Clean).unwrap();
        let session = store.look();
        let tasks = session.catalog.tasks(only_run(&session).key).unwrap();
        assert_eq!((tasks[0].status, tasks[0].exit_code), (Status::Failed, expected));
    }
}

#[test]
fn a_row_that_is_a_second_late_belongs_to_the_run_before_it() {
    let store = Store::new();
    let mut builder = store.builder();
    let at = store.days_ago(3);
    // No row of a task, so no path: the second in the name is all there is to match by.
    let run = |at: i64| RunSpec::new(Era::F, CWD, at).task(TaskSpec::failed("a", 1).without_row());
    builder.run(run(at).tick(1)).unwrap();
    builder.run(run(at + 10)).unwrap();
    builder.runner_db(1, WalState::Clean).unwrap();
    let session = store.look();
    let runs = session.catalog.runs(&Default::default()).unwrap();
    assert_eq!(runs.len(), 2, "no run is invented from a row");
    assert!(runs.iter().all(|r| r.status_source == StatusSource::RunnerDb), "{runs:?}");
}

#[test]
fn rows_without_directories_and_directories_without_rows_are_normal() {
    let store = Store::new();
    let mut builder = store.builder();
    let gone = builder.run(small(CWD, store.days_ago(9))).unwrap();
    builder.run(small(CWD, store.days_ago(8)).without_row()).unwrap();
    builder.runner_db(2, WalState::Clean).unwrap();
    fs::remove_dir_all(gone).unwrap();
    assert_eq!(status_of(&store.look()), "success by output");
}

#[test]
fn what_a_row_once_said_outlives_the_row_the_database_and_the_catalog() {
    let store = Store::new();
    with_rows(&store, 5, WalState::Clean, None);
    let all_known = |session: &Session, when: &str| {
        for run in session.catalog.runs(&Default::default()).unwrap() {
            assert_eq!(
                (run.status, run.status_source),
                (Status::Success, StatusSource::RunnerDb),
                "{when}: {}",
                run.id
            );
        }
    };
    all_known(&store.look(), "at first");
    // The runner prunes its rows: a database with the same schema and none of them.
    let other = Store::new();
    other.builder().runner_db(5, WalState::Clean).unwrap();
    replace(&other.root.join("otto.db"), &store.root.join("otto.db"));
    all_known(&store.look(), "its rows were pruned");
    all_known(&store.open(Access::Index { full: true }), "walked again");
    all_known(&store.open(Access::Rebuild), "rebuilt");
    fs::remove_file(store.root.join("otto.db")).unwrap();
    all_known(&store.open(Access::Rebuild), "rebuilt without a database");
    fs::write(store.root.join("otto.db"), "no database").unwrap();
    let session = store.open(Access::Index { full: true });
    assert_eq!(session.report.problems.len(), 1, "a database that is none is told");
    all_known(&session, "with a damaged database");
}

fn replace(from: &Path, to: &Path) {
    fs::copy(from, to.with_extension("tmp")).unwrap();
    fs::rename(to.with_extension("tmp"), to).unwrap();
}

#[test]
fn stronger_evidence_is_never_replaced_by_weaker() {
    // The run's row alone, the rows of its tasks alone, and both.
    let row_alone: fn(TaskSpec) -> RunSpec =
        |task| RunSpec::new(Era::K, CWD, 1_770_000_000).finished(true).task(task.without_row());
    let tasks_alone: fn(TaskSpec) -> RunSpec = |task| RunSpec::new(Era::J, CWD, 1_770_000_000).task(task);
    let both: fn(TaskSpec) -> RunSpec = |task| RunSpec::new(Era::K, CWD, 1_770_000_000).task(task);
    for run in [row_alone, tasks_alone, both] {
        let write = |task: TaskSpec| {
            let store = Store::new();
            let mut builder = store.builder();
            // Both stores say they are at one place, so that the rows of one fit the other.
            builder.as_if_at("/home/dev/.otto");
            builder.run(run(task)).unwrap();
            builder.runner_db(5, WalState::Clean).unwrap();
            store
        };
        let ended = || write(TaskSpec::ok("a").output_json(Written::Absent));
        let (first, open) = (ended(), write(TaskSpec::killed("a")));
        assert_eq!(status_of(&first.look()), "success by runner-db");
        replace(&open.root.join("otto.db"), &first.root.join("otto.db"));
        for access in [Access::Read, Access::Index { full: true }, Access::Rebuild] {
            assert_eq!(status_of(&first.open(access)), "success by runner-db", "{access:?}");
        }
        // The other way round is an end that was not known before; of a settled run it is looked for on demand.
        assert_ne!(status_of(&open.look()), "success by runner-db");
        replace(&ended().root.join("otto.db"), &open.root.join("otto.db"));
        assert_eq!(status_of(&open.open(Access::Index { full: true })), "success by runner-db");
    }
}

#[test]
fn a_task_whose_row_went_keeps_what_it_said_while_the_run_s_other_rows_are_there() {
    let write = |first: TaskSpec| {
        let store = Store::new();
        let mut builder = store.builder();
        builder.as_if_at("/home/dev/.otto");
        let run = RunSpec::new(Era::J, CWD, 1_770_000_000).task(first.output_json(Written::Absent));
        builder.run(run.task(TaskSpec::ok("b"))).unwrap();
        builder.runner_db(5, WalState::Clean).unwrap();
        store
    };
    let (store, fewer) = (write(TaskSpec::ok("a")), write(TaskSpec::ok("a").without_row()));
    assert_eq!(status_of(&store.look()), "success by runner-db");
    replace(&fewer.root.join("otto.db"), &store.root.join("otto.db"));
    let session = store.open(Access::Index { full: true });
    let run = only_run(&session);
    let tasks = session.catalog.tasks(run.key).unwrap();
    assert!(tasks.iter().all(|task| task.status_source == StatusSource::RunnerDb), "{tasks:?}");
}

#[test]
fn a_directory_that_no_row_of_its_run_knows_is_unknown_and_not_counted_as_failed() {
    let store = Store::new();
    let mut builder = store.builder();
    let run = RunSpec::new(Era::J, CWD, store.days_ago(3)).task(TaskSpec::ok("a"));
    builder.run(run.task(TaskSpec::failed("b", 1).without_row())).unwrap();
    builder.runner_db(2, WalState::Clean).unwrap();
    let session = store.look();
    let run = only_run(&session);
    assert_eq!((run.tasks_total, run.tasks_failed), (2, 0));
    let tasks = session.catalog.tasks(run.key).unwrap();
    assert_eq!(tasks.iter().find(|t| t.name == b"b").unwrap().status, Status::Unknown);
}

#[test]
fn a_store_written_a_moment_ago_with_old_names_is_a_copy_and_settled() {
    let mut store = Store::new();
    store.set_now(wall() + 1);
    let old = RunSpec::new(Era::J, CWD, store.days_ago(40)).task(TaskSpec::killed("a")).times(Times::Now);
    let path = store.write(old);
    let run = only_run(&store.look());
    assert_eq!((run.status, run.settled), (Status::Failed, true), "{run:?}");
    assert_eq!(store.look().report.walked, 0);
    // A write later than two seconds after its birth is a sign of life also in a copy.
    touch(&path.join("tasks/a/stdout.log"), wall() + 10);
    store.set_now(wall() + 20);
    store.open(Access::Index { full: true });
    assert_eq!(only_run(&store.look()).status, Status::Running);
    // And a run that is new is no copy.
    let new = Store::new();
    new.write(RunSpec::new(Era::J, CWD, new.now() - 5).task(TaskSpec::killed("a")));
    assert_eq!(only_run(&new.look()).status, Status::Running);
}

#[test]
fn a_write_of_the_future_is_never_recent_and_keeps_a_run_under_watch() {
    let store = Store::new();
    let path = store.write(RunSpec::new(Era::J, CWD, store.days_ago(40)).task(TaskSpec::killed("a")));
    touch(&path.join("tasks/a/stdout.log"), store.now() + 365 * DAY);
    let run = only_run(&store.look());
    assert_eq!((run.status, run.settled), (Status::Failed, false), "{run:?}");
    assert_eq!(store.clean(&keep(30)).gone(), [id_of(&path)], "and does not keep it for ever");
}

#[test]
fn a_run_of_the_future_is_shown_and_kept() {
    let store = Store::new();
    let path = store.write(small(CWD, store.now() + 3600));
    assert_eq!(only_run(&store.look()).status, Status::Success);
    assert_eq!(store.clean(&keep_and_cache(0).with_last(1)).gone(), Vec::<String>::new());
    assert!(path.exists());
}
