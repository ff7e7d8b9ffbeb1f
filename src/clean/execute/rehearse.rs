//! What an execution would skip now, without a change: every item is looked at as execution would look at it.
//!
//! A run that would stay keeps what it names, as it would in an execution.

use super::super::orphans;
use super::super::plan::{EntryRemoval, NO_ROW, Plan, RunRemoval, Totals};
use super::super::strays;
use super::super::thinning::RunThinning;
use super::NotMoved;
use super::entries::entry_id;
use super::look::{Locking, Place, Sight, look_again, look_at_entry};
use super::outcome::Skipped;
use super::thin::NO_PIECES;
use crate::model::{ProjectDir, RunId, Size};
use crate::session::{Error, Session, Settings};
use crate::store::liveness::LiveRuns;
use crate::store::{cache_place, dir, parts, project_walk};
use rustix::fd::{AsFd, OwnedFd};
use std::collections::{HashMap, HashSet};
use std::io;

/// What an execution of the plan would skip or fail to remove if it began now, with the reasons.
///
/// # Errors
/// The catalog's, or when there is no store.
pub fn rehearse(session: &Session, settings: &Settings<'_>, plan: &Plan) -> Result<Vec<Skipped>, Error> {
    let projects = session.catalog.projects()?.into_iter();
    let unlisted = projects.filter(|p| !p.listed_whole).map(|p| p.dir).collect();
    let sight = Sight { session, settings, unlisted: &unlisted };
    let mut rehearsal = Rehearsal { sight, going: HashSet::new(), uncertain: HashMap::new(), skipped: Vec::new() };
    settings.progress.begin("looking again", Some(plan.runs.len() as u64));
    if !plan.runs.is_empty() {
        let live = rehearsal.sight.live()?;
        for runs in plan.runs.chunk_by(|a, b| a.id.project == b.id.project) {
            rehearsal.runs(runs, &live)?;
        }
    }
    settings.progress.end();
    if !plan.thin.is_empty() {
        let live = rehearsal.sight.live()?;
        for thinnings in plan.thin.chunk_by(|a, b| a.run.id.project == b.run.id.project) {
            rehearsal.parts(thinnings, &live)?;
        }
    }
    for entries in plan.cache.delete.chunk_by(|a, b| a.entry.project == b.entry.project) {
        rehearsal.entries(entries, &plan.cache.known_runs)?;
    }
    Ok(rehearsal.skipped)
}

impl Plan {
    /// Leaves out what would be skipped: whoever agrees to the rest agrees to no more. What the rest frees is at most what
    /// is said then, since nobody tells what a run gives of files with several names.
    pub fn leave_out(&mut self, skips: &[Skipped]) {
        let skipped: HashSet<&str> = skips.iter().map(|skip| skip.id.as_str()).collect();
        let mut less = Size::ZERO;
        let mut goes = |id: String, size: Size| {
            let goes = !skipped.contains(id.as_str());
            if !goes {
                less += size;
            }
            goes
        };
        self.runs.retain(|run| goes(run.id.to_string(), run.size));
        self.thin.retain(|one| goes(one.run.id.to_string(), one.size));
        self.cache.delete.retain(|removal| goes(entry_id(removal), removal.entry.size));
        self.frees -= less;
        self.removes = Totals::default();
        self.runs.iter().for_each(|run| self.removes.add(run.size));
    }
}

struct Rehearsal<'s> {
    sight: Sight<'s>,
    /// Rows of the runs that would go.
    going: HashSet<i64>,
    /// Projects whose entries would stay because a run stays, and why.
    uncertain: HashMap<ProjectDir, String>,
    skipped: Vec<Skipped>,
}

