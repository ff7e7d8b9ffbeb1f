//! Runs that stay and of which parts go: their shape in a plan file, written and read.
//!
//! A file may only name what can be a piece of a run; that each of them is one, and holds nothing that is never dropped,
//! is looked at again when it is moved.

use super::PlanFileError;
use super::shape::{RunShape, invalid};
use crate::clean::plan::RunRemoval;
use crate::clean::thinning::RunThinning;
use crate::model::{Dropped, Size};
use crate::store::parts::{Part, Piece, SharedName};
use crate::store::trash::JsonName;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A run that stays, with what goes of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThinShape {
    /// The run and what it looked like, and why parts of it go.
    pub(super) run: RunShape,
    size_bytes: u64,
    disk_bytes: u64,
    pieces: Vec<PieceShape>,
    places: Vec<PlaceShape>,
}

/// A file or directory that is moved.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PieceShape {
    /// Relative to the run.
    path: JsonName,
    part: String,
    inode: u64,
    is_dir: bool,
    size_bytes: u64,
    disk_bytes: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<SharedShape>,
}

/// A name of a file that has several.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SharedShape {
    inode: u64,
    links: u64,
    size_bytes: u64,
    disk_bytes: u64,
}

/// A directory that pieces are taken from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceShape {
    /// Relative to the run; empty for the run itself.
    path: JsonName,
    mtime_ns: i64,
}

impl ThinShape {
    pub(super) fn new(thinning: &RunThinning, run: RunShape) -> Self {
        // Taken apart, so that what is added is written as well.
        let RunThinning { run: _, dropped: _, size, pieces, places } = thinning;
        Self {
            run,
            size_bytes: size.size,
            disk_bytes: size.disk,
            pieces: pieces.iter().map(PieceShape::new).collect(),
            places: places
                .iter()
                .map(|(path, mtime_ns)| PlaceShape { path: JsonName::new(path), mtime_ns: *mtime_ns })
                .collect(),
        }
    }

    /// Holds every path against what can be a piece of a run.
    pub(super) fn check(&self) -> Result<(), PlanFileError> {
        if self.pieces.is_empty() {
            return Err(invalid("a run is thinned of nothing"));
        }
        let mut paths = HashSet::with_capacity(self.pieces.len());
        let mut parents = HashSet::new();
        for piece in &self.pieces {
            let path = relative(&piece.path)?;
            parents.insert(path.iter().rposition(|b| *b == b'/').map_or(&[][..], |slash| &path[..slash]).to_vec());
            if part(&piece.part).is_none() {
                return Err(invalid("a piece is of no part of a run"));
            }
            if !paths.insert(path) {
                return Err(invalid("a piece is named twice"));
            }
        }
        let above = |path: &[u8], slash: usize| paths.contains(&path[..slash]);
        let slashes = |path: &[u8]| path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).collect();
        if paths.iter().any(|path| Vec::<usize>::into_iter(slashes(path)).any(|slash| above(path, slash))) {
            return Err(invalid("a piece lies in another"));
        }
        for place in &self.places {
            let path = place.path.bytes().ok_or_else(|| invalid("a path is not base64"))?;
            if !parents.contains(&path) {
                return Err(invalid("a directory that nothing is taken from"));
            }
        }
        Ok(())
    }

    pub(super) fn thinning(&self, run: RunRemoval) -> RunThinning {
        let pieces: Vec<Piece> = self.pieces.iter().filter_map(PieceShape::piece).collect();
        let mut dropped = Dropped::default();
        pieces.iter().for_each(|piece| dropped.insert(piece.part.dropped()));
        let places = self.places.iter().filter_map(|place| Some((place.path.bytes()?, place.mtime_ns))).collect();
        RunThinning { run, dropped, size: Size { size: self.size_bytes, disk: self.disk_bytes }, pieces, places }
    }
}

impl PieceShape {
    fn new(piece: &Piece) -> Self {
        let Piece { path, part, inode, is_dir, size, shared } = piece;
        Self {
            path: JsonName::new(path),
            part: part.word().to_owned(),
            inode: *inode,
            is_dir: *is_dir,
            size_bytes: size.size,
            disk_bytes: size.disk,
            shared: shared
                .iter()
                .map(|SharedName { inode, links, size }| SharedShape {
                    inode: *inode,
                    links: *links,
                    size_bytes: size.size,
                    disk_bytes: size.disk,
                })
                .collect(),
        }
    }

    fn piece(&self) -> Option<Piece> {
        Some(Piece {
            path: self.path.bytes()?,
            part: part(&self.part)?,
            inode: self.inode,
            is_dir: self.is_dir,
            size: Size { size: self.size_bytes, disk: self.disk_bytes },
            shared: self
                .shared
                .iter()
                .map(|s| SharedName {
                    inode: s.inode,
                    links: s.links,
                    size: Size { size: s.size_bytes, disk: s.disk_bytes },
                })
                .collect(),
        })
    }
}

fn part(word: &str) -> Option<Part> {
    Part::ALL.into_iter().find(|part| part.word() == word)
}

/// A path that leads from a run into it, and nowhere else.
fn relative(name: &JsonName) -> Result<Vec<u8>, PlanFileError> {
    let path = name.bytes().ok_or_else(|| invalid("a path is not base64"))?;
    let is_name = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    match path.split(|b| *b == b'/').all(is_name) {
        true => Ok(path),
        false => Err(invalid("a path leads out of its run")),
    }
}
