//! Walking the runs: alone when they are few, else in parallel, each handed to the one writer through a short channel.

use super::work::Work;
use super::{Error, Options};
use crate::model::{Problem, RunDir};
use crate::store::dir::Listing;
use crate::store::observation::RunObservation;
use crate::store::project_walk;
use crate::store::root::StoreRoot;
use crate::store::run_walk::{self, Look};
use rayon::prelude::*;
use rustix::fd::AsFd;

/// Observations that wait for the writer: enough to keep the walkers busy, few enough to keep memory flat.
const WAITING: usize = 256;

/// Fewer runs than this are walked by the calling thread: starting others costs more.
const ALONE: usize = 24;

/// Walks the runs and hands each to `take`, on this thread.
pub(super) fn walk(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &[Work],
    mut take: impl FnMut(usize, Walked) -> Result<(), Error>,
) -> Result<(), Error> {
    let total: usize = work.iter().map(|w| w.runs.len()).sum();
    if total == 0 {
        return Ok(());
    }
    options.progress.begin("indexing", Some(total as u64));
    let result = if total < ALONE {
        let mut listing = Listing::default();
        work.iter().enumerate().try_for_each(|(at, work)| {
            walk_project(root, work, |project| {
                work.runs.iter().try_for_each(|run| take(at, walk_one(root, options, work, project, run, &mut listing)))
            })
            .unwrap_or_else(|problem| take(at, Walked::Project(problem)))
        })
    } else {
        walk_in_parallel(root, options, work, take)
    };
    options.progress.end();
    result
}

/// What became of one walk.
#[expect(clippy::large_enum_variant, reason = "nearly every message is a run: boxing them would cost more")]
pub(super) enum Walked {
    Run(RunDir, Result<Option<RunObservation>, Problem>),
    Project(Problem),
}

fn walk_in_parallel(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &[Work],
    mut take: impl FnMut(usize, Walked) -> Result<(), Error>,
) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()
        .map_err(|error| Error::Threads(error.to_string()))?;
    let (sender, receiver) = crossbeam_channel::bounded::<(usize, Walked)>(WAITING);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = sender;
            pool.install(|| {
                work.par_iter().enumerate().for_each(|(at, work)| {
                    let walked = walk_project(root, work, |project| {
                        work.runs.par_iter().for_each_init(Listing::default, |listing, run| {
                            let walked = walk_one(root, options, work, project, run, listing);
                            options.progress.advance(1);
                            // The writer has given up: nothing to be done here.
                            let _ = sender.send((at, walked));
                        });
                    });
                    if let Err(problem) = walked {
                        let _ = sender.send((at, Walked::Project(problem)));
                    }
                });
            });
        });
        let mut result = Ok(());
        for (at, walked) in &receiver {
            if let Err(error) = take(at, walked) {
                result = Err(error);
                break;
            }
        }
        // Walkers that still send find nobody and end.
        drop(receiver);
        result
    })
}

fn walk_project<T>(
    root: &StoreRoot,
    work: &Work,
    walk: impl FnOnce(rustix::fd::BorrowedFd<'_>) -> T,
) -> Result<T, Problem> {
    if work.project.is_root() {
        return Ok(walk(root.fd()));
    }
    match project_walk::open_project(root, &work.project)? {
        Some((fd, _)) => Ok(walk(fd.as_fd())),
        None => {
            let path = project_walk::project_path(root, &work.project);
            Err(Problem::new(path, "walk", "it went while we looked"))
        }
    }
}

fn walk_one(
    root: &StoreRoot,
    options: &Options<'_>,
    work: &Work,
    project: rustix::fd::BorrowedFd<'_>,
    (run, read_yaml): &(RunDir, bool),
    listing: &mut Listing,
) -> Walked {
    let path = project_walk::project_path(root, &work.project);
    let look = Look {
        project_path: &path,
        dev: root.dev(),
        now_ns: options.clock.now.saturating_mul(1_000_000_000),
        read_yaml: *read_yaml,
        at_root: work.project.is_root(),
    };
    Walked::Run(run.clone(), run_walk::walk_run(project, run, &look, listing))
}
