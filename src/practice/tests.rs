//! The shapes are checked by what is on the disk, with names hashed here once more from what the era hashed.

use super::*;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

const TS: i64 = 1_750_000_000;
const CWD: &str = "/home/dev/shop/api";

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn link(path: &Path) -> String {
    fs::read_link(path).unwrap().to_str().unwrap().to_owned()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Everything below a directory: mode, time, and the bytes or the text of a link; the root's own path is taken out.
fn tree(root: &Path, with_times: bool) -> BTreeMap<String, (u32, i64, Vec<u8>)> {
    let real = root.canonicalize().unwrap();
    let real = real.to_str().unwrap();
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        let name = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let bytes = if meta.is_file() && name != "otto.db" {
            fs::read(entry.path()).unwrap()
        } else if meta.is_symlink() {
            let text = fs::read_link(entry.path()).unwrap();
            String::from_utf8(text.as_os_str().as_bytes().to_vec()).unwrap().replace(real, "ROOT").into_bytes()
        } else {
            Vec::new()
        };
        found.insert(name, (meta.mode(), if with_times { meta.mtime() } else { 0 }, bytes));
    }
    found
}

fn spec(flavour: Flavour, runs: usize) -> Spec {
    Spec { seed: 7, runs, now: TS, projects: None, tasks_per_run: None, flavour, runner_db: true }
}

