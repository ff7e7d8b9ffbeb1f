//! `otto why` under a policy with budgets and ages of parts: what takes a run, or parts of it, before its own age does.

use super::json::fits;
use super::*;
use std::collections::BTreeMap;

fn configured(text: &str) -> (Room, Shop) {
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), text).unwrap();
    (room, shop)
}

fn why(room: &Room, id: &str) -> Value {
    let value = room.otto_with(&["why", id, "--json"]).json();
    fits("otto.why/1", &value);
    value["run"].clone()
}

fn text(room: &Room, id: &str) -> String {
    room.otto_with(&["why", id]).done()
}

/// A part of a run: when it goes, and the instant.
fn part(run: &Value, part: &str) -> (String, Option<i64>) {
    let of = run["parts"].as_array().unwrap().iter().find(|one| one["part"] == part);
    let of = of.unwrap_or_else(|| panic!("no {part} in {run:#}"));
    (of["when"].as_str().unwrap().to_owned(), of["timestamp"].as_i64())
}

/// Which logs the next clean drops.
fn drops(room: &Room) -> Vec<String> {
    sorted_ids(&room.otto("clean --dry-run --json").json()["thin"])
}

const PARTS: &str = "retention:\n  default: { keep_days: 30, keep_logs_days: 7, keep_artifacts_days: 60 }\n";

