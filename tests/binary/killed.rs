//! A clean that is killed at any moment, by a signal that nobody can catch; then a clean that ends.
//!
//! The moments follow from a seed, spread over the time that a whole clean takes here. `OTTO_TEST_ROUNDS` asks for more
//! stores than every day has time for.

use super::*;
use crate::support::log::Told;
use std::collections::BTreeMap;
use std::time::Instant;

const CLEAN: [&str; 5] = ["clean", "--keep", "30", "--cache", "--yes"];
/// Kills a store lives through before a clean may end.
const KILLS: usize = 3;

/// Numbers that follow from a seed (xorshift).
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Kills commands at moments that follow from a seed. The span they fall into shrinks with each command that ended first,
/// and widens again with each that did not: a machine is now fast, now slow.
pub(super) struct Killer {
    pub(super) numbers: Numbers,
    whole: Duration,
    span: Duration,
    /// How many commands were still at work.
    pub(super) interrupted: usize,
}

impl Killer {
    /// For commands that take so long when nobody kills them.
    pub(super) fn new(seed: u64, whole: Duration) -> Self {
        Self { numbers: Numbers(seed), whole, span: whole, interrupted: 0 }
    }

    /// Starts a command, and kills it after a while.
    pub(super) fn kill(&mut self, room: &Room, arguments: &[&str]) {
        let delay = self.span.mul_f64(self.numbers.below(1000) as f64 / 1000.0);
        let mut command = room.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(delay);
        child.kill().unwrap();
        let was_at_work = child.wait().unwrap().code().is_none();
        self.interrupted += usize::from(was_at_work);
        self.span = if was_at_work { self.whole.min(self.span.mul_f64(1.5)) } else { self.span / 2 };
    }
}

/// How long a clean takes here that nobody kills.
fn whole_clean() -> Duration {
    let room = Room::uniform(60);
    room.otto("index").code(0);
    let begun = Instant::now();
    room.otto_with(&CLEAN).code(0);
    begun.elapsed()
}

/// What must stay, and what may go, of a store.
pub(super) struct Fate {
    pub(super) before: Snapshot,
    pub(super) goes: Vec<String>,
    pub(super) stays: Vec<String>,
    pub(super) entries_go: Vec<String>,
}

impl Fate {
    pub(super) fn of(room: &Room) -> Self {
        let dry = room.otto("clean --keep 30 --cache --dry-run --json").json();
        let entry = |e: &Value| format!("{}/.cache/{}", e["project"].as_str().unwrap(), e["entry"].as_str().unwrap());
        let goes = sorted_ids(&dry["runs"]["delete"]);
        let stays: Vec<_> = room.runs().into_iter().filter(|id| !goes.contains(id)).collect();
        let entries_go: Vec<_> = dry["cache"]["delete"].as_array().unwrap().iter().map(entry).collect();
        assert!(goes.len() > 20 && stays.len() > 3 && entries_go.len() > 5, "too small to show anything");
        Self { before: room.snapshot(), goes, stays, entries_go }
    }

    /// Everything kept is as it was; whatever else is in place is whole.
    #[track_caller]
    pub(super) fn holds(&self, room: &Room, when: &str) {
        let now = room.snapshot();
        for (path, node) in &now.0 {
            assert_eq!(self.before.0.get(path), Some(node), "{when}: {} was made or changed", path.display());
        }
        let may_go = |path: &Path| self.goes.iter().chain(&self.entries_go).any(|id| path.starts_with(id));
        let missing: Vec<_> = self.before.0.keys().filter(|p| !now.0.contains_key(*p) && !may_go(p)).collect();
        assert!(missing.is_empty(), "{when}: went although nobody planned it: {missing:?}");
        let mut nodes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for id in &self.goes {
            let (then, left) = (self.before.at(id).0.len(), now.at(id).0.len());
            nodes.insert(id, (then, left));
        }
        nodes.retain(|_, (then, left)| left != then && *left != 0);
        assert!(nodes.is_empty(), "{when}: half a run in place: {nodes:?}");
    }

