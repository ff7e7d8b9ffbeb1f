//! What hands used to the runner, or to other cleaners, type: the same plan as our own words give.

use super::*;

/// Two ways to say the same: the one in other words, and ours.
const CLEANS: [(&str, &str); 15] = [
    ("Clean", "clean"),
    ("Clean --keep-days 30", "clean --keep 30"),
    ("Clean --keep-days 15 --keep-last 2 --keep-failed 60", "clean --keep 15 --keep-last 2 --keep-failed 60"),
    ("Clean --project-filter web", "clean --project web"),
    ("Clean --no-db --keep-days 7", "clean --keep 7"),
    ("clean --older-than 36h", "clean --keep 36h"),
    ("clean --older-than 6mo", "clean --keep 6mo"),
    ("clean --days 45", "clean --keep 45"),
    ("clean --keep-recent 5", "clean --keep-last 5"),
    ("clean --run-id web:latest-2", "clean --run web:latest-2"),
    ("clean --incomplete-only --days 0", "clean --incomplete --keep 0"),
    ("clean --no-dry-run --keep 20", "clean --keep 20"),
    ("Clean --keep-last 1 --project-filter api --no-db", "clean --keep-last 1 --project api"),
    ("clean --days=45 --project-filter=web", "clean --keep 45 --project web"),
    ("clean --force --days 30", "clean --yes --keep 30"),
];

#[test]
fn every_other_spelling_of_a_clean_gives_the_very_plan() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let mut plans = Vec::new();
    for (theirs, ours) in CLEANS {
        let plan = |line: &str| room.otto(&format!("{line} --json --dry-run")).json();
        assert_eq!(plan(theirs), plan(ours), "{theirs}");
        plans.push(plan(ours)["runs"]["delete"].as_array().unwrap().len());
    }
    assert_eq!(&plans[..4], [5, 5, 3, 3], "the plans differ, so that a flag without effect would show");
    assert_eq!((plans[7], plans[8], plans[9]), (3, 1, 1));
    before.assert_same(&room.snapshot(), "plans");
    room.otto("Clean --keep-days 30 --no-dry-run").code(4).complains(&["--yes is missing"]);
    room.otto("Clean --keep-days 30 --no-dry-run --dry-run").code(0).says(&["Nothing was changed"]);
    before.assert_same(&room.snapshot(), "a clean that was not confirmed");
    room.otto("Clean --keep-days 30 --no-db --force").code(0).says(&["Freed: "]);
    let gone = [shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
    assert_eq!(room.runs(), shop.all_but(&gone));
}

#[test]
fn a_plan_file_takes_the_words_without_effect_and_no_other() {
    let (room, _) = Room::shop();
    room.otto("clean --keep 30 --plan-out plan.json").code(0);
    room.otto("clean --apply plan.json --no-db --no-dry-run --dry-run").code(0);
    for line in ["--keep-days 30", "--days 1", "--older-than 1", "--keep-recent 2", "--project-filter web"] {
        room.otto(&format!("Clean --apply plan.json {line}")).refused(2, &["--apply"]);
    }
    room.otto("clean --apply plan.json --force").code(0).says(&["Freed: "]);
}

#[test]
fn history_and_stats_are_found_in_capitals_with_the_runner_s_short_flags() {
    let (room, shop) = Room::shop();
    for (theirs, ours) in [
        ("History", "history"),
        ("History -n 2", "history --limit 2"),
        ("History -s failed -p web", "history --status failed --project web"),
        ("History test --limit 3", "history test --limit 3"),
        ("History test -s failed --json", "history test --failed --json"),
        ("list -n 2 -s failed -p api --json", "list --limit 2 --status failed --project api --json"),
        ("Stats", "stats"),
        ("Stats -n 10", "stats"),
        ("Stats test -p web --json", "stats test --project web --json"),
        ("Stats --json", "stats --json"),
    ] {
        assert_eq!(room.otto(theirs).done(), room.otto(ours).done(), "{theirs}");
    }
    let failed = room.otto_with(&["History", "-s", "failed", "-n", "1", "--json"]).json();
    assert_eq!(ids(&failed["runs"]), [shop.web(20)]);
    let text = room.otto("Stats -n 1").done();
    assert!(text.contains("... and 3 more; --json has all of them"), "two tasks in two projects:\n{text}");
    let json = room.otto("Stats --limit 3 --json").json();
    assert_eq!(json["tasks"].as_array().unwrap().len(), 3);
    room.otto("Stats -n few").refused(2, &["few", "whole number of tasks"]);
    room.otto("history -s done").refused(2, &["done", "success", "interrupted"]);
}

