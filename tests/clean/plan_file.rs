//! Plans as files: what is read is what was written, what changed since is skipped, and nothing else is taken for a plan.

use super::*;
use crate::support::fault::{self, until_stopped};
use crate::support::tree::Snapshot;
use otto_catalog::clean::plan_file::{self, Encoded, Maker, PlanFile, PlanFileError};
use otto_catalog::clean::{self, Plan};
use otto_catalog::model::Pin;
use otto_catalog::retention::{Policy, Rules};
use otto_catalog::session::{Access, Error};
use otto_catalog::store::change::Hook;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// A plan as the bytes of a file.
fn encoded(store: &Store, plan: &Plan) -> Encoded {
    let default = Policy::resolve(&Rules::default(), None, &Rules::default());
    let maker = Maker {
        at: store.now(),
        who: "a test",
        command: "otto clean --keep 30 --cache --plan-out plan.json",
        program: "otto 0",
        home: &store.root,
        policy: "as tested",
        default: &default,
    };
    plan_file::encode(plan, &maker).unwrap()
}

/// An old run with an entry of its own, a new one and an orphan in one project; an old run in another.
struct Scene {
    store: Store,
    run: PathBuf,
    new: PathBuf,
    orphan: PathBuf,
    /// `clean --keep 30 --cache`, written down.
    file: Encoded,
}

impl Scene {
    fn new() -> Self {
        let store = Store::new();
        let mut builder = store.builder();
        let run = builder.run(with_own_script("/a/web", store.days_ago(40), "old")).unwrap();
        let new = builder.run(with_own_script("/a/web", store.days_ago(1), "new")).unwrap();
        builder.run(with_own_script("/a/api", store.days_ago(40), "api")).unwrap();
        let project = run.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        let orphan = builder.orphan(&project, Some(store.days_ago(9))).unwrap();
        let plan = store.dry_run(&keep_and_cache(30));
        assert_eq!((plan.runs.len(), plan.cache.delete.len()), (2, 4));
        let file = encoded(&store, &plan);
        Self { store, run, new, orphan, file }
    }

    fn project(&self) -> &Path {
        self.run.parent().unwrap()
    }
}

/// What somebody does between writing and applying, and who is skipped for what reason then: the run, its entry, the
/// orphan.
type Change = (&'static str, fn(&Scene), [&'static str; 3]);

const CHANGES: &[Change] = &[
    ("nothing", |_| (), ["", "", ""]),
    ("pinned", pin, ["pinned", "a run names it now", ""]),
    ("written to", |s| append(&s.run.join("tasks/own/stdout.log")), ["changed", "changed", "changed"]),
    ("running again", |s| s.store.process(99, &s.run), ["running", "running", "running"]),
    ("gone", |s| fs::remove_dir_all(&s.run).unwrap(), ["gone", "", ""]),
    ("another in its place", replace_by_copy, ["another directory", "another directory", "another directory"]),
    ("project gone", |s| fs::rename(s.project(), s.store.outside("away")).unwrap(), ["gone", "gone", "gone"]),
    ("a newcomer", newcomer, ["", "appeared", "appeared"]),
    ("entry touched", |s| touch(&s.orphan, s.store.days_ago(8)), ["", "", "changed"]),
    ("entry gone", |s| fs::remove_file(&s.orphan).unwrap(), ["", "", "gone"]),
    ("entry named", name_the_orphan, ["", "", "names it now"]),
];

fn append(path: &Path) {
    use std::io::Write as _;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more\n").unwrap();
}

fn pin(scene: &Scene) {
    let mut session = scene.store.open(Access::Index { full: false });
    let project = session.catalog.projects().unwrap().into_iter().find(|p| p.name == "web").unwrap();
    let name = scene.run.file_name().unwrap().to_str().unwrap();
    let run = session.catalog.run_named(project.id, name).unwrap().unwrap();
    let mut tx = session.catalog.begin().unwrap();
    tx.pin(run.key, &Pin { note: None, at: scene.store.now(), who: "a test".to_owned() }).unwrap();
    tx.commit().unwrap();
}

