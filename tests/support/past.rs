//! What a catalog says of the past, as lines: runs that are gone with their tasks, pins, tags, operations.

use otto_catalog::catalog::Catalog;
use otto_catalog::model::RunState;

/// Everything that a catalog made anew takes from the audit log. Runs that vanished are not in the log: they are left out
/// unless asked for.
pub(crate) fn past(catalog: &Catalog, with_vanished: bool) -> Vec<String> {
    let mut lines = Vec::new();
    catalog
        .each_gone(|run, departed| {
            if run.state == RunState::Vanished && !with_vanished {
                return Ok(());
            }
            let whole = catalog.whole_run(&run)?;
            lines.push(format!(
                "{} {} {departed:?} {} {} {:?} {:?} {}/{} {} {:?} {:?} {:?} {:?}",
                run.id,
                run.state.word(),
                run.status,
                run.status_source,
                run.duration_ms,
                run.duration_source,
                run.tasks_failed,
                run.tasks_total,
                run.missing,
                run.size,
                run.context,
                whole.fingerprint,
                whole.runner,
            ));
            lines.push(format!("{} written {:?} ended {}", run.id, whole.newest_write_ns, run.end_known));
            for (task, said) in whole.tasks {
                let name = String::from_utf8_lossy(&task.name).into_owned();
                lines.push(format!("{}/{name} {task:?} {said:?}", run.id));
            }
            Ok(())
        })
        .unwrap();
    for run in catalog.marked_runs().unwrap() {
        lines.push(format!("{} pinned {} {:?} {:?}", run.id, run.pinned, catalog.pin(run.key).unwrap(), run.tags));
    }
    lines.sort();
    lines
}
