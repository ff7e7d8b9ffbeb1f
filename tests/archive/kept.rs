//! What is there stays: files, runs and scripts that are not those of the archive, and runs that somebody works in.

use super::*;
use crate::support::tree::Snapshot;
use std::fs;

#[test]
fn a_run_that_differs_is_skipped_and_the_others_come() {
    let store = small();
    let path = store.export("all.tar.zst");
    let runs = store.runs_in_place();
    let other = Store::in_memory();
    other.import(&path);
    let spoilt = other.root.join(&runs[0]).join("tasks/build/stdout.log");
    fs::write(&spoilt, "something else").unwrap();
    fs::remove_dir_all(other.root.join(&runs[1])).unwrap();
    let imported = other.try_import(&path).unwrap();
    assert_eq!((imported.runs.len(), imported.already.len()), (1, 0));
    assert_eq!(imported.skipped.len(), 1);
    assert!(imported.skipped[0].id == runs[0] && imported.skipped[0].reason.contains("not the same"));
    assert_eq!(fs::read_to_string(spoilt).unwrap(), "something else");
}

#[test]
fn whatever_is_in_the_place_of_a_run_stays() {
    let store = small();
    let path = store.export("all.tar.zst");
    let runs = store.runs_in_place();
    for kind in ["file", "link", "directory"] {
        let other = Store::in_memory();
        fs::create_dir_all(other.root.join(&runs[0]).parent().unwrap()).unwrap();
        fs::create_dir_all(other.outside("canary")).unwrap();
        let place = other.root.join(&runs[0]);
        match kind {
            "file" => fs::write(&place, "x").unwrap(),
            "link" => std::os::unix::fs::symlink(other.outside("canary"), &place).unwrap(),
            _ => fs::create_dir(&place).unwrap(),
        }
        fs::write(other.root.join("otto.db"), "").unwrap();
        let before = Snapshot::of(place.parent().unwrap()).at(place.file_name().unwrap().to_str().unwrap());
        let imported = other.try_import(&path).unwrap();
        assert_eq!((imported.runs.len(), imported.skipped.len()), (1, 1), "{kind}: {:?}", imported.skipped);
        let after = Snapshot::of(place.parent().unwrap()).at(place.file_name().unwrap().to_str().unwrap());
        before.assert_same(&after, kind);
        assert_eq!(names_in(&other.outside("canary")), [""; 0]);
    }
}

#[test]
fn a_project_or_cache_that_is_a_link_is_not_followed() {
    let store = small();
    let path = store.export("all.tar.zst");
    let project = store.runs_in_place()[0].split_once('/').unwrap().0.to_owned();
    for below in ["", "/.cache"] {
        let other = Store::in_memory();
        let canary = other.outside("canary");
        fs::create_dir_all(&canary).unwrap();
        fs::write(other.root.join("otto.db"), "").unwrap();
        if !below.is_empty() {
            fs::create_dir(other.root.join(&project)).unwrap();
        }
        std::os::unix::fs::symlink(&canary, other.root.join(format!("{project}{below}"))).unwrap();
        let imported = other.try_import(&path).unwrap();
        assert!(!imported.skipped.is_empty(), "{below}");
        assert_eq!(names_in(&canary), [""; 0], "{below}");
    }
}

#[test]
fn a_script_of_the_same_name_and_other_content_stays() {
    let store = small();
    let path = store.export("all.tar.zst");
    let other = Store::in_memory();
    other.import(&path);
    let project = other.root.join(store.runs_in_place()[0].split_once('/').unwrap().0);
    let entry = project.join(".cache").join(&names_in(&project.join(".cache"))[0]);
    fs::write(&entry, "another").unwrap();
    for run in other.runs_in_place() {
        fs::remove_dir_all(other.root.join(run)).unwrap();
    }
    let imported = other.try_import(&path).unwrap();
    assert_eq!((imported.runs.len(), imported.skipped.len()), (2, 1), "{:?}", imported.skipped);
    assert!(imported.skipped[0].reason.contains("another file has its name"));
    assert_eq!(fs::read_to_string(entry).unwrap(), "another");
}

