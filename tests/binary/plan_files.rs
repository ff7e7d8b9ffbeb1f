//! Plan files from the outside: written by one command, looked at, executed as they are by another, and refused where they
//! are not ours.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// A room in which `clean --keep 30 --cache` was written to `plan.json` in the working directory.
fn planned() -> (Room, Shop, Value) {
    let (room, shop) = Room::shop();
    let plan = room.otto("clean --keep 30 --cache --plan-out plan.json --json").json();
    (room, shop, plan)
}

/// What has to be skipped, and nothing else, in the words of a result.
#[track_caller]
fn skipped(result: &Value, ids: &[&str]) {
    let mut found: Vec<_> = result.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, ids, "{result:#}");
}

#[test]
fn a_plan_is_written_looked_at_and_done_as_it_is() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let ran = room.otto("clean --keep 30 --cache --plan-out plan.json").done();
    let file = room.path("plan.json");
    let text = fs::read_to_string(&file).unwrap();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let id = &plan["blake3"].as_str().unwrap()[..16];
    let told = format!("Nothing was deleted. The plan {id} is in `plan.json`: 5 runs, 6 cache entries.");
    assert!(ran.ends_with(&format!("{told}\nTo do it: otto clean --apply plan.json\n")), "{ran}");
    assert!(ran.contains("Would remove: 5 runs"), "{ran}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    json::fits("otto.plan/1", &plan);
    before.assert_same(&room.snapshot(), "a plan that was written");
    assert_eq!(text, fs::read_to_string(&file).unwrap());

    // Days later, and not by the policy of then.
    let later = |line: &str| {
        let mut command = room.command(&line.split(' ').collect::<Vec<_>>());
        command.env("OTTO_NOW", (NOW + 12 * DAY).to_string());
        Ran::of(command)
    };
    let dry = later("clean --apply plan.json --dry-run").done();
    for words in [
        &format!("Plan: {id}, made 12 days ago (2025-06-15 15:06:40)"),
        "otto clean --keep 30 --cache --plan-out plan.json",
        "goes: what began before 2025-05-16 15:06:40",
        "Would remove: 5 runs",
        "Now: 5 of 5 runs and 6 of 6 cache entries would go",
        "To do it: otto clean --apply plan.json\n",
    ] {
        assert!(dry.contains(words), "no `{words}` in\n{dry}");
    }
    before.assert_same(&room.snapshot(), "a dry run of a plan");
    let ran =
        later("clean --apply plan.json").code(4).complains(&["--yes is missing", "clean --apply plan.json --yes"]);
    assert!(ran.stdout.contains("Would remove: 5 runs"));
    before.assert_same(&room.snapshot(), "a plan that nobody confirmed");
    let done = later("clean --apply plan.json --yes").code(0).says(&["4 runs remain", "Freed: "]);
    assert_eq!(done.stderr, "");
    // By the policy and the clock of now, `web(20)` would have gone as well.
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
    assert!(!shop.orphan.exists() && shop.fresh.exists());
    let log = fs::read_to_string(room.store.join(".catalog/audit.jsonl")).unwrap();
    assert!(log.lines().all(|line| line.contains(&format!("\"plan\":\"{id}\""))), "{log}");
    let again = later("clean --apply plan.json --yes --json").code(3);
    let result: Value = serde_json::from_str(&again.stdout).unwrap();
    assert!(result["result"]["skipped"].as_array().unwrap().iter().all(|s| s["reason"] == "it is gone"), "{result:#}");
}