/// Every row of the tables that matter, as text, without the store's own path.
fn dump(root: &Path) -> Vec<String> {
    let real = root.canonicalize().unwrap();
    let db = Connection::open(root.join("otto.db")).unwrap();
    let mut lines = Vec::new();
    for sql in ["SELECT * FROM projects", "SELECT * FROM runs", "SELECT * FROM tasks"] {
        let mut query = db.prepare(sql).unwrap();
        let width = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..width).map(|n| match row.get_ref(n).unwrap() {
                ValueRef::Text(text) => String::from_utf8_lossy(text).replace(real.to_str().unwrap(), "ROOT"),
                other => format!("{other:?}"),
            });
            lines.push(values.collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

#[test]
fn the_same_seed_gives_the_same_store() {
    for (flavour, runs, with_times) in [(Flavour::Mixed, 25, true), (Flavour::Uniform, 20, false)] {
        let (one, two, other) = (scratch(), scratch(), scratch());
        let spec = spec(flavour, runs);
        let first = write(one.path(), &spec).unwrap();
        assert_eq!(first, write(two.path(), &spec).unwrap());
        assert_eq!(tree(one.path(), with_times), tree(two.path(), with_times), "{flavour:?}");
        assert_eq!(dump(one.path()), dump(two.path()), "{flavour:?}");
        write(other.path(), &Spec { seed: 8, ..spec }).unwrap();
        assert_ne!(tree(one.path(), with_times), tree(other.path(), with_times), "{flavour:?}");
    }
}

#[test]
fn a_directory_with_something_in_it_is_refused_and_left_alone() {
    let dir = scratch();
    fs::write(dir.path().join("letter"), "dear").unwrap();
    for flavour in [Flavour::Mixed, Flavour::Uniform] {
        let error = write(dir.path(), &spec(flavour, 5)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("is not empty"), "{error}");
    }
    assert_eq!(names(dir.path()), ["letter"]);
}

#[test]
fn a_mixed_store_has_every_era_and_end_and_nothing_recent() {
    let dir = scratch();
    let summary = write(dir.path(), &spec(Flavour::Mixed, 100)).unwrap();
    assert_eq!(summary.runs, 100);
    assert!(summary.orphans > 3 && summary.cache_entries > summary.orphans, "{summary:?}");
    assert!((30..60).contains(&(summary.size_bytes / 1024 / 100)), "{} KiB a run", summary.size_bytes / 102_400);
    let tree = tree(dir.path(), true);
    let has = |end: &str| tree.keys().any(|name| name.ends_with(end));
    assert!(has("/.lock") && has("latest") && has("script.py") && has("/.cache"));
    // The store ends in the recent past, and no write is of the last ten minutes.
    let newest = tree.values().map(|(_, mtime, _)| *mtime).max().unwrap();
    assert!((TS - 40 * 60..=TS - 600).contains(&newest), "{}", TS - newest);
    let db = Connection::open(dir.path().join("otto.db")).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert!(count("SELECT count(*) FROM runs") < 60);
    for status in ["running", "success", "failed"] {
        let sql = "SELECT count(*) FROM runs WHERE status = ?1";
        assert!(db.query_row(sql, [status], |row| row.get::<_, i64>(0)).unwrap() > 0, "{status}");
    }
    assert!(count("SELECT count(*) FROM tasks WHERE status = 'skipped' AND skip_kind IS NOT NULL") > 0);
}

#[test]
fn a_uniform_store_links_only_what_is_there() {
    let dir = scratch();
    let summary = write(dir.path(), &spec(Flavour::Uniform, 100)).unwrap();
    assert_eq!((summary.runs, summary.projects, summary.tasks), (100, 1, 1200));
    assert_eq!(summary.cache_entries, SHARED_AND_UNIQUE);
    let mut links = 0;
    for entry in walkdir::WalkDir::new(dir.path()) {
        let entry = entry.unwrap();
        if entry.path_is_symlink() {
            links += 1;
            assert!(fs::metadata(entry.path()).is_ok(), "{} dangles", entry.path().display());
        }
    }
    assert_eq!(links, 1200);
    let db = Connection::open(dir.path().join("otto.db")).unwrap();
    let rows: i64 = db.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1200);
}

/// Thirty shared entries, and two of the hundred runs have one of their own.
const SHARED_AND_UNIQUE: usize = 32;

#[test]
fn each_era_writes_the_files_of_its_time() {
    let dir = scratch();
    let mut builder = StoreBuilder::new(dir.path()).unwrap();
    builder.as_if_at("/home/dev/.otto");
    let build = TaskSpec::ok("build").output("version", "1");
    let script = build.script.clone();
    let name = hash8(script.as_bytes());
    let flat = format!("{name}.sh");
    for &era in Era::ALL {
        let ts = TS + era as i64;
        let test = TaskSpec::failed("test", 7).after("build");
        let run = builder.run(RunSpec::new(era, CWD, ts).task(build.clone()).task(test)).unwrap();
        assert_eq!(fs::metadata(&run).unwrap().mtime(), ts, "{era:?}");
        let task = run.join("tasks/build");
        let project = format!("/home/dev/.otto/{}", era.project_dir(CWD));
        let cached = format!("{project}/.cache/{flat}");
        match era {
            Era::A => {
                assert_eq!(link(&dir.path().join("latest")), format!("/home/dev/.otto/{ts}"));
                let short = names(&run).into_iter().find(|name| name.len() == 12).unwrap();
                assert!(link(&run.join(&short)).starts_with(&format!("/home/dev/.otto/.{short}")));
                assert_eq!(fs::read_to_string(run.join("build")).unwrap(), script);
                continue;
            }
            Era::B => {
                assert_eq!(names(&task), ["run.yaml", "script.sh", "stderr.log", "stdout.log"]);
                assert_eq!(link(&task.join("script.sh")), format!("{project}/.cache/build/{name}"));
            }
            Era::C => assert_eq!(names(&task), [flat.as_str(), "stderr.log", "stdout.log"]),
            Era::D | Era::E | Era::F | Era::G | Era::H => {
                assert_eq!(link(&task.join("script.sh")), cached);
                let input = link(&run.join("tasks/test/input.build.json"));
                assert_eq!(input, format!("{project}/{ts}/tasks/build/output.build.json"));
            }
            _ => {
                assert_eq!(link(&task.join("script.sh")), format!("../../../.cache/{flat}"));
                let input = link(&run.join("tasks/test/input.build.json"));
                assert_eq!(input, "../build/output.build.json");
            }
        }
        assert_eq!(run.join("run.yaml").exists(), era != Era::E, "{era:?}");
        assert_eq!(task.join("output.build.json").exists(), era >= Era::D, "{era:?}");
        assert_eq!(task.join("output.build.env").exists(), era >= Era::J, "{era:?}");
        assert!(!run.join("tasks/test/output.test.json").exists());
        assert_eq!(run.join(".lock").exists(), era == Era::L);
        if era >= Era::K {
            assert_eq!(fs::metadata(run.join("run.yaml")).unwrap().mode() & 0o777, 0o600);
        }
    }
    assert!(names(dir.path()).contains(&format!("api-{}", hash8(CWD.as_bytes()))));
}

#[test]
fn every_schema_says_what_its_runner_said() {
    for schema in [1, 2, 3, 4, 5, 99] {
        let dir = scratch();
        let mut builder = StoreBuilder::new(dir.path()).unwrap();
        let run = |era, ts| RunSpec::new(era, CWD, ts).task(TaskSpec::ok("build")).task(TaskSpec::failed("test", 7));
        builder.run(run(Era::J, TS)).unwrap();
        builder.run(run(Era::K, TS + 9)).unwrap();
        builder.run(run(Era::K, TS + 9).number(1)).unwrap();
        let db = Connection::open(builder.runner_db(schema, WalState::Clean).unwrap()).unwrap();
        let version: u8 = db.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, schema);
        let mut query = db.prepare("SELECT status FROM runs ORDER BY id").unwrap();
        let statuses: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let expected: &[&str] = if schema >= 5 { &["running", "failed", "failed"] } else { &["running", "failed"] };
        assert_eq!(statuses, expected, "schema {schema}");
        let codes: Vec<i64> = db
            .prepare("SELECT exit_code FROM tasks WHERE name = 'test' ORDER BY id LIMIT 2")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(codes, [1, 7]);
        if schema >= 5 {
            let sql = "SELECT run_dir FROM runs WHERE run_dir IS NOT NULL ORDER BY id DESC LIMIT 1";
            let place: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
            assert_eq!(Path::new(&place), builder.root().join(Era::K.project_dir(CWD)).join(format!("{}-1", TS + 9)));
        }
        let last: String = db
            .query_row("SELECT name FROM pragma_table_info('projects') ORDER BY cid DESC LIMIT 1", [], |row| row.get(0))
            .unwrap();
        assert_eq!(last, if schema == 1 { "run_count" } else { "name" });
        assert!(builder.runner_db(schema, WalState::Clean).is_err(), "an old database is never replaced");
    }
}