fn replace_by_copy(scene: &Scene) {
    let copied = std::process::Command::new("cp").arg("-a").arg(&scene.run).arg(scene.store.outside("copy")).status();
    assert!(copied.unwrap().success());
    fs::rename(&scene.run, scene.store.outside("first")).unwrap();
    fs::rename(scene.store.outside("copy"), &scene.run).unwrap();
}

fn newcomer(scene: &Scene) {
    scene.store.write(small("/a/web", scene.store.days_ago(3)));
}

fn name_the_orphan(scene: &Scene) {
    let text = format!("../../../.cache/{}", scene.orphan.file_name().unwrap().to_str().unwrap());
    symlink(text, scene.new.join("tasks/own/late.sh")).unwrap();
    scene.store.open(Access::Index { full: true });
}

#[test]
fn what_changed_since_it_was_written_is_skipped_with_its_reason_as_the_rehearsal_says() {
    for (name, change, reasons) in CHANGES {
        for catalog_lost in [false, true] {
            // A pin lives in the catalog until the audit log tells of it.
            if catalog_lost && *name == "pinned" {
                continue;
            }
            let scene = Scene::new();
            let when = format!("{name}, the catalog lost: {catalog_lost}");
            change(&scene);
            if catalog_lost {
                fs::remove_file(scene.store.root.join(".catalog/catalog.db")).unwrap();
            }
            let file = PlanFile::parse(&scene.file.bytes).unwrap();
            let settings = scene.store.settings();
            let mut session = scene.store.open(Access::Delete);
            let plan = file.plan(&session.catalog).unwrap();
            assert_eq!(plan.file_id.as_deref(), Some(scene.file.id.as_str()));
            let before = Snapshot::of(&scene.store.root);
            let mut rehearsed = clean::rehearse(&session, &settings, &plan).unwrap();
            before.assert_same(&Snapshot::of(&scene.store.root), &format!("{when}: the rehearsal changed something"));
            let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
            let mut skipped = outcome.skipped.clone();
            skipped.sort_by(|a, b| a.id.cmp(&b.id));
            rehearsed.sort_by(|a, b| a.id.cmp(&b.id));
            assert_eq!(rehearsed, skipped, "{when}");
            assert_eq!(outcome.failed, [], "{when}");
            let project = scene.project().file_name().unwrap().to_str().unwrap();
            let orphan = format!("{project}/.cache/{}", scene.orphan.file_name().unwrap().to_str().unwrap());
            let own = format!("{project}/.cache/{}", own_entry("old"));
            for (id, reason) in [id_of(&scene.run), own, orphan].iter().zip(reasons) {
                let found = skipped.iter().find(|skipped| skipped.id == *id).map(|skipped| skipped.reason.as_str());
                match found {
                    None => assert_eq!(*reason, "", "{when}: {id} went: {outcome:?}"),
                    Some(found) => assert!(!reason.is_empty() && found.contains(reason), "{when}: {id}: {found}"),
                }
            }
            // Nothing but what the plan names, and all of what nobody touched.
            assert!(outcome.deleted_runs.iter().any(|(id, _)| !id.starts_with(project)), "{when}: the other project's");
            assert!(scene.store.runs_in_place().contains(&id_of(&scene.new)) || *name == "project gone", "{when}");
            assert_eq!(scene.store.trash(), Vec::<String>::new(), "{when}");
        }
    }
}

#[test]
fn a_plan_that_was_done_finds_everything_gone() {
    let scene = Scene::new();
    for (goes, skipped) in [(6, 0), (0, 6)] {
        let settings = scene.store.settings();
        let mut session = scene.store.open(Access::Delete);
        let plan = PlanFile::parse(&scene.file.bytes).unwrap().plan(&session.catalog).unwrap();
        let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
        assert_eq!((outcome.deleted_runs.len() + outcome.deleted_cache.len(), outcome.skipped.len()), (goes, skipped));
        assert!(outcome.skipped.iter().all(|s| s.reason == "it is gone"), "{:?}", outcome.skipped);
    }
}

