//! Imports that died with runs in their places, where what is told of those runs cannot be noted yet: it is kept until it
//! can be.

use super::stopped::Scene;
use super::*;
use crate::support::fault::{self, until_stopped};
use crate::support::rights::{as_a_user, chmod};
use otto_catalog::clean::{self, Recovery};
use otto_catalog::session;
use otto_catalog::store::change::{Act, Hook};

/// A store into which everything came, before the log had it. Gives what is told of it as well.
fn stopped(scene: &Scene) -> (Store, PathBuf) {
    let mut store = scene.empty();
    store.hook = fault::before(Act::Audit, 1, || fault::stop().unwrap());
    assert!(until_stopped(|| store.import(&scene.path)).is_none());
    store.hook = Hook::default();
    assert_eq!(store.runs_in_place(), scene.runs);
    let import = store.root.join(".catalog/import");
    let told = import.join(&names_in(&import)[0]).join("import.json");
    assert!(told.is_file());
    (store, told)
}

fn try_recover(store: &Store) -> Result<Recovery, session::Error> {
    let settings = store.settings();
    let mut session = store.try_open(Access::Delete)?;
    clean::recover(&mut session, &settings, &execution())
}

#[test]
fn a_project_that_cannot_be_looked_at_keeps_what_is_told_of_the_runs_in_it() {
    for closed in [0o000, 0o400, 0o100] {
        let scene = Scene::new();
        let (mut store, told) = stopped(&scene);
        let project = store.root.join(&scene.runs[1]).parent().unwrap().to_owned();
        chmod(&project, closed);
        let refused = as_a_user(|| try_recover(&store));
        chmod(&project, 0o755);
        assert!(matches!(refused, Err(session::Error::ImportStays { .. })), "{closed:o}: {refused:?}");
        assert!(told.is_file(), "{closed:o}: dropped");
        scene.assert_ends_well(&mut store, &format!("{closed:o}"));
        scene.assert_noted_once(&store, &format!("{closed:o}"));
    }
}

#[test]
fn a_cache_that_cannot_be_looked_at_keeps_what_is_told_of_its_entries() {
    let scene = Scene::new();
    let (mut store, told) = stopped(&scene);
    let cache = store.root.join(&scene.runs[1]).parent().unwrap().join(".cache");
    chmod(&cache, 0);
    let refused = as_a_user(|| try_recover(&store));
    chmod(&cache, 0o755);
    assert!(matches!(refused, Err(session::Error::ImportStays { .. })), "{refused:?}");
    assert!(told.is_file(), "dropped");
    scene.assert_ends_well(&mut store, "the cache was closed");
}

#[test]
fn runs_that_were_looked_at_while_nothing_was_told_of_them_are_looked_at_again() {
    let scene = Scene::new();
    let (mut store, told) = stopped(&scene);
    chmod(&told, 0);
    drop(as_a_user(|| store.open(Access::Read)));
    chmod(&told, 0o600);
    scene.assert_ends_well(&mut store, "told later");
}

#[test]
fn a_clean_is_refused_while_what_an_import_told_of_its_runs_cannot_be_read() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil, &str); 4] = [
        ("damaged", |told| std::fs::write(told, "{").unwrap(), "EOF"),
        ("later", |told| std::fs::write(told, r#"{"schema": "otto.arrivals/2"}"#).unwrap(), "otto.arrivals/2"),
        ("closed", |told| chmod(told, 0), "Permission denied"),
        (
            "a directory",
            |told| {
                std::fs::remove_file(told).unwrap();
                std::fs::create_dir(told).unwrap();
            },
            "no regular file",
        ),
    ];
    for (way, spoil, cause) in ways {
        let scene = Scene::new();
        let (store, told) = stopped(&scene);
        spoil(&told);
        let error = as_a_user(|| store.try_clean(&keep(5))).unwrap_err();
        let session::Error::ImportStays { path, source } = &error else { panic!("{way}: {error:?}") };
        assert_eq!((path, source.to_string().contains(cause)), (&told, true), "{way}: {source}");
        assert_eq!(store.runs_in_place(), scene.runs, "{way}");
        // Whoever reads is told, and gets an answer.
        let session = as_a_user(|| store.open(Access::Read));
        assert_eq!(session.catalog.runs(&RunFilter::default()).unwrap().len(), scene.runs.len(), "{way}");
        let problems: Vec<_> = session.report.problems.iter().map(ToString::to_string).collect();
        assert!(problems.len() == 1 && problems[0].contains("imported runs"), "{way}: {problems:?}");
        assert!(as_a_user(|| store.try_import(&scene.path)).is_err(), "{way}");
    }
}

#[test]
fn a_clean_is_refused_when_ending_an_import_fails_at_any_change() {
    let scene = Scene::new();
    let ended = {
        let (mut store, _) = stopped(&scene);
        let (hook, seen) = fault::watch();
        store.hook = hook;
        try_recover(&store).unwrap();
        seen.acts()
    };
    assert!(ended.contains(&Act::Audit) && ended.contains(&Act::Commit), "{ended:?}");
    let settling = ended.iter().position(|act| *act == Act::Unlink).unwrap();
    let mut refused = 0;
    for n in 1..=settling {
        for error in [rustix::io::Errno::IO, rustix::io::Errno::NOSPC] {
            let (mut store, told) = stopped(&scene);
            store.hook = fault::fail_at(n, error).0;
            let when = format!("{error:?} at {n} of {ended:?}");
            if let Err(error) = store.try_clean(&keep(5)) {
                refused += 1;
                assert!(told.is_file(), "{when}: {error}");
                assert_eq!(store.runs_in_place(), scene.runs, "{when}");
                scene.assert_ends_well(&mut store, &when);
            } else {
                assert!(!told.exists(), "{when}: cleaned beside what is not settled");
            }
        }
    }
    assert!(refused > 2, "{refused}");
}

#[test]
fn one_that_cannot_be_ended_does_not_keep_the_others_from_being_ended() {
    let scene = Scene::new();
    let (mut store, told) = stopped(&scene);
    let import = store.root.join(".catalog/import");
    for name in ["0", "z"] {
        std::fs::create_dir(import.join(name)).unwrap();
        std::fs::write(import.join(name).join("import.json"), "{").unwrap();
    }
    assert!(matches!(try_recover(&store), Err(session::Error::ImportStays { .. })));
    assert_eq!(names_in(&import), ["0", "z"], "{}", told.display());
    scene.assert_noted_once(&store, "beside others");
    std::fs::remove_dir_all(&import).unwrap();
    scene.assert_ends_well(&mut store, "beside others");
}
