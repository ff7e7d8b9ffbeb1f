//! Which parts of a run go before the run does, and when.

use super::super::thinning;
use super::{Going, written_out};
use crate::model::{Run, Timestamp};
use crate::retention::{Policy, Protection, Rule};
use crate::store::parts::Part;

/// A part of a run that goes after an age of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartReasons {
    /// Which.
    pub part: Part,
    /// The rule.
    pub rule: Rule,
    /// Why it goes, as a clean says it.
    pub reason: String,
    /// When.
    pub going: PartGoing,
}

/// When a part of a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartGoing {
    /// It was dropped before.
    Dropped,
    /// With the run, which goes no later.
    WithRun,
    /// The next clean drops it.
    Now,
    /// Not before that instant; `None`: no calendar holds it.
    Later(Option<Timestamp>),
    /// Not while something protects the run, and not before that instant.
    Held(Option<Timestamp>),
}

/// The parts of a run that go after an age of their own.
pub(super) fn of(
    run: &Run,
    policy: &Policy,
    going: &Going,
    protections: &[Protection],
    now: Timestamp,
) -> Vec<PartReasons> {
    // A run without tasks has no parts.
    if run.tasks_total == 0 {
        return Vec::new();
    }
    let quiet = written_out(run);
    let parts = policy.parts().map(|(rule, setting)| {
        let part = thinning::part_of(rule);
        let at = run.timestamp().checked_add_unsigned(setting.value.as_seconds()).and_then(|at| at.checked_add(1));
        let is_later = at.is_none_or(|at| at > now);
        let runs_end = match going {
            Going::Now => Some(now),
            Going::Later { at, newer_runs: 0 } => *at,
            _ => None,
        };
        let going = if run.thinned.contains(part.dropped()) {
            PartGoing::Dropped
        } else if runs_end.is_some_and(|end| at.is_none_or(|at| end <= at.max(now))) {
            PartGoing::WithRun
        } else if protections.iter().any(|protection| *protection != Protection::Recent) {
            PartGoing::Held(at.filter(|_| is_later))
        } else if !protections.is_empty() {
            PartGoing::Later(at.max(quiet))
        } else if is_later {
            PartGoing::Later(at)
        } else {
            PartGoing::Now
        };
        PartReasons { part, rule, reason: policy.part_reason(rule, part.word()), going }
    });
    parts.collect()
}
