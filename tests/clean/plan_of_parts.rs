//! Plan files that drop parts of runs: what is read is what was written, and no file makes anything else go.

use super::*;
use crate::support::tree::Snapshot;
use otto_catalog::clean::plan_file::{self, Maker, PlanFile, PlanFileError};
use otto_catalog::clean::{self, Plan};
use otto_catalog::retention::{Policy, Rules};
use otto_catalog::session::Access;
use otto_catalog::store::parts::Part;
use std::fs;
use std::path::{Path, PathBuf};

fn bytes(store: &Store, plan: &Plan) -> Vec<u8> {
    let default = Policy::resolve(&Rules::default(), None, &Rules::default());
    let maker = Maker {
        at: store.now(),
        who: "a test",
        command: "otto clean --plan-out plan.json",
        program: "otto 0",
        home: &store.root,
        policy: "as tested",
        default: &default,
    };
    plan_file::encode(plan, &maker).unwrap().bytes
}

/// Two runs that are thinned, one that goes by age, a stray.
fn scene() -> (Store, PathBuf) {
    let store = Store::new();
    let spec = |days| {
        let task = TaskSpec::failed("bad", 3).stderr("oh\n").artifact("out/a.txt", "aa").artifact("half.tmp", "h");
        RunSpec::new(Era::L, "/a/web", store.days_ago(days)).task(task)
    };
    let run = store.write(spec(20));
    store.write(spec(21));
    store.write(spec(90));
    let cache = run.parent().unwrap().join(".cache/.tmpAb12Cd");
    fs::write(&cache, "torn").unwrap();
    touch(&cache, store.days_ago(1));
    (store, run)
}

/// `--only PART..` of runs older than ten days, and the same by ages of parts.
fn requests() -> Vec<(&'static str, Request)> {
    let mut by_age = keep(30);
    by_age.flags.keep_logs = Some(Age::days(10));
    by_age.flags.keep_artifacts = Some(Age::days(10));
    vec![
        ("only logs and artifacts", Request { only: vec![Part::Logs, Part::Artifacts], ..keep(10) }),
        ("only temp", Request { only: vec![Part::Temp], ..keep(10) }),
        ("by age", by_age),
    ]
}

/// Every path outside our own directory, the runs by their place in time: two stores are made a second apart.
fn names(store: &Store) -> Vec<String> {
    let runs = store.runs_in_place();
    let paths = Snapshot::of(&store.root).0.into_keys().filter(|path| !path.starts_with(".catalog"));
    let named = paths.map(|path| {
        let path = path.to_string_lossy().into_owned();
        runs.iter().enumerate().fold(path, |path, (at, run)| path.replace(run, &format!("run {at}")))
    });
    named.collect()
}

/// What a plan file with that text says, sealed anew.
fn sealed(content: &str) -> Vec<u8> {
    format!("{content}  \"blake3\": \"{}\"\n}}\n", blake3::hash(content.as_bytes())).into_bytes()
}

fn content(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text[..text.find("  \"blake3\"").unwrap()].to_owned()
}

#[test]
fn a_plan_that_was_written_and_read_does_what_the_plan_itself_does() {
    for (form, request) in requests() {
        let mut left = Vec::new();
        for through_file in [false, true] {
            let (store, _) = scene();
            let mut session = store.open(Access::Delete);
            let mut plan = store.plan(&session, &request);
            assert_eq!(plan.runs.len() + plan.thin.len(), 3, "{form}");
            if through_file {
                let bytes = bytes(&store, &plan);
                assert!(bytes.starts_with(b"{\n  \"schema\": \"otto.plan/2\""));
                let read = PlanFile::parse(&bytes).unwrap().plan(&session.catalog).unwrap();
                assert_eq!(format!("{:?}", read.thin), format!("{:?}", plan.thin), "{form}");
                assert_eq!((read.parts_alone, read.frees), (plan.parts_alone, plan.frees), "{form}");
                assert_eq!(clean::rehearse(&session, &store.settings(), &read).unwrap(), [], "{form}");
                plan = read;
            }
            let outcome = clean::execute(&mut session, &store.settings(), plan, &execution()).unwrap();
            assert_eq!((outcome.skipped.len(), outcome.failed.len()), (0, 0), "{form}: {outcome:?}");
            drop(session);
            left.push((outcome.freed(), names(&store)));
        }
        assert_eq!(left[0], left[1], "{form}");
    }
}

#[test]
fn a_plan_without_parts_keeps_the_schema_that_older_programs_read() {
    let (store, _) = scene();
    let plain = bytes(&store, &store.dry_run(&keep(30)));
    assert!(plain.starts_with(b"{\n  \"schema\": \"otto.plan/1\""));
    let (_, request) = requests().remove(0);
    let text = content(&bytes(&store, &store.dry_run(&request)));
    let older = text.replacen("otto.plan/2", "otto.plan/1", 1);
    assert!(
        matches!(PlanFile::parse(&sealed(&older)), Err(PlanFileError::Invalid { .. })),
        "an older schema knows none"
    );
    assert!(PlanFile::parse(&sealed(&text)).is_ok(), "the test seals as we do");
}

