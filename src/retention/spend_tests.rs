//! Tests of what budgets take: by example, and against a plain count of names over small random stores.

use super::super::budget::{Amount, Portion};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn stay(key: i64, timestamp: i64, disk: u64, spare: bool) -> Stay {
    Stay { rank: Rank { timestamp, number: 0, key }, disk, spare }
}

fn plain(runs: &[Stay]) -> Load {
    Load { runs: runs.to_vec(), ..Load::default() }
}

fn room(available: u64) -> Space {
    Space { available, total: 1000, trash: 0 }
}

fn most(bytes: u64) -> Budget {
    Budget::MaxSize(Portion::Bytes(Amount::bytes(bytes)))
}

fn free(bytes: u64) -> Budget {
    Budget::MinFree(Portion::Bytes(Amount::bytes(bytes)))
}

fn spent(load: &Load, budgets: &[Budget], available: u64) -> Spent {
    spend(load, &HashSet::new(), budgets, room(available))
}

fn keys(spent: &Spent) -> Vec<i64> {
    spent.takes.iter().map(|(key, _)| *key).collect()
}

fn shorts(spent: &Spent) -> Vec<u64> {
    spent.reached.iter().map(|reached| reached.short).collect()
}

#[test]
fn the_oldest_go_first_and_no_more_than_needed() {
    let stays = plain(&[stay(1, 30, 10, true), stay(2, 10, 10, true), stay(3, 20, 10, true)]);
    for (budget, gone) in [
        (Budget::MaxRuns(3), vec![]),
        (Budget::MaxRuns(2), vec![2]),
        (Budget::MaxRuns(1), vec![2, 3]),
        (most(30), vec![]),
        (most(29), vec![2]),
        (most(19), vec![2, 3]),
        (Budget::MaxSize(Portion::Share(200)), vec![2]),
        (free(100), vec![]),
        (free(101), vec![2]),
        (Budget::MinFree(Portion::Share(1200)), vec![2, 3]),
    ] {
        let spent = spent(&stays, &[budget], 100);
        assert_eq!((keys(&spent), shorts(&spent)), (gone, vec![0]), "{budget:?}");
    }
}

#[test]
fn a_budget_that_cannot_be_met_says_by_how_much_and_what_is_too_much_goes_all_the_same() {
    let stays = plain(&[stay(1, 10, 10, false), stay(2, 20, 10, true), stay(3, 30, 10, false)]);
    let spent = spent(&stays, &[Budget::MaxRuns(1), most(20)], 0);
    assert_eq!((keys(&spent), shorts(&spent)), (vec![2], vec![1, 0]));
}

#[test]
fn where_all_that_may_go_would_not_be_enough_to_be_free_none_of_it_goes() {
    let stays = plain(&[stay(1, 10, 10, true), stay(2, 20, 10, true), stay(3, 30, 10, false)]);
    assert_eq!(keys(&spent(&stays, &[free(120)], 100)), [1, 2]);
    let vain = spent(&stays, &[free(121)], 100);
    assert_eq!((keys(&vain), shorts(&vain), vain.in_vain), (vec![], vec![21], vec![true]));
    // Another budget takes what it needs, and that is counted.
    let beside = spent(&stays, &[free(121), Budget::MaxRuns(2)], 100);
    assert_eq!((keys(&beside), shorts(&beside)), (vec![1], vec![11, 0]));
}

#[test]
fn what_lies_in_the_trash_is_on_its_way_out() {
    let stays = plain(&[stay(1, 10, 10, true)]);
    let gone = |trash| spend(&stays, &HashSet::new(), &[free(110)], Space { available: 100, total: 1000, trash });
    assert_eq!((keys(&gone(0)), keys(&gone(9)), keys(&gone(10))), (vec![1], vec![1], vec![]));
}

