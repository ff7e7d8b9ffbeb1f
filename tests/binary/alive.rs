//! Whoever works in a run keeps it, in every form of clean, and the cache of its project with it.

use super::*;
use std::fs::File;
use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

/// Every form of a clean that would take everything.
const FORMS: [&str; 10] = [
    "--keep 1s --yes",
    "--keep 1s --cache --yes",
    "--keep 0 --keep-last 1 --cache --yes",
    "--keep 1s --keep-failed 0 --cache --yes --json",
    "--keep 1s --project web --cache --cache-grace 0 --yes",
    "--cache-only --keep 1s --stale --yes",
    "--cache-only --keep 1s --stale --cache-grace 0 --yes",
    "--keep 1s --strict-status --cache --yes --no-refresh",
    "--status interrupted,failed,success,unknown --keep 0 --allow-empty --cache --yes",
    "--all --allow-empty --cache --cache-grace 0 --confirm DELETE --yes",
];

/// A store with an old run that lives (by what `enliven` does), others that do not, an orphan in each cache.
struct Alive {
    room: Room,
    run: PathBuf,
    web: String,
    /// A run of another project that every form but two may take.
    other: PathBuf,
}

impl Alive {
    /// On the real clock, five minutes ahead of it: what is written in between is recent.
    fn new() -> Self {
        let mut room = Room::empty();
        room.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 + 300;
        let mut builder = room.builder();
        let old = |cwd: &str, days: i64| {
            RunSpec::new(Era::L, cwd, room.now - days * DAY).task(TaskSpec::ok("build")).task(TaskSpec::killed("serve"))
        };
        let run = builder.run(old("/home/dev/web", 60)).unwrap();
        builder.run(old("/home/dev/web", 50)).unwrap();
        let other = builder.run(old("/home/dev/api", 60)).unwrap();
        let web = Era::L.project_dir("/home/dev/web");
        builder.runner_db(5, practice::WalState::Clean).unwrap();
        builder.orphan(&web, Some(room.now - 9 * DAY)).unwrap();
        Self { room, run, web, other }
    }

    fn cache(&self) -> Snapshot {
        Snapshot::of(&self.room.store.join(&self.web).join(".cache"))
    }

    /// It survives everything, byte for byte; afterwards nothing else is left.
    #[track_caller]
    fn survives(&self, because: &str) {
        let (before, cache) = (Snapshot::of(&self.run), self.cache());
        for form in FORMS {
            let ran = self.room.otto(&format!("clean {form}"));
            assert!([0, 3].contains(&ran.code), "clean {form}: {ran:#?}");
            before.assert_same(&Snapshot::of(&self.run), &format!("{because}, clean {form}"));
            cache.assert_same(&self.cache(), &format!("{because}, the cache after clean {form}"));
        }
        let id = crate::support::id_of(&self.run);
        let ran = self.room.otto(&format!("clean --run {id} --allow-empty --cache --yes"));
        assert!([3, 5].contains(&ran.code), "it was named: {ran:#?}");
        before.assert_same(&Snapshot::of(&self.run), &format!("{because}, and it was named"));
        assert!(!self.other.exists(), "{because}: nothing at all was cleaned");
    }

    fn status(&self) -> (String, String) {
        let id = crate::support::id_of(&self.run);
        let info = self.room.otto_with(&["info", &id, "--json"]).json();
        let text = |key: &str| info["run"][key].as_str().unwrap().to_owned();
        (text("status"), text("status_source"))
    }

    /// Now it goes like any other.
    #[track_caller]
    fn goes(&self) {
        self.room.otto("clean --keep 1s --cache --yes").code(0);
        assert!(!self.run.exists());
        assert_eq!(self.cache().0.len(), 0);
    }
}

/// A process that waits in a directory until it is dropped.
struct Worker(Child);

impl Worker {
    fn in_dir(dir: &Path) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read line"]).current_dir(dir).stdin(Stdio::piped());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn a_run_with_a_process_in_it_survives_every_clean() {
    let alive = Alive::new();
    // No lock: an older runner's run.
    fs::remove_file(alive.run.join(".lock")).unwrap();
    let worker = Worker::in_dir(&alive.run.join("tasks/serve"));
    assert_eq!(alive.status(), ("running".into(), "process".into()));
    alive.survives("a process works in it");
    drop(worker);
    assert_eq!(alive.status().0, "interrupted");
    alive.goes();
}

#[test]
fn a_process_that_comes_after_the_indexing_counts_as_well() {
    let alive = Alive::new();
    alive.room.otto("index").code(0);
    let worker = Worker::in_dir(&alive.run);
    alive.survives("a process came");
    drop(worker);
    alive.goes();
}

#[test]
fn a_run_whose_lock_is_held_survives_every_clean() {
    let alive = Alive::new();
    let lock = File::open(alive.run.join(".lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(alive.status(), ("running".into(), "lock".into()));
    alive.survives("its lock is held");
    lock.unlock().unwrap();
    assert_eq!(alive.status().0, "interrupted");
    alive.goes();
}

#[test]
fn a_run_in_which_somebody_has_a_file_open_for_writing_survives_every_clean() {
    let alive = Alive::new();
    fs::remove_file(alive.run.join(".lock")).unwrap();
    let log = File::options().append(true).open(alive.run.join("tasks/serve/stdout.log")).unwrap();
    assert_eq!(alive.status(), ("running".into(), "process".into()));
    alive.survives("a file is open for writing");
    drop(log);
    alive.goes();
}

#[test]
fn a_run_written_to_a_minute_ago_survives_every_clean() {
    let mut alive = Alive::new();
    fs::remove_file(alive.run.join(".lock")).unwrap();
    // Well after the directory was born, well within ten minutes. An open file would be a sign of life by itself.
    let log = File::options().append(true).open(alive.run.join("tasks/serve/stdout.log")).unwrap();
    log.set_modified(UNIX_EPOCH + Duration::from_secs(alive.room.now as u64 - 60)).unwrap();
    drop(log);
    assert_eq!(alive.status(), ("running".into(), "runner-db".into()));
    alive.survives("a write of a minute ago");
    alive.room.now += 541;
    assert_eq!(alive.status().0, "interrupted");
    alive.goes();
}

#[test]
fn a_plan_says_what_is_protected_and_why() {
    let alive = Alive::new();
    let worker = Worker::in_dir(&alive.run);
    let text = alive.room.otto("clean --keep 30 --cache --dry-run").done();
    let protected = text.lines().find(|line| line.contains("protected")).unwrap();
    assert!(protected.contains('1'), "{text}");
    assert!(text.contains("running"), "{text}");
    let dry = alive.room.otto("clean --keep 30 --dry-run --json").json();
    let id = crate::support::id_of(&alive.run);
    let kept = dry["runs"]["keep"].as_array().unwrap().iter().find(|kept| kept["id"] == *id).unwrap().clone();
    assert!(kept["reasons"].to_string().contains("running"), "{kept:#}");
    drop(worker);
}
