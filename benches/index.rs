//! The first index of a store, page cache warm, as a whole: open, walk, load, indexes, rename into place.

mod common;

fn main() {
    divan::main();
}

#[divan::bench(args = common::store_sizes(), sample_count = 5, sample_size = 1)]
fn first_index(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = common::store(runs);
    bencher.with_inputs(|| common::forget(&home)).bench_values(|()| {
        let session = common::open(&common::settings(&home));
        assert_eq!(session.report.new, runs as u64);
    });
}

#[divan::bench(args = common::store_sizes(), sample_count = 3, sample_size = 1)]
fn walk_everything_again(bencher: divan::Bencher<'_, '_>, runs: usize) {
    use otto_catalog::session::{Access, Session};
    let home = common::store(runs);
    common::open(&common::settings(&home));
    bencher.bench(|| {
        let session = Session::open(&common::settings(&home), Access::Index { full: true }).expect("index");
        assert_eq!(session.report.walked, runs as u64);
    });
}
