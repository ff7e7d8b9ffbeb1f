//! What a command brings along, and what it is told.

use super::marks::Unclear;
use crate::catalog::{self};
use crate::index::{self};
use crate::model::{Clock, Timestamp, rfc3339};
use crate::progress::Progress;
use crate::store::change::Hook;
use crate::store::outside::OutsideError;
use crate::store::root::OpenError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that a command brings along. The library reads none of it by itself.
#[derive(Clone)]
pub struct Settings<'a> {
    /// The store.
    pub home: PathBuf,
    /// Whether that is the default place, where a missing store is an empty one.
    pub home_is_default: bool,
    /// Directories that are never taken for a store to clean, whatever they hold: the user's home.
    pub never_clean: Vec<PathBuf>,
    /// The catalog, when it is not in the store.
    pub catalog: Option<PathBuf>,
    /// The runner's database, when it is not in the store.
    pub runner_db: Option<PathBuf>,
    /// A directory for private copies, for a store that cannot be written.
    pub temporary: PathBuf,
    /// Where processes are listed.
    pub processes: PathBuf,
    /// Our process.
    pub own_pid: u32,
    /// What others read while we hold the lock: pid, host and command.
    pub holder: String,
    /// The clocks.
    pub clock: Clock,
    /// How much time went by since the command began, for the audit log.
    pub elapsed: &'a dyn Fn() -> Duration,
    /// From this size on the audit log begins another file; [`crate::audit::ROTATE_AT`] unless a test wants to see it.
    pub audit_limit: u64,
    /// Threads that walk.
    pub threads: usize,
    /// Asked before each change of the tree.
    pub hook: Hook,
    /// Who is told of long work.
    pub progress: &'a dyn Progress,
    /// Asked when the lock is held by somebody else, whom the text names: whether to try again. Waiting is the caller's.
    pub wait: &'a dyn Fn(&str) -> bool,
}

/// What a command is about to do with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Answer, after a look at what changed.
    Read,
    /// Answer from the catalog as it is.
    ReadAsIs,
    /// Bring the catalog in line; `full` walks everything again.
    Index {
        /// Distrust every stamp.
        full: bool,
    },
    /// Build the catalog anew.
    Rebuild,
    /// Write the user's word about runs: the lock is held until it is given up.
    Mark,
    /// Decide what to delete: the lock is held until it is given up.
    Delete,
    /// The same, to mend what a check found: what cannot be read of the audit log is passed over.
    Mend,
}

/// Something that the user should know and that does not stop the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody else holds the lock; the answer may be a little old.
    Busy(String),
    /// The catalog could not be used, so everything was read anew, and nothing of it is kept.
    InMemory(String),
    /// A damaged catalog was set aside.
    SetAside {
        /// Where it is now.
        kept: PathBuf,
        /// What was wrong.
        cause: String,
    },
    /// The catalog lacked marks of the audit log, and has them now.
    MarksTaken {
        /// The runs that have other pins or tags now.
        runs: usize,
    },
    /// The catalog lacks marks of the audit log, and could not be written.
    MarksLacking {
        /// The runs whose pins or tags are otherwise.
        runs: usize,
    },
    /// What was added to the audit log cannot be read: it may be a pin.
    MarksUnclear(Unclear),
    /// The same, and it is passed over from now on.
    MarksLost(String),
    /// The clock was taken as it is, although it went back.
    ClockSetBack {
        /// What it says.
        now: Timestamp,
        /// The instant recorded before.
        recorded: Timestamp,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(holder) => write!(f, "{holder} holds the store's lock; this answer may lack its latest changes"),
            Self::InMemory(cause) => write!(f, "{cause}; everything was read anew, and no catalog is kept"),
            Self::SetAside { kept, cause } => {
                write!(f, "{cause}; it is now at `{}`, and a new one was built", kept.display())
            }
            Self::MarksTaken { runs } => write!(
                f,
                "pins and tags of {} were taken over from the audit log: this catalog did not have them, because another catalog \
                 of the store was used, or a command was stopped",
                counted(*runs)
            ),
            Self::MarksLacking { runs } => write!(
                f,
                "the audit log has pins or tags of {} that this catalog does not have, and that are missing in this answer; \
                 the next clean takes them over first",
                counted(*runs)
            ),
            Self::MarksUnclear(why) => {
                let how = if matches!(why, Unclear::Lines(_)) { " (`otto check` says how)" } else { "" };
                write!(
                    f,
                    "the audit log cannot be read whole, and a pin may stand there, so nothing is cleaned until that is \
                     settled{how}: {}",
                    why.cause()
                )
            }
            Self::MarksLost(cause) => write!(
                f,
                "the audit log has lines that cannot be read; the pins and tags that stood there are lost: {cause}"
            ),
            Self::ClockSetBack { now, recorded } => write!(
                f,
                "the store was last indexed or cleaned at {}; from now on the clock of this command counts, {}",
                instant(*recorded),
                instant(*now)
            ),
        }
    }
}

