//! Why a run or a cache entry stays or goes, for people.

use super::budget::{leaves, short};
use super::info::evidence;
use super::marks::note;
use crate::clean::BudgetPlan;
use crate::clean::why::{
    BudgetFate, BudgetStanding, EntryReasons, Going, Left, PartGoing, PartReasons, Reader, Readers, RunReasons,
    Standing,
};
use crate::model::{CacheEntry, RunState};
use crate::report::text::{Look, bytes, printable, times, wrapped};
use crate::retention::Protection;
use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Entries that are shown of those that a run names; `--tree` shows all.
const SHOWN_ENTRIES: usize = 10;

/// Where a cache entry lies.
pub fn entry_path(home: &Path, entry: &CacheEntry) -> PathBuf {
    let project = home.join(OsStr::from_bytes(entry.project.as_bytes()));
    project.join(".cache").join(OsStr::from_bytes(&entry.path))
}

/// Writes why a run stays or goes, and when. `restore` is the command that brings it back from the trash.
///
/// # Errors
/// Those of `out`.
pub fn why_run(reasons: &RunReasons, restore: &str, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let run = &reasons.run;
    writeln!(out, "Run: {} ({})", printable(&run.id.to_string()), look.ago(run.timestamp()))?;
    writeln!(out, "  {}, {}, {}", bytes(run.size.disk), run.status, evidence(run.status, run.status_source))?;
    writeln!(out, "Policy: {}", reasons.policy)?;
    match &reasons.standing {
        Standing::Gone(left) => gone(reasons, left, restore, look, out)?,
        Standing::Present { verdict, protections } => {
            let rules = verdict.reasons(&reasons.policy);
            let taken = match reasons.budget.as_ref().map(|budget| &budget.fate) {
                Some(BudgetFate::Taken(why)) => Some(why),
                _ => None,
            };
            let heading = match (verdict.keeps(), protections.is_empty()) {
                _ if taken.is_some() => "Goes: a budget takes it",
                (_, false) => "Stays: it is protected",
                (true, true) => "Stays",
                (false, true) => "Goes: no rule keeps it",
            };
            writeln!(out, "{heading}")?;
            for protection in protections {
                match &reasons.pin {
                    Some(pin) if *protection == Protection::Pinned => {
                        let (ago, who) = (look.ago(pin.at), printable(&pin.who));
                        writeln!(out, "  pinned {ago} by {who}{}", note(pin))?;
                    }
                    _ => writeln!(out, "  {protection}")?,
                }
            }
            if let Some(why) = taken {
                why.iter().try_for_each(|why| wrapped(why, look, "  ", out))?;
                writeln!(out, "The rules alone would keep it:")?;
            }
            if !protections.is_empty() {
                let so =
                    if verdict.keeps() { "The rules keep it as well:" } else { "The rules alone would let it go:" };
                writeln!(out, "{so}")?;
            }
            for rule in rules {
                writeln!(out, "  {rule}")?;
            }
            writeln!(out, "When: {}", when(&reasons.going, protections, look))?;
            if reasons.sooner_by_budget {
                writeln!(out, "  unless a budget takes it sooner")?;
            }
            reasons.budget.iter().try_for_each(|budget| budgets(budget, look, out))?;
            parts(&reasons.parts, look, out)?;
        }
    }
    named(reasons, look, out)
}

