//! What a walk takes for a task, and what it notes of one.

use super::super::dir::{Mark, Meta};
use super::super::layout::{self, Era, ScriptForm, TaskFile};
use super::super::log_tail;
use super::super::observation::TaskObservation;
use super::super::reference::Reference;
use super::{COPY_AFTER_NS, Walker};
use crate::model::Parts;
use rustix::fd::BorrowedFd;

impl Walker<'_> {
    pub(super) fn marks_a_task(&self, mark: Mark) -> bool {
        self.listing
            .entries(mark)
            .iter()
            .any(|e| TaskFile::of(self.listing.name(*e)).is_some_and(TaskFile::marks_a_task))
    }

    pub(super) fn begin_task(&mut self) -> usize {
        let dir = self.path.clone();
        let name = dir.strip_prefix(b"tasks/".as_slice()).unwrap_or(&dir).to_vec();
        self.tasks.push(TaskObservation { name, dir, ..TaskObservation::default() });
        self.tasks.len() - 1
    }

    /// Notes a file or link of a task's directory that the runner writes. Its name begins there in the path; of a link come
    /// the text and what it refers to.
    pub(super) fn task_file(&mut self, name_start: usize, meta: &Meta, link: Option<(&[u8], &[Reference])>) {
        let name = &self.path[name_start..];
        let (Some(at), Some(kind)) = (self.task, TaskFile::of(name)) else { return };
        let task = &mut self.tasks[at];
        let directly = self.path.len() == task.dir.len() + 1 + name.len();
        if !directly {
            return;
        }
        let is_file = link.is_none();
        let first = |task: &mut TaskObservation| {
            task.begun = true;
            task.first_write_ns = Some(task.first_write_ns.map_or(meta.mtime_ns, |t| t.min(meta.mtime_ns)));
        };
        let last = |task: &mut TaskObservation| {
            task.last_write_ns = Some(task.last_write_ns.map_or(meta.mtime_ns, |t| t.max(meta.mtime_ns)));
        };
        match kind {
            TaskFile::Stdout if is_file => {
                task.stdout = Some(meta.len);
                last(task);
            }
            TaskFile::Stderr if is_file => {
                task.stderr = Some(meta.len);
                last(task);
            }
            TaskFile::OutputJson if is_file && layout::is_output_marker(name, &task.name) => {
                task.output = Some(meta.len);
                last(task);
            }
            TaskFile::Script | TaskFile::HashScript => {
                let form = match link {
                    Some((text, references)) => ScriptForm::of_link(text, references),
                    None if kind == TaskFile::HashScript => ScriptForm::HashFile,
                    None => ScriptForm::PlainFile,
                };
                self.signs.script.get_or_insert(form);
                task.script_entry = link.and_then(|(_, references)| references.last()).map(|r| r.path.clone());
                task.script = Some(name.to_vec());
                first(task);
            }
            TaskFile::Builtins => {
                self.signs.builtins = true;
                first(task);
            }
            TaskFile::Env => self.signs.env = true,
            TaskFile::Stdout | TaskFile::Stderr | TaskFile::OutputJson => {}
        }
    }

    /// Looks for an exit code where a task left no better evidence. Runs since 0.6.6 leave some always.
    pub(super) fn read_log_tails(&mut self, fd: BorrowedFd<'_>, task: usize) {
        let task = &mut self.tasks[task];
        let newer = self.signs.env || matches!(self.signs.script, Some(ScriptForm::Relative));
        if newer || task.output.is_some_and(|length| length > 0) {
            return;
        }
        let logs = [(task.stderr, c"stderr.log"), (task.stdout, c"stdout.log")];
        task.logged_exit = logs
            .into_iter()
            .filter(|(length, _)| length.is_some_and(|l| l > 0))
            .find_map(|(_, name)| log_tail::exit_code(&log_tail::read(fd, name)?));
    }

    pub(super) fn missing(&self, era: Era) -> Parts {
        let mut missing = Parts::default();
        if era.writes_run_yaml() && !self.signs.run_yaml {
            missing.insert(Parts::RUN_YAML);
        }
        if era != Era::A && !self.has_tasks {
            missing.insert(Parts::TASKS);
        }
        if era.writes_task_parts() {
            // The terminal interface of 1.x makes logs for every task up front, and a task that is skipped never begins.
            let began = |task: &&TaskObservation| !era.always_writes_output() || task.begun || task.output.is_some();
            for task in self.tasks.iter().filter(began) {
                if task.stdout.is_none() || task.stderr.is_none() {
                    missing.insert(Parts::LOGS);
                }
                if task.script.is_none() {
                    missing.insert(Parts::SCRIPT);
                }
            }
        }
        missing
    }

    /// In a copy whose times were not kept, the times of files tell when the copying was, not how long a task took.
    pub(super) fn forget_times_of_the_copying(&mut self) {
        let born = self.changed_ns.saturating_sub(COPY_AFTER_NS);
        for task in &mut self.tasks {
            if task.first_write_ns.is_some_and(|t| t > born) || task.last_write_ns.is_some_and(|t| t > born) {
                task.first_write_ns = None;
                task.last_write_ns = None;
            }
        }
    }
}
