//! Parts of runs that stay: each goes at an age of its own, and never of a run that something protects.

use super::*;
use crate::support::trash::kept;
use crate::support::tree::{Snapshot, du};
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::{self, Plan};
use otto_catalog::model::Run;
use otto_catalog::retention::{Config, Limit};
use otto_catalog::session::{Access, Error};
use otto_catalog::store::parts::Part;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, hard_link};
use std::path::PathBuf;

/// `clean --keep DAYS --keep-logs DAYS --keep-artifacts DAYS`.
fn parts(days: u64, logs: u64, artifacts: u64) -> Request {
    let mut request = keep(days);
    request.flags.keep_logs = Some(Age::days(logs));
    request.flags.keep_artifacts = Some(Age::days(artifacts));
    request
}

fn spec(store: &Store, era: Era, days: i64) -> RunSpec {
    let bad = TaskSpec::failed("bad", 3).stderr("oh\n").artifact("out/a.txt", "aa").artifact("out/b/c.txt", "c");
    RunSpec::new(era, "/a/web", store.days_ago(days)).task(bad).task(TaskSpec::ok("good"))
}

/// Runs of these ages, in days and a second: what stays at an age and goes after it has gone.
fn store_of(era: Era, ages: &[i64]) -> (Store, Vec<PathBuf>) {
    let store = Store::new();
    let paths = ages.iter().map(|days| {
        let spec = spec(&store, era, *days);
        store.write(RunSpec { timestamp: spec.timestamp - 1, ..spec })
    });
    let paths = paths.collect();
    (store, paths)
}

/// What goes of which run, by its age in days.
fn thins(store: &Store, plan: &Plan) -> Vec<(i64, String, Vec<String>)> {
    let mut thins: Vec<_> = plan
        .thin
        .iter()
        .map(|one| {
            let days = (store.now() - one.run.id.run.timestamp()) / 86_400;
            (days, one.dropped.to_string(), one.run.reasons.to_vec())
        })
        .collect();
    thins.sort();
    thins
}

fn runs(store: &Store) -> Vec<Run> {
    store.look().catalog.runs(&RunFilter::default()).unwrap()
}

#[test]
fn each_part_goes_at_its_own_age_from_runs_that_stay() {
    let (store, _) = store_of(Era::H, &[90, 20, 10, 2]);
    let statuses = |store: &Store| runs(store).iter().map(|run| (run.id.to_string(), run.status)).collect::<Vec<_>>();
    let (before, said) = (Snapshot::of(&store.root), statuses(&store));
    let request = kept(parts(30, 7, 15));
    let dry = store.dry_run(&request);
    before.assert_same(&Snapshot::of(&store.root), "a dry run");
    let (logs, artifacts) = ("logs older than 7 days (--keep-logs)", "artifacts older than 15 days (--keep-artifacts)");
    let expected = [
        (10, "logs".to_owned(), vec![logs.to_owned()]),
        (20, "logs, artifacts".to_owned(), vec![logs.to_owned(), artifacts.to_owned()]),
    ];
    assert_eq!(thins(&store, &dry), expected);
    let done = store.clean(&request);
    assert_eq!(thins(&store, &done.plan), expected);
    assert_eq!((done.gone().len(), done.outcome.thinned.len()), (1, 2), "{:?}", done.outcome);
    assert_eq!((&done.outcome.skipped, &done.outcome.failed), (&vec![], &vec![]));
    let thinned: Vec<_> = runs(&store).iter().map(|run| run.thinned.to_string()).collect();
    assert_eq!(thinned, ["", "logs", "logs, artifacts"], "the newest first");
    assert_eq!(statuses(&store), said[..3], "what is told of them");
    assert!(store.clean(&request).plan.is_empty(), "nothing is thinned twice");
    let restored = store.undo();
    assert_eq!((restored.runs.len(), restored.thinned.len(), restored.failed.len()), (1, 2, 0), "{restored:?}");
    before.assert_same(&Snapshot::of(&store.root), "undone");
    assert_eq!(statuses(&store), said);
    assert_eq!(thins(&store, &store.dry_run(&request)), expected, "what came back is asked again");
}

