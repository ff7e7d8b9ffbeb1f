//! Tests of the lock, on made process trees, and on real processes.

use super::*;
use crate::model::ProjectDir;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

fn lock_file(dir: &TempDir) -> PathBuf {
    dir.path().join(".lock")
}

#[test]
fn a_lock_is_absent_free_or_held() {
    let dir = tempfile::tempdir().unwrap();
    let run = File::open(dir.path()).unwrap();
    assert_eq!(probe_lock(run.as_fd()), LockState::Absent);
    assert!(matches!(take_lock(run.as_fd()), TakeLock::Absent));
    assert!(!lock_file(&dir).exists(), "a lock is never created");

    let runner = File::create(lock_file(&dir)).unwrap();
    assert_eq!(probe_lock(run.as_fd()), LockState::Free);
    flock(&runner, FlockOperation::NonBlockingLockExclusive).unwrap();
    assert_eq!(probe_lock(run.as_fd()), LockState::Held);
    assert!(matches!(take_lock(run.as_fd()), TakeLock::Held));
    drop(runner);
    assert_eq!(probe_lock(run.as_fd()), LockState::Free);
}

#[test]
fn a_lock_that_was_taken_is_held_until_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let run = File::open(dir.path()).unwrap();
    let runner = File::create(lock_file(&dir)).unwrap();
    let TakeLock::Taken(held) = take_lock(run.as_fd()) else { panic!("nobody holds it") };
    assert!(flock(&runner, FlockOperation::NonBlockingLockExclusive).is_err());
    assert_eq!(probe_lock(run.as_fd()), LockState::Held);
    drop(held);
    assert!(flock(&runner, FlockOperation::NonBlockingLockExclusive).is_ok());
}

#[test]
fn looking_at_a_lock_leaves_it_free_and_does_not_see_others_looking() {
    let dir = tempfile::tempdir().unwrap();
    let run = File::open(dir.path()).unwrap();
    let other = File::create(lock_file(&dir)).unwrap();
    flock(&other, FlockOperation::NonBlockingLockShared).unwrap();
    assert_eq!(probe_lock(run.as_fd()), LockState::Free);
    drop(other);
    let runner = File::open(lock_file(&dir)).unwrap();
    assert!(flock(&runner, FlockOperation::NonBlockingLockExclusive).is_ok());
}

#[test]
fn a_lock_that_is_no_regular_file_is_unreadable_and_never_a_wait() {
    let dir = tempfile::tempdir().unwrap();
    let run = File::open(dir.path()).unwrap();
    let target = dir.path().join("target");
    fs::write(&target, "").unwrap();
    let make: [&dyn Fn(&Path); 3] =
        [&|lock| symlink(&target, lock).unwrap(), &|lock| fs::create_dir(lock).unwrap(), &|lock| {
            assert!(Command::new("mkfifo").arg(lock).status().unwrap().success())
        }];
    for make in make {
        make(&lock_file(&dir));
        assert!(matches!(probe_lock(run.as_fd()), LockState::Unreadable(_)));
        assert!(matches!(take_lock(run.as_fd()), TakeLock::Unreadable(_)));
        let _ = fs::remove_dir(lock_file(&dir));
        let _ = fs::remove_file(lock_file(&dir));
    }
}

const ROOT: &str = "/home/dev/.otto";

/// A tree of the shape of `/proc`.
struct Proc(TempDir);

impl Proc {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.process(1, &["/sbin/init"], "/");
        made
    }

    fn process(&self, pid: u32, arguments: &[&str], cwd: impl AsRef<Path>) -> PathBuf {
        let dir = self.0.path().join(pid.to_string());
        fs::create_dir_all(dir.join("fd")).unwrap();
        fs::create_dir_all(dir.join("fdinfo")).unwrap();
        let cmdline: String = arguments.iter().map(|argument| format!("{argument}\0")).collect();
        fs::write(dir.join("cmdline"), cmdline).unwrap();
        symlink(cwd, dir.join("cwd")).unwrap();
        dir
    }

    fn descriptor(&self, process: &Path, number: u32, target: &str, flags: &str) {
        symlink(target, process.join(format!("fd/{number}"))).unwrap();
        fs::write(process.join(format!("fdinfo/{number}")), format!("pos:\t0\nflags:\t{flags}\nmnt_id:\t9\n")).unwrap();
    }

    fn scan(&self) -> LiveRuns {
        scan_processes(self.0.path(), &[Path::new(ROOT), Path::new("/alias/otto/")], 999)
    }
}

