//! A look at the processes that goes on beside other work: on its own it is half of what a small refresh takes.

use super::{LiveRuns, scan_processes};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

/// A look at the processes that has begun.
#[derive(Debug)]
pub struct Scan {
    asked: Arc<Asked>,
    thread: Option<JoinHandle<LiveRuns>>,
    live: OnceCell<LiveRuns>,
}

#[derive(Debug)]
struct Asked {
    processes: PathBuf,
    roots: [PathBuf; 2],
    own_pid: u32,
}

impl Asked {
    fn answer(&self) -> LiveRuns {
        scan_processes(&self.processes, &[&self.roots[0], &self.roots[1]], self.own_pid)
    }
}

impl Scan {
    /// Begins to look, as [`scan_processes`] does, in a thread of its own. Where there is none to be had, it is done when
    /// it is asked for.
    pub fn begin(processes: &Path, roots: [&Path; 2], own_pid: u32) -> Self {
        let asked = Arc::new(Asked { processes: processes.to_owned(), roots: roots.map(Path::to_owned), own_pid });
        let theirs = Arc::clone(&asked);
        let thread = Builder::new().spawn(move || theirs.answer()).ok();
        Self { asked, thread, live: OnceCell::new() }
    }

    /// What was found. The first who asks waits for it.
    pub fn live(&mut self) -> &LiveRuns {
        let thread = self.thread.take();
        self.live.get_or_init(|| thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| self.asked.answer()))
    }
}
