//! The flags that state rules of retention: the same, with the same meaning, for every command that judges runs.

use super::args::count;
use clap::Args;
use otto_catalog::model::Age;
use otto_catalog::retention::{Rules, UNLIMITED, is_a_tag_list};

/// The names of all of these flags, for those that no rule can stand beside.
pub(crate) const RULES: [&str; 15] = [
    "keep",
    "keep_last",
    "keep_failed",
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
    "keep_within",
    "keep_tag",
    "keep_last_success",
    "keep_unresolved",
    "strict_status",
    "keep_logs",
    "keep_artifacts",
];

/// Rules of retention as flags.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RuleArgs {
    /// Keep runs up to this age; or unlimited
    #[arg(long, aliases = ["keep-days", "days", "older-than"], value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep: Option<Age>,
    /// Keep the newest N of each project, whatever their age
    #[arg(long, alias = "keep-recent", value_name = "N", allow_hyphen_values = true, value_parser = count, help_heading = "Rules")]
    pub(crate) keep_last: Option<u64>,
    /// Keep failed and interrupted runs up to this age instead
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_failed: Option<Age>,
    /// Keep the newest run of each of the last N hours that have runs, as the local clock has them; or unlimited
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = stretches, help_heading = "Rules")]
    pub(crate) keep_hourly: Option<u64>,
    /// The same for days
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = stretches, help_heading = "Rules")]
    pub(crate) keep_daily: Option<u64>,
    /// The same for weeks, which begin on Monday
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = stretches, help_heading = "Rules")]
    pub(crate) keep_weekly: Option<u64>,
    /// The same for months
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = stretches, help_heading = "Rules")]
    pub(crate) keep_monthly: Option<u64>,
    /// The same for years
    #[arg(long, value_name = "N", allow_hyphen_values = true, value_parser = stretches, help_heading = "Rules")]
    pub(crate) keep_yearly: Option<u64>,
    /// Keep runs up to this age, counted back from the newest run of the project
    #[arg(long, value_name = "AGE", allow_hyphen_values = true, help_heading = "Rules")]
    pub(crate) keep_within: Option<Age>,
    /// Keep runs with this tag, whatever their age; of T,T those with both. May be given again
    #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = tag_list, help_heading = "Rules")]
    pub(crate) keep_tag: Vec<String>,
    /// Keep the last run of each project that succeeded
    #[arg(long, help_heading = "Rules")]
    pub(crate) keep_last_success: bool,
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
            newest_of: [self.keep_hourly, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly],
            keep_within: self.keep_within,
            keep_tag: Some(self.keep_tag.clone()).filter(|tags| !tags.is_empty()),
            keep_last_success: self.keep_last_success.then_some(true),
            strict_status: self.strict_status.then_some(true),
            keep_unresolved: self.keep_unresolved.then_some(true),
            keep_logs: self.keep_logs,
            keep_artifacts: self.keep_artifacts,
        }
    }
}

/// Reads a number of hours, days and so on.
fn stretches(text: &str) -> Result<u64, String> {
    if text == "unlimited" { Ok(UNLIMITED) } else { count(text).map_err(|error| format!("{error}, or unlimited")) }
}

/// Reads a tag, or several joined by commas.
fn tag_list(text: &str) -> Result<String, String> {
    match is_a_tag_list(text) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no tag: write a word, or words joined by commas")),
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
