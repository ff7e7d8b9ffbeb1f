//! Parts that are dropped of runs that stay: what goes and what never, what the row says after, every stop on the way.

use super::*;
use crate::support::digest::{assert_same, digest};
use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::trash::kept;
use crate::support::tree::Snapshot;
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::trash::Restored;
use otto_catalog::clean::{self, Outcome, Plan};
use otto_catalog::model::{Dropped, Run, Status};
use otto_catalog::practice::WalState;
use otto_catalog::session::{Access, Error};
use otto_catalog::store::change::{Act, Hook};
use otto_catalog::store::parts::Part;
use rustix::io::Errno;
use std::fs;

/// Runs of every era that has task directories, old and young, good and bad.
fn eras(store: &Store) {
    let mut builder = store.builder();
    for (n, era) in [Era::B, Era::C, Era::D, Era::E, Era::H, Era::J, Era::L].into_iter().enumerate() {
        for days in [90, 2] {
            let run = RunSpec::new(era, format!("/home/dev/p{n}"), store.days_ago(days) + n as i64);
            let good = TaskSpec::ok("good").stdout("hello\n").artifact("out/report.txt", "text");
            let bad = TaskSpec::failed("bad", 3).stderr("no such file\n").artifact("core", "dump");
            builder.run(run.task(good).task(bad)).unwrap();
            let quiet = RunSpec::new(era, format!("/home/dev/p{n}"), store.days_ago(days + 1) + n as i64);
            builder.run(quiet.task(TaskSpec::ok("good").stdout("x"))).unwrap();
        }
    }
    builder.runner_db(5, WalState::Clean).unwrap();
}

/// One run with all kinds of files, and a young one.
pub(super) fn one() -> (Store, String) {
    let store = Store::in_memory();
    let task = TaskSpec::failed("bad", 3).stderr("oh\n").artifact("out/a.txt", "aa").artifact("out/b/c.txt", "c");
    let old =
        store.write(RunSpec::new(Era::D, "/a/web", store.days_ago(90)).task(task.clone()).task(TaskSpec::ok("good")));
    fs::write(old.join("tasks/good/half.tmp"), "half").unwrap();
    store.write(RunSpec::new(Era::D, "/a/web", store.days_ago(2)).task(task));
    for path in ["tasks/good/half.tmp", "tasks/bad/out/a.txt"] {
        touch(&old.join(path), store.days_ago(90));
    }
    (store, id_of(&old))
}

pub(super) fn only(store: &Store, parts: &[Part], request: &Request) -> Result<(Plan, Outcome), Error> {
    let settings = store.settings();
    let mut session = store.try_open(Access::Delete)?;
    clean::recover(&mut session, &settings, &execution())?;
    let request =
        Request { flags: request.flags.clone(), trash: request.trash, only: parts.to_vec(), ..Request::default() };
    let plan = clean::plan(&session.catalog, &request, store.now()).unwrap();
    let plan = clean::with_parts(&session, &settings, plan, &request)?;
    let outcome = clean::execute(&mut session, &settings, plan.clone(), &execution())?;
    Ok((plan, outcome))
}

pub(super) fn runs(store: &Store) -> Vec<Run> {
    store.look().catalog.runs(&RunFilter::default()).unwrap()
}

/// What is told of runs that no loss of parts may change.
pub(super) fn told(store: &Store) -> Vec<String> {
    let session = store.look();
    let runs = session.catalog.runs(&RunFilter::default()).unwrap();
    runs.iter()
        .map(|run| {
            let tasks = session.catalog.tasks(run.key).unwrap();
            let tasks = tasks.iter().map(|t| (&t.name, t.status, t.status_source, t.exit_code, t.duration_ms));
            let tasks: Vec<_> = tasks.collect();
            format!("{} {} {} {:?} {:?} {tasks:?}", run.id, run.status, run.status_source, run.duration_ms, run.missing)
        })
        .collect()
}

