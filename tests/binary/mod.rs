//! The program as its users meet it: the real binary in a sealed room, by what it prints, how it ends and what is on the
//! disk afterwards.
//!
//! A [`Room`] has a home of its own with a store in it, a clock that stands still, and none of the environment of whoever
//! runs the tests. What a test expects it works out by itself: from the runs it wrote, by a plain walk, by adding up as
//! `du` does; never by asking the program.

mod alive;
mod archives;
mod archives_killed;
mod audit;
mod budgets;
mod cache;
mod check;
mod clean;
mod compare;
mod completion;
mod config;
mod entries;
mod environment;
mod errors;
mod formats;
mod help;
mod history;
mod imports_stopped;
mod interactive;
pub(crate) mod json;
mod keys;
mod killed;
mod killed_each;
mod labels;
mod limits;
mod locale;
mod logs;
mod marks;
mod page;
mod pager;
mod plan_files;
mod policy;
mod real;
mod retention;
mod rules;
mod screens;
mod selection;
mod several_catalogs;
mod spellings;
mod terminal;
mod thinned;
mod together;
mod transcripts;
mod trash;
mod untouched;
mod usage_policy;
mod why;
mod why_policy;

use crate::support::tree::{Snapshot, du_with_self};
use otto_catalog::model::Size;
use otto_catalog::practice::{self, Era, Flavour, RunSpec, Spec, StoreBuilder, TaskSpec};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const DAY: i64 = 86_400;
pub(crate) const HOUR: i64 = 3600;
/// The clock of a room: June 2025, long past whenever the tests run.
pub(crate) const NOW: i64 = 1_750_000_000;
/// By then every command has ended, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a command printed, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// -1 when a signal ended it.
    pub(crate) code: i32,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Runs a command that has to end by itself.
    pub(crate) fn of(mut command: Command) -> Self {
        let (done, end) = mpsc::channel();
        let shown = format!("{command:?}");
        std::thread::spawn(move || done.send(command.output().unwrap()));
        Self::new(&end.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{shown} does not end")))
    }

    /// Holds the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Done, without a word of complaint; gives what was printed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:#?}");
        self.stdout
    }

    /// Done, with JSON on stdout.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    /// Ended with that code, nothing on stdout, and every one of these words on stderr.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) -> Self {
        let ran = self.code(code).complains(words);
        assert_eq!(ran.stdout, "", "an answer beside the refusal: {ran:#?}");
        ran
    }

    /// Every one of these words is on stderr.
    #[track_caller]
    pub(crate) fn complains(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no `{word}` in {self:#?}");
        }
        self
    }

    /// Every one of these words is on stdout.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "no `{word}` in {self:#?}");
        }
        self
    }
}

/// A home, a store in it, a clock.
pub(crate) struct Room {
    dir: tempfile::TempDir,
    /// The store at its default place, `~/.otto`; not there until something is written.
    pub(crate) store: PathBuf,
    pub(crate) now: i64,
    vars: Vec<(String, String)>,
}

impl Room {
    /// Without a store.
    pub(crate) fn empty() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    /// The same in memory where there is such a place, or where `OTTO_TEST_STORES` says.
    pub(crate) fn in_memory() -> Self {
        let stated = std::env::var_os("OTTO_TEST_STORES").map(tempfile::tempdir_in);
        let dir = stated.unwrap_or_else(|| tempfile::tempdir_in("/dev/shm")).or_else(|_| tempfile::tempdir());
        Self::in_dir(dir.unwrap())
    }

    fn in_dir(dir: tempfile::TempDir) -> Self {
        let root = dir.path().canonicalize().unwrap();
        for part in ["home", "work", "tmp"] {
            fs::create_dir(root.join(part)).unwrap();
        }
        Self { dir, store: root.join("home/.otto"), now: NOW, vars: Vec::new() }
    }

    /// With a practice store as years of use leave it.
    pub(crate) fn mixed(runs: usize) -> Self {
        Self::practice(runs, Flavour::Mixed)
    }

