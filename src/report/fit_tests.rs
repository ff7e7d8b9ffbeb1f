//! Tables at every width, with whatever rows can hold: no line is too long, a head is one line over its columns, and a
//! label tells which project a row is about.

use super::drawn_tests::{Drawn, NOW, drawn, figure, past, project, projects};
use super::table::RunTable;
use super::*;
use crate::audit;
use crate::catalog::RunFilter;
use crate::clean::{self, Plan, ProjectPlan, Request, Totals};
use crate::model::{PastRun, Project, RunState, Size, Status, Tally};
use crate::practice::{self, Flavour, Spec};
use crate::retention::{Policy, Rules};
use crate::session::{Access, Session};
use crate::stats::{self, Stats, TaskStats};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use unicode_width::UnicodeWidthStr as _;

/// A plan, its default policy and statistics of a real store, which the drawn rows are put into.
static REAL: LazyLock<(Plan, Policy, Stats)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("store");
    let (flavour, seed, runs) = (Flavour::Mixed, 3, 60);
    let spec = Spec { seed, runs, now: NOW, projects: None, tasks_per_run: None, flavour, runner_db: true };
    practice::write(&home, &spec).unwrap();
    let session = Session::open(&tests::settings(&home), Access::Read).unwrap();
    assert!(!session.catalog.runs(&RunFilter::default()).unwrap().is_empty());
    let mut plan = clean::plan(&session.catalog, &Request::default(), NOW).unwrap();
    assert!(!plan.projects.is_empty());
    plan.protected.clear();
    let request = stats::Request { projects: None, task: None, from: None, now: NOW };
    let stats = stats::gather(&session.catalog, &request).unwrap();
    (plan, Policy::resolve(&Rules::default(), None, &Rules::default()), stats)
});

fn look(width: usize, verbose: bool, ascii: bool) -> Look {
    let local = |at| chrono::DateTime::from_timestamp(at, 0).map(|t| t.naive_utc());
    Look { width: Some(width), colour: false, verbose, ascii, now: NOW, local }
}

fn lines_fit(text: &str, width: usize) -> Result<(), TestCaseError> {
    for line in text.lines() {
        prop_assert!(line.width() <= width, "{} > {width}: {line}\n{text}", line.width());
    }
    Ok(())
}

/// The table in a text whose head begins with that word: it fits, its head is one line of these words, and each of its
/// rows is labelled for its owner alone.
fn is_a_table(text: &str, words: &[&str], owners: &[&[u8]], width: usize) -> Result<Vec<String>, TestCaseError> {
    lines_fit(text, width)?;
    let mut lines = text.lines().skip_while(|line| !line.trim_start().starts_with(words[0]));
    let head = lines.next().unwrap_or_default();
    for word in head.split_whitespace() {
        prop_assert!(words.contains(&word), "{word}: {text}");
    }
    let rule = lines.next().unwrap_or_default();
    prop_assert!(rule.trim().chars().all(|c| c == '-' || c == '\u{2500}') && rule.len() > 10, "{text}");
    prop_assert!(head.width() <= rule.width(), "{text}");
    let rows: Vec<&str> = lines.filter(|line| !line.starts_with("  pinned")).take(owners.len()).collect();
    prop_assert_eq!(rows.len(), owners.len(), "{}", text);
    let mut labels: HashMap<&str, &[u8]> = HashMap::new();
    for (row, owner) in rows.iter().zip(owners) {
        prop_assert!(row.width() <= rule.width() || row.contains("  pinned"), "{row}\n{text}");
        let label = row.trim_start().split("  ").next().unwrap_or_default();
        prop_assert!(label.width() >= 1, "{text}");
        let known = labels.entry(label).or_insert(owner);
        prop_assert_eq!(known, owner, "{} is two: {}", label, text);
    }
    Ok(std::iter::once(head).chain(rows).map(str::to_owned).collect())
}

/// Whether each status stands under its head.
fn stands_under(table: &[String], statuses: &[Status]) -> Result<(), TestCaseError> {
    let column = |line: &str, word: &str| line.rfind(word).map(|at| line[..at].width());
    let status = column(&table[0], "STATUS");
    prop_assert!(status.is_some(), "{table:?}");
    for (row, word) in table[1..].iter().zip(statuses) {
        let row = row.split("  pinned").next().unwrap_or_default();
        prop_assert_eq!(column(row, word.word()), status, "{}", table.join("\n"));
    }
    Ok(())
}

fn plan_of(planned: impl Iterator<Item = ProjectPlan>) -> Plan {
    let projects: Vec<ProjectPlan> = planned.collect();
    let removes = projects.iter().map(|p| p.lets_go.count).sum();
    let removes = Totals { count: removes, size: Size::ZERO };
    Plan { projects, removes, inferred: 27, ..REAL.0.clone() }
}

