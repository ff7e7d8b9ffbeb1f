//! What a check found, as `otto check --json` has it.

use super::base64_unless_utf8;
use crate::check::{Finding, Fixed, Kind, Mend, Report, Severity};
use crate::model::{Timestamp, rfc3339};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt as _;

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    schema: &'static str,
    home: Option<String>,
    now: Option<String>,
    timestamp: Timestamp,
    sound: bool,
    looked_at: Looked,
    counts: Counts,
    findings: Vec<Item>,
    not_listed: u64,
    fixed: Option<FixedItem>,
}

#[derive(Clone, Debug, Serialize)]
struct Looked {
    projects: u64,
    runs: u64,
    cache_entries: u64,
    trash_operations: u64,
    audit_lines: u64,
    runner_rows: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
struct Counts {
    errors: u64,
    warnings: u64,
    infos: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Item {
    kind: &'static str,
    severity: &'static str,
    what: String,
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    fixable: bool,
    fix: Option<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
struct FixedItem {
    found: u64,
    done: Vec<String>,
    failed: Vec<String>,
    put_back: Vec<String>,
    finished: u64,
    freed_size_bytes: u64,
    freed_disk_bytes: u64,
}

impl Check {
    /// What was found; after a fix, what is left, with what was mended and how much there was before.
    pub fn new(report: &Report, fixed: Option<(&Fixed, &Report)>, now: Timestamp) -> Self {
        let found = &report.findings;
        let listed = found.list();
        Self {
            schema: "otto.check/1",
            home: report.home.as_ref().map(|home| home.to_string_lossy().into_owned()),
            now: rfc3339(now),
            timestamp: now,
            sound: report.is_sound(),
            looked_at: Looked {
                projects: report.looked.projects,
                runs: report.looked.runs,
                cache_entries: report.looked.cache_entries,
                trash_operations: report.looked.operations,
                audit_lines: report.looked.log_lines,
                runner_rows: report.looked.runner_rows,
            },
            counts: Counts {
                errors: found.of(Severity::Error),
                warnings: found.of(Severity::Warning),
                infos: found.of(Severity::Info),
            },
            not_listed: found.counts().values().sum::<u64>().saturating_sub(listed.len() as u64),
            findings: listed.into_iter().map(Item::new).collect(),
            fixed: fixed.map(|(fixed, before)| FixedItem {
                found: before.findings.counts().values().sum(),
                done: fixed.done.clone(),
                failed: fixed
                    .failed
                    .iter()
                    .cloned()
                    .chain(fixed.recovery.failed.iter().map(|f| format!("{}: {}", f.id, f.error)))
                    .collect(),
                put_back: fixed.recovery.put_back.clone(),
                finished: fixed.recovery.finished + fixed.recovery.expired,
                freed_size_bytes: (fixed.recovery.freed + fixed.recovery.freed_by_expiry).size,
                freed_disk_bytes: (fixed.recovery.freed + fixed.recovery.freed_by_expiry).disk,
            }),
        }
    }
}

impl Item {
    fn new(finding: &Finding) -> Self {
        Self {
            kind: Kind::word(finding.kind),
            severity: finding.kind.severity().word(),
            what: finding.what.clone(),
            path: finding.path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            path_base64: finding.path.as_ref().and_then(|path| base64_unless_utf8(path.as_os_str().as_bytes())),
            fixable: finding.mend.is_some(),
            fix: finding.mend.as_ref().map(Mend::how),
        }
    }
}
