//! Every command and its main errors, as a person at a shell would see them: what was typed, what was printed (lines of
//! stderr behind a `!`), and how it ended. What differs from machine to machine stands in brackets: sizes on disk, times
//! that something took, names of operations. How tables are aligned is held elsewhere.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test transcripts` writes them anew; the difference is for
//! review.

use super::*;
use regex::Regex;
use std::fmt::Write as _;

/// What is not the same everywhere, and what stands for it.
const CHANGING: [(&str, &str); 13] = [
    (r"[0-9]+(\.[0-9]+)? ([KMGT]iB|B)\b", "[SIZE]"),
    (r"\b[0-9]+ % (less|more)", "[SHARE] $1"),
    (r"\bin [0-9]+\.[0-9]+ s\b", "in [TIME]"),
    (r"Mean time: [0-9.]+(ms|s)", "Mean time: [TIME]"),
    (r"\btook [0-9.]+(ms|s)\b", "took [TIME]"),
    (r"\b[0-9]{8}T[0-9]{6}Z-[0-9a-f]+", "[OPERATION]"),
    (r"process [0-9]+ on \S+?\)", "process [PID] on [HOST])"),
    (r"\b(uid [0-9]+|[a-z]+)@[A-Za-z0-9_.-]+", "[WHO]"),
    (r"\bplan [0-9a-f]{16}\b", "plan [PLAN]"),
    (r"[─-]{5,}", "─────"),
    // Columns are as wide as what stands in them.
    (r"(\S) {2,}", "$1  "),
    (r" +\n", "\n"),
    (r"\[SIZE\]  [▏▎▍▌▋▊▉█]+", "[SIZE]  [BAR]"),
];

impl Room {
    /// What a person sees who types these lines one after the other.
    fn transcript(&self, lines: &[&str]) -> String {
        let mut text = String::new();
        for line in lines {
            let ran = self.otto(line);
            writeln!(text, "$ otto {line}").unwrap();
            text.push_str(&ran.stdout);
            for line in ran.stderr.lines() {
                writeln!(text, "! {line}").unwrap();
            }
            writeln!(text, "[exit {}]\n", ran.code).unwrap();
        }
        self.stable(&text)
    }

    fn stable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (path, name) in [(&self.store, "[STORE]"), (&self.work(), "[WORK]"), (&self.user_home(), "[HOME]")] {
            text = text.replace(path.to_str().unwrap(), name);
        }
        for (pattern, name) in CHANGING {
            text = Regex::new(pattern).unwrap().replace_all(&text, name).into_owned();
        }
        text
    }
}

