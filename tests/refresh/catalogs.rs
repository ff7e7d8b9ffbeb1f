//! The catalog is derived: whatever becomes of it, the store is answered for and nothing is lost.

use crate::support::digest::{assert_same, digest};
use crate::support::tree::Snapshot;
use crate::support::*;
use otto_catalog::session::{Access, Error, Notice};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;

fn store_with_catalog() -> Store {
    let store = Store::new();
    for days in [1, 40, 50] {
        store.write(small("/a/web", store.days_ago(days)));
    }
    store.look();
    store
}

fn without_log(store: &Store) -> std::path::PathBuf {
    let path = store.root.join(".catalog/catalog.db");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(path.with_extension(format!("db{suffix}")));
    }
    path
}

#[test]
fn a_damaged_catalog_is_set_aside_and_built_anew_with_one_notice() {
    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 8] = [
        ("garbage", |p| fs::write(p, "this is no database, however long one looks at it".repeat(100)).unwrap()),
        ("nothing in it", |p| fs::write(p, "").unwrap()),
        ("cut in half", |p| {
            let bytes = fs::read(p).unwrap();
            fs::write(p, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("cut to a header", |p| {
            let bytes = fs::read(p).unwrap();
            fs::write(p, &bytes[..100]).unwrap();
        }),
        ("a page overwritten", |p| {
            let mut bytes = fs::read(p).unwrap();
            for page in bytes.chunks_mut(8192).skip(1) {
                page[..64].fill(0xa5);
            }
            fs::write(p, bytes).unwrap();
        }),
        ("a directory", |p| {
            fs::remove_file(p).unwrap();
            fs::create_dir(p).unwrap();
        }),
        ("a pipe", |p| {
            fs::remove_file(p).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, p, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        }),
        ("another program's database", |p| {
            fs::remove_file(p).unwrap();
            let db = rusqlite::Connection::open(p).unwrap();
            db.execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1").unwrap();
        }),
    ];
    for (name, damage) in damages {
        let store = store_with_catalog();
        damage(&without_log(&store));
        let before = Snapshot::of(&store.root);
        let session = store.open(Access::Read);
        assert!(matches!(session.notices.as_slice(), [Notice::SetAside { .. }]), "{name}: {:?}", session.notices);
        assert_same(&digest(&session.catalog), &store.digest_from_nothing(), name);
        drop(session);
        assert_same(&digest(&store.look().catalog), &store.digest_from_nothing(), name);
        before.assert_same(&Snapshot::of(&store.root), name);
        assert_eq!(store.clean(&keep(30)).gone().len(), 2, "{name}");
    }
}

#[test]
fn a_catalog_that_is_deleted_is_made_again() {
    let store = store_with_catalog();
    fs::remove_file(without_log(&store)).unwrap();
    assert_same(&digest(&store.look().catalog), &store.digest_from_nothing(), "made again");
    fs::remove_dir_all(store.root.join(".catalog")).unwrap();
    assert_same(&digest(&store.look().catalog), &store.digest_from_nothing(), "made again with its directory");
}

#[test]
fn a_newer_catalog_is_left_alone_and_deletes_nothing() {
    let store = store_with_catalog();
    let path = without_log(&store);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let bytes = fs::read(&path).unwrap();
    let session = store.open(Access::Read);
    assert!(matches!(session.notices.as_slice(), [Notice::InMemory(_)]), "{:?}", session.notices);
    assert_same(&digest(&session.catalog), &store.digest_from_nothing(), "in memory");
    drop(session);
    assert!(matches!(store.try_clean(&keep(30)), Err(Error::NoCatalog(_))));
    assert_eq!(store.runs_in_place().len(), 3);
    assert!(fs::read(&path).unwrap() == bytes, "it is as it was");
}

#[test]
fn a_catalog_elsewhere_is_used_there() {
    let mut store = Store::new();
    store.write(small("/a/web", store.days_ago(40)));
    store.catalog = Some(store.outside("our catalog.db"));
    store.look();
    assert!(store.outside("our catalog.db").exists() && !store.root.join(".catalog/catalog.db").exists());
    let mode = fs::metadata(store.outside("our catalog.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "arguments hold secrets");
    assert_eq!(store.look().report.walked, 0);
    assert_eq!(store.clean(&keep(30)).gone().len(), 1);
    store.catalog = Some(store.outside("no/such/directory/catalog.db"));
    let session = store.open(Access::Read);
    assert_eq!(session.notices.len(), 1, "one that cannot be made is answered from memory: {:?}", session.notices);
}

#[test]
fn what_is_ours_is_for_its_owner_only() {
    let store = store_with_catalog();
    store.clean(&keep_and_cache(30));
    let mut wide = Vec::new();
    let ours = store.root.join(".catalog");
    let mut check = |path: &Path, meta: &fs::Metadata| {
        let allowed = if meta.is_dir() { 0o700 } else { 0o600 };
        if meta.permissions().mode() & 0o777 & !allowed != 0 {
            wide.push(path.to_owned());
        }
    };
    check(&ours, &fs::metadata(&ours).unwrap());
    tree::each(&ours, &mut check);
    assert_eq!(wide, Vec::<std::path::PathBuf>::new());
}

#[test]
fn who_reads_never_waits_and_who_deletes_is_told_who_has_the_lock() {
    let store = store_with_catalog();
    let holder = store.open(Access::Delete);
    store.write(small("/a/web", store.days_ago(2)));
    let session = store.open(Access::Read);
    assert_eq!(session.notices, [Notice::Busy("a test".to_owned())]);
    assert_eq!(session.catalog.runs(&Default::default()).unwrap().len(), 3, "the catalog as it is");
    drop(session);
    assert!(matches!(store.try_open(Access::Delete), Err(Error::Busy(who)) if who == "a test"));
    drop(holder);
    assert_eq!(store.look().catalog.runs(&Default::default()).unwrap().len(), 4);
}

#[test]
fn a_store_or_catalog_that_cannot_be_written_is_served_from_memory_and_deletes_nothing() {
    for (closed, mode) in [("", 0o555), (".catalog", 0o555), (".catalog/catalog.db", 0o444), (".catalog/lock", 0o000)] {
        for is_new in [true, false] {
            let store = if is_new { Store::new() } else { store_with_catalog() };
            if is_new {
                store.write(small("/a/web", store.days_ago(40)));
                if !closed.is_empty() {
                    continue;
                }
            }
            let path = store.root.join(closed);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            // A log beside it would be enough to write the catalog.
            if closed.is_empty() && !is_new {
                fs::set_permissions(store.root.join(".catalog"), fs::Permissions::from_mode(0o555)).unwrap();
            }
            as_a_user(|| {
                let session = store.open(Access::Read);
                assert_same(&digest(&session.catalog), &store.digest_from_nothing(), &format!("`{closed}` is closed"));
                drop(session);
                let runs = store.runs_in_place();
                if !store.try_clean(&keep(30)).is_ok_and(|done| !done.gone().is_empty()) {
                    assert_eq!(store.runs_in_place(), runs, "`{closed}` is closed");
                }
            });
            for path in [store.root.clone(), store.root.join(".catalog")] {
                let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o755));
            }
        }
    }
}

#[test]
fn eight_at_once_on_a_fresh_store_all_get_a_right_answer() {
    for _ in 0..5 {
        let store = Store::new();
        for days in 1..6 {
            store.write(small("/a/web", store.days_ago(days)));
        }
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                store.open(Access::Read).catalog.runs(&Default::default()).unwrap().len()
            };
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            assert!(all.into_iter().all(|thread| thread.join().unwrap() == 5));
        });
        assert_same(&digest(&store.look().catalog), &store.digest_from_nothing(), "after eight at once");
    }
}
