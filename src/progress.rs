//! How long work is told to whoever waits: the library counts, the program draws.

/// A listener to long work. Calls come from several threads.
pub trait Progress: Sync {
    /// A stretch of work begins: what it is, and how many items it has, where that is known.
    fn begin(&self, what: &'static str, items: Option<u64>);
    /// So many more items are done.
    fn advance(&self, items: u64);
    /// The stretch is over.
    fn end(&self);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hidden;

impl Progress for Hidden {
    fn begin(&self, _what: &'static str, _items: Option<u64>) {}
    fn advance(&self, _items: u64) {}
    fn end(&self) {}
}
