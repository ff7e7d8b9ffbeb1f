//! Pins and tags: the user's word about a run. A pinned run is never removed, by whatever path; a tag is a name to find
//! runs by.
//!
//! **Order.** The line in the audit log is durable before the row changes, and success is said after both: a mark that was
//! promised survives the loss of the catalog, and one that was cut short is at most in the log. What does not change
//! anything is neither logged nor written.
//!
//! **Lock.** Marking is deciding: it needs the store's lock, so that no clean can look at a run's row for the last time
//! between the two writes.

use crate::audit::{Event, Heading, Journal, Log, Named, Pinned, RunName, Tagged};
use crate::catalog::CatalogTx;
use crate::model::{Pin, Run};
use crate::session::{Error, Session, Settings, operation_id};
use crate::store::change::Hook;
use crate::store::reserve;
use rustix::fd::BorrowedFd;

/// Who asks, for the audit log.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The command line.
    pub command: &'a str,
    /// User and host.
    pub who: &'a str,
}

/// A run with its marks.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The run as it is now.
    pub run: Run,
    /// Its pin now.
    pub pin: Option<Pin>,
    /// The pin that it had before.
    pub before: Option<Pin>,
    /// Whether anything changed.
    pub changed: bool,
}

/// Why a text is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// No text at all.
    #[error("a tag is empty")]
    Empty,
    /// More bytes than a tag may have.
    #[error("the tag `{0}...` has more than {max} bytes", max = Tag::LONGEST)]
    Long(String),
    /// It begins with a sign, which would set or take off another tag.
    #[error("`{0}` is no tag: it begins with `{1}`")]
    Sign(String, char),
    /// A blank, a comma or a control character: tags stand in lists, lines and selectors.
    #[error("`{0}` is no tag: it holds {1}")]
    Character(String, &'static str),
}

