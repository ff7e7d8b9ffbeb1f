//! Which runs have a process in them, by `/proc`.
//!
//! A pid file could lie (there is none anyway) and a pid can be used again; what a process has open and where it stands cannot.
//! Per process: the working directory, the arguments, and the descriptors. Links are read and compared as text, by path
//! components, with the store's root under each of its names; nothing is opened through them.
//!
//! Processes end during the scan, and those of other users show their arguments only: both are normal and skipped. Kernel
//! threads, about half of all on a server, are told by their empty arguments. Everything is relative to the open directory of the process, so
//! a pid that is used again in the middle of it cannot mix two processes.

use crate::model::{ProjectDir, RunDir};
use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};
use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A script's path stands among the first arguments; a command line can have megabytes.
const ARGUMENTS_READ: u64 = 64 * 1024;

/// `flags:` is among the first lines of a descriptor's information.
const FDINFO_READ: u64 = 4 * 1024;

/// The access mode bits of a descriptor's flags; 0 is read-only.
const ACCESS_MODE: u32 = 0o3;

/// The runs in which a process works.
#[derive(Clone, Debug, Default)]
pub struct LiveRuns {
    runs: HashMap<ProjectDir, HashMap<String, Vec<u32>>>,
    complete: bool,
    /// Whether something of a process could not be looked at for a reason that is not normal.
    missed: bool,
}

impl LiveRuns {
    /// Whether a process works in that run.
    pub fn contains(&self, project: &ProjectDir, run: &str) -> bool {
        !self.pids(project, run).is_empty()
    }

    /// The processes that work in that run, by rising number.
    pub fn pids(&self, project: &ProjectDir, run: &str) -> &[u32] {
        self.runs.get(project).and_then(|runs| runs.get(run)).map_or(&[], Vec::as_slice)
    }

    /// Whether a process works in any run of that project.
    pub fn any_in(&self, project: &ProjectDir) -> bool {
        self.runs.contains_key(project)
    }

    /// Whether no run has a process in it.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether the list of processes could be read to its end. If not, that a run is not found here says nothing.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    fn insert(&mut self, project: &[u8], run: &[u8], pid: u32) {
        // A run's name is digits and a dash; the caller has checked.
        let run = String::from_utf8_lossy(run).into_owned();
        let pids = self.runs.entry(ProjectDir::new(project)).or_default().entry(run).or_default();
        if let Err(at) = pids.binary_search(&pid) {
            pids.insert(at, pid);
        }
    }
}

/// Looks at every process but `own_pid`.
///
/// `proc_dir` is `/proc`; `roots` are the names of the store, resolved and as given.
pub fn scan_processes(proc_dir: &Path, roots: &[&Path], own_pid: u32) -> LiveRuns {
    let mut live = LiveRuns::default();
    let Ok(proc_fd) = open_dir(CWD, proc_dir) else { return live };
    let Ok(mut processes) = Dir::read_from(&proc_fd) else { return live };
    let roots: Vec<&[u8]> = roots.iter().map(|root| root.as_os_str().as_bytes()).collect();
    let mut seen = false;
    let mut buffer = Vec::new();
    while let Some(entry) = processes.read() {
        // A list that breaks off is not complete, whatever was found before.
        let Ok(entry) = entry else { return live };
        let Some(pid) = number(entry.file_name()) else { continue };
        seen = true;
        if pid == own_pid {
            continue;
        }
        if let Ok(process) = open_dir(proc_fd.as_fd(), entry.file_name()) {
            look_at(process.as_fd(), pid, &roots, &mut buffer, &mut live);
        }
    }
    // A `/proc` without a process is a mount point with nothing on it.
    live.complete = seen && !live.missed;
    live
}

