//! The trash: what `clean --trash` says and keeps, what comes back, what is let go, and at what price.

use super::*;
use crate::support::tree::dangling_scripts;
use std::os::unix::fs::MetadataExt as _;

/// A shop after a clean into the trash; with what was there before.
fn trashed() -> (Room, Shop, Snapshot) {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    room.otto("clean --keep 30 --cache --trash --yes").code(0);
    (room, shop, before)
}

/// The runs of a shop that are older than 30 days.
fn old(shop: &Shop) -> Vec<String> {
    let mut runs = vec![shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
    runs.sort();
    runs
}

fn kept(room: &Room) -> Vec<String> {
    let list = room.otto("trash list --json").json();
    let operations = list["operations"].as_array().unwrap();
    let mut ids: Vec<_> = operations.iter().flat_map(|operation| ids(&operation["runs"])).collect();
    ids.sort();
    ids
}

#[test]
fn a_clean_into_the_trash_says_until_when_and_undo_brings_all_of_it_back() {
    let (room, shop) = Room::shop();
    let (before, listed) = (room.snapshot(), room.otto("list --json").done());
    let dry = room.otto("clean --keep 30 --cache --trash --dry-run").done();
    for words in ["Total: 5 runs and 6 cache entries, ", "into the trash until 2025-06-29 15:06:40; frees nothing"] {
        assert!(dry.contains(words), "no `{words}` in {dry}");
    }
    let done = room.otto("clean --keep 30 --cache --trash --yes").done();
    let words = ["trashed ", "In the trash: 5 runs and 6 cache entries", "until 2025-06-29 15:06:40", "otto undo\n"];
    for words in words {
        assert!(done.contains(words), "no `{words}` in {done}");
    }
    for wrong in ["removed", "Freed", "permanently", "cannot be undone"] {
        assert!(!done.contains(wrong), "`{wrong}` in {done}");
    }
    assert_eq!(room.runs(), shop.all_but(&old(&shop)));
    assert_eq!(room.listed(), room.runs());
    assert_eq!(kept(&room), old(&shop));
    let undone = room.otto("undo").done();
    assert!(undone.contains("Restored: 5 runs (") && undone.contains("and 6 cache entries\n"), "{undone}");
    before.assert_same(&room.snapshot(), "undone");
    assert_eq!(room.otto("list --json").done(), listed);
    assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());
    let again = room.otto("undo").code(0);
    assert_eq!((again.stdout.as_str(), again.stderr.lines().count()), ("Nothing was restored.\n", 2), "{again:#?}");
    again.complains(&["nothing in the trash that can be restored", "removed 5 runs and 6 cache entries: restored or"]);
}

#[test]
fn the_configuration_keeps_a_trash_and_permanent_does_without_for_once() {
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), "trash: { keep_days: 3 }\n").unwrap();
    let done = room.otto("clean --keep 60 --yes").done();
    assert!(done.contains("until 2025-06-18 15:06:40"), "{done}");
    assert_eq!(kept(&room).len(), 2);
    // With the flag as well, the time of the configuration holds.
    let dry = room.otto("clean --keep 30 --trash --dry-run").done();
    assert!(dry.contains("until 2025-06-18 15:06:40"), "{dry}");
    let done = room.otto("clean --keep 45 --permanent --yes").done();
    assert!(done.contains("removed ") && done.contains("Freed: "), "{done}");
    assert_eq!(kept(&room).len(), 2);
    assert!(room.runs().contains(&shop.web(40)) && !room.runs().contains(&shop.web(50)));
    room.otto("clean --trash --permanent --yes").refused(2, &["--trash", "--permanent"]);
}

#[test]
fn what_is_wrong_with_the_trash_in_the_configuration_stops_everything() {
    let cases: &[(&str, &[&str])] = &[
        ("trash: { keep_dayz: 14 }\n", &["line 1", "trash.keep_dayz", "`keep_days`"]),
        ("trash: {}\n", &["line 1", "`trash`", "keep_days"]),
        ("trash: true\n", &["line 1", "`trash`", "`true`"]),
        ("trash:\n  keep_days: 0\n", &["line 2", "trash.keep_days", "above zero"]),
        ("trash:\n  keep_days: [14]\n", &["line 2", "trash.keep_days", "a list"]),
        ("trash: { keep_days: 14 }\ntrash: { keep_days: 7 }\n", &["line 2", "already stated"]),
        ("trsah: { keep_days: 14 }\n", &["line 1", "trsah", "`trash`"]),
    ];
    for (text, words) in cases {
        let (room, _) = Room::shop();
        fs::write(room.store.join("config.yml"), text).unwrap();
        let before = room.snapshot();
        room.otto("clean --yes").refused(2, words).complains(&["config.yml", "nothing was deleted"]);
        room.otto("clean --permanent --yes").refused(2, words);
        before.assert_same(&room.snapshot(), text);
    }
}

