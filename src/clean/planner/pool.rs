//! The runs that budgets look at, and what they take of the disk: all of them, whatever a clean is about.
//!
//! A budget is spent as if nothing narrowed the clean. So a run is judged here by the rules alone, and whether the clean is
//! about it is asked when all is spent.

use super::super::plan::Request;
use super::super::thinning::RunThinning;
use super::{PlanError, cutoffs, rank, rows};
use crate::catalog::{Catalog, SharedOwner};
use crate::model::{CacheEntry, Project, Run, Timestamp};
use crate::retention::{self, Cutoffs, KeepReason, Load, Policy, Protection, SharedFile, Stay};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// Why no budget takes a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::clean) enum Held {
    Protected(Protection),
    AmongLast,
    LastSuccess,
}

/// A run, as the rules have it.
pub(in crate::clean) struct Pooled {
    pub(in crate::clean) run: Run,
    /// Place of its project.
    pub(in crate::clean) project: usize,
    /// Whether the rules let it go.
    pub(in crate::clean) goes: bool,
    /// What keeps budgets from it.
    pub(in crate::clean) held: Option<Held>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protected(protection) => protection.fmt(f),
            Self::AmongLast => f.write_str("among the last of their project"),
            Self::LastSuccess => f.write_str("the last success of their project"),
        }
    }
}

impl Pooled {
    pub(super) fn is_spare(&self) -> bool {
        !self.goes && self.held.is_none()
    }
}

/// A project with the policy that holds in it.
pub(in crate::clean) struct Judged {
    pub(in crate::clean) project: Project,
    pub(in crate::clean) policy: Policy,
    pub(in crate::clean) cutoffs: Cutoffs,
}

impl Judged {
    pub(in crate::clean) fn new(
        catalog: &Catalog,
        request: &Request,
        project: Project,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let rules = request.config.project_rules(&project.dir, &project.name)?;
        let policy = Policy::resolve(&request.flags, rules, request.config.default_rules());
        let cutoffs = cutoffs(catalog, &project, &policy, now)?;
        Ok(Self { project, policy, cutoffs })
    }
}

/// All runs of these projects.
pub(in crate::clean) fn runs(
    catalog: &Catalog,
    request: &Request,
    projects: &[Judged],
    now: Timestamp,
) -> Result<Vec<Pooled>, PlanError> {
    let mut found = Vec::new();
    for (at, Judged { project, policy, cutoffs }) in projects.iter().enumerate() {
        let places = rows::places(catalog, project, policy, cutoffs, now, request.zone)?;
        for run in rows::runs(catalog, project.id)? {
            let rank = rank(run.timestamp(), run.dir().number(), run.key);
            let protection = retention::protection(&run, false, project.listed_whole, now);
            let goes = protection.is_none() && cutoffs.removes(run.class(), rank) && !places.keeps(run.key);
            let held = if let Some(protection) = protection {
                Some(Held::Protected(protection))
            } else if policy.last() > 0 && rank >= cutoffs.below() {
                Some(Held::AmongLast)
            } else {
                places.reasons(run.key).contains(&KeepReason::LastSuccess).then_some(Held::LastSuccess)
            };
            found.push(Pooled { run, project: at, goes, held });
        }
    }
    Ok(found)
}

/// A cache entry that goes once nobody of the pool names it.
pub(super) struct Freeable {
    pub(super) entry: CacheEntry,
    /// Rows of the runs that name it.
    pub(super) readers: Vec<i64>,
}

/// What runs take, with what they share, once these parts of them are dropped and these entries go with who names them.
pub(super) fn load(
    pool: &[&Pooled],
    shared: &[SharedOwner],
    thin: &HashMap<i64, &RunThinning>,
    entries: &[&Freeable],
) -> Load {
    let places: HashMap<i64, usize> = pool.iter().enumerate().map(|(at, pooled)| (pooled.run.key, at)).collect();
    let mut load = Load {
        runs: pool
            .iter()
            .map(|pooled| Stay {
                rank: rank(pooled.run.timestamp(), pooled.run.dir().number(), pooled.run.key),
                disk: pooled.run.size.disk,
                spare: pooled.is_spare(),
            })
            .collect(),
        ..Load::default()
    };
    // What has one name and is dropped is freed, and no more the run's.
    let mut dropped: HashMap<(i64, u64), u64> = HashMap::new();
    for (key, at) in &places {
        let Some(thinning) = thin.get(key) else { continue };
        let mut alone = 0_u64;
        for piece in &thinning.pieces {
            let with_others: u64 = piece.shared.iter().fold(0, |sum, name| sum.saturating_add(name.size.disk));
            alone = alone.saturating_add(piece.size.disk.saturating_sub(with_others));
            piece.shared.iter().for_each(|name| *dropped.entry((*key, name.inode)).or_default() += 1);
        }
        load.runs[*at].disk = load.runs[*at].disk.saturating_sub(alone);
        load.freed = load.freed.saturating_add(alone);
    }
    let by_key: HashMap<i64, &Freeable> = entries.iter().map(|freeable| (freeable.entry.key, *freeable)).collect();
    let mut linked = HashSet::new();
    for names in shared.chunk_by(|a, b| a.inode == b.inode) {
        let mut file = SharedFile { disk: u64::MAX, ..SharedFile::default() };
        let (mut links, mut known) = (0, 0_u64);
        for name in names {
            (links, file.disk) = (name.links.max(links), name.size.disk.min(file.disk));
            if let Some(at) = places.get(&name.run) {
                let run = &mut load.runs[*at];
                run.disk = run.disk.saturating_sub(name.size.disk);
                known = known.saturating_add(name.names);
                let gone = dropped.get(&(name.run, name.inode)).copied().unwrap_or(0);
                if gone < name.names {
                    file.owners.push(*at);
                }
            } else if let Some(freeable) = by_key.get(&name.entry).filter(|_| name.run == 0) {
                known = known.saturating_add(name.names);
                linked.insert(name.entry);
                file.holders.extend(freeable.readers.iter().filter_map(|reader| places.get(reader)));
            }
        }
        file.elsewhere = known < links;
        // One of whom nobody here has a name is nobody's business.
        if known > 0 {
            load.files.push(file);
        }
    }
    for freeable in entries.iter().filter(|freeable| !linked.contains(&freeable.entry.key)) {
        let holders = freeable.readers.iter().filter_map(|reader| places.get(reader)).copied().collect();
        let disk = freeable.entry.size.disk;
        load.files.push(SharedFile { disk, elsewhere: false, owners: Vec::new(), holders });
    }
    load
}
