//! A file system that states no size: one in memory without a limit, as some that are reached over a network. A budget that
//! asks how large the disk is, or how much of it is free, takes nothing there, and that is said by every command that
//! judges by it.

use super::full::on_a_disk_of;
use crate::binary::json::fits;
use crate::binary::{Ran, Room, ids};
use serde_json::Value;

const UNASKED: [&str; 2] = ["does not tell its size", "takes no run"];

fn items(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:#?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

fn warnings(ran: &Ran) -> usize {
    ran.stderr.lines().filter(|line| UNASKED.iter().all(|words| line.contains(words))).count()
}

#[test]
fn a_disk_that_states_no_size_costs_no_run_for_a_budget() {
    let (room, shop) = Room::shop();
    let config = "retention: { default: { keep_days: 1000 }, max_size: 50%, min_free: 5G }\n";
    std::fs::write(room.store.join("config.yml"), config).unwrap();
    let why = format!("why {} --json", shop.web(70));
    let plan = room.path("plan.json");
    let plan_out = format!("clean --plan-out '{}'", plan.display());
    let apply = format!("clean --apply '{}' --yes", plan.display());
    let lines = [
        "clean --dry-run --json",
        "clean --dry-run",
        &why,
        "usage --json",
        "retention",
        "retention --simulate --keep 900 --json",
        &plan_out,
        &apply,
        // What asks for no disk is spent beside what does.
        "clean --max-runs 7 --min-free 5% --yes",
        "clean --max-size 1% --yes --json",
        "list --json",
    ];
    let Some(ran) = on_a_disk_of(&room, "0", &lines) else { return };
    let shown = items(&ran[0]);
    fits("otto.clean/1", &shown);
    assert_eq!(ids(&shown["runs"]["delete"]), Vec::<String>::new());
    let budgets = shown["budgets"].as_array().unwrap();
    assert_eq!((budgets.len(), shown["notices"].as_array().unwrap().len()), (2, 2));
    for budget in budgets {
        assert!(budget["unknown"].as_str().unwrap().contains("does not tell its size"), "{budget:#}");
        assert_eq!(
            (&budget["met"], &budget["comes_to"], &budget["short"]),
            (&false.into(), &Value::Null, &Value::Null)
        );
    }
    let text = ran[1].stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("retention.max_size 50% takes no run: the store's file system does not tell"), "{text}");
    assert!(text.contains("retention.min_free 5G takes no run") && !text.contains("EiB"), "{text}");
    let run = items(&ran[2]);
    fits("otto.why/1", &run);
    assert_eq!(run["run"]["verdict"], "keep");
    let told = run["run"]["budget"]["budgets"].as_array().unwrap();
    assert!(told.iter().all(|one| one["unknown"].is_string() && one["comes_to"].is_null()), "{told:#?}");
    let old = items(&ran[3])["recommendations"].as_array().unwrap().iter().any(|one| one["over_budget_runs"] != 0);
    assert!(!old, "{:#?}", ran[3]);
    for (at, number) in [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2), (8, 2), (9, 2), (10, 0)] {
        assert_eq!((ran[at].code, warnings(&ran[at])), (0, number), "{}: {:#?}", lines[at], ran[at]);
    }
    let sides = &items(&ran[5])["simulation"];
    assert_eq!((&sides["configured"]["runs"], &sides["simulated"]["runs"]), (&0.into(), &0.into()));
    fits("otto.plan/1", &serde_json::from_slice(&std::fs::read(&plan).unwrap()).unwrap());
    let said = ran[8].stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Not asked: --min-free 5% takes no run") && !said.contains("Not met"), "{said}");
    assert_eq!(items(&ran[10]).as_array().unwrap().len(), 7, "two went, for the number of runs alone");
}
