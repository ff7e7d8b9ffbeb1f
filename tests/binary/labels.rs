//! What tables call projects, and that tables and sentences fit the terminal.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use unicode_width::UnicodeWidthStr as _;

/// The first column of a table's rows.
fn labels(text: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("PROJECT")).skip(2);
    let rows = rows.take_while(|line| line.contains("  ") && !line.trim_start().starts_with('('));
    rows.map(|row| row.trim_start().split("  ").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_table_calls_a_project_the_same_and_so_that_a_command_means_it_alone() {
    let room = Room::mixed(120);
    let items = room.otto("list --json").json();
    let of = |key: &str| -> Vec<String> {
        items.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let (projects, names, runs) = (of("project"), of("project_name"), of("run"));
    let shown = labels(&room.otto("list").done());
    assert_eq!(shown.len(), projects.len());
    let mut known: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for (label, project) in shown.iter().zip(&projects) {
        let (of, count) = known.entry(label.clone()).or_insert((project.clone(), 0));
        assert_eq!(of, project, "{label}");
        *count += 1;
    }
    let plain: BTreeSet<&String> = names.iter().collect();
    assert!(plain.len() < known.len(), "no two projects share a name");
    for (label, (project, count)) in &known {
        let meant = room.otto(&format!("list --json --project {label}")).json();
        let meant = meant.as_array().unwrap();
        assert!(meant.iter().all(|item| item["project"] == project.as_str()), "{label}");
        assert_eq!(meant.len(), *count, "{label}");
        let run = projects.iter().position(|of| of == project).map(|at| &runs[at]).unwrap();
        let info = room.otto(&format!("info --json {label}/{run}")).json();
        assert_eq!(info["run"]["project"], project.as_str(), "{label}/{run}");
    }
    let all: BTreeSet<String> = known.into_keys().collect();
    for line in
        ["list -v", "history", "history -v", "usage", "clean --keep 1 --dry-run -v", "retention --simulate --keep 9"]
    {
        let labels = labels(&room.otto(line).done());
        assert_eq!(BTreeSet::from_iter(labels), all, "{line}");
    }
}

#[test]
fn every_table_and_every_sentence_fits_from_sixty_columns_on() {
    let mut room = Room::mixed(120).with("LANG", "C.UTF-8");
    let past = room.otto("list -q --limit 9").done();
    let words: Vec<&str> = past.lines().skip(4).collect();
    room.otto(&format!("clean --trash --yes --run {}", words.join(" --run "))).done();
    for width in [60_usize, 61, 70, 76, 80, 84] {
        room = room.with("COLUMNS", &width.to_string());
        for line in [
            "list",
            "list -v",
            "history",
            "history -v",
            "history build",
            "history build -v",
            "usage",
            "usage -v",
            "stats",
            "clean --keep 200 --dry-run",
            "clean --keep 1 --dry-run -v",
            "clean --keep 30 --max-size 1M --dry-run",
            "clean --keep 30 --cache --explain --dry-run",
            "retention --simulate --keep 10",
            "trash list",
            "compare latest latest-1",
            "audit",
            "audit --summary",
            "check",
        ] {
            let text = room.otto(line).stdout;
            assert!(!text.is_empty(), "{line}");
            for line_of in text.lines() {
                // A path, an id or a command is never cut or broken.
                let is_one_word = line_of.split_whitespace().count() == 1 || line_of.contains("otto ");
                let is_path = line_of.contains(&*room.store.to_string_lossy());
                assert!(line_of.width() <= width || is_one_word || is_path, "{line} at {width}: {line_of}");
            }
        }
    }
}

#[test]
fn the_question_of_a_clean_is_broken_between_words() {
    let (room, shop) = Room::shop();
    let room = room.with("COLUMNS", "60");
    let ran = room.at_terminal("clean --keep 30", "n\n").code(4);
    let question: Vec<&str> = ran.stderr.lines().map(str::trim_end).collect();
    assert!(question.iter().all(|line| line.width() <= 60 || line.contains("otto clean")), "{question:#?}");
    let text = question.join(" ");
    assert!(text.contains("permanently and cannot be undone; with --trash it could. Delete them? [y/N]"), "{text}");
    assert_eq!(room.runs(), shop.all_but(&[]));
}
