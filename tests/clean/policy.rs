//! The plan is the contract: for every policy, what is shown is what is done.

use super::*;
use crate::support::digest::{assert_same, digest};
use crate::support::tree::{Snapshot, dangling_scripts, du};
use otto_catalog::clean::{Plan, Removals};
use otto_catalog::practice::{self, Flavour, Spec};
use otto_catalog::retention::{Config, Rules};
use otto_catalog::session::Access;

/// A store as years of use leave it.
fn mixed(runs: usize) -> Store {
    let store = Store::new();
    let spec = Spec {
        seed: 11,
        runs,
        now: store.now(),
        projects: None,
        tasks_per_run: None,
        flavour: Flavour::Mixed,
        runner_db: true,
    };
    practice::write(&store.root, &spec).unwrap();
    store
}

#[test]
fn a_dry_run_changes_no_byte_and_says_exactly_what_is_then_done() {
    let store = mixed(60);
    let before = Snapshot::of(&store.root);
    let shown = store.dry_run(&keep_and_cache(30));
    before.assert_same(&Snapshot::of(&store.root), "a dry run changed something");
    assert!(planned(&shown).len() > 5 && planned_entries(&shown).len() > 2, "too little to be a test");
    let dangling = dangling_scripts(&store.root);
    let size = du(&store.root);

    let done = store.clean(&keep_and_cache(30));
    assert_eq!(done.gone(), planned(&shown));
    assert_eq!(done.gone_entries(), planned_entries(&shown));
    assert_eq!((&done.outcome.failed, &done.outcome.skipped), (&vec![], &vec![]));
    assert_eq!(done.outcome.freed(), shown.frees, "what is shown is what is freed");
    let after = Snapshot::of(&store.root);
    assert_eq!(size - du(&store.root), shown.frees, "as an independent walk weighs it");
    for line in before.difference(&after) {
        let path = line.strip_prefix("- ").unwrap_or_else(|| panic!("{line}"));
        let planned = planned(&shown).iter().any(|run| path.starts_with(run.strip_prefix("./").unwrap_or(run)))
            || planned_entries(&shown).iter().any(|e| e.replacen('/', "/.cache/", 1) == path);
        assert!(planned, "not planned: {path}");
    }
    let now_dangling = dangling_scripts(&store.root);
    assert!(now_dangling.iter().all(|path| dangling.contains(path)), "a script of a run that stays is gone");

    let again = store.clean(&keep_and_cache(30));
    assert_eq!((again.gone(), again.gone_entries()), (vec![], vec![]), "cleaning twice is cleaning once");
    after.assert_same(&Snapshot::of(&store.root), "the second clean changed something");
    let refreshed = digest(&store.look().catalog);
    assert_same(&refreshed, &digest(&store.open(Access::Rebuild).catalog), "refreshed and rebuilt");
}

#[test]
fn counted_from_the_side_that_is_shorter_is_as_listed() {
    let store = Store::new();
    let mut builder = store.builder();
    // Four in each of some seconds, so that the N-th newest lies among its like; some that an age alone cannot judge.
    for days in [1, 2, 3, 20, 30, 31, 60, 200, 300, 301, 302, 303] {
        for number in 0..4 {
            let task = if number == 3 { TaskSpec::failed("a", 1) } else { TaskSpec::ok("a") };
            let run = RunSpec::new(Era::K, "/a/web", store.days_ago(days)).number(number).task(task);
            let path = builder.run(run).unwrap();
            if days == 60 || days == 302 {
                touch(&path.join("tasks/a/stdout.log"), store.now() - 3600 * i64::from(number));
            }
        }
    }
    // Of this one, nothing but `stderr` tells how its runs ended.
    for days in [1, 40, 41, 250, 260, 270] {
        builder.run(RunSpec::new(Era::B, "/a/old", store.days_ago(days)).task(TaskSpec::ok("a"))).unwrap();
    }
    let web = store.root.join(Era::K.project_dir("/a/web"));
    std::fs::create_dir_all(web.join(format!("0{}/tasks", store.days_ago(301)))).unwrap();
    store.look();
    let (mut some, mut others) = (0, 0);
    for days in [0, 1, 2, 10, 25, 30, 31, 100, 160, 250, 299, 301, 302, 400] {
        for last in [0, 1, 2, 3, 5, 7, 20, 30, 46, 60] {
            for strict in [false, true] {
                let request = || {
                    let mut request = keep(days).with_last(last);
                    request.flags.strict_status = Some(strict);
                    request
                };
                if days == 0 && last == 0 {
                    continue;
                }
                let listed = store.dry_run(&request());
                let counted = store.dry_run(&Request { removals: Removals::Counted, ..request() });
                let figures = |plan: &Plan| (plan.removes, plan.inferred, plan.frees);
                assert_eq!(figures(&counted), figures(&listed), "{days} days, the last {last}");
                some += u64::from(listed.removes.count > 24);
                others += u64::from((1..=24).contains(&listed.removes.count));
            }
        }
    }
    assert!(some > 20 && others > 20, "both sides were the shorter one: {some}, {others}");
}

