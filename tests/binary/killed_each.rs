//! Every other deleting command killed at any moment: cleans into the trash, undos and restores, in any order; plans that are
//! applied, runs that are named, a trash that is emptied or expires.
//!
//! `OTTO_TEST_ROUNDS` asks for more stores than every day has time for.

use super::killed::{Fate, Killer};
use super::*;

/// Kills that a store lives through before a command may end.
const KILLS: usize = 4;

fn rounds(few: usize) -> usize {
    std::env::var("OTTO_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
}

/// A store in memory, as [`Room::uniform`] has one, with what a clean does to it.
fn room() -> (Room, Fate) {
    let room = Room::in_memory();
    let spec = Spec {
        seed: 11,
        runs: 60,
        now: NOW,
        projects: Some(3),
        tasks_per_run: Some(2),
        flavour: Flavour::Uniform,
        runner_db: true,
    };
    practice::write(&room.store, &spec).unwrap();
    let fate = Fate::of(&room);
    (room, fate)
}

/// How long a clean takes there that nobody kills.
fn whole() -> Duration {
    let (room, _) = room();
    let begun = std::time::Instant::now();
    room.otto("clean --keep 30 --cache --yes").code(0);
    begun.elapsed()
}

/// The operations in the trash that can be undone, and the runs in them.
fn in_trash(room: &Room) -> (usize, Vec<String>) {
    let ran = room.otto("trash list --json").code(0);
    let list: Value = serde_json::from_str(&ran.stdout).unwrap();
    let operations = list["operations"].as_array().unwrap();
    (operations.len(), operations.iter().flat_map(|operation| ids(&operation["runs"])).collect())
}

/// Nothing is found that is more than worth knowing, and what is said of the store is what is there.
#[track_caller]
fn is_sound(room: &Room, when: &str) {
    let checked = room.otto("check --json");
    assert_eq!(checked.code, 0, "{when}: {checked:#?}");
    assert_eq!(room.listed(), room.runs(), "{when}");
    assert_eq!(room.otto("usage --json").json()["total"]["disk_bytes"], room.du().disk, "{when}");
    assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new(), "{when}");
}

#[test]
fn cleans_into_the_trash_undos_and_restores_killed_at_any_moment_end_where_they_began() {
    let mut killer = Killer::new(0x1d87_2b41_9c3f_6e05, whole());
    for round in 0..rounds(5) {
        let (room, fate) = room();
        for kill in 0..KILLS {
            let (operations, runs) = in_trash(&room);
            let some: Vec<&str> = runs.iter().step_by(3).take(5).map(String::as_str).collect();
            let words = match killer.numbers.below(3) {
                0 if operations > 0 => vec!["undo"],
                1 if !some.is_empty() => [&["trash", "restore"], some.as_slice()].concat(),
                _ => vec!["clean", "--keep", "30", "--cache", "--trash", "--yes"],
            };
            let when = format!("round {round}, kill {kill}: {words:?}");
            killer.kill(&room, &words);
            fate.holds(&room, &when);
            let listed = room.otto("list --json").code(0);
            let listed = sorted_ids(&serde_json::from_str(&listed.stdout).unwrap());
            assert!(fate.stays.iter().all(|id| listed.contains(id)), "{when}: {listed:?}");
            fate.holds(&room, &format!("{when}, after a list"));
        }
        // Whatever is where, undoing all of it is the identity.
        for _ in 0..20 {
            room.otto("undo").code(0);
            if in_trash(&room).0 == 0 {
                break;
            }
        }
        let when = format!("round {round}, undone");
        fate.before.assert_same(&room.snapshot(), &when);
        // What an undo that died held beside the runs goes with the next deleting command.
        room.otto("clean --keep 100y --yes").code(0);
        fate.before.assert_same(&room.snapshot(), &format!("{when} and mended"));
        is_sound(&room, &when);
    }
    assert!(killer.interrupted > 0, "not one command was killed at work: the test shows nothing");
}

#[test]
fn removals_of_every_kind_killed_at_any_moment_take_what_was_planned_and_nothing_else() {
    let mut killer = Killer::new(0x5851_f42d_4c95_7f2d, whole());
    for round in 0..rounds(5) {
        let (room, fate) = room();
        let plan = room.path("plan.json");
        room.otto_with(&["clean", "--keep", "30", "--cache", "--plan-out", plan.to_str().unwrap()]).code(0);
        let named: Vec<&str> = fate.goes.iter().map(String::as_str).collect();
        let lines: [Vec<&str>; 3] = [
            vec!["clean", "--apply", "plan.json", "--yes"],
            [&["clean", "--yes", "--cache", "--allow-empty", "--run"], named.as_slice()].concat(),
            vec!["clean", "--keep", "30", "--cache", "--yes"],
        ];
        for kill in 0..KILLS {
            let words = &lines[(round + kill) % 3];
            killer.kill(&room, words);
            fate.holds(&room, &format!("round {round}, kill {kill}: {:?}", words.first()));
        }
        let ran = room.otto("clean --apply plan.json --yes");
        assert!(matches!(ran.code, 0 | 3), "what went before is skipped as gone: {ran:#?}");
        fate.holds(&room, &format!("round {round}, applied"));
        room.otto("clean --keep 30 --cache --yes").code(0);
        let when = format!("round {round}, at the end");
        fate.holds(&room, &when);
        fate.is_told(&room, &when);
        assert_eq!(room.runs(), fate.stays, "{when}");
        is_sound(&room, &when);
    }
    assert!(killer.interrupted > 0, "not one command was killed at work: the test shows nothing");
}

#[test]
fn a_trash_emptied_or_expiring_and_killed_at_any_moment_is_empty_in_the_end_and_nothing_else_is_touched() {
    let mut killer = Killer::new(0x9e37_79b9_7f4a_7c15, whole());
    for round in 0..rounds(4) {
        let (mut room, fate) = room();
        room.otto("clean --keep 30 --cache --trash --yes").code(0);
        assert_eq!(room.runs(), fate.stays);
        let line = match round % 2 {
            0 => "trash empty --yes",
            _ => {
                room.now += 20 * DAY;
                "clean --keep 100y --yes"
            }
        };
        for kill in 0..KILLS {
            let words: Vec<&str> = line.split(' ').collect();
            killer.kill(&room, &words);
            let when = format!("round {round}, kill {kill}: {line}");
            fate.holds(&room, &when);
            assert_eq!(room.runs(), fate.stays, "{when}");
        }
        room.otto(line).code(0);
        let when = format!("round {round}, at the end");
        fate.holds(&room, &when);
        assert_eq!(room.runs(), fate.stays, "{when}");
        assert_eq!(in_trash(&room).0, 0, "{when}");
        is_sound(&room, &when);
    }
    assert!(killer.interrupted > 0, "not one command was killed at work: the test shows nothing");
}
