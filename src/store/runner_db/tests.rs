//! Tests of opening and reading.

use super::open::{PrivateDir, Taking, uri};
use super::read::read_with;
use super::*;
use rusqlite::Connection;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const SCHEMA_2: &str = "
    CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL);
    INSERT INTO schema_version VALUES (1, 0), (2, 0);
    CREATE TABLE runs (id INTEGER PRIMARY KEY, project_id INTEGER, timestamp INTEGER NOT NULL UNIQUE, status TEXT NOT NULL,
      duration_seconds REAL, size_bytes INTEGER, ottofile_path TEXT, cwd TEXT, user TEXT, hostname TEXT, args TEXT,
      ended_at INTEGER);
    CREATE TABLE tasks (id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
      script_hash TEXT, exit_code INTEGER, started_at INTEGER, ended_at INTEGER, duration_seconds REAL, stdout_path TEXT,
      stderr_path TEXT, script_path TEXT);";

/// A store with a database made by `sql`, closed as the runner closes it: no log is left.
struct Store {
    dir: TempDir,
}

impl Store {
    fn new(sql: &str) -> Self {
        let store = Self { dir: tempfile::tempdir().unwrap() };
        store.sql(sql);
        store
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("otto.db")
    }

    fn scratch(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    fn sql(&self, sql: &str) {
        let db = Connection::open(self.db()).unwrap();
        db.execute_batch(&format!("PRAGMA journal_mode = WAL; {sql}")).unwrap();
    }

    fn read(&self) -> Reading {
        self.read_after(Cursor::default(), &[]).unwrap()
    }

    fn read_after(&self, after: Cursor, again: &[i64]) -> Result<Reading, Error> {
        read(&Request { db: &self.db(), scratch: &self.scratch(), after, again })
    }

    /// Name, inode, mtime and content of everything in the store.
    fn listing(&self) -> Vec<(PathBuf, u64, i64, Vec<u8>)> {
        let mut all: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| *path != self.scratch())
            .map(|path| {
                let meta = fs::symlink_metadata(&path).unwrap();
                (path.clone(), meta.ino(), meta.mtime_nsec(), fs::read(&path).unwrap())
            })
            .collect();
        all.sort();
        all
    }
}

fn ids(reading: &Reading) -> Vec<i64> {
    reading.rows.iter().map(|row| row.id).collect()
}

fn run_sql(id: i64, timestamp: i64) -> String {
    format!("INSERT INTO runs (id, timestamp, status, cwd) VALUES ({id}, {timestamp}, 'running', '/w/alpha');")
}

#[test]
fn a_database_without_a_log_is_read_without_a_trace() {
    let store = Store::new(&format!("{SCHEMA_2} {}", run_sql(1, 1_700_000_000)));
    let before = store.listing();
    assert_eq!(ids(&store.read()), [1]);
    assert_eq!(store.listing(), before);
    assert!(!store.scratch().exists(), "nothing needed a private directory");
}

#[test]
fn rows_that_are_only_in_the_log_are_read_without_a_trace() {
    let store = Store::new(SCHEMA_2);
    // A connection that stays open keeps its rows in the log, as a killed or a working runner does.
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1_700_000_000)).unwrap();
    let before = store.listing();
    assert!(before.len() == 3, "database, log and shared memory");
    assert_eq!(ids(&store.read()), [1]);
    assert_eq!(store.listing(), before);
    assert_eq!(fs::read_dir(store.scratch()).unwrap().count(), 0, "the private directory is gone");
    drop(runner);
    assert_eq!(store.listing().len(), 1, "the runner's last connection could fold its log back");
}

#[test]
fn the_runner_can_fold_its_log_back_while_we_read() {
    let store = Store::new(SCHEMA_2);
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1_700_000_000)).unwrap();
    let real = store.db().canonicalize().unwrap();
    let opened = open::open(&real, true, Taking::Link, &store.scratch()).unwrap();
    let mut statement = opened.connection.prepare("SELECT id FROM runs").unwrap();
    let mut rows = statement.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    drop(runner);
    assert_eq!(store.listing().len(), 1, "no lock of ours kept the last connection from removing the log");
    drop(rows);
}

#[test]
fn a_killed_first_run_leaves_everything_in_the_log() {
    let store = Store { dir: tempfile::tempdir().unwrap() };
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&format!("PRAGMA journal_mode = WAL; {SCHEMA_2} {}", run_sql(1, 1_700_000_000))).unwrap();
    assert_eq!(fs::metadata(store.db()).unwrap().len(), 4096, "a bare header");
    assert_eq!(ids(&store.read()), [1]);
}

