//! The real program, again and again, while somebody swaps links to canaries in and out all the time, as fast as he can.

use super::canary::Canaries;
use crate::binary::{NOW, Room};
use otto_catalog::practice::{self, Flavour, Spec};
use rustix::fs::{CWD, RenameFlags};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long each kind of place is under attack.
fn lasts() -> Duration {
    let seconds = std::env::var("OTTO_TEST_SECONDS").ok().and_then(|n| n.parse().ok());
    seconds.map_or(Duration::from_millis(1200), Duration::from_secs)
}

/// Commands that move, remove or bring back; the clock runs on, so that there is always something to do.
const LINES: [&str; 6] = [
    "clean --keep 30 --cache --cache-grace 0 --trash --yes",
    "undo",
    "clean --keep 40 --cache --yes",
    "list",
    "clean --keep 20 --cache --trash --yes",
    "trash empty --yes",
];

/// Stops whoever swaps, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn links_that_are_swapped_in_and_out_all_the_time_lead_to_no_canary() {
    for what in ["runs", "their tasks", "projects", "caches", "our own directory"] {
        let room = Room::in_memory();
        let spec = Spec {
            seed: 5,
            runs: 60,
            now: NOW,
            projects: Some(3),
            tasks_per_run: Some(2),
            flavour: Flavour::Uniform,
            runner_db: true,
        };
        practice::write(&room.store, &spec).unwrap();
        room.otto("index").code(0);
        // The canaries are a copy of the store: whoever follows a link finds what he looks for.
        let canaries = room.path("canaries");
        assert!(Command::new("/bin/cp").arg("-a").args([&room.store, &canaries]).status().unwrap().success());
        let mut places: Vec<PathBuf> = match what {
            "runs" => room.runs().into_iter().map(PathBuf::from).collect(),
            "their tasks" => room.runs().into_iter().map(|run| PathBuf::from(run).join("tasks")).collect(),
            "our own directory" => [".catalog", ".catalog/trash", ".catalog/catalog.db"].map(PathBuf::from).into(),
            _ => crate::support::names_in(&room.store)
                .into_iter()
                .filter(|name| name.contains('-'))
                .map(PathBuf::from)
                .collect(),
        };
        if what == "caches" {
            places.iter_mut().for_each(|place| place.push(".cache"));
        }
        let aside = room.path("aside");
        fs::create_dir(&aside).unwrap();
        for (n, place) in places.iter().enumerate() {
            symlink(canaries.join(place), aside.join(n.to_string())).unwrap();
        }
        fs::write(canaries.join(".catalog/letter.txt"), "dear").unwrap();
        let look = || {
            // SQLite opens by path and knows no other way: who swaps our own directory in the very moment may get a catalog
            // made in another place. Files of that name are all that this can cost.
            let ours = |path: &Path| what == "our own directory" && path.ends_with(".catalog");
            (Canaries::of(&canaries, &ours), Canaries::at(&canaries.join(".catalog/letter.txt")))
        };
        let before = look();
        let (stop, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    for (n, place) in places.iter().enumerate() {
                        let (here, there) = (room.store.join(place), aside.join(n.to_string()));
                        let exchange = || rustix::fs::renameat_with(CWD, &here, CWD, &there, RenameFlags::EXCHANGE);
                        if exchange().is_ok() {
                            std::thread::sleep(Duration::from_micros(20));
                            // Back again: what is in place is the real thing, half of the time.
                            let _ = exchange();
                            swaps.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
            let stop = Stop(&stop);
            let begun = Instant::now();
            for line in LINES.iter().cycle() {
                if begun.elapsed() > lasts() {
                    break;
                }
                let ran = room.otto(line);
                assert!(!ran.stderr.contains("panicked") && ran.code >= 0, "{what}: {line}: {ran:#?}");
            }
            drop(stop);
        });
        let after = look();
        before.0.assert_unchanged(&after.0, what);
        before.1.assert_unchanged(&after.1, what);
        assert!(swaps.load(Ordering::Relaxed) > 20, "{what}: only {swaps:?} swaps");
    }
}
