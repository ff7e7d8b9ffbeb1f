//! What goes wrong, in the words that help: the thing, the nearest right one, the exit code; and nothing is deleted.

use super::*;

#[test]
fn what_is_mistyped_is_refused_with_what_was_meant() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let prefix = format!("{}", began(1)).chars().take(4).collect::<String>();
    let candidates = [shop.web(1), shop.api(5)];
    let cases: &[(&str, &[&str])] = &[
        ("lst", &["there is no command `lst`", "did you mean `list`?"]),
        ("", &["Usage:"]),
        ("list --bogus", &["--bogus", "--help"]),
        ("list --limt 3", &["--limt", "'--limit'"]),
        ("list --limit -1", &["--limit", "negative"]),
        ("list --limit many", &["--limit", "many"]),
        ("list --status broken", &["broken", "success", "interrupted"]),
        ("list --older-than 5m", &["5min", "5mo"]),
        ("list --newer-than 2025-13-01", &["2025-13-01", "not a date"]),
        ("list --project wbe", &["no project `wbe`", "did you mean `web`"]),
        ("usage --project zzzz", &["no project `zzzz`", "projects here: api, web"]),
        ("clean --project we --yes", &["no project `we`", "`web`"]),
        ("info", &["<RUN>"]),
        ("info 17", &["no run `17`", "4 digits"]),
        ("info nothing", &["no run `nothing`", "latest"]),
        ("info latest-99", &["no run `latest-99`", "otto list"]),
        ("info latest-x", &["latest-x", "latest-1"]),
        ("info wbe:latest", &["no project `wbe`", "`web`"]),
        (&format!("info {prefix}"), &["means several runs", &candidates[0], &candidates[1], "name one by its id"]),
        ("index --full --rebuild", &["--full", "--rebuild"]),
        ("demo one two", &["two"]),
    ];
    for (line, words) in cases {
        room.otto(line).refused(2, words);
    }
    before.assert_same(&room.snapshot(), "a mistyped command");
}

#[test]
fn a_policy_that_makes_no_sense_deletes_nothing() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    let cases: &[(&str, &[&str])] = &[
        ("--keep 5m", &["`5m`", "5min", "5mo"]),
        ("--keep -1", &["--keep", "negative"]),
        ("--keep 1e9", &["--keep"]),
        ("--keep 99999999999999999999", &["--keep"]),
        ("--keep 0", &["keeps no run at all", "nothing was deleted"]),
        ("--keep 0 --keep-last-success", &["keeps no run for certain", "no last success", "nothing was deleted"]),
        ("--keep 0 --keep-tag v1", &["keeps no run for certain", "no such tag"]),
        ("--keep 0 --keep-failed 0", &["keeps no run at all"]),
        ("--keep 0 --keep-last 0", &["keeps no run at all"]),
        ("--keep-last -3", &["--keep-last", "negative"]),
        ("--keep-last ten", &["--keep-last", "ten"]),
        ("--keep-failed 7q", &["--keep-failed", "7q"]),
        ("--cache --cache-only", &["--cache", "--cache-only"]),
        ("--stale", &["--cache-only"]),
        ("--keep 30 --stale --cache", &["--stale", "--cache"]),
        ("--cache-grace -1h --cache", &["--cache-grace", "negative"]),
        ("--keep 30 --keep 10", &["--keep"]),
        ("--max-delete -1", &["--max-delete", "negative"]),
        ("--max-delete 101%", &["--max-delete", "more than all"]),
        ("--max-delete some", &["--max-delete", "no limit"]),
        ("--project nobody", &["no project `nobody`"]),
        ("--trsh", &["--trsh"]),
        ("everything", &["everything"]),
    ];
    for (flags, words) in cases {
        room.otto(&format!("clean --yes {flags}")).refused(2, words);
        room.otto(&format!("clean --dry-run {flags}")).refused(2, words);
    }
    before.assert_same(&room.snapshot(), "a policy that makes no sense");
}

