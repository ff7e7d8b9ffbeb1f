//! Whether the file of a catalog is sound.

use super::super::error::Result;
use super::super::open::Catalog;

/// So many faults are told; one damaged page has many.
const MOST: i64 = 20;

impl Catalog {
    /// What SQLite finds wrong with the file: pages, indexes, constraints. Empty when it is sound.
    ///
    /// # Errors
    /// The catalog's, when the file cannot be read at all.
    pub fn integrity_faults(&self) -> Result<Vec<String>> {
        let act = "check the file";
        let mut faults = Vec::new();
        self.connection
            .pragma(None, "integrity_check", MOST, |row| {
                faults.push(row.get::<_, String>(0)?);
                Ok(())
            })
            .map_err(self.error(act))?;
        faults.retain(|fault| fault != "ok");
        Ok(faults)
    }

    /// Rows that refer to a row that is not there, by table and the table they refer to, with their number.
    ///
    /// # Errors
    /// The catalog's.
    pub fn foreign_key_faults(&self) -> Result<Vec<(String, String, u64)>> {
        let act = "check references between rows";
        let mut faults: Vec<(String, String, u64)> = Vec::new();
        self.connection
            .pragma_query(None, "foreign_key_check", |row| {
                let (table, parent): (String, String) = (row.get("table")?, row.get("parent")?);
                match faults.iter_mut().find(|(t, p, _)| *t == table && *p == parent) {
                    Some((.., count)) => *count += 1,
                    None => faults.push((table, parent, 1)),
                }
                Ok(())
            })
            .map_err(self.error(act))?;
        Ok(faults)
    }
}
