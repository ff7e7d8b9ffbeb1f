//! A store as years of use leave it: several eras, projects, outcomes, sizes and ages.
//!
//! Runs are numbered from the newest, 0, to the oldest. A run's place in that order decides its era, so that each era is
//! there whatever the number of runs; its number decides the kind of its end, so that even a store of a dozen runs shows
//! each kind once; all else is drawn. They are written from the oldest on, since a write sets the time of its directory.

use super::trade::{PROJECTS, STEPS, Step, script};
use super::{Dice, Era, Flavour, RunSpec, Spec, StoreBuilder, Summary, TaskSpec, WalState};
use std::io;
use std::path::Path;

const MINUTE: i64 = 60;
const DAY: f64 = 86_400.0;

/// The newest run is a little older than this. With [`LONGEST_S`] it keeps every write ten minutes away from `now`.
const YOUNGEST_S: i64 = 25 * MINUTE;

/// No run takes longer than this.
const LONGEST_S: i64 = 10 * MINUTE;

/// The oldest run is about this old.
const OLDEST_DAYS: f64 = 400.0;

/// Ages grow with this power of a run's place: the last month gets a third of the runs.
const DENSITY: f64 = 2.3;

/// Seconds at least between two runs.
const STEADY_S: i64 = 45;

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    Badly,
    Killed,
    NothingDone,
}

pub(super) fn write(root: &Path, spec: &Spec) -> io::Result<Summary> {
    debug_assert_eq!(spec.flavour, Flavour::Mixed);
    let mut builder = StoreBuilder::new(root)?;
    let projects = spec.projects.unwrap_or((spec.runs / 25).clamp(3, 8)).max(1);
    let mut newest = spec.now - YOUNGEST_S;
    for place in (0..spec.runs).rev() {
        let run = compose(spec, place, projects);
        newest = run.timestamp;
        builder.run(run)?;
    }
    orphans(&mut builder, spec, projects)?;
    builder.last_prune(newest)?;
    if spec.runner_db {
        let db = builder.runner_db(5, WalState::Clean)?;
        builder.stamp(&db, newest)?;
    }
    builder.stamp(builder.root(), newest)?;
    Ok(builder.summary(spec.runs))
}

fn project_name(number: usize) -> String {
    match PROJECTS.get(number) {
        Some(name) => (*name).to_owned(),
        None => format!("api-service-{number}"),
    }
}

fn cwd(project: &str) -> String {
    format!("/home/dev/shop/{project}")
}

/// The era of a run by its place; only a store of some size goes back to 2023.
fn era(place: usize, runs: usize) -> Era {
    if runs >= 8 && place + 1 == runs {
        return Era::A;
    }
    match place * 100 / runs.max(1) {
        0..20 => Era::L,
        20..35 => Era::K,
        35..72 => Era::J,
        72..84 => Era::H,
        84..92 => Era::D,
        _ => Era::B,
    }
}

fn end(place: usize, dice: &mut Dice) -> End {
    match place % 25 {
        2 | 14 | 21 => End::Badly,
        6 => End::Killed,
        9 => End::NothingDone,
        // Without a few thrown in, a project would fail in a rhythm.
        _ if dice.one_in(40) => End::Badly,
        _ => End::Well,
    }
}

/// Puts one run together.
fn compose(spec: &Spec, place: usize, projects: usize) -> RunSpec {
    let mut dice = Dice::of_part(spec.seed, place as u64);
    let era = era(place, spec.runs);
    let number = if place < projects {
        place
    } else {
        // The smaller of two draws: the first projects are the busy ones.
        dice.range(0, projects as u64).min(dice.range(0, projects as u64)) as usize
    };
    let project = project_name(number);
    let share = (place as f64 + dice.range(0, 1000) as f64 / 1000.0) / spec.runs as f64;
    // The steady part keeps runs of a large store from falling into one second.
    let age = YOUNGEST_S + STEADY_S * place as i64 + (OLDEST_DAYS * DAY * share.powf(DENSITY)) as i64;
    let timestamp = spec.now - age;
    // Scripts are edited every ten weeks or so: runs of one stretch share their entries.
    let edits = (age / (70 * 86_400)) as u64;
    let edits = 6_u64.saturating_sub(edits);
    let end = end(place, &mut dice);
    let steps = pick_steps(spec.tasks_per_run, &mut dice);
    let stop = dice.range(0, steps.len() as u64) as usize;
    let mut left = LONGEST_S;
    let mut tasks = Vec::with_capacity(steps.len());
    for (n, (round, step)) in steps.iter().enumerate() {
        let name = if *round == 0 { step.name.to_owned() } else { format!("{}-{round}", step.name) };
        let mut task = match end {
            End::NothingDone => TaskSpec::skipped(name),
            // 1.x stops at the first failure; 2.x goes through the rest and skips what cannot run.
            End::Badly if n > stop && era >= Era::K => TaskSpec::skipped(name),
            End::Badly | End::Killed if n > stop => break,
            End::Badly if n == stop => TaskSpec::failed(name, step.failure.1).stderr(step.failure.0),
            End::Killed if n == stop => TaskSpec::killed(name),
            _ => TaskSpec::ok(name),
        };
        let seconds = (dice.range(1, step.seconds) as i64).min(left);
        left -= seconds;
        task = task.lasting(seconds).script(script(&project, step, edits, order(era, &mut dice)));
        if step.python {
            task = task.python();
        }
        tasks.push(furnish(task, step, era, place, &mut dice));
    }
    let asked = tasks.last().map(|task| task.name.clone());
    let run = RunSpec::new(era, cwd(&project), timestamp).tasks(tasks).args(asked);
    let run = run.ottofile(format!("# {project}, edit {edits}\notto:\n  api: '1'\n"));
    // The runner's daily prune took the rows of the older half.
    if place * 100 > spec.runs * 55 { run.without_row() } else { run }
}

