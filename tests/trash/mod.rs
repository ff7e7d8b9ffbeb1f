//! What a clean with a trash keeps, what comes back from it, and what it costs.

mod expiry;
mod restore;
mod together;

use crate::support::digest::{assert_same, digest};
use crate::support::trash::{kept, listed};
use crate::support::tree::{Snapshot, dangling_scripts, du};
use crate::support::*;
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::Access;

/// Several projects in several shapes: runs that go and stay, shared and own scripts, an orphan, runs of 2023.
fn store() -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    for (n, days) in [60, 50, 40, 3].into_iter().enumerate() {
        let web = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
        let own = TaskSpec::ok("own").script(format!("echo {n}"));
        builder.run(web.task(own).task(TaskSpec::failed("shared", 2))).unwrap();
    }
    for days in [70, 5] {
        let old = RunSpec::new(Era::B, "/home/dev/old", store.days_ago(days));
        builder.run(old.task(TaskSpec::ok("build").script(format!("#!/bin/sh\n# {days}")))).unwrap();
        let locked = RunSpec::new(Era::L, "/home/dev/api", store.days_ago(days)).number(2);
        builder.run(locked.task(TaskSpec::ok("test").artifact("report/a.txt", "a"))).unwrap();
        builder.run(RunSpec::new(Era::A, "/home/dev/web", store.days_ago(days)).task(TaskSpec::ok("up"))).unwrap();
    }
    builder.orphan(&Era::J.project_dir("/home/dev/web"), Some(store.days_ago(9))).unwrap();
    builder.runner_db(5, WalState::LeftBehind).unwrap();
    store
}

#[test]
fn undoing_a_clean_is_the_identity() {
    let store = store();
    let (tree, answers) = (Snapshot::of(&store.root), digest(&store.open(Access::Read).catalog));
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    assert!(cleaned.gone().len() >= 6 && cleaned.gone_entries().len() >= 4, "{:?}", cleaned.outcome);
    assert_eq!(cleaned.outcome.kept_until, Some(store.now() + 14 * DAY));
    assert_eq!(listed(&store.open(Access::Read)), store.runs_in_place());
    let restored = store.undo();
    assert_eq!((&restored.skipped, &restored.failed, &restored.notices), (&vec![], &vec![], &vec![]));
    let mut runs: Vec<_> = restored.runs.into_iter().map(|(id, _)| id).collect();
    runs.sort();
    assert_eq!(runs, cleaned.gone());
    tree.assert_same(&Snapshot::of(&store.root), "the tree, inodes and times included");
    assert_same(&answers, &digest(&store.open(Access::Read).catalog), "the catalog's answers");
    assert_same(&answers, &store.digest_from_nothing(), "a new catalog's answers");
    assert_eq!(store.trash(), [""; 0]);
    assert!(store.try_undo().unwrap().is_none(), "there is nothing left to undo");
    // And the clean can be done again.
    assert_eq!(store.clean(&kept(keep_and_cache(30))).gone(), cleaned.gone());
}

#[test]
fn what_goes_to_the_trash_frees_nothing_and_what_goes_from_it_frees_what_was_said() {
    let store = store();
    let (before, catalog) = (du(&store.root), || du(&store.root.join(".catalog/trash")));
    let plan = store.dry_run(&kept(keep_and_cache(30)));
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    assert_eq!(cleaned.outcome.freed(), otto_catalog::model::Size::ZERO);
    assert_eq!(before - du(&store.root), plan.frees, "what left the store");
    assert_eq!(dangling_scripts(&store.root).len(), 0);
    let emptying = store.emptying(None);
    let in_trash = catalog();
    let emptied = store.empty(None);
    assert_eq!(emptied.freed(), emptying.frees, "what the preview said");
    assert_eq!(emptied.freed().size, plan.frees.size, "what the clean said");
    assert_eq!(store.trash(), [""; 0]);
    assert!(in_trash.disk >= emptied.freed().disk);
    let mut gone: Vec<_> = emptied.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
    gone.sort();
    assert_eq!(gone, cleaned.gone());
    assert_eq!(gone_entries(&emptied), cleaned.gone_entries());
    assert_eq!(before - du(&store.root), plan.frees);
}