#[test]
fn the_question_says_whether_it_can_be_undone() {
    let (room, shop) = Room::shop();
    let ran = room.at_terminal("clean --keep 30 --trash", "n\n").code(4);
    ran.complains(&["This moves 5 runs (", "to the trash. Until 2025-06-29 15:06:40 `otto undo` brings them back."]);
    let ran = room.at_terminal("clean --keep 30 --trash", "n\n");
    assert!(!ran.stderr.contains("permanently") && !ran.stderr.contains("cannot be undone"), "{ran:#?}");
    room.at_terminal("clean --keep 30", "n\n").code(4).complains(&["permanently and cannot be undone"]);
    assert_eq!(room.runs(), shop.all_but(&[]));
    room.at_terminal("clean --keep 30 --trash", "y\n").code(0);
    assert_eq!(kept(&room), old(&shop));
    let ran = room.at_terminal("trash empty", "n\n").code(4);
    ran.complains(&["This deletes 5 runs and 0 cache entries (", "permanently and cannot be undone."]);
    assert_eq!(kept(&room), old(&shop));
    room.at_terminal("trash empty", "y\n").code(0);
    assert_eq!(kept(&room), [""; 0]);
}

#[test]
fn runs_are_restored_by_name_and_from_standard_input() {
    let (room, shop, before) = trashed();
    let one = room.otto_with(&["trash", "restore", &shop.web(50)]).done();
    assert!(one.contains(&format!("restored {}", shop.web(50))), "{one}");
    before.at(&shop.web(50)).assert_same(&room.snapshot().at(&shop.web(50)), "the run");
    assert_eq!(dangling_scripts(&room.store), Vec::<PathBuf>::new());
    assert!(own_script(&room, &shop.web, 50).exists(), "its own script came with it");
    assert!(!own_script(&room, &shop.web, 40).exists());
    assert_eq!(kept(&room).len(), 4);
    room.otto_with(&["trash", "restore", &shop.web(50)]).refused(2, &[&shop.web(50), "in its place"]);
    room.otto_with(&["info", &shop.web(40)]).refused(2, &["trashed", &format!("otto trash restore {}", shop.web(40))]);
    room.otto("trash restore 99999").refused(2, &["99999"]);
    room.otto("trash restore latest-99").refused(2, &["nothing in the trash is `latest-99`", "otto trash list"]);
    room.shell("otto trash list --json | jq -r '.operations[].runs[].id' | otto trash restore -").code(0);
    assert_eq!(room.runs(), shop.all_but(&[]));
    // The orphan that no run names is left: undo brings it back.
    assert!(!shop.orphan.exists());
    room.otto("undo").code(0);
    before.assert_same(&room.snapshot(), "all of it");
}

#[test]
fn a_run_that_has_appeared_meanwhile_is_never_overwritten_and_the_exit_code_says_so() {
    let (room, shop, before) = trashed();
    let place = room.store.join(shop.web(40));
    fs::create_dir(&place).unwrap();
    let inode = fs::metadata(&place).unwrap().ino();
    let ran =
        room.otto("undo").code(3).says(&[&format!("skipped  {}", shop.web(40)), "something else is in its place"]);
    assert!(ran.stdout.contains("Restored: 4 runs"), "{ran:#?}");
    assert_eq!(fs::metadata(&place).unwrap().ino(), inode);
    assert!(fs::read_dir(&place).unwrap().next().is_none());
    fs::remove_dir(&place).unwrap();
    // The row in otto.db proved the directory a run: nothing is decided about ours any more, and recovery puts it back.
    room.otto("undo");
    before.assert_same(&room.snapshot(), "all of it");
}

#[test]
fn what_is_gone_for_good_is_said_with_the_way_back_that_is_left() {
    let (room, _) = Room::shop();
    room.otto("undo").code(0).complains(&["nothing in the trash that can be restored\n"]);
    room.otto("clean --keep 45 --yes").code(0);
    let none = room.otto("undo").code(0).complains(&["removed 3 runs: for good", "`otto clean --trash`"]);
    assert_eq!(none.stdout, "Nothing was restored.\n");
    assert!(!room.otto("undo --dry-run").code(0).stdout.contains("To do it"));
    fs::create_dir(room.path("archives")).unwrap();
    room.otto("clean --keep 30 --yes --archive archives").code(0);
    let (archived, command) = (room.otto("undo"), "hint: they are in an archive: otto ");
    let words = archived.stderr.lines().find_map(|line| line.strip_prefix(command)).unwrap();
    room.otto(words).code(0);
    room.otto("undo --json").code(0);
}