fn project(name: &str) -> ProjectDir {
    ProjectDir::new(name)
}

#[test]
fn a_working_directory_in_a_run_is_life() {
    let proc = Proc::new();
    proc.process(10, &["bash"], format!("{ROOT}/a-1/100/tasks/build"));
    proc.process(11, &["bash"], format!("{ROOT}/a-1/100"));
    proc.process(12, &["bash"], "/alias/otto/a-1/200-3/x (deleted)");
    proc.process(13, &["bash"], format!("{ROOT}/300/build"));
    for (pid, cwd) in ["", "/a-1", "/a-1/.cache", "/.catalog/trash/400", "x/a-1/500", "/a-1/latest"].iter().enumerate()
    {
        proc.process(20 + pid as u32, &["bash"], format!("{ROOT}{cwd}"));
    }
    proc.process(999, &["otto"], format!("{ROOT}/a-1/600"));
    let live = proc.scan();
    assert_eq!(live.pids(&project("a-1"), "100"), [10, 11]);
    assert_eq!(live.pids(&project("a-1"), "200-3"), [12]);
    assert_eq!(live.pids(&ProjectDir::root(), "300"), [13]);
    assert!(!live.contains(&project("a-1"), "500") && !live.contains(&project("a-1"), "600"), "not ours, and not us");
    assert!(live.any_in(&project("a-1")) && !live.any_in(&project("a-2")));
    assert!(live.is_complete());
}

#[test]
fn a_script_among_the_arguments_is_life_and_a_log_is_not() {
    let proc = Proc::new();
    let live_in = |run: &str| format!("{ROOT}/{run}");
    proc.process(10, &["bash", &live_in("a-1/100/tasks/build/script.sh"), "x"], "/w");
    proc.process(11, &["python3", "-u", &live_in("a-1/101/tasks/s:a/b/script.py")], "/w");
    proc.process(12, &["/bin/sh", &live_in("a-1/102/tasks/build/12345678.sh")], "/w");
    proc.process(13, &["sh", &live_in("103/build")], "/w");
    proc.process(20, &["less", &live_in("a-1/200/tasks/build/stdout.log")], "/w");
    proc.process(21, &["tail", "-f", &live_in("a-1/201/run.yaml")], "/w");
    proc.process(22, &["echo", &format!("see {ROOT}/a-1/202/tasks/build/script.sh")], "/w");
    proc.process(23, &["bash", &live_in("a-1/.cache/12345678.sh")], "/w");
    proc.process(24, &["bash", &format!("{ROOT}2/a-1/204/tasks/build/script.sh")], "/w");
    let live = proc.scan();
    for (run, pid) in [("100", 10), ("101", 11), ("102", 12)] {
        assert_eq!(live.pids(&project("a-1"), run), [pid]);
    }
    assert_eq!(live.pids(&ProjectDir::root(), "103"), [13]);
    for run in ["200", "201", "202", "204"] {
        assert!(!live.contains(&project("a-1"), run), "{run}");
    }
}

#[test]
fn a_file_open_for_writing_is_life_and_one_open_for_reading_is_not() {
    let proc = Proc::new();
    let process = proc.process(10, &["otto", "build"], "/w");
    let log = |run: &str| format!("{ROOT}/a-1/{run}/tasks/build/stdout.log");
    proc.descriptor(&process, 0, "/dev/null", "0100002");
    proc.descriptor(&process, 1, "socket:[17]", "02");
    proc.descriptor(&process, 3, &log("100"), "0102001");
    proc.descriptor(&process, 4, &log("101"), "0100002");
    proc.descriptor(&process, 5, &log("200"), "0100000");
    proc.descriptor(&process, 6, &log("201"), "garbage");
    symlink(log("202"), process.join("fd/7")).unwrap();
    let live = proc.scan();
    assert!(live.contains(&project("a-1"), "100") && live.contains(&project("a-1"), "101"));
    for run in ["200", "201", "202"] {
        assert!(!live.contains(&project("a-1"), run), "{run}");
    }
}

