//! Pins and tags as their users meet them.

use super::*;
use crate::support::log::Told;
use otto_catalog::audit::Event;
use otto_catalog::report::schema;

/// Holds a value against the schema of that name.
#[track_caller]
fn fits(name: &str, value: &Value) {
    let schema = serde_json::from_str(schema(name).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path)).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}");
}

fn kinds(room: &Room) -> Vec<&'static str> {
    Told::of(&room.store).lines.iter().map(|line| line.event.kind()).collect()
}

#[test]
fn a_pin_has_a_note_a_date_and_who_set_it_and_info_shows_them() {
    let (room, shop) = Room::shop();
    let room = room.with("USER", "ada");
    let old = shop.web(70);
    assert_eq!(
        room.otto_with(&["pin", &old, "--note", "for the audit"]).done(),
        format!("{old}: pinned (for the audit)\n")
    );
    let info = room.otto_with(&["info", &old]).done();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert!(info.contains(&format!("Pinned: 2025-06-15 15:06:40 by ada@{host} (for the audit)\n")), "{info}");
    let info = room.otto_with(&["info", &old, "--json"]).json();
    fits("otto.info/1", &info);
    assert_eq!(info["run"]["pinned"], true);
    assert_eq!(
        (&info["pin"]["note"], &info["pin"]["pinned_at"]),
        (&Value::from("for the audit"), &Value::from("2025-06-15T15:06:40Z"))
    );
    let other = room.otto_with(&["info", &shop.web(50), "--json"]).json();
    assert!(other["pin"].is_null() && other["run"]["pinned"] == false, "{other:#}");
    assert_eq!(ids(&room.otto("list --pinned --json").json()), std::slice::from_ref(&old));
    let pinned = Told::of(&room.store).lines.pop().unwrap();
    assert_eq!((pinned.head.who, pinned.head.timestamp), (format!("ada@{host}"), NOW));
    assert_eq!(pinned.head.command, format!("otto pin {old} --note 'for the audit'"));
}

#[test]
fn pinning_again_says_so_and_a_new_note_replaces_the_old_one() {
    let (mut room, shop) = Room::shop();
    let old = shop.web(70);
    room.otto_with(&["pin", &old]).done();
    room.now += DAY;
    assert_eq!(room.otto_with(&["pin", &old]).done(), format!("{old}: pinned already, 2025-06-15 15:06:40\n"));
    let said = room.otto_with(&["pin", &old, "--note", "why"]).done();
    assert_eq!(said, format!("{old}: the pin has another note now (why)\n"));
    let said = room.otto_with(&["pin", &old, "--note", "why"]).done();
    assert_eq!(said, format!("{old}: pinned already, 2025-06-16 15:06:40 (why)\n"));
    assert_eq!(room.otto_with(&["pin", &old, "--note", ""]).done(), format!("{old}: the pin has no note now\n"));
    assert_eq!(kinds(&room), ["pinned", "pinned", "pinned"], "what changes nothing is not logged");
    assert_eq!(room.otto_with(&["unpin", &old]).done(), format!("{old}: unpinned\n"));
    assert_eq!(room.otto_with(&["unpin", &old]).done(), format!("{old}: is not pinned\n"));
    assert_eq!(kinds(&room).len(), 4);
    assert_eq!(room.otto("list --pinned --json").json(), Value::Array(Vec::new()));
}

#[test]
fn every_run_named_is_marked_or_none_is() {
    let (room, shop) = Room::shop();
    let (one, two) = (shop.web(70), shop.api(90));
    room.otto_with(&["pin", &one, &two, "nobody:latest"]).refused(2, &["no project `nobody`"]);
    room.otto_with(&["tag", &one, &two, "1234567", "+a"]).refused(2, &["no run `1234567`"]);
    assert_eq!(room.otto("list --pinned --json").json(), Value::Array(Vec::new()));
    assert!(!room.store.join(".catalog/audit.jsonl").exists());
    let said = room.otto_with(&["pin", &one, &two, &one, "web:latest-5"]).done();
    assert_eq!(said, format!("{one}: pinned\n{two}: pinned\n"), "a run named three times is one run");
}

