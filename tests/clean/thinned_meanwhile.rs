//! Parts that are dropped while somebody writes into their run: all of them go, or all stay with what was added.

use super::thinned::{one, only};
use super::*;
use crate::support::fault::{self, until_stopped};
use crate::support::trash::kept;
use otto_catalog::store::change::{Act, Hook};
use otto_catalog::store::parts::Part;
use std::fs;

#[test]
fn what_is_put_into_a_part_while_it_is_moved_comes_back_with_it() {
    type Meddle = fn(&std::path::Path);
    let cases: [(&str, Meddle); 4] = [
        ("a result in an artifact", |run| fs::write(run.join("tasks/bad/out/output.late.json"), "{}").unwrap()),
        ("a line in a log", |run| fs::write(run.join("tasks/good/stdout.log"), "one more line").unwrap()),
        ("a file in a deep directory", |run| fs::write(run.join("tasks/bad/out/b/new.txt"), "new").unwrap()),
        ("a link into the cache", |run| {
            std::os::unix::fs::symlink("../../../../.cache/0a1b2c3d.sh", run.join("tasks/bad/out/b/again")).unwrap();
        }),
    ];
    for request in [keep(30), kept(keep(30))] {
        for (what, meddle) in cases {
            let (mut store, id) = one();
            store.look();
            let (run, met) = (store.root.join(&id), std::sync::atomic::AtomicBool::new(false));
            let after = store.outside("after");
            store.hook = Hook::new(move |act| {
                if act == Act::ToTrash && !met.swap(true, std::sync::atomic::Ordering::SeqCst) {
                    meddle(&run);
                    let copied = std::process::Command::new("/bin/cp").arg("-a").arg(&run).arg(&after).status();
                    assert!(copied.unwrap().success());
                }
                Ok(())
            });
            let (_, outcome) = only(&store, &[Part::Logs, Part::Artifacts], &request).unwrap();
            store.hook = Hook::default();
            assert_eq!((outcome.thinned.len(), outcome.skipped.len()), (0, 1), "{what}: {outcome:?}");
            let mut differ = std::process::Command::new("/usr/bin/diff");
            let differ = differ
                .args(["-r", "--no-dereference"])
                .arg(store.root.join(&id))
                .arg(store.outside("after"))
                .output()
                .unwrap();
            assert!(differ.status.success(), "{what}: {}", String::from_utf8_lossy(&differ.stdout));
            assert_eq!(store.trash(), Vec::<String>::new(), "{what}");
        }
    }
}

#[test]
fn a_piece_whose_place_is_taken_keeps_no_other_in_the_trash() {
    let (mut store, id) = one();
    store.look();
    // Stopped with all pieces moved and nothing decided.
    store.hook = Hook::new(|act| if act == Act::Commit { fault::stop() } else { Ok(()) });
    assert!(until_stopped(|| only(&store, &[Part::Logs], &keep(30)).is_ok()).is_none());
    store.hook = Hook::default();
    let log = |task: &str, name: &str| store.root.join(&id).join("tasks").join(task).join(name);
    let all = [("bad", "stderr.log"), ("bad", "stdout.log"), ("good", "stderr.log"), ("good", "stdout.log")];
    assert!(all.iter().all(|(task, name)| !log(task, name).exists()));
    fs::write(log("bad", "stderr.log"), "somebody's").unwrap();
    let recovery = store.recover();
    assert_eq!((recovery.reported.len(), recovery.put_back.len()), (1, 0), "{recovery:?}");
    assert!(all.iter().all(|(task, name)| log(task, name).exists()));
    assert_eq!(fs::read(log("bad", "stderr.log")).unwrap(), b"somebody's");
    assert_eq!(store.trash().len(), 1, "ours stays");
    fs::remove_file(log("bad", "stderr.log")).unwrap();
    let recovery = store.recover();
    assert_eq!((recovery.reported.len(), recovery.put_back.len()), (0, 1), "{recovery:?}");
    assert_eq!(fs::read(log("bad", "stderr.log")).unwrap(), b"oh\n");
}
