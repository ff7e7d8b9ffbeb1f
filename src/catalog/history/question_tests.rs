//! Answers from the sums are those that the rows give one by one.

use super::super::{Catalog, Departure};
use super::tests::{NOW, project, run, task};
use super::{Counted, HistoryFilter, HistoryOf, HistoryScope};
use crate::model::{RunState, Status, Statuses, Tally};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

/// What a test knows of a run.
#[derive(Clone, Debug)]
struct Known {
    project: usize,
    began: i64,
    status: Status,
    ms: Option<i64>,
    tasks: Vec<(u8, Status, Option<i64>)>,
    state: RunState,
}

const STATES: [RunState; 4] = [RunState::Present, RunState::Trashed, RunState::Removed, RunState::Vanished];

fn outcome() -> impl Strategy<Value = (Status, Option<i64>)> {
    (prop::sample::select(Status::ALL), prop::option::of(0_i64..90_000))
}

fn known() -> impl Strategy<Value = Vec<Known>> {
    let tasks = prop::collection::vec((0_u8..4, outcome()), 0..4);
    // Within a few days, so that instants fall into the same day; a few long before.
    let began = prop_oneof![4 => NOW - 300_000..NOW, 1 => NOW - 20_000_000..NOW];
    prop::collection::vec((0_usize..3, began, outcome(), tasks, prop::sample::select(STATES.to_vec())), 0..30).prop_map(
        |runs| {
            let mut seen = HashSet::new();
            let runs = runs.into_iter().filter(|(project, began, ..)| seen.insert((*project, *began)));
            let known = runs.map(|(project, began, (status, ms), tasks, state)| {
                let mut names = HashSet::new();
                let tasks = tasks.into_iter().filter(|(name, _)| names.insert(*name));
                let tasks = tasks.map(|(name, (status, ms))| (name, status, ms)).collect();
                Known { project, began, status, ms, tasks, state }
            });
            known.collect()
        },
    )
}

fn name(task: u8) -> String {
    format!("task{task}")
}

fn written(runs: &[Known]) -> (Catalog, Vec<i64>) {
    let mut catalog = Catalog::in_memory("test").unwrap();
    let mut tx = catalog.begin().unwrap();
    let projects: Vec<i64> = (0..3).map(|n| project(&mut tx, &format!("p{n}-0000000{n}"))).collect();
    for known in runs {
        let tasks = known.tasks.iter().map(|(name, status, ms)| task(&self::name(*name), *status, *ms)).collect();
        let record = run(projects[known.project], known.began, known.status, known.ms, tasks);
        let dir = record.dir.clone();
        tx.put_run(&record).unwrap();
        if known.state != RunState::Present {
            let key = tx.run_key(projects[known.project], &dir).unwrap().unwrap();
            let departure = Departure { at: NOW, operation: None, reasons: None, keep_until: None };
            tx.leave(key, known.state, &departure).unwrap();
        }
    }
    tx.commit().unwrap();
    (catalog.finish().unwrap().unwrap(), projects)
}

/// The same by going through all runs.
fn counted_one_by_one(
    runs: &[Known],
    keys: &HashMap<u8, i64>,
    projects: &[i64],
    scope: &HistoryScope,
) -> HashMap<Counted, Tally> {
    let mut tallies: HashMap<Counted, Tally> = HashMap::new();
    for known in runs {
        let project = projects[known.project];
        let in_time =
            scope.from.is_none_or(|from| known.began >= from) && scope.before.is_none_or(|before| known.began < before);
        if !in_time || scope.projects.as_ref().is_some_and(|wanted| !wanted.contains(&project)) {
            continue;
        }
        if !matches!(scope.of, HistoryOf::Task(_)) {
            tallies.entry(Counted { project, task: None }).or_default().add(known.status, 1, known.ms);
        }
        for (task, status, ms) in &known.tasks {
            let key = keys[task];
            let asked = match &scope.of {
                HistoryOf::Everything => true,
                HistoryOf::Runs => false,
                HistoryOf::Task(wanted) => *wanted == key,
                HistoryOf::RunsAnd(wanted) => wanted.contains(&key),
            };
            if asked {
                tallies.entry(Counted { project, task: Some(key) }).or_default().add(*status, 1, *ms);
            }
        }
    }
    tallies
}

