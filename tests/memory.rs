//! What survives the loss of the catalog: pins, tags, notes and removed runs come back from the audit log.

use crate::support::digest::{assert_same, digest};
use crate::support::log::Told;
use crate::support::past::past;
use crate::support::*;
use otto_catalog::audit::{Event, Heading, Journal, Log, Pinned, Restored, RunName};
use otto_catalog::clean::Request;
use otto_catalog::marks::{self, Asked, Tag};
use otto_catalog::model::{Age, Run, RunState};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::{Access, Error, Notice, Session};
use std::fs;
use std::os::fd::AsFd as _;

const ASKED: Asked<'static> = Asked { command: "otto pin", who: "ada@host" };

/// A store in which one run was pinned, one tagged, some removed with their cache entries, and one vanished.
fn store() -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    for days in [90, 80, 70, 60, 2] {
        let run = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days)).user("ada");
        let own = TaskSpec::failed("own", 3).script(format!("echo {days}")).lasting(7);
        builder.run(run.task(own).task(TaskSpec::ok("shared"))).unwrap();
    }
    builder.run(RunSpec::new(Era::A, "/home/dev/web", store.days_ago(80)).task(TaskSpec::ok("up"))).unwrap();
    builder.run(RunSpec::new(Era::B, "/home/dev/old", store.days_ago(85)).task(TaskSpec::ok("b"))).unwrap();
    builder.runner_db(5, WalState::LeftBehind).unwrap();
    let mut session = store.open(Access::Mark);
    let runs = session.catalog.runs(&otto_catalog::catalog::RunFilter::default()).unwrap();
    let of = |days: i64| -> Run { runs.iter().find(|run| run.timestamp() == store.days_ago(days)).cloned().unwrap() };
    let settings = store.settings();
    marks::pin(&mut session, &settings, &ASKED, &[of(90)], Some("evidence")).unwrap();
    marks::pin(&mut session, &settings, &ASKED, &[of(2)], None).unwrap();
    marks::unpin(&mut session, &settings, &ASKED, &[of(2)]).unwrap();
    let tag = |text: &str| Tag::new(text).unwrap();
    marks::tag(&mut session, &settings, &ASKED, &[of(70), of(2)], (&[tag("a"), tag("b")], &[])).unwrap();
    marks::tag(&mut session, &settings, &ASKED, &[of(2)], (&[tag("c")], &[tag("a")])).unwrap();
    drop(session);
    let cleaned = store.clean(&keep_and_cache(65));
    assert_eq!((cleaned.gone().len(), cleaned.gone_entries().len()), (4, 3), "{cleaned:#?}");
    fs::remove_dir_all(store.root.join(of(60).id.to_string())).unwrap();
    store.look();
    store
}

fn catalog_file(store: &Store) -> std::path::PathBuf {
    store.root.join(".catalog/catalog.db")
}

fn forget(store: &Store) {
    fs::remove_file(catalog_file(store)).unwrap();
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(store.root.join(format!(".catalog/catalog.db{beside}")));
    }
}

#[test]
fn a_lost_catalog_comes_back_with_pins_tags_and_removed_runs() {
    let store = store();
    let session = store.look();
    let (now, before) = (digest(&session.catalog), past(&session.catalog, false));
    assert!(before.len() > 15 && before.iter().any(|line| line.contains("evidence")), "{before:#?}");
    drop(session);
    // Every way in which a catalog is made anew, by whatever command.
    type Lose = fn(&Store);
    let lost: Lose = forget;
    let damaged: Lose = |store| fs::write(catalog_file(store), vec![7; 50_000]).unwrap();
    let none: Lose = |_| {};
    for (what, lose, access) in [
        ("a list after the catalog was deleted", lost, Access::Read),
        ("an index", lost, Access::Index { full: false }),
        ("a pin", lost, Access::Mark),
        ("a clean", lost, Access::Delete),
        ("a rebuild", none, Access::Rebuild),
        ("a damaged catalog", damaged, Access::Read),
    ] {
        lose(&store);
        let session = store.open(access);
        assert_eq!(session.report.problems, [], "{what}");
        assert_same(&past(&session.catalog, false), &before, what);
        assert_same(&digest(&session.catalog), &now, what);
        drop(session);
        assert_same(&past(&store.look().catalog, false), &before, "the next look");
    }
}