fn rebuild(store: &Store) {
    for name in names_in(&store.root.join(".catalog")).iter().filter(|name| name.starts_with("catalog.db")) {
        fs::remove_file(store.root.join(".catalog").join(name)).unwrap();
    }
}

#[test]
fn a_thinned_run_of_any_era_says_what_it_said_before_also_when_it_is_read_anew() {
    let store = Store::new();
    eras(&store);
    let before = told(&store);
    let stderr_alone = runs(&store).iter().filter(|run| run.status_source.word() == "stderr").count();
    assert!(stderr_alone > 0, "no run rests on its logs alone");
    let (plan, outcome) = only(&store, &[Part::Logs, Part::Artifacts], &keep(30)).unwrap();
    assert_eq!((outcome.failed.as_slice(), outcome.skipped.as_slice()), ([].as_slice(), [].as_slice()));
    assert_eq!(outcome.thinned.len(), plan.thin.len());
    assert_eq!(plan.thin.len(), 14);
    assert_eq!(outcome.freed_runs, plan.frees, "what was planned is what is freed");
    assert_eq!(told(&store), before);
    store.open(Access::Read);
    let full = || {
        let mut session = store.open(Access::Delete);
        session.refresh(&store.settings(), true).unwrap();
    };
    full();
    assert_eq!(told(&store), before, "all walked again");
    let thinned = |store: &Store| runs(store).iter().filter(|run| !run.thinned.is_empty()).count();
    assert_eq!(thinned(&store), 14);
    let kept = digest(&store.look().catalog);
    rebuild(&store);
    assert_eq!(told(&store), before, "from nothing but the tree and the log");
    assert_eq!(thinned(&store), 14);
    assert_same(&kept, &digest(&store.look().catalog), "the catalog");
    assert!(only(&store, &[Part::Logs, Part::Artifacts], &keep(30)).unwrap().0.is_empty(), "thinned twice");
    assert!(runs(&store).iter().filter(|run| !run.thinned.is_empty()).all(|run| !run.is_incomplete()));
}

#[test]
fn nothing_but_the_part_that_was_named_goes() {
    for (part, gone) in [
        (Part::Logs, vec!["bad/stderr.log", "bad/stdout.log", "good/stderr.log", "good/stdout.log"]),
        (Part::Artifacts, vec!["bad/out", "bad/out/a.txt", "bad/out/b", "bad/out/b/c.txt", "good/half.tmp"]),
        (Part::Temp, vec!["good/half.tmp"]),
    ] {
        let (store, id) = one();
        store.look();
        let before = Snapshot::of(&store.root);
        let (plan, _) = only(&store, &[part], &keep(30)).unwrap();
        let lost: Vec<String> = before.difference(&Snapshot::of(&store.root));
        let expected: Vec<String> = gone.iter().map(|path| format!("- {id}/tasks/{path}")).collect();
        let lost: Vec<String> = lost.into_iter().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(lost, expected, "{part:?}");
        assert_eq!(plan.thin.len(), 1);
        let run = runs(&store).pop().unwrap();
        let bits = if part == Part::Temp { Dropped::default() } else { part.dropped() };
        assert_eq!((run.id.to_string(), run.thinned, run.status), (id, bits, Status::Failed));
        assert!(run.missing.is_empty(), "{part:?}: {}", run.missing);
        assert_eq!(run.size, crate::support::tree::du_with_self(&store.root.join(run.id.to_string())), "{part:?}");
        assert_eq!(store.trash(), Vec::<String>::new());
    }
}