#[test]
fn a_run_that_lies_in_the_trash_is_not_brought_in_beside_itself() {
    let store = small();
    let path = store.export("all.tar.zst");
    store.clean(&crate::support::trash::kept(keep_and_cache(55)));
    let imported = store.try_import(&path).unwrap();
    assert_eq!((imported.runs.len(), imported.already.len(), imported.skipped.len()), (0, 1, 1));
    assert!(imported.skipped[0].reason.contains("trash"), "{:?}", imported.skipped);
    assert_eq!(store.undo().runs.len(), 1);
}

#[test]
fn a_run_that_somebody_works_in_is_left_out_of_an_archive() {
    let store = small();
    let runs = store.runs_in_place();
    store.process(77, &store.root.join(&runs[1]).join("tasks/build"));
    let exported = store.try_export("all.tar.zst").unwrap();
    let ids: Vec<String> = exported.runs.iter().map(|run| run.id.to_string()).collect();
    assert_eq!((ids, exported.skipped.len()), (vec![runs[0].clone()], 1));
    assert_eq!((exported.skipped[0].id.as_str(), exported.skipped[0].reason.as_str()), (&*runs[1], "running"));
}

#[test]
fn a_run_that_changes_while_it_is_written_is_left_out_and_the_file_has_none_of_it() {
    for what in ["appears", "grows", "same length", "goes"] {
        let mut store = small();
        let runs = store.runs_in_place();
        let log = store.root.join(&runs[0]).join("tasks/build/stdout.log");
        // After the runs were read for the manifest, before the archive is written: at the first change of ours.
        let session = store.open(Access::Read);
        let found = session.catalog.runs(&RunFilter::default()).unwrap();
        let told = std::sync::atomic::AtomicUsize::new(0);
        struct Meddler<'m>(&'m (dyn Fn(&str) + Sync));
        impl otto_catalog::progress::Progress for Meddler<'_> {
            fn begin(&self, what: &'static str, _: Option<u64>) {
                (self.0)(what);
            }
            fn advance(&self, _: u64) {}
            fn end(&self) {}
        }
        let meddle = |stretch: &str| {
            if stretch != "writing" || told.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 {
                return;
            }
            let meta = fs::metadata(&log).unwrap();
            match what {
                "appears" => fs::write(log.with_file_name("new"), "x").unwrap(),
                "grows" => fs::write(&log, vec![b'x'; meta.len() as usize + 1]).unwrap(),
                "same length" => {
                    fs::write(&log, vec![b'x'; meta.len() as usize]).unwrap();
                    let file = fs::File::options().write(true).open(&log).unwrap();
                    file.set_modified(meta.modified().unwrap()).unwrap();
                }
                _ => fs::remove_dir_all(store.root.join(&runs[0])).unwrap(),
            }
        };
        let meddler = Meddler(&meddle);
        let settings = otto_catalog::session::Settings { progress: &meddler, ..store.settings() };
        let output = store.outside("all.tar.zst");
        let request =
            Request { runs: &found, entries: &[], output: &output, force: false, limits: Limits::USUAL, verify: true };
        let exported = archive::export(&session, &settings, &request, &asked()).unwrap();
        let ids: Vec<String> = exported.runs.iter().map(|run| run.id.to_string()).collect();
        let empty_log = what == "same length" && fs::metadata(&log).is_ok_and(|meta| meta.len() == 0);
        if !empty_log {
            assert_eq!(ids, [runs[1].clone()], "{what}: {:?}", exported.skipped);
            assert_eq!(exported.skipped.len(), 1, "{what}");
        }
        drop(session);
        store.set_now(store.now());
        let other = Store::in_memory();
        assert_eq!(other.import(&output).runs.len(), ids.len(), "{what}");
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_that_was_said_and_a_link_never() {
    let store = small();
    let output = store.outside("all.tar.zst");
    let export = |force: bool| {
        let session = store.open(Access::Read);
        let runs = session.catalog.runs(&RunFilter::default()).unwrap();
        let request =
            Request { runs: &runs, entries: &[], output: &output, force, limits: Limits::USUAL, verify: false };
        archive::export(&session, &store.settings(), &request, &asked())
    };
    fs::write(&output, "mine").unwrap();
    assert!(export(false).is_err());
    assert_eq!(fs::read_to_string(&output).unwrap(), "mine");
    export(true).unwrap();
    assert!(Archive::open(&output, Limits::USUAL).is_ok());
    fs::remove_file(&output).unwrap();
    fs::write(store.outside("canary"), "canary").unwrap();
    std::os::unix::fs::symlink(store.outside("canary"), &output).unwrap();
    assert!(export(true).is_err());
    assert_eq!(fs::read_to_string(store.outside("canary")).unwrap(), "canary");
    assert_eq!(names_in(&store.outside("")), ["all.tar.zst", "canary"]);
}

