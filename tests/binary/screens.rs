//! Every command as a person types it, where all is well.

use super::*;

/// The lines of a table below its rule, each as its words.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("PROJECT"), "{text}");
    assert!(lines.next().unwrap().starts_with('─'), "{text}");
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn list_shows_every_run_the_newest_first() {
    let (room, _) = Room::shop();
    let text = room.otto("list").done();
    let header: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["PROJECT", "TIMESTAMP", "TASKS", "STATUS", "SIZE"]);
    let rows = rows(&text);
    assert_eq!(rows.len(), 9, "{text}");
    // 1_750_000_000 is 2025-06-15 15:06:40 UTC.
    assert_eq!(rows[0][..5], ["web", "2025-06-14", "14:06:40", "2", "success"], "{text}");
    assert_eq!(rows[3][..7], ["web", "2025-05-26", "14:06:40", "2", "(1", "failed)", "failed"], "{text}");
    let dates: Vec<_> = rows.iter().map(|row| row[1].clone()).collect();
    let mut newest_first = dates.clone();
    newest_first.sort_by(|a, b| b.cmp(a));
    assert_eq!(dates, newest_first);
}

#[test]
fn list_shows_only_what_was_asked_for() {
    let (room, shop) = Room::shop();
    let listed = |line: &str| sorted_ids(&room.otto(&format!("list --json {line}")).json());
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(listed("--limit 2"), sorted(vec![shop.web(1), shop.api(5)]));
    assert_eq!(listed("--limit 0"), Vec::<String>::new());
    assert_eq!(listed("--status failed"), sorted(vec![shop.web(50), shop.web(20), shop.api(35)]));
    assert_eq!(listed("--older-than 45"), sorted(vec![shop.web(70), shop.web(50), shop.api(90)]));
    assert_eq!(listed("--newer-than 1w"), sorted(vec![shop.web(1), shop.api(5)]));
    assert_eq!(listed("--newer-than 2025-06-10"), sorted(vec![shop.web(1), shop.api(5)]));
    assert_eq!(listed("--older-than 2025-06-10T14:06:40Z --newer-than 15d"), [shop.web(10)]);
    assert_eq!(listed("--project api --limit 1"), [shop.api(5)]);
    assert_eq!(listed("--task test").len(), 9);
    assert_eq!(listed("--task tes"), Vec::<String>::new());
    let none = room.otto("list --status interrupted").code(0);
    assert_eq!(none.stderr, "no runs\n");
}

#[test]
fn info_finds_a_run_by_every_selector() {
    let (room, shop) = Room::shop();
    let found = |word: &str| {
        let info = room.otto_with(&["info", word, "--json"]).json();
        info["run"]["id"].as_str().unwrap().to_owned()
    };
    let web = shop.web(40);
    let second = began(40).to_string();
    assert_eq!(found(&web), web);
    assert_eq!(found(&second), web);
    assert_eq!(found(&format!("web/{second}")), web);
    assert_eq!(found(&format!("{}/{}", shop.web, &second[..8])), web);
    assert_eq!(found(&second[..7]), web, "a beginning that no other timestamp has");
    // What the tables show: a time to the second, or to the minute, with the project or without.
    let shown = |args: &str| {
        let list = room.otto(args).done();
        let row = list.lines().find(|line| line.contains(&second)).unwrap().to_owned();
        row.split_once(&format!("{second}  ")).unwrap().1[..19].to_owned()
    };
    for args in ["list -v", "history -v"] {
        let time = shown(args);
        assert_eq!(found(&time), web, "{time}");
        assert_eq!(found(&format!("web/{}", &time[..16])), web);
        assert_eq!(found(&format!("web/{}", time.replace(' ', "T"))), web);
        room.otto_with(&["info", &format!("api/{time}")]).code(2);
    }
    assert_eq!(found("latest"), shop.web(1));
    assert_eq!(found("latest-1"), shop.api(5));
    assert_eq!(found("api:latest"), shop.api(5));
    assert_eq!(found(&format!("{}:latest-2", shop.api)), shop.api(90));
}

#[test]
fn info_shows_the_status_with_its_evidence_and_paths_that_are_there() {
    let (room, shop) = Room::shop();
    let id = shop.web(20);
    let text = room.otto_with(&["info", &id]).done();
    for word in [&id, "failed", "test", "build", "stdout.log", "stderr.log", "says otto.db"] {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    let paths: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with('/')).collect();
    let logs = paths.iter().filter(|path| path.contains("/tasks/")).count();
    assert_eq!(logs, 6, "two logs and a script for each of two tasks:\n{text}");
    for path in paths.iter().filter(|path| path.contains("/tasks/")) {
        assert!(Path::new(path).exists(), "{path} in\n{text}");
    }
}