#[test]
fn a_plan_of_another_store_is_refused_and_one_of_a_copy_finds_other_directories() {
    let scene = Scene::new();
    let file = PlanFile::parse(&scene.file.bytes).unwrap();
    let other = Store::new();
    other.write(small("/a/web", other.days_ago(40)));
    let session = other.open(Access::Delete);
    assert!(matches!(file.plan(&session.catalog), Err(Error::OtherStore { .. })));
    assert!(matches!(file.check_store(&session.catalog), Err(Error::OtherStore { .. })));

    let mut copy = Store::new();
    fs::remove_dir(&copy.root).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").arg(&scene.store.root).arg(&copy.root).status().unwrap();
    assert!(copied.success());
    copy.set_now(scene.store.now());
    let before = Snapshot::of(&copy.root);
    let settings = copy.settings();
    let mut session = copy.open(Access::Delete);
    let plan = file.plan(&session.catalog).unwrap();
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert_eq!((outcome.deleted_runs.len(), outcome.skipped.len()), (0, 6), "{outcome:?}");
    before.assert_same(&Snapshot::of(&copy.root), "a plan of the original did something to the copy");
}

#[test]
fn names_that_are_not_utf_8_are_the_same_names_afterwards() {
    let store = Store::new();
    let run = store.write(with_own_script("/a/web", store.days_ago(40), "old"));
    let project = store.root.join(OsStr::from_bytes(b"otto-\xff\xfe"));
    fs::rename(run.parent().unwrap(), &project).unwrap();
    let orphan = project.join(".cache").join(OsStr::from_bytes(b"\xfd'\n.sh"));
    fs::write(&orphan, "x").unwrap();
    touch(&orphan, store.days_ago(9));
    let plan = store.dry_run(&keep_and_cache(30));
    assert_eq!((plan.runs.len(), plan.cache.delete.len()), (1, 3));
    let file = PlanFile::parse(&encoded(&store, &plan).bytes).unwrap();
    let settings = store.settings();
    let mut session = store.open(Access::Delete);
    let read = file.plan(&session.catalog).unwrap();
    assert_eq!(read.cache.delete, plan.cache.delete);
    let outcome = clean::execute(&mut session, &settings, read, &execution()).unwrap();
    assert_eq!((outcome.deleted_runs.len(), outcome.deleted_cache.len()), (1, 3), "{outcome:?}");
    assert!(!orphan.exists() && project.exists());
}

/// A text with the digest that fits it, as somebody writes who knows how.
fn sealed(content: &str) -> Vec<u8> {
    format!("{content}  \"blake3\": \"{}\"\n}}\n", blake3::hash(content.as_bytes())).into_bytes()
}

/// A plan's text up to the digest.
fn content(file: &Encoded) -> String {
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    text[..text.find("  \"blake3\"").unwrap()].to_owned()
}

#[test]
fn what_is_no_plan_of_ours_is_told_apart() {
    let scene = Scene::new();
    let text = content(&scene.file);
    assert_eq!(sealed(&text), scene.file.bytes, "the test seals as we do");
    let whole = String::from_utf8(scene.file.bytes.clone()).unwrap();
    let parse = |text: &str| PlanFile::parse(text.as_bytes()).map(|_| ()).unwrap_err();
    for not_a_plan in ["", "{", "[]", "null", "plan", "{\"schema\": 7}", "{\"schema\": \"otto.clean/1\"}", "\u{0}"] {
        assert!(matches!(parse(not_a_plan), PlanFileError::NotAPlan { .. }), "{not_a_plan:?}");
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(&deep), PlanFileError::NotAPlan { .. }));
    let later = whole.replace("otto.plan/1", "otto.plan/3");
    assert!(matches!(parse(&later), PlanFileError::OtherSchema { found } if found == "otto.plan/3"));
    for (what, edited) in [
        ("a number", whole.replacen("\"grace_seconds\":3600", "\"grace_seconds\":0", 1)),
        ("a blank", whole.replacen("\"now\": ", "\"now\":  ", 1)),
        ("the end of lines", whole.replace('\n', "\r\n")),
        ("a digit of the digest", whole.replacen("\"blake3\": \"", "\"blake3\": \"0", 1)),
        ("a blank at the end", format!("{whole} ")),
        ("written anew", serde_json::to_string(&serde_json::from_str::<serde_json::Value>(&whole).unwrap()).unwrap()),
    ] {
        assert!(matches!(parse(&edited), PlanFileError::Altered), "{what}: {:?}", parse(&edited));
    }
    // A later version that does something else with a run says so by a key.
    let run = text.find("{\"project\"").unwrap();
    let more = format!("{}{{\"only\":\"logs\",{}", &text[..run], &text[run + 1..]);
    assert!(matches!(PlanFile::parse(&sealed(&more)), Err(PlanFileError::Invalid { .. })));
    let unknown = text.replacen("\"found\": ", "\"lost\": 1,\n  \"found\": ", 1);
    assert!(matches!(PlanFile::parse(&sealed(&unknown)), Err(PlanFileError::Invalid { .. })));
}

