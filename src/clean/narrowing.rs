//! What chooses the runs that may go, beside the policy or instead of it.
//!
//! A policy says how long runs are wanted. Narrowing says which runs the question is about: those of some status, those
//! that are not all there, those that somebody named, all. What narrows can only make fewer runs go than its choice alone.
//! Protection is never its business: whatever is running, recent, pinned, of the future or not read whole stays.

use crate::model::{Class, Parts, Run, Status, StatusSource, Statuses};
use std::collections::HashSet;

/// Who says which runs may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The policy.
    #[default]
    Policy,
    /// The user, who named them (`--run`): their rows. No rule is asked.
    Named(HashSet<i64>),
    /// The user, who means all of them (`--all`). No rule is asked.
    All,
}

/// Which runs a clean is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Who says which runs may go.
    pub choice: Choice,
    /// Of these, only those with one of these statuses (`--status`).
    pub statuses: Statuses,
    /// Of these, only those of which it is certain that they are not all there (`--incomplete`): [`Run::is_incomplete`].
    pub incomplete: bool,
    /// Of these, only those that the user said yes to, one by one (`--interactive`).
    pub agreed: Option<HashSet<i64>>,
}

impl Narrowing {
    /// Whether the policy alone decides.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether rules are asked.
    pub fn asks_rules(&self) -> bool {
        self.choice == Choice::Policy
    }

    /// Whether a run is one that the clean is about, whatever the rules say of it; `strict` is the policy's, by which a
    /// status that rests on `stderr` alone is unknown.
    pub(super) fn admits(&self, run: &Run, strict: bool) -> bool {
        let chosen = match &self.choice {
            Choice::Named(keys) => keys.contains(&run.key),
            Choice::Policy | Choice::All => true,
        };
        let unknown = strict && run.status_source == StatusSource::Stderr;
        let status = if unknown { Status::Unknown } else { run.status };
        let fits = !self.incomplete || !unknown && run.is_incomplete();
        chosen && fits && self.statuses.contains(status) && self.agrees(run.key)
    }

    /// The statuses that a run of that class may have in its row to be one that the clean is about; `None` when no run of
    /// the class is.
    pub(super) fn statuses_of(&self, class: Class, strict: bool) -> Option<Statuses> {
        let unknown = strict && matches!(class, Class::InferredOk | Class::InferredFailed);
        match unknown {
            true => (self.statuses.contains(Status::Unknown) && !self.incomplete).then_some(Statuses::ALL),
            false => Some(self.statuses),
        }
    }

    /// Whether the user said yes to that run, where he was asked about each.
    pub(super) fn agrees(&self, key: i64) -> bool {
        self.agreed.as_ref().is_none_or(|agreed| agreed.contains(&key))
    }

    /// Why a run goes that the clean is about, beside what the rules have against it.
    pub(super) fn reasons(&self, status: Status, missing: Parts) -> Vec<String> {
        let mut reasons = match &self.choice {
            Choice::Policy => Vec::new(),
            Choice::Named(_) => vec!["named (--run)".to_owned()],
            Choice::All => vec!["all runs (--all)".to_owned()],
        };
        if !self.statuses.is_all() {
            reasons.push(format!("{status} (--status)"));
        }
        if self.incomplete {
            reasons.push(match status {
                Status::Interrupted if missing.is_empty() => "incomplete: interrupted (--incomplete)".to_owned(),
                Status::Interrupted => format!("incomplete: interrupted, lacks {missing} (--incomplete)"),
                _ => format!("incomplete: lacks {missing} (--incomplete)"),
            });
        }
        reasons
    }

    /// Why a run stays that the clean is not about, with the flags that leave it out.
    pub(super) fn leaves_out(&self) -> String {
        let flags = [
            (matches!(self.choice, Choice::Named(_)), "--run"),
            (!self.statuses.is_all(), "--status"),
            (self.incomplete, "--incomplete"),
            (self.agreed.is_some(), "--interactive"),
        ];
        let flags: Vec<&str> = flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag).collect();
        format!("not selected ({})", flags.join(", "))
    }

    /// What stands for the policy or narrows it, a phrase each: "the runs named", "only failed". None where nothing does.
    pub fn parts(&self) -> Vec<String> {
        let mut parts = match &self.choice {
            Choice::Policy => Vec::new(),
            Choice::Named(runs) if runs.is_empty() => vec!["no run".to_owned()],
            Choice::Named(_) => vec!["the runs named".to_owned()],
            Choice::All => vec!["all runs".to_owned()],
        };
        if !self.statuses.is_all() {
            parts.push(format!("only {}", self.statuses));
        }
        if self.incomplete {
            parts.push("only incomplete".to_owned());
        }
        if self.agreed.is_some() {
            parts.push("only those agreed to one by one".to_owned());
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectDir, RunContext, RunDir, RunId, RunState, Size};

    fn run(status: Status, status_source: StatusSource, missing: Parts) -> Run {
        Run {
            key: 1,
            project_key: 1,
            id: RunId { project: ProjectDir::new("web-e259db19"), run: RunDir::parse(b"1700000000").unwrap() },
            project_name: "web".into(),
            state: RunState::Present,
            status,
            status_source,
            duration_ms: None,
            duration_source: None,
            tasks_total: 1,
            tasks_failed: 0,
            missing,
            thinned: crate::model::Dropped::default(),
            size: Size::ZERO,
            settled: true,
            read_whole: true,
            end_known: true,
            newest_write: None,
            pinned: false,
            pin_note: None,
            tags: Vec::new(),
            context: RunContext::default(),
        }
    }

    #[test]
    fn a_status_by_stderr_alone_is_unknown_where_the_policy_is_strict() {
        let inferred = run(Status::Failed, StatusSource::Stderr, Parts::LOGS);
        let only = |status| Narrowing { statuses: Statuses::any_of(&[status]), ..Narrowing::default() };
        let incomplete = Narrowing { incomplete: true, ..Narrowing::default() };
        for (narrow, strict, admits) in [
            (only(Status::Failed), false, true),
            (only(Status::Failed), true, false),
            (only(Status::Unknown), false, false),
            (only(Status::Unknown), true, true),
            (incomplete.clone(), false, true),
            (incomplete, true, false),
        ] {
            assert_eq!(narrow.admits(&inferred, strict), admits, "{narrow:?}, strict: {strict}");
            let by_class = narrow.statuses_of(inferred.class(), strict).is_some_and(|s| s.contains(inferred.status));
            assert_eq!(by_class, admits, "by class: {narrow:?}, strict: {strict}");
        }
    }

    #[test]
    fn what_is_incomplete_is_certain() {
        let cases = [
            (Status::Interrupted, Parts::default(), true),
            (Status::Success, Parts::RUN_YAML, true),
            (Status::Failed, Parts::SCRIPT, true),
            (Status::Success, Parts::default(), false),
            (Status::Unknown, Parts::TASKS, false),
            (Status::Running, Parts::LOGS, false),
        ];
        for (status, missing, incomplete) in cases {
            let run = run(status, StatusSource::RunnerDb, missing);
            assert_eq!(run.is_incomplete(), incomplete, "{status}, lacks {missing}");
            assert!(!Run { read_whole: false, ..run }.is_incomplete(), "{status}, not read whole");
        }
    }
}
