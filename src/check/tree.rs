//! The catalog against the tree: a copy of the old one, refreshed, and one that was built from nothing.

use super::compare::{Pages, Pair, RunDifference, differing, merge, run_difference};
use super::{Catalog, Error, Finding, Findings, Kind, Mend, Session};
use crate::catalog::{EntryFacts, ProjectFacts, RunFacts};
use crate::model::{ProjectDir, RunDir};
use crate::store::root::StoreRoot;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// Rows that are compared together.
const PAGE: u64 = 256;

/// Adds what the two do not agree on.
pub(super) fn compare(session: &Session, seen: &Catalog, findings: &mut Findings) -> Result<(), Error> {
    let (root, kept) = (session.store()?, &session.catalog);
    // What was listed at two different stamps may differ: somebody changed it in between.
    let root_at_rest = kept.store_state()?.stamp == seen.store_state()?.stamp;
    let mut once = [kept.project_facts()?, seen.project_facts()?].map(Some);
    let mut all = |side: usize| {
        let mut facts = once[side].take();
        Pages::new(move |after: Option<&ProjectFacts>| Ok(facts.take().filter(|_| after.is_none()).unwrap_or_default()))
    };
    merge(
        all(0),
        all(1),
        |a, b| a.dir.cmp(&b.dir),
        |pair| {
            match pair {
                Pair::Seen(project) if root_at_rest && !project.dir.is_root() => findings.add(
                    Finding::new(
                        Kind::ProjectUnlisted,
                        format!("the catalog does not know the project {}", project.dir),
                    )
                    .at(place(root, &project.dir, b""))
                    .mended_by(Mend::LookAtStore),
                ),
                Pair::Both(kept_project, seen_project) => {
                    let project = Project { root, dir: &kept_project.dir };
                    let at_rest =
                        kept_project.stamps == seen_project.stamps && (!project.dir.is_root() || root_at_rest);
                    let wrong = differing(&kept_project.facts, &seen_project.facts);
                    if at_rest && !wrong.is_empty() {
                        let what = format!("the catalog is wrong about {}: {}", project.dir, wrong.join(", "));
                        findings.add(project.finding(Kind::ProjectWrong, what, b""));
                    }
                    let keys = (kept_project.key, seen_project.key);
                    project.runs(kept, seen, keys, at_rest, findings)?;
                    project.entries(kept, seen, keys, at_rest, findings)?;
                }
                Pair::Kept(_) | Pair::Seen(_) => {}
            }
            Ok(())
        },
    )
}

/// A path in the store.
fn place(root: &StoreRoot, project: &ProjectDir, below: &[u8]) -> PathBuf {
    let mut path = root.path().to_owned();
    if !project.is_root() {
        path.push(OsStr::from_bytes(project.as_bytes()));
    }
    if !below.is_empty() {
        path.push(OsStr::from_bytes(below));
    }
    path
}

/// A project that both sides have.
struct Project<'a> {
    root: &'a StoreRoot,
    dir: &'a ProjectDir,
}

