//! The store under a runner at work: cleans, one after the other or at once, killed or not, while runs begin, reuse cache
//! entries and end, many a second.
//!
//! Whatever happens: no run that is alive goes, in no run that is there does a script link dangle, every run that was made
//! is in place or in the audit log. And the cleans do their work: runs that are seconds old go once their end is known.
//!
//! The commands judge by the real clock, and look at the real processes. `OTTO_TEST_SECONDS` lets each soak last longer than
//! every day has time for; `OTTO_TEST_STORES=DIR` puts the stores there instead of into memory.

mod runner;
mod witness;

use crate::binary::{Ran, Room};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use runner::{Draw, Runner, Version};
use rusqlite::Connection;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use witness::Witness;

const CLEAN: &str = "clean --keep 0d --keep-last 3 --cache --cache-grace 0s --yes";

/// Writers: project, version. Two of them share a project.
const WRITERS: [(&str, Version); 6] = [
    ("web-00000001", Version::TwoFour),
    ("web-00000001", Version::TwoFour),
    ("api-00000002", Version::TwoFour),
    ("lib-00000003", Version::Two),
    ("doc-00000004", Version::Two),
    ("old-00000005", Version::One),
];

/// So many runs of each version whose end is known at once must go: fewer show nothing.
const ENOUGH: usize = 50;
/// On a machine with other work a soak goes on until enough went, but not longer than this.
const LONGEST: Duration = Duration::from_secs(90);

/// How long a soak lasts at least.
fn lasts(few: u64) -> Duration {
    let seconds = std::env::var("OTTO_TEST_SECONDS").ok().and_then(|n| n.parse().ok());
    Duration::from_secs(seconds.unwrap_or(few))
}

/// A store with a runner at work in it.
struct Soak {
    room: Room,
    witness: Arc<Witness>,
    over: Arc<AtomicBool>,
    until: Instant,
    at_latest: Instant,
    /// Runs of long ago that somebody still works in.
    old_and_alive: Vec<PathBuf>,
    _held: Vec<File>,
    process: Child,
}

impl Soak {
    fn new(lasts: Duration) -> Self {
        let room = Room::in_memory();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let mut builder = room.builder();
        let mut held = Vec::new();
        let mut old_and_alive = Vec::new();
        for (cwd, alive) in [("/home/dev/server", 30), ("/home/dev/watch", 31)] {
            for days in 20..40 {
                let era = if cwd.ends_with("server") { Era::L } else { Era::J };
                let own = TaskSpec::ok("own").script(format!("echo {days}"));
                let spec = RunSpec::new(era, cwd, now - days * 86_400);
                let run = builder.run(spec.task(own).task(TaskSpec::ok("shared"))).unwrap();
                if days == alive {
                    if era == Era::L {
                        let lock = File::options().read(true).open(run.join(".lock")).unwrap();
                        lock.lock().unwrap();
                        held.push(lock);
                    }
                    old_and_alive.push(run);
                }
            }
        }
        builder.runner_db(5, WalState::Clean).unwrap();
        let db = Connection::open(room.store.join("otto.db")).unwrap();
        db.execute("INSERT OR IGNORE INTO projects (id, hash, first_seen, last_seen) VALUES (1, '0011aabb', 0, 0)", [])
            .unwrap();
        let process = Command::new("/bin/sleep").arg("100000").current_dir(&old_and_alive[1]).spawn().unwrap();
        Self {
            room,
            witness: Arc::new(Witness::default()),
            over: Arc::new(AtomicBool::new(false)),
            until: Instant::now() + lasts,
            at_latest: Instant::now() + lasts.max(LONGEST),
            old_and_alive,
            _held: held,
            process,
        }
    }

    /// A command of ours by the real clock.
    fn command(&self, line: &str) -> Command {
        let mut command = self.room.command(&line.split(' ').collect::<Vec<_>>());
        command.env_remove("OTTO_NOW");
        command
    }