    /// With a practice store of alike runs.
    pub(crate) fn uniform(runs: usize) -> Self {
        Self::practice(runs, Flavour::Uniform)
    }

    fn practice(runs: usize, flavour: Flavour) -> Self {
        let room = Self::empty();
        let spec =
            Spec { seed: 11, runs, now: NOW, projects: Some(3), tasks_per_run: Some(2), flavour, runner_db: true };
        practice::write(&room.store, &spec).unwrap();
        room
    }

    /// With a store of two projects whose every run is known: see [`Shop`].
    pub(crate) fn shop() -> (Self, Shop) {
        let room = Self::empty();
        let shop = Shop::write(&room);
        (room, shop)
    }

    /// Sets a variable for every command.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn builder(&self) -> StoreBuilder {
        StoreBuilder::new(&self.store).unwrap()
    }

    /// A path in the room, outside home and store.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    /// Where commands are run.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("work")
    }

    /// Where commands make private copies.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    pub(crate) fn user_home(&self) -> PathBuf {
        self.store.parent().unwrap().to_owned()
    }

    /// Seals a command in: nothing of our environment, nothing to read.
    pub(crate) fn seal(&self, mut command: Command) -> Command {
        command.env_clear().current_dir(self.work()).stdin(Stdio::null());
        command.env("HOME", self.user_home()).env("TMPDIR", self.dir.path().join("tmp"));
        command.env("TZ", "UTC").env("OTTO_NOW", self.now.to_string()).env("PATH", "/usr/bin:/bin");
        // No pager waits for keys that nobody presses.
        command.env("LANG", "C.UTF-8").env("OTTO_PAGER", "cat");
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program with these arguments, sealed in.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.seal(Command::new(binary()));
        command.args(arguments);
        command
    }

    /// Runs a command line whose words have no spaces.
    pub(crate) fn otto(&self, line: &str) -> Ran {
        self.otto_with(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn otto_with(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// Runs a shell script in which `otto` is the program.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        let mut command = self.seal(Command::new("/bin/sh"));
        command.args(["-c", &format!("otto() {{ '{}' \"$@\"; }}\n{script}", binary())]);
        Ran::of(command)
    }

    /// Everything in the store but what is ours.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.store)
    }

    /// The ids of the run directories in place, by a plain walk.
    pub(crate) fn runs(&self) -> Vec<String> {
        runs_below(&self.store)
    }

    /// The ids that `list` gives, in order of name.
    pub(crate) fn listed(&self) -> Vec<String> {
        let mut ids = ids(&self.otto("list --json").json());
        ids.sort();
        ids
    }

    /// What the store takes, as `du` counts it.
    pub(crate) fn du(&self) -> Size {
        du_with_self(&self.store)
    }

    /// Commands of every kind that only read.
    pub(crate) const READING: [&str; 12] = [
        "history",
        "stats --json",
        "compare latest-1 latest",
        "logs latest",
        "logs --grep error",
        "list",
        "list --json",
        "info latest",
        "usage",
        "usage --json",
        "clean --keep 30 --cache --dry-run",
        "clean --keep 30 --json --dry-run",
    ];
}

pub(crate) fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_otto")
}

/// The runs below a directory, by what a run directory is: named by a second, with `tasks`, `run.yaml`, or era A's link.
pub(crate) fn runs_below(store: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |dir: &Path, project: &str| {
        for name in crate::support::names_in(dir) {
            let path = dir.join(&name);
            let (second, number) = name.split_once('-').unwrap_or((&name, "1"));
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let is_link = |name: &String| name.len() == 12 && fs::read_link(path.join(name)).is_ok();
            let has = |part: &str| fs::symlink_metadata(path.join(part)).is_ok();
            let era_a = project == "." && crate::support::names_in(&path).iter().any(is_link);
            let named = digits(second) && digits(number) && fs::symlink_metadata(&path).unwrap().is_dir();
            if named && (has("tasks") || has("run.yaml") || era_a) {
                found.push(format!("{project}/{name}"));
            }
        }
    };
    look(store, ".");
    for entry in fs::read_dir(store).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let own = [".catalog", "backups"].contains(&name.as_str());
        if !own && name.contains('-') && entry.file_type().unwrap().is_dir() {
            look(&entry.path(), &name);
        }
    }
    found.sort();
    found
}