#[test]
fn a_part_of_exactly_its_age_stays_and_a_project_s_own_age_holds_there() {
    let store = Store::new();
    for (cwd, second) in [("/a/web", 0), ("/a/web", -1), ("/a/api", -1)] {
        store.write(RunSpec::new(Era::J, cwd, store.now() - 7 * 86_400 + second).task(TaskSpec::ok("a").stdout("x")));
    }
    let text = "retention:\n  default: { keep_logs_days: 7 }\n  per_project:\n    api: { keep_logs_days: 8 }\n";
    let request = || Request { config: Config::parse(text).unwrap(), ..keep(30) };
    let plan = store.dry_run(&request());
    let expected = vec!["logs older than 7 days (retention.default.keep_logs_days)".to_owned()];
    let ids: Vec<_> = plan.thin.iter().map(|one| one.run.id.to_string()).collect();
    assert_eq!(thins(&store, &plan), [(7, "logs".to_owned(), expected)], "{ids:?} at {}", store.now());
    assert_eq!(plan.thin[0].run.id.run.timestamp(), store.now() - 7 * 86_400 - 1);
    let flag = Request { flags: parts(30, 0, 1000).flags, ..request() };
    assert_eq!(store.dry_run(&flag).thin.len(), 3, "the flag beats both");
}

#[test]
fn what_protects_a_run_protects_its_parts() {
    for what in ["pinned", "running", "locked", "recent", "of the future", "unread"] {
        let (mut store, paths) = store_of(Era::L, &[20, 21]);
        let (run, other) = (&paths[0], &paths[1]);
        let mut lock = None;
        match what {
            "pinned" => store.pin(&id_of(run)),
            "running" => store.process(4711, &run.join("tasks/bad")),
            "locked" => {
                let file = File::open(run.join(".lock")).unwrap();
                flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
                lock = Some(file);
            }
            "recent" => {
                fs::remove_file(run.join(".lock")).unwrap();
                touch(&run.join("tasks/bad/stdout.log"), store.now() - 60);
            }
            // Of the two, the clock is between them.
            "of the future" => store.set_now(store.days_ago(20) - 3600),
            _ => {}
        }
        let before = Snapshot::of(run);
        let closed = (what == "unread").then(|| run.join("tasks/bad/out/b"));
        closed.iter().for_each(|dir| chmod(dir, 0o000));
        let done = as_a_user(|| store.clean(&parts(30, 0, 0)));
        closed.iter().for_each(|dir| chmod(dir, 0o755));
        before.assert_same(&Snapshot::of(run), what);
        let planned: Vec<_> = done.plan.thin.iter().map(|one| one.run.id.to_string()).collect();
        assert_eq!(planned, [id_of(other)], "{what}: and the plan says so");
        let thinned: Vec<_> = done.outcome.thinned.iter().map(|one| one.id.clone()).collect();
        assert_eq!(thinned, [id_of(other)], "{what}: the run beside it is thinned all the same");
        drop(lock);
    }
}

#[test]
fn a_run_that_is_not_as_planned_any_more_keeps_its_parts() {
    for what in ["pinned", "running", "locked", "written to", "gone", "replaced"] {
        let (store, paths) = store_of(Era::L, &[20, 21]);
        let (run, other) = (&paths[0], &paths[1]);
        let settings = store.settings();
        let mut session = store.open(Access::Delete);
        let plan = store.plan(&session, &parts(30, 7, 7));
        assert_eq!(plan.thin.len(), 2);
        session.unlock();
        let mut lock = None;
        match what {
            "pinned" => store.pin(&id_of(run)),
            "running" => store.process(4711, &run.join("tasks/bad")),
            "locked" => {
                let file = File::open(run.join(".lock")).unwrap();
                flock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
                lock = Some(file);
            }
            "written to" => {
                fs::write(run.join("tasks/good/stdout.log"), "more").unwrap();
                touch(&run.join("tasks/good/stdout.log"), store.days_ago(20));
            }
            "gone" => fs::rename(run, store.outside("away")).unwrap(),
            _ => {
                fs::rename(run, store.outside("away")).unwrap();
                store.write(spec(&store, Era::L, 20));
                let made = run.parent().unwrap().join(store.days_ago(20).to_string());
                fs::rename(made, run).unwrap();
            }
        }
        let before = run.exists().then(|| Snapshot::of(run));
        let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
        if let Some(before) = before {
            before.assert_same(&Snapshot::of(run), what);
        }
        let thinned: Vec<_> = outcome.thinned.iter().map(|one| one.id.clone()).collect();
        assert_eq!((thinned, outcome.skipped.len()), (vec![id_of(other)], 1), "{what}: {outcome:?}");
        assert_eq!(outcome.skipped[0].id, id_of(run), "{what}");
        drop(lock);
    }
}

