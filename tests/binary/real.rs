//! A store that real runners wrote, where `OTTO_REAL_STORE` names one; everything happens to a copy.
//!
//! Without the variable the same is asked of a practice store with runs of every era, so that this always shows something.

use super::*;
use std::collections::BTreeMap;

/// A room with a copy of the real store, or a practice store in its stead.
fn room() -> Room {
    let Some(real) = std::env::var_os("OTTO_REAL_STORE") else { return Room::mixed(80) };
    let mut room = Room::empty();
    let mut command = Command::new("/bin/cp");
    let status = command.arg("-a").arg(Path::new(&real)).arg(&room.store).status().unwrap();
    assert!(status.success());
    let _ = fs::remove_dir_all(room.store.join(".catalog"));
    let second = |id: &String| id.rsplit('/').next().unwrap().split('-').next().unwrap().parse::<i64>().unwrap();
    // As if it had been used until a moment ago, whenever that was.
    room.now = room.runs().iter().map(second).max().unwrap() + 2 * HOUR;
    room
}

/// The runner's database, byte for byte.
fn database(room: &Room) -> Vec<(String, Vec<u8>)> {
    let names = crate::support::names_in(&room.store).into_iter().filter(|name| name.starts_with("otto.db"));
    names.map(|name| (name.clone(), fs::read(room.store.join(&name)).unwrap())).collect()
}

#[test]
fn a_real_store_is_listed_run_by_run_and_cleaned_to_the_byte() {
    let room = room();
    let (runs, before, rows) = (room.runs(), room.snapshot(), database(&room));
    assert!(!runs.is_empty());
    let list = room.otto("list --json").json();
    assert_eq!(sorted_ids(&list), runs, "one item for every run directory");
    for item in list.as_array().unwrap() {
        assert_ne!(item["status"], "running", "{item:#}");
    }
    before.assert_same(&room.snapshot(), "a list");
    let usage = room.otto("usage --json").json();
    assert_eq!(usage["total"]["disk_bytes"], room.du().disk);
    assert_eq!(usage["total"]["size_bytes"], room.du().size);
    room.otto("usage").code(0);
    for id in &runs {
        assert_eq!(room.otto_with(&["info", id, "--json"]).json()["run"]["id"], **id);
    }

    let second = |id: &str| id.rsplit('/').next().unwrap().split('-').next().unwrap().parse::<i64>().unwrap();
    let stays: Vec<_> = runs.iter().filter(|id| second(id) >= room.now - 30 * DAY).cloned().collect();
    let whole = room.du();
    let done = room.otto("clean --keep 30 --cache --yes --json").json();
    assert_eq!(room.runs(), stays, "exactly what is older than 30 days goes");
    assert_eq!(room.listed(), stays);
    assert_eq!(done["result"]["freed_disk_bytes"], whole.disk - room.du().disk);
    assert_eq!(done["result"]["freed_size_bytes"], whole.size - room.du().size);
    assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], room.du().disk);
    let after = room.snapshot();
    for id in &stays {
        before.at(id).assert_same(&after.at(id), id);
    }
    assert!(database(&room) == rows, "the runner's database was changed");
    for path in before.0.keys().filter(|path| !after.0.contains_key(*path)) {
        let in_cache = path.components().any(|part| part.as_os_str() == ".cache");
        let in_run = runs.iter().any(|id| !stays.contains(id) && path.starts_with(id.trim_start_matches("./")));
        assert!(in_cache || in_run, "{} went", path.display());
    }
    let again = room.otto("clean --keep 30 --cache --yes --json").json();
    assert_eq!(again["result"]["freed_disk_bytes"], 0);
    after.assert_same(&room.snapshot(), "a second clean");

    let mut room = room;
    room.now += 40 * DAY;
    let whole = room.du();
    let done = room.otto("clean --keep 30 --cache --yes --json").json();
    assert_eq!(room.runs(), Vec::<String>::new(), "forty days later all are old");
    assert_eq!(done["result"]["freed_disk_bytes"], whole.disk - room.du().disk);
    assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], room.du().disk);
    assert!(database(&room) == rows, "the runner's database was changed");
}

#[test]
fn a_real_store_that_was_moved_gives_the_same_list() {
    let room = room();
    let keys = |list: &Value| -> Vec<String> {
        let key = |item: &Value| format!("{} {} {}", item["id"], item["status"], item["tasks_total"]);
        list.as_array().unwrap().iter().map(key).collect()
    };
    let before = keys(&room.otto("list --json").json());
    let moved = room.path("moved");
    fs::rename(&room.store, &moved).unwrap();
    fs::remove_dir_all(moved.join(".catalog")).unwrap();
    let after = keys(&room.otto_with(&["list", "--json", "--home", moved.to_str().unwrap()]).json());
    assert_eq!(after, before);
}

/// What the runner's database says of tasks that ended: run directory, task, status in our words, milliseconds.
fn ended_rows(room: &Room) -> Vec<(String, String, &'static str, i64)> {
    let copy = room.path("otto.db");
    for (name, bytes) in database(room) {
        fs::write(copy.with_file_name(name), bytes).unwrap();
    }
    let db = rusqlite::Connection::open(copy).unwrap();
    let sql = "SELECT stdout_path, name, status, duration_seconds FROM tasks
               WHERE status IN ('completed', 'failed') AND stdout_path IS NOT NULL";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let path: String = row.get(0)?;
        let parts: Vec<&str> = path.split('/').collect();
        let at = parts.iter().position(|part| *part == "tasks").unwrap();
        let status = if row.get::<_, String>(2)? == "failed" { "failed" } else { "success" };
        let seconds: Option<f64> = row.get(3)?;
        Ok((format!("{}/{}", parts[at - 2], parts[at - 1]), row.get(1)?, status, (seconds.unwrap() * 1000.0) as i64))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn history_and_stats_say_what_the_runners_database_says_where_that_is_right() {
    let room = room();
    let rows = ended_rows(&room);
    let in_place = room.runs();
    let mut names: Vec<_> = rows.iter().map(|(_, name, ..)| name.clone()).collect();
    names.sort();
    names.dedup();
    let mut compared = 0;
    for name in names {
        let history = room.otto_with(&["history", &name, "--json"]).json();
        let said: BTreeMap<&str, &Value> =
            history["runs"].as_array().unwrap().iter().map(|run| (run["id"].as_str().unwrap(), &run["task"])).collect();
        let of_name = rows.iter().filter(|(run, task, ..)| *task == name && in_place.contains(run));
        let (mut failed, mut spent) = (0, 0);
        for (run, _, status, ms) in of_name {
            let task = said[run.as_str()];
            assert_eq!((&task["status"], &task["duration_ms"]), (&(*status).into(), &(*ms).into()), "{run} {name}");
            failed += u64::from(*status == "failed");
            spent += ms;
            compared += 1;
        }
        // Runs without a row count too, by their files.
        let other = said.values().filter(|task| task["status_source"] != "runner-db");
        let failed_without_row = other.clone().filter(|task| task["status"] == "failed").count() as u64;
        let spent_without_row: i64 = other.filter_map(|task| task["duration_ms"].as_i64()).sum();
        let outcome = room.otto_with(&["stats", &name, "--json"]).json()["outcome"].clone();
        assert_eq!(outcome["failed"], failed + failed_without_row, "{name}");
        assert_eq!(outcome["spent_ms"], spent + spent_without_row, "{name}");
    }
    assert!(compared > 50, "{compared}");
}
