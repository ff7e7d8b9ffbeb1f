//! What `otto usage` recommends is what `otto clean` does under the same configuration: with budgets, ages of parts and a
//! trash.

use super::json::fits;
use super::*;

fn old_runs(room: &Room) -> Value {
    let usage = room.otto("usage --json").json();
    fits("otto.usage/1", &usage);
    let found = usage["recommendations"].as_array().unwrap().iter().find(|one| one["kind"] == "old-runs").cloned();
    found.unwrap_or_else(|| panic!("nothing is recommended: {usage:#}"))
}

/// A shop of which every second run left artifacts as well.
fn with_artifacts() -> Room {
    let (room, _) = Room::shop();
    for (at, id) in room.runs().iter().enumerate().filter(|(at, _)| at % 2 == 0) {
        let task = fs::read_dir(room.store.join(id).join("tasks")).unwrap().next().unwrap().unwrap().path();
        fs::create_dir_all(task.join("out")).unwrap();
        fs::write(task.join("out/big.bin"), vec![b'x'; 5000 * (at + 1)]).unwrap();
    }
    room
}

#[test]
fn a_recommendation_is_what_clean_does_under_the_same_configuration() {
    let mut parts = 0;
    for config in [
        "retention: { default: { keep_logs_days: 3 } }\n",
        "retention: { default: { keep_logs_days: 3, keep_artifacts_days: 2, keep_last_n: 4 }, cache: true }\n",
        "retention: { default: { keep_days: 1000, keep_artifacts_days: 2 }, max_runs: 3 }\n",
        "retention: { default: { keep_logs_days: 0 }, max_size: 150K, min_free: 1K }\n",
        "retention: { default: { keep_artifacts_days: 2 }, max_runs: 3 }\ntrash: { keep_days: 3 }\n",
        "retention: { per_project: { web: { keep_days: 1000, keep_logs_days: 60 } } }\n",
    ] {
        let room = with_artifacts();
        fs::write(room.store.join("config.yml"), config).unwrap();
        let item = old_runs(&room);
        let command = item["command"].as_str().unwrap().strip_prefix("otto ").unwrap().to_owned();
        let dry = room.otto(&format!("{command} --dry-run --json")).json();
        let count = |list: &Value| list.as_array().unwrap().len() as u64;
        assert_eq!(item["runs"], count(&dry["runs"]["delete"]), "{config}");
        assert_eq!(item["thinned_runs"], count(&dry["thin"]), "{config}");
        assert_eq!(item["cache_entries"], count(&dry["cache"]["delete"]), "{config}");
        let over: u64 = dry["budgets"].as_array().unwrap().iter().map(|one| one["runs"].as_u64().unwrap()).sum();
        assert_eq!(item["over_budget_runs"], over, "{config}");
        assert_eq!(item["not_looked_at_runs"], 0, "{config}");
        for kind in ["size_bytes", "disk_bytes"] {
            assert_eq!(item[format!("frees_{kind}")], dry[format!("frees_{kind}")], "{config}: {item:#}");
            assert_eq!(item[format!("trash_{kind}")], dry["trash"][kind].as_u64().unwrap_or(0), "{config}: {item:#}");
        }
        parts += count(&dry["thin"]);
        let before = room.du();
        room.otto(&format!("{command} --yes --allow-empty")).code(0);
        if !config.contains("trash") {
            assert_eq!(before.disk - room.du().disk, item["frees_disk_bytes"].as_u64().unwrap(), "{config}");
        }
    }
    assert!(parts > 5, "hardly a part went");
}

#[test]
fn where_parts_alone_would_go_that_is_recommended() {
    let (room, shop) = Room::shop();
    room.otto("clean --yes").code(0);
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_logs_days: 7 } }\n").unwrap();
    let item = old_runs(&room);
    assert_eq!((&item["runs"], &item["thinned_runs"]), (&0.into(), &2.into()), "{} {item:#}", shop.web);
    room.otto("usage").says(&["Clean runs older than 30 days (0 runs, parts of 2 more)"]);
    room.otto("clean --yes").code(0);
    assert!(!room.otto("usage").done().contains("Clean runs older"));
    fs::write(room.store.join("config.yml"), "retention: { max_runs: 2 }\n").unwrap();
    room.otto("usage").says(&["Clean runs older than 30 days or over budget (2 runs)"]);
}
