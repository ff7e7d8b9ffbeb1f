//! The walk of one run: every entry below it, once, by descriptor.
//!
//! Never follows a link, never opens anything but directories, `run.yaml`, `.lock` and the ends of logs, never crosses a
//! device, never goes deeper than [`MAX_DEPTH`]. Directories are typed from the listing and measured on their open
//! descriptor, everything else by one `fstatat`. What cannot be read becomes a [`Problem`] and makes the run not whole;
//! the rest goes on.
//!
//! A task is where its files are: a directory that holds a log or a script, and lies in no other task. Direct
//! subdirectories of `tasks/` that hold neither, nor have a task below them, are tasks that got no further than their
//! directory. So tasks with a slash or a `..` in their name are found where the runner put them.

mod tasks;

use super::dir::{self, Listing, Meta};
use super::layout::{self, Era, Signs};
use super::liveness::{self, LockState};
use super::observation::{HardLink, RunObservation, TaskObservation};
use super::reference::{self, Reference};
use super::run_yaml;
use crate::model::{AHEAD, Problem, RunDir, Size};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How deep below a run a walk goes. Each level holds a descriptor; a tree that is deeper is not read whole, and so kept.
pub const MAX_DEPTH: usize = 128;
/// How much of `run.yaml` is read. The runner writes some hundred bytes.
const RUN_YAML_LIMIT: u64 = 64 * 1024;
/// A directory that was born this much later than its name states is a copy: an unpacked backup, a test's store.
const COPY_AFTER_NS: i64 = 3_600_000_000_000;
/// In a copy, a file written later than this after its own birth was written by somebody alive.
const COPY_SETTLES_NS: i64 = 2_000_000_000;

/// What a walk is to look for.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The project's path, for problems only.
    pub project_path: &'a Path,
    /// The store's device: nothing on another is walked.
    pub dev: u64,
    /// The instant by which ages are judged, nanoseconds.
    pub now_ns: i64,
    /// Whether `run.yaml` is to be read; not needed for a run that is known.
    pub read_yaml: bool,
    /// Whether the run lies in the store itself (2023).
    pub at_root: bool,
}

/// Walks the run `name` of an open project directory. `Ok(None)`: it is gone, or not a directory any more.
pub fn walk_run(
    project: BorrowedFd<'_>,
    name: &RunDir,
    look: &Look<'_>,
    listing: &mut Listing,
) -> Result<Option<RunObservation>, Problem> {
    let path = look.project_path.join(name.as_str());
    let problem = |act, error: rustix::io::Errno| Problem::new(&path, act, std::io::Error::from(error));
    let c_name = dir::c_name(name.as_str().as_bytes()).map_err(|e| problem("open", e))?;
    let fd = match dir::open_dir(project, &c_name) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => return Ok(None),
        Err(error) => return Err(problem("open the directory", error)),
    };
    let meta = dir::meta_with_birth(fd.as_fd(), c"").map_err(|e| problem("read", e))?;
    if meta.dev != look.dev {
        return Err(Problem::new(&path, "walk", "it is on another device"));
    }
    let named_ns = name.timestamp().saturating_mul(1_000_000_000);
    let is_copy = meta.birth_ns.is_some_and(|birth| birth.saturating_sub(named_ns) > COPY_AFTER_NS);
    let mut walker = Walker {
        look: *look,
        is_copy,
        listing,
        run_path: &path,
        path: Vec::new(),
        hash: Vec::with_capacity(4096),
        signs: Signs { numbered: name.number() > 0, ..Signs::default() },
        size: Size { size: 0, disk: meta.disk },
        task: None,
        tasks: Vec::new(),
        references: Vec::new(),
        hard_links: Vec::new(),
        has_tasks: false,
        newest_write_ns: None,
        written_in_future: false,
        changed_ns: meta.ctime_ns,
        context: None,
        problems: Vec::new(),
        whole: true,
    };
    walker.directory(fd.as_fd(), 0);
    let lock = if walker.signs.lock { liveness::probe_lock(fd.as_fd()) } else { LockState::Absent };
    if let LockState::Unreadable(cause) = &lock {
        walker.whole = false;
        walker.problems.push(Problem::new(path.join(".lock"), "look at the lock", cause));
    }
    Ok(Some(walker.finish(name.clone(), meta.inode, lock)))
}

struct Walker<'a> {
    look: Look<'a>,
    is_copy: bool,
    listing: &'a mut Listing,
    run_path: &'a Path,
    /// Where the walk is, relative to the run.
    path: Vec<u8>,
    /// What the manifest is the hash of.
    hash: Vec<u8>,
    signs: Signs,
    size: Size,
    /// The task that the walk is in.
    task: Option<usize>,
    tasks: Vec<TaskObservation>,
    references: Vec<Reference>,
    hard_links: Vec<HardLink>,
    has_tasks: bool,
    newest_write_ns: Option<i64>,
    written_in_future: bool,
    changed_ns: i64,
    context: Option<crate::model::RunContext>,
    problems: Vec<Problem>,
    whole: bool,
}

