//! What changed since the plan is skipped with its reason; what was swapped in leads nowhere, least of all outside.

use super::*;
use crate::support::fault;
use crate::support::tree::Snapshot;
use otto_catalog::clean;
use otto_catalog::session::Access;
use otto_catalog::store::change::Act;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// An old run with an entry of its own, a new one, an orphan, and canaries outside.
struct Scene {
    store: Store,
    run: PathBuf,
    project: PathBuf,
    orphan: PathBuf,
    canaries: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let store = Store::new();
        let mut builder = store.builder();
        let run = builder.run(with_own_script("/a/web", store.days_ago(40), "old")).unwrap();
        builder.run(with_own_script("/a/web", store.days_ago(1), "new")).unwrap();
        builder.run(with_own_script("/a/api", store.days_ago(40), "api")).unwrap();
        let project = run.parent().unwrap().to_owned();
        let name = project.file_name().unwrap().to_str().unwrap().to_owned();
        let orphan = builder.orphan(&name, Some(store.days_ago(9))).unwrap();
        // The canaries look like everything that the store has: a walk through a link would find what it looks for.
        let canaries = store.outside("canaries");
        for part in ["tasks/own", ".cache/build", "1700000000/tasks/own", "trash", "tmp"] {
            fs::create_dir_all(canaries.join(part)).unwrap();
            fs::write(canaries.join(part).join("stdout.log"), "a canary").unwrap();
        }
        let orphan_name = orphan.file_name().unwrap();
        for file in ["catalog.db", "lock", "audit.jsonl", "reserve", "stdout.log", orphan_name.to_str().unwrap()] {
            fs::write(canaries.join(file), "a canary").unwrap();
        }
        Self { store, run, project, orphan, canaries }
    }

    fn swap(&self, place: &Path, for_what: impl Fn(&Path)) {
        let aside = self.store.outside("aside");
        fs::rename(place, &aside).unwrap();
        for_what(place);
    }
}

/// What somebody does between plan and execution, to the run, and why it is skipped then.
type Change = (&'static str, Swap, &'static str);

/// What somebody does.
type Swap = fn(&Scene);

const CHANGES: &[Change] = &[
    ("a log grew", |s| append(&s.run.join("tasks/own/stdout.log")), "changed"),
    ("a file was touched", |s| touch(&s.run.join("tasks/own/stdout.log"), s.store.days_ago(39)), "changed"),
    ("a file came", |s| fs::write(s.run.join("tasks/own/note.txt"), "mine").unwrap(), "changed"),
    ("a file went", |s| fs::remove_file(s.run.join("tasks/own/stderr.log")).unwrap(), "changed"),
    ("a deep file came", |s| fs::create_dir_all(s.run.join("tasks/own/a/b/c")).unwrap(), "changed"),
    ("a link leads elsewhere", |s| relink(&s.run.join("tasks/own/script.sh"), "../../../.cache/other.sh"), "changed"),
    (
        "a file was replaced by its copy",
        |s| {
            let file = s.run.join("tasks/own/stdout.log");
            fs::copy(&file, s.run.join("copy")).unwrap();
            fs::rename(s.run.join("copy"), &file).unwrap();
            touch(&file, s.store.days_ago(40) + 1);
        },
        "changed",
    ),
    ("the run is another directory", |s| s.swap(&s.run, |place| fs::create_dir_all(place.join("tasks")).unwrap()), ""),
    ("the run is a link", |s| s.swap(&s.run, |place| symlink(&s.canaries, place).unwrap()), ""),
    ("the run is a file", |s| s.swap(&s.run, |place| fs::write(place, "mine").unwrap()), ""),
    ("the run is gone", |s| s.swap(&s.run, |_| ()), "gone"),
    ("its tasks are a link", |s| s.swap(&s.run.join("tasks"), |place| symlink(&s.canaries, place).unwrap()), "changed"),
    ("a task is a link", |s| s.swap(&s.run.join("tasks/own"), |place| symlink(&s.canaries, place).unwrap()), "changed"),
    (
        "a log is a link",
        |s| {
            s.swap(&s.run.join("tasks/own/stdout.log"), |place| symlink(s.canaries.join("stdout.log"), place).unwrap());
        },
        "changed",
    ),
    ("the project is a link", |s| s.swap(&s.project, |place| symlink(&s.canaries, place).unwrap()), "gone"),
    ("the project is gone", |s| s.swap(&s.project, |_| ()), "gone"),
];