/// The `id`s of an array.
pub(crate) fn ids(items: &Value) -> Vec<String> {
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// The same, in order of name.
pub(crate) fn sorted_ids(items: &Value) -> Vec<String> {
    let mut ids = ids(items);
    ids.sort();
    ids
}

/// A store in which everything is known: `web` and `api`, each run with a task whose script all runs share and one with a
/// script of its own.
pub(crate) struct Shop {
    pub(crate) web: String,
    pub(crate) api: String,
    /// An entry of `web` that nobody names, two days old.
    pub(crate) orphan: PathBuf,
    /// One of `api`, a minute old.
    pub(crate) fresh: PathBuf,
}

impl Shop {
    /// Days ago, and whether it failed: the runs of `web`.
    pub(crate) const WEB: [(i64, bool); 6] =
        [(70, false), (50, true), (40, false), (20, true), (10, false), (1, false)];
    /// And those of `api`.
    pub(crate) const API: [(i64, bool); 3] = [(90, false), (35, true), (5, false)];

    fn write(room: &Room) -> Self {
        let mut builder = room.builder();
        for (cwd, runs) in [("/home/dev/web", &Self::WEB[..]), ("/home/dev/api", &Self::API[..])] {
            for (days, failed) in runs {
                builder.run(run(cwd, *days, *failed)).unwrap();
            }
        }
        let (web, api) = (Era::J.project_dir("/home/dev/web"), Era::J.project_dir("/home/dev/api"));
        let orphan = builder.orphan(&web, Some(NOW - 2 * DAY)).unwrap();
        let fresh = builder.orphan(&api, Some(NOW - 60)).unwrap();
        builder.runner_db(2, practice::WalState::LeftBehind).unwrap();
        Self { web, api, orphan, fresh }
    }

    /// The id of the run of `web` that is so many days old.
    pub(crate) fn web(&self, days: i64) -> String {
        format!("{}/{}", self.web, began(days))
    }

    pub(crate) fn api(&self, days: i64) -> String {
        format!("{}/{}", self.api, began(days))
    }

    /// The ids of all runs but these.
    pub(crate) fn all_but(&self, gone: &[String]) -> Vec<String> {
        let web = Self::WEB.iter().map(|(days, _)| self.web(*days));
        let mut ids: Vec<_> = web.chain(Self::API.iter().map(|(days, _)| self.api(*days))).collect();
        ids.retain(|id| !gone.contains(id));
        ids.sort();
        ids
    }
}

/// When a run of so many days ago began: an hour clear of the boundary.
pub(crate) fn began(days: i64) -> i64 {
    NOW - days * DAY - HOUR
}

/// A run with a shared script and one of its own.
pub(crate) fn run(cwd: &str, days: i64, failed: bool) -> RunSpec {
    let test = if failed { TaskSpec::failed("test", 3) } else { TaskSpec::ok("test") };
    let own = format!("#!/usr/bin/env bash\necho 'tested {days} days ago'\n");
    RunSpec::new(Era::J, cwd, began(days)).task(TaskSpec::ok("build")).task(test.script(own))
}

/// Where the script lies that [`run`] alone uses.
pub(crate) fn own_script(room: &Room, project: &str, days: i64) -> PathBuf {
    let text = format!("#!/usr/bin/env bash\necho 'tested {days} days ago'\n");
    room.store.join(project).join(".cache").join(format!("{}.sh", practice::hash8(text.as_bytes())))
}