#[test]
fn an_entry_that_the_trash_holds_as_well_frees_nothing_when_it_is_collected() {
    let store = store();
    // The runs go to the trash and leave orphans; those are collected by a later clean, for good.
    let first = store.clean(&kept(keep(30)));
    assert_eq!(first.gone_entries(), [""; 0]);
    let plan = store.dry_run(&keep_and_cache(30));
    assert!(planned_entries(&plan).len() >= 4);
    let before = du(&store.root.join(".catalog/trash")).size + du(&store.root).size;
    let second = store.clean(&keep_and_cache(30));
    assert_eq!(second.gone_entries(), planned_entries(&plan));
    assert_eq!(second.outcome.freed(), plan.frees, "the preview counts only last names");
    let orphan = second.outcome.deleted_cache.iter().map(|(_, _, size)| size.size).min().unwrap();
    assert!(second.outcome.freed().size < second.outcome.moved().size, "{:?} of {orphan}", second.outcome.freed());
    // All the same, each run finds its scripts when it comes back.
    let restored = store.undo();
    assert_eq!(restored.runs.len(), first.gone().len());
    assert!(restored.entries.len() >= 4, "{restored:?}");
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    assert!(before > du(&store.root).size);
    // Nothing holds them twice any more, and the preview knows.
    let plan = store.dry_run(&keep_and_cache(30));
    let third = store.clean(&keep_and_cache(30));
    assert_eq!(third.outcome.freed(), plan.frees);
}

#[test]
fn expired_trash_goes_with_the_next_deleting_command_and_not_a_second_before() {
    let mut store = store();
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let until = cleaned.outcome.kept_until.unwrap();
    store.set_now(until - 1);
    assert_eq!(store.clean(&keep(3650)).recovery.expired, 0);
    assert_eq!(store.kept().len(), cleaned.gone().len() + cleaned.gone_entries().len());
    store.set_now(until);
    let pending = otto_catalog::clean::pending(&store.open(Access::Read), &store.settings()).unwrap();
    let items = (cleaned.gone().len() + cleaned.gone_entries().len()) as u64;
    assert_eq!(pending, otto_catalog::clean::Pending { expire: items, ..Default::default() });
    // Whoever restores deletes nothing, also what is overdue: it is there until somebody deletes it.
    let first = cleaned.gone()[0].clone();
    assert_eq!(store.restore(&[&first]).runs.len(), 1);
    let recovery = store.clean(&keep(3650)).recovery;
    assert_eq!((recovery.expired, recovery.finished), (items - 1, 0), "{recovery:?}");
    assert!(recovery.freed_by_expiry.size > 0);
    assert_eq!(store.trash(), [""; 0]);
    assert!(store.runs_in_place().contains(&first));
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    assert_same(&digest(&store.open(Access::Read).catalog), &store.digest_from_nothing(), "after expiry");
}

#[test]
fn a_pinned_run_stays_in_the_trash_past_its_time_and_when_it_is_emptied() {
    let mut store = store();
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let pinned = cleaned.gone().into_iter().find(|id| id.starts_with("web-")).unwrap();
    store.pin(&pinned);
    let emptied = store.empty(None);
    assert_eq!(emptied.skipped.len(), 1, "{:?}", emptied.skipped);
    assert_eq!((emptied.skipped[0].id.as_str(), emptied.skipped[0].reason.as_str()), (pinned.as_str(), "pinned"));
    assert_eq!(store.kept(), std::slice::from_ref(&pinned));
    store.set_now(store.now() + 400 * DAY);
    let pending = otto_catalog::clean::pending(&store.open(Access::Read), &store.settings()).unwrap();
    assert_eq!(pending, otto_catalog::clean::Pending::default());
    assert_eq!(store.clean(&keep(3650)).recovery.expired, 0);
    // Its scripts are there with it, although the entries were emptied.
    let restored = store.undo();
    assert_eq!((restored.runs.len(), restored.failed.len()), (1, 0), "{restored:?}");
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    assert!(trash_run(&store, &pinned).pinned, "the pin survived");
}

fn trash_run(store: &Store, id: &str) -> otto_catalog::model::Run {
    crate::support::trash::any_run(&store.open(Access::Read), id)
}

#[test]
fn a_clock_that_goes_back_after_expiry_does_not_make_half_a_run_restorable() {
    let mut store = store();
    let cleaned = store.clean(&kept(keep(30)));
    let until = cleaned.outcome.kept_until.unwrap();
    store.set_now(until);
    let unlinked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&unlinked);
    store.hook = otto_catalog::store::change::Hook::new(move |act| {
        use otto_catalog::store::change::Act;
        if act == Act::Unlink && counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 2 {
            return Err(rustix::io::Errno::IO.into());
        }
        Ok(())
    });
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let recovery = otto_catalog::clean::recover(&mut session, &settings, &execution()).unwrap();
    assert!(!recovery.failed.is_empty(), "{recovery:?}");
    drop(session);
    store.hook = otto_catalog::store::change::Hook::default();
    store.set_now(until - 3600);
    assert_eq!(store.kept(), [""; 0], "nothing can be restored any more");
    assert!(store.try_undo().unwrap().is_none());
    let recovery = store.recover();
    assert!(recovery.finished > 0, "{recovery:?}");
    assert_eq!(store.trash(), [""; 0]);
}
