//! What a check found: its kind, how bad that is, and what mends it.

use crate::model::{ProjectDir, RunDir};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, and nothing is wrong.
    Info,
    /// Something is not as it should be, and no answer is wrong for it yet.
    Warning,
    /// Answers are wrong, or may be.
    Error,
}

impl Severity {
    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $severity:ident, $word:literal;)+) => {
        /// What sort of thing was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$doc])* $variant,)+ }

        impl Kind {
            /// Every kind, in the order in which they are told.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for people and JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }
        }
    };
}

kinds! {
    /// SQLite finds the catalog's file damaged, or it is no catalog.
    CatalogDamaged = Error, "catalog-damaged";
    /// Rows of the catalog refer to rows that are not there.
    RowsDangling = Error, "rows-dangling";
    /// A sum or a count is not what the rows come to.
    SumWrong = Error, "sum-wrong";
    /// The sums of history are not what the rows come to.
    HistoryWrong = Error, "history-wrong";
    /// A run's row says something else than its directory, which did not change.
    RunWrong = Error, "run-wrong";
    /// The audit log says of a pin or a tag that the catalog does not have.
    MarkLost = Error, "mark-lost";
    /// What was added to the audit log cannot be read, and may be a pin: nothing is decided by this catalog.
    MarksUnclear = Error, "marks-unclear";
    /// What a stopped import told of its runs is not known, so that no clean is made.
    ImportUnsettled = Error, "import-unsettled";
    /// Files of a run that was at rest changed.
    RunChanged = Warning, "run-changed";
    /// A run directory has no row, and no refresh would notice.
    RunUnlisted = Warning, "run-unlisted";
    /// A row of a run in place has no directory, and no refresh would notice.
    RunMissing = Warning, "run-missing";
    /// A project directory has no row, and no refresh would notice.
    ProjectUnlisted = Warning, "project-unlisted";
    /// A project's row says something else than its directory.
    ProjectWrong = Warning, "project-wrong";
    /// A file in a cache has no row, and no refresh would notice.
    EntryUnlisted = Warning, "entry-unlisted";
    /// A row of a cache entry has no file, and no refresh would notice.
    EntryMissing = Warning, "entry-missing";
    /// A cache entry's row says something else than its file.
    EntryChanged = Warning, "entry-changed";
    /// Something in the store could not be read.
    Unreadable = Warning, "unreadable";
    /// Something in the trash was moved there and nobody decided to remove it.
    TrashUndecided = Warning, "trash-undecided";
    /// Something in the trash was to be gone.
    TrashUnfinished = Warning, "trash-unfinished";
    /// Something in the trash fits no rule.
    TrashUnclear = Warning, "trash-unclear";
    /// A run can be restored, says its row, and does not lie in the trash.
    TrashMissing = Warning, "trash-missing";
    /// An import was stopped, and not all is noted of what came by it.
    ImportStopped = Warning, "import-stopped";
    /// A removed run has no line in the audit log.
    LogIncomplete = Warning, "log-incomplete";
    /// A pin or a tag is not in the audit log.
    MarkUnnoted = Warning, "mark-unnoted";
    /// The last line of the audit log was torn by a crash.
    LogTorn = Warning, "log-torn";
    /// Others can read what is ours.
    RightsOpen = Warning, "rights-open";
    /// There is no catalog yet.
    CatalogMissing = Info, "catalog-missing";
    /// The catalog has the schema of an older version.
    CatalogOutdated = Info, "catalog-outdated";
    /// The store changed since the catalog last looked.
    CatalogBehind = Info, "catalog-behind";
    /// Links of runs name cache entries that are not there.
    LinksDangling = Info, "links-dangling";
    /// The name of a cache entry is not the hash of its content.
    EntryMisnamed = Info, "entry-misnamed";
    /// Somebody is at work on something in the trash.
    TrashBusy = Info, "trash-busy";
    /// Nothing lies in an operation's directory any more.
    TrashEmpty = Info, "trash-empty";
    /// What lies in the trash has waited long enough.
    TrashExpired = Info, "trash-expired";
    /// A line of the audit log tells of a run that the catalog does not know: its row was folded away, or lost.
    RowForgotten = Info, "row-forgotten";
    /// A line of the audit log cannot be read.
    LogUnreadable = Info, "log-unreadable";
    /// A damaged catalog was set aside.
    CatalogSetAside = Info, "catalog-set-aside";
    /// What a stopped import left was set aside.
    ImportSetAside = Info, "import-set-aside";
    /// A temporary file of ours was left behind.
    StrayFile = Info, "stray-file";
    /// Something in our directory is none of ours.
    ForeignFile = Info, "foreign-file";
    /// The reserve for a full disk is not there.
    ReserveMissing = Info, "reserve-missing";
    /// Rows of the runner's database have no directory here.
    RunnerRows = Info, "runner-rows";
    /// Runs have no row in the runner's database.
    RunnerLess = Info, "runner-less";
}