#[test]
fn no_name_in_a_plan_leads_elsewhere_even_where_the_digest_fits() {
    let scene = Scene::new();
    let text = content(&scene.file);
    let project = scene.project().file_name().unwrap().to_str().unwrap().to_owned();
    let run = scene.run.file_name().unwrap().to_str().unwrap().to_owned();
    let orphan = scene.orphan.file_name().unwrap().to_str().unwrap().to_owned();
    let before = Snapshot::of(&scene.store.root);
    let mut cases: Vec<(String, String)> = Vec::new();
    for name in ["..", "", "otto-x/../..", "otto-x/y", "/", "/etc", ".catalog", "backups", "otto-\\u0000", ".cache"] {
        cases.push((format!("\"project\":\"{project}\""), format!("\"project\":\"{name}\"")));
    }
    cases.push((format!("\"project\":\"{project}\""), "\"project\":{\"base64\":\"Li4=\"}".to_owned()));
    cases.push((format!("\"project\":\"{project}\""), "\"project\":{\"base64\":\"?\"}".to_owned()));
    for name in ["..", "../x", "latest", "", ".cache", "tasks", "1/2", "-1", "1-", "99999999999999999999"] {
        cases.push((format!("\"run\":\"{run}\""), format!("\"run\":\"{name}\"")));
    }
    for name in ["", ".", "..", "../otto.db", "../../otto.db", "a/../../b", "a/b/c", "/etc/passwd", "a/", "/a", "a/.."]
    {
        cases.push((format!("\"entry\":\"{orphan}\""), format!("\"entry\":\"{name}\"")));
    }
    cases.push(("\"mode\":\"collect\"".to_owned(), "\"mode\":\"leave\"".to_owned()));
    cases.push(("\"mode\":\"collect\"".to_owned(), "\"mode\":\"only\"".to_owned()));
    let manifest = text.find("\"manifest\":\"").unwrap() + 12;
    cases.push((text[manifest..manifest + 64].to_owned(), "ab".to_owned()));
    for (from, to) in cases {
        // The first place is that of the project, the last that of a run, an entry or what is known.
        let at = text.rfind(&from).unwrap_or_else(|| panic!("{from}"));
        let edited = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
        let refused = PlanFile::parse(&sealed(&edited));
        assert!(matches!(refused, Err(PlanFileError::Invalid { .. })), "{from} -> {to}: {refused:?}");
        let all = text.replace(&from, &to);
        assert!(PlanFile::parse(&sealed(&all)).is_err(), "{from} -> {to} everywhere");
    }
    // An item twice.
    for line in text.lines().filter(|line| line.starts_with("    {\"project\"")) {
        let line = line.trim_end_matches(',');
        let twice = text.replacen(line, &format!("{line},\n{line}"), 1);
        assert!(matches!(PlanFile::parse(&sealed(&twice)), Err(PlanFileError::Invalid { .. })), "{line}");
    }
    before.assert_same(&Snapshot::of(&scene.store.root), "reading changed something");
}

#[test]
fn a_plan_that_was_forged_removes_only_what_is_as_it_says() {
    // Whoever may write the file may write another plan; execution looks at everything all the same.
    let scene = Scene::new();
    let (run, new) = (id_of(&scene.run), id_of(&scene.new));
    let named = |id: &str| {
        let (project, run) = id.split_once('/').unwrap();
        format!("{{\"project\":\"{project}\",\"run\":\"{run}\",\"inode\"")
    };
    let forged = content(&scene.file).replacen(&named(&run), &named(&new), 1);
    assert_ne!(forged, content(&scene.file));
    let settings = scene.store.settings();
    let mut session = scene.store.open(Access::Delete);
    let plan = PlanFile::parse(&sealed(&forged)).unwrap().plan(&session.catalog).unwrap();
    let outcome = clean::execute(&mut session, &settings, plan, &execution()).unwrap();
    assert!(scene.new.exists() && scene.run.exists(), "{outcome:?}");
    assert_eq!(outcome.deleted_runs.len(), 1, "the other project's");
}

