//! A catalog that is damaged, newer, locked, no catalog, or in a place that goes away: it is derived, so everything is answered
//! all the same, and nothing is lost. A directory that comes and goes while everybody looks.

use crate::binary::{Ran, Room, Shop, sorted_ids};
use crate::support::names_in;
use rusqlite::Connection;
use rustix::fs::FileType;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What becomes of the catalog's file.
type Damage = (&'static str, fn(&Path));

const DAMAGES: [Damage; 9] = [
    ("garbage", |path| fs::write(path, "this is no database, however long one looks at it".repeat(100)).unwrap()),
    ("empty", |path| fs::write(path, "").unwrap()),
    ("torn in the middle", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }),
    ("a bare header", |path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..100]).unwrap();
    }),
    ("every page overwritten", |path| {
        let mut bytes = fs::read(path).unwrap();
        for page in bytes.chunks_mut(8192).skip(1) {
            page[..64].fill(0xa5);
        }
        fs::write(path, bytes).unwrap();
    }),
    ("a directory", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        fs::write(path.join("mine"), "mine").unwrap();
    }),
    ("a pipe", |path| {
        fs::remove_file(path).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, mode, 0).unwrap();
    }),
    ("a link to nothing", |path| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("nothing", path).unwrap();
    }),
    ("somebody's database", |path| {
        fs::remove_file(path).unwrap();
        let letters = "CREATE TABLE letters (text TEXT); INSERT INTO letters VALUES ('dear')";
        Connection::open(path).unwrap().execute_batch(letters).unwrap();
    }),
];

/// A shop whose catalog is there, its log folded back.
fn shop() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    room.otto("index").code(0);
    let folded = Connection::open(room.store.join(".catalog/catalog.db")).unwrap();
    folded.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    (room, shop)
}

#[track_caller]
fn lists_all(ran: &Ran, shop: &Shop) {
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(sorted_ids(&serde_json::from_str(&ran.stdout).unwrap()), shop.all_but(&[]), "{ran:#?}");
}