fn append(path: &Path) {
    use std::io::Write as _;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more\n").unwrap();
}

fn relink(path: &Path, text: &str) {
    fs::remove_file(path).unwrap();
    symlink(text, path).unwrap();
}

#[test]
fn what_changed_since_the_plan_is_skipped_with_its_reason_and_nothing_outside_is_touched() {
    for (name, change, reason) in CHANGES {
        for refreshed in [false, true] {
            let scene = Scene::new();
            let settings = scene.store.settings();
            let mut session = scene.store.open(Access::Delete);
            let plan = scene.store.plan(&session, &keep_and_cache(30));
            assert_eq!((plan.runs.len(), plan.cache.delete.len()), (2, 4));
            change(&scene);
            let outside = Snapshot::of(&scene.store.outside(""));
            let place = fs::symlink_metadata(&scene.run).is_ok().then(|| fs::canonicalize(&scene.run).unwrap());
            let before = place.as_ref().filter(|p| p.is_dir()).map(|p| Snapshot::of(p));
            if refreshed {
                session.unlock();
            }
            let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
            let when = format!("{name}, the catalog refreshed: {refreshed}");
            let id = id_of(&scene.run);
            assert!(outcome.deleted_runs.iter().all(|(gone, _)| *gone != id), "{when}: it was removed");
            let skipped = outcome.skipped.iter().find(|s| s.id == id);
            let skipped = skipped.unwrap_or_else(|| panic!("{when}: not told as skipped: {outcome:?}"));
            assert!(refreshed || skipped.reason.contains(reason), "{when}: {}", skipped.reason);
            outside.assert_same(&Snapshot::of(&scene.store.outside("")), &format!("{when}: outside"));
            if let (Some(place), Some(before)) = (place, before) {
                before.assert_same(&Snapshot::of(&place), &when);
            }
            assert_eq!(outcome.deleted_runs.len(), 1, "{when}: the other project's run goes all the same");
        }
    }
}

#[test]
fn a_run_found_changed_is_looked_at_again_and_its_new_references_count() {
    let scene = Scene::new();
    let settings = scene.store.settings();
    let mut session = scene.store.open(Access::Delete);
    let plan = scene.store.plan(&session, &keep_and_cache(30));
    // The orphan is named now, by a run that is settled and would not be walked again.
    let text = format!("../../../.cache/{}", scene.orphan.file_name().unwrap().to_str().unwrap());
    symlink(text, scene.run.join("tasks/own/late.sh")).unwrap();
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    drop(session);
    assert!(scene.orphan.exists(), "{outcome:?}");
    assert_eq!(scene.store.look().report.walked, 1, "it is unsettled");
    // Known by now, it goes as it is.
    assert_eq!(scene.store.clean(&keep_and_cache(30)).gone(), [id_of(&scene.run)]);
}

#[test]
fn references_that_a_changed_run_makes_into_another_project_s_cache_count_as_well() {
    let scene = Scene::new();
    let api = scene.store.root.join(Era::J.project_dir("/a/api"));
    let run = api.join(scene.store.days_ago(40).to_string());
    let settings = scene.store.settings();
    let mut session = scene.store.open(Access::Delete);
    let plan = scene.store.plan(&session, &keep_and_cache(30));
    symlink(&scene.orphan, run.join("tasks/own/late.sh")).unwrap();
    clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert!(run.exists() && scene.orphan.exists());
}

