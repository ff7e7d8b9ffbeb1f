//! A disk without a byte left: a file system of a few mebibytes in memory, filled to its end.
//!
//! Mounting takes rights; where neither root nor a user namespace gives them, the tests say on stderr that they were skipped.

use crate::binary::{Ran, Room, binary, ids, sorted_ids};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs each line of `otto` on a copy of the room's store that lies on a disk of its own, which is filled to its end before
/// the line `full`. Gives what each printed and how it ended; `None` where nobody may mount.
fn on_a_disk_of_its_own(room: &Room, lines: &[&str]) -> Option<Vec<Ran>> {
    on_a_disk_of(room, "12m", lines)
}

/// The same on a disk of that size; one of 0 has no limit, and states that it has no size.
pub(super) fn on_a_disk_of(room: &Room, size: &str, lines: &[&str]) -> Option<Vec<Ran>> {
    let out = room.path("out");
    fs::create_dir(&out).unwrap();
    fs::create_dir(room.path("disk")).unwrap();
    let mut script = format!(
        "set -e; cd '{}'; mount -t tmpfs -o size={size} tmpfs disk; cp -a '{}' disk/store; set +e\n",
        room.work().display(),
        room.store.display()
    );
    for (n, line) in lines.iter().enumerate() {
        let command = match *line {
            "full" => "cat /dev/zero > disk/filler; dd if=/dev/zero bs=1 count=1 >> disk/filler".to_owned(),
            "inodes" => "stat -f -c %a disk".to_owned(),
            line => format!("'{}' --home disk/store {line}", binary()),
        };
        script.push_str(&format!("({command}) > out/{n}.stdout 2> out/{n}.stderr; echo $? > out/{n}.code\n"));
    }
    script.push_str("ls disk/store/.catalog > out/ours; stat -c %s disk/store/.catalog/reserve > out/reserve\n");
    let mut command = room.seal(Command::new("unshare"));
    command.arg(if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" });
    command.args(["/bin/sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = command.output().map(|output| Ran::new(&output)).ok();
    let read = |name: String| fs::read_to_string(out.join(name)).ok();
    let results = (0..lines.len()).map(|n| {
        let code = read(format!("{n}.code"))?.trim().parse().ok()?;
        Some(Ran { stdout: read(format!("{n}.stdout"))?, stderr: read(format!("{n}.stderr"))?, code })
    });
    let results: Option<Vec<Ran>> = results.collect();
    if results.is_none() {
        // Past the capture of the test's output: nobody should take this for a proof.
        let _ = writeln!(std::io::stderr(), "SKIPPED: a disk cannot be made here, mounting is refused: {ran:?}");
    }
    results
}

fn items(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"))
}

#[test]
fn on_a_full_disk_list_works_and_clean_frees() {
    let room = Room::uniform(60);
    let planned = room.otto("clean --keep 30 --cache --dry-run --json").json();
    let (goes, all) = (sorted_ids(&planned["runs"]["delete"]), room.listed());
    fs::remove_dir_all(room.store.join(".catalog")).unwrap();
    assert!(goes.len() > 20 && goes.len() < all.len());
    // Known to us for a moment before it filled up; never cleaned.
    let lines = [
        "list --json",
        "full",
        "inodes",
        "list --json",
        "info latest",
        "usage --json",
        "clean --keep 30 --cache --dry-run --json",
        "clean --keep 30 --cache --yes --json",
        "list --json",
        "clean --keep 30 --cache --yes --json",
        "audit --json",
    ];
    let Some(ran) = on_a_disk_of_its_own(&room, &lines) else { return };
    assert!(ran[1].stderr.contains("No space left"), "the disk is not full: {:#?}", ran[1]);
    assert_eq!(ran[2].stdout.trim(), "0", "blocks are left");
    for at in [0, 3] {
        assert_eq!(ran[at].code, 0, "{:#?}", ran[at]);
        assert_eq!(sorted_ids(&items(&ran[at])), all);
    }
    for at in [3, 4, 5, 6] {
        assert_eq!(ran[at].code, 0, "{:#?}", ran[at]);
        assert!(ran[at].stderr.lines().count() == 1 && ran[at].stderr.contains("the disk is full"), "{:#?}", ran[at]);
    }
    assert_eq!(sorted_ids(&items(&ran[6])["runs"]["delete"]), goes);
    assert_eq!((ran[7].code, ran[7].stderr.as_str()), (0, ""), "{:#?}", ran[7]);
    let result = &items(&ran[7])["result"];
    assert_eq!(result["deleted_runs"].as_array().unwrap().len(), goes.len(), "{result:#}");
    assert!(result["freed_disk_bytes"].as_u64().unwrap() > 1_000_000, "{result:#}");
    assert_eq!((result["failed"].as_array().unwrap().len(), result["skipped"].as_array().unwrap().len()), (0, 0));
    let left: Vec<String> = all.iter().filter(|id| !goes.contains(id)).cloned().collect();
    assert_eq!(sorted_ids(&items(&ran[8])), left);
    assert_eq!(ids(&items(&ran[9])["runs"]["delete"]), Vec::<String>::new());
    let ours = fs::read_to_string(room.path("out/ours")).unwrap();
    assert!(ours.contains("audit.jsonl") && !ours.contains("damaged"), "{ours}");
    assert_eq!(fs::read_to_string(room.path("out/reserve")).unwrap().trim(), "1048576", "the reserve is made again");
}

#[test]
fn on_a_disk_that_was_full_before_we_came_nothing_is_lost_and_the_way_out_is_told() {
    let room = Room::uniform(60);
    let all = room.listed();
    fs::remove_dir_all(room.store.join(".catalog")).unwrap();
    let lines = ["full", "list --json", "usage", "clean --keep 30 --yes", "clean --keep 30 --dry-run", "list --json"];
    let Some(ran) = on_a_disk_of_its_own(&room, &lines) else { return };
    for at in [1, 5] {
        assert_eq!(ran[at].code, 0, "{:#?}", ran[at]);
        assert_eq!(sorted_ids(&items(&ran[at])), all);
    }
    assert_eq!((ran[2].code, ran[4].code), (0, 0), "{:#?}", ran[4]);
    ran[3].clone().refused(1, &["the disk is full", "nothing was deleted", "make a mebibyte of room"]);
    assert!(!Path::new(&room.path("disk/store")).exists(), "the disk went with its namespace");
}
