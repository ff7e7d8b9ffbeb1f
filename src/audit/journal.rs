//! Writing the lines of one operation.

use super::line::{EntryName, Event, Head, Imported, Removed, RemovedEntry, RunRow, Thinned, ThinnedRun};
use super::row::RemovedRun;
use super::{LONGEST_LINE, Log};
use crate::model::Timestamp;
use crate::store::lock::StoreLock;
use std::io;

/// About how long a line of removal becomes: a batch of runs is parted into several, so that whoever reads needs little
/// memory.
const USUAL_LINE: usize = 1024 * 1024;

/// What an entry takes in a line: a name has at most 255 bytes, each of which may be escaped; there are two levels of them
/// at most.
const ENTRY: usize = 1024;

/// What every line of an operation says of it.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    /// The operation.
    pub operation: &'a str,
    /// When it began.
    pub now: Timestamp,
    /// Who asked: user and host.
    pub who: &'a str,
    /// The command line.
    pub command: &'a str,
    /// The policy in words.
    pub policy: &'a str,
    /// The plan file that is applied.
    pub plan: Option<&'a str>,
}

/// Writes the lines of one operation, numbered.
#[derive(Debug)]
pub struct Journal<'a> {
    log: Log<'a>,
    head: Head,
}

impl<'a> Journal<'a> {
    /// Begins to write.
    pub fn new(log: Log<'a>, heading: &Heading<'_>) -> Self {
        let mut head = Head::begin(heading.operation, heading.now);
        head.who = heading.who.to_owned();
        head.command = heading.command.to_owned();
        head.policy = heading.policy.to_owned();
        head.plan = heading.plan.map(str::to_owned);
        Self { log, head }
    }

    /// Goes on where somebody else ended, after their last number.
    pub fn resume(log: Log<'a>, heading: &Heading<'_>, last: u64) -> Self {
        let mut journal = Self::new(log, heading);
        journal.head.sequence = last;
        journal
    }

    /// Every line from here on says in which archive all of it is.
    pub fn kept_in(&mut self, archive: &str) {
        self.head.archive = Some(archive.to_owned());
    }

    /// The number of the last line; 0 before the first.
    pub fn last(&self) -> u64 {
        self.head.sequence
    }

    /// Appends a line, durably. Whoever holds the store's lock says so: then another file is begun first where the
    /// current one is large. One that cannot be begun keeps no line from being written.
    ///
    /// # Errors
    /// The system's; the line's number is not used up.
    pub fn append(&mut self, lock: Option<&StoreLock>, event: &Event) -> io::Result<()> {
        if let Some(lock) = lock {
            let _ = self.log.rotate(lock, self.head.timestamp);
        }
        let head = Head { kind: event.kind().to_owned(), sequence: self.head.sequence + 1, ..self.head.clone() };
        self.log.append(&head, event)?;
        self.head.sequence += 1;
        Ok(())
    }

    /// Notes what was committed to be removed, in as many lines as it takes.
    ///
    /// # Errors
    /// The system's; lines before the one that failed are written.
    pub fn removed(
        &mut self,
        lock: Option<&StoreLock>,
        runs: &[RemovedRun],
        cache: &[RemovedEntry],
        keep_until: Option<Timestamp>,
    ) -> io::Result<()> {
        let mut line = Removed { keep_until, ..Removed::default() };
        let mut weight = 0;
        for run in runs {
            let run = readable(run.clone());
            let more = run.weight();
            if weight > 0 && weight + more > USUAL_LINE {
                self.append(lock, &Event::Removed(std::mem::replace(&mut line, empty(keep_until))))?;
                weight = 0;
            }
            weight += more;
            line.runs.push(run);
        }
        for entry in cache {
            if weight > 0 && weight + ENTRY > USUAL_LINE {
                self.append(lock, &Event::Removed(std::mem::replace(&mut line, empty(keep_until))))?;
                weight = 0;
            }
            weight += ENTRY;
            line.cache.push(entry.clone());
        }
        if weight > 0 { self.append(lock, &Event::Removed(line)) } else { Ok(()) }
    }

    /// Notes of which runs parts were committed to be dropped, in as many lines as it takes.
    ///
    /// # Errors
    /// The system's; lines before the one that failed are written.
    pub fn thinned(
        &mut self,
        lock: Option<&StoreLock>,
        runs: &[ThinnedRun],
        keep_until: Option<Timestamp>,
    ) -> io::Result<()> {
        let mut line = Thinned { keep_until, runs: Vec::new() };
        let mut weight = 0;
        for run in runs {
            let row = run.row.clone().map(|row| Box::new(readable(*row)));
            let more = 500 + row.as_ref().map_or(0, |row| row.weight());
            if weight > 0 && weight + more > USUAL_LINE {
                let full = std::mem::replace(&mut line, Thinned { keep_until, runs: Vec::new() });
                self.append(lock, &Event::Thinned(full))?;
                weight = 0;
            }
            weight += more;
            line.runs.push(ThinnedRun { row, ..run.clone() });
        }
        if weight > 0 { self.append(lock, &Event::Thinned(line)) } else { Ok(()) }
    }

    /// Notes what comes out of an archive, in as many lines as it takes.
    ///
    /// # Errors
    /// The system's; lines before the one that failed are written.
    pub fn imported(&mut self, lock: Option<&StoreLock>, runs: &[RunRow], cache: &[EntryName]) -> io::Result<()> {
        let mut line = Imported::default();
        let mut weight = 0;
        for run in runs {
            let run = RunRow { row: readable(run.row.clone()), dropped: run.dropped.clone() };
            let more = 100 + run.row.weight();
            if weight > 0 && weight + more > USUAL_LINE {
                self.append(lock, &Event::Imported(std::mem::take(&mut line)))?;
                weight = 0;
            }
            weight += more;
            line.runs.push(run);
        }
        for entry in cache {
            if weight > 0 && weight + ENTRY > USUAL_LINE {
                self.append(lock, &Event::Imported(std::mem::take(&mut line)))?;
                weight = 0;
            }
            weight += ENTRY;
            line.cache.push(entry.clone());
        }
        if weight > 0 { self.append(lock, &Event::Imported(line)) } else { Ok(()) }
    }
}

fn empty(keep_until: Option<Timestamp>) -> Removed {
    Removed { keep_until, ..Removed::default() }
}

/// The same run, or as much of it as a line may hold: a reader skips what is longer, and would not know of the run at all.
fn readable(mut run: RemovedRun) -> RemovedRun {
    const MOST: usize = LONGEST_LINE / 2;
    if run.weight() <= MOST {
        return run;
    }
    let tasks = std::mem::take(&mut run.tasks);
    if run.weight() > MOST {
        run.args.clear();
    }
    let mut weight = run.weight();
    for task in tasks {
        weight += task.weight();
        if weight > MOST {
            break;
        }
        run.tasks.push(task);
    }
    run
}
