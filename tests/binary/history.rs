//! What happened before: `history`, `stats`, and what `info` says of a duration.

use super::json::fits;
use super::*;

/// The rows of a table below its rule.
fn rows(text: &str) -> Vec<&str> {
    text.lines().skip(2).collect()
}

/// The shop after a clean: five runs are removed, four are there, and one of those vanished.
fn used_shop() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 30 --yes").code(0);
    fs::remove_dir_all(room.store.join(shop.api(5))).unwrap();
    room.otto("index").code(0);
    (room, shop)
}

#[test]
fn history_shows_what_is_gone_and_says_so() {
    let (room, shop) = used_shop();
    let history = room.otto("history --json").json();
    fits("otto.history/1", &history);
    let runs = history["runs"].as_array().unwrap();
    let all = [shop.web(1), shop.api(5), shop.web(10), shop.web(20), shop.api(35), shop.web(40), shop.web(50)];
    assert_eq!(ids(&history["runs"])[..7], all);
    assert_eq!(runs.len(), 9);
    for run in runs {
        let id = run["id"].as_str().unwrap();
        let state = match room.store.join(id).exists() {
            true => "present",
            false if id == shop.api(5) => "vanished",
            false => "removed",
        };
        assert_eq!(run["state"], state, "{run:#}");
        assert_eq!(run["path"].is_null(), state != "present", "{run:#}");
        assert_eq!(run["left_at"].is_null(), state == "present", "{run:#}");
    }
    let text = room.otto("history").done();
    let header: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["PROJECT", "TIMESTAMP", "TASKS", "STATUS", "DURATION", "STATE"]);
    let words: Vec<_> = rows(&text).into_iter().map(|row| row.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(words[0], ["web", "2025-06-14", "14:06:40", "2", "success", "2.0s"], "{text}");
    assert_eq!(words[1][6..], ["vanished"], "{text}");
    assert_eq!(
        words[4],
        ["api", "2025-05-11", "14:06:40", "2", "(1", "failed)", "failed", "2.0s", "removed"],
        "{text}"
    );
}

#[test]
fn history_shows_only_what_was_asked_for() {
    let (room, shop) = used_shop();
    let shown = |line: &str| ids(&room.otto(&format!("history --json {line}")).json()["runs"]);
    assert_eq!(shown("--limit 2"), [shop.web(1), shop.api(5)]);
    assert_eq!(shown("--limit 0"), [""; 0]);
    assert_eq!(shown("--failed"), [shop.web(20), shop.api(35), shop.web(50)]);
    assert_eq!(shown("--status failed --limit 1"), [shop.web(20)]);
    assert_eq!(shown("--status running,failed --project api"), [shop.api(35)]);
    assert_eq!(shown("--newer-than 12d"), [shop.web(1), shop.api(5), shop.web(10)]);
    assert_eq!(shown("--newer-than 2025-06-10 --project web"), [shop.web(1)]);
    assert_eq!(shown("build --failed"), [""; 0], "the runs failed, but not by this task");
    assert_eq!(shown("test --failed --limit 2"), [shop.web(20), shop.api(35)]);
    assert_eq!(shown("test").len(), 9);
    assert_eq!(room.otto("history --newer-than 1h").code(0).stdout, "");
    let ran = room.otto("history --newer-than 1h").code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "no runs\n"));
    assert_eq!(room.otto("history --newer-than 1h --json").json()["runs"], serde_json::json!([]));
    assert_eq!(Room::empty().otto("history --json").json()["runs"], serde_json::json!([]));
}

