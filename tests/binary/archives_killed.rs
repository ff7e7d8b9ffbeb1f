//! Exports and archiving cleans that are killed by a signal that nobody can catch: what is left is whole, or nothing.

use super::killed::Killer;
use super::*;
use std::time::Instant;

/// A room whose runs take a while to be packed.
fn room() -> (Room, Shop) {
    let (room, shop) = Room::shop();
    for days in [70, 50, 40] {
        let artifact = room.store.join(shop.web(days)).join("tasks/build/artifact");
        let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ i64::unsigned_abs(days);
        let mut bytes = Vec::with_capacity(6 << 20);
        while bytes.len() < 6 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        fs::write(artifact, bytes).unwrap();
    }
    room.otto("index --full").code(0);
    fs::create_dir(room.path("kept")).unwrap();
    (room, shop)
}

/// Every file in the directory is an archive that verifies; how many there are.
#[track_caller]
fn archives_that_are_whole(room: &Room, when: &str) -> usize {
    let names = crate::support::names_in(&room.path("kept"));
    for name in &names {
        assert!(name.ends_with(".tar.zst"), "{when}: {names:?}");
        let path = format!("kept/{name}");
        let ran = room.otto_with(&["export", "--list", &path, "--verify"]);
        assert_eq!(ran.code, 0, "{when}: {ran:#?}");
    }
    names.len()
}

#[test]
fn an_export_killed_at_any_moment_leaves_nothing_beside_what_was_there() {
    let (room, _) = room();
    let export =
        ["export", "--project", "web", "--older-than", "30", "--output", "kept/web.tar.zst", "--force", "--verify"];
    let begun = Instant::now();
    room.otto_with(&export).code(0);
    let mut killer = Killer::new(0x6c07_8965_1d2c_5b3f, begun.elapsed());
    for round in 0..12 {
        killer.kill(&room, &export);
        assert_eq!(archives_that_are_whole(&room, &format!("round {round}")), 1);
    }
    assert!(killer.interrupted > 0, "not one export was killed at work: the test shows nothing");
}

#[test]
fn an_archiving_clean_killed_at_any_moment_leaves_whole_archives_of_all_that_is_gone() {
    let (twin, _) = room();
    let clean = ["clean", "--project", "web", "--keep", "30", "--cache", "--archive", "kept", "--yes"];
    let begun = Instant::now();
    twin.otto_with(&clean).code(0);
    let mut killer = Killer::new(0x9e37_79b9_7f4a_7c15, begun.elapsed());
    for round in 0..4 {
        let (room, _) = room();
        let before = room.snapshot().copied();
        for kill in 0..3 {
            killer.kill(&room, &clean);
            archives_that_are_whole(&room, &format!("round {round}, kill {kill}"));
        }
        room.otto_with(&clean).code(0);
        let when = format!("round {round}, at the end");
        assert!(archives_that_are_whole(&room, &when) > 0, "{when}");
        for name in crate::support::names_in(&room.path("kept")) {
            room.otto_with(&["import", &format!("kept/{name}")]).code(0);
        }
        before.assert_same(&room.snapshot().copied(), &when);
    }
    assert!(killer.interrupted > 0, "not one clean was killed at work: the test shows nothing");
}
