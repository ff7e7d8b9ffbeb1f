//! The policy in force, each value with what sets it; and two policies side by side.

use crate::clean::{Plan, ProjectPlan};
use crate::report::Labels;
use crate::report::layout::Step::LeaveOut;
use crate::report::layout::{Cell, Columns};
use crate::report::table;
use crate::report::text::{Look, bytes, printable, times};
use crate::report::view::only_in;
use crate::retention::{Config, KeyChange, Policy, Stated};
use std::fmt::{self, Write};

/// A line of a rule that is longer is broken before its source.
const WIDTH: usize = 60;

/// Runs that are named of those that differ.
const SHOWN: usize = 10;

/// So many projects for which nothing else holds are named; more are counted.
const SAME: usize = 3;

/// Writes the policy of projects without rules of their own, of each that has some, and what holds for the store.
///
/// # Errors
/// Those of `out`.
pub fn retention(default: &Policy, projects: &[ProjectPlan], config: &Config, out: &mut dyn Write) -> fmt::Result {
    writeln!(out, "Every project without a key of its own:")?;
    rules(default, out)?;
    let (same, others): (Vec<&ProjectPlan>, Vec<_>) = projects.iter().partition(|plan| plan.policy == *default);
    let named = |plan: &ProjectPlan| printable(&plan.project.dir.lossy()).into_owned();
    if same.len() > SAME {
        writeln!(out, "  the same for {} here", times(same.len() as u64, "project"))?;
    } else {
        same.iter().try_for_each(|plan| writeln!(out, "{}:\n  the same", named(plan)))?;
    }
    for plan in others {
        writeln!(out, "{}:", named(plan))?;
        rules(&plan.policy, out)?;
    }
    writeln!(out, "The whole store:")?;
    for setting in config.stated_budgets().into_iter().chain(config.stated_of_store()) {
        line(setting.key(), setting.value.as_deref().unwrap_or("none"), setting.source(), out)?;
    }
    Ok(())
}

fn rules(policy: &Policy, out: &mut dyn Write) -> fmt::Result {
    for Stated { rule, value, source } in policy.stated() {
        line(rule.key(), &value, &source, out)?;
    }
    Ok(())
}

/// A value, and what sets it.
fn line(key: &str, value: &str, source: &str, out: &mut dyn Write) -> fmt::Result {
    let (value, source) = (printable(value), printable(source));
    let line = format!("  {key}: {value}");
    let apart = if line.chars().count() + source.chars().count() + 3 > WIDTH { "\n     " } else { "" };
    writeln!(out, "{line}{apart} ({source})")
}

/// Writes which keys of `config.yml` change, from what to what.
///
/// # Errors
/// Those of `out`.
pub fn changes(changes: &[KeyChange], out: &mut dyn Write) -> fmt::Result {
    for KeyChange { key, before, after } in changes {
        let (key, before) = (printable(key), printable(before.as_deref().unwrap_or("not set")));
        let values = format!("{before} -> {}", printable(after));
        let apart = if key.chars().count() + values.chars().count() + 2 > WIDTH { "\n   " } else { "" };
        writeln!(out, "{key}:{apart} {values}")?;
    }
    Ok(())
}

/// Writes what two policies let go, side by side, and what differs.
///
/// # Errors
/// Those of `out`.
pub fn simulation(
    configured: &Plan,
    simulated: &Plan,
    labels: &Labels,
    look: &Look,
    out: &mut dyn Write,
) -> fmt::Result {
    let pairs = configured.projects.iter().zip(&simulated.projects);
    let cells = pairs.map(|(a, b)| {
        let figures = [&a.lets_go, &b.lets_go].map(|goes| [goes.count.to_string(), bytes(goes.size.disk)]);
        let label = labels.label(&a.project.dir).into_owned();
        std::iter::once(label).chain(figures.into_iter().flatten()).map(Cell::from).collect()
    });
    let columns = Columns::new(&["PROJECT", "GO NOW", "SIZE", "GO THEN", "SIZE"], &[1, 2, 3, 4])
        .then(&[LeaveOut(2), LeaveOut(4)]);
    table::write_fitted(&columns, &cells.collect::<Vec<_>>(), look, "", out)?;
    for (name, plan) in [("as configured", configured), ("simulated", simulated)] {
        writeln!(out, "{name}: {} ({})", times(plan.removes.count, "run"), bytes(plan.removes.size.disk))?;
    }
    for (one, other, name) in
        [(configured, simulated, "go only as configured"), (simulated, configured, "go only as simulated")]
    {
        let ids = only_in(one, other);
        writeln!(out, "{name}: {}", times(ids.len() as u64, "run"))?;
        for id in ids.iter().take(SHOWN) {
            writeln!(out, "  {}", printable(id))?;
        }
        if ids.len() > SHOWN {
            writeln!(out, "  ... and {} more", ids.len() - SHOWN)?;
        }
    }
    Ok(())
}
