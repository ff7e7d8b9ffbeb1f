//! Archives: runs in a file, with the scripts that they name, to be kept elsewhere and brought back.
//!
//! **The file** is a tar, compressed by zstd or gzip, that any tar can unpack into the shape of a store. Its first member,
//! `manifest.json`, names everything else in order: the rows of the runs, and of every file the rights, the time and the
//! blake3 of its content. The compressed stream ends with a seal, an empty frame that holds the blake3 of all before it. The
//! same runs give the same bytes.
//!
//! **Writing.** A run is read twice: for the manifest, and for the archive. What differs between the two, or from what the
//! catalog knows, is left out with its reason, and so is a run that somebody works in; the file is written aside and gets
//! its name when it is whole. FIFOs, sockets and devices are left out, and told.
//!
//! **Reading** trusts nothing. The seal is checked before anything is decoded, the manifest before anything is unpacked: a
//! path that leads out, a name that the runner gives to no run, a second member of a name, a directory that is a link are
//! all refused. Each member must be the next that the manifest names, to the byte. Memory is bounded by the manifest, the
//! size by what the manifest states and the caller allows.
//!
//! **Importing**, in this order; where a run lies is what is true of it, so whatever stops it leaves whole runs or none:
//!
//! | step | what is on the disk if it stops here | the next import or clean |
//! |---|---|---|
//! | 1 unpack all into `.catalog/import/<operation>/`, verify every hash, sync | a leftover | drops it |
//! | 2 write there what the rows say that the trees do not | the same | the same |
//! | 3 rename cache entries, then runs, into their places, refusing to replace | whole runs | notes those, drops the rest |
//! | 4 sync, note in the audit log what is in its place | the same | the same |
//! | 5 refresh the catalog, commit tags and what was dropped before | the same | the same |
//! | 6 drop what step 2 wrote, then what is left | a leftover | drops it |
//!
//! From step 3 on every refresh looks at the runs that arrived with what was written in step 2, so that the catalog says
//! of each run in its place what the archive says, and of the others nothing. Since what was written there goes before what
//! was unpacked, what is told of and does not lie there was moved; so a run of a copied store is known, whose inode is
//! another. A clean ends what was stopped before it decides anything, and decides nothing while that cannot be ended: a tag
//! that came along may keep a run.
//!
//! **Scripts** are what a runner executes: it takes an entry that is there for the one it would write. So an archive of
//! another store brings in only entries whose content is what their name says, or, where a name says nothing, those that
//! its runs name.
//!
//! What the runner's database said of a run travels in its row and is kept evidence afterwards; tags travel, pins do not.

mod codec;
mod error;
mod export;
mod heed;
mod import;
mod leftovers;
mod manifest;
mod place;
mod read;
mod rows;
mod scripts;
mod survey;
mod unpack;
mod vetting;
mod write;

pub use codec::Format;
pub use error::Error;
pub use export::{Exported, ExportedRun, Request, export};
pub use import::{Imported, ImportedRun, import, make_store};
pub use leftovers::{Leftover, SET_ASIDE, State, end_leftovers, leftovers, set_aside};
pub use manifest::{ArchivedEntry, ArchivedRun, Kind, LeftOut, Manifest, Member, SCHEMA};
pub use place::{holds_entry, holds_run};
pub use read::{Archive, Limits};

/// Something that was not archived, or not brought in, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// A run's id, or an entry's path in the store.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Who asks, and whether he still wants it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The command line, for the audit log.
    pub command: &'a str,
    /// User and host.
    pub who: &'a str,
    /// Whether the user wants it to stop; asked before each piece that is read.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}
