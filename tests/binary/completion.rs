//! What a shell is told while a command line is typed: the engine by itself, then the scripts in the shells themselves,
//! where they are installed.

use super::keys::Terminal;
use super::*;
use std::os::unix::fs::MetadataExt as _;

impl Room {
    /// The candidates for the last of these words, without what they are.
    fn completed(&self, words: &[&str]) -> Vec<String> {
        let answer = self.otto_with(&[&["__complete", "--"], words].concat()).done();
        let mut lines = answer.lines();
        assert!(lines.next().unwrap().starts_with(':'), "{answer}");
        lines.map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    }

    /// A shell in which `otto` is the program, if it is installed.
    fn shell_called(&self, shell: &str, arguments: &[&str]) -> Option<Command> {
        let program = ["/usr/bin", "/bin", "/usr/local/bin"].map(|dir| Path::new(dir).join(shell));
        let program = program.into_iter().find(|path| path.exists())?;
        let mut command = self.seal(Command::new(program));
        command.env("PATH", format!("{}:/usr/bin:/bin", Path::new(binary()).parent().unwrap().display()));
        command.args(arguments);
        Some(command)
    }
}

#[test]
fn runs_projects_tasks_tags_and_operations_of_the_store_are_offered() {
    let (room, shop) = Room::shop();
    room.otto("tag latest +release +rc").code(0);
    room.otto("pin api:latest").code(0);
    assert_eq!(room.completed(&["info", "lat"]), ["latest"]);
    assert_eq!(room.completed(&["info", "api:"]), ["api:latest", "api:latest-1"]);
    assert_eq!(room.completed(&["info", "api"]), ["api:latest".to_owned(), shop.api(5), shop.api(35), shop.api(90)]);
    assert_eq!(room.completed(&["info", ""]).len(), 10, "the latest, and all nine by their ids");
    let second = began(90).to_string();
    assert_eq!(room.completed(&["info", &second[..5]]), [second.as_str()]);
    assert_eq!(room.completed(&["info", &format!("api/{}", &second[..4])]), [format!("api/{second}")]);
    assert_eq!(room.completed(&["compare", "latest", &shop.api]).len(), 3);
    assert_eq!(room.completed(&["clean", "--run", "latest", "api:"]), ["api:latest", "api:latest-1"]);
    assert_eq!(room.completed(&["unpin", ""]), [shop.api(5)], "only what is pinned");
    assert_eq!(room.completed(&["list", "--project", "a"]), ["api", &shop.api]);
    assert_eq!(room.completed(&["list", "--project=w"]), ["--project=web", &format!("--project={}", shop.web)]);
    assert_eq!(room.completed(&["History", "-p", "w"]), ["web", &shop.web]);
    assert_eq!(room.completed(&["Clean", "--project-filter", "w"]), ["web", &shop.web]);
    assert_eq!(room.completed(&["history", "t"]), ["test"]);
    assert_eq!(room.completed(&["logs", "latest", ""]), ["build", "test"]);
    assert_eq!(room.completed(&["list", "--tag", "r"]), ["rc", "release"]);
    assert_eq!(room.completed(&["tag", "latest", "+r"]), ["+rc", "+release"]);
    assert_eq!(room.completed(&["tag", "latest", "-r"]), ["-rc", "-release"]);
    assert_eq!(room.completed(&["clean", "--entry", "api"]), [format!("{}/", shop.api)]);
    assert!(room.completed(&["clean", "--entry", "api/"]).iter().all(|name| name.starts_with("api/")));
    room.otto("clean --keep 30 --trash --yes").code(0);
    assert_eq!(room.completed(&["trash", "restore", "api"]), [shop.api(35), shop.api(90)]);
    let operations = room.completed(&["undo", ""]);
    assert_eq!(operations.len(), 1, "{operations:?}");
    let other = Room::empty();
    let home = room.store.to_str().unwrap();
    assert_eq!(other.completed(&["--home", home, "info", "api:"]), ["api:latest"], "the store that the line names");
}

