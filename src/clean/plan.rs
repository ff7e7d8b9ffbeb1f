//! The plan: one value that is shown, and that is executed.

use crate::catalog::{Fingerprint, OrphanSum};
use crate::model::{Age, CacheEntry, Project, RunId, Size, Timestamp};
use crate::retention::{Config, Cutoffs, Notice, Policy, Protection, Rules};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What happens to cache entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// Nothing.
    #[default]
    Leave,
    /// Those that no remaining run names go after the runs (`--cache`).
    Collect,
    /// Only entries go, no run (`--cache-only`).
    Only,
}

/// What a plan says of the runs that go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removals {
    /// Their number and what they take, by project: a preview in a few milliseconds, whatever the number.
    Counted,
    /// Each of them, with its reasons.
    Listed,
    /// Each of them, with what it looked like: only such a plan can be executed.
    #[default]
    Executable,
}

/// What the user asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// Rules stated by flags.
    pub flags: Rules,
    /// `config.yml`.
    pub config: Config,
    /// Rows of the projects meant; `None` means all.
    pub projects: Option<Vec<i64>>,
    /// What happens to cache entries.
    pub cache: CacheMode,
    /// Entries younger than this stay; `None` is [`Request::GRACE`].
    pub cache_grace: Option<Age>,
    /// With [`CacheMode::Only`]: also entries named only by runs that the policy would let go.
    pub stale: bool,
    /// For how long what goes can be restored; `None`: it is deleted at once.
    pub trash: Option<Age>,
    /// Whether the reasons of every run that stays are wanted.
    pub details: bool,
    /// What is wanted of the runs that go.
    pub removals: Removals,
    /// Leaves out what is only told besides: what `--cache` would free, what is stale, the range of what stays. For who
    /// wants the sums alone.
    pub sums_alone: bool,
}

impl Request {
    /// How long a cache entry is left alone: the runner writes it before it links it.
    pub const GRACE: Age = Age::seconds(3600);
    /// For how long what goes into the trash can be restored, where nobody says otherwise.
    pub const TRASH: Age = Age::days(14);
}

/// A run that goes.
#[derive(Clone, Debug)]
pub struct RunRemoval {
    /// Its row.
    pub key: i64,
    /// Its project's row.
    pub project_key: i64,
    /// Project and run directory.
    pub id: RunId,
    /// What it takes.
    pub size: Size,
    /// What it looked like when it was last walked, in a plan that is [`Removals::Executable`].
    pub fingerprint: Option<Fingerprint>,
    /// Why it goes. Runs of a project and class share their reasons.
    pub reasons: Arc<[String]>,
}

/// A cache entry that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRemoval {
    /// The entry when it was last looked at.
    pub entry: CacheEntry,
    /// Rows of runs that stay and name it all the same: a stale entry. Empty for one that nobody names.
    pub readers: Vec<i64>,
}

/// A run that stays, and why.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// Project and run directory.
    pub id: RunId,
    /// Every rule that keeps it, or what protects it.
    pub reasons: Vec<String>,
}

/// A run that the policy would let go and something else keeps.
#[derive(Clone, Debug)]
pub struct ProtectedRun {
    /// Its row.
    pub key: i64,
    /// Project and run directory.
    pub id: RunId,
    /// What keeps it.
    pub protection: Protection,
}

/// What the policy comes to in one project.
#[derive(Clone, Debug)]
pub struct ProjectPlan {
    /// The project, with its sums before the clean.
    pub project: Project,
    /// Its policy, each value with its origin.
    pub policy: Policy,
    /// The policy as instants.
    pub cutoffs: Cutoffs,
    /// Runs that the policy lets go. With [`CacheMode::Only`] they stay.
    pub lets_go: Totals,
    /// The oldest and the newest run that stay.
    pub kept_range: Option<(Timestamp, Timestamp)>,
}

/// A number of things and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// What they take.
    pub size: Size,
}

impl Totals {
    /// One more.
    pub fn add(&mut self, size: Size) {
        self.count += 1;
        self.size += size;
    }
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.size += other.size;
    }
}

impl std::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

/// What happens to the caches.
#[derive(Clone, Debug, Default)]
pub struct CachePlan {
    /// What was asked for.
    pub mode: CacheMode,
    /// Entries that go.
    pub delete: Vec<EntryRemoval>,
    /// Entries named only by runs that the policy would let go; only with [`CacheMode::Only`].
    pub stale: Vec<EntryRemoval>,
    /// Entries that remaining runs name.
    pub referenced: u64,
    /// Entries that nobody names and that are too young to go.
    pub in_grace: u64,
    /// Projects whose cache is left alone, and why.
    pub blocked: Vec<(String, &'static str)>,
    /// Script links that name an entry that is not there: project, number, up to three paths.
    pub dangling: Vec<(String, u64, Vec<String>)>,
    /// The runs of each project that loses entries, by its row: any other that execution finds is a newcomer.
    pub known_runs: HashMap<i64, HashSet<String>>,
    /// What collecting would free, when it was not asked for.
    pub not_asked: OrphanSum,
}

/// What a clean does. Made by [`plan`](super::plan()), taken by [`execute`](super::execute()).
#[derive(Clone, Debug)]
pub struct Plan {
    /// The store that it is for.
    pub store_id: String,
    /// The instant by which ages were judged.
    pub now: Timestamp,
    /// By project, in the order of their names.
    pub projects: Vec<ProjectPlan>,
    /// Runs that were looked at: complete, and lacking parts.
    pub complete_runs: u64,
    /// Runs that lack parts that their era writes.
    pub incomplete_runs: u64,
    /// How many runs go, and what they take, each by itself.
    pub removes: Totals,
    /// Runs that go, by project, oldest first; empty when they are only [`Removals::Counted`].
    pub runs: Vec<RunRemoval>,
    /// Of these, how many rest on `stderr` alone.
    pub inferred: u64,
    /// Every run that stays, when [`Request::details`] were wanted.
    pub kept: Vec<KeptRun>,
    /// Runs that the policy would let go and something else keeps.
    pub protected: Vec<ProtectedRun>,
    /// What happens to the caches.
    pub cache: CachePlan,
    /// For how long what goes can be restored; nothing is freed before that is over.
    pub trash: Option<Age>,
    /// What runs and entries together free, each inode once.
    pub frees: Size,
    /// What runs alone free.
    pub runs_free: Size,
    /// Notices about the configuration.
    pub notices: Vec<Notice>,
    /// Entries younger than this stay.
    pub grace: Age,
    /// What the projects in question take before the clean: runs and caches.
    pub before: Before,
}

/// What there is before a clean, in the projects in question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Runs.
    pub runs: u64,
    /// Cache entries.
    pub cache_entries: u64,
    /// What they take, each inode once.
    pub size: Size,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.removes.count == 0 && self.cache.delete.is_empty()
    }
}
