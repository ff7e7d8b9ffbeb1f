//! Many alike runs, written as fast as the file system takes them.
//!
//! What costs here is the number of system calls: a store of 10 000 runs is some 750 000 entries. So a run's files are
//! made relative to the open directory `tasks`, by paths that are put together once for all runs; empty files are made
//! by one call (`mknodat`); times are left as they are. Runs are independent of each other and written in parallel; each
//! draws its choices from a stream of its own, and `Shape::choose` tells the files and the rows the same story.
//!
//! On ext4 a store written just after one of the same size was deleted takes several times as long: the file system walks
//! past every inode that was freed in the last seconds (`recently_deleted`). Measure on a disk that has come to rest.
//!
//! The older two thirds are of era J, the rest of era K. One run in ten fails, in its last task, so that all runs have
//! the same number of files but one.

use super::files::explain;
use super::rows::{Row, TaskRow};
use super::runner_db::{self, WalState};
use super::text::{BUILTINS_SH, run_yaml};
use super::{Dice, Era, RunSpec, Spec, Summary, TaskSpec, hash8};
use rayon::prelude::*;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat, symlinkat};
use std::io;
use std::path::Path;

/// Distinct shared cache entries of a project, or a few more when runs have more tasks.
const SHARED_ENTRIES: usize = 30;

/// One run in so many has a cache entry of its own, so that removing runs frees cache.
const UNIQUE_EVERY: usize = 50;

/// The newest run is this old. Over an hour, or a store written at `now` would not be told as a copied one.
const YOUNGEST_S: i64 = 2 * 3600;

/// The oldest run is this old.
const OLDEST_S: i64 = 365 * 86_400;

const TASKS: [&str; 12] = [
    "build",
    "check:types",
    "db:migrate",
    "docs",
    "e2e:chrome",
    "e2e:firefox",
    "format",
    "install",
    "lint",
    "package",
    "test",
    "deploy",
];

/// What every run shares.
struct Shape {
    runs: usize,
    now: i64,
    seed: u64,
    projects: Vec<Project>,
    tasks: Vec<TaskFiles>,
    log: Vec<u8>,
}

struct Project {
    cwd: String,
    dir: String,
    entries: Vec<Entry>,
}

/// A cache entry and the link to it.
struct Entry {
    name: String,
    text: String,
    link: String,
}

/// The paths of a task's files, relative to `tasks`.
struct TaskFiles {
    name: String,
    script: String,
    builtins: String,
    stdout: String,
    stderr: String,
    output: String,
}

/// What one run is like.
struct Choice {
    project: usize,
    era: Era,
    timestamp: i64,
    failed: bool,
    /// Index of each task's entry among the project's.
    entries: Vec<usize>,
    unique: Option<Entry>,
    /// Length of each task's log.
    logs: Vec<usize>,
}

pub(super) fn write(root: &Path, spec: &Spec) -> io::Result<Summary> {
    std::fs::create_dir_all(root).map_err(explain("create the store at", root))?;
    let root = root.canonicalize().map_err(explain("resolve", root))?;
    let shape = Shape::new(spec);
    let store = open_dir(CWD, &root).map_err(explain("open", &root))?;
    let mut summary = Summary::default();
    let mut project_fds = Vec::with_capacity(shape.projects.len());
    for project in &shape.projects {
        let (fd, bytes) = project.write(&store).map_err(explain("write", &root.join(&project.dir)))?;
        project_fds.push(fd);
        summary.projects += 1;
        summary.cache_entries += project.entries.len();
        summary.size_bytes += bytes;
    }
    let written = (0..shape.runs)
        .into_par_iter()
        .map(|run| {
            let choice = shape.choose(run);
            let dir = &shape.projects[choice.project].dir;
            shape
                .write_run(&project_fds[choice.project], &choice)
                .map_err(|error| explain("write", &root.join(dir).join(choice.timestamp.to_string()))(error))
        })
        .try_reduce(Summary::default, |a, b| Ok(a.plus(b)))?;
    if spec.runner_db {
        let prefix = root.to_string_lossy();
        let rows = (0..shape.runs).map(|run| shape.row(&shape.choose(run), &prefix));
        runner_db::write(&root.join("otto.db"), 5, WalState::Clean, rows)?;
    }
    summary.orphans = shape.orphans();
    Ok(summary.plus(written))
}

