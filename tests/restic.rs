//! The rules against an oracle: what restic's documentation says of its `keep` options, written down a second time, with
//! sets and words of the calendar instead of passes over a sorted list. Random runs, two zones, and the days on which their
//! clocks go on and back.

use chrono::{DateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::{America, Europe, Tz};
use otto_catalog::model::{Age, Class, Timestamp};
use otto_catalog::retention::{
    Decision, KeepReason, Period, Policy, Protection, Rules, Selection, Subject, UNLIMITED, Zone, judge,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn ahead(zone: Tz, at: Timestamp) -> i32 {
    let utc = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
    zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
}

/// A place: its zone for the rules, and for the oracle.
#[derive(Clone, Copy, Debug)]
struct Place {
    zone: Zone,
    tz: Tz,
    /// Instants at which its clocks change, and one at which they do not.
    about: [&'static str; 3],
}

const BERLIN: Place = Place {
    zone: Zone::new(|at| ahead(Europe::Berlin, at)),
    tz: Europe::Berlin,
    about: ["2025-03-30T01:00:00Z", "2025-10-26T01:00:00Z", "2025-01-01T00:30:00Z"],
};

const NEW_YORK: Place = Place {
    zone: Zone::new(|at| ahead(America::New_York, at)),
    tz: America::New_York,
    about: ["2025-03-09T07:00:00Z", "2025-11-02T06:00:00Z", "2025-12-29T05:00:00Z"],
};

/// What a run of the oracle is: instant, number, row.
type Run = (Timestamp, u32, i64);

/// The word that the calendar of a place has for the stretch in which an instant lies.
fn word(period: Period, at: Timestamp, tz: Tz) -> String {
    let local = Utc.timestamp_opt(at, 0).unwrap().with_timezone(&tz);
    let form = match period {
        // An hour that is shown twice is two.
        Period::Hour => "%Y-%m-%d %H %z",
        Period::Day => "%Y-%m-%d",
        Period::Week => "%G week %V",
        Period::Month => "%Y-%m",
        Period::Year => "%Y",
    };
    local.format(form).to_string()
}

/// What stays, as restic documents it: "for the last n days which have one or more snapshots, keep only the most recent one
/// for that day"; "if there are not enough snapshots to keep one for each, the oldest is kept additionally"; "keep all which
/// have been made within the duration of the latest". A run that one option keeps stays.
fn stays(subjects: &[Subject], rules: &Rules, now: Timestamp, tz: Tz) -> BTreeSet<i64> {
    let mut stays: BTreeSet<i64> =
        subjects.iter().filter(|s| s.protection.is_some() || s.timestamp > now).map(|s| s.key).collect();
    let past: BTreeMap<Run, &Subject> =
        subjects.iter().filter(|s| s.timestamp <= now).map(|s| ((s.timestamp, s.number, s.key), s)).collect();
    let Some((newest, _)) = past.last_key_value() else { return stays };
    let keep = rules.keep.unwrap_or(Age::days(30)).as_seconds() as i64;
    let failed = rules.keep_failed.map_or(keep, |age| age.as_seconds() as i64);
    for (run, subject) in &past {
        let limit = match subject.class {
            Class::Ok | Class::InferredOk => keep,
            Class::Failed | Class::InferredFailed => failed,
            Class::Unknown => keep.max(failed),
        };
        let within = rules.keep_within.map_or(0, |age| age.as_seconds() as i64);
        let by_age = now - run.0 <= limit || within > 0 && newest.0 - run.0 <= within;
        let by_mark = subject.tagged.is_some() || subject.unresolved && rules.keep_unresolved == Some(true);
        if by_age || by_mark {
            stays.insert(run.2);
        }
    }
    stays.extend(past.keys().rev().take(rules.keep_last.unwrap_or(0) as usize).map(|run| run.2));
    if rules.keep_last_success == Some(true) {
        stays.extend(past.iter().rev().find(|(_, s)| s.succeeded).map(|(run, _)| run.2));
    }
    for (period, count) in Period::ALL.into_iter().zip(rules.newest_of) {
        let count = count.unwrap_or(0) as usize;
        if count == 0 {
            continue;
        }
        // The last one that is put under a word stays there: the newest.
        let newest: BTreeMap<String, Run> = past.keys().map(|run| (word(period, run.0, tz), *run)).collect();
        let mut each: Vec<Run> = newest.into_values().collect();
        each.sort_unstable();
        each.reverse();
        let enough = each.len() >= count;
        stays.extend(each.into_iter().take(count).map(|run| run.2));
        if !enough || count == UNLIMITED as usize {
            stays.insert(past.keys().next().unwrap().2);
        }
    }
    stays
}

fn place() -> impl Strategy<Value = (Place, Timestamp)> {
    (prop::sample::select(vec![BERLIN, NEW_YORK]), 0_usize..3, -90_000_i64..90_000).prop_map(|(place, which, off)| {
        let at = DateTime::parse_from_rfc3339(place.about[which]).unwrap().timestamp();
        (place, at + off)
    })
}

/// Spans back from now that meet hours, days, weeks, months and years alike.
fn back() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => -600_i64..600,
        6 => (0_i64..60).prop_map(|quarters| quarters * 900),
        6 => 0_i64..5 * 86_400,
        4 => (0_i64..60, 0_i64..3).prop_map(|(days, hours)| days * 86_400 + hours * 3600),
        4 => 0_i64..4 * 366 * 86_400,
    ]
}

fn subjects(now: Timestamp) -> impl Strategy<Value = Vec<Subject>> {
    let protection =
        prop_oneof![8 => Just(None), 1 => Just(Some(Protection::Pinned)), 1 => Just(Some(Protection::Running))];
    let tagged = prop::option::weighted(0.1, 0_usize..2);
    let run = (back(), 0_u32..3, prop::sample::select(Class::ALL), protection, tagged, any::<bool>());
    prop::collection::vec(run, 0..40).prop_map(move |runs| {
        let subject = |(key, (back, number, class, protection, tagged, unresolved))| Subject {
            key: (key as i64 * 7919) % 41,
            timestamp: now - back,
            number,
            class,
            succeeded: matches!(class, Class::Ok | Class::InferredOk),
            tagged,
            unresolved: unresolved && class == Class::Failed,
            protection,
        };
        runs.into_iter().enumerate().map(subject).collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let count = || prop::option::weighted(0.4, prop_oneof![20 => 0_u64..9, 1 => Just(UNLIMITED)]);
    let age = || prop_oneof![Just(0), 0_u64..100, 0_u64..86_400, (0_u64..200).prop_map(|days| days * 86_400)];
    let ages = (age(), prop::option::weighted(0.3, age()), prop::option::weighted(0.4, age()));
    let counts = (prop::option::weighted(0.4, 0_u64..9), [count(), count(), count(), count(), count()]);
    (ages, counts, any::<bool>(), any::<bool>()).prop_map(
        |((keep, failed, within), (last, newest_of), success, open)| Rules {
            keep: Some(Age::seconds(keep)),
            keep_failed: failed.map(Age::seconds),
            keep_within: within.map(Age::seconds),
            keep_last: last,
            newest_of,
            keep_tag: Some(vec!["a".into(), "b".into()]),
            keep_last_success: Some(success),
            keep_unresolved: Some(open),
            ..Rules::default()
        },
    )
}

fn policy(rules: &Rules) -> Policy {
    Policy::resolve(rules, None, &Rules::default())
}

fn kept(subjects: &[Subject], rules: &Rules, now: Timestamp, zone: Zone) -> BTreeSet<i64> {
    let verdicts = judge(subjects, &policy(rules), now, zone);
    verdicts.iter().filter(|verdict| verdict.keeps()).map(|verdict| verdict.key).collect()
}

fn drawn() -> impl Strategy<Value = (Place, Timestamp, Vec<Subject>)> {
    place().prop_flat_map(|(place, now)| (Just(place), Just(now), subjects(now)))
}

proptest! {
    #![proptest_config(crate::support::cases(2000))]

    #[test]
    fn the_rules_keep_what_the_oracle_keeps((place, now, subjects) in drawn(), rules in rules()) {
        prop_assert_eq!(kept(&subjects, &rules, now, place.zone), stays(&subjects, &rules, now, place.tz));
    }

    #[test]
    fn judging_what_is_left_removes_nothing_more((place, now, subjects) in drawn(), rules in rules()) {
        let stays = kept(&subjects, &rules, now, place.zone);
        let left: Vec<Subject> = subjects.into_iter().filter(|subject| stays.contains(&subject.key)).collect();
        prop_assert_eq!(kept(&left, &rules, now, place.zone), stays);
    }

    #[test]
    fn the_order_of_the_runs_is_irrelevant(
        (place, now, subjects, shuffled) in drawn().prop_flat_map(|(place, now, s)| {
            (Just(place), Just(now), Just(s.clone()), Just(s).prop_shuffle())
        }),
        rules in rules(),
    ) {
        prop_assert_eq!(kept(&shuffled, &rules, now, place.zone), kept(&subjects, &rules, now, place.zone));
    }

    #[test]
    fn a_larger_number_never_removes_more(
        (place, now, subjects) in drawn(), rules in rules(), which in 0_usize..9, more in 0_u64..10_000,
    ) {
        let mut larger = rules.clone();
        let count = |number: Option<u64>| Some((number.unwrap_or(0) + more % 20).min(UNLIMITED));
        let age = |age: Option<Age>| Some(Age::seconds(age.map_or(0, Age::as_seconds) + more * 60));
        match which {
            0 => larger.keep = age(rules.keep),
            1 => larger.keep_failed = rules.keep_failed.and_then(|failed| age(Some(failed))),
            2 => larger.keep_last = count(rules.keep_last),
            3 => larger.keep_within = age(rules.keep_within),
            n => larger.newest_of[n - 4] = count(rules.newest_of[n - 4]),
        }
        let fewer = kept(&subjects, &rules, now, place.zone);
        prop_assert!(fewer.is_subset(&kept(&subjects, &larger, now, place.zone)), "{:?}, then {:?}", rules, larger);
    }

    #[test]
    fn being_strict_never_removes_more((place, now, subjects) in drawn(), rules in rules()) {
        let strict = Rules { strict_status: Some(true), ..rules.clone() };
        let fewer = kept(&subjects, &rules, now, place.zone);
        prop_assert!(fewer.is_subset(&kept(&subjects, &strict, now, place.zone)));
    }

    #[test]
    fn a_rule_that_is_refused_as_useless_is_useless((place, now, subjects) in drawn(), rules in rules()) {
        let useless = |rules: &Rules| policy(rules).validate(Selection::Narrowed).err().map(|error| error.to_string());
        let Some(error) = useless(&rules) else { return Ok(()) };
        let mut without = rules.clone();
        if error.starts_with("`--keep`") {
            without.keep = Some(Age::ZERO);
        } else if error.starts_with("`--keep-failed`") {
            without.keep_failed = Some(Age::ZERO);
        }
        for period in Period::ALL {
            if error.starts_with(&format!("`{}`", otto_catalog::retention::Rule::KeepNewest(period).flag())) {
                without.newest_of[period as usize] = None;
            }
        }
        prop_assert_ne!(&without, &rules, "{}", error);
        prop_assert_eq!(kept(&subjects, &rules, now, place.zone), kept(&subjects, &without, now, place.zone), "{}", error);
    }

    #[test]
    fn every_verdict_has_its_reasons((place, now, subjects) in drawn(), rules in rules()) {
        let policy = policy(&rules);
        for verdict in judge(&subjects, &policy, now, place.zone) {
            prop_assert!(!verdict.reasons(&policy).is_empty());
            if let Decision::Keep(reasons) = &verdict.decision {
                let unique: std::collections::HashSet<&KeepReason> = reasons.iter().collect();
                prop_assert_eq!(unique.len(), reasons.len(), "a reason twice: {:?}", reasons);
            }
        }
    }
}