impl Project<'_> {
    /// A finding that listing the project again mends.
    fn finding(&self, kind: Kind, what: String, below: &[u8]) -> Finding {
        // Runs of 2023 are listed with the store.
        let mend = if self.dir.is_root() { Mend::LookAtStore } else { Mend::LookAtProject(self.dir.clone()) };
        Finding::new(kind, what).at(place(self.root, self.dir, below)).mended_by(mend)
    }

    fn runs(
        &self,
        kept: &Catalog,
        seen: &Catalog,
        (kept_key, seen_key): (i64, i64),
        at_rest: bool,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let pages = |catalog, key| {
            Pages::new(move |after: Option<&RunFacts>| {
                Catalog::run_facts(catalog, key, after.map_or("", |run| run.dir.as_str()), PAGE)
            })
        };
        merge(
            pages(kept, kept_key),
            pages(seen, seen_key),
            |a, b| a.dir.cmp(&b.dir),
            |pair| {
                match pair {
                    Pair::Kept(run) if at_rest => {
                        let what = format!("{}/{} is not there any more", self.dir, run.dir);
                        findings.add(self.finding(Kind::RunMissing, what, run.dir.as_bytes()));
                    }
                    Pair::Seen(run) if at_rest => {
                        let what = format!("the catalog does not know {}/{}", self.dir, run.dir);
                        findings.add(self.finding(Kind::RunUnlisted, what, run.dir.as_bytes()));
                    }
                    Pair::Kept(_) | Pair::Seen(_) => {}
                    Pair::Both(kept, seen) => {
                        if let Some(finding) = self.run(&kept, &seen) {
                            findings.add(finding);
                        }
                    }
                }
                Ok(())
            },
        )
    }

    fn run(&self, kept: &RunFacts, seen: &RunFacts) -> Option<Finding> {
        let id = format!("{}/{}", self.dir, kept.dir);
        let (kind, what) = match run_difference(kept, seen)? {
            RunDifference::Changed(differing) if differing.is_empty() => {
                (Kind::RunChanged, format!("files of {id} changed after it had ended"))
            }
            RunDifference::Changed(differing) => {
                (Kind::RunChanged, format!("files of {id} changed after it had ended: {}", differing.join(", ")))
            }
            RunDifference::Wrong(differing) => {
                (Kind::RunWrong, format!("the catalog is wrong about {id}: {}", differing.join(", ")))
            }
        };
        let finding = self.finding(kind, what, kept.dir.as_bytes());
        let mend = |run| match kind {
            Kind::RunWrong => Mend::JudgeRun(self.dir.clone(), run),
            _ => Mend::LookAtRun(self.dir.clone(), run),
        };
        Some(match RunDir::parse(kept.dir.as_bytes()) {
            Ok(run) => finding.mended_by(mend(run)),
            Err(_) => finding,
        })
    }

    fn entries(
        &self,
        kept: &Catalog,
        seen: &Catalog,
        (kept_key, seen_key): (i64, i64),
        at_rest: bool,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let pages = |catalog, key| {
            Pages::new(move |after: Option<&EntryFacts>| {
                Catalog::entry_facts(catalog, key, after.map_or(&[], |entry| &entry.path), PAGE)
            })
        };
        merge(
            pages(kept, kept_key),
            pages(seen, seen_key),
            |a, b| a.path.cmp(&b.path),
            |pair| {
                let (kind, path, says) = match &pair {
                    Pair::Kept(entry) if at_rest => {
                        (Kind::EntryMissing, &entry.path, "is not there any more".to_owned())
                    }
                    Pair::Seen(entry) if at_rest => {
                        (Kind::EntryUnlisted, &entry.path, "is not known to the catalog".to_owned())
                    }
                    Pair::Both(kept, seen) if kept.facts != seen.facts => {
                        let differing = differing(&kept.facts, &seen.facts).join(", ");
                        (Kind::EntryChanged, &kept.path, format!("is not what the catalog says: {differing}"))
                    }
                    _ => return Ok(()),
                };
                let below = [b".cache/".as_slice(), path].concat();
                let what = format!("{}/.cache/{} {says}", self.dir, String::from_utf8_lossy(path));
                findings.add(self.finding(kind, what, &below));
                Ok(())
            },
        )
    }
}

/// Adds links of runs that name what is not there: one finding a project, since in a moved store all of them dangle.
pub(super) fn dangling_links(session: &Session, seen: &Catalog, findings: &mut Findings) -> Result<(), Error> {
    let root = session.store()?;
    for project in seen.projects()? {
        let (count, examples) = seen.dangling(project.id)?;
        if count == 0 {
            continue;
        }
        let examples: Vec<String> =
            examples.iter().map(|(run, path)| format!("{run}: {}", String::from_utf8_lossy(path))).collect();
        let what = format!(
            "{}: {count} {} to no cache entry ({})",
            project.dir,
            if count == 1 { "script link leads" } else { "script links lead" },
            examples.join(", ")
        );
        findings.add(Finding::new(Kind::LinksDangling, what).at(place(root, &project.dir, b"")));
    }
    Ok(())
}
