//! What scripts rely on: every `--json` fits its schema, has every promised key, and says `null` for what is absent.

use super::*;
use otto_catalog::report::schema;

/// Holds a value against the schema of that name.
#[track_caller]
pub(crate) fn fits(name: &str, value: &Value) {
    let schema = serde_json::from_str(schema(name).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|e| format!("{e} at {}", e.instance_path)).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}");
}

/// Every one of these keys is there, whatever it says.
#[track_caller]
pub(super) fn has(value: &Value, keys: &str) {
    for key in keys.split_whitespace() {
        assert!(value.as_object().unwrap().contains_key(key), "no key `{key}` in {value:#}");
    }
}

const RUN: &str = "id project project_name project_hash run timestamp started_at status status_source duration_ms \
                   tasks_total tasks_failed missing size_bytes disk_bytes pinned tags path ottofile cwd user args";
const TASK: &str = "name status status_source exit_code started_at ended_at duration_ms duration_source size_bytes \
                    stdout stderr script";

#[test]
fn list_is_a_bare_array_with_an_item_for_every_run_directory() {
    let room = Room::mixed(60);
    let list = room.otto("list --json").json();
    fits("otto.list/1", &list);
    let items = list.as_array().unwrap();
    assert_eq!(sorted_ids(&list), room.runs());
    let mut absent = 0;
    for item in items {
        has(item, RUN);
        let place = Path::new(item["path"].as_str().unwrap());
        assert!(place.is_dir(), "{item:#}");
        assert_eq!(item["id"], format!("{}/{}", item["project"].as_str().unwrap(), item["run"].as_str().unwrap()));
        let size = du_with_self(place);
        assert_eq!(item["disk_bytes"], size.disk, "{item:#}");
        assert_eq!(item["size_bytes"], size.size, "{item:#}");
        absent += usize::from(item["ottofile"].is_null());
    }
    assert!(absent > 0, "no run without an ottofile: nothing shows that absent is null");
    let seconds: Vec<_> = items.iter().map(|item| item["timestamp"].as_i64().unwrap()).collect();
    assert!(seconds.is_sorted_by(|a, b| a >= b), "{seconds:?}");
}

#[test]
fn an_empty_list_is_an_empty_array() {
    assert_eq!(Room::empty().otto("list --json").done(), "[]\n");
    let (room, _) = Room::shop();
    assert_eq!(room.otto("list --json --older-than 10y").done(), "[]\n");
}

#[test]
fn info_of_every_run_fits_its_schema_and_names_only_what_is_there() {
    let room = Room::mixed(25);
    for id in room.listed() {
        let text = room.otto_with(&["info", &id, "--json"]).done();
        assert!(text.starts_with("{\n  \"schema\": \"otto.info/1\","), "{text}");
        let info = serde_json::from_str(&text).unwrap();
        fits("otto.info/1", &info);
        has(&info["run"], RUN);
        assert_eq!(info["run"]["id"], id);
        let tasks = info["tasks"].as_array().unwrap();
        assert_eq!(info["run"]["tasks_total"], tasks.len(), "{info:#}");
        for task in tasks {
            has(task, TASK);
            for file in ["stdout", "stderr", "script"] {
                if let Some(path) = task[file]["path"].as_str() {
                    assert!(fs::symlink_metadata(path).is_ok(), "{id}: {path}");
                }
                if let Some(bytes) = task[file]["bytes"].as_u64() {
                    assert_eq!(bytes, fs::metadata(task[file]["path"].as_str().unwrap()).unwrap().len(), "{id}");
                }
            }
        }
    }
}

#[test]
fn usage_counts_what_du_counts() {
    let room = Room::mixed(60);
    let usage = room.otto("usage --json").json();
    fits("otto.usage/1", &usage);
    let keys = "schema home total projects cache largest_runs other trash recommendations";
    has(&usage, keys);
    let du = room.du();
    assert_eq!(usage["total"]["disk_bytes"], du.disk);
    assert_eq!(usage["total"]["size_bytes"], du.size);
    assert_eq!(usage["largest_runs"].as_array().unwrap().len(), 10);
    let runs: u64 = usage["projects"].as_array().unwrap().iter().map(|p| p["runs"].as_u64().unwrap()).sum();
    assert_eq!(runs, 60);
    for recommendation in usage["recommendations"].as_array().unwrap() {
        has(recommendation, "kind command runs cache_entries frees_size_bytes frees_disk_bytes");
    }
}

#[test]
fn a_recommendation_frees_what_it_says() {
    let room = Room::mixed(40);
    let usage = room.otto("usage --json").json();
    let mut recommended = usage["recommendations"].as_array().unwrap().clone();
    assert_eq!(recommended.len(), 2, "{usage:#}");
    // In turn, each as `usage` recommends it then.
    while let Some(first) = recommended.first() {
        let command = first["command"].as_str().unwrap().strip_prefix("otto ").unwrap();
        let before = room.du();
        let result = room.otto(&format!("{command} --yes --json")).json()["result"].clone();
        let freed = before.disk - room.du().disk;
        assert_eq!(first["frees_disk_bytes"], freed, "{first:#}");
        assert_eq!(result["freed_disk_bytes"], freed);
        assert_eq!(first["runs"], result["deleted_runs"].as_array().unwrap().len());
        recommended = room.otto("usage --json").json()["recommendations"].as_array().unwrap().clone();
    }
}

