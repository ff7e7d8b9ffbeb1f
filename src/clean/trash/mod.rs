//! The trash as its user meets it: what lies there, bringing it back, and letting it go.
//!
//! **Restoring** is a rename back into the place, refusing to replace; before it, the cache entries that the run names get
//! their names again where they are missing. No row is written: the refresh that follows finds the run in its place and
//! writes it as it does any run, with sums and references, on the row that it always had, so pins and tags are there too.
//!
//! | step | row | in place | in the trash | after a crash here |
//! |---|---|---|---|---|
//! | 1 cache entries get their names again | trashed | - | yes | nothing to do: restore again, or it waits on |
//! | 2 rename back | trashed | yes | - | present again, by the next refresh |
//! | 3 refresh | present | yes | - | the companions go with the next recovery |
//!
//! **Emptying** commits that the items are on their way out, notes that, and unlinks; a crash after the commit leaves what
//! recovery finishes.

mod contents;
mod empty;
mod restoration;
mod restore;

pub use crate::store::trash::Lying;
pub use contents::{Content, Contents, Item, ItemState, contents, measured};
pub use empty::{Emptying, empty, plan_empty};
pub use restoration::{Part, Restoration, Wanted, last_operation, plan_restore};
pub use restore::{Restored, restore};
