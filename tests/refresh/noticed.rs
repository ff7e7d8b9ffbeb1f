//! Every change is noticed, and nothing else is read again.

use crate::support::digest::{assert_same, digest};
use crate::support::*;
use otto_catalog::index::Report;
use otto_catalog::model::{Run, RunState, Status};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, Times};
use otto_catalog::session::Access;
use std::fs;
use std::path::Path;

/// Three projects, one with a nested cache.
fn three_projects() -> Store {
    let store = Store::new();
    let mut builder = store.builder();
    for (cwd, era) in [("/a/web", Era::J), ("/a/api", Era::K), ("/a/old", Era::B)] {
        for days in [3, 5] {
            builder.run(RunSpec::new(era, cwd, store.days_ago(days)).task(TaskSpec::ok("build"))).unwrap();
        }
    }
    store
}

fn look(store: &Store) -> Report {
    let session = store.look();
    assert_same(&digest(&session.catalog), &store.digest_from_nothing(), "refreshed");
    session.report.clone()
}

fn counts(report: &Report) -> (u64, u64, u64) {
    (report.listed, report.walked, report.vanished)
}

fn find(store: &Store, path: &Path) -> Run {
    let session = store.look();
    let project = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let key = session.catalog.project_states().unwrap().into_iter().find(|p| p.dir.lossy() == project).unwrap().key;
    session.catalog.run_named(key, path.file_name().unwrap().to_str().unwrap()).unwrap().unwrap()
}

#[test]
fn where_nothing_is_new_nothing_is_listed_and_nothing_walked() {
    let store = three_projects();
    assert_eq!(counts(&look(&store)), (3, 6, 0));
    let again = look(&store);
    assert_eq!(counts(&again), (0, 0, 0));
    assert!(!again.changed, "and nothing is written");
    assert_eq!(counts(&store.open(Access::Index { full: true }).report), (3, 6, 0), "unless it is asked for");
}