#[test]
fn a_private_directory_is_private_and_what_a_killed_process_left_is_removed() {
    let store = Store::new(SCHEMA_2);
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1_700_000_000)).unwrap();
    let old = store.scratch().join("runner-db-999999-0");
    let recent = store.scratch().join("runner-db-999999-1");
    for left in [&old, &recent] {
        fs::create_dir_all(left).unwrap();
        fs::write(left.join("otto.db"), "x").unwrap();
    }
    fs::File::open(&old).unwrap().set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    let private = PrivateDir::with_database(&store.db(), Taking::Link, &store.scratch()).unwrap();
    let dir = private.database().parent().unwrap().to_owned();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(private.database()).unwrap().ino(), fs::metadata(store.db()).unwrap().ino());
    assert_eq!(fs::metadata(dir.join("otto.db-wal")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!old.exists() && recent.exists());
    drop(private);
    assert!(!dir.exists() && store.db().exists());
}

#[test]
fn on_another_device_a_private_copy_is_read() {
    let shm = Path::new("/dev/shm");
    let Ok(elsewhere) = tempfile::tempdir_in(shm) else { return };
    let store = Store::new(SCHEMA_2);
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1_700_000_000)).unwrap();
    let before = store.listing();
    let request = Request { db: &store.db(), scratch: elsewhere.path(), after: Cursor::default(), again: &[] };
    assert_eq!(ids(&read(&request).unwrap()), [1]);
    assert_eq!(store.listing(), before);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_database_that_changes_meanwhile_is_read_again_three_times() {
    let store = Store::new(&format!("{SCHEMA_2} {}", run_sql(1, 1)));
    let db = store.db();
    let request = Request { db: &db, scratch: &store.scratch(), after: Cursor::default(), again: &[] };
    let mut next = 1;
    let twice = || {
        if next <= 2 {
            next += 1;
            store.sql(&run_sql(next, next));
        }
    };
    let settled = read_with(&request, twice).unwrap();
    assert_eq!(ids(&settled), [1, 2, 3]);
    assert_eq!(Some(settled.stamp), stamp(&db).unwrap());
}

#[test]
fn a_database_that_never_rests_is_an_error() {
    let store = Store::new(&format!("{SCHEMA_2} {}", run_sql(1, 1)));
    let mut next = 1;
    let request = Request { db: &store.db(), scratch: &store.scratch(), after: Cursor::default(), again: &[] };
    let result = read_with(&request, || {
        next += 1;
        store.sql(&run_sql(next, next));
    });
    assert!(matches!(result, Err(Error::Changing { attempts: 3, .. })));
}

#[test]
fn only_new_rows_and_those_asked_for_are_read() {
    let runs: String = (1..=5).map(|id| run_sql(id, 100 + id)).collect();
    let store = Store::new(&format!("{SCHEMA_2} {runs}"));
    let first = store.read();
    assert_eq!(first.cursor, Cursor { last_run: 5, timestamp: 105 });
    assert!(!first.reset);
    store.sql(&run_sql(6, 106));
    store.sql("INSERT INTO tasks (run_id, name, status) VALUES (2, 'late', 'failed'), (3, 'x', 'failed')");
    let second = store.read_after(first.cursor, &[2, 2, 99]).unwrap();
    assert_eq!(ids(&second), [6, 2]);
    assert_eq!(&*second.rows[1].evidence.tasks.unpack()[0].name, "late");
    assert!(!second.reset);
}

#[test]
fn a_reset_database_is_read_whole_even_when_ids_are_reused() {
    let store = Store::new(&format!("{SCHEMA_2} {}{}", run_sql(1, 101), run_sql(2, 102)));
    let cursor = store.read().cursor;
    for sql in ["DELETE FROM runs WHERE id = 2;", &run_sql(2, 202), &run_sql(3, 203)] {
        store.sql(sql);
        let reading = store.read_after(cursor, &[1]).unwrap();
        assert!(reading.reset, "after {sql}");
        assert_eq!(reading.rows[0].id, 1);
    }
    store.sql("DROP TABLE runs");
    let reading = store.read_after(cursor, &[]).unwrap();
    assert!(reading.reset && reading.rows.is_empty() && reading.cursor == Cursor::default());
}

