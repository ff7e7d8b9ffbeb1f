//! `otto why`: what it says of a run or an entry is what `otto clean` then does.

use super::json::{fits, has};
use super::*;
use crate::support::tree::du_with_self;
use std::collections::BTreeMap;
use std::fs::File;

fn why(room: &Room, subject: &str, flags: &str) -> Value {
    let words = ["why", subject, "--json"];
    let words: Vec<&str> = words.into_iter().chain(flags.split_whitespace()).collect();
    let value = room.otto_with(&words).json();
    fits("otto.why/1", &value);
    value
}

/// What a clean says of every run: id, whether it goes, and its reasons.
fn verdicts(room: &Room, flags: &str) -> BTreeMap<String, (bool, Value)> {
    let plan = room.otto(&format!("clean --dry-run --json {flags}")).json();
    let of = |list: &str, goes: bool| {
        let items = plan["runs"][list].as_array().unwrap().clone();
        items.into_iter().map(move |run| (run["id"].as_str().unwrap().to_owned(), (goes, run["reasons"].clone())))
    };
    of("keep", false).chain(of("delete", true)).collect()
}

#[test]
fn why_and_clean_say_the_same_of_every_run() {
    let room = Room::mixed(40);
    for flags in
        ["", "--keep 90 --keep-failed 7 --keep-last 2", "--keep 5 --strict-status", "--keep 5 --keep-unresolved"]
    {
        let verdicts = verdicts(&room, flags);
        assert_eq!(verdicts.keys().cloned().collect::<Vec<_>>(), room.runs(), "a plan says all");
        for (id, (goes, reasons)) in verdicts {
            let run = why(&room, &id, flags)["run"].clone();
            let protected = !run["protections"].as_array().unwrap().is_empty();
            let told =
                if protected { Value::from(vec![run["protections"][0].clone()]) } else { run["reasons"].clone() };
            assert_eq!(told, reasons, "{id} with {flags}: {run:#}");
            assert_eq!(run["goes"]["when"] == "next-clean", goes, "{id} with {flags}: {run:#}");
        }
    }
}

#[test]
fn a_run_goes_at_the_second_that_why_names() {
    for days in [10, 20] {
        let (mut room, shop) = Room::shop();
        let id = shop.web(days);
        let goes = why(&room, &id, "--keep-failed 25")["run"]["goes"].clone();
        assert_eq!(goes["when"], "later", "{goes:#}");
        let at = goes["timestamp"].as_i64().unwrap();
        for (second, gone) in [(at - 1, false), (at, true)] {
            room.now = second;
            assert_eq!(verdicts(&room, "--keep-failed 25")[&id].0, gone, "{id} at {second}, of {at}");
        }
    }
}

#[test]
fn a_run_that_a_number_keeps_goes_once_so_many_newer_ones_exist() {
    let (room, shop) = Room::shop();
    // Of six, the third: two are newer, and four are kept.
    let id = shop.web(20);
    let flags = "--keep 15 --keep-last 4";
    let goes = why(&room, &id, flags)["run"]["goes"].clone();
    assert_eq!((&goes["when"], &goes["at"], &goes["newer_runs"]), (&"later".into(), &Value::Null, &2.into()));
    let says = room.otto_with(&["why", &id, "--keep", "15", "--keep-last", "4"]).done();
    assert!(says.contains("once 2 more newer runs of its project exist"), "{says}");
    let mut builder = room.builder();
    for (hours, goes) in [(20, false), (19, true)] {
        let newer = RunSpec::new(Era::J, "/home/dev/web", NOW - hours * HOUR).task(TaskSpec::ok("build"));
        builder.run(newer).unwrap();
        assert_eq!(verdicts(&room, flags)[&id].0, goes, "{hours}");
    }
}

#[test]
fn an_entry_goes_when_why_says_so_and_not_before() {
    let (mut room, shop) = Room::shop();
    let fresh = why(&room, &shop.fresh.to_string_lossy(), "")["entry"].clone();
    assert_eq!((&fresh["orphaned"], &fresh["in_grace"]), (&true.into(), &true.into()), "{fresh:#}");
    let in_grace = fresh["goes"]["timestamp"].as_i64().unwrap();
    assert_eq!(in_grace, NOW - 60 + HOUR);
    let deletes = |room: &Room| -> Vec<String> {
        let plan = room.otto("clean --keep 30 --cache --dry-run --json").json();
        let entries = plan["cache"]["delete"].as_array().unwrap();
        let id = |e: &Value| format!("{}/{}", e["project"].as_str().unwrap(), e["entry"].as_str().unwrap());
        entries.iter().map(id).collect()
    };
    for second in [NOW, in_grace - 1, in_grace] {
        room.now = second;
        let going = deletes(&room);
        for project in [&shop.web, &shop.api] {
            for name in crate::support::names_in(&room.store.join(project).join(".cache")) {
                let id = format!("{project}/{name}");
                let entry = why(&room, &id, "--keep 30")["entry"].clone();
                assert_eq!(entry["goes"]["when"] == "next-clean", going.contains(&id), "{second}: {entry:#}");
                let stays = !entry["orphaned"].as_bool().unwrap() && !entry["stale"].as_bool().unwrap();
                assert!(!(stays && going.contains(&id)), "{entry:#}");
            }
        }
    }
}