#[test]
fn a_dry_run_of_a_plan_file_is_the_plan_and_says_what_would_be_skipped_now() {
    let (room, shop, written) = planned();
    json::fits("otto.clean/1", &written);
    let dry = room.otto("clean --apply plan.json --dry-run --json").json();
    json::fits("otto.clean/1", &dry);
    assert_eq!(dry["would_skip"], Value::Array(Vec::new()));
    assert_eq!(written["would_skip"], Value::Null);
    // What is said of runs that stay is not in the file.
    let same = |plan: &Value| {
        let mut plan = plan.clone();
        plan["runs"]["keep"] = Value::Null;
        plan["would_skip"] = Value::Null;
        plan
    };
    assert_eq!(same(&dry), same(&written));
    let changed = shop.web(50);
    fs::write(room.store.join(&changed).join("tasks/build/stdout.log"), "more\n").unwrap();
    fs::remove_dir_all(room.store.join(shop.api(90))).unwrap();
    let own = own_script(&room, &shop.web, 70);
    let own = format!("{}/.cache/{}", shop.web, own.file_name().unwrap().to_str().unwrap());
    let dry = room.otto("clean --apply plan.json --dry-run --json").json();
    let skips: Vec<_> = dry["would_skip"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert!(skips.contains(&changed.as_str()) && skips.contains(&shop.api(90).as_str()), "{skips:?}");
    assert!(skips.contains(&own.as_str()), "what a run that stays may name stays with it: {skips:?}");
    let text = room.otto("clean --apply plan.json --dry-run").done();
    assert!(text.contains(&format!("  would skip {changed}: it changed since it was indexed\n")), "{text}");
    assert!(text.contains("Now: 3 of 5 runs"), "{text}");
    let done = room.otto("clean --apply plan.json --yes --json").code(3);
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(done["plan_id"], written["plan_id"]);
    let mut skips = skips;
    skips.sort_unstable();
    skipped(&done["result"]["skipped"], &skips);
    assert!(room.store.join(&changed).exists());
}

#[test]
fn who_is_asked_about_a_plan_of_yesterday_is_asked_about_what_is_left_of_it() {
    let (room, shop, _) = planned();
    room.otto_with(&["pin", &shop.web(50)]).done();
    let before = room.snapshot();
    let apply = |keys: &str| room.at_terminal("clean --apply plan.json", keys);
    let asked = apply("n\n").code(4);
    let question = "This deletes 4 runs and";
    assert!(asked.stderr.contains(question) && !asked.stderr.contains("--trash"), "{asked:#?}");
    let numbered: Vec<_> = asked.stderr.lines().filter(|line| line.contains(&shop.web)).collect();
    assert!(numbered.iter().all(|line| !line.contains(&shop.web(50))), "{asked:#?}");
    asked.says(&["Now: 4 of 5 runs", &format!("would skip {}: ", shop.web(50))]);
    before.assert_same(&room.snapshot(), "a plan that was declined");
    let done = apply("y\n").code(3).says(&[&format!("skipped {}: ", shop.web(50))]);
    assert!(done.stdout.contains("Freed: "), "{done:#?}");
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(40), shop.api(90), shop.api(35)]));
    // Who unpins in the moment of the question agreed to no more, and nothing is asked about nothing.
    let none = apply("").code(3).says(&["Now: 0 of 5 runs"]).complains(&["all of it would be skipped"]);
    assert!(!none.stderr.contains("[y/N]"), "{none:#?}");
}

#[test]
fn a_plan_survives_the_loss_of_the_catalog_and_a_rebuild() {
    for lost in [true, false] {
        let (room, shop, _) = planned();
        if lost {
            fs::remove_file(room.store.join(".catalog/catalog.db")).unwrap();
        } else {
            room.otto("index --rebuild").code(0);
        }
        room.otto("clean --apply plan.json --yes").code(0);
        assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
    }
}

