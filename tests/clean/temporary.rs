//! Temporary files: those that a pattern fits in ended runs, and the runner's own strays, also in caches.

use super::*;
use crate::support::digest::{assert_same, digest};
use crate::support::trash::kept;
use crate::support::tree::{Snapshot, du};
use otto_catalog::clean;
use otto_catalog::retention::Config;
use otto_catalog::session::Access;
use otto_catalog::store::parts::Part;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn temp(text: &str) -> Request {
    Request { only: vec![Part::Temp], config: Config::parse(text).unwrap(), ..keep(30) }
}

/// An old run with files of every name, and its project's cache with strays, all of them old.
fn scene() -> (Store, PathBuf) {
    let store = Store::new();
    let spec = RunSpec::new(Era::L, "/a/web", store.days_ago(40));
    let run = store.write(spec.task(TaskSpec::ok("build").stdout("x")).task(TaskSpec::ok("b.tmp").stdout("y")));
    let build = run.join("tasks/build");
    fs::create_dir_all(build.join("out.tmp/deep")).unwrap();
    let names = ["half.tmp", "m.pyc", "notes.bak", "result.bin", "input.csv", "output.txt", "out.tmp/deep/x"];
    for name in names {
        fs::write(build.join(name), "some text").unwrap();
    }
    symlink("half.tmp", build.join("link.tmp")).unwrap();
    fs::write(run.join(".tmpAb12Cd"), "torn").unwrap();
    fs::write(cache(&run).join(".tmpZz99Yy"), "torn").unwrap();
    fs::write(cache(&run).join(".tmpnotours"), "kept").unwrap();
    for path in names.map(|name| build.join(name)).iter().chain(&[run.join(".tmpAb12Cd")]) {
        touch(path, store.days_ago(40));
    }
    for name in [".tmpZz99Yy", ".tmpnotours"] {
        touch(&cache(&run).join(name), store.days_ago(1));
    }
    (store, run)
}

fn cache(run: &Path) -> PathBuf {
    run.parent().unwrap().join(".cache")
}

/// What a clean took away, relative to the run and its cache.
fn gone(store: &Store, run: &Path, request: &Request) -> Vec<String> {
    let before = (Snapshot::of(run), Snapshot::of(&cache(run)));
    store.clean(request);
    let after = (Snapshot::of(run), Snapshot::of(&cache(run)));
    let lost = before.0.difference(&after.0).into_iter().chain(before.1.difference(&after.1));
    lost.filter_map(|line| line.strip_prefix("- ").map(str::to_owned)).collect()
}

#[test]
fn what_is_temporary_goes_and_a_list_of_patterns_takes_the_place_of_the_built_in_one() {
    let out = ["tasks/build/out.tmp", "tasks/build/out.tmp/deep", "tasks/build/out.tmp/deep/x"];
    let (store, run) = scene();
    let mut expected = vec![".tmpAb12Cd", "tasks/build/half.tmp", "tasks/build/m.pyc"];
    expected.extend(out);
    expected.push(".tmpZz99Yy");
    assert_eq!(gone(&store, &run, &temp("")), expected);
    let (store, run) = scene();
    let config = "retention: { temp_patterns: ['*.bak'] }";
    assert_eq!(gone(&store, &run, &temp(config)), [".tmpAb12Cd", "tasks/build/notes.bak", ".tmpZz99Yy"]);
    let (store, run) = scene();
    assert_eq!(gone(&store, &run, &temp("retention: { temp_patterns: [] }")), [".tmpAb12Cd", ".tmpZz99Yy"]);
}

#[test]
fn no_pattern_takes_what_the_runner_wrote_nor_a_link() {
    let (store, run) = scene();
    let patterns = "['*', 'run.yaml', 'output.*', 'input.*', '*.log', 'script.*', '.lock', 'tasks', 'link.*']";
    let gone = gone(&store, &run, &temp(&format!("retention: {{ temp_patterns: {patterns} }}")));
    assert!(gone.contains(&"tasks/build/result.bin".to_owned()), "{gone:?}");
    for kept in ["run.yaml", ".lock", "stdout.log", "stderr.log", "script.sh", "builtins.sh", "link.tmp", "input.csv"] {
        assert!(gone.iter().all(|path| !path.ends_with(kept)), "{kept}: {gone:?}");
    }
    assert!(gone.iter().all(|path| !path.contains("output.")), "{gone:?}");
    assert!(run.join("tasks/b.tmp/stdout.log").exists(), "a task is no temporary file, whatever its name");
}

