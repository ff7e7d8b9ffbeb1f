//! Several catalogs of one store, as when `OTTO_CATALOG` is set in the shell and not in cron: the audit log is the truth of
//! pins and tags, and none of them decides without what the log says.

use super::*;

/// A store that both catalogs know.
fn shop() -> (Room, Shop, String) {
    let (room, shop) = Room::shop();
    room.otto("list").done();
    room.otto("list --catalog other.db").done();
    let id = shop.web(70);
    (room, shop, id)
}

const CLEAN: &str = "clean --keep 1 --yes --allow-empty";
const TAKEN: [&str; 2] = ["pins and tags of 1 run were taken over from the audit log", "another catalog"];

fn elsewhere(room: &Room, words: &[&str]) {
    room.otto_with(&[&["--catalog", "other.db"], words].concat()).code(0);
}

#[test]
fn a_run_that_was_pinned_through_another_catalog_stays_and_the_clean_says_why() {
    let (room, shop, id) = shop();
    elsewhere(&room, &["pin", &id, "--note", "evidence"]);
    room.otto(CLEAN).code(0).complains(&TAKEN).says(&["pinned"]);
    assert_eq!(room.runs(), std::slice::from_ref(&id), "all others went");
    assert!(own_script(&room, &shop.web, 70).exists());
    let again = room.otto(CLEAN).code(0);
    assert!(!again.stderr.contains("audit log"), "told once: {}", again.stderr);
    assert_eq!(ids(&room.otto("list --pinned --json").json()), [id]);
    room.otto("check").code(0);
}

#[test]
fn a_tag_that_was_set_through_another_catalog_keeps_its_run() {
    let (room, _, id) = shop();
    elsewhere(&room, &["tag", &id, "+keepme", "+draft"]);
    elsewhere(&room, &["tag", &id, "-draft"]);
    room.otto(&format!("{CLEAN} --keep-tag keepme")).code(0).complains(&TAKEN);
    assert_eq!(room.runs(), std::slice::from_ref(&id));
    assert_eq!(room.otto("list --json").json()[0]["tags"], serde_json::json!(["keepme"]));
    elsewhere(&room, &["tag", &id, "-keepme"]);
    room.otto(&format!("{CLEAN} --keep-tag keepme")).code(0).complains(&TAKEN);
    assert!(room.runs().is_empty(), "what was taken off there is off here");
}

#[test]
fn a_pin_that_was_taken_off_through_another_catalog_is_off() {
    let (room, _, id) = shop();
    room.otto_with(&["pin", &id]).done();
    elsewhere(&room, &["unpin", &id]);
    room.otto(CLEAN).code(0).complains(&TAKEN);
    assert!(room.runs().is_empty());
}

#[test]
fn a_catalog_made_anew_beside_the_old_one_does_not_bring_back_what_was_taken_off() {
    let (room, _, id) = shop();
    room.otto_with(&["pin", &id]).done();
    elsewhere(&room, &["unpin", &id]);
    room.otto("index --rebuild").code(0);
    assert_eq!(ids(&room.otto("list --pinned --json").json()), [""; 0]);
    room.otto("check").code(0);
}

#[test]
fn marks_are_taken_over_from_a_log_that_was_renamed_in_between() {
    let (room, shop, id) = shop();
    let ours = room.store.join(".catalog");
    let rename = |to: &str| fs::rename(ours.join("audit.jsonl"), ours.join(to)).unwrap();
    room.otto_with(&["tag", &shop.web(50), "+x"]).done();
    room.otto("list").done();
    elsewhere(&room, &["pin", &id]);
    rename("audit-20250101T000000Z.jsonl");
    elsewhere(&room, &["tag", &shop.web(40), "+keepme"]);
    rename("audit-20250102T000000Z.jsonl");
    elsewhere(&room, &["tag", &shop.web(50), "+keepme"]);
    let clean = room.otto(&format!("{CLEAN} --keep-tag keepme")).code(0);
    clean.complains(&["pins and tags of 3 runs were taken over"]);
    let mut kept = vec![id, shop.web(40), shop.web(50)];
    kept.sort();
    assert_eq!(room.runs(), kept);
}

#[test]
fn whatever_only_looks_judges_by_the_marks_that_a_clean_will_find() {
    for look in ["clean --keep 1 --dry-run --allow-empty --json", "retention --simulate --keep 1 --json"] {
        let (room, _, id) = shop();
        elsewhere(&room, &["pin", &id]);
        let before = room.otto(&format!("{look} --no-refresh")).code(0).stdout;
        let now = room.otto(look).code(0).complains(&TAKEN).stdout;
        let again = room.otto(look).code(0);
        assert_eq!((again.stdout.as_str(), again.stderr.contains("audit log")), (now.as_str(), false));
        assert_ne!(now, before, "{look}");
        let told: Value = serde_json::from_str(&now).unwrap();
        let gone = told["runs"]["delete"].as_array();
        assert!(gone.is_none_or(|runs| runs.iter().all(|run| run["id"] != id.as_str())), "{look}: {now}");
    }
    let (room, _, id) = shop();
    elsewhere(&room, &["pin", &id]);
    room.otto_with(&["why", &id, "--keep", "1"]).code(0).complains(&TAKEN).says(&["pinned"]);
}

#[test]
fn who_answers_from_the_catalog_as_it_is_says_that_it_lacks_marks() {
    let (room, _, id) = shop();
    elsewhere(&room, &["pin", &id]);
    let lacks = "the audit log has pins or tags of 1 run that this catalog does not have";
    room.otto("list --no-refresh").code(0).complains(&[lacks]);
    room.otto("list").code(0).complains(&TAKEN);
    let after = room.otto("list --no-refresh").code(0);
    assert!(!after.stderr.contains("audit log"), "{}", after.stderr);
    // What it wrote itself, it has.
    room.otto_with(&["unpin", &id]).done();
    let after = room.otto("list --no-refresh").code(0);
    assert!(!after.stderr.contains("audit log"), "{}", after.stderr);
}