#[test]
fn usage_shows_projects_cache_and_what_would_free_room() {
    let (room, shop) = Room::shop();
    let ran = room.otto("usage").code(0).says(&["Otto Disk Usage", "By Project", "Cache Usage", "Largest Runs"]);
    let ran = ran.says(&["otto clean --keep 30", "(5 runs)", "otto clean --cache-only", "orphaned", "Trash: 0 B"]);
    assert!(ran.stdout.contains(&shop.web) && ran.stdout.contains(&shop.api), "{ran:#?}");
    let one = room.otto_with(&["usage", "--project", &shop.api]).done();
    assert!(!one.contains(&shop.web) && one.contains("(2 runs)"), "{one}");
}

#[test]
fn index_counts_what_is_there_and_looks_again_when_told() {
    let (room, _) = Room::shop();
    let ran = room.otto("index").code(0).says(&["9 runs, 2 projects", "Walked 9 runs, 9 new, 0 gone", "Problems: 0"]);
    assert_eq!(ran.stderr, "");
    room.otto("index").code(0).says(&["9 runs, 2 projects", "0 new, 0 gone"]);
    room.otto("index --full").code(0).says(&["Walked 9 runs, 0 new, 0 gone"]);
    let before = room.otto("list --json").done();
    room.otto("index --rebuild").code(0).says(&["9 runs, 2 projects"]);
    assert_eq!(room.otto("list --json").done(), before);
}

#[test]
fn demo_writes_a_practice_store_and_shows_the_commands_on_it() {
    let room = Room::empty();
    let ran = room.otto("demo practice --runs 30 --seed 5").code(0);
    assert_eq!(ran.stderr, "");
    let ran = ran.says(&["list --limit 10", "usage", "clean --keep 30 --cache --dry-run", "Nothing was changed"]);
    assert!(ran.stdout.starts_with("Wrote a practice store to practice: 30 runs"), "{ran:#?}");
    assert_eq!(runs_below(&room.path("practice")).len(), 30);
    assert!(!room.store.exists(), "the user's own store was made");
    let words = ["practice", "not empty", "hint: name a directory that is missing or empty"];
    room.otto("demo practice --runs 30").refused(1, &words);
    room.otto("--home elsewhere demo").refused(2, &["--home does not say where", "otto demo elsewhere"]);
    assert!(!room.path("otto-demo").exists() && !room.path("elsewhere").exists());
    assert_eq!(runs_below(&room.path("practice")).len(), 30);
}

#[test]
fn help_of_every_command_shows_examples_before_options() {
    let room = Room::empty();
    for command in ["", "index", "list", "info", "usage", "clean", "demo", "help", "completions", "man"] {
        let line = format!("{command} --help");
        let help = room.otto(&line).done();
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("no {text} in `otto {line}`:\n{help}"));
        assert!(at("Examples:") < at("Usage:") && at("Usage:") < at("ptions:\n"), "otto {line}:\n{help}");
        let example = help.lines().skip_while(|text| !text.starts_with("Examples:")).nth(1).unwrap().trim_start();
        assert!(example.starts_with(&format!("otto {command}")), "otto {line}: {example}");
        assert_eq!(room.otto(&format!("help {command}")).done(), help, "otto help {command}");
    }
    let version = room.otto("--version").done();
    assert_eq!(version, format!("otto {}\n", env!("CARGO_PKG_VERSION")));
    assert!(!room.store.exists(), "help made a store");
}

#[test]
fn usage_draws_projects_and_months_as_bars_where_there_is_room() {
    let (room, _) = Room::shop();
    let months = room.otto("usage --json").json()["months"].as_array().unwrap().clone();
    let of = |month: &str| months.iter().find(|item| item["month"] == month).map(|item| item["runs"].as_u64().unwrap());
    assert_eq!(
        ["2025-03", "2025-04", "2025-05", "2025-06"].map(of),
        [Some(1), Some(2), Some(3), Some(3)],
        "{months:#?}"
    );
    let list = room.otto("list --json").json();
    let disk = |items: &[Value]| items.iter().map(|item| item["disk_bytes"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(disk(&months), disk(list.as_array().unwrap()));
    let wide = room.otto("usage").done();
    assert!(wide.contains("Runs by Month:\n  MONTH") && wide.contains("\u{2588}"), "{wide}");
    let bar = |text: &str, begin: &str, ink: char| -> usize {
        let line =
            text.lines().find(|line| line.trim_start().starts_with(begin)).unwrap_or_else(|| panic!("{begin}: {text}"));
        line.chars().filter(|c| *c == ink).count()
    };
    assert!(bar(&wide, "web ", '\u{2588}') > bar(&wide, "api ", '\u{2588}'));
    let ascii =
        Room { vars: vec![("LC_ALL".to_owned(), "C".to_owned()), ("COLUMNS".to_owned(), "60".to_owned())], ..room };
    let narrow = ascii.otto("usage").done();
    assert!(bar(&narrow, "2025-06", '#') > bar(&narrow, "2025-03", '#'), "{narrow}");
    let exact = ascii.otto("usage -v").done();
    assert!(exact.contains("2025-06-14 14:06"), "{exact}");
}