impl Rehearsal<'_> {
    /// Looks at runs of one project.
    fn runs(&mut self, removals: &[RunRemoval], live: &LiveRuns) -> Result<(), Error> {
        let Some(first) = removals.first() else { return Ok(()) };
        let at = Place::of(self.sight.session.store()?, &first.id.project, self.sight.settings);
        let place = self.project(&first.id.project)?;
        for removal in removals {
            self.sight.settings.progress.advance(1);
            let looked = self.sight.row(removal, live).and_then(|_| match &place {
                Ok(place) => look_again(place.as_fd(), removal, &at, Locking::Probe),
                Err(reason) => Err(NotMoved::Skip(reason.clone())),
            });
            let (reason, doubt, named) = match looked {
                Ok(_) => {
                    self.going.insert(removal.key);
                    continue;
                }
                Err(NotMoved::Skip(reason)) => (reason, false, Vec::new()),
                Err(NotMoved::Alive(reason)) => (reason, true, Vec::new()),
                Err(NotMoved::Changed(reason, named)) => (reason, true, named),
                Err(NotMoved::Fail(failed)) => (failed.error, true, Vec::new()),
            };
            if doubt {
                self.doubt(&removal.id, &named, &reason);
            }
            self.skipped.push(Skipped { id: removal.id.to_string(), reason });
        }
        Ok(())
    }

    /// Looks at runs of one project that stay and of which parts go.
    fn parts(&mut self, thinnings: &[RunThinning], live: &LiveRuns) -> Result<(), Error> {
        let Some(first) = thinnings.first() else { return Ok(()) };
        let root = self.sight.session.store()?;
        let at = Place::of(root, &first.run.id.project, self.sight.settings);
        let place = self.project(&first.run.id.project)?;
        for thinning in thinnings {
            let looked = self.sight.row(&thinning.run, live).and_then(|_| match &place {
                Ok(place) => {
                    let looked = look_again(place.as_fd(), &thinning.run, &at, Locking::Probe)?;
                    let are_pieces = dir::c_name(thinning.run.id.run.as_str().as_bytes())
                        .and_then(|name| dir::open_dir(place.as_fd(), &name))
                        .and_then(|fd| parts::are_pieces(fd.as_fd(), root.dev(), &looked.tasks, &thinning.pieces));
                    if are_pieces.unwrap_or(false) { Ok(()) } else { Err(NotMoved::Skip(NO_PIECES.to_owned())) }
                }
                Err(reason) => Err(NotMoved::Skip(reason.clone())),
            });
            let reason = match looked {
                Ok(()) => continue,
                Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => reason,
                Err(NotMoved::Fail(failed)) => failed.error,
            };
            self.skipped.push(Skipped { id: thinning.run.id.to_string(), reason });
        }
        Ok(())
    }

    /// The open directory of a project, or why nothing of it can go.
    fn project(&self, project: &ProjectDir) -> Result<Result<OwnedFd, String>, Error> {
        let root = self.sight.session.store()?;
        if project.is_root() {
            return Ok(root.fd().try_clone_to_owned().map_err(|error| error.to_string()));
        }
        Ok(match project_walk::open_project(root, project) {
            Ok(Some((fd, _))) => Ok(fd),
            Ok(None) => Err("its project is gone".to_owned()),
            Err(problem) => Err(problem.to_string()),
        })
    }

    fn doubt(&mut self, run: &RunId, named: &[ProjectDir], reason: &str) {
        for project in std::iter::once(&run.project).chain(named) {
            self.uncertain.entry(project.clone()).or_insert_with(|| format!("the run {run} stays: {reason}"));
        }
    }

    /// Looks at entries of one project.
    fn entries(&mut self, removals: &[EntryRemoval], known: &HashMap<i64, HashSet<String>>) -> Result<(), Error> {
        let Some(first) = removals.first() else { return Ok(()) };
        let (project, key) = (&first.entry.project, first.entry.project_key);
        let nobody = HashSet::new();
        let known = known.get(&key).unwrap_or(&nobody);
        let somebody = match self.uncertain.get(project) {
            Some(why) => Some(why.clone()),
            None => self.sight.somebody_in(project, key, known)?,
        };
        let place = self.project(project)?;
        let place = match somebody.map_or(place, Err) {
            Ok(place) => place,
            Err(reason) => {
                let skipped = removals.iter().map(|r| Skipped { id: entry_id(r), reason: reason.clone() });
                self.skipped.extend(skipped);
                return Ok(());
            }
        };
        let catalog = &self.sight.session.catalog;
        let goes = |run: i64| Ok(self.going.contains(&run));
        let unnamed = orphans::named_by_none_but(catalog, key, removals.iter().map(|r| &r.entry), &goes)?;
        let stale = removals.iter().filter(|removal| !removal.readers.is_empty()).map(|removal| &removal.entry);
        let unpinned = orphans::named_by_none_pinned(catalog, key, stale)?;
        for removal in removals {
            let readers = catalog.readers_of(removal.entry.key)?;
            let stale =
                unpinned.contains(&removal.entry.key) && readers.iter().all(|reader| removal.readers.contains(reader));
            let reason = if removal.is_stray() {
                match strays::is_unnamed(catalog, removal)? {
                    true => look(&place, removal),
                    false => Some("a run names it now".to_owned()),
                }
            } else if removal.entry.key == NO_ROW {
                Some("it is gone".to_owned())
            } else if !unnamed.contains(&removal.entry.key) && !stale {
                Some("a run names it now".to_owned())
            } else {
                look(&place, removal)
            };
            if let Some(reason) = reason {
                self.skipped.push(Skipped { id: entry_id(removal), reason });
            }
        }
        Ok(())
    }
}

/// Why an entry is not what was planned.
fn look(project: &OwnedFd, removal: &EntryRemoval) -> Option<String> {
    let path = &removal.entry.path;
    let looked = match cache_place::open(project.as_fd(), path) {
        Ok((place, name)) => look_at_entry(place.as_fd(), &name, removal),
        Err(rustix::io::Errno::NOENT) => return Some("it is gone".to_owned()),
        Err(error) => return Some(format!("cannot open the cache: {}", io::Error::from(error))),
    };
    match looked {
        Ok(()) => None,
        Err(NotMoved::Skip(reason) | NotMoved::Alive(reason) | NotMoved::Changed(reason, _)) => Some(reason),
        Err(NotMoved::Fail(failed)) => Some(failed.error),
    }
}
