//! A run as `otto list --json` has it.

use super::base64_unless_utf8;
use crate::model::{ProjectDir, Run, RunId, RunState, rfc3339};
use serde::Serialize;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A run in a list.
#[derive(Clone, Debug, Serialize)]
pub struct RunItem {
    id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    project_name: String,
    project_hash: Option<String>,
    run: String,
    timestamp: i64,
    started_at: Option<String>,
    status: &'static str,
    status_source: &'static str,
    duration_ms: Option<i64>,
    tasks_total: u64,
    tasks_failed: u64,
    missing: Vec<&'static str>,
    thinned: Vec<&'static str>,
    size_bytes: u64,
    disk_bytes: u64,
    pinned: bool,
    pin_note: Option<String>,
    tags: Vec<String>,
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_base64: Option<String>,
    ottofile: Option<String>,
    cwd: Option<String>,
    user: Option<String>,
    args: Vec<String>,
}

impl RunItem {
    /// The item of a run in the store at `home`.
    pub fn new(run: &Run, home: &Path) -> Self {
        let path = (run.state == RunState::Present).then(|| run_path(home, &run.id));
        Self {
            id: run.id.to_string(),
            project: run.project().lossy(),
            project_base64: base64_unless_utf8(run.project().as_bytes()),
            project_name: run.project_name.clone(),
            project_hash: hash_of(run.project()),
            run: run.dir().as_str().to_owned(),
            timestamp: run.timestamp(),
            started_at: rfc3339(run.timestamp()),
            status: run.status.word(),
            status_source: run.status_source.word(),
            duration_ms: run.duration_ms,
            tasks_total: run.tasks_total,
            tasks_failed: run.tasks_failed,
            missing: run.missing.names(),
            thinned: run.thinned.names(),
            size_bytes: run.size.size,
            disk_bytes: run.size.disk,
            pinned: run.pinned,
            pin_note: run.pin_note.clone(),
            tags: run.tags.clone(),
            path: path.as_ref().map(|path| path.to_string_lossy().into_owned()),
            path_base64: path.as_ref().and_then(|path| base64_unless_utf8(path.as_os_str().as_bytes())),
            ottofile: run.context.ottofile.clone(),
            cwd: run.context.cwd.clone(),
            user: run.context.user.clone(),
            args: run.context.args.clone(),
        }
    }
}

/// What follows the last `-` of a project's name; the project `.` has none.
pub(super) fn hash_of(project: &ProjectDir) -> Option<String> {
    Some(project.hash()).filter(|hash| !hash.is_empty())
}

/// Where a run lies. Those of the project `.` lie in the store itself.
pub fn run_path(home: &Path, id: &RunId) -> PathBuf {
    let project =
        if id.project.is_root() { home.to_owned() } else { home.join(OsStr::from_bytes(id.project.as_bytes())) };
    project.join(id.run.as_str())
}
