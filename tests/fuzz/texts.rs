//! `run.yaml`, `config.yml`, the audit log, `operation.json`, names and links.

use super::bytes_like;
use crate::support::fault::{self, until_stopped};
use crate::support::tree::Snapshot;
use crate::support::*;
use otto_catalog::audit;
use otto_catalog::model::{ProjectDir, RunDir};
use otto_catalog::practice::{Era, RunSpec, TaskSpec};
use otto_catalog::retention::Config;
use otto_catalog::session::Access;
use otto_catalog::store::change::{Act, Hook};
use otto_catalog::store::layout::{self, ScriptForm, TaskFile};
use otto_catalog::store::reference::references;
use otto_catalog::store::run_yaml;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

const RUN_YAML: [&str; 3] = [
    "prog: otto\ncwd: /home/dev/web\nuser: dev\ntimestamp: 1795224748\nhash: f6102f52\nottofile: /home/dev/web/otto.yml\nargs:\n- otto\n",
    "prog: 'otto'\ncwd: \"/home/dev/w\\u00e9b\"\nargs: [otto, build, --, -x]\nuser: ~\nextra: {deep: [1, [2, [3]]]}\n",
    "a: &a [x, x]\nb: &b [*a, *a]\ncwd: *b\n? complex\n: 1\n!!binary aGVsbG8=: |\n  text\n",
];

const CONFIG: [&str; 3] = [
    "retention:\n  default: { keep_days: 30, keep_last_n: 10, keep_failed_days: 7 }\n  per_project:\n    otto-abc123: { keep_days: 90, keep_last_n: 50 }\n    prod-*: { keep_days: 365 }\n  cache: true\n",
    "retention: {default: {keep_days: 0, keep_last_n: 1, strict_status: true}, max_delete: 20%}\n",
    "trash: { keep_days: 14 }\nretention:\n  default: { keep_days: 30 }\n  per_project: { '*': { keep_last_n: 3 } }\n",
];

const OPERATION: [&str; 1] = [
    "{\"schema\":\"otto.operation/1\",\"id\":\"20260101T000000Z-00000000\",\"store_id\":\"00\",\"started_at\":1,\"command\":\"otto clean\",\"policy\":\"\",\"keep_until\":null,\"runs\":[{\"project\":\"web-0011aabb\",\"run\":\"1700000000\",\"inode\":1,\"manifest\":\"00\",\"size_bytes\":0,\"disk_bytes\":0,\"reasons\":[\"older\"]}],\"entries\":[{\"project\":{\"base64\":\"/w==\"},\"path\":\"a/b\",\"inode\":1,\"size_bytes\":0,\"disk_bytes\":0}]}",
];

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn no_run_yaml_makes_it_panic_or_grow(bytes in bytes_like(&RUN_YAML)) {
        if let Ok(read) = run_yaml::parse(&bytes) {
            // Nothing unfolds: what is told is not longer than what was written.
            let context = &read.context;
            let texts = [&context.ottofile, &context.cwd, &context.user].into_iter().flatten().chain(&context.args);
            let told: usize = texts.map(String::len).sum();
            prop_assert!(told <= bytes.len() * 3 + 64, "{} bytes tell {told}", bytes.len());
        }
    }

    #[test]
    fn no_configuration_makes_it_panic_and_what_is_read_is_read_twice_alike(bytes in bytes_like(&CONFIG)) {
        let text = String::from_utf8_lossy(&bytes);
        let read = || match Config::parse(&text) {
            Ok(config) => format!("{:?} {} {:?} {:?}", config.default_rules(), config.cache(), config.max_delete(), config.trash()),
            Err(error) => error.to_string(),
        };
        prop_assert_eq!(read(), read());
        if let Err(error) = Config::parse(&text) {
            let hint = error.hint().unwrap_or_default();
            prop_assert!(error.to_string().len() + hint.len() < 2000 + bytes.len(), "{}", error);
        }
    }

    #[test]
    fn a_name_is_taken_apart_the_same_way_whatever_its_bytes(name in name(), text in link()) {
        if let Ok(run) = RunDir::parse(&name) {
            // What is a run has exactly one name.
            prop_assert_eq!(run.as_str().as_bytes(), name.as_slice());
            prop_assert!(name.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'));
            prop_assert!(run.timestamp() >= 0);
        }
        let project = ProjectDir::new(name.clone());
        if layout::is_project_name(&name) {
            let shown = [project.name(), project.hash()].join("-");
            prop_assert_eq!(shown, String::from_utf8_lossy(&name));
        }
        prop_assert!(!(layout::is_temporary_name(&name) && layout::is_cache_entry_name(&name)));
        let _ = (TaskFile::of(&name), layout::is_output_marker(&name, &text), layout::is_first_era_link(&name, &text));
        let _ = ScriptForm::of_link(&text, &references(&text));
        for reference in references(&text) {
            // A reference never leads out of the cache that it names.
            let parts: Vec<&[u8]> = reference.path.split(|byte| *byte == b'/').collect();
            prop_assert!(!parts.contains(&b"..".as_slice()) && !reference.path.starts_with(b"/"), "{:?}", reference);
            prop_assert!(reference.path.is_empty() || parts.iter().all(|part| !part.is_empty() && *part != b"."));
            prop_assert!(reference.path.len() <= text.len());
            let project = reference.project.unwrap_or_default();
            prop_assert!(!project.contains(&b'/') && project != b"..");
        }
        // Whatever names a cache is a reference: an entry with one too many stays, one with none goes.
        let names_a_cache = text.split(|byte| *byte == b'/').any(|part| part == b".cache");
        prop_assert_eq!(names_a_cache, !references(&text).is_empty());
    }
}