/// When a run goes, in words.
fn when(going: &Going, protections: &[Protection], look: &Look) -> String {
    let until = match protections.iter().find(|p| !matches!(p, Protection::Recent | Protection::Future)) {
        Some(Protection::Pinned) => Some("never, while it is pinned"),
        Some(Protection::Running) => Some("not while it runs"),
        Some(Protection::NotReadWhole) => Some("not until all of it can be read"),
        Some(Protection::ProjectNotListedWhole) => Some("not until its project can be listed"),
        _ => None,
    };
    let later = |at: Option<i64>, newer: u64| {
        let at = at.map(|at| format!("from {} ({})", look.time(at), look.ago(at)));
        let newer = (newer > 0).then(|| format!("once {} of its project exist", more(newer)));
        match (at, newer) {
            (Some(at), Some(newer)) => format!("{at}, {newer}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "not before its calendar ends".to_owned(),
        }
    };
    match (until, going) {
        (Some(until), Going::Later { at: None, newer_runs: 0 }) => until.to_owned(),
        (Some(until), Going::Later { at, newer_runs }) => format!("{until}; then {}", later(*at, *newer_runs)),
        (Some(until), _) => until.to_owned(),
        (None, Going::Now) => "with the next `otto clean` under this policy".to_owned(),
        (None, Going::Later { at, newer_runs }) => later(*at, *newer_runs),
        (None, Going::Held) => "not while this holds".to_owned(),
        (None, Going::Gone) => "it is gone".to_owned(),
    }
}

/// The budgets in force, and what they mean for a run.
fn budgets(standing: &BudgetStanding, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let so = match &standing.fate {
        // What goes by the rules makes room before any budget is asked.
        BudgetFate::NotAsked => return Ok(()),
        BudgetFate::Taken(_) => "one takes it with the next clean".to_owned(),
        BudgetFate::Spared(why) => format!("none takes it while this holds: {}", why.join("; ")),
        BudgetFate::MayGo => "they may take it, the oldest run first".to_owned(),
    };
    wrapped(&format!("Budgets: {so}"), look, "", out)?;
    for budget in &standing.budgets {
        let BudgetPlan { budget: setting, met, unknown, .. } = budget;
        if let Some(why) = unknown {
            writeln!(out, "  {} {}", setting.value.names(&setting.origin), setting.value)?;
            wrapped(&printable(&format!("the next clean does not ask it: {why}")), look, "    ", out)?;
            continue;
        }
        let over = if *met { String::new() } else { format!(", not met: {}", short(budget)) };
        writeln!(out, "  {} {}", setting.value.names(&setting.origin), setting.value)?;
        writeln!(out, "    the next clean {}{over}", leaves(budget))?;
    }
    Ok(())
}

/// The parts of a run that go after an age of their own.
fn parts(parts: &[PartReasons], look: &Look, out: &mut dyn Write) -> fmt::Result {
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out, "Parts with an age of their own:")?;
    let from = |at: i64| format!("from {} ({})", look.time(at), look.ago(at));
    for PartReasons { part, reason, going, .. } in parts {
        let when = match going {
            PartGoing::Dropped => "dropped already".to_owned(),
            PartGoing::WithRun => "no sooner than the run".to_owned(),
            PartGoing::Now => "with the next `otto clean`".to_owned(),
            PartGoing::Later(Some(at)) => from(*at),
            PartGoing::Later(None) => "not before its calendar ends".to_owned(),
            PartGoing::Held(None) => "not while the run is protected".to_owned(),
            PartGoing::Held(Some(at)) => format!("not while the run is protected; {}", from(*at)),
        };
        writeln!(out, "  {}: {when}", part.word())?;
        wrapped(reason, look, "    ", out)?;
    }
    Ok(())
}

fn more(count: u64) -> String {
    format!("{count} more newer {}", if count == 1 { "run" } else { "runs" })
}

fn gone(reasons: &RunReasons, left: &Left, restore: &str, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let (time, ago) = (look.time(left.at), look.ago(left.at));
    writeln!(out, "Gone: {} {time} ({ago})", reasons.run.state.word())?;
    match &left.operation {
        Some(operation) => writeln!(out, "  by operation {}", printable(operation))?,
        None => writeln!(out, "  not by this program")?,
    }
    if let Some(command) = &left.command {
        writeln!(out, "  command: {}", printable(command))?;
    }
    for reason in &left.reasons {
        writeln!(out, "  because: {}", printable(reason))?;
    }
    match left.keep_until.filter(|_| reasons.run.state == RunState::Trashed) {
        Some(_) if reasons.run.pinned => writeln!(out, "It can be restored, for as long as it is pinned:")?,
        Some(until) => writeln!(out, "It can be restored until {} ({}):", look.time(until), look.ago(until))?,
        None => return writeln!(out, "It cannot be restored."),
    }
    writeln!(out, "  {restore}")
}

/// What a run's links name, and what goes with it.
fn named(reasons: &RunReasons, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let is_there = matches!(reasons.standing, Standing::Present { .. });
    let verb = if is_there { "names" } else { "named" };
    writeln!(out, "Cache entries it {verb}: {}", reasons.entries.len())?;
    for named in reasons.entries.iter().take(SHOWN_ENTRIES) {
        writeln!(out, "  {}", entry_name(reasons, &named.name.entry))?;
        let size = if named.name.exists { bytes(named.name.entry.size.disk) } else { "not there".to_owned() };
        writeln!(out, "    {size}, {}", sharing(named.other_runs, named.goes_with_run && named.name.exists))?;
    }
    if reasons.entries.len() > SHOWN_ENTRIES {
        writeln!(out, "  ... and {} more; --tree shows all", reasons.entries.len() - SHOWN_ENTRIES)?;
    }
    if is_there { with_it(reasons, look, out) } else { Ok(()) }
}

/// How many other runs name an entry, and what that means for it.
pub(super) fn sharing(other_runs: u64, goes_with_run: bool) -> String {
    match (other_runs, goes_with_run) {
        (0, true) => "named by no other run: goes with this one".to_owned(),
        (0, false) => "named by no other run".to_owned(),
        (n, _) => format!("named by {} too: stays", times(n, "other run")),
    }
}