#[test]
fn what_failed_and_never_succeeded_since_is_held_and_so_is_its_script() {
    let (room, shop) = Room::shop();
    let script = "#!/usr/bin/env bash\necho deploy\n";
    let deploy = TaskSpec::failed("deploy", 1).script(script);
    room.builder().run(RunSpec::new(Era::J, "/home/dev/web", began(80)).task(deploy)).unwrap();
    let (id, entry) = (shop.web(80), format!("web/{}.sh", practice::hash8(script.as_bytes())));
    for (flags, when, stale) in [("", "next-clean", true), ("--keep-unresolved", "held", false)] {
        assert_eq!(why(&room, &id, flags)["run"]["goes"]["when"], when);
        assert_eq!(verdicts(&room, flags)[&id].0, stale, "{flags}");
        let told = why(&room, &entry, flags)["entry"].clone();
        assert_eq!((&told["stale"], &told["goes"]["when"]), (&stale.into(), &when.into()), "{flags}: {told:#}");
    }
    let text = room.otto_with(&["why", &id, "--keep-unresolved"]).done();
    assert!(text.contains("When: not while this holds\n"), "{text}");
}

#[test]
fn an_entry_is_told_with_the_runs_that_name_it() {
    let (room, shop) = Room::shop();
    let own = own_script(&room, &shop.web, 50);
    let name = own.file_name().unwrap().to_string_lossy().into_owned();
    let stem = name.trim_end_matches(".sh");
    // By every way of naming it.
    let own = own.to_string_lossy().into_owned();
    for word in [&format!("web/{name}"), &format!("web/.cache/{name}"), &format!("web/{stem}"), &name, &own] {
        let value = why(&room, word, "");
        assert_eq!(value["id"], format!("{}/.cache/{name}", shop.web), "{word}");
        let entry = &value["entry"];
        assert_eq!(entry["named_by"]["runs"], 1);
        assert_eq!(entry["named_by"]["newest_run"], shop.web(50));
        assert_eq!(entry["stale"], true, "its one run is 50 days old: {entry:#}");
    }
    let shared = why(&room, &shop.web(1), "")["run"]["cache_entries"].clone();
    let shared = shared.as_array().unwrap().iter().find(|e| e["other_runs"] == 5).expect("the entry that all share");
    let entry = why(&room, &format!("web/{}", shared["entry"].as_str().unwrap()), "")["entry"].clone();
    assert_eq!((&entry["named_by"]["runs"], &entry["named_by"]["newest_run"]), (&6.into(), &shop.web(1).into()));
    assert_eq!(entry["named_by"]["also"].as_array().unwrap().len(), 5);
    assert_eq!((&entry["stale"], &entry["orphaned"]), (&false.into(), &false.into()));
}

#[test]
fn what_would_go_with_a_run_is_what_is_freed() {
    let (room, shop) = Room::shop();
    let id = shop.web(40);
    let run = why(&room, &id, "")["run"].clone();
    let with: Vec<&Value> =
        run["cache_entries"].as_array().unwrap().iter().filter(|e| e["goes_with_run"] == true).collect();
    assert_eq!(with.len(), 1, "its own script, and not the one that all share: {run:#}");
    let before = du_with_self(&room.store);
    fs::remove_dir_all(room.store.join(&id)).unwrap();
    assert_eq!(run["frees_disk_bytes"], before.disk - du_with_self(&room.store).disk);
    fs::remove_file(own_script(&room, &shop.web, 40)).unwrap();
    assert_eq!(run["frees_with_cache_disk_bytes"], before.disk - du_with_self(&room.store).disk);
    assert_eq!(run["frees_with_cache_size_bytes"], before.size - du_with_self(&room.store).size);
}

#[test]
fn a_run_that_is_gone_is_told_with_what_removed_it() {
    let (room, shop) = Room::shop();
    let removed = room.otto("clean --keep 30 --keep-last 1 --yes --json").json()["result"].clone();
    let id = shop.web(70);
    let value = why(&room, &id, "");
    let left = &value["run"]["left"];
    assert_eq!((&value["run"]["state"], &value["run"]["goes"]["when"]), (&"removed".into(), &"gone".into()));
    assert_eq!(left["operation"], removed["operation"], "{value:#}");
    assert_eq!(left["timestamp"], NOW);
    let reasons = ["older than 30 days (--keep)", "not the last of its project (--keep-last)"];
    assert_eq!(left["reasons"], Value::from(reasons.to_vec()));
    assert!(left["restore"].is_null() && value["run"]["verdict"].is_null());
    let text = room.otto_with(&["why", &id]).done();
    for words in ["Gone: removed 2025-06-15", "because: older than 30 days (--keep)", "It cannot be restored."] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    fs::remove_dir_all(room.store.join(shop.api(5))).unwrap();
    let value = why(&room, &shop.api(5), "");
    assert_eq!(value["run"]["state"], "vanished");
    assert!(value["run"]["left"]["operation"].is_null());
}

