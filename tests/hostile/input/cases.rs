//! The cases: how each spoils a store, and what is told of it.

use crate::binary::{Room, Shop, began, run};
use otto_catalog::practice::StoreBuilder;
use rusqlite::Connection;
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// What a case leaves in the store.
#[derive(Default)]
pub(super) struct Spoilt {
    /// Runs that are listed beside the nine.
    pub(super) more: Vec<String>,
    /// Of all that are listed, those that a clean leaves although they are old.
    pub(super) stays: Vec<String>,
    /// What must be there to the byte after everything.
    pub(super) survives: Vec<PathBuf>,
    /// Holds the lock on the runner's database while the commands run.
    pub(super) holder: Option<Connection>,
}

/// A case: how the store is spoilt, what `index --full` says of it, how it ends, and how a clean ends.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) spoil: fn(&Room, &Shop) -> Spoilt,
    pub(super) told: &'static [&'static str],
    pub(super) index: i32,
    pub(super) clean: i32,
}

const fn case(
    what: &'static str,
    spoil: fn(&Room, &Shop) -> Spoilt,
    told: &'static [&'static str],
    index: i32,
    clean: i32,
) -> Case {
    Case { what, spoil, told, index, clean }
}

fn node(path: &Path, kind: FileType) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
}

fn survives(paths: impl IntoIterator<Item = PathBuf>) -> Spoilt {
    Spoilt { survives: paths.into_iter().collect(), ..Spoilt::default() }
}

/// The directory of the run of `web` that is so many days old.
fn web(room: &Room, shop: &Shop, days: i64) -> PathBuf {
    room.store.join(shop.web(days))
}

/// A run of a directory with that name, old enough to go.
fn named_run(room: &Room, project: &[u8], run: &str, task: &[u8]) -> String {
    let project = OsStr::from_bytes(project);
    let task = room.store.join(project).join(run).join("tasks").join(OsStr::from_bytes(task));
    fs::create_dir_all(&task).unwrap();
    fs::write(task.join("stdout.log"), "x").unwrap();
    fs::write(task.join("stderr.log"), "").unwrap();
    format!("{}/{run}", project.to_string_lossy())
}

const LINKS: [Case; 3] = [
    case(
        "links that lead in circles",
        |room, shop| {
            let tasks = web(room, shop, 10).join("tasks");
            symlink(".", tasks.join("self")).unwrap();
            symlink("../../../..", tasks.join("build/store")).unwrap();
            symlink("b", tasks.join("a")).unwrap();
            symlink("a", tasks.join("b")).unwrap();
            symlink("nothing", tasks.join("build/dangling")).unwrap();
            survives([tasks])
        },
        &[],
        0,
        0,
    ),
    case(
        "links in place of a project, a run and a cache",
        |room, shop| {
            let outside = room.path("outside");
            let other = StoreBuilder::new(&outside).unwrap().run(run("/o/other", 60, false)).unwrap();
            symlink(other.parent().unwrap(), room.store.join("linked-0011aabb")).unwrap();
            symlink(&other, room.store.join(&shop.web).join("1600000000")).unwrap();
            fs::create_dir_all(room.store.join("bare-0011aabb")).unwrap();
            symlink(other.with_file_name(".cache"), room.store.join("bare-0011aabb/.cache")).unwrap();
            symlink(&room.store, room.store.join("latest")).unwrap();
            survives([outside, room.store.join("linked-0011aabb")])
        },
        &["linked-0011aabb", "1600000000", "links are not followed"],
        3,
        0,
    ),
    case(
        "a link to the runner's database",
        |room, _| {
            for suffix in ["", "-wal"] {
                let (from, to) = (format!("otto.db{suffix}"), format!("moved.db{suffix}"));
                if room.store.join(&from).exists() {
                    fs::rename(room.store.join(from), room.path(&to)).unwrap();
                }
            }
            symlink(room.path("moved.db"), room.store.join("otto.db")).unwrap();
            survives([room.path("moved.db"), room.store.join("otto.db")])
        },
        &[],
        0,
        0,
    ),
];