#[test]
fn history_and_the_audit_log_are_turned_round_before_they_are_cut() {
    let (room, shop) = used_shop();
    room.otto("pin latest").code(0);
    let shown = |line: &str| ids(&room.otto(&format!("history --json {line}")).json()["runs"]);
    for line in ["", "test", "--project web", "test --failed", "--newer-than 2025-05-01"] {
        let mut expected = shown(line);
        expected.reverse();
        assert!(expected.len() > 1, "{line}");
        assert_eq!(shown(&format!("--reverse {line}")), expected, "{line}");
        assert_eq!(shown(&format!("--reverse --limit 2 {line}")), expected[..2], "{line}");
    }
    assert_eq!(room.otto("history --reverse -q --limit 1").done(), format!("{}\n", shop.api(90)));
    let operations = |line: &str| {
        let audit = room.otto(&format!("audit --json {line}")).json();
        fits("otto.operations/1", &audit);
        audit["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (operations(""), operations("--reverse")),
        (["pin", "clean"].map(str::to_owned).to_vec(), ["clean", "pin"].map(str::to_owned).to_vec())
    );
    assert_eq!(room.otto("audit --reverse --format tsv --fields kind").done(), "kind\nclean\npin\n");
    assert_eq!(shown("--older-than 45d"), [shop.web(50), shop.web(70), shop.api(90)]);
    assert_eq!(shown("--older-than 45d --newer-than 60d"), [shop.web(50)]);
    assert_eq!(operations("--limit 1"), ["pin"]);
    assert_eq!(operations("--reverse --limit 1"), ["clean"]);
    assert_eq!((operations("--older-than 1h"), operations("--older-than 2999-01-01").len()), (vec![], 2));
    room.otto("audit --limit few").refused(2, &["whole number of operations"]);
    let text = room.otto("audit --reverse").done();
    assert!(text.find("otto clean").unwrap() < text.find("otto pin").unwrap(), "{text}");
}

#[test]
fn history_of_a_task_says_how_the_task_came_out() {
    let (room, shop) = used_shop();
    let history = room.otto("history test --json --project web").json();
    fits("otto.history/1", &history);
    assert_eq!(history["task"], "test");
    let failed = [shop.web(20), shop.web(50)];
    for run in history["runs"].as_array().unwrap() {
        let bad = failed.iter().any(|id| run["id"] == **id);
        assert_eq!(run["task"]["name"], "test");
        assert_eq!(run["task"]["status"], if bad { "failed" } else { "success" }, "{run:#}");
        assert_eq!(run["task"]["duration_ms"], 1000, "{run:#}");
    }
    let text = room.otto("history test --limit 3").done();
    let header: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["PROJECT", "TIMESTAMP", "STATUS", "EXIT", "DURATION", "STATE"]);
    assert_eq!(rows(&text).len(), 3, "{text}");
}

#[test]
fn a_project_that_is_gone_has_its_history() {
    let (room, shop) = Room::shop();
    room.otto("list").code(0);
    fs::remove_dir_all(room.store.join(&shop.api)).unwrap();
    let states = |room: &Room| -> Vec<String> {
        let history = room.otto("history --project api --json").json();
        let states = history["runs"].as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap().to_owned());
        states.collect()
    };
    assert_eq!(states(&room), ["vanished"; 3]);
    assert_eq!(room.otto("stats --project api --json").json()["outcome"]["failed"], 1);
    room.otto("list --project api").refused(2, &["no project"]);
}

#[test]
fn what_is_no_task_or_project_is_refused_with_the_nearest() {
    let (room, _) = Room::shop();
    room.otto("history buidl").refused(2, &["no run ever had a task `buidl`", "`build`"]);
    room.otto("stats tset").refused(2, &["no run ever had a task `tset`", "`test`"]);
    room.otto("history zzzzzz").refused(2, &["otto stats"]);
    room.otto("history --project wbe").refused(2, &["`web`"]);
    room.otto("stats --project wbe --json").refused(2, &["otto.error/1", "`web`"]);
    room.otto("history --failed --status success").refused(2, &["--failed", "--status"]);
    room.otto("history --status done").refused(2, &["done", "failed"]);
    room.otto("history --newer-than 5m").refused(2, &["5min"]);
    room.otto("stats --newer-than 5m").refused(2, &["5min"]);
    room.otto("history --limit -1").refused(2, &["negative"]);
}

#[test]
fn statistics_are_those_of_the_runs_and_outlive_them() {
    let (room, shop) = Room::shop();
    let before = room.otto("stats --json").json();
    fits("otto.stats/1", &before);
    assert_eq!((&before["runs"], &before["projects"]), (&9.into(), &2.into()));
    let outcome = &before["outcome"];
    assert_eq!((&outcome["success"], &outcome["failed"], &outcome["ended"]), (&6.into(), &3.into(), &9.into()));
    assert_eq!(outcome["success_rate"].as_f64().unwrap(), 6.0 / 9.0);
    for key in ["mean_ms", "min_ms", "median_ms", "p95_ms", "max_ms"] {
        assert_eq!(outcome[key], 2000, "{key}");
    }
    assert_eq!(outcome["spent_ms"], 18_000);
    assert_eq!(before["last_failure"]["id"], *shop.web(20));
    let tasks: Vec<_> = before["tasks"].as_array().unwrap().iter().collect();
    assert_eq!(tasks.len(), 4);
    // Six runs of `web` and three of `api`, a second a task; only `test` ever failed.
    let first = tasks[0];
    assert_eq!((&first["project_name"], &first["outcome"]["spent_ms"]), (&"web".into(), &6000.into()));
    let worst = tasks.iter().find(|task| task["failure_rank"] == 1).unwrap();
    assert_eq!((&worst["name"], &worst["outcome"]["failed"]), (&"test".into(), &2.into()));

    room.otto("clean --keep 30 --yes").code(0);
    fs::remove_dir_all(room.store.join(shop.web(20))).unwrap();
    let after = room.otto("stats --json").json();
    assert_eq!(after["last_failure"]["state"], "vanished");
    assert_eq!(after["outcome"], before["outcome"]);
    assert_eq!((&after["tasks"], &after["line"]), (&before["tasks"], &before["line"]));
}

