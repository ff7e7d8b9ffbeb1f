//! Rules that can never matter, because another of the same layer keeps all that they keep.
//!
//! Who writes such a rule means something else by it: `--keep-yearly 1` is the newest run of the last year that has one,
//! which is the newest run, and not one of last year. Nothing would tell him until the runs are gone. So it is refused,
//! with the rule that makes it useless. Only rules of one layer are compared: a flag that restates what `config.yml`
//! already comes to is no mistake, and neither is a key that a flag makes useless for once.

use super::calendar::Period;
use super::policy::{Policy, UNLIMITED, spelled};
use super::rules::{Origin, Rule, Setting};
use crate::model::Age;

/// The first rule that another of its layer makes useless: what sets it, and why.
pub(super) fn useless(policy: &Policy) -> Option<(String, String)> {
    age_within(policy).or_else(|| longer_period(policy)).or_else(|| newest_alone(policy))
}

fn same_layer(a: &Origin, b: &Origin) -> bool {
    a == b && *a != Origin::BuiltIn
}

/// An age that counts from now, beside a span as long that counts from the newest run, which lies before now.
fn age_within(policy: &Policy) -> Option<(String, String)> {
    let within = policy.keep_within.as_ref().filter(|within| within.value != Age::ZERO)?;
    let covers = |age: Age| age <= within.value;
    // A shorter age for failed runs takes them out of a longer one for all, which is no nothing.
    let failed = policy.keep_failed.as_ref().filter(|_| covers(policy.keep.value)).map(|s| (Rule::KeepFailed, s));
    let all = Some((Rule::Keep, &policy.keep)).filter(|_| policy.keep_failed.as_ref().is_none_or(|s| covers(s.value)));
    let (rule, age) = [failed, all]
        .into_iter()
        .flatten()
        .find(|(_, age)| age.value != Age::ZERO && covers(age.value) && same_layer(&age.origin, &within.origin))?;
    let why = format!(
        "`{}` keeps all within {} of the newest run of a project, so an age of {} adds nothing",
        within.origin.names(Rule::KeepWithin),
        spelled(within.value),
        spelled(age.value)
    );
    Some((age.origin.names(rule), why))
}

/// The newest run of some months, beside that of so many days that those months hold no more.
fn longer_period(policy: &Policy) -> Option<(String, String)> {
    for (at, shorter) in Period::ALL.into_iter().enumerate() {
        for longer in Period::ALL.into_iter().skip(at + 1) {
            let (Some(few), Some(many)) = (set(policy, longer), set(policy, shorter)) else { continue };
            let Some(most) = shorter.most_in(longer) else { continue };
            let enough = match few.value {
                UNLIMITED => UNLIMITED,
                n => most.saturating_mul(n - 1) + 1,
            };
            if few.value > 1 && many.value >= enough && same_layer(&few.origin, &many.origin) {
                let (many_rule, word) = (many.origin.names(Rule::KeepNewest(shorter)), shorter.word());
                let why = format!(
                    "`{many_rule}` keeps the newest run of so many {word}s that those of each {} are among them",
                    longer.word()
                );
                return Some((few.origin.names(Rule::KeepNewest(longer)), why));
            }
        }
    }
    None
}

/// The newest run of the last hour, day and so on is the newest run, which every other number keeps as well.
fn newest_alone(policy: &Policy) -> Option<(String, String)> {
    let one = Period::ALL
        .into_iter()
        .rev()
        .find_map(|period| set(policy, period).filter(|setting| setting.value == 1).map(|setting| (period, setting)));
    let (period, one) = one?;
    let last = policy.keep_last.as_ref().filter(|last| last.value > 0).map(|last| (Rule::KeepLast, &last.origin));
    let within = policy.keep_within.as_ref().filter(|w| w.value != Age::ZERO).map(|w| (Rule::KeepWithin, &w.origin));
    let others = Period::ALL.into_iter().filter(|other| *other != period);
    let newest = others.filter_map(|other| Some((Rule::KeepNewest(other), &set(policy, other)?.origin)));
    let (rule, origin) =
        last.into_iter().chain(within).chain(newest).find(|(_, origin)| same_layer(origin, &one.origin))?;
    let word = period.word();
    let why = format!(
        "the newest run of the last {word} with runs is the newest of all, which `{}` keeps; 2 would keep one of the {word} \
         before",
        origin.names(rule)
    );
    Some((one.origin.names(Rule::KeepNewest(period)), why))
}

