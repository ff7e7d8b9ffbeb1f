//! How the program ends, and how it says why.
//!
//! All conversions into a [`Failure`] are here: this is where blame is decided (the user's input, the environment, or a
//! refusal) and where advice is attached. A closed pipe is no failure: whoever reads has seen enough.

use super::ui::Ui;
use otto_catalog::clean::PlanError;
use otto_catalog::report::view;
use otto_catalog::retention::{ConfigError, PolicyError};
use otto_catalog::session::{self, Notice, Session, Settings};
use otto_catalog::store::outside::OutsideError;
use otto_catalog::store::root::OpenError;
use otto_catalog::{archive, catalog, model};
use std::io::{self, Write as _};
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, also when there was nothing to do.
    Done = 0,
    /// It could not be done.
    CouldNot = 1,
    /// The arguments, a selector or the configuration are at fault.
    Usage = 2,
    /// Done in part.
    Partly = 3,
    /// Confirmation is needed, or was declined.
    Unconfirmed = 4,
    /// It was refused, whatever the flags say.
    Refused = 5,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl From<model::Problem> for Failure {
    fn from(problem: model::Problem) -> Self {
        Self::new(Exit::CouldNot, anyhow::Error::msg(problem.to_string()))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: anyhow::Error,
    hint: Option<String>,
    /// What to type, without the program's name: it ends the hint.
    command: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: anyhow::Error) -> Self {
        Self { exit, error, hint: None, command: None }
    }

    /// The user's input is at fault.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, anyhow::Error::msg(text.into()))
    }

    /// The environment is at fault.
    pub(crate) fn could_not(text: impl Into<String>, source: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::CouldNot, source.into().context(text.into()))
    }

    /// Something that is needed is not there.
    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::new(Exit::CouldNot, anyhow::Error::msg(text.into()))
    }

    /// What the user can do.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Of a command that deletes: that it did not, beside what the user can do.
    pub(crate) fn nothing_deleted(self) -> Self {
        let hint = match &self.hint {
            Some(hint) => format!("{hint} (nothing was deleted)"),
            None => "nothing was deleted".to_owned(),
        };
        self.hint(hint)
    }

    /// The same failure as the cause of this one.
    pub(crate) fn context(self, text: String) -> Self {
        Self { error: self.error.context(text), ..self }
    }

    /// Whether rules mean nothing, or nothing good.
    pub(crate) fn is_of_policy(&self) -> bool {
        self.error.is::<PolicyError>()
    }

    /// What the user can do, and the command that does it. Its words are quoted already; the store that the user named is
    /// added where it is told, so that it can be copied.
    pub(crate) fn hint_command(self, hint: impl Into<String>, words: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), command: Some(words.into()), ..self }
    }

    fn whole_hint(&self, ui: &Ui) -> Option<String> {
        let hint = self.hint.as_deref()?;
        Some(match &self.command {
            Some(words) => format!("{hint}: {}", ui.command(words)),
            None => hint.to_owned(),
        })
    }

    /// What the user was told to do.
    #[cfg(test)]
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the catalog proved damaged, so that another try with a new one may do.
    pub(crate) fn is_damage(&self) -> bool {
        self.damage().is_some()
    }

    fn damage(&self) -> Option<&session::Error> {
        self.error.downcast_ref::<session::Error>().filter(|error| error.is_damage())
    }

    /// Sets the catalog aside that proved damaged.
    pub(crate) fn set_aside(&self, settings: &Settings<'_>) -> Result<Notice, Self> {
        match self.damage() {
            Some(error) => Ok(Session::set_aside(settings, error)?),
            None => Err(Self::new(Exit::CouldNot, anyhow::Error::msg(self.error.to_string()))),
        }
    }

    /// The error with its causes, on one line.
    pub(crate) fn text(&self) -> String {
        let (error, causes) = self.texts();
        std::iter::once(error).chain(causes).collect::<Vec<_>>().join(": ")
    }

    /// The same failure as one that no second try can help: something was done already.
    pub(crate) fn final_one(self) -> Self {
        Self { error: anyhow::Error::msg(format!("{:#}", self.error)), ..self }
    }

    /// Whether all that failed is that nobody reads any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let io = self.error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
        io.into_iter().any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(&self, ui: &Ui, json: bool) -> Exit {
        if self.is_closed_pipe() {
            return Exit::Done;
        }
        if json {
            return self.tell_scripts(self.whole_hint(ui));
        }
        let (error, causes) = self.texts();
        ui.error(&error);
        for cause in causes {
            ui.say(&format!("  caused by: {cause}"));
        }
        if let Some(hint) = self.whole_hint(ui) {
            ui.say(&format!("hint: {hint}"));
        }
        self.exit
    }

    /// Tells scripts of arguments that do not hold.
    pub(crate) fn report_as_json(&self) -> Exit {
        self.tell_scripts(self.hint.clone())
    }

    fn tell_scripts(&self, hint: Option<String>) -> Exit {
        let (error, causes) = self.texts();
        let failure = view::Failure::new(error, causes, hint, self.exit as u8);
        let text = serde_json::to_string(&failure).unwrap_or_default();
        // There is nobody left to tell that this could not be told.
        let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
        self.exit
    }

    /// The error and its causes; a cause that only repeats what is above it is left out.
    fn texts(&self) -> (String, Vec<String>) {
        let error = self.error.to_string();
        let mut last = error.clone();
        let mut causes = Vec::new();
        for cause in self.error.chain().skip(1) {
            let text = cause.to_string();
            if !last.ends_with(&text) {
                causes.push(text.clone());
                last = text;
            }
        }
        (error, causes)
    }
}