    /// The audit log has every item that is gone, once, and none that is there; every operation in it has an end.
    #[track_caller]
    pub(super) fn is_told(&self, room: &Room, when: &str) {
        let told = Told::of(&room.store);
        let in_place = room.runs();
        let mut gone: Vec<_> = self.goes.iter().filter(|id| !in_place.contains(id)).cloned().collect();
        gone.sort();
        assert_eq!(told.runs(), gone, "{when}: runs in the audit log");
        let mut gone: Vec<_> = self.entries_go.iter().filter(|entry| !room.store.join(entry).exists()).collect();
        gone.sort();
        let entries: Vec<_> = told.entries().iter().map(|e| e.replacen('/', "/.cache/", 1)).collect();
        assert_eq!(entries.iter().collect::<Vec<_>>(), gone, "{when}: cache entries in the audit log");
        assert_eq!(told.unfinished(), Vec::<String>::new(), "{when}: operations without an end");
        assert_eq!(told.problems, 0, "{when}: torn or foreign lines");
    }
}

#[test]
fn a_clean_killed_at_any_moment_loses_nothing_and_the_next_one_ends_it() {
    let rounds = std::env::var("OTTO_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut killer = Killer::new(0x9e37_79b9_7f4a_7c15, whole_clean());
    for round in 0..rounds {
        let room = Room::uniform(60);
        let fate = Fate::of(&room);
        for kill in 0..KILLS {
            let when = format!("round {round}, kill {kill}");
            killer.kill(&room, &CLEAN);
            fate.holds(&room, &when);
            let list = room.otto("list --json").code(0);
            let listed = sorted_ids(&serde_json::from_str(&list.stdout).unwrap());
            let known = |id: &String| fate.goes.contains(id) || fate.stays.contains(id);
            assert!(listed.iter().all(known), "{when}: {listed:?}");
            for id in &fate.stays {
                assert!(listed.contains(id), "{when}: {id} is not listed");
            }
            fate.holds(&room, &format!("{when}, after a list"));
        }
        // One that removes nothing itself ends what was decided, and puts back what was not.
        room.otto("clean --keep 100y --yes").code(0);
        fate.holds(&room, &format!("round {round}, mended"));
        assert_eq!(room.listed(), room.runs(), "round {round}, mended");
        fate.is_told(&room, &format!("round {round}, mended"));
        let ran = room.otto_with(&CLEAN).code(0);
        fate.holds(&room, &format!("round {round}, at the end"));
        fate.is_told(&room, &format!("round {round}, at the end"));
        assert_eq!(room.runs(), fate.stays, "round {round}: {ran:#?}");
        assert_eq!(room.listed(), fate.stays, "round {round}");
        for entry in &fate.entries_go {
            assert!(!room.store.join(entry).exists(), "round {round}: {entry} is left");
        }
        let trash = crate::support::names_in(&room.store.join(".catalog/trash"));
        assert_eq!(trash, Vec::<String>::new(), "round {round}: left in the trash");
        let usage = room.otto("usage --json").json();
        assert_eq!(usage["total"]["disk_bytes"], room.du().disk, "round {round}");
        assert_eq!(usage["trash"]["disk_bytes"], 0, "round {round}");
    }
    assert!(killer.interrupted > 0, "not one clean was killed at work: the test shows nothing");
}

#[test]
fn a_dry_run_after_a_kill_recovers_nothing_and_says_so() {
    let mut killer = Killer::new(0x2545_f491_4f6c_dd1d, whole_clean());
    // Until a kill falls into a deletion: on any machine, one of many does.
    for _ in 0..200 {
        let room = Room::uniform(60);
        room.otto("index").code(0);
        killer.kill(&room, &CLEAN);
        let trash = room.store.join(".catalog/trash");
        let description = |path: &Path| path.file_name().is_some_and(|name| name == "operation.json");
        let lies = |path: &PathBuf| !trash.join(path).is_dir() && !description(path);
        if !trash.exists() || !Snapshot::of(&trash).0.keys().any(lies) {
            continue;
        }
        let (before, bin) = (room.snapshot(), Snapshot::of(&trash));
        let ran = room.otto("clean --keep 30 --cache --dry-run").code(0).complains(&["an earlier clean died"]);
        assert!(ran.stderr.contains("put back") && ran.stderr.contains("finish"), "{ran:#?}");
        before.assert_same(&room.snapshot(), "a dry run after a kill");
        bin.assert_same(&Snapshot::of(&trash), "the trash after a dry run");
        room.otto_with(&CLEAN).code(0);
        assert_eq!(crate::support::names_in(&trash), Vec::<String>::new());
        return;
    }
    panic!("no kill fell into a deletion");
}
