//! What a killed import leaves, as users meet it: every clean waits until it is settled, and everything says how.

use super::*;
use otto_catalog::store::shape::Shape;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;

/// A store `other` into which one old run came, with the tag `release`, by an import that was killed before the log had
/// it. Gives the run and the file that tells of it.
fn stopped(room: &Room, shop: &Shop) -> (String, PathBuf) {
    let id = shop.web(70);
    room.otto_with(&["tag", &id, "+release"]).code(0);
    room.otto_with(&["export", &id, "--output", "one.tar.zst"]).code(0);
    fs::create_dir(room.path("other")).unwrap();
    room.otto("--home other import one.tar.zst").done();
    let ours = room.path("other/.catalog");
    let log = fs::read_to_string(ours.join("audit.jsonl")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.into_iter().find(|line| line["runs"].is_array()).unwrap();
    let mut told = serde_json::json!({
        "schema": "otto.arrivals/1",
        "operation": line["operation"],
        "timestamp": line["timestamp"],
        "who": line["who"],
        "command": line["command"],
        "runs": line["runs"],
        "cache": [],
    });
    let (project, run) = id.split_once('/').unwrap();
    let project = fs::File::open(room.path("other").join(project)).unwrap();
    let shape = Shape::of(project.as_fd(), &std::ffi::CString::new(run).unwrap()).unwrap();
    told["runs"][0]["unpacked"] = serde_json::json!({"name": "r0", "digest": shape.digest()});
    for name in crate::support::names_in(&ours).iter().filter(|name| name.starts_with("catalog.db")) {
        fs::remove_file(ours.join(name)).unwrap();
    }
    fs::remove_file(ours.join("audit.jsonl")).unwrap();
    let place = ours.join("import").join(line["operation"].as_str().unwrap());
    fs::create_dir_all(&place).unwrap();
    for path in [&ours.join("import"), &place] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    fs::write(place.join("import.json"), told.to_string()).unwrap();
    (id, place.join("import.json"))
}

const CLEAN: &str = "--home other clean --keep 5 --keep-tag release --yes";

#[test]
fn a_clean_ends_a_stopped_import_first_and_keeps_what_its_tags_keep() {
    let (room, shop) = Room::shop();
    let (id, told) = stopped(&room, &shop);
    room.otto(CLEAN).code(0);
    assert!(room.path("other").join(&id).is_dir() && !told.exists());
    room.otto("--home other list --tag release").code(0).says(&["web"]);
    room.otto("--home other check").code(0);
}

#[test]
fn in_a_copied_store_preview_check_and_clean_say_the_same_of_a_stopped_import_and_keep_what_its_tags_keep() {
    let (room, shop) = Room::shop();
    let (id, told) = stopped(&room, &shop);
    let copy = |name: &str| {
        let status = std::process::Command::new("cp").arg("-a").arg(room.path("other")).arg(room.path(name)).status();
        assert!(status.unwrap().success());
    };
    copy("copy");
    let clean = "--home copy clean --keep 5 --keep-tag release";
    room.otto(&format!("{clean} --dry-run"))
        .code(0)
        .complains(&["an import was stopped", "of its 1 run than is shown"]);
    room.otto("--home copy check").code(3).says(&["warning: import-stopped", "(runs: 1, cache entries: 0)"]);
    room.otto(&format!("{clean} --yes")).code(0);
    assert!(room.path("copy").join(&id).is_dir(), "kept by its tag");
    room.otto("--home copy list --tag release").code(0).says(&["web"]);
    room.otto("--home copy check").code(0);
    // Of what holds other files nobody can tell.
    fs::write(room.path("other").join(&id).join("notes"), "mine").unwrap();
    copy("changed");
    let clean = "--home changed clean --keep 5 --keep-tag release";
    let words = ["cannot tell whose run it is", "otto --home changed check"];
    room.otto(&format!("{clean} --dry-run")).code(0).complains(&["a clean is refused now"]).complains(&words);
    room.otto(&format!("{clean} --yes")).code(1).complains(&words);
    room.otto("--home changed check").code(3).says(&["error: import-unsettled", "Mend that; or move"]);
    assert!(room.path("changed").join(&id).is_dir() && told.is_file());
    fs::remove_file(room.path("changed").join(&id).join("notes")).unwrap();
    room.otto(&format!("{clean} --yes --allow-empty")).code(0);
    room.otto("--home changed list --tag release").code(0).says(&["web"]);
}

#[test]
fn a_preview_says_of_an_import_that_was_stopped_before_its_runs_that_only_cache_entries_came() {
    let (room, shop) = Room::shop();
    let (_, told) = stopped(&room, &shop);
    let path = room.path("other").join("cache").join(".cache/0123abcd.sh");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "echo").unwrap();
    let mut value: Value = serde_json::from_slice(&fs::read(&told).unwrap()).unwrap();
    value["runs"] = serde_json::json!([]);
    value["cache"] = serde_json::json!([
        {"project": "cache", "entry": "0123abcd.sh", "inode": std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap())}
    ]);
    fs::write(&told, value.to_string()).unwrap();
    let ran = room.otto("--home other clean --keep 5 --dry-run").code(0);
    let ran = ran.complains(&["only cache entries had come"]);
    assert!(!ran.stderr.contains("0 runs"), "{ran:#?}");
}

