//! Properties of judging that hold for every store and every policy.

use super::*;
use crate::model::{Age, Class, Timestamp};
use proptest::prelude::*;
use std::collections::HashSet;

const NOW: Timestamp = 1_795_000_000;

/// Few seconds and few ages, so that limits are met exactly and runs share their second.
const SPAN: i64 = 40;

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(Class::ALL)
}

fn protected() -> impl Strategy<Value = Option<Protection>> {
    use Protection::*;
    let all = vec![Running, Pinned, Recent, NotReadWhole, ProjectNotListedWhole];
    prop_oneof![4 => Just(None), 1 => prop::sample::select(all).prop_map(Some)]
}

fn subjects() -> impl Strategy<Value = Vec<Subject>> {
    let subject = (NOW - SPAN..NOW + 5, 0..3_u32, class(), protected());
    prop::collection::vec(subject, 0..30).prop_map(|runs| {
        let with_key = |(key, (timestamp, number, class, protection))| {
            // Keys neither rise nor fall with time.
            let key = (key as i64 * 7919) % 31;
            Subject {
                key,
                timestamp,
                number,
                class,
                succeeded: class == Class::Ok,
                tagged: None,
                unresolved: false,
                protection,
            }
        };
        runs.into_iter().enumerate().map(with_key).collect()
    })
}

fn age() -> impl Strategy<Value = Age> {
    prop_oneof![8 => (0..SPAN as u64 + 5).prop_map(Age::seconds), 1 => Just(Age::seconds(u64::MAX))]
}

fn rules() -> impl Strategy<Value = Rules> {
    let last = prop_oneof![8 => 0..35_u64, 1 => Just(u64::MAX)];
    (prop::option::of(age()), prop::option::of(age()), prop::option::of(last), prop::option::of(any::<bool>()))
        .prop_map(|(keep, keep_failed, keep_last, strict_status)| Rules {
            keep,
            keep_failed,
            keep_last,
            strict_status,
            ..Rules::default()
        })
}

fn policy(rules: &Rules) -> Policy {
    Policy::resolve(rules, None, &Rules { keep: Some(Age::seconds(20)), ..Rules::default() })
}

fn removed(subjects: &[Subject], policy: &Policy, now: Timestamp) -> HashSet<i64> {
    judge(subjects, policy, now, Zone::UTC)
        .iter()
        .filter(|verdict| !verdict.keeps())
        .map(|verdict| verdict.key)
        .collect()
}

/// The N-th newest run as SQL finds it: by order and offset.
fn nth_newest(subjects: &[Subject], policy: &Policy, now: Timestamp) -> Option<Rank> {
    let mut ranks: Vec<Rank> = subjects.iter().filter(|s| s.timestamp <= now).map(Rank::of).collect();
    ranks.sort_by(|a, b| b.cmp(a));
    ranks.get(usize::try_from(policy.last().checked_sub(1)?).ok()?).copied()
}

proptest! {
    #![proptest_config(crate::cases::cases(2000))]

    #[test]
    fn judging_and_cutting_off_agree(subjects in subjects(), rules in rules()) {
        let policy = policy(&rules);
        let cutoffs = Cutoffs::new(&policy, NOW, nth_newest(&subjects, &policy, NOW));
        let cut: HashSet<i64> = subjects
            .iter()
            .filter(|s| s.protection.is_none() && cutoffs.removes(s.class, Rank::of(s)))
            .map(|s| s.key)
            .collect();
        prop_assert_eq!(removed(&subjects, &policy, NOW), cut);
    }

    #[test]
    fn judging_what_is_left_removes_nothing_more(subjects in subjects(), rules in rules()) {
        let policy = policy(&rules);
        let gone = removed(&subjects, &policy, NOW);
        let left: Vec<Subject> = subjects.into_iter().filter(|s| !gone.contains(&s.key)).collect();
        prop_assert_eq!(removed(&left, &policy, NOW), HashSet::new());
    }

    #[test]
    fn the_order_of_the_runs_is_irrelevant(
        (subjects, shuffled) in subjects().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        rules in rules(),
    ) {
        let policy = policy(&rules);
        let mut verdicts = judge(&shuffled, &policy, NOW, Zone::UTC);
        let keys: Vec<i64> = shuffled.iter().map(|s| s.key).collect();
        let judged: Vec<i64> = verdicts.iter().map(|v| v.key).collect();
        prop_assert_eq!(judged, keys, "verdicts come in the order of the runs");
        let mut expected = judge(&subjects, &policy, NOW, Zone::UTC);
        expected.sort_by_key(|v| v.key);
        verdicts.sort_by_key(|v| v.key);
        prop_assert_eq!(verdicts, expected);
    }

    #[test]
    fn a_larger_number_never_removes_more(
        subjects in subjects(), rules in rules(), older in age(), more in 0..10_u64, which in 0..4_usize,
    ) {
        let sum = |age: Age| Age::seconds(age.as_seconds().saturating_add(older.as_seconds()));
        let mut larger = rules.clone();
        match which {
            0 => larger.keep = Some(sum(rules.keep.unwrap_or(Age::seconds(20)))),
            1 => larger.keep_failed = rules.keep_failed.map(sum),
            2 => larger.keep_last = Some(rules.keep_last.unwrap_or(0).saturating_add(more)),
            _ => larger.strict_status = Some(true),
        }
        let before = removed(&subjects, &policy(&rules), NOW);
        let after = removed(&subjects, &policy(&larger), NOW);
        prop_assert!(after.is_subset(&before), "{:?} instead of {:?} also removes {:?}", larger, rules,
            after.difference(&before));
    }

    #[test]
    fn only_spans_count_and_no_hidden_clock(subjects in subjects(), rules in rules(), shift in -NOW..NOW) {
        let policy = policy(&rules);
        let shifted: Vec<Subject> =
            subjects.iter().map(|s| Subject { timestamp: s.timestamp + shift, ..*s }).collect();
        prop_assert_eq!(judge(&shifted, &policy, NOW + shift, Zone::UTC), judge(&subjects, &policy, NOW, Zone::UTC));
    }

    #[test]
    fn what_is_protected_or_of_the_future_stays_and_every_verdict_has_reasons(
        subjects in subjects(), rules in rules(),
    ) {
        let policy = policy(&rules);
        for (subject, verdict) in subjects.iter().zip(judge(&subjects, &policy, NOW, Zone::UTC)) {
            let stays = subject.protection.is_some() || subject.timestamp > NOW;
            prop_assert!(verdict.keeps() || !stays, "{:?}", subject);
            prop_assert!(!verdict.reasons(&policy).is_empty());
        }
    }

    #[test]
    fn extreme_instants_neither_panic_nor_wrap(timestamp: i64, now: i64, rules in rules(), class in class()) {
        let subject = Subject { key: 1, timestamp, number: 0, class, succeeded: class == Class::Ok, tagged: None, unresolved: false, protection: None };
        let policy = policy(&rules);
        let cutoffs = Cutoffs::new(&policy, now, nth_newest(&[subject], &policy, now));
        let removes = cutoffs.removes(class, Rank::of(&subject));
        prop_assert_eq!(judge(&[subject], &policy, now, Zone::UTC)[0].keeps(), !removes);
        prop_assert!(timestamp <= now || !removes);
    }
}
