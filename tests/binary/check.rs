//! `otto check`: what it prints, how it ends, that it changes nothing, and that `--fix` mends and says so.

use super::json::{fits, has};
use super::*;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// A store that is indexed, with a removal in its log.
fn room() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 60 --yes").done();
    (room, shop)
}

fn spoil(room: &Room, sql: &str) {
    let catalog = rusqlite::Connection::open(room.store.join(".catalog/catalog.db")).unwrap();
    catalog.execute_batch(sql).unwrap();
}

/// Everything in the store, our directory included.
fn everything(room: &Room) -> Vec<(PathBuf, u32, i64, i64, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![room.store.clone()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        found.push((path, meta.mode(), meta.mtime(), meta.mtime_nsec(), content));
    }
    found.sort();
    found
}

#[test]
fn a_sound_store_is_told_to_be_sound_and_not_touched() {
    let (room, _) = room();
    let before = everything(&room);
    let text = room.otto("check").done();
    assert!(text.starts_with(&format!("Store: {}\n", room.store.display())), "{text}");
    assert!(text.contains("Looked at: 7 runs of 2 projects, "), "{text}");
    assert!(text.contains("Found: 0 errors, 0 warnings, "), "{text}");
    assert!(!text.contains("--fix"), "nothing to mend: {text}");
    assert_eq!(everything(&room), before);
    let json = room.otto("check --json").json();
    fits("otto.check/1", &json);
    has(&json, "schema home sound looked_at counts findings not_listed fixed");
    assert_eq!((&json["sound"], &json["fixed"]), (&true.into(), &Value::Null));
    assert_eq!(everything(&room), before);
    assert!(crate::support::names_in(&room.temporary()).is_empty(), "a copy was left behind");
}

