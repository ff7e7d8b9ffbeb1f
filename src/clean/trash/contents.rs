//! What lies in the trash, and what was decided about it.

use super::super::emptied;
use super::super::execute::entry_name;
use crate::model::{RunState, Size, Timestamp};
use crate::session::{Error, Session, Settings};
use crate::store::root::place_of;
use crate::store::trash::{JsonName, Lying, Operation, Trash};
use crate::store::{dir, measure};
use rustix::fd::AsFd as _;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

/// An operation with what is left of it in the trash.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its name.
    pub id: String,
    /// The command that moved it there.
    pub command: String,
    /// When, Unix seconds.
    pub at: Timestamp,
    /// Until when it can be restored, by what it was begun with; `None`: not at all.
    pub keep_until: Option<Timestamp>,
    /// What lies there: runs first.
    pub items: Vec<Item>,
    /// What it takes by itself; a file that has a name elsewhere, in the store or in another operation, is left out.
    /// Zero unless it was asked for.
    pub size: Size,
}

/// An item in the trash.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub lying: Lying,
    /// What was decided about it.
    pub state: ItemState,
    /// What it took in its place.
    pub size: Size,
    /// Why it went.
    pub reasons: Vec<String>,
}

/// What was decided about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// It can be restored.
    Kept {
        /// Until then; then the next deleting command removes it.
        until: Option<Timestamp>,
        /// Whether it is pinned: then it stays, also past that.
        pinned: bool,
        /// The row of a run.
        row: Option<i64>,
    },
    /// It is on its way out.
    Leaving,
    /// Nothing: a clean is at work, or died.
    Undecided,
}

impl ItemState {
    /// The word for people and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept { .. } => "kept",
            Self::Leaving => "leaving",
            Self::Undecided => "undecided",
        }
    }

    /// Whether it can be restored.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Kept { .. })
    }
}

impl Item {
    /// A run's id, or an entry's path in the store.
    pub fn name(&self) -> String {
        name_of(&self.lying)
    }
}

pub(super) fn name_of(lying: &Lying) -> String {
    match lying {
        Lying::Run { project, run } => format!("{project}/{run}"),
        Lying::Entry { project, path } => entry_name(project, path),
        Lying::Parts { project, run } => format!("parts of {project}/{run}"),
    }
}

/// All that lies in the trash.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// By operation, in the order in which they went there.
    pub operations: Vec<Content>,
    /// What all of it takes; a file that has a name in the store as well is counted there.
    pub size: Size,
}

/// What lies in the trash. Nobody who works on it is disturbed.
///
/// # Errors
/// When the trash cannot be read. An operation that goes meanwhile is left out.
pub fn contents(session: &Session, settings: &Settings<'_>) -> Result<Contents, Error> {
    let mut operations = listed(session, settings)?;
    let mut all = Vec::new();
    for content in &mut operations {
        // By the paths by which emptying counts: what the one says it takes, the other says it frees.
        let items: Vec<Lying> = content.items.iter().map(|item| item.lying.clone()).collect();
        let paths = emptied::paths(session, &content.id, &items, true);
        content.size = measure::freed(&paths);
        all.extend(paths);
    }
    let size = measure::freed(all);
    Ok(Contents { operations, size })
}

/// What all of it takes, as [`contents`] has it, for whoever decides by it: what cannot be looked at is no zero.
///
/// # Errors
/// When any of it cannot be read, with its path.
pub fn measured(session: &Session, settings: &Settings<'_>) -> Result<Size, Error> {
    /// How often an operation is looked at again that somebody empties meanwhile.
    const TRIES: usize = 100;

    let Some(root) = &session.root else { return Ok(Size::ZERO) };
    let error = |act, path: PathBuf| move |source: io::Error| Error::Io { act, path, source };
    // Also of a session that only looks, and has no directory of its own there.
    let directory = match dir::open_dir(root.fd(), c".catalog") {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Ok(Size::ZERO),
        Err(errno) => return Err(error("open", root.path().join(".catalog"))(errno.into())),
    };
    let opened = Trash::open_if_there(directory.as_fd(), &settings.hook).map_err(error("open", path(session)))?;
    let Some(trash) = opened else { return Ok(Size::ZERO) };
    let mut paths = Vec::new();
    for id in trash.names().map_err(error("list", path(session)))? {
        let place = path(session).join(&id);
        let mut tries = 0;
        let lying = loop {
            let Some(operation) = trash.look_at(&id).map_err(error("open", place.clone()))? else { break Vec::new() };
            match operation.lying() {
                Ok(lying) => break lying,
                Err(gone) if gone.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
                Err(unread) => return Err(error("list", place)(unread)),
            }
        };
        paths.extend(emptied::paths(session, &id, &lying, true));
    }
    let size = measure::freed_if_known(paths).map_err(|(path, source)| error("look at", path)(source))?;
    // The paths led here: under another name all of it would have counted as gone.
    match place_of(root.fd(), root.path()) {
        Ok(place) if place == root.path() => Ok(size),
        Ok(_) => Err(error("look at", path(session))(io::Error::other("the store was moved meanwhile"))),
        Err(source) => Err(error("look at", path(session))(source)),
    }
}

