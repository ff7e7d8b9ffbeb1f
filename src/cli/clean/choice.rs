//! Which runs and cache entries a clean is about: the flags that narrow the policy, or stand in for it.

use crate::cli::args::status_words;
use crate::cli::budgets::BUDGETS;
use crate::cli::exit::{Exit, Failure};
use crate::cli::rules::RULES;
use crate::cli::select;
use clap::Args;
use clap::builder::PossibleValuesParser;
use otto_catalog::catalog::Catalog;
use otto_catalog::clean::{Choice, Narrowing};
use otto_catalog::model::{Project, Status, Statuses};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Read as _};

/// The word that stands for all runs, typed or as a flag.
pub(crate) const WORD: &str = "DELETE";

/// Statuses that a run which may go can have: one that is running never goes.
const ENDED: &[Status] = &[Status::Success, Status::Failed, Status::Interrupted, Status::Unknown];

/// Flags that choose runs and entries.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ChoiceArgs {
    /// Only runs with this status, or one of several: --status failed,interrupted, or the flag again
    #[arg(short, long, value_name = "S", value_delimiter = ',', value_parser = status_words(ENDED), help_heading = "Selection")]
    pub(crate) status: Vec<Status>,
    /// Only interrupted runs, and those that lack a part which their version of the runner writes
    #[arg(long, alias = "incomplete-only", help_heading = "Selection")]
    pub(crate) incomplete: bool,
    /// These runs, whatever the policy says: id, timestamp or the beginning of one, latest, latest-N, PROJECT:latest; -
    /// reads them from standard input, one a line
    #[arg(long, alias = "run-id", value_name = "RUN", num_args = 1.., help_heading = "Selection",
        conflicts_with_all = RULES, conflicts_with_all = BUDGETS, conflicts_with_all = ["all", "status", "incomplete", "project", "project_filter", "cache_only"])]
    pub(crate) run: Vec<OsString>,
    /// All runs, whatever the policy says; needs the word DELETE
    #[arg(long, help_heading = "Selection", conflicts_with_all = RULES, conflicts_with_all = BUDGETS,
        conflicts_with_all = ["cache_only"])]
    pub(crate) all: bool,
    /// These cache entries, and no run but those of --run; an entry that a run names which stays is refused; - reads them
    /// from standard input
    #[arg(long, value_name = "PROJECT/NAME", num_args = 1.., help_heading = "Selection",
        conflicts_with_all = RULES, conflicts_with_all = BUDGETS, conflicts_with_all = ["all", "status", "incomplete", "project", "project_filter", "cache", "cache_only"])]
    pub(crate) entry: Vec<OsString>,
    /// Ask about each run: yes, no, all that follow, quit
    #[arg(short, long, help_heading = "Selection", conflicts_with_all = ["yes", "json", "cache_only"])]
    pub(crate) interactive: bool,
    /// Let a selection take the last runs of a project
    #[arg(long, help_heading = "Selection")]
    pub(crate) allow_empty: bool,
    /// With --all and --yes: the word DELETE, as it would be typed on a terminal
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new([WORD]), help_heading = "Selection")]
    pub(crate) confirm: Option<String>,
}

/// What the flags mean in a store.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) narrow: Narrowing,
    /// Rows of the entries named.
    pub(super) entries: Vec<i64>,
    /// Rows of the projects that it is about; `None` is all.
    pub(super) projects: Option<Vec<i64>>,
}

impl ChoiceArgs {
    /// Whether runs or entries were named: then nothing else goes.
    pub(super) fn names(&self) -> bool {
        !self.run.is_empty() || !self.entry.is_empty()
    }

    /// What stands on standard input, where a flag says that names stand there: read before the store is opened, since
    /// whoever writes them may look into it.
    pub(super) fn read_input(&self) -> Result<Vec<u8>, Failure> {
        let reads = |words: &[OsString]| words.iter().any(|word| word == select::STDIN);
        let (runs, entries) = (reads(&self.run), reads(&self.entry));
        if runs && entries {
            return Err(Failure::usage("`--run -` and `--entry -` cannot both read standard input"));
        }
        let mut input = Vec::new();
        if runs || entries {
            io::stdin().lock().read_to_end(&mut input).map_err(|error| {
                let error = anyhow::Error::new(error).context("cannot read the names from standard input");
                Failure::new(Exit::CouldNot, error)
            })?;
        }
        Ok(input)
    }

    /// Finds what the words mean.
    pub(super) fn resolve(
        &self,
        catalog: &Catalog,
        projects: Option<Vec<Project>>,
        input: &[u8],
    ) -> Result<Chosen, Failure> {
        if !self.names() {
            let choice = if self.all { Choice::All } else { Choice::Policy };
            let statuses = Statuses::any_of(&self.status);
            return Ok(Chosen {
                narrow: Narrowing { choice, statuses, incomplete: self.incomplete, agreed: None },
                entries: Vec::new(),
                projects: projects.map(|projects| projects.iter().map(|p| p.id).collect()),
            });
        }
        let runs = select::runs(catalog, &self.run, &mut &*input)?;
        let entries = select::entries(catalog, &self.entry, &mut &*input)?;
        let projects: HashSet<i64> =
            runs.iter().map(|run| run.project_key).chain(entries.iter().map(|e| e.project_key)).collect();
        Ok(Chosen {
            narrow: Narrowing {
                choice: Choice::Named(runs.iter().map(|run| run.key).collect()),
                ..Narrowing::default()
            },
            entries: entries.iter().map(|entry| entry.key).collect(),
            projects: Some(projects.into_iter().collect()),
        })
    }
}
