//! `clean --only`: the runs stay, parts of them go, and everything says so.

use super::*;

#[test]
fn only_the_logs_go_and_the_runs_stay_as_they_were_told_of() {
    let (room, shop) = Room::shop();
    let before = room.otto("list --json").json();
    let dry = room.otto("clean --only logs --keep 30 --dry-run").done();
    assert!(dry.contains("Would thin: 5 runs (") && dry.contains("logs of 5 runs"), "{dry}");
    assert!(dry.contains("parts of 5 runs") && !dry.contains("Would remove"), "{dry}");
    let planned = room.otto("clean --only logs --keep 30 --dry-run --json").json();
    let mut thin = sorted_ids(&planned["thin"]);
    thin.sort();
    let mut old = vec![shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
    old.sort();
    assert_eq!(thin, old);
    assert_eq!(planned["thin"][0]["parts"], serde_json::json!(["logs"]));
    assert!(planned["runs"]["delete"].as_array().unwrap().is_empty());
    room.otto("clean --only logs --keep 30").code(4);
    let done = room.otto("clean --only logs --keep 30 --yes --json").json();
    assert_eq!(done["result"]["thinned"].as_array().unwrap().len(), 5);
    assert_eq!(done["result"]["freed_size_bytes"], done["frees_size_bytes"]);
    assert_eq!(done["result"]["freed_disk_bytes"], done["frees_disk_bytes"]);
    assert_eq!(room.runs(), shop.all_but(&[]));
    for (was, is) in before.as_array().unwrap().iter().zip(room.otto("list --json").json().as_array().unwrap()) {
        for key in ["id", "status", "status_source", "duration_ms", "tasks_failed", "missing"] {
            assert_eq!(was[key], is[key], "{key} of {}", was["id"]);
        }
        let is_old = old.iter().any(|id| is["id"] == *id);
        assert_eq!(is["thinned"], if is_old { serde_json::json!(["logs"]) } else { serde_json::json!([]) });
    }
    assert!(
        !room
            .store
            .join(&old[0])
            .join("tasks")
            .read_dir()
            .unwrap()
            .flatten()
            .any(|t| t.path().join("stdout.log").exists())
    );
    room.otto(&format!("info {}", shop.web(70))).says(&["Thinned: logs dropped"]);
    assert!(room.otto("clean --only logs --keep 30 --yes").done().contains("Nothing to remove."));
    room.otto("check").done();
}

#[test]
fn what_was_dropped_into_the_trash_is_undone() {
    let (room, _) = Room::shop();
    let (before, listed) = (room.snapshot(), room.otto("list --json").done());
    room.otto("clean --only logs,artifacts --keep 30 --trash --yes")
        .says(&["In the trash: parts of 5 runs", "otto undo"]);
    room.otto("trash list").says(&["parts of 5 runs"]);
    room.otto("undo").says(&["Restored: parts of 5 runs ("]);
    before.assert_same(&room.snapshot(), "undone");
    assert_eq!(room.otto("list --json").done(), listed);
}
