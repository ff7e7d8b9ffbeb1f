//! The plan of every statement that an answer needs: none goes through all runs, tasks or references.
//!
//! The statements are caught as they run: what a question asks is held to this whatever becomes of it, a new question has
//! to be asked here.

use super::{Catalog, HistoryFilter, HistoryOf, HistoryScope, RunFilter, RunOrder, SortBy};
use crate::index::{self, Options};
use crate::model::{Class, Clock, RunState, Statuses};
use crate::practice::{Flavour, Spec, write};
use crate::progress::Hidden;
use crate::store::root::StoreRoot;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

const NOW: i64 = 1_795_000_000;

fn catalog_of_a_practice_store(directory: &Path) -> Catalog {
    let home = directory.join("store");
    let spec = Spec {
        seed: 1,
        runs: 60,
        now: NOW,
        projects: None,
        tasks_per_run: None,
        flavour: Flavour::Mixed,
        runner_db: true,
    };
    write(&home, &spec).unwrap();
    let root = StoreRoot::open(&home).unwrap();
    let mut catalog = Catalog::in_memory("test").unwrap();
    let (runner_db, scratch, processes) = (home.join("otto.db"), directory.join("scratch"), directory.join("no-proc"));
    let options = Options {
        runner_db: &runner_db,
        scratch: &scratch,
        processes: &processes,
        own_pid: 0,
        clock: Clock { now: NOW, wall_ns: NOW * 1_000_000_000 },
        full: true,
        threads: 2,
        progress: &Hidden,
        trash: None,
    };
    index::refresh(&root, &mut catalog, &options).unwrap();
    catalog.finish().unwrap().unwrap()
}

/// Runs `ask` and gives each statement that ran with the lines of its plan.
fn plans(catalog: &mut Catalog, ask: impl FnOnce(&Catalog)) -> Vec<(String, Vec<String>)> {
    let caught = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&caught);
    let catch = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            into.lock().unwrap().push(sql.to_owned());
        }
    };
    catalog.connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(catch)).unwrap();
    ask(catalog);
    catalog.connection.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    let caught = std::mem::take(&mut *caught.lock().unwrap());
    assert!(!caught.is_empty(), "no statement was caught");
    caught
        .into_iter()
        .filter(|sql| !sql.starts_with("--"))
        .map(|sql| {
            let mut statement = catalog.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let unbound = vec![rusqlite::types::Null; statement.parameter_count()];
            let parameters = rusqlite::params_from_iter(unbound);
            let lines = statement.query_map(parameters, |row| row.get("detail")).unwrap();
            let lines = lines.collect::<rusqlite::Result<Vec<String>>>().unwrap();
            (sql, lines)
        })
        .collect()
}

/// Whether a step of a plan reads all rows of a table that grows with the store. Going along an index in order, up to a
/// limit, reads as many rows as are wanted; a partial index holds only what it is for.
fn goes_through_everything(sql: &str, step: &str) -> bool {
    const OF_FEW_ROWS: [&str; 2] = ["INDEX runs_unsettled", "INDEX entries_orphaned"];
    let in_order = step.contains(" USING ") && sql.contains("LIMIT");
    if in_order || OF_FEW_ROWS.iter().any(|index| step.contains(index)) {
        return false;
    }

    let Some(table) = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()) else { return false };
    matches!(table, "r" | "runs" | "t" | "tasks" | "f" | "refs" | "e" | "cache_entries" | "n" | "names")
}

