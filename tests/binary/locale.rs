//! Where the locale has no more than ASCII, neither has the answer; and every table fits a narrow terminal.

use super::*;

const TABLES: [&str; 14] = [
    "list",
    "list -v",
    "list --fields id,status,started_at,disk_bytes,args",
    "info latest",
    "history",
    "history test",
    "stats",
    "compare latest-1 latest",
    "usage",
    "usage -v",
    "clean --keep 30 --cache --dry-run -v",
    "audit",
    "trash list",
    "why latest --tree",
];

/// A store with long names and some history.
fn room() -> Room {
    let (room, _) = Room::shop();
    let cwd = format!("/home/dev/{}", "a-very-long-name-".repeat(6));
    room.builder().run(run(&cwd, 6, false)).unwrap();
    room.otto("clean --keep 60 --trash --yes").code(0);
    room
}

#[test]
fn nothing_but_ascii_is_printed_where_the_locale_has_no_more() {
    for (name, value) in [("LANG", "C"), ("LC_ALL", "POSIX"), ("LC_CTYPE", "de_DE.ISO-8859-1")] {
        let room = room().with(name, value).with("COLUMNS", "60");
        for line in TABLES {
            let text = room.otto(line).done();
            assert!(text.is_ascii(), "{name}={value} otto {line}:\n{text}");
        }
    }
    let room = room().with("LC_ALL", "en_GB.utf8").with("LANG", "C").with("COLUMNS", "60");
    assert!(!room.otto("list").done().is_ascii() && !room.otto("usage").done().is_ascii());
}

#[test]
fn every_table_fits_sixty_columns() {
    let room = room().with("COLUMNS", "60");
    let mut wide = Vec::new();
    for line in TABLES {
        let text = room.otto(line).done();
        // A path or a command is there to be copied, and is never cut.
        let cut = |line: &&str| !line.contains('/') && !line.contains("otto ");
        let rows = text.lines().filter(cut).filter(|row| row.chars().count() > 60);
        wide.extend(rows.map(|row| format!("otto {line}: {row}")));
    }
    assert!(wide.is_empty(), "{wide:#?}");
}