#[test]
fn no_part_goes_by_its_age_where_no_rule_is_asked_and_what_narrows_holds_for_parts_too() {
    use otto_catalog::clean::{Choice, Narrowing};
    use otto_catalog::model::{Status, Statuses};
    let (store, _) = store_of(Era::J, &[20, 21]);
    store.write(RunSpec::new(Era::J, "/a/web", store.days_ago(22)).task(TaskSpec::ok("good").stdout("x")));
    let keys: Vec<i64> = runs(&store).iter().map(|run| run.key).collect();
    let with = |narrow| Request { narrow, ..parts(30, 7, 7) };
    for choice in [Choice::All, Choice::Named([keys[0]].into())] {
        let plan = store.dry_run(&with(Narrowing { choice: choice.clone(), ..Narrowing::default() }));
        assert_eq!(plan.thin.len(), 0, "{choice:?}");
    }
    let only = Narrowing { statuses: Statuses::any_of(&[Status::Success]), ..Narrowing::default() };
    assert_eq!(thins(&store, &store.dry_run(&with(only))).len(), 1);
    let agreed = Narrowing { agreed: Some([keys[1]].into()), ..Narrowing::default() };
    assert_eq!(store.dry_run(&with(agreed)).thin[0].run.key, keys[1]);
    let cache_only = Request { cache: CacheMode::Only, ..parts(30, 7, 7) };
    assert_eq!(store.dry_run(&cache_only).thin.len(), 0);
}

#[test]
fn no_part_goes_in_a_project_that_could_not_be_listed_whole() {
    let (store, _) = store_of(Era::J, &[20]);
    let other = store.write(RunSpec::new(Era::J, "/a/api", store.days_ago(20)).task(TaskSpec::ok("good").stdout("x")));
    store.look();
    // Nobody but root can be kept from listing a directory by its mode: so the catalog says that it was so.
    let catalog = rusqlite::Connection::open(store.root.join(".catalog/catalog.db")).unwrap();
    catalog.execute("UPDATE projects SET whole = 0 WHERE name = 'web'", []).unwrap();
    drop(catalog);
    let session = store.open(Access::ReadAsIs);
    let only = Request { only: vec![Part::Logs], ..keep(7) };
    for request in [parts(30, 7, 7), only] {
        let plan = store.plan(&session, &request);
        let thins: Vec<_> = plan.thin.iter().map(|one| one.run.id.to_string()).collect();
        assert_eq!(thins, [id_of(&other)], "only the other project's");
    }
}

#[test]
fn a_part_that_was_dropped_is_not_asked_for_again_though_another_of_the_run_goes_later() {
    let (store, paths) = store_of(Era::J, &[20]);
    assert_eq!(store.clean(&parts(30, 7, 1000)).outcome.thinned.len(), 1);
    // What is there again is nobody's of ours: the row says that the logs went.
    let log = paths[0].join("tasks/bad/stdout.log");
    fs::write(&log, "written since").unwrap();
    touch(&log, store.days_ago(20));
    let dropped: Vec<_> =
        thins(&store, &store.dry_run(&parts(30, 7, 7))).into_iter().map(|(_, what, _)| what).collect();
    assert_eq!(dropped, ["artifacts"]);
    assert_eq!(store.clean(&parts(30, 7, 7)).outcome.skipped.len(), 1, "it changed, and is looked at anew");
    assert_eq!(store.clean(&parts(30, 7, 7)).outcome.thinned.len(), 1);
    assert!(log.exists() && !paths[0].join("tasks/bad/out").exists());
}