impl Summary {
    fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            projects: self.projects + other.projects,
            tasks: self.tasks + other.tasks,
            cache_entries: self.cache_entries + other.cache_entries,
            orphans: self.orphans + other.orphans,
            size_bytes: self.size_bytes + other.size_bytes,
        }
    }
}

impl Shape {
    fn new(spec: &Spec) -> Self {
        let projects = spec.projects.unwrap_or(spec.runs / 500).max(1);
        let tasks = spec.tasks_per_run.unwrap_or(TASKS.len());
        let entries = SHARED_ENTRIES.max(tasks);
        Self {
            runs: spec.runs,
            now: spec.now,
            seed: spec.seed,
            projects: (0..projects).map(|n| Project::new(n, entries)).collect(),
            tasks: (0..tasks).map(TaskFiles::new).collect(),
            log: super::files::bytes_of(&super::Content::Len(4096)),
        }
    }

    /// All that is peculiar to a run, the oldest being 0.
    fn choose(&self, run: usize) -> Choice {
        let mut dice = Dice::of_part(self.seed, run as u64);
        let project = run % self.projects.len();
        let entries = self.projects[project].entries.len();
        let newer = (self.runs - 1 - run) as i128;
        let age = i128::from(OLDEST_S - YOUNGEST_S) * newer / (self.runs as i128) + i128::from(YOUNGEST_S);
        let unique = run % UNIQUE_EVERY == UNIQUE_EVERY / 2;
        Choice {
            project,
            era: if run * 3 >= self.runs * 2 { Era::K } else { Era::J },
            timestamp: self.now - i64::try_from(age).unwrap_or(OLDEST_S),
            failed: dice.one_in(10),
            // Each task has a few entries of its own among the shared ones, as a script has that is edited now and then.
            entries: (0..self.tasks.len())
                .map(|task| {
                    let versions = (entries - task).div_ceil(self.tasks.len()) as u64;
                    task + self.tasks.len() * dice.range(0, versions) as usize
                })
                .collect(),
            unique: unique.then(|| Entry::new(format!("#!/usr/bin/env bash\necho 'asked for once, by run {run}'\n"))),
            logs: (0..self.tasks.len()).map(|_| dice.range(200, 3800) as usize).collect(),
        }
    }

    /// Shared entries that chance gave to no run; there are some in small stores only.
    fn orphans(&self) -> usize {
        let mut named: Vec<Vec<bool>> =
            self.projects.iter().map(|project| vec![false; project.entries.len()]).collect();
        for choice in (0..self.runs).map(|run| self.choose(run)) {
            // A run with an entry of its own links that in place of its first task's shared one.
            let own = usize::from(choice.unique.is_some());
            choice.entries.iter().skip(own).for_each(|&entry| named[choice.project][entry] = true);
        }
        named.iter().flatten().filter(|named| !**named).count()
    }

    fn spec(&self, choice: &Choice) -> RunSpec {
        RunSpec::new(choice.era, self.projects[choice.project].cwd.as_str(), choice.timestamp)
    }

    fn write_run(&self, project: &OwnedFd, choice: &Choice) -> io::Result<Summary> {
        let directory = Mode::from_raw_mode(0o755);
        let mut summary = Summary { runs: 1, tasks: self.tasks.len(), ..Summary::default() };
        let name = choice.timestamp.to_string();
        mkdirat(project, &name, directory)?;
        let run = open_dir(project, Path::new(&name))?;
        mkdirat(&run, "tasks", directory)?;
        let tasks = open_dir(&run, Path::new("tasks"))?;
        let yaml = run_yaml(&self.spec(choice))?;
        let private = if choice.era >= Era::K { 0o600 } else { 0o644 };
        summary.size_bytes += file(&run, "run.yaml", yaml.as_bytes(), private)?;
        if let Some(entry) = &choice.unique {
            summary.size_bytes += entry.write(&open_dir(project, Path::new(".cache"))?)?;
            summary.cache_entries += 1;
        }
        let shared = &self.projects[choice.project].entries;
        for (n, task) in self.tasks.iter().enumerate() {
            let entry = match &choice.unique {
                Some(unique) if n == 0 => unique,
                _ => &shared[choice.entries[n]],
            };
            mkdirat(&tasks, &task.name, directory)?;
            symlinkat(&entry.link, &tasks, &task.script)?;
            summary.size_bytes += file(&tasks, &task.builtins, BUILTINS_SH.as_bytes(), 0o755)?;
            summary.size_bytes += file(&tasks, &task.stdout, &self.log[..choice.logs[n]], 0o644)?;
            if choice.failed && n + 1 == self.tasks.len() {
                let stderr = format!("{}: the cluster refused the release\n", task.name);
                summary.size_bytes += file(&tasks, &task.stderr, stderr.as_bytes(), 0o644)?;
            } else {
                file(&tasks, &task.stderr, b"", 0o644)?;
                summary.size_bytes += file(&tasks, &task.output, b"{}", 0o644)?;
            }
        }
        Ok(summary)
    }