#[test]
fn a_store_that_is_named_must_be_there_and_the_default_one_need_not() {
    let room = Room::empty();
    for line in ["list", "usage", "index", "info latest", "clean --yes", "clean --dry-run"] {
        let words = ["no store at `nowhere`", "--home", "otto demo"];
        room.otto(&format!("{line} --home nowhere")).refused(1, &words);
    }
    let named = Room::empty().with("OTTO_HOME", "/nonexistent/otto");
    named.otto("list").refused(1, &["no store at `/nonexistent/otto`"]);
    assert_eq!(room.otto("list").code(0), Ran { stdout: String::new(), stderr: "no runs\n".into(), code: 0 });
    room.otto("usage").code(0).says(&["Otto Disk Usage: 0 B"]);
    room.otto("index").code(0).says(&["0 runs, 0 projects"]);
    room.otto("clean --yes").code(0).says(&["Runs found: 0"]);
    room.otto("clean --keep 30 --cache --dry-run").code(0).says(&["Would remove: 0 runs"]);
    assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], 0);
    room.otto("info latest").refused(2, &["no run `latest`"]);
    assert!(!room.store.exists() && !room.path("nowhere").exists(), "a store came out of nothing");
}

#[test]
fn a_store_that_is_a_file_or_a_dangling_link_is_an_error() {
    let room = Room::empty();
    fs::write(room.path("file"), "text").unwrap();
    std::os::unix::fs::symlink("nothing", room.path("link")).unwrap();
    for line in ["list", "usage --json", "index", "clean --yes", "clean --dry-run"] {
        room.otto(&format!("{line} --home file")).refused(1, &["`file`", "not a directory"]);
        room.otto(&format!("{line} --home link")).refused(1, &["`link`"]);
    }
    assert_eq!(fs::read(room.path("file")).unwrap(), b"text");
    assert!(!room.path("nothing").exists());
}

#[test]
fn a_link_to_a_store_is_the_store() {
    let (room, shop) = Room::shop();
    std::os::unix::fs::symlink(&room.store, room.path("link")).unwrap();
    room.otto("clean --keep 80 --yes --home link").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.api(90)]));
    assert!(fs::read_link(room.path("link")).is_ok());
}

#[test]
fn a_home_that_looks_like_a_store_is_never_cleaned_and_gets_nothing_of_ours() {
    let room = Room::empty();
    let home = room.user_home();
    // What somebody's home may well hold: a database of that name, a directory that is named like a project.
    let mut builder = StoreBuilder::new(&home).unwrap();
    builder.run(run("/home/dev/web", 400, false)).unwrap();
    builder.runner_db(2, practice::WalState::Clean).unwrap();
    let before = Snapshot::of(&home);
    let home = home.to_str().unwrap();
    for line in ["clean --keep 1 --yes", "clean --keep 1 --dry-run", "clean --cache-only --yes"] {
        room.otto_with(&[&line.split(' ').collect::<Vec<_>>()[..], &["--home", home]].concat())
            .refused(5, &[home, "is never cleaned"]);
        room.otto_with(&[&line.split(' ').collect::<Vec<_>>()[..], &["--home", "/"]].concat())
            .refused(5, &["`/` is never cleaned"]);
    }
    for line in ["list", "usage"] {
        room.otto_with(&[line, "--home", home]).code(0);
    }
    before.assert_same(&Snapshot::of(Path::new(home)), "home");
    assert!(!Path::new(home).join(".catalog").exists(), "home got a catalog");
}

#[test]
fn a_directory_without_the_shape_of_a_store_is_never_cleaned_and_gets_nothing_of_ours() {
    let room = Room::empty();
    let plain = room.path("plain");
    for part in ["photos-deadbeef/2023", "1234567890", "notes"] {
        fs::create_dir_all(plain.join(part)).unwrap();
        fs::write(plain.join(part).join("a.txt"), "mine").unwrap();
    }
    let before = Snapshot::of(&plain);
    for line in ["clean --keep 1 --yes", "clean --keep 1 --dry-run"] {
        room.otto(&format!("{line} --home plain")).refused(1, &["`plain` is not an otto store", "--home"]);
    }
    for line in ["list", "usage", "index", "info latest"] {
        room.otto(&format!("{line} --home plain")).refused(1, &["`plain` is not an otto store", "--home"]);
    }
    before.assert_same(&Snapshot::of(&plain), "a plain directory");
    assert!(!plain.join(".catalog").exists());
}
