//! What a store takes, as `otto usage --json` has it.

use super::run::RunItem;
use super::{SizeItem, base64_unless_utf8};
use crate::model::{Age, DAY, Month, Project, Timestamp, rfc3339};
use crate::report::facts;
use serde::Serialize;

/// What a store takes.
#[derive(Clone, Debug, Serialize)]
pub struct Usage {
    schema: &'static str,
    home: String,
    total: SizeItem,
    projects: Vec<ProjectItem>,
    cache: Cache,
    months: Vec<MonthItem>,
    largest_runs: Vec<RunItem>,
    other: SizeItem,
    trash: Trash,
    recommendations: Vec<RecommendationItem>,
}

#[derive(Clone, Debug, Serialize)]
struct ProjectItem {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    project_name: String,
    runs: u64,
    run_size_bytes: u64,
    run_disk_bytes: u64,
    cache_entries: u64,
    cache_size_bytes: u64,
    cache_disk_bytes: u64,
    oldest_run_at: Option<String>,
    oldest_run_days: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct MonthItem {
    month: Option<String>,
    runs: u64,
    #[serde(flatten)]
    size: SizeItem,
}

impl MonthItem {
    fn new(month: &Month) -> Self {
        Self { month: Month::name(month.month), runs: month.runs, size: month.size.into() }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Cache {
    entries: u64,
    size_bytes: u64,
    disk_bytes: u64,
    orphaned_entries: u64,
    orphaned_size_bytes: u64,
    orphaned_disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Trash {
    operations: u64,
    runs: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct RecommendationItem {
    kind: &'static str,
    command: String,
    runs: u64,
    over_budget_runs: u64,
    thinned_runs: u64,
    not_looked_at_runs: u64,
    cache_entries: u64,
    frees_size_bytes: u64,
    frees_disk_bytes: u64,
    trash_size_bytes: u64,
    trash_disk_bytes: u64,
}

impl Usage {
    /// The figures; ages count from `now`.
    pub fn new(usage: &facts::Usage, now: Timestamp) -> Self {
        Self {
            schema: "otto.usage/1",
            home: usage.home.to_string_lossy().into_owned(),
            total: usage.total.into(),
            projects: usage.projects.iter().map(|project| ProjectItem::new(project, now)).collect(),
            cache: Cache {
                entries: usage.cache.count,
                size_bytes: usage.cache.size.size,
                disk_bytes: usage.cache.size.disk,
                orphaned_entries: usage.orphaned.count,
                orphaned_size_bytes: usage.orphaned.size.size,
                orphaned_disk_bytes: usage.orphaned.size.disk,
            },
            months: usage.months.iter().map(MonthItem::new).collect(),
            largest_runs: usage.largest.iter().map(|run| RunItem::new(run, &usage.home)).collect(),
            other: usage.other.into(),
            trash: Trash {
                operations: usage.trash.operations,
                runs: usage.trash.runs,
                size_bytes: usage.trash.size.size,
                disk_bytes: usage.trash.size.disk,
            },
            recommendations: usage.recommendations.iter().map(RecommendationItem::new).collect(),
        }
    }
}

impl ProjectItem {
    fn new(project: &Project, now: Timestamp) -> Self {
        Self {
            project: project.dir.lossy(),
            project_base64: base64_unless_utf8(project.dir.as_bytes()),
            project_name: project.name.clone(),
            runs: project.runs,
            run_size_bytes: project.run_size.size,
            run_disk_bytes: project.run_size.disk,
            cache_entries: project.cache_entries,
            cache_size_bytes: project.cache_size.size,
            cache_disk_bytes: project.cache_size.disk,
            oldest_run_at: project.oldest_run.and_then(rfc3339),
            // A run of the future has no age yet.
            oldest_run_days: project.oldest_run.map(|at| Age::between(at, now).map_or(0, |age| age.as_seconds() / DAY)),
        }
    }
}

impl RecommendationItem {
    fn new(recommendation: &facts::Recommendation) -> Self {
        Self {
            kind: recommendation.kind.word(),
            command: recommendation.command.clone(),
            runs: recommendation.runs,
            over_budget_runs: recommendation.over_budget,
            thinned_runs: recommendation.thinned,
            not_looked_at_runs: recommendation.not_looked_at,
            cache_entries: recommendation.cache_entries,
            frees_size_bytes: recommendation.frees.size,
            frees_disk_bytes: recommendation.frees.disk,
            trash_size_bytes: recommendation.into_trash.unwrap_or_default().size,
            trash_disk_bytes: recommendation.into_trash.unwrap_or_default().disk,
        }
    }
}