type Change = fn(&Store, &Path);

#[test]
fn a_run_that_changed_since_keeps_its_parts_as_the_rehearsal_says() {
    let changes: [(&str, &str, Change); 4] = [
        ("pinned", "pinned", |store, run| store.pin(&id_of(run))),
        ("running", "running", |store, run| store.process(4711, run)),
        ("written to", "changed", |store, run| {
            fs::write(run.join("tasks/bad/stdout.log"), "more").unwrap();
            touch(&run.join("tasks/bad/stdout.log"), store.days_ago(20));
        }),
        ("gone", "gone", |store, run| fs::rename(run, store.outside("away")).unwrap()),
    ];
    for (form, request) in requests() {
        for (what, reason, change) in &changes {
            let (store, run) = scene();
            let file = PlanFile::parse(&bytes(&store, &store.dry_run(&request))).unwrap();
            change(&store, &run);
            let mut session = store.open(Access::Delete);
            let plan = file.plan(&session.catalog).unwrap();
            let rehearsed = clean::rehearse(&session, &store.settings(), &plan).unwrap();
            let before = run.exists().then(|| Snapshot::of(&run));
            let outcome = clean::execute(&mut session, &store.settings(), plan, &execution()).unwrap();
            if let Some(before) = before {
                before.assert_same(&Snapshot::of(&run), what);
            }
            let of_run = |skips: &[clean::Skipped]| -> Vec<String> {
                skips.iter().filter(|s| s.id == id_of(&run)).map(|s| s.reason.clone()).collect()
            };
            let (said, was) = (of_run(&rehearsed), of_run(&outcome.skipped));
            assert!(was.len() == 1 && was[0].contains(reason), "{form}, {what}: {was:?}");
            assert_eq!(said, was, "{form}, {what}");
        }
    }
}

#[test]
fn no_plan_makes_anything_go_that_is_never_dropped() {
    let (store, _) = scene();
    let (_, request) = requests().remove(0);
    let text = content(&bytes(&store, &store.dry_run(&request)));
    let piece = "\"path\":\"tasks/bad/stdout.log\"";
    assert!(text.contains(piece));
    for path in
        ["../x", "/etc/passwd", "", "tasks/../../x", ".", "tasks//bad", "tasks/bad/out", "tasks/bad/out/a.txt/b"]
    {
        let forged = text.replacen(piece, &format!("\"path\":\"{path}\""), 1);
        let refused = PlanFile::parse(&sealed(&forged));
        assert!(matches!(refused, Err(PlanFileError::Invalid { .. })), "{path}: {refused:?}");
    }
    for (path, is_dir) in [
        ("run.yaml", false),
        (".lock", false),
        ("tasks", true),
        ("tasks/bad", true),
        ("tasks/bad/script.sh", false),
        ("tasks/bad/builtins.sh", false),
        ("tasks/bad/input.x.env", false),
    ] {
        let (store, run) = scene();
        fs::write(run.join("tasks/bad/input.x.env"), "x").unwrap();
        touch(&run.join("tasks/bad/input.x.env"), store.days_ago(20));
        let plan = store.dry_run(&Request { only: vec![Part::Logs], ..keep(10) });
        let text = content(&bytes(&store, &plan));
        let inode = std::os::unix::fs::MetadataExt::ino(&fs::symlink_metadata(run.join(path)).unwrap());
        // All pieces and directories of that run: one piece, of an honest inode.
        let id = run.file_name().unwrap().to_str().unwrap().to_owned();
        let at = text.find(&format!("\"run\":\"{id}\",\"inode\"")).unwrap();
        let from = at + text[at..].find("\"pieces\":").unwrap();
        let to = from + text[from..].find("\"places\":").unwrap();
        let end = to + text[to..].find(']').unwrap() + 1;
        let one = format!(
            "\"pieces\":[{{\"path\":\"{path}\",\"part\":\"artifacts\",\"inode\":{inode},\"is_dir\":{is_dir},\
             \"size_bytes\":1,\"disk_bytes\":1}}],\"places\":[]"
        );
        let forged = format!("{}{one}{}", &text[..from], &text[end..]);
        let mut session = store.open(Access::Delete);
        let plan = PlanFile::parse(&sealed(&forged)).unwrap().plan(&session.catalog).unwrap();
        let before = Snapshot::of(&run);
        let outcome = clean::execute(&mut session, &store.settings(), plan, &execution()).unwrap();
        before.assert_same(&Snapshot::of(&run), path);
        let skipped = outcome.skipped.iter().find(|skipped| skipped.id == id_of(&run));
        assert!(skipped.is_some_and(|s| s.reason.contains("never dropped")), "{path}: {outcome:?}");
    }
}