#[test]
fn a_pinned_run_never_goes_and_its_note_says_why() {
    let (room, shop) = Room::shop();
    let id = shop.web(70);
    room.otto_with(&["pin", &id, "--note", "a release"]).code(0);
    let run = why(&room, &id, "")["run"].clone();
    assert_eq!((&run["goes"]["when"], &run["verdict"]), (&"held".into(), &"remove".into()), "{run:#}");
    assert_eq!((&run["protections"][0], &run["pin"]["note"]), (&"pinned".into(), &"a release".into()));
    let text = room.otto_with(&["why", &id]).done();
    for words in
        ["Stays: it is protected\n  pinned just now by ", " (a release)\n", "When: never, while it is pinned\n"]
    {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
}

#[test]
fn a_run_in_the_trash_is_told_with_the_command_that_brings_it_back() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 60 --trash --yes").code(0);
    let id = shop.web(70);
    let run = why(&room, &id, "")["run"].clone();
    assert_eq!((&run["state"], &run["left"]["keep_until"]), (&"trashed".into(), &"2025-06-29T15:06:40Z".into()));
    let command = run["left"]["restore"].as_str().unwrap().to_owned();
    assert_eq!(command, format!("otto trash restore {id}"));
    let text = room.otto_with(&["why", &id]).done();
    assert!(
        text.contains("It can be restored until 2025-06-29 15:06:40 (in 14 days):\n  otto trash restore "),
        "{text}"
    );
    room.shell(&command).code(0);
    assert_eq!(why(&room, &id, "")["run"]["state"], "present");
}

