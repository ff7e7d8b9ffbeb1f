//! Budgets: what is removed although rules keep it, what never is, and what is said of both.

use super::json::fits;
use super::*;
use crate::support::chmod;

fn plan(room: &Room, flags: &str) -> Value {
    let plan = room.otto(&format!("clean {flags} --dry-run --json")).json();
    fits("otto.clean/1", &plan);
    plan
}

fn goes(plan: &Value) -> Vec<String> {
    ids(&plan["runs"]["delete"])
}

/// The nine runs of the shop, oldest first.
fn by_age(shop: &Shop) -> Vec<String> {
    let days = [90, 70, 50, 40, 35, 20, 10, 5, 1];
    days.map(|days| if Shop::API.iter().any(|(api, _)| *api == days) { shop.api(days) } else { shop.web(days) })
        .to_vec()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[test]
fn the_oldest_of_all_projects_go_until_there_are_no_more_than_that() {
    let (room, shop) = Room::shop();
    for left in 1..=10 {
        let plan = plan(&room, &format!("--keep 1000 --max-runs {left}"));
        let gone = by_age(&shop)[..9_usize.saturating_sub(left)].to_vec();
        assert_eq!(sorted(goes(&plan)), sorted(gone), "--max-runs {left}");
        assert_eq!(plan["budgets"][0]["comes_to"], left.min(9));
    }
    let shown = room.otto("clean --keep 60 --max-runs 5 --dry-run -v").done();
    assert!(shown.contains("  --max-runs 5: 2 of these ("), "{shown}");
    assert!(shown.contains("over budget, and the oldest that may go (--max-runs 5)"), "{shown}");
    room.otto("clean --keep 60 --max-runs 5 --yes").code(0).says(&["leaves 5 runs"]);
    assert_eq!(room.runs(), shop.all_but(&by_age(&shop)[..4]));
    room.otto("clean --keep 60 --max-runs 5 --yes").code(0).says(&["Nothing to remove."]);
}

#[test]
fn a_budget_takes_nothing_that_is_pinned_running_or_among_the_last() {
    let (room, shop) = Room::shop();
    let lock = fs::File::create(room.store.join(shop.web(50)).join(".lock")).unwrap();
    lock.lock().unwrap();
    room.otto_with(&["pin", &shop.web(70)]).done();
    let flags = "--keep 1000 --keep-last 3 --max-runs 4";
    let plan = plan(&room, flags);
    let budget = &plan["budgets"][0];
    assert_eq!((&budget["met"], &budget["source"]), (&false.into(), &"--max-runs".into()), "{budget:#}");
    assert_eq!((goes(&plan), &budget["comes_to"], &budget["short"]), (vec![shop.web(40)], &8.into(), &4.into()));
    let stay = [("among the last of their project", 6), ("pinned", 1), ("running", 1)];
    let stay = stay.map(|(reason, runs)| serde_json::json!({ "reason": reason, "runs": runs }));
    assert_eq!(budget["stay"], Value::from(stay.to_vec()));
    let why = ["not met, 4 runs too many: of the runs that stay, 6 among", "1 pinned, 1 running"];
    let said = room.otto(&format!("clean {flags} --dry-run")).code(0);
    let text = said.stdout.replace("\n   ", "");
    assert!(why.iter().all(|words| text.contains(words)), "{text}");
    room.otto(&format!("clean {flags} --yes")).code(0).says(&["Not met: --max-runs 4, 4 runs too many"]);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(40)]));
    lock.unlock().unwrap();
}

/// What was removed into the trash is on its way out: a budget does not ask for it a second time.
#[test]
fn free_space_counts_what_lies_in_the_trash_and_says_so() {
    let (room, _) = Room::shop();
    let words = "free once the trash is empty, which holds";
    let said = room.otto("clean --keep 30 --min-free 1K --trash --yes").code(0).stdout;
    assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{said}");
    let plan = plan(&room, "--keep 1000 --min-free 1K");
    let in_trash = plan["budgets"][0]["in_trash_bytes"].as_u64().unwrap();
    let trash = room.otto("usage --json").json()["trash"]["disk_bytes"].as_u64().unwrap();
    assert!(in_trash > 0 && in_trash == trash, "{in_trash}, {trash}");
    let shown = room.otto("clean --keep 1000 --min-free 1K --dry-run").done();
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{shown}");
    room.otto("trash empty --yes").code(0);
    assert!(!room.otto("clean --keep 1000 --min-free 1K --dry-run").done().contains("trash is empty"));
}

