//! Whether somebody works in a run directory.
//!
//! Only the runner's 2.4 and later leave a lock in a run; before, nothing on disk tells a run that goes on from one that
//! ended, and a directory's mtime does not show the writes below it. So there are two questions, and a run that either
//! answers with yes is running:
//!
//! - **The lock**, [`probe_lock`]: the runner holds `flock` on `<run>/.lock` as long as its process lives. The kernel gives it up
//!   with the process, so a free lock is an end. No lock file says nothing. A lock is never created by us.
//! - **The processes**, [`scan_processes`]: one whose working directory is in the run, one that was started with a script of the run,
//!   or one that has a file of the run open for writing. This finds the runner, the tasks it started, and the tasks that
//!   outlive a killed runner and still write. Readers (`less`, `tail`) do not count.
//!
//! Both err on the side of life: what cannot be read is told apart from what is free, and a process that merely has a shell in
//! the run keeps it. Neither is a promise about the next moment; who deletes takes the lock with [`take_lock`] and holds it.

mod lock;
mod processes;
#[cfg(test)]
mod tests;

pub use lock::{HeldLock, LockState, TakeLock, probe_lock, take_lock};
pub use processes::{LiveRuns, scan_processes};
