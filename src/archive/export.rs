//! Writing runs into an archive.

use super::codec::{Encoder, Format};
use super::error::{Error, io_error};
use super::manifest::{self, ArchivedRun, Item, LeftOut, Manifest, SCHEMA};
use super::scripts::{EntryPlace, Scripts};
use super::survey::{self, Survey};
use super::write::{Failure, Source, open_file, write};
use super::{Archive, Asked, Limits, Skipped};
use crate::audit::RemovedRun;
use crate::model::{ProjectDir, Run, RunId, Size};
use crate::retention::{self, Protection};
use crate::session::{Session, Settings};
use crate::store::dir::{self, Listing};
use crate::store::liveness::{self, LiveRuns, LockState};
use crate::store::outside::{self, NewFile, Written};
use crate::store::run_walk::{self, Look};
use crate::store::{cache_place, project_walk};
use rustix::fd::{AsFd as _, OwnedFd};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The runs.
    pub runs: &'a [Run],
    /// Cache entries that are to be in it besides those that the runs name: projects, and paths below their caches.
    pub entries: &'a [EntryPlace],
    /// The file.
    pub output: &'a Path,
    /// Whether a regular file that is there may be replaced.
    pub force: bool,
    /// How much the archive may hold.
    pub limits: Limits,
    /// Whether the file is read again, every hash of it, before this is called done.
    pub verify: bool,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// The file; `None` when no run was left to write.
    pub path: Option<PathBuf>,
    /// Its length.
    pub bytes: u64,
    /// The lengths of all files in it.
    pub size: u64,
    /// The runs, in their order.
    pub runs: Vec<ExportedRun>,
    /// Cache entries that they name.
    pub entries: u64,
    /// Runs that were left out, and why.
    pub skipped: Vec<Skipped>,
    /// All that is in it; `None` when nothing was written.
    pub manifest: Option<Manifest>,
    /// The file as it was written.
    pub written: Option<Written>,
    /// What no archive takes: the runs, and what is there.
    pub left_out: Vec<(RunId, LeftOut)>,
}

/// A run that was written.
#[derive(Clone, Debug)]
pub struct ExportedRun {
    /// Which.
    pub id: RunId,
    /// What it looked like: hex of the manifest that a walk makes of it.
    pub manifest: String,
    /// What it takes in the store.
    pub size: Size,
    /// How many files of it are in the archive.
    pub files: u64,
}

/// Writes runs into a file, which must not lie in the store.
///
/// # Errors
/// [`Error`]; then there is no file, or the one that was there.
pub fn export(
    session: &Session,
    settings: &Settings<'_>,
    request: &Request<'_>,
    asked: &Asked<'_>,
) -> Result<Exported, Error> {
    let format = Format::of_name(request.output)?;
    let root = session.store()?;
    outside::may_lie(root, request.output)?;
    let mut file = NewFile::begin(&settings.hook, request.output, request.force)?;
    let live = liveness::scan_processes(&settings.processes, &[root.path(), root.as_given()], settings.own_pid);
    let mut work = Work { session, settings, live, limits: request.limits, done: Exported::default(), size: 0 };
    let mut runs: Vec<&Run> = request.runs.iter().collect();
    runs.sort_by(|a, b| (a.project(), a.dir().as_str()).cmp(&(b.project(), b.dir().as_str())));
    runs.dedup_by_key(|run| run.key);
    settings.progress.begin("reading", Some(runs.len() as u64));
    let read = work.read(&runs, asked);
    settings.progress.end();
    let mut ready = read?;
    let mut attempts = 0;
    loop {
        let manifest = work.manifest(&mut ready, request.entries)?;
        if manifest.runs.is_empty() && request.entries.is_empty() {
            return Ok(work.done);
        }
        settings.progress.begin("writing", Some(manifest.items().count() as u64));
        let failed = work.write(&manifest, &ready, format, &mut file, asked);
        settings.progress.end();
        match failed? {
            Wrote::Whole => {
                work.finish(manifest, &ready);
                break;
            }
            // What was written has something in it that is not what its manifest says: all is written again.
            Wrote::But(at, reason) => {
                let id = ready.remove(at).run.id.to_string();
                work.done.skipped.push(Skipped { id, reason });
            }
            Wrote::Entry(why) => {
                attempts += 1;
                if attempts == ATTEMPTS {
                    return Err(io_error("read what belongs into", request.output)(io::Error::other(why)));
                }
            }
        }
        file.restart(&settings.hook)?;
    }
    if request.verify {
        let written = file.reopen()?;
        let archive = Archive::of_file(written, request.output, request.limits)?;
        archive.verify(asked.interrupted)?;
    }
    let written = file.finish(&settings.hook)?;
    (work.done.bytes, work.done.written) = (written.bytes, Some(written));
    work.done.path = Some(request.output.to_owned());
    Ok(work.done)
}

/// How often all is written again because a cache entry changed meanwhile: nobody but a runner changes them.
const ATTEMPTS: u32 = 3;

