//! Archives as their users meet them.

use super::json::fits;
use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// The statuses of all runs, and what they rest on, by id.
fn statuses(room: &Room, home: &str) -> Vec<String> {
    let list = room.otto_with(&["--home", home, "list", "--json"]).json();
    let line = |run: &Value| format!("{} {} {} {}", run["id"], run["status"], run["status_source"], run["duration_ms"]);
    let mut lines: Vec<String> = list.as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn runs_travel_to_another_store_with_all_that_is_known_of_them() {
    let (room, shop) = Room::shop();
    let said = room.otto("export --project web --older-than 30 --output web.tar.zst").done();
    assert!(said.starts_with("3 runs and 4 cache entries, "), "{said}");
    assert!(said.contains("\nin web.tar.zst ("), "{said}");
    assert_eq!(fs::metadata(room.path("web.tar.zst")).unwrap().permissions().mode() & 0o777, 0o600);
    let list = room.otto("export --list web.tar.zst").done();
    let ids = [shop.web(70), shop.web(50), shop.web(40)];
    assert!(list.starts_with("RUN ") && ids.iter().all(|id| list.contains(id)), "{list}");
    assert!(list.contains("3 runs and 4 cache entries"), "{list}");
    fs::create_dir(room.path("other")).unwrap();
    let said = room.otto("--home other import web.tar.zst").done();
    assert!(ids.iter().all(|id| said.contains(&format!("imported {id}  "))), "{said}");
    assert!(said.ends_with("3 runs and 4 cache entries imported\n"), "{said}");
    let there = statuses(&room, "other");
    let here = statuses(&room, room.store.to_str().unwrap());
    assert_eq!(there.len(), 3);
    assert!(there.iter().all(|line| here.contains(line)), "{there:?} {here:?}");
    let said = room.otto("--home other import --from web.tar.zst").done();
    assert!(ids.iter().all(|id| said.contains(&format!("already here {id}\n"))), "{said}");
    let audit = room.otto("--home other audit").done();
    assert!(audit.contains("otto import web.tar.zst") && audit.contains("3 runs and 4 cache entries imported"));
    fits("otto.operations/1", &room.otto("--home other audit --json").json());
    room.otto("--home other check").code(0);
}

#[test]
fn runs_are_named_by_words_by_a_flag_or_on_standard_input() {
    let (room, shop) = Room::shop();
    let ids = |file: &str| -> Vec<String> {
        let list = room.otto_with(&["export", "--list", file, "--json"]).json();
        fits("otto.archive-list/1", &list);
        list["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    };
    room.otto_with(&["export", &shop.web(70), "--output", "words.tar.zst"]).done();
    assert_eq!(ids("words.tar.zst"), [shop.web(70)]);
    room.otto_with(&["export", "--run", &shop.web(70), "--run", "latest", "--output", "flag.tar.gz"]).done();
    assert_eq!(ids("flag.tar.gz"), [shop.web(70), shop.web(1)]);
    room.shell(&format!("printf '{}\\n{}\\n' | otto export - -o stdin.tar.zst", shop.api(90), shop.api(35))).code(0);
    assert_eq!(ids("stdin.tar.zst"), [shop.api(90), shop.api(35)]);
    room.shell("tar -xzf flag.tar.gz && test -d web-*/.cache && gzip -t flag.tar.gz").code(0);
}

#[test]
fn what_is_said_in_json_fits_its_schema() {
    let (room, shop) = Room::shop();
    let live = room.store.join(shop.web(1));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        live.join("tasks/build/fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let ran = room
        .otto("export --older-than 0 --output all.tar.zst --verify --format json")
        .code(3)
        .complains(&["fifo`, a FIFO"]);
    let export: Value = serde_json::from_str(&ran.stdout).unwrap();
    fits("otto.export/1", &export);
    assert_eq!(export["runs"].as_array().unwrap().len(), 9);
    assert_eq!(export["left_out"][0]["kind"], "fifo");
    for more in ["--format csv", "--fields id"] {
        room.otto(&format!("export latest --output x.tar.zst {more}")).refused(2, &["--list FILE", "--json"]);
    }
    fits("otto.archive-list/1", &room.otto("export --list all.tar.zst --json").json());
    fs::create_dir(room.path("other")).unwrap();
    let import = room.otto("--home other import all.tar.zst --json").json();
    fits("otto.import/1", &import);
    assert_eq!((import["runs"].as_array().unwrap().len(), &import["already"]), (9, &Value::Array(Vec::new())));
    fs::write(room.path("other").join(shop.web(70)).join("run.yaml"), "other").unwrap();
    let ran = room.otto("--home other import all.tar.zst --json").code(3);
    let import: Value = serde_json::from_str(&ran.stdout).unwrap();
    fits("otto.import/1", &import);
    assert_eq!(import["skipped"][0]["id"], shop.web(70));
}

#[test]
fn what_cannot_be_done_is_said() {
    let (room, _) = Room::shop();
    room.otto("export --output x.tar.zst").refused(2, &["which runs are meant", "--project P"]);
    room.otto("export latest --output x.tar.zst --format csv").refused(2, &["--list FILE"]);
    room.otto("export --list x.tar.zst --fields colour").refused(2, &["has no field `colour`", "the fields are: id, "]);
    room.otto("import x.tar.zst --fields stat").refused(2, &["has no field `stat`", "id, outcome, kind"]);
    room.otto("export latest").refused(2, &["--output"]);
    room.otto("export latest --output x.zip").refused(2, &["does not end in .tar.zst or .tar.gz"]);
    room.otto("export latest --list x.tar.zst").refused(2, &["--list"]);
    room.otto("export nobody --output x.tar.zst").refused(2, &["there is no run `nobody`"]);
    room.otto("export latest --output missing/x.tar.zst").refused(1, &["missing"]);
    assert_eq!(crate::support::names_in(&room.work()), [""; 0], "nothing was left");
    room.otto("export latest --output x.tar.zst").done();
    room.otto("export latest --output x.tar.zst").refused(1, &["x.tar.zst", "--force"]);
    room.otto("export latest --output x.tar.zst --force").done();
    room.otto("import").refused(2, &["FILE"]);
    room.otto("import nothing.tar.zst").refused(1, &["nothing.tar.zst"]);
    room.otto("import x.tar.zst --max-size 10").refused(5, &["more than the 10", "--max-size"]);
    room.otto("--home nowhere/at/all import x.tar.zst").refused(1, &["nowhere/at"]);
    room.otto("--home nowhere import x.tar.zst").done();
    assert_eq!(
        room.otto("--home nowhere list --json").json().as_array().unwrap().len(),
        1,
        "a store that is missing is made"
    );
    fs::create_dir(room.path("folder.tar.zst")).unwrap();
    let ran =
        room.otto("export latest --output folder.tar.zst --force").refused(1, &["a directory", "name another file"]);
    assert!(!ran.stderr.contains("--force"), "{ran:#?}");
    room.otto("clean --keep 30 --archive missing --dry-run").refused(1, &["`missing`", "make the directory first"]);
    fs::remove_dir(room.path("folder.tar.zst")).unwrap();
    fs::create_dir(room.path("documents")).unwrap();
    fs::write(room.path("documents/letter"), "dear").unwrap();
    room.otto("--home documents import x.tar.zst").refused(1, &["not an otto store"]);
    room.otto("--home / import x.tar.zst").refused(5, &["never cleaned"]);
    fs::write(room.path("text.tar.zst"), "text").unwrap();
    room.otto("import text.tar.zst").refused(1, &["no archive of otto"]);
    let mut bytes = fs::read(room.path("x.tar.zst")).unwrap();
    bytes[100] ^= 1;
    fs::write(room.path("x.tar.zst"), bytes).unwrap();
    let before = room.snapshot();
    let said = room.otto("import x.tar.zst").refused(5, &["tampered with", "nothing was changed"]);
    assert!(said.stderr.lines().all(|line| line.len() < 400), "{said:?}");
    room.otto("export --list x.tar.zst --json").refused(5, &["otto.error/1"]);
    before.assert_same(&room.snapshot(), "a refused archive");
}

#[test]
fn no_archive_is_written_into_the_store_that_it_is_of() {
    let (room, shop) = Room::shop();
    room.otto("index").code(0);
    let before = room.snapshot();
    std::os::unix::fs::symlink(&room.store, room.path("link")).unwrap();
    let run = room.store.join(shop.web(70));
    let beside_logs = format!("link/{}/tasks/..", shop.web(70));
    for place in [room.store.as_path(), &run, &run.join("tasks"), &room.store.join(".catalog"), Path::new(&beside_logs)]
    {
        let output = place.join("web.tar.zst");
        let ran = room.otto_with(&["export", "--project", "web", "--output", output.to_str().unwrap()]);
        ran.refused(1, &["cannot write into", place.to_str().unwrap(), "it lies in the store itself"]);
        assert!(!output.exists(), "{output:?}");
    }
    let mut inside = room.command(&["export", "--project", "web", "--output", "web.tar.zst"]);
    inside.current_dir(&run);
    Ran::of(inside).refused(1, &["it lies in the store itself"]);
    before.assert_same(&room.snapshot(), "nothing was written");
    room.otto("export --project web --output web.tar.zst").done();
}

#[test]
fn a_run_at_work_is_left_out_and_the_exit_code_says_so() {
    let (room, shop) = Room::shop();
    let lock = room.store.join(shop.web(1)).join(".lock");
    let file = fs::File::create(&lock).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    room.otto("index --full").code(0);
    let said = room.otto("export --project web --older-than 0 --output web.tar.zst").code(3);
    assert!(said.stdout.starts_with(&format!("skipped {}: running\n5 runs and ", shop.web(1))), "{said:?}");
    let said = room.otto_with(&["export", &shop.web(1), "--output", "one.tar.zst"]).code(3);
    assert!(said.stdout.ends_with("Nothing was exported.\n"), "{said:?}");
    assert!(!room.path("one.tar.zst").exists());
}

#[test]
fn an_export_of_nothing_is_no_success() {
    let (room, _) = Room::shop();
    for flags in ["--older-than 1000", "--older-than 1000 --json"] {
        let ran = room.otto(&format!("export {flags} --output none.tar.zst")).code(1);
        assert_eq!(ran.stderr, "no run is meant, and no file was written\n");
    }
    room.shell("otto export - --output none.tar.zst </dev/null").code(1);
    assert!(!room.path("none.tar.zst").exists());
}

#[test]
fn a_clean_archives_first_and_says_where() {
    let (room, shop) = Room::shop();
    fs::create_dir(room.path("kept")).unwrap();
    let before = room.snapshot().copied();
    let dry = room.otto("clean --project web --keep 30 --cache --archive kept --dry-run").done();
    assert!(dry.contains("All of it would be written into an archive in kept first.\n"), "{dry}");
    assert_eq!(crate::support::names_in(&room.path("kept")), [""; 0]);
    room.otto("clean --keep 30 --archive nowhere --yes").refused(1, &["nowhere"]);
    room.otto("clean --keep 30 --archive nowhere --dry-run").refused(1, &["nowhere"]);
    room.otto("clean --keep 30 --archive kept --plan-out p.json").refused(2, &["--archive"]);
    let inside = room.store.join("archives");
    fs::create_dir(&inside).unwrap();
    let inside = inside.to_string_lossy().into_owned();
    room.otto_with(&["clean", "--keep", "30", "--yes", "--archive", &inside])
        .refused(1, &["it lies in the store itself"]);
    fs::remove_dir(&inside).unwrap();
    before.assert_same(&room.snapshot().copied(), "so far nothing was removed");
    let done = room.otto("clean --project web --keep 30 --cache --archive kept --yes --json").json();
    fits("otto.clean/1", &done);
    let path = done["result"]["archive"]["path"].as_str().unwrap().to_owned();
    let name = format!("{}.tar.zst", done["result"]["operation"].as_str().unwrap());
    assert_eq!(Path::new(&path), room.path("kept").canonicalize().unwrap().join(name), "good from anywhere");
    let list = room.otto_with(&["export", "--list", &path]).done();
    assert!([70, 50, 40].iter().all(|days| list.contains(&shop.web(*days))), "{list}");
    let audit = room.otto("audit -v").done();
    assert!(audit.contains(&format!("archive: {path}\n")), "{audit}");
    let audit = room.otto("audit --json").json();
    fits("otto.operations/1", &audit);
    assert_eq!(audit["operations"][0]["archive"], path);
    room.otto_with(&["import", &path]).done();
    before.assert_same(&room.snapshot().copied(), "brought back");
    let said = room.otto("clean --project web --keep 30 --archive kept --yes").code(0);
    assert!(said.stdout.contains("Archived first, in /") && said.stdout.contains("/kept/"), "{said:?}");
}
