//! The clock that lies: one that is earlier than what was recorded by it stops every command that deletes.
//!
//! Ages, grace and signs of life are all judged by one clock. If that went back, a run that is being written looks like
//! one from the future, and what is recorded is dated wrongly. So the catalog holds the latest instant at which the store
//! was indexed or something was removed, and a look never lowers it: who only reads under a wrong clock takes nothing
//! away. `otto index` does: it says that this clock is right. Where the catalog was lost, the last line of the audit log
//! tells the time. A clock that is ahead cannot be told from a store at rest.

use super::{Access, Error, Notice, Session, Settings};
use crate::audit;
use crate::model::{DAY, Timestamp};

/// How much earlier a clock may be: machines of one home may differ by a zone, and clocks are set right by minutes.
const SLACK: Timestamp = DAY.cast_signed();

impl Session {
    /// Whether the clock may be trusted to judge what goes.
    ///
    /// # Errors
    /// [`Error::ClockWentBack`], the catalog's.
    pub fn check_clock(&self, settings: &Settings<'_>) -> Result<(), Error> {
        let recorded = self.catalog.store_state()?.refreshed_at;
        let now = settings.clock.now;
        if now < recorded.saturating_sub(SLACK) {
            return Err(Error::ClockWentBack { now, recorded });
        }
        Ok(())
    }

    /// A catalog that was made from nothing dates the store by what the audit log says, unless the user means this clock.
    pub(super) fn recall_clock(&mut self, access: Access) -> Result<(), Error> {
        let explicit = matches!(access, Access::Index { .. } | Access::Rebuild);
        let Some(last) = self.directory().filter(|_| !explicit).and_then(audit::last_instant) else { return Ok(()) };
        let mut tx = self.catalog.begin()?;
        tx.put_refreshed_at(last)?;
        Ok(tx.commit()?)
    }

    /// Takes the clock as it is, also when it went back: the user indexed by it.
    pub(super) fn accept_clock(&mut self, settings: &Settings<'_>) -> Result<(), Error> {
        let recorded = self.catalog.store_state()?.refreshed_at;
        let now = settings.clock.now;
        if now == recorded {
            return Ok(());
        }
        let mut tx = self.catalog.begin()?;
        tx.set_refreshed_at(now)?;
        tx.commit()?;
        if now < recorded.saturating_sub(SLACK) {
            self.notices.push(Notice::ClockSetBack { now, recorded });
        }
        Ok(())
    }
}
