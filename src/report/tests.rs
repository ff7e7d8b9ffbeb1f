//! Schemas are sound and name every key.

use super::*;

#[test]
fn every_schema_is_a_schema() {
    for (name, text) in SCHEMAS {
        let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        jsonschema::validator_for(&value).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    assert!(schema("otto.list/1").is_some() && schema("otto.nothing/1").is_none());
}

const NOW: i64 = 1_795_000_000;

/// Settings of a store, at a time of the tests.
pub(super) fn settings(home: &std::path::Path) -> crate::session::Settings<'static> {
    crate::session::Settings {
        home: home.to_owned(),
        home_is_default: false,
        never_clean: Vec::new(),
        catalog: None,
        runner_db: None,
        temporary: std::env::temp_dir(),
        processes: "/proc".into(),
        own_pid: std::process::id(),
        holder: "a test".into(),
        clock: crate::model::Clock { now: NOW, wall_ns: NOW * 1_000_000_000 },
        elapsed: &|| std::time::Duration::ZERO,
        audit_limit: crate::audit::ROTATE_AT,
        threads: 2,
        hook: crate::store::change::Hook::default(),
        progress: &crate::progress::Hidden,
        wait: &|_| false,
    }
}

/// Real values of a practice store, each as its JSON.
mod real {
    use super::*;
    use crate::catalog::{self, Departure, HistoryFilter, HistoryOf, HistoryScope, RunFilter};
    use crate::clean::{self, CacheMode, Execution, Removals, Request};
    use crate::model::{PastRun, Project, RunState, Size, Status, Tally};
    use crate::practice::{self, Flavour, Spec};
    use crate::retention::{Policy, Rules};
    use crate::session::{Access, Session, Settings};
    use crate::stats;
    use serde::Serialize;
    use std::path::Path;

