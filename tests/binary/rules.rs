//! The rules that look at more than the age of a run and the number of newer ones: flags, `config.yml`, `why`, plan files.

use super::json::fits;
use super::*;

/// Central European time, without a database of zones.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// Writes runs of one project that began at these instants; their directories in the same order.
fn runs_at(room: &Room, instants: &[&str]) -> Vec<PathBuf> {
    let mut builder = room.builder();
    let mut write = |text: &&str| {
        let at = chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        builder.run(RunSpec::new(Era::J, "/home/dev/web", at).task(TaskSpec::ok("build"))).unwrap()
    };
    instants.iter().map(&mut write).collect()
}

fn there(runs: &[PathBuf]) -> Vec<bool> {
    runs.iter().map(|run| run.exists()).collect()
}

#[test]
fn days_end_at_local_midnight_also_when_clocks_change() {
    // 26 October 2024 in Berlin had 24 hours, the 27th 25: from 22:00 UTC to 23:00 UTC.
    let instants = [
        "2024-10-26T21:59:00Z",
        "2024-10-26T22:01:00Z",
        "2024-10-27T22:30:00Z",
        "2024-10-27T22:59:00Z",
        "2024-10-27T23:01:00Z",
    ];
    let clean = "clean --keep 0 --keep-daily 3 --yes";
    let room = Room::empty().with("TZ", BERLIN);
    let runs = runs_at(&room, &instants);
    room.otto(clean).code(0).says(&["the newest of each of the last 3 days"]);
    assert_eq!(there(&runs), [true, false, false, true, true]);
    let room = Room::empty();
    let runs = runs_at(&room, &instants);
    room.otto(clean).code(0);
    // Two days in UTC, so the oldest stands for a third.
    assert_eq!(there(&runs), [true, true, false, false, true]);
}

#[test]
fn each_period_keeps_its_newest_and_the_oldest_until_there_are_enough() {
    let instants = [
        "2023-02-01T10:00:00Z",
        "2024-02-01T10:00:00Z",
        "2024-12-30T10:00:00Z",
        "2025-01-02T10:00:00Z",
        "2025-01-02T11:00:00Z",
        "2025-01-02T11:30:00Z",
    ];
    for (flags, expected) in [
        ("--keep-hourly 2", [false, false, false, true, false, true]),
        ("--keep-daily 2", [false, false, true, false, false, true]),
        ("--keep-weekly 2", [false, true, false, false, false, true]),
        ("--keep-monthly 2", [false, false, true, false, false, true]),
        ("--keep-yearly 2", [false, false, true, false, false, true]),
        ("--keep-yearly 3", [true, false, true, false, false, true]),
        ("--keep-yearly unlimited", [true, false, true, false, false, true]),
        ("--keep-weekly 9", [true, true, false, false, false, true]),
        ("--keep-within 4d", [false, false, true, true, true, true]),
        ("--keep-within 36h --keep-last 2", [false, false, false, true, true, true]),
    ] {
        let room = Room::empty();
        let runs = runs_at(&room, &instants);
        room.otto(&format!("clean --keep 0 {flags} --yes")).code(0);
        assert_eq!(there(&runs), expected, "{flags}");
        room.otto(&format!("clean --keep 0 {flags} --yes")).code(0).says(&["Nothing to remove."]);
    }
}

#[test]
fn a_tag_keeps_a_run_and_tags_joined_by_commas_only_one_with_all() {
    let (room, shop) = Room::shop();
    room.otto_with(&["tag", &shop.web(70), "+release"]).done();
    room.otto_with(&["tag", &shop.web(50), "+release", "+signed"]).done();
    let dry = |flags: &str| {
        let plan = room.otto(&format!("clean --keep 30 {flags} --dry-run --json")).json();
        fits("otto.clean/1", &plan);
        ids(&plan["runs"]["delete"])
    };
    assert_eq!(dry("--keep-tag release"), [shop.api(90), shop.api(35), shop.web(40)]);
    assert_eq!(dry("--keep-tag release,signed"), [shop.api(90), shop.api(35), shop.web(70), shop.web(40)]);
    assert_eq!(dry("--keep-tag signed --keep-tag release"), [shop.api(90), shop.api(35), shop.web(40)]);
    room.otto_with(&["why", &shop.web(70), "--keep-tag", "release"])
        .code(0)
        .says(&["tagged release (--keep-tag)", "not while this holds"]);
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_tag: [signed, v1] } }\n").unwrap();
    assert_eq!(dry(""), [shop.api(90), shop.api(35), shop.web(70), shop.web(40)]);
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_tag: {} } }\n").unwrap();
    room.otto("clean --yes").refused(2, &["keep_tag` is a map", "a list of tags"]);
    room.otto("clean --keep-tag -x --yes").refused(2, &["no tag"]);
}

#[test]
fn the_last_success_of_a_project_never_goes_where_that_is_asked() {
    let room = Room::empty();
    let mut builder = room.builder();
    let mut write = |days, failed| builder.run(run("/home/dev/web", days, failed)).unwrap();
    let runs = [write(90, false), write(80, false), write(70, true), write(60, true)];
    room.otto_with(&["pin", "latest-3"]).done();
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_last_success: true } }\n").unwrap();
    room.otto("clean --keep 30 --dry-run --explain").code(0).says(&[
        "the last success of its project (retention.default.keep_last_success)",
        "the last success of each project",
    ]);
    room.otto("clean --keep 30 --yes").code(0);
    assert_eq!(there(&runs), [true, true, false, false], "an older one that is pinned does not stand for it");
    room.otto("why latest --keep 30").code(0).says(&["the last success of its project"]);
}

