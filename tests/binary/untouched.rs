//! The runner's files are its own; what is no run is not listed; where a store lies does not matter.

use super::*;
use std::time::{SystemTime, UNIX_EPOCH};

/// What lies directly in the store, with the bytes of the runner's database.
fn beside(store: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let names = crate::support::names_in(store).into_iter().filter(|name| name != ".catalog");
    let bytes = |name: &str| name.starts_with("otto.db").then(|| fs::read(store.join(name)).unwrap());
    names.map(|name| (name.clone(), bytes(&name))).collect()
}

#[test]
fn the_runners_database_is_the_same_to_the_byte_after_every_command() {
    for wal in [practice::WalState::Clean, practice::WalState::LeftBehind, practice::WalState::Everything] {
        let room = Room::empty();
        let mut builder = room.builder();
        for days in [60, 45, 2] {
            builder.run(run("/home/dev/web", days, days == 45)).unwrap();
        }
        builder.runner_db(2, wal).unwrap();
        let before = beside(&room.store);
        let lines = ["list", "info latest", "usage", "index --full", "index --rebuild", "clean --keep 30 --dry-run"];
        for line in lines.iter().chain(&["clean --keep 50 --cache --yes", "clean --cache-only --keep 30 --stale --yes"])
        {
            room.otto(line).code(0);
            assert!(beside(&room.store) == before, "{wal:?}: changed by otto {line}");
        }
        let sources: Vec<_> = room
            .otto("list --json")
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["status_source"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(sources, ["runner-db", "runner-db"], "{wal:?}: rows that were not read");
    }
}

#[test]
fn statuses_come_from_rows_that_only_the_write_ahead_log_has() {
    let (room, shop) = Room::shop();
    // The newest run written is in the log alone.
    let info = room.otto_with(&["info", &shop.api(5), "--json"]).json();
    assert_eq!(info["run"]["status_source"], "runner-db", "{info:#}");
}

/// The lines of a list without what says where the store lies.
fn without_place(room: &Room, store: &Path) -> Vec<String> {
    let home = store.to_str().unwrap();
    let ran = room.otto_with(&["list", "--json", "--home", home]).done();
    ran.replace(home, "STORE").lines().map(str::to_owned).collect()
}

#[test]
fn a_store_that_was_moved_gives_the_same_list() {
    for with_catalog in [true, false] {
        let room = Room::mixed(50);
        let before = without_place(&room, &room.store);
        assert_eq!(before.len(), 52);
        let moved = room.path("moved here");
        fs::rename(&room.store, &moved).unwrap();
        if !with_catalog {
            fs::remove_dir_all(moved.join(".catalog")).unwrap();
        }
        assert_eq!(without_place(&room, &moved), before, "with its catalog: {with_catalog}");
        assert_eq!(without_place(&room, &moved), before, "a second time");
    }
}

#[test]
fn a_copy_is_the_same_store() {
    let room = Room::mixed(50);
    let before = without_place(&room, &room.store);
    let copy = room.path("copy");
    copy_tree(&room.store, &copy);
    let after = without_place(&room, &copy);
    assert_eq!(after.len(), before.len());
    let keys = |lines: &[String]| -> Vec<(String, String)> {
        let items: Value = serde_json::from_str(&lines.join("\n")).unwrap();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        items.as_array().unwrap().iter().map(|item| (text(item, "id"), text(item, "status"))).collect()
    };
    assert_eq!(keys(&after), keys(&before));
}

/// Copies as `cp -r` does: contents and links, no times.
pub(super) fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("/bin/cp").arg("-R").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_store_made_a_moment_ago_is_cleaned_like_any_other() {
    let mut room = Room::empty();
    room.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let project = room.store.join("shop-0a1b2c3d");
    for days in [60, 31, 29, 0] {
        let task = project.join((room.now - days * DAY - 60).to_string()).join("tasks/build");
        fs::create_dir_all(&task).unwrap();
        for log in ["stdout.log", "stderr.log"] {
            fs::write(task.join(log), "").unwrap();
        }
    }
    fs::create_dir(project.join(".cache")).unwrap();
    let listed = room.otto("list").done();
    assert_eq!(listed.lines().count(), 2 + 4, "{listed}");
    let old = |days: i64| project.join((room.now - days * DAY - 60).to_string());
    room.otto("clean --keep 30 --cache --yes").code(0);
    assert!(!old(60).exists() && !old(31).exists() && old(29).exists() && old(0).exists());
    // A copy is new all over, and old all the same.
    let copy = room.path("copy");
    copy_tree(&room.store, &copy);
    room.otto("clean --keep 20 --yes --home copy").code(0);
    assert_eq!(runs_below(&copy).len(), 1);
}

#[test]
fn what_merely_looks_like_a_run_is_neither_listed_nor_touched() {
    let (room, _) = Room::shop();
    let strangers =
        ["photos-deadbeef/2023", "photos-deadbeef/1234567890/summer", "1600000000/letters", "backups/1500000000"];
    for stranger in strangers {
        fs::create_dir_all(room.store.join(stranger)).unwrap();
        fs::write(room.store.join(stranger).join("mine.jpg"), stranger).unwrap();
    }
    let places = ["photos-deadbeef", "1600000000", "backups"].map(|place| room.store.join(place));
    let before = places.clone().map(|place| Snapshot::of(&place));
    let listed = room.otto("list").done() + &room.otto("list --json").done();
    for word in ["photos", "2023\"", "1234567890", "1600000000", "1500000000"] {
        assert!(!listed.contains(word), "{word} in\n{listed}");
    }
    for line in ["clean --keep 1s --cache --yes", "clean --cache-only --keep 1s --stale --cache-grace 0 --yes"] {
        room.otto(line).code(0);
    }
    room.otto("clean --keep 1 --project photos --yes").code(2);
    for (place, before) in places.iter().zip(&before) {
        before.assert_same(&Snapshot::of(place), &place.display().to_string());
    }
    let usage = room.otto("usage --json").json();
    assert_eq!(usage["total"]["disk_bytes"], room.du().disk, "what is not ours takes room all the same");
}