#[test]
fn parts_go_when_why_says_so_and_not_before() {
    let (mut room, shop) = configured(PARTS);
    room.otto_with(&["pin", &shop.web(20)]).done();
    let expected = drops(&room);
    assert_eq!(expected, [shop.web(10)], "the pinned run keeps its logs, those of 5 days and less are young");
    for id in room.runs() {
        let (when, _) = part(&why(&room, &id), "logs");
        assert_eq!(when == "next-clean", expected.contains(&id), "{id}");
    }
    // What goes now takes its parts along; what is protected keeps them, and no artifact outlives its run here.
    assert_eq!(part(&why(&room, &shop.web(40)), "logs").0, "with-run");
    assert_eq!(part(&why(&room, &shop.web(20)), "logs"), ("held".into(), None));
    assert_eq!(part(&why(&room, &shop.web(10)), "artifacts").0, "with-run");
    let said = text(&room, &shop.web(10));
    for line in [
        "Parts with an age of their own:\n  logs: with the next `otto clean`\n",
        "    logs older than 7 days (retention.default.keep_logs_days)\n  artifacts: no sooner than the run\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (when, at) = part(&why(&room, &shop.web(1)), "logs");
    assert_eq!(when, "later");
    let said = text(&room, &shop.web(1));
    assert!(said.contains("  logs: from 2025-06-21 14:06:41 (in 5 days)\n"), "{said}");
    for (second, goes) in [(at.unwrap() - 1, false), (at.unwrap(), true)] {
        room.now = second;
        assert_eq!(drops(&room).contains(&shop.web(1)), goes, "at {second}");
        assert_eq!(part(&why(&room, &shop.web(1)), "logs").0 == "next-clean", goes, "at {second}");
    }
    room.otto("clean --yes").code(0);
    assert_eq!(part(&why(&room, &shop.web(10)), "logs").0, "dropped");
    assert!(text(&room, &shop.web(10)).contains("  logs: dropped already\n"));
    let gone = why(&room, &shop.web(70));
    assert_eq!((&gone["parts"], &gone["budget"]), (&serde_json::json!([]), &Value::Null));
}

#[test]
fn a_run_that_an_open_number_keeps_loses_its_parts_first() {
    let (room, shop) = configured("retention: { default: { keep_days: 5, keep_last_n: 6, keep_logs_days: 60 } }\n");
    let run = why(&room, &shop.web(20));
    assert_eq!(run["goes"]["newer_runs"], 4, "{run:#}");
    let (when, at) = part(&run, "logs");
    assert_eq!((when.as_str(), at), ("later", Some(run["timestamp"].as_i64().unwrap() + 60 * 86_400 + 1)));
    // Without tasks there is nothing to drop, and without a rule nothing is said.
    let (room, shop) = configured("retention: { default: { keep_days: 5 } }\n");
    assert_eq!(why(&room, &shop.web(1))["parts"], serde_json::json!([]));
    assert!(!text(&room, &shop.web(1)).contains("Parts"));
}

#[test]
fn why_takes_the_budgets_that_a_clean_takes() {
    let (room, shop) = configured("retention: { default: { keep_days: 1000 }, max_runs: 100 }\n");
    for flags in ["--max-runs 3", "--max-size 100K --keep-last 2", "--min-free 1K"] {
        let plan = room.otto(&format!("clean --dry-run --json {flags}")).json();
        let gone = sorted_ids(&plan["runs"]["delete"]);
        assert_eq!(gone.is_empty(), flags == "--min-free 1K", "{plan:#}");
        for id in room.runs() {
            let run = room.otto(&format!("why {id} --json {flags}")).json()["run"].clone();
            assert_eq!(run["goes"]["when"] == "next-clean", gone.contains(&id), "{id} {flags}: {run:#}");
        }
    }
    let said = room.otto(&format!("why {} --max-runs 3", shop.web(70))).done();
    assert!(said.contains("--max-runs 3"), "{said}");
}

/// What a clean says of every run: whether it goes, and why.
fn verdicts(room: &Room) -> BTreeMap<String, (bool, Value)> {
    let plan = room.otto("clean --dry-run --json").json();
    let of = |list: &str, goes: bool| {
        let items = plan["runs"][list].as_array().unwrap().clone();
        items.into_iter().map(move |run| (run["id"].as_str().unwrap().to_owned(), (goes, run["reasons"].clone())))
    };
    of("keep", false).chain(of("delete", true)).collect()
}

#[test]
fn why_and_clean_say_the_same_of_every_run_where_budgets_are_in_force() {
    for config in [
        "retention: { default: { keep_days: 1000, keep_last_n: 1 }, max_runs: 4 }\n",
        "retention: { default: { keep_days: 45, keep_last_success: true }, max_runs: 3 }\n",
        "retention: { default: { keep_days: 1000, keep_daily: 3 }, max_size: 150K, cache: true }\n",
        "retention: { default: { keep_days: 1000, keep_last_n: 2 }, min_free: 99.99%, max_runs: 8 }\n",
        "retention: { default: { keep_days: 1000 }, max_runs: 100, max_size: 5G, min_free: 1K }\n",
    ] {
        let (room, shop) = configured(config);
        room.otto_with(&["pin", &shop.web(70)]).done();
        let plan = room.otto("clean --dry-run --json").json();
        let in_force = plan["budgets"].as_array().unwrap().len();
        for (id, (goes, reasons)) in verdicts(&room) {
            let run = why(&room, &id);
            let protected = !run["protections"].as_array().unwrap().is_empty();
            let told =
                if protected { Value::from(vec![run["protections"][0].clone()]) } else { run["reasons"].clone() };
            assert_eq!(told, reasons, "{id} with {config}: {run:#}");
            assert_eq!(run["goes"]["when"] == "next-clean", goes, "{id} with {config}: {run:#}");
            assert_eq!((run["verdict"] == "remove") && !protected, goes, "{id} with {config}: {run:#}");
            let budget = &run["budget"];
            let over = goes && reasons[0].as_str().unwrap().starts_with("over budget");
            assert_eq!(budget["fate"] == "taken", over, "{id} with {config}: {budget:#}");
            assert_eq!(budget["fate"] == "not-asked", goes && !over, "{id} with {config}: {budget:#}");
            let told = budget["budgets"].as_array().unwrap();
            assert_eq!(told.len(), in_force);
            for (one, planned) in told.iter().zip(plan["budgets"].as_array().unwrap()) {
                assert_eq!((&one["name"], &one["met"]), (&planned["name"], &planned["met"]));
                // What is free changes while tests run.
                assert!(one["name"] == "min_free" || one["comes_to"] == planned["comes_to"], "{one} {planned}");
            }
        }
    }
}

#[test]
fn a_run_that_a_budget_takes_goes_with_the_next_clean_whatever_keeps_it() {
    let (room, shop) = configured("retention: { default: { keep_days: 1000, keep_last_n: 1 }, max_runs: 4 }\n");
    let said = text(&room, &shop.api(90));
    for line in [
        "Goes: a budget takes it\n  over budget, and the oldest that may go (retention.max_runs 4)\n",
        "The rules alone would keep it:\n  within 1000 days (retention.default.keep_days)\n",
        "When: with the next `otto clean` under this policy\nBudgets: one takes it with the next clean\n",
        "  retention.max_runs 4\n    the next clean leaves 4 runs\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("unless"), "{said}");
    let spared = text(&room, &shop.web(1));
    let because = "none takes it while this holds: the last of its project (retention.default.keep_last_n)\n";
    assert!(spared.contains(because), "{spared}");
    room.otto_with(&["pin", &shop.api(90)]).done();
    let pinned = text(&room, &shop.api(90));
    assert!(pinned.contains("Budgets: none takes it while this holds: pinned\n"), "{pinned}");
    assert!(pinned.contains("When: never, while it is pinned") && !pinned.contains("unless"), "{pinned}");
    assert_eq!(why(&room, &shop.api(90))["goes"]["sooner_by_budget"], false);
}

#[test]
fn an_instant_is_not_promised_where_a_budget_may_come_before_it() {
    let (room, shop) = configured("retention: { default: { keep_days: 1000 }, max_runs: 9 }\n");
    let run = why(&room, &shop.api(90));
    assert_eq!((&run["goes"]["when"], &run["goes"]["sooner_by_budget"]), (&"later".into(), &true.into()), "{run:#}");
    assert_eq!((&run["budget"]["fate"], &run["budget"]["budgets"][0]["comes_to"]), (&"may-go".into(), &9.into()));
    let said = text(&room, &shop.api(90));
    assert!(said.contains(")\n  unless a budget takes it sooner\nBudgets: they may take it, the oldest run first\n"));
    room.builder().run(run_of_today()).unwrap();
    assert_eq!(why(&room, &shop.api(90))["goes"]["when"], "next-clean", "and there it comes");
    let (room, shop) = configured(
        "retention: { default: { keep_days: 30, keep_daily: unlimited, keep_last_success: true }, max_runs: 9 }\n",
    );
    let held = why(&room, &shop.web(40));
    assert_eq!((&held["goes"]["when"], &held["goes"]["sooner_by_budget"]), (&"held".into(), &true.into()), "{held:#}");
    let last = why(&room, &shop.api(5));
    assert_eq!(last["goes"]["sooner_by_budget"], false, "the last success of its project: {last:#}");
    assert_eq!(last["budget"]["fate"], "spared");
    // Only what is among the last, and nothing else keeps it, waits for newer runs alone.
    let (room, shop) = configured("retention: { default: { keep_days: 5, keep_last_n: 6 }, max_runs: 90 }\n");
    let number = why(&room, &shop.web(40));
    assert_eq!((&number["goes"]["newer_runs"], &number["goes"]["sooner_by_budget"]), (&3.into(), &false.into()));
    // Nor is anything said of budgets where none is in force.
    let (room, shop) = configured("retention: { default: { keep_days: 1000 } }\n");
    let run = why(&room, &shop.web(40));
    assert_eq!((&run["budget"], &run["goes"]["sooner_by_budget"]), (&Value::Null, &false.into()));
    assert!(!text(&room, &shop.web(40)).contains("udget"));
}

fn run_of_today() -> RunSpec {
    run("/home/dev/web", 0, false)
}

#[test]
fn an_entry_may_go_sooner_with_the_runs_that_name_it() {
    for (budget, sooner) in [(", max_runs: 9", true), ("", false)] {
        let (room, shop) = configured(&format!("retention: {{ default: {{ keep_days: 1000 }}{budget} }}\n"));
        let entry = own_script(&room, &shop.web, 70);
        let entry = entry.to_str().unwrap();
        let told = room.otto_with(&["why", entry, "--json"]).json();
        fits("otto.why/1", &told);
        assert_eq!(told["entry"]["goes"]["sooner_by_budget"], sooner, "{told:#}");
        let said = text(&room, entry);
        assert_eq!(said.contains("\n  unless a budget takes those runs sooner\n"), sooner, "{said}");
    }
}

#[test]
fn a_budget_that_a_rule_contradicts_is_refused_as_clean_refuses_it() {
    let (room, shop) = configured("retention: { default: { keep_last_n: 5 }, max_runs: 3 }\n");
    let words = ["`retention.max_runs` 3 can never be met"];
    room.otto("clean --dry-run").refused(2, &words).complains(&["nothing was deleted"]);
    let ran = room.otto_with(&["why", &shop.web(1)]).refused(2, &words);
    assert!(!ran.stderr.contains("deleted"), "{}", ran.stderr);
}

#[test]
fn what_deletes_nothing_does_not_say_that_nothing_was_deleted() {
    let (room, shop) = Room::shop();
    let web = shop.web(1);
    let says = |line: &str, words: &[&str]| {
        let ran = room.otto(line).refused(2, words);
        assert!(!ran.stderr.contains("deleted") && !ran.stderr.contains("--incomplete"), "{line}: {}", ran.stderr);
    };
    for line in [&format!("why {web} --keep 0"), "retention --keep 0", "retention --simulate --keep 0"] {
        says(line, &["keeps no run at all", "hint: let one rule keep something"]);
    }
    says("retention --simulate --keep-daily 7 --keep-yearly 1", &["hint: leave one of the two out"]);
    room.otto("clean --keep-daily 7 --keep-yearly 1").refused(2, &["leave one of the two out (nothing was deleted)"]);
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_dayz: 1 } }\n").unwrap();
    for line in [&format!("why {web}"), "retention", "retention --keep 7"] {
        says(line, &["config.yml", "did you mean `keep_days`?"]);
    }
    fs::remove_file(room.store.join("config.yml")).unwrap();
    fs::create_dir(room.store.join("config.yml")).unwrap();
    says(&format!("why {web}"), &["mend or remove the file"]);
    room.otto("clean").refused(2, &["mend or remove the file (nothing was deleted)"]);
}