#[test]
fn an_archive_of_another_store_brings_in_no_script_that_is_not_what_its_name_says() {
    let store = small();
    let project = store.root.join(store.runs_in_place()[0].split_once('/').unwrap().0);
    let names = names_in(&project.join(".cache"));
    for (name, text) in names.iter().zip(["", "echo something else\n"]) {
        fs::write(project.join(".cache").join(name), text).unwrap();
    }
    drop(store.open(Access::Index { full: true }));
    let path = store.export("all.tar.zst");
    let other = Store::in_memory();
    let imported = other.try_import(&path).unwrap();
    assert_eq!((imported.runs.len(), imported.entries.len(), imported.skipped.len()), (2, 0, 2));
    let reason = "its content is not what its name says";
    assert!(imported.skipped.iter().all(|one| one.reason.contains(reason)), "{:?}", imported.skipped);
    let cache = other.root.join(project.file_name().unwrap()).join(".cache");
    assert!(!cache.exists() || names_in(&cache).is_empty());
    // The store that it is of gets back what it had, torn or not.
    store.clean(&keep_and_cache(30));
    assert_eq!(store.import(&path).entries.len(), 2);
}

#[test]
fn an_archive_of_another_store_brings_in_a_script_without_a_hash_only_where_a_run_of_it_names_it() {
    let store = Store::in_memory();
    let mut builder = store.builder();
    let run = RunSpec::new(Era::B, "/home/dev/web", store.days_ago(60));
    builder.run(run.task(TaskSpec::ok("build"))).unwrap();
    let project = store.root.join(store.runs_in_place()[0].split_once('/').unwrap().0);
    let named = names_in(&project.join(".cache/build"));
    fs::write(project.join(".cache/build/deadbeef"), "echo nobody\n").unwrap();
    touch(&project.join(".cache/build/deadbeef"), store.days_ago(50));
    let session = store.open(Access::Read);
    let runs = session.catalog.runs(&RunFilter::default()).unwrap();
    let entries = [(runs[0].project().clone(), b"build/deadbeef".to_vec())];
    let output = store.outside("all.tar.zst");
    let request =
        Request { runs: &runs, entries: &entries, output: &output, force: false, limits: Limits::USUAL, verify: true };
    assert_eq!(archive::export(&session, &store.settings(), &request, &asked()).unwrap().entries, 2);
    let other = Store::in_memory();
    let imported = other.try_import(&output).unwrap();
    let skipped: Vec<_> = imported.skipped.iter().map(|one| one.id.as_str()).collect();
    assert!(skipped.len() == 1 && skipped[0].ends_with(".cache/build/deadbeef"), "{skipped:?}");
    assert_eq!(names_in(&other.root.join(project.file_name().unwrap()).join(".cache/build")), named);
}
