//! Budgets on stores of files: what they count, what they free, and what they leave alone.

use super::*;
use crate::support::trash::kept;
use crate::support::tree::{du, du_with_self};
use otto_catalog::clean::{Plan, trash};
use otto_catalog::retention::{Amount, Budgets, Portion, Room, Space};
use otto_catalog::session::Access;
use std::fs::{self, hard_link};
use std::path::{Path, PathBuf};

const KIB: u64 = 1024;
/// What is free on the disk of these tests before a clean.
const FREE: u64 = 1 << 30;

fn bytes(bytes: u64) -> Option<Portion> {
    Some(Portion::Bytes(Amount::bytes(bytes)))
}

fn max_size(most: u64) -> Request {
    Request { budgets: Budgets { max_size: bytes(most), ..Budgets::default() }, ..keep(10_000) }
}

fn min_free(least: u64, trash: u64) -> Request {
    let room = Space { available: FREE, total: 1 << 40, trash }.into();
    Request { budgets: Budgets { min_free: bytes(least), ..Budgets::default() }, room, ..keep(10_000) }
}

/// Runs of one project, so many days old, each with a task whose log is that long.
fn runs(store: &Store, ages: &[i64], length: u64) -> Vec<PathBuf> {
    let write = |days: &i64| {
        let run = store.write(small("/a/web", store.days_ago(*days)));
        fill(store, &run, length, *days);
        run
    };
    ages.iter().map(write).collect()
}

fn log(run: &Path) -> PathBuf {
    run.join("tasks/build/stdout.log")
}

fn fill(store: &Store, run: &Path, length: u64, days: i64) {
    fs::write(log(run), vec![b'x'; length as usize]).unwrap();
    touch(&log(run), store.days_ago(days) + 60);
}

/// A second name in `run` for the log of another.
fn link(of: &Path, run: &Path) {
    hard_link(log(of), run.join("tasks/build/shared.bin")).unwrap();
}

fn comes_to(plan: &Plan) -> u64 {
    plan.budgets[0].comes_to
}

/// What directories take together, a file with names in several of them once.
fn together(runs: &[&PathBuf]) -> u64 {
    let mut seen = std::collections::HashSet::new();
    let mut disk = 0;
    for run in runs {
        disk += du_with_self(run).disk - du(run).disk;
        crate::support::tree::each(run, &mut |_, meta| {
            use std::os::unix::fs::MetadataExt as _;
            if seen.insert(meta.ino()) {
                disk += meta.blocks() * 512;
            }
        });
    }
    disk
}

#[test]
fn rows_of_one_file_that_disagree_take_no_run_that_has_to_stay() {
    let store = Store::new();
    let old = runs(&store, &[60, 50], 4 * KIB);
    fill(&store, &old[0], 4096 * KIB, 60);
    link(&old[0], &old[1]);
    assert_eq!(planned(&store.dry_run(&max_size(1 << 40))), Vec::<String>::new());
    // Runs that ended are not walked again, and those that come see the file as it is then.
    fs::File::options().write(true).open(log(&old[0])).unwrap().set_len(4 * KIB).unwrap();
    let new = runs(&store, &[3, 2, 1], 4 * KIB);
    new.iter().for_each(|run| link(&old[0], run));
    let all: Vec<&PathBuf> = old.iter().chain(&new).collect();
    let truth = together(&all);
    let rows: u64 = {
        let session = store.look();
        let runs = session.catalog.runs(&otto_catalog::catalog::RunFilter::default()).unwrap();
        runs.iter().map(|run| run.size.disk).sum()
    };
    assert!(rows > truth + 4096 * KIB, "the rows know of no truncation: {rows}, {truth}");
    for most in [truth, truth + 1, rows, rows + 1, 1 << 50] {
        let plan = store.dry_run(&max_size(most));
        assert_eq!((planned(&plan), plan.budgets[0].met), (vec![], true), "{most} of {truth}");
        assert!(comes_to(&plan) <= rows, "{}", comes_to(&plan));
    }
    // Nor does the plan of a clean of all promise what is not there, or the store stand at less than it takes.
    let mut all = keep(0);
    all.flags.keep = Some(Age::seconds(1));
    let plan = store.dry_run(&all);
    assert_eq!(planned(&plan).len(), 5);
    assert!(
        plan.frees.disk <= du(&store.root).disk && plan.before.size.disk >= truth,
        "{:?} {:?}",
        plan.frees,
        plan.before
    );
    // The other way round: what grew counts as the smallest that a row states.
    fill(&store, &old[0], 8192 * KIB, 60);
    assert_eq!(planned(&store.dry_run(&max_size(truth))), Vec::<String>::new());
}

