//! What narrows a clean, or stands in for its policy, on random stores: by an oracle that knows nothing of cut-offs.

use crate::support::tree::{Snapshot, dangling_scripts, du, du_with_self, each};
use crate::support::*;
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::{CacheMode, Choice, Narrowing, Plan, Removals, Request};
use otto_catalog::model::{Age, Run, Status, StatusSource, Statuses};
use otto_catalog::practice::{self, Flavour, Spec};
use otto_catalog::retention::{self, Amount, Budget, Budgets, Portion, Room, Rules, Space, Subject, Zone};
use otto_catalog::session::Access;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};

/// What a random request chooses, its runs by place in the list.
#[derive(Clone, Debug)]
struct Drawn {
    choice: u8,
    named: Vec<usize>,
    statuses: Vec<usize>,
    incomplete: bool,
    agreed: Option<Vec<usize>>,
    keep: u64,
    last: u64,
    strict: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let places = || prop::collection::vec(0_usize..40, 0..6);
    let flags = (0_u64..60, 0_u64..4, any::<bool>());
    let statuses = prop::collection::vec(0_usize..5, 0..3);
    (0_u8..3, places(), statuses, any::<bool>(), prop::option::weighted(0.2, places()), flags).prop_map(
        |(choice, named, statuses, incomplete, agreed, (keep, last, strict))| Drawn {
            choice,
            named,
            statuses,
            incomplete,
            agreed,
            keep,
            last,
            strict,
        },
    )
}

fn store_of(seed: u64) -> Store {
    let store = Store::in_memory();
    let spec = Spec {
        seed,
        runs: 24,
        now: store.now(),
        projects: Some(3),
        tasks_per_run: Some(2),
        flavour: Flavour::Mixed,
        runner_db: true,
    };
    practice::write(&store.root, &spec).unwrap();
    // Some lack a part, and one is written to right now.
    for (at, run) in store.runs_in_place().into_iter().enumerate() {
        let path = store.root.join(&run);
        if at % 5 == 1 {
            let _ = std::fs::remove_file(path.join("run.yaml"));
        }
        if at == 7 {
            let task = names_in(&path.join("tasks")).into_iter().next();
            let log = task.map(|task| path.join("tasks").join(task).join("stdout.log"));
            log.filter(|log| log.exists()).iter().for_each(|log| touch(log, store.now() - 30));
        }
    }
    store
}

/// What is free on the disk of these stores before a clean.
const FREE: u64 = 1 << 30;

/// Gives the first log of each first run another name: in a second run, or outside where there is no such run.
fn link(store: &Store, pairs: &[(usize, usize)]) {
    let runs = store.runs_in_place();
    std::fs::create_dir_all(store.outside("kept")).unwrap();
    let tasks = |at: usize| {
        let tasks = store.root.join(runs.get(at)?).join("tasks");
        names_in(&tasks).into_iter().next().map(|task| tasks.join(task))
    };
    for (number, (from, to)) in pairs.iter().enumerate() {
        let Some(file) = tasks(*from).map(|task| task.join("stdout.log")).filter(|file| file.exists()) else {
            continue;
        };
        let to = tasks(*to).unwrap_or_else(|| store.outside("kept"));
        std::fs::hard_link(file, to.join(format!("linked-{number}"))).unwrap();
    }
}

/// What trees take together, a file with names in several of them once.
fn du_of_all(paths: impl IntoIterator<Item = std::path::PathBuf>) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let (mut seen, mut disk) = (HashSet::new(), 0);
    for path in paths {
        disk += du_with_self(&path).disk - du(&path).disk;
        each(&path, &mut |_, meta| disk += if seen.insert(meta.ino()) { meta.blocks() * 512 } else { 0 });
    }
    disk
}

impl Drawn {
    fn request(&self, runs: &[Run], cache: CacheMode) -> Request {
        let keys = |places: &[usize]| places.iter().filter_map(|at| runs.get(*at)).map(|run| run.key).collect();
        let choice = match self.choice {
            0 => Choice::Policy,
            1 => Choice::All,
            _ => Choice::Named(keys(&self.named)),
        };
        let statuses: Vec<Status> = self.statuses.iter().map(|at| Status::ALL[*at]).collect();
        Request {
            flags: Rules {
                keep: Some(Age::days(self.keep)),
                keep_last: Some(self.last),
                strict_status: Some(self.strict),
                ..Rules::default()
            },
            narrow: Narrowing {
                choice,
                statuses: Statuses::any_of(&statuses),
                incomplete: self.incomplete,
                agreed: self.agreed.as_deref().map(keys),
            },
            cache,
            cache_grace: Some(Age::seconds(0)),
            details: true,
            ..Request::default()
        }
    }

