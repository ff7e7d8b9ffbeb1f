//! Questions for checking a catalog: whether its file is sound, whether its sums are those of its rows, and its rows as
//! texts, to be held against those of another catalog. They read everything, a page at a time.

mod facts;
mod integrity;
mod sums;

pub use facts::{EntryFacts, Facts, ProjectFacts, RunFacts};
pub use sums::SumDifference;
