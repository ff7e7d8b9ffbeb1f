//! Cache entries against their names: in the flat layout, a name begins with the hash of the content. One that differs is
//! torn, or somebody wrote it by hand; it is worth knowing, and no reason to remove it.

use super::{Catalog, Error, Finding, Findings, Kind, Session, Settings};
use crate::store::contents::{self, Content};
use crate::store::{dir, project_walk};
use rustix::fd::AsFd as _;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// Entries that are asked for together.
const PAGE: u64 = 256;

/// Reads every entry whose name is to be a hash.
pub(super) fn check(
    session: &Session,
    settings: &Settings<'_>,
    seen: &Catalog,
    findings: &mut Findings,
) -> Result<(), Error> {
    let root = session.store()?;
    let projects = seen.projects()?;
    settings.progress.begin("reading cache entries", Some(projects.iter().map(|p| p.cache_entries).sum()));
    for project in projects.iter().filter(|p| p.cache_entries > 0) {
        let opened = project_walk::open_project(root, &project.dir).ok().flatten();
        let Some(cache) = opened.and_then(|(fd, _)| dir::open_dir(fd.as_fd(), c".cache").ok()) else { continue };
        let path = project_walk::project_path(root, &project.dir).join(".cache");
        let mut after = Vec::new();
        loop {
            let page = seen.entry_facts(project.id, &after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.path.clone();
            for entry in &page {
                let name = String::from_utf8_lossy(&entry.path);
                let id = format!("{}/.cache/{name}", project.dir);
                let here = path.join(OsStr::from_bytes(&entry.path));
                match contents::compare(cache.as_fd(), &entry.path) {
                    Ok(Content::Unnamed | Content::Same) => {}
                    Ok(Content::Empty) => {
                        let what = format!("{id} is empty: it was torn while it was written");
                        findings.add(Finding::new(Kind::EntryMisnamed, what).at(here));
                    }
                    Ok(Content::Other(hash)) => {
                        let what = format!("{id} holds what would be called {hash}: torn, or written by hand");
                        findings.add(Finding::new(Kind::EntryMisnamed, what).at(here));
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        findings.add(Finding::new(Kind::Unreadable, format!("cannot read {id}: {error}")).at(here));
                    }
                }
            }
            settings.progress.advance(page.len() as u64);
        }
    }
    settings.progress.end();
    Ok(())
}