#[test]
fn what_brings_a_budget_no_nearer_stays() {
    let stays = plain(&[stay(1, 10, 0, true), stay(2, 20, 10, true)]);
    assert_eq!(keys(&spent(&stays, &[most(5)], 0)), [2]);
    assert_eq!(keys(&spent(&stays, &[Budget::MaxRuns(1)], 0)), [1]);
    // Of three runs with all they have in files of other names: one that stays, one outside, and one that goes too.
    let runs = vec![stay(1, 10, 0, true), stay(2, 20, 0, true), stay(3, 30, 0, true), stay(4, 40, 0, false)];
    let file =
        |owners: &[usize], elsewhere| SharedFile { disk: 10, elsewhere, owners: owners.to_vec(), holders: vec![] };
    let files = vec![file(&[0, 3], false), file(&[1], true), file(&[1, 2], false)];
    let load = Load { runs, files, freed: 0 };
    assert_eq!(keys(&spent(&load, &[most(11)], 0)), [2, 3]);
    assert_eq!(keys(&spent(&load, &[free(10)], 0)), [2, 3]);
    assert_eq!(shorts(&spent(&load, &[most(9)], 0)), [1], "the file of the run that stays");
}

#[test]
fn a_run_that_shares_all_with_one_that_stays_in_the_end_is_given_back() {
    let runs = vec![stay(1, 10, 0, true), stay(2, 20, 30, true), stay(3, 30, 5, true)];
    let files = vec![SharedFile { disk: 50, owners: vec![0, 2], ..SharedFile::default() }];
    let load = Load { runs, files, freed: 0 };
    assert_eq!(keys(&spent(&load, &[most(60)], 0)), [2]);
    assert_eq!(keys(&spent(&load, &[free(20)], 0)), [2]);
    assert_eq!(keys(&spent(&load, &[most(0)], 0)), [1, 2, 3]);
}

#[test]
fn a_run_that_one_budget_takes_in_vain_and_another_needs_goes_for_the_other() {
    let runs = vec![stay(1, 10, 0, true), stay(2, 20, 2, true), stay(3, 30, 0, true)];
    let files = vec![SharedFile { disk: 1, owners: vec![2], holders: vec![0], ..SharedFile::default() }];
    let load = Load { runs, files, freed: 0 };
    assert_eq!(spent(&load, &[free(2)], 0).takes, [(2, 0)], "the first holds what the third has a name of");
    assert_eq!(spent(&load, &[free(2), Budget::MaxRuns(1)], 0).takes, [(1, 1), (2, 0)]);
}

#[test]
fn a_cache_entry_is_freed_with_the_last_run_that_names_it_and_is_no_run() {
    let runs = vec![stay(1, 10, 1, true), stay(2, 20, 1, true), stay(3, 30, 1, true)];
    let files = vec![SharedFile { disk: 50, holders: vec![0, 1], ..SharedFile::default() }];
    let load = Load { runs, files, freed: 7 };
    assert_eq!(keys(&spent(&load, &[free(59)], 0)), [1, 2]);
    assert_eq!(keys(&spent(&load, &[free(7)], 0)), Vec::<i64>::new());
    assert_eq!(spent(&load, &[most(3)], 0).reached, [Reached { comes_to: 3, short: 0 }]);
}

#[test]
fn no_sum_wraps() {
    let huge = u64::MAX - 5;
    let runs = vec![stay(1, 10, huge, true), stay(2, 20, huge, true), stay(3, 30, 1, false)];
    let files = vec![SharedFile { disk: huge, owners: vec![0, 1], ..SharedFile::default() }];
    let load = Load { runs, files, freed: huge };
    let space = Space { available: huge, total: u64::MAX, trash: huge };
    let none = spend(&load, &HashSet::new(), &[most(u64::MAX), free(u64::MAX)], space);
    assert_eq!((keys(&none), shorts(&none)), (vec![], vec![0, 0]));
}

/// A file of the oracle: what it takes, which runs have a name of it, which hold it otherwise, and whether somebody else has.
type File = (u64, BTreeSet<usize>, BTreeSet<usize>, bool);

/// The oldest shares its file with the newest, and is alone to name a cache entry.
#[test]
fn a_run_does_not_go_for_what_it_gives_a_budget_that_takes_nothing() {
    let mut load = plain(&[stay(1, 0, 0, true), stay(2, 7, 0, true), stay(3, 8, 0, true)]);
    let file = |disk, owners: &[usize], holders: &[usize]| SharedFile {
        disk,
        elsewhere: false,
        owners: owners.to_vec(),
        holders: holders.to_vec(),
    };
    load.files = vec![file(7, &[0, 2], &[]), file(7, &[2], &[]), file(5, &[1], &[]), file(1, &[], &[0])];
    let spent = spent(&load, &[free(22), most(14)], 0);
    assert_eq!((keys(&spent), &spent.in_vain, spent.reached[1].short), (vec![2], &vec![true, false], 0));
}

