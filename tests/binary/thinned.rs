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

#[test]
fn parts_go_by_their_own_age_in_the_same_clean() {
    let (room, shop) = Room::shop();
    std::fs::write(
        room.store.join("config.yml"),
        "retention:\n  default: { keep_days: 60, keep_logs_days: 30 }\n  per_project:\n    api: { keep_logs_days: 4 }\n",
    )
    .unwrap();
    let before = room.snapshot();
    let text = room.otto("clean --dry-run").done();
    for part in ["Policy: keep 60 days; logs 30 days", "Would remove: 2 runs", "Would thin: 4 runs (", "logs of 4 runs"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("Total: 2 runs, parts of 4 runs and 0 cache entries, freeing"), "{text}");
    let explained = room.otto("clean --dry-run --explain").done();
    assert!(explained.contains("6 runs, 1 of them go, parts of 2"), "{explained}");
    assert!(explained.contains("logs older than 4 days (retention.per_project.api.keep_logs_days)"), "{explained}");
    let planned = room.otto("clean --dry-run --json").json();
    before.assert_same(&room.snapshot(), "a dry run");
    let thins = sorted_ids(&planned["thin"]);
    let mut expected = vec![shop.web(50), shop.web(40), shop.api(35), shop.api(5)];
    expected.sort();
    assert_eq!(thins, expected);
    assert_eq!(planned["policy"]["projects"][0]["keep_logs_seconds"], 4 * DAY);
    let whole = room.du();
    let done = room.otto("clean --yes --json").json();
    assert_eq!(done["thin"], planned["thin"]);
    assert_eq!(done["result"]["thinned"].as_array().unwrap().len(), 4);
    assert_eq!(done["result"]["deleted_runs"].as_array().unwrap().len(), 2);
    assert_eq!(done["result"]["freed_disk_bytes"], whole.disk - room.du().disk);
    assert_eq!(done["frees_disk_bytes"], done["result"]["freed_disk_bytes"]);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.api(90)]));
    room.otto("clean --yes").says(&["Would thin: 0 runs", "Nothing to remove."]);
    room.otto("clean --keep-logs 0 --yes").says(&["parts of 3 runs", "thinned "]);
    room.otto("check").done();
}

#[test]
fn removed_runs_and_dropped_parts_of_one_clean_come_back_together() {
    let (room, _) = Room::shop();
    let (before, listed) = (room.snapshot(), room.otto("list --json").done());
    room.otto("clean --keep 60 --keep-logs 7 --keep-artifacts 7 --cache --trash --yes")
        .says(&["In the trash: 2 runs, parts of 5", "otto undo"]);
    room.otto("undo").says(&["parts of 5 runs"]);
    before.assert_same(&room.snapshot(), "undone");
    assert_eq!(room.otto("list --json").done(), listed);
}

#[test]
fn ages_of_parts_stand_beside_nothing_that_asks_no_rule() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let run = shop.web(70);
    for line in ["--only logs", "--cache-only", "--all", &format!("--run {run}"), "--apply plan.json"] {
        room.otto(&format!("clean --keep-logs 7 {line} --yes")).code(2);
    }
    room.otto("clean --keep-logs -1 --yes").code(2);
    before.assert_same(&room.snapshot(), "refused");
}

#[test]
fn strays_and_temporary_files_go_alone_and_are_named() {
    let (room, shop) = Room::shop();
    let stray = room.store.join(&shop.web).join(".cache/.tmpAb12Cd");
    std::fs::write(&stray, "torn").unwrap();
    crate::support::touch(&stray, NOW - DAY);
    std::fs::write(room.store.join("config.yml"), "retention: { temp_patterns: ['nothing*'] }\n").unwrap();
    let dry = room.otto("clean --only temp --keep 30 --dry-run").done();
    assert!(dry.contains("and 1 stray file in caches (") && dry.contains("parts of 0 runs and 1 stray file"), "{dry}");
    assert!(!dry.contains("orphaned"), "{dry}");
    let done = room.otto("clean --only temp --keep 30 --trash --yes --json").json();
    assert_eq!(done["result"]["deleted_cache"], serde_json::json!([format!("{}/.cache/.tmpAb12Cd", shop.web)]));
    assert!(!stray.exists());
    room.otto("undo").says(&["restored "]);
    assert!(stray.exists());
    std::fs::write(room.store.join("config.yml"), "retention: { temp_patterns: nothing }\n").unwrap();
    let refused = room.otto("clean --only temp --keep 30 --yes").code(2);
    assert!(refused.stderr.contains("it takes a list of patterns of file names"), "{refused:#?}");
    assert!(stray.exists());
}