proptest! {
    #![proptest_config(crate::cases::cases(256))]

    #[test]
    fn tallies_of_any_stretch_are_those_of_the_rows(
        runs in known(), from in prop::option::of(NOW - 320_000..NOW + 9), before in prop::option::of(NOW - 320_000..NOW + 9),
        of in 0_u8..4, among in 0_usize..5,
    ) {
        let (catalog, projects) = written(&runs);
        let keys: HashMap<u8, i64> =
            (0..4).filter_map(|n| Some((n, catalog.task_key(name(n).as_bytes()).unwrap()?))).collect();
        let some = keys.values().copied().min().unwrap_or(77);
        let scope = HistoryScope {
            projects: match among {
                0..3 => Some(HashSet::from([projects[among]])),
                3 => Some(projects[1..].iter().copied().collect()),
                _ => None,
            },
            of: match of {
                0 => HistoryOf::Everything,
                1 => HistoryOf::Runs,
                2 => HistoryOf::Task(some),
                _ => HistoryOf::RunsAnd(vec![some]),
            },
            from,
            before,
        };
        let expected = counted_one_by_one(&runs, &keys, &projects, &scope);
        prop_assert_eq!(catalog.tallies(&scope).unwrap(), expected);
    }

    #[test]
    fn a_listing_holds_the_runs_of_every_state_from_the_end_that_was_asked_for(
        runs in known(), from in prop::option::of(NOW - 320_000..NOW), task in prop::option::of(0_u8..4),
        status in prop::collection::vec(prop::sample::select(Status::ALL), 0..3), limit in prop::option::of(0_u64..9), among in 0_usize..5,
        oldest_first in any::<bool>(),
    ) {
        let (catalog, projects) = written(&runs);
        let key = task.map(|task| catalog.task_key(name(task).as_bytes()).unwrap().unwrap_or(77));
        let wanted: Option<HashSet<i64>> = match among {
            0..3 => Some(HashSet::from([projects[among]])),
            3 => Some(projects[1..].iter().copied().collect()),
            _ => None,
        };
        let of = key.map_or(HistoryOf::Runs, HistoryOf::Task);
        let scope = HistoryScope { projects: wanted.clone(), of, from, before: None };
        let mut listed = Vec::new();
        catalog.each_past_run::<super::super::Error>(&HistoryFilter { scope, statuses: Statuses::any_of(&status), oldest_first, limit }, |past| {
            let task = past.task.as_ref().map(|task| (task.name.clone(), task.status));
            listed.push((-past.run.timestamp(), past.run.project_key, past.run.state, past.left_at.is_some(), task));
            Ok(())
        }).unwrap();
        let mut expected: Vec<_> = runs.iter().filter_map(|known| {
            let project = projects[known.project];
            let of_task = known.tasks.iter().find(|(name, ..)| Some(*name) == task);
            let came_out = if task.is_some() { of_task?.1 } else { known.status };
            let fits = from.is_none_or(|from| known.began >= from)
                && (status.is_empty() || status.contains(&came_out))
                && wanted.as_ref().is_none_or(|wanted| wanted.contains(&project));
            let shown = of_task.map(|(task, status, _)| (name(*task).into_bytes(), *status));
            fits.then_some((-known.began, project, known.state, known.state != RunState::Present, shown))
        }).collect();
        expected.sort_by_key(|(time, project, ..)| (*time, *project));
        if oldest_first {
            expected.reverse();
        }
        expected.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
        prop_assert_eq!(listed, expected);
    }

    #[test]
    fn slots_hold_the_days_that_they_say(runs in known(), days in 1_i64..9, slots in 1_usize..12) {
        let (catalog, _) = written(&runs);
        let scope = HistoryScope { of: HistoryOf::Runs, ..HistoryScope::default() };
        let line = catalog.timeline(&scope, NOW, days, slots).unwrap();
        let today = NOW.div_euclid(86_400);
        for (at, tally) in line.iter().enumerate() {
            let first = today - (slots - at) as i64 * days + 1;
            let of = |known: &&Known| (first..first + days).contains(&known.began.div_euclid(86_400));
            prop_assert_eq!(tally.total(), runs.iter().filter(of).count() as u64);
        }
    }

    #[test]
    fn the_last_day_is_the_last_on_which_it_came_out_so(runs in known(), status in prop::option::of(prop::sample::select(Status::ALL))) {
        let (catalog, _) = written(&runs);
        let scope = HistoryScope { of: HistoryOf::Runs, ..HistoryScope::default() };
        let so = runs.iter().filter(|known| status.is_none_or(|status| known.status == status));
        let last = so.map(|known| known.began.div_euclid(86_400) * 86_400).max();
        prop_assert_eq!(catalog.last_day(&scope, status).unwrap(), last);
        let first = runs.iter().map(|known| known.began.div_euclid(86_400) * 86_400).min();
        prop_assert_eq!(catalog.first_day(&scope).unwrap(), first);
    }

    #[test]
    fn before_a_run_is_what_began_earlier_in_its_project(runs in known()) {
        let (catalog, projects) = written(&runs);
        for known in runs.iter().filter(|known| known.state == RunState::Present) {
            let run = catalog.run_named(projects[known.project], &known.began.to_string()).unwrap().unwrap();
            let before = catalog.before_run(&run).unwrap();
            let earlier = runs.iter().filter(|other| other.project == known.project && other.began < known.began);
            let mut expected: HashMap<Option<Vec<u8>>, Tally> = HashMap::new();
            for other in earlier {
                expected.entry(None).or_default().add(other.status, 1, other.ms);
                for (task, status, ms) in &other.tasks {
                    if known.tasks.iter().any(|(name, ..)| name == task) {
                        let name = name(*task).into_bytes();
                        expected.entry(Some(name)).or_default().add(*status, 1, *ms);
                    }
                }
            }
            prop_assert_eq!(before, expected);
        }
    }
}
