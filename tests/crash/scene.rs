//! A store before a clean, what that clean is about to do, and what must hold whatever becomes of it.

use crate::support::digest::{assert_same, digest};
use crate::support::fault::until_stopped;
use crate::support::log::Told;
use crate::support::tree::{Snapshot, dangling_scripts};
use crate::support::*;
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::Access;
use otto_catalog::store::change::Hook;
use std::collections::BTreeSet;

/// A store before a clean, and what that clean is about to do.
pub(super) struct Scene {
    pub(super) store: Store,
    pub(super) before: Snapshot,
    pub(super) runs: BTreeSet<String>,
    pub(super) goes: BTreeSet<String>,
    pub(super) entries: BTreeSet<String>,
}

impl Scene {
    /// One project: a run that goes with an entry of its own, one that stays, and an entry that both name.
    pub(super) fn small() -> Self {
        let store = Store::in_memory();
        let mut builder = store.builder();
        let run = |days: i64, own: &str| {
            let own = TaskSpec::ok("own").script(format!("echo {own}"));
            RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days)).task(own).task(TaskSpec::ok("shared"))
        };
        builder.run(run(40, "old")).unwrap();
        builder.run(run(2, "new")).unwrap();
        Self::of(store)
    }

    /// Several projects in several shapes: a nested cache, runs with a lock, runs of 2023, an orphan, rows of the runner.
    pub(super) fn large() -> Self {
        let store = Store::in_memory();
        let mut builder = store.builder();
        for (n, days) in [60, 50, 40, 3].into_iter().enumerate() {
            let web = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
            let own = TaskSpec::ok("own").script(format!("echo {n}"));
            builder.run(web.task(own).task(TaskSpec::failed("shared", 2))).unwrap();
        }
        for days in [70, 5] {
            let old = RunSpec::new(Era::B, "/home/dev/old", store.days_ago(days));
            builder.run(old.task(TaskSpec::ok("build").script(format!("#!/bin/sh\n# {days}")))).unwrap();
            let locked = RunSpec::new(Era::L, "/home/dev/api", store.days_ago(days)).number(2);
            builder.run(locked.task(TaskSpec::ok("test").artifact("report/a.txt", "a"))).unwrap();
            builder.run(RunSpec::new(Era::A, "/home/dev/web", store.days_ago(days)).task(TaskSpec::ok("up"))).unwrap();
        }
        builder.orphan(&Era::J.project_dir("/home/dev/web"), Some(store.days_ago(9))).unwrap();
        builder.runner_db(5, WalState::LeftBehind).unwrap();
        Self::of(store)
    }

    pub(super) fn of(store: Store) -> Self {
        let before = Snapshot::of(&store.root);
        let plan = store.dry_run(&keep_and_cache(30));
        let goes: BTreeSet<String> = planned(&plan).into_iter().collect();
        let entries: BTreeSet<String> = planned_entries(&plan).into_iter().collect();
        let runs: BTreeSet<String> = store.runs_in_place().into_iter().collect();
        assert!(!goes.is_empty() && !entries.is_empty() && goes.is_subset(&runs) && goes.len() < runs.len());
        assert_eq!(dangling_scripts(&store.root).len(), 0);
        Self { store, before, runs, goes, entries }
    }

    /// Cleans with that hook; what became of it is no matter.
    pub(super) fn disturbed(&mut self, hook: Hook) -> Option<Result<Cleaned, String>> {
        self.store.hook = hook;
        let done = until_stopped(|| self.store.try_clean(&keep_and_cache(30)).map_err(|e| e.to_string()));
        self.store.hook = Hook::default();
        done
    }

    /// What must hold at any moment, whatever lies in the trash: what stays is untouched, and no run is half in place.
    pub(super) fn assert_nothing_lost(&self, when: &str) {
        let now = Snapshot::of(&self.store.root);
        for run in &self.runs {
            let (was, is) = (self.before.at(run), now.at(run));
            if !self.goes.contains(run) || !is.0.is_empty() {
                was.assert_same(&is, &format!("{when}: {run}"));
            }
        }
        let present: BTreeSet<String> = self.store.runs_in_place().into_iter().collect();
        assert!(present.is_subset(&self.runs), "{when}: runs out of nowhere: {present:?}");
    }

    /// What must hold once recovery is through.
    pub(super) fn assert_mended(&self, when: &str) {
        self.assert_nothing_lost(when);
        assert_eq!(self.store.trash(), Vec::<String>::new(), "{when}: the trash is not empty");
        assert_eq!(dangling_scripts(&self.store.root), Vec::<std::path::PathBuf>::new(), "{when}: a script is gone");
        let now = Snapshot::of(&self.store.root);
        for line in self.before.difference(&now) {
            let path = line.strip_prefix("- ").unwrap_or_else(|| panic!("{when}: {line}"));
            let planned = self.goes.iter().any(|run| path.starts_with(run.strip_prefix("./").unwrap_or(run)))
                || self.entries.iter().any(|e| e.replacen('/', "/.cache/", 1) == path);
            assert!(planned, "{when}: gone and not planned: {path}");
        }
        self.assert_audit_agrees(when);
        let refreshed = digest(&self.store.open(Access::Read).catalog);
        let rebuilt = self.store.digest_from_nothing();
        assert_same(&refreshed, &rebuilt, &format!("{when}: the catalog is not what a new one would be"));
    }

    /// The log tells of every item that is gone, once, and of none that is there; every operation in it has an end.
    pub(super) fn assert_audit_agrees(&self, when: &str) {
        let told = Told::of(&self.store.root);
        let present: BTreeSet<String> = self.store.runs_in_place().into_iter().collect();
        let gone: Vec<String> = self.goes.difference(&present).cloned().collect();
        assert_eq!(told.runs(), gone, "{when}: runs in the audit log");
        let is_gone = |entry: &&String| !self.store.root.join(entry.replacen('/', "/.cache/", 1)).exists();
        let gone: Vec<String> = self.entries.iter().filter(is_gone).cloned().collect();
        assert_eq!(told.entries(), gone, "{when}: cache entries in the audit log");
        assert_eq!(told.unfinished(), Vec::<String>::new(), "{when}: operations without an end");
    }

    /// An undisturbed clean ends where it would have ended at first.
    pub(super) fn assert_ends_well(&self, when: &str) {
        let cleaned = self.store.clean(&keep_and_cache(30));
        assert_eq!((&cleaned.outcome.failed, &cleaned.outcome.skipped), (&vec![], &vec![]), "{when}");
        assert!(cleaned.recovery.is_empty(), "{when}: {:?}", cleaned.recovery);
        let present: BTreeSet<String> = self.store.runs_in_place().into_iter().collect();
        let expected: BTreeSet<String> = self.runs.difference(&self.goes).cloned().collect();
        assert_eq!(present, expected, "{when}: exactly the planned runs are gone");
        for entry in &self.entries {
            let path = self.store.root.join(entry.replacen('/', "/.cache/", 1));
            assert!(!path.exists(), "{when}: {entry} is still there");
        }
        assert_eq!(self.store.trash(), Vec::<String>::new(), "{when}");
        self.assert_mended(when);
    }
}
