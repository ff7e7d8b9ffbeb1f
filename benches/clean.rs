//! Deleting: the plan on a real store, and the execution of a small one from the yes to the last unlink.

mod common;

use otto_catalog::clean::{self, CacheMode, Execution, Removals, Request};
use otto_catalog::model::Age;
use otto_catalog::retention::Rules;
use otto_catalog::session::{Access, Session};

/// Runs that an execution removes: enough to be several threads' work, few enough to be written for each sample.
const RUNS: usize = 100;

fn main() {
    divan::main();
}

fn request(removals: Removals) -> Request {
    Request {
        flags: Rules { keep: Some(Age::days(30)), ..Rules::default() },
        cache: CacheMode::Collect,
        removals,
        ..Request::default()
    }
}

#[divan::bench(args = common::store_sizes(), sample_count = 20)]
fn dry_run(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = common::store(runs);
    common::open(&common::settings(&home));
    bencher.bench_local(|| {
        let settings = common::settings(&home);
        let session = common::open(&settings);
        let plan = clean::plan(&session.catalog, &request(Removals::Counted), settings.clock.now).expect("plan");
        assert!(plan.removes.count > 0);
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn remove_a_hundred_runs(bencher: divan::Bencher<'_, '_>) {
    bencher
        .with_inputs(|| {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let home = directory.path().join("otto");
            common::write(&home, RUNS, 1, common::wall_ns() / 1_000_000_000);
            common::open(&common::settings(&home));
            directory
        })
        .bench_local_values(|directory| {
            let settings = common::settings(&directory.path().join("otto"));
            let mut session = Session::open(&settings, Access::Delete).expect("open");
            let plan = clean::plan(&session.catalog, &request(Removals::Executable), settings.clock.now).expect("plan");
            let planned = plan.runs.len();
            let execution =
                Execution { command: "otto clean --keep 30", who: "a bench", policy: "", interrupted: &|| false };
            let outcome = clean::execute(&mut session, &settings, plan, &execution).expect("execute");
            assert_eq!(outcome.deleted_runs.len(), planned);
            directory
        });
}