#[test]
fn statuses_codes_and_durations_of_the_first_line_are_taken_for_what_they_are() {
    let store = Store::new(&format!(
        "{SCHEMA_2}
         INSERT INTO runs (id, timestamp, status, duration_seconds, cwd, user, args, ended_at)
           VALUES (1, 100, 'Success', 1.5, '/w/a', 'me', '[\"otto\", 7, \"build\"]', 102), (2, 200, 'odd', NULL, NULL, NULL, '{{', NULL);
         INSERT INTO tasks (run_id, name, status, exit_code, started_at, ended_at, duration_seconds, stdout_path) VALUES
           (1, 'a', 'COMPLETED', 0, 100, 101, 1.0, '/s/a-1/100/tasks/a/stdout.log'),
           (1, 'b', 'failed', 1, 100, 101, -1.0, '/s/a-1/100/tasks/b/stdout.log'),
           (1, 'a', 'failed', 0, 'soon', 101, 1.0, NULL),
           (1, 'c', 'paused', NULL, NULL, NULL, NULL, NULL),
           (7, 'of no run', 'failed', 1, 0, 0, 0, NULL);"
    ));
    let reading = store.read();
    assert_eq!(reading.schema, Some(2));
    let row = &reading.rows[0];
    assert_eq!((row.evidence.status, row.evidence.duration_ms), (RowStatus::Success, Some(1500)));
    assert_eq!(row.evidence.ended_at, Some(102));
    assert_eq!(row.evidence.context.args, ["otto", "build"]);
    assert_eq!(row.task_run_dir.as_deref(), Some("/s/a-1/100"));
    let unpacked = row.evidence.tasks.unpack();
    let tasks: Vec<_> =
        unpacked.iter().map(|t| (&*t.name, t.status, t.exit_code, t.duration_ms, t.started_at)).collect();
    assert_eq!(
        tasks,
        [
            ("b", TaskRowStatus::Failed, None, None, Some(100)),
            ("a", TaskRowStatus::Failed, Some(0), Some(1000), None),
            ("c", TaskRowStatus::Other, None, None, None),
        ],
        "the last row of a name wins, a 1 is no exit code, a text is no time"
    );
    assert_eq!(reading.rows[1].evidence.status, RowStatus::Other);
    assert!(reading.rows[1].evidence.context.args.is_empty());
}

#[test]
fn only_rows_of_the_second_line_have_real_exit_codes() {
    let store = Store::new(&format!(
        "{SCHEMA_2} ALTER TABLE runs ADD COLUMN run_dir TEXT; INSERT INTO schema_version VALUES (9, 0);
         INSERT INTO runs (id, timestamp, status, run_dir) VALUES (1, 100, 'failed', NULL), (2, 200, 'failed', '/s/a-1/200-3');
         INSERT INTO tasks (run_id, name, status, exit_code) VALUES (1, 'a', 'failed', 7), (2, 'a', 'failed', 7);"
    ));
    let reading = store.read();
    assert_eq!(reading.schema, Some(9), "a newer schema is read for what it has");
    let codes: Vec<_> = reading.rows.iter().map(|row| row.evidence.tasks.unpack()[0].exit_code).collect();
    assert_eq!(codes, [None, Some(7)]);
    assert_eq!(reading.rows[1].run_dir.as_deref(), Some("/s/a-1/200-3"));
}

#[test]
fn columns_are_found_by_name_and_missing_ones_are_absent() {
    let store = Store::new(
        "CREATE TABLE RUNS (Status TEXT, Timestamp INTEGER, id INTEGER PRIMARY KEY);
         INSERT INTO runs VALUES ('failed', 100, 4);
         CREATE TABLE tasks (name TEXT, run_id INTEGER); INSERT INTO tasks VALUES ('a', 4);",
    );
    let reading = store.read();
    assert_eq!(reading.schema, None);
    assert_eq!((reading.rows[0].id, reading.rows[0].evidence.status), (4, RowStatus::Failed));
    assert_eq!(reading.rows[0].evidence.tasks.unpack()[0].status, TaskRowStatus::Other);
}

#[test]
fn long_texts_and_views_are_left_out() {
    let store = Store::new(&format!(
        "{SCHEMA_2} INSERT INTO runs (id, timestamp, status, cwd, user) VALUES
           (1, 100, 'failed', replace(hex(zeroblob(32768)), '0', 'x'), replace(hex(zeroblob(32769)), '0', 'x'));"
    ));
    let context = store.read().rows.remove(0).evidence.context;
    assert_eq!(context.cwd.as_ref().map(String::len), Some(65536));
    assert_eq!(context.user, None);

    let endless = "CREATE VIEW runs (id, timestamp) AS
        WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n, n FROM c";
    assert!(Store::new(endless).read().rows.is_empty());
}

#[test]
fn a_database_without_tables_is_an_empty_reading() {
    let bare = Store::new("CREATE TABLE t (x); DROP TABLE t; VACUUM;").read();
    assert!(bare.rows.is_empty() && bare.schema.is_none() && !bare.reset);
    let empty = Store { dir: tempfile::tempdir().unwrap() };
    fs::write(empty.db(), "").unwrap();
    assert!(empty.read().rows.is_empty());
}

