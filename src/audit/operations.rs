//! The log as operations: each with when, who, what came of it, and where its lines stand.
//!
//! Only sums and places are held; whoever shows the items of an operation reads its lines again. A line that is there
//! twice, and an item that two lines tell of, count once.

use super::line::{Event, Head, Line};
use super::reader::{Place, Reader};
use crate::model::{Size, Timestamp};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What an operation was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Runs or cache entries were removed, or were to be.
    Clean,
    /// What lay in the trash came back.
    Restore,
    /// What lay in the trash went for good.
    Empty,
    /// Parts of runs were dropped.
    Thin,
    /// Runs came out of an archive.
    Import,
    /// Runs were pinned.
    Pin,
    /// Pins were taken off.
    Unpin,
    /// Tags were set or taken off.
    Tag,
    /// The policy was changed, or was to be.
    Configure,
    /// Something that a later version does.
    #[default]
    Unknown,
}

impl Kind {
    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Restore => "restore",
            Self::Empty => "empty",
            Self::Thin => "thin",
            Self::Import => "import",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Tag => "tag",
            Self::Configure => "configure",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it touches no run: it only marks some, or changes the policy.
    pub const fn marks(self) -> bool {
        matches!(self, Self::Pin | Self::Unpin | Self::Tag | Self::Configure)
    }
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it was done.
    Done,
    /// Something failed, or was not as planned.
    Partly,
    /// The user stopped it.
    Interrupted,
    /// It died, and was mended.
    Recovered,
    /// It has no end: it is at work, or died and was not mended yet.
    Open,
}

impl Ending {
    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly",
            Self::Interrupted => "interrupted",
            Self::Recovered => "recovered",
            Self::Open => "open",
        }
    }
}

/// An operation as the log tells it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The head of its first line.
    pub head: Head,
    /// What it was.
    pub kind: Kind,
    /// Runs and cache entries that it removed, and what they took.
    pub removed_runs: u64,
    /// Cache entries that it removed.
    pub removed_cache: u64,
    /// What all of these took.
    pub removed: Size,
    /// Until when they could be restored.
    pub keep_until: Option<Timestamp>,
    /// Runs that it restored, emptied, thinned, imported or marked.
    pub other_runs: u64,
    /// Keys of `config.yml` that it changes.
    pub keys: u64,
    /// Cache entries that it restored, emptied or imported.
    pub other_cache: u64,
    /// What was freed.
    pub freed: Size,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Items that failed.
    pub failed: u64,
    /// Items that were not as planned.
    pub skipped: u64,
    /// Where its lines stand.
    pub places: Vec<Place>,
    interrupted: bool,
    recovered: bool,
    finished: bool,
}

impl Summary {
    /// What came of it.
    pub fn ending(&self) -> Ending {
        if !self.finished && matches!(self.kind, Kind::Clean | Kind::Thin | Kind::Configure) {
            Ending::Open
        } else if self.recovered {
            Ending::Recovered
        } else if self.interrupted {
            Ending::Interrupted
        } else if self.failed + self.skipped > 0 {
            Ending::Partly
        } else {
            Ending::Done
        }
    }
}

/// Reads the log as operations, in the order in which they began; those that began before an instant are left out.
pub fn summaries(reader: &mut Reader, from: Timestamp) -> Vec<Summary> {
    let mut order: Vec<Summary> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut seen: HashSet<(usize, u64)> = HashSet::new();
    while let Some((place, line)) = reader.next_line() {
        if line.head.timestamp < from {
            continue;
        }
        let at = *known.entry(line.head.operation.clone()).or_insert_with(|| {
            order.push(Summary { head: line.head.clone(), ..Summary::default() });
            order.len() - 1
        });
        let mut new = |kind: &str, item: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            kind.hash(&mut hasher);
            item(&mut hasher);
            seen.insert((at, hasher.finish()))
        };
        if new("line", &|hasher| line.head.sequence.hash(hasher)) {
            order[at].places.push(place);
            order[at].add(&line, &mut new);
        }
    }
    order
}

/// Whether an item of some kind is told of for the first time in its operation.
type New<'a> = dyn FnMut(&str, &dyn Fn(&mut DefaultHasher)) -> bool + 'a;