#[test]
fn what_is_no_plan_of_this_store_is_refused_and_nothing_is_touched() {
    let (room, _, _) = planned();
    let before = room.snapshot();
    let good = fs::read_to_string(room.path("plan.json")).unwrap();
    let cases: [(&str, String, &[&str]); 7] = [
        (
            "edited",
            good.replacen("\"grace_seconds\":3600", "\"grace_seconds\":0", 1),
            &["was changed after it was written"],
        ),
        ("cut", good[..good.len() / 2].to_owned(), &["not a plan file"]),
        (
            "later",
            good.replace("otto.plan/1", "otto.plan/9"),
            &["otto.plan/9", "otto.plan/1", "the otto that wrote it"],
        ),
        ("empty", String::new(), &["not a plan file"]),
        ("words", "delete everything\n".to_owned(), &["not a plan file"]),
        ("other", "{\"schema\": \"otto.clean/1\"}".to_owned(), &["not a plan file", "otto.clean/1"]),
        ("deep", "[".repeat(1 << 20), &["not a plan file"]),
    ];
    for (name, text, words) in cases {
        fs::write(room.path(name), text).unwrap();
        for how in ["--yes", "--dry-run", "", "--yes --json"] {
            room.otto(&format!("clean --apply {name} {how}")).refused(5, words).complains(&[name, "refused"]);
        }
    }
    let big = fs::File::create(room.path("big")).unwrap();
    big.set_len(300 << 20).unwrap();
    room.otto("clean --apply big --yes").refused(5, &["more than the"]);
    room.otto("clean --apply none --yes").refused(1, &["`none` cannot be read"]);
    room.otto("clean --apply . --yes").refused(5, &["not a regular file"]);
    let (other, _) = Room::shop();
    let foreign = other.path("plan.json");
    other.otto("clean --keep 30 --plan-out plan.json").code(0);
    for how in ["--yes", "--dry-run"] {
        room.otto(&format!("clean --apply {} {how}", foreign.display())).refused(5, &["for another store", "--home"]);
    }
    before.assert_same(&room.snapshot(), "a plan that was refused");
    room.otto("clean --apply plan.json --yes").code(0);
}

#[test]
fn flags_that_select_or_keep_cannot_stand_beside_a_plan_and_a_plan_that_is_written_is_not_done() {
    let (room, _, _) = planned();
    let before = room.snapshot();
    let beside = [
        "--keep 1",
        "--keep-last 3",
        "--keep-failed 1",
        "--strict-status",
        "--project web",
        "--cache",
        "--cache-only",
        "--cache-grace 0",
        "--cache-only --stale",
        "--status failed",
        "--incomplete",
        "--run latest",
        "--all",
        "--entry a/b",
        "--interactive",
        "--allow-empty",
        "--plan-out other.json",
    ];
    for flags in beside {
        let flag = flags.split(' ').next().unwrap();
        room.otto(&format!("clean --apply plan.json --yes {flags}")).refused(2, &["--apply", flag]);
    }
    room.otto("clean --keep 30 --plan-out other.json --yes").refused(2, &["--plan-out", "--yes"]);
    room.otto("clean --keep 30 --plan-out -").complains(&["takes the name of a file"]).code(2);
    room.otto("clean --keep 0 --plan-out other.json").refused(2, &["keeps no run at all"]);
    assert!(!room.path("other.json").exists() && !room.path("-").exists());
    before.assert_same(&room.snapshot(), "a command that says two things");
}

#[test]
fn a_plan_is_not_written_over_what_is_none() {
    let (room, _, _) = planned();
    fs::write(room.path("notes"), "mine").unwrap();
    std::os::unix::fs::symlink("plan.json", room.path("link")).unwrap();
    let plan = fs::read(room.path("plan.json")).unwrap();
    let run = room.store.join(room.runs()[0].clone()).join("plan.json").to_str().unwrap().to_owned();
    for (name, word) in [
        ("notes", "not a plan file"),
        ("link", "a link"),
        (".", "names no file"),
        ("no/where", "cannot write into"),
        (run.as_str(), "in the store itself"),
    ] {
        let ran = room.otto(&format!("clean --keep 1 --plan-out {name}"));
        assert!(matches!(ran.code, 1 | 2 | 5), "{name}: {ran:#?}");
        ran.complains(&["was not written to", word]);
    }
    assert_eq!(fs::read(room.path("notes")).unwrap(), b"mine");
    assert_eq!(fs::read(room.path("plan.json")).unwrap(), plan);
    room.otto("clean --keep 60 --plan-out plan.json").code(0);
    assert_ne!(fs::read(room.path("plan.json")).unwrap(), plan);
    let left = crate::support::names_in(&room.work());
    assert_eq!(left, ["link", "notes", "plan.json"]);
}

