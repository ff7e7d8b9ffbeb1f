//! Which runs go under which rules, and which project is meant by which word.

use super::*;

/// What is gone after a clean with these flags, of a fresh shop.
#[track_caller]
fn goes(flags: &str, gone: impl Fn(&Shop) -> Vec<String>) {
    let (room, shop) = Room::shop();
    room.otto(&format!("clean --yes {flags}")).code(0);
    assert_eq!(room.runs(), shop.all_but(&gone(&shop)), "clean {flags}");
    assert_eq!(room.listed(), room.runs(), "list after clean {flags}");
}

#[test]
fn each_rule_keeps_what_it_says() {
    goes("--keep 60", |s| vec![s.web(70), s.api(90)]);
    goes("--keep 30 --keep-last 4", |s| vec![s.web(70), s.web(50)]);
    goes("--keep 0 --keep-last 2", |s| vec![s.web(70), s.web(50), s.web(40), s.web(20), s.api(90)]);
    goes("--keep 45 --keep-failed 7", |s| vec![s.web(70), s.web(50), s.web(20), s.api(90), s.api(35)]);
    goes("--keep 30 --keep-failed 100", |s| vec![s.web(70), s.web(40), s.api(90)]);
    goes("--keep 30 --keep-failed 0", |s| vec![s.web(70), s.web(50), s.web(40), s.web(20), s.api(90), s.api(35)]);
    goes("--keep 1000", |_| Vec::new());
    goes("--keep-last 9", |_| Vec::new());
    goes("--keep 1d --keep-last 1", |s| {
        vec![s.web(70), s.web(50), s.web(40), s.web(20), s.web(10), s.api(90), s.api(35)]
    });
}

#[test]
fn a_project_is_meant_by_directory_hash_the_beginning_of_it_or_name() {
    let words = |web: &str| {
        let hash = web.rsplit_once('-').unwrap().1;
        [web.to_owned(), hash.to_owned(), hash[..4].to_owned(), "web".to_owned(), format!("{web}/")]
    };
    let mut forms = words(&Era::J.project_dir("/home/dev/web"));
    for word in &mut forms {
        let (room, shop) = Room::shop();
        let listed = sorted_ids(&room.otto_with(&["list", "--json", "--project", word]).json());
        assert!(listed.len() == 6 && listed.iter().all(|id| id.starts_with("web-")), "{word}: {listed:?}");
        let api = Snapshot::of(&room.store.join(&shop.api));
        room.otto_with(&["clean", "--keep", "30", "--cache", "--yes", "--project", word]).code(0);
        assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40)]), "{word}");
        assert!(!shop.orphan.exists());
        api.assert_same(&Snapshot::of(&room.store.join(&shop.api)), "the other project");
    }
}

#[test]
fn a_name_means_all_directories_of_that_name_and_a_shared_hash_is_refused() {
    let (room, shop) = Room::shop();
    let mut builder = room.builder();
    let other = builder.run(run("/srv/web", 60, false)).unwrap();
    // The same directory as an older runner named it: same hash, other name.
    let older = builder.run(RunSpec::new(Era::F, "/home/dev/web", began(80)).task(TaskSpec::ok("build"))).unwrap();
    let hash = shop.web.rsplit_once('-').unwrap().1;
    let older_dir = Era::F.project_dir("/home/dev/web");
    let words = [hash, "2 projects", &shop.web, &older_dir, "name one by its directory"];
    room.otto_with(&["clean", "--keep", "30", "--yes", "--project", hash]).refused(2, &words);
    assert!(other.exists() && older.exists());
    room.otto("clean --keep 30 --yes --project web").code(0);
    assert!(!other.exists() && !older.exists(), "`web` is the name of all three");
    assert!(room.store.join(shop.api(90)).exists());
    assert!(!room.store.join(shop.web(40)).exists());
}

#[test]
fn a_run_of_the_future_stays_and_does_not_count_among_the_last() {
    let (room, shop) = Room::shop();
    let future = room.builder().run(run("/home/dev/web", -40, false)).unwrap();
    room.otto("clean --keep 1s --keep-last 1 --yes").code(0);
    assert!(future.exists());
    assert!(room.store.join(shop.web(1)).exists(), "the newest that has begun");
    assert_eq!(room.runs().len(), 3);
}

#[test]
fn strict_status_takes_what_stderr_alone_tells_for_unknown() {
    let room = Room::empty();
    let mut builder = room.builder();
    // Era E: neither database nor output decides.
    let task = TaskSpec::failed("build", 1).stderr("it went wrong\n");
    let run = builder.run(RunSpec::new(Era::E, "/home/dev/web", began(10)).task(task)).unwrap();
    let item = room.otto("list --json").json()[0].clone();
    assert_eq!((&item["status"], &item["status_source"]), (&"failed".into(), &"stderr".into()), "{item:#}");
    let dry = "clean --keep 30 --keep-failed 7 --dry-run";
    room.otto(dry).code(0).says(&["Would remove: 1 run", "stderr alone", "--strict-status"]);
    room.otto("clean --keep 30 --keep-failed 7 --strict-status --yes").code(0);
    assert!(run.exists());
    room.otto("clean --keep 30 --keep-failed 7 --yes").code(0);
    assert!(!run.exists());
}

#[test]
fn an_unresolved_run_stays_until_what_failed_has_succeeded_later() {
    let room = Room::empty();
    let mut builder = room.builder();
    let mut write = |days, task| builder.run(RunSpec::new(Era::J, "/home/dev/web", began(days)).task(task)).unwrap();
    let resolved = write(60, TaskSpec::failed("build", 1));
    let succeeded = write(50, TaskSpec::ok("build"));
    let again = write(45, TaskSpec::failed("build", 1));
    let other = write(40, TaskSpec::failed("test", 1));
    write(1, TaskSpec::ok("lint"));
    let dry = room.otto("clean --keep 30 --keep-unresolved --dry-run --json").json();
    assert_eq!(dry["runs"]["delete"].as_array().unwrap().len(), 2, "{dry:#}");
    let why = other.strip_prefix(&room.store).unwrap().to_str().unwrap().to_owned();
    room.otto_with(&["why", &why, "--keep", "30", "--keep-unresolved"])
        .code(0)
        .says(&["has not succeeded since (--keep-unresolved)", "not while this holds"]);
    std::fs::write(room.store.join("config.yml"), "retention: { default: { keep_unresolved: true } }\n").unwrap();
    room.otto("clean --keep 30 --yes").code(0).says(&["failed runs until their tasks succeed"]);
    assert!(!resolved.exists() && !succeeded.exists());
    assert!(again.exists() && other.exists(), "the success of day 50 was removed, and lies before it all the same");
    // What was removed did succeed, and a later success of the same task resolves.
    write(20, TaskSpec::ok("test"));
    room.otto("clean --keep 30 --yes").code(0);
    assert!(again.exists() && !other.exists());
    room.otto("clean --keep 30 --run latest-1 --yes --keep-unresolved").code(2);
}
