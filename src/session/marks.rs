//! The marks of the audit log that a catalog lacks: set through another catalog of the same store, or by a command that
//! died between its line and its row. The log is the truth of pins and tags, so nothing is decided by a catalog that lacks
//! some of it.
//!
//! Whoever holds the lock takes them over with each refresh, and is told of it; who only reads as it is, is told that there
//! are some. What was added to a log and cannot be read may be a pin: the rest is taken over, and whoever decides is
//! refused until a fix, or a rebuilding, has passed over it.

use super::settings::{Error, Notice, Settings};
use super::{Access, Session, describe, memory};
use crate::audit::{self, Added, Lacking, Told};
use crate::catalog::{self, Catalog, LogMark};
use rustix::fd::BorrowedFd;
use std::io;

/// Why a catalog may lack marks of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Lines that were added cannot be read: the first of them. A fix passes over them.
    Lines(String),
    /// The log cannot be read now.
    Log(String),
}

impl Unclear {
    /// Why it cannot be read.
    pub fn cause(&self) -> &str {
        let (Self::Lines(cause) | Self::Log(cause)) = self;
        cause
    }
}

/// What was read of the log because the catalog did not know it.
struct News {
    lacking: Vec<Lacking>,
    /// How far the log was read.
    mark: LogMark,
    /// What could not be read.
    damage: Option<String>,
}

impl Session {
    /// With the lock held: gives the catalog the marks of the log that it lacks.
    pub(super) fn take_marks(&mut self, settings: &Settings<'_>, access: Access) -> Result<(), Error> {
        self.unclear = None;
        let news = match self.directory() {
            Some(directory) => news(directory, &self.catalog),
            None => return Ok(()),
        };
        let News { lacking, mark, damage } = match news {
            Ok(None) => return Ok(()),
            Ok(Some(news)) => news,
            Err(Error::Io { source, .. }) => {
                self.unclear = Some(Unclear::Log(source.to_string()));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let passed_over = matches!(access, Access::Mend | Access::Rebuild);
        let known = (damage.is_none() || passed_over).then_some(&mark);
        match self.write_marks(settings, &lacking, known) {
            // How far the log is known only saves reading it again.
            Err(error) if lacking.is_empty() && !error.is_damage() => {}
            done => done?,
        }
        if !lacking.is_empty() {
            self.notices.push(Notice::MarksTaken { runs: lacking.len() });
        }
        match damage {
            Some(cause) if passed_over => self.notices.push(Notice::MarksLost(cause)),
            damage => self.unclear = damage.map(Unclear::Lines),
        }
        Ok(())
    }

    /// Both at once: a power loss takes both or none.
    fn write_marks(
        &mut self,
        settings: &Settings<'_>,
        lacking: &[Lacking],
        known: Option<&LogMark>,
    ) -> catalog::Result<()> {
        let mut tx = self.catalog.begin()?;
        for one in lacking {
            one.write(&mut tx, settings.clock.now)?;
        }
        if let Some(known) = known {
            tx.put_log_mark(known)?;
        }
        tx.commit()
    }

    /// What is to be said by whoever answers all the same.
    pub(super) fn tell_of_marks(&mut self) {
        if let Some(why) = self.unclear.take() {
            self.notices.push(Notice::MarksUnclear(why));
        }
    }

    /// Whether the catalog has all marks of the log, for whoever decides.
    pub(super) fn check_marks(&self) -> Result<(), Error> {
        let Some(why) = &self.unclear else { return Ok(()) };
        let path = self.root.as_ref().map(|root| root.path().join(".catalog/audit.jsonl")).unwrap_or_default();
        Err(Error::MarksUnclear { path, why: why.clone() })
    }

    /// How far the log is known once the marks are written of which this session has just written the lines: nobody else
    /// writes marks while it holds the lock, and it had all others. `None` where that cannot be told: they are read again.
    pub(crate) fn own_lines(&self) -> Option<LogMark> {
        let news = news(self.directory()?, &self.catalog).ok()??;
        news.damage.is_none().then_some(news.mark)
    }

    /// Without the lock, or where nothing is to be refreshed: says whether the catalog lacks marks of the log.
    pub(super) fn compare_marks(&mut self) {
        let Some(directory) = self.directory() else { return };
        let notice = match news(directory, &self.catalog) {
            Ok(None) => return,
            Ok(Some(News { lacking, damage, .. })) => match damage {
                Some(cause) => Notice::MarksUnclear(Unclear::Lines(cause)),
                None if lacking.is_empty() => return,
                None => Notice::MarksLacking { runs: lacking.len() },
            },
            Err(error) => Notice::MarksUnclear(Unclear::Log(describe(&error))),
        };
        self.notices.push(notice);
    }

    /// Why nothing may be decided by this catalog, looked at again: lines of the log that cannot be read and that it did not
    /// pass over.
    ///
    /// # Errors
    /// The catalog's.
    pub fn unread_marks(&self) -> Result<Option<String>, Error> {
        let Some(directory) = self.directory() else { return Ok(None) };
        match news(directory, &self.catalog) {
            Ok(news) => Ok(news.and_then(|news| news.damage)),
            Err(Error::Io { source, .. }) => Ok(Some(source.to_string())),
            Err(error) => Err(error),
        }
    }
}

/// What the log has and the catalog does not know; `None` where nothing was added.
fn news(directory: BorrowedFd<'_>, catalog: &Catalog) -> Result<Option<News>, Error> {
    let known = catalog.log_mark()?;
    let (mut reader, mut told) = match audit::added_since(directory, known.as_ref()).map_err(memory::unreadable)? {
        Added::Nothing => return Ok(None),
        Added::Since(reader) => (reader, Told::new(true)),
        Added::All(reader) => (reader, Told::new(false)),
    };
    while let Some((_, line)) = reader.next_line() {
        told.line(&line);
    }
    if let Some(failure) = reader.failure() {
        return Err(memory::unreadable(io::Error::other(failure.to_string())));
    }
    let mark = reader.mark().map_err(memory::unreadable)?;
    Ok(Some(News { lacking: told.lacking(catalog)?, mark, damage: reader.damage().map(ToString::to_string) }))
}
