//! The list of runs of every state, or of one task across them.

use super::labels::Labels;
use super::layout::Columns;
use super::layout::Step::{LeaveOut, Shorten};
use super::pages::Pages;
use super::table::{names_and_time, task_count};
use super::text::{Look, duration};
use crate::model::{PastRun, RunState};
use std::fmt::{self, Write};

/// The list, page by page.
pub struct HistoryTable<'a> {
    look: &'a Look,
    labels: &'a Labels,
    of_a_task: bool,
    pages: Pages<'a>,
}

impl<'a> HistoryTable<'a> {
    /// An empty list, of runs or of a task.
    pub fn new(look: &'a Look, labels: &'a Labels, of_a_task: bool) -> Self {
        let mut head = vec!["PROJECT"];
        if look.verbose {
            head.push("RUN");
        }
        let time = head.len();
        head.push("TIMESTAMP");
        // Of a run, the tasks; of a task, the exit code.
        head.extend(if of_a_task { ["STATUS", "EXIT"] } else { ["TASKS", "STATUS"] });
        let (tasks, exit) = (time + 1, time + 2);
        let (less, of_number) = if of_a_task { (exit, vec![exit]) } else { (tasks, Vec::new()) };
        head.extend(["DURATION", "STATE"]);
        let ms = head.len() - 2;
        let numbers: Vec<usize> = of_number.into_iter().chain([ms]).collect();
        let columns = Columns::new(&head, &numbers).first(&[Shorten(time), Shorten(tasks)]);
        let columns = if look.verbose { columns.first(&[LeaveOut(time)]) } else { columns };
        let columns = columns.then(&[LeaveOut(less), LeaveOut(ms)]);
        Self { look, labels, of_a_task, pages: Pages::new(look, columns, labels.widest()) }
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
        let mut row = names_and_time(run, self.labels, self.look);
        let word = status.word().to_owned().into();
        if self.of_a_task {
            let code = past.task.as_ref().and_then(|task| task.exit_code);
            row.extend([word, code.map_or_else(String::new, |code| code.to_string()).into()]);
        } else {
            row.extend([task_count(run), word]);
        }
        row.push(ms.map_or_else(String::new, duration).into());
        let state = if run.state == RunState::Present { "" } else { run.state.word() };
        row.push(state.to_owned().into());
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
