//! Tests of the rules that compare the runs of a project: each keeps what it says and no other, and only where it is set.

use crate::model::{Age, Class, Timestamp};
use crate::retention::{
    Cutoffs, Decision, KeepReason, Period, Policy, Protection, Rank, Rules, Selection, Subject, UNLIMITED, Zone, judge,
};

const NOW: Timestamp = 1_795_000_000;
const DAY: i64 = 86_400;

/// A run of so many days ago that is not wanted by its age.
fn days_ago(days: i64) -> Subject {
    Subject {
        key: days,
        timestamp: NOW - days * DAY,
        number: 0,
        class: Class::Ok,
        succeeded: true,
        tagged: None,
        unresolved: false,
        protection: None,
    }
}

fn failed(days: i64) -> Subject {
    Subject { class: Class::Failed, succeeded: false, ..days_ago(days) }
}

/// With these rules beside an age of a second.
fn policy(rules: Rules) -> Policy {
    Policy::resolve(&Rules { keep: Some(Age::seconds(1)), ..rules }, None, &Rules::default())
}

/// The runs that stay, and the rules that keep each.
fn kept(runs: &[Subject], rules: &Rules) -> Vec<(i64, Vec<KeepReason>)> {
    let policy = policy(rules.clone());
    let verdicts = judge(runs, &policy, NOW, Zone::UTC);
    let kept = verdicts.into_iter().filter_map(|verdict| match verdict.decision {
        Decision::Keep(reasons) => Some((verdict.key, reasons)),
        Decision::Remove(_) => None,
    });
    kept.collect()
}

fn keys(runs: &[Subject], rules: &Rules) -> Vec<i64> {
    kept(runs, rules).into_iter().map(|(key, _)| key).collect()
}

fn newest_of(period: Period, count: u64) -> Rules {
    let mut rules = Rules::default();
    rules.newest_of[period as usize] = Some(count);
    rules
}

#[test]
fn the_newest_of_each_stretch_stays_and_no_other() {
    // Two of one day, of which the later stays, whatever their order.
    let mut runs = [days_ago(10), Subject { key: 99, timestamp: NOW - 10 * DAY + 5, ..days_ago(10) }, days_ago(20)];
    for _ in 0..2 {
        let mut found = kept(&runs, &newest_of(Period::Day, 2));
        found.sort_by_key(|(key, _)| *key);
        let newest = vec![KeepReason::NewestOf(Period::Day, 2)];
        assert_eq!(found, [(20, newest.clone()), (99, newest)]);
        runs.reverse();
    }
    assert_eq!(keys(&runs, &newest_of(Period::Day, 1)), [99]);
    assert_eq!(keys(&runs, &newest_of(Period::Day, 0)), Vec::<i64>::new());
    // As many days as there are, however many.
    let many: Vec<Subject> = (1..40).map(days_ago).collect();
    assert_eq!(keys(&many, &newest_of(Period::Day, UNLIMITED)).len(), 39);
    assert_eq!(keys(&many, &newest_of(Period::Day, 7)), (1..8).collect::<Vec<_>>());
}

#[test]
fn the_oldest_stands_for_stretches_that_are_still_to_come() {
    let runs = [days_ago(10), Subject { key: 99, timestamp: NOW - 10 * DAY - 5, ..days_ago(10) }];
    let oldest = kept(&runs, &newest_of(Period::Day, 3));
    assert_eq!(oldest[1], (99, vec![KeepReason::OldestFor(Period::Day, 3)]));
    assert_eq!(keys(&runs, &newest_of(Period::Day, 1)), [10], "there is one day already");
}

#[test]
fn a_span_counts_from_the_newest_run_and_includes_its_very_end() {
    let within = |days| Rules { keep_within: Some(Age::days(days)), ..Rules::default() };
    let second_older = Subject { key: 99, timestamp: NOW - 15 * DAY - 1, ..days_ago(15) };
    let runs = [days_ago(10), days_ago(15), second_older];
    assert_eq!(keys(&runs, &within(5)), [10, 15]);
    assert_eq!(keys(&runs, &within(4)), [10]);
    // Zero takes the rule back, and keeps not even the newest.
    assert_eq!(keys(&runs, &within(0)), Vec::<i64>::new());
}