#[test]
fn a_rebuild_keeps_what_the_log_does_not_know() {
    let store = store();
    let before = past(&store.look().catalog, true);
    assert!(before.iter().any(|line| line.contains(" vanished ")));
    let again = past(&store.open(Access::Rebuild).catalog, true);
    assert_same(&again, &before, "rebuilt beside a log");
    fs::remove_file(store.root.join(".catalog/audit.jsonl")).unwrap();
    let again = past(&store.open(Access::Rebuild).catalog, true);
    assert_same(&again, &before, "rebuilt without a log");
}

#[test]
fn a_pinned_run_stays_pinned_after_the_catalog_was_lost_and_nothing_removes_it() {
    let store = store();
    forget(&store);
    let cleaned = store.clean(&keep_and_cache(1));
    let pinned = format!("{}/{}", Era::J.project_dir("/home/dev/web"), store.days_ago(90));
    assert!(store.root.join(&pinned).is_dir());
    assert!(cleaned.plan.protected.iter().any(|run| run.id.to_string() == pinned), "{:?}", cleaned.plan.protected);
    assert!(crate::support::tree::dangling_scripts(&store.root).is_empty(), "nor what it names");
}

#[test]
fn a_store_that_cannot_be_written_is_served_with_its_pins_and_its_past() {
    let store = store();
    let before = past(&store.look().catalog, false);
    forget(&store);
    let mut elsewhere = store.twin();
    elsewhere.catalog = Some("/proc/nothing/catalog.db".into());
    let session = elsewhere.open(Access::Read);
    assert_eq!(session.notices.len(), 1, "{:?}", session.notices);
    assert_same(&past(&session.catalog, false), &before, "in memory");
}

#[test]
fn what_is_in_its_place_again_is_there_whatever_the_log_says() {
    let store = store();
    let removed = format!("{}/{}", Era::J.project_dir("/home/dev/web"), store.days_ago(70));
    store.write(small("/home/dev/web", store.days_ago(70)));
    let session = store.look();
    let (now, before) = (digest(&session.catalog), past(&session.catalog, false));
    drop(session);
    assert!(!before.iter().any(|line| line.starts_with(&format!("{removed} removed"))));
    forget(&store);
    let session = store.look();
    assert_same(&digest(&session.catalog), &now, "the run is there");
    assert_same(&past(&session.catalog, false), &before, "with the tags that it had");
    drop(session);
    // Nor does it go by the old decision.
    store.clean(&keep_and_cache(100));
    assert!(store.root.join(&removed).is_dir());
}

#[test]
fn a_project_that_is_gone_keeps_its_removed_runs() {
    let store = store();
    let project = Era::B.project_dir("/home/dev/old");
    fs::remove_dir_all(store.root.join(&project)).unwrap();
    store.look();
    let before = past(&store.look().catalog, false);
    assert!(before.iter().any(|line| line.starts_with(&project)));
    forget(&store);
    let session = store.look();
    assert_same(&past(&session.catalog, false), &before, "without its project");
    assert!(!session.catalog.projects().unwrap().iter().any(|p| p.dir.lossy() == project));
}