#[test]
fn clean_says_its_plan_and_what_became_of_it() {
    let (room, _) = Room::shop();
    let dry = room.otto("clean --keep 30 --cache --dry-run --json").json();
    fits("otto.clean/1", &dry);
    has(&dry, "schema dry_run now policy runs cache result");
    assert!(dry["result"].is_null() && dry["dry_run"] == true);
    has(&dry["cache"], "referenced in_grace delete stale dangling_links");
    let done = room.otto("clean --keep 30 --cache --yes --json").json();
    fits("otto.clean/1", &done);
    assert_eq!(done["dry_run"], false);
    let keys = "deleted_runs deleted_cache failed skipped freed_size_bytes freed_disk_bytes before after";
    has(&done["result"], keys);
    has(&done["result"]["before"], "runs cache_entries size_bytes disk_bytes");
    assert_eq!(done["result"]["before"]["runs"], 9);
    assert_eq!(done["result"]["after"]["runs"], 4);
    for flags in ["--run latest --cache", "--all --status failed --allow-empty", "--incomplete --keep 0 --cache-only"] {
        fits("otto.clean/1", &room.otto(&format!("clean {flags} --dry-run --json")).json());
    }
    let nothing = room.otto("clean --keep 30 --cache --yes --json").json();
    fits("otto.clean/1", &nothing);
    assert_eq!(nothing["result"]["deleted_runs"], Value::Array(Vec::new()));
}

#[test]
fn the_trash_and_what_comes_back_from_it_fit_their_schemas() {
    let (room, shop) = Room::shop();
    let empty = room.otto("trash list --json").json();
    fits("otto.trash/1", &empty);
    assert_eq!(empty["operations"], Value::Array(Vec::new()));
    let dry = room.otto("clean --keep 30 --cache --trash --dry-run --json").json();
    fits("otto.clean/1", &dry);
    assert_eq!((&dry["frees_disk_bytes"], &dry["trash"]["keep_seconds"]), (&Value::from(0), &Value::from(14 * DAY)));
    let done = room.otto("clean --keep 30 --cache --trash --yes --json").json();
    fits("otto.clean/1", &done);
    assert_eq!(done["result"]["freed_disk_bytes"], 0);
    assert_eq!(done["result"]["trash"]["keep_until"], "2025-06-29T15:06:40Z");
    assert!(done["result"]["trash"]["disk_bytes"].as_u64().unwrap() > 0);
    let list = room.otto("trash list --json").json();
    fits("otto.trash/1", &list);
    assert_eq!(list["operations"][0]["operation"], done["result"]["operation"]);
    assert_eq!(list["operations"][0]["runs"].as_array().unwrap().len(), 5);
    assert_eq!(list["operations"][0]["cache"].as_array().unwrap().len(), 6);
    let dry = room.otto("undo --dry-run --json").json();
    fits("otto.restore/1", &dry);
    assert_eq!((dry["dry_run"].as_bool(), dry["runs"].as_array().unwrap().len()), (Some(true), 5));
    let restored = room.otto_with(&["trash", "restore", &shop.web(40), "--json"]).json();
    fits("otto.restore/1", &restored);
    assert_eq!((&restored["runs"][0], &restored["dry_run"]), (&Value::from(shop.web(40)), &Value::from(false)));
    let dry = room.otto("trash empty --dry-run --json").json();
    fits("otto.empty/1", &dry);
    assert!(dry["result"].is_null());
    let emptied = room.otto("trash empty --yes --json").json();
    fits("otto.empty/1", &emptied);
    assert_eq!(emptied["result"]["deleted_runs"].as_array().unwrap().len(), 4);
    let nothing = room.otto("undo --json").code(0);
    fits("otto.restore/1", &serde_json::from_str(&nothing.stdout).unwrap());
}

#[test]
fn index_fits_its_schema() {
    let (room, _) = Room::shop();
    for line in ["index --json", "index --json --full", "index --json --rebuild"] {
        let index = room.otto(line).json();
        fits("otto.index/1", &index);
        assert_eq!((&index["runs"], &index["projects"]), (&Value::from(9), &Value::from(2)), "{line}");
    }
}

#[test]
fn with_json_an_error_is_json_on_stderr() {
    let (room, _) = Room::shop();
    let lines = [
        ("lst --json", 2),
        ("list --json --bogus", 2),
        ("list --json --project nobody", 2),
        ("info 1 --json", 2),
        ("usage --json --home nowhere", 1),
        ("index --json --full --rebuild", 2),
        ("clean --json --keep 5m", 2),
        ("clean --json --keep 0", 2),
        ("clean --json --run nothing --yes", 2),
        ("clean --json --home / --yes", 5),
    ];
    for (line, code) in lines {
        let ran = room.otto(line).refused(code, &[]);
        let error: Value = serde_json::from_str(&ran.stderr).unwrap_or_else(|e| panic!("{line}: {e}: {ran:#?}"));
        fits("otto.error/1", &error);
        assert_eq!(error["exit_code"], code, "{line}");
        assert_ne!(error["error"], "", "{line}");
    }
}

#[test]
fn json_without_yes_gives_the_plan_and_deletes_nothing() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    let ran = room.otto("clean --keep 30 --json").code(4);
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    fits("otto.clean/1", &plan);
    assert!(plan["result"].is_null());
    let error: Value = serde_json::from_str(&ran.stderr).unwrap();
    fits("otto.error/1", &error);
    assert!(error["error"].as_str().unwrap().contains("--yes"), "{error:#}");
    before.assert_same(&room.snapshot(), "clean --json without --yes");
}

#[test]
fn the_item_that_the_readme_shows_has_the_keys_of_a_real_one() {
    let readme = include_str!("../../README.md");
    let (_, block) = readme.split_once("--json | jq '.[0]'\n").unwrap();
    let shown: Value = serde_json::from_str(block.split_once("```").unwrap().0).unwrap();
    let (room, _) = Room::shop();
    let real = room.otto("list --limit 1 --json").json()[0].clone();
    let keys = |item: &Value| item.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&shown), keys(&real));
}