#[test]
fn a_project_whose_name_reads_as_a_run_keeps_both_alive() {
    let proc = Proc::new();
    proc.process(10, &["bash"], format!("{ROOT}/2026-12345678/100"));
    let live = proc.scan();
    assert!(live.contains(&project("2026-12345678"), "100") && live.contains(&ProjectDir::root(), "2026-12345678"));
}

#[test]
fn names_that_are_not_utf8_are_compared_as_bytes() {
    let proc = Proc::new();
    proc.process(10, &["bash"], OsStr::from_bytes(b"/home/dev/.otto/caf\xe9-1/100/tasks/\xff"));
    assert!(proc.scan().contains(&ProjectDir::new(*b"caf\xe9-1"), "100"));
}

#[test]
fn kernel_threads_vanished_processes_and_garbage_are_skipped() {
    let proc = Proc::new();
    proc.process(2, &[], format!("{ROOT}/a-1/100"));
    fs::create_dir(proc.0.path().join("30")).unwrap();
    fs::write(proc.0.path().join("31"), "a file").unwrap();
    symlink("nowhere", proc.0.path().join("32")).unwrap();
    fs::create_dir_all(proc.0.path().join("33/cmdline")).unwrap();
    fs::create_dir(proc.0.path().join("34")).unwrap();
    fs::write(proc.0.path().join("34/cmdline"), [0xff; 200_000]).unwrap();
    fs::create_dir(proc.0.path().join("99999999999999")).unwrap();
    fs::write(proc.0.path().join("version"), "x").unwrap();
    proc.process(40, &["bash"], format!("{ROOT}/a-1/200"));
    let live = proc.scan();
    assert!(!live.contains(&project("a-1"), "100") && live.contains(&project("a-1"), "200") && live.is_complete());
}

#[test]
fn without_a_list_of_processes_nothing_is_found_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    for proc in [dir.path().to_owned(), dir.path().join("missing")] {
        let live = scan_processes(&proc, &[Path::new(ROOT)], 1);
        assert!(live.is_empty() && !live.is_complete());
    }
}

/// Ends the process when a test is over, also when it fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn real_processes_are_found_by_each_sign() {
    let store = tempfile::tempdir().unwrap();
    let root = store.path().canonicalize().unwrap();
    let task = |run: &str| {
        let dir = root.join("a-1").join(run).join("tasks/build");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("script.sh"), "echo begun\nread line\n").unwrap();
        fs::write(dir.join("stdout.log"), "").unwrap();
        dir
    };
    let start = |command: &mut Command| Ended(command.stdin(Stdio::piped()).spawn().unwrap());
    let _stands = start(Command::new("cat").current_dir(task("100")));
    let mut script = start(Command::new("sh").arg(task("101").join("script.sh")).stdout(Stdio::piped()));
    // The words of a process are there a moment after it began.
    let mut begun = [0; 6];
    script.0.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    let log = OpenOptions::new().append(true).open(task("102").join("stdout.log")).unwrap();
    let _writes = start(Command::new("cat").stdout(log));
    let _reads = start(Command::new("cat").arg("-").arg(task("103").join("stdout.log")));

    let live = scan_processes(Path::new("/proc"), &[&root], std::process::id());
    let found = ["100", "101", "102", "103"].map(|run| live.contains(&project("a-1"), run));
    assert_eq!(found, [true, true, true, false]);
    assert!(live.is_complete());

    script.0.stdin.take().unwrap().write_all(b"\n").unwrap();
    script.0.wait().unwrap();
    let live = scan_processes(Path::new("/proc"), &[&root], std::process::id());
    assert!(!live.contains(&project("a-1"), "101"), "it has ended");
}
