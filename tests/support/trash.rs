//! The trash of a test's store: cleaned into, restored from, emptied.

use super::{Store, execution};
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::trash::{self, Content, Emptying, Restored, Wanted};
use otto_catalog::clean::{self, Outcome, Request};
use otto_catalog::model::{Age, Run, RunState};
use otto_catalog::session::{Access, Error, Session};

/// The same request, with what goes kept for 14 days.
pub(crate) fn kept(request: Request) -> Request {
    Request { trash: Some(Age::days(14)), ..request }
}

impl Store {
    /// What lies in the trash.
    pub(crate) fn contents(&self) -> Vec<Content> {
        trash::contents(&self.open(Access::Read), &self.settings()).unwrap().operations
    }

    /// The runs and entries in the trash that can be restored, by name.
    pub(crate) fn kept(&self) -> Vec<String> {
        let contents = self.contents();
        let items = contents.iter().flat_map(|c| &c.items).filter(|item| item.state.is_kept());
        let mut kept: Vec<_> = items.map(trash::Item::name).collect();
        kept.sort();
        kept
    }

    /// Everything that `otto undo` does; `None` where there is nothing to undo.
    pub(crate) fn try_undo(&self) -> Result<Option<Restored>, Error> {
        let settings = self.settings();
        let mut session = self.try_open(Access::Delete)?;
        clean::put_back(&mut session, &settings)?;
        let Some(last) = trash::last_operation(&session, &settings)? else { return Ok(None) };
        let plan = trash::plan_restore(&session, &settings, Wanted::Operation(&last))?;
        trash::restore(&mut session, &settings, plan, &execution()).map(Some)
    }

    pub(crate) fn undo(&self) -> Restored {
        self.try_undo().unwrap().unwrap()
    }

    /// Everything that `otto trash restore` does with these ids.
    pub(crate) fn restore(&self, ids: &[&str]) -> Restored {
        let settings = self.settings();
        let mut session = self.open(Access::Delete);
        clean::put_back(&mut session, &settings).unwrap();
        let runs: Vec<Run> = ids.iter().map(|id| restorable_run(&session, id)).collect();
        let plan = trash::plan_restore(&session, &settings, Wanted::Runs(&runs)).unwrap();
        trash::restore(&mut session, &settings, plan, &execution()).unwrap()
    }

    /// What `otto trash empty` would do.
    pub(crate) fn emptying(&self, before: Option<i64>) -> Emptying {
        trash::plan_empty(&self.open(Access::Read), &self.settings(), before).unwrap()
    }

    /// Everything that `otto trash empty` does.
    pub(crate) fn try_empty(&self, before: Option<i64>) -> Result<Outcome, Error> {
        let settings = self.settings();
        let mut session = self.try_open(Access::Delete)?;
        clean::recover(&mut session, &settings, &execution())?;
        let plan = trash::plan_empty(&session, &settings, before)?;
        session.unlock();
        trash::empty(&mut session, &settings, plan, &execution())
    }

    pub(crate) fn empty(&self, before: Option<i64>) -> Outcome {
        self.try_empty(before).unwrap()
    }

    /// Pins a run, wherever it is.
    pub(crate) fn pin(&self, id: &str) {
        let mut session = self.open(Access::Delete);
        let key = any_run(&session, id).key;
        let mut tx = session.catalog.begin().unwrap();
        let pin = otto_catalog::model::Pin { note: None, at: self.now(), who: "a test".to_owned() };
        tx.pin(key, &pin).unwrap();
        tx.commit().unwrap();
    }
}

/// The run of that id, in whatever state.
pub(crate) fn any_run(session: &Session, id: &str) -> Run {
    let catalog = &session.catalog;
    let (project, dir) = id.rsplit_once('/').unwrap();
    let known = catalog.known_projects().unwrap();
    let project = known.iter().find(|p| p.dir.lossy() == project).unwrap_or_else(|| panic!("no project of {id}"));
    catalog.run_named(project.id, dir).unwrap().unwrap_or_else(|| panic!("no row of {id}"))
}

/// One in the trash, or one in its place of which parts are.
fn restorable_run(session: &Session, id: &str) -> Run {
    let run = any_run(session, id);
    let parts = || !session.catalog.parts_in_the_trash(run.key).unwrap().is_empty();
    assert!(run.state == RunState::Trashed || parts(), "{id} is {:?}", run.state);
    run
}

/// The ids of the runs that a catalog lists, in order.
pub(crate) fn listed(session: &Session) -> Vec<String> {
    let runs = session.catalog.runs(&RunFilter::default()).unwrap();
    let mut ids: Vec<_> = runs.into_iter().map(|run| run.id.to_string()).collect();
    ids.sort();
    ids
}