#[test]
fn what_a_budget_says_will_be_free_is_what_du_misses_whatever_names_files_have() {
    for (name, first, second) in [
        ("none", None, None),
        ("two runs that go", Some(0), Some(1)),
        ("one that goes and one that stays", Some(0), Some(3)),
        ("one that goes and outside", Some(0), None),
    ] {
        let store = Store::new();
        let mut builder = store.builder();
        let write = |(at, days): (usize, i64)| {
            builder.run(with_own_script("/a/web", store.days_ago(days), &at.to_string())).unwrap()
        };
        let runs: Vec<PathBuf> = [60, 50, 40, 2].into_iter().enumerate().map(write).collect();
        let place = |at: usize| runs[at].join("tasks/own/big");
        for (at, run) in runs.iter().enumerate() {
            fs::write(run.join("tasks/own/little"), vec![7; 30_000]).unwrap();
            touch(&run.join("tasks/own/little"), store.days_ago(2 + at as i64));
        }
        if let Some(first) = first {
            fs::write(place(first), vec![7; 500_000]).unwrap();
            touch(&place(first), store.days_ago(60));
            match second {
                Some(second) => hard_link(place(first), place(second)).unwrap(),
                None => hard_link(place(first), store.outside("kept")).unwrap(),
            }
        }
        let before = du(&store.root);
        // What orphans of the cache free, no run has to.
        let request = || Request { cache: CacheMode::Collect, ..min_free(FREE + 90_000, 0) };
        let plan = store.dry_run(&request());
        assert!(plan.budgets[0].met, "{name}: {:?}", plan.budgets);
        let done = store.clean(&request());
        assert_eq!(done.gone(), planned(&plan), "{name}");
        let outside = store.outside("kept");
        let kept = if outside.exists() { du_with_self(&outside).disk } else { 0 };
        assert_eq!(comes_to(&plan) - FREE, (before - du(&store.root)).disk - kept, "{name}");
        assert!(!done.gone().iter().any(|id| *id == id_of(&runs[3])), "{name}: the newest is not needed");
        // No fewer would do.
        let last = plan.runs.iter().map(|run| run.id.run.timestamp()).max();
        assert!(
            last.is_none() || comes_to(&plan) - plan.runs.last().unwrap().size.disk < FREE + 90_000 + 16_384,
            "{name}"
        );
    }
}

#[test]
fn a_cache_entry_that_goes_with_a_run_spares_the_next_run() {
    let store = Store::new();
    let mut builder = store.builder();
    let long = |at: usize| format!("{}{at}", "x".repeat(200_000));
    let write =
        |(at, days): (usize, i64)| builder.run(with_own_script("/a/web", store.days_ago(days), &long(at))).unwrap();
    let runs: Vec<PathBuf> = [60, 50, 40].into_iter().enumerate().map(write).collect();
    let one =
        || Request { cache: CacheMode::Collect, cache_grace: Some(Age::seconds(0)), ..min_free(FREE + 220_000, 0) };
    assert_eq!(planned(&store.dry_run(&one())), [id_of(&runs[0])]);
    // Without the caches, runs alone do not free as much.
    assert!(!store.dry_run(&min_free(FREE + 220_000, 0)).budgets[0].met);
    let before = du(&store.root);
    let done = store.clean(&one());
    assert_eq!(done.gone_entries().len(), 1);
    assert_eq!(comes_to(&done.plan) - FREE, (before - du(&store.root)).disk);
}

#[test]
fn what_lies_in_the_trash_is_not_asked_for_again() {
    let store = Store::new();
    runs(&store, &[90, 80, 70, 60, 50, 40, 30, 20], 100 * KIB);
    let in_trash = |store: &Store| store.contents().iter().map(|content| content.size.disk).sum::<u64>();
    // The disk says the same all the time: nothing is freed before the trash is over.
    let least = FREE + 150 * KIB;
    let first = store.clean(&kept(min_free(least, in_trash(&store))));
    assert_eq!(first.gone().len(), 2);
    let budget = &first.plan.budgets[0];
    assert_eq!((budget.met, budget.in_trash), (true, budget.comes_to - FREE));
    for _ in 0..3 {
        let trash = in_trash(&store);
        assert!(trash >= 150 * KIB, "{trash}");
        let again = store.clean(&kept(min_free(least, trash)));
        assert_eq!((again.gone(), again.plan.budgets[0].in_trash), (vec![], trash));
        // And so it is for whoever deletes for good.
        assert_eq!(planned(&store.dry_run(&min_free(least, trash))), Vec::<String>::new());
    }
    assert_eq!(store.kept().len(), 2);
}

