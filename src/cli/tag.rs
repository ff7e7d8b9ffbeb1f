//! `otto tag`

use super::Context;
use super::args::TEMPLATE;
use super::exit::{Exit, Failure};
use super::marked;
use super::ui::Ui;
use clap::Args;
use otto_catalog::marks::{self, Tag};
use otto_catalog::report::printable;
use std::ffi::OsString;

/// Set and take off tags of runs
///
/// A word with + sets a tag, one with - takes it off, any other names runs. Tags are found by `otto list --tag`, and
/// survive the loss of the catalog like pins. By themselves they keep nothing: a rule does (`clean --keep-tag T`, or
/// `keep_tag` in config.yml). What must stay is pinned.
#[derive(Args, Debug)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  otto tag latest +release
  otto tag 1795228718 api:latest +release -draft
  otto list --json --status failed | jq -r '.[].id' | otto tag - +look
  otto list --tag release                what has it")]
pub(crate) struct TagArgs {
    /// Which runs, and +TAG or -TAG; - alone reads runs from standard input, one a line
    #[arg(value_name = "RUN|+TAG|-TAG", required = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(context: &Context<'_>, ui: &mut Ui, args: &TagArgs) -> Result<Exit, Failure> {
    let (mut runs, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for word in &args.words {
        let text = word.to_string_lossy();
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(name), _) => added.push(tag(name)?),
            (_, Some(name)) if !name.is_empty() => removed.push(tag(name)?),
            _ => runs.push(word.clone()),
        }
    }
    if runs.is_empty() {
        return Err(Failure::usage("no run is named").hint("name one: otto tag latest +release"));
    }
    if added.is_empty() && removed.is_empty() {
        return Err(Failure::usage("no tag is named").hint("write +TAG to set one, -TAG to take one off"));
    }
    if let Some(both) = added.iter().find(|tag| removed.contains(tag)) {
        let both = printable(both.as_str()).into_owned();
        return Err(Failure::usage(format!("`+{both}` and `-{both}` contradict each other")));
    }
    marked::mark(context, ui, ("otto.tag/1", args.json), &runs, |session, asked, runs| {
        marks::tag(session, &context.settings, asked, runs, (&added, &removed))
    })
}

fn tag(name: &str) -> Result<Tag, Failure> {
    Tag::new(name).map_err(|error| {
        Failure::usage(printable(&error.to_string()).into_owned())
            .hint("a tag is a word without blanks or commas that begins with neither + nor -")
    })
}