/// Holds a transcript to the one that was reviewed.
#[track_caller]
fn hold(name: &str, text: &str) {
    let mut settings = insta::Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// As [`hold`], of a shop.
#[track_caller]
fn hold_lines(name: &str, lines: &[&str]) {
    let (room, _) = Room::shop();
    hold(name, &room.transcript(lines));
}

#[test]
fn a_store_that_is_missing_empty_or_none() {
    let room = Room::empty();
    fs::create_dir(room.path("notes")).unwrap();
    fs::write(room.path("notes/todo.txt"), "milk").unwrap();
    fs::write(room.path("file"), "").unwrap();
    hold(
        "no_store",
        &room.transcript(&[
            "list",
            "info latest",
            "history",
            "stats",
            "usage",
            "logs --grep x",
            "audit",
            "clean --dry-run",
            "clean --yes",
            "index",
            "trash list",
            "undo",
            "check",
            "pin latest",
            "--home missing list",
            "--home notes list",
            "--home notes clean --yes",
            "--home file list",
            "--home / clean --yes",
            "--home missing list --json",
        ]),
    );
}

#[test]
fn wrong_words() {
    let room = Room::empty().with("COLUMNS", "80");
    hold(
        "wrong_words",
        &room.transcript(&[
            "lst",
            "build",
            "trash restroe",
            "list --bogus",
            "list --stauts failed",
            "info",
            "list --color sometimes",
            "--home",
            "help nothing",
            "man nothing",
            "completions tcsh",
            "list --bogus --json",
            "list --stauts failed --json",
            "list --status done --json",
            "info --json",
        ]),
    );
    let room = Room::empty().with("OTTO_NOW", "yesterday");
    hold("wrong_clock", &room.transcript(&["list"]));
}

#[test]
fn index() {
    hold_lines("index", &["index", "index --full", "index --rebuild", "index --full --rebuild"]);
}

#[test]
fn list() {
    let lines = [
        "list --limit 3",
        "list -n 2 -v",
        "list --project api --status failed",
        "list --status interrupted",
        "list --status done",
        "list --project wbe",
        "list --project nobody",
        "list --older-than 5m",
        "list --newer-than someday",
        "list --limit -1",
        "list --limit many",
    ];
    hold_lines("list", &lines);
}

#[test]
fn info() {
    let lines = [
        "info web:latest-2",
        "info nobody",
        "info 99",
        "info 1749",
        "info latest-99",
        "info wbe:latest",
        "info latest-x",
    ];
    hold_lines("info", &lines);
}

#[test]
fn history() {
    let lines = [
        "history --limit 3",
        "history test --failed",
        "history tset",
        "history nothing-like-it",
        "history --failed --status success",
    ];
    hold_lines("history", &lines);
}

#[test]
fn stats() {
    hold_lines("stats", &["stats", "stats test -n 0", "stats tset", "stats --newer-than 1m", "stats -n x"]);
}

#[test]
fn compare() {
    let (room, shop) = Room::shop();
    let line = format!("compare {} {}", shop.web(20), shop.web(10));
    hold("compare", &room.transcript(&[&line, "compare latest latest", "compare latest", "compare latest nobody"]));
}

#[test]
fn logs() {
    let lines = [
        "logs latest test",
        "logs latest --tail 1 --stdout",
        "logs latest tset",
        "logs latest --tail x",
        "logs",
        "logs --grep (",
        "logs --grep nothing-has-this",
        "logs latest --stdout --stderr",
    ];
    hold_lines("logs", &lines);
}

#[test]
fn usage() {
    hold_lines("usage", &["usage", "usage --project api", "usage --project ap1"]);
}

#[test]
fn clean() {
    let (room, shop) = Room::shop();
    let lines = [
        "clean --keep 30 --keep-last 2 --cache --dry-run",
        "clean --keep 60",
        "clean --keep 60 --yes",
        "clean --keep 60 --yes",
        "clean --keep 30 --trash --yes",
    ];
    hold("clean", &room.transcript(&lines));
    fs::write(room.store.join("config.yml"), "retention:\n  default: { keep_dayz: 30 }\n").unwrap();
    hold("clean_policy_refused", &room.transcript(&["clean --dry-run", "why latest", "clean --dry-run --json"]));
    fs::remove_file(room.store.join("config.yml")).unwrap();
    fs::write(room.path("plan.json"), "{}\n").unwrap();
    let named = format!("clean --run {} --yes", shop.web(1));
    room.otto_with(&["pin", &shop.web(1), "--note", "the audit"]).code(0);
    hold(
        "clean_refused",
        &room.transcript(&[
            "clean --keep 0 --yes",
            "clean --keep -1",
            "clean --keep 5m",
            "clean --keep",
            "clean --run nobody --yes",
            "clean --run web --yes",
            &named,
            "clean --run api:latest --yes",
            "clean --all --yes",
            "clean --all --keep 30",
            "clean --entry web/nothing.sh --yes",
            "clean --stale",
            "clean --interactive",
            "clean --confirm DELETE",
            "clean --keep 1 --max-delete 1 --yes",
            "clean --max-delete 200%",
            "clean --apply plan.json --yes",
            "clean --apply missing.json --yes",
            "clean --apply plan.json --keep 3",
            "clean --only everything",
            "clean --no-such-flag",
        ]),
    );
}

#[test]
fn trash_and_undo() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 45 --cache --trash --yes").code(0);
    let restore = format!("trash restore {}", shop.web(70));
    hold(
        "trash",
        &room.transcript(&[
            "trash list",
            "trash empty",
            "trash empty --dry-run",
            &restore,
            &restore,
            "trash restore nobody",
            "trash restore",
            "undo --dry-run",
            "undo",
            "undo",
            "undo 2020",
            "trash empty --yes",
            "trash list",
        ]),
    );
}

#[test]
fn archives() {
    let (room, shop) = Room::shop();
    let export = format!("export {} --output one.tar.gz", shop.web(70));
    fs::write(room.path("torn.tar.gz"), "no archive").unwrap();
    hold(
        "archives",
        &room.transcript(&[
            &export,
            &export,
            "import one.tar.gz",
            "import torn.tar.gz",
            "import missing.tar.gz",
            "import",
            "export latest",
            "export --output all.tar.gz",
            "export latest --output all.zip",
            "export nobody --output no.tar.gz",
            "export --list torn.tar.gz",
        ]),
    );
}

#[test]
fn why() {
    let (room, shop) = Room::shop();
    let (old, script) = (format!("why {}", shop.web(70)), format!("why {}/.cache/no.sh", shop.web));
    let lines = ["why latest", &old, "why latest --keep 0", &script, "why nobody", "why"];
    hold("why", &room.transcript(&lines));
}

#[test]
fn marks() {
    let lines = [
        "pin latest --note release",
        "pin latest",
        "list --pinned -v",
        "pin latest nobody",
        "pin",
        "unpin latest",
        "unpin latest",
        "tag latest +a +b",
        "tag latest -b",
        "list --tag a -v",
        "tag latest",
        "tag +a",
        "tag latest +a -a",
        "tag latest +a,b",
    ];
    hold_lines("marks", &lines);
}

#[test]
fn audit() {
    let (room, _) = Room::shop();
    room.otto("clean --keep 45 --yes").code(0);
    hold("audit", &room.transcript(&["audit", "audit -v", "audit --summary", "audit --newer-than 5m"]));
}

#[test]
fn check() {
    let (room, _) = Room::shop();
    room.otto("list").code(0);
    hold("check", &room.transcript(&["check", "check --fix", "check --mend"]));
}

#[test]
fn demo() {
    let room = Room::empty();
    fs::create_dir(room.path("notes")).unwrap();
    fs::write(room.path("notes/todo.txt"), "milk").unwrap();
    hold("demo", &room.transcript(&["demo notes", "demo p --runs x", "demo p --runs -1", "demo p --no-such-flag"]));
}

#[test]
fn readers_beside_somebody_who_holds_the_lock() {
    let (room, _) = Room::shop();
    room.otto("list").done();
    let lock = fs::File::options().read(true).write(true).open(room.store.join(".catalog/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    hold("lock_held", &room.transcript(&["list --limit 1", "info latest --no-refresh", "clean --keep 60 --dry-run"]));
}
