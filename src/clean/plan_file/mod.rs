//! A plan as a file: written by one command, looked at by people, executed as it is by another.
//!
//! **One value.** A plan that is written and read again is the plan: what is executed, and what is shown of it. Rows of
//! the catalog are not in it, since a catalog can be made anew: runs are named by project and directory, entries by
//! project and path, and both are looked up when the plan is read. What is not there any more keeps its place in the plan
//! and is skipped as gone.
//!
//! **Nothing but a plan.** The last line is the blake3 of all bytes before it, and the first of its digits are the plan's
//! id. A file that was edited, cut off or reformatted is refused, as is one of another store, of a schema that is not
//! known, with a key that is not known, or longer than [`LIMIT`]: a later version that can do more says so by its schema,
//! and is not misunderstood here. The digest finds accidents and second thoughts. It is no signature:
//! whoever may write the file may write another plan, and execution looks at everything again all the same.
//!
//! **Names lead nowhere else.** Whatever a file says, only names that a project, a run or an entry can have are taken, and
//! each once.
//!
//! **Adding to a plan** means adding here: what is encoded is taken apart field by field, so that a new field of
//! [`Plan`] does not compile until somebody decided how it is written. An added key needs a default for older files.

mod decode;
mod encode;
mod parts;
mod rules;
mod shape;

use super::plan::Plan;
use crate::catalog::Catalog;
use crate::model::Timestamp;
use crate::retention::Policy;
use crate::session::Error;
use crate::store::change::Hook;
use crate::store::outside::{self, OutsideError};
use shape::Document;
use std::io;
use std::path::Path;

/// The schema of a plan file that removes runs and cache entries whole.
const SCHEMA: &str = "otto.plan/1";
/// The schema of one that drops parts of runs, or states an age of parts: who knows only the first must not read it.
const WITH_PARTS: &str = "otto.plan/2";
/// How every plan file begins, of whatever version.
const BEGINS: &[u8] = b"{\n  \"schema\": \"otto.plan/";
/// The largest file that is written or read: about half a million runs.
pub const LIMIT: u64 = 256 * 1024 * 1024;
/// Digits of the digest that make the id.
const ID_DIGITS: usize = 16;

/// Who made a plan, how, and when.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The machine's clock, Unix seconds.
    pub at: Timestamp,
    /// Who asked.
    pub who: &'a str,
    /// The command line.
    pub command: &'a str,
    /// The program, with its version.
    pub program: &'a str,
    /// The store, as a path.
    pub home: &'a Path,
    /// The policy in words.
    pub policy: &'a str,
    /// The policy of a project without rules of its own.
    pub default: &'a Policy,
}

/// A plan as the bytes of a file.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The plan's id.
    pub id: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A plan that was read from a file, not yet held against a catalog.
#[derive(Debug)]
pub struct PlanFile {
    /// The plan's id.
    pub id: String,
    document: Document,
    default: Policy,
}

/// Why a plan is not written, or what is read is no plan. But for the system's refusals, all of it is a refusal of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It cannot be read.
    #[error("cannot read it")]
    Io(#[source] io::Error),
    /// It is longer than any plan.
    #[error("it has {bytes} bytes, more than the {LIMIT} of the largest plan")]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// It is something else.
    #[error("it is not a plan file: {cause}")]
    NotAPlan {
        /// What was met.
        cause: String,
    },
    /// A later or an unknown version wrote it.
    #[error("it has schema `{found}`, and this otto knows `{SCHEMA}` and `{WITH_PARTS}`")]
    OtherSchema {
        /// What it says.
        found: String,
    },
    /// It is not what was written.
    #[error("it was changed after it was written: its digest does not fit")]
    Altered,
    /// It says what no plan says.
    #[error("it says what no plan says: {what}")]
    Invalid {
        /// What.
        what: String,
    },
    /// Only a plan that can be executed is worth a file.
    #[error("the plan is a preview: it does not say what the runs looked like")]
    PreviewOnly,
    /// It cannot be written there.
    #[error(transparent)]
    Place(#[from] OutsideError),
}

/// Makes a file of a plan.
///
/// # Errors
/// [`PlanFileError::PreviewOnly`], [`PlanFileError::TooLarge`].
pub fn encode(plan: &Plan, maker: &Maker<'_>) -> Result<Encoded, PlanFileError> {
    encode::encode(plan, maker)
}

/// Writes a plan to a path that the user names: 0600, whole or not at all, through no link, and over nothing but another
/// plan.
///
/// # Errors
/// [`PlanFileError::Place`].
pub fn save(hook: &Hook, path: &Path, plan: &Encoded) -> Result<(), PlanFileError> {
    Ok(outside::write(hook, path, &plan.bytes, "a plan file", &|head| head.starts_with(BEGINS))?)
}

/// Reads a plan file.
///
/// # Errors
/// [`PlanFileError`].
pub fn load(path: &Path) -> Result<PlanFile, PlanFileError> {
    let bytes = outside::read(path, LIMIT).map_err(|error| match error {
        OutsideError::TooLarge { bytes, .. } => PlanFileError::TooLarge { bytes },
        OutsideError::Io { source, .. } => PlanFileError::Io(source),
        other => PlanFileError::NotAPlan { cause: other.to_string() },
    })?;
    PlanFile::parse(&bytes)
}

impl PlanFile {
    /// Reads the bytes of a plan file.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanFileError> {
        decode::parse(bytes)
    }

    /// The plan, with the rows that its names have in this catalog.
    ///
    /// # Errors
    /// [`Error::OtherStore`], the catalog's.
    pub fn plan(&self, catalog: &Catalog) -> Result<Plan, Error> {
        decode::plan(self, catalog)
    }

    /// Whether it is for the store of this catalog.
    ///
    /// # Errors
    /// [`Error::OtherStore`], the catalog's.
    pub fn check_store(&self, catalog: &Catalog) -> Result<(), Error> {
        let here = catalog.store_state()?.store_id;
        if self.document.store.id == here {
            return Ok(());
        }
        Err(Error::OtherStore { planned: self.document.store.id.clone(), here })
    }

    /// The instant by which it judged ages.
    pub fn judged_at(&self) -> Timestamp {
        self.document.timestamp
    }

    /// Who made it.
    pub fn who(&self) -> &str {
        &self.document.made.who
    }

    /// The command line that made it.
    pub fn command(&self) -> &str {
        &self.document.made.command
    }

    /// The policy in words.
    pub fn policy(&self) -> &str {
        &self.document.policy.text
    }

    /// The policy of a project without rules of its own.
    pub fn default_policy(&self) -> &Policy {
        &self.default
    }
}