#[test]
fn completing_takes_no_lock_and_writes_nothing() {
    let (room, _) = Room::shop();
    room.otto("list").done();
    let ours = room.store.join(".catalog");
    let lock = fs::File::open(ours.join("lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let seen = || {
        let file = |name: &str| {
            let meta = fs::metadata(ours.join(name)).unwrap();
            (fs::read(ours.join(name)).unwrap(), meta.ino(), meta.mtime(), meta.mtime_nsec())
        };
        (crate::support::names_in(&ours), ["catalog.db", "catalog.db-wal", "lock"].map(file))
    };
    let (before, tree) = (seen(), room.snapshot());
    // A run that the catalog does not know yet is not looked for.
    let begun = std::time::Instant::now();
    for words in [&["info", ""][..], &["list", "--project", ""], &["logs", "latest", ""], &["list", "--tag", ""]] {
        room.completed(words);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "somebody waited for the lock");
    assert_eq!(seen(), before);
    tree.assert_same(&room.snapshot(), "completions");
}

#[test]
fn completing_says_nothing_where_there_is_nothing_to_say() {
    let silent = |room: &Room, words: &[&str]| {
        assert_eq!(room.completed(words), [""; 0], "{words:?}");
    };
    let room = Room::empty();
    for words in [&["info", ""][..], &["--home", "/nonexistent", "info", ""], &["nonsense", ""], &["logs", "x", ""]] {
        silent(&room, words);
    }
    assert!(!room.store.exists(), "a store was made");
    assert_eq!(room.completed(&["inf"]), ["info"], "commands need no store");
    room.otto_with(&["__complete"]).done();
    room.otto_with(&["__complete", "--"]).done();
    let (room, _) = Room::shop();
    silent(&room, &["info", ""]);
    assert!(!room.store.join(".catalog").exists(), "a catalog was made");
    room.otto("list").done();
    let catalog = room.store.join(".catalog/catalog.db");
    for name in ["catalog.db-wal", "catalog.db-shm"] {
        let _ = fs::remove_file(room.store.join(".catalog").join(name));
    }
    fs::write(&catalog, vec![7_u8; 40_000]).unwrap();
    silent(&room, &["info", "api"]);
    fs::write(&catalog, "").unwrap();
    silent(&room, &["info", "api"]);
    assert_eq!(fs::read(&catalog).unwrap(), b"");
    let room = room.with("OTTO_NOW", "nonsense").with("OTTO_RUNNER", "/nonexistent");
    silent(&room, &["info", "api"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let closed = room.command(&["__complete", "--", "l"]).stdout(writer).output().unwrap();
    assert_eq!((closed.status.code(), closed.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_name_with_blanks_or_control_characters_breaks_no_line() {
    let room = Room::empty();
    let mut builder = room.builder();
    builder.run(run("/home/dev/my app", 2, false)).unwrap();
    builder.run(run("/home/dev/new\nline", 1, false)).unwrap();
    room.otto("list").code(0);
    assert_eq!(room.completed(&["list", "--project", "my"])[0], "my app");
    assert_eq!(room.completed(&["list", "--project", r"my\ a"])[0], "my app", "as the shell hands it out");
    assert_eq!(room.completed(&["list", "--project", "new"]), [""; 0]);
    assert_eq!(room.completed(&["list", "--project", "line"]), [""; 0], "half a name");
}

/// Asks the script for bash, with the words as bash splits them.
fn in_bash(room: &Room, script: &str) -> Option<String> {
    let head = "source <(otto completions bash)
        typed() { COMP_LINE=$1 COMP_POINT=${#1}; shift; COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _otto otto \"${COMP_WORDS[-1]}\"; printf '%s|' \"${COMPREPLY[@]}\"; echo; }\n";
    let command = room.shell_called("bash", &["--norc", "-c", &format!("{head}{script}")])?;
    Some(Ran::of(command).done())
}

#[test]
fn bash_completes_words_that_it_splits_itself() {
    let (room, _) = Room::shop();
    room.builder().run(run("/home/dev/my app", 2, false)).unwrap();
    room.otto("list").code(0);
    fs::create_dir(room.path("folder")).unwrap();
    let Some(text) = in_bash(
        &room,
        r#"typed "otto cle" otto cle
           typed "otto info lat" otto info lat
           typed "otto info api:lat" otto info api : lat
           typed "otto info api:" otto info api :
           typed "otto list --status=f" otto list --status = f
           typed "otto list --status " otto list --status ""
           typed "otto list --project my" otto list --project my
           typed "otto list --project my\\ a" otto list --project "my\\ a"
           typed "otto --home fol" otto --home fol
           typed "  otto   info   lat" otto info lat
           COMP_WORDBREAKS=" "
           typed "otto info api:lat" otto info api:lat"#,
    ) else {
        return;
    };
    let web = Era::J.project_dir("/home/dev/my app").replace(' ', "\\ ");
    let expected = [
        "clean|",
        "latest|",
        "latest|latest-1|",
        "latest|latest-1|",
        "failed|",
        "success|failed|running|interrupted|unknown|",
        &format!("my\\ app|{web}|"),
        &format!("my\\ app|{web}|"),
        "folder|",
        "latest|",
        "api:latest|api:latest-1|",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn bash_completes_what_somebody_types_at_a_terminal() {
    let (room, shop) = Room::shop();
    room.otto("list").done();
    let Some(bash) = room.shell_called("bash", &["--norc", "-i"]) else { return };
    let mut terminal = Terminal::of(bash);
    terminal.type_keys("source <(otto completions bash); echo ready >&2\n");
    terminal.wait_for("ready\n");
    terminal.type_keys("otto inf\tapi:la\t --js\t | grep -m1 '\"id\"'; echo once >&2\n");
    terminal.wait_for("once\n");
    terminal.type_keys("otto list --stat\tfai\t --project ap\t --js\texit\n");
    terminal.type_keys("\u{15}exit\n");
    let ran = terminal.end();
    assert!(ran.stdout.contains(&shop.api(5)), "{ran:#?}");
}

#[test]
fn fish_shows_candidates_with_what_they_are() {
    let (room, _) = Room::shop();
    room.otto("list").done();
    let script = "otto completions fish | source; complete -C 'otto info api:'; complete -C 'otto list --status=f'
        complete -C 'otto trash re'; complete -C 'otto --home fol'";
    fs::create_dir(room.path("folder")).unwrap();
    let Some(fish) = room.shell_called("fish", &["--no-config", "-c", script]) else { return };
    let text = Ran::of(fish).code(0).stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "api:latest\tsuccess, 5 days ago", "{text}");
    assert_eq!((lines[2], lines[4].split('\t').next()), ("--status=failed", Some("folder/")), "{text}");
    assert!(lines[3].starts_with("restore\tBring runs back"), "{text}");
}

#[test]
fn zsh_completes_what_somebody_types() {
    let (room, _) = Room::shop();
    room.otto("list").done();
    // What the line has become is shown by a widget of our own: a terminal shows it in pieces.
    let script = r#"
        zmodload zsh/zpty || exit 9
        zpty shell 'TERM=dumb zsh -f -i'
        zpty -w shell "PS1= PS2=; autoload -U compinit; compinit -u -D; source <(otto completions zsh)"
        zpty -w shell "show() { print -r -- \"<\$BUFFER>\"; BUFFER= }; zle -N show; bindkey '^G' show; print re''ady"
        zpty -r shell out '*ready*'
        for line in 'otto cle' 'otto info api:late' 'otto list --status=fai' 'otto list --project ap'; do
            zpty -w -n shell "$line"$'\t\a'
            zpty -r shell out $'*<*>*'
            print -r -- "${${out#*<}%%>*}"
        done
        zpty -d shell
    "#;
    let Some(zsh) = room.shell_called("zsh", &["-f", "-c", script]) else { return };
    let ran = Ran::of(zsh);
    if ran.code == 9 {
        return;
    }
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        ["otto clean", "otto info api:latest", "otto list --status=failed", "otto list --project api"],
        "{ran:#?}"
    );
}

#[test]
fn powershell_is_told_what_the_others_are() {
    let (room, _) = Room::shop();
    room.otto("list").done();
    let script = room.otto("completions powershell").done();
    assert!(script.contains("Register-ArgumentCompleter -Native -CommandName otto"), "{script}");
    let shown = "(TabExpansion2 'otto trash re' 13).CompletionMatches.CompletionText
        (TabExpansion2 'otto info api:' 14).CompletionMatches.CompletionText";
    let line = format!("{script}\n{shown}");
    let Some(mut pwsh) = room.shell_called("pwsh", &["-NoProfile", "-NonInteractive", "-Command", &line]) else {
        return;
    };
    pwsh.env("DOTNET_CLI_TELEMETRY_OPTOUT", "1").env("POWERSHELL_TELEMETRY_OPTOUT", "1");
    assert_eq!(Ran::of(pwsh).code(0).stdout.lines().collect::<Vec<_>>(), ["restore", "api:latest", "api:latest-1"]);
}

#[test]
fn scripts_are_printed_for_each_shell_and_no_other() {
    let room = Room::empty();
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef otto"), ("fish", "complete -c otto")] {
        assert!(room.otto(&format!("completions {shell}")).done().contains(word), "{shell}");
    }
    room.otto("completions tcsh").refused(2, &["tcsh", "bash", "fish"]);
    room.otto("completions").refused(2, &["SHELL"]);
}