impl Walker<'_> {
    fn directory(&mut self, fd: BorrowedFd<'_>, depth: usize) {
        let (mark, count) = match self.listing.push(fd) {
            Ok(pushed) => pushed,
            Err(error) => return self.fail("list", error),
        };
        let outer_task = self.task;
        let tasks_before = self.tasks.len();
        if depth > 0 && self.task.is_none() && self.marks_a_task(mark) {
            self.task = Some(self.begin_task());
        }
        for at in 0..count {
            let entry = self.listing.entry(mark, at);
            let length = self.path.len();
            if length > 0 {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(self.listing.name(entry));
            self.entry(fd, entry, length, depth);
            self.path.truncate(length);
        }
        self.hash.push(b'.');
        self.listing.pop(mark);
        let in_tasks = depth == 2 && self.path.starts_with(b"tasks/");
        if in_tasks && self.task.is_none() && self.tasks.len() == tasks_before {
            self.begin_task();
        }
        if let (Some(task), None) = (self.task, outer_task) {
            self.read_log_tails(fd, task);
        }
        self.task = outer_task;
    }

    fn entry(&mut self, parent: BorrowedFd<'_>, entry: dir::Entry, parent_length: usize, depth: usize) {
        let name_start = if parent_length > 0 { parent_length + 1 } else { 0 };
        self.hash.extend_from_slice(&self.path[name_start..]);
        self.hash.push(0);
        if entry.kind == FileType::Directory {
            return self.subdirectory(parent, entry, depth);
        }
        let name = self.listing.c_name(entry);
        let found = if self.is_copy && entry.kind != FileType::Symlink {
            dir::meta_with_birth(parent, name)
        } else {
            dir::meta_at(parent, name)
        };
        let meta = match found {
            Ok(meta) => meta,
            // It went while we looked: a run that somebody works in.
            Err(rustix::io::Errno::NOENT) => return self.whole = false,
            Err(error) => return self.fail("read", error),
        };
        match meta.kind {
            FileType::Directory => self.subdirectory(parent, entry, depth),
            FileType::RegularFile => self.file(parent, &meta, name_start, depth),
            FileType::Symlink => self.link(parent, entry, &meta, name_start, depth),
            _ => {
                self.hash_fields(b'o', meta.inode, &[]);
                self.add(Size { size: 0, disk: meta.disk });
            }
        }
    }

    fn subdirectory(&mut self, parent: BorrowedFd<'_>, entry: dir::Entry, depth: usize) {
        if depth == 0 && self.path == layout::TASKS {
            self.has_tasks = true;
        }
        if depth + 1 >= MAX_DEPTH {
            self.whole = false;
            let problem = Problem::new(self.here(), "walk", format!("deeper than {MAX_DEPTH} levels"));
            return self.problems.push(problem);
        }
        let fd = match dir::open_dir(parent, self.listing.c_name(entry)) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return self.whole = false,
            Err(error) => return self.fail("open the directory", error),
        };
        let meta = match dir::meta(&fd) {
            Ok(meta) => meta,
            Err(error) => return self.fail("read", error),
        };
        if meta.dev != self.look.dev {
            self.whole = false;
            return self.problems.push(Problem::new(self.here(), "walk", "it is on another device"));
        }
        self.hash_fields(b'd', meta.inode, &[]);
        // A task's own directory counts for the task: it begins inside, so its blocks are added there.
        let before = self.size;
        let tasks_before = self.tasks.len();
        let in_task = self.task.is_some();
        self.add(Size { size: 0, disk: meta.disk });
        self.directory(fd.as_fd(), depth + 1);
        if !in_task && self.tasks.len() == tasks_before + 1 && self.tasks[tasks_before].dir == self.path {
            self.tasks[tasks_before].size = self.size - before;
        }
    }

    fn file(&mut self, parent: BorrowedFd<'_>, meta: &Meta, name_start: usize, depth: usize) {
        self.hash_fields(b'f', meta.inode, &[meta.len, meta.mtime_ns as u64]);
        let size = Size { size: meta.len, disk: meta.disk };
        // A second name takes no more room, and is a file like the first in every other respect.
        let seen = match self.hard_links.iter_mut().find(|l| meta.links > 1 && l.inode == meta.inode) {
            Some(link) => {
                link.names += 1;
                true
            }
            None => false,
        };
        if !seen {
            if meta.links > 1 {
                self.hard_links.push(HardLink { inode: meta.inode, size, links: meta.links, names: 1 });
            }
            self.add(size);
        }
        self.changed_ns = self.changed_ns.max(meta.ctime_ns);
        self.note_write(meta);
        let name = &self.path[name_start..];
        if depth == 0 {
            match name {
                layout::RUN_YAML => {
                    self.signs.run_yaml = true;
                    if self.look.read_yaml {
                        self.read_yaml(parent, meta.len);
                    }
                }
                layout::LOCK => self.signs.lock = true,
                _ if self.look.at_root && self.task.is_none() => {
                    let task = TaskObservation {
                        name: name.to_vec(),
                        size,
                        first_write_ns: Some(meta.mtime_ns),
                        last_write_ns: Some(meta.mtime_ns),
                        begun: true,
                        ..TaskObservation::default()
                    };
                    self.tasks.push(task);
                }
                _ => {}
            }
            return;
        }
        self.task_file(name_start, meta, None);
    }

    fn link(&mut self, parent: BorrowedFd<'_>, entry: dir::Entry, meta: &Meta, name_start: usize, depth: usize) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let text = match dir::link_text(parent, self.listing.c_name(entry), &mut buffer) {
            Ok(text) => text,
            Err(rustix::io::Errno::NOENT) => return self.whole = false,
            Err(error) => return self.fail("read the link", error),
        };
        self.hash_fields(b'l', meta.inode, &[text.len() as u64]);
        self.hash.extend_from_slice(text);
        self.add(Size { size: 0, disk: meta.disk });
        if depth == 0 && self.look.at_root && layout::is_first_era_link(&self.path[name_start..], text) {
            self.signs.first_era_link = true;
        }
        let references = reference::references(text);
        if depth > 0 {
            self.task_file(name_start, meta, Some((text, &references)));
        }
        for reference in references {
            if !self.references.contains(&reference) {
                self.references.push(reference);
            }
        }
    }

    fn read_yaml(&mut self, run: BorrowedFd<'_>, length: u64) {
        let path = self.here();
        let problem = |cause: String| Problem { path, act: "read", cause };
        if length > RUN_YAML_LIMIT {
            let cause = format!("it has {length} bytes, more than the {RUN_YAML_LIMIT} that are read");
            return self.problems.push(problem(cause));
        }
        let bytes = match read_whole(run, c"run.yaml", RUN_YAML_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) => return self.problems.push(problem(error.to_string())),
        };
        match run_yaml::parse(&bytes) {
            Ok(parsed) => self.context = Some(parsed.context),
            Err(error) => self.problems.push(problem(error.to_string())),
        }
    }

    fn note_write(&mut self, meta: &Meta) {
        if self.is_copy && meta.birth_ns.is_none_or(|birth| meta.mtime_ns <= birth.saturating_add(COPY_SETTLES_NS)) {
            return;
        }
        if meta.mtime_ns > self.look.now_ns.saturating_add(AHEAD * 1_000_000_000) {
            self.written_in_future = true;
        } else {
            let written = meta.mtime_ns.min(self.look.now_ns);
            self.newest_write_ns = self.newest_write_ns.max(Some(written));
        }
    }

    fn add(&mut self, size: Size) {
        self.size += size;
    }

    fn hash_fields(&mut self, kind: u8, inode: u64, fields: &[u64]) {
        self.hash.push(kind);
        self.hash.extend_from_slice(&inode.to_le_bytes());
        for field in fields {
            self.hash.extend_from_slice(&field.to_le_bytes());
        }
    }

    fn here(&self) -> PathBuf {
        self.run_path.join(OsStr::from_bytes(&self.path))
    }

    fn fail(&mut self, act: &'static str, error: rustix::io::Errno) {
        self.whole = false;
        self.problems.push(Problem::new(self.here(), act, std::io::Error::from(error)));
    }

    fn finish(mut self, run: RunDir, inode: u64, lock: LockState) -> RunObservation {
        let proven = self.has_tasks || self.signs.run_yaml || self.signs.first_era_link;
        let era = Era::of(self.signs, run.timestamp());
        let missing = self.missing(era);
        if self.is_copy {
            self.forget_times_of_the_copying();
        }
        RunObservation {
            run,
            inode,
            size: self.size,
            manifest: *blake3::hash(&self.hash).as_bytes(),
            era,
            missing,
            proven: if self.look.at_root { self.signs.first_era_link } else { proven },
            newest_write_ns: self.newest_write_ns,
            written_in_future: self.written_in_future,
            changed_ns: self.changed_ns,
            context: self.context,
            tasks: self.tasks,
            references: self.references,
            hard_links: self.hard_links,
            lock,
            problems: self.problems,
            whole: self.whole,
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(super) fn read_whole(dir: BorrowedFd<'_>, name: &CStr, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let file = std::fs::File::from(super::dir::open_file(dir, name)?);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