#[test]
fn emptying_needs_a_yes_and_frees_what_it_says() {
    let (room, shop, _) = trashed();
    let plan = room.otto("trash empty --dry-run --json").json();
    let ran = room.otto("trash empty").code(4).complains(&["no terminal", "--yes", "nothing was deleted"]);
    assert!(ran.stdout.contains("Total: 5 runs and 6 cache entries, freeing "), "{ran:#?}");
    room.otto("trash empty --json").code(4);
    assert_eq!(kept(&room), old(&shop));
    let nothing = room.otto("trash empty --older-than 1h --yes").done();
    assert_eq!(nothing, "Nothing to delete.\n");
    let (store, whole) = (room.du(), du_with_self(&room.store.join(".catalog/trash")));
    let done = room.otto("trash empty --yes --json").json();
    let freed = done["result"]["freed_disk_bytes"].as_u64().unwrap();
    assert_eq!(plan["frees_disk_bytes"], freed);
    assert_eq!(sorted_ids_of(&done["result"]["deleted_runs"]), old(&shop));
    assert_eq!(room.du(), store, "nothing of the store itself");
    assert!(whole.disk - du_with_self(&room.store.join(".catalog/trash")).disk >= freed);
    assert_eq!(room.otto("undo").code(0).stdout, "Nothing was restored.\n");
}

fn sorted_ids_of(items: &Value) -> Vec<String> {
    let mut ids: Vec<_> = items.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn the_trash_expires_with_the_next_deleting_command() {
    let (mut room, shop, _) = trashed();
    room.now = NOW + 14 * DAY - 1;
    room.otto("clean --keep 365 --yes").code(0);
    assert_eq!(kept(&room), old(&shop));
    room.now = NOW + 14 * DAY;
    room.otto("list").code(0);
    assert_eq!(kept(&room), old(&shop), "who only reads deletes nothing");
    let dry = room.otto("clean --keep 365 --dry-run").code(0);
    dry.complains(&["would also delete 11 items whose time in the trash is over"]);
    let ran = room.otto("clean --keep 365 --yes").code(0);
    ran.complains(&["deleted 11 items whose time in the trash was over, freeing "]);
    assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());
    assert_eq!(dangling_scripts(&room.store), Vec::<PathBuf>::new());
}

#[test]
fn usage_counts_the_trash_apart_and_recommends_to_empty_it() {
    let (room, shop) = Room::shop();
    let before = room.otto("usage --json").json();
    room.otto("clean --keep 30 --cache --trash --yes").code(0);
    let usage = room.otto("usage --json").json();
    assert_eq!(usage["total"]["disk_bytes"], room.du().disk, "the total is without the trash");
    assert_eq!((&usage["trash"]["runs"], &usage["trash"]["operations"]), (&Value::from(5), &Value::from(1)));
    let trash = usage["trash"]["disk_bytes"].as_u64().unwrap();
    let frees = usage["recommendations"].as_array().unwrap().iter().find(|r| r["kind"] == "trash").unwrap();
    assert_eq!(frees["command"], "otto trash empty");
    // What is in the trash and has a name in the store as well is counted there, and only there.
    let gone = before["total"]["disk_bytes"].as_u64().unwrap() - usage["total"]["disk_bytes"].as_u64().unwrap();
    // Beside what left the store there are only directories of ours.
    let frees = frees["frees_disk_bytes"].as_u64().unwrap();
    assert!(gone <= frees && frees <= gone + 5 * 4096 && frees <= trash, "{gone} {frees} {trash}");
    let text = room.otto("usage").done();
    assert!(text.contains("(5 runs, 1 operation)") && text.contains("Empty the trash (5 runs): would free"), "{text}");
    // With a trash in the configuration, what `usage` recommends frees nothing at once, and it says so.
    room.otto("undo").code(0);
    fs::write(room.store.join("config.yml"), "trash: { keep_days: 3 }\n").unwrap();
    let usage = room.otto("usage --json").json();
    let old_runs = &usage["recommendations"][0];
    assert_eq!((&old_runs["kind"], &old_runs["frees_disk_bytes"]), (&Value::from("old-runs"), &Value::from(0)));
    assert!(old_runs["trash_disk_bytes"].as_u64().unwrap() > 0);
    assert!(room.otto("usage").done().contains("Clean runs older than 30 days (5 runs): "));
    assert_eq!(room.runs(), shop.all_but(&[]));
}