#[test]
fn a_plan_of_parts_is_written_down_shown_and_done() {
    let (room, shop) = Room::shop();
    for line in ["--only logs --keep 30", "--keep 60 --keep-logs 30"] {
        let before = room.snapshot();
        let told = room.otto(&format!("clean {line} --trash --plan-out plan.json")).done();
        assert!(told.contains("parts of "), "{told}");
        before.assert_same(&room.snapshot(), "writing a plan");
        let plan: Value = serde_json::from_slice(&std::fs::read(room.path("plan.json")).unwrap()).unwrap();
        super::json::fits("otto.plan/2", &plan);
        let thinned = plan["thin"].as_array().unwrap().len();
        let shown = room.otto("clean --apply plan.json --dry-run").done();
        assert!(shown.contains(&format!("Would thin: {thinned} runs")), "{shown}");
        let done = room.otto("clean --apply plan.json --yes --json").json();
        assert_eq!(done["result"]["thinned"].as_array().unwrap().len(), thinned);
        let again = room.otto("clean --apply plan.json --yes --json").code(3);
        assert!(again.stdout.contains("\"thinned\": []") || again.stdout.contains("\"thinned\":[]"), "{again:#?}");
        room.otto("undo").code(0);
        before.assert_same(&room.snapshot(), "undone");
        std::fs::remove_file(room.path("plan.json")).unwrap();
    }
    assert_eq!(room.runs(), shop.all_but(&[]));
}

#[test]
fn parts_of_one_run_come_back_by_its_name_from_every_operation() {
    let (room, shop) = Room::shop();
    let (before, listed) = (room.snapshot(), room.otto("list --json").done());
    room.otto("clean --only logs --keep 30 --trash --yes").code(0);
    room.otto("clean --only artifacts --keep 30 --trash --yes").code(0);
    let trash = room.otto("trash list").done();
    assert!(trash.contains(&format!("parts of {}", shop.web(70))), "{trash}");
    let run = shop.web(70);
    let json = room.otto("trash list --json").json();
    let operations = json["operations"].as_array().unwrap();
    assert!(operations.iter().all(|one| one["runs"].as_array().unwrap().is_empty()));
    assert!(operations.iter().any(|one| one["thinned"].as_array().unwrap().iter().any(|item| item["id"] == run)));
    let dry = room.otto(&format!("trash restore {run} --dry-run")).done();
    assert!(dry.contains(&format!("would restore parts of {run}")), "{dry}");
    room.otto(&format!("trash restore {run}")).says(&[&format!("restored parts of {run}"), "Restored: parts of "]);
    let thinned = |room: &Room, id: &str| {
        let runs = room.otto("list --json").json();
        runs.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["thinned"].clone()
    };
    assert_eq!(thinned(&room, &run), serde_json::json!([]));
    assert_ne!(thinned(&room, &shop.web(50)), serde_json::json!([]), "the others stay thinned");
    let again = room.otto(&format!("trash restore {run}")).code(2);
    assert!(again.stderr.contains("error: "), "{again:#?}");
    for id in [shop.web(50), shop.web(40), shop.api(90), shop.api(35)] {
        room.otto(&format!("trash restore {id}")).code(0);
    }
    before.assert_same(&room.snapshot(), "restored one by one");
    assert_eq!(room.otto("list --json").done(), listed);
    room.otto("trash list").says(&["In the trash: 0 operations"]);
}

#[test]
fn every_verdict_of_a_thinning_is_told() {
    let (room, shop) = Room::shop();
    let explained = room.otto("clean --only logs --keep 30 --dry-run --explain").done();
    assert!(explained.contains("6 runs, 0 of them go, parts of 3"), "{explained}");
    assert!(explained.contains("3 runs, 0 of them go, parts of 2"), "{explained}");
    assert_eq!(explained.matches("  thins  logs  ").count(), 5, "{explained}");
    assert_eq!(explained.matches("only parts of it may go (--only)").count(), 5, "{explained}");
    assert_eq!(explained.matches("within 30 days (--keep)").count(), 4, "{explained}");
    let plan = room.otto("clean --only logs --keep 30 --dry-run --json").json();
    assert_eq!(sorted_ids(&plan["runs"]["keep"]), shop.all_but(&[]), "every run stays");
}

#[test]
fn asking_about_each_run_is_refused_where_every_run_stays_and_the_way_out_is_named() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    for flags in ["", "--dry-run", "--trash"] {
        room.otto(&format!("clean --only logs,temp --keep 30 -i {flags}"))
            .refused(2, &["--interactive asks about each run that goes", "with --only every run stays"])
            .complains(&["--run RUN.. --only logs,temp", "otto clean --only logs,temp --dry-run -v"]);
    }
    before.assert_same(&room.snapshot(), "refused");
    let run = shop.web(70);
    let plan = room.otto(&format!("clean --run {run} --only logs,temp --dry-run --json")).json();
    assert_eq!(sorted_ids(&plan["thin"]), [run], "and it is a way out");
}
