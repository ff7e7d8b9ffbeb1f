//! Runs in a file: written, looked into, brought back.

mod bounds;
mod cleaned;
mod copied;
mod identity;
mod kept;
mod raw;
mod stopped;
mod tampered;
mod uncertain;
mod unsettled;

use crate::support::*;
use otto_catalog::archive::{self, Archive, Asked, Error, Exported, Imported, Limits, Request};
use otto_catalog::catalog::RunFilter;
use otto_catalog::practice::{Era, RunSpec, TaskSpec, WalState};
use otto_catalog::session::{Access, Session};
use std::path::{Path, PathBuf};

fn asked() -> Asked<'static> {
    Asked { command: "otto import", who: "a test", interrupted: &|| false }
}

impl Store {
    /// Writes all runs into a file beside the store.
    fn try_export(&self, name: &str) -> Result<Exported, Error> {
        let output = self.outside(name);
        let session = self.open(Access::Read);
        let runs = session.catalog.runs(&RunFilter::default()).unwrap();
        let request =
            Request { runs: &runs, entries: &[], output: &output, force: false, limits: Limits::USUAL, verify: true };
        archive::export(&session, &self.settings(), &request, &asked())
    }

    /// The same, with nothing to complain of.
    fn export(&self, name: &str) -> PathBuf {
        let exported = self.try_export(name).unwrap();
        assert_eq!(exported.skipped, []);
        exported.path.unwrap()
    }

    fn try_import(&self, path: &Path) -> Result<Imported, Error> {
        let archive = Archive::open(path, Limits::USUAL)?;
        let settings = self.settings();
        archive::make_store(&settings)?;
        let mut session = Session::open(&settings, Access::Mark)?;
        archive::import(&mut session, &settings, &archive, &asked())
    }

    fn import(&self, path: &Path) -> Imported {
        let imported = self.try_import(path).unwrap();
        assert_eq!((&imported.skipped, &imported.notices), (&vec![], &vec![]));
        imported
    }
}

/// Two runs that share a script, of which one has a row in the runner's database that says more than its files.
fn small() -> Store {
    let store = Store::in_memory();
    let mut builder = store.builder();
    for days in [60, 50] {
        let run = RunSpec::new(Era::J, "/home/dev/web", store.days_ago(days));
        builder.run(run.task(TaskSpec::ok("build")).task(TaskSpec::failed("test", 2))).unwrap();
    }
    builder.runner_db(5, WalState::Clean).unwrap();
    store
}
