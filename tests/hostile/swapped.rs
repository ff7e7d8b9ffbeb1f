//! Links and directories swapped in at every change that a clean makes, and all the time while the real program runs.
//!
//! The canaries are a copy of the whole store, so that a walk through a link finds exactly what it looks for. What is swapped
//! in is a link to the canary of the same name, or that canary itself, by `rename`.

use super::canary::Canaries;
use crate::support::fault;
use crate::support::trash::kept;
use crate::support::*;
use otto_catalog::clean::{self, Request};
use otto_catalog::model::Age;
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How a canary is brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Swap {
    /// A link to it.
    Link,
    /// Itself.
    Rename,
}

/// A store, and its copy outside.
struct Scene {
    store: Store,
    canaries: PathBuf,
    /// Every kind of thing that a clean meets, relative to the store.
    places: Vec<PathBuf>,
}

impl Scene {
    fn new() -> Self {
        let store = Store::in_memory();
        let mut builder = store.builder();
        let spec = |days: i64| {
            let own = TaskSpec::ok("own").script(format!("echo {days}")).artifact("report/deep/a.txt", "a");
            RunSpec::new(Era::L, "/home/dev/web", store.days_ago(days)).task(own).task(TaskSpec::ok("shared"))
        };
        let run = builder.run(spec(40)).unwrap();
        builder.run(spec(2)).unwrap();
        let project = run.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let orphan = builder.orphan(&project, Some(store.days_ago(9))).unwrap();
        let nested = builder.run(RunSpec::new(Era::B, "/home/dev/old", store.days_ago(50)).task(TaskSpec::ok("build")));
        let nested = nested.unwrap().parent().unwrap().join(".cache/build");
        builder.runner_db(5, WalState::LeftBehind).unwrap();
        // So that our own directory is there, and among the places.
        store.look();
        let canaries = store.outside("canaries");
        let copied = Command::new("/bin/cp").arg("-a").arg(&store.root).arg(&canaries).status().unwrap();
        assert!(copied.success());
        let relative = |path: &Path| path.strip_prefix(&store.root).unwrap().to_owned();
        let in_run = |part: &str| relative(&run).join(part);
        let places = vec![
            PathBuf::new(),
            PathBuf::from(&project),
            relative(&run),
            PathBuf::from(&project).join(".cache"),
            relative(&orphan),
            relative(&nested),
            PathBuf::from(".catalog"),
            PathBuf::from(".catalog/catalog.db"),
            PathBuf::from("otto.db"),
            in_run("tasks"),
            in_run("tasks/own"),
            in_run("tasks/own/stdout.log"),
            in_run("tasks/own/script.sh"),
            in_run("tasks/own/report"),
            in_run(".lock"),
        ];
        Self { store, canaries, places }
    }

    /// With a clean that died, where that work is to mend one.
    fn ready_for(work: Work) -> Self {
        let mut scene = Self::new();
        let wanted = match work {
            Work::Clean | Work::Trash => return scene,
            Work::Undo | Work::Empty => {
                scene.store.clean(&kept(everything()));
                return scene;
            }
            Work::PutBack => Act::Commit,
            Work::Finish => Act::Unlink,
        };
        scene.store.hook = Hook::new(move |act| if act == wanted { fault::stop() } else { Ok(()) });
        assert!(fault::until_stopped(|| scene.store.clean(&everything())).is_none(), "{work:?}: not stopped");
        scene.store.hook = Hook::default();
        scene
    }

    /// What becomes of it is no matter here.
    fn work(&self, work: Work) {
        match work {
            Work::Clean => drop(self.store.try_clean(&everything())),
            Work::Trash => drop(self.store.try_clean(&kept(everything()))),
            Work::Undo => drop(self.store.try_undo()),
            Work::Empty => drop(self.store.try_empty(None)),
            Work::PutBack | Work::Finish => {
                let settings = self.store.settings();
                if let Ok(mut session) = self.store.try_open(Access::Delete) {
                    let _ = clean::recover(&mut session, &settings, &execution());
                }
            }
        }
    }

    /// Brings the canary of a place in; whether there was anything in that place.
    fn swap(root: &Path, canaries: &Path, place: &Path, aside: &Path, swap: Swap) -> bool {
        let (here, canary) = (root.join(place), canaries.join(place));
        if fs::rename(here.as_os_str().to_str().unwrap().trim_end_matches('/'), aside).is_err() {
            return false;
        }
        let here = here.as_os_str().to_str().unwrap().trim_end_matches('/').to_owned();
        match swap {
            Swap::Link => symlink(canary, here).unwrap(),
            Swap::Rename => fs::rename(canary, here).unwrap(),
        }
        true
    }
}

/// Of the changes, which to try: all of them where time is no matter, else some.
fn stride() -> usize {
    if crate::support::at_length() { 1 } else { 5 }
}

/// What a swap is tried in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A clean.
    Clean,
    /// The recovery of a clean that died before it decided: everything is put back.
    PutBack,
    /// The recovery of a clean that died after: what lies in the trash goes.
    Finish,
    /// A clean into the trash.
    Trash,
    /// Its undoing.
    Undo,
    /// The emptying of the trash.
    Empty,
}

#[test]
fn a_link_swapped_in_at_any_change_of_a_clean_leads_to_no_canary() {
    links(Work::Clean, 100);
}

#[test]
fn a_link_swapped_in_at_any_change_of_a_recovery_leads_to_no_canary() {
    links(Work::PutBack, 20);
    links(Work::Finish, 20);
}

