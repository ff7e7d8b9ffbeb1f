//! Ctrl-C.

use super::exit::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the user pressed Ctrl-C. Until the deletion begins that ends the program at once; from then on the item at
/// hand is finished.
pub(super) struct Interrupted(Arc<AtomicBool>);

impl Interrupted {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// From here on, an interrupt is noted; a second one ends the program.
    pub(super) fn heed(&self) -> Result<(), Failure> {
        let signal = signal_hook::consts::SIGINT;
        let conditional = signal_hook::flag::register_conditional_default(signal, Arc::clone(&self.0));
        conditional
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&self.0)))
            .map(|_| ())
            .map_err(|error| Failure::could_not("cannot listen for interrupts", anyhow::Error::new(error)))
    }
}