/// Why a store cannot serve a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The directory has not the shape of a store.
    #[error("`{0}` is not an otto store: it holds no project with runs or a cache, no run, and no `otto.db`")]
    NotAStore(PathBuf),
    /// The directory is one that is never cleaned.
    #[error("`{0}` is never cleaned: a store is a directory of its own, such as `~/.otto`")]
    NeverCleaned(PathBuf),
    /// Somebody else holds the lock.
    #[error("{0} holds the store's lock")]
    Busy(String),
    /// The file that was named as the catalog is something else.
    #[error("`{0}` is not a catalog of otto: it was left alone")]
    NotACatalog(PathBuf),
    /// Somebody made another catalog while the lock was not held.
    #[error("the catalog at `{0}` was made anew meanwhile: what was decided by the old one is not done")]
    CatalogReplaced(PathBuf),
    /// The clock is earlier than what was recorded by it.
    #[error(
        "the clock says {}, more than a day before {}, when this store was last indexed or cleaned",
        instant(*.now),
        instant(*.recorded)
    )]
    ClockWentBack {
        /// What it says.
        now: Timestamp,
        /// The latest instant recorded.
        recorded: Timestamp,
    },
    /// The plan is for another store.
    #[error("the plan is for another store: it names {planned}, and this store is {here}")]
    OtherStore {
        /// The id in the plan.
        planned: String,
        /// The id of this store.
        here: String,
    },
    /// More runs would go than may.
    #[error("the plan removes {planned} of the {found} runs found, and at most {allowed} may go ({rule})")]
    OverLimit {
        /// Runs that the plan removes.
        planned: u64,
        /// Runs that were found.
        found: u64,
        /// How many may go.
        allowed: u64,
        /// What says so.
        rule: String,
    },
    /// A plan that only counts or lists what goes was to be executed.
    #[error("the plan is a preview: it does not say what the runs looked like, so none of them can be removed")]
    PreviewOnly,
    /// An import was stopped, and what it told of the runs that came is not known: a tag may keep one of them.
    #[error("an import was stopped, and what it told of its runs is not settled: `{path}`")]
    ImportStays {
        /// Where that is.
        path: PathBuf,
        /// Why it stays.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A place that the user named, for a file.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// The audit log cannot be read whole, and a pin may stand there that the catalog does not have.
    #[error("the audit log cannot be read whole, and a pin may stand there: `{path}`: {}", .why.cause())]
    MarksUnclear {
        /// Where it is.
        path: PathBuf,
        /// Why.
        why: Unclear,
    },
    /// Deleting needs a catalog on disk.
    #[error("nothing can be decided without a catalog on disk: {0}")]
    NoCatalog(String),
    /// The refresh failed.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The system refused.
    #[error("cannot {act} `{path}`")]
    Io {
        /// What was attempted.
        act: &'static str,
        /// The thing.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn counted(runs: usize) -> String {
    format!("{runs} {}", if runs == 1 { "run" } else { "runs" })
}

/// An instant for people.
fn instant(at: Timestamp) -> String {
    rfc3339(at).unwrap_or_else(|| format!("@{at}"))
}

impl Error {
    /// Whether the catalog is damaged, so that opening again after setting it aside cures this.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Catalog(error) | Self::Index(index::Error::Catalog(error)) => error.is_damage(),
            _ => false,
        }
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Catalog(catalog::Error::Full(_)) | Self::Index(index::Error::Catalog(catalog::Error::Full(_)))
        )
    }

    /// Whether the catalog can be read but not written, so that one in memory has to do.
    pub(super) fn is_unwritable(&self) -> bool {
        use catalog::Error as C;
        match self {
            Self::Catalog(error) | Self::Index(index::Error::Catalog(error)) => {
                matches!(error, C::ReadOnly(_) | C::Full(_) | C::Locked(_) | C::Newer { .. } | C::Io { .. })
            }
            Self::Io { .. } => true,
            _ => false,
        }
    }
}
