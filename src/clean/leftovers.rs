//! What lies in the trash and what the next clean would do with each of it, without doing it.

use super::recover::{Verdict, error, name, open, verdict};
use crate::session::{Error, Session, Settings};

/// Something in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The operation that moved it there.
    pub operation: String,
    /// A run's id, or an entry's path in the store; `None` for the operation itself.
    pub item: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What the next clean would do with something in the trash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Put it back: nobody decided to remove it.
    PutBack,
    /// Finish its removal.
    Finish,
    /// Remove it, since its time is over.
    Expire,
    /// Leave it until its time is over.
    Stay,
    /// Leave it alone: it fits no rule.
    Unclear(String),
    /// Leave it to whoever works on it.
    Busy,
    /// Drop the operation: nothing lies in it.
    Drop,
}

/// Everything that lies in the trash.
///
/// # Errors
/// When the trash cannot be listed, the catalog's.
pub fn leftovers(session: &Session, settings: &Settings<'_>) -> Result<Vec<Leftover>, Error> {
    let mut found = Vec::new();
    let Some(trash) = open(session, settings)? else { return Ok(found) };
    for id in trash.names().map_err(error("list", session))? {
        let whole = |fate: Fate| Leftover { operation: id.clone(), item: None, fate };
        let operation = match trash.resume(&id) {
            Ok(Some(operation)) => operation,
            Ok(None) => {
                found.push(whole(Fate::Busy));
                continue;
            }
            Err(cause) => {
                found.push(whole(Fate::Unclear(format!("it cannot be read: {cause}"))));
                continue;
            }
        };
        let lying = match operation.lying() {
            Ok(lying) => lying,
            Err(cause) => {
                found.push(whole(Fate::Unclear(format!("it cannot be listed: {cause}"))));
                continue;
            }
        };
        if lying.is_empty() {
            found.push(whole(Fate::Drop));
        }
        for lying in lying {
            let fate = match verdict(session, settings, &operation, &lying)? {
                Verdict::PutBack => Fate::PutBack,
                Verdict::Finish => Fate::Finish,
                Verdict::Expire(_) => Fate::Expire,
                Verdict::Leave => Fate::Stay,
                Verdict::Report(why) => Fate::Unclear(why),
            };
            found.push(Leftover { operation: id.clone(), item: Some(name(&lying)), fate });
        }
    }
    Ok(found)
}
