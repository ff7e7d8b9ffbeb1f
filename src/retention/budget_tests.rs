//! Tests of budgets.

use super::*;

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
        assert_eq!(text.parse::<Portion>().unwrap().to_string(), text);
    }
    for text in ["0%", "100%", "101%", "-1%", "%", "x%"] {
        assert!(text.parse::<Portion>().is_err(), "{text}");
    }
}

#[test]
fn a_flag_beats_its_key_and_leaves_the_others() {
    let size = Portion::Bytes(Amount(5));
    let flags = Budgets { max_runs: Some(3), ..Budgets::default() };
    let config = Budgets { max_runs: Some(9), max_size: Some(size), ..Budgets::default() };
    let found = Budgets::resolve(&flags, &config);
    let expected = [(Budget::MaxRuns(3), Origin::Flag), (Budget::MaxSize(size), Origin::Default)];
    assert_eq!(found, expected.map(|(value, origin)| Setting { value, origin }));
    assert!(Budgets::resolve(&Budgets::default(), &Budgets::default()).is_empty());
}

#[test]
fn a_number_to_keep_contradicts_a_smaller_budget_of_its_own_place_alone() {
    use crate::retention::Rules;
    let last = |n| Rules { keep_last: Some(n), ..Rules::default() };
    let of_flag = |n| Policy::resolve(&last(n), None, &Rules::default());
    let of_key = |n| Policy::resolve(&Rules::default(), None, &last(n));
    let budget = Budget::MaxRuns(3);
    for (origin, policy, contradicts) in [
        (Origin::Flag, of_flag(4), true),
        (Origin::Flag, of_flag(3), false),
        (Origin::Flag, of_key(4), false),
        (Origin::Default, of_key(4), true),
        (Origin::Default, of_flag(4), false),
    ] {
        assert_eq!(budget.contradicts(&origin, &policy).is_some(), contradicts, "{origin:?}, {policy}");
    }
}

#[test]
fn a_budget_lacks_what_it_asks_for_and_nobody_knows() {
    let (size, share) = (Portion::Bytes(Amount(5)), Portion::Share(500));
    let budgets = [
        Budget::MaxRuns(3),
        Budget::MaxSize(size),
        Budget::MaxSize(share),
        Budget::MinFree(size),
        Budget::MinFree(share),
    ];
    let lacks = |room: &Room| budgets.map(|budget| room.lacks(&budget).map(str::to_owned));
    let (why, known) = (|text: &str| Some(text.to_owned()), Room::from(Space { available: 1, total: 2, trash: 3 }));
    assert_eq!(lacks(&known), [None, None, None, None, None]);
    let no_disk = Room { disk: Err("disk".to_owned()), ..known.clone() };
    assert_eq!(lacks(&no_disk), [None, None, why("disk"), why("disk"), why("disk")]);
    let no_trash = Room { trash: Err("trash".to_owned()), ..known };
    assert_eq!(lacks(&no_trash), [None, None, None, why("trash"), why("trash")]);
    assert!(lacks(&Room::default())[2..].iter().all(Option::is_some));
}
