//! Words in many logs: searched in parallel, found in order.
//!
//! Workers take the runs one after the other, and hand what they find through a channel of each run's own; the caller
//! empties these channels in the order of the runs. Each holds one packet, so a worker that is ahead waits: what waits to
//! be shown is a few packets, however much is found. The run whose turn it is always has its worker, so none waits for
//! ever.

use super::lines::{Next, each_line};
use super::{Stream, open};
use crate::model::{Problem, RunId};
use crate::store::project_walk;
use crate::store::root::StoreRoot;
use crate::store::run_files::RunFiles;
use crossbeam_channel::{Receiver, Sender, bounded};
use regex::bytes::Regex;
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of hits that travel together.
const PACKET: usize = 64 * 1024;

/// A run whose logs are searched.
#[derive(Clone, Debug)]
pub struct Target {
    /// The run.
    pub id: RunId,
    /// Its tasks that may have a log: name, directory below the run's, which logs.
    pub tasks: Vec<(Vec<u8>, Vec<u8>, Vec<Stream>)>,
}

/// A line that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which of the target's tasks.
    pub task: usize,
    /// In which log.
    pub stream: Stream,
    /// Its number, from 1.
    pub line: u64,
    /// The line without its end; of a line that is longer than can be held, the piece with the match.
    pub text: Vec<u8>,
    /// Whether it is such a piece.
    pub cut: bool,
    /// What matched first in it.
    pub matched: Range<usize>,
}

/// What a search comes upon.
#[derive(Debug)]
pub enum Found {
    /// A line that matches.
    Hit(Hit),
    /// Something that could not be read.
    Problem(Problem),
}

/// Searches the logs of some runs and hands what it finds to `each`, in the order of the runs, their tasks and lines, until
/// that breaks.
pub fn search(
    root: &StoreRoot,
    targets: &[Target],
    pattern: &Regex,
    threads: usize,
    mut each: impl FnMut(&Target, Found) -> ControlFlow<()>,
) {
    let threads = threads.clamp(1, targets.len().max(1));
    let (announce, announced) = bounded::<Receiver<Vec<Found>>>(threads);
    let next = Mutex::new(targets.iter());
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (announce, next, enough) = (announce.clone(), &next, &enough);
            scope.spawn(move || {
                while let Some((target, found)) = take(next, &announce)
                    && !enough.load(Ordering::Relaxed)
                    && search_run(root, target, pattern, Packet::new(&found, enough)).is_continue()
                {}
            });
        }
        drop(announce);
        let mut hand_out = || -> ControlFlow<()> {
            for (target, found) in targets.iter().zip(&announced) {
                found.into_iter().flatten().try_for_each(|found| each(target, found))?;
            }
            ControlFlow::Continue(())
        };
        if hand_out().is_break() {
            enough.store(true, Ordering::Relaxed);
            // Whatever was announced is dropped, so that nobody waits for it to be read.
            announced.iter().for_each(drop);
        }
    });
}

/// The next target with the channel for what is found in it. The lock is held until that is announced: so the order of the
/// channels is that of the targets.
fn take<'t>(
    next: &Mutex<std::slice::Iter<'t, Target>>,
    announce: &Sender<Receiver<Vec<Found>>>,
) -> Option<(&'t Target, Sender<Vec<Found>>)> {
    let mut next = next.lock().ok()?;
    let target = next.next()?;
    let (sender, receiver) = bounded(1);
    announce.send(receiver).ok()?;
    Some((target, sender))
}

fn search_run(root: &StoreRoot, target: &Target, pattern: &Regex, mut packet: Packet<'_>) -> ControlFlow<()> {
    match RunFiles::open(root, &target.id) {
        Ok(Some(run)) => {
            for (task, (_, directory, streams)) in target.tasks.iter().enumerate() {
                for stream in streams {
                    search_log(root, target, &run, (task, directory, *stream), pattern, &mut packet)?;
                }
            }
        }
        // It went while we looked.
        Ok(None) => {}
        Err(problem) => packet.put(Found::Problem(problem))?,
    }
    packet.send()
}

fn search_log(
    root: &StoreRoot,
    target: &Target,
    run: &RunFiles,
    (task, directory, stream): (usize, &[u8], Stream),
    pattern: &Regex,
    packet: &mut Packet<'_>,
) -> ControlFlow<()> {
    let mut flow = ControlFlow::Continue(());
    let read = match open(run, directory, stream) {
        Ok(None) => Ok(()),
        Ok(Some(file)) => each_line(file, |line| {
            if packet.is_enough() {
                return Next::Stop;
            }
            let Some(matched) = pattern.find(line.bytes) else { return Next::More };
            let (text, matched) = (line.bytes.to_vec(), matched.range());
            flow = packet.put(Found::Hit(Hit { task, stream, line: line.number, text, cut: line.cut, matched }));
            if flow.is_break() { Next::Stop } else { Next::Line }
        }),
        Err(error) => Err(error),
    };
    flow?;
    match read {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            let part = std::ffi::OsStr::from_bytes;
            let path = project_walk::project_path(root, &target.id.project).join(target.id.run.as_str());
            let path = path.join(part(directory)).join(part(stream.file_name()));
            packet.put(Found::Problem(Problem::new(path, "read", error)))
        }
    }
}

/// What was found and not yet handed over.
struct Packet<'s> {
    found: &'s Sender<Vec<Found>>,
    enough: &'s AtomicBool,
    waiting: Vec<Found>,
    bytes: usize,
}

