//! Tests of the passes.

use super::super::packed::{PackedEvidence, PackedTasks};
use super::super::rows::{RowStatus, RunnerRow};
use super::*;
use std::collections::HashSet;
use std::sync::Arc;

struct Tree(HashSet<String>);

impl Places for Tree {
    fn is_run_dir(&self, project: &ProjectDir, run: &str) -> bool {
        self.0.contains(&format!("{project}/{run}"))
    }
}

fn row(id: i64, timestamp: i64) -> RunnerRow {
    let evidence = PackedEvidence {
        row: id,
        status: RowStatus::Running,
        ended_at: None,
        duration_ms: None,
        context: Default::default(),
        tasks: PackedTasks::default(),
    };
    RunnerRow { id, timestamp, run_dir: None, task_run_dir: None, evidence }
}

fn at(id: i64, timestamp: i64, dir: &str) -> RunnerRow {
    RunnerRow { task_run_dir: Some(dir.into()), ..row(id, timestamp) }
}

fn started_in(id: i64, timestamp: i64, cwd: &str) -> RunnerRow {
    let mut row = row(id, timestamp);
    Arc::make_mut(&mut row.evidence.context).cwd = Some(cwd.into());
    row
}

/// Which row each directory got.
fn matched(rows: Vec<RunnerRow>, dirs: &[&str]) -> Vec<(String, i64)> {
    let tree = Tree(dirs.iter().map(|dir| dir.to_string()).collect());
    let found = match_rows(rows, Path::new("/real/.otto"), Path::new("/link/.otto"), &tree);
    let mut found: Vec<_> = found.into_iter().map(|((p, run), e)| (format!("{p}/{run}"), e.row)).collect();
    found.sort();
    found
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(dir, row)| (dir.to_string(), *row)).collect()
}

// sha256("/w/alpha") begins so.
const ALPHA: &str = "6b9a637b";

#[test]
fn a_path_in_this_store_beats_one_elsewhere() {
    let rows = || vec![at(1, 100, "/link/.otto/a-1/100"), at(2, 100, "/old/home/.otto/a-1/100"), at(3, 7, "/x/a-1/7")];
    assert_eq!(matched(rows(), &["a-1/100", "a-1/7"]), pairs(&[("a-1/100", 1), ("a-1/7", 3)]));
    let both = RunnerRow { run_dir: Some("/real/.otto/a-1/100-2".into()), ..at(4, 100, "/real/.otto/a-1/100") };
    assert_eq!(matched(vec![both], &["a-1/100", "a-1/100-2"]), pairs(&[("a-1/100-2", 4)]));
}

#[test]
fn a_row_without_a_path_is_matched_by_its_working_directory_then_by_its_ottofile() {
    let named = format!("alpha-{ALPHA}/100");
    let early = format!("otto-{ALPHA}/100");
    let by_cwd = || started_in(1, 100, "/w/alpha");
    assert_eq!(matched(vec![by_cwd()], &[&named, &early]), pairs(&[(&named, 1)]));
    assert_eq!(matched(vec![by_cwd()], &[&early]), pairs(&[(&early, 1)]));
    let mut by_ottofile = started_in(2, 100, "/w/alpha/sub");
    Arc::make_mut(&mut by_ottofile.evidence.context).ottofile = Some("/w/alpha/otto.yml".into());
    assert_eq!(matched(vec![by_ottofile.clone()], &[&named]), pairs(&[(&named, 2)]));
    assert_eq!(matched(vec![by_cwd(), by_ottofile], &[&named]), pairs(&[(&named, 1)]), "the weaker one comes later");
    let mut relative = row(3, 100);
    Arc::make_mut(&mut relative.evidence.context).ottofile = Some("otto.yml".into());
    assert_eq!(matched(vec![relative], &[&named]), pairs(&[]));
    assert_eq!(matched(vec![started_in(4, 100, "/")], &["otto_project-8a5edab2/100"]).len(), 1);
}

#[test]
fn a_tick_of_the_clock_is_forgiven_only_when_nothing_better_is_there() {
    let (a, b) = (format!("alpha-{ALPHA}/100"), format!("alpha-{ALPHA}/101"));
    assert_eq!(matched(vec![started_in(1, 101, "/w/alpha")], &[&a]), pairs(&[(&a, 1)]));
    assert_eq!(matched(vec![started_in(1, 99, "/w/alpha")], &[&a]), pairs(&[]), "a row is never before its directory");
    let rows = vec![started_in(1, 100, "/w/alpha"), started_in(2, 101, "/w/alpha")];
    assert_eq!(matched(rows, &[&a]), pairs(&[(&a, 1)]), "the exact one is stronger, whatever its id");
    let rows = vec![started_in(1, 101, "/w/alpha"), started_in(2, 102, "/w/alpha")];
    assert_eq!(matched(rows, &[&a, &b]), pairs(&[(&b, 1)]), "each row once, each directory once");
}

#[test]
fn a_row_that_states_a_path_is_never_guessed_at() {
    let neighbour = format!("alpha-{ALPHA}/100");
    let mut gone = started_in(1, 100, "/w/alpha");
    gone.run_dir = Some(format!("/real/.otto/alpha-{ALPHA}/100-1").into());
    assert_eq!(matched(vec![gone], &[&neighbour]), pairs(&[]));
}

#[test]
fn of_two_claims_of_the_same_strength_the_later_run_wins() {
    let rows = || vec![at(1, 100, "/real/.otto/a-1/100"), at(2, 101, "/real/.otto/a-1/100")];
    assert_eq!(matched(rows(), &["a-1/100"]), pairs(&[("a-1/100", 2)]));
    assert_eq!(matched(rows().into_iter().rev().collect(), &["a-1/100"]), pairs(&[("a-1/100", 2)]));
}