proptest! {
    #![proptest_config(crate::cases::cases(96))]

    #[test]
    fn lists_of_runs_fit_every_width(
        projects in projects(),
        drawn in prop::collection::vec(drawn(), 1..40),
        width in 60_usize..=120,
        (verbose, ascii) in any::<(bool, bool)>(),
    ) {
        let (labels, look) = (Labels::of(&projects), look(width, verbose, ascii));
        let past: Vec<PastRun> = drawn.iter().map(|drawn| past(drawn, &projects)).collect();
        let owners: Vec<&[u8]> = past.iter().map(|past| past.run.project().as_bytes()).collect();
        let statuses: Vec<Status> = past.iter().map(|past| past.run.status).collect();
        let mut text = String::new();
        let mut table = RunTable::new(&look, &labels);
        past.iter().try_for_each(|past| table.push(&past.run, &mut text)).unwrap();
        table.finish(&mut text).unwrap();
        let words = ["PROJECT", "RUN", "TIMESTAMP", "TASKS", "STATUS", "SIZE"];
        stands_under(&is_a_table(&text, &words, &owners, width)?, &statuses)?;
        for of_a_task in [false, true] {
            let mut text = String::new();
            let mut table = HistoryTable::new(&look, &labels, of_a_task);
            for past in &past {
                let past = PastRun { task: past.task.clone().filter(|_| of_a_task), ..past.clone() };
                table.push(&past, &mut text).unwrap();
            }
            table.finish(&mut text).unwrap();
            let words = ["PROJECT", "RUN", "TIMESTAMP", "TASKS", "STATUS", "EXIT", "DURATION", "STATE"];
            stands_under(&is_a_table(&text, &words, &owners, width)?, &statuses)?;
        }
    }

    #[test]
    fn tables_of_projects_fit_every_width(
        mut projects in projects(),
        figures in prop::collection::vec((figure(), figure(), 0..NOW + 86_400), 24),
        largest in prop::collection::vec(drawn(), 0..10),
        width in 60_usize..=120,
        (verbose, ascii) in any::<(bool, bool)>(),
    ) {
        let (labels, look) = (Labels::of(&projects), look(width, verbose, ascii));
        for (project, (one, other, at)) in projects.iter_mut().zip(&figures) {
            (project.runs, project.oldest_run) = (one >> 24, Some(*at));
            (project.run_size, project.cache_size) = (Size { size: *one, disk: *one }, Size { size: *other, disk: *other });
        }
        let owners: Vec<&[u8]> = projects.iter().map(|project| project.dir.as_bytes()).collect();
        let usage = Usage {
            home: "/home/otto".into(),
            total: Size::ZERO,
            projects: projects.clone(),
            cache: Totals::default(),
            orphaned: Totals::default(),
            months: Vec::new(),
            largest: largest.iter().map(|drawn| past(drawn, &projects).run).collect(),
            other: Size::ZERO,
            trash: TrashFigures::default(),
            recommendations: Vec::new(),
        };
        let mut text = String::new();
        human::usage(&usage, None, &labels, &look, &mut text).unwrap();
        let mut by_size: Vec<&Project> = projects.iter().collect();
        by_size.sort_by_key(|p| (std::cmp::Reverse(p.run_size.disk + p.cache_size.disk), p.dir.clone()));
        let sorted: Vec<&[u8]> = by_size.iter().map(|project| project.dir.as_bytes()).collect();
        is_a_table(&text, &["PROJECT", "TOTAL", "RUNS", "SIZE", "OLDEST", "CACHE"], &sorted, width)?;

        let planned = |of: fn(u64) -> u64| {
            let planned = projects.iter().zip(&figures).map(move |(project, (count, size, at))| ProjectPlan {
                project: Project { runs: count >> 20, ..project.clone() },
                lets_go: Totals { count: of(*count).max(1), size: Size { size: *size, disk: *size } },
                kept_range: (at % 7 > 0).then_some((*at, at + 86_400)),
                ..REAL.0.projects[0].clone()
            });
            plan_of(planned)
        };
        let plan = planned(|count| count >> 24);
        let mut text = String::new();
        let (parts, home) = (Default::default(), std::path::Path::new("/home/otto"));
        let context =
            human::PlanContext { home, default: &REAL.1, labels: &labels, parts: &parts, explain: false };
        human::plan(&plan, &context, &Look { verbose: false, ..look }, &mut text).unwrap();
        is_a_table(&text, &["PROJECT", "GO", "SIZE", "STAY", "OLDEST", "NEWEST"], &owners, width)?;

        let mut text = String::new();
        let (configured, simulated) = (planned(|count| count >> 24), planned(|count| count >> 30));
        human::simulation(&configured, &simulated, &labels, &look, &mut text).unwrap();
        is_a_table(&text, &["PROJECT", "GO", "NOW", "SIZE", "THEN"], &owners, width)?;
    }

    #[test]
    fn tables_of_tasks_and_weeks_fit_every_width(
        projects in projects(),
        drawn in prop::collection::vec((any::<prop::sample::Index>(), select(&["test", "build:all", "e2e:chrome-and-all-that"]), 1_u64..10_000_000_000), 1..30),
        weeks in prop::collection::vec((figure(), figure(), figure()), 1..6),
        width in 60_usize..=120,
    ) {
        let (labels, look) = (Labels::of(&projects), look(width, false, false));
        let mut tasks: BTreeMap<(Vec<u8>, &str), TaskStats> = BTreeMap::new();
        for (at, name, ms) in &drawn {
            let project = at.get(&projects);
            let mut tally = Tally::default();
            tally.add(Status::Failed, (ms % 1000 + 1) as i64, Some(*ms as i64));
            let task = TaskStats {
                name: name.as_bytes().to_vec(),
                project: project.dir.clone(),
                project_name: project.name.clone(),
                tally,
                trend: REAL.2.trend.clone(),
                failure_rank: 1,
            };
            tasks.insert((project.dir.as_bytes().to_vec(), name), task);
        }
        let owners: Vec<Vec<u8>> = tasks.keys().map(|(dir, name)| [dir, name.as_bytes()].concat()).collect();
        let owners: Vec<&[u8]> = owners.iter().map(Vec::as_slice).collect();
        let stats = Stats { tasks: tasks.into_values().collect(), ..REAL.2.clone() };
        let mut text = String::new();
        human::stats(&stats, 40, &labels, &look, &mut text).unwrap();
        // Whoever is told that a task got slower is told which.
        let text: String = text.lines().filter(|line| !line.contains(" after ")).map(|line| format!("{line}\n")).collect();
        is_a_table(&text, &["TASK", "RUNS", "MEDIAN", "P95", "SPENT"], &owners, width)?;

        let week = |(at, (operations, runs, disk)): (u64, &(u64, u64, u64))| audit::Week {
            monday: chrono::NaiveDate::default() + chrono::Days::new(7 * at),
            operations: operations >> 8,
            runs: runs >> 8,
            cache: *disk,
            freed: Size { size: *disk, disk: *disk },
        };
        let weeks: Vec<audit::Week> = (0..).zip(&weeks).map(week).collect();
        let mondays: Vec<String> = weeks.iter().map(|week| week.monday.to_string()).collect();
        let owners: Vec<&[u8]> = mondays.iter().map(String::as_bytes).collect();
        let mut text = String::new();
        human::audit_summary(&audit::Totals { weeks, ..Default::default() }, &look, &mut text).unwrap();
        is_a_table(&text, &["WEEK", "OF", "OPERATIONS", "RUNS", "CACHE", "FREED"], &owners, width)?;
    }
}