#[test]
fn each_rule_keeps_what_it_says_and_flags_beat_nothing_but_themselves() {
    let store = Store::new();
    let mut builder = store.builder();
    let task = |failed: bool| if failed { TaskSpec::failed("t", 1) } else { TaskSpec::ok("t") };
    for (cwd, days, failed) in [
        ("/a/web", 50, false),
        ("/a/web", 40, true),
        ("/a/web", 20, false),
        ("/a/web", 10, true),
        ("/a/web", 1, false),
        ("/a/api", 60, false),
        ("/a/api", 35, false),
    ] {
        builder.run(RunSpec::new(Era::J, cwd, store.days_ago(days)).task(task(failed))).unwrap();
    }
    let age = |days: i64| (store.now() - store.days_ago(days)) as u64;
    type Case<'a> = (&'a str, Rules, &'a [(&'a str, i64)]);
    let cases: [Case<'_>; 7] = [
        ("30 days", rules(Some(30), None, None), &[("web", 50), ("web", 40), ("api", 60), ("api", 35)]),
        ("last 2 beside them", rules(Some(30), None, Some(2)), &[("web", 50), ("web", 40)]),
        (
            "failed for 7",
            rules(Some(30), Some(7), None),
            &[("web", 50), ("web", 40), ("web", 10), ("api", 60), ("api", 35)],
        ),
        ("failed for 90", rules(Some(30), Some(90), None), &[("web", 50), ("api", 60), ("api", 35)]),
        (
            "only the last",
            rules(Some(0), None, Some(1)),
            &[("web", 50), ("web", 40), ("web", 20), ("web", 10), ("api", 60)],
        ),
        (
            "the last 30-day rule is built in",
            rules(None, None, None),
            &[("web", 50), ("web", 40), ("api", 60), ("api", 35)],
        ),
        (
            "at the second it stays",
            Rules { keep: Some(Age::seconds(age(35))), ..Rules::default() },
            &[("web", 50), ("web", 40), ("api", 60)],
        ),
    ];
    for (name, flags, expected) in cases {
        let plan = store.dry_run(&Request { flags, ..Request::default() });
        let mut expected: Vec<String> = expected
            .iter()
            .map(|(name, days)| format!("{}/{}", Era::J.project_dir(&format!("/a/{name}")), store.days_ago(*days)))
            .collect();
        expected.sort();
        assert_eq!(planned(&plan), expected, "{name}");
    }
}

fn rules(keep: Option<u64>, keep_failed: Option<u64>, keep_last: Option<u64>) -> Rules {
    Rules {
        keep: keep.map(Age::days),
        keep_failed: keep_failed.map(Age::days),
        keep_last,
        strict_status: None,
        ..Rules::default()
    }
}