const NODES: [Case; 2] = [
    case(
        "pipes and sockets in place of files",
        |room, shop| {
            let tasks = web(room, shop, 10).join("tasks/build");
            for name in ["stdout.log", "stderr.log", "output.build.json"] {
                fs::remove_file(tasks.join(name)).unwrap();
                node(&tasks.join(name), FileType::Fifo);
            }
            fs::remove_file(web(room, shop, 10).join("run.yaml")).unwrap();
            node(&web(room, shop, 10).join("run.yaml"), FileType::Fifo);
            node(&tasks.join("s"), FileType::Socket);
            node(&room.store.join(&shop.web).join(".cache/pipe.sh"), FileType::Fifo);
            survives([tasks, room.store.join(&shop.web).join(".cache/pipe.sh")])
        },
        &[],
        0,
        0,
    ),
    case(
        "a pipe in place of the runner's database",
        |room, _| {
            let _ = fs::remove_file(room.store.join("otto.db-wal"));
            fs::remove_file(room.store.join("otto.db")).unwrap();
            node(&room.store.join("otto.db"), FileType::Fifo);
            survives([room.store.join("otto.db")])
        },
        &["otto.db", "not a regular file"],
        3,
        0,
    ),
];

const NAMES: [Case; 5] = [
    case(
        "project names of any bytes",
        |room, _| {
            let names: [&[u8]; 6] = [
                b"new\nline-0011aabb",
                b"100%s-0011aabb",
                b"\xff\xfe-0011aabb",
                b".hid-0011aabb",
                b"\x1b[31m-0011aabb",
                b"-n-0011aabb",
            ];
            Spoilt {
                more: names.map(|name| named_run(room, name, &began(60).to_string(), b"build")).into(),
                ..Spoilt::default()
            }
        },
        &[],
        0,
        0,
    ),
    case(
        "task and file names of any bytes",
        |room, _| {
            let names: [&[u8]; 5] = [b"t\n", b"%s\xff", &[b'n'; 255], b"a:b", b"\xe2\x80\xae"];
            let ids = names.map(|name| named_run(room, b"odd-0011aabb", &began(60).to_string(), name));
            Spoilt { more: vec![ids[0].clone()], ..Spoilt::default() }
        },
        &[],
        0,
        0,
    ),
    case(
        "a project name of 255 bytes",
        |room, _| {
            let name = [&[b'p'; 246][..], b"-0011aabb"].concat();
            Spoilt { more: vec![named_run(room, &name, &began(60).to_string(), b"build")], ..Spoilt::default() }
        },
        &[],
        0,
        0,
    ),
    case(
        "run names of 30 digits, and other numbers",
        |room, shop| {
            let names = [
                "123456789012345678901234567890",
                "99999999999999999999",
                "17e8",
                "1700000000-",
                "1700000000-x",
                "+1700000000",
            ];
            let places = names.map(|name| room.store.join(&shop.web).join(name));
            for place in &places {
                fs::create_dir_all(place.join("tasks/build")).unwrap();
                fs::write(place.join("tasks/build/stdout.log"), "mine").unwrap();
            }
            survives(places)
        },
        &["123456789012345678901234567890"],
        3,
        0,
    ),
    case(
        "runs of 1970 and of 2100",
        |room, _| {
            let old = ["0", "1", "86400"].map(|run| named_run(room, b"old-0011aabb", run, b"build"));
            let new = ["4102444800", "253402300799"].map(|run| named_run(room, b"new-0011aabb", run, b"build"));
            let survives = new.iter().map(|id| room.store.join(id)).collect();
            Spoilt {
                more: old.iter().chain(&new).cloned().collect(),
                stays: new.to_vec(),
                survives,
                ..Spoilt::default()
            }
        },
        &[],
        0,
        0,
    ),
];

