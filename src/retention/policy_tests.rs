//! Tests of resolving and refusing policies.

use super::*;

fn rules(keep: Option<u64>, keep_failed: Option<u64>, keep_last: Option<u64>) -> Rules {
    Rules { keep: keep.map(Age::days), keep_failed: keep_failed.map(Age::days), keep_last, ..Rules::default() }
}

#[test]
fn each_rule_comes_from_the_first_layer_that_has_it() {
    let flags = rules(Some(1), None, None);
    let project = Rules { strict_status: Some(true), ..rules(Some(2), Some(3), None) };
    let default = rules(Some(4), Some(5), Some(6));
    let policy = Policy::resolve(&flags, Some(("web", &project)), &default);
    assert_eq!(policy.keep, Setting { value: Age::days(1), origin: Origin::Flag });
    assert_eq!(policy.keep_failed, Some(Setting { value: Age::days(3), origin: Origin::Project("web".into()) }));
    assert_eq!(policy.keep_last, Some(Setting { value: 6, origin: Origin::Default }));
    assert_eq!(policy.strict_status, Setting { value: true, origin: Origin::Project("web".into()) });
    assert_eq!(policy.source(AgeRule::Keep), "--keep");
    assert_eq!(policy.source(AgeRule::KeepFailed), "retention.per_project.web.keep_failed_days");
}

#[test]
fn thirty_days_are_built_in_and_a_number_alone_does_not_replace_them() {
    let none = Rules::default();
    let policy = Policy::resolve(&none, None, &none);
    assert_eq!(policy.keep, Setting { value: BUILT_IN_KEEP, origin: Origin::BuiltIn });
    assert_eq!(policy.to_string(), "keep 30 days");
    let policy = Policy::resolve(&rules(None, None, Some(5)), None, &none);
    assert_eq!(policy.to_string(), "keep 30 days; the last 5 of each project");
    assert_eq!(policy.source(AgeRule::Keep), "built-in");
}

#[test]
fn a_policy_reads_as_a_sentence() {
    let text = |flags: Rules| Policy::resolve(&flags, None, &Rules::default()).to_string();
    assert_eq!(
        text(rules(Some(30), Some(7), Some(10))),
        "keep 30 days; failed and interrupted 7 days; the last 10 of each project"
    );
    let strict = Rules { keep: Some(Age::seconds(36 * 3600)), strict_status: Some(true), ..rules(None, None, Some(1)) };
    assert_eq!(text(strict), "keep 36 hours; the last of each project; a status by stderr alone is unknown");
    assert_eq!(text(rules(Some(1), Some(0), Some(0))), "keep 1 day; failed and interrupted 0 days");
}

#[test]
fn a_policy_that_keeps_nothing_is_refused_unless_something_narrows_it() {
    let check = |flags: &Rules, selection| Policy::resolve(flags, None, &Rules::default()).validate(selection);
    let refused = Err(PolicyError::KeepsNothing { keep: "--keep".into(), but_some: false });
    for flags in [rules(Some(0), None, None), rules(Some(0), Some(0), None), rules(Some(0), None, Some(0))] {
        assert_eq!(check(&flags, Selection::Whole), refused, "{flags:?}");
        assert_eq!(check(&flags, Selection::Narrowed), Ok(()), "{flags:?}");
    }
    for flags in [
        rules(None, None, None),
        rules(Some(0), None, Some(1)),
        rules(Some(0), Some(7), None),
        rules(Some(1), Some(0), None),
        rules(None, Some(0), None),
    ] {
        assert_eq!(check(&flags, Selection::Whole), Ok(()), "{flags:?}");
    }
}

#[test]
fn absurd_numbers_are_refused_whatever_narrows() {
    let check = |flags: Rules| {
        let policy = Policy::resolve(&Rules::default(), Some(("web", &flags)), &Rules::default());
        assert_eq!(policy.validate(Selection::Whole), policy.validate(Selection::Narrowed));
        policy.validate(Selection::Whole).map_err(|error| error.to_string())
    };
    assert_eq!(check(rules(Some(365_000), Some(365_000), Some(1_000_000_000))), Ok(()));
    let error = check(rules(Some(365_001), None, None)).unwrap_err();
    assert!(error.starts_with("`retention.per_project.web.keep_days` is 365001d, more than 1000 years"), "{error}");
    let error = check(rules(None, Some(400_000), None)).unwrap_err();
    assert!(error.contains("web.keep_failed_days` is 400000d"), "{error}");
    let error = check(rules(None, None, Some(1_000_000_001))).unwrap_err();
    assert!(error.contains("web.keep_last_n` is 1000000001") && error.contains("up to 1000000000"), "{error}");
}

#[test]
fn an_inferred_status_counts_unless_strict() {
    let policy = |strict| {
        let flags = Rules { strict_status: Some(strict), ..Rules::default() };
        Policy::resolve(&flags, None, &Rules::default())
    };
    let treated = |strict| Class::ALL.iter().map(|class| policy(strict).treats_as(*class)).collect::<Vec<_>>();
    assert_eq!(treated(false), [Class::Ok, Class::Failed, Class::Unknown, Class::Ok, Class::Failed]);
    assert_eq!(treated(true), [Class::Ok, Class::Failed, Class::Unknown, Class::Unknown, Class::Unknown]);
}
