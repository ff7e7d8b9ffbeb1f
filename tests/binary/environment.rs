//! What the environment says: which store, which catalog, which database, what time, and the other program called otto.

use super::*;
use crate::support::chmod;

impl Room {
    /// Runs a command line as a user to whom what is closed is closed: root gives up its right to read and write everything. `None`
    /// where it cannot give that up.
    pub(super) fn otto_as_a_user(&self, line: &str) -> Option<Ran> {
        if !rustix::process::geteuid().is_root() {
            return Some(self.otto(line));
        }
        let without = |program: &str| {
            const RIGHTS: &str = "-dac_override,-dac_read_search";
            let mut command = self.seal(Command::new("setpriv"));
            command.args(["--bounding-set", RIGHTS, "--inh-caps", RIGHTS, program]);
            command
        };
        if !without("true").status().is_ok_and(|status| status.success()) {
            return None;
        }
        let mut command = without(binary());
        command.args(line.split_whitespace());
        Some(Ran::of(command))
    }
}

/// A store of one run below the working directory.
fn store_with(room: &Room, name: &str, cwd: &str) -> String {
    let path = room.path(name);
    StoreBuilder::new(&path).unwrap().run(run(cwd, 40, false)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn projects(ran: Ran) -> Vec<String> {
    let list = ran.json();
    list.as_array().unwrap().iter().map(|item| item["project_name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn home_beats_otto_home_beats_the_default() {
    let (room, _) = Room::shop();
    let (first, second) = (store_with(&room, "first", "/w/first"), store_with(&room, "second", "/w/second"));
    assert_eq!(projects(room.otto("list --json")).len(), 9);
    let room = room.with("OTTO_HOME", &first);
    assert_eq!(projects(room.otto("list --json")), ["first"]);
    assert_eq!(projects(room.otto_with(&["list", "--json", "--home", &second])), ["second"]);
    assert_eq!(projects(room.otto_with(&["--home", "second", "list", "--json"])), ["second"], "relative to here");
    let before = room.snapshot();
    room.otto("clean --keep 30 --yes").code(0);
    assert_eq!(runs_below(Path::new(&first)).len(), 0);
    assert_eq!(runs_below(Path::new(&second)).len(), 1);
    before.assert_same(&room.snapshot(), "the default store");
    let room = room.with("OTTO_HOME", "");
    assert_eq!(projects(room.otto("list --json")).len(), 9, "set to nothing is not set");
    room.otto_with(&["list", "--home", ""]).refused(2, &["--home"]);
}

#[test]
fn without_a_home_somebody_has_to_name_the_store() {
    let (room, _) = Room::shop();
    let mut command = room.command(&["list"]);
    command.env_remove("HOME");
    Ran::of(command).refused(2, &["HOME is not set", "--home"]);
    let mut command = room.command(&["list", "--home", room.store.to_str().unwrap()]);
    command.env_remove("HOME");
    assert!(Ran::of(command).done().starts_with("PROJECT"));
}

#[test]
fn the_catalog_can_lie_elsewhere() {
    let (room, shop) = Room::shop();
    let (by_variable, by_flag) = (room.path("variable.db"), room.path("flag.db"));
    let room = room.with("OTTO_CATALOG", by_variable.to_str().unwrap());
    assert_eq!(room.listed(), shop.all_but(&[]));
    assert!(by_variable.exists() && !room.store.join(".catalog/catalog.db").exists());
    room.otto_with(&["list", "--catalog", by_flag.to_str().unwrap()]).code(0);
    assert!(by_flag.exists());
    use std::os::unix::fs::PermissionsExt as _;
    for path in [&by_variable, &by_flag] {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}: arguments hold secrets", path.display());
    }
    room.otto("clean --keep 80 --yes").code(0);
    assert_eq!(room.listed(), shop.all_but(&[shop.api(90)]));
    assert!(!room.store.join(".catalog/catalog.db").exists());
}

#[test]
fn our_own_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (room, _) = Room::shop();
    room.otto("clean --keep 80 --yes").code(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let ours = room.store.join(".catalog");
    assert_eq!(mode(&ours), 0o700);
    for name in ["catalog.db", "audit.jsonl", "lock"] {
        assert_eq!(mode(&ours.join(name)), 0o600, "{name}");
    }
}

#[test]
fn the_runners_database_is_where_its_variable_says() {
    let (room, _) = Room::shop();
    let elsewhere = room.path("otto.db");
    for suffix in ["", "-wal", "-shm"] {
        let from = room.store.join(format!("otto.db{suffix}"));
        if from.exists() {
            fs::rename(from, format!("{}{suffix}", elsewhere.display())).unwrap();
        }
    }
    let before = Snapshot::of(&room.work());
    let sources = |room: &Room| -> Vec<String> {
        let list = room.otto("list --json").json();
        list.as_array().unwrap().iter().map(|item| item["status_source"].as_str().unwrap().to_owned()).collect()
    };
    assert!(sources(&room).iter().all(|source| source != "runner-db"));
    let room = room.with("OTTO_DB_PATH", elsewhere.to_str().unwrap());
    assert!(sources(&room).iter().all(|source| source == "runner-db"), "{:?}", sources(&room));
    before.assert_same(&Snapshot::of(&room.work()), "the runner's database elsewhere");
}

#[test]
fn the_clock_is_what_otto_now_says() {
    let (room, shop) = Room::shop();
    let later = "2025-07-15T15:06:40Z";
    let room = room.with("OTTO_NOW", later);
    let dry = room.otto("clean --keep 30 --dry-run --json").json();
    assert_eq!(dry["now"], later);
    let kept = sorted_ids(&dry["runs"]["keep"]);
    assert_eq!(kept, Vec::<String>::new(), "thirty days later, {} is old too", shop.web(1));
    let room = room.with("OTTO_NOW", "yesterday");
    room.otto("list").refused(2, &["OTTO_NOW", "yesterday", "RFC 3339"]);
}

#[test]
fn a_store_that_takes_no_catalog_is_served_from_memory_and_not_cleaned() {
    let (room, shop) = Room::shop();
    // A file in its place stops root as well.
    fs::write(room.store.join(".catalog"), "in the way").unwrap();
    let before = room.snapshot();
    let ran = room.otto("list --json").code(0);
    assert_eq!(sorted_ids(&serde_json::from_str(&ran.stdout).unwrap()), shop.all_but(&[]));
    assert_eq!(ran.stderr.lines().count(), 1, "one notice: {ran:#?}");
    assert!(ran.stderr.contains("no catalog is kept"), "{ran:#?}");
    room.otto("usage").code(0).says(&["Otto Disk Usage"]);
    room.otto("clean --keep 30 --dry-run").code(0).says(&["Would remove: 5 runs"]);
    let refused = room.otto("clean --keep 30 --yes").code(1);
    assert!(refused.stderr.contains(".catalog"), "{refused:#?}");
    before.assert_same(&room.snapshot(), "a store without a catalog");
    assert_eq!(fs::read(room.store.join(".catalog")).unwrap(), b"in the way");
}

#[test]
fn a_store_that_cannot_be_written_is_read() {
    let (room, shop) = Room::shop();
    chmod(&room.store, 0o555);
    let Some(ran) = room.otto_as_a_user("list --json").map(|ran| ran.code(0)) else { return };
    assert_eq!(sorted_ids(&serde_json::from_str(&ran.stdout).unwrap()), shop.all_but(&[]));
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:#?}");
    room.otto_as_a_user("clean --keep 30 --yes").unwrap().code(1);
    assert_eq!(room.runs(), shop.all_but(&[]));
    chmod(&room.store, 0o755);
}

#[test]
fn what_is_not_ours_goes_to_the_runner_untouched() {
    let (room, _) = Room::shop();
    let before = room.snapshot();
    // `printf` says word for word what it was given.
    let room = room.with("OTTO_RUNNER", "/usr/bin/printf");
    let ran = room.otto_with(&["%s|", "build", "--json", "a b", "", "-x", "--home", "*"]);
    assert_eq!(ran.done(), "build|--json|a b||-x|--home|*|");
    assert!(room.otto("list").done().starts_with("PROJECT"), "ours stay ours");
    room.otto("--help").code(0).says(&["Examples:"]);
    room.otto("Clean --keep-days 30").code(4).says(&["Would remove"]);
    let room = room.with("OTTO_RUNNER", "/bin/sh");
    assert_eq!(room.otto_with(&["-c", "echo out; echo err >&2; exit 7"]).code, 7);
    let room = room.with("OTTO_RUNNER", "printf");
    assert_eq!(room.otto_with(&["%s", "a word is looked up on the PATH"]).done(), "a word is looked up on the PATH");
    for missing in ["/nonexistent/runner", "./runner", "no-such-runner"] {
        let room = Room::empty().with("OTTO_RUNNER", missing);
        room.otto("build").refused(1, &["there is no", missing, "OTTO_RUNNER", "unset it"]);
    }
    fs::write(room.path("script"), "#!/bin/sh\n").unwrap();
    let room = room.with("OTTO_RUNNER", "./script");
    room.otto("build").refused(1, &["cannot start", "./script", "OTTO_RUNNER", "Permission denied"]);
    before.assert_same(&room.snapshot(), "a command that is the runner's");
    let room = room.with("OTTO_RUNNER", "");
    room.otto("build").refused(2, &["build"]);
}

#[test]
fn a_runner_that_is_this_program_by_whatever_name_is_refused() {
    use std::os::unix::fs::symlink;
    let room = Room::empty();
    let folder = room.path("bin");
    fs::create_dir(&folder).unwrap();
    symlink(binary(), folder.join("linked")).unwrap();
    symlink("linked", folder.join("twice")).unwrap();
    // A second name of the same file, and not a copy, which would be a program of its own.
    let hard = Path::new(binary()).with_file_name(format!("otto-by-another-name-{}", std::process::id()));
    fs::hard_link(binary(), &hard).unwrap();
    let path = format!("/nonexistent:{}:/usr/bin:/bin", folder.display());
    let room = room.with("PATH", &path);
    let names = [binary(), "./bin/linked", "bin/twice", "linked", hard.to_str().unwrap()];
    let refused = names.map(|name| {
        let mut command = room.command(&["build"]);
        command.env("OTTO_RUNNER", name);
        (name, Ran::of(command))
    });
    fs::remove_file(&hard).unwrap();
    for (name, ran) in refused {
        ran.refused(2, &["OTTO_RUNNER names this very program", name, "hint:"]);
    }
}