#[test]
fn what_a_stopped_import_told_is_known_to_every_catalog_once_one_of_them_ended_it() {
    let (room, shop) = Room::shop();
    let (id, told) = stopped(&room, &shop);
    room.otto("--home other list").code(0);
    room.otto("--home other --catalog c.db clean --keep 100 --yes --allow-empty").code(0);
    assert!(!told.exists());
    room.otto(CLEAN).code(0).complains(&["pins and tags of 1 run were taken over from the audit log"]);
    assert!(room.path("other").join(&id).is_dir());
    room.otto("--home other list --tag release").code(0).says(&["web"]);
    room.otto("--home other check").code(0);
}

#[test]
fn while_a_stopped_import_cannot_be_ended_nothing_is_deleted_and_every_command_says_what_to_do() {
    let (room, shop) = Room::shop();
    let (id, told) = stopped(&room, &shop);
    fs::write(&told, "{").unwrap();
    let path = told.to_str().unwrap();
    let next = "otto --home other check";
    for command in
        [CLEAN, "--home other clean --all --yes", "--home other trash empty --yes", "--home other import one.tar.zst"]
    {
        room.otto(command).code(1).complains(&["an import was stopped", path, "caused by: EOF", next]);
        assert!(room.path("other").join(&id).is_dir(), "{command}");
        assert!(told.is_file(), "{command}");
    }
    let error = room.otto("--home other clean --keep 5 --yes --json").code(1).stderr;
    let error: Value = serde_json::from_str(error.lines().last().unwrap()).unwrap();
    super::json::fits("otto.error/1", &error);
    room.otto("--home other list").code(0).says(&["web"]).complains(&["imported runs", path]);
    room.otto("--home other check").code(3).says(&["error: import-unsettled", "so no clean is made", "are lost"]);
    room.otto("--home other check --fix")
        .code(0)
        .says(&["mended: set aside what a stopped import left", "info: import-set-aside"]);
    let aside = room
        .path("other/.catalog")
        .join(format!("import.damaged-{}", told.parent().unwrap().file_name().unwrap().to_str().unwrap()));
    assert_eq!(fs::read(aside.join("import.json")).unwrap(), b"{", "kept, to be looked at");
    room.otto("--home other clean --keep 5 --yes").code(0);
}

#[test]
fn what_is_closed_is_said_to_be_and_not_set_aside() {
    let (room, shop) = Room::shop();
    let (id, told) = stopped(&room, &shop);
    fs::set_permissions(&told, fs::Permissions::from_mode(0o0)).unwrap();
    let Some(ran) = room.otto_as_a_user(CLEAN) else { return };
    ran.code(1).complains(&["Permission denied", "otto --home other check"]);
    room.otto_as_a_user("--home other check --fix").unwrap().code(3).says(&["import-unsettled", "Mend that"]);
    fs::set_permissions(&told, fs::Permissions::from_mode(0o600)).unwrap();
    room.otto_as_a_user(CLEAN).unwrap().code(0);
    assert!(room.path("other").join(&id).is_dir());
}

#[test]
fn a_preview_says_that_an_import_was_stopped_and_no_plan_file_is_written_until_it_is_ended() {
    let (room, shop) = Room::shop();
    let (_, told) = stopped(&room, &shop);
    let preview = "--home other clean --keep 5 --keep-tag release";
    let ran = room.otto(&format!("{preview} --dry-run")).code(0);
    let ran = ran.says(&["Would remove: 1 run"]).complains(&["an import was stopped", "of its 1 run than is shown"]);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:#?}");
    let plan = room.path("plan.json");
    for flags in ["", " --dry-run", " --json"] {
        let ran = room.otto(&format!("{preview} --plan-out plan.json{flags}")).code(1);
        ran.complains(&["no plan is written", told.to_str().unwrap(), "otto --home other check --fix"]);
        assert!(!plan.exists(), "{flags}");
    }
    room.otto("--home other check").code(3).says(&[
        "warning: import-stopped",
        "(runs: 1, cache entries: 0)",
        "--fix ends it",
    ]);
    room.otto("--home other check --fix").code(0).says(&["mended: ended 1 stopped import\n"]);
    assert!(!told.exists());
    room.otto(&format!("{preview} --plan-out plan.json")).done();
    room.otto(&format!("{preview} --dry-run")).code(0).says(&["Would remove: 0 runs"]);
    room.otto("--home other clean --apply plan.json --yes").code(0);
    room.otto("--home other list --tag release").code(0).says(&["web"]);
}

#[test]
fn a_preview_says_that_a_clean_is_refused_now() {
    let (room, shop) = Room::shop();
    let (_, told) = stopped(&room, &shop);
    fs::write(&told, "{").unwrap();
    let preview = "--home other clean --keep 5";
    let words = ["a clean is refused now", told.to_str().unwrap(), "see otto --home other check"];
    room.otto(&format!("{preview} --dry-run")).code(0).complains(&words);
    room.otto("--home other trash empty --dry-run").code(0).complains(&words);
    room.otto(&format!("{preview} --plan-out plan.json"))
        .refused(1, &["no plan is written", "otto --home other check\n"]);
    assert!(!room.path("plan.json").exists());
}