#[test]
fn a_link_swapped_in_at_any_change_of_a_clean_into_the_trash_leads_to_no_canary() {
    links(Work::Trash, 60);
}

#[test]
fn a_link_swapped_in_at_any_change_of_an_undo_or_an_emptying_leads_to_no_canary() {
    links(Work::Undo, 20);
    links(Work::Empty, 20);
}

#[expect(clippy::print_stdout, reason = "what was tried is told to whoever asks with --nocapture")]
fn links(work: Work, at_least: usize) {
    let acts = acts(work);
    println!("{work:?}: {acts:?}");
    let mut swaps = 0;
    for at in 0..Scene::new().places.len() {
        // Another part of the changes for each place, so that over all places every change is tried.
        for n in (1 + at % stride()..=acts.len()).step_by(stride()) {
            let (scene, swapped) = disturbed(work, at, n, Swap::Link);
            let place = &scene.places[at];
            let when = format!("{work:?}: `{}` a link before change {n} ({:?})", place.display(), acts[n - 1]);
            let Some((before, _)) = swapped else { continue };
            before.assert_unchanged(&Canaries::at(&scene.canaries), &when);
            swaps += 1;
            if place.as_os_str().is_empty() {
                // A store that is a link is the store that it leads to.
                continue;
            }
            // Nor does whoever mends it follow.
            let _ = scene.store.try_clean(&everything());
            before.assert_unchanged(&Canaries::at(&scene.canaries), &format!("{when}, and cleaned again"));
        }
    }
    assert!(swaps >= at_least, "{work:?}: only {swaps} swaps came to pass");
}

#[test]
fn a_directory_renamed_into_a_place_at_any_change_is_not_taken_for_what_was_there() {
    let acts = acts(Work::Clean);
    let places = Scene::new().places.len();
    let mut swaps = 0;
    for at in 0..places {
        for n in (1 + at % stride()..=acts.len()).step_by(stride()) {
            let (scene, swapped) = disturbed(Work::Clean, at, n, Swap::Rename);
            let place = &scene.places[at];
            let when = format!("`{}` another one before change {n} ({:?})", place.display(), acts[n - 1]);
            let Some((_, before)) = swapped else { continue };
            swaps += 1;
            // Ours are ours: a catalog that is another one may be written, and so may what lies about it.
            if !place.starts_with(".catalog") && !place.as_os_str().is_empty() {
                before.assert_unchanged(&Canaries::below(&scene.store.root.join(place)), &when);
            }
        }
    }
    assert!(swaps > 50, "only {swaps} swaps came to pass");
}

#[test]
fn whatever_is_swapped_in_between_plan_and_execution_no_canary_changes() {
    for at in 0..Scene::new().places.len() {
        for swap in [Swap::Link, Swap::Rename] {
            for refreshed in [false, true] {
                let scene = Scene::new();
                let settings = scene.store.settings();
                let mut session = scene.store.open(Access::Delete);
                let plan = scene.store.plan(&session, &everything());
                let place = scene.places[at].clone();
                let when = format!("`{}`, {swap:?}, refreshed: {refreshed}", place.display());
                let whole = Canaries::at(&scene.canaries);
                let below = Canaries::below(&scene.canaries.join(&place));
                let aside = scene.store.outside("aside");
                assert!(Scene::swap(&scene.store.root, &scene.canaries, &place, &aside, swap), "{when}");
                if refreshed {
                    session.unlock();
                }
                let _ = clean::execute(&mut session, &settings, plan, &execution());
                match swap {
                    Swap::Link => whole.assert_unchanged(&Canaries::at(&scene.canaries), &when),
                    Swap::Rename if place.starts_with(".catalog") || place.as_os_str().is_empty() => {}
                    Swap::Rename => below.assert_unchanged(&Canaries::below(&scene.store.root.join(&place)), &when),
                }
            }
        }
    }
}

/// `clean --keep 30 --cache --cache-grace 0`.
fn everything() -> Request {
    Request { cache_grace: Some(Age::seconds(0)), ..keep_and_cache(30) }
}

/// The changes of that work when nobody disturbs it.
fn acts(work: Work) -> Vec<Act> {
    let mut scene = Scene::ready_for(work);
    let (hook, seen) = fault::watch();
    scene.store.hook = hook;
    scene.work(work);
    scene.store.hook = Hook::default();
    scene.store.clean(&everything());
    assert_eq!(scene.store.runs_in_place().len(), 1, "what was to go is gone");
    seen.acts()
}

/// That work with one place swapped before its `n`-th change; what the canaries were just before, whole and below that place.
fn disturbed(work: Work, at: usize, n: usize, swap: Swap) -> (Scene, Option<(Canaries, Canaries)>) {
    let mut scene = Scene::ready_for(work);
    let count = AtomicUsize::new(0);
    let noted = Arc::new(Mutex::new(None));
    let (root, canaries, place) = (scene.store.root.clone(), scene.canaries.clone(), scene.places[at].clone());
    let (aside, note) = (scene.store.outside("aside"), Arc::clone(&noted));
    scene.store.hook = Hook::new(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) + 1 == n {
            let before = (Canaries::at(&canaries), Canaries::below(&canaries.join(&place)));
            if Scene::swap(&root, &canaries, &place, &aside, swap) {
                *note.lock().unwrap() = Some(before);
            }
        }
        Ok(())
    });
    scene.work(work);
    scene.store.hook = Hook::default();
    let noted = noted.lock().unwrap().take();
    (scene, noted)
}
