//! Cache entries go by reference count: orphans, what a plan frees, and what is named only by runs that may go.

use super::*;

/// Every entry of the caches, relative to the store.
fn entries(room: &Room) -> Vec<PathBuf> {
    let in_cache = |path: &&PathBuf| path.parent().is_some_and(|dir| dir.ends_with(".cache"));
    room.snapshot().0.keys().filter(in_cache).cloned().collect()
}

#[test]
fn cache_takes_what_no_remaining_run_names() {
    let (room, shop) = Room::shop();
    assert_eq!(entries(&room).len(), 9 + 2 + 2);
    room.otto("clean --keep 30 --cache --yes").code(0).says(&["Cache: would remove 6 entries", "younger than 1h: 1"]);
    for (project, days, stays) in [
        (&shop.web, 70, false),
        (&shop.web, 40, false),
        (&shop.api, 35, false),
        (&shop.web, 20, true),
        (&shop.api, 5, true),
    ] {
        assert_eq!(own_script(&room, project, days).exists(), stays, "{project}, {days} days");
    }
    assert!(!shop.orphan.exists() && shop.fresh.exists());
    assert_eq!(entries(&room).len(), 7);
    assert!(crate::support::tree::dangling_scripts(&room.store).is_empty(), "a remaining run lost a script");
    room.otto("clean --keep 30 --cache --cache-grace 30s --yes").code(0);
    assert!(!shop.fresh.exists(), "a grace of 30 s does not protect what is a minute old");
}

#[test]
fn cache_only_takes_orphans_and_lists_what_is_stale() {
    let (room, shop) = Room::shop();
    let dry = room.otto("clean --cache-only --keep 30 --dry-run --json").json();
    assert_eq!(dry["runs"]["delete"].as_array().unwrap().len(), 0);
    assert_eq!(dry["cache"]["stale"].as_array().unwrap().len(), 5, "{dry:#}");
    let ran = room.otto("clean --cache-only --keep 30 --yes").code(0);
    assert!(!shop.orphan.exists() && shop.fresh.exists());
    assert_eq!(entries(&room).len(), 12);
    assert_eq!(room.runs(), shop.all_but(&[]));
    let last = ran.stdout.trim_end().lines().last().unwrap().to_owned();
    assert!(last.contains("otto clean --cache-only --keep 30 --yes --stale"), "{ran:#?}");
    ran.says(&["5 "]);
}

#[test]
fn stale_takes_those_too_and_info_says_that_the_script_is_gone() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    room.otto("clean --cache-only --keep 30 --stale --yes").code(0);
    assert_eq!(room.runs(), shop.all_but(&[]), "a run went with the cache");
    assert_eq!(entries(&room).len(), 7);
    for id in shop.all_but(&[]) {
        before.at(&id).assert_same(&room.snapshot().at(&id), &id);
    }
    let script = |id: &str, task: usize| {
        let info = room.otto_with(&["info", id, "--json"]).json();
        let tasks = info["tasks"].as_array().unwrap().clone();
        let name = if task == 0 { "build" } else { "test" };
        tasks.into_iter().find(|t| t["name"] == name).unwrap()["script"]["exists"].clone()
    };
    assert_eq!(script(&shop.web(70), 1), false);
    assert_eq!(script(&shop.web(70), 0), true, "the script that newer runs share stays");
    assert_eq!(script(&shop.web(10), 1), true);
    room.otto_with(&["info", &shop.web(70)]).code(0).says(&["script: gone"]);
}

#[test]
fn an_entry_that_a_dangling_or_absolute_link_names_stays() {
    let (room, shop) = Room::shop();
    let name = "0badcafe.sh";
    let entry = room.builder().cache_entry(&shop.web, name, b"#!/bin/sh\n", Some(NOW - 9 * DAY)).unwrap();
    let task = room.store.join(shop.web(1)).join("tasks/build");
    let link = task.join("kept.sh");
    let old = format!("/an/old/home/.otto/{}/.cache/{name}", shop.web);
    std::os::unix::fs::symlink(&old, &link).unwrap();
    room.otto("clean --cache-only --yes").code(0);
    assert!(entry.exists() && !shop.orphan.exists());
    fs::remove_file(&link).unwrap();
    room.otto("index --full").code(0);
    room.otto("clean --cache-only --yes").code(0);
    assert!(!entry.exists(), "nothing names it any more");
}

#[test]
fn the_first_plans_layout_is_collected_entry_by_entry() {
    let room = Room::empty();
    let mut builder = room.builder();
    let spec = |days: i64, text: &str| {
        let task = TaskSpec::ok("build").script(text);
        RunSpec::new(Era::B, "/home/dev/old", began(days)).task(task)
    };
    builder.run(spec(60, "echo first\n")).unwrap();
    builder.run(spec(2, "echo second\n")).unwrap();
    let cache = room.store.join(Era::B.project_dir("/home/dev/old")).join(".cache/build");
    assert_eq!(crate::support::names_in(&cache).len(), 2);
    room.otto("clean --keep 30 --cache --yes").code(0);
    assert_eq!(crate::support::names_in(&cache).len(), 1);
    assert!(crate::support::tree::dangling_scripts(&room.store).is_empty());
}

#[test]
fn an_empty_cache_and_the_project_directory_stay() {
    let (room, shop) = Room::shop();
    fs::remove_file(&shop.fresh).unwrap();
    room.otto("clean --keep 1s --keep-failed 0 --cache --yes").code(0);
    assert_eq!(room.runs(), Vec::<String>::new());
    assert_eq!(entries(&room), Vec::<PathBuf>::new());
    assert!(room.store.join(&shop.web).join(".cache").is_dir() && room.store.join(&shop.api).join(".cache").is_dir());
    assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], room.du().disk);
}