/// What became of a file that was written.
enum Wrote {
    /// All of it is what its manifest says.
    Whole,
    /// The run in that place is not.
    But(usize, String),
    /// A cache entry is not.
    Entry(String),
}

/// A run that was read.
struct Ready<'r> {
    run: &'r Run,
    archived: ArchivedRun,
    entries: Vec<EntryPlace>,
}

struct Work<'w> {
    session: &'w Session,
    settings: &'w Settings<'w>,
    live: LiveRuns,
    limits: Limits,
    done: Exported,
    /// The lengths of what was read.
    size: u64,
}

impl Work<'_> {
    /// Reads all runs for the manifest.
    fn read<'r>(&mut self, runs: &[&'r Run], asked: &Asked<'_>) -> Result<Vec<Ready<'r>>, Error> {
        let mut ready = Vec::with_capacity(runs.len());
        for run in runs {
            let read = self.run(run, asked)?;
            if (asked.interrupted)() {
                return Err(Error::Interrupted);
            }
            match read {
                Ok(one) => {
                    self.size += one.archived.size();
                    ready.push(one);
                }
                Err(reason) => self.done.skipped.push(Skipped { id: run.id.to_string(), reason }),
            }
            self.settings.progress.advance(1);
        }
        Ok(ready)
    }

    /// Reads a run, or says why it is left out.
    fn run<'r>(&self, run: &'r Run, asked: &Asked<'_>) -> Result<Result<Ready<'r>, String>, Error> {
        let alive = self.live.contains(run.project(), run.dir().as_str());
        let mut protections = retention::protections(run, alive, true, self.settings.clock.now);
        let moving = |p: &Protection| matches!(p, Protection::Running | Protection::Recent | Protection::NotReadWhole);
        if let Some(protection) = protections.find(moving) {
            return Ok(Err(protection.to_string()));
        }
        let mut row = RemovedRun::of(&self.session.catalog, run, &[])?;
        row.pin = None;
        let known = row.manifest.clone().unwrap_or_default();
        if let Err(why) = self.is_unchanged(run, &known) {
            return Ok(Err(why));
        }
        let Some(fd) = self.open(&run.id) else { return Ok(Err("it is gone".to_owned())) };
        let most = self.limits.size.saturating_sub(self.size);
        let Survey { members, left_out, .. } = match survey::survey(fd.as_fd(), most, asked.interrupted) {
            Ok(survey) => survey,
            Err(why) if why == survey::TOO_LARGE => return Ok(Err(self.too_large())),
            Err(why) => return Ok(Err(why)),
        };
        if let Err(why) = self.is_unchanged(run, &known) {
            return Ok(Err(why));
        }
        let dropped = run.thinned.names().into_iter().map(str::to_owned).collect();
        let entries = self.session.catalog.names_of(run.key)?;
        Ok(Ok(Ready { run, archived: ArchivedRun { row, dropped, members, left_out }, entries }))
    }

    /// Why a run is left out that does not fit in.
    fn too_large(&self) -> String {
        let allowed = self.limits.size;
        match self.size {
            0 => format!("its files have more than the {allowed} bytes that one archive may hold"),
            before => format!(
                "with the {before} bytes before it, its files have more than the {allowed} that one archive may hold: \
                 export fewer runs at once"
            ),
        }
    }

    /// Whether a run is what the catalog knows, and nobody works in it.
    fn is_unchanged(&self, run: &Run, known: &str) -> Result<(), String> {
        let root = self.session.store().map_err(|error| error.to_string())?;
        let place = match self.place(run.project()) {
            Some(place) => place,
            None => return Err("its project is gone".to_owned()),
        };
        let path = project_walk::project_path(root, run.project());
        let look = Look {
            project_path: &path,
            dev: root.dev(),
            now_ns: self.settings.clock.now.saturating_mul(1_000_000_000),
            read_yaml: false,
            at_root: run.project().is_root(),
        };
        match run_walk::walk_run(place.as_fd(), run.dir(), &look, &mut Listing::default()) {
            Ok(Some(found)) if !matches!(found.lock, LockState::Absent | LockState::Free) => {
                Err(Protection::Running.to_string())
            }
            Ok(Some(found)) if !found.whole => Err(Protection::NotReadWhole.to_string()),
            Ok(Some(found)) if blake3::Hash::from_bytes(found.manifest).to_hex().as_str() == known => Ok(()),
            Ok(Some(_)) => Err("it changed since it was indexed, or while it was read".to_owned()),
            Ok(None) => Err("it is gone".to_owned()),
            Err(problem) => Err(problem.to_string()),
        }
    }

    fn place(&self, project: &ProjectDir) -> Option<OwnedFd> {
        let root = self.session.store().ok()?;
        if project.is_root() {
            return dir::open_dir(root.fd(), c".").ok();
        }
        project_walk::open_project(root, project).ok().flatten().map(|(fd, _)| fd)
    }

    fn open(&self, id: &RunId) -> Option<OwnedFd> {
        let name = dir::c_name(id.run.as_str().as_bytes()).ok()?;
        dir::open_dir(self.place(&id.project)?.as_fd(), &name).ok()
    }

    /// The manifest of the runs that are ready, with the cache entries that they name. A run of which one is there and
    /// cannot be read is left out.
    fn manifest(&mut self, ready: &mut Vec<Ready<'_>>, more: &[EntryPlace]) -> Result<Manifest, Error> {
        let mut scripts = Scripts::new(self.session.store()?);
        let skipped = &mut self.done.skipped;
        ready.retain(|one| match one.entries.iter().try_for_each(|named| scripts.add(named)) {
            Ok(()) => true,
            Err(reason) => {
                skipped.push(Skipped { id: one.run.id.to_string(), reason });
                false
            }
        });
        // Whoever asks for these finds out that they are not in it.
        more.iter().for_each(|named| drop(scripts.add(named)));
        let entries = scripts.into_entries();
        let runs: Vec<ArchivedRun> = ready.iter().map(|one| one.archived.clone()).collect();
        let size = entries.iter().map(|entry| entry.size_bytes).sum::<u64>();
        Ok(Manifest {
            schema: SCHEMA.to_owned(),
            store_id: self.session.catalog.store_state()?.store_id,
            size_bytes: size + runs.iter().map(ArchivedRun::size).sum::<u64>(),
            entries,
            runs,
        })
    }

    /// Writes the file, and looks at every run once more.
    fn write(
        &self,
        manifest: &Manifest,
        ready: &[Ready<'_>],
        format: Format,
        file: &mut NewFile,
        asked: &Asked<'_>,
    ) -> Result<Wrote, Error> {
        // Scripts come on top of the runs, and whoever imports it counts them as well.
        if manifest.size_bytes > self.limits.size {
            return Err(Error::TooMuch { bytes: manifest.size_bytes, allowed: self.limits.size });
        }
        let text = serde_json::to_vec(manifest).map_err(io::Error::other).map_err(io_error("write", file.path()))?;
        if !manifest::is_within_limits(&text) {
            return Err(Error::TooMany(text.len() as u64));
        }
        let path = file.path().to_owned();
        let out = io::BufWriter::with_capacity(1 << 18, file.file());
        let mut encoder = Encoder::new(format, out).map_err(io_error("write", &path))?;
        let mut source = FromStore { work: self, open: HashMap::new(), at: None };
        let written = write(manifest, &text, &mut source, &mut encoder, asked.interrupted, &mut |_| {
            self.settings.progress.advance(1);
        });
        match written {
            Ok(()) => {}
            _ if (asked.interrupted)() => return Err(Error::Interrupted),
            Err(Failure::Out(error)) => return Err(io_error("write", &path)(error)),
            Err(Failure::Item(why)) => match source.at {
                Some(at) => return Ok(Wrote::But(at, why)),
                None => return Ok(Wrote::Entry(why)),
            },
        }
        let out = encoder.finish().map_err(io_error("write", &path))?;
        out.into_inner().map_err(|error| error.into_error()).map_err(io_error("write", &path))?;
        for (at, one) in ready.iter().enumerate() {
            let known = one.archived.row.manifest.as_deref().unwrap_or_default();
            if let Err(why) = self.is_unchanged(one.run, known) {
                return Ok(Wrote::But(at, why));
            }
        }
        Ok(Wrote::Whole)
    }

    fn finish(&mut self, manifest: Manifest, ready: &[Ready<'_>]) {
        self.done.size = manifest.size_bytes;
        self.done.entries = manifest.entries.len() as u64;
        self.done.manifest = Some(manifest);
        for one in ready {
            self.done.runs.push(ExportedRun {
                id: one.run.id.clone(),
                manifest: one.archived.row.manifest.clone().unwrap_or_default(),
                size: one.run.size,
                files: one.archived.files(),
            });
            let left = one.archived.left_out.iter().cloned();
            self.done.left_out.extend(left.map(|left| (one.run.id.clone(), left)));
        }
    }
}

/// Contents from the store.
struct FromStore<'w> {
    work: &'w Work<'w>,
    /// Directories of runs, by their place in the manifest: one at a time.
    open: HashMap<usize, OwnedFd>,
    /// The run that is read.
    at: Option<usize>,
}

impl Source for FromStore<'_> {
    fn open(&mut self, item: &Item<'_>) -> io::Result<File> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        match item {
            Item::Entry(_, entry) => {
                self.at = None;
                let place = self.work.place(&ProjectDir::new(manifest::bytes(&entry.project))).ok_or_else(gone)?;
                let (above, name) = cache_place::open(place.as_fd(), &manifest::bytes(&entry.entry))?;
                Ok(File::from(dir::open_file(above.as_fd(), &name)?))
            }
            Item::OfRun(at, run, member) => {
                self.at = Some(*at);
                if !self.open.contains_key(at) {
                    self.open.clear();
                    let id = run.id().ok_or_else(gone)?;
                    self.open.insert(*at, self.work.open(&id).ok_or_else(gone)?);
                }
                open_file(self.open[at].as_fd(), &manifest::bytes(&member.path))
            }
        }
    }
}
