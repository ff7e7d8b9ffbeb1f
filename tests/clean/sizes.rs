//! What is said to be freed is what `du` misses afterwards: also where files have several names.

use super::*;
use crate::support::tree::{du, du_with_self};
use std::fs::{self, hard_link};
use std::path::Path;

/// Every way in which a file can have two names, in a store of three old runs and a new one.
fn cases() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("none", "", ""),
        ("within a run that goes", "old1/tasks/own/big", "old1/tasks/shared/big"),
        ("across two runs that go", "old1/tasks/own/big", "old2/tasks/own/big"),
        ("across one that goes and one that stays", "old1/tasks/own/big", "new/tasks/own/big"),
        ("across projects", "old1/tasks/own/big", "other/tasks/own/big"),
        ("between a run that goes and an orphan", "old1/tasks/own/big", "cache/orphan-big"),
        ("between a run that stays and an orphan", "new/tasks/own/big", "cache/orphan-big"),
        ("between two orphans", "cache/orphan-big", "cache/orphan-big2"),
        ("to outside the store", "old1/tasks/own/big", "outside"),
        ("between an orphan and outside", "cache/orphan-big", "outside"),
    ]
}

#[test]
fn freed_is_what_du_misses_whatever_names_a_file_has() {
    for (name, first, second) in cases() {
        let store = Store::new();
        let mut builder = store.builder();
        let old1 = builder.run(with_own_script("/a/web", store.days_ago(40), "1")).unwrap();
        let old2 = builder.run(with_own_script("/a/web", store.days_ago(41), "2")).unwrap();
        let new = builder.run(with_own_script("/a/web", store.days_ago(1), "3")).unwrap();
        let other = builder.run(with_own_script("/a/api", store.days_ago(42), "4")).unwrap();
        let cache = old1.parent().unwrap().join(".cache");
        let place = |path: &str| match path.split_once('/') {
            Some(("old1", rest)) => old1.join(rest),
            Some(("old2", rest)) => old2.join(rest),
            Some(("new", rest)) => new.join(rest),
            Some(("other", rest)) => other.join(rest),
            Some((_, rest)) => cache.join(rest),
            None => store.outside("kept"),
        };
        if !first.is_empty() {
            fs::write(place(first), vec![7; 50_000]).unwrap();
            touch(&place(first), store.days_ago(40));
            hard_link(place(first), place(second)).unwrap();
        }
        let before = du(&store.root);
        let planned = store.dry_run(&keep_and_cache(30)).frees;
        let done = store.clean(&keep_and_cache(30));
        assert_eq!(done.gone().len(), 3, "{name}");
        let missing = before - du(&store.root);
        // A file with a name outside is not in the store any more, but nothing was freed by that.
        let kept_outside = if second == "outside" { du_with_self(&place("outside")) } else { Default::default() };
        assert_eq!(done.outcome.freed(), missing - kept_outside, "{name}");
        assert_eq!(planned, done.outcome.freed(), "{name}: the plan says so before");
        if second == "outside" {
            assert_eq!(fs::read(place("outside")).unwrap(), vec![7; 50_000], "{name}");
        }
    }
}

#[test]
fn sums_are_what_du_counts() {
    let store = Store::new();
    let mut builder = store.builder();
    for (n, era) in Era::ALL.iter().enumerate() {
        let run =
            RunSpec::new(*era, "/a/web", store.days_ago(10 + n as i64)).task(TaskSpec::ok("build").stdout(9999_u64));
        builder.run(run).unwrap();
    }
    let run = builder.run(small("/a/big", store.days_ago(3))).unwrap();
    let sparse = fs::File::create(run.join("tasks/build/sparse")).unwrap();
    sparse.set_len(10_000_000).unwrap();
    drop(sparse);
    fs::write(run.join("tasks/build/two-names"), vec![1; 20_000]).unwrap();
    hard_link(run.join("tasks/build/two-names"), run.join("tasks/two-names")).unwrap();
    let session = store.look();
    let ours = session.catalog.runs(&Default::default()).unwrap();
    assert_eq!(ours.len(), Era::ALL.len() + 1);
    for run in &ours {
        let path = store.root.join(run.id.project.lossy()).join(run.dir().as_str());
        assert_eq!(run.size, du_with_self(&path), "{}", run.id);
    }
    for project in session.catalog.projects().unwrap() {
        let cache = store.root.join(project.dir.lossy()).join(".cache");
        let (_, rest) = session.catalog.rest(Some(project.id)).unwrap();
        if cache.is_dir() && !project.dir.is_root() {
            assert_eq!(project.cache_size + rest, du_with_self(Path::new(&cache)), "{}", project.dir);
        }
    }
}