    /// Runs a command that must succeed, or do a part and say so.
    fn otto(&self, line: &str) -> Ran {
        let ran = Ran::of(self.command(line));
        if !matches!(ran.code, 0 | 3) {
            self.witness.wrong(format!("otto {line}: {ran:#?}"));
        }
        ran
    }

    /// So many lists at once, all of which answer.
    fn lists(&self, number: usize) {
        let list = || self.command("list --json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        for list in (0..number).map(|_| list()).collect::<Vec<_>>() {
            let ran = Ran::new(&list.wait_with_output().unwrap());
            if ran.code != 0 || serde_json::from_str::<Vec<serde_json::Value>>(&ran.stdout).is_err() {
                self.witness.wrong(format!("{ran:#?}"));
            }
        }
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// Goes on until enough runs went, on a machine where that takes longer.
    fn goes_on_until_enough(&self) -> bool {
        self.goes_on() || Instant::now() < self.at_latest && !self.witness.saw_go(&self.room.store, ENOUGH)
    }

    /// Lets the writers work while `disturb` does.
    fn with_writers(&self, disturb: impl FnOnce(&Self)) {
        std::thread::scope(|scope| {
            for (seed, (project, version)) in (1..).zip(WRITERS) {
                scope.spawn(move || {
                    let seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed);
                    let mut runner = Runner::new(&self.room.store, project, version, seed, &self.witness);
                    while !self.over.load(Ordering::Relaxed) {
                        runner.burst();
                    }
                });
            }
            let over = Over(&self.over);
            disturb(self);
            drop(over);
        });
    }

    /// How many cache entries no run names: those of the projects that somebody works in all the time.
    fn orphans(&self) -> usize {
        let projects = crate::support::names_in(&self.room.store).into_iter().filter(|name| name.contains('-'));
        let orphans = projects.map(|name| {
            let project = self.room.store.join(name);
            let named = named(&project);
            crate::support::names_in(&project.join(".cache")).into_iter().filter(|entry| !named.contains(entry)).count()
        });
        orphans.sum()
    }

    /// After the last writer: one more clean, and then everything must be as the policy has it.
    #[expect(clippy::print_stdout, reason = "the figures of a soak are told to whoever asks with --nocapture")]
    fn ends_well(&mut self) {
        for run in &self.old_and_alive {
            assert!(run.join("tasks/own/script.sh").exists(), "{} is alive and gone", run.display());
        }
        // Runs of this second are not older than nothing.
        std::thread::sleep(Duration::from_millis(1100));
        self.otto(CLEAN);
        self.witness.check(&self.room.store);
        let removed = self.witness.account(&self.room.store);
        println!("soak: {}; removed {removed:?}", self.witness.figures());
        self.witness.assert_nothing_wrong();
        let of = |version| removed.get(&version).copied().unwrap_or(0);
        assert!(of(Version::TwoFour) >= ENOUGH, "too few went to show anything: {removed:?}");
        assert!(of(Version::Two) >= ENOUGH, "too few went to show anything: {removed:?}");
        assert_eq!(of(Version::One), 0, "a run of 1.x that was written to a moment ago went");

        for (project, version) in WRITERS {
            let project = self.room.store.join(project);
            if version != Version::One {
                let runs = crate::support::names_in(&project).into_iter().filter(|name| !name.starts_with('.'));
                assert_eq!(runs.count(), 3, "{}", project.display());
                assert_eq!(crate::support::names_in(&project.join(".cache")), named(&project), "{}", project.display());
            }
        }
        let trash = crate::support::names_in(&self.room.store.join(".catalog/trash"));
        assert_eq!(trash, Vec::<String>::new());
        let usage: serde_json::Value = serde_json::from_str(&self.otto("usage --json").stdout).unwrap();
        assert_eq!(usage["total"]["disk_bytes"], self.room.du().disk);
        assert_eq!(usage["cache"]["orphaned_entries"], self.orphans());
    }
}