#[test]
fn what_is_swapped_in_at_the_last_moment_is_put_back() {
    // After the last look, before the rename: nothing can prevent that, but it can be noticed.
    for what in ["a directory", "a link", "a file"] {
        let mut scene = Scene::new();
        let (run, aside, canaries) = (scene.run.clone(), scene.store.outside("aside"), scene.canaries.clone());
        let web_is_second = Era::J.project_dir("/a/web") > Era::J.project_dir("/a/api");
        scene.store.hook = fault::before(Act::ToTrash, if web_is_second { 2 } else { 1 }, move || {
            fs::rename(&run, &aside).unwrap();
            match what {
                "a directory" => fs::create_dir_all(run.join("tasks/mine")).unwrap(),
                "a link" => symlink(&canaries, &run).unwrap(),
                _ => fs::write(&run, "mine").unwrap(),
            }
        });
        let canaries = Snapshot::of(&scene.canaries);
        let done = scene.store.clean(&keep(30));
        assert_eq!(done.gone().len(), 1, "{what}");
        assert!(done.skipped()[0].contains("took its place"), "{what}: {:?}", done.skipped());
        match what {
            "a directory" => assert!(scene.run.join("tasks/mine").is_dir()),
            "a link" => assert!(fs::symlink_metadata(&scene.run).unwrap().is_symlink()),
            _ => assert_eq!(fs::read(&scene.run).unwrap(), b"mine"),
        }
        assert!(scene.store.outside("aside/tasks/own/stdout.log").exists(), "{what}: what was looked at is untouched");
        canaries.assert_same(&Snapshot::of(&scene.canaries), what);
        assert_eq!(scene.store.trash(), Vec::<String>::new());
    }
}

#[test]
fn an_entry_that_is_not_what_it_was_stays() {
    let changes: [(&str, Swap); 7] = [
        ("written anew, with its old time", |s| {
            fs::write(&s.orphan, "something else, of another length").unwrap();
            touch(&s.orphan, s.store.days_ago(9));
        }),
        ("written anew", |s| fs::write(&s.orphan, "something else, of another length").unwrap()),
        ("touched", |s| touch(&s.orphan, s.store.days_ago(8))),
        ("another file", |s| s.swap(&s.orphan, |place| fs::write(place, "new").unwrap())),
        ("a link", |s| s.swap(&s.orphan, |place| symlink(s.canaries.join("stdout.log"), place).unwrap())),
        ("a directory", |s| s.swap(&s.orphan, |place| fs::create_dir(place).unwrap())),
        ("in a cache that is a link", |s| {
            s.swap(&s.project.join(".cache"), |place| symlink(&s.canaries, place).unwrap());
        }),
    ];
    for (name, change) in changes {
        let scene = Scene::new();
        let settings = scene.store.settings();
        let mut session = scene.store.open(Access::Delete);
        let plan = scene.store.plan(&session, &cache_only(Age::seconds(0)));
        change(&scene);
        let (cache, outside) = (Snapshot::of(&scene.project), Snapshot::of(&scene.store.outside("")));
        let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
        assert_eq!(gone_entries(&outcome), Vec::<String>::new(), "{name}");
        assert_eq!(outcome.skipped.len() + outcome.failed.len(), 1, "{name}: {outcome:?}");
        cache.assert_same(&Snapshot::of(&scene.project), name);
        outside.assert_same(&Snapshot::of(&scene.store.outside("")), name);
    }
}

#[test]
fn parts_of_our_own_directory_that_are_links_lead_nowhere() {
    for part in ["", "trash", "tmp", "lock", "audit.jsonl", "reserve", "catalog.db"] {
        for first in [false, true] {
            let scene = Scene::new();
            let ours = scene.store.root.join(".catalog");
            if !first {
                scene.store.look();
            } else if !part.is_empty() {
                fs::create_dir(&ours).unwrap();
            }
            let (place, target) = match part {
                "" => (ours.clone(), scene.canaries.clone()),
                part => (ours.join(part), scene.canaries.join(part)),
            };
            if fs::symlink_metadata(&place).is_ok_and(|m| m.is_dir()) {
                fs::remove_dir_all(&place).unwrap();
            } else {
                let _ = fs::remove_file(&place);
            }
            symlink(target, &place).unwrap();
            let (store, outside) = (Snapshot::of(&scene.store.root), Snapshot::of(&scene.store.outside("")));
            let done = scene.store.try_clean(&keep_and_cache(30));
            outside.assert_same(&Snapshot::of(&scene.store.outside("")), &format!("`{part}` is a link: {done:?}"));
            if matches!(part, "" | "trash" | "lock") {
                assert!(done.is_err(), "`{part}` is a link");
                // A link in place of our directory is seen as an entry of the store, so compare what is not ours.
                assert_eq!(scene.store.runs_in_place().len(), 3);
                store.at("web").assert_same(&Snapshot::of(&scene.store.root).at("web"), part);
            }
            drop(scene.store.open(Access::Read));
            outside.assert_same(&Snapshot::of(&scene.store.outside("")), &format!("`{part}` is a link, and was read"));
        }
    }
}
