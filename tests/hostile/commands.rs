//! The most dangerous command lines there are: every one is refused, with its exit code, and nothing has changed: not in the
//! store, not beside it, not so much as a time.

use super::canary::Canaries;
use crate::binary::{Ran, Room, Shop};
use rustix::fs::FileType;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What somebody did before, what he types, how that ends, and what he is told.
struct Line {
    before: fn(&Room, &Shop),
    typed: Vec<String>,
    code: i32,
    told: &'static [&'static str],
}

fn nothing(_: &Room, _: &Shop) {}

/// A line as it is typed, whose words have no spaces.
fn line(typed: &str, code: i32, told: &'static [&'static str]) -> Line {
    after(nothing, typed, code, told)
}

fn after(before: fn(&Room, &Shop), typed: &str, code: i32, told: &'static [&'static str]) -> Line {
    Line { before, typed: typed.split(' ').map(str::to_owned).collect(), code, told }
}

fn config(room: &Room, text: &str) {
    fs::write(room.store.join("config.yml"), text).unwrap();
}

/// A plan of another store, and one of this store that somebody edited.
fn plan_files(room: &Room, _: &Shop) {
    let twin = Room::shop().0;
    twin.otto_with(&["clean", "--keep", "30", "--plan-out", room.path("foreign.json").to_str().unwrap()]).code(0);
    room.otto("clean --keep 30 --plan-out ours.json").code(0);
    let edited = fs::read_to_string(room.path("ours.json")).unwrap().replacen("1745", "1749", 1);
    fs::write(room.path("edited.json"), edited).unwrap();
    fs::write(room.path("empty.json"), "").unwrap();
    fs::write(room.path("other.json"), "{\"schema\": \"otto.list/1\"}").unwrap();
}

/// By numbers and words: what keeps nothing, is no number, or contradicts itself.
fn policies() -> Vec<Line> {
    const NOTHING: &[&str] = &["keeps no run at all", "nothing was deleted"];
    vec![
        line("clean --yes --keep 0", 2, NOTHING),
        line("clean --yes --keep 0s", 2, NOTHING),
        line("clean --yes --keep 0 --cache --cache-grace 0", 2, NOTHING),
        line("clean --yes --keep 0 --keep-last 0", 2, NOTHING),
        line("clean --yes --keep 0 --keep-failed 0 --keep-last 0", 2, NOTHING),
        after(|room, _| config(room, "retention: { default: { keep_days: 0 } }"), "clean --yes", 2, NOTHING),
        after(
            |room, _| config(room, "retention: { default: { keep_days: 0, keep_last_n: 0, keep_failed_days: 0 } }"),
            "clean --yes --cache",
            2,
            NOTHING,
        ),
        after(
            |room, _| config(room, "retention: { per_project: { web: { keep_days: 0 } } }"),
            "clean --yes",
            2,
            NOTHING,
        ),
        line("clean --yes --keep -1", 2, &["--keep", "negative"]),
        line("clean --yes --keep=-1", 2, &["--keep", "negative"]),
        line("clean --yes --keep-last -1", 2, &["--keep-last", "negative"]),
        line("clean --yes --keep 99999999999999999999999", 2, &["--keep"]),
        line("clean --yes --keep-last 99999999999999999999999", 2, &["--keep-last"]),
        line("clean --yes --keep 0x10", 2, &["--keep"]),
        line("clean --yes --keep NaN", 2, &["--keep"]),
        line("clean --yes --keep 1.5", 2, &["--keep"]),
        line("clean --yes --keep 1m", 2, &["1min", "1mo"]),
        line("clean --yes --keep yes", 2, &["--keep"]),
        line("clean --keep --yes", 2, &["--keep"]),
        line("clean --yes --keep 30 --keep 0", 2, &["--keep"]),
        line("clean --yes --cache --cache-only", 2, &["--cache", "--cache-only"]),
        line("clean --yes --cache --stale", 2, &["--stale"]),
        line("clean --yes --stale", 2, &["--cache-only"]),
        line("clean --yes --cache-only --cache-grace -1", 2, &["--cache-grace"]),
        line("clean --yes --max-delete -1 --keep 1", 2, &["--max-delete"]),
        line("clean --yes --max-delete 101% --keep 1", 2, &["--max-delete"]),
        line("clean --yes --max-delete 1 --keep 1", 5, &["nothing was deleted"]),
        line("clean --yes --max-delete 0% --keep 1", 5, &["nothing was deleted"]),
    ]
}

