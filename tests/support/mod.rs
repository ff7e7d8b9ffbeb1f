//! What the tests stand on: a store in a temporary directory, opened with a clock, a hook and a list of processes of its own.

mod cases;
pub(crate) mod digest;
pub(crate) mod fault;
pub(crate) mod log;
pub(crate) mod past;
pub(crate) mod rights;
pub(crate) mod trash;
pub(crate) mod tree;

pub(crate) use cases::cases;
pub(crate) use rights::{as_a_user, chmod};

use otto_catalog::catalog::Catalog;
use otto_catalog::clean::{self, CacheMode, Execution, Outcome, Plan, Recovery, Removals, Request};
use otto_catalog::index;
use otto_catalog::model::{Age, Clock};
use otto_catalog::practice::{Era, RunSpec, StoreBuilder, TaskSpec};
use otto_catalog::progress::Hidden;
use otto_catalog::retention::Rules;
use otto_catalog::session::{Access, Error, Session, Settings};
use otto_catalog::store::change::Hook;
use otto_catalog::store::root::StoreRoot;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const DAY: i64 = 86_400;

/// How much later than the writing the clock of a fixture stands: stamps can be trusted, and nothing is recent.
const LATER: i64 = 7200;

/// A store with everything around it.
pub(crate) struct Store {
    dir: Arc<tempfile::TempDir>,
    /// The store.
    pub(crate) root: PathBuf,
    /// Both clocks; two hours after the writing unless set.
    pub(crate) clock: Clock,
    /// Asked before each change.
    pub(crate) hook: Hook,
    /// The catalog, when it is not in the store.
    pub(crate) catalog: Option<PathBuf>,
    /// Whether the store is the default one.
    pub(crate) is_default: bool,
}

/// The real time, Unix seconds.
pub(crate) fn wall() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn no_wait(_: &str) -> bool {
    false
}

impl Store {
    /// An empty store: its directory is there.
    pub(crate) fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    /// The same in memory where there is such a place: for tests that make hundreds of stores, each of which is synced many
    /// times. What such a file system lacks (in old kernels the time of birth), those tests do not ask for.
    pub(crate) fn in_memory() -> Self {
        Self::in_dir(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn in_dir(dir: tempfile::TempDir) -> Self {
        let root = dir.path().join("otto home");
        fs::create_dir(&root).unwrap();
        // With one process that does nothing here: a list without any is taken for one that cannot be read.
        fs::create_dir_all(dir.path().join("proc/1")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        let mut store = Self {
            dir: Arc::new(dir),
            root,
            clock: clock_at(0),
            hook: Hook::default(),
            catalog: None,
            is_default: false,
        };
        store.root = store.root.canonicalize().unwrap();
        store.set_now(wall() + LATER);
        store
    }

    /// The same store as another process sees it, without this one's hook.
    pub(crate) fn twin(&self) -> Self {
        Self {
            dir: Arc::clone(&self.dir),
            root: self.root.clone(),
            clock: self.clock,
            hook: Hook::default(),
            catalog: self.catalog.clone(),
            is_default: self.is_default,
        }
    }

    /// Sets both clocks.
    pub(crate) fn set_now(&mut self, now: i64) {
        self.clock = clock_at(now);
    }

    /// The instant that ages are judged by.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now
    }

    /// That many days before now, and an hour: clear of every boundary.
    pub(crate) fn days_ago(&self, days: i64) -> i64 {
        self.now() - days * DAY - 3600
    }

    /// Writes into the store.
    pub(crate) fn builder(&self) -> StoreBuilder {
        StoreBuilder::new(&self.root).unwrap()
    }

    /// Writes one run and gives its path.
    pub(crate) fn write(&self, spec: RunSpec) -> PathBuf {
        self.builder().run(spec).unwrap()
    }

    /// A path beside the store, where canaries live.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join("outside").join(name)
    }

    /// Lets a process stand in a directory, as `/proc` would show it.
    pub(crate) fn process(&self, pid: u32, cwd: &Path) {
        let process = self.processes().join(pid.to_string());
        fs::create_dir(&process).unwrap();
        fs::write(process.join("cmdline"), b"bash\0").unwrap();
        std::os::unix::fs::symlink(cwd, process.join("cwd")).unwrap();
    }

    /// Ends a process that [`Store::process`] made.
    pub(crate) fn end_process(&self, pid: u32) {
        fs::remove_dir_all(self.processes().join(pid.to_string())).unwrap();
    }

    /// Where private copies are made.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    fn processes(&self) -> PathBuf {
        self.dir.path().join("proc")
    }

