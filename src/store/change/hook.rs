//! Who is asked before each change.

use std::io;
use std::sync::Arc;

/// A change that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make a directory of ours.
    MakeDir,
    /// Write a file of ours.
    WriteFile,
    /// Make a directory's changes durable.
    Sync,
    /// Move a run or a cache entry into the trash.
    ToTrash,
    /// Move one back into its place.
    PutBack,
    /// Move what was unpacked into its place.
    PutInPlace,
    /// Give a cache entry a second name, or its copy the name.
    Link,
    /// Commit a decision to the catalog.
    Commit,
    /// Remove a file.
    Unlink,
    /// Remove an empty directory.
    RemoveDir,
    /// Append to the audit log.
    Audit,
    /// Begin another file of the audit log.
    Rotate,
    /// Set the time of a directory back.
    SetTime,
    /// Move something of ours that cannot be read out of the way.
    SetAside,
    /// Set the rights or the group of something of ours.
    SetRights,
}

type Before = dyn Fn(Act) -> io::Result<()> + Send + Sync;

/// Asked before each change; an error takes the place of the change.
#[derive(Clone, Default)]
pub struct Hook(Option<Arc<Before>>);

impl Hook {
    /// Asks `before` each time.
    pub fn new(before: impl Fn(Act) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(before)))
    }

    /// Asks.
    ///
    /// # Errors
    /// Whatever the hook answers.
    pub fn before(&self, act: Act) -> io::Result<()> {
        match &self.0 {
            Some(before) => before(act),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Hook(set)" } else { "Hook(none)" })
    }
}