/// By what is meant: no such project, no such run, everything, a project's last runs.
fn selections() -> Vec<Line> {
    vec![
        line("clean --yes --keep 1 --project nobody", 2, &["no project `nobody`"]),
        line("clean --yes --keep 1 --project *", 2, &["no project `*`"]),
        line("clean --yes --keep 1 --project .", 2, &["no project `.`"]),
        line("clean --yes --keep 1 --project ..", 2, &["no project `..`"]),
        line("clean --yes --keep 1 --project /", 2, &["no project"]),
        line("clean --yes --keep 1 web", 2, &["web"]),
        line("clean --yes --run 17", 2, &["no run `17`"]),
        line("clean --yes --run *", 2, &["no run `*`"]),
        line("clean --yes --run ..", 2, &["no run `..`"]),
        line("clean --yes --run latest --keep 0", 2, &["--run"]),
        line("clean --yes --all", 5, &["--allow-empty"]),
        line("clean --yes --all --allow-empty", 4, &["--confirm DELETE is missing"]),
        line("clean --yes --all --confirm delete", 2, &["DELETE"]),
        line("clean --yes --all --confirm yes", 2, &["DELETE"]),
        line("clean --all --allow-empty --confirm DELETE", 4, &["--yes is missing"]),
        line("clean --yes --all --confirm DELETE", 5, &["--allow-empty"]),
        line("clean --yes --all --confirm DELETE --run latest", 2, &["--all"]),
        line("clean --yes --all --confirm DELETE --keep 30", 2, &["--all"]),
        line("clean --yes --keep 1 --confirm DELETE", 2, &["--all"]),
        line("clean --yes --status everything --keep 0", 2, &["everything"]),
        line("clean --yes --status failed,success,interrupted,unknown --keep 0", 5, &["--allow-empty"]),
        line("clean --yes --entry web/../../../outside", 2, &["no cache entry"]),
        line("clean --yes --entry /etc/passwd", 2, &["no"]),
    ]
}

/// By the place: no store, somebody's home, the root of everything; by a configuration, a clock, a catalog, a plan.
fn places() -> Vec<Line> {
    const TYPO: &str = "retention: { per_project: { wbe: { keep_days: 3650 } } }";
    vec![
        line("clean --yes --keep 1 --home /", 5, &["`/` is never cleaned"]),
        line("clean --yes --keep 1 --home //", 5, &["never cleaned"]),
        line("clean --yes --keep 1 --home ..", 5, &["never cleaned"]),
        line("clean --yes --keep 1 --home ../home", 5, &["never cleaned"]),
        line("clean --yes --keep 1 --home ~", 1, &["no store at `~`"]),
        line("clean --yes --keep 1 --home .", 1, &["not an otto store"]),
        line("clean --yes --keep 1 --home ../home/documents", 1, &["not an otto store"]),
        line("clean --yes --keep 1 --home nowhere", 1, &["no store at `nowhere`"]),
        line("clean --yes --keep 1 --home /dev/null", 1, &["not a directory"]),
        line("clean --yes --keep 1 --home ../home/.otto/otto.db", 1, &["not a directory"]),
        line("clean --yes --keep 1 --home=", 2, &["--home"]),
        line("clean --yes --keep 1 --catalog ../home/documents/letter.txt", 1, &["not a catalog"]),
        line("clean --yes --keep 1 --catalog ../home/documents", 1, &["not a catalog"]),
        after(|room, _| config(room, "retention: ["), "clean --yes --keep 1", 2, &["YAML", "nothing was deleted"]),
        after(|room, _| config(room, "keep: 3"), "clean --yes --keep 1", 2, &["`keep`", "nothing was deleted"]),
        after(|room, _| config(room, TYPO), "clean --yes --keep 1", 2, &["`web`", "nothing was deleted"]),
        after(|room, _| config(room, "\0"), "clean --yes --keep 1 --cache-only", 2, &["nothing was deleted"]),
        after(plan_files, "clean --yes --apply foreign.json", 5, &["another store"]),
        after(plan_files, "clean --yes --apply edited.json", 5, &["is refused", "nothing was touched"]),
        after(plan_files, "clean --yes --apply empty.json", 5, &["is refused", "nothing was touched"]),
        after(plan_files, "clean --yes --apply other.json", 5, &["is refused", "nothing was touched"]),
        after(plan_files, "clean --yes --apply ours.json --keep 1", 2, &["--apply"]),
        after(plan_files, "clean --apply ours.json", 4, &["--yes"]),
        line("clean --yes --apply nowhere.json", 1, &["nowhere.json"]),
        line("clean --keep 1", 4, &["--yes"]),
        line("clean --keep 1 --json", 4, &["--yes"]),
        line("Clean --keep-days", 2, &["error"]),
        line("clean --yes --keep 1 --force", 2, &["--yes"]),
        line("clean -rf", 2, &["-r"]),
    ]
}

/// Everything in the room but our own directory, which a refused command may index into.
fn digest(root: &Path) -> Canaries {
    Canaries::of(root, &|path| path.ends_with(".catalog"))
}