#[test]
fn a_list_of_patterns_is_read_strictly() {
    let cases = [
        ("temp_patterns: '*.tmp'", "is the text `*.tmp`"),
        ("temp_patterns: ['*.tmp', 3]", "is `3`"),
        ("temp_patterns: ['']", "is the text ``"),
        ("temp_patterns: ['a/b']", "is the text `a/b`"),
        ("temp_patterns: { a: b }", "is a map"),
        ("temp_patterns:", "is empty"),
        ("temp_patterns: [[a]]", "is a list"),
    ];
    for (text, found) in cases {
        let error = Config::parse(&format!("retention:\n  {text}\n")).unwrap_err().to_string();
        let expected = format!("line 2: `retention.temp_patterns` {found}; it takes a list of patterns of file names");
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
}

#[test]
fn strays_in_a_cache_go_like_entries_and_come_back_from_the_trash() {
    let (store, run) = scene();
    let said = digest(&store.look().catalog);
    let before = Snapshot::of(&store.root);
    let (dry, whole) = (store.dry_run(&temp("")), du(&store.root));
    before.assert_same(&Snapshot::of(&store.root), "a dry run");
    let done = store.clean(&kept(temp("")));
    assert!(!cache(&run).join(".tmpZz99Yy").exists() && cache(&run).join(".tmpnotours").exists());
    assert_eq!(done.outcome.thinned.len(), 1, "{:?}", done.outcome);
    let restored = store.undo();
    assert_eq!((restored.entries.len(), restored.thinned.len()), (1, 1), "{restored:?}");
    before.assert_same(&Snapshot::of(&store.root), "undone");
    assert_same(&said, &digest(&store.look().catalog), "the catalog");
    let done = store.clean(&temp(""));
    assert_eq!(done.outcome.freed(), whole - du(&store.root));
    assert_eq!(dry.frees, done.outcome.freed(), "the plan says so before");
    assert_same(&store.digest_from_nothing(), &digest(&store.look().catalog), "the catalog");
}

#[test]
fn a_stray_that_somebody_may_be_writing_stays() {
    for what in ["young", "a run is alive", "a run is narrowed to", "it has two names", "a link uses its name"] {
        let (store, run) = scene();
        let stray = cache(&run).join(".tmpZz99Yy");
        let mut request = temp("");
        match what {
            "young" => touch(&stray, store.now() - 1800),
            "a run is alive" => {
                let other = store.write(small("/a/web", store.days_ago(35)));
                store.process(4711, &other);
            }
            "a run is narrowed to" => request.narrow.incomplete = true,
            "it has two names" => fs::hard_link(&stray, store.outside("second")).unwrap(),
            _ => symlink("../../../.cache/.tmpZz99Yy", run.join("tasks/build/odd")).unwrap(),
        }
        let plan = store.dry_run(&request);
        assert_eq!(planned_entries(&plan), [""; 0], "{what}: and the plan says so");
        let said = (plan.cache.in_grace, plan.cache.blocked.len());
        assert_eq!(said, (u64::from(what == "young"), usize::from(what == "a run is alive")), "{what}");
        store.clean(&request);
        assert!(stray.exists(), "{what}");
    }
    let (store, run) = scene();
    let stray = cache(&run).join(".tmpZz99Yy");
    let mut session = store.open(Access::Delete);
    let plan = store.plan(&session, &temp(""));
    assert_eq!(planned_entries(&plan).len(), 1);
    store.write(small("/a/web", store.now()));
    let outcome = clean::execute(&mut session, &store.settings(), plan, &execution()).unwrap();
    assert!(stray.exists(), "a run appeared: {outcome:?}");
}
