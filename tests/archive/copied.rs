//! Imports that were stopped in a store of which only a copy is left, or what a backup gave back: its runs have other
//! inodes, and are the runs that came all the same.

use super::stopped::Scene;
use super::*;
use crate::support::fault::{self, until_stopped};
use otto_catalog::archive::{Leftover, State};
use otto_catalog::clean;
use otto_catalog::session;
use otto_catalog::store::change::{Act, Hook};
use std::fs;
use std::process::Command;

/// How many cache entries come before the runs.
fn entries(scene: &Scene) -> usize {
    Archive::open(&scene.path, Limits::USUAL).unwrap().manifest().entries.len()
}

/// A store of which the import was stopped when so much was in its place.
fn stopped_after(scene: &Scene, moves: usize) -> Store {
    let mut store = scene.empty();
    let all = moves == entries(scene) + scene.runs.len();
    let (act, nth) = if all { (Act::Audit, 1) } else { (Act::PutInPlace, moves + 1) };
    store.hook = fault::before(act, nth, || fault::stop().unwrap());
    assert!(until_stopped(|| store.import(&scene.path)).is_none(), "not stopped after {moves}");
    store.hook = Hook::default();
    assert_eq!(store.runs_in_place().len(), moves.saturating_sub(entries(scene)));
    store
}

fn copy(scene: &Scene, store: &Store, how: &str) -> Store {
    let copy = scene.empty();
    fs::remove_dir(&copy.root).unwrap();
    assert!(Command::new("cp").arg(how).arg(&store.root).arg(&copy.root).status().unwrap().success());
    copy
}

/// The directory in which the one import that was stopped unpacked.
fn workplace(store: &Store) -> PathBuf {
    let import = store.root.join(".catalog/import");
    let names = names_in(&import);
    assert_eq!(names.len(), 1, "{names:?}");
    import.join(&names[0])
}

/// What is known of it, which `check`, a preview and whoever reads must say alike.
fn state(store: &Store) -> State {
    let settings = store.settings();
    let session = store.open(Access::Read);
    let [Leftover { state, .. }] = &archive::leftovers(&session)[..] else { panic!("not one import was stopped") };
    let pending = clean::pending(&session, &settings).unwrap().imports;
    match state {
        State::Nothing => assert_eq!(pending, []),
        state => assert_eq!(pending.iter().map(|import| &import.state).collect::<Vec<_>>(), [state]),
    }
    state.clone()
}

fn try_recover(store: &Store) -> Result<clean::Recovery, session::Error> {
    let settings = store.settings();
    let mut session = store.try_open(Access::Delete)?;
    clean::recover(&mut session, &settings, &execution())
}

fn forget_the_catalog(store: &Store) {
    for name in names_in(&store.root.join(".catalog")).iter().filter(|name| name.starts_with("catalog.db")) {
        fs::remove_file(store.root.join(".catalog").join(name)).unwrap();
    }
}

#[test]
fn in_a_copy_of_a_store_with_a_stopped_import_what_came_has_come_with_what_is_told_of_it() {
    let scene = Scene::new();
    let (runs, entries) = (scene.runs.len(), entries(&scene));
    assert!(entries > 0);
    for moves in 0..=runs + entries {
        let store = stopped_after(&scene, moves);
        let came = (moves.saturating_sub(entries) as u64, moves.min(entries) as u64);
        let expected = match came {
            (0, 0) => State::Nothing,
            (runs, entries) => State::Arrived { runs, entries },
        };
        assert_eq!(state(&store), expected, "where it was stopped, {moves}");
        // Not everybody copies times, rights and second names.
        for how in ["-a", "-r"] {
            assert_eq!(state(&copy(&scene, &store, how)), expected, "cp {how} after {moves}");
        }
        let mut copy = copy(&scene, &store, "-a");
        let when = format!("copied after {moves}");
        scene.assert_told(&copy, &[], &when);
        try_recover(&copy).unwrap();
        assert!(!copy.root.join(".catalog/import").exists(), "{when}");
        scene.assert_told(&copy, &[], &format!("{when}, and ended"));
        // The log has it too.
        forget_the_catalog(&copy);
        scene.assert_told(&copy, &[], &format!("{when}, ended, and the catalog lost"));
        scene.assert_ends_well(&mut copy, &when);
        scene.assert_noted_once(&copy, &when);
    }
}

#[test]
fn a_copy_made_after_the_log_had_what_came_is_noted_with_its_own_inodes() {
    let scene = Scene::new();
    let mut store = scene.empty();
    store.hook = fault::before(Act::Commit, 1, || fault::stop().unwrap());
    assert!(until_stopped(|| store.import(&scene.path)).is_none());
    store.hook = Hook::default();
    let copy = copy(&scene, &store, "-a");
    try_recover(&copy).unwrap();
    forget_the_catalog(&copy);
    scene.assert_told(&copy, &[], "noted before, copied, ended, and the catalog lost");
}

#[test]
fn a_clean_of_such_a_copy_keeps_what_a_tag_that_came_keeps() {
    let scene = Scene::new();
    let store = copy(&scene, &stopped_after(&scene, entries(&scene) + scene.runs.len()), "-a");
    let mut request = keep(1);
    request.flags.keep_tag = Some(vec!["release".to_owned()]);
    let outcome = store.clean(&request);
    assert_eq!(outcome.gone(), &scene.runs[1..], "{outcome:?}");
    assert_eq!(store.runs_in_place(), &scene.runs[..1]);
}