/// What the trash holds would be taken a second time.
#[test]
fn free_space_is_not_asked_for_where_the_trash_cannot_be_read() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 60 --trash --yes").code(0);
    let before = room.runs();
    let trash = room.store.join(".catalog/trash");
    let operation = fs::read_dir(&trash).unwrap().next().unwrap().unwrap().path();
    let closed = operation.join(shop.web(70));
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_days: 1000 }, min_free: 1K }\n").unwrap();
    chmod(&closed, 0o000);
    let words = ["retention.min_free 1K takes no run", "trash", closed.to_str().unwrap(), "ermission denied"];
    let Some(ran) = room.otto_as_a_user("clean --dry-run --json") else { return chmod(&closed, 0o755) };
    let warns = |ran: &Ran| {
        let told = ran.stderr.lines().filter(|line| line.starts_with("warning:")).collect::<Vec<_>>();
        assert!(told.len() == 1 && words.iter().all(|words| told[0].contains(words)), "{ran:#?}");
    };
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    fits("otto.clean/1", &plan);
    let (budget, notices) = (&plan["budgets"][0], plan["notices"].as_array().unwrap());
    assert_eq!((goes(&plan), &budget["met"], &budget["comes_to"]), (vec![], &false.into(), &Value::Null), "{plan:#}");
    assert!(notices.len() == 1 && words.iter().all(|words| notices[0].as_str().unwrap().contains(words)), "{plan:#}");
    warns(&ran);
    for line in [&format!("why {}", shop.web(50)), "usage", "retention", "clean --yes", "clean --max-size 50% --yes"] {
        warns(&room.otto_as_a_user(line).unwrap().code(0));
    }
    assert_eq!(room.runs(), before);
    chmod(&closed, 0o755);
    // Of an operation that is closed as a whole, usage still tells the rest.
    chmod(&operation, 0o000);
    let usage = room.otto_as_a_user("usage --json").unwrap().code(3);
    chmod(&operation, 0o755);
    let told = usage.complains(&["the trash is not counted", operation.to_str().unwrap(), "ermission denied"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    fits("otto.usage/1", &told);
    assert_eq!(told["total"], room.otto("usage --json").json()["total"]);
    assert_eq!(self::plan(&room, "")["budgets"][0]["met"], true);
}

#[test]
fn what_narrows_a_clean_makes_no_budget_take_other_runs() {
    let (room, shop) = Room::shop();
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_days: 1000 }, max_runs: 7 }\n").unwrap();
    assert_eq!(sorted(goes(&plan(&room, ""))), sorted(by_age(&shop)[..2].to_vec()));
    // Both are successes, and of two projects.
    let failed = plan(&room, "--status failed");
    assert_eq!((goes(&failed), &failed["budgets"][0]["short"]), (vec![], &2.into()));
    assert!(failed["budgets"][0]["stay"][0]["reason"].as_str().unwrap().contains("--status"), "{failed:#}");
    assert_eq!(goes(&plan(&room, "--incomplete")), Vec::<String>::new());
    assert_eq!(goes(&plan(&room, "--status success")).len(), 2);
    // What the rules let go counts as gone, also where the clean is about other runs.
    let rules = "--keep 30 --keep-failed 1000 --keep-last 1";
    assert_eq!(goes(&plan(&room, &format!("{rules} --max-runs 6"))).len(), 3);
    assert_eq!(goes(&plan(&room, &format!("{rules} --max-runs 6 --status failed"))), Vec::<String>::new());
    assert_eq!(goes(&plan(&room, &format!("{rules} --max-runs 5 --status failed"))), [shop.web(50)]);
}