#[test]
fn what_is_no_database_is_an_error_and_never_a_wait() {
    let store = Store { dir: tempfile::tempdir().unwrap() };
    assert!(stamp(&store.db()).unwrap().is_none());
    assert!(matches!(store.read_after(Cursor::default(), &[]), Err(Error::Io { .. })));

    symlink(store.db(), store.db()).unwrap();
    assert!(matches!(stamp(&store.db()), Err(Error::Io { .. })), "a loop");
    fs::remove_file(store.db()).unwrap();
    symlink("nowhere", store.db()).unwrap();
    assert!(stamp(&store.db()).unwrap().is_none(), "a link to nowhere");
    fs::remove_file(store.db()).unwrap();
    fs::create_dir(store.db()).unwrap();
    assert!(matches!(store.read_after(Cursor::default(), &[]), Err(Error::NotAFile(_))));
    fs::remove_dir(store.db()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(store.db()).status().unwrap().success());
    assert!(matches!(stamp(&store.db()), Err(Error::NotAFile(_))));
    assert!(matches!(store.read_after(Cursor::default(), &[]), Err(Error::NotAFile(_))));
    fs::remove_file(store.db()).unwrap();

    fs::write(store.db(), "all work and no play makes a dull file ".repeat(200)).unwrap();
    let error = store.read_after(Cursor::default(), &[]).unwrap_err();
    assert!(matches!(error, Error::Sql { .. }));
    assert!(error.to_string().contains("otto.db"), "{error}");

    let torn = Store::new(&format!("{SCHEMA_2} {}", run_sql(1, 1)));
    let whole = fs::read(torn.db()).unwrap();
    fs::write(torn.db(), [&whole[..4096], &vec![0xa5; whole.len() - 4096][..]].concat()).unwrap();
    assert!(matches!(torn.read_after(Cursor::default(), &[]), Err(Error::Sql { .. })));
}

#[test]
fn a_log_that_is_a_fifo_is_an_error() {
    let store = Store::new(SCHEMA_2);
    let log = store.dir.path().join("otto.db-wal");
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    assert!(
        matches!(store.read_after(Cursor::default(), &[]), Err(Error::NotAFile(path)) if path.ends_with("otto.db-wal"))
    );
}

#[test]
fn a_link_to_a_database_is_followed_with_its_log() {
    let store = Store::new(SCHEMA_2);
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("linked.db");
    symlink(store.db(), &link).unwrap();
    let request = Request { db: &link, scratch: &store.scratch(), after: Cursor::default(), again: &[] };
    let touched = |path: &Path| fs::metadata(path).map(|meta| (meta.ctime(), meta.ctime_nsec())).unwrap();
    let before = touched(&store.db());
    assert_eq!(ids(&read(&request).unwrap()), [1]);
    assert_eq!(touched(&store.db()), before, "what a link leads to is read without so much as one more name");
    assert_eq!(stamp(&link).unwrap(), stamp(&store.db()).unwrap());
}

#[test]
fn paths_of_any_bytes_can_be_opened() {
    for name in [&b"a?b#c%41 d&e=f"[..], b"caf\xe9 \xff", b"//", b"new\nline"] {
        let store = Store::new(&format!("{SCHEMA_2} {}", run_sql(1, 1)));
        let odd = store.dir.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(&odd).unwrap();
        let db = odd.join("otto.db");
        fs::rename(store.db(), &db).unwrap();
        let request = Request { db: &db, scratch: &odd, after: Cursor::default(), again: &[] };
        assert_eq!(ids(&read(&request).unwrap()), [1], "{}", String::from_utf8_lossy(name));
    }
    assert_eq!(uri(Path::new("/a?\u{e9}"), "x=1"), "file:///a%3F%C3%A9?mode=ro&x=1");
}

#[test]
fn a_stamp_tells_a_commit_and_reads_back() {
    let store = Store::new(SCHEMA_2);
    let closed = stamp(&store.db()).unwrap().unwrap();
    let runner = Connection::open(store.db()).unwrap();
    runner.execute_batch(&run_sql(1, 1)).unwrap();
    let open = stamp(&store.db()).unwrap().unwrap();
    assert_ne!(closed, open);
    store.read();
    assert_eq!(stamp(&store.db()).unwrap().unwrap(), open, "our own reading is no change");
    for stamp in [closed, open] {
        assert_eq!(stamp.to_string().parse(), Ok(stamp));
    }
    for text in ["", "1:2", "1:2:3:4", "1:2:3;", "x:2:3"] {
        assert_eq!(text.parse::<Stamp>(), Err(NotAStamp), "{text}");
    }
}