/// For a disk on which nothing was set aside while there was room.
const MAKE_ROOM: &str =
    "nothing was deleted: a decision must be recorded first; make a mebibyte of room on that disk and run this again";

fn is_full_disk(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
        || error.downcast_ref::<session::Error>().is_some_and(session::Error::is_full)
        || error.downcast_ref::<catalog::Error>().is_some_and(|error| matches!(error, catalog::Error::Full(_)))
}

impl From<session::Error> for Failure {
    fn from(error: session::Error) -> Self {
        use session::Error as E;
        if let E::ImportStays { source, .. } = &error {
            let is_full = std::iter::successors(Some(&**source as &dyn std::error::Error), |cause| cause.source())
                .any(is_full_disk);
            let failure = Self::new(Exit::CouldNot, anyhow::Error::new(error));
            return match is_full {
                true => failure.hint(MAKE_ROOM),
                false => failure.hint_command("nothing was deleted; what can be done about it says", "check"),
            };
        }
        if let E::MarksUnclear { why, .. } = &error {
            let why = why.clone();
            return super::unclear::hinted(Self::new(Exit::CouldNot, error.into()), &why);
        }
        let (exit, hint) = match &error {
            E::Open(OpenError::Missing(_)) => {
                (Exit::CouldNot, Some("name the store with --home DIR or OTTO_HOME; `otto demo` writes one to try"))
            }
            E::Open(_) => (Exit::CouldNot, Some("name the store with --home DIR or OTTO_HOME")),
            E::NotAStore(_) => (Exit::CouldNot, Some("name the store itself with --home DIR or OTTO_HOME")),
            E::NeverCleaned(_) => (Exit::Refused, Some("name the store itself with --home DIR or OTTO_HOME")),
            E::ClockWentBack { .. } => (
                Exit::Refused,
                Some(
                    "set the clock right; if it is right, `otto index` makes it the one that counts, then run this again",
                ),
            ),
            E::OverLimit { .. } => (
                Exit::Refused,
                Some(
                    "nothing was deleted; look at what would go, then narrow it (--project, a longer --keep) or raise --max-delete",
                ),
            ),
            E::Outside(error) => (Exit::CouldNot, outside_hint(error, false)),
            E::OtherStore { .. } => (Exit::Refused, Some("name the store of the plan with --home DIR or OTTO_HOME")),
            E::CatalogReplaced(_) => (Exit::CouldNot, Some("run the command again")),
            E::Busy(_) => (Exit::CouldNot, Some("try again when it is done")),
            E::NoCatalog(cause) if cause.contains("has schema") => {
                (Exit::CouldNot, Some("use the newer otto that wrote it, or name another file with --catalog"))
            }
            E::NoCatalog(cause) if cause.contains("disk is full") => (Exit::CouldNot, Some(MAKE_ROOM)),
            E::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => (Exit::CouldNot, Some(MAKE_ROOM)),
            E::Io { act: "look at" | "list" | "read", source, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                (Exit::CouldNot, Some("you may not read it: see whose it is"))
            }
            E::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                (
                    Exit::CouldNot,
                    Some("the store cannot be written by you: list, info and whatever else only looks still answer"),
                )
            }
            E::NotACatalog(_) => {
                (Exit::CouldNot, Some("name another file with --catalog; one that is missing is made"))
            }
            E::NoCatalog(_) => {
                (Exit::CouldNot, Some("make the store's .catalog writable, or name another file with --catalog"))
            }
            _ => (Exit::CouldNot, None),
        };
        Self { exit, error: error.into(), hint: hint.map(str::to_owned), command: None }
    }
}