#[test]
fn a_budget_alone_is_told_of_the_built_in_age_beside_it() {
    let (room, _) = Room::shop();
    let note = "Without a budget, the built-in age of 30d lets 5 runs go; --keep unlimited leaves all to the budget.";
    let spaced = |line: &str| room.otto(line).done().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(spaced("clean --max-runs 8 --dry-run").contains(note));
    for line in
        ["clean --keep 30 --max-runs 8 --dry-run", "clean --dry-run", "clean --keep unlimited --max-runs 8 --dry-run"]
    {
        assert!(!spaced(line).contains("built-in"), "{line}");
    }
    assert_eq!(goes(&plan(&room, "--keep unlimited --max-runs 8")).len(), 1);
    assert!(spaced("clean --keep unlimited --dry-run").contains("Policy: keep any number of days"));
    fs::write(room.store.join("config.yml"), "retention: { default: { keep_days: unlimited }, max_size: 5% }\n")
        .unwrap();
    let plan = plan(&room, "");
    assert_eq!((goes(&plan), &plan["budgets"][0]["limit"]), (vec![], &"5%".into()));
    room.otto("clean --max-size 100% --yes").refused(2, &["all of the disk"]);
}

#[test]
fn sizes_count_each_run_once_and_the_rest_is_below_them() {
    let (room, shop) = Room::shop();
    let sizes: Vec<u64> = by_age(&shop).iter().map(|id| du_with_self(&room.store.join(id)).disk).collect();
    let last_three: u64 = sizes[6..].iter().sum();
    let gone = plan(&room, &format!("--keep 1000 --max-size {last_three}"));
    assert_eq!(sorted(goes(&gone)), sorted(by_age(&shop)[..6].to_vec()));
    assert_eq!(gone["budgets"][0]["comes_to"], last_three);
    let one_more = plan(&room, &format!("--keep 1000 --max-size {}", last_three - 1));
    assert_eq!(goes(&one_more).len(), 7);
    // A disk with that much free is nobody's: all that may go would not be enough, and none of it does.
    let free = plan(&room, "--keep 1000 --keep-last 1 --min-free 99.99%");
    let budget = &free["budgets"][0];
    assert_eq!((goes(&free).len(), &budget["met"]), (0, &false.into()));
    assert!(budget["short"].as_u64().unwrap() > 0, "{budget:#}");
    let stay = serde_json::json!([
        { "reason": "not enough", "runs": 7 }, { "reason": "among the last of their project", "runs": 2 }
    ]);
    assert_eq!(budget["stay"], stay);
    let said = room.otto("clean --keep 1000 --keep-last 1 --min-free 99.99% --yes").code(0);
    said.says(&["too little: of the runs that stay, 7 not enough", "Nothing to remove."]);
    assert_eq!(room.runs().len(), 9);
    assert_eq!(goes(&plan(&room, "--keep 1000 --min-free 1K")), Vec::<String>::new());
}

#[test]
fn the_configuration_may_state_them_and_a_flag_beats_it() {
    let (room, shop) = Room::shop();
    let config = |text: &str| fs::write(room.store.join("config.yml"), text).unwrap();
    config(
        "retention:\n  default: { keep_days: 1000, keep_last_success: true }\n  max_runs: 1\n  min_free: 1K\n  max_size: 5G\n",
    );
    let of_config = plan(&room, "");
    assert_eq!(of_config["budgets"].as_array().unwrap().len(), 3);
    assert_eq!(of_config["budgets"][0]["source"], "retention.max_runs");
    let gone = goes(&of_config);
    assert_eq!(gone.len(), 7);
    assert!(!gone.contains(&shop.api(5)), "the last success of a project never goes: {gone:?}");
    assert_eq!(goes(&plan(&room, "--max-runs 8")).len(), 1);
    assert_eq!(goes(&plan(&room, "--cache-only")).len(), 0);
    config("retention: { max_size: 5GB }\n");
    room.otto("clean --yes").refused(2, &["retention.max_size", "5G or 5GiB"]);
    config("retention: { max_runs: 0 }\n");
    room.otto("clean --yes").refused(2, &["retention.max_runs", "from 1"]);
}