#[test]
fn what_protects_a_run_is_told_beside_the_rules() {
    let mut room = Room::empty();
    room.now = crate::support::wall() + 300;
    let old = RunSpec::new(Era::L, "/home/dev/web", room.now - 60 * DAY).task(TaskSpec::killed("serve"));
    let path = room.builder().run(old).unwrap();
    let id = crate::support::id_of(&path);
    assert_eq!(why(&room, &id, "")["run"]["goes"]["when"], "next-clean");
    let lock = File::open(path.join(".lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    room.otto("index --full").code(0);
    let run = why(&room, &id, "")["run"].clone();
    assert_eq!((&run["verdict"], &run["protections"][0]), (&"remove".into(), &"running".into()), "{run:#}");
    assert_eq!((&run["goes"]["when"], &run["goes"]["at"]), (&"later".into(), &Value::Null));
    assert!(run["cache_blocked"].as_str().unwrap().contains("running"), "{run:#}");
    let text = room.otto_with(&["why", &id]).done();
    let told = "Stays: it is protected\n  running\nThe rules alone would let it go:\n  older than 30 days (built-in)\n\
                When: not while it runs\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn a_run_that_was_just_written_to_goes_ten_minutes_later() {
    let mut room = Room::empty();
    room.now = crate::support::wall() + 300;
    let old = RunSpec::new(Era::J, "/home/dev/web", room.now - 60 * DAY).task(TaskSpec::ok("build"));
    let path = room.builder().run(old).unwrap();
    let id = crate::support::id_of(&path);
    let log = path.join("tasks/build/stdout.log");
    // Later than what the copying of a store would explain.
    let written = room.now - 200;
    crate::support::touch(&log, written);
    room.otto("index --full").code(0);
    let run = why(&room, &id, "")["run"].clone();
    assert_eq!(run["protections"], Value::from(vec!["written to within 10 minutes"]), "{run:#}");
    assert_eq!(run["goes"]["timestamp"], written + 601);
    for (second, gone) in [(written + 600, false), (written + 601, true)] {
        room.now = second;
        assert_eq!(verdicts(&room, "")[&id].0, gone, "{second}, written {written}");
    }
}

#[test]
fn a_tree_has_every_task_and_every_entry_and_fits_its_terminal() {
    let (room, shop) = Room::shop();
    let id = shop.web(40);
    let own = own_script(&room, &shop.web, 40).file_name().unwrap().to_string_lossy().into_owned();
    let drawn = room.shell(&format!("LANG=en_GB.UTF-8 otto why {id} --tree")).done();
    let plain = room.shell(&format!("LANG=C otto why {id} --tree")).done();
    assert_eq!(
        drawn.replace("\u{251c}\u{2500}", "|-").replace("\u{2514}\u{2500}", "`-").replace('\u{2502}', "|"),
        plain
    );
    assert!(plain.is_ascii(), "{plain}");
    let expected = [
        format!("{id}  "),
        "|- build  success, ".to_owned(),
        "named by 5 other runs too: stays".to_owned(),
        "`- test  success, ".to_owned(),
        format!("   `- .cache/{own}  4.0 KiB"),
        "      named by no other run: goes with this one".to_owned(),
        "If it alone went: ".to_owned(),
        ", 1 cache entry included".to_owned(),
    ];
    let mut rest = plain.as_str();
    for words in expected {
        let at = rest.find(&words).unwrap_or_else(|| panic!("no `{words}` in its place in {plain}"));
        rest = &rest[at + words.len()..];
    }
    for line in plain.lines() {
        assert!(line.len() <= 60, "{line}");
    }
    room.otto(&format!("why web/{own} --tree")).refused(2, &["--tree draws a run"]);
}

#[test]
fn what_nobody_can_be_asked_about_is_refused() {
    let (room, shop) = Room::shop();
    let own = own_script(&room, &shop.web, 40).file_name().unwrap().to_string_lossy().into_owned();
    let slip = format!("web/{}", own.replacen('.', "0.", 1));
    room.otto("why web/1234567").refused(2, &["there is no run `web/1234567`"]);
    room.otto(&format!("why {slip}")).refused(2, &["there is no cache entry", "did you mean", &own]);
    room.otto("why wbe/1a2b3c4d.sh").refused(2, &["there is no project `wbe`", "did you mean `web`"]);
    room.otto("why nobody").refused(2, &["there is no run `nobody`"]);
    room.otto("why /etc/passwd").refused(2, &["is not in the store"]);
    room.otto("why latest --keep 0").refused(2, &["keeps no run at all"]);
    fs::write(room.store.join("config.yml"), "retention: { defualt: {} }\n").unwrap();
    room.otto("why latest").refused(2, &["is refused", "did you mean `default`"]);
}

#[test]
fn a_path_in_the_store_names_its_run_or_its_entry() {
    let (room, shop) = Room::shop();
    let id = shop.web(1);
    let place = room.store.join(&id);
    for path in [place.clone(), place.join("tasks"), place.join("tasks/test/script.sh")] {
        assert_eq!(why(&room, &path.to_string_lossy(), "")["id"], id, "{}", path.display());
    }
    let ran = room.shell(&format!("cd '{}' && otto why ../{} --json", place.parent().unwrap().display(), id));
    assert_eq!(ran.json()["id"], id);
}

#[test]
fn explain_says_of_every_run_why_it_goes_or_stays() {
    let (room, shop) = Room::shop();
    let before = room.snapshot();
    let text = room.otto("clean --keep 30 --keep-last 1 --dry-run --explain").done();
    let explained = text.split_once("Every run, and why\n").expect("a heading").1;
    let verdicts = verdicts(&room, "--keep 30 --keep-last 1");
    assert_eq!(verdicts.len(), 9);
    for (id, (goes, reasons)) in &verdicts {
        let (_, run) = id.split_once('/').unwrap();
        let verb = if *goes { "goes   " } else { "stays  " };
        let line = format!("  {verb}{run}  ");
        let (_, rest) = explained.split_once(&line).unwrap_or_else(|| panic!("no `{line}` in {text}"));
        for reason in reasons.as_array().unwrap() {
            let line = rest.lines().skip(1).take_while(|l| l.starts_with("         "));
            let reason = reason.as_str().unwrap();
            assert!(line.map(str::trim).any(|l| l == reason), "{id}: no `{reason}` in {text}");
        }
    }
    let (web, api) = (format!("{}: 6 runs, 3 of them go", shop.web), format!("{}: 3 runs, 2 of them go", shop.api));
    assert!(explained.contains(&web) && explained.contains(&api), "{text}");
    before.assert_same(&room.snapshot(), "clean --explain --dry-run");
    // Before the question too; without a terminal that is where it ends.
    let asked = room.otto("clean --keep 30 --explain").code(4);
    assert!(asked.stdout.contains("Every run, and why"), "{asked:#?}");
}

#[test]
fn every_promised_key_is_there() {
    let (room, shop) = Room::shop();
    let run = why(&room, &shop.web(1), "");
    has(&run, "schema kind id now timestamp run entry");
    has(&run["run"], "id state verdict reasons protections goes left tasks cache_entries frees_disk_bytes");
    let entry = why(&room, &shop.orphan.to_string_lossy(), "");
    has(&entry["entry"], "project entry path exists named_by named_above orphaned stale in_grace blocked goes");
    assert_eq!(entry["entry"]["goes"]["when"], "next-clean");
}
