//! The ways to make each kind of finding, and what is to be found and left.

use super::*;
use crate::support::trash::kept;
use otto_catalog::audit;
use otto_catalog::marks;
use otto_catalog::model::Run;
use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;

/// A way to make a finding, and what is to be found.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) make: fn(&Store),
    /// Every kind that is found.
    pub(super) found: &'static [&'static str],
    /// What is left after a fix.
    pub(super) left: &'static [&'static str],
}

const fn mended(name: &'static str, make: fn(&Store), found: &'static [&'static str]) -> Case {
    Case { name, make, found, left: &[] }
}

const fn told(name: &'static str, make: fn(&Store), found: &'static [&'static str]) -> Case {
    Case { name, make, found, left: found }
}

/// The oldest run of the project.
pub(super) fn oldest(store: &Store) -> String {
    store.runs_in_place().into_iter().find(|run| run.starts_with(&web())).unwrap()
}

fn ours(store: &Store, name: &str) -> std::path::PathBuf {
    store.root.join(".catalog").join(name)
}

/// Makes a directory in the trash.
fn in_trash(store: &Store, path: &Path) {
    fs::create_dir_all(ours(store, "trash").join(path)).unwrap();
    mode(&ours(store, "trash"), 0o700);
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file of the project's cache that a run of it names.
fn entry(store: &Store) -> std::path::PathBuf {
    let script = store.root.join(oldest(store)).join("tasks/own/script.sh");
    let name = fs::read_link(script).unwrap().file_name().unwrap().to_owned();
    store.root.join(web()).join(".cache").join(name)
}

pub(super) fn run_of(store: &Store, id: &str) -> Run {
    let session = store.open(Access::ReadAsIs);
    let (project, run) = id.split_once('/').unwrap();
    let projects = session.catalog.known_projects().unwrap();
    let key = projects.iter().find(|p| p.dir.lossy() == project).unwrap().id;
    session.catalog.run_named(key, run).unwrap().unwrap()
}

/// Pins the oldest run and gives it a tag.
pub(super) fn mark(store: &Store) {
    let run = run_of(store, &oldest(store));
    let settings = store.settings();
    let asked = marks::Asked { command: "otto pin", who: "a test" };
    let mut session = store.open(Access::Mark);
    marks::pin(&mut session, &settings, &asked, std::slice::from_ref(&run), Some("a release")).unwrap();
    let tag = marks::Tag::new("good").unwrap();
    marks::tag(&mut session, &settings, &asked, &[run], (&[tag], &[])).unwrap();
}

pub(super) fn write_log(store: &Store, change: impl Fn(&str) -> String) {
    let log = ours(store, "audit.jsonl");
    fs::write(&log, change(&fs::read_to_string(&log).unwrap())).unwrap();
}

/// The directory in the trash of the one operation that is there.
fn operation(store: &Store) -> std::path::PathBuf {
    ours(store, "trash").join(&store.trash()[0])
}

pub(super) const CASES: &[Case] = &[
    mended("sums of a project", |s| spoil(s, "UPDATE projects SET runs = runs + 1, cache_disk = 7"), &["sum-wrong"]),
    mended("counts of references", |s| spoil(s, "UPDATE cache_entries SET ref_count = ref_count + 1"), &["sum-wrong"]),
    mended("newest references", |s| spoil(s, "UPDATE cache_entries SET newest_0 = 5, newest_4 = 6"), &["sum-wrong"]),
    mended("counts of other projects", |s| spoil(s, "UPDATE cache_entries SET foreign_refs = 3"), &["sum-wrong"]),
    mended("classes", |s| spoil(s, "UPDATE runs SET class = (class + 1) % 5"), &["sum-wrong"]),
    // The pin is kept: taking one off is never certain.
    mended(
        "a pinned run without its pin",
        |s| spoil(s, "UPDATE runs SET pinned = 1, by_age = 0 WHERE id = 1"),
        &["sum-wrong"],
    ),
    mended("history", |s| spoil(s, "DELETE FROM history WHERE name_id = 0"), &["history-wrong"]),
    mended("a row that is wrong", |s| spoil(s, "UPDATE runs SET tasks_failed = 9 WHERE id = 3"), &["run-wrong"]),
    mended(
        "tasks that are wrong",
        |s| spoil(s, "UPDATE tasks SET duration_ms = 1 WHERE run_id = 3"),
        &["history-wrong", "run-wrong"],
    ),
    mended(
        "references that are wrong",
        |s| spoil(s, "DELETE FROM refs WHERE run_id = (SELECT min(run_id) FROM refs)"),
        &["sum-wrong", "run-wrong"],
    ),
    mended(
        "files of a run that ended",
        |s| fs::write(s.root.join(oldest(s)).join("tasks/own/stdout.log"), "more\n").unwrap(),
        &["run-changed"],
    ),
    mended(
        "a row that is lost",
        |s| {
            spoil(
                s,
                "DELETE FROM refs WHERE run_id = 3; DELETE FROM tasks WHERE run_id = 3; DELETE FROM runs WHERE id = 3; DELETE FROM history",
            )
        },
        &["sum-wrong", "history-wrong", "run-unlisted"],
    ),
    mended(
        "a row of nothing",
        |s| {
            spoil(
                s,
                "CREATE TEMP TABLE one AS SELECT * FROM runs WHERE id = 3;
                 UPDATE one SET id = 999, dir = '1700000001', timestamp = 1700000001;
                 INSERT INTO runs SELECT * FROM one",
            );
        },
        &["sum-wrong", "history-wrong", "run-missing"],
    ),
    mended(
        "a project that is lost",
        |s| spoil(s, &format!("UPDATE projects SET present = 0 WHERE dir = CAST('{}' AS BLOB)", web())),
        &["project-unlisted"],
    ),
    mended(
        "what a project takes",
        |s| spoil(s, "UPDATE projects SET own_disk = 1, cache_rest_size = 2"),
        &["project-wrong"],
    ),
    mended(
        "an entry that is lost",
        |s| spoil(s, "DELETE FROM cache_entries WHERE ref_count = 0"),
        &["sum-wrong", "entry-unlisted"],
    ),
    mended(
        "an entry of nothing",
        |s| {
            spoil(
                s,
                "INSERT INTO cache_entries (project_id, path, present) SELECT id, CAST('00.sh' AS BLOB), 1 FROM projects WHERE present = 1 AND dir <> CAST('.' AS BLOB)",
            )
        },
        &["sum-wrong", "entry-missing"],
    ),
    Case {
        name: "an entry that was written again in its place",
        make: |s| fs::write(entry(s), "echo something else\n").unwrap(),
        found: &["entry-changed", "entry-misnamed"],
        left: &["entry-misnamed"],
    },
    told(
        "an entry that was torn",
        |s| {
            let torn = s.root.join(web()).join(".cache/deadbeef.sh");
            fs::write(torn, "").unwrap();
            drop(s.look());
        },
        &["entry-misnamed"],
    ),
    told(
        "a project that is a link",
        |s| {
            std::os::unix::fs::symlink(s.outside(""), s.root.join("web-deadbeef")).unwrap();
            drop(s.open(Access::Read));
        },
        &["unreadable"],
    ),
    told(
        "links to what is not there",
        |s| {
            fs::remove_file(entry(s)).unwrap();
            drop(s.look());
        },
        &["links-dangling"],
    ),
    mended("rows that refer to nothing", |s| spoil(s, "DELETE FROM contexts"), &["rows-dangling"]),
    mended(
        "a file that is no database",
        |s| fs::write(ours(s, "catalog.db"), "nothing of the kind").unwrap(),
        &["catalog-damaged"],
    ),
    Case {
        name: "a page that was overwritten",
        make: |s| {
            let path = ours(s, "catalog.db");
            let mut bytes = fs::read(&path).unwrap();
            let pages = bytes.len() / 8192;
            for page in (4..pages).step_by(3) {
                bytes[page * 8192..page * 8192 + 400].fill(0xa5);
            }
            fs::write(path, bytes).unwrap();
        },
        found: &["catalog-damaged"],
        left: &["catalog-set-aside"],
    },
    mended("no catalog", |s| fs::remove_file(ours(s, "catalog.db")).unwrap(), &["catalog-missing"]),
    mended(
        "an old catalog",
        |s| spoil(s, &format!("PRAGMA user_version = {}", otto_catalog::catalog::SCHEMA - 1)),
        &["catalog-outdated"],
    ),
    mended("a run since the last look", |s| drop(s.write(small("/home/dev/web", s.days_ago(1)))), &["catalog-behind"]),
    mended(
        "an operation without anything in it",
        |s| in_trash(s, Path::new("20250101T000000Z-aaaa")),
        &["trash-empty"],
    ),
    told(
        "something in the trash that nobody can tell",
        |s| {
            in_trash(s, &Path::new("mine").join(web()).join("1700000000/tasks"));
        },
        &["trash-unclear"],
    ),
    told(
        "an operation that somebody works on",
        |s| {
            let operation = ours(s, "trash/20250101T000000Z-aaaa");
            in_trash(s, Path::new("20250101T000000Z-aaaa"));
            fs::write(operation.join("operation.json"), "{}").unwrap();
            let held = File::open(operation.join("operation.json")).unwrap();
            rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
            // Held for as long as the tests run.
            std::mem::forget(held);
        },
        &["trash-busy"],
    ),
    mended(
        "a run in the trash that is not there",
        |s| {
            s.clean(&kept(keep(30)));
            fs::remove_dir_all(operation(s)).unwrap();
        },
        &["trash-missing"],
    ),
    told(
        "what waited in the trash long enough",
        |s| {
            s.clean(&kept(keep(30)));
            spoil(s, "UPDATE runs SET keep_until = 5 WHERE state = 1");
        },
        &["trash-expired"],
    ),
    mended(
        "a removal without a line",
        |s| {
            s.clean(&keep(45));
            write_log(s, |text| {
                text.lines().filter(|l| !l.contains("\"removed\"")).map(|l| format!("{l}\n")).collect()
            });
        },
        &["log-incomplete"],
    ),
    Case {
        name: "a torn last line",
        make: |s| {
            s.clean(&keep(45));
            write_log(s, |text| format!("{text}{{\"schema\":\"otto.au"));
        },
        found: &["log-torn", "log-unreadable"],
        left: &["log-unreadable"],
    },
    Case {
        name: "a line that is none of ours",
        make: |s| {
            s.clean(&keep(45));
            write_log(s, |text| format!("what is this?\n{text}"));
        },
        found: &["marks-unclear", "log-unreadable"],
        left: &["log-unreadable"],
    },
    told(
        "a line whose row is gone",
        |s| {
            s.clean(&keep(45));
            spoil(
                s,
                "DELETE FROM tasks WHERE run_id IN (SELECT id FROM runs WHERE state = 2);
                  DELETE FROM refs WHERE run_id IN (SELECT id FROM runs WHERE state = 2);
                  DELETE FROM runs WHERE state = 2",
            );
        },
        &["row-forgotten"],
    ),
    mended(
        "a pin and a tag that the catalog lost",
        |s| {
            mark(s);
            spoil(
                s,
                "DELETE FROM pins; DELETE FROM tags;
                  UPDATE runs SET pinned = 0, by_age = (state = 0 AND settled = 1 AND whole = 1 AND plain = 1)",
            );
        },
        &["mark-lost"],
    ),
    mended(
        "a pin and a tag that the log lacks",
        |s| {
            mark(s);
            fs::remove_file(ours(s, "audit.jsonl")).unwrap();
        },
        &["mark-unnoted"],
    ),
    mended(
        "rights for others",
        |s| {
            mode(&ours(s, ""), 0o755);
            mode(&ours(s, "catalog.db"), 0o644);
            mode(&ours(s, "lock"), 0o640);
        },
        &["rights-open"],
    ),
    mended(
        "temporary files",
        |s| {
            fs::create_dir_all(ours(s, "tmp/runner-db-1-1")).unwrap();
            fs::write(ours(s, "tmp/runner-db-1-1/otto.db"), "x").unwrap();
            fs::write(ours(s, "catalog.db.new"), "x").unwrap();
            mode(&ours(s, "tmp"), 0o700);
        },
        &["stray-file"],
    ),
    told("a file of somebody's", |s| fs::write(ours(s, "notes.txt"), "mine").unwrap(), &["foreign-file"]),
    told(
        "a catalog that was set aside",
        |s| {
            fs::write(ours(s, "catalog.db.damaged-1750000000"), "x").unwrap();
            mode(&ours(s, "catalog.db.damaged-1750000000"), 0o600);
        },
        &["catalog-set-aside"],
    ),
    told(
        "an import that was set aside",
        |s| {
            fs::create_dir(ours(s, "import.damaged-20250101T000000Z-aaaa")).unwrap();
            mode(&ours(s, "import.damaged-20250101T000000Z-aaaa"), 0o700);
        },
        &["import-set-aside"],
    ),
    mended("an import of which nothing came", |s| stopped_import(s, None), &["stray-file"]),
    mended("an import that was stopped", |s| stopped_import(s, Some(&arrivals(s))), &["import-stopped"]),
    Case {
        name: "an import of which nobody can read what came",
        make: |s| stopped_import(s, Some(b"{")),
        found: &["import-unsettled"],
        left: &["import-set-aside"],
    },
    told(
        "an import that a later version has to end",
        |s| stopped_import(s, Some(br#"{"schema": "otto.arrivals/9"}"#)),
        &["import-unsettled"],
    ),
    told(
        "no directory where imports are unpacked",
        |s| {
            fs::write(ours(s, "import"), "").unwrap();
            mode(&ours(s, "import"), 0o600);
        },
        &["import-unsettled"],
    ),
];

/// What an import leaves that is stopped.
pub(super) fn stopped_import(store: &Store, told: Option<&[u8]>) {
    let place = ours(store, "import/20250101T000000Z-aaaa");
    fs::create_dir_all(&place).unwrap();
    mode(&ours(store, "import"), 0o700);
    mode(&place, 0o700);
    fs::write(place.join("0"), "unpacked").unwrap();
    if let Some(told) = told {
        fs::write(place.join("import.json"), told).unwrap();
    }
}

/// What is told of an import by which the oldest run came.
fn arrivals(store: &Store) -> Vec<u8> {
    let run = run_of(store, &oldest(store));
    let session = store.open(Access::ReadAsIs);
    let row = audit::RemovedRun::of(&session.catalog, &run, &[]).unwrap();
    let (operation, now) = ("20250101T000000Z-aaaa", store.now());
    let heading = audit::Heading { operation, now, who: "a test", command: "otto import", policy: "", plan: None };
    let run = audit::ArrivingRun { row: audit::RunRow { row, dropped: Vec::new() }, unpacked: None };
    serde_json::to_vec(&audit::Arrivals::new(&heading, vec![run], Vec::new())).unwrap()
}