    fn row(&self, choice: &Choice, prefix: &str) -> Row {
        let run = self.spec(choice);
        let run_text = format!("{prefix}/{}/{}", self.projects[choice.project].dir, choice.timestamp);
        let count = self.tasks.len();
        let run = run.tasks(self.tasks.iter().enumerate().map(|(n, task)| {
            let failed = choice.failed && n + 1 == count;
            if failed { TaskSpec::failed(task.name.as_str(), 1) } else { TaskSpec::ok(task.name.as_str()) }
        }));
        let mut row = super::rows::row(&run, &run_text, 0);
        row.size_bytes = None;
        // The names of the entries really linked, in place of those of scripts that were never written.
        let shared = &self.projects[choice.project].entries;
        let entries = choice.entries.iter().map(|&index| &shared[index]);
        let with_hash = |(n, (task, entry)): (usize, (&mut TaskRow, &Entry))| {
            let entry = choice.unique.as_ref().filter(|_| n == 0).unwrap_or(entry);
            task.script_hash = (choice.era >= Era::K).then(|| entry.name.trim_end_matches(".sh").to_owned());
        };
        row.tasks.iter_mut().zip(entries).enumerate().for_each(with_hash);
        row
    }
}

impl Project {
    fn new(number: usize, entries: usize) -> Self {
        let cwd = format!("/home/dev/bench/service-{number:03}");
        let entries = (0..entries)
            .map(|n| Entry::new(format!("#!/usr/bin/env bash\nset -euo pipefail\ncd '{cwd}'\nmake step-{n}\n")))
            .collect();
        Self { dir: Era::J.project_dir(&cwd), cwd, entries }
    }

    /// Writes the directory and its shared entries, and leaves it open.
    fn write(&self, store: &OwnedFd) -> io::Result<(OwnedFd, u64)> {
        let directory = Mode::from_raw_mode(0o755);
        mkdirat(store, &self.dir, directory)?;
        let project = open_dir(store, Path::new(&self.dir))?;
        mkdirat(&project, ".cache", directory)?;
        let cache = open_dir(&project, Path::new(".cache"))?;
        let mut bytes = 0;
        for entry in &self.entries {
            bytes += entry.write(&cache)?;
        }
        Ok((project, bytes))
    }
}

impl Entry {
    fn new(text: String) -> Self {
        let name = format!("{}.sh", hash8(text.as_bytes()));
        Self { link: format!("../../../.cache/{name}"), name, text }
    }

    fn write(&self, cache: &OwnedFd) -> io::Result<u64> {
        file(cache, &self.name, self.text.as_bytes(), 0o755)
    }
}

impl TaskFiles {
    fn new(number: usize) -> Self {
        let name = match (TASKS[number % TASKS.len()], number / TASKS.len()) {
            (name, 0) => name.to_owned(),
            (name, round) => format!("{name}-{round}"),
        };
        Self {
            script: format!("{name}/script.sh"),
            builtins: format!("{name}/builtins.sh"),
            stdout: format!("{name}/stdout.log"),
            stderr: format!("{name}/stderr.log"),
            output: format!("{name}/output.{name}.json"),
            name,
        }
    }
}

fn open_dir(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Makes a file that is not there yet. Returns its length.
fn file(at: &OwnedFd, name: &str, bytes: &[u8], mode: u32) -> io::Result<u64> {
    let mode = Mode::from_raw_mode(mode);
    if bytes.is_empty() {
        mknodat(at, name, FileType::RegularFile, mode, 0)?;
        return Ok(0);
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let fd = openat(at, name, flags, mode)?;
    let mut left = bytes;
    while !left.is_empty() {
        let written = rustix::io::write(&fd, left)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        left = &left[written..];
    }
    Ok(bytes.len() as u64)
}
