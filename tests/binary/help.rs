//! What explains the program: topics, man pages, and the nearest of what was meant.

use super::*;

#[test]
fn a_topic_is_read_like_the_help_of_a_command() {
    let room = Room::empty();
    for (topic, word) in [
        ("exit-codes", "confirmation is needed or was declined"),
        ("selectors", "web:latest"),
        ("config", "keep_failed_days"),
        ("output", "RFC 4180"),
        ("environment", "OTTO_RUNNER"),
    ] {
        let text = room.otto(&format!("help {topic}")).done();
        assert!(text.contains(word) && text.contains("\nExamples:\n"), "{text}");
    }
    assert_eq!(room.otto("help trash restore").done(), room.otto("trash restore --help").done());
    assert_eq!(room.otto("help").done(), room.otto("--help").done());
    assert_eq!(room.otto("help Clean").done(), room.otto("clean --help").done());
    let room = room.with("HOME", "").with("OTTO_NOW", "nonsense");
    room.otto("help selectors").done();
    room.otto("help exit-code").refused(2, &["there is no help on `exit-code`", "did you mean `exit-codes`?"]);
    room.otto("help trash restor").refused(2, &["`restor`", "`restore`"]);
    room.otto("help restore").refused(2, &["no help on `restore`", "did you mean `otto help undo`?"]);
    room.otto("help qqq").refused(2, &["there is no help on `qqq`", "`otto help` lists the commands", "selectors"]);
}

#[test]
fn a_wrong_command_names_the_nearest_one() {
    let room = Room::empty();
    for (line, said) in [
        ("lst", "did you mean `list`?"),
        ("claen --yes", "did you mean `clean`?"),
        ("Histroy", "did you mean `history`"),
        ("prune", "did you mean `otto clean`?"),
        ("du", "did you mean `otto usage`?"),
        ("trash restroe x", "did you mean `restore`?"),
        ("build", "a task of the runner needs OTTO_RUNNER"),
    ] {
        room.otto(line).refused(2, &["there is no command", said]);
        let json = room.otto(&format!("{line} --json")).code(2);
        let error: Value = serde_json::from_str(&json.stderr).unwrap();
        assert!(error["hint"].as_str().unwrap().contains(said), "{line}: {error}");
    }
}

#[test]
fn man_pages_are_printed_and_written() {
    let room = Room::empty();
    let page = room.otto("man").done();
    assert!(page.contains(".TH otto 1") && page.contains("otto\\-clean"), "{page}");
    assert!(room.otto("man trash restore").done().contains(".TH otto-trash-restore 1"));
    assert!(room.otto("man selectors").done().contains(".TH otto-selectors 7"));
    room.otto("man nonsense").refused(2, &["there is no page on `nonsense`"]);
    let ran = room.otto("man --output pages").code(0);
    let (ones, sevens) =
        (crate::support::names_in(&room.path("pages/man1")), crate::support::names_in(&room.path("pages/man7")));
    assert!(ones.contains(&"otto-clean.1".to_owned()) && ones.len() > 20, "{ones:?}");
    assert_eq!(
        sevens,
        ["otto-config.7", "otto-environment.7", "otto-exit-codes.7", "otto-output.7", "otto-selectors.7"]
    );
    assert_eq!(ran.stderr, format!("{} pages written below pages\n", ones.len() + sevens.len()));
    assert_eq!(fs::read_to_string(room.path("pages/man1/otto.1")).unwrap(), page);
    fs::write(room.path("file"), "").unwrap();
    room.otto("man --output file").refused(1, &["cannot write man pages to `file/man1`", "Not a directory"]);
}

#[test]
fn man_reads_every_page_without_a_warning() {
    let room = Room::empty();
    if !Path::new("/usr/bin/man").exists() {
        return;
    }
    room.otto("man --output pages").code(0);
    for folder in ["man1", "man7"] {
        for name in crate::support::names_in(&room.path("pages").join(folder)) {
            let mut man = room.seal(Command::new("/usr/bin/man"));
            man.args(["--warnings", "-l"]).arg(room.path("pages").join(folder).join(&name));
            man.env("MANPAGER", "cat").env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
            let ran = Ran::of(man).code(0);
            assert_eq!(ran.stderr, "", "{name}");
            assert!(ran.stdout.contains("DESCRIPTION") && ran.stdout.contains("SEE ALSO"), "{name}:\n{}", ran.stdout);
        }
    }
}

#[test]
fn the_readme_s_timer_and_service_are_sound() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("### A systemd timer").nth(1).unwrap().split("\n## ").next().unwrap();
    let units: Vec<&str> = section.split("```ini\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(units.len(), 2);
    let room = Room::empty();
    fs::create_dir_all(room.user_home().join(".cargo/bin")).unwrap();
    std::os::unix::fs::symlink(binary(), room.user_home().join(".cargo/bin/otto")).unwrap();
    fs::write(room.path("otto-clean.service"), units[0]).unwrap();
    fs::write(room.path("otto-clean.timer"), units[1]).unwrap();
    let line = units[0].lines().find_map(|line| line.strip_prefix("ExecStart=%h/.cargo/bin/otto ")).unwrap();
    let line = line.replace("%%", "%");
    room.otto(&line).code(0);
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return;
    }
    let mut verify = room.seal(Command::new("/usr/bin/systemd-analyze"));
    fs::create_dir(room.path("runtime")).unwrap();
    verify.args(["--user", "--man=no", "verify", "otto-clean.service", "otto-clean.timer"]);
    verify.env("XDG_RUNTIME_DIR", room.path("runtime"));
    let ran = Ran::of(verify);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:#?}");
}
