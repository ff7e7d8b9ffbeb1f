//! Judging the runs of one project, each with its reasons.
//!
//! The rules are asked for every run that nothing protects, and all that keep it are told: who wants a run to go must
//! know every rule that stands in the way. Running, recent, pinned and unreadable runs are not asked about, but count
//! among the last N, as in restic. Runs of the future do not: a run of a wrong clock would else take a place for years.

use super::calendar::Zone;
use super::cutoff::Rank;
use super::places::Places;
use super::policy::Policy;
use super::protection::Protection;
use super::verdict::{Decision, KeepReason, Subject, Verdict};
use crate::model::{Age, Timestamp};

/// Judges the runs of one project, all of those that are there, in any order; the verdicts come in the same order.
/// Hours, days and so on are those of `zone`.
pub fn judge(subjects: &[Subject], policy: &Policy, now: Timestamp, zone: Zone) -> Vec<Verdict> {
    let places = Places::of(subjects, policy, now, zone);
    subjects.iter().map(|subject| judge_one(subject, policy, &places, now)).collect()
}

/// Judges one run of a project, whose places are known: then the others need not be looked at.
pub fn judge_one(subject: &Subject, policy: &Policy, places: &Places, now: Timestamp) -> Verdict {
    Verdict { key: subject.key, decision: decide(subject, policy, places, now) }
}

fn decide(subject: &Subject, policy: &Policy, places: &Places, now: Timestamp) -> Decision {
    if let Some(protection) = subject.protection {
        return Decision::Keep(vec![KeepReason::Protected(protection)]);
    }
    if subject.timestamp > now {
        return Decision::Keep(vec![KeepReason::Protected(Protection::Future)]);
    }
    let last = policy.last();
    let limit = policy.limit(subject.class);
    let mut keep = Vec::new();
    if !is_older(subject.timestamp, limit.age, now) {
        keep.push(KeepReason::WithinAge(limit));
    }
    if last > 0 && Rank::of(subject) >= places.floor() {
        keep.push(KeepReason::AmongLast(last));
    }
    keep.extend_from_slice(places.reasons(subject.key));
    if keep.is_empty() { Decision::Remove(policy.against(subject.class)) } else { Decision::Keep(keep) }
}

