//! The runner checks an old entry, reuses it untouched, and links it only then. So when a run appears while entries go, all
//! of its project's come back.

use super::*;
use crate::support::fault;
use crate::support::tree::Snapshot;
use otto_catalog::clean;
use otto_catalog::session::Access;
use otto_catalog::store::change::Act;
use std::fs;
use std::path::PathBuf;

struct Scene {
    store: Store,
    project: PathBuf,
    orphans: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        let store = Store::new();
        let mut builder = store.builder();
        let run = builder.run(with_own_script("/a/web", store.days_ago(2), "kept")).unwrap();
        builder.run(with_own_script("/a/zoo", store.days_ago(2), "kept")).unwrap();
        let project = Era::J.project_dir("/a/web");
        let orphans = (0..3).map(|_| builder.orphan(&project, Some(store.days_ago(9))).unwrap()).collect();
        builder.orphan(&Era::J.project_dir("/a/zoo"), Some(store.days_ago(9))).unwrap();
        Self { store, project: run.parent().unwrap().to_owned(), orphans }
    }
}

#[test]
fn a_run_that_appears_while_entries_are_moved_brings_all_of_them_back() {
    // Before the first move, between two, and between the last and the second listing.
    for (act, n) in [(Act::ToTrash, 1), (Act::ToTrash, 2), (Act::ToTrash, 3)] {
        for has_tasks in [false, true] {
            let mut scene = Scene::new();
            let before = Snapshot::of(&scene.project);
            let newcomer = scene.project.join(scene.store.now().to_string());
            let made = newcomer.clone();
            scene.store.hook = fault::before(act, n, move || {
                fs::create_dir(&made).unwrap();
                if has_tasks {
                    fs::create_dir_all(made.join("tasks/build")).unwrap();
                }
            });
            let done = scene.store.clean(&cache_only(Age::seconds(0)));
            let when = format!("before {act:?} {n}, with tasks: {has_tasks}");
            assert_eq!(done.gone_entries().len(), 1, "{when}: only the other project's");
            assert_eq!(done.outcome.skipped.len(), 3, "{when}: {:?}", done.outcome);
            assert!(done.skipped().iter().all(|s| s.contains("appeared")), "{when}: {:?}", done.skipped());
            let project = Snapshot::of(&scene.project);
            assert!(before.difference(&project).iter().all(|line| line.starts_with("+ ")), "{when}");
            assert_eq!(scene.store.trash(), Vec::<String>::new(), "{when}");
        }
    }
}

#[test]
fn a_run_that_comes_to_life_while_entries_are_moved_brings_all_of_them_back() {
    let mut scene = Scene::new();
    let run = scene.project.join(scene.store.days_ago(2).to_string());
    let process = scene.store.settings().processes.join("99");
    scene.store.hook = fault::before(Act::ToTrash, 2, move || {
        fs::create_dir(&process).unwrap();
        fs::write(process.join("cmdline"), b"bash\0").unwrap();
        std::os::unix::fs::symlink(&run, process.join("cwd")).unwrap();
    });
    let before = Snapshot::of(&scene.project);
    let done = scene.store.clean(&cache_only(Age::seconds(0)));
    assert_eq!((done.gone_entries().len(), done.outcome.skipped.len()), (1, 3), "{:?}", done.outcome);
    before.assert_same(&Snapshot::of(&scene.project), "all of them are back");
}

#[test]
fn a_run_that_appears_between_plan_and_execution_keeps_its_project_s_cache() {
    for refreshed in [false, true] {
        let scene = Scene::new();
        let settings = scene.store.settings();
        let mut session = scene.store.open(Access::Delete);
        let plan = scene.store.plan(&session, &cache_only(Age::seconds(0)));
        assert_eq!(plan.cache.delete.len(), 4);
        // As the runner does: the directory first, then what it links.
        scene.store.write(small("/a/web", scene.store.now() - 1));
        let before = Snapshot::of(&scene.project);
        if refreshed {
            session.unlock();
        }
        let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
        assert_eq!(outcome.deleted_cache.len(), 1, "refreshed in between: {refreshed}");
        before.assert_same(&Snapshot::of(&scene.project), &format!("refreshed in between: {refreshed}"));
    }
}

#[test]
fn an_entry_that_the_newcomer_wrote_again_is_the_newcomer_s() {
    for same in [true, false] {
        let mut scene = Scene::new();
        // Entries are moved in the order of their names: the first lies in the trash when the last is about to go there.
        scene.orphans.sort();
        let newcomer = scene.project.join(scene.store.now().to_string());
        let first = scene.orphans[0].clone();
        let written = if same { fs::read(&first).unwrap() } else { b"another script".to_vec() };
        let (place, bytes) = (first.clone(), written.clone());
        scene.store.hook = fault::before(Act::ToTrash, 3, move || {
            fs::create_dir(&newcomer).unwrap();
            fs::write(&place, &bytes).unwrap();
        });
        let done = scene.store.clean(&cache_only(Age::seconds(0)));
        // What the newcomer wrote is what we had: nothing is lost by dropping ours.
        let failed = usize::from(!same);
        assert_eq!((done.gone_entries().len(), done.outcome.failed.len()), (1, failed), "{:?}", done.outcome);
        assert_eq!(done.outcome.skipped.len(), 3 - failed, "{:?}", done.outcome);
        scene.store.hook = Default::default();
        let recovery = scene.store.recover();
        assert_eq!(recovery.reported.len(), usize::from(!same), "{recovery:?}");
        assert_eq!(fs::read(&first).unwrap(), written, "what the newcomer wrote stays");
        assert!(scene.orphans.iter().all(|path| path.exists()));
        assert_eq!(scene.store.trash().len(), usize::from(!same), "ours is dropped only where it is the same");
    }
}

#[test]
fn a_directory_that_never_became_a_run_does_not_block_the_cache_for_ever() {
    let mut scene = Scene::new();
    let stranger = scene.project.join("2023");
    fs::create_dir(&stranger).unwrap();
    fs::write(stranger.join("holiday.jpg"), "mine").unwrap();
    let young = scene.store.clean(&cache_only(Age::seconds(0)));
    assert_eq!(young.gone_entries().len(), 1, "it may be about to become one: {:?}", young.outcome);
    scene.store.set_now(scene.store.now() + 2 * DAY);
    assert_eq!(scene.store.clean(&cache_only(Age::seconds(0))).gone_entries().len(), 3);
    assert_eq!(fs::read(stranger.join("holiday.jpg")).unwrap(), b"mine");
}
