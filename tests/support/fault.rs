//! Hooks that count, stop, fail, or do something of their own at a change.

use otto_catalog::store::change::{Act, Hook};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What a hook saw.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    count: Arc<AtomicUsize>,
    acts: Arc<Mutex<Vec<Act>>>,
}

impl Seen {
    pub(crate) fn acts(&self) -> Vec<Act> {
        self.acts.lock().unwrap().clone()
    }

    /// The number of this act, from 1.
    fn note(&self, act: Act) -> usize {
        self.acts.lock().unwrap().push(act);
        self.count.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Only watches.
pub(crate) fn watch() -> (Hook, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let hook = Hook::new(move |act| {
        noted.note(act);
        Ok(())
    });
    (hook, seen)
}

/// The payload by which a stop is told from a failed assertion.
struct Stopped;

/// Stops everything, from within a hook.
pub(crate) fn stop() -> io::Result<()> {
    resume_unwind(Box::new(Stopped))
}

/// Stops everything before the `n`-th change, and before every later one that another thread may still try: to the disk it is
/// as if the process had been killed there.
pub(crate) fn stop_at(n: usize) -> (Hook, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let hook = Hook::new(move |act| if noted.note(act) >= n { stop() } else { Ok(()) });
    (hook, seen)
}

/// Fails at the `n`-th change only.
pub(crate) fn fail_at(n: usize, error: rustix::io::Errno) -> (Hook, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    (Hook::new(move |act| if noted.note(act) == n { Err(io::Error::from(error)) } else { Ok(()) }), seen)
}

/// Does something before the `n`-th change of a kind, from 1.
pub(crate) fn before(wanted: Act, n: usize, what: impl Fn() + Send + Sync + 'static) -> Hook {
    let count = AtomicUsize::new(0);
    Hook::new(move |act| {
        if act == wanted && count.fetch_add(1, Ordering::SeqCst) + 1 == n {
            what();
        }
        Ok(())
    })
}

/// Fails at the first change of a kind only.
pub(crate) fn fail_first(wanted: Act, error: rustix::io::Errno) -> Hook {
    let failed = AtomicBool::new(false);
    Hook::new(move |act| {
        let this = act == wanted && !failed.swap(true, Ordering::SeqCst);
        if this { Err(error.into()) } else { Ok(()) }
    })
}

/// Runs something that a hook may stop; `None` when it was stopped. Everything it held is dropped.
pub(crate) fn until_stopped<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) if payload.is::<Stopped>() => None,
        Err(payload) => resume_unwind(payload),
    }
}