const YAML: [Case; 4] = [
    case(
        "a run.yaml of a gigabyte",
        |room, shop| {
            File::create(web(room, shop, 10).join("run.yaml")).unwrap().set_len(1 << 30).unwrap();
            Spoilt::default()
        },
        &["run.yaml"],
        3,
        0,
    ),
    case(
        "a run.yaml of garbage",
        |room, shop| {
            let noise: Vec<u8> = (0..40_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            fs::write(web(room, shop, 10).join("run.yaml"), noise).unwrap();
            survives([web(room, shop, 10).join("run.yaml")])
        },
        &["run.yaml"],
        3,
        0,
    ),
    case(
        "a run.yaml of somebody else's shape",
        |room, shop| {
            fs::write(web(room, shop, 10).join("run.yaml"), "- apiVersion: v1\n  kind: Pod\n- 3\n- ~\n").unwrap();
            survives([web(room, shop, 10).join("run.yaml")])
        },
        &["run.yaml", "not a mapping"],
        3,
        0,
    ),
    case(
        "a run.yaml that unfolds without end",
        |room, shop| {
            let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
            for level in 1..20 {
                let names = vec![format!("*a{}", level - 1); 10].join(", ");
                text.push_str(&format!("a{level}: &a{level} [{names}]\n"));
            }
            fs::write(web(room, shop, 10).join("run.yaml"), text + "cwd: *a19\n").unwrap();
            survives([web(room, shop, 10).join("run.yaml")])
        },
        &["run.yaml"],
        3,
        0,
    ),
];

/// Replaces the runner's database by these bytes, whatever they are.
fn runner_db(room: &Room, bytes: &[u8]) -> Spoilt {
    let _ = fs::remove_file(room.store.join("otto.db-wal"));
    fs::write(room.store.join("otto.db"), bytes).unwrap();
    survives([room.store.join("otto.db")])
}

const RUNNER: [Case; 6] = [
    case(
        "a runner's database that is none",
        |room, _| runner_db(room, b"SQLite format 3, or so they say"),
        &["otto.db"],
        3,
        0,
    ),
    case("a runner's database that is empty", |room, _| runner_db(room, b""), &[], 0, 0),
    case(
        "a runner's database torn in the middle",
        |room, _| {
            let bytes = fs::read(room.store.join("otto.db")).unwrap();
            runner_db(room, &bytes[..bytes.len() / 2 - 1000])
        },
        &["otto.db"],
        3,
        0,
    ),
    case(
        "a runner's database of a schema that nobody knows",
        |room, _| {
            runner_db(room, b"");
            let db = Connection::open(room.store.join("otto.db")).unwrap();
            db.execute_batch(
            "CREATE TABLE schema_version (version TEXT); INSERT INTO schema_version VALUES ('many');
             CREATE TABLE runs (id BLOB, timestamp TEXT, status, tasks); CREATE VIEW tasks AS SELECT * FROM runs;
             INSERT INTO runs VALUES (x'00', 'now', 7, NULL), (NULL, 1e300, x'ff', 0), (1, -1, '', ''), (1, 9223372036854775807, 'running', 1);",
        )
        .unwrap();
            drop(db);
            survives([room.store.join("otto.db")])
        },
        &[],
        0,
        0,
    ),
    case(
        "a runner's database that is locked",
        |room, _| {
            let db = Connection::open(room.store.join("otto.db")).unwrap();
            db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE runs SET status = 'running'")
                .unwrap();
            Spoilt { holder: Some(db), ..Spoilt::default() }
        },
        &[],
        0,
        0,
    ),
    case(
        "a directory in place of the runner's database",
        |room, _| {
            let _ = fs::remove_file(room.store.join("otto.db-wal"));
            fs::remove_file(room.store.join("otto.db")).unwrap();
            fs::create_dir(room.store.join("otto.db")).unwrap();
            fs::write(room.store.join("otto.db/mine"), "mine").unwrap();
            survives([room.store.join("otto.db")])
        },
        &["otto.db", "not a regular file"],
        3,
        0,
    ),
];

/// A tree that nobody can read to its end: root reads what is forbidden, but not what is too deep.
fn unreadable(room: &Room, shop: &Shop) -> Spoilt {
    let deep = web(room, shop, 70).join("tasks/build").join("d/".repeat(200));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("mine"), "mine").unwrap();
    Spoilt { stays: vec![shop.web(70)], survives: vec![web(room, shop, 70), shop.orphan.clone()], ..Spoilt::default() }
}

const TREES: [Case; 2] = [
    case("a run that cannot be read whole", unreadable, &["deeper than"], 3, 0),
    case(
        "strangers of every kind",
        |room, shop| {
            let places = [
                "photos-deadbeef/2023",
                "1234567890/letters",
                "backups/1700000000",
                "0011aabb",
                "otto.db.bak",
                ".trash/1700000000/tasks",
            ]
            .map(|name| room.store.join(name));
            for place in &places {
                fs::create_dir_all(place).unwrap();
                fs::write(place.join("mine"), "mine").unwrap();
            }
            let in_project = room.store.join(&shop.web).join("notes");
            fs::write(&in_project, "mine").unwrap();
            survives(places.into_iter().chain([in_project]))
        },
        &[],
        0,
        0,
    ),
];

pub(super) fn all() -> impl Iterator<Item = Case> {
    LINKS.into_iter().chain(NODES).chain(NAMES).chain(YAML).chain(RUNNER).chain(TREES)
}
