//! The flags that state budgets, and the room that there is.

use super::Context;
use super::exit::Failure;
use super::ui::Ui;
use clap::Args;
use otto_catalog::clean::{self, BudgetPlan, Request, trash};
use otto_catalog::retention::{Budgets, Portion, Room};
use otto_catalog::session::{Error, Session};

/// Budgets as flags.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BudgetArgs {
    /// Also remove the oldest runs that rules keep, until all runs together take no more than this, like 5G or 5% of the
    /// disk. Never one that is pinned, running or among the last N
    #[arg(long, value_name = "SIZE|P%", allow_hyphen_values = true, help_heading = "Budgets")]
    pub(crate) max_size: Option<Portion>,
    /// The same, until there are no more runs than this
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = at_most, help_heading = "Budgets")]
    pub(crate) max_runs: Option<u64>,
    /// The same, until so much of the store's disk is free, like 10G or 5%, what lies in the trash counted as free; none,
    /// where all that may go would not be enough
    #[arg(long, value_name = "SIZE|P%", allow_hyphen_values = true, help_heading = "Budgets")]
    pub(crate) min_free: Option<Portion>,
}

/// The names of these flags: of use beside nothing that says itself which runs go, or that none do.
pub(crate) const BUDGETS: [&str; 3] = ["max_size", "max_runs", "min_free"];

impl BudgetArgs {
    /// The layer of budgets that they state.
    pub(crate) fn budgets(&self) -> Budgets {
        Budgets { max_size: self.max_size, max_runs: self.max_runs, min_free: self.min_free }
    }
}

/// A request with what its budgets must know: how much room there is, what lies in the trash, and what parts of runs free
/// that go in any case. No more than `most` runs are looked at for their parts.
///
/// # Errors
/// When the catalog cannot be read, or a run. A trash that cannot be read is told: then no budget asks for what is free.
pub(crate) fn informed(
    context: &Context<'_>,
    session: &Session,
    request: Request,
    most: usize,
) -> Result<Request, Failure> {
    let asks_trash = request.budgets.min_free.or(request.config.budgets().min_free).is_some();
    let request = Request { room: room(context, session, asks_trash)?, ..request };
    let parts = clean::parts_before_budgets(session, &context.settings, &request, most)?;
    Ok(Request { parts, ..request })
}

/// What is known of the room on the file system of a store.
fn room(context: &Context<'_>, session: &Session, with_trash: bool) -> Result<Room, Failure> {
    // First the trash: what somebody empties meanwhile is counted twice then, and never not at all.
    let trash = match with_trash.then(|| trash::measured(session, &context.settings)) {
        None => Ok(0),
        Some(Ok(size)) => Ok(size.disk),
        Some(Err(error @ Error::Io { .. })) => {
            Err(format!("what lies in the trash is not known: {}", Failure::from(error).text()))
        }
        Some(Err(error)) => return Err(error.into()),
    };
    let disk = match &session.root {
        None => Err("there is no store".to_owned()),
        Some(root) => root.space().map_err(|error| format!("the store's file system does not tell its size: {error}")),
    };
    Ok(Room { disk, trash })
}

/// Says which budgets were not asked: whoever set them relies on them.
pub(crate) fn tell_unasked(ui: &Ui, budgets: &[BudgetPlan]) {
    budgets.iter().filter_map(BudgetPlan::notice).for_each(|notice| ui.warning(&notice));
}

fn at_most(text: &str) -> Result<u64, String> {
    match super::args::count(text)? {
        0 => Err("0 lets no run stay: write how many may stay, from 1".to_owned()),
        count => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_is_among_the_budgets() {
        let command = BudgetArgs::augment_args(clap::Command::new("otto"));
        let flags: Vec<&str> = command.get_arguments().map(|flag| flag.get_id().as_str()).collect();
        assert_eq!(flags, BUDGETS);
    }
}
