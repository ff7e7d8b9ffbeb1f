//! What a log tells of runs that their trees do not tell any more, before the trees are looked at.

use super::line::{Event, Line, RunRow};
use super::reader::Reader;
use crate::catalog::{self, KeptEvidence, KeptTask, RunRecord};
use crate::model::{Dropped, DurationSource, ProjectDir};
use std::collections::HashMap;

/// What a log tells of runs of which parts were dropped, or that came out of an archive, by project and run directory: what their rows said before.
pub fn thinned(reader: &mut Reader) -> HashMap<(ProjectDir, String), catalog::ThinnedRun> {
    // By operation, since one may have been undone; in the order of the log, whose ids are not in order within a second.
    type Told = Vec<(String, catalog::ThinnedRun)>;
    let mut told: HashMap<(ProjectDir, String), Told> = HashMap::new();
    let tell = |told: &mut HashMap<_, Told>, name, operation: &str, known| {
        let of_name = told.entry(name).or_default();
        of_name.retain(|(by, _)| by != operation);
        of_name.push((operation.to_owned(), known));
    };
    while let Some((_, Line { head, event })) = reader.next_line() {
        match event {
            Event::Thinned(thinned) => {
                for run in thinned.runs {
                    let (Some(project), Some(row)) = (run.run.project(), &run.row) else { continue };
                    let Some(record) = row.record(0) else { continue };
                    let known = known(record, &run.parts);
                    tell(&mut told, (project, run.run.run), &head.operation, known);
                }
            }
            Event::Imported(imported) => {
                for run in imported.runs {
                    let (Some(project), Some(known)) = (run.row.name().project(), told_of(&run)) else { continue };
                    tell(&mut told, (project, run.row.run), &head.operation, known);
                }
            }
            Event::Restored(restored) => {
                let Some(by) = restored.removed_by else { continue };
                for name in restored.thinned {
                    let Some(project) = name.project() else { continue };
                    if let Some(known) = told.get_mut(&(project, name.run)) {
                        known.retain(|(operation, _)| *operation != by);
                    }
                }
            }
            _ => {}
        }
    }
    // Every line has what was known before the first of them; the last run of that name is the one that may be there.
    let joined = told.into_iter().filter_map(|(name, known)| {
        let (_, last) = known.last()?.clone();
        let alike = known.iter().filter(|(_, one)| one.inode == last.inode);
        let dropped = alike.fold(0, |bits, (_, one)| bits | one.dropped.bits());
        Some((name, catalog::ThinnedRun { dropped: Dropped::from_bits(dropped), ..last }))
    });
    joined.collect()
}

/// What is told of a run that came out of an archive.
pub(super) fn told_of(run: &RunRow) -> Option<catalog::ThinnedRun> {
    Some(known(run.row.record(0)?, &run.dropped))
}

fn known(record: RunRecord, dropped: &[String]) -> catalog::ThinnedRun {
    let tasks = record.tasks.iter().filter_map(|task| {
        Some(KeptTask {
            name: task.name.clone(),
            status: task.runner_status?,
            exit_code: task.exit_code,
            started_at: task.started_at,
            ended_at: task.ended_at,
            duration_ms: task.duration_ms.filter(|_| task.duration_source == Some(DurationSource::RunnerDb)),
            dir: task.dir.clone(),
        })
    });
    catalog::ThinnedRun {
        inode: record.inode,
        dropped: Dropped::from_names(dropped.iter().map(String::as_str)),
        status: record.status,
        status_source: record.status_source,
        duration_ms: record.duration_ms,
        duration_source: record.duration_source,
        evidence: record.runner.map(|run| KeptEvidence { run, tasks: tasks.collect() }),
        context: record.context.unwrap_or_default(),
        tasks: record.tasks,
    }
}