#[test]
fn every_reason_names_the_rule_on_both_sides_and_why_says_the_same() {
    let (room, shop) = Room::shop();
    let flags = "--keep 0 --keep-daily 2 --keep-within 12d";
    let plan = room.otto(&format!("clean {flags} --dry-run --json")).json();
    fits("otto.clean/1", &plan);
    let of = |list: &str, id: &str| -> Vec<String> {
        let item = plan["runs"][list].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap();
        item["reasons"].as_array().unwrap().iter().map(|r| r.as_str().unwrap().to_owned()).collect()
    };
    let newest = of("keep", &shop.web(1));
    assert_eq!(
        newest,
        [
            "the newest of one of the last 2 days with runs (--keep-daily)",
            "within 12 days of the newest of its project (--keep-within)"
        ]
    );
    assert_eq!(
        of("delete", &shop.web(70)),
        [
            "older than 0 seconds (--keep)",
            "not the newest of one of the last 2 days with runs (--keep-daily)",
            "not within 12 days of the newest of its project (--keep-within)"
        ]
        .map(|reason| reason.replace("0 seconds", "0 days"))
    );
    let policy = &plan["policy"]["projects"][0];
    assert_eq!((&policy["keep_daily"], &policy["keep_within_seconds"]), (&2.into(), &(12 * 86_400).into()));
    for run in [shop.web(1), shop.web(70)] {
        let mut words = vec!["why", &run];
        words.extend(flags.split(' '));
        let said = room.otto_with(&words).done();
        let list = if run == shop.web(1) { "keep" } else { "delete" };
        for reason in of(list, &run) {
            assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&reason), "{reason}: {said}");
        }
    }
}

#[test]
fn what_can_never_matter_is_refused_with_what_makes_it_so() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    room.otto("clean --keep 7 --keep-within 14 --yes")
        .refused(2, &["`--keep` can never keep a run", "`--keep-within` keeps all within 14 days"]);
    room.otto("clean --keep-daily 7 --keep-yearly 1 --yes")
        .refused(2, &["`--keep-yearly` can never keep a run", "the newest of all", "`--keep-daily`", "2 would keep"]);
    room.otto("clean --keep-daily 400 --keep-yearly 2 --yes").refused(2, &["`--keep-yearly` can never keep a run"]);
    room.otto("clean --keep 0 --keep-daily 0 --keep-within 0 --yes").refused(2, &["keeps no run at all"]);
    room.otto("clean --keep-daily -1 --yes").refused(2, &["negative"]);
    room.otto("clean --keep-daily some --yes").refused(2, &["not a whole number"]);
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_last_n: 3, keep_monthly: 1 } }\n").unwrap();
    room.otto("clean --yes")
        .refused(2, &["`retention.default.keep_monthly` can never keep", "retention.default.keep_last_n"]);
    fs::remove_file(room.store.join("config.yml")).unwrap();
    before.assert_same(&room.snapshot(), "something was removed");
}

#[test]
fn a_project_may_have_buckets_of_its_own_and_a_plan_file_says_so() {
    let (room, shop) = Room::shop();
    let text = "retention:\n  default: { keep_days: 30 }\n  per_project:\n    web: { keep_days: 0, keep_monthly: 2, \
                keep_weekly: unlimited }\n";
    fs::write(room.store.join("config.yml"), text).unwrap();
    let plan = room.path("plan.json");
    room.otto_with(&["clean", "--plan-out", plan.to_str().unwrap()]).code(0);
    let file: Value = serde_json::from_slice(&fs::read(&plan).unwrap()).unwrap();
    fits("otto.plan/1", &file);
    let web = file["projects"].as_array().unwrap().iter().find(|p| p["name"] == "web").unwrap();
    assert_eq!(web["rules"]["keep_monthly"]["value"], 2);
    let shown = room.otto("clean --dry-run -v").done();
    assert!(shown.contains("web-") && shown.contains("the newest of every week"), "{shown}");
    let gone = ids(&room.otto("clean --dry-run --json").json()["runs"]["delete"]);
    assert!(gone.contains(&shop.api(90)) && !gone.iter().any(|id| id.starts_with("web-")), "{gone:?}");
    room.otto_with(&["clean", "--apply", plan.to_str().unwrap(), "--yes"]).code(0);
    assert_eq!(room.runs(), shop.all_but(&gone));
}

#[test]
fn a_run_that_may_still_be_written_to_is_held_to_the_rules_like_any_other() {
    let (room, shop) = Room::shop();
    // Of five hours ago, without a row that says that it ended: whether it is at rest is not known yet.
    let open = RunSpec::new(Era::J, "/home/dev/web", room.now - 5 * HOUR).task(TaskSpec::failed("build", 1));
    let open = room.builder().run(open).unwrap();
    let id = open.strip_prefix(&room.store).unwrap().to_str().unwrap().to_owned();
    let told = room.otto_with(&["info", &id, "--json"]).json()["run"].clone();
    assert_eq!(told["status"], "failed", "{told:#}");
    let goes = |flags: &str| ids(&room.otto(&format!("clean {flags} --dry-run --json")).json()["runs"]["delete"]);
    assert!(!goes("--keep 30 --keep-tag release").contains(&id), "it is within its age");
    assert!(!goes("--keep 1s --status success").contains(&id), "it did not succeed");
    let ended = goes("--keep 1s --status failed,interrupted");
    assert!(ended.contains(&id) && ended.contains(&shop.web(20)), "{ended:?}");
}