#[test]
fn a_command_that_died_between_its_line_and_its_row_has_marked() {
    let (room, _, id) = shop();
    room.otto_with(&["pin", &id]).done();
    room.otto("list").done();
    let log = room.store.join(".catalog/audit.jsonl");
    let line = fs::read_to_string(&log).unwrap().replace("\"pinned\"", "\"unpinned\"");
    let mut text = fs::read(&log).unwrap();
    text.extend_from_slice(line.as_bytes());
    fs::write(&log, text).unwrap();
    room.otto(CLEAN).code(0).complains(&["a command was stopped"]);
    assert!(room.runs().is_empty());
}

/// Adds to the log as it is, without going through the program.
fn add(room: &Room, bytes: &[u8]) {
    use std::io::Write as _;
    let log = room.store.join(".catalog/audit.jsonl");
    fs::OpenOptions::new().append(true).open(log).unwrap().write_all(bytes).unwrap();
}

#[test]
fn while_a_line_that_may_be_a_pin_cannot_be_read_nothing_is_deleted_until_a_fix_passes_over_it() {
    let (room, shop, id) = shop();
    elsewhere(&room, &["tag", &shop.web(50), "+x"]);
    elsewhere(&room, &["pin", &id]);
    add(&room, b"{\"schema\":\"otto.audit/1\",\"kind\":\"pin\x07ed\"}\n");
    let all = room.runs();
    let log = room.store.join(".catalog/audit.jsonl");
    for command in [CLEAN, "clean --all --yes --allow-empty", "trash empty --yes", &format!("tag {id} +y")] {
        let why = ["the audit log cannot be read whole", log.to_str().unwrap(), "at byte", "otto check --fix"];
        room.otto(command).code(1).complains(&why);
        assert_eq!(room.runs(), all, "{command}");
    }
    let error = room.otto(&format!("{CLEAN} --json")).code(1).stderr;
    super::json::fits("otto.error/1", &serde_json::from_str(error.lines().last().unwrap()).unwrap());
    room.otto("clean --keep 1 --dry-run")
        .code(0)
        .complains(&["nothing is cleaned until that is settled", "otto check"]);
    room.otto("check").code(3).says(&["error: marks-unclear", "so no clean is made", "is lost"]);
    room.otto("check --fix").code(0).says(&["the pins and tags that stood there are lost"]);
    room.otto("check").code(0);
    room.otto(CLEAN).code(0);
    assert_eq!(room.runs(), [id], "what could be read holds");
}

#[test]
fn a_catalog_that_is_lost_beside_a_damaged_log_deletes_nothing_either() {
    let (room, _, id) = shop();
    room.otto_with(&["pin", &id]).done();
    add(&room, b"garbage\n");
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = fs::remove_file(room.store.join(".catalog").join(name));
    }
    let all = room.runs();
    room.otto(CLEAN).code(1).complains(&["cannot be read whole", "otto check --fix"]);
    assert_eq!(room.runs(), all);
    // Who builds one on purpose, and is told, accepts it.
    room.otto("index --rebuild").complains(&["audit.jsonl"]);
    room.otto(CLEAN).code(0);
    assert_eq!(room.runs(), [id]);
}

#[test]
fn a_log_that_cannot_be_opened_keeps_everything_and_the_way_out_is_said() {
    let (room, _, id) = shop();
    elsewhere(&room, &["pin", &id]);
    let log = room.store.join(".catalog/audit.jsonl");
    let away = room.path("away.jsonl");
    fs::rename(&log, &away).unwrap();
    fs::create_dir(&log).unwrap();
    let all = room.runs();
    room.otto(CLEAN).code(1).complains(&[
        "the audit log cannot be read whole",
        log.to_str().unwrap(),
        "or move it away",
    ]);
    room.otto("list").code(0).complains(&["nothing is cleaned until that is settled"]);
    assert_eq!(room.runs(), all);
    fs::remove_dir(&log).unwrap();
    fs::rename(&away, &log).unwrap();
    room.otto(CLEAN).code(0);
    assert_eq!(room.runs(), [id]);
}

#[test]
fn a_line_that_a_crash_cut_off_stops_nobody() {
    let (room, _, id) = shop();
    elsewhere(&room, &["pin", &id]);
    add(&room, b"{\"schema\":\"otto.audit/1\",\"kind\":\"pinned\",\"oper");
    let clean = room.otto(CLEAN).code(0);
    assert!(!clean.stderr.contains("cannot be read"), "{}", clean.stderr);
    assert_eq!(room.runs(), [id]);
}

#[test]
fn a_log_that_was_lost_takes_no_mark_from_a_catalog() {
    let (room, _, id) = shop();
    elsewhere(&room, &["pin", &id]);
    room.otto("list").code(0).complains(&TAKEN);
    fs::remove_file(room.store.join(".catalog/audit.jsonl")).unwrap();
    room.otto(CLEAN).code(0);
    assert_eq!(room.runs(), [id]);
}

#[test]
fn a_store_that_was_copied_keeps_its_marks_and_takes_over_new_ones() {
    let (room, shop, id) = shop();
    room.otto_with(&["pin", &id]).done();
    elsewhere(&room, &["pin", &shop.web(50)]);
    room.shell(&format!("cp -a '{}' copy", room.store.display())).code(0);
    room.otto(&format!("--home copy {CLEAN}")).code(0).complains(&TAKEN);
    let mut kept = vec![id, shop.web(50)];
    kept.sort();
    assert_eq!(runs_below(&room.path("copy")), kept);
}
