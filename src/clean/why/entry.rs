//! Why a cache entry stays or goes.

use super::super::orphans;
use super::super::planner::{PlanError, cache_is_blocked};
use super::{Going, Judge, Question, too_old_at};
use crate::catalog::{CacheName, Catalog, Reader};
use crate::model::{AHEAD, Class, RunDir, Timestamp};

/// Runs that name an entry and are shown.
pub const SHOWN_READERS: u64 = 5;

/// A cache entry with everything that decides about it.
#[derive(Clone, Debug)]
pub struct EntryReasons {
    /// The entry.
    pub name: CacheName,
    /// Runs in place that name it.
    pub readers: Readers,
    /// Directories that it lies in and that runs name: that counts for everything below.
    pub above: Vec<NamedAbove>,
    /// Whether runs name it, all of which the policy would let go.
    pub stale: bool,
    /// The instant up to which it is left alone because it was just written.
    pub grace_until: Option<Timestamp>,
    /// Why no entry of its project goes at this moment.
    pub blocked: Option<&'static str>,
    /// When it goes.
    pub going: Going,
    /// Whether a budget may take the runs that name it sooner than that, and it with them.
    pub sooner_by_budget: bool,
}

/// A directory of a cache that runs name.
#[derive(Clone, Debug)]
pub struct NamedAbove {
    /// Its path below `.cache`; empty for the cache itself.
    pub path: Vec<u8>,
    /// The runs that name it.
    pub readers: Readers,
}

/// The runs in place that name something in a cache.
#[derive(Clone, Debug, Default)]
pub struct Readers {
    /// How many.
    pub count: u64,
    /// The newest.
    pub newest: Option<Reader>,
    /// Some of the others, up to [`SHOWN_READERS`].
    pub some: Vec<Reader>,
}

impl EntryReasons {
    /// Whether no run names it.
    pub fn is_orphaned(&self) -> bool {
        self.readers.count == 0 && self.above.is_empty()
    }

    /// How many runs name it or a directory that it lies in.
    pub fn named_by(&self) -> u64 {
        self.readers.count + self.above.iter().map(|above| above.readers.count).sum::<u64>()
    }
}

/// Finds out why a cache entry stays or goes.
///
/// # Errors
/// [`PlanError`], when the catalog cannot be read or the policy means nothing.
pub fn entry(catalog: &Catalog, name: CacheName, question: &Question<'_>) -> Result<EntryReasons, PlanError> {
    let _snapshot = catalog.snapshot()?;
    let judge = Judge::new(catalog, question);
    let now = question.now;
    let entry = &name.entry;
    let judged = judge.project(entry.project_key)?;
    let mut keys = vec![entry.key];
    let mut above = Vec::new();
    for path in orphans::above(&entry.path) {
        if let Some(directory) = catalog.cache_name(entry.project_key, path)?.filter(|d| d.entry.references > 0) {
            keys.push(directory.entry.key);
            above.push(NamedAbove { path: path.to_vec(), readers: readers(catalog, &directory)? });
        }
    }
    let readers = readers(catalog, &name)?;
    let is_named = readers.count > 0 || !above.is_empty();
    let mut stale = is_named;
    for key in &keys {
        stale = stale && all_go(&judge, entry.project_key, *key)?;
    }
    let ends = question.grace.as_seconds();
    let young = entry.written_at > question.grace.before(now) && entry.written_at <= now + AHEAD;
    let grace_until = young.then(|| entry.written_at.saturating_add_unsigned(ends)).filter(|_| name.exists);
    let blocked = cache_is_blocked(catalog, &judged.project, now)?;
    let free = !young && blocked.is_none();
    let going = if !name.exists {
        Going::Gone
    } else if is_named && stale && free {
        Going::Now
    } else if is_named {
        match named_until(&judge, entry.project_key, &keys)? {
            Some(at) => Going::Later { at: Some(at.max(grace_until.unwrap_or(at))), newer_runs: 0 },
            None => Going::Held,
        }
    } else if free {
        Going::Now
    } else {
        Going::Later { at: grace_until, newer_runs: 0 }
    };
    let later = matches!(going, Going::Later { .. } | Going::Held);
    let sooner_by_budget = question.has_budget() && is_named && later;
    Ok(EntryReasons { name, readers, above, stale, grace_until, blocked, going, sooner_by_budget })
}

fn readers(catalog: &Catalog, name: &CacheName) -> Result<Readers, PlanError> {
    let count = name.entry.references;
    if count == 0 {
        return Ok(Readers::default());
    }
    let newest = catalog.newest_reader(name.entry.key)?;
    let mut some = catalog.some_readers(name.entry.key, SHOWN_READERS + 1)?;
    some.retain(|reader| newest.as_ref().is_none_or(|newest| newest.key != reader.key));
    some.truncate(usize::try_from(SHOWN_READERS).unwrap_or(usize::MAX));
    let began = |reader: &Reader| RunDir::parse(reader.dir.as_bytes()).map_or(0, |dir| dir.timestamp());
    some.sort_by_key(|reader| std::cmp::Reverse(began(reader)));
    Ok(Readers { count, newest, some })
}

/// Whether the policy lets every run go that names an entry of a project. Instants tell, but for what they cannot: then
/// the runs are looked at, until one stays.
fn all_go(judge: &Judge<'_>, project: i64, key: i64) -> Result<bool, PlanError> {
    let judged = judge.project(project)?;
    if !judged.project.listed_whole {
        return Ok(false);
    }
    let newest = judge.catalog.newest_references(key)?;
    if !newest.foreign {
        let below = judged.cutoffs.below().timestamp;
        let last = |class: Class| judged.cutoffs.before(class).saturating_sub(1).min(below);
        let stays = |class: &&Class| newest.by_class[**class as usize].is_some_and(|at| at > last(**class));
        if Class::ALL.iter().any(|class| stays(&class)) {
            return Ok(false);
        }
        if !newest.by_class.contains(&Some(below)) {
            for run in judged.places.kept() {
                if judge.catalog.names_entry(run, key)? {
                    return Ok(false);
                }
            }
            for run in judge.catalog.exceptional_runs(project)? {
                if !judge.lets_go(&run)? && judge.catalog.names_entry(run.key, key)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
    }
    // The newest is the first to stay.
    if let Some(newest) = judge.catalog.newest_reader(key)?
        && let Some(run) = judge.catalog.run(newest.key)?
        && !judge.lets_go(&run)?
    {
        return Ok(false);
    }
    let mut all = Ok(true);
    judge.catalog.each_reader(key, &mut |run| {
        all = judge.catalog.run(run).map_err(PlanError::from).and_then(|run| match run {
            Some(run) => judge.lets_go(&run),
            None => Ok(true),
        });
        matches!(all, Ok(true))
    })?;
    all
}

/// The first instant at which no run can name an entry any more by its age alone: the last of the newest of each class.
/// `None` where that cannot be told, as when another project's run names it or a number of runs is kept.
fn named_until(judge: &Judge<'_>, project: i64, keys: &[i64]) -> Result<Option<Timestamp>, PlanError> {
    let judged = judge.project(project)?;
    let mut latest = None;
    for key in keys {
        let newest = judge.catalog.newest_references(*key)?;
        if newest.foreign {
            return Ok(None);
        }
        for run in judged.places.kept() {
            if judge.catalog.names_entry(run, *key)? {
                return Ok(None);
            }
        }
        for class in Class::ALL {
            let Some(began) = newest.by_class[*class as usize] else { continue };
            let Some(at) = too_old_at(&judged.policy, *class, began) else { return Ok(None) };
            latest = latest.max(Some(at));
        }
    }
    Ok(latest)
}
