//! Tests of budgets.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn stay(key: i64, timestamp: i64, disk: u64, spare: bool) -> Stay {
    Stay { rank: Rank { timestamp, number: 0, key }, disk, spare }
}

fn spent(stays: &[Stay], budgets: &[Budget], available: u64) -> Spent {
    let takes = stays.iter().map(|stay| stay.disk).sum();
    spend(stays, budgets, takes, Space { available, total: 1000 }, &mut PlainDisk)
}

fn keys(spent: &Spent) -> Vec<i64> {
    spent.takes.iter().map(|(key, _)| *key).collect()
}

#[test]
fn the_oldest_go_first_and_no_more_than_needed() {
    let stays = [stay(1, 30, 10, true), stay(2, 10, 10, true), stay(3, 20, 10, true)];
    for (budget, gone) in [
        (Budget::MaxRuns(3), vec![]),
        (Budget::MaxRuns(2), vec![2]),
        (Budget::MaxRuns(1), vec![2, 3]),
        (Budget::MaxSize(Amount(30)), vec![]),
        (Budget::MaxSize(Amount(29)), vec![2]),
        (Budget::MaxSize(Amount(19)), vec![2, 3]),
        (Budget::MinFree(Free::Bytes(Amount(100))), vec![]),
        (Budget::MinFree(Free::Bytes(Amount(101))), vec![2]),
        (Budget::MinFree(Free::Share(1200)), vec![2, 3]),
    ] {
        let spent = spent(&stays, &[budget], 100);
        assert_eq!((keys(&spent), spent.met), (gone, vec![true]), "{budget:?}");
    }
}

#[test]
fn a_budget_that_cannot_be_met_takes_what_it_may_and_says_so() {
    let stays = [stay(1, 10, 10, false), stay(2, 20, 10, true), stay(3, 30, 10, false)];
    let spent = spent(&stays, &[Budget::MaxRuns(1), Budget::MaxSize(Amount(20))], 0);
    assert_eq!(spent, Spent { takes: vec![(2, 0)], comes_to: vec![2, 20], met: vec![false, true] });
}

#[test]
fn what_brings_a_budget_no_nearer_stays() {
    let stays = [stay(1, 10, 0, true), stay(2, 20, 10, true)];
    assert_eq!(keys(&spent(&stays, &[Budget::MaxSize(Amount(5))], 0)), [2]);
    assert_eq!(keys(&spent(&stays, &[Budget::MaxRuns(1)], 0)), [1]);
}

#[test]
fn a_file_of_two_names_is_counted_once_and_freed_with_the_last() {
    let stays = [stay(1, 10, 10, true), stay(2, 20, 10, true)];
    let mut disk = SharedDisk::default();
    // Both have a file of 6, and somebody else a third name of it.
    let twice = disk.add(6, 3, &[(1, 1), (2, 1)]);
    let spent = spend(&stays, &[Budget::MaxSize(Amount(0))], 20 - twice, Space { available: 0, total: 0 }, &mut disk);
    assert_eq!((keys(&spent), spent.comes_to, spent.met), (vec![1, 2], vec![0], vec![true]));
    let mut disk = SharedDisk::default();
    disk.add(6, 3, &[(1, 1), (2, 1)]);
    let all = [Budget::MinFree(Free::Bytes(Amount(100)))];
    assert_eq!(spend(&stays, &all, 14, Space { available: 0, total: 0 }, &mut disk).comes_to, [8]);
}

#[test]
fn sizes_read_as_they_are_written() {
    for text in ["1", "1000", "1K", "5G", "1536M", "3T", "7P"] {
        assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
    }
    for (text, bytes) in [("5GiB", 5 << 30), ("1.5g", 3 << 29), ("0.5K", 512), (" 2 M ", 2 << 20), ("12B", 12)] {
        assert_eq!(text.parse(), Ok(Amount(bytes)), "{text}");
    }
    for text in ["", "G", "5GB", "-5G", "0", "0G", "5X", "5Gi", "1e9", "5.G", ".5G", "99999999P", "5 G B"] {
        assert!(text.parse::<Amount>().is_err(), "{text}");
    }
    for text in ["5%", "0.5%", "10G"] {
        assert_eq!(text.parse::<Free>().unwrap().to_string(), text);
    }
    for text in ["0%", "100%", "101%", "-1%", "%", "x%"] {
        assert!(text.parse::<Free>().is_err(), "{text}");
    }
}

fn stays() -> impl Strategy<Value = Vec<Stay>> {
    prop::collection::vec((0_i64..20, 0_u64..9, prop::bool::weighted(0.7)), 0..25).prop_map(|runs| {
        let stay = |(key, (timestamp, disk, spare))| stay(key as i64, timestamp, disk, spare);
        runs.into_iter().enumerate().map(stay).collect()
    })
}

fn budgets() -> impl Strategy<Value = Vec<Budget>> {
    let one = prop_oneof![
        (0_u64..25).prop_map(Budget::MaxRuns),
        (0_u64..100).prop_map(|bytes| Budget::MaxSize(Amount(bytes))),
        (0_u64..150).prop_map(|bytes| Budget::MinFree(Free::Bytes(Amount(bytes)))),
    ];
    prop::collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn only_what_is_spare_goes_and_no_older_one_stays_that_would_have_helped(stays in stays(), budgets in budgets()) {
        let spent = spent(&stays, &budgets, 50);
        let gone: HashSet<i64> = keys(&spent).into_iter().collect();
        prop_assert!(stays.iter().all(|stay| stay.spare || !gone.contains(&stay.rank.key)));
        if let Some(newest) = stays.iter().filter(|stay| gone.contains(&stay.rank.key)).map(|stay| stay.rank).max() {
            let helps = |stay: &&Stay| stay.spare && stay.disk > 0 && stay.rank < newest;
            prop_assert!(stays.iter().filter(helps).all(|stay| gone.contains(&stay.rank.key)));
        }
        // What is not met has nothing left that it could take.
        for (budget, met) in budgets.iter().zip(&spent.met) {
            let counts = matches!(budget, Budget::MaxRuns(_));
            let left = stays.iter().any(|s| s.spare && !gone.contains(&s.rank.key) && (counts || s.disk > 0));
            prop_assert!(*met || !left, "{:?}", budget);
        }
    }

    #[test]
    fn order_is_irrelevant_and_spending_twice_is_spending_once(
        (stays, shuffled) in stays().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())), budgets in budgets(),
    ) {
        let first = spent(&stays, &budgets, 50);
        prop_assert_eq!(&spent(&shuffled, &budgets, 50), &first);
        let gone: HashSet<i64> = keys(&first).into_iter().collect();
        let (left, went): (Vec<Stay>, Vec<Stay>) = stays.iter().partition(|stay| !gone.contains(&stay.rank.key));
        let freed: u64 = went.iter().map(|stay| stay.disk).sum();
        prop_assert_eq!(keys(&spent(&left, &budgets, 50 + freed)), Vec::<i64>::new());
    }

    #[test]
    fn more_room_never_removes_more(stays in stays(), most in 0_u64..25, more in 0_u64..10) {
        let gone = |budget| keys(&spent(&stays, &[budget], 50)).into_iter().collect::<HashSet<_>>();
        prop_assert!(gone(Budget::MaxRuns(most + more)).is_subset(&gone(Budget::MaxRuns(most))));
        let size = |bytes| gone(Budget::MaxSize(Amount(bytes * 4)));
        prop_assert!(size(most + more).is_subset(&size(most)));
    }
}
