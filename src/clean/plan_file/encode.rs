//! Writing: a key a line, and of what there may be many, an item a line, so that people and `diff` can read it.

use super::parts::ThinShape;
use super::rules::{BudgetShape, RulesShape};
use super::shape::{
    BelowShape, BlockedShape, CacheShape, ChoiceShape, CountShape, CutoffsShape, DanglingShape, EntryShape, FoundShape,
    FreesShape, KnownShape, MadeShape, ModeShape, NarrowShape, NoticeShape, PolicyShape, ProjectShape, ProtectedShape,
    RunName, RunShape, StoreShape,
};
use super::{Encoded, ID_DIGITS, LIMIT, Maker, PlanFileError, SCHEMA, WITH_PARTS};
use crate::clean::narrowing::{Choice, Narrowing};
use crate::clean::plan::{CacheMode, CachePlan, EntryRemoval, Plan, ProjectPlan, RunRemoval};
use crate::model::{Age, Class, ProjectDir, rfc3339};
use crate::retention::{Cutoffs, Rank};
use crate::store::trash::JsonName;
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

/// How the line of the digest begins and ends.
pub(super) const DIGEST_BEGINS: &[u8] = b"  \"blake3\": \"";
pub(super) const DIGEST_ENDS: &[u8] = b"\"\n}\n";

pub(super) fn encode(plan: &Plan, maker: &Maker<'_>) -> Result<Encoded, PlanFileError> {
    // Taken apart, so that what is added to a plan is written as well, or left out on purpose.
    let Plan {
        store_id,
        now,
        thin,
        parts_alone,
        narrow,
        projects,
        complete_runs,
        incomplete_runs,
        removes,
        runs,
        inferred,
        kept: _,
        protected,
        cache,
        trash,
        frees,
        runs_free,
        budgets,
        notices,
        grace,
        before: _,
        limit: _,
        file_id: _,
    } = plan;
    let CachePlan { mode, delete, stale: _, referenced, in_grace, blocked, dangling, known_runs, not_asked } = cache;
    let mut removals = runs.iter().chain(thin.iter().map(|one| &one.run));
    if removes.count != runs.len() as u64 || removals.any(|run| run.fingerprint.is_none()) {
        return Err(PlanFileError::PreviewOnly);
    }
    let dirs: HashMap<i64, &ProjectDir> = projects.iter().map(|p| (p.project.id, &p.project.dir)).collect();
    let mut page = Page::default();
    let with_parts = *parts_alone || !thin.is_empty() || plan.drops_parts() || maker.default.parts().next().is_some();
    page.member("schema", if with_parts { &WITH_PARTS } else { &SCHEMA })?;
    page.member("store", &StoreShape { id: store_id.clone(), path: JsonName::new(maker.home.as_os_str().as_bytes()) })?;
    page.member(
        "made",
        &MadeShape {
            at: rfc3339(maker.at),
            timestamp: maker.at,
            who: maker.who.to_owned(),
            command: maker.command.to_owned(),
            program: maker.program.to_owned(),
        },
    )?;
    page.member("now", &rfc3339(*now))?;
    page.member("timestamp", now)?;
    page.member("policy", &PolicyShape { text: maker.policy.to_owned(), default: RulesShape::new(maker.default) })?;
    page.member("narrow", &narrowing(narrow))?;
    page.member("trash_seconds", &trash.map(Age::as_seconds))?;
    page.member("found", &FoundShape { complete: *complete_runs, incomplete: *incomplete_runs, inferred: *inferred })?;
    page.member("frees", &FreesShape { size_bytes: frees.size, disk_bytes: frees.disk, runs: (*runs_free).into() })?;
    page.member(
        "cache",
        &CacheShape {
            mode: match mode {
                CacheMode::Leave => ModeShape::Leave,
                CacheMode::Collect => ModeShape::Collect,
                CacheMode::Only => ModeShape::Only,
                CacheMode::Named => ModeShape::Named,
            },
            grace_seconds: grace.as_seconds(),
            referenced: *referenced,
            in_grace: *in_grace,
            blocked: blocked
                .iter()
                .map(|(project, reason)| BlockedShape { project: project.clone(), reason: reason.to_string() })
                .collect(),
            dangling: dangling
                .iter()
                .map(|(project, links, examples)| DanglingShape {
                    project: project.clone(),
                    links: *links,
                    examples: examples.clone(),
                })
                .collect(),
            not_asked: CountShape::new(not_asked.entries, not_asked.size),
        },
    )?;
    // Older programs read a plan without budgets.
    if !budgets.is_empty() {
        page.member("budgets", &budgets.iter().map(BudgetShape::new).collect::<Vec<_>>())?;
    }
    page.list("notices", notices.iter().map(|n| NoticeShape { key: n.key.clone(), line: n.line }))?;
    page.list("projects", projects.iter().map(project))?;
    page.list(
        "protected",
        protected.iter().map(|run| ProtectedShape {
            project: JsonName::new(run.id.project.as_bytes()),
            run: run.id.run.as_str().to_owned(),
            reason: run.protection.word().to_owned(),
        }),
    )?;
    page.list("runs", runs.iter().map(run))?;
    if with_parts {
        page.member("parts_alone", parts_alone)?;
        page.list("thin", thin.iter().map(|one| ThinShape::new(one, run(&one.run))))?;
    }
    page.list("entries", delete.iter().map(entry))?;
    let mut known: Vec<KnownShape> = Vec::with_capacity(known_runs.len());
    for (key, names) in known_runs {
        let Some(dir) = dirs.get(key) else { return Err(PlanFileError::PreviewOnly) };
        let mut runs: Vec<String> = names.iter().cloned().collect();
        runs.sort_unstable();
        known.push(KnownShape { project: JsonName::new(dir.as_bytes()), runs });
    }
    known.sort_by_cached_key(|known| known.project.bytes());
    page.list("known_runs", known.into_iter())?;
    page.finish()
}