#[test]
fn no_run_goes_for_what_parts_free() {
    let store = Store::new();
    let runs = runs(&store, &[90, 80, 70, 60, 50, 40], 100 * KIB);
    let all: Vec<&PathBuf> = runs.iter().collect();
    let (size, logs) = (together(&all), 6 * 100 * KIB);
    let thinned = |mut request: Request| {
        request.flags.keep_logs = Some(Age::ZERO);
        request
    };
    for most in [size - logs, size - logs + 1, size - 10 * KIB] {
        let plan = store.dry_run(&thinned(max_size(most)));
        assert_eq!((planned(&plan), plan.thin.len(), plan.budgets[0].met), (vec![], 6, true), "{most}");
        assert!(!planned(&store.dry_run(&max_size(most))).is_empty());
    }
    let plan = store.dry_run(&thinned(min_free(FREE + logs, 0)));
    assert_eq!((planned(&plan), plan.thin.len(), plan.budgets[0].met), (vec![], 6, true));
    // Where that is not enough, the oldest goes whole, and its parts with it.
    let most = size - logs - 4 * KIB;
    let before = du(&store.root);
    let done = store.clean(&thinned(max_size(most)));
    assert_eq!((done.gone(), done.plan.thin.len()), (vec![id_of(&runs[0])], 5));
    assert_eq!(together(&all[1..]), comes_to(&done.plan));
    assert_eq!(done.plan.frees.disk, (before - du(&store.root)).disk);
    assert_eq!(planned(&store.dry_run(&thinned(max_size(most)))), Vec::<String>::new());
}

#[test]
fn a_budget_takes_nothing_where_what_it_asks_for_is_not_known() {
    let store = Store::new();
    runs(&store, &[90, 80, 70, 60, 50, 40], 100 * KIB);
    let share = |share| Some(Portion::Share(share));
    let disk = Room { disk: Err("no size".to_owned()), trash: Ok(0) };
    let trash = Room { disk: Ok((FREE, 1 << 40)), trash: Err("no rights".to_owned()) };
    // As far as is known, each of them would take runs.
    let budgets = [
        (&disk, Budgets { max_size: share(5000), ..Budgets::default() }),
        (&disk, Budgets { min_free: bytes(FREE + 150 * KIB), ..Budgets::default() }),
        (&disk, Budgets { min_free: share(5000), ..Budgets::default() }),
        (&trash, Budgets { min_free: bytes(FREE + 150 * KIB), ..Budgets::default() }),
    ];
    for (room, budgets) in budgets {
        let request = |max_runs| {
            let budgets = Budgets { max_runs, ..budgets };
            Request { budgets, room: room.clone(), ..keep(10_000) }
        };
        let plan = store.dry_run(&request(None));
        assert_eq!(planned(&plan), Vec::<String>::new(), "{budgets:?}");
        assert!(!plan.budgets[0].met && plan.budgets[0].unknown.is_some(), "{:?}", plan.budgets);
        assert!(plan.budgets[0].notice().unwrap().contains(" takes no run: no "), "{:?}", plan.budgets);
        // The others are asked all the same.
        let plan = store.dry_run(&request(Some(4)));
        assert_eq!((planned(&plan).len(), plan.budgets[0].met, plan.budgets[1].met), (2, true, false), "{budgets:?}");
    }
    // Nobody needs to know of the trash for a share of the disk.
    let of_share = Budgets { max_size: share(1), ..Budgets::default() };
    let plan = store.dry_run(&Request { budgets: of_share, room: trash, ..keep(10_000) });
    assert_eq!((plan.budgets[0].unknown.is_none(), plan.budgets[0].met), (true, true));
}

#[test]
fn a_trash_that_cannot_be_read_is_no_empty_one() {
    let store = Store::new();
    runs(&store, &[90, 80, 70, 60, 50, 40], 100 * KIB);
    let first = store.clean(&kept(min_free(FREE + 150 * KIB, 0)));
    assert_eq!(first.gone().len(), 2);
    let measured = || as_a_user(|| trash::measured(&store.open(Access::Read), &store.settings()));
    let known = measured().unwrap();
    assert_eq!(known.disk, store.contents().iter().map(|content| content.size.disk).sum::<u64>());
    let operation = store.root.join(".catalog/trash").join(&store.trash()[0]);
    let gone = first.gone()[0].clone();
    let shell = operation.join(gone.split('/').next().unwrap());
    let (run, file) = (operation.join(&gone), operation.join(&gone).join("tasks/build/stdout.log"));
    for (closed, mode) in [(&shell, 0o000), (&shell, 0o600), (&run, 0o000), (&run, 0o600), (&operation, 0o000)] {
        let before = fs::metadata(closed).unwrap().permissions();
        chmod(closed, mode);
        let unread = measured();
        fs::set_permissions(closed, before).unwrap();
        let text = unread.expect_err("what is closed counts as nothing").to_string();
        assert!(text.contains(operation.to_str().unwrap()), "{text}");
    }
    // What nobody has to open is known, and what is gone is gone.
    chmod(&file, 0o000);
    assert_eq!(measured().unwrap(), known);
    fs::remove_file(&file).unwrap();
    assert!(measured().unwrap().disk <= known.disk - 100 * KIB);
    fs::remove_dir_all(&operation).unwrap();
    assert_eq!(measured().unwrap().disk, 0);
}
