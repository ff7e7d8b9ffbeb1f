//! What `operation.json` says, from the plan that is executed.

use super::super::plan::Plan;
use super::super::thinning::RunThinning;
use super::{Execution, hex};
use crate::model::Timestamp;
use crate::store::trash::{Description, EntryItem, JsonName, PartsItem, PieceItem, PlaceItem, RunItem};

pub(super) fn describe(plan: &Plan, execution: &Execution<'_>, id: &str, keep_until: Option<Timestamp>) -> Description {
    Description {
        schema: Description::SCHEMA.to_owned(),
        id: id.to_owned(),
        store_id: plan.store_id.clone(),
        started_at: plan.now,
        command: execution.command.to_owned(),
        policy: execution.policy.to_owned(),
        keep_until,
        runs: plan
            .runs
            .iter()
            .map(|run| RunItem {
                project: JsonName::new(run.id.project.as_bytes()),
                run: run.id.run.as_str().to_owned(),
                inode: run.fingerprint.map_or(0, |f| f.inode),
                manifest: run.fingerprint.map(|f| hex(&f.manifest)).unwrap_or_default(),
                size_bytes: run.size.size,
                disk_bytes: run.size.disk,
                reasons: run.reasons.to_vec(),
            })
            .collect(),
        entries: plan
            .cache
            .delete
            .iter()
            .map(|removal| EntryItem {
                project: JsonName::new(removal.entry.project.as_bytes()),
                path: JsonName::new(&removal.entry.path),
                inode: removal.entry.inode,
                size_bytes: removal.entry.size.size,
                disk_bytes: removal.entry.size.disk,
            })
            .collect(),
        parts: plan.thin.iter().map(parts_item).collect(),
    }
}

fn parts_item(thinning: &RunThinning) -> PartsItem {
    let run = &thinning.run;
    PartsItem {
        project: JsonName::new(run.id.project.as_bytes()),
        run: run.id.run.as_str().to_owned(),
        inode: run.fingerprint.map_or(0, |f| f.inode),
        parts: thinning.dropped.names().into_iter().map(str::to_owned).collect(),
        size_bytes: thinning.size.size,
        disk_bytes: thinning.size.disk,
        reasons: run.reasons.to_vec(),
        pieces: thinning
            .pieces
            .iter()
            .map(|piece| PieceItem { path: JsonName::new(&piece.path), inode: piece.inode })
            .collect(),
        places: thinning
            .places
            .iter()
            .map(|(path, mtime_ns)| PlaceItem { path: JsonName::new(path), mtime_ns: *mtime_ns })
            .collect(),
    }
}