#[test]
fn a_killed_runner_leaves_its_rows_in_the_wal() {
    for (wal, in_main) in [(WalState::Clean, Some(2)), (WalState::LeftBehind, Some(1)), (WalState::Everything, None)] {
        let dir = scratch();
        let mut builder = StoreBuilder::new(dir.path()).unwrap();
        builder.run(RunSpec::new(Era::J, CWD, TS).task(TaskSpec::ok("build"))).unwrap();
        builder.run(RunSpec::new(Era::J, CWD, TS + 5).task(TaskSpec::killed("build"))).unwrap();
        let path = builder.runner_db(2, wal).unwrap();
        assert_eq!(dir.path().join("otto.db-wal").exists(), wal != WalState::Clean);
        let alone = dir.path().join("alone.db");
        fs::copy(&path, &alone).unwrap();
        let count = |path: &Path| {
            let db = Connection::open(path).unwrap();
            db.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)).ok()
        };
        assert_eq!(count(&alone), in_main, "{wal:?}");
        assert_eq!(count(&path), Some(2), "{wal:?}");
    }
}

#[test]
fn added_cache_entries_and_present_times_are_as_asked() {
    let dir = scratch();
    let mut builder = StoreBuilder::new(dir.path()).unwrap();
    let spec = RunSpec::new(Era::J, CWD, TS).times(Times::Now).task(TaskSpec::ok("slash:a/b"));
    let project = spec.project_dir();
    let run = builder.run(spec).unwrap();
    assert!(fs::metadata(run.join("run.yaml")).unwrap().mtime() > TS);
    assert_eq!(names(&run.join("tasks/slash:a")), ["b"]);
    let entry = builder.cache_entry(&project, "test/0a1b2c3d", b"x", Some(TS)).unwrap();
    assert!(entry.ends_with("api-".to_owned() + &hash8(CWD.as_bytes()) + "/.cache/test/0a1b2c3d"));
    assert_eq!(fs::metadata(entry).unwrap().mtime(), TS);
    let orphan = builder.orphan(&project, None).unwrap();
    let bytes = fs::read(&orphan).unwrap();
    assert_eq!(orphan.file_stem().unwrap().to_str().unwrap(), hash8(&bytes));
}
