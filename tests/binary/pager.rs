//! Answers that are longer than the screen go through a pager, and nothing else does.

use super::*;

/// Marks each line that went through it.
const MARK: &str = "sed 's/^/[paged] /'";

#[test]
fn an_answer_that_is_longer_than_the_screen_goes_through_the_pager() {
    let room = Room::mixed(60).with("OTTO_PAGER", MARK);
    for line in ["list", "list --json", "list --format csv --fields id", "history", "clean --keep 1 --dry-run -v"] {
        let (shown, code) = Room::screen_of(room.command(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!(code, 0, "{line}");
        assert!(shown.lines().count() > 24 && shown.lines().all(|row| row.starts_with("[paged] ")), "{line}:\n{shown}");
    }
    let all = Room::screen_of(room.command(&["list", "--color", "never"])).0;
    let plain = room.otto("list").done();
    assert_eq!(all.replace("[paged] ", "").lines().count(), plain.lines().count(), "nothing is lost on the way");
    for line in ["list --limit 5", "--help", "list --no-pager", "pin latest", "index"] {
        let (shown, _) = Room::screen_of(room.command(&line.split(' ').collect::<Vec<_>>()));
        assert!(!shown.is_empty() && !shown.contains("[paged]"), "{line}:\n{shown}");
    }
    assert!(!plain.contains("[paged]"), "a pipe is no terminal");
}

#[test]
fn the_pager_is_the_one_that_the_environment_names() {
    let room = Room::mixed(60);
    let shown = |ours: Option<&str>, general: Option<&str>, term: &str| {
        let mut command = room.command(&["list", "--color", "never"]);
        command.env_remove("OTTO_PAGER").envs(ours.map(|value| ("OTTO_PAGER", value)));
        command.envs(general.map(|value| ("PAGER", value)));
        let (mut shell, line) = (room.seal(Command::new("/bin/sh")), format!("TERM={term} exec \"$@\""));
        shell.args(["-c", &line, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.env_remove("OTTO_PAGER");
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))));
        Room::screen_of(shell).0
    };
    assert!(shown(Some(MARK), Some("sed 's/^/[general] /'"), "xterm").starts_with("[paged] PROJECT"));
    assert!(shown(None, Some("sed 's/^/[general] /'"), "xterm").starts_with("[general] PROJECT"));
    for (ours, general, term) in [
        (Some(""), Some(MARK), "xterm"),
        (Some("cat"), Some(MARK), "xterm"),
        (Some("/no/such/pager"), None, "xterm"),
        (Some("no-such-pager --flag"), None, "xterm"),
        (Some(MARK), None, "dumb"),
    ] {
        let text = shown(ours, general, term);
        assert!(text.starts_with("PROJECT") || text.starts_with("\u{1b}[1mPROJECT"), "{ours:?} {general:?}:\n{text}");
        assert_eq!(text.lines().count(), 62, "{ours:?} {general:?}");
    }
}

#[test]
fn a_pager_that_is_left_early_is_no_error_and_the_exit_code_is_ours() {
    let room = Room::mixed(300).with("OTTO_PAGER", "head -2; exit 7");
    for line in ["list --color never", "list --json", "history --color never", "list --format ndjson"] {
        let (shown, code) = Room::screen_of(room.command(&line.split(' ').collect::<Vec<_>>()));
        assert_eq!((shown.lines().count(), code), (2, 0), "{line}:\n{shown}");
    }
    // A store with more to say about it than a screen holds.
    let (room, shop) = Room::shop();
    room.otto("list").code(0);
    for days in [70, 50, 40, 20, 10, 1] {
        let script = own_script(&room, &shop.web, days);
        fs::write(script, "torn").unwrap();
        fs::remove_dir_all(room.store.join(shop.web(days)).join("tasks/build")).unwrap();
    }
    let expected = room.otto("check -v --no-refresh").code;
    let mut command = room.command(&["check", "-v", "--no-refresh"]);
    command.env("OTTO_PAGER", "head -1").env("LINES", "24");
    assert_eq!(Room::screen_of(command).1, expected);
}
