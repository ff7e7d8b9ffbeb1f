//! Dropping parts of runs and keeping the runs: which pieces go of the runs that a plan lets go.
//!
//! The runs are found, and protected, as those of any clean; then each is looked at on the disk, because no row knows what
//! its scripts left behind. What is found is part of the plan, so that what is shown is what is moved.

use super::plan::{Plan, RunRemoval, Totals};
use crate::model::{Dropped, Size};
use crate::retention;
use crate::session::{Error, Session, Settings};
use crate::store::dir::{self, Listing};
use crate::store::parts::{self, Part, Piece};
use crate::store::project_walk;
use crate::store::run_walk::{self, Look};
use rustix::fd::{AsFd as _, BorrowedFd};
use std::collections::BTreeSet;

/// Names of temporary files below a task, where nobody says otherwise.
pub const TEMPORARY: [&str; 5] = ["*.tmp", "*.temp", "*.pyc", "__pycache__", ".pytest_cache"];

/// A run that stays and of which parts go.
#[derive(Clone, Debug)]
pub struct RunThinning {
    /// The run as it was when it was last walked, and why its parts go.
    pub run: RunRemoval,
    /// What goes.
    pub dropped: Dropped,
    /// What that takes, a file with several names as often as it has names.
    pub size: Size,
    /// What is moved.
    pub pieces: Vec<Piece>,
    /// The directories that these are taken from, with the times of their last change, nanoseconds.
    pub places: Vec<(Vec<u8>, i64)>,
}

/// Turns a plan that removes runs into one that drops parts of them and keeps the runs. The plan must be executable. Runs of
/// which nothing can be dropped are left out.
///
/// # Errors
/// When there is no store. What cannot be read stays, and is skipped by an execution.
pub fn only(session: &Session, settings: &Settings<'_>, plan: Plan, wanted: &[Part]) -> Result<Plan, Error> {
    let mut plan = plan;
    let runs = std::mem::take(&mut plan.runs);
    settings.progress.begin("looking for parts", Some(runs.len() as u64));
    for run in runs {
        settings.progress.advance(1);
        if let Some(thinning) = thinning(session, settings, run, wanted)? {
            plan.thin.push(thinning);
        }
    }
    settings.progress.end();
    plan.removes = Totals::default();
    for project in &mut plan.projects {
        project.lets_go = Totals::default();
        // What stays is every run: this was the range of those that no rule lets go.
        project.kept_range = None;
    }
    plan.cache.not_asked = Default::default();
    plan.inferred = 0;
    plan.runs_free = Size::ZERO;
    plan.frees = plan.thin.iter().map(|thinning| thinning.size).sum();
    Ok(plan)
}

fn thinning(
    session: &Session,
    settings: &Settings<'_>,
    run: RunRemoval,
    wanted: &[Part],
) -> Result<Option<RunThinning>, Error> {
    let root = session.store()?;
    let project = &run.id.project;
    let opened = if project.is_root() {
        root.fd().try_clone_to_owned().ok()
    } else {
        project_walk::open_project(root, project).ok().flatten().map(|(fd, _)| fd)
    };
    let Some(place) = opened else { return Ok(None) };
    let look = Look {
        project_path: &project_walk::project_path(root, project),
        dev: root.dev(),
        now_ns: settings.clock.now.saturating_mul(1_000_000_000),
        read_yaml: false,
        at_root: project.is_root(),
    };
    let found = run_walk::walk_run(place.as_fd(), &run.id.run, &look, &mut Listing::default());
    let Ok(Some(found)) = found else { return Ok(None) };
    let tasks: Vec<Vec<u8>> = found.tasks.into_iter().map(|task| task.dir).filter(|dir| !dir.is_empty()).collect();
    let is_temporary = |name: &[u8]| {
        std::str::from_utf8(name).is_ok_and(|name| TEMPORARY.iter().any(|pattern| retention::fits(pattern, name)))
    };
    let searched = dir::c_name(run.id.run.as_str().as_bytes())
        .and_then(|name| dir::open_dir(place.as_fd(), &name))
        .and_then(|fd| {
            let pieces = parts::pieces(fd.as_fd(), root.dev(), &tasks, wanted, &is_temporary)?;
            let places = places(fd.as_fd(), &pieces)?;
            Ok((pieces, places))
        });
    let Ok((pieces, places)) = searched else { return Ok(None) };
    if pieces.is_empty() {
        return Ok(None);
    }
    let mut dropped = Dropped::default();
    pieces.iter().for_each(|piece| dropped.insert(piece.part.dropped()));
    let size = pieces.iter().map(|piece| piece.size).sum();
    Ok(Some(RunThinning { run, dropped, size, pieces, places }))
}

/// The directories that pieces lie in, with their times.
fn places(run: BorrowedFd<'_>, pieces: &[Piece]) -> rustix::io::Result<Vec<(Vec<u8>, i64)>> {
    let parents: BTreeSet<&[u8]> = pieces
        .iter()
        .map(|piece| piece.path.iter().rposition(|b| *b == b'/').map_or(&[][..], |slash| &piece.path[..slash]))
        .collect();
    let mut places = Vec::with_capacity(parents.len());
    for path in parents {
        let mut fd = dir::open_dir(run, c".")?;
        for name in path.split(|b| *b == b'/').filter(|name| !name.is_empty()) {
            fd = dir::open_dir(fd.as_fd(), &dir::c_name(name)?)?;
        }
        places.push((path.to_vec(), dir::meta(&fd)?.mtime_ns));
    }
    Ok(places)
}
