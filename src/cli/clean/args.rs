//! The arguments of `otto clean`.

use super::choice::ChoiceArgs;
use crate::cli::args::TEMPLATE;
use crate::cli::budgets::{BUDGETS, BudgetArgs};
use crate::cli::rules::{RULES, RuleArgs};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use otto_catalog::model::Age;
use otto_catalog::retention::Limit;
use otto_catalog::store::parts::Part;
use std::ffi::OsString;
use std::path::PathBuf;

/// Flags that select or keep something, beside those that state rules: a plan file says all of that itself.
const BESIDE_NO_PLAN: [&str; 18] = [
    "explain",
    "plan_out",
    "project",
    "project_filter",
    "status",
    "incomplete",
    "run",
    "all",
    "entry",
    "interactive",
    "allow_empty",
    "cache",
    "only",
    "cache_only",
    "cache_grace",
    "stale",
    "trash",
    "permanent",
];

/// Remove runs that no rule keeps, and cache entries that no run names
///
/// Shows a plan, asks, and executes that plan. A run is kept if any rule keeps it. Without flags, the policy of config.yml
/// in the store holds, or 30 days where there is none; a flag replaces its own rule. Running, recent and uncertain
/// runs stay whatever the flags say. What is removed cannot be restored, unless it goes to the trash: with --trash, or
/// `trash: { keep_days: 14 }` in config.yml.
///
/// AGE: a number is days; also 90s, 15min, 36h, 30d, 4w, 6mo, 1y, unlimited.
#[derive(Args, Clone, Debug, Default)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto clean --keep 30 --dry-run         what would go
  otto clean --dry-run --explain         and why every run goes or stays
  otto clean --keep 30 --cache           and then cache entries no run names
  otto clean --keep 30 --keep-last 10    but never the last ten of a project
  otto clean --keep 90 --keep-failed 7   failed runs sooner than the others
  otto clean --project web --keep 7      one project only
  otto clean --incomplete --keep 0       what was interrupted or lacks parts
  otto clean --run web:latest --cache    this run, and what only it named
  otto clean --cache-only                no run, only orphaned cache entries
  otto clean --only logs --keep 7        the runs stay, what they printed goes
  otto clean --keep 0 --keep-daily 7 --keep-monthly 12   a run a day, a month
  otto clean --keep 90 --max-size 5G     and the oldest, until the rest fits
  otto clean --keep 30 --trash           so that `otto undo` can bring it back
  otto clean --keep 30 --yes             without a question, as cron needs it
  otto clean --yes --max-delete 20%      not at all, if more than a fifth goes
  otto clean --keep 30 --plan-out p.json  write the plan down, to look at
  otto clean --apply p.json              and do exactly that")]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    #[command(flatten)]
    pub(crate) budgets: BudgetArgs,
    #[command(flatten)]
    pub(crate) choice: ChoiceArgs,
    /// Only this project: directory name, hash, the beginning of a hash (4 or more), or name
    #[arg(short, long, value_name = "P", help_heading = "Selection")]
    pub(crate) project: Option<OsString>,
    /// The runner's: every project whose directory name holds this
    #[arg(long, hide = true, value_name = "S", conflicts_with = "project", help_heading = "Selection")]
    pub(crate) project_filter: Option<OsString>,
    /// Keep the runs that the policy lets go and drop only these parts of them: what tasks printed, what scripts left behind,
    /// temporary files
    #[arg(long, value_name = "PART", value_delimiter = ',', value_parser = parts(), help_heading = "Selection",
        conflicts_with_all = ["cache", "cache_only", "cache_grace", "stale", "entry", "allow_empty",
            "keep_logs", "keep_artifacts"], conflicts_with_all = BUDGETS)]
    pub(crate) only: Vec<Part>,
    /// Also remove cache entries that no remaining run names
    #[arg(long, conflicts_with = "cache_only", help_heading = "Cache")]
    pub(crate) cache: bool,
    /// Remove cache entries that no run names, and no run
    #[arg(long, conflicts_with_all = ["keep_logs", "keep_artifacts"], conflicts_with_all = BUDGETS, help_heading = "Cache")]
    pub(crate) cache_only: bool,
    /// Keep cache entries younger than this [default: 1h]
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Cache")]
    pub(crate) cache_grace: Option<Age>,
    /// With --cache-only: also entries named only by runs that the policy would let go
    #[arg(long, requires = "cache_only", conflicts_with = "cache", help_heading = "Cache")]
    pub(crate) stale: bool,
    /// Keep what is removed in the trash, where `otto undo` finds it [default: as config.yml says, for 14 days]
    #[arg(long, conflicts_with = "permanent", help_heading = "Trash")]
    pub(crate) trash: bool,
    /// Delete for good, also where config.yml keeps a trash
    #[arg(long, help_heading = "Trash")]
    pub(crate) permanent: bool,
    /// Write all that goes into an archive in this directory first; what is not in it, read again and compared, stays
    #[arg(long, value_name = "DIR", conflicts_with = "plan_out", help_heading = "Trash")]
    pub(crate) archive: Option<PathBuf>,
    /// Refuse to remove more runs than so many, or than that share of those found
    #[arg(long, value_name = "N|P%", allow_hyphen_values = true)]
    pub(crate) max_delete: Option<Limit>,
    /// Say of every run why it goes or stays
    #[arg(long)]
    pub(crate) explain: bool,
    /// Write the plan to this file, delete nothing
    #[arg(long, value_name = "FILE", help_heading = "Plan files", conflicts_with_all = ["yes", "interactive"])]
    pub(crate) plan_out: Option<PathBuf>,
    /// Execute the plan in this file, nothing else; what changed since is skipped
    #[arg(long, value_name = "FILE", help_heading = "Plan files",
        conflicts_with_all = BESIDE_NO_PLAN, conflicts_with_all = RULES, conflicts_with_all = BUDGETS)]
    pub(crate) apply: Option<PathBuf>,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask; running, changed and uncertain runs stay all the same
    #[arg(short, long, alias = "force")]
    pub(crate) yes: bool,
    /// The runner's: here the tree decides what exists, with and without its database
    #[arg(long, hide = true)]
    pub(crate) no_db: bool,
    /// What other cleaners need before they delete; --dry-run beside it still changes nothing
    #[arg(long, hide = true)]
    pub(crate) no_dry_run: bool,
    /// Print JSON; needs --yes or --dry-run
    #[arg(long)]
    pub(crate) json: bool,
}

fn parts() -> impl clap::builder::TypedValueParser<Value = Part> {
    let parts = [Part::Logs, Part::Artifacts, Part::Temp];
    PossibleValuesParser::new(parts.map(Part::word))
        .map(move |word| parts.into_iter().find(|part| part.word() == word).unwrap_or(Part::Logs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_selects_or_keeps_stands_beside_a_plan_file() {
        /// What decides how a plan is executed, and not what is in it.
        const HOW: &[&str] =
            &["apply", "archive", "max_delete", "dry_run", "yes", "json", "confirm", "no_db", "no_dry_run"];
        let mut command = CleanArgs::augment_args(clap::Command::new("otto"));
        command.build();
        let apply = command.get_arguments().find(|flag| flag.get_id() == "apply").unwrap();
        let refused: Vec<&str> =
            command.get_arg_conflicts_with(apply).iter().map(|flag| flag.get_id().as_str()).collect();
        for flag in command.get_arguments().map(|flag| flag.get_id().as_str()) {
            let stands = HOW.contains(&flag) || flag == "help";
            assert!(stands != refused.contains(&flag), "--{flag} beside --apply: is it part of the plan?");
        }
    }
}
