//! The plan: one value that is shown, and that is executed.

use super::budget_plan::BudgetPlan;
use super::narrowing::Narrowing;
use super::thinning::RunThinning;
use crate::catalog::{Fingerprint, OrphanSum, Reader};
use crate::model::{Age, CacheEntry, Project, RunId, Size, Timestamp};
use crate::retention::{
    Budgets, Config, Cutoffs, Limit, Notice, Origin, Policy, Protection, Room, Rules, Setting, Zone,
};
use crate::session::Error;
use crate::store::layout;
use crate::store::parts::Part;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// The row of what a plan names and the catalog does not have: it is gone.
pub const NO_ROW: i64 = 0;

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
    /// Those that the user named go, and no other (`--entry`).
    Named,
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
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Rules stated by flags.
    pub flags: Rules,
    /// `config.yml`.
    pub config: Config,
    /// By which clocks hours, days and so on are told.
    pub zone: Zone,
    /// Budgets stated by flags.
    pub budgets: Budgets,
    /// What is known of the room on the store's file system. A budget that asks for what is not known takes nothing.
    pub room: Room,
    /// The parts of runs that go by an age of their own, where budgets must know of them: what they free, no run has to.
    /// [`parts_before_budgets`](super::parts_before_budgets()) finds them.
    pub parts: Option<Vec<RunThinning>>,
    /// Rows of the projects meant; `None` means all.
    pub projects: Option<Vec<i64>>,
    /// Which runs it is about, beside the policy or instead of it.
    pub narrow: Narrowing,
    /// With [`CacheMode::Named`]: the rows of the entries named.
    pub entries: Vec<i64>,
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
    /// How many runs may go at most; without it, what the configuration says.
    pub max_delete: Option<Limit>,
    /// Of the runs that the policy lets go, only these parts go (`--only`), and the runs stay: then ages of zero are no
    /// slip. Empty: whole runs go.
    pub only: Vec<Part>,
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
    /// Its row, or [`NO_ROW`].
    pub key: i64,
    /// Its project's row, or [`NO_ROW`].
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
    /// Runs that stay and name it all the same: a stale entry. Empty for one that nobody names.
    pub readers: Vec<Reader>,
}

impl EntryRemoval {
    /// Whether it is no entry but a stray file of the runner's: no row tells of it, and no script is in it.
    pub fn is_stray(&self) -> bool {
        layout::is_temporary_name(&self.entry.path)
    }
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

/// A cache entry that was named and that stays.
#[derive(Clone, Debug)]
pub struct EntryStays {
    /// The entry.
    pub entry: CacheEntry,
    /// Why.
    pub why: WhyEntryStays,
}

/// Why a cache entry that was named stays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyEntryStays {
    /// These runs stay and name it, the newest first.
    NamedBy(Vec<RunId>),
    /// It was written within this age.
    Young(Age),
    /// The whole cache of its project is left alone.
    LeftAlone(&'static str),
}

impl fmt::Display for EntryStays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Runs that are named.
        const SHOWN: usize = 3;
        write!(f, "{}/.cache/{} ", self.entry.project, String::from_utf8_lossy(&self.entry.path))?;
        match &self.why {
            WhyEntryStays::NamedBy(runs) => {
                let shown: Vec<String> = runs.iter().take(SHOWN).map(RunId::to_string).collect();
                let more = if runs.len() > SHOWN { ", ..." } else { "" };
                let (number, verb) = if runs.len() == 1 { ("1 run", "stays") } else { ("runs", "stay") };
                let number = if runs.len() == 1 { number.to_owned() } else { format!("{} {number}", runs.len()) };
                write!(f, "is named by {number} that {verb}: {}{more}", shown.join(", "))
            }
            WhyEntryStays::Young(grace) => write!(f, "was written within {grace}"),
            WhyEntryStays::LeftAlone(why) => write!(f, "belongs to a cache that is left alone: {why}"),
        }
    }
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
    /// Those of them that rules keep and budgets take.
    pub over_budget: Totals,
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
    pub blocked: Vec<(String, Cow<'static, str>)>,
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
    /// Runs that stay and of which parts go: found by [`with_parts`](super::with_parts()).
    pub thin: Vec<RunThinning>,
    /// Whether nothing but parts of runs goes, of those that the policy lets go.
    pub parts_alone: bool,
    /// Which runs it is about, beside the policy or instead of it.
    pub narrow: Narrowing,
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
    /// Budgets, and what they come to.
    pub budgets: Vec<BudgetPlan>,
    /// Notices about the configuration.
    pub notices: Vec<Notice>,
    /// Entries younger than this stay.
    pub grace: Age,
    /// What the projects in question take before the clean: runs and caches.
    pub before: Before,
    /// How many runs may go at most.
    pub limit: Option<Setting<Limit>>,
    /// The id of the plan file that it was read from.
    pub file_id: Option<String>,
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
        self.removes.count == 0 && self.cache.delete.is_empty() && self.thin.is_empty()
    }

    /// Whether parts of runs that stay go by an age of their own.
    pub fn drops_parts(&self) -> bool {
        !self.parts_alone && self.projects.iter().any(|project| project.policy.parts().next().is_some())
    }

    /// Whether no more runs go than may, and parts of no more.
    ///
    /// # Errors
    /// [`Error::OverLimit`].
    pub fn check_limit(&self) -> Result<(), Error> {
        let Some(limit) = &self.limit else { return Ok(()) };
        // Each by itself: who removes a week of runs a week thins a week of others.
        let planned = self.removes.count.max(self.thin.len() as u64);
        let found = self.before.runs;
        let allowed = limit.value.allows(found);
        if planned <= allowed {
            return Ok(());
        }
        let rule = match limit.origin {
            Origin::Flag => format!("--max-delete {}", limit.value),
            _ => format!("retention.max_delete: {}", limit.value),
        };
        Err(Error::OverLimit { planned, found, allowed, rule })
    }

    /// Leaves out whatever is not in `other`, and takes from it what the runs looked like: this plan was made later, for a
    /// part of the runs of that one, and must hold nothing that was not seen there.
    pub fn keep_within(&mut self, other: &Self) {
        let seen: HashMap<i64, &RunRemoval> = other.runs.iter().map(|run| (run.key, run)).collect();
        self.runs.retain(|run| seen.contains_key(&run.key));
        for run in &mut self.runs {
            run.fingerprint = seen[&run.key].fingerprint;
        }
        self.removes = Totals::default();
        self.runs.iter().for_each(|run| self.removes.add(run.size));
        let entries: HashSet<i64> = other.cache.delete.iter().map(|removal| removal.entry.key).collect();
        self.cache.delete.retain(|removal| entries.contains(&removal.entry.key));
    }

    /// The projects that lose all of their runs, where that is not what a policy comes to that keeps something: a slip in
    /// a status or a list of ids must not cost a whole history.
    pub fn emptied(&self) -> impl Iterator<Item = &Project> {
        let by_policy = self.narrow.is_none();
        let all_go =
            |p: &&ProjectPlan| self.removes.count > 0 && p.project.runs > 0 && p.lets_go.count == p.project.runs;
        let meant = move |p: &&ProjectPlan| !(by_policy && p.policy.keeps_something() && p.over_budget.count == 0);
        self.projects.iter().filter(all_go).filter(meant).map(|p| &p.project)
    }
}
