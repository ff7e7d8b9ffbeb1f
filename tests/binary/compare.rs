//! Two runs side by side.

use super::json::fits;
use super::*;
use serde_json::json;

fn compared(room: &Room, one: &str, other: &str) -> Value {
    let comparison = room.otto_with(&["compare", one, other, "--json"]).json();
    fits("otto.compare/1", &comparison);
    comparison
}

fn task<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    comparison["tasks"].as_array().unwrap().iter().find(|task| task["name"] == name).unwrap()
}

#[test]
fn what_differs_is_told_and_shown_and_is_no_failure() {
    let (room, shop) = Room::shop();
    let (bad, good) = (shop.web(20), shop.web(10));
    let text = room.otto_with(&["compare", &bad, &good]).done();
    let heading =
        format!("A: {bad}\n   2025-05-26 14:06:40, 20 days ago\nB: {good}\n   2025-06-05 14:06:40, 10 days ago\n");
    assert!(text.starts_with(&heading), "{text}");
    for line in [
        "Status          failed      success  differs",
        "Duration          2.0s         2.0s",
        "Failed               1            0",
        "build: script, inputs, outputs same",
        "test: script, outputs changed; inputs same",
        "    output.test.json: only in B",
        "Script of test (A -, B +):",
        "@@ -1,2 +1,2 @@",
        " #!/usr/bin/env bash",
        "-echo 'tested 20 days ago'",
        "+echo 'tested 10 days ago'",
    ] {
        assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
    }
    let comparison = compared(&room, &bad, &good);
    assert_eq!((&comparison["left"]["id"], &comparison["right"]["id"]), (&json!(bad), &json!(good)));
    assert_eq!(task(&comparison, "build")["script"], json!({"changed": false, "diff": null, "hidden": null}));
    let test = task(&comparison, "test");
    assert_eq!((&test["left"]["status"], &test["right"]["status"]), (&json!("failed"), &json!("success")));
    let diff = " #!/usr/bin/env bash\n-echo 'tested 20 days ago'\n+echo 'tested 10 days ago'\n";
    assert_eq!(test["script"]["diff"], format!("@@ -1,2 +1,2 @@\n{diff}"));
    let differences = json!([
        {"name": "output.test.env", "change": "only-right"},
        {"name": "output.test.json", "change": "only-right"},
    ]);
    assert_eq!((&test["outputs"]["changed"], &test["outputs"]["differences"]), (&json!(true), &differences));
}

#[test]
fn runs_of_different_projects_and_one_run_twice_are_compared_and_that_is_said() {
    let (room, shop) = Room::shop();
    let text = room.otto("compare latest latest-1").done();
    assert!(
        text.contains("\nThey are of different projects; the last two of one:\n   PROJECT:latest-1 PROJECT:latest\n"),
        "{text}"
    );
    assert!(text.contains(&shop.web) && text.contains(&shop.api), "{text}");
    assert!(room.otto("compare latest latest").done().contains("\nThey are the same run.\n"));
    assert!(!room.otto("compare web:latest-1 web:latest").done().contains("They are"));
    room.otto("compare web:latest-1 web:latest --fields name,right.status,colour")
        .refused(2, &["a task of two runs has no field `colour`", "the fields are: name, name_base64, left.status, "]);
    let chosen =
        room.otto("compare web:latest-2 web:latest --format tsv --fields name,left.status,right.status").done();
    assert_eq!(chosen, "name\tleft.status\tright.status\nbuild\tsuccess\tsuccess\ntest\tfailed\tsuccess\n");
}

#[test]
fn a_run_is_the_same_as_itself() {
    let room = Room::mixed(30);
    for id in room.listed() {
        let comparison = compared(&room, &id, &id);
        for task in comparison["tasks"].as_array().unwrap() {
            assert_ne!(task["script"]["changed"], true, "{id}: {task:#}");
            assert_ne!(task["inputs"]["changed"], true, "{id}: {task:#}");
            assert_ne!(task["outputs"]["changed"], true, "{id}: {task:#}");
        }
    }
}

#[test]
fn a_run_that_is_removed_is_compared_by_what_is_known_of_it() {
    let (room, shop) = Room::shop();
    room.otto("clean --keep 30 --yes").code(0);
    let comparison = compared(&room, &shop.web(50), &shop.web(10));
    assert_eq!((&comparison["left"]["state"], &comparison["left"]["path"]), (&json!("removed"), &Value::Null));
    assert_eq!(task(&comparison, "build")["script"]["changed"], false, "both name the same entry");
    let test = task(&comparison, "test");
    assert_eq!(test["script"], json!({"changed": null, "diff": null, "hidden": "a script is not there any more"}));
    assert!(test["inputs"]["changed"].is_null() && test["outputs"]["changed"].is_null(), "{test:#}");
    let text = room.otto_with(&["compare", &shop.web(50), &shop.web(10)]).done();
    assert!(text.contains(", removed\n") && text.contains("test: script, inputs, outputs not known\n"), "{text}");
}