    pub(crate) fn settings(&self) -> Settings<'_> {
        Settings {
            home: self.root.clone(),
            home_is_default: self.is_default,
            never_clean: Vec::new(),
            catalog: self.catalog.clone(),
            runner_db: None,
            temporary: self.dir.path().to_owned(),
            processes: self.processes(),
            own_pid: std::process::id(),
            holder: "a test".to_owned(),
            clock: self.clock,
            elapsed: &|| std::time::Duration::ZERO,
            audit_limit: otto_catalog::audit::ROTATE_AT,
            threads: 2,
            hook: self.hook.clone(),
            progress: &Hidden,
            wait: &no_wait,
        }
    }

    pub(crate) fn try_open(&self, access: Access) -> Result<Session, Error> {
        Session::open(&self.settings(), access)
    }

    pub(crate) fn open(&self, access: Access) -> Session {
        self.try_open(access).unwrap()
    }

    /// A look as `otto list` takes it, which must have nothing to complain of.
    pub(crate) fn look(&self) -> Session {
        let session = self.open(Access::Read);
        assert_eq!(session.notices, [], "a plain look has notices");
        assert_eq!(session.report.problems, [], "a plain look has problems");
        session
    }

    pub(crate) fn plan(&self, session: &Session, request: &Request) -> Plan {
        let parts = clean::parts_before_budgets(session, &self.settings(), request, usize::MAX).unwrap();
        let request = &Request { parts, ..request.clone() };
        let plan = clean::plan(&session.catalog, request, self.now()).unwrap();
        clean::with_parts(session, &self.settings(), plan, request).unwrap()
    }

    /// What a catalog made from nothing says: in memory, so that a test can ask often.
    pub(crate) fn digest_from_nothing(&self) -> Vec<String> {
        let root = StoreRoot::open(&self.root).unwrap();
        let mut catalog = Catalog::in_memory("new").unwrap();
        let options = index::Options {
            runner_db: &self.root.join("otto.db"),
            scratch: self.dir.path(),
            processes: &self.processes(),
            own_pid: std::process::id(),
            clock: self.clock,
            full: true,
            threads: 1,
            progress: &Hidden,
            trash: None,
        };
        index::refresh(&root, &mut catalog, &options).unwrap();
        digest::digest(&catalog.finish().unwrap().unwrap())
    }

    /// What a dry run shows.
    pub(crate) fn dry_run(&self, request: &Request) -> Plan {
        self.plan(&self.open(Access::Read), request)
    }

    /// Everything that a deleting command does.
    pub(crate) fn try_clean(&self, request: &Request) -> Result<Cleaned, Error> {
        let settings = self.settings();
        let mut session = Session::open(&settings, Access::Delete)?;
        let recovery = clean::recover(&mut session, &settings, &execution())?;
        let plan = self.plan(&session, request);
        let outcome = clean::execute(&mut session, &settings, plan.clone(), &execution())?;
        Ok(Cleaned { plan, outcome, recovery })
    }

    pub(crate) fn clean(&self, request: &Request) -> Cleaned {
        self.try_clean(request).unwrap()
    }

    /// Mends what a crash left.
    pub(crate) fn recover(&self) -> Recovery {
        let settings = self.settings();
        let mut session = self.open(Access::Delete);
        clean::recover(&mut session, &settings, &execution()).unwrap()
    }

    /// The operations in the trash.
    pub(crate) fn trash(&self) -> Vec<String> {
        names_in(&self.root.join(".catalog/trash"))
    }

    /// The runs that are in place, by a plain look at directories: `<project>/<run>`.
    pub(crate) fn runs_in_place(&self) -> Vec<String> {
        let mut found = Vec::new();
        for project in names_in(&self.root) {
            if !project.starts_with('.') || project.len() > 9 && project.contains('-') {
                let names = names_in(&self.root.join(&project));
                let runs = names.into_iter().filter(|n| n.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
                found.extend(runs.map(|run| format!("{project}/{run}")));
            }
        }
        for run in names_in(&self.root).into_iter().filter(|n| n.bytes().all(|b| b.is_ascii_digit())) {
            found.push(format!("./{run}"));
        }
        found.sort();
        found
    }
}