#[test]
fn a_run_that_is_pinned_or_changed_keeps_its_parts() {
    let (store, id) = one();
    store.look();
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let request = Request { only: vec![Part::Logs], ..keep(30) };
    let plan = clean::plan(&session.catalog, &request, store.now()).unwrap();
    let plan = clean::with_parts(&session, &settings, plan, &request).unwrap();
    let log = store.root.join(&id).join("tasks/bad/stdout.log");
    fs::write(&log, "more").unwrap();
    touch(&log, store.days_ago(90));
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert_eq!((outcome.thinned.len(), outcome.skipped.len()), (0, 1), "{outcome:?}");
    assert!(log.exists());
    drop(session);
    store.pin(&id);
    let (plan, _) = only(&store, &[Part::Logs], &keep(30)).unwrap();
    assert!(plan.thin.is_empty() && plan.protected.len() == 1);
}

#[test]
fn what_was_dropped_into_the_trash_comes_back() {
    let (store, id) = one();
    store.look();
    let (before, said) = (Snapshot::of(&store.root), digest(&store.look().catalog));
    let (_, outcome) = only(&store, &[Part::Logs, Part::Artifacts], &kept(keep(30))).unwrap();
    assert_eq!((outcome.thinned.len(), outcome.freed().disk), (1, 0));
    assert_eq!(store.kept(), [format!("parts of {id}")]);
    let restored = store.undo();
    assert_eq!((restored.thinned.len(), restored.failed.len(), restored.skipped.len()), (1, 0, 0), "{restored:?}");
    before.assert_same(&Snapshot::of(&store.root), "undone");
    assert_same(&said, &digest(&store.look().catalog), "the catalog");
    assert_eq!(store.trash(), Vec::<String>::new());
    rebuild(&store);
    assert!(runs(&store).iter().all(|run| run.thinned.is_empty()), "the log tells of the undoing");
}

/// Does it with that hook; `None` when it was stopped.
pub(super) fn disturbed(store: &mut Store, request: &Request, hook: Hook) -> Option<bool> {
    store.hook = hook;
    let done = until_stopped(|| only(store, &[Part::Logs, Part::Artifacts], request).is_ok());
    store.hook = Hook::default();
    done
}

/// What is in place, or was dropped whole: never a part of it.
fn assert_all_or_nothing(store: &Store, id: &str, before: &Snapshot, when: &str) {
    let recovery = store.recover();
    assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
    let lost = before.difference(&Snapshot::of(&store.root));
    let thinned = runs(store).iter().filter(|run| !run.thinned.is_empty()).count();
    if lost.is_empty() && thinned == 0 {
        return;
    }
    // The time of a directory that could not be set back is all that may differ besides.
    let gone = lost.iter().filter(|line| line.starts_with(&format!("- {id}/tasks/"))).count();
    let times = lost.iter().filter(|line| line.starts_with("! ") && line.contains("len: 0")).count();
    assert_eq!((gone, gone + times, thinned), (9, lost.len(), 1), "{when}: {lost:?}");
}

#[test]
fn killed_at_any_change_and_recovery_too_all_of_it_goes_or_none() {
    for request in [keep(30), kept(keep(30))] {
        let (mut store, _) = one();
        store.look();
        let (hook, seen) = fault::watch();
        assert_eq!(disturbed(&mut store, &request, hook), Some(true));
        let acts = seen.acts();
        assert!(acts.contains(&Act::ToTrash) && acts.contains(&Act::Commit), "{acts:?}");
        for n in 1..=acts.len() {
            for m in (1..).step_by(5) {
                let (mut store, id) = one();
                let (before, said) = (Snapshot::of(&store.root), told(&store));
                assert_eq!(disturbed(&mut store, &request, stop_at(n).0), None, "not stopped at {n}");
                let when = format!("killed at {n} ({:?}), recovery at {m}", acts[n - 1]);
                store.hook = stop_at(m).0;
                let recovered = until_stopped(|| store.recover());
                store.hook = Hook::default();
                assert_all_or_nothing(&store, &id, &before, &when);
                assert_eq!(told(&store), said, "{when}");
                let (refreshed, now) = (digest(&store.look().catalog), told(&store));
                rebuild(&store);
                assert_same(&refreshed, &digest(&store.look().catalog), &when);
                assert_eq!(told(&store), now, "{when}: read anew");
                if request.trash.is_some() {
                    store.try_undo().unwrap();
                    before.assert_same(&Snapshot::of(&store.root), &format!("{when}: undone"));
                    assert_eq!(told(&store), said, "{when}: undone");
                }
                assert_eq!(store.trash(), Vec::<String>::new(), "{when}: something leaks");
                if recovered.is_some() {
                    break;
                }
            }
        }
    }
}