#[test]
fn what_contradicts_itself_or_says_nothing_is_refused() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    room.otto("clean --keep-last 5 --max-runs 3 --yes")
        .refused(2, &["`--max-runs` 3 can never be met", "`--keep-last` 5 of each project"]);
    for (flags, part) in [
        ("--max-runs 0", "lets no run stay"),
        ("--max-size 0", "no budget"),
        ("--max-size 5GB", "1000 or by 1024"),
        ("--max-size -5G", "negative"),
        ("--min-free 100%", "all of the disk"),
        ("--min-free 0%", "no budget"),
        ("--max-runs 3 --all", "cannot be used with"),
        ("--max-runs 3 --run latest", "cannot be used with"),
        ("--max-runs 3 --cache-only", "cannot be used with"),
    ] {
        room.otto(&format!("clean {flags} --yes")).refused(2, &[part]);
    }
    before.assert_same(&room.snapshot(), "something was removed");
}

#[test]
fn a_whole_project_goes_only_where_that_is_allowed() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 1000 --max-runs 1 --yes").code(5).says(&["--allow-empty"]);
    assert_eq!(room.runs().len(), 9);
    room.otto("clean --keep 1000 --max-runs 1 --yes --allow-empty").code(0);
    assert_eq!(room.runs(), shop.all_but(&by_age(&shop)[..8]));
}

#[test]
fn a_plan_file_holds_what_budgets_take_and_the_cache_follows() {
    let (room, shop) = Room::shop();
    let path = room.path("plan.json");
    room.otto_with(&["clean", "--keep", "1000", "--max-runs", "7", "--cache", "--plan-out", path.to_str().unwrap()])
        .code(0);
    let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    fits("otto.plan/1", &file);
    assert_eq!((&file["budgets"][0]["kind"], &file["budgets"][0]["limit"]), (&"max-runs".into(), &"7".into()));
    let own = own_script(&room, &shop.web, 70);
    assert!(own.exists());
    let shown = room.otto_with(&["clean", "--apply", path.to_str().unwrap(), "--dry-run"]).done();
    assert!(shown.contains("--max-runs 7: 2 of these"), "{shown}");
    room.otto_with(&["clean", "--apply", path.to_str().unwrap(), "--yes"]).code(0);
    assert_eq!(room.runs(), shop.all_but(&by_age(&shop)[..2]));
    assert!(!own.exists(), "its only reader went for the budget");
}

#[test]
fn a_budget_is_about_the_project_that_is_named() {
    let (room, shop) = Room::shop();
    let gone = goes(&plan(&room, "--keep 1000 --max-runs 1 --project api"));
    assert_eq!(gone, [shop.api(90), shop.api(35)]);
}

#[test]
fn a_budget_takes_only_what_the_clean_is_about_and_no_run_is_told_twice() {
    let (room, shop) = Room::shop();
    let failed = goes(&plan(&room, "--keep 1000 --max-runs 1 --status failed"));
    assert!(failed.contains(&shop.web(20)) && failed.contains(&shop.api(35)), "{failed:?}");
    let status = |id: &String| room.otto_with(&["info", id, "--json"]).json()["run"]["status"].clone();
    assert!(failed.iter().all(|id| status(id) == "failed"), "{failed:?}");
    let both = plan(&room, "--keep 1000 --max-runs 3");
    let (gone, stays) = (goes(&both), ids(&both["runs"]["keep"]));
    assert_eq!((gone.len(), stays.len()), (6, 3));
    assert!(stays.iter().all(|id| !gone.contains(id)), "{stays:?}");
    // No budget is asked where no run goes.
    fs::write(room.store.join("config.yml"), "retention: { max_runs: 1 }\n").unwrap();
    assert_eq!(plan(&room, "--cache-only")["budgets"], serde_json::json!([]));
    assert_eq!(plan(&room, "--only logs")["budgets"], serde_json::json!([]));
}