#[test]
fn a_later_page_that_does_not_fit_has_a_head_of_its_own() {
    let projects = [project("storefront-web", "storefront-web-1701a0b6"), project("storefront-web", "otto-1701a0b6")];
    let labels = Labels::of(&projects);
    let run = |at: usize| {
        let drawn = Drawn {
            project: at,
            at: NOW - at as i64,
            second: false,
            status: if at < 1000 { Status::Failed } else { Status::Interrupted },
            state: RunState::Present,
            figures: (if at < 1000 { 7 } else { 9000 }, 4096, 7),
            exit_code: None,
            pinned: false,
        };
        past(&drawn, &projects).run
    };
    for (width, heads) in [(Some(60), 2), (Some(120), 2), (None, 1)] {
        let look = Look { width, ..look(60, false, false) };
        let (mut table, mut text) = (RunTable::new(&look, &labels), String::new());
        (0..1200).try_for_each(|at| table.push(&run(at), &mut text)).unwrap();
        table.finish(&mut text).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("PROJECT")).count(), heads, "{width:?}");
        assert_eq!(text.lines().count(), 1200 + 2 * heads + heads - 1, "{width:?}");
        assert!(width.is_none_or(|width| text.lines().all(|line| line.width() <= width)), "{width:?}");
        // Each row's status stands under the head above it; without a limit, a later page only grows.
        let mut section: Vec<String> = Vec::new();
        for line in text.lines().chain(["PROJECT"]).filter(|line| !line.is_empty() && !line.starts_with('\u{2500}')) {
            if line.starts_with("PROJECT") && !section.is_empty() {
                let of = |row: &String| if row.contains("failed  ") { Status::Failed } else { Status::Interrupted };
                let statuses: Vec<Status> = section[1..].iter().map(of).collect();
                width.is_some().then(|| stands_under(&section, &statuses).unwrap());
                section.clear();
            }
            section.push(line.to_owned());
        }
        let first = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
        let named: std::collections::HashSet<String> = text
            .lines()
            .filter(|line| line.contains("  failed  ") || line.contains("interrupted"))
            .map(first)
            .collect();
        assert!(named.len() >= 2 && named.iter().all(|name| name.ends_with('6')), "{named:?}");
    }
}