/// A name to find runs by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    /// The longest name, in bytes: as long as a file's may be.
    const LONGEST: usize = 255;

    /// Reads a tag.
    ///
    /// # Errors
    /// [`TagError`].
    pub fn new(text: &str) -> Result<Self, TagError> {
        if text.len() > Self::LONGEST {
            return Err(TagError::Long(text.chars().take(20).collect()));
        }
        if let Some(sign) = text.chars().next().filter(|c| "+-".contains(*c)) {
            return Err(TagError::Sign(text.to_owned(), sign));
        }
        let strange = text.chars().find_map(|c| match c {
            ',' => Some("a comma"),
            c if c.is_whitespace() => Some("a blank"),
            c if c.is_control() => Some("a control character"),
            _ => None,
        });
        match strange {
            Some(what) => Err(TagError::Character(text.to_owned(), what)),
            None if text.is_empty() => Err(TagError::Empty),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Pins runs. Without a note, a pin that is there keeps its own; an empty note takes it off.
///
/// # Errors
/// The lock is not to be had, or the log or the catalog cannot be written; then the pins may be in the log alone.
pub fn pin(
    session: &mut Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    runs: &[Run],
    note: Option<&str>,
) -> Result<Vec<Marked>, Error> {
    let note = note.map(|note| Some(note.to_owned()).filter(|note| !note.is_empty()));
    let changes = |run: &Run, before: Option<&Pin>| match before {
        None => true,
        Some(pin) => !run.pinned || note.as_ref().is_some_and(|note| *note != pin.note),
    };
    let new = Pin { note: note.clone().flatten(), at: settings.clock.now, who: asked.who.to_owned() };
    let event = |runs| Event::Pinned(Pinned { runs, note: new.note.clone() });
    mark(session, settings, asked, runs, &changes, &event, &|tx, run| tx.pin(run, &new))
}

/// Takes the pins off runs.
///
/// # Errors
/// As [`pin`].
pub fn unpin(
    session: &mut Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    runs: &[Run],
) -> Result<Vec<Marked>, Error> {
    let changes = |run: &Run, before: Option<&Pin>| run.pinned || before.is_some();
    let event = |runs| Event::Unpinned(Named { runs });
    mark(session, settings, asked, runs, &changes, &event, &|tx, run| tx.unpin(run))
}

/// Sets and takes off tags of runs.
///
/// # Errors
/// As [`pin`].
pub fn tag(
    session: &mut Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    runs: &[Run],
    (added, removed): (&[Tag], &[Tag]),
) -> Result<Vec<Marked>, Error> {
    let texts = |tags: &[Tag]| tags.iter().map(|tag| tag.0.clone()).collect::<Vec<_>>();
    let (added, removed) = (texts(added), texts(removed));
    let changes = |run: &Run, _: Option<&Pin>| {
        added.iter().any(|tag| !run.tags.contains(tag)) || removed.iter().any(|tag| run.tags.contains(tag))
    };
    let event = |runs| Event::Tagged(Tagged { runs, added: added.clone(), removed: removed.clone() });
    mark(session, settings, asked, runs, &changes, &event, &|tx, run| tx.tag(run, &added, &removed))
}

/// Names in a line: a log of a million marks must still be read with little memory.
const NAMES_IN_A_LINE: usize = 10_000;

/// Logs what changes, then writes it.
fn mark(
    session: &mut Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    runs: &[Run],
    changes: &dyn Fn(&Run, Option<&Pin>) -> bool,
    event: &dyn Fn(Vec<RunName>) -> Event,
    write: &dyn Fn(&mut CatalogTx<'_>, i64) -> crate::catalog::Result<()>,
) -> Result<Vec<Marked>, Error> {
    session.lock_again(settings)?;
    if !session.catalog.is_on_disk() {
        return Err(Error::NoCatalog("the catalog is in memory".to_owned()));
    }
    let mut marked = Vec::with_capacity(runs.len());
    for run in runs {
        let before = session.catalog.pin(run.key)?;
        let changed = changes(run, before.as_ref());
        marked.push(Marked { run: run.clone(), pin: None, before, changed });
    }
    let changed: Vec<&Run> = marked.iter().filter(|one| one.changed).map(|one| &one.run).collect();
    if !changed.is_empty() {
        log(session, settings, asked, &changed, event)?;
        let known = session.own_lines();
        let mut tx = session.catalog.begin_durable()?;
        for run in &changed {
            write(&mut tx, run.key)?;
        }
        if let Some(known) = &known {
            tx.put_log_mark(known)?;
        }
        tx.commit()?;
    }
    for one in &mut marked {
        one.pin = session.catalog.pin(one.run.key)?;
        if let Some(run) = session.catalog.run(one.run.key)? {
            one.run = run;
        }
    }
    Ok(marked)
}

fn log(
    session: &Session,
    settings: &Settings<'_>,
    asked: &Asked<'_>,
    runs: &[&Run],
    event: &dyn Fn(Vec<RunName>) -> Event,
) -> Result<(), Error> {
    let mut lines = Lines::begin(session, settings, asked)?;
    runs.chunks(NAMES_IN_A_LINE)
        .try_for_each(|runs| lines.note(&event(runs.iter().map(|run| RunName::of(&run.id)).collect())))
}

/// The lines in the audit log of one operation that removes nothing.
pub(crate) struct Lines<'a> {
    session: &'a Session,
    hook: &'a Hook,
    directory: BorrowedFd<'a>,
    journal: Journal<'a>,
}

impl<'a> Lines<'a> {
    /// Begins an operation; nothing is written yet.
    pub(crate) fn begin(session: &'a Session, settings: &'a Settings<'_>, asked: &Asked<'_>) -> Result<Self, Error> {
        let directory = session.directory().ok_or_else(|| Error::NoCatalog("it has no directory".to_owned()))?;
        let heading = Heading {
            operation: &operation_id(settings)?,
            now: settings.clock.now,
            who: asked.who,
            command: asked.command,
            policy: "",
            plan: None,
        };
        let hook = &settings.hook;
        let log = Log { hook, directory, limit: settings.audit_limit };
        Ok(Self { session, hook, directory, journal: Journal::new(log, &heading) })
    }

    /// Writes a line, durably, with the reserve where the disk is full.
    pub(crate) fn note(&mut self, event: &Event) -> Result<(), Error> {
        let Self { session, hook, directory, journal } = self;
        reserve::with(hook, *directory, || journal.append(session.lock(), event)).map_err(|source| {
            let path = session.root.as_ref().map(|root| root.path().join(".catalog/audit.jsonl")).unwrap_or_default();
            Error::Io { act: "write", path, source }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_word() {
        for good in ["a", "release", "v1.2.3", "für-später", "team/web", "x:y", "a=b", "1"] {
            assert_eq!(Tag::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(256);
        for bad in ["", "+a", "-a", "--json", "a b", "a,b", "a\n", "a\u{7}", "\u{a0}", long.as_str()] {
            assert!(Tag::new(bad).is_err(), "{bad:?}");
        }
    }
}