/// A clean from end to end.
#[derive(Debug)]
pub(crate) struct Cleaned {
    pub(crate) plan: Plan,
    pub(crate) outcome: Outcome,
    pub(crate) recovery: Recovery,
}

impl Cleaned {
    /// The ids of what went, in order.
    pub(crate) fn gone(&self) -> Vec<String> {
        let mut gone: Vec<_> = self.outcome.deleted_runs.iter().map(|(id, _)| id.clone()).collect();
        gone.sort();
        gone
    }

    /// The cache entries that went, in order.
    pub(crate) fn gone_entries(&self) -> Vec<String> {
        gone_entries(&self.outcome)
    }

    /// The reasons for which something was skipped.
    pub(crate) fn skipped(&self) -> Vec<String> {
        self.outcome.skipped.iter().map(|s| format!("{}: {}", s.id, s.reason)).collect()
    }
}

pub(crate) fn gone_entries(outcome: &Outcome) -> Vec<String> {
    let text = |project: &dyn std::fmt::Display, path: &[u8]| format!("{project}/{}", String::from_utf8_lossy(path));
    let mut gone: Vec<_> = outcome.deleted_cache.iter().map(|(project, path, _)| text(project, path)).collect();
    gone.sort();
    gone
}

/// The ids of the runs that a plan removes, in order.
pub(crate) fn planned(plan: &Plan) -> Vec<String> {
    let mut ids: Vec<_> = plan.runs.iter().map(|run| run.id.to_string()).collect();
    ids.sort();
    ids
}

/// The cache entries that a plan removes, in order.
pub(crate) fn planned_entries(plan: &Plan) -> Vec<String> {
    let text = |e: &clean::EntryRemoval| format!("{}/{}", e.entry.project, String::from_utf8_lossy(&e.entry.path));
    let mut entries: Vec<_> = plan.cache.delete.iter().map(text).collect();
    entries.sort();
    entries
}

pub(crate) fn execution() -> Execution<'static> {
    Execution { command: "otto clean", who: "a test", policy: "as tested", interrupted: &|| false }
}

/// `clean --keep DAYS`.
pub(crate) fn keep(days: u64) -> Request {
    let flags = Rules { keep: Some(Age::days(days)), ..Rules::default() };
    Request { flags, removals: Removals::Executable, ..Request::default() }
}

/// `clean --keep DAYS --cache`.
pub(crate) fn keep_and_cache(days: u64) -> Request {
    Request { cache: CacheMode::Collect, ..keep(days) }
}

fn clock_at(now: i64) -> Clock {
    Clock { now, wall_ns: now * 1_000_000_000 }
}

/// A small run that ended well, of today's 1.x.
pub(crate) fn small(cwd: &str, timestamp: i64) -> RunSpec {
    RunSpec::new(Era::J, cwd, timestamp).task(TaskSpec::ok("build"))
}

/// The names in a directory, in order; none when it is not there.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The id by which the catalog knows the run at that path.
pub(crate) fn id_of(path: &Path) -> String {
    let part = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    format!("{}/{}", part(path.parent().unwrap()), part(path))
}

/// Sets when a file was last written.
pub(crate) fn touch(path: &Path, at: i64) {
    let time = rustix::fs::Timespec { tv_sec: at, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// Whether all is to be tried that can be, and not only what every day has time for: `OTTO_TEST_ROUNDS` says so.
pub(crate) fn at_length() -> bool {
    std::env::var_os("OTTO_TEST_ROUNDS").is_some()
}

/// Setters that read as the flags do.
pub(crate) trait Flags {
    fn with_last(self, n: u64) -> Self;
    /// `--keep SECONDSs`.
    fn aged(self, seconds: u64) -> Self;
}

impl Flags for Request {
    fn with_last(mut self, n: u64) -> Self {
        self.flags.keep_last = Some(n);
        self
    }

    fn aged(mut self, seconds: u64) -> Self {
        self.flags.keep = Some(Age::seconds(seconds));
        self
    }
}
