//! What an input can cost: each command has little memory to be had, and has to end in time. Who takes more is killed by its own
//! allocator, which no case may see.

use crate::binary::{Ran, Room, Shop, sorted_ids};
use rusqlite::Connection;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Address space in KiB that a command gets. A store of nine runs takes a tenth of it; the stacks of its threads take most.
const LITTLE: u64 = 192 * 1024;
/// Far more than any of these commands takes, far less than what is quadratic takes.
const IN_TIME: Duration = Duration::from_secs(30);

/// Runs a command line with little memory.
fn with_little(room: &Room, line: &str) -> Ran {
    let mut command = room.seal(Command::new("/bin/sh"));
    // One arena for all threads: each of its own would take address space and no memory.
    command.env("MALLOC_ARENA_MAX", "1").env("RUST_MIN_STACK", "1048576");
    command.args(["-c", &format!("ulimit -v {LITTLE}; exec '{}' {line}", crate::binary::binary())]);
    let begun = Instant::now();
    let ran = Ran::of(command);
    assert!(begun.elapsed() < IN_TIME, "{line} took {:?}", begun.elapsed());
    ran
}

/// A file of a gigabyte that takes no room.
fn gigabyte(path: &Path) {
    hole(path, 1 << 30);
}

fn hole(path: &Path, bytes: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().set_len(bytes).unwrap();
}

/// YAML that unfolds to 10^19 items.
fn unfolding(key: &str) -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let _ = writeln!(text, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    text + key + ": *a19\n"
}

/// What is too large, and where.
type Case = (&'static str, fn(&Room, &Shop), i32);

const CASES: [Case; 19] = [
    ("nothing", |_, _| (), 0),
    ("run.yaml of a gigabyte", |room, shop| gigabyte(&room.store.join(shop.web(10)).join("run.yaml")), 0),
    (
        "run.yaml that unfolds",
        |room, shop| fs::write(room.store.join(shop.web(10)).join("run.yaml"), unfolding("cwd")).unwrap(),
        0,
    ),
    (
        "run.yaml of brackets",
        |room, shop| fs::write(room.store.join(shop.web(10)).join("run.yaml"), "[".repeat(65_000)).unwrap(),
        0,
    ),
    ("logs of a gigabyte", |room, shop| gigabyte(&room.store.join(shop.web(10)).join("tasks/build/stdout.log")), 0),
    ("config.yml of a gigabyte", |room, _| gigabyte(&room.store.join("config.yml")), 2),
    ("config.yml that unfolds", |room, _| fs::write(room.store.join("config.yml"), unfolding("retention")).unwrap(), 2),
    ("config.yml of brackets", |room, _| fs::write(room.store.join("config.yml"), "[".repeat(200_000)).unwrap(), 2),
    ("config.yml of keys", |room, _| fs::write(room.store.join("config.yml"), keys(20_000)).unwrap(), 2),
    ("otto.db of a gigabyte", |room, _| gigabyte(&room.store.join("otto.db")), 0),
    ("a log beside otto.db that does not fit in", |room, _| hole(&room.store.join("otto.db-wal"), LITTLE * 1024), 0),
    ("texts of a hundred megabytes in otto.db", |room, _| large_texts(&room.store.join("otto.db")), 0),
    ("otto.db of a view without end", |room, _| endless_view(&room.store.join("otto.db")), 0),
    ("catalog.db of a gigabyte", |room, _| gigabyte(&room.store.join(".catalog/catalog.db")), 0),
    ("audit.jsonl that does not fit in", |room, _| hole(&room.store.join(".catalog/audit.jsonl"), LITTLE * 1024), 0),
    ("audit.jsonl of brackets", |room, _| brackets(&room.store.join(".catalog/audit.jsonl")), 0),
    (
        "operation.json of a gigabyte",
        |room, _| gigabyte(&room.store.join(".catalog/trash/20260101T000000Z-00000000/operation.json")),
        0,
    ),
    (
        "operation.json of brackets",
        |room, _| brackets(&room.store.join(".catalog/trash/20260101T000000Z-00000000/operation.json")),
        0,
    ),
    ("a lock of a gigabyte", |room, _| gigabyte(&room.store.join(".catalog/lock")), 0),
];

fn keys(number: usize) -> String {
    let mut text = "retention:\n  per_project:\n".to_owned();
    for n in 0..number {
        let _ = writeln!(text, "    nobody-{n}*: {{ keep_dayz: {n} }}");
    }
    text
}

fn brackets(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "[{\"a\":".repeat(1_000_000)).unwrap();
}

fn large_texts(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch("UPDATE runs SET args = zeroblob(100000000), cwd = CAST(zeroblob(100000000) AS TEXT)").unwrap();
}

fn endless_view(path: &Path) {
    fs::remove_file(path).unwrap();
    let _ = fs::remove_file(path.with_extension("db-wal"));
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";
    let db = Connection::open(path).unwrap();
    db.execute_batch(&format!(
        "CREATE VIEW runs AS {endless} SELECT x AS id, 1700000000 AS timestamp, 'success' AS status FROM n;
         CREATE TABLE tasks (id, run_id, name, status)"
    ))
    .unwrap();
}

#[test]
fn no_input_costs_more_than_a_little_memory_and_time() {
    let mut wrong = Vec::new();
    for (what, make, clean) in CASES {
        let (room, shop) = Room::shop();
        make(&room, &shop);
        for (line, code) in [
            ("list --json", 0),
            ("info latest", 0),
            ("usage", 0),
            ("index --rebuild", -1),
            ("audit", -1),
            ("clean --keep 60 --cache --dry-run", clean),
            ("clean --keep 60 --yes", clean),
        ] {
            let ran = with_little(&room, line);
            let fine = if code == -1 { (0..=3).contains(&ran.code) } else { ran.code == code };
            if !fine || ran.stderr.contains("panicked") {
                wrong.push(format!("{what}: {line}: {ran:#?}"));
            }
            if line.starts_with("list") && ran.code == 0 {
                assert_eq!(sorted_ids(&serde_json::from_str(&ran.stdout).unwrap()), shop.all_but(&[]), "{what}");
            }
        }
        let gone = if clean == 0 { vec![shop.web(70), shop.api(90)] } else { Vec::new() };
        if room.runs() != shop.all_but(&gone) {
            wrong.push(format!("{what}: {:?} are left", room.runs()));
        }
    }
    assert!(wrong.is_empty(), "{} went otherwise: {}", wrong.len(), wrong.join("\n"));
}