fn look_at(process: BorrowedFd<'_>, pid: u32, roots: &[&[u8]], buffer: &mut Vec<u8>, live: &mut LiveRuns) {
    if read_start(process, c"cmdline", ARGUMENTS_READ, buffer).is_none() || buffer.is_empty() {
        return;
    }
    for argument in buffer.split(|&byte| byte == 0) {
        for (project, run, rest) in runs_of(argument, roots) {
            if names_script(project, rest) {
                live.insert(project, run, pid);
            }
        }
    }
    if let Some(cwd) = read_link(process, c"cwd", buffer) {
        for (project, run, _) in runs_of(&cwd, roots) {
            live.insert(project, run, pid);
        }
        *buffer = cwd;
    }
    let descriptors = match open_dir(process, c"fd") {
        Ok(descriptors) => descriptors,
        // It ended, or it is another user's: normal. Anything else means that we did not see what there is to see.
        Err(
            rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS | rustix::io::Errno::PERM | rustix::io::Errno::SRCH,
        ) => return,
        Err(_) => return live.missed = true,
    };
    let Ok(mut entries) = Dir::read_from(&descriptors) else { return };
    let mut information = None;
    while let Some(Ok(entry)) = entries.read() {
        if number(entry.file_name()).is_none() {
            continue;
        }
        let Some(target) = read_link(descriptors.as_fd(), entry.file_name(), buffer) else { continue };
        for (project, run, _) in runs_of(&target, roots) {
            let information = information.get_or_insert_with(|| open_dir(process, c"fdinfo").ok());
            if information.as_ref().is_some_and(|dir| is_writer(dir.as_fd(), entry.file_name())) {
                live.insert(project, run, pid);
            }
        }
        *buffer = target;
    }
}

/// The runs that a path lies in or is: project, run, and what follows. Usually one or none. A project called `2026-12345678`
/// reads as a run of the first era too; then both count, for to take a run for alive is safe.
fn runs_of<'a>(path: &'a [u8], roots: &'a [&'a [u8]]) -> impl Iterator<Item = (&'a [u8], &'a [u8], &'a [u8])> {
    let below = roots.iter().filter_map(|root| strip_root(path, root));
    below.flat_map(|rest| {
        let (first, after_first) = next_component(rest);
        let (second, after_second) = next_component(after_first);
        let is_run = |name: &[u8]| RunDir::parse(name).is_ok();
        let at_root = is_run(first).then_some((&b"."[..], first, after_first));
        let in_project = is_run(second).then_some((first, second, after_second));
        at_root.into_iter().chain(in_project)
    })
}

fn strip_root<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    path.strip_prefix(root)?.strip_prefix(b"/")
}

/// The first component and what follows it. The kernel marks a link to something unlinked with ` (deleted)` at its end; a
/// run directory that is gone is nobody's concern, and a file in it has the mark after the parts that matter here.
fn next_component(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().position(|&byte| byte != b'/').unwrap_or(path.len());
    let path = &path[start..];
    match path.iter().position(|&byte| byte == b'/') {
        Some(end) => (&path[..end], &path[end + 1..]),
        None => (path, &[]),
    }
}

/// Whether an argument that leads into a run names a script of it, and not a log that somebody reads: `tasks/<task>/script.sh`,
/// `script.py` or `<hash>.sh`; in the first era the task is a file of the run itself.
fn names_script(project: &[u8], rest: &[u8]) -> bool {
    let (first, inside) = next_component(rest);
    if first == b"tasks" {
        return inside.ends_with(b".sh") || inside.ends_with(b".py");
    }
    project == b"." && !first.is_empty() && inside.is_empty()
}

/// Whether a descriptor was opened for writing, by the octal `flags:` of its information.
fn is_writer(information: BorrowedFd<'_>, descriptor: &CStr) -> bool {
    let mut text = Vec::new();
    if read_start(information, descriptor, FDINFO_READ, &mut text).is_none() {
        return false;
    }
    let flags = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"flags:"));
    let flags = flags.and_then(|flags| std::str::from_utf8(flags).ok());
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & ACCESS_MODE != 0)
}

fn number(name: &CStr) -> Option<u32> {
    let name = name.to_str().ok()?;
    if !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    name.parse().ok()
}

fn open_dir(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The start of a file, or `None` when it cannot be read.
fn read_start(at: BorrowedFd<'_>, name: &CStr, limit: u64, into: &mut Vec<u8>) -> Option<()> {
    into.clear();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(at, name, flags, Mode::empty()).ok()?);
    file.take(limit).read_to_end(into).ok().map(|_| ())
}

/// The text of a link, in the buffer's memory, which the caller gives back.
fn read_link(at: BorrowedFd<'_>, name: &CStr, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    readlinkat(at, name, std::mem::take(buffer)).ok().map(|text| text.into_bytes())
}