/// Names as a directory may have them, many of them nearly of a shape that means something.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let shapes = [
        "1700000000",
        "1700000000-3",
        "otto-abc123",
        "web-0011aabb",
        ".tmpA1b2C3",
        "output.build.json",
        "script.sh",
        "0011aabb.sh",
        ".cache-0011aabb",
    ];
    bytes_like(&shapes)
        .prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != 0 && *byte != b'/').take(255).collect())
}

/// Texts as a link may have them.
fn link() -> impl Strategy<Value = Vec<u8>> {
    let shapes = [
        "../../../.cache/0011aabb.sh",
        "/home/dev/.otto/web-0011aabb/.cache/build/0011aabb",
        ".cache",
        "../.cache/../x",
        "a/.cache//b/./c/.cache/d",
    ];
    bytes_like(&shapes).prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != 0).take(4095).collect())
}

/// A store with a removed run, and the log that tells of it.
fn with_a_log() -> Store {
    let store = Store::in_memory();
    for days in [1, 40] {
        store.write(small("/a/web", store.days_ago(days)));
    }
    store.clean(&keep(30));
    store
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn whatever_the_audit_log_says_a_catalog_is_made_from_it_and_every_run_is_there(
        changes in prop::collection::vec(super::change(), 1..6), noise in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let store = with_a_log();
        let path = store.root.join(".catalog/audit.jsonl");
        let mut bytes = super::apply(fs::read(&path).unwrap(), &changes);
        bytes.extend(noise);
        fs::write(&path, bytes).unwrap();
        let ours = fs::File::open(store.root.join(".catalog")).unwrap();
        let mut reader = audit::Reader::open(ours.as_fd()).unwrap();
        let mut lines = 0;
        while reader.next_line().is_some() {
            lines += 1;
        }
        prop_assert!(lines < 10_000);
        let before = Snapshot::of(&store.root);
        let session = store.open(Access::Rebuild);
        let listed = session.catalog.runs(&Default::default()).unwrap();
        prop_assert_eq!(listed.len(), 1, "what is in place is listed whatever a log says: {:?}", listed);
        drop(session);
        store.clean(&keep(30));
        before.assert_same(&Snapshot::of(&store.root), "a log removes nothing");
    }

    #[test]
    fn whatever_operation_json_says_recovery_loses_nothing(bytes in bytes_like(&OPERATION), real in any::<bool>(), changes in prop::collection::vec(super::change(), 1..4)) {
        // A clean that died before it decided: its run lies in the trash, and its description says so, or something else.
        let mut store = Store::in_memory();
        let run = store.write(small("/a/web", store.days_ago(40)));
        store.write(small("/a/web", store.days_ago(1)));
        let before = Snapshot::of(&run);
        store.hook = Hook::new(|act| if act == Act::Commit { fault::stop() } else { Ok(()) });
        assert!(until_stopped(|| store.clean(&keep(30))).is_none());
        store.hook = Hook::default();
        let operation = store.root.join(".catalog/trash").join(&store.trash()[0]);
        let path = operation.join("operation.json");
        let described = if real { super::apply(fs::read(&path).unwrap(), &changes) } else { bytes };
        fs::write(&path, described).unwrap();
        store.recover();
        let lies = operation.join(run.strip_prefix(&store.root).unwrap());
        let place = if run.exists() { run } else { lies };
        before.assert_same(&Snapshot::of(&place), "the run is in its place, or still in the trash");
    }

    #[test]
    fn whatever_its_links_and_names_say_a_store_is_indexed_and_cleaned(
        links in prop::collection::vec((name(), link()), 0..6), entries in prop::collection::vec(name(), 0..4),
    ) {
        let store = Store::in_memory();
        let mut builder = store.builder();
        let mut runs = Vec::new();
        for days in [1, 40] {
            runs.push(builder.run(RunSpec::new(Era::J, "/a/web", store.days_ago(days)).task(TaskSpec::ok("build"))).unwrap());
        }
        let cache = runs[0].with_file_name(".cache");
        for entry in &entries {
            let _ = fs::write(cache.join(OsStr::from_bytes(entry)), "x");
        }
        for (at, (name, text)) in links.iter().enumerate() {
            let _ = symlink(OsStr::from_bytes(text), runs[at % 2].join("tasks").join(OsStr::from_bytes(name)));
        }
        let before = Snapshot::of(&runs[0]);
        let planned = store.dry_run(&keep_and_cache(30));
        let done = store.clean(&keep_and_cache(30));
        prop_assert_eq!(done.gone_entries(), planned_entries(&planned));
        before.assert_same(&Snapshot::of(&runs[0]), "the run that stays");
        // No link of a run that stays lost what it leads to.
        prop_assert!(runs[0].join("tasks/build/script.sh").exists());
        for (_, text) in links.iter().step_by(2) {
            for reference in references(text) {
                let entry = cache.join(OsStr::from_bytes(&reference.path));
                let named = reference.project.as_deref().is_none_or(|p| p == cache.parent().unwrap().file_name().unwrap().as_bytes());
                let was_there = entries.contains(&reference.path) && layout::is_cache_entry_name(&reference.path);
                prop_assert!(!named || !was_there || entry.exists(), "{:?} is gone", reference);
            }
        }
    }
}
