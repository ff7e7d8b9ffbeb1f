//! What waited in the trash long enough goes, unless somebody holds it: a pin, whoever restored it, or a log that cannot be
//! told.

use super::*;
use crate::support::fault;
use otto_catalog::catalog::{Catalog, Departure};
use otto_catalog::clean::{self, Request};
use otto_catalog::model::{Pin, Run, RunState};
use otto_catalog::store::change::{Act, Hook};
use otto_catalog::store::parts::Part;

#[test]
fn parts_of_a_pinned_run_wait_in_the_trash_past_their_time() {
    let mut store = Store::in_memory();
    let run = |days| RunSpec::new(Era::D, "/a/web", store.days_ago(days)).task(TaskSpec::ok("build").stdout("log\n"));
    let (pinned, other) = (store.write(run(90)), store.write(run(80)));
    let before = Snapshot::of(&pinned);
    let request = Request { only: vec![Part::Logs], ..kept(keep(30)) };
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let plan = store.plan(&session, &request);
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert_eq!(outcome.thinned.len(), 2, "{outcome:?}");
    drop((session, settings));
    store.pin(&id_of(&pinned));
    store.set_now(outcome.kept_until.unwrap() + 400 * DAY);
    let pending = clean::pending(&store.open(Access::Read), &store.settings()).unwrap();
    assert_eq!(pending, clean::Pending { expire: 1, ..Default::default() });
    assert_eq!(store.recover().expired, 1);
    assert_eq!(store.kept(), [format!("parts of {}", id_of(&pinned))]);
    assert_eq!(store.undo().thinned.len(), 1);
    before.assert_same(&Snapshot::of(&pinned), "restored");
    assert!(other.exists() && store.trash().is_empty());
}

#[test]
fn what_the_log_was_not_told_of_stays_in_the_trash_past_its_time() {
    let mut store = store();
    // What goes is decided and cannot be noted: the operation has no end, and only the catalog tells of it.
    store.hook = Hook::new(|act| if act == Act::Audit { Err(rustix::io::Errno::ACCESS.into()) } else { Ok(()) });
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let items = (cleaned.gone().len() + cleaned.gone_entries().len()) as u64;
    assert!(cleaned.outcome.notices.iter().any(|notice| notice.contains("audit log")), "{:?}", cleaned.outcome.notices);
    store.set_now(cleaned.outcome.kept_until.unwrap());
    // The first append is the one that catches up; whatever comes later could be told.
    store.hook = fault::fail_first(Act::Audit, rustix::io::Errno::ACCESS);
    let recovery = store.recover();
    assert!(recovery.reported.iter().any(|line| line.contains("cannot be noted in the audit log")), "{recovery:?}");
    assert_eq!((recovery.expired, recovery.finished), (0, 0), "{recovery:?}");
    store.hook = Hook::default();
    assert_eq!(store.kept().len() as u64, items, "all of it can still be restored");
    let recovery = store.recover();
    assert_eq!((recovery.expired, recovery.reported), (items, vec![]));
    assert_eq!(store.trash(), [""; 0]);
}

/// Changes the row of a run just before what expires is committed, as another process would.
fn before_the_commit(store: &mut Store, id: &str, change: fn(&mut Catalog, &Run)) {
    let (path, twin, id) = (store.root.join(".catalog/catalog.db"), store.twin(), id.to_owned());
    let run = crate::support::trash::any_run(&twin.open(Access::Read), &id);
    store.hook = fault::before(Act::Commit, 1, move || change(&mut Catalog::open(&path, false).unwrap(), &run));
}

#[test]
fn a_run_that_was_pinned_or_taken_out_of_the_trash_before_the_commit_is_not_given_up() {
    type Change = fn(&mut Catalog, &Run);
    fn leave(catalog: &mut Catalog, run: &Run, state: RunState, operation: Option<&str>) {
        let departure = Departure { at: 0, operation, reasons: None, keep_until: Some(i64::MAX) };
        let mut tx = catalog.begin().unwrap();
        tx.leave(run.key, state, &departure).unwrap();
        tx.commit().unwrap();
    }
    let changes: [(&str, Change); 3] = [
        ("pinned", |catalog, run| {
            let mut tx = catalog.begin().unwrap();
            tx.pin(run.key, &Pin { note: None, at: 0, who: "a test".to_owned() }).unwrap();
            tx.commit().unwrap();
        }),
        ("not in the trash any more", |catalog, run| {
            let operation = catalog.run_decision(run.project(), run.dir().as_str()).unwrap().unwrap().operation;
            leave(catalog, run, RunState::Vanished, operation.as_deref());
        }),
        ("moved there again by another operation", |catalog, run| {
            leave(catalog, run, RunState::Trashed, Some("20250101T000000Z-1"));
        }),
    ];
    for empties in [false, true] {
        for (what, change) in changes {
            let mut store = store();
            let cleaned = store.clean(&kept(keep(30)));
            let held = cleaned.gone().into_iter().find(|id| id.starts_with("web-")).unwrap();
            if !empties {
                store.set_now(cleaned.outcome.kept_until.unwrap());
            }
            let operation = store.trash().pop().unwrap();
            before_the_commit(&mut store, &held, change);
            let gone = if empties { store.empty(None).deleted_runs.len() as u64 } else { store.recover().expired };
            store.hook = Hook::default();
            assert_eq!(gone, cleaned.gone().len() as u64 - 1, "{what}, emptied: {empties}");
            let lies = store.root.join(".catalog/trash").join(operation).join(&held);
            assert!(lies.join("tasks").exists(), "{what}, emptied: {empties}: {held} lies there whole");
        }
    }
}