#[test]
fn failing_at_any_change_all_of_it_goes_or_none() {
    let (mut store, _) = one();
    store.look();
    let (hook, seen) = fault::watch();
    assert_eq!(disturbed(&mut store, &keep(30), hook), Some(true));
    for n in 1..=seen.acts().len() {
        for error in [Errno::ACCESS, Errno::NOSPC, Errno::IO] {
            let (mut store, id) = one();
            let (before, said) = (Snapshot::of(&store.root), told(&store));
            disturbed(&mut store, &keep(30), fail_at(n, error).0);
            let when = format!("{error:?} at {n}");
            assert_all_or_nothing(&store, &id, &before, &when);
            assert_eq!(told(&store), said, "{when}");
        }
    }
}

/// How parts come back.
type Way = (&'static str, fn(&Store, &str) -> Option<Restored>);

const WAYS: [Way; 2] =
    [("undo", |store, _| store.try_undo().unwrap()), ("trash restore", |store, id| Some(store.restore(&[id])))];

#[test]
fn bringing_back_killed_at_any_change_and_recovery_too_is_finished_by_the_next() {
    let dropped = || {
        let (store, id) = one();
        let before = (Snapshot::of(&store.root), told(&store));
        only(&store, &[Part::Logs, Part::Artifacts], &kept(keep(30))).unwrap();
        (store, id, before)
    };
    for (way, bring_back) in WAYS {
        let (mut store, id, _) = dropped();
        let (hook, seen) = fault::watch();
        store.hook = hook;
        assert_eq!(bring_back(&store, &id).unwrap().thinned.len(), 1, "{way}");
        let acts = seen.acts();
        assert!(acts.iter().filter(|act| **act == Act::PutBack).count() > 3, "{acts:?}");
        for n in 1..=acts.len() {
            for m in (1..).step_by(4) {
                let (mut store, id, (before, said)) = dropped();
                store.hook = stop_at(n).0;
                assert!(until_stopped(|| bring_back(&store, &id)).is_none(), "{way}: not stopped at {n}");
                store.hook = stop_at(m).0;
                let recovered = until_stopped(|| store.recover());
                store.hook = Hook::default();
                let when = format!("{way} killed at {n} ({:?}), recovery at {m}", acts[n - 1]);
                let recovery = store.recover();
                assert_eq!((&recovery.reported, &recovery.failed), (&vec![], &vec![]), "{when}");
                assert_eq!(told(&store), said, "{when}: recovered");
                if before.difference(&Snapshot::of(&store.root)).is_empty() {
                    assert!(runs(&store).iter().all(|run| run.thinned.is_empty()), "{when}: all is back");
                }
                store.try_undo().unwrap();
                before.assert_same(&Snapshot::of(&store.root), &when);
                assert_eq!(told(&store), said, "{when}");
                assert!(runs(&store).iter().all(|run| run.thinned.is_empty()), "{when}");
                assert_eq!(store.trash(), Vec::<String>::new(), "{when}");
                if recovered.is_some() {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_thinning_that_died_is_not_called_done_before_it_is_mended() {
    use otto_catalog::audit::{self, Ending};
    let (mut store, _) = one();
    store.look();
    let (hook, seen) = fault::watch();
    assert_eq!(disturbed(&mut store, &keep(30), hook), Some(true));
    let end = seen.acts().iter().rposition(|act| *act == Act::Audit).unwrap();
    let (mut store, _) = one();
    assert_eq!(disturbed(&mut store, &keep(30), stop_at(end + 1).0), None);
    let ending = |store: &Store| {
        let log = fs::File::open(store.root.join(".catalog")).unwrap();
        let mut reader = audit::Reader::open(std::os::fd::AsFd::as_fd(&log)).unwrap();
        let all = audit::summaries(&mut reader, i64::MIN);
        all.iter().map(|one| (one.kind, one.other_runs, one.ending())).collect::<Vec<_>>()
    };
    assert_eq!(ending(&store), [(audit::Kind::Thin, 1, Ending::Open)]);
    store.recover();
    assert_eq!(ending(&store), [(audit::Kind::Thin, 1, Ending::Recovered)]);
}

#[test]
fn what_takes_the_place_of_a_piece_while_it_is_moved_stays() {
    for n in 1..=4 {
        let (mut store, id) = one();
        store.look();
        let log = store.root.join(&id).join("tasks/bad/stderr.log");
        let (new, place) = (store.outside("new"), log.clone());
        store.hook = fault::before(Act::ToTrash, n, move || {
            fs::write(&new, "written anew").unwrap();
            fs::rename(&new, &place).unwrap();
        });
        let (_, outcome) = only(&store, &[Part::Logs], &keep(30)).unwrap();
        store.hook = Hook::default();
        assert_eq!(fs::read_to_string(&log).unwrap(), "written anew", "before the move {n}: {outcome:?}");
        if n == 1 {
            assert_eq!((outcome.thinned.len(), outcome.skipped.len()), (0, 1), "{outcome:?}");
            assert!(log.with_file_name("stdout.log").exists(), "all of it goes, or none");
        }
    }
}

#[test]
fn parts_of_a_pinned_run_stay_in_the_trash_past_their_time() {
    let (mut store, id) = one();
    store.look();
    only(&store, &[Part::Logs], &kept(keep(30))).unwrap();
    store.pin(&id);
    store.set_now(store.now() + 30 * 86_400);
    assert_eq!(store.recover().expired, 0);
    assert_eq!(store.kept(), [format!("parts of {id}")]);
    let mut session = store.open(Access::Delete);
    let key = crate::support::trash::any_run(&session, &id).key;
    let mut tx = session.catalog.begin().unwrap();
    tx.unpin(key).unwrap();
    tx.commit().unwrap();
    drop(session);
    assert_eq!(store.recover().expired, 1);
    assert_eq!(store.trash(), Vec::<String>::new());
}

#[test]
fn parts_never_come_back_into_another_run_of_the_same_name() {
    let (store, id) = one();
    store.look();
    only(&store, &[Part::Logs, Part::Artifacts], &kept(keep(30))).unwrap();
    let run = store.root.join(&id);
    fs::rename(&run, store.outside("away")).unwrap();
    fs::create_dir_all(run.join("tasks/bad")).unwrap();
    fs::create_dir_all(run.join("tasks/good")).unwrap();
    let before = Snapshot::of(&run);
    let restored = store.try_undo().unwrap().unwrap_or_default();
    assert_eq!((restored.thinned.len(), restored.failed.len()), (0, 0), "{restored:?}");
    before.assert_same(&Snapshot::of(&run), "another run");
}

#[test]
fn a_catalog_that_is_made_anew_without_its_log_still_knows_what_was_dropped() {
    let (store, _) = one();
    store.look();
    only(&store, &[Part::Logs], &keep(30)).unwrap();
    let (said, known) = (told(&store), digest(&store.look().catalog));
    fs::remove_file(store.root.join(".catalog/audit.jsonl")).unwrap();
    drop(store.open(Access::Rebuild));
    let mut session = store.open(Access::Delete);
    session.refresh(&store.settings(), true).unwrap();
    drop(session);
    assert_eq!(told(&store), said);
    assert_same(&known, &digest(&store.look().catalog), "the catalog");
    assert!(runs(&store).iter().any(|run| run.thinned == Dropped::LOGS && !run.is_incomplete()));
}