#[test]
fn what_is_found_is_told_with_its_place_and_what_mends_it() {
    let (room, shop) = room();
    spoil(&room, "UPDATE projects SET runs = 77");
    let run = room.store.join(shop.web(40));
    fs::write(run.join("tasks/test/stdout.log"), "more\n").unwrap();
    fs::write(room.store.join(".catalog/notes.txt"), "mine").unwrap();
    let before = everything(&room);
    let ran = room.otto("check").code(3);
    assert_eq!(ran.stderr, "");
    let id = shop.web(40);
    for words in [
        "error: sum-wrong\n  the number of runs of web-",
        ": 77 is kept, the rows come to 5\n  --fix counts again from the rows\n",
        &format!("warning: run-changed\n  files of {id} changed after it had ended: "),
        &format!("\n  {}\n  --fix looks again and writes what is there\n", run.display()),
        "info: foreign-file\n  notes.txt is none of ours\n",
        "Found: 2 errors, 1 warning, ",
        "Nothing was changed. To mend 3 findings of it:\n  otto check --fix\n",
    ] {
        assert!(ran.stdout.contains(words), "no `{words}` in {}", ran.stdout);
    }
    let json = Ran::of(room.command(&["check", "--json"])).code(3);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    fits("otto.check/1", &json);
    assert_eq!((&json["counts"]["errors"], &json["counts"]["warnings"]), (&2.into(), &1.into()));
    let kinds: Vec<_> = json["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["sum-wrong", "sum-wrong", "run-changed"], "the worst first");
    assert_eq!(everything(&room), before, "a check changed something");
}

#[test]
fn what_can_be_mended_is_mended_and_checked_again() {
    let (room, shop) = room();
    spoil(&room, "UPDATE projects SET runs = 77");
    fs::write(room.store.join(shop.web(40)).join("tasks/test/stdout.log"), "more\n").unwrap();
    fs::set_permissions(room.store.join(".catalog"), fs::Permissions::from_mode(0o755)).unwrap();
    let tree = room.snapshot();
    let text = room.otto("check --fix").done();
    for words in [
        "error: sum-wrong",
        "mended: took the rights of others from .catalog\n",
        "mended: counted sums and references again\n",
        "mended: looked again at ",
        "\nAnd checked again:\n",
        "Found: 0 errors, 0 warnings, ",
    ] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    assert!(text.rfind("Found: 0 errors").unwrap() > text.find("And checked again").unwrap());
    tree.assert_same(&room.snapshot(), "a fix changes nothing of the runner's");
    room.otto("check").done();
    assert!(room.otto("check --fix").done().ends_with("Nothing to mend.\n"));
    spoil(&room, "UPDATE projects SET runs = 77");
    let json = room.otto("check --fix --json").json();
    fits("otto.check/1", &json);
    assert_eq!((&json["sound"], &json["counts"]["errors"]), (&true.into(), &0.into()));
    let done = json["fixed"]["done"].as_array().unwrap();
    assert!(done.iter().any(|done| done == "counted sums and references again"), "{json:#}");
    assert!(json["fixed"]["found"].as_u64().unwrap() >= 2, "{json:#}");
}

#[test]
fn what_cannot_be_mended_is_left_and_the_exit_code_says_so() {
    let (room, shop) = room();
    let lies = room.store.join(".catalog/trash/mine").join(&shop.web).join("1700000000");
    fs::create_dir_all(&lies).unwrap();
    fs::set_permissions(room.store.join(".catalog/trash"), fs::Permissions::from_mode(0o700)).unwrap();
    room.otto("check").code(3).says(&["warning: trash-unclear", "its operation.json cannot be read"]);
    let fixed = room.otto("check --fix").code(3);
    assert!(fixed.stdout.ends_with("Nothing that can be mended for certain.\n"), "{fixed:#?}");
    assert!(lies.is_dir());
}

#[test]
fn a_check_that_cannot_be_made_is_an_error() {
    let (room, _) = room();
    room.otto("check --home nowhere").refused(1, &["there is no store at"]);
    fs::create_dir(room.path("something")).unwrap();
    fs::write(room.path("something/else"), "").unwrap();
    room.otto("check --home something").refused(1, &["is not an otto store"]);
    spoil(&room, "PRAGMA user_version = 9999");
    room.otto("check").refused(1, &["has schema 9999"]);
    let json = room.otto("check --json").refused(1, &[]);
    fits("otto.error/1", &serde_json::from_str(&json.stderr).unwrap());
    assert_eq!(Room::empty().otto("check").done(), "There is no store.\n");
    let empty = Room::empty();
    fits("otto.check/1", &empty.otto("check --json").json());
    assert!(!empty.store.exists());
}

#[test]
fn a_damaged_catalog_is_found_and_built_anew_with_its_pins() {
    let (room, shop) = room();
    room.otto_with(&["pin", &shop.web(1), "--note", "a release"]).code(0);
    let catalog = room.store.join(".catalog/catalog.db");
    fs::write(&catalog, "not a database").unwrap();
    for name in ["catalog.db-wal", "catalog.db-shm"] {
        fs::remove_file(room.store.join(".catalog").join(name)).ok();
    }
    room.otto("check").code(3).says(&["error: catalog-damaged", "--fix sets the catalog aside and builds another"]);
    assert_eq!(fs::read(&catalog).unwrap(), b"not a database");
    room.otto("check --fix").code(0).says(&["mended: ", "info: catalog-set-aside"]);
    let listed = room.otto("list --pinned --json").json();
    assert_eq!(ids(&listed), [shop.web(1)]);
}

#[test]
fn the_words_of_a_check_fit_a_narrow_terminal() {
    let (mut room, shop) = room();
    room = room.with("COLUMNS", "60");
    spoil(&room, "UPDATE projects SET runs = 77, cache_disk = 5");
    fs::write(room.store.join(shop.web(40)).join("tasks/test/stdout.log"), "more\n").unwrap();
    let text = room.otto("check").code(3).stdout;
    for line in text.lines().filter(|line| !line.contains(room.store.to_str().unwrap())) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn of_many_findings_of_a_kind_some_are_shown_and_all_counted() {
    let room = Room::mixed(40);
    room.otto("index").code(0);
    spoil(&room, "UPDATE runs SET tasks_failed = tasks_failed + 20 WHERE settled = 1");
    let ran = room.otto("check").code(3);
    let shown = ran.stdout.matches("error: run-wrong").count();
    assert_eq!(shown, 5, "{}", ran.stdout);
    assert!(ran.stdout.contains("more of these; -v or --json shows them"), "{}", ran.stdout);
    let all = room.otto("check -v").code(3).stdout.matches("error: run-wrong").count();
    assert!(all > 30, "{all}");
    room.otto("check --fix").done();
}