impl Summary {
    fn add(&mut self, line: &Line, new: &mut New<'_>) {
        let kind = match &line.event {
            Event::Removed(removed) => {
                for run in &removed.runs {
                    if new("run", &|hasher| (&run.project, &run.run).hash(hasher)) {
                        self.removed_runs += 1;
                        self.removed += Size { size: run.size_bytes, disk: run.disk_bytes };
                    }
                }
                for entry in &removed.cache {
                    if new("entry", &|hasher| (&entry.project, &entry.entry).hash(hasher)) {
                        self.removed_cache += 1;
                        self.removed += Size { size: entry.size_bytes, disk: entry.disk_bytes };
                    }
                }
                self.keep_until = self.keep_until.max(removed.keep_until);
                Kind::Clean
            }
            Event::Finished(finished) => {
                self.freed.size += finished.freed_size_bytes.unwrap_or(0);
                self.freed.disk += finished.freed_disk_bytes.unwrap_or(0);
                self.duration_ms = self.duration_ms.or(finished.duration_ms);
                self.ended_at = finished.ended_at.clone().or(self.ended_at.take());
                self.failed = self.failed.max(finished.failed_total.max(finished.failed.len() as u64));
                self.skipped = self.skipped.max(finished.skipped_total.max(finished.skipped.len() as u64));
                self.interrupted |= finished.interrupted;
                self.recovered |= finished.recovered;
                self.finished = true;
                Kind::Clean
            }
            Event::Restored(restored) => self.others(Kind::Restore, &restored.runs, restored.cache.len(), new),
            Event::Emptied(emptied) => {
                self.freed += Size { size: emptied.freed_size_bytes, disk: emptied.freed_disk_bytes };
                self.others(Kind::Empty, &emptied.runs, emptied.cache.len(), new)
            }
            Event::Thinned(thinned) => {
                for run in &thinned.runs {
                    if new("thinned", &|hasher| run.run.hash(hasher)) {
                        self.other_runs += 1;
                        self.removed += Size { size: run.size_bytes, disk: run.disk_bytes };
                    }
                }
                Kind::Thin
            }
            Event::Imported(imported) => {
                let runs: Vec<_> = imported.runs.iter().map(|run| run.row.name()).collect();
                self.others(Kind::Import, &runs, imported.cache.len(), new)
            }
            Event::Pinned(pinned) => self.others(Kind::Pin, &pinned.runs, 0, new),
            Event::Unpinned(named) => self.others(Kind::Unpin, &named.runs, 0, new),
            Event::Tagged(tagged) => self.others(Kind::Tag, &tagged.runs, 0, new),
            Event::Configured(configured) => {
                self.keys += configured.changes.len() as u64;
                Kind::Configure
            }
            Event::Unknown => Kind::Unknown,
        };
        // An operation that removes and does something else beside is a clean; a lone end is one that removed nothing.
        if self.kind == Kind::Unknown || matches!(line.event, Event::Removed(_)) {
            self.kind = kind;
        }
    }

    fn others(&mut self, kind: Kind, runs: &[super::RunName], cache: usize, new: &mut New<'_>) -> Kind {
        for run in runs {
            self.other_runs += u64::from(new("other", &|hasher| run.hash(hasher)));
        }
        self.other_cache += cache as u64;
        kind
    }
}

/// What the operations of a stretch of time came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// By week, oldest first.
    pub weeks: Vec<Week>,
    /// Operations that change the store, by their ending: done, partly, interrupted, recovered, open.
    pub endings: [u64; 5],
    /// How long those took whose duration is known, on average, in milliseconds.
    pub mean_ms: Option<u64>,
}

/// A week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Week {
    /// Its Monday.
    pub monday: chrono::NaiveDate,
    /// Operations that change the store.
    pub operations: u64,
    /// Runs that they removed.
    pub runs: u64,
    /// Cache entries that they removed.
    pub cache: u64,
    /// What was freed.
    pub freed: Size,
}

impl Totals {
    /// Adds operations up. Those that touch no run are left out.
    pub fn of(summaries: &[Summary], monday: &dyn Fn(Timestamp) -> Option<chrono::NaiveDate>) -> Self {
        let mut totals = Self::default();
        let (mut timed, mut time) = (0_u64, 0_u64);
        for summary in summaries.iter().filter(|summary| !summary.kind.marks()) {
            totals.endings[summary.ending() as usize] += 1;
            if let Some(ms) = summary.duration_ms {
                timed += 1;
                time = time.saturating_add(ms);
            }
            let Some(monday) = monday(summary.head.timestamp) else { continue };
            let at = match totals.weeks.binary_search_by_key(&monday, |week| week.monday) {
                Ok(at) => at,
                Err(at) => {
                    totals.weeks.insert(at, Week { monday, ..Week::default() });
                    at
                }
            };
            let week = &mut totals.weeks[at];
            week.operations += 1;
            week.runs += summary.removed_runs;
            week.cache += summary.removed_cache;
            week.freed += summary.freed;
        }
        totals.mean_ms = time.checked_div(timed);
        totals
    }

    /// Of the operations that came to an end, the share that did all they were to do.
    pub fn success_rate(&self) -> Option<f64> {
        let [done, partly, interrupted, recovered, _] = self.endings;
        let ended = done + partly + interrupted + recovered;
        (ended > 0).then(|| done as f64 / ended as f64)
    }
}