    fn store(dir: &Path) -> Settings<'static> {
        let home = dir.join("store");
        let spec = Spec {
            seed: 3,
            runs: 60,
            now: NOW,
            projects: None,
            tasks_per_run: None,
            flavour: Flavour::Mixed,
            runner_db: true,
        };
        practice::write(&home, &spec).unwrap();
        settings(&home)
    }

    fn tally(ms: i64) -> Tally {
        let mut tally = Tally::default();
        tally.add(Status::Success, 7, Some(ms * 7));
        tally
    }

    /// Holds a value against its schema, and against the same with every object closed: no key is left unsaid.
    fn fits(name: &str, value: &impl Serialize) {
        let text = schema(name).unwrap();
        let closed = text.replace("\"type\": \"object\",", "\"type\": \"object\", \"additionalProperties\": false,");
        let value = serde_json::to_value(value).unwrap();
        for text in [text, &closed] {
            let validator = jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap();
            let errors: Vec<_> =
                validator.iter_errors(&value).map(|e| format!("{} at {}", e, e.instance_path)).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
        }
    }

    #[test]
    fn every_output_fits_its_schema() {
        let dir = tempfile::tempdir().unwrap();
        let settings = store(dir.path());
        let mut session = Session::open(&settings, Access::Delete).unwrap();
        let runs = session.catalog.runs(&RunFilter::default()).unwrap();
        assert_eq!(runs.len(), 60);
        let home = settings.home.clone();
        let items: Vec<_> = runs.iter().map(|run| view::RunItem::new(run, &home)).collect();
        fits("otto.list/1", &items);
        fits("otto.list/1", &Vec::<view::RunItem>::new());
        for run in &runs {
            let tasks = session.catalog.tasks(run.key).unwrap();
            let tasks = tasks.into_iter().map(|task| TaskDetails {
                stdout: None,
                stderr: Some(home.join("x")),
                script: None,
                script_exists: task.cache_entry_exists,
                earlier: task.duration_ms.map(tally).unwrap_or_default(),
                last_words: Vec::new(),
                task,
            });
            fits(
                "otto.info/1",
                &view::Info::new(
                    &RunDetails { run: run.clone(), pin: None, earlier: tally(5), tasks: tasks.collect() },
                    &home,
                ),
            );
        }
        let projects: Vec<Project> = session.catalog.projects().unwrap();
        let usage = Usage {
            home: home.clone(),
            total: Size::ZERO,
            projects,
            cache: clean::Totals::default(),
            orphaned: clean::Totals::default(),
            months: Vec::new(),
            largest: runs,
            other: Size::ZERO,
            trash: TrashFigures::default(),
            recommendations: vec![Recommendation {
                into_trash: None,
                kind: RecommendationKind::OldRuns,
                command: "otto clean".into(),
                runs: 1,
                over_budget: 0,
                thinned: 0,
                not_looked_at: 0,
                cache_entries: 0,
                frees: Size::ZERO,
            }],
        };
        fits("otto.usage/1", &view::Usage::new(&usage, NOW));
        fits("otto.index/1", &view::Index::new("/x".into(), &view::Counts::default(), &session.report.problems));
        fits("otto.error/1", &view::Failure::new("no".into(), vec!["why".into()], None, 2));

        let request =
            Request { cache: CacheMode::Collect, details: true, removals: Removals::Executable, ..Request::default() };
        let plan = clean::plan(&session.catalog, &request, NOW).unwrap();
        assert!(!plan.runs.is_empty() && !plan.kept.is_empty() && !plan.cache.delete.is_empty());
        let view = view::Clean::new(&plan, "keep 30 days", false);
        fits("otto.clean/1", &view);
        let before = plan.before;
        let execution = Execution { command: "otto clean", who: "a test", policy: "keep", interrupted: &|| false };
        let outcome = clean::execute(&mut session, &settings, plan, &execution).unwrap();
        let after = clean::standing(&session.catalog, None).unwrap();
        assert_eq!(before.size.disk - after.size.disk, outcome.freed().disk);
        fits("otto.clean/1", &view.with_result(&outcome, before, after));
    }

    #[test]
    fn reasons_and_checks_fit_their_schemas() {
        use crate::clean::why::{self, Question};
        let dir = tempfile::tempdir().unwrap();
        let settings = store(dir.path());
        let mut session = Session::open(&settings, Access::Delete).unwrap();
        let home = settings.home.clone();
        past(&mut session);
        let (config, catalog) = (crate::retention::Config::default(), &session.catalog);
        let question = Question {
            budgets: Default::default(),
            flags: Rules::default(),
            config: &config,
            grace: Request::GRACE,
            now: NOW,
            zone: crate::retention::Zone::UTC,
            parts: None,
            room: crate::retention::Room::default(),
        };
        for key in 1..=60 {
            let reasons = why::run(catalog, catalog.run(key).unwrap().unwrap(), &question).unwrap();
            for named in &reasons.entries {
                let reasons = why::entry(catalog, named.name.clone(), &question).unwrap();
                fits("otto.why/1", &view::Why::of_entry(&reasons, &home, NOW));
            }
            fits(
                "otto.why/1",
                &view::Why::of_run(&reasons, &catalog.tasks(key).unwrap(), "otto trash restore", &home, NOW),
            );
        }
        drop(session);
        let report = crate::check::check(&settings).unwrap();
        assert!(!report.findings.list().is_empty(), "two rows say of runs that they are gone");
        fits("otto.check/1", &view::Check::new(&report, None, NOW));
        let execution = Execution { command: "otto check", who: "a test", policy: "", interrupted: &|| false };
        let fixed = crate::check::fix(&settings, &report, &execution).unwrap();
        fits("otto.check/1", &view::Check::new(&report, Some((&fixed, &report)), NOW));
    }

    /// Every run of a store, two of which are gone.
    fn past(session: &mut Session) -> Vec<PastRun> {
        let mut tx = session.catalog.begin().unwrap();
        for (key, state) in [(1, RunState::Removed), (2, RunState::Vanished)] {
            tx.leave(key, state, &Departure { at: NOW, operation: None, reasons: None, keep_until: None }).unwrap();
        }
        tx.commit().unwrap();
        let mut past = Vec::new();
        for of in [HistoryOf::Runs, HistoryOf::Task(session.catalog.task_key(b"test").unwrap().unwrap())] {
            let scope = HistoryScope { of, ..HistoryScope::default() };
            let filter = HistoryFilter { scope, ..HistoryFilter::default() };
            session
                .catalog
                .each_past_run::<catalog::Error>(&filter, |run| {
                    past.push(run);
                    Ok(())
                })
                .unwrap();
        }
        past
    }

    /// Statistics of all runs, of a task, and of a time without any.
    fn statistics(session: &Session) -> Vec<stats::Stats> {
        let task = session.catalog.task_key(b"test").unwrap().map(|key| (key, b"test".to_vec()));
        let asked = [(None, None), (task, None), (None, Some(NOW - 864_000)), (None, Some(NOW + 1))];
        let requests = asked.map(|(task, from)| stats::Request { projects: None, task, from, now: NOW });
        requests.iter().map(|request| stats::gather(&session.catalog, request).unwrap()).collect()
    }

    #[test]
    fn history_and_statistics_fit_their_schemas() {
        let dir = tempfile::tempdir().unwrap();
        let settings = store(dir.path());
        let mut session = Session::open(&settings, Access::Read).unwrap();
        let past = past(&mut session);
        assert!(past.len() > 70 && past.iter().any(|p| p.task.is_some()), "{}", past.len());
        let items: Vec<_> = past.iter().map(|past| view::HistoryItem::new(past, &settings.home)).collect();
        let mut value = serde_json::to_value(view::HistoryHead::new(Some(b"te\xffst"))).unwrap();
        value["runs"] = serde_json::to_value(&items).unwrap();
        fits("otto.history/1", &value);
        let gone = value["runs"].as_array().unwrap().iter().filter(|run| run["path"].is_null());
        assert!(gone.clone().count() >= 2 && gone.into_iter().all(|run| run["left_at"].is_string()));
        for stats in statistics(&session) {
            fits("otto.stats/1", &view::Stats::new(&stats));
        }
        for pair in past.windows(2).take(40) {
            let (left, right) = (pair[0].run.clone(), pair[1].run.clone());
            let root = session.root.as_ref();
            let comparison = crate::compare::compare(root, &session.catalog, left, right).unwrap();
            fits("otto.compare/1", &view::Compare::new(&comparison, &settings.home));
        }
    }

    #[test]
    fn history_and_statistics_fit_every_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let mut session = Session::open(&store(dir.path()), Access::Read).unwrap();
        let (past, statistics) = (past(&mut session), statistics(&session));
        let labels = Labels::of(&session.catalog.known_projects().unwrap());
        let local = |at| chrono::DateTime::from_timestamp(at, 0).map(|t| t.naive_utc());
        for (width, ascii) in [(60, true), (60, false), (76, false), (132, false)] {
            let look = Look { width: Some(width), colour: false, verbose: false, ascii, now: NOW, local };
            let mut text = String::new();
            for of_a_task in [false, true] {
                let mut table = HistoryTable::new(&look, &labels, of_a_task);
                for past in past.iter().filter(|past| past.task.is_some() == of_a_task) {
                    table.push(past, &mut text).unwrap();
                }
                table.finish(&mut text).unwrap();
            }
            assert!(text.contains("removed") && text.contains("vanished"));
            statistics.iter().for_each(|stats| human::stats(stats, 10, &labels, &look, &mut text).unwrap());
            // An id cannot be made shorter, and whoever is told that a task got slower is told which.
            let lines = text.lines().filter(|line| !line.contains('/') && !line.contains(" after "));
            for line in lines {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                assert!(columns <= width, "{columns} > {width}: {line}");
            }
        }
    }

    #[test]
    fn tables_and_plans_fit_every_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let settings = store(dir.path());
        let session = Session::open(&settings, Access::Read).unwrap();
        let runs = session.catalog.runs(&RunFilter::default()).unwrap();
        let default = Policy::resolve(&Rules::default(), None, &Rules::default());
        let plan = clean::plan(&session.catalog, &Request::default(), NOW).unwrap();
        let labels = Labels::of(&session.catalog.known_projects().unwrap());
        let local = |at| chrono::DateTime::from_timestamp(at, 0).map(|t| t.naive_utc());
        for width in [60, 72, 80, 132] {
            let look = Look { width: Some(width), colour: false, verbose: false, ascii: false, now: NOW, local };
            let mut text = String::new();
            let mut table = table::RunTable::new(&look, &labels);
            for run in &runs {
                table.push(run, &mut text).unwrap();
            }
            table.finish(&mut text).unwrap();
            assert_eq!(text.lines().count(), runs.len() + 2);
            let home = &settings.home;
            let (default, labels, parts) = (&default, &labels, &Default::default());
            let context = human::PlanContext { home, default, labels, parts, explain: true };
            let from = text.len();
            human::plan(&plan, &context, &look, &mut text).unwrap();
            // Only the tables of a plan are made to fit; sentences and paths wrap as they please.
            let lines = text[..from].lines().chain(text[from..].lines().filter(|line| line.ends_with(" ago")));
            for line in lines {
                let columns = unicode_width::UnicodeWidthStr::width(line);
                assert!(columns <= width, "{columns} > {width}: {line}");
            }
        }
    }
}