impl<'s> Packet<'s> {
    fn new(found: &'s Sender<Vec<Found>>, enough: &'s AtomicBool) -> Self {
        Self { found, enough, waiting: Vec::new(), bytes: 0 }
    }

    /// Whether nobody wants more: a long log without a hit need not be read to its end.
    fn is_enough(&self) -> bool {
        self.enough.load(Ordering::Relaxed)
    }

    fn put(&mut self, found: Found) -> ControlFlow<()> {
        self.bytes += match &found {
            Found::Hit(hit) => hit.text.len() + size_of::<Found>(),
            Found::Problem(_) => size_of::<Found>(),
        };
        self.waiting.push(found);
        if self.bytes >= PACKET { self.send() } else { ControlFlow::Continue(()) }
    }

    fn send(&mut self) -> ControlFlow<()> {
        self.bytes = 0;
        let packet = std::mem::take(&mut self.waiting);
        if !packet.is_empty() && self.found.send(packet).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectDir, RunDir};
    use std::fs;

    /// Runs of one project, each with a task whose log says so.
    fn runs(store: &std::path::Path, logs: &[Vec<u8>]) -> (StoreRoot, Vec<Target>) {
        let targets = (1_700_000_000..).zip(logs).map(|(second, log)| {
            let task = store.join(format!("web-12345678/{second}/tasks/build"));
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("stdout.log"), log).unwrap();
            let id = RunId { project: ProjectDir::new("web-12345678"), run: RunDir::new(second, 0).unwrap() };
            Target { id, tasks: vec![(b"build".to_vec(), b"tasks/build".to_vec(), Stream::ALL.to_vec())] }
        });
        let targets = targets.collect();
        (StoreRoot::open(store).unwrap(), targets)
    }

    fn found(root: &StoreRoot, targets: &[Target], pattern: &str, threads: usize) -> Vec<(String, u64, Vec<u8>)> {
        let pattern = regex::bytes::Regex::new(pattern).unwrap();
        let mut hits = Vec::new();
        search(root, targets, &pattern, threads, |target, found| {
            let Found::Hit(hit) = found else { panic!("{found:?}") };
            hits.push((target.id.run.to_string(), hit.line, hit.text));
            ControlFlow::Continue(())
        });
        hits
    }

    #[test]
    fn hits_come_in_order_whatever_the_number_of_threads() {
        let store = tempfile::tempdir().unwrap();
        let logs: Vec<Vec<u8>> = (0..40).map(|n| format!("a\nhit {n}\n").repeat(n % 7 * 300).into_bytes()).collect();
        let (root, targets) = runs(store.path(), &logs);
        let alone = found(&root, &targets, "^hit", 1);
        assert_eq!(alone.len(), (0..40).map(|n| n % 7 * 300).sum::<usize>());
        assert!(alone.is_sorted_by_key(|(run, line, _)| (run.clone(), *line)));
        for threads in [2, 3, 16] {
            assert_eq!(found(&root, &targets, "^hit", threads), alone, "{threads} threads");
        }
    }

    #[test]
    fn whoever_has_enough_is_not_given_more() {
        let store = tempfile::tempdir().unwrap();
        let (root, targets) = runs(store.path(), &vec![b"hit\n".repeat(100_000); 8]);
        let pattern = regex::bytes::Regex::new("hit").unwrap();
        for enough in [1, 7, 100_001] {
            let mut count = 0;
            search(&root, &targets, &pattern, 4, |_, _| {
                count += 1;
                if count == enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(count, enough);
        }
    }

    #[test]
    fn bytes_are_bytes_and_a_match_at_the_seam_of_a_long_line_is_found_once() {
        let store = tempfile::tempdir().unwrap();
        let mut seam = vec![b'x'; super::super::LONGEST_LINE - 3];
        seam.extend(b"needle");
        seam.extend(vec![b'y'; super::super::LONGEST_LINE * 2]);
        seam.extend(b"needle\nneedle\n");
        let (root, targets) = runs(store.path(), &[b"\xff\0needle\xfe\nno\n".to_vec(), seam]);
        let hits = found(&root, &targets, "needle", 2);
        assert_eq!(hits[0], ("1700000000".into(), 1, b"\xff\0needle\xfe".to_vec()));
        let lines: Vec<u64> = hits[1..].iter().map(|(_, line, _)| *line).collect();
        assert_eq!(lines, [1, 2]);
        assert!(hits[1].2.len() <= super::super::LONGEST_LINE + 64 * 1024);
    }

    #[test]
    fn what_is_no_file_is_not_searched() {
        let store = tempfile::tempdir().unwrap();
        let (root, targets) = runs(store.path(), &[b"hit\n".to_vec(), b"hit\n".to_vec(), b"hit\n".to_vec()]);
        let log = |second: u32| store.path().join(format!("web-12345678/{second}/tasks/build/stdout.log"));
        let fifo = rustix::fs::FileType::Fifo;
        fs::remove_file(log(1_700_000_000)).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, log(1_700_000_000), fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        fs::rename(log(1_700_000_001), store.path().join("hidden")).unwrap();
        std::os::unix::fs::symlink(store.path().join("hidden"), log(1_700_000_001)).unwrap();
        assert_eq!(found(&root, &targets, "hit", 2), [("1700000002".to_owned(), 1, b"hit".to_vec())]);
    }
}