#[test]
fn each_change_is_noticed_and_only_its_project_listed() {
    type Change = (&'static str, fn(&Store), (u64, u64, u64));
    let changes: [Change; 9] = [
        ("a run", |s| _ = s.write(small("/a/web", s.days_ago(1))), (1, 1, 0)),
        (
            "a run with times of the past",
            |s| {
                let path = s.write(small("/a/web", s.days_ago(9)));
                touch(path.parent().unwrap(), s.days_ago(3));
            },
            (1, 1, 0),
        ),
        ("a project", |s| _ = s.write(small("/a/new", s.days_ago(1))), (1, 1, 0)),
        ("an entry", |s| fs::write(cache_of(s, Era::J, "/a/web").join("new.sh"), "x").unwrap(), (1, 0, 0)),
        (
            "a nested entry",
            |s| fs::write(cache_of(s, Era::B, "/a/old").join("build/ffff0000"), "x").unwrap(),
            (1, 0, 0),
        ),
        ("a nested directory", |s| fs::create_dir(cache_of(s, Era::B, "/a/old").join("test")).unwrap(), (1, 0, 0)),
        (
            "an entry that went",
            |s| {
                let cache = cache_of(s, Era::J, "/a/web");
                fs::remove_file(cache.join(&names_in(&cache)[0])).unwrap();
            },
            (1, 0, 0),
        ),
        ("a run that went", |s| fs::remove_dir_all(s.root.join(&s.runs_in_place()[0])).unwrap(), (1, 0, 1)),
        ("a project that went", |s| fs::remove_dir_all(s.root.join(Era::J.project_dir("/a/web"))).unwrap(), (0, 0, 2)),
    ];
    for (name, change, expected) in changes {
        let store = three_projects();
        look(&store);
        change(&store);
        assert_eq!(counts(&look(&store)), expected, "{name}");
        assert_eq!(counts(&look(&store)), (0, 0, 0), "{name}: once");
    }
}

fn cache_of(store: &Store, era: Era, cwd: &str) -> std::path::PathBuf {
    store.root.join(era.project_dir(cwd)).join(".cache")
}

#[test]
fn a_stamp_younger_than_two_seconds_is_not_trusted() {
    let mut store = three_projects();
    let written = wall();
    store.clock.wall_ns = written * 1_000_000_000;
    assert_eq!(look(&store).listed, 3);
    // A change in the same tick of the file system's clock would leave no trace: so all are listed again.
    assert_eq!(look(&store).listed, 3);
    store.clock.wall_ns = (written + 60) * 1_000_000_000;
    assert_eq!(look(&store).listed, 3, "now they are old enough, which the next look can rely on");
    assert_eq!(look(&store).listed, 0);
}

#[test]
fn a_project_and_each_directory_of_its_cache_are_trusted_by_stamps_of_their_own() {
    for place in ["", ".cache", ".cache/build"] {
        let mut store = three_projects();
        // Written a moment ago by the clock of the fixture: no other stamp is as young.
        touch(&store.root.join(Era::B.project_dir("/a/old")).join(place), store.clock.now - 1);
        assert_eq!(look(&store).listed, 3);
        assert_eq!(look(&store).listed, 1, "`{place}` is too young to be trusted");
        store.clock.wall_ns += 60_000_000_000;
        assert_eq!(look(&store).listed, 1, "`{place}`: the look that finds it old enough");
        assert_eq!(look(&store).listed, 0, "`{place}`");
    }
}

#[test]
fn a_step_back_of_any_stamp_is_noticed() {
    for place in ["", ".cache", ".cache/build"] {
        let store = three_projects();
        look(&store);
        touch(&store.root.join(Era::B.project_dir("/a/old")).join(place), store.days_ago(400));
        assert_eq!(counts(&look(&store)), (1, 0, 0), "`{place}`");
    }
}

#[test]
fn any_difference_of_a_stamp_counts_also_a_step_back() {
    let mut store = three_projects();
    look(&store);
    let project = store.root.join(Era::J.project_dir("/a/web"));
    touch(&project, store.days_ago(400));
    assert_eq!(look(&store).listed, 1, "an older time is another time");
    // A clock that stands before the stamps: none of them can be trusted, and nothing is missed.
    store.clock.wall_ns = (wall() - 100) * 1_000_000_000;
    store.write(small("/a/web", store.days_ago(1)));
    assert_eq!(look(&store).walked, 1);
    fs::remove_dir_all(store.root.join(&store.runs_in_place()[0])).unwrap();
    assert_eq!(look(&store).vanished, 1);
}

#[test]
fn a_run_is_looked_at_until_it_is_settled() {
    let mut store = Store::new();
    let path = store.write(small("/a/web", store.now() - 120));
    for _ in 0..2 {
        assert_eq!(look(&store).walked, 1, "written two minutes ago");
    }
    // What a directory's stamp cannot show: a write below.
    fs::write(path.join("tasks/build/stdout.log"), "a longer log than before\n").unwrap();
    touch(&path.join("tasks/build/stdout.log"), store.now() - 60);
    assert_eq!(look(&store).walked, 1);
    store.set_now(store.now() + DAY - 61);
    assert_eq!(look(&store).walked, 1, "a day less a second");
    store.set_now(store.now() + 200);
    assert_eq!(look(&store).walked, 1, "the look that settles it");
    assert_eq!(look(&store).walked, 0);
}

#[test]
fn a_recorded_end_settles_at_once_and_a_process_unsettles_nothing_that_is_settled() {
    let store = Store::new();
    let mut builder = store.builder();
    let path = builder.run(RunSpec::new(Era::K, "/a/web", store.now() - 120).task(TaskSpec::ok("build"))).unwrap();
    builder.runner_db(5, otto_catalog::practice::WalState::Clean).unwrap();
    assert_eq!(look(&store).walked, 1);
    assert_eq!(look(&store).walked, 0);
    store.process(5, &path);
    assert_eq!(store.look().report.walked, 0);
    assert_eq!(
        store.clean(&keep(0).with_last(0).aged(1)).gone(),
        Vec::<String>::new(),
        "but it is seen before deleting"
    );
}

#[test]
fn a_run_that_vanishes_and_comes_back_keeps_its_row() {
    let store = three_projects();
    look(&store);
    let path = store.root.join(&store.runs_in_place()[0]);
    let before = find(&store, &path);
    fs::rename(&path, store.outside("aside")).unwrap();
    assert_eq!(look(&store).vanished, 1);
    let gone = find(&store, &path);
    assert_eq!((gone.key, gone.state), (before.key, RunState::Vanished));
    fs::rename(store.outside("aside"), &path).unwrap();
    assert_eq!(look(&store).walked, 1);
    let back = find(&store, &path);
    assert_eq!((back.key, back.state, back.size), (before.key, RunState::Present, before.size));
}

#[test]
fn another_directory_under_the_name_of_a_run_is_another_run() {
    let store = three_projects();
    let path = store.write(small("/a/web", store.days_ago(2)));
    assert_eq!(find(&store, &path).status, Status::Success);
    let other = Store::new();
    let new = RunSpec::new(Era::J, "/a/web", store.days_ago(2)).task(TaskSpec::failed("other", 1)).user("somebody");
    let new = other.write(new.times(Times::Now));
    fs::rename(&path, store.outside("aside")).unwrap();
    copy(&new, &path);
    assert_eq!(look(&store).walked, 1);
    let run = find(&store, &path);
    assert_eq!((run.status, run.context.user.as_deref()), (Status::Failed, Some("somebody")));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for name in names_in(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        let meta = fs::symlink_metadata(&from).unwrap();
        if meta.is_dir() {
            copy(&from, &to);
        } else if meta.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn a_directory_becomes_a_run_or_a_project_when_it_shows_what_makes_one() {
    let store = three_projects();
    let web = store.root.join(Era::J.project_dir("/a/web"));
    fs::create_dir(web.join("1700000000")).unwrap();
    fs::create_dir_all(store.root.join("later-00112233/1700000000")).unwrap();
    assert_eq!(store.look().catalog.runs(&Default::default()).unwrap().len(), 6);
    // The runner makes the directory, then what is in it: the stamp of the project has seen its last change.
    fs::create_dir_all(web.join("1700000000/tasks/build")).unwrap();
    fs::create_dir_all(store.root.join("later-00112233/1700000000/tasks")).unwrap();
    let session = store.look();
    assert_eq!(session.catalog.runs(&Default::default()).unwrap().len(), 8);
    assert_eq!(session.catalog.projects().unwrap().len(), 4);
}

#[test]
fn rebuilding_says_what_refreshing_said() {
    let store = three_projects();
    look(&store);
    store.write(small("/a/web", store.days_ago(1)));
    let refreshed = digest(&store.look().catalog);
    assert_same(&refreshed, &digest(&store.open(Access::Rebuild).catalog), "rebuilt");
    assert_eq!(counts(&look(&store)), (0, 0, 0), "and the next look finds nothing new");
}