#[test]
fn the_last_success_stays_and_being_strict_keeps_a_certain_one_beside_it() {
    let last = |strict| Rules { keep_last_success: Some(true), strict_status: Some(strict), ..Rules::default() };
    let inferred = |days| Subject { class: Class::InferredOk, ..days_ago(days) };
    let runs = [failed(10), inferred(20), days_ago(30), days_ago(40)];
    assert_eq!(keys(&runs, &last(false)), [20]);
    assert_eq!(keys(&runs, &last(true)), [20, 30]);
    // Where the last is certain, it is told once.
    let reasons = kept(&runs[2..], &last(true));
    assert_eq!(reasons, [(30, vec![KeepReason::LastSuccess])]);
    assert_eq!(keys(&runs[..1], &last(true)), Vec::<i64>::new(), "no success at all");
    let other = Rules { keep_within: Some(Age::seconds(1)), ..Rules::default() };
    assert_eq!(keys(&runs, &other), [10], "the rule is not set");
}

#[test]
fn tags_and_open_failures_keep_only_where_their_rule_is_set() {
    let tagged = Subject { tagged: Some(0), ..days_ago(20) };
    let open = Subject { unresolved: true, ..failed(30) };
    let runs = [days_ago(10), tagged, open];
    // A rule that looks at rows, and is none of these.
    assert_eq!(keys(&runs, &newest_of(Period::Year, 1)), [10]);
    let tag = Rules { keep_tag: Some(vec!["v1".to_owned()]), ..Rules::default() };
    assert_eq!(kept(&runs, &tag), [(20, vec![KeepReason::Tagged(0)])]);
    let unresolved = Rules { keep_unresolved: Some(true), ..Rules::default() };
    assert_eq!(kept(&runs, &unresolved), [(30, vec![KeepReason::Unresolved])]);
}

#[test]
fn a_run_needs_all_tags_that_a_comma_joins() {
    let policy = policy(Rules { keep_tag: Some(vec!["a,b".to_owned(), "c".to_owned()]), ..Rules::default() });
    let tagged = |tags: &[&str]| policy.tagged(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
    assert_eq!((tagged(&["a"]), tagged(&["b", "a"]), tagged(&["c"])), (None, Some(0), Some(1)));
}

#[test]
fn a_run_of_the_future_is_told_as_such_and_takes_no_place() {
    let rules = newest_of(Period::Day, 1);
    let reasons = kept(&[days_ago(-3), days_ago(10)], &rules);
    assert_eq!(reasons[0], (-3, vec![KeepReason::Protected(Protection::Future)]));
    assert_eq!(reasons[1].0, 10);
}

#[test]
fn every_rule_that_looks_at_rows_says_so_and_lets_a_policy_keep_something() {
    let rules = [
        (newest_of(Period::Week, 2), true),
        (Rules { keep_within: Some(Age::days(1)), ..Rules::default() }, true),
        (Rules { keep_last_success: Some(true), ..Rules::default() }, false),
        (Rules { keep_unresolved: Some(true), ..Rules::default() }, false),
        (Rules { keep_tag: Some(vec!["v1".to_owned()]), ..Rules::default() }, false),
    ];
    for (rules, keeps) in rules {
        let zero = Policy::resolve(&Rules { keep: Some(Age::ZERO), ..rules.clone() }, None, &Rules::default());
        assert!(zero.asks_rows(), "{rules:?}");
        assert_eq!(zero.keeps_something(), keeps, "{rules:?}");
        assert_eq!(zero.validate(Selection::Whole).is_ok(), keeps, "{rules:?}");
    }
    assert!(!policy(Rules { keep_last: Some(3), ..Rules::default() }).asks_rows());
    for none in [newest_of(Period::Week, 0), Rules { keep_within: Some(Age::ZERO), ..Rules::default() }] {
        assert!(!policy(none).asks_rows());
    }
    let useless = Rules { keep_last: Some(3), ..newest_of(Period::Year, 1) };
    assert!(policy(useless).validate(Selection::Whole).is_err());
}

#[test]
fn without_a_number_no_rank_keeps_a_run() {
    let cutoffs = Cutoffs::new(&policy(Rules::default()), NOW, None);
    assert_eq!(cutoffs.below(), Rank::HIGHEST);
    assert_eq!(keys(&[days_ago(1)], &Rules::default()), Vec::<i64>::new());
}

#[test]
fn a_layer_over_another_wins_where_it_says_something() {
    let all = |n: u64, on: bool| Rules {
        keep: Some(Age::days(n)),
        keep_failed: Some(Age::days(n)),
        keep_last: Some(n),
        newest_of: [Some(n); 5],
        keep_within: Some(Age::days(n)),
        keep_tag: Some(vec![n.to_string()]),
        keep_last_success: Some(on),
        strict_status: Some(on),
        keep_unresolved: Some(on),
        keep_logs: Some(Age::days(n)),
        keep_artifacts: Some(Age::days(n)),
    };
    let (upper, lower) = (all(1, true), all(2, false));
    assert_eq!(upper.over(&lower), upper);
    assert_eq!(Rules::default().over(&lower), lower);
    assert_eq!(upper.over(&Rules::default()), upper);
}