#[test]
fn no_answer_goes_through_all_runs_tasks_or_references() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    let project = catalog.projects().unwrap().into_iter().max_by_key(|p| p.runs).unwrap().id;
    let run = catalog.nth_newest(None, 0).unwrap().unwrap().key;
    let asked = plans(&mut catalog, |catalog| {
        // list
        catalog.runs(&RunFilter { limit: Some(20), ..RunFilter::default() }).unwrap();
        catalog.runs(&RunFilter { limit: Some(20), project: Some(project), ..RunFilter::default() }).unwrap();
        let tags = vec!["a".to_owned(), "b".to_owned()];
        catalog.runs(&RunFilter { tags, ..RunFilter::default() }).unwrap();
        catalog.runs(&RunFilter { pinned: true, ..RunFilter::default() }).unwrap();
        for order in [RunOrder { by: SortBy::Size, reverse: false }, RunOrder { by: SortBy::Time, reverse: true }] {
            catalog.runs(&RunFilter { order, limit: Some(20), ..RunFilter::default() }).unwrap();
        }
        catalog.nth_newest_gone(RunState::Removed, None, 3).unwrap();
        catalog.gone_between(RunState::Trashed, None, 0..=NOW, 10).unwrap();
        catalog.open_operations().unwrap();
        catalog.runs_of_operation("x").unwrap();
        catalog.entries_of_operation("x").unwrap();
        // info and its selectors
        catalog.runs_between(None, NOW - 1000..=NOW, 3).unwrap();
        catalog.nth_newest(Some(project), 1).unwrap();
        catalog.run_named(project, "1").unwrap();
        catalog.run(run).unwrap();
        catalog.tasks(run).unwrap();
        catalog.before_run(&catalog.run(run).unwrap().unwrap()).unwrap();
        catalog.pin(run).unwrap();
        // usage
        catalog.projects().unwrap();
        catalog.largest_runs(None, 10).unwrap();
        catalog.unnamed_entries(project).unwrap();
        catalog.others(None).unwrap();
        catalog.others(Some(project)).unwrap();
        catalog.counted_again(None).unwrap();
        catalog.counted_again(Some(project)).unwrap();
        catalog.rest(None).unwrap();
        // refresh
        catalog.store_state().unwrap();
        catalog.project_states().unwrap();
        catalog.others_at_root().unwrap();
        catalog.unsettled().unwrap();
        catalog.run_with_evidence(project, "1").unwrap();
        catalog.has_run(project, "1").unwrap();
        catalog.run_names(project).unwrap();
        // clean
        catalog.nth_newest_bound(project, NOW, 10).unwrap();
        catalog.candidates_below(project, Class::Ok, NOW, &mut |_| {}).unwrap();
        catalog.sum_below(project, Class::Ok, NOW, (NOW - 1, 0, 1)).unwrap();
        catalog.sum_from(project, Class::Ok, NOW, (NOW - 1, 0, 1)).unwrap();
        catalog.candidates_among(project, Class::Failed, NOW, (Statuses::ALL, true), &mut |_| {}).unwrap();
        catalog.range_without(project, &|_| false).unwrap();
        catalog.exceptional_runs(project).unwrap();
        catalog.range_from(project, Class::Ok, 0).unwrap();
        catalog.incomplete_runs(project).unwrap();
        catalog.entries_named_up_to(project, [NOW; 5]).unwrap();
        catalog.named(project, b"").unwrap();
        catalog.each_reader(1, &mut |_| true).unwrap();
        catalog.references_of(run, &mut |_| {}).unwrap();
        catalog.fingerprint(run).unwrap();
        catalog.cache_entry(1).unwrap();
        catalog.readers_of(1).unwrap();
        catalog.names_of(run).unwrap();
        catalog.dangling(project).unwrap();
        catalog.shared_files().unwrap();
        let dir = catalog.run(run).unwrap().unwrap().id.project;
        catalog.run_decision(&dir, "1").unwrap();
        catalog.entry_decision("x", &dir, b"1").unwrap();
        catalog.thinning_decision("x", &dir, "1").unwrap();
        catalog.thinnings_of_operation("x").unwrap();
        // why
        catalog.known_projects().unwrap();
        catalog.departed(run).unwrap();
        catalog.newer_runs(project, (NOW - 1000, 0, run), NOW, 10).unwrap();
        for name in catalog.named_by(run).unwrap() {
            let entry = &name.entry;
            catalog.cache_name(entry.project_key, &entry.path).unwrap();
            catalog.entries_below(entry.project_key, b"build").unwrap();
            catalog.newest_references(entry.key).unwrap();
            catalog.newest_reader(entry.key).unwrap();
            catalog.some_readers(entry.key, 3).unwrap();
            catalog.names_entry(run, entry.key).unwrap();
        }
    });
    for (sql, steps) in asked {
        for step in steps {
            assert!(!goes_through_everything(&sql, &step), "{step}\nin: {sql}");
        }
    }
}

/// The steps of what a listing of history asks.
fn listing(catalog: &mut Catalog, filter: &HistoryFilter) -> Vec<(String, Vec<String>)> {
    plans(catalog, |catalog| {
        catalog.each_past_run::<super::Error>(filter, |_| Ok(())).unwrap();
    })
}