impl Drop for Soak {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ends the writers, also when whoever disturbs them panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The entries that the runs of a project name, in order.
fn named(project: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for run in fs::read_dir(project).unwrap() {
        for task in fs::read_dir(run.unwrap().path().join("tasks")).into_iter().flatten() {
            let script = fs::read_link(task.unwrap().path().join("script.sh")).unwrap();
            names.push(script.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

#[test]
fn nothing_that_a_runner_at_work_uses_goes_while_clean_follows_clean() {
    let mut soak = Soak::new(lasts(5));
    let cleans = AtomicUsize::new(0);
    soak.with_writers(|soak| {
        while soak.goes_on_until_enough() {
            soak.otto(CLEAN);
            soak.witness.check(&soak.room.store);
            cleans.fetch_add(1, Ordering::Relaxed);
        }
    });
    println!("soak: {} cleans", cleans.into_inner());
    soak.ends_well();
}

#[test]
fn two_cleaners_and_twenty_lists_beside_a_runner_at_work_do_what_one_would() {
    let mut soak = Soak::new(lasts(4));
    soak.with_writers(|soak| {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while soak.goes_on_until_enough() {
                        soak.otto(CLEAN);
                    }
                });
            }
            while soak.goes_on_until_enough() {
                soak.lists(20);
                soak.witness.check(&soak.room.store);
            }
        });
    });
    soak.ends_well();
}

#[test]
fn cleans_killed_at_any_moment_beside_a_runner_at_work_lose_nothing() {
    let mut soak = Soak::new(lasts(4));
    soak.with_writers(|soak| {
        let mut draw = Draw(0x2545_f491_4f6c_dd1d);
        while soak.goes_on_until_enough() {
            let mut clean = soak.command(CLEAN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros(draw.below(120_000)));
            clean.kill().unwrap();
            clean.wait().unwrap();
            // What lies in the trash since then comes back, or goes, with the next one.
            soak.otto(CLEAN);
            soak.witness.check(&soak.room.store);
        }
    });
    soak.ends_well();
}

#[test]
fn a_cleaner_an_undo_and_twenty_lists_beside_a_runner_at_work_lose_no_run_at_all() {
    let soak = Soak::new(lasts(4));
    let kept = format!("{CLEAN} --trash");
    let counts = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let (cleans, undos) = (&counts[0], &counts[1]);
    soak.with_writers(|soak| {
        let again = |line: &str, count: &AtomicUsize| {
            while count.fetch_add(1, Ordering::Relaxed) < 3 || soak.goes_on() {
                soak.otto(line);
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| again(&kept, cleans));
            scope.spawn(|| again("undo", undos));
            while soak.goes_on() {
                soak.lists(20);
                soak.witness.check(&soak.room.store);
            }
        });
    });
    let store = &soak.room.store;
    // The last of those at once may have been an undo. Runs of this second are not older than nothing.
    std::thread::sleep(Duration::from_millis(1100));
    soak.otto(&kept);
    let out = soak.witness.made().iter().filter(|id| !store.join(id).exists()).count();
    println!("soak: {cleans:?} cleans, {undos:?} undos, {out} runs in the trash; {}", soak.witness.figures());
    assert!(out > ENOUGH, "too few went to show anything: {out}");
    // The last of them undone, and all before it: no run was ever decided to go for good.
    for _ in 0..=cleans.load(Ordering::Relaxed) + 1 {
        if soak.otto("undo").stdout.contains("Nothing was restored") {
            break;
        }
    }
    soak.witness.check(store);
    soak.witness.assert_nothing_wrong();
    let lost: Vec<String> = soak.witness.made().into_iter().filter(|id| !store.join(id).exists()).collect();
    assert_eq!(lost, Vec::<String>::new());
    let listed = soak.otto("list --json");
    assert_eq!(crate::binary::sorted_ids(&serde_json::from_str(&listed.stdout).unwrap()), soak.room.runs());
    // What an undo held beside the runs goes with the next deleting command.
    soak.otto("clean --keep 100y --yes");
    assert_eq!(crate::support::names_in(&store.join(".catalog/trash")), Vec::<String>::new());
}