#[test]
fn tasks_that_only_one_has_and_values_in_another_order_are_told() {
    let room = Room::empty();
    let mut builder = room.builder();
    let of = |days, last: &str| {
        let dep = TaskSpec::ok("build").output("a", "1").output("b", "2");
        RunSpec::new(Era::J, "/home/dev/web", began(days)).task(dep).task(TaskSpec::ok(last).after("build"))
    };
    let one = builder.run(of(2, "lint")).unwrap();
    let other = builder.run(of(1, "test")).unwrap();
    fs::write(other.join("tasks/build/output.build.json"), r#"{ "b" : "2", "a" : "1" }"#).unwrap();
    let comparison = compared(&room, "latest-1", "latest");
    assert_eq!(task(&comparison, "build")["outputs"]["changed"], false, "{comparison:#}");
    assert!(task(&comparison, "lint")["right"].is_null() && task(&comparison, "test")["left"].is_null());
    fs::write(other.join("tasks/build/output.build.json"), r#"{"a": "1", "b": "3"}"#).unwrap();
    let text = room.otto("compare latest-1 latest").done();
    for words in ["lint: only in A\n", "test: only in B\n", "    output.build.json: differs\n"] {
        assert!(text.contains(words), "no `{words}` in\n{text}");
    }
    assert!(one.exists());
}

#[test]
fn no_link_is_followed_and_no_pipe_opened() {
    let (room, shop) = Room::shop();
    let secret = room.path("secret");
    fs::write(&secret, "secret words\n").unwrap();
    let (one, other) = (room.store.join(shop.web(20)), room.store.join(shop.web(10)));
    for (run, to) in [(&one, secret.as_path()), (&other, Path::new("../../../../../../work/secret"))] {
        let task = run.join("tasks/test");
        for name in ["script.sh", "output.test.json"] {
            let _ = fs::remove_file(task.join(name));
            std::os::unix::fs::symlink(to, task.join(name)).unwrap();
        }
        let fifo = rustix::fs::FileType::Fifo;
        let pipe = task.join("input.pipe.json");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    }
    room.otto("index --full").code(0);
    let ran = room.otto_with(&["compare", &shop.web(20), &shop.web(10), "--json"]).code(0);
    assert!(!ran.stdout.contains("secret words"), "{}", ran.stdout);
    let comparison: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(task(&comparison, "test")["script"]["changed"].is_null(), "{comparison:#}");
}

#[test]
fn scripts_that_are_no_text_or_hold_control_characters_do_no_harm() {
    let room = Room::empty();
    let mut builder = room.builder();
    for (days, own) in [(4, "a\0b\n"), (3, "a\0c\n"), (2, "echo one\n"), (1, "echo \u{1b}]0;owned\u{7}\u{1b}[2J\n")] {
        let task = TaskSpec::ok("build").script(own);
        builder.run(RunSpec::new(Era::J, "/home/dev/web", began(days)).task(task)).unwrap();
    }
    let binary = compared(&room, "latest-3", "latest-2");
    assert_eq!(
        task(&binary, "build")["script"],
        json!({"changed": true, "diff": null, "hidden": "a script is no text"})
    );
    room.otto("compare latest-3 latest-2").code(0).says(&["script changed", "a script is no text"]);
    let text = room.otto("compare latest-1 latest").done();
    assert!(text.contains("+echo \\u{1b}]0;owned\\u{7}\\u{1b}[2J\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_means_no_run_is_refused() {
    let (room, _) = Room::shop();
    room.otto("compare latest").refused(2, &["two runs are compared"]);
    room.otto("compare latest latest-99").refused(2, &["latest-99"]);
    room.otto("compare latest nothing --json").refused(2, &["otto.error/1", "nothing"]);
}

#[test]
fn a_comparison_fits_sixty_columns() {
    let room = Room::mixed(40).with("COLUMNS", "60");
    let runs = room.listed();
    for pair in runs.windows(2) {
        let text = room.otto_with(&["compare", &pair[0], &pair[1]]).code(0).stdout;
        for line in text.lines().take_while(|line| !line.starts_with("Script of")).filter(|line| !line.contains('/')) {
            assert!(line.chars().count() <= 60, "{line}");
        }
    }
}
