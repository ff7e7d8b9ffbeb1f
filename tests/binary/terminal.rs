//! Pipes, closed ends, colours: what is not a terminal gets plain text, and nobody hangs or complains.

use super::*;

const COMMANDS: [&str; 18] = [
    "history",
    "history --json",
    "stats",
    "stats --json",
    "compare latest-1 latest",
    "compare latest-1 latest --json",
    "logs latest --tail 3",
    "logs --grep . --limit 20 --json",
    "list",
    "list --json",
    "info latest",
    "info latest --json",
    "usage",
    "usage --json",
    "index",
    "index --full --json",
    "clean --keep 30 --cache --dry-run",
    "clean --keep 30 --json --dry-run",
];

#[test]
fn a_reader_that_has_seen_enough_hears_no_complaint() {
    let room = Room::mixed(60);
    let ran = room.shell("otto list | head -1").code(0);
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:#?}");
    assert!(ran.stdout.starts_with("PROJECT"), "{ran:#?}");
    assert_eq!(ran.stderr, "");
    for line in COMMANDS.iter().chain(&["--help", "clean --help", "--version"]) {
        // Nobody reads at all: every write fails.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let words: Vec<_> = line.split(' ').collect();
        let output = room.command(&words).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let ran = Ran::new(&output);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}: {ran:#?}");
    }
    for line in ["lst", "list --project nobody", "clean --keep 0"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let words: Vec<_> = line.split(' ').collect();
        let output = room.command(&words).stdout(Stdio::null()).stderr(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}, with nobody to complain to");
    }
}

#[test]
fn a_full_disk_below_the_answer_is_said() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let room = Room::mixed(20);
    let ran = room.shell("otto list >/dev/full").code(1);
    assert!(ran.stderr.starts_with("error: cannot write the answer"), "{ran:#?}");
}

#[test]
fn every_command_ends_by_itself_with_its_input_closed() {
    let (room, _) = Room::shop();
    for line in COMMANDS {
        let ran = room.shell(&format!("otto {line} <&-")).code(0);
        assert_eq!(ran.stderr, "", "{line}");
        assert_ne!(ran.stdout, "", "{line}");
    }
    room.shell("otto clean --keep 60 <&-").code(4).complains(&["--yes"]);
    room.shell("otto clean --keep 60 --yes <&- >&-");
    room.shell("otto list <&- 2>&-").code(0).says(&["PROJECT"]);
    room.shell("otto clean --keep 60 --yes <&-").code(0);
    room.shell("otto demo practice --runs 10 <&-").code(0);
}

#[test]
fn no_escape_code_goes_into_a_pipe() {
    let room = Room::mixed(40);
    let lines = COMMANDS.iter().copied().chain(["list --color auto", "list --color never", "lst", "clean --help"]);
    for line in lines.chain(["list --project nobody", "clean --keep 30"]) {
        for room_vars in [None, Some(("TERM", "xterm-256color")), Some(("NO_COLOR", "1"))] {
            let mut command = room.command(&line.split(' ').collect::<Vec<_>>());
            command.envs(room_vars);
            let ran = Ran::of(command);
            assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{line}: {ran:#?}");
        }
    }
    assert!(room.otto("list --color always").done().contains('\x1b'), "colour, when it is asked for");
    let plain = room.otto("list").done();
    let coloured = room.otto("list --color always").done();
    assert_eq!(strip(&coloured), plain, "colour says nothing that the words do not");
}

/// The text without its escape codes.
fn strip(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').unwrap().1)
}

#[test]
fn columns_do_not_cut_what_goes_into_a_pipe() {
    let room = Room::empty();
    let cwd = format!("/home/dev/{}", "a-very-long-name-".repeat(9));
    room.builder().run(run(&cwd, 2, false)).unwrap();
    let name = "a-very-long-name-".repeat(9);
    let text = room.otto("list").done();
    assert!(text.contains(name.trim_end_matches('-')), "{text}");
}

#[test]
fn a_name_with_escape_codes_and_newlines_is_shown_harmless() {
    let room = Room::empty();
    room.builder().run(run("/home/dev/\x1b[31mred\nline", 40, false)).unwrap();
    for line in ["list", "info latest", "usage", "clean --keep 30 --dry-run -v", "clean --keep 30 --yes"] {
        let ran = room.otto(line).code(0);
        assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'), "{line}: {ran:#?}");
        assert!(ran.stdout.contains("red"), "{line}: {ran:#?}");
    }
    assert_eq!(room.runs(), Vec::<String>::new());
}
