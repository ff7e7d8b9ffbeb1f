//! Who saw what: every run that was made, which of them are alive, and whatever went wrong.

use super::runner::Version;
use crate::support::log::Told;
use rustix::fs::FlockOperation;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Shared by all writers and whoever checks.
#[derive(Default)]
pub(super) struct Witness {
    /// Every run that was begun, by which version, and how often: a name may come again within its second.
    made: Mutex<BTreeMap<String, (Version, usize)>>,
    /// Those that are alive: path and inode.
    alive: Mutex<BTreeMap<String, (PathBuf, u64)>>,
    wrong: Mutex<Vec<String>>,
    waits: Mutex<Vec<Duration>>,
    reused: AtomicUsize,
    refused: AtomicUsize,
}

impl Witness {
    pub(super) fn alive(&self, id: &str, dir: &Path, inode: u64, version: Version) {
        self.made.lock().unwrap().entry(id.to_owned()).or_insert((version, 0)).1 += 1;
        self.alive.lock().unwrap().insert(id.to_owned(), (dir.to_owned(), inode));
    }

    /// The runs that were begun.
    pub(super) fn made(&self) -> Vec<String> {
        self.made.lock().unwrap().keys().cloned().collect()
    }

    /// Whether of each version whose end is known at once so many runs, or more, are not in place at this moment.
    pub(super) fn saw_go(&self, store: &Path, enough: usize) -> bool {
        let made = self.made.lock().unwrap().clone();
        let went = |version| made.iter().filter(|(id, (v, _))| *v == version && !store.join(id).exists()).count();
        [Version::TwoFour, Version::Two].into_iter().all(|version| went(version) >= enough)
    }

    pub(super) fn over(&self, id: &str) {
        self.alive.lock().unwrap().remove(id);
    }

    pub(super) fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }

    /// An old entry was there and was taken as it is.
    pub(super) fn reused(&self) {
        self.reused.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody else had the lock of a run that was made this moment.
    pub(super) fn refused_lock(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A script was away for so long: entries were moved, and put back because this run appeared.
    pub(super) fn waited_for_script(&self, time: Duration) {
        self.waits.lock().unwrap().push(time);
    }

    /// Fails with everything that went wrong so far.
    #[track_caller]
    pub(super) fn assert_nothing_wrong(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} things went wrong: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    }

    /// Holds the store still for the cleaners (writers go on), and looks at every run: all that are alive are in place, and
    /// no script link dangles.
    pub(super) fn check(&self, store: &Path) {
        let ours = store.join(".catalog");
        fs::create_dir_all(&ours).unwrap();
        let lock = File::options().create(true).truncate(false).write(true).open(ours.join("lock")).unwrap();
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).unwrap();
        let alive = self.alive.lock().unwrap().clone();
        for (id, (dir, inode)) in alive {
            let there = fs::metadata(&dir).is_ok_and(|meta| meta.ino() == inode);
            // It may have ended, and gone, since the list of the living was taken; but nobody cleans now.
            if !there && self.alive.lock().unwrap().contains_key(&id) {
                self.wrong(format!("{id} is alive and gone"));
            }
        }
        for run in runs(store) {
            for task in fs::read_dir(run.join("tasks")).into_iter().flatten() {
                let script = task.unwrap().path().join("script.sh");
                if fs::symlink_metadata(&script).is_ok() && fs::metadata(&script).is_err() {
                    self.wrong(format!("{} dangles", script.display()));
                }
            }
        }
    }

    /// Every run that was made is in place or told as removed in the audit log, and none is both. Gives how many of each
    /// version were removed.
    pub(super) fn account(&self, store: &Path) -> BTreeMap<Version, usize> {
        // Of all of its files: in minutes it grows beyond the size at which another begins.
        let log = Told::of(store);
        assert_eq!(log.problems, 0, "torn or foreign lines");
        let mut removed: BTreeMap<String, usize> = BTreeMap::new();
        for run in log.runs() {
            *removed.entry(run).or_default() += 1;
        }
        let mut by_version = BTreeMap::new();
        for (id, (version, times)) in &*self.made.lock().unwrap() {
            let gone = removed.get(id).copied().unwrap_or(0);
            if gone + usize::from(store.join(id).exists()) != *times {
                self.wrong(format!(
                    "{id}: made {times} times, removed {gone} times, in place {}",
                    store.join(id).exists()
                ));
            }
            *by_version.entry(*version).or_default() += gone;
        }
        by_version
    }

    /// What happened, in a line.
    pub(super) fn figures(&self) -> String {
        let waits = self.waits.lock().unwrap();
        let longest = waits.iter().max().copied().unwrap_or_default();
        format!(
            "{} runs made, {} entries reused; a script was away {} times, {longest:?} at most; {} locks refused",
            self.made.lock().unwrap().len(),
            self.reused.load(Ordering::Relaxed),
            waits.len(),
            self.refused.load(Ordering::Relaxed),
        )
    }
}

/// The run directories of a store, by their names.
pub(super) fn runs(store: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for project in fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path()) {
        for run in fs::read_dir(&project).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if run.file_name().unwrap().as_encoded_bytes()[0].is_ascii_digit() && run.is_dir() {
                found.push(run);
            }
        }
    }
    found
}
