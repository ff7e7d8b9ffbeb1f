//! What recovery would do, without doing it.

use super::recover::{Verdict, error, open, verdict};
use crate::archive::{self, State};
use crate::session::{Error, Session, Settings};

/// What recovery would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Items to put back.
    pub put_back: u64,
    /// Items whose removal is to be finished.
    pub finish: u64,
    /// Items whose time in the trash is over.
    pub expire: u64,
    /// Stopped imports of which something is in the store, or that cannot be ended: the catalog may not know yet what keeps
    /// their runs.
    pub imports: Vec<archive::Leftover>,
}

/// What recovery would do, without doing it.
///
/// # Errors
/// When the trash cannot be read.
pub fn pending(session: &Session, settings: &Settings<'_>) -> Result<Pending, Error> {
    let mut imports = archive::leftovers(session);
    imports.retain(|import| !matches!(import.state, State::Nothing));
    let mut pending = Pending { imports, ..Pending::default() };
    let Some(trash) = open(session, settings)? else { return Ok(pending) };
    for id in trash.names().map_err(error("list", session))? {
        let Ok(Some(operation)) = trash.resume(&id) else { continue };
        for lying in operation.lying().unwrap_or_default() {
            match verdict(session, settings, &operation, &lying)? {
                Verdict::PutBack => pending.put_back += 1,
                Verdict::Finish => pending.finish += 1,
                Verdict::Expire(_) => pending.expire += 1,
                Verdict::Leave | Verdict::Report(_) => {}
            }
        }
    }
    Ok(pending)
}
