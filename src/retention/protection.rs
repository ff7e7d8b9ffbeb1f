//! What keeps a run before any rule is asked.
//!
//! Rules say how long a run is wanted; protection says that a run must not go now, whatever is wanted: somebody works
//! in it, somebody pinned it, or too little is known about it. No flag lifts protection, `--yes` least of all.

use crate::model::{Age, Run, Status, Timestamp};
use std::fmt;

/// How long a write counts as a sign of life. Tasks that compile or wait may be silent for minutes.
pub const RECENT: Age = Age::seconds(600);

/// Why a run stays under every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protection {
    /// Its lock is held, a live process works in it, or its status says so.
    Running,
    /// The user pinned it.
    Pinned,
    /// It was written to within [`RECENT`], and no end is known.
    Recent,
    /// The walk could not read all of it, so nobody knows what would be lost.
    NotReadWhole,
    /// The listing of its project was cut short, so the newest runs may be among those not seen.
    ProjectNotListedWhole,
    /// Its name states an instant that is still to come: a clock was or is wrong.
    Future,
}

impl Protection {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Running, Self::Pinned, Self::Recent, Self::NotReadWhole, Self::ProjectNotListedWhole, Self::Future];

    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Pinned => "pinned",
            Self::Recent => "recent",
            Self::NotReadWhole => "not-read-whole",
            Self::ProjectNotListedWhole => "project-not-listed-whole",
            Self::Future => "future",
        }
    }

    /// The protection with that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|protection| protection.word() == word)
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Pinned => "pinned",
            Self::Recent => "written to within 10 minutes",
            Self::NotReadWhole => "could not be read whole",
            Self::ProjectNotListedWhole => "its project could not be listed whole",
            Self::Future => "dated in the future",
        })
    }
}

/// What protects `run` at the instant `now`; where several do, the one to name.
///
/// `alive` is whether its lock is held or a live process works in it, as seen by whoever looked last; `project_whole`
/// is whether the last listing of its project saw all of it.
pub fn protection(run: &Run, alive: bool, project_whole: bool, now: Timestamp) -> Option<Protection> {
    protections(run, alive, project_whole, now).next()
}

/// Everything that protects `run` at the instant `now`, as [`protection`] has it, what matters most first.
pub fn protections(run: &Run, alive: bool, project_whole: bool, now: Timestamp) -> impl Iterator<Item = Protection> {
    // The future first is no sign of life: a copied file may be dated years ahead, and the run could never go.
    let recent = !run.end_known
        && run.newest_write.and_then(|written| Age::between(written, now)).is_some_and(|since| since <= RECENT);
    [
        (alive || run.status == Status::Running, Protection::Running),
        (run.pinned, Protection::Pinned),
        (recent, Protection::Recent),
        (!run.read_whole, Protection::NotReadWhole),
        (!project_whole, Protection::ProjectNotListedWhole),
        (run.timestamp() > now, Protection::Future),
    ]
    .into_iter()
    .filter_map(|(holds, protection)| holds.then_some(protection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Parts, ProjectDir, RunContext, RunDir, RunId, RunState, Size, StatusSource};

    const NOW: Timestamp = 1_795_000_000;

    fn old_run() -> Run {
        Run {
            key: 1,
            project_key: 1,
            id: RunId { project: ProjectDir::new("web-e259db19"), run: RunDir::parse(b"1700000000").unwrap() },
            project_name: "web".into(),
            state: RunState::Present,
            status: Status::Success,
            status_source: StatusSource::RunnerDb,
            duration_ms: None,
            duration_source: None,
            tasks_total: 1,
            tasks_failed: 0,
            missing: Parts::default(),
            thinned: crate::model::Dropped::default(),
            size: Size::ZERO,
            settled: true,
            read_whole: true,
            end_known: false,
            newest_write: Some(1_700_000_100),
            pinned: false,
            pin_note: None,
            tags: Vec::new(),
            context: RunContext::default(),
        }
    }

    fn of(run: &Run) -> Option<Protection> {
        protection(run, false, true, NOW)
    }

    #[test]
    fn words_lead_back() {
        for protection in Protection::ALL {
            assert_eq!(Protection::from_word(protection.word()), Some(*protection));
        }
        assert_eq!(Protection::from_word("asleep"), None);
    }

    #[test]
    fn an_old_run_that_was_read_whole_is_not_protected() {
        assert_eq!(of(&old_run()), None);
        assert_eq!(of(&Run { newest_write: None, ..old_run() }), None);
    }

    #[test]
    fn each_protection_has_its_sign() {
        assert_eq!(protection(&old_run(), true, true, NOW), Some(Protection::Running));
        assert_eq!(of(&Run { status: Status::Running, ..old_run() }), Some(Protection::Running));
        assert_eq!(of(&Run { pinned: true, ..old_run() }), Some(Protection::Pinned));
        assert_eq!(of(&Run { read_whole: false, ..old_run() }), Some(Protection::NotReadWhole));
        assert_eq!(protection(&old_run(), false, false, NOW), Some(Protection::ProjectNotListedWhole));
        assert_eq!(protection(&old_run(), false, true, 1_700_000_000), None);
        assert_eq!(protection(&old_run(), false, true, 1_699_999_999), Some(Protection::Future));
    }

    #[test]
    fn a_write_protects_for_ten_minutes_unless_the_end_is_known() {
        let written = |at, end_known| Run { newest_write: Some(at), end_known, ..old_run() };
        for (at, protects) in
            [(NOW - 601, false), (NOW - 600, true), (NOW - 1, true), (NOW, true), (NOW + 1, false), (i64::MAX, false)]
        {
            assert_eq!(of(&written(at, false)), protects.then_some(Protection::Recent), "written at {at}");
            assert_eq!(of(&written(at, true)), None, "written at {at}, its end known");
        }
    }

    #[test]
    fn a_known_end_lifts_nothing_but_recency() {
        let ended = Run { end_known: true, newest_write: Some(NOW), ..old_run() };
        assert_eq!(protection(&ended, true, true, NOW), Some(Protection::Running));
        assert_eq!(of(&Run { pinned: true, ..ended }), Some(Protection::Pinned));
    }
}