#[test]
fn a_pin_outlives_a_catalog_that_could_not_see_its_run() {
    let store = store();
    let web = store.root.join(Era::J.project_dir("/home/dev/web"));
    let hidden = store.root.join("hidden");
    fs::rename(&web, &hidden).unwrap();
    forget(&store);
    store.look();
    fs::rename(&hidden, &web).unwrap();
    let session = store.open(Access::Index { full: true });
    let pinned: Vec<Run> = session.catalog.marked_runs().unwrap().into_iter().filter(|run| run.pinned).collect();
    assert_eq!(pinned.len(), 1);
    assert_eq!((pinned[0].timestamp(), pinned[0].state), (store.days_ago(90), RunState::Present));
    assert_eq!(session.catalog.pin(pinned[0].key).unwrap().unwrap().note.as_deref(), Some("evidence"));
    drop(session);
    store.clean(&keep_and_cache(1));
    assert!(web.join(store.days_ago(90).to_string()).is_dir());
}

#[test]
fn what_waits_in_the_trash_still_does_so_until_its_time_and_what_was_emptied_does_not() {
    let mut store = Store::in_memory();
    for days in [40, 2] {
        store.write(small("/home/dev/web", store.days_ago(days)));
    }
    let request = Request { trash: Some(Age::days(7)), ..keep_and_cache(30) };
    assert_eq!(store.clean(&request).gone().len(), 1);
    let before = past(&store.look().catalog, false);
    assert!(before.iter().any(|line| line.contains(" trashed ")), "{before:#?}");
    forget(&store);
    assert_same(&past(&store.look().catalog, false), &before, "in the trash");
    assert!(store.recover().is_empty(), "it waits on");
    assert_eq!(store.trash().len(), 1);
    store.set_now(store.now() + 8 * DAY);
    forget(&store);
    let recovery = store.recover();
    assert_eq!((recovery.expired > 0, store.trash().len()), (true, 0), "{recovery:?}");
    let before = past(&store.look().catalog, false);
    assert!(before.iter().any(|line| line.contains(" removed ")), "{before:#?}");
    forget(&store);
    assert_same(&past(&store.look().catalog, false), &before, "emptied");
}

/// Appends lines as another command would have.
fn append(store: &Store, events: &[Event]) {
    let directory = fs::File::open(store.root.join(".catalog")).unwrap();
    let hook = otto_catalog::store::change::Hook::default();
    let log = Log { hook: &hook, directory: directory.as_fd(), limit: u64::MAX };
    let heading = Heading { operation: "later", now: 5, who: "w", command: "c", policy: "", plan: None };
    let mut journal = Journal::new(log, &heading);
    for event in events {
        journal.append(None, event).unwrap();
    }
}

#[test]
fn a_run_that_was_restored_and_is_not_there_vanished() {
    let store = store();
    let session = store.look();
    let removed = session.catalog.nth_newest_gone(RunState::Removed, None, 0).unwrap().unwrap();
    drop(session);
    append(&store, &[Event::Restored(Restored { runs: vec![RunName::of(&removed.id)], ..Restored::default() })]);
    forget(&store);
    let session = store.look();
    let (key, dir) = (removed.project_key, removed.dir().as_str());
    let project = session.catalog.known_projects().unwrap();
    let project = project.iter().find(|p| p.dir == *removed.project()).unwrap().id;
    let row = session.catalog.run_named(project, dir).unwrap().unwrap();
    assert_eq!((row.state, row.tasks_total), (RunState::Vanished, removed.tasks_total), "{key}");
}

#[test]
fn a_log_that_cannot_be_read_keeps_everything_from_being_deleted() {
    let store = store();
    let log = store.root.join(".catalog/audit.jsonl");
    let text = fs::read(&log).unwrap();
    forget(&store);
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    let refused = store.try_open(Access::Delete).unwrap_err();
    assert!(matches!(&refused, Error::NoCatalog(why) if why.contains("audit log")), "{refused}");
    assert!(!catalog_file(&store).exists());
    let session = store.open(Access::Read);
    assert_eq!(session.notices.len(), 1, "a list answers from memory: {:?}", session.notices);
    assert!(session.report.problems.iter().any(|p| p.to_string().contains("audit.jsonl")), "and says why");
    drop(session);
    fs::remove_dir(&log).unwrap();
    fs::write(&log, text).unwrap();
    store.clean(&keep_and_cache(1));
    assert!(past(&store.look().catalog, false).iter().any(|line| line.contains("evidence")));
}

