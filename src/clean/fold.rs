//! Rows of runs that left long ago: folded into the daily sums that are kept anyway, and their pages given back.
//!
//! The audit log still has them. A catalog that is made anew from it has them again until they are folded again.

use crate::model::Age;
use crate::session::{Error, Session, Settings};
use crate::store::trash::Trash;

/// What folding did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Rows of runs that are folded.
    pub runs: u64,
    /// Whether pages were given back to the file system.
    pub shrunk: bool,
}

/// Folds the rows of runs that left longer ago than `keep`. Takes the store's lock if it is not held.
///
/// # Errors
/// The lock is not to be had, or the catalog cannot be written; what was folded before stays so.
pub fn fold(session: &mut Session, settings: &Settings<'_>, keep: Age) -> Result<Folded, Error> {
    let before = keep.before(settings.clock.now);
    let mut folded = Folded::default();
    if !session.catalog.is_on_disk() || !session.catalog.has_left_before(before)? {
        return Ok(folded);
    }
    session.lock_again(settings)?;
    let lying = lying(session, settings)?;
    loop {
        let mut tx = session.catalog.begin()?;
        let runs = tx.fold_runs(before, &lying)?;
        if runs == 0 {
            tx.fold_entries(before, &lying)?;
        }
        tx.commit()?;
        folded.runs += runs;
        if runs == 0 {
            break;
        }
    }
    // Without room to write the file anew it stays as large as it is.
    folded.shrunk = folded.runs > 0 && session.catalog.give_back_pages().unwrap_or(false);
    Ok(folded)
}

/// The operations of which something lies in the trash.
fn lying(session: &Session, settings: &Settings<'_>) -> Result<Vec<String>, Error> {
    let error = |source| Error::Io { act: "list the trash in", path: settings.home.join(".catalog"), source };
    let Some(directory) = session.directory() else { return Ok(Vec::new()) };
    match Trash::open_if_there(directory, &settings.hook).map_err(error)? {
        Some(trash) => trash.names().map_err(error),
        None => Ok(Vec::new()),
    }
}