#[test]
fn a_file_is_written_whole_or_not_at_all_and_for_its_owner_alone() {
    let scene = Scene::new();
    let path = scene.store.outside("plan.json");
    let write = |hook: &Hook| plan_file::save(hook, &path, &scene.file);
    let (hook, seen) = fault::watch();
    write(&hook).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(plan_file::load(&path).unwrap().id, scene.file.id);
    let acts = seen.acts().len();
    assert!(acts >= 3, "{:?}", seen.acts());
    let older = sealed(&content(&scene.file).replace("as tested", "as tested before"));
    for there in [false, true] {
        for n in 1..=acts {
            for kill in [false, true] {
                if there {
                    fs::write(&path, &older).unwrap();
                } else {
                    let _ = fs::remove_file(&path);
                }
                let (hook, _) = if kill { fault::stop_at(n) } else { fault::fail_at(n, rustix::io::Errno::NOSPC) };
                let done = until_stopped(|| write(&hook));
                let when = format!("there before: {there}, at {n}, killed: {kill}");
                // Without a file that has no name, it is written in another way.
                assert!(done.is_none_or(|done| done.is_err() || n == 1), "{when}");
                match fs::read(&path) {
                    Ok(bytes) => assert!(bytes == scene.file.bytes || there && bytes == older, "{when}: half of it"),
                    Err(_) => assert!(!there, "{when}: what was there is gone"),
                }
                let beside: Vec<_> = names_in(path.parent().unwrap());
                let left = beside.iter().filter(|name| name.starts_with('.')).count();
                assert!(left == 0 || kill && left == 1, "{when}: {beside:?}");
            }
        }
    }
    // What a kill left goes with the next file that is written there.
    write(&Hook::default()).unwrap();
    assert!(names_in(path.parent().unwrap()).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn nothing_but_another_plan_is_replaced_and_no_link_is_followed() {
    let scene = Scene::new();
    let save = |name: &str| plan_file::save(&Hook::default(), &scene.store.outside(name), &scene.file);
    let outside = scene.store.outside("");
    fs::write(outside.join("notes"), "mine").unwrap();
    fs::write(outside.join("empty"), "").unwrap();
    fs::write(outside.join("like"), "{\n  \"schema\": \"otto.clean/1\"").unwrap();
    fs::create_dir(outside.join("dir")).unwrap();
    save("plan").unwrap();
    symlink("plan", outside.join("link")).unwrap();
    symlink("nothing", outside.join("dangling")).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, outside.join("fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let before = Snapshot::of(&outside);
    for (name, word) in [
        ("notes", "not a plan file"),
        ("empty", "not a plan file"),
        ("like", "not a plan file"),
        ("dir", "a directory"),
        ("link", "a link"),
        ("dangling", "a link"),
        ("fifo", "no regular file"),
        ("", "names no file"),
        ("dir/", "names no file"),
        ("notes/x", "cannot open"),
        ("nowhere/x", "cannot open"),
        ("dir/..", "names no file"),
    ] {
        let refused = save(name).unwrap_err();
        assert!(refused.to_string().contains(word), "{name}: {refused}");
    }
    before.assert_same(&Snapshot::of(&outside), "something was replaced");
    save("plan").unwrap();
    save("dir/plan").unwrap();
    // A damaged plan is still one of ours.
    fs::write(outside.join("plan"), &scene.file.bytes[..100]).unwrap();
    save("plan").unwrap();
    assert_eq!(fs::read(outside.join("plan")).unwrap(), scene.file.bytes);
}

#[test]
fn reading_is_bounded_and_never_blocks() {
    let store = Store::new();
    let path = store.outside("big");
    let file = fs::File::create(&path).unwrap();
    file.set_len(plan_file::LIMIT + 1).unwrap();
    let refused = plan_file::load(&path).unwrap_err();
    assert!(matches!(refused, PlanFileError::TooLarge { bytes } if bytes == plan_file::LIMIT + 1), "{refused}");
    let fifo = store.outside("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(plan_file::load(&fifo), Err(PlanFileError::NotAPlan { .. })));
    assert!(matches!(plan_file::load(&store.root), Err(PlanFileError::NotAPlan { .. } | PlanFileError::Io(_))));
    assert!(matches!(plan_file::load(&store.outside("none")), Err(PlanFileError::Io(_))));
}

#[test]
fn a_preview_makes_no_file() {
    let scene = Scene::new();
    for removals in [clean::Removals::Counted, clean::Removals::Listed] {
        let plan = scene.store.dry_run(&Request { removals, ..keep_and_cache(30) });
        let default = Policy::resolve(&Rules::default(), None, &Rules::default());
        let maker =
            Maker { at: 0, who: "", command: "", program: "", home: &scene.store.root, policy: "", default: &default };
        assert!(matches!(plan_file::encode(&plan, &maker), Err(PlanFileError::PreviewOnly)), "{removals:?}");
    }
}

/// Puts something else in the place of one value of a document, at any depth.
fn spoil(value: &mut serde_json::Value, at: &mut usize, with: &serde_json::Value) -> bool {
    if *at == 0 {
        *value = with.clone();
        return true;
    }
    *at -= 1;
    match value {
        serde_json::Value::Array(items) => items.iter_mut().any(|item| spoil(item, at, with)),
        serde_json::Value::Object(items) => items.values_mut().any(|item| spoil(item, at, with)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn no_bytes_make_it_panic_and_no_damage_passes(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(), len in 0_usize..40, kind in 0_u8..3,
    ) {
        thread_local!(static SCENE: Scene = Scene::new());
        SCENE.with(|scene| {
            let whole = &scene.file.bytes;
            prop_assert!(PlanFile::parse(&noise).is_err());
            let at = at.index(whole.len());
            let mut damaged = whole[..at].to_vec();
            match kind {
                // Cut off, or something else in place of some of it.
                0 => {}
                1 => {
                    damaged.extend_from_slice(&noise[..noise.len().min(len)]);
                    damaged.extend_from_slice(&whole[(at + len).min(whole.len())..]);
                }
                // Another digit in the next number or name: it still reads as a plan.
                _ => {
                    damaged = whole.clone();
                    if let Some(digit) = damaged[at..].iter_mut().find(|b| b.is_ascii_digit()) {
                        *digit = if *digit == b'9' { b'8' } else { *digit + 1 };
                    }
                }
            }
            prop_assert!(damaged == *whole || PlanFile::parse(&damaged).is_err(), "damage at {at} passes");
            Ok(())
        })?;
    }

    #[test]
    fn whatever_a_sealed_document_says_it_is_read_or_refused_and_looks_at_nothing_outside(
        place in 0_usize..400,
        with in prop_oneof![
            Just(serde_json::Value::Null), Just(serde_json::json!([])), Just(serde_json::json!({})),
            any::<i64>().prop_map(Into::into), any::<u64>().prop_map(Into::into), "[a-z./-]{0,12}".prop_map(Into::into),
            any::<bool>().prop_map(Into::into), Just(serde_json::json!({"base64": "Li4vLi4="})),
        ],
    ) {
        thread_local!(static SCENE: Scene = Scene::new());
        SCENE.with(|scene| {
            let mut value: serde_json::Value = serde_json::from_slice(&scene.file.bytes).unwrap();
            value.as_object_mut().unwrap().remove("blake3");
            spoil(&mut value, &mut place.clone(), &with);
            let text = serde_json::to_string(&value).unwrap();
            let text = format!("{},\n", text.strip_suffix('}').unwrap_or(&text));
            if let Ok(file) = PlanFile::parse(&sealed(&text)) {
                let session = scene.store.open(Access::Read);
                if let Ok(plan) = file.plan(&session.catalog) {
                    let skipped = clean::rehearse(&session, &scene.store.settings(), &plan);
                    prop_assert!(skipped.is_ok(), "{:?}", skipped);
                }
            }
            Ok(())
        })?;
    }
}