#[test]
fn the_contract_s_example_of_a_configuration_means_what_it_says() {
    let store = Store::new();
    let mut builder = store.builder();
    for days in 0..60 {
        builder.run(small("/a/web", store.days_ago(days))).unwrap();
        let path = builder.run(small("/a/x", store.days_ago(days + 50))).unwrap();
        // The example's project has the first plan's kind of name.
        let place = store.root.join("otto-abc123").join(path.file_name().unwrap());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::rename(path, place).unwrap();
    }
    std::fs::remove_dir_all(store.root.join(Era::J.project_dir("/a/x"))).unwrap();
    let config = "retention:\n  default: { keep_days: 30, keep_last_n: 10, keep_failed_days: 7 }\n  per_project:\n    \
                  otto-abc123: { keep_days: 90, keep_last_n: 50 }\n  cache: true\n";
    let config = Config::parse(config).unwrap();
    assert!(config.cache());
    let plan = store.dry_run(&Request { config, ..Request::default() });
    let of = |project: &str| planned(&plan).iter().filter(|id| id.starts_with(project)).count();
    // Of 60: those of 0 to 29 days stay by their age (an hour older than a whole number), which are more than 10.
    assert_eq!(of("web-"), 30);
    // Of 60 between 50 and 109 days: 40 stay by their age, 50 by their number.
    assert_eq!(of("otto-abc123"), 10);
    assert_eq!(store.clean(&keep(200)).gone(), Vec::<String>::new());
}

#[test]
fn an_inferred_status_counts_as_stated_unless_the_user_is_strict() {
    let store = Store::new();
    let mut builder = store.builder();
    let failed = RunSpec::new(Era::C, "/a/old", store.days_ago(20)).task(TaskSpec::ok("t").stderr("a warning\n"));
    builder.run(failed).unwrap();
    let request = |strict| Request {
        flags: Rules { strict_status: Some(strict), ..rules(Some(30), Some(7), None) },
        ..Request::default()
    };
    let plan = store.dry_run(&request(false));
    assert_eq!((plan.runs.len(), plan.inferred), (1, 1), "text on stderr is a failure to the first plan");
    let strict = store.dry_run(&request(true));
    assert_eq!((strict.runs.len(), strict.inferred), (0, 0), "and nothing to go by for the strict");
}

#[test]
fn entries_go_with_their_last_reference_and_never_before() {
    let store = Store::new();
    let mut builder = store.builder();
    let project = Era::J.project_dir("/a/web");
    builder.run(with_own_script("/a/web", store.days_ago(40), "old")).unwrap();
    builder.run(with_own_script("/a/web", store.days_ago(1), "new")).unwrap();
    let orphan = builder.orphan(&project, Some(store.days_ago(9))).unwrap();
    let young = builder.cache_entry(&project, "young.sh", b"y", Some(store.now() - 3599)).unwrap();
    // The runner wrote it while we waited for a lock: it lies after the instant by which ages are judged.
    let just_now = builder.cache_entry(&project, "just-now.sh", b"n", Some(store.now() + 3)).unwrap();
    let of_age = builder.cache_entry(&project, "of-age.sh", b"a", Some(store.now() - 3601)).unwrap();

    let leaves = store.dry_run(&keep(30));
    assert_eq!(planned_entries(&leaves), Vec::<String>::new());
    assert_eq!(leaves.cache.not_asked.entries, 3, "what --cache would free is told");
    let done = store.clean(&keep_and_cache(30));
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut expected: Vec<String> =
        [own_entry("old"), name(&orphan), name(&of_age)].map(|n| format!("{project}/{n}")).into();
    expected.sort();
    assert_eq!(done.gone_entries(), expected);
    assert_eq!(done.plan.cache.in_grace, 2);
    assert!(just_now.exists(), "younger than anything");
    assert!(young.exists() && store.root.join(&project).join(".cache").join(own_entry("new")).exists());
    assert_eq!(dangling_scripts(&store.root).len(), 0);

    // All runs of a project may go, and with them its cache; its directory and `.cache` stay.
    let all = Request { cache_grace: Some(Age::seconds(0)), ..keep_and_cache(0) };
    let all = Request { flags: Rules { keep: Some(Age::seconds(1)), ..Rules::default() }, ..all };
    std::fs::remove_file(just_now).unwrap();
    store.clean(&all);
    assert_eq!(names_in(&store.root.join(&project)), [".cache"]);
    assert_eq!(names_in(&store.root.join(&project).join(".cache")), Vec::<String>::new());
}

