//! The policy of a project, as `otto clean --json` has it.

use super::base64_unless_utf8;
use crate::clean::ProjectPlan;
use crate::model::Age;
use crate::retention::{Policy, Rule};
use serde::Serialize;

/// A project's policy, each rule with what states it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ProjectPolicy {
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    text: String,
    keep_seconds: u64,
    keep_source: String,
    keep_failed_seconds: Option<u64>,
    keep_failed_source: Option<String>,
    keep_last: Option<u64>,
    keep_last_source: Option<String>,
    keep_hourly: Option<u64>,
    keep_daily: Option<u64>,
    keep_weekly: Option<u64>,
    keep_monthly: Option<u64>,
    keep_yearly: Option<u64>,
    keep_within_seconds: Option<u64>,
    keep_tag: Vec<String>,
    keep_last_success: bool,
    strict_status: bool,
    keep_unresolved: bool,
    keep_logs_seconds: Option<u64>,
    keep_logs_source: Option<String>,
    keep_artifacts_seconds: Option<u64>,
    keep_artifacts_source: Option<String>,
}

impl ProjectPolicy {
    pub(super) fn new(plan: &ProjectPlan) -> Self {
        let policy: &Policy = &plan.policy;
        let failed = policy.keep_failed.as_ref();
        let last = policy.keep_last.as_ref();
        let (logs, artifacts) = (policy.keep_logs.as_ref(), policy.keep_artifacts.as_ref());
        let newest = |period: usize| policy.newest_of[period].as_ref().map(|s| s.value);
        Self {
            project: plan.project.dir.lossy(),
            project_base64: base64_unless_utf8(plan.project.dir.as_bytes()),
            text: policy.to_string(),
            keep_seconds: Age::as_seconds(policy.keep.value),
            keep_source: policy.keep.origin.names(Rule::Keep),
            keep_failed_seconds: failed.map(|s| s.value.as_seconds()),
            keep_failed_source: failed.map(|s| s.origin.names(Rule::KeepFailed)),
            keep_last: last.map(|s| s.value),
            keep_last_source: last.map(|s| s.origin.names(Rule::KeepLast)),
            keep_hourly: newest(0),
            keep_daily: newest(1),
            keep_weekly: newest(2),
            keep_monthly: newest(3),
            keep_yearly: newest(4),
            keep_within_seconds: policy.keep_within.as_ref().map(|s| s.value.as_seconds()),
            keep_tag: policy.tags().to_vec(),
            keep_last_success: policy.keep_last_success.value,
            strict_status: policy.strict_status.value,
            keep_unresolved: policy.keep_unresolved.value,
            keep_logs_seconds: logs.map(|s| s.value.as_seconds()),
            keep_logs_source: logs.map(|s| s.origin.names(Rule::KeepLogs)),
            keep_artifacts_seconds: artifacts.map(|s| s.value.as_seconds()),
            keep_artifacts_source: artifacts.map(|s| s.origin.names(Rule::KeepArtifacts)),
        }
    }
}