#[test]
fn every_dangerous_command_line_is_refused_and_changes_nothing() {
    let lines: Vec<Line> = policies().into_iter().chain(selections()).chain(places()).collect();
    assert!(lines.len() >= 20);
    let mut wrong = Vec::new();
    for Line { before, typed, code, told } in lines {
        let (room, shop) = Room::shop();
        fs::create_dir(room.user_home().join("documents")).unwrap();
        fs::write(room.user_home().join("documents/letter.txt"), "dear").unwrap();
        fs::write(room.path("thesis.txt"), "the last copy").unwrap();
        room.otto("index").code(0);
        before(&room, &shop);
        let root = room.user_home().parent().unwrap().to_owned();
        let was = digest(&root);
        let words: Vec<&str> = typed.iter().map(String::as_str).collect();
        let when = words.join(" ");
        let ran = room.otto_with(&words);
        let said = [ran.stdout.as_str(), &ran.stderr].concat();
        if ran.code != code || !told.iter().all(|word| said.contains(word)) {
            wrong.push(format!("{when}: not {code} and {told:?}: {ran:#?}"));
        }
        was.assert_unchanged(&digest(&root), &when);
        let trash = crate::support::names_in(&room.store.join(".catalog/trash"));
        assert_eq!(trash, Vec::<String>::new(), "{when}");
        fs::remove_file(room.store.join("config.yml")).ok();
        assert_eq!(room.listed(), shop.all_but(&[]), "{when}: and all are listed");
    }
    assert!(wrong.is_empty(), "{} went otherwise: {}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_value_of_the_environment_makes_a_clean_go_astray() {
    let cases: [(&str, &str, i32); 10] = [
        ("OTTO_HOME", "/", 5),
        ("OTTO_HOME", "/nonexistent", 1),
        ("OTTO_HOME", "..", 5),
        ("OTTO_CATALOG", "/nonexistent/catalog.db", 1),
        ("OTTO_CATALOG", "..", 1),
        ("OTTO_DB_PATH", "..", 0),
        ("OTTO_NOW", "tomorrow", 2),
        ("OTTO_NOW", "0", 5),
        ("OTTO_NOW", "-1", 5),
        ("OTTO_NOW", "99999999999999999999", 2),
    ];
    for (name, value, code) in cases {
        let (room, shop) = Room::shop();
        room.otto("index").code(0);
        let root = room.user_home().parent().unwrap().to_owned();
        let was = digest(&root);
        let room = room.with(name, value);
        // What is only named wrongly for the runner's database is no reason to refuse: here nothing is old enough.
        let keep = if code == 0 { "1000" } else { "30" };
        let ran = room.otto(&format!("clean --keep {keep} --yes"));
        assert_eq!(ran.code, code, "{name}={value}: {ran:#?}");
        was.assert_unchanged(&digest(&root), &format!("{name}={value}"));
        assert_eq!(room.runs(), shop.all_but(&[]), "{name}={value}");
    }
}

#[test]
fn what_is_named_as_the_catalog_by_mistake_is_left_alone() {
    type Make = fn(&Path);
    let mistakes: [(&str, Make); 7] = [
        ("a document", |path| fs::write(path, "dear").unwrap()),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a pipe", |path| make_node(path, FileType::Fifo)),
        ("a device", |path| make_node(path, FileType::CharacterDevice)),
        ("a link to a document", |path| {
            fs::write(path.with_extension("txt"), "dear").unwrap();
            symlink(path.with_extension("txt"), path).unwrap();
        }),
        ("a link to nothing", |path| symlink("nothing", path).unwrap()),
        ("somebody's database", |path| {
            rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE letters (text TEXT)").unwrap();
        }),
    ];
    for (what, make) in mistakes {
        let (room, shop) = Room::shop();
        let path = room.path("named");
        room.otto("index").code(0);
        make(&path);
        if fs::symlink_metadata(&path).is_err() {
            println!("skipped: {what} cannot be made here");
            continue;
        }
        let root = room.user_home().parent().unwrap().to_owned();
        let was = digest(&root);
        for line in ["list", "usage", "index", "index --rebuild", "clean --keep 30 --yes", "clean --keep 30 --dry-run"]
        {
            for room in [&["--catalog", "named"][..], &[]].map(|flag| (flag, &room)) {
                let mut command = room.1.command(&[&line.split(' ').collect::<Vec<_>>()[..], room.0].concat());
                if room.0.is_empty() {
                    command.env("OTTO_CATALOG", "named");
                }
                Ran::of(command).refused(1, &["`named` is not a catalog"]);
            }
        }
        was.assert_unchanged(&digest(&root), what);
        assert_eq!(room.runs(), shop.all_but(&[]));
    }
}

#[test]
fn a_link_to_a_catalog_is_the_catalog_that_it_leads_to() {
    let (room, shop) = Room::shop();
    room.otto("list --catalog real.db").code(0);
    symlink("real.db", room.path("link.db")).unwrap();
    room.otto("clean --keep 80 --yes --catalog link.db").code(0);
    assert!(fs::symlink_metadata(room.path("link.db")).unwrap().is_symlink());
    assert_eq!(room.otto("list --json --no-refresh --catalog real.db").json().as_array().unwrap().len(), 8);
    assert_eq!(room.runs(), shop.all_but(&[shop.api(90)]));
}

/// A device that swallows everything, or a pipe; a device takes rights that not everybody has.
fn make_node(path: &Path, kind: FileType) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let device = if kind == FileType::CharacterDevice { rustix::fs::makedev(1, 3) } else { 0 };
    let _ = rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device);
}
