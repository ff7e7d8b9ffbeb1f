//! The list of runs of every state, or of one task across them.

use super::pages::Pages;
use super::table::{is_narrow, is_shown, name_and_time, project_label, task_count};
use super::text::{Look, duration};
use crate::model::{PastRun, RunState};
use std::collections::HashSet;
use std::fmt::{self, Write};

/// The list, page by page.
pub struct HistoryTable<'a> {
    look: &'a Look,
    shared_names: HashSet<String>,
    of_a_task: bool,
    pages: Pages<'a>,
}

impl<'a> HistoryTable<'a> {
    /// An empty list, of runs or of a task.
    pub fn new(look: &'a Look, shared_names: HashSet<String>, of_a_task: bool) -> Self {
        // Where there is no room, the tasks of a run and the exit codes of a task are left out.
        let all: &'static [&'static str] = match (of_a_task, is_narrow(look)) {
            (_, true) => &["PROJECT", "RUN", "TIMESTAMP", "STATUS", "DURATION", "STATE"],
            (false, false) => &["PROJECT", "RUN", "TIMESTAMP", "TASKS", "STATUS", "DURATION", "STATE"],
            (true, false) => &["PROJECT", "RUN", "TIMESTAMP", "STATUS", "EXIT", "DURATION", "STATE"],
        };
        let head: Vec<&'static str> = all.iter().copied().filter(|title| is_shown(title, look)).collect();
        let numbers = (0..head.len()).filter(|at| ["EXIT", "DURATION"].contains(&head[*at])).collect();
        Self { look, shared_names, of_a_task, pages: Pages::new(look, head, numbers) }
    }

    /// Adds a run; a full page is written.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn push(&mut self, past: &PastRun, out: &mut dyn Write) -> fmt::Result {
        let run = &past.run;
        let (status, ms) = match &past.task {
            Some(task) => (task.status, task.duration_ms),
            None => (run.status, run.duration_ms),
        };
        let mut row = vec![project_label(run, &self.shared_names)];
        row.extend(name_and_time(run, self.look));
        let wide = !is_narrow(self.look);
        if wide && !self.of_a_task {
            row.push(task_count(run, self.look));
        }
        row.push(status.word().to_owned());
        if wide && self.of_a_task {
            let code = past.task.as_ref().and_then(|task| task.exit_code);
            row.push(code.map_or_else(String::new, |code| code.to_string()));
        }
        row.push(ms.map_or_else(String::new, duration));
        row.push(if run.state == RunState::Present { String::new() } else { run.state.word().to_owned() });
        self.pages.push(row, status, out)
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(&mut self, out: &mut dyn Write) -> fmt::Result {
        self.pages.finish(out)
    }
}