#[test]
fn a_line_that_is_none_is_told_and_the_others_count() {
    let store = store();
    let log = store.root.join(".catalog/audit.jsonl");
    let before = past(&store.look().catalog, false);
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{{\"schema\":\"otto.audit/1\",\"kind\":\"remo\ngarbage\n{text}{{\"schema\":\"otto.au"))
        .unwrap();
    forget(&store);
    let session = store.open(Access::Read);
    assert_eq!(session.report.problems.len(), 3, "{:?}", session.report.problems);
    assert_same(&past(&session.catalog, false), &before, "beside garbage");
}

#[test]
fn without_a_log_a_first_catalog_is_made_as_before() {
    let store = Store::in_memory();
    store.write(small("/home/dev/web", store.days_ago(1)));
    let (hook, seen) = crate::support::fault::watch();
    let mut watched = store.twin();
    watched.hook = hook;
    watched.look();
    assert!(past(&watched.look().catalog, true).is_empty());
    assert!(!store.root.join(".catalog/audit.jsonl").exists(), "{:?}", seen.acts());
}

#[test]
fn the_line_of_a_mark_is_there_before_the_row_and_a_mark_that_is_not_logged_is_not_made() {
    use otto_catalog::store::change::{Act, Hook};
    use std::sync::{Arc, Mutex};

    let store = Store::in_memory();
    store.write(small("/home/dev/web", store.days_ago(3)));
    store.look();
    let twin = store.twin();
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&told);
    let mut failing = store.twin();
    failing.hook = Hook::new(move |act| {
        if act != Act::Audit {
            return Ok(());
        }
        let pinned = |store: &Store| store.open(Access::ReadAsIs).catalog.marked_runs().unwrap().len();
        noted.lock().unwrap().push(pinned(&twin));
        Err(std::io::ErrorKind::PermissionDenied.into())
    });
    let mut session = failing.open(Access::Mark);
    let run = session.catalog.nth_newest(None, 0).unwrap().unwrap();
    let settings = failing.settings();
    let runs = std::slice::from_ref(&run);
    let tag = [Tag::new("a").unwrap()];
    assert!(marks::pin(&mut session, &settings, &ASKED, runs, None).is_err());
    assert!(marks::tag(&mut session, &settings, &ASKED, runs, (&tag, &[])).is_err());
    drop(session);
    assert_eq!(*told.lock().unwrap(), [0, 0], "the row was written first");
    assert!(store.look().catalog.marked_runs().unwrap().is_empty(), "a mark that is in no log");
    // The log is told and the row is not: success is not said, and the log alone is enough.
    append(&store, &[Event::Pinned(Pinned { runs: vec![RunName::of(&run.id)], note: None })]);
    assert!(store.open(Access::ReadAsIs).catalog.marked_runs().unwrap().is_empty());
    let session = store.open(Access::Read);
    assert_eq!(session.catalog.marked_runs().unwrap().len(), 1, "taken over from the log");
    assert!(matches!(session.notices[..], [Notice::MarksTaken { runs: 1 }]), "{:?}", session.notices);
    drop(session);
    forget(&store);
    assert_eq!(store.look().catalog.marked_runs().unwrap().len(), 1);
    let kinds: Vec<_> = Told::of(&store.root).lines.iter().map(|line| line.event.kind()).collect();
    assert_eq!(kinds, ["pinned"]);
}

#[test]
fn marks_wait_for_whoever_decides() {
    let store = store();
    let held: Session = store.open(Access::Delete);
    assert!(matches!(store.try_open(Access::Mark), Err(Error::Busy(_))));
    drop(held);
    store.open(Access::Mark);
}
