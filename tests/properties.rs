//! What holds on every store: on random small ones, with random policies.

use crate::support::digest::digest;
use crate::support::trash::kept;
use crate::support::tree::{Snapshot, dangling_scripts, du};
use crate::support::*;
use otto_catalog::clean::plan_file::{self, Maker, PlanFile};
use otto_catalog::clean::{self, CacheMode, Plan, Request};
use otto_catalog::model::{Age, Status};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::retention::{self, Rules, Subject, Zone};
use otto_catalog::session::Access;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A run of a random store.
#[derive(Clone, Debug)]
struct Drawn {
    era: Era,
    project: u8,
    days: i64,
    number: u32,
    outcomes: Vec<u8>,
    in_db: bool,
    fresh_write: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let era = prop::sample::select(Era::ALL.to_vec());
    let outcomes = prop::collection::vec(0_u8..5, 0..3);
    (era, 0_u8..3, 0_i64..60, 0_u32..3, outcomes, any::<bool>(), prop::bool::weighted(0.05)).prop_map(
        |(era, project, days, number, outcomes, in_db, fresh_write)| Drawn {
            era,
            project,
            days,
            number,
            outcomes,
            in_db,
            fresh_write,
        },
    )
}

fn flags() -> impl Strategy<Value = Rules> {
    let age = prop::option::of((0_u64..70).prop_map(Age::days));
    (age.clone(), age, prop::option::of(0_u64..6), prop::option::of(any::<bool>()))
        .prop_map(|(keep, keep_failed, keep_last, strict_status)| Rules {
            keep,
            keep_failed,
            keep_last,
            strict_status,
            ..Rules::default()
        })
        .prop_filter("a policy that keeps nothing is refused", |rules| {
            let zero = |age: Option<Age>| age == Some(Age::days(0));
            !(zero(rules.keep) && (rules.keep_failed.is_none() || zero(rules.keep_failed)))
                || rules.keep_last.unwrap_or(0) > 0
        })
}

fn store_of(runs: &[Drawn], with_db: bool) -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    let mut sorted = runs.to_vec();
    sorted.sort_by_key(|run| std::cmp::Reverse(run.days));
    for drawn in sorted {
        let tasks = drawn.outcomes.iter().enumerate().map(|(n, outcome)| {
            let name = format!("t{n}");
            match outcome {
                0 | 1 => TaskSpec::ok(name),
                2 => TaskSpec::failed(name, 3),
                3 => TaskSpec::killed(name),
                _ => TaskSpec::ok(name).script(format!("echo {}", drawn.days % 4)),
            }
        });
        let mut run = RunSpec::new(drawn.era, format!("/a/p{}", drawn.project), store.days_ago(drawn.days));
        run = run.number(drawn.number).tasks(tasks);
        let path = builder.run(if drawn.in_db { run } else { run.without_row() }).unwrap();
        let log = path.join("tasks/t0/stdout.log");
        if drawn.fresh_write && log.exists() {
            touch(&log, store.now() - 30);
        }
    }
    for project in 0..2 {
        let project = Era::J.project_dir(&format!("/a/p{project}"));
        if store.root.join(&project).exists() {
            builder.orphan(&project, Some(store.days_ago(3))).unwrap();
        }
    }
    if with_db {
        builder.runner_db(5, WalState::LeftBehind).unwrap();
    }
    store
}

fn request(flags: &Rules, cache: u8) -> Request {
    let cache = [CacheMode::Leave, CacheMode::Collect, CacheMode::Only][usize::from(cache % 3)];
    Request { flags: flags.clone(), cache, ..Request::default() }
}