#[test]
fn a_catalog_that_is_damaged_is_set_aside_with_one_notice_whatever_comes_first() {
    for (what, damage) in DAMAGES {
        for line in ["list --json", "usage --json", "clean --keep 30 --yes", "clean --keep 30 --dry-run", "index"] {
            let (room, shop) = shop();
            let before = room.snapshot();
            damage(&room.store.join(".catalog/catalog.db"));
            let ran = room.otto(line).code(0);
            assert!(!ran.stderr.contains("panicked"), "{what}: {line}: {ran:#?}");
            if line.starts_with("list") {
                lists_all(&ran, &shop);
            }
            if line.contains("--yes") {
                let gone = [shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
                assert_eq!(room.runs(), shop.all_but(&gone), "{what}: {ran:#?}");
            } else {
                before.assert_same(&room.snapshot(), &format!("{what}: {line}"));
            }
            let aside = names_in(&room.store.join(".catalog")).iter().any(|name| name.contains("damaged"));
            assert_eq!(ran.stderr.lines().count(), 1, "{what}: {line}: {ran:#?}");
            assert!(aside && ran.stderr.contains("a new one was built"), "{what}: {line}: {ran:#?}");
            assert_eq!(room.listed(), room.runs(), "{what}: and it goes on");
        }
    }
}

#[test]
fn a_catalog_of_a_newer_program_is_left_alone_and_everything_is_answered_from_memory() {
    let (room, shop) = shop();
    let path = room.store.join(".catalog/catalog.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9999).unwrap();
    let (bytes, before) = (fs::read(&path).unwrap(), room.snapshot());
    for line in ["list --json", "info latest", "usage", "clean --keep 30 --dry-run"] {
        let ran = room.otto(line).code(0);
        assert_eq!(ran.stderr.lines().count(), 1, "one notice: {ran:#?}");
        assert!(ran.stderr.contains("has schema 9999, and this otto knows up to"), "{ran:#?}");
        if line.starts_with("list") {
            lists_all(&ran, &shop);
        }
    }
    room.otto("clean --keep 30 --yes").refused(1, &["has schema 9999"]);
    before.assert_same(&room.snapshot(), "a newer catalog");
    assert!(fs::read(&path).unwrap() == bytes, "it was written");
}

#[test]
fn a_catalog_that_somebody_else_has_locked_holds_up_nobody_for_long() {
    let (room, shop) = shop();
    let before = room.snapshot();
    let holder = Connection::open(room.store.join(".catalog/catalog.db")).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    lists_all(&room.otto("list --json"), &shop);
    room.otto("info latest").code(0);
    room.otto("usage").code(0);
    // Something to write down makes the difference: the refresh meets the lock.
    room.builder().run(crate::binary::run("/home/dev/web", 2, false)).unwrap();
    let ran = room.otto("list --json").code(0);
    assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&ran.stdout).unwrap().len(), 10, "{ran:#?}");
    let ran = room.otto("clean --keep 30 --yes").code(1);
    assert!(ran.stderr.contains("locked"), "{ran:#?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    let lost = before.difference(&room.snapshot());
    assert!(lost.iter().all(|line| line.starts_with("+ ") || line.starts_with("! otto.db")), "{lost:?}");
    room.otto("clean --keep 30 --yes").code(0);
    assert_eq!(room.listed(), room.runs());
}

/// The run ended long ago, and its end is recorded: nothing else would ever look at it again.
#[test]
fn tasks_that_were_away_when_their_run_was_looked_at_are_found_again() {
    let (room, shop) = Room::shop();
    room.otto("list").code(0);
    let (tasks, aside) = (room.store.join(shop.web(10)).join("tasks"), room.path("aside"));
    fs::rename(&tasks, &aside).unwrap();
    room.otto("index --full").code(0);
    fs::rename(&aside, &tasks).unwrap();
    room.otto("clean --keep 60 --cache --yes").code(0);
    assert_eq!(crate::support::tree::dangling_scripts(&room.store), Vec::<std::path::PathBuf>::new());
}

#[test]
fn directories_that_come_and_go_while_everybody_looks_are_neither_lost_nor_in_the_way() {
    let (room, shop) = Room::shop();
    let over = AtomicBool::new(false);
    let aside = room.path("aside");
    fs::create_dir(&aside).unwrap();
    let run = room.store.join(shop.web(10));
    let before = crate::support::tree::Snapshot::of(&run);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let places = [run.clone(), run.join("tasks"), room.store.join(&shop.web).join(".cache")];
            while !over.load(Ordering::Relaxed) {
                for place in &places {
                    fs::rename(place, aside.join("it")).unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                    fs::rename(aside.join("it"), place).unwrap();
                    std::thread::sleep(Duration::from_micros(300));
                }
            }
        });
        for round in 0..6 {
            for line in ["list --json", "index --full", "usage", "clean --keep 60 --yes"] {
                let ran = room.otto(line);
                // What goes while it is looked at is told, skipped, or not there: each of these is right at its moment.
                let codes: &[i32] = if line.starts_with("clean") { &[0, 1, 3] } else { &[0, 3] };
                let fine = codes.contains(&ran.code) && !ran.stderr.contains("panicked");
                over.fetch_or(!fine, Ordering::Relaxed);
                assert!(fine, "round {round}: {line}: {ran:#?}");
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    before.assert_same(&crate::support::tree::Snapshot::of(&run), "what came and went");
    // Only now: what a run names that is not there, nobody knows.
    room.otto("clean --keep 60 --cache --yes").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.api(90)]));
    assert_eq!(room.listed(), room.runs());
    assert_eq!(names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());
    assert_eq!(crate::support::tree::dangling_scripts(&room.store), Vec::<std::path::PathBuf>::new());
}
