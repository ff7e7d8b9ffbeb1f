//! Why a run or a cache entry stays or goes, and when it goes.
//!
//! The same rules, cut-offs and protections as the planner's, asked about one run or one entry: a run is judged by
//! [`retention::judge_one`], an entry by who names it, its grace and whoever is alive in its project. Nothing here goes
//! through all runs: the answer comes as quickly from a large store as from a small one.
//!
//! An instant is the first at which a clean under this policy would let the thing go, if nothing else changes: nobody
//! works in the run, pins it or writes to it, and no other run links the entry. Where a budget is in force it may go
//! sooner, for the sake of runs that are yet to come, and that is said beside the instant. Only then all runs are looked
//! at: a budget is about all of them.

mod budget;
mod entry;
mod parts;
mod run;

pub use budget::{BudgetFate, BudgetStanding};
pub use entry::{EntryReasons, NamedAbove, Readers, SHOWN_READERS, entry};
pub use parts::{PartGoing, PartReasons};
pub use run::{Left, NamedEntry, RunReasons, Standing, run};

pub use crate::catalog::{CacheName, Reader};

use super::plan::{CacheMode, Removals, Request};
use super::planner::{PlanError, cutoffs, places, rank};
use super::thinning::RunThinning;
use crate::catalog::{self, Catalog};
use crate::model::{Age, Class, Project, Run, Timestamp};
use crate::retention::{self, Budgets, Config, Cutoffs, Places, Policy, Room, Rules, Selection, Zone};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// By which policy to judge.
#[derive(Debug)]
pub struct Question<'a> {
    /// Rules stated by flags.
    pub flags: Rules,
    /// Budgets stated by flags.
    pub budgets: Budgets,
    /// `config.yml`.
    pub config: &'a Config,
    /// How long an entry that nobody names is left alone.
    pub grace: Age,
    /// The instant by which ages are judged.
    pub now: Timestamp,
    /// By which clocks hours, days and so on are told.
    pub zone: Zone,
    /// What is known of the room on the store's file system, for the budgets that ask for it.
    pub room: Room,
    /// The parts of runs of which budgets must know.
    pub parts: Option<Vec<RunThinning>>,
}

impl Question<'_> {
    /// Whether a budget is in force.
    fn has_budget(&self) -> bool {
        !self.budgets.is_none() || !self.config.budgets().is_none()
    }

    /// The clean under that policy.
    pub fn request(&self) -> Request {
        Request {
            flags: self.flags.clone(),
            budgets: self.budgets,
            config: self.config.clone(),
            zone: self.zone,
            room: self.room.clone(),
            parts: self.parts.clone(),
            cache: if self.config.cache() { CacheMode::Collect } else { CacheMode::Leave },
            cache_grace: Some(self.grace),
            removals: Removals::Listed,
            sums_alone: true,
            ..Request::default()
        }
    }
}

/// When something goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// The next clean lets it go.
    Now,
    /// Not before that instant, where an age decides, and not before so many newer runs of its project exist.
    Later {
        /// The first instant at which its age lets it go; `None` where the age does already, or no calendar holds it.
        at: Option<Timestamp>,
        /// How many more newer runs its project must have; 0 where their number does not keep it.
        newer_runs: u64,
    },
    /// Not while something holds that no time ends: a pin, a run that could not be read, a run that names it.
    Held,
    /// It is gone.
    Gone,
}

/// A project, and what the policy comes to in it.
pub(super) struct Judged {
    pub(super) project: Project,
    pub(super) policy: Policy,
    pub(super) cutoffs: Cutoffs,
    /// Runs that stay by rules that look at more than ages and numbers.
    pub(super) places: Places,
}

/// What the policy comes to, worked out for each project that is asked about.
pub(super) struct Judge<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) question: &'a Question<'a>,
    projects: RefCell<HashMap<i64, Rc<Judged>>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(catalog: &'a Catalog, question: &'a Question<'a>) -> Self {
        Self { catalog, question, projects: RefCell::default() }
    }

    /// The policy of a project.
    pub(super) fn project(&self, key: i64) -> Result<Rc<Judged>, PlanError> {
        if let Some(known) = self.projects.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let missing = || catalog::Error::Unreadable { what: "the project", value: key.to_string() };
        let project = self.catalog.known_projects()?.into_iter().find(|p| p.id == key).ok_or_else(missing)?;
        let rules = self.question.config.project_rules(&project.dir, &project.name)?;
        let policy = Policy::resolve(&self.question.flags, rules, self.question.config.default_rules());
        policy.validate(Selection::Whole)?;
        let cutoffs = cutoffs(self.catalog, &project, &policy, self.question.now)?;
        let Question { now, zone, .. } = *self.question;
        let places = places(self.catalog, &project, &policy, &cutoffs, now, zone)?;
        let judged = Rc::new(Judged { project, policy, cutoffs, places });
        self.projects.borrow_mut().insert(key, Rc::clone(&judged));
        Ok(judged)
    }

    /// Whether the policy lets a run go, and nothing protects it.
    pub(super) fn lets_go(&self, run: &Run) -> Result<bool, PlanError> {
        let judged = self.project(run.project_key)?;
        let rank = rank(run.timestamp(), run.dir().number(), run.key);
        let whole = judged.project.listed_whole;
        let protected = retention::protection(run, false, whole, self.question.now).is_some();
        let stays = protected || judged.places.keeps(run.key);
        Ok(whole && !stays && judged.cutoffs.removes(run.class(), rank))
    }
}

/// The first instant at which the newest write of a run is no sign of life any more.
pub(super) fn written_out(run: &Run) -> Option<Timestamp> {
    run.newest_write?.checked_add_unsigned(retention::RECENT.as_seconds())?.checked_add(1)
}

/// The first instant at which a run of that class that began then is older than its age.
pub(super) fn too_old_at(policy: &Policy, class: Class, began: Timestamp) -> Option<Timestamp> {
    began.checked_add_unsigned(policy.limit(class).age.as_seconds())?.checked_add(1)
}