/// An entry as a run of the same project would call it, and with its project where that is another.
pub(super) fn entry_name(reasons: &RunReasons, entry: &CacheEntry) -> String {
    let path = String::from_utf8_lossy(&entry.path);
    let project = if entry.project == *reasons.run.project() { String::new() } else { format!("{}/", entry.project) };
    printable(&format!("{project}.cache/{path}")).into_owned()
}

/// What would be freed if a run alone went.
pub(super) fn with_it(reasons: &RunReasons, _look: &Look, out: &mut dyn Write) -> fmt::Result {
    let entries = reasons.entries.iter().filter(|n| n.goes_with_run && n.name.exists).count() as u64;
    writeln!(out, "If it alone went: {} freed", bytes(reasons.frees.disk))?;
    let with = bytes(reasons.frees_with_cache.disk);
    writeln!(out, "  with --cache: {with}, {} included", times(entries, "cache entry"))?;
    match reasons.cache_blocked {
        Some(why) if entries > 0 => writeln!(out, "  (its cache is left alone for now: {why})"),
        _ => Ok(()),
    }
}

/// Writes why a cache entry stays or goes, and when.
///
/// # Errors
/// Those of `out`.
pub fn why_entry(reasons: &EntryReasons, look: &Look, out: &mut dyn Write) -> fmt::Result {
    let entry = &reasons.name.entry;
    let path = String::from_utf8_lossy(&entry.path);
    writeln!(out, "Cache entry: {}", printable(&format!("{}/.cache/{path}", entry.project)))?;
    if reasons.name.exists {
        let written = format!("written {} ({})", look.time(entry.written_at), look.ago(entry.written_at));
        writeln!(out, "  {}, {written}", bytes(entry.size.disk))?;
    } else {
        writeln!(out, "  no file is there: links of runs name it all the same")?;
    }
    writeln!(out, "Named by: {}", times(reasons.readers.count, "run"))?;
    readers(&reasons.readers, out)?;
    for above in &reasons.above {
        let path = String::from_utf8_lossy(&above.path);
        let what = if path.is_empty() { "the whole cache".to_owned() } else { format!(".cache/{}", printable(&path)) };
        writeln!(out, "and by {} through {what}", times(above.readers.count, "run"))?;
        readers(&above.readers, out)?;
    }
    writeln!(out, "{}", standing(reasons))?;
    if let Some(until) = reasons.grace_until {
        writeln!(out, "  just written: left alone until {} ({})", look.time(until), look.ago(until))?;
    }
    if let Some(why) = reasons.blocked {
        writeln!(out, "  the cache of its project is left alone: {why}")?;
    }
    writeln!(out, "When: {}", entry_when(reasons, look))?;
    if reasons.sooner_by_budget { writeln!(out, "  unless a budget takes those runs sooner") } else { Ok(()) }
}

fn readers(readers: &Readers, out: &mut dyn Write) -> fmt::Result {
    let id = |reader: &Reader| printable(&format!("{}/{}", reader.project, reader.dir)).into_owned();
    let Some(newest) = &readers.newest else { return Ok(()) };
    writeln!(out, "  newest: {}", id(newest))?;
    for reader in &readers.some {
        writeln!(out, "  also:   {}", id(reader))?;
    }
    let told = 1 + readers.some.len() as u64;
    if readers.count > told { writeln!(out, "  ... and {} more", readers.count - told) } else { Ok(()) }
}

fn standing(reasons: &EntryReasons) -> &'static str {
    match (reasons.name.exists, reasons.is_orphaned(), reasons.stale) {
        (false, ..) => "Missing: those links lead nowhere",
        (true, true, _) => "Orphaned: no run names it",
        (true, false, true) => "Stale: the policy lets every run go that names it",
        (true, false, false) => "Stays: a run names it that stays",
    }
}

fn entry_when(reasons: &EntryReasons, look: &Look) -> String {
    let from = |at: i64| format!("from {} ({})", look.time(at), look.ago(at));
    match &reasons.going {
        Going::Now if reasons.stale => "with those runs, by `otto clean --cache` under this policy".to_owned(),
        Going::Now => "with the next `otto clean --cache`".to_owned(),
        Going::Later { at: Some(at), .. } if !reasons.is_orphaned() => {
            format!("with the last of those runs, not before {} ({})", look.time(*at), look.ago(*at))
        }
        Going::Later { at: Some(at), .. } => from(*at),
        Going::Later { at: None, .. } => "once nobody is alive in its project".to_owned(),
        Going::Held => "with the last run that names it".to_owned(),
        Going::Gone => "it is not there".to_owned(),
    }
}
