//! A plan and what became of it, as `otto clean --json` has them.

use super::policy::ProjectPolicy;
use super::{SizeItem, base64_unless_utf8, lossy};
use crate::clean::{Before, BudgetPlan, CacheMode, Choice, EntryRemoval, Narrowing, Outcome, Plan, Skipped};
use crate::model::{Size, Status, rfc3339};
use crate::retention::Setting;
use serde::Serialize;

/// A plan, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Clean {
    schema: &'static str,
    dry_run: bool,
    now: Option<String>,
    timestamp: i64,
    plan_id: Option<String>,
    policy: PolicyItem,
    runs: Runs,
    thin: Vec<ThinItem>,
    cache: Cache,
    before: BeforeItem,
    budgets: Vec<BudgetItem>,
    frees_size_bytes: u64,
    frees_disk_bytes: u64,
    trash: Option<TrashPlan>,
    notices: Vec<String>,
    would_skip: Option<Vec<SkippedItem>>,
    result: Option<CleanResult>,
}

#[derive(Clone, Debug, Serialize)]
struct PolicyItem {
    text: String,
    cache: &'static str,
    cache_grace_seconds: u64,
    selection: Selection,
    projects: Vec<ProjectPolicy>,
}

/// A budget, and what it comes to.
#[derive(Clone, Debug, Serialize)]
struct BudgetItem {
    name: &'static str,
    limit: String,
    source: &'static str,
    runs: u64,
    #[serde(flatten)]
    size: SizeItem,
    comes_to: Option<u64>,
    met: bool,
    short: Option<u64>,
    in_trash_bytes: Option<u64>,
    stay: Vec<StayItem>,
    unknown: Option<String>,
}

/// Why runs stay although a budget does not hold.
#[derive(Clone, Debug, Serialize)]
struct StayItem {
    reason: String,
    runs: u64,
}

impl BudgetItem {
    fn new(plan: &BudgetPlan) -> Self {
        let Setting { value, origin } = &plan.budget;
        let known = |number: u64| plan.unknown.is_none().then_some(number);
        Self {
            name: value.key(),
            limit: value.to_string(),
            source: value.names(origin),
            runs: plan.takes.count,
            size: plan.takes.size.into(),
            comes_to: known(plan.comes_to),
            met: plan.met,
            short: known(plan.short),
            in_trash_bytes: known(plan.in_trash),
            stay: plan.stay.iter().map(|(reason, runs)| StayItem { reason: reason.clone(), runs: *runs }).collect(),
            unknown: plan.unknown.clone(),
        }
    }
}

