//! The last look at cache entries, right before they go and again while they go: what the plan knew may not be so any more.

use super::*;
use crate::support::fault;
use crate::support::tree::Snapshot;
use otto_catalog::clean::{self, Outcome};
use otto_catalog::practice::Written;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// An old run with a script of its own, a run of this morning whose end nobody recorded, so that every look walks it, and
/// three orphans, in the order in which they go.
struct Scene {
    store: Store,
    project: PathBuf,
    young: PathBuf,
    orphans: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        let store = Store::new();
        let mut builder = store.builder();
        builder.run(with_own_script("/a/web", store.days_ago(40), "old")).unwrap();
        let open = TaskSpec::ok("open").output_json(Written::Absent);
        let young = builder.run(RunSpec::new(Era::J, "/a/web", store.now() - 5 * 3600).task(open)).unwrap();
        let project = Era::J.project_dir("/a/web");
        let mut orphans: Vec<_> = (0..3).map(|_| builder.orphan(&project, Some(store.days_ago(9))).unwrap()).collect();
        orphans.sort();
        Self { project: young.parent().unwrap().to_owned(), store, young, orphans }
    }

    /// Plans; then something happens, the lock is taken again, and what was planned is executed.
    fn changed(&self, request: &Request, what: impl FnOnce(&Self)) -> Outcome {
        let settings = self.store.settings();
        let mut session = self.store.open(Access::Delete);
        let plan = self.store.plan(&session, request);
        assert!(plan.cache.delete.len() >= 3 && plan.cache.blocked.is_empty(), "{:?}", plan.cache);
        session.unlock();
        what(self);
        clean::execute(&mut session, &settings, plan, &execution()).unwrap()
    }

    /// Nothing went, for a reason with that word.
    #[track_caller]
    fn assert_left_alone(&self, before: &Snapshot, outcome: &Outcome, word: &str) {
        assert_eq!((gone_entries(outcome), outcome.failed.as_slice()), (vec![], [].as_slice()), "{word}");
        assert!(outcome.skipped.iter().all(|one| one.reason.contains(word)), "{word}: {:?}", outcome.skipped);
        assert_eq!(outcome.skipped.len(), 3, "{word}");
        before.assert_same(&Snapshot::of(&self.project), word);
        assert_eq!(self.store.trash(), [""; 0], "{word}");
    }
}

#[test]
fn a_stale_entry_that_another_run_names_since_the_plan_stays() {
    let scene = Scene::new();
    let outcome = scene.changed(&Request { stale: true, ..cache_only(Request::GRACE) }, |scene| {
        fs::create_dir(scene.young.join("tasks/again")).unwrap();
        symlink(format!("../../../.cache/{}", own_entry("old")), scene.young.join("tasks/again/script.sh")).unwrap();
    });
    assert_eq!(outcome.deleted_cache.len(), 4, "the orphans, and what else the old run alone names: {outcome:?}");
    assert_eq!((outcome.skipped.len(), outcome.failed.len()), (1, 0), "{outcome:?}");
    assert_eq!(outcome.skipped[0].reason, "a run names it now");
    assert!(fs::metadata(scene.young.join("tasks/again/script.sh")).is_ok());
}

#[test]
fn an_entry_that_was_swapped_between_look_and_move_is_put_back() {
    for request in [cache_only(Request::GRACE), crate::support::trash::kept(cache_only(Request::GRACE))] {
        let mut scene = Scene::new();
        let (theirs, place) = (scene.store.outside("theirs"), scene.orphans[0].clone());
        fs::write(&theirs, "theirs").unwrap();
        scene.store.hook = fault::before(Act::ToTrash, 1, move || fs::rename(&theirs, &place).unwrap());
        let done = scene.store.clean(&request);
        assert_eq!((done.gone_entries().len(), done.outcome.failed.len()), (2, 0), "{:?}", done.outcome);
        assert!(done.skipped()[0].ends_with("another file took its place"), "{:?}", done.skipped());
        assert_eq!(fs::read(&scene.orphans[0]).unwrap(), b"theirs");
    }
}

#[test]
fn no_other_entry_is_moved_once_a_run_appeared() {
    let mut scene = Scene::new();
    let acts = Arc::new(Mutex::new(Vec::new()));
    let (noted, made) = (Arc::clone(&acts), scene.project.join(scene.store.now().to_string()));
    scene.store.hook = Hook::new(move |act| {
        let mut acts = noted.lock().unwrap();
        acts.push(act);
        if acts.iter().filter(|act| **act == Act::ToTrash).count() == 1 && act == Act::ToTrash {
            fs::create_dir(&made).unwrap();
        }
        Ok(())
    });
    let done = scene.store.clean(&cache_only(Request::GRACE));
    let count = |wanted| acts.lock().unwrap().iter().filter(|act| **act == wanted).count();
    assert_eq!((count(Act::ToTrash), count(Act::PutBack)), (1, 1), "{:?}", done.outcome);
    assert!(scene.orphans.iter().all(|entry| entry.exists()));
    assert!(done.skipped().iter().all(|skipped| skipped.contains("appeared")), "{:?}", done.skipped());
}

#[test]
fn a_cache_is_left_alone_when_the_processes_cannot_be_listed_any_more() {
    let word = "the processes cannot be listed";
    let scene = Scene::new();
    let before = Snapshot::of(&scene.project);
    let outcome = scene.changed(&cache_only(Request::GRACE), |scene| {
        fs::remove_dir_all(scene.store.settings().processes).unwrap();
    });
    scene.assert_left_alone(&before, &outcome, word);
    // And while the entries are moved.
    let mut scene = Scene::new();
    let (before, processes) = (Snapshot::of(&scene.project), scene.store.settings().processes);
    scene.store.hook = fault::before(Act::ToTrash, 2, move || fs::remove_dir_all(&processes).unwrap());
    let outcome = scene.store.clean(&cache_only(Request::GRACE)).outcome;
    scene.assert_left_alone(&before, &outcome, word);
}

#[test]
fn a_cache_is_left_alone_when_a_run_of_its_project_cannot_be_read_whole_any_more() {
    let scene = Scene::new();
    let (before, closed) = (Snapshot::of(&scene.project), scene.young.join("tasks/open"));
    let outcome = as_a_user(|| scene.changed(&cache_only(Request::GRACE), |_| chmod(&closed, 0o000)));
    chmod(&closed, 0o755);
    scene.assert_left_alone(&before, &outcome, "not read whole");
}

#[test]
fn a_cache_is_left_alone_when_its_project_cannot_be_listed_whole_any_more() {
    let scene = Scene::new();
    let (before, closed) = (Snapshot::of(&scene.project), scene.project.join(".cache"));
    let outcome = as_a_user(|| scene.changed(&cache_only(Request::GRACE), |_| chmod(&closed, 0o300)));
    chmod(&closed, 0o755);
    scene.assert_left_alone(&before, &outcome, "could not be listed whole");
}