/// A small store: runs with what they alone take, and files with several names.
#[derive(Clone, Debug)]
struct Small {
    runs: Vec<Stay>,
    files: Vec<File>,
    gone: Vec<bool>,
}

impl Small {
    fn load(&self) -> Load {
        let file = |(disk, owners, holders, elsewhere): &File| SharedFile {
            disk: *disk,
            elsewhere: *elsewhere,
            owners: owners.iter().copied().collect(),
            holders: holders.iter().copied().collect(),
        };
        Load { runs: self.runs.clone(), files: self.files.iter().map(file).collect(), freed: 0 }
    }

    fn gone_keys(&self) -> HashSet<i64> {
        self.runs.iter().zip(&self.gone).filter(|(_, gone)| **gone).map(|(run, _)| run.rank.key).collect()
    }

    /// How short a budget is when all of these runs are gone, by a plain count.
    fn short(&self, budget: &Budget, taken: &BTreeSet<usize>, available: u64) -> u64 {
        let is_gone = |at: usize| self.gone[at] || taken.contains(&at);
        let stays = |at: &usize| !is_gone(*at);
        let left: Vec<usize> = (0..self.runs.len()).filter(stays).collect();
        match budget {
            Budget::MaxRuns(most) => (left.len() as u64).saturating_sub(*most),
            Budget::MaxSize(most) => {
                let own: u64 = left.iter().map(|at| self.runs[*at].disk).sum();
                let shared: u64 = self.files.iter().filter(|file| file.1.iter().any(stays)).map(|file| file.0).sum();
                (own + shared).saturating_sub(most.of(0))
            }
            Budget::MinFree(least) => {
                let own: u64 = (0..self.runs.len()).filter(|at| is_gone(*at)).map(|at| self.runs[at].disk).sum();
                let held = |file: &&File| file.3 || file.1.iter().chain(&file.2).any(stays);
                let shared: u64 = self.files.iter().filter(|file| !held(file)).map(|file| file.0).sum();
                least.of(0).saturating_sub(available + own + shared)
            }
        }
    }
}

/// The same budget where nothing is enough for it: how short it is then tells how far anything brings it.
fn insatiable(budget: &Budget) -> Budget {
    match budget {
        Budget::MaxRuns(_) => Budget::MaxRuns(0),
        Budget::MaxSize(_) => most(0),
        Budget::MinFree(_) => free(1000),
    }
}

fn small() -> impl Strategy<Value = Small> {
    let run = (0_i64..20, 0_u64..4, prop::bool::weighted(0.7), prop::bool::weighted(0.15));
    let names = || prop::collection::btree_set(0_usize..8, 0..4);
    let file = (1_u64..9, names(), names(), prop::bool::weighted(0.2));
    (prop::collection::vec(run, 0..8), prop::collection::vec(file, 0..6)).prop_map(|(runs, files)| {
        let number = runs.len();
        let gone = runs.iter().map(|run| run.3).collect();
        let stay = |(key, (timestamp, disk, spare, gone)): (usize, (i64, u64, bool, bool))| {
            stay(key as i64, timestamp, disk, spare && !gone)
        };
        let runs = runs.into_iter().enumerate().map(stay).collect();
        let there = |names: BTreeSet<usize>| names.into_iter().filter(|at| *at < number).collect();
        let files = files
            .into_iter()
            .map(|(disk, owners, holders, elsewhere)| (disk, there(owners), there(holders), elsewhere));
        Small { files: files.collect(), runs, gone }
    })
}

