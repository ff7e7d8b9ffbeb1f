//! The flags that state rules of retention: the same, with the same meaning, for every command that judges runs.

use super::args::count;
use clap::Args;
use otto_catalog::model::Age;
use otto_catalog::retention::Rules;

/// The names of all of these flags, for those that no rule can stand beside.
pub(crate) const RULES: [&str; 7] =
    ["keep", "keep_last", "keep_failed", "keep_unresolved", "strict_status", "keep_logs", "keep_artifacts"];

/// Rules of retention as flags.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RuleArgs {
    /// Keep runs up to this age
    #[arg(long, aliases = ["keep-days", "days", "older-than"], value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep: Option<Age>,
    /// Keep the newest N of each project, whatever their age
    #[arg(long, alias = "keep-recent", value_name = "N", allow_hyphen_values = true, value_parser = count, help_heading = "Rules")]
    pub(crate) keep_last: Option<u64>,
    /// Keep failed and interrupted runs up to this age instead
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_failed: Option<Age>,
    /// Keep a failed run until what failed in it has succeeded in a later run of its project
    #[arg(long, help_heading = "Rules")]
    pub(crate) keep_unresolved: bool,
    /// Treat a status that rests on stderr alone as unknown
    #[arg(long, help_heading = "Rules")]
    pub(crate) strict_status: bool,
    /// Of runs that stay, keep what their tasks printed up to this age
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_logs: Option<Age>,
    /// Of runs that stay, keep what their scripts left behind up to this age
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_artifacts: Option<Age>,
}

impl RuleArgs {
    /// The layer of rules that they state.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            keep: self.keep,
            keep_failed: self.keep_failed,
            keep_last: self.keep_last,
            strict_status: self.strict_status.then_some(true),
            keep_unresolved: self.keep_unresolved.then_some(true),
            keep_logs: self.keep_logs,
            keep_artifacts: self.keep_artifacts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_among_the_rules() {
        let command = RuleArgs::augment_args(clap::Command::new("otto"));
        let flags: Vec<&str> = command.get_arguments().map(|flag| flag.get_id().as_str()).collect();
        assert_eq!(flags, RULES);
    }
}
