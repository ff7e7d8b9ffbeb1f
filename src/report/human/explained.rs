//! Every run of a plan with its verdict and all reasons, by project: what stays as well as what goes.

use crate::clean::{Plan, RunThinning};
use crate::model::{HumanBytes, ProjectDir, RunId};
use crate::report::text::{Look, Paint, hanging, printable, times, wrapped};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::{self, Write};

/// What a plan says of one run.
struct Verdict<'p> {
    id: &'p RunId,
    /// What it takes, where it goes.
    goes: Option<HumanBytes>,
    reasons: &'p [String],
    /// What goes of one that stays.
    thins: Option<&'p RunThinning>,
}

/// Writes every verdict of a plan that was made with details, the newest run of each project first.
pub(super) fn explained(plan: &Plan, look: &Look, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "\n{}", look.paint(Paint::Heading, "Every run, and why"))?;
    let mut by_project: HashMap<&ProjectDir, Vec<Verdict<'_>>> = HashMap::new();
    let goes = plan.runs.iter().map(|run| {
        let goes = Some(HumanBytes(run.size.disk));
        Verdict { id: &run.id, goes, reasons: &run.reasons, thins: None }
    });
    let thins: HashMap<&RunId, &RunThinning> = plan.thin.iter().map(|one| (&one.run.id, one)).collect();
    let stays = plan.kept.iter().map(|run| {
        let thins = thins.get(&run.id).copied();
        Verdict { id: &run.id, goes: None, reasons: &run.reasons, thins }
    });
    for verdict in goes.chain(stays) {
        by_project.entry(&verdict.id.project).or_default().push(verdict);
    }
    for project in &plan.projects {
        let dir = &project.project.dir;
        let mut verdicts = by_project.remove(dir).unwrap_or_default();
        verdicts.sort_by_key(|verdict| Reverse((verdict.id.run.timestamp(), verdict.id.run.number())));
        let go = verdicts.iter().filter(|verdict| verdict.goes.is_some()).count();
        let runs = times(verdicts.len() as u64, "run");
        let thinned = match verdicts.iter().filter(|verdict| verdict.thins.is_some()).count() {
            0 => String::new(),
            n => format!(", parts of {n}"),
        };
        let text = format!("{}: {runs}, {go} of them go{thinned}", printable(&dir.lossy()));
        hanging(&text, look, ("", "  "), out)?;
        for verdict in verdicts {
            let (run, age) = (verdict.id.run.as_str(), look.ago(verdict.id.run.timestamp()));
            match verdict.goes {
                Some(size) => writeln!(out, "  goes   {run}  {age}  {size}")?,
                None => writeln!(out, "  stays  {run}  {age}")?,
            }
            for reason in verdict.reasons {
                wrapped(reason, look, "         ", out)?;
            }
            if let Some(thins) = verdict.thins {
                writeln!(out, "  thins  {}  {}", thins.dropped, HumanBytes(thins.size.disk))?;
                for reason in thins.run.reasons.iter() {
                    wrapped(reason, look, "         ", out)?;
                }
            }
        }
    }
    Ok(())
}