#[test]
fn a_limit_holds_for_runs_that_are_thinned() {
    let (store, _) = store_of(Era::J, &[20, 21, 22, 1]);
    let limited = |n| Request { max_delete: Some(Limit::Runs(n)), ..parts(30, 7, 7) };
    let before = Snapshot::of(&store.root);
    assert!(matches!(store.try_clean(&limited(2)), Err(Error::OverLimit { planned: 3, allowed: 2, .. })));
    let only = Request { only: vec![Part::Logs], max_delete: Some(Limit::Runs(2)), ..keep(7) };
    assert!(matches!(store.try_clean(&only), Err(Error::OverLimit { planned: 3, .. })));
    before.assert_same(&Snapshot::of(&store.root), "refused");
    assert_eq!(store.clean(&limited(3)).outcome.thinned.len(), 3);
}

#[test]
fn freed_is_what_du_misses_whatever_names_a_piece_has() {
    let cases = [
        ("none", "", ""),
        ("within a piece", "50/tasks/bad/out/big", "50/tasks/bad/out/b/big"),
        ("across pieces of a run", "50/tasks/bad/big", "50/tasks/good/big"),
        ("across two runs that are thinned", "50/tasks/bad/big", "40/tasks/bad/big"),
        ("with a run that goes", "50/tasks/bad/big", "90/tasks/bad/big"),
        ("with a run that stays whole", "50/tasks/bad/big", "1/tasks/bad/big"),
        ("with what stays of a run", "50/tasks/bad/big", "50/big"),
        ("with a cache entry that goes", "50/tasks/bad/big", ".cache/big.sh"),
    ];
    for (name, first, second) in cases {
        for (form, request) in [
            ("by age", Request { cache: CacheMode::Collect, ..parts(60, 7, 7) }),
            ("only", Request { only: vec![Part::Artifacts], ..keep(7) }),
        ] {
            let (store, paths) = store_of(Era::J, &[90, 50, 40, 1]);
            let place = |path: &str| {
                let (days, rest) = path.split_once('/').unwrap();
                match [90, 50, 40, 1].iter().position(|age| days == age.to_string()) {
                    Some(at) => paths[at].join(rest),
                    None => paths[0].parent().unwrap().join(path),
                }
            };
            if !first.is_empty() {
                fs::write(place(first), vec![7; 50_000]).unwrap();
                touch(&place(first), store.days_ago(80));
                hard_link(place(first), place(second)).unwrap();
            }
            let before = du(&store.root);
            let planned = store.dry_run(&request).frees;
            let done = store.clean(&request);
            let missing = before - du(&store.root);
            assert!(!done.outcome.thinned.is_empty(), "{form}: {name}");
            assert_eq!(done.outcome.freed(), missing, "{form}: {name}");
            assert_eq!(planned, done.outcome.freed(), "{form}: {name}: the plan says so before");
        }
    }
}

#[test]
fn more_runs_than_one_waits_for_are_counted_and_not_looked_at() {
    let (store, _) = store_of(Era::J, &[20, 10, 2]);
    let request = parts(30, 7, 15);
    let session = store.open(Access::Delete);
    let settings = store.settings();
    let plan = || clean::plan(&session.catalog, &request, settings.clock.now).unwrap();
    let few = |most| clean::with_few_parts(&session, &settings, plan(), &request, most).unwrap();
    let (looked, left) = few(2);
    assert_eq!((looked.thin.len(), left), (2, 0));
    let (not_looked, left) = few(1);
    assert_eq!((not_looked.thin.len(), left), (0, 2));
    assert_eq!(not_looked.frees, plan().frees, "what was not looked at is in no figure");
}
