//! Reading that stops when the user says so: one file may have gigabytes.

use std::io::{self, Read};

/// Whether the user wants it to stop.
pub(super) type Stop<'s> = &'s (dyn Fn() -> bool + Sync);

/// Asks before each piece. The error of a read that was stopped says nothing: whoever gets it asks again.
pub(super) struct Heeding<'s, R> {
    pub(super) from: R,
    pub(super) stop: Stop<'s>,
}

impl<R: Read> Read for Heeding<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Not as an interrupted call, which is simply made again.
        if (self.stop)() { Err(io::Error::other("stopped")) } else { self.from.read(into) }
    }
}
