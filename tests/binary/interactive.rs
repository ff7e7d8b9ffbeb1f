//! Asked about each run: what was agreed to goes, what was refused stays with all that it names, and no answer is no.

use super::*;
use keys::END;

/// The runs that `--keep 30` lets go, in the order in which they are asked about.
fn asked(shop: &Shop) -> Vec<String> {
    let mut runs = vec![shop.web(70), shop.web(50), shop.web(40), shop.api(90), shop.api(35)];
    runs.sort();
    runs
}

#[test]
fn each_answer_does_what_it_says() {
    // What is typed, and which of the five runs go.
    let cases: [(&str, &[usize], i32); 12] = [
        ("y\ny\ny\ny\ny\n", &[0, 1, 2, 3, 4], 0),
        ("n\nn\nn\nn\nn\n", &[], 4),
        ("n\nyes\nNO\ny\nn\n", &[1, 3], 0),
        ("a\n", &[0, 1, 2, 3, 4], 0),
        ("n\nn\nall\n", &[2, 3, 4], 0),
        ("maybe\n\n?\ny\nn\nn\nn\nn\n", &[0], 0),
        // Who quits is asked once more about what he agreed to before.
        ("q\n", &[], 4),
        ("y\nq\nn\n", &[], 4),
        ("y\nq\ny\n", &[0], 0),
        ("y\ny\nquit\n\n", &[], 4),
        (END, &[], 4),
        ("y\ny\n\u{4}", &[], 4),
    ];
    for (keys, goes, code) in cases {
        let (room, shop) = Room::shop();
        let runs = asked(&shop);
        // An end of input is one for good.
        let keys = if keys.ends_with(END) { format!("{keys}{END}") } else { keys.to_owned() };
        let ran = room.at_terminal("clean --keep 30 --interactive", &keys).code(code);
        let gone: Vec<String> = goes.iter().map(|at| runs[*at].clone()).collect();
        assert_eq!(room.runs(), shop.all_but(&gone), "{keys:?}: {ran:#?}");
        let total = format!("Total: {} and 0 cache entries", if gone.len() == 1 { "1 run" } else { "" });
        assert!(gone.len() != 1 || ran.stdout.contains(&total), "{keys:?}: {ran:#?}");
        let asks = ran.stderr.contains("Delete them?");
        let quits = (keys.contains('q') || keys.contains(END)) && keys.starts_with('y');
        assert_eq!(asks, quits, "another question only after an early end: {keys:?}: {ran:#?}");
        ran.complains(&["1/5 ", &runs[0], "goes: older than 30 days (--keep)", "Remove it? [y,n,a,q,?]"]);
    }
}

#[test]
fn what_a_refused_run_names_stays_with_it() {
    let (room, shop) = Room::shop();
    let own = |days| own_script(&room, &shop.web, days);
    // All of `api`, and of `web` the oldest.
    let ran = room.at_terminal("clean --keep 30 --cache -i", "y\ny\ny\nn\nn\n").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70), shop.api(90), shop.api(35)]), "{ran:#?}");
    assert!(!own(70).exists() && own(50).exists() && own(40).exists(), "{ran:#?}");
    assert!(!shop.orphan.exists());
    assert!(ran.stdout.contains("Total: 3 runs and 4 cache entries"), "{ran:#?}");
    assert_eq!(crate::support::tree::dangling_scripts(&room.store), Vec::<PathBuf>::new());
    room.otto("clean --keep 30 --cache --dry-run").code(0).says(&["Total: 2 runs and 2 cache entries"]);
}

#[test]
fn entries_that_are_left_when_every_run_was_refused_are_asked_about() {
    for (answer, stays) in [("n\n", true), ("y\n", false)] {
        let (room, shop) = Room::shop();
        let keys = format!("n\nn\nn\nn\nn\n{answer}");
        let ran = room.at_terminal("clean --keep 30 --cache --interactive", &keys);
        ran.complains(&["This deletes 0 runs and 1 cache entry", "Delete them?"]);
        assert_eq!((shop.orphan.exists(), room.runs()), (stays, shop.all_but(&[])));
    }
}

#[test]
fn the_brakes_hold_for_what_is_left_after_the_answers() {
    let (room, shop) = Room::shop();
    let api = format!("clean --run {} {} {} --interactive", shop.api(90), shop.api(35), shop.api(5));
    for keys in ["a\n", "a\nn\n", "a\n\n", "y\ny\ny\nno\n"] {
        let keys = format!("{keys}{END}");
        let ran = room.at_terminal(&api, &keys).code(4).complains(&[&format!("No run would be left of {}.", shop.api)]);
        assert!(ran.stdout.contains("No run is left of 1 project"), "{ran:#?}");
    }
    room.at_terminal("clean --keep 30 --interactive --max-delete 2", "y\ny\ny\nn\nn\n").code(5).complains(&["3 of"]);
    assert_eq!(room.runs(), shop.all_but(&[]));
    room.at_terminal(&api, "y\ny\nn\n").code(0);
    room.at_terminal("clean --keep 30 --interactive --max-delete 2", "y\nn\ny\n").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.api(90), shop.api(35), shop.web(70), shop.web(40)]));
}

#[test]
fn the_last_runs_of_a_project_go_when_that_is_answered_for_as_well() {
    let (room, shop) = Room::shop();
    let api = format!("clean --run {} {} {} -i", shop.api(90), shop.api(35), shop.api(5));
    room.at_terminal(&api, "a\ny\n").code(0).complains(&["Go on? [y/N]"]);
    let all = [shop.api(90), shop.api(35), shop.api(5)];
    assert_eq!(room.runs(), shop.all_but(&all));
    let (room, shop) = Room::shop();
    let ran = room.at_terminal(&api, "y\ny\nn\n").code(0);
    assert!(!ran.stderr.contains("Go on?"), "asked although a run stays: {ran:#?}");
    assert_eq!(room.runs(), shop.all_but(&all[..2]));
}

#[test]
fn all_runs_asked_one_by_one_take_the_word_as_well() {
    let (room, shop) = Room::shop();
    let line = "clean --all --project web --interactive";
    room.at_terminal(line, "y\nn\nn\nn\nn\nn\ny\n").code(4).complains(&["Type DELETE to delete them:"]);
    assert_eq!(room.runs(), shop.all_but(&[]));
    room.at_terminal(line, "y\nn\nn\nn\nn\nn\nDELETE\n").code(0);
    assert_eq!(room.runs(), shop.all_but(&[shop.web(70)]));
}

#[test]
fn a_dry_run_asks_nothing() {
    let (room, _) = Room::shop();
    let text = room.otto("clean --keep 30 --interactive --dry-run").done();
    assert!(text.ends_with("To do it: otto clean --keep 30 --interactive\n"), "{text}");
}

#[test]
fn what_comes_to_light_while_somebody_answers_does_not_go() {
    let (room, shop) = Room::shop();
    let mut terminal = room.terminal(&["clean", "--keep", "30", "--cache", "--interactive"]);
    terminal.wait_for("1/5 ");
    // A run that was to stay goes by another hand, and its script is an orphan now: nobody saw that in the plan.
    fs::remove_dir_all(room.store.join(shop.web(1))).unwrap();
    room.otto("index").code(0);
    terminal.type_keys("a\n");
    terminal.end().code(0);
    assert!(own_script(&room, &shop.web, 1).exists());
    let mut left = [shop.api(5), shop.web(10), shop.web(20)];
    left.sort();
    assert_eq!(room.runs(), left);
}
