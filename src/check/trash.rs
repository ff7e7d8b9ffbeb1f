//! What lies in the trash, and what rows say lies there.

use super::{Error, Finding, Findings, Kind, Mend, Session, Settings};
use crate::clean::{Fate, leftovers};
use crate::model::RunState;
use std::collections::HashSet;

/// Looks through the trash. Gives the number of operations in it.
pub(super) fn check(session: &Session, settings: &Settings<'_>, findings: &mut Findings) -> Result<u64, Error> {
    let path = session.store()?.path().join(".catalog").join("trash");
    let mut operations = HashSet::new();
    let mut lying = HashSet::new();
    for leftover in leftovers(session, settings)? {
        let here = path.join(&leftover.operation);
        let what = match &leftover.item {
            Some(item) => format!("{item} in the trash ({})", leftover.operation),
            None => format!("the operation {} in the trash", leftover.operation),
        };
        let (kind, says) = match &leftover.fate {
            Fate::PutBack => (Kind::TrashUndecided, "nobody had decided to remove it".to_owned()),
            Fate::Finish => (Kind::TrashUnfinished, "its removal was not finished".to_owned()),
            Fate::Unclear(why) => (Kind::TrashUnclear, why.clone()),
            Fate::Busy => (Kind::TrashBusy, "somebody is at work on it".to_owned()),
            Fate::Drop => (Kind::TrashEmpty, "nothing lies in it".to_owned()),
            Fate::Expire => (Kind::TrashExpired, "its time is over: the next clean removes it".to_owned()),
            Fate::Stay => {
                operations.insert(leftover.operation.clone());
                lying.extend(leftover.item.map(|item| (leftover.operation, item)));
                continue;
            }
        };
        if matches!(leftover.fate, Fate::Expire) {
            lying.extend(leftover.item.clone().map(|item| (leftover.operation.clone(), item)));
        }
        let mends = matches!(leftover.fate, Fate::PutBack | Fate::Finish | Fate::Drop);
        let finding = Finding::new(kind, format!("{what}: {says}")).at(here);
        findings.add(if mends { finding.mended_by(Mend::Recover) } else { finding });
        operations.insert(leftover.operation);
    }
    session.catalog.each_gone(|run, departed| {
        let (Some(operation), RunState::Trashed) = (&departed.operation, run.state) else { return Ok(()) };
        if !lying.contains(&(operation.clone(), run.id.to_string())) {
            let id = &run.id;
            let what = format!("{id} can be restored, says the catalog, and does not lie in the trash ({operation})");
            let mend = Mend::Forget(run.id.project.clone(), run.id.run.clone());
            findings.add(Finding::new(Kind::TrashMissing, what).at(path.join(operation)).mended_by(mend));
        }
        Ok(())
    })?;
    Ok(operations.len() as u64)
}
