//! What the benches share: stores on disk, and catalogs of any size without one.
//!
//! Stores are kept in `target/bench-stores` and used again: writing one of 10,000 runs takes far longer than indexing it.
//! `OTTO_BENCH_RUNS=1000,10000,50000` sets the sizes of the stores, `OTTO_BENCH_TASKS=2` how many tasks a run has (12
//! otherwise), and `OTTO_BENCH_STORES=/dev/shm/stores` where they are: on a file system in memory the disk's own time is
//! left out, which is what one wants on a busy machine. All have the same hundred projects, so that what differs is the
//! number of runs. The catalogs of the query benches go to 200,000 runs always, since they are made without files.

#![expect(dead_code, reason = "each bench uses its part")]

use otto_catalog::catalog::{Catalog, EntryRecord, ProjectRecord, RunRecord, TaskRecord};
use otto_catalog::model::{Clock, Parts, ProjectDir, RunContext, RunDir, Size, Stamp, Status, StatusSource};
use otto_catalog::practice::{self, Flavour, Spec};
use otto_catalog::progress::Hidden;
use otto_catalog::session::{Access, Session, Settings};
use otto_catalog::store::change::Hook;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Two days ahead, so that no run of a practice store counts as unsettled.
pub(crate) const AHEAD: i64 = 2 * 86_400;

/// The projects of every store on disk.
const PROJECTS: usize = 100;

/// The sizes of stores on disk.
pub(crate) fn store_sizes() -> Vec<usize> {
    let text = std::env::var("OTTO_BENCH_RUNS").unwrap_or_else(|_| "1000,10000".to_owned());
    text.split(',').map(|n| n.trim().parse().expect("OTTO_BENCH_RUNS: numbers with commas")).collect()
}

/// The sizes of catalogs without a store.
pub(crate) const CATALOG_SIZES: [usize; 4] = [1_000, 10_000, 50_000, 200_000];

/// Now, by the machine.
pub(crate) fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_nanos()).expect("a clock before 2262")
}

fn tasks() -> usize {
    std::env::var("OTTO_BENCH_TASKS").map_or(12, |n| n.parse().expect("OTTO_BENCH_TASKS: a number"))
}

/// A store of that many runs, written at the first call.
pub(crate) fn store(runs: usize) -> PathBuf {
    let stores = std::env::var_os("OTTO_BENCH_STORES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-stores"), PathBuf::from);
    let home = stores.join(format!("{runs}x{}", tasks()));
    let finished = home.with_extension("finished");
    if !finished.exists() {
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(home.parent().expect("a parent")).expect("make the directory of stores");
        let now = wall_ns() / 1_000_000_000;
        write(&home, runs, PROJECTS, now);
        std::fs::write(&finished, b"").expect("note that the store is finished");
    }
    home
}

/// Writes a store of that many runs.
pub(crate) fn write(home: &Path, runs: usize, projects: usize, now: i64) {
    let spec = Spec {
        seed: 1,
        runs,
        now,
        projects: Some(projects),
        tasks_per_run: Some(tasks()),
        flavour: Flavour::Uniform,
        runner_db: false,
    };
    practice::write(home, &spec).expect("write a practice store");
}

/// Settings for a store, two days after its newest run.
pub(crate) fn settings(home: &Path) -> Settings<'static> {
    let wall_ns = wall_ns();
    Settings {
        home: home.to_owned(),
        home_is_default: false,
        never_clean: Vec::new(),
        catalog: None,
        runner_db: None,
        temporary: std::env::temp_dir(),
        processes: PathBuf::from("/proc"),
        own_pid: std::process::id(),
        holder: "a bench".to_owned(),
        clock: Clock { now: wall_ns / 1_000_000_000 + AHEAD, wall_ns },
        elapsed: &|| std::time::Duration::ZERO,
        audit_limit: otto_catalog::audit::ROTATE_AT,
        threads: 16,
        hook: Hook::default(),
        progress: &Hidden,
        wait: &|_| false,
    }
}

/// Opens a store for an answer.
pub(crate) fn open(settings: &Settings<'_>) -> Session {
    Session::open(settings, Access::Read).expect("open the store")
}

/// Removes our directory from a store, so that the next opening is the first.
pub(crate) fn forget(home: &Path) {
    let _ = std::fs::remove_dir_all(home.join(".catalog"));
}

/// A catalog of that many runs of 12 tasks in projects of 500, without files.
pub(crate) fn catalog(runs: usize) -> Catalog {
    const NOW: i64 = 1_795_000_000;
    let mut catalog = Catalog::in_memory("bench").expect("make a catalog");
    let mut tx = catalog.begin().expect("begin");
    let step = (365 * 86_400 / runs.max(1) as i64).max(1);
    for project in 0..runs.div_ceil(500) {
        let dir = ProjectDir::new(format!("project{project}-{project:08x}"));
        let stamp = Stamp { inode: project as u64, mtime_ns: 0, ctime_ns: 0 };
        let record = ProjectRecord { dir, present: true, whole: true, stamp, trusted: true, own_disk: 4096 };
        let key = tx.put_project(&record).expect("write a project");
        let entry = |n: usize| EntryRecord {
            path: format!("{n:08x}.sh").into_bytes(),
            size: Size { size: 500, disk: 4096 },
            inode: n as u64,
            mtime_ns: 0,
            links: 1,
        };
        let entries: Vec<_> = (0..40).map(entry).collect();
        tx.put_cache(key, &[], &entries, Size { size: 0, disk: 4096 }, true).expect("write a cache");
        for n in 0..500.min(runs - project * 500) {
            let timestamp = NOW - ((project * 500 + n) as i64) * step;
            tx.put_run(&run(key, timestamp, n)).expect("write a run");
        }
    }
    tx.commit().expect("commit");
    catalog.finish().expect("finish").expect("a catalog in memory")
}

fn run(project_key: i64, timestamp: i64, n: usize) -> RunRecord {
    let failed = n.is_multiple_of(10);
    let status = if failed { Status::Failed } else { Status::Success };
    let task = |t: usize| TaskRecord {
        name: format!("task{t}").into_bytes(),
        dir: Some(format!("tasks/task{t}").into_bytes()),
        status: if t == 11 { status } else { Status::Success },
        status_source: StatusSource::Output,
        exit_code: None,
        started_at: Some(timestamp),
        ended_at: Some(timestamp + 5),
        duration_ms: Some(5_000),
        duration_source: None,
        size: Size { size: 1_000, disk: 20_480 },
        stdout_bytes: Some(100),
        stderr_bytes: Some(0),
        script: Some(b"script.sh".to_vec()),
        entry: Some(format!("{:08x}.sh", t + n % 25).into_bytes()),
        runner_status: None,
    };
    let tasks: Vec<_> = (0..12).map(task).collect();
    RunRecord {
        project_key,
        dir: RunDir::new(timestamp, 0).expect("a time"),
        status,
        status_source: StatusSource::Output,
        settled: true,
        whole: true,
        end_known: true,
        duration_ms: Some(60_000),
        duration_source: None,
        missing: Parts::default(),
        size: Size { size: 12_000, disk: 245_760 + n as u64 * 4_096 },
        inode: timestamp as u64,
        newest_write_ns: Some(timestamp * 1_000_000_000),
        manifest: [0; 32],
        context: Some(RunContext { cwd: Some("/home/dev/work".to_owned()), ..RunContext::default() }),
        runner: None,
        references: tasks.iter().map(|t| (project_key, t.entry.clone().unwrap_or_default())).collect(),
        tasks,
        shared: Vec::new(),
    }
}
