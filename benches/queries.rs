//! The answers, on catalogs of 1,000 to 200,000 runs: they should hardly depend on the size.

mod common;

use common::CATALOG_SIZES;
use otto_catalog::catalog::RunFilter;
use otto_catalog::clean::{self, CacheMode, Request};
use otto_catalog::model::Age;
use otto_catalog::retention::Rules;

const NOW: i64 = 1_795_000_000;

fn main() {
    divan::main();
}

#[divan::bench(args = CATALOG_SIZES)]
fn list_twenty(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let catalog = common::catalog(runs);
    bencher.bench_local(|| {
        let found = catalog.runs(&RunFilter { limit: Some(20), ..RunFilter::default() }).expect("list");
        assert_eq!(found.len(), 20);
    });
}

#[divan::bench(args = CATALOG_SIZES)]
fn info(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let catalog = common::catalog(runs);
    bencher.bench_local(|| {
        let run = catalog.nth_newest(None, 500).expect("find").expect("a run");
        assert_eq!(catalog.tasks(run.key).expect("tasks").len(), 12);
    });
}

#[divan::bench(args = CATALOG_SIZES)]
fn usage_sums(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let catalog = common::catalog(runs);
    bencher.bench_local(|| {
        let projects = catalog.projects().expect("projects");
        assert_eq!(projects.iter().map(|p| p.runs).sum::<u64>(), runs as u64);
        catalog.rest(None).expect("rest");
        catalog.counted_again(None).expect("shared files");
        assert_eq!(catalog.largest_runs(None, 10).expect("largest").len(), 10);
    });
}

#[divan::bench(args = CATALOG_SIZES, sample_count = 10)]
fn clean_plan(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let catalog = common::catalog(runs);
    let request = Request {
        flags: Rules { keep: Some(Age::days(30)), ..Rules::default() },
        cache: CacheMode::Collect,
        ..Request::default()
    };
    bencher.bench_local(|| {
        let plan = clean::plan(&catalog, &request, NOW).expect("plan");
        assert!(plan.removes.count > runs as u64 / 2);
    });
}
