//! Our own directory: who can read it, what was left behind in it, what is none of ours, and the reserve.

use super::{Error, Finding, Findings, Kind, Mend, Session, Settings};
use crate::archive::SET_ASIDE;
use crate::store::dir::{self, Listing, Meta};
use crate::store::{reserve, user_file};
use rustix::fd::{AsFd as _, BorrowedFd};
use rustix::fs::FileType;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The file of the user's that we write to.
pub(super) const CONFIG: &CStr = c"config.yml";

/// Rights of anybody but the owner.
const OF_OTHERS: u32 = 0o077;

/// What a name in our directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// A file or directory that we keep.
    Ours,
    /// Where private copies lie while somebody reads.
    Temporary,
    /// What a command that died was writing.
    Stray,
    /// A damaged catalog.
    SetAside,
    /// What an import left.
    ImportSetAside,
    /// Anything else.
    Foreign,
}

fn what_is(name: &[u8]) -> Name {
    const KEPT: [&[u8]; 10] = [
        b"catalog.db",
        b"catalog.db-wal",
        b"catalog.db-shm",
        b"catalog.db-journal",
        b"lock",
        b"trash",
        b"import",
        b"audit.jsonl",
        b"reserve",
        b"store-id",
    ];
    let is_log = name.starts_with(b"audit-") && name.ends_with(b".jsonl");
    if KEPT.contains(&name) || is_log {
        return Name::Ours;
    }
    let made_aside = [b".new".as_slice(), b".new-wal", b".new-shm", b".new-journal"];
    match name {
        b"tmp" => Name::Temporary,
        _ if name.starts_with(b"catalog.db.damaged-") => Name::SetAside,
        _ if name.starts_with(SET_ASIDE.as_bytes()) => Name::ImportSetAside,
        _ if made_aside.iter().any(|end| name.strip_suffix(*end).is_some_and(|stem| KEPT.contains(&stem))) => {
            Name::Stray
        }
        _ => Name::Foreign,
    }
}

/// Looks through our directory.
pub(super) fn check(session: &Session, settings: &Settings<'_>, findings: &mut Findings) -> Result<(), Error> {
    let Some(directory) = session.directory() else { return Ok(()) };
    let root = session.store()?;
    if let Some(left) = user_file::left_beside(root.fd(), CONFIG) {
        let name = left.to_string_lossy().into_owned();
        let what = format!("{name} was left by a command that died before config.yml was changed");
        let finding = Finding::new(Kind::StrayFile, what).at(root.path().join(&name));
        findings.add(finding.mended_by(Mend::RemoveBesideConfig));
    }
    let path = root.path().join(".catalog");
    let error = |source: rustix::io::Errno| Error::Io { act: "list", path: path.clone(), source: source.into() };
    let meta = dir::meta(directory).map_err(error)?;
    rights(&meta, &path, PathBuf::new(), findings);
    let mut listing = Listing::default();
    let (mark, count) = listing.push(directory).map_err(error)?;
    for at in 0..count {
        let entry = listing.entry(mark, at);
        let name = listing.name(entry).to_vec();
        // It went while we looked.
        let Ok(meta) = dir::meta_at(directory, listing.c_name(entry)) else { continue };
        let relative = PathBuf::from(OsStr::from_bytes(&name));
        let here = path.join(&relative);
        match what_is(&name) {
            Name::Ours => rights(&meta, &here, relative, findings),
            Name::Temporary => {
                rights(&meta, &here, relative.clone(), findings);
                left_behind(directory, &path, &relative, findings);
            }
            Name::Stray => {
                let what = format!("{} was left by a command that died", relative.display());
                findings.add(Finding::new(Kind::StrayFile, what).at(here).mended_by(Mend::Remove(relative)));
            }
            Name::SetAside | Name::ImportSetAside => {
                rights(&meta, &here, relative.clone(), findings);
                let what = format!("{} was set aside: remove it when you do not need it", relative.display());
                let is_catalog = what_is(&name) == Name::SetAside;
                let kind = if is_catalog { Kind::CatalogSetAside } else { Kind::ImportSetAside };
                findings.add(Finding::new(kind, what).at(here));
            }
            Name::Foreign => {
                let what = format!("{} is none of ours", relative.display());
                findings.add(Finding::new(Kind::ForeignFile, what).at(here));
            }
        }
    }
    if let Some(catalog) = &settings.catalog
        && let Ok(meta) = std::fs::metadata(catalog)
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&meta);
        if mode & OF_OTHERS != 0 {
            let what = format!("others can read the catalog (mode {:03o})", mode & 0o777);
            findings.add(Finding::new(Kind::RightsOpen, what).at(catalog).mended_by(Mend::Close(catalog.clone())));
        }
    }
    if !reserve::is_there(directory) {
        let what = "the reserve for a full disk is not there: the next clean makes it";
        findings.add(Finding::new(Kind::ReserveMissing, what).at(path.join("reserve")).mended_by(Mend::Reserve));
    }
    Ok(())
}

/// Adds what others may do with something of ours.
fn rights(meta: &Meta, path: &Path, relative: PathBuf, findings: &mut Findings) {
    let is_ours = matches!(meta.kind, FileType::RegularFile | FileType::Directory);
    if is_ours && meta.mode & OF_OTHERS != 0 {
        let what = format!("others can read what is ours (mode {:03o})", meta.mode & 0o777);
        findings.add(Finding::new(Kind::RightsOpen, what).at(path).mended_by(Mend::Close(relative)));
    }
}

/// Adds what lies among the private copies: nobody reads now, since the lock is held.
fn left_behind(directory: BorrowedFd<'_>, path: &Path, relative: &Path, findings: &mut Findings) {
    let Ok(fd) = dir::open_dir(directory, c"tmp") else { return };
    let mut listing = Listing::default();
    let Ok((mark, _)) = listing.push(fd.as_fd()) else { return };
    for entry in listing.entries(mark) {
        let name = relative.join(OsStr::from_bytes(listing.name(*entry)));
        let what = format!("{} was left by a command that died", name.display());
        findings.add(Finding::new(Kind::StrayFile, what).at(path.join(&name)).mended_by(Mend::Remove(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_our_directory_are_told_apart() {
        let cases = [
            (
                Name::Ours,
                ["catalog.db", "catalog.db-wal", "lock", "trash", "audit.jsonl", "audit-20250617T111640Z-2.jsonl"]
                    .as_slice(),
            ),
            (Name::Stray, &["catalog.db.new", "catalog.db.new-wal", "store-id.new", "reserve.new"]),
            (Name::SetAside, &["catalog.db.damaged-1750000000"]),
            (Name::ImportSetAside, &["import.damaged-20250617T111640Z-2"]),
            (Name::Temporary, &["tmp"]),
            (Name::Foreign, &["notes.txt", "catalog.db.old", "my.new", ".new", "audit-1.json"]),
        ];
        for (expected, names) in cases {
            for name in names {
                assert_eq!(what_is(name.as_bytes()), expected, "{name}");
            }
        }
    }
}
