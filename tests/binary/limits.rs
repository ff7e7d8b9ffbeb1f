//! The brakes: a limit on what one clean may remove, and a clock that lies.

use super::*;

impl Room {
    /// Runs a command line at another time.
    fn at(&self, now: i64, line: &str) -> Ran {
        let words: Vec<_> = line.split_whitespace().collect();
        let mut command = self.command(&words);
        command.env("OTTO_NOW", now.to_string());
        Ran::of(command)
    }
}

#[test]
fn a_clean_over_its_limit_is_refused_before_the_first_deletion_and_yes_does_not_lift_it() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    // Five of nine would go.
    for limit in ["4", "0", "0%", "10%", "55%", "55.55%"] {
        for line in ["--yes", "--dry-run", "--dry-run --yes", ""] {
            let ran = room.otto(&format!("clean --keep 30 --cache --max-delete {limit} {line}")).code(5);
            let words = ["removes 5 of the 9 runs", &format!("--max-delete {limit}"), "nothing was deleted"];
            ran.complains(&words).says(&["Would remove: 5 runs"]);
        }
        let ran = room.otto(&format!("clean --keep 30 --json --yes --max-delete {limit}")).code(5);
        let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ids(&plan["runs"]["delete"]).len(), &plan["result"]), (5, &Value::Null));
        let error: Value = serde_json::from_str(&ran.stderr).unwrap();
        assert_eq!(error["exit_code"], 5);
    }
    before.assert_same(&room.snapshot(), "a clean over its limit");
    assert_eq!(crate::support::names_in(&room.store.join(".catalog/trash")), Vec::<String>::new());
    // A share is one of the runs in question: three of six.
    room.otto("clean --keep 30 --project web --max-delete 49% --yes").code(5).complains(&["3 of the 6 runs"]);
    room.otto("clean --keep 30 --project web --max-delete 50% --yes").code(0);
    room.otto("clean --keep 30 --max-delete 2 --yes").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)]));
}

#[test]
fn the_limit_counts_runs_and_no_cache_entries() {
    let (room, shop) = Room::shop();
    room.otto("clean --cache-only --max-delete 0 --yes").code(0);
    assert!(!shop.orphan.exists());
}

#[test]
fn a_limit_in_the_configuration_holds_until_a_flag_says_otherwise() {
    let (room, _) = Room::shop();
    fs::write(room.store.join("config.yml"), "retention: { max_delete: 40%, default: { keep_days: 30 } }\n").unwrap();
    let before = room.snapshot();
    room.otto("clean --yes").code(5).complains(&["at most 3 may go", "retention.max_delete: 40%"]);
    before.assert_same(&room.snapshot(), "a clean over the configured limit");
    room.otto("clean --yes --max-delete 100%").code(0);
    assert_eq!(room.runs().len(), 4);
}

#[test]
fn a_clock_that_went_back_stops_a_clean_with_both_instants_and_the_way_out() {
    let (room, shop) = Room::shop();
    room.otto("index").code(0);
    let before = room.snapshot();
    let earlier = NOW - DAY - 1;
    let words = ["the clock says 2025-06-14T15:06:39Z", "2025-06-15T15:06:40Z", "`otto index`"];
    for line in
        ["clean --yes", "clean --keep 30 --cache --yes", "clean --cache-only --yes", "clean --keep 1 --json --yes"]
    {
        room.at(earlier, line).refused(5, &words);
    }
    before.assert_same(&room.snapshot(), "a clean by a clock that lies");
    // Looking is free, and does not make the wrong clock the right one.
    room.at(earlier, "list").code(0);
    room.at(earlier, "clean --keep 30 --dry-run").code(0).complains(&["a clean is refused now", "2025-06-14"]);
    room.builder().run(run("/home/dev/web", 3, false)).unwrap();
    room.at(earlier, "list").code(0);
    room.at(earlier, "clean --keep 60 --yes").refused(5, &words);
    room.at(NOW - DAY, "clean --keep 80 --yes").code(0);
    assert!(!room.store.join(shop.api(90)).exists());
    // Who says that the clock is right is believed.
    room.at(NOW - 3 * DAY, "index").code(0).complains(&["2025-06-15T15:06:40Z", "2025-06-12T15:06:40Z"]);
    room.at(NOW - 3 * DAY, "clean --keep 60 --yes").code(0);
    assert!(!room.store.join(shop.web(70)).exists());
}

#[test]
fn a_command_of_the_future_locks_nobody_out_for_ever() {
    let (room, shop) = Room::shop();
    room.at(NOW + 400 * DAY, "list").code(0);
    room.otto("clean --keep 80 --yes").refused(5, &["`otto index`"]);
    room.otto("index").code(0);
    room.otto("clean --keep 80 --yes").code(0);
    assert_eq!(room.listed(), shop.all_but(&[shop.api(90)]));
}

#[test]
fn what_was_removed_dates_the_store_as_well() {
    let (room, _) = Room::shop();
    room.otto("index").code(0);
    room.at(NOW + 5 * DAY, "clean --keep 80 --yes").code(0);
    room.at(NOW + 3 * DAY, "clean --keep 30 --yes").refused(5, &["2025-06-20T15:06:40Z"]);
}