#[test]
fn in_a_copy_too_another_run_is_not_taken_for_one_that_was_not_moved() {
    let scene = Scene::new();
    let store = stopped_after(&scene, entries(&scene));
    let id = &scene.runs[0];
    assert!(Command::new("cp").arg("-a").arg(scene.origin(id)).arg(store.root.join(id)).status().unwrap().success());
    for store in [copy(&scene, &store, "-a"), store] {
        assert_eq!(state(&store), State::Arrived { runs: 0, entries: entries(&scene) as u64 });
        try_recover(&store).unwrap();
        let run = crate::support::trash::any_run(&store.open(Access::Read), id);
        assert_eq!(run.tags, [""; 0], "it is somebody else's");
        assert!(!store.root.join(".catalog/import").exists());
    }
}

#[test]
fn what_may_be_another_run_in_the_place_of_one_that_was_moved_is_kept_and_no_clean_is_made() {
    let scene = Scene::new();
    let all = entries(&scene) + scene.runs.len();
    let name = scene.runs[1].clone();
    type Spoil<'s> = &'s dyn Fn(&Path, &Path);
    let spoil: [(&str, Spoil<'_>); 3] = [
        ("another file", &|run, _| fs::write(run.join("notes"), "mine").unwrap()),
        ("a file of another length", &|run, _| {
            let log = run.join("tasks/build/stdout.log");
            fs::write(&log, [fs::read(&log).unwrap(), b"x".to_vec()].concat()).unwrap();
        }),
        ("nothing told of where it was unpacked", &|_, told| {
            let mut value: serde_json::Value = serde_json::from_slice(&fs::read(told).unwrap()).unwrap();
            let run = value["runs"].as_array_mut().unwrap().iter_mut().find(|run| run["id"] == name.as_str()).unwrap();
            run.as_object_mut().unwrap().remove("unpacked").expect("it is told");
            fs::write(told, value.to_string()).unwrap();
        }),
    ];
    for (what, spoil) in spoil {
        let mut copy = copy(&scene, &stopped_after(&scene, all), "-a");
        let (run, told) = (copy.root.join(&scene.runs[1]), workplace(&copy).join("import.json"));
        spoil(&run, &told);
        let State::Unclear(why) = state(&copy) else { panic!("{what}: {:?}", state(&copy)) };
        assert!(why.contains("whose run it is") && why.contains(run.to_str().unwrap()), "{what}: {why}");
        let error = copy.try_clean(&keep(1)).unwrap_err();
        assert!(matches!(error, session::Error::ImportStays { .. }), "{what}: {error:?}");
        assert!(copy.try_import(&scene.path).is_err(), "{what}");
        assert_eq!(copy.runs_in_place(), scene.runs, "{what}");
        assert!(told.is_file(), "{what}: dropped");
        // Without it, it did not come, and the others have.
        fs::remove_dir_all(&run).unwrap();
        try_recover(&copy).unwrap();
        let imported = copy.import(&scene.path);
        assert_eq!(imported.runs.len(), 1, "{what}");
        scene.assert_ends_well(&mut copy, what);
    }
}

#[test]
fn a_cache_entry_in_the_place_of_one_that_was_moved_is_it_by_its_content() {
    let scene = Scene::new();
    let copy = copy(&scene, &stopped_after(&scene, entries(&scene)), "-a");
    assert_eq!(state(&copy), State::Arrived { runs: 0, entries: entries(&scene) as u64 });
    let archive = Archive::open(&scene.path, Limits::USUAL).unwrap();
    let entry = &archive.manifest().entries[0];
    let name = |name: &otto_catalog::audit::JsonName| String::from_utf8(name.bytes().unwrap()).unwrap();
    let path = copy.root.join(name(&entry.project)).join(".cache").join(name(&entry.entry));
    let length = fs::metadata(&path).unwrap().len();
    fs::write(&path, "x".repeat(usize::try_from(length).unwrap())).unwrap();
    let others = entries(&scene) as u64 - 1;
    match others {
        0 => assert_eq!(state(&copy), State::Nothing),
        entries => assert_eq!(state(&copy), State::Arrived { runs: 0, entries }),
    }
}

#[test]
fn whoever_ends_an_import_and_dies_does_not_make_what_was_not_moved_look_moved() {
    let scene = Scene::new();
    let id = &scene.runs[0];
    let ready = || {
        let store = stopped_after(&scene, entries(&scene));
        let copied = Command::new("cp").arg("-a").arg(scene.origin(id)).arg(store.root.join(id)).status();
        assert!(copied.unwrap().success());
        store
    };
    let acts = {
        let mut store = ready();
        let (hook, seen) = fault::watch();
        store.hook = hook;
        try_recover(&store).unwrap();
        seen.acts()
    };
    let first = acts.iter().position(|act| *act == Act::Unlink).unwrap();
    assert_eq!(acts[first + 1], Act::Sync, "what is told is gone before anything else goes");
    for n in first + 1..=acts.len() {
        let mut store = ready();
        store.hook = fault::stop_at(n).0;
        assert!(until_stopped(|| try_recover(&store)).is_none());
        store.hook = Hook::default();
        try_recover(&store).unwrap();
        let run = crate::support::trash::any_run(&store.open(Access::Read), id);
        assert_eq!(run.tags, [""; 0], "its ending killed at {n} of {acts:?}");
    }
}
