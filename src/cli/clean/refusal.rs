//! What was named and has to stay: why, and the way out.

use super::quoted;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Context, when};
use otto_catalog::catalog::{self, Catalog};
use otto_catalog::clean::{EntryStays, ProtectedRun, WhyEntryStays};
use otto_catalog::model::Pin;
use otto_catalog::report::printable;
use otto_catalog::retention::Protection;

/// Things that are named.
const SHOWN: usize = 10;

/// Runs that were named are protected.
pub(super) fn runs_stay(catalog: &Catalog, runs: &[ProtectedRun]) -> Failure {
    let mut texts = Vec::with_capacity(runs.len().min(SHOWN));
    for run in runs {
        match reason(catalog, run) {
            Ok(reason) => texts.push(format!("{} is {reason}", run.id)),
            Err(error) => return error.into(),
        }
    }
    let pinned = runs.iter().filter(|run| run.protection == Protection::Pinned);
    let pinned: Vec<String> = pinned.take(SHOWN).map(|run| quoted(&run.id.to_string())).collect();
    match pinned.as_slice() {
        [] => refused(texts).hint("leave it out, or try again later"),
        pinned => refused(texts).hint_command("to let it go", format!("unpin {}", pinned.join(" "))),
    }
}

/// What protects a run, as it stands behind "is".
fn reason(catalog: &Catalog, run: &ProtectedRun) -> catalog::Result<String> {
    Ok(match run.protection {
        Protection::Pinned => match catalog.pin(run.key)? {
            Some(Pin { note, at, who }) => {
                let since = when::local(at).map(|at| format!(" since {}", at.format("%Y-%m-%d %H:%M:%S")));
                let note = note.map(|note| format!(": {note}"));
                format!("pinned{} by {who}{}", since.unwrap_or_default(), note.unwrap_or_default())
            }
            None => "pinned".to_owned(),
        },
        Protection::Recent => "recent: written to within 10 minutes".to_owned(),
        Protection::NotReadWhole => "uncertain: it could not be read whole".to_owned(),
        Protection::ProjectNotListedWhole => "uncertain: its project could not be listed whole".to_owned(),
        other => other.to_string(),
    })
}

/// Cache entries that were named have to stay.
pub(super) fn entries_stay(context: &Context<'_>, entries: &[EntryStays]) -> Failure {
    let failure = refused(entries.iter().map(EntryStays::to_string).collect());
    let mut readers: Vec<String> = Vec::new();
    for entry in entries {
        if let WhyEntryStays::NamedBy(runs) = &entry.why {
            for id in runs.iter().map(ToString::to_string) {
                if !readers.contains(&id) {
                    readers.push(id);
                }
            }
        }
    }
    if (1..=SHOWN).contains(&readers.len()) {
        let runs: Vec<String> = readers.iter().map(|id| quoted(id)).collect();
        let words: Vec<String> = context.typed.iter().map(|word| quoted(word)).collect();
        return failure.hint(format!("to remove them together: otto {} --run {}", words.join(" "), runs.join(" ")));
    }
    failure.hint(match &entries[0].why {
        _ if !readers.is_empty() => "`otto clean --keep AGE --cache` removes it after the last run that names it",
        WhyEntryStays::Young(_) => "try again later, or say with --cache-grace how young may go",
        _ => "try again later",
    })
}

fn refused(texts: Vec<String>) -> Failure {
    let more = if texts.len() > SHOWN { format!("; and {} more", texts.len() - SHOWN) } else { String::new() };
    let shown: Vec<_> = texts.iter().take(SHOWN).map(|text| printable(text).into_owned()).collect();
    let text = format!("nothing was deleted: {}{more}", shown.join("; "));
    Failure::new(Exit::Refused, anyhow::Error::msg(text))
}
