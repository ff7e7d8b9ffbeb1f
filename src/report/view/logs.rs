//! Lines that match, as `otto logs --grep --json` has them.

use super::{base64_unless_utf8, lossy};
use crate::logs::Hit;
use crate::model::RunId;
use serde::Serialize;

/// What precedes the lines.
#[derive(Clone, Debug, Serialize)]
pub struct LogsHead {
    schema: &'static str,
    pattern: String,
}

impl LogsHead {
    /// Of a search for this.
    pub fn new(pattern: &str) -> Self {
        Self { schema: "otto.logs/1", pattern: pattern.to_owned() }
    }
}

/// A line that matches.
#[derive(Clone, Debug, Serialize)]
pub struct HitItem {
    id: String,
    project: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_base64: Option<String>,
    run: String,
    timestamp: i64,
    task: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_base64: Option<String>,
    stream: &'static str,
    line: u64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_base64: Option<String>,
    cut: bool,
}

impl HitItem {
    /// The item of a line in a log of that run and task.
    pub fn new(id: &RunId, task: &[u8], hit: &Hit) -> Self {
        Self {
            id: id.to_string(),
            project: id.project.lossy(),
            project_base64: base64_unless_utf8(id.project.as_bytes()),
            run: id.run.as_str().to_owned(),
            timestamp: id.run.timestamp(),
            task: lossy(task),
            task_base64: base64_unless_utf8(task),
            stream: hit.stream.word(),
            line: hit.line,
            text: lossy(&hit.text),
            text_base64: base64_unless_utf8(&hit.text),
            cut: hit.cut,
        }
    }
}