/// Every row judged by itself must come to what the plan selected by instants.
fn judged_one_by_one(store: &Store, plan: &Plan) -> BTreeSet<String> {
    let session = store.open(Access::Read);
    let mut goes = BTreeSet::new();
    for project in &plan.projects {
        let runs = session
            .catalog
            .runs(&otto_catalog::catalog::RunFilter { project: Some(project.project.id), ..Default::default() });
        let runs = runs.unwrap();
        let subject = |run: &otto_catalog::model::Run| Subject {
            key: run.key,
            timestamp: run.timestamp(),
            number: run.dir().number(),
            class: run.class(),
            succeeded: run.status == Status::Success,
            tagged: None,
            unresolved: false,
            protection: retention::protection(run, false, project.project.listed_whole, store.now()),
        };
        let subjects: Vec<Subject> = runs.iter().map(subject).collect();
        let verdicts = retention::judge(&subjects, &project.policy, store.now(), Zone::UTC);
        goes.extend(runs.iter().zip(verdicts).filter(|(_, v)| !v.keeps()).map(|(r, _)| r.id.to_string()));
    }
    goes
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_dry_run_is_what_is_executed_and_cleaning_twice_is_cleaning_once(
        runs in prop::collection::vec(drawn(), 0..10), flags in flags(), cache in 0_u8..3, with_db in any::<bool>(),
    ) {
        let store = store_of(&runs, with_db);
        let before = Snapshot::of(&store.root);
        let plan = store.dry_run(&request(&flags, cache));
        before.assert_same(&Snapshot::of(&store.root), "a dry run changed something");
        let (size, dangling) = (du(&store.root), dangling_scripts(&store.root));
        if runs.is_empty() {
            return Ok(());
        }

        let done = store.clean(&request(&flags, cache));
        prop_assert_eq!(done.gone(), planned(&plan));
        prop_assert_eq!(done.gone_entries(), planned_entries(&plan));
        prop_assert_eq!((&done.outcome.failed, &done.outcome.skipped), (&vec![], &vec![]));
        prop_assert_eq!(done.outcome.freed(), plan.frees);
        prop_assert_eq!(size - du(&store.root), plan.frees);
        let after = Snapshot::of(&store.root);
        let lost: Vec<String> = before.difference(&after).into_iter().filter(|l| !l.starts_with("- ")).collect();
        prop_assert_eq!(lost, Vec::<String>::new(), "something changed that did not go");
        prop_assert!(dangling_scripts(&store.root).iter().all(|path| dangling.contains(path)));

        let again = store.clean(&request(&flags, cache));
        prop_assert_eq!((again.gone(), again.gone_entries()), (vec![], vec![]));
        after.assert_same(&Snapshot::of(&store.root), "the second clean changed something");
        crate::support::digest::assert_same(&digest(&store.look().catalog), &store.digest_from_nothing(), "refreshed");
    }

    #[test]
    fn undo_after_clean_is_the_identity_however_often_and_in_whatever_parts(
        runs in prop::collection::vec(drawn(), 1..10), cleans in prop::collection::vec((flags(), 0_u8..3), 1..3),
        with_db in any::<bool>(), some in prop::collection::vec(any::<bool>(), 0..10), looked in any::<bool>(),
    ) {
        let mut store = store_of(&runs, with_db);
        let (tree, answers) = (Snapshot::of(&store.root), digest(&store.open(Access::Read).catalog));
        let mut gone = Vec::new();
        for (flags, cache) in cleans {
            let (size, plan) = (du(&store.root), store.dry_run(&kept(request(&flags, cache))));
            let done = store.clean(&kept(request(&flags, cache)));
            // Of a later clean, the trash may hold some already.
            prop_assert!(!gone.is_empty() || size - du(&store.root) == plan.frees);
            prop_assert_eq!(done.outcome.freed(), otto_catalog::model::Size::ZERO);
            gone.extend(done.gone());
            store.set_now(store.now() + 1);
        }
        if looked {
            store.look();
        }
        let first: Vec<&str> = gone.iter().zip(some).filter(|(_, some)| *some).map(|(id, _)| id.as_str()).collect();
        let restored = store.restore(&first);
        prop_assert_eq!((restored.runs.len(), &restored.skipped, &restored.failed), (first.len(), &vec![], &vec![]));
        let scripts_gone = |runs: &[&str]| {
            let dangling = dangling_scripts(&store.root);
            dangling.iter().filter(|path| runs.iter().any(|run| path.starts_with(run))).count()
        };
        prop_assert_eq!(scripts_gone(&first), 0, "a restored run lacks a script");
        while let Some(restored) = store.try_undo().unwrap() {
            prop_assert_eq!((&restored.skipped, &restored.failed), (&vec![], &vec![]));
        }
        tree.assert_same(&Snapshot::of(&store.root), "undone");
        prop_assert_eq!(store.trash(), Vec::<String>::new());
        crate::support::digest::assert_same(&answers, &digest(&store.look().catalog), "undone");
        crate::support::digest::assert_same(&answers, &store.digest_from_nothing(), "made anew");
    }

    #[test]
    fn a_plan_that_was_written_and_read_is_the_plan(
        runs in prop::collection::vec(drawn(), 1..10), flags in flags(), cache in 0_u8..3, stale in any::<bool>(),
        with_db in any::<bool>(), catalog_lost in any::<bool>(),
    ) {
        let store = store_of(&runs, with_db);
        let asked = || Request { stale: stale && cache == 2, ..request(&flags, cache) };
        let plan = store.dry_run(&asked());
        let default = retention::Policy::resolve(&flags, None, &Rules::default());
        let maker = Maker {
            at: store.now(), who: "a test", command: "otto clean", program: "otto 0", home: &store.root,
            policy: "as tested", default: &default,
        };
        let written = plan_file::encode(&plan, &maker).unwrap();
        if catalog_lost {
            // A catalog that is made anew has other rows.
            std::fs::remove_file(store.root.join(".catalog/catalog.db")).unwrap();
        }
        let file = PlanFile::parse(&written.bytes).unwrap();
        let settings = store.settings();
        let mut session = store.open(Access::Delete);
        let read = file.plan(&session.catalog).unwrap();
        prop_assert_eq!(&plan_file::encode(&read, &maker).unwrap().bytes, &written.bytes, "read and written again");
        prop_assert_eq!((planned(&read), planned_entries(&read)), (planned(&plan), planned_entries(&plan)));
        prop_assert_eq!((read.frees, read.removes, read.before), (plan.frees, plan.removes, plan.before));
        prop_assert_eq!(file.default_policy(), &default);
        let fingerprints = |plan: &Plan| plan.runs.iter().map(|run| run.fingerprint).collect::<Vec<_>>();
        prop_assert_eq!(fingerprints(&read), fingerprints(&plan));
        if !catalog_lost {
            let rows = |plan: &Plan| plan.runs.iter().map(|run| (run.key, run.project_key)).collect::<Vec<_>>();
            prop_assert_eq!(rows(&read), rows(&plan));
            prop_assert_eq!(&read.cache.delete, &plan.cache.delete);
            prop_assert_eq!(&read.cache.known_runs, &plan.cache.known_runs);
        }
        // A dry run of it says that all of it would go, and all of it goes.
        prop_assert_eq!(clean::rehearse(&session, &settings, &read).unwrap(), vec![]);
        let size = du(&store.root);
        let outcome = clean::execute(&mut session, &settings, read, &execution()).unwrap();
        let mut gone: Vec<_> = outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
        gone.sort();
        prop_assert_eq!((gone, gone_entries(&outcome)), (planned(&plan), planned_entries(&plan)));
        prop_assert_eq!((&outcome.failed, &outcome.skipped), (&vec![], &vec![]));
        prop_assert_eq!((outcome.freed(), size - du(&store.root)), (plan.frees, plan.frees));
    }

    #[test]
    fn the_cut_off_path_is_the_judge_s_and_more_is_never_less(
        runs in prop::collection::vec(drawn(), 1..12), flags in flags(), more in 0_u64..40, twins in any::<bool>(),
    ) {
        let store = store_of(&runs, true);
        if twins {
            // `<second>` and `<second>-0` are two runs of one second and one number.
            for run in store.runs_in_place().into_iter().filter(|r| !r.starts_with("./") && !r[r.len() - 4..].contains('-')) {
                let copy = store.root.join(format!("{run}-0"));
                std::fs::create_dir_all(copy.join("tasks")).unwrap();
            }
        }
        let plan = store.dry_run(&Request { details: true, ..request(&flags, 1) });
        let goes: BTreeSet<String> = planned(&plan).into_iter().collect();
        prop_assert_eq!(&goes, &judged_one_by_one(&store, &plan));
        // Counted from whichever side is shorter, it is the same.
        let counted = store.dry_run(&Request { removals: clean::Removals::Counted, ..request(&flags, 1) });
        prop_assert_eq!((counted.removes, counted.inferred, counted.frees), (plan.removes, plan.inferred, plan.frees));
        let kept: BTreeSet<String> = plan.kept.iter().map(|run| run.id.to_string()).collect();
        let all: BTreeSet<String> = store.runs_in_place().into_iter().collect();
        prop_assert!(kept.is_disjoint(&goes));
        prop_assert_eq!(kept.union(&goes).cloned().collect::<BTreeSet<_>>(), all);

        let longer = |age: Option<Age>| age.map(|age| Age::seconds(age.as_seconds() + more * 86_400));
        for wider in [
            Rules { keep: longer(flags.keep), ..flags.clone() },
            Rules { keep_failed: longer(flags.keep_failed), ..flags.clone() },
            Rules { keep_last: Some(flags.keep_last.unwrap_or(0) + more), ..flags.clone() },
            Rules { strict_status: Some(true), ..flags.clone() },
        ] {
            let fewer: BTreeSet<String> = planned(&store.dry_run(&request(&wider, 1))).into_iter().collect();
            prop_assert!(fewer.is_subset(&goes), "{:?} removes more than {:?}", wider, flags);
        }
    }

    #[test]
    fn a_rebuild_says_what_a_refresh_says_and_keeps_what_rows_told_that_are_gone(
        runs in prop::collection::vec(drawn(), 1..8), pruned in prop::collection::vec(any::<bool>(), 8), reset in any::<bool>(),
    ) {
        let mut store = store_of(&runs, true);
        // That the database lies in the store is told as well, and may change.
        let told = |lines: Vec<String>| -> Vec<String> {
            lines.into_iter().filter(|line| !line.starts_with("other None otto.db")).collect()
        };
        let known = told(digest(&store.open(Access::Read).catalog));
        let same = |store: &Store, access, what: &str| {
            crate::support::digest::assert_same(&known, &told(digest(&store.open(access).catalog)), what);
        };
        same(&store, Access::Rebuild, "rebuilt, with the runner's rows");
        crate::support::digest::assert_same(&known, &told(store.digest_from_nothing()), "made from nothing");
        // The runner prunes its own rows every day, and somebody may remove its database altogether.
        let path = store.root.join("otto.db");
        let db = rusqlite::Connection::open(&path).unwrap();
        for (row, _) in (1_i64..).zip(&pruned).filter(|(_, pruned)| **pruned) {
            db.execute("DELETE FROM tasks WHERE run_id = ?1", [row]).unwrap();
            db.execute("DELETE FROM runs WHERE id = ?1", [row]).unwrap();
        }
        drop(db);
        if reset {
            std::fs::remove_file(&path).unwrap();
        }
        store.set_now(store.now() + 10);
        same(&store, Access::Read, "refreshed, without them");
        same(&store, Access::Rebuild, "rebuilt, without them");
        same(&store, Access::Index { full: true }, "walked again, without them");
    }

    #[test]
    fn a_refreshed_catalog_says_what_a_new_one_says(
        first in prop::collection::vec(drawn(), 1..6),
        then in prop::collection::vec((drawn(), 0_u8..4), 1..6),
    ) {
        let mut store = store_of(&first, false);
        store.open(Access::Read);
        for (drawn, act) in then {
            let in_place = store.runs_in_place();
            let chosen = in_place.get(drawn.days as usize % in_place.len().max(1));
            match (act, chosen) {
                (0, Some(run)) => std::fs::remove_dir_all(store.root.join(run)).unwrap(),
                (1, Some(run)) if !run.starts_with("./") => {
                    let project = store.root.join(run.split_once('/').unwrap().0).join(".cache");
                    std::fs::write(project.join(format!("new-{}", drawn.days)), "x").unwrap();
                }
                _ => {
                    let spec = RunSpec::new(drawn.era, format!("/a/p{}", drawn.project), store.days_ago(drawn.days));
                    let spec = spec.number(drawn.number).task(TaskSpec::ok("later"));
                    // What is written into a run that is settled is seen by `index --full`, and before it would go.
                    if !store.root.join(spec.project_dir()).join(spec.run_dir()).exists() {
                        store.write(spec);
                    }
                }
            }
            store.set_now(store.now() + 10);
            drop(store.open(Access::Read));
        }
        let refreshed = digest(&store.open(Access::Read).catalog);
        crate::support::digest::assert_same(&refreshed, &store.digest_from_nothing(), "refreshed and made anew");
    }
}
