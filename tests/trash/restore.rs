//! What comes back, and what stays where it is.

use super::*;
use std::fs;

#[test]
fn one_run_comes_back_with_its_scripts_and_the_others_stay() {
    let store = store();
    let before = Snapshot::of(&store.root);
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let one = cleaned.gone().into_iter().find(|id| id.starts_with("web-")).unwrap();
    let restored = store.restore(&[&one]);
    assert_eq!(restored.runs.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&one]);
    assert_eq!((restored.skipped.len(), restored.failed.len()), (0, 0), "{restored:?}");
    before.at(&one).assert_same(&Snapshot::of(&store.root).at(&one), "the run, byte by byte");
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    assert_eq!(restored.entries.len(), 1, "its own script: {:?}", restored.entries);
    assert_eq!(store.kept().len(), cleaned.gone().len() - 1 + cleaned.gone_entries().len());
    assert_same(&digest(&store.open(Access::Read).catalog), &store.digest_from_nothing(), "with one run back");
    // The rest comes back as well, and what is there already is no hindrance.
    let rest = store.undo();
    assert_eq!((rest.skipped.len(), rest.failed.len()), (0, 0), "{rest:?}");
    before.assert_same(&Snapshot::of(&store.root), "all of it");
    assert_eq!(store.trash(), [""; 0]);
}

#[test]
fn a_run_that_appeared_in_its_place_is_never_overwritten() {
    let store = store();
    let before = Snapshot::of(&store.root);
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let gone = cleaned.gone();
    let taken: Vec<_> = gone.iter().filter(|id| id.starts_with("web-")).take(3).collect();
    // An empty directory, a file and a run: a plain rename would replace the first two.
    fs::create_dir(store.root.join(taken[0])).unwrap();
    fs::write(store.root.join(taken[1]), "a newcomer").unwrap();
    fs::create_dir_all(store.root.join(taken[2]).join("tasks")).unwrap();
    fs::write(store.root.join(taken[2]).join("run.yaml"), "prog: otto\n").unwrap();
    let restored = store.undo();
    let skipped: Vec<_> = restored.skipped.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(skipped, [taken[0], taken[1], taken[2]], "{restored:?}");
    assert_eq!(restored.runs.len(), gone.len() - 3);
    assert!(fs::read_dir(store.root.join(taken[0])).unwrap().next().is_none());
    assert_eq!(fs::read(store.root.join(taken[1])).unwrap(), b"a newcomer");
    assert_eq!(fs::read(store.root.join(taken[2]).join("run.yaml")).unwrap(), b"prog: otto\n");
    assert_eq!(store.contents()[0].items.len(), 3, "ours stay in the trash");
    // Once the places are free, they come back: also those whose rows the newcomers had.
    fs::remove_dir(store.root.join(taken[0])).unwrap();
    fs::remove_file(store.root.join(taken[1])).unwrap();
    fs::remove_dir_all(store.root.join(taken[2])).unwrap();
    store.try_undo().unwrap();
    assert!(gone.iter().all(|id| store.root.join(id).join("tasks").exists() || id.starts_with('.')));
    before.assert_same(&Snapshot::of(&store.root), "all of it");
}

#[test]
fn another_file_with_the_name_of_a_cache_entry_stays() {
    let store = store();
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let entries = cleaned.gone_entries();
    let place = |entry: &str| store.root.join(entry.replacen('/', "/.cache/", 1));
    let own = entries.iter().find(|e| e.starts_with("web-")).unwrap();
    fs::write(place(own), "another script").unwrap();
    let restored = store.undo();
    assert_eq!(fs::read(place(own)).unwrap(), b"another script");
    let expected = own.replacen('/', "/.cache/", 1);
    assert!(restored.skipped.iter().any(|s| s.id == expected && s.reason.contains("another file")), "{restored:?}");
    assert_eq!(restored.runs.len(), cleaned.gone().len(), "the runs come back all the same");
    assert_eq!(store.kept(), [expected], "ours waits in the trash");
    // The same bytes, written again by the runner, are as good as ours.
    fs::remove_file(place(own)).unwrap();
    assert_eq!(store.undo().entries.len(), 1);
    assert_eq!(store.trash(), [""; 0]);
}

#[test]
fn an_entry_that_the_runner_wrote_again_is_taken_for_ours() {
    let store = store();
    let before = Snapshot::of(&store.root);
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    let again = cleaned.gone_entries().into_iter().find(|e| e.starts_with("web-")).unwrap();
    let kept_at = store.root.join(".catalog/trash").join(&cleaned.outcome.operation);
    let place = again.replacen('/', "/.cache/", 1);
    fs::write(store.root.join(&place), fs::read(kept_at.join(&place)).unwrap()).unwrap();
    let restored = store.undo();
    assert_eq!((restored.skipped.len(), restored.failed.len()), (0, 0), "{restored:?}");
    let lines = before.difference(&Snapshot::of(&store.root));
    assert!(lines.iter().all(|line| line.contains(&place)), "{lines:?}");
    assert_eq!(store.trash(), [""; 0]);
}