fn budgets() -> impl Strategy<Value = Vec<Budget>> {
    let one = prop_oneof![(0_u64..8).prop_map(Budget::MaxRuns), (0_u64..40).prop_map(most), (0_u64..50).prop_map(free)];
    prop::collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(crate::cases::cases(4000))]

    /// Every set of runs that may go is tried: nothing goes that is not needed, or that gives nothing, and what can be met is.
    #[test]
    fn budgets_take_what_is_needed_and_no_more(small in small(), budgets in budgets(), available in 0_u64..20) {
        let load = small.load();
        let spent = spend(&load, &small.gone_keys(), &budgets, room(available));
        let taken: BTreeSet<usize> = keys(&spent).iter().map(|key| *key as usize).collect();
        let spare: Vec<usize> = (0..small.runs.len()).filter(|at| small.runs[*at].spare).collect();
        prop_assert!(taken.iter().all(|at| small.runs[*at].spare));
        let short = |budget: &Budget, taken: &BTreeSet<usize>| small.short(budget, taken, available);
        let without = |at: usize| taken.iter().copied().filter(|other| *other != at).collect::<BTreeSet<_>>();
        let sets: Vec<BTreeSet<usize>> = (0_u32..1 << spare.len()).map(|bits| {
            spare.iter().enumerate().filter(|(place, _)| bits >> place & 1 == 1).map(|(_, at)| *at).collect()
        }).collect();
        for (place, budget) in budgets.iter().enumerate() {
            prop_assert_eq!(spent.reached[place].short, short(budget, &taken), "{:?} is told as it is", budget);
            let least = sets.iter().map(|set| short(budget, set)).min().unwrap();
            if matches!(budget, Budget::MinFree(_)) && least > 0 {
                prop_assert!(spent.in_vain[place] && spent.takes.iter().all(|(_, of)| *of != place), "{:?} takes in vain", budget);
            } else {
                prop_assert_eq!(short(budget, &taken), least, "{:?} could be met, or nearer", budget);
            }
        }
        for (key, place) in &spent.takes {
            let (at, budget) = (*key as usize, insatiable(&budgets[*place]));
            prop_assert!(short(&budget, &without(at)) > short(&budget, &taken), "{} brings {:?} no nearer", key, budget);
        }
        // The newest that goes is needed, and no older one stays that would have been of use to the same budget; where there
        // are several, one may, which was taken for another budget that is met without it.
        if let Some((newest, of)) = spent.takes.last() {
            let worse = budgets.iter().any(|budget| short(budget, &without(*newest as usize)) > short(budget, &taken));
            prop_assert!(worse, "{} is not needed", newest);
            let rank = small.runs[*newest as usize].rank;
            let budget = insatiable(&budgets[*of]);
            let is_older = |at: &&usize| !taken.contains(at) && small.runs[**at].rank < rank;
            for at in spare.iter().filter(is_older).filter(|_| budgets.len() == 1) {
                let with: BTreeSet<usize> = taken.iter().copied().chain([*at]).collect();
                prop_assert_eq!(short(&budget, &with), short(&budget, &taken), "{} is older and would have helped", at);
            }
        }
    }

    #[test]
    fn order_is_irrelevant_and_spending_twice_is_spending_once(
        (small, order) in small().prop_flat_map(|small| {
            let places: Vec<usize> = (0..small.runs.len()).collect();
            (Just(small), Just(places).prop_shuffle())
        }),
        budgets in budgets(), available in 0_u64..20,
    ) {
        let first = spend(&small.load(), &small.gone_keys(), &budgets, room(available));
        let place = |at: &usize| order.iter().position(|other| other == at).unwrap();
        let moved = |names: &BTreeSet<usize>| names.iter().map(place).collect();
        let shuffled = Small {
            runs: order.iter().map(|at| small.runs[*at]).collect(),
            files: small.files.iter().map(|(disk, owners, holders, e)| (*disk, moved(owners), moved(holders), *e)).collect(),
            gone: order.iter().map(|at| small.gone[*at]).collect(),
        };
        prop_assert_eq!(&spend(&shuffled.load(), &shuffled.gone_keys(), &budgets, room(available)), &first);
        let gone = small.gone_keys().into_iter().chain(keys(&first)).collect();
        prop_assert_eq!(keys(&spend(&small.load(), &gone, &budgets, room(available))), Vec::<i64>::new());
    }

    #[test]
    fn more_room_never_removes_more(small in small(), least in 0_u64..25, more in 0_u64..10) {
        let gone = |budget| keys(&spent(&small.load(), &[budget], 50)).into_iter().collect::<HashSet<_>>();
        prop_assert!(gone(Budget::MaxRuns(least + more)).is_subset(&gone(Budget::MaxRuns(least))));
        prop_assert!(gone(most(least + more)).is_subset(&gone(most(least))));
    }
}