impl From<catalog::Error> for Failure {
    fn from(error: catalog::Error) -> Self {
        session::Error::from(error).into()
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Catalog(error) => error.into(),
            PlanError::Policy(error) => {
                let hint = match &error {
                    PolicyError::KeepsNothing { .. } => Some("let one rule keep something, as `--keep-last 1` does"),
                    PolicyError::Contradiction { .. } => Some("let fewer runs stay, or more be there"),
                    PolicyError::Useless { .. } => Some("leave one of the two out"),
                    _ => None,
                };
                Self { hint: hint.map(str::to_owned), ..Self::new(Exit::Usage, error.into()) }
            }
            PlanError::Config(error) => error.into(),
            refused @ (PlanError::RunsStay(_) | PlanError::EntriesStay(_)) => Self::new(Exit::Refused, refused.into()),
            other => Self::new(Exit::CouldNot, other.into()),
        }
    }
}

/// What helps where a file that the user named cannot be written; `may_force` where a flag lets one be replaced.
pub(crate) fn outside_hint(error: &OutsideError, may_force: bool) -> Option<&'static str> {
    match error {
        OutsideError::InStore(_) => Some("name a place outside the store"),
        OutsideError::Taken { what, .. } if may_force && what.starts_with("not ") => {
            Some("name another file, or say --force")
        }
        OutsideError::Taken { .. } => Some("name another file"),
        OutsideError::Io { act: "write into", source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Some("make the directory first, or name another one")
        }
        _ => None,
    }
}

impl From<archive::Error> for Failure {
    fn from(error: archive::Error) -> Self {
        use archive::Error as E;
        let (exit, hint) = match error {
            E::Session(error) => return error.into(),
            E::Catalog(error) => return error.into(),
            E::Outside(ref error) => (Exit::CouldNot, outside_hint(error, true)),
            E::Ending(_) => (Exit::Usage, Some("the end of the name says how the archive is compressed")),
            E::Tampered { .. } => {
                (Exit::Refused, Some("nothing was changed; get the file anew from where it was written"))
            }
            E::TooLarge { .. } => (Exit::Refused, Some("nothing was changed; allow more with --max-size")),
            E::TooMany(_) | E::TooMuch { .. } => {
                (Exit::CouldNot, Some("write several archives: name a project, or an age"))
            }
            E::Newer { .. } => (Exit::CouldNot, Some("use the newer otto that wrote it")),
            E::Interrupted => (Exit::Interrupted, None),
            _ => (Exit::CouldNot, None),
        };
        Self { exit, error: error.into(), hint: hint.map(str::to_owned), command: None }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = error.hint();
        let failure = Self::new(Exit::Usage, anyhow::Error::new(error).context("the configuration does not hold"));
        Self { hint, ..failure }
    }
}

impl From<model::AgeError> for Failure {
    fn from(error: model::AgeError) -> Self {
        Self::new(Exit::Usage, error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::CouldNot, anyhow::Error::new(error).context("cannot write the answer"))
    }
}

impl From<std::fmt::Error> for Failure {
    fn from(error: std::fmt::Error) -> Self {
        Self::new(Exit::CouldNot, anyhow::Error::new(error).context("cannot write the answer"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_found_behind_any_text() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(pipe()).is_closed_pipe());
        assert!(Failure::from(serde_json::Error::io(pipe())).is_closed_pipe());
        assert!(!Failure::usage("no").is_closed_pipe());
    }

    #[test]
    fn a_cause_is_told_once() {
        let inner = io::Error::other("the disk is on fire");
        let failure = Failure::could_not("cannot read", anyhow::Error::new(inner));
        assert_eq!(failure.texts(), ("cannot read".to_owned(), vec!["the disk is on fire".to_owned()]));
    }
}