#[test]
fn runs_are_read_from_standard_input_while_whoever_writes_them_needs_the_store_too() {
    let (room, _) = Room::shop();
    let ran = room.shell(
        "otto list --json --status failed | tr ',' '\\n' | sed -n 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/p' | otto pin -",
    );
    let failed = ids(&room.otto("list --status failed --json").json());
    assert_eq!(failed.len(), 3);
    let lines: Vec<String> = failed.iter().map(|id| format!("{id}: pinned")).collect();
    assert_eq!(ran.done().lines().collect::<Vec<_>>(), lines);
    assert_eq!(ids(&room.otto("list --pinned --json").json()), failed);
    // Whoever writes is slow, and needs the lock at the end: it is not held while we read.
    let ran = room.shell("(sleep 1; otto index >&2; echo latest) | otto unpin -");
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ran = room.shell("true | otto pin -").code(0).complains(&["no runs"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn tags_are_set_and_taken_off_and_found() {
    let (room, shop) = Room::shop();
    let (one, two) = (shop.web(70), shop.api(90));
    let said = room.otto_with(&["tag", &one, &two, "+release", "+v1.2"]).done();
    assert_eq!(said, format!("{one}: release, v1.2\n{two}: release, v1.2\n"));
    assert_eq!(room.otto_with(&["tag", &two, "-v1.2", "+draft"]).done(), format!("{two}: draft, release\n"));
    assert_eq!(room.otto_with(&["tag", &two, "+draft"]).done(), format!("{two}: draft, release (as before)\n"));
    let tagged = |line: &str| sorted_ids(&room.otto(&format!("list --json {line}")).json());
    let mut both = vec![one.clone(), two.clone()];
    both.sort();
    assert_eq!(tagged("--tag release"), both);
    assert_eq!(tagged("--tag release --tag draft"), std::slice::from_ref(&two));
    assert_eq!(tagged("--tag release --project web"), std::slice::from_ref(&one));
    assert_eq!(tagged("--tag release --limit 1").len(), 1);
    assert_eq!(tagged("--tag gone"), [""; 0]);
    let info = room.otto_with(&["info", &two]).done();
    assert!(info.contains("Tags: draft, release\n"), "{info}");
    let said = room.otto_with(&["tag", &two, "-draft", "-release", "--json"]).json();
    fits("otto.tag/1", &said);
    assert_eq!(said["runs"][0]["run"]["tags"], Value::Array(Vec::new()));
    assert_eq!(said["runs"][0]["changed"], true);
    assert_eq!(kinds(&room).len(), 3);
}

#[test]
fn what_is_no_tag_is_refused() {
    let (room, shop) = Room::shop();
    let one = shop.web(70);
    for (words, why) in [
        (vec!["+a b"], "a blank"),
        (vec!["+a,b"], "a comma"),
        (vec!["+"], "empty"),
        (vec!["++a"], "begins with `+`"),
        (vec!["+a", "-a"], "contradict"),
        (vec![], "no tag is named"),
    ] {
        let arguments: Vec<&str> = ["tag", &one].into_iter().chain(words).collect();
        room.otto_with(&arguments).refused(2, &[why]);
    }
    room.otto("tag +a").refused(2, &["no run is named"]);
    room.otto("tag").code(2);
    assert!(!room.store.join(".catalog/audit.jsonl").exists());
}

#[test]
fn a_list_shows_marks_only_when_asked_for_more() {
    let (room, shop) = Room::shop();
    let one = shop.web(70);
    let plain = room.otto("list").done();
    room.otto_with(&["pin", &one, "--note", "for the audit"]).done();
    room.otto_with(&["tag", &one, "+release"]).done();
    assert_eq!(room.otto("list").done(), plain);
    let verbose = room.otto("list -v").done();
    let line = verbose.lines().find(|line| line.contains("+release")).unwrap();
    assert!(line.ends_with("  pinned (for the audit) +release"), "{line}");
    let item = &room.otto("list --json --pinned").json()[0];
    assert_eq!((&item["pinned"], &item["tags"][0]), (&Value::from(true), &Value::from("release")));
    assert_eq!(item["pin_note"], "for the audit");
    assert_eq!(room.otto("list --format csv --fields pin_note --pinned").done(), "pin_note\r\nfor the audit\r\n");
    let long = format!("+{}", "x".repeat(70));
    room.otto_with(&["tag", &one, &long]).done();
    let narrow = room.with("COLUMNS", "60").otto("list -v").done();
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn nothing_on_the_command_line_removes_a_pinned_run_or_what_it_names() {
    let (room, shop) = Room::shop();
    let (one, entry) = (shop.web(70), own_script(&room, &shop.web, 70));
    room.otto_with(&["pin", &one, "--note", "evidence"]).done();
    let ran = room.otto_with(&["clean", "--run", &one, "--yes"]);
    ran.refused(5, &[&one, "pinned since 2025-06-15 15:06:40 by ", ": evidence", "otto unpin"]);
    for line in [
        "clean --keep 1d --cache --yes",
        "clean --cache-only --keep 1d --stale --cache-grace 0s --yes",
        "clean --all --cache --yes --confirm DELETE --allow-empty",
    ] {
        let _ = room.otto(line);
        assert!(room.store.join(&one).is_dir() && entry.is_file(), "{line}");
    }
    assert_eq!(room.runs(), std::slice::from_ref(&one), "all but the pinned one went");
    let gone = own_script(&room, &shop.web, 50);
    assert!(!gone.exists());
    room.otto_with(&["unpin", &one]).done();
    room.otto("clean --keep 1d --cache --cache-grace 0s --yes --allow-empty").code(0);
    assert!(!room.store.join(&one).exists() && !entry.exists());
}

#[test]
fn marks_are_told_as_json() {
    let (room, shop) = Room::shop();
    let one = shop.web(70);
    let pinned = room.otto_with(&["pin", &one, "--note", "n", "--json"]).json();
    fits("otto.pin/1", &pinned);
    assert_eq!((&pinned["schema"], &pinned["runs"][0]["changed"]), (&Value::from("otto.pin/1"), &Value::from(true)));
    assert_eq!(pinned["runs"][0]["run"]["id"], one);
    let unpinned = room.otto_with(&["unpin", &one, "--json"]).json();
    fits("otto.unpin/1", &unpinned);
    assert!(unpinned["runs"][0]["pin"].is_null());
    let ran = room.otto("pin 1 --json").refused(2, &[]);
    fits("otto.error/1", &serde_json::from_str(&ran.stderr).unwrap());
}

#[test]
fn a_store_that_cannot_be_written_refuses_marks() {
    let (room, shop) = Room::shop();
    let store = room.store.display().to_string();
    let ran = room.otto_with(&["pin", &shop.web(70), "--catalog", "/proc/nothing/catalog.db", "--home", &store]);
    ran.refused(1, &["without a catalog on disk"]);
    assert!(!Told::of(&room.store).lines.iter().any(|line| matches!(line.event, Event::Pinned(_))));
}
