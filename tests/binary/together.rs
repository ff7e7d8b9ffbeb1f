//! Several of us at once: nobody errs, nobody miscounts, and who only reads never waits.

use super::*;
use std::collections::BTreeSet;
use std::fs::File;
use std::process::Child;
use std::time::Instant;

/// Far less than anybody waits for a lock, far more than a listing takes.
const AT_ONCE: Duration = Duration::from_secs(20);

fn start(room: &Room, line: &str) -> Child {
    let words: Vec<_> = line.split(' ').collect();
    room.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ran {
    Ran::new(&child.wait_with_output().unwrap())
}

/// The items of a list, whatever notices stand beside it.
#[track_caller]
fn listed(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(!ran.stderr.contains("error"), "{ran:#?}");
    sorted_ids(&serde_json::from_str(&ran.stdout).unwrap())
}

#[test]
fn two_first_lists_at_once_both_count_right_time_and_again() {
    for round in 0..if crate::support::at_length() { 40 } else { 6 } {
        let room = Room::uniform(30);
        let (one, two) = (start(&room, "list --json"), start(&room, "list --json"));
        let runs = room.runs();
        for ran in [end(one), end(two)] {
            assert_eq!(listed(&ran), runs, "round {round}: {ran:#?}");
        }
        assert_eq!(room.listed(), runs, "round {round}, afterwards");
    }
}

#[test]
fn commands_of_every_kind_at_once_answer_alike() {
    let room = Room::mixed(40);
    let alone: Vec<_> = {
        let twin = Room::mixed(40);
        Room::READING.map(|line| twin.otto(line).done()).to_vec()
    };
    let begun: Vec<_> = Room::READING.iter().map(|line| start(&room, line)).collect();
    for ((child, line), alone) in begun.into_iter().zip(Room::READING).zip(&alone) {
        let ran = end(child);
        assert_eq!(ran.code, 0, "{line}: {ran:#?}");
        assert_eq!(ran.stdout.lines().count(), alone.lines().count(), "{line}: {ran:#?}");
    }
    assert_eq!(room.listed(), room.runs());
}

#[test]
fn lists_during_a_clean_show_what_stays_and_nothing_new() {
    let room = Room::uniform(200);
    let all = room.listed();
    let dry = room.otto("clean --keep 30 --dry-run --json").json();
    let goes = sorted_ids(&dry["runs"]["delete"]);
    let mut clean = start(&room, "clean --keep 30 --cache --yes --json");
    // The pipe is read meanwhile, or the clean would wait for us.
    let mut stdout = clean.stdout.take().unwrap();
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut stdout).unwrap());
    let mut lists = 0;
    while clean.try_wait().unwrap().is_none() {
        let list = room.otto("list --json");
        let ids = listed(&list);
        assert!(ids.iter().all(|id| all.contains(id)), "something new: {ids:?}");
        for id in all.iter().filter(|id| !goes.contains(id)) {
            assert!(ids.contains(id), "{id} stays and is not listed");
        }
        lists += 1;
    }
    let json = reader.join().unwrap();
    assert!(lists > 0, "the clean was over before the first list");
    let ran = end(clean);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{json}");
    assert_eq!(room.runs().len(), all.len() - goes.len());
    assert_eq!(room.listed(), room.runs());
}

#[test]
fn two_cleans_at_once_do_together_what_one_would() {
    for round in 0..5 {
        let room = Room::uniform(80);
        let dry = room.otto("clean --keep 30 --cache --dry-run --json").json();
        let goes: BTreeSet<_> = ids(&dry["runs"]["delete"]).into_iter().collect();
        let stays: Vec<_> = room.runs().into_iter().filter(|id| !goes.contains(id)).collect();
        let line = "clean --keep 30 --cache --yes --json";
        let (one, two) = (start(&room, line), start(&room, line));
        let mut deleted = BTreeSet::new();
        for ran in [end(one), end(two)] {
            let result =
                serde_json::from_str::<Value>(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))["result"]
                    .clone();
            let left = [&result["skipped"], &result["failed"]].map(|items| items.as_array().unwrap().len());
            match ran.code {
                0 => assert_eq!(left, [0, 0], "round {round}: {ran:#?}"),
                3 => assert!(left[0] + left[1] > 0, "round {round}: in part, and does not say of what: {ran:#?}"),
                code => panic!("round {round}: {code}: {ran:#?}"),
            }
            for run in result["deleted_runs"].as_array().unwrap() {
                let id = run["id"].as_str().or(run.as_str()).unwrap().to_owned();
                assert!(deleted.insert(id.clone()), "round {round}: {id} was removed twice");
            }
        }
        assert_eq!(deleted, goes, "round {round}");
        assert_eq!(room.runs(), stays, "round {round}");
        assert_eq!(room.listed(), stays, "round {round}");
        assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());
        let usage = room.otto("usage --json").json();
        assert_eq!(usage["total"]["disk_bytes"], room.du().disk, "round {round}");
    }
}

/// The store's lock, held by the test.
fn hold(room: &Room) -> File {
    let path = room.store.join(".catalog/lock");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let lock = File::options().create(true).truncate(false).write(true).open(path).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn who_only_reads_never_waits_for_the_lock() {
    for indexed in [true, false] {
        let (room, shop) = Room::shop();
        if indexed {
            room.otto("index").code(0);
        }
        let lock = hold(&room);
        for line in Room::READING {
            let begun = Instant::now();
            let ran = room.otto(line).code(0);
            assert!(begun.elapsed() < AT_ONCE, "{line} waited: {:?}", begun.elapsed());
            if indexed {
                let notices = ran.stderr.lines().filter(|line| line.starts_with("notice:")).count();
                assert_eq!(notices, 1, "one notice: {line}: {ran:#?}");
                assert!(ran.stderr.contains("lock"), "{line}: {ran:#?}");
            }
        }
        assert_eq!(listed(&room.otto("list --json")), shop.all_but(&[]), "indexed: {indexed}");
        lock.unlock().unwrap();
        assert_eq!(room.listed(), shop.all_but(&[]));
    }
}

#[test]
fn who_deletes_waits_for_the_lock_and_says_for_whom() {
    let (room, shop) = Room::shop();
    room.otto("index").code(0);
    let lock = hold(&room);
    fs::write(room.store.join(".catalog/lock"), "otto index (process 1 on nowhere)").unwrap();
    let clean = start(&room, "clean --keep 80 --yes");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(room.runs(), shop.all_but(&[]), "it did not wait");
    lock.unlock().unwrap();
    let ran = end(clean).code(0);
    assert!(ran.stderr.contains("waiting for otto index (process 1 on nowhere)"), "{ran:#?}");
    assert_eq!(room.runs(), shop.all_but(&[shop.api(90)]));
}