fn set(policy: &Policy, period: Period) -> Option<&Setting<u64>> {
    policy.newest_of[period as usize].as_ref().filter(|setting| setting.value > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::Rules;

    fn refused(flags: &Rules, default: &Rules) -> Option<String> {
        useless(&Policy::resolve(flags, None, default)).map(|(rule, _)| rule)
    }

    fn newest(counts: [u64; 5]) -> Rules {
        Rules { newest_of: counts.map(|count| Some(count).filter(|count| *count > 0)), ..Rules::default() }
    }

    #[test]
    fn a_rule_that_another_of_its_layer_covers_is_useless() {
        let days = |n| Some(Age::days(n));
        let none = Rules::default;
        let rules = |keep, keep_failed, within| Rules { keep, keep_failed, keep_within: within, ..none() };
        let cases = [
            (rules(days(7), None, days(14)), Some("--keep")),
            (rules(days(14), None, days(14)), Some("--keep")),
            (rules(days(15), None, days(14)), None),
            (rules(days(0), None, days(14)), None),
            (rules(days(0), days(7), days(14)), Some("--keep-failed")),
            // Without the shorter age, failed runs would stay for ninety days.
            (rules(days(90), days(7), days(14)), None),
            (rules(days(7), days(90), days(14)), None),
            (rules(days(7), None, days(0)), None),
            (newest([0, 7, 4, 12, 0]), None),
            (newest([0, 7, 1, 0, 0]), Some("--keep-weekly")),
            (newest([0, 7, 0, 0, 1]), Some("--keep-yearly")),
            (newest([0, 7, 2, 0, 0]), None),
            (newest([0, 8, 2, 0, 0]), Some("--keep-weekly")),
            (newest([0, 31, 0, 2, 0]), None),
            (newest([0, 32, 0, 2, 0]), Some("--keep-monthly")),
            (newest([0, UNLIMITED, 0, 12, 0]), Some("--keep-monthly")),
            (newest([0, 30, 0, 0, UNLIMITED]), None),
            (newest([0, UNLIMITED, 0, 0, UNLIMITED]), Some("--keep-yearly")),
            // Weeks do not lie within months.
            (newest([0, 0, 1000, 2, 0]), None),
            (newest([0, 1, 0, 0, 0]), None),
            (Rules { keep_last: Some(5), ..newest([0, 1, 0, 0, 0]) }, Some("--keep-daily")),
            (Rules { keep_last: Some(0), ..newest([0, 1, 0, 0, 0]) }, None),
            // What a zero takes back covers nothing.
            (Rules { keep_within: Some(Age::ZERO), ..newest([0, 1, 0, 0, 0]) }, None),
            (Rules { newest_of: [None, Some(1), None, None, Some(0)], ..none() }, None),
            (Rules { keep_within: days(1), ..newest([0, 1, 0, 0, 0]) }, Some("--keep-daily")),
        ];
        for (flags, rule) in cases {
            assert_eq!(refused(&flags, &none()).as_deref(), rule, "{flags:?}");
        }
    }

    #[test]
    fn rules_of_different_layers_are_not_compared() {
        let within = Rules { keep_within: Some(Age::days(60)), ..Rules::default() };
        assert_eq!(refused(&within, &Rules::default()), None, "the built-in age is nobody's mistake");
        let keep = Rules { keep: Some(Age::days(7)), ..Rules::default() };
        assert_eq!(refused(&keep, &within), None);
        let last = Rules { keep_last: Some(10), ..Rules::default() };
        assert_eq!(refused(&newest([0, 0, 0, 0, 1]), &last), None);
        let both = Rules { keep_last: Some(10), ..newest([0, 0, 0, 0, 1]) };
        assert_eq!(refused(&Rules::default(), &both).as_deref(), Some("retention.default.keep_yearly"));
    }
}