    /// Whether the request is about a run, from the words of the flags.
    fn is_about(&self, at: usize, run: &Run) -> bool {
        let by_stderr = run.status_source == StatusSource::Stderr;
        let status = if self.strict && by_stderr { Status::Unknown } else { run.status };
        let lacks = status == Status::Interrupted || !run.missing.is_empty();
        let incomplete = run.read_whole && lacks && ![Status::Running, Status::Unknown].contains(&status);
        (self.choice != 2 || self.named.contains(&at))
            && (self.statuses.is_empty() || self.statuses.iter().any(|s| Status::ALL[*s] == status))
            && (!self.incomplete || incomplete)
            && self.agreed.as_ref().is_none_or(|agreed| agreed.contains(&at))
    }
}

fn runs_of(store: &Store) -> Vec<Run> {
    store.open(Access::Read).catalog.runs(&RunFilter::default()).unwrap()
}

fn protection(store: &Store, run: &Run) -> Option<retention::Protection> {
    retention::protection(run, false, true, store.now())
}

/// What the rules alone let go, each run judged by itself.
fn by_rules(store: &Store, runs: &[Run], plan: &Plan) -> HashSet<i64> {
    let mut goes = HashSet::new();
    for project in &plan.projects {
        let subject = |run: &Run| Subject {
            key: run.key,
            timestamp: run.timestamp(),
            number: run.dir().number(),
            class: run.class(),
            succeeded: run.status == Status::Success,
            tagged: None,
            unresolved: false,
            protection: protection(store, run),
        };
        let of_project = runs.iter().filter(|run| run.project_key == project.project.id);
        let subjects: Vec<Subject> = of_project.map(subject).collect();
        let verdicts = retention::judge(&subjects, &project.policy, store.now(), Zone::UTC);
        goes.extend(verdicts.iter().filter(|verdict| !verdict.keeps()).map(|verdict| verdict.key));
    }
    goes
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn what_is_selected_goes_whole_and_nothing_else(seed in 0_u64..1000, drawn in drawn(), cache in 0_u8..3) {
        let store = store_of(seed);
        let runs = runs_of(&store);
        let cache = [CacheMode::Leave, CacheMode::Collect, CacheMode::Only][usize::from(cache)];
        let mut drawn = drawn;
        // A protected run that is named refuses the whole: another test's matter.
        drawn.named.retain(|at| runs.get(*at).is_some_and(|run| protection(&store, run).is_none()));
        let request = || drawn.request(&runs, cache);
        let plan = store.dry_run(&request());
        let rules = by_rules(&store, &runs, &plan);
        let about = |at: usize, run: &Run| drawn.is_about(at, run) && protection(&store, run).is_none();
        let expected: BTreeSet<String> = runs.iter().enumerate()
            .filter(|(at, run)| about(*at, run) && (drawn.choice != 0 || rules.contains(&run.key)))
            .map(|(_, run)| run.id.to_string())
            .collect();
        let lets_go: u64 = plan.projects.iter().map(|p| p.lets_go.count).sum();
        prop_assert_eq!(lets_go, expected.len() as u64);
        let kept: BTreeSet<String> = plan.kept.iter().map(|run| run.id.to_string()).collect();
        let all: BTreeSet<String> = runs.iter().map(|run| run.id.to_string()).collect();
        let stays: BTreeSet<String> = match cache {
            CacheMode::Only => all.clone(),
            _ => all.difference(&expected).cloned().collect(),
        };
        prop_assert_eq!(&kept, &stays);
        for run in &plan.kept {
            prop_assert!(!run.reasons.is_empty(), "{} stays for no reason", run.id);
        }
        for project in plan.projects.iter().filter(|_| cache != CacheMode::Only) {
            let times: Vec<i64> = runs.iter()
                .filter(|run| run.project_key == project.project.id && stays.contains(&run.id.to_string()))
                .map(Run::timestamp).collect();
            prop_assert_eq!(project.kept_range, times.iter().min().copied().zip(times.iter().max().copied()));
        }
        // Counted, listed and executable plans have the same figures.
        let counted = store.dry_run(&Request { removals: Removals::Counted, details: false, ..request() });
        prop_assert_eq!((counted.removes, counted.frees, counted.inferred), (plan.removes, plan.frees, plan.inferred));
        prop_assert!(counted.runs.is_empty());

        let (before, size, dangling) = (Snapshot::of(&store.root), du(&store.root), dangling_scripts(&store.root));
        let done = store.clean(&request());
        if cache != CacheMode::Only {
            prop_assert_eq!(done.gone().into_iter().collect::<BTreeSet<_>>(), expected);
        }
        prop_assert_eq!((&done.outcome.failed, &done.outcome.skipped), (&vec![], &vec![]));
        prop_assert_eq!(done.gone(), planned(&plan));
        prop_assert_eq!(done.gone_entries(), planned_entries(&plan));
        prop_assert_eq!(size - du(&store.root), plan.frees);
        let after = Snapshot::of(&store.root);
        let changed: Vec<String> = before.difference(&after).into_iter().filter(|l| !l.starts_with("- ")).collect();
        prop_assert_eq!(changed, Vec::<String>::new());
        prop_assert!(dangling_scripts(&store.root).iter().all(|path| dangling.contains(path)), "a script went");
        // Whatever the runs that went had for themselves went with them.
        if cache == CacheMode::Collect {
            let rest = Request { cache: CacheMode::Only, cache_grace: Some(Age::seconds(0)), ..keep(10_000) };
            prop_assert_eq!(planned_entries(&store.dry_run(&rest)), Vec::<String>::new());
        }
    }

    /// Budgets are spent as if nothing narrowed the clean, and what they take goes where the clean is about it.
    #[test]
    fn a_budget_takes_nothing_more_because_something_narrows_the_clean(
        seed in 0_u64..1000, drawn in drawn(), most in 0_u64..100, kind in 0_u8..7, linked in prop::collection::vec((0_usize..24, 0_usize..26), 0..8),
    ) {
        let store = store_of(seed);
        link(&store, &linked);
        let runs = runs_of(&store);
        let drawn = Drawn { choice: 0, last: drawn.last % 2, keep: 20 + drawn.keep, ..drawn };
        let total: u64 = runs.iter().map(|run| run.size.disk).sum();
        let bytes = |bytes| Some(Portion::Bytes(Amount::bytes(bytes)));
        let budgets = Budgets {
            max_runs: (kind % 3 == 0).then_some(1 + most / 4),
            max_size: if kind % 3 == 1 || kind == 6 { bytes(1 + total * most / 100) } else { None },
            min_free: if kind % 3 == 2 || kind == 3 { bytes(FREE + total * most / 200) } else { None },
        };
        let cache = if kind % 2 == 0 { CacheMode::Collect } else { CacheMode::Leave };
        let room = Room::from(Space { available: FREE, total: 1 << 40, trash: 0 });
        let request = || {
            let mut request = Request { budgets, room: room.clone(), ..drawn.request(&runs, cache) };
            // What rules let go is then not the oldest of all.
            request.flags.keep_failed = (seed % 2 == 0).then_some(Age::days(10_000));
            request
        };
        let plain = store.dry_run(&Request { narrow: Narrowing::default(), ..request() });
        let of_plain = |is_asked: &dyn Fn(usize, &Run) -> bool| {
            let ids: HashSet<String> = planned(&plain).into_iter().collect();
            let asked = runs.iter().enumerate().filter(|(at, run)| is_asked(*at, run));
            asked.map(|(_, run)| run.id.to_string()).filter(|id| ids.contains(id)).collect::<BTreeSet<_>>()
        };
        let narrowed = store.dry_run(&request());
        let goes: BTreeSet<String> = planned(&narrowed).into_iter().collect();
        prop_assert_eq!(&goes, &of_plain(&|at, run| drawn.is_about(at, run)));
        for project in plain.projects.iter().map(|planned| planned.project.id) {
            let one = store.dry_run(&Request { projects: Some(vec![project]), narrow: Narrowing::default(), ..request() });
            let goes: BTreeSet<String> = planned(&one).into_iter().collect();
            prop_assert!(goes.is_subset(&of_plain(&|_, run| run.project_key == project)), "{:?}", goes);
        }
        // What it is said to come to is what it comes to.
        let before = du_of_all([store.root.clone(), store.outside("kept")]);
        let done = store.clean(&request());
        prop_assert_eq!(done.gone().into_iter().collect::<BTreeSet<_>>(), goes);
        let left = store.runs_in_place();
        for budget in &done.plan.budgets {
            let comes_to = match budget.budget.value {
                Budget::MaxRuns(_) => left.len() as u64,
                Budget::MaxSize(_) => du_of_all(left.iter().map(|id| store.root.join(id))),
                Budget::MinFree(_) => FREE + before - du_of_all([store.root.clone(), store.outside("kept")]),
            };
            prop_assert_eq!(budget.comes_to, comes_to, "{:?}", budget);
        }
    }

    #[test]
    fn a_list_of_the_incomplete_is_what_a_clean_of_them_takes(seed in 0_u64..1000) {
        let store = store_of(seed);
        let session = store.open(Access::Read);
        let listed = session.catalog.runs(&RunFilter { incomplete: true, ..RunFilter::default() }).unwrap();
        let all = session.catalog.runs(&RunFilter::default()).unwrap();
        let ids = |runs: &mut dyn Iterator<Item = &Run>| runs.map(|run| run.id.to_string()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&mut listed.iter()), ids(&mut all.iter().filter(|run| run.is_incomplete())));
        let narrow = Narrowing { incomplete: true, ..Narrowing::default() };
        let plan = store.plan(&session, &Request { narrow, ..keep(0) });
        prop_assert_eq!(plan.incomplete_runs, listed.len() as u64);
        let mut may_go = ids(&mut listed.iter().filter(|run| protection(&store, run).is_none()));
        may_go.sort();
        prop_assert_eq!(planned(&plan), may_go);
    }
}
