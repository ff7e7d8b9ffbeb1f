//! Rules put into `config.yml`, on the record: who changed the policy, when, and from what to what.
//!
//! **Order.** The line with the changes is durable in the audit log before the file is touched, so no policy changes
//! without a trace; a second line says that it was done, or why not. Whoever dies between the two leaves an operation
//! without an end, and what lies beside the file goes with the next write or with `otto check --fix`.

use crate::audit::{Configured, Event, Finished, KeyChanged};
use crate::marks::{Asked, Lines};
use crate::retention::KeyChange;
use crate::session::{self, Session, Settings};
use crate::store::outside::OutsideError;
use crate::store::user_file::UserFile;

/// Why the file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was to change could not be noted.
    #[error(transparent)]
    Log(#[from] session::Error),
    /// It could not be replaced.
    #[error(transparent)]
    File(#[from] OutsideError),
}

/// Notes what changes, replaces the file, and notes that it did. What fails once the file is replaced is no failure: it is
/// told.
///
/// # Errors
/// [`Error`]; then the file is as it was.
pub fn write(
    session: &Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    file: UserFile,
    (text, changes): (&str, &[KeyChange]),
) -> Result<Vec<String>, Error> {
    let mut lines = Lines::begin(session, settings, asked)?;
    let changed = |change: &KeyChange| KeyChanged {
        key: change.key.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    };
    lines.note(&Event::Configured(Configured { changes: changes.iter().map(changed).collect() }))?;
    let written = file.replace(&settings.hook, text.as_bytes());
    let failed: Vec<String> =
        written.as_ref().err().iter().map(|error| format!("config.yml: {}", with_cause(error))).collect();
    let end = Finished { failed_total: failed.len() as u64, failed, ..Finished::default() };
    let noted = lines.note(&Event::Finished(end));
    let unsure = written?.map(|error| format!("it may not outlive a loss of power: {error}"));
    let unnoted = noted.err().map(|error| format!("its end is not in the audit log: {error}"));
    Ok(unsure.into_iter().chain(unnoted).collect())
}

fn with_cause(error: &OutsideError) -> String {
    match error {
        OutsideError::Io { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}
