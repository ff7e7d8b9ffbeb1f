//! Which runs have a process in them, by `/proc`.
//!
//! A pid file could lie (there is none anyway) and a pid can be used again; what a process has open and where it stands cannot.
//! Per process: the working directory, the arguments, and the descriptors. Links are read and compared as text, by path
//! components, with the store's root under each of its names; nothing is opened through them.
//!
//! Processes end during the scan, and those of other users show their arguments only: both are normal and skipped. Kernel
//! threads, about half of all on a server, are told by their empty arguments, which are read first. Each sign stands by
//! itself, so a pid that is used again in the middle of it does no harm; what a process has open and how it was opened is
//! read relative to one open directory, so that this much is of one process.
//!
//! A refresh that walks anything scans once, and the scan is most of what such a refresh takes: so it makes as few system
//! calls as it can, three for a kernel thread, and no more for another user's process than show that it is one.

use crate::model::{ProjectDir, RunDir};
use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A script's path stands among the first arguments; a command line can have megabytes.
const ARGUMENTS_READ: usize = 64 * 1024;

/// `flags:` is among the first lines of a descriptor's information.
const FDINFO_READ: usize = 4 * 1024;

/// Nearly every command line, and every descriptor's information, is had by one call of this size.
const READ_AT_ONCE: usize = 4 * 1024;

/// What one listing of a directory may hold: some hundred processes or descriptors.
const DIRECTORY_READ: usize = 16 * 1024;

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
    let roots: Vec<&[u8]> = roots.iter().map(|root| root.as_os_str().as_bytes()).collect();
    let mut seen = false;
    let mut buffers = Buffers::default();
    let mut entries = [const { MaybeUninit::<u8>::uninit() }; DIRECTORY_READ];
    let mut processes = RawDir::new(proc_fd.as_fd(), &mut entries);
    while let Some(entry) = processes.next() {
        // A list that breaks off is not complete, whatever was found before.
        let Ok(entry) = entry else { return live };
        let Some(pid) = number(entry.file_name()) else { continue };
        seen = true;
        if pid != own_pid {
            look_at(proc_fd.as_fd(), entry.file_name(), pid, &roots, &mut buffers, &mut live);
        }
    }
    // A `/proc` without a process is a mount point with nothing on it.
    live.complete = seen && !live.missed;
    live
}

/// Memory that is used again for each process: a scan makes hundreds of calls and should make nothing else.
#[derive(Default)]
struct Buffers {
    path: Vec<u8>,
    text: Vec<u8>,
    link: Vec<u8>,
}

fn look_at(
    processes: BorrowedFd<'_>,
    name: &CStr,
    pid: u32,
    roots: &[&[u8]],
    buffers: &mut Buffers,
    live: &mut LiveRuns,
) {
    let Buffers { path, text, link } = buffers;
    if read_start(processes, below(name, b"/cmdline\0", path), ARGUMENTS_READ, text).is_none() || text.is_empty() {
        return;
    }
    for argument in text.split(|&byte| byte == 0) {
        for (project, run, rest) in runs_of(argument, roots) {
            if names_script(project, rest) {
                live.insert(project, run, pid);
            }
        }
    }
    match read_link(processes, below(name, b"/cwd\0", path), link) {
        Ok(()) => runs_of(link, roots).for_each(|(project, run, _)| live.insert(project, run, pid)),
        // Another user's: what it has open is as closed to us as where it stands.
        Err(Errno::ACCESS | Errno::PERM) => return,
        Err(_) => {}
    }
    let descriptors = match open_dir(processes, below(name, b"/fd\0", path)) {
        Ok(descriptors) => descriptors,
        // It ended, or it is another user's: normal. Anything else means that we did not see what there is to see.
        Err(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::SRCH) => return,
        Err(_) => return live.missed = true,
    };
    let mut entries = [const { MaybeUninit::<u8>::uninit() }; DIRECTORY_READ];
    let mut entries = RawDir::new(descriptors.as_fd(), &mut entries);
    let mut information = None;
    while let Some(Ok(entry)) = entries.next() {
        if number(entry.file_name()).is_none() {
            continue;
        }
        match read_link(descriptors.as_fd(), entry.file_name(), link) {
            Ok(()) => {}
            // Leave to list descriptors is not leave to follow them, and is the same for all of a process.
            Err(Errno::ACCESS | Errno::PERM) => return,
            Err(_) => continue,
        }
        for (project, run, _) in runs_of(link, roots) {
            let information = information.get_or_insert_with(|| open_dir(descriptors.as_fd(), c"../fdinfo").ok());
            let information = information.as_ref().map(OwnedFd::as_fd);
            if information.is_some_and(|dir| is_writer(dir, entry.file_name(), text)) {
                live.insert(project, run, pid);
            }
        }
    }
}

/// The path of a process's own file, put together in `path`. `file` begins with a slash and ends with a NUL.
fn below<'a>(process: &CStr, file: &[u8], path: &'a mut Vec<u8>) -> &'a CStr {
    path.clear();
    path.extend_from_slice(process.to_bytes());
    path.extend_from_slice(file);
    CStr::from_bytes_with_nul(path).unwrap_or_default()
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
fn is_writer(information: BorrowedFd<'_>, descriptor: &CStr, text: &mut Vec<u8>) -> bool {
    if read_start(information, descriptor, FDINFO_READ, text).is_none() {
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
fn read_start(at: BorrowedFd<'_>, name: &CStr, limit: usize, into: &mut Vec<u8>) -> Option<()> {
    into.clear();
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(at, name, flags, Mode::empty()).ok()?;
    while into.len() < limit {
        into.reserve(READ_AT_ONCE);
        let room = into.capacity() - into.len();
        match rustix::io::read(&file, spare_capacity(into)) {
            // The system makes these texts as they are read: less than there was room for is all there is.
            Ok(read) if read < room => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// The text of a link.
fn read_link(at: BorrowedFd<'_>, name: &CStr, into: &mut Vec<u8>) -> rustix::io::Result<()> {
    *into = readlinkat(at, name, std::mem::take(into))?.into_bytes();
    Ok(())
}