#[test]
fn an_operation_is_undone_by_its_name_or_the_beginning_of_it() {
    let (room, shop) = Room::shop();
    let first = room.otto("clean --keep 60 --trash --yes --json").json();
    room.otto("clean --keep 30 --trash --yes").code(0);
    let first = first["result"]["operation"].as_str().unwrap().to_owned();
    room.otto("undo 2").refused(2, &["begins several operations", &first]);
    room.otto("undo nothing").refused(2, &["no operation `nothing`"]);
    room.otto_with(&["undo", ""]).refused(2, &["empty"]);
    let undone = room.otto_with(&["undo", &first]).done();
    assert!(undone.contains(&shop.web(70)) && !undone.contains(&shop.web(50)), "{undone}");
    room.otto_with(&["undo", &first]).refused(2, &["no operation"]);
    room.otto("undo").code(0);
    assert_eq!(room.runs(), shop.all_but(&[]));
}

#[test]
fn a_dry_run_of_each_changes_nothing() {
    let (room, shop, _) = trashed();
    let trash = room.store.join(".catalog/trash");
    let (before, held) = (room.snapshot(), Snapshot::of(&trash));
    let restore = format!("trash restore {} --dry-run", shop.web(40));
    for line in ["undo --dry-run", "trash empty --dry-run", &restore] {
        let ran = room.otto(line).code(0);
        let bare = line.replace(" --dry-run", "");
        assert!(ran.stdout.ends_with(&format!("Nothing was changed. To do it: otto {bare}\n")), "{ran:#?}");
        before.assert_same(&room.snapshot(), line);
        held.assert_same(&Snapshot::of(&trash), line);
    }
}

#[test]
fn a_command_for_another_store_says_so_in_its_advice() {
    let (room, _) = Room::shop();
    let elsewhere = room.path("elsewhere");
    fs::rename(&room.store, &elsewhere).unwrap();
    let ran = room.otto("clean --home elsewhere --keep 30 --trash --yes").code(0);
    assert!(ran.stdout.ends_with("To undo it: otto --home elsewhere undo\n"), "{ran:#?}");
    room.otto("--home elsewhere undo").code(0).says(&["Restored: 5 runs"]);
}

#[test]
fn what_a_clean_kept_survives_the_loss_of_the_catalog() {
    for lose in ["catalog", "rebuild"] {
        let (room, shop, before) = trashed();
        match lose {
            "rebuild" => drop(room.otto("index --rebuild").code(0)),
            _ => {
                for name in crate::support::names_in(&room.store.join(".catalog")) {
                    if name.starts_with("catalog.db") {
                        fs::remove_file(room.store.join(".catalog").join(name)).unwrap();
                    }
                }
            }
        }
        // A clean recovers first: it must neither put back nor finish what waits.
        room.otto("clean --keep 365 --yes").code(0);
        assert_eq!(kept(&room), old(&shop), "{lose}");
        assert_eq!(room.runs(), shop.all_but(&old(&shop)), "{lose}");
        room.otto("undo").code(0);
        before.assert_same(&room.snapshot(), lose);
    }
}

#[test]
fn the_audit_log_says_what_came_back_and_what_was_let_go() {
    let (room, shop, _) = trashed();
    room.otto_with(&["trash", "restore", &shop.web(40)]).code(0);
    room.otto("trash empty --yes").code(0);
    let log = fs::read_to_string(room.store.join(".catalog/audit.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).cloned().collect::<Vec<_>>();
    let operation = &of("removed")[0]["operation"];
    assert_eq!(of("removed")[0]["keep_until"], NOW + 14 * DAY);
    let restored = of("restored");
    assert_eq!(restored[0]["runs"][0]["run"], shop.web(40).rsplit('/').next().unwrap());
    assert_eq!(
        (&restored[0]["removed_by"], restored[0]["command"].as_str().unwrap().contains("restore")),
        (operation, true)
    );
    let emptied = of("emptied");
    assert_eq!(emptied[0]["runs"].as_array().unwrap().len(), 4);
    assert_eq!(&emptied[0]["removed_by"], operation);
    assert!(emptied[0]["freed_disk_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn bringing_back_asks_nothing_and_takes_the_word_that_would_answer() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    for line in ["undo", "undo --yes", "undo -y", "trash restore --yes", "trash restore -y"] {
        room.otto("clean --keep 30 --trash --yes").code(0);
        let runs = if line.starts_with("trash") { old(&shop).join(" ") } else { String::new() };
        room.otto(&format!("{line} {runs}")).code(0);
        before.assert_same(&room.snapshot(), line);
    }
}