#[test]
fn history_merges_runs_in_place_and_gone_in_the_order_of_their_indexes() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    let project = catalog.projects().unwrap().into_iter().max_by_key(|p| p.runs).unwrap().id;
    let task = catalog.task_key(b"test").unwrap().unwrap();
    for projects in [None, Some(HashSet::from([project]))] {
        for (of, oldest_first) in
            [HistoryOf::Runs, HistoryOf::Task(task)].into_iter().flat_map(|of| [(of.clone(), false), (of, true)])
        {
            let scope = HistoryScope { projects: projects.clone(), of, ..HistoryScope::default() };
            let filter = HistoryFilter { scope, oldest_first, limit: Some(3), ..HistoryFilter::default() };
            let asked = listing(&mut catalog, &filter);
            for (sql, steps) in asked.iter().filter(|(sql, _)| sql.contains("UNION ALL")) {
                assert!(steps.iter().any(|s| s == "MERGE (UNION ALL)"), "{steps:#?}\nin: {sql}");
                // The tags of each run are put in order, the runs are not.
                let sorts = steps.iter().filter(|s| s.contains("TEMP B-TREE") && !s.contains("group_concat"));
                assert_eq!(sorts.count(), 0, "{steps:#?}\nin: {sql}");
            }
        }
    }
}

#[test]
fn sums_are_read_by_key_and_rows_of_a_day_by_index() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    let project = catalog.projects().unwrap().into_iter().max_by_key(|p| p.runs).unwrap().id;
    let task = catalog.task_key(b"test").unwrap().unwrap();
    let asked = plans(&mut catalog, |catalog| {
        for projects in [None, Some(HashSet::from([project]))] {
            for of in [HistoryOf::Everything, HistoryOf::Runs, HistoryOf::Task(task)] {
                for from in [None, Some(NOW - 1_000_000)] {
                    let scope = HistoryScope { projects: projects.clone(), of: of.clone(), from, before: Some(NOW) };
                    catalog.tallies(&scope).unwrap();
                    catalog.timeline(&scope, NOW, 7, 20).unwrap();
                    catalog.last_day(&scope, None).unwrap();
                }
            }
        }
    });
    for (sql, steps) in asked {
        for step in steps {
            // The least and the greatest span are at the ends of the table.
            let at_an_end = sql.contains("min(span)") || sql.contains("max(span)");
            assert!(!step.starts_with("SCAN") || at_an_end || step.contains("SUBQUERY"), "{step}\nin: {sql}");
        }
    }
}

#[test]
fn the_ends_of_what_stays_come_from_an_index_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    for (sql, steps) in plans(&mut catalog, |catalog| {
        let _ = catalog.range_without(1, &|_| false).unwrap();
    }) {
        assert!(steps.iter().all(|step| step.contains("USING COVERING INDEX")), "{steps:?}\nin: {sql}");
    }
}

#[test]
fn the_newest_the_oldest_and_the_largest_come_in_the_order_of_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    for (by, reverse) in [(SortBy::Time, false), (SortBy::Time, true), (SortBy::Size, false), (SortBy::Size, true)] {
        let filter = RunFilter { order: RunOrder { by, reverse }, limit: Some(3), ..RunFilter::default() };
        let asked = plans(&mut catalog, |catalog| {
            catalog.runs(&filter).unwrap();
        });
        let steps = &asked[0].1;
        let sorts = steps.iter().filter(|s| s.contains("TEMP B-TREE") && !s.contains("group_concat"));
        assert_eq!(sorts.count(), 0, "{by:?} {reverse}: {steps:#?}");
    }
}

#[test]
fn what_a_clean_selects_comes_from_one_index() {
    let directory = tempfile::tempdir().unwrap();
    let mut catalog = catalog_of_a_practice_store(directory.path());
    let asked = plans(&mut catalog, |catalog| catalog.candidates_below(1, Class::Ok, NOW, &mut |_| {}).unwrap());
    let steps = &asked[0].1;
    assert!(steps.iter().any(|s| s.contains("USING COVERING INDEX runs_by_age")), "{steps:?}");
    assert!(!steps.iter().any(|s| s.contains("TEMP B-TREE")), "{steps:?}");
}