fn narrowing(narrow: &Narrowing) -> NarrowShape {
    let Narrowing { choice, statuses, incomplete, agreed } = narrow;
    NarrowShape {
        choice: match choice {
            Choice::Policy => ChoiceShape::Policy,
            Choice::Named(_) => ChoiceShape::Named,
            Choice::All => ChoiceShape::All,
        },
        statuses: statuses.iter().map(|status| status.word().to_owned()).collect(),
        incomplete: *incomplete,
        agreed: agreed.is_some(),
    }
}

fn project(plan: &ProjectPlan) -> ProjectShape {
    let ProjectPlan { project, policy, cutoffs, lets_go, over_budget: _, kept_range } = plan;
    ProjectShape {
        project: JsonName::new(project.dir.as_bytes()),
        name: project.name.clone(),
        runs: project.runs,
        run_size: project.run_size.into(),
        cache_entries: project.cache_entries,
        cache_size: project.cache_size.into(),
        oldest_run: project.oldest_run,
        listed_whole: project.listed_whole,
        policy: policy.to_string(),
        rules: RulesShape::new(policy),
        goes_before: CutoffsShape {
            ok: cutoffs.before(Class::Ok),
            failed: cutoffs.before(Class::Failed),
            unknown: cutoffs.before(Class::Unknown),
            inferred_ok: cutoffs.before(Class::InferredOk),
            inferred_failed: cutoffs.before(Class::InferredFailed),
        },
        goes_below: below(cutoffs),
        lets_go: CountShape::new(lets_go.count, lets_go.size),
        stays: *kept_range,
    }
}

fn below(cutoffs: &Cutoffs) -> BelowShape {
    match cutoffs.below() {
        Rank::HIGHEST => BelowShape::Any,
        Rank::LOWEST => BelowShape::None,
        Rank { timestamp, number: 0, .. } => BelowShape::Run(timestamp.to_string()),
        Rank { timestamp, number, .. } => BelowShape::Run(format!("{timestamp}-{number}")),
    }
}

fn run(removal: &RunRemoval) -> RunShape {
    let RunRemoval { key: _, project_key: _, id, size, fingerprint, reasons } = removal;
    RunShape {
        project: JsonName::new(id.project.as_bytes()),
        run: id.run.as_str().to_owned(),
        inode: fingerprint.map_or(0, |f| f.inode),
        manifest: fingerprint.map(|f| crate::clean::execute::hex(&f.manifest)).unwrap_or_default(),
        size_bytes: size.size,
        disk_bytes: size.disk,
        reasons: reasons.to_vec(),
    }
}

fn entry(removal: &EntryRemoval) -> EntryShape {
    let EntryRemoval { entry, readers } = removal;
    EntryShape {
        project: JsonName::new(entry.project.as_bytes()),
        entry: JsonName::new(&entry.path),
        inode: entry.inode,
        written_at: entry.written_at,
        size_bytes: entry.size.size,
        disk_bytes: entry.size.disk,
        readers: readers
            .iter()
            .map(|reader| RunName { project: JsonName::new(reader.project.as_bytes()), run: reader.dir.clone() })
            .collect(),
    }
}

/// The text of an object whose members are lines.
#[derive(Default)]
struct Page(Vec<u8>);

impl Page {
    fn key(&mut self, key: &str) -> Result<(), PlanFileError> {
        self.0.extend_from_slice(if self.0.is_empty() { b"{\n  " } else { b",\n  " });
        self.value(&key)?;
        self.0.extend_from_slice(b": ");
        Ok(())
    }

    fn value(&mut self, value: &impl Serialize) -> Result<(), PlanFileError> {
        if self.0.len() as u64 > LIMIT {
            return Err(PlanFileError::TooLarge { bytes: self.0.len() as u64 });
        }
        serde_json::to_writer(&mut self.0, value).map_err(|error| PlanFileError::Io(io::Error::from(error)))
    }

    fn member(&mut self, key: &str, value: &impl Serialize) -> Result<(), PlanFileError> {
        self.key(key)?;
        self.value(value)
    }

    fn list<T: Serialize>(&mut self, key: &str, items: impl Iterator<Item = T>) -> Result<(), PlanFileError> {
        self.key(key)?;
        self.0.push(b'[');
        let mut some = false;
        for item in items {
            self.0.extend_from_slice(if some { b",\n    " } else { b"\n    " });
            self.value(&item)?;
            some = true;
        }
        self.0.extend_from_slice(if some { b"\n  ]" } else { b"]" });
        Ok(())
    }

    fn finish(mut self) -> Result<Encoded, PlanFileError> {
        self.0.extend_from_slice(b",\n");
        let digest = blake3::hash(&self.0).to_hex();
        for part in [DIGEST_BEGINS, digest.as_bytes(), DIGEST_ENDS] {
            self.0.extend_from_slice(part);
        }
        if self.0.len() as u64 > LIMIT {
            return Err(PlanFileError::TooLarge { bytes: self.0.len() as u64 });
        }
        Ok(Encoded { id: digest[..ID_DIGITS].to_owned(), bytes: self.0 })
    }
}
