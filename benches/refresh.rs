//! A refresh: nothing new, one new run, one new project, a run that grows while we look.

mod common;

use std::path::Path;

fn main() {
    divan::main();
}

/// A store whose stamps are old enough to be trusted.
fn settled(runs: usize) -> std::path::PathBuf {
    let home = common::store(runs);
    common::forget(&home);
    common::open(&common::settings(&home));
    // The first look changed the root by making our directory; a stamp is trusted once it is two seconds old.
    std::thread::sleep(std::time::Duration::from_millis(2_100));
    common::open(&common::settings(&home));
    home
}

fn make_run(project: &Path, name: &str) {
    let task = project.join(name).join("tasks/build");
    std::fs::create_dir_all(&task).expect("make a run");
    for file in ["stdout.log", "stderr.log", "output.build.json"] {
        std::fs::write(task.join(file), b"x").expect("write a file");
    }
}

fn a_project(home: &Path) -> std::path::PathBuf {
    std::fs::read_dir(home)
        .expect("list the store")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| p.join(".cache").is_dir())
        .expect("a project")
}

#[divan::bench(args = common::store_sizes())]
fn nothing_new(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = settled(runs);
    bencher.bench_local(|| {
        let session = common::open(&common::settings(&home));
        assert_eq!((session.report.walked, session.report.listed), (0, 0));
    });
}

#[divan::bench(args = common::store_sizes(), sample_count = 50, sample_size = 1)]
fn one_new_run(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = settled(runs);
    let project = a_project(&home);
    let mut made = Vec::new();
    bencher
        .with_inputs(|| {
            let name = (1_600_000_000 + made.len()).to_string();
            make_run(&project, &name);
            made.push(project.join(name));
        })
        .bench_local_values(|()| {
            let session = common::open(&common::settings(&home));
            assert_eq!((session.report.new, session.report.walked), (1, 1));
        });
    for run in made {
        std::fs::remove_dir_all(run).expect("remove the run");
    }
}

#[divan::bench(args = common::store_sizes(), sample_count = 50, sample_size = 1)]
fn one_new_project(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = settled(runs);
    let mut number = 0_u32;
    let mut last = None;
    bencher
        .with_inputs(|| {
            // The one before goes, and its going is noted, so that each sample has one new project and nothing else.
            if let Some(project) = last.take() {
                std::fs::remove_dir_all(project).expect("remove the project");
                common::open(&common::settings(&home));
            }
            number += 1;
            let project = home.join(format!("new-{number:08x}"));
            make_run(&project, "1600000000");
            last = Some(project);
        })
        .bench_local_values(|()| {
            let session = common::open(&common::settings(&home));
            assert_eq!((session.report.new, session.report.listed), (1, 1));
        });
    if let Some(project) = last {
        std::fs::remove_dir_all(project).expect("remove the project");
    }
}

#[divan::bench(args = common::store_sizes(), sample_count = 50, sample_size = 1)]
fn a_growing_run(bencher: divan::Bencher<'_, '_>, runs: usize) {
    let home = settled(runs);
    let project = a_project(&home);
    let name = (common::wall_ns() / 1_000_000_000 + common::AHEAD).to_string();
    make_run(&project, &name);
    let log = project.join(&name).join("tasks/build/stdout.log");
    let mut text = String::new();
    bencher
        .with_inputs(|| {
            text.push('x');
            std::fs::write(&log, &text).expect("grow the log");
        })
        .bench_local_values(|()| {
            let session = common::open(&common::settings(&home));
            assert_eq!(session.report.walked, 1);
        });
    std::fs::remove_dir_all(project.join(&name)).expect("remove the run");
}

/// What it takes to ask the system for the processes that work in a run: once a refresh that walks anything.
#[divan::bench(sample_count = 50)]
fn look_at_processes() -> usize {
    let processes = Path::new("/proc");
    let live = otto_catalog::store::liveness::scan_processes(processes, &[Path::new("/nowhere")], 0);
    usize::from(live.is_complete())
}
