//! `check`: every kind of finding made, found, mended, and gone; nothing changed by looking; nothing found where nothing is
//! wrong.

mod faults;
mod kinds;
mod sound;
mod unchanged;

use crate::support::*;
use otto_catalog::check::{self, Finding, Fixed, Report};
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::Access;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Several projects in several shapes, at rest: old enough that nothing is walked again.
fn store() -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    for (n, days) in [60, 50, 40, 3].into_iter().enumerate() {
        let own = TaskSpec::ok("own").script(format!("echo {n}"));
        let web = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
        builder.run(web.task(own).task(TaskSpec::failed("shared", 2))).unwrap();
    }
    for days in [70, 5] {
        let old = RunSpec::new(Era::B, "/home/dev/old", store.days_ago(days));
        builder.run(old.task(TaskSpec::ok("build").script(format!("# {days}")))).unwrap();
        builder.run(RunSpec::new(Era::C, "/home/dev/old", store.days_ago(days)).task(TaskSpec::ok("c"))).unwrap();
        let locked = RunSpec::new(Era::L, "/home/dev/api", store.days_ago(days)).number(2);
        builder.run(locked.task(TaskSpec::ok("test").artifact("report/a.txt", "a"))).unwrap();
        builder.run(RunSpec::new(Era::A, "/home/dev/web", store.days_ago(days)).task(TaskSpec::ok("up"))).unwrap();
    }
    builder.orphan(&web(), Some(store.days_ago(9))).unwrap();
    builder.runner_db(5, WalState::LeftBehind).unwrap();
    drop(store.open(Access::Index { full: true }));
    store
}

/// The project that most tests are about.
fn web() -> String {
    Era::J.project_dir("/home/dev/web")
}

fn check(store: &Store) -> Report {
    check::check(&store.settings()).unwrap()
}

fn fix(store: &Store, report: &Report) -> Fixed {
    check::fix(&store.settings(), report, &execution()).unwrap()
}

/// The words of what was found, each once, but for what every store of these tests has.
fn kinds(report: &Report) -> Vec<&'static str> {
    let mut kinds: Vec<_> = report.findings.list().iter().map(|finding| finding.kind.word()).collect();
    kinds.dedup();
    kinds.retain(|kind| !["runner-less", "runner-rows", "reserve-missing"].contains(kind));
    kinds
}

/// What was found of one kind.
fn of<'r>(report: &'r Report, kind: &str) -> Vec<&'r Finding> {
    report.findings.list().into_iter().filter(|finding| finding.kind.word() == kind).collect()
}

/// Changes the catalog behind the program's back.
fn spoil(store: &Store, sql: &str) {
    let catalog = rusqlite::Connection::open(store.root.join(".catalog/catalog.db")).unwrap();
    catalog.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    catalog.execute_batch(sql).unwrap();
}

/// Everything in a store, our directory included: kinds, rights, inodes, lengths, times, contents.
fn everything(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = match meta.file_type() {
            kind if kind.is_file() => blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string(),
            kind if kind.is_symlink() => fs::read_link(&path).unwrap().display().to_string(),
            _ => {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                String::new()
            }
        };
        let (mode, inode, len) = (meta.mode(), meta.ino(), if meta.is_dir() { 0 } else { meta.len() });
        let at = (meta.mtime(), meta.mtime_nsec());
        lines.push(format!("{} {mode:o} {inode} {len} {at:?} {content}", path.display()));
    }
    lines.sort();
    lines
}