#[test]
fn a_project_that_is_gone_is_made_again() {
    let store = Store::new();
    let old = store.write(small("/home/dev/web", store.days_ago(40)));
    store.write(small("/home/dev/api", store.days_ago(2)));
    let before = Snapshot::of(&store.root);
    store.clean(&kept(keep_and_cache(30)));
    let project = old.parent().unwrap();
    fs::remove_dir_all(project).unwrap();
    assert_eq!(store.open(Access::Read).catalog.projects().unwrap().len(), 1);
    let restored = store.undo();
    assert_eq!((restored.runs.len(), restored.failed.len()), (1, 0), "{restored:?}");
    let id = id_of(&old);
    before.at(&id).assert_same(&Snapshot::of(&store.root).at(&id), "the run");
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    assert_same(&digest(&store.open(Access::Read).catalog), &store.digest_from_nothing(), "a project made again");
}

#[test]
fn entries_of_other_projects_come_along() {
    let store = Store::new();
    let mut builder = store.builder();
    let api = builder.run(small("/home/dev/api", store.days_ago(40))).unwrap();
    let web = builder.run(small("/home/dev/web", store.days_ago(40))).unwrap();
    builder.run(small("/home/dev/web", store.days_ago(1)).task(TaskSpec::ok("other").script("echo other"))).unwrap();
    // A link of the one into the cache of the other, through a directory and from somewhere deep.
    let cache = api.parent().unwrap().join(".cache");
    let foreign = cache.join("aabbccdd.sh");
    fs::write(&foreign, "echo foreign").unwrap();
    touch(&foreign, store.days_ago(40));
    let deep = web.join("tasks/build/deep");
    fs::create_dir(&deep).unwrap();
    std::os::unix::fs::symlink(&foreign, deep.join("script.sh")).unwrap();
    touch(&web.join("run.yaml"), store.days_ago(40));
    let before = Snapshot::of(&store.root);
    let cleaned = store.clean(&kept(keep_and_cache(30)));
    assert_eq!(cleaned.gone().len(), 2, "{:?}", cleaned.skipped());
    assert!(!foreign.exists(), "{:?}", cleaned.gone_entries());
    // Only the run that names it comes back: the entry of the other project comes with it.
    let restored = store.restore(&[&id_of(&web)]);
    assert_eq!(restored.failed.len(), 0, "{restored:?}");
    assert_eq!(fs::read(&foreign).unwrap(), b"echo foreign");
    store.undo();
    before.assert_same(&Snapshot::of(&store.root), "all of it");
}

#[test]
fn what_is_not_as_it_was_moved_there_is_not_restored() {
    let store = store();
    let cleaned = store.clean(&kept(keep(30)));
    let one = cleaned.gone().into_iter().find(|id| id.starts_with("web-")).unwrap();
    let there = store.root.join(".catalog/trash").join(&cleaned.outcome.operation).join(&one);
    fs::write(there.join("tasks/own/more.txt"), "tampered").unwrap();
    let restored = store.undo();
    assert_eq!(restored.skipped.len(), 1, "{restored:?}");
    assert_eq!(restored.skipped[0].id, one);
    assert!(!store.root.join(&one).exists() && there.exists());
}

#[test]
fn an_operation_that_somebody_works_on_is_left_alone() {
    let store = store();
    let cleaned = store.clean(&kept(keep(30)));
    let held =
        fs::File::open(store.root.join(".catalog/trash").join(&cleaned.outcome.operation).join("operation.json"))
            .unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let restored = store.undo();
    assert_eq!((restored.runs.len(), restored.skipped.len()), (0, cleaned.gone().len()));
    let emptied = store.empty(None);
    assert_eq!((emptied.deleted_runs.len(), emptied.skipped.len()), (0, cleaned.gone().len()));
    drop(held);
    assert_eq!(store.undo().runs.len(), cleaned.gone().len());
}

#[test]
fn the_last_operation_is_undone_first() {
    let store = store();
    let first = store.clean(&kept(keep(55)));
    let mut later = store.twin();
    later.set_now(store.now() + 60);
    let second = later.clean(&kept(keep(30)));
    assert!(!first.gone().is_empty() && !second.gone().is_empty());
    let ids = |restored: &otto_catalog::clean::trash::Restored| {
        let mut ids: Vec<_> = restored.runs.iter().map(|(id, _)| id.clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&later.undo()), second.gone());
    assert_eq!(ids(&later.undo()), first.gone());
}

#[test]
fn where_no_second_name_is_to_be_had_copies_serve() {
    use otto_catalog::store::change::{Act, Hook};
    let mut store = store();
    let before = Snapshot::of(&store.root);
    // Every second attempt is the copy that gets its name.
    let no_links = || {
        let attempt = std::sync::atomic::AtomicUsize::new(0);
        Hook::new(move |act| {
            let first = act == Act::Link && attempt.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2);
            if first { Err(rustix::io::Errno::MLINK.into()) } else { Ok(()) }
        })
    };
    store.hook = no_links();
    let cleaned = store.clean(&kept(keep(30)));
    assert_eq!(cleaned.outcome.failed, []);
    store.hook = Hook::default();
    let second = store.clean(&keep_and_cache(30));
    assert_eq!(second.outcome.freed(), store_size(&second.outcome), "copies are no second names");
    store.hook = no_links();
    let restored = store.undo();
    assert_eq!((restored.skipped.len(), restored.failed.len()), (0, 0), "{restored:?}");
    assert_eq!(dangling_scripts(&store.root), Vec::<std::path::PathBuf>::new());
    for id in cleaned.gone() {
        before.at(&id).assert_same(&Snapshot::of(&store.root).at(&id), "a run");
    }
    assert_eq!(store.trash(), [""; 0]);
}

fn store_size(outcome: &otto_catalog::clean::Outcome) -> otto_catalog::model::Size {
    outcome.moved()
}
