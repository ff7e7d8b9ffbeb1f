//! The store's id: beside the catalog, so that plan files are still known for ours after the catalog was lost.

use super::{Error, Session, Settings};
use crate::store::identity;

impl Session {
    /// The store's id, by which plan files name it, written down where it survives the catalog.
    ///
    /// # Errors
    /// The catalog's.
    pub fn store_id(&self, settings: &Settings<'_>) -> Result<String, Error> {
        let id = self.catalog.store_state()?.store_id;
        if self.directory().is_some_and(|directory| identity::read(directory).is_none()) {
            self.write_store_id(settings, &id);
        }
        Ok(id)
    }

    /// With the lock held: catalog and store have one id. A catalog from elsewhere takes that of the store.
    pub(super) fn keep_store_id(&mut self, settings: &Settings<'_>) -> Result<(), Error> {
        let known = self.store_id(settings)?;
        match self.directory().and_then(identity::read) {
            Some(id) if id != known => {
                let mut tx = self.catalog.begin()?;
                tx.put_store_id(&id)?;
                Ok(tx.commit()?)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn write_store_id(&self, settings: &Settings<'_>, id: &str) {
        if let Some(directory) = self.directory() {
            // Where there is no room for it now, the catalog holds it, and the next command tries again.
            let _ = identity::write(&settings.hook, directory, id);
        }
    }
}