/// What mends a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// Set the catalog aside and build another.
    Rebuild,
    /// Look at a run again and write what is found.
    LookAtRun(ProjectDir, RunDir),
    /// The same, and read again what the runner's database says.
    JudgeRun(ProjectDir, RunDir),
    /// List a project and its cache again.
    LookAtProject(ProjectDir),
    /// List the store again.
    LookAtStore,
    /// Look at everything again.
    LookAtAll,
    /// Count sums anew from the rows.
    Recount,
    /// Count the sums of history anew from the rows.
    RecountHistory,
    /// Do what the next clean would do with the trash.
    Recover,
    /// End imports that were stopped.
    EndImports,
    /// Set aside what a stopped import left, by its name in the directory of imports.
    SetImportAside(OsString),
    /// Note that a run that can be restored is gone.
    Forget(ProjectDir, RunDir),
    /// Add what the audit log lacks from the rows of the runs.
    AddLine,
    /// Give runs the pins and tags that the audit log has, and the log those that only rows have.
    Marks,
    /// Take over the pins and tags that can be read in the audit log, and pass over what cannot.
    PassOver,
    /// End the last line of the audit log.
    CloseLine,
    /// Remove a temporary file or directory of ours, by its path below our directory.
    Remove(PathBuf),
    /// Remove the new text of `config.yml` that a write left beside it.
    RemoveBesideConfig,
    /// Let only the owner read a file or directory of ours, by its path below our directory; empty for that itself.
    Close(PathBuf),
    /// Make the reserve.
    Reserve,
    /// Open the catalog as every command does.
    Refresh,
}

impl Mend {
    /// Whether the runner's database is to be read again from its first row on.
    pub(super) const fn reads_rows(&self) -> bool {
        matches!(self, Self::JudgeRun(..) | Self::LookAtProject(_) | Self::LookAtStore | Self::LookAtAll)
    }

    /// What `--fix` does, in words.
    pub const fn how(&self) -> &'static str {
        match self {
            Self::Rebuild => "sets the catalog aside and builds another",
            Self::JudgeRun(..) => "judges it anew, by its files and by the rows of the runner's database",
            Self::LookAtRun(..) | Self::LookAtProject(_) | Self::LookAtStore | Self::LookAtAll => {
                "looks again and writes what is there"
            }
            Self::Recount | Self::RecountHistory => "counts again from the rows",
            Self::Recover => "does what the next clean would do with it",
            Self::EndImports => "ends it: notes what came, and drops what did not",
            Self::SetImportAside(_) => {
                "sets it aside: the tags and statuses that it brought, and that are not in the audit log, are lost"
            }
            Self::Forget(..) => "notes that it is gone",
            Self::AddLine => "adds the line from the run's row",
            Self::Marks => "gives the catalog what the log says, and the log what only the catalog has",
            Self::PassOver => "takes over the pins and tags that can be read; what stood in the damaged lines is lost",
            Self::CloseLine => "ends the line, so that the next one can be read",
            Self::Remove(_) | Self::RemoveBesideConfig => "removes it",
            Self::Close(_) => "lets only the owner read it",
            Self::Reserve => "makes it again",
            Self::Refresh => "brings the catalog up to date, as every command does",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What sort of thing.
    pub kind: Kind,
    /// What it is, in words.
    pub what: String,
    /// Where it is.
    pub path: Option<PathBuf>,
    /// What mends it; `None` where nothing is certain, or nothing needs to be done.
    pub mend: Option<Mend>,
}

impl Finding {
    /// A finding without a place that nothing mends.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), path: None, mend: None }
    }

    /// With its place.
    pub fn at(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// With what mends it.
    pub fn mended_by(self, mend: Mend) -> Self {
        Self { mend: Some(mend), ..self }
    }
}

/// Findings, of each kind so many that memory stays flat where everything is wrong; the others are counted.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    counts: BTreeMap<Kind, u64>,
}

impl Findings {
    /// So many of one kind are kept.
    pub const KEPT: u64 = 1000;

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.kind).or_default();
        *count += 1;
        if *count <= Self::KEPT {
            self.found.push(finding);
        } else if *count == Self::KEPT + 1
            && let Some(Mend::LookAtRun(..) | Mend::JudgeRun(..) | Mend::LookAtProject(_)) = finding.mend
        {
            // Too many to name each of them: everything is looked at.
            self.found.push(finding.mended_by(Mend::LookAtAll));
        }
    }

    /// Those that are kept, by kind, the worst first.
    pub fn list(&self) -> Vec<&Finding> {
        let mut list: Vec<&Finding> = self.found.iter().collect();
        list.sort_by_key(|finding| finding.kind);
        list
    }

    /// How many of each kind there are.
    pub const fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }

    /// How many there are of that severity.
    pub fn of(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.severity() == severity).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_kinds_are_their_own_and_the_worst_come_first() {
        let words: std::collections::HashSet<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
        assert!(Kind::ALL.is_sorted_by(|a, b| a.severity() >= b.severity()), "errors, warnings, infos");
        assert!(Kind::ALL.is_sorted());
    }

    #[test]
    fn of_very_many_findings_some_are_kept_all_are_counted_and_everything_is_looked_at() {
        let mut findings = Findings::default();
        let run = |n: u64| RunDir::parse(n.to_string().as_bytes()).unwrap();
        for n in 0..Findings::KEPT + 50 {
            let mend = Mend::LookAtRun(ProjectDir::new("web-e259db19"), run(n + 1));
            findings.add(Finding::new(Kind::RunChanged, "it changed").mended_by(mend));
        }
        findings.add(Finding::new(Kind::ReserveMissing, "no reserve"));
        assert_eq!(findings.counts()[&Kind::RunChanged], Findings::KEPT + 50);
        assert_eq!((findings.of(Severity::Warning), findings.of(Severity::Info)), (Findings::KEPT + 50, 1));
        let list = findings.list();
        assert_eq!(list.len() as u64, Findings::KEPT + 2);
        assert_eq!(list[list.len() - 2].mend, Some(Mend::LookAtAll));
    }
}