#[test]
fn statistics_of_a_stretch_of_time_hold_what_history_lists() {
    let room = Room::mixed(80);
    for age in ["1h", "36h", "7d", "30d", "100d", "400d", "2025-05-01"] {
        for of in ["", "--project storefront-web", "lint", "build"] {
            let history = room.otto(&format!("history {of} --newer-than {age} --json")).json();
            let stats = room.otto(&format!("stats {of} --newer-than {age} --json")).json();
            let listed = history["runs"].as_array().unwrap();
            assert_eq!(stats["runs"], listed.len(), "{of} {age}");
            let is_task = !of.is_empty() && !of.starts_with("--");
            let outcome = |run: &Value| if is_task { run["task"].clone() } else { run.clone() };
            let failed = listed.iter().filter(|run| outcome(run)["status"] == "failed").count();
            assert_eq!(stats["outcome"]["failed"], failed, "{of} {age}");
            let ended = |run: &&Value| ["success", "failed"].contains(&outcome(run)["status"].as_str().unwrap());
            let spent: i64 = listed.iter().filter(ended).filter_map(|run| outcome(run)["duration_ms"].as_i64()).sum();
            assert_eq!(stats["outcome"]["spent_ms"], spent, "{of} {age}");
        }
    }
}

#[test]
fn a_rate_of_nothing_is_not_available() {
    let empty = Room::empty();
    let stats = empty.otto("stats --json").json();
    fits("otto.stats/1", &stats);
    assert!(stats["outcome"]["success_rate"].is_null() && stats["outcome"]["median_ms"].is_null(), "{stats:#}");
    empty.otto("stats").code(0).says(&["Success rate: n/a of 0", "Last failure: none", "too few to tell"]);
    let room = Room::empty();
    let killed = RunSpec::new(Era::J, "/a/web", NOW - 3 * HOUR).task(TaskSpec::killed("build"));
    let mut builder = room.builder();
    builder.run(killed).unwrap();
    builder.runner_db(2, practice::WalState::Clean).unwrap();
    let ran = room.otto("stats").code(0);
    ran.says(&["Runs: 1 in 1 project", "interrupted 1", "Success rate: n/a of 0 that ended"]);
}

/// A room where `build` took these seconds and came out so, one run a day, the first of them the oldest.
fn built(runs: &[(i64, bool)]) -> Room {
    let room = Room::empty();
    let mut builder = room.builder();
    for (days, (seconds, good)) in (0..runs.len() as i64).rev().zip(runs) {
        let task = if *good { TaskSpec::ok("build") } else { TaskSpec::failed("build", 2) };
        builder.run(RunSpec::new(Era::J, "/home/dev/web", began(days)).task(task.lasting(*seconds))).unwrap();
    }
    builder.runner_db(2, practice::WalState::Clean).unwrap();
    room
}