/// What lets runs go: the policy, the runs named, or all; and what narrows that.
#[derive(Clone, Debug, Serialize)]
struct Selection {
    by: &'static str,
    statuses: Vec<&'static str>,
    incomplete: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Runs {
    complete: u64,
    incomplete: u64,
    inferred: u64,
    keep: Vec<Kept>,
    delete: Vec<Deleted>,
    protected: Vec<Protected>,
    emptied_projects: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Kept {
    id: String,
    reasons: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Deleted {
    id: String,
    reasons: Vec<String>,
    size_bytes: u64,
    disk_bytes: u64,
}

/// A run that stays and of which parts go.
#[derive(Clone, Debug, Serialize)]
struct ThinItem {
    id: String,
    parts: Vec<&'static str>,
    reasons: Vec<String>,
    pieces: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Protected {
    id: String,
    reason: String,
}

#[derive(Clone, Debug, Serialize)]
struct Cache {
    referenced: u64,
    in_grace: u64,
    delete: Vec<Entry>,
    stale: Vec<Entry>,
    dangling_links: u64,
    blocked: Vec<Blocked>,
    not_asked: NotAsked,
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    entry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_base64: Option<String>,
    size_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Blocked {
    project: String,
    reason: String,
}

#[derive(Clone, Debug, Serialize)]
struct NotAsked {
    entries: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

/// What an execution did.
#[derive(Clone, Debug, Serialize)]
pub struct CleanResult {
    deleted_runs: Vec<String>,
    deleted_cache: Vec<String>,
    thinned: Vec<String>,
    failed: Vec<FailedItem>,
    skipped: Vec<SkippedItem>,
    freed_size_bytes: u64,
    freed_disk_bytes: u64,
    trash: Option<TrashItem>,
    archive: Option<ArchiveItem>,
    before: BeforeItem,
    after: BeforeItem,
    interrupted: bool,
    operation: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct FailedItem {
    id: String,
    error: String,
    hint: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct SkippedItem {
    id: String,
    reason: String,
}

/// What goes to the trash, and for how long.
#[derive(Clone, Copy, Debug, Serialize)]
struct TrashPlan {
    keep_seconds: u64,
    #[serde(flatten)]
    size: SizeItem,
}

/// The archive in which all that went is.
#[derive(Clone, Debug, Serialize)]
struct ArchiveItem {
    path: String,
    bytes: u64,
}

/// What is in the trash, and until when.
#[derive(Clone, Debug, Serialize)]
struct TrashItem {
    keep_until: Option<String>,
    keep_until_timestamp: i64,
    #[serde(flatten)]
    size: SizeItem,
}

impl TrashItem {
    fn new(until: i64, size: Size) -> Self {
        Self { keep_until: rfc3339(until), keep_until_timestamp: until, size: size.into() }
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
struct BeforeItem {
    runs: u64,
    cache_entries: u64,
    #[serde(flatten)]
    size: SizeItem,
}

impl From<Before> for BeforeItem {
    fn from(before: Before) -> Self {
        Self { runs: before.runs, cache_entries: before.cache_entries, size: before.size.into() }
    }
}

impl Clean {
    /// A plan; `policy` is its text for people, `result` what became of it.
    pub fn new(plan: &Plan, policy: &str, dry_run: bool) -> Self {
        let size_of = |entry: &EntryRemoval| Entry {
            project: entry.entry.project.lossy(),
            project_base64: base64_unless_utf8(entry.entry.project.as_bytes()),
            entry: lossy(&entry.entry.path),
            entry_base64: base64_unless_utf8(&entry.entry.path),
            size_bytes: entry.entry.size.size,
            disk_bytes: entry.entry.size.disk,
        };
        let cache = &plan.cache;
        Self {
            schema: "otto.clean/1",
            dry_run,
            now: rfc3339(plan.now),
            timestamp: plan.now,
            plan_id: plan.file_id.clone(),
            policy: PolicyItem {
                text: policy.to_owned(),
                cache: match cache.mode {
                    CacheMode::Leave => "leave",
                    CacheMode::Collect => "collect",
                    CacheMode::Only => "only",
                    CacheMode::Named => "named",
                },
                cache_grace_seconds: plan.grace.as_seconds(),
                selection: Selection::new(&plan.narrow),
                // Where no rule is asked, none holds.
                projects: match plan.narrow.asks_rules() {
                    true => plan.projects.iter().map(ProjectPolicy::new).collect(),
                    false => Vec::new(),
                },
            },
            runs: Runs {
                complete: plan.complete_runs,
                incomplete: plan.incomplete_runs,
                inferred: plan.inferred,
                keep: plan
                    .kept
                    .iter()
                    .map(|run| Kept { id: run.id.to_string(), reasons: run.reasons.clone() })
                    .collect(),
                delete: plan
                    .runs
                    .iter()
                    .map(|run| Deleted {
                        id: run.id.to_string(),
                        reasons: run.reasons.to_vec(),
                        size_bytes: run.size.size,
                        disk_bytes: run.size.disk,
                    })
                    .collect(),
                protected: plan
                    .protected
                    .iter()
                    .map(|run| Protected { id: run.id.to_string(), reason: run.protection.to_string() })
                    .collect(),
                emptied_projects: plan.emptied().map(|project| project.dir.lossy()).collect(),
            },
            thin: plan
                .thin
                .iter()
                .map(|one| ThinItem {
                    id: one.run.id.to_string(),
                    parts: one.dropped.names(),
                    reasons: one.run.reasons.to_vec(),
                    pieces: one.pieces.len() as u64,
                    size_bytes: one.size.size,
                    disk_bytes: one.size.disk,
                })
                .collect(),
            cache: Cache {
                referenced: cache.referenced,
                in_grace: cache.in_grace,
                delete: cache.delete.iter().map(size_of).collect(),
                stale: cache.stale.iter().map(size_of).collect(),
                dangling_links: cache.dangling.iter().map(|(_, count, _)| count).sum(),
                blocked: cache
                    .blocked
                    .iter()
                    .map(|(project, reason)| Blocked { project: project.clone(), reason: reason.to_string() })
                    .collect(),
                not_asked: NotAsked {
                    entries: cache.not_asked.entries,
                    size_bytes: cache.not_asked.size.size,
                    disk_bytes: cache.not_asked.size.disk,
                },
            },
            before: plan.before.into(),
            budgets: plan.budgets.iter().map(BudgetItem::new).collect(),
            // What goes to the trash frees nothing for now.
            frees_size_bytes: if plan.trash.is_some() { 0 } else { plan.frees.size },
            frees_disk_bytes: if plan.trash.is_some() { 0 } else { plan.frees.disk },
            trash: plan.trash.map(|keep| TrashPlan { keep_seconds: keep.as_seconds(), size: plan.frees.into() }),
            notices: {
                let of_budgets = plan.budgets.iter().filter_map(BudgetPlan::notice);
                plan.notices.iter().map(ToString::to_string).chain(of_budgets).collect()
            },
            would_skip: None,
            result: None,
        }
    }

    /// The same plan with what an execution of it would skip now.
    pub fn with_rehearsal(self, skips: &[Skipped]) -> Self {
        let skips = skips.iter().map(|s| SkippedItem { id: s.id.clone(), reason: s.reason.clone() });
        Self { would_skip: Some(skips.collect()), ..self }
    }

    /// The same plan with what became of it.
    pub fn with_result(self, outcome: &Outcome, before: Before, after: Before) -> Self {
        let freed = outcome.freed();
        let result = CleanResult {
            deleted_runs: outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect(),
            deleted_cache: outcome
                .deleted_cache
                .iter()
                .map(|(project, path, _)| format!("{project}/.cache/{}", String::from_utf8_lossy(path)))
                .collect(),
            thinned: outcome.thinned.iter().map(|one| one.id.clone()).collect(),
            failed: outcome
                .failed
                .iter()
                .map(|f| FailedItem { id: f.id.clone(), error: f.error.clone(), hint: f.hint.clone() })
                .collect(),
            skipped: outcome
                .skipped
                .iter()
                .map(|s| SkippedItem { id: s.id.clone(), reason: s.reason.clone() })
                .collect(),
            freed_size_bytes: freed.size,
            freed_disk_bytes: freed.disk,
            trash: outcome.kept_until.map(|until| TrashItem::new(until, outcome.moved())),
            archive: outcome
                .archive
                .as_ref()
                .map(|(path, bytes)| ArchiveItem { path: path.to_string_lossy().into_owned(), bytes: *bytes }),
            before: before.into(),
            after: after.into(),
            interrupted: outcome.interrupted,
            operation: Some(outcome.operation.clone()).filter(|id| !id.is_empty()),
        };
        Self { result: Some(result), ..self }
    }
}

impl Selection {
    fn new(narrow: &Narrowing) -> Self {
        let by = match narrow.choice {
            Choice::Policy => "policy",
            Choice::Named(_) => "runs",
            Choice::All => "all",
        };
        let statuses =
            if narrow.statuses.is_all() { Vec::new() } else { narrow.statuses.iter().map(Status::word).collect() };
        Self { by, statuses, incomplete: narrow.incomplete }
    }
}