/// The same without what it takes, for which every file would have to be looked at.
pub(super) fn listed(session: &Session, settings: &Settings<'_>) -> Result<Vec<Content>, Error> {
    let Some(directory) = session.directory() else { return Ok(Vec::new()) };
    let error = |act| move |source: io::Error| Error::Io { act, path: path(session), source };
    let Some(trash) = Trash::open_if_there(directory, &settings.hook).map_err(error("open"))? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for id in trash.names().map_err(error("list"))? {
        let looked =
            trash.look_at(&id).map_err(|source| Error::Io { act: "look at", path: path(session).join(&id), source });
        let Some(operation) = looked? else { continue };
        found.push(content(session, &operation)?);
    }
    found.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(found)
}

/// What lies in an operation.
pub(super) fn content(session: &Session, operation: &Operation) -> Result<Content, Error> {
    // What goes while we look does not lie there any more.
    let lying = operation.lying().unwrap_or_default();
    let described = operation.description.as_ref();
    let runs: HashMap<(&JsonName, &str), (Size, &[String])> = described
        .map(|d| d.runs.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|run| {
            let size = Size { size: run.size_bytes, disk: run.disk_bytes };
            ((&run.project, run.run.as_str()), (size, run.reasons.as_slice()))
        })
        .collect();
    let entries: HashMap<(&JsonName, &JsonName), Size> = described
        .map(|d| d.entries.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|e| ((&e.project, &e.path), Size { size: e.size_bytes, disk: e.disk_bytes }))
        .collect();
    let mut items = Vec::with_capacity(lying.len());
    for lying in lying {
        let project = JsonName::new(lying.project().as_bytes());
        let (size, reasons) = match &lying {
            Lying::Parts { .. } => (Size::ZERO, [].as_slice()),
            Lying::Run { run, .. } => runs.get(&(&project, run.as_str())).copied().unwrap_or_default(),
            Lying::Entry { path, .. } => {
                (entries.get(&(&project, &JsonName::new(path))).copied().unwrap_or_default(), [].as_slice())
            }
        };
        let (size, reasons) = match &lying {
            Lying::Parts { project, run } => operation.parts_item(project, run).map_or((size, reasons), |item| {
                (Size { size: item.size_bytes, disk: item.disk_bytes }, item.reasons.as_slice())
            }),
            _ => (size, reasons),
        };
        let state = state(session, &operation.id, &lying)?;
        items.push(Item { lying, state, size, reasons: reasons.to_vec() });
    }
    items.sort_by_key(|item| (matches!(item.lying, Lying::Entry { .. }), item.name()));
    Ok(Content {
        id: operation.id.clone(),
        command: described.map(|d| d.command.clone()).unwrap_or_default(),
        at: described.map_or(0, |d| d.started_at),
        keep_until: described.and_then(|d| d.keep_until),
        size: Size::ZERO,
        items,
    })
}

/// What was decided about an item of an operation.
pub(super) fn state(session: &Session, operation: &str, lying: &Lying) -> Result<ItemState, Error> {
    Ok(match lying {
        Lying::Run { project, run } => {
            let decision = session.catalog.run_decision(project, run)?;
            match decision.filter(|d| d.operation.as_deref() == Some(operation)) {
                Some(d) if d.state == RunState::Trashed => {
                    ItemState::Kept { until: d.keep_until, pinned: d.pinned, row: Some(d.key) }
                }
                Some(d) if d.state == RunState::Removed => ItemState::Leaving,
                _ => ItemState::Undecided,
            }
        }
        Lying::Parts { project, run } => match session.catalog.thinning_decision(operation, project, run)? {
            Some(d) if d.keep_until.is_some() => {
                ItemState::Kept { until: d.keep_until, pinned: d.pinned, row: Some(d.key) }
            }
            Some(_) => ItemState::Leaving,
            None => ItemState::Undecided,
        },
        Lying::Entry { project, path } => match session.catalog.entry_decision(operation, project, path)? {
            Some(d) if d.keep_until.is_some() => ItemState::Kept { until: d.keep_until, pinned: false, row: None },
            Some(_) => ItemState::Leaving,
            None => ItemState::Undecided,
        },
    })
}

/// Where the trash is, for figures and for people.
pub(super) fn path(session: &Session) -> PathBuf {
    session.root.as_ref().map(|root| root.path().join(".catalog").join("trash")).unwrap_or_default()
}
