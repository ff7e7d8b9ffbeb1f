//! Writes runs one at a time, each exactly as its era's runner would have left it.

use super::era::hash64;
use super::files::{Files, explain};
use super::rows::{Row, row};
use super::runner_db::{self, WalState};
use super::task::Place;
use super::text::run_yaml;
use super::{Outcome, RunSpec, Times, Written};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A store under construction.
///
/// Runs should be written in the order of their times: as with the runner, the newest write to a directory sets its time.
pub struct StoreBuilder {
    root: PathBuf,
    prefix: String,
    rows: Vec<Row>,
    projects: BTreeSet<String>,
    cache_entries: usize,
    tasks: usize,
    bytes: u64,
    orphans: usize,
}

impl StoreBuilder {
    /// A builder for the store at `root`, which is created if it is missing; what is in it stays.
    ///
    /// # Errors
    /// When the directory cannot be created or resolved.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root).map_err(explain("create the store at", root))?;
        let root = root.canonicalize().map_err(explain("resolve", root))?;
        let prefix = root.to_string_lossy().into_owned();
        Ok(Self {
            root,
            prefix,
            rows: Vec::new(),
            projects: BTreeSet::new(),
            cache_entries: 0,
            tasks: 0,
            bytes: 0,
            orphans: 0,
        })
    }

    /// Makes absolute links and rows name `prefix` instead of the real root, as in a store that was moved. It holds for
    /// what is written from here on.
    pub fn as_if_at(&mut self, prefix: &str) -> &mut Self {
        prefix.trim_end_matches('/').clone_into(&mut self.prefix);
        self
    }

    /// The store's real path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes one run and the cache entries it needs that are not there yet, and remembers its row for
    /// [`StoreBuilder::runner_db`]. Returns its path.
    ///
    /// # Errors
    /// When something cannot be written; the error names the path.
    pub fn run(&mut self, spec: RunSpec) -> io::Result<PathBuf> {
        let mut files = Files::new(spec.times);
        let project = spec.project_dir();
        let run_name = spec.run_dir();
        let is_era_a = project == ".";
        let project_path = if is_era_a { self.root.clone() } else { self.root.join(&project) };
        let path = project_path.join(&run_name);
        files.dir(&path)?;
        let place = Place {
            project: project_path.clone(),
            run: path.clone(),
            project_text: format!("{}/{project}", self.prefix),
            run_text: format!("{}/{project}/{run_name}", self.prefix),
        };
        if is_era_a {
            self.write_era_a(&mut files, &spec, &path)?;
        } else {
            self.cache_entries += write_run(&mut files, &spec, &place)?;
        }
        files.stamp(&path, spec.timestamp)?;
        files.stamp(&project_path, spec.timestamp)?;
        if spec.in_db && spec.era.has_database() {
            self.rows.push(row(&spec, &place.run_text, files.bytes));
        }
        self.bytes += files.bytes;
        self.tasks += spec.tasks.len();
        if self.projects.insert(project) {
            files.stamp(&self.root, spec.timestamp)?;
        }
        Ok(path)
    }

    /// Writes an entry into a project's cache: `rel` is relative to `.cache`, `mtime` the present when `None`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cache_entry(
        &mut self,
        project_dir: &str,
        rel: &str,
        bytes: &[u8],
        mtime: Option<i64>,
    ) -> io::Result<PathBuf> {
        let path = self.root.join(project_dir).join(".cache").join(rel);
        let mut files = Files::new(if mtime.is_some() { Times::AsWritten } else { Times::Now });
        files.file(&path, bytes, 0o755, mtime.unwrap_or_default())?;
        self.bytes += files.bytes;
        self.cache_entries += 1;
        Ok(path)
    }

    /// Writes an entry that no run names, under the name its content gives it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn orphan(&mut self, project_dir: &str, mtime: Option<i64>) -> io::Result<PathBuf> {
        let text = format!("#!/usr/bin/env bash\n# nobody needs this any more: {}\n", self.orphans);
        self.orphan_with(project_dir, text.as_bytes(), mtime)
    }

    pub(super) fn orphan_with(&mut self, project_dir: &str, bytes: &[u8], mtime: Option<i64>) -> io::Result<PathBuf> {
        self.orphans += 1;
        self.cache_entry(project_dir, &format!("{}.sh", super::hash8(bytes)), bytes, mtime)
    }

    /// Writes `otto.db` with the rows of the runs so far. `schema` is 1 to 5, or more for one of the future, which has
    /// columns that nobody knows.
    ///
    /// # Errors
    /// When there is an `otto.db` already, or it cannot be written.
    pub fn runner_db(&mut self, schema: u8, wal: WalState) -> io::Result<PathBuf> {
        let path = self.root.join("otto.db");
        runner_db::write(&path, schema, wal, self.rows.iter().cloned())?;
        Ok(path)
    }

    /// Writes `.last_prune`, an empty file whose time alone counts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn last_prune(&mut self, mtime: i64) -> io::Result<()> {
        Files::new(Times::AsWritten).file(&self.root.join(".last_prune"), b"", 0o644, mtime)
    }

    pub(super) fn stamp(&self, path: &Path, at: i64) -> io::Result<()> {
        Files::new(Times::AsWritten).stamp(path, at)
    }

    pub(super) fn summary(&self, runs: usize) -> super::Summary {
        super::Summary {
            runs,
            projects: self.projects.len(),
            tasks: self.tasks,
            cache_entries: self.cache_entries,
            orphans: self.orphans,
            size_bytes: self.bytes,
        }
    }

    /// Era A keeps the action texts of a run and a link to an empty directory that is named after the ottofile.
    fn write_era_a(&self, files: &mut Files, spec: &RunSpec, path: &Path) -> io::Result<()> {
        let hash = hash64(spec.ottofile.as_bytes());
        let content_dir = self.root.join(format!(".{hash}"));
        files.dir(&content_dir)?;
        files.stamp(&content_dir, spec.timestamp)?;
        files.link(&format!("{}/.{hash}", self.prefix), &path.join(&hash[..12]), spec.timestamp)?;
        let mut at = spec.timestamp;
        for task in &spec.tasks {
            if !matches!(task.outcome, Outcome::Skipped | Outcome::Unstarted) {
                files.file(&path.join(&task.name), task.script.as_bytes(), 0o644, at)?;
                at += task.duration_s;
            }
        }
        let latest = format!("{}/{}", self.prefix, spec.timestamp);
        files.link(&latest, &self.root.join("latest"), spec.timestamp)
    }
}

/// Writes a run of any era but A. Returns the number of cache entries it added.
fn write_run(files: &mut Files, spec: &RunSpec, place: &Place) -> io::Result<usize> {
    files.dir(&place.project.join(".cache"))?;
    let tasks = place.run.join("tasks");
    files.dir(&tasks)?;
    match &spec.run_yaml {
        Written::ByEra if spec.era.writes_run_yaml() => {
            let mode = spec.era.run_yaml_mode();
            files.file(&place.run.join("run.yaml"), run_yaml(spec)?.as_bytes(), mode, spec.timestamp)?;
        }
        Written::Bytes(bytes) => files.file(&place.run.join("run.yaml"), bytes, 0o644, spec.timestamp)?,
        _ => {}
    }
    if spec.era.writes_lock() {
        files.file(&place.run.join(".lock"), b"", 0o644, spec.timestamp)?;
    }
    let (mut start, mut newest, mut added) = (spec.timestamp, spec.timestamp, 0);
    for task in &spec.tasks {
        if task.outcome == Outcome::Skipped {
            continue;
        }
        newest = start;
        added += super::task::write(files, spec, task, place, start)?;
        start += task.duration_s;
    }
    files.stamp(&tasks, newest)?;
    Ok(added)
}
