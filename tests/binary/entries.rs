//! Cache entries by name: they go when nobody who stays names them, and nothing else goes with them.

use super::*;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// An entry of `web` that nobody names, nine days old.
fn another_orphan(room: &Room, shop: &Shop) -> PathBuf {
    room.builder().cache_entry(&shop.web, "other.sh", b"exit\n", Some(NOW - 9 * DAY)).unwrap()
}

#[test]
fn an_entry_that_nobody_names_goes_by_its_name_and_nothing_else() {
    let web = Era::J.project_dir("/home/dev/web");
    for form in ["web/NAME", "web/.cache/NAME", &format!("{web}/NAME"), &format!("{}/NAME", &web[4..])] {
        let (room, shop) = Room::shop();
        // No rule is asked: a policy that would let everything go is none of its business.
        fs::write(room.store.join("config.yml"), "retention: { default: { keep_days: 1 }, cache: true }").unwrap();
        let word = form.replace("NAME", &name(&shop.orphan));
        let other = another_orphan(&room, &shop);
        let dry = room.otto_with(&["clean", "--entry", &word, "--dry-run", "--json"]).json();
        assert_eq!(dry["policy"]["cache"], "named");
        assert_eq!(
            (dry["policy"]["text"].as_str(), dry["cache"]["delete"][0]["entry"].as_str()),
            (Some("no run"), Some(name(&shop.orphan).as_str()))
        );
        let before = room.snapshot();
        let ran = room.otto_with(&["clean", "--entry", &word, "--yes"]).code(0);
        ran.says(&["Would remove: 0 runs", "Cache: would remove 1 entry", &format!("/.cache/{}", name(&shop.orphan))]);
        assert!(!shop.orphan.exists() && other.exists(), "{word}");
        assert_eq!(before.difference(&room.snapshot()).len(), 1, "{word}: something else changed");
    }
}

#[test]
fn an_entry_that_a_run_names_which_stays_is_refused_with_the_way_out() {
    let (room, shop) = Room::shop();
    let own = own_script(&room, &shop.web, 50);
    let word = format!("web/{}", name(&own));
    let before = room.snapshot();
    for more in [&["--yes"][..], &["--dry-run"], &[]] {
        let line = [&["clean", "--entry", &word], more].concat();
        let words = ["nothing was deleted", "named by 1 run that stays", &shop.web(50), "--run", &name(&own)];
        room.otto_with(&line).refused(5, &words);
    }
    before.assert_same(&room.snapshot(), "an entry in use");
    let ran = room.otto_with(&["clean", "--entry", &word, "--yes"]);
    let way_out = ran.stderr.lines().find_map(|line| line.strip_prefix("hint: to remove them together: ")).unwrap();
    room.shell(way_out).code(0).says(&["removed", "1 run, ", "1 cache entry"]);
    assert!(!own.exists());
    assert_eq!(room.runs(), shop.all_but(&[shop.web(50)]));

    // The script that all runs share: their number, the newest three, and a command that names all of them.
    let shared = room.store.join(&shop.web).join(".cache");
    let shared = crate::support::names_in(&shared).into_iter().find(|name| {
        let text = fs::read_to_string(shared.join(name)).unwrap();
        !text.contains("days ago") && shared.join(name) != shop.orphan
    });
    let word = format!("web/{}", shared.unwrap());
    let ran = room.otto_with(&["clean", "--entry", &word, "--yes"]).code(5);
    let ran = ran.complains(&["named by 5 runs that stay", &shop.web(1), &shop.web(10), &shop.web(20), ", ..."]);
    assert_eq!(ran.stderr.matches(&shop.web(70)).count(), 1, "in the command alone: {ran:#?}");
}

#[test]
fn an_entry_that_many_runs_name_is_refused_without_a_line_of_all_of_them() {
    let room = Room::empty();
    let mut builder = room.builder();
    for days in 1..13 {
        builder.run(RunSpec::new(Era::J, "/home/dev/web", began(days)).task(TaskSpec::ok("build"))).unwrap();
    }
    let web = Era::J.project_dir("/home/dev/web");
    let entry = crate::support::names_in(&room.store.join(&web).join(".cache")).remove(0);
    let words =
        ["named by 12 runs that stay", &format!("{web}/{}", began(1)), ", ...", "otto clean --keep AGE --cache"];
    let ran = room.otto(&format!("clean --entry web/{entry} --yes")).code(5).complains(&words);
    assert!(!ran.stderr.contains(&began(12).to_string()), "{ran:#?}");
}