#[test]
fn info_says_how_long_it_usually_takes_and_when_it_took_longer() {
    let runs: Vec<(i64, bool)> = [4, 6, 5, 7, 5, 6, 40].map(|seconds| (seconds, true)).to_vec();
    let room = built(&runs);
    let info = room.otto("info latest").done();
    assert!(info.contains("Duration: 40.0s (slow: median 5.5s, p95 6.8s of 6 earlier runs)"), "{info}");
    assert!(info.contains("build - success (40.0s, slow: median 5.5s, p95 6.8s, says otto.db)"), "{info}");
    let usual = room.otto("info latest-1").done();
    assert!(usual.contains("build - success (6.0s, median 5.0s, says otto.db)"), "{usual}");
    let first = room.otto("info latest-6").done();
    assert!(first.contains("Duration: 4.0s\n") && first.contains("build - success (4.0s, says otto.db)"), "{first}");
    let json = room.otto("info latest --json").json();
    fits("otto.info/1", &json);
    let earlier = serde_json::json!({"timed_runs": 6, "median_ms": 5500, "p95_ms": 6750, "slower_than_p95": true});
    assert_eq!((&json["earlier"], &json["tasks"][0]["earlier"]), (&earlier, &earlier));
    // A project of another name knows nothing of these.
    room.builder().run(RunSpec::new(Era::J, "/home/dev/api", NOW - HOUR).task(TaskSpec::ok("build"))).unwrap();
    let other = room.otto("info api:latest --json").json();
    assert_eq!(other["tasks"][0]["earlier"]["timed_runs"], 0, "{other:#}");
}

#[test]
fn stats_say_what_got_worse() {
    let mut runs = vec![(10, true); 30];
    runs.extend([(12, true); 24]);
    runs.extend([(12, false); 6]);
    let room = built(&runs);
    let text = room.otto("stats").code(0).stdout;
    for words in [
        "The last 30d beside the 30d before:",
        "success rate    80.0 %   100.0 %  less reliable",
        "median           12.0s     10.0s  slower (+20 %)",
        "build: slower, 12.0s after 10.0s (+20 %)",
        "build: less reliable, 80.0 % after 100.0 %",
        "By week (UTC), from 2025-04-14 until today:",
    ] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
    let trend = room.otto("stats build --json").json()["trend"].clone();
    assert_eq!((&trend["speed"], &trend["reliability"]), (&"slower".into(), &"less".into()));
    assert_eq!(trend["slowdown"], 0.2);
    let week = room.otto("stats --newer-than 7d").code(0).stdout;
    assert!(week.contains("The last 7d beside the 7d before:"), "{week}");
    assert!(week.contains("success rate    14.3 %"), "{week}");
}

#[test]
fn what_took_no_whole_second_is_not_shown_as_having_taken_nothing() {
    let room = built(&[(0, true); 6]);
    let text = room.otto("stats").done();
    for line in [
        "Duration: median <1s, p95 <1s, mean <1s",
        "  shortest <1s, longest <1s",
        "Time spent: less than a second in each of 6 runs with a duration",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains("0ms") && !text.contains("Most time"), "a ranking by nothing:\n{text}");
    assert!(room.otto("history").done().lines().nth(2).unwrap().contains("<1s"));
    assert_eq!(room.otto("list --json").json()[0]["duration_ms"], 0, "the record itself stays what it is");
}

#[test]
fn plots_are_ascii_where_the_locale_has_no_more() {
    let runs: Vec<(i64, bool)> = (1..=8).map(|seconds| (seconds, true)).collect();
    let median = |room: Room| -> String {
        let text = room.otto("stats").code(0).stdout;
        text.lines().find(|line| line.starts_with("  median") && line.contains("most")).unwrap().to_owned()
    };
    assert_eq!(median(built(&runs).with("LANG", "")), "  median  .:-==+*#  most 8.0s");
    assert_eq!(median(built(&runs).with("LC_ALL", "POSIX").with("LANG", "C.UTF-8")), "  median  .:-==+*#  most 8.0s");
    assert_eq!(median(built(&runs).with("LANG", "en_GB.UTF-8")), "  median  ▂▃▄▅▅▆▇█  most 8.0s");
}

#[test]
fn history_and_stats_fit_sixty_columns_and_take_no_colour_for_meaning() {
    let room = Room::mixed(60).with("COLUMNS", "60").with("LANG", "C.UTF-8");
    for line in ["history", "history build", "stats", "stats build", "stats --newer-than 30d"] {
        let text = room.otto(line).done();
        for row in text.lines().filter(|row| !row.contains('/') && !row.contains(" after ")) {
            assert!(row.chars().count() <= 60, "{line}: {row}");
        }
        assert!(!text.contains('\u{1b}'), "{line}");
        let coloured = room.otto(&format!("--color always {line}")).done();
        assert!(coloured.contains('\u{1b}'), "{line}");
        let mut plain = coloured;
        for code in ["1", "2", "31", "32", "33", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, text, "{line}: colour says more");
    }
}

#[test]
fn a_closed_pipe_ends_history_silently() {
    let room = Room::mixed(80);
    let ran = room.shell("for i in 1 2 3; do otto history --json; done | head -c 10; otto stats | head -n 1");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
}