/// The order of a series' variables: drawn in 1.x, sorted in 2.x.
fn order(era: Era, dice: &mut Dice) -> u64 {
    if era >= Era::K { 0 } else { dice.range(0, 6) }
}

/// Which tasks a run has, in the order of the trade; a number in front of those that come round again.
fn pick_steps(count: Option<usize>, dice: &mut Dice) -> Vec<(usize, &'static Step)> {
    if let Some(count) = count {
        return (0..count).map(|n| (n / STEPS.len(), &STEPS[n % STEPS.len()])).collect();
    }
    let wanted = dice.range(2, 6) as usize;
    // A window of the trade, as a developer asks for "test" or for "deploy" with what it needs.
    let first = dice.range(0, (STEPS.len() - wanted) as u64 + 1) as usize;
    STEPS[first..first + wanted].iter().map(|step| (0, step)).collect()
}

/// Gives a task its logs, its values, and now and then something big.
fn furnish(task: TaskSpec, step: &Step, era: Era, place: usize, dice: &mut Dice) -> TaskSpec {
    use super::Outcome::Success;
    let mut log = dice.range(120, step.log.max(121));
    if place % 20 == 3 {
        log *= 6;
    }
    let succeeded = task.outcome == Success;
    let mut task = task.stdout(log);
    // Programs warn where nothing is wrong; the first plan's rule would call it a failure.
    if succeeded && era >= Era::D && dice.one_in(14) {
        task = task.stderr("warning: 2 packages look for funding\n");
    }
    if let Some(dep) = step.dep {
        task = task.after(dep);
    }
    if let (Some(key), true) = (step.output, succeeded) {
        let value = format!("{}.{}", dice.range(1, 9), dice.range(0, 40));
        task = task.output(key, value);
    }
    match step.name {
        "e2e:chrome" if dice.one_in(2) => task.artifact("artifacts/trace.zip", dice.range(20_000, 60_000)),
        "package" if succeeded => task.artifact("dist.tar.gz", dice.range(15_000, 90_000)),
        "report" if dice.one_in(3) => task.artifact("artifacts/coverage/index.html", dice.range(8_000, 30_000)),
        _ => task,
    }
}

/// Entries that no run names: what is left when the runner's own cleaning, or a hand, took the runs alone.
fn orphans(builder: &mut StoreBuilder, spec: &Spec, projects: usize) -> io::Result<()> {
    let mut dice = Dice::of_part(spec.seed, u64::MAX);
    if spec.runs == 0 {
        return Ok(());
    }
    for n in 0..spec.runs / 10 + 2 {
        let project = project_name(dice.range(0, projects as u64) as usize);
        let dir = Era::J.project_dir(&cwd(&project));
        let age = dice.range(3 * 86_400, 380 * 86_400) as i64;
        let mut text = format!("#!/usr/bin/env bash\n# {project}: an older wording, {n}\nset -euo pipefail\n");
        let long = if dice.one_in(5) { 30_000 } else { 3_000 };
        let lines = dice.range(200, long) / 24;
        (0..lines).for_each(|line| text.push_str(&format!("echo 'line {line:05} of it'\n")));
        let cache = builder.root().join(&dir).join(".cache");
        if !cache.is_dir() {
            continue;
        }
        let before = std::fs::metadata(&cache)?.modified()?;
        builder.orphan_with(&dir, text.as_bytes(), Some(spec.now - age))?;
        // The entry is older than the directory's last change.
        std::fs::File::open(&cache)?.set_modified(before)?;
    }
    Ok(())
}
