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
        let _ = as_a_user(|| try_recover(&store));
        chmod(&project, 0o755);
        assert!(closed == 0o100 || told.is_file(), "{closed:o}: dropped");
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
    let _ = as_a_user(|| try_recover(&store));
    chmod(&cache, 0o755);
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