#[test]
fn limits_and_the_clock_hold_for_plan_files_too() {
    let (room, shop, _) = planned();
    let before = room.snapshot();
    room.otto("clean --keep 30 --plan-out small.json --max-delete 4").code(5).complains(&["at most 4 may go"]);
    assert!(!room.path("small.json").exists());
    for how in ["--yes", "--dry-run", ""] {
        room.otto(&format!("clean --apply plan.json --max-delete 4 {how}")).code(5).complains(&["at most 4 may go"]);
    }
    fs::write(room.store.join("config.yml"), "retention: { max_delete: 1% }\n").unwrap();
    room.otto("clean --apply plan.json --yes").code(5).complains(&["retention.max_delete"]);
    fs::remove_file(room.store.join("config.yml")).unwrap();
    let earlier = |line: &str| {
        let mut command = room.command(&line.split(' ').collect::<Vec<_>>());
        command.env("OTTO_NOW", (NOW - 2 * DAY).to_string());
        Ran::of(command)
    };
    earlier("clean --apply plan.json --yes").refused(5, &["the clock says"]);
    earlier("clean --keep 30 --plan-out late.json").code(5).complains(&["the clock says"]);
    assert!(!room.path("late.json").exists());
    before.assert_same(&room.snapshot(), "a plan over a limit");
    room.otto("clean --apply plan.json --max-delete 5 --yes").code(0);
    assert_eq!(room.runs().len(), shop.all_but(&[]).len() - 5);
}

#[test]
fn a_plan_of_all_runs_takes_the_word_when_it_is_done() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    room.otto("clean --all --allow-empty --plan-out all.json").code(0).says(&["9 runs"]);
    room.otto("clean --apply all.json --yes").code(4).complains(&["--confirm DELETE"]);
    before.assert_same(&room.snapshot(), "all runs without the word");
    room.otto("clean --apply all.json --yes --confirm DELETE").code(0);
    assert_eq!(room.runs(), Vec::<String>::new());
    // What would empty a project needs its flag when the plan is made.
    let (room, shop) = Room::shop();
    let ran =
        room.otto(&format!("clean --run {} {} {} --plan-out three.json", shop.api(90), shop.api(35), shop.api(5)));
    ran.code(5).complains(&["--allow-empty"]);
    assert!(!room.path("three.json").exists());
}

#[test]
fn a_named_store_and_catalog_are_named_in_the_command_that_applies_a_plan() {
    let (room, _) = Room::shop();
    let store = room.path("else where");
    fs::rename(&room.store, &store).unwrap();
    let words = ["--home", "else where", "--catalog", "c.db", "clean", "--keep", "30", "--plan-out", "p q.json"];
    let ran = room.otto_with(&words).done();
    let command = "otto --home 'else where' --catalog c.db clean --apply 'p q.json'";
    assert!(ran.ends_with(&format!("To do it: {command}\n")), "{ran}");
    let done = room.shell(&format!("{command} --yes")).code(0);
    assert!(done.stdout.contains("4 runs remain"), "{done:#?}");
}

#[test]
fn a_plan_that_nobody_could_apply_is_not_written() {
    let (room, _) = Room::shop();
    fs::write(room.store.join(".catalog"), "in the way").unwrap();
    room.otto("clean --keep 30 --plan-out plan.json").code(1).complains(&["the catalog is in memory"]);
    assert!(!room.path("plan.json").exists());
}

#[test]
fn a_run_that_was_pinned_since_stays_also_when_the_catalog_was_lost() {
    for lost in [false, true] {
        let (room, shop, _) = planned();
        room.otto(&format!("pin {}", shop.web(70))).code(0);
        if lost {
            fs::remove_file(room.store.join(".catalog/catalog.db")).unwrap();
        }
        let dry = room.otto("clean --apply plan.json --dry-run").done();
        assert!(dry.contains(&format!("would skip {}: pinned", shop.web(70))), "{dry}");
        let ran = room.otto("clean --apply plan.json --yes").code(3);
        assert!(ran.stdout.contains(&format!("skipped {}: pinned", shop.web(70))), "{ran:#?}");
        assert_eq!(room.runs(), shop.all_but(&[shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
        assert!(own_script(&room, &shop.web, 70).exists(), "what it names stays with it");
    }
}