#[test]
fn cache_only_removes_no_run_and_stale_entries_only_when_told() {
    for stale in [false, true] {
        let store = Store::new();
        let mut builder = store.builder();
        let project = Era::J.project_dir("/a/web");
        builder.run(with_own_script("/a/web", store.days_ago(40), "old")).unwrap();
        builder.run(with_own_script("/a/web", store.days_ago(1), "new")).unwrap();
        let orphan = builder.orphan(&project, Some(store.days_ago(9))).unwrap();
        let runs = store.runs_in_place();
        let done = store.clean(&Request { stale, ..cache_only(Request::GRACE) });
        assert_eq!(store.runs_in_place(), runs);
        assert_eq!(done.plan.cache.stale.len(), 1);
        let old = store.root.join(&project).join(".cache").join(own_entry("old"));
        assert_eq!((orphan.exists(), old.exists()), (false, !stale));
        assert_eq!(done.gone_entries().len(), if stale { 2 } else { 1 });
        if stale {
            let session = store.look();
            let run = session.catalog.nth_newest(None, 1).unwrap().unwrap();
            let tasks = session.catalog.tasks(run.key).unwrap();
            assert!(tasks.iter().any(|t| !t.cache_entry_exists), "and then the script is told to be gone");
        }
        let again = store.clean(&Request { stale, ..cache_only(Request::GRACE) });
        assert_eq!(again.gone_entries(), Vec::<String>::new());
    }
}

#[test]
fn a_clean_of_one_project_leaves_all_others_alone() {
    let store = Store::new();
    let mut builder = store.builder();
    for cwd in ["/a/web", "/a/api"] {
        builder.run(with_own_script(cwd, store.days_ago(40), cwd)).unwrap();
        builder.orphan(&Era::J.project_dir(cwd), Some(store.days_ago(9))).unwrap();
    }
    let api = Snapshot::of(&store.root).at(&Era::J.project_dir("/a/api"));
    let project = store.look().catalog.projects().unwrap().into_iter().find(|p| p.name == "web").unwrap();
    let done = store.clean(&Request { projects: Some(vec![project.id]), ..keep_and_cache(30) });
    assert_eq!(done.gone().len(), 1);
    api.assert_same(&Snapshot::of(&store.root).at(&Era::J.project_dir("/a/api")), "another project changed");
}

#[test]
fn a_link_names_what_it_says_however_it_says_it() {
    // Absolute and dangling, from another project, with too many levels, naming a whole directory: all count.
    let cases: [(&str, &str); 5] = [
        ("/home/gone/.otto/{project}/.cache/build/1234abcd", "build/1234abcd"),
        ("../../../../.cache/build/1234abcd", "build/1234abcd"),
        ("../../../.cache/build", "build/1234abcd"),
        ("../../../.cache", "build/1234abcd"),
        ("../../../.cache/other/../build/1234abcd", "build/1234abcd"),
    ];
    for (text, entry) in cases {
        for from_another in [false, true] {
            let store = Store::new();
            let mut builder = store.builder();
            let project = Era::J.project_dir("/a/web");
            let cwd = if from_another { "/a/api" } else { "/a/web" };
            let run = builder.run(small(cwd, store.days_ago(1))).unwrap();
            builder.run(small("/a/web", store.days_ago(2))).unwrap();
            let path = builder.cache_entry(&project, entry, b"#!/bin/sh\n", Some(store.days_ago(50))).unwrap();
            let text = text.replace("{project}", &project);
            std::os::unix::fs::symlink(&text, run.join("tasks/build/deep-link")).unwrap();
            let counts = !from_another || text.contains(&project);
            let plan = store.clean(&keep_and_cache(30)).plan;
            assert_eq!(
                path.exists(),
                counts,
                "`{text}` from another project: {from_another}; {:?}",
                planned_entries(&plan)
            );
        }
    }
}