#[test]
fn what_only_the_named_runs_name_goes_with_them() {
    let (room, shop) = Room::shop();
    let own = own_script(&room, &shop.web, 50);
    let words = ["clean", "--run", &shop.web(50), "--entry", &format!("web/{}", name(&own)), "--yes"];
    let dry = room.otto_with(&[&words[..], &["--dry-run"]].concat()).done();
    assert!(dry.contains("Total: 1 run and 1 cache entry"), "{dry}");
    room.otto_with(&words).code(0);
    assert!(!own.exists() && shop.orphan.exists());

    let own = own_script(&room, &shop.web, 40);
    room.otto_with(&["clean", "--run", &shop.web(40), "--cache", "--yes"]).code(0);
    assert!(!own.exists() && !shop.orphan.exists());
    assert!(own_script(&room, &shop.web, 70).exists() && shop.fresh.exists());
    assert_eq!(room.runs(), shop.all_but(&[shop.web(50), shop.web(40)]));
    assert_eq!(crate::support::tree::dangling_scripts(&room.store), Vec::<PathBuf>::new());
}

#[test]
fn grace_and_life_in_the_project_hold_for_named_entries() {
    let (room, shop) = Room::shop();
    let fresh = format!("api/{}", name(&shop.fresh));
    room.otto_with(&["clean", "--entry", &fresh, "--yes"]).refused(5, &["written within 1h", "--cache-grace"]);
    let orphan = format!("web/{}", name(&shop.orphan));
    room.otto_with(&["clean", "--entry", &orphan, &fresh, "--yes"]).refused(5, &["written within 1h"]);
    assert!(shop.orphan.exists(), "all of them or none");
    room.otto_with(&["clean", "--entry", &fresh, "--cache-grace", "0", "--yes"]).code(0);
    assert!(!shop.fresh.exists());

    let spec = RunSpec::new(Era::L, "/home/dev/web", began(2)).task(TaskSpec::killed("serve"));
    let lock = fs::File::open(room.builder().run(spec).unwrap().join(".lock")).unwrap();
    lock.lock().unwrap();
    let words = ["left alone", "running", "try again later"];
    room.otto_with(&["clean", "--entry", &orphan, "--yes"]).refused(5, &words);
    lock.unlock().unwrap();
    room.otto_with(&["clean", "--entry", &orphan, "--yes"]).code(0);
    assert!(!shop.orphan.exists());
}

#[test]
fn names_come_from_standard_input_and_a_wrong_one_refuses_all() {
    let (room, shop) = Room::shop();
    let other = another_orphan(&room, &shop);
    let words = format!("web/{}\\nweb/{}\\n", name(&shop.orphan), name(&other));
    let before = room.snapshot();
    room.shell(&format!("printf '{words}web/nothing\\n' | otto clean --entry - --yes")).refused(2, &["`web/nothing`"]);
    room.shell("printf '' | otto clean --entry - --yes").code(0).complains(&["standard input names nothing"]);
    before.assert_same(&room.snapshot(), "names that mean nothing");
    room.shell(&format!("printf '{words}' | otto clean --entry - --yes")).code(0);
    assert!(!shop.orphan.exists() && !other.exists());
}

#[test]
fn a_name_is_taken_as_it_is_on_the_disk() {
    let room = Room::empty();
    let mut builder = room.builder();
    builder.run(run("/home/dev/web", 9, false)).unwrap();
    let web = Era::J.project_dir("/home/dev/web");
    let nested = builder.cache_entry(&web, "build/1234abcd", b"#!/bin/sh\n", Some(NOW - 9 * DAY)).unwrap();
    let odd = room.store.join(&web).join(".cache").join(OsStr::from_bytes(b"\xff\n.sh"));
    fs::write(&odd, "x").unwrap();
    crate::support::touch(&odd, NOW - 9 * DAY);
    let words = ["no cache entry `web/build`", "it is a directory of 1 entry"];
    room.otto("clean --entry web/build --yes").refused(2, &words);
    room.otto("clean --entry web/build/1234abce --yes").refused(2, &["did you mean `build/1234abcd`?"]);
    room.otto("clean --entry web/build/1234abcd --yes").code(0);
    assert!(!nested.exists());
    let mut command = room.command(&["clean", "--yes", "--entry"]);
    command.arg(OsStr::from_bytes(b"web/\xff\n.sh"));
    Ran::of(command).code(0);
    assert!(!odd.exists());

    // Two projects of one name, each with such an entry.
    builder.run(run("/srv/web", 9, false)).unwrap();
    let both = [Era::J.project_dir("/home/dev/web"), Era::J.project_dir("/srv/web")];
    let paths: Vec<PathBuf> =
        both.iter().map(|web| builder.cache_entry(web, "same.sh", b"s", Some(NOW - 9 * DAY)).unwrap()).collect();
    room.otto("clean --entry web/same.sh --yes").refused(2, &["several", &both[0], &both[1], "by its directory"]);
    room.otto(&format!("clean --entry {}/same.sh --yes", both[0])).code(0);
    assert!(!paths[0].exists() && paths[1].exists());
}