#[test]
fn the_runner_s_history_shows_twenty_and_its_project_filter_is_a_part_of_the_name() {
    let room = Room::empty();
    for days in 1..=15 {
        for name in ["web-shop", "web-admin"] {
            room.builder().run(run(&format!("/home/dev/{name}"), days, false)).unwrap();
        }
    }
    let shown =
        |line: &str| room.otto_with(&line.split(' ').chain(["-q"]).collect::<Vec<_>>()).code(0).stdout.lines().count();
    assert_eq!(
        (shown("history"), shown("History"), shown("History -n 25"), shown("History --limit 0")),
        (30, 20, 25, 0)
    );
    assert_eq!(shown("History -p web-shop"), 15);
    let ran = room.otto("History -p web -n 100 -q").code(0);
    assert_eq!(ran.stdout.lines().count(), 30);
    assert!(ran.stderr.starts_with("notice: `web` is in the names of 2 projects: web-"), "{ran:#?}");
    assert_eq!(shown("History -p admin"), 15);
    assert_eq!(
        room.otto("Stats --project-filter admin --json").code(0).stdout,
        room.otto("stats --project web-admin --json").done()
    );
    // Our own words never guess.
    for line in [
        "history -p web",
        "stats --project admin",
        "clean --project web --keep 7",
        "clean -p web --yes",
        "Clean -p web --yes",
    ] {
        room.otto(line).refused(2, &["no project"]);
    }
    room.otto("History -p nothing").refused(2, &["no project `nothing`"]);
    let deleted = |line: &str| room.otto(&format!("{line} --dry-run --json")).code(0).stdout;
    assert_eq!(deleted("Clean --project-filter admin --keep-days 7"), deleted("clean --project web-admin --keep 7"));
    assert_eq!(deleted("Clean --project-filter web --keep-days 7"), deleted("clean --keep 7"));
    room.otto("Clean --project-filter nothing --yes").refused(2, &["no project `nothing`"]);
    room.otto("Clean --project-filter web --project web-shop").refused(2, &["--project"]);
}

#[test]
fn short_flags_and_formats_are_the_same_everywhere() {
    let (room, _) = Room::shop();
    room.otto("pin latest").code(0);
    for (short, long) in [
        ("usage -p web --json", "usage --project web --json"),
        (
            "clean -p web -s failed --keep 7 --dry-run --json",
            "clean --project web --status failed --keep 7 --dry-run --json",
        ),
        ("retention -p web", "retention --project web"),
        ("logs --grep o -p web -s failed -n 1 --json", "logs --grep o --project web --status failed --limit 1 --json"),
        ("audit -n 1 --json", "audit --limit 1 --json"),
        ("why latest --format json", "why latest --json"),
        ("clean --keep 7 --dry-run --format=json", "clean --keep 7 --dry-run --json"),
        ("retention --format json", "retention --json"),
        ("compare web:latest-1 web:latest --format json", "compare web:latest-1 web:latest --json"),
    ] {
        assert_eq!(room.otto(short).done(), room.otto(long).done(), "{short}");
    }
    room.otto("clean --keep 30 -y --trash").code(0).says(&["In the trash"]);
    room.otto("undo -y").code(0);
    room.otto("why latest --format csv").refused(2, &["--format", "here there is --json"]);
}

#[test]
fn help_shows_one_spelling_of_each() {
    let room = Room::empty();
    let help = room.otto("clean --help").done();
    for hidden in ["--keep-days", "--older-than", "--force", "--no-db", "--run-id", "--project-filter", "--no-dry-run"]
    {
        assert!(!help.contains(hidden), "{hidden} in\n{help}");
    }
    assert_eq!(room.otto("Clean --help").done(), help);
    let top = room.otto("--help").done();
    assert!(!top.contains("Clean") && !top.contains("History") && !top.contains("Stats"), "{top}");
}