/// Whether a run of that instant is older than `age`: at the very second it is not. A difference that no `i64` holds
/// must not wrap around into the past.
fn is_older(timestamp: Timestamp, age: Age, now: Timestamp) -> bool {
    i128::from(now) - i128::from(timestamp) > i128::from(age.as_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Class, DAY};
    use crate::retention::{RemoveReason, Rules};

    const NOW: Timestamp = 1_795_000_000;

    fn policy(keep: u64, keep_failed: Option<u64>, keep_last: u64, strict: bool) -> Policy {
        let flags = Rules {
            keep: Some(Age::days(keep)),
            keep_failed: keep_failed.map(Age::days),
            keep_last: Some(keep_last),
            strict_status: Some(strict),
            ..Rules::default()
        };
        Policy::resolve(&flags, None, &Rules::default())
    }

    fn subject(key: i64, timestamp: Timestamp, class: Class) -> Subject {
        Subject {
            key,
            timestamp,
            number: 0,
            class,
            succeeded: class == Class::Ok,
            tagged: None,
            unresolved: false,
            protection: None,
        }
    }

    fn days_ago(days: u64, seconds: i64) -> Timestamp {
        Age::days(days).before(NOW) - seconds
    }

    fn kept(subjects: &[Subject], policy: &Policy) -> Vec<i64> {
        judge(subjects, policy, NOW, Zone::UTC).iter().filter(|v| v.keeps()).map(|v| v.key).collect()
    }

    #[test]
    fn a_run_goes_one_second_after_its_age_and_not_before() {
        use Class::*;
        // Keep 30 days, failed 7: class, strict, the age in days that decides.
        let seven = Some(7);
        let cases = [
            (Ok, 30, seven, false, 30),
            (Failed, 30, seven, false, 7),
            (Unknown, 30, seven, false, 30),
            (InferredOk, 30, seven, false, 30),
            (InferredFailed, 30, seven, false, 7),
            (InferredFailed, 30, seven, true, 30),
            (InferredOk, 5, seven, false, 5),
            (InferredOk, 5, seven, true, 7),
            (Unknown, 5, seven, false, 7),
            (Failed, 30, None, false, 30),
            (Unknown, 30, None, true, 30),
            (Ok, 0, seven, false, 0),
            (Failed, 30, Some(0), false, 0),
        ];
        for (class, keep, keep_failed, strict, days) in cases {
            let policy = policy(keep, keep_failed, 0, strict);
            for (second, stays) in [(-1, true), (0, true), (1, false)] {
                let run = subject(1, days_ago(days, second), class);
                let name = format!("{class} under `{policy}`, {second} s beyond {days} days");
                assert_eq!(judge(&[run], &policy, NOW, Zone::UTC)[0].keeps(), stays, "{name}");
            }
        }
    }

    #[test]
    fn the_last_runs_stay_whatever_their_age() {
        let old: Vec<_> = (0..5).map(|i| subject(i, 1000 + i, Class::Ok)).collect();
        for (last, expected) in [(0, vec![]), (1, vec![4]), (2, vec![3, 4]), (5, vec![0, 1, 2, 3, 4])] {
            assert_eq!(kept(&old, &policy(0, None, last, false)), expected, "last {last}");
        }
        assert_eq!(kept(&old, &policy(0, None, u64::MAX, false)).len(), 5);
        assert!(judge(&[], &policy(0, None, 3, false), NOW, Zone::UTC).is_empty());
    }

    #[test]
    fn runs_of_one_second_are_ordered_by_their_number_then_by_key() {
        let run = |key, number| Subject { number, ..subject(key, 1000, Class::Ok) };
        assert_eq!(kept(&[run(9, 0), run(2, 10), run(3, 2)], &policy(0, None, 1, false)), [2]);
        assert_eq!(kept(&[run(9, 1), run(2, 1)], &policy(0, None, 1, false)), [9]);
    }

    #[test]
    fn protected_runs_count_among_the_last_and_future_ones_do_not() {
        let protect = |protection, run| Subject { protection: Some(protection), ..run };
        let pinned = protect(Protection::Pinned, subject(1, 3000, Class::Ok));
        let runs = [pinned, subject(2, 2000, Class::Ok), subject(3, 1000, Class::Ok)];
        assert_eq!(kept(&runs, &policy(0, None, 1, false)), [1]);
        assert_eq!(kept(&runs, &policy(0, None, 2, false)), [1, 2]);
        // Also a pinned run of the future takes no place.
        for future in [subject(1, NOW + 1, Class::Ok), protect(Protection::Pinned, subject(1, NOW + 1, Class::Ok))] {
            assert_eq!(kept(&[future, runs[1], runs[2]], &policy(0, None, 1, false)), [1, 2]);
        }
    }

    #[test]
    fn an_unresolved_run_stays_whatever_its_age_where_the_rule_is_set() {
        let rules = Rules { keep: Some(Age::days(1)), keep_unresolved: Some(true), ..Rules::default() };
        let set = Policy::resolve(&rules, None, &Rules::default());
        let open = Subject { unresolved: true, ..subject(1, 1000, Class::Failed) };
        let runs = [open, subject(2, 1000, Class::Failed)];
        assert_eq!(kept(&runs, &set), [1]);
        assert!(kept(&runs, &policy(1, None, 0, false)).is_empty());
        let reasons = judge(&[open], &set, NOW, Zone::UTC)[0].reasons(&set);
        assert_eq!(reasons, ["failed, and what failed has not succeeded since (--keep-unresolved)"]);
    }

    #[test]
    fn every_rule_that_keeps_a_run_is_told_and_every_one_that_does_not() {
        let policy = policy(30, Some(7), 1, false);
        let old = subject(1, days_ago(8, 0), Class::Failed);
        let new = subject(2, days_ago(1, 0), Class::Ok);
        let verdicts = judge(&[old, new], &policy, NOW, Zone::UTC);
        let limit = policy.limit(Class::Failed);
        let expected = Decision::Remove(vec![RemoveReason::OlderThan(limit), RemoveReason::NotAmongLast(1)]);
        assert_eq!(verdicts[0].decision, expected);
        let limit = policy.limit(Class::Ok);
        assert_eq!(verdicts[1].decision, Decision::Keep(vec![KeepReason::WithinAge(limit), KeepReason::AmongLast(1)]));
        assert_eq!(limit.age.as_seconds(), 30 * DAY);
    }
}
