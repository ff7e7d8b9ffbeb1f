//! Projects and runs as they can be, drawn for tests of tables.

use crate::model::{
    Dropped, PastRun, Project, ProjectDir, Run, RunContext, RunDir, RunId, RunState, Size, Status, StatusSource, Task,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

pub(super) const NOW: i64 = 1_795_000_000;

/// Names that are short, long, shared, alike at both ends, wide, or like what else there is.
const NAMES: [&str; 10] = [
    "web",
    "api",
    "storefront-web",
    "a-name-of-which-the-one-half-is-quite-different",
    "a-name-of-which-the-other-half-is-so-different",
    "a-name-of-which-the-third-half-is-so-different",
    "web-1701a0b6",
    "otto",
    "\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}\u{6f22}\u{5b57}",
    "1701a0b6",
];
const HASHES: [&str; 5] = ["1701a0b6", "1aa3d14e", "2cb9a0b6", "00000000", "ef11e295"];

pub(super) fn projects() -> impl Strategy<Value = Vec<Project>> {
    let one = (select(&NAMES), select(&HASHES), any::<bool>());
    prop::collection::vec(one, 1..24).prop_map(|drawn| {
        let mut by_dir = BTreeMap::new();
        for (name, hash, is_old) in drawn {
            let dir = if is_old { format!("otto-{hash}") } else { format!("{name}-{hash}") };
            by_dir.entry(dir).or_insert(name);
        }
        by_dir.into_iter().map(|(dir, name)| project(name, &dir)).collect()
    })
}

/// Figures of all lengths.
pub(super) fn figure() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..52).prop_map(|(bits, shift)| (bits >> 12) >> shift)
}

/// What is drawn for a row.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub(super) project: usize,
    pub(super) at: i64,
    pub(super) second: bool,
    pub(super) status: Status,
    pub(super) state: RunState,
    pub(super) figures: (u64, u64, u64),
    pub(super) exit_code: Option<i32>,
    pub(super) pinned: bool,
}

pub(super) fn drawn() -> impl Strategy<Value = Drawn> {
    let at = prop_oneof![8 => 1_500_000_000_i64..NOW, 1 => Just(1), 1 => 200_000_000_000_i64..253_402_300_799];
    const STATES: &[RunState] = &[RunState::Present, RunState::Trashed, RunState::Removed, RunState::Vanished];
    let whole = (any::<usize>(), at, any::<bool>(), select(Status::ALL), select(STATES));
    let rest = ((figure(), figure(), figure()), prop::option::of(any::<i32>()), any::<bool>());
    (whole, rest).prop_map(|((project, at, second, status, state), (figures, exit_code, pinned))| Drawn {
        project,
        at,
        second,
        status,
        state,
        figures,
        exit_code,
        pinned,
    })
}

pub(super) fn past(drawn: &Drawn, projects: &[Project]) -> PastRun {
    let project = &projects[drawn.project % projects.len()];
    let dir = format!("{}{}", drawn.at, if drawn.second { "-12" } else { "" });
    let (tasks, size, ms) = drawn.figures;
    // No run has more tasks than a directory holds.
    let tasks_total = tasks % 10_000;
    let run = Run {
        key: 1,
        project_key: project.id,
        id: RunId { project: project.dir.clone(), run: RunDir::parse(dir.as_bytes()).unwrap() },
        project_name: project.name.clone(),
        state: drawn.state,
        status: drawn.status,
        status_source: StatusSource::RunnerDb,
        duration_ms: Some((ms >> 8) as i64),
        duration_source: None,
        tasks_total,
        tasks_failed: ms % (tasks_total + 1),
        missing: Default::default(),
        thinned: Dropped::default(),
        size: Size { size, disk: size },
        settled: true,
        read_whole: true,
        end_known: true,
        newest_write: None,
        pinned: drawn.pinned,
        pin_note: drawn.pinned.then(|| "a note that is rather long, as notes of people are now and then".to_owned()),
        tags: Vec::new(),
        context: RunContext::default(),
    };
    let task = Task {
        name: b"test".to_vec(),
        dir: None,
        status: drawn.status,
        status_source: StatusSource::RunnerDb,
        exit_code: drawn.exit_code,
        started_at: None,
        ended_at: None,
        duration_ms: run.duration_ms,
        duration_source: None,
        size: run.size,
        stdout_bytes: None,
        stderr_bytes: None,
        script: None,
        cache_entry: None,
        cache_entry_exists: false,
    };
    PastRun { run, left_at: None, task: Some(task) }
}

/// A project without runs.
pub(super) fn project(name: &str, dir: &str) -> Project {
    Project {
        id: 1,
        dir: ProjectDir::new(dir),
        name: name.to_owned(),
        runs: 0,
        run_size: Size::ZERO,
        cache_entries: 0,
        cache_size: Size::ZERO,
        oldest_run: None,
        listed_whole: true,
    }
}
